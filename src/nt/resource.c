/* SPDX-License-Identifier: MIT */
/*
 * The system's resources: ExpSystemResourcesList, linked by SystemResourcesList at the start of
 * each ERESOURCE.
 *
 *   Flag & 80              one thread owns it exclusively, else all owners share it
 *   OwnerEntry             since Vista the exclusive owner, or one of those who share it;
 *                          OwnerThread with both low bits set is an address that
 *                          ExSetResourceOwnerPointer was given
 *   OwnerThreads[2]        before: the exclusive owner, and one who shares
 *   OwnerTable             more of those who share: OWNER_ENTRYs, of which the first holds no owner
 *                          but how many there are (TableSize)
 *
 * Who waits:
 *
 *   until 10 1507   SharedWaiters a KSEMAPHORE, ExclusiveWaiters a KEVENT: those who wait stand in
 *                   the list of its header
 *   10 1607         SharedWaiters a KWAIT_CHAIN: single links through KWAIT_CHAIN_ENTRYs, which lie
 *                   on the stacks of those who wait, each with an event of its own;
 * ExclusiveWaiters a KEVENT as before 1709, 1803      the entries are doubly linked since 1809 both
 * are chains, and an entry names its thread
 *
 * An event's or semaphore's waiters stand in the list of its header, as KWAIT_BLOCKs whose first
 * member is the link: that proves that a thread waits, where a chain only says that it came.
 *
 * Sources: ntifs.h and the documentation of ExSetResourceOwnerPointer; types in public symbols of
 * those builds; a published session on Windows 11 whose thread waits for the event of the entry
 * that ExpWaitForResource was given. Guessed: how a chain of double links ends (at its first entry,
 * at its head, or with nothing), and that bits of the head below a pointer's alignment are none of
 * the address.
 */
#include "nt/resource.h"

#include <stdlib.h>

#include "base/vec.h"
#include "nt/global.h"
#include "nt/wait.h"

enum { R_FLAG, R_TABLE, R_OWNER, R_SECOND, R_SHARED, R_EXCLUSIVE, R_FIELDS };
static const struct sc_layout_field resource_rows[] = {
    [R_FLAG] = {"Flag", 2, true},
    [R_TABLE] = {"OwnerTable", 1, true},
    [R_OWNER] = {"OwnerEntry.OwnerThread|OwnerThreads[0].OwnerThread", 1, true},
    [R_SECOND] = {"OwnerThreads[1].OwnerThread", 1, true},
    [R_SHARED] = {"SharedWaiters", 1, true},
    [R_EXCLUSIVE] = {"ExclusiveWaiters", 1, true},
};
static const uint8_t resource_pointers[] = {R_TABLE, R_OWNER, R_SECOND, R_SHARED, R_EXCLUSIVE};
static const struct nt_def resource_def = {
    {"nt!_ERESOURCE", resource_rows, R_FIELDS}, R_FIELDS, NULL, NT_POINTERS(resource_pointers)};

enum { O_THREAD, O_SIZE, O_FIELDS };
static const struct sc_layout_field owner_rows[] = {
    [O_THREAD] = {"OwnerThread", 1, true},
    [O_SIZE] = {"TableSize", 4, true},
};
static const uint8_t owner_pointers[] = {O_THREAD};
static const struct nt_def owner_def = {
    {"nt!_OWNER_ENTRY", owner_rows, O_FIELDS}, O_FIELDS, NULL, NT_POINTERS(owner_pointers)};

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

enum { C_EVENT, C_THREAD, C_FIELDS };
static const struct sc_layout_field chain_rows[] = {
    [C_EVENT] = {"Event", 1, true},
    [C_THREAD] = {"Thread", 1, true},
};
static const struct nt_def chain_def = {
    {"nt!_KWAIT_CHAIN_ENTRY", chain_rows, C_FIELDS}, C_FIELDS, NULL, NULL, 0};

