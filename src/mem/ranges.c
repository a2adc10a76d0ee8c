/* SPDX-License-Identifier: MIT */
/*
 * Ranges of a file as pages.
 *
 * Ranges come in order of preference and may overlap (a triage dump's data blocks repeat its
 * stack). They are sorted and cut to be disjoint once; a read is then a binary search. Nothing is
 * expanded to pages: a range costs 24 bytes whatever its size.
 */
#include "mem/ranges.h"

#include <stdlib.h>
#include <string.h>

#include "base/sort.h"
#include "base/vec.h"

struct file_ranges {
    const sc_file *file;
    struct sc_range *range; /* sorted, disjoint */
    size_t count;
    size_t last; /* where the last hit was: reads cluster */
};

/* A range with its rank: the lower the rank, the more it is preferred. */
struct ranked {
    struct sc_range r;
    size_t rank;
};

/* Cuts FROM off the front of R. */
static struct sc_range cut_front(struct sc_range r, uint64_t from) {
    uint64_t d = from - r.start;
    return (struct sc_range){from, r.size - d, r.offset + d};
}

/*
 * Min-heap by rank of the ranges that are open at the sweep's position: the preferred one on top.
 * Few are open at a time, whatever the list's length, unless somebody made it so.
 */
struct heap {
    struct ranked *item;
    size_t count, room;
};

static bool heap_push(struct heap *h, struct ranked r) {
    if (!SC_VEC_PUSH(h))
        return false;
    size_t i = h->count - 1;
    while (i && h->item[(i - 1) / 2].rank > r.rank) {
        h->item[i] = h->item[(i - 1) / 2];
        i = (i - 1) / 2;
    }
    h->item[i] = r;
    return true;
}

static void heap_pop(struct heap *h) {
    struct ranked last = h->item[--h->count];
    size_t i = 0;
    for (;;) {
        size_t child = 2 * i + 1;
        if (child >= h->count)
            break;
        if (child + 1 < h->count && h->item[child + 1].rank < h->item[child].rank)
            child++;
        if (h->item[child].rank >= last.rank)
            break;
        h->item[i] = h->item[child];
        i = child;
    }
    h->item[i] = last;
}

/* Appends a piece, joining it to the one before when both address and offset go on. */
static bool put(struct sc_ranges *out, struct sc_range r) {
    if (out->count) {
        struct sc_range *p = &out->item[out->count - 1];
        if (p->start + p->size == r.start && p->offset + p->size == r.offset) {
            p->size += r.size;
            return true;
        }
    }
    struct sc_range *slot = SC_VEC_PUSH(out);
    if (!slot)
        return false;
    *slot = r;
    return true;
}

/*
 * The sweep over RANGES in the order of KEY: between two starts, the preferred open range supplies
 * the bytes.
 */
static bool flatten(const struct sc_ranges *ranges, const struct sc_sort_key *key, size_t n,
                    struct heap *open, struct sc_ranges *out) {
    uint64_t pos = 0;
    size_t next = 0;
    while (next < n || open->count) {
        if (!open->count) {
            const struct sc_range *r = &ranges->item[key[next].index];
            pos = r->start;
            if (next + 1 == n || key[next + 1].key - pos >= r->size) { /* alone, as most are */
                if (!put(out, *r))
                    return false;
                next++;
                continue;
            }
        }
        for (; next < n && key[next].key <= pos; next++)
            if (!heap_push(open, (struct ranked){ranges->item[key[next].index], key[next].index}))
                return false;
        struct sc_range top = open->item[0].r;
        uint64_t end = top.start + (top.size - 1); /* inclusive: a range may end at 2^64 */
        if (end < pos) {
            heap_pop(open);
            continue;
        }
        uint64_t stop = end;
        if (next < n && key[next].key <= end)
            stop = key[next].key - 1;
        struct sc_range piece = cut_front(top, pos);
        piece.size = stop - pos + 1;
        if (!put(out, piece))
            return false;
        if (stop == UINT64_MAX)
            break;
        pos = stop + 1;
        if (stop == end)
            heap_pop(open);
    }
    return true;
}

static bool is_sorted(const struct sc_ranges *r) {
    for (size_t i = 0; i < r->count; i++) {
        if (!r->item[i].size)
            return false;
        if (i && r->item[i - 1].start + (r->item[i - 1].size - 1) >= r->item[i].start)
            return false;
    }
    return true;
}

/* Cuts what runs over the top of the address space: it must not wrap to low addresses. */
static void cut_at_top(struct sc_ranges *ranges) {
    for (size_t i = 0; i < ranges->count; i++) {
        struct sc_range *r = &ranges->item[i];
        if (r->size && r->size - 1 > UINT64_MAX - r->start)
            r->size = UINT64_MAX - r->start + 1;
    }
}

