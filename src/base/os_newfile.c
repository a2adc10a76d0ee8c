/* SPDX-License-Identifier: MIT */
/* newfile.h on POSIX systems. */
#define _GNU_SOURCE
#include "base/newfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/os.h"
#include "base/osfile.h"

enum {
    NAMES_TRIED = 100,
    WRITE_MOST = 1 << 30, /* Linux cuts a write at 2 GB: below that it is whole or failed */
    WRITE_BEHIND = 32 << 20,
};

struct sc_newfile {
    char *path, *temp;
    int fd;
    bool overwrite, sync;
    bool cannot_take; /* the system does not copy into it */
    uint64_t size;
    uint64_t unsynced; /* bytes that the disk was not told of */
};

static sc_err *failed(const sc_newfile *f, const char *what, int reason) {
    return sc_errf(SC_ERR_IO, "cannot %s %s: %s", what, f->path, strerror(reason));
}

static sc_err *there_already(const sc_newfile *f) {
    return sc_errf(SC_ERR_IO, "%s is there already: it is replaced when asked to (-f; .dump /o)",
                   f->path);
}

/* What stands in the way of PATH; NULL: nothing. */
static sc_err *check_place(const sc_newfile *f) {
    struct stat st;
    if (lstat(f->path, &st) != 0)
        return errno == ENOENT ? NULL : failed(f, "write", errno);
    if (S_ISDIR(st.st_mode))
        return failed(f, "write", EISDIR);
    if (!S_ISREG(st.st_mode))
        return sc_errf(SC_ERR_IO, "cannot write %s: it is no regular file", f->path);
    return f->overwrite ? NULL : there_already(f);
}

static sc_err *open_temp(sc_newfile *f, size_t room) {
    for (unsigned i = 0; i < NAMES_TRIED; i++) {
        snprintf(f->temp, room, "%s.%lu-%u.part", f->path, sc_os_process_id(), i);
        f->fd = open(f->temp, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0666);
        if (f->fd >= 0)
            return NULL;
        if (errno != EEXIST)
            break;
    }
    return failed(f, "write", errno);
}

static void end(sc_newfile *f) {
    if (f->fd >= 0)
        close(f->fd);
    free(f->path);
    free(f->temp);
    free(f);
}

sc_err *sc_newfile_create(const char *path, unsigned flags, sc_newfile **ret_file) {
    size_t room = strlen(path) + 48;
    sc_newfile *f = calloc(1, sizeof *f);
    if (!f)
        return sc_err_nomem();
    f->fd = -1;
    f->overwrite = flags & SC_NEWFILE_OVERWRITE;
    f->sync = flags & SC_NEWFILE_SYNC;
    f->path = strdup(path);
    f->temp = malloc(room);
    sc_err *err = f->path && f->temp ? check_place(f) : sc_err_nomem();
    if (!err)
        err = open_temp(f, room);
    if (err) {
        end(f);
        return err;
    }
    *ret_file = f;
    return NULL;
}

/* Before a sync at the end the disk begins with what was written, so that it is short. */
static void written(sc_newfile *f, uint64_t offset, uint64_t len) {
    if (offset + len > f->size)
        f->size = offset + len;
#ifdef __linux__
    f->unsynced += len;
    if (!f->sync || f->unsynced < WRITE_BEHIND)
        return;
    f->unsynced = 0;
    sync_file_range(f->fd, 0, 0, SYNC_FILE_RANGE_WRITE); /* only a hint: it may fail */
#endif
}

