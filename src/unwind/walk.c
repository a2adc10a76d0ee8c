/* SPDX-License-Identifier: MIT */
/*
 * The walk: from a frame to its caller, until the stack ends.
 *
 * Exact rules come first: unwind data, programs of the symbols, a trap frame where the function is
 * one that the processor enters, a function's first instruction, the chain of frame pointers. Where
 * none of them applies, what the stack's memory tells (recover.h) is taken, and said to be what it
 * is. Each frame but those behind traps must lie higher than the one before, so a walk ends.
 */
#include <stdlib.h>
#include <string.h>

#include "unwind/inlines.h"
#include "unwind/recover.h"
#include "unwind/trap_x86.h"

enum { MAX_FRAMES = 1024, LIMIT_FRAMES = 1 << 20 };

/* The frame to come. */
struct next {
    struct sc_regs regs;
    uint64_t known;
    enum sc_frame_how how;
    uint8_t confidence;
    bool exact_ip, suspect;
    uint32_t callee_params; /* x86: as in struct sc_step */
    bool callee_pops;
};

struct walk {
    struct sc_unwinder *u;
    const struct sc_stack_opts *opts;
    struct sc_stack *out;
    size_t max;
    struct next next;
    struct sc_unwind_module *m; /* of the frame that is being left */
    bool warned;
    struct sc_recover recover;
    struct sc_found *found; /* frames that were concluded, and not shown yet */
    size_t shown;
};

/* What became of leaving a frame. */
enum left {
    LEFT,   /* walk->next is the caller */
    NO_WAY, /* not by this means */
    ENDED,  /* walk->out->end says why */
    FAILED, /* the error is in *ret_err */
};

/* ---- names ---- */

static const struct {
    const char *name;
    bool exact;
} hows[] = {
    [SC_FRAME_CONTEXT] = {"context", true}, [SC_FRAME_UNWIND] = {"unwind", true},
    [SC_FRAME_LEAF] = {"leaf", true},       [SC_FRAME_CFI] = {"cfi", true},
    [SC_FRAME_FPO] = {"fpo", true},         [SC_FRAME_TRAP] = {"trap", true},
    [SC_FRAME_ENTRY] = {"entry", true},     [SC_FRAME_DISPATCH] = {"dispatch", true},
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

/* ---- frames ---- */

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
    memset(f, 0, offsetof(struct sc_frame, regs));
    f->known = 0;
    f->number = (uint32_t)stack->count++;
    return f;
}

static struct sc_frame *push_next(struct walk *w) {
    struct sc_frame *f = push(w->out);
    if (!f)
        return NULL;
    f->how = w->next.how;
    f->confidence = w->next.confidence;
    f->suspect = w->next.suspect;
    f->exact_ip = w->next.exact_ip;
    f->ip = sc_regs_ip(&w->next.regs);
    f->sp = sc_regs_sp(&w->next.regs);
    f->module = w->m ? w->m->module : NULL;
    f->regs = w->next.regs;
    f->known = w->next.known;
    return f;
}

static sc_err *push_inlines(struct walk *w) {
    struct sc_inline in[SC_INLINES_MAX];
    size_t count = 0;
    if (w->opts && w->opts->no_inlines)
        return NULL;
    sc_err *err = sc_inlines_at(w->m, sc_regs_ip(&w->next.regs), w->next.exact_ip, in, &count);
    for (size_t i = 0; !err && i < count && w->out->count < w->max; i++) {
        struct sc_frame *f = push_next(w);
        if (!f)
            return sc_err_nomem();
        f->how = SC_FRAME_INLINE;
        f->inline_name = in[i].name;
        f->inline_file = in[i].file;
        f->inline_line = in[i].line;
    }
    return err;
}

/*
 * Args to Child, from where the convention of the CPU has them: x86, above what ChildEBP shows;
 * x64, where the caller's stack pointer is, which behind a trap is not above the return address.
 */
static void read_params(struct sc_unwinder *u, struct sc_frame *f, const struct sc_regs *caller) {
    uint8_t b[SC_FRAME_PARAMS * 8];
    uint64_t base = f->base ? f->base : sc_regs_fp(&f->regs);
    uint64_t at = u->cpu != SC_CPU_X64 ? base + 8 : f->trap ? sc_regs_sp(caller) : f->ret_slot + 8;
    size_t got = 0;
    if ((u->cpu == SC_CPU_X64 ? !f->ret_slot : u->cpu != SC_CPU_X86 || !base))
        return;
    sc_space_read(u->space, sc_space_canon(u->space, at), b, (size_t)u->ptr_size * SC_FRAME_PARAMS,
                  &got);
    f->nparams = (uint8_t)(got / u->ptr_size);
    for (unsigned i = 0; i < f->nparams; i++)
        for (unsigned k = 0; k < u->ptr_size; k++)
            f->param[i] |= (uint64_t)b[i * u->ptr_size + k] << 8 * k;
}

