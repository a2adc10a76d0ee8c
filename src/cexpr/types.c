/* SPDX-License-Identifier: MIT */
/*
 * Types of an expression: see types.h. Ids below SC_CT_END are C's own types; above them stand rows
 * that are made when a type is first met, each one once. A type of another provider keeps its name
 * and gets a new id, and so do the types it leads to, when they are asked for.
 *
 * Types come from files: what they lead to may be cyclic. Rows are made one at a time and are
 * bounded, so nothing here runs away.
 */
#include "cexpr/types.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/vec.h"
#include "cexpr/cexpr.h"

static const struct sc_type own[SC_CT_END] = {
    [SC_CT_VOID] = {.kind = SC_TYPE_VOID, .name = "Void"},
    [SC_CT_BOOL] = {.kind = SC_TYPE_BOOL, .name = "Bool", .size = 1},
    [SC_CT_CHAR] = {.kind = SC_TYPE_CHAR, .name = "Char", .size = 1, .is_signed = true},
    [SC_CT_UCHAR] = {.kind = SC_TYPE_CHAR, .name = "UChar", .size = 1},
    [SC_CT_WCHAR] = {.kind = SC_TYPE_CHAR, .name = "Wchar", .size = 2},
    [SC_CT_CHAR16] = {.kind = SC_TYPE_CHAR, .name = "Char16", .size = 2},
    [SC_CT_CHAR32] = {.kind = SC_TYPE_CHAR, .name = "Char32", .size = 4},
    [SC_CT_SHORT] = {.kind = SC_TYPE_INT, .name = "Int2B", .size = 2, .is_signed = true},
    [SC_CT_USHORT] = {.kind = SC_TYPE_INT, .name = "Uint2B", .size = 2},
    [SC_CT_INT] =
        {.kind = SC_TYPE_INT, .name = "Int4B", .size = 4, .is_signed = true, .is_int = true},
    [SC_CT_UINT] = {.kind = SC_TYPE_INT, .name = "Uint4B", .size = 4, .is_int = true},
    [SC_CT_LONG] = {.kind = SC_TYPE_INT, .name = "Int4B", .size = 4, .is_signed = true},
    [SC_CT_ULONG] = {.kind = SC_TYPE_INT, .name = "Uint4B", .size = 4},
    [SC_CT_INT64] = {.kind = SC_TYPE_INT, .name = "Int8B", .size = 8, .is_signed = true},
    [SC_CT_UINT64] = {.kind = SC_TYPE_INT, .name = "Uint8B", .size = 8},
    [SC_CT_FLOAT] = {.kind = SC_TYPE_FLOAT, .name = "Float", .size = 4, .is_signed = true},
    [SC_CT_DOUBLE] = {.kind = SC_TYPE_FLOAT, .name = "Double", .size = 8, .is_signed = true},
    [SC_CT_FUNCTION] = {.kind = SC_TYPE_FUNCTION, .name = "", .target = SC_CT_VOID},
    [SC_CT_UNKNOWN] = {.kind = SC_TYPE_UNKNOWN, .name = "<unknown type>"},
};

enum row_kind { ADOPTED, POINTER, REFERENCE, ARRAY };

struct row {
    enum row_kind kind;
    uint32_t id;          /* ADOPTED: in `provider`; else what it is a pointer to or array of */
    sc_symbols *provider; /* ADOPTED */
    uint64_t count;       /* ARRAY */
    uint32_t next;        /* the next row with this hash, counted from 1; 0 none */
};

struct types {
    unsigned ptr_size;
    struct {
        struct row *item;
        size_t count, room;
    } rows;
    struct sc_map by_hash; /* of what a row is -> the row, counted from 1 */
};

/* ---- the provider ---- */

static void types_destroy(void *impl) {
    struct types *ts = impl;
    SC_VEC_FREE(&ts->rows);
    sc_map_free(&ts->by_hash);
    free(ts);
}

