/* SPDX-License-Identifier: MIT */
/*
 * CONTEXT of x64, 0x4d0 bytes (winnt.h of the public Windows SDK):
 *
 *     0x000 P1Home … P6Home           0x0a0 Rbp, Rsi, Rdi, R8 … R15
 *     0x030 ContextFlags, MxCsr       0x0f8 Rip
 *     0x038 SegCs Ds Es Fs Gs Ss (2)  0x100 FltSave (XMM_SAVE_AREA32, 0x200)
 *     0x044 EFlags                          +0 fcw +2 fsw +4 ftw +6 fop +8 ip,sel +0x10 dp,sel
 *     0x048 Dr0 … Dr3, Dr6, Dr7             +0x18 MxCsr, mask  +0x20 st0 (16 apart)  +0xa0 xmm0
 *     0x078 Rax, Rcx, Rdx, Rbx, Rsp   0x300 VectorRegister[26], 0x4a0 VectorControl, DebugControl,
 *                                           LastBranch…, LastException…
 *
 * ContextFlags: 0x100000 names the CPU; bit 0 control (ss, rsp, cs, rip, efl), 1 integer (also
 * rbp), 2 segments, 3 x87 and SSE, 4 debug registers. The tag word fptw is FXSAVE's one byte: a
 * bit for each register, 1 = in use. The rows stand in the order in which `r` shows them.
 */
#include <assert.h>

#include "cpu/cpu.h"

static_assert(0x78 + 16 * 8 == 0xf8, "Rax … R15 end at Rip");
static_assert(0x100 + 0x20 + 8 * 16 == 0x1a0, "st0 … st7 end at xmm0");
static_assert(0x300 + 26 * 16 == 0x4a0, "the vector registers end at VectorControl");
static_assert(SC_CONTEXT_MAX >= 0x4d0, "struct sc_regs holds a CONTEXT of x64");

/* Bits of ContextFlags. */
enum { CONTROL, INTEGER, SEGMENTS, FLOATS, DEBUG };

