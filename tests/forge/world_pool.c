/* SPDX-License-Identifier: MIT */
/*
 * The pool's tables and pages, written through the layouts of the build.
 *
 * Counters of tags are spread over the processors' tables as on a real machine: what the first one
 * allocated the others freed in part, so that no table alone says what is in use.
 */
#include <string.h>

#include "forge/reader.h"
#include "forge/world.h"

enum { ELSEWHERE = 3 };        /* allocations of each tag that another processor freed */
enum { REPEAT_MOST = 0x1000 }; /* pages of a small dump */

struct line {
    struct forge_world *w;
    unsigned number;
    struct forge_words words;
    size_t at;
};

static bool take(struct line *l, const char *what, const char **ret) {
    if (l->at == l->words.count)
        return forge_wrong(l->w->s, l->number, "%s is missing", what);
    *ret = l->words.item[l->at++].text;
    return true;
}

static bool take_number(struct line *l, const char *what, bool decimal, uint64_t *ret) {
    const char *text;
    if (!take(l, what, &text))
        return false;
    return (decimal ? forge_decimal(text, ret) : forge_number(text, ret)) ||
           forge_wrong(l->w->s, l->number, "%s: \"%s\" is no number", what, text);
}

/* Four characters, padded with blanks; `.` in quotes stays one. */
static bool take_tag(struct line *l, uint32_t *ret) {
    const char *text;
    if (!take(l, "a tag", &text))
        return false;
    size_t len = strlen(text);
    if (!len || len > 4)
        return forge_wrong(l->w->s, l->number, "\"%s\" is no tag of four characters", text);
    *ret = 0;
    for (size_t i = 0; i < 4; i++)
        *ret |= (uint32_t)(unsigned char)(i < len ? text[i] : ' ') << 8 * i;
    return true;
}

static bool take_is(struct line *l, const char *word) {
    if (l->at == l->words.count || strcmp(l->words.item[l->at].text, word) != 0)
        return false;
    l->at++;
    return true;
}

typedef bool (*row_fn)(struct line *l, const struct forge_scn_table *t, const uint64_t *address,
                       size_t index, void *ctx);

static bool each_row(struct forge_world *w, const struct forge_scn_table *t,
                     const uint64_t *address, row_fn fn, void *ctx) {
    const char *p = t->listing.text;
    struct line l = {.w = w, .number = t->listing.line};
    size_t index = 0;
    for (char *text; (text = forge_listing_line(w->pool, &p)) != NULL; l.number++) {
        l.words = (struct forge_words){0};
        l.at = 0;
        if (!forge_words_split(w->pool, text, strlen(text), &l.words))
            return forge_wrong(w->s, l.number, "a quote does not end");
        if (l.words.count && !fn(&l, t, address, index++, ctx))
            return false;
    }
    return true;
}

static bool put(struct line *l, const char *type, uint64_t addr, const char *path, uint64_t value) {
    struct forge_place p;
    if (!forge_types_need(&l->w->types, l->number, type, path, &p))
        return false;
    if (p.bit_count) {
        forge_world_set(l->w, type, addr, path, value);
        return true;
    }
    /* What the layout does not know the type of is as wide as a pointer or less. */
    unsigned width = p.size > l->w->ptr_size && !p.type ? l->w->ptr_size : p.size;
    return forge_world_put_uint(l->w, l->number, addr + p.offset,
                                width >= 8   ? 8
                                : width >= 4 ? 4
                                             : width,
                                width >= 8 ? value : value & UINT32_MAX);
}

/* ---- tags ---- */

static const char *const tracker = "_POOL_TRACKER_TABLE";