/* Those of RANGES that are not empty, by start, then rank; NULL when memory is short. */
static struct sc_sort_key *sorted(const struct sc_ranges *ranges, size_t *ret_count) {
    struct sc_sort_key *key = malloc((ranges->count + 1) * sizeof *key);
    size_t n = 0;
    for (size_t i = 0; key && i < ranges->count; i++)
        if (ranges->item[i].size)
            key[n++] = (struct sc_sort_key){ranges->item[i].start, i};
    if (!key || !sc_sort_keys(key, n)) {
        free(key);
        return NULL;
    }
    *ret_count = n;
    return key;
}

/* Sorts RANGES and makes them disjoint, in place of the old array. */
static bool normalise(struct sc_ranges *ranges) {
    cut_at_top(ranges);
    if (is_sorted(ranges))
        return true;
    size_t n;
    struct sc_sort_key *key = sorted(ranges, &n);
    struct heap open = {0};
    struct sc_ranges out = {0};
    bool ok = key && SC_VEC_RESERVE(&out, n + 1) && flatten(ranges, key, n, &open, &out);
    free(key);
    SC_VEC_FREE(&open);
    if (!ok) {
        SC_VEC_FREE(&out);
        return false;
    }
    SC_VEC_FREE(ranges);
    *ranges = out;
    return true;
}

/* Index of the first range that ends at or behind ADDR; count if none. */
static size_t lower(const struct file_ranges *s, uint64_t addr) {
    size_t lo = 0, hi = s->count;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (s->range[mid].start + (s->range[mid].size - 1) < addr)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static bool covers(const struct sc_range *r, uint64_t addr) { return addr - r->start < r->size; }

static const struct sc_range *find(struct file_ranges *s, uint64_t addr) {
    if (s->last < s->count && covers(&s->range[s->last], addr))
        return &s->range[s->last];
    size_t i = lower(s, addr);
    if (i == s->count || !covers(&s->range[i], addr))
        return NULL;
    s->last = i;
    return &s->range[i];
}

static enum sc_read ranges_read(void *impl, uint64_t addr, void *buf, size_t len, size_t *ret_got) {
    struct file_ranges *s = impl;
    const struct sc_range *r = find(s, addr);
    *ret_got = 0;
    if (!r)
        return SC_READ_ABSENT;
    uint64_t skip = addr - r->start;
    if (len > r->size - skip)
        len = (size_t)(r->size - skip);
    if (!sc_file_read_some(s->file, r->offset + skip, buf, len, ret_got))
        return SC_READ_IO;
    return *ret_got ? SC_READ_OK : SC_READ_IO;
}

static enum sc_read ranges_view(void *impl, uint64_t addr, const uint8_t **ret_data,
                                size_t *ret_len) {
    struct file_ranges *s = impl;
    const struct sc_range *r = find(s, addr);
    if (!r)
        return SC_READ_ABSENT;
    uint64_t skip = addr - r->start, len = r->size - skip;
    if (len > SIZE_MAX)
        len = SIZE_MAX;
    const uint8_t *data = sc_file_view(s->file, r->offset + skip, len);
    if (!data)
        return SC_READ_ABSENT;
    *ret_data = data;
    *ret_len = (size_t)len;
    return SC_READ_OK;
}

static bool ranges_next(void *impl, uint64_t addr, uint64_t *ret_start, uint64_t *ret_size) {
    struct file_ranges *s = impl;
    size_t i = lower(s, addr);
    if (i == s->count)
        return false;
    *ret_start = s->range[i].start;
    *ret_size = s->range[i].size;
    return true;
}

static bool ranges_offset(void *impl, uint64_t addr, uint64_t *ret_offset) {
    const struct sc_range *r = find(impl, addr);
    if (!r)
        return false;
    *ret_offset = r->offset + (addr - r->start);
    return true;
}

static void ranges_destroy(void *impl) {
    struct file_ranges *s = impl;
    free(s->range);
    free(s);
}

static const struct sc_pages_ops ranges_ops = {
    .name = "ranges",
    .read = ranges_read,
    .view = ranges_view,
    .next = ranges_next,
    .offset = ranges_offset,
    .destroy = ranges_destroy,
};

sc_err *sc_ranges_pages(const sc_file *file, struct sc_ranges *own_ranges,
                        struct sc_pages *ret_pages) {
    struct file_ranges *s = calloc(1, sizeof *s);
    if (!s || !normalise(own_ranges)) {
        free(s);
        SC_VEC_FREE(own_ranges);
        return sc_err_nomem();
    }
    s->file = file;
    s->range = own_ranges->item;
    s->count = own_ranges->count;
    *own_ranges = (struct sc_ranges){0};
    *ret_pages = (struct sc_pages){&ranges_ops, s};
    return NULL;
}

bool sc_is_ranges(const struct sc_pages *pages) { return pages->ops == &ranges_ops; }
