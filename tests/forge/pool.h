/* SPDX-License-Identifier: MIT */
/*
 * Memory that is freed at once: what a scenario holds, and what is made from it.
 *
 *     struct forge_pool pool = {0};
 *     struct { struct row *item; size_t count, room; } rows = {0};
 *     struct row *r = FORGE_PUSH(&pool, &rows);     // zeroed
 *     r->name = forge_pool_printf(&pool, "%s.pdb", name);
 *     forge_pool_free(&pool);
 *
 * Nothing is returned that is NULL: the program ends when memory is short, as the other parts of
 * the forge do (forge/msf.h).
 */
#ifndef STOPCODE_TESTS_FORGE_POOL_H
#define STOPCODE_TESTS_FORGE_POOL_H

#include <stddef.h>

struct forge_pool {
    struct forge_pool_block *first;
};

/* Zeroed bytes. */
void *forge_pool_get(struct forge_pool *pool, size_t size);
char *forge_pool_text(struct forge_pool *pool, const char *text, size_t len);
char *forge_pool_printf(struct forge_pool *pool, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void forge_pool_free(struct forge_pool *pool);

/* ITEMS with room for one more behind COUNT, which is zeroed. Grown by doubling. */
void *forge_pool_grow(struct forge_pool *pool, void *items, size_t count, size_t *room,
                      size_t item_size);

/* A zeroed item at the end of a struct with `item`, `count` and `room`. */
#define FORGE_PUSH(pool, vec)                                                                      \
    ((vec)->item =                                                                                 \
         forge_pool_grow((pool), (vec)->item, (vec)->count, &(vec)->room, sizeof *(vec)->item),    \
     &(vec)->item[(vec)->count++])

#endif
