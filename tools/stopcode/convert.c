/* SPDX-License-Identifier: MIT */
/*
 * `stopcode convert DUMP NEW --to KIND`: opens the dump, converts, reports. On a terminal a line of
 * progress stands on standard error meanwhile; Ctrl-C ends it, and nothing is left behind.
 */
#include "convert.h"

#include <stdlib.h>
#include <unistd.h>

#include "cmd/converted.h"
#include "progress.h"
#include "run.h"
#include "signals.h"

struct job {
    const struct options *opt;
    struct term term;
    sc_out *out;
    sc_target *target;
    struct progress bar;
};

/* What a small dump must hold for the same verdict. */
static sc_err *find_needed(struct job *job, struct sc_needed *ret) {
    char *symbols, *images;
    sc_err *err = run_make_paths(job->opt, &symbols, &images);
    if (!err)
        err = sc_needed_find(job->target, true, symbols, images, ret);
    free(symbols);
    free(images);
    return err;
}

static sc_err *convert(struct job *job) {
    const struct options *opt = job->opt;
    const char *path = opt->files[1];
    struct sc_needed needed = {0};
    struct sc_convert_result result;
    struct sc_convert_opts how = {.sz = sizeof how,
                                  .to = opt->to,
                                  .kernel_only = opt->kernel_pages,
                                  .strip_user = opt->strip_user,
                                  .active_only = opt->active_pages,
                                  .comment = opt->comment,
                                  .overwrite = opt->force,
                                  .sync = opt->sync,
                                  .progress = progress_step,
                                  .progress_ctx = &job->bar};
    progress_begin(&job->bar, !opt->quiet);
    bool small = opt->to == SC_CONVERT_TRIAGE && sc_target_has_paging(job->target);
    sc_err *err = small ? find_needed(job, &needed) : NULL;
    if (!err && how.active_only)
        err = run_symtab(opt, job->target, NULL, &how.symtab);
    how.extra = needed.item;
    how.nextra = needed.count;
    if (!err)
        err = sc_convert(job->target, path, &how, &result);
    progress_end(&job->bar);
    sc_symtab_destroy(how.symtab);
    sc_needed_free(&needed);
    if (err)
        return err;
    sc_converted_report(job->out, path, &how, &result, sc_target_ptr_size(job->target));
    sc_convert_result_free(&result);
    return NULL;
}

static int run(struct job *job) {
    const char *in = job->opt->files[0];
    int status = STATUS_OK;
    sc_out_begin(job->out, "convert");
    signals_on_bus(in, STATUS_FAILED);
    sc_err *err = run_open(job->opt, in, &job->target);
    if (err) {
        status = STATUS_NOT_OPENED;
    } else {
        signals_running(job->target);
        err = convert(job);
        signals_stopped();
        status = err ? STATUS_FAILED : STATUS_OK;
    }
    sc_out_end(job->out, err);
    if (err)
        say("%s", sc_err_text(err));
    sc_err_destroy(err);
    sc_target_close(job->target);
    return status;
}

int convert_run(const struct options *opt) {
    struct job job = {.opt = opt, .term = {.fd = STDOUT_FILENO}};
    sc_err *err = sc_out_create(opt->json ? SC_RENDER_JSON : SC_RENDER_TEXT, term_write, &job.term,
                                term_color(opt), &job.out);
    if (err) {
        say("%s", sc_err_text(err));
        sc_err_destroy(err);
        return STATUS_FAILED;
    }
    int status = run(&job);
    sc_out_flush(job.out);
    if (sc_out_failed(job.out))
        status = STATUS_FAILED;
    sc_out_destroy(job.out);
    return status;
}
