/* SPDX-License-Identifier: MIT */
/* Blocks of pool in output: what `!pool`, `!poolval` and `!poolfind` share. */
#ifndef STOPCODE_CMD_POOLSHOW_H
#define STOPCODE_CMD_POOLSHOW_H

#include "cmd/command.h"
#include "nt/bigpool.h"
#include "nt/segheap.h"

/* The readers of one target's pool. */
struct sc_pools {
    struct nt nt;
    struct nt_pool pool;
    struct nt_bigpool big;
    struct nt_segheap heap;
    bool has_big, has_heap; /* what could be opened */
    sc_err *big_why, *heap_why;
};
/* Opens what can be; ends with sc_pools_close() even when it fails. */
sc_err *sc_pools_open(sc_session *session, struct sc_pools *ret);
void sc_pools_close(struct sc_pools *pools);

/*
 * A line of `!pool`:
 *     *e1001050 size:   10 previous size:   10  (Allocated) *ObDi
 * MARKED: it is the one that was asked for; OWNER: its tag is explained, too.
 */
void sc_show_pool_block(sc_session *session, const struct nt_pool_block *block, bool marked,
                        bool owner);
/* *ffffc986cb6f2000 : large page allocation, tag is V2lg, size is 0x4000 bytes */
void sc_show_big_block(sc_session *session, const struct nt_big_block *block, bool owner);
/* ffffd48ca040f340 : tag Proc, size     0xb70, Nonpaged pool */
void sc_show_pool_found(sc_session *session, uint64_t address, uint32_t tag, uint64_t size,
                        enum nt_pool_region region, bool allocated);

#endif
