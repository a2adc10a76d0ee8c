/* SPDX-License-Identifier: MIT */
/* The options as a table: parsing, help and manual come from it. */
#ifndef STOPCODE_TOOL_OPTTABLE_H
#define STOPCODE_TOOL_OPTTABLE_H

#include <stdbool.h>
#include <stddef.h>

enum opt_takes {
    TAKES_NOTHING,
    TAKES_VALUE,
    TAKES_DIGIT, /* the next argument when it is a digit 0-3: cdb's -r and kd's differ */
    TAKES_TAIL,  /* the value is attached: -aExtension, -vf:opts */
};

enum opt_id {
    OPT_IGNORE, /* harmless on a dump: accepted in silence */
    OPT_NOTE,   /* accepted; `say` tells what it does not do */
    OPT_REFUSE, /* would mean something else than the user wants: `say` tells why */
    OPT_DUMP,
    OPT_SYMBOLS,
    OPT_IMAGES,
    OPT_COMMAND,
    OPT_SCRIPT,
    OPT_LINES,
    OPT_LOG_NEW,
    OPT_LOG_APPEND,
    OPT_VERBOSE,
    OPT_QUIET,
    OPT_IGNORE_ENV,
    OPT_EVALUATOR,
    OPT_JSON,
    OPT_NO_COLOR,
    OPT_NO_MMAP,
    OPT_VERSION,
    OPT_HELP,
    OPT_MANUAL,
    OPT_SAMPLES,
    OPT_BRIEF,
    OPT_CSV,
    OPT_SUMMARY,
    OPT_JOBS,
    OPT_LIMIT,
    OPT_TO,
    OPT_PAGES,
    OPT_COMMENT,
    OPT_STRIP_USER,
    OPT_PAGEFILE,
    OPT_FORCE,
    OPT_SYNC,
    OPT_DTB,
};

enum { FOR_DEBUG = 1, FOR_ANALYZE = 2, FOR_SYMBOLS = 4, FOR_CONVERT = 8, FOR_ALL = 15 };

struct opt_row {
    const char *name; /* with its dashes */
    enum opt_takes takes;
    enum opt_id id;
    unsigned modes;    /* FOR_… */
    const char *value; /* what help calls the value; NULL for none */
    const char *say;   /* help: what it does; NOTE and REFUSE: what to tell the user */
};

extern const struct opt_row opt_rows[]; /* ended by a NULL name */

/* The row of an option as typed; kd's options in any case but -g/-G. NULL: none. */
const struct opt_row *opt_find(const char *typed, unsigned mode);
/* For rows of TAKES_TAIL: what follows the name. */
const char *opt_tail(const struct opt_row *row, const char *typed);
/* "-nv": several options of one letter, none with a value. */
bool opt_is_bundle(const char *typed, unsigned mode);

#endif
