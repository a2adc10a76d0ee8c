/* SPDX-License-Identifier: MIT */
/*
 * Threads that wait for each other: each waits for a resource that the next one owns, and the last
 * one for one of the first one's. A thread that shares a resource and waits to have it alone waits
 * for itself: the shortest such ring.
 */
#ifndef NT_DEADLOCK_H
#define NT_DEADLOCK_H

#include "nt/resource.h"
#include "nt/thread.h"

enum { NT_DEADLOCK_LINKS = 8, NT_DEADLOCK_WAITERS_MAX = 1 << 16 };

/* `thread` waits for `resource`, which the thread of the next link owns. */
struct nt_deadlock_link {
    uint64_t resource;
    uint64_t owner; /* as it stands in the resource */
    bool exclusive; /* it is owned exclusively */
    struct nt_resource_waiter wait;
    struct nt_thread thread;
};

struct nt_deadlock {
    struct nt_deadlock_link link[NT_DEADLOCK_LINKS];
    size_t count; /* of those in `link` */
    size_t total; /* how many threads are in the ring */
};

/*
 * The first such ring among the system's resources. *RET_FOUND false: there is none, or the dump
 * does not hold the list.
 */
sc_err *nt_deadlock_find(const struct nt *nt, struct nt_deadlock *ret, bool *ret_found);

#endif
