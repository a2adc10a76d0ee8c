/* SPDX-License-Identifier: MIT */
/*
 * Fragmentation of pool: what is free on pages that small blocks share, and who has the blocks that
 * keep those pages. Of segment heaps (since 19H1) what their own statistics say.
 */
#ifndef NT_POOLFRAG_H
#define NT_POOLFRAG_H

#include "base/hash.h"
#include "nt/segheap.h"

enum { NT_FRAG_REGIONS = NT_REGION_SPECIAL + 1, NT_FRAG_TAGS_MAX = 1 << 16 };

struct nt_frag_region {
    uint64_t pages;  /* of small blocks, that are in the dump and whole */
    uint64_t sparse; /* of them with something free */
    uint64_t used, free;
    uint64_t blocks, fragments; /* in use, free */
    uint32_t largest;           /* fragment, bytes */
};
/* Who has blocks on pages with something free. */
struct nt_frag_tag {
    uint32_t tag;
    uint64_t allocs, bytes, pages;
    uint64_t last; /* page that it was counted on */
};
struct nt_poolfrag {
    struct nt_frag_region region[NT_FRAG_REGIONS]; /* by enum nt_pool_region */
    struct {
        struct nt_frag_tag *item;
        size_t count, room;
    } tags;
    struct sc_map index;
    bool everywhere;  /* where the pools are is not known: all kernel memory was looked at */
    bool tags_missed; /* more than NT_FRAG_TAGS_MAX */
};

/* Called for each free block; returns false to stop. */
typedef bool (*nt_frag_fn)(void *ctx, const struct nt_pool_block *block);
/* FN may be NULL. Ends with nt_poolfrag_deinit(), also on errors. */
sc_err *nt_poolfrag_scan(const struct nt_pool *pool, nt_frag_fn fn, void *ctx,
                         struct nt_poolfrag *ret);
void nt_poolfrag_deinit(struct nt_poolfrag *frag);

/* What a heap says: pages. */
struct nt_frag_heap {
    uint64_t address;
    enum nt_pool_region region;
    struct nt_field reserved, committed, free, lfh_free;
};
sc_err *nt_frag_heap_read(const struct nt_segheap *heaps, size_t index, struct nt_frag_heap *ret);

#endif
