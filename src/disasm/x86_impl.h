/* SPDX-License-Identifier: MIT */
/* What the files that disassemble x86 and x64 share. */
#ifndef STOPCODE_DISASM_X86_IMPL_H
#define STOPCODE_DISASM_X86_IMPL_H

#include <Zydis/Zydis.h>

#include "disasm/disasm_impl.h"

/* The functions of Zydis that are called, through the opened library. */
struct sc_zydis {
    ZyanU64 (*version)(void);
    ZyanStatus (*init)(ZydisDecoder *, ZydisMachineMode, ZydisStackWidth);
    ZyanStatus (*instruction)(const ZydisDecoder *, ZydisDecoderContext *, const void *, ZyanUSize,
                              ZydisDecodedInstruction *);
    ZyanStatus (*operands)(const ZydisDecoder *, const ZydisDecoderContext *,
                           const ZydisDecodedInstruction *, ZydisDecodedOperand *, ZyanU8);
    const char *(*mnemonic)(ZydisMnemonic);
    const char *(*reg)(ZydisRegister);
};

struct sc_x86 {
    void *library;
    struct sc_zydis z;
    ZydisDecoder decoder;
};

/* An instruction as Zydis has it. */
struct sc_x86_insn {
    const struct sc_x86 *x86;
    ZydisDecodedInstruction in;
    ZydisDecodedOperand op[ZYDIS_MAX_OPERAND_COUNT];
};

/* zydis.c */
sc_err *sc_zydis_open(struct sc_x86 *x86);

/* x86_mnemonic.c: the mnemonic with its prefixes, as WinDbg writes it. */
void sc_x86_mnemonic(const struct sc_x86_insn *x, struct sc_dtext *t);
/* Does it show its hidden operands: movs, stos, xlat and the like? */
bool sc_x86_is_string(const ZydisDecodedInstruction *in);

/* x86_operand.c: the operands; INSN has the record already. */
void sc_x86_operands(const struct sc_x86_insn *x, const sc_disasm *disasm,
                     const struct sc_insn *insn, struct sc_dtext *t);
/* An immediate in the width of the operand that it meets. */
uint64_t sc_x86_immediate(const struct sc_x86_insn *x, const ZydisDecodedOperand *op);

#endif
