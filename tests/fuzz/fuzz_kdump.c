/* SPDX-License-Identifier: MIT */
/*
 * Kernel triage dumps, 64-bit. The magic and the dump type are set right, so that no run is
 * wasted on a file that is refused at the door.
 */
#include <stdlib.h>
#include <string.h>

#include "forge/scene.h"
#include "fuzz/dump_run.h"
#include "harness/heap.h"

const char fuzz_name[] = "kdump";

enum { HEADER = 0x2000, DUMP_TYPE = 0xf98 };

void fuzz_one(const uint8_t *data, size_t size) {
    uint8_t *copy = heap_real_alloc(size ? size : 1);
    if (!copy)
        return;
    memcpy(copy, data, size);
    if (size >= HEADER) {
        memcpy(copy, "PAGEDU64", 8);
        memcpy(copy + DUMP_TYPE, "\4\0\0", 4);
    }
    dump_run(copy, size);
    heap_real_free(copy);
}

void fuzz_seeds(fuzz_add add, void *ctx) {
    const enum forge_scene_kind kinds[] = {FORGE_TRIAGE_X64, FORGE_TRIAGE_X64_OLD,
                                           FORGE_TRIAGE_ARM64};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        struct forge_bytes file;
        if (!forge_scene_build(kinds[i], &file))
            abort();
        add(ctx, file.data, file.size);
        add(ctx, file.data, HEADER + 0x80);
        forge_bytes_free(&file);
    }
}
