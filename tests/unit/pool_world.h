/* SPDX-License-Identifier: MIT */
/*
 * Kernels of several builds with pools: what the tests of pool readers and commands start from.
 * Tables are written through the layouts of the build, as in kernel_world.h.
 */
#ifndef STOPCODE_UNIT_POOL_WORLD_H
#define STOPCODE_UNIT_POOL_WORLD_H

#include "kernel_world.h"

static const struct pool_build {
    enum sc_cpu cpu;
    uint32_t build;
    uint64_t nt, pool; /* where the kernel and the tables are */
} pool_builds[] = {
    {SC_CPU_X86, 2600, 0x804d7000, 0x81000000},
    {SC_CPU_X86, 7601, 0x82800000, 0x85000000},
    {SC_CPU_X64, 7601, 0xfffff80001a1f000, 0xfffffa8003000000},
    {SC_CPU_X64, 9600, 0xfffff80201a1f000, 0xffffe00103000000},
    {SC_CPU_X64, 14393, 0xfffff80301a1f000, 0xffffb40103000000},
    {SC_CPU_X64, 17763, 0xfffff80401a1f000, 0xffffb40d03000000},
    {SC_CPU_X64, 19041, 0xfffff80501a1f000, 0xffffc00d03000000},
    {SC_CPU_X86, 19041, 0x82800000, 0x85000000},
    {SC_CPU_X64, 22000, 0xfffff80601a1f000, 0xffffd00d03000000},
};
enum { POOL_BUILDS = sizeof pool_builds / sizeof *pool_builds };

static inline struct world *pool_world(const struct pool_build *b, uint32_t ncpus) {
    struct world *w = world_new(b->cpu, b->build, b->nt);
    w->m.ncpus = ncpus;
    return w;
}

static inline uint64_t world_sizeof(struct world *w, const char *type) {
    struct sc_type t;
    assert_null(sc_type_of(w->layouts, world_type(w, type), &t));
    return t.size;
}

/* A variable of a pointer's width. RVAs must ascend. */
static inline void pool_var(struct world *w, const char *name, uint32_t rva, uint64_t value) {
    uint64_t at = world_symbol(w, name, rva);
    world_bytes(w, at, w->ptr);
    world_put(w, at, w->ptr, value);
}

/* The width of the table's counters. */
static inline size_t pool_counter(struct world *w) {
    return (size_t)(world_offset(w, "_POOL_TRACKER_TABLE", "NonPagedFrees") -
                    world_offset(w, "_POOL_TRACKER_TABLE", "NonPagedAllocs"));
}

/* A tag as the number that memory has. */
static inline uint64_t pool_key(const char *text) {
    uint64_t v = 0;
    for (unsigned i = 0; i < 4; i++)
        v |= (uint64_t)(unsigned char)text[i] << 8 * i;
    return v;
}

/* One entry: a tag with what one processor counted. */
static inline void pool_tag(struct world *w, uint64_t table, size_t index, const char *tag,
                            uint64_t allocs, uint64_t frees, uint64_t bytes) {
    static const char type[] = "_POOL_TRACKER_TABLE";
    uint64_t at = table + index * world_sizeof(w, type);
    world_set(w, type, at, "Key", 4, pool_key(tag));
    world_set(w, type, at, "NonPagedAllocs", pool_counter(w), allocs);
    world_set(w, type, at, "NonPagedFrees", pool_counter(w), frees);
    world_set(w, type, at, "NonPagedBytes", 0, bytes);
}

/* Two processors' tables of ENTRIES at the build's place, with the variables that lead there. */
static inline void pool_tables(struct world *w, uint64_t pool, size_t entries) {
    size_t size = entries * (size_t)world_sizeof(w, "_POOL_TRACKER_TABLE");
    world_bytes(w, pool, size);
    world_bytes(w, pool + 0x10000, size);
    pool_var(w, "PoolTrackTable", 0x1000, pool);
    pool_var(w, "PoolTrackTableSize", 0x1010, entries);
    uint64_t tables = world_symbol(w, "ExPoolTagTables", 0x1020);
    world_bytes(w, tables, 0x10);
    world_put(w, tables, w->ptr, pool);
    world_put(w, tables + w->ptr, w->ptr, pool + 0x10000);
}

#endif
