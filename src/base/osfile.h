/* SPDX-License-Identifier: MIT */
/*
 * The operating system's calls for files that we write: caches, downloads, locks. Reading dumps
 * and symbols is os.h's and file.h's.
 */
#ifndef STOPCODE_BASE_OSFILE_H
#define STOPCODE_BASE_OSFILE_H

#include <stddef.h>

#include "stopcode/error.h"

/* A regular file (links are followed)? RET_SIZE and RET_MTIME (seconds since 1970) may be NULL. */
bool sc_os_is_file(const char *path, uint64_t *ret_size, int64_t *ret_mtime);
bool sc_os_is_folder(const char *path);
/* Makes a folder and those above it; one that is there is fine. */
sc_err *sc_os_make_folders(const char *path);
/*
 * The name of an entry of FOLDER that equals NAME in any ASCII case, as it is spelled there; the
 * exact spelling wins. NULL: there is none, or (*RET_NOMEM) memory is short. To be freed.
 */
char *sc_os_spelled(const char *folder, const char *name, bool *ret_nomem);
/*
 * When a folder last changed: two equal stamps with nothing newer than a moment before they were
 * taken mean that its names are the same. False: there is no such folder.
 */
struct sc_os_stamp {
    uint64_t device, number;
    int64_t modified, changed; /* nanoseconds since 1970 */
};
bool sc_os_folder_stamp(const char *path, struct sc_os_stamp *ret_stamp);
/* Nanoseconds since 1970. */
int64_t sc_os_now_ns(void);
/*
 * The names of a folder's entries, each ended by NUL, in its order; to be freed. NULL: it cannot be
 * read, needs more than MAX bytes, or (*RET_NOMEM) memory is short.
 */
char *sc_os_names(const char *folder, size_t max, size_t *ret_len, bool *ret_nomem);
/* The path without links and dots, to be freed; NULL when it does not exist. */
char *sc_os_real_path(const char *path);
void sc_os_unlink(const char *path);

/* Opens for writing at the end; created when needed; a link is refused. */
sc_err *sc_os_append(const char *path, int *ret_fd, uint64_t *ret_size);
sc_err *sc_os_write(int fd, const void *data, size_t len);
sc_err *sc_os_truncate(int fd, uint64_t size);
sc_err *sc_os_write_at(int fd, const void *data, size_t len, uint64_t offset);
/*
 * A file without a name, which is gone when it is closed, in the folder that TMPDIR names, else in
 * /var/tmp (large files are not wanted in /tmp, which may be memory), else in /tmp. *RET_FOLDER
 * (to be freed) says where.
 */
sc_err *sc_os_temporary(int *ret_fd, char **ret_folder);
/* Bytes that the file system of an open file still has for us; false: it does not say. */
bool sc_os_free_space(int fd, uint64_t *ret_bytes);
/* Sync FROM, rename it to TO, sync the folder: afterwards TO is there wholly, or not at all. */
sc_err *sc_os_publish(const char *from, const char *to);
/* Syncs the folder that PATH lies in, as far as that can be done: the name is there then. */
void sc_os_sync_folder(const char *path);

/*
 * A lock that dies with the process. False: another holds it, or the system refuses (*RET_ERR,
 * which may be set only then).
 */
struct sc_os_lock {
    int fd;
    char *path;
};
bool sc_os_lock_try(const char *path, struct sc_os_lock *ret_lock, sc_err **ret_err);
/* Also removes the file. */
void sc_os_unlock(struct sc_os_lock *lock);

/*
 * Around code of others that may write to a closed connection: this thread gets no SIGPIPE between
 * the two, and none afterwards for what happened between.
 */
struct sc_os_pipe_guard {
    bool was_blocked, was_pending;
};
void sc_os_pipe_guard(struct sc_os_pipe_guard *ret_guard);
void sc_os_pipe_unguard(const struct sc_os_pipe_guard *guard);

uint64_t sc_os_milliseconds(void); /* steady, from anywhere */
int64_t sc_os_now(void);           /* seconds since 1970 */
void sc_os_sleep(unsigned milliseconds);
unsigned long sc_os_process_id(void);
unsigned long sc_os_user_id(void);

/* A shared library by its name; NULL: there is none. Its code stays mapped when it is closed. */
void *sc_os_library(const char *name);
void sc_os_library_close(void *library);
/*
 * Stores the address of the function NAME into the function pointer of SIZE bytes at FUNCTION;
 * false: the library has none of that name.
 */
bool sc_os_function(void *library, const char *name, void *function, size_t size);

#endif