static struct sc_frame *current(struct walk *w) { return &w->out->frame[w->out->count - 1]; }

static enum left end(struct walk *w, enum sc_stack_end why, uint64_t address) {
    w->out->end = why;
    w->out->end_address = address;
    return ENDED;
}

static enum left fail(sc_err *err, sc_err **ret_err) {
    *ret_err = err;
    return FAILED;
}

/* WinDbg's warning: once, where the guessing begins. */
static void warn(struct walk *w) {
    if (!w->warned)
        current(w)->warn = true;
    w->warned = true;
}

/* The caller's registers are in w->next.regs; what else is to be known of it. */
static enum left leave(struct walk *w, enum sc_frame_how how, uint8_t confidence, bool exact_ip) {
    struct sc_frame *f = current(w);
    f->ret = sc_regs_ip(&w->next.regs);
    w->next.suspect = f->suspect || !sc_frame_exact(f->how);
    w->next.how = how;
    w->next.confidence = confidence;
    w->next.exact_ip = exact_ip;
    if (how != SC_FRAME_CFI && how != SC_FRAME_FPO && how != SC_FRAME_LEAF) {
        w->next.callee_params = 0;
        w->next.callee_pops = false;
    }
    /* Who was interrupted at 0 had called through a null pointer: that is no end. */
    return f->ret || exact_ip ? LEFT : end(w, SC_STACK_END_DONE, 0);
}

/* Only ip and the stack pointer are known of the caller. */
static void go(struct walk *w, uint64_t ip, uint64_t sp) {
    static const struct {
        enum sc_cpu cpu;
        const char *ip, *sp;
        unsigned bit;
    } names[] = {{SC_CPU_X64, "rip", "rsp", 4},
                 {SC_CPU_X86, "eip", "esp", 4},
                 {SC_CPU_ARM64, "pc", "sp", 31},
                 {SC_CPU_ARM, "pc", "sp", 13}};
    for (unsigned i = 0; i < sizeof names / sizeof *names; i++) {
        if (names[i].cpu != w->u->cpu)
            continue;
        sc_reg_set(&w->next.regs, sc_reg_find(names[i].cpu, names[i].ip), ip);
        sc_reg_set(&w->next.regs, sc_reg_find(names[i].cpu, names[i].sp), sp);
        w->next.known = UINT64_C(1) << names[i].bit;
    }
}

/* ---- rules ---- */

static enum sc_step_status run_step(struct walk *w, struct sc_regs *regs, struct sc_step *ret) {
    struct sc_unwinder *u = w->u;
    bool exact_ip = current(w)->exact_ip;
    enum sc_step_status status = SC_STEP_NO_RULE;
    if (u->cpu == SC_CPU_X64)
        status = sc_step_x64(u, w->m, exact_ip, regs, ret);
    else if (u->cpu == SC_CPU_ARM64)
        status = sc_step_arm64(u, w->m, exact_ip, regs, ret);
    else if (u->cpu == SC_CPU_X86)
        status = sc_step_x86(u, w->m, exact_ip, regs, ret);
    if (status == SC_STEP_NO_RULE)
        status = sc_step_cfi(u, w->m, exact_ip, regs, ret);
    if (status == SC_STEP_NO_RULE)
        status = sc_step_frameproc(u, w->m, exact_ip, regs, ret);
    return status;
}

/* Was the walk in this place before? Traps can lead anywhere, also in a circle. */
static bool seen(const struct walk *w, uint64_t ip, uint64_t sp) {
    for (size_t i = 0; i < w->out->count; i++)
        if (w->out->frame[i].sp == sp && w->out->frame[i].ip == ip)
            return true;
    return false;
}

static bool moves_on(const struct walk *w, const struct sc_frame *f, const struct sc_regs *regs,
                     bool crossed) {
    uint64_t ip = sc_regs_ip(regs), sp = sc_regs_sp(regs);
    if (crossed)
        return !seen(w, ip, sp);
    /* A leaf of ARM64 leaves the stack alone; its caller cannot be one. */
    bool leaf = (w->u->cpu == SC_CPU_ARM64 || w->u->cpu == SC_CPU_ARM) && f->exact_ip;
    return sp > f->sp || (leaf && sp == f->sp && ip != f->ip);
}

