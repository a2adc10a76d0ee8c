/* SPDX-License-Identifier: MIT */
/*
 * Binary operators.
 *
 * Integers wrap in two's complement, also signed ones. A division by zero, and a shift by as many
 * bits as the left side has or more, which C++ does not define, are errors. Pointers: an integer
 * may be added and subtracted, in units of what is pointed to; the difference of two is a number of
 * such units, int64 (int on 32-bit targets); and they compare with each other and with integers,
 * which C++ allows for 0 only.
 */
#include "cexpr/parser.h"

static sc_err *wrong_types(struct sc_cparser *ps, const char *at, const struct sc_cop *a,
                           const struct sc_cop *b) {
    char left[SC_C_TYPE], right[SC_C_TYPE];
    bool pointer = sc_c_is_pointer(a) || sc_c_is_pointer(b);
    return sc_scan_fail(&ps->scan, at, SC_ERR_ARG, "no such operator for %.90s and %.90s%s",
                        sc_c_type_name(ps, a->type, left), sc_c_type_name(ps, b->type, right),
                        pointer ? "; cast the pointer to an integer" : "");
}

/* ---- numbers ---- */

static bool is_comparison(enum sc_ctoken token) { return token >= SC_C_LT && token <= SC_C_NE; }

static bool compare(enum sc_ctoken token, int order) {
    switch (token) {
    case SC_C_LT: return order < 0;
    case SC_C_LE: return order <= 0;
    case SC_C_GT: return order > 0;
    case SC_C_GE: return order >= 0;
    case SC_C_EQ: return order == 0;
    default: return order != 0;
    }
}

static int order_of(uint64_t a, uint64_t b, bool is_signed) {
    if (is_signed)
        return ((int64_t)a > (int64_t)b) - ((int64_t)a < (int64_t)b);
    return (a > b) - (a < b);
}

static sc_err *divide(struct sc_cparser *ps, enum sc_ctoken token, const char *at, struct sc_cop *a,
                      const struct sc_cop *b) {
    uint64_t quotient, x = a->number, y = b->number;
    if (!y && !ps->dead)
        return sc_scan_fail(&ps->scan, at, SC_ERR_ARG, "division by zero");
    bool left = a->t.is_signed && (int64_t)x < 0, right = a->t.is_signed && (int64_t)y < 0;
    x = left ? 0 - x : x;
    y = right ? 0 - y : y;
    quotient = y ? x / y : 0;
    if (token == SC_C_DIV)
        return sc_c_set_number(ps, a, a->type, left != right ? 0 - quotient : quotient);
    uint64_t rest = y ? x - quotient * y : 0;
    return sc_c_set_number(ps, a, a->type, left ? 0 - rest : rest);
}

static sc_err *integer_op(struct sc_cparser *ps, enum sc_ctoken token, const char *at,
                          struct sc_cop *a, const struct sc_cop *b) {
    uint64_t x = a->number, y = b->number;
    if (is_comparison(token))
        return sc_c_set_bool(ps, a, compare(token, order_of(x, y, a->t.is_signed)));
    switch (token) {
    case SC_C_DIV:
    case SC_C_MOD: return divide(ps, token, at, a, b);
    case SC_C_MUL: return sc_c_set_number(ps, a, a->type, x * y);
    case SC_C_ADD: return sc_c_set_number(ps, a, a->type, x + y);
    case SC_C_SUB: return sc_c_set_number(ps, a, a->type, x - y);
    case SC_C_AND: return sc_c_set_number(ps, a, a->type, x & y);
    case SC_C_XOR: return sc_c_set_number(ps, a, a->type, x ^ y);
    default: return sc_c_set_number(ps, a, a->type, x | y);
    }
}

static sc_err *real_op(struct sc_cparser *ps, enum sc_ctoken token, const char *at,
                       struct sc_cop *a, const struct sc_cop *b) {
    double x = a->real, y = b->real;
    switch (token) {
    case SC_C_MUL: return sc_c_set_real(ps, a, a->type, x * y);
    case SC_C_ADD: return sc_c_set_real(ps, a, a->type, x + y);
    case SC_C_SUB: return sc_c_set_real(ps, a, a->type, x - y);
    case SC_C_DIV:
        if (y == 0 && !ps->dead)
            return sc_scan_fail(&ps->scan, at, SC_ERR_ARG, "division by zero");
        return sc_c_set_real(ps, a, a->type, y == 0 ? 0 : x / y);
    case SC_C_LT: return sc_c_set_bool(ps, a, x < y); /* not by order: a NaN has none */
    case SC_C_LE: return sc_c_set_bool(ps, a, x <= y);
    case SC_C_GT: return sc_c_set_bool(ps, a, x > y);
    case SC_C_GE: return sc_c_set_bool(ps, a, x >= y);
    case SC_C_EQ: return sc_c_set_bool(ps, a, x == y);
    case SC_C_NE: return sc_c_set_bool(ps, a, x != y);
    default: return wrong_types(ps, at, a, b);
    }
}

