/* SPDX-License-Identifier: MIT */
/*
 * The walk: one step after the other, until the stack ends.
 */
#include <stdlib.h>
#include <string.h>

#include "unwind/unwind.h"

static const struct {
    const char *name;
    bool exact;
} hows[] = {
    [SC_FRAME_CONTEXT] = {"context", true}, [SC_FRAME_UNWIND] = {"unwind", true},
    [SC_FRAME_LEAF] = {"leaf", true},       [SC_FRAME_CFI] = {"cfi", true},
    [SC_FRAME_FPO] = {"fpo", true},         [SC_FRAME_TRAP] = {"trap", true},
    [SC_FRAME_SWITCH] = {"switch", true},   [SC_FRAME_POINTER] = {"frame pointer", false},
    [SC_FRAME_FITTED] = {"fitted", false},  [SC_FRAME_SCAN] = {"scan", false},
    [SC_FRAME_INLINE] = {"inline", true},
};

const char *sc_frame_how_name(enum sc_frame_how how) { return hows[how].name; }
bool sc_frame_exact(enum sc_frame_how how) { return hows[how].exact; }

const char *sc_stack_end_text(enum sc_stack_end end) {
    static const char *const text[] = {
        [SC_STACK_END_DONE] = "the outermost frame",
        [SC_STACK_END_LIMIT] = "more frames were not asked for",
        [SC_STACK_END_MEMORY] = "the stack's memory is not in the dump",
        [SC_STACK_END_LOST] = "nothing says how this frame is left",
        [SC_STACK_END_LOOP] = "the stack pointer does not move on",
        [SC_STACK_END_BAD] = "the unwind data is damaged",
        [SC_STACK_END_CANCELLED] = "cancelled",
    };
    return text[end];
}

void sc_stack_deinit(struct sc_stack *stack) {
    free(stack->frame);
    *stack = (struct sc_stack){0};
}

static enum sc_step_status step(struct sc_unwinder *u, struct sc_unwind_module *m, bool exact_ip,
                                struct sc_regs *regs, struct sc_step *ret) {
    enum sc_step_status status = SC_STEP_NO_RULE;
    if (u->cpu == SC_CPU_X64)
        status = sc_step_x64(u, m, exact_ip, regs, ret);
    else if (u->cpu == SC_CPU_ARM64)
        status = sc_step_arm64(u, m, exact_ip, regs, ret);
    else if (u->cpu == SC_CPU_X86)
        status = sc_step_x86(u, m, exact_ip, regs, ret);
    if (status == SC_STEP_NO_RULE)
        status = sc_step_cfi(u, m, exact_ip, regs, ret);
    if (status == SC_STEP_NO_RULE)
        status = sc_step_pointer(u, m, exact_ip, regs, ret);
    return status;
}

static struct sc_frame *push(struct sc_stack *stack) {
    if (stack->count == stack->room) {
        size_t room = stack->room ? stack->room * 2 : 16;
        struct sc_frame *grown = realloc(stack->frame, room * sizeof *grown);
        if (!grown)
            return NULL;
        stack->frame = grown;
        stack->room = room;
    }
    struct sc_frame *f = &stack->frame[stack->count];
    memset(f, 0, sizeof *f);
    f->number = (uint32_t)stack->count++;
    return f;
}

sc_err *sc_stack_walk(sc_unwinder *u, const struct sc_regs *start, const struct sc_stack_opts *opts,
                      struct sc_stack *ret) {
    uint32_t max = opts && opts->max_frames ? opts->max_frames : 1024;
    struct sc_regs regs = *start;
    struct sc_step last = {.how = SC_FRAME_CONTEXT, .exact_ip = true, .known = UINT64_MAX};
    *ret = (struct sc_stack){.end = SC_STACK_END_LIMIT};
    while (ret->count < max) {
        struct sc_unwind_module *m;
        sc_err *err = sc_unwind_module_at(u, sc_regs_ip(&regs), &m);
        struct sc_frame *f = err ? NULL : push(ret);
        if (!f)
            return err ? err : sc_err_nomem();
        f->how = last.how;
        f->confidence = 100;
        f->exact_ip = last.exact_ip;
        f->ip = sc_regs_ip(&regs);
        f->sp = sc_regs_sp(&regs);
        f->module = m ? m->module : NULL;
        f->regs = regs;
        f->known = last.known;
        struct sc_step now = {.known = last.known,
                              .callee_params = last.callee_params,
                              .callee_pops = last.callee_pops};
        enum sc_step_status status = step(u, m, f->exact_ip, &regs, &now);
        if (status == SC_STEP_ERROR)
            return now.err;
        if (status != SC_STEP_DONE) {
            ret->end = status == SC_STEP_MEMORY ? SC_STACK_END_MEMORY
                       : status == SC_STEP_BAD  ? SC_STACK_END_BAD
                                                : SC_STACK_END_LOST;
            ret->end_address = now.missing;
            return NULL;
        }
        f->base = now.base;
        f->ret_slot = now.ret_slot;
        f->trap = now.trap;
        f->has_rule = now.has_rule;
        f->rule = now.rule;
        f->ret = sc_regs_ip(&regs);
        if (!f->ret) {
            ret->end = SC_STACK_END_DONE;
            return NULL;
        }
        last = now;
    }
    return NULL;
}