/* Of what a step says by itself: it may have searched where its rule left something open. */
static uint8_t confidence_of(enum sc_frame_how how) {
    return sc_frame_exact(how) ? 100 : how == SC_FRAME_FITTED ? 90 : how == SC_FRAME_SCAN ? 60 : 80;
}

/* Registers that the processor's entry saved and the unwind data of its handler does not name. */
static void complete_trap(struct walk *w, struct sc_frame *f, uint64_t machine) {
    struct sc_trap t;
    for (unsigned back = 0x160; back <= 0x168; back += 8) {
        if (machine < back || !sc_trap_at(w->u, machine - back, &t) ||
            t.ip != sc_regs_ip(&w->next.regs) || t.sp != sc_regs_sp(&w->next.regs))
            continue;
        f->trap = t.address;
        sc_trap_regs(w->u, &t, false, &w->next.regs, &w->next.known);
        return;
    }
}

static enum left by_rule(struct walk *w, sc_err **ret_err) {
    struct sc_step step = {.known = w->next.known,
                           .callee_params = w->next.callee_params,
                           .callee_pops = w->next.callee_pops};
    struct sc_regs regs = w->next.regs;
    enum sc_step_status status = run_step(w, &regs, &step);
    struct sc_frame *f = current(w);
    f->has_rule = step.has_rule;
    f->rule = step.rule;
    if (status == SC_STEP_ERROR)
        return fail(step.err, ret_err);
    if (status == SC_STEP_MEMORY)
        return end(w, SC_STACK_END_MEMORY, step.missing);
    if (status == SC_STEP_BAD)
        w->out->end_address = step.missing;
    if (status != SC_STEP_DONE)
        return NO_WAY;
    f->base = step.base;
    f->ret_slot = step.ret_slot;
    f->trap = step.trap;
    if ((sc_regs_ip(&regs) || step.trap) && !moves_on(w, f, &regs, step.trap != 0))
        return end(w, SC_STACK_END_LOOP, 0);
    w->next.regs = regs;
    w->next.known = step.known;
    w->next.callee_params = step.callee_params;
    w->next.callee_pops = step.callee_pops;
    if (step.trap && w->u->cpu == SC_CPU_X64)
        complete_trap(w, f, step.trap);
    return leave(w, step.how, confidence_of(step.how), step.exact_ip);
}

/* The frame before this one has the nonvolatile registers of who was interrupted. */
static void take_exception_frame(struct walk *w, uint64_t handler_sp) {
    struct sc_code code;
    size_t n = w->out->count;
    while (n-- > 1) {
        const struct sc_frame *f = &w->out->frame[n - 1];
        if (f->how == SC_FRAME_INLINE || f->sp >= handler_sp)
            continue;
        sc_err *err = sc_code_at(w->u, f->ip, !f->exact_ip, &code);
        if (!err && (code.roles & SC_ROLE_EXCEPTION_FRAME))
            sc_trap_exception_frame(w->u, f->sp, &w->next.regs, &w->next.known);
        sc_err_destroy(err);
        return;
    }
}

static enum left through_trap(struct walk *w, const struct sc_trap *t, const struct sc_code *code) {
    struct sc_frame *f = current(w);
    if (seen(w, t->ip, t->sp))
        return end(w, SC_STACK_END_LOOP, 0);
    w->next.known = 0;
    f->trap = t->address;
    if (code->roles & SC_ROLE_CALLOUT) {
        go(w, t->ip, t->sp);
        return leave(w, SC_FRAME_TRAP, 100, true);
    }
    if (!sc_trap_regs(w->u, t, code->roles & SC_ROLE_SYSCALL, &w->next.regs, &w->next.known))
        return end(w, SC_STACK_END_MEMORY, t->address);
    take_exception_frame(w, f->sp);
    return leave(w, SC_FRAME_TRAP, 100, true);
}

