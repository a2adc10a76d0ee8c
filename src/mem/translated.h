/* SPDX-License-Identifier: MIT */
/* The inside of pages over page tables: reading is translated.c, walking translated_next.c. */
#ifndef STOPCODE_MEM_TRANSLATED_H
#define STOPCODE_MEM_TRANSLATED_H

#include "base/hash.h"
#include "mem/pages.h"
#include "mem/paging_impl.h"

enum { SC_PAGE_SLOTS = 1024, SC_TABLE_SLOTS = 256, SC_FILE_PAGES = 4, SC_COPIES = 256 };

struct sc_translated {
    struct sc_paging paging;
    const struct sc_mode *mode;
    sc_pagefile_fn pagefile;
    void *pagefile_ctx;
    unsigned depth; /* of look-ups that led back here */
    struct sc_page_slot {
        uint64_t va;         /* of the page */
        uint64_t pa;         /* of the page; from_file: page of page file `number` */
        const uint8_t *view; /* the page in place; NULL: through `phys` */
        uint8_t status;      /* enum sc_read */
        uint8_t number;
        uint16_t copy; /* which one is of this page, if it still is */
        bool used, from_file;
    } page[SC_PAGE_SLOTS];
    struct sc_table_slot {
        uint64_t key; /* VA above the page table's part */
        uint64_t pa;  /* of the table; 0: empty */
    } table[SC_TABLE_SLOTS];
    struct sc_file_page {
        bool used;
        unsigned number;
        uint64_t page;
        uint8_t data[0x1000];
    } file[SC_FILE_PAGES];
    unsigned next_file;
    /* Copies of pages that were read in part; none in spaces that do without. */
    bool copies;
    uint8_t (*copy)[0x1000];    /* SC_COPIES of them; NULL: not needed yet */
    uint64_t copied[SC_COPIES]; /* the page and 1; 0: none */
    unsigned next_copy;
    /* Walking: tables met, by address and level, with the virtual address that each serves. */
    struct sc_map seen;
    uint64_t unrecorded;          /* tables met that memory was too short to remember */
    uint64_t run_start, run_size; /* the last run that was found */
};

/* Empties the cache. */
void sc_translated_forget(struct sc_translated *t);
/* Can the byte at VA be read? */
bool sc_translated_has(struct sc_translated *t, uint64_t va);
/* sc_pages_ops.next */
bool sc_translated_next(void *impl, uint64_t addr, uint64_t *ret_start, uint64_t *ret_size);

#endif
