/* SPDX-License-Identifier: MIT */
/*
 * Walking memory and finding bytes in it.
 *
 * A pattern is found by its rarest byte: memchr() to it, which the C library does at the speed of
 * memory, then a comparison around it. What lies across two pieces is found in a joint of the end
 * of the one and the start of the other.
 */
#include "cmd/memscan.h"

#include <stdlib.h>
#include <string.h>

enum {
    PIECE = 16 << 20, /* bytes between two looks at the cancel flag */
    BUFFER = 1 << 20, /* read at once where the file is not mapped */
    PAGE = 4096,      /* a step through a gap */
    ENOUGH = 1 << 20, /* of pages that lie together */
    NEAR = 256 << 20, /* gaps of ranges no longer than this are looked into */
};

/* --- the walk ------------------------------------------------------------------------------- */

void sc_memscan_init(struct sc_memscan *scan, sc_target *target, uint64_t start, uint64_t last) {
    *scan = (struct sc_memscan){.target = target, .space = sc_target_space(target)};
    if (sc_space_ptr_size(scan->space) == 4 && last > UINT32_MAX)
        last = UINT32_MAX;
    scan->pos = start;
    scan->last = last;
    scan->done = start > last;
    scan->near_gaps = last - start < NEAR;
    scan->run = 1; /* none yet */
}

void sc_memscan_deinit(struct sc_memscan *scan) { free(scan->buffer); }

static void advance(struct sc_memscan *scan, uint64_t len) {
    scan->done = len > scan->last - scan->pos;
    scan->pos += len;
}

/* Up to LEN bytes at the position through the buffer; *RET_GOT 0: there is nothing. */
static sc_err *read_here(struct sc_memscan *scan, uint64_t len, size_t *ret_got) {
    if (!scan->buffer)
        scan->buffer = malloc(BUFFER);
    if (!scan->buffer)
        return sc_err_nomem();
    sc_space_read(scan->space, scan->pos, scan->buffer, len < BUFFER ? (size_t)len : BUFFER,
                  ret_got);
    return NULL;
}

/* Finds the present range at or behind the position, unless it is the one found before. */
static bool find_run(struct sc_memscan *scan) {
    uint64_t start, size;
    if (scan->run <= scan->run_last && scan->pos <= scan->run_last)
        return true;
    if (!sc_space_next(scan->space, scan->pos, &start, &size))
        return false;
    scan->run = start;
    scan->run_last = start + (size - 1); /* inclusive: a range may end at 2^64 */
    return true;
}

/* The present range at or behind the position, cut to the walk; false when there is none. */
static bool next_range(struct sc_memscan *scan, uint64_t *ret_start, uint64_t *ret_len) {
    if (!find_run(scan) || scan->run > scan->last)
        return false;
    uint64_t end = scan->run_last < scan->last ? scan->run_last : scan->last;
    uint64_t start = scan->run > scan->pos ? scan->run : scan->pos;
    *ret_start = start;
    *ret_len = end - start + 1;
    return true;
}

/*
 * Bytes in place from the position on, at most LEN: pages whose bytes lie together in the file are
 * one piece, as many as make it worth while.
 */
static size_t view_here(struct sc_memscan *scan, uint64_t len, const uint8_t **ret_data) {
    const uint8_t *next;
    size_t got = 0, more;
    if (sc_space_view(scan->space, scan->pos, ret_data, &got) != SC_READ_OK)
        return 0;
    while (got < len && got < ENOUGH &&
           sc_space_view(scan->space, scan->pos + got, &next, &more) == SC_READ_OK &&
           next == *ret_data + got)
        got += more;
    return got < len ? got : (size_t)len;
}

/* A page that only a filler has, in the gap before NEXT; moves on when there is none. */
static sc_err *look_into_gap(struct sc_memscan *scan, uint64_t next, size_t *ret_got) {
    uint64_t step = PAGE - scan->pos % PAGE;
    step = next - scan->pos < step ? next - scan->pos : step;
    sc_err *err = read_here(scan, step, ret_got);
    if (!err && !*ret_got)
        advance(scan, step);
    return err;
}

/*
 * Is the position, in the gap before *BORDER, worth a try? Else *BORDER is set to the first place
 * that is, if one comes before it.
 */