/* The same for x86, whose handlers keep the frame's address in ebp, and in esp when they call. */
static enum left through_trap_x86(struct walk *w, sc_err **ret_err) {
    enum { EBP = 5, TRIES = 9 };
    struct sc_frame *f = current(w);
    for (unsigned i = f->known >> EBP & 1 ? 0 : 1; i < TRIES; i++) {
        uint64_t at = i ? f->sp + 4 * (i - 1) : sc_regs_fp(&f->regs);
        struct sc_regs regs = w->next.regs;
        struct sc_step step = {0};
        enum sc_step_status status = sc_x86_from_trap(w->u, at, &regs, &step);
        if (status == SC_STEP_ERROR)
            return fail(step.err, ret_err);
        if (status != SC_STEP_DONE || seen(w, sc_regs_ip(&regs), sc_regs_sp(&regs)))
            continue;
        w->next.regs = regs;
        w->next.known = step.known;
        f->trap = at;
        f->base = step.base;
        return leave(w, SC_FRAME_TRAP, 100, true);
    }
    return NO_WAY;
}

/*
 * A CONTEXT that the kernel put where a user-mode dispatcher begins. x64: at its stack pointer.
 * x86: there lie pointers to the EXCEPTION_RECORD and to the CONTEXT.
 */
static enum left user_context(struct walk *w) {
    enum { PARTS = 3 }; /* control, integer */
    struct sc_frame *f = current(w);
    struct sc_regs regs;
    uint8_t raw[SC_CONTEXT_MAX];
    uint64_t at = f->sp;
    struct sc_step unused;
    if (w->u->cpu == SC_CPU_X86 && !sc_step_read_ptr(w->u, f->sp + 4, &at, &unused))
        return NO_WAY;
    if ((w->u->cpu != SC_CPU_X64 && w->u->cpu != SC_CPU_X86) || at < f->sp ||
        sc_space_read(w->u->space, at, raw, sc_context_size(w->u->cpu), NULL) != SC_READ_OK)
        return NO_WAY;
    sc_err *err = sc_regs_init(&regs, w->u->cpu, raw, sc_context_size(w->u->cpu));
    uint32_t flags = err ? 0 : sc_regs_context_flags(&regs);
    uint32_t mark = w->u->cpu == SC_CPU_X64 ? 0x00100000 : 0x00010000;
    sc_err_destroy(err);
    if (err || (flags & 0x07ffff80) != mark || (flags & PARTS) != PARTS ||
        sc_regs_sp(&regs) <= f->sp || seen(w, sc_regs_ip(&regs), sc_regs_sp(&regs)))
        return NO_WAY;
    f->trap = at;
    w->next.regs = regs;
    w->next.known = UINT64_MAX;
    return leave(w, SC_FRAME_TRAP, 100, true);
}

/* The return address lies at the stack pointer (ARM64: in lr): nothing was pushed yet. */
static enum left at_top(struct walk *w, bool call_needed, enum sc_frame_how how, uint8_t confidence,
                        sc_err **ret_err) {
    struct sc_frame *f = current(w);
    uint64_t ret, sp = f->sp;
    struct sc_step unused;
    enum sc_return_like like;
    if (w->u->cpu == SC_CPU_ARM64) {
        if (!(f->known >> 30 & 1) || !sc_regs_get(&f->regs, "lr", &ret))
            return NO_WAY;
        ret = sc_code_strip(w->u, ret);
    } else if (w->u->cpu == SC_CPU_X64 || w->u->cpu == SC_CPU_X86) {
        if (!sc_step_read_ptr(w->u, sp, &ret, &unused))
            return NO_WAY;
        f->ret_slot = sp;
        sp += w->u->ptr_size;
    } else {
        return NO_WAY;
    }
    sc_err *err = sc_return_like(w->u, ret, &like);
    if (err)
        return fail(err, ret_err);
    if (like != SC_RETURN_CALL && like != SC_RETURN_OUTSIDE &&
        (call_needed || like != SC_RETURN_MAYBE)) {
        f->ret_slot = 0;
        return NO_WAY;
    }
    uint64_t known = w->next.known;
    go(w, ret, sp);
    w->next.known = known; /* nothing has run yet that could change a register */
    f->base = w->u->cpu == SC_CPU_X86 ? f->ret_slot - 4 : sp;
    return leave(w, how, confidence, false);
}