/* Counters of one kind in the table of processor CPU of N. */
static bool put_use(struct line *l, uint64_t entry, bool paged, size_t cpu, size_t n,
                    uint64_t count, uint64_t bytes) {
    bool first = cpu == 0, last = cpu + 1 == n, used = count || bytes;
    uint64_t elsewhere = used && n > 1 ? ELSEWHERE : 0;
    uint64_t allocs = first ? count + elsewhere + (used ? 5 : 0) : 0;
    uint64_t frees = (first && used ? 5 : 0) + (last && !first ? elsewhere : 0);
    uint64_t in_use = first ? bytes + elsewhere * 16 : last ? 0 - elsewhere * 16 : 0;
    return put(l, tracker, entry, paged ? "PagedAllocs" : "NonPagedAllocs", allocs) &&
           put(l, tracker, entry, paged ? "PagedFrees" : "NonPagedFrees", frees) &&
           put(l, tracker, entry, paged ? "PagedBytes" : "NonPagedBytes", in_use);
}

/* TAG ALLOCS USED ALLOCS USED, and whatever else !poolused prints behind it. */
static bool tag_row(struct line *l, const struct forge_scn_table *t, const uint64_t *address,
                    size_t index, void *ctx) {
    uint32_t tag, size = *(const uint32_t *)ctx;
    uint64_t v[4];
    if (!take_tag(l, &tag))
        return false;
    for (unsigned i = 0; i < 4; i++)
        if (!take_number(l, "a number", true, &v[i]))
            return false;
    /* Not from the first entry on, and not one behind the other: it is a hash table. */
    if (index >= t->entries || t->entries % 7 == 0)
        return forge_wrong(l->w->s, l->number, "%u entries: more are needed, no multiple of 7",
                           t->entries);
    uint64_t slot = (index * 7 + 2) % t->entries;
    size_t n = t->address.count;
    for (size_t cpu = 0; cpu < n; cpu++) {
        uint64_t entry = address[cpu] + slot * size;
        if (!put(l, tracker, entry, "Key", tag) || !put_use(l, entry, false, cpu, n, v[0], v[1]) ||
            !put_use(l, entry, true, cpu, n, v[2], v[3]))
            return false;
    }
    return true;
}

/* ---- pages ---- */

struct page {
    uint64_t at, previous; /* bytes from the page's start, of the block before */
};

/* POOL_HEADER.PoolType of a block in use: see src/nt/pool.c. */
static uint64_t pool_type(const struct forge_world *w, bool paged) {
    bool old = w->s->os.build < 6000;
    return old ? (paged ? 2 : 1) : (paged ? 3 : 2);
}

static bool block_row(struct line *l, const struct forge_scn_table *t, const uint64_t *address,
                      size_t index, void *ctx) {
    static const char *const header = "_POOL_HEADER";
    struct page *page = ctx;
    uint64_t size, process = 0, unit = l->w->is32 ? 8 : 16;
    uint32_t tag;
    (void)t, (void)index;
    if (!take_number(l, "a size", false, &size) || !take_tag(l, &tag))
        return false;
    bool free = take_is(l, "free"), paged = take_is(l, "paged");
    take_is(l, "nonpaged");
    if (take_is(l, "protected"))
        tag |= 0x80000000u;
    if (take_is(l, "process") && !take_number(l, "a process", false, &process))
        return false;
    uint64_t at = *address + page->at;
    if (!size || size % unit || page->at + size > FORGE_PAGE_SIZE)
        return forge_wrong(l->w->s, l->number, "a block of %llx bytes at %llx does not fit",
                           (unsigned long long)size, (unsigned long long)at);
    forge_memmap_fill(&l->w->mem, at, size);
    uint64_t type = free ? 0 : pool_type(l->w, paged) | (process ? 8 : 0);
    bool ok = put(l, header, at, "PreviousSize", page->previous / unit) &&
              put(l, header, at, "BlockSize", size / unit) &&
              put(l, header, at, "PoolType", type) &&
              forge_world_put_uint(l->w, l->number, at + 4, 4, tag); /* not known in all tables */
    if (ok && process)
        ok = l->w->is32 ? forge_world_put_uint(l->w, l->number, at + size - 4, 4, process)
                        : put(l, header, at, "ProcessBilled", process);
    page->at += size;
    page->previous = size;
    return ok;
}

/* ---- large allocations ---- */

