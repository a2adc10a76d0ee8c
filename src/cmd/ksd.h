/* SPDX-License-Identifier: MIT */
/* SIDs as text: ksd.c. */
#ifndef STOPCODE_CMD_KSD_H
#define STOPCODE_CMD_KSD_H

#include "cmd/command.h"
#include "nt/sid.h"

/* As in a record; strings in the arena. */
struct sc_sid {
    const char *sid;         /* "S-1-5-18" */
    const char *kind, *name; /* NULL: not known */
};
extern const struct sc_rectype sc_sid_type;
sc_err *sc_sid_row(const struct nt_sid *sid, sc_arena *arena, struct sc_sid *ret);
/* "S-1-5-18", and with NAMES " (Well Known Group: NT AUTHORITY\SYSTEM)" behind it. */
void sc_sid_text(sc_out *out, const struct sc_sid *sid, bool names);

#endif