static void types_info(void *impl, struct sc_symbols_info *ret_info) {
    (void)impl;
    ret_info->provider = "expression";
    ret_info->has_types = true;
}

static sc_err *types_type(void *impl, uint32_t id, struct sc_type *ret_type);
static sc_err *types_members(void *impl, uint32_t id, sc_member_fn fn, void *ctx);

static const struct sc_symbols_ops types_ops = {
    .name = "expression",
    .destroy = types_destroy,
    .info = types_info,
    .type = types_type,
    .members = types_members,
};

sc_err *sc_ctypes_create(unsigned ptr_size, sc_symbols **ret_types) {
    struct types *ts = calloc(1, sizeof *ts);
    if (!ts)
        return sc_err_nomem();
    ts->ptr_size = ptr_size;
    return sc_symbols_create(&types_ops, ts, ret_types);
}

/* ---- rows ---- */

static uint64_t mix(uint64_t h, uint64_t v) {
    h = (h ^ v) * 0x9e3779b97f4a7c15u;
    return h ^ h >> 29;
}

static uint64_t hash_of(const struct row *r) {
    return mix(mix(mix(mix(0, r->kind), r->id), (uintptr_t)r->provider), r->count);
}

static bool same(const struct row *a, const struct row *b) {
    return a->kind == b->kind && a->id == b->id && a->provider == b->provider &&
           a->count == b->count;
}

/* The id of the type that WANT describes. */
static sc_err *row_id(struct types *ts, const struct row *want, uint32_t *ret_id) {
    uint64_t hash = hash_of(want), first = 0;
    sc_map_get_number(&ts->by_hash, hash, &first);
    for (uint32_t at = (uint32_t)first; at; at = ts->rows.item[at - 1].next) {
        if (same(&ts->rows.item[at - 1], want)) {
            *ret_id = SC_CT_END + at - 1;
            return NULL;
        }
    }
    if (ts->rows.count >= SC_CEXPR_TYPES)
        return sc_errf(SC_ERR_LIMIT, "more than %d types in one expression", SC_CEXPR_TYPES);
    struct row *row = SC_VEC_PUSH(&ts->rows);
    if (!row)
        return sc_err_nomem();
    *row = *want;
    row->next = (uint32_t)first;
    if (!sc_map_put_number(&ts->by_hash, hash, ts->rows.count)) {
        ts->rows.count--;
        return sc_err_nomem();
    }
    *ret_id = (uint32_t)(SC_CT_END + ts->rows.count - 1);
    return NULL;
}

static struct types *impl_of(sc_symbols *types) { return sc_symbols_impl(types, &types_ops); }

sc_err *sc_ctypes_pointer(sc_symbols *types, uint32_t id, bool reference, uint32_t *ret_id) {
    struct row want = {.kind = reference ? REFERENCE : POINTER, .id = id ? id : SC_CT_VOID};
    return row_id(impl_of(types), &want, ret_id);
}

sc_err *sc_ctypes_array(sc_symbols *types, uint32_t id, uint64_t count, uint32_t *ret_id) {
    struct row want = {.kind = ARRAY, .id = id, .count = count};
    return row_id(impl_of(types), &want, ret_id);
}

static sc_err *adopt(struct types *ts, sc_symbols *provider, uint32_t id, uint32_t *ret_id) {
    struct row want = {.kind = ADOPTED, .id = id, .provider = provider};
    if (id)
        return row_id(ts, &want, ret_id);
    *ret_id = 0;
    return NULL;
}

sc_err *sc_ctypes_adopt(sc_symbols *types, sc_symbols *provider, uint32_t id, uint32_t *ret_id) {
    if (provider != types)
        return adopt(impl_of(types), provider, id, ret_id);
    *ret_id = id;
    return NULL;
}

/* ---- what they are ---- */

static sc_err *adopted_type(struct types *ts, const struct row *row, struct sc_type *ret_type) {
    struct sc_type t;
    sc_err *err = sc_symbols_type(row->provider, row->id, &t);
    if (!err)
        err = adopt(ts, row->provider, t.target, &t.target);
    if (!err)
        *ret_type = t;
    return err;
}

