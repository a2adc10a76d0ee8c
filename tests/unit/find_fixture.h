/* SPDX-License-Identifier: MIT */
/*
 * A machine of which only the kernel's bones are there: its image with an export table, the list
 * of modules, the System process, a debugger data block, interrupt handlers; in page tables of any
 * mode. What there shall be is said before it is built.
 */
#ifndef STOPCODE_TESTS_UNIT_FIND_FIXTURE_H
#define STOPCODE_TESTS_UNIT_FIND_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "forge/pagetab.h"
#include "mem/pages.h"
#include "mem/space_impl.h"
#include "target/find.h"

enum {
    BONES_SIZE = 0x400000, /* of the kernel's image */
    BONES_EXPORTS = 0x1000,
    BONES_DATA = 0x3000,
    BONES_MODULES = BONES_DATA,        /* PsLoadedModuleList */
    BONES_PROCESS = BONES_DATA + 0x40, /* PsInitialSystemProcess */
    BONES_HEAD = BONES_DATA + 0x80,    /* PsActiveProcessHead */
    BONES_BLOCK = BONES_DATA + 0x100,  /* KdDebuggerDataBlock */
    BONES_HANDLER = 0x200000,          /* of interrupt 0 */
};

struct bones {
    /* What is wanted. */
    enum forge_paging mode;
    uint64_t ram;
    bool no_selfmap, large, no_exports, no_name, no_section, block, encoded;
    bool no_system;             /* no System process */
    uint64_t stub;              /* physical address of the low stub, 0 none */
    uint64_t root;              /* of the System process' tables, 0: anywhere */
    bool no_header;             /* the image's first page is not what it was */
    const struct bones *beside; /* in the same memory as these, which are freed after it */
    /* What there is then. */
    struct forge_physmem *mem;
    struct forge_mmu *mmu;
    unsigned system, other; /* spaces: another process, too */
    uint64_t base, pool, idt, pcr;
    sc_space *phys;
    uint64_t reads;     /* of physical memory */
    uint64_t fail_read; /* the read of this number finds nothing; 0: none */
};

static inline bool bones_is32(const struct bones *b) {
    return b->mode == FORGE_PAGING_X86 || b->mode == FORGE_PAGING_PAE;
}

/* ---- memory as a space ---- */

static enum sc_read bones_read(void *impl, uint64_t addr, void *buf, size_t len, size_t *ret_got) {
    struct bones *b = impl;
    size_t rest = FORGE_FRAME - addr % FORGE_FRAME;
    *ret_got = 0;
    if (++b->reads == b->fail_read)
        return SC_READ_ABSENT;
    if (len > rest)
        len = rest;
    if (!forge_physmem_read(b->mem, addr, buf, len))
        return SC_READ_ABSENT;
    *ret_got = len;
    return SC_READ_OK;
}

static bool bones_next(void *impl, uint64_t addr, uint64_t *ret_start, uint64_t *ret_size) {
    struct bones *b = impl;
    const struct forge_ram *run;
    size_t n = forge_physmem_runs(b->mem, &run);
    for (size_t i = 0; i < n; i++)
        if (run[i].start + run[i].size > addr) {
            *ret_start = run[i].start;
            *ret_size = run[i].size;
            return true;
        }
    return false;
}

static void bones_destroy(void *impl) { (void)impl; }

static const struct sc_pages_ops bones_ops = {
    .name = "bones", .read = bones_read, .next = bones_next, .destroy = bones_destroy};

/* ---- writing ---- */

static inline void bones_put(struct bones *b, uint64_t va, const void *data, size_t size) {
    assert_true(forge_mmu_write(b->mmu, b->system, va, data, size));
}

static inline void bones_uint(struct bones *b, uint64_t va, unsigned width, uint64_t value) {
    uint8_t raw[8];
    for (unsigned i = 0; i < 8; i++)
        raw[i] = (uint8_t)(value >> (8 * i));
    bones_put(b, va, raw, width);
}

