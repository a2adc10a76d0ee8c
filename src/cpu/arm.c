/* SPDX-License-Identifier: MIT */
/*
 * CONTEXT of ARM (Thumb-2), 0x1a0 bytes (winnt.h of the public Windows SDK):
 *
 *     0x000 ContextFlags              0x048 Fpscr, padding
 *     0x004 R0 … R12                  0x050 Q0 … Q15 (16 each), also D0 … D31, S0 … S31
 *     0x038 Sp, Lr, Pc, Cpsr          0x150 Bvr[8], Bcr[8], 0x190 Wvr[1], Wcr[1], padding[2]
 *
 * ContextFlags: 0x200000 names the CPU; bit 0 control (sp, lr, pc, cpsr), 1 integer, 2 floating
 * point and vectors, 3 debug registers. WinDbg calls Cpsr `psr`. The rows stand in the order in
 * which `r` shows them.
 */
#include <assert.h>

#include "cpu/cpu.h"

static_assert(0x4 + 13 * 4 == 0x38, "R0 … R12 end at Sp");
static_assert(0x50 + 16 * 16 == 0x150, "Q0 … Q15 end at Bvr");
static_assert(0x150 + 8 * 4 + 8 * 4 == 0x190, "Bvr and Bcr end at Wvr");

/* Bits of ContextFlags. */
enum { CONTROL, INTEGER, FLOATS, DEBUG };

