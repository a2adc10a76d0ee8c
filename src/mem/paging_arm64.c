/* SPDX-License-Identifier: MIT */
/*
 * ARM64 with a granule of 4 KB: four levels of 64-bit descriptors, two bases.
 *
 *   VA  63          48 47   39 38   30 29   21 20   12 11     0
 *      | all 0, all 1 |  PXE  |  PPE  |  PDE  |  PTE  | offset |
 *
 *   descriptor 63 62 61 60 59 58  55 54  53  52 51  50 49        12 11 10 9 8 7  6 5 4  2 1 0
 *             |   table      | soft |UXN|PXN|  |DBM|  | page frame |nG|AF| SH| AP |  |At |T|V|
 *
 * T: a table (levels above 0) or a page (level 0); clear: a block of 2 MB or 1 GB. AP bit 7 means
 * read only, bit 6 for processes too. In a table, 62 and 61 take those rights from all below it,
 * 60 and 59 the right to execute it from processes and from the kernel.
 *
 * Windows gives each half of the addresses 47 bits and keeps both in one first table of 512
 * entries: TTBR0 points to its beginning and TTBR1 to its middle (or the whole page), so that the
 * index is that of bits 39-47 for both, as on x64, and the low 12 bits of a base are no part of
 * it. Bit 55 is Windows' own Write: set in what may be written but has not been yet (bit 7 is then
 * set, too). Sources: Arm ARM, D8; MemProcFS' mm_arm64.c (one table, bit 55: facts only). No real
 * ARM64 dump with page tables was seen: which bit is whose above 54 is taken from there.
 */
#include "mem/paging_impl.h"

#define BIT(n) ((uint64_t)1 << (n))

static void decode_table(uint64_t v, struct sc_entry *ret) {
    ret->kind = SC_PTE_TABLE;
    ret->writable = !(v & BIT(62));
    ret->user = !(v & BIT(61));
    ret->user_runs = !(v & BIT(60));
    ret->kernel_runs = !(v & BIT(59));
}

static void decode(unsigned level, uint64_t v, struct sc_entry *ret) {
    *ret = (struct sc_entry){.kind = SC_PTE_VALID, .pa = v & 0x3fffffffff000};
    if (level && v & 2) {
        decode_table(v, ret);
        return;
    }
    uint64_t inside = BIT(12 + 9 * level) - 1;
    if (level ? level > 2 || v & inside & ~(uint64_t)0x1ffff : !(v & 2))
        ret->kind = SC_PTE_BAD;
    ret->pa &= ~inside;
    ret->writable = !(v & BIT(7)) || v & BIT(55);
    ret->user = (v & BIT(6)) != 0;
    ret->user_runs = !(v & BIT(54));
    ret->kernel_runs = !(v & BIT(53));
}

const struct sc_mode sc_mode_arm64 = {
    .levels = 4,
    .entry_size = 8,
    .index_bits = 9,
    .va_bits = 48,
    .root_mask = 0xfffffffff000, /* above it is the ASID */
    .decode = decode,
};
