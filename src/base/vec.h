/* SPDX-License-Identifier: MIT */
/*
 * Vectors: any struct with the members `item` (pointer), `count` and `room` (size_t).
 *
 *     struct { struct row *item; size_t count, room; } rows = {0};
 *     struct row *r = SC_VEC_PUSH(&rows);      // zeroed; NULL when memory is short
 *     SC_VEC_FREE(&rows);
 */
#ifndef STOPCODE_BASE_VEC_H
#define STOPCODE_BASE_VEC_H

#include <stdbool.h>
#include <stddef.h>

/* Makes room for one more element of SIZE bytes; doubles; false when memory is short. */
bool sc_vec_grow(void **item, size_t *room, size_t count, size_t size);
/* Makes room for exactly WANT elements in all. */
bool sc_vec_reserve(void **item, size_t *room, size_t want, size_t size);
/* The freshly counted, zeroed element. */
void *sc_vec_push(void **item, size_t *room, size_t *count, size_t size);

#define SC_VEC_PUSH(v)                                                                             \
    ((__typeof__((v)->item))sc_vec_push((void **)&(v)->item, &(v)->room, &(v)->count,              \
                                        sizeof *(v)->item))
#define SC_VEC_RESERVE(v, want)                                                                    \
    sc_vec_reserve((void **)&(v)->item, &(v)->room, (want), sizeof *(v)->item)
#define SC_VEC_FREE(v) (free((v)->item), (v)->item = NULL, (v)->count = 0, (v)->room = 0)

#endif
