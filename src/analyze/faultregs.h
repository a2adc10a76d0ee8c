/* SPDX-License-Identifier: MIT */
/*
 * The registers of the fault, wherever they are known from: the analysis' context, else the frame
 * of its stack that stands on the failing instruction behind a trap, if the way there is exact.
 */
#ifndef STOPCODE_ANALYZE_FAULTREGS_H
#define STOPCODE_ANALYZE_FAULTREGS_H

#include "analyze/case.h"

struct sc_fault_regs {
    const struct sc_regs *regs; /* NULL: they are not known */
    uint64_t known;             /* bit N: general register N of the CPU's own numbering */
    enum sc_cpu cpu;
    const char *command; /* shows them */
};

void sc_fault_regs(struct sc_case *c, struct sc_fault_regs *ret);
/* Is the value of general register REG that of the fault? */
bool sc_fault_regs_known(const struct sc_fault_regs *r, const struct sc_reg *reg);

#endif
