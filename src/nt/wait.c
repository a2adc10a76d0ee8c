/* SPDX-License-Identifier: MIT */
/*
 * Wait blocks.
 *
 * Until Windows 7 KTHREAD.WaitBlockList points to the first of a ring linked by NextWaitBlock;
 * since Windows 8 the blocks are an array of KTHREAD.WaitBlockCount. The object is a
 * DISPATCHER_HEADER with what its type adds.
 */
#include "nt/wait.h"

#include <inttypes.h>

enum { BLOCK_OBJECT, BLOCK_NEXT, BLOCK_THREAD, BLOCK_FIELDS };
static const struct sc_layout_field block_rows[] = {
    [BLOCK_OBJECT] = {"Object", 1, true},
    [BLOCK_NEXT] = {"NextWaitBlock", 1, true},
    [BLOCK_THREAD] = {"Thread", 1, true},
};
static const uint8_t block_pointers[] = {BLOCK_OBJECT, BLOCK_NEXT, BLOCK_THREAD};
static const struct nt_def block_def = {
    {"nt!_KWAIT_BLOCK", block_rows, BLOCK_FIELDS}, BLOCK_FIELDS, NULL, NT_POINTERS(block_pointers)};

enum { HEADER_TYPE, HEADER_SIGNAL, HEADER_FIELDS };
static const struct sc_layout_field header_rows[] = {
    [HEADER_TYPE] = {"Type", 1, true},
    [HEADER_SIGNAL] = {"SignalState", 4, true},
};
static const struct nt_def header_def = {
    {"nt!_DISPATCHER_HEADER", header_rows, HEADER_FIELDS}, HEADER_FIELDS, NULL, NULL, 0};

static const struct sc_layout_field mutant_rows[] = {{"OwnerThread", 1, true}};
static const uint8_t mutant_pointers[] = {0};
static const struct nt_def mutant_def = {
    {"nt!_KMUTANT", mutant_rows, 1}, 1, NULL, NT_POINTERS(mutant_pointers)};
static const struct sc_layout_field semaphore_rows[] = {{"Limit", 4, true}};
static const struct nt_def semaphore_def = {
    {"nt!_KSEMAPHORE", semaphore_rows, 1}, 1, NULL, NULL, 0};

const char *nt_object_type_name(uint64_t type) {
    static const char *const names[] = {
        [NT_OBJECT_NOTIFICATION_EVENT] = "NotificationEvent",
        [NT_OBJECT_SYNCHRONIZATION_EVENT] = "SynchronizationEvent",
        [NT_OBJECT_MUTANT] = "Mutant",
        [NT_OBJECT_PROCESS] = "ProcessObject",
        [NT_OBJECT_QUEUE] = "QueueObject",
        [NT_OBJECT_SEMAPHORE] = "Semaphore",
        [NT_OBJECT_THREAD] = "Thread",
        [NT_OBJECT_GATE] = "Gate",
        [NT_OBJECT_NOTIFICATION_TIMER] = "NotificationTimer",
        [NT_OBJECT_SYNCHRONIZATION_TIMER] = "SynchronizationTimer",
        [NT_OBJECT_PRI_QUEUE] = "PriQueueObject",
    };
    return type < sizeof names / sizeof *names ? names[type] : NULL;
}

/* KeDelayExecutionThread of Windows 8 and later: published threads show it as an event at -1. */
static bool is_delay(const struct nt *nt, const struct nt_wait *w) {
    return w->object.state == NT_READ &&
           w->object.value == (nt->ptr_size == 4 ? UINT32_MAX : UINT64_MAX);
}

static sc_err *read_object(const struct nt *nt, struct nt_wait *w) {
    struct nt_field f[HEADER_FIELDS];
    w->delay = is_delay(nt, w);
    if (w->delay) {
        w->type = (struct nt_field){NT_OBJECT_NOTIFICATION_EVENT, NT_READ};
        w->signal_state.state = NT_ABSENT;
        return NULL;
    }
    if (!nt_set(&w->object) || !nt_is_kernel(nt, w->object.value)) {
        w->type.state = w->signal_state.state = NT_ABSENT;
        return NULL;
    }
    uint64_t at = w->object.value;
    sc_err *err = nt_load_optional(nt, &header_def, at, f, NULL);
    if (err)
        return err;
    w->type = f[HEADER_TYPE];
    w->type.value &= 0x7f;
    w->signal_state = f[HEADER_SIGNAL];
    if (w->type.state != NT_READ)
        return NULL;
    if (w->type.value == NT_OBJECT_MUTANT)
        return nt_load_optional(nt, &mutant_def, at, &w->owner, NULL);
    if (w->type.value == NT_OBJECT_SEMAPHORE)
        return nt_load_optional(nt, &semaphore_def, at, &w->limit, NULL);
    return NULL;
}

