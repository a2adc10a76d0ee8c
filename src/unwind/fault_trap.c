/* SPDX-License-Identifier: MIT */
/*
 * Which word of a stack begins the trap frame of a fault. From the stack pointer outwards, the
 * first place is taken where all of this holds:
 *
 *   x64   a KTRAP_FRAME as trap.c recognises it, selectors, flags and stack pointer, that the
 *         interrupted stack goes on right above of (or that came from user mode), and
 *           Rip (+0x168) is the instruction; or, when that is not known,
 *           FaultAddress (+0xd0) is the address that was touched
 *   x86   a KTRAP_FRAME whose selector and flags are right, Eip (+0x68) is the instruction, and
 *         DbgEip (+0x04), which handlers of the kernel write beside it, is the same
 *
 * The nonvolatile registers of x64 are not in it: whoever handles the trap saves them in a
 * KEXCEPTION_FRAME right below. Two functions do, of fixed size since Windows Vista:
 *
 *   KiBugCheckDispatch    [0x138 KEXCEPTION_FRAME] [return address] [KTRAP_FRAME]: the stack
 *                         pointer at KeBugCheckEx is 8 below all that, and holds the return
 *                         address into KiBugCheckDispatch
 *   KiExceptionDispatch   [0x138 KEXCEPTION_FRAME] [0x98 EXCEPTION_RECORD] [8] [return address]
 *                         [KTRAP_FRAME]: the record holds this instruction and the status
 *
 * Sizes and offsets: public symbols, and the Child-SP columns of published stacks. Neither is
 * believed without the signs that are named here.
 */
#include "unwind/fault_trap.h"

#include <string.h>

#include "unwind/recover.h"
#include "unwind/trap_x86.h"

enum {
    X64_RIP = 0x168,
    X64_FAULT_ADDRESS = 0xd0,
    X86_EIP = 0x68,
    X86_DBG_EIP = 4,
    OF_BUGCHECK = 0x140, /* KEXCEPTION_FRAME below the trap frame, by who saved it */
    OF_EXCEPTION = 0x1e0,
    RECORD = 0xa8, /* below the trap frame */
    RECORD_ADDRESS = 0x10,
};

struct search {
    struct sc_unwinder *u;
    struct sc_stackmem mem;
    const struct sc_trap_wanted *w;
};

static bool word_is(const struct search *s, uint64_t addr, uint64_t want) {
    uint64_t value = 0;
    return want != SC_UNSET64 && sc_stackmem_at(&s->mem, addr, &value) && value == want;
}

/* Is the word at ADDR one that a call may have left? */
static sc_err *is_return(const struct search *s, uint64_t addr, bool *ret) {
    uint64_t value = 0;
    enum sc_return_like like;
    *ret = false;
    if (!sc_stackmem_at(&s->mem, addr, &value) || !sc_target_module_at(s->u->target, value))
        return NULL;
    sc_err *err = sc_return_like(s->u, value, &like);
    if (!err)
        *ret = like == SC_RETURN_CALL || like == SC_RETURN_MAYBE;
    return err;
}

static bool has_record(const struct search *s, uint64_t trap) {
    uint64_t code = 0, record = trap - RECORD;
    return s->w->status && word_is(s, record + RECORD_ADDRESS, s->w->ip) &&
           sc_stackmem_at(&s->mem, record, &code) && (uint32_t)code == s->w->status;
}

/* The KEXCEPTION_FRAME that belongs to the frame at TRAP; *RET 0: none that is beyond doubt. */
static sc_err *find_kept(const struct search *s, uint64_t trap, uint64_t *ret) {
    bool handler = false, call = false;
    uint64_t at = 0;
    *ret = 0;
    if (has_record(s, trap))
        at = trap - OF_EXCEPTION;
    else if (trap - OF_BUGCHECK - 8 == s->w->sp)
        at = trap - OF_BUGCHECK;
    sc_err *err = at ? is_return(s, trap - 8, &handler) : NULL;
    if (!err && handler)
        err = is_return(s, at - 8, &call);
    if (!err && call)
        *ret = at;
    return err;
}

