/* SPDX-License-Identifier: MIT */
/*
 * Address spaces: page tables in physical memory under construction, as Windows lays them out.
 *
 * A machine has one kernel half and any number of spaces (processes) that share it: what is mapped
 * above the middle is seen from every space. Each space has its self-map entry, so that the tables
 * themselves can be read at MmPteBase.
 *
 *     struct forge_mmu *u = forge_mmu_new(mem, FORGE_PAGING_X64, 0x1ed);
 *     unsigned system, other;
 *     forge_mmu_space(u, 0x187000, &system);
 *     forge_mmu_space(u, 0, &other);                          // 0: the tables go anywhere
 *     forge_mmu_map(u, system, va, pa, 0x200000, FORGE_MAP_WRITE | FORGE_MAP_EXEC);
 *     forge_mmu_write(u, other, va, data, size);
 *     forge_mmu_entry(u, other, 0x10000, forge_pte_pagefile(&soft, 0, 7, 4));
 *     forge_mmu_free(u);
 *
 * Sources: Intel SDM vol. 3 ch. 4, Arm ARM D8 (valid entries); bits of MMPTE_* in public PDBs (the
 * others). ARM64: one page holds both halves' top entries, 256 each (T0SZ and T1SZ are 17), so
 * TTBR1 is TTBR0 + 0x800. Soft entries of ARM64 are those of x64 of the same build (guessed).
 */
#ifndef STOPCODE_TESTS_FORGE_PAGETAB_H
#define STOPCODE_TESTS_FORGE_PAGETAB_H

#include "forge/physmem.h"

enum forge_paging {
    FORGE_PAGING_X86,  /* two levels of 32-bit entries, 4 MB pages */
    FORGE_PAGING_PAE,  /* three levels, 2 MB pages */
    FORGE_PAGING_X64,  /* four levels, 2 MB and 1 GB pages */
    FORGE_PAGING_LA57, /* five */
    FORGE_PAGING_ARM64,
};
enum {
    FORGE_MAP_WRITE = 1,
    FORGE_MAP_USER = 2,
    FORGE_MAP_EXEC = 4,
    FORGE_MAP_GLOBAL = 8,
    FORGE_MAP_COPY = 16, /* copy on write: not writable to the processor */
};
enum { FORGE_SPACES = 4096, FORGE_NO_SELFMAP = 0xffff };

struct forge_mmu;

/* SELFMAP: index of the self-map entry in the top table (x64 before 14393: 0x1ed; 0xffff: none).
 * x86 and PAE have it at C0000000, whatever is said. MEM is used, not owned. */
struct forge_mmu *forge_mmu_new(struct forge_physmem *mem, enum forge_paging mode,
                                unsigned selfmap);
void forge_mmu_free(struct forge_mmu *u);
struct forge_physmem *forge_mmu_memory(const struct forge_mmu *u);
enum forge_paging forge_mmu_mode(const struct forge_mmu *u);
unsigned forge_mmu_levels(enum forge_paging mode);
bool forge_mmu_is_kernel(enum forge_paging mode, uint64_t va);

/*
 * A space whose top table is at ROOT (0: anywhere; PAE: below 4 GB). The first one is the System
 * process's: the others take over its kernel half. False: no room, or ROOT is taken.
 */
bool forge_mmu_space(struct forge_mmu *u, uint64_t root, unsigned *ret_space);
uint64_t forge_mmu_root(const struct forge_mmu *u, unsigned space);
unsigned forge_mmu_spaces(const struct forge_mmu *u);

/* A page of SIZE (0x1000, 0x200000, 0x400000 on x86, 0x40000000). False: something is there
 * already, PA or VA are not aligned, or the mode has no such page. */
bool forge_mmu_map(struct forge_mmu *u, unsigned space, uint64_t va, uint64_t pa, uint64_t size,
                   unsigned flags);
