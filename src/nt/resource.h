/* SPDX-License-Identifier: MIT */
/*
 * Resources of the executive (ERESOURCE, locks for many readers or one writer): who has one, and
 * who waits for it.
 *
 *     struct nt_resource r;
 *     uint64_t budget = NT_RESOURCES_BUDGET;
 *     nt_resources_begin(nt, &list, &found);
 *     for (uint64_t address; found && nt_list_next(&list, &address);) {
 *         err = nt_resource_read(nt, address, &budget, &r);
 *         …
 *         nt_resource_deinit(&r);
 *     }
 */
#ifndef NT_RESOURCE_H
#define NT_RESOURCE_H

#include "nt/list.h"

enum {
    NT_RESOURCES_MAX = 1 << 18,
    NT_RESOURCES_BUDGET = 1 << 20,
    NT_RESOURCE_OWNERS_MAX = 4096,
    NT_RESOURCE_WAITERS_MAX = 4096,
};

/* OwnerThread as it stands: an ETHREAD, or an address that ExSetResourceOwnerPointer was given. */
bool nt_owner_is_pointer(uint64_t owner);
/* The address itself, without the two bits that mark it. */
uint64_t nt_owner_address(uint64_t owner);

struct nt_resource_waiter {
    uint64_t thread; /* ETHREAD */
    uint64_t object; /* what it waits for on behalf of the resource */
    bool shared;     /* it wants the resource shared */
    bool chained;    /* since Windows 10: the object is an event of its own, in a chain */
};
struct nt_resource_owners {
    uint64_t *item;
    size_t count, room;
};
struct nt_resource_waiters {
    struct nt_resource_waiter *item;
    size_t count, room;
};

struct nt_resource {
    uint64_t address;
    bool exclusive; /* the flag ResourceOwnedExclusive */
    struct nt_resource_owners owners;
    struct nt_resource_waiters waiters;
};

/* The system's list of resources. *RET_FOUND false: nobody says where it begins. */
sc_err *nt_resources_begin(const struct nt *nt, struct nt_list *ret_list, bool *ret_found);
/*
 * The resource at ADDRESS, as far as the dump holds it: a page that is missing leaves out whom it
 * has. Each owner and waiter that is looked at takes one off *BUDGET, and at 0 no more are: a walk
 * over all resources shares one (NT_RESOURCES_BUDGET). SC_ERR_NOT_FOUND: the symbols lack a
 * structure.
 */
sc_err *nt_resource_read(const struct nt *nt, uint64_t address, uint64_t *budget,
                         struct nt_resource *ret);
void nt_resource_deinit(struct nt_resource *resource);

#endif
