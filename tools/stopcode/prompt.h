/* SPDX-License-Identifier: MIT */
/* The prompt that a person sits at. */
#ifndef STOPCODE_TOOL_PROMPT_H
#define STOPCODE_TOOL_PROMPT_H

#include "run.h"

/* Reads and runs commands until `q`, Ctrl-D, or until nobody reads the output. */
void prompt_loop(struct run *run);

#endif