static inline void bones_ptr(struct bones *b, uint64_t va, uint64_t value) {
    bones_uint(b, va, bones_is32(b) ? 4 : 8, value);
}

static inline void bones_map(struct bones *b, uint64_t va, uint64_t size) {
    for (uint64_t at = 0; at < size; at += FORGE_FRAME) {
        uint64_t pa = forge_physmem_alloc(b->mem);
        assert_true(pa && forge_mmu_map(b->mmu, b->system, va + at, pa, FORGE_FRAME,
                                        FORGE_MAP_WRITE | FORGE_MAP_EXEC | FORGE_MAP_GLOBAL));
    }
}

/* An image's headers at VA, as far as finders read them. */
static inline void bones_header(struct bones *b, uint64_t va, bool dll, unsigned subsystem,
                                const char *section) {
    bool wide = !bones_is32(b);
    uint64_t nt = va + 0x80, opt = nt + 24;
    static const uint16_t machines[] = {[FORGE_PAGING_X86] = 0x14c,
                                        [FORGE_PAGING_PAE] = 0x14c,
                                        [FORGE_PAGING_X64] = 0x8664,
                                        [FORGE_PAGING_LA57] = 0x8664,
                                        [FORGE_PAGING_ARM64] = 0xaa64};
    bones_put(b, va, "MZ", 2);
    bones_uint(b, va + 0x3c, 4, 0x80);
    bones_put(b, nt, "PE\0\0", 4);
    bones_uint(b, nt + 4, 2, machines[b->mode]);
    bones_uint(b, nt + 6, 2, section ? 1 : 0);
    bones_uint(b, nt + 20, 2, wide ? 0xf0 : 0xe0);
    bones_uint(b, nt + 22, 2, dll ? 0x2022 : 0x22);
    bones_uint(b, opt, 2, wide ? 0x20b : 0x10b);
    bones_uint(b, opt + 0x20, 4, 0x1000); /* alignments */
    bones_uint(b, opt + 0x24, 4, 0x200);
    bones_uint(b, opt + 0x38, 4, BONES_SIZE);
    bones_uint(b, opt + 0x3c, 4, 0x400);
    bones_uint(b, opt + 0x44, 2, subsystem);
    bones_uint(b, opt + (wide ? 0x6c : 0x5c), 4, 16);
    if (!section)
        return;
    uint64_t row = opt + (wide ? 0xf0 : 0xe0);
    bones_put(b, row, section, strlen(section));
    bones_uint(b, row + 8, 4, BONES_SIZE - 0x1000);
    bones_uint(b, row + 12, 4, 0x1000);
}

/* An export table of two names, and the image's own. */
static inline void bones_exports(struct bones *b, uint64_t base, const char *name) {
    uint64_t opt = base + 0x98, dir = base + BONES_EXPORTS;
    bones_uint(b, opt + (bones_is32(b) ? 0x60 : 0x70), 4, BONES_EXPORTS);
    bones_uint(b, opt + (bones_is32(b) ? 0x64 : 0x74), 4, 0x1000);
    bones_uint(b, dir + 12, 4, BONES_EXPORTS + 0x100);
    bones_put(b, base + BONES_EXPORTS + 0x100, name, strlen(name) + 1);
    static const char *const names[] = {"PsInitialSystemProcess", "PsLoadedModuleList"};
    static const uint32_t rvas[] = {BONES_PROCESS, BONES_MODULES};
    bones_uint(b, dir + 16, 4, 1);
    bones_uint(b, dir + 20, 4, 2);
    bones_uint(b, dir + 24, 4, 2);
    bones_uint(b, dir + 28, 4, BONES_EXPORTS + 0x40);
    bones_uint(b, dir + 32, 4, BONES_EXPORTS + 0x50);
    bones_uint(b, dir + 36, 4, BONES_EXPORTS + 0x60);
    for (uint32_t i = 0; i < 2; i++) {
        uint32_t text = BONES_EXPORTS + 0x200 + i * 0x40;
        bones_uint(b, base + BONES_EXPORTS + 0x40 + 4 * i, 4, rvas[i]);
        bones_uint(b, base + BONES_EXPORTS + 0x50 + 4 * i, 4, text);
        bones_uint(b, base + BONES_EXPORTS + 0x60 + 2 * i, 2, i);
        bones_put(b, base + text, names[i], strlen(names[i]) + 1);
    }
}

