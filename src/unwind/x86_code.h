/* SPDX-License-Identifier: MIT */
/*
 * Frames of x86 from the code itself. Symbols describe a function's body; where a function has only
 * just been entered, or is about to return, the code says exactly what they leave out.
 */
#ifndef STOPCODE_UNWIND_X86_CODE_H
#define STOPCODE_UNWIND_X86_CODE_H

#include "unwind/x86_impl.h"

/* What a straight run of code from a function's first instruction has done to the stack. */
struct x86_entry {
    bool has_depth;
    uint32_t depth; /* bytes between esp and the return address */
    bool has_ebp;
    int32_t ebp_depth; /* bytes between what ebp points to and the return address */
    uint32_t saved;    /* bit N: register N lies saved_depth[N] bytes below the return address */
    uint32_t lost;     /* bit N: register N was changed, and not saved before */
    uint32_t saved_depth[X86_GPRS];
};

/*
 * Runs through the code from START to STOP in thought. SC_STEP_NO_RULE: it is not that simple
 * (calls, jumps, an esp that was computed), or its bytes are not there.
 */
enum sc_step_status sc_x86_entry(struct x86_step *s, uint32_t start, uint32_t stop,
                                 struct x86_entry *ret);
/* Nonvolatile registers as E saved them below s->slot. */
enum sc_step_status sc_x86_restore(struct x86_step *s, const struct x86_entry *e);
/* Leaves a frame whose code was entered at START and has come to the frame's ip. */
enum sc_step_status sc_x86_leave_entry(struct x86_step *s, uint32_t start);

/*
 * Leaves a frame whose code returns without further ado: pops, `leave`, `ret`. Works from the
 * frame's ip on, so it must be exact or the callee's parameters off the stack.
 */
enum sc_step_status sc_x86_leave_exit(struct x86_step *s);

#endif
