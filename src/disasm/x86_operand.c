/* SPDX-License-Identifier: MIT */
/*
 * Operands of x86 and x64 as WinDbg writes them (MASM's syntax without blanks), learnt from
 * listings that people have published:
 *
 *     mov     rax,qword ptr [rsp+20h]            numbers below 10 bare, others hexadecimal with h
 *     add     esp,0FFFFFFF8h                     immediates unsigned in the operand's width
 *     lea     eax,[ebp-0A0h]                     displacements signed; lea without a size
 *     je      nt!KiPageFault+0x12 (fffff800`01234567)
 *     call    qword ptr [nt!_imp_HalRequest (fffff800`01234568)]
 *     mov     rax,qword ptr gs:[188h]            segments only where the instruction names one
 *     mov     eax,dword ptr fs:[00000018h]       the opcodes a0 … a3: digits as they stand
 *     mov     eax,dword ptr ds:[0FFDFF124h]      an absolute address of x86 without a name
 *     jmp     dword ptr app!main+0x148 (00401f00)[edx*4]     a displacement that has a name
 *     push    offset app!text (00402000)         an immediate that has one
 *     rep movs dword ptr es:[edi],dword ptr [esi]
 *     movsd   xmm0,mmword ptr [rsp+20h]          8 bytes for a vector register
 *     fadd    st,st(1)
 */
#include <string.h>

#include "disasm/x86_impl.h"

/* ---- numbers ---- */

static void put_number(struct sc_dtext *t, uint64_t value) {
    if (value < 10) {
        sc_dtext_char(t, (char)('0' + value));
        return;
    }
    unsigned shift = 60;
    while (!(value >> shift & 15))
        shift -= 4;
    if ((value >> shift & 15) > 9)
        sc_dtext_char(t, '0');
    sc_dtext_hex(t, value, 1, true);
    sc_dtext_char(t, 'h');
}

static uint64_t mask_bits(uint64_t value, unsigned bits) {
    return bits >= 64 || !bits ? value : value & ((UINT64_C(1) << bits) - 1);
}

/* ---- registers ---- */

static bool is_x87(ZydisRegister reg) {
    return reg >= ZYDIS_REGISTER_ST0 && reg <= ZYDIS_REGISTER_ST7;
}

/* "st" beside another x87 register, else "st(0)". */
static void put_x87(struct sc_dtext *t, ZydisRegister reg, bool pair) {
    sc_dtext_puts(t, "st");
    if (reg == ZYDIS_REGISTER_ST0 && pair)
        return;
    sc_dtext_char(t, '(');
    sc_dtext_char(t, (char)('0' + (reg - ZYDIS_REGISTER_ST0)));
    sc_dtext_char(t, ')');
}

static void put_register(const struct sc_x86_insn *x, struct sc_dtext *t, ZydisRegister reg) {
    if (is_x87(reg)) {
        put_x87(t, reg, x->in.operand_count_visible > 1);
        return;
    }
    const char *name = x->x86->z.reg(reg);
    sc_dtext_puts(t, name ? name : "?");
}

static bool is_vector(ZydisRegister reg) {
    return (reg >= ZYDIS_REGISTER_MM0 && reg <= ZYDIS_REGISTER_MM7) ||
           (reg >= ZYDIS_REGISTER_XMM0 && reg <= ZYDIS_REGISTER_ZMM31);
}

/* ---- memory ---- */

/* Does an 8-byte operand belong to a vector register, rather than hold an integer? */
static bool is_mmword(const struct sc_x86_insn *x) {
    switch (x->in.mnemonic) {
    case ZYDIS_MNEMONIC_CVTSI2SD:
    case ZYDIS_MNEMONIC_CVTSI2SS:
    case ZYDIS_MNEMONIC_VCVTSI2SD:
    case ZYDIS_MNEMONIC_VCVTSI2SS:
    case ZYDIS_MNEMONIC_VCVTUSI2SD:
    case ZYDIS_MNEMONIC_VCVTUSI2SS:
    case ZYDIS_MNEMONIC_PINSRQ:
    case ZYDIS_MNEMONIC_PEXTRQ:
    case ZYDIS_MNEMONIC_VPINSRQ:
    case ZYDIS_MNEMONIC_VPEXTRQ: return false;
    default: break;
    }
    for (unsigned i = 0; i < x->in.operand_count_visible; i++)
        if (x->op[i].type == ZYDIS_OPERAND_TYPE_REGISTER && is_vector(x->op[i].reg.value))
            return true;
    return false;
}

