/* SPDX-License-Identifier: MIT */
/*
 * Memory and code as the debugger shows them:
 *
 *     fffffa80`4b729830  fffffa80`4a3b0060                                            dq
 *     00000000`00e6e498  00000000`7814ded0 msvcr80!wcscpy_s                           dps
 *     fffff800`01e45ce0  00000000 0000bd38 00000000 00000000  ....8...........        dc
 *     fffff880`0496e3aa  4c 65 61 6b 3b c1 0f 42-c1 41 8d 49 fd 8b d0 ff  Leak;..B    db
 *     0a84e5c0  "Local\NINJAPERF_S-1-5-21-123578"                                     da
 *     nt!VfAfterCallDriver:                                                           u
 *     fffff800`01b66810 48895c2410      mov     qword ptr[rsp+10h],rbx
 *        18 00000000`7814df02 c70016000000    mov     dword ptr[rax],16h              uf
 *
 * An address, then as many numbers of the command's width as follow. db and dc show the bytes again
 * as characters behind them, which may look like numbers: two blanks end the numbers, and where a
 * page has lost blanks, what equals the characters of the numbers before it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "forge/listing_text.h"

enum how { UNITS, CHARACTERS, SYMBOL, TEXT, WIDE, CODE };
struct form {
    const char *name;
    unsigned unit; /* bytes of a number; 0: a pointer */
    unsigned most; /* numbers in a line, for those with characters behind them */
    enum how how;
};
static const struct form forms[] = {
    {"dq", 8, 0, UNITS},   {"dd", 4, 0, UNITS},      {"dw", 2, 0, UNITS},
    {"dp", 0, 0, UNITS},   {"dc", 4, 4, CHARACTERS}, {"db", 1, 16, CHARACTERS},
    {"dqs", 8, 1, SYMBOL}, {"dds", 4, 1, SYMBOL},    {"dps", 0, 1, SYMBOL},
    {"kd", 4, 1, SYMBOL},  {"da", 1, 0, TEXT},       {"du", 2, 0, WIDE},
    {"u", 0, 0, CODE},     {"ub", 0, 0, CODE},       {"uu", 0, 0, CODE},
    {"uf", 0, 0, CODE},
};

struct parser {
    struct forge_spans spans;
    struct form form;
    unsigned ptr_size;
    char *why;
    const struct listing_line *line;
    char label[FORGE_NAME];
    uint64_t text_start, text_end; /* of the last line of da or du */
    unsigned text_line;
};

static struct forge_span *span_new(struct parser *p, uint64_t addr) {
    struct forge_spans *s = &p->spans;
    struct forge_span *to = listing_push((void **)&s->item, &s->room, &s->count, sizeof *s->item);
    if (!to) {
        listing_nomem(p->why);
        return NULL;
    }
    to->line = p->line->number;
    to->addr = addr;
    return to;
}

static bool put(struct parser *p, struct forge_span *to, uint64_t value, unsigned width) {
    if (to->size + width > sizeof to->byte)
        return listing_wrong(p->why, p->line->number, "more than %zu bytes in a line",
                             sizeof to->byte);
    for (unsigned i = 0; i < width; i++)
        to->byte[to->size++] = (uint8_t)(value >> (8 * i));
    return true;
}

/* ---- numbers ---- */

/* WIDTH bytes as a number, or as question marks. */
static bool unit(const char **text, unsigned width, uint64_t *ret, bool *ret_missing) {
    const char *p = *text;
    size_t marks = strspn(p, "?");
    if (width == 8 && marks == 8 && p[8] == '`')
        marks += 1 + strspn(p + 9, "?");
    *ret_missing = marks == width * 2 || (width == 8 && marks == 17);
    if (*ret_missing) {
        *text = p + marks;
        return true;
    }
    if (!(width == 8 ? listing_pointer(&p, 8, ret) : listing_digits(&p, width * 2, ret)))
        return false;
    if (listing_is_hex(*p) || (*p && !strchr(" -?", *p) && width != 8))
        return false;
    *text = p;
    return true;
}

/* Is REST what stands behind the numbers for the bytes of SPAN? */
static bool is_characters(const struct forge_span *span, const char *rest) {
    char shown[sizeof span->byte + 1];
    size_t n = 0;
    for (; n < span->size; n++)
        shown[n] = span->byte[n] >= 0x20 && span->byte[n] < 0x7f ? (char)span->byte[n] : '.';
    shown[n] = '\0';
    listing_trim_end(shown);
    return n && !strcmp(rest, shown);
}

