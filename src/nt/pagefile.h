/* SPDX-License-Identifier: MIT */
/* The page files of the system, as the memory manager has them. */
#ifndef NT_PAGEFILE_H
#define NT_PAGEFILE_H

#include "nt/nt.h"

enum nt_pagefile_field {
    NT_PF_SIZE, /* all in pages */
    NT_PF_FREE,
    NT_PF_MINIMUM,
    NT_PF_MAXIMUM,
    NT_PF_PEAK,
    NT_PF_FILE,   /* FILE_OBJECT */
    NT_PF_NUMBER, /* what entries name it by */
    NT_PF_STORE,  /* it is no file but the memory store (Windows 10 and later) */
    NT_PF_FIELDS
};

struct nt_pagefile {
    uint64_t address; /* MMPAGING_FILE; 0: the pointer to it is not in the dump */
    const char *name; /* "\??\C:\pagefile.sys"; NULL: none, or not in the dump */
    struct nt_field f[NT_PF_FIELDS];
};

enum { NT_PAGEFILES_MAX = 16 };
struct nt_pagefiles {
    struct nt_pagefile file[NT_PAGEFILES_MAX];
    size_t count;
    struct nt_field total; /* how many there are */
    bool assumed;
};

/* Names lie in ARENA. A target whose symbols do not say where they are has none of them. */
sc_err *nt_pagefiles_read(const struct nt *nt, sc_arena *arena, struct nt_pagefiles *ret_files);

#endif
