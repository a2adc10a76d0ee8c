/* SPDX-License-Identifier: MIT */
/*
 * The stacks that a thread left for a larger one (KeExpandKernelStackAndCallout) and will return
 * to. The one that it stands on is in nt_thread: StackBase, StackLimit.
 */
#ifndef NT_THREADSTACK_H
#define NT_THREADSTACK_H

#include "nt/thread.h"

struct nt_stack_segment {
    uint64_t base, limit, initial_stack, kernel_stack;
};

enum { NT_STACK_SEGMENTS_MAX = 16 }; /* the kernel allows a few */

struct nt_stack_segments {
    struct nt_stack_segment item[NT_STACK_SEGMENTS_MAX]; /* the last one left comes first */
    size_t count;
    bool cut; /* there are more than that: the list is damaged */
};

/* None where the build has no such stacks, or the dump does not hold the thread's own. */
sc_err *nt_thread_segments(const struct nt *nt, const struct nt_thread *thread,
                           struct nt_stack_segments *ret_segments);
/*
 * Was its stack paged out? The kernel says so when it lets go of the stack; its pages may be in
 * memory still, and then they are the stack.
 */
bool nt_thread_stack_is_out(const struct nt *nt, const struct nt_thread *thread);
/* Does ADDRESS lie on the thread's stack, or on one that it left? */
sc_err *nt_thread_has_stack(const struct nt *nt, const struct nt_thread *thread, uint64_t address,
                            bool *ret_has);

#endif
