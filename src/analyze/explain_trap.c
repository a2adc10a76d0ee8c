/* SPDX-License-Identifier: MIT */
/*
 * 0x7F, UNEXPECTED_KERNEL_MODE_TRAP, and 0x139, KERNEL_SECURITY_CHECK_FAILURE.
 *
 * What parameters 2 to 4 of a double fault hold is not documented. Published dumps of x64 have two
 * forms, told apart by what stands there:
 *   older systems   CR0 (…80050031 or …33), CR4, the instruction
 *   newer systems   the trap frame of the double fault, its stack pointer, its instruction
 * A trap frame is believed only when it holds the instruction that parameter 4 names.
 */
#include "analyze/explain.h"

#include "analyze/records.h"
#include "nt/status.h"

enum { DOUBLE_FAULT = 8, CR0_PE_PG = (int)0x80000001u };

static bool is_cr0(uint64_t value) {
    return value <= UINT32_MAX && (value & 0x80000001u) == 0x80000001u;
}

void sc_explain_trap_frame(struct sc_case *c) {
    struct sc_regs regs;
    if (sc_arg(c, 1) != DOUBLE_FAULT || c->machine->cpu != SC_CPU_X64 ||
        !sc_load_trap_frame(c, sc_arg(c, 2), &regs) || sc_regs_ip(&regs) != sc_arg(c, 4))
        return;
    sc_arg_add(c, 2, "trap frame of the double fault, stands at %s",
               sc_case_place(c, sc_regs_ip(&regs)));
    if (!c->a->has_regs)
        sc_take_regs(c, &regs, sc_arg(c, 2), ".trap", true);
}

/* The three parameters of an x64 double fault that has no trap frame in the dump. */
static void name_double_fault(struct sc_case *c) {
    if (is_cr0(sc_arg(c, 2)) && sc_arg(c, 3) <= UINT32_MAX) {
        sc_arg_add(c, 2, "CR0: paging and protection on%s", sc_arg(c, 2) >> 16 & 1 ? ", WP" : "");
        sc_arg_add(c, 3, "CR4");
    } else if (sc_case_in_kernel(c, sc_arg(c, 3)) && !(sc_arg(c, 3) & 7)) {
        sc_arg_add(c, 3, "stack pointer at the double fault");
    }
    c->a->arg[3].where = sc_case_where(c, sc_arg(c, 4));
    if (c->a->arg[3].where)
        sc_arg_add(c, 4, "instruction at the double fault");
}

/* Where the stack pointer stood against the limits of the thread's stack. */
static void say_limits(struct sc_case *c, uint64_t sp) {
    const struct sc_kfacts *k = c->k;
    const char *at = sc_case_addr(c, sp);
    if (!k->stack_base) {
        sc_case_note(c, "Whether the kernel stack overflowed cannot be told: the dump does not "
                        "hold the limits of the thread's stack.");
        return;
    }
    const char *command = sc_case_text(c, "!thread %s", sc_case_hex(c, k->thread));
    const char *limit = sc_case_addr(c, k->stack_limit), *base = sc_case_addr(c, k->stack_base);
    if (sp >= k->stack_limit && sp < k->stack_base)
        sc_case_fact(c, sp, command,
                     "The stack pointer, %s, is inside the thread's stack, %s to %s, with 0x%llx "
                     "bytes left: the double fault has another cause than a full stack.",
                     at, limit, base, (unsigned long long)(sp - k->stack_limit));
    else if (sp < k->stack_limit && k->stack_limit - sp < 0x10000)
        sc_case_fact(c, sp, command,
                     "The stack pointer, %s, is 0x%llx bytes below the end of the thread's stack, "
                     "%s to %s: the kernel stack overflowed.",
                     at, (unsigned long long)(k->stack_limit - sp), limit, base);
    else
        sc_case_fact(c, sp, command,
                     "The stack pointer, %s, is nowhere near the thread's stack, %s to %s.", at,
                     limit, base);
}

void sc_explain_trap(struct sc_case *c) {
    if (sc_arg(c, 1) != DOUBLE_FAULT)
        return;
    if (c->machine->cpu == SC_CPU_X64)
        name_double_fault(c);
    bool frame = c->a->has_regs && c->regs_of_fault;
    if (frame)
        say_limits(c, sc_regs_sp(&c->a->regs));
    else if (c->machine->cpu == SC_CPU_X64 && sc_case_in_kernel(c, sc_arg(c, 3)))
        say_limits(c, sc_arg(c, 3));
}

/* Do the trap frame and the exception record agree with parameter 1? */
void sc_explain_fail_fast(struct sc_case *c) {
    const struct sc_exception *e = &c->a->exception;
    uint32_t code = (uint32_t)sc_arg(c, 1);
    uint64_t cx;
    if (c->a->has_exception && e->code == 0xc0000409 && e->nparams) {
        bool same = (uint32_t)e->param[0] == code;
        const char *name = nt_fastfail_name((uint32_t)e->param[0]);
        sc_case_fact(c, c->a->exception_va, sc_case_exr(c),
                     "The exception record holds the code %u%s%s%s%s.", (uint32_t)e->param[0],
                     name ? " (" : "", name ? name : "", name ? ")" : "",
                     same ? ", as parameter 1 does" : ", but parameter 1 says otherwise");
    }
    if (c->a->has_regs && c->regs_of_fault &&
        sc_regs_get(&c->a->regs, c->is32 ? "ecx" : "rcx", &cx) && (uint32_t)cx == code)
        sc_case_fact(c, SC_UNSET64, sc_case_cxr(c),
                     "%s is %u in the trap frame: `int 29h` was reached with that code.",
                     c->is32 ? "ecx" : "rcx", code);
}
