/* SPDX-License-Identifier: MIT */
/*
 * Many dumps. The parent hands files to workers one by one and prints the reports in the order of
 * the files. A ring of reports that are finished before their turn is all that waits, so memory
 * does not grow with the number of files: nobody runs further ahead than the ring is long.
 */
#include "batch.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "files.h"
#include "run.h"
#include "signals.h"
#include "summary.h"
#include "worker.h"

enum { AHEAD = 8, WHY_MAX = 200, TICK_MS = 250, BAR = 20 };

struct slot {
    bool done;
    struct report report;
};

struct batch {
    const struct options *opt;
    struct files files;
    struct worker *worker;
    struct pollfd *poll;
    size_t nworkers;
    struct slot *ring;
    size_t nring;
    size_t next;    /* the first file that nobody has been given */
    size_t printed; /* files whose reports are out */
    size_t count[REPORT_KINDS];
    sc_batch *sum; /* NULL: memory was short */
    double start, shown;
    bool progress, visible; /* a bar is wanted; one stands there */
    bool stop;              /* Ctrl-C */
    bool broken;            /* nobody reads the output, or no worker can be had */
};

static unsigned processors(void) {
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n < 1 ? 1 : n > 256 ? 256 : (unsigned)n;
}

/* --- progress --- */

static void show_progress(struct batch *b, bool now) {
    double t = worker_clock();
    if (!b->progress || (!now && t - b->shown < 0.2))
        return;
    b->shown = t;
    double seconds = t - b->start;
    double rate = seconds > 0 ? (double)b->printed / seconds : 0;
    size_t full = b->files.count ? b->printed * BAR / b->files.count : 0;
    fprintf(stderr, "\r\033[K[%.*s%*s] %zu of %zu, %zu failed, %.0f a second", (int)full,
            "####################", (int)(BAR - full), "", b->printed, b->files.count,
            b->count[REPORT_FAILED] + b->count[REPORT_NOT_OPENED], rate);
    if (rate > 0 && b->printed < b->files.count)
        fprintf(stderr, ", %.0f s left", (double)(b->files.count - b->printed) / rate + 0.5);
    fflush(stderr);
    b->visible = true;
}

static void clear_progress(struct batch *b) {
    if (b->visible)
        fputs("\r\033[K", stderr);
    b->visible = false;
}

/* --- reports --- */

static void add_facts(struct batch *b, size_t index, const struct report *report) {
    sc_err *err = NULL;
    if (b->sum && report->has_facts)
        err = sc_batch_add(b->sum, b->files.item[index], &report->facts);
    if (!err)
        return;
    sc_err_destroy(err);
    sc_batch_destroy(b->sum);
    b->sum = NULL;
}

static void print_report(struct batch *b, size_t index, struct report *report) {
    if (report->len)
        clear_progress(b);
    add_facts(b, index, report);
    if (!b->broken && !write_all(STDOUT_FILENO, report->text, report->len))
        b->broken = true;
    b->count[report->status]++;
    report_free(report);
}

/* Prints what is finished from the first unprinted file on. */
static void print_ready(struct batch *b) {
    while (b->printed < b->next && b->ring[b->printed % b->nring].done && !b->broken) {
        struct slot *slot = &b->ring[b->printed % b->nring];
        print_report(b, b->printed, &slot->report);
        slot->done = false;
        b->printed++;
    }
}

static void finish(struct batch *b, size_t index, const struct report *own_report) {
    struct slot *slot = &b->ring[index % b->nring];
    slot->report = *own_report;
    slot->done = true;
}

static void finish_error(struct batch *b, size_t index, const char *why) {
    struct report report = {0};
    sc_err *err = sc_errf(SC_ERR_IO, "%s", why);
    if (report_error(b->opt, b->files.item[index], REPORT_FAILED, err, &report))
        finish(b, index, &report);
    else
        b->broken = true;
    sc_err_destroy(err);
}

/* --- workers --- */

/* A worker died: the file it had is lost, and another worker takes its place. */
static void replace(struct batch *b, struct worker *w) {
    char why[WHY_MAX] = "no worker process can be started";
    size_t index = w->index;
    bool busy = w->busy;
    worker_end(w, why, sizeof why);
    if (busy)
        finish_error(b, index, why);
    if (!worker_start(w, b->worker, b->nworkers, b->opt))
        w->pid = 0;
}

static bool may_give(const struct batch *b) {
    return b->next < b->files.count && b->next - b->printed < b->nring && !b->stop && !b->broken;
}

static void give_work(struct batch *b) {
    for (size_t i = 0; i < b->nworkers && may_give(b); i++) {
        struct worker *w = &b->worker[i];
        if (!w->pid || w->busy)
            continue;
        size_t index = b->next++;
        if (worker_give(w, index, b->files.item[index]))
            continue;
        /* It died before it had this file, which is not to blame: another one gets it. */
        w->busy = false;
        replace(b, w);
        if (!w->pid || !worker_give(w, index, b->files.item[index])) {
            w->busy = true;
            w->index = index;
            replace(b, w);
        }
    }
}