/* By what the function is known to be. */
static enum left by_role(struct walk *w, sc_err **ret_err) {
    struct sc_frame *f = current(w);
    struct sc_code code;
    struct sc_trap trap;
    sc_err *err = sc_code_at(w->u, f->ip, !f->exact_ip, &code);
    if (err)
        return fail(err, ret_err);
    /* Who is entered by the processor finds no return address there; nor who begins a thread. */
    const uint32_t uncalled = SC_ROLE_TRAP | SC_ROLE_SYSCALL | SC_ROLE_FIRST;
    if (f->exact_ip && code.name && !code.offset && !code.variable && !(code.roles & uncalled)) {
        enum left left = at_top(w, false, SC_FRAME_ENTRY, 100, ret_err);
        if (left != NO_WAY)
            return left;
    }
    /* It jumped to nowhere: nothing there can have changed the stack. */
    if (f->exact_ip && !code.m) {
        enum left left = at_top(w, true, SC_FRAME_FITTED, 95, ret_err);
        if (left != NO_WAY)
            return left;
    }
    bool entered = code.roles & (SC_ROLE_TRAP | SC_ROLE_SYSCALL);
    if (entered && w->u->cpu == SC_CPU_X86)
        return through_trap_x86(w, ret_err);
    if (entered && sc_trap_above(w->u, f->sp, &trap))
        return through_trap(w, &trap, &code);
    if (code.roles & SC_ROLE_CALLOUT && sc_trap_of_switch(w->u, f->sp, &trap))
        return through_trap(w, &trap, &code);
    if (code.roles & (SC_ROLE_USER_EXCEPTION | SC_ROLE_USER_APC))
        return user_context(w);
    return NO_WAY;
}

/* Has code like this a chain of frame pointers at all? Compilers for x64 Windows make none. */
static bool has_chain(const struct walk *w) {
    return w->u->cpu != SC_CPU_X64 || !w->m ||
           (!w->m->pe && !sc_target_machine(w->u->target)->kernel);
}

static bool without_symbols(const struct walk *w) {
    return !w->m || !w->m->syms || w->m->syms->state == SC_SYMSTATE_NONE ||
           w->m->syms->state == SC_SYMSTATE_EXPORT || w->m->syms->state == SC_SYMSTATE_DEFERRED;
}

static enum left by_pointer(struct walk *w, sc_err **ret_err) {
    struct sc_frame *f = current(w);
    struct sc_step step = {.known = w->next.known};
    struct sc_regs regs = w->next.regs;
    if (!has_chain(w))
        return NO_WAY;
    enum sc_step_status status = sc_step_pointer(w->u, w->m, f->exact_ip, &regs, &step);
    if (status == SC_STEP_ERROR)
        return fail(step.err, ret_err);
    if (status != SC_STEP_DONE)
        return NO_WAY;
    uint64_t ip = sc_regs_ip(&regs);
    enum sc_return_like like = SC_RETURN_CALL;
    sc_err *err = ip ? sc_return_like(w->u, ip, &like) : NULL;
    if (err)
        return fail(err, ret_err);
    if (ip && !moves_on(w, f, &regs, false))
        return NO_WAY;
    w->next.regs = regs;
    w->next.known = step.known;
    f->base = step.base;
    f->ret_slot = step.ret_slot;
    if (without_symbols(w))
        warn(w);
    return leave(w, step.how,
                 like == SC_RETURN_CALL ? 90
                 : like == SC_RETURN_NO ? 30
                                        : 70,
                 step.exact_ip);
}

/* ---- what the stack's memory tells ---- */

static enum left show(struct walk *w, const struct sc_candidate *c) {
    enum { SURE = 95, MOST = 99 };
    struct sc_frame *f = current(w);
    unsigned percent = (unsigned)(c->share * 100 + .5);
    f->ret_slot = c->slot;
    f->base = w->u->cpu == SC_CPU_X86 ? c->slot - 4 : c->sp;
    go(w, c->ip, c->sp);
    return leave(w, percent >= SURE ? SC_FRAME_FITTED : SC_FRAME_SCAN,
                 (uint8_t)(percent > MOST ? MOST : percent), false);
}

static enum left to_anchor(struct walk *w, const struct sc_anchor *a) {
    struct sc_frame *f = current(w);
    f->ret_slot = a->ret_slot;
    f->base = a->ret_slot ? a->sp : 0;
    f->trap = a->ret_slot ? 0 : a->trap;
    w->next.regs = a->regs;
    w->next.known = a->known;
    enum left left = leave(w, a->how, 100, a->exact_ip);
    w->next.suspect = false; /* it does not stand on what was guessed below */
    return left;
}

