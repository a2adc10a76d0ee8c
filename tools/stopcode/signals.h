/* SPDX-License-Identifier: MIT */
/*
 * Signals. The only state of the program that is not in its structures stands here, because a
 * signal handler is given none: which target a Ctrl-C cancels, and what to say on SIGBUS.
 */
#ifndef STOPCODE_TOOL_SIGNALS_H
#define STOPCODE_TOOL_SIGNALS_H

#include <stdbool.h>

#include "stopcode/target.h"

/* The status with which a worker process ends when its file was shortened under it. */
enum { STATUS_SHORTENED = 86 };

/* Ctrl-C is handled, a broken pipe is an error of write(), SIGBUS ends the program with a line. */
void signals_setup(void);
/*
 * What SIGBUS does from now on: writes a line that names FILE (NULL: none) and ends with STATUS.
 */
void signals_on_bus(const char *file, int status);
/* While a command runs on TARGET (may be NULL), Ctrl-C cancels it; the third one ends the program.
 */
void signals_running(sc_target *target);
/* No command runs any more. Was there a Ctrl-C since signals_running()? */
bool signals_stopped(void);
/* Was there a Ctrl-C since the last time this was asked? */
bool signals_interrupted(void);
/* In a worker: Ctrl-C is its parent's business. */
void signals_worker(void);

#endif
