/* SPDX-License-Identifier: MIT */
/*
 * Where a context switch left a thread.
 *
 * SwapContext pushes what it needs, stores the stack pointer in KTHREAD.KernelStack and goes over
 * to the other thread; it was called by KiSwapContext, which has saved the nonvolatile registers.
 *
 *   x64  KernelStack +0x30 rbp, +0x38 return address in KiSwapContext; its stack pointer is +0x40.
 *        (Published listings: KernelStack …ee30, first frame …ee70 nt!KiSwapContext+0x7a.)
 *   x86  KernelStack +0 exception list, +4 flags, +8 return address in KiSwapContext, which has
 *        below its own return address: edi, esi, ebx, ebp in some order that its unwinding, or the
 *        chain of ebp, finds; stack pointer +0xc.
 *
 * How much SwapContext pushes differs by build, so the place is confirmed by symbols: the slot must
 * hold an address in a function that is there to switch threads (roles: switch). When it is
 * elsewhere, it is searched for a little higher.
 *
 * ARM64: the slots of KSWITCH_FRAME are not known for certain: the slot is only searched for, and
 * the one before it taken for the frame pointer, as the CPU's calling convention has them in pairs.
 */
#include <string.h>

#include "unwind/recover.h"

enum { USUAL_X64 = 0x38, USUAL_X86 = 8, SEARCH = 0x100 };

static sc_err *is_switch(struct sc_unwinder *u, uint64_t slot, uint64_t *ret_ip, bool *ret_is) {
    struct sc_step unused;
    struct sc_code code;
    enum sc_return_like like;
    *ret_is = false;
    if (!sc_step_read_ptr(u, slot, ret_ip, &unused))
        return NULL;
    *ret_ip = sc_code_strip(u, *ret_ip);
    sc_err *err = sc_return_like(u, *ret_ip, &like);
    if (err || (like != SC_RETURN_CALL && like != SC_RETURN_MAYBE))
        return err;
    err = sc_code_at(u, *ret_ip, true, &code);
    if (!err)
        *ret_is = (code.roles & SC_ROLE_SWITCH) && code.offset;
    return err;
}

static void set_named(struct sc_regs *regs, const char *name, uint64_t value) {
    const struct sc_reg *reg = sc_reg_find(regs->cpu, name);
    if (reg)
        sc_reg_set(regs, reg, value);
}

static void fill(struct sc_unwinder *u, uint64_t slot, uint64_t ip, struct sc_regs *regs,
                 uint64_t *known) {
    static const struct {
        enum sc_cpu cpu;
        const char *ip, *sp, *fp;
        unsigned sp_bit, fp_bit;
        unsigned flags_at; /* of ContextFlags */
        uint32_t flags;    /* control, integer */
    } names[] = {
        {SC_CPU_X64, "rip", "rsp", "rbp", 4, 5, 0x30, 0x100003},
        {SC_CPU_X86, "eip", "esp", NULL, 4, 5, 0, 0x10003},
        {SC_CPU_ARM64, "pc", "sp", "fp", 31, 29, 0, 0x400003},
    };
    memset(regs, 0, sizeof *regs);
    regs->cpu = u->cpu;
    regs->size = (uint32_t)sc_context_size(u->cpu);
    for (unsigned i = 0; i < sizeof names / sizeof *names; i++) {
        uint64_t fp;
        struct sc_step unused;
        if (names[i].cpu != u->cpu)
            continue;
        for (unsigned b = 0; b < 4; b++)
            regs->raw[names[i].flags_at + b] = (uint8_t)(names[i].flags >> 8 * b);
        set_named(regs, names[i].ip, ip);
        set_named(regs, names[i].sp, slot + u->ptr_size);
        *known = UINT64_C(1) << names[i].sp_bit;
        if (names[i].fp && sc_step_read_ptr(u, slot - u->ptr_size, &fp, &unused)) {
            set_named(regs, names[i].fp, fp);
            *known |= UINT64_C(1) << names[i].fp_bit;
        }
    }
}

sc_err *sc_stack_of_switched(sc_unwinder *u, uint64_t stack, struct sc_regs *ret_regs,
                             uint64_t *ret_known, bool *ret_found) {
    uint64_t usual = stack + (u->ptr_size == 8 ? USUAL_X64 : USUAL_X86), ip;
    bool is = false;
    sc_err *err = NULL;
    if (stack % u->ptr_size == 0 && stack < UINT64_MAX - SEARCH)
        err = is_switch(u, usual, &ip, &is);
    for (uint64_t slot = stack; !err && !is && stack % u->ptr_size == 0 && slot - stack < SEARCH;
         slot += u->ptr_size) {
        usual = slot;
        err = is_switch(u, slot, &ip, &is);
    }
    if (err)
        return err;
    *ret_found = is;
    if (is)
        fill(u, usual, ip, ret_regs, ret_known);
    return NULL;
}
