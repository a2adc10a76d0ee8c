/* SPDX-License-Identifier: MIT */
/*
 * Walking memory and finding bytes in it.
 *
 * A pattern is found by its two rarest bytes: sixteen places at a time are compared with both where
 * the processor can, else memchr() looks for the one. What lies across two pieces is found in a
 * joint of the end of the one and the start of the other.
 */
#include "cmd/memscan.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "stopcode/source.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

enum {
    PIECE = 16 << 20,     /* bytes between two looks at the cancel flag */
    BUFFER = 1 << 20,     /* read at once where the file is not mapped */
    PAGE = 4096,          /* a step through a gap */
    NEAR = 256 << 20,     /* gaps of ranges no longer than this are looked into */
    REPORT = 64 << 20,    /* bytes between two words about how far it is */
    HOLE = 64 << 10,      /* of a file, to be worth passing over */
    SCATTERED = 64 << 10, /* behind a piece that is shorter the next one is announced … */
    FETCHED = 1024,       /* … that is, so much of it … */
    LINE = 64,            /* … by lines of the cache */
    LANES = 16,           /* places that are looked at together */
};

/* --- the walk ------------------------------------------------------------------------------- */

void sc_memscan_init(struct sc_memscan *scan, const struct sc_memscan_area *area, uint64_t start,
                     uint64_t last) {
    *scan = (struct sc_memscan){.area = *area};
    bool virtual = area->space == sc_target_space(area->target);
    if (virtual && sc_space_ptr_size(area->space) == 4 && last > UINT32_MAX)
        last = UINT32_MAX;
    scan->pos = start;
    scan->last = last;
    scan->done = start > last;
    scan->near_gaps = !area->present_only && last - start < NEAR;
    scan->run = scan->ahead = (struct sc_memscan_run){1, 0, NULL};
}

void sc_memscan_deinit(struct sc_memscan *scan) { free(scan->buffer); }

static void advance(struct sc_memscan *scan, uint64_t len) {
    scan->done = len > scan->last - scan->pos;
    scan->pos += len;
}

/* Says how far it is, when LEN more bytes are enough for that. */
static void report(struct sc_memscan *scan, uint64_t len) {
    scan->unreported += len;
    if (!scan->area.progress || scan->unreported < REPORT)
        return;
    scan->area.progress(scan->area.ctx, scan->unreported);
    scan->unreported = 0;
}

/* Up to LEN bytes at the position through the buffer; *RET_GOT 0: there is nothing. */
static sc_err *read_here(struct sc_memscan *scan, uint64_t len, size_t *ret_got) {
    if (!scan->buffer)
        scan->buffer = malloc(BUFFER);
    if (!scan->buffer)
        return sc_err_nomem();
    sc_space_read(scan->area.space, scan->pos, scan->buffer, len < BUFFER ? (size_t)len : BUFFER,
                  ret_got);
    return NULL;
}

static bool is_none(const struct sc_memscan_run *r) { return r->start > r->last; }

/* The present piece at or behind ADDR. */
static bool ask(const struct sc_memscan *scan, uint64_t addr, struct sc_memscan_run *ret) {
    uint64_t size;
    if (!sc_space_piece(scan->area.space, addr, &ret->start, &ret->data, &size))
        return false;
    ret->last = ret->start + (size - 1); /* inclusive: it may end at 2^64 */
    return true;
}

/*
 * Pages of a process lie anywhere. The processor does not see the next one coming, so it is told:
 * else it waits for each.
 */
static void look_ahead(struct sc_memscan *scan) {
    const struct sc_memscan_run *r = &scan->run;
    scan->ahead = (struct sc_memscan_run){1, 0, NULL};
    if (!r->data || r->last - r->start >= SCATTERED || r->last >= scan->last ||
        !ask(scan, r->last + 1, &scan->ahead) || !scan->ahead.data)
        return;
    for (size_t i = 0; i < FETCHED && i <= scan->ahead.last - scan->ahead.start; i += LINE)
        __builtin_prefetch(scan->ahead.data + i);
}

