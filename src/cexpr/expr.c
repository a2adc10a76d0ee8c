/* SPDX-License-Identifier: MIT */
/*
 * C++ expressions, as WinDbg has them: operators with two and three operands, and the way in.
 *
 *     binds     operators
 *     tightest  a.b  a->b  a[b]  a++  a--  T(a)  static_cast<T>(a)   unary.c, name.c
 *               (T)a  sizeof  ++a  --a  ~a  !a  -a  +a  &a  *a        unary.c
 *               a * b   a / b   a % b
 *               a + b   a - b
 *               a << b  a >> b
 *               a < b   a <= b   a > b   a >= b
 *               a == b  a != b
 *               a & b
 *               a ^ b
 *               a | b
 *               a && b                      b is not evaluated when a says enough
 *               a || b
 *               a ? b : c   a = b   a += b …      from right to left; the branch not taken is not
 *     loosest   a , b                                                           evaluated
 *
 * Comparisons, !, && and || are bool. Source: WinDbg's manual, "C++ Numbers and Operators", and
 * C++. What differs: assignment goes to $t0 … $t19 only, since a dump is not written to; pointers
 * may be compared with integers, and mixed in ?: with any. Functions are not called; new, delete,
 * throw and pointers to members are refused.
 *
 * The evaluator computes while it reads: there is no tree. The depth of its recursion is bounded by
 * SC_EXPR_DEPTH. Operands have their types even where they are not evaluated.
 */
#include "cexpr/parser.h"

#include <string.h>

/* ---- binary operators ---- */

static const struct level {
    enum sc_ctoken first, last;
} levels[] = {
    /* 0 = loosest */
    {SC_C_OROR, SC_C_OROR}, {SC_C_ANDAND, SC_C_ANDAND}, {SC_C_OR, SC_C_OR}, {SC_C_XOR, SC_C_XOR},
    {SC_C_AND, SC_C_AND},   {SC_C_EQ, SC_C_NE},         {SC_C_LT, SC_C_GE}, {SC_C_SHL, SC_C_SHR},
    {SC_C_ADD, SC_C_SUB},   {SC_C_MUL, SC_C_MOD},
};
enum { LEVELS = sizeof levels / sizeof *levels };

static unsigned level_of(enum sc_ctoken token) {
    for (unsigned i = 0; i < LEVELS; i++)
        if (token >= levels[i].first && token <= levels[i].last)
            return i;
    return LEVELS;
}

static sc_err *binary(struct sc_cparser *ps, unsigned level, struct sc_cop *op);

/* && and ||: the right side counts only when the left one leaves it open. */
static sc_err *logical(struct sc_cparser *ps, enum sc_ctoken token, unsigned level,
                       struct sc_cop *op) {
    bool left, right;
    struct sc_cop b;
    sc_err *err = sc_c_truth(ps, op, &left);
    if (err)
        return err;
    bool decided = left == (token == SC_C_OROR);
    ps->dead += decided;
    err = binary(ps, level + 1, &b);
    if (!err)
        err = sc_c_truth(ps, &b, &right);
    ps->dead -= decided;
    if (err)
        return err;
    return sc_c_set_bool(ps, op, token == SC_C_OROR ? left || right : left && right);
}

static sc_err *binary(struct sc_cparser *ps, unsigned level, struct sc_cop *op) {
    sc_err *err = sc_c_unary(ps, op);
    while (!err) {
        enum sc_ctoken token = sc_c_peek(ps);
        unsigned at_level = level_of(token);
        const char *at = ps->scan.p, *start = op->at;
        struct sc_cop b;
        if (at_level == LEVELS || at_level < level)
            return NULL;
        sc_c_skip(ps, token);
        if (token == SC_C_ANDAND || token == SC_C_OROR) {
            err = logical(ps, token, at_level, op);
        } else {
            err = binary(ps, at_level + 1, &b);
            if (!err)
                err = sc_c_binary_op(ps, token, at, op, &b);
        }
        op->at = start;
        op->var[0] = 0;
    }
    return err;
}

/* ---- ?: ---- */

