/* SPDX-License-Identifier: MIT */
/*
 * A radix sort from the lowest byte up, over those bytes in which the keys differ at all: it does
 * not compare, so it never waits for a branch that could not be foretold.
 */
#include "base/sort.h"

#include <stdlib.h>
#include <string.h>

enum { FEW = 24, VALUES = 256 };

static void insertion(struct sc_sort_key *item, size_t count) {
    for (size_t i = 1; i < count; i++) {
        struct sc_sort_key k = item[i];
        size_t at = i;
        for (; at && item[at - 1].key > k.key; at--)
            item[at] = item[at - 1];
        item[at] = k;
    }
}

/* FROM by the byte at SHIFT into TO; what is equal there stays in order. */
static void by_byte(const struct sc_sort_key *from, size_t count, unsigned shift,
                    struct sc_sort_key *to) {
    size_t start[VALUES] = {0}, sum = 0;
    for (size_t i = 0; i < count; i++)
        start[from[i].key >> shift & (VALUES - 1)]++;
    for (size_t v = 0; v < VALUES; v++) {
        size_t n = start[v];
        start[v] = sum;
        sum += n;
    }
    for (size_t i = 0; i < count; i++)
        to[start[from[i].key >> shift & (VALUES - 1)]++] = from[i];
}

bool sc_sort_keys(struct sc_sort_key *item, size_t count) {
    uint64_t differ = 0;
    bool sorted = true;
    for (size_t i = 1; i < count; i++) {
        differ |= item[i].key ^ item[0].key;
        sorted = sorted && item[i - 1].key <= item[i].key;
    }
    if (sorted)
        return true;
    if (count <= FEW) {
        insertion(item, count);
        return true;
    }
    struct sc_sort_key *other = malloc(count * sizeof *other), *from = item, *to = other;
    if (!other)
        return false;
    for (unsigned shift = 0; shift < 64; shift += 8) {
        if (!(differ >> shift & (VALUES - 1)))
            continue;
        by_byte(from, count, shift, to);
        struct sc_sort_key *swap = from;
        from = to;
        to = swap;
    }
    if (from != item)
        memcpy(item, from, count * sizeof *item);
    free(other);
    return true;
}