static bool worth_a_look(struct sc_memscan *scan, uint64_t *border) {
    uint64_t start, last;
    if (*border <= scan->pos)
        return false;
    if (scan->near_gaps)
        return true;
    if (!scan->hint.fn || !scan->hint.fn(scan->hint.ctx, scan->pos, &start, &last) ||
        start >= *border || last < scan->pos)
        return false;
    *border = start > scan->pos ? start : last < *border - 1 ? last + 1 : *border;
    return start <= scan->pos;
}

sc_err *sc_memscan_next(struct sc_memscan *scan, uint64_t *ret_addr, const uint8_t **ret_data,
                        size_t *ret_len, bool *ret_more) {
    while (!scan->done) {
        uint64_t start = 0, len = 0;
        size_t got = 0;
        sc_err *err = NULL;
        if (sc_target_cancelled(scan->target))
            return sc_err_cancelled();
        bool found = next_range(scan, &start, &len);
        if (!found || start > scan->pos) {
            uint64_t border = found ? start : scan->last;
            if (worth_a_look(scan, &border)) {
                err = look_into_gap(scan, border, &got);
                if (err)
                    return err;
                if (!got)
                    continue;
                *ret_data = scan->buffer;
            } else if (!found && border == scan->last) {
                break;
            } else {
                scan->pos = border;
                continue;
            }
        } else if ((got = view_here(scan, len < PIECE ? len : PIECE, ret_data))) {
            ; /* in place */
        } else {
            err = read_here(scan, len, &got);
            if (err)
                return err;
            if (!got) { /* the file cannot be read here */
                advance(scan, len < PAGE ? len : PAGE);
                continue;
            }
            *ret_data = scan->buffer;
        }
        *ret_addr = scan->pos;
        *ret_len = got;
        *ret_more = true;
        advance(scan, got);
        return NULL;
    }
    scan->done = true;
    *ret_more = false;
    return NULL;
}

/* --- patterns ------------------------------------------------------------------------------- */

/* How common a byte is in memory: zeros, then ones, blanks, frequent letters and code bytes. */
static unsigned commonness(uint8_t c) {
    static const char letters[] = " etaoinsr";
    static const uint8_t code[] = {0x48, 0x8b, 0x89, 0xcc, 0x24, 0x0f, 0x4c, 0x44, 0xc0, 0xe8};
    if (!c)
        return 4;
    if (c == 0xff || c == 1)
        return 3;
    if (memchr(code, c, sizeof code) || memchr(letters, c, sizeof letters - 1))
        return 2;
    return c < 0x10 || c >= 0xf0;
}

void sc_pattern_prepare(struct sc_pattern *p) {
    p->anchor = 0;
    for (size_t i = 1; i < p->len; i++) {
        if (commonness(p->byte[i]) < commonness(p->byte[p->anchor]))
            p->anchor = i;
    }
}

const uint8_t *sc_pattern_find(const struct sc_pattern *p, const uint8_t *data, size_t len) {
    if (!p->len || len < p->len)
        return NULL;
    const uint8_t *at = data + p->anchor, *end = at + (len - p->len + 1);
    while (at < end && (at = memchr(at, p->byte[p->anchor], (size_t)(end - at)))) {
        if (!memcmp(at - p->anchor, p->byte, p->len))
            return at - p->anchor;
        at++;
    }
    return NULL;
}

struct search {
    const struct sc_pattern *pattern;
    sc_hit_fn fn;
    void *ctx;
    /* The end of what has been searched, for hits across the border to the next piece. */
    uint8_t tail[SC_PATTERN_MAX];
    size_t tail_len;
    uint64_t tail_end; /* the address behind it */
};

/* Hits in LEN bytes that start in the first STARTS of them. */
static sc_err *search_bytes(const struct search *s, uint64_t addr, const uint8_t *data, size_t len,
                            size_t starts) {
    const uint8_t *p = data, *hit;
    sc_err *err = NULL;
    while (!err && (hit = sc_pattern_find(s->pattern, p, len - (size_t)(p - data)))) {
        size_t at = (size_t)(hit - data);
        if (at >= starts)
            break;
        if ((addr + at) % s->pattern->align == 0)
            err = s->fn(s->ctx, addr + at);
        p = hit + 1;
    }
    return err;
}

