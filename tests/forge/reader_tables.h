/* SPDX-License-Identifier: MIT */
/* The directives about tables of the kernel. */
#ifndef STOPCODE_TESTS_FORGE_READER_TABLES_H
#define STOPCODE_TESTS_FORGE_READER_TABLES_H

#include "forge/reader.h"

bool forge_read_variables(struct forge_reader *r);
bool forge_read_pooltags(struct forge_reader *r);
bool forge_read_poolpage(struct forge_reader *r);
bool forge_read_bigpages(struct forge_reader *r);
bool forge_read_segheap(struct forge_reader *r);

#endif
