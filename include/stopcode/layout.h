/* SPDX-License-Identifier: MIT */
/**
 * @file
 * Layouts: the fields that one reader needs of one structure, as a const table, bound once per
 * target to what its symbols say. Ask the symbols, not the Windows version.
 *
 *     enum { PROCESS_NAME, PROCESS_ID };
 *     static const struct sc_layout_field fields[] = {
 *         [PROCESS_NAME] = {"ImageFileName", 15, false},
 *         [PROCESS_ID] = {"UniqueProcessId|Pcb.ProcessId", 0, true},
 *     };
 *     static const struct sc_layout_def process = {"nt!_EPROCESS", fields, 2};
 *
 *     sc_layout *layout;
 *     err = sc_layout_bind(symtab, &process, &layout);       SC_ERR_NOT_FOUND: says what is missing
 *     struct sc_layout_rec rec;
 *     err = sc_layout_rec_init(layout, &rec);
 *     sc_layout_load(&rec, space, address);                  one read
 *     if (sc_layout_uint(&rec, PROCESS_ID, &pid) == SC_READ_OK) …
 *     sc_layout_rec_deinit(&rec); sc_layout_destroy(layout);
 *
 * Threads: a bound layout is immutable and may be shared; a record belongs to one thread.
 */
#ifndef STOPCODE_LAYOUT_H
#define STOPCODE_LAYOUT_H

#include "space.h"
#include "symtab.h"

#ifdef __cplusplus
extern "C" {
#endif

/** A field that a reader needs. */
struct sc_layout_field {
    /** Paths of members ("Pcb.Header.Type"), the names it had in other builds behind `|`. */
    const char *names;
    /** Bytes, where the reader knows better than the type or the type may be unknown; 0: as typed.
     */
    uint32_t size;
    bool optional; /**< the layout is of use without it */
};

/** The fields of one structure. */
struct sc_layout_def {
    const char *type; /**< "nt!_EPROCESS"; other names behind `|` */
    const struct sc_layout_field *fields;
    size_t nfields;
};

typedef struct sc_layout sc_layout;

enum { SC_LAYOUT_SPAN_MAX = 1 << 16 }; /**< bytes from the first to the last field */

/**
 * Finds type and fields. SC_ERR_NOT_FOUND when the target's symbols lack the type or a field that
 * is not optional: the text names it. *RET is ended with sc_layout_destroy(); it does not refer to
 * the symbols any more.
 */
SC_API sc_err *sc_layout_bind(sc_symtab *symtab, const struct sc_layout_def *def,
                              sc_layout **ret_layout);
/** The same for a type that is at hand. */
SC_API sc_err *sc_layout_bind_type(const struct sc_typeref *type, const struct sc_layout_def *def,
                                   sc_layout **ret_layout);
SC_API void sc_layout_destroy(sc_layout *layout);

/** Does the structure have field INDEX in this build? */
SC_API bool sc_layout_has(const sc_layout *layout, size_t index);
/** Its offset; 0 when it has none. */
SC_API uint64_t sc_layout_offset(const sc_layout *layout, size_t index);
/** Bytes of the structure; 0 when the symbols do not say. */
SC_API uint64_t sc_layout_size(const sc_layout *layout);
/** True when the offsets are those of another build: say so with whatever is made of them. */
SC_API bool sc_layout_assumed(const sc_layout *layout);

/** One structure as read from memory. */
struct sc_layout_rec {
    const sc_layout *layout;
    uint64_t address;
    uint8_t *bytes; /**< from the layout's first to behind its last field */
    uint8_t *state; /**< one enum sc_read for each field */
    size_t got;     /**< bytes that were read in one go, from the first field on */
};
/** Room for records of LAYOUT, which must outlive it; nothing is read yet. */
SC_API sc_err *sc_layout_rec_init(const sc_layout *layout, struct sc_layout_rec *ret_rec);
SC_API void sc_layout_rec_deinit(struct sc_layout_rec *rec);
/**
 * Reads the structure at ADDRESS in one go; where a page of it is missing, the fields that can be
 * had one by one. The status is that of the worst field that is not optional.
 */
SC_API enum sc_read sc_layout_load(struct sc_layout_rec *rec, sc_space *space, uint64_t address);

/** A number of at most 8 bytes. SC_READ_INVALID when the build has no such field. */
SC_API enum sc_read sc_layout_uint(const struct sc_layout_rec *rec, size_t index,
                                   uint64_t *ret_value);
/** The same, sign extended from the field's width if its type is signed. */
SC_API enum sc_read sc_layout_int(const struct sc_layout_rec *rec, size_t index,
                                  int64_t *ret_value);
/** The field's bytes in the record: *RET_SIZE of them. */
SC_API enum sc_read sc_layout_bytes(const struct sc_layout_rec *rec, size_t index,
                                    const uint8_t **ret_bytes, size_t *ret_size);

/**
 * SIZE bytes (8 at most) as a number from where field INDEX begins, whatever its width; false when
 * they do not lie in what was read in one go: then only memory can tell.
 */
SC_API bool sc_layout_at(const struct sc_layout_rec *rec, size_t index, size_t size,
                         uint64_t *ret_value);

/** The layouts of one target, each bound at its first use. */
typedef struct sc_layout_book sc_layout_book;
SC_API sc_err *sc_layout_book_create(sc_symtab *symtab, sc_layout_book **ret_book);
SC_API void sc_layout_book_destroy(sc_layout_book *book);
/** DEF's layout, owned by the book. That it cannot be bound is remembered, too. */
SC_API sc_err *sc_layout_book_get(sc_layout_book *book, const struct sc_layout_def *def,
                                  const sc_layout **ret_layout);
/** Forgets all of them: after sc_symtab_reload() and new paths. */
SC_API void sc_layout_book_forget(sc_layout_book *book);

#ifdef __cplusplus
}
#endif
#endif
