/* SPDX-License-Identifier: MIT */
/*
 * The letters, from the left (`-` where the bit is clear):
 *
 *   x86, x64   C copy on write, G global, L large page, D dirty, A accessed, N not cached, T write
 *              through, U user or K kernel, W writable or R not, E executable, V valid
 *   ARM64      G global, W or R, X executable, C copy on write, A accessed, D dirty, U or K,
 *              N device memory, L block, V valid
 *
 * Those of ARM64 are from the one published listing there is (a table and a block of the kernel):
 * the places of G, C, U and N are guessed.
 */
#include "cmd/ptetext.h"

#include <string.h>

static bool bit(uint64_t value, unsigned n) { return value >> n & 1; }

static void x86_flags(enum sc_paging_mode mode, unsigned level, uint64_t v, char *b) {
    bool nx = mode != SC_PAGING_X86 && bit(v, 63);
    /* Bit 1 is set when it may be written now, 11 when it may after the first fault. */
    bool writable = bit(v, 1) || bit(v, 11);
    const char letters[] = {
        bit(v, 9) ? 'C' : '-', bit(v, 8) ? 'G' : '-', level && bit(v, 7) ? 'L' : '-',
        bit(v, 6) ? 'D' : '-', bit(v, 5) ? 'A' : '-', bit(v, 4) ? 'N' : '-',
        bit(v, 3) ? 'T' : '-', bit(v, 2) ? 'U' : 'K', writable ? 'W' : 'R',
        nx ? '-' : 'E',        bit(v, 0) ? 'V' : '-', 0};
    memcpy(b, letters, sizeof letters);
}

static void arm64_flags(unsigned level, uint64_t v, char *b) {
    bool user = bit(v, 6), block = level && !bit(v, 1);
    const char letters[] = {bit(v, 11) ? '-' : 'G',
                            bit(v, 55) ? 'W' : 'R',
                            bit(v, user ? 54 : 53) ? '-' : 'X',
                            bit(v, 56) ? 'C' : '-',
                            bit(v, 10) ? 'A' : '-',
                            bit(v, 7) ? '-' : 'D',
                            user ? 'U' : 'K',
                            '-',
                            block ? 'L' : '-',
                            bit(v, 0) ? 'V' : '-',
                            0};
    memcpy(b, letters, sizeof letters);
}

const char *sc_pte_flags(enum sc_paging_mode mode, unsigned level, uint64_t value,
                         char buf[SC_PTE_FLAGS]) {
    if (mode == SC_PAGING_ARM64)
        arm64_flags(level, value, buf);
    else
        x86_flags(mode, level, value, buf);
    return buf;
}

const char *sc_pte_protection(unsigned protection) {
    static const char *const names[] = {"NoAccess",         "Readonly",        "Execute",
                                        "ExecuteRead",      "ReadWrite",       "WriteCopy",
                                        "ReadWriteExecute", "ExecuteWriteCopy"};
    return names[protection & 7];
}

const char *sc_pte_level(unsigned level) {
    static const char *const names[] = {"PTE", "PDE", "PPE", "PXE", "P5E"};
    return level < sizeof names / sizeof *names ? names[level] : "?";
}

uint64_t sc_pte_frame(enum sc_paging_mode mode, uint64_t value) {
    return mode == SC_PAGING_X86 ? (value & UINT32_MAX) >> 12 : (value & 0xffffffffff000) >> 12;
}
