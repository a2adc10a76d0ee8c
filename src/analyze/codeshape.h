/* SPDX-License-Identifier: MIT */
/* Does what stands at the failing instruction look like code that was compiled, and entered
 * rightly? */
#ifndef STOPCODE_ANALYZE_CODESHAPE_H
#define STOPCODE_ANALYZE_CODESHAPE_H

#include "analyze/case.h"

enum sc_code_shape {
    SC_SHAPE_UNKNOWN, /* too few bytes are in the dump */
    SC_SHAPE_FINE,
    SC_SHAPE_MIDDLE, /* the processor stands in the middle of an instruction */
    SC_SHAPE_FILLED, /* one byte again and again */
};

/* *RET_BEGIN, for SC_SHAPE_MIDDLE: where that instruction begins. x86 and x64 only. */
enum sc_code_shape sc_code_shape(struct sc_case *c, uint64_t *ret_begin);

#endif
