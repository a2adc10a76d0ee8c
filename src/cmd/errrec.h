/* SPDX-License-Identifier: MIT */
/* The lines of a hardware error record's sections, as `!errrec` shows them. */
#ifndef STOPCODE_CMD_ERRREC_H
#define STOPCODE_CMD_ERRREC_H

#include "base/arena.h"
#include "nt/whea.h"

struct sc_errrec_line {
    const char *name;  /* "Error Type" */
    const char *value; /* NULL: a heading, or a line of its own */
    const char *known; /* what we add in brackets, or NULL */
};

enum { SC_ERRREC_LINES = 64 };
struct sc_errrec_lines {
    sc_arena *arena;
    bool nomem;
    size_t count;
    struct sc_errrec_line item[SC_ERRREC_LINES];
};

/*
 * The lines of section I of R, which lies at ADDRESS in the target: its own fields, not those of
 * its descriptor. None: its format is not known, or it is not all there.
 */
void sc_errrec_section(const struct nt_whea_record *r, uint32_t i, uint64_t address,
                       unsigned ptr_size, struct sc_errrec_lines *ret);

#endif
