/* SPDX-License-Identifier: MIT */
/* Sessions of users, as the processes in them tell. */
#ifndef NT_SESSION_H
#define NT_SESSION_H

#include "nt/process.h"

struct nt_session {
    uint64_t id;
    uint64_t space; /* MM_SESSION_SPACE */
    struct nt_field
        memory;     /* address of the MMSESSION in it; not in this build: since Windows 11 */
    uint64_t first; /* its first process in the list */
    uint64_t processes;
};

struct nt_sessions {
    const struct nt *nt;
    struct nt_session *item; /* by id */
    size_t count, room;
    uint64_t unknown; /* processes with a session that is not in the dump */
};
enum { NT_SESSIONS_MAX = 65536 };

/* Adds PROCESS to the session that it is in, if it is in one. */
sc_err *nt_sessions_add(struct nt_sessions *sessions, const struct nt_process *process);
const struct nt_session *nt_sessions_find(const struct nt_sessions *sessions, uint64_t id);
void nt_sessions_end(struct nt_sessions *sessions);

#endif
