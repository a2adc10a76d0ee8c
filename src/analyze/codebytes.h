/* SPDX-License-Identifier: MIT */
/* Code of an image in the dump against the image's file. */
#ifndef STOPCODE_ANALYZE_CODEBYTES_H
#define STOPCODE_ANALYZE_CODEBYTES_H

#include "analyze/case.h"

struct sc_code_diff {
    const struct sc_module *module; /* NULL: nothing was compared */
    size_t bytes, single;           /* that differ; … in one bit */
    uint64_t first;                 /* the first of them */
    uint8_t file, memory;           /* its values */
    /* One byte differs, in one bit: in the instruction that failed, or shortly before it. */
    bool failed;
};

/*
 * Of the image that the failing instruction lies in, or (0x109) what was found changed. Looked at
 * once. Never NULL.
 */
const struct sc_code_diff *sc_code_diff(struct sc_case *c);
/* Does one byte differ, in one bit? Several are a patch or a hook: somebody's doing. */
bool sc_code_one_bit(const struct sc_code_diff *diff);

#endif
