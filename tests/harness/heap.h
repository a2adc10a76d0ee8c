/* SPDX-License-Identifier: MIT */
/*
 * The heap under watch, for programs linked with HARNESS_WRAP (see tests/CMakeLists.txt): counts
 * what the library allocates, finds what it forgets, and lets a chosen allocation fail.
 *
 *     heap_begin(0);            // or heap_begin(7): the seventh allocation fails
 *     … the code under test …
 *     heap_end(&stats);
 *
 * Only what happens between begin and end is counted. Allocations inside the C library are not
 * seen, nor made to fail. One thread.
 */
#ifndef STOPCODE_TESTS_HARNESS_HEAP_H
#define STOPCODE_TESTS_HARNESS_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct heap_stats {
    uint64_t calls; /* allocations asked for */
    bool failed;    /* the chosen one came and was refused */
    size_t peak;    /* most bytes held at once */
    size_t leaked;  /* bytes still held */
    size_t nleaked; /* blocks */
    void *leak;     /* one of them, to look at in a debugger */
    size_t leak_size;
};

/* FAIL_AT counts from 1; 0: none fails. */
void heap_begin(uint64_t fail_at);
/* From now on none fails: for looking at what a failure left behind. */
void heap_stop_failing(void);
/* All allocations from the chosen one on fail, not it alone. Holds until the next begin. */
void heap_keep_failing(void);
/* Allocations asked for since the begin. */
uint64_t heap_calls(void);
void heap_end(struct heap_stats *ret_stats);

/* What the harness itself needs while counting: not counted, never refused. */
void *heap_real_alloc(size_t size);
void heap_real_free(void *p);

/* The same for pread(): READ_FAIL refuses the Nth read with EIO, READ_SHORT cuts every read. */
enum read_fault { READ_OK, READ_FAIL, READ_SHORT };
void read_begin(enum read_fault fault, uint64_t fail_at);
/* How many reads there were, and whether the chosen one was refused. */
uint64_t read_end(bool *ret_failed);

#endif
