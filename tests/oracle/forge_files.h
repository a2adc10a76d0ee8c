/* SPDX-License-Identifier: MIT */
/* A forged file on the way to the disk, and the facts that go with it. */
#ifndef STOPCODE_TESTS_ORACLE_FORGE_FILES_H
#define STOPCODE_TESTS_ORACLE_FORGE_FILES_H

#include <stdio.h>

#include "forge/image.h"

struct out {
    char path[512];
    FILE *facts;
};
void out_open(struct out *o, const char *folder, const char *name);
void out_close(struct out *o, const struct forge_bytes *bytes);

/* forge_symbols.c: the PDBs. */
void write_symfiles(const char *folder);

#endif
