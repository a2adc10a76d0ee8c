/* SPDX-License-Identifier: MIT */
/*
 * The DPC queues of a processor.
 *
 *   Windows XP                   KPRCB.DpcListHead, a ring of KDPC.DpcListEntry
 *   Server 2003 to Windows 8.1   KPRCB.DpcData[2].DpcListHead, rings: normal and threaded DPCs
 *   since Windows 10             KPRCB.DpcData[2].DpcList.ListHead, singly linked
 *
 * Sources: the public symbols of the kernels (tables of layouts in data/layouts).
 */
#include "nt/prcb.h"

/* Places: tables of layouts do not always say what a list is. */
enum { QUEUE_RING, QUEUE_SINGLE, QUEUE_RING_2, QUEUE_SINGLE_2, QUEUE_FIELDS };
static const struct sc_layout_field queue_rows[QUEUE_FIELDS] = {
    [QUEUE_RING] = {"DpcData[0].DpcListHead|DpcListHead", 1, true},
    [QUEUE_SINGLE] = {"DpcData[0].DpcList", 1, true},
    [QUEUE_RING_2] = {"DpcData[1].DpcListHead", 1, true},
    [QUEUE_SINGLE_2] = {"DpcData[1].DpcList", 1, true},
};
static const struct nt_def queue_def = {
    {"nt!_KPRCB", queue_rows, QUEUE_FIELDS}, QUEUE_FIELDS, NULL, NULL, 0};

enum { DPC_LINK, DPC_ROUTINE, DPC_CONTEXT, DPC_FIELDS };
static const struct sc_layout_field dpc_rows[DPC_FIELDS] = {
    [DPC_LINK] = {"DpcListEntry", 1, true}, /* its place */
    [DPC_ROUTINE] = {"DeferredRoutine", 1, true},
    [DPC_CONTEXT] = {"DeferredContext", 1, true},
};
static const uint8_t dpc_pointers[] = {DPC_ROUTINE, DPC_CONTEXT};
static const struct nt_def dpc_def = {
    {"nt!_KDPC", dpc_rows, DPC_FIELDS}, DPC_FIELDS, NULL, NT_POINTERS(dpc_pointers)};

/* Queue WHICH as a list; *RET_FOUND false when this build has none, or none that is known. */
static sc_err *open_queue(const struct nt *nt, const struct nt_prcb *p, unsigned which,
                          struct nt_list *ret, bool *ret_found) {
    uint64_t offset;
    sc_err *err = nt_offset(nt, &queue_def, which * 2 + QUEUE_RING, &offset, ret_found);
    if (err)
        return err;
    if (*ret_found) {
        nt_list_begin(ret, nt, nt_add(nt, p->address, offset), NT_DPCS_MAX);
        return NULL;
    }
    err = nt_offset(nt, &queue_def, which * 2 + QUEUE_SINGLE, &offset, ret_found);
    if (!err && *ret_found)
        nt_list_begin_single(ret, nt, nt_add(nt, p->address, offset), NT_DPCS_MAX);
    return err;
}

static sc_err *read_dpc(const struct nt *nt, uint64_t address, bool threaded, struct nt_dpc *ret) {
    struct nt_field f[DPC_FIELDS];
    sc_err *err = nt_load(nt, &dpc_def, address, f, NULL);
    if (!err)
        *ret = (struct nt_dpc){address, threaded, f[DPC_ROUTINE], f[DPC_CONTEXT]};
    return err;
}

static size_t count_entries(struct nt_list list) {
    uint64_t entry;
    size_t n = 0;
    while (nt_list_next(&list, &entry))
        n++;
    return n;
}

/* The DPCs of one queue, appended. */
static sc_err *fill(const struct nt *nt, struct nt_list *list, uint64_t link, bool threaded,
                    size_t room, struct nt_dpcs *d) {
    uint64_t entry;
    while (d->count < room && nt_list_next(list, &entry)) {
        sc_err *err = read_dpc(nt, nt_add(nt, entry, 0 - link), threaded, &d->item[d->count]);
        if (err)
            return err;
        d->count++;
    }
    nt_list_next(list, &entry); /* so that its end is known */
    return NULL;
}

sc_err *nt_prcb_dpcs(const struct nt *nt, const struct nt_prcb *p, sc_arena *arena,
                     struct nt_dpcs *ret) {
    struct nt_dpcs d = {0};
    size_t room[NT_DPC_QUEUES] = {0}, all = 0;
    uint64_t link;
    bool found = true;
    for (unsigned i = 0; found && i < NT_DPC_QUEUES; i++) {
        sc_err *err = open_queue(nt, p, i, &d.queue[i], &found);
        if (err)
            return err;
        d.nqueues += found;
        all += room[i] = found ? count_entries(d.queue[i]) : 0;
    }
    d.item = all ? sc_arena_array(arena, all, sizeof *d.item) : NULL;
    if (all && !d.item)
        return sc_err_nomem();
    sc_err *err = nt_offset(nt, &dpc_def, DPC_LINK, &link, &found);
    if (!err && !found)
        err = sc_errf(SC_ERR_NOT_FOUND, "nt!_KDPC has no DpcListEntry");
    for (unsigned i = 0; !err && i < d.nqueues; i++)
        err = fill(nt, &d.queue[i], link, i == 1, d.count + room[i], &d);
    if (!err)
        *ret = d;
    return err;
}
