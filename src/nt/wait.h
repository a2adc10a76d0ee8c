/* SPDX-License-Identifier: MIT */
/* What a thread waits for: its wait blocks, and the dispatcher objects they point to. */
#ifndef NT_WAIT_H
#define NT_WAIT_H

#include "nt/thread.h"

/* DISPATCHER_HEADER.Type. */
enum nt_object_type {
    NT_OBJECT_NOTIFICATION_EVENT,
    NT_OBJECT_SYNCHRONIZATION_EVENT,
    NT_OBJECT_MUTANT,
    NT_OBJECT_PROCESS,
    NT_OBJECT_QUEUE,
    NT_OBJECT_SEMAPHORE,
    NT_OBJECT_THREAD,
    NT_OBJECT_GATE,
    NT_OBJECT_NOTIFICATION_TIMER,
    NT_OBJECT_SYNCHRONIZATION_TIMER,
    NT_OBJECT_PRI_QUEUE = 0x15,
};

struct nt_wait {
    uint64_t block;         /* the KWAIT_BLOCK */
    struct nt_field object; /* what it waits for */
    bool delay;             /* since Windows 8: for time alone, the object is -1 */
    struct nt_field type;   /* enum nt_object_type, the lock bit taken off */
    struct nt_field signal_state;
    struct nt_field limit; /* semaphores */
    struct nt_field owner; /* mutants: the thread */
};

enum { NT_WAITS_MAX = 64 }; /* MAXIMUM_WAIT_OBJECTS */

struct nt_waits {
    struct nt_wait *item; /* in the arena */
    size_t count;
    const char *why; /* why the list is not whole, in the arena or static; NULL: it is */
};

/* Of a thread that does not wait: none. */
sc_err *nt_thread_waits(const struct nt *nt, const struct nt_thread *thread, sc_arena *arena,
                        struct nt_waits *ret_waits);

/* WinDbg's word for a type ("SynchronizationEvent"); NULL for a number that is none. */
const char *nt_object_type_name(uint64_t type);

#endif
