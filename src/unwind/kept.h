/* SPDX-License-Identifier: MIT */
/*
 * What was worked out about an address of code, kept: the same addresses come again, in recursion,
 * in words of a stack that are looked at several times, and in the stacks of hundreds of threads.
 */
#ifndef STOPCODE_UNWIND_KEPT_H
#define STOPCODE_UNWIND_KEPT_H

#include "base/arena.h"
#include "base/hash.h"

/* Zero it first. Memory is bounded: when it is used up, it starts anew. */
struct sc_kept {
    struct sc_map by_address;
    sc_arena *arena;
    uint64_t generation; /* of the target, when all of it was made */
};
void sc_kept_deinit(struct sc_kept *kept);
/*
 * What is kept of ADDR, which lives until the next call for the same struct; NULL: nothing. What
 * was made in another generation of the target is forgotten.
 */
const void *sc_kept_get(struct sc_kept *kept, uint64_t generation, uint64_t addr);
/* SIZE bytes to fill about ADDR, zeroed; NULL: out of memory. */
void *sc_kept_put(struct sc_kept *kept, uint64_t addr, size_t size);

#endif