static sc_err *shift(struct sc_cparser *ps, enum sc_ctoken token, const char *at, struct sc_cop *a,
                     struct sc_cop *b) {
    char name[SC_C_TYPE];
    sc_err *err = sc_c_promote(ps, a);
    if (!err)
        err = sc_c_promote(ps, b);
    if (!err && (sc_c_is_real(a) || sc_c_is_real(b)))
        err = wrong_types(ps, at, a, b);
    if (err)
        return err;
    uint64_t bits = a->t.size * 8, count = b->number, x = a->number;
    if (count >= bits && !ps->dead)
        return sc_scan_fail(&ps->scan, at, SC_ERR_ARG,
                            "%s has %u bits and cannot be shifted by %lld%s",
                            sc_c_type_name(ps, a->type, name), (unsigned)bits, (long long)count,
                            bits < 64 ? " (1i64 has 64 bits)" : "");
    count = count < bits ? count : 0;
    uint64_t fill = a->t.is_signed && x >> 63 && count ? ~(UINT64_MAX >> count) : 0;
    return sc_c_set_number(ps, a, a->type, token == SC_C_SHL ? x << count : x >> count | fill);
}

/* ---- pointers ---- */

/* Bytes of what a pointer points to. */
static sc_err *unit(struct sc_cparser *ps, const char *at, const struct sc_cop *op,
                    uint64_t *ret_size) {
    struct sc_type t;
    char name[SC_C_TYPE];
    sc_err *err = sc_c_type_of(ps, op->t.target, &t);
    if (err)
        return err;
    if (t.kind == SC_TYPE_FUNCTION || !t.size)
        return sc_scan_fail(&ps->scan, at, SC_ERR_ARG,
                            "%s points to nothing that has a size; cast it to char *",
                            sc_c_type_name(ps, op->type, name));
    *ret_size = t.size;
    return NULL;
}

/* POINTER + COUNT units. */
static sc_err *move(struct sc_cparser *ps, const char *at, const struct sc_cop *pointer,
                    struct sc_cop *count, bool back, struct sc_cop *ret) {
    uint64_t size;
    sc_err *err = unit(ps, at, pointer, &size);
    if (!err)
        err = sc_c_promote(ps, count);
    if (!err && sc_c_is_real(count))
        err = wrong_types(ps, at, pointer, count);
    if (err)
        return err;
    uint64_t bytes = count->number * size;
    struct sc_cop moved = {.at = ret->at};
    err = sc_c_set_number(ps, &moved, pointer->type,
                          back ? pointer->number - bytes : pointer->number + bytes);
    if (!err)
        *ret = moved;
    return err;
}

static sc_err *difference(struct sc_cparser *ps, const char *at, struct sc_cop *a,
                          const struct sc_cop *b) {
    uint64_t size, other;
    sc_err *err = unit(ps, at, a, &size);
    if (!err)
        err = unit(ps, at, b, &other);
    if (!err && size != other)
        err = wrong_types(ps, at, a, b);
    if (err)
        return err;
    bool wide = ps->env->ptr_size == 8;
    int64_t bytes = (int64_t)sc_c_fit(a->number - b->number, ps->env->ptr_size, true);
    return sc_c_set_number(ps, a, wide ? SC_CT_INT64 : SC_CT_INT,
                           (uint64_t)(bytes / (int64_t)(size > INT64_MAX ? INT64_MAX : size)));
}

/* A pointer with a pointer or an integer. */
static sc_err *compare_pointers(struct sc_cparser *ps, enum sc_ctoken token, struct sc_cop *a,
                                const struct sc_cop *b) {
    uint64_t x = sc_c_fit(a->number, ps->env->ptr_size, false);
    uint64_t y = sc_c_fit(b->number, ps->env->ptr_size, false);
    return sc_c_set_bool(ps, a, compare(token, order_of(x, y, false)));
}

static sc_err *pointer_op(struct sc_cparser *ps, enum sc_ctoken token, const char *at,
                          struct sc_cop *a, struct sc_cop *b) {
    bool left = sc_c_is_pointer(a), right = sc_c_is_pointer(b);
    const struct sc_cop *other = left ? b : a;
    bool integer = sc_ctypes_arithmetic(&other->t) || other->t.kind == SC_TYPE_ENUM;
    if (!(left && right) && (!integer || sc_c_is_real(other)))
        return wrong_types(ps, at, a, b);
    if (is_comparison(token))
        return compare_pointers(ps, token, a, b);
    if (token == SC_C_SUB && left && right)
        return difference(ps, at, a, b);
    if (token == SC_C_ADD && !(left && right))
        return move(ps, at, left ? a : b, left ? b : a, false, a);
    if (token == SC_C_SUB && left)
        return move(ps, at, a, b, true, a);
    return wrong_types(ps, at, a, b);
}

/* ---- all ---- */

sc_err *sc_c_binary_op(struct sc_cparser *ps, enum sc_ctoken token, const char *at,
                       struct sc_cop *a, struct sc_cop *b) {
    sc_err *err = sc_c_rvalue(ps, a);
    if (!err)
        err = sc_c_rvalue(ps, b);
    if (err)
        return err;
    if (sc_c_is_pointer(a) || sc_c_is_pointer(b))
        return pointer_op(ps, token, at, a, b);
    if (sc_c_is_aggregate(&a->t) || sc_c_is_aggregate(&b->t))
        return wrong_types(ps, at, a, b);
    if (token == SC_C_SHL || token == SC_C_SHR)
        return shift(ps, token, at, a, b);
    err = sc_c_usual(ps, a, b);
    if (err)
        return err;
    return sc_c_is_real(a) ? real_op(ps, token, at, a, b) : integer_op(ps, token, at, a, b);
}
