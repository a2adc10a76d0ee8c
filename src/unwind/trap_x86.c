/* SPDX-License-Identifier: MIT */
/*
 * KTRAP_FRAME of x86, 0x8c bytes. What a handler found and saved:
 *
 *     +0x00 DbgEbp, DbgEip, DbgArgMark (badb0d00), DbgArgPointer
 *     +0x10 TempSegCs, TempEsp          of an edited frame
 *     +0x18 Dr0 … Dr3, Dr6, Dr7
 *     +0x30 SegGs, SegEs, SegDs         +0x3c Edx, Ecx, Eax
 *     +0x48 PreviousPreviousMode, ExceptionList, SegFs
 *     +0x54 Edi, Esi, Ebx, Ebp          +0x64 ErrCode
 *     +0x68 Eip, SegCs, EFlags          pushed by the processor
 *     +0x74 HardwareEsp, HardwareSegSs  pushed when it came from user mode, else no part of it
 *     +0x7c V86Es, V86Ds, V86Fs, V86Gs  virtual 8086 mode only
 *
 * Where esp was: user mode and V86: HardwareEsp. Kernel mode: nothing was pushed for it, so it is
 * the address of HardwareEsp itself. A handler that moved it had to make the frame look otherwise:
 * SegCs without its upper bits (mask 0xfff8) marks that, and the two Temp fields hold what was.
 *
 * Layout: public type information of XP to Windows 10 (32 bits of DbgArgMark are not everywhere
 * set, so they prove nothing when they are missing). The rules of esp: ReactOS
 * (KiEspFromTrapFrame).
 *
 * TSS: the processor's own (Intel's manual, volume 3): Eip +0x20, EFlags, Eax, Ecx, Edx, Ebx, Esp,
 * Ebp, Esi, Edi up to +0x44, then Es +0x48, Cs, Ss, Ds, Fs, Gs.
 */
#include "unwind/trap_x86.h"

#include <string.h>

#include "unwind/x86_impl.h"

enum {
    TEMP_CS = 0x10,
    TEMP_ESP = 0x14,
    SEG_GS = 0x30,
    SEG_ES = 0x34,
    SEG_DS = 0x38,
    SEG_FS = 0x50,
    EIP = 0x68,
    SEG_CS = 0x6c,
    EFLAGS = 0x70,
    HARDWARE_ESP = 0x74,
    HARDWARE_SS = 0x78,
    KERNEL_CS = 8,
    KERNEL_SS = 0x10,
    FRAME_EDITED = 0xfff8,
    TSS_SIZE = 0x60,
};
#define EFLAGS_V86      0x20000u
#define EFLAGS_ONE      0x2u
#define EFLAGS_RESERVED 0xffc08028u /* always zero */
#define CONTEXT_FLAGS   0x10007u    /* x86: control, integer, segments */

/* Where the general registers lie, in their own order; 0: not there. */
static const uint8_t trap_gpr[X86_GPRS] = {0x44, 0x40, 0x3c, 0x5c, 0, 0x60, 0x58, 0x54};

