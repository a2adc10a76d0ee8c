/* SPDX-License-Identifier: MIT */
/*
 * Members, elements, and what pointers point to. Indexes are not checked against an array's size,
 * as C does not: many structures end in an array of one element that goes on behind them.
 */
#include "cexpr/parser.h"

#include <stdio.h>
#include <string.h>

#include "base/utf.h"

enum { BASES = 32, BASES_SEEN = 1024 };

/* ---- base classes ---- */

struct bases {
    struct sc_member item[BASES];
    unsigned count;
};

static bool on_base(void *ctx, const struct sc_member *m) {
    struct bases *list = ctx;
    if (m->kind == SC_MEMBER_BASE && m->type && list->count < BASES)
        list->item[list->count++] = *m;
    return true;
}

/* The base class of DERIVED called NAME, at whatever depth; LEFT: classes to look into. */
static sc_err *find_base(struct sc_cparser *ps, uint32_t derived, const char *name, unsigned depth,
                         unsigned *left, struct sc_member *ret, bool *ret_found) {
    struct bases list = {.count = 0};
    struct sc_type t;
    if (depth == SC_C_LEVELS || !*left)
        return NULL;
    --*left;
    sc_err *err = sc_symbols_members(ps->types, derived, on_base, &list);
    for (unsigned i = 0; !err && !*ret_found && i < list.count; i++) {
        err = sc_c_type_of(ps, list.item[i].type, &t);
        if (err)
            return err;
        *ret_found = t.name && !strcmp(t.name, name);
        *ret = list.item[i];
        if (*ret_found)
            return NULL;
        err = find_base(ps, list.item[i].type, name, depth + 1, left, ret, ret_found);
        if (*ret_found)
            ret->offset += list.item[i].offset;
    }
    return err;
}

sc_err *sc_c_base_offset(struct sc_cparser *ps, uint32_t derived, uint32_t base,
                         uint64_t *ret_offset, bool *ret_found) {
    struct sc_type t;
    struct sc_member m = {.offset = 0};
    unsigned left = BASES_SEEN;
    bool found = false;
    sc_err *err = sc_c_type_of(ps, base, &t);
    if (!err && sc_c_is_aggregate(&t) && t.name && t.name[0])
        err = find_base(ps, derived, t.name, 0, &left, &m, &found);
    if (err)
        return err;
    *ret_offset = m.offset;
    *ret_found = found;
    return NULL;
}

/* ---- members ---- */

struct closest {
    const char *wanted, *name;
    size_t len;
    unsigned far;
};

static bool consider(void *ctx, const struct sc_member *m) {
    struct closest *c = ctx;
    size_t n = m->name ? strlen(m->name) : 0;
    if (!n || n > SC_EDIT_MAX || m->kind == SC_MEMBER_METHOD || m->kind == SC_MEMBER_NESTED)
        return true;
    unsigned far = sc_edit_distance(c->wanted, c->len, m->name, n);
    if (far < c->far) {
        c->far = far;
        c->name = m->name;
    }
    return true;
}

sc_err *sc_c_no_member(struct sc_cparser *ps, const char *at, const struct sc_type *t,
                       const char *name) {
    char type[SC_C_TYPE];
    struct closest c = {.wanted = name, .len = strlen(name)};
    c.far = 2 + (unsigned)c.len / 3;
    sc_err *err = NULL;
    if (c.len <= SC_EDIT_MAX)
        err = sc_symbols_members(ps->types, t->id, consider, &c);
    if (err)
        return err;
    return sc_scan_fail(&ps->scan, at, SC_ERR_NOT_FOUND, "%s has no member %.80s%s%.64s%s",
                        sc_c_type_name(ps, t->id, type), name, c.name ? " (did you mean " : "",
                        c.name ? c.name : "", c.name ? "?)" : "");
}

