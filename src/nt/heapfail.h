/* SPDX-License-Identifier: MIT */
/*
 * What the heap of a process wrote down when it found itself damaged: the record that parameter 0
 * of exception 0xC0000374 points to.
 */
#ifndef NT_HEAPFAIL_H
#define NT_HEAPFAIL_H

#include "stopcode/target.h"

struct nt_heapfail {
    uint32_t type;    /* number of the kind of damage */
    const char *name; /* "heap_failure_block_not_busy"; NULL: a number that is not known */
    const char *text; /* what that means, a sentence */
    uint64_t heap, block;
};

/* Reads the record at ADDR; false when the dump lacks it or it is none. */
bool nt_heapfail_read(sc_target *target, uint64_t addr, struct nt_heapfail *ret);

#endif
