/* SPDX-License-Identifier: MIT */
/*
 * The processors of an ELF core: registers in three forms, offsets inside the note's data.
 *
 * QEMUCPUState (0x1b8 bytes; +0x00 u32 version 1, +0x04 u32 size: later fields are there when size
 * reaches them; version stays):
 *
 *   +0x008 rax rbx rcx rdx rsi rdi rsp rbp r8 … r15   +0x088 rip   +0x090 rflags
 *   +0x098 segments of 0x18 bytes: cs ds es fs gs ss ldt tr gdt idt
 *          +0x00 u32 selector +0x04 u32 limit +0x08 u32 flags +0x10 u64 base
 *   +0x188 cr0 … cr4   +0x1b0 kernel_gs_base (QEMU 3.1 on)
 *
 * DBGFCORECPU of VirtualBox (0x2240 bytes in format 0x10005):
 *
 *   +0x000 rax rbx rcx rdx rsi rdi r8 … r15   +0x070 rip rsp rbp rflags
 *   +0x090 segments of 0x18 bytes: cs ds es fs gs ss
 *          +0x00 u64 base +0x08 u32 limit +0x0c u32 attributes +0x10 u16 selector
 *   +0x120 cr0 cr2 cr3 cr4   +0x140 dr0 … dr7
 *   +0x180 gdtr, +0x190 idtr: u64 address, u32 limit   +0x1a0 ldtr   +0x1b8 tr
 *   +0x1d0 SYSENTER cs eip esp   +0x1e8 EFER STAR PAT LSTAR CSTAR SFMASK
 *   +0x218 KERNEL_GS_BASE, APIC_BASE, (TSC_AUX since 0x10006), xcr0, xcr1, (u32 cbExt, u32 0)
 *   then an XSAVE area of 0x2000 bytes that ends the record, FXSAVE area first; its beginning
 *   differs by the writer's compiler, which aligns it to 8 or to 16
 *
 * Formats 0x10000 and 0x10001 held VirtualBox' own CPUMCTX, which changed with every version:
 * their registers are not read. That 0x10002 is the first with DBGFCORECPU is a guess.
 *
 * NT_PRSTATUS (Linux' struct elf_prstatus), for what has no other state:
 *
 *   x64 (0x150)    +0x70 r15 r14 r13 r12 rbp rbx r11 r10 r9 r8 rax rcx rdx rsi rdi orig_rax
 *                  +0xf0 rip cs eflags rsp ss fs_base gs_base ds es fs gs
 *   x86 (0x90)     +0x48 ebx ecx edx esi edi ebp eax ds es fs gs orig_eax eip cs eflags esp ss
 *   ARM64 (0x188)  +0x70 x0 … x30, sp, pc, pstate; NT_PRFPREG (0x210): v0 … v31, fpsr, fpcr
 *
 * Sources: see elf_notes.c. The sizes 0x1b8 and 0x150 are those of the published readelf output
 * (its notes of four processors have 0xcc0 bytes).
 */
#include <assert.h>
#include <stdio.h>

#include "dump/elf_impl.h"
#include "dump/vmregs.h"

enum {
    QEMU_LEAST = 0x1b0,
    QEMU_KERNEL_GS = 0x1b0,
    VBOX_LEAST = 0x220,
    VBOX_XSAVE = 0x2000,
    VBOX_FORMAT_LEAST = 0x10002,
    PRSTATUS_X64 = 0x150,
    PRSTATUS_X86 = 0x90,
    PRSTATUS_ARM64 = 0x188,
    PRFPREG_ARM64 = 0x210,
    EFER_LMA = 0x400,
};

static_assert(0x8 + 18 * 8 == 0x98 && 0x98 + 10 * 0x18 == 0x188, "QEMU: registers, segments, cr");
static_assert(18 * 8 == 0x90 && 0x90 + 6 * 0x18 == 0x120, "VirtualBox: registers, segments, cr");
static_assert(0x70 + 27 * 8 + 8 == PRSTATUS_X64 && 0x48 + 17 * 4 + 4 == PRSTATUS_X86, "prstatus");

