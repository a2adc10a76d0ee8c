/* SPDX-License-Identifier: MIT */
/*
 * Free page table entries that are linked to each other, by their numbers from a base on: those of
 * special pool, and until Server 2003 all system PTEs.
 */
#ifndef NT_PTELIST_H
#define NT_PTELIST_H

#include "nt/nt.h"

struct nt_ptelist {
    const struct nt *nt;
    const char *name;    /* "nt!MiSpecialPool.Paged" */
    uint64_t base;       /* entry 0 */
    uint64_t first;      /* address of the first one; 0: the list is empty */
    uint64_t start, end; /* the entries among which it lies, both included; 0: not known */
    unsigned size;       /* bytes of an entry */
    bool clusters; /* entries tell how many are free from there on; else two: page and guard */
    bool fixed;    /* not as the symbols have them, which are those of a kernel without PAE */
};

enum nt_ptelist_kind {
    NT_PTES_SYSTEM,    /* XP and Server 2003 */
    NT_PTES_EXPANSION, /* of nonpaged pool; the same */
    NT_PTES_SPECIAL,
    NT_PTES_SESSION, /* special pool of a session; Server 2003 and later */
};
enum { NT_PTELISTS_MAX = 2, NT_PTELIST_WHY = 160 };
struct nt_ptelists {
    struct nt_ptelist of[NT_PTELISTS_MAX];
    size_t count;
    char why[NT_PTELIST_WHY]; /* when there are none: what is lacking */
};
/* SESSION: the MM_SESSION_SPACE, for NT_PTES_SESSION. */
sc_err *nt_ptelists_find(const struct nt *nt, enum nt_ptelist_kind kind, uint64_t session,
                         struct nt_ptelists *ret);

/* Called for each run of free entries; returns false to stop. */
typedef bool (*nt_ptelist_fn)(void *ctx, uint64_t address, uint64_t count);
enum nt_ptelist_end { NT_PTELIST_DONE, NT_PTELIST_ABSENT, NT_PTELIST_BROKEN, NT_PTELIST_LOOP };
enum { NT_PTELIST_MAX = 1 << 22 };
/* *RET_END says how it ended, *RET_BAD at which entry when it did not end as it should. */
sc_err *nt_ptelist_each(const struct nt_ptelist *list, nt_ptelist_fn fn, void *ctx,
                        enum nt_ptelist_end *ret_end, uint64_t *ret_bad);

#endif
