/* SPDX-License-Identifier: MIT */
/*
 * x86 stacks made to fit. Whatever kind of frame it is, its RetAddr lies at ChildEBP + 4 and its
 * arguments behind that; what differs is how a debugger comes to know ChildEBP:
 *
 *     EBP    it is ebp; the dword there is the caller's ebp
 *     FPO    the return address lies as many bytes above esp as the function has locals
 *     TRAP   it is ebp, and points to a KTRAP_FRAME, whose first two dwords are another saved ebp
 *            and return address
 *
 *     ChildEBP[i]      ebp of frame i+1            KTRAP_FRAME: +00 DbgEbp +04 DbgEip +60 Ebp
 *     ChildEBP[i]+4    RetAddr[i]                               +68 Eip +6c SegCs +70 EFlags
 *     ChildEBP[i]+8    arguments                                +74 HardwareEsp +78 HardwareSegSs
 *
 * (a9750c80 806ffa16 nt!KiTrap0E in the listing: its raw stack has 806ffa16 at a9750c84 and at
 * a9750ce8, which is +68; the interrupted esp is a9750cf4 = +74, as no stack was switched.)
 *
 *     SWITCH the same with four saved registers in the place of locals, ebp lowest: KiSwapContext,
 *            of which nobody knows ebp when a thread waits
 *
 * A chain of EBPs reproduces any ChildEBPs that ascend, so that FPO is for what it cannot: a frame
 * at its first instruction, one whose saved EBP would lie where the listing shows another value. A
 * ChildEBP that descends in the middle needs a trap frame, in which esp and ebp are any numbers; at
 * the end of a listing ("05abf9bc 611be128" before "05abf9bc 00000000", or all zeros) it is what
 * the saved ebp was when nothing could be done with it.
 */
#include <stdlib.h>
#include <string.h>

#include "forge/fit.h"

enum {
    TRAP_EBP = 0x60, /* offsets in KTRAP_FRAME */
    TRAP_EIP = 0x68,
    TRAP_ESP = 0x74,
    SWITCH_REGS = 16, /* ebp, edi, esi, ebx */
    OUTERMOST = 0xb0, /* to the EBP of the frame behind a cut */
};

enum kind { EBP, FPO, SWITCH, TRAP, EDITED /* a trap frame that changes esp within the kernel */ };
struct step {
    enum kind kind;
    uint32_t ebp;    /* in this frame */
    uint32_t locals; /* FPO */
    bool outer;      /* nothing is behind it, and its ChildEBP is no place for anything */
};
struct fit_x86 {
    struct fit_work w;
    struct step *step;
};

static const char *const handlers[] = {"KiTrap",
                                       "_KiTrap",
                                       "KiFastCallEntry",
                                       "KiSystemService",
                                       "KiInterruptDispatch",
                                       "KiApcInterrupt",
                                       "KiUnexpectedInterrupt",
                                       "KiChainedDispatch",
                                       NULL};

static bool is_switch(const struct fit_frame *f) {
    static const char *const names[] = {"KiSwapContext", NULL};
    return f->f->disp && fit_is_kernel_name(f->f, names);
}

static bool is_handler(const struct forge_frame *f) {
    return fit_is_kernel_name(f, handlers) && strcmp(f->name, "KiSystemServiceHandler") != 0;
}

/* ---- how each frame is left ---- */

/* Is there room for the part of a KTRAP_FRAME that the processor does not share with the next? */
static bool has_trap_room(const struct fit_frame *f) {
    return f[1].sp + 4 >= f->sp + TRAP_ESP || f[1].sp < f->sp;
}

static bool leave_last(struct fit_x86 *x, size_t i) {
    const struct fit_frame *f = &x->w.frame[i];
    bool repeated = i && f->sp <= f[-1].sp && x->step[i - 1].kind == EBP;
    x->step[i].outer = !f->ret && (!f->sp || repeated);
    return true;
}

static bool leave(struct fit_x86 *x, size_t i) {
    const struct fit_work *w = &x->w;
    const struct fit_frame *f = &w->frame[i];
    char here[FIT_ADDRESS];
    if (f->f->trap && f->f->trap != f->sp)
        return listing_wrong(w->why, f->f->line, "its ChildEBP must be its trap frame, %s",
                             fit_address(w, f->f->trap, here));
    if (i + 1 == w->count)
        return leave_last(x, i);
    bool down = f[1].sp <= f->sp, last = i + 2 == w->count && !f[1].ret;
    bool trap = f->f->trap || (is_handler(f->f) && has_trap_room(f));
    if (trap)
        x->step[i].kind = TRAP;
    if (!down || last)
        return true;
    if (f[1].sp == f->sp)
        return listing_wrong(w->why, f[1].f->line,
                             "two frames with ChildEBP %s and different RetAddrs: only the last "
                             "one of a listing may be so",
                             fit_address(w, f->sp, here));
    x->step[i].kind = trap && !fit_is_kernel(w, f->ret) ? TRAP : EDITED;
    return true;
}

