/* SPDX-License-Identifier: MIT */
/*
 * Walking all virtual memory that is there, table by table: what no table leads to costs nothing.
 *
 * Page tables can lie. One whose entries all lead back to itself maps 2^36 pages with one page of
 * memory, and that is also what the tables' own mapping (the self-map) does in small. So each table
 * is walked at one virtual address for each level it serves at, the first it was met at; met again
 * elsewhere, it is passed over. Honest tables are met once a level, the self-map's too. With that
 * a walk touches no more tables than there are pages, times the levels, whatever they hold.
 *
 * A run begins and ends with its page table at the latest (2 MB), or with the large page.
 */
#include <string.h>

#include "mem/space_impl.h"
#include "mem/translated.h"

enum { PAGE = 0x1000, UNRECORDED_MAX = 4096 };

struct scan {
    struct sc_translated *t;
    uint64_t from; /* canonical: nothing below it counts */
    bool pieces;   /* not a run is wanted, but what of it lies together from `from` on */
    struct sc_piece found;
};

/* Bytes of addresses that an entry of LEVEL stands for. */
static uint64_t reach(const struct sc_mode *m, unsigned level) {
    return (uint64_t)1 << sc_mode_shift(m, level);
}

/*
 * May TABLE be walked as one of LEVEL for the addresses from VA on? What is known of tables goes by
 * place and level: physical addresses have 52 bits, and those of tables none in the lowest three
 * (the four entries of PAE are the root); bit 63 is for page files, with the file above bit 56.
 */
static bool may_walk(struct sc_translated *t, unsigned level, const struct sc_table *table,
                     uint64_t va) {
    uint64_t first, key = table->at | level;
    if (table->paged && (!t->paging.pagefile || table->at >> 44))
        return false;
    if (table->paged)
        key = (uint64_t)1 << 63 | (uint64_t)table->file << 56 | table->at << 12 | level;
    if (sc_map_get_number(&t->seen, key, &first))
        return first == va;
    if (!sc_map_put_number(&t->seen, key, va))
        return t->unrecorded++ < UNRECORDED_MAX;
    return true;
}

/* The bytes of the run at S->found, whose page's are at PA, in place. */
static void see_large(struct scan *s, uint64_t va, uint64_t pa) {
    struct sc_piece *f = &s->found;
    size_t len = 0;
    if (s->from > f->start) {
        f->size -= s->from - f->start;
        f->start = s->from;
    }
    if (sc_space_view(s->t->paging.phys, pa + (f->start - va), &f->data, &len) != SC_READ_OK)
        f->data = NULL;
    else if (len < f->size)
        f->size = len;
}

/* The run in the large page at VA that physical memory has at S->from or behind it. */
static bool large_page(struct scan *s, unsigned level, uint64_t va, uint64_t pa) {
    uint64_t size = reach(s->t->mode, level), skip = s->from > va ? s->from - va : 0;
    uint64_t start, length;
    if (!sc_space_next(s->t->paging.phys, pa + skip, &start, &length))
        return false;
    uint64_t begin = start > pa ? start - pa : 0;
    uint64_t end = start + length - pa; /* both counted from the page's beginning */
    if (begin >= size)
        return false;
    s->found.start = va + begin;
    s->found.size = (end < size ? end : size) - begin;
    if (s->pieces)
        see_large(s, va, pa);
    return true;
}

static bool has_page(struct scan *s, const uint8_t *raw, unsigned index, uint64_t va) {
    unsigned size = s->t->mode->entry_size;
    return sc_entry_value(raw + (size_t)index * size, size) && sc_translated_has(s->t, va);
}

/*
 * The first run of pages of a page table that lies at INDEX, whose page is at VA, or behind it;
 * with what belongs to it before.
 */
static bool page_run(struct scan *s, const uint8_t *raw, unsigned index, uint64_t va) {
    unsigned count = sc_mode_count(s->t->mode, 0), first;
    while (index < count && !has_page(s, raw, index, va)) {
        index++;
        va += PAGE;
    }
    if (index == count)
        return false;
    s->found.start = va;
    for (first = index; first && has_page(s, raw, first - 1, s->found.start - PAGE); first--)
        s->found.start -= PAGE;
    do {
        index++;
        va += PAGE;
    } while (index < count && has_page(s, raw, index, va));
    s->found.size = (uint64_t)(index - first) * PAGE;
    return true;
}

/* Entries FIRST to END of a table of LEVEL; its first address would be VA. */
struct part {
    unsigned level, first, end;
    struct sc_table in;
    uint64_t va;
};
static bool table(struct scan *s, const struct part *p);

/* What the entry of LEVEL (not 0) for VA leads to. */
static bool entry(struct scan *s, unsigned level, uint64_t value, uint64_t va) {
    struct sc_translation e = {0};
    sc_entry_decode(&s->t->paging, level, false, value, &e);
    if (e.kind == SC_PTE_VALID)
        return large_page(s, level, va, e.pa);
    struct part next = {level - 1, 0, sc_mode_count(s->t->mode, level - 1), {0}, va};
    return sc_table_of(&e, &next.in) && may_walk(s->t, level - 1, &next.in, va) && table(s, &next);
}