static const struct sc_vm_reg qemu_regs[] = {
    {"rax", "eax", 0x08, 8}, {"rbx", "ebx", 0x10, 8}, {"rcx", "ecx", 0x18, 8},
    {"rdx", "edx", 0x20, 8}, {"rsi", "esi", 0x28, 8}, {"rdi", "edi", 0x30, 8},
    {"rsp", "esp", 0x38, 8}, {"rbp", "ebp", 0x40, 8}, {"r8", NULL, 0x48, 8},
    {"r9", NULL, 0x50, 8},   {"r10", NULL, 0x58, 8},  {"r11", NULL, 0x60, 8},
    {"r12", NULL, 0x68, 8},  {"r13", NULL, 0x70, 8},  {"r14", NULL, 0x78, 8},
    {"r15", NULL, 0x80, 8},  {"rip", "eip", 0x88, 8}, {"efl", "efl", 0x90, 4},
    {"cs", "cs", 0x98, 2},   {"ds", "ds", 0xb0, 2},   {"es", "es", 0xc8, 2},
    {"fs", "fs", 0xe0, 2},   {"gs", "gs", 0xf8, 2},   {"ss", "ss", 0x110, 2},
};

static const struct sc_vm_reg vbox_regs[] = {
    {"rax", "eax", 0x00, 8},  {"rbx", "ebx", 0x08, 8},  {"rcx", "ecx", 0x10, 8},
    {"rdx", "edx", 0x18, 8},  {"rsi", "esi", 0x20, 8},  {"rdi", "edi", 0x28, 8},
    {"r8", NULL, 0x30, 8},    {"r9", NULL, 0x38, 8},    {"r10", NULL, 0x40, 8},
    {"r11", NULL, 0x48, 8},   {"r12", NULL, 0x50, 8},   {"r13", NULL, 0x58, 8},
    {"r14", NULL, 0x60, 8},   {"r15", NULL, 0x68, 8},   {"rip", "eip", 0x70, 8},
    {"rsp", "esp", 0x78, 8},  {"rbp", "ebp", 0x80, 8},  {"efl", "efl", 0x88, 4},
    {"cs", "cs", 0xa0, 2},    {"ds", "ds", 0xb8, 2},    {"es", "es", 0xd0, 2},
    {"fs", "fs", 0xe8, 2},    {"gs", "gs", 0x100, 2},   {"ss", "ss", 0x118, 2},
    {"dr0", "dr0", 0x140, 8}, {"dr1", "dr1", 0x148, 8}, {"dr2", "dr2", 0x150, 8},
    {"dr3", "dr3", 0x158, 8}, {"dr6", "dr6", 0x170, 8}, {"dr7", "dr7", 0x178, 8},
};

static const struct sc_vm_reg prstatus_x64[] = {
    {"r15", NULL, 0x70, 8},  {"r14", NULL, 0x78, 8}, {"r13", NULL, 0x80, 8},
    {"r12", NULL, 0x88, 8},  {"rbp", NULL, 0x90, 8}, {"rbx", NULL, 0x98, 8},
    {"r11", NULL, 0xa0, 8},  {"r10", NULL, 0xa8, 8}, {"r9", NULL, 0xb0, 8},
    {"r8", NULL, 0xb8, 8},   {"rax", NULL, 0xc0, 8}, {"rcx", NULL, 0xc8, 8},
    {"rdx", NULL, 0xd0, 8},  {"rsi", NULL, 0xd8, 8}, {"rdi", NULL, 0xe0, 8},
    {"rip", NULL, 0xf0, 8},  {"cs", NULL, 0xf8, 2},  {"efl", NULL, 0x100, 4},
    {"rsp", NULL, 0x108, 8}, {"ss", NULL, 0x110, 2}, {"ds", NULL, 0x128, 2},
    {"es", NULL, 0x130, 2},  {"fs", NULL, 0x138, 2}, {"gs", NULL, 0x140, 2},
};

