/* SPDX-License-Identifier: MIT */
/*
 * Trap frames of x64, recognised by what they hold.
 *
 * A handler that the processor enters has, from its stack pointer on, a KTRAP_FRAME (0x190 bytes,
 * the same since Windows Vista; public symbols' _KTRAP_FRAME):
 *
 *     +0x00  home of the parameters of what the handler calls, P5
 *     +0x28  PreviousMode   +0x29 PreviousIrql   +0x2c MxCsr
 *     +0x30  rax rcx rdx r8 r9 r10 r11           (volatile registers)
 *     +0x70  xmm0 … xmm5
 *     +0x138 TrapFrame (of the thread before)
 *     +0x140 rbx rdi rsi                         (system calls only; else left over)
 *     +0x158 rbp
 *     +0x160 ErrorCode
 *     +0x168 rip cs eflags rsp ss                (the machine frame, pushed by the processor)
 *
 * A processor that is interrupted in the kernel aligns the stack to 16 bytes and pushes the machine
 * frame there, so that the interrupted stack pointer lies 0x190 to 0x19f bytes above the frame:
 * with the fixed values of the selectors and bits of eflags, chance does not make that. Entries on
 * a stack of their own (IST) are known by less: their stack pointer need only be readable.
 *
 * A function that calls on another stack (expanded kernel stacks) begins there with a machine frame
 * of the same form, which leads back: published listings have it 0x28 bytes above the stack
 * pointer, and call the address 0x168 below it a trap frame, though of that nothing else is there.
 *
 * KEXCEPTION_FRAME (0x140 bytes) is what KiExceptionDispatch, KiBugCheckDispatch and their like
 * have at their stack pointer: xmm6 … xmm15 at +0x30, rbp +0xf8, rbx +0x100, rdi, rsi, r12 … r15.
 */
#include <string.h>

#include "unwind/recover.h"

enum {
    FRAME = 0x190,
    MACHINE = 0x168,
    CS_KERNEL = 0x10,
    CS_USER = 0x33,
    CS_USER32 = 0x23,
    SS_KERNEL = 0x18,
    SS_USER = 0x2b,
    /* A handler may have pushed a little more above its stack pointer. */
    SEARCH = 0x200,
};
/* Of eflags, bit 1 is always set; 3, 5, 15 and those above 21 never are. */
#define FLAGS_SET   UINT64_C(0x2)
#define FLAGS_CLEAR (~UINT64_C(0x3f7fd7))

enum { RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, R8, R9, R10, R11, R12, R13, R14, R15 };

static uint64_t get64(const uint8_t *p) {
    uint64_t v = 0;
    for (int i = 0; i < 8; i++)
        v |= (uint64_t)p[i] << 8 * i;
    return v;
}

static void put(struct sc_regs *regs, unsigned offset, uint64_t value, unsigned size) {
    for (unsigned i = 0; i < size; i++)
        regs->raw[offset + i] = (uint8_t)(value >> 8 * i);
}

void sc_x64_set(struct sc_regs *regs, unsigned n, uint64_t value) {
    put(regs, 0x78 + 8 * n, value, 8);
}

void sc_x64_go(struct sc_regs *regs, uint64_t ip, uint64_t sp) {
    put(regs, 0xf8, ip, 8);
    sc_x64_set(regs, RSP, sp);
}

static bool user_half(uint64_t addr) { return addr < UINT64_C(0x0000800000000000); }

static bool kernel_stack(struct sc_unwinder *u, const struct sc_trap *t, uint64_t ss) {
    uint64_t unused;
    if (ss != SS_KERNEL && ss != 0)
        return false;
    if (t->beside)
        return true;
    struct sc_step step;
    return !user_half(t->sp) && !user_half(t->ip) && t->sp % 8 == 0 &&
           sc_step_read_ptr(u, t->sp, &unused, &step);
}

