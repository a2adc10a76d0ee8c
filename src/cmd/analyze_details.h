/* SPDX-License-Identifier: MIT */
/* What the parts of `!analyze` share, and its "Debugging Details". */
#ifndef STOPCODE_CMD_ANALYZE_DETAILS_H
#define STOPCODE_CMD_ANALYZE_DETAILS_H

#include "cmd/command.h"
#include "stopcode/finding.h"

/* One analysis on its way to the output. */
struct sc_shown {
    sc_session *session;
    sc_out *out;
    sc_target *target;
    const struct sc_analysis *a;
    sc_arena *arena;
    unsigned ptr_size;
};

sc_err *sc_analyze_details(const struct sc_shown *s);
/* -hang: who waits for what, behind the analysis. */
sc_err *sc_analyze_hang(const struct sc_shown *s);
/* -show: the code in CODE[0] explained with the parameters in the four values behind it. */
sc_err *sc_analyze_show(sc_session *session, const struct sc_val code[5], sc_arena *arena);

#endif
