/* SPDX-License-Identifier: MIT */
/* `stopcode analyze`: the verdicts on many dumps, by worker processes, in the order given. */
#ifndef STOPCODE_TOOL_BATCH_H
#define STOPCODE_TOOL_BATCH_H

#include "options.h"

/* Returns the program's status: 2 when a dump could not be opened, 1 when an analysis failed. */
int batch_run(const struct options *opt);

#endif
