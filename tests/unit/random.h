/* SPDX-License-Identifier: MIT */
/* Random numbers for property tests: splitmix64, the same from the same seed everywhere. */
#ifndef STOPCODE_TESTS_UNIT_RANDOM_H
#define STOPCODE_TESTS_UNIT_RANDOM_H

#include <stdint.h>

static inline uint64_t random_next(uint64_t *seed) {
    uint64_t z = *seed += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

/* Below N, which is not 0. */
static inline uint64_t random_below(uint64_t *seed, uint64_t n) { return random_next(seed) % n; }

#endif
