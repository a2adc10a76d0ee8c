/* SPDX-License-Identifier: MIT */
/*
 * x64 stacks made to fit. The return address of a frame lies right below the Child-SP of the next
 * one, so that the two columns give the frame's size, and unwind codes that undo as much reproduce
 * them:
 *
 *     Child-SP[i]      what the function calls finds here as its home slots
 *       …              ALLOC
 *       rdi, rbx …     PUSH
 *     Child-SP[i+1]-8  RetAddr[i]
 *
 * Where the next Child-SP lies elsewhere, and behind the kernel's trap handlers, the processor
 * pushed a machine frame, in which rsp is any number:
 *
 *     Child-SP[i]      KTRAP_FRAME (0x190 bytes); KiSystemService… has 0x70 bytes below it
 *       +158           rbp                PUSH rbp
 *       +160           error code, or a hole of the handler's own
 *       +168           rip cs eflags rsp ss    PUSH_MACHFRAME
 *
 * On one stack the processor aligns rsp to 16 bytes first, which tells where the machine frame is.
 * (Seen in the listings: nt!KiPageFault 03b21590, next 03b21728 = 03b21590 + 190 + 8.)
 *
 * One instruction may have frames of different sizes (alloca; nt!KiSystemServiceCopyEnd under a
 * user frame and under nt!KiServiceLinkage). Such a function gets rbp as its frame register; the
 * frames below it do not touch rbp, or save what it needs.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "forge/fit.h"

enum {
    RBX = 3,
    RBP = 5,
    RSI = 6,
    RDI = 7,
    R12 = 12,
    TRAP_RIP = 0x168, /* offsets in KTRAP_FRAME */
    TRAP_SIZE = 0x190,
    MACHINE = 0x28,      /* bytes of a machine frame */
    OUTERMOST = 0x28,    /* what the last function's frame takes */
    USER_TOP = 0x2afd80, /* invented stacks end there */
};

static const char *const handlers[] = {"KiDivideErrorFault",
                                       "KiDebugTrapOrFault",
                                       "KiNmiInterrupt",
                                       "KiBreakpointTrap",
                                       "KiOverflowTrap",
                                       "KiBoundFault",
                                       "KiInvalidOpcodeFault",
                                       "KiNpxNotAvailable",
                                       "KiDoubleFault",
                                       "KiNpxSegmentOverrun",
                                       "KiInvalidTssFault",
                                       "KiSegmentNotPresent",
                                       "KiStackFault",
                                       "KiGeneralProtection",
                                       "KiPageFault",
                                       "KiFloatingErrorFault",
                                       "KiAlignmentFault",
                                       "KiMcheckAbort",
                                       "KiXmmException",
                                       "KiVirtualizationException",
                                       "KiControlProtection",
                                       "KiRaiseAssertion",
                                       "KiRaiseSecurityCheckFailure",
                                       "KiDebugServiceTrap",
                                       "KiApcInterrupt",
                                       "KiDpcInterrupt",
                                       "KiSwInterrupt",
                                       "KiIpiInterrupt",
                                       "KiHvInterrupt",
                                       "KiVmbusInterrupt",
                                       "KiInterruptDispatch",
                                       "KiChainedDispatch",
                                       "KiUnexpectedInterrupt",
                                       "KiSystemService",
                                       "KiSystemCall",
                                       "KiServiceInternal",
                                       NULL};
static const char *const services[] = {"KiSystemService", "KiSystemCall", NULL};
/* Those for which the processor pushes an error code. */
static const char *const with_code[] = {
    "KiDoubleFault",    "KiInvalidTssFault",   "KiSegmentNotPresent",
    "KiStackFault",     "KiPageFault",         "KiGeneralProtection",
    "KiAlignmentFault", "KiControlProtection", NULL};

static bool is_handler(const struct forge_frame *f) {
    return fit_is_kernel_name(f, handlers) && strcmp(f->name, "KiSystemServiceHandler") != 0 &&
           !strstr(f->name, "SubDispatch");
}

/* What the kernel enters in user mode, with a machine frame where it was: exceptions, APCs, window
 * procedures. */
static bool is_dispatcher(const struct forge_frame *f) {
    return !strcmp(f->module, "ntdll") && !strncmp(f->name, "KiUser", 6);
}

