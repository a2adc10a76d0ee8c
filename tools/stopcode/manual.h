/* SPDX-License-Identifier: MIT */
/* What is made from the command rows besides help at the prompt: the manual, and runs of samples.
 */
#ifndef STOPCODE_TOOL_MANUAL_H
#define STOPCODE_TOOL_MANUAL_H

#include "options.h"

/* Prints docs/manual/commands.md. */
int manual_print(void);
/*
 * Runs the sample of every command that accepts the dump (or no dump), as TAP: a sample that fails,
 * or prints nothing, fails.
 */
int manual_samples(const struct options *opt);

#endif
