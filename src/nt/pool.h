/* SPDX-License-Identifier: MIT */
/*
 * Blocks of pool: small ones, which share a page and have a POOL_HEADER, and where they are found.
 * Large ones are in bigpool.h, those of segment heaps (since 19H1) in segheap.h.
 */
#ifndef NT_POOL_H
#define NT_POOL_H

#include "nt/nt.h"

enum nt_pool_region {
    NT_REGION_UNKNOWN,
    NT_REGION_NONPAGED,
    NT_REGION_PAGED,
    NT_REGION_SESSION,
    NT_REGION_SPECIAL,
};
/* "Nonpaged pool"; "Unknown". */
const char *nt_pool_region_name(enum nt_pool_region region);

enum { NT_POOL_PAGE = 4096, NT_POOL_BLOCKS_MAX = 512, NT_POOL_RANGES_MAX = 8 };

struct nt_pool_range {
    enum nt_pool_region region;
    uint64_t start, size;
};

/* What the readers of a target's pool need to know; made once. */
struct nt_pool {
    const struct nt *nt;
    unsigned unit;   /* what sizes in headers count: 8 or 16 bytes */
    unsigned header; /* bytes of a POOL_HEADER */
    bool new_types;  /* since Vista: types of blocks are counted otherwise */
    bool segments;   /* since 19H1 small blocks lie in segment heaps */
    struct nt_field quota_cookie;
    struct nt_pool_range range[NT_POOL_RANGES_MAX]; /* that the kernel says; may be none */
    size_t nranges;
};
sc_err *nt_pool_open(const struct nt *nt, struct nt_pool *ret_pool);
/* The region that holds ADDRESS, as far as the kernel says where its pools are. */
enum nt_pool_region nt_pool_region_at(const struct nt_pool *pool, uint64_t address);

struct nt_pool_block {
    uint64_t address;        /* of the header */
    uint32_t size, previous; /* bytes, header included */
    uint32_t tag;            /* without the bit of protected allocations */
    uint8_t type;            /* POOL_HEADER.PoolType */
    bool allocated, protect;
    enum nt_pool_region region; /* that the type says; of a free block unknown */
    uint64_t process;           /* that its quota is charged to; 0: none */
};

/* A header's 8 or 16 bytes at ADDRESS, decoded. Not checked. */
void nt_pool_decode(const struct nt_pool *pool, uint64_t address, const uint8_t *header,
                    struct nt_pool_block *ret_block);

/* How a page of small blocks is broken. */
enum nt_pool_fault {
    NT_POOL_FINE,
    NT_POOL_ABSENT,   /* the page is not in the dump */
    NT_POOL_ZERO,     /* a block of no bytes */
    NT_POOL_OVERRUN,  /* a block that ends behind the page */
    NT_POOL_PREVIOUS, /* its header says another size of the block before */
};
struct nt_pool_page {
    uint64_t address; /* of the page */
    struct nt_pool_block block[NT_POOL_BLOCKS_MAX];
    size_t count; /* up to the block that is broken, which is the last one */
    enum nt_pool_fault fault;
    uint32_t expected; /* NT_POOL_PREVIOUS: the size that it should say */
};
/*
 * The blocks of the page around ADDRESS, from its beginning on. *PAGE is large: the caller's. Of
 * what is no pool page the first header is broken.
 */
void nt_pool_page_read(const struct nt_pool *pool, uint64_t address, struct nt_pool_page *page);
/* The block that holds ADDRESS; NULL. */
const struct nt_pool_block *nt_pool_block_at(const struct nt_pool_page *page, uint64_t address);

#endif
