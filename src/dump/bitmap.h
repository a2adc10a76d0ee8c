/* SPDX-License-Identifier: MIT */
/*
 * Physical memory as a bitmap: bit N set means that page N is in the file, and the pages lie one
 * behind the other in the order of their bits. So a page's place is the number of set bits before
 * its own: its rank.
 *
 * Nothing is read when the pages are made. Ranks are counted once, up to where a read needs them,
 * and remembered for every 64 bytes of bitmap (1/30 of the bitmap's size).
 */
#ifndef STOPCODE_DUMP_BITMAP_H
#define STOPCODE_DUMP_BITMAP_H

#include "stopcode/source.h"

struct sc_bitmap {
    uint64_t offset;     /* file offset of the bitmap: bits from the low end of each byte */
    uint64_t bits;       /* at most SC_BITMAP_BITS_MAX; what the file lacks of it is cut off */
    uint64_t first_page; /* file offset of the first page's bytes; at most 2^62 */
    uint64_t present;    /* set bits as the container says: a note tells when they are not */
};

/* Bits of a page number in a page table entry; 256 TB. */
#define SC_BITMAP_BITS_MAX (UINT64_C(1) << 36)

/* Pages of the source's file, which must outlive them. Notes go to SOURCE. */
sc_err *sc_bitmap_pages(struct sc_source *source, const struct sc_bitmap *bitmap,
                        struct sc_pages *ret_pages);

/* Counts the set bits; SC_ERR_IO when the bitmap cannot be read. */
sc_err *sc_bitmap_count(struct sc_source *source, const struct sc_bitmap *bitmap,
                        uint64_t *ret_count);

#endif
