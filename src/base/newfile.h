/* SPDX-License-Identifier: MIT */
/*
 * A large file under construction: written in pieces at any offset under a temporary name in the
 * same folder, then renamed, so that whoever opens PATH sees it whole or not at all, however the
 * program ends. When the machine itself stops before the system has written what it was given, that
 * holds only of a file that was made with SC_NEWFILE_SYNC, which waits for the disk; as with cp,
 * whose speed it otherwise has.
 *
 * What is never written reads as zeros and, where the file system can, takes no room.
 */
#ifndef STOPCODE_BASE_NEWFILE_H
#define STOPCODE_BASE_NEWFILE_H

#include <stddef.h>

#include "base/file.h"
#include "stopcode/error.h"

typedef struct sc_newfile sc_newfile;

enum { SC_NEWFILE_OVERWRITE = 1, SC_NEWFILE_SYNC = 2 };

/*
 * SC_ERR_IO: PATH is there and must not be overwritten, it is no regular file, or the folder takes
 * none. A file of the size limit's signal (SIGXFSZ) must be ignored by the program for a clear
 * error.
 */
sc_err *sc_newfile_create(const char *path, unsigned flags, sc_newfile **ret_file);
/* SC_ERR_IO: the disk is full, …: the text says so and names the file. */
sc_err *sc_newfile_write(sc_newfile *file, uint64_t offset, const void *data, size_t len);
/*
 * Bytes of FILE from FROM on, copied by the system without passing through us; its holes become
 * holes. *RET_TAKEN may be less than LEN: the rest has to be written.
 */
sc_err *sc_newfile_take(sc_newfile *file, uint64_t offset, const sc_file *source, uint64_t from,
                        uint64_t len, uint64_t *ret_taken);
/* Behind the last byte written, or as sc_newfile_set_size() said. */
uint64_t sc_newfile_size(const sc_newfile *file);
/* Makes it at least that long. */
sc_err *sc_newfile_grow(sc_newfile *file, uint64_t size);
/* Puts it in its place; OWN_FILE is ended in any case, and nothing stays behind when this fails. */
sc_err *sc_newfile_publish(sc_newfile *own_file);
/* Ends it without a trace; NULL is fine. */
void sc_newfile_discard(sc_newfile *file);

#endif
