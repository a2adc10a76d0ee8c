/* SPDX-License-Identifier: MIT */
/*
 * CONTEXT of x86, 0x2cc bytes (winnt.h of the public Windows SDK):
 *
 *     0x000 ContextFlags              0x08c SegGs, Fs, Es, Ds (4 bytes each)
 *     0x004 Dr0 … Dr3, Dr6, Dr7       0x09c Edi, Esi, Ebx, Edx, Ecx, Eax
 *     0x01c FloatSave (0x70)          0x0b4 Ebp, Eip, SegCs, EFlags, Esp, SegSs
 *           +0 control +4 status      0x0cc ExtendedRegisters (0x200), an FXSAVE area:
 *           +8 tag +0xc error offset        +0x18 MxCsr  +0xa0 xmm0 … xmm7
 *           +0x10 selector, opcode in its high half  +0x14 data offset, selector
 *           +0x1c st0 … st7 (10 bytes each)  +0x6c Cr0NpxState
 *
 * ContextFlags: 0x10000 names the CPU; bit 0 control (ebp, eip, cs, efl, esp, ss), 1 integer,
 * 2 segments, 3 x87, 4 debug registers, 5 extended registers (SSE). The rows stand in the order
 * in which `r` shows them.
 */
#include <assert.h>

#include "cpu/cpu.h"

static_assert(0x1c + 0x1c + 8 * 10 + 4 == 0x8c, "FloatSave ends at SegGs");
static_assert(0x9c + 12 * 4 == 0xcc, "Edi … SegSs end at the extended registers");
static_assert(0xcc + 0x200 == 0x2cc, "the extended registers end the record");

/* Bits of ContextFlags. */
enum { CONTROL, INTEGER, SEGMENTS, FLOATS, DEBUG, EXTENDED };

