/* SPDX-License-Identifier: MIT */
/* A kernel's stack that ran over: see rule_stack_overflow.c. */
#ifndef STOPCODE_ANALYZE_OVERFLOW_H
#define STOPCODE_ANALYZE_OVERFLOW_H

#include "analyze/case.h"

/* Is it a double fault at the end of the thread's stack? Then the instruction says little. */
bool sc_stack_ran_over(struct sc_case *c);

#endif
