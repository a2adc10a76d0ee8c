/* SPDX-License-Identifier: MIT */
/*
 * The words of a scenario's line, and numbers as the debugger reads them.
 *
 *   name  "text with blanks"  L"wide text"  key=value  key="text"  key=L"wide"   # a comment
 *
 * Words stand between blanks. In quotes a backslash is itself, and two quotes are one. `#` at the
 * start of a word begins a comment.
 */
#ifndef STOPCODE_TESTS_FORGE_WORDS_H
#define STOPCODE_TESTS_FORGE_WORDS_H

#include <stdbool.h>
#include <stdint.h>

#include "forge/pool.h"

struct forge_word {
    const char *text;  /* all of it, without quotes */
    const char *key;   /* what stands before the first `=` outside of quotes; NULL: no `=` */
    const char *value; /* what stands behind it; without `=` the same as `text` */
    bool quoted, wide; /* the value was in quotes, behind an L */
};
struct forge_words {
    struct forge_word *item;
    size_t count, room;
};

/* The words of TEXT (LEN bytes). False: a quote that does not end. */
bool forge_words_split(struct forge_pool *pool, const char *text, size_t len,
                       struct forge_words *ret);

/*
 * A number as WinDbg's users write it: hexadecimal, with or without 0x, backticks anywhere; 0n
 * makes it decimal. False when TEXT is no number of at most 64 bits.
 */
bool forge_number(const char *text, uint64_t *ret);
/* A decimal number. */
bool forge_decimal(const char *text, uint64_t *ret);
/* "2013-05-02 14:33:10[.123]" (UTC) as a FILETIME (100 ns since 1601). */
bool forge_date(const char *text, uint64_t *ret);
/*
 * The same as a debugger prints it: "Thu Sep 14 09:29:23.125 2006 (GMT-4)", "(UTC + 2:00)"; without
 * a zone it is taken for UTC.
 */
bool forge_debugger_date(const char *text, uint64_t *ret);
/* "[D days] H:MM:SS[.fff]" in units of 100 ns. */
bool forge_duration(const char *text, uint64_t *ret);
/* "{AC3A9B5E-0A7E-4B1D-8F43-2F6D1E5C7A90}" or 32 digits, as a GUID is stored. */
bool forge_guid(const char *text, uint8_t ret[16]);

/*
 * The name among the N of NAMES that is nearest to NAME, for "did you mean"; NULL when none is
 * near.
 */
const char *forge_nearest_name(const char *name, const char *const *names, size_t n);

#endif
