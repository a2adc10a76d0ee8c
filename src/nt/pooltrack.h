/* SPDX-License-Identifier: MIT */
/*
 * What the pool manager counts for each tag: how often it was allocated and freed, and the bytes
 * in use.
 *
 * A tag may be allocated on one processor and freed on another: each processor counts in a table
 * of its own, and only the sums mean anything.
 */
#ifndef NT_POOLTRACK_H
#define NT_POOLTRACK_H

#include "nt/nt.h"

/* Sums over all tables. Bytes are what is in use; below 0 only when counters were torn. */
struct nt_pooluse {
    uint64_t allocs, frees;
    int64_t used; /* allocs - frees, with the counters' width */
    int64_t bytes;
};
struct nt_tag_use {
    uint32_t tag; /* as in POOL_HEADER, without the bit of protected allocations */
    struct nt_pooluse nonpaged, paged;
};

struct nt_pooltrack {
    struct nt_tag_use *tag; /* as the tables have them: in no order */
    size_t ntags;
    bool assumed;     /* the layout is that of another build */
    unsigned tables;  /* that were read: one a processor, and expansions */
    unsigned missing; /* tables of processors that are not in the dump */
    uint64_t torn;    /* entries in pages that are not in the dump */
    bool one_table;   /* the build's symbols do not say where the processors' tables are */
};

enum nt_pooltrack_of { NT_POOLTRACK_SYSTEM, NT_POOLTRACK_SESSION };

enum { NT_POOLTRACK_MAX = 1 << 18 }; /* entries of one table */

/*
 * Reads the tables. SC_ERR_NOT_FOUND says which symbol, structure or page was lacked;
 * SC_ERR_LIMIT: a table cannot be that long.
 */
sc_err *nt_pooltrack_read(const struct nt *nt, enum nt_pooltrack_of of,
                          struct nt_pooltrack *ret_track);
void nt_pooltrack_deinit(struct nt_pooltrack *track);

#endif
