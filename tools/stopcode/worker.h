/* SPDX-License-Identifier: MIT */
/* A process that analyses one file after the other, so that a bad one costs only itself. */
#ifndef STOPCODE_TOOL_WORKER_H
#define STOPCODE_TOOL_WORKER_H

#include <sys/types.h>

#include "report.h"

struct worker {
    pid_t pid; /* 0: not running */
    int task, result;
    bool busy;
    size_t index;       /* of the file it works on */
    double since;       /* seconds; when it was given the file */
    bool timed_out;     /* it was killed for taking too long */
    struct report part; /* the report as far as it has come */
    size_t expected;    /* bytes of it; SIZE_MAX: its head has not come yet */
    unsigned char head[12];
    size_t nhead, nfacts; /* bytes of head and facts that have come */
};

/*
 * Starts WORKER; ALL (COUNT of them) are the others, whose pipes the new process must not hold
 * open. False when the system refuses.
 */
bool worker_start(struct worker *worker, struct worker *all, size_t count,
                  const struct options *opt);
/* Gives it a file; false when it is dead. */
bool worker_give(struct worker *worker, size_t index, const char *path);

enum worker_got { WORKER_MORE, WORKER_REPORT, WORKER_DEAD };
/* Reads what has come. WORKER_REPORT: worker->part is complete and the caller takes it. */
enum worker_got worker_read(struct worker *worker);
/*
 * Takes leave of a dead or unwanted worker: kills it if it lives, and writes into WHY (SIZE bytes)
 * what ended it.
 */
void worker_end(struct worker *worker, char *why, size_t size);

/* Seconds since some moment. */
double worker_clock(void);

#endif