static uint32_t u32(const uint8_t *p) {
    return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static void set(struct sc_regs *regs, const char *name, uint32_t value) {
    sc_reg_set(regs, sc_reg_find(SC_CPU_X86, name), value);
}

static bool flags_like(uint32_t flags) { return flags & EFLAGS_ONE && !(flags & EFLAGS_RESERVED); }

static bool cs_like(uint32_t cs) { return (cs & 3) == 3 ? (cs & 0xffff) > 3 : (cs & 0xffff) == 8; }

/* esp, cs and ss of what was interrupted; false when the fields are no trap frame's. */
static bool stack_of(const uint8_t *f, uint32_t trap, struct x86_regs *r, uint32_t *ret_cs,
                     uint32_t *ret_ss) {
    const uint32_t flags = u32(f + EFLAGS), cs = u32(f + SEG_CS) & 0xffff;
    *ret_cs = cs;
    *ret_ss = KERNEL_SS;
    if (!flags_like(flags))
        return false;
    if (flags & EFLAGS_V86 || (cs & 3) == 3) {
        x86_set(r, X86_ESP, u32(f + HARDWARE_ESP));
        *ret_ss = u32(f + HARDWARE_SS) & 0xffff;
        return flags & EFLAGS_V86 || cs_like(cs);
    }
    if (!(cs & FRAME_EDITED)) {
        x86_set(r, X86_ESP, u32(f + TEMP_ESP));
        *ret_cs = u32(f + TEMP_CS) & 0xffff;
        return *ret_cs == KERNEL_CS;
    }
    x86_set(r, X86_ESP, trap + HARDWARE_ESP);
    return cs == KERNEL_CS;
}

/* A frame of kernel mode may end where the stack does: what lies behind it is not part of it. */
static bool read_frame(struct sc_unwinder *u, uint32_t trap, uint8_t *f, struct sc_step *ret) {
    size_t got = 0;
    memset(f, 0, SC_X86_TRAP_SIZE);
    sc_space_read(u->space, trap, f, SC_X86_TRAP_SIZE, &got);
    const bool outer = got > EFLAGS + 4 && (f[SEG_CS] & 3 || u32(f + EFLAGS) & EFLAGS_V86);
    if (got >= (outer ? HARDWARE_SS + 4u : HARDWARE_ESP))
        return true;
    ret->missing = trap + got;
    return false;
}

static void give_selectors(const uint8_t *f, struct sc_regs *regs) {
    set(regs, "gs", u32(f + SEG_GS) & 0xffff);
    set(regs, "es", u32(f + SEG_ES) & 0xffff);
    set(regs, "ds", u32(f + SEG_DS) & 0xffff);
    set(regs, "fs", u32(f + SEG_FS) & 0xffff);
}

static void give(const struct x86_regs *r, uint32_t flags, uint32_t cs, uint32_t ss,
                 struct sc_regs *regs) {
    uint32_t have = sc_regs_context_flags(regs) | CONTEXT_FLAGS;
    memcpy(regs->raw,
           &(uint8_t[4]){(uint8_t)have, (uint8_t)(have >> 8), (uint8_t)(have >> 16),
                         (uint8_t)(have >> 24)},
           4);
    sc_x86_give(r, regs);
    set(regs, "efl", flags);
    set(regs, "cs", cs);
    set(regs, "ss", ss);
}

static void finish(struct sc_step *ret, uint32_t at, uint32_t slot) {
    ret->how = SC_FRAME_TRAP;
    ret->exact_ip = true;
    ret->trap = at;
    ret->base = at;
    ret->ret_slot = slot;
    ret->missing = 0;
    ret->known = X86_ALL;
    ret->callee_params = 0;
    ret->callee_pops = false;
}

enum sc_step_status sc_x86_from_trap(struct sc_unwinder *u, uint64_t trap, struct sc_regs *regs,
                                     struct sc_step *ret) {
    uint8_t f[SC_X86_TRAP_SIZE];
    struct x86_regs r = {0};
    uint32_t cs = 0, ss = 0;
    if (regs->cpu != SC_CPU_X86 || trap & 3 || trap > UINT32_MAX)
        return SC_STEP_NO_RULE;
    if (!read_frame(u, (uint32_t)trap, f, ret))
        return SC_STEP_MEMORY;
    if (!stack_of(f, (uint32_t)trap, &r, &cs, &ss))
        return SC_STEP_NO_RULE;
    r.ip = u32(f + EIP);
    for (unsigned i = 0; i < X86_GPRS; i++)
        if (trap_gpr[i])
            x86_set(&r, i, u32(f + trap_gpr[i]));
    give(&r, u32(f + EFLAGS), cs, ss, regs);
    give_selectors(f, regs);
    finish(ret, (uint32_t)trap, (uint32_t)trap + EIP);
    return SC_STEP_DONE;
}

enum sc_step_status sc_x86_from_tss(struct sc_unwinder *u, uint64_t tss, struct sc_regs *regs,
                                    struct sc_step *ret) {
    uint8_t t[TSS_SIZE];
    struct x86_regs r = {0};
    size_t got = 0;
    if (regs->cpu != SC_CPU_X86 || tss > UINT32_MAX)
        return SC_STEP_NO_RULE;
    if (sc_space_read(u->space, tss, t, sizeof t, &got) != SC_READ_OK) {
        ret->missing = tss + got;
        return SC_STEP_MEMORY;
    }
    const uint32_t flags = u32(t + 0x24), cs = u32(t + 0x4c) & 0xffff;
    if (!flags_like(flags) || !cs_like(cs))
        return SC_STEP_NO_RULE;
    r.ip = u32(t + 0x20);
    for (unsigned i = 0; i < X86_GPRS; i++)
        x86_set(&r, i, u32(t + 0x28 + 4 * i));
    give(&r, flags, cs, u32(t + 0x50) & 0xffff, regs);
    set(regs, "es", u32(t + 0x48) & 0xffff);
    set(regs, "ds", u32(t + 0x54) & 0xffff);
    set(regs, "fs", u32(t + 0x58) & 0xffff);
    set(regs, "gs", u32(t + 0x5c) & 0xffff);
    finish(ret, (uint32_t)tss, (uint32_t)tss + 0x20);
    return SC_STEP_DONE;
}
