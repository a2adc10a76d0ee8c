/* SPDX-License-Identifier: MIT */
/*
 * ARM64: LLVM's disassembler, opened when the first one is made, says what is an instruction and
 * gives its text; where control goes and what is addressed is read off the word here.
 *
 * The encodings are those of the Arm Architecture Reference Manual, chapter C4 (A64), named beside
 * each mask. The numbers of brk are those of the public Windows SDK (winnt.h: ARM64_FASTFAIL …).
 */
#include <stdlib.h>
#include <string.h>

#include "disasm/arm64_impl.h"

/* The part of LLVM's C interface that is called; it keeps these from version to version. */
struct llvm {
    void (*target_info)(void);
    void (*target_mc)(void);
    void (*disassembler)(void);
    void *(*create)(const char *triple, const char *cpu, const char *features, void *info, int tag,
                    void *op_info, void *symbol);
    int (*options)(void *context, uint64_t options);
    size_t (*decode)(void *context, uint8_t *bytes, uint64_t size, uint64_t pc, char *text,
                     size_t text_size);
    void (*dispose)(void *context);
};

enum { PRINT_IMMEDIATES_HEX = 2 };

struct arm64 {
    void *library;
    struct llvm l;
    void *context;
};

/* ---- where control goes ---- */

static void branch(struct sc_insn *insn, enum sc_flow flow, int64_t words) {
    insn->flow = flow;
    insn->has_target = true;
    insn->target = insn->address + (uint64_t)(words * 4);
}

/* Conditional branches: b.cond, cbz and cbnz, tbz and tbnz. */
static bool conditional(uint32_t w, struct sc_insn *insn) {
    bool wide = w >> 31;
    if ((w & 0xff000000) == 0x54000000) {
        branch(insn, (w & 15) >= 14 ? SC_FLOW_JUMP : SC_FLOW_BRANCH, sc_signed_bits(w, 5, 19));
        insn->cond = (w & 15) >= 14 ? SC_COND_NONE : SC_COND_ARM;
        insn->cond_code = w & 15;
        return true;
    }
    if ((w & 0x7e000000) == 0x34000000) {
        branch(insn, SC_FLOW_BRANCH, sc_signed_bits(w, 5, 19));
        insn->cond = SC_COND_ZERO;
    } else if ((w & 0x7e000000) == 0x36000000) {
        branch(insn, SC_FLOW_BRANCH, sc_signed_bits(w, 5, 14));
        insn->cond = SC_COND_BIT;
        insn->cond_bit = (uint8_t)(sc_bits(w, 19, 5) | (wide ? 32 : 0));
    } else {
        return false;
    }
    insn->cond_code = w >> 24 & 1;
    insn->cond_reg = sc_arm64_register(w & 31, wide || insn->cond == SC_COND_BIT);
    return true;
}

/* br, blr, ret, eret and their authenticating forms. */
static bool through_register(uint32_t w, struct sc_insn *insn) {
    if ((w & 0xfe000000) != 0xd6000000)
        return false;
    unsigned operation = sc_bits(w, 21, 4);
    bool call = operation == 1 || operation == 9, jump = operation == 0 || operation == 8;
    insn->flow = call ? SC_FLOW_CALL : jump ? SC_FLOW_JUMP : SC_FLOW_RETURN;
    insn->indirect = call || jump;
    return true;
}

/* svc, hvc, smc; brk, hlt; dcps. */
static bool exception(uint32_t w, struct sc_insn *insn) {
    enum { FAST_FAIL = 0xf003 };
    if ((w & 0xff000000) != 0xd4000000)
        return false;
    unsigned operation = sc_bits(w, 21, 3);
    insn->flow = operation == 0                                     ? SC_FLOW_CALL
                 : operation == 1 && sc_bits(w, 5, 16) != FAST_FAIL ? SC_FLOW_TRAP
                                                                    : SC_FLOW_NO_MORE;
    return true;
}

