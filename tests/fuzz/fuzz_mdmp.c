/* SPDX-License-Identifier: MIT */
/* User minidumps. The magic is set right, so that no run is wasted on a file refused at the door.
 */
#include <stdlib.h>
#include <string.h>

#include "forge/mdmp_scene.h"
#include "fuzz/dump_run.h"
#include "harness/heap.h"

const char fuzz_name[] = "mdmp";

void fuzz_one(const uint8_t *data, size_t size) {
    uint8_t *copy = heap_real_alloc(size ? size : 1);
    if (!copy)
        return;
    memcpy(copy, data, size);
    if (size >= 4)
        memcpy(copy, "MDMP", 4);
    dump_run(copy, size);
    heap_real_free(copy);
}

void fuzz_seeds(fuzz_add add, void *ctx) {
    for (int kind = 0; kind < FORGE_MDMP_SCENES; kind++) {
        struct forge_bytes file;
        if (!forge_mdmp_scene_build((enum forge_mdmp_scene_kind)kind, &file))
            abort();
        add(ctx, file.data, file.size);
        add(ctx, file.data, 0x400);
        forge_bytes_free(&file);
    }
}
