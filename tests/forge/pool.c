/* SPDX-License-Identifier: MIT */
/* Blocks in a list: each allocation is one, so that the sanitizers see its bounds. */
#include "forge/pool.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct forge_pool_block {
    struct forge_pool_block *next;
    max_align_t data[];
};

void *forge_pool_get(struct forge_pool *pool, size_t size) {
    struct forge_pool_block *b =
        size < SIZE_MAX - sizeof *b ? calloc(1, sizeof *b + size + !size) : NULL;
    if (!b)
        abort();
    b->next = pool->first;
    pool->first = b;
    return b->data;
}

char *forge_pool_text(struct forge_pool *pool, const char *text, size_t len) {
    char *copy = forge_pool_get(pool, len + 1);
    memcpy(copy, text, len);
    return copy;
}

char *forge_pool_printf(struct forge_pool *pool, const char *fmt, ...) {
    va_list args, again;
    va_start(args, fmt);
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    char *text = forge_pool_get(pool, len < 0 ? 1 : (size_t)len + 1);
    if (len >= 0)
        vsnprintf(text, (size_t)len + 1, fmt, again);
    va_end(again);
    return text;
}

void forge_pool_free(struct forge_pool *pool) {
    while (pool->first) {
        struct forge_pool_block *b = pool->first;
        pool->first = b->next;
        free(b);
    }
}

void *forge_pool_grow(struct forge_pool *pool, void *items, size_t count, size_t *room,
                      size_t item_size) {
    if (count < *room)
        return items;
    size_t more = *room ? *room * 2 : 8;
    if (more > SIZE_MAX / item_size)
        abort();
    void *grown = forge_pool_get(pool, more * item_size);
    if (count)
        memcpy(grown, items, count * item_size);
    *room = more;
    return grown;
}