/* The last level's entry of VA as it is; tables on the way are made. */
bool forge_mmu_entry(struct forge_mmu *u, unsigned space, uint64_t va, uint64_t value);
/* Tables down to (and with) LEVEL's for VA, without a mapping: Windows keeps some ready. */
bool forge_mmu_prepare(struct forge_mmu *u, unsigned space, uint64_t va, unsigned level);

/*
 * Where the table of LEVEL (0: the page table) lies that VA's entry stands in. False: there is
 * none, or it is the first one (with PAE: or a directory), which is always there.
 */
bool forge_mmu_table(const struct forge_mmu *u, unsigned space, uint64_t va, unsigned level,
                     uint64_t *ret_pa);
/* VALUE instead of the entry that leads to that table. Nothing finds what is behind it any more. */
bool forge_mmu_trim(struct forge_mmu *u, unsigned space, uint64_t va, unsigned level,
                    uint64_t value);

struct forge_mapping {
    uint64_t pa, size; /* of the byte; of the page */
    uint64_t entry_pa; /* where the entry stands */
    uint64_t entry;
    unsigned level; /* 0: PTE, 1: PDE, … */
};
/* False: no page is mapped there. RET is filled as far as the walk came: `entry` and `level` are
 * those of the last entry. */
bool forge_mmu_find(const struct forge_mmu *u, unsigned space, uint64_t va,
                    struct forge_mapping *ret);
/* False: a byte is not mapped. */
bool forge_mmu_write(struct forge_mmu *u, unsigned space, uint64_t va, const void *data,
                     size_t size);
bool forge_mmu_read(const struct forge_mmu *u, unsigned space, uint64_t va, void *ret, size_t size);

/* Where the entry of VA at LEVEL is seen through the self map; 0: there is none. */
uint64_t forge_mmu_entry_va(const struct forge_mmu *u, uint64_t va, unsigned level);

/*
 * Every valid entry but those of self maps: tables (the root itself: level == levels, entry_pa 0)
 * and pages. The kernel half is visited with space 0 only.
 */
struct forge_visit {
    unsigned space, level;
    uint64_t va, pa, size; /* table: the page it is in */
    uint64_t entry_pa;
    bool table;
};
void forge_mmu_visit(const struct forge_mmu *u,
                     void (*visit)(void *ctx, const struct forge_visit *), void *ctx);

/* ---- entries that are not valid ---- */

/* Where the build keeps what. Bits count from 0. */
struct forge_soft {
    unsigned file_low;      /* the page file's number, 4 bits */
    unsigned file_high;     /* the page in it */
    unsigned proto_first;   /* the prototype's address, to the top; x86: see pagetab_soft.c */
    unsigned proto_protect; /* protection in a prototype entry; 0: none is kept */
    unsigned proto_low;     /* x86: how many bits of the address are in its low part; else 0 */
    uint64_t proto_base;    /* x86: what the address counts from */
    unsigned sub_low;       /* x86: the same of a subsection's address */
    uint64_t sub_base;
    uint64_t swizzle_mask; /* L1TF: flipped in entries whose swizzle bit (4) is clear; 0: none */
};
enum { FORGE_PROTECT_READ = 1, FORGE_PROTECT_WRITE = 4, FORGE_PROTECT_GUARD = 0x10 };

struct forge_soft forge_soft_of(enum forge_paging mode, unsigned build);
/* PROTECTION: 5 bits. */
uint64_t forge_pte_transition(const struct forge_soft *soft, uint64_t pa, unsigned protection);
uint64_t forge_pte_pagefile(const struct forge_soft *soft, unsigned file, uint64_t page,
                            unsigned protection);
uint64_t forge_pte_demand_zero(const struct forge_soft *soft, unsigned protection);
uint64_t forge_pte_prototype(const struct forge_soft *soft, uint64_t proto, unsigned protection);
/* Only the VAD knows where the prototype is. */
uint64_t forge_pte_vad(const struct forge_soft *soft, unsigned protection);
uint64_t forge_pte_subsection(const struct forge_soft *soft, uint64_t subsection,
                              unsigned protection);

#endif
