/* SPDX-License-Identifier: MIT */
/*
 * Control tokens: reading their parts, and the run functions of the family, whose rows are in
 * control.c.
 */
#ifndef STOPCODE_CMD_CONTROL_H
#define STOPCODE_CMD_CONTROL_H

#include "cmd/script.h"

/* A part of a token's text: what stands between two brackets. */
struct sc_part {
    const char *text;
    size_t len;
};
/*
 * The part in the brackets that start with OPEN at *TEXT, behind blanks and separators; moves
 * *TEXT behind it. SC_ERR_ARG names NAME and what is missing.
 */
sc_err *sc_take_part(const char **text, char open, const char *name, struct sc_part *ret);
/* Evaluates the expression in PART. */
sc_err *sc_part_true(sc_session *session, const struct sc_part *part, sc_arena *arena,
                     bool *ret_true);
/* Runs a block. */
bool sc_run_part(sc_session *session, const struct sc_part *part);
/* Does WORD (any case) stand at *TEXT behind separators? Moves behind it. */
bool sc_take_token(const char **text, const char *word);

/* loops.c */
/* After a turn of a loop whose block ran (OK) or ended early: does the loop go on? */
bool sc_loop_goes_on(sc_session *session, bool ok);
sc_err *sc_run_for(sc_session *session, const struct sc_args *args);
sc_err *sc_run_while(sc_session *session, const struct sc_args *args);
sc_err *sc_run_do(sc_session *session, const struct sc_args *args);
/* foreach.c */
sc_err *sc_run_foreach(sc_session *session, const struct sc_args *args);
sc_err *sc_run_for_each_module(sc_session *session, const struct sc_args *args);
/* printf.c */
sc_err *sc_run_printf(sc_session *session, const struct sc_args *args);
/* scriptfile.c */
sc_err *sc_run_file_lines(sc_session *session, const struct sc_args *args);
sc_err *sc_run_file_block(sc_session *session, const struct sc_args *args);
sc_err *sc_run_file_args(sc_session *session, const struct sc_args *args);
/* Up to SC_TEXT_MAX bytes of a text file, typography and line ends made plain; in the arena. */
sc_err *sc_read_text_file(const char *path, sc_arena *arena, char **ret_text);
/* Its bytes as they are and a NUL behind them; WHAT ("a script") may not be that long. */
sc_err *sc_read_small_file(const char *path, const char *what, sc_arena *arena, char **ret_text,
                           size_t *ret_len);

#endif
