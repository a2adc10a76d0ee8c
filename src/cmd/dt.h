/* SPDX-License-Identifier: MIT */
/* `dt`: dt.c reads what was asked for, dt_fields.c shows a type's fields. `??` shows them, too. */
#ifndef STOPCODE_CMD_DT_H
#define STOPCODE_CMD_DT_H

#include "cmd/symbols.h"

enum { SC_DT_FIELDS_MAX = 32, SC_DT_ALL_ELEMENTS = -1 };

/* A field that was asked for: a path, perhaps with wildcards in its parts. */
struct sc_dt_filter {
    const char *path; /* "Pcb.Header", "Dpc*", "Buffer[2]", "Parameters." */
    bool prefix;      /* -y: the start of a name */
    int elements;     /* -a in front of it: 0 none, else how many, SC_DT_ALL_ELEMENTS */
};

struct sc_dt {
    sc_session *session;
    sc_out *out;
    sc_arena *arena; /* of the command; a line has one of its own */
    bool has_place;  /* values, not types */
    bool verbose, compact, no_offsets, no_indent, blocks;
    unsigned depth; /* -r: levels of structures and pointers to follow */
    int elements;   /* -a: of arrays, on lines of their own */
    struct sc_dt_filter filter[SC_DT_FIELDS_MAX];
    size_t nfilters;
    bool missing;        /* something could not be read … */
    uint64_t missing_at; /* … here */
    uint64_t lines;      /* shown so far */
    unsigned name_width;
};

/* The fields of the structure VALUE (of a type without a place: of its type). */
sc_err *sc_dt_struct(struct sc_dt *dt, const struct sc_value *value);
/* The same with the line that some structures have in front, and behind it what was not readable.
 */
sc_err *sc_dt_value(struct sc_dt *dt, const struct sc_value *value);
/* The enumerators of an enumeration. */
sc_err *sc_dt_enum(struct sc_dt *dt, const struct sc_value *value);

#endif
