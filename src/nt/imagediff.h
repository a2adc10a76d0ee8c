/* SPDX-License-Identifier: MIT */
/* An image in memory compared with its file: for `!chkimg`, and for verdicts about bad memory. */
#ifndef NT_IMAGEDIFF_H
#define NT_IMAGEDIFF_H

#include "stopcode/pe.h"
#include "stopcode/target.h"

/* Bytes in a row that differ; of a row over the end of a page there are two. */
struct nt_difference {
    uint64_t start; /* address */
    size_t size;
    const uint8_t *file, *memory; /* `size` bytes each */
};
/* An error ends the comparison and is handed out. */
typedef sc_err *(*nt_imagediff_fn)(void *ctx, const struct nt_difference *difference);

struct nt_imagediff {
    uint64_t errors;      /* bytes that differ */
    uint64_t first, last; /* addresses of such; SC_UNSET64 none */
    uint64_t compared;    /* bytes that the dump holds, and the file */
    uint64_t patched;     /* bytes more that differ where the loader and the kernel patch calls */
};

/*
 * Compares what the dump itself holds of MODULE's constant sections with FILE, its image. FN (may
 * be NULL) is called for each difference. Errors: SC_ERR_LIMIT, the image's own, out of memory,
 * cancelled.
 */
sc_err *nt_imagediff(sc_target *target, const struct sc_module *module, sc_pe *file,
                     nt_imagediff_fn fn, void *ctx, struct nt_imagediff *ret);

#endif
