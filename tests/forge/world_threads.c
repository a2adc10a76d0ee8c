/* SPDX-License-Identifier: MIT */
/*
 * What threads do: who runs on which processor and is next there, the lists of those that are
 * ready, requests in flight, stacks that were left for a larger one. Waits: world_wait.c.
 *
 *   ready       until XP nt!KiDispatcherReadyListHead[32] and nt!KiReadySummary; then
 *               KPRCB.DispatcherReadyListHead and ReadySummary; since 8.1 besides a
 *               KSHARED_READY_QUEUE for all processors
 *   segments    KTHREAD.InitialStack points to a KERNEL_STACK_CONTROL (KSTACK_CONTROL since 8)
 *               whose Previous is the stack before
 */
#include <string.h>

#include "forge/world.h"

enum { READY = 1, RUNNING = 2, STANDBY = 3, PRIORITIES = 32, IRP = 6, TICK = 156250 };

static const char *const thread_type = "_ETHREAD", *const prcb_type = "_KPRCB",
                         *const shared_type = "_KSHARED_READY_QUEUE";

bool forge_world_runs(const struct forge_world *w, uint64_t thread, unsigned *ret) {
    for (size_t i = 0; i < w->s->turns.count; i++) {
        const struct forge_scn_turn *t = &w->s->turns.item[i];
        if (t->turn == FORGE_TURN_RUN && t->thread == thread) {
            *ret = t->processor;
            return true;
        }
    }
    return false;
}

uint64_t forge_world_thread_on(const struct forge_world *w, enum forge_turn turn, unsigned n) {
    for (size_t i = 0; i < w->s->turns.count; i++) {
        const struct forge_scn_turn *t = &w->s->turns.item[i];
        if (t->turn == turn && t->processor == n)
            return t->thread;
    }
    return 0;
}

static void set_register(struct sc_regs *regs, const char *name, uint64_t value) {
    sc_reg_set(regs, sc_reg_find(regs->cpu, name), value);
}

bool forge_world_thread_registers(struct forge_world *w, uint64_t thread, struct sc_regs *ret) {
    const struct forge_scn_thread *t = forge_world_thread_at(w, thread);
    const struct forge_wstack *s = t ? forge_world_stack_of(w, t, false) : NULL;
    if (!s)
        return forge_wrong(w->s, 0, "run: no stack shows where the thread %llx stands",
                           (unsigned long long)thread);
    forge_world_plain_registers(w, ret);
    set_register(ret, w->is32 ? "eip" : "rip", s->fit.ip[0]);
    set_register(ret, w->is32 ? "esp" : "rsp", s->fit.sp);
    if (w->is32 || s->fit.fp)
        set_register(ret, w->is32 ? "ebp" : "rbp", s->fit.fp);
    if (!forge_world_is_user(w, s->fit.ip[0]))
        return true;
    set_register(ret, "cs", w->is32 ? 0x1b : 0x33);
    set_register(ret, "ss", w->is32 ? 0x23 : 0x2b);
    if (w->is32)
        set_register(ret, "fs", 0x3b);
    return true;
}

/* ---- ready threads ---- */

static uint64_t place(const struct forge_world *w, const char *type, uint64_t addr,
                      const char *path) {
    struct forge_place p;
    return forge_world_offset(w, type, path, &p) ? addr + p.offset : 0;
}

/* The threads of lines that are in one list: HEADS begin the 32 lists; returns the summary. */
static uint64_t put_lists(struct forge_world *w, uint64_t heads, bool shared, bool any,
                          unsigned processor) {
    uint64_t summary = 0;
    struct forge_place link;
    uint64_t *object = forge_pool_get(w->pool, (w->s->turns.count + 1) * sizeof *object);
    if (!forge_world_offset(w, thread_type, "Tcb.WaitListEntry", &link))
        return 0;
    for (unsigned p = 0; p < PRIORITIES; p++) {
        size_t n = 0;
        for (size_t i = 0; i < w->s->turns.count; i++) {
            const struct forge_scn_turn *t = &w->s->turns.item[i];
            if (t->turn == FORGE_TURN_READY && t->priority == p &&
                (any || (t->shared == shared && (shared || t->processor == processor))))
                object[n++] = t->thread;
        }
        forge_world_link(w, heads + (uint64_t)p * 2 * w->ptr_size, object, n, link.offset);
        summary |= n ? (uint64_t)1 << p : 0;
    }
    return summary;
}

