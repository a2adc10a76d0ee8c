/* SPDX-License-Identifier: MIT */
/*
 * Collecting a symbol table while its text is read, and making an image of it (see image.h).
 *
 * Ids are indices + 1; 0 is none. A named type may be referred to before it is defined: its row is
 * made at the first mention and stays a forward reference until it is filled in. Composite types
 * (pointers, arrays, bit fields) are made once each, after what they are made of: their target's
 * id is always below their own, so that there are no cycles.
 */
#ifndef STOPCODE_ISF_BUILD_H
#define STOPCODE_ISF_BUILD_H

#include "isf/image.h"

/* An open-addressed set of indices, told apart by the function that looks up. */
struct isf_set {
    struct isf_slot {
        uint32_t hash, index; /* index + 1; 0 = empty */
    } * slot;
    size_t room, count;
};

struct isf_type {
    struct isf_type_row row;
    uint32_t key;   /* the name it is referred to by: a base type's in C */
    uint64_t where; /* offset in the text */
};

struct isf_member {
    struct isf_member_row row;
    uint32_t order;
};

struct isf_constant {
    uint32_t name, type;
    uint64_t value;
};

struct isf_build {
    const char *name; /* of the file, for messages */
    uint64_t seed;
    struct {
        char *item;
        size_t count, room;
    } pool;
    struct {
        struct isf_symbol_row *item;
        size_t count, room;
    } symbols;
    struct {
        struct isf_constant *item;
        size_t count, room;
    } constants;
    struct {
        struct isf_type *item;
        size_t count, room;
    } types;
    struct {
        struct isf_member *item;
        size_t count, room;
    } members;
    struct isf_set strings, shapes;
    struct sc_guid guid;
    uint32_t age, machine, pdb, pointer_size;
};

sc_err *isf_build_init(struct isf_build *b, const char *name);
void isf_build_deinit(struct isf_build *b);

/* LEN bytes into the pool: each call a new string (append), or the same for the same (intern). */
sc_err *isf_build_append(struct isf_build *b, const char *text, size_t len, uint32_t *ret_offset);
sc_err *isf_build_intern(struct isf_build *b, const char *text, size_t len, uint32_t *ret_offset);

/* The type CLS/KEY: a forward reference of KIND when it is mentioned for the first time. */
sc_err *isf_build_named(struct isf_build *b, enum isf_class cls, enum sc_type_kind kind,
                        uint32_t key, uint64_t where, uint32_t *ret_id);
/* The composite type with ROW's kind, target, count and bits. */
sc_err *isf_build_shape(struct isf_build *b, const struct isf_type_row *row, uint64_t where,
                        uint32_t *ret_id);
/* The row of a type that isf_build_named() or _shape() gave; moves when types are added. */
static inline struct isf_type *isf_build_type(struct isf_build *b, uint32_t id) {
    return &b->types.item[id - 1];
}

/* Lays the image out: malloc'ed, with KEY in its header. The builder is used up by it. */
sc_err *isf_build_finish(struct isf_build *b, const struct isf_key *key, uint8_t **ret_data,
                         size_t *ret_size);

#endif
