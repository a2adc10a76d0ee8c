/* SPDX-License-Identifier: MIT */
/* Collecting the files of a batch. */
#include "files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/vec.h"
#include "dump/wrapped.h"
#include "stopcode/source.h"
#include "term.h"

enum { DEPTH_MAX = 64, PROBE_SIZE = 4096 };

static bool push(struct files *files, const char *path) {
    char *copy = strdup(path);
    char **slot = copy ? SC_VEC_PUSH(files) : NULL;
    if (!slot) {
        free(copy);
        return false;
    }
    *slot = copy;
    return true;
}

static bool has_extension(const char *path) {
    static const char *const known[] = {".dmp", ".mdmp", ".hdmp", ".kdmp", ".minidump"};
    const char *dot = strrchr(path, '.');
    for (size_t i = 0; dot && i < sizeof known / sizeof *known; i++)
        if (strcasecmp(dot, known[i]) == 0)
            return true;
    return false;
}

/* Is it a format in which crash dumps come (whether we read it or not)? */
static bool is_dump_format(const struct sc_probe *probe) {
    enum sc_format format = probe->format;
    return (format >= SC_FORMAT_KERNEL_FULL && format <= SC_FORMAT_USERDUMP) ||
           format == SC_FORMAT_MICRODUMP || format == SC_FORMAT_VMWARE ||
           format == SC_FORMAT_LIME || format == SC_FORMAT_HIBERFIL ||
           (format == SC_FORMAT_ELF_CORE && probe->readable);
}

/* An archive is taken only when a look inside finds a dump: folders hold archives of all kinds. */
static bool holds_dump(const char *path) {
    sc_file *file;
    sc_err *err = sc_file_open(path, 0, &file);
    bool holds = !err && sc_holds_dump(file);
    if (!err)
        sc_file_close(file);
    sc_err_destroy(err);
    return holds;
}

static bool looks_like_dump(const char *path, uint64_t size) {
    char head[PROBE_SIZE];
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return has_extension(path);
    ssize_t n = read(fd, head, sizeof head);
    close(fd);
    if (n < 0)
        n = 0;
    struct sc_probe probe = sc_probe_bytes(head, (size_t)n, size);
    return has_extension(path) || is_dump_format(&probe) ||
           (sc_is_packed(probe.format) && holds_dump(path));
}

static int by_name(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The entries of FOLDER as paths, sorted. */
static bool list(const char *folder, struct files *ret) {
    DIR *dir = opendir(folder);
    if (!dir) {
        say("%s: %s", folder, strerror(errno));
        return true;
    }
    bool ok = true;
    const char *slash = folder[strlen(folder) - 1] == '/' ? "" : "/";
    for (struct dirent *e = readdir(dir); ok && e; e = readdir(dir)) {
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        size_t size = strlen(folder) + strlen(e->d_name) + 2;
        char *path = malloc(size);
        if (path)
            snprintf(path, size, "%s%s%s", folder, slash, e->d_name);
        ok = path && push(ret, path);
        free(path);
    }
    closedir(dir);
    if (ret->count)
        qsort(ret->item, ret->count, sizeof *ret->item, by_name);
    return ok;
}

static bool walk(struct files *files, const char *folder, unsigned depth) {
    struct files entries = {0};
    bool ok = list(folder, &entries);
    for (size_t i = 0; ok && i < entries.count; i++) {
        struct stat st;
        const char *path = entries.item[i];
        if (lstat(path, &st) != 0)
            continue;
        if (S_ISDIR(st.st_mode) && depth < DEPTH_MAX)
            ok = walk(files, path, depth + 1);
        else if (S_ISLNK(st.st_mode) && (stat(path, &st) != 0 || !S_ISREG(st.st_mode)))
            files->skipped++;
        else if (S_ISREG(st.st_mode) && looks_like_dump(path, (uint64_t)st.st_size))
            ok = push(files, path);
        else
            files->skipped++;
    }
    files_free(&entries);
    return ok;
}

bool files_add(struct files *files, const char *path) {
    struct stat st;
    if (*path && stat(path, &st) == 0 && S_ISDIR(st.st_mode))
        return walk(files, path, 0);
    return push(files, path);
}

void files_free(struct files *files) {
    for (size_t i = 0; i < files->count; i++)
        free(files->item[i]);
    SC_VEC_FREE(files);
}
