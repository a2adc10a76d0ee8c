/* SPDX-License-Identifier: MIT */
/*
 * The summary of a batch as text: a table of signatures, one of drivers, the findings over all
 * dumps. Of long lists the head is shown; JSON has everything.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/time.h"
#include "cmd/batch.h"

enum { VALUES_SHOWN = 5, DRIVERS_SHOWN = 25, TIME_SIZE = 20 };

/* "2021-02-10 20:14", or "-". */
static const char *minute(uint64_t filetime, char buf[static TIME_SIZE]) {
    char text[SC_TIME_BUF];
    if (!filetime)
        return "-";
    snprintf(buf, TIME_SIZE, "%.16s", sc_time_iso(filetime, text));
    char *t = strchr(buf, 'T');
    if (t)
        *t = ' ';
    return buf;
}

static void put_values(sc_out *out, const struct sc_value_row *values, size_t count,
                       uint64_t more) {
    for (size_t i = 0; i < count && i < VALUES_SHOWN; i++)
        sc_printf(out, "%s%s (%" PRIu64 ")", i ? ", " : "", values[i].value, values[i].count);
    if (count > VALUES_SHOWN || more)
        sc_puts(out, ", and others");
}

/* What all of its dumps share. */
static void put_shared(sc_out *out, const struct sc_signature_row *r) {
    bool any = false;
    for (size_t i = 0; i < r->naspects; i++) {
        const struct sc_aspect_row *a = &r->aspects[i];
        if (a->differs || a->unknown)
            continue;
        sc_printf(out, "%s%s %s", any ? "; " : "         same: ", a->what, a->values[0].value);
        any = true;
    }
    if (any)
        sc_puts(out, "\n");
}

static void put_differences(sc_out *out, const struct sc_signature_row *r) {
    for (size_t i = 0; i < r->naspects; i++) {
        const struct sc_aspect_row *a = &r->aspects[i];
        if (!a->differs)
            continue;
        sc_printf(out, "         differs: %s ", a->what);
        put_values(out, a->values, a->nvalues, a->others);
        if (a->unknown)
            sc_printf(out, ", not known (%" PRIu64 ")", a->unknown);
        sc_puts(out, "\n");
    }
}

static void put_signature(sc_out *out, const struct sc_signature_row *r) {
    char first[TIME_SIZE], last[TIME_SIZE], sure[32];
    bool range = strcmp(r->least, r->confidence) != 0;
    snprintf(sure, sizeof sure, "%s%s%s", range ? r->least : "", range ? "-" : "", r->confidence);
    sc_printf(out, "%7" PRIu64 "  %-9s  %-15s  %-16s  %-16s  %s\n", r->count, r->cause, sure,
              minute(r->first, first), minute(r->last, last), r->signature);
    if (r->nimages) {
        sc_puts(out, "         blamed: ");
        put_values(out, r->images, r->nimages, 0);
        sc_puts(out, "\n");
    }
    if (r->copies)
        sc_printf(out, "         %" PRIu64 " of them %s of others\n", r->copies,
                  r->copies == 1 ? "is a copy" : "are copies");
    if (r->count > 1)
        put_shared(out, r);
    put_differences(out, r);
    sc_printf(out, "         %s: %s\n", r->count > 1 ? "last" : "file", r->last_file);
}

static void put_drivers(sc_out *out, const struct sc_batch_summary *sum) {
    if (!sum->ndrivers)
        return;
    sc_puts(out, "\nModules, the most blamed first (crashes that blame, that name them):\n\n"
                 " BLAMED   NAMED  SIGNATURES  SURE      MODULE\n");
    for (size_t i = 0; i < sum->ndrivers && i < DRIVERS_SHOWN; i++) {
        const struct sc_batch_driver_row *d = &sum->drivers[i];
        sc_printf(out, "%7" PRIu64 " %7" PRIu64 " %11" PRIu64 "  %-8s  %s", d->blamed, d->named,
                  d->signatures, d->confidence, d->image);
        if (d->about)
            sc_printf(out, " (%s%s%s)", d->vendor ? d->vendor : "", d->vendor ? ", " : "",
                      d->about);
        if (d->nversions) {
            sc_puts(out, ": ");
            put_values(out, d->versions, d->nversions, 0);
        }
        sc_puts(out, "\n");
    }
    if (sum->ndrivers > DRIVERS_SHOWN)
        sc_printf(out, "         and %zu more\n", sum->ndrivers - DRIVERS_SHOWN);
}

static void put_causes(sc_out *out, const struct sc_batch_summary *sum) {
    sc_puts(out, "\nCauses: ");
    put_values(out, sum->causes, sum->ncauses, 0);
    sc_puts(out, "\n");
}

static void put_finding(sc_out *out, const struct sc_finding_row *f) {
    sc_printf(out, "\nOver all dumps (%s): %s\n  %s\n", f->confidence, f->summary, f->detail);
    for (size_t i = 0; i < f->nevidence; i++) {
        const struct sc_evidence_row *e = &f->evidence[i];
        sc_printf(out, "    %s %s  [%s]\n", e->against ? "-" : "+", e->claim, e->command);
    }
    for (size_t i = 0; i < f->nlacked; i++)
        sc_printf(out, "    not known: %s\n", f->lacked[i]);
    for (size_t i = 0; i < f->nnext; i++)
        sc_printf(out, "    next: %s\n", f->next[i]);
}

void sc_batch_text(sc_out *out, const struct sc_batch_summary *sum) {
    if (!sum->nsignatures)
        return;
    sc_puts(out, "Signatures, the most frequent first (times are UTC):\n\n"
                 "  COUNT  CAUSE      SURE             FIRST SEEN        LAST SEEN         "
                 "SIGNATURE\n");
    for (size_t i = 0; i < sum->nsignatures; i++)
        put_signature(out, &sum->signatures[i]);
    put_drivers(out, sum);
    put_causes(out, sum);
    for (size_t i = 0; i < sum->nfindings; i++)
        put_finding(out, &sum->findings[i]);
    sc_puts(out, "\n");
}

void sc_batch_line(sc_out *out, const struct sc_batch_summary *sum) {
    sc_printf(out,
              "%" PRIu64 " files: %" PRIu64 " analysed, %" PRIu64 " failed, %" PRIu64 " not opened",
              sum->files, sum->analysed, sum->failed, sum->not_opened);
    if (sum->skipped)
        sc_printf(out, "; %" PRIu64 " %s in folders skipped: no dump%s", sum->skipped,
                  sum->skipped == 1 ? "file" : "files", sum->skipped == 1 ? "" : "s");
    if (sum->stopped)
        sc_printf(out, "; stopped, %" PRIu64 " not looked at", sum->remaining);
    sc_puts(out, "\n");
}
