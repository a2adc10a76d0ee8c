/* SPDX-License-Identifier: MIT */
/*
 * Variables of the kernel: by the name that its symbols have, else by the member of
 * KDDEBUGGER_DATA64 that holds the variable's address.
 */
#ifndef NT_GLOBAL_H
#define NT_GLOBAL_H

#include "nt/nt.h"

/* A variable: its symbol ("nt!MmAvailablePages"), and its member's offset; 0: it has none. */
struct nt_var {
    const char *symbol;
    uint32_t kd;
};

/* Where it lies: NT_NO_FIELD when neither the symbols nor the block say. */
sc_err *nt_var_address(const struct nt *nt, const struct nt_var *var, struct nt_field *ret);
/* Its value, SIZE bytes (0: as wide as a pointer): NT_ABSENT when it lies in no page of the dump.
 */
sc_err *nt_var_read(const struct nt *nt, const struct nt_var *var, unsigned size,
                    struct nt_field *ret);
/* The same by name alone. */
sc_err *nt_var_named(const struct nt *nt, const char *symbol, unsigned size, struct nt_field *ret);

/*
 * For messages: "the symbol nt!X" or "the page of nt!X", whichever is missing, in BUF. STATE is
 * what reading it gave.
 */
enum { NT_LACKED = 96 };
const char *nt_var_lacked(const char *symbol, enum nt_state state, char buf[NT_LACKED]);

#endif
