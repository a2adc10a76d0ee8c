/* SPDX-License-Identifier: MIT */
/*
 * The chain of frame pointers: at the frame pointer lies the caller's, behind it the return address
 *
 *     x86     [ebp], [ebp+4]     where no rule says better: functions without symbols
 *     x64     [rbp], [rbp+8]     code made at run time, and modules without a function table: in
 *                                others rbp is a register like any other
 *     ARM64   [fp],  [fp+8]      likewise; the pair lies at the frame's lower end, so where the
 *                                caller's sp was stays unknown
 *     ARM     [r11], [r11+4]     likewise; Thumb code of other systems than Windows has r7 instead
 *
 * What is found must look right, since nothing says that the register is a frame pointer: aligned,
 * not below sp, not far above it, and the return address must be one. A chain ends with a zero:
 * ebp (or fp) 0 in a caller's frame, or a return address of 0, is the outermost frame.
 *
 * x86 listings show where that is: `00000000 00000000 nt!KiThreadStartup+0x16` has the ebp of 0 as
 * its ChildEBP.
 */
#include "unwind/x86_impl.h"

#define REACH (UINT64_C(4) << 20) /* the largest stacks of one frame are far below */

/* General registers in the CPUs' own numbering. */
enum { ARM_R7 = 7, ARM_R11 = 11, ARM64_FP = 29, ARM64_LR = 30, X64_RSP = 4, X64_RBP = 5 };
#define ARM64_KEPT UINT64_C(0xbff80000) /* across calls: x19 … x28, fp, sp */

struct pointers {
    uint64_t fp, sp;          /* the frame's */
    uint64_t back, ret;       /* what lies there */
    enum sc_return_like like; /* of ret */
};

/* ARM64: an address without its signature: bit 55 says what the upper bits are. */
static uint64_t plain(const struct sc_unwinder *u, uint64_t addr) {
    return addr >> 55 & 1 ? addr | u->pac_mask : addr & ~u->pac_mask;
}

static bool fp_like(const struct sc_unwinder *u, uint64_t fp, uint64_t sp) {
    return !(fp & (u->ptr_size - 1)) && fp >= sp && fp - sp <= REACH;
}

/* Reads the pair and judges it: SC_STEP_NO_RULE when it is none. */
static enum sc_step_status read_pair(struct sc_unwinder *u, struct pointers *p,
                                     struct sc_step *step) {
    if (!fp_like(u, p->fp, p->sp))
        return SC_STEP_NO_RULE;
    if (!sc_step_read_ptr(u, p->fp, &p->back, step) ||
        !sc_step_read_ptr(u, p->fp + u->ptr_size, &p->ret, step))
        return SC_STEP_MEMORY;
    p->ret = plain(u, p->ret);
    p->like = SC_RETURN_CALL;
    if (!p->ret)
        return SC_STEP_DONE;
    step->err = sc_return_like(u, p->ret, &p->like);
    if (step->err)
        return SC_STEP_ERROR;
    /* Memory made at run time is often not in the dump: then the rest of the chain must bear it. */
    bool chained = p->back > p->fp && fp_like(u, p->back, p->fp);
    return p->like > SC_RETURN_UNREAD || (p->like == SC_RETURN_UNREAD && chained) ? SC_STEP_DONE
                                                                                  : SC_STEP_NO_RULE;
}

static void finish(const struct pointers *p, unsigned ptr_size, struct sc_step *ret) {
    ret->how = SC_FRAME_POINTER;
    ret->exact_ip = false;
    ret->missing = 0;
    ret->ret_slot = p->ret ? p->fp + ptr_size : 0;
    ret->base = p->fp;
    ret->callee_params = 0;
    ret->callee_pops = false;
}

