/* SPDX-License-Identifier: MIT */
/*
 * The bar: what is done, how much of it, and how long it will take. Short jobs show none.
 */
#include "progress.h"

#include <stdio.h>
#include <unistd.h>

#include "signals.h"
#include "stopcode/error.h"
#include "worker.h"

enum { BAR = 20 };
#define QUIET 0.5 /* seconds before it appears */
#define EVERY 0.2

void progress_begin(struct progress *bar, bool wanted) {
    *bar = (struct progress){.wanted = wanted && isatty(STDERR_FILENO)};
    bar->start = worker_clock();
}

static void draw(struct progress *bar, const char *what, uint64_t done, uint64_t total,
                 double seconds) {
    /* Names come from files: what a terminal would obey is made harmless as in errors. */
    sc_err *name = sc_errf(SC_ERR_ARG, "%s", what);
    fprintf(stderr, "\r\033[K%.100s ", sc_err_text(name));
    sc_err_destroy(name);
    if (!total || done > total) {
        fprintf(stderr, "%.1f MB", (double)done / 1e6);
    } else {
        int full = (int)((double)done / (double)total * BAR);
        fprintf(stderr, "[%.*s%*s] %.0f %%", full, "####################", BAR - full, "",
                100 * (double)done / (double)total);
        if (done && seconds > 1)
            fprintf(stderr, ", %.0f s left", seconds / (double)done * (double)(total - done) + 0.5);
    }
    fflush(stderr);
    bar->visible = true;
}

static void step(struct progress *bar, const char *what, uint64_t done, uint64_t total) {
    double now = worker_clock();
    if (done < bar->done)
        bar->start = now;
    bar->done = done;
    if (bar->wanted && now - bar->start >= QUIET && now - bar->shown >= EVERY) {
        bar->shown = now;
        draw(bar, what, done, total, now - bar->start);
    }
}

bool progress_step(void *ctx, const char *what, uint64_t done, uint64_t total) {
    step(ctx, what, done, total);
    return !signals_interrupted();
}

void progress_show(void *ctx, const char *what, uint64_t done, uint64_t total) {
    if (what)
        step(ctx, what, done, total);
    else
        progress_end(ctx);
}

void progress_end(struct progress *bar) {
    if (bar->visible)
        fputs("\r\033[K", stderr);
    bar->visible = false;
}