/* Behind the blanks or the dash between two numbers; NULL where the numbers end. */
static const char *between(const struct parser *p, const struct forge_span *span, const char *at,
                           unsigned done) {
    const char *next = *at == '-' ? at + 1 : listing_blanks(at);
    if (!done)
        return next;
    if (p->form.most && done == p->form.most)
        return NULL;
    if (p->form.how == CHARACTERS && (next - at > 1 || (span && is_characters(span, next))))
        return NULL;
    return *next ? next : NULL;
}

static bool units(struct parser *p, uint64_t addr, const char *at) {
    unsigned width = p->form.unit ? p->form.unit : p->ptr_size, done = 0;
    size_t span = SIZE_MAX; /* the list of spans may move */
    const char *next;
    for (; (next = between(p, span == SIZE_MAX ? NULL : &p->spans.item[span], at, done)); done++) {
        uint64_t value;
        bool missing;
        if (!unit(&next, width, &value, &missing))
            break;
        at = next;
        if (missing) {
            span = SIZE_MAX;
            continue;
        }
        if (span == SIZE_MAX && !span_new(p, addr + (uint64_t)done * width))
            return false;
        span = p->spans.count - 1;
        if (!put(p, &p->spans.item[span], value, width))
            return false;
    }
    if (!done || (p->form.how == UNITS && *listing_blanks(at)))
        return listing_wrong(p->why, p->line->number, "\"%.60s\": not %u bytes as %s shows them",
                             listing_blanks(at), width, p->form.name);
    if (p->form.how == SYMBOL && span != SIZE_MAX && strlen(listing_blanks(at)) < FORGE_NAME)
        strcpy(p->spans.item[span].symbol, listing_blanks(at));
    return true;
}

/* ---- texts ---- */

/* The quote that ends the text at AT: nothing but a comment stands behind it. */
static const char *end_of_text(const char *at) {
    for (; (at = strchr(at, '"')); at++) {
        const char *p = listing_blanks(at + 1);
        if (!*p || (p > at + 1 && (!strncmp(p, "//", 2) || !strncmp(p, "<-", 2))))
            return at;
    }
    return NULL;
}

/* One character of UTF-8; its length, 0 when it is none that a debugger would show. */
static size_t character(const char *text, uint32_t *ret) {
    const unsigned char *p = (const unsigned char *)text;
    size_t more = p[0] < 0x80 ? 0 : p[0] >= 0xf0 ? 3 : p[0] >= 0xe0 ? 2 : 1;
    uint32_t c = more ? p[0] & (0x3fu >> more) : p[0];
    for (size_t i = 1; i <= more; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return 0;
        c = c << 6 | (p[i] & 0x3f);
    }
    *ret = c;
    return c < 0x10000 ? more + 1 : 0;
}

static bool text_nul(struct parser *p) {
    if (!p->text_line)
        return true;
    struct forge_span *to = span_new(p, p->text_end);
    if (!to)
        return false;
    to->line = p->text_line;
    p->text_line = 0;
    return put(p, to, 0, p->form.unit);
}

/* Texts go on after 32 characters. Where an author has taken some out, the next line tells. */
static bool text_goes_on(const struct parser *p, uint64_t addr) {
    return p->text_end == addr || p->text_start + 32 * p->form.unit == addr;
}

static bool text(struct parser *p, uint64_t addr, const char *at) {
    at = listing_blanks(at);
    const char *end = *at == '"' ? end_of_text(at + 1) : NULL;
    if (!end)
        return listing_wrong(p->why, p->line->number, "no text in quotes behind the address");
    if (p->text_line && !text_goes_on(p, addr) && !text_nul(p))
        return false;
    struct forge_span *to = end > at + 1 ? span_new(p, addr) : NULL;
    if (end > at + 1 && !to)
        return false;
    for (at++; at < end;) {
        uint32_t c;
        size_t len = character(at, &c);
        if (!len || (p->form.unit == 1 && c > 0x7e))
            return listing_wrong(p->why, p->line->number,
                                 "the text has a character that cannot be turned back into bytes");
        if (!put(p, to, c, p->form.unit))
            return false;
        at += len;
    }
    p->text_start = addr;
    p->text_end = addr + (to ? to->size : 0);
    p->text_line = p->line->number;
    return true;
}

/* ---- code ---- */

/* "   18 " of uf: the source line. */
static const char *behind_source_line(const char *at) {
    size_t run = strspn(at, "0123456789");
    return run && run < 7 && at[run] == ' ' ? listing_blanks(at + run) : at;
}

