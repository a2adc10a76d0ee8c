/* SPDX-License-Identifier: MIT */
/*
 * Directories of the object manager's name space, symbolic links, and objects by their paths.
 *
 *     struct nt_directory d;
 *     err = nt_directory_begin(&om, address, &d);
 *     for (struct nt_directory_entry e; !err && nt_directory_next(&d, &e);) …
 *     if (d.damaged) … nt_list_end_text(&d.broken, buf): what is wrong with one of the chains
 */
#ifndef NT_DIRECTORY_H
#define NT_DIRECTORY_H

#include "nt/list.h"
#include "nt/object.h"

enum { NT_BUCKETS = 37, NT_DIRECTORY_MAX = 1 << 18, NT_LINKS_MAX = 32 };

struct nt_directory {
    struct nt_objects *om;
    uint64_t address, buckets, object_offset;
    unsigned bucket;
    bool in_chain;
    struct nt_list chain, broken; /* the last chain that did not end as it should */
    unsigned damaged;             /* chains that did not */
    uint64_t left;                /* entries to follow, of all chains together */
};

struct nt_directory_entry {
    unsigned bucket;
    uint64_t entry, object;
};

/* SC_ERR_NOT_FOUND: the symbols lack OBJECT_DIRECTORY. */
sc_err *nt_directory_begin(struct nt_objects *om, uint64_t address, struct nt_directory *ret);
bool nt_directory_next(struct nt_directory *d, struct nt_directory_entry *ret);
/*
 * The object called NAME (in any case) in the directory at ADDRESS. *RET_WHOLE (may be NULL) is
 * false when parts of the directory are missing, so that one that was not found may well be there.
 */
sc_err *nt_directory_find(struct nt_objects *om, uint64_t address, const char *name,
                          uint64_t *ret_object, bool *ret_found, bool *ret_whole);

/* A symbolic link. */
struct nt_symlink {
    const char *target; /* NULL: not in the dump, or worked out when the link is used */
    bool callback;      /* it is: Windows 10's links may call a function */
    struct nt_field create_time, drive, flags;
    bool assumed;
};
sc_err *nt_symlink_read(struct nt_objects *om, uint64_t address, struct nt_symlink *ret);

/*
 * The object at PATH ("\Device\Tcp"), in any case, through symbolic links on the way (not at its
 * end). *RET_VIA is set to the path that was followed in the end if there were any, else to NULL.
 * SC_ERR_NOT_FOUND says where the path ends; SC_ERR_LIMIT: links lead round and round.
 */
sc_err *nt_object_find(struct nt_objects *om, const char *path, uint64_t *ret_object,
                       const char **ret_via);

#endif
