/* SPDX-License-Identifier: MIT */
/* The summary of a batch as one record: sorted, and in the words of the schema. */
#include <stdlib.h>
#include <string.h>

#include "cmd/batch_impl.h"

static const struct sc_field value_fields[] = {
    SC_FIELD(struct sc_value_row, value, SC_F_STR),
    SC_FIELD(struct sc_value_row, count, SC_F_U64),
    SC_FIELD_END,
};
static const struct sc_rectype value_type = {"value", sizeof(struct sc_value_row), value_fields};

static const struct sc_field aspect_fields[] = {
    SC_FIELD(struct sc_aspect_row, what, SC_F_STR),
    SC_FIELD(struct sc_aspect_row, differs, SC_F_BOOL),
    SC_FIELD_LIST(struct sc_aspect_row, values, nvalues, &value_type),
    SC_FIELD(struct sc_aspect_row, unknown, SC_F_U64),
    SC_FIELD(struct sc_aspect_row, others, SC_F_U64),
    SC_FIELD_END,
};
static const struct sc_rectype aspect_type = {"aspect", sizeof(struct sc_aspect_row),
                                              aspect_fields};

static const struct sc_field signature_fields[] = {
    SC_FIELD(struct sc_signature_row, signature, SC_F_STR),
    SC_FIELD(struct sc_signature_row, count, SC_F_U64),
    SC_FIELD(struct sc_signature_row, copies, SC_F_U64),
    SC_FIELD(struct sc_signature_row, cause, SC_F_STR),
    SC_FIELD(struct sc_signature_row, confidence, SC_F_STR),
    SC_FIELD(struct sc_signature_row, least, SC_F_STR),
    SC_FIELD(struct sc_signature_row, verdict, SC_F_STR),
    SC_FIELD_LIST(struct sc_signature_row, images, nimages, &value_type),
    SC_FIELD(struct sc_signature_row, first, SC_F_TIME),
    SC_FIELD(struct sc_signature_row, first_file, SC_F_STR),
    SC_FIELD(struct sc_signature_row, last, SC_F_TIME),
    SC_FIELD(struct sc_signature_row, last_file, SC_F_STR),
    SC_FIELD_LIST(struct sc_signature_row, aspects, naspects, &aspect_type),
    SC_FIELD_END,
};
static const struct sc_rectype signature_type = {"signature", sizeof(struct sc_signature_row),
                                                 signature_fields};

static const struct sc_field driver_fields[] = {
    SC_FIELD(struct sc_batch_driver_row, image, SC_F_STR),
    SC_FIELD(struct sc_batch_driver_row, vendor, SC_F_STR),
    SC_FIELD(struct sc_batch_driver_row, about, SC_F_STR),
    SC_FIELD(struct sc_batch_driver_row, blamed, SC_F_U64),
    SC_FIELD(struct sc_batch_driver_row, named, SC_F_U64),
    SC_FIELD(struct sc_batch_driver_row, confidence, SC_F_STR),
    SC_FIELD(struct sc_batch_driver_row, signatures, SC_F_U64),
    SC_FIELD_LIST(struct sc_batch_driver_row, versions, nversions, &value_type),
    SC_FIELD_END,
};
static const struct sc_rectype driver_type = {"driver", sizeof(struct sc_batch_driver_row),
                                              driver_fields};

