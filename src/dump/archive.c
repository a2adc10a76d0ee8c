/* SPDX-License-Identifier: MIT */
/* libarchive behind archive.h: opening the library, and feeding it from an sc_file. */
#include "dump/archive.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/osfile.h"
#include "dump/archive_abi.h"

#ifdef __APPLE__
static const char library_name[] = "libarchive.dylib";
#else
static const char library_name[] = "libarchive.so.13";
#endif

enum { CHUNK = 256 * 1024, WARNINGS_MOST = 16 };

struct sc_archive {
    struct archive_api api;
    void *library;
    struct archive *a;
    const sc_file *file;
    uint64_t pos;
    uint8_t *chunk; /* for files that are not mapped */
    sc_archive_tick_fn tick;
    void *ctx;
    sc_err *err; /* of our side, in a callback */
    char damage[160];
    char stem[256];
    unsigned warnings;
};

/* --- the library --- */

#define FN(name)                                                                                   \
    { "archive_" #name, offsetof(struct archive_api, name) }

static const struct function {
    const char *name;
    size_t at;
} functions[] = {
    FN(read_new),
    FN(read_free),
    FN(read_support_filter_gzip),
    FN(read_support_filter_xz),
    FN(read_support_filter_zstd),
    FN(read_support_format_zip),
    FN(read_support_format_7zip),
    FN(read_support_format_cab),
    FN(read_support_format_tar),
    FN(read_support_format_raw),
    FN(read_set_read_callback),
    FN(read_set_skip_callback),
    FN(read_set_seek_callback),
    FN(read_set_callback_data),
    FN(read_open1),
    FN(read_next_header),
    FN(read_data_block),
    FN(format),
    {"archive_errno", offsetof(struct archive_api, err)},
    FN(error_string),
    FN(entry_pathname),
    FN(entry_pathname_utf8),
    FN(entry_size),
    FN(entry_filetype),
    FN(entry_is_encrypted),
};

static sc_err *open_library(sc_archive *ar) {
    ar->library = sc_os_library(library_name);
    if (!ar->library)
        return sc_errf(SC_ERR_UNSUPPORTED,
                       "%s is packed, and libarchive, which unpacks, is not installed (Debian: "
                       "libarchive13); or unpack it first",
                       sc_file_name(ar->file));
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++)
        if (!sc_os_function(ar->library, functions[i].name, (char *)&ar->api + functions[i].at,
                            sizeof ar->api.read_new))
            return sc_errf(SC_ERR_UNSUPPORTED, "%s is packed, and this libarchive has no %s",
                           sc_file_name(ar->file), functions[i].name);
    return NULL;
}

/* --- what libarchive calls --- */

static ssize_t on_read(struct archive *a, void *ctx, const void **ret_buffer) {
    (void)a;
    sc_archive *ar = ctx;
    uint64_t size = sc_file_size(ar->file), left = ar->pos < size ? size - ar->pos : 0;
    size_t got = left < CHUNK ? (size_t)left : CHUNK;
    if (!ar->err && ar->tick && !ar->tick(ar->ctx, ar->pos))
        ar->err = sc_err_cancelled();
    if (ar->err)
        return ARCHIVE_FATAL;
    *ret_buffer = sc_file_view(ar->file, ar->pos, got);
    if (!*ret_buffer) {
        *ret_buffer = ar->chunk;
        if (!sc_file_read_some(ar->file, ar->pos, ar->chunk, got, &got)) {
            ar->err = sc_err_at(SC_ERR_IO, sc_file_name(ar->file), ar->pos, "read failed");
            return ARCHIVE_FATAL;
        }
    }
    ar->pos += got;
    return (ssize_t)got;
}

static int64_t on_seek(struct archive *a, void *ctx, int64_t offset, int whence) {
    (void)a;
    sc_archive *ar = ctx;
    uint64_t size = sc_file_size(ar->file);
    uint64_t base = whence == SEEK_SET ? 0 : whence == SEEK_CUR ? ar->pos : size;
    if (offset < 0 ? (uint64_t) - (offset + 1) + 1 > base : (uint64_t)offset > INT64_MAX - base)
        return ARCHIVE_FATAL;
    ar->pos = base + (uint64_t)offset; /* behind the end there is nothing to read: fine */
    return (int64_t)ar->pos;
}

static int64_t on_skip(struct archive *a, void *ctx, int64_t bytes) {
    (void)a;
    sc_archive *ar = ctx;
    uint64_t size = sc_file_size(ar->file), left = ar->pos < size ? size - ar->pos : 0;
    if (bytes < 0)
        return 0;
    if ((uint64_t)bytes > left)
        bytes = (int64_t)left;
    ar->pos += (uint64_t)bytes;
    return bytes;
}

/* --- answers --- */

static const char *text_of(sc_archive *ar) {
    const char *text = ar->api.error_string(ar->a);
    return text && *text ? text : "damaged";
}

static sc_err *failure(sc_archive *ar) {
    sc_err *err = ar->err;
    ar->err = NULL;
    if (err)
        return err;
    if (ar->api.err(ar->a) == ENOMEM)
        return sc_err_nomem();
    return sc_errf(SC_ERR_FORMAT, "%s: %s", sc_file_name(ar->file), text_of(ar));
}

/* False: too many of them to go on. */
static bool remember_warning(sc_archive *ar) {
    if (!ar->damage[0])
        snprintf(ar->damage, sizeof ar->damage, "%s", text_of(ar));
    return ar->warnings++ < WARNINGS_MOST;
}

