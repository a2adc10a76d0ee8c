/* SPDX-License-Identifier: MIT */
/* How many pages the kernel stacks of all threads have, as the threads themselves say. */
#ifndef NT_KSTACKS_H
#define NT_KSTACKS_H

#include "nt/list.h"

struct nt_kstacks {
    uint64_t threads, pages;
    uint64_t absent;   /* threads whose KTHREAD is not in the dump */
    bool found, whole; /* the list of processes is known; all lists came to their end */
    bool assumed;
};

/* Walks all threads of all processes; SC_ERR_CANCELLED when it was cancelled. */
sc_err *nt_kstacks_read(const struct nt *nt, struct nt_kstacks *ret);

#endif
