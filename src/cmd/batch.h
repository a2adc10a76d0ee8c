/* SPDX-License-Identifier: MIT */
/*
 * Many dumps: counted by signature (the analysis' bucket), with what the dumps of one signature
 * share and in what they differ, the drivers that are named, and findings over all of them.
 *
 *     sc_batch *batch;
 *     err = sc_batch_create(operands, noperands, &batch);
 *     for each dump: err = sc_batch_add(batch, file, &facts);
 *     struct sc_batch_summary sum;
 *     err = sc_batch_summarise(batch, &counts, arena, &sum);
 *     sc_out_json(out, &sc_batch_rectype, &sum);   or   sc_batch_text(out, &sum);
 *
 * Copies of one dump (same moment, same up time, same stop) are counted, and marked: they are one
 * crash. When sc_batch_add() fails the batch is only good for sc_batch_destroy().
 */
#ifndef STOPCODE_CMD_BATCH_H
#define STOPCODE_CMD_BATCH_H

#include "cmd/batch_facts.h"

typedef struct sc_batch sc_batch;

/* OPERANDS: what the user named, for the commands of evidence; they must live as long. */
sc_err *sc_batch_create(const char *const *operands, size_t count, sc_batch **ret_batch);
void sc_batch_destroy(sc_batch *batch);
/* FILE must live as long as the batch; FACTS are copied. NULL or out of memory. */
sc_err *sc_batch_add(sc_batch *batch, const char *file, const struct sc_batch_facts *facts);

/* What happened to the files; only the caller knows. */
struct sc_batch_counts {
    uint64_t files, analysed, failed, not_opened;
    uint64_t skipped;   /* met in folders, and no dumps */
    uint64_t remaining; /* not looked at, because it was stopped */
    bool stopped;
};

struct sc_value_row {
    const char *value;
    uint64_t count;
};

/* One aspect of the dumps of a signature. */
struct sc_aspect_row {
    const char *what;                  /* "os", "version", "process", … */
    bool differs;                      /* more than one value is known */
    const struct sc_value_row *values; /* the most frequent first */
    size_t nvalues;
    uint64_t unknown, others; /* dumps that do not say; values that were too many to keep */
};

struct sc_batch_driver_row {
    const char *image, *vendor, *about;
    const char *confidence; /* the best with which it is named */
    uint64_t blamed, named; /* dumps that blame it; that name it at all; without copies */
    uint64_t signatures;    /* over which these are spread */
    const struct sc_value_row *versions;
    size_t nversions;
};

struct sc_signature_row {
    const char *signature, *cause, *verdict;
    const char *confidence, *least; /* the best and the least of its dumps */
    uint64_t count, copies;
    uint64_t first, last; /* FILETIME of dumps; 0 = unknown */
    const char *first_file, *last_file;
    const struct sc_value_row *images; /* who is blamed */
    size_t nimages;
    const struct sc_aspect_row *aspects;
    size_t naspects;
};

struct sc_batch_summary {
    const char *schema; /* SC_BATCH_SCHEMA */
    uint64_t files, analysed, failed, not_opened, skipped, remaining, copies;
    bool stopped;
    uint64_t first, last;
    const struct sc_value_row *causes;
    size_t ncauses;
    const struct sc_signature_row *signatures; /* the most frequent first, then the latest */
    size_t nsignatures;
    const struct sc_batch_driver_row *drivers; /* the most blamed first */
    size_t ndrivers;
    const struct sc_finding_row *findings; /* over all dumps: batch_findings.c */
    size_t nfindings;
};

/* docs/schema/summary-1.json */
#define SC_BATCH_SCHEMA "stopcode.summary/1"
extern const struct sc_rectype sc_batch_rectype;

/* Strings are the batch's or lie in ARENA. NULL or out of memory. */
sc_err *sc_batch_summarise(const sc_batch *batch, const struct sc_batch_counts *counts,
                           sc_arena *arena, struct sc_batch_summary *ret);
/* The tables, as text. */
void sc_batch_text(sc_out *out, const struct sc_batch_summary *summary);
/* The line of counts: "60 files: 58 analysed, 1 failed, 1 not opened". */
void sc_batch_line(sc_out *out, const struct sc_batch_summary *summary);

#endif