#define SUM struct sc_batch_summary
static const struct sc_field summary_fields[] = {
    SC_FIELD(SUM, schema, SC_F_STR),
    SC_FIELD(SUM, files, SC_F_U64),
    SC_FIELD(SUM, analysed, SC_F_U64),
    SC_FIELD(SUM, failed, SC_F_U64),
    SC_FIELD(SUM, not_opened, SC_F_U64),
    SC_FIELD(SUM, skipped, SC_F_U64),
    SC_FIELD(SUM, stopped, SC_F_BOOL),
    SC_FIELD(SUM, remaining, SC_F_U64),
    SC_FIELD(SUM, copies, SC_F_U64),
    SC_FIELD(SUM, first, SC_F_TIME),
    SC_FIELD(SUM, last, SC_F_TIME),
    SC_FIELD_LIST(SUM, causes, ncauses, &value_type),
    SC_FIELD_LIST(SUM, signatures, nsignatures, &signature_type),
    SC_FIELD_LIST(SUM, drivers, ndrivers, &driver_type),
    SC_FIELD_LIST(SUM, findings, nfindings, &sc_finding_rectype),
    SC_FIELD_END,
};
const struct sc_rectype sc_batch_rectype = {"summary", sizeof(SUM), summary_fields};
#undef SUM

/* --- sorting --- */

static int more(uint64_t a, uint64_t b) { return a > b ? -1 : a < b; }

static int by_count(const void *a, const void *b) {
    const struct sc_value_row *x = a, *y = b;
    int order = more(x->count, y->count);
    return order ? order : strcmp(x->value, y->value);
}

static int by_signature(const void *a, const void *b) {
    const struct sc_signature_row *x = a, *y = b;
    int order = more(x->count - x->copies, y->count - y->copies);
    if (!order)
        order = more(x->last, y->last);
    return order ? order : strcmp(x->signature, y->signature);
}

static int by_blame(const void *a, const void *b) {
    const struct sc_batch_driver_row *x = a, *y = b;
    int order = more(x->blamed, y->blamed);
    if (!order)
        order = more(x->named, y->named);
    return order ? order : strcmp(x->image, y->image);
}

/* --- rows --- */

static sc_err *values_of(const struct sc_tally *t, sc_arena *arena,
                         const struct sc_value_row **ret_values, size_t *ret_count) {
    struct sc_value_row *rows = sc_arena_array(arena, t->count + 1, sizeof *rows);
    if (!rows)
        return sc_err_nomem();
    if (t->count) {
        memcpy(rows, t->item, t->count * sizeof *rows);
        qsort(rows, t->count, sizeof *rows, by_count);
    }
    *ret_values = rows;
    *ret_count = t->count;
    return NULL;
}

/* What nothing is known of is left out. */
static sc_err *aspects_of(const struct sc_group *g, sc_arena *arena, struct sc_signature_row *row) {
    static const char *const names[SC_ASPECTS] = {"stop",     "place",   "version", "os",
                                                  "hardware", "process", "folder"};
    struct sc_aspect_row *rows = sc_arena_array(arena, SC_ASPECTS, sizeof *rows);
    if (!rows)
        return sc_err_nomem();
    for (int a = 0; a < SC_ASPECTS; a++) {
        const struct sc_tally *t = &g->aspect[a];
        if (!t->count)
            continue;
        struct sc_aspect_row *r = &rows[row->naspects++];
        *r = (struct sc_aspect_row){
            .what = names[a], .differs = t->count > 1, .unknown = t->unknown, .others = t->others};
        sc_err *err = values_of(t, arena, &r->values, &r->nvalues);
        if (err)
            return err;
    }
    row->aspects = rows;
    return NULL;
}

/* The cause of most of its dumps; of two, the one that says more. */
static enum sc_cause cause_of(const struct sc_group *g) {
    enum sc_cause best = SC_CAUSE_UNKNOWN;
    for (int c = 0; c < SC_CAUSES; c++)
        if (g->causes[c] && g->causes[c] >= g->causes[best])
            best = (enum sc_cause)c;
    return best;
}

static sc_err *signature_of(const struct sc_group *g, sc_arena *arena,
                            struct sc_signature_row *row) {
    *row = (struct sc_signature_row){
        .signature = g->signature,
        .cause = sc_cause_name(cause_of(g)),
        .verdict = g->verdict,
        .confidence = sc_confidence_name((enum sc_confidence)g->best),
        .least = sc_confidence_name((enum sc_confidence)g->least),
        .count = g->count,
        .copies = g->copies,
        .first = g->first,
        .last = g->last,
        .first_file = g->first_file,
        .last_file = g->last_file,
    };
    sc_err *err = values_of(&g->images, arena, &row->images, &row->nimages);
    return err ? err : aspects_of(g, arena, row);
}

