/* SPDX-License-Identifier: MIT */
/* LiME images: any row of headers. The first magic and version are set right. */
#include <string.h>

#include "fuzz/source_run.h"
#include "harness/heap.h"

const char fuzz_name[] = "lime";

void fuzz_one(const uint8_t *data, size_t size) {
    uint8_t *copy = heap_real_alloc(size ? size : 1);
    if (!copy)
        return;
    memcpy(copy, data, size);
    if (size >= 8)
        memcpy(copy, "EMiL\1\0\0\0", 8);
    source_run("fuzz.lime", copy, size);
    heap_real_free(copy);
}

void fuzz_seeds(fuzz_add add, void *ctx) { source_seeds(FORGE_WHOLE_LIME, add, ctx); }
