/* SPDX-License-Identifier: MIT */
/*
 * CONTEXT of ARM64, 0x390 bytes (winnt.h of the public Windows SDK):
 *
 *     0x000 ContextFlags, Cpsr        0x310 Fpcr, Fpsr
 *     0x008 X0 … X28                  0x318 Bcr[8] (4 bytes each)
 *     0x0f0 Fp, Lr, Sp, Pc            0x338 Bvr[8]
 *     0x110 V0 … V31 (16 each)        0x378 Wcr[2] (4 bytes each), 0x380 Wvr[2]
 *
 * ContextFlags: 0x400000 names the CPU; bit 0 control (fp, lr, sp, pc, cpsr), 1 integer, 2 floating
 * point and vectors, 3 debug registers. WinDbg calls Cpsr `psr`. The rows stand in the order in
 * which `r` shows them.
 */
#include <assert.h>

#include "cpu/cpu.h"

static_assert(0x8 + 29 * 8 == 0xf0, "X0 … X28 end at Fp");
static_assert(0x110 + 32 * 16 == 0x310, "V0 … V31 end at Fpcr");
static_assert(0x318 + 8 * 4 == 0x338 && 0x338 + 8 * 8 == 0x378, "Bcr, Bvr, Wcr follow each other");
static_assert(0x378 + 2 * 4 + 2 * 8 == 0x390, "Wcr and Wvr end the record");

/* Bits of ContextFlags. */
enum { CONTROL, INTEGER, FLOATS, DEBUG };

