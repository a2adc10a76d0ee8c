/* SPDX-License-Identifier: MIT */
/*
 * The registers of the fault, wherever they are known from:
 *
 *   1. the analysis' context, when it is the fault's
 *   2. the frame of its stack that stands on the failing instruction, behind a trap, if the way
 *      there is exact
 *   3. the trap frame on the stack that holds the failing instruction, or the address that was
 *      touched (unwind/fault_trap.h): it needs neither symbols nor images
 */
#ifndef STOPCODE_ANALYZE_FAULTREGS_H
#define STOPCODE_ANALYZE_FAULTREGS_H

#include "analyze/case.h"
#include "unwind/fault_trap.h"

struct sc_fault_regs {
    const struct sc_regs *regs; /* NULL: they are not known */
    uint64_t known;             /* bit N: general register N of the CPU's own numbering */
    enum sc_cpu cpu;
    bool complete;       /* all are known */
    const char *command; /* shows them */
};

/*
 * Looks for the trap frame of the fault on the analysis' stack, which OPTS describes: c->trap. Only
 * where the analysis' own registers are not those of the fault.
 */
sc_err *sc_fault_trap_look(struct sc_case *c, sc_unwinder *unwinder,
                           const struct sc_stack_opts *opts);
/* Fills c->at, when the stack is there. */
void sc_fault_regs_find(struct sc_case *c);
/* Is the value of general register REG that of the fault? */
bool sc_fault_regs_known(const struct sc_fault_regs *r, const struct sc_reg *reg);

#endif
