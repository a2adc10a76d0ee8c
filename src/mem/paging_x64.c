/* SPDX-License-Identifier: MIT */
/*
 * x64: four levels of 64-bit entries, or five (LA57).
 *
 *   VA  63   57 56   48 47   39 38   30 29   21 20   12 11     0
 *      |  sign | PML5E |  PXE  |  PPE  |  PDE  |  PTE  | offset |    four levels: sign from 48 on
 *
 *   entry 63 62    52 51              12 11   9 8 7 6 5 4 3 2 1 0
 *        |NX| soft   |   page frame     | soft |G|S|D|A|N|T|U|W|V|   S: 2 MB (PDE), 1 GB (PPE)
 *
 * Bits 13-20 (13-29) of a large page are reserved, as S is in the levels above. Bit 11 is Windows'
 * own Write: set in what may be written but has not been yet. CR3 has a process-context identifier
 * in its low 12 bits and "do not flush" in bit 63. Sources: Intel SDM vol. 3, 4.5; MMPTE_HARDWARE
 * of the public symbols.
 */
#include "mem/paging_impl.h"

static void decode(unsigned level, uint64_t v, struct sc_entry *ret) {
    const uint64_t frame = 0xffffffffff000;
    *ret = (struct sc_entry){.kind = level ? SC_PTE_TABLE : SC_PTE_VALID,
                             .pa = v & frame,
                             .writable = (v & 2) != 0,
                             .user = (v & 4) != 0,
                             .user_runs = !(v >> 63),
                             .kernel_runs = !(v >> 63)};
    if (level && v & 0x80) {
        uint64_t inside = ((uint64_t)1 << (level == 1 ? 21 : 30)) - 1;
        bool reserved = level > 2 || v & inside & ~(uint64_t)0x1fff;
        ret->kind = reserved ? SC_PTE_BAD : SC_PTE_VALID;
        ret->pa &= ~inside;
    }
    if (ret->kind == SC_PTE_VALID && v & 0x800)
        ret->writable = true;
}

const struct sc_mode sc_mode_x64 = {
    .levels = 4,
    .entry_size = 8,
    .index_bits = 9,
    .va_bits = 48,
    .root_mask = 0xffffffffff000,
    .decode = decode,
};

const struct sc_mode sc_mode_la57 = {
    .levels = 5,
    .entry_size = 8,
    .index_bits = 9,
    .va_bits = 57,
    .root_mask = 0xffffffffff000,
    .decode = decode,
};
