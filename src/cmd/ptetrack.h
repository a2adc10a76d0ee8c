/* SPDX-License-Identifier: MIT */
/* Who mapped locked pages: `!sysptes 4`. */
#ifndef CMD_PTETRACK_H
#define CMD_PTETRACK_H

#include "cmd/command.h"
#include "nt/nt.h"

sc_err *sc_show_pte_trackers(sc_session *session, const struct nt *nt);

#endif
