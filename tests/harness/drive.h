/* SPDX-License-Identifier: MIT */
/*
 * Drives everything the library can do with a dump, and boils the answers down to one number, so
 * that two runs can be compared: a run in which something failed must either say so or give the
 * same number.
 */
#ifndef STOPCODE_TESTS_HARNESS_DRIVE_H
#define STOPCODE_TESTS_HARNESS_DRIVE_H

#include "stopcode/out.h"
#include "stopcode/target.h"

struct drive {
    uint64_t digest;
    unsigned errors; /* error objects returned */
    unsigned nomem;  /* of these, out of memory */
    unsigned io;     /* of these, SC_ERR_IO; and reads of memory that ended so */
    unsigned failed; /* commands that failed */
    size_t notes;    /* on the source */
    uint64_t output; /* bytes written by commands */
    uint64_t marks;  /* of these, question marks: what could not be read */
    bool saw_nomem;  /* the output says "out of memory" */
    size_t tail;     /* how much of "out of memory" the output's end matches */
    char why[200];   /* text of the first error */
};

/* Takes an error: counts it, mixes its code in, ends it. True when there was one. */
bool drive_error(struct drive *d, sc_err *err);
void drive_mix(struct drive *d, uint64_t v);
void drive_text(struct drive *d, const char *text);

/* Every list and figure; registers of at most 64 threads; reads at interesting places. */
void drive_target(struct drive *d, sc_target *target);
/* sc_analyze(), its whole result. */
void drive_analysis(struct drive *d, sc_target *target);
/*
 * A symbol table along the path SYMBOLS, with its files in the folder CACHE: every module's
 * symbols, names to and from addresses, types.
 */
void drive_symbols(struct drive *d, sc_target *target, const char *symbols, const char *cache);
/* A session that runs LINE into a counting sink. */
void drive_session(struct drive *d, sc_target *target, enum sc_render render, const char *line);

/* What the hostile tests run: a line of the commands that show most. */
extern const char drive_commands[];

#endif