static enum sc_step_status pointer_x86(struct sc_unwinder *u, struct sc_unwind_module *m,
                                       bool exact_ip, struct sc_regs *regs, struct sc_step *ret) {
    struct x86_step s = {.u = u, .m = m, .exact_ip = exact_ip, .step = ret};
    sc_x86_take(regs, ret->known, &s.in);
    if (!x86_knows(&s.in, X86_EBP))
        return SC_STEP_NO_RULE;
    struct pointers p = {.fp = s.in.r[X86_EBP], .sp = s.in.r[X86_ESP]};
    s.out = (struct x86_regs){.known = 0};
    if (!p.fp && !exact_ip) { /* the chain's end */
        finish(&p, 4, ret);
        ret->known = 0;
        sc_x86_give(&s.out, regs);
        return SC_STEP_DONE;
    }
    enum sc_step_status status = read_pair(u, &p, ret);
    if (status == SC_STEP_DONE)
        status = sc_x86_params_by_name(&s);
    if (status != SC_STEP_DONE)
        return status;
    const uint32_t params = ret->callee_params;
    const bool pops = ret->callee_pops;
    finish(&p, 4, ret);
    ret->ret_slot = p.fp + 4;
    ret->callee_params = params;
    ret->callee_pops = pops;
    s.out.ip = (uint32_t)p.ret;
    x86_set(&s.out, X86_EBP, (uint32_t)p.back);
    x86_set(&s.out, X86_ESP, (uint32_t)p.fp + 8);
    ret->known = s.out.known;
    sc_x86_give(&s.out, regs);
    return SC_STEP_DONE;
}

static void set(struct sc_regs *regs, const char *name, uint64_t value) {
    sc_reg_set(regs, sc_reg_find(regs->cpu, name), value);
}

static enum sc_step_status pointer_x64(struct sc_unwinder *u, const struct sc_unwind_module *m,
                                       struct sc_regs *regs, struct sc_step *ret) {
    struct pointers p = {.fp = sc_regs_fp(regs), .sp = sc_regs_sp(regs)};
    if ((m && m->has_table) || !(ret->known >> X64_RBP & 1))
        return SC_STEP_NO_RULE;
    enum sc_step_status status = read_pair(u, &p, ret);
    if (status != SC_STEP_DONE)
        return status;
    finish(&p, 8, ret);
    ret->base = p.fp + 16;
    ret->known = 1u << X64_RBP | 1u << X64_RSP;
    set(regs, "rip", p.ret);
    set(regs, "rsp", p.fp + 16);
    set(regs, "rbp", p.back);
    return SC_STEP_DONE;
}

/* The start of the function that ADDR lies in, as far as symbols know; false: they do not. */
static sc_err *function_of(struct sc_unwinder *u, uint64_t addr, uint64_t *ret_start, bool *found) {
    struct sc_near near = {0};
    *found = false;
    sc_err *err = u->symtab ? sc_symtab_near(u->symtab, addr, &near, found) : NULL;
    if (err && sc_err_code(err) != SC_ERR_NOMEM && sc_err_code(err) != SC_ERR_CANCELLED) {
        sc_err_destroy(err);
        err = NULL;
    }
    *ret_start = near.address;
    return err;
}

/*
 * A leaf has no pair: its return address is still in lr, and fp is its caller's. That is so when lr
 * leads to another function (a call that this one made would have left an address of its own there)
 * and differs from what lies in the pair.
 */
static sc_err *is_leaf(struct sc_unwinder *u, uint64_t ip, uint64_t lr, const struct pointers *p,
                       bool *ret_leaf) {
    enum sc_return_like like = SC_RETURN_NO;
    uint64_t own = 0, other = 0;
    bool knows_own = false, knows_other = false;
    *ret_leaf = false;
    if (lr == p->ret)
        return NULL;
    sc_err *err = sc_return_like(u, lr, &like);
    if (err || like < SC_RETURN_MAYBE)
        return err;
    err = function_of(u, ip, &own, &knows_own);
    if (!err)
        err = function_of(u, lr - 4, &other, &knows_other);
    if (!err)
        *ret_leaf = knows_own && knows_other && own != other;
    return err;
}

