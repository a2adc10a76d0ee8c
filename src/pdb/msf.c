/* SPDX-License-Identifier: MIT */
/*
 * Streams of a container: which container it is, reads over pieces, strings that stay.
 *
 *     "Microsoft C/C++ MSF 7.00\r\n\x1aDS\0\0\0"                  msf7.c
 *     "Microsoft MSFZ Container\r\n\x1aALD\0\0"                   msfz.c
 *     "Microsoft C/C++ program database 2.00\r\n\x1aJG\0\0"       until 1998: refused by name
 *     "BSJB"                                                      portable PDB of .NET: refused
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pdb/msf_impl.h"

static const char magic7[32] = "Microsoft C/C++ MSF 7.00\r\n\x1a"
                               "DS\0\0";
static const char magicz[32] = "Microsoft MSFZ Container\r\n\x1a"
                               "ALD\0";
static const char magic2[] = "Microsoft C/C++ program database 2.00\r\n\x1aJG";

static sc_err *open_format(struct msf *msf) {
    char head[64] = {0};
    size_t got = 0;
    if (!sc_file_read_some(msf->file, 0, head, sizeof head, &got))
        return sc_err_at(SC_ERR_IO, sc_file_name(msf->file), 0, "read failed");
    if (memcmp(head, magic7, sizeof magic7) == 0)
        return msf7_open(msf);
    if (memcmp(head, magicz, sizeof magicz) == 0)
        return msfz_open(msf);
    if (memcmp(head, magic2, sizeof magic2 - 1) == 0)
        return sc_errf(SC_ERR_UNSUPPORTED,
                       "%s is a PDB of the format 2.00 (Visual C++ 6 and older), which is not read",
                       sc_file_name(msf->file));
    if (memcmp(head, "BSJB", 4) == 0)
        return sc_errf(SC_ERR_UNSUPPORTED,
                       "%s is a portable PDB (.NET), which describes no native code",
                       sc_file_name(msf->file));
    return sc_err_at(SC_ERR_FORMAT, sc_file_name(msf->file), 0, "not a PDB: no MSF signature");
}

sc_err *msf_open(sc_file *own_file, struct msf **ret_msf) {
    struct msf *msf = calloc(1, sizeof *msf);
    if (!msf) {
        sc_file_close(own_file);
        return sc_err_nomem();
    }
    msf->file = own_file;
    msf->arena = sc_arena_create();
    sc_err *err = msf->arena ? open_format(msf) : sc_err_nomem();
    if (err)
        msf_close(msf);
    else
        *ret_msf = msf;
    return err;
}

void msf_close(struct msf *msf) {
    if (!msf)
        return;
    if (msf->impl)
        msf->ops->destroy(msf->impl);
    sc_map_free(&msf->strings);
    sc_arena_destroy(msf->arena);
    free(msf->size);
    free(msf->touched);
    sc_file_close(msf->file);
    free(msf);
}

sc_err *msf_count_pages(struct msf *msf, uint64_t npages) {
    msf->touched = calloc(npages / 64 + 1, sizeof *msf->touched);
    if (!msf->touched)
        return sc_err_nomem();
    msf->npages = npages;
    return NULL;
}

const char *msf_path(const struct msf *msf) { return sc_file_path(msf->file); }
uint64_t msf_file_size(const struct msf *msf) { return sc_file_size(msf->file); }
uint64_t msf_pages_read(const struct msf *msf) { return msf->pages_read; }
uint32_t msf_streams(const struct msf *msf) { return msf->nstreams; }

bool msf_has(const struct msf *msf, uint32_t stream) {
    return stream < msf->nstreams && msf->size[stream] != MSF_NIL;
}

uint32_t msf_size(const struct msf *msf, uint32_t stream) {
    return msf_has(msf, stream) ? msf->size[stream] : 0;
}

sc_err *msf_err(const struct msf *msf, uint32_t stream, uint64_t offset, const char *fmt, ...) {
    char name[160], text[256];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    snprintf(name, sizeof name, "%.120s: stream %u", sc_file_name(msf->file), stream);
    return sc_err_at(SC_ERR_FORMAT, name, offset, "%s", text);
}

static sc_err *check(const struct msf *msf, uint32_t stream, uint64_t offset, uint64_t len) {
    uint32_t size = msf_size(msf, stream);
    if (offset <= size && len <= size - offset)
        return NULL;
    if (!msf_has(msf, stream))
        return msf_err(msf, stream, offset, "there is no such stream");
    return msf_err(msf, stream, offset, "%llu bytes wanted, but the stream has %u",
                   (unsigned long long)len, size);
}

/* LEN bytes at OFFSET where they are known to lie; NULL: it is to be found out. */
static const uint8_t *in_run(const struct msf *msf, uint32_t stream, uint64_t offset,
                             uint64_t len) {
    const struct msf_run *r = &msf->run[stream % MSF_RUNS];
    if (!r->data || r->stream != stream || offset < r->start || offset > r->end ||
        len > r->end - offset)
        return NULL;
    return r->data + (offset - r->start);
}

