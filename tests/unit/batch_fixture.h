/* SPDX-License-Identifier: MIT */
/* Made facts of dumps, and a batch to put them in. */
#ifndef STOPCODE_TESTS_BATCH_FIXTURE_H
#define STOPCODE_TESTS_BATCH_FIXTURE_H

#include <stdio.h>
#include <string.h>

#include "cmd/batch.h"

struct batch_fix {
    sc_batch *batch;
    sc_arena *arena;
};

static inline bool batch_try_open(struct batch_fix *fix) {
    static const char *const operands[] = {"some folder"};
    *fix = (struct batch_fix){0};
    fix->arena = sc_arena_create();
    sc_err *err = fix->arena ? sc_batch_create(operands, 1, &fix->batch) : sc_err_nomem();
    sc_err_destroy(err);
    return !err;
}

static inline void batch_close(struct batch_fix *fix) {
    sc_batch_destroy(fix->batch);
    sc_arena_destroy(fix->arena);
}

/* A kernel's dump of the day DAY (0: unknown) after an hour, that names nobody. */
static inline struct sc_batch_facts batch_facts(const char *bucket, uint64_t day) {
    struct sc_batch_facts f = {.kernel = 1,
                               .processors = 8,
                               .boot_id = INT64_MIN,
                               .time = day * 864000000000u,
                               .uptime = 36000000000u,
                               .identity = day};
    snprintf(f.bucket, sizeof f.bucket, "%s", bucket);
    snprintf(f.stop, sizeof f.stop, "stop of %.60s", bucket);
    snprintf(f.verdict, sizeof f.verdict, "A verdict.");
    snprintf(f.cpu, sizeof f.cpu, "x64");
    snprintf(f.os, sizeof f.os, "10.0.19041");
    snprintf(f.process, sizeof f.process, "System");
    return f;
}

/* The best finding blames IMAGE, or another one names it. */
static inline void batch_name(struct sc_batch_facts *f, const char *image, uint32_t confidence) {
    struct sc_batch_named *n = &f->named[f->nnamed++];
    snprintf(n->image, sizeof n->image, "%s", image);
    n->confidence = confidence;
    f->blamed = 1;
    if (f->confidence < confidence)
        f->confidence = confidence;
}

#ifdef CMOCKA_H_
static inline void batch_open(struct batch_fix *fix) { assert_true(batch_try_open(fix)); }

static inline struct sc_batch_summary batch_sum(struct batch_fix *fix) {
    struct sc_batch_counts counts = {0};
    struct sc_batch_summary sum = {0};
    assert_null(sc_batch_summarise(fix->batch, &counts, fix->arena, &sum));
    return sum;
}
#endif

#endif
