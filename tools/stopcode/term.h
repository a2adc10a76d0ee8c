/* SPDX-License-Identifier: MIT */
/* Where the program's output goes: standard output, quietly given up when nobody reads it. */
#ifndef STOPCODE_TOOL_TERM_H
#define STOPCODE_TOOL_TERM_H

#include "options.h"
#include "stopcode/out.h"

/* The writer behind an sc_out. */
struct term {
    int fd;
    bool mute; /* swallow: what is written then reaches only the log */
};

/* For sc_out_create(); CTX is a struct term. */
bool term_write(void *ctx, const char *data, size_t len);
/* Writes all of it; false when the other end is gone. */
bool write_all(int fd, const void *data, size_t len);
/*
 * A line on standard error, with the program's name before it. File names may hold anything: what a
 * terminal would obey is shown as \xNN.
 */
void say(const char *fmt, ...) SC_PRINTF(1, 2);
/* Are colours wanted on standard output? A terminal that has them, and nobody said no. */
bool term_color(const struct options *opt);

#endif
