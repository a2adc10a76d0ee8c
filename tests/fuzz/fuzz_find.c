/* SPDX-License-Identifier: MIT */
/*
 * Looking for the kernel in any memory: the input's first LOW bytes are physical memory from 1000
 * on, where the low stub may be; the rest lies from 100000 on. What is found must be mapped; how
 * long it takes is bounded by the memory's size.
 */
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/vec.h"
#include "forge/pagetab.h"
#include "fuzz/fuzz.h"
#include "mem/space_impl.h"
#include "target/find.h"

const char fuzz_name[] = "find";

enum { LOW = 0x2000, HIGH_AT = 0x100000, MEMORY = 0x20000 };

static bool add_range(struct sc_ranges *all, uint64_t start, uint64_t size, uint64_t offset) {
    struct sc_range *run = size ? SC_VEC_PUSH(all) : NULL;
    if (run)
        *run = (struct sc_range){start, size, offset};
    return run || !size;
}

void fuzz_one(const uint8_t *data, size_t size) {
    sc_file *file = NULL;
    sc_space *phys = NULL;
    struct sc_ranges all = {0};
    struct sc_found found;
    sc_err *err = sc_file_memory("memory", data, size, size & 1 ? SC_FILE_NO_MMAP : 0, &file);
    size_t low = size < LOW ? size : LOW;
    if (!err && add_range(&all, 0x1000, low, 0) && add_range(&all, HIGH_AT, size - low, low))
        err = sc_space_create(file, &all, 8, NULL, &phys);
    SC_VEC_FREE(&all);
    if (phys) {
        struct sc_thread cpu = {.dtb = size > LOW ? HIGH_AT + data[0] * 0x1000ull : 0};
        struct sc_find find = {.phys = phys, .processor = &cpu, .nprocessors = 1};
        err = sc_find_kernel(&find, &found);
        if (!err && (!found.kernel_base || found.dtb >= HIGH_AT + size || !found.how[0]))
            fuzz_broken("a kernel at 0x%llx, tables at 0x%llx",
                        (unsigned long long)found.kernel_base, (unsigned long long)found.dtb);
    }
    sc_err_destroy(err);
    sc_space_destroy(phys);
    sc_file_close(file);
}

/* A page of headers that pass for a kernel's, mapped at a kernel's address. */
static void put_kernel(struct forge_mmu *u, unsigned space, uint16_t machine, uint64_t va,
                       uint64_t pa) {
    bool wide = machine != 0x14c;
    uint8_t page[0x1000] = {'M', 'Z'};
    uint8_t *nt = page + 0x80, *opt = nt + 24;
    page[0x3c] = 0x80;
    memcpy(nt, "PE\0\0", 4);
    nt[4] = (uint8_t)machine;
    nt[5] = (uint8_t)(machine >> 8);
    nt[6] = 1;
    nt[20] = wide ? 0xf0 : 0xe0;
    opt[0] = 0x0b;
    opt[1] = wide ? 2 : 1;
    opt[0x3a] = 0x10; /* 1 MB */
    opt[0x44] = 1;
    memcpy(opt + (wide ? 0xf0 : 0xe0), "POOLCODE", 8);
    if (!forge_mmu_map(u, space, va, pa, 0x1000, FORGE_MAP_WRITE) ||
        !forge_mmu_write(u, space, va, page, sizeof page))
        abort();
}

void fuzz_seeds(fuzz_add add, void *ctx) {
    static const struct {
        enum forge_paging mode;
        uint16_t machine;
        uint64_t va;
    } kinds[] = {{FORGE_PAGING_X86, 0x14c, 0x80400000},
                 {FORGE_PAGING_PAE, 0x14c, 0x80400000},
                 {FORGE_PAGING_X64, 0x8664, UINT64_C(0xfffff80000200000)},
                 {FORGE_PAGING_LA57, 0x8664, UINT64_C(0xfffff80000200000)},
                 {FORGE_PAGING_ARM64, 0xaa64, UINT64_C(0xfffff80000200000)}};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        struct forge_physmem *mem = forge_physmem_new();
        unsigned space;
        uint8_t *data = calloc(1, LOW + MEMORY);
        if (!data || !forge_physmem_add(mem, HIGH_AT, MEMORY))
            abort();
        struct forge_mmu *u = forge_mmu_new(mem, kinds[i].mode, 0x1ed);
        if (!u || !forge_mmu_space(u, HIGH_AT + 0x8000, &space))
            abort();
        uint64_t page = forge_physmem_alloc(mem);
        put_kernel(u, space, kinds[i].machine, kinds[i].va, page);
        if (!page || !forge_physmem_read(mem, HIGH_AT, data + LOW, MEMORY))
            abort();
        add(ctx, data, LOW + MEMORY);
        free(data);
        forge_mmu_free(u);
        forge_physmem_free(mem);
    }
}
