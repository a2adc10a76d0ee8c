/* SPDX-License-Identifier: MIT */
/*
 * x86 without PAE: two levels of 32-bit entries.
 *
 *   VA    31      22 21      12 11       0
 *        | directory |  table  |  offset  |
 *
 *   entry 31            12 11   9 8 7 6 5 4 3 2 1 0
 *        |  page frame    | soft |G|S|D|A|N|T|U|W|V|    S: in a directory, a page of 4 MB
 *
 * A page of 4 MB has its address in bits 22-31 and, since the Pentium Pro (PSE-36), bits 32-39 of
 * it in 13-20; 21 is reserved. Bit 11 is Windows' own Write: set in what may be written but has
 * not been yet. Sources: Intel SDM vol. 3, 4.3; MMPTE_HARDWARE of the public symbols.
 */
#include "mem/paging_impl.h"

static void decode(unsigned level, uint64_t v, struct sc_entry *ret) {
    *ret = (struct sc_entry){.kind = level ? SC_PTE_TABLE : SC_PTE_VALID,
                             .pa = v & 0xfffff000,
                             .writable = (v & 2) != 0,
                             .user = (v & 4) != 0,
                             .user_runs = true,
                             .kernel_runs = true};
    bool large = level && v & 0x80;
    if (large) {
        ret->kind = v & 0x200000 ? SC_PTE_BAD : SC_PTE_VALID;
        ret->pa = (v & 0xffc00000) | (v >> 13 & 0xff) << 32;
    }
    if (ret->kind == SC_PTE_VALID && v & 0x800)
        ret->writable = true;
}

const struct sc_mode sc_mode_x86 = {
    .levels = 2,
    .entry_size = 4,
    .index_bits = 10,
    .va_bits = 32,
    .root_mask = 0xfffff000,
    .decode = decode,
};
