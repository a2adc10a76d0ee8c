/* SPDX-License-Identifier: MIT */
/* Look-aside lists: GENERAL_LOOKASIDE, and the kernel's lists of them. */
#ifndef NT_LOOKASIDE_H
#define NT_LOOKASIDE_H

#include "nt/list.h"

enum nt_lookaside_field {
    NT_L_DEPTH, /* up to which entries are kept */
    NT_L_MAXIMUM_DEPTH,
    NT_L_TOTAL_ALLOCATES,
    NT_L_ALLOCATE_MISSES,
    NT_L_TOTAL_FREES,
    NT_L_FREE_MISSES,
    NT_L_TYPE, /* POOL_TYPE */
    NT_L_TAG,
    NT_L_SIZE,
    NT_L_FIELDS
};
struct nt_lookaside {
    uint64_t address;
    bool assumed;
    struct nt_field f[NT_L_FIELDS];
    struct nt_field current; /* entries in the list */
};
sc_err *nt_lookaside_read(const struct nt *nt, uint64_t address, struct nt_lookaside *ret);

/* The kernel's lists of look-aside lists: of its own, of drivers, of pool. */
enum nt_lookaside_head {
    NT_LOOKASIDES_SYSTEM,
    NT_LOOKASIDES_NONPAGED,
    NT_LOOKASIDES_PAGED,
    NT_LOOKASIDES_POOL,
    NT_LOOKASIDES_HEADS
};
const char *
nt_lookaside_head_name(enum nt_lookaside_head head); /* "nt!ExSystemLookasideListHead" */
enum { NT_LOOKASIDES_MAX = 1 << 16 };
/* *RET_FOUND false: the symbols do not say where it is. Entries are links. */
sc_err *nt_lookasides_begin(const struct nt *nt, enum nt_lookaside_head head,
                            struct nt_list *ret_list, bool *ret_found);
sc_err *nt_lookaside_of_link(const struct nt *nt, uint64_t link, uint64_t *ret_address);

#endif