/* Finds the present piece at or behind the position, unless it is the one found before. */
static bool find_run(struct sc_memscan *scan) {
    if (!is_none(&scan->run) && scan->pos <= scan->run.last)
        return true;
    if (!is_none(&scan->ahead) && scan->pos <= scan->ahead.last)
        scan->run = scan->ahead;
    else if (!ask(scan, scan->pos, &scan->run))
        return false;
    look_ahead(scan);
    return true;
}

/* The present piece at or behind the position, cut to the walk; false when there is none. */
static bool next_range(struct sc_memscan *scan, uint64_t *ret_start, uint64_t *ret_len) {
    if (!find_run(scan) || scan->run.start > scan->last)
        return false;
    uint64_t end = scan->run.last < scan->last ? scan->run.last : scan->last;
    uint64_t start = scan->run.start > scan->pos ? scan->run.start : scan->pos;
    *ret_start = start;
    *ret_len = end - start + 1;
    return true;
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
    if (scan->area.present_only || !scan->area.hint ||
        !scan->area.hint(scan->area.ctx, scan->pos, &start, &last) || start >= *border ||
        last < scan->pos)
        return false;
    *border = start > scan->pos ? start : last < *border - 1 ? last + 1 : *border;
    return start <= scan->pos;
}

/* In the gap before the next piece, or behind the last (not FOUND). False: nothing follows. */
static bool cross_gap(struct sc_memscan *scan, bool found, uint64_t start, size_t *ret_got,
                      sc_err **ret_err) {
    uint64_t border = found ? start : scan->last;
    if (worth_a_look(scan, &border)) {
        *ret_err = look_into_gap(scan, border, ret_got);
        return true;
    }
    if (!found && border == scan->last)
        return false;
    scan->pos = border;
    return true;
}

/*
 * How many of LEN bytes at DATA are to be looked at next: up to a hole of the file, or a hole's
 * first page or last. The rest of it is passed over: what is found at its edges may reach into it.
 */
static uint64_t up_to_hole(struct sc_memscan *scan, const uint8_t *data, uint64_t len) {
    const sc_file *file = sc_target_source(scan->area.target)->file;
    bool hole = false;
    if (!scan->skip_zeros || len < HOLE || !file)
        return len;
    if (scan->pos < scan->known)
        return scan->known - scan->pos < len ? scan->known - scan->pos : len;
    bool behind_hole = scan->at_data && scan->pos == scan->known;
    uint64_t stretch =
        behind_hole ? sc_file_until_hole(file, data, len) : sc_file_stretch(file, data, len, &hole);
    scan->at_data = false;
    if (stretch < HOLE && !behind_hole)
        return HOLE; /* many small ones: looking is as fast as asking */
    scan->known = scan->pos + stretch;
    if (!hole)
        return stretch;
    scan->at_data = stretch < len;
    scan->zeros_end = scan->known - PAGE;
    return PAGE;
}

/* Of LEN present bytes at the position; *RET_GOT 0: nothing here, and the position is behind it. */
static sc_err *take_piece(struct sc_memscan *scan, uint64_t len, const uint8_t **ret_data,
                          size_t *ret_got) {
    if (scan->run.data && scan->pos < scan->zeros_end && scan->zeros_end - scan->pos < len) {
        report(scan, scan->zeros_end - scan->pos);
        advance(scan, scan->zeros_end - scan->pos);
        return NULL;
    }
    if (scan->run.data) {
        *ret_data = scan->run.data + (scan->pos - scan->run.start);
        len = up_to_hole(scan, *ret_data, len);
        *ret_got = len < PIECE ? (size_t)len : PIECE;
        return NULL;
    }
    sc_err *err = read_here(scan, len, ret_got);
    if (!err && !*ret_got) {
        uint64_t page = PAGE - scan->pos % PAGE;
        advance(scan, len < page ? len : page);
    }
    *ret_data = scan->buffer;
    return err;
}

