/* SPDX-License-Identifier: MIT */
/*
 * Where a number stands in a list: what is asked for every line of a large scenario must not walk
 * all the others. Of equal keys the first one that was put is found.
 */
#ifndef STOPCODE_TESTS_FORGE_INDEX_H
#define STOPCODE_TESTS_FORGE_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "forge/pool.h"

struct forge_index {
    struct forge_index_slot *slot; /* open addressing; `room` is a power of 2 */
    size_t count, room;
};

void forge_index_put(struct forge_pool *pool, struct forge_index *index, uint64_t key, size_t at);
/* SIZE_MAX: it is not there. */
size_t forge_index_get(const struct forge_index *index, uint64_t key);

#endif
