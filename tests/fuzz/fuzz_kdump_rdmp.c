/* SPDX-License-Identifier: MIT */
/*
 * Dumps that a debugger wrote: ranges of pages, of both widths: their pages asked for by every
 * means, which must agree. The width and the type come from the first bytes and are set right, so
 * that no run is wasted on a file that is refused at the door.
 */
#include <stdlib.h>
#include <string.h>

#include "fuzz/dump_run.h"
#include "harness/heap.h"
#include "harness/whole.h"

const char fuzz_name[] = "kdump_rdmp";

static const uint8_t types[] = {8, 9, 10};
static const enum whole_seed kinds[] = {WHOLE_KERNEL_RANGES, WHOLE_COMPLETE_RANGES};

void fuzz_one(const uint8_t *data, size_t size) {
    uint8_t *copy = heap_real_alloc(size ? size : 1);
    if (!copy)
        return;
    memcpy(copy, data, size);
    if (size >= 0x2000) {
        bool is64 = data[6] == '6';
        memcpy(copy, is64 ? "PAGEDU64" : "PAGEDUMP", 8);
        uint8_t *type = copy + (is64 ? 0xf98 : 0xf88);
        memset(type + 1, 0, 3);
        if (!memchr(types, *type, sizeof types))
            *type = types[*type % sizeof types];
    }
    whole_run(copy, size);
    heap_real_free(copy);
}

void fuzz_seeds(fuzz_add add, void *ctx) {
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        struct forge_bytes file;
        if (!whole_seed_build(kinds[i], &file))
            abort();
        add(ctx, file.data, file.size);
        forge_bytes_free(&file);
    }
}
