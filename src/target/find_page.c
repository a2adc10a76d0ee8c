/* SPDX-License-Identifier: MIT */
/*
 * What a page of physical memory may be to somebody who looks for the kernel.
 *
 * A debugger data block that is not encoded: "KDBG" at +0x10, its size at +0x14, KernBase +0x18,
 * PsLoadedModuleList +0x48, PsActiveProcessHead +0x50; 32-bit kernels sign-extend addresses.
 *
 * A first-level page table that maps itself, as Windows' do (MiSelfMap):
 *
 *   x64, ARM64   one of the entries 256 to 511 is the table's own address; entry 0x1f0, below which
 *                kernels are loaded, is a table (five levels: entry 0x1ff)
 *   x86          entry 0x300 is the table's own address
 *   PAE          a 32-byte slot of four entries that have no bit but "present"; the fourth names a
 *                table whose fourth entry is that table's own address
 *
 * Tables of the first kind without the entry for themselves are remembered, too: they may be good
 * ones all the same. The first page of a kernel's image is remembered: it proves that there is one.
 *
 * Sources: ReactOS' and MemProcFS' descriptions of the self-map (facts only), Intel SDM, Arm ARM.
 */
#include <string.h>

#include "mem/pages.h"
#include "target/find_impl.h"

enum { KERNEL_INDEX = 0x1f0, KERNEL_INDEX_LA57 = 0x1ff, SELF_X86 = 0x300, ENTRIES = 512 };
#define FRAME UINT64_C(0x000ffffffffff000)

/* ---- debugger data blocks ---- */

static bool plausible(const struct find_block *b) {
    uint64_t lists = b->module_list - b->kernel_base;
    uint64_t least = b->is64 ? UINT64_C(0xffff800000000000) : 0x80000000;
    return b->kernel_base % FIND_PAGE == 0 && b->kernel_base >= least && lists < 1 << 27 &&
           b->process_head - b->kernel_base < 1 << 27;
}

bool find_block_at(const uint8_t *at, struct find_block *ret) {
    uint32_t size = find_u32(at + 0x14);
    uint64_t base = find_u64(at + 0x18), modules = find_u64(at + 0x48), head = find_u64(at + 0x50);
    if (memcmp(at + 0x10, "KDBG", 4) || size < 0x200 || size > 0x1000 || size % 8)
        return false;
    *ret = (struct find_block){0, base, modules, head, true};
    if (base >> 32 == 0xffffffff || !(base >> 32)) /* sign extended, or not */
        *ret = (struct find_block){0, (uint32_t)base, (uint32_t)modules, (uint32_t)head, false};
    return plausible(ret);
}

static void look_for_block(struct finder *f, uint64_t pa, const uint8_t *page) {
    for (unsigned i = 0; i + FIND_BLOCK_SIZE <= FIND_PAGE; i += 8) {
        struct find_block b;
        if (page[i + 0x10] != 'K' || !find_block_at(page + i, &b))
            continue;
        b.pa = pa + i;
        bool known = false; /* preparing a crash dump makes copies */
        for (unsigned k = 0; k < f->nblocks; k++)
            known = known || f->block[k].kernel_base == b.kernel_base;
        if (!known && f->nblocks < FIND_BLOCKS_MAX)
            f->block[f->nblocks++] = b;
    }
}

/* ---- page tables ---- */

/* A present, writable entry to a table inside memory that processes cannot reach. */
static bool is_kernel_table(const struct finder *f, uint64_t e) {
    return (e & 3) == 3 && (e & FRAME) <= f->highest;
}

static bool maps_itself(uint64_t pa, const uint8_t *page) {
    for (unsigned i = ENTRIES / 2; i < ENTRIES; i++)
        if ((find_u64(page + 8 * (size_t)i) & (FRAME | 3)) == (pa | 3))
            return true;
    return false;
}

/* Entries of the kernel's half of a table that none could be: 0 for a good one. */
static unsigned count_bad(const struct finder *f, const uint8_t *page) {
    unsigned bad = 0;
    for (unsigned i = ENTRIES / 2; i < ENTRIES; i++) {
        uint64_t e = find_u64(page + 8 * (size_t)i);
        bad += (e & 1) && (e & FRAME) > f->highest;
        bad += !(e & 1) && e >> 52;
    }
    return bad;
}

/* x64 and ARM64 look so much alike that only the kernel's image tells them apart. */
static sc_err *look_for_root64(struct finder *f, uint64_t pa, const uint8_t *page) {
    bool four = is_kernel_table(f, find_u64(page + 8 * KERNEL_INDEX));
    bool five = is_kernel_table(f, find_u64(page + 8 * KERNEL_INDEX_LA57));
    if (!four && !five)
        return NULL;
    bool self = maps_itself(pa, page);
    static const enum sc_paging_mode modes[] = {SC_PAGING_X64, SC_PAGING_ARM64, SC_PAGING_X64_LA57};
    for (size_t i = 0; i < 3; i++) {
        if (modes[i] == SC_PAGING_X64_LA57 ? !five : !four)
            continue;
        sc_err *err = NULL;
        if (self || !count_bad(f, page))
            err = find_keep(f, self ? &f->strict : &f->weak, modes[i], pa);
        if (err)
            return err;
    }
    return NULL;
}

static sc_err *look_for_root32(struct finder *f, uint64_t pa, const uint8_t *page) {
    uint32_t e = find_u32(page + 4 * SELF_X86);
    if (pa >> 32 || (e & 0xfffff083) != (pa | 3))
        return NULL;
    return find_keep(f, &f->strict, SC_PAGING_X86, pa);
}

/* Four entries of the first level of PAE. */
static bool is_pae_slot(const struct finder *f, const uint8_t *slot) {
    for (unsigned i = 0; i < 4; i++) {
        uint64_t e = find_u64(slot + 8 * (size_t)i);
        if ((e & 0xfff) != 1 || e >> 40 || e > f->highest)
            return false;
    }
    return true;
}

static sc_err *look_for_pae(struct finder *f, uint64_t pa, const uint8_t *page) {
    for (unsigned i = 0; i < FIND_PAGE && pa < UINT64_C(1) << 32; i += 32) {
        if (page[i] != 1 || !is_pae_slot(f, page + i))
            continue;
        uint64_t last = find_u64(page + i + 24) & FRAME, self;
        if (sc_space_uint(f->in->phys, last + 24, 8, &self) != SC_READ_OK ||
            (self & (FRAME | 0x83)) != (last | 3))
            continue;
        sc_err *err = find_keep(f, &f->strict, SC_PAGING_PAE, pa + i);
        if (err)
            return err;
    }
    return NULL;
}

/* ---- all together ---- */

static void look_for_image(struct finder *f, uint64_t pa, const uint8_t *page) {
    struct find_image image;
    if (find_kernel_header(page, f->in->cpu, &image) && image.named &&
        f->nimages < FIND_IMAGES_MAX) {
        f->image_cpu[f->nimages] = image.cpu;
        f->image[f->nimages++] = pa;
    }
}

sc_err *find_look_at(struct finder *f, uint64_t pa, const uint8_t page[FIND_PAGE]) {
    sc_err *err = NULL;
    look_for_block(f, pa, page);
    look_for_image(f, pa, page);
    if (find_may_be(f, SC_PAGING_X64) || find_may_be(f, SC_PAGING_ARM64))
        err = look_for_root64(f, pa, page);
    if (!err && find_may_be(f, SC_PAGING_X86))
        err = look_for_root32(f, pa, page);
    if (!err && find_may_be(f, SC_PAGING_PAE))
        err = look_for_pae(f, pa, page);
    return err;
}
