/* SPDX-License-Identifier: MIT */
/* Without a finder: a container must say what its CPU is and where the page tables are. */
#include "target/find.h"

#include "target/target_impl.h"

sc_err *sc_target_find_kernel(sc_target *target, const struct sc_open_opts *opts) {
    const struct sc_machine *m = &target->source->machine;
    (void)opts;
    if (m->dtb && m->cpu != SC_CPU_UNKNOWN)
        return NULL;
    return sc_errf(SC_ERR_UNSUPPORTED,
                   "this image of memory does not say where its kernel is: use --dtb");
}
