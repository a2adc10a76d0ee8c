/* SPDX-License-Identifier: MIT */
/*
 * Conversions: integer promotion, the usual arithmetic conversions of C++ (int and long have 32
 * bits), and casts. A cast is "always performed", as WinDbg's manual says: pointers, integers and
 * enumerations become each other. A floating point number that its integer type cannot hold is an
 * error, since what C would make of it is not defined.
 */
#include "cexpr/parser.h"

#include <string.h>

bool sc_c_is_real(const struct sc_cop *op) { return sc_ctypes_arithmetic(&op->t) >= SC_CT_FLOAT; }

bool sc_c_is_pointer(const struct sc_cop *op) { return op->t.kind == SC_TYPE_POINTER; }

bool sc_c_is_aggregate(const struct sc_type *t) {
    return t->kind == SC_TYPE_STRUCT || t->kind == SC_TYPE_CLASS || t->kind == SC_TYPE_UNION;
}

static bool is_scalar(const struct sc_type *t) {
    return sc_ctypes_arithmetic(t) || t->kind == SC_TYPE_POINTER || t->kind == SC_TYPE_ENUM;
}

/* ---- promotion ---- */

/* What a bit field of WIDTH bits becomes; 0: nothing else than it was declared as. */
static unsigned promoted_bits(unsigned width, bool is_signed) {
    if (width < 32 || (width == 32 && is_signed))
        return SC_CT_INT;
    return width == 32 ? SC_CT_UINT : 0;
}

static unsigned promoted(const struct sc_cop *op) {
    unsigned type = sc_ctypes_arithmetic(&op->t);
    bool is_signed = op->t.is_signed;
    if (op->place.bit_len && promoted_bits(op->place.bit_len, is_signed))
        return promoted_bits(op->place.bit_len, is_signed);
    if (op->t.kind == SC_TYPE_ENUM) {
        if (op->t.size == 8)
            return is_signed ? SC_CT_INT64 : SC_CT_UINT64;
        return is_signed || op->t.size < 4 ? SC_CT_INT : SC_CT_UINT;
    }
    if (type == SC_CT_CHAR32)
        return SC_CT_UINT;
    return type && type < SC_CT_INT ? (unsigned)SC_CT_INT : type;
}

static sc_err *not_a_number(struct sc_cparser *ps, const struct sc_cop *op, const char *hint) {
    char name[SC_C_TYPE];
    return sc_scan_fail(&ps->scan, op->at, SC_ERR_ARG, "a number expected, found %s%s",
                        sc_c_type_name(ps, op->type, name), hint);
}

sc_err *sc_c_promote(struct sc_cparser *ps, struct sc_cop *op) {
    sc_err *err = sc_c_rvalue(ps, op);
    if (err)
        return err;
    unsigned type = promoted(op);
    if (!type)
        return not_a_number(ps, op, sc_c_is_pointer(op) ? " (a cast makes it one)" : "");
    if (type >= SC_CT_FLOAT)
        return NULL;
    return type == sc_ctypes_arithmetic(&op->t) ? NULL : sc_c_set_number(ps, op, type, op->number);
}

/* ---- the usual conversions ---- */

static bool is_unsigned(unsigned type) {
    return type == SC_CT_UINT || type == SC_CT_ULONG || type == SC_CT_UINT64;
}

/* INT 0, LONG 1, INT64 2: of both kinds. */
static unsigned rank(unsigned type) { return (type - SC_CT_INT) / 2; }

static unsigned common(unsigned a, unsigned b) {
    if (a >= SC_CT_FLOAT || b >= SC_CT_FLOAT)
        return a > b ? a : b;
    if (is_unsigned(a) == is_unsigned(b))
        return a > b ? a : b;
    unsigned u = is_unsigned(a) ? a : b, s = is_unsigned(a) ? b : a;
    if (rank(u) >= rank(s))
        return u;
    /* int64 holds all that the smaller ones do; long does not hold an unsigned int. */
    return s == SC_CT_INT64 ? s : s + 1;
}

static sc_err *to_arithmetic(struct sc_cparser *ps, struct sc_cop *op, unsigned type) {
    return sc_ctypes_arithmetic(&op->t) == type ? NULL : sc_c_cast(ps, op, type, true);
}

sc_err *sc_c_usual(struct sc_cparser *ps, struct sc_cop *a, struct sc_cop *b) {
    sc_err *err = sc_c_promote(ps, a);
    if (!err)
        err = sc_c_promote(ps, b);
    if (err)
        return err;
    unsigned type = common(sc_ctypes_arithmetic(&a->t), sc_ctypes_arithmetic(&b->t));
    err = to_arithmetic(ps, a, type);
    return err ? err : to_arithmetic(ps, b, type);
}

sc_err *sc_c_truth(struct sc_cparser *ps, struct sc_cop *op, bool *ret_true) {
    sc_err *err = sc_c_rvalue(ps, op);
    if (err)
        return err;
    if (!is_scalar(&op->t))
        return not_a_number(ps, op, "");
    *ret_true = sc_c_is_real(op) ? op->real != 0 : op->number != 0;
    return NULL;
}

