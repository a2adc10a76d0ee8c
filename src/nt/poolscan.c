/* SPDX-License-Identifier: MIT */
/*
 * The scan. Headers stand at multiples of 8 (x86) or 16 (x64), the tag 4 bytes into them; so one
 * word of every 8 or 16 bytes is compared, in place where the dump is mapped. Few places have the
 * tag: only those are looked at closely.
 *
 * Pages that are neighbours in memory lie anywhere in the file, and reading a file criss-cross
 * costs several times what reading it from one end to the other does. So pages are collected first,
 * then scanned in the order of the file, and what was found is given in the order of addresses.
 */
#include "nt/poolscan.h"

#include <stdlib.h>
#include <string.h>

#include "base/sort.h"
#include "base/vec.h"

enum {
    BUFFER = 1 << 20,
    AT_ONCE = 16,          /* tags that are compared before the first look at what is equal */
    PIECES_MOST = 1 << 18, /* that are collected: 1 GB of pages */
    HITS_MOST = 1 << 20,   /* that are put in order */
};

/* Memory in place. */
struct piece {
    uint64_t address;
    const uint8_t *data;
    size_t size;
};
struct run {
    struct nt_poolscan *scan;
    nt_poolscan_fn fn;
    void *ctx;
    bool more;
    struct {
        struct piece *item;
        size_t count, room;
    } pieces;
    struct {
        struct sc_sort_key *item; /* by address */
        size_t count, room;
    } hits;
    bool ordered; /* what has the tag is looked at as it is met; else it goes to `hits` */
    bool nomem;
};

