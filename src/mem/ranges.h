/* SPDX-License-Identifier: MIT */
/* Pages that are ranges of a file: what stands behind the spaces of small dumps. */
#ifndef STOPCODE_MEM_RANGES_H
#define STOPCODE_MEM_RANGES_H

#include "mem/pages.h"

/*
 * RANGES are in order of preference and may overlap: earlier ones win. They are sorted and made
 * disjoint here; the array is taken over, also when this fails.
 */
sc_err *sc_ranges_pages(const sc_file *file, struct sc_ranges *own_ranges,
                        struct sc_pages *ret_pages);
/* Are these such pages? */
bool sc_is_ranges(const struct sc_pages *pages);

#endif
