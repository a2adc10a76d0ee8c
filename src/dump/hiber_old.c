/* SPDX-License-Identifier: MIT */
/*
 * Hibernation files up to Windows 7: tables of memory ranges, each with its blocks behind it.
 *
 *     page T      link: page of the next table, number of ranges; then the ranges: first page,
 *                 page behind the last one. Six forms: see hiber.c
 *     page T+1    blocks of up to 16 pages, in the order of the table's ranges, each on 8 bytes
 *
 *     +0x00   81 81 'x' 'p' 'r' 'e' 's' 's'
 *     +0x08   u8   pages - 1
 *     +0x09   u24  (size of the data - 1) * 4, the lowest 2 bits of it unknown
 *     +0x20   data: plain Xpress, or, as many bytes as the pages have, not compressed
 *
 * The last table has no next one, or is not full. A block that is not where it should be is looked
 * for a few pages on, as other readers do; but it is believed only when all blocks from there to
 * the next table have just the pages that are still to come: else one in between is lost, and every
 * page behind it would be taken for another. Learnt from libhibr's documentation and the behaviour
 * of Volatility; checked on no real file.
 */
#include <inttypes.h>
#include <string.h>

#include "dump/hiber_impl.h"

enum {
    SEARCHED = 0x2800, /* bytes behind the place where a block should be */
    SETS_MOST = 1 << 28,
    ENTRIES_MOST = 512,
};
static const uint8_t magic[8] = {0x81, 0x81, 'x', 'p', 'r', 'e', 's', 's'};

bool hiber_block_at(const sc_file *file, uint64_t offset, struct hiber_block *ret) {
    uint8_t h[HIBER_BLOCK_HEADER];
    size_t got;
    if (!sc_file_read_some(file, offset, h, sizeof h, &got) || got < sizeof h ||
        memcmp(h, magic, sizeof magic) != 0)
        return false;
    uint32_t size = (((uint32_t)h[9] | (uint32_t)h[10] << 8 | (uint32_t)h[11] << 16) >> 2) + 1;
    unsigned pages = h[8] + 1u;
    if (pages > HIBER_SET_PAGES || size > pages * HIBER_PAGE ||
        !sc_file_has(file, offset + sizeof h, size))
        return false;
    *ret = (struct hiber_block){offset + sizeof h, size, (uint8_t)pages};
    return true;
}

/* The block at OFFSET or a little behind it, but before END. */
static bool find_block(const sc_file *file, uint64_t offset, uint64_t end,
                       struct hiber_block *ret) {
    if (hiber_block_at(file, offset, ret))
        return true;
    uint8_t b[SEARCHED];
    size_t got, most = end > offset && end - offset < sizeof b ? (size_t)(end - offset) : sizeof b;
    if (offset >= end || !sc_file_read_some(file, offset, b, most, &got))
        return false;
    for (size_t at = 8; at + sizeof magic <= got; at += 8)
        if (!memcmp(b + at, magic, sizeof magic) && hiber_block_at(file, offset + at, ret))
            return true;
    return false;
}

static uint64_t behind(const struct hiber_block *b) { return (b->data + b->size + 7) & ~7ull; }

struct table {
    uint64_t next;
    unsigned count, capacity;
    uint64_t start[ENTRIES_MOST], end[ENTRIES_MOST];
};

static uint64_t number(const uint8_t *p, bool is64) {
    uint64_t value = 0;
    for (unsigned i = 0; i < (is64 ? 8u : 4u); i++)
        value |= (uint64_t)p[i] << 8 * i;
    return value;
}

/* NULL, or what is wrong with it: static; the ranges before a wrong one are there then. */
static const char *read_table(const sc_file *file, const struct hiber_table_form *form,
                              uint64_t page, struct table *ret) {
    uint8_t b[HIBER_PAGE];
    size_t got;
    ret->count = 0;
    if (!page || page >= sc_file_size(file) / HIBER_PAGE ||
        !sc_file_read_some(file, page * HIBER_PAGE, b, sizeof b, &got) || got < sizeof b)
        return "it is not in the file";
    unsigned count = (unsigned)number(b + form->count, false);
    ret->next = number(b + form->next, form->is64);
    ret->capacity = (HIBER_PAGE - form->entries) / form->entry;
    if (count > ret->capacity)
        return "it has more ranges than a page can";
    for (unsigned i = 0; i < count; i++) {
        const uint8_t *e = b + form->entries + (size_t)i * form->entry;
        ret->start[i] = number(e + form->start, form->is64);
        ret->end[i] = number(e + form->end, form->is64);
        if (ret->start[i] >= ret->end[i] || ret->end[i] > HIBER_PFN_END)
            return "one of its ranges has no pages, or pages that no machine has";
        ret->count++;
    }
    return NULL;
}

