/* SPDX-License-Identifier: MIT */
/*
 * The table of large allocations.
 *
 *   nt!PoolBigPageTable, nt!PoolBigPageTableSize   POOL_TRACKER_BIG_PAGES[]
 *
 *   Va             the address; 0 never used, bit 0 set: free
 *   Key            the tag
 *   NumberOfPages  until Server 2003; since Vista NumberOfBytes
 *   PoolType       since Vista; since Windows 10 12 bits behind an 8-bit pattern
 *
 * Sources: the public symbols of the kernels (tables of layouts in data/layouts); public research
 * on the meaning of bit 0.
 */
#include "nt/bigpool.h"

#include <stdlib.h>

#include "nt/global.h"

enum { CHUNK = 64 << 10, ENTRY_MAX = 128 };
enum { F_VA, F_KEY, F_PAGES, F_BYTES, F_TYPE, F_PATTERN, FIELDS };
static const struct sc_layout_field rows[FIELDS] = {
    [F_VA] = {"Va", 4, false},
    [F_KEY] = {"Key", 4, false},
    [F_PAGES] = {"NumberOfPages", 4, true},
    [F_BYTES] = {"NumberOfBytes", 4, true},
    [F_TYPE] = {"PoolType", 4, true},
    [F_PATTERN] = {"Pattern", 4, true},
};
static const struct sc_layout_def def = {"nt!_POOL_TRACKER_BIG_PAGES", rows, FIELDS};

static sc_err *bind(struct nt_bigpool *big) {
    const sc_layout *l;
    sc_err *err = sc_layout_book_get(big->pool->nt->book, &def, &l);
    if (err)
        return err;
    bool pages = sc_layout_has(l, F_PAGES);
    unsigned ptr = big->pool->nt->ptr_size;
    if (!pages && !sc_layout_has(l, F_BYTES))
        return sc_errf(SC_ERR_NOT_FOUND, "nt!_POOL_TRACKER_BIG_PAGES has no size");
    big->in_pages = pages;
    big->entry = (uint32_t)sc_layout_size(l);
    big->at_va = (uint32_t)sc_layout_offset(l, F_VA);
    big->at_tag = (uint32_t)sc_layout_offset(l, F_KEY);
    big->at_size = (uint32_t)sc_layout_offset(l, pages ? F_PAGES : F_BYTES);
    big->has_type = sc_layout_has(l, F_TYPE);
    big->packed_type = sc_layout_has(l, F_PATTERN);
    big->at_type = (uint32_t)sc_layout_offset(l, F_TYPE);
    big->assumed = sc_layout_assumed(l);
    uint32_t size = big->entry;
    if (!size || size > ENTRY_MAX || big->at_va + ptr > size || big->at_tag + 4 > size ||
        big->at_size + (pages ? 4 : ptr) > size || (big->has_type && big->at_type + 4 > size))
        return sc_errf(SC_ERR_FORMAT, "nt!_POOL_TRACKER_BIG_PAGES is laid out as no build has it");
    return NULL;
}

static sc_err *lacked(const char *symbol, enum nt_state state) {
    char buf[NT_LACKED];
    return sc_errf(SC_ERR_NOT_FOUND, "large allocations cannot be found without %s",
                   nt_var_lacked(symbol, state, buf));
}

sc_err *nt_bigpool_open(const struct nt_pool *pool, struct nt_bigpool *ret) {
    struct nt_bigpool big = {.pool = pool};
    struct nt_field table, size;
    sc_err *err = nt_var_named(pool->nt, "nt!PoolBigPageTable", 0, &table);
    if (!err)
        err = nt_var_named(pool->nt, "nt!PoolBigPageTableSize", 0, &size);
    if (!err && table.state != NT_READ)
        err = lacked("nt!PoolBigPageTable", table.state);
    else if (!err && size.state != NT_READ)
        err = lacked("nt!PoolBigPageTableSize", size.state);
    if (!err && size.value > NT_BIGPOOL_MAX)
        err = sc_errf(SC_ERR_LIMIT,
                      "nt!PoolBigPageTableSize says %llu entries: more than the "
                      "table can have",
                      (unsigned long long)size.value);
    if (!err)
        err = bind(&big);
    if (err)
        return err;
    big.table = table.value;
    big.count = table.value ? size.value : 0;
    *ret = big;
    return NULL;
}

