/* SPDX-License-Identifier: MIT */
/* `stopcode symbols`: what dumps need of symbols and images, what is here, and getting the rest. */
#ifndef STOPCODE_TOOL_SYMBOLS_H
#define STOPCODE_TOOL_SYMBOLS_H

#include "options.h"

/* MODE_SYMBOLS; returns the program's status: 1 when something is missing or failed. */
int symbols_run(const struct options *opt);

#endif