static sc_err *no_structure(struct sc_cparser *ps, const struct sc_cop *op, const char *at) {
    char name[SC_C_TYPE];
    struct sc_type to = {.kind = SC_TYPE_VOID};
    sc_err *err = sc_c_is_pointer(op) ? sc_c_type_of(ps, op->t.target, &to) : NULL;
    if (err)
        return err;
    return sc_scan_fail(&ps->scan, at, SC_ERR_ARG, "%s has no members%s",
                        sc_c_type_name(ps, op->type, name),
                        sc_c_is_aggregate(&to) ? "; -> looks at what it points to" : "");
}

/* A static member is a symbol of its own. */
static sc_err *static_member(struct sc_cparser *ps, struct sc_cop *op, const char *at,
                             const char *name) {
    bool found = false;
    snprintf(ps->scan.name, sizeof ps->scan.name, "%s::%s", op->t.name, name);
    sc_err *err = sc_c_find_symbol(ps, op, &found);
    if (!err && !found)
        err = sc_scan_fail(&ps->scan, at, SC_ERR_NOT_FOUND,
                           "%.80s is static, and the symbols do not say where it lies", name);
    return err;
}

/* Base::name: the part of OP that is Base. */
static sc_err *qualified(struct sc_cparser *ps, struct sc_cop *op, const char *at,
                         const char *base) {
    struct sc_member m;
    unsigned left = BASES_SEEN;
    bool found = false;
    char name[SC_C_TYPE];
    if (op->t.name && !strcmp(op->t.name, base))
        return NULL;
    sc_err *err = find_base(ps, op->type, base, 0, &left, &m, &found);
    if (!err && !found)
        err = sc_scan_fail(&ps->scan, at, SC_ERR_NOT_FOUND, "%s has no base class %.80s",
                           sc_c_type_name(ps, op->type, name), base);
    if (err)
        return err;
    struct sc_value v = op->place;
    v.address += m.offset;
    v.type = m.type;
    return sc_c_set_place(ps, op, &v);
}

sc_err *sc_c_member(struct sc_cparser *ps, struct sc_cop *op, const char *at, const char *name) {
    struct sc_member m;
    bool found = false;
    char base[SC_C_FIELD];
    const char *scope = strstr(name, "::"), *next;
    sc_err *err = NULL;
    if (!sc_c_is_aggregate(&op->t) || !op->is_place)
        return no_structure(ps, op, at);
    while (scope && (next = strstr(scope + 2, "::")) != NULL)
        scope = next;
    if (scope) {
        snprintf(base, sizeof base, "%.*s", (int)(scope - name), name);
        err = qualified(ps, op, at, base);
        name = scope + 2;
    }
    if (!err)
        err = sc_type_member(ps->types, op->type, name, &m, &found);
    if (err)
        return err;
    if (!found || m.kind == SC_MEMBER_ENUMERATOR)
        return sc_c_no_member(ps, at, &op->t, name);
    if (m.kind == SC_MEMBER_STATIC)
        return static_member(ps, op, at, name);
    struct sc_value v = op->place;
    v.address = sc_c_fit(v.address + m.offset, ps->env->ptr_size, false);
    v.type = m.type ? m.type : SC_CT_UNKNOWN;
    v.bit_pos = m.bit_pos;
    v.bit_len = m.bit_len;
    return sc_c_set_place(ps, op, &v);
}

/* ---- elements ---- */

/* A character of a string literal. */
static sc_err *literal_element(struct sc_cparser *ps, struct sc_cop *op, const char *at,
                               uint64_t index) {
    struct sc_type t;
    uint64_t number = 0;
    if (index >= op->t.count)
        return sc_scan_fail(&ps->scan, at, SC_ERR_ARG, "the string has %llu characters",
                            (unsigned long long)op->t.count);
    sc_err *err = sc_c_type_of(ps, op->t.target, &t);
    if (err)
        return err;
    for (uint64_t i = 0; i < t.size; i++)
        number |= (uint64_t)op->bytes[index * t.size + i] << 8 * i;
    return sc_c_set_number(ps, op, op->t.target, number);
}

