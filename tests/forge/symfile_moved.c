/* SPDX-License-Identifier: MIT */
/*
 * Images that were reordered after linking.
 *
 *     OMAP           {u32 rva, u32 rvaTo}, sorted; an entry holds up to the next; rvaTo 0: nothing
 *     debug slot 3   image to the addresses that symbols speak; slot 4: back
 *     slot 10        section headers as they were before, slot 5 as they are
 *
 * What was not moved is where it was. A block that moved away leaves its place to what the image
 * has there, so that a case can name a home for it anywhere.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "forge/symfile_impl.h"

enum { OMAP_TO = 3, OMAP_FROM = 4, ORIGINAL = 10 };

static bool nowhere(const struct forge_moved *m) { return m->from == (uint32_t)FORGE_NOWHERE; }

static bool check_moved(struct symfile *b) {
    const struct forge_moved *m = b->s->moved;
    for (size_t i = 0; i < b->s->nmoved; i++) {
        if (m[i].size == 0 || m[i].size > INT32_MAX || m[i].to > INT32_MAX ||
            (m[i].from > INT32_MAX && !nowhere(&m[i])))
            return symfile_fail(b, "a block of 0x%x bytes from 0x%x to 0x%x", m[i].size, m[i].from,
                                m[i].to);
        for (size_t k = 0; k < i; k++) {
            if (!nowhere(&m[i]) && !nowhere(&m[k]) && m[i].from < m[k].from + m[k].size &&
                m[k].from < m[i].from + m[i].size)
                return symfile_fail(b, "blocks moved to 0x%x and 0x%x overlap", m[k].from,
                                    m[i].from);
            if (m[i].to < m[k].to + m[k].size && m[k].to < m[i].to + m[i].size)
                return symfile_fail(b, "blocks moved from 0x%x and 0x%x overlap", m[k].to, m[i].to);
        }
    }
    return true;
}

/* No symbol may stand where a moved block lies now: its address would be the block's. */
static bool check_symbols(struct symfile *b) {
    for (size_t i = 0; i < b->s->nsymbols; i++) {
        const struct forge_symbol *s = &b->s->symbol[i];
        const struct forge_moved *hit = NULL;
        bool home = false;
        for (size_t k = 0; k < b->s->nmoved; k++) {
            const struct forge_moved *m = &b->s->moved[k];
            hit = !nowhere(m) && s->rva - m->from < m->size ? m : hit;
            home |= s->rva - m->to < m->size;
        }
        if (hit && !home)
            return symfile_fail(b, "%.80s at RVA 0x%x: a block that belongs at 0x%x lies there",
                                s->name, s->rva, hit->to);
    }
    return true;
}

bool symfile_sections(struct symfile *b) {
    struct forge *now = forge_msf_stream(&b->p.msf, FORGE_PDB_SECTIONS), *before = NULL;
    b->nsections = b->s->nsections;
    if (b->nsections > UINT16_MAX - 1)
        return symfile_fail(b, "%zu sections", b->nsections);
    b->section = calloc(b->nsections + 1, sizeof *b->section);
    if (!b->section)
        return symfile_fail(b, "no memory for sections");
    if (b->nsections)
        memcpy(b->section, b->s->section, b->nsections * sizeof *b->section);
    if (!check_moved(b) || !check_symbols(b))
        return false;
    if (b->s->nmoved)
        before = forge_pdb_slot(&b->p, ORIGINAL);
    for (size_t i = 0; i < b->nsections; i++) {
        struct forge_image_section *s = &b->section[i];
        forge_pdb_section_header(now, s->name, s->rva, s->size, s->characteristics);
        for (size_t k = 0; k < b->s->nmoved && i + 1 == b->nsections; k++) {
            uint32_t end = b->s->moved[k].to + b->s->moved[k].size;
            if (end > s->rva && end - s->rva > s->size) /* homes may lie behind the image */
                s->size = end - s->rva;
        }
        if (before)
            forge_pdb_section_header(before, s->name, s->rva, s->size, s->characteristics);
    }
    return true;
}

struct entry {
    uint32_t at, to, size;
};

static int by_place(const void *a, const void *b) {
    const struct entry *x = a, *y = b;
    return x->at < y->at ? -1 : x->at > y->at;
}

static void put(struct forge *f, uint32_t at, uint32_t to) {
    forge_u32(f, at);
    forge_u32(f, to);
}

/* A table of SORTED blocks; what is between them stays where it is. */
static void put_table(const struct symfile *b, const struct entry *sorted, size_t n,
                      struct forge *f) {
    const struct forge_image_section *last = &b->section[b->nsections - 1];
    uint32_t at = b->section[0].rva, end = last->rva + last->size;
    for (size_t i = 0; i < n; i++) {
        if (sorted[i].at > at)
            put(f, at, at);
        put(f, sorted[i].at, sorted[i].to);
        at = sorted[i].at + sorted[i].size;
    }
    if (at < end)
        put(f, at, at);
    put(f, at < end ? end : at, 0);
}

bool symfile_omap(struct symfile *b) {
    size_t n = b->s->nmoved;
    uint16_t seg;
    uint32_t off;
    char what[32];
    if (n == 0)
        return true;
    struct entry *e = calloc(n, sizeof *e);
    if (!e)
        return symfile_fail(b, "no memory for %zu blocks", n);
    for (int back = 0; back < 2 && !b->failed; back++) {
        size_t used = 0;
        for (size_t i = 0; i < n; i++) {
            const struct forge_moved *m = &b->s->moved[i];
            if (nowhere(m) && !back)
                continue;
            struct entry *one = &e[used++];
            *one = (struct entry){back ? m->to : m->from, back ? m->from : m->to, m->size};
            one->to = nowhere(m) ? 0 : one->to;
            snprintf(what, sizeof what, "a block of 0x%x bytes", m->size);
            symfile_place(b, one->at, what, &seg, &off);
        }
        qsort(e, used, sizeof *e, by_place);
        if (!b->failed)
            put_table(b, e, used, forge_pdb_slot(&b->p, back ? OMAP_FROM : OMAP_TO));
    }
    free(e);
    return !b->failed;
}
