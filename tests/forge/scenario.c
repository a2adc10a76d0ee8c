/* SPDX-License-Identifier: MIT */
/* A scenario's lines: continuation, blocks, the words of a line, which directive reads them. */
#include "forge/scenario.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "forge/reader.h"

bool forge_is_wrong(const struct forge_scenario *s) { return s->why[0] != 0; }

/* Writes TEXT behind what WHY has, "line N" being the line of a file that the scenario includes. */
static void say(struct forge_scenario *s, const char *text) {
    size_t len = strlen(s->why);
    for (const char *mark; (mark = strstr(text, "line ")) != NULL;) {
        char *end;
        unsigned long number = strtoul(mark + 5, &end, 10);
        struct forge_origin at = forge_origin_of(&s->origins, (unsigned)number);
        bool plain = end == mark + 5 || s->origins.count < 2;
        int n = plain ? snprintf(s->why + len, FORGE_WHY_MAX - len, "%.*s", (int)(end - text), text)
                      : snprintf(s->why + len, FORGE_WHY_MAX - len, "%.*s%s:%u", (int)(mark - text),
                                 text, at.file, at.line);
        if (n < 0 || (size_t)n >= FORGE_WHY_MAX - len)
            return;
        len += (size_t)n;
        text = end;
    }
    snprintf(s->why + len, FORGE_WHY_MAX - len, "%s", text);
}

static bool wrong(struct forge_scenario *s, unsigned line, const char *before, const char *fmt,
                  va_list args) {
    char text[FORGE_WHY_MAX];
    if (s->why[0])
        return false;
    struct forge_origin at = forge_origin_of(&s->origins, line);
    int n = line ? snprintf(s->why, FORGE_WHY_MAX, "%s:%u: %s", at.file, at.line, before)
                 : snprintf(s->why, FORGE_WHY_MAX, "%s: %s", s->name, before);
    if (n > 0 && n < FORGE_WHY_MAX) {
        vsnprintf(text, sizeof text, fmt, args);
        say(s, text);
    }
    return false;
}

bool forge_wrong(struct forge_scenario *s, unsigned line, const char *fmt, ...) {
    va_list args;
    va_start(args, fmt);
    wrong(s, line, "", fmt, args);
    va_end(args);
    return false;
}

bool forge_reader_wrong(struct forge_reader *r, const char *fmt, ...) {
    va_list args;
    va_start(args, fmt);
    wrong(r->s, r->line, forge_pool_printf(&r->s->pool, "%s: ", r->directive), fmt, args);
    va_end(args);
    return false;
}

/* ---- words ---- */

const struct forge_word *forge_next(const struct forge_reader *r) {
    return r->at < r->words.count ? &r->words.item[r->at] : NULL;
}

bool forge_take_is(struct forge_reader *r, const char *word) {
    const struct forge_word *w = forge_next(r);
    if (!w || w->quoted || strcmp(w->text, word) != 0)
        return false;
    r->at++;
    return true;
}

bool forge_take_text(struct forge_reader *r, const char *what, const char **ret) {
    const struct forge_word *w = forge_next(r);
    if (!w)
        return forge_reader_wrong(r, "%s is missing", what);
    *ret = w->text;
    r->at++;
    return true;
}

bool forge_take_hex(struct forge_reader *r, const char *what, uint64_t *ret) {
    const char *text;
    if (!forge_take_text(r, what, &text))
        return false;
    return forge_number(text, ret) ||
           forge_reader_wrong(r, "%s: \"%s\" is no hexadecimal number", what, text);
}

bool forge_take_hex32(struct forge_reader *r, const char *what, uint32_t *ret) {
    uint64_t v;
    if (!forge_take_hex(r, what, &v))
        return false;
    if (v > UINT32_MAX)
        return forge_reader_wrong(r, "%s: %llx has more than 32 bits", what, (unsigned long long)v);
    *ret = (uint32_t)v;
    return true;
}

bool forge_take_decimal(struct forge_reader *r, const char *what, unsigned *ret) {
    const char *text;
    uint64_t v;
    if (!forge_take_text(r, what, &text))
        return false;
    if (!forge_decimal(text, &v) || v > UINT32_MAX)
        return forge_reader_wrong(r, "%s: \"%s\" is no decimal number", what, text);
    *ret = (unsigned)v;
    return true;
}

bool forge_take_expr(struct forge_reader *r, const char *what, struct forge_expr *ret) {
    return forge_take_text(r, what, &ret->text);
}

bool forge_take_symbol(struct forge_reader *r, const char **ret_module, const char **ret_name) {
    const char *text;
    if (!forge_take_text(r, "a symbol (module!name)", &text))
        return false;
    const char *mark = strchr(text, '!');
    if (!mark || mark == text || !mark[1])
        return forge_reader_wrong(r, "\"%s\" is no symbol: write module!name", text);
    *ret_module = forge_pool_text(&r->s->pool, text, (size_t)(mark - text));
    *ret_name = mark + 1;
    return true;
}

bool forge_take_assigns(struct forge_reader *r, struct forge_assigns *ret) {
    for (const struct forge_word *w; (w = forge_next(r)) != NULL; r->at++) {
        if (!w->key)
            return forge_reader_wrong(r, "\"%s\" is not understood here: write member=value",
                                      w->text);
        *FORGE_PUSH(&r->s->pool, ret) = (struct forge_assign){r->line, *w};
    }
    return true;
}

bool forge_take_rest(struct forge_reader *r, const char *what, const char **ret) {
    const char *text;
    if (!forge_take_text(r, what, &text))
        return false;
    for (const struct forge_word *w; (w = forge_next(r)) != NULL; r->at++)
        text = forge_pool_printf(&r->s->pool, "%s %s", text, w->text);
    *ret = text;
    return true;
}

