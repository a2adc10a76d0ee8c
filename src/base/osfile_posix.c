/* SPDX-License-Identifier: MIT */
/* osfile.h on Linux and other POSIX systems. */
#define _GNU_SOURCE
#include "base/osfile.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "base/utf.h"

bool sc_os_is_file(const char *path, uint64_t *ret_size, int64_t *ret_mtime) {
    struct stat st;
    if (stat(path, &st) != 0 || !S_ISREG(st.st_mode))
        return false;
    if (ret_size)
        *ret_size = (uint64_t)st.st_size;
    if (ret_mtime)
        *ret_mtime = (int64_t)st.st_mtime;
    return true;
}

bool sc_os_is_folder(const char *path) {
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static sc_err *make_one(const char *path) {
    if (mkdir(path, 0777) == 0 || (errno == EEXIST && sc_os_is_folder(path)))
        return NULL;
    return sc_errf(SC_ERR_IO, "cannot make the folder %s: %s", path, strerror(errno));
}

sc_err *sc_os_make_folders(const char *path) {
    if (sc_os_is_folder(path))
        return NULL;
    char *copy = strdup(path);
    if (!copy)
        return sc_err_nomem();
    sc_err *err = NULL;
    for (char *p = copy + 1; *copy && *p && !err; p++) {
        if (*p != '/' || p[-1] == '/')
            continue;
        *p = '\0';
        if (!sc_os_is_folder(copy))
            err = make_one(copy);
        *p = '/';
    }
    if (!err)
        err = make_one(copy);
    free(copy);
    return err;
}

char *sc_os_spelled(const char *folder, const char *name, bool *ret_nomem) {
    DIR *dir = opendir(folder);
    if (!dir) {
        *ret_nomem = *ret_nomem || errno == ENOMEM;
        return NULL;
    }
    char *found = NULL;
    bool exact = false;
    for (struct dirent *d; !exact && (d = readdir(dir));) {
        if (sc_strcasecmp(d->d_name, name) != 0)
            continue;
        exact = strcmp(d->d_name, name) == 0;
        if (found && !exact)
            continue;
        free(found);
        found = strdup(d->d_name);
        if (!found) {
            *ret_nomem = true;
            break;
        }
    }
    closedir(dir);
    return found;
}

static int64_t nanoseconds(struct timespec t) { return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec; }

bool sc_os_folder_stamp(const char *path, struct sc_os_stamp *ret_stamp) {
    struct stat st;
    if (stat(path, &st) != 0 || !S_ISDIR(st.st_mode))
        return false;
    *ret_stamp = (struct sc_os_stamp){(uint64_t)st.st_dev, (uint64_t)st.st_ino,
                                      nanoseconds(st.st_mtim), nanoseconds(st.st_ctim)};
    return true;
}

int64_t sc_os_now_ns(void) {
    struct timespec now = {0};
    clock_gettime(CLOCK_REALTIME, &now);
    return nanoseconds(now);
}

/* Appends NAME with its NUL; false when memory is short, and TEXT is freed. */
static bool append(char **text, size_t *len, size_t *room, const char *name) {
    size_t n = strlen(name) + 1;
    if (n > *room - *len) {
        *room = (*len + n) * 2;
        char *more = realloc(*text, *room);
        if (!more) {
            free(*text);
            *text = NULL;
            return false;
        }
        *text = more;
    }
    memcpy(*text + *len, name, n);
    *len += n;
    return true;
}

char *sc_os_names(const char *folder, size_t max, size_t *ret_len, bool *ret_nomem) {
    DIR *dir = opendir(folder);
    size_t len = 0, room = 1024;
    char *text = dir ? malloc(room) : NULL;
    if (!text) {
        *ret_nomem = *ret_nomem || dir || errno == ENOMEM;
        if (dir)
            closedir(dir);
        return NULL;
    }
    bool ok = true, fits = true;
    for (struct dirent *d; ok && fits && (d = readdir(dir));) {
        fits = strlen(d->d_name) < max - len;
        ok = !fits || append(&text, &len, &room, d->d_name);
    }
    closedir(dir);
    *ret_nomem = *ret_nomem || !ok;
    if (ok && !fits) {
        free(text);
        text = NULL;
    }
    *ret_len = len;
    return text;
}

char *sc_os_real_path(const char *path) { return realpath(path, NULL); }

void sc_os_unlink(const char *path) { unlink(path); }

sc_err *sc_os_append(const char *path, int *ret_fd, uint64_t *ret_size) {
    int fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0666);
    if (fd < 0)
        return sc_errf(SC_ERR_IO, "cannot write %s: %s", path, strerror(errno));
    struct stat st;
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        close(fd);
        return sc_errf(SC_ERR_IO, "cannot write %s: it is no regular file", path);
    }
    *ret_fd = fd;
    *ret_size = (uint64_t)st.st_size;
    return NULL;
}

