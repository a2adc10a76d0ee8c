/* SPDX-License-Identifier: MIT */
/* What processes and sessions have committed. */
#ifndef NT_COMMIT_H
#define NT_COMMIT_H

#include "nt/process.h"

struct nt_process_commit {
    uint64_t address;
    uint64_t pid;
    char image[NT_IMAGE_NAME];
    struct nt_field commit, shared, debt; /* pages; shared and debt since Windows 10 */
};
struct nt_session_commit {
    uint64_t address; /* MM_SESSION_SPACE */
    uint32_t id;
    struct nt_field commit; /* pages */
    struct nt_field paged_pool;
    unsigned processes;
};

struct nt_commits {
    struct nt_process_commit *process;
    size_t nprocesses;
    struct nt_session_commit *session; /* sorted by nothing */
    size_t nsessions;
    uint64_t absent;     /* processes whose EPROCESS is not in the dump */
    bool listed;         /* the kernel's list of sessions is known: they may have no process */
    bool found;          /* the list's beginning is known */
    struct nt_list list; /* why it ended; only with `found` */
    bool assumed;
};

/* Walks the list of processes; SC_ERR_CANCELLED when it was cancelled. */
sc_err *nt_commits_read(const struct nt *nt, struct nt_commits *ret_commits);
void nt_commits_deinit(struct nt_commits *commits);

#endif
