/* SPDX-License-Identifier: MIT */
/* The system's file cache: which files have views in it. */
#ifndef NT_FILECACHE_H
#define NT_FILECACHE_H

#include "nt/nt.h"

/* One file, by its SHARED_CACHE_MAP. */
struct nt_cached_file {
    uint64_t map, file;      /* FILE_OBJECT; 0: not in the dump */
    struct nt_field control; /* CONTROL_AREA */
    const char *name;        /* NULL: none, or not in the dump */
    uint64_t views, pages;   /* of 256 KB; pages of them that are in memory */
};
/* One view of 256 KB. */
struct nt_cached_view {
    uint64_t base, vacb, pages;
    size_t file; /* index of its file */
};
struct nt_filecache {
    struct nt_cached_view *view; /* when asked for: by shared cache map, then by address */
    size_t nviews;
    struct nt_cached_file *file; /* in the order of their first views; in the arena */
    size_t nfiles;
    uint64_t active, inactive;  /* views that have a file, and that have none */
    uint64_t missing;           /* arrays of views, or views, that are not in the dump */
    struct nt_field size, peak; /* pages of the cache's working set; until 8.1 */
    bool assumed;
};
enum { NT_CACHE_VIEW = 256 << 10, NT_CACHE_VIEWS_MAX = 1 << 22 };
/* VIEWS: list each view, too. SC_ERR_NOT_FOUND says which symbol was lacked. */
sc_err *nt_filecache_read(const struct nt *nt, bool views, sc_arena *arena,
                          struct nt_filecache *ret);

#endif
