/* SPDX-License-Identifier: MIT */
/* What `.dump` and `stopcode convert` share: the memory a verdict needs, and the report. */
#ifndef STOPCODE_CMD_CONVERTED_H
#define STOPCODE_CMD_CONVERTED_H

#include "stopcode/convert.h"
#include "stopcode/out.h"

struct sc_needed {
    struct sc_range *item;
    size_t count, room;
    bool nomem;
};

/*
 * The memory that `!analyze -v` and the commands about the current thread read: a small dump in
 * which it lies leads to the same verdict. The paths may be NULL; HAS_PATHS false: the environment
 * is asked for them.
 */
sc_err *sc_needed_find(sc_target *target, bool has_paths, const char *symbols, const char *images,
                       struct sc_needed *ret);
void sc_needed_free(struct sc_needed *needed);

/* Says what was written to FILE. */
void sc_converted_report(sc_out *out, const char *file, const struct sc_convert_opts *opts,
                         const struct sc_convert_result *result, unsigned ptr_size);

#endif
