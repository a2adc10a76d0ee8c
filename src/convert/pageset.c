/* SPDX-License-Identifier: MIT */
/* Pages of a target as runs, and marks on them. */
#include "convert/pageset.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/vec.h"
#include "mem/space_impl.h"

enum { RUNS_MAX = 1 << 26, POLL = 1 << 14 };
static const uint64_t PFN_MAX = UINT64_C(1) << 40;   /* 52 bits of address: what processors have */
static const uint64_t PAGES_MAX = UINT64_C(1) << 34; /* 64 TB; a bit for each takes 2 GB */

bool conv_pages_add(struct conv_pages *pages, uint64_t pfn, uint64_t count) {
    struct conv_run *last = pages->count ? &pages->item[pages->count - 1] : NULL;
    if (last && last->pfn + last->count == pfn) {
        last->count += count;
    } else {
        struct conv_run *r = SC_VEC_PUSH(pages);
        if (!r)
            return false;
        *r = (struct conv_run){pfn, count, pages->total};
    }
    pages->total += count;
    return true;
}

/* A range of bytes: every page that it touches, but for one that the range before touched. */
static sc_err *add_range(struct conv_pages *pages, uint64_t start, uint64_t size) {
    uint64_t first = start / CONV_PAGE, end = (start + (size - 1)) / CONV_PAGE + 1;
    uint64_t behind = conv_pages_end(pages);
    if (end > PFN_MAX)
        return sc_errf(SC_ERR_LIMIT,
                       "memory at 0x%" PRIx64 ": processors have at most 52 bits of addresses",
                       start > PFN_MAX * CONV_PAGE ? start : PFN_MAX * CONV_PAGE);
    first = first < behind ? behind : first;
    if (end <= first)
        return NULL;
    if (end - first > PAGES_MAX - pages->total || pages->count > RUNS_MAX)
        return sc_errf(SC_ERR_LIMIT, "more than 64 TB of memory, or more than %d pieces of it",
                       RUNS_MAX);
    return conv_pages_add(pages, first, end - first) ? NULL : sc_err_nomem();
}

sc_err *conv_pages_load(sc_target *target, struct conv_pages *ret_pages) {
    sc_space *phys = sc_target_phys(target);
    struct conv_pages pages = {0};
    uint64_t at = 0, start, size, n = 0;
    sc_err *err = NULL;
    while (!err && sc_space_next(phys, at, &start, &size)) {
        uint64_t from = start > at ? start : at, last = start + (size - 1);
        if (n++ % POLL == 0 && sc_target_cancelled(target))
            err = sc_err_cancelled();
        else
            err = add_range(&pages, from, last - from + 1);
        at = last + 1;
        if (!at)
            break;
    }
    if (!err)
        err = sc_space_trouble(phys);
    if (err)
        conv_pages_free(&pages);
    else
        *ret_pages = pages;
    return err;
}

void conv_pages_free(struct conv_pages *pages) {
    SC_VEC_FREE(pages);
    pages->total = 0;
}

/* The last run that begins at or below PFN; NULL none. */
static const struct conv_run *run_at(const struct conv_pages *pages, uint64_t pfn) {
    size_t lo = 0, hi = pages->count;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (pages->item[mid].pfn <= pfn)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo ? &pages->item[lo - 1] : NULL;
}

bool conv_pages_index(const struct conv_pages *pages, uint64_t pfn, uint64_t *ret_index) {
    const struct conv_run *r = run_at(pages, pfn);
    if (!r || pfn - r->pfn >= r->count)
        return false;
    *ret_index = r->index + (pfn - r->pfn);
    return true;
}

uint64_t conv_pages_end(const struct conv_pages *pages) {
    const struct conv_run *last = pages->count ? &pages->item[pages->count - 1] : NULL;
    return last ? last->pfn + last->count : 0;
}

/* ---- marks ---- */

