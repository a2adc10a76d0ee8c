/* SPDX-License-Identifier: MIT */
/**
 * @file
 * Register contexts: a CONTEXT record as the dump holds it, and its registers by name.
 *
 * `sc_regs` keeps the CPU's CONTEXT structure byte for byte (so that nothing is lost and an
 * unwinder can change a copy) and a const table says where each register lies in it.
 *
 * Sources: the CONTEXT structures of the public Windows SDK (winnt.h): x86 0x2cc bytes, x64 0x4d0,
 * ARM64 0x390, ARM 0x1a0.
 */
#ifndef STOPCODE_REGS_H
#define STOPCODE_REGS_H

#include <stddef.h>

#include "error.h"

#ifdef __cplusplus
extern "C" {
#endif

enum sc_cpu {
    SC_CPU_UNKNOWN,
    SC_CPU_X86,
    SC_CPU_X64,
    SC_CPU_ARM,
    SC_CPU_ARM64,
    SC_CPU_IA64,
    SC_CPU_OTHER, /**< named by the container, no Windows CPU */
};

#define SC_CONTEXT_MAX 0x4d0

/** One CPU state. Plain data: copy it freely. */
struct sc_regs {
    enum sc_cpu cpu;
    uint32_t size; /**< bytes of `raw` that came from the dump; the rest is zero */
    uint8_t raw[SC_CONTEXT_MAX];
};

/** What a register is for: `r` shows SC_REG_GPR and SC_REG_SEG and the flags, rX the vectors, … */
enum sc_reg_class {
    SC_REG_GPR,   /**< general purpose, instruction pointer, flags */
    SC_REG_SEG,   /**< segment selector */
    SC_REG_DEBUG, /**< dr0 … dr7, bcr, bvr, wcr, wvr */
    SC_REG_FLOAT, /**< x87 */
    SC_REG_VECTOR,
    SC_REG_SUB, /**< a part of another: eax of rax, zf of efl, w0 of x0 */
};

/** A row of the register table. */
struct sc_reg {
    const char *name; /**< lower case, without `@` */
    uint16_t offset;  /**< in CONTEXT */
    uint8_t size;     /**< bytes: 1, 2, 4, 8, 10 or 16 */
    uint8_t bit;      /**< first bit, for flags; else 0 */
    uint8_t bits;     /**< number of bits, for flags; 0 = the whole register */
    uint8_t group;    /**< index of the ContextFlags group that must be present (see regs.c) */
    enum sc_reg_class cls;
};

/** "x86", "x64", "ARM64", …: WinDbg's names. Never NULL. */
SC_API const char *sc_cpu_name(enum sc_cpu cpu);
/** Pointer size in bytes: 4 or 8; 0 for SC_CPU_UNKNOWN. */
SC_API unsigned sc_cpu_ptr_size(enum sc_cpu cpu);
/** sizeof(CONTEXT) of the CPU; 0 when its layout is not known. */
SC_API size_t sc_context_size(enum sc_cpu cpu);

/**
 * Takes SIZE bytes of a CONTEXT record. Fewer bytes than the CPU's CONTEXT are accepted as long as
 * they reach the integer registers (older records are shorter); more are cut off.
 * SC_ERR_FORMAT when there are too few; SC_ERR_UNSUPPORTED for a CPU without a table.
 */
SC_API sc_err *sc_regs_init(struct sc_regs *ret_regs, enum sc_cpu cpu, const void *context,
                            size_t size);

/** The table of CPU, in WinDbg's display order; *RET_COUNT rows. NULL when there is none. */
SC_API const struct sc_reg *sc_reg_table(enum sc_cpu cpu, size_t *ret_count);
/** The row of a register by name (ASCII, any case, a leading `@` is allowed); NULL if none. */
SC_API const struct sc_reg *sc_reg_find(enum sc_cpu cpu, const char *name);

/** Is the register's group marked present in ContextFlags (and inside `size`)? */
SC_API bool sc_reg_present(const struct sc_regs *regs, const struct sc_reg *reg);
/** Value of a register of at most 8 bytes (vectors: the low 8 bytes). */
SC_API uint64_t sc_reg_value(const struct sc_regs *regs, const struct sc_reg *reg);
/** The bytes of a register of any size: RET must have room for reg->size bytes. */
SC_API void sc_reg_bytes(const struct sc_regs *regs, const struct sc_reg *reg, void *ret);
/** Changes a register of at most 8 bytes. */
SC_API void sc_reg_set(struct sc_regs *regs, const struct sc_reg *reg, uint64_t value);
/** By name: false when the CPU has no such register or the record does not hold it. */
SC_API bool sc_regs_get(const struct sc_regs *regs, const char *name, uint64_t *ret_value);

/** Instruction pointer, stack pointer, frame pointer, flags (CPSR on ARM): zero extended. */
SC_API uint64_t sc_regs_ip(const struct sc_regs *regs);
SC_API uint64_t sc_regs_sp(const struct sc_regs *regs);
SC_API uint64_t sc_regs_fp(const struct sc_regs *regs);
SC_API uint32_t sc_regs_flags(const struct sc_regs *regs);
SC_API uint32_t sc_regs_context_flags(const struct sc_regs *regs);

#ifdef __cplusplus
}
#endif
#endif
