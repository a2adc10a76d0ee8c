/* SPDX-License-Identifier: MIT */
/*
 * Records of PTEs that map locked pages.
 *
 *   nt!MiPteHeader                 SYSPTES_HEADER, up to Windows 8.1
 *   MI_VISIBLE_STATE.PteHeader     Windows 10 and later; nt!MiVisibleState points to the structure
 *
 *   SYSPTES_HEADER   ListHead      one LIST_ENTRY, since Windows 10 sixteen; Count
 *   PTE_TRACKER      ListEntry; SystemVa, Mdl, Count; CallingAddress and CallersCaller, later
 *                    StackTrace, an array
 *
 * Sources: the public symbols of the kernels, 7601 to 22621. Those of Windows XP and Server 2003
 * lack PTE_TRACKER.
 */
#include "nt/ptetrack.h"

#include <string.h>

#include "nt/global.h"

enum { H_COUNT, H_FIELDS };
static const struct sc_layout_field header_rows[H_FIELDS] = {[H_COUNT] = {"Count", 0, true}};
static const struct nt_def header_def = {
    {"nt!_SYSPTES_HEADER", header_rows, H_FIELDS}, H_FIELDS, NULL, NULL, 0};

static const struct sc_layout_field state_rows[] = {{"PteHeader", 1, true}};
static const struct nt_def state_def = {{"nt!_MI_VISIBLE_STATE", state_rows, 1}, 1, NULL, NULL, 0};

enum { T_CALLER = NT_PT_FIELDS, T_CALLERS, T_STACK, T_LINK, T_ROWS };
static const struct sc_layout_field tracker_rows[T_ROWS] = {
    [NT_PT_VA] = {"SystemVa", 1, true},       [NT_PT_MDL] = {"Mdl", 1, true},
    [NT_PT_COUNT] = {"Count", 0, true},       [T_CALLER] = {"CallingAddress", 1, true},
    [T_CALLERS] = {"CallersCaller", 1, true}, [T_STACK] = {"StackTrace", 1, true}, /* its place */
    [T_LINK] = {"ListEntry", 1, true},                                             /* its place */
};
static const uint8_t pointers[] = {NT_PT_VA, NT_PT_MDL, T_CALLER, T_CALLERS};
static const struct nt_def tracker_def = {
    {"nt!_PTE_TRACKER", tracker_rows, T_ROWS}, T_ROWS, NULL, NT_POINTERS(pointers)};

/* ---- the header ---- */

/* Up to 8.1 a variable, later in a structure that one points to. */
static sc_err *find_header(struct nt_ptetrack *t) {
    const struct nt *nt = t->nt;
    struct nt_field at;
    uint64_t offset;
    bool found = false;
    sc_err *err = nt_var_address(nt, &(struct nt_var){"nt!MiPteHeader", 0}, &at);
    if (err || at.state == NT_READ) {
        t->name = "nt!MiPteHeader";
        t->header = err ? 0 : at.value;
        return err;
    }
    err = nt_var_named(nt, "nt!MiVisibleState", 0, &at);
    if (err || !nt_set(&at) || !nt_is_kernel(nt, at.value))
        return err;
    err = nt_offset(nt, &state_def, 0, &offset, &found);
    if (sc_err_catch(&err, SC_ERR_NOT_FOUND) || err || !found)
        return err;
    t->name = "nt!MiVisibleState->PteHeader";
    t->header = nt_add(nt, at.value, offset);
    return NULL;
}

sc_err *nt_ptetrack_open(const struct nt *nt, struct nt_ptetrack *ret) {
    struct nt_ptetrack t = {.nt = nt, .lists = 1};
    uint64_t offset;
    bool found = false;
    sc_err *err = find_header(&t);
    if (!err)
        err = nt_var_named(nt, "nt!MmTrackPtes", 4, &t.tracking);
    if (!err && t.header)
        err = nt_load_optional(nt, &header_def, t.header, &t.count, &t.assumed);
    if (!err && t.count.state != NT_NO_FIELD)
        err = nt_offset(nt, &header_def, H_COUNT, &offset, &found);
    if (!err && found && offset / (2 * nt->ptr_size) > 1)
        t.lists = offset / (2 * nt->ptr_size);
    if (t.lists > NT_PT_LISTS_MAX)
        t.lists = NT_PT_LISTS_MAX;
    if (!err) {
        err = nt_offset(nt, &tracker_def, T_LINK, &offset, &t.known);
        if (sc_err_catch(&err, SC_ERR_NOT_FOUND))
            t.known = false;
    }
    if (!err)
        *ret = t;
    return err;
}

/* ---- records ---- */

static void read_stack(const struct nt *nt, uint64_t at, struct nt_pte_tracker *t) {
    for (; t->nstack < NT_PT_STACK_MAX; t->nstack++) {
        struct nt_field f = nt_pointer(nt, nt_add(nt, at, t->nstack * nt->ptr_size));
        if (!nt_set(&f))
            return;
        t->stack[t->nstack] = f.value;
    }
}

static sc_err *read_tracker(struct nt_ptetrack *track, uint64_t address,
                            struct nt_pte_tracker *ret) {
    struct nt_field f[T_ROWS];
    uint64_t stack;
    bool found;
    *ret = (struct nt_pte_tracker){.address = address};
    sc_err *err = nt_load(track->nt, &tracker_def, address, f, &track->assumed);
    if (!err)
        err = nt_offset(track->nt, &tracker_def, T_STACK, &stack, &found);
    if (err)
        return err;
    memcpy(ret->f, f, sizeof ret->f);
    if (found) {
        read_stack(track->nt, nt_add(track->nt, address, stack), ret);
        return NULL;
    }
    for (unsigned i = T_CALLER; i <= T_CALLERS && nt_set(&f[i]); i++)
        ret->stack[ret->nstack++] = f[i].value;
    return NULL;
}

sc_err *nt_ptetrack_each(struct nt_ptetrack *track, nt_ptetrack_fn fn, void *ctx) {
    const struct nt *nt = track->nt;
    uint64_t link, left = NT_PT_MAX;
    bool found;
    sc_err *err = nt_offset(nt, &tracker_def, T_LINK, &link, &found);
    for (uint64_t i = 0; !err && i < track->lists; i++) {
        struct nt_list list;
        struct nt_pte_tracker t;
        nt_list_begin(&list, nt, nt_add(nt, track->header, i * 2 * nt->ptr_size), left);
        for (uint64_t entry; !err && nt_list_next(&list, &entry);) {
            err = read_tracker(track, nt_add(nt, entry, 0 - link), &t);
            if (!err)
                err = fn(ctx, &t);
        }
        if (!err && list.end == NT_LIST_STOP)
            return sc_err_cancelled();
        left -= list.count < left ? list.count : left;
        if (!err && list.end != NT_LIST_DONE) {
            track->broken = list;
            track->damaged++;
        }
    }
    return err;
}