bool conv_marks_init(struct conv_marks *marks, uint64_t bits) {
    uint64_t words = bits / 64 + 1;
    if (words > SIZE_MAX / 8)
        return false;
    marks->word = calloc((size_t)words, 8);
    marks->bits = bits;
    return marks->word != NULL;
}

void conv_marks_free(struct conv_marks *marks) {
    free(marks->word);
    *marks = (struct conv_marks){0};
}

void conv_mark_row(struct conv_marks *m, uint64_t first, uint64_t count) {
    uint64_t i = first, end = first + count;
    for (; i < end && i % 64; i++)
        conv_mark(m, i);
    if (end - i >= 64) {
        memset(&m->word[i / 64], 0xff, (size_t)((end - i) / 64) * 8);
        i += (end - i) / 64 * 64;
    }
    for (; i < end; i++)
        conv_mark(m, i);
}

uint64_t conv_marks_count(const struct conv_marks *m, uint64_t end) {
    uint64_t n = 0;
    for (uint64_t i = 0; i < end / 64; i++)
        n += (uint64_t)__builtin_popcountll(m->word[i]);
    if (end % 64)
        n += (uint64_t)__builtin_popcountll(m->word[end / 64] & ((UINT64_C(1) << end % 64) - 1));
    return n;
}

void conv_mark_memory(const struct conv_pages *pages, struct conv_marks *m, uint64_t pa,
                      uint64_t size) {
    uint64_t first = pa / CONV_PAGE, end = first + size / CONV_PAGE;
    const struct conv_run *r = run_at(pages, first), *stop = pages->item + pages->count;
    for (r = r ? r : pages->item; r < stop && r->pfn < end; r++) {
        uint64_t from = first > r->pfn ? first : r->pfn;
        uint64_t to = end < r->pfn + r->count ? end : r->pfn + r->count;
        if (from < to)
            conv_mark_row(m, r->index + (from - r->pfn), to - from);
    }
}

/* ---- selections ---- */

/* The first index from I on below END whose mark is SET; END: none. */
static uint64_t find_mark(const struct conv_marks *m, uint64_t i, uint64_t end, bool set) {
    while (i < end) {
        uint64_t w = (set ? m->word[i / 64] : ~m->word[i / 64]) >> i % 64;
        if (w) {
            i += (uint64_t)__builtin_ctzll(w);
            return i < end ? i : end;
        }
        i = (i / 64 + 1) * 64;
    }
    return end;
}

bool conv_selection_next(const struct conv_selection *s, uint64_t from, uint64_t *ret_pfn,
                         uint64_t *ret_count) {
    const struct conv_run *stop = s->pages->item + s->pages->count;
    const struct conv_run *r = run_at(s->pages, from);
    for (r = r ? r : s->pages->item; r < stop; r++) {
        uint64_t skip = from > r->pfn ? from - r->pfn : 0;
        if (skip >= r->count)
            continue;
        uint64_t i = r->index + skip, end = r->index + r->count;
        if (s->keep) {
            i = find_mark(s->keep, i, end, true);
            end = find_mark(s->keep, i, end, false);
        }
        if (i == end)
            continue;
        *ret_pfn = r->pfn + (i - r->index);
        *ret_count = end - i;
        return true;
    }
    return false;
}

uint64_t conv_selection_count(const struct conv_selection *s) {
    return s->keep ? conv_marks_count(s->keep, s->pages->total) : s->pages->total;
}

bool conv_selection_has(const struct conv_selection *s, uint64_t pfn) {
    uint64_t i;
    return conv_pages_index(s->pages, pfn, &i) && (!s->keep || conv_marked(s->keep, i));
}

uint64_t conv_selection_rank(const struct conv_selection *s, uint64_t pfn) {
    const struct conv_run *r = run_at(s->pages, pfn);
    if (!r)
        return 0;
    uint64_t into = pfn - r->pfn < r->count ? pfn - r->pfn : r->count;
    return s->keep ? conv_marks_count(s->keep, r->index + into) : r->index + into;
}
