/* SPDX-License-Identifier: MIT */
/*
 * Reports of a batch. The JSON object is the one that `!analyze` emits, with the file's path as it
 * was given; the texts say less of the same.
 */
#include "report.h"

#include <stdlib.h>
#include <string.h>

#include "cmd/analysis_record.h"
#include "cmd/csv.h"

/* --- text --- */

static void print_finding(sc_out *out, const struct sc_finding_row *f) {
    sc_printf(out, "  %s: %s\n", f->confidence, f->summary);
    for (size_t i = 0; i < f->nevidence; i++) {
        const struct sc_evidence_row *e = &f->evidence[i];
        sc_printf(out, "    %s %s  [%s]\n", e->against ? "-" : "+", e->claim, e->command);
    }
}

static void print_analysis(sc_out *out, const struct sc_analysis_record *rec) {
    if (rec->bugcheck)
        sc_printf(out, "  %s%s%s\n", rec->bugcheck, rec->name ? " " : "",
                  rec->name ? rec->name : "");
    else if (rec->exception)
        sc_printf(out, "  %s%s%s\n", rec->exception, rec->exception_name ? " " : "",
                  rec->exception_name ? rec->exception_name : "");
    else
        sc_puts(out, "  no bug check and no exception\n");
    sc_printf(out, "  bucket: %s\n", rec->bucket);
    for (size_t i = 0; i < rec->nfindings; i++)
        print_finding(out, &rec->findings[i]);
    for (size_t i = 0; i < rec->nnotes; i++)
        sc_printf(out, "  note: %s\n", rec->notes[i]);
}

static void print_block(sc_out *out, const struct sc_analysis_record *rec) {
    sc_printf(out, "%s\n", rec->file);
    if (rec->error)
        sc_printf(out, "  error: %s\n", rec->error);
    else
        print_analysis(out, rec);
    sc_puts(out, "\n");
}

/* --- bytes --- */

static bool collect(void *ctx, const char *data, size_t len) {
    struct report *r = ctx;
    if (len > REPORT_MAX - r->len)
        return false;
    if (r->len + len > r->room) {
        size_t room = (r->len + len) * 2;
        char *text = realloc(r->text, room);
        if (!text)
            return false;
        r->text = text;
        r->room = room;
    }
    memcpy(r->text + r->len, data, len);
    r->len += len;
    return true;
}

static bool render(const struct options *opt, const struct sc_analysis_record *rec,
                   enum report_status status, struct report *ret) {
    struct report report = {.status = status};
    if (status == REPORT_DONE) {
        sc_batch_facts_take(rec, &report.facts);
        report.has_facts = 1;
    }
    if (opt->summary) {
        *ret = report;
        return true;
    }
    sc_out *out = NULL;
    sc_err *err = sc_out_create(SC_RENDER_TEXT, collect, &report, false, &out);
    if (err) {
        sc_err_destroy(err);
        return false;
    }
    if (opt->json) {
        sc_out_json(out, &sc_analysis_rectype, rec);
        sc_puts(out, "\n");
    } else if (opt->csv) {
        sc_analysis_csv(out, rec);
    } else if (opt->brief) {
        sc_analysis_line(out, rec, NULL);
    } else {
        print_block(out, rec);
    }
    sc_out_flush(out);
    bool ok = !sc_out_failed(out);
    sc_out_destroy(out);
    if (ok)
        *ret = report;
    else
        report_free(&report);
    return ok;
}

void report_free(struct report *report) {
    free(report->text);
    report->text = NULL;
    report->len = report->room = 0;
}

bool report_analysis(const struct options *opt, const char *path, sc_target *target,
                     const struct sc_analysis *analysis, struct report *ret) {
    sc_arena *arena = sc_arena_create();
    struct sc_analysis_record rec;
    sc_err *err = arena ? sc_analysis_record_fill(analysis, target, arena, &rec) : sc_err_nomem();
    bool ok = !err;
    if (ok) {
        rec.file = path; /* not its last part only: there may be many of one name */
        ok = render(opt, &rec, REPORT_DONE, ret);
    }
    sc_err_destroy(err);
    sc_arena_destroy(arena);
    return ok;
}

bool report_error(const struct options *opt, const char *path, enum report_status status,
                  const sc_err *err, struct report *ret) {
    struct sc_analysis_record rec;
    sc_analysis_record_fail(path, err, &rec);
    return render(opt, &rec, status, ret);
}