enum { OWNED_EXCLUSIVE = 0x80, POINTER_BITS = 3 };

static const struct nt_var resources = {"nt!ExpSystemResourcesList", 0x60};

bool nt_owner_is_pointer(uint64_t owner) { return (owner & POINTER_BITS) == POINTER_BITS; }
uint64_t nt_owner_address(uint64_t owner) { return owner & ~(uint64_t)POINTER_BITS; }

/* ---- owners ---- */

/* A resource that is being read. */
struct reading {
    const struct nt *nt;
    struct nt_resource r;
    uint64_t *budget;
};

/* May one more be looked at? */
static bool spend(struct reading *g) { return *g->budget && (*g->budget)--; }

static sc_err *add_owner(struct nt_resource *r, uint64_t owner) {
    if (!owner || r->owners.count == NT_RESOURCE_OWNERS_MAX)
        return NULL;
    uint64_t *item = SC_VEC_PUSH(&r->owners);
    if (!item)
        return sc_err_nomem();
    *item = owner;
    return NULL;
}

/* The table's entries; the first one says how many there are, itself included. */
static sc_err *add_table(struct reading *g, uint64_t table) {
    const struct nt *nt = g->nt;
    struct nt_field f[O_FIELDS];
    uint64_t step = 2ull * nt->ptr_size; /* OWNER_ENTRY: a pointer, and a number in its room */
    sc_err *err = nt_load(nt, &owner_def, table, f, NULL);
    uint64_t count = err ? 0 : nt_or(&f[O_SIZE], 0);
    if (count > NT_RESOURCE_OWNERS_MAX)
        count = NT_RESOURCE_OWNERS_MAX;
    for (uint64_t i = 1; !err && i < count && spend(g); i++) {
        err = nt_load(nt, &owner_def, nt_add(nt, table, i * step), f, NULL);
        if (!err && f[O_THREAD].state != NT_READ)
            break;
        if (!err)
            err = add_owner(&g->r, f[O_THREAD].value);
    }
    return err;
}

static sc_err *read_owners(struct reading *g, const struct nt_field *f) {
    struct nt_resource *r = &g->r;
    r->exclusive = nt_or(&f[R_FLAG], 0) & OWNED_EXCLUSIVE;
    sc_err *err = add_owner(r, nt_or(&f[R_OWNER], 0));
    if (!err && !r->exclusive)
        err = add_owner(r, nt_or(&f[R_SECOND], 0));
    if (!err && !r->exclusive && nt_set(&f[R_TABLE]) && nt_is_kernel(g->nt, f[R_TABLE].value))
        err = add_table(g, f[R_TABLE].value);
    return err;
}

/* ---- waiters ---- */

/* Adds the thread of the wait block at BLOCK, if it waits for the object. */
static sc_err *add_block(struct reading *g, uint64_t block, const struct nt_resource_waiter *as) {
    struct nt_field f[B_FIELDS];
    sc_err *err = nt_load(g->nt, &block_def, block, f, NULL);
    if (err || !nt_set(&f[B_THREAD]) || nt_or(&f[B_OBJECT], 0) != as->object)
        return err;
    struct nt_resource_waiter *w = SC_VEC_PUSH(&g->r.waiters);
    if (!w)
        return sc_err_nomem();
    *w = *as;
    w->thread = f[B_THREAD].value;
    return NULL;
}

