/* SPDX-License-Identifier: MIT */
/*
 * What the fuzz targets of virtual machines' containers share: a file opened as a source, its
 * memory and its processors asked for. Whether a kernel can be found in it is another target's.
 */
#ifndef STOPCODE_TESTS_FUZZ_SOURCE_RUN_H
#define STOPCODE_TESTS_FUZZ_SOURCE_RUN_H

#include <stdlib.h>

#include "base/file.h"
#include "base/vec.h"
#include "dump/dump.h"
#include "forge/wholes.h"
#include "fuzz/fuzz.h"

enum { SOURCE_RUNS = 4096 };

/* Walks memory; runs must go up and have bytes. */
static inline void source_memory(const struct sc_pages *p) {
    uint64_t at = 0, start, size;
    for (int i = 0; i < SOURCE_RUNS && p->ops->next(p->impl, at, &start, &size); i++) {
        uint8_t byte;
        size_t got = 0;
        uint64_t from = start > at ? start : at;
        if (!size || start + (size - 1) < from)
            fuzz_broken("a run at 0x%llx of 0x%llx bytes, asked from 0x%llx",
                        (unsigned long long)start, (unsigned long long)size,
                        (unsigned long long)at);
        if (p->ops->read(p->impl, from, &byte, 1, &got) != SC_READ_OK || got != 1)
            fuzz_broken("no byte at 0x%llx, where a run is", (unsigned long long)from);
        at = start + (size - 1) + 1;
        if (!at)
            break;
    }
}

static inline void source_processors(struct sc_source *s) {
    struct sc_threads threads = {0};
    sc_err *err = s->ops->load_threads ? s->ops->load_threads(s, &threads) : NULL;
    for (size_t i = 0; !err && i < threads.count && i < 16 && s->ops->load_regs; i++) {
        static const enum sc_cpu cpus[] = {SC_CPU_X64, SC_CPU_X86};
        enum sc_cpu was = s->machine.cpu;
        if (was == SC_CPU_UNKNOWN) /* the kernel says it, when it is found */
            s->machine.cpu = cpus[i % 2];
        struct sc_regs regs;
        sc_err *bad = s->ops->load_regs(s, (uint32_t)i, &regs);
        if (!bad && regs.cpu != s->machine.cpu)
            fuzz_broken("registers of another processor");
        sc_err_destroy(bad);
        s->machine.cpu = was;
    }
    sc_err_destroy(err);
    SC_VEC_FREE(&threads);
}

/* One run on SIZE bytes, which are a file called NAME. */
static inline void source_run(const char *name, const uint8_t *data, size_t size) {
    sc_file *file = NULL;
    struct sc_source *source = NULL;
    struct sc_pages pages = {0};
    sc_err *err = sc_file_memory(name, data, size, size & 1 ? SC_FILE_NO_MMAP : 0, &file);
    if (!err)
        err = sc_source_open(file, &source);
    if (!err && source->ops->open_pages) {
        err = source->ops->open_pages(source, &pages);
        if (!err)
            source_memory(&pages);
        source_processors(source);
    }
    if (pages.ops)
        pages.ops->destroy(pages.impl);
    sc_err_destroy(err);
    sc_source_destroy(source);
}

/* A small machine in the container KIND, of 64 and of 32 bits, as seeds. */
static inline void source_seeds(enum forge_whole_kind kind, fuzz_add add, void *ctx) {
    for (int is32 = 0; is32 < 2; is32++) {
        struct forge_physmem *mem = forge_physmem_new();
        struct forge_whole_cpu cpu[2] = {{.cr3 = 0x1ad000, .cr4 = 0x6f8}, {.cr3 = 0x2000}};
        struct forge_whole w = {.kind = kind,
                                .mem = mem,
                                .is32 = is32,
                                .machine = is32 ? 0x14c : 0x8664,
                                .major = 15,
                                .build = 19041,
                                .cpu = cpu,
                                .ncpus = 2};
        struct forge_bytes file;
        char why[FORGE_WHOLE_WHY];
        for (int i = 0; i < 2; i++) {
            cpu[i].regs.cpu = is32 ? SC_CPU_X86 : SC_CPU_X64;
            cpu[i].regs.size = (uint32_t)sc_context_size(cpu[i].regs.cpu);
        }
        if (!forge_physmem_add(mem, 0x1000, 0x2000) || !forge_physmem_add(mem, 0x5000, 0x1000) ||
            !forge_whole_bytes(&w, &file, why))
            abort();
        add(ctx, file.data, file.size);
        forge_bytes_free(&file);
        forge_physmem_free(mem);
    }
}

#endif
