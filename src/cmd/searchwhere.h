/* SPDX-License-Identifier: MIT */
/*
 * Where `s` searches: a range, or one of the words that stand for what is too long or too scattered
 * to be written as one.
 */
#ifndef STOPCODE_CMD_SEARCHWHERE_H
#define STOPCODE_CMD_SEARCHWHERE_H

#include "cmd/command.h"

struct sc_where {
    sc_space *space;
    bool physical;
    bool present_only; /* what the dump itself holds: no image files, no files that are mapped */
    struct sc_where_range {
        uint64_t start, last; /* inclusive */
    } * range;                /* in the arena */
    size_t count;
    uint64_t bytes; /* what there is to look at; 0: not known */
};

/*
 * Takes `modules`, `module NAME`, `kernel`, `process` or `physical` from *TEXT; *RET_TAKEN false:
 * it begins with none of them, and nothing is changed. In `kernel L100`, `kernel+10` and
 * `mydrv!kernel` the word is a symbol's.
 */
sc_err *sc_where_take(sc_session *session, sc_arena *arena, const char **text,
                      struct sc_where *ret_where, bool *ret_taken);
/* The one range [START, LAST] of virtual memory. NULL: memory is short. */
sc_err *sc_where_range(sc_session *session, sc_arena *arena, uint64_t start, uint64_t last,
                       struct sc_where *ret_where);
/* Physical memory; SC_ERR_UNSUPPORTED: the dump holds none. */
sc_err *sc_where_physical(sc_session *session, sc_arena *arena, struct sc_where *ret_where);

#endif
