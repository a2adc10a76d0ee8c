/* SPDX-License-Identifier: MIT */
/* Seeds are written by hand from the published layouts: see src/dump/kdump_*.c. */
#include "harness/whole.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dump/dump.h"
#include "harness/mutate.h"
#include "stopcode/kdump.h"

/* ---- seeds ---- */

enum { PAGE = 0x1000, PAGES = 6 };

static const struct {
    const char *name;
    uint32_t type;
    bool is64;
} seeds[WHOLE_SEEDS] = {
    [WHOLE_FULL64] = {"whole-full-64", 1, true},
    [WHOLE_FULL32] = {"whole-full-32", 1, false},
    [WHOLE_SUMMARY64] = {"whole-summary-64", 2, true},
    [WHOLE_SUMMARY32] = {"whole-summary-32", 2, false},
    [WHOLE_BITMAP64] = {"whole-bitmap-64", 5, true},
    [WHOLE_BITMAP32] = {"whole-bitmap-32", 7, false},
    [WHOLE_KERNEL_RANGES] = {"whole-ranges-kernel", 8, true},
    [WHOLE_COMPLETE_RANGES] = {"whole-ranges-complete", 10, true},
};

const char *whole_seed_name(enum whole_seed kind) { return seeds[kind].name; }

/* Page numbers of the seeds' pages: two runs and one alone. */
static const uint8_t page_numbers[PAGES] = {1, 2, 3, 0x10, 0x11, 0x3f};

static void put(uint8_t *at, uint64_t value, unsigned width) {
    for (unsigned i = 0; i < width; i++)
        at[i] = (uint8_t)(value >> 8 * i);
}

static void put_header(uint8_t *p, bool is64, uint32_t type, size_t size) {
    unsigned word = is64 ? 8 : 4;
    for (size_t i = 0; i < (is64 ? 0x2000u : 0x1000u); i += 4)
        memcpy(p + i, "PAGE", 4);
    memcpy(p, is64 ? "PAGEDU64" : "PAGEDUMP", 8);
    put(p + 0x08, 15, 4);
    put(p + 0x0c, is64 ? 19041 : 2600, 4);
    put(p + 0x10, 0x1000, word);
    put(p + (is64 ? 0x20 : 0x18), is64 ? 0xfffff8001262a390 : 0x8055a420, word);
    put(p + (is64 ? 0x30 : 0x20), is64 ? 0x8664 : 0x14c, 4);
    put(p + (is64 ? 0x34 : 0x24), 2, 4);
    put(p + (is64 ? 0x38 : 0x28), 0xd1, 4);
    for (unsigned i = 0; i < 4; i++)
        put(p + (is64 ? 0x40 : 0x2c) + i * word, i, word);
    if (!is64)
        p[0x5c] = 1;
    memset(p + (is64 ? 0x348 : 0x320), 0, 0x2cc);
    put(p + (is64 ? 0x378 : 0x320), is64 ? 0x10001f : 0x1003f, 4);
    put(p + (is64 ? 0xf98 : 0xf88), type, 4);
    put(p + 0xfa0, size, 8);
}

static void put_runs(uint8_t *p, bool is64) {
    static const uint8_t runs[3][2] = {{1, 3}, {0x10, 2}, {0x3f, 1}};
    unsigned word = is64 ? 8 : 4;
    uint8_t *at = p + (is64 ? 0x88 : 0x64);
    put(at, 3, 4);
    put(at + word, PAGES, word);
    for (unsigned i = 0; i < 6; i++)
        put(at + (2 + i) * word, runs[i / 2][i % 2], word);
}

static void put_bits(uint8_t *bitmap) {
    for (unsigned i = 0; i < PAGES; i++)
        bitmap[page_numbers[i] / 8] |= (uint8_t)(1 << page_numbers[i] % 8);
}

static void put_summary(uint8_t *part, bool is64, size_t first) {
    memcpy(part, "SDMPDUMP", 8);
    put(part + 0x08, 1, 4);
    put(part + 0x0c, first, 4);
    put(part + 0x10, 64, 4);
    put(part + 0x14, PAGES, 4);
    put(part + 0x18, 64, 4);
    put_bits(part + (is64 ? 0x28 : 0x20));
}

static void put_bitmap(uint8_t *part, size_t first) {
    memcpy(part, "FDMPDUMP", 8);
    put(part + 0x20, first, 8);
    put(part + 0x28, PAGES, 8);
    put(part + 0x30, 64, 8);
    put_bits(part + 0x38);
}

static void put_ranges(uint8_t *part, bool complete, size_t part_at, size_t first) {
    static const uint8_t ranges[3][2] = {{1, 3}, {0x10, 2}, {0x3f, 1}};
    put(part, 0x40, 4);
    memcpy(part + 4, "RDMPDUMP", 8);
    put(part + 0x10, first - part_at - 0x20, 8);
    put(part + 0x18, first, 8);
    if (complete) {
        put(part + 0x20, 3, 4);
        put(part + 0x28, PAGES, 8);
    }
    for (unsigned i = 0; i < 6; i++)
        put(part + 0x30 + i * 8, ranges[i / 2][i % 2], 8);
}

