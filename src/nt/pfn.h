/* SPDX-License-Identifier: MIT */
/*
 * The PFN database: an MMPFN for each page of physical memory, in a row at MmPfnDatabase. Parts of
 * it may be missing: the frames there are is what MmPhysicalMemoryBlock says, and entries that
 * cannot be read are counted.
 *
 *     struct nt_pfndb db;
 *     err = nt_pfndb_open(nt, &db);                       SC_ERR_NOT_FOUND: why there is none
 *     err = nt_pfn_read(&db, pfn, &entry, &found);
 *     err = nt_pfndb_each(&db, fn, ctx, &absent);
 */
#ifndef NT_PFN_H
#define NT_PFN_H

#include "nt/nt.h"

enum { NT_PFN_SIZE_MAX = 0x80, NT_RUNS_MAX = 256 };

/* _MMLISTS */
enum nt_page_location {
    NT_PAGE_ZEROED,
    NT_PAGE_FREE,
    NT_PAGE_STANDBY,
    NT_PAGE_MODIFIED,
    NT_PAGE_MODIFIED_NO_WRITE,
    NT_PAGE_BAD,
    NT_PAGE_ACTIVE,
    NT_PAGE_TRANSITION,
    NT_PAGE_LOCATIONS,
};
/* "Zeroed", "Active/Valid", … as !memusage calls them. */
const char *nt_page_location_name(unsigned location);

struct nt_pfn {
    uint64_t pfn, address;
    uint64_t flink, blink_or_share; /* flags that newer builds keep in them are taken off */
    uint64_t pte_address;           /* low bits are flags, taken off */
    uint64_t original_pte;
    uint32_t reference_count, used_entries;
    unsigned location, cache_attribute, priority, color;
    bool modified, read_in_progress, write_in_progress, prototype, parity_error, in_page_error,
        removal_requested;
    bool has_priority, has_color, has_used;
    uint64_t containing; /* frame of the page table that maps it */
};

/*
 * Is the page anybody's: active, modified (also not to be written), in transition, referenced or
 * being read or written? Not: what is on the zeroed, free or standby list waiting for a user, or
 * bad.
 */
bool nt_pfn_in_use(const struct nt_pfn *pfn);

/* Where a part of an entry is. */
struct nt_pfn_part {
    uint16_t offset;
    uint8_t bit, width; /* width 0: there is none */
};
struct nt_pfndb {
    const struct nt *nt;
    uint64_t base;
    uint32_t size;     /* of an entry */
    uint64_t highest;  /* frame */
    bool known;        /* false: how much memory there is, is not; `highest` is a bound */
    unsigned pte_size; /* bytes of OriginalPte */
    struct {
        uint64_t first, count;
    } run[NT_RUNS_MAX];
    unsigned nruns; /* 0: not known, all up to `highest` are taken to be there */
    struct nt_pfn_part u1, u2, pte, original, reference, used, location, modified, reading, writing,
        cache, prototype, priority, parity, in_page_error, removal, color, frame;
    bool assumed;
};

/* SC_ERR_NOT_FOUND says what is missing: the address, or the layout of MMPFN. */
sc_err *nt_pfndb_open(const struct nt *nt, struct nt_pfndb *ret_db);
/* *RET_FOUND false: the entry is not in the dump. SC_ERR_ARG: there is no such frame. */
sc_err *nt_pfn_read(const struct nt_pfndb *db, uint64_t pfn, struct nt_pfn *ret_pfn,
                    bool *ret_found);
/* The one whose MMPFN is at ADDRESS; false: none is. */
bool nt_pfn_of_address(const struct nt_pfndb *db, uint64_t address, uint64_t *ret_pfn);

/* Called for each frame there is; returns an error to stop with. */
typedef sc_err *(*nt_pfn_fn)(void *ctx, const struct nt_pfn *pfn);
/* *RET_ABSENT: frames whose entry is not in the dump. SC_ERR_NOT_FOUND: db.known is false. */
sc_err *nt_pfndb_each(const struct nt_pfndb *db, nt_pfn_fn fn, void *ctx, uint64_t *ret_absent);

#endif
