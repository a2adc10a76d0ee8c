/* SPDX-License-Identifier: MIT */
/* The command line: kd's and cdb's options as they mean there, and a few of our own. */
#ifndef STOPCODE_TOOL_OPTIONS_H
#define STOPCODE_TOOL_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "stopcode/convert.h"

enum mode {
    MODE_DEBUG,
    MODE_ANALYZE,
    MODE_SYMBOLS,
    MODE_CONVERT,
    MODE_VERSION,
    MODE_HELP,
    MODE_MANUAL,
    MODE_SAMPLES
};

enum { PAGEFILES_MAX = 16 };

/* Something to run before the prompt, in the order given: -c, -cf, -cfr. */
struct start {
    bool script; /* `text` names a file of commands; else it is a line of commands */
    const char *text;
};

struct options {
    enum mode mode;
    const char *dump;    /* NULL: none */
    const char *action;  /* MODE_SYMBOLS: list, check, fetch or index */
    const char **files;  /* MODE_ANALYZE: files and folders; MODE_SYMBOLS: dumps, or stores;
                            MODE_CONVERT: the dump, and the file to write */
    struct start *start; /* owned, as is `files`; the strings are the command line's */
    size_t nfiles, nstart;
    const char *symbols, *images; /* -y, -i */
    const char *log;
    bool log_append;
    bool json, no_color, no_mmap, quiet, verbose, lines, cxx;
    bool ignore_env;       /* -sins: not even the paths that the environment names */
    bool brief;            /* analyze: one line a file */
    bool csv;              /* analyze: comma-separated values */
    bool summary;          /* analyze: nothing of single files */
    unsigned jobs;         /* analyze: 0 = as many as there are processors */
    unsigned limit;        /* analyze: seconds for one file */
    enum sc_convert_to to; /* convert */
    bool has_to, kernel_pages, active_pages, strip_user, force, sync;
    const char *comment;                 /* convert; NULL: as it was */
    const char *pagefile[PAGEFILES_MAX]; /* by number; NULL: none */
    uint64_t dtb;                        /* --dtb; 0 none */
};

/*
 * Reads the command line. False when it is wrong or asks for what cannot be done on dumps; that
 * has been said on standard error then. Options_free() in either case.
 */
bool options_parse(int argc, char **argv, struct options *ret);
void options_free(struct options *opt);

void options_help(FILE *to);
/* Tables of all options, for the manual. */
void options_manual(FILE *to);

#endif