static bool put_system_lists(struct forge_world *w) {
    uint64_t heads, summary;
    if (!forge_world_place(w, 0, w->nt, "KiDispatcherReadyListHead", PRIORITIES * 2 * w->ptr_size,
                           FORGE_SYM_DATA, &heads) ||
        !forge_world_place(w, 0, w->nt, "KiReadySummary", 4, FORGE_SYM_DATA, &summary))
        return false;
    return forge_world_put_uint(w, 0, summary, 4, put_lists(w, heads, false, true, 0));
}

static void put_shared_queue(struct forge_world *w) {
    uint64_t queue = forge_world_spare(w, forge_world_sizeof(w, shared_type), 64);
    uint64_t summary = put_lists(w, place(w, shared_type, queue, "ReadyListHead"), true, false, 0);
    forge_world_set(w, shared_type, queue, "ReadySummary", summary);
    forge_world_set(w, shared_type, queue, "ProcCount", w->ncpus);
    forge_world_set(w, shared_type, queue, "Span", w->ncpus);
    forge_world_set(w, shared_type, queue, "Affinity", ((uint64_t)1 << (w->ncpus & 63)) - 1);
    for (unsigned n = 0; n < w->ncpus; n++)
        forge_world_set(w, prcb_type, w->prcb[n], "SharedReadyQueue", queue);
}

static bool check_ready(struct forge_world *w, const struct forge_scn_turn *t) {
    struct forge_place shared;
    if (t->shared && !forge_world_offset(w, prcb_type, "SharedReadyQueue", &shared))
        return forge_wrong(w->s, t->line, "ready: processors of build %u share no queue",
                           w->s->os.build);
    return true;
}

bool forge_world_ready(struct forge_world *w) {
    struct forge_place own, shared;
    bool any = false;
    for (size_t i = 0; i < w->s->turns.count; i++) {
        if (!check_ready(w, &w->s->turns.item[i]))
            return false;
        any = any || w->s->turns.item[i].turn == FORGE_TURN_READY;
    }
    if (!any)
        return true;
    if (!forge_world_offset(w, prcb_type, "DispatcherReadyListHead", &own))
        return put_system_lists(w);
    for (unsigned n = 0; n < w->ncpus; n++)
        forge_world_set(w, prcb_type, w->prcb[n], "ReadySummary",
                        put_lists(w, w->prcb[n] + own.offset, false, false, n));
    if (forge_world_offset(w, prcb_type, "SharedReadyQueue", &shared))
        put_shared_queue(w);
    return true;
}

/* ---- requests ---- */

static bool put_irp(struct forge_world *w, const struct forge_scn_irp *irp) {
    if (!forge_world_thread_at(w, irp->thread))
        return forge_wrong(w->s, irp->line, "irp: no line describes the thread %llx",
                           (unsigned long long)irp->thread);
    if (!forge_world_struct(w, irp->line, "_IRP", irp->address) ||
        !forge_world_members(w, "_IRP", irp->address, &irp->member))
        return false;
    forge_world_set(w, "_IRP", irp->address, "Type", IRP);
    forge_world_set(w, "_IRP", irp->address, "Size", forge_world_sizeof(w, "_IRP"));
    forge_world_set(w, "_IRP", irp->address, "Tail.Overlay.Thread", irp->thread);
    return true;
}

static bool put_irps(struct forge_world *w) {
    struct forge_place head, link;
    uint64_t *object = forge_pool_get(w->pool, (w->s->irps.count + 1) * sizeof *object);
    for (size_t i = 0; i < w->s->irps.count; i++) {
        uint64_t thread = w->s->irps.item[i].thread;
        size_t n = 0;
        if (!put_irp(w, &w->s->irps.item[i]))
            return false;
        for (size_t k = 0; k < w->s->irps.count; k++)
            if (w->s->irps.item[k].thread == thread)
                object[n++] = w->s->irps.item[k].address;
        if (forge_world_offset(w, thread_type, "IrpList", &head) &&
            forge_world_offset(w, "_IRP", "ThreadListEntry", &link))
            forge_world_link(w, thread + head.offset, object, n, link.offset);
    }
    return true;
}

