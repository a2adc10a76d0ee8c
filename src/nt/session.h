/* SPDX-License-Identifier: MIT */
/* Sessions of users, as the processes in them and the kernel's list tell. */
#ifndef NT_SESSION_H
#define NT_SESSION_H

#include "nt/process.h"

struct nt_session {
    uint64_t id;
    uint64_t space; /* MM_SESSION_SPACE */
    struct nt_field
        memory;     /* address of the MMSESSION in it; not in this build: since Windows 11 */
    uint64_t first; /* its first process in the list; 0: it has none */
    uint64_t processes;
};

struct nt_sessions {
    const struct nt *nt;
    struct nt_session *item; /* by id */
    size_t count, room;
    uint64_t unknown;  /* processes with a session that is not in the dump */
    uint64_t unlisted; /* sessions of the list that are not in the dump */
};
enum { NT_SESSIONS_MAX = 65536 };

/* Adds PROCESS to the session that it is in, if it is in one. */
sc_err *nt_sessions_add(struct nt_sessions *sessions, const struct nt_process *process);
/*
 * Adds the sessions of the kernel's own list, also those without processes. LIST says whether it
 * is whole; *RET_FOUND false: the symbols do not know where the list begins.
 */
sc_err *nt_sessions_add_list(struct nt_sessions *sessions, struct nt_list *ret_list,
                             bool *ret_found);
const struct nt_session *nt_sessions_find(const struct nt_sessions *sessions, uint64_t id);
void nt_sessions_end(struct nt_sessions *sessions);

/* The same list by itself: entries are links, nt_session_of_link() gives the MM_SESSION_SPACE. */
sc_err *nt_session_list_begin(const struct nt *nt, struct nt_list *ret_list, bool *ret_found);
sc_err *nt_session_of_link(const struct nt *nt, uint64_t link, uint64_t *ret_space);
/* "nt!MiSessionWsList": where the list begins in this build. */
const char *nt_session_list_name(const struct nt *nt);

#endif
