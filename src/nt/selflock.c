/* SPDX-License-Identifier: MIT */
/* Resources whose owner is an address on the stack of a thread that waits for them. */
#include "nt/selflock.h"

/* Does the waiter's thread wait, with the address on its stack? */
static sc_err *try_waiter(const struct nt *nt, const struct nt_resource_waiter *w, uint64_t address,
                          struct nt_thread *ret_thread, bool *ret) {
    sc_err *err = nt_thread_read(nt, w->thread, ret_thread);
    *ret = !err && nt_thread_valid(ret_thread) &&
           nt_or(&ret_thread->f[NT_T_STATE], 0) == NT_THREAD_WAITING &&
           nt_thread_owns_stack(ret_thread, address);
    return err;
}

static uint64_t count_alike(const struct nt_resource *r, bool shared) {
    uint64_t n = 0;
    for (size_t i = 0; i < r->waiters.count; i++)
        n += r->waiters.item[i].shared == shared;
    return n;
}

static sc_err *try_owner(const struct nt *nt, const struct nt_resource *r, uint64_t owner,
                         uint64_t *budget, struct nt_selflock *ret, bool *ret_found) {
    struct nt_selflock s = {
        .resource = r->address, .owner = owner, .address = nt_owner_address(owner)};
    sc_err *err = NULL;
    for (size_t i = 0; !err && !*ret_found && *budget && i < r->waiters.count; i++) {
        (*budget)--;
        s.wait = r->waiters.item[i];
        s.waiters = count_alike(r, s.wait.shared);
        err = try_waiter(nt, &s.wait, s.address, &s.thread, ret_found);
    }
    if (!err && *ret_found)
        *ret = s;
    return err;
}

static sc_err *try_resource(const struct nt *nt, uint64_t address, uint64_t *budget,
                            struct nt_selflock *ret, bool *ret_found) {
    struct nt_resource r;
    sc_err *err = nt_resource_read(nt, address, budget, &r);
    if (err)
        return err;
    for (size_t i = 0; !err && !*ret_found && r.waiters.count && i < r.owners.count; i++)
        if (nt_owner_is_pointer(r.owners.item[i]))
            err = try_owner(nt, &r, r.owners.item[i], budget, ret, ret_found);
    nt_resource_deinit(&r);
    return err;
}

sc_err *nt_selflock_find(const struct nt *nt, struct nt_selflock *ret, bool *ret_found) {
    struct nt_list list;
    uint64_t entry, budget = NT_RESOURCES_BUDGET;
    bool known;
    *ret_found = false;
    sc_err *err = nt_resources_begin(nt, &list, &known);
    if (err || !known)
        return err;
    while (!err && !*ret_found && nt_list_next(&list, &entry))
        err = try_resource(nt, entry, &budget, ret, ret_found);
    if (sc_err_catch(&err, SC_ERR_NOT_FOUND))
        return NULL; /* the symbols lack a structure: nothing is known */
    return !err && list.end == NT_LIST_STOP ? sc_err_cancelled() : err;
}
