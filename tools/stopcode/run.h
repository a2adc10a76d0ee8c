/* SPDX-License-Identifier: MIT */
/* One dump: open it, run what the command line asks for, then the prompt. */
#ifndef STOPCODE_TOOL_RUN_H
#define STOPCODE_TOOL_RUN_H

#include "options.h"
#include "progress.h"
#include "stopcode/session.h"
#include "stopcode/symtab.h"
#include "term.h"

/* Statuses of the program. */
enum { STATUS_OK = 0, STATUS_FAILED = 1, STATUS_NOT_OPENED = 2 };

/* What the parts of a run share. */
struct run {
    const struct options *opt;
    struct term term;
    struct progress bar; /* of the line that runs */
    sc_out *out;
    sc_target *target;   /* NULL: no dump */
    sc_session *session; /* borrows the two above */
    unsigned failed;     /* commands that failed, those typed at the prompt not counted */
};

/* MODE_DEBUG; returns the program's status. */
int run_debug(const struct options *opt);

/* Opens PATH with the options' settings. */
sc_err *run_open(const struct options *opt, const char *path, sc_target **ret_target);
/* The paths of the command line and, behind them, of the environment; owned by the caller. */
sc_err *run_make_paths(const struct options *opt, char **ret_symbols, char **ret_images);
/* Sets -y, -i and what the environment adds. */
sc_err *run_set_paths(const struct options *opt, sc_session *session);
/* The symbols of TARGET, with the paths of -y, -i and the environment. STORE_OPTS may be NULL. */
sc_err *run_symtab(const struct options *opt, sc_target *target,
                   const struct sc_store_opts *store_opts, sc_symtab **ret_symtab);
/* One line: false when the program should end (`q`, Ctrl-C without a prompt, a broken pipe). */
bool run_line(struct run *run, const char *line);
/* Shows the prompt and LINE, as they would stand on the screen and in a log. */
void run_echo(struct run *run, const char *line, bool only_log);

#endif
