/* SPDX-License-Identifier: MIT */
/*
 * Pages of physical memory: those that a target has, as runs, and marks on them.
 *
 * Every page has a number of its own, its index: how many pages of the target lie below it. Marks
 * are bits by index, so that they cost an eighth of a byte a page wherever in the address space
 * the pages are.
 */
#ifndef STOPCODE_CONVERT_PAGESET_H
#define STOPCODE_CONVERT_PAGESET_H

#include "stopcode/target.h"

enum { CONV_PAGE = 0x1000 };

struct conv_run {
    uint64_t pfn, count;
    uint64_t index; /* of its first page */
};

/* Ascending, no two touch. */
struct conv_pages {
    struct conv_run *item;
    size_t count, room;
    uint64_t total;
};

/*
 * All pages of which PHYS has at least one byte. SC_ERR_LIMIT: more than can be meant.
 */
sc_err *conv_pages_load(sc_target *target, struct conv_pages *ret_pages);
/* Appends pages, which must lie behind those that are there; false when memory is short. */
bool conv_pages_add(struct conv_pages *pages, uint64_t pfn, uint64_t count);
void conv_pages_free(struct conv_pages *pages);
/* False: it is none of them. */
bool conv_pages_index(const struct conv_pages *pages, uint64_t pfn, uint64_t *ret_index);
/* Number of the first page behind the last one; 0: there is none. */
uint64_t conv_pages_end(const struct conv_pages *pages);

/* A bit for each of `bits` pages. */
struct conv_marks {
    uint64_t *word;
    uint64_t bits;
};

/* All clear. False when memory is short. */
bool conv_marks_init(struct conv_marks *marks, uint64_t bits);
void conv_marks_free(struct conv_marks *marks);
static inline bool conv_marked(const struct conv_marks *m, uint64_t i) {
    return m->word[i / 64] >> i % 64 & 1;
}
static inline void conv_mark(struct conv_marks *m, uint64_t i) {
    m->word[i / 64] |= UINT64_C(1) << i % 64;
}
static inline void conv_unmark(struct conv_marks *m, uint64_t i) {
    m->word[i / 64] &= ~(UINT64_C(1) << i % 64);
}
void conv_mark_row(struct conv_marks *m, uint64_t first, uint64_t count);
/* How many of the first END are set. */
uint64_t conv_marks_count(const struct conv_marks *m, uint64_t end);
/* Marks the pages of PAGES in SIZE bytes from PA on: those that are there. */
void conv_mark_memory(const struct conv_pages *pages, struct conv_marks *m, uint64_t pa,
                      uint64_t size);

/* Pages, or (KEEP not NULL) the marked ones of them. */
struct conv_selection {
    const struct conv_pages *pages;
    const struct conv_marks *keep;
};
/* The first pages that lie together, from page number FROM on; false: there are no more. */
bool conv_selection_next(const struct conv_selection *s, uint64_t from, uint64_t *ret_pfn,
                         uint64_t *ret_count);
uint64_t conv_selection_count(const struct conv_selection *s);
bool conv_selection_has(const struct conv_selection *s, uint64_t pfn);
/* How many of them lie below PFN. */
uint64_t conv_selection_rank(const struct conv_selection *s, uint64_t pfn);

#endif
