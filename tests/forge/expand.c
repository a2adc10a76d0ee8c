/* SPDX-License-Identifier: MIT */
/* Names, included files and lines for some builds: the scenario's text as it is read then. */
#include "forge/expand.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "forge/scenario.h"
#include "forge/words.h"

enum { DEPTH_MOST = 8, FILE_MOST = 1 << 20, TEXT_MOST = 16 << 20 };

struct name {
    const char *name;
    uint64_t value;
};
/* A `when` that has not ended. */
struct choice {
    unsigned line;
    bool taken, other; /* its lines count; `otherwise` was there */
    bool outer;        /* the lines around it count */
};
struct expand {
    struct forge_pool *pool;
    struct forge_origins *origins;
    char *why;
    char *out;
    size_t len, room;
    unsigned lines; /* of OUT */
    unsigned depth;
    uint64_t build; /* 0: no `os` line yet */
    unsigned ptr;   /* 0: no `cpu` line yet */
    FORGE_LIST(name) names;
};
/* Where a file is being read. */
struct place {
    const char *file;
    unsigned line;
    FORGE_LIST(choice) choices;
};

static bool wrong(struct expand *x, const struct place *p, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
static bool wrong(struct expand *x, const struct place *p, const char *fmt, ...) {
    va_list args;
    if (x->why[0])
        return false;
    int n = snprintf(x->why, FORGE_WHY_MAX, "%s:%u: ", p->file, p->line);
    va_start(args, fmt);
    if (n > 0 && n < FORGE_WHY_MAX)
        vsnprintf(x->why + n, (size_t)(FORGE_WHY_MAX - n), fmt, args);
    va_end(args);
    return false;
}

static void append(struct expand *x, const char *text, size_t len) {
    if (x->len + len + 1 > x->room) {
        size_t room = (x->len + len + 1) * 2;
        char *grown = forge_pool_get(x->pool, room);
        if (x->len)
            memcpy(grown, x->out, x->len);
        x->out = grown;
        x->room = room;
    }
    memcpy(x->out + x->len, text, len);
    x->len += len;
}

static void end_line(struct expand *x) {
    append(x, "\n", 1);
    x->lines++;
}

static void origin(struct expand *x, const struct place *p) {
    struct forge_origin *o = FORGE_PUSH(x->pool, x->origins);
    *o = (struct forge_origin){p->file, x->lines + 1, p->line};
}

struct forge_origin forge_origin_of(const struct forge_origins *origins, unsigned line) {
    struct forge_origin found = {0};
    for (size_t i = 0; i < origins->count && origins->item[i].first <= line; i++)
        found = origins->item[i];
    found.line += line - found.first;
    return found;
}

/* ---- sums ---- */

static bool term(struct expand *x, const struct place *p, const char *text, uint64_t *ret) {
    for (size_t i = 0; i < x->names.count; i++)
        if (!strcmp(x->names.item[i].name, text)) {
            *ret = x->names.item[i].value;
            return true;
        }
    return forge_number(text, ret) ||
           wrong(x, p, "\"%s\" is no number, and no line \"let %s\" stands before it", text, text);
}

static bool sum(struct expand *x, const struct place *p, const char *text, uint64_t *ret) {
    uint64_t total = 0;
    bool minus = false;
    for (;;) {
        size_t len = strcspn(text, "+-");
        const char *begin = text, *end = text + len;
        while (begin < end && *begin == ' ')
            begin++;
        while (end > begin && end[-1] == ' ')
            end--;
        uint64_t value;
        if (!term(x, p, forge_pool_text(x->pool, begin, (size_t)(end - begin)), &value))
            return false;
        total = minus ? total - value : total + value;
        text += len;
        if (!*text)
            break;
        minus = *text++ == '-';
    }
    *ret = total;
    return true;
}

/* ---- $( ) ---- */

/* Addresses of 64-bit machines have all their digits: columns of listings need them. */
static void number(struct expand *x, uint64_t value) {
    char text[24];
    int n = value >> 32 || (x->ptr == 8 && value > 0xffff)
                ? snprintf(text, sizeof text, "%08x`%08x", (unsigned)(value >> 32), (unsigned)value)
                : snprintf(text, sizeof text, "%x", (unsigned)value);
    append(x, text, (size_t)n);
}

static void bytes(struct expand *x, uint64_t value, unsigned width) {
    for (unsigned i = 0; i < width; i++) {
        char pair[3];
        snprintf(pair, sizeof pair, "%02x", (unsigned)(value >> 8 * i & 0xff));
        append(x, pair, 2);
    }
}

/* The form at TEXT: its length up to the sum, 0 when there is none; *RET_WIDTH of $le forms. */
static size_t form(const struct expand *x, const char *text, unsigned *ret_width) {
    static const struct {
        const char *text;
        unsigned width;
    } forms[] = {{"$(", 0}, {"$le(", 1}, {"$le4(", 4}, {"$le8(", 8}};
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        size_t len = strlen(forms[i].text);
        if (!strncmp(text, forms[i].text, len)) {
            *ret_width = forms[i].width == 1 ? x->ptr : forms[i].width;
            return len;
        }
    }
    return 0;
}

