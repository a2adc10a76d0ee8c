/* SPDX-License-Identifier: MIT */
/* The images of a process, as its own loader lists them: read in the process's address space. */
#ifndef NT_USERMOD_H
#define NT_USERMOD_H

#include "nt/process.h"
#include "stopcode/module.h"

enum { NT_USER_MODULES_MAX = 4096 };

struct nt_user_modules {
    struct sc_module *item; /* base, size, timestamp and path; in the arena */
    size_t count;
    const char *why;   /* why there are none, or not all; in the arena or static; NULL: all */
    uint64_t peb, ldr; /* of the 64-bit side, or of the only one */
    bool peb_absent;   /* the PEB is there, but not in the dump */
    uint64_t peb32;    /* of a WOW64 process; 0 none */
};

/*
 * SPACE is the process's. A process that has no PEB (System) has no modules, and no reason is
 * given. Errors: out of memory, cancelled, SC_ERR_NOT_FOUND for symbols that do not know EPROCESS.
 */
sc_err *nt_user_modules(const struct nt *nt, sc_space *space, const struct nt_process *process,
                        sc_arena *arena, struct nt_user_modules *ret);

/* Has it a module of that name ("ntdll.dll", or without the extension)? Any case. */
bool nt_user_modules_have(const struct nt_user_modules *modules, const char *name);

#endif