static void fill_flow(uint32_t w, struct sc_insn *insn) {
    if ((w & 0x7c000000) == 0x14000000) /* b, bl */
        branch(insn, w >> 31 ? SC_FLOW_CALL : SC_FLOW_JUMP, sc_signed_bits(w, 0, 26));
    else if (conditional(w, insn) || through_register(w, insn) || exception(w, insn))
        return;
    else
        insn->flow = w >> 16 ? SC_FLOW_NEXT : SC_FLOW_NO_MORE; /* udf */
}

/* adr and adrp. */
static bool address_of(uint32_t w, struct sc_insn *insn) {
    if ((w & 0x1f000000) != 0x10000000)
        return false;
    uint64_t offset = (uint64_t)sc_signed_bits(w, 5, 19) << 2 | sc_bits(w, 29, 2);
    insn->has_constant = true;
    insn->constant =
        w >> 31 ? (insn->address & ~UINT64_C(0xfff)) + (offset << 12) : insn->address + offset;
    return true;
}

/* ---- decoding ---- */

static void decode(sc_disasm *disasm, const uint8_t *data, size_t size, bool text,
                   struct sc_insn *ret) {
    const struct arm64 *a = disasm->impl;
    char llvm[256];
    uint8_t word[4];
    ret->words = true;
    if (size < sizeof word)
        return;
    memcpy(word, data, sizeof word);
    uint32_t w = (uint32_t)word[0] | (uint32_t)word[1] << 8 | (uint32_t)word[2] << 16 |
                 (uint32_t)word[3] << 24;
    if (a->l.decode(a->context, word, sizeof word, ret->address, llvm, sizeof llvm) != sizeof word)
        return;
    ret->valid = true;
    fill_flow(w, ret);
    bool addresses = address_of(w, ret);
    sc_arm64_memory(w, ret);
    bool literal = ret->nmems && ret->mem[0].constant;
    if (text)
        sc_arm64_text(llvm, disasm, ret->has_target || addresses || literal,
                      ret->has_target ? ret->target
                      : addresses     ? ret->constant
                                      : ret->mem[0].address,
                      ret);
}

static void destroy(void *impl) {
    struct arm64 *a = impl;
    a->l.dispose(a->context);
    sc_disasm_library_close(a->library);
    free(a);
}

/* ---- the library ---- */

static sc_err *open_library(struct arm64 *a) {
    struct llvm *l = &a->l;
    const struct sc_disasm_want want[] = {
        {"LLVMInitializeAArch64TargetInfo", &l->target_info},
        {"LLVMInitializeAArch64TargetMC", &l->target_mc},
        {"LLVMInitializeAArch64Disassembler", &l->disassembler},
        {"LLVMCreateDisasmCPUFeatures", &l->create},
        {"LLVMSetDisasmOptions", &l->options},
        {"LLVMDisasmInstruction", &l->decode},
        {"LLVMDisasmDispose", &l->dispose},
    };
    sc_err *err =
        sc_disasm_library("libLLVM-14.so.1", want, sizeof want / sizeof *want, &a->library);
    return err ? sc_err_prefix(err, "ARM64 code is disassembled by LLVM (Debian's libllvm14)")
               : NULL;
}

/* Everything that a Windows machine may have: what it has not would still be recognised. */
static const char features[] = "+v8.7a,+crypto,+sha3,+sm4,+fullfp16,+fp16fml,+sve2,+mte,+rand,"
                               "+ssbs,+sb,+predres,+ls64,+bf16,+i8mm,+f32mm,+f64mm";

sc_err *sc_arm64_create(sc_disasm *disasm) {
    static const struct sc_disasm_ops ops = {4, 4, destroy, decode};
    struct arm64 *a = calloc(1, sizeof *a);
    if (!a)
        return sc_err_nomem();
    sc_err *err = open_library(a);
    if (err) {
        free(a);
        return err;
    }
    a->l.target_info();
    a->l.target_mc();
    a->l.disassembler();
    a->context = a->l.create("aarch64-pc-windows-msvc", "", features, NULL, 0, NULL, NULL);
    if (!a->context) {
        sc_disasm_library_close(a->library);
        free(a);
        return sc_errf(SC_ERR_UNSUPPORTED, "this LLVM was built without AArch64");
    }
    a->l.options(a->context, PRINT_IMMEDIATES_HEX);
    disasm->ops = &ops;
    disasm->impl = a;
    return NULL;
}
