/* SPDX-License-Identifier: MIT */
/* The files of a batch: as named, and those found in folders. */
#ifndef STOPCODE_TOOL_FILES_H
#define STOPCODE_TOOL_FILES_H

#include <stdbool.h>
#include <stddef.h>

struct files {
    char **item; /* owned */
    size_t count, room;
    size_t skipped; /* met in folders, and no dumps */
};

/*
 * Adds PATH. A folder stands for the dumps in it and below, in the order of their
 * names: files that begin as a dump does, and those with a dump's extension; the others are
 * counted. Links to folders are not followed. False when memory is short.
 */
bool files_add(struct files *files, const char *path);
void files_free(struct files *files);

#endif
