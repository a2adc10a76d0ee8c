/* SPDX-License-Identifier: MIT */
/*
 * The one bounded little-endian cursor: every byte of every input file is read through it.
 *
 * Failure is sticky: a read past the end yields zeros from then on, and the first failure's place
 * is kept. Read a whole record, then ask once:
 *
 *     struct sc_cur c = sc_cur_at(file, offset, size, "triage header");
 *     h->count = sc_u32(&c); …
 *     if (sc_cur_failed(&c)) return sc_cur_err(&c);
 *
 * The cursor works on a file (mapped or not) or on bytes in memory. Offsets in messages are file
 * offsets. The cursor is plain data and may be copied.
 */
#ifndef STOPCODE_BASE_CURSOR_H
#define STOPCODE_BASE_CURSOR_H

#include "base/file.h"
#include "stopcode/module.h"

enum { SC_CUR_WINDOW = 256 };

struct sc_cur {
    const sc_file *file; /* NULL: bytes in memory at `data` */
    const uint8_t *data; /* in place: byte `start` of the file; NULL: through the window */
    const char *what;    /* names the record in messages; static */
    const char *name;    /* file name in messages, may be NULL */
    uint64_t start, end; /* file offsets that bound the record */
    uint64_t pos;        /* file offset of the next byte */
    bool failed;
    bool io;           /* failed because the system could not read */
    uint64_t fail_pos; /* where, and how many bytes were wanted */
    uint64_t fail_want;
    uint64_t win_pos; /* window: file offset and bytes held */
    uint32_t win_len;
    uint8_t win[SC_CUR_WINDOW];
};

/* A cursor over SIZE bytes at OFFSET; cut at the file's end (reads behind it fail). */
struct sc_cur sc_cur_at(const sc_file *file, uint64_t offset, uint64_t size, const char *what);
/* Over bytes in memory. */
struct sc_cur sc_cur_mem(const void *data, size_t size, const char *what);

uint8_t sc_u8(struct sc_cur *cur);
uint16_t sc_u16(struct sc_cur *cur);
uint32_t sc_u32(struct sc_cur *cur);
uint64_t sc_u64(struct sc_cur *cur);
/* 4 or 8 bytes. */
uint64_t sc_uptr(struct sc_cur *cur, unsigned ptr_size);
struct sc_guid sc_cur_guid(struct sc_cur *cur);
/* LEN bytes into BUF; zeros when they are not there. */
void sc_cur_bytes(struct sc_cur *cur, void *buf, size_t len);
void sc_cur_skip(struct sc_cur *cur, uint64_t len);
/* To a file offset inside the record's bounds. */
void sc_cur_seek(struct sc_cur *cur, uint64_t offset);
uint64_t sc_cur_left(const struct sc_cur *cur);

/*
 * Would COUNT records of SIZE bytes fit in what is left? Fails the cursor if not: the check that
 * stands before every allocation.
 */
bool sc_cur_fits(struct sc_cur *cur, uint64_t count, uint64_t size);

static inline bool sc_cur_failed(const struct sc_cur *cur) { return cur->failed; }
/* The error of the first failure, naming file, offset and record; never NULL. */
sc_err *sc_cur_err(const struct sc_cur *cur);

#endif