static const struct sc_reg table[] = {
    /* clang-format off */
    SC_REG("r0", 0x4, 4, INTEGER, SC_REG_GPR), SC_REG("r1", 0x8, 4, INTEGER, SC_REG_GPR),
    SC_REG("r2", 0xc, 4, INTEGER, SC_REG_GPR), SC_REG("r3", 0x10, 4, INTEGER, SC_REG_GPR),
    SC_REG("r4", 0x14, 4, INTEGER, SC_REG_GPR), SC_REG("r5", 0x18, 4, INTEGER, SC_REG_GPR),
    SC_REG("r6", 0x1c, 4, INTEGER, SC_REG_GPR), SC_REG("r7", 0x20, 4, INTEGER, SC_REG_GPR),
    SC_REG("r8", 0x24, 4, INTEGER, SC_REG_GPR), SC_REG("r9", 0x28, 4, INTEGER, SC_REG_GPR),
    SC_REG("r10", 0x2c, 4, INTEGER, SC_REG_GPR), SC_REG("r11", 0x30, 4, INTEGER, SC_REG_GPR),
    SC_REG("r12", 0x34, 4, INTEGER, SC_REG_GPR), SC_REG("sp", 0x38, 4, CONTROL, SC_REG_GPR),
    SC_REG("lr", 0x3c, 4, CONTROL, SC_REG_GPR), SC_REG("pc", 0x40, 4, CONTROL, SC_REG_GPR),
    SC_REG("psr", 0x44, 4, CONTROL, SC_REG_GPR), SC_REG("bvr0", 0x150, 4, DEBUG, SC_REG_DEBUG),
    SC_REG("bvr1", 0x154, 4, DEBUG, SC_REG_DEBUG), SC_REG("bvr2", 0x158, 4, DEBUG, SC_REG_DEBUG),
    SC_REG("bvr3", 0x15c, 4, DEBUG, SC_REG_DEBUG), SC_REG("bvr4", 0x160, 4, DEBUG, SC_REG_DEBUG),
    SC_REG("bvr5", 0x164, 4, DEBUG, SC_REG_DEBUG), SC_REG("bvr6", 0x168, 4, DEBUG, SC_REG_DEBUG),
    SC_REG("bvr7", 0x16c, 4, DEBUG, SC_REG_DEBUG), SC_REG("bcr0", 0x170, 4, DEBUG, SC_REG_DEBUG),
    SC_REG("bcr1", 0x174, 4, DEBUG, SC_REG_DEBUG), SC_REG("bcr2", 0x178, 4, DEBUG, SC_REG_DEBUG),
    SC_REG("bcr3", 0x17c, 4, DEBUG, SC_REG_DEBUG), SC_REG("bcr4", 0x180, 4, DEBUG, SC_REG_DEBUG),
    SC_REG("bcr5", 0x184, 4, DEBUG, SC_REG_DEBUG), SC_REG("bcr6", 0x188, 4, DEBUG, SC_REG_DEBUG),
    SC_REG("bcr7", 0x18c, 4, DEBUG, SC_REG_DEBUG), SC_REG("wvr0", 0x190, 4, DEBUG, SC_REG_DEBUG),
    SC_REG("wcr0", 0x194, 4, DEBUG, SC_REG_DEBUG), SC_REG("fpscr", 0x48, 4, FLOATS, SC_REG_FLOAT),
    SC_REG("q0", 0x50, 16, FLOATS, SC_REG_VECTOR), SC_REG("q1", 0x60, 16, FLOATS, SC_REG_VECTOR),
    SC_REG("q2", 0x70, 16, FLOATS, SC_REG_VECTOR), SC_REG("q3", 0x80, 16, FLOATS, SC_REG_VECTOR),
    SC_REG("q4", 0x90, 16, FLOATS, SC_REG_VECTOR), SC_REG("q5", 0xa0, 16, FLOATS, SC_REG_VECTOR),
    SC_REG("q6", 0xb0, 16, FLOATS, SC_REG_VECTOR), SC_REG("q7", 0xc0, 16, FLOATS, SC_REG_VECTOR),
    SC_REG("q8", 0xd0, 16, FLOATS, SC_REG_VECTOR), SC_REG("q9", 0xe0, 16, FLOATS, SC_REG_VECTOR),
    SC_REG("q10", 0xf0, 16, FLOATS, SC_REG_VECTOR), SC_REG("q11", 0x100, 16, FLOATS, SC_REG_VECTOR),
    SC_REG("q12", 0x110, 16, FLOATS, SC_REG_VECTOR),
    SC_REG("q13", 0x120, 16, FLOATS, SC_REG_VECTOR),
    SC_REG("q14", 0x130, 16, FLOATS, SC_REG_VECTOR),
    SC_REG("q15", 0x140, 16, FLOATS, SC_REG_VECTOR),
    SC_PART("d0", 0x50, 8, FLOATS), SC_PART("d1", 0x58, 8, FLOATS), SC_PART("d2", 0x60, 8, FLOATS),
    SC_PART("d3", 0x68, 8, FLOATS), SC_PART("d4", 0x70, 8, FLOATS), SC_PART("d5", 0x78, 8, FLOATS),
    SC_PART("d6", 0x80, 8, FLOATS), SC_PART("d7", 0x88, 8, FLOATS), SC_PART("d8", 0x90, 8, FLOATS),
    SC_PART("d9", 0x98, 8, FLOATS), SC_PART("d10", 0xa0, 8, FLOATS),
    SC_PART("d11", 0xa8, 8, FLOATS), SC_PART("d12", 0xb0, 8, FLOATS),
    SC_PART("d13", 0xb8, 8, FLOATS), SC_PART("d14", 0xc0, 8, FLOATS),
    SC_PART("d15", 0xc8, 8, FLOATS), SC_PART("d16", 0xd0, 8, FLOATS),
    SC_PART("d17", 0xd8, 8, FLOATS), SC_PART("d18", 0xe0, 8, FLOATS),
    SC_PART("d19", 0xe8, 8, FLOATS), SC_PART("d20", 0xf0, 8, FLOATS),
    SC_PART("d21", 0xf8, 8, FLOATS), SC_PART("d22", 0x100, 8, FLOATS),
    SC_PART("d23", 0x108, 8, FLOATS), SC_PART("d24", 0x110, 8, FLOATS),
    SC_PART("d25", 0x118, 8, FLOATS), SC_PART("d26", 0x120, 8, FLOATS),
    SC_PART("d27", 0x128, 8, FLOATS), SC_PART("d28", 0x130, 8, FLOATS),
    SC_PART("d29", 0x138, 8, FLOATS), SC_PART("d30", 0x140, 8, FLOATS),
    SC_PART("d31", 0x148, 8, FLOATS), SC_PART("s0", 0x50, 4, FLOATS),
    SC_PART("s1", 0x54, 4, FLOATS), SC_PART("s2", 0x58, 4, FLOATS), SC_PART("s3", 0x5c, 4, FLOATS),
    SC_PART("s4", 0x60, 4, FLOATS), SC_PART("s5", 0x64, 4, FLOATS), SC_PART("s6", 0x68, 4, FLOATS),
    SC_PART("s7", 0x6c, 4, FLOATS), SC_PART("s8", 0x70, 4, FLOATS), SC_PART("s9", 0x74, 4, FLOATS),
    SC_PART("s10", 0x78, 4, FLOATS), SC_PART("s11", 0x7c, 4, FLOATS),
    SC_PART("s12", 0x80, 4, FLOATS), SC_PART("s13", 0x84, 4, FLOATS),
    SC_PART("s14", 0x88, 4, FLOATS), SC_PART("s15", 0x8c, 4, FLOATS),
    SC_PART("s16", 0x90, 4, FLOATS), SC_PART("s17", 0x94, 4, FLOATS),
    SC_PART("s18", 0x98, 4, FLOATS), SC_PART("s19", 0x9c, 4, FLOATS),
    SC_PART("s20", 0xa0, 4, FLOATS), SC_PART("s21", 0xa4, 4, FLOATS),
    SC_PART("s22", 0xa8, 4, FLOATS), SC_PART("s23", 0xac, 4, FLOATS),
    SC_PART("s24", 0xb0, 4, FLOATS), SC_PART("s25", 0xb4, 4, FLOATS),
    SC_PART("s26", 0xb8, 4, FLOATS), SC_PART("s27", 0xbc, 4, FLOATS),
    SC_PART("s28", 0xc0, 4, FLOATS), SC_PART("s29", 0xc4, 4, FLOATS),
    SC_PART("s30", 0xc8, 4, FLOATS), SC_PART("s31", 0xcc, 4, FLOATS),
    SC_PART("r13", 0x38, 4, CONTROL), SC_PART("r14", 0x3c, 4, CONTROL),
    SC_PART("r15", 0x40, 4, CONTROL), SC_PART("cpsr", 0x44, 4, CONTROL),
    SC_BITS("n", 0x44, 31, 1, CONTROL), SC_BITS("z", 0x44, 30, 1, CONTROL),
    SC_BITS("c", 0x44, 29, 1, CONTROL), SC_BITS("v", 0x44, 28, 1, CONTROL),
    SC_BITS("q", 0x44, 27, 1, CONTROL), SC_BITS("t", 0x44, 5, 1, CONTROL),
    /* clang-format on */
};
static_assert(SC_COUNT(table) == 126, "a register was lost or added: look at the unit test too");

const struct sc_cpu_layout sc_cpu_arm = {
    .size = 0x1a0,
    .least = 0x48,
    .context_flags = 0x0,
    .mark = 0x200000,
    .foreign = 0x40000000,
    .joined = true,
    .ip = {0x40, 4},
    .sp = {0x38, 4},
    .fp = {0x30, 4},
    .flags = {0x44, 4},
    .reg = table,
    .nregs = SC_COUNT(table),
};