/* As the container's, for bytes inside the stream. */
static sc_err *piece(struct msf *msf, uint32_t stream, uint32_t offset, uint32_t want,
                     const uint8_t **ret_data, uint32_t *ret_len) {
    const uint8_t *data = in_run(msf, stream, offset, want);
    if (!data)
        return msf->ops->piece(msf, stream, offset, want, ret_data, ret_len);
    *ret_data = data;
    *ret_len = want;
    return NULL;
}

/* Copies LEN bytes that are inside the stream. */
static sc_err *copy(struct msf *msf, uint32_t stream, uint32_t offset, uint8_t *buf, uint32_t len) {
    while (len) {
        const uint8_t *data;
        uint32_t n;
        sc_err *err = piece(msf, stream, offset, len, &data, &n);
        if (err)
            return err;
        memcpy(buf, data, n);
        buf += n;
        offset += n;
        len -= n;
    }
    return NULL;
}

sc_err *msf_read(struct msf *msf, uint32_t stream, uint64_t offset, void *buf, uint32_t len) {
    const uint8_t *data = in_run(msf, stream, offset, len);
    if (data) {
        memcpy(buf, data, len);
        return NULL;
    }
    sc_err *err = check(msf, stream, offset, len);
    return err ? err : copy(msf, stream, (uint32_t)offset, buf, len);
}

sc_err *msf_u32(struct msf *msf, uint32_t stream, uint64_t offset, uint32_t *ret_value) {
    uint8_t b[4];
    sc_err *err = msf_read(msf, stream, offset, b, sizeof b);
    if (!err)
        *ret_value = msf_le32(b);
    return err;
}

const uint8_t *msf_peek(struct msf *msf, uint32_t stream, uint32_t offset, uint32_t want,
                        uint32_t *ret_len) {
    const uint8_t *data;
    uint32_t size = msf_size(msf, stream);
    if (!msf->ops->stable || offset >= size || want == 0)
        return NULL;
    sc_err *err =
        piece(msf, stream, offset, want < size - offset ? want : size - offset, &data, ret_len);
    sc_err_destroy(err); /* who needs the reason asks again in the ordinary way */
    return err ? NULL : data;
}

void msf_buf_free(struct msf_buf *buf) {
    free(buf->own);
    msf_buf_init(buf);
}

/* Room for LEN bytes of a copy; NULL when memory is short. */
static uint8_t *buf_room(struct msf_buf *buf, uint32_t len) {
    if (len <= sizeof buf->small)
        return buf->small;
    if (len > buf->room) {
        uint8_t *more = realloc(buf->own, len);
        if (!more)
            return NULL;
        buf->own = more;
        buf->room = len;
    }
    return buf->own;
}

