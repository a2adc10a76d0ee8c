/* SPDX-License-Identifier: MIT */
/* The timers of Windows 8.1 and later that are kept in order (KTIMER2, ExAllocateTimer). */
#ifndef NT_TIMER2_H
#define NT_TIMER2_H

#include "nt/nt.h"

enum { NT_TIMER2_MAX = 1 << 16 };

struct nt_timer2 {
    uint64_t address;
    unsigned collection;
    struct nt_field due;    /* interrupt time, 100 ns */
    struct nt_field latest; /* when it expires though nothing else wakes the processor */
    struct nt_field period; /* 100 ns */
    struct nt_field callback, context;
    struct nt_field absolute; /* its due time was a moment, not a span */
    struct nt_field no_wake, high_resolution, idle_resilient;
};

struct nt_timers2 {
    bool known;             /* symbols say where they are and what they look like */
    const char *why;        /* when not; or why they are not whole. NULL: they are */
    struct nt_timer2 *item; /* in the arena; each once, by due time */
    size_t count;
    bool assumed;
};

sc_err *nt_timers2_read(const struct nt *nt, sc_arena *arena, struct nt_timers2 *ret_timers);

#endif
