/* SPDX-License-Identifier: MIT */
/* What the fuzz targets of dump files share. */
#ifndef STOPCODE_TESTS_FUZZ_DUMP_RUN_H
#define STOPCODE_TESTS_FUZZ_DUMP_RUN_H

#include "fuzz/fuzz.h"

/* Opens the bytes as a dump and asks it everything; by turns as text, as JSON, without mapping. */
void dump_run(const uint8_t *data, size_t size);

/* Opens the bytes as a dump of whole memory and asks its pages by every means. */
void whole_run(const uint8_t *data, size_t size);

#endif
