/* SPDX-License-Identifier: MIT */
/*
 * Makes a hibernation file of an image of physical memory (sparse: only what was written is
 * stored); for test_hiber.py.
 *
 *   hiber_file RAW OUT KIND [CR3]
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#include "forge/hiber.h"

enum { PAGE = 0x1000, RUNS_MOST = 100000 };

struct image {
    int fd;
    uint8_t page[PAGE];
    struct forge_hiber_run run[RUNS_MOST];
    size_t nruns;
};

static bool give_page(void *ctx, uint64_t pfn, const uint8_t **ret) {
    struct image *m = ctx;
    if (pread(m->fd, m->page, PAGE, (off_t)(pfn * PAGE)) != PAGE)
        return false;
    *ret = m->page;
    return true;
}

static void find_runs(struct image *m) {
    off_t at = 0;
    while (m->nruns < RUNS_MOST && (at = lseek(m->fd, at, SEEK_DATA)) >= 0) {
        off_t end = lseek(m->fd, at, SEEK_HOLE);
        uint64_t first = (uint64_t)at / PAGE, last = ((uint64_t)end + PAGE - 1) / PAGE;
        m->run[m->nruns++] = (struct forge_hiber_run){first, last - first};
        at = end;
    }
}

/* KPROCESSOR_STATE with CR0, CR3, CR4 and the mark of a CONTEXT. */
static void make_state(bool is64, uint64_t cr3, uint8_t state[PAGE]) {
    uint32_t cr0 = 0x8001003b, cr4 = 0x6f8, flags = is64 ? 0x10001f : 0x1003f;
    uint8_t *special = state + (is64 ? 0 : 0x2cc);
    memcpy(special, &cr0, 4);
    memcpy(special + (is64 ? 0x10 : 8), &cr3, is64 ? 8 : 4);
    memcpy(special + (is64 ? 0x18 : 0xc), &cr4, 4);
    memcpy(state + (is64 ? 0x110 : 0), &flags, 4);
}

static int kind_of(const char *name) {
    for (int k = 0; k < FORGE_HIBER_KINDS; k++)
        if (!strcmp(forge_hiber_name((enum forge_hiber_kind)k), name))
            return k;
    return -1;
}

int main(int argc, char **argv) {
    static struct image m;
    static uint8_t state[PAGE];
    int kind = argc > 3 ? kind_of(argv[3]) : -1;
    if (kind < 0 || (m.fd = open(argv[1], O_RDONLY | O_CLOEXEC)) < 0)
        return 2;
    find_runs(&m);
    struct forge_hiber h = {.kind = (enum forge_hiber_kind)kind,
                            .memory = {give_page, &m, m.run, m.nruns},
                            .loader_pages_end = 0x1000,
                            .time = 0x01d45d8e1b2c3d40};
    if (argc > 4) {
        make_state(forge_hiber_is64(h.kind), strtoull(argv[4], NULL, 16), state);
        h.processor = state;
        h.processor_size = PAGE;
    }
    struct forge_bytes file;
    FILE *out = fopen(argv[2], "wbe");
    if (!out || !forge_hiber_write(&h, &file) ||
        fwrite(file.data, 1, file.size, out) != file.size || fclose(out) != 0)
        return 1;
    forge_bytes_free(&file);
    close(m.fd);
    return 0;
}
