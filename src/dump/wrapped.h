/* SPDX-License-Identifier: MIT */
/* Dumps that come packed: archives and compressed files. */
#ifndef STOPCODE_DUMP_WRAPPED_H
#define STOPCODE_DUMP_WRAPPED_H

#include "base/file.h"
#include "stopcode/source.h"

struct sc_unpack {
    uint64_t limit; /* bytes that may come out; 0: what the disk has, less a reserve */
    /* See struct sc_open_opts: bytes of the archive that were read, of all. */
    bool (*progress)(void *ctx, const char *what, uint64_t done, uint64_t total);
    void *progress_ctx;
    unsigned file_flags; /* for the unpacked file */
};

/* Is a file of this format unpacked before it is opened? */
bool sc_is_packed(enum sc_format format);
/* Is this a dump, readable or not: something to look for in an archive? */
bool sc_is_dump(enum sc_format format);

/*
 * Puts the dump that the source's file holds in its place, unpacked to a temporary file without a
 * name. Of several dumps it is the first one; a file alone is taken whatever it is. HOW may be
 * NULL. SC_ERR_LIMIT: too large; SC_ERR_FORMAT: damaged, or no dump in it; SC_ERR_UNSUPPORTED:
 * libarchive is not there, or does not read it.
 */
sc_err *sc_unpack(struct sc_source *source, const struct sc_unpack *how);

/*
 * Is there a dump in a packed file? Looks at the beginnings of its members, for as long as that is
 * quickly done. For choosing the files of a folder: what cannot be read has none.
 */
bool sc_holds_dump(const sc_file *file);

#endif
