/* SPDX-License-Identifier: MIT */
/* What the directives of a scenario are read with: the words of one line, taken one by one. */
#ifndef STOPCODE_TESTS_FORGE_READER_H
#define STOPCODE_TESTS_FORGE_READER_H

#include "forge/scenario.h"

struct forge_reader {
    struct forge_scenario *s;
    const char *directive;
    unsigned line; /* of the directive */
    struct forge_words words;
    size_t at;        /* the next word */
    const char *rest; /* of the scenario: where a block would begin */
    unsigned rest_line;
    unsigned in_line; /* `in process`: where it stands; 0: outside */
    uint64_t process; /* whose memory the lines are about; 0: the current process's */
};

/* A directive: its name and how the rest of its line, and its block, are read. */
struct forge_directive {
    const char *name;
    bool (*read)(struct forge_reader *r);
};
/* All of them, in tables that end with a NULL name. */
extern const struct forge_directive forge_machine_directives[], forge_object_directives[],
    forge_whole_directives[], forge_name_directives[], forge_security_directives[],
    forge_thread_directives[], forge_queue_directives[];
/* "triage", "full", …: what a `dump` line or --as says; false: no such kind. */
bool forge_dump_from_name(struct forge_scenario *s, const char *name);

/* Fails at the directive's line; "module: …". */
bool forge_reader_wrong(struct forge_reader *r, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* The next word; NULL at the end. */
const struct forge_word *forge_next(const struct forge_reader *r);
/* Takes the next word if it is this plain one. */
bool forge_take_is(struct forge_reader *r, const char *word);
/* Takes the next word; false and a message ("module: a start address is missing") otherwise. */
bool forge_take_text(struct forge_reader *r, const char *what, const char **ret);
bool forge_take_hex(struct forge_reader *r, const char *what, uint64_t *ret);
bool forge_take_hex32(struct forge_reader *r, const char *what, uint32_t *ret);
bool forge_take_decimal(struct forge_reader *r, const char *what, unsigned *ret);
bool forge_take_expr(struct forge_reader *r, const char *what, struct forge_expr *ret);
/* "module!name" in its halves. */
bool forge_take_symbol(struct forge_reader *r, const char **ret_module, const char **ret_name);
/* member=value: all words that are left. */
bool forge_take_assigns(struct forge_reader *r, struct forge_assigns *ret);
/* "0:00:30.000" in units of 100 ns. */
bool forge_take_duration(struct forge_reader *r, uint64_t *ret);
/* All words that are left, with a blank between. */
bool forge_take_rest(struct forge_reader *r, const char *what, const char **ret);
/* True when no word is left; else the word is complained about. */
bool forge_take_end(struct forge_reader *r);
/* The lines up to `end`. */
bool forge_take_block(struct forge_reader *r, struct forge_listing_text *ret);
/* A directive that may stand once: *LINE is where it stood before. */
bool forge_once(struct forge_reader *r, unsigned *line);

/* One line of a listing, without its line end, no-break spaces turned into blanks; NULL at the end.
 * *P moves on. */
char *forge_listing_line(struct forge_pool *pool, const char **p);

#endif
