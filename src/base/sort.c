/* SPDX-License-Identifier: MIT */
/* A merge sort from the bottom up, over short runs that insertion has sorted. */
#include "base/sort.h"

#include <stdlib.h>
#include <string.h>

enum { RUN = 12 };

static void insertion(struct sc_sort_key *item, size_t count) {
    for (size_t i = 1; i < count; i++) {
        struct sc_sort_key k = item[i];
        size_t at = i;
        for (; at && item[at - 1].key > k.key; at--)
            item[at] = item[at - 1];
        item[at] = k;
    }
}

/* The sorted A (NA items) and B (NB) into TO. */
static void merge(const struct sc_sort_key *a, size_t na, const struct sc_sort_key *b, size_t nb,
                  struct sc_sort_key *to) {
    while (na && nb) {
        if (b->key < a->key) {
            *to++ = *b++;
            nb--;
        } else {
            *to++ = *a++;
            na--;
        }
    }
    memcpy(to, na ? a : b, (na ? na : nb) * sizeof *to);
}

bool sc_sort_keys(struct sc_sort_key *item, size_t count) {
    for (size_t i = 0; i < count; i += RUN)
        insertion(item + i, count - i < RUN ? count - i : RUN);
    if (count <= RUN)
        return true;
    struct sc_sort_key *other = malloc(count * sizeof *other), *from = item, *to = other;
    if (!other)
        return false;
    for (size_t width = RUN; width < count; width *= 2) {
        for (size_t i = 0; i < count; i += 2 * width) {
            size_t left = count - i, na = left < width ? left : width;
            size_t nb = left - na < width ? left - na : width;
            merge(from + i, na, from + i + na, nb, to + i);
        }
        struct sc_sort_key *swap = from;
        from = to;
        to = swap;
    }
    if (from != item)
        memcpy(item, from, count * sizeof *item);
    free(other);
    return true;
}