/* LEN bytes inside the stream, into BUF in place or as a copy. */
static sc_err *fill_buf(struct msf *msf, uint32_t stream, uint32_t offset, uint32_t len,
                        struct msf_buf *buf) {
    buf->len = len;
    buf->data = buf->small;
    if (!len)
        return NULL;
    if (msf->ops->stable) {
        const uint8_t *data;
        uint32_t n;
        sc_err *err = piece(msf, stream, offset, len, &data, &n);
        if (err)
            return err;
        if (n == len) {
            buf->data = data;
            return NULL;
        }
    }
    uint8_t *room = buf_room(buf, len);
    if (!room)
        return sc_err_nomem();
    buf->data = room;
    return copy(msf, stream, offset, room, len);
}

sc_err *msf_bytes(struct msf *msf, uint32_t stream, uint64_t offset, uint32_t len,
                  struct msf_buf *buf) {
    sc_err *err = check(msf, stream, offset, len);
    if (!err)
        err = fill_buf(msf, stream, (uint32_t)offset, len, buf);
    if (err)
        msf_buf_free(buf);
    return err;
}

struct sc_cur msf_cur(const struct msf_buf *buf, uint32_t offset, const char *what) {
    return (struct sc_cur){.data = buf->data,
                           .what = what,
                           .start = offset,
                           .pos = offset,
                           .end = (uint64_t)offset + buf->len};
}

sc_err *msf_cur_err(struct msf *msf, uint32_t stream, const struct sc_cur *cur) {
    return msf_err(msf, stream, cur->fail_pos, "%s: %llu bytes wanted, %llu left", cur->what,
                   (unsigned long long)cur->fail_want,
                   (unsigned long long)(cur->fail_pos < cur->end ? cur->end - cur->fail_pos : 0));
}

/* Length of the string, without its NUL; *RET_DATA is set when it lies in one stable piece. */
static sc_err *string_len(struct msf *msf, uint32_t stream, uint32_t offset, uint32_t end,
                          uint32_t *ret_len, const uint8_t **ret_data) {
    const uint8_t *first = NULL;
    bool whole = msf->ops->stable;
    for (uint32_t len = 0, n; offset + len < end; len += n) {
        /* Names are short: do not touch pages that only the bound reaches. */
        const uint8_t *data;
        uint32_t left = end - offset - len;
        sc_err *err = piece(msf, stream, offset + len, left < 64 ? left : 64, &data, &n);
        if (err)
            return err;
        if (len == 0)
            first = data;
        else if (whole)
            whole = data == first + len;
        const uint8_t *nul = memchr(data, 0, n);
        if (nul) {
            *ret_len = len + (uint32_t)(nul - data);
            *ret_data = whole ? first : NULL;
            return NULL;
        }
    }
    return msf_err(msf, stream, offset, "a string has no end");
}

sc_err *msf_string(struct msf *msf, uint32_t stream, uint64_t offset, uint64_t end,
                   const char **ret_text) {
    uint64_t key = (uint64_t)stream << 32 | (uint32_t)offset, kept;
    if (end > msf_size(msf, stream))
        end = msf_size(msf, stream);
    sc_err *err = check(msf, stream, offset, 1);
    if (err)
        return err;
    if (msf->strings.count && sc_map_get_number(&msf->strings, key, &kept)) {
        *ret_text = (const char *)(uintptr_t)kept;
        return strlen(*ret_text) < end - offset
                   ? NULL
                   : msf_err(msf, stream, offset, "a string has no end");
    }
    uint32_t len = 0;
    const uint8_t *data = NULL;
    err = string_len(msf, stream, (uint32_t)offset, (uint32_t)end, &len, &data);
    if (err)
        return err;
    if (data) {
        *ret_text = (const char *)data;
        return NULL;
    }
    char *text = sc_arena_alloc(msf->arena, (size_t)len + 1);
    if (!text)
        return sc_err_nomem();
    err = copy(msf, stream, (uint32_t)offset, (uint8_t *)text, len);
    if (!err && !sc_map_put_number(&msf->strings, key, (uint64_t)(uintptr_t)text))
        err = sc_err_nomem();
    if (!err)
        *ret_text = text;
    return err;
}