/* Both branches to their common type. */
static sc_err *unite(struct sc_cparser *ps, const char *at, struct sc_cop *a, struct sc_cop *b) {
    char left[SC_C_TYPE], right[SC_C_TYPE];
    if (a->type == b->type && sc_c_is_aggregate(&a->t))
        return NULL;
    sc_err *err = sc_c_rvalue(ps, a);
    if (!err)
        err = sc_c_rvalue(ps, b);
    if (err || a->type == b->type)
        return err;
    if (sc_c_is_pointer(a) && !sc_c_is_aggregate(&b->t) && !sc_c_is_real(b))
        return sc_c_cast(ps, b, a->type, false);
    if (sc_c_is_pointer(b) && !sc_c_is_aggregate(&a->t) && !sc_c_is_real(a))
        return sc_c_cast(ps, a, b->type, false);
    if (sc_c_is_aggregate(&a->t) || sc_c_is_aggregate(&b->t) || a->t.kind == SC_TYPE_VOID ||
        b->t.kind == SC_TYPE_VOID)
        return sc_scan_fail(&ps->scan, at, SC_ERR_ARG, "%.90s and %.90s have no common type",
                            sc_c_type_name(ps, a->type, left), sc_c_type_name(ps, b->type, right));
    return sc_c_usual(ps, a, b);
}

static sc_err *conditional(struct sc_cparser *ps, struct sc_cop *op) {
    bool truth;
    struct sc_cop a, b;
    sc_err *err = binary(ps, 0, op);
    if (err || sc_c_peek(ps) != SC_C_QUESTION)
        return err;
    const char *at = ps->scan.p, *start = op->at;
    sc_c_skip(ps, SC_C_QUESTION);
    err = sc_c_truth(ps, op, &truth);
    if (!err)
        err = sc_deeper(&ps->scan, at);
    if (err)
        return err;
    ps->dead += !truth;
    err = sc_c_expression(ps, &a);
    if (!err && !truth)
        err = sc_c_rvalue(ps, &a); /* now, while nothing is read for it */
    ps->dead -= !truth;
    if (!err)
        err = sc_c_need(ps, SC_C_COLON, "an operator or ':'");
    ps->dead += truth;
    if (!err)
        err = sc_c_assignment(ps, &b);
    if (!err && truth)
        err = sc_c_rvalue(ps, &b);
    ps->dead -= truth;
    ps->scan.depth--;
    if (!err)
        err = unite(ps, at, &a, &b);
    if (err)
        return err;
    *op = truth ? a : b;
    op->at = start;
    op->var[0] = 0;
    return NULL;
}

/* ---- assignment ---- */

sc_err *sc_c_store(struct sc_cparser *ps, struct sc_cop *op, const char *at, uint64_t number) {
    if (op->is_place)
        return sc_scan_fail(&ps->scan, at, SC_ERR_ARG,
                            "a dump is not written to: only $t0 to $t19 can be set");
    if (!op->var[0])
        return sc_scan_fail(&ps->scan, at, SC_ERR_ARG,
                            "only the pseudo-registers $t0 to $t19 can be set");
    char var[sizeof op->var];
    memcpy(var, op->var, sizeof var);
    sc_err *err = ps->dead ? NULL : ps->env->set(ps->env->ctx, var, number);
    if (err)
        return sc_scan_prefix(&ps->scan, at, err);
    err = sc_c_set_number(ps, op, SC_CT_UINT64, number);
    memcpy(op->var, var, sizeof var);
    return err;
}

/* The operator that `op=` computes with; SC_C_NONE for plain assignment. */
static enum sc_ctoken operator_of(enum sc_ctoken token) {
    if (token == SC_C_ASSIGN)
        return SC_C_NONE;
    return token >= SC_C_ASSIGN_AND ? token - SC_C_ASSIGN_AND + SC_C_AND
                                    : token - SC_C_ASSIGN_MUL + SC_C_MUL;
}

static sc_err *assign(struct sc_cparser *ps, struct sc_cop *op, enum sc_ctoken token,
                      const char *at) {
    struct sc_cop value = *op, right;
    enum sc_ctoken operator= operator_of(token);
    sc_err *err = sc_c_assignment(ps, &right);
    if (!err && (op->is_place || !op->var[0]))
        return sc_c_store(ps, op, at, 0);
    if (!err && operator)
        err = sc_c_binary_op(ps, operator, at, &value, &right);
    if (!err && !operator)
        value = right;
    if (!err)
        err = sc_c_cast(ps, &value, SC_CT_UINT64, true);
    return err ? err : sc_c_store(ps, op, at, value.number);
}