/* The SIZE bytes of a table, in place or in COPY; NULL: there is nothing of it. */
static const uint8_t *bytes_of(struct scan *s, const struct sc_table *in, size_t size,
                               uint8_t copy[PAGE]) {
    const uint8_t *raw;
    size_t got = 0;
    if (!in->paged && sc_space_view(s->t->paging.phys, in->at, &raw, &got) == SC_READ_OK &&
        got >= size)
        return raw;
    return sc_table_read(&s->t->paging, in, copy, size) ? copy : NULL;
}

/* The first piece below a page table, whose first page is at VA. */
static bool leaf(struct scan *s, const struct sc_table *in, size_t size, uint64_t va) {
    struct sc_leaf *l = &s->t->leaf;
    l->va = va;
    l->raw = bytes_of(s, in, size, l->copy);
    return l->raw && sc_leaf_piece(s->t, s->from, &s->found);
}

/* The first run in a part of a table. */
static bool table(struct scan *s, const struct part *p) {
    const struct sc_mode *m = s->t->mode;
    uint8_t copy[PAGE];
    size_t size = (size_t)sc_mode_count(m, p->level) * m->entry_size;
    unsigned i = s->from > p->va ? sc_mode_index(m, p->level, s->from) : p->first;
    if (sc_space_cancelled(s->t->paging.phys))
        return false;
    if (!p->level && s->pieces)
        return leaf(s, &p->in, size, p->va);
    const uint8_t *raw = bytes_of(s, &p->in, size, copy);
    if (!raw)
        return false;
    if (!p->level)
        return page_run(s, raw, i, p->va + (uint64_t)i * PAGE);
    for (; i < p->end; i++) {
        uint64_t value = sc_entry_value(raw + (size_t)i * m->entry_size, m->entry_size);
        if (value && entry(s, p->level, value, p->va + i * reach(m, p->level)))
            return true;
    }
    return false;
}

/*
 * One half of the addresses (UPPER: the kernel's, where there are 64 bits), or all 32 bits. Each
 * has its own root on ARM64, and its own part of the first table elsewhere.
 */
static bool half(struct scan *s, bool upper) {
    const struct sc_mode *m = s->t->mode;
    unsigned level = m->levels - 1, count = sc_mode_count(m, level);
    bool whole = m->va_bits == 32;
    struct part p = {
        .level = level, .first = upper ? count / 2 : 0, .end = whole || upper ? count : count / 2};
    uint64_t begin = upper ? sc_mode_canon(m, (uint64_t)1 << (m->va_bits - 1)) : 0;
    p.va = begin - p.first * reach(m, level);
    p.in.at = sc_mode_root(m, &s->t->paging, begin);
    s->from = s->from > begin ? s->from : begin;
    return table(s, &p);
}

/* The first run, or piece, in all addresses from S->from on. */
static bool anywhere(struct scan *s) {
    const struct sc_mode *m = s->t->mode;
    uint64_t lower_end = m->va_bits == 32 ? (uint64_t)1 << 32 : (uint64_t)1 << (m->va_bits - 1);
    return (s->from < lower_end && half(s, false)) || (m->va_bits != 32 && half(s, true));
}

bool sc_translated_next(void *impl, uint64_t addr, uint64_t *ret_start, uint64_t *ret_size) {
    struct scan s = {.t = impl, .from = addr & ~(uint64_t)(PAGE - 1)};
    struct sc_translated *t = impl;
    /* Who walks in small steps asks many times for one run. */
    if (addr - t->run_start < t->run_size) {
        *ret_start = t->run_start;
        *ret_size = t->run_size;
        return true;
    }
    if (!anywhere(&s))
        return false;
    *ret_start = t->run_start = s.found.start;
    *ret_size = t->run_size = s.found.size;
    return true;
}

/* In the table that the last piece came from; else FROM is moved behind it. */
static bool in_leaf(struct sc_translated *t, uint64_t *from, struct sc_piece *ret) {
    uint64_t size = reach(t->mode, 1);
    if (!t->leaf.raw || *from - t->leaf.va >= size)
        return false;
    if (sc_leaf_piece(t, *from, ret))
        return true;
    *from = t->leaf.va + size;
    return false;
}

bool sc_translated_piece(void *impl, uint64_t addr, uint64_t *ret_start, const uint8_t **ret_data,
                         uint64_t *ret_size) {
    struct scan s = {.t = impl, .from = addr & ~(uint64_t)(PAGE - 1), .pieces = true};
    uint64_t from = s.from;
    if (!in_leaf(impl, &s.from, &s.found)) {
        s.t->leaf.raw = NULL;
        if (s.from < from || !anywhere(&s))
            return false;
    }
    uint64_t skip = addr > s.found.start ? addr - s.found.start : 0;
    *ret_start = s.found.start + skip;
    *ret_data = s.found.data ? s.found.data + skip : NULL;
    *ret_size = s.found.size - skip;
    return true;
}
