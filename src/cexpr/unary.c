/* SPDX-License-Identifier: MIT */
/*
 * Prefix operators, casts, and what stands behind a term: `.` `->` `[ ]` `++` `--`.
 *
 * A parenthesis that a type stands in is a cast. What is not evaluated (sizeof, the branch that is
 * not taken) has its type only: nothing is read for it.
 */
#include "cexpr/parser.h"

#include <string.h>

/* ---- terms ---- */

static sc_err *no_term(struct sc_cparser *ps) {
    if (sc_c_blanks(ps) == '/' && ps->scan.p[1] == '*')
        return sc_scan_fail(&ps->scan, ps->scan.p, SC_ERR_ARG, "the comment does not end");
    return sc_scan_expected(&ps->scan, "a number or name");
}

static sc_err *parenthesised(struct sc_cparser *ps, struct sc_cop *op) {
    const char *open = ps->scan.p, *at = op->at;
    sc_c_skip(ps, SC_C_OPEN);
    sc_err *err = sc_c_expression(ps, op);
    op->at = at;
    return err ? err : sc_c_close(ps, SC_C_CLOSE, open);
}

static sc_err *term(struct sc_cparser *ps, struct sc_cop *op) {
    sc_err *err = NULL;
    enum sc_ctoken token = sc_c_peek(ps);
    op->at = ps->scan.p;
    if (sc_c_literal(ps, op, &err))
        return err;
    switch (token) {
    case SC_C_OPEN: return parenthesised(ps, op);
    case SC_C_AT:
    case SC_C_ATAT: return sc_c_at(ps, op);
    case SC_C_HASH: return sc_c_hash(ps, op);
    case SC_C_SCOPE: return sc_c_name(ps, op);
    default: break;
    }
    return sc_c_is_first(sc_c_blanks(ps)) ? sc_c_name(ps, op) : no_term(ps);
}

/* ---- postfix ---- */

/* The name of a member, which may be qualified with a base class. */
static sc_err *member_name(struct sc_cparser *ps, char name[SC_C_FIELD]) {
    size_t n = 0;
    do {
        sc_c_blanks(ps);
        sc_err *err = sc_c_plain_name(ps, name + n, SC_C_FIELD - n);
        if (!err && !name[n])
            err = sc_scan_expected(&ps->scan, "the name of a member");
        if (err)
            return err;
        n = strlen(name);
        if (sc_c_peek(ps) != SC_C_SCOPE)
            return NULL;
        sc_c_skip(ps, SC_C_SCOPE);
        if (n + 3 < SC_C_FIELD)
            strcpy(name + n, "::");
        n += 2;
    } while (n + 2 < SC_C_FIELD);
    return sc_scan_fail(&ps->scan, ps->scan.p, SC_ERR_LIMIT, "the name is too long");
}

static sc_err *arrow_on_structure(struct sc_cparser *ps, const struct sc_cop *op, const char *at) {
    char name[SC_C_TYPE];
    return sc_scan_fail(&ps->scan, at, SC_ERR_ARG, "%s is no pointer; . looks at its members",
                        sc_c_type_name(ps, op->type, name));
}

static sc_err *member(struct sc_cparser *ps, struct sc_cop *op, enum sc_ctoken token) {
    char name[SC_C_FIELD];
    const char *at = ps->scan.p;
    sc_err *err = NULL;
    sc_c_skip(ps, token);
    if (token == SC_C_ARROW && sc_c_is_aggregate(&op->t))
        return arrow_on_structure(ps, op, at);
    if (token == SC_C_ARROW)
        err = sc_c_deref(ps, op, at);
    if (err)
        return err;
    sc_c_blanks(ps);
    at = ps->scan.p;
    err = member_name(ps, name);
    return err ? err : sc_c_member(ps, op, at, name);
}

static sc_err *element(struct sc_cparser *ps, struct sc_cop *op) {
    const char *open = ps->scan.p;
    struct sc_cop index = {.at = open};
    sc_c_skip(ps, SC_C_OPEN_INDEX);
    sc_err *err = sc_c_expression(ps, &index);
    if (!err)
        err = sc_c_close(ps, SC_C_CLOSE_INDEX, open);
    return err ? err : sc_c_index(ps, op, &index, open);
}

/* ++ and --: of pseudo-registers only. BEFORE: the new value is the expression's. */
static sc_err *step(struct sc_cparser *ps, struct sc_cop *op, enum sc_ctoken token, const char *at,
                    bool before) {
    uint64_t number = token == SC_C_INC ? op->number + 1 : op->number - 1;
    struct sc_cop old = *op;
    sc_err *err = sc_c_store(ps, op, at, number);
    if (!err && !before) {
        old.var[0] = 0;
        *op = old;
    }
    return err;
}

/* What is refused behind a term, with the reason. */
static sc_err *refused(struct sc_cparser *ps, enum sc_ctoken token) {
    if (token == SC_C_OPEN)
        return sc_scan_fail(&ps->scan, ps->scan.p, SC_ERR_UNSUPPORTED,
                            "functions cannot be called in a dump");
    return sc_scan_fail(&ps->scan, ps->scan.p, SC_ERR_UNSUPPORTED,
                        "pointers to members are not supported");
}

