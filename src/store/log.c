/* SPDX-License-Identifier: MIT */
/* What a store tells its user: log lines, traces, reasons. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "store/store_impl.h"

enum { LINE = 1024, WHY_MAX = 1500 };

/* A log line is one harmless line: controls in names become question marks. */
static void one_line(char *text) {
    for (char *p = text; *p; p++)
        if ((unsigned char)*p < 0x20 || *p == 0x7f)
            *p = '?';
}

void store_log(const sc_store *store, enum sc_log_level level, const char *fmt, ...) {
    if (!store->opts.log)
        return;
    char line[LINE];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(line, sizeof line, fmt, ap);
    va_end(ap);
    one_line(line);
    store->opts.log(store->opts.log_ctx, level, line);
}

void store_trace(const sc_store *store, const char *path, const char *what) {
    store_log(store, SC_LOG_DEBUG, "DBGHELP: %s - %s", path, what);
}

sc_err *store_because(struct store_search *s, const char *fmt, ...) {
    char line[LINE];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(line, sizeof line, fmt, ap);
    va_end(ap);
    one_line(line);
    size_t had = s->why ? strlen(s->why) : 0;
    if (had > WHY_MAX || (s->why && strstr(s->why, line)))
        return NULL;
    const char *why = s->why ? sc_arena_printf(s->arena, "%s; %s", s->why, line)
                             : sc_arena_strdup(s->arena, line);
    if (!why)
        return sc_err_nomem();
    s->why = why;
    return NULL;
}

bool store_cancelled(const sc_store *store) {
    return store->opts.cancelled && store->opts.cancelled(store->opts.cancelled_ctx);
}

const char *store_shown_url(sc_arena *arena, const char *url) {
    if (!store_is_url(url))
        return url; /* a folder may have any name */
    const char *host = strstr(url, "://") + 3;
    size_t authority = strcspn(host, "/?#");
    size_t at = authority;
    while (at && host[at - 1] != '@')
        at--;
    if (!at)
        return url;
    return sc_arena_printf(arena, "%.*s%s", (int)(host - url), url, host + at);
}
