/* SPDX-License-Identifier: MIT */
/* Threads that wait: their stacks, and which driver asked for what they wait for. */
#ifndef STOPCODE_ANALYZE_WAITER_H
#define STOPCODE_ANALYZE_WAITER_H

#include "analyze/case.h"
#include "nt/thread.h"

/* "thread 4.1a8 of System"; by its address when the dump does not say whose it is. */
const char *sc_waiter_name(struct sc_case *c, const struct nt_thread *thread);
/* The kernel stack of a thread that does not run; sc_stack_deinit() it. */
sc_err *sc_waiter_walk(struct sc_case *c, const struct nt_thread *thread, struct sc_stack *ret);
/* The first frame outside of the kernel: who acquires. NULL: none is seen. */
const struct sc_frame *sc_waiter_acquirer(const struct sc_stack *stack);
/* The frame that has ADDRESS in its part of the stack; NULL none. */
const struct sc_frame *sc_waiter_frame(const struct sc_stack *stack, uint64_t address);

#endif
