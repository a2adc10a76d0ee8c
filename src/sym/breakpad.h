/* SPDX-License-Identifier: MIT */
/* Breakpad's text symbols (.sym) as a provider: functions, lines, inlines, stack records. */
#ifndef STOPCODE_SYM_BREAKPAD_H
#define STOPCODE_SYM_BREAKPAD_H

#include <stddef.h>

#include "stopcode/symbols.h"

sc_err *sc_breakpad_open(const char *path, sc_symbols **ret_symbols);
/* SIZE bytes in memory, copied. For tests and fuzzers. */
sc_err *sc_breakpad_open_memory(const char *name, const void *data, size_t size,
                                sc_symbols **ret_symbols);
/* Do these first bytes of a file begin such a text? */
bool sc_breakpad_probe(const void *data, size_t size);

#endif
