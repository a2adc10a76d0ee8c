/* SPDX-License-Identifier: MIT */
/* Test Anything Protocol: one line a case, reasons as comments above it. */
#ifndef STOPCODE_TESTS_HARNESS_TAP_H
#define STOPCODE_TESTS_HARNESS_TAP_H

#include <stdbool.h>

void tap_ok(bool ok, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void tap_skip(const char *why, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* "# …" */
void tap_note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* Prints the plan; the exit status. */
int tap_done(void);

#endif
