/* SPDX-License-Identifier: MIT */
/*
 * The disassembler: which CPU has which decoder, and what an instruction means for a set of
 * registers. Decoding is x86.c's and arm64.c's, text is text.c's.
 */
#include <stdlib.h>
#include <string.h>

#include "disasm/disasm_impl.h"

sc_err *sc_disasm_create(enum sc_cpu cpu, sc_disasm **ret_disasm) {
    bool x86 = cpu == SC_CPU_X86 || cpu == SC_CPU_X64;
    if (!x86 && cpu != SC_CPU_ARM64)
        return sc_errf(SC_ERR_UNSUPPORTED, "there is no disassembler for this CPU (%s)",
                       sc_cpu_name(cpu));
    sc_disasm *d = calloc(1, sizeof *d);
    if (!d)
        return sc_err_nomem();
    d->cpu = cpu;
    d->ptr_size = sc_cpu_ptr_size(cpu);
    sc_err *err = x86 ? sc_x86_create(d) : sc_arm64_create(d);
    if (err) {
        free(d);
        return err;
    }
    *ret_disasm = d;
    return NULL;
}

void sc_disasm_destroy(sc_disasm *disasm) {
    if (!disasm)
        return;
    disasm->ops->destroy(disasm->impl);
    free(disasm);
}

void sc_disasm_set_namer(sc_disasm *disasm, sc_disasm_name_fn fn, void *ctx) {
    disasm->name = fn;
    disasm->name_ctx = ctx;
}

unsigned sc_disasm_max(const sc_disasm *disasm) { return disasm->ops->max; }
unsigned sc_disasm_min(const sc_disasm *disasm) { return disasm->ops->min; }

/* All but the texts is cleared, which would take longer than decoding. */
static void decode(sc_disasm *d, uint64_t addr, const void *data, size_t size, bool text,
                   struct sc_insn *ret) {
    if (size > d->ops->max)
        size = d->ops->max;
    memset(ret, 0, offsetof(struct sc_insn, mnemonic));
    ret->mnemonic[0] = ret->operands[0] = 0;
    ret->address = addr;
    ret->length = (uint8_t)(size < d->ops->min ? size : d->ops->min);
    ret->flow = SC_FLOW_NO_MORE;
    memcpy(ret->byte, data, size);
    d->ops->decode(d, ret->byte, size, text, ret);
    memset(ret->byte + ret->length, 0, sizeof ret->byte - ret->length);
    if (text && !ret->valid)
        memcpy(ret->mnemonic, "???", 4);
}

void sc_disasm_decode(sc_disasm *disasm, uint64_t addr, const void *data, size_t size,
                      struct sc_insn *ret_insn) {
    decode(disasm, addr, data, size, true, ret_insn);
}

void sc_disasm_scan(sc_disasm *disasm, uint64_t addr, const void *data, size_t size,
                    struct sc_insn *ret_insn) {
    decode(disasm, addr, data, size, false, ret_insn);
}

/* ---- with registers ---- */

static uint64_t wrap(uint64_t value, unsigned bytes) {
    return bytes >= 8 || !bytes ? value : value & ((UINT64_C(1) << 8 * bytes) - 1);
}

static uint64_t extended(uint64_t value, int how) {
    return how < 0 ? (uint64_t)(int64_t)(int32_t)value : how > 0 ? value & UINT32_MAX : value;
}

bool sc_insn_mem_address(const struct sc_insn_mem *mem, const struct sc_regs *regs,
                         uint64_t *ret_addr) {
    uint64_t sum = mem->post ? 0 : (uint64_t)mem->disp, value;
    if (mem->constant) {
        *ret_addr = mem->address;
        return true;
    }
    if (mem->base) {
        if (!sc_regs_get(regs, mem->base, &value))
            return false;
        sum += value;
    }
    if (mem->index) {
        if (!sc_regs_get(regs, mem->index, &value))
            return false;
        sum += extended(value, mem->extend) * mem->scale;
    }
    *ret_addr = wrap(sum, mem->address_size);
    return true;
}

/* A condition is a question (code without its lowest bit) or its contrary. */
static bool x86_condition(uint32_t flags, unsigned code) {
    bool cf = flags & 1, pf = flags & 4, zf = flags & 0x40, sf = flags & 0x80, of = flags & 0x800;
    const bool ask[8] = {of, cf, zf, cf || zf, sf, pf, sf != of, zf || sf != of};
    return ask[code >> 1 & 7] != (code & 1);
}

static bool arm_condition(uint32_t flags, unsigned code) {
    bool n = flags >> 31, z = flags >> 30 & 1, c = flags >> 29 & 1, v = flags >> 28 & 1;
    const bool ask[8] = {z, c, n, v, c && !z, n == v, n == v && !z, true};
    return code >= 14 || ask[code >> 1 & 7] != (code & 1);
}

bool sc_insn_taken(const struct sc_insn *insn, const struct sc_regs *regs, bool *ret_taken) {
    uint32_t flags = sc_regs_flags(regs);
    uint64_t value = 0;
    bool taken = false;
    if (insn->cond == SC_COND_NONE)
        return false;
    if (insn->cond_reg && !sc_regs_get(regs, insn->cond_reg, &value))
        return false;
    switch (insn->cond) {
    case SC_COND_X86: taken = x86_condition(flags, insn->cond_code); break;
    case SC_COND_COUNT: taken = value == 0; break;
    case SC_COND_LOOP:
        taken = value != 1 && (!insn->cond_code || ((flags & 0x40) != 0) == (insn->cond_code == 1));
        break;
    case SC_COND_ARM: taken = arm_condition(flags, insn->cond_code); break;
    case SC_COND_ZERO: taken = (value != 0) == (insn->cond_code == 1); break;
    case SC_COND_BIT: taken = (value >> (insn->cond_bit & 63) & 1) == insn->cond_code; break;
    case SC_COND_NONE: break;
    }
    *ret_taken = taken;
    return true;
}
