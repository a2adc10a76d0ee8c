/* SPDX-License-Identifier: MIT */
/* What the files of the paging modes give, and how paging.c is used by the pages over it. */
#ifndef STOPCODE_MEM_PAGING_IMPL_H
#define STOPCODE_MEM_PAGING_IMPL_H

#include "stopcode/paging.h"

enum { SC_PAGING_LEVELS_MAX = 5, SC_PROTOTYPES_MAX = 4 };

/* A valid entry. */
struct sc_entry {
    enum sc_pte_kind kind; /* TABLE, VALID or BAD */
    uint64_t pa;           /* of the next table, or of the page */
    bool writable, user;
    bool user_runs, kernel_runs; /* may be executed by a process, by the kernel */
};

/*
 * A mode: the shape of its tables, all of which are a page long but the first one of PAE, and what
 * a valid entry says.
 */
struct sc_mode {
    unsigned levels;
    unsigned entry_size;
    unsigned index_bits; /* of an address, for the index into a table */
    unsigned va_bits;    /* of an address that count; 32: there are no more */
    uint64_t root_mask;  /* the address in a base (CR3, TTBR) */
    void (*decode)(unsigned level, uint64_t value, struct sc_entry *ret_entry);
};

extern const struct sc_mode sc_mode_x86, sc_mode_pae, sc_mode_x64, sc_mode_la57, sc_mode_arm64;
/* NULL for NONE and what is no mode. */
const struct sc_mode *sc_mode_of(enum sc_paging_mode mode);

/* Where the index into a table of LEVEL begins in an address; a page there has 1 << that bytes. */
static inline unsigned sc_mode_shift(const struct sc_mode *m, unsigned level) {
    return 12 + level * m->index_bits;
}
/* Entries of a table of LEVEL: the first one of PAE has as many as there are bits left. */
static inline unsigned sc_mode_count(const struct sc_mode *m, unsigned level) {
    unsigned left = m->va_bits - sc_mode_shift(m, level);
    return 1u << (left < m->index_bits ? left : m->index_bits);
}
/* Index of VA's entry in its table of LEVEL. */
static inline unsigned sc_mode_index(const struct sc_mode *m, unsigned level, uint64_t va) {
    return (unsigned)(va >> sc_mode_shift(m, level)) & (sc_mode_count(m, level) - 1u);
}
/* Physical address of the first table for VA. */
static inline uint64_t sc_mode_root(const struct sc_mode *m, const struct sc_paging *paging,
                                    uint64_t va) {
    /* Two bases: those of ARM64. */
    return (paging->kernel_root && va >> 63 ? paging->kernel_root : paging->root) & m->root_mask;
}
/* The address whose counting bits are those of VA: sign extended on 64 bits. */
uint64_t sc_mode_canon(const struct sc_mode *m, uint64_t va);

/*
 * Decodes an entry that is not valid and not 0, in a page table or, IN_PROTOTYPE, in an array of
 * prototype entries: kind, pa, pagefile and its page, prototype, protection.
 */
void sc_soft_decode(const struct sc_paging *paging, bool in_prototype, uint64_t value,
                    struct sc_translation *ret);
/* The same for an entry of any value. */
void sc_entry_decode(const struct sc_paging *paging, unsigned level, bool in_prototype,
                     uint64_t value, struct sc_translation *ret);

/* Where a page table lies: in physical memory, or in a page file. */
struct sc_table {
    bool paged;
    uint8_t file;
    uint64_t at; /* its address; paged: the page of the file */
};

/* The entry at OFFSET of a table. */
enum sc_read sc_table_entry(const struct sc_paging *paging, const struct sc_table *table,
                            uint64_t offset, uint64_t *ret_value);
/*
 * All of a table that can be had, SIZE bytes at most; the rest of RAW is set to zeros. False: there
 * is nothing of it.
 */
bool sc_table_read(const struct sc_paging *paging, const struct sc_table *table, uint8_t *ret_raw,
                   size_t size);
/* The table that an entry of a level above 0, decoded, leads to; false: to none. */
bool sc_table_of(const struct sc_translation *entry, struct sc_table *ret_table);

/* A page of a page file, and why it is not there if it is not. */
enum sc_read sc_pagefile_read(const struct sc_paging *paging, unsigned number, uint64_t page,
                              uint8_t ret_page[0x1000]);
/* What a page of that file is when the file is not at hand: PAGED_OUT or COMPRESSED. */
enum sc_read sc_pagefile_missing(const struct sc_paging *paging, unsigned number);

/*
 * sc_translate() without the question whether the page is there: status is SC_READ_OK for VALID
 * and TRANSITION. TABLE, unless NULL, is the page table (level 0) that VA's entry lies in: the
 * levels above are not read again and not listed, and their rights are taken to be all.
 */
void sc_paging_resolve(const struct sc_paging *paging, uint64_t va, const struct sc_table *table,
                       struct sc_translation *ret);

#endif
