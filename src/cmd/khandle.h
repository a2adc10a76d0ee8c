/* SPDX-License-Identifier: MIT */
/* `!handle` of a kernel, and what other commands want of handle tables: khandle.c. */
#ifndef STOPCODE_CMD_KHANDLE_H
#define STOPCODE_CMD_KHANDLE_H

#include "cmd/command.h"

/* The arguments are those of the row in handles.c. */
sc_err *sc_run_kernel_handle(sc_session *session, const struct sc_args *args);

#endif
