/* SPDX-License-Identifier: MIT */
/* Operands: numbers that fit their type, places in memory, and the numbers that lie there. */
#include <stdio.h>
#include <string.h>

#include "cexpr/parser.h"
#include "stopcode/out.h"

sc_space *sc_c_space(const struct sc_cparser *ps) {
    return ps->env->target ? sc_target_space(ps->env->target) : NULL;
}

sc_err *sc_c_type_of(struct sc_cparser *ps, uint32_t type, struct sc_type *ret_type) {
    return sc_type_of(ps->types, type ? type : SC_CT_UNKNOWN, ret_type);
}

const char *sc_c_type_name(struct sc_cparser *ps, uint32_t type, char *buf) {
    sc_err *err = sc_type_decl_text(ps->types, type, buf, SC_C_TYPE);
    if (err)
        snprintf(buf, SC_C_TYPE, "<unknown type>");
    sc_err_destroy(err);
    return buf;
}

sc_err *sc_c_size(struct sc_cparser *ps, const char *at, uint32_t type, uint64_t *ret_size) {
    struct sc_type t;
    char name[SC_C_TYPE];
    sc_err *err = sc_c_type_of(ps, type, &t);
    if (err)
        return err;
    bool has = t.kind != SC_TYPE_VOID && t.kind != SC_TYPE_FUNCTION && t.kind != SC_TYPE_UNKNOWN;
    if (!has || t.forward)
        return sc_scan_fail(&ps->scan, at, SC_ERR_ARG, "the size of %s is not known",
                            sc_c_type_name(ps, type, name));
    *ret_size = t.size;
    return NULL;
}

/* ---- values ---- */

uint64_t sc_c_fit(uint64_t number, uint64_t size, bool is_signed) {
    if (!size || size >= 8)
        return number;
    uint64_t mask = (UINT64_C(1) << size * 8) - 1;
    number &= mask;
    return is_signed && number >> (size * 8 - 1) ? number | ~mask : number;
}

/* A value of TYPE at the same place of the text. */
static sc_err *set_type(struct sc_cparser *ps, struct sc_cop *op, uint32_t type) {
    struct sc_type t;
    sc_err *err = sc_c_type_of(ps, type, &t);
    if (err)
        return err;
    *op = (struct sc_cop){.at = op->at, .type = type, .t = t};
    return NULL;
}

sc_err *sc_c_set_number(struct sc_cparser *ps, struct sc_cop *op, uint32_t type, uint64_t number) {
    sc_err *err = set_type(ps, op, type);
    if (!err)
        op->number = sc_c_fit(number, op->t.size, op->t.is_signed);
    if (!err && op->t.kind == SC_TYPE_BOOL)
        op->number = number != 0;
    return err;
}

sc_err *sc_c_set_real(struct sc_cparser *ps, struct sc_cop *op, uint32_t type, double real) {
    sc_err *err = set_type(ps, op, type);
    if (!err)
        op->real = op->t.size == 4 ? (double)(float)real : real;
    return err;
}

sc_err *sc_c_set_bool(struct sc_cparser *ps, struct sc_cop *op, bool value) {
    return sc_c_set_number(ps, op, SC_CT_BOOL, value);
}

/* ---- places ---- */

static sc_err *unreadable(struct sc_cparser *ps, const struct sc_cop *op, enum sc_read status) {
    char text[SC_ADDR_BUF], why[SC_WHY_TEXT];
    if (!op->place.space)
        return sc_scan_fail(&ps->scan, op->at, SC_ERR_MEMORY,
                            "memory cannot be read without a target");
    sc_addr_text(op->place.address, ps->env->ptr_size, text);
    sc_err *err = sc_err_mem(op->place.address, "memory at %s: %s", text,
                             sc_space_why(op->place.space, op->place.address, status, why));
    return sc_scan_prefix(&ps->scan, op->at, err);
}

static sc_err *read_number(struct sc_cparser *ps, const struct sc_cop *op, uint64_t *ret) {
    enum sc_read status = SC_READ_INVALID;
    int64_t i = 0;
    if (ps->dead) {
        *ret = 0;
        return NULL;
    }
    sc_err *err = op->t.is_signed ? sc_value_int(&op->place, &i, &status)
                                  : sc_value_uint(&op->place, ret, &status);
    if (err)
        return sc_scan_prefix(&ps->scan, op->at, err);
    if (status != SC_READ_OK)
        return unreadable(ps, op, status);
    if (op->t.is_signed)
        *ret = (uint64_t)i;
    return NULL;
}