sc_err *sc_c_assignment(struct sc_cparser *ps, struct sc_cop *op) {
    sc_err *err = conditional(ps, op);
    if (err)
        return err;
    enum sc_ctoken token = sc_c_peek(ps);
    const char *at = ps->scan.p, *start = op->at;
    if (token < SC_C_ASSIGN || token > SC_C_ASSIGN_OR)
        return NULL;
    err = sc_deeper(&ps->scan, at);
    if (err)
        return err;
    sc_c_skip(ps, token);
    err = assign(ps, op, token, at);
    ps->scan.depth--;
    op->at = start;
    return err;
}

sc_err *sc_c_expression(struct sc_cparser *ps, struct sc_cop *op) {
    sc_err *err = sc_c_assignment(ps, op);
    while (!err && sc_c_take(ps, SC_C_COMMA)) {
        err = sc_c_rvalue(ps, op);
        if (!err)
            err = sc_c_assignment(ps, op);
    }
    return err;
}

/* ---- the way in ---- */

static sc_err *parse(struct sc_cparser *ps, const struct sc_cexpr_env *env, const char *text,
                     struct sc_cop *ret_op) {
    static const struct sc_expr_env no_masm = {.radix = 10, .ptr_size = 8};
    ps->scan.env = &no_masm;
    ps->scan.text = env->origin ? env->origin : text;
    ps->scan.p = ps->scan.done = text;
    ps->scan.end = text + strlen(text);
    ps->scan.depth = env->depth;
    ps->env = env;
    ps->dead = 0;
    sc_err *err = sc_ctypes_create(env->ptr_size, &ps->types);
    return err ? err : sc_c_expression(ps, ret_op);
}

/* Behind the last thing that was read, blanks and comments left out. */
static sc_err *finish(struct sc_cparser *ps, const char **ret_end) {
    const char *done = ps->scan.done;
    sc_c_blanks(ps);
    if (ps->scan.p < ps->scan.end && !ret_end)
        return sc_scan_expected(&ps->scan, "an operator or the end");
    if (ret_end)
        *ret_end = done;
    return NULL;
}

void sc_cexpr_value_deinit(struct sc_cexpr_value *value) {
    sc_symbols_unref(value->types);
    value->types = NULL;
}

sc_err *sc_cexpr_eval(const struct sc_cexpr_env *env, const char *text,
                      struct sc_cexpr_value *ret_value) {
    struct sc_cparser ps = {.types = NULL};
    struct sc_cop op;
    sc_err *err = parse(&ps, env, text, &op);
    if (!err)
        err = finish(&ps, NULL);
    struct sc_value place = err ? (struct sc_value){.type = 0} : op.place;
    bool has_place = !err && op.is_place;
    bool array = !err && op.t.kind == SC_TYPE_ARRAY;
    if (!err && !array)
        err = sc_c_rvalue(&ps, &op);
    if (err) {
        sc_symbols_unref(ps.types);
        return err;
    }
    *ret_value = (struct sc_cexpr_value){.types = ps.types,
                                         .type = op.type,
                                         .has_place = has_place,
                                         .place = place,
                                         .number = op.number,
                                         .real = op.real,
                                         .bytes = op.bytes};
    return NULL;
}

sc_err *sc_cexpr_number(const struct sc_cexpr_env *env, const char *text, uint64_t *ret_number,
                        const char **ret_end) {
    struct sc_cparser ps = {.types = NULL};
    struct sc_cop op;
    char name[SC_C_TYPE];
    const char *end = NULL;
    sc_err *err = parse(&ps, env, text, &op);
    if (!err)
        err = finish(&ps, ret_end ? &end : NULL);
    if (!err)
        err = sc_c_rvalue(&ps, &op);
    bool pointer = !err && sc_c_is_pointer(&op);
    if (!err && !pointer &&
        (sc_c_is_real(&op) || !(sc_ctypes_arithmetic(&op.t) || op.t.kind == SC_TYPE_ENUM)))
        err = sc_scan_fail(&ps.scan, op.at, SC_ERR_ARG, "a number or pointer expected, found %s",
                           sc_c_type_name(&ps, op.type, name));
    sc_symbols_unref(ps.types);
    if (err)
        return err;
    *ret_number = pointer ? sc_c_fit(op.number, env->ptr_size, true) : op.number;
    if (ret_end)
        *ret_end = end;
    return NULL;
}