/* A list of one entry. */
static inline void bones_list(struct bones *b, uint64_t head, uint64_t entry) {
    unsigned ptr = bones_is32(b) ? 4 : 8;
    bones_ptr(b, head, entry);
    bones_ptr(b, head + ptr, entry);
    bones_ptr(b, entry, head);
    bones_ptr(b, entry + ptr, head);
}

/* The kernel's row in the list of modules: KLDR_DATA_TABLE_ENTRY. */
static inline void bones_module(struct bones *b, uint64_t entry) {
    static const char path[] = "\\SystemRoot\\system32\\ntoskrnl.exe";
    bool is32 = bones_is32(b);
    unsigned size = 2 * (sizeof path - 1), skip = 2 * 21;
    for (unsigned i = 0; i < sizeof path - 1; i++)
        bones_uint(b, entry + 0x100 + 2 * i, 2, (uint8_t)path[i]);
    bones_ptr(b, entry + (is32 ? 0x18 : 0x30), b->base);
    bones_uint(b, entry + (is32 ? 0x20 : 0x40), 4, BONES_SIZE);
    for (int is_base = 0; is_base < 2; is_base++) {
        uint64_t at = entry + (is32 ? 0x24 : 0x48) + (is_base ? (is32 ? 8 : 16) : 0);
        bones_uint(b, at, 2, is_base ? size - skip : size);
        bones_uint(b, at + 2, 2, is_base ? size - skip : size);
        bones_ptr(b, at + (is32 ? 4 : 8), entry + 0x100 + (is_base ? skip : 0));
    }
}

/* The System process: its tables, its id, and behind that its link in the list of processes. */
static inline void bones_process(struct bones *b, uint64_t process) {
    unsigned ptr = bones_is32(b) ? 4 : 8;
    uint64_t id = process + (bones_is32(b) ? 0x84 : 0x180);
    bones_ptr(b, process + (bones_is32(b) ? 0x18 : 0x28), forge_mmu_root(b->mmu, b->system));
    bones_ptr(b, id, 4);
    bones_list(b, b->base + BONES_HEAD, id + ptr);
    bones_ptr(b, b->base + BONES_PROCESS, process);
}

static inline void bones_block(struct bones *b) {
    uint64_t at = b->base + BONES_BLOCK;
    uint64_t sign = bones_is32(b) ? UINT64_C(0xffffffff00000000) : 0;
    bones_put(b, at + 0x10, "KDBG", 4);
    bones_uint(b, at + 0x14, 4, 0x340);
    bones_uint(b, at + 0x18, 8, b->base | sign);
    bones_uint(b, at + 0x48, 8, (b->base + BONES_MODULES) | sign);
    bones_uint(b, at + 0x50, 8, (b->base + BONES_HEAD) | sign);
    for (unsigned i = 0; i < 0x68 && b->encoded; i++)
        bones_uint(b, at + i, 1, 0x37 + 11 * i);
}

static inline void bones_idt(struct bones *b) {
    uint64_t h = b->base + BONES_HANDLER;
    bones_map(b, b->idt, FORGE_FRAME);
    bones_uint(b, b->idt, 2, h & 0xffff);
    bones_uint(b, b->idt + 6, 2, h >> 16 & 0xffff);
    if (!bones_is32(b))
        bones_uint(b, b->idt + 8, 4, h >> 32);
}

