/* SPDX-License-Identifier: MIT */
/*
 * Times. FILETIME: 100 ns since 1601-01-01 UTC. Debuggers show them in a time zone of their own;
 * JSON always in UTC. Independent of the C library's locale.
 */
#ifndef STOPCODE_BASE_TIME_H
#define STOPCODE_BASE_TIME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SC_TIME_BUF = 64 };
#define SC_FILETIME_1970 116444736000000000ULL

struct sc_tm {
    int64_t year;
    int month, day;                    /* 1.. */
    int hour, minute, second, weekday; /* weekday 0 = Sunday */
    uint32_t fraction;                 /* 100 ns */
};

/* Breaks a FILETIME up, OFFSET seconds east of UTC. */
struct sc_tm sc_time_split(uint64_t filetime, long offset);
uint64_t sc_time_from_unix(uint32_t unix_time);
/* "2021-02-10T20:14:55.1234567Z"; returns BUF. */
const char *sc_time_iso(uint64_t filetime, char *buf);
/*
 * As WinDbg prints moments: "Wed Feb 10 15:14:55.123 2021 (UTC - 5:00)". OFFSET in seconds, or
 * SC_TZ_LOCAL for the zone of the environment (TZ).
 */
#define SC_TZ_LOCAL ((long)0x7fffffff)
const char *sc_time_windbg(uint64_t filetime, long offset, char *buf);
/* "[ 2/10/2021 15:14:55.123]" as `!timer` prints them. */
const char *sc_time_bracketed(uint64_t filetime, long offset, char *buf);
/* "Wed Feb 10 15:14:55 2021" of a time stamp of an image (seconds since 1970). */
const char *sc_time_stamp(uint32_t unix_time, long offset, char *buf);
/* "0 days 0:10:23.456" of a span of 100 ns. */
const char *sc_time_span(uint64_t span, char *buf);

#endif
