/* SPDX-License-Identifier: MIT */
/*
 * Writing a file that others may be reading: all of it under a temporary name in the same folder,
 * synced, then renamed over the old one. A reader sees the old file or the new one, whole; of
 * several writers the last one wins.
 */
#ifndef STOPCODE_BASE_REPLACE_H
#define STOPCODE_BASE_REPLACE_H

#include <stddef.h>

#include "stopcode/error.h"

/* Makes PATH's missing parent folders (for the user only) and puts SIZE bytes at PATH. SC_ERR_IO.
 */
sc_err *sc_file_replace(const char *path, const void *data, size_t size);

#endif