/* Structures of no one size, hints and mere addresses are written without a size. */
static bool has_no_size(const struct sc_x86_insn *x, const ZydisDecodedOperand *op) {
    ZydisInstructionCategory c = x->in.meta.category;
    if (op->mem.type == ZYDIS_MEMOP_TYPE_AGEN || op->mem.type == ZYDIS_MEMOP_TYPE_MIB)
        return true;
    return c == ZYDIS_CATEGORY_PREFETCH || c == ZYDIS_CATEGORY_PREFETCHWT1 ||
           c == ZYDIS_CATEGORY_XSAVE || c == ZYDIS_CATEGORY_XSAVEOPT ||
           c == ZYDIS_CATEGORY_CLFLUSHOPT || c == ZYDIS_CATEGORY_CLWB ||
           x->in.mnemonic == ZYDIS_MNEMONIC_CLFLUSH;
}

static const char *broadcast_size(unsigned bits) {
    return bits == 16 ? "word bcst " : bits == 64 ? "qword bcst " : "dword bcst ";
}

static const char *size_name(const struct sc_x86_insn *x, const ZydisDecodedOperand *op) {
    if (has_no_size(x, op))
        return "";
    if (x->in.avx.broadcast.mode != ZYDIS_BROADCAST_MODE_INVALID && !x->in.avx.broadcast.is_static)
        return broadcast_size(op->element_size);
    switch (op->size) {
    case 8: return "byte ptr ";
    case 16: return "word ptr ";
    case 32: return "dword ptr ";
    case 48: return "fword ptr ";
    case 64: return is_mmword(x) ? "mmword ptr " : "qword ptr ";
    case 80:
        /* lgdt and its like have a limit of 2 bytes and a base of 8, and are still written so. */
        return x->in.meta.category == ZYDIS_CATEGORY_SYSTEM ? "fword ptr " : "tbyte ptr ";
    case 128: return x->in.mnemonic == ZYDIS_MNEMONIC_CMPXCHG16B ? "oword ptr " : "xmmword ptr ";
    case 256: return "ymmword ptr ";
    case 512: return x->in.meta.category == ZYDIS_CATEGORY_MISC ? "" : "zmmword ptr ";
    default: return "";
    }
}

static const char *segment_given(const ZydisDecodedInstruction *in) {
    ZydisInstructionAttributes a = in->attributes;
    return !(a & ZYDIS_ATTRIB_HAS_SEGMENT)   ? NULL
           : a & ZYDIS_ATTRIB_HAS_SEGMENT_CS ? "cs:"
           : a & ZYDIS_ATTRIB_HAS_SEGMENT_SS ? "ss:"
           : a & ZYDIS_ATTRIB_HAS_SEGMENT_DS ? "ds:"
           : a & ZYDIS_ATTRIB_HAS_SEGMENT_ES ? "es:"
           : a & ZYDIS_ATTRIB_HAS_SEGMENT_FS ? "fs:"
                                             : "gs:";
}

/* fs and gs have bases of their own: an offset from them is no address. */
static bool is_based(const ZydisDecodedOperandMem *m) {
    return m->segment == ZYDIS_REGISTER_FS || m->segment == ZYDIS_REGISTER_GS;
}

/* The opcodes a0 … a3, whose operand is an offset without a ModRM byte. */
static bool is_moffs(const ZydisDecodedInstruction *in) {
    return in->opcode_map == ZYDIS_OPCODE_MAP_DEFAULT && in->opcode >= 0xa0 && in->opcode <= 0xa3;
}

/* Stands alone in the brackets: "[nt!Foo (fffff800`01234567)]", "fs:[18h]". */
static void put_constant(const struct sc_x86_insn *x, const sc_disasm *disasm,
                         const ZydisDecodedOperand *op, const struct sc_insn_mem *mem,
                         struct sc_dtext *t) {
    const char *segment = segment_given(&x->in);
    size_t start = t->len;
    bool relative = op->mem.base != ZYDIS_REGISTER_NONE;
    if (segment && (is_based(&op->mem) || !relative))
        sc_dtext_puts(t, segment);
    sc_dtext_char(t, '[');
    if (is_based(&op->mem) || !sc_dtext_name(t, disasm, mem->address)) {
        if (relative) {
            sc_dtext_addr(t, mem->address, disasm->ptr_size);
        } else {
            t->len = start;
            sc_dtext_puts(t, segment ? segment : "ds:");
            sc_dtext_char(t, '[');
            if (is_moffs(&x->in)) {
                sc_dtext_hex(t, mem->address, x->in.address_width / 4u, true);
                sc_dtext_char(t, 'h');
            } else {
                put_number(t, mem->address);
            }
        }
    }
    sc_dtext_char(t, ']');
}

