/* SPDX-License-Identifier: MIT */
/* replace.h on POSIX systems. */
#include "base/replace.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Makes every folder on the way to PATH (which is changed and restored meanwhile). */
static sc_err *make_parents(char *path) {
    for (char *slash = path + 1; (slash = strchr(slash, '/')); slash++) {
        *slash = 0;
        int bad = mkdir(path, 0700) != 0 && errno != EEXIST;
        sc_err *err =
            bad ? sc_errf(SC_ERR_IO, "cannot make folder %s: %s", path, strerror(errno)) : NULL;
        *slash = '/';
        if (err)
            return err;
    }
    return NULL;
}

static bool write_all(int fd, const char *data, size_t size) {
    while (size) {
        ssize_t n = write(fd, data, size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        data += n;
        size -= (size_t)n;
    }
    return true;
}

/* Writes TEMP (a template of mkstemp's) and renames it to PATH. */
static sc_err *write_and_rename(char *temp, const char *path, const void *data, size_t size) {
    int fd = mkstemp(temp);
    if (fd < 0)
        return sc_errf(SC_ERR_IO, "cannot make a file beside %s: %s", path, strerror(errno));
    bool ok = write_all(fd, data, size) && fsync(fd) == 0;
    int why = errno;
    if (close(fd) != 0 && ok) {
        ok = false;
        why = errno;
    }
    if (ok && rename(temp, path) != 0) {
        ok = false;
        why = errno;
    }
    if (ok)
        return NULL;
    unlink(temp);
    return sc_errf(SC_ERR_IO, "cannot write %s: %s", path, strerror(why));
}

sc_err *sc_file_replace(const char *path, const void *data, size_t size) {
    static const char suffix[] = ".XXXXXX";
    size_t len = strlen(path);
    char *temp = malloc(len + sizeof suffix);
    if (!temp)
        return sc_err_nomem();
    memcpy(temp, path, len);
    memcpy(temp + len, suffix, sizeof suffix);
    sc_err *err = make_parents(temp);
    if (!err)
        err = write_and_rename(temp, path, data, size);
    free(temp);
    return err;
}
