/* SPDX-License-Identifier: MIT */
/* UNICODE_STRINGs in the target's memory. */
#ifndef NT_USTRING_H
#define NT_USTRING_H

#include "nt/nt.h"

enum { NT_USTRING_MAX = 2048 }; /* bytes that are read of one */

/*
 * The text of the UNICODE_STRING at ADDRESS as WTF-8 in ARENA; *RET_TEXT is NULL when it, or the
 * first character, is not in the dump, "" when it is empty. Cut at NT_USTRING_MAX and at a page
 * that is missing. Only "out of memory" is an error.
 */
sc_err *nt_ustring_read(const struct nt *nt, uint64_t address, sc_arena *arena,
                        const char **ret_text);

#endif
