/* SPDX-License-Identifier: MIT */
/* Input files; the calls to the operating system stand in os_posix.c. */
#include "base/file.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/os.h"

struct sc_file {
    char *path;
    const char *name;
    int fd;              /* -1: bytes in memory */
    const uint8_t *data; /* mapping or memory; NULL: use pread */
    uint64_t size;
    bool mapped;                     /* data must be unmapped */
    bool hidden;                     /* data must not be handed out */
    atomic_uint_least64_t failed_at; /* of the first read that failed; NEVER */
};

#define NEVER UINT64_MAX

/* To touch a page of the mapping for the first time costs more than having the system copy it. */
enum { BY_THE_SYSTEM = 4096 };

static const char *base_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash && slash[1] ? slash + 1 : path;
}

static sc_file *new_file(const char *path) {
    sc_file *f = calloc(1, sizeof *f);
    if (!f)
        return NULL;
    f->fd = -1;
    atomic_init(&f->failed_at, NEVER);
    f->path = strdup(path);
    if (!f->path) {
        free(f);
        return NULL;
    }
    f->name = base_name(f->path);
    return f;
}

static void map(sc_file *f, unsigned flags) {
    if (flags & SC_FILE_NO_MMAP || !f->size)
        return;
    f->data = sc_os_map(f->fd, f->size);
    f->mapped = f->data != NULL; /* no mapping: reading works all the same */
}

sc_err *sc_file_open(const char *path, unsigned flags, sc_file **ret_file) {
    sc_file *f = new_file(path);
    if (!f)
        return sc_err_nomem();
    bool steady = false;
    sc_err *err = sc_os_open(path, &f->fd, &f->size, &steady);
    if (err) {
        sc_file_close(f);
        return err;
    }
    if (steady)
        map(f, flags);
    *ret_file = f;
    return NULL;
}

sc_err *sc_file_memory(const char *name, const void *data, size_t size, unsigned flags,
                       sc_file **ret_file) {
    sc_file *f = new_file(name);
    if (!f)
        return sc_err_nomem();
    f->data = data;
    f->size = size;
    f->hidden = flags & SC_FILE_NO_MMAP;
    *ret_file = f;
    return NULL;
}

sc_err *sc_file_adopt(int own_fd, uint64_t size, const char *path, unsigned flags,
                      sc_file **ret_file) {
    sc_file *f = new_file(path);
    if (!f) {
        sc_os_close(own_fd);
        return sc_err_nomem();
    }
    f->fd = own_fd;
    f->size = size;
    map(f, flags);
    *ret_file = f;
    return NULL;
}

void sc_file_close(sc_file *file) {
    if (!file)
        return;
    if (file->mapped)
        sc_os_unmap(file->data, file->size);
    if (file->fd >= 0)
        sc_os_close(file->fd);
    free(file->path);
    free(file);
}

uint64_t sc_file_size(const sc_file *file) { return file->size; }
const char *sc_file_path(const sc_file *file) { return file->path; }
const char *sc_file_name(const sc_file *file) { return file->name; }

int sc_file_descriptor(const sc_file *file) { return file->mapped ? file->fd : -1; }

bool sc_file_is_on_disk(const sc_file *file) { return file->fd >= 0; }

/* Are these bytes a part of the file's mapping, and where in it? */
static bool is_mapped(const sc_file *file, const uint8_t *data, uint64_t len,
                      uint64_t *ret_offset) {
    uintptr_t start = (uintptr_t)file->data, at = (uintptr_t)data;
    if (!file->mapped || at < start || at - start >= file->size || len > file->size - (at - start))
        return false;
    *ret_offset = at - start;
    return true;
}

uint64_t sc_file_stretch(const sc_file *file, const uint8_t *data, uint64_t len, bool *ret_hole) {
    uint64_t offset;
    *ret_hole = false;
    return is_mapped(file, data, len, &offset) ? sc_os_stretch(file->fd, offset, len, ret_hole)
                                               : len;
}

uint64_t sc_file_until_hole(const sc_file *file, const uint8_t *data, uint64_t len) {
    uint64_t offset;
    return is_mapped(file, data, len, &offset) ? sc_os_until_hole(file->fd, offset, len) : len;
}

bool sc_file_has(const sc_file *file, uint64_t offset, uint64_t len) {
    return offset <= file->size && len <= file->size - offset;
}

bool sc_file_read_some(const sc_file *file, uint64_t offset, void *buf, size_t len,
                       size_t *ret_got) {
    *ret_got = 0;
    if (offset >= file->size)
        return true;
    if (len > file->size - offset)
        len = (size_t)(file->size - offset);
    if (file->data && (!file->mapped || len < BY_THE_SYSTEM)) {
        memcpy(buf, file->data + offset, len);
        *ret_got = len;
        return true;
    }
    if (sc_os_pread(file->fd, buf, len, offset, ret_got))
        return true;
    uint_least64_t never = NEVER;
    atomic_compare_exchange_strong(&((sc_file *)file)->failed_at, &never, offset);
    return false;
}

bool sc_file_io_failed(const sc_file *file, uint64_t *ret_offset) {
    uint64_t at = atomic_load(&((sc_file *)file)->failed_at);
    if (at == NEVER)
        return false;
    *ret_offset = at;
    return true;
}

sc_err *sc_file_read(const sc_file *file, uint64_t offset, void *buf, size_t len) {
    if (!sc_file_has(file, offset, len))
        return sc_err_at(SC_ERR_FORMAT, file->name, offset,
                         "%zu bytes wanted, but the file ends at 0x%llx", len,
                         (unsigned long long)file->size);
    size_t got;
    if (!sc_file_read_some(file, offset, buf, len, &got))
        return sc_err_at(SC_ERR_IO, file->name, offset, "read failed");
    if (got < len)
        return sc_err_at(SC_ERR_IO, file->name, offset + got, "the file became shorter while open");
    return NULL;
}

const uint8_t *sc_file_view(const sc_file *file, uint64_t offset, uint64_t len) {
    if (!file->data || file->hidden || !sc_file_has(file, offset, len))
        return NULL;
    return file->data + offset;
}
