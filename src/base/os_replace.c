/* SPDX-License-Identifier: MIT */
/* replace.h on POSIX systems. */
#include "base/replace.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/osfile.h"

static sc_err *make_parent(char *path) {
    char *slash = strrchr(path, '/');
    if (!slash || slash == path)
        return NULL;
    *slash = 0;
    sc_err *err = sc_os_make_folders(path);
    *slash = '/';
    return err;
}

/* Writes TEMP (a template of mkstemp's) and puts it in PATH's place. */
static sc_err *write_and_rename(char *temp, const char *path, const void *data, size_t size) {
    int fd = mkstemp(temp);
    if (fd < 0)
        return sc_errf(SC_ERR_IO, "cannot make a file beside %s: %s", path, strerror(errno));
    sc_err *err = sc_os_write(fd, data, size);
    if (close(fd) != 0 && !err)
        err = sc_errf(SC_ERR_IO, "cannot write %s: %s", path, strerror(errno));
    if (!err)
        err = sc_os_publish(temp, path);
    if (err)
        sc_os_unlink(temp);
    return err;
}

sc_err *sc_file_replace(const char *path, const void *data, size_t size) {
    static const char suffix[] = ".XXXXXX";
    size_t len = strlen(path);
    char *temp = malloc(len + sizeof suffix);
    if (!temp)
        return sc_err_nomem();
    memcpy(temp, path, len);
    memcpy(temp + len, suffix, sizeof suffix);
    sc_err *err = make_parent(temp);
    if (!err)
        err = write_and_rename(temp, path, data, size);
    free(temp);
    return err;
}