sc_err *sc_newfile_write(sc_newfile *file, uint64_t offset, const void *data, size_t len) {
    const char *p = data;
    if (offset > INT64_MAX || len > INT64_MAX - offset)
        return failed(file, "write", EFBIG);
    while (len) {
        ssize_t n = pwrite(file->fd, p, len < WRITE_MOST ? len : WRITE_MOST, (off_t)offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return failed(file, "write", n < 0 ? errno : EIO);
        written(file, offset, (uint64_t)n);
        p += n;
        len -= (size_t)n;
        offset += (uint64_t)n;
    }
    return NULL;
}

#ifdef __linux__
/* False: the system does not copy between these files. */
static bool copy_some(sc_newfile *f, int fd, uint64_t from, uint64_t offset, uint64_t len,
                      uint64_t *ret_done, int *ret_reason) {
    off_t in = (off_t)from, out = (off_t)offset;
    size_t want = len < WRITE_MOST ? (size_t)len : WRITE_MOST;
    ssize_t n;
    do
        n = copy_file_range(fd, &in, f->fd, &out, want, 0);
    while (n < 0 && errno == EINTR);
    *ret_reason = n < 0 && (errno == ENOSPC || errno == EFBIG || errno == EDQUOT) ? errno : 0;
    *ret_done = n > 0 ? (uint64_t)n : 0;
    return n > 0 || *ret_reason;
}
#endif

sc_err *sc_newfile_take(sc_newfile *file, uint64_t offset, const sc_file *source, uint64_t from,
                        uint64_t len, uint64_t *ret_taken) {
    uint64_t done = 0;
#ifdef __linux__
    int fd = sc_file_descriptor(source), reason = 0;
    if (offset > INT64_MAX || len > INT64_MAX - offset)
        return failed(file, "write", EFBIG);
    while (fd >= 0 && !file->cannot_take && done < len) {
        bool hole;
        uint64_t n = sc_os_stretch(fd, from + done, len - done, &hole);
        if (hole) {
            done += n;
            continue;
        }
        if (!copy_some(file, fd, from + done, offset + done, n, &n, &reason)) {
            file->cannot_take = true;
            break;
        }
        if (reason)
            return failed(file, "write", reason);
        written(file, offset + done, n);
        done += n;
    }
#else
    (void)source;
    (void)from;
#endif
    *ret_taken = done;
    return done ? sc_newfile_grow(file, offset + done) : NULL;
}

uint64_t sc_newfile_size(const sc_newfile *file) { return file->size; }

sc_err *sc_newfile_grow(sc_newfile *file, uint64_t size) {
    if (size <= file->size)
        return NULL;
    if (size > INT64_MAX)
        return failed(file, "write", EFBIG);
    if (ftruncate(file->fd, (off_t)size) != 0)
        return failed(file, "write", errno);
    file->size = size;
    return NULL;
}

static sc_err *rename_over(const sc_newfile *f) {
    return rename(f->temp, f->path) == 0 ? NULL : failed(f, "write", errno);
}

/* link() refuses a name that is there, so that nobody's file made meanwhile is lost. */
static sc_err *publish_new(const sc_newfile *f) {
    if (link(f->temp, f->path) == 0)
        return NULL;
    if (errno == EEXIST)
        return there_already(f);
    return rename_over(f); /* a file system without links */
}

/* Of what was written; closing tells what a network's file system has kept to itself. */
static sc_err *finish(sc_newfile *f) {
    sc_err *err = NULL;
    if (f->sync && fsync(f->fd) != 0 && errno != EINVAL)
        err = failed(f, "write", errno);
    if (close(f->fd) != 0 && !err)
        err = failed(f, "write", errno);
    f->fd = -1;
    return err;
}

sc_err *sc_newfile_publish(sc_newfile *own_file) {
    sc_newfile *f = own_file;
    sc_err *err = finish(f);
    if (!err)
        err = f->overwrite ? rename_over(f) : publish_new(f);
    if (err || !f->overwrite)
        sc_os_unlink(f->temp);
    if (!err && f->sync)
        sc_os_sync_folder(f->path);
    end(f);
    return err;
}

void sc_newfile_discard(sc_newfile *file) {
    if (!file)
        return;
    sc_os_unlink(file->temp);
    end(file);
}
