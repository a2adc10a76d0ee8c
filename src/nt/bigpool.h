/* SPDX-License-Identifier: MIT */
/* Large allocations of pool: whole pages, without headers, in a table of their own. */
#ifndef NT_BIGPOOL_H
#define NT_BIGPOOL_H

#include "nt/pool.h"

struct nt_big_block {
    uint64_t address, size; /* bytes */
    uint32_t tag;
    bool protect;
    struct nt_field type;       /* POOL_TYPE; until Server 2003 not recorded */
    enum nt_pool_region region; /* that the type says */
};

/* The table as it lies in memory. */
struct nt_bigpool {
    const struct nt_pool *pool;
    uint64_t table, count; /* entries */
    uint32_t entry;        /* bytes of one */
    uint32_t at_va, at_tag, at_size, at_type;
    bool in_pages, has_type, packed_type; /* PACKED: 12 bits behind 8 others */
    bool assumed;
    uint64_t torn; /* entries that nt_bigpool_each() could not read so far */
};

enum { NT_BIGPOOL_MAX = 1 << 22 };

/* SC_ERR_NOT_FOUND says which symbol, structure or page was lacked. */
sc_err *nt_bigpool_open(const struct nt_pool *pool, struct nt_bigpool *ret_big);

/* Called for each allocation; returns false to stop. */
typedef bool (*nt_big_fn)(void *ctx, const struct nt_big_block *block);
sc_err *nt_bigpool_each(struct nt_bigpool *big, nt_big_fn fn, void *ctx);
/* The allocation that ADDRESS lies in; *RET_FOUND false when there is none. */
sc_err *nt_bigpool_find(struct nt_bigpool *big, uint64_t address, struct nt_big_block *ret_block,
                        bool *ret_found);

#endif
