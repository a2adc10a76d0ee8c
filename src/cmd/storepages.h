/* SPDX-License-Identifier: MIT */
/* The memory store (nt/memstore.h) behind a session's address spaces. */
#ifndef STOPCODE_CMD_STOREPAGES_H
#define STOPCODE_CMD_STOREPAGES_H

#include "cmd/command.h"

struct nt;

/* The target asks the session for pages of page files that were not given. */
sc_err *sc_storepages_init(sc_session *session);
void sc_storepages_deinit(sc_session *session);
/* Which page files are stores, by the symbols that NT has: known to the target from here on. */
sc_err *sc_storepages_bind(sc_session *session, const struct nt *nt);

#endif
