/* SPDX-License-Identifier: MIT */
/* FILETIME arithmetic: days to civil date by Howard Hinnant's public algorithm. */
#include "base/time.h"

#include <stdio.h>

#include "base/os.h"

static const char *const day_name[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
static const char *const month_name[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

struct sc_tm sc_time_split(uint64_t filetime, long offset) {
    /* Seconds since 1601; the offset may reach before it, so signed. */
    int64_t seconds = (int64_t)(filetime / 10000000) + offset;
    int64_t days = seconds / 86400, rest = seconds % 86400;
    if (rest < 0) {
        rest += 86400;
        days--;
    }
    struct sc_tm t = {.fraction = (uint32_t)(filetime % 10000000)};
    t.hour = (int)(rest / 3600);
    t.minute = (int)(rest / 60 % 60);
    t.second = (int)(rest % 60);
    t.weekday = (int)(((days + 1) % 7 + 7) % 7); /* 1601-01-01 was a Monday */
    int64_t z = days + 584694;                   /* days from 0000-03-01 */
    int64_t era = (z >= 0 ? z : z - 146096) / 146097;
    int64_t doe = z - era * 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    int64_t mp = (5 * doy + 2) / 153;
    t.day = (int)(doy - (153 * mp + 2) / 5 + 1);
    t.month = (int)(mp < 10 ? mp + 3 : mp - 9);
    t.year = yoe + era * 400 + (t.month <= 2);
    return t;
}

uint64_t sc_time_from_unix(uint32_t unix_time) {
    return SC_FILETIME_1970 + (uint64_t)unix_time * 10000000;
}

static int64_t to_unix(uint64_t filetime) {
    return (int64_t)(filetime / 10000000) - (int64_t)(SC_FILETIME_1970 / 10000000);
}

const char *sc_time_iso(uint64_t filetime, char *buf) {
    struct sc_tm t = sc_time_split(filetime, 0);
    snprintf(buf, SC_TIME_BUF, "%04lld-%02d-%02dT%02d:%02d:%02d.%07uZ", (long long)t.year, t.month,
             t.day, t.hour, t.minute, t.second, t.fraction);
    return buf;
}

const char *sc_time_windbg(uint64_t filetime, long offset, char *buf) {
    if (offset == SC_TZ_LOCAL)
        offset = sc_os_utc_offset(to_unix(filetime));
    struct sc_tm t = sc_time_split(filetime, offset);
    long minutes = (offset < 0 ? -offset : offset) / 60;
    snprintf(buf, SC_TIME_BUF, "%s %s %2d %02d:%02d:%02d.%03u %lld (UTC %c %ld:%02ld)",
             day_name[t.weekday], month_name[t.month - 1], t.day, t.hour, t.minute, t.second,
             t.fraction / 10000, (long long)t.year, offset < 0 ? '-' : '+', minutes / 60,
             minutes % 60);
    return buf;
}

const char *sc_time_bracketed(uint64_t filetime, long offset, char *buf) {
    if (offset == SC_TZ_LOCAL)
        offset = sc_os_utc_offset(to_unix(filetime));
    struct sc_tm t = sc_time_split(filetime, offset);
    snprintf(buf, SC_TIME_BUF, "[%2d/%2d/%4lld %02d:%02d:%02d.%03u]", t.month, t.day,
             (long long)t.year, t.hour, t.minute, t.second, t.fraction / 10000);
    return buf;
}

const char *sc_time_stamp(uint32_t unix_time, long offset, char *buf) {
    if (offset == SC_TZ_LOCAL)
        offset = sc_os_utc_offset(unix_time);
    struct sc_tm t = sc_time_split(sc_time_from_unix(unix_time), offset);
    snprintf(buf, SC_TIME_BUF, "%s %s %2d %02d:%02d:%02d %lld", day_name[t.weekday],
             month_name[t.month - 1], t.day, t.hour, t.minute, t.second, (long long)t.year);
    return buf;
}

const char *sc_time_span(uint64_t span, char *buf) {
    uint64_t ms = span / 10000, s = ms / 1000;
    snprintf(buf, SC_TIME_BUF, "%llu days %llu:%02llu:%02llu.%03llu",
             (unsigned long long)(s / 86400), (unsigned long long)(s / 3600 % 24),
             (unsigned long long)(s / 60 % 60), (unsigned long long)(s % 60),
             (unsigned long long)(ms % 1000));
    return buf;
}
