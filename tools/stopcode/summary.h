/* SPDX-License-Identifier: MIT */
/* The end of a batch: what is said of all dumps together. */
#ifndef STOPCODE_TOOL_SUMMARY_H
#define STOPCODE_TOOL_SUMMARY_H

#include "cmd/batch.h"
#include "options.h"

/*
 * Tables and counts as text; in JSON one object. As CSV, the signatures if nothing else is asked
 * for. What does not belong into JSON or CSV, the line of counts, goes to standard error then.
 * False when it could not be written, or memory is short.
 */
bool summary_print(const struct options *opt, const sc_batch *batch,
                   const struct sc_batch_counts *counts);
/* The line that stands above the rows, if there is one. */
bool summary_head(const struct options *opt);

#endif
