/* SPDX-License-Identifier: MIT */
/*
 * Input files: mapped where that is safe, read with pread() where it is not, and where a page or
 * more is copied: that costs less than touching the mapping.
 *
 * A mapped file that another program shortens raises SIGBUS. So the mapping is as long as the file
 * was when opened; files on network file systems (whose size may change under us) and files opened
 * with SC_FILE_NO_MMAP are read instead; the program turns a SIGBUS that happens nevertheless into
 * a clear error. Callers use sc_file_read(), or a cursor, which work either way.
 *
 * Immutable once opened, but for the note of the first read that failed: may be shared between
 * threads.
 */
#ifndef STOPCODE_BASE_FILE_H
#define STOPCODE_BASE_FILE_H

#include <stddef.h>

#include "stopcode/error.h"

typedef struct sc_file sc_file;

enum { SC_FILE_NO_MMAP = 1 };

/* Opens a regular file for reading. SC_ERR_IO with the system's reason. */
sc_err *sc_file_open(const char *path, unsigned flags, sc_file **ret_file);
/* SIZE bytes at DATA, borrowed; NAME is copied. SC_FILE_NO_MMAP hides them from sc_file_view(). */
sc_err *sc_file_memory(const char *name, const void *data, size_t size, unsigned flags,
                       sc_file **ret_file);
/*
 * SIZE bytes of an open file that nobody else can change (a temporary one without a name), closed
 * with it, also when this fails. PATH stands for it in messages and is copied.
 */
sc_err *sc_file_adopt(int own_fd, uint64_t size, const char *path, unsigned flags,
                      sc_file **ret_file);
void sc_file_close(sc_file *file);

uint64_t sc_file_size(const sc_file *file);
const char *sc_file_path(const sc_file *file);
/* The part of the path behind the last slash. */
const char *sc_file_name(const sc_file *file);

/* For the system's own copying: -1 for bytes in memory, and where reading by mapping is unwanted.
 */
int sc_file_descriptor(const sc_file *file);
/* False: bytes in memory, whose path is only a name. */
bool sc_file_is_on_disk(const sc_file *file);

/*
 * Of LEN bytes at DATA, which sc_file_view() may have given: how many of the first are a hole of
 * the file, all zeros (*RET_HOLE), or are not; LEN and false when nobody can tell.
 */
uint64_t sc_file_stretch(const sc_file *file, const uint8_t *data, uint64_t len, bool *ret_hole);
/* The same where the first is known to be in no hole: behind the end of one. */
uint64_t sc_file_until_hole(const sc_file *file, const uint8_t *data, uint64_t len);

/* Is [offset, offset+len) inside the file? */
bool sc_file_has(const sc_file *file, uint64_t offset, uint64_t len);

/* Reads exactly LEN bytes, or SC_ERR_FORMAT (behind the end) / SC_ERR_IO with the offset. */
sc_err *sc_file_read(const sc_file *file, uint64_t offset, void *buf, size_t len);
/* Reads up to LEN bytes; returns how many there were; false only when the system failed. */
bool sc_file_read_some(const sc_file *file, uint64_t offset, void *buf, size_t len,
                       size_t *ret_got);
/*
 * Has the system ever refused to read? *RET_OFFSET: where it first did. For whoever leaves out what
 * it cannot read: what is missing because of this must be told from what the file lacks.
 */
bool sc_file_io_failed(const sc_file *file, uint64_t *ret_offset);
/* The bytes in place; NULL when they are not inside the file or the file is not mapped. */
const uint8_t *sc_file_view(const sc_file *file, uint64_t offset, uint64_t len);

#endif
