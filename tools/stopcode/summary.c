/* SPDX-License-Identifier: MIT */
/* Writing the summary of a batch in the form that was asked for. */
#include "summary.h"

#include <unistd.h>

#include "cmd/csv.h"
#include "term.h"

static bool write_to(void *ctx, const char *data, size_t len) {
    const int *fd = ctx;
    return write_all(*fd, data, len);
}

typedef void (*print_fn)(const struct options *opt, sc_out *out,
                         const struct sc_batch_summary *sum);

static bool print(int fd, print_fn fn, const struct options *opt,
                  const struct sc_batch_summary *sum) {
    sc_out *out;
    sc_err *err = sc_out_create(SC_RENDER_TEXT, write_to, &fd, false, &out);
    if (err) {
        sc_err_destroy(err);
        return false;
    }
    fn(opt, out, sum);
    sc_out_flush(out);
    bool ok = !sc_out_failed(out);
    sc_out_destroy(out);
    return ok;
}

static void put_line(const struct options *opt, sc_out *out, const struct sc_batch_summary *sum) {
    (void)opt;
    sc_batch_line(out, sum);
}

/* One dump is no statistics: its own lines say everything. */
static void put_body(const struct options *opt, sc_out *out, const struct sc_batch_summary *sum) {
    if (opt->json) {
        sc_out_json(out, &sc_batch_rectype, sum);
        sc_puts(out, "\n");
    } else if (opt->csv) {
        sc_batch_csv(out, sum);
    } else if (sum->analysed > 1 || opt->summary) {
        sc_batch_text(out, sum);
    }
}

static void put_head(const struct options *opt, sc_out *out, const struct sc_batch_summary *sum) {
    (void)opt;
    (void)sum;
    sc_analysis_csv_head(out);
}

bool summary_head(const struct options *opt) {
    return !opt->csv || opt->summary || print(STDOUT_FILENO, put_head, opt, NULL);
}

bool summary_print(const struct options *opt, const sc_batch *batch,
                   const struct sc_batch_counts *counts) {
    struct sc_batch_summary sum;
    sc_arena *arena = sc_arena_create();
    sc_err *err = arena ? sc_batch_summarise(batch, counts, arena, &sum) : sc_err_nomem();
    bool ok = !err;
    if (err)
        say("%s", sc_err_text(err));
    if (ok && (!opt->csv || opt->summary))
        ok = print(STDOUT_FILENO, put_body, opt, &sum);
    if (ok)
        ok = print(opt->json || opt->csv ? STDERR_FILENO : STDOUT_FILENO, put_line, opt, &sum);
    sc_err_destroy(err);
    sc_arena_destroy(arena);
    return ok;
}
