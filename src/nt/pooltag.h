/* SPDX-License-Identifier: MIT */
/*
 * Who allocates with a pool tag: the list that Microsoft ships with its debuggers, as a table.
 * Look-ups in constant tables: no allocation, no state, any thread. All texts are constant UTF-8
 * and live as long as the program.
 *
 * The list is old in parts and third-party drivers are free to use any tag, also one that stands
 * here: what it says is a hint, never evidence. Source: data/pooltags.tsv.
 */
#ifndef NT_POOLTAG_H
#define NT_POOLTAG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct nt_pooltag {
    char tag[5]; /* the tag or the pattern that fits: "AfdC", "Afd?", "Cc  "; NUL-terminated */
    const char *binary; /* "afd.sys", "nt!cc"; empty when the list does not know it */
    const char *text;   /* what is allocated; never empty */
};

/*
 * Meaning NTH (0 is the first) of TAG, a tag as POOL_HEADER.PoolTag holds it: its first character
 * is the lowest byte. Bit 31 is ignored, it marks a protected allocation (PROTECTED_POOL). Returns
 * false, and leaves RET alone, when there is none; RET may be NULL.
 *
 * A tag that is listed itself has only those meanings. Otherwise the most specific pattern that
 * fits decides: fewest question marks, then the longest beginning without one. About sixty tags
 * have several meanings.
 */
bool nt_pooltag_find(uint32_t tag, size_t nth, struct nt_pooltag *ret);

/*
 * The tag that TEXT of 1 to 4 characters names, padded with spaces on the right: "Cc" is "Cc  ".
 * Returns 0, which is no tag, for an empty, longer or NULL text.
 */
uint32_t nt_pooltag_from_text(const char *text);

#endif
