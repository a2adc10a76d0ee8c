/* SPDX-License-Identifier: MIT */
/*
 * MSF and MSFZ containers: numbered streams of bytes in one file.
 *
 * Streams are read in place. Nothing but the directory's stream sizes is read when a file is
 * opened; a byte is reached through the directory's page numbers at the moment it is asked for.
 * Errors name the file, the stream and the offset in the stream.
 *
 * One thread at a time: the provider above holds a lock.
 */
#ifndef STOPCODE_PDB_MSF_H
#define STOPCODE_PDB_MSF_H

#include <string.h>

#include "base/cursor.h"

struct msf;

/* Takes OWN_FILE, also when it fails. SC_ERR_UNSUPPORTED for other things called .pdb. */
sc_err *msf_open(sc_file *own_file, struct msf **ret_msf);
void msf_close(struct msf *msf);

const char *msf_path(const struct msf *msf);
uint64_t msf_file_size(const struct msf *msf);
/* Distinct pages (MSFZ: units of 4096 bytes) of the file touched so far. */
uint64_t msf_pages_read(const struct msf *msf);
uint32_t msf_streams(const struct msf *msf);
/* Is there such a stream, and is it not nil? */
bool msf_has(const struct msf *msf, uint32_t stream);
/* Bytes; 0 when there is none. */
uint32_t msf_size(const struct msf *msf, uint32_t stream);

/* Exactly LEN bytes at OFFSET into BUF. */
sc_err *msf_read(struct msf *msf, uint32_t stream, uint64_t offset, void *buf, uint32_t len);
sc_err *msf_u32(struct msf *msf, uint32_t stream, uint64_t offset, uint32_t *ret_value);

/*
 * The bytes at OFFSET in place, at most WANT of them, valid until the container is closed; NULL
 * when the container cannot do that, or there are none.
 */
const uint8_t *msf_peek(struct msf *msf, uint32_t stream, uint32_t offset, uint32_t want,
                        uint32_t *ret_len);

/* Bytes of a stream: in place where they lie in one piece, else a copy. */
struct msf_buf {
    const uint8_t *data;
    uint32_t len;
    uint32_t room;
    uint8_t *own;
    uint8_t small[128];
};
/*
 * Start with `struct msf_buf buf; msf_buf_init(&buf);`; may be filled again and again. When
 * msf_bytes() fails it is empty and needs no freeing.
 */
static inline void msf_buf_init(struct msf_buf *buf) {
    buf->data = NULL;
    buf->own = NULL;
    buf->len = buf->room = 0;
}
void msf_buf_free(struct msf_buf *buf);
sc_err *msf_bytes(struct msf *msf, uint32_t stream, uint64_t offset, uint32_t len,
                  struct msf_buf *buf);
/* A cursor over BUF whose offsets are those of the stream, where BUF stands at OFFSET. */
struct sc_cur msf_cur(const struct msf_buf *buf, uint32_t offset, const char *what);
/* The error of a failed cursor of STREAM. */
sc_err *msf_cur_err(struct msf *msf, uint32_t stream, const struct sc_cur *cur);

/*
 * The string that starts at OFFSET and ends with a NUL before END, NUL-terminated, valid until the
 * container is closed: in place where possible, else a copy that is kept (once a string).
 */
sc_err *msf_string(struct msf *msf, uint32_t stream, uint64_t offset, uint64_t end,
                   const char **ret_text);

/* SC_ERR_FORMAT: "FILE: stream N: offset 0x…: text". */
sc_err *msf_err(const struct msf *msf, uint32_t stream, uint64_t offset, const char *fmt, ...)
    SC_PRINTF(4, 5);

/* Little-endian values at P; the caller has checked that they are there. */
static inline uint16_t msf_le16(const uint8_t *p) { return (uint16_t)(p[0] | p[1] << 8); }
static inline uint32_t msf_le32(const uint8_t *p) {
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}
static inline uint64_t msf_le64(const uint8_t *p) {
    return msf_le32(p) | (uint64_t)msf_le32(p + 4) << 32;
}

#endif
