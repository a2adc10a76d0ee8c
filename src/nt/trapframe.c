/* SPDX-License-Identifier: MIT */
/* Trap frames of x86 and x64 as registers; their layouts stand in trapframe.h. */
#include "nt/trapframe.h"

#include <string.h>

enum { TRAP_X64 = 0x190, TRAP_X86 = 0x8c };

struct field {
    const char *name;
    uint16_t offset;
};

static const struct field trap_x64[] = {
    {"rax", 0x30},  {"rcx", 0x38},  {"rdx", 0x40},  {"r8", 0x48},   {"r9", 0x50},
    {"r10", 0x58},  {"r11", 0x60},  {"rbp", 0x158}, {"rip", 0x168}, {"cs", 0x170},
    {"efl", 0x178}, {"rsp", 0x180}, {"ss", 0x188},
};
static const struct field trap_x86[] = {
    {"gs", 0x30},  {"es", 0x34},  {"ds", 0x38},  {"edx", 0x3c}, {"ecx", 0x40},
    {"eax", 0x44}, {"fs", 0x50},  {"edi", 0x54}, {"esi", 0x58}, {"ebx", 0x5c},
    {"ebp", 0x60}, {"eip", 0x68}, {"cs", 0x6c},  {"efl", 0x70},
};

/* A CONTEXT that has the parts a trap frame fills: x64 control and integer, x86 also segments. */
static sc_err *empty_context(enum sc_cpu cpu, struct sc_regs *ret) {
    uint8_t bytes[SC_CONTEXT_MAX] = {0};
    uint32_t flags = cpu == SC_CPU_X64 ? 0x100003 : 0x10007;
    memcpy(bytes + (cpu == SC_CPU_X64 ? 0x30 : 0), &flags, sizeof flags);
    return sc_regs_init(ret, cpu, bytes, sc_context_size(cpu));
}

static void take_fields(struct sc_regs *regs, const uint8_t *frame, unsigned width,
                        const struct field *field, size_t n) {
    for (size_t i = 0; i < n; i++) {
        const struct sc_reg *reg = sc_reg_find(regs->cpu, field[i].name);
        uint64_t value = 0;
        memcpy(&value, frame + field[i].offset, width);
        if (reg)
            sc_reg_set(regs, reg, reg->size >= 8 ? value : value & 0xffffffff);
    }
}

static void take_x86_stack(struct sc_regs *regs, const uint8_t *frame, uint64_t va) {
    uint32_t cs, efl, esp, ss, temp_cs, temp_esp;
    memcpy(&temp_cs, frame + 0x10, 4);
    memcpy(&temp_esp, frame + 0x14, 4);
    memcpy(&cs, frame + 0x6c, 4);
    memcpy(&efl, frame + 0x70, 4);
    memcpy(&esp, frame + 0x74, 4);
    memcpy(&ss, frame + 0x78, 4);
    bool from_user = (cs & 1) || (efl & 0x20000);
    uint64_t sp = from_user ? esp : (va + 0x74) & 0xffffffff;
    if (!from_user && !(cs & 0xfff8)) { /* edited: what it was stands in the two Temp fields */
        sc_reg_set(regs, sc_reg_find(SC_CPU_X86, "cs"), temp_cs & 0xffff);
        sp = temp_esp;
    }
    sc_reg_set(regs, sc_reg_find(SC_CPU_X86, "esp"), sp);
    sc_reg_set(regs, sc_reg_find(SC_CPU_X86, "ss"), from_user ? ss & 0xffff : 0x10);
}

/*
 * Code runs from a selector that is not null, and some bits of the flags never change (bit 1 is
 * set; 3, 5 and 15 are clear): zeros and other data are no frame.
 */
static bool is_plausible(const struct sc_regs *regs) {
    uint64_t cs = 0, efl = 0;
    return sc_regs_get(regs, "cs", &cs) && (cs & 0xfff8) && sc_regs_get(regs, "efl", &efl) &&
           (efl & 0x802a) == 2 && sc_regs_ip(regs);
}

sc_err *nt_trap_frame_read(sc_target *target, uint64_t addr, struct nt_trap_frame *ret_frame) {
    uint8_t bytes[TRAP_X64];
    enum sc_cpu cpu = sc_target_machine(target)->cpu;
    bool x64 = cpu == SC_CPU_X64;
    struct nt_trap_frame f = {.error_code = 0};
    if (!x64 && cpu != SC_CPU_X86)
        return sc_errf(SC_ERR_UNSUPPORTED, "the layout of %s's trap frames is not known",
                       sc_cpu_name(cpu));
    sc_space *space = sc_target_space(target);
    addr = sc_space_canon(space, addr);
    sc_err *err = sc_space_need(space, addr, bytes, x64 ? TRAP_X64 : TRAP_X86, "trap frame");
    if (!err)
        err = empty_context(cpu, &f.regs);
    if (err)
        return err;
    if (x64)
        take_fields(&f.regs, bytes, 8, trap_x64, sizeof trap_x64 / sizeof *trap_x64);
    else
        take_fields(&f.regs, bytes, 4, trap_x86, sizeof trap_x86 / sizeof *trap_x86);
    if (!x64)
        take_x86_stack(&f.regs, bytes, addr);
    if (!is_plausible(&f.regs))
        return sc_errf(SC_ERR_ARG,
                       "there is no trap frame at 0x%llx: its selector or flags are "
                       "none that code runs with",
                       (unsigned long long)addr);
    memcpy(&f.error_code, bytes + (x64 ? 0x160 : 0x64), sizeof f.error_code);
    *ret_frame = f;
    return NULL;
}