sc_err *sc_c_set_place(struct sc_cparser *ps, struct sc_cop *op, const struct sc_value *place) {
    struct sc_value v = *place;
    for (unsigned i = 0;; i++) {
        sc_err *err = set_type(ps, op, v.type);
        if (err)
            return err;
        op->is_place = true;
        op->place = v;
        if (op->t.kind != SC_TYPE_POINTER || !op->t.is_reference)
            return NULL;
        if (i == SC_C_LEVELS)
            return sc_scan_fail(&ps->scan, op->at, SC_ERR_LIMIT, "references lead in a circle");
        uint64_t to;
        err = read_number(ps, op, &to);
        if (err)
            return err;
        v = sc_value_at(sc_c_space(ps), ps->types, op->t.target, to);
    }
}

static sc_err *read_real(struct sc_cparser *ps, struct sc_cop *op) {
    uint64_t raw = 0;
    enum sc_read status = SC_READ_OK;
    uint32_t narrow;
    float f;
    double d;
    if (!ps->dead)
        status = op->place.space
                     ? sc_space_uint(op->place.space, op->place.address, (unsigned)op->t.size, &raw)
                     : SC_READ_INVALID;
    if (status != SC_READ_OK)
        return unreadable(ps, op, status);
    narrow = (uint32_t)raw;
    memcpy(&f, &narrow, sizeof f);
    memcpy(&d, &raw, sizeof d);
    return sc_c_set_real(ps, op, op->type, op->t.size == 4 ? (double)f : d);
}

static sc_err *no_value(struct sc_cparser *ps, const struct sc_cop *op) {
    char name[SC_C_TYPE];
    if (op->t.kind == SC_TYPE_UNKNOWN)
        return sc_scan_fail(&ps->scan, op->at, SC_ERR_ARG,
                            "the symbols do not say of what type this is: "
                            "*(type *)&name reads it as one");
    return sc_scan_fail(&ps->scan, op->at, SC_ERR_UNSUPPORTED,
                        "values of type %s cannot be computed with",
                        sc_c_type_name(ps, op->type, name));
}

/* An array becomes a pointer to its first element, a function one to itself. */
static sc_err *decay(struct sc_cparser *ps, struct sc_cop *op) {
    uint32_t to = op->t.kind == SC_TYPE_ARRAY ? op->t.target : op->type, pointer;
    if (op->bytes)
        return sc_scan_fail(&ps->scan, op->at, SC_ERR_ARG,
                            "a string has no address in the dump: only its size and its "
                            "characters can be asked for");
    bool elsewhere = op->is_place && op->place.space != sc_c_space(ps);
    if (elsewhere && !ps->dead && op->place.space)
        return sc_scan_fail(&ps->scan, op->at, SC_ERR_ARG,
                            "this is in registers: it has no address");
    sc_err *err = sc_ctypes_pointer(ps->types, to ? to : SC_CT_UNKNOWN, false, &pointer);
    return err ? err : sc_c_set_number(ps, op, pointer, op->place.address);
}

sc_err *sc_c_rvalue(struct sc_cparser *ps, struct sc_cop *op) {
    uint64_t number;
    if (op->t.kind == SC_TYPE_ARRAY || (op->t.kind == SC_TYPE_FUNCTION && op->is_place))
        return decay(ps, op);
    if (!op->is_place || sc_c_is_aggregate(&op->t) || op->t.kind == SC_TYPE_VOID)
        return NULL;
    if (sc_ctypes_arithmetic(&op->t) >= SC_CT_FLOAT)
        return read_real(ps, op);
    bool number_like =
        sc_ctypes_arithmetic(&op->t) || op->t.kind == SC_TYPE_POINTER || op->t.kind == SC_TYPE_ENUM;
    if (!number_like)
        return no_value(ps, op);
    bool bits = op->place.bit_len;
    sc_err *err = read_number(ps, op, &number);
    if (err)
        return err;
    uint8_t len = op->place.bit_len;
    err = sc_c_set_number(ps, op, op->type, number);
    if (bits)
        op->place.bit_len = len; /* it is promoted by its width */
    return err;
}