static sc_err *array_type(struct types *ts, const struct row *row, struct sc_type *ret_type) {
    struct sc_type element;
    sc_err *err = types_type(ts, row->id, &element);
    if (err)
        return err;
    if (element.size && row->count > UINT64_MAX / element.size)
        return sc_errf(SC_ERR_LIMIT, "an array of %llu elements is too large",
                       (unsigned long long)row->count);
    *ret_type = (struct sc_type){.kind = SC_TYPE_ARRAY,
                                 .name = "",
                                 .size = row->count * element.size,
                                 .target = row->id,
                                 .count = row->count};
    return NULL;
}

static sc_err *types_type(void *impl, uint32_t id, struct sc_type *ret_type) {
    struct types *ts = impl;
    sc_err *err = NULL;
    if (!id || id - SC_CT_END >= ts->rows.count) {
        if (!id || id >= SC_CT_END)
            return sc_errf(SC_ERR_ARG, "there is no type 0x%x in this expression", id);
        *ret_type = own[id];
        ret_type->id = id;
        return NULL;
    }
    struct row row = ts->rows.item[id - SC_CT_END]; /* rows move when more are made */
    if (row.kind == ADOPTED)
        err = adopted_type(ts, &row, ret_type);
    else if (row.kind == ARRAY)
        err = array_type(ts, &row, ret_type);
    else
        *ret_type = (struct sc_type){.kind = SC_TYPE_POINTER,
                                     .name = "",
                                     .size = ts->ptr_size,
                                     .target = row.id,
                                     .is_reference = row.kind == REFERENCE};
    if (!err)
        ret_type->id = id;
    return err;
}

/* ---- members ---- */

struct each {
    struct types *ts;
    sc_symbols *provider;
    sc_member_fn fn;
    void *ctx;
    sc_err *err;
};

static bool on_member(void *ctx, const struct sc_member *member) {
    struct each *e = ctx;
    struct sc_member m = *member;
    e->err = adopt(e->ts, e->provider, m.type, &m.type);
    return !e->err && e->fn(e->ctx, &m);
}

static sc_err *types_members(void *impl, uint32_t id, sc_member_fn fn, void *ctx) {
    struct types *ts = impl;
    if (id < SC_CT_END || id - SC_CT_END >= ts->rows.count)
        return NULL;
    struct row row = ts->rows.item[id - SC_CT_END];
    if (row.kind != ADOPTED)
        return NULL;
    struct each e = {ts, row.provider, fn, ctx, NULL};
    sc_err *err = sc_symbols_members(row.provider, row.id, on_member, &e);
    if (err && e.err)
        sc_err_destroy(e.err);
    return err ? err : e.err;
}

/* ---- arithmetic ---- */

static unsigned integer(const struct sc_type *t) {
    switch (t->size) {
    case 1: return t->is_signed ? SC_CT_CHAR : SC_CT_UCHAR;
    case 2: return t->is_signed ? SC_CT_SHORT : SC_CT_USHORT;
    case 4:
        if (t->is_int)
            return t->is_signed ? SC_CT_INT : SC_CT_UINT;
        return t->is_signed ? SC_CT_LONG : SC_CT_ULONG;
    case 8: return t->is_signed ? SC_CT_INT64 : SC_CT_UINT64;
    default: return 0;
    }
}

unsigned sc_ctypes_arithmetic(const struct sc_type *t) {
    switch (t->kind) {
    case SC_TYPE_BOOL: return t->size == 1 ? SC_CT_BOOL : integer(t);
    case SC_TYPE_CHAR: return t->size == 4 ? SC_CT_CHAR32 : t->size == 2 ? SC_CT_WCHAR : integer(t);
    case SC_TYPE_INT: return integer(t);
    case SC_TYPE_FLOAT: return t->size == 4 ? SC_CT_FLOAT : t->size == 8 ? SC_CT_DOUBLE : 0;
    default: return 0;
    }
}
