/* SPDX-License-Identifier: MIT */
/* What is known of a thread's stacks, for walks. */
#ifndef NT_STACKRANGE_H
#define NT_STACKRANGE_H

#include "stopcode/stack.h"

/*
 * Adds to OPTS the stack of thread or processor INDEX that SP lies on, as the dump records it. None
 * is no error: only "out of memory" is.
 */
sc_err *nt_stack_ranges(sc_target *target, uint32_t index, uint64_t sp, struct sc_stack_opts *opts);

#endif
