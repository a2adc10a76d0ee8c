/* SPDX-License-Identifier: MIT */
/* Modules as records: what lm.c lists and lmv.c writes out. */
#ifndef STOPCODE_CMD_LM_H
#define STOPCODE_CMD_LM_H

#include "cmd/command.h"

/* A string of an image's version resource. */
struct sc_lm_string {
    const char *key, *value;
};

/* A loaded or unloaded module. Strings belong to the target, or lie in the command's arena. */
struct sc_lm_row {
    const char *name, *image, *path;
    const char *symbols;                    /* "(deferred)", "(pdb symbols)", … */
    const char *symbol_path, *symbol_image; /* files they and the image come from, or NULL */
    bool has_symbols, no_symbols;           /* looked for, and found or not */
    bool unloaded;
    uint64_t start, end, size; /* END is behind the last byte */
    uint32_t timestamp, checksum;
    uint64_t time;          /* FILETIME of the time stamp; 0 = none */
    const char *time_doubt; /* why the time stamp is no time, or NULL */
    const char *file_version, *product_version, *symbol_id; /* or NULL */
    const struct sc_version *version;                       /* NULL: not in the dump */
    size_t nversions;                                       /* 1 or 0: for JSON */
    /* Of the image in memory: `lmv` only. */
    bool reproducible; /* the time stamp is part of a hash */
    bool has_mask;
    uint32_t flags_mask;      /* which of the version's flags count */
    const char *translations; /* "0409.04b0", or NULL */
    const struct sc_lm_string *strings;
    size_t nstrings;
};

/* How a row is shown. */
struct sc_lm_style {
    unsigned ptr_size;
    long tz;
    bool windows, enrich, verbose, checksum, time, names_only;
    char column; /* what stands behind the name: i f n p, or 0: the symbol status */
};

/*
 * Fills the columns that need working out: times, versions, the symbol identity. DUMP_TIME is the
 * FILETIME of the dump, 0 unknown. NULL or out of memory.
 */
sc_err *sc_lm_details(struct sc_lm_row *row, const struct sc_module *module, uint64_t dump_time,
                      sc_arena *arena);
/* The version's columns; VERSION must live as long as the row. NULL or out of memory. */
sc_err *sc_lm_version(struct sc_lm_row *row, const struct sc_version *version, sc_arena *arena);
/* The symbol identity, if the record has one. NULL or out of memory. */
sc_err *sc_lm_symbol_id(struct sc_lm_row *row, const struct sc_codeview *cv, sc_arena *arena);
/*
 * lmimage.c: adds what the image in the target's memory says, after sc_lm_details(). An image that
 * is not there is no error: out of memory and cancelled are the only ones.
 */
sc_err *sc_lm_image(sc_target *target, const struct sc_module *module, struct sc_lm_row *row,
                    sc_arena *arena);
/* Why a time stamp is likely the hash of a reproducible build; NULL when it may be a time. */
const char *sc_timestamp_doubt(uint32_t timestamp, uint64_t dump_time);

/* lmv.c: "Wed Feb 10 15:14:55 2021 (60241A6F)", "unavailable (00000000)", with any doubt. */
void sc_lm_time_text(sc_out *out, const struct sc_lm_row *row, const struct sc_lm_style *style);
/* The lines below a module's line in `lmv`. */
void sc_lm_verbose_text(sc_out *out, const struct sc_lm_row *row, const struct sc_lm_style *style);

#endif
