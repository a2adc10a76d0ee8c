/* SPDX-License-Identifier: MIT */
/* `stopcode convert`: a dump's memory as another kind of dump. */
#ifndef STOPCODE_TOOL_CONVERT_H
#define STOPCODE_TOOL_CONVERT_H

#include "options.h"

/* MODE_CONVERT; returns the program's status. */
int convert_run(const struct options *opt);

#endif
