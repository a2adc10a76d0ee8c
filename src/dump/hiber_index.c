/* SPDX-License-Identifier: MIT */
/*
 * Which block a page is in. 16 bytes for a block and 16 for a run of pages: about 2 MB for each GB
 * of memory that is stored in whole blocks, whatever is in it.
 */
#include <stdlib.h>
#include <string.h>

#include "base/sort.h"
#include "dump/hiber_impl.h"

enum { JOINED_MOST = 1024 };

bool hiber_index_set(struct hiber_index *index, struct hiber_set set) {
    struct hiber_set *slot = SC_VEC_PUSH(&index->sets);
    if (slot)
        *slot = set;
    return slot != NULL;
}

static uint64_t end_of(const struct hiber_run *r) { return hiber_run_pfn(r) + hiber_run_count(r); }

/* Appends, joining with the run before where both the pages and the positions go on. */
static bool put(struct hiber_runs *runs, uint64_t pfn, uint64_t count, uint64_t pos) {
    struct hiber_run *before = runs->count ? &runs->item[runs->count - 1] : NULL;
    if (before && end_of(before) == pfn && before->pos + hiber_run_count(before) == pos &&
        hiber_run_count(before) + count <= HIBER_RUN_MOST) {
        before->key += count;
        return true;
    }
    struct hiber_run *slot = SC_VEC_PUSH(runs);
    if (slot)
        *slot = (struct hiber_run){pfn << 24 | count, pos};
    return slot != NULL;
}

bool hiber_index_pages(struct hiber_index *index, uint64_t pfn, uint64_t count, uint64_t pos) {
    index->pages += count;
    return put(&index->runs, pfn, count, pos);
}

/* --- sorting --- */

static bool is_sorted(const struct hiber_runs *runs) {
    for (size_t i = 1; i < runs->count; i++)
        if (end_of(&runs->item[i - 1]) > hiber_run_pfn(&runs->item[i]))
            return false;
    return true;
}

/* A run and its place in the file: the later one counts. */
struct ranked {
    struct hiber_run run;
    size_t rank;
};

/* Max-heap by rank of the runs that are open at the sweep's position. */
struct heap {
    struct ranked *item;
    size_t count;
};

static void heap_push(struct heap *h, struct ranked r) {
    size_t i = h->count++;
    while (i && h->item[(i - 1) / 2].rank < r.rank) {
        h->item[i] = h->item[(i - 1) / 2];
        i = (i - 1) / 2;
    }
    h->item[i] = r;
}

static void heap_pop(struct heap *h) {
    struct ranked last = h->item[--h->count];
    size_t i = 0;
    for (;;) {
        size_t child = 2 * i + 1;
        if (child >= h->count)
            break;
        if (child + 1 < h->count && h->item[child + 1].rank > h->item[child].rank)
            child++;
        if (h->item[child].rank <= last.rank)
            break;
        h->item[i] = h->item[child];
        i = child;
    }
    h->item[i] = last;
}

/* The sweep: between two starts, the latest open run supplies the pages. */
static bool flatten(const struct ranked *in, size_t n, struct heap *open, struct hiber_runs *out) {
    uint64_t at = 0;
    size_t next = 0;
    while (next < n || open->count) {
        if (!open->count)
            at = hiber_run_pfn(&in[next].run);
        while (next < n && hiber_run_pfn(&in[next].run) <= at)
            heap_push(open, in[next++]);
        const struct hiber_run *top = &open->item[0].run;
        uint64_t stop = end_of(top);
        if (stop <= at) {
            heap_pop(open);
            continue;
        }
        if (next < n && hiber_run_pfn(&in[next].run) < stop)
            stop = hiber_run_pfn(&in[next].run);
        if (!put(out, at, stop - at, top->pos + (at - hiber_run_pfn(top))))
            return false;
        at = stop;
    }
    return true;
}

/* By first page, then place in the file; NULL when memory is short. */
static struct ranked *sorted(const struct hiber_runs *runs) {
    struct ranked *in = calloc(runs->count, sizeof *in);
    struct sc_sort_key *key = calloc(runs->count, sizeof *key);
    for (size_t i = 0; key && i < runs->count; i++)
        key[i] = (struct sc_sort_key){hiber_run_pfn(&runs->item[i]), i};
    if (!in || !key || !sc_sort_keys(key, runs->count)) {
        free(in);
        free(key);
        return NULL;
    }
    for (size_t i = 0; i < runs->count; i++)
        in[i] = (struct ranked){runs->item[key[i].index], key[i].index};
    free(key);
    return in;
}

bool hiber_index_finish(struct hiber_index *index) {
    if (is_sorted(&index->runs))
        return true;
    struct ranked *in = sorted(&index->runs);
    size_t n = index->runs.count;
    struct heap open = {in ? calloc(n, sizeof *in) : NULL, 0};
    struct hiber_runs out = {0};
    bool ok = open.item != NULL;
    if (ok) {
        SC_VEC_FREE(&index->runs); /* not needed beside the copy: a hostile list is long */
        ok = flatten(in, n, &open, &out);
    }
    free(in);
    free(open.item);
    if (!ok) {
        SC_VEC_FREE(&out);
        return false;
    }
    index->runs = out;
    uint64_t pages = 0;
    for (size_t i = 0; i < out.count; i++)
        pages += hiber_run_count(&out.item[i]);
    index->twice = index->pages - pages;
    index->pages = pages;
    return true;
}

/* --- finding --- */

/* Index of the first run that ends behind PFN; count if none. */
static size_t lower(const struct hiber_runs *runs, uint64_t pfn) {
    size_t lo = 0, hi = runs->count;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (end_of(&runs->item[mid]) <= pfn)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static bool covers(const struct hiber_run *r, uint64_t pfn) {
    return pfn >= hiber_run_pfn(r) && pfn < end_of(r);
}

bool hiber_index_find(struct hiber_index *index, uint64_t pfn, uint64_t *ret_pos,
                      uint64_t *ret_count) {
    const struct hiber_runs *runs = &index->runs;
    size_t i = index->last;
    if (i >= runs->count || !covers(&runs->item[i], pfn))
        i = lower(runs, pfn);
    if (i == runs->count || !covers(&runs->item[i], pfn))
        return false;
    index->last = i;
    const struct hiber_run *r = &runs->item[i];
    *ret_pos = r->pos + (pfn - hiber_run_pfn(r));
    *ret_count = end_of(r) - pfn;
    return true;
}

bool hiber_index_next(const struct hiber_index *index, uint64_t pfn, uint64_t *ret_pfn,
                      uint64_t *ret_count) {
    const struct hiber_runs *runs = &index->runs;
    size_t i = lower(runs, pfn);
    if (i == runs->count)
        return false;
    uint64_t start = hiber_run_pfn(&runs->item[i]), end = end_of(&runs->item[i]);
    /* A bound: whoever asks again from the middle of a long stretch must not count it all again. */
    for (size_t n = 1; n < JOINED_MOST && i + n < runs->count; n++) {
        if (hiber_run_pfn(&runs->item[i + n]) != end)
            break;
        end = end_of(&runs->item[i + n]);
    }
    *ret_pfn = start;
    *ret_count = end - start;
    return true;
}

void hiber_index_free(struct hiber_index *index) {
    SC_VEC_FREE(&index->sets);
    SC_VEC_FREE(&index->runs);
}
