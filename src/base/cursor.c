/* SPDX-License-Identifier: MIT */
/* The bounded cursor. Bytes come from the mapping, from memory, or through a small window. */
#include "base/cursor.h"

#include <stddef.h>
#include <string.h>

/* The window is left as it is, being most of a cursor and seldom used: win_len says it is empty. */
static void init(struct sc_cur *c, const sc_file *file, const char *what) {
    memset(c, 0, offsetof(struct sc_cur, win));
    c->file = file;
    c->what = what;
}

struct sc_cur sc_cur_at(const sc_file *file, uint64_t offset, uint64_t size, const char *what) {
    struct sc_cur c;
    init(&c, file, what);
    c.name = sc_file_name(file);
    uint64_t whole = sc_file_size(file);
    c.start = offset;
    c.pos = offset;
    if (offset > whole)
        c.end = offset; /* nothing can be read; the first read says where */
    else
        c.end = size < whole - offset ? offset + size : whole;
    c.data = sc_file_view(file, offset, c.end - offset);
    return c;
}

struct sc_cur sc_cur_mem(const void *data, size_t size, const char *what) {
    struct sc_cur c;
    init(&c, NULL, what);
    c.data = data;
    c.end = size;
    return c;
}

static void fail(struct sc_cur *c, uint64_t want) {
    if (c->failed)
        return;
    c->failed = true;
    c->fail_pos = c->pos;
    c->fail_want = want;
}

/* Copies through the window; only for files that are not mapped. */
static bool through_window(struct sc_cur *c, uint8_t *buf, size_t len) {
    size_t got;
    if (len > SC_CUR_WINDOW)
        return sc_file_read_some(c->file, c->pos, buf, len, &got) && got == len;
    if (c->pos < c->win_pos || c->pos + len > c->win_pos + c->win_len) {
        if (!sc_file_read_some(c->file, c->pos, c->win, SC_CUR_WINDOW, &got))
            return false;
        c->win_pos = c->pos;
        c->win_len = (uint32_t)got;
        if (got < len)
            return false;
    }
    memcpy(buf, c->win + (c->pos - c->win_pos), len);
    return true;
}

void sc_cur_bytes(struct sc_cur *c, void *buf, size_t len) {
    if (c->failed || len > c->end - c->pos) {
        fail(c, len);
        memset(buf, 0, len);
        return;
    }
    if (c->data) {
        memcpy(buf, c->data + (c->pos - c->start), len);
    } else if (len && !through_window(c, buf, len)) {
        fail(c, len);
        c->io = true;
        memset(buf, 0, len);
        return;
    }
    c->pos += len;
}

/*
 * The next LEN bytes where they lie, which is nearly always; NULL when they have to be fetched, or
 * are not there: then sc_cur_bytes() does it, or says why not.
 */
static inline const uint8_t *in_place(struct sc_cur *c, size_t len) {
    if (!c->data || c->failed || len > c->end - c->pos)
        return NULL;
    const uint8_t *p = c->data + (c->pos - c->start);
    c->pos += len;
    return p;
}

static inline uint32_t get32(const uint8_t *p) {
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

uint8_t sc_u8(struct sc_cur *c) {
    const uint8_t *p = in_place(c, 1);
    uint8_t v;
    if (p)
        return *p;
    sc_cur_bytes(c, &v, 1);
    return v;
}

uint16_t sc_u16(struct sc_cur *c) {
    const uint8_t *p = in_place(c, 2);
    uint8_t b[2];
    if (!p) {
        sc_cur_bytes(c, b, 2);
        p = b;
    }
    return (uint16_t)(p[0] | p[1] << 8);
}

uint32_t sc_u32(struct sc_cur *c) {
    const uint8_t *p = in_place(c, 4);
    uint8_t b[4];
    if (!p) {
        sc_cur_bytes(c, b, 4);
        p = b;
    }
    return get32(p);
}

uint64_t sc_u64(struct sc_cur *c) {
    const uint8_t *p = in_place(c, 8);
    if (p)
        return get32(p) | (uint64_t)get32(p + 4) << 32;
    uint64_t low = sc_u32(c);
    return low | (uint64_t)sc_u32(c) << 32;
}

uint64_t sc_uptr(struct sc_cur *c, unsigned ptr_size) {
    return ptr_size == 4 ? sc_u32(c) : sc_u64(c);
}

struct sc_guid sc_cur_guid(struct sc_cur *c) {
    struct sc_guid g;
    g.a = sc_u32(c);
    g.b = sc_u16(c);
    g.c = sc_u16(c);
    sc_cur_bytes(c, g.d, 8);
    return g;
}

void sc_cur_skip(struct sc_cur *c, uint64_t len) {
    if (c->failed || len > c->end - c->pos)
        fail(c, len);
    else
        c->pos += len;
}

void sc_cur_seek(struct sc_cur *c, uint64_t offset) {
    if (c->failed)
        return;
    if (offset < c->start || offset > c->end) {
        c->pos = offset;
        fail(c, 0);
        c->pos = c->end;
    } else {
        c->pos = offset;
    }
}

uint64_t sc_cur_left(const struct sc_cur *c) { return c->failed ? 0 : c->end - c->pos; }

bool sc_cur_fits(struct sc_cur *c, uint64_t count, uint64_t size) {
    uint64_t left = sc_cur_left(c);
    if (!c->failed && (size == 0 || count <= left / size))
        return true;
    fail(c, size && count > UINT64_MAX / size ? UINT64_MAX : count * size);
    return false;
}

sc_err *sc_cur_err(const struct sc_cur *c) {
    if (c->io)
        return sc_err_at(SC_ERR_IO, c->name, c->fail_pos, "%s: read failed", c->what);
    return sc_err_at(SC_ERR_FORMAT, c->name, c->fail_pos, "%s: %llu bytes wanted, %llu left",
                     c->what, (unsigned long long)c->fail_want,
                     (unsigned long long)(c->fail_pos < c->end ? c->end - c->fail_pos : 0));
}
