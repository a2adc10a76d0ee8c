/* SPDX-License-Identifier: MIT */
/*
 * Queued spin locks: each processor has a place in the queue of each lock. Who owns a lock, and who
 * waits for it in which order.
 */
#ifndef NT_QLOCK_H
#define NT_QLOCK_H

#include "nt/prcb.h"

enum nt_qlock_state {
    NT_QLOCK_FREE,    /* neither owned nor waited for by this processor */
    NT_QLOCK_OWNER,   /* bit 1 of Lock */
    NT_QLOCK_WAITS,   /* bit 0; in the chain that begins at the owner: `order` */
    NT_QLOCK_CORRUPT, /* it waits, and no chain leads to it; or both bits are set; or others own it
                       */
    NT_QLOCK_ABSENT,
};

/* One processor's place in one lock's queue (KSPIN_LOCK_QUEUE). */
struct nt_qlock {
    uint64_t place, next, lock; /* lock: the spin lock, bits taken off */
    enum nt_qlock_state state;
    unsigned order; /* of those who wait, from 1 */
};

/* How many locks each processor has: 16; 0: not known in this build. */
sc_err *nt_qlock_count(const struct nt *nt, unsigned *ret_count);
/* The places of the locks in PRCB, COUNT of them. */
sc_err *nt_qlocks_read(const struct nt *nt, uint64_t prcb, unsigned count, struct nt_qlock *ret);
/*
 * Judges one lock from the places of all processors in its queue, STRIDE apart: sets `order`, and
 * `state` of those that cannot be.
 */
void nt_qlock_judge(struct nt_qlock *first, size_t count, size_t stride);

/* "KE   - Dispatcher": the lock's name in the build; NULL: it has none. */
const char *nt_qlock_name(uint32_t build, unsigned number);

#endif
