/* SPDX-License-Identifier: MIT */
/*
 * Breakpad's microdumps, a text for system logs, as targets: the library does not open them, but
 * stacks of ARM with symbols and an expected result exist in no other form.
 */
#ifndef STOPCODE_TESTS_CORPUS_MICRODUMP_H
#define STOPCODE_TESTS_CORPUS_MICRODUMP_H

#include "stopcode/target.h"

/* SC_ERR_UNSUPPORTED: it is no microdump of ARM or ARM64. */
sc_err *microdump_open(const char *path, sc_target **ret_target);

#endif
