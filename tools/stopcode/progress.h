/* SPDX-License-Identifier: MIT */
/* A bar on standard error for what takes long before a dump is open; only on a terminal. */
#ifndef STOPCODE_TOOL_PROGRESS_H
#define STOPCODE_TOOL_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct progress {
    bool wanted, visible; /* a bar is wanted; one stands there */
    double start, shown;  /* when it began, and was last drawn */
    uint64_t done;        /* of the job at hand: less than before means another job */
};

/* Shows a bar if standard error is a terminal and WANTED. */
void progress_begin(struct progress *bar, bool wanted);
/* For struct sc_open_opts; CTX is the bar. False when Ctrl-C was pressed. */
bool progress_step(void *ctx, const char *what, uint64_t done, uint64_t total);
/* For sessions: the same, but WHAT NULL takes the bar away, and Ctrl-C is the session's matter. */
void progress_show(void *ctx, const char *what, uint64_t done, uint64_t total);
/* Takes the bar away. */
void progress_end(struct progress *bar);

#endif
