/* SPDX-License-Identifier: MIT */
/* Which working sets a thread has locked: flags in its ETHREAD, of Windows Server 2003 to 8.1. */
#ifndef NT_WSOWNER_H
#define NT_WSOWNER_H

#include "nt/nt.h"

enum { NT_WS_OWNED = 10 };

struct nt_ws_owner {
    bool known;    /* this build has such flags */
    unsigned owns; /* bit I: nt_ws_owned_name(I) */
};

/* Errors as those of nt_load(). */
sc_err *nt_ws_owner_read(const struct nt *nt, uint64_t thread, struct nt_ws_owner *ret);
/* "the process's working set, exclusively" */
const char *nt_ws_owned_name(unsigned index);

#endif
