/* SPDX-License-Identifier: MIT */
/* What was inlined at a frame's instruction. */
#ifndef STOPCODE_UNWIND_INLINES_H
#define STOPCODE_UNWIND_INLINES_H

#include "unwind/unwind.h"

enum { SC_INLINES_MAX = 64 };

/*
 * The inlined calls around IP in M (NULL: none), innermost first, at most SC_INLINES_MAX. A return
 * address belongs to the call before it: EXACT_IP as in struct sc_frame.
 */
sc_err *sc_inlines_at(struct sc_unwind_module *m, uint64_t ip, bool exact_ip,
                      struct sc_inline ret[SC_INLINES_MAX], size_t *ret_count);

#endif