static const struct sc_vm_reg prstatus_x86[] = {
    {NULL, "ebx", 0x48, 4}, {NULL, "ecx", 0x4c, 4}, {NULL, "edx", 0x50, 4}, {NULL, "esi", 0x54, 4},
    {NULL, "edi", 0x58, 4}, {NULL, "ebp", 0x5c, 4}, {NULL, "eax", 0x60, 4}, {NULL, "ds", 0x64, 2},
    {NULL, "es", 0x68, 2},  {NULL, "fs", 0x6c, 2},  {NULL, "gs", 0x70, 2},  {NULL, "eip", 0x78, 4},
    {NULL, "cs", 0x7c, 2},  {NULL, "efl", 0x80, 4}, {NULL, "esp", 0x84, 4}, {NULL, "ss", 0x88, 2},
};

#define COUNT(array) (sizeof(array) / sizeof *(array))

static uint64_t u64_at(const struct sc_source *s, const struct elf_data *data, uint32_t offset) {
    struct sc_cur c = sc_cur_at(s->file, data->offset, data->size, "processor state");
    sc_cur_skip(&c, offset);
    return sc_u64(&c);
}

/* --- which processor it is -------------------------------------------------------------------- */

static bool vbox_readable(const struct elf *elf, const struct elf_cpu *cpu) {
    return cpu->form == ELF_FORM_VBOX && cpu->state.size >= VBOX_LEAST &&
           elf->vbox_format >= VBOX_FORMAT_LEAST;
}

enum sc_cpu elf_guest_cpu(const struct sc_source *source) {
    const struct elf *elf = source->impl;
    if (elf->machine == ELF_AARCH64)
        return SC_CPU_ARM64;
    if (elf->vbox) {
        if (!elf->cpus.count || !vbox_readable(elf, elf->cpus.item))
            return SC_CPU_UNKNOWN;
        uint64_t efer = u64_at(source, &elf->cpus.item->state, 0x1e8);
        return efer & EFER_LMA ? SC_CPU_X64 : SC_CPU_X86;
    }
    return elf->machine == ELF_X86_64 ? SC_CPU_X64 : SC_CPU_X86;
}

/* --- system registers ------------------------------------------------------------------------- */

static struct sc_vm_cpu qemu_system(const struct sc_source *s, const struct elf_data *d) {
    struct sc_vm_cpu cpu = {
        .cr3 = u64_at(s, d, 0x1a0),
        .cr4 = u64_at(s, d, 0x1a8),
        .idt = u64_at(s, d, 0x170 + 0x10),
        .fs_base = u64_at(s, d, 0xe0 + 0x10),
        .gs_base = u64_at(s, d, 0xf8 + 0x10),
        .cpl = u64_at(s, d, 0x98) & 3,
    };
    uint32_t size = (uint32_t)(u64_at(s, d, 0) >> 32);
    if (size >= QEMU_KERNEL_GS + 8 && d->size >= QEMU_KERNEL_GS + 8)
        cpu.kernel_gs_base = u64_at(s, d, QEMU_KERNEL_GS);
    return cpu;
}

static struct sc_vm_cpu vbox_system(const struct sc_source *s, const struct elf_data *d) {
    return (struct sc_vm_cpu){
        .cr3 = u64_at(s, d, 0x130),
        .cr4 = u64_at(s, d, 0x138),
        .idt = u64_at(s, d, 0x190),
        .fs_base = u64_at(s, d, 0xd8),
        .gs_base = u64_at(s, d, 0xf0),
        .kernel_gs_base = u64_at(s, d, 0x218),
        .cpl = u64_at(s, d, 0xa0) & 3,
    };
}

