/* SPDX-License-Identifier: MIT */
/* What a batch says of one file: a block of text, a line, a JSON object; nothing, if only the
 * summary counts. */
#ifndef STOPCODE_TOOL_REPORT_H
#define STOPCODE_TOOL_REPORT_H

#include <stdint.h>

#include "cmd/batch_facts.h"
#include "options.h"
#include "stopcode/finding.h"
#include "stopcode/out.h"

/* Numbers travel from worker to parent. */
enum report_status { REPORT_DONE, REPORT_FAILED, REPORT_NOT_OPENED, REPORT_KINDS };

/* A report as bytes, ready to be printed. */
struct report {
    uint32_t status;
    char *text; /* owned; not NUL-terminated */
    size_t len, room;
    uint32_t has_facts; /* 1: of an analysed dump, for the summary */
    struct sc_batch_facts facts;
};

/* More than that is no report any more, but an attack on who reads it. */
enum { REPORT_MAX = 4 * 1024 * 1024 };

void report_free(struct report *report);
/* The report on an analysed dump. False when memory is short. */
bool report_analysis(const struct options *opt, const char *path, sc_target *target,
                     const struct sc_analysis *analysis, struct report *ret);
/* The report on one that gave no analysis because of ERR (borrowed). */
bool report_error(const struct options *opt, const char *path, enum report_status status,
                  const sc_err *err, struct report *ret);

#endif
