/* SPDX-License-Identifier: MIT */
/*
 * Compressed files of symbol stores (x.pd_, x.sy_, x.dl_, x.ex_): a Microsoft cabinet of one file.
 *
 *     +0   "MSCF"      signature
 *     +8   u32         size of the cabinet
 *     …                folders, files, data: libmspack's business
 *
 * libmspack reads and writes through our functions: they see the cancel flag, and stop at the
 * largest size a file may have, whatever the cabinet says. It is opened when the first compressed
 * file is met.
 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/os.h"
#include "base/osfile.h"
#include "base/utf.h"
#include "store/mspack_abi.h"
#include "store/store_impl.h"

#ifdef __APPLE__
static const char *const library_name[] = {"libmspack.0.dylib"};
#else
static const char *const library_name[] = {"libmspack.so.0"};
#endif

/* A job; libmspack calls us with its first member. */
struct job {
    struct mspack_system system;
    const sc_store *store;
    const char *from, *to;
    sc_err *err; /* the first thing that went wrong on our side */
    uint64_t written;
};

struct mspack_file {
    struct job *job;
    sc_file *in; /* NULL: writing */
    int out;
    uint64_t pos;
};

static void fail(struct job *job, sc_err *err) {
    if (job->err)
        sc_err_destroy(err);
    else
        job->err = err;
}

static struct mspack_file *on_open(struct mspack_system *self, const char *name, int mode) {
    struct job *job = (struct job *)self;
    struct mspack_file *file = calloc(1, sizeof *file);
    uint64_t size;
    if (!file) {
        fail(job, sc_err_nomem());
        return NULL;
    }
    file->job = job;
    file->out = -1;
    sc_err *err = mode == MSPACK_READ ? sc_file_open(name, SC_FILE_NO_MMAP, &file->in)
                                      : sc_os_append(name, &file->out, &size);
    if (!err)
        return file;
    fail(job, err);
    free(file);
    return NULL;
}

static void on_close(struct mspack_file *file) {
    if (file->in)
        sc_file_close(file->in);
    else
        sc_os_close(file->out);
    free(file);
}

static bool stopped(struct job *job) {
    if (!job->err && store_cancelled(job->store))
        job->err = sc_err_cancelled();
    return job->err != NULL;
}

static int on_read(struct mspack_file *file, void *buffer, int bytes) {
    size_t got = 0;
    if (!file->in || bytes < 0 || stopped(file->job))
        return -1;
    if (!sc_file_read_some(file->in, file->pos, buffer, (size_t)bytes, &got))
        return -1;
    file->pos += got;
    return (int)got;
}

static int on_write(struct mspack_file *file, void *buffer, int bytes) {
    struct job *job = file->job;
    if (file->in || bytes < 0 || stopped(job))
        return -1;
    if ((uint64_t)bytes > job->store->opts.max_size - job->written) {
        fail(job, sc_errf(SC_ERR_LIMIT, "%s: larger than %llu bytes unpacked", job->from,
                          (unsigned long long)job->store->opts.max_size));
        return -1;
    }
    sc_err *err = sc_os_write(file->out, buffer, (size_t)bytes);
    if (err) {
        fail(job, err);
        return -1;
    }
    job->written += (uint64_t)bytes;
    file->pos += (uint64_t)bytes;
    return bytes;
}

static int on_seek(struct mspack_file *file, off_t offset, int mode) {
    if (!file->in)
        return -1;
    uint64_t base = mode == MSPACK_SEEK_START ? 0
                    : mode == MSPACK_SEEK_CUR ? file->pos
                                              : sc_file_size(file->in);
    if (offset < 0 ? (uint64_t)-offset > base : (uint64_t)offset > sc_file_size(file->in) - base)
        return -1;
    file->pos = base + (uint64_t)offset;
    return 0;
}

static off_t on_tell(struct mspack_file *file) { return (off_t)file->pos; }

static void on_message(struct mspack_file *file, const char *format, ...) {
    (void)file;
    (void)format;
}

static void *on_alloc(struct mspack_system *self, size_t bytes) {
    void *p = malloc(bytes);
    if (!p)
        fail((struct job *)self, sc_err_nomem());
    return p;
}