static const struct sc_reg table[] = {
    /* clang-format off */
    SC_REG("rax", 0x78, 8, INTEGER, SC_REG_GPR), SC_REG("rbx", 0x90, 8, INTEGER, SC_REG_GPR),
    SC_REG("rcx", 0x80, 8, INTEGER, SC_REG_GPR), SC_REG("rdx", 0x88, 8, INTEGER, SC_REG_GPR),
    SC_REG("rsi", 0xa8, 8, INTEGER, SC_REG_GPR), SC_REG("rdi", 0xb0, 8, INTEGER, SC_REG_GPR),
    SC_REG("rip", 0xf8, 8, CONTROL, SC_REG_GPR), SC_REG("rsp", 0x98, 8, CONTROL, SC_REG_GPR),
    SC_REG("rbp", 0xa0, 8, INTEGER, SC_REG_GPR), SC_REG("r8", 0xb8, 8, INTEGER, SC_REG_GPR),
    SC_REG("r9", 0xc0, 8, INTEGER, SC_REG_GPR), SC_REG("r10", 0xc8, 8, INTEGER, SC_REG_GPR),
    SC_REG("r11", 0xd0, 8, INTEGER, SC_REG_GPR), SC_REG("r12", 0xd8, 8, INTEGER, SC_REG_GPR),
    SC_REG("r13", 0xe0, 8, INTEGER, SC_REG_GPR), SC_REG("r14", 0xe8, 8, INTEGER, SC_REG_GPR),
    SC_REG("r15", 0xf0, 8, INTEGER, SC_REG_GPR), SC_REG("efl", 0x44, 4, CONTROL, SC_REG_GPR),
    SC_REG("cs", 0x38, 2, CONTROL, SC_REG_SEG), SC_REG("ss", 0x42, 2, CONTROL, SC_REG_SEG),
    SC_REG("ds", 0x3a, 2, SEGMENTS, SC_REG_SEG), SC_REG("es", 0x3c, 2, SEGMENTS, SC_REG_SEG),
    SC_REG("fs", 0x3e, 2, SEGMENTS, SC_REG_SEG), SC_REG("gs", 0x40, 2, SEGMENTS, SC_REG_SEG),
    SC_REG("dr0", 0x48, 8, DEBUG, SC_REG_DEBUG), SC_REG("dr1", 0x50, 8, DEBUG, SC_REG_DEBUG),
    SC_REG("dr2", 0x58, 8, DEBUG, SC_REG_DEBUG), SC_REG("dr3", 0x60, 8, DEBUG, SC_REG_DEBUG),
    SC_REG("dr6", 0x68, 8, DEBUG, SC_REG_DEBUG), SC_REG("dr7", 0x70, 8, DEBUG, SC_REG_DEBUG),
    SC_REG("fpcw", 0x100, 2, FLOATS, SC_REG_FLOAT), SC_REG("fpsw", 0x102, 2, FLOATS, SC_REG_FLOAT),
    SC_REG("fptw", 0x104, 1, FLOATS, SC_REG_FLOAT),
    SC_REG("fopcode", 0x106, 2, FLOATS, SC_REG_FLOAT),
    SC_REG("fpip", 0x108, 4, FLOATS, SC_REG_FLOAT),
    SC_REG("fpipsel", 0x10c, 2, FLOATS, SC_REG_FLOAT),
    SC_REG("fpdp", 0x110, 4, FLOATS, SC_REG_FLOAT),
    SC_REG("fpdpsel", 0x114, 2, FLOATS, SC_REG_FLOAT),
    SC_REG("st0", 0x120, 10, FLOATS, SC_REG_FLOAT), SC_REG("st1", 0x130, 10, FLOATS, SC_REG_FLOAT),
    SC_REG("st2", 0x140, 10, FLOATS, SC_REG_FLOAT), SC_REG("st3", 0x150, 10, FLOATS, SC_REG_FLOAT),
    SC_REG("st4", 0x160, 10, FLOATS, SC_REG_FLOAT), SC_REG("st5", 0x170, 10, FLOATS, SC_REG_FLOAT),
    SC_REG("st6", 0x180, 10, FLOATS, SC_REG_FLOAT), SC_REG("st7", 0x190, 10, FLOATS, SC_REG_FLOAT),
    SC_REG("mxcsr", 0x34, 4, FLOATS, SC_REG_VECTOR),
    SC_REG("xmm0", 0x1a0, 16, FLOATS, SC_REG_VECTOR),
    SC_REG("xmm1", 0x1b0, 16, FLOATS, SC_REG_VECTOR),
    SC_REG("xmm2", 0x1c0, 16, FLOATS, SC_REG_VECTOR),
    SC_REG("xmm3", 0x1d0, 16, FLOATS, SC_REG_VECTOR),
    SC_REG("xmm4", 0x1e0, 16, FLOATS, SC_REG_VECTOR),
    SC_REG("xmm5", 0x1f0, 16, FLOATS, SC_REG_VECTOR),
    SC_REG("xmm6", 0x200, 16, FLOATS, SC_REG_VECTOR),
    SC_REG("xmm7", 0x210, 16, FLOATS, SC_REG_VECTOR),
    SC_REG("xmm8", 0x220, 16, FLOATS, SC_REG_VECTOR),
    SC_REG("xmm9", 0x230, 16, FLOATS, SC_REG_VECTOR),
    SC_REG("xmm10", 0x240, 16, FLOATS, SC_REG_VECTOR),
    SC_REG("xmm11", 0x250, 16, FLOATS, SC_REG_VECTOR),
    SC_REG("xmm12", 0x260, 16, FLOATS, SC_REG_VECTOR),
    SC_REG("xmm13", 0x270, 16, FLOATS, SC_REG_VECTOR),
    SC_REG("xmm14", 0x280, 16, FLOATS, SC_REG_VECTOR),
    SC_REG("xmm15", 0x290, 16, FLOATS, SC_REG_VECTOR),
    SC_PART("mm0", 0x120, 8, FLOATS), SC_PART("mm1", 0x130, 8, FLOATS),
    SC_PART("mm2", 0x140, 8, FLOATS), SC_PART("mm3", 0x150, 8, FLOATS),
    SC_PART("mm4", 0x160, 8, FLOATS), SC_PART("mm5", 0x170, 8, FLOATS),
    SC_PART("mm6", 0x180, 8, FLOATS), SC_PART("mm7", 0x190, 8, FLOATS),
    SC_PART("eax", 0x78, 4, INTEGER), SC_PART("ax", 0x78, 2, INTEGER),
    SC_PART("al", 0x78, 1, INTEGER), SC_PART("ah", 0x79, 1, INTEGER),
    SC_PART("ebx", 0x90, 4, INTEGER), SC_PART("bx", 0x90, 2, INTEGER),
    SC_PART("bl", 0x90, 1, INTEGER), SC_PART("bh", 0x91, 1, INTEGER),
    SC_PART("ecx", 0x80, 4, INTEGER), SC_PART("cx", 0x80, 2, INTEGER),
    SC_PART("cl", 0x80, 1, INTEGER), SC_PART("ch", 0x81, 1, INTEGER),
    SC_PART("edx", 0x88, 4, INTEGER), SC_PART("dx", 0x88, 2, INTEGER),
    SC_PART("dl", 0x88, 1, INTEGER), SC_PART("dh", 0x89, 1, INTEGER),
    SC_PART("esi", 0xa8, 4, INTEGER), SC_PART("si", 0xa8, 2, INTEGER),
    SC_PART("sil", 0xa8, 1, INTEGER), SC_PART("edi", 0xb0, 4, INTEGER),
    SC_PART("di", 0xb0, 2, INTEGER), SC_PART("dil", 0xb0, 1, INTEGER),
    SC_PART("ebp", 0xa0, 4, INTEGER), SC_PART("bp", 0xa0, 2, INTEGER),
    SC_PART("bpl", 0xa0, 1, INTEGER), SC_PART("esp", 0x98, 4, CONTROL),
    SC_PART("sp", 0x98, 2, CONTROL), SC_PART("spl", 0x98, 1, CONTROL),
    SC_PART("r8d", 0xb8, 4, INTEGER), SC_PART("r8w", 0xb8, 2, INTEGER),
    SC_PART("r8b", 0xb8, 1, INTEGER), SC_PART("r9d", 0xc0, 4, INTEGER),
    SC_PART("r9w", 0xc0, 2, INTEGER), SC_PART("r9b", 0xc0, 1, INTEGER),
    SC_PART("r10d", 0xc8, 4, INTEGER), SC_PART("r10w", 0xc8, 2, INTEGER),
    SC_PART("r10b", 0xc8, 1, INTEGER), SC_PART("r11d", 0xd0, 4, INTEGER),
    SC_PART("r11w", 0xd0, 2, INTEGER), SC_PART("r11b", 0xd0, 1, INTEGER),
    SC_PART("r12d", 0xd8, 4, INTEGER), SC_PART("r12w", 0xd8, 2, INTEGER),
    SC_PART("r12b", 0xd8, 1, INTEGER), SC_PART("r13d", 0xe0, 4, INTEGER),
    SC_PART("r13w", 0xe0, 2, INTEGER), SC_PART("r13b", 0xe0, 1, INTEGER),
    SC_PART("r14d", 0xe8, 4, INTEGER), SC_PART("r14w", 0xe8, 2, INTEGER),
    SC_PART("r14b", 0xe8, 1, INTEGER), SC_PART("r15d", 0xf0, 4, INTEGER),
    SC_PART("r15w", 0xf0, 2, INTEGER), SC_PART("r15b", 0xf0, 1, INTEGER),
    SC_PART("eip", 0xf8, 4, CONTROL), SC_PART("ip", 0xf8, 2, CONTROL),
    SC_PART("fl", 0x44, 2, CONTROL), SC_PART("eflags", 0x44, 4, CONTROL),
    SC_PART("rflags", 0x44, 4, CONTROL),
    SC_BITS("iopl", 0x44, 12, 2, CONTROL), SC_BITS("of", 0x44, 11, 1, CONTROL),
    SC_BITS("df", 0x44, 10, 1, CONTROL), SC_BITS("if", 0x44, 9, 1, CONTROL),
    SC_BITS("tf", 0x44, 8, 1, CONTROL), SC_BITS("sf", 0x44, 7, 1, CONTROL),
    SC_BITS("zf", 0x44, 6, 1, CONTROL), SC_BITS("af", 0x44, 4, 1, CONTROL),
    SC_BITS("pf", 0x44, 2, 1, CONTROL), SC_BITS("cf", 0x44, 0, 1, CONTROL),
    SC_BITS("vif", 0x44, 19, 1, CONTROL), SC_BITS("vip", 0x44, 20, 1, CONTROL),
    /* clang-format on */
};
static_assert(SC_COUNT(table) == 140, "a register was lost or added: look at the unit test too");

const struct sc_cpu_layout sc_cpu_x64 = {
    .size = 0x4d0,
    .least = 0x100,
    .context_flags = 0x30,
    .mark = 0x100000,
    .ip = {0xf8, 8},
    .sp = {0x98, 8},
    .fp = {0xa0, 8},
    .flags = {0x44, 4},
    .reg = table,
    .nregs = SC_COUNT(table),
};
