/* SPDX-License-Identifier: MIT */
/*
 * The moment of the crash, from the dump's copies of kernel objects (by the layouts that the
 * kernel's symbols give) and from what the container knows. A process's thread has its stack in
 * its TEB (NT_TIB: StackBase behind one pointer, StackLimit behind two).
 */
#include "analyze/kfacts.h"

#include <string.h>

#include "nt/clock.h"
#include "nt/current.h"
#include "nt/prcb.h"
#include "nt/thread.h"

enum { USUAL_TICK = 156250, DPC_STACK_MAX = 0x8000, STACK_MAX = 64 << 20 };

bool sc_case_took(struct sc_case *c, sc_err *err) {
    if (err && sc_err_code(err) == SC_ERR_NOMEM)
        c->nomem = true;
    bool fine = !err;
    sc_err_destroy(err);
    return fine;
}

const struct nt_vm *sc_case_vm(struct sc_case *c) {
    struct sc_kfacts *k = c->k;
    struct nt_vm vm;
    if (k->vm_asked || !k->book)
        return k->vm;
    k->vm_asked = true;
    if (!sc_case_took(c, nt_vm_read(&k->nt, &vm)))
        return NULL;
    struct nt_vm *kept = sc_arena_alloc(c->arena, sizeof *kept);
    if (!kept) {
        c->nomem = true;
        return NULL;
    }
    *kept = vm;
    k->vm = kept;
    return kept;
}

static const struct sc_thread *current_entry(struct sc_case *c) {
    const struct sc_threads *threads;
    if (!sc_case_took(c, sc_target_threads(c->target, &threads)))
        return NULL;
    for (size_t i = 0; i < threads->count; i++)
        if (threads->item[i].index == c->machine->current)
            return &threads->item[i];
    return NULL;
}

/* A pair that could be the limits of a stack. */
static void take_stack(struct sc_kfacts *k, uint64_t limit, uint64_t base) {
    if (limit && base > limit && base - limit <= STACK_MAX) {
        k->stack_limit = limit;
        k->stack_base = base;
    }
}

static void take_thread(struct sc_case *c, struct sc_kfacts *k) {
    struct nt_thread t;
    if (!k->thread && !sc_case_took(c, nt_current_thread(&k->nt, c->machine->current, &k->thread)))
        k->thread = 0;
    if (!k->thread || !sc_case_took(c, nt_thread_read(&k->nt, k->thread, &t)) ||
        !nt_thread_valid(&t))
        return;
    k->assumed |= t.assumed;
    take_stack(k, nt_or(&t.f[NT_T_STACK_LIMIT], 0), nt_or(&t.f[NT_T_STACK_BASE], 0));
    k->process = nt_or(&t.f[NT_T_APC_PROCESS], nt_or(&t.f[NT_T_PROCESS], 0));
}

static void take_processor(struct sc_case *c, struct sc_kfacts *k) {
    struct nt_field at = {k->prcb, k->prcb ? NT_READ : NT_ABSENT};
    struct nt_prcb p;
    if (!k->prcb && !sc_case_took(c, nt_prcb_address(&k->nt, c->machine->current, &at)))
        return;
    if (!nt_set(&at))
        return;
    k->prcb = at.value;
    if (!sc_case_took(c, nt_prcb_read(&k->nt, at.value, &p)) || !nt_prcb_present(&p))
        return;
    k->dpc_stack = nt_or(&p.f[NT_C_DPC_STACK], 0);
    const struct nt_field *irql = &p.f[NT_C_SAVED_IRQL];
    k->has_irql = irql->state == NT_READ && irql->value <= 31;
    k->irql = irql->value;
}

static void take_clock(struct sc_case *c, struct sc_kfacts *k) {
    struct nt_clock clock;
    if (sc_case_took(c, nt_clock_read(&k->nt, &clock)))
        k->tick = nt_or(&clock.increment, 0);
}

static void take_teb(struct sc_case *c, struct sc_kfacts *k, const struct sc_thread *t) {
    sc_space *space = sc_target_space(c->target);
    uint64_t base, limit;
    if (t->teb && sc_space_ptr(space, t->teb + c->ptr_size, &base) == SC_READ_OK &&
        sc_space_ptr(space, t->teb + 2 * c->ptr_size, &limit) == SC_READ_OK)
        take_stack(k, limit, base);
    if (!k->stack_base && t->stack_size)
        take_stack(k, t->stack_start, t->stack_start + t->stack_size);
}

sc_err *sc_kfacts_load(struct sc_case *c) {
    struct sc_kfacts *k = sc_arena_alloc(c->arena, sizeof *k);
    if (!k)
        return sc_err_nomem();
    c->k = k;
    const struct sc_thread *t = current_entry(c);
    if (t) {
        k->thread = t->thread;
        k->prcb = t->prcb;
    }
    if (!c->machine->kernel) {
        if (t)
            k->thread = t->tid;
        if (t && c->machine->windows)
            take_teb(c, k, t);
        return c->nomem ? sc_err_nomem() : NULL;
    }
    if (!c->symtab)
        return NULL;
    sc_err *err = sc_layout_book_create(c->symtab, &k->book);
    if (err)
        return err;
    nt_init(&k->nt, c->target, c->symtab, k->book);
    take_thread(c, k);
    take_processor(c, k);
    take_clock(c, k);
    return c->nomem ? sc_err_nomem() : NULL;
}

void sc_kfacts_end(struct sc_kfacts *k) {
    if (k)
        sc_layout_book_destroy(k->book);
}

bool sc_on_stack(const struct sc_case *c, uint64_t addr) {
    return c->k && addr >= c->k->stack_limit && addr < c->k->stack_base;
}

/* Tenths are enough: a tick is a hundredth. */
static const char *span_text(struct sc_case *c, uint64_t span) {
    uint64_t tenths = span / 1000000;
    if (tenths < 10)
        return sc_case_text(c, "%llu ms", (unsigned long long)(span / 10000));
    return sc_case_text(c, "%llu.%llu s", (unsigned long long)(tenths / 10),
                        (unsigned long long)(tenths % 10));
}

const char *sc_ticks_text(struct sc_case *c, uint64_t ticks) {
    bool known = c->k && c->k->tick;
    uint64_t tick = known ? c->k->tick : USUAL_TICK;
    if (ticks > UINT32_MAX)
        return sc_case_text(c, "%llu ticks", (unsigned long long)ticks);
    return sc_case_text(c, "%llu %s: %s at %s %llu.%03llu ms a tick", (unsigned long long)ticks,
                        ticks == 1 ? "tick" : "ticks", span_text(c, ticks * tick),
                        known ? "this dump's" : "the usual", (unsigned long long)(tick / 10000),
                        (unsigned long long)(tick % 10000 / 10));
}
