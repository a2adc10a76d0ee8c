/* SPDX-License-Identifier: MIT */
/*
 * What regs.c knows of each CPU: where its CONTEXT keeps what. One table file a CPU.
 *
 * `group` of a register row is the number of the bit in ContextFlags that says "this part of the
 * record is filled"; the meaning of the bits differs by CPU and stands in the table files.
 */
#ifndef STOPCODE_CPU_CPU_H
#define STOPCODE_CPU_CPU_H

#include "stopcode/regs.h"

/* A place in CONTEXT. */
struct sc_cpu_slot {
    uint16_t offset;
    uint8_t size;
};

struct sc_cpu_layout {
    size_t size;            /* sizeof(CONTEXT) */
    size_t least;           /* bytes up to the end of the integer and control registers */
    uint16_t context_flags; /* offset of ContextFlags */
    uint32_t mark;          /* the bit of ContextFlags that names the CPU */
    uint32_t foreign;       /* the one that Breakpad's records have in its place; 0 none */
    bool joined;            /* Breakpad's have no control group: its registers are integer ones */
    struct sc_cpu_slot ip, sp, fp, flags;
    const struct sc_reg *reg;
    size_t nregs;
};

extern const struct sc_cpu_layout sc_cpu_x86, sc_cpu_x64, sc_cpu_arm, sc_cpu_arm64;

/* Rows of the tables: a whole register, a part of one, and a field of bits in a 32-bit word. */
#define SC_REG(name, offset, size, group, cls)                                                     \
    { name, offset, size, 0, 0, group, cls }
#define SC_PART(name, offset, size, group)                                                         \
    { name, offset, size, 0, 0, group, SC_REG_SUB }
#define SC_BITS(name, offset, bit, bits, group)                                                    \
    { name, offset, 4, bit, bits, group, SC_REG_SUB }

#define SC_COUNT(array) (sizeof(array) / sizeof *(array))

#endif