/* esp of frame I, as the step before it leaves it. */
static uint64_t esp(const struct fit_x86 *x, size_t i) {
    const struct fit_frame *f = &x->w.frame[i];
    if (i && x->step[i - 1].kind == TRAP && fit_is_kernel(&x->w, f[-1].ret))
        return f[-1].sp + TRAP_ESP;
    if (i && x->step[i - 1].kind < TRAP)
        return f[-1].sp + 8;
    /* Free to choose: the stack of the innermost frame, or one that a trap frame speaks of. */
    uint32_t locals = 4 * (fit_hash(f->f->module, f->f->name) % 12);
    if (x->step[i].kind >= TRAP)
        return f->sp;
    if (x->step[i].kind == SWITCH)
        return f->sp + 4 - SWITCH_REGS;
    return x->step[i].kind == FPO ? f->sp + 4 : f->sp - 8 - locals;
}

/* Frames at their first instruction have pushed nothing yet. */
static bool is_at_start(const struct fit_x86 *x, size_t i) {
    bool exact = !i || x->step[i - 1].kind >= TRAP;
    const struct forge_frame *f = x->w.frame[i].f;
    return exact && f->module[0] && !f->disp && x->step[i].kind == EBP;
}

/* A listing that ends in a RetAddr has a frame behind it, which it does not show. */
static uint32_t outermost_ebp(const struct fit_work *w) {
    const struct fit_frame *last = &w->frame[w->count - 1];
    return last->ret ? (uint32_t)last->sp + OUTERMOST : 0;
}

/* What ebp is in each frame, from the outermost on: an FPO function leaves it alone. */
static void find_ebp(struct fit_x86 *x) {
    uint32_t ebp = outermost_ebp(&x->w);
    for (size_t i = x->w.count; i-- > 0;) {
        if (x->step[i].kind != FPO && x->step[i].kind != SWITCH)
            ebp = (uint32_t)x->w.frame[i].sp;
        x->step[i].ebp = ebp;
    }
}

static uint32_t callers_ebp(const struct fit_x86 *x, size_t i) {
    return i + 1 < x->w.count ? x->step[i + 1].ebp : outermost_ebp(&x->w);
}

/* Is the value at ADDR known to be another one than VALUE? */
static bool is_shown_otherwise(const struct fit_x86 *x, size_t i, uint64_t addr, uint32_t value) {
    size_t first = i > 8 ? i - 8 : 0;
    for (size_t k = first; k < i; k++) {
        const struct fit_frame *f = &x->w.frame[k];
        if (f->sp + 4 == addr && f->ret != value)
            return true;
        for (unsigned a = 0; a < f->f->nargs; a++)
            if (f->sp + 8 + 4 * a == addr && f->f->arg[a] != value)
                return true;
    }
    return false;
}

/* Frames become FPO ones until no saved ebp contradicts what the listing shows. */
static void find_fpo(struct fit_x86 *x) {
    bool changed = true;
    for (size_t i = 0; i < x->w.count; i++)
        if (is_at_start(x, i) && !x->step[i].outer)
            x->step[i].kind = FPO;
    if (x->w.count > 1 && x->step[0].kind == EBP && is_switch(&x->w.frame[0]))
        x->step[0].kind = SWITCH;
    while (changed) {
        changed = false;
        find_ebp(x);
        for (size_t i = 0; i < x->w.count && !changed; i++) {
            struct step *s = &x->step[i];
            if (s->kind != EBP || s->outer ||
                !is_shown_otherwise(x, i, x->w.frame[i].sp, callers_ebp(x, i)))
                continue;
            s->kind = FPO;
            changed = true;
        }
    }
}

