/* SPDX-License-Identifier: MIT */
/* The cursor over RVAs, and single values and strings; see pe_impl.h. */
#include <stddef.h>
#include <string.h>

#include "pe/pe_impl.h"

struct pe_cur pe_cur_at(const sc_pe *pe, uint64_t rva, uint64_t size, const char *what) {
    struct pe_cur c;
    memset(&c, 0, offsetof(struct pe_cur, win)); /* the window is empty: win_len says so */
    c.pe = pe;
    c.what = what;
    c.pos = rva;
    c.end = size > UINT64_MAX - rva ? UINT64_MAX : rva + size;
    return c;
}

static void fail(struct pe_cur *c, enum sc_read status, uint64_t at) {
    c->failed = true;
    c->status = status;
    c->fail_pos = at;
}

/* The next LEN bytes in the window; NULL when they are not there. */
static inline const uint8_t *in_window(struct pe_cur *c, size_t len) {
    const uint64_t skip = c->pos - c->win_pos; /* wraps when the window lies above */
    if (c->failed || len > c->end - c->pos || skip > c->win_len || len > c->win_len - skip)
        return NULL;
    c->pos += len;
    return c->win + skip;
}

/* Puts LEN bytes (at most a window) from the position on into the window. */
static bool fill(struct pe_cur *c, size_t len) {
    if (c->pos >= c->win_pos && c->pos - c->win_pos <= c->win_len &&
        len <= c->win_len - (c->pos - c->win_pos))
        return true;
    uint64_t left = c->end - c->pos;
    size_t want = left < PE_WINDOW ? (size_t)left : PE_WINDOW, got = 0;
    enum sc_read status = sc_pe_read(c->pe, c->pos, c->win, want, &got);
    c->win_pos = c->pos;
    c->win_len = (uint32_t)got;
    if (got >= len)
        return true;
    fail(c, status, c->pos + got);
    return false;
}

void pe_bytes(struct pe_cur *c, void *buf, size_t len) {
    size_t done = 0;
    if (!c->failed && len > c->end - c->pos)
        fail(c, SC_READ_OK, c->pos);
    while (!c->failed && done < len) {
        size_t n = len - done < PE_WINDOW ? len - done : PE_WINDOW;
        if (!fill(c, n))
            break;
        memcpy((uint8_t *)buf + done, c->win + (c->pos - c->win_pos), n);
        c->pos += n;
        done += n;
    }
    memset((uint8_t *)buf + done, 0, len - done);
}

/* The next LEN bytes: in the window, which is nearly always so, or copied into B. */
static inline const uint8_t *next(struct pe_cur *c, uint8_t *b, size_t len) {
    const uint8_t *p = in_window(c, len);
    if (p)
        return p;
    pe_bytes(c, b, len);
    return b;
}

uint8_t pe_u8(struct pe_cur *c) {
    uint8_t b[1];
    return *next(c, b, sizeof b);
}

uint16_t pe_u16(struct pe_cur *c) {
    uint8_t b[2];
    const uint8_t *p = next(c, b, sizeof b);
    return (uint16_t)(p[0] | p[1] << 8);
}

uint32_t pe_u32(struct pe_cur *c) {
    uint8_t b[4];
    const uint8_t *p = next(c, b, sizeof b);
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

uint64_t pe_u64(struct pe_cur *c) {
    uint64_t low = pe_u32(c);
    return low | (uint64_t)pe_u32(c) << 32;
}

uint64_t pe_uptr(struct pe_cur *c) { return c->pe->h.is64 ? pe_u64(c) : pe_u32(c); }

void pe_skip(struct pe_cur *c, uint64_t len) {
    if (c->failed)
        return;
    if (len > c->end - c->pos)
        fail(c, SC_READ_OK, c->pos);
    else
        c->pos += len;
}

void pe_seek(struct pe_cur *c, uint64_t rva) {
    if (c->failed)
        return;
    if (rva > c->end)
        fail(c, SC_READ_OK, rva);
    else
        c->pos = rva;
}

void pe_resume(struct pe_cur *c, uint64_t rva) {
    c->failed = false;
    c->pos = rva < c->end ? rva : c->end;
}

sc_err *pe_cur_err(const struct pe_cur *c) {
    if (c->status != SC_READ_OK)
        return pe_read_err(c->pe, c->fail_pos, c->status, c->what);
    return pe_bad(c->pe, c->fail_pos, "%s: cut short", c->what);
}

sc_err *pe_text(const sc_pe *pe, uint64_t rva, char *buf, size_t size, const char *what,
                bool *ret_cut) {
    size_t done = 0;
    bool cut = false;
    for (;;) {
        /* In small steps: a name that ends before a missing page is there as a whole. */
        size_t room = size - 1 - done, got = 0, want = room < 64 ? room : 64;
        if (!room) {
            char last = 1;
            cut = sc_pe_read(pe, rva + done, &last, 1, NULL) != SC_READ_OK || last;
            break;
        }
        enum sc_read status = sc_pe_read(pe, rva + done, buf + done, want, &got);
        const char *nul = memchr(buf + done, 0, got);
        done += got;
        buf[done] = 0;
        if (nul)
            break;
        if (status != SC_READ_OK)
            return pe_read_err(pe, rva + done, status, what);
    }
    if (ret_cut)
        *ret_cut = cut;
    return NULL;
}

sc_err *pe_u32_at(const sc_pe *pe, uint64_t rva, const char *what, uint32_t *ret) {
    struct pe_cur c = pe_cur_at(pe, rva, 4, what);
    uint32_t v = pe_u32(&c);
    if (c.failed)
        return pe_cur_err(&c);
    *ret = v;
    return NULL;
}

sc_err *pe_u16_at(const sc_pe *pe, uint64_t rva, const char *what, uint16_t *ret) {
    struct pe_cur c = pe_cur_at(pe, rva, 2, what);
    uint16_t v = pe_u16(&c);
    if (c.failed)
        return pe_cur_err(&c);
    *ret = v;
    return NULL;
}
