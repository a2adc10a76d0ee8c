/* SPDX-License-Identifier: MIT */
/*
 * Entries that are not valid ("soft" ones), as MMPTE_SOFTWARE, _TRANSITION, _PROTOTYPE and
 * _SUBSECTION of public PDBs have them:
 *
 *   bit   0     1-4          5-9         10         11          12-15        … 63
 *       valid  page file¹  protection  prototype  transition  page file²   frame, page, address
 *
 *   ¹ up to 17134  ² from 17763 on; the page in the page file: bits 32-63 (x86: 12-31)
 *   bit 4 is the swizzle bit from 17763 on: where it is clear, the bits of MiState's
 *   Hardware.InvalidPteMask are flipped, so that the frame of an entry that is not valid is none
 *   that exists (L1TF).
 *
 * Prototype: the address is in bits 16-63 (PAE 32-63). Protection: bits 11-15 of builds before
 * 17763, 5-9 later; PAE before Windows 10 has none (guessed). x86: bits 2 … of the address stand in
 * bits 1 …, the others from bit 11 on; XP has 7 such low bits and counts from the paged pool at
 * e1000000 (guessed: bit 9 says which pool), later systems have 8 and count from 80000000.
 * All ones: only the VAD knows (guessed for x86).
 *
 * Subsection: as prototypes; x86 counts in units of 8: XP 4 low bits from 80000000 on, with bit 31
 * (WhichPool) set, and protection; later systems 9 low bits of the address itself (guessed).
 */
#include "forge/pagetab.h"

enum { PROTOTYPE = 1 << 10, TRANSITION = 1 << 11, SWIZZLE = 1 << 4 };

struct forge_soft forge_soft_of(enum forge_paging mode, unsigned build) {
    struct forge_soft s = {.file_low = build >= 17763 ? 12 : 1,
                           .file_high = 32,
                           .proto_first = 16,
                           .proto_protect = build >= 17763 ? 5 : 11};
    if (mode == FORGE_PAGING_PAE) {
        s.proto_first = 32;
        s.proto_protect = build >= 17763 ? 5 : 0;
    }
    if (mode == FORGE_PAGING_X86) {
        bool xp = build < 6000;
        s.file_high = 12;
        s.proto_first = 11;
        s.proto_protect = 0;
        s.proto_low = xp ? 7 : 8;
        s.proto_base = xp ? 0xe1000000 : 0x80000000;
        s.sub_low = xp ? 4 : 9;
        s.sub_base = xp ? 0x80000000 : 0;
    }
    return s;
}

/* Flips the bits where the swizzle bit does not say that they are as they are. */
static uint64_t hide(const struct forge_soft *s, uint64_t entry) {
    if (!s->swizzle_mask)
        return entry;
    return entry & s->swizzle_mask ? entry | SWIZZLE : entry ^ s->swizzle_mask;
}

uint64_t forge_pte_transition(const struct forge_soft *s, uint64_t pa, unsigned protection) {
    return hide(s, pa | TRANSITION | (uint64_t)(protection & 31) << 5);
}

uint64_t forge_pte_pagefile(const struct forge_soft *s, unsigned file, uint64_t page,
                            unsigned protection) {
    return hide(s, page << s->file_high | (uint64_t)(file & 15) << s->file_low |
                       (uint64_t)(protection & 31) << 5);
}

uint64_t forge_pte_demand_zero(const struct forge_soft *s, unsigned protection) {
    return hide(s, (uint64_t)(protection & 31) << 5);
}

/* x86: UNIT-sized steps from BASE, LOW bits of them from bit 1 on, the others from bit 11 on. */
static uint64_t scatter(uint64_t addr, uint64_t base, unsigned unit, unsigned low) {
    uint64_t n = (addr - base) / unit;
    return ((n & ((1u << low) - 1)) << 1 | n >> low << 11) & UINT32_MAX;
}

uint64_t forge_pte_prototype(const struct forge_soft *s, uint64_t proto, unsigned protection) {
    uint64_t v = PROTOTYPE;
    if (s->proto_low)
        return v | scatter(proto, s->proto_base, 4, s->proto_low);
    if (s->proto_protect)
        v |= (uint64_t)(protection & 31) << s->proto_protect;
    v |= proto << s->proto_first;
    /* A kernel address has the mask's bits set in it: it is as it is. */
    return s->swizzle_mask ? v | SWIZZLE : v;
}

uint64_t forge_pte_vad(const struct forge_soft *s, unsigned protection) {
    if (s->proto_low)
        return (0xfffff800u | PROTOTYPE | ((1u << s->proto_low) - 1) << 1);
    return forge_pte_prototype(s, UINT64_MAX, protection);
}

uint64_t forge_pte_subsection(const struct forge_soft *s, uint64_t subsection,
                              unsigned protection) {
    if (s->proto_low) {
        bool xp = s->sub_low < 5;
        uint64_t more = xp ? (protection & 31) << 5 | 0x80000000u : 0;
        return PROTOTYPE | more | scatter(subsection, s->sub_base, 8, s->sub_low);
    }
    uint64_t v = PROTOTYPE | (uint64_t)(protection & 31) << 5 | subsection << s->proto_first;
    return s->swizzle_mask ? v | SWIZZLE : v;
}