static bool big_row(struct line *l, const struct forge_scn_table *t, const uint64_t *address,
                    size_t index, void *ctx) {
    static const char *const big = "_POOL_TRACKER_BIG_PAGES";
    uint64_t va, size, entry;
    uint32_t tag;
    struct forge_place p;
    if (!take_number(l, "an address", false, &va) || !take_tag(l, &tag) ||
        !take_number(l, "a size", false, &size))
        return false;
    if (index >= t->entries)
        return forge_wrong(l->w->s, l->number, "the table has %u entries", t->entries);
    entry = *address + index * *(const uint32_t *)ctx;
    bool free = take_is(l, "free"), paged = take_is(l, "paged");
    bool bytes = forge_world_offset(l->w, big, "NumberOfBytes", &p);
    bool ok = put(l, big, entry, "Va", va | free) && put(l, big, entry, "Key", tag) &&
              put(l, big, entry, bytes ? "NumberOfBytes" : "NumberOfPages",
                  bytes ? size : (size + 0xfff) / 0x1000);
    if (ok && forge_world_offset(l->w, big, "PoolType", &p))
        ok = put(l, big, entry, "PoolType", paged ? 1 : 0);
    return ok;
}

/* ---- all of them ---- */

/*
 * The page of blocks at ADDR again, COUNT - 1 times. In whole memory these pages are stored once,
 * and what other lines put there goes over them; the spaces are not made yet.
 */
static bool repeat_page(struct forge_world *w, const struct forge_scn_table *t, uint64_t addr,
                        uint64_t count) {
    uint8_t *page = forge_pool_get(w->pool, FORGE_PAGE_SIZE);
    uint64_t last = addr + count * FORGE_PAGE_SIZE - 1;
    if (addr % FORGE_PAGE_SIZE || last < addr || (w->is32 && last > UINT32_MAX))
        return forge_wrong(w->s, t->line, "poolpage: %llx pages from %llx on cannot be",
                           (unsigned long long)count, (unsigned long long)addr);
    forge_memmap_get(&w->mem, addr, page, FORGE_PAGE_SIZE);
    if (w->whole) {
        *FORGE_PUSH(w->pool, &w->repeats) =
            (struct forge_wrepeat){t->line, addr + FORGE_PAGE_SIZE, count - 1, page};
        return true;
    }
    if (count > REPEAT_MOST)
        return forge_wrong(w->s, t->line, "poolpage: a small dump has at most %x such pages",
                           REPEAT_MOST);
    for (uint64_t i = 1; i < count; i++)
        forge_world_put(w, 0, addr + i * FORGE_PAGE_SIZE, page, FORGE_PAGE_SIZE);
    return true;
}

static bool make_table(struct forge_world *w, const struct forge_scn_table *t,
                       const uint64_t *address) {
    const char *type = t->kind == FORGE_TABLE_POOL_TAGS ? tracker : "_POOL_TRACKER_BIG_PAGES";
    struct page page = {0, 0};
    if (t->kind == FORGE_TABLE_SEG_HEAP)
        return forge_world_segheap(w, t, address);
    if (t->kind == FORGE_TABLE_POOL_PAGE)
        return each_row(w, t, address, block_row, &page) &&
               (t->pages < 2 || repeat_page(w, t, *address, t->pages));
    uint32_t size = forge_world_sizeof(w, type);
    if (!size)
        return forge_wrong(w->s, t->line, "this build has no %s", type);
    for (size_t i = 0; i < t->address.count; i++)
        forge_memmap_fill(&w->mem, address[i], (uint64_t)size * t->entries);
    return each_row(w, t, address, t->kind == FORGE_TABLE_POOL_TAGS ? tag_row : big_row, &size);
}

bool forge_world_tables(struct forge_world *w) {
    for (size_t i = 0; i < w->s->tables.count; i++) {
        const struct forge_scn_table *t = &w->s->tables.item[i];
        uint64_t *address = forge_pool_get(w->pool, t->address.count * sizeof *address);
        for (size_t k = 0; k < t->address.count; k++)
            if (!forge_world_eval(w, t->line, t->address.item[k].text, &address[k], NULL))
                return false;
        if (!make_table(w, t, address))
            return false;
    }
    return true;
}
