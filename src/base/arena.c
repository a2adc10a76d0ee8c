/* SPDX-License-Identifier: MIT */
/* Blocks in a list, the newest first; big requests get a block of their own. */
#include "base/arena.h"

#include <stdalign.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Blocks grow up to a size: most arenas hold little, and memory that nobody touches costs nothing.
 */
enum { BLOCK_MIN = 1024, BLOCK_MAX = 16 * 1024, SHORT = 256 };

struct block {
    struct block *next;
    size_t used, room;
    alignas(max_align_t) char data[];
};

struct sc_arena {
    struct block *head;
    size_t total;
};

sc_arena *sc_arena_create(void) { return calloc(1, sizeof(sc_arena)); }

void sc_arena_destroy(sc_arena *arena) {
    if (!arena)
        return;
    for (struct block *b = arena->head, *next; b; b = next) {
        next = b->next;
        free(b);
    }
    free(arena);
}

/* Of a block that has SIZE bytes and more to come in it. */
static size_t usual_room(const sc_arena *arena, size_t size) {
    size_t room = BLOCK_MIN;
    while (room < BLOCK_MAX && (room < arena->total || room / 4 < size))
        room *= 2;
    return room;
}

static struct block *grow(sc_arena *arena, size_t size) {
    const size_t usual = usual_room(arena, size);
    size_t room = size > usual / 4 ? size : usual;
    if (room > SIZE_MAX - sizeof(struct block))
        return NULL;
    struct block *b = malloc(sizeof *b + room);
    if (!b)
        return NULL;
    b->used = 0;
    b->room = room;
    arena->total += sizeof *b + room;
    if (room == usual || !arena->head) {
        b->next = arena->head;
        arena->head = b;
    } else { /* a block of its own goes behind the one still being filled */
        b->next = arena->head->next;
        arena->head->next = b;
    }
    return b;
}

void *sc_arena_alloc(sc_arena *arena, size_t size) {
    const size_t align = alignof(max_align_t);
    if (size > SIZE_MAX / 2)
        return NULL;
    size = (size + align - 1) & ~(align - 1);
    struct block *b = arena->head;
    if (!b || b->room - b->used < size) {
        b = grow(arena, size);
        if (!b)
            return NULL;
    }
    void *p = b->data + b->used;
    b->used += size;
    memset(p, 0, size);
    return p;
}

void *sc_arena_array(sc_arena *arena, size_t count, size_t size) {
    if (size && count > SIZE_MAX / 2 / size)
        return NULL;
    return sc_arena_alloc(arena, count * size);
}

char *sc_arena_strndup(sc_arena *arena, const char *text, size_t len) {
    if (len == SIZE_MAX)
        return NULL;
    char *copy = sc_arena_alloc(arena, len + 1);
    if (copy)
        memcpy(copy, text, len);
    return copy;
}

char *sc_arena_strdup(sc_arena *arena, const char *text) {
    return sc_arena_strndup(arena, text, strlen(text));
}

/* Into a buffer first: hardly any text is longer, and finding its length is as much work. */
char *sc_arena_vprintf(sc_arena *arena, const char *fmt, va_list ap) {
    char some[SHORT];
    va_list again;
    va_copy(again, ap);
    int n = vsnprintf(some, sizeof some, fmt, ap);
    char *text = NULL;
    if (n >= 0 && (size_t)n < sizeof some)
        text = sc_arena_strndup(arena, some, (size_t)n);
    else if (n >= 0)
        text = sc_arena_alloc(arena, (size_t)n + 1);
    if (text && (size_t)n >= sizeof some)
        vsnprintf(text, (size_t)n + 1, fmt, again);
    va_end(again);
    return text;
}

char *sc_arena_printf(sc_arena *arena, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    char *text = sc_arena_vprintf(arena, fmt, ap);
    va_end(ap);
    return text;
}

size_t sc_arena_size(const sc_arena *arena) { return arena->total; }
