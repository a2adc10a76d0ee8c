/* SPDX-License-Identifier: MIT */
/*
 * Of candidates that cannot all be frames: how likely each is.
 *
 * A stack is a path: from the frame that could not be left, over some of the candidates, upwards to
 * the goal. Each candidate on it multiplies the path's weight by the odds that it is a frame, seen
 * alone (scan.c); each step from a frame to the next by how well they fit: can the lower one be
 * called by the upper one, is there room between them, is it a usual distance. What a candidate
 * gets is its share: the weight of all paths over it, by the weight of all paths. Sums over paths
 * need no search: a pass upwards and one downwards.
 *
 * The numbers below are odds. They are judged, with two dumps whose stacks are known in view: too
 * few to measure anything, and none is left to check against.
 */
#include <string.h>

#include "unwind/recover.h"

static double clamp(double w) {
    if (w <= 0)
        return 0;
    return w < 1e-3 ? 1e-3 : w > 1e3 ? 1e3 : w;
}

/* Frames are small: the distance between a stack pointer and its frame's return address. */
static double gap(uint64_t bytes) {
    return bytes <= 0x140    ? 1
           : bytes <= 0x400  ? .6
           : bytes <= 0x1000 ? .3
           : bytes <= 0x4000 ? .1
                             : .02;
}

/* Two functions of the kernel by the parts that they belong to. */
static double parts(const struct sc_code *callee, const struct sc_code *caller) {
    const uint32_t anybody = SC_ROLE_INVOKER | SC_ROLE_START | SC_ROLE_FIRST | SC_ROLE_TRAP |
                             SC_ROLE_SYSCALL | SC_ROLE_CALLOUT | SC_ROLE_EXCEPTION |
                             SC_ROLE_LINKAGE | SC_ROLE_VERIFIER;
    if (caller->roles & anybody || !callee->part || !caller->part)
        return 1;
    if (!strcmp(callee->part, caller->part))
        return 1.5;
    if (caller->level <= 2 && caller->level < callee->level)
        return .15; /* locks and queues do not call up */
    return .6;
}

/* Does CALLER, with its return address, call CALLEE? */
static double call(const struct sc_code *callee, const struct sc_candidate *caller) {
    const struct sc_code *c = &caller->code;
    if (caller->has_target && callee->function)
        return caller->target == callee->function ? 8 : .2; /* .2: it jumped on to the callee */
    if (!callee->name || !c->name || !callee->m || !c->m)
        return 1;
    enum sc_call said = sc_role_call(callee->m->module->name, callee->name, c->name, c->roles);
    if (said != SC_CALL_UNKNOWN)
        return said == SC_CALL_USUAL ? 8 : .12;
    if (callee->m == c->m)
        return parts(callee, c);
    /* The kernel calls drivers through pointers only. */
    if (c->part && !(c->roles & SC_ROLE_INVOKER) && !callee->part)
        return .5;
    return 1;
}

/*
 * Little reward for a link of the chain: chains that are left from earlier calls lead into the
 * living one too. What does not follow the chain is all but ruled out.
 */
static const double CHAINED = 2;

static double step(const struct sc_candidate *from, const struct sc_candidate *to) {
    if (to->slot < from->least || from->resume || from->has_trap)
        return 0;
    if (from->code.roles & SC_ROLE_FIRST)
        return 0;
    bool chained = from->chain && to->slot == from->chain;
    double w = call(&from->code, to) * (chained ? CHAINED : gap(to->slot - from->sp));
    if (from->code.roles & SC_ROLE_START && !(to->code.roles & (SC_ROLE_FIRST | SC_ROLE_START)))
        w *= .02;
    if (from->chain && !chained)
        w *= .001;
    return clamp(w);
}

/* A handler below an anchor that was interrupted. */
static double to_trapped(const struct sc_stretch *s, const struct sc_candidate *from) {
    const uint32_t entries = SC_ROLE_TRAP | SC_ROLE_SYSCALL | SC_ROLE_USER_EXCEPTION;
    bool at_frame = s->anchor->trap && from->sp == s->anchor->trap;
    if (from->sp > s->anchor->sp)
        return 0;
    if (from->code.roles & entries)
        return at_frame || !s->anchor->trap ? 10 : 4;
    if (!from->code.name)
        return at_frame ? 4 : .5;
    return .05;
}

static double to_goal(const struct sc_stretch *s, const struct sc_candidate *from) {
    if (s->goal == SC_GOAL_TRAPPED && from->has_trap)
        return from->trap.address == s->anchor->trap ? 10 : .5;
    if (from->resume || from->has_trap)
        return 1;
    switch (s->goal) {
    case SC_GOAL_TRAPPED: return to_trapped(s, from);
    case SC_GOAL_CALL: {
        const struct sc_candidate to = {.slot = s->anchor->ret_slot, .code = s->anchor_code};
        return step(from, &to);
    }
    case SC_GOAL_OPEN:
        return from->code.roles & SC_ROLE_FIRST ? 1 : from->code.roles & SC_ROLE_START ? .3 : .05;
    case SC_GOAL_CUT: break;
    }
    return .05;
}

void sc_fit(struct sc_stretch *s) {
    double up[SC_CANDIDATES], down[SC_CANDIDATES], all = to_goal(s, &s->from);
    for (size_t i = 0; i < s->count; i++) {
        up[i] = step(&s->from, &s->item[i]);
        for (size_t k = 0; k < i; k++)
            up[i] += up[k] * step(&s->item[k], &s->item[i]);
        up[i] *= clamp(s->item[i].odds);
    }
    for (size_t i = s->count; i-- > 0;) {
        down[i] = to_goal(s, &s->item[i]);
        for (size_t k = i + 1; k < s->count; k++)
            down[i] += step(&s->item[i], &s->item[k]) * clamp(s->item[k].odds) * down[k];
        all += step(&s->from, &s->item[i]) * clamp(s->item[i].odds) * down[i];
    }
    for (size_t i = 0; i < s->count; i++)
        s->item[i].share = all > 0 ? up[i] * down[i] / all : 0;
}
