/* SPDX-License-Identifier: MIT */
/*
 * Private name spaces: directories of objects that processes made with CreatePrivateNamespace. They
 * stand in no directory; who may open one is told by its boundary: names, and SIDs of the caller.
 */
#ifndef NT_NAMESPACES_H
#define NT_NAMESPACES_H

#include "nt/list.h"

enum { NT_NAMESPACES_MAX = 1 << 16, NT_NAMESPACE_BUCKETS = 37 };

struct nt_namespace {
    uint64_t entry;            /* in the table */
    struct nt_field directory; /* OBJECT_DIRECTORY */
    struct nt_field size;      /* bytes of the boundary */
    const char *boundary;      /* "Name: X, SID: S-1-5-32-544"; NULL: `why` */
    const char *why;
};

struct nt_namespaces {
    uint64_t table; /* OBJECT_NAMESPACE_LOOKUPTABLE */
    struct nt_namespace *item;
    size_t count;
    unsigned damaged;      /* chains of the table that did not end as they should */
    struct nt_list broken; /* the last of them */
};

/* All in ARENA. SC_ERR_NOT_FOUND says which symbol or structure is missing. */
sc_err *nt_namespaces_read(const struct nt *nt, sc_arena *arena, struct nt_namespaces *ret);

#endif
