/* SPDX-License-Identifier: MIT */
/*
 * Where Windows x64 keeps the 32-bit side of a thread:
 *
 *     TEB (64-bit)  +0x30   Self
 *                   +0x1480 TlsSlots[64]; slot 1 (WOW64_TLS_CPURESERVED) points to
 *                           { u16 Flags, u16 Machine; CONTEXT of 32 bits at +4 }
 *                   +0x180c WowTebOffset (Windows 10 on): TEB32 less TEB; before, TEB32 is 0x2000
 *                           above, and the first field of the TEB points to it
 *     TEB32         +0x18   Self
 *
 * The context is that of the last change to 64-bit code, in a system call as a rule. A thread that
 * was in 32-bit code when it stopped (cs 0x23) has its registers in the 64-bit CONTEXT instead, in
 * the lower halves.
 *
 * Learnt from public debuggers' readers of minidumps (LLDB has the same offsets) and Microsoft's
 * documents of WOW64. Machine is 0 before Windows 10 and 0x14c there; whichever it is, the context
 * must say by its flags that it is one of x86, and have the selectors of 32-bit code.
 */
#include "unwind/wow64.h"

#include <string.h>

#include "unwind/unwind.h"

enum {
    TEB64_SELF = 0x30,
    TEB64_SLOT1 = 0x1480 + 8,
    TEB64_WOW_OFFSET = 0x180c,
    TEB32_BEHIND = 0x2000,
    TEB32_SELF = 0x18,
    AREA_CONTEXT = 4,
    MACHINE_X86 = 0x14c,
    CS_WOW64 = 0x23,
    CONTEXT_X86 = 0x10003, /* control and integer */
    CONTEXT_SIZE = 0x2cc,
    CONTEXT_LEAST = 0xcc, /* up to the extended registers */
};

static bool is_x86(const struct sc_regs *regs) {
    uint64_t cs = 0;
    return (sc_regs_context_flags(regs) & CONTEXT_X86) == CONTEXT_X86 &&
           sc_regs_get(regs, "cs", &cs) && cs == CS_WOW64 && sc_regs_sp(regs);
}

/* The lower halves of the 64-bit registers. */
static void narrow(const struct sc_regs *from, struct sc_regs *ret) {
    static const char *const pairs[][2] = {
        {"eax", "rax"}, {"ebx", "rbx"}, {"ecx", "rcx"}, {"edx", "rdx"},
        {"esi", "rsi"}, {"edi", "rdi"}, {"ebp", "rbp"}, {"esp", "rsp"},
        {"eip", "rip"}, {"efl", "efl"}, {"cs", "cs"},   {"ss", "ss"},
        {"ds", "ds"},   {"es", "es"},   {"fs", "fs"},   {"gs", "gs"},
    };
    static const uint8_t flags[4] = {0x07, 0, 1, 0}; /* control, integer, segments */
    *ret = (struct sc_regs){.cpu = SC_CPU_X86, .size = CONTEXT_LEAST};
    memcpy(ret->raw, flags, sizeof flags);
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        const struct sc_reg *reg = sc_reg_find(SC_CPU_X86, pairs[i][0]);
        uint64_t value = 0;
        if (sc_regs_get(from, pairs[i][1], &value))
            sc_reg_set(ret, reg, value);
    }
}

static bool in_32_bit_code(const struct sc_regs *regs) {
    uint64_t cs = 0;
    return regs && regs->cpu == SC_CPU_X64 && sc_regs_get(regs, "cs", &cs) && cs == CS_WOW64 &&
           sc_regs_ip(regs) <= UINT32_MAX;
}

/* The TEB knows its own address: what else may lie there is none. */
static bool is_teb(sc_space *space, uint64_t teb) {
    uint64_t self = 0;
    return teb && sc_space_uint(space, teb + TEB64_SELF, 8, &self) == SC_READ_OK && self == teb;
}

static sc_err *saved_regs(sc_space *space, uint64_t teb, struct sc_regs *ret, bool *ret_found) {
    uint8_t context[CONTEXT_SIZE];
    uint64_t area = 0, machine = 0;
    struct sc_regs regs;
    size_t got = 0;
    if (!is_teb(space, teb) || sc_space_uint(space, teb + TEB64_SLOT1, 8, &area) != SC_READ_OK ||
        !area || area & 3 || sc_space_uint(space, area + 2, 2, &machine) != SC_READ_OK ||
        (machine && machine != MACHINE_X86))
        return NULL;
    sc_space_read(space, area + AREA_CONTEXT, context, sizeof context, &got);
    if (got < CONTEXT_LEAST)
        return NULL;
    sc_err *err = sc_regs_init(&regs, SC_CPU_X86, context, got);
    if (err)
        return err;
    *ret_found = is_x86(&regs);
    if (*ret_found)
        *ret = regs;
    return NULL;
}

sc_err *sc_wow64_regs(sc_target *target, const struct sc_regs *regs, uint64_t teb,
                      struct sc_regs *ret_regs, bool *ret_found) {
    *ret_found = false;
    if (sc_target_machine(target)->cpu != SC_CPU_X64)
        return NULL;
    if (sc_target_cancelled(target))
        return sc_err_cancelled();
    if (in_32_bit_code(regs)) {
        narrow(regs, ret_regs);
        *ret_found = true;
        return NULL;
    }
    return saved_regs(sc_target_space(target), teb, ret_regs, ret_found);
}

sc_err *sc_wow64_unwinder(sc_target *target, sc_symtab *symtab, sc_unwinder **ret_unwinder) {
    sc_unwinder *u;
    sc_err *err = sc_unwinder_create(target, symtab, &u);
    if (err)
        return err;
    u->cpu = SC_CPU_X86;
    u->ptr_size = 4;
    u->pac_mask = 0;
    *ret_unwinder = u;
    return NULL;
}

static bool is_teb32(sc_space *space, uint64_t addr) {
    uint64_t self = 0;
    return addr <= UINT32_MAX && sc_space_uint(space, addr + TEB32_SELF, 4, &self) == SC_READ_OK &&
           self == addr;
}

uint64_t sc_wow64_teb32(sc_target *target, uint64_t teb) {
    sc_space *space = sc_target_space(target);
    uint64_t offset = 0;
    if (sc_target_machine(target)->cpu != SC_CPU_X64 || !is_teb(space, teb))
        return 0;
    if (sc_space_uint(space, teb + TEB64_WOW_OFFSET, 4, &offset) == SC_READ_OK && offset) {
        const uint64_t at = teb + (uint64_t)(int64_t)(int32_t)offset;
        if (is_teb32(space, at))
            return at;
    }
    return is_teb32(space, teb + TEB32_BEHIND) ? teb + TEB32_BEHIND : 0;
}
