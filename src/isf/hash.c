/* SPDX-License-Identifier: MIT */
/* Hashes: multiply and fold, eight bytes at a time, the same on every machine. */
#include "isf/hash.h"

#include <string.h>

#include "isf/image.h"

#define K0 0x9e3779b97f4a7c15ull /* 2^64 divided by the golden ratio */
#define K1 0xbf58476d1ce4e5b9ull /* the multipliers of splitmix64 */
#define K2 0x94d049bb133111ebull

static uint64_t finish(uint64_t h) {
    h = (h ^ h >> 30) * K1;
    h = (h ^ h >> 27) * K2;
    return h ^ h >> 31;
}

static uint64_t fold(uint64_t h, uint64_t word) {
    h = (h ^ word) * K0;
    return h ^ h >> 29;
}

uint64_t isf_hash(const void *data, size_t len, uint64_t seed) {
    const uint8_t *p = data;
    uint64_t h = seed ^ len * K2;
    for (; len >= 8; p += 8, len -= 8)
        h = fold(h, isf_get64(p));
    uint64_t last = 0;
    for (size_t i = 0; i < len; i++)
        last |= (uint64_t)p[i] << 8 * i;
    return finish(fold(h, last));
}

void isf_digest_init(struct isf_digest *d) { *d = (struct isf_digest){{K0, K1, K2, K0 ^ K1}, 0}; }

void isf_digest_add(struct isf_digest *d, const void *data, size_t len) {
    const uint8_t *p = data;
    uint64_t a = d->lane[0], b = d->lane[1], c = d->lane[2], e = d->lane[3];
    d->size += len;
    for (; len >= 32; p += 32, len -= 32) {
        a = fold(a, isf_get64(p));
        b = fold(b, isf_get64(p + 8));
        c = fold(c, isf_get64(p + 16));
        e = fold(e, isf_get64(p + 24));
    }
    d->lane[0] = len ? fold(a, isf_hash(p, len, K1)) : a;
    d->lane[1] = b;
    d->lane[2] = c;
    d->lane[3] = e;
}

void isf_digest_end(struct isf_digest *d, uint8_t ret[16]) {
    uint64_t x = d->size * K0, y = d->size * K1;
    for (int i = 0; i < 4; i++) {
        x = finish(x ^ d->lane[i]) + K0;
        y = finish(y + d->lane[3 - i]) ^ K2;
    }
    isf_put64(ret, x);
    isf_put64(ret + 8, y);
}
