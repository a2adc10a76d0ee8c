/* SPDX-License-Identifier: MIT */
/*
 * Values: paths through members, pointers and arrays, and the numbers at their end.
 *
 *     path    = step { "." step | "->" step }
 *     step    = name { "[" number "]" }          numbers are decimal, or hexadecimal with 0x
 */
#include <string.h>

#include "stopcode/value.h"

enum { NAME_MAX_LEN = 512, STEPS_MAX = 64 };

struct sc_value sc_value_at(sc_space *space, sc_symbols *symbols, uint32_t type, uint64_t address) {
    return (struct sc_value){.space = space, .symbols = symbols, .type = type, .address = address};
}

/* ---- numbers ---- */

static bool is_number(const struct sc_type *t) {
    switch (t->kind) {
    case SC_TYPE_INT:
    case SC_TYPE_BOOL:
    case SC_TYPE_CHAR:
    case SC_TYPE_POINTER:
    case SC_TYPE_ENUM: return t->size == 1 || t->size == 2 || t->size == 4 || t->size == 8;
    default: return false;
    }
}

static uint64_t take_bits(uint64_t number, const struct sc_value *v) {
    if (!v->bit_len || v->bit_pos >= 64)
        return v->bit_len ? 0 : number;
    number >>= v->bit_pos;
    return v->bit_len < 64 ? number & ((UINT64_C(1) << v->bit_len) - 1) : number;
}

static sc_err *read_number(const struct sc_value *v, struct sc_type *type, uint64_t *ret,
                           enum sc_read *ret_status) {
    sc_err *err = sc_type_of(v->symbols, v->type, type);
    if (err)
        return err;
    if (!is_number(type))
        return sc_errf(SC_ERR_ARG, "a value of type %.100s is no number",
                       type->name && type->name[0] ? type->name : "<unnamed>");
    uint64_t number;
    *ret_status = v->space ? sc_space_uint(v->space, v->address, (unsigned)type->size, &number)
                           : SC_READ_INVALID;
    if (*ret_status == SC_READ_OK)
        *ret = take_bits(number, v);
    return NULL;
}

sc_err *sc_value_uint(const struct sc_value *value, uint64_t *ret_number,
                      enum sc_read *ret_status) {
    struct sc_type type;
    return read_number(value, &type, ret_number, ret_status);
}

sc_err *sc_value_int(const struct sc_value *value, int64_t *ret_number, enum sc_read *ret_status) {
    struct sc_type type;
    uint64_t number = 0;
    sc_err *err = read_number(value, &type, &number, ret_status);
    if (err || *ret_status != SC_READ_OK)
        return err;
    unsigned bits = value->bit_len ? value->bit_len : (unsigned)type.size * 8;
    if (type.is_signed && bits && bits < 64 && number >> (bits - 1) & 1)
        number |= ~UINT64_C(0) << bits;
    *ret_number = (int64_t)number;
    return NULL;
}

/* ---- steps ---- */

sc_err *sc_value_deref(const struct sc_value *value, struct sc_value *ret_value,
                       enum sc_read *ret_status) {
    struct sc_type type;
    uint64_t to = 0;
    sc_err *err = sc_type_of(value->symbols, value->type, &type);
    if (!err && type.kind != SC_TYPE_POINTER)
        err = sc_errf(SC_ERR_ARG, "only pointers can be followed");
    if (!err)
        err = sc_value_uint(value, &to, ret_status);
    if (err || *ret_status != SC_READ_OK)
        return err;
    *ret_value = sc_value_at(value->space, value->symbols, type.target, to);
    return NULL;
}

/* The thing VALUE points to; without a place, its type. */
static sc_err *follow(const struct sc_value *v, const struct sc_type *type, struct sc_value *ret) {
    enum sc_read status = SC_READ_OK;
    if (!v->space) {
        *ret = sc_value_at(NULL, v->symbols, type->target, 0);
        return NULL;
    }
    sc_err *err = sc_value_deref(v, ret, &status);
    if (err)
        return err;
    char why[SC_WHY_TEXT];
    if (status != SC_READ_OK)
        return sc_err_mem(v->address, "the pointer at 0x%llx cannot be read: %s",
                          (unsigned long long)v->address,
                          sc_space_why(v->space, v->address, status, why));
    if (!ret->address)
        return sc_err_mem(0, "the pointer at 0x%llx is null", (unsigned long long)v->address);
    return NULL;
}

