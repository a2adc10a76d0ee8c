/* SPDX-License-Identifier: MIT */
/*
 * Hibernation files: opened, all runs listed, pages read. The signature is set right, unless the
 * first page is zeros; runs ascend, and whatever is listed can be read or is damage.
 */
#include <stdlib.h>
#include <string.h>

#include "dump/dump.h"
#include "forge/hiber.h"
#include "fuzz/fuzz.h"
#include "harness/heap.h"

const char fuzz_name[] = "hiber";

enum { PAGE = 0x1000, RUNS_MOST = 3000, READ_MOST = 300 };

static void read_some(struct sc_pages *pages, uint64_t start, uint64_t size) {
    uint8_t page[PAGE];
    size_t got;
    uint64_t at = start + size - 1, offset;
    enum sc_read status = pages->ops->read(pages->impl, at, page, sizeof page, &got);
    if (status != SC_READ_OK && status != SC_READ_IO)
        fuzz_broken("the last byte of a run is not there");
    if ((status == SC_READ_OK) != (got > 0) || got > sizeof page)
        fuzz_broken("a status without its bytes");
    status = pages->ops->read(pages->impl, start, page, sizeof page, &got);
    if (status == SC_READ_OK && pages->ops->offset(pages->impl, start, &offset) && got < 1)
        fuzz_broken("an offset without bytes");
    if (start && pages->ops->read(pages->impl, start - 1, page, 1, &got) == SC_READ_OK && got != 1)
        fuzz_broken("more bytes than wanted");
}

static void walk(struct sc_pages *pages) {
    uint64_t at = 0, start, size;
    for (unsigned n = 0; n < RUNS_MOST && pages->ops->next(pages->impl, at, &start, &size); n++) {
        if (!size || start < at || start % PAGE || size % PAGE || start + size <= at)
            fuzz_broken("runs do not ascend");
        if (n < READ_MOST)
            read_some(pages, start, size);
        at = start + size;
    }
}

static void run(const uint8_t *data, size_t size) {
    sc_file *file;
    struct sc_source *s = NULL;
    struct sc_pages pages = {0};
    sc_err *err = sc_file_memory("hiberfil.sys", data, size, size & 1 ? SC_FILE_NO_MMAP : 0, &file);
    if (!err)
        err = sc_source_open(file, &s);
    if (!err && s->ops->open_pages)
        err = s->ops->open_pages(s, &pages);
    if (pages.ops) {
        walk(&pages);
        pages.ops->destroy(pages.impl);
    }
    sc_err_destroy(err);
    sc_source_destroy(s);
}

void fuzz_one(const uint8_t *data, size_t size) {
    uint8_t *copy = heap_real_alloc(size ? size : 1);
    if (!copy)
        return;
    memcpy(copy, data, size);
    if (size >= PAGE && (data[0] || data[0xc] || data[0xd]))
        memcpy(copy, "HIBR", 4);
    run(copy, size);
    heap_real_free(copy);
}

static bool give_page(void *ctx, uint64_t pfn, const uint8_t **ret) {
    uint8_t *page = ctx;
    memset(page, (int)pfn, PAGE);
    for (unsigned i = 0; i < 64; i++)
        page[i * 5] = (uint8_t)(i * pfn);
    *ret = page;
    return pfn % 9 != 3;
}

void fuzz_seeds(fuzz_add add, void *ctx) {
    static uint8_t page[PAGE], state[PAGE];
    static const struct forge_hiber_run runs[] = {{1, 40}, {0x100, 9}};
    for (int kind = 0; kind < FORGE_HIBER_KINDS; kind++) {
        struct forge_bytes file;
        struct forge_hiber h = {.kind = kind,
                                .memory = {give_page, page, runs, 2},
                                .processor = state,
                                .processor_size = sizeof state,
                                .loader_pages_end = 20,
                                .cleared = kind == FORGE_HIBER_7_X86,
                                .scattered = kind % 2};
        if (!forge_hiber_write(&h, &file))
            abort();
        add(ctx, file.data, file.size);
        forge_bytes_free(&file);
    }
}
