/* SPDX-License-Identifier: MIT */
/* Registers of x86 that the kernel or the processor saved: trap frames and task states. */
#ifndef STOPCODE_UNWIND_TRAP_X86_H
#define STOPCODE_UNWIND_TRAP_X86_H

#include "unwind/unwind.h"

enum { SC_X86_TRAP_SIZE = 0x8c };

/*
 * The registers of what was interrupted, from the KTRAP_FRAME at TRAP. Answers as a step does:
 * SC_STEP_NO_RULE: its fields are those of no trap frame. RET gets how, trap, base, ret_slot, and
 * what is known. An Eip of 0 is the address of a call through NULL, no end of the stack: exact_ip.
 */
enum sc_step_status sc_x86_from_trap(struct sc_unwinder *u, uint64_t trap, struct sc_regs *regs,
                                     struct sc_step *ret);

/* The same from the task state segment at TSS, for handlers that a task gate started. */
enum sc_step_status sc_x86_from_tss(struct sc_unwinder *u, uint64_t tss, struct sc_regs *regs,
                                    struct sc_step *ret);

#endif
