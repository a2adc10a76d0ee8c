/* SPDX-License-Identifier: MIT */
/*
 * The moment of the crash: which thread and process, at which IRQL, and whether the stack pointer
 * lay on the thread's stack. The stack of a thread is not the only one that kernel code runs on:
 * DPCs and interrupts have stacks of the processor's own, so being elsewhere proves nothing.
 */
#include "analyze/explain.h"

#include "nt/irql.h"

enum { DPC_STACK_SIZE = 0x8000, GUARD = 0x1000 };

static void say_thread(struct sc_case *c) {
    const char *text = sc_thread_text(c, c->k->thread);
    if (text)
        sc_case_fact(c, c->k->thread, sc_case_text(c, "!thread %s 0", sc_case_hex(c, c->k->thread)),
                     "It happened in %s.", text);
}

static void say_irql(struct sc_case *c) {
    if (!c->k->has_irql)
        return;
    const char *name = nt_irql_name(c->machine->cpu, c->k->irql);
    sc_case_fact(c, SC_UNSET64, "!irql", "The IRQL before the stop was %llu%s%s%s.",
                 (unsigned long long)c->k->irql, name ? " (" : "", name ? name : "",
                 name ? ")" : "");
}

/* Where the stack pointer of the fault is, when it is not where it is expected. */
static void say_stack(struct sc_case *c) {
    const struct sc_kfacts *k = c->k;
    if (!c->a->has_regs || !c->regs_of_fault || !k->stack_base)
        return;
    uint64_t sp = sc_regs_sp(&c->a->regs);
    if (sp >= k->stack_limit && sp < k->stack_base)
        return;
    const char *limits = sc_case_text(c, "%s to %s", sc_case_addr(c, k->stack_limit),
                                      sc_case_addr(c, k->stack_base));
    if (sp < k->stack_limit && k->stack_limit - sp <= GUARD)
        sc_case_fact(c, sp, sc_case_cxr(c),
                     "The stack pointer, %s, is below the end of the thread's stack (%s): the "
                     "stack overflowed.",
                     sc_case_addr(c, sp), limits);
    else if (k->dpc_stack && sp < k->dpc_stack && k->dpc_stack - sp <= DPC_STACK_SIZE)
        sc_case_fact(c, sp, "!prcb",
                     "The stack pointer, %s, lies on the processor's stack for DPCs, not on the "
                     "thread's.",
                     sc_case_addr(c, sp));
    else
        sc_case_fact(c, sp, sc_case_cxr(c),
                     "The stack pointer, %s, does not lie on the thread's stack (%s).",
                     sc_case_addr(c, sp), limits);
}

void sc_explain_moment(struct sc_case *c) {
    if (c->machine->kernel) {
        say_thread(c);
        say_irql(c);
    }
    say_stack(c);
}
