/* SPDX-License-Identifier: MIT */
/*
 * Registers of ARM64EC code in a CONTEXT of x64, which is what a process that calls itself x64 has:
 *
 *     rax x8    rsi x25    r8  x2    r12 x19        +0x120 lr     +0x160 x10
 *     rcx x0    rdi x26    r9  x3    r13 x20        +0x130 x6     +0x170 x11
 *     rdx x1    rsp sp     r10 x4    r14 x21        +0x140 x7     +0x180 x12
 *     rbx x27   rbp fp     r11 x5    r15 x22        +0x150 x9     +0x190 x15
 *
 * rip is pc; from 0x120 on these are the x87 registers, in whose upper 16 bits x16 and x17 lie in
 * pieces; xmm0 … xmm15 are q0 … q15. Code of ARM64EC does without x13, x14, x23, x24, x28. Learnt
 * from ARM64EC_NT_CONTEXT of the public Windows SDK (winnt.h).
 */
#include <string.h>

#include "unwind/arm64.h"

enum {
    X64_FIRST = 0x78, /* rax, and the others by number */
    X64_RIP = 0xf8,
    X64_FLOATS = 0x120,
    X64_XMM0 = 0x1a0,
    CONTEXT_X0 = 8,
    CONTEXT_PC = 0x108,
    CONTEXT_Q0 = 0x110,
    CONTEXT_SIZE = 0x390,
    GPRS = 16,
    PIECES = 16, /* x16 in FLOATS 0 … 3, x17 in 4 … 7 */
};

/* Of each register of x64 the one of ARM64. */
static const uint8_t general[GPRS] = {8, 0, 1, 27, ARM64_SP, ARM64_FP, 25, 26,
                                      2, 3, 4, 5,  19,       20,       21, 22};
/* And of each x87 register. */
static const uint8_t floats[8] = {ARM64_LR, 6, 7, 9, 10, 11, 12, 15};

unsigned arm64ec_offset(unsigned n) {
    if (n == ARM64_REGS)
        return X64_RIP;
    for (unsigned i = 0; i < GPRS; i++)
        if (general[i] == n)
            return X64_FIRST + 8 * i;
    for (unsigned i = 0; i < 8; i++)
        if (floats[i] == n)
            return X64_FLOATS + 16 * i;
    return 0;
}

/* x16 and x17: 16 bits behind each of four x87 registers. */
static void copy_pieces(uint8_t *arm, uint8_t *x64, bool to_arm) {
    for (unsigned i = 0; i < 8; i++) {
        uint8_t *a = arm + CONTEXT_X0 + 16 * 8 + 2 * (size_t)i;
        uint8_t *x = x64 + X64_FLOATS + 16 * (size_t)i + 8;
        memcpy(to_arm ? a : x, to_arm ? x : a, 2);
    }
}

void arm64ec_take(const struct sc_regs *from, uint64_t known, struct sc_regs *ret,
                  uint64_t *ret_known) {
    static const uint8_t flags[4] = {0x07, 0, 0x40, 0};
    struct sc_regs x64 = *from;
    uint64_t all = 0;
    *ret = (struct sc_regs){.cpu = SC_CPU_ARM64, .size = CONTEXT_SIZE};
    memcpy(ret->raw, flags, sizeof flags);
    for (unsigned n = 0; n < ARM64_REGS; n++)
        if (arm64ec_offset(n))
            memcpy(ret->raw + CONTEXT_X0 + 8 * (size_t)n, from->raw + arm64ec_offset(n), 8);
    memcpy(ret->raw + CONTEXT_PC, from->raw + X64_RIP, 8);
    memcpy(ret->raw + CONTEXT_Q0, from->raw + X64_XMM0, 16 * 16);
    copy_pieces(ret->raw, x64.raw, true);
    for (unsigned i = 0; i < GPRS; i++)
        all |= (known >> i & 1) << general[i];
    /* The x87 registers have no bits of their own: they are known where lr is. */
    for (unsigned i = 0; known & ARM64EC_LR && i < 8; i++)
        all |= UINT64_C(1) << floats[i];
    if (known & ARM64EC_LR)
        all |= UINT64_C(3) << 16;
    *ret_known = all;
}

void arm64ec_give(const struct sc_regs *from, uint64_t known, struct sc_regs *ret,
                  uint64_t *ret_known) {
    struct sc_regs arm = *from;
    uint64_t all = known >> ARM64_LR & 1 ? ARM64EC_LR : 0;
    for (unsigned n = 0; n <= ARM64_REGS; n++)
        if (arm64ec_offset(n))
            memcpy(ret->raw + arm64ec_offset(n), from->raw + CONTEXT_X0 + 8 * (size_t)n, 8);
    memcpy(ret->raw + X64_XMM0, from->raw + CONTEXT_Q0, 16 * 16);
    copy_pieces(arm.raw, ret->raw, false);
    for (unsigned i = 0; i < GPRS; i++)
        all |= (known >> general[i] & 1) << i;
    *ret_known = all;
}
