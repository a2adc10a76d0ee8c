/* SPDX-License-Identifier: MIT */
/*
 * Counting what is free. A page counts when its chain of headers is whole from its beginning to its
 * end; large allocations and pages of anything else have no such chain.
 *
 * Segment heaps: SEGMENT_HEAP.MemStats, whose FreeCommittedPages and LfhFreeCommittedPages are
 * committed and not handed out. Sources: the kernels' public symbols.
 */
#include "nt/poolfrag.h"

#include <stdlib.h>

#include "base/vec.h"

struct scan {
    const struct nt_pool *pool;
    nt_frag_fn fn;
    void *ctx;
    struct nt_poolfrag *f;
    struct nt_pool_page *page;
    bool more;
};

static sc_err *tag_of(struct nt_poolfrag *f, uint32_t tag, struct nt_frag_tag **ret) {
    uint64_t index;
    *ret = NULL;
    if (sc_map_get_number(&f->index, tag, &index)) {
        *ret = &f->tags.item[index];
        return NULL;
    }
    if (f->tags.count == NT_FRAG_TAGS_MAX) {
        f->tags_missed = true;
        return NULL;
    }
    struct nt_frag_tag *t = SC_VEC_PUSH(&f->tags);
    if (!t || !sc_map_put_number(&f->index, tag, f->tags.count - 1))
        return sc_err_nomem();
    *t = (struct nt_frag_tag){.tag = tag};
    *ret = t;
    return NULL;
}

/* Whose the page is: what its blocks say, else what the kernel says of its place. */
static enum nt_pool_region region_of(const struct nt_pool *pool, const struct nt_pool_page *page) {
    for (size_t i = 0; i < page->count; i++)
        if (page->block[i].allocated && page->block[i].region != NT_REGION_UNKNOWN)
            return page->block[i].region;
    return nt_pool_region_at(pool, page->address);
}

static sc_err *count_tags(struct scan *s) {
    const struct nt_pool_page *page = s->page;
    sc_err *err = NULL;
    for (size_t i = 0; !err && i < page->count; i++) {
        const struct nt_pool_block *b = &page->block[i];
        struct nt_frag_tag *t = NULL;
        if (!b->allocated)
            continue;
        err = tag_of(s->f, b->tag, &t);
        if (err || !t)
            continue;
        t->allocs++;
        t->bytes += b->size;
        t->pages += t->last != page->address;
        t->last = page->address;
    }
    return err;
}

static sc_err *take_page(struct scan *s) {
    const struct nt_pool_page *page = s->page;
    struct nt_frag_region *r = &s->f->region[region_of(s->pool, page)];
    uint64_t before = r->fragments;
    r->pages++;
    for (size_t i = 0; s->more && i < page->count; i++) {
        const struct nt_pool_block *b = &page->block[i];
        if (b->allocated) {
            r->blocks++;
            r->used += b->size;
            continue;
        }
        r->fragments++;
        r->free += b->size;
        r->largest = b->size > r->largest ? b->size : r->largest;
        if (s->fn)
            s->more = s->fn(s->ctx, b);
    }
    if (r->fragments == before)
        return NULL;
    r->sparse++;
    return count_tags(s);
}

/* Pages of one run of memory that is there. */
static sc_err *scan_run(struct scan *s, uint64_t start, uint64_t end) {
    uint64_t at = (start + NT_POOL_PAGE - 1) & ~(uint64_t)(NT_POOL_PAGE - 1);
    sc_err *err = NULL;
    for (; !err && s->more && at < end && end - at >= NT_POOL_PAGE; at += NT_POOL_PAGE) {
        if (sc_target_cancelled(s->pool->nt->target))
            return sc_err_cancelled();
        nt_pool_page_read(s->pool, at, s->page);
        if (s->page->fault == NT_POOL_FINE && s->page->count)
            err = take_page(s);
    }
    return err;
}

/* END 0: to the end of the address space. */
static sc_err *scan_range(struct scan *s, uint64_t from, uint64_t end) {
    sc_space *space = s->pool->nt->space;
    uint64_t start, size;
    sc_err *err = NULL;
    for (uint64_t at = from; !err && s->more && (at < end || !end);) {
        if (!sc_space_next(space, at, &start, &size) || (end && start >= end))
            break;
        uint64_t stop = start + size;
        if (stop < start || (end && stop > end))
            stop = end ? end : UINT64_MAX;
        err = scan_run(s, start > at ? start : at, stop);
        if (stop <= at)
            break;
        at = stop;
    }
    return err;
}

sc_err *nt_poolfrag_scan(const struct nt_pool *pool, nt_frag_fn fn, void *ctx,
                         struct nt_poolfrag *ret) {
    const bool narrow = pool->nt->ptr_size == 4;
    *ret = (struct nt_poolfrag){.everywhere = true};
    struct scan s = {pool, fn, ctx, ret, malloc(sizeof *s.page), true};
    sc_err *err = s.page ? NULL : sc_err_nomem();
    for (size_t i = 0; !err && s.more && i < pool->nranges; i++) {
        const struct nt_pool_range *r = &pool->range[i];
        if (r->region == NT_REGION_SPECIAL)
            continue;
        ret->everywhere = false;
        err = scan_range(&s, r->start, r->start + r->size);
    }
    if (!err && ret->everywhere)
        err = scan_range(&s, narrow ? 0x80000000u : 0xffff800000000000u,
                         narrow ? (uint64_t)1 << 32 : 0);
    free(s.page);
    return err;
}

void nt_poolfrag_deinit(struct nt_poolfrag *f) {
    SC_VEC_FREE(&f->tags);
    sc_map_free(&f->index);
}

/* ---- segment heaps ---- */

static const struct sc_layout_field heap_rows[] = {{"MemStats.TotalReservedPages", 0, true},
                                                   {"MemStats.TotalCommittedPages", 0, true},
                                                   {"MemStats.FreeCommittedPages", 0, true},
                                                   {"MemStats.LfhFreeCommittedPages", 0, true}};
static const struct nt_def heap_def = {{"nt!_SEGMENT_HEAP", heap_rows, 4}, 4, NULL, NULL, 0};

sc_err *nt_frag_heap_read(const struct nt_segheap *heaps, size_t index, struct nt_frag_heap *ret) {
    struct nt_field f[4];
    sc_err *err = nt_load(heaps->pool->nt, &heap_def, heaps->heap[index].address, f, NULL);
    if (!err)
        *ret = (struct nt_frag_heap){
            heaps->heap[index].address, heaps->heap[index].region, f[0], f[1], f[2], f[3]};
    return err;
}