static sc_err *signatures_of(const sc_batch *b, sc_arena *arena, struct sc_batch_summary *sum) {
    struct sc_signature_row *rows = sc_arena_array(arena, b->groups.count + 1, sizeof *rows);
    if (!rows)
        return sc_err_nomem();
    for (size_t i = 0; i < b->groups.count; i++) {
        const struct sc_group *g = &b->groups.item[i];
        sc_err *err = signature_of(g, arena, &rows[i]);
        if (err)
            return err;
        sum->copies += g->copies;
        if (g->first && (!sum->first || g->first < sum->first))
            sum->first = g->first;
        if (g->last > sum->last)
            sum->last = g->last;
    }
    qsort(rows, b->groups.count, sizeof *rows, by_signature);
    sum->signatures = rows;
    sum->nsignatures = b->groups.count;
    return NULL;
}

static const char *known(const char *text) { return text[0] ? text : NULL; }

static sc_err *drivers_of(const sc_batch *b, sc_arena *arena, struct sc_batch_summary *sum) {
    struct sc_batch_driver_row *rows = sc_arena_array(arena, b->drivers.count + 1, sizeof *rows);
    if (!rows)
        return sc_err_nomem();
    for (size_t i = 0; i < b->drivers.count; i++) {
        const struct sc_batch_driver *d = &b->drivers.item[i];
        rows[i] = (struct sc_batch_driver_row){
            .image = d->image,
            .vendor = known(d->vendor),
            .about = known(d->about),
            .confidence = sc_confidence_name((enum sc_confidence)d->confidence),
            .blamed = d->blamed,
            .named = d->named,
            .signatures = d->nsignatures,
        };
        sc_err *err = values_of(&d->versions, arena, &rows[i].versions, &rows[i].nversions);
        if (err)
            return err;
    }
    qsort(rows, b->drivers.count, sizeof *rows, by_blame);
    sum->drivers = rows;
    sum->ndrivers = b->drivers.count;
    return NULL;
}

static sc_err *causes_of(const sc_batch *b, sc_arena *arena, struct sc_batch_summary *sum) {
    struct sc_value_row *rows = sc_arena_array(arena, SC_CAUSES, sizeof *rows);
    if (!rows)
        return sc_err_nomem();
    for (int c = 0; c < SC_CAUSES; c++) {
        struct sc_value_row row = {sc_cause_name((enum sc_cause)c), 0};
        for (size_t i = 0; i < b->groups.count; i++)
            row.count += b->groups.item[i].causes[c];
        if (row.count)
            rows[sum->ncauses++] = row;
    }
    qsort(rows, sum->ncauses, sizeof *rows, by_count);
    sum->causes = rows;
    return NULL;
}

sc_err *sc_batch_summarise(const sc_batch *batch, const struct sc_batch_counts *counts,
                           sc_arena *arena, struct sc_batch_summary *ret) {
    struct sc_batch_summary sum = {
        .schema = SC_BATCH_SCHEMA,
        .files = counts->files,
        .analysed = counts->analysed,
        .failed = counts->failed,
        .not_opened = counts->not_opened,
        .skipped = counts->skipped,
        .remaining = counts->remaining,
        .stopped = counts->stopped,
    };
    sc_err *err = signatures_of(batch, arena, &sum);
    if (!err)
        err = drivers_of(batch, arena, &sum);
    if (!err)
        err = causes_of(batch, arena, &sum);
    if (!err)
        err = sc_batch_findings(batch, arena, &sum.findings, &sum.nfindings);
    if (err)
        return err;
    *ret = sum;
    return NULL;
}
