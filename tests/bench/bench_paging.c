/* SPDX-License-Identifier: MIT */
/*
 * How fast virtual memory is read through page tables; for scripts/bench.py:
 *
 *     bench_paging SECONDS    prints "cached N uncached N page N walk N ranges N": reads of 8 bytes
 *                             a second of pages in the cache, and of pages spread over 256 MB so
 *                             that each needs its entry anew; whole pages a second; pages found a
 *                             second by walking the tables; for comparison, reads of 8 bytes of
 *                             ranges of a file, as small dumps have them
 *
 * Four levels of x64, 65,536 pages of 4 KB that share 256 pages of physical memory.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/vec.h"
#include "forge/pagestore.h"
#include "mem/pages.h"
#include "mem/space_impl.h"

#define BASE 0xfffff80000000000ull

enum { PAGES = 65536, FRAMES = 256, TABLES = 0x100000, DATA = 0x10000000, BATCH = 65536 };

struct bench {
    struct pagestore ps;
    sc_space *phys, *virt, *ranges;
    sc_file *file;
    uint8_t *bytes;
};

static uint64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void make_tables(struct pagestore *ps) {
    const uint64_t pxe = TABLES, ppe = TABLES + 0x1000, pde = TABLES + 0x2000;
    pagestore_u64(ps, pxe + (BASE >> 39 & 511) * 8, ppe | 0x63);
    pagestore_u64(ps, ppe + (BASE >> 30 & 511) * 8, pde | 0x63);
    for (uint64_t i = 0; i < PAGES / 512; i++) {
        uint64_t pte = TABLES + 0x10000 + i * 0x1000;
        pagestore_u64(ps, pde + i * 8, pte | 0x63);
        for (uint64_t k = 0; k < 512; k++)
            pagestore_u64(ps, pte + k * 8, (DATA + (i * 512 + k) % FRAMES * 0x1000) | 0x963);
    }
    for (uint64_t i = 0; i < FRAMES; i++)
        pagestore_u64(ps, DATA + i * 0x1000, i);
}

/* 2,000 ranges of 4 KB with a page between them. */
static sc_err *make_ranges(struct bench *b) {
    struct sc_ranges list = {0};
    b->bytes = calloc(1, 2000 * 0x1000);
    if (!b->bytes)
        return sc_err_nomem();
    for (uint64_t i = 0; i < 2000; i++) {
        struct sc_range *r = SC_VEC_PUSH(&list);
        if (!r)
            return sc_err_nomem();
        *r = (struct sc_range){BASE + i * 0x2000, 0x1000, i * 0x1000};
    }
    sc_err *err = sc_file_memory("ranges", b->bytes, 2000 * 0x1000, 0, &b->file);
    return err ? err : sc_space_create(b->file, &list, 8, NULL, &b->ranges);
}

static sc_err *prepare(struct bench *b) {
    struct sc_pages pages;
    make_tables(&b->ps);
    sc_err *err = sc_space_create_pages(pagestore_pages(&b->ps), 8, NULL, &b->phys);
    struct sc_paging paging = {.mode = SC_PAGING_X64,
                               .root = TABLES,
                               .soft = sc_soft_pte_of(SC_CPU_X64, false, 19041),
                               .phys = b->phys};
    if (!err)
        err = sc_translated_pages(&paging, &pages);
    if (!err)
        err = sc_space_create_pages(pages, 8, NULL, &b->virt);
    return err ? err : make_ranges(b);
}

/* Each does BATCH of it and returns how many went well. */
static size_t cached(struct bench *b) {
    size_t good = 0;
    uint64_t v;
    for (uint64_t i = 0; i < BATCH; i++)
        good += sc_space_uint(b->virt, BASE + i % 512 * 0x1000 + i % 64 * 8, 8, &v) == SC_READ_OK;
    return good;
}

static size_t uncached(struct bench *b) {
    size_t good = 0;
    uint64_t v;
    for (uint64_t i = 0; i < BATCH; i++)
        good += sc_space_uint(b->virt, BASE + i * 40503 % PAGES * 0x1000, 8, &v) == SC_READ_OK;
    return good;
}

static size_t whole_pages(struct bench *b) {
    static uint8_t buf[0x100000];
    size_t good = 0, got;
    for (uint64_t i = 0; i < PAGES / 256; i++) {
        sc_space_read(b->virt, BASE + i * sizeof buf, buf, sizeof buf, &got);
        good += got / 0x1000;
    }
    return good;
}

static size_t walk(struct bench *b) {
    uint64_t at = 0, start, size;
    size_t good = 0;
    for (; sc_space_next(b->virt, at, &start, &size); at = start + size)
        good += (size_t)(size / 0x1000);
    return good;
}

static size_t ranges(struct bench *b) {
    size_t good = 0;
    uint64_t v;
    for (uint64_t i = 0; i < BATCH; i++)
        good += sc_space_uint(b->ranges, BASE + i / 16 % 2000 * 0x2000 + i % 256 * 8, 8, &v) ==
                SC_READ_OK;
    return good;
}

/* A second's number of FN over SECONDS; 0 when something is missing. */
static double measure(struct bench *b, double seconds, size_t (*fn)(struct bench *)) {
    size_t count = 0;
    uint64_t start = now(), end = start + (uint64_t)(seconds * 1e9);
    do {
        if (fn(b) != BATCH) {
            fprintf(stderr, "bench_paging: pages are missing\n");
            return 0;
        }
        count += BATCH;
    } while (now() < end);
    return (double)count * 1e9 / (double)(now() - start);
}

int main(int argc, char **argv) {
    struct bench b = {0};
    double seconds = argc > 1 ? strtod(argv[1], NULL) : 1;
    sc_err *err = prepare(&b);
    if (err) {
        fprintf(stderr, "bench_paging: %s\n", sc_err_text(err));
        return 1;
    }
    double c = measure(&b, seconds, cached), u = measure(&b, seconds, uncached),
           p = measure(&b, seconds, whole_pages), w = measure(&b, seconds, walk),
           r = measure(&b, seconds, ranges);
    printf("cached %.0f uncached %.0f page %.0f walk %.0f ranges %.0f\n", c, u, p, w, r);
    sc_space_destroy(b.virt);
    sc_space_destroy(b.phys);
    sc_space_destroy(b.ranges);
    sc_file_close(b.file);
    free(b.bytes);
    pagestore_deinit(&b.ps);
    return c > 0 && u > 0 && p > 0 && w > 0 && r > 0 ? 0 : 1;
}
