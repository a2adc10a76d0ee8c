/* SPDX-License-Identifier: MIT */
/* What the files that disassemble ARM64 share. */
#ifndef STOPCODE_DISASM_ARM64_IMPL_H
#define STOPCODE_DISASM_ARM64_IMPL_H

#include "disasm/disasm_impl.h"

/* COUNT bits of WORD from bit FIRST on; and the same as a signed number. */
static inline uint32_t sc_bits(uint32_t word, unsigned first, unsigned count) {
    return word >> first & (uint32_t)((UINT64_C(1) << count) - 1);
}
static inline int64_t sc_signed_bits(uint32_t word, unsigned first, unsigned count) {
    uint64_t top = UINT64_C(1) << (count - 1);
    return (int64_t)((sc_bits(word, first, count) ^ top) - top);
}

/* Name of general register NUMBER (0 … 30) as the register table has it; 31 is NULL. */
const char *sc_arm64_register(unsigned number, bool wide);

/* arm64_memory.c: the memory operand of a load or store, if WORD is one. */
void sc_arm64_memory(uint32_t word, struct sc_insn *insn);

/*
 * arm64_text.c: LLVM's text ("\tldr\tx8, [x0, #0x10]") in WinDbg's look. RELATIVE: the last operand
 * is an address, insn->target or insn->constant or that of its memory: PLACE.
 */
void sc_arm64_text(const char *llvm, const sc_disasm *disasm, bool relative, uint64_t place,
                   struct sc_insn *insn);

#endif
