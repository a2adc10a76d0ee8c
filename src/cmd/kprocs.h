/* SPDX-License-Identifier: MIT */
/* Going through all processes of a kernel: kprocs.c. */
#ifndef STOPCODE_CMD_KPROCS_H
#define STOPCODE_CMD_KPROCS_H

#include "cmd/kernel.h"
#include "nt/process.h"

typedef sc_err *(*sc_process_fn)(void *ctx, const struct nt_process *process);
/*
 * Calls FN with each process. What ends the list before its end is written to WHY ("" if nothing
 * does): nothing is printed. SC_ERR_NOT_FOUND: where the list begins is not known.
 */
sc_err *sc_each_process(const struct nt *nt, sc_process_fn fn, void *ctx, char why[NT_LIST_TEXT]);
/* The remark about it, if there is something to say. */
void sc_say_processes(sc_session *session, const char *why);

#endif
