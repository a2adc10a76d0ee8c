/* SPDX-License-Identifier: MIT */
/*
 * A line of commands on a dump with its Nth allocation refused: each run must end in "out of
 * memory" or in the right answer, leak nothing, and the same target must answer rightly afterwards.
 *
 *     struct faults f = {.data = …, .size = …, .line = "!process 0 0"};
 *     faults_every(&f, 4000, 0);         // a test point: each allocation
 *     faults_sample(&f, 12);             // a few of them, spread over all
 */
#ifndef STOPCODE_TESTS_HARNESS_FAULTS_H
#define STOPCODE_TESTS_HARNESS_FAULTS_H

#include "stopcode/out.h"

#include <stddef.h>
#include <stdint.h>

struct faults {
    const uint8_t *data; /* the dump */
    size_t size;
    const char *path; /* or the file that holds it */
    const char *line;
    enum sc_render render;
    bool may_fail;  /* without any fault, too: the line is not about this dump */
    uint64_t want;  /* the right answer, from the first run */
    uint64_t calls; /* allocations of that run */
};

/*
 * One run with allocation FAIL_AT refused (0: none, which tells the right answer). False when it
 * broke a promise, which is noted. *RET_DONE: nothing was refused any more.
 */
bool faults_run(struct faults *f, uint64_t fail_at, bool *ret_done);
/*
 * Every allocation up to CLOSE (0: all), then growing steps, at most TRIES; one test point, which
 * names the line.
 */
void faults_every(struct faults *f, uint64_t tries, uint64_t close);
/* Up to SAMPLES allocations; false when a run broke a promise. No test point. */
bool faults_sample(struct faults *f, unsigned samples);
/*
 * The file at f->path with the Nth of its reads failing, up to SAMPLES of them: an answer that
 * differs has to say so, by an error or by more or less of it. False when one did not.
 */
bool faults_reads(struct faults *f, unsigned samples);

#endif
