/* SPDX-License-Identifier: MIT */
/*
 * POOL_HEADER and the pages it divides.
 *
 *   x86   +0 PreviousSize:9 PoolIndex:7 BlockSize:9 PoolType:7   +4 PoolTag           sizes in 8
 *   x64   +0 PreviousSize:8 PoolIndex:8 BlockSize:8 PoolType:8   +4 PoolTag
 *         +8 ProcessBilled                                                            sizes in 16
 *
 * The same in every build (the symbol tables at hand and the tables of layouts are held against
 * it by a test). PoolType is 0 in a free block. In use it is, until Server 2003, the pool's type
 * and one, so that odd is nonpaged; since Vista odd is paged. 8: quota is charged: the process is
 * ProcessBilled, on x86 the block's last pointer; since Windows 8 on x64 it is mixed with the
 * header's address and nt!ExpPoolQuotaCookie. Bit 31 of the tag: a protected block.
 *
 * Where pools are: KDDEBUGGER_DATA64 until Windows 7, for x64 Vista and 7 the ranges published in
 * "Windows Internals"; nt!MiState.Vs.SystemVaRegions since Windows 10, in the order of
 * _MI_ASSIGNED_REGION_TYPES, which moved up by one in build 20348.
 *
 * Sources: the public symbols of the kernels; "Windows Internals"; public research on pools.
 */
#include "nt/pool.h"

#include <string.h>

#include "nt/global.h"

enum { TYPE_PAGED = 1, TYPE_QUOTA = 8 };

const char *nt_pool_region_name(enum nt_pool_region region) {
    switch (region) {
    case NT_REGION_NONPAGED: return "Nonpaged pool";
    case NT_REGION_PAGED: return "Paged pool";
    case NT_REGION_SESSION: return "Session pool";
    case NT_REGION_SPECIAL: return "Special pool";
    default: return "Unknown";
    }
}

/* ---- regions ---- */

static void add_range(struct nt_pool *pool, enum nt_pool_region region, uint64_t start,
                      uint64_t size) {
    if (pool->nranges < NT_POOL_RANGES_MAX && size && nt_is_kernel(pool->nt, start) &&
        start + (size - 1) >= start)
        pool->range[pool->nranges++] = (struct nt_pool_range){region, start, size};
}

/* The variables that two members of the debugger's block point to. */
static sc_err *add_bounds(struct nt_pool *pool, enum nt_pool_region region,
                          const struct nt_var *first, const struct nt_var *last) {
    struct nt_field start, end;
    sc_err *err = nt_var_read(pool->nt, first, 0, &start);
    if (!err)
        err = nt_var_read(pool->nt, last, 0, &end);
    if (!err && nt_set(&start) && nt_set(&end) && end.value > start.value)
        add_range(pool, region, start.value, end.value - start.value);
    return err;
}

static sc_err *add_variables(struct nt_pool *pool) {
    static const struct nt_var np_start = {"nt!MmNonPagedPoolStart", 0x110};
    static const struct nt_var np_end = {"nt!MmNonPagedPoolEnd", 0x118};
    static const struct nt_var p_start = {"nt!MmPagedPoolStart", 0x120};
    static const struct nt_var p_end = {"nt!MmPagedPoolEnd", 0x128};
    sc_err *err = add_bounds(pool, NT_REGION_NONPAGED, &np_start, &np_end);
    return err ? err : add_bounds(pool, NT_REGION_PAGED, &p_start, &p_end);
}

static const struct sc_layout_field region_rows[] = {{"Vs.SystemVaRegions", 1, true}};
static const struct nt_def region_def = {
    {"nt!_MI_SYSTEM_INFORMATION", region_rows, 1}, 1, NULL, NULL, 0};

static sc_err *add_assigned(struct nt_pool *pool) {
    const struct nt *nt = pool->nt;
    struct nt_field state;
    uint64_t offset;
    bool found = false;
    sc_err *err = nt_var_address(nt, &(struct nt_var){"nt!MiState", 0}, &state);
    if (!err && state.state == NT_READ)
        err = nt_offset(nt, &region_def, 0, &offset, &found);
    if (sc_err_catch(&err, SC_ERR_NOT_FOUND) || err || !found)
        return err;
    unsigned first = nt->build >= 20348 ? 1 : 0;
    static const enum nt_pool_region region[] = {NT_REGION_NONPAGED, NT_REGION_PAGED};
    for (unsigned i = 0; i < 2; i++) {
        uint64_t at = nt_add(nt, state.value, offset + (first + i) * 2 * nt->ptr_size);
        struct nt_field base = nt_pointer(nt, at), size = nt_pointer(nt, at + nt->ptr_size);
        if (nt_set(&base) && nt_set(&size))
            add_range(pool, region[i], base.value, size.value);
    }
    return NULL;
}

