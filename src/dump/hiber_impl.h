/* SPDX-License-Identifier: MIT */
/*
 * Hibernation files: what the parts of the reader share. hiber.c recognises the file, hiber_old.c
 * and hiber_new.c list its blocks, hiber_index.c finds the block of a page, hiber_pages.c reads.
 */
#ifndef STOPCODE_DUMP_HIBER_IMPL_H
#define STOPCODE_DUMP_HIBER_IMPL_H

#include "dump/dump.h"

enum {
    HIBER_PAGE = 0x1000,
    HIBER_SET_PAGES = 16, /* of a block, at most */
    HIBER_SET_SIZE = HIBER_SET_PAGES * HIBER_PAGE,
    HIBER_PFN_BITS = 40, /* physical addresses have 52 bits */
};
#define HIBER_PFN_END ((uint64_t)1 << HIBER_PFN_BITS)

/* --- the index --- */

enum hiber_method {
    HIBER_RAW,
    HIBER_PLAIN,
    HIBER_HUFFMAN,
    HIBER_EITHER, /* plain or Huffman: whichever gives all pages */
};

/* A block of up to 16 pages, compressed together. */
struct hiber_set {
    uint64_t offset; /* of the data in the file */
    uint32_t size;
    uint8_t pages;
    uint8_t method; /* enum hiber_method */
};
struct hiber_sets {
    struct hiber_set *item;
    size_t count, room;
};

/*
 * Pages that follow each other in memory and in the blocks. A position counts pages, 16 a block
 * whether it has them or not, so that runs go on from one full block to the next.
 */
struct hiber_run {
    uint64_t key; /* page number << 24 | count: HIBER_RUN_MOST at most */
    uint64_t pos; /* block << 4 | page in it */
};
struct hiber_runs {
    struct hiber_run *item;
    size_t count, room;
};
enum { HIBER_RUN_MOST = (1 << 24) - 1 };

static inline uint64_t hiber_run_pfn(const struct hiber_run *r) { return r->key >> 24; }
static inline uint64_t hiber_run_count(const struct hiber_run *r) {
    return r->key & HIBER_RUN_MOST;
}

struct hiber_index {
    struct hiber_sets sets;
    struct hiber_runs runs; /* in the order of the file; after finish() sorted and disjoint */
    uint64_t pages, twice;  /* found, and of them stored more than once */
    size_t last;            /* where the last hit was: reads cluster */
};

/* Appends a block; its position is the number of blocks before it << 4. False: memory is short. */
bool hiber_index_set(struct hiber_index *index, struct hiber_set set);
/* COUNT pages from PFN on, which lie at POS. PFN + COUNT is at most HIBER_PFN_END. */
bool hiber_index_pages(struct hiber_index *index, uint64_t pfn, uint64_t count, uint64_t pos);
/*
 * Sorts. Of a page that is stored twice the later one counts: Windows restores the file from front
 * to back, so that the later one is what the resumed machine has. False: memory is short.
 */
bool hiber_index_finish(struct hiber_index *index);
/* Where a page is, and how many behind it follow in the same way; false: it is not stored. */
bool hiber_index_find(struct hiber_index *index, uint64_t pfn, uint64_t *ret_pos,
                      uint64_t *ret_count);
/* The first pages at or behind PFN; false: none. */
bool hiber_index_next(const struct hiber_index *index, uint64_t pfn, uint64_t *ret_pfn,
                      uint64_t *ret_count);
void hiber_index_free(struct hiber_index *index);

/* --- layouts --- */

/* A page of memory ranges of the old files: offsets; a number has 4 or 8 bytes as the file has. */
struct hiber_table_form {
    uint8_t next, count, entries, entry, start, end;
    bool is64;
};

/* PO_MEMORY_IMAGE of some Windows: offsets, 0 where it has no such member. */
struct hiber_layout {
    const char *windows;
    uint16_t length; /* LengthSelf */
    bool is64;
    uint16_t page_size, system_time;
    /* old: up to Windows 7 */
    const struct hiber_table_form *form; /* NULL: Windows 8 or later */
    uint16_t first_table;
    uint8_t state_page;
    /* new */
    uint16_t loader_pages, first_boot, first_kernel, kernel_pages, first_secure;
};

/* The container's state. */
struct hiber {
    const struct hiber_layout *layout;
    uint64_t first_table; /* page; old */
    /* New: page and number of pages of both parts. Number UINT64_MAX: as long as it goes. */
    uint64_t boot_page, boot_pages, kernel_page, kernel_pages;
};

/* --- the parts --- */

/*
 * How well page TABLE reads as a table of FORM with blocks behind it: 0 not at all; HIBER_FITS or
 * more: without a fault. Of several forms the best one is the right one: a wrong one takes a page's
 * number for the count, or halves of numbers for pages, and so has few ranges that ascend.
 */
enum { HIBER_FITS = 1000 };
unsigned hiber_old_fits(const sc_file *file, const struct hiber_table_form *form, uint64_t table);
/* Is there a block that makes sense at the start of a restore set? */
bool hiber_new_fits(const sc_file *file, bool is64, uint64_t page);
/*
 * List all blocks; damage is said in notes and ends a list early. False: memory is short.
 */
bool hiber_old_list(struct sc_source *source, const struct hiber *hiber,
                    struct hiber_index *ret_index);
bool hiber_new_list(struct sc_source *source, const struct hiber *hiber,
                    struct hiber_index *ret_index);
/* Takes over the index, also when it fails. */
sc_err *hiber_pages_create(struct sc_source *source, struct hiber_index *own_index,
                           struct sc_pages *ret_pages);

/*
 * Old files: looks for the page that has the processor's registers, at the place where LAYOUT has
 * it first, and fills what it says into source->machine. False: none was found.
 */
bool hiber_cpu_read(struct sc_source *source, const struct hiber_layout *layout);

/* Blocks of old files. */
enum { HIBER_BLOCK_HEADER = 0x20 };
struct hiber_block {
    uint64_t data;
    uint32_t size;
    uint8_t pages;
};
/* The block whose header is at OFFSET; false: there is none, or it makes no sense. */
bool hiber_block_at(const sc_file *file, uint64_t offset, struct hiber_block *ret);

#endif
