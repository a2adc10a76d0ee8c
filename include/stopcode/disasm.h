/* SPDX-License-Identifier: MIT */
/**
 * @file
 * Disassembly: bytes and an address in, one instruction out, written as WinDbg writes it.
 *
 * Knows no target. Whoever asks supplies the bytes, and may supply a function that names
 * addresses. x86 and x64 are decoded by Zydis, ARM64 by LLVM; both libraries are opened when the
 * first disassembler for their CPU is made, so that a program that disassembles nothing runs
 * without them.
 *
 * Bytes that are no instruction are not an error: they decode to one of length 1 (ARM64: 4) whose
 * mnemonic is "???" and whose `valid` is false.
 *
 * Threads: a disassembler belongs to one thread at a time.
 */
#ifndef STOPCODE_DISASM_H
#define STOPCODE_DISASM_H

#include "regs.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct sc_disasm sc_disasm;

enum {
    SC_INSN_BYTES_MAX = 15,
    SC_INSN_MEMS = 2,
    SC_INSN_MNEMONIC = 40,
    SC_INSN_OPERANDS = 640, /**< operands with a longer name in them are cut */
    SC_INSN_NAME = 512,     /**< longest name a namer can give */
};

/** Where control goes behind an instruction. */
enum sc_flow {
    SC_FLOW_NEXT,    /**< to the next one */
    SC_FLOW_CALL,    /**< to `target`, and to the next one when it returns; syscall likewise */
    SC_FLOW_JUMP,    /**< to `target` */
    SC_FLOW_BRANCH,  /**< to `target` or the next one */
    SC_FLOW_RETURN,  /**< ret, iret, sysret, eret */
    SC_FLOW_TRAP,    /**< int 3, int n, brk, svc: the next one follows if the handler lets it */
    SC_FLOW_NO_MORE, /**< ud2, hlt-like, int 29h: nothing follows, or it is no instruction */
};

/** What a conditional branch asks. */
enum sc_cond {
    SC_COND_NONE,
    SC_COND_X86,   /**< `cond_code` 0 … 15 in the order of the opcodes: o no b ae e ne … */
    SC_COND_COUNT, /**< jcxz: `cond_reg` is zero */
    SC_COND_LOOP,  /**< loop: `cond_reg` less one is not zero; code 1: and zf, 2: and not zf */
    SC_COND_ARM,   /**< `cond_code` 0 … 15: eq ne hs lo … */
    SC_COND_ZERO,  /**< cbz (code 0) and cbnz (1) of `cond_reg` */
    SC_COND_BIT,   /**< tbz (code 0) and tbnz (1) of bit `cond_bit` of `cond_reg` */
};

/** A memory operand. Register names are static: those of the register tables (see regs.h). */
struct sc_insn_mem {
    const char *base, *index; /**< NULL: none */
    const char *segment;      /**< the one used, "ds", "ss", … ; NULL: the CPU has none */
    bool override;            /**< the segment is written in the operand */
    bool read, write;         /**< neither: the address is only computed, or a hint */
    bool constant;            /**< `address` is it: no register but the instruction pointer */
    uint8_t scale;            /**< of the index; ARM64: a shift is a scale */
    uint8_t address_size;     /**< bytes; the sum wraps there */
    int8_t extend; /**< ARM64: the index is 32 bits, zero (1) or sign (-1) extended; 0: is not */
    bool post;     /**< ARM64: the displacement is added behind the access */
    uint16_t size; /**< bytes accessed; 0: not known, or none */
    int64_t disp;
    uint64_t address;
};

/** A decoded instruction. Plain data: copy it freely. */
struct sc_insn {
    uint64_t address;
    uint8_t length; /**< never 0 */
    bool valid;
    bool words; /**< the bytes are shown as one number: ARM64 */
    enum sc_flow flow;
    bool indirect;   /**< a call or jump through a register or memory */
    bool has_target; /**< `target` is known from the instruction alone */
    uint64_t target;
    enum sc_cond cond;
    uint8_t cond_code, cond_bit;
    const char *cond_reg;
    bool has_constant; /**< adr, adrp; an immediate of 4 or 8 bytes, which may be an address */
    uint64_t constant;
    uint8_t nmems; /**< explicit ones only: not the stack of a push */
    struct sc_insn_mem mem[SC_INSN_MEMS];
    uint8_t byte[SC_INSN_BYTES_MAX + 1];
    char mnemonic[SC_INSN_MNEMONIC]; /**< prefixes included: "rep movs", "lock cmpxchg" */
    char operands[SC_INSN_OPERANDS];
};

/**
 * Names ADDR: writes "nt!KiPageFault+0x12" into BUF (SIZE bytes, cut if it must be) and returns
 * true, or false when there is no name.
 */
typedef bool (*sc_disasm_name_fn)(void *ctx, uint64_t addr, char *buf, size_t size);

/**
 * A disassembler for CPU. SC_ERR_UNSUPPORTED: there is none for it, or its library cannot be
 * opened: the text says which and why.
 */
SC_API sc_err *sc_disasm_create(enum sc_cpu cpu, sc_disasm **ret_disasm);
SC_API void sc_disasm_destroy(sc_disasm *disasm);
SC_API void sc_disasm_set_namer(sc_disasm *disasm, sc_disasm_name_fn fn, void *ctx);

/** Bytes of the longest and the shortest instruction: 15 and 1, or 4 and 4. */
SC_API unsigned sc_disasm_max(const sc_disasm *disasm);
SC_API unsigned sc_disasm_min(const sc_disasm *disasm);

/**
 * Decodes the instruction at ADDR, of which SIZE bytes (at least 1) are at DATA: as many as
 * sc_disasm_max() where there are more. An instruction that DATA cuts off is no instruction.
 */
SC_API void sc_disasm_decode(sc_disasm *disasm, uint64_t addr, const void *data, size_t size,
                             struct sc_insn *ret_insn);
/** The same without mnemonic and operands, which are left empty: several times as fast. */
SC_API void sc_disasm_scan(sc_disasm *disasm, uint64_t addr, const void *data, size_t size,
                           struct sc_insn *ret_insn);

/**
 * WinDbg's line of an instruction, without the symbol line: address, bytes, mnemonic, operands.
 * In BUF (SIZE bytes, cut if it must be); returns its length. PTR_SIZE is 4 or 8.
 */
SC_API size_t sc_insn_line(const struct sc_insn *insn, unsigned ptr_size, char *buf, size_t size);
/** The line of a byte that cannot be read: `fffff804'8b58334c ??              ???`. */
SC_API size_t sc_insn_unread(uint64_t addr, unsigned ptr_size, char *buf, size_t size);

/**
 * The address a memory operand had with these registers, without the segment's base; false when
 * a register is missing from them. IP is that of the instruction.
 */
SC_API bool sc_insn_mem_address(const struct sc_insn_mem *mem, const struct sc_regs *regs,
                                uint64_t *ret_addr);
/** Would the conditional branch be taken? False when it is none or a register is missing. */
SC_API bool sc_insn_taken(const struct sc_insn *insn, const struct sc_regs *regs, bool *ret_taken);

#ifdef __cplusplus
}
#endif
#endif