/* ---- casts ---- */

/* A floating point number as an integer of TYPE, towards zero. */
static sc_err *truncate_real(struct sc_cparser *ps, struct sc_cop *op, uint32_t type,
                             const struct sc_type *t) {
    double limit = t->is_signed ? 9223372036854775808.0 : 18446744073709551616.0;
    double real = ps->dead ? 0 : op->real;
    char name[SC_C_TYPE];
    bool fits = real < limit && real > (t->is_signed ? -limit - 1025 : -1.0);
    uint64_t number = 0;
    if (fits)
        number = real < 0 ? (uint64_t)(int64_t)real : (uint64_t)real;
    if (!fits || sc_c_fit(number, t->size, t->is_signed) != number)
        return sc_scan_fail(&ps->scan, op->at, SC_ERR_ARG, "the number does not fit %s",
                            sc_c_type_name(ps, type, name));
    return sc_c_set_number(ps, op, type, number);
}

static sc_err *to_real(struct sc_cparser *ps, struct sc_cop *op, uint32_t type, uint64_t size) {
    double real = op->real;
    bool is_signed = op->t.is_signed;
    if (sc_c_is_real(op))
        return sc_c_set_real(ps, op, type, real);
    if (size == 4) /* rounded once */
        real = is_signed ? (double)(float)(int64_t)op->number : (double)(float)op->number;
    else
        real = is_signed ? (double)(int64_t)op->number : (double)op->number;
    return sc_c_set_real(ps, op, type, real);
}

/* The address of a base in its derived object, and the other way round. */
static sc_err *related(struct sc_cparser *ps, const struct sc_cop *op, const struct sc_type *to,
                       uint64_t *number) {
    uint64_t offset = 0;
    bool found = false;
    if (!op->number || !op->t.target || !to->target)
        return NULL;
    sc_err *err = sc_c_base_offset(ps, op->t.target, to->target, &offset, &found);
    if (!err && found)
        *number += offset;
    if (err || found)
        return err;
    err = sc_c_base_offset(ps, to->target, op->t.target, &offset, &found);
    if (!err && found)
        *number -= offset;
    return err;
}

static sc_err *to_scalar(struct sc_cparser *ps, struct sc_cop *op, uint32_t type,
                         const struct sc_type *t, bool reinterpret) {
    char name[SC_C_TYPE];
    sc_err *err = sc_c_rvalue(ps, op);
    if (err)
        return err;
    if (!is_scalar(&op->t) || (sc_c_is_real(op) && t->kind == SC_TYPE_POINTER))
        return sc_scan_fail(&ps->scan, op->at, SC_ERR_ARG, "%s cannot become a number or pointer",
                            sc_c_type_name(ps, op->type, name));
    if (sc_ctypes_arithmetic(t) >= SC_CT_FLOAT) {
        if (sc_c_is_pointer(op))
            return not_a_number(ps, op, "");
        return to_real(ps, op, type, t->size);
    }
    if (sc_c_is_real(op) && t->kind == SC_TYPE_BOOL)
        return sc_c_set_number(ps, op, type, op->real != 0);
    if (sc_c_is_real(op))
        return truncate_real(ps, op, type, t);
    uint64_t number = op->number;
    if (sc_c_is_pointer(op) && t->kind == SC_TYPE_POINTER && !reinterpret)
        err = related(ps, op, t, &number);
    return err ? err : sc_c_set_number(ps, op, type, number);
}

static bool same_type(const struct sc_type *a, const struct sc_type *b) {
    return a->id == b->id || (a->kind == b->kind && a->size == b->size && a->name && b->name &&
                              a->name[0] && !strcmp(a->name, b->name));
}

sc_err *sc_c_cast(struct sc_cparser *ps, struct sc_cop *op, uint32_t type, bool reinterpret) {
    struct sc_type t;
    char name[SC_C_TYPE];
    sc_err *err = sc_c_type_of(ps, type, &t);
    if (err)
        return err;
    if (t.kind == SC_TYPE_POINTER && t.is_reference) {
        if (!op->is_place)
            return sc_scan_fail(&ps->scan, op->at, SC_ERR_ARG,
                                "only what lies in memory can be referred to");
        struct sc_value v = op->place;
        v.type = t.target;
        v.bit_len = v.bit_pos = 0;
        return sc_c_set_place(ps, op, &v);
    }
    if (t.kind == SC_TYPE_VOID)
        return sc_c_set_number(ps, op, type, 0);
    if (sc_c_is_aggregate(&t) && same_type(&t, &op->t))
        return NULL;
    if (!is_scalar(&t))
        return sc_scan_fail(&ps->scan, op->at, SC_ERR_ARG,
                            "nothing can be cast to %s; *(type *)&name reads memory as one",
                            sc_c_type_name(ps, type, name));
    return to_scalar(ps, op, type, &t, reinterpret);
}
