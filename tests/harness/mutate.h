/* SPDX-License-Identifier: MIT */
/* Seeded damage to files: the same seed gives the same damage everywhere. */
#ifndef STOPCODE_TESTS_HARNESS_MUTATE_H
#define STOPCODE_TESTS_HARNESS_MUTATE_H

#include <stddef.h>
#include <stdint.h>

/* splitmix64. */
uint64_t rng_next(uint64_t *state);
/* A number below N (N > 0). */
uint64_t rng_below(uint64_t *state, uint64_t n);

/*
 * Damages SIZE bytes in place by a few of: flipped bits, 32- and 64-bit fields set to boundary
 * values, sizes off by one, copied, zeroed or random blocks. Half of the damage goes to headers
 * and tables, which are found by what kind of dump it is. Returns the new size: sometimes the file
 * is also cut.
 */
size_t mutate(uint8_t *data, size_t size, uint64_t seed);

#endif
