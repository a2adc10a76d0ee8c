/* SPDX-License-Identifier: MIT */
/*
 * Archives and compressed files as rows of members, read from front to back through libarchive,
 * which is opened on demand. Memory that libarchive takes is bounded by its own limits; external
 * programs, which it can also use, are not.
 */
#ifndef STOPCODE_DUMP_ARCHIVE_H
#define STOPCODE_DUMP_ARCHIVE_H

#include "base/file.h"

typedef struct sc_archive sc_archive;

struct sc_member {
    const char *name; /* without folders; never NULL; until the next member */
    uint64_t size;    /* as the archive claims it; 0 unknown */
    bool regular, encrypted;
};

/* Told as the archive is read: bytes of it, of all; false: stop (SC_ERR_CANCELLED). */
typedef bool (*sc_archive_tick_fn)(void *ctx, uint64_t done);

/*
 * FILE must outlive the archive; TICK may be NULL. SC_ERR_UNSUPPORTED: there is no libarchive, or
 * it does not know the format.
 */
sc_err *sc_archive_open(const sc_file *file, sc_archive_tick_fn tick, void *ctx,
                        sc_archive **ret_archive);
void sc_archive_close(sc_archive *archive);

/* The next member; *RET_MORE false: there is none. */
sc_err *sc_archive_next(sc_archive *archive, struct sc_member *ret_member, bool *ret_more);
/* The next bytes of the member, which stay until the next call; *RET_MORE false: it is over. */
sc_err *sc_archive_data(sc_archive *archive, const uint8_t **ret_data, size_t *ret_size,
                        uint64_t *ret_offset, bool *ret_more);
/* Can members be passed over without unpacking them? */
bool sc_archive_skips(const sc_archive *archive);
/* What was wrong with the archive although it could be read, such as a checksum; NULL: nothing. */
const char *sc_archive_damage(const sc_archive *archive);

#endif
