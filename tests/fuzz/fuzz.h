/* SPDX-License-Identifier: MIT */
/*
 * What a fuzz target is: a name, one run on some bytes, and inputs to start from. The same sources
 * make a libFuzzer program (preset fuzz) and a replay program that runs in the ordinary tests.
 *
 * The first two bytes of an input choose which allocation fails (watched_run() in watched_run.c),
 * so that error paths are explored too; fuzz_one() gets the rest.
 */
#ifndef STOPCODE_TESTS_FUZZ_FUZZ_H
#define STOPCODE_TESTS_FUZZ_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

extern const char fuzz_name[];

/* One run; whatever it allocates through the library must be free when it returns. */
void fuzz_one(const uint8_t *data, size_t size);

/* Calls ADD for each input to start from, without the two bytes in front. */
typedef void (*fuzz_add)(void *ctx, const void *data, size_t size);
void fuzz_seeds(fuzz_add add, void *ctx);

/* The heap may hold this much at once for an input of SIZE bytes. */
#define FUZZ_HEAP_LIMIT(size) (4 * (uint64_t)(size) + (2u << 20))

/* A broken promise: says which and aborts. */
void fuzz_broken(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));

/* Runs fuzz_one() under the watched heap. */
void watched_run(const uint8_t *data, size_t size);

#endif