static size_t busy_workers(const struct batch *b) {
    size_t n = 0;
    for (size_t i = 0; i < b->nworkers; i++)
        n += b->worker[i].busy;
    return n;
}

static bool any_worker(const struct batch *b) {
    for (size_t i = 0; i < b->nworkers; i++)
        if (b->worker[i].pid)
            return true;
    return false;
}

static void end_slow(struct batch *b, struct worker *w) {
    if (!w->busy || worker_clock() - w->since <= (double)b->opt->limit)
        return;
    w->timed_out = true;
    replace(b, w);
}

static void take_result(struct batch *b, struct worker *w) {
    switch (worker_read(w)) {
    case WORKER_MORE: break;
    case WORKER_DEAD: replace(b, w); break;
    case WORKER_REPORT:
        finish(b, w->index, &w->part);
        w->part = (struct report){0};
        break;
    }
}

/* Waits until a worker has something to say, and takes it. */
static void wait_results(struct batch *b) {
    for (size_t i = 0; i < b->nworkers; i++)
        b->poll[i] =
            (struct pollfd){.fd = b->worker[i].busy ? b->worker[i].result : -1, .events = POLLIN};
    int n = poll(b->poll, (nfds_t)b->nworkers, TICK_MS);
    for (size_t i = 0; n > 0 && i < b->nworkers; i++)
        if (b->poll[i].revents)
            take_result(b, &b->worker[i]);
    for (size_t i = 0; i < b->nworkers; i++)
        end_slow(b, &b->worker[i]);
    if (signals_interrupted())
        b->stop = true;
}

static void run_files(struct batch *b) {
    while (b->printed < b->files.count && !b->stop && !b->broken) {
        give_work(b);
        if (busy_workers(b))
            wait_results(b);
        else if (!any_worker(b))
            b->broken = true;
        print_ready(b);
        show_progress(b, false);
    }
    /* Ctrl-C: what is finished behind a gap is worth printing, too. */
    for (size_t i = b->printed; b->stop && i < b->next && !b->broken; i++) {
        struct slot *slot = &b->ring[i % b->nring];
        if (slot->done)
            print_report(b, i, &slot->report);
        slot->done = false;
    }
}

/* --- beginning and end --- */

static bool start(struct batch *b) {
    for (size_t i = 0; i < b->opt->nfiles; i++)
        if (!files_add(&b->files, b->opt->files[i]))
            return false;
    sc_err *err = sc_batch_create(b->opt->files, b->opt->nfiles, &b->sum);
    if (err) {
        sc_err_destroy(err);
        return false;
    }
    size_t want = b->opt->jobs ? b->opt->jobs : processors();
    b->nworkers = want < b->files.count ? want : b->files.count;
    if (!b->nworkers)
        return true;
    b->nring = b->nworkers * AHEAD;
    b->worker = calloc(b->nworkers, sizeof *b->worker);
    b->poll = calloc(b->nworkers, sizeof *b->poll);
    b->ring = calloc(b->nring, sizeof *b->ring);
    if (!b->worker || !b->poll || !b->ring)
        return false;
    for (size_t i = 0; i < b->nworkers; i++)
        worker_start(&b->worker[i], b->worker, b->nworkers, b->opt);
    return any_worker(b);
}

static void end(struct batch *b) {
    for (size_t i = 0; b->worker && i < b->nworkers; i++)
        worker_end(&b->worker[i], NULL, 0);
    for (size_t i = 0; b->ring && i < b->nring; i++)
        report_free(&b->ring[i].report);
    free(b->worker);
    free(b->poll);
    free(b->ring);
    sc_batch_destroy(b->sum);
    files_free(&b->files);
}

static void print_summary(struct batch *b) {
    size_t done = b->count[REPORT_DONE], failed = b->count[REPORT_FAILED],
           lost = b->count[REPORT_NOT_OPENED];
    struct sc_batch_counts counts = {
        .files = b->files.count,
        .analysed = done,
        .failed = failed,
        .not_opened = lost,
        .skipped = b->files.skipped,
        .remaining = b->files.count - done - failed - lost,
        .stopped = b->stop,
    };
    if (!b->sum)
        say("the summary is lost: out of memory");
    if (!b->sum || !summary_print(b->opt, b->sum, &counts))
        b->broken = true;
}

static int status_of(const struct batch *b) {
    if (b->count[REPORT_NOT_OPENED])
        return STATUS_NOT_OPENED;
    return b->count[REPORT_FAILED] || b->stop || b->broken ? STATUS_FAILED : STATUS_OK;
}

int batch_run(const struct options *opt) {
    struct batch b = {.opt = opt, .start = worker_clock()};
    b.progress = isatty(STDERR_FILENO) && !opt->verbose;
    bool ready = start(&b);
    if (!ready) {
        say("no worker process can be started: %s", strerror(errno));
        b.broken = true;
    }
    if (ready && !summary_head(opt))
        b.broken = true;
    if (ready)
        run_files(&b);
    clear_progress(&b);
    if (!b.broken)
        print_summary(&b);
    int status = status_of(&b);
    end(&b);
    return status;
}
