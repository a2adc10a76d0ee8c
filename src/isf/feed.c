/* SPDX-License-Identifier: MIT */
/*
 * The text of a symbol table. liblzma is opened on demand; what is used of its interface (public
 * domain, unchanged since 5.0) is declared here, so that building needs no headers of it either.
 */
#include "isf/feed.h"

#include <stdlib.h>
#include <string.h>

#include "base/osfile.h"

/* lzma_stream of lzma/base.h. */
struct xz_stream {
    const uint8_t *next_in;
    size_t avail_in;
    uint64_t total_in;
    uint8_t *next_out;
    size_t avail_out;
    uint64_t total_out;
    const void *allocator;
    void *internal;
    void *reserved_ptr[4];
    uint64_t seek_pos, reserved_int;
    size_t reserved_size[2];
    int reserved_enum[2];
};

/* lzma_ret. */
enum {
    XZ_OK = 0,
    XZ_STREAM_END = 1,
    XZ_MEM_ERROR = 5,
    XZ_MEMLIMIT_ERROR = 6,
    XZ_FORMAT_ERROR = 7,
    XZ_OPTIONS_ERROR = 8,
    XZ_DATA_ERROR = 9,
    XZ_BUF_ERROR = 10,
};
enum { XZ_RUN = 0, XZ_FINISH = 3, XZ_CONCATENATED = 8 };

/* The dictionary of `xz -9` and what the decoder needs besides. */
#define XZ_MEMORY_MAX (80ull << 20)

struct xz_functions {
    int (*decoder)(struct xz_stream *stream, uint64_t memory_max, uint32_t flags);
    int (*code)(struct xz_stream *stream, int action);
    void (*end)(struct xz_stream *stream);
};

enum { FEED_INPUT = 32 * 1024 };

struct isf_feed {
    const sc_file *file;
    uint64_t pos;  /* next byte of the file */
    uint64_t made; /* bytes of text handed out */
    bool packed, ended;
    void *lib;
    struct xz_functions xz;
    struct xz_stream stream;
    uint8_t input[FEED_INPUT];
};

static sc_err *open_xz(struct isf_feed *f) {
    struct xz_functions *xz = &f->xz;
    f->lib = sc_os_library("liblzma.so.5");
    if (!f->lib || !sc_os_function(f->lib, "lzma_code", &xz->code, sizeof xz->code) ||
        !sc_os_function(f->lib, "lzma_end", &xz->end, sizeof xz->end) ||
        !sc_os_function(f->lib, "lzma_stream_decoder", &xz->decoder, sizeof xz->decoder))
        return sc_errf(SC_ERR_UNSUPPORTED,
                       "%s is packed with xz, and liblzma is not installed here",
                       sc_file_name(f->file));
    if (xz->decoder(&f->stream, XZ_MEMORY_MAX, XZ_CONCATENATED) != XZ_OK)
        return sc_err_nomem();
    return NULL;
}

/* What the first bytes say; other packings get a helpful no. */
static sc_err *look(struct isf_feed *f) {
    static const struct {
        const char *magic;
        size_t len;
        const char *name;
    } other[] = {{"\x1f\x8b", 2, "gzip"}, {"BZh", 3, "bzip2"}, {"\x28\xb5\x2f\xfd", 4, "zstd"}};
    char head[6] = {0};
    size_t got = 0;
    if (!sc_file_read_some(f->file, 0, head, sizeof head, &got))
        return sc_err_at(SC_ERR_IO, sc_file_name(f->file), 0, "read failed");
    f->packed = got == 6 && !memcmp(head,
                                    "\xfd"
                                    "7zXZ",
                                    6);
    for (size_t i = 0; i < sizeof other / sizeof *other; i++)
        if (got >= other[i].len && !memcmp(head, other[i].magic, other[i].len))
            return sc_errf(SC_ERR_UNSUPPORTED, "%s is packed with %s: unpack it first",
                           sc_file_name(f->file), other[i].name);
    return f->packed ? open_xz(f) : NULL;
}

sc_err *isf_feed_open(const sc_file *file, struct isf_feed **ret_feed) {
    struct isf_feed *f = calloc(1, sizeof *f);
    if (!f)
        return sc_err_nomem();
    f->file = file;
    sc_err *err = look(f);
    if (err) {
        isf_feed_close(f);
        return err;
    }
    *ret_feed = f;
    return NULL;
}

void isf_feed_close(struct isf_feed *feed) {
    if (!feed)
        return;
    if (feed->xz.end)
        feed->xz.end(&feed->stream);
    sc_os_library_close(feed->lib);
    free(feed);
}

bool isf_feed_packed(const struct isf_feed *feed) { return feed->packed; }

static sc_err *read_file(struct isf_feed *f, void *buf, size_t room, size_t *ret_got) {
    size_t got;
    if (!sc_file_read_some(f->file, f->pos, buf, room, &got))
        return sc_err_at(SC_ERR_IO, sc_file_name(f->file), f->pos, "read failed");
    f->pos += got;
    *ret_got = got;
    return NULL;
}

static sc_err *xz_error(const struct isf_feed *f, int code) {
    const char *name = sc_file_name(f->file);
    uint64_t at = f->pos - f->stream.avail_in;
    switch (code) {
    case XZ_MEM_ERROR: return sc_err_nomem();
    case XZ_MEMLIMIT_ERROR:
        return sc_err_at(SC_ERR_LIMIT, name, at, "unpacking would need more than %llu MB",
                         XZ_MEMORY_MAX >> 20);
    case XZ_OPTIONS_ERROR:
        return sc_err_at(SC_ERR_UNSUPPORTED, name, at, "packed with options this xz lacks");
    case XZ_BUF_ERROR: return sc_err_at(SC_ERR_FORMAT, name, at, "the packed data ends too early");
    default: return sc_err_at(SC_ERR_FORMAT, name, at, "the packed data is damaged");
    }
}

static sc_err *unpack(struct isf_feed *f, char *buf, size_t room, size_t *ret_got) {
    struct xz_stream *s = &f->stream;
    s->next_out = (uint8_t *)buf;
    s->avail_out = room;
    while (!f->ended && s->avail_out == room) {
        if (!s->avail_in) {
            size_t got = 0;
            sc_err *err = read_file(f, f->input, sizeof f->input, &got);
            if (err)
                return err;
            s->next_in = f->input;
            s->avail_in = got;
        }
        /* Without input liblzma must be told that there will be none. */
        int code = f->xz.code(s, s->avail_in ? XZ_RUN : XZ_FINISH);
        if (code == XZ_STREAM_END)
            f->ended = true;
        else if (code != XZ_OK)
            return xz_error(f, code);
    }
    *ret_got = room - s->avail_out;
    return NULL;
}

sc_err *isf_feed_read(struct isf_feed *feed, char *buf, size_t room, size_t *ret_got) {
    size_t got = 0;
    sc_err *err = feed->packed ? unpack(feed, buf, room, &got) : read_file(feed, buf, room, &got);
    if (err)
        return err;
    feed->made += got;
    if (feed->packed && feed->made > FEED_FREE + FEED_RATIO * sc_file_size(feed->file))
        return sc_err_at(SC_ERR_LIMIT, sc_file_name(feed->file), feed->pos,
                         "unpacks to more than %d times its size", FEED_RATIO);
    *ret_got = got;
    return NULL;
}
