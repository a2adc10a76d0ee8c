/* SPDX-License-Identifier: MIT */
/* The run functions of the shell family, whose rows are in shell.c. */
#ifndef STOPCODE_CMD_SHELL_H
#define STOPCODE_CMD_SHELL_H

#include "cmd/command.h"

/* help.c */
sc_err *sc_run_help(sc_session *session, const struct sc_args *args);
/* formats.c; without an expression `?` lists the commands */
sc_err *sc_run_evaluate(sc_session *session, const struct sc_args *args);
sc_err *sc_run_formats(sc_session *session, const struct sc_args *args);
/* logcmd.c */
sc_err *sc_run_logopen(sc_session *session, const struct sc_args *args);
sc_err *sc_run_logappend(sc_session *session, const struct sc_args *args);
sc_err *sc_run_logclose(sc_session *session, const struct sc_args *args);
sc_err *sc_run_logfile(sc_session *session, const struct sc_args *args);
/* errcode.c */
sc_err *sc_run_error(sc_session *session, const struct sc_args *args);

/* Indices of the arguments in their rows. */
enum { ARG_LOG_T, ARG_LOG_U, ARG_LOG_D, ARG_LOG_FILE };
enum { ARG_APPEND_U, ARG_APPEND_FILE };

/* The time now as a FILETIME; 0 when the system does not tell. */
uint64_t sc_time_now(void);

#endif