static uint32_t word(const uint8_t *p) {
    return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* Could a block in use, or a free one, have this type? */
static bool is_type(const struct nt_pool *pool, uint8_t type) {
    if (!type)
        return !pool->segments; /* a heap's free block has no header */
    /* XP: type and 1, quota 8, session 0x20; since Vista a bit more: in use is 2. */
    return pool->new_types ? (type & 2) != 0 && type < 0x80 : type < 0x80;
}

static bool neighbour(const struct nt_pool *pool, const struct nt_pool_block *b) {
    uint8_t header[16];
    struct nt_pool_block next;
    uint64_t at = b->address + b->size;
    size_t got = 0;
    if (pool->segments || at % NT_POOL_PAGE == 0)
        return true;
    sc_space_read(pool->nt->space, at, header, pool->header, &got);
    if (got < pool->header)
        return true; /* not in the dump: nothing speaks against it */
    nt_pool_decode(pool, at, header, &next);
    return next.previous == b->size;
}

/* HEADER lies at ADDRESS. */
static void check(struct run *r, uint64_t address, const uint8_t *header) {
    const struct nt_pool *pool = r->scan->pool;
    struct nt_pool_block b;
    nt_pool_decode(pool, address, header, &b);
    uint32_t offset = (uint32_t)(address % NT_POOL_PAGE);
    bool sound = b.size > pool->header && offset + b.size <= NT_POOL_PAGE && b.previous <= offset &&
                 is_type(pool, b.type) && (pool->segments || (b.previous != 0) == (offset != 0)) &&
                 neighbour(pool, &b);
    if (!sound && b.size == pool->header && !b.allocated)
        sound = offset + b.size <= NT_POOL_PAGE && neighbour(pool, &b); /* the smallest rest */
    if (sound)
        r->more = r->fn(r->ctx, &b);
    else
        r->scan->unsound++;
}

/* The tag stands in the header at ADDRESS, whose bytes are DATA. */
static void met(struct run *r, uint64_t address, const uint8_t *data) {
    if (r->ordered) {
        check(r, address, data);
        return;
    }
    struct sc_sort_key *hit = SC_VEC_PUSH(&r->hits);
    if (hit)
        hit->key = address;
    r->nomem = r->nomem || !hit;
}

/* How many of AT_ONCE tags, STEP bytes apart from DATA on, are VALUE under MASK. */
static inline unsigned count_tags(const uint8_t *data, size_t step, uint32_t mask, uint32_t value) {
    unsigned n = 0;
    for (unsigned i = 0; i < AT_ONCE; i++)
        n += (word(data + i * step) & mask) == value;
    return n;
}

static void look_closely(struct run *r, uint64_t address, const uint8_t *data, size_t size) {
    const struct nt_tagpattern *p = &r->scan->pattern;
    const size_t unit = r->scan->pool->unit;
    for (size_t i = 0; r->more && i + unit <= size; i += unit) {
        uint32_t tag = word(data + i + 4);
        if ((tag & p->mask) == p->value && nt_tagpattern_fits(p, tag))
            met(r, address + i, data + i);
    }
}

/* DATA lies at ADDRESS, a multiple of the unit; SIZE is one. */
static void scan_bytes(struct run *r, uint64_t address, const uint8_t *data, size_t size) {
    const uint32_t value = r->scan->pattern.value, mask = r->scan->pattern.mask;
    const size_t unit = r->scan->pool->unit, stretch = AT_ONCE * unit;
    size_t i = 0;
    for (; r->more && i + stretch <= size; i += stretch) {
        unsigned n = unit == 16 ? count_tags(data + i + 4, 16, mask, value)
                                : count_tags(data + i + 4, 8, mask, value);
        if (n)
            look_closely(r, address + i, data + i, stretch);
    }
    look_closely(r, address + i, data + i, size - i);
}

/* ---- pieces in the order of the file ---- */

/* What was found, in the order of addresses. */
static sc_err *give_hits(struct run *r) {
    const struct nt_pool *pool = r->scan->pool;
    if (r->nomem || !sc_sort_keys(r->hits.item, r->hits.count))
        return sc_err_nomem();
    for (size_t i = 0; r->more && i < r->hits.count; i++) {
        uint8_t header[16];
        uint64_t at = r->hits.item[i].key;
        if (sc_target_cancelled(pool->nt->target))
            return sc_err_cancelled();
        if (sc_space_read(pool->nt->space, at, header, pool->header, NULL) == SC_READ_OK)
            check(r, at, header);
    }
    return NULL;
}

/* Scans in the order of ORDER; *RET_DONE false: there are too many hits to keep them. */
static sc_err *scan_pieces(struct run *r, const struct sc_sort_key *order, bool *ret_done) {
    for (size_t i = 0; r->more && i < r->pieces.count; i++) {
        const struct piece *p = &r->pieces.item[order[i].index];
        if (sc_target_cancelled(r->scan->pool->nt->target))
            return sc_err_cancelled();
        scan_bytes(r, p->address, p->data, p->size);
        if (r->nomem)
            return sc_err_nomem();
        if (r->hits.count > HITS_MOST) {
            *ret_done = false;
            return NULL;
        }
    }
    *ret_done = true;
    return NULL;
}

/* The pieces that were collected, by KEYS, which has room for them. */
static sc_err *scan_by(struct run *r, struct sc_sort_key *keys) {
    bool done = false;
    for (size_t i = 0; i < r->pieces.count; i++)
        keys[i] = (struct sc_sort_key){(uintptr_t)r->pieces.item[i].data, i};
    if (!sc_sort_keys(keys, r->pieces.count))
        return sc_err_nomem();
    sc_err *err = scan_pieces(r, keys, &done);
    if (err && sc_err_code(err) != SC_ERR_CANCELLED)
        return err;
    if (err || done) {
        sc_err *other = give_hits(r);
        sc_err_destroy(err ? other : NULL);
        return err ? err : other;
    }
    for (size_t i = 0; i < r->pieces.count; i++)
        keys[i].index = i;
    r->hits.count = 0;
    r->ordered = true;
    err = scan_pieces(r, keys, &done);
    r->ordered = false;
    return err;
}

/* Scans what was collected. */
static sc_err *flush(struct run *r) {
    struct sc_sort_key *keys = malloc((r->pieces.count + 1) * sizeof *keys);
    sc_err *err = keys ? scan_by(r, keys) : sc_err_nomem();
    free(keys);
    r->pieces.count = r->hits.count = 0;
    return err;
}

static sc_err *collect(struct run *r, uint64_t address, const uint8_t *data, size_t size) {
    struct piece *last = r->pieces.count ? &r->pieces.item[r->pieces.count - 1] : NULL;
    if (last && last->address + last->size == address && last->data + last->size == data &&
        last->size < BUFFER) {
        last->size += size;
        return NULL;
    }
    sc_err *err = r->pieces.count == PIECES_MOST ? flush(r) : NULL;
    if (err)
        return err;
    struct piece *p = SC_VEC_PUSH(&r->pieces);
    if (!p)
        return sc_err_nomem();
    *p = (struct piece){address, data, size};
    return NULL;
}

/* ---- runs of memory ---- */

/* What is not mapped: through BUFFER, after all that comes before it. */
static sc_err *scan_copy(struct run *r, uint64_t address, const uint8_t *buffer, size_t size) {
    sc_err *err = flush(r);
    r->ordered = true;
    if (!err)
        scan_bytes(r, address, buffer, size);
    r->ordered = false;
    return err;
}

/* One run of memory that is there: in place, else through BUFFER. */
static sc_err *scan_range(struct run *r, uint64_t start, uint64_t end, uint8_t *buffer) {
    const struct nt *nt = r->scan->pool->nt;
    uint64_t unit = r->scan->pool->unit;
    sc_err *err = NULL;
    for (uint64_t at = (start + unit - 1) & ~(unit - 1); !err && r->more && at + unit <= end;) {
        const uint8_t *data;
        size_t len = 0;
        if (sc_target_cancelled(nt->target))
            return sc_err_cancelled();
        if (sc_space_view(nt->space, at, &data, &len) != SC_READ_OK || len < unit) {
            data = buffer;
            sc_space_read(nt->space, at, buffer, end - at < BUFFER ? (size_t)(end - at) : BUFFER,
                          &len);
        }
        if (len > end - at)
            len = (size_t)(end - at);
        if (len > BUFFER)
            len = BUFFER; /* so that it can be cancelled */
        len &= ~(size_t)(unit - 1);
        if (!len) {
            at = (at | (NT_POOL_PAGE - 1)) + 1;
            continue;
        }
        r->scan->bytes += len;
        err = data == buffer ? scan_copy(r, at, data, len) : collect(r, at, data, len);
        at += len;
    }
    return err;
}

sc_err *nt_poolscan_run(struct nt_poolscan *scan, nt_poolscan_fn fn, void *ctx) {
    const struct nt *nt = scan->pool->nt;
    struct run r = {.scan = scan, .fn = fn, .ctx = ctx, .more = true};
    uint64_t last = nt->ptr_size == 4 ? (uint64_t)1 << 32 : UINT64_MAX, start, size;
    uint64_t end = scan->end ? scan->end : last;
    uint8_t *buffer = malloc(BUFFER);
    sc_err *err = buffer ? NULL : sc_err_nomem();
    for (uint64_t at = scan->start; !err && r.more && at < end;) {
        if (!sc_space_next(nt->space, at, &start, &size) || start >= end)
            break;
        uint64_t stop = size > end - start ? end : start + size;
        err = scan_range(&r, start > at ? start : at, stop, buffer);
        if (stop <= at)
            break;
        at = stop;
    }
    if (!err)
        err = flush(&r);
    free(buffer);
    SC_VEC_FREE(&r.pieces);
    SC_VEC_FREE(&r.hits);
    return err;
}
