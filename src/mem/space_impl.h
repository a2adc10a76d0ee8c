/* SPDX-License-Identifier: MIT */
/* Building spaces; what callers do with them is in stopcode/space.h. */
#ifndef STOPCODE_MEM_SPACE_IMPL_H
#define STOPCODE_MEM_SPACE_IMPL_H

#include <stdatomic.h>

#include "base/file.h"
#include "stopcode/source.h"
#include "stopcode/space.h"

/*
 * A space over ranges of a file. RANGES are in order of preference and may overlap: earlier ones
 * win. They are sorted and made disjoint here; the array is taken over. CANCEL may be NULL.
 */
sc_err *sc_space_create(const sc_file *file, struct sc_ranges *own_ranges, unsigned ptr_size,
                        const atomic_bool *cancel, sc_space **ret_space);
void sc_space_destroy(sc_space *space);

#endif
