/* SPDX-License-Identifier: MIT */
/*
 * Page tables by hand, in physical memory that exists for them only. Indices are computed here from
 * the manuals' drawings, not by the code under test.
 */
#ifndef STOPCODE_TESTS_UNIT_PAGING_FIXTURE_H
#define STOPCODE_TESTS_UNIT_PAGING_FIXTURE_H

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "forge/pagestore.h"
#include "mem/pages.h"
#include "mem/space_impl.h"
#include "mem/translated.h"

#define KERNEL64 0xfffff80000000000ull

struct tables {
    struct pagestore ps;
    sc_space *phys;
    struct sc_paging paging;
    struct sc_pages pages;
    sc_space *virt; /* made by tables_space() */
    uint64_t free;  /* where the next table goes */
};

static inline void tables_init(struct tables *t, enum sc_paging_mode mode) {
    memset(t, 0, sizeof *t);
    t->free = 0x100000;
    t->paging.mode = mode;
    t->paging.root = t->free;
    t->paging.kernel_root = mode == SC_PAGING_ARM64 ? t->free : 0;
    pagestore_page(&t->ps, t->free);
    t->free += 0x1000;
    enum sc_cpu cpu = mode == SC_PAGING_X86 || mode == SC_PAGING_PAE ? SC_CPU_X86
                      : mode == SC_PAGING_ARM64                      ? SC_CPU_ARM64
                                                                     : SC_CPU_X64;
    t->paging.soft = sc_soft_pte_of(cpu, mode == SC_PAGING_PAE, 19041);
    sc_err *err = sc_space_create_pages(pagestore_pages(&t->ps), 8, NULL, &t->phys);
    assert(!err);
    (void)err;
    t->paging.phys = t->phys;
}

static inline void tables_deinit(struct tables *t) {
    sc_space_destroy(t->virt);
    sc_space_destroy(t->phys);
    pagestore_deinit(&t->ps);
}

static inline unsigned entry_size(const struct tables *t) {
    return t->paging.mode == SC_PAGING_X86 ? 4 : 8;
}

static inline unsigned index_of(const struct tables *t, unsigned level, uint64_t va) {
    switch (t->paging.mode) {
    case SC_PAGING_X86: return (unsigned)(va >> (12 + 10 * level)) & 1023;
    case SC_PAGING_PAE: return (unsigned)(va >> (12 + 9 * level)) & (level == 2 ? 3 : 511);
    default: return (unsigned)(va >> (12 + 9 * level)) & 511;
    }
}

static inline unsigned top_level(const struct tables *t) {
    switch (t->paging.mode) {
    case SC_PAGING_X86: return 1;
    case SC_PAGING_PAE: return 2;
    case SC_PAGING_X64_LA57: return 4;
    default: return 3;
    }
}

static inline void put_entry(struct tables *t, uint64_t pa, uint64_t value) {
    if (entry_size(t) == 4)
        pagestore_u32(&t->ps, pa, (uint32_t)value);
    else
        pagestore_u64(&t->ps, pa, value);
}

/* What an entry that leads to a table has besides the address: every right. */
static inline uint64_t table_bits(const struct tables *t, unsigned level) {
    if (t->paging.mode == SC_PAGING_ARM64)
        return 3;
    return t->paging.mode == SC_PAGING_PAE && level == 2 ? 1 : 0x67;
}

/* Where VA's entry of LEVEL lies; tables on the way are made. */
static inline uint64_t entry_pa(struct tables *t, unsigned level, uint64_t va) {
    uint64_t table = t->paging.root;
    for (unsigned l = top_level(t);; l--) {
        uint64_t pa = table + (uint64_t)index_of(t, l, va) * entry_size(t);
        if (l == level)
            return pa;
        uint64_t value = pagestore_get(&t->ps, pa, entry_size(t));
        if (!value) {
            value = t->free | table_bits(t, l);
            pagestore_page(&t->ps, t->free);
            t->free += 0x1000;
            put_entry(t, pa, value);
        }
        table = value & 0xffffffff000;
    }
}

static inline void set_entry(struct tables *t, unsigned level, uint64_t va, uint64_t value) {
    put_entry(t, entry_pa(t, level, va), value);
}

/* A valid page of 4 KB with every right. */
static inline void map_page(struct tables *t, uint64_t va, uint64_t pa) {
    set_entry(t, 0, va, pa | (t->paging.mode == SC_PAGING_ARM64 ? 0x443 : 0x67));
}

static inline sc_space *tables_space(struct tables *t, sc_pagefile_fn pagefile, void *ctx) {
    sc_space_destroy(t->virt);
    t->paging.pagefile = pagefile;
    t->paging.pagefile_ctx = ctx;
    sc_err *err = sc_translated_pages(&t->paging, &t->pages);
    bool narrow = t->paging.mode == SC_PAGING_X86 || t->paging.mode == SC_PAGING_PAE;
    if (!err)
        err = sc_space_create_pages(t->pages, narrow ? 4 : 8, NULL, &t->virt);
    assert(!err);
    (void)err;
    return t->virt;
}

static inline struct sc_translation translation(const struct tables *t, uint64_t va) {
    struct sc_translation tr;
    memset(&tr, 0xcc, sizeof tr);
    sc_translate(&t->paging, va, &tr);
    return tr;
}

static inline uint64_t roll(uint64_t *seed) {
    *seed = *seed * 6364136223846793005ull + 1442695040888963407ull;
    return *seed >> 20 ^ *seed << 40;
}

#endif
