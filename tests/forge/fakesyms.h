/* SPDX-License-Identifier: MIT */
/*
 * A symbol provider that is a table in the test: for what stands above providers.
 *
 *     static const struct sc_symbol rows[] = {{.name = "main", .kind = SC_SYM_FUNCTION,
 *                                              .rva = 0x1000, .size = 0x40}};
 *     struct fakesyms f = {.provider = "pdb", .symbols = rows, .nsymbols = 1};
 *     sc_symbols *s = fakesyms_open(&f);
 *
 * The struct is the provider: it stays the test's, must outlive it, and counts what it is asked.
 * Rows may stand in any order; the nearest start wins, of equal ones the first row, unless `omap`
 * is set.
 */
#ifndef STOPCODE_TESTS_FORGE_FAKESYMS_H
#define STOPCODE_TESTS_FORGE_FAKESYMS_H

#include "stopcode/symbols.h"

struct fakesyms {
    const char *provider; /* "pdb", "isf", … */
    const char *path;
    bool has_private;
    const struct sc_symbol *symbols;
    size_t nsymbols;
    const char *const *types; /* names; the ids are their places, from 1 on */
    size_t ntypes;
    const struct sc_frame_rule *rules; /* the first that covers an RVA counts */
    size_t nrules;
    const struct sc_line *line; /* the answer to every question about lines; NULL: none */
    /* A place that was moved away from its function: RVA is answered with this symbol. */
    const struct sc_symbol *omap;
    uint32_t omap_rva, omap_size;
    enum sc_err_code fail; /* 0, or what every function answers */
    unsigned asked_nearest, asked_find, asked_each;
    unsigned closed;
};

/* NULL when memory is short. */
sc_symbols *fakesyms_open(struct fakesyms *f);

#endif
