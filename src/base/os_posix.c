/* SPDX-License-Identifier: MIT */
/* os.h on Linux and other POSIX systems. */
#define _GNU_SOURCE
#include "base/os.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/types.h>
#ifdef __linux__
#include <sys/vfs.h>
#endif
#include <time.h>
#include <unistd.h>

/* File systems whose files may change size under a mapping, by statfs' f_type (linux/magic.h). */
static bool is_local(int fd) {
#ifdef __linux__
    struct statfs fs;
    if (fstatfs(fd, &fs) != 0)
        return false;
    switch ((unsigned long)fs.f_type & 0xffffffffUL) {
    case 0x6969:     /* NFS */
    case 0x517b:     /* SMB */
    case 0xfe534d42: /* SMB2 */
    case 0xff534d42: /* CIFS */
    case 0x65735546: /* FUSE */
    case 0x01021997: /* 9p */
    case 0x00c36400: /* Ceph */
    case 0x5346414f: /* AFS */ return false;
    default: return true;
    }
#else
    (void)fd;
    return true;
#endif
}

sc_err *sc_os_open(const char *path, int *ret_fd, uint64_t *ret_size, bool *ret_steady) {
    /* O_NONBLOCK: a FIFO must not hang us; it is refused below. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return sc_errf(SC_ERR_IO, "cannot open %s: %s", path, strerror(errno));
    struct stat st;
    sc_err *err = NULL;
    if (fstat(fd, &st) != 0)
        err = sc_errf(SC_ERR_IO, "cannot stat %s: %s", path, strerror(errno));
    else if (S_ISDIR(st.st_mode))
        err = sc_errf(SC_ERR_IO, "%s is a folder, not a file", path);
    else if (!S_ISREG(st.st_mode))
        err = sc_errf(SC_ERR_IO, "%s is not a regular file: copy it to one first", path);
    if (err) {
        close(fd);
        return err;
    }
    *ret_fd = fd;
    *ret_size = (uint64_t)st.st_size;
    *ret_steady = is_local(fd);
    return NULL;
}

void sc_os_close(int fd) { close(fd); }

const void *sc_os_map(int fd, uint64_t size) {
    if (size > SIZE_MAX)
        return NULL;
    void *p = mmap(NULL, (size_t)size, PROT_READ, MAP_PRIVATE, fd, 0);
    return p == MAP_FAILED ? NULL : p;
}

void sc_os_unmap(const void *data, uint64_t size) { munmap((void *)data, (size_t)size); }

bool sc_os_pread(int fd, void *buf, size_t len, uint64_t offset, size_t *ret_got) {
    size_t got = 0;
    while (got < len) {
        ssize_t n = pread(fd, (char *)buf + got, len - got, (off_t)(offset + got));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return false;
        if (n == 0)
            break;
        got += (size_t)n;
    }
    *ret_got = got;
    return true;
}

#ifdef SEEK_DATA
uint64_t sc_os_until_hole(int fd, uint64_t from, uint64_t len) {
    off_t end = lseek(fd, (off_t)from, SEEK_HOLE);
    return end >= 0 && (uint64_t)end - from < len ? (uint64_t)end - from : len;
}

uint64_t sc_os_stretch(int fd, uint64_t from, uint64_t len, bool *ret_hole) {
    off_t data = lseek(fd, (off_t)from, SEEK_DATA);
    *ret_hole = data < 0 ? errno == ENXIO : (uint64_t)data > from;
    if (!*ret_hole)
        return sc_os_until_hole(fd, from, len);
    return data >= 0 && (uint64_t)data - from < len ? (uint64_t)data - from : len;
}
#else
uint64_t sc_os_until_hole(int fd, uint64_t from, uint64_t len) {
    (void)fd;
    (void)from;
    return len;
}

uint64_t sc_os_stretch(int fd, uint64_t from, uint64_t len, bool *ret_hole) {
    *ret_hole = false;
    return sc_os_until_hole(fd, from, len);
}
#endif

/* Most file systems say it with the name; of a link it counts where that leads. */
static bool is_folder(DIR *dir, const struct dirent *e) {
    struct stat st;
#ifdef DT_DIR
    if (e->d_type == DT_DIR || e->d_type == DT_REG)
        return e->d_type == DT_DIR;
#endif
    return fstatat(dirfd(dir), e->d_name, &st, 0) == 0 && S_ISDIR(st.st_mode);
}

bool sc_os_list(const char *path, sc_os_entry_fn fn, void *ctx) {
    DIR *dir = opendir(path);
    if (!dir)
        return false;
    for (struct dirent *e; (e = readdir(dir));) {
        if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
            continue;
        if (!fn(ctx, e->d_name, is_folder(dir, e)))
            break;
    }
    closedir(dir);
    return true;
}

long sc_os_utc_offset(int64_t unix_time) {
    time_t t = (time_t)unix_time;
    struct tm tm;
    tzset();
    return localtime_r(&t, &tm) ? tm.tm_gmtoff : 0;
}