/* Those who wait for the dispatcher object, which must be what it is taken for. */
static sc_err *add_object(struct reading *g, const struct nt_resource_waiter *as) {
    const struct nt *nt = g->nt;
    struct nt_field f[H_FIELDS];
    struct nt_list list;
    uint64_t head, block;
    bool has = false;
    if (!as->object || !nt_is_kernel(nt, as->object))
        return NULL;
    sc_err *err = nt_load(nt, &header_def, as->object, f, NULL);
    if (!err)
        err = nt_offset(nt, &header_def, H_LIST, &head, &has);
    uint64_t type = nt_or(&f[H_TYPE], UINT64_MAX) & 0x7f;
    bool is = as->shared && !as->chained ? type == NT_OBJECT_SEMAPHORE
                                         : type <= NT_OBJECT_SYNCHRONIZATION_EVENT;
    if (err || !has || !is)
        return err;
    nt_list_begin(&list, nt, nt_add(nt, as->object, head), NT_RESOURCE_WAITERS_MAX);
    while (!err && g->r.waiters.count < NT_RESOURCE_WAITERS_MAX && spend(g) &&
           nt_list_next(&list, &block))
        err = add_block(g, block, as);
    return !err && list.end == NT_LIST_STOP ? sc_err_cancelled() : err;
}

static sc_err *add_entry(struct reading *g, uint64_t entry, uint64_t event, bool shared) {
    struct nt_resource_waiter as = {
        .object = nt_add(g->nt, entry, event), .shared = shared, .chained = true};
    return add_object(g, &as);
}

/* The entries of the chain whose head is the pointer FIRST; EVENT is their event's offset. */
static sc_err *add_chain(struct reading *g, uint64_t first, uint64_t event, bool shared) {
    struct nt_list list;
    first &= ~(uint64_t)(g->nt->ptr_size - 1);
    if (!first || !nt_is_kernel(g->nt, first))
        return NULL;
    nt_list_begin(&list, g->nt, first, NT_RESOURCE_WAITERS_MAX);
    sc_err *err = add_entry(g, first, event, shared);
    for (uint64_t entry; !err && spend(g) && nt_list_next(&list, &entry);)
        err = add_entry(g, entry, event, shared);
    return !err && list.end == NT_LIST_STOP ? sc_err_cancelled() : err;
}

static sc_err *read_waiters(struct reading *g, const struct nt_field *f) {
    uint64_t event = 0, thread;
    bool chains = false, both = false;
    sc_err *err = nt_offset(g->nt, &chain_def, C_EVENT, &event, &chains);
    if (!err)
        err = nt_offset(g->nt, &chain_def, C_THREAD, &thread, &both);
    if (sc_err_catch(&err, SC_ERR_NOT_FOUND))
        chains = both = false; /* the builds before there were chains */
    if (err)
        return err;
    struct nt_resource_waiter shared = {.object = nt_or(&f[R_SHARED], 0), .shared = true};
    struct nt_resource_waiter exclusive = {.object = nt_or(&f[R_EXCLUSIVE], 0)};
    err = chains ? add_chain(g, shared.object, event, true) : add_object(g, &shared);
    if (!err)
        err = both ? add_chain(g, exclusive.object, event, false) : add_object(g, &exclusive);
    return err;
}

/* ---- resources ---- */

sc_err *nt_resources_begin(const struct nt *nt, struct nt_list *ret_list, bool *ret_found) {
    struct nt_field head;
    sc_err *err = nt_var_address(nt, &resources, &head);
    if (err)
        return err;
    *ret_found = nt_set(&head);
    if (*ret_found)
        nt_list_begin(ret_list, nt, head.value, NT_RESOURCES_MAX);
    return NULL;
}

sc_err *nt_resource_read(const struct nt *nt, uint64_t address, uint64_t *budget,
                         struct nt_resource *ret) {
    struct nt_field f[R_FIELDS];
    struct reading g = {.nt = nt, .r.address = address, .budget = budget};
    sc_err *err = nt_load(nt, &resource_def, address, f, NULL);
    if (!err)
        err = read_owners(&g, f);
    if (!err)
        err = read_waiters(&g, f);
    if (err)
        nt_resource_deinit(&g.r);
    else
        *ret = g.r;
    return err;
}

void nt_resource_deinit(struct nt_resource *resource) {
    SC_VEC_FREE(&resource->owners);
    SC_VEC_FREE(&resource->waiters);
}
