/* SPDX-License-Identifier: MIT */
/*
 * Archives for tests, whose data are stored without compression: a zip of several members, and a
 * gzip file. What real packers make is in cli/test_packed.py.
 */
#ifndef STOPCODE_TESTS_FORGE_ARCHIVE_H
#define STOPCODE_TESTS_FORGE_ARCHIVE_H

#include "forge/section.h"

struct forge_member {
    const char *name;
    const void *data;
    size_t size;
    bool folder, encrypted;
    bool bad_checksum;
};
/* False: memory is short. */
bool forge_zip(const struct forge_member *member, size_t count, struct forge_bytes *ret);
/* NAME NULL: the file does not say what it was called. */
bool forge_gzip(const char *name, const void *data, size_t size, struct forge_bytes *ret);

#endif