static void on_copy(void *from, void *to, size_t bytes) { memcpy(to, from, bytes); }

struct library {
    void *handle;
    struct mscab_decompressor *(*create)(struct mspack_system *system);
    void (*destroy)(struct mscab_decompressor *cab);
};

static sc_err *open_library(struct library *ret_library) {
    struct library lib = {0};
    for (size_t i = 0; i < sizeof library_name / sizeof *library_name && !lib.handle; i++)
        lib.handle = sc_os_library(library_name[i]);
    if (!lib.handle)
        return sc_errf(SC_ERR_UNSUPPORTED, "libmspack is not installed");
    if (!sc_os_function(lib.handle, "mspack_create_cab_decompressor", &lib.create,
                        sizeof lib.create) ||
        !sc_os_function(lib.handle, "mspack_destroy_cab_decompressor", &lib.destroy,
                        sizeof lib.destroy)) {
        sc_os_library_close(lib.handle);
        return sc_errf(SC_ERR_UNSUPPORTED, "this libmspack has no CAB decompressor");
    }
    *ret_library = lib;
    return NULL;
}

/* The file called WANT; otherwise the only one. */
static struct mscabd_file *choose(const struct mscabd_cabinet *cab, const char *want) {
    for (struct mscabd_file *f = cab->files; f; f = f->next)
        if (f->filename && sc_strcasecmp(f->filename, want) == 0)
            return f;
    return cab->files && !cab->files->next ? cab->files : NULL;
}

static sc_err *extract(struct job *job, struct mscab_decompressor *cab, const char *want) {
    struct mscabd_cabinet *c = cab->open(cab, job->from);
    int code = c ? 0 : cab->last_error(cab);
    struct mscabd_file *f = c ? choose(c, want) : NULL;
    sc_err *err = NULL;
    if (f && f->length > job->store->opts.max_size)
        err = sc_errf(SC_ERR_LIMIT, "%s: %u bytes unpacked are more than allowed", job->from,
                      f->length);
    else if (f)
        code = cab->extract(cab, f, job->to);
    else if (c)
        err = sc_errf(SC_ERR_FORMAT, "%s: the cabinet holds no %s", job->from, want);
    if (!err && !code && f && job->written != f->length)
        err = sc_errf(SC_ERR_FORMAT, "%s: the cabinet ends before the file does", job->from);
    if (c)
        cab->close(cab, c);
    if (!err && code == MSPACK_NOMEMORY)
        err = sc_err_nomem();
    if (!err && code)
        err = sc_errf(SC_ERR_FORMAT, "%s: not a cabinet, or damaged%s", job->from,
                      code == MSPACK_CHECKSUM ? " (a checksum is wrong)" : "");
    if (!job->err)
        return err;
    sc_err_destroy(err); /* ours comes first: theirs is what it led to */
    return job->err;
}

sc_err *store_unpack(const sc_store *store, const char *from, const char *want, const char *to) {
    struct library lib = {0};
    sc_err *err = open_library(&lib);
    if (err)
        return sc_err_prefix(err, "cannot unpack %s", from);
    struct job job = {.system = {on_open, on_close, on_read, on_write, on_seek, on_tell, on_message,
                                 on_alloc, free, on_copy, NULL},
                      .store = store,
                      .from = from,
                      .to = to};
    struct mscab_decompressor *cab = lib.create(&job.system);
    sc_os_unlink(to);
    if (cab) {
        err = extract(&job, cab, want);
        lib.destroy(cab);
    } else {
        sc_err_destroy(job.err);
        err = sc_err_nomem();
    }
    sc_os_library_close(lib.handle);
    return err;
}

bool store_is_cab(const char *path) {
    sc_file *file;
    sc_err *err = sc_file_open(path, SC_FILE_NO_MMAP, &file);
    if (err) {
        sc_err_destroy(err);
        return false;
    }
    char magic[4] = {0};
    size_t got = 0;
    bool is = sc_file_read_some(file, 0, magic, sizeof magic, &got) && got == sizeof magic &&
              memcmp(magic, "MSCF", sizeof magic) == 0;
    sc_file_close(file);
    return is;
}