bool forge_take_end(struct forge_reader *r) {
    const struct forge_word *w = forge_next(r);
    return !w || forge_reader_wrong(r, "\"%s\" is not understood here", w->text);
}

bool forge_once(struct forge_reader *r, unsigned *line) {
    if (*line)
        return forge_reader_wrong(r, "said already in line %u", *line);
    *line = r->line;
    return true;
}

/* ---- blocks ---- */

/* The line at TEXT: its length; *RET_NEXT is the next line, NULL when there is none. */
static size_t line_at(const char *text, const char **ret_next) {
    size_t len = strcspn(text, "\n");
    *ret_next = text[len] ? text + len + 1 : NULL;
    return len;
}

static bool is_end(const char *text, size_t len) {
    while (len && strchr(" \t\r", text[len - 1]))
        len--;
    while (len && strchr(" \t", *text))
        text++, len--;
    return len == 3 && memcmp(text, "end", 3) == 0;
}

bool forge_take_block(struct forge_reader *r, struct forge_listing_text *ret) {
    const char *begin = r->rest, *next;
    unsigned first = r->rest_line;
    for (const char *p = begin; p && *p; p = next) {
        size_t len = line_at(p, &next);
        r->rest_line++;
        if (is_end(p, len)) {
            ret->line = first;
            ret->text = forge_pool_text(&r->s->pool, begin, (size_t)(p - begin));
            r->rest = next;
            return true;
        }
    }
    r->rest = NULL;
    return forge_reader_wrong(r, "the block has no line \"end\"");
}

char *forge_listing_line(struct forge_pool *pool, const char **p) {
    const char *next;
    if (!*p || !**p)
        return NULL;
    size_t len = line_at(*p, &next);
    char *line = forge_pool_text(pool, *p, len);
    for (char *c = line; (c = strstr(c, "\xc2\xa0")) != NULL;)
        c[0] = c[1] = ' ';
    for (char *c = line; (c = strpbrk(c, "\r\t")) != NULL;)
        *c = ' ';
    *p = next;
    return line;
}

/* ---- lines ---- */

/* The logical line at r->rest: `\` at the end joins the next one. NULL at the end of the text. */
static const char *next_line(struct forge_reader *r, size_t *ret_len) {
    struct forge_pool *pool = &r->s->pool;
    const char *whole = "";
    if (!r->rest || !*r->rest)
        return NULL;
    r->line = r->rest_line;
    for (;;) {
        const char *next;
        size_t len = line_at(r->rest, &next);
        const char *here = forge_pool_text(pool, r->rest, len);
        while (len && strchr(" \t\r", here[len - 1]))
            len--;
        r->rest = next;
        r->rest_line++;
        bool joins = len >= 2 && here[len - 1] == '\\' && strchr(" \t", here[len - 2]);
        whole = forge_pool_printf(pool, "%s%.*s", whole, (int)(joins ? len - 1 : len), here);
        if (!joins || !next)
            break;
    }
    *ret_len = strlen(whole);
    return whole;
}

static const struct forge_directive *const tables[] = {
    forge_machine_directives, forge_object_directives,   forge_whole_directives,
    forge_name_directives,    forge_security_directives, forge_thread_directives,
    forge_queue_directives,
};
enum { TABLES = sizeof tables / sizeof *tables, DIRECTIVES_MOST = 128 };

static const struct forge_directive *find(const char *name) {
    for (size_t i = 0; i < TABLES; i++)
        for (const struct forge_directive *d = tables[i]; d->name; d++)
            if (!strcmp(d->name, name))
                return d;
    return NULL;
}

static bool unknown(struct forge_reader *r, const char *name) {
    const char *all[DIRECTIVES_MOST];
    size_t n = 0;
    for (size_t i = 0; i < TABLES; i++)
        for (const struct forge_directive *d = tables[i]; d->name && n < DIRECTIVES_MOST; d++)
            all[n++] = d->name;
    const char *near = forge_nearest_name(name, all, n);
    return forge_wrong(r->s, r->line, "there is no directive \"%s\"%s%s%s", name,
                       near ? ": did you mean \"" : "", near ? near : "", near ? "\"?" : "");
}

static bool read_line(struct forge_reader *r, const char *line, size_t len) {
    const char *name;
    r->words = (struct forge_words){0};
    r->at = 0;
    if (!forge_words_split(&r->s->pool, line, len, &r->words))
        return forge_wrong(r->s, r->line, "a quote that does not end");
    if (!r->words.count)
        return true;
    name = r->words.item[r->at++].text;
    const struct forge_directive *d = find(name);
    if (!d)
        return unknown(r, name);
    r->directive = d->name;
    return d->read(r) && forge_take_end(r);
}

bool forge_scenario_parse(const char *name, const char *text, struct forge_scenario *ret,
                          char *why) {
    *ret = (struct forge_scenario){.name = name, .why = why};
    struct forge_reader r = {.s = ret, .rest_line = 1};
    why[0] = 0;
    r.rest = forge_expand(&ret->pool, name, text, &ret->origins, why);
    if (!r.rest)
        return false;
    const char *line;
    size_t len;
    while ((line = next_line(&r, &len)) != NULL)
        if (!read_line(&r, line, len))
            return false;
    return !r.in_line || forge_wrong(ret, r.in_line, "in: the block has no line \"end\"");
}

void forge_scenario_free(struct forge_scenario *s) { forge_pool_free(&s->pool); }