static const struct sc_reg table[] = {
    /* clang-format off */
    SC_REG("x0", 0x8, 8, INTEGER, SC_REG_GPR), SC_REG("x1", 0x10, 8, INTEGER, SC_REG_GPR),
    SC_REG("x2", 0x18, 8, INTEGER, SC_REG_GPR), SC_REG("x3", 0x20, 8, INTEGER, SC_REG_GPR),
    SC_REG("x4", 0x28, 8, INTEGER, SC_REG_GPR), SC_REG("x5", 0x30, 8, INTEGER, SC_REG_GPR),
    SC_REG("x6", 0x38, 8, INTEGER, SC_REG_GPR), SC_REG("x7", 0x40, 8, INTEGER, SC_REG_GPR),
    SC_REG("x8", 0x48, 8, INTEGER, SC_REG_GPR), SC_REG("x9", 0x50, 8, INTEGER, SC_REG_GPR),
    SC_REG("x10", 0x58, 8, INTEGER, SC_REG_GPR), SC_REG("x11", 0x60, 8, INTEGER, SC_REG_GPR),
    SC_REG("x12", 0x68, 8, INTEGER, SC_REG_GPR), SC_REG("x13", 0x70, 8, INTEGER, SC_REG_GPR),
    SC_REG("x14", 0x78, 8, INTEGER, SC_REG_GPR), SC_REG("x15", 0x80, 8, INTEGER, SC_REG_GPR),
    SC_REG("x16", 0x88, 8, INTEGER, SC_REG_GPR), SC_REG("x17", 0x90, 8, INTEGER, SC_REG_GPR),
    SC_REG("x18", 0x98, 8, INTEGER, SC_REG_GPR), SC_REG("x19", 0xa0, 8, INTEGER, SC_REG_GPR),
    SC_REG("x20", 0xa8, 8, INTEGER, SC_REG_GPR), SC_REG("x21", 0xb0, 8, INTEGER, SC_REG_GPR),
    SC_REG("x22", 0xb8, 8, INTEGER, SC_REG_GPR), SC_REG("x23", 0xc0, 8, INTEGER, SC_REG_GPR),
    SC_REG("x24", 0xc8, 8, INTEGER, SC_REG_GPR), SC_REG("x25", 0xd0, 8, INTEGER, SC_REG_GPR),
    SC_REG("x26", 0xd8, 8, INTEGER, SC_REG_GPR), SC_REG("x27", 0xe0, 8, INTEGER, SC_REG_GPR),
    SC_REG("x28", 0xe8, 8, INTEGER, SC_REG_GPR), SC_REG("fp", 0xf0, 8, CONTROL, SC_REG_GPR),
    SC_REG("lr", 0xf8, 8, CONTROL, SC_REG_GPR), SC_REG("sp", 0x100, 8, CONTROL, SC_REG_GPR),
    SC_REG("pc", 0x108, 8, CONTROL, SC_REG_GPR), SC_REG("psr", 0x4, 4, CONTROL, SC_REG_GPR),
    SC_REG("bvr0", 0x338, 8, DEBUG, SC_REG_DEBUG), SC_REG("bvr1", 0x340, 8, DEBUG, SC_REG_DEBUG),
    SC_REG("bvr2", 0x348, 8, DEBUG, SC_REG_DEBUG), SC_REG("bvr3", 0x350, 8, DEBUG, SC_REG_DEBUG),
    SC_REG("bvr4", 0x358, 8, DEBUG, SC_REG_DEBUG), SC_REG("bvr5", 0x360, 8, DEBUG, SC_REG_DEBUG),
    SC_REG("bvr6", 0x368, 8, DEBUG, SC_REG_DEBUG), SC_REG("bvr7", 0x370, 8, DEBUG, SC_REG_DEBUG),
    SC_REG("bcr0", 0x318, 4, DEBUG, SC_REG_DEBUG), SC_REG("bcr1", 0x31c, 4, DEBUG, SC_REG_DEBUG),
    SC_REG("bcr2", 0x320, 4, DEBUG, SC_REG_DEBUG), SC_REG("bcr3", 0x324, 4, DEBUG, SC_REG_DEBUG),
    SC_REG("bcr4", 0x328, 4, DEBUG, SC_REG_DEBUG), SC_REG("bcr5", 0x32c, 4, DEBUG, SC_REG_DEBUG),
    SC_REG("bcr6", 0x330, 4, DEBUG, SC_REG_DEBUG), SC_REG("bcr7", 0x334, 4, DEBUG, SC_REG_DEBUG),
    SC_REG("wvr0", 0x380, 8, DEBUG, SC_REG_DEBUG), SC_REG("wvr1", 0x388, 8, DEBUG, SC_REG_DEBUG),
    SC_REG("wcr0", 0x378, 4, DEBUG, SC_REG_DEBUG), SC_REG("wcr1", 0x37c, 4, DEBUG, SC_REG_DEBUG),
    SC_REG("fpcr", 0x310, 4, FLOATS, SC_REG_FLOAT), SC_REG("fpsr", 0x314, 4, FLOATS, SC_REG_FLOAT),
    SC_REG("v0", 0x110, 16, FLOATS, SC_REG_VECTOR), SC_REG("v1", 0x120, 16, FLOATS, SC_REG_VECTOR),
    SC_REG("v2", 0x130, 16, FLOATS, SC_REG_VECTOR), SC_REG("v3", 0x140, 16, FLOATS, SC_REG_VECTOR),
    SC_REG("v4", 0x150, 16, FLOATS, SC_REG_VECTOR), SC_REG("v5", 0x160, 16, FLOATS, SC_REG_VECTOR),
    SC_REG("v6", 0x170, 16, FLOATS, SC_REG_VECTOR), SC_REG("v7", 0x180, 16, FLOATS, SC_REG_VECTOR),
    SC_REG("v8", 0x190, 16, FLOATS, SC_REG_VECTOR), SC_REG("v9", 0x1a0, 16, FLOATS, SC_REG_VECTOR),
    SC_REG("v10", 0x1b0, 16, FLOATS, SC_REG_VECTOR),
    SC_REG("v11", 0x1c0, 16, FLOATS, SC_REG_VECTOR),
    SC_REG("v12", 0x1d0, 16, FLOATS, SC_REG_VECTOR),
    SC_REG("v13", 0x1e0, 16, FLOATS, SC_REG_VECTOR),
    SC_REG("v14", 0x1f0, 16, FLOATS, SC_REG_VECTOR),
    SC_REG("v15", 0x200, 16, FLOATS, SC_REG_VECTOR),
    SC_REG("v16", 0x210, 16, FLOATS, SC_REG_VECTOR),
    SC_REG("v17", 0x220, 16, FLOATS, SC_REG_VECTOR),
    SC_REG("v18", 0x230, 16, FLOATS, SC_REG_VECTOR),
    SC_REG("v19", 0x240, 16, FLOATS, SC_REG_VECTOR),
    SC_REG("v20", 0x250, 16, FLOATS, SC_REG_VECTOR),
    SC_REG("v21", 0x260, 16, FLOATS, SC_REG_VECTOR),
    SC_REG("v22", 0x270, 16, FLOATS, SC_REG_VECTOR),
    SC_REG("v23", 0x280, 16, FLOATS, SC_REG_VECTOR),
    SC_REG("v24", 0x290, 16, FLOATS, SC_REG_VECTOR),
    SC_REG("v25", 0x2a0, 16, FLOATS, SC_REG_VECTOR),
    SC_REG("v26", 0x2b0, 16, FLOATS, SC_REG_VECTOR),
    SC_REG("v27", 0x2c0, 16, FLOATS, SC_REG_VECTOR),
    SC_REG("v28", 0x2d0, 16, FLOATS, SC_REG_VECTOR),
    SC_REG("v29", 0x2e0, 16, FLOATS, SC_REG_VECTOR),
    SC_REG("v30", 0x2f0, 16, FLOATS, SC_REG_VECTOR),
    SC_REG("v31", 0x300, 16, FLOATS, SC_REG_VECTOR),
    SC_PART("w0", 0x8, 4, INTEGER), SC_PART("w1", 0x10, 4, INTEGER),
    SC_PART("w2", 0x18, 4, INTEGER), SC_PART("w3", 0x20, 4, INTEGER),
    SC_PART("w4", 0x28, 4, INTEGER), SC_PART("w5", 0x30, 4, INTEGER),
    SC_PART("w6", 0x38, 4, INTEGER), SC_PART("w7", 0x40, 4, INTEGER),
    SC_PART("w8", 0x48, 4, INTEGER), SC_PART("w9", 0x50, 4, INTEGER),
    SC_PART("w10", 0x58, 4, INTEGER), SC_PART("w11", 0x60, 4, INTEGER),
    SC_PART("w12", 0x68, 4, INTEGER), SC_PART("w13", 0x70, 4, INTEGER),
    SC_PART("w14", 0x78, 4, INTEGER), SC_PART("w15", 0x80, 4, INTEGER),
    SC_PART("w16", 0x88, 4, INTEGER), SC_PART("w17", 0x90, 4, INTEGER),
    SC_PART("w18", 0x98, 4, INTEGER), SC_PART("w19", 0xa0, 4, INTEGER),
    SC_PART("w20", 0xa8, 4, INTEGER), SC_PART("w21", 0xb0, 4, INTEGER),
    SC_PART("w22", 0xb8, 4, INTEGER), SC_PART("w23", 0xc0, 4, INTEGER),
    SC_PART("w24", 0xc8, 4, INTEGER), SC_PART("w25", 0xd0, 4, INTEGER),
    SC_PART("w26", 0xd8, 4, INTEGER), SC_PART("w27", 0xe0, 4, INTEGER),
    SC_PART("w28", 0xe8, 4, INTEGER), SC_PART("w29", 0xf0, 4, CONTROL),
    SC_PART("w30", 0xf8, 4, CONTROL), SC_PART("x29", 0xf0, 8, CONTROL),
    SC_PART("x30", 0xf8, 8, CONTROL), SC_PART("wsp", 0x100, 4, CONTROL),
    SC_PART("cpsr", 0x4, 4, CONTROL), SC_PART("q0", 0x110, 16, FLOATS),
    SC_PART("q1", 0x120, 16, FLOATS), SC_PART("q2", 0x130, 16, FLOATS),
    SC_PART("q3", 0x140, 16, FLOATS), SC_PART("q4", 0x150, 16, FLOATS),
    SC_PART("q5", 0x160, 16, FLOATS), SC_PART("q6", 0x170, 16, FLOATS),
    SC_PART("q7", 0x180, 16, FLOATS), SC_PART("q8", 0x190, 16, FLOATS),
    SC_PART("q9", 0x1a0, 16, FLOATS), SC_PART("q10", 0x1b0, 16, FLOATS),
    SC_PART("q11", 0x1c0, 16, FLOATS), SC_PART("q12", 0x1d0, 16, FLOATS),
    SC_PART("q13", 0x1e0, 16, FLOATS), SC_PART("q14", 0x1f0, 16, FLOATS),
    SC_PART("q15", 0x200, 16, FLOATS), SC_PART("q16", 0x210, 16, FLOATS),
    SC_PART("q17", 0x220, 16, FLOATS), SC_PART("q18", 0x230, 16, FLOATS),
    SC_PART("q19", 0x240, 16, FLOATS), SC_PART("q20", 0x250, 16, FLOATS),
    SC_PART("q21", 0x260, 16, FLOATS), SC_PART("q22", 0x270, 16, FLOATS),
    SC_PART("q23", 0x280, 16, FLOATS), SC_PART("q24", 0x290, 16, FLOATS),
    SC_PART("q25", 0x2a0, 16, FLOATS), SC_PART("q26", 0x2b0, 16, FLOATS),
    SC_PART("q27", 0x2c0, 16, FLOATS), SC_PART("q28", 0x2d0, 16, FLOATS),
    SC_PART("q29", 0x2e0, 16, FLOATS), SC_PART("q30", 0x2f0, 16, FLOATS),
    SC_PART("q31", 0x300, 16, FLOATS), SC_PART("d0", 0x110, 8, FLOATS),
    SC_PART("d1", 0x120, 8, FLOATS), SC_PART("d2", 0x130, 8, FLOATS),
    SC_PART("d3", 0x140, 8, FLOATS), SC_PART("d4", 0x150, 8, FLOATS),
    SC_PART("d5", 0x160, 8, FLOATS), SC_PART("d6", 0x170, 8, FLOATS),
    SC_PART("d7", 0x180, 8, FLOATS), SC_PART("d8", 0x190, 8, FLOATS),
    SC_PART("d9", 0x1a0, 8, FLOATS), SC_PART("d10", 0x1b0, 8, FLOATS),
    SC_PART("d11", 0x1c0, 8, FLOATS), SC_PART("d12", 0x1d0, 8, FLOATS),
    SC_PART("d13", 0x1e0, 8, FLOATS), SC_PART("d14", 0x1f0, 8, FLOATS),
    SC_PART("d15", 0x200, 8, FLOATS), SC_PART("d16", 0x210, 8, FLOATS),
    SC_PART("d17", 0x220, 8, FLOATS), SC_PART("d18", 0x230, 8, FLOATS),
    SC_PART("d19", 0x240, 8, FLOATS), SC_PART("d20", 0x250, 8, FLOATS),
    SC_PART("d21", 0x260, 8, FLOATS), SC_PART("d22", 0x270, 8, FLOATS),
    SC_PART("d23", 0x280, 8, FLOATS), SC_PART("d24", 0x290, 8, FLOATS),
    SC_PART("d25", 0x2a0, 8, FLOATS), SC_PART("d26", 0x2b0, 8, FLOATS),
    SC_PART("d27", 0x2c0, 8, FLOATS), SC_PART("d28", 0x2d0, 8, FLOATS),
    SC_PART("d29", 0x2e0, 8, FLOATS), SC_PART("d30", 0x2f0, 8, FLOATS),
    SC_PART("d31", 0x300, 8, FLOATS), SC_PART("s0", 0x110, 4, FLOATS),
    SC_PART("s1", 0x120, 4, FLOATS), SC_PART("s2", 0x130, 4, FLOATS),
    SC_PART("s3", 0x140, 4, FLOATS), SC_PART("s4", 0x150, 4, FLOATS),
    SC_PART("s5", 0x160, 4, FLOATS), SC_PART("s6", 0x170, 4, FLOATS),
    SC_PART("s7", 0x180, 4, FLOATS), SC_PART("s8", 0x190, 4, FLOATS),
    SC_PART("s9", 0x1a0, 4, FLOATS), SC_PART("s10", 0x1b0, 4, FLOATS),
    SC_PART("s11", 0x1c0, 4, FLOATS), SC_PART("s12", 0x1d0, 4, FLOATS),
    SC_PART("s13", 0x1e0, 4, FLOATS), SC_PART("s14", 0x1f0, 4, FLOATS),
    SC_PART("s15", 0x200, 4, FLOATS), SC_PART("s16", 0x210, 4, FLOATS),
    SC_PART("s17", 0x220, 4, FLOATS), SC_PART("s18", 0x230, 4, FLOATS),
    SC_PART("s19", 0x240, 4, FLOATS), SC_PART("s20", 0x250, 4, FLOATS),
    SC_PART("s21", 0x260, 4, FLOATS), SC_PART("s22", 0x270, 4, FLOATS),
    SC_PART("s23", 0x280, 4, FLOATS), SC_PART("s24", 0x290, 4, FLOATS),
    SC_PART("s25", 0x2a0, 4, FLOATS), SC_PART("s26", 0x2b0, 4, FLOATS),
    SC_PART("s27", 0x2c0, 4, FLOATS), SC_PART("s28", 0x2d0, 4, FLOATS),
    SC_PART("s29", 0x2e0, 4, FLOATS), SC_PART("s30", 0x2f0, 4, FLOATS),
    SC_PART("s31", 0x300, 4, FLOATS),
    SC_BITS("n", 0x4, 31, 1, CONTROL), SC_BITS("z", 0x4, 30, 1, CONTROL),
    SC_BITS("c", 0x4, 29, 1, CONTROL), SC_BITS("v", 0x4, 28, 1, CONTROL),
    /* clang-format on */
};
static_assert(SC_COUNT(table) == 223, "a register was lost or added: look at the unit test too");

const struct sc_cpu_layout sc_cpu_arm64 = {
    .size = 0x390,
    .least = 0x110,
    .context_flags = 0x0,
    .mark = 0x400000,
    .joined = true,
    .ip = {0x108, 8},
    .sp = {0x100, 8},
    .fp = {0xf0, 8},
    .flags = {0x4, 4},
    .reg = table,
    .nregs = SC_COUNT(table),
};
