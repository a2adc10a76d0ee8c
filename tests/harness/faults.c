/* SPDX-License-Identifier: MIT */
/* Lines of commands under failing allocations and reads. */
#include "harness/faults.h"

#include "harness/drive.h"
#include "harness/heap.h"
#include "harness/tap.h"

static sc_err *open_dump(const struct faults *f, bool reads, sc_target **ret) {
    const struct sc_open_opts opts = {.sz = sizeof opts, .no_mmap = reads};
    return f->data ? sc_target_open_memory("made.dmp", f->data, f->size, NULL, ret)
                   : sc_target_open(f->path, &opts, ret);
}

static bool note(const struct faults *f, const char *what, uint64_t n, const char *why) {
    tap_note("%s%s: %s %u: %s", f->line, f->render == SC_RENDER_JSON ? " (JSON)" : "", what,
             (unsigned)n, why);
    return false;
}

/* What is wrong with a run; NULL: nothing. */
static const char *complaint(const struct faults *f, uint64_t fail_at, const struct drive *d,
                             const struct drive *again, const struct heap_stats *stats) {
    bool clean = d->nomem || d->saw_nomem;
    if (stats->nleaked)
        return "memory leaked";
    if (d->digest != f->want && !clean)
        return "another answer without a word of it";
    if (again->digest != f->want)
        return "asked again, it answers otherwise";
    return !fail_at && d->failed && !f->may_fail ? "fails without any fault" : NULL;
}

bool faults_run(struct faults *f, uint64_t fail_at, bool *ret_done) {
    struct drive d = {0}, again = {0};
    struct heap_stats stats;
    sc_target *target = NULL;
    heap_begin(0);
    if (drive_error(&d, open_dump(f, false, &target)))
        return note(f, "allocation", fail_at, d.why);
    heap_begin(fail_at);
    drive_session(&d, target, f->render, f->line);
    heap_stop_failing();
    if (!fail_at)
        f->calls = heap_calls();
    drive_session(&again, target, f->render, f->line);
    sc_target_close(target);
    heap_end(&stats);
    *ret_done = !stats.failed;
    if (!fail_at)
        f->want = d.digest;
    const char *why = complaint(f, fail_at, &d, &again, &stats);
    return !why || note(f, "allocation", fail_at, why);
}

void faults_every(struct faults *f, uint64_t tries, uint64_t close) {
    uint64_t n = 0;
    bool done = false, ok = faults_run(f, 0, &done);
    for (done = false; ok && !done && n < tries;) {
        n += !close || n < close ? 1 : 1 + n / 32;
        ok = faults_run(f, n, &done);
    }
    tap_ok(ok && done, "%s%s: %u allocations", f->line,
           f->render == SC_RENDER_JSON ? " (JSON)" : "", (unsigned)n);
}

/* A number from the line, so that two lines do not fail at the same places of what they share. */
static uint64_t seed_of(const char *line) {
    uint64_t h = 14695981039346656037ull;
    for (; *line; line++)
        h = (h ^ (unsigned char)*line) * 1099511628211ull;
    return h;
}

/* Number I of COUNT that are spread over 1 to ALL. */
static uint64_t spread(uint64_t seed, uint64_t all, unsigned i, unsigned count) {
    uint64_t step = all / count;
    return step ? 1 + i * step + seed % step : i + 1;
}

bool faults_sample(struct faults *f, unsigned samples) {
    bool done, ok = faults_run(f, 0, &done);
    uint64_t seed = seed_of(f->line);
    unsigned count = f->calls < samples ? (unsigned)f->calls : samples;
    for (unsigned i = 0; ok && i < count; i++)
        ok = faults_run(f, spread(seed, f->calls, i, count), &done);
    return ok;
}

/* ---- reads ---- */

static bool read_run(const struct faults *f, uint64_t fail_at, struct drive *d, uint64_t *ret_reads,
                     bool *ret_leaked) {
    struct heap_stats stats;
    sc_target *target = NULL;
    bool failed;
    heap_begin(0);
    bool open = !drive_error(d, open_dump(f, true, &target));
    read_begin(fail_at ? READ_FAIL : READ_OK, fail_at);
    if (open)
        drive_session(d, target, f->render, f->line);
    *ret_reads = read_end(&failed);
    sc_target_close(target);
    heap_end(&stats);
    *ret_leaked = stats.nleaked;
    return open;
}

bool faults_reads(struct faults *f, unsigned samples) {
    struct drive want = {0};
    uint64_t reads = 0, again;
    bool leaked = false;
    if (!read_run(f, 0, &want, &reads, &leaked) || leaked)
        return note(f, "read", 0, leaked ? "memory leaked" : want.why);
    unsigned count = reads < samples ? (unsigned)reads : samples;
    uint64_t seed = seed_of(f->line);
    for (unsigned i = 0; i < count; i++) {
        struct drive d = {0};
        uint64_t n = spread(seed, reads, i, count);
        read_run(f, n, &d, &again, &leaked);
        bool told = d.io > want.io || d.errors > want.errors || d.failed > want.failed ||
                    d.output != want.output || d.marks > want.marks;
        if (leaked)
            return note(f, "read", n, "memory leaked");
        if (d.digest != want.digest && !told)
            return note(f, "read", n, "another answer without a word of it");
    }
    return true;
}