struct step {
    bool machine; /* left through a machine frame */
    bool handler; /* with a trap frame around it */
    bool error_code;
    bool pushes_rbp, based; /* `based`: by rbp */
    uint64_t size; /* from Child-SP to the return address, or to the lowest slot of the machine
                      frame (the error code's, when there is one) */
    uint64_t next; /* Child-SP of the next frame */
    uint64_t rip;  /* machine: where rip lies */
    uint64_t rbp;  /* based: what rbp must be */
};
struct fit_x64 {
    struct fit_work w;
    struct step *step;
    uint32_t *fixed; /* of each block: bytes that ALLOC takes in a based function */
};

/* Farther apart than this, two addresses are on different stacks. */
static uint64_t jump(const struct fit_work *w, uint64_t sp) {
    return fit_is_kernel(w, sp) ? 0x100000 : 0x2000000;
}

/* ---- how each frame is left ---- */

static uint64_t align_down(uint64_t addr) { return addr & ~UINT64_C(15); }

/* Where the processor put rip, on the way to a frame whose stack pointer is NEXT. */
static uint64_t machine_place(const struct fit_work *w, const struct fit_frame *f, bool handler,
                              uint64_t next) {
    if (f->f->trap)
        return f->f->trap + TRAP_RIP;
    if (next > f->sp && next - f->sp <= jump(w, f->sp))
        return align_down(next) - MACHINE;
    if (!handler)
        return f->sp + MACHINE;
    return f->sp + TRAP_RIP + (fit_is_kernel_name(f->f, services) ? 0x70 : 0);
}

static bool leave_by_machine(struct fit_work *w, const struct fit_frame *f, uint64_t next,
                             struct step *s) {
    char sp[FIT_ADDRESS], at[FIT_ADDRESS];
    s->machine = true;
    s->handler = is_handler(f->f) || f->f->trap;
    s->next = next;
    s->rip = machine_place(w, f, s->handler, next);
    if (!f->f->module[0])
        return listing_wrong(w->why, f->f->line,
                             "code outside of all modules cannot lead to another stack: a module "
                             "must be there");
    if (s->rip < f->sp || s->rip % 8)
        return listing_wrong(w->why, f->f->line,
                             "its machine frame would lie at %s, which is not above Child-SP %s",
                             fit_address(w, s->rip, at), fit_address(w, f->sp, sp));
    s->error_code = s->rip - f->sp >= 8 && fit_is_kernel_name(f->f, with_code);
    s->size = s->rip - f->sp - (s->error_code ? 8 : 0);
    s->pushes_rbp = is_handler(f->f) && s->size >= (s->error_code ? 8 : 16);
    return true;
}

/* The last frame: as its function was left before, else as the outermost function is. */
static bool leave_last(struct fit_x64 *x, size_t i, struct step *s) {
    const struct fit_frame *f = &x->w.frame[i];
    if (f->ret && (f->f->trap || is_handler(f->f))) {
        uint64_t low = f->f->trap ? f->f->trap : f->sp;
        bool kernel = fit_is_kernel(&x->w, f->ret);
        return leave_by_machine(&x->w, f, kernel ? align_down(low) + TRAP_SIZE : USER_TOP, s);
    }
    for (size_t k = i; k-- > 0 && f->block != SIZE_MAX;)
        if (x->w.frame[k].block == f->block) {
            *s = x->step[k];
            s->rip = s->machine ? f->sp + s->size + (s->error_code ? 8 : 0) : 0;
            s->next = f->sp + s->size + (s->machine ? 0x100 : 8);
            return true;
        }
    s->size = f->block == SIZE_MAX ? 0 : OUTERMOST;
    s->next = f->sp + s->size + 8;
    return true;
}

static bool leave(struct fit_x64 *x, size_t i, struct step *s) {
    struct fit_work *w = &x->w;
    const struct fit_frame *f = &w->frame[i];
    if (i + 1 == w->count)
        return leave_last(x, i, s);
    uint64_t next = f[1].sp;
    bool near = next > f->sp && next - f->sp <= jump(w, f->sp);
    bool entered = is_dispatcher(f->f) && near && align_down(next) - f->sp >= MACHINE;
    if (f->f->trap || is_handler(f->f) || entered || !near)
        return leave_by_machine(w, f, next, s);
    s->next = next;
    s->size = next - f->sp - 8;
    if (s->size && f->block == SIZE_MAX)
        return listing_wrong(w->why, f->f->line,
                             "code outside of all modules can have no frame of 0x%llx bytes: a "
                             "module must be there",
                             (unsigned long long)s->size);
    return true;
}

