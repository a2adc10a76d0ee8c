/* SPDX-License-Identifier: MIT */
/* The operating system's calls, in one place, so that another system is one other file. */
#ifndef STOPCODE_BASE_OS_H
#define STOPCODE_BASE_OS_H

#include <stddef.h>

#include "stopcode/error.h"

/*
 * Opens a regular file. *RET_STEADY: the file system is a local one, on which a mapping is safe
 * as long as nobody shortens the file.
 */
sc_err *sc_os_open(const char *path, int *ret_fd, uint64_t *ret_size, bool *ret_steady);
void sc_os_close(int fd);
/* Read-only mapping of the first SIZE bytes; NULL when refused. */
const void *sc_os_map(int fd, uint64_t size);
void sc_os_unmap(const void *data, uint64_t size);
/* Reads until LEN bytes or the end of the file; false when the system reports an error. */
bool sc_os_pread(int fd, void *buf, size_t len, uint64_t offset, size_t *ret_got);
/*
 * How far the stretch at FROM goes that is a hole of the file (*RET_HOLE), which reads as zeros, or
 * data; at most LEN. Who cannot tell says that all of it is data.
 */
uint64_t sc_os_stretch(int fd, uint64_t from, uint64_t len, bool *ret_hole);
/* The same where FROM is known to be data, which costs the system half as much. */
uint64_t sc_os_until_hole(int fd, uint64_t from, uint64_t len);
/*
 * Calls FN for each entry of a folder but "." and "..", in no order; FN returns false to stop.
 * False when the folder cannot be read.
 */
typedef bool (*sc_os_entry_fn)(void *ctx, const char *name, bool is_folder);
bool sc_os_list(const char *path, sc_os_entry_fn fn, void *ctx);
/* Seconds east of UTC of the local zone at a moment (seconds since 1970), and its DST flag. */
long sc_os_utc_offset(int64_t unix_time);

#endif
