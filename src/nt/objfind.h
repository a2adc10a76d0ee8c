/* SPDX-License-Identifier: MIT */
/* All objects of a type that can be found. */
#ifndef NT_OBJFIND_H
#define NT_OBJFIND_H

#include "base/hash.h"
#include "nt/object.h"

enum { NT_FOUND_MAX = 1 << 20 };

struct nt_found {
    uint64_t *item; /* bodies, in the order in which they were found */
    size_t count, room;
    struct sc_map set;  /* the same */
    bool by_list;       /* the kernel kept a list of them: these are all */
    bool limit;         /* more than NT_FOUND_MAX, or more handles than NT_HANDLES_MAX */
    uint64_t no_tables; /* handle tables that the dump does not hold */
};

/*
 * Those on the type's own list, which the kernel keeps when it was told to; else those that handle
 * tables, the table of ids and directories lead to. Ended with nt_found_end(), not on errors.
 */
sc_err *nt_objects_of_type(struct nt_objects *om, const struct nt_objtype *type,
                           struct nt_found *ret);
void nt_found_end(struct nt_found *found);

#endif
