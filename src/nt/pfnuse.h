/* SPDX-License-Identifier: MIT */
/*
 * Who uses physical memory: the PFN database, counted by list and by user (mapped files, sections
 * in page files, processes, kinds of kernel memory).
 */
#ifndef NT_PFNUSE_H
#define NT_PFNUSE_H

#include "nt/pfn.h"
#include "nt/regions.h"

enum { NT_USERS_MAX = 1 << 20 };

enum nt_user_kind {
    NT_USER_FILE,            /* `key`: the control area */
    NT_USER_SECTION,         /* pages of sections that page files back */
    NT_USER_PROTOTYPE,       /* shared: whose pages these are is not known */
    NT_USER_PROCESS,         /* `key`: EPROCESS */
    NT_USER_UNKNOWN_PROCESS, /* a page of a process that is not in the list */
    NT_USER_KERNEL,          /* `name`: kind of address */
    NT_USER_DRIVER,          /* `name`: the module */
    NT_USER_OTHER,           /* nothing tells */
};

struct nt_user {
    enum nt_user_kind kind;
    uint64_t key;
    const char *name; /* in the arena; NULL: none is known */
    uint64_t valid, standby, dirty, shared, locked, page_tables; /* pages */
};

struct nt_pfnuse {
    uint64_t location[NT_PAGE_LOCATIONS], total, absent;
    struct nt_user *user; /* in the arena; sorted by kind, key, name */
    size_t nusers;
    bool assumed, users_missing; /* more users than NT_USERS_MAX */
};

/* USERS: count those, too. The result is in ARENA. */
sc_err *nt_pfnuse_count(const struct nt_pfndb *db, bool users, sc_arena *arena,
                        struct nt_pfnuse *ret_use);

#endif
