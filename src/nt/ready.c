/* SPDX-License-Identifier: MIT */
/*
 * Reading the lists of ready threads and the queued spin locks of a processor.
 *
 *   Windows XP          nt!KiDispatcherReadyListHead[32], nt!KiReadySummary: of all processors
 *   since Server 2003   KPRCB.DispatcherReadyListHead[32], KPRCB.ReadySummary
 *   since Windows 8.1   besides KPRCB.SharedReadyQueue -> KSHARED_READY_QUEUE.ReadyListHead[32]
 *
 * Threads are linked through KTHREAD.WaitListEntry, which they do not need for waiting then. A
 * queued spin lock is a KSPIN_LOCK_QUEUE { Next, Lock } in KPRCB.LockQueue; the low bits of Lock
 * say 1 waiting, 2 owner. Sources: the public symbols of the kernels (tables of layouts in
 * data/layouts); the bits: wdm.h's queued spin locks, and WinDbg's documentation of !running.
 */
#include "nt/ready.h"

#include <stdlib.h>

#include "base/vec.h"
#include "nt/thread.h"

enum { PRCB_HEADS, PRCB_SUMMARY, PRCB_SHARED, PRCB_LOCKS, PRCB_FIELDS };
static const struct sc_layout_field prcb_rows[PRCB_FIELDS] = {
    [PRCB_HEADS] = {"DispatcherReadyListHead", 1, true},
    [PRCB_SUMMARY] = {"ReadySummary", 4, true},
    [PRCB_SHARED] = {"SharedReadyQueue", 1, true},
    [PRCB_LOCKS] = {"LockQueue", 1, true},
};
static const uint8_t prcb_pointers[] = {PRCB_SHARED};
static const struct nt_def prcb_def = {
    {"nt!_KPRCB", prcb_rows, PRCB_FIELDS}, PRCB_FIELDS, NULL, NT_POINTERS(prcb_pointers)};

enum { SHARED_HEADS, SHARED_SUMMARY, SHARED_AFFINITY, SHARED_FIELDS };
static const struct sc_layout_field shared_rows[SHARED_FIELDS] = {
    [SHARED_HEADS] = {"ReadyListHead", 1, true},
    [SHARED_SUMMARY] = {"ReadySummary", 4, true},
    [SHARED_AFFINITY] = {"Affinity", 1, true},
};
static const uint8_t shared_pointers[] = {SHARED_AFFINITY};
static const struct nt_def shared_def = {{"nt!_KSHARED_READY_QUEUE", shared_rows, SHARED_FIELDS},
                                         SHARED_FIELDS,
                                         NULL,
                                         NT_POINTERS(shared_pointers)};

static const struct sc_layout_field link_rows[] = {{"Tcb.WaitListEntry", 1, true}};
static const struct nt_def link_def = {{"nt!_ETHREAD", link_rows, 1}, 1, NULL, NULL, 0};

struct threads {
    struct nt_ready_thread *item;
    size_t count, room;
};

/* Those of one priority, whose list's head is at HEAD. */
static sc_err *read_list(const struct nt *nt, uint64_t head, unsigned priority, uint64_t link,
                         sc_arena *arena, struct threads *threads, struct nt_ready *r) {
    struct nt_list list;
    char why[NT_LIST_TEXT];
    uint64_t entry;
    nt_list_begin(&list, nt, head, NT_READY_MAX - threads->count);
    while (nt_list_next(&list, &entry)) {
        struct nt_ready_thread *slot = SC_VEC_PUSH(threads);
        if (!slot)
            return sc_err_nomem();
        *slot = (struct nt_ready_thread){nt_add(nt, entry, 0 - link), priority};
    }
    if (list.end == NT_LIST_DONE || r->why)
        return NULL;
    r->why = sc_arena_printf(arena, "priority %u: %s", priority, nt_list_end_text(&list, why));
    return r->why ? NULL : sc_err_nomem();
}

