/* SPDX-License-Identifier: MIT */
/* Whose pages are: the page tables of all processes, and the PFN database. */
#ifndef STOPCODE_CONVERT_OWNERS_H
#define STOPCODE_CONVERT_OWNERS_H

#include "convert/walk.h"

struct conv_roots {
    uint64_t *item;
    size_t count, room;
    sc_err *why; /* why there may be more; NULL: these are all. Owned */
};

/*
 * The system's page tables first, then those of the processors and of all processes, as they stand
 * in the kernel's list. Only lack of memory and cancellation are errors.
 */
sc_err *conv_roots_find(struct conversion *c, struct conv_roots *ret_roots);
void conv_roots_free(struct conv_roots *roots);
/* Walks both halves of each; the kernel's differ, too (sessions, working set lists). */
sc_err *conv_roots_walk(const struct conv_roots *roots, struct conv_walk *w);

/* The process that the dump is about; 0 not known. */
sc_err *conv_current_process(struct conversion *c, uint64_t *ret_process);

/*
 * Unmarks in KEEP the pages that the PFN database calls a process's: their PTE lies where those of
 * the lower half of addresses are. A database that cannot be read says nothing.
 */
sc_err *conv_pfn_strip(struct conv_walk *w, struct conv_marks *keep);

#endif
