/* SPDX-License-Identifier: MIT */
/*
 * What stands behind spaces (struct sc_pages of stopcode/source.h): ranges of a file, and page
 * tables over another space. Containers bring their own for physical memory.
 */
#ifndef STOPCODE_MEM_PAGES_H
#define STOPCODE_MEM_PAGES_H

#include <stdatomic.h>

#include "base/file.h"
#include "stopcode/paging.h"
#include "stopcode/source.h"

/* A space over pages, which are taken over (destroyed with it, also when this fails). */
sc_err *sc_space_create_pages(struct sc_pages own_pages, unsigned ptr_size,
                              const atomic_bool *cancel, sc_space **ret_space);

/*
 * Pages when first needed. OPEN is asked until it succeeds, as a lazy load of ranges is; the space
 * reports trouble in the same way.
 */
typedef sc_err *(*sc_space_open_fn)(void *ctx, struct sc_pages *ret_pages);
sc_err *sc_space_create_pages_lazy(sc_space_open_fn open, void *ctx, unsigned ptr_size,
                                   const atomic_bool *cancel, sc_space **ret_space);

/*
 * Virtual memory: translation with a cache (a direct-mapped table of pages, and one of page
 * tables).
 */
sc_err *sc_translated_pages(const struct sc_paging *paging, struct sc_pages *ret_pages);
/* Pages lie in a mapped file on disk, and copying them costs less than touching its mapping. */
void sc_translated_copy(struct sc_pages *pages);
/* Other tables from now on; the cache is emptied. */
void sc_translated_set(struct sc_pages *pages, const struct sc_paging *paging);
/* The same tables, but it is known now which page files are stores: the cache stays, so that this
 * can be learnt in the middle of a read. */
void sc_translated_set_stores(struct sc_pages *pages, uint16_t stores);
const struct sc_paging *sc_translated_paging(const struct sc_pages *pages);
/* The pages behind a space; ops NULL when it stands on ranges. */
struct sc_pages *sc_space_pages(sc_space *space);

#endif
