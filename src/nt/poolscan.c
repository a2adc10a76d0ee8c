/* SPDX-License-Identifier: MIT */
/*
 * The scan. Headers stand at multiples of 8 (x86) or 16 (x64), the tag 4 bytes into them; so one
 * word of every 8 or 16 bytes is compared, in place where the dump is mapped. Few places have the
 * tag: only those are looked at closely.
 */
#include "nt/poolscan.h"

#include <stdlib.h>
#include <string.h>

enum { BUFFER = 1 << 20 };

struct run {
    struct nt_poolscan *scan;
    nt_poolscan_fn fn;
    void *ctx;
    bool more;
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

/* DATA lies at ADDRESS, a multiple of the unit; SIZE is one. */
static void scan_bytes(struct run *r, uint64_t address, const uint8_t *data, size_t size) {
    const struct nt_tagpattern *p = &r->scan->pattern;
    const uint32_t value = p->value, mask = p->mask;
    const size_t unit = r->scan->pool->unit;
    for (size_t i = 0; r->more && i + unit <= size; i += unit) {
        uint32_t tag = word(data + i + 4);
        if ((tag & mask) == value && nt_tagpattern_fits(p, tag))
            check(r, address + i, data + i);
    }
    r->scan->bytes += size;
}

/* One run of memory that is there: in place, else through BUFFER. */
static sc_err *scan_range(struct run *r, uint64_t start, uint64_t end, uint8_t *buffer) {
    const struct nt *nt = r->scan->pool->nt;
    uint64_t unit = r->scan->pool->unit;
    for (uint64_t at = (start + unit - 1) & ~(unit - 1); r->more && at + unit <= end;) {
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
        scan_bytes(r, at, data, len);
        at += len;
    }
    return NULL;
}

sc_err *nt_poolscan_run(struct nt_poolscan *scan, nt_poolscan_fn fn, void *ctx) {
    const struct nt *nt = scan->pool->nt;
    struct run r = {scan, fn, ctx, true};
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
    free(buffer);
    return err;
}