/* The next of the frames found, or what follows them; NO_WAY: nothing is left. */
static enum left next_found(struct walk *w, sc_err **ret_err) {
    struct sc_found *found = w->found;
    if (!found || found->way == SC_WAY_NONE)
        return NO_WAY;
    if (w->shown < found->count)
        return show(w, &found->item[w->shown++]);
    enum sc_way way = found->way;
    found->way = SC_WAY_NONE;
    switch (way) {
    case SC_WAY_ANCHOR: return to_anchor(w, found->anchor);
    case SC_WAY_OUTERMOST: return end(w, SC_STACK_END_DONE, 0);
    case SC_WAY_TRAP: {
        struct sc_code code;
        sc_err *err = sc_code_at(w->u, current(w)->ip, true, &code);
        if (err)
            return fail(err, ret_err);
        return through_trap(w, &found->item[found->count - 1].trap, &code);
    }
    case SC_WAY_RESUME:
    case SC_WAY_FRAMES:
    case SC_WAY_NONE: break;
    }
    return NO_WAY;
}

static enum left by_memory(struct walk *w, sc_err **ret_err) {
    if (w->opts && w->opts->no_scan)
        return NO_WAY;
    if (!w->found && !(w->found = calloc(1, sizeof *w->found)))
        return fail(sc_err_nomem(), ret_err);
    sc_err *err = sc_recover_from(&w->recover, current(w), w->found);
    if (err)
        return fail(err, ret_err);
    w->shown = 0;
    bool gap = w->found->way == SC_WAY_ANCHOR && !w->found->anchor->direct;
    if (w->found->count || gap)
        warn(w);
    return next_found(w, ret_err);
}

/* ---- all of it ---- */

static enum left leave_frame(struct walk *w, sc_err **ret_err) {
    uint64_t bad;
    enum left left = next_found(w, ret_err);
    if (left == NO_WAY)
        left = by_rule(w, ret_err);
    bad = w->out->end_address;
    if (left == NO_WAY)
        left = by_role(w, ret_err);
    if (left == NO_WAY)
        left = by_pointer(w, ret_err);
    if (left == NO_WAY)
        left = by_memory(w, ret_err);
    if (left == NO_WAY)
        return end(w, bad ? SC_STACK_END_BAD : SC_STACK_END_LOST, bad);
    if (left == LEFT)
        w->out->end_address = 0;
    return left;
}

/* A frame of user mode in a process whose memory is not at hand: it is shown, and no more. */
static bool is_foreign(const struct walk *w, uint64_t addr) {
    return w->opts && w->opts->kernel_only &&
           !(w->u->ptr_size == 4 ? addr >= 0x80000000u : addr >> 63);
}

static sc_err *push_foreign(struct walk *w) {
    w->m = NULL;
    struct sc_frame *f = push_next(w);
    if (!f)
        return sc_err_nomem();
    f->foreign = true;
    end(w, SC_STACK_END_DONE, 0);
    return NULL;
}

static sc_err *run(struct walk *w) {
    while (w->out->count < w->max) {
        sc_err *err = NULL;
        if (sc_target_cancelled(w->u->target))
            return sc_err_cancelled();
        if (is_foreign(w, sc_regs_ip(&w->next.regs)))
            return push_foreign(w);
        err = sc_unwind_module_at(w->u, sc_regs_ip(&w->next.regs), &w->m);
        if (!err)
            err = push_inlines(w);
        if (err || w->out->count >= w->max)
            return err;
        if (!push_next(w))
            return sc_err_nomem();
        enum left left = leave_frame(w, &err);
        if (!is_foreign(w, sc_regs_sp(&w->next.regs)))
            read_params(w->u, current(w), &w->next.regs);
        if (left == FAILED || left == ENDED)
            return err;
    }
    return NULL;
}

sc_err *sc_stack_walk(sc_unwinder *u, const struct sc_regs *start, const struct sc_stack_opts *opts,
                      struct sc_stack *ret) {
    struct walk w = {
        .u = u,
        .opts = opts,
        .out = ret,
        .max = opts && opts->max_frames ? opts->max_frames : MAX_FRAMES,
        .next = {.regs = *start, .how = SC_FRAME_CONTEXT, .confidence = 100, .exact_ip = true},
        .recover = {.u = u, .opts = opts},
    };
    w.next.known = opts && opts->known ? opts->known : UINT64_MAX;
    if (opts && opts->switched) {
        w.next.how = SC_FRAME_SWITCH;
        w.next.exact_ip = false;
    }
    if (w.max > LIMIT_FRAMES)
        w.max = LIMIT_FRAMES;
    *ret = (struct sc_stack){.end = SC_STACK_END_LIMIT};
    sc_err *err = run(&w);
    if (err && sc_err_code(err) == SC_ERR_CANCELLED)
        ret->end = SC_STACK_END_CANCELLED;
    free(w.found);
    sc_recover_deinit(&w.recover);
    return err;
}
