/* SPDX-License-Identifier: MIT */
/*
 * One run under the watched heap: bytes 0 and 1 are a little-endian number N; the Nth allocation
 * fails, and with bit 14 all behind it too; bit 15: none fails.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz/fuzz.h"
#include "harness/heap.h"

void fuzz_broken(const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    fprintf(stderr, "fuzz %s: ", fuzz_name);
    vfprintf(stderr, fmt, ap);
    fputc('\n', stderr);
    va_end(ap);
    abort();
}

void watched_run(const uint8_t *data, size_t size) {
    if (size < 2)
        return;
    unsigned n = data[0] | (unsigned)data[1] << 8;
    /* A block of exactly the size, so that a sanitizer sees the end. */
    size -= 2;
    uint8_t *copy = heap_real_alloc(size ? size : 1);
    if (!copy)
        return;
    memcpy(copy, data + 2, size);
    heap_begin(n & 0x8000 ? 0 : (n & 0x3fff) + 1);
    if (n & 0x4000)
        heap_keep_failing();
    fuzz_one(copy, size);
    struct heap_stats stats;
    heap_end(&stats);
    if (stats.nleaked)
        fuzz_broken("leaked %zu bytes in %zu blocks (one of %zu)", stats.leaked, stats.nleaked,
                    stats.leak_size);
    if (stats.peak > FUZZ_HEAP_LIMIT(size))
        fuzz_broken("held %zu bytes at once for an input of %zu", stats.peak, size);
    heap_real_free(copy);
}
