/* SPDX-License-Identifier: MIT */
/*
 * Volatility's symbol tables (ISF: "intermediate symbol format") as a symbol provider: `.json`
 * and `.json.xz`.
 *
 * The first opening parses the text once and writes a compact cache file; every later opening of
 * a file with the same content maps that. Nothing depends on the cache: when its folder cannot be
 * written, or what lies there is damaged or of another version, the text is parsed.
 */
#ifndef STOPCODE_ISF_ISF_H
#define STOPCODE_ISF_ISF_H

#include <stddef.h>

#include "stopcode/symbols.h"

struct sc_isf_options {
    /*
     * Folder of the cache files. NULL: $XDG_CACHE_HOME/stopcode, else $HOME/.cache/stopcode;
     * "": do not use a cache.
     */
    const char *cache;
};

/* What the provider's vtable has no room for. Strings live as long as the provider. */
struct sc_isf_facts {
    const char *pdb;  /* name of the PDB the table was made from; "" unknown */
    uint32_t machine; /* IMAGE_FILE_MACHINE_…; 0 unknown */
    bool cached;      /* opened from the cache file */
    bool stored;      /* a cache file was written */
    size_t symbols, types, members;
};

/* Opens PATH with the cache in its usual place. */
sc_err *sc_isf_open(const char *path, sc_symbols **ret_symbols);
/* The same; OPTIONS and RET_FACTS may be NULL. */
sc_err *sc_isf_open_with(const char *path, const struct sc_isf_options *options,
                         sc_symbols **ret_symbols, struct sc_isf_facts *ret_facts);
/* Parses SIZE bytes in memory (JSON or xz); never caches. For tests and fuzzers. */
sc_err *sc_isf_open_memory(const char *name, const void *data, size_t size,
                           sc_symbols **ret_symbols);
/* Opens an image, as a cache file holds it (copied). SC_ERR_FORMAT. For tests and fuzzers. */
sc_err *sc_isf_open_image(const char *name, const void *data, size_t size,
                          sc_symbols **ret_symbols);

#endif
