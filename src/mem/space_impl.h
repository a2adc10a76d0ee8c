/* SPDX-License-Identifier: MIT */
/* Building spaces; what callers do with them is in stopcode/space.h. */
#ifndef STOPCODE_MEM_SPACE_IMPL_H
#define STOPCODE_MEM_SPACE_IMPL_H

#include <stdatomic.h>

#include "base/file.h"
#include "stopcode/source.h"
#include "stopcode/space.h"

/*
 * Supplies the ranges of a space when it is first read. Ranges are in order of preference and may
 * overlap: earlier ones win.
 */
typedef sc_err *(*sc_space_load_fn)(void *ctx, struct sc_ranges *ret_ranges);

/*
 * A space that is loaded when first used, so that opening a dump costs nothing for memory that
 * nobody looks at. A load that fails (memory is short) is tried again at the next use; until then
 * reads answer SC_READ_IO, sc_space_need() returns the error, and sc_space_trouble() hands it out.
 */
sc_err *sc_space_create_lazy(const sc_file *file, sc_space_load_fn load, void *ctx,
                             unsigned ptr_size, const atomic_bool *cancel, sc_space **ret_space);
/* The error of a failed load since the last call, which is the caller's now; NULL none. */
sc_err *sc_space_trouble(sc_space *space);

/*
 * How many reads found bytes that the dump should hold and the file did not give. Who reads much
 * and shows little of it (a walk of a stack) compares it before and after, and says so.
 */
uint64_t sc_space_io_failures(const sc_space *space);

/*
 * Calls FN with every range that the space's own pages (not fillers) give from now on; NULL: ends
 * that. Bytes in place are not given meanwhile, since nobody could tell how many of them are read.
 */
typedef void (*sc_space_trace_fn)(void *ctx, uint64_t addr, size_t len);
void sc_space_trace(sc_space *space, sc_space_trace_fn fn, void *ctx);

/* Is the cancel flag that the space was made with set? */
bool sc_space_cancelled(const sc_space *space);

/*
 * A space over ranges of a file. RANGES are in order of preference and may overlap: earlier ones
 * win. They are sorted and made disjoint here; the array is taken over. CANCEL may be NULL.
 */
sc_err *sc_space_create(const sc_file *file, struct sc_ranges *own_ranges, unsigned ptr_size,
                        const atomic_bool *cancel, sc_space **ret_space);
void sc_space_destroy(sc_space *space);

#endif
