/* SPDX-License-Identifier: MIT */
/*
 * A PFN database in a small kernel (kernel_memory.h): entries of Windows 10 2004 on x64, of Windows
 * 7 with PAE on x86, where the public symbols have them. Pages of the database that no entry was
 * put into are not in memory.
 */
#ifndef STOPCODE_TESTS_UNIT_PFN_FIXTURE_H
#define STOPCODE_TESTS_UNIT_PFN_FIXTURE_H

#include "nt/pfn.h"
#include "unit/kernel_memory.h"

enum { PFN_FRAMES = 0x20000, KD_PFN_DATABASE = 0xc0, KD_MEMORY_BLOCK = 0x270 };

static inline uint64_t pfnfix_base(const struct kmem *k) {
    return k->ptr == 8 ? k->base + 0x40000000 : 0x90000000;
}

/* From FIRST on, COUNT frames. */
static inline void pfnfix_run(struct kmem *k, uint64_t first, uint64_t count) {
    uint64_t block = k->base + 0x3c40;
    kmem_u32(k, block, 1);
    kmem_ptr(k, block + k->ptr, count);
    kmem_ptr(k, block + 2 * k->ptr, first);
    kmem_ptr(k, block + 3 * k->ptr, count);
}

/* One entry; FLAGS: what stands above the location. */
static inline void pfnfix_put(struct kmem *k, uint64_t pfn, unsigned location, unsigned references,
                              unsigned flags) {
    unsigned size = k->ptr == 8 ? 0x30 : 0x1c, u3 = k->ptr == 8 ? 0x20 : 0x0c;
    kmem_u32(k, pfnfix_base(k) + pfn * size + u3, references | location << 16 | flags << 19);
}

static inline void pfnfix_init(struct kmem *k) {
    uint64_t variable = k->base + 0x3c20, block = k->base + 0x3c28;
    if (k->ptr == 4)
        k->machine.build = 7601;
    kmem_member(k, KD_PFN_DATABASE, variable);
    kmem_member(k, KD_MEMORY_BLOCK, block);
    kmem_ptr(k, variable, pfnfix_base(k));
    kmem_ptr(k, block, k->base + 0x3c40);
    pfnfix_run(k, 0, PFN_FRAMES);
    pfnfix_put(k, k->t.paging.root / 0x1000, NT_PAGE_ACTIVE, 1, 0);
}

#endif
