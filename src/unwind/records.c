/* SPDX-License-Identifier: MIT */
/*
 * Frames that are known besides what the walk came by: anchors.
 *
 * 1. The event's registers (exception or context record of the dump), when their stack pointer lies
 *    higher on the same stack: what was interrupted.
 *
 * 2. What the system's own unwinder found (x64). While an exception is dispatched, the dispatcher
 *    unwinds frame after frame to find a handler, and keeps on its stack
 *
 *      DISPATCHER_CONTEXT (winnt.h)          CONTEXT (winnt.h), 0x4d0 bytes
 *        +0x00 ControlPc                       +0x30 ContextFlags  +0x34 MxCsr
 *        +0x08 ImageBase                       +0x38 SegCs … +0x42 SegSs  +0x44 EFlags
 *        +0x10 FunctionEntry                   +0x98 Rsp   +0xf8 Rip
 *        +0x18 EstablisherFrame                +0x118 MxCsr again (FltSave)
 *        +0x28 ContextRecord
 *        +0x30 LanguageHandler
 *
 *    which say: the frame of ControlPc had the stack pointer EstablisherFrame (unless the function
 *    has a frame register), and its caller's registers are in the CONTEXT. Such records may be left
 *    from an exception that was handled long ago. So they count only where the stack still agrees:
 *    the return addresses that they tell must lie just below the stack pointers that they tell.
 *
 * CONTEXT records on the stack are kept as such too: what looks like a return address inside of one
 * is a register.
 */
#include <stdlib.h>
#include <string.h>

#include "base/vec.h"
#include "unwind/recover.h"

enum {
    CONTEXT_SIZE = 0x4d0,
    MAX_CONTEXTS = 64,
    MAX_ANCHORS = 64,
    NONVOLATILE = 0xf0f8, /* rbx rsp rbp rsi rdi r12 … r15 */
};

static uint64_t at(const struct sc_recover *r, uint64_t addr) {
    uint64_t v = 0;
    sc_stackmem_at(&r->mem, addr, &v);
    return v;
}

/* Fixed bits of ContextFlags: the CPU's mark; 0x1f are the parts, 0x40 extended state, the upper
 * ones say how the record came to be. */
static bool is_context(const struct sc_recover *r, uint64_t p) {
    uint64_t word = at(r, p + 0x30), cs = at(r, p + 0x38) & 0xffff, last = at(r, p + 0x40);
    uint32_t flags = (uint32_t)word, mxcsr = (uint32_t)(word >> 32);
    uint64_t ss = last >> 16 & 0xffff, efl = last >> 32;
    if ((flags & 0x07ffffa0) != 0x00100000 || (mxcsr & ~0x3fu) != 0x1f80)
        return false;
    if ((cs != 0x10 && cs != 0x33) || (ss != 0x18 && ss != 0x2b && ss != 0))
        return false;
    if (!(efl & 2) || (efl & 0xffc08028))
        return false;
    return at(r, p + 0x98) != 0 && at(r, p + 0xf8) != 0;
}

static sc_err *find_contexts(struct sc_recover *r) {
    const struct sc_stackmem *m = &r->mem;
    if (r->u->cpu != SC_CPU_X64 || m->end - m->start < CONTEXT_SIZE)
        return NULL;
    for (uint64_t p = (m->start + 15) & ~UINT64_C(15);
         p <= m->end - CONTEXT_SIZE && r->contexts.count < MAX_CONTEXTS; p += 16) {
        if (!is_context(r, p))
            continue;
        uint64_t *slot = SC_VEC_PUSH(&r->contexts);
        if (!slot)
            return sc_err_nomem();
        *slot = p;
    }
    return NULL;
}

bool sc_records_in_context(const struct sc_recover *r, uint64_t slot) {
    for (size_t i = 0; i < r->contexts.count; i++)
        if (slot - r->contexts.item[i] < CONTEXT_SIZE)
            return true;
    return false;
}

static bool context_known(const struct sc_recover *r, uint64_t p) {
    for (size_t i = 0; i < r->contexts.count; i++)
        if (r->contexts.item[i] == p)
            return true;
    return false;
}

/* NULL: memory is short. One with the same stack pointer is taken again. */
static struct sc_anchor *add(struct sc_recover *r, uint64_t ip, uint64_t sp) {
    for (size_t i = 0; i < r->anchors.count; i++)
        if (r->anchors.item[i].sp == sp && r->anchors.item[i].ip == ip)
            return &r->anchors.item[i];
    struct sc_anchor *a = SC_VEC_PUSH(&r->anchors);
    if (!a)
        return NULL;
    a->ip = ip;
    a->sp = sp;
    a->regs.cpu = r->u->cpu;
    a->regs.size = (uint32_t)sc_context_size(r->u->cpu);
    if (r->u->cpu == SC_CPU_X64)
        a->regs.raw[0x32] = 0x10, a->regs.raw[0x30] = 3; /* ContextFlags: control, integer */
    return a;
}