static const struct sc_reg table[] = {
    /* clang-format off */
    SC_REG("eax", 0xb0, 4, INTEGER, SC_REG_GPR), SC_REG("ebx", 0xa4, 4, INTEGER, SC_REG_GPR),
    SC_REG("ecx", 0xac, 4, INTEGER, SC_REG_GPR), SC_REG("edx", 0xa8, 4, INTEGER, SC_REG_GPR),
    SC_REG("esi", 0xa0, 4, INTEGER, SC_REG_GPR), SC_REG("edi", 0x9c, 4, INTEGER, SC_REG_GPR),
    SC_REG("eip", 0xb8, 4, CONTROL, SC_REG_GPR), SC_REG("esp", 0xc4, 4, CONTROL, SC_REG_GPR),
    SC_REG("ebp", 0xb4, 4, CONTROL, SC_REG_GPR), SC_REG("efl", 0xc0, 4, CONTROL, SC_REG_GPR),
    SC_REG("cs", 0xbc, 2, CONTROL, SC_REG_SEG), SC_REG("ss", 0xc8, 2, CONTROL, SC_REG_SEG),
    SC_REG("ds", 0x98, 2, SEGMENTS, SC_REG_SEG), SC_REG("es", 0x94, 2, SEGMENTS, SC_REG_SEG),
    SC_REG("fs", 0x90, 2, SEGMENTS, SC_REG_SEG), SC_REG("gs", 0x8c, 2, SEGMENTS, SC_REG_SEG),
    SC_REG("dr0", 0x4, 4, DEBUG, SC_REG_DEBUG), SC_REG("dr1", 0x8, 4, DEBUG, SC_REG_DEBUG),
    SC_REG("dr2", 0xc, 4, DEBUG, SC_REG_DEBUG), SC_REG("dr3", 0x10, 4, DEBUG, SC_REG_DEBUG),
    SC_REG("dr6", 0x14, 4, DEBUG, SC_REG_DEBUG), SC_REG("dr7", 0x18, 4, DEBUG, SC_REG_DEBUG),
    SC_REG("fpcw", 0x1c, 2, FLOATS, SC_REG_FLOAT), SC_REG("fpsw", 0x20, 2, FLOATS, SC_REG_FLOAT),
    SC_REG("fptw", 0x24, 2, FLOATS, SC_REG_FLOAT), SC_REG("fopcode", 0x2e, 2, FLOATS, SC_REG_FLOAT),
    SC_REG("fpip", 0x28, 4, FLOATS, SC_REG_FLOAT), SC_REG("fpipsel", 0x2c, 2, FLOATS, SC_REG_FLOAT),
    SC_REG("fpdp", 0x30, 4, FLOATS, SC_REG_FLOAT), SC_REG("fpdpsel", 0x34, 2, FLOATS, SC_REG_FLOAT),
    SC_REG("st0", 0x38, 10, FLOATS, SC_REG_FLOAT), SC_REG("st1", 0x42, 10, FLOATS, SC_REG_FLOAT),
    SC_REG("st2", 0x4c, 10, FLOATS, SC_REG_FLOAT), SC_REG("st3", 0x56, 10, FLOATS, SC_REG_FLOAT),
    SC_REG("st4", 0x60, 10, FLOATS, SC_REG_FLOAT), SC_REG("st5", 0x6a, 10, FLOATS, SC_REG_FLOAT),
    SC_REG("st6", 0x74, 10, FLOATS, SC_REG_FLOAT), SC_REG("st7", 0x7e, 10, FLOATS, SC_REG_FLOAT),
    SC_REG("mxcsr", 0xe4, 4, EXTENDED, SC_REG_VECTOR),
    SC_REG("xmm0", 0x16c, 16, EXTENDED, SC_REG_VECTOR),
    SC_REG("xmm1", 0x17c, 16, EXTENDED, SC_REG_VECTOR),
    SC_REG("xmm2", 0x18c, 16, EXTENDED, SC_REG_VECTOR),
    SC_REG("xmm3", 0x19c, 16, EXTENDED, SC_REG_VECTOR),
    SC_REG("xmm4", 0x1ac, 16, EXTENDED, SC_REG_VECTOR),
    SC_REG("xmm5", 0x1bc, 16, EXTENDED, SC_REG_VECTOR),
    SC_REG("xmm6", 0x1cc, 16, EXTENDED, SC_REG_VECTOR),
    SC_REG("xmm7", 0x1dc, 16, EXTENDED, SC_REG_VECTOR),
    SC_PART("mm0", 0x38, 8, FLOATS), SC_PART("mm1", 0x42, 8, FLOATS),
    SC_PART("mm2", 0x4c, 8, FLOATS), SC_PART("mm3", 0x56, 8, FLOATS),
    SC_PART("mm4", 0x60, 8, FLOATS), SC_PART("mm5", 0x6a, 8, FLOATS),
    SC_PART("mm6", 0x74, 8, FLOATS), SC_PART("mm7", 0x7e, 8, FLOATS),
    SC_PART("ax", 0xb0, 2, INTEGER), SC_PART("al", 0xb0, 1, INTEGER),
    SC_PART("ah", 0xb1, 1, INTEGER), SC_PART("bx", 0xa4, 2, INTEGER),
    SC_PART("bl", 0xa4, 1, INTEGER), SC_PART("bh", 0xa5, 1, INTEGER),
    SC_PART("cx", 0xac, 2, INTEGER), SC_PART("cl", 0xac, 1, INTEGER),
    SC_PART("ch", 0xad, 1, INTEGER), SC_PART("dx", 0xa8, 2, INTEGER),
    SC_PART("dl", 0xa8, 1, INTEGER), SC_PART("dh", 0xa9, 1, INTEGER),
    SC_PART("si", 0xa0, 2, INTEGER), SC_PART("di", 0x9c, 2, INTEGER),
    SC_PART("bp", 0xb4, 2, CONTROL), SC_PART("sp", 0xc4, 2, CONTROL),
    SC_PART("ip", 0xb8, 2, CONTROL), SC_PART("fl", 0xc0, 2, CONTROL),
    SC_PART("eflags", 0xc0, 4, CONTROL),
    SC_BITS("iopl", 0xc0, 12, 2, CONTROL), SC_BITS("of", 0xc0, 11, 1, CONTROL),
    SC_BITS("df", 0xc0, 10, 1, CONTROL), SC_BITS("if", 0xc0, 9, 1, CONTROL),
    SC_BITS("tf", 0xc0, 8, 1, CONTROL), SC_BITS("sf", 0xc0, 7, 1, CONTROL),
    SC_BITS("zf", 0xc0, 6, 1, CONTROL), SC_BITS("af", 0xc0, 4, 1, CONTROL),
    SC_BITS("pf", 0xc0, 2, 1, CONTROL), SC_BITS("cf", 0xc0, 0, 1, CONTROL),
    SC_BITS("vif", 0xc0, 19, 1, CONTROL), SC_BITS("vip", 0xc0, 20, 1, CONTROL),
    /* clang-format on */
};
static_assert(SC_COUNT(table) == 86, "a register was lost or added: look at the unit test too");

const struct sc_cpu_layout sc_cpu_x86 = {
    .size = 0x2cc,
    .least = 0xcc,
    .context_flags = 0x0,
    .mark = 0x10000,
    .ip = {0xb8, 4},
    .sp = {0xc4, 4},
    .fp = {0xb4, 4},
    .flags = {0xc0, 4},
    .reg = table,
    .nregs = SC_COUNT(table),
};
