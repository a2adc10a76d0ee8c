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
    uint64_t start, size;
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

static uint64_t value_at(const uint8_t *raw, unsigned size) {
    uint64_t v = 0;
    for (unsigned i = size; i-- > 0;)
        v = v << 8 | raw[i];
    return v;
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
    s->start = va + begin;
    s->size = (end < size ? end : size) - begin;
    return true;
}

static bool has_page(struct scan *s, const uint8_t *raw, unsigned index, uint64_t va) {
    unsigned size = s->t->mode->entry_size;
    return value_at(raw + (size_t)index * size, size) && sc_translated_has(s->t, va);
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
    s->start = va;
    for (first = index; first && has_page(s, raw, first - 1, s->start - PAGE); first--)
        s->start -= PAGE;
    do {
        index++;
        va += PAGE;
    } while (index < count && has_page(s, raw, index, va));
    s->size = (uint64_t)(index - first) * PAGE;
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

/* The first run in a part of a table. */
static bool table(struct scan *s, const struct part *p) {
    const struct sc_mode *m = s->t->mode;
    uint8_t raw[PAGE];
    size_t size = (size_t)sc_mode_count(m, p->level) * m->entry_size;
    unsigned i = s->from > p->va ? sc_mode_index(m, p->level, s->from) : p->first;
    if (sc_space_cancelled(s->t->paging.phys))
        return false;
    if (!sc_table_read(&s->t->paging, &p->in, raw, size))
        return false;
    if (!p->level)
        return page_run(s, raw, i, p->va + (uint64_t)i * PAGE);
    for (; i < p->end; i++) {
        uint64_t value = value_at(raw + (size_t)i * m->entry_size, m->entry_size);
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

bool sc_translated_next(void *impl, uint64_t addr, uint64_t *ret_start, uint64_t *ret_size) {
    struct scan s = {.t = impl, .from = addr & ~(uint64_t)(PAGE - 1)};
    struct sc_translated *t = impl;
    const struct sc_mode *m = t->mode;
    /* Who walks in small steps asks many times for one run. */
    if (addr - t->run_start < t->run_size) {
        *ret_start = t->run_start;
        *ret_size = t->run_size;
        return true;
    }
    uint64_t lower_end = m->va_bits == 32 ? (uint64_t)1 << 32 : (uint64_t)1 << (m->va_bits - 1);
    bool found = s.from < lower_end && half(&s, false);
    if (!found && m->va_bits != 32)
        found = half(&s, true);
    if (found) {
        *ret_start = t->run_start = s.start;
        *ret_size = t->run_size = s.size;
    }
    return found;
}
