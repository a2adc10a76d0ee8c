/* SPDX-License-Identifier: MIT */
/* Drivers that are publicly known for trouble: data/troubled.tsv. */
#ifndef STOPCODE_ANALYZE_TROUBLED_H
#define STOPCODE_ANALYZE_TROUBLED_H

#include <stdbool.h>
#include <stdint.h>

struct sc_troubled {
    const char *what;   /* what it is known for: part of a sentence */
    const char *date;   /* since when that is known: "2018-12", "2015-09-08" */
    const char *source; /* who published it */
};

/*
 * By the base name of the image, any case, and its time stamp: rows may be about what was built
 * before a date. A stamp of 0, which says nothing, fits any row.
 */
bool sc_troubled_find(const char *image, uint32_t stamp, struct sc_troubled *ret);

#endif