/* ---- one instruction, frames of different sizes ---- */

/* What a based function needs of its stack besides what ALLOC takes. */
static uint64_t based_need(const struct step *s) { return s->machine && !s->error_code ? 16 : 8; }

/* The offset of rbp in units of 16, for a function that allocates ALLOC bytes. */
static uint8_t base_offset(uint64_t alloc) { return (uint8_t)(alloc / 16 > 8 ? 8 : alloc / 16); }

static void set_base(struct fit_x64 *x, size_t i) {
    struct step *s = &x->step[i];
    uint64_t alloc = x->fixed[x->w.frame[i].block];
    uint64_t top = s->machine ? s->rip - (s->error_code ? 8 : 0) : s->next - 8;
    s->based = s->pushes_rbp = true;
    s->rbp = top - based_need(s) - alloc + 16 * base_offset(alloc);
}

static bool make_based(struct fit_x64 *x, size_t first, size_t other) {
    struct fit_work *w = &x->w;
    const struct fit_frame *f = w->frame;
    size_t block = f[first].block;
    uint64_t least = UINT64_MAX;
    bool same = true;
    for (size_t i = first; i < w->count; i++) {
        const struct step *s = &x->step[i];
        if (f[i].block != block)
            continue;
        same = same && s->machine == x->step[first].machine &&
               s->error_code == x->step[first].error_code;
        least = s->size < least ? s->size : least;
    }
    if (!same || least < based_need(&x->step[first]))
        return listing_wrong(w->why, f[other].f->line,
                             "the frame here has 0x%llx bytes, but 0x%llx at line %u, where the "
                             "same instruction stands: no unwind data can say both",
                             (unsigned long long)x->step[other].size,
                             (unsigned long long)x->step[first].size, f[first].f->line);
    uint64_t most = x->step[first].machine ? 0x158 : 0x78;
    least -= based_need(&x->step[first]);
    x->fixed[block] = (uint32_t)(least < most ? least : most);
    for (size_t i = first; i < w->count; i++)
        if (f[i].block == block)
            set_base(x, i);
    return true;
}

static bool find_based(struct fit_x64 *x) {
    const struct fit_work *w = &x->w;
    for (size_t i = 0; i < w->count; i++) {
        if (w->frame[i].block == SIZE_MAX)
            continue;
        size_t first = w->block[w->frame[i].block].frame;
        const struct step *a = &x->step[first], *b = &x->step[i];
        bool same =
            a->size == b->size && a->machine == b->machine && a->error_code == b->error_code;
        if (!same && !a->based && !make_based(x, first, i))
            return false;
    }
    return true;
}

/* The value that rbp must have in frame I, for what is left by it from there on. */
static bool wanted_rbp(const struct fit_x64 *x, size_t i, uint64_t *ret) {
    for (; i < x->w.count; i++) {
        if (x->step[i].based)
            *ret = x->step[i].rbp;
        if (x->step[i].based || x->step[i].pushes_rbp)
            return x->step[i].based;
    }
    return false;
}

/* ---- prologs ---- */

/* One more instruction of LENGTH bytes at the end of the prolog, as far as there is room. */
static struct forge_unwind_code *code(struct forge_fit_function *f, unsigned room,
                                      enum forge_unwind_op op, unsigned length) {
    struct forge_unwind_code *c = &f->code[f->ncodes++];
    unsigned at = f->prolog + length;
    c->op = op;
    c->at = f->prolog = (uint8_t)(at < room ? at : room);
    return c;
}

static void code_alloc(struct forge_fit_function *f, unsigned room, uint64_t size) {
    if (size)
        code(f, room, FORGE_UW_ALLOC, size < 0x80 ? 4 : 7)->value = (uint32_t)size;
}

static void code_base(struct forge_fit_function *f, unsigned room, uint64_t alloc) {
    code(f, room, FORGE_UW_SET_FPREG, alloc < 0x100 ? 5 : 8)->reg = RBP;
    f->frame_register = RBP;
    f->frame_offset = base_offset(alloc);
}

