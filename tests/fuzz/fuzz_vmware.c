/* SPDX-License-Identifier: MIT */
/*
 * VMware's states with memory inside: groups, tags, blocks, registers. The magic is set to one of
 * those that are known, by the first byte, so that both widths of sizes are met.
 */
#include <string.h>

#include "fuzz/source_run.h"
#include "harness/heap.h"

const char fuzz_name[] = "vmware";

/* A state in which each kind of tag occurs. */
static void tag(struct forge *f, const char *name, unsigned size, unsigned n, uint32_t index) {
    forge_u8(f, (uint8_t)(size | n << 6));
    forge_u8(f, (uint8_t)strlen(name));
    forge_put(f, name, strlen(name));
    for (unsigned i = 0; i < n; i++)
        forge_u32(f, i ? 3 : index);
}

static void block(struct forge *f, const char *name, unsigned n, size_t size) {
    tag(f, name, 63, n, 0);
    forge_u64(f, size);
    forge_u64(f, size);
    forge_u16(f, 2);
    forge_fill(f, 0, 2 + size);
}

static void group(struct forge *f, unsigned i, const char *name) {
    forge_poke_bytes(f, 12 + 80ull * i, name, strlen(name));
    forge_poke(f, 12 + 80ull * i + 64, 8, forge_here(f));
}

static void add_state(fuzz_add add, void *ctx) {
    struct forge f;
    struct forge_bytes file;
    forge_init(&f);
    forge_u32(&f, 0xbed2bed2);
    forge_u32(&f, 8);
    forge_u32(&f, 2);
    forge_fill(&f, 0, 160);
    group(&f, 0, "cpu");
    tag(&f, "cpu:numVCPUs", 4, 0, 0);
    forge_u32(&f, 2);
    tag(&f, "rax", 8, 1, 1);
    forge_u64(&f, 7);
    tag(&f, "CR64", 8, 2, 1);
    forge_u64(&f, 0x1ad000);
    block(&f, "gpregs", 1, 128);
    block(&f, "CR64", 1, 72);
    block(&f, "IDTR", 1, 10);
    forge_u16(&f, 0);
    group(&f, 1, "memory");
    tag(&f, "regionsCount", 4, 0, 0);
    forge_u32(&f, 1);
    tag(&f, "regionSize", 4, 1, 0);
    forge_u32(&f, 1);
    block(&f, "Memory", 2, 0x1000);
    forge_u16(&f, 0);
    if (!forge_finish(&f, &file))
        abort();
    add(ctx, file.data, file.size);
    forge_bytes_free(&file);
    forge_deinit(&f);
}

void fuzz_one(const uint8_t *data, size_t size) {
    static const uint8_t magic[4][4] = {{0xd2, 0xbe, 0xd2, 0xbe},
                                        {0xd0, 0xbe, 0xd2, 0xbe},
                                        {0xd1, 0xba, 0xd1, 0xba},
                                        {0xd0, 0xbe, 0xd0, 0xbe}};
    uint8_t *copy = heap_real_alloc(size ? size : 1);
    if (!copy)
        return;
    memcpy(copy, data, size);
    if (size >= 4)
        memcpy(copy, magic[data[0] == 0xd2 ? 0 : data[0] % 4], 4);
    source_run("fuzz.vmss", copy, size);
    heap_real_free(copy);
}

void fuzz_seeds(fuzz_add add, void *ctx) {
    source_seeds(FORGE_WHOLE_VMSS, add, ctx);
    add_state(add, ctx);
}