static sc_err *start(sc_archive *ar) {
    const struct archive_api *api = &ar->api;
    ar->a = api->read_new();
    if (!ar->a)
        return sc_err_nomem();
    /* What this build of libarchive cannot do it says when it meets it. */
    api->read_support_filter_gzip(ar->a);
    api->read_support_filter_xz(ar->a);
    api->read_support_filter_zstd(ar->a);
    api->read_support_format_zip(ar->a);
    api->read_support_format_7zip(ar->a);
    api->read_support_format_cab(ar->a);
    api->read_support_format_tar(ar->a);
    api->read_support_format_raw(ar->a);
    api->read_set_read_callback(ar->a, on_read);
    api->read_set_skip_callback(ar->a, on_skip);
    api->read_set_seek_callback(ar->a, on_seek);
    api->read_set_callback_data(ar->a, ar);
    return api->read_open1(ar->a) < ARCHIVE_WARN ? failure(ar) : NULL;
}

sc_err *sc_archive_open(const sc_file *file, sc_archive_tick_fn tick, void *ctx,
                        sc_archive **ret_archive) {
    sc_archive *ar = calloc(1, sizeof *ar);
    if (!ar)
        return sc_err_nomem();
    ar->file = file;
    ar->tick = tick;
    ar->ctx = ctx;
    ar->chunk = malloc(CHUNK);
    sc_err *err = ar->chunk ? open_library(ar) : sc_err_nomem();
    if (!err)
        err = start(ar);
    if (err) {
        sc_archive_close(ar);
        return err;
    }
    *ret_archive = ar;
    return NULL;
}

void sc_archive_close(sc_archive *archive) {
    if (!archive)
        return;
    if (archive->a)
        archive->api.read_free(archive->a);
    sc_os_library_close(archive->library);
    sc_err_destroy(archive->err);
    free(archive->chunk);
    free(archive);
}

static const char *base_name(const char *path) {
    const char *base = path;
    for (const char *p = path; *p; p++)
        if ((*p == '/' || *p == '\\') && p[1])
            base = p + 1;
    return base;
}

static bool is_format(const sc_archive *ar, int format) {
    return (ar->api.format(ar->a) & ARCHIVE_FORMAT_BASE_MASK) == format;
}

/* A compressed file that does not say what it was called: its own name without the last part. */
static const char *name_without_suffix(sc_archive *ar) {
    snprintf(ar->stem, sizeof ar->stem, "%s", sc_file_name(ar->file));
    char *dot = strrchr(ar->stem, '.');
    if (dot && dot > ar->stem)
        *dot = '\0';
    return ar->stem;
}

static void describe(sc_archive *ar, struct archive_entry *e, struct sc_member *ret) {
    const char *name = ar->api.entry_pathname_utf8(e);
    if (!name)
        name = ar->api.entry_pathname(e);
    if (name && is_format(ar, ARCHIVE_FORMAT_RAW) && strcmp(name, "data") == 0)
        name = name_without_suffix(ar);
    int64_t size = ar->api.entry_size(e);
    unsigned type = (unsigned)ar->api.entry_filetype(e) & AE_IFMT;
    *ret = (struct sc_member){
        .name = name && *name ? base_name(name) : "(a file without a name)",
        .size = size > 0 ? (uint64_t)size : 0,
        .regular = type == AE_IFREG || !type,
        .encrypted = ar->api.entry_is_encrypted(e) > 0,
    };
}

sc_err *sc_archive_next(sc_archive *archive, struct sc_member *ret_member, bool *ret_more) {
    struct archive_entry *e = NULL;
    int code;
    do {
        code = archive->api.read_next_header(archive->a, &e);
        if (code < ARCHIVE_OK && code >= ARCHIVE_WARN && !remember_warning(archive))
            return failure(archive);
    } while (code == ARCHIVE_RETRY);
    if (archive->err || code < ARCHIVE_WARN)
        return failure(archive);
    *ret_more = code != ARCHIVE_EOF;
    if (*ret_more)
        describe(archive, e, ret_member);
    return NULL;
}

sc_err *sc_archive_data(sc_archive *archive, const uint8_t **ret_data, size_t *ret_size,
                        uint64_t *ret_offset, bool *ret_more) {
    for (;;) {
        const void *data = NULL;
        size_t size = 0;
        int64_t offset = 0;
        int code = archive->api.read_data_block(archive->a, &data, &size, &offset);
        if (archive->err || code < ARCHIVE_WARN)
            return failure(archive);
        if (code < ARCHIVE_OK && !remember_warning(archive))
            return failure(archive);
        if (code == ARCHIVE_EOF) {
            *ret_more = false;
            return NULL;
        }
        if (!data || !size) {
            if (archive->warnings++ < WARNINGS_MOST) /* nothing came: not for ever */
                continue;
            return failure(archive);
        }
        *ret_data = data;
        *ret_size = size;
        *ret_offset = (uint64_t)offset;
        *ret_more = true;
        archive->warnings = 0;
        return NULL;
    }
}

bool sc_archive_skips(const sc_archive *archive) { return is_format(archive, ARCHIVE_FORMAT_ZIP); }

const char *sc_archive_damage(const sc_archive *archive) {
    return archive->damage[0] ? archive->damage : NULL;
}