unsigned hiber_old_fits(const sc_file *file, const struct hiber_table_form *form, uint64_t page) {
    struct table t;
    struct hiber_block block;
    const char *why = read_table(file, form, page, &t);
    if (!t.count || !hiber_block_at(file, (page + 1) * HIBER_PAGE, &block))
        return 0;
    unsigned ascending = 1;
    for (unsigned i = 1; i < t.count; i++)
        ascending += t.start[i] >= t.end[i - 1];
    return !why && 2 * ascending > t.count ? HIBER_FITS + ascending : ascending;
}

/* Walks over the blocks while the ranges of a table are dealt out to them. */
struct dealer {
    struct sc_source *s;
    struct hiber_index *index;
    uint64_t offset, end; /* where the next block should be; of the table's blocks */
    uint64_t pos;
    uint64_t wanted; /* pages that have no block yet */
    unsigned left;   /* pages of the current block that nobody has */
    bool believed;   /* blocks are not where they should be, but sum up */
    bool nomem;
};

/* Do the blocks from B on have the pages that are wanted, no more and no less? */
static bool sums_up(const struct dealer *d, struct hiber_block b) {
    uint64_t sum = b.pages;
    while (sum < d->wanted && find_block(d->s->file, behind(&b), d->end, &b))
        sum += b.pages;
    return sum == d->wanted;
}

/* False: there is none, or memory is short. */
static bool next_block(struct dealer *d) {
    struct hiber_block b;
    if (d->index->sets.count >= SETS_MOST || !find_block(d->s->file, d->offset, d->end, &b))
        return false;
    if (b.data != d->offset + HIBER_BLOCK_HEADER && !d->believed) {
        d->believed = sums_up(d, b);
        if (!d->believed)
            return false;
    }
    uint8_t method = b.size == b.pages * HIBER_PAGE ? HIBER_RAW : HIBER_PLAIN;
    d->pos = (uint64_t)d->index->sets.count << 4;
    d->nomem = !hiber_index_set(d->index, (struct hiber_set){b.data, b.size, b.pages, method});
    d->left = b.pages;
    d->wanted -= b.pages < d->wanted ? b.pages : d->wanted;
    d->offset = behind(&b);
    return !d->nomem;
}

/* Returns how many pages of the range got none. */
static uint64_t deal(struct dealer *d, uint64_t start, uint64_t end) {
    while (start < end) {
        if (!d->left && !next_block(d))
            break;
        uint64_t take = end - start < d->left ? end - start : d->left;
        if (!hiber_index_pages(d->index, start, take, d->pos)) {
            d->nomem = true;
            break;
        }
        start += take;
        d->pos += take;
        d->left -= (unsigned)take;
    }
    return end - start;
}

/* The writer goes forward only: what does not is damage, and could go round for ever. */
static bool has_next(const struct table *t, uint64_t page) {
    return t->count == t->capacity && t->next > page;
}

/* Gives each page of a table its place; false: memory is short. */
static bool deal_table(struct sc_source *s, const struct table *t, uint64_t page,
                       struct hiber_index *index) {
    struct dealer d = {.s = s, .index = index, .offset = (page + 1) * HIBER_PAGE};
    uint64_t missing = 0;
    d.end = has_next(t, page) && t->next < UINT64_MAX / HIBER_PAGE ? t->next * HIBER_PAGE
                                                                   : sc_file_size(s->file);
    for (unsigned i = 0; i < t->count; i++)
        d.wanted += t->end[i] - t->start[i];
    for (unsigned i = 0; i < t->count && !d.nomem; i++)
        missing += missing ? t->end[i] - t->start[i] : deal(&d, t->start[i], t->end[i]);
    if (missing && !d.nomem)
        sc_source_note(s, d.offset,
                       "memory ranges: no block of compressed pages here: 0x%" PRIx64
                       " pages of the table at 0x%" PRIx64 " are missing",
                       missing, page * HIBER_PAGE);
    return !d.nomem;
}

bool hiber_old_list(struct sc_source *source, const struct hiber *hiber,
                    struct hiber_index *ret_index) {
    uint64_t page = hiber->first_table;
    for (;;) {
        struct table t;
        const char *why = read_table(source->file, hiber->layout->form, page, &t);
        if (why)
            sc_source_note(source, page < UINT64_MAX / HIBER_PAGE ? page * HIBER_PAGE : SC_UNSET64,
                           "table of memory ranges at page 0x%" PRIx64
                           ": %s: it and what follows are left out",
                           page, why);
        if (t.count && !deal_table(source, &t, page, ret_index))
            return false;
        if (why)
            return true;
        if (!t.next || t.count < t.capacity)
            return true;
        if (!has_next(&t, page)) {
            sc_source_note(source, page * HIBER_PAGE,
                           "table of memory ranges: the next one (page 0x%" PRIx64
                           ") does not lie behind it: what follows is left out",
                           t.next);
            return true;
        }
        page = t.next;
    }
}
