/* SPDX-License-Identifier: MIT */
/*
 * What the readers of kernel objects share: the target with its symbols, and fields that were read
 * through a table of names. Readers return C structs of facts and print nothing.
 *
 * Small dumps hold few objects, and builds differ: so each field says whether it was read, is not
 * in this dump, or does not exist in this build.
 */
#ifndef NT_NT_H
#define NT_NT_H

#include "base/arena.h"
#include "stopcode/layout.h"

/* A target as the readers see it; borrowed. */
struct nt {
    sc_target *target;
    sc_symtab *symtab;
    sc_layout_book *book;
    sc_space *space;
    enum sc_cpu cpu;
    unsigned ptr_size;
    uint32_t build;
};

void nt_init(struct nt *ret_nt, sc_target *target, sc_symtab *symtab, sc_layout_book *book);

enum nt_state {
    NT_NO_FIELD, /* this build's symbols have no such field */
    NT_ABSENT,   /* the dump does not hold it */
    NT_READ,
};

struct nt_field {
    uint64_t value; /* sign extended if the field's type is signed; 0 unless it was read */
    enum nt_state state;
};

/* The value, or OTHER when it was not read. */
uint64_t nt_or(const struct nt_field *field, uint64_t other);
/* Was it read, and is it not 0? */
bool nt_set(const struct nt_field *field);
/* "not in this build", "not in this dump"; NULL when it was read. */
const char *nt_why(const struct nt_field *field);
/* Was any of COUNT fields read? */
bool nt_any(const struct nt_field *fields, size_t count);

/*
 * The fields that a reader wants: the first `nfields` rows of the layout, all optional. The rows
 * behind them are spares for fields whose type a table of layouts does not know: row `nfields + n`
 * gives a width for row `spare_of[n]`, and counts only when that one cannot be had. The rows in
 * `pointers` are as wide as a pointer, whatever the symbols know of their types: their row asks for
 * one byte, which stands for the place.
 */
struct nt_def {
    struct sc_layout_def layout;
    size_t nfields;
    const uint8_t *spare_of;
    const uint8_t *pointers; /* NULL none */
    size_t npointers;
};
#define NT_POINTERS(list) (list), sizeof(list)

/*
 * Reads the structure at ADDRESS into RET_FIELDS (`nfields` of them). *RET_ASSUMED (may be NULL) is
 * set to true when the layout is that of another build, and else left alone. Errors:
 * SC_ERR_NOT_FOUND: the symbols lack the structure; out of memory; cancelled. Memory that the dump
 * lacks is none.
 */
sc_err *nt_load(const struct nt *nt, const struct nt_def *def, uint64_t address,
                struct nt_field *ret_fields, bool *ret_assumed);
/* The same for a structure that may be unknown in this build: then its fields do not exist. */
sc_err *nt_load_optional(const struct nt *nt, const struct nt_def *def, uint64_t address,
                         struct nt_field *ret_fields, bool *ret_assumed);

/* Offset of field INDEX of DEF; *RET_FOUND false when this build has none. */
sc_err *nt_offset(const struct nt *nt, const struct nt_def *def, size_t index, uint64_t *ret_offset,
                  bool *ret_found);

/* ADDRESS + OFFSET, within the target's address space. */
uint64_t nt_add(const struct nt *nt, uint64_t address, uint64_t offset);
/* A pointer in memory. */
struct nt_field nt_pointer(const struct nt *nt, uint64_t address);
/* The address of symbol NAME ("nt!KiProcessorBlock"); *RET_FOUND false when there is none. */
sc_err *nt_symbol(const struct nt *nt, const char *name, uint64_t *ret_address, bool *ret_found);
/* A number of SIZE bytes at symbol NAME ("nt!KeTickCount"); NT_NO_FIELD when there is none. */
sc_err *nt_global(const struct nt *nt, const char *name, unsigned size, struct nt_field *ret_value);
/* Does ADDRESS lie in the upper half of the address space, which is the kernel's? */
bool nt_is_kernel(const struct nt *nt, uint64_t address);

#endif
