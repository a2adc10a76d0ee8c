/* SPDX-License-Identifier: MIT */
/*
 * 32-bit stacks in the dump of a 64-bit system: threads of WOW64 processes.
 *
 *     err = sc_wow64_regs(target, &regs, thread->teb, &regs32, &found);
 *     err = sc_wow64_unwinder(target, symtab, &u);
 *     err = sc_stack_walk(u, &regs32, NULL, &stack);
 */
#ifndef STOPCODE_UNWIND_WOW64_H
#define STOPCODE_UNWIND_WOW64_H

#include "stopcode/stack.h"

/*
 * The 32-bit registers of a thread whose 64-bit TEB is at TEB and whose registers are REGS (NULL:
 * not known). A thread that was in 32-bit code has them in REGS; else they are where the 64-bit
 * side keeps them. *RET_FOUND false: this is no thread of a WOW64 process, or the dump does not
 * hold what says so. Errors: none but cancelled.
 */
sc_err *sc_wow64_regs(sc_target *target, const struct sc_regs *regs, uint64_t teb,
                      struct sc_regs *ret_regs, bool *ret_found);

/* An unwinder for such stacks: of x86, in the target's memory. */
sc_err *sc_wow64_unwinder(sc_target *target, sc_symtab *symtab, sc_unwinder **ret_unwinder);

/* The process environment of the 32-bit side: TEB32, 0 where it is not found. */
uint64_t sc_wow64_teb32(sc_target *target, uint64_t teb);

#endif
