/* SPDX-License-Identifier: MIT */
/* System page table entries: how many there are, and how many are free. */
#ifndef NT_SYSPTES_H
#define NT_SYSPTES_H

#include "nt/nt.h"

enum nt_ptes_field {
    NT_PTE_TOTAL,
    NT_PTE_FREE,
    NT_PTE_CACHED,   /* free ones kept aside; Vista to 8 */
    NT_PTE_FAILURES, /* requests that failed */
    NT_PTE_BITS,     /* length of the bitmap */
    NT_PTE_BUFFER,   /* where it lies */
    NT_PTE_BASE,     /* the first entry */
    NT_PTE_FIELDS
};

/* One allocator of them. */
struct nt_ptes {
    const char *name; /* "nt!MiSystemPteInfo" */
    struct nt_field f[NT_PTE_FIELDS];
};
/* XP: free runs kept by their size. */
struct nt_ptes_kept {
    uint64_t size, free;
};
enum { NT_PTES_MAX = 4, NT_PTES_KEPT_MAX = 5 };
struct nt_sysptes {
    struct nt_ptes of[NT_PTES_MAX];
    size_t count;
    struct nt_ptes_kept kept[NT_PTES_KEPT_MAX];
    size_t nkept;
    struct nt_field expansion; /* free ones of nonpaged pool's expansion; XP and Server 2003 */
    const char *lacking; /* the structure of a variable that is there, which the symbols lack */
    bool assumed;
};
sc_err *nt_sysptes_read(const struct nt *nt, struct nt_sysptes *ret);

/* Called for each run of clear bits; returns false to stop. */
typedef bool (*nt_bits_fn)(void *ctx, uint64_t first, uint64_t count);
enum { NT_PTES_BITS_MAX = 1 << 30 };
/* *RET_READ: how many bits could be read; the rest is in no page of the dump. */
sc_err *nt_ptes_free_runs(const struct nt *nt, const struct nt_ptes *ptes, nt_bits_fn fn, void *ctx,
                          uint64_t *ret_read);

#endif
