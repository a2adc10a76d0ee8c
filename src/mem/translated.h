/* SPDX-License-Identifier: MIT */
/*
 * The inside of pages over page tables: reading is translated.c, walking translated_next.c, and
 * what lies together below one page table translated_leaf.c.
 */
#ifndef STOPCODE_MEM_TRANSLATED_H
#define STOPCODE_MEM_TRANSLATED_H

#include "base/hash.h"
#include "mem/pages.h"
#include "mem/paging_impl.h"

enum { SC_PAGE_SLOTS = 1024, SC_TABLE_SLOTS = 256, SC_FILE_PAGES = 4, SC_COPIES = 256 };

struct sc_translated {
    struct sc_paging paging;
    const struct sc_mode *mode;
    unsigned depth; /* of look-ups that led back here */
    struct sc_page_slot {
        uint64_t va;         /* of the page */
        uint64_t pa;         /* of the page; from_file: page of page file `number` */
        const uint8_t *view; /* the page in place; NULL: through `phys` */
        uint8_t status;      /* enum sc_read; from_file: asked at each read */
        uint8_t number;
        uint16_t copy; /* which one is of this page, if it still is */
        bool used, from_file;
    } page[SC_PAGE_SLOTS];
    struct sc_table_slot {
        bool used;
        uint64_t key; /* VA above the page table's part */
        struct sc_table table;
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
    /* Walking: tables met, by place and level, with the virtual address that each serves. */
    struct sc_map seen;
    uint64_t unrecorded;          /* tables met that memory was too short to remember */
    uint64_t run_start, run_size; /* the last run that was found */
    /* The page table that the last piece came from: the next one mostly does, too. */
    struct sc_leaf {
        uint64_t va;        /* of its first page */
        const uint8_t *raw; /* its entries, in place or in `copy`; NULL: none */
        uint8_t copy[0x1000];
    } leaf;
};

/* Empties the cache. */
void sc_translated_forget(struct sc_translated *t);
/* Can the byte at VA be read? */
bool sc_translated_has(struct sc_translated *t, uint64_t va);
/* The same, and VA's page in place; NULL: it cannot be seen so. */
bool sc_translated_see(struct sc_translated *t, uint64_t va, const uint8_t **ret_view);
/* sc_pages_ops.next, sc_pages_ops.piece */
bool sc_translated_next(void *impl, uint64_t addr, uint64_t *ret_start, uint64_t *ret_size);
bool sc_translated_piece(void *impl, uint64_t addr, uint64_t *ret_start, const uint8_t **ret_data,
                         uint64_t *ret_size);
/* Of the table at hand: the first piece at or behind FROM, the beginning of a page. */
struct sc_piece {
    uint64_t start, size;
    const uint8_t *data;
};
bool sc_leaf_piece(struct sc_translated *t, uint64_t from, struct sc_piece *ret);

/* A little-endian entry of SIZE bytes. */
static inline uint64_t sc_entry_value(const uint8_t *raw, unsigned size) {
    uint64_t v = 0;
    for (unsigned i = size; i-- > 0;)
        v = v << 8 | raw[i];
    return v;
}

#endif
