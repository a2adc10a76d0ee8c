/* SPDX-License-Identifier: MIT */
/* Searching small blocks of pool for a tag: over all memory that is in the dump. */
#ifndef NT_POOLSCAN_H
#define NT_POOLSCAN_H

#include "nt/pool.h"
#include "nt/tagpattern.h"

struct nt_poolscan {
    const struct nt_pool *pool;
    struct nt_tagpattern pattern;
    uint64_t start, end; /* addresses; END 0: to the end of the address space */
    uint64_t bytes;      /* that were looked at */
    uint64_t unsound;    /* places that have the tag and are no block */
};

/* Called for each block; returns false to stop. */
typedef bool (*nt_poolscan_fn)(void *ctx, const struct nt_pool_block *block);
/*
 * A place where the tag stands is a block when its header is possible, it ends within its page and,
 * where headers are chained, its neighbour's header says the same size.
 */
sc_err *nt_poolscan_run(struct nt_poolscan *scan, nt_poolscan_fn fn, void *ctx);

#endif