/* All lists whose heads begin at HEADS: where the summary is known, those that it names. */
static sc_err *read_lists(const struct nt *nt, uint64_t heads, sc_arena *arena,
                          struct nt_ready *r) {
    struct threads threads = {0};
    uint64_t link;
    bool found;
    sc_err *err = nt_offset(nt, &link_def, 0, &link, &found);
    if (err || !found)
        return err;
    r->known = true;
    for (unsigned i = NT_PRIORITIES; !err && i-- > 0;) {
        if (r->summary.state == NT_READ && !(r->summary.value >> i & 1))
            continue;
        err = read_list(nt, nt_add(nt, heads, (uint64_t)i * 2 * nt->ptr_size), i, link, arena,
                        &threads, r);
    }
    if (!err && threads.count) {
        r->item = sc_arena_array(arena, threads.count, sizeof *r->item);
        err = r->item ? NULL : sc_err_nomem();
        for (size_t i = 0; !err && i < threads.count; i++)
            r->item[r->count++] = threads.item[i];
    }
    SC_VEC_FREE(&threads);
    return err;
}

/* Windows XP: one set of lists for all processors. */
static sc_err *system_heads(const struct nt *nt, struct nt_ready *r, uint64_t *ret_heads,
                            bool *ret_found) {
    struct nt_field summary = {0, NT_NO_FIELD};
    sc_err *err = nt_symbol(nt, "nt!KiDispatcherReadyListHead", ret_heads, ret_found);
    if (!err)
        err = nt_global(nt, "nt!KiReadySummary", 4, &summary);
    r->summary = summary;
    return err;
}

sc_err *nt_prcb_ready(const struct nt *nt, const struct nt_prcb *prcb, sc_arena *arena,
                      struct nt_ready *ret) {
    struct nt_ready r = {0};
    struct nt_field f[PRCB_FIELDS];
    uint64_t heads;
    bool found;
    sc_err *err = nt_offset(nt, &prcb_def, PRCB_HEADS, &heads, &found);
    if (!err && found) {
        heads = nt_add(nt, prcb->address, heads);
        err = nt_load(nt, &prcb_def, prcb->address, f, NULL);
        if (!err)
            r.summary = f[PRCB_SUMMARY];
    } else if (!err) {
        err = system_heads(nt, &r, &heads, &found);
    }
    if (!err && found)
        err = read_lists(nt, heads, arena, &r);
    if (!err)
        *ret = r;
    return err;
}

sc_err *nt_prcb_shared_ready(const struct nt *nt, const struct nt_prcb *prcb, sc_arena *arena,
                             struct nt_ready *ret) {
    struct nt_ready r = {0};
    struct nt_field f[PRCB_FIELDS], g[SHARED_FIELDS];
    uint64_t heads = 0;
    bool found = false;
    sc_err *err = nt_load(nt, &prcb_def, prcb->address, f, NULL);
    if (!err && nt_set(&f[PRCB_SHARED])) {
        r.queue = f[PRCB_SHARED].value;
        err = nt_load_optional(nt, &shared_def, r.queue, g, NULL);
        if (!err && g[SHARED_HEADS].state != NT_NO_FIELD)
            err = nt_offset(nt, &shared_def, SHARED_HEADS, &heads, &found);
        if (!err && found) {
            r.summary = g[SHARED_SUMMARY];
            r.affinity = g[SHARED_AFFINITY];
        }
        if (!err && found)
            err = read_lists(nt, nt_add(nt, r.queue, heads), arena, &r);
    }
    if (!err)
        *ret = r;
    return err;
}

sc_err *nt_prcb_shared_queue(const struct nt *nt, const struct nt_prcb *prcb, uint64_t *ret) {
    struct nt_field f[PRCB_FIELDS];
    sc_err *err = nt_load(nt, &prcb_def, prcb->address, f, NULL);
    if (!err)
        *ret = nt_set(&f[PRCB_SHARED]) ? f[PRCB_SHARED].value : 0;
    return err;
}

sc_err *nt_prcb_locks(const struct nt *nt, const struct nt_prcb *prcb,
                      char ret_state[NT_QUEUED_LOCKS + 1]) {
    uint64_t offset;
    bool found;
    sc_err *err = nt_offset(nt, &prcb_def, PRCB_LOCKS, &offset, &found);
    if (err)
        return err;
    ret_state[NT_QUEUED_LOCKS] = 0;
    for (unsigned i = 0; i < NT_QUEUED_LOCKS; i++) {
        uint64_t at = offset + (uint64_t)i * 2 * nt->ptr_size + nt->ptr_size;
        struct nt_field lock = {0, NT_NO_FIELD};
        if (found)
            lock = nt_pointer(nt, nt_add(nt, prcb->address, at));
        ret_state[i] = lock.state != NT_READ ? '?'
                       : lock.value & 2      ? 'O'
                       : lock.value & 1      ? 'W'
                                             : '.';
    }
    return NULL;
}