static struct sc_vm_cpu prstatus_system(const struct sc_source *s, const struct elf_data *d,
                                        enum sc_cpu cpu) {
    struct sc_vm_cpu ret = {0};
    if (cpu == SC_CPU_X64 && d->size >= PRSTATUS_X64) {
        ret.fs_base = u64_at(s, d, 0x118);
        ret.gs_base = u64_at(s, d, 0x120);
        ret.cpl = u64_at(s, d, 0xf8) & 3;
    }
    return ret;
}

static struct sc_vm_cpu system_of(const struct sc_source *s, const struct elf_cpu *cpu,
                                  enum sc_cpu guest) {
    const struct elf *elf = s->impl;
    struct sc_vm_cpu ret = {0};
    if (cpu->form == ELF_FORM_QEMU && cpu->state.size >= QEMU_LEAST)
        ret = qemu_system(s, &cpu->state);
    else if (vbox_readable(elf, cpu))
        ret = vbox_system(s, &cpu->state);
    else if (cpu->form == ELF_FORM_PRSTATUS)
        ret = prstatus_system(s, &cpu->state, guest);
    ret.cpu = guest;
    return ret;
}

sc_err *elf_load_threads(struct sc_source *source, struct sc_threads *ret) {
    const struct elf *elf = source->impl;
    for (size_t i = 0; i < elf->cpus.count; i++) {
        struct sc_thread *t = SC_VEC_PUSH(ret);
        if (!t)
            return sc_err_nomem();
        struct sc_vm_cpu cpu = system_of(source, &elf->cpus.item[i], source->machine.cpu);
        sc_vm_thread(&cpu, (uint32_t)i, t);
    }
    return NULL;
}

/* --- registers -------------------------------------------------------------------------------- */

static sc_err *too_short(const struct sc_source *s, const struct elf_data *d, unsigned want) {
    return sc_err_at(SC_ERR_FORMAT, sc_file_name(s->file), d->offset,
                     "processor state of 0x%x bytes is too short: 0x%x are needed", d->size, want);
}

static sc_err *read_qemu(const struct sc_source *s, const struct elf_data *d,
                         struct sc_regs *regs) {
    if (d->size < QEMU_LEAST)
        return too_short(s, d, QEMU_LEAST);
    sc_vm_regs_init(regs, s->machine.cpu, SC_VM_CONTROL | SC_VM_INTEGER | SC_VM_SEGMENTS);
    return sc_vm_regs_read(regs, s->file, d->offset, d->size, qemu_regs, COUNT(qemu_regs));
}

/* Where the XSAVE area begins: it ends the record. 0: this is no record that has one. */
static uint32_t vbox_floats(const struct elf_data *d) {
    static const uint16_t known[] = {0x238, 0x240, 0x248, 0x250};
    for (size_t i = 0; i < COUNT(known); i++)
        if (d->size == known[i] + (uint32_t)VBOX_XSAVE)
            return known[i];
    return 0;
}

static sc_err *read_vbox(const struct sc_source *s, const struct elf_cpu *cpu,
                         struct sc_regs *regs) {
    const struct elf_data *d = &cpu->state;
    if (d->size < VBOX_LEAST)
        return too_short(s, d, VBOX_LEAST);
    if (!vbox_readable(s->impl, cpu))
        return sc_errf(SC_ERR_NOT_FOUND, "registers of this version of VirtualBox are not read");
    sc_vm_regs_init(regs, s->machine.cpu,
                    SC_VM_CONTROL | SC_VM_INTEGER | SC_VM_SEGMENTS | SC_VM_DEBUG);
    sc_err *err = sc_vm_regs_read(regs, s->file, d->offset, d->size, vbox_regs, COUNT(vbox_regs));
    if (!err && vbox_floats(d))
        err = sc_vm_regs_fxsave(regs, s->file, d->offset + vbox_floats(d));
    return err;
}

