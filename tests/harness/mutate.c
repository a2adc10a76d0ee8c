/* SPDX-License-Identifier: MIT */
/* Damage, aimed at where parsers look. */
#include "harness/mutate.h"

#include <string.h>

uint64_t rng_next(uint64_t *state) {
    uint64_t z = *state += 0x9e3779b97f4a7c15ull;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ z >> 27) * 0x94d049bb133111ebull;
    return z ^ z >> 31;
}

uint64_t rng_below(uint64_t *state, uint64_t n) { return rng_next(state) % n; }

struct victim {
    uint8_t *data;
    size_t size;
    uint64_t rng;
    struct {
        uint32_t at, len;
    } hot[80]; /* headers and tables */
    size_t nhot;
};

static uint32_t get32(const struct victim *v, size_t at) {
    uint32_t n = 0;
    if (at + 4 <= v->size)
        for (int i = 4; i-- > 0;)
            n = n << 8 | v->data[at + (size_t)i];
    return n;
}

static void put(struct victim *v, size_t at, unsigned width, uint64_t n) {
    for (unsigned i = 0; i < width && at + i < v->size; i++)
        v->data[at + i] = (uint8_t)(n >> 8 * i);
}

static void add_hot(struct victim *v, uint32_t at, uint32_t len) {
    if (at >= v->size || !len || v->nhot == sizeof v->hot / sizeof *v->hot)
        return;
    v->hot[v->nhot].at = at;
    v->hot[v->nhot].len = len < v->size - at ? len : (uint32_t)(v->size - at);
    v->nhot++;
}

static void find_hot(struct victim *v) {
    if (v->size >= 8 && !memcmp(v->data, "PAGEDU", 6)) {
        uint32_t t = v->data[6] == '6' ? 0x2000 : 0x1000;
        add_hot(v, 0, 0xa0);
        add_hot(v, t == 0x2000 ? 0xf00 : 0x7d0, 0xa0);
        add_hot(v, 0xf88, 0x80);
        add_hot(v, t, 0x80);
        add_hot(v, t, 0x80); /* twice as often */
        for (uint32_t o = 0xc; o < 0x44; o += 4)
            if (o != 0x2c && o != 0x34 && o != 0x3c) /* sizes and counts */
                add_hot(v, get32(v, t + o), 0x200);
        add_hot(v, get32(v, t + (t == 0x2000 ? 0x70 : 0x58)), 0x380);
        add_hot(v, get32(v, t + (t == 0x2000 ? 0x78 : 0x60)), 0x400);
        add_hot(v, get32(v, t + 4), 0x100);
    } else if (v->size >= 0x20 && !memcmp(v->data, "MDMP", 4)) {
        uint32_t n = get32(v, 8), dir = get32(v, 0xc);
        add_hot(v, 0, 0x20);
        add_hot(v, dir, n < 64 ? n * 12 : 64 * 12);
        for (uint32_t i = 0; i < n && i < 64; i++)
            add_hot(v, get32(v, dir + i * 12 + 8), 0x80);
    } else {
        add_hot(v, 0, 0x200);
    }
}

static size_t pick(struct victim *v) {
    if (v->nhot && rng_next(&v->rng) & 1) {
        size_t i = (size_t)rng_below(&v->rng, v->nhot);
        return v->hot[i].at + (size_t)rng_below(&v->rng, v->hot[i].len);
    }
    return (size_t)rng_below(&v->rng, v->size);
}

static uint64_t boundary(struct victim *v) {
    const uint64_t n[] = {0,          1,           UINT64_MAX,         0x7fffffff,  0x80000000,
                          0xfffffff0, v->size,     v->size - 1,        v->size + 1, 0x45474150,
                          0xffff,     0x100000000, 0x7fffffffffffffff, v->size / 2, 0x1000};
    uint64_t i = rng_below(&v->rng, sizeof n / sizeof *n + 1);
    return i < sizeof n / sizeof *n ? n[i] : rng_next(&v->rng);
}

static void copy_block(struct victim *v) {
    size_t len = 1 + (size_t)rng_below(&v->rng, 256);
    size_t from = pick(v), to = pick(v);
    if (len > v->size - from)
        len = v->size - from;
    if (len > v->size - to)
        len = v->size - to;
    memmove(v->data + to, v->data + from, len);
}

static void damage(struct victim *v) {
    size_t at = pick(v);
    uint64_t kind = rng_below(&v->rng, 16);
    if (kind < 3) {
        v->data[at] ^= (uint8_t)(1u << rng_below(&v->rng, 8));
    } else if (kind < 5) {
        v->data[at] = (uint8_t)rng_next(&v->rng);
    } else if (kind < 9) {
        put(v, at & ~(size_t)3, 4, boundary(v));
    } else if (kind < 11) {
        put(v, at & ~(size_t)3, 4, get32(v, at & ~(size_t)3) + (rng_next(&v->rng) & 1 ? 1 : -1u));
    } else if (kind == 11) {
        put(v, at & ~(size_t)7, 8, boundary(v));
    } else if (kind == 12) {
        put(v, at & ~(size_t)1, 2, boundary(v));
    } else if (kind == 13) {
        copy_block(v);
    } else {
        size_t len = 1 + (size_t)rng_below(&v->rng, 64);
        for (size_t i = at; i < at + len && i < v->size; i++)
            v->data[i] = kind == 14 ? 0 : (uint8_t)rng_next(&v->rng);
    }
}

size_t mutate(uint8_t *data, size_t size, uint64_t seed) {
    struct victim v = {.data = data, .size = size, .rng = seed};
    if (!size)
        return 0;
    find_hot(&v);
    uint64_t n = 1 + rng_below(&v.rng, 3);
    if (rng_below(&v.rng, 8) == 0)
        n += rng_below(&v.rng, 40);
    while (n--)
        damage(&v);
    if (rng_below(&v.rng, 32) == 0)
        v.size = (size_t)rng_below(&v.rng, v.size + 1);
    return v.size;
}
