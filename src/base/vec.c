/* SPDX-License-Identifier: MIT */
/* The untyped halves of vec.h's macros. */
#include "base/vec.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

bool sc_vec_reserve(void **item, size_t *room, size_t want, size_t size) {
    if (want <= *room)
        return true;
    if (want > PTRDIFF_MAX / size)
        return false;
    void *bigger = realloc(*item, want * size);
    if (!bigger)
        return false;
    *item = bigger;
    *room = want;
    return true;
}

bool sc_vec_grow(void **item, size_t *room, size_t count, size_t size) {
    if (count < *room)
        return true;
    size_t want = *room ? *room + *room / 2 + 1 : 8;
    return sc_vec_reserve(item, room, want, size);
}

void *sc_vec_push(void **item, size_t *room, size_t *count, size_t size) {
    if (!sc_vec_grow(item, room, *count, size))
        return NULL;
    void *slot = (char *)*item + *count * size;
    memset(slot, 0, size);
    (*count)++;
    return slot;
}
