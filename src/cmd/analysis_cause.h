/* SPDX-License-Identifier: MIT */
/*
 * Hardware or software: what an analysis says of the nature of a crash, in one word. It is read
 * off its findings, and adds no judgement of its own: the reasons stand in the findings.
 */
#ifndef STOPCODE_CMD_ANALYSIS_CAUSE_H
#define STOPCODE_CMD_ANALYSIS_CAUSE_H

#include "stopcode/finding.h"

enum sc_cause {
    SC_CAUSE_UNKNOWN,   /* nothing speaks for either */
    SC_CAUSE_SOFTWARE,  /* a module is named with more than "possible" */
    SC_CAUSE_HARDWARE,  /* the hardware reported it itself, or a finding suspects it */
    SC_CAUSE_REQUESTED, /* somebody asked for the dump: nothing failed */
    SC_CAUSES
};

/* "unknown", "software", "hardware", "requested". */
const char *sc_cause_name(enum sc_cause cause);
/* Of one finding. */
enum sc_cause sc_finding_cause(const struct sc_finding *finding);
/* Of the whole: that of the best finding, or the bug check's where hardware reports by it. */
enum sc_cause sc_analysis_cause(const struct sc_analysis *analysis);

#endif
