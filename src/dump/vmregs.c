/* SPDX-License-Identifier: MIT */
/*
 * Registers of virtual machines: a CONTEXT made from what the machine's state names.
 *
 * ContextFlags stand at +0x30 of x64's CONTEXT and first in the others. FXSAVE areas are what the
 * processor writes (Intel SDM vol. 1, 10.5): x64's CONTEXT holds one at +0x100 and x86's at +0xcc,
 * as it is; MXCSR (+0x18 of it) has a copy at +0x34 of x64's.
 *
 * KPRCB inside KPCR: +0x180 (x64) and +0x120 (x86), in every build.
 */
#include "dump/vmregs.h"

#include <string.h>

enum { FXSAVE_SIZE = 0x200, EXTENDED = 32 };

static void put(uint8_t *at, unsigned size, uint64_t value) {
    for (unsigned i = 0; i < size; i++)
        at[i] = (uint8_t)(value >> (8 * i));
}

static unsigned flags_at(enum sc_cpu cpu) { return cpu == SC_CPU_X64 ? 0x30 : 0; }

static uint32_t mark_of(enum sc_cpu cpu) {
    return cpu == SC_CPU_X86 ? 0x10000 : cpu == SC_CPU_X64 ? 0x100000 : 0x400000;
}

static unsigned no_segments(unsigned groups) {
    /* ARM64 has no segments: its bits are control, integer, floats, debug. */
    return (groups & 3) | (groups & (SC_VM_FLOATS | SC_VM_DEBUG)) >> 1;
}

void sc_vm_regs_init(struct sc_regs *ret_regs, enum sc_cpu cpu, unsigned groups) {
    memset(ret_regs, 0, sizeof *ret_regs);
    ret_regs->cpu = cpu;
    ret_regs->size = (uint32_t)sc_context_size(cpu);
    if (cpu == SC_CPU_ARM64)
        groups = no_segments(groups);
    put(ret_regs->raw + flags_at(cpu), 4, mark_of(cpu) | groups);
}

void sc_vm_regs_set(struct sc_regs *regs, const char *name, uint64_t value) {
    const struct sc_reg *reg = sc_reg_find(regs->cpu, name);
    if (reg)
        sc_reg_set(regs, reg, value);
}

static uint64_t get(struct sc_cur *c, unsigned size) {
    switch (size) {
    case 2: return sc_u16(c);
    case 4: return sc_u32(c);
    default: return sc_u64(c);
    }
}

sc_err *sc_vm_regs_read(struct sc_regs *regs, const sc_file *file, uint64_t offset, uint64_t size,
                        const struct sc_vm_reg *table, size_t count) {
    struct sc_cur c = sc_cur_at(file, offset, size, "processor state");
    for (size_t i = 0; i < count; i++) {
        const char *name = regs->cpu == SC_CPU_X86 ? table[i].x86 : table[i].x64;
        if (!name)
            continue;
        sc_cur_seek(&c, offset + table[i].offset);
        sc_vm_regs_set(regs, name, get(&c, table[i].size));
    }
    return sc_cur_failed(&c) ? sc_cur_err(&c) : NULL;
}

sc_err *sc_vm_regs_fxsave(struct sc_regs *regs, const sc_file *file, uint64_t offset) {
    uint8_t area[FXSAVE_SIZE];
    sc_err *err = sc_file_read(file, offset, area, sizeof area);
    if (err)
        return err;
    bool x64 = regs->cpu == SC_CPU_X64;
    memcpy(regs->raw + (x64 ? 0x100 : 0xcc), area, sizeof area);
    if (x64)
        memcpy(regs->raw + 0x34, area + 0x18, 4);
    regs->raw[flags_at(regs->cpu)] |= x64 ? SC_VM_FLOATS : EXTENDED;
    return NULL;
}

/* The KPCR's address, 0 unknown. */
static uint64_t pcr_of(const struct sc_vm_cpu *cpu) {
    if (cpu->cpu == SC_CPU_X86)
        return cpu->cpl == 0 && cpu->fs_base >> 31 == 1 ? cpu->fs_base : 0;
    if (cpu->cpu != SC_CPU_X64)
        return 0;
    /* Between an interrupt and swapgs the two are not yet swapped, so the address decides. */
    uint64_t first = cpu->cpl ? cpu->kernel_gs_base : cpu->gs_base;
    uint64_t other = cpu->cpl ? cpu->gs_base : cpu->kernel_gs_base;
    return first >> 63 ? first : other >> 63 ? other : 0;
}

void sc_vm_thread(const struct sc_vm_cpu *cpu, uint32_t index, struct sc_thread *ret_thread) {
    uint64_t pcr = pcr_of(cpu);
    *ret_thread = (struct sc_thread){
        .index = index,
        .context_off = SC_UNSET64,
        .dtb = cpu->cr3,
        .cr4 = cpu->cr4,
        .idt = cpu->idt,
        .gs_base = cpu->gs_base,
        .kernel_gs_base = cpu->kernel_gs_base,
        .prcb = pcr ? pcr + (cpu->cpu == SC_CPU_X64 ? 0x180 : 0x120) : 0,
        .create_time = SC_UNSET64,
        .exit_time = SC_UNSET64,
        .kernel_time = SC_UNSET64,
        .user_time = SC_UNSET64,
    };
}
