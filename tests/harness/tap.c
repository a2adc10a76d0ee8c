/* SPDX-License-Identifier: MIT */
/* TAP on stdout. */
#include "harness/tap.h"

#include <stdarg.h>
#include <stdio.h>

static struct { unsigned count, failed; } tap;

static void point(const char *word, const char *why, const char *fmt, va_list ap) {
    printf("%s %u - ", word, ++tap.count);
    vprintf(fmt, ap);
    if (why)
        printf(" # SKIP %s", why);
    putchar('\n');
    fflush(stdout);
}

void tap_ok(bool ok, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    point(ok ? "ok" : "not ok", NULL, fmt, ap);
    va_end(ap);
    tap.failed += !ok;
}

void tap_skip(const char *why, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    point("ok", why, fmt, ap);
    va_end(ap);
}

void tap_note(const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    fputs("# ", stdout);
    vprintf(fmt, ap);
    putchar('\n');
    va_end(ap);
    fflush(stdout);
}

int tap_done(void) {
    printf("1..%u\n", tap.count);
    fflush(stdout);
    return tap.failed ? 1 : 0;
}