struct walk {
    const struct nt *nt;
    const struct nt_thread *thread;
    sc_arena *arena;
    struct nt_wait item[NT_WAITS_MAX];
    size_t count;
    const char *why;
};

static sc_err *say(struct walk *w, const char *what, uint64_t block) {
    w->why = sc_arena_printf(w->arena, "%s %0*" PRIx64, what, (int)w->nt->ptr_size * 2, block);
    return w->why ? NULL : sc_err_nomem();
}

/* One block; false in *RET_GO when the walk must end. */
static sc_err *take_block(struct walk *w, uint64_t block, uint64_t *ret_next, bool *ret_go) {
    struct nt_field f[BLOCK_FIELDS];
    sc_err *err = nt_load(w->nt, &block_def, block, f, NULL);
    *ret_go = false;
    if (err)
        return err;
    if (f[BLOCK_OBJECT].state != NT_READ)
        return say(w, "the dump does not hold the wait block at", block);
    /* Since Windows 8 a block may name something else in its place. */
    if (f[BLOCK_NEXT].state == NT_READ && nt_or(&f[BLOCK_THREAD], 0) != w->thread->address)
        return say(w, "this is no wait block of the thread:", block);
    struct nt_wait *wait = &w->item[w->count++];
    *wait = (struct nt_wait){.block = block, .object = f[BLOCK_OBJECT]};
    *ret_next = nt_or(&f[BLOCK_NEXT], 0);
    *ret_go = true;
    return read_object(w->nt, wait);
}

static sc_err *walk_array(struct walk *w, uint64_t first, uint64_t count) {
    const sc_layout *layout;
    uint64_t next;
    bool go = true;
    sc_err *err = sc_layout_book_get(w->nt->book, &block_def.layout, &layout);
    if (!err && count > NT_WAITS_MAX) {
        w->why = "the thread claims more wait blocks than there can be";
        count = NT_WAITS_MAX;
    }
    for (uint64_t i = 0; !err && go && i < count; i++)
        err = take_block(w, nt_add(w->nt, first, i * sc_layout_size(layout)), &next, &go);
    return err;
}

static sc_err *walk_ring(struct walk *w, uint64_t first) {
    uint64_t block = first;
    bool go = true;
    sc_err *err = NULL;
    while (!err && go) {
        if (w->count == NT_WAITS_MAX)
            return say(w, "the list of wait blocks does not come back to", first);
        err = take_block(w, block, &block, &go);
        if (go && block == first)
            return err;
        if (!err && go && !nt_is_kernel(w->nt, block))
            return say(w, "the list of wait blocks is damaged behind", w->item[w->count - 1].block);
    }
    return err;
}

static sc_err *walk(struct walk *w) {
    const struct nt_field *list = &w->thread->f[NT_T_WAIT_BLOCK_LIST];
    const struct nt_field *count = &w->thread->f[NT_T_WAIT_BLOCK_COUNT];
    const struct nt_field *state = &w->thread->f[NT_T_STATE];
    if (state->state != NT_READ || state->value != NT_THREAD_WAITING || !nt_set(list))
        return NULL;
    if (!nt_is_kernel(w->nt, list->value))
        return say(w, "the thread's list of wait blocks is damaged:", list->value);
    return count->state == NT_READ ? walk_array(w, list->value, count->value)
                                   : walk_ring(w, list->value);
}

sc_err *nt_thread_waits(const struct nt *nt, const struct nt_thread *thread, sc_arena *arena,
                        struct nt_waits *ret) {
    struct walk w = {.nt = nt, .thread = thread, .arena = arena};
    sc_err *err = walk(&w);
    if (sc_err_catch(&err, SC_ERR_NOT_FOUND))
        w.why = "the symbols do not know nt!_KWAIT_BLOCK";
    if (err)
        return err;
    struct nt_wait *item = w.count ? sc_arena_array(arena, w.count, sizeof *item) : NULL;
    if (w.count && !item)
        return sc_err_nomem();
    for (size_t i = 0; i < w.count; i++)
        item[i] = w.item[i];
    *ret = (struct nt_waits){item, w.count, w.why};
    return NULL;
}
