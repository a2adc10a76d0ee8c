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
#include "analyze/advice.h"
#include "analyze/kfacts.h"
#include "analyze/rule.h"
#include "analyze/waiter.h"
#include "nt/selflock.h"

/* How the thread waits; what it waits for is an event of its own where waiters are chained. */
static void show_wait(struct sc_case *c, struct sc_draft *d, const struct nt_selflock *s,
                      const char *show) {
    const char *how = s->wait.shared ? "shared" : "exclusively";
    const char *at = sc_case_addr(c, s->wait.object);
    if (s->wait.chained)
        sc_draft_show(c, d, s->wait.object, show,
                      "The same thread stands in the resource's chain of waiters, with the event "
                      "at %s, to have it %s.",
                      at, how);
    else
        sc_draft_show(c, d, s->wait.object, show,
                      "The same thread waits for the resource's %s at %s, to have it %s.",
                      s->wait.shared ? "semaphore" : "event", at, how);
    if (s->waiters > 1)
        sc_draft_show(c, d, s->wait.object, show, "%llu others wait %s.",
                      (unsigned long long)(s->waiters - 1),
                      s->wait.chained ? "in that chain, too" : "behind it");
}

/*
 * Whose the slot at ADDRESS is: "in the frame of F"; on x64 the first four pointers of a frame are
 * where the function that F called keeps its parameters: "…, where G keeps its parameters".
 */
static const char *slot_text(struct sc_case *c, const struct sc_stack *stack, uint64_t address) {
    const struct sc_frame *f = sc_waiter_frame(stack, address);
    if (!f)
        return "";
    const char *in = sc_case_text(c, ", in the frame of %s", sc_case_place(c, f->ip));
    bool home = c->machine->cpu == SC_CPU_X64 && f > stack->frame && address - f->sp < 0x20;
    return home ? sc_case_text(c, "%s, where %s keeps its parameters", in,
                               sc_case_place(c, f[-1].ip))
                : in;
}

static void write(struct sc_case *c, const struct nt_selflock *s, const struct sc_stack *stack) {
    struct sc_draft d;
    const struct sc_frame *who = sc_waiter_acquirer(stack);
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
                  "That address lies on the kernel stack of %s%s.", sc_waiter_name(c, &s->thread),
                  slot_text(c, stack, s->address));
    show_wait(c, &d, s, show);
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
    if (sc_case_took(c, sc_waiter_walk(c, &s.thread, &stack)))
        write(c, &s, &stack);
    sc_stack_deinit(&stack);
}

const struct sc_rule sc_rule_self_deadlock = {
    "self-deadlock",
    "A thread waits for a resource that it owns under the address of a slot of its stack.",
    SC_RULE_KERNEL | SC_RULE_STATE,
    run,
};