static bool find_locals(struct fit_x86 *x) {
    for (size_t i = 0; i < x->w.count; i++) {
        struct step *s = &x->step[i];
        const struct fit_frame *f = &x->w.frame[i];
        uint64_t low = esp(x, i);
        if (s->kind != FPO)
            continue;
        if (f->sp + 4 < low)
            return listing_wrong(x->w.why, f->f->line,
                                 "its RetAddr would lie below the stack pointer that line %u "
                                 "leaves it",
                                 i ? f[-1].f->line : 0);
        s->locals = (uint32_t)(f->sp + 4 - low);
        if (f->block == SIZE_MAX)
            return listing_wrong(x->w.why, f->f->line,
                                 "code outside of all modules can have no FPO data: a module must "
                                 "be there");
    }
    return true;
}

/* ---- functions ---- */

static bool same_rule(const struct step *a, const struct step *b) {
    bool traps = a->kind >= TRAP && b->kind >= TRAP;
    return traps || (a->kind == b->kind && a->locals == b->locals);
}

static bool make_functions(struct fit_x86 *x) {
    const struct fit_work *w = &x->w;
    for (size_t i = 0; i < w->count; i++) {
        size_t block = w->frame[i].block;
        if (block == SIZE_MAX)
            continue;
        size_t first = w->block[block].frame;
        const struct step *s = &x->step[i];
        if (!same_rule(s, &x->step[first]) && !s->outer)
            return listing_wrong(w->why, w->frame[i].f->line,
                                 "this frame has another form than that of line %u, where the same "
                                 "instruction stands: no symbols can say both",
                                 w->frame[first].f->line);
        struct forge_fit_function *f = first == i ? fit_function(&x->w, i) : NULL;
        if (first != i)
            continue;
        if (!f)
            return false;
        f->uses_ebp = s->kind == EBP;
        f->kind = s->kind >= TRAP ? FORGE_FPO_TRAP : FORGE_FPO_PLAIN;
        f->locals = s->locals;
        f->saves_ebp = s->kind == SWITCH;
        f->saved_regs = s->kind == SWITCH ? SWITCH_REGS : 0;
    }
    return true;
}

/* ---- the stack ---- */

static bool poke_trap(struct fit_x86 *x, size_t i, enum fit_rank rank) {
    const struct fit_work *w = &x->w;
    const struct fit_frame *f = &w->frame[i];
    bool user = !fit_is_kernel(w, f->ret), edited = x->step[i].kind == EDITED;
    uint32_t next = i + 1 < w->count ? (uint32_t)esp(x, i + 1) : 0;
    const struct {
        enum fit_rank rank;
        bool here;
        uint8_t offset, width;
        uint32_t value;
    } members[] = {
        {FIT_NEEDED, true, TRAP_EBP, 4, callers_ebp(x, i)},
        {FIT_NEEDED, true, TRAP_EIP, 4, (uint32_t)f->ret},
        {FIT_NEEDED, true, 0x6c, 4,
         user     ? 0x1b
         : edited ? 0
                  : 8},                                      /* SegCs */
        {FIT_NEEDED, true, 0x70, 4, user ? 0x246 : 0x10246}, /* EFlags */
        {FIT_NEEDED, edited, 0x10, 4, 8},                    /* TempSegCs */
        {FIT_NEEDED, edited, 0x14, 4, next},                 /* TempEsp */
        {FIT_NEEDED, user, TRAP_ESP, 4, next},
        {FIT_NEEDED, user, 0x78, 4, 0x23},       /* HardwareSegSs */
        {FIT_FILLED, true, 0x08, 4, 0xbadb0d00}, /* DbgArgMark */
        {FIT_FILLED, true, 0x0c, 4, (uint32_t)f->sp + TRAP_ESP},
        {FIT_FILLED, true, 0x30, 2, 0},    /* SegGs */
        {FIT_FILLED, true, 0x34, 2, 0x23}, /* SegEs */
        {FIT_FILLED, true, 0x38, 2, 0x23}, /* SegDs */
        {FIT_FILLED, true, 0x3c, 4, 0},    /* Edx Ecx Eax */
        {FIT_FILLED, true, 0x40, 4, 0},
        {FIT_FILLED, true, 0x44, 4, 0},
        {FIT_FILLED, true, 0x48, 4, user},               /* PreviousPreviousMode */
        {FIT_FILLED, true, 0x4c, 4, 0xffffffff},         /* ExceptionList */
        {FIT_FILLED, true, 0x50, 2, user ? 0x3b : 0x30}, /* SegFs */
        {FIT_FILLED, true, 0x54, 4, 0},                  /* Edi Esi Ebx */
        {FIT_FILLED, true, 0x58, 4, 0},
        {FIT_FILLED, true, 0x5c, 4, 0},
        {FIT_FILLED, true, 0x64, 4, 0}, /* ErrCode */
    };
    for (size_t k = 0; k < sizeof members / sizeof *members; k++)
        if (members[k].here && members[k].rank == rank &&
            !fit_poke(&x->w, rank, f->f->line, "the trap frame", f->sp + members[k].offset,
                      members[k].value, members[k].width))
            return false;
    return true;
}

