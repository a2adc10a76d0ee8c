/* SPDX-License-Identifier: MIT */
/*
 * The system's resources: ExpSystemResourcesList, linked by SystemResourcesList at the start of
 * each ERESOURCE.
 *
 *   OwnerEntry.OwnerThread   the exclusive owner, an ETHREAD; with both low bits set an address
 * that ExSetResourceOwnerPointer was given (OwnerThreads[0] before Vista) SharedWaiters until
 * Windows 7 a KSEMAPHORE that those wait for who want it shared ExclusiveWaiters         a KEVENT
 * for the others
 *
 * Who waits for an object stands in the list of its header, as KWAIT_BLOCKs whose first member is
 * the link. Sources: ntifs.h and the documentation of ExSetResourceOwnerPointer; the tables of
 * layouts.
 */
#include "nt/selflock.h"

#include "nt/global.h"
#include "nt/wait.h"

enum { R_OWNER, R_SHARED, R_EXCLUSIVE, R_FIELDS };
static const struct sc_layout_field resource_rows[] = {
    [R_OWNER] = {"OwnerEntry.OwnerThread|OwnerThreads[0].OwnerThread", 1, true},
    [R_SHARED] = {"SharedWaiters", 1, true},
    [R_EXCLUSIVE] = {"ExclusiveWaiters", 1, true},
};
static const uint8_t resource_pointers[] = {R_OWNER, R_SHARED, R_EXCLUSIVE};
static const struct nt_def resource_def = {
    {"nt!_ERESOURCE", resource_rows, R_FIELDS}, R_FIELDS, NULL, NT_POINTERS(resource_pointers)};

enum { H_TYPE, H_LIST, H_FIELDS };
static const struct sc_layout_field header_rows[] = {
    [H_TYPE] = {"Type", 1, true},
    [H_LIST] = {"WaitListHead", 1, true},
};
static const struct nt_def header_def = {
    {"nt!_DISPATCHER_HEADER", header_rows, H_FIELDS}, H_FIELDS, NULL, NULL, 0};

enum { B_THREAD, B_OBJECT, B_FIELDS };
static const struct sc_layout_field block_rows[] = {
    [B_THREAD] = {"Thread", 1, true},
    [B_OBJECT] = {"Object", 1, true},
};
static const uint8_t block_pointers[] = {B_THREAD, B_OBJECT};
static const struct nt_def block_def = {
    {"nt!_KWAIT_BLOCK", block_rows, B_FIELDS}, B_FIELDS, NULL, NT_POINTERS(block_pointers)};

static const struct nt_var resources = {"nt!ExpSystemResourcesList", 0x60};

/* Does the thread of the wait block at BLOCK wait for the object, with the address on its stack? */
static sc_err *try_block(const struct nt *nt, uint64_t block, struct nt_selflock *s, bool *ret) {
    struct nt_field f[B_FIELDS];
    sc_err *err = nt_load(nt, &block_def, block, f, NULL);
    if (err || !nt_set(&f[B_THREAD]) || nt_or(&f[B_OBJECT], 0) != s->object)
        return err;
    err = nt_thread_read(nt, f[B_THREAD].value, &s->thread);
    *ret = !err && nt_thread_valid(&s->thread) &&
           nt_or(&s->thread.f[NT_T_STATE], 0) == NT_THREAD_WAITING &&
           nt_thread_owns_stack(&s->thread, s->address);
    return err;
}

/* The waiters of s->object. */
static sc_err *try_waiters(const struct nt *nt, struct nt_selflock *s, bool *ret) {
    struct nt_field f[H_FIELDS];
    struct nt_selflock found = *s;
    struct nt_list list;
    uint64_t head, block;
    bool has = false;
    if (!nt_is_kernel(nt, s->object))
        return NULL;
    sc_err *err = nt_load(nt, &header_def, s->object, f, NULL);
    if (!err)
        err = nt_offset(nt, &header_def, H_LIST, &head, &has);
    uint64_t type = nt_or(&f[H_TYPE], UINT64_MAX) & 0x7f;
    if (err || !has ||
        (s->shared ? type != NT_OBJECT_SEMAPHORE : type > NT_OBJECT_SYNCHRONIZATION_EVENT))
        return err;
    nt_list_begin(&list, nt, nt_add(nt, s->object, head), NT_RESOURCE_WAITERS_MAX);
    while (!err && nt_list_next(&list, &block)) {
        bool is = false;
        found.waiters++;
        err = try_block(nt, block, s, &is);
        if (is && !*ret)
            found.thread = s->thread;
        *ret |= is;
    }
    found.waiters = list.count;
    *s = found;
    return !err && list.end == NT_LIST_STOP ? sc_err_cancelled() : err;
}

static sc_err *try_resource(const struct nt *nt, uint64_t address, struct nt_selflock *ret,
                            bool *ret_found) {
    struct nt_field f[R_FIELDS];
    sc_err *err = nt_load(nt, &resource_def, address, f, NULL);
    uint64_t owner = err ? 0 : nt_or(&f[R_OWNER], 0);
    if (err || (owner & 3) != 3)
        return err;
    for (int shared = 1; shared >= 0 && !err && !*ret_found; shared--) {
        struct nt_selflock s = {.resource = address,
                                .owner = owner,
                                .address = owner & ~(uint64_t)3,
                                .object = nt_or(&f[shared ? R_SHARED : R_EXCLUSIVE], 0),
                                .shared = shared};
        err = try_waiters(nt, &s, ret_found);
        if (*ret_found)
            *ret = s;
    }
    return err;
}

sc_err *nt_selflock_find(const struct nt *nt, struct nt_selflock *ret, bool *ret_found) {
    struct nt_list list;
    struct nt_field head;
    uint64_t entry;
    *ret_found = false;
    sc_err *err = nt_var_address(nt, &resources, &head);
    if (err || !nt_set(&head))
        return err;
    nt_list_begin(&list, nt, head.value, NT_RESOURCES_MAX);
    while (!err && !*ret_found && nt_list_next(&list, &entry))
        err = try_resource(nt, entry, ret, ret_found);
    if (sc_err_catch(&err, SC_ERR_NOT_FOUND))
        return NULL; /* the symbols lack a structure: nothing is known */
    return !err && list.end == NT_LIST_STOP ? sc_err_cancelled() : err;
}
