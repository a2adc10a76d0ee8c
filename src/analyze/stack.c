/* SPDX-License-Identifier: MIT */
/*
 * The stack of the context that the analysis looks at. It is walked with the symbols of those
 * modules that it passes through, and named here, so that it is plain data for whoever reads it.
 */
#include <string.h>

#include "analyze/culprit.h"
#include "analyze/faultregs.h"
#include "mem/space_impl.h"
#include "nt/stackrange.h"

enum { FRAMES_MAX = 256 };

static sc_err *walk(struct sc_case *c) {
    sc_unwinder *unwinder;
    struct sc_stack_opts opts = {.sz = sizeof opts, .max_frames = FRAMES_MAX};
    struct sc_analysis *a = c->a;
    sc_space *space = sc_target_space(c->target);
    uint64_t failures = sc_space_io_failures(space);
    sc_err *err = nt_stack_ranges(c->target, c->machine->current, sc_regs_sp(&a->regs), &opts);
    if (!err)
        err = sc_unwinder_create(c->target, c->symtab, &unwinder);
    if (err)
        return err;
    err = sc_stack_walk(unwinder, &a->regs, &opts, &a->stack);
    if (!err)
        err = sc_fault_trap_look(c, unwinder, &opts);
    if (!err && sc_space_io_failures(space) != failures)
        sc_case_note(c, "The dump file could not be read while the stack was walked: its frames "
                        "may be others.");
    sc_unwinder_destroy(unwinder);
    return err;
}

static sc_err *name_frames(struct sc_case *c) {
    struct sc_analysis *a = c->a;
    const char **name = sc_arena_array(c->arena, a->stack.count + 1, sizeof *name);
    if (!name)
        return sc_err_nomem();
    for (size_t i = 0; i < a->stack.count; i++) {
        const struct sc_frame *f = &a->stack.frame[i];
        if (f->how == SC_FRAME_INLINE && f->module && f->inline_name)
            name[i] = sc_case_text(c, "%s!%s", sc_case_name(c, f->module->name),
                                   sc_case_name(c, f->inline_name));
        else
            name[i] = sc_case_place(c, f->ip);
    }
    a->stack_symbol = name;
    return NULL;
}

/* The command that shows the same stack at the prompt. */
static const char *command_of(struct sc_case *c) {
    const char *regs = c->a->regs_command;
    bool stored = !regs || (c->machine->kernel && !strcmp(regs, ".ecxr"));
    if (regs && regs[0] == '~')
        return sc_case_text(c, "~%ukb", c->machine->current);
    return stored ? "kb" : sc_case_text(c, "%s; kb", regs);
}

static sc_err *walk_and_name(struct sc_case *c) {
    struct sc_analysis *a = c->a;
    if (!a->has_regs) {
        a->stack_why = "the dump holds no registers to begin with";
        sc_case_note(c, "There is no stack: %s.", a->stack_why);
        return NULL;
    }
    sc_err *err = walk(c);
    if (!err)
        err = name_frames(c);
    if (!err)
        a->stack_command = command_of(c);
    return err;
}

sc_err *sc_case_stack(struct sc_case *c) {
    struct sc_culprit *culprit = sc_arena_alloc(c->arena, sizeof *culprit);
    sc_err *err = culprit ? walk_and_name(c) : sc_err_nomem();
    if (err)
        return err;
    sc_fault_regs_find(c);
    sc_culprit_find(c, culprit);
    c->culprit = culprit;
    return c->nomem ? sc_err_nomem() : NULL;
}
