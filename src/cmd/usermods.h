/* SPDX-License-Identifier: MIT */
/*
 * The modules of the process whose memory the session sees, in the dump of a kernel: they are in
 * the target's list while it is at hand.
 */
#ifndef STOPCODE_CMD_USERMODS_H
#define STOPCODE_CMD_USERMODS_H

#include "cmd/procspace.h"
#include "nt/usermod.h"

/* What became of the list; of targets that have none nothing is set. */
struct sc_usermods {
    bool known;            /* the list is that of `process` in the address space `dtb` */
    uint64_t process, dtb; /* process 0: nobody's */
    size_t count;
    size_t left_out; /* that overlap others */
    uint64_t peb;
    bool peb_absent;
    char *why; /* owned: why there are none, or not all; NULL: all */
};

/*
 * Makes the target's user-mode modules those of the process at hand, if they are not. Pointers to
 * modules handed out before may be dead then. The dispatcher does it before each command; commands
 * that enter a process themselves do it, too. What cannot be read is no error.
 */
sc_err *sc_session_sync_modules(sc_session *session);
/* The same, read anew. */
sc_err *sc_session_reload_user(sc_session *session);
const struct sc_usermods *sc_session_usermods(const sc_session *session);

/* "Loading User Symbols", a dot for each module, or why there are none. */
void sc_show_user_modules(sc_session *session);

/* session.c */
void sc_usermods_deinit(sc_session *session);

/*
 * Enters PROCESS with its modules for a while; what is in force is kept in *RET_OLD.
 * SC_ERR_NOT_FOUND: it has no address space (any more).
 */
sc_err *sc_session_visit(sc_session *session, const struct nt *nt, uint64_t process,
                         struct sc_implicit *ret_old);
/* Back again. */
sc_err *sc_session_leave(sc_session *session, const struct sc_implicit *old);

/* A visit that is made only where the process is not at hand anyway. */
struct sc_visit {
    bool away;
    struct sc_implicit old;
};
/*
 * For commands about a thread's own memory: enters the process that owns THREAD (0: the thread that
 * the session is about), and says so when another one was at hand. *RET_VISIT is for
 * sc_session_return(), also after an error. Targets whose memory is one process's stay as they are.
 */
sc_err *sc_session_visit_owner(sc_session *session, uint64_t thread, struct sc_visit *ret_visit);
/* The same for a process. */
sc_err *sc_session_visit_process(sc_session *session, const struct nt *nt, uint64_t process,
                                 struct sc_visit *ret_visit);
/* Back again; ERR, or what went wrong on the way. */
sc_err *sc_session_return(sc_session *session, const struct sc_visit *visit, sc_err *own_err);

#endif