static inline void bones_stub(struct bones *b) {
    uint8_t page[FORGE_FRAME] = {0xe9, 0x4d, 0x06, 0x00, 1, 0, 0, 0};
    uint64_t entry = b->base + BONES_HANDLER, cr3 = forge_mmu_root(b->mmu, b->system);
    for (unsigned i = 0; i < 8; i++) {
        page[0x70 + i] = (uint8_t)(entry >> (8 * i));
        page[0xa0 + i] = (uint8_t)(cr3 >> (8 * i));
    }
    assert_true(forge_physmem_write(b->mem, b->stub, page, sizeof page));
}

static inline void bones_image(struct bones *b) {
    uint64_t size = b->large ? (bones_is32(b) && b->mode == FORGE_PAGING_X86 ? 0x400000 : 0x200000)
                             : FORGE_FRAME;
    for (uint64_t at = 0; at < BONES_SIZE && b->large; at += size) {
        uint64_t pa = forge_physmem_alloc_row(b->mem, size, size);
        assert_true(pa && forge_mmu_map(b->mmu, b->system, b->base + at, pa, size,
                                        FORGE_MAP_WRITE | FORGE_MAP_EXEC));
    }
    if (!b->large)
        bones_map(b, b->base, BONES_DATA + 0x1000); /* the rest is paged out, as it were */
    if (!b->large)
        bones_map(b, b->base + BONES_HANDLER, FORGE_FRAME);
    if (!b->no_header)
        bones_header(b, b->base, false, 1, b->no_section ? ".text" : "POOLCODE");
    if (!b->no_exports && !b->no_header)
        bones_exports(b, b->base, b->no_name ? "driver.sys" : "ntoskrnl.exe");
}

static inline void bones_build(struct bones *b) {
    b->mem = b->beside ? b->beside->mem : forge_physmem_new();
    if (!b->beside)
        assert_true(forge_physmem_pc(b->mem, b->ram ? b->ram : 64 << 20));
    b->mmu = forge_mmu_new(b->mem, b->mode, b->no_selfmap ? FORGE_NO_SELFMAP : 0x1ed);
    assert_true(b->mmu && forge_mmu_space(b->mmu, b->root, &b->system));
    bool is32 = bones_is32(b);
    b->base = (is32 ? 0x82800000 : UINT64_C(0xfffff80123400000)) + (b->beside ? 0x800000 : 0);
    b->pool = is32 ? 0x85000000 : UINT64_C(0xffffc00000100000);
    b->idt = is32 ? 0x80b95000 : UINT64_C(0xfffff80000812000);
    b->pcr = is32 ? 0x83d00000 : UINT64_C(0xfffff80000900000);
    bones_map(b, b->pool, 0x10000);
    bones_map(b, b->pcr, 0x8000);
    bones_image(b);
    bones_list(b, b->base + BONES_MODULES, b->pool);
    bones_module(b, b->pool);
    if (!b->no_system)
        bones_process(b, b->pool + 0x4000);
    if (b->block)
        bones_block(b);
    bones_idt(b);
    if (b->stub)
        bones_stub(b);
    assert_true(forge_mmu_space(b->mmu, 0, &b->other));
    assert_null(sc_space_create_pages((struct sc_pages){&bones_ops, b}, 8, NULL, &b->phys));
}

static inline void bones_free(struct bones *b) {
    sc_space_destroy(b->phys);
    forge_mmu_free(b->mmu);
    if (!b->beside)
        forge_physmem_free(b->mem);
}

static inline void bones_fail(sc_err *err) {
    if (err)
        fail_msg("%s", sc_err_text(err));
}

/* Looks; fails the test when nothing is found. */
static inline struct sc_found bones_find(struct bones *b, struct sc_find find) {
    struct sc_found found = {0};
    find.phys = b->phys;
    bones_fail(sc_find_kernel(&find, &found));
    return found;
}

#endif
