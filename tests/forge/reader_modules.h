/* SPDX-License-Identifier: MIT */
/* The directives about modules: module, modules, unloaded, fnent. */
#ifndef STOPCODE_TESTS_FORGE_READER_MODULES_H
#define STOPCODE_TESTS_FORGE_READER_MODULES_H

#include "forge/reader.h"

bool forge_read_module(struct forge_reader *r);
bool forge_read_modules(struct forge_reader *r);
bool forge_read_unloaded(struct forge_reader *r);
bool forge_read_fnent(struct forge_reader *r);

#endif
