/* SPDX-License-Identifier: MIT */
/* A physical memory whose pages are computed from their numbers, and hibernation files of it. */
#ifndef STOPCODE_TESTS_UNIT_HIBER_FIXTURE_H
#define STOPCODE_TESTS_UNIT_HIBER_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
/* after the four that it needs */
#include <cmocka.h>

#include "dump/dump.h"
#include "forge/hiber.h"
#include "random.h"

enum { PAGE = 0x1000 };

static const struct forge_hiber_run memory_runs[] = {
    {1, 0x9e}, {0x100, 700}, {0x12345, 3}, {0xfffff, 2}, {0x1000000, 33}};
enum { MEMORY_RUNS = sizeof memory_runs / sizeof *memory_runs };

struct memory {
    uint8_t page[PAGE];
    bool ragged; /* every fifth page alone is missing, so that there are many ranges */
};

static bool has_page(const struct memory *m, uint64_t pfn) {
    for (size_t i = 0; i < MEMORY_RUNS; i++)
        if (pfn - memory_runs[i].pfn < memory_runs[i].count)
            return m->ragged ? pfn % 5 != 0 : pfn % 64 != 0;
    return false;
}

/* Pages of zeros, of noise, of words, and of few values. */
static void make_page(uint64_t pfn, uint8_t out[PAGE]) {
    uint64_t seed = pfn * 77;
    for (size_t i = 0; i < PAGE; i++) {
        uint64_t r = pfn % 4 == 1 ? random_next(&seed) : 0;
        out[i] = pfn % 4 == 0   ? 0
                 : pfn % 4 == 1 ? (uint8_t)r
                 : pfn % 4 == 2 ? (uint8_t) "the quick brown fox jumps over the lazy dog"[i % 43]
                                : (uint8_t)(i * pfn >> 9);
    }
    memcpy(out, &pfn, sizeof pfn);
}

static bool give_page(void *ctx, uint64_t pfn, const uint8_t **ret) {
    struct memory *m = ctx;
    if (!has_page(m, pfn))
        return false;
    make_page(pfn, m->page);
    *ret = m->page;
    return true;
}

/* KPROCESSOR_STATE with CR3 and RIP or EIP. */
static void make_processor(bool is64, uint64_t cr3, uint8_t state[PAGE]) {
    memset(state, 0, PAGE);
    uint8_t *special = state + (is64 ? 0 : 0x2cc), *context = state + (is64 ? 0xe0 : 0);
    uint32_t flags = is64 ? 0x10001f : 0x1003f, cr0 = 0x8001003b, cr4 = is64 ? 0x6f8 : 0x6f9;
    uint64_t ip = is64 ? 0xfffff80002abcdef : 0x82abcdef;
    memcpy(special, &cr0, 4);
    memcpy(special + (is64 ? 0x10 : 8), &cr3, is64 ? 8 : 4);
    memcpy(special + (is64 ? 0x18 : 0xc), &cr4, 4);
    memcpy(context + (is64 ? 0x30 : 0), &flags, 4);
    memcpy(context + (is64 ? 0xf8 : 0xb8), &ip, is64 ? 8 : 4);
}

struct made {
    struct memory memory;
    uint8_t processor[PAGE];
    struct forge_hiber hiber;
    struct forge_bytes file;
};

/* Fills all of HIBER but what the caller changes before made_write(). */
static inline void made_init(struct made *m, enum forge_hiber_kind kind) {
    *m = (struct made){.hiber = {.kind = kind,
                                 .memory = {give_page, &m->memory, memory_runs, MEMORY_RUNS},
                                 .time = 0x01d45d8e1b2c3d40,
                                 .interrupt = 36000000000,
                                 .loader_pages_end = 0x140,
                                 .processor = m->processor,
                                 .processor_size = PAGE}};
    make_processor(forge_hiber_is64(kind), 0x1aa000, m->processor);
}

static inline void made_write(struct made *m) {
    assert_true(forge_hiber_write(&m->hiber, &m->file));
}

static inline void must(sc_err *err) {
    if (err)
        fail_msg("%s", sc_err_text(err));
}

static inline sc_err *open_bytes(const struct forge_bytes *bytes, unsigned flags,
                                 struct sc_source **ret) {
    sc_file *file;
    must(sc_file_memory("hiberfil.sys", bytes->data, bytes->size, flags, &file));
    return sc_source_open(file, ret);
}

static inline const char *note_with(const struct sc_source *s, const char *text) {
    for (size_t i = 0; i < s->nnotes; i++)
        if (strstr(s->notes[i].text, text))
            return s->notes[i].text;
    return NULL;
}

static inline void close_all(struct sc_source *s, struct sc_pages *pages) {
    if (pages->ops)
        pages->ops->destroy(pages->impl);
    sc_source_destroy(s);
}

#endif