static void machine_codes(const struct fit_x64 *x, size_t i, struct forge_fit_function *f) {
    const struct step *s = &x->step[i];
    unsigned room = x->w.block[x->w.frame[i].block].room;
    uint64_t rest = s->size;
    code(f, room, FORGE_UW_MACHFRAME, 0)->value = s->error_code;
    if (s->pushes_rbp) {
        code_alloc(f, room, s->error_code ? 0 : 8);
        code(f, room, FORGE_UW_PUSH, 1)->reg = RBP;
        rest -= s->error_code ? 8 : 16;
    }
    code_alloc(f, room, s->based ? x->fixed[x->w.frame[i].block] : rest);
    if (s->based)
        code_base(f, room, x->fixed[x->w.frame[i].block]);
}

/*
 * What the kernel calls between a trap's handler and the dispatcher keeps a KEXCEPTION_FRAME at its
 * stack pointer, with the nonvolatile registers from +100 on.
 */
static const char *const keepers[] = {"KiBugCheckDispatch", "KiExceptionDispatch",
                                      "KiFastFailDispatch", NULL};
static const uint8_t kept[] = {RBX, RDI, RSI, R12, 13, 14, 15};
enum { KEPT = 0x100, KEPT_LENGTH = 4 /* mov [rax+disp8], reg */, KEEPER = 0x138 };

static bool is_keeper(const struct fit_x64 *x, size_t i) {
    const struct step *s = &x->step[i];
    return !s->machine && !s->based && s->size >= KEEPER &&
           fit_is_kernel_name(x->w.frame[i].f, keepers);
}

static void keeper_codes(struct forge_fit_function *f, unsigned room, uint64_t size) {
    code_alloc(f, room, size);
    for (unsigned k = 0; k < sizeof kept; k++) {
        struct forge_unwind_code *c = code(f, room, FORGE_UW_SAVE, KEPT_LENGTH);
        c->reg = kept[k];
        c->value = KEPT + 8 * k;
    }
}

static const uint8_t saved[] = {RBX, RSI, RDI, R12, 13, 14, 15};
/* "push rbx" takes two bytes in the first place, as compilers write it. */
static const uint8_t saved_length[] = {2, 1, 1, 2, 2, 2, 2};

/* How many registers the function pushes: as many as leave it home slots and a prolog that fits. */
static unsigned pushes(const struct forge_fit_function *f, uint64_t size, unsigned room) {
    unsigned n = fit_hash(f->module, f->name) % 5, length = size < 0xa0 ? 4 : 7;
    for (unsigned i = 0; i < n; i++) {
        length += saved_length[i];
        if (size < 8 * (uint64_t)(i + 1) + 0x20 || length > room)
            return i;
    }
    return n;
}

static void plain_codes(const struct fit_x64 *x, size_t i, struct forge_fit_function *f) {
    const struct step *s = &x->step[i];
    unsigned room = x->w.block[x->w.frame[i].block].room;
    if (s->based) {
        uint64_t alloc = x->fixed[x->w.frame[i].block];
        code(f, room, FORGE_UW_PUSH, 2)->reg = RBP;
        code_alloc(f, room, alloc);
        code_base(f, room, alloc);
        return;
    }
    if (!s->size)
        return;
    if (is_keeper(x, i)) {
        keeper_codes(f, room, s->size);
        return;
    }
    unsigned n = pushes(f, s->size, room);
    if (fit_hash(f->name, f->module) & 1 && room >= 16) /* mov [rsp+8], rcx */
        f->prolog = n ? 0 : 5;
    for (unsigned k = 0; k < n; k++)
        code(f, room, FORGE_UW_PUSH, saved_length[k])->reg = saved[k];
    code_alloc(f, room, s->size - 8 * (uint64_t)n);
}

static bool too_large(struct fit_x64 *x, size_t i) {
    const struct fit_work *w = &x->w;
    return x->step[i].size > UINT32_MAX
               ? !listing_wrong(w->why, w->frame[i].f->line, "a frame of 4 GB is no frame")
               : false;
}

static bool make_functions(struct fit_x64 *x) {
    for (size_t i = 0; i < x->w.count; i++) {
        size_t block = x->w.frame[i].block;
        if (block == SIZE_MAX || x->w.block[block].frame != i)
            continue;
        struct forge_fit_function *f = too_large(x, i) ? NULL : fit_function(&x->w, i);
        if (!f)
            return false;
        if (x->step[i].machine)
            machine_codes(x, i, f);
        else
            plain_codes(x, i, f);
    }
    return true;
}