static bool poke_needed(struct fit_x86 *x, size_t i) {
    const struct fit_frame *f = &x->w.frame[i];
    const struct step *s = &x->step[i];
    if (s->outer)
        return true;
    if (!fit_poke(&x->w, FIT_NEEDED, f->f->line, "RetAddr", f->sp + 4, f->ret, 4))
        return false;
    uint64_t slot = s->kind == SWITCH ? esp(x, i) : f->sp;
    if (s->kind != FPO &&
        !fit_poke(&x->w, FIT_NEEDED, f->f->line, "the saved ebp", slot, callers_ebp(x, i), 4))
        return false;
    return s->kind < TRAP || poke_trap(x, i, FIT_NEEDED);
}

/* The frame behind a cut returns to nothing. */
static bool poke_end(struct fit_x86 *x) {
    const struct fit_frame *last = &x->w.frame[x->w.count - 1];
    uint32_t at = outermost_ebp(&x->w);
    return !at ||
           (fit_poke(&x->w, FIT_NEEDED, last->f->line, "the end of the stack", at, 0, 4) &&
            fit_poke(&x->w, FIT_NEEDED, last->f->line, "the end of the stack", at + 4, 0, 4));
}

static bool poke_arguments(struct fit_x86 *x, size_t i) {
    static const char *const names[] = {"argument 1", "argument 2", "argument 3", "argument 4"};
    const struct fit_frame *f = &x->w.frame[i];
    for (unsigned k = 0; f->sp && k < f->f->nargs; k++)
        if (!fit_poke(&x->w, FIT_SHOWN, f->f->line, names[k], f->sp + 8 + 4 * k, f->f->arg[k], 4))
            return false;
    return true;
}

static bool fill_stack(struct fit_x86 *x) {
    size_t n = x->w.count;
    bool ok = true;
    for (size_t i = 0; i < n && ok; i++)
        ok = poke_needed(x, i);
    ok = ok && poke_end(x);
    for (size_t i = 0; i < n && ok; i++)
        ok = poke_arguments(x, i);
    for (size_t i = 0; i < n && ok; i++)
        ok = x->step[i].kind < TRAP || poke_trap(x, i, FIT_FILLED);
    return ok;
}

/* ---- stacks without columns ---- */

static uint64_t plausible_size(const struct fit_work *w, size_t i) {
    const struct forge_frame *f = w->frame[i].f;
    return is_handler(f) ? 0xa0 : 0x14 + 4 * (fit_hash(f->module, f->name) % 20);
}

static void invent_columns(struct fit_work *w) {
    for (size_t i = 0, end; i < w->count; i = end) {
        bool kernel = fit_is_kernel(w, w->frame[i].ip);
        uint64_t total = 0;
        for (end = i; end < w->count && fit_is_kernel(w, w->frame[end].ip) == kernel; end++)
            total += plausible_size(w, end);
        uint64_t sp = (!kernel ? 0x12fff0 : w->where->top ? w->where->top : 0xa9fe5de0) - total;
        for (size_t k = i; k < end; k++) {
            w->frame[k].sp = sp;
            sp += plausible_size(w, k);
        }
    }
}

static bool fit(struct fit_x86 *x) {
    struct fit_work *w = &x->w;
    if (!fit_has_columns(w))
        invent_columns(w);
    x->step = calloc(w->count, sizeof *x->step);
    if (!x->step)
        return listing_nomem(w->why);
    for (size_t i = 0; i < w->count; i++)
        if (!leave(x, i))
            return false;
    find_fpo(x);
    if (!find_locals(x) || !make_functions(x) || !fill_stack(x))
        return false;
    w->out.sp = esp(x, 0);
    w->out.fp = x->step[0].ebp;
    fit_extent(w, fit_is_kernel(w, w->out.sp) ? 0x100000 : 0x2000000);
    return true;
}

bool forge_fit_x86(const struct forge_frames *frames, const struct forge_where *where,
                   struct forge_fit *ret, char *why) {
    struct fit_x86 x = {0};
    bool ok = fit_open(&x.w, frames, where, 4, why) && fit(&x);
    free(x.step);
    return fit_close(&x.w, ok, ret);
}
