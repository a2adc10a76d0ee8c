/* SPDX-License-Identifier: MIT */
/*
 * An arena: many small allocations that die together. Used for the strings and records of one
 * dump. Memory is zeroed. Not for anything that grows and is thrown away.
 */
#ifndef STOPCODE_BASE_ARENA_H
#define STOPCODE_BASE_ARENA_H

#include <stdarg.h>
#include <stddef.h>

#include "stopcode/error.h"

typedef struct sc_arena sc_arena;

/* NULL when memory is short. */
sc_arena *sc_arena_create(void);
void sc_arena_destroy(sc_arena *arena);

/* SIZE zeroed bytes, aligned for any type; NULL when memory is short. */
void *sc_arena_alloc(sc_arena *arena, size_t size);
/* COUNT × SIZE, checked for overflow. */
void *sc_arena_array(sc_arena *arena, size_t count, size_t size);
/* A copy of LEN bytes with a NUL behind them. */
char *sc_arena_strndup(sc_arena *arena, const char *text, size_t len);
char *sc_arena_strdup(sc_arena *arena, const char *text);
char *sc_arena_printf(sc_arena *arena, const char *fmt, ...) SC_PRINTF(2, 3);
char *sc_arena_vprintf(sc_arena *arena, const char *fmt, va_list ap);
/* Bytes taken from the system so far. */
size_t sc_arena_size(const sc_arena *arena);

#endif