sc_err *sc_value_index(const struct sc_value *value, uint64_t index, struct sc_value *ret_value) {
    struct sc_type type, element;
    struct sc_value from = *value;
    sc_err *err = sc_type_of(value->symbols, value->type, &type);
    if (!err && type.kind == SC_TYPE_POINTER)
        err = follow(value, &type, &from);
    else if (!err && type.kind != SC_TYPE_ARRAY)
        err = sc_errf(SC_ERR_ARG, "only arrays and pointers have elements");
    if (!err && type.kind == SC_TYPE_ARRAY && type.count && index >= type.count)
        err = sc_errf(SC_ERR_NOT_FOUND, "the array has %llu elements",
                      (unsigned long long)type.count);
    if (!err)
        err = sc_type_of(value->symbols, type.target, &element);
    if (err)
        return err;
    *ret_value =
        sc_value_at(from.space, from.symbols, type.target, from.address + index * element.size);
    ret_value->offset = from.offset + index * element.size;
    return NULL;
}

static sc_err *step_into(struct sc_value *v, const char *name) {
    struct sc_type type;
    struct sc_member m;
    bool found;
    sc_err *err = sc_type_of(v->symbols, v->type, &type);
    if (err)
        return err;
    if (type.kind == SC_TYPE_POINTER) {
        struct sc_value to;
        err = follow(v, &type, &to);
        if (!err)
            err = sc_type_of(v->symbols, to.type, &type);
        if (err)
            return err;
        *v = to;
    }
    err = sc_type_member(v->symbols, v->type, name, &m, &found);
    if (err)
        return err;
    if (!found || m.kind == SC_MEMBER_STATIC || m.kind == SC_MEMBER_ENUMERATOR)
        return sc_errf(SC_ERR_NOT_FOUND, "%.100s has no field %.100s", type.name ? type.name : "",
                       name);
    v->address += m.offset;
    v->offset += m.offset;
    v->type = m.type;
    v->bit_pos = m.bit_pos;
    v->bit_len = m.bit_len;
    return NULL;
}

/* ---- paths ---- */

/* "[12]" or "[0xc]" at *P, which moves behind it. */
static bool take_subscript(const char **p, uint64_t *ret) {
    const char *s = *p + 1;
    unsigned base = s[0] == '0' && (s[1] == 'x' || s[1] == 'X') ? 16 : 10;
    uint64_t n = 0;
    s += base == 16 ? 2 : 0;
    const char *first = s;
    for (; *s && *s != ']'; s++) {
        unsigned char c = (unsigned char)*s | 0x20;
        unsigned digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : 99;
        if (digit >= base || n > UINT32_MAX)
            return false;
        n = n * base + digit;
    }
    if (*s != ']' || s == first)
        return false;
    *p = s + 1;
    *ret = n;
    return true;
}

static sc_err *take_name(const char **p, const char *path, char name[NAME_MAX_LEN]) {
    size_t n = strcspn(*p, ".[");
    const char *arrow = strstr(*p, "->");
    if (arrow && (size_t)(arrow - *p) < n)
        n = (size_t)(arrow - *p);
    if (!n || n >= NAME_MAX_LEN)
        return sc_errf(SC_ERR_ARG, "'%.100s' is no path of fields", path);
    memcpy(name, *p, n);
    name[n] = 0;
    *p += n;
    return NULL;
}

static sc_err *take_step(const char **p, const char *path, struct sc_value *v) {
    char name[NAME_MAX_LEN];
    uint64_t index;
    sc_err *err = NULL;
    if (**p != '[') {
        err = take_name(p, path, name);
        if (!err)
            err = step_into(v, name);
    }
    for (unsigned i = 0; !err && **p == '['; i++) {
        struct sc_value element;
        if (i == STEPS_MAX || !take_subscript(p, &index))
            return sc_errf(SC_ERR_ARG, "'%.100s': a subscript is a number in brackets", path);
        err = sc_value_index(v, index, &element);
        if (!err)
            *v = element;
    }
    return err;
}

sc_err *sc_value_member(const struct sc_value *value, const char *path,
                        struct sc_value *ret_value) {
    struct sc_value v = *value;
    const char *p = path;
    v.offset = 0;
    for (unsigned i = 0;; i++) {
        if (i == STEPS_MAX)
            return sc_errf(SC_ERR_LIMIT, "'%.60s…': more than %d steps", path, STEPS_MAX);
        sc_err *err = take_step(&p, path, &v);
        if (err)
            return err;
        if (!*p)
            break;
        if (*p == '.')
            p++;
        else if (!strncmp(p, "->", 2))
            p += 2;
        else
            return sc_errf(SC_ERR_ARG, "'%.100s' is no path of fields", path);
    }
    *ret_value = v;
    return NULL;
}
