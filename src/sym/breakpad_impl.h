/* SPDX-License-Identifier: MIT */
/* What the parts of the Breakpad reader share; the format is described in breakpad_index.c. */
#ifndef STOPCODE_SYM_BREAKPAD_IMPL_H
#define STOPCODE_SYM_BREAKPAD_IMPL_H

#include <threads.h>

#include "base/arena.h"
#include "base/hash.h"
#include "sym/breakpad.h"

/* Names of registers in the rules of one address, and bytes of all of them together. */
enum { BP_RULES_MAX = 64, BP_RULE_TEXT_MAX = 8192 };
enum { BP_INLINE_DEPTH_MAX = 256 };

/* A record with an address: where its line begins in the text. */
struct bp_entry {
    uint32_t rva, text;
};
struct bp_entries {
    struct bp_entry *item;
    size_t count, room;
};
/* A record with a range. REACH: the largest end of this record and all before it, less one. */
struct bp_range {
    uint32_t rva, size, text, reach;
};
struct bp_ranges {
    struct bp_range *item;
    size_t count, room;
};
/* A numbered record: FILE, INLINE_ORIGIN. */
struct bp_number {
    uint32_t number, text;
};
struct bp_numbers {
    struct bp_number *item;
    size_t count, room;
};
/* A name: FUNC when INDEX is below the number of functions, else PUBLIC. */
struct bp_name {
    uint32_t hash, index;
};

struct bp {
    char *path;
    char *text; /* the whole file; every line ended by a NUL */
    uint32_t size;
    struct bp_ranges funcs, inits, win_programs, win_fpos;
    struct bp_entries publics, lines, deltas;
    struct bp_numbers files, origins;
    struct {
        struct bp_name *item;
        size_t count, room;
    } names;
    struct sc_guid guid;
    uint32_t age;
    enum sc_cpu cpu;
    /* Rules put together on demand, under the lock. */
    mtx_t lock;
    bool has_lock;
    sc_arena *arena;
    struct sc_map rules; /* (init << 32 | deltas applied) -> text in the arena */
};

/* Fields of a line: blanks between them, the last one may hold blanks. */
struct bp_fields {
    const char *at;
    bool bad;
};

uint32_t bp_hex(struct bp_fields *f);     /* at most 32 bits, else `bad` */
uint32_t bp_decimal(struct bp_fields *f); /* the same; negative numbers become 0 */
/* Goes behind WORD if it is the next field. */
bool bp_word(struct bp_fields *f, const char *word);
/* What is left of the line. */
const char *bp_rest(struct bp_fields *f);
bool bp_at_end(const struct bp_fields *f);

/* Fills everything from `text`. NAME is for messages. */
sc_err *bp_index(struct bp *bp, const char *name);
uint32_t bp_name_hash(const char *name);

/* FUNC or PUBLIC at TEXT, as far as the line says. */
struct bp_func {
    uint32_t rva, size, params;
    const char *name;
};
struct bp_func bp_read_func(const struct bp *bp, uint32_t text);
struct bp_func bp_read_public(const struct bp *bp, uint32_t text);

/* The innermost range that covers RVA: greatest start, then the smallest. NULL none. */
const struct bp_range *bp_covering(const struct bp_ranges *ranges, uint32_t rva);
/* The last entry at or below RVA; NULL none. */
const struct bp_entry *bp_at_or_below(const struct bp_entries *entries, uint32_t rva);

/* In breakpad_stack.c. */
sc_err *bp_frame_rule(void *impl, uint32_t rva, struct sc_frame_rule *ret, bool *ret_found);
/* In breakpad_lines.c. */
sc_err *bp_line(void *impl, uint32_t rva, struct sc_line *ret_line, bool *ret_found);
sc_err *bp_lines(void *impl, const char *file, uint32_t line, sc_line_fn fn, void *ctx);
sc_err *bp_inlines(void *impl, uint32_t rva, sc_inline_fn fn, void *ctx);

#endif
