/* SPDX-License-Identifier: MIT */
/*
 * Physical memory for tests of paging: pages by address, as much as is written to, handed out as
 * what stands behind a space. Reads are counted and one of them can be made to fail.
 *
 *     struct pagestore ps = {0};
 *     pagestore_u64(&ps, 0x1000, 0x2003);
 *     sc_space_create_pages(pagestore_pages(&ps), 8, NULL, &space);
 *     …
 *     sc_space_destroy(space);
 *     pagestore_deinit(&ps);
 *
 * Memory that is short ends the program, as in the other parts of the forge.
 */
#ifndef STOPCODE_TESTS_FORGE_PAGESTORE_H
#define STOPCODE_TESTS_FORGE_PAGESTORE_H

#include "base/hash.h"
#include "stopcode/source.h"

enum { PAGESTORE_PAGE = 0x1000 };

struct pagestore {
    struct sc_map index; /* page number to place in `item` */
    struct pagestore_page {
        uint64_t pfn;
        uint8_t *data;
    } * item; /* in the order of page numbers when `sorted` */
    size_t count, room;
    bool sorted;
    bool no_view; /* as a file that is not mapped: read() only */
    uint64_t reads;
    uint64_t fail_at; /* this read, counted from 1, is answered with `fail_status`; 0 none */
    enum sc_read fail_status;
    bool destroyed; /* the pages handed out were ended */
};

void pagestore_deinit(struct pagestore *ps);
/* The page at PA, made when it was not there; cut to its beginning. */
uint8_t *pagestore_page(struct pagestore *ps, uint64_t pa);
/* NULL: not there. */
uint8_t *pagestore_find(const struct pagestore *ps, uint64_t pa);
void pagestore_put(struct pagestore *ps, uint64_t pa, const void *data, size_t size);
void pagestore_u32(struct pagestore *ps, uint64_t pa, uint32_t value);
void pagestore_u64(struct pagestore *ps, uint64_t pa, uint64_t value);
uint64_t pagestore_get(const struct pagestore *ps, uint64_t pa, unsigned size);
/* PS is borrowed: destroying the pages leaves it alone. */
struct sc_pages pagestore_pages(struct pagestore *ps);

#endif
