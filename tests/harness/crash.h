/* SPDX-License-Identifier: MIT */
/*
 * When the code under test crashes or hangs, says which case it was and keeps the file: in a signal
 * handler, or in the sanitizers' death callback, because there is no process between the cases.
 */
#ifndef STOPCODE_TESTS_HARNESS_CRASH_H
#define STOPCODE_TESTS_HARNESS_CRASH_H

#include <stddef.h>

/* FOLDER is where files go, mostly HARNESS_KEEP, in the build folder; made when needed. */
void crash_watch(const char *folder);
/* The case about to run: NAME and bytes must stay until the next call. SECONDS of wall clock. */
void crash_case(const char *name, const void *data, size_t size, unsigned seconds);
/* Keeps the bytes of a failed case; the file's name is printed as a TAP comment. */
void crash_keep(const char *name, const void *data, size_t size);

#endif
