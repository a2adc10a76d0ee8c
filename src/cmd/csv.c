/* SPDX-License-Identifier: MIT */
/* CSV fields; and the analysis of a dump, and the signatures of a batch, as lines of them. */
#include "cmd/csv.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/time.h"
#include "out/out_impl.h"

static void separate(struct sc_csv *csv) {
    if (csv->begun)
        sc_puts(csv->out, ",");
    csv->begun = true;
}

void sc_csv_str(struct sc_csv *csv, const char *text) {
    separate(csv);
    if (!text)
        return;
    sc_puts(csv->out, *text && strchr("=+-@", *text) ? "\"'" : "\"");
    for (const char *quote; (quote = strchr(text, '"')) != NULL; text = quote + 1)
        sc_printf(csv->out, "%.*s\"\"", (int)(quote - text), text);
    sc_printf(csv->out, "%s", text);
    sc_puts(csv->out, "\"");
}

void sc_csv_num(struct sc_csv *csv, int64_t value) {
    separate(csv);
    if (value != INT64_MIN)
        sc_printf(csv->out, "%" PRId64, value);
}

void sc_csv_hex(struct sc_csv *csv, uint64_t value) {
    separate(csv);
    sc_printf(csv->out, "0x%" PRIx64, value);
}

void sc_csv_time(struct sc_csv *csv, uint64_t filetime) {
    char text[SC_TIME_BUF];
    separate(csv);
    if (filetime && filetime != SC_UNSET64)
        sc_printf(csv->out, "%s", sc_time_iso(filetime, text));
}

void sc_csv_span(struct sc_csv *csv, uint64_t span) {
    separate(csv);
    if (span != SC_UNSET64)
        sc_printf(csv->out, "%" PRIu64 ".%07" PRIu64, span / 10000000, span % 10000000);
}

void sc_csv_end(struct sc_csv *csv) {
    sc_out_raw(csv->out, "\r\n", 2); /* sc_puts() would neutralise the CR */
    csv->begun = false;
}

static void head(sc_out *out, const char *const *names) {
    struct sc_csv csv = {out, false};
    for (; *names; names++) {
        separate(&csv);
        sc_puts(out, *names);
    }
    sc_csv_end(&csv);
}

/* --- a dump --- */

void sc_analysis_csv_head(sc_out *out) {
    static const char *const names[] = {"file",
                                        "error",
                                        "format",
                                        "kind",
                                        "cpu",
                                        "processors",
                                        "os",
                                        "lab",
                                        "time",
                                        "uptime",
                                        "boot_id",
                                        "bugcheck",
                                        "name",
                                        "p1",
                                        "p2",
                                        "p3",
                                        "p4",
                                        "exception",
                                        "exception_name",
                                        "bucket",
                                        "cause",
                                        "confidence",
                                        "rule",
                                        "image",
                                        "version",
                                        "timestamp",
                                        "built",
                                        "vendor",
                                        "symbol",
                                        "process",
                                        "verdict",
                                        "findings",
                                        "notes",
                                        NULL};
    head(out, names);
}

static void put_stop(struct sc_csv *csv, const struct sc_analysis_record *r) {
    sc_csv_str(csv, r->bugcheck);
    sc_csv_str(csv, r->name);
    for (size_t i = 0; i < 4; i++) {
        if (i < r->narguments)
            sc_csv_hex(csv, r->arguments[i].value);
        else
            sc_csv_str(csv, NULL);
    }
    sc_csv_str(csv, r->exception);
    sc_csv_str(csv, r->exception_name);
}

/* Of the best finding. */
static void put_finding(struct sc_csv *csv, const struct sc_analysis_record *r) {
    static const struct sc_finding_row none;
    const struct sc_finding_row *f = r->nfindings ? &r->findings[0] : &none;
    sc_csv_str(csv, r->confidence);
    sc_csv_str(csv, f->rule);
    sc_csv_str(csv, f->image);
    sc_csv_str(csv, f->version);
    sc_csv_str(csv, f->timestamp);
    sc_csv_time(csv, f->built);
    sc_csv_str(csv, f->vendor);
    sc_csv_str(csv, f->symbol);
}

void sc_analysis_csv(sc_out *out, const struct sc_analysis_record *r) {
    struct sc_csv csv = {out, false};
    sc_csv_str(&csv, r->file);
    sc_csv_str(&csv, r->error);
    sc_csv_str(&csv, r->format);
    sc_csv_str(&csv, r->kind);
    sc_csv_str(&csv, r->cpu);
    sc_csv_num(&csv, r->processors);
    sc_csv_str(&csv, r->os);
    sc_csv_str(&csv, r->lab);
    sc_csv_time(&csv, r->time);
    sc_csv_span(&csv, r->uptime);
    sc_csv_num(&csv, r->boot_id);
    put_stop(&csv, r);
    sc_csv_str(&csv, r->bucket);
    sc_csv_str(&csv, r->cause);
    put_finding(&csv, r);
    sc_csv_str(&csv, r->process);
    sc_csv_str(&csv, r->verdict);
    sc_csv_num(&csv, r->error ? INT64_MIN : (int64_t)r->nfindings);
    sc_csv_num(&csv, r->error ? INT64_MIN : (int64_t)r->nnotes);
    sc_csv_end(&csv);
}

/* --- a signature --- */

/* "a.sys (3); b.sys (1)", as far as a cell is of use. */
static void put_values(struct sc_csv *csv, const struct sc_value_row *values, size_t count) {
    char text[512] = "";
    size_t at = 0;
    for (size_t i = 0; i < count && at < sizeof text; i++)
        at += (size_t)snprintf(text + at, sizeof text - at, "%s%.150s (%" PRIu64 ")", i ? "; " : "",
                               values[i].value, values[i].count);
    sc_csv_str(csv, count ? text : NULL);
}

static void put_aspect(struct sc_csv *csv, const struct sc_signature_row *row, const char *what) {
    for (size_t i = 0; i < row->naspects; i++)
        if (!strcmp(row->aspects[i].what, what)) {
            put_values(csv, row->aspects[i].values, row->aspects[i].nvalues);
            return;
        }
    sc_csv_str(csv, NULL);
}

void sc_batch_csv(sc_out *out, const struct sc_batch_summary *sum) {
    static const char *const names[] = {
        "signature", "count",    "copies",   "cause",     "confidence", "least",
        "images",    "versions", "first",    "last",      "first_file", "last_file",
        "stops",     "os",       "hardware", "processes", "verdict",    NULL};
    head(out, names);
    struct sc_csv csv = {out, false};
    for (size_t i = 0; i < sum->nsignatures; i++) {
        const struct sc_signature_row *r = &sum->signatures[i];
        sc_csv_str(&csv, r->signature);
        sc_csv_num(&csv, (int64_t)r->count);
        sc_csv_num(&csv, (int64_t)r->copies);
        sc_csv_str(&csv, r->cause);
        sc_csv_str(&csv, r->confidence);
        sc_csv_str(&csv, r->least);
        put_values(&csv, r->images, r->nimages);
        put_aspect(&csv, r, "version");
        sc_csv_time(&csv, r->first);
        sc_csv_time(&csv, r->last);
        sc_csv_str(&csv, r->first_file);
        sc_csv_str(&csv, r->last_file);
        put_aspect(&csv, r, "stop");
        put_aspect(&csv, r, "os");
        put_aspect(&csv, r, "hardware");
        put_aspect(&csv, r, "process");
        sc_csv_str(&csv, r->verdict);
        sc_csv_end(&csv);
    }
}