static enum sc_step_status pointer_arm64(struct sc_unwinder *u, const struct sc_unwind_module *m,
                                         bool exact_ip, struct sc_regs *regs, struct sc_step *ret) {
    struct pointers p = {.fp = sc_regs_fp(regs), .sp = sc_regs_sp(regs)};
    uint64_t lr = 0;
    bool leaf = false;
    if ((m && m->has_table) || !(ret->known >> ARM64_FP & 1))
        return SC_STEP_NO_RULE;
    if (!p.fp && !exact_ip) { /* the chain's end */
        finish(&p, 8, ret);
        ret->known = 0;
        set(regs, "pc", 0);
        return SC_STEP_DONE;
    }
    enum sc_step_status status = read_pair(u, &p, ret);
    if (status == SC_STEP_ERROR)
        return status;
    if (exact_ip && ret->known >> ARM64_LR & 1 && sc_regs_get(regs, "lr", &lr)) {
        lr = plain(u, lr);
        ret->err = is_leaf(u, sc_regs_ip(regs), lr, &p, &leaf);
        if (ret->err)
            return SC_STEP_ERROR;
    }
    if (leaf) {
        finish(&(struct pointers){0}, 8, ret);
        ret->base = p.sp;
        ret->known &= ARM64_KEPT;
        set(regs, "pc", lr);
        return SC_STEP_DONE;
    }
    if (status != SC_STEP_DONE)
        return status;
    finish(&p, 8, ret);
    ret->base = p.fp + 16;
    ret->known = UINT64_C(1) << ARM64_FP;
    set(regs, "pc", p.ret);
    set(regs, "sp", p.fp + 16);
    set(regs, "fp", p.back);
    return SC_STEP_DONE;
}

/* A chain of one of the registers that code of ARM has as its frame pointer. */
static enum sc_step_status pointer_arm(struct sc_unwinder *u, bool exact_ip, struct sc_regs *regs,
                                       struct sc_step *ret) {
    bool thumb = sc_regs_ip(regs) & 1 || sc_regs_flags(regs) & 0x20;
    unsigned reg = thumb && !sc_target_machine(u->target)->windows ? ARM_R7 : ARM_R11;
    const char *name = reg == ARM_R7 ? "r7" : "r11";
    struct pointers p = {.fp = sc_reg_value(regs, sc_reg_find(SC_CPU_ARM, name)),
                         .sp = sc_regs_sp(regs)};
    if (!(ret->known >> reg & 1))
        return SC_STEP_NO_RULE;
    if (!p.fp && !exact_ip) { /* the chain's end */
        finish(&p, 4, ret);
        ret->known = 0;
        set(regs, "pc", 0);
        return SC_STEP_DONE;
    }
    enum sc_step_status status = read_pair(u, &p, ret);
    if (status != SC_STEP_DONE)
        return status;
    /* Code without frame pointers is usual: zeros by chance are no outermost frame. */
    if (!p.ret && (exact_ip || p.back))
        return SC_STEP_NO_RULE;
    finish(&p, 4, ret);
    ret->base = p.fp + 8;
    ret->known = UINT64_C(1) << reg;
    set(regs, "pc", p.ret);
    set(regs, "sp", p.fp + 8);
    set(regs, name, p.back);
    return SC_STEP_DONE;
}

enum sc_step_status sc_step_pointer(struct sc_unwinder *u, struct sc_unwind_module *m,
                                    bool exact_ip, struct sc_regs *regs, struct sc_step *ret) {
    switch (regs->cpu) {
    case SC_CPU_X86: return pointer_x86(u, m, exact_ip, regs, ret);
    case SC_CPU_X64: return pointer_x64(u, m, regs, ret);
    case SC_CPU_ARM64: return pointer_arm64(u, m, exact_ip, regs, ret);
    case SC_CPU_ARM: return pointer_arm(u, exact_ip, regs, ret);
    case SC_CPU_UNKNOWN:
    case SC_CPU_IA64:
    case SC_CPU_OTHER: break;
    }
    return SC_STEP_NO_RULE;
}