sc_err *sc_os_write(int fd, const void *data, size_t len) {
    const char *p = data;
    while (len) {
        ssize_t n = write(fd, p, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return sc_errf(SC_ERR_IO, "cannot write: %s", strerror(n < 0 ? errno : EIO));
        p += n;
        len -= (size_t)n;
    }
    return NULL;
}

sc_err *sc_os_write_at(int fd, const void *data, size_t len, uint64_t offset) {
    const char *p = data;
    while (len) {
        ssize_t n = pwrite(fd, p, len, (off_t)offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return sc_errf(SC_ERR_IO, "cannot write: %s", strerror(n < 0 ? errno : EIO));
        p += n;
        offset += (uint64_t)n;
        len -= (size_t)n;
    }
    return NULL;
}

/* -1: not there. */
static int open_unnamed(const char *folder) {
#ifdef O_TMPFILE
    int fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd >= 0)
        return fd;
#endif
    /* A file system that has no such files: one with a name, which is taken away at once. */
    char path[4096];
    int n = snprintf(path, sizeof path, "%s/stopcode-XXXXXX", folder);
    if (n < 0 || (size_t)n >= sizeof path)
        return -1;
    int named = mkstemp(path);
    if (named < 0)
        return -1;
    unlink(path);
    fcntl(named, F_SETFD, FD_CLOEXEC);
    return named;
}

sc_err *sc_os_temporary(int *ret_fd, char **ret_folder) {
    const char *wanted = getenv("TMPDIR");
    const char *const folders[] = {wanted && *wanted ? wanted : "/var/tmp", "/tmp"};
    for (size_t i = 0; i < (wanted && *wanted ? 1 : 2); i++) {
        int fd = open_unnamed(folders[i]);
        if (fd < 0)
            continue;
        char *folder = strdup(folders[i]);
        if (!folder) {
            close(fd);
            return sc_err_nomem();
        }
        *ret_fd = fd;
        *ret_folder = folder;
        return NULL;
    }
    return sc_errf(SC_ERR_IO, "cannot make a temporary file in %s: %s (TMPDIR names the folder)",
                   folders[0], strerror(errno));
}

bool sc_os_free_space(int fd, uint64_t *ret_bytes) {
    struct statvfs fs;
    if (fstatvfs(fd, &fs) != 0)
        return false;
    *ret_bytes = (uint64_t)fs.f_bavail * fs.f_frsize;
    return true;
}

sc_err *sc_os_truncate(int fd, uint64_t size) {
    if (ftruncate(fd, (off_t)size) == 0)
        return NULL;
    return sc_errf(SC_ERR_IO, "cannot cut a file: %s", strerror(errno));
}

/* File systems that cannot sync (some network ones) say EINVAL: nothing more can be done there. */
static bool sync_path(const char *path, int flags) {
    int fd = open(path, flags | O_CLOEXEC);
    if (fd < 0)
        return false;
    bool ok = fsync(fd) == 0 || errno == EINVAL;
    int saved = errno;
    close(fd);
    errno = saved;
    return ok;
}

void sc_os_sync_folder(const char *path) {
    char *folder = strdup(path), *slash = folder ? strrchr(folder, '/') : NULL;
    if (folder && !slash)
        sync_path(".", O_RDONLY | O_DIRECTORY);
    else if (folder && slash == folder)
        sync_path("/", O_RDONLY | O_DIRECTORY);
    if (slash && slash != folder) {
        *slash = '\0';
        sync_path(folder, O_RDONLY | O_DIRECTORY);
    }
    free(folder);
}

sc_err *sc_os_publish(const char *from, const char *to) {
    if (!sync_path(from, O_RDONLY))
        return sc_errf(SC_ERR_IO, "cannot write %s: %s", from, strerror(errno));
    if (rename(from, to) != 0)
        return sc_errf(SC_ERR_IO, "cannot rename %s to %s: %s", from, to, strerror(errno));
    sc_os_sync_folder(to); /* the file is there in any case */
    return NULL;
}

/*
 * The holder removes the file before it lets go; so whoever got the lock must look whether the
 * name still means the file that was locked.
 */
static bool same_file(int fd, const char *path) {
    struct stat a, b;
    return fstat(fd, &a) == 0 && stat(path, &b) == 0 && a.st_dev == b.st_dev &&
           a.st_ino == b.st_ino;
}

bool sc_os_lock_try(const char *path, struct sc_os_lock *ret_lock, sc_err **ret_err) {
    for (int i = 0; i < 16; i++) {
        int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
        if (fd < 0) {
            *ret_err = sc_errf(SC_ERR_IO, "cannot write %s: %s", path, strerror(errno));
            return false;
        }
        if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
            bool busy = errno == EWOULDBLOCK || errno == EINTR;
            if (!busy)
                *ret_err = sc_errf(SC_ERR_IO, "cannot lock %s: %s", path, strerror(errno));
            close(fd);
            return false;
        }
        if (same_file(fd, path)) {
            char *copy = strdup(path);
            if (!copy) {
                *ret_err = sc_err_nomem();
                close(fd);
                return false;
            }
            ret_lock->fd = fd;
            ret_lock->path = copy;
            return true;
        }
        close(fd);
    }
    return false;
}