/* Hits that begin in the tail and end in the new piece. */
static sc_err *search_joint(struct search *s, uint64_t addr, const uint8_t *data, size_t len) {
    uint8_t joint[2 * SC_PATTERN_MAX];
    if (!s->tail_len || s->tail_end != addr)
        return NULL;
    size_t head = len < s->pattern->len - 1 ? len : s->pattern->len - 1;
    memcpy(joint, s->tail, s->tail_len);
    memcpy(joint + s->tail_len, data, head);
    return search_bytes(s, addr - s->tail_len, joint, s->tail_len + head, s->tail_len);
}

static void keep_tail(struct search *s, uint64_t addr, const uint8_t *data, size_t len) {
    size_t want = s->pattern->len - 1;
    if (s->tail_end != addr)
        s->tail_len = 0;
    if (len >= want) {
        memcpy(s->tail, data + len - want, want);
        s->tail_len = want;
    } else {
        size_t keep = s->tail_len < want - len ? s->tail_len : want - len;
        memmove(s->tail, s->tail + s->tail_len - keep, keep);
        memcpy(s->tail + keep, data, len);
        s->tail_len = keep + len;
    }
    s->tail_end = addr + len;
}

sc_err *sc_memscan_pattern(sc_target *target, const struct sc_memscan_hint *hint,
                           const struct sc_pattern *pattern, uint64_t start, uint64_t last,
                           sc_hit_fn fn, void *ctx) {
    struct search s = {.pattern = pattern, .fn = fn, .ctx = ctx};
    struct sc_memscan scan;
    uint64_t addr;
    const uint8_t *data;
    size_t len;
    bool more = true;
    sc_memscan_init(&scan, target, start, last);
    scan.hint = *hint;
    sc_err *err = sc_memscan_next(&scan, &addr, &data, &len, &more);
    while (!err && more) {
        err = search_joint(&s, addr, data, len);
        if (!err)
            err = search_bytes(&s, addr, data, len, len);
        if (!err) {
            keep_tail(&s, addr, data, len);
            err = sc_memscan_next(&scan, &addr, &data, &len, &more);
        }
    }
    sc_memscan_deinit(&scan);
    return err;
}

/* --- strings -------------------------------------------------------------------------------- */

struct runs {
    unsigned unit;
    uint64_t least;
    sc_string_fn fn;
    void *ctx;
    uint64_t start, count; /* the run that is going on */
    uint64_t next;         /* the address its next character would have */
};

static sc_err *end_run(struct runs *r) {
    uint64_t count = r->count;
    r->count = 0;
    return count >= r->least ? r->fn(r->ctx, r->start, count) : NULL;
}

static sc_err *add_unit(struct runs *r, uint64_t addr, bool printable) {
    if (!printable || addr != r->next) {
        sc_err *err = end_run(r);
        if (err)
            return err;
    }
    if (printable && !r->count++)
        r->start = addr;
    r->next = addr + r->unit;
    return NULL;
}

/* A 16-bit unit that lies across two pieces is left out: ranges of a dump begin at even addresses.
 */
static sc_err *run_piece(struct runs *r, uint64_t addr, const uint8_t *data, size_t len) {
    sc_err *err = NULL;
    for (size_t i = r->unit == 2 ? addr & 1 : 0; !err && i + r->unit <= len; i += r->unit) {
        bool printable = data[i] >= 0x20 && data[i] < 0x7f && (r->unit == 1 || !data[i + 1]);
        if (printable || r->count)
            err = add_unit(r, addr + i, printable);
    }
    return err;
}

sc_err *sc_memscan_strings(sc_target *target, const struct sc_memscan_hint *hint, unsigned unit,
                           uint64_t least, uint64_t start, uint64_t last, sc_string_fn fn,
                           void *ctx) {
    struct runs r = {.unit = unit, .least = least ? least : 1, .fn = fn, .ctx = ctx};
    struct sc_memscan scan;
    uint64_t addr;
    const uint8_t *data;
    size_t len;
    bool more = true;
    sc_memscan_init(&scan, target, start, last);
    scan.hint = *hint;
    sc_err *err = sc_memscan_next(&scan, &addr, &data, &len, &more);
    while (!err && more) {
        err = run_piece(&r, addr, data, len);
        if (!err)
            err = sc_memscan_next(&scan, &addr, &data, &len, &more);
    }
    if (!err)
        err = end_run(&r);
    sc_memscan_deinit(&scan);
    return err;
}
