/* SPDX-License-Identifier: MIT */
/*
 * A resource whose owner waits for it: ExSetResourceOwnerPointer makes an address the owner in the
 * place of a thread, and the thread that did it is then no owner any more to the kernel.
 */
#ifndef NT_SELFLOCK_H
#define NT_SELFLOCK_H

#include "nt/resource.h"
#include "nt/thread.h"

struct nt_selflock {
    uint64_t resource;              /* the ERESOURCE */
    uint64_t owner, address;        /* what stands there, and without the bits that mark it */
    struct nt_resource_waiter wait; /* how the thread waits */
    uint64_t waiters;               /* how many want it in the same way, this thread included */
    struct nt_thread thread;        /* waits for it, and has `address` on its stack */
};

/*
 * The first such resource of the system's list. *RET_FOUND false: there is none, or the dump does
 * not hold the list.
 */
sc_err *nt_selflock_find(const struct nt *nt, struct nt_selflock *ret, bool *ret_found);

#endif
