/* SPDX-License-Identifier: MIT */
/* ELF cores of virtual machines: headers, notes, processors. The magic and the type are set right.
 */
#include <string.h>

#include "fuzz/source_run.h"
#include "harness/heap.h"

const char fuzz_name[] = "elf";

enum { TYPE = 0x10, ENOUGH = 0x12 };

void fuzz_one(const uint8_t *data, size_t size) {
    static const uint8_t magic[] = {0x7f, 'E', 'L', 'F'};
    uint8_t *copy = heap_real_alloc(size ? size : 1);
    if (!copy)
        return;
    memcpy(copy, data, size);
    if (size >= ENOUGH) {
        memcpy(copy, magic, sizeof magic);
        copy[5] = 1;
        copy[TYPE] = 4;
        copy[TYPE + 1] = 0;
    }
    source_run("fuzz.elf", copy, size);
    heap_real_free(copy);
}

void fuzz_seeds(fuzz_add add, void *ctx) {
    source_seeds(FORGE_WHOLE_ELF, add, ctx);
    source_seeds(FORGE_WHOLE_ELF_NONOTES, add, ctx);
    source_seeds(FORGE_WHOLE_ELF_BARE, add, ctx);
    source_seeds(FORGE_WHOLE_VBOX, add, ctx);
}
