/* SPDX-License-Identifier: MIT */
/*
 * UTF-16 as Windows stores it, to the WTF-8 we keep: UTF-8 in which a lone surrogate is three
 * bytes (ED A0..BF xx), so that nothing is lost. The renderers escape those (see out.h).
 */
#ifndef STOPCODE_BASE_UTF_H
#define STOPCODE_BASE_UTF_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/cursor.h"

/* One code point as WTF-8 into BUF (4 bytes); returns its length. */
size_t sc_utf8_put(uint32_t cp, char *buf);
/*
 * Decodes one code point of the LEN bytes at TEXT: returns its length and sets *RET_CP (which may
 * be a surrogate); a byte that is no UTF-8 gives length 1 and *RET_CP = UINT32_MAX.
 */
size_t sc_utf8_get(const char *text, size_t len, uint32_t *ret_cp);

/* NBYTES of UTF-16LE to WTF-8, ending at a NUL unit if there is one; NULL when memory is short. */
char *sc_utf16_to_utf8(sc_arena *arena, const uint8_t *data, size_t nbytes);
/* The same for at most NBYTES that the cursor stands on; moves it NBYTES on. */
char *sc_cur_utf16(struct sc_cur *cur, size_t nbytes, sc_arena *arena);

/* ASCII-only lower case and comparison: names of Windows objects, independent of the locale. */
char sc_lower(char c);
int sc_strcasecmp(const char *a, const char *b);
int sc_strncasecmp(const char *a, const char *b, size_t n);
/* What stands behind the last slash or backslash of a path; "" when it ends with one. */
const char *sc_base_name(const char *path);
/*
 * WinDbg's string wildcards: * ? and [a-z] sets, # for "zero or more of the character before" (or
 * of the set before). A # with nothing before it is a character.
 */
bool sc_wild_match(const char *pattern, const char *text);
/*
 * Edits (a letter more, less, other, or two swapped) between A and B, any case; of at most
 * SC_EDIT_MAX bytes each.
 */
enum { SC_EDIT_MAX = 64 };
unsigned sc_edit_distance(const char *a, size_t na, const char *b, size_t nb);

#endif
