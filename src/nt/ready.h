/* SPDX-License-Identifier: MIT */
/*
 * The scheduler's lists of one processor: threads that are ready to run, by priority, and the
 * queued spin locks that the processor holds or waits for.
 */
#ifndef NT_READY_H
#define NT_READY_H

#include "nt/prcb.h"

enum { NT_PRIORITIES = 32, NT_READY_MAX = 1 << 16, NT_QUEUED_LOCKS = 16 };

/* A thread that is ready. */
struct nt_ready_thread {
    uint64_t thread; /* ETHREAD */
    unsigned priority;
};

/* A queue of ready threads: the processor's own, or one that several processors share. */
struct nt_ready {
    bool known;                   /* the build has such a queue, and its layout is known */
    uint64_t queue;               /* the KSHARED_READY_QUEUE; 0 for the processor's own lists */
    struct nt_field affinity;     /* of `queue`: the processors of its group that share it */
    struct nt_field summary;      /* a bit for each priority with threads */
    struct nt_ready_thread *item; /* in the arena; highest priority first */
    size_t count;
    const char *why; /* why the lists are not whole, in the arena or static; NULL: they are */
};

/*
 * The processor's own lists (KPRCB.DispatcherReadyListHead; until Windows XP those of the system,
 * nt!KiDispatcherReadyListHead).
 */
sc_err *nt_prcb_ready(const struct nt *nt, const struct nt_prcb *prcb, sc_arena *arena,
                      struct nt_ready *ret_ready);
/*
 * The queue that it shares with others (KPRCB.SharedReadyQueue, since Windows 8.1): the same
 * address for each of them.
 */
sc_err *nt_prcb_shared_ready(const struct nt *nt, const struct nt_prcb *prcb, sc_arena *arena,
                             struct nt_ready *ret_ready);

/* The address of that queue alone; 0: none, or not in the dump. */
sc_err *nt_prcb_shared_queue(const struct nt *nt, const struct nt_prcb *prcb, uint64_t *ret_queue);

/* The state of the built-in queued spin locks: '.' free, 'O' owned, 'W' waited for, '?' absent. */
sc_err *nt_prcb_locks(const struct nt *nt, const struct nt_prcb *prcb,
                      char ret_state[NT_QUEUED_LOCKS + 1]);

#endif