/* A line with its $( ) replaced. */
static bool replace(struct expand *x, const struct place *p, const char *line) {
    if (*line == '#') {
        append(x, line, strlen(line));
        return true;
    }
    while (*line) {
        const char *mark = strchr(line, '$');
        unsigned width = 0;
        size_t skip = mark ? form(x, mark, &width) : 0;
        if (!skip) {
            size_t len = mark ? (size_t)(mark + 1 - line) : strlen(line);
            append(x, line, len);
            line += len;
            continue;
        }
        append(x, line, (size_t)(mark - line));
        const char *end = strchr(mark + skip, ')');
        uint64_t value;
        if (!end)
            return wrong(x, p, "%.*s has no )", (int)skip, mark);
        if (skip == strlen("$le(") && !width)
            return wrong(x, p, "$le( ) needs a line \"cpu\" before it");
        if (!sum(x, p, forge_pool_text(x->pool, mark + skip, (size_t)(end - mark) - skip), &value))
            return false;
        if (width)
            bytes(x, value, width);
        else
            number(x, value);
        line = end + 1;
    }
    return true;
}

/* ---- lines ---- */

static bool let(struct expand *x, struct place *p, const struct forge_words *w) {
    uint64_t value;
    if (w->count != 3)
        return wrong(x, p, "let: write  let NAME NUMBER");
    const char *name = w->item[1].text;
    for (size_t i = 0; i < x->names.count; i++)
        if (!strcmp(x->names.item[i].name, name))
            return wrong(x, p, "let: %s has a value already", name);
    if (forge_number(name, &value) || strpbrk(name, "+-()`"))
        return wrong(x, p, "let: \"%s\" cannot be a name", name);
    if (!sum(x, p, w->item[2].text, &value))
        return false;
    *FORGE_PUSH(x->pool, &x->names) = (struct name){name, value};
    return true;
}

/* "9200", "9200..", "..9199", "9200..9600". */
static bool in_range(struct expand *x, const struct place *p, const char *text, bool *ret) {
    const char *dots = strstr(text, "..");
    uint64_t low = 0, high = UINT32_MAX;
    const char *from = dots ? forge_pool_text(x->pool, text, (size_t)(dots - text)) : text;
    const char *to = dots ? dots + 2 : text;
    if ((*from && !forge_decimal(from, &low)) || (*to && !forge_decimal(to, &high)) ||
        (!*from && !*to))
        return wrong(x, p, "when: \"%s\" is no range of builds: write 9200, 9200.., ..9199", text);
    if (!x->build)
        return wrong(x, p, "when: it needs a line \"os\" before it");
    *ret = x->build >= low && x->build <= high;
    return true;
}

static bool when(struct expand *x, struct place *p, const struct forge_words *w, bool counts) {
    bool is = true;
    if (w->count < 2)
        return wrong(x, p, "when: write  when x64|x86|build RANGE");
    for (size_t i = 1; i < w->count; i++) {
        const char *word = w->item[i].text;
        bool one = false;
        if (!strcmp(word, "x64") || !strcmp(word, "x86")) {
            if (!x->ptr)
                return wrong(x, p, "when: it needs a line \"cpu\" before it");
            one = (x->ptr == 8) == (word[2] == '4');
        } else if (!strcmp(word, "build") && i + 1 < w->count) {
            if (!in_range(x, p, w->item[++i].text, &one))
                return false;
        } else {
            return wrong(x, p, "when: \"%s\" is not understood here", word);
        }
        is = is && one;
    }
    *FORGE_PUSH(x->pool, &p->choices) =
        (struct choice){.line = p->line, .taken = counts && is, .outer = counts};
    return true;
}

