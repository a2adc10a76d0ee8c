/* SPDX-License-Identifier: MIT */
/* Stacks of threads that wait. */
#include "analyze/waiter.h"

#include "analyze/kfacts.h"
#include "nt/current.h"

enum { FRAMES_MAX = 64, SURE_ENOUGH = 50 };

const char *sc_waiter_name(struct sc_case *c, const struct nt_thread *t) {
    const char *name = sc_thread_text(c, t->address);
    return name ? name : sc_case_text(c, "thread %s", sc_case_addr(c, t->address));
}

sc_err *sc_waiter_walk(struct sc_case *c, const struct nt_thread *t, struct sc_stack *ret) {
    sc_unwinder *unwinder;
    struct sc_regs regs;
    bool saved;
    struct sc_stack_opts opts = {.sz = sizeof opts, .max_frames = FRAMES_MAX, .kernel_only = true};
    sc_err *err = sc_unwinder_create(c->target, c->symtab, &unwinder);
    if (err)
        return err;
    err = nt_thread_regs(&c->k->nt, t, unwinder, &regs, &saved);
    opts.range[opts.nranges++] =
        (struct sc_stack_range){t->f[NT_T_STACK_LIMIT].value, t->f[NT_T_STACK_BASE].value};
    if (!err)
        err = sc_stack_walk(unwinder, &regs, &opts, ret);
    sc_unwinder_destroy(unwinder);
    return err;
}

const struct sc_frame *sc_waiter_acquirer(const struct sc_stack *stack) {
    for (size_t i = 0; i < stack->count; i++)
        if (stack->frame[i].module && !sc_case_is_kernel(stack->frame[i].module))
            return stack->frame[i].confidence < SURE_ENOUGH ? NULL : &stack->frame[i];
    return NULL;
}

const struct sc_frame *sc_waiter_frame(const struct sc_stack *stack, uint64_t address) {
    const struct sc_frame *best = NULL;
    for (size_t i = 0; i < stack->count; i++)
        if (stack->frame[i].sp <= address && (!best || stack->frame[i].sp > best->sp))
            best = &stack->frame[i];
    return best;
}
