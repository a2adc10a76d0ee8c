/* SPDX-License-Identifier: MIT */
/* The text of `!analyze`: what analyze.c prints, and the verdict. */
#ifndef STOPCODE_CMD_ANALYZE_TEXT_H
#define STOPCODE_CMD_ANALYZE_TEXT_H

#include "analyze/bugcheck_table.h"
#include "cmd/command.h"
#include "stopcode/finding.h"

/* The box of stars around "Bugcheck Analysis" or "Exception Analysis". */
void sc_analyze_heading(sc_out *out, bool kernel);
/* The first finding in full, the others in short, and what is odd about the file. */
void sc_analyze_verdict(sc_out *out, const struct sc_analysis *a);
/* One line of it. */
void sc_analyze_verdict_line(sc_out *out, const struct sc_analysis *a);

/* A bug check's name, sentences and arguments. MEANING and WHERE may be NULL. */
struct sc_analyze_arg {
    uint64_t value;
    const char *text, *meaning, *where;
};
void sc_analyze_explanation(sc_out *out, const struct sc_bug *bug,
                            const struct sc_analyze_arg arg[4], unsigned ptr_size, bool enrich);

/* TEXT in lines of at most 79 columns, each after INDENT blanks; FIRST stands before the first. */
void sc_print_wrapped(sc_out *out, const char *first, unsigned indent, const char *text);

/* What the dump says, decoded: a claim a paragraph, with its command. Nothing when there is none.
 */
void sc_analyze_facts(sc_out *out, const struct sc_analysis *a);

#endif