static bool otherwise(struct expand *x, struct place *p) {
    if (!p->choices.count || p->choices.item[p->choices.count - 1].other)
        return wrong(x, p, "otherwise: there is no \"when\" before it");
    struct choice *c = &p->choices.item[p->choices.count - 1];
    c->other = true;
    c->taken = c->outer && !c->taken;
    return true;
}

static bool expand(struct expand *x, const char *file, const char *text);

static bool include(struct expand *x, struct place *p, const struct forge_words *w) {
    if (w->count != 2)
        return wrong(x, p, "include: write  include FILE");
    if (x->depth == DEPTH_MOST)
        return wrong(x, p, "include: more than %d files inside each other", DEPTH_MOST);
    const char *slash = strrchr(p->file, '/'), *name = w->item[1].text;
    const char *path =
        slash && *name != '/'
            ? forge_pool_printf(x->pool, "%.*s/%s", (int)(slash - p->file), p->file, name)
            : name;
    FILE *f = fopen(path, "rb");
    if (!f)
        return wrong(x, p, "include: %s cannot be opened", path);
    char *text = forge_pool_get(x->pool, FILE_MOST + 1);
    size_t len = fread(text, 1, FILE_MOST + 1, f);
    bool failed = ferror(f) != 0;
    fclose(f);
    if (failed || len > FILE_MOST)
        return wrong(x, p, "include: %s cannot be read, or is longer than 1 MB", path);
    text[len] = 0;
    return expand(x, path, text);
}

/* What the machine is, for `when` and $le. */
static void machine(struct expand *x, const struct forge_words *w) {
    if (w->count < 2)
        return;
    if (!strcmp(w->item[0].text, "os"))
        forge_decimal(w->item[1].text, &x->build);
    else if (!strcmp(w->item[0].text, "cpu"))
        x->ptr = !strcmp(w->item[1].text, "x86") ? 4 : 8;
}

static bool is_one_of(const char *word, const char *const *list) {
    for (; *list; list++)
        if (!strcmp(word, *list))
            return true;
    return false;
}

/* One line, which may be one of ours. */
static bool line(struct expand *x, struct place *p, const char *text) {
    static const char *const ours[] = {"let", "include", "when", "otherwise", "done", NULL};
    static const char *const known[] = {"os", "cpu", NULL};
    const struct choice *c = p->choices.count ? &p->choices.item[p->choices.count - 1] : NULL;
    bool counts = !c || c->taken;
    const char *first = forge_pool_text(x->pool, text, strcspn(text, " \t\r"));
    bool own = is_one_of(first, ours);
    struct forge_words w = {0};
    if (own || is_one_of(first, known))
        if (!forge_words_split(x->pool, text, strlen(text), &w))
            return wrong(x, p, "a quote that does not end");
    if (counts && w.count)
        machine(x, &w);
    if (!own)
        return !counts || replace(x, p, text);
    if (!strcmp(first, "when"))
        return when(x, p, &w, counts);
    if (!strcmp(first, "otherwise"))
        return otherwise(x, p);
    if (!strcmp(first, "done")) {
        if (!c)
            return wrong(x, p, "done: there is no \"when\" before it");
        p->choices.count--;
        return true;
    }
    if (!counts)
        return true;
    if (!strcmp(first, "let"))
        return let(x, p, &w);
    if (!include(x, p, &w))
        return false;
    origin(x, p); /* the rest of this line, which is empty, and those behind it */
    return true;
}

/* The text of one file. */
static bool expand(struct expand *x, const char *file, const char *text) {
    struct place p = {.file = file, .line = 1};
    x->depth++;
    origin(x, &p);
    for (; *text; p.line++) {
        size_t len = strcspn(text, "\n");
        if (!line(x, &p, forge_pool_text(x->pool, text, len)))
            return false;
        if (x->len > TEXT_MOST)
            return wrong(x, &p, "the scenario is longer than 16 MB with what it includes");
        end_line(x);
        text += len + (text[len] != 0);
    }
    if (p.choices.count) {
        p.line = p.choices.item[p.choices.count - 1].line;
        return wrong(x, &p, "when: there is no line \"done\"");
    }
    x->depth--;
    return true;
}

const char *forge_expand(struct forge_pool *pool, const char *name, const char *text,
                         struct forge_origins *ret_origins, char *why) {
    struct expand x = {.pool = pool, .origins = ret_origins, .why = why};
    if (!strncmp(text, "\xef\xbb\xbf", 3))
        text += 3;
    if (!expand(&x, name, text))
        return NULL;
    append(&x, "", 1);
    return x.out;
}