static sc_err *postfix(struct sc_cparser *ps, struct sc_cop *op) {
    sc_err *err = term(ps, op);
    while (!err) {
        enum sc_ctoken token = sc_c_peek(ps);
        const char *at = ps->scan.p;
        switch (token) {
        case SC_C_DOT:
        case SC_C_ARROW: err = member(ps, op, token); break;
        case SC_C_OPEN_INDEX: err = element(ps, op); break;
        case SC_C_INC:
        case SC_C_DEC:
            sc_c_skip(ps, token);
            err = step(ps, op, token, at, false);
            break;
        case SC_C_OPEN:
        case SC_C_DOT_STAR:
        case SC_C_ARROW_STAR: return refused(ps, token);
        default: return NULL;
        }
    }
    return err;
}

/* ---- prefix ---- */

/* `(type)` in front of an operand: false, with nothing moved, when it is none. */
static bool cast_type(struct sc_cparser *ps, uint32_t *ret_type, sc_err **ret_err) {
    struct sc_cmark mark = sc_c_mark(ps);
    bool found = false;
    sc_c_skip(ps, SC_C_OPEN);
    *ret_err = sc_c_type_id(ps, ret_type, &found);
    if (*ret_err)
        return true;
    if (found && sc_c_take(ps, SC_C_CLOSE))
        return true;
    sc_c_reset(ps, mark);
    return false;
}

static sc_err *size_of(struct sc_cparser *ps, struct sc_cop *op) {
    uint32_t type = 0;
    uint64_t size = 0;
    sc_err *err = NULL;
    const char *at = op->at;
    bool is_type = sc_c_peek(ps) == SC_C_OPEN && cast_type(ps, &type, &err);
    if (!is_type) {
        ps->dead++;
        err = sc_c_unary(ps, op);
        ps->dead--;
        type = op->type;
        if (!err && op->place.bit_len && op->is_place)
            err = sc_scan_fail(&ps->scan, op->at, SC_ERR_ARG, "a bit field has no size in bytes");
    }
    op->at = at;
    if (!err)
        err = sc_c_size(ps, at, type, &size);
    if (err)
        return err;
    return sc_c_set_number(ps, op, ps->env->ptr_size == 8 ? SC_CT_UINT64 : SC_CT_UINT, size);
}

/* + - ~ of a promoted number; + of a pointer. */
static sc_err *arithmetic(struct sc_cparser *ps, struct sc_cop *op, enum sc_ctoken token,
                          const char *at) {
    sc_err *err = sc_c_rvalue(ps, op);
    if (!err && token == SC_C_ADD && sc_c_is_pointer(op))
        return NULL;
    if (!err)
        err = sc_c_promote(ps, op);
    if (err)
        return err;
    op->var[0] = 0;
    if (sc_c_is_real(op) && token == SC_C_TILDE)
        return sc_scan_fail(&ps->scan, at, SC_ERR_ARG, "~ wants an integer");
    if (sc_c_is_real(op))
        return token == SC_C_SUB ? sc_c_set_real(ps, op, op->type, -op->real) : NULL;
    uint64_t n = op->number;
    if (token != SC_C_ADD)
        n = token == SC_C_SUB ? 0 - n : ~n;
    return sc_c_set_number(ps, op, op->type, n);
}

static sc_err *apply(struct sc_cparser *ps, struct sc_cop *op, enum sc_ctoken token,
                     const char *at) {
    bool truth = false;
    sc_err *err = NULL;
    switch (token) {
    case SC_C_MUL: return sc_c_deref(ps, op, at);
    case SC_C_AND: return sc_c_address(ps, op, at);
    case SC_C_NOT:
        err = sc_c_truth(ps, op, &truth);
        return err ? err : sc_c_set_bool(ps, op, !truth);
    case SC_C_INC:
    case SC_C_DEC: return step(ps, op, token, at, true);
    default: return arithmetic(ps, op, token, at);
    }
}

static bool is_prefix(enum sc_ctoken token) {
    return token == SC_C_ADD || token == SC_C_SUB || token == SC_C_TILDE || token == SC_C_NOT ||
           token == SC_C_MUL || token == SC_C_AND || token == SC_C_INC || token == SC_C_DEC;
}

static sc_err *prefixed(struct sc_cparser *ps, struct sc_cop *op) {
    enum sc_ctoken token = sc_c_peek(ps);
    const char *at = ps->scan.p;
    uint32_t type;
    sc_err *err = NULL;
    if (is_prefix(token)) {
        sc_c_skip(ps, token);
        err = sc_c_unary(ps, op);
        if (!err)
            err = apply(ps, op, token, at);
    } else if (token == SC_C_OPEN && cast_type(ps, &type, &err)) {
        if (!err)
            err = sc_c_unary(ps, op);
        if (!err)
            err = sc_c_cast(ps, op, type, false);
    } else if (sc_c_word(ps, "sizeof")) {
        op->at = at;
        return size_of(ps, op);
    } else {
        return postfix(ps, op);
    }
    op->at = at;
    return err;
}

sc_err *sc_c_unary(struct sc_cparser *ps, struct sc_cop *op) {
    sc_c_blanks(ps);
    sc_err *err = sc_deeper(&ps->scan, ps->scan.p);
    if (err)
        return err;
    *op = (struct sc_cop){.at = ps->scan.p};
    err = prefixed(ps, op);
    ps->scan.depth--;
    return err;
}
