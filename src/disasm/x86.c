/* SPDX-License-Identifier: MIT */
/*
 * x86 and x64: from what Zydis decodes to our record: where control goes, what memory is touched,
 * which addresses are in the instruction. Its text is x86_mnemonic.c's and x86_operand.c's.
 */
#include <stdlib.h>
#include <string.h>

#include "disasm/x86_impl.h"

/* ---- memory operands ---- */

/* Zydis's names of the general registers are the register tables'. Vectors (gathers) have none. */
static const char *register_name(const struct sc_x86 *x86, ZydisRegister reg) {
    return reg == ZYDIS_REGISTER_NONE ? NULL : x86->z.reg(reg);
}

static bool is_ip(ZydisRegister reg) {
    return reg == ZYDIS_REGISTER_RIP || reg == ZYDIS_REGISTER_EIP || reg == ZYDIS_REGISTER_IP;
}

static bool has_override(const ZydisDecodedInstruction *in) {
    return in->attributes & ZYDIS_ATTRIB_HAS_SEGMENT;
}

static uint64_t wrap(uint64_t value, unsigned bits) {
    return bits >= 64 ? value : value & ((UINT64_C(1) << bits) - 1);
}

static void fill_memory(const struct sc_x86_insn *x, const ZydisDecodedOperand *op,
                        const struct sc_insn *insn, struct sc_insn_mem *ret) {
    const ZydisDecodedOperandMem *m = &op->mem;
    bool touched = m->type == ZYDIS_MEMOP_TYPE_MEM || m->type == ZYDIS_MEMOP_TYPE_VSIB;
    bool hint = x->in.meta.category == ZYDIS_CATEGORY_PREFETCH ||
                x->in.meta.category == ZYDIS_CATEGORY_WIDENOP;
    ret->base = is_ip(m->base) ? NULL : register_name(x->x86, m->base);
    ret->index = register_name(x->x86, m->index);
    ret->scale = ret->index ? m->scale : 0;
    ret->segment = register_name(x->x86, m->segment);
    ret->override = has_override(&x->in);
    ret->disp = m->disp.value;
    ret->address_size = (uint8_t)(x->in.address_width / 8);
    ret->size = touched && !hint ? op->size / 8 : 0;
    ret->read = touched && !hint && op->actions & ZYDIS_OPERAND_ACTION_MASK_READ;
    ret->write = touched && !hint && op->actions & ZYDIS_OPERAND_ACTION_MASK_WRITE;
    ret->constant = !ret->base && !ret->index;
    if (ret->constant) {
        uint64_t from = is_ip(m->base) ? insn->address + insn->length : 0;
        ret->address = wrap(from + (uint64_t)m->disp.value, x->in.address_width);
    }
}

static void fill_memories(const struct sc_x86_insn *x, struct sc_insn *insn) {
    bool string = sc_x86_is_string(&x->in);
    unsigned n = string ? x->in.operand_count : x->in.operand_count_visible;
    for (unsigned i = 0; i < n && insn->nmems < SC_INSN_MEMS; i++)
        if (x->op[i].type == ZYDIS_OPERAND_TYPE_MEMORY)
            fill_memory(x, &x->op[i], insn, &insn->mem[insn->nmems++]);
}

/* ---- where control goes ---- */

/* The order of the opcodes: 70+code, 0f 80+code. */
static bool condition_code(ZydisMnemonic mnemonic, uint8_t *ret_code) {
    static const ZydisMnemonic order[16] = {
        ZYDIS_MNEMONIC_JO, ZYDIS_MNEMONIC_JNO, ZYDIS_MNEMONIC_JB,  ZYDIS_MNEMONIC_JNB,
        ZYDIS_MNEMONIC_JZ, ZYDIS_MNEMONIC_JNZ, ZYDIS_MNEMONIC_JBE, ZYDIS_MNEMONIC_JNBE,
        ZYDIS_MNEMONIC_JS, ZYDIS_MNEMONIC_JNS, ZYDIS_MNEMONIC_JP,  ZYDIS_MNEMONIC_JNP,
        ZYDIS_MNEMONIC_JL, ZYDIS_MNEMONIC_JNL, ZYDIS_MNEMONIC_JLE, ZYDIS_MNEMONIC_JNLE};
    for (uint8_t i = 0; i < 16; i++)
        if (order[i] == mnemonic) {
            *ret_code = i;
            return true;
        }
    return false;
}

static const char *count_register(const ZydisDecodedInstruction *in) {
    return in->address_width == 64 ? "rcx" : in->address_width == 32 ? "ecx" : "cx";
}

static void fill_condition(const ZydisDecodedInstruction *in, struct sc_insn *insn) {
    if (condition_code(in->mnemonic, &insn->cond_code)) {
        insn->cond = SC_COND_X86;
        return;
    }
    insn->cond_reg = count_register(in);
    switch (in->mnemonic) {
    case ZYDIS_MNEMONIC_LOOP: insn->cond = SC_COND_LOOP; break;
    case ZYDIS_MNEMONIC_LOOPE:
        insn->cond = SC_COND_LOOP;
        insn->cond_code = 1;
        break;
    case ZYDIS_MNEMONIC_LOOPNE:
        insn->cond = SC_COND_LOOP;
        insn->cond_code = 2;
        break;
    case ZYDIS_MNEMONIC_JCXZ:
    case ZYDIS_MNEMONIC_JECXZ:
    case ZYDIS_MNEMONIC_JRCXZ: insn->cond = SC_COND_COUNT; break;
    default: insn->cond_reg = NULL; /* xbegin */
    }
}