/* ---- the stack ---- */

static bool is_user(const struct fit_x64 *x, size_t i) {
    return !fit_is_kernel(&x->w, x->w.frame[i].ret);
}

static bool poke_needed(struct fit_x64 *x, size_t i) {
    struct fit_work *w = &x->w;
    const struct step *s = &x->step[i];
    const struct fit_frame *f = &w->frame[i];
    if (!s->machine)
        return fit_poke(w, FIT_NEEDED, f->f->line, "RetAddr", s->next - 8, f->ret, 8);
    bool user = is_user(x, i);
    uint64_t flags = user || !s->error_code ? 0x246 : 0x10246;
    const uint64_t frame[] = {f->ret, user ? 0x33 : 0x10, flags, s->next, user ? 0x2b : 0x18};
    for (unsigned k = 0; k < 5; k++)
        if (!fit_poke(w, FIT_NEEDED, f->f->line, "the machine frame", s->rip + 8 * k, frame[k], 8))
            return false;
    return true;
}

/* What the code at IP takes of the stack, when a frame of the listing tells. */
static uint64_t frame_size(const struct fit_x64 *x, uint64_t ip) {
    for (size_t i = 0; i < x->w.count; i++) {
        if (x->w.frame[i].block == SIZE_MAX)
            continue;
        const struct fit_block *b = &x->w.block[x->w.frame[i].block];
        if (ip >= b->begin && ip < b->end)
            return x->step[i].size + (x->step[i].error_code ? 8 : 0);
    }
    return 0;
}

/* A listing that ends in a RetAddr: the frame there, which it does not show, returns to nothing. */
static bool poke_end(struct fit_x64 *x) {
    struct fit_work *w = &x->w;
    const struct fit_frame *f = &w->frame[w->count - 1];
    if (!f->ret)
        return true;
    uint64_t low = x->step[w->count - 1].next, at = low + frame_size(x, f->ret);
    bool ok = fit_poke(w, FIT_NEEDED, f->f->line, "the end of the stack", at, 0, 8);
    for (unsigned i = 0; i < 8 && at > low && ok; i++) /* what it saved */
        ok = fit_poke(w, FIT_FILLED, f->f->line, "a saved register", at -= 8, 0, 8);
    return ok;
}

/* Those behind a machine frame are no home slots for certain: they are like what is filled in. */
static bool poke_arguments(struct fit_x64 *x, size_t i, enum fit_rank rank) {
    static const char *const names[] = {"argument 1", "argument 2", "argument 3", "argument 4"};
    const struct forge_frame *f = x->w.frame[i].f;
    const struct step *s = &x->step[i];
    if ((s->machine ? FIT_FILLED : FIT_SHOWN) != rank)
        return true;
    for (unsigned k = 0; k < f->nargs; k++)
        if (!fit_poke(&x->w, rank, f->line, names[k], s->next + 8 * k, f->arg[k], 8))
            return false;
    return true;
}

/* The register at ADDR that the prolog of frame I saved. */
static bool poke_saved(struct fit_x64 *x, size_t i, uint8_t reg, uint64_t addr) {
    struct forge_fit *o = &x->w.out;
    const struct fit_frame *f = &x->w.frame[i];
    struct forge_fit_saved *to =
        listing_push((void **)&o->saved, &o->saved_room, &o->nsaved, sizeof *o->saved);
    if (!to)
        return listing_nomem(x->w.why);
    *to = (struct forge_fit_saved){f->index, reg, addr};
    /* A pointer into the caller's frame: what such registers often hold. */
    uint64_t value = x->step[i].next + 0x20 + 8 * (uint64_t)(reg & 3);
    bool wanted = reg == RBP && wanted_rbp(x, i + 1, &value);
    return fit_poke(&x->w, wanted ? FIT_NEEDED : FIT_FILLED, f->f->line, "a saved register", addr,
                    value, 8);
}

