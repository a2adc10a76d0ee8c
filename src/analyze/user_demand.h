/* SPDX-License-Identifier: MIT */
/*
 * Dumps that record no crash: one look at all threads serves three rules (rule_user_demand.c), in
 * this order. Each returns whether what it found is the story of the dump.
 */
#ifndef STOPCODE_ANALYZE_USER_DEMAND_H
#define STOPCODE_ANALYZE_USER_DEMAND_H

#include "analyze/user_threads.h"

/* A thread was ending the process. rule_user_exit.c */
bool sc_user_exit_run(struct sc_case *c, const struct sc_user_threads *threads);
/* Threads wait for each other, or for something that does not come. rule_user_hang.c */
bool sc_user_hang_run(struct sc_case *c, const struct sc_user_threads *threads);

#endif
