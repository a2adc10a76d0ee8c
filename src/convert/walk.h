/* SPDX-License-Identifier: MIT */
/*
 * Which pages page tables lead to: every table below a root is read once, and each page that an
 * entry names, valid or (unless told otherwise) in transition or through a prototype, is marked.
 *
 * Tables may lie. What is followed is bounded: a table is visited once a level, and the entries
 * followed in all are at most some tens for each page of memory (SC_ERR_LIMIT beyond).
 */
#ifndef STOPCODE_CONVERT_WALK_H
#define STOPCODE_CONVERT_WALK_H

#include "convert/convert_impl.h"
#include "mem/paging_impl.h"

enum { CONV_ROOTS_MAX = 5 };

struct conv_walk {
    struct conversion *c;
    struct sc_paging paging; /* of the root being walked */
    const struct sc_mode *mode;
    struct conv_marks kernel, user; /* pages that the two halves map */
    struct conv_marks tables;       /* page tables */
    struct conv_marks seen[SC_PAGING_LEVELS_MAX];
    uint64_t root[CONV_ROOTS_MAX]; /* tables that a self-map leads back to */
    unsigned nroots;
    struct conv_marks *into; /* of the half being walked */
    uint64_t budget;
    bool valid_only; /* mark no page that a fault would have to bring back first */
};

/* SC_ERR_UNSUPPORTED: the target has no page tables. End it with conv_walk_end() in any case. */
sc_err *conv_walk_begin(struct conv_walk *w, struct conversion *c);
void conv_walk_end(struct conv_walk *w);
/* Forgets which tables were visited: a table can be the user's in one process and not in another.
 */
void conv_walk_anew(struct conv_walk *w);
/* The half of the addresses of the process whose tables begin at DTB. */
sc_err *conv_walk_half(struct conv_walk *w, uint64_t dtb, bool kernel);
/* Do the tables at DTB map the kernel where the system's do? A process that has ended has none. */
bool conv_walk_is_root(struct conv_walk *w, uint64_t dtb);
/* Where the page table entry of virtual address 0 is seen; false: there is no self-map. */
bool conv_walk_pte_base(struct conv_walk *w, uint64_t *ret_base);

#endif
