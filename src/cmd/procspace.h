/* SPDX-License-Identifier: MIT */
/*
 * Whose address space the session sees: the page tables that memory commands go through, and what
 * the process's VADs add to them. Targets without page tables have one space, and nothing here has
 * an effect on them.
 */
#ifndef STOPCODE_CMD_PROCSPACE_H
#define STOPCODE_CMD_PROCSPACE_H

#include "cmd/kernel.h"
#include "nt/vadfill.h"

struct sc_procspace;

/* What `.thread`, `.process` and `.context` have set. */
struct sc_implicit {
    uint64_t thread, process; /* 0: the current ones */
    uint64_t dtb;             /* 0: the one that the dump was opened with */
    enum sc_cpu effmach;      /* `.effmach` */
};

/* The session looks at the memory of PROCESS from now on, as `.process PROCESS` has it. */
sc_err *sc_session_enter_process(sc_session *session, const struct nt *nt, uint64_t process);
/* Page tables whose process is not known (`.context`). */
sc_err *sc_session_enter_tables(sc_session *session, uint64_t dtb);
/* Back to those that the dump was opened with. */
sc_err *sc_session_leave_process(sc_session *session);

/*
 * The tables of PROCESS, which the current processor runs; nobody chose it. Those that do not lead
 * to the kernel are not taken.
 */
sc_err *sc_session_follow_process(sc_session *session, const struct nt *nt, uint64_t process);
/* Is PROCESS the one whose memory is at hand? */
sc_err *sc_session_is_at_hand(sc_session *session, const struct nt *nt, uint64_t process,
                              bool *ret);
/* Was it page tables alone that were set (`.context`)? */
bool sc_session_tables_unknown(const sc_session *session);

/* For commands that change them for a while. */
struct sc_implicit sc_session_implicit(const sc_session *session);
void sc_session_restore_implicit(sc_session *session, const struct sc_implicit *implicit);

/*
 * What the VADs of the process at hand say of the page at ADDR, whose translation is TR. Nothing
 * is behind it where there are none.
 */
sc_err *sc_session_behind(sc_session *session, uint64_t addr, const struct sc_translation *tr,
                          struct nt_page *ret_page);
/*
 * The first mapped range of the process at or behind ADDR of which page tables need not know all
 * pages; false: there is none. Those beyond 1 GB are left out: it would take too long to try them.
 */
bool sc_session_mapped(sc_session *session, uint64_t addr, uint64_t *ret_start, uint64_t *ret_last);
/* A remark if memory was shown since the last call that no page holds, but VADs know to be 0. */
void sc_session_note_zeros(sc_session *session);
void sc_session_forget_zeros(sc_session *session);

/* session.c: once for each session. */
sc_err *sc_procspace_init(sc_session *session);
void sc_procspace_deinit(sc_session *session);

#endif
