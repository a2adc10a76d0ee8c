/* SPDX-License-Identifier: MIT */
/* Source lines and inlined calls of Breakpad symbols. */
#include <string.h>

#include "base/utf.h"
#include "sym/breakpad_impl.h"

/* The text of number N: a file's or a function's name; NULL when it is not declared. */
static const char *numbered(const struct bp *bp, const struct bp_numbers *list, uint32_t n) {
    size_t low = 0, high = list->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (list->item[middle].number < n)
            low = middle + 1;
        else
            high = middle;
    }
    return low < list->count && list->item[low].number == n ? bp->text + list->item[low].text
                                                            : NULL;
}

struct source {
    uint32_t rva, size, line, file;
};

static struct source read_line(const struct bp *bp, uint32_t text) {
    struct bp_fields f = {bp->text + text, false};
    struct source s;
    s.rva = bp_hex(&f);
    s.size = bp_hex(&f);
    s.line = bp_decimal(&f);
    s.file = bp_decimal(&f);
    return s;
}

static struct sc_line to_line(const struct source *s, const char *file) {
    return (struct sc_line){
        .file = file ? file : "", .line = s->line, .rva = s->rva, .size = s->size};
}

sc_err *bp_line(void *impl, uint32_t rva, struct sc_line *ret_line, bool *ret_found) {
    const struct bp *bp = impl;
    const struct bp_entry *e = bp_at_or_below(&bp->lines, rva), *last = e;
    /* Of several at one address (which the format forbids, and dumpers write) the first. */
    while (e && e > bp->lines.item && e[-1].rva == last->rva)
        e--;
    for (; e && e <= last; e++) {
        struct source s = read_line(bp, e->text);
        if (rva - s.rva >= s.size)
            continue;
        *ret_line = to_line(&s, numbered(bp, &bp->files, s.file));
        *ret_found = true;
        break;
    }
    return NULL;
}

static bool is_slash(char c) { return c == '/' || c == '\\'; }

/* Is WANT the whole of PATH, or its tail behind a slash? Either kind of slash, any case. */
static bool path_ends_with(const char *path, const char *want) {
    size_t have = strlen(path), len = strlen(want);
    if (!len || len > have || (len < have && !is_slash(path[have - len - 1])))
        return false;
    for (path += have - len; *want; path++, want++)
        if (sc_lower(*path) != sc_lower(*want) && !(is_slash(*path) && is_slash(*want)))
            return false;
    return true;
}

sc_err *bp_lines(void *impl, const char *file, uint32_t line, sc_line_fn fn, void *ctx) {
    const struct bp *bp = impl;
    for (size_t i = 0; i < bp->lines.count; i++) {
        struct source s = read_line(bp, bp->lines.item[i].text);
        if (s.line != line)
            continue;
        const char *path = numbered(bp, &bp->files, s.file);
        if (!path || !path_ends_with(path, file))
            continue;
        struct sc_line l = to_line(&s, path);
        if (!fn(ctx, &l))
            break;
    }
    return NULL;
}

/* An INLINE record that covers the address. */
struct site {
    uint32_t depth, call_line, call_file, origin, rva;
    bool has_file;
};

static unsigned count_fields(const char *p) {
    unsigned n = 0;
    while (*p) {
        while (*p == ' ')
            p++;
        n += *p != 0;
        while (*p && *p != ' ')
            p++;
    }
    return n;
}

/* Does the INLINE record at TEXT cover RVA? Older dumpers wrote no call file. */
static bool read_site(const struct bp *bp, uint32_t text, uint32_t rva, struct site *ret) {
    struct bp_fields f = {bp->text + text + strlen("INLINE"), false};
    struct site s = {.has_file = count_fields(f.at) % 2 == 0};
    s.depth = bp_decimal(&f);
    s.call_line = bp_decimal(&f);
    s.call_file = s.has_file ? bp_decimal(&f) : 0;
    s.origin = bp_decimal(&f);
    while (!f.bad && !bp_at_end(&f)) {
        uint32_t start = bp_hex(&f), size = bp_hex(&f);
        if (!f.bad && rva >= start && rva - start < size) {
            s.rva = start;
            *ret = s;
            return true;
        }
    }
    return false;
}

/* The sites that cover RVA, by depth, each depth once: dumpers do not write them in order. */
struct sites {
    struct site item[BP_INLINE_DEPTH_MAX];
    bool present[BP_INLINE_DEPTH_MAX];
};

static void find_sites(const struct bp *bp, uint32_t func_text, uint32_t rva, struct sites *ret) {
    memset(ret->present, 0, sizeof ret->present);
    uint32_t at = func_text;
    for (;;) {
        at += (uint32_t)strlen(bp->text + at);
        while (at < bp->size && !bp->text[at]) /* NUL, or two where a carriage return was */
            at++;
        struct bp_fields f = {bp->text + at, false};
        struct site s;
        if (at >= bp->size || bp_word(&f, "FUNC") || bp_word(&f, "PUBLIC") || bp_word(&f, "STACK"))
            return;
        if (bp_word(&f, "INLINE") && read_site(bp, at, rva, &s) && s.depth < BP_INLINE_DEPTH_MAX &&
            !ret->present[s.depth]) {
            ret->present[s.depth] = true;
            ret->item[s.depth] = s;
        }
    }
}

sc_err *bp_inlines(void *impl, uint32_t rva, sc_inline_fn fn, void *ctx) {
    const struct bp *bp = impl;
    const struct bp_range *func = bp_covering(&bp->funcs, rva);
    struct sites sites;
    struct sc_line line;
    bool found = false;
    if (!func)
        return NULL;
    find_sites(bp, func->text, rva, &sites);
    sc_err *err = bp_line(impl, rva, &line, &found);
    /* Inside the innermost call stands the line record; inside each other one, the next call. */
    const char *file = found ? line.file : "";
    uint32_t number = found ? line.line : 0;
    for (unsigned i = BP_INLINE_DEPTH_MAX; !err && i-- > 0;) {
        const struct site *site = &sites.item[i];
        if (!sites.present[i])
            continue;
        const char *name = numbered(bp, &bp->origins, site->origin);
        struct sc_inline frame = {
            .name = name ? name : "", .file = file, .line = number, .rva = site->rva, .depth = i};
        if (!fn(ctx, &frame))
            break;
        file = site->has_file ? numbered(bp, &bp->files, site->call_file) : NULL;
        file = file ? file : "";
        number = site->call_line;
    }
    return err;
}