/* "rsi+rdi*8"; returns whether anything was written. */
static bool put_registers(const struct sc_x86_insn *x, const ZydisDecodedOperandMem *m,
                          struct sc_dtext *t) {
    bool base = m->base != ZYDIS_REGISTER_NONE, index = m->index != ZYDIS_REGISTER_NONE;
    if (base)
        put_register(x, t, m->base);
    if (index) {
        if (base)
            sc_dtext_char(t, '+');
        put_register(x, t, m->index);
        if (m->scale > 1) {
            sc_dtext_char(t, '*');
            sc_dtext_char(t, (char)('0' + m->scale));
        }
    }
    return base || index;
}

static void put_displacement(const struct sc_x86_insn *x, const ZydisDecodedOperandMem *m,
                             struct sc_dtext *t) {
    int64_t disp = m->disp.value;
    if (!disp)
        return;
    sc_dtext_char(t, disp < 0 ? '-' : '+');
    put_number(t, mask_bits(disp < 0 ? -(uint64_t)disp : (uint64_t)disp, x->in.address_width));
}

static void put_memory(const struct sc_x86_insn *x, const sc_disasm *disasm,
                       const ZydisDecodedOperand *op, const struct sc_insn_mem *mem,
                       struct sc_dtext *t) {
    const ZydisDecodedOperandMem *m = &op->mem;
    sc_dtext_puts(t, size_name(x, op));
    if (mem->constant) {
        put_constant(x, disasm, op, mem, t);
        return;
    }
    const char *segment = segment_given(&x->in);
    bool destination = sc_x86_is_string(&x->in) && m->segment == ZYDIS_REGISTER_ES;
    if (destination)
        segment = disasm->cpu == SC_CPU_X86 ? "es:" : NULL;
    if (segment)
        sc_dtext_puts(t, segment);
    /* A table at a fixed address, indexed: only addresses of 32 bits fit a displacement whole. */
    bool whole = disasm->cpu == SC_CPU_X86 && x->in.raw.disp.size == 32 && !is_based(m);
    bool named = whole && sc_dtext_name(t, disasm, (uint32_t)m->disp.value);
    sc_dtext_char(t, '[');
    put_registers(x, m, t);
    if (!named)
        put_displacement(x, m, t);
    sc_dtext_char(t, ']');
}

/* ---- immediates ---- */

/* The width in which an immediate is shown: that of the operand it meets. */
static unsigned immediate_bits(const struct sc_x86_insn *x, const ZydisDecodedOperand *op) {
    if (!op->imm.is_signed)
        return 64;
    if (op != &x->op[0] && x->op[0].type == ZYDIS_OPERAND_TYPE_REGISTER)
        return x->op[0].size;
    if (op != &x->op[0] && x->op[0].type == ZYDIS_OPERAND_TYPE_MEMORY)
        return x->op[0].size;
    return x->in.operand_width;
}

uint64_t sc_x86_immediate(const struct sc_x86_insn *x, const ZydisDecodedOperand *op) {
    return mask_bits(op->imm.value.u, immediate_bits(x, op));
}

static void put_immediate(const struct sc_x86_insn *x, const sc_disasm *disasm,
                          const ZydisDecodedOperand *op, const struct sc_insn *insn,
                          struct sc_dtext *t) {
    if (op->imm.is_relative) {
        sc_dtext_place(t, disasm, insn->target);
        return;
    }
    uint64_t value = sc_x86_immediate(x, op);
    if (insn->has_constant && value == insn->constant) {
        size_t start = t->len;
        sc_dtext_puts(t, "offset ");
        if (sc_dtext_name(t, disasm, value))
            return;
        t->len = start;
        t->buf[start] = 0;
    }
    put_number(t, value);
}

static void put_pointer(const ZydisDecodedOperand *op, struct sc_dtext *t) {
    sc_dtext_hex(t, op->ptr.segment, 4, true);
    sc_dtext_char(t, ':');
    sc_dtext_hex(t, op->ptr.offset, 8, true);
}

