/* SPDX-License-Identifier: MIT */
/*
 * Physical memory of a machine under construction: where RAM is, and the pages that were written.
 *
 * A page nobody wrote is not stored: it is zeros, or (FORGE_RAM_PATTERN) bytes that follow from its
 * address, so that a machine of 64 GB costs what is in it. What the allocator hands out lies
 * scattered over all RAM: neighbours in virtual memory are not neighbours here.
 *
 *     struct forge_physmem *m = forge_physmem_new();
 *     forge_physmem_pc(m, 64ull << 30);            // as a PC has it: holes below 1 MB and 4 GB
 *     uint64_t pa = forge_physmem_alloc(m);
 *     forge_physmem_write(m, pa, data, size);
 *     forge_physmem_free(m);
 *
 * Memory that is short ends the program, as in the other parts of the forge (forge/pool.h).
 */
#ifndef STOPCODE_TESTS_FORGE_PHYSMEM_H
#define STOPCODE_TESTS_FORGE_PHYSMEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { FORGE_FRAME = 0x1000, FORGE_RAM_RUNS = 64 };

struct forge_physmem;

struct forge_ram {
    uint64_t start, size; /* whole pages */
};
enum forge_ram_fill {
    FORGE_RAM_ZEROS,
    FORGE_RAM_PATTERN, /* each qword its address xor 0x5a5a5a5a00000000 */
};

struct forge_physmem *forge_physmem_new(void);
void forge_physmem_free(struct forge_physmem *m);
void forge_physmem_fill(struct forge_physmem *m, enum forge_ram_fill fill);
enum forge_ram_fill forge_physmem_filled(const struct forge_physmem *m);

/* RAM, in ascending order and without touching what is there; false: it does not fit. */
bool forge_physmem_add(struct forge_physmem *m, uint64_t start, uint64_t size);
/*
 * SIZE bytes as a PC has them: 1000-9f000, 100000 up to 3 GB (or, with less than 4 GB, a bit
 * below the end, where firmware takes its tables), the rest from 4 GB on. At least 2 MB.
 */
bool forge_physmem_pc(struct forge_physmem *m, uint64_t size);
size_t forge_physmem_runs(const struct forge_physmem *m, const struct forge_ram **ret);
uint64_t forge_physmem_pages(const struct forge_physmem *m);
/* The first address behind all RAM. */
uint64_t forge_physmem_end(const struct forge_physmem *m);
bool forge_physmem_is_ram(const struct forge_physmem *m, uint64_t pa);

/* May cross pages. False: no RAM there (what lies before it is done). */
bool forge_physmem_write(struct forge_physmem *m, uint64_t pa, const void *data, size_t size);
bool forge_physmem_read(const struct forge_physmem *m, uint64_t pa, void *ret, size_t size);
/* Zeros, whatever the fill is: stored only when the fill is another one. */
bool forge_physmem_zero(struct forge_physmem *m, uint64_t pa, uint64_t size);
/*
 * Pages that are alike, stored once: a copy of PAGE, which lives as long as the memory; such a page
 * as that of PA, whatever was there. Who writes to it later gets one of his own.
 */
const uint8_t *forge_physmem_keep(struct forge_physmem *m, const uint8_t *page);
bool forge_physmem_share(struct forge_physmem *m, uint64_t pa, const uint8_t *kept);
/* The page of frame PFN; NULL: nobody wrote it. */
const uint8_t *forge_physmem_page(const struct forge_physmem *m, uint64_t pfn);
/* The first frame from *PFN on that was written; false: none. */
bool forge_physmem_next(const struct forge_physmem *m, uint64_t *pfn);

/* ---- who owns what ---- */

/* A page of its own; 0: RAM is full. Never below 1 MB. */
uint64_t forge_physmem_alloc(struct forge_physmem *m);
/* SIZE bytes in a row, ALIGN a power of 2 of at least a page; 0: no such piece is left. */
uint64_t forge_physmem_alloc_row(struct forge_physmem *m, uint64_t size, uint64_t align);
/* The same among addresses below LIMIT, the lowest first. */
uint64_t forge_physmem_alloc_low(struct forge_physmem *m, uint64_t size, uint64_t align,
                                 uint64_t limit);
/* This very place; false: it is no RAM, or somebody has it. */
bool forge_physmem_take(struct forge_physmem *m, uint64_t pa, uint64_t size);
/* Was it handed out? */
bool forge_physmem_is_taken(const struct forge_physmem *m, uint64_t pa);

#endif
