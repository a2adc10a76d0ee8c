/* SPDX-License-Identifier: MIT */
#include "forge/index.h"

struct forge_index_slot {
    uint64_t key;
    size_t behind; /* the place and 1; 0: free */
};

static size_t place_of(const struct forge_index_slot *slot, size_t room, uint64_t key) {
    size_t i = (size_t)((key * 0x9e3779b97f4a7c15ull) >> 32) & (room - 1);
    while (slot[i].behind && slot[i].key != key)
        i = (i + 1) & (room - 1);
    return i;
}

static void grow(struct forge_pool *pool, struct forge_index *x) {
    size_t room = x->room ? x->room * 2 : 16;
    struct forge_index_slot *wider = forge_pool_get(pool, room * sizeof *wider);
    for (size_t i = 0; i < x->room; i++)
        if (x->slot[i].behind)
            wider[place_of(wider, room, x->slot[i].key)] = x->slot[i];
    x->slot = wider;
    x->room = room;
}

void forge_index_put(struct forge_pool *pool, struct forge_index *x, uint64_t key, size_t at) {
    if ((x->count + 1) * 2 > x->room)
        grow(pool, x);
    struct forge_index_slot *s = &x->slot[place_of(x->slot, x->room, key)];
    if (s->behind)
        return;
    *s = (struct forge_index_slot){key, at + 1};
    x->count++;
}

size_t forge_index_get(const struct forge_index *x, uint64_t key) {
    /* A free slot says 0, which wraps to SIZE_MAX. */
    return x->room ? x->slot[place_of(x->slot, x->room, key)].behind - 1 : SIZE_MAX;
}