static bool instruction(struct parser *p, uint64_t addr, const char *at) {
    size_t run = listing_hex_run(at);
    if (!run || run % 2 || run > 30 || (at[run] && at[run] != ' '))
        return listing_wrong(p->why, p->line->number, "no code bytes behind the address: \"%.40s\"",
                             at);
    struct forge_span *to = span_new(p, addr);
    if (!to)
        return false;
    to->code = true;
    strcpy(to->symbol, p->label);
    p->label[0] = '\0';
    while (run) {
        uint64_t byte;
        listing_digits(&at, 2, &byte);
        to->byte[to->size++] = (uint8_t)byte;
        run -= 2;
    }
    return true;
}

/* "nt!VfAfterCallDriver:", "msvcr80!wcscpy_s+0x1a", "a!main [d:\x.c @ 12]:". */
static bool label(struct parser *p, const char *line) {
    char name[FORGE_NAME];
    size_t len = strlen(line);
    bool colon = len && line[len - 1] == ':';
    if (len >= sizeof name)
        return false;
    memcpy(name, line, len + 1);
    if (colon)
        name[len - 1] = '\0';
    char *source = strstr(name, " [");
    if (source)
        *source = '\0';
    listing_trim_end(name);
    char *bang = strchr(name, '!'), *plus = strstr(name, "+0x");
    if (!*name || (!colon && !plus) || (!bang && !plus) || strchr(name, '['))
        return false;
    if (strcspn(name, " ") < (size_t)((bang ? bang : plus) - name))
        return false;
    if (bang)
        listing_mend_name(bang + 1, sizeof name - (size_t)(bang + 1 - name));
    strcpy(p->label, name);
    return true;
}

/* ---- lines ---- */

static bool is_idle(const char *line) {
    return !*line || listing_is_gap(line) || listing_is_prompt(line) || listing_is_notice(line) ||
           !strncmp(line, "Flow analysis was incomplete", 28);
}

/* The rest of the line before: an operand in brackets, the name of a value. */
static bool is_rest(struct parser *p, const char *line) {
    struct forge_span *last = p->spans.count ? &p->spans.item[p->spans.count - 1] : NULL;
    if (!last)
        return false;
    if (p->form.how == CODE)
        return *line == '[' || *line == '(';
    if (p->form.how != SYMBOL || last->symbol[0] || !strchr(line, '!'))
        return false;
    snprintf(last->symbol, sizeof last->symbol, "%s", line);
    return true;
}

static bool parse_line(struct parser *p) {
    char *line = p->line->text;
    if (is_idle(line))
        return true;
    if (p->form.how != CHARACTERS && p->form.how != TEXT && p->form.how != WIDE)
        listing_uncomment(line);
    const char *at = p->form.how == CODE ? behind_source_line(line) : line;
    uint64_t addr;
    if (!listing_pointer(&at, p->ptr_size, &addr)) {
        if (!*line || is_rest(p, line) || (p->form.how == CODE && label(p, line)))
            return true;
        return listing_wrong(p->why, p->line->number,
                             "no address begins this line of %s: \"%.60s\"", p->form.name, line);
    }
    if (p->form.how == CODE)
        return instruction(p, addr, listing_blanks(at));
    return p->form.how == TEXT || p->form.how == WIDE ? text(p, addr, at) : units(p, addr, at);
}

static bool find_form(const char *command, struct form *ret, char *why) {
    size_t len = strcspn(command, " ");
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
        if (strlen(forms[i].name) == len && !strncmp(forms[i].name, command, len)) {
            *ret = forms[i];
            return true;
        }
    return listing_wrong(
        why, 0,
        "listings of \"%.20s\" cannot be read: write dps dqs dds dp dq dd dw dc db "
        "da du u ub uu or uf",
        command);
}

bool forge_spans_parse(const char *command, unsigned ptr_size, const char *listing,
                       struct forge_spans *ret, char *why) {
    struct parser p = {.ptr_size = ptr_size, .why = why};
    struct listing l;
    if (!find_form(command, &p.form, why))
        return false;
    if (!listing_open(listing, &l))
        return listing_nomem(why);
    bool ok = true;
    for (size_t i = 0; i < l.count && ok; i++) {
        p.line = &l.line[i];
        ok = parse_line(&p);
    }
    ok = ok && text_nul(&p);
    listing_close(&l);
    if (ok)
        *ret = p.spans;
    else
        forge_spans_free(&p.spans);
    return ok;
}

void forge_spans_free(struct forge_spans *spans) {
    free(spans->item);
    *spans = (struct forge_spans){0};
}
