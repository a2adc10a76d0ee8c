/* SPDX-License-Identifier: MIT */
/* What runs where: the thread of a processor, the process of a thread, a thread's registers. */
#ifndef NT_CURRENT_H
#define NT_CURRENT_H

#include "nt/thread.h"
#include "stopcode/stack.h"

/*
 * The thread that processor INDEX runs: from the container, else its PRCB. SC_ERR_NOT_FOUND when
 * the dump does not say.
 */
sc_err *nt_current_thread(const struct nt *nt, uint32_t index, uint64_t *ret_thread);
/* The process whose address space THREAD uses; SC_ERR_NOT_FOUND says why not. */
sc_err *nt_thread_process(const struct nt *nt, uint64_t thread, uint64_t *ret_process);
/* The processor that runs the thread at ADDRESS; false when none does. */
sc_err *nt_thread_processor(const struct nt *nt, uint64_t address, uint32_t *ret_index,
                            bool *ret_running);

/*
 * The registers of a thread: those of the processor that runs it, else what the switch to another
 * thread left on its stack. Then *RET_SAVED is true, and only the instruction, stack and frame
 * pointers are known: the others are 0. Where they lie is asked of UNWINDER (NULL: none), which
 * confirms the place by symbols; where those do not know it, the usual place is taken.
 * SC_ERR_NOT_FOUND says why there are none.
 */
sc_err *nt_thread_regs(const struct nt *nt, const struct nt_thread *thread, sc_unwinder *unwinder,
                       struct sc_regs *ret_regs, bool *ret_saved);

#endif
