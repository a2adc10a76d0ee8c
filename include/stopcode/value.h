/* SPDX-License-Identifier: MIT */
/**
 * @file
 * Typed things: a type of a symbol provider, and a value of it at an address of the target.
 *
 *     struct sc_value v = sc_value_at(space, ref.provider, ref.id, address), m;
 *     err = sc_value_member(&v, "Pcb.Header.Type", &m);
 *     err = sc_value_uint(&m, &number, &status);
 *
 * A value is plain data: nothing is read before a number is asked for. Memory that the dump lacks
 * is a status, not an error; errors are names that do not exist, damaged symbol files and being out
 * of memory.
 *
 * Threads: as the space.
 */
#ifndef STOPCODE_VALUE_H
#define STOPCODE_VALUE_H

#include "space.h"
#include "symbols.h"

#ifdef __cplusplus
extern "C" {
#endif

/** A thing of TYPE at ADDRESS. Borrows both the space and the symbols. */
struct sc_value {
    sc_space *space;     /**< NULL: a type without a place: nothing of it can be read */
    sc_symbols *symbols; /**< whose type it is */
    uint32_t type;       /**< 0: not known (a layout that gives offsets only) */
    uint64_t address;
    uint64_t offset;          /**< from the start of what the last path began with */
    uint8_t bit_pos, bit_len; /**< bit_len 0 = not a bit field */
};

/* ---- types ---- */

/** The type, behind const, volatile and enumerations' names nothing is skipped. Type 0 is an error.
 */
SC_API sc_err *sc_type_of(sc_symbols *symbols, uint32_t id, struct sc_type *ret_type);
/**
 * The member NAME of type ID: as spelled, else in any case; also inherited ones and those of
 * unnamed members, whose offset is then the sum. A member whose type is a bit field gets its bits
 * and the type underneath.
 */
SC_API sc_err *sc_type_member(sc_symbols *symbols, uint32_t id, const char *name,
                              struct sc_member *ret_member, bool *ret_found);
/** All members, with bit fields resolved in the same way. */
SC_API sc_err *sc_type_members(sc_symbols *symbols, uint32_t id, sc_member_fn fn, void *ctx);
/** The name of VALUE in enumeration ID, the first that has it; NULL: none. */
SC_API sc_err *sc_type_enumerator(sc_symbols *symbols, uint32_t id, int64_t value,
                                  const char **ret_name);
/** The value of NAME in enumeration ID. */
SC_API sc_err *sc_type_enum_value(sc_symbols *symbols, uint32_t id, const char *name,
                                  int64_t *ret_value, bool *ret_found);
/**
 * The type as `dt` writes it into BUF: "Uint4B", "Ptr64 _KTHREAD", "[15] UChar", "Ptr64     long ".
 * Type 0 is "<unknown type>". Cut when BUF is too short.
 */
SC_API sc_err *sc_type_text(sc_symbols *symbols, uint32_t id, char *buf, size_t size);
/** As C has it: "unsigned long", "_KTHREAD *", "unsigned char [15]". */
SC_API sc_err *sc_type_c_text(sc_symbols *symbols, uint32_t id, char *buf, size_t size);
/** As `dv` and `??` declare it: "struct _IRP *", "char **", "int [4]", "<function> *". */
SC_API sc_err *sc_type_decl_text(sc_symbols *symbols, uint32_t id, char *buf, size_t size);

/* ---- values ---- */

/** A value; a space that is NULL makes it a type without a place. */
SC_API struct sc_value sc_value_at(sc_space *space, sc_symbols *symbols, uint32_t type,
                                   uint64_t address);
/**
 * The part of VALUE that PATH names: `a.b[2].c`, `a->b`. A `.` behind a pointer follows it, as `->`
 * does. SC_ERR_NOT_FOUND names the first part that does not exist; SC_ERR_MEMORY when a pointer on
 * the way cannot be read, or is null.
 */
SC_API sc_err *sc_value_member(const struct sc_value *value, const char *path,
                               struct sc_value *ret_value);
/** Element INDEX of an array, or what a pointer to an array of them would give. */
SC_API sc_err *sc_value_index(const struct sc_value *value, uint64_t index,
                              struct sc_value *ret_value);
/** What a pointer points to. *RET_STATUS other than SC_READ_OK: *RET_VALUE is untouched. */
SC_API sc_err *sc_value_deref(const struct sc_value *value, struct sc_value *ret_value,
                              enum sc_read *ret_status);
/**
 * A number of at most 8 bytes: integers, characters, pointers (zero extended), enumerations, bit
 * fields. *RET_STATUS: SC_READ_OK, or why there is none; SC_READ_INVALID too for a value without a
 * place. SC_ERR_ARG for a type that is no number.
 */
SC_API sc_err *sc_value_uint(const struct sc_value *value, uint64_t *ret_number,
                             enum sc_read *ret_status);
/** The same, sign extended when the type is signed. */
SC_API sc_err *sc_value_int(const struct sc_value *value, int64_t *ret_number,
                            enum sc_read *ret_status);

#ifdef __cplusplus
}
#endif
#endif