sc_err *sc_c_index(struct sc_cparser *ps, struct sc_cop *op, struct sc_cop *index, const char *at) {
    char name[SC_C_TYPE];
    sc_err *err = NULL;
    if (sc_ctypes_arithmetic(&op->t) || op->t.kind == SC_TYPE_ENUM) { /* 2[array] is array[2] */
        struct sc_cop swapped = *op;
        *op = *index;
        *index = swapped;
    }
    bool array = op->t.kind == SC_TYPE_ARRAY;
    if (!array)
        err = sc_c_rvalue(ps, op);
    if (!err && !array && !sc_c_is_pointer(op))
        err = sc_scan_fail(&ps->scan, at, SC_ERR_ARG, "%s is no array or pointer",
                           sc_c_type_name(ps, op->type, name));
    if (!err)
        err = sc_c_promote(ps, index);
    if (!err && sc_c_is_real(index))
        err = sc_scan_fail(&ps->scan, at, SC_ERR_ARG, "an index is an integer");
    if (err)
        return err;
    if (op->bytes)
        return literal_element(ps, op, at, index->number);
    if (!array) {
        err = sc_c_binary_op(ps, SC_C_ADD, at, op, index);
        return err ? err : sc_c_deref(ps, op, at);
    }
    struct sc_value v = op->place;
    struct sc_type element;
    err = sc_c_type_of(ps, op->t.target, &element);
    if (err)
        return err;
    v.type = op->t.target ? op->t.target : SC_CT_UNKNOWN;
    v.address = sc_c_fit(v.address + index->number * element.size, ps->env->ptr_size, false);
    return sc_c_set_place(ps, op, &v);
}

sc_err *sc_c_deref(struct sc_cparser *ps, struct sc_cop *op, const char *at) {
    struct sc_cop zero = {.at = op->at};
    char name[SC_C_TYPE];
    if (op->t.kind == SC_TYPE_ARRAY) {
        sc_err *err = sc_c_set_number(ps, &zero, SC_CT_INT, 0);
        return err ? err : sc_c_index(ps, op, &zero, at);
    }
    sc_err *err = sc_c_rvalue(ps, op);
    if (err)
        return err;
    if (!sc_c_is_pointer(op))
        return sc_scan_fail(&ps->scan, at, SC_ERR_ARG,
                            "%s is no pointer; (type *) in front of it makes it one",
                            sc_c_type_name(ps, op->type, name));
    struct sc_value v =
        sc_value_at(sc_c_space(ps), ps->types, op->t.target ? op->t.target : SC_CT_VOID,
                    sc_c_fit(op->number, ps->env->ptr_size, false));
    struct sc_type to;
    err = sc_c_type_of(ps, v.type, &to);
    if (!err && to.kind == SC_TYPE_VOID)
        err = sc_scan_fail(&ps->scan, at, SC_ERR_ARG,
                           "%s does not say what it points to; cast it to (type *)",
                           sc_c_type_name(ps, op->type, name));
    return err ? err : sc_c_set_place(ps, op, &v);
}

sc_err *sc_c_address(struct sc_cparser *ps, struct sc_cop *op, const char *at) {
    uint32_t pointer;
    if (op->place.bit_len)
        return sc_scan_fail(&ps->scan, at, SC_ERR_ARG, "a bit field has no address");
    if (!op->is_place)
        return sc_scan_fail(&ps->scan, at, SC_ERR_ARG,
                            "a value has no address: & wants a name, "
                            "a member, an element, or *pointer");
    if (op->place.space != sc_c_space(ps) && op->place.space)
        return sc_scan_fail(&ps->scan, at, SC_ERR_ARG, "this is in registers: it has no address");
    uint64_t address = op->place.address;
    sc_err *err = sc_ctypes_pointer(ps->types, op->type, false, &pointer);
    return err ? err : sc_c_set_number(ps, op, pointer, address);
}
