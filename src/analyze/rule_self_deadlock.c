/* SPDX-License-Identifier: MIT */
/*
 * self-deadlock: a thread waits for a resource that it owns itself, under another name. A driver
 * set the owner with ExSetResourceOwnerPointer to a slot of its own stack, and came back to the
 * resource in the same thread: to the kernel that is somebody else. LIKELY of the driver that
 * acquires it.
 *
 * An owner that is a plain thread, or an address on another thread's stack, is an ordinary wait for
 * somebody else, and no finding of this rule.
 */
#include <string.h>

#include "analyze/advice.h"
#include "analyze/kfacts.h"
#include "analyze/rule.h"
#include "nt/current.h"
#include "nt/selflock.h"

enum { FRAMES_MAX = 64 };

static sc_err *walk(struct sc_case *c, const struct nt_thread *t, struct sc_stack *ret) {
    sc_unwinder *unwinder;
    struct sc_regs regs;
    bool saved;
    struct sc_stack_opts opts = {.sz = sizeof opts, .max_frames = FRAMES_MAX};
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

/* The first frame outside of the kernel: who acquires the resource. NULL: none is seen. */
static const struct sc_frame *acquirer(const struct sc_stack *stack) {
    for (size_t i = 0; i < stack->count; i++)
        if (stack->frame[i].module && !sc_case_is_kernel(stack->frame[i].module))
            return stack->frame[i].confidence < 50 ? NULL : &stack->frame[i];
    return NULL;
}

/* The frame that has ADDRESS in its part of the stack; NULL none. */
static const struct sc_frame *holder(const struct sc_stack *stack, uint64_t address) {
    const struct sc_frame *best = NULL;
    for (size_t i = 0; i < stack->count; i++)
        if (stack->frame[i].sp <= address && (!best || stack->frame[i].sp > best->sp))
            best = &stack->frame[i];
    return best;
}

static void write(struct sc_case *c, const struct nt_selflock *s, const struct sc_stack *stack) {
    struct sc_draft d;
    const struct sc_frame *who = acquirer(stack), *slot = holder(stack, s->address);
    const char *thread = sc_case_hex(c, s->thread.address);
    const char *show = sc_case_text(c, "!thread %s", thread);
    sc_draft_init(&d, who ? SC_LIKELY : SC_POSSIBLE);
    d.f.module = who ? who->module : NULL;
    d.f.symbol = who ? sc_case_place(c, who->ip) : NULL;
    d.f.summary = sc_case_text(
        c, "A thread waits for a resource that it owns itself%s%s: it has deadlocked on itself.",
        who ? ", for " : "", who ? sc_case_who(c, who->module) : "");
    d.f.detail = sc_case_text(
        c,
        "The owner of the resource at %s was set with ExSetResourceOwnerPointer to an address on "
        "the thread's own stack, so that the kernel takes the thread for somebody else.",
        sc_case_addr(c, s->resource));
    sc_draft_show(
        c, &d, s->resource, sc_case_text(c, "dt -b nt!_ERESOURCE %s", sc_case_hex(c, s->resource)),
        "Its owner is %s: the two low bits mark an address, %s, in the place of a thread.",
        sc_case_addr(c, s->owner), sc_case_addr(c, s->address));
    sc_draft_show(c, &d, s->address, sc_case_text(c, "!thread %s", sc_case_hex(c, s->owner)),
                  "That address lies on the kernel stack of %s%s%s.",
                  sc_thread_text(c, s->thread.address), slot ? ", in the frame of " : "",
                  slot ? sc_case_place(c, slot->ip) : "");
    sc_draft_show(c, &d, s->object, show,
                  "The same thread waits for the resource's %s at %s, to have it %s.",
                  s->shared ? "semaphore" : "event", sc_case_addr(c, s->object),
                  s->shared ? "shared" : "exclusively");
    if (s->waiters > 1)
        sc_draft_show(c, &d, s->object, show, "%llu others wait behind it.",
                      (unsigned long long)(s->waiters - 1));
    if (who)
        sc_draft_show(c, &d, who->ip, show, "It is acquired by %s.", d.f.symbol);
    else
        sc_draft_lacked(c, &d, "which driver acquires it: the thread's stack does not show one");
    if (who)
        sc_show_module(c, &d, who->module);
    sc_draft_next(c, &d,
                  "Look where the driver calls ExSetResourceOwnerPointer, and how it can be "
                  "entered again in the same thread before it releases the resource.");
    sc_case_add(c, &d);
}

static void run(struct sc_case *c) {
    struct nt_selflock s;
    struct sc_stack stack = {0};
    bool found;
    if (!c->k->book || !sc_case_took(c, nt_selflock_find(&c->k->nt, &s, &found)) || !found)
        return;
    if (sc_case_took(c, walk(c, &s.thread, &stack)))
        write(c, &s, &stack);
    sc_stack_deinit(&stack);
}

const struct sc_rule sc_rule_self_deadlock = {
    "self-deadlock",
    "A thread waits for a resource that it owns under the address of a slot of its stack.",
    SC_RULE_KERNEL,
    run,
};
