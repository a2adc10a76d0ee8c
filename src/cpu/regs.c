/* SPDX-License-Identifier: MIT */
/*
 * Register contexts: the CONTEXT record kept byte for byte, and its registers by name through the
 * tables of x86.c, x64.c, arm64.c and arm.c.
 *
 * All CONTEXT records have a ContextFlags word: one high bit names the CPU, low bits name the
 * groups that are filled. A register counts as present when the CPU's bit and its group's bit are
 * set and its bytes lie inside what the dump gave. Records of ARM that Breakpad made have no group
 * for control registers, and those of 32 bits another bit for the CPU (facts from its public
 * minidump_cpu_arm.h and _arm64.h). Values can be read all the same: a debugger
 * shows what is there, and says so when the record claims less.
 */
#include "stopcode/regs.h"

#include <string.h>

#include "base/utf.h"
#include "cpu/cpu.h"

static const struct sc_cpu_layout *layout_of(enum sc_cpu cpu) {
    switch (cpu) {
    case SC_CPU_X86: return &sc_cpu_x86;
    case SC_CPU_X64: return &sc_cpu_x64;
    case SC_CPU_ARM: return &sc_cpu_arm;
    case SC_CPU_ARM64: return &sc_cpu_arm64;
    case SC_CPU_UNKNOWN:
    case SC_CPU_IA64:
    case SC_CPU_OTHER: break;
    }
    return NULL;
}

const char *sc_cpu_name(enum sc_cpu cpu) {
    switch (cpu) {
    case SC_CPU_X86: return "x86";
    case SC_CPU_X64: return "x64";
    case SC_CPU_ARM: return "ARM";
    case SC_CPU_ARM64: return "ARM64";
    case SC_CPU_IA64: return "IA64";
    case SC_CPU_OTHER: return "other";
    case SC_CPU_UNKNOWN: break;
    }
    return "unknown";
}

unsigned sc_cpu_ptr_size(enum sc_cpu cpu) {
    switch (cpu) {
    case SC_CPU_X86:
    case SC_CPU_ARM: return 4;
    case SC_CPU_X64:
    case SC_CPU_ARM64:
    case SC_CPU_IA64:
    case SC_CPU_OTHER: return 8; /* wide enough for whatever it is */
    case SC_CPU_UNKNOWN: break;
    }
    return 0;
}

size_t sc_context_size(enum sc_cpu cpu) {
    const struct sc_cpu_layout *l = layout_of(cpu);
    return l ? l->size : 0;
}

sc_err *sc_regs_init(struct sc_regs *ret_regs, enum sc_cpu cpu, const void *context, size_t size) {
    const struct sc_cpu_layout *l = layout_of(cpu);
    if (!l)
        return sc_errf(SC_ERR_UNSUPPORTED, "no register layout is known for this CPU (%s)",
                       sc_cpu_name(cpu));
    if (size < l->least)
        return sc_errf(SC_ERR_FORMAT,
                       "context record of 0x%zx bytes is too short for %s: the integer registers "
                       "end at 0x%zx",
                       size, sc_cpu_name(cpu), l->least);
    if (size > l->size)
        size = l->size;
    memset(ret_regs, 0, sizeof *ret_regs);
    ret_regs->cpu = cpu;
    ret_regs->size = (uint32_t)size;
    memcpy(ret_regs->raw, context, size);
    return NULL;
}

const struct sc_reg *sc_reg_table(enum sc_cpu cpu, size_t *ret_count) {
    const struct sc_cpu_layout *l = layout_of(cpu);
    if (!l)
        return NULL;
    *ret_count = l->nregs;
    return l->reg;
}

const struct sc_reg *sc_reg_find(enum sc_cpu cpu, const char *name) {
    const struct sc_cpu_layout *l = layout_of(cpu);
    if (!l)
        return NULL;
    name += *name == '@';
    for (size_t i = 0; i < l->nregs; i++)
        if (!sc_strcasecmp(l->reg[i].name, name))
            return &l->reg[i];
    return NULL;
}

static uint64_t load(const uint8_t *p, unsigned size) {
    uint64_t value = 0;
    for (unsigned i = 0; i < size && i < 8; i++)
        value |= (uint64_t)p[i] << (8 * i);
    return value;
}

static void store(uint8_t *p, unsigned size, uint64_t value) {
    for (unsigned i = 0; i < size && i < 8; i++)
        p[i] = (uint8_t)(value >> (8 * i));
}

uint32_t sc_regs_context_flags(const struct sc_regs *regs) {
    const struct sc_cpu_layout *l = layout_of(regs->cpu);
    return l ? (uint32_t)load(regs->raw + l->context_flags, 4) : 0;
}

bool sc_reg_present(const struct sc_regs *regs, const struct sc_reg *reg) {
    const struct sc_cpu_layout *l = layout_of(regs->cpu);
    uint32_t flags = sc_regs_context_flags(regs);
    if (l && l->joined && flags & 2)
        flags |= 1;
    return l && (flags & (l->mark | l->foreign)) && flags >> reg->group & 1 &&
           (uint32_t)reg->offset + reg->size <= regs->size;
}

static uint64_t field_mask(const struct sc_reg *reg) { return (UINT64_C(1) << reg->bits) - 1; }

uint64_t sc_reg_value(const struct sc_regs *regs, const struct sc_reg *reg) {
    uint64_t value = load(regs->raw + reg->offset, reg->size);
    return reg->bits ? value >> reg->bit & field_mask(reg) : value;
}

void sc_reg_bytes(const struct sc_regs *regs, const struct sc_reg *reg, void *ret) {
    if (reg->bits)
        store(ret, reg->size, sc_reg_value(regs, reg));
    else
        memcpy(ret, regs->raw + reg->offset, reg->size);
}

void sc_reg_set(struct sc_regs *regs, const struct sc_reg *reg, uint64_t value) {
    uint8_t *at = regs->raw + reg->offset;
    if (reg->size > 8)
        return;
    if (reg->bits) {
        uint64_t mask = field_mask(reg) << reg->bit;
        value = (load(at, reg->size) & ~mask) | (value << reg->bit & mask);
    }
    store(at, reg->size, value);
}

bool sc_regs_get(const struct sc_regs *regs, const char *name, uint64_t *ret_value) {
    const struct sc_reg *reg = sc_reg_find(regs->cpu, name);
    if (!reg || !sc_reg_present(regs, reg))
        return false;
    *ret_value = sc_reg_value(regs, reg);
    return true;
}

static uint64_t slot(const struct sc_regs *regs, const struct sc_cpu_slot *at) {
    return load(regs->raw + at->offset, at->size);
}

uint64_t sc_regs_ip(const struct sc_regs *regs) {
    const struct sc_cpu_layout *l = layout_of(regs->cpu);
    return l ? slot(regs, &l->ip) : 0;
}

uint64_t sc_regs_sp(const struct sc_regs *regs) {
    const struct sc_cpu_layout *l = layout_of(regs->cpu);
    return l ? slot(regs, &l->sp) : 0;
}

uint64_t sc_regs_fp(const struct sc_regs *regs) {
    const struct sc_cpu_layout *l = layout_of(regs->cpu);
    return l ? slot(regs, &l->fp) : 0;
}

uint32_t sc_regs_flags(const struct sc_regs *regs) {
    const struct sc_cpu_layout *l = layout_of(regs->cpu);
    return l ? (uint32_t)slot(regs, &l->flags) : 0;
}