static bool poke_registers(struct fit_x64 *x, size_t i, bool rbp) {
    const struct step *s = &x->step[i];
    if (s->pushes_rbp) {
        uint64_t top = s->machine ? s->rip - (s->error_code ? 8 : 0) : s->next - 8;
        return !rbp || poke_saved(x, i, RBP, top - based_need(s));
    }
    const struct fit_work *w = &x->w;
    if (rbp || s->machine || w->frame[i].block == SIZE_MAX)
        return true;
    const struct forge_fit *o = &w->out;
    for (size_t k = 0; k < o->nfunctions; k++) {
        const struct forge_fit_function *f = &o->function[k];
        if (f->begin != w->block[w->frame[i].block].begin)
            continue;
        for (size_t c = 0; c < f->ncodes && f->code[c].op == FORGE_UW_PUSH; c++)
            if (!poke_saved(x, i, f->code[c].reg, s->next - 16 - 8 * c))
                return false;
        for (size_t c = 0; c < f->ncodes; c++)
            if (f->code[c].op == FORGE_UW_SAVE &&
                !poke_saved(x, i, f->code[c].reg, w->frame[i].sp + f->code[c].value))
                return false;
        break;
    }
    return true;
}

/* A KTRAP_FRAME holds the volatile registers of the frame behind it. */
static bool note_volatile(struct fit_x64 *x, size_t i, uint64_t trap) {
    static const struct {
        uint8_t reg, offset;
    } members[] = {{0, 0x30}, {1, 0x38}, {2, 0x40}, {8, 0x48}, {9, 0x50}, {10, 0x58}, {11, 0x60}};
    struct forge_fit *o = &x->w.out;
    for (size_t k = 0; k < sizeof members / sizeof *members; k++) {
        if (trap + members[k].offset < x->w.frame[i].sp)
            continue;
        struct forge_fit_saved *to =
            listing_push((void **)&o->saved, &o->saved_room, &o->nsaved, sizeof *o->saved);
        if (!to)
            return listing_nomem(x->w.why);
        *to =
            (struct forge_fit_saved){x->w.frame[i].index, members[k].reg, trap + members[k].offset};
    }
    return true;
}

/* The rest of a KTRAP_FRAME, as far as it belongs to this frame's stack. */
static bool poke_trap(struct fit_x64 *x, size_t i) {
    static const struct {
        uint16_t offset;
        uint8_t width;
        uint16_t value;
    } members[] = {
        {0x2c, 4, 0x1f80},                                     /* MxCsr */
        {0x30, 8, 0},      {0x38, 8, 0},     {0x40, 8, 0},     /* Rax Rcx Rdx */
        {0x48, 8, 0},      {0x50, 8, 0},     {0x58, 8, 0},     /* R8 R9 R10 */
        {0x60, 8, 0},      {0xd0, 8, 0},     {0x130, 2, 0x2b}, /* R11 FaultAddress SegDs */
        {0x132, 2, 0x2b},  {0x134, 2, 0x53}, {0x136, 2, 0x2b}, /* SegEs SegFs SegGs */
        {0x138, 8, 0},     {0x140, 8, 0},    {0x148, 8, 0},    /* TrapFrame Rbx Rdi */
        {0x150, 8, 0},     {0x158, 8, 0},    {0x160, 8, 0},    /* Rsi Rbp ErrorCode */
    };
    const struct step *s = &x->step[i];
    const struct fit_frame *f = &x->w.frame[i];
    if (!s->handler)
        return true;
    uint64_t trap = s->rip - TRAP_RIP;
    for (size_t k = 0; k < sizeof members / sizeof *members; k++)
        if (trap + members[k].offset >= f->sp &&
            !fit_poke(&x->w, FIT_FILLED, f->f->line, "the trap frame", trap + members[k].offset,
                      members[k].value, members[k].width))
            return false;
    if (!note_volatile(x, i, trap))
        return false;
    return trap + 0x28 < f->sp ||
           fit_poke(&x->w, FIT_FILLED, f->f->line, "PreviousMode", trap + 0x28, is_user(x, i), 1);
}

/*
 * Between KiExceptionDispatch's registers and its return address lies the EXCEPTION_RECORD that it
 * makes: of what the handler that called it was entered for.
 */
