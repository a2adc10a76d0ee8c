/* SPDX-License-Identifier: MIT */
/*
 * Kernel pool on segment heaps, since Windows 10 19H1: which range of a segment an address lies in,
 * and the blocks of that range.
 */
#ifndef NT_SEGHEAP_H
#define NT_SEGHEAP_H

#include "nt/pool.h"

enum { NT_SEGHEAPS_MAX = 256, NT_SEG_CONTEXTS = 2 };

/* The heaps of a target's pool; made once. */
struct nt_segheap {
    const struct nt_pool *pool;
    uint64_t heap_key, lfh_key;
    struct {
        uint64_t address;
        enum nt_pool_region region;
    } heap[NT_SEGHEAPS_MAX];
    size_t nheaps;
    struct nt_seg_context {
        uint64_t mask;        /* of a segment's address */
        uint8_t shift, first; /* bytes of a unit; the first descriptor of one */
    } context[NT_SEG_CONTEXTS];
    /* Offsets and sizes of the structures. */
    uint32_t heap_size, contexts, context_size, signature, descriptor, flags, units;
    uint32_t vs_size, vs_check, vs_header, chunk, lfh_offsets, lfh_count, lfh_bitmap;
    bool assumed;
};

/* SC_ERR_NOT_FOUND says which symbol, structure or page was lacked. */
sc_err *nt_segheap_open(const struct nt_pool *pool, struct nt_segheap *ret_heap);

enum nt_seg_kind {
    NT_SEG_FREE,  /* nobody has it */
    NT_SEG_PAGES, /* one large allocation */
    NT_SEG_VS,    /* blocks of varying sizes */
    NT_SEG_LFH,   /* blocks of one size */
};
/* "VS", "LFH", "large", "free" */
const char *nt_seg_kind_name(enum nt_seg_kind kind);

struct nt_seg_range {
    enum nt_seg_kind kind;
    uint64_t heap, segment, start, size;
    enum nt_pool_region region;
};
/*
 * The range of pages that ADDRESS lies in. *RET_FOUND false: no segment of these heaps is there, or
 * its header is not in the dump.
 */
sc_err *nt_segheap_range(const struct nt_segheap *heap, uint64_t address,
                         struct nt_seg_range *ret_range, bool *ret_found);

/* Called for each block in order of addresses; returns false to stop. */
typedef bool (*nt_seg_block_fn)(void *ctx, const struct nt_pool_block *block);
/*
 * The blocks of RANGE. A free block has no header: its address and size are what is free. *RET_BAD
 * is the address at which a VS range could not be followed further, 0: it could.
 */
sc_err *nt_segheap_blocks(const struct nt_segheap *heap, const struct nt_seg_range *range,
                          nt_seg_block_fn fn, void *ctx, uint64_t *ret_bad);

#endif
