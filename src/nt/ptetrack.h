/* SPDX-License-Identifier: MIT */
/*
 * Who mapped locked pages by system PTEs: a record for each mapping, which the kernel keeps when
 * the registry's TrackPtes is set.
 */
#ifndef NT_PTETRACK_H
#define NT_PTETRACK_H

#include "nt/list.h"

/* One mapping. */
enum nt_pte_tracker_field {
    NT_PT_VA,    /* where the pages are mapped */
    NT_PT_MDL,   /* 0 or 1: mapped without one */
    NT_PT_COUNT, /* pages */
    NT_PT_FIELDS
};
enum { NT_PT_STACK_MAX = 7 };
struct nt_pte_tracker {
    uint64_t address;
    struct nt_field f[NT_PT_FIELDS];
    uint64_t stack[NT_PT_STACK_MAX]; /* return addresses, that of the caller first */
    size_t nstack;
};

enum { NT_PT_LISTS_MAX = 64 };
struct nt_ptetrack {
    const struct nt *nt;
    const char *name;                /* where it is: "nt!MiPteHeader" */
    uint64_t header;                 /* SYSPTES_HEADER; 0: the symbols do not know where it is */
    uint64_t lists;                  /* heads of lists at its start */
    struct nt_field count, tracking; /* PTEs of all records; nt!MmTrackPtes */
    bool known;                      /* the symbols know the records */
    bool assumed;
    struct nt_list broken; /* the last list that did not end as it should; with `damaged` */
    size_t damaged;
};

/* Errors: out of memory, cancelled. */
sc_err *nt_ptetrack_open(const struct nt *nt, struct nt_ptetrack *ret);

/* Called for each record; returns an error to stop. */
typedef sc_err *(*nt_ptetrack_fn)(void *ctx, const struct nt_pte_tracker *tracker);
enum { NT_PT_MAX = 1 << 20 };
sc_err *nt_ptetrack_each(struct nt_ptetrack *track, nt_ptetrack_fn fn, void *ctx);

#endif