bool whole_seed_build(enum whole_seed kind, struct forge_bytes *ret_file) {
    static const char blob[] =
        "DumpBlob\x10\0\0\0\x61\x4a\0\0 \0\0\0tagtagtagtagtag!\4\0\0\0\0\0\0\0"
        "\0\0\0\0data";
    bool is64 = seeds[kind].is64;
    uint32_t type = seeds[kind].type;
    size_t head = is64 ? 0x2000 : 0x1000, first = type == 1 ? head : head + PAGE;
    size_t end = first + PAGES * PAGE, size = end + sizeof blob - 1;
    uint8_t *p = calloc(1, size);
    if (!p)
        return false;
    put_header(p, is64, type, end);
    if (type == 1)
        put_runs(p, is64);
    else if (type == 2)
        put_summary(p + head, is64, first);
    else if (type < 8)
        put_bitmap(p + head, first);
    else
        put_ranges(p + head, type == 10, head, first);
    for (size_t i = 0; i < PAGES * PAGE; i++)
        p[first + i] = (uint8_t)(i * 7 + i / PAGE);
    memcpy(p + end, blob, sizeof blob - 1);
    *ret_file = (struct forge_bytes){p, size};
    return true;
}

/* ---- asking ---- */

enum { STEPS = 2000, PROBES = 200, LOOK = 0x1800 };

static void wrong(const char *what, uint64_t addr) {
    fprintf(stderr, "pages contradict themselves: %s at 0x%llx\n", what, (unsigned long long)addr);
    abort();
}

/* Reads at ADDR; every other way of asking must agree. False: nothing is there. */
static bool probe(struct drive *d, struct sc_pages *pages, const sc_file *file, uint64_t addr,
                  uint64_t *ret_got) {
    static uint8_t buf[LOOK];
    size_t got = 1, len = 0;
    uint64_t offset = 0;
    const uint8_t *view = NULL;
    enum sc_read status = pages->ops->read(pages->impl, addr, buf, sizeof buf, &got);
    drive_mix(d, status);
    d->io += status == SC_READ_IO;
    if (status != SC_READ_OK && got)
        wrong("bytes without success", addr);
    if (status == SC_READ_OK && (!got || got > sizeof buf))
        wrong("success without bytes", addr);
    for (size_t i = 0; i < got; i += 97)
        drive_mix(d, buf[i]);
    *ret_got = got;
    if (status != SC_READ_OK)
        return false;
    if (pages->ops->view(pages->impl, addr, &view, &len) == SC_READ_OK &&
        (!len || memcmp(view, buf, len < got ? len : got) != 0))
        wrong("a view of other bytes", addr);
    if (!pages->ops->offset(pages->impl, addr, &offset) || !sc_file_has(file, offset, got))
        wrong("no place in the file", addr);
    drive_mix(d, offset);
    return true;
}

/* The pages in order: each piece begins behind the last, and is there from end to end. */
static void walk(struct drive *d, struct sc_pages *pages, const sc_file *file) {
    uint64_t at = 0, start, size, got;
    for (int i = 0; i < STEPS && pages->ops->next(pages->impl, at, &start, &size); i++) {
        uint64_t last = start + (size - 1);
        if (!size || last < at || last < start)
            wrong("a piece that does not go on", start);
        drive_mix(d, start);
        drive_mix(d, size);
        uint64_t from = start > at ? start : at;
        if (i < PROBES) {
            /* A file that the system does not read is another matter. */
            unsigned io = d->io;
            if ((!probe(d, pages, file, from, &got) || !probe(d, pages, file, last, &got)) &&
                d->io == io)
                wrong("a piece that cannot be read", from);
        }
        if (last == UINT64_MAX)
            break;
        at = last + 1;
    }
}

static void ask(struct drive *d, struct sc_source *s, struct sc_pages *pages) {
    uint64_t seed = 1, got, listed = 0, held = 0;
    for (int i = 0; i < PROBES; i++)
        probe(d, pages, s->file, rng_next(&seed) >> rng_below(&seed, 64), &got);
    walk(d, pages, s->file);
    static const uint64_t odd[] = {UINT64_MAX, UINT64_MAX - 0xfff, UINT64_C(1) << 52, 0};
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++)
        probe(d, pages, s->file, odd[i], &got);
    if (!drive_error(d, sc_kdump_count_pages(s, &listed, &held))) {
        drive_mix(d, listed);
        drive_mix(d, held);
        if (held > listed || held > sc_file_size(s->file) / PAGE)
            wrong("more pages than there can be", held);
    }
}

void drive_whole(struct drive *d, sc_file *own_file) {
    struct sc_source *s = NULL;
    struct sc_pages pages = {0};
    if (drive_error(d, sc_source_open(own_file, &s)))
        return;
    if (s->ops->open_pages && !drive_error(d, s->ops->open_pages(s, &pages))) {
        ask(d, s, &pages);
        pages.ops->destroy(pages.impl);
    }
    d->notes += s->nnotes + s->notes_dropped;
    sc_source_destroy(s);
}