static bool poke_record(struct fit_x64 *x, size_t i) {
    static const struct {
        const char *const handler[3];
        uint32_t code;
    } codes[] = {{{"KiPageFault", "KiGeneralProtection"}, 0xc0000005},
                 {{"KiDivideErrorFault"}, 0xc0000094},
                 {{"KiInvalidOpcodeFault"}, 0xc000001d},
                 {{"KiBreakpointTrap", "KiDebugServiceTrap"}, 0x80000003}};
    static const char *const dispatcher[] = {"KiExceptionDispatch", NULL};
    enum { RECORD = KEEPER, ADDRESS = 0x10, SIZE = 0x98 };
    const struct fit_work *w = &x->w;
    const struct fit_frame *f = &w->frame[i];
    uint32_t code = 0;
    if (!is_keeper(x, i) || !fit_is_kernel_name(f->f, dispatcher) || i + 1 == w->count ||
        x->step[i].size < RECORD + SIZE)
        return true;
    for (size_t k = 0; k < sizeof codes / sizeof *codes; k++)
        if (fit_is_kernel_name(w->frame[i + 1].f, codes[k].handler))
            code = codes[k].code;
    uint64_t at = f->sp + RECORD;
    return !code || (fit_poke(&x->w, FIT_FILLED, f->f->line, "ExceptionCode", at, code, 4) &&
                     fit_poke(&x->w, FIT_FILLED, f->f->line, "ExceptionAddress", at + ADDRESS,
                              w->frame[i + 1].ret, 8));
}

static bool fill_stack(struct fit_x64 *x) {
    size_t n = x->w.count;
    bool ok = true;
    for (size_t i = 0; i < n && ok; i++)
        ok = poke_needed(x, i);
    ok = ok && poke_end(x);
    for (size_t i = 0; i < n && ok; i++)
        ok = poke_registers(x, i, true);
    for (size_t i = 0; i < n && ok; i++)
        ok = poke_arguments(x, i, FIT_SHOWN);
    for (size_t i = 0; i < n && ok; i++)
        ok = poke_arguments(x, i, FIT_FILLED);
    for (size_t i = 0; i < n && ok; i++)
        ok = poke_registers(x, i, false) && poke_trap(x, i) && poke_record(x, i);
    return ok;
}

/* ---- stacks without columns ---- */

/* How far the next frame's stack pointer is above that of frame I. */
static uint64_t plausible_size(const struct fit_work *w, size_t i) {
    const struct forge_frame *f = w->frame[i].f;
    if (is_handler(f))
        return TRAP_SIZE;
    if (!f->module[0] || (!i && !f->disp))
        return 8;
    return 0x30 + 0x10 * (fit_hash(f->module, f->name) % 12);
}

/* Stack pointers below the top of a stack, for each run of kernel or user frames. */
static void invent_columns(struct fit_work *w) {
    for (size_t i = 0, end; i < w->count; i = end) {
        bool kernel = fit_is_kernel(w, w->frame[i].ip);
        uint64_t total = 0;
        for (end = i; end < w->count && fit_is_kernel(w, w->frame[end].ip) == kernel; end++)
            total += plausible_size(w, end);
        uint64_t sp = (!kernel         ? USER_TOP
                       : w->where->top ? w->where->top
                                       : 0xfffff88004c3ad80) -
                      total;
        for (size_t k = i; k < end; k++) {
            w->frame[k].sp = sp;
            sp += plausible_size(w, k);
        }
    }
}

static bool fit(struct fit_x64 *x) {
    struct fit_work *w = &x->w;
    if (!fit_has_columns(w))
        invent_columns(w);
    x->step = calloc(w->count, sizeof *x->step);
    x->fixed = calloc(w->nblocks + 1, sizeof *x->fixed);
    if (!x->step || !x->fixed)
        return listing_nomem(w->why);
    for (size_t i = 0; i < w->count; i++)
        if (!leave(x, i, &x->step[i]))
            return false;
    if (!find_based(x) || !make_functions(x) || !fill_stack(x))
        return false;
    w->out.sp = w->frame[0].sp;
    wanted_rbp(x, 0, &w->out.fp);
    fit_extent(w, jump(w, w->out.sp));
    return true;
}

bool forge_fit_x64(const struct forge_frames *frames, const struct forge_where *where,
                   struct forge_fit *ret, char *why) {
    struct fit_x64 x = {0};
    bool ok = fit_open(&x.w, frames, where, 8, why) && fit(&x);
    free(x.step);
    free(x.fixed);
    return fit_close(&x.w, ok, ret);
}
