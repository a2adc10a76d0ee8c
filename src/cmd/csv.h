/* SPDX-License-Identifier: MIT */
/*
 * CSV as RFC 4180 has it: fields separated by commas, lines ended by CR LF, texts in quotes. What a
 * text may hold is made harmless: control characters become `\x1b` as everywhere in text output,
 * and a text that a spreadsheet would take for a formula (=, +, -, @ first) gets an apostrophe
 * before it. A field without a value is empty.
 */
#ifndef STOPCODE_CMD_CSV_H
#define STOPCODE_CMD_CSV_H

#include "cmd/batch.h"

struct sc_csv {
    sc_out *out;
    bool begun; /* the line has a field */
};

void sc_csv_str(struct sc_csv *csv, const char *text); /* NULL: no value */
void sc_csv_num(struct sc_csv *csv, int64_t value);    /* INT64_MIN: no value */
void sc_csv_hex(struct sc_csv *csv, uint64_t value);
void sc_csv_time(struct sc_csv *csv, uint64_t filetime); /* 0, SC_UNSET64: no value */
void sc_csv_span(struct sc_csv *csv, uint64_t span);     /* seconds; SC_UNSET64: no value */
void sc_csv_end(struct sc_csv *csv);

/* One line a dump. Columns: docs/formats/csv.md. */
void sc_analysis_csv_head(sc_out *out);
void sc_analysis_csv(sc_out *out, const struct sc_analysis_record *record);
/* One line a signature. */
void sc_batch_csv(sc_out *out, const struct sc_batch_summary *summary);

#endif