sc_err *sc_memscan_next(struct sc_memscan *scan, uint64_t *ret_addr, const uint8_t **ret_data,
                        size_t *ret_len, bool *ret_more) {
    while (!scan->done) {
        uint64_t start = 0, len = 0;
        size_t got = 0;
        sc_err *err = NULL;
        if (sc_target_cancelled(scan->area.target))
            return sc_err_cancelled();
        bool found = next_range(scan, &start, &len);
        if (found && start <= scan->pos)
            err = take_piece(scan, len, ret_data, &got);
        else if (cross_gap(scan, found, start, &got, &err))
            *ret_data = scan->buffer;
        else
            break;
        if (err)
            return err;
        if (!got)
            continue;
        *ret_addr = scan->pos;
        *ret_len = got;
        *ret_more = true;
        advance(scan, got);
        report(scan, got);
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

/* The rarest byte but the one at TAKEN; 0 when there is no other. */
static size_t rarest(const struct sc_pattern *p, size_t taken) {
    size_t best = taken == 0 && p->len > 1 ? 1 : 0;
    for (size_t i = best + 1; i < p->len; i++)
        if (i != taken && commonness(p->byte[i]) < commonness(p->byte[best]))
            best = i;
    return best;
}

void sc_pattern_prepare(struct sc_pattern *p) {
    p->anchor = rarest(p, SIZE_MAX);
    p->second = rarest(p, p->anchor);
}

/* By the one byte, in the first STARTS places. */
static const uint8_t *find_anchor(const struct sc_pattern *p, const uint8_t *data, size_t starts) {
    const uint8_t *at = data + p->anchor, *end = at + starts;
    while (at < end && (at = memchr(at, p->byte[p->anchor], (size_t)(end - at)))) {
        if (!memcmp(at - p->anchor, p->byte, p->len))
            return at - p->anchor;
        at++;
    }
    return NULL;
}

#ifdef __SSE2__

static inline __m128i same(const uint8_t *at, __m128i byte) {
    return _mm_cmpeq_epi8(_mm_loadu_si128((const __m128i *)(const void *)at), byte);
}

/*
 * The first LANES places from *AT on (*AT is moved there) of which some have byte A at X and B at
 * Y: a bit for each; 0: none of those below END. Apart, so that the loop stays in registers.
 */
static unsigned candidates(const uint8_t *x, const uint8_t *y, uint8_t a, uint8_t b, size_t *at,
                           size_t end) {
    const __m128i first = _mm_set1_epi8((char)a), second = _mm_set1_epi8((char)b);
    unsigned mask = 0;
    size_t i = *at;
    for (; i + LANES <= end; i += LANES) {
        mask = (unsigned)_mm_movemask_epi8(_mm_and_si128(same(x + i, first), same(y + i, second)));
        if (mask)
            break;
    }
    *at = i;
    return mask;
}

/* By both bytes, which frequent ones among them cannot slow down. */
static const uint8_t *find_start(const struct sc_pattern *p, const uint8_t *data, size_t starts) {
    const uint8_t *x = data + p->anchor, *y = data + p->second;
    const uint8_t a = p->byte[p->anchor], b = p->byte[p->second];
    unsigned mask;
    size_t i = 0;
    for (; (mask = candidates(x, y, a, b, &i, starts)); i += LANES) {
        for (; mask; mask &= mask - 1) {
            const uint8_t *at = data + i + (unsigned)__builtin_ctz(mask);
            if (!memcmp(at, p->byte, p->len))
                return at;
        }
    }
    return find_anchor(p, data + i, starts - i);
}
#else
static const uint8_t *find_start(const struct sc_pattern *p, const uint8_t *data, size_t starts) {
    return find_anchor(p, data, starts);
}
#endif

const uint8_t *sc_pattern_find(const struct sc_pattern *p, const uint8_t *data, size_t len) {
    if (!p->len || len < p->len)
        return NULL;
    size_t starts = len - p->len + 1;
    return p->len == 1 ? find_anchor(p, data, starts) : find_start(p, data, starts);
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

static bool is_all_zeros(const struct sc_pattern *p) {
    size_t i = 0;
    while (i < p->len && !p->byte[i])
        i++;
    return i == p->len;
}

sc_err *sc_memscan_pattern(const struct sc_memscan_area *area, const struct sc_pattern *pattern,
                           uint64_t start, uint64_t last, sc_hit_fn fn, void *ctx) {
    struct search s = {.pattern = pattern, .fn = fn, .ctx = ctx};
    struct sc_memscan scan;
    uint64_t addr;
    const uint8_t *data;
    size_t len;
    bool more = true;
    sc_memscan_init(&scan, area, start, last);
    scan.skip_zeros = !is_all_zeros(pattern);
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

/* Bit N: byte N of COUNT (64 at most) is a printable character, and is zero. */
struct seen {
    uint64_t printable, zero;
};

static struct seen look_at(const uint8_t *data, unsigned count) {
    struct seen s = {0, 0};
    for (unsigned i = 0; i < count; i++) {
        s.printable |= (uint64_t)(data[i] >= 0x20 && data[i] < 0x7f) << i;
        s.zero |= (uint64_t)!data[i] << i;
    }
    return s;
}

#ifdef __SSE2__
static struct seen look_at_64(const uint8_t *data) {
    const __m128i low = _mm_set1_epi8(0x20), most = _mm_set1_epi8(0x7e - 0x20);
    struct seen s = {0, 0};
    for (unsigned i = 0; i < 64; i += LANES) {
        __m128i x = _mm_loadu_si128((const __m128i *)(const void *)(data + i));
        __m128i above = _mm_sub_epi8(x, low);
        __m128i printable = _mm_cmpeq_epi8(_mm_min_epu8(above, most), above);
        __m128i zero = _mm_cmpeq_epi8(x, _mm_setzero_si128());
        s.printable |= (uint64_t)(unsigned)_mm_movemask_epi8(printable) << i;
        s.zero |= (uint64_t)(unsigned)_mm_movemask_epi8(zero) << i;
    }
    return s;
}
#else
static struct seen look_at_64(const uint8_t *data) { return look_at(data, 64); }
#endif

/* The COUNT bytes at ADDR, of which those that MASK names belong to printable characters. */
static sc_err *add_mask(struct runs *r, uint64_t addr, uint64_t mask, unsigned count) {
    sc_err *err = addr != r->next ? end_run(r) : NULL;
    for (unsigned at = 0; at < count && !err;) {
        uint64_t rest = mask >> at;
        if (!r->count) {
            if (!rest)
                break;
            at += (unsigned)__builtin_ctzll(rest);
            rest = mask >> at;
            r->start = addr + at;
        }
        unsigned ones = ~rest ? (unsigned)__builtin_ctzll(~rest) : 64;
        ones = ones < count - at ? ones : count - at;
        r->count += ones / r->unit;
        at += ones;
        r->next = addr + at;
        if (at < count)
            err = end_run(r);
    }
    return err;
}

/* A 16-bit unit that lies across two pieces is left out: ranges of a dump begin at even addresses.
 */
static sc_err *run_piece(struct runs *r, uint64_t addr, const uint8_t *data, size_t len) {
    const uint64_t even = 0x5555555555555555;
    sc_err *err = NULL;
    size_t i = r->unit == 2 ? addr & 1 : 0;
    while (!err && len - i >= r->unit) {
        unsigned count = len - i < 64 ? (unsigned)(len - i) & ~(r->unit - 1) : 64;
        struct seen s = count == 64 ? look_at_64(data + i) : look_at(data + i, count);
        uint64_t wide = s.printable & s.zero >> 1 & even;
        err = add_mask(r, addr + i, r->unit == 2 ? wide | wide << 1 : s.printable, count);
        i += count;
    }
    return err;
}

sc_err *sc_memscan_strings(const struct sc_memscan_area *area, unsigned unit, uint64_t least,
                           uint64_t start, uint64_t last, sc_string_fn fn, void *ctx) {
    struct runs r = {.unit = unit, .least = least ? least : 1, .fn = fn, .ctx = ctx};
    struct sc_memscan scan;
    uint64_t addr;
    const uint8_t *data;
    size_t len;
    bool more = true;
    sc_memscan_init(&scan, area, start, last);
    scan.skip_zeros = true;
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
