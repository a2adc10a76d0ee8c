/* SPDX-License-Identifier: MIT */
/* All threads of all processes of a kernel, in the order of its lists, with their stacks. */
#ifndef STOPCODE_CMD_KEACH_H
#define STOPCODE_CMD_KEACH_H

#include "cmd/kthread.h"
#include "cmd/stack.h"

/* What is done with each; NULL: nothing. Errors end the walk. */
struct sc_keach {
    sc_err *(*process)(void *ctx, const struct nt_process *process);
    sc_err *(*thread)(void *ctx, const struct nt_process *process, const struct nt_thread *thread);
    void *ctx;
    bool idle; /* the idle process, which stands in no list, first */
};

/*
 * *RET_WHY: why not all could be visited, in the arena; NULL: they were. A list that is damaged
 * ends that process's threads, or the walk; what comes before is visited.
 */
sc_err *sc_each_kthread(sc_session *session, const struct nt *nt, const struct sc_keach *each,
                        sc_arena *arena, const char **ret_why);

/* Does a processor run it? */
bool sc_kthread_runs(const struct nt *nt, const struct nt_thread *thread);
/* Why a thread's stack cannot be walked, or NULL. */
const char *sc_kstack_missing(const struct nt *nt, const struct nt_thread *thread);
/*
 * The kernel's part of a thread's stack, at most FRAMES frames (0: all). *RET is ended with
 * sc_stack_deinit(). SC_ERR_NOT_FOUND: there is none, and why.
 */
sc_err *sc_kstack_walk(sc_session *session, const struct nt *nt, const struct nt_thread *thread,
                       uint32_t frames, struct sc_stack *ret);

/* Is the session's target one whose threads stand in the kernel's lists? */
bool sc_session_has_kthreads(const sc_session *session);

#endif