sc_err *nt_pool_open(const struct nt *nt, struct nt_pool *ret) {
    struct nt_pool pool = {.nt = nt,
                           .unit = nt->ptr_size * 2,
                           .header = nt->ptr_size * 2,
                           .new_types = nt->build >= 6000,
                           .segments = nt->build >= 18362};
    sc_err *err = nt->build >= 9200 && nt->ptr_size == 8
                      ? nt_var_named(nt, "nt!ExpPoolQuotaCookie", 8, &pool.quota_cookie)
                      : NULL;
    if (!err)
        err = nt->build < 10000 ? add_variables(&pool) : add_assigned(&pool);
    if (!err && !pool.nranges && nt->ptr_size == 8 && nt->build >= 6000 && nt->build < 9200) {
        add_range(&pool, NT_REGION_NONPAGED, 0xfffffa8000000000, 0x8000000000);
        add_range(&pool, NT_REGION_PAGED, 0xfffff8a000000000, 0x2000000000);
        add_range(&pool, NT_REGION_SESSION, 0xfffff90000000000, 0x8000000000);
    }
    if (!err)
        *ret = pool;
    return err;
}

enum nt_pool_region nt_pool_region_at(const struct nt_pool *pool, uint64_t address) {
    for (size_t i = 0; i < pool->nranges; i++)
        if (address - pool->range[i].start < pool->range[i].size)
            return pool->range[i].region;
    return NT_REGION_UNKNOWN;
}

/* ---- headers ---- */

static uint64_t low(const uint8_t *p, unsigned n) {
    uint64_t v = 0;
    for (unsigned i = 0; i < n; i++)
        v |= (uint64_t)p[i] << 8 * i;
    return v;
}

/* Whom the quota of a block is charged to. */
static uint64_t billed(const struct nt_pool *pool, uint64_t address, uint32_t size,
                       const uint8_t *header) {
    const struct nt *nt = pool->nt;
    if (nt->ptr_size == 4) {
        struct nt_field last = nt_pointer(nt, nt_add(nt, address, size - 4));
        return size >= 16 && nt_set(&last) && nt_is_kernel(nt, last.value) ? last.value : 0;
    }
    uint64_t process = low(header + 8, 8);
    if (nt->build >= 9200) {
        if (pool->quota_cookie.state != NT_READ)
            return 0;
        process ^= address ^ pool->quota_cookie.value;
    }
    return nt_is_kernel(nt, process) ? process : 0;
}

void nt_pool_decode(const struct nt_pool *pool, uint64_t address, const uint8_t *header,
                    struct nt_pool_block *ret) {
    uint32_t bits = (uint32_t)low(header, 4), tag = (uint32_t)low(header + 4, 4);
    bool x86 = pool->unit == 8;
    struct nt_pool_block b = {
        .address = address,
        .previous = (x86 ? bits & 0x1ff : bits & 0xff) * pool->unit,
        .size = (x86 ? bits >> 16 & 0x1ff : bits >> 16 & 0xff) * pool->unit,
        .type = (uint8_t)(x86 ? bits >> 25 : bits >> 24),
        .tag = tag & 0x7fffffff,
        .protect = (tag & 0x80000000) != 0,
    };
    b.allocated = b.type != 0;
    if (b.allocated) {
        bool paged = ((b.type & TYPE_PAGED) != 0) == pool->new_types;
        b.region = paged ? NT_REGION_PAGED : NT_REGION_NONPAGED;
        if (b.type & TYPE_QUOTA)
            b.process = billed(pool, address, b.size, header);
    }
    *ret = b;
}

/* ---- pages ---- */

static enum nt_pool_fault check(const struct nt_pool_block *b, uint32_t offset, uint32_t previous) {
    if (!b->size)
        return NT_POOL_ZERO;
    if (offset + b->size > NT_POOL_PAGE)
        return NT_POOL_OVERRUN;
    return b->previous == previous ? NT_POOL_FINE : NT_POOL_PREVIOUS;
}

void nt_pool_page_read(const struct nt_pool *pool, uint64_t address, struct nt_pool_page *page) {
    uint8_t bytes[NT_POOL_PAGE];
    size_t got = 0;
    uint32_t previous = 0;
    page->address = address & ~(uint64_t)(NT_POOL_PAGE - 1);
    page->count = 0;
    page->fault = NT_POOL_FINE;
    page->expected = 0;
    sc_space_read(pool->nt->space, page->address, bytes, sizeof bytes, &got);
    for (uint32_t offset = 0; offset < NT_POOL_PAGE && page->count < NT_POOL_BLOCKS_MAX;) {
        if (offset + pool->header > got) {
            page->fault = NT_POOL_ABSENT;
            return;
        }
        struct nt_pool_block *b = &page->block[page->count++];
        nt_pool_decode(pool, page->address + offset, bytes + offset, b);
        page->fault = check(b, offset, previous);
        page->expected = previous;
        if (page->fault != NT_POOL_FINE)
            return;
        previous = b->size;
        offset += b->size;
    }
}

const struct nt_pool_block *nt_pool_block_at(const struct nt_pool_page *page, uint64_t address) {
    for (size_t i = 0; i < page->count; i++)
        if (address - page->block[i].address < page->block[i].size)
            return &page->block[i];
    return NULL;
}