static enum sc_flow interrupt_flow(const struct sc_x86_insn *x) {
    enum { FAST_FAIL = 0x29 };
    if (x->in.mnemonic == ZYDIS_MNEMONIC_INT && x->op[0].imm.value.u == FAST_FAIL)
        return SC_FLOW_NO_MORE;
    return SC_FLOW_TRAP;
}

static enum sc_flow flow_of(const struct sc_x86_insn *x) {
    switch (x->in.meta.category) {
    case ZYDIS_CATEGORY_CALL:
    case ZYDIS_CATEGORY_SYSCALL: return SC_FLOW_CALL;
    case ZYDIS_CATEGORY_UNCOND_BR: return SC_FLOW_JUMP;
    case ZYDIS_CATEGORY_COND_BR: return SC_FLOW_BRANCH;
    case ZYDIS_CATEGORY_RET:
    case ZYDIS_CATEGORY_SYSRET: return SC_FLOW_RETURN;
    case ZYDIS_CATEGORY_INTERRUPT: return interrupt_flow(x);
    default: break;
    }
    ZydisMnemonic m = x->in.mnemonic;
    bool undefined = m == ZYDIS_MNEMONIC_UD0 || m == ZYDIS_MNEMONIC_UD1 || m == ZYDIS_MNEMONIC_UD2;
    return undefined ? SC_FLOW_NO_MORE : SC_FLOW_NEXT;
}

static void fill_flow(const struct sc_x86_insn *x, struct sc_insn *insn) {
    insn->flow = flow_of(x);
    if (insn->flow == SC_FLOW_BRANCH)
        fill_condition(&x->in, insn);
    if (insn->flow != SC_FLOW_CALL && insn->flow != SC_FLOW_JUMP && insn->flow != SC_FLOW_BRANCH)
        return;
    const ZydisDecodedOperand *op = &x->op[0];
    bool relative = x->in.operand_count_visible && op->type == ZYDIS_OPERAND_TYPE_IMMEDIATE &&
                    op->imm.is_relative;
    insn->has_target = relative;
    insn->indirect = x->in.operand_count_visible && !relative;
    if (relative)
        insn->target = wrap(insn->address + insn->length + op->imm.value.u,
                            x->in.machine_mode == ZYDIS_MACHINE_MODE_LONG_64 ? 64
                            : x->in.operand_width == 16                      ? 16
                                                                             : 32);
}

/* ---- decoding ---- */

/* An immediate that is wide enough to be an address. */
static void fill_constant(const struct sc_x86_insn *x, struct sc_insn *insn) {
    if (x->in.raw.imm[0].size < 32 || x->in.raw.imm[0].is_relative)
        return;
    for (unsigned i = 0; i < x->in.operand_count_visible; i++)
        if (x->op[i].type == ZYDIS_OPERAND_TYPE_IMMEDIATE) {
            insn->has_constant = true;
            insn->constant = sc_x86_immediate(x, &x->op[i]);
            return;
        }
}

static void decode(sc_disasm *disasm, const uint8_t *data, size_t size, bool text,
                   struct sc_insn *ret) {
    struct sc_x86_insn x;
    const struct sc_x86 *x86 = disasm->impl;
    ZydisDecoderContext context;
    x.x86 = x86;
    if (!ZYAN_SUCCESS(x86->z.instruction(&x86->decoder, &context, data, size, &x.in)))
        return;
    if (!ZYAN_SUCCESS(x86->z.operands(&x86->decoder, &context, &x.in, x.op, x.in.operand_count)))
        return;
    ret->valid = true;
    ret->length = x.in.length;
    fill_flow(&x, ret);
    fill_memories(&x, ret);
    fill_constant(&x, ret);
    if (!text)
        return;
    struct sc_dtext t;
    sc_dtext_init(&t, ret->mnemonic, sizeof ret->mnemonic);
    sc_x86_mnemonic(&x, &t);
    sc_dtext_init(&t, ret->operands, sizeof ret->operands);
    sc_x86_operands(&x, disasm, ret, &t);
}

static void destroy(void *impl) {
    struct sc_x86 *x86 = impl;
    sc_disasm_library_close(x86->library);
    free(x86);
}

sc_err *sc_x86_create(sc_disasm *disasm) {
    static const struct sc_disasm_ops ops = {ZYDIS_MAX_INSTRUCTION_LENGTH, 1, destroy, decode};
    struct sc_x86 *x86 = calloc(1, sizeof *x86);
    if (!x86)
        return sc_err_nomem();
    sc_err *err = sc_zydis_open(x86);
    if (err) {
        free(x86);
        return err;
    }
    bool x64 = disasm->cpu == SC_CPU_X64;
    x86->z.init(&x86->decoder, x64 ? ZYDIS_MACHINE_MODE_LONG_64 : ZYDIS_MACHINE_MODE_LEGACY_32,
                x64 ? ZYDIS_STACK_WIDTH_64 : ZYDIS_STACK_WIDTH_32);
    disasm->ops = &ops;
    disasm->impl = x86;
    return NULL;
}
