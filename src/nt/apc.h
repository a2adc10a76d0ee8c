/* SPDX-License-Identifier: MIT */
/* Asynchronous procedure calls: those that wait to run in a thread. */
#ifndef NT_APC_H
#define NT_APC_H

#include "nt/list.h"

enum { NT_APCS_MAX = 1 << 12, NT_APC_LISTS = 4, NT_APC_TYPE = 0x12 };

enum nt_apc_field {
    NT_APC_OBJECT_TYPE, /* NT_APC_TYPE */
    NT_APC_THREAD,
    NT_APC_KERNEL_ROUTINE,
    NT_APC_RUNDOWN_ROUTINE,
    NT_APC_NORMAL_ROUTINE,
    NT_APC_CONTEXT,
    NT_APC_ARGUMENT1,
    NT_APC_ARGUMENT2,
    NT_APC_STATE_INDEX,
    NT_APC_MODE, /* 0 kernel, 1 user */
    NT_APC_INSERTED,
    NT_APC_FIELDS
};

struct nt_apc {
    uint64_t address;
    bool assumed;
    struct nt_field f[NT_APC_FIELDS];
};

/* One of a thread's lists: kernel and user APCs of its own process, or of the one it left. */
struct nt_apc_list {
    uint64_t head;
    struct nt_field process; /* in whose memory they would run */
    unsigned state; /* 0 ApcState, 1 SavedApcState: while it is attached to another process */
    bool user;
    struct nt_apc *item; /* in the arena */
    size_t count;
    struct nt_list list; /* why it ended */
};
struct nt_apcs {
    struct nt_apc_list list[NT_APC_LISTS];
    size_t count;
    bool assumed;
};

/* The KAPC at ADDRESS; nothing of it read: it is not in the dump. */
sc_err *nt_apc_read(const struct nt *nt, uint64_t address, struct nt_apc *ret_apc);
/* Those of a thread; of one that is not in the dump there are no lists. */
sc_err *nt_thread_apcs(const struct nt *nt, uint64_t thread, sc_arena *arena,
                       struct nt_apcs *ret_apcs);

#endif
