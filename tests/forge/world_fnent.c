/* SPDX-License-Identifier: MIT */
/*
 * Function entries as `.fnent` shows them:
 *
 *     BeginAddress      = 00000000`000da7d0
 *     EndAddress        = 00000000`000da81c
 *     UnwindInfoAddress = 00000000`001c8a54
 *     Unwind info at fffff800`019cfa54, 10 bytes
 *       version 1, flags 4, prolog 0, codes 0
 *       00: offs 4, unwind op 2, op info c      UWOP_ALLOC_SMALL.
 *     Chained info:                              (and the same again)
 *
 * Other lines are passed over. Such an entry takes the place of the one that a stack's frame in it
 * would get.
 */
#include <stdio.h>
#include <string.h>

#include "forge/listing_text.h"
#include "forge/world.h"

enum { CHAINED = 4 };

struct entry {
    unsigned line;
    struct forge_function f;
    unsigned flags, codes;
    bool has_version;
};
struct reading {
    struct forge_world *w;
    struct forge_wmodule *m;
    FORGE_LIST(entry) entries;
};

/* "BeginAddress      = 00000000`000da7d0"; false: it is another line. */
static bool take_rva(const char *text, const char *name, uint32_t *ret) {
    uint64_t v;
    size_t len = strlen(name);
    if (strncmp(text, name, len) != 0)
        return false;
    const char *p = listing_blanks(text + len);
    if (*p != '=')
        return false;
    p = listing_blanks(p + 1);
    if (!listing_number(&p, &v) || *p || v > INT32_MAX)
        return false;
    *ret = (uint32_t)v;
    return true;
}

/* The operand that stands behind the operation's name. */
static uint32_t frame_offset(const char *text) {
    const char *at = strstr(text, "FrameOffset:");
    unsigned v = 0;
    return at && sscanf(at, "FrameOffset: %x", &v) == 1 ? v : 0;
}

static bool put_code(struct reading *r, struct entry *e, unsigned line, const char *text,
                     unsigned at, unsigned op, unsigned info) {
    static const struct {
        enum forge_unwind_op op;
        bool known;
    } ops[] = {[0] = {FORGE_UW_PUSH, true},     [1] = {FORGE_UW_ALLOC, true},
               [2] = {FORGE_UW_ALLOC, true},    [4] = {FORGE_UW_SAVE, true},
               [5] = {FORGE_UW_SAVE, true},     [8] = {FORGE_UW_SAVE_XMM, true},
               [9] = {FORGE_UW_SAVE_XMM, true}, [10] = {FORGE_UW_MACHFRAME, true}};
    struct forge_function *f = &e->f;
    if (op >= sizeof ops / sizeof *ops || !ops[op].known || f->ncodes == FORGE_UW_CODES)
        return forge_wrong(r->w->s, line, "fnent: operation %x cannot be made from a listing", op);
    memmove(f->code + 1, f->code, f->ncodes * sizeof *f->code); /* the prolog's last one is first */
    f->code[0] = (struct forge_unwind_code){.op = ops[op].op,
                                            .at = (uint8_t)at,
                                            .reg = (uint8_t)info,
                                            .value = op == 2    ? info * 8 + 8
                                                     : op == 10 ? info
                                                                : frame_offset(text)};
    f->ncodes++;
    return true;
}

static bool take_line(struct reading *r, unsigned line, const char *text) {
    uint32_t begin;
    unsigned a, b, c, d;
    if (take_rva(text, "BeginAddress", &begin)) {
        struct entry *e = FORGE_PUSH(r->w->pool, &r->entries);
        e->line = line;
        e->f.begin = begin;
        return true;
    }
    if (!r->entries.count)
        return true;
    struct entry *e = &r->entries.item[r->entries.count - 1];
    if (take_rva(text, "EndAddress", &e->f.end) || take_rva(text, "UnwindInfoAddress", &e->f.info))
        return true;
    if (sscanf(text, "version %u, flags %x, prolog %x, codes %x", &a, &b, &c, &d) == 4) {
        e->has_version = true;
        e->f.version = (uint8_t)a;
        e->flags = b;
        e->f.prolog = (uint8_t)c;
        e->codes = d;
    } else if (sscanf(text, "%x: offs %x, unwind op %x, op info %x", &d, &a, &b, &c) == 4) {
        return put_code(r, e, line, text, a, b, c);
    }
    return true;
}

static bool put_entries(struct reading *r) {
    for (size_t i = 0; i < r->entries.count; i++) {
        struct entry *e = &r->entries.item[i];
        bool last = i + 1 == r->entries.count;
        if (!e->has_version || !e->f.end || !e->f.info)
            return forge_wrong(r->w->s, e->line,
                               "fnent: EndAddress, UnwindInfoAddress and the line with the "
                               "version must follow");
        if (e->flags & ~(unsigned)CHAINED)
            return forge_wrong(r->w->s, e->line, "fnent: entries with a handler cannot be made");
        if (!(e->flags & CHAINED) != last)
            return forge_wrong(r->w->s, e->line, "fnent: flags %x, and %s entry is chained to it",
                               e->flags, last ? "no" : "another");
        if ((e->codes != 0) != (e->f.ncodes != 0))
            return forge_wrong(r->w->s, e->line, "fnent: %x codes, of which %zu are shown",
                               e->codes, e->f.ncodes);
        e->f.chain = last ? 0 : r->entries.item[i + 1].f.begin;
        forge_world_mark_code(r->m, e->f.begin, e->f.end - e->f.begin);
        *FORGE_PUSH(r->w->pool, &r->m->functions) = e->f;
    }
    return true;
}

static bool read_one(struct forge_world *w, const struct forge_scn_fnent *scn) {
    struct reading r = {.w = w};
    struct listing text;
    if (!forge_world_need_module(w, scn->line, scn->module, &r.m))
        return false;
    if (!listing_open(scn->listing.text, &text))
        return forge_wrong(w->s, scn->line, "fnent: memory is short");
    bool ok = true;
    for (size_t i = 0; ok && i < text.count; i++)
        ok = take_line(&r, scn->listing.line + text.line[i].number - 1, text.line[i].text);
    listing_close(&text);
    if (ok && !r.entries.count)
        return forge_wrong(w->s, scn->line, "fnent: no function entry stands in the block");
    return ok && put_entries(&r);
}

bool forge_world_fnents(struct forge_world *w) {
    for (size_t i = 0; i < w->s->fnents.count; i++)
        if (!read_one(w, &w->s->fnents.item[i]))
            return false;
    return true;
}

bool forge_world_has_function(const struct forge_wmodule *m, struct forge_wblock *block) {
    for (size_t i = 0; i < m->functions.count; i++) {
        const struct forge_function *f = &m->functions.item[i];
        if (block->ip >= f->begin && block->ip < f->end)
            return true;
        if (block->ip < f->begin && block->end > f->begin)
            block->end = f->begin;
        if (block->ip >= f->end && block->begin < f->end)
            block->begin = f->end;
    }
    return false;
}