static sc_err *read_arm64(const struct sc_source *s, const struct elf_cpu *cpu,
                          struct sc_regs *regs) {
    bool floats = cpu->floats.size >= PRFPREG_ARM64;
    sc_vm_regs_init(regs, SC_CPU_ARM64,
                    SC_VM_CONTROL | SC_VM_INTEGER | (floats ? SC_VM_FLOATS : 0));
    struct sc_cur c = sc_cur_at(s->file, cpu->state.offset, cpu->state.size, "processor state");
    sc_cur_skip(&c, 0x70);
    for (int i = 0; i < 29; i++) {
        char name[16];
        snprintf(name, sizeof name, "x%d", i);
        sc_vm_regs_set(regs, name, sc_u64(&c));
    }
    static const char *const rest[] = {"fp", "lr", "sp", "pc", "psr"};
    for (size_t i = 0; i < COUNT(rest); i++)
        sc_vm_regs_set(regs, rest[i], sc_u64(&c));
    if (sc_cur_failed(&c))
        return sc_cur_err(&c);
    if (!floats)
        return NULL;
    /* CONTEXT: V0 … V31 at +0x110, Fpcr at +0x310, Fpsr behind it; the note has them swapped. */
    uint8_t vectors[PRFPREG_ARM64];
    sc_err *err = sc_file_read(s->file, cpu->floats.offset, vectors, sizeof vectors);
    if (err)
        return err;
    for (unsigned i = 0; i < 0x200; i++)
        regs->raw[0x110 + i] = vectors[i];
    for (unsigned i = 0; i < 4; i++) {
        regs->raw[0x310 + i] = vectors[0x204 + i];
        regs->raw[0x314 + i] = vectors[0x200 + i];
    }
    return NULL;
}

static sc_err *read_prstatus(const struct sc_source *s, const struct elf_cpu *cpu,
                             struct sc_regs *regs) {
    const struct elf_data *d = &cpu->state;
    enum sc_cpu guest = s->machine.cpu;
    unsigned want = guest == SC_CPU_ARM64 ? PRSTATUS_ARM64
                    : guest == SC_CPU_X64 ? PRSTATUS_X64
                                          : PRSTATUS_X86;
    if (d->size < want)
        return too_short(s, d, want);
    if (guest == SC_CPU_ARM64)
        return read_arm64(s, cpu, regs);
    sc_vm_regs_init(regs, guest, SC_VM_CONTROL | SC_VM_INTEGER | SC_VM_SEGMENTS);
    if (guest == SC_CPU_X64)
        return sc_vm_regs_read(regs, s->file, d->offset, d->size, prstatus_x64,
                               COUNT(prstatus_x64));
    return sc_vm_regs_read(regs, s->file, d->offset, d->size, prstatus_x86, COUNT(prstatus_x86));
}

sc_err *elf_load_regs(struct sc_source *source, uint32_t index, struct sc_regs *ret_regs) {
    const struct elf *elf = source->impl;
    if (index >= elf->cpus.count)
        return sc_errf(SC_ERR_NOT_FOUND, "there is no processor %u: the file has %zu", index,
                       elf->cpus.count);
    const struct elf_cpu *cpu = &elf->cpus.item[index];
    if (!sc_context_size(source->machine.cpu))
        return sc_errf(SC_ERR_NOT_FOUND, "what processor this is is not known");
    struct sc_regs regs;
    sc_err *err = NULL;
    switch (cpu->form) {
    case ELF_FORM_QEMU: err = read_qemu(source, &cpu->state, &regs); break;
    case ELF_FORM_VBOX: err = read_vbox(source, cpu, &regs); break;
    case ELF_FORM_PRSTATUS: err = read_prstatus(source, cpu, &regs); break;
    case ELF_FORM_NONE:
        err = sc_errf(SC_ERR_NOT_FOUND, "this file holds no registers of processor %u", index);
        break;
    }
    if (!err)
        *ret_regs = regs;
    return err;
}
