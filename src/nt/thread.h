/* SPDX-License-Identifier: MIT */
/*
 * A thread of the kernel: what its ETHREAD and KTHREAD say, field by field, and the IRPs that it
 * has begun. What it waits for: wait.h.
 */
#ifndef NT_THREAD_H
#define NT_THREAD_H

#include "nt/list.h"

enum nt_thread_field {
    NT_T_TYPE, /* DISPATCHER_HEADER.Type: NT_OBJECT_THREAD (wait.h) */
    NT_T_PID,
    NT_T_TID,
    NT_T_TEB,
    NT_T_WIN32_THREAD,
    NT_T_STATE,
    NT_T_WAIT_REASON,
    NT_T_WAIT_MODE, /* 0 KernelMode, 1 UserMode */
    NT_T_ALERTABLE,
    NT_T_SUSPEND_COUNT,
    NT_T_FREEZE_COUNT,
    NT_T_WAIT_BLOCK_LIST,
    NT_T_WAIT_BLOCK_COUNT, /* since Windows 8, where the blocks are an array */
    NT_T_WAIT_TIME,        /* tick at which it began to wait */
    NT_T_KERNEL_TIME,      /* ticks */
    NT_T_USER_TIME,
    NT_T_CONTEXT_SWITCHES,
    NT_T_NEXT_PROCESSOR,
    NT_T_SHARED_QUEUE, /* since Windows 8.1: where it is ready, processors share the queue */
    NT_T_IDEAL_PROCESSOR,
    NT_T_PROCESS,         /* the owner */
    NT_T_APC_PROCESS,     /* the one whose address space it uses: another if it is attached */
    NT_T_APC_STATE_INDEX, /* 1: attached */
    NT_T_KERNEL_APC_PENDING,
    NT_T_USER_APC_PENDING,
    NT_T_KERNEL_APC_DISABLE, /* negative: depth of critical regions */
    NT_T_SPECIAL_APC_DISABLE,
    NT_T_IMPERSONATION,   /* until Windows Server 2003: PS_IMPERSONATION_INFORMATION */
    NT_T_CLIENT_SECURITY, /* since Vista: the token, with the level in the low bits */
    NT_T_IMPERSONATING,
    NT_T_CREATE_TIME,
    NT_T_EXIT_TIME,
    NT_T_EXIT_STATUS,
    NT_T_START_ADDRESS,
    NT_T_WIN32_START_ADDRESS,
    NT_T_START_ADDRESS_INVALID,
    NT_T_INITIAL_STACK,
    NT_T_KERNEL_STACK,
    NT_T_STACK_BASE,
    NT_T_STACK_LIMIT,
    NT_T_CALLBACK_STACK,
    NT_T_STACK_RESIDENT,
    NT_T_PRIORITY,
    NT_T_BASE_PRIORITY,
    NT_T_PRIORITY_DECREMENT,
    NT_T_DECREMENT_COUNT, /* Windows XP */
    NT_T_UNUSUAL_BOOST,
    NT_T_FOREGROUND_BOOST,
    NT_T_IO_PRIORITY,
    NT_T_PAGE_PRIORITY,
    NT_T_IRP_LIST, /* present: the head is in the dump */
    NT_T_TRAP_FRAME,
    NT_T_LARGE_STACK,
    NT_T_ENABLE_STACK_SWAP,
    NT_T_LIST_LINK, /* ThreadListEntry of the ETHREAD */
    NT_T_APC_STATE,
    NT_T_FIELDS
};

enum nt_thread_state {
    NT_THREAD_INITIALIZED,
    NT_THREAD_READY,
    NT_THREAD_RUNNING,
    NT_THREAD_STANDBY,
    NT_THREAD_TERMINATED,
    NT_THREAD_WAITING,
    NT_THREAD_TRANSITION,
    NT_THREAD_DEFERRED_READY,
    NT_THREAD_GATE_WAIT,
    NT_THREAD_WAITING_FOR_PROCESS,
};

struct nt_thread {
    uint64_t address;
    bool assumed; /* the layout is that of another build */
    struct nt_field f[NT_T_FIELDS];
};

/*
 * SC_ERR_NOT_FOUND: the symbols do not know ETHREAD. A thread that is not in the dump is no error:
 * all its fields say so.
 */
sc_err *nt_thread_read(const struct nt *nt, uint64_t address, struct nt_thread *ret_thread);
/* Was anything read, and is it a thread? */
bool nt_thread_present(const struct nt_thread *thread);
bool nt_thread_valid(const struct nt_thread *thread);
/* Is it PROCESS's, as far as is known? Lists that are damaged lead to those of others. */
bool nt_thread_is_of(const struct nt_thread *thread, uint64_t process);
/* Does ADDRESS lie in the thread's kernel stack? */
bool nt_thread_owns_stack(const struct nt_thread *thread, uint64_t address);
/* The address of the ETHREAD whose ThreadListEntry lies at LINK. */
sc_err *nt_thread_of_link(const struct nt *nt, uint64_t link, uint64_t *ret_address);

/* "Waiting"; NULL for a number that is no state. */
const char *nt_thread_state_name(uint64_t state);
/* "WrResource"; NULL for a number that is no reason in the target's build. */
const char *nt_wait_reason_name(const struct nt *nt, uint64_t reason);

/* Of whom the thread acts, if it impersonates. */
struct nt_impersonation {
    bool active;
    struct nt_field token;
    struct nt_field level; /* 0 Anonymous, 1 Identification, 2 Impersonation, 3 Delegation */
};
sc_err *nt_thread_impersonation(const struct nt *nt, const struct nt_thread *thread,
                                struct nt_impersonation *ret);
/* "Impersonation"; NULL for a number that is no level. */
const char *nt_impersonation_level_name(uint64_t level);

/* An IRP of the thread. */
struct nt_thread_irp {
    uint64_t address;
    struct nt_field type, size, flags, mdl;
};
enum { NT_IRPS_MAX = 4096 };
/*
 * The IRPs, in ARENA; LIST (its end) says whether there are more. A thread that is not in the dump
 * has none.
 */
sc_err *nt_thread_irps(const struct nt *nt, const struct nt_thread *thread, sc_arena *arena,
                       struct nt_thread_irp **ret_irps, size_t *ret_count,
                       struct nt_list *ret_list);

#endif
