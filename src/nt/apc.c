/* SPDX-License-Identifier: MIT */
/*
 * Reading APCs.
 *
 *   KTHREAD.ApcState.ApcListHead[2]        kernel and user APCs, rings of KAPC.ApcListEntry
 *   KTHREAD.SavedApcState.ApcListHead[2]   those of its own process, while KTHREAD.ApcStateIndex
 *                                          says that it is attached to another one
 *
 * Sources: the public symbols of the kernels (tables of layouts in data/layouts).
 */
#include "nt/apc.h"

#include <stdlib.h>
#include <string.h>

#include "base/vec.h"

enum { APC_LINK = NT_APC_FIELDS, APC_ROWS };
static const struct sc_layout_field apc_rows[APC_ROWS] = {
    [NT_APC_OBJECT_TYPE] = {"Type", 1, true},
    [NT_APC_THREAD] = {"Thread", 1, true},
    [NT_APC_KERNEL_ROUTINE] = {"KernelRoutine", 1, true},
    [NT_APC_RUNDOWN_ROUTINE] = {"RundownRoutine", 1, true},
    [NT_APC_NORMAL_ROUTINE] = {"NormalRoutine", 1, true},
    [NT_APC_CONTEXT] = {"NormalContext", 1, true},
    [NT_APC_ARGUMENT1] = {"SystemArgument1", 1, true},
    [NT_APC_ARGUMENT2] = {"SystemArgument2", 1, true},
    [NT_APC_STATE_INDEX] = {"ApcStateIndex", 1, true},
    [NT_APC_MODE] = {"ApcMode", 1, true},
    [NT_APC_INSERTED] = {"Inserted", 1, true},
    [APC_LINK] = {"ApcListEntry", 1, true}, /* its place */
};
static const uint8_t apc_pointers[] = {
    NT_APC_THREAD,  NT_APC_KERNEL_ROUTINE, NT_APC_RUNDOWN_ROUTINE, NT_APC_NORMAL_ROUTINE,
    NT_APC_CONTEXT, NT_APC_ARGUMENT1,      NT_APC_ARGUMENT2};
static const struct nt_def apc_def = {
    {"nt!_KAPC", apc_rows, APC_ROWS}, APC_ROWS, NULL, NT_POINTERS(apc_pointers)};

enum { T_STATE, T_SAVED, T_INDEX, T_TYPE, T_FIELDS };
static const struct sc_layout_field thread_rows[T_FIELDS] = {
    [T_STATE] = {"ApcState", 1, true}, /* places: some tables do not say what they are */
    [T_SAVED] = {"SavedApcState", 1, true},
    [T_INDEX] = {"ApcStateIndex", 1, true},
    [T_TYPE] = {"Header.Type", 1, true},
};
static const struct nt_def thread_def = {
    {"nt!_KTHREAD", thread_rows, T_FIELDS}, T_FIELDS, NULL, NULL, 0};

enum { S_LISTS, S_PROCESS, S_FIELDS };
static const struct sc_layout_field state_rows[S_FIELDS] = {
    [S_LISTS] = {"ApcListHead", 1, true}, /* its place */
    [S_PROCESS] = {"Process", 1, true},
};
static const uint8_t state_pointers[] = {S_PROCESS};
static const struct nt_def state_def = {
    {"nt!_KAPC_STATE", state_rows, S_FIELDS}, S_FIELDS, NULL, NT_POINTERS(state_pointers)};

sc_err *nt_apc_read(const struct nt *nt, uint64_t address, struct nt_apc *ret) {
    struct nt_field f[APC_ROWS];
    struct nt_apc apc = {.address = address};
    sc_err *err = nt_load(nt, &apc_def, address, f, &apc.assumed);
    if (err)
        return err;
    memcpy(apc.f, f, sizeof apc.f);
    *ret = apc;
    return NULL;
}

static sc_err *read_list(const struct nt *nt, uint64_t link, sc_arena *arena,
                         struct nt_apc_list *l) {
    struct {
        struct nt_apc *item;
        size_t count, room;
    } apcs = {0};
    uint64_t entry;
    sc_err *err = NULL;
    nt_list_begin(&l->list, nt, l->head, NT_APCS_MAX);
    while (!err && nt_list_next(&l->list, &entry)) {
        struct nt_apc *apc = SC_VEC_PUSH(&apcs);
        err = apc ? nt_apc_read(nt, nt_add(nt, entry, 0 - link), apc) : sc_err_nomem();
    }
    if (!err && l->list.end == NT_LIST_STOP)
        err = sc_err_cancelled();
    if (!err && apcs.count) {
        l->item = sc_arena_array(arena, apcs.count, sizeof *l->item);
        err = l->item ? NULL : sc_err_nomem();
    }
    if (!err && apcs.count) {
        memcpy(l->item, apcs.item, apcs.count * sizeof *l->item);
        l->count = apcs.count;
    }
    SC_VEC_FREE(&apcs);
    return err;
}

/* Both lists of one KAPC_STATE. */
static sc_err *read_state(const struct nt *nt, uint64_t thread, unsigned state, uint64_t link,
                          sc_arena *arena, struct nt_apcs *apcs) {
    struct nt_field f[S_FIELDS] = {{0, NT_ABSENT}};
    uint64_t offset, lists;
    bool found;
    sc_err *err = nt_offset(nt, &thread_def, state ? T_SAVED : T_STATE, &offset, &found);
    if (!err && found)
        err = nt_offset(nt, &state_def, S_LISTS, &lists, &found);
    if (!err && found)
        err = nt_load_optional(nt, &state_def, nt_add(nt, thread, offset), f, NULL);
    for (unsigned mode = 0; !err && found && mode < 2; mode++) {
        struct nt_apc_list *l = &apcs->list[apcs->count++];
        *l = (struct nt_apc_list){.head =
                                      nt_add(nt, thread, offset + lists + mode * 2 * nt->ptr_size),
                                  .process = f[S_PROCESS],
                                  .state = state,
                                  .user = mode == 1};
        err = read_list(nt, link, arena, l);
    }
    return err;
}

sc_err *nt_thread_apcs(const struct nt *nt, uint64_t thread, sc_arena *arena, struct nt_apcs *ret) {
    struct nt_apcs apcs = {0};
    struct nt_field f[T_FIELDS];
    uint64_t link;
    bool found;
    sc_err *err = nt_load(nt, &thread_def, thread, f, &apcs.assumed);
    if (!err)
        err = nt_offset(nt, &apc_def, APC_LINK, &link, &found);
    if (!err && !found)
        err = sc_errf(SC_ERR_NOT_FOUND, "nt!_KAPC has no ApcListEntry");
    if (!err && f[T_STATE].state == NT_READ)
        err = read_state(nt, thread, 0, link, arena, &apcs);
    if (!err && f[T_SAVED].state == NT_READ && nt_set(&f[T_INDEX]))
        err = read_state(nt, thread, 1, link, arena, &apcs);
    if (!err)
        *ret = apcs;
    return err;
}