bool sc_trap_at(struct sc_unwinder *u, uint64_t addr, struct sc_trap *ret) {
    uint8_t b[FRAME - MACHINE];
    if (u->cpu != SC_CPU_X64 || addr % 16 || addr > UINT64_MAX - 2 * FRAME ||
        sc_space_read(u->space, addr + MACHINE, b, sizeof b, NULL) != SC_READ_OK)
        return false;
    uint64_t cs = get64(b + 8), flags = get64(b + 16), ss = get64(b + 32);
    struct sc_trap t = {.address = addr, .ip = get64(b), .sp = get64(b + 24)};
    t.beside = t.sp - (addr + FRAME) < 16;
    t.user = cs == CS_USER || cs == CS_USER32;
    if ((flags & FLAGS_CLEAR) || !(flags & FLAGS_SET))
        return false;
    if (t.user ? ss != SS_USER || !user_half(t.ip) || !user_half(t.sp) || !t.ip || !t.sp
               : cs != CS_KERNEL || !kernel_stack(u, &t, ss))
        return false;
    *ret = t;
    return true;
}

bool sc_trap_above(struct sc_unwinder *u, uint64_t sp, struct sc_trap *ret) {
    struct sc_trap t;
    if (sp > UINT64_MAX - SEARCH)
        return false;
    for (uint64_t at = (sp + 15) & ~UINT64_C(15); at < sp + SEARCH; at += 16)
        /* Away from the stack pointer, only a frame that is beyond doubt counts. */
        if (sc_trap_at(u, at, &t) && (at - sp < 16 || t.beside)) {
            *ret = t;
            return true;
        }
    return false;
}

bool sc_trap_of_switch(struct sc_unwinder *u, uint64_t sp, struct sc_trap *ret) {
    enum { BELOW = 0x160, ABOVE = 0x60 };
    struct sc_trap t;
    if (sp < BELOW || sp > UINT64_MAX - 2 * FRAME)
        return false;
    for (uint64_t at = ((sp - BELOW) + 15) & ~UINT64_C(15); at < sp + ABOVE; at += 16)
        if (at + MACHINE >= sp && sc_trap_at(u, at, &t) && !t.user && t.sp % 16 == 0) {
            *ret = t;
            return true;
        }
    return false;
}

bool sc_trap_regs(struct sc_unwinder *u, const struct sc_trap *trap, bool syscall,
                  struct sc_regs *regs, uint64_t *known) {
    static const uint8_t saved[] = {RAX, RCX, RDX, R8, R9, R10, R11};
    const uint64_t kept =
        1 << RBX | 1 << RSI | 1 << RDI | 1 << R12 | 1 << R13 | 1 << R14 | 1 << R15;
    uint8_t b[FRAME];
    if (sc_space_read(u->space, trap->address, b, sizeof b, NULL) != SC_READ_OK)
        return false;
    uint64_t now = *known & kept;
    for (unsigned i = 0; i < sizeof saved; i++) {
        sc_x64_set(regs, saved[i], get64(b + 0x30 + 8 * i));
        now |= UINT64_C(1) << saved[i];
    }
    if (syscall) {
        sc_x64_set(regs, RBX, get64(b + 0x140));
        sc_x64_set(regs, RDI, get64(b + 0x148));
        sc_x64_set(regs, RSI, get64(b + 0x150));
        now |= 1 << RBX | 1 << RSI | 1 << RDI;
    }
    sc_x64_set(regs, RBP, get64(b + 0x158));
    memcpy(regs->raw + 0x1a0, b + 0x70, 6 * 16); /* xmm0 … xmm5 */
    put(regs, 0x34, get64(b + 0x2c), 4);
    put(regs, 0x38, get64(b + MACHINE + 8), 2);
    put(regs, 0x42, get64(b + MACHINE + 32), 2);
    put(regs, 0x44, get64(b + MACHINE + 16), 4);
    sc_x64_go(regs, trap->ip, trap->sp);
    *known = now | 1 << RBP | 1 << RSP;
    return true;
}

bool sc_trap_exception_frame(struct sc_unwinder *u, uint64_t addr, struct sc_regs *regs,
                             uint64_t *known) {
    static const uint8_t saved[] = {RBX, RDI, RSI, R12, R13, R14, R15};
    uint8_t b[8 * sizeof saved];
    if (addr > UINT64_MAX - 0x140 ||
        sc_space_read(u->space, addr + 0x100, b, sizeof b, NULL) != SC_READ_OK)
        return false;
    for (unsigned i = 0; i < sizeof saved; i++) {
        sc_x64_set(regs, saved[i], get64(b + 8 * i));
        *known |= UINT64_C(1) << saved[i];
    }
    return true;
}
