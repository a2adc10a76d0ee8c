/* SPDX-License-Identifier: MIT */
/*
 * The part of libmspack's binary interface that we call, for a library that is opened on demand:
 * declared here so that building needs no headers. From the library's documented interface,
 * version 1 of its CAB decompressor; members that we do not use are only there to keep the place.
 */
#ifndef STOPCODE_STORE_MSPACK_ABI_H
#define STOPCODE_STORE_MSPACK_ABI_H

#include <stddef.h>
#include <sys/types.h>

struct mspack_file; /* ours to define */

enum { MSPACK_READ = 0, MSPACK_WRITE = 1 };
enum { MSPACK_SEEK_START = 0, MSPACK_SEEK_CUR = 1, MSPACK_SEEK_END = 2 };
enum { MSPACK_NOMEMORY = 6, MSPACK_CHECKSUM = 9 };

struct mspack_system {
    struct mspack_file *(*open)(struct mspack_system *self, const char *name, int mode);
    void (*close)(struct mspack_file *file);
    int (*read)(struct mspack_file *file, void *buffer, int bytes);
    int (*write)(struct mspack_file *file, void *buffer, int bytes);
    int (*seek)(struct mspack_file *file, off_t offset, int mode);
    off_t (*tell)(struct mspack_file *file);
    void (*message)(struct mspack_file *file, const char *format, ...);
    void *(*alloc)(struct mspack_system *self, size_t bytes);
    void (*free)(void *p);
    void (*copy)(void *from, void *to, size_t bytes);
    void *null_ptr;
};

struct mscabd_file {
    struct mscabd_file *next;
    char *filename;
    unsigned length;
    /* more */
};

struct mscabd_cabinet {
    struct mscabd_cabinet *next;
    const char *filename;
    off_t base_offset;
    unsigned length;
    struct mscabd_cabinet *prevcab, *nextcab;
    char *prevname, *nextname, *previnfo, *nextinfo;
    struct mscabd_file *files;
    /* more */
};

struct mscab_decompressor {
    struct mscabd_cabinet *(*open)(struct mscab_decompressor *self, const char *name);
    void (*close)(struct mscab_decompressor *self, struct mscabd_cabinet *cab);
    struct mscabd_cabinet *(*search)(struct mscab_decompressor *self, const char *name);
    int (*append)(struct mscab_decompressor *self, struct mscabd_cabinet *cab,
                  struct mscabd_cabinet *next);
    int (*prepend)(struct mscab_decompressor *self, struct mscabd_cabinet *cab,
                   struct mscabd_cabinet *previous);
    int (*extract)(struct mscab_decompressor *self, struct mscabd_file *file, const char *name);
    int (*set_param)(struct mscab_decompressor *self, int param, int value);
    int (*last_error)(struct mscab_decompressor *self);
};

#endif
