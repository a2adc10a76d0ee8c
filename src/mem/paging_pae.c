/* SPDX-License-Identifier: MIT */
/*
 * x86 with PAE: three levels of 64-bit entries, the first of them four entries long.
 *
 *   VA   31 30 29      21 20      12 11       0
 *       | ptr | directory |  table  |  offset  |
 *
 *   entry 63 62     52 51            12 11   9 8 7 6 5 4 3 2 1 0
 *        |NX|reserved |  page frame    | soft |G|S|D|A|N|T|U|W|V|   S: a page of 2 MB
 *
 * CR3 points to the four entries, on a multiple of 32 bytes; they have no rights. Bits 13-20 of a
 * page of 2 MB are reserved. Sources: Intel SDM vol. 3, 4.4; MMPTE_HARDWARE of the public symbols.
 */
#include "mem/paging_impl.h"

static void decode(unsigned level, uint64_t v, struct sc_entry *ret) {
    const uint64_t frame = 0xffffffffff000;
    *ret = (struct sc_entry){.kind = SC_PTE_TABLE,
                             .pa = v & frame,
                             .writable = true,
                             .user = true,
                             .user_runs = true,
                             .kernel_runs = true};
    if (level == 2)
        return;
    bool large = level == 1 && v & 0x80;
    ret->writable = (v & 2) != 0;
    ret->user = (v & 4) != 0;
    ret->user_runs = ret->kernel_runs = !(v >> 63);
    if (level && !large)
        return;
    ret->kind = large && v & 0x1fe000 ? SC_PTE_BAD : SC_PTE_VALID;
    if (large)
        ret->pa &= ~(uint64_t)0x1fffff;
    if (v & 0x800)
        ret->writable = true;
}

const struct sc_mode sc_mode_pae = {
    .levels = 3,
    .entry_size = 8,
    .index_bits = 9,
    .va_bits = 32,
    .root_mask = 0xffffffe0,
    .decode = decode,
};