void sc_os_unlock(struct sc_os_lock *lock) {
    unlink(lock->path);
    close(lock->fd);
    free(lock->path);
    lock->path = NULL;
    lock->fd = -1;
}

void sc_os_pipe_guard(struct sc_os_pipe_guard *ret_guard) {
    sigset_t pipe, old;
    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    *ret_guard = (struct sc_os_pipe_guard){.was_blocked = true};
    if (pthread_sigmask(SIG_BLOCK, &pipe, &old) != 0)
        return;
    ret_guard->was_blocked = sigismember(&old, SIGPIPE) == 1;
    if (sigpending(&old) == 0)
        ret_guard->was_pending = sigismember(&old, SIGPIPE) == 1;
}

void sc_os_pipe_unguard(const struct sc_os_pipe_guard *guard) {
    if (guard->was_blocked)
        return;
    sigset_t pipe, now;
    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    if (!guard->was_pending && sigpending(&now) == 0 && sigismember(&now, SIGPIPE) == 1) {
        int number;
        sigwait(&pipe, &number); /* it is pending: returns at once */
    }
    pthread_sigmask(SIG_UNBLOCK, &pipe, NULL);
}

uint64_t sc_os_milliseconds(void) {
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

int64_t sc_os_now(void) { return (int64_t)time(NULL); }

void sc_os_sleep(unsigned milliseconds) {
    struct timespec ts = {.tv_sec = (time_t)(milliseconds / 1000),
                          .tv_nsec = (long)(milliseconds % 1000) * 1000000};
    nanosleep(&ts, NULL); /* a signal may cut it short: whoever waits looks again anyway */
}

unsigned long sc_os_process_id(void) { return (unsigned long)getpid(); }

unsigned long sc_os_user_id(void) { return (unsigned long)getuid(); }

void *sc_os_library(const char *name) {
    return dlopen(name, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
}

void sc_os_library_close(void *library) {
    if (library)
        dlclose(library);
}

bool sc_os_function(void *library, const char *name, void *function, size_t size) {
    void *address = dlsym(library, name);
    if (!address || size != sizeof address)
        return false;
    memcpy(function, &address, size);
    return true;
}
