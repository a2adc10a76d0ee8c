/* SPDX-License-Identifier: MIT */
/* The four parameters of a bug check, explained in this dump; and what they point to, read. */
#ifndef STOPCODE_ANALYZE_ARGS_H
#define STOPCODE_ANALYZE_ARGS_H

#include "analyze/case.h"

/*
 * Fills a->arg[], and a->exception and a->regs where parameters point to an exception record, a
 * context or a trap frame that the dump holds.
 */
void sc_args_explain(struct sc_case *c);

/*
 * What VALUE, a parameter explained by ARG, means: the table's text, else decoded by its kind as
 * far as that needs no dump. NULL when there is nothing to say. In ARENA; *NOMEM is set when
 * memory is short.
 */
const char *sc_arg_meaning(sc_arena *arena, const struct sc_bug_arg *arg, uint64_t value,
                           enum sc_cpu cpu, bool *nomem);

#endif
