/* SPDX-License-Identifier: MIT */
/*
 * The types of one expression as one symbol provider: C's own, those of the target's providers, and
 * those that the expression makes of them (pointers, arrays). So everything that reads and shows
 * types works on them as on any others.
 */
#ifndef STOPCODE_CEXPR_TYPES_H
#define STOPCODE_CEXPR_TYPES_H

#include "stopcode/value.h"

/* C's own, by their id. The order of INT … UINT64 is their rank. */
enum sc_ctype {
    SC_CT_VOID = 1,
    SC_CT_BOOL,
    SC_CT_CHAR,
    SC_CT_UCHAR,
    SC_CT_WCHAR,
    SC_CT_CHAR16,
    SC_CT_CHAR32,
    SC_CT_SHORT,
    SC_CT_USHORT,
    SC_CT_INT,
    SC_CT_UINT,
    SC_CT_LONG,
    SC_CT_ULONG,
    SC_CT_INT64,
    SC_CT_UINT64,
    SC_CT_FLOAT,
    SC_CT_DOUBLE,
    SC_CT_FUNCTION, /* one of which nothing is known */
    SC_CT_UNKNOWN,  /* what a symbol without a type is */
    SC_CT_END,
};

sc_err *sc_ctypes_create(unsigned ptr_size, sc_symbols **ret_types);
/* A pointer to, a reference to, an array of type ID; 0 is void. */
sc_err *sc_ctypes_pointer(sc_symbols *types, uint32_t id, bool reference, uint32_t *ret_id);
sc_err *sc_ctypes_array(sc_symbols *types, uint32_t id, uint64_t count, uint32_t *ret_id);
/* Type ID of another provider, which must outlive TYPES; 0 stays 0. */
sc_err *sc_ctypes_adopt(sc_symbols *types, sc_symbols *provider, uint32_t id, uint32_t *ret_id);
/* Which of C's arithmetic types a bool, character, integer or float is; 0: none. */
unsigned sc_ctypes_arithmetic(const struct sc_type *type);

#endif
