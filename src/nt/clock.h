/* SPDX-License-Identifier: MIT */
/*
 * Ticks: KTHREAD and KPROCESS count time in clock ticks, whose length is a variable of the kernel
 * and whose number so far lies in the page that the kernel shares with processes. Small dumps often
 * hold neither.
 */
#ifndef NT_CLOCK_H
#define NT_CLOCK_H

#include "nt/nt.h"

struct nt_clock {
    struct nt_field increment; /* 100 ns a tick */
    struct nt_field ticks;     /* since the system started */
};

sc_err *nt_clock_read(const struct nt *nt, struct nt_clock *ret_clock);
/* TICKS as a span of 100 ns; SC_UNSET64 when the length of a tick is not known. */
uint64_t nt_clock_span(const struct nt_clock *clock, uint64_t ticks);

/* The two clocks that timers go by, 100 ns each. */
struct nt_times {
    struct nt_field interrupt; /* since the system started */
    struct nt_field system;    /* FILETIME */
    bool from_header; /* the page that has them is not in the dump: the times of its header */
};
void nt_times_read(const struct nt *nt, struct nt_times *ret_times);

#endif
