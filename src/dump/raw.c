/* SPDX-License-Identifier: MIT */
/*
 * Raw images: physical memory from address 0, byte by byte, holes filled with anything. The format
 * has no mark: a file that nothing else claims is one when a kernel is found in it (see
 * target/find.c); else it is a file of an unknown format.
 */
#include <stdlib.h>

#include "base/vec.h"
#include "dump/dump.h"
#include "dump/runs.h"

static sc_err *open_pages(struct sc_source *s, struct sc_pages *ret_pages) {
    struct sc_ranges runs = {0};
    struct sc_range *all = SC_VEC_PUSH(&runs);
    if (!all)
        return sc_err_nomem();
    *all = (struct sc_range){0, sc_file_size(s->file), 0};
    return sc_runs_pages(s, &runs, ret_pages);
}

static const struct sc_source_ops ops = {.name = "raw image", .open_pages = open_pages};

sc_err *sc_raw_open(struct sc_source *source) {
    source->ops = &ops;
    source->machine.kernel = true;
    return NULL;
}
