/* SPDX-License-Identifier: MIT */
/* The extents of stacks: user minidumps save each thread's with it. */
#include "nt/stackrange.h"

sc_err *nt_stack_ranges(sc_target *target, uint32_t index, uint64_t sp,
                        struct sc_stack_opts *opts) {
    const struct sc_threads *threads;
    sc_err *err = sc_target_threads(target, &threads);
    if (err && sc_err_code(err) == SC_ERR_NOMEM)
        return err;
    for (size_t i = 0; !err && i < threads->count; i++) {
        const struct sc_thread *t = &threads->item[i];
        if (t->index != index || sp - t->stack_start >= t->stack_size ||
            opts->nranges == SC_STACK_RANGES)
            continue;
        opts->range[opts->nranges++] =
            (struct sc_stack_range){t->stack_start, t->stack_start + t->stack_size};
    }
    sc_err_destroy(err); /* a list that cannot be read: the memory around SP has to do */
    return NULL;
}