/* ---- all ---- */

/* AVX-512: the mask and its zeroing behind the first operand. */
static void put_mask(const struct sc_x86_insn *x, struct sc_dtext *t) {
    const ZydisDecodedInstructionAvx *avx = &x->in.avx;
    if (avx->mask.mode < ZYDIS_MASK_MODE_MERGING)
        return;
    sc_dtext_char(t, '{');
    put_register(x, t, avx->mask.reg);
    sc_dtext_char(t, '}');
    if (avx->mask.mode == ZYDIS_MASK_MODE_ZEROING ||
        avx->mask.mode == ZYDIS_MASK_MODE_CONTROL_ZEROING)
        sc_dtext_puts(t, "{z}");
}

static void put_rounding(const struct sc_x86_insn *x, struct sc_dtext *t) {
    static const char *const names[] = {"", ",{rn-sae}", ",{rd-sae}", ",{ru-sae}", ",{rz-sae}"};
    const ZydisDecodedInstructionAvx *avx = &x->in.avx;
    if (avx->rounding.mode <= ZYDIS_ROUNDING_MODE_RZ)
        sc_dtext_puts(t, names[avx->rounding.mode]);
    if (avx->has_sae && avx->rounding.mode == ZYDIS_ROUNDING_MODE_INVALID)
        sc_dtext_puts(t, ",{sae}");
}

/* Operands that the mnemonic stands for: true when they have been written. */
static bool put_implied(const struct sc_x86_insn *x, struct sc_dtext *t) {
    const ZydisDecodedInstruction *in = &x->in;
    const char *text = in->mnemonic == ZYDIS_MNEMONIC_INT3   ? "3"
                       : in->mnemonic == ZYDIS_MNEMONIC_INT1 ? "1"
                                                             : NULL;
    bool exchange = in->mnemonic == ZYDIS_MNEMONIC_NOP && in->opcode == 0x90 &&
                    in->opcode_map == ZYDIS_OPCODE_MAP_DEFAULT;
    if (exchange && in->operand_width == 16)
        text = "ax,ax";
    if (exchange && in->operand_width == 64)
        text = "rax,rax";
    if (text)
        sc_dtext_puts(t, text);
    return text;
}

/* How many operands to look at; of the hidden ones of string instructions some are shown. */
static unsigned operand_count(const ZydisDecodedInstruction *in) {
    if (in->meta.category == ZYDIS_CATEGORY_WIDENOP)
        return 1;
    return sc_x86_is_string(in) ? in->operand_count : in->operand_count_visible;
}

/*
 * String instructions show their memory and the port, not the accumulator, the counter and what
 * else they change. AVX-512's mask is shown with the first operand.
 */
static bool is_hidden(const struct sc_x86_insn *x, unsigned i) {
    const ZydisDecodedOperand *op = &x->op[i];
    if (op->type != ZYDIS_OPERAND_TYPE_REGISTER)
        return false;
    if (sc_x86_is_string(&x->in))
        return op->reg.value != ZYDIS_REGISTER_DX;
    return op->encoding == ZYDIS_OPERAND_ENCODING_MASK;
}

void sc_x86_operands(const struct sc_x86_insn *x, const sc_disasm *disasm,
                     const struct sc_insn *insn, struct sc_dtext *t) {
    if (put_implied(x, t))
        return;
    unsigned n = operand_count(&x->in), mem = 0;
    bool first = true;
    for (unsigned i = 0; i < n; i++) {
        const ZydisDecodedOperand *op = &x->op[i];
        if (is_hidden(x, i) || (op->type == ZYDIS_OPERAND_TYPE_MEMORY && mem == SC_INSN_MEMS))
            continue;
        if (!first)
            sc_dtext_char(t, ',');
        switch (op->type) {
        case ZYDIS_OPERAND_TYPE_REGISTER: put_register(x, t, op->reg.value); break;
        case ZYDIS_OPERAND_TYPE_MEMORY: put_memory(x, disasm, op, &insn->mem[mem++], t); break;
        case ZYDIS_OPERAND_TYPE_IMMEDIATE: put_immediate(x, disasm, op, insn, t); break;
        case ZYDIS_OPERAND_TYPE_POINTER: put_pointer(op, t); break;
        default: break;
        }
        if (first)
            put_mask(x, t);
        first = false;
    }
    put_rounding(x, t);
}