/* ---- stacks that were left ---- */

static bool put_segment(struct forge_world *w, const struct forge_scn_segment *s) {
    const char *type = "_KSTACK_CONTROL";
    const struct forge_scn_thread *t = forge_world_thread_at(w, s->thread);
    struct forge_place previous;
    if (!forge_types_find(&w->types, type))
        type = "_KERNEL_STACK_CONTROL";
    if (!t || !t->has_init)
        return forge_wrong(w->s, s->line, "segment: no line gives the stack of the thread %llx",
                           (unsigned long long)s->thread);
    if (!forge_world_offset(w, type, "Previous", &previous))
        return forge_wrong(w->s, s->line, "segment: stacks of build %u have none", w->s->os.build);
    forge_memmap_fill(&w->mem, t->stack_init, forge_world_sizeof(w, type));
    const char *segment = "_KERNEL_STACK_SEGMENT";
    uint64_t at = t->stack_init + previous.offset;
    forge_world_set(w, type, t->stack_init, "StackBase|Current.StackBase", t->stack_base);
    forge_world_set(w, type, t->stack_init, "ActualLimit|Current.ActualLimit",
                    t->stack_limit | (!strcmp(type, "_KSTACK_CONTROL")));
    forge_world_set(w, type, t->stack_init, "PreviousSegmentsPresent", 1);
    forge_world_set(w, segment, at, "StackBase", s->base);
    forge_world_set(w, segment, at, "StackLimit", s->limit);
    forge_world_set(w, segment, at, "InitialStack", s->init);
    forge_world_set(w, segment, at, "KernelStack", s->current);
    forge_world_set(w, segment, at, "ActualLimit", s->limit);
    return true;
}

/* ---- all of it ---- */

static bool check(struct forge_world *w, const struct forge_scn_turn *t) {
    static const char *const names[] = {"run", "standby", "ready", "wait"};
    if (!forge_world_thread_at(w, t->thread))
        return forge_wrong(w->s, t->line, "%s: no line describes the thread %llx", names[t->turn],
                           (unsigned long long)t->thread);
    if (t->processor >= w->ncpus)
        return forge_wrong(w->s, t->line, "%s: there are only %u processors", names[t->turn],
                           w->ncpus);
    if (t->turn == FORGE_TURN_RUN && t->processor == w->s->cpu.current)
        return forge_wrong(w->s, t->line, "run: on processor %u the current thread runs",
                           t->processor);
    for (size_t i = 0; i < w->s->turns.count; i++) {
        const struct forge_scn_turn *o = &w->s->turns.item[i];
        if (o != t && o->turn == t->turn && o->turn <= FORGE_TURN_STANDBY &&
            o->processor == t->processor)
            return forge_wrong(w->s, t->line, "%s: line %u has another thread for processor %u",
                               names[t->turn], o->line < t->line ? o->line : t->line, t->processor);
    }
    return true;
}

static void put_turn(struct forge_world *w, const struct forge_scn_turn *t) {
    static const unsigned states[] = {RUNNING, STANDBY, READY};
    if (t->turn == FORGE_TURN_WAIT)
        return;
    forge_world_set(w, thread_type, t->thread, "Tcb.State", states[t->turn]);
    forge_world_set(w, thread_type, t->thread, "Tcb.NextProcessor", t->processor);
    forge_world_set(w, thread_type, t->thread, "Tcb.WaitTime",
                    (w->s->uptime > t->since ? w->s->uptime - t->since : 0) / TICK);
    if (t->shared)
        forge_world_set(w, thread_type, t->thread, "Tcb.SharedReadyQueue", 1);
    if (t->has_priority)
        forge_world_set(w, thread_type, t->thread, "Tcb.Priority", t->priority);
}

bool forge_world_turns(struct forge_world *w) {
    for (size_t i = 0; i < w->s->turns.count; i++) {
        if (!check(w, &w->s->turns.item[i]))
            return false;
        put_turn(w, &w->s->turns.item[i]);
    }
    for (size_t i = 0; i < w->s->segments.count; i++)
        if (!put_segment(w, &w->s->segments.item[i]))
            return false;
    return put_irps(w) && forge_world_waits(w);
}
