/* SPDX-License-Identifier: MIT */
/* What the memory manager's counters say of committed memory, for the rules about it. */
#ifndef STOPCODE_ANALYZE_COMMIT_H
#define STOPCODE_ANALYZE_COMMIT_H

#include "analyze/kfacts.h"

/* From so many percent of the limit on what can be committed is nearly used up. */
enum { SC_COMMIT_SHORT = 95 };

/* What is committed, in percent of the limit; -1 when that is not known. */
int sc_commit_percent(const struct nt_vm *vm);
/* How many requests have failed since Windows started, while memory is short of it now; else 0. */
uint64_t sc_commit_failing(struct sc_case *c, const struct nt_vm *vm);
/* Evidence: how often they failed for each reason. */
void sc_commit_show_reasons(struct sc_case *c, struct sc_draft *d, const struct nt_vm *vm);

#endif
