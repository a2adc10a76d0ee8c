/* SPDX-License-Identifier: MIT */
/*
 * hung-processor: another processor did not answer (0x101), and the dump holds its registers.
 * LIKELY when it stands in a driver's own code, POSSIBLE when a driver only stands further out on
 * its stack. Never more: when a processor does not answer, its registers are those of its last
 * state that was saved.
 */
#include <string.h>

#include "analyze/advice.h"
#include "analyze/kfacts.h"
#include "analyze/rule.h"
#include "nt/stackrange.h"

enum { CLOCK_WATCHDOG = 0x101, FRAMES_MAX = 64 };

/* The culprit on the stack of processor INDEX, whose registers are REGS. */
static sc_err *find(struct sc_case *c, uint32_t index, const struct sc_regs *regs,
                    struct sc_stack *stack, struct sc_culprit *ret) {
    sc_unwinder *unwinder;
    struct sc_stack_opts opts = {.sz = sizeof opts, .max_frames = FRAMES_MAX};
    sc_err *err = nt_stack_ranges(c->target, index, sc_regs_sp(regs), &opts);
    if (!err)
        err = sc_unwinder_create(c->target, c->symtab, &unwinder);
    if (err)
        return err;
    err = sc_stack_walk(unwinder, regs, &opts, stack);
    sc_unwinder_destroy(unwinder);
    if (err)
        return err;
    /* The same case, seen from there. */
    struct sc_analysis a = *c->a;
    a.stack = *stack;
    a.stack_symbol = NULL;
    struct sc_case there = *c;
    there.a = &a;
    there.regs_of_fault = true;
    there.trap = NULL;
    sc_culprit_find(&there, ret);
    c->nomem |= there.nomem;
    return NULL;
}

static void write(struct sc_case *c, uint32_t index, const struct sc_stack *stack,
                  const struct sc_culprit *k) {
    struct sc_draft d;
    bool own = k->link == SC_LINK_OWN && k->percent == 100 && !k->framework;
    const struct sc_frame *f = &stack->frame[k->frame];
    const char *command = sc_case_text(c, "~%us; kn; ~%us", index, c->machine->current);
    sc_draft_init(&d, own ? SC_LIKELY : SC_POSSIBLE);
    d.f.module = k->module;
    d.f.symbol = sc_case_place(c, f->ip);
    d.f.summary = sc_case_text(c, "Processor %u did not answer while it was %s %s.", index,
                               own ? "in" : "working for", sc_case_who(c, k->module));
    d.f.detail = sc_case_text(c, "The registers of processor %u lead to %s.", index, d.f.symbol);
    sc_draft_show(c, &d, SC_UNSET64, ".bugcheck",
                  "By parameters 3 and 4, processor %u did not answer.", index);
    sc_draft_show(c, &d, f->ip, command, "The registers of processor %u %s %s.", index,
                  own ? "stand at" : "stand in the kernel; further out on its stack is",
                  d.f.symbol);
    sc_draft_against(c, &d, f->ip, command,
                     "They are those of its last state that was saved, which may be an older one.");
    if (k->percent < 100)
        sc_draft_against(c, &d, f->ip, command, "The way to that frame is not exact (%u%%).",
                         k->percent);
    sc_show_module(c, &d, k->module);
    sc_advise_module(c, &d, k->module);
    sc_case_add(c, &d);
}

/*
 * Parameter 3 is the PRCB of the processor that does not answer, parameter 4 its number; before
 * Windows 8 the latter is 0.
 */
static uint64_t hung_index(struct sc_case *c) {
    const struct sc_threads *list;
    uint64_t prcb = c->a->arg[2].value;
    if (prcb && sc_case_took(c, sc_target_threads(c->target, &list)))
        for (size_t i = 0; i < list->count; i++)
            if (list->item[i].prcb == prcb)
                return list->item[i].index;
    return c->a->arg[3].value;
}

static void run(struct sc_case *c) {
    struct sc_regs regs;
    struct sc_stack stack = {0};
    struct sc_culprit k;
    uint64_t index;
    if (sc_plain_code(c->a->code) != CLOCK_WATCHDOG)
        return;
    index = hung_index(c);
    if (index >= c->machine->ncpus || index == c->machine->current)
        return;
    if (!sc_case_took(c, sc_target_regs(c->target, (uint32_t)index, &regs)))
        return;
    if (sc_case_took(c, find(c, (uint32_t)index, &regs, &stack, &k)) && k.found && !k.waits &&
        !k.spin)
        write(c, (uint32_t)index, &stack, &k);
    sc_stack_deinit(&stack);
}

const struct sc_rule sc_rule_hung_processor = {
    "hung-processor",
    "A processor did not answer, and its registers lead to a driver.",
    SC_RULE_KERNEL | SC_RULE_BUGCHECK,
    run,
};