static uint64_t number(const uint8_t *p, unsigned n) {
    uint64_t v = 0;
    for (unsigned i = 0; i < n; i++)
        v |= (uint64_t)p[i] << 8 * i;
    return v;
}

/* False: the entry is free. */
static bool decode(const struct nt_bigpool *big, const uint8_t *entry, struct nt_big_block *ret) {
    unsigned ptr = big->pool->nt->ptr_size;
    uint64_t va = number(entry + big->at_va, ptr);
    if (!va || va & 1)
        return false;
    uint32_t tag = (uint32_t)number(entry + big->at_tag, 4);
    uint64_t size = number(entry + big->at_size, big->in_pages ? 4 : ptr);
    *ret = (struct nt_big_block){.address = va,
                                 .size = big->in_pages ? size * NT_POOL_PAGE : size,
                                 .tag = tag & 0x7fffffff,
                                 .protect = (tag & 0x80000000) != 0,
                                 .type = {0, NT_NO_FIELD},
                                 .region = nt_pool_region_at(big->pool, va)};
    if (big->has_type) {
        uint64_t type = number(entry + big->at_type, 4);
        if (big->packed_type)
            type = type >> 8 & 0xfff;
        ret->type = (struct nt_field){type, NT_READ};
        ret->region = type & 0x20 ? NT_REGION_SESSION
                      : type & 1  ? NT_REGION_PAGED
                                  : NT_REGION_NONPAGED;
    }
    return true;
}

sc_err *nt_bigpool_each(struct nt_bigpool *big, nt_big_fn fn, void *ctx) {
    const struct nt *nt = big->pool->nt;
    uint8_t *chunk = malloc(CHUNK);
    if (!chunk)
        return sc_err_nomem();
    bool more = true;
    uint64_t per = CHUNK / big->entry;
    for (uint64_t i = 0, n; more && i < big->count; i += n) {
        if (sc_target_cancelled(nt->target)) {
            free(chunk);
            return sc_err_cancelled();
        }
        size_t got = 0;
        n = big->count - i < per ? big->count - i : per;
        sc_space_read(nt->space, nt_add(nt, big->table, i * big->entry), chunk,
                      (size_t)(n * big->entry), &got);
        uint64_t read = got / big->entry;
        for (uint64_t k = 0; more && k < read; k++) {
            struct nt_big_block b;
            if (decode(big, chunk + k * big->entry, &b))
                more = fn(ctx, &b);
        }
        if (read < n) { /* step over the rest of the page that is missing */
            uint64_t at = nt_add(nt, big->table, (i + read) * big->entry);
            uint64_t skip = (NT_POOL_PAGE - at % NT_POOL_PAGE) / big->entry + 1;
            n = read + skip < n ? read + skip : n;
            big->torn += n - read;
        }
    }
    free(chunk);
    return NULL;
}

struct search {
    uint64_t address;
    struct nt_big_block *ret;
    bool found;
};

static bool is_it(void *ctx, const struct nt_big_block *b) {
    struct search *s = ctx;
    uint64_t end = (b->size + NT_POOL_PAGE - 1) & ~(uint64_t)(NT_POOL_PAGE - 1);
    if (s->address - b->address >= end)
        return true;
    *s->ret = *b;
    s->found = true;
    return false;
}

sc_err *nt_bigpool_find(struct nt_bigpool *big, uint64_t address, struct nt_big_block *ret,
                        bool *ret_found) {
    struct search s = {address, ret, false};
    sc_err *err = nt_bigpool_each(big, is_it, &s);
    *ret_found = s.found;
    return err;
}
