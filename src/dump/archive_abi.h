/* SPDX-License-Identifier: MIT */
/*
 * The part of libarchive's binary interface that we call, for a library that is opened on demand:
 * declared here so that building needs no headers. From the library's manual pages
 * (archive_read(3), archive_entry(3)); stable since version 3.0.
 */
#ifndef STOPCODE_DUMP_ARCHIVE_ABI_H
#define STOPCODE_DUMP_ARCHIVE_ABI_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct archive;
struct archive_entry;

enum {
    ARCHIVE_EOF = 1,
    ARCHIVE_OK = 0,
    ARCHIVE_RETRY = -10,
    ARCHIVE_WARN = -20,
    ARCHIVE_FAILED = -25,
    ARCHIVE_FATAL = -30,
};
enum {
    ARCHIVE_FORMAT_BASE_MASK = 0xff0000,
    ARCHIVE_FORMAT_ZIP = 0x50000,
    ARCHIVE_FORMAT_RAW = 0x90000
};
enum { AE_IFMT = 0170000, AE_IFREG = 0100000 };

typedef ssize_t archive_read_fn(struct archive *a, void *ctx, const void **ret_buffer);
typedef int64_t archive_skip_fn(struct archive *a, void *ctx, int64_t bytes);
typedef int64_t archive_seek_fn(struct archive *a, void *ctx, int64_t offset, int whence);

/* The functions, each under its name without `archive_`. */
struct archive_api {
    struct archive *(*read_new)(void);
    int (*read_free)(struct archive *a);
    int (*read_support_filter_gzip)(struct archive *a);
    int (*read_support_filter_xz)(struct archive *a);
    int (*read_support_filter_zstd)(struct archive *a);
    int (*read_support_format_zip)(struct archive *a);
    int (*read_support_format_7zip)(struct archive *a);
    int (*read_support_format_cab)(struct archive *a);
    int (*read_support_format_tar)(struct archive *a);
    int (*read_support_format_raw)(struct archive *a);
    int (*read_set_read_callback)(struct archive *a, archive_read_fn *fn);
    int (*read_set_skip_callback)(struct archive *a, archive_skip_fn *fn);
    int (*read_set_seek_callback)(struct archive *a, archive_seek_fn *fn);
    int (*read_set_callback_data)(struct archive *a, void *ctx);
    int (*read_open1)(struct archive *a);
    int (*read_next_header)(struct archive *a, struct archive_entry **ret_entry);
    int (*read_data_block)(struct archive *a, const void **ret_data, size_t *ret_size,
                           int64_t *ret_offset);
    int (*format)(struct archive *a);
    int (*err)(struct archive *a); /* archive_errno */
    const char *(*error_string)(struct archive *a);
    const char *(*entry_pathname)(struct archive_entry *e);
    const char *(*entry_pathname_utf8)(struct archive_entry *e);
    int64_t (*entry_size)(struct archive_entry *e);
    mode_t (*entry_filetype)(struct archive_entry *e);
    int (*entry_is_encrypted)(struct archive_entry *e);
};

#endif