/* A context without values, which says that it has those of a trap frame. */
static sc_err *empty_regs(enum sc_cpu cpu, struct sc_regs *ret) {
    uint8_t bytes[SC_CONTEXT_MAX] = {0};
    uint32_t flags = cpu == SC_CPU_X64 ? 0x100003 : 0x10007;
    memcpy(bytes + (cpu == SC_CPU_X64 ? 0x30 : 0), &flags, sizeof flags);
    return sc_regs_init(ret, cpu, bytes, sc_context_size(cpu));
}

static sc_err *try_x64(const struct search *s, uint64_t addr, struct sc_fault_trap *ret,
                       bool *ret_ok) {
    struct sc_trap t;
    bool here = s->w->ip != SC_UNSET64
                    ? word_is(s, addr + X64_RIP, s->w->ip)
                    : s->w->memory && word_is(s, addr + X64_FAULT_ADDRESS, s->w->memory);
    *ret_ok = false;
    if (!here || !sc_trap_at(s->u, addr, &t) || !(t.beside || t.user))
        return NULL;
    struct sc_fault_trap f = {.address = addr};
    sc_err *err = empty_regs(SC_CPU_X64, &f.regs);
    if (err || !sc_trap_regs(s->u, &t, false, &f.regs, &f.known))
        return err;
    f.has_address = word_is(s, addr + X64_FAULT_ADDRESS, s->w->memory);
    err = find_kept(s, addr, &f.kept);
    if (err)
        return err;
    if (f.kept && !sc_trap_exception_frame(s->u, f.kept, &f.regs, &f.known))
        f.kept = 0;
    *ret = f;
    *ret_ok = true;
    return NULL;
}

static sc_err *try_x86(const struct search *s, uint64_t addr, struct sc_fault_trap *ret,
                       bool *ret_ok) {
    struct sc_step step = {.known = 0};
    struct sc_fault_trap f = {.address = addr};
    *ret_ok = false;
    if (!word_is(s, addr + X86_EIP, s->w->ip) || !word_is(s, addr + X86_DBG_EIP, s->w->ip))
        return NULL;
    sc_err *err = empty_regs(SC_CPU_X86, &f.regs);
    if (err || sc_x86_from_trap(s->u, addr, &f.regs, &step) != SC_STEP_DONE)
        return err;
    f.known = step.known;
    *ret = f;
    *ret_ok = true;
    return NULL;
}

static sc_err *scan(const struct search *s, struct sc_fault_trap *ret, bool *ret_found) {
    const unsigned step = s->u->cpu == SC_CPU_X64 ? 16 : 4;
    uint64_t at = (s->w->sp + step - 1) & ~(uint64_t)(step - 1);
    /* A stack pointer may be any number: counted are the places left, not compared addresses. */
    uint64_t left = at >= s->w->sp && at < s->mem.end ? (s->mem.end - at - 1) / step + 1 : 0;
    sc_err *err = NULL;
    for (; left && !*ret_found && !err; at += step, left--)
        err = s->u->cpu == SC_CPU_X64 ? try_x64(s, at, ret, ret_found)
                                      : try_x86(s, at, ret, ret_found);
    return err;
}

sc_err *sc_fault_trap_find(sc_unwinder *unwinder, const struct sc_stack_opts *opts,
                           const struct sc_trap_wanted *wanted, struct sc_fault_trap *ret,
                           bool *ret_found) {
    struct search s = {.u = unwinder, .w = wanted};
    *ret_found = false;
    bool known = wanted->ip != SC_UNSET64 || wanted->memory != SC_UNSET64;
    if ((unwinder->cpu != SC_CPU_X64 && unwinder->cpu != SC_CPU_X86) || !known)
        return NULL;
    sc_err *err = sc_stackmem_load(unwinder, opts, wanted->sp, &s.mem);
    if (!err)
        err = scan(&s, ret, ret_found);
    sc_stackmem_deinit(&s.mem);
    return err;
}