/* The trap frame that interrupted IP and SP: just below, where the processor made it. */
static uint64_t trap_below(const struct sc_recover *r, uint64_t ip, uint64_t sp) {
    struct sc_trap t;
    uint64_t top = sp & ~UINT64_C(15);
    if (top > 0x190 && sc_trap_at(r->u, top - 0x190, &t) && t.ip == ip && t.sp == sp)
        return t.address;
    return 0;
}

static sc_err *add_event(struct sc_recover *r) {
    struct sc_regs regs;
    sc_err *err = sc_target_event_regs(r->u->target, &regs);
    if (err && sc_err_code(err) != SC_ERR_NOMEM && sc_err_code(err) != SC_ERR_CANCELLED) {
        sc_err_destroy(err);
        return NULL;
    }
    if (err)
        return err;
    if (regs.cpu != r->u->cpu || !sc_stackmem_has(&r->mem, sc_regs_sp(&regs)))
        return NULL;
    struct sc_anchor *a = add(r, sc_regs_ip(&regs), sc_regs_sp(&regs));
    if (!a)
        return sc_err_nomem();
    a->how = SC_FRAME_TRAP;
    a->exact_ip = true;
    a->regs = regs;
    a->known = UINT64_MAX;
    a->trap = trap_below(r, a->ip, a->sp);
    return NULL;
}

/* The registers of the CONTEXT at P. */
static void take_context(const struct sc_recover *r, uint64_t p, struct sc_regs *regs) {
    for (unsigned i = 0; i < CONTEXT_SIZE / 8; i++) {
        uint64_t v = at(r, p + 8 * i);
        for (unsigned b = 0; b < 8; b++)
            regs->raw[8 * i + b] = (uint8_t)(v >> 8 * b);
    }
    regs->cpu = r->u->cpu;
    regs->size = CONTEXT_SIZE;
}

/* Both hold on the stack what a return to IP and SP needs: IP just below SP. */
static bool returns_to(const struct sc_recover *r, uint64_t ip, uint64_t sp) {
    uint64_t v = 0;
    return sp % 16 == 0 && sc_stackmem_at(&r->mem, sp - 8, &v) && v == ip;
}

static sc_err *add_dispatch(struct sc_recover *r, uint64_t p) {
    uint64_t pc = at(r, p), base = at(r, p + 8), frame = at(r, p + 0x18), ctx = at(r, p + 0x28);
    if (!context_known(r, ctx) || frame <= p || !sc_stackmem_has(&r->mem, frame))
        return NULL;
    uint64_t ip = at(r, ctx + 0xf8), sp = at(r, ctx + 0x98);
    struct sc_unwind_module *m, *caller;
    sc_err *err = sc_unwind_module_at(r->u, pc, &m);
    if (err || !m || m->base != base || at(r, p + 0x10) - base >= m->size)
        return err;
    err = sc_unwind_module_at(r->u, ip, &caller);
    if (err || !caller || sp <= frame || !returns_to(r, ip, sp))
        return err;
    bool whole = returns_to(r, pc, frame);
    if (whole) {
        struct sc_anchor *a = add(r, pc, frame);
        if (!a)
            return sc_err_nomem();
        if (!a->known) {
            sc_x64_go(&a->regs, pc, frame);
            *a = (struct sc_anchor){.ip = pc,
                                    .sp = frame,
                                    .how = SC_FRAME_DISPATCH,
                                    .ret_slot = frame - 8,
                                    .regs = a->regs,
                                    .known = 1 << 4};
        }
    }
    struct sc_anchor *a = add(r, ip, sp);
    if (!a)
        return sc_err_nomem();
    a->how = SC_FRAME_DISPATCH;
    a->ret_slot = sp - 8;
    a->direct = whole;
    a->known = NONVOLATILE;
    take_context(r, ctx, &a->regs);
    return NULL;
}

static int by_sp(const void *a, const void *b) {
    const struct sc_anchor *x = a, *y = b;
    return x->sp < y->sp ? -1 : x->sp > y->sp;
}

sc_err *sc_records_find(struct sc_recover *r) {
    sc_err *err = find_contexts(r);
    if (!err)
        err = add_event(r);
    const struct sc_stackmem *m = &r->mem;
    if (!err && r->contexts.count && m->end - m->start >= 0x50)
        for (uint64_t p = m->start & ~UINT64_C(7); !err && p <= m->end - 0x50; p += 8)
            if (r->anchors.count < MAX_ANCHORS && at(r, p + 0x28) - m->start < m->end - m->start)
                err = add_dispatch(r, p);
    if (!err && r->anchors.count)
        qsort(r->anchors.item, r->anchors.count, sizeof *r->anchors.item, by_sp);
    return err;
}
