/* SPDX-License-Identifier: MIT */
/*
 * MASM expressions, as WinDbg has them: binary operators and the way in.
 *
 *     binds     operators            meaning
 *     tightest  * / mod %            product, quotient, remainder; by 0 is an error
 *               + -
 *               << >> >>>            shifts; >>> keeps the sign; 64 and more shift everything out
 *               = == < > <= >= !=    1 or 0; unsigned, as everything is
 *               and &
 *               xor ^
 *     loosest   or |
 *
 * Operators of a level are taken from left to right. Source: WinDbg's manual, "MASM Numbers and
 * Operators"; terms, numbers, names and functions are described in their files. Guessed, since the
 * manual does not say: shifts by 64 and more (x86 would take the count modulo 64), and that words
 * are operators in any case of letters. `&&`, `||` and `~` are C++ and are refused by name.
 *
 * The evaluator computes while it reads: nothing is built, nothing allocated, and the depth of its
 * recursion is bounded by SC_EXPR_DEPTH levels of what a person can nest.
 */
#include "expr/parser.h"
#include "stopcode/out.h"

#include <string.h>

enum op { OR, XOR, AND, EQ, NE, LE, GE, LT, GT, SHL, SAR, SHR, ADD, SUB, MUL, DIV, MOD };

/* In the order in which they are tried: a longer one stands before its beginning. */
static const struct op_row {
    const char *text;
    enum op op;
    unsigned level; /* 0 = loosest */
} ops[] = {
    {">>>", SAR, 4}, {">>", SHR, 4},  {"<<", SHL, 4},  {"<=", LE, 3}, {">=", GE, 3}, {"==", EQ, 3},
    {"!=", NE, 3},   {"<", LT, 3},    {">", GT, 3},    {"=", EQ, 3},  {"+", ADD, 5}, {"-", SUB, 5},
    {"*", MUL, 6},   {"/", DIV, 6},   {"%", MOD, 6},   {"&", AND, 2}, {"^", XOR, 1}, {"|", OR, 0},
    {"mod", MOD, 6}, {"and", AND, 2}, {"xor", XOR, 1}, {"or", OR, 0},
};

enum { TIGHTEST = 6 };

/* Does the operator's text stand at PS->p? A dash of another kind is a minus. */
static bool stands(const struct sc_parser *ps, const char *text) {
    if (*text >= 'a' && *text <= 'z')
        return sc_scan_word(ps, text);
    if (!text[1])
        return sc_scan_peek(ps) == *text;
    return strncmp(ps->p, text, strlen(text)) == 0;
}

static const struct op_row *find_op(const struct sc_parser *ps) {
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++)
        if (stands(ps, ops[i].text))
            return &ops[i];
    return NULL;
}

static uint64_t shift_right(uint64_t a, uint64_t b, bool keep_sign) {
    uint64_t fill = keep_sign && a >> 63 ? UINT64_MAX : 0;
    if (b >= 64)
        return fill;
    return b ? a >> b | fill << (64 - b) : a;
}

static uint64_t compute(enum op op, uint64_t a, uint64_t b) {
    switch (op) {
    case OR: return a | b;
    case XOR: return a ^ b;
    case AND: return a & b;
    case EQ: return a == b;
    case NE: return a != b;
    case LE: return a <= b;
    case GE: return a >= b;
    case LT: return a < b;
    case GT: return a > b;
    case SHL: return b < 64 ? a << b : 0;
    case SHR: return shift_right(a, b, false);
    case SAR: return shift_right(a, b, true);
    case ADD: return a + b;
    case SUB: return a - b;
    case MUL: return a * b;
    case DIV: return a / b;
    case MOD: return a % b;
    }
    return 0;
}

/* The operator's text, its right side, and the result in *VALUE. */
static sc_err *right_side(struct sc_parser *ps, const struct op_row *row, uint64_t *value) {
    const char *at = ps->p;
    uint64_t right;
    for (const char *c = row->text; *c; c++)
        sc_scan_next(ps);
    int next = sc_scan_peek(ps);
    if ((row->op == AND && next == '&') || (row->op == OR && next == '|'))
        return sc_scan_fail(ps, at, SC_ERR_ARG, "'%s%s' is C++; here '%s' does it for comparisons",
                            row->text, row->text, row->text);
    sc_err *err = sc_binary(ps, row->level + 1, &right);
    if (err)
        return err;
    if ((row->op == DIV || row->op == MOD) && !right)
        return sc_scan_fail(ps, at, SC_ERR_ARG, "division by zero");
    *value = compute(row->op, *value, right);
    return NULL;
}

sc_err *sc_binary(struct sc_parser *ps, unsigned level, uint64_t *ret_value) {
    uint64_t value = 0;
    sc_err *err = level > TIGHTEST ? sc_term(ps, &value) : sc_binary(ps, level + 1, &value);
    while (!err && level <= TIGHTEST) {
        const struct op_row *row;
        sc_scan_skip(ps);
        row = find_op(ps);
        if (!row || row->level != level)
            break;
        err = right_side(ps, row, &value);
    }
    if (!err)
        *ret_value = value;
    return err;
}

sc_err *sc_deeper(struct sc_parser *ps, const char *at) {
    if (ps->depth >= SC_EXPR_DEPTH)
        return sc_scan_fail(ps, at, SC_ERR_LIMIT, "nested more than %d levels deep",
                            (int)SC_EXPR_DEPTH);
    ps->depth++;
    return NULL;
}

sc_err *sc_close(struct sc_parser *ps, int close, const char *open) {
    if (sc_scan_skip(ps) == close) {
        sc_scan_next(ps);
        return NULL;
    }
    if (ps->p >= ps->end)
        return sc_scan_fail(ps, open, SC_ERR_ARG, "no '%c' closes this", close);
    char what[] = "an operator or ' '";
    what[sizeof what - 3] = (char)close;
    return sc_scan_expected(ps, what);
}

uint64_t sc_extend(const struct sc_parser *ps, uint64_t value) {
    bool negative = ps->env->ptr_size == 4 && value >> 31 == 1;
    return negative ? value | 0xffffffff00000000 : value;
}

uint64_t sc_narrow(const struct sc_parser *ps, uint64_t value) {
    bool extended = ps->env->ptr_size == 4 && value >> 31 == 0x1ffffffff;
    return extended ? value & UINT32_MAX : value;
}

static const char *why(enum sc_read status) {
    switch (status) {
    case SC_READ_PAGED_OUT: return "was paged out";
    case SC_READ_COMPRESSED: return "is compressed (in the memory store)";
    case SC_READ_INVALID: return "is no valid address";
    case SC_READ_IO: return "could not be read from the file";
    default: return "is not in the dump";
    }
}

sc_err *sc_load(struct sc_parser *ps, const char *at, const char *name, uint64_t addr,
                unsigned size, bool physical, uint64_t *ret_value) {
    char text[SC_ADDR_BUF];
    uint64_t value;
    addr = sc_narrow(ps, addr);
    enum sc_read status = SC_READ_ABSENT;
    if (ps->env->read)
        status = ps->env->read(ps->env->ctx, addr, size, physical, &value);
    if (status == SC_READ_OK) {
        *ret_value = value;
        return NULL;
    }
    sc_addr_text(addr, physical || addr > UINT32_MAX ? 8 : ps->env->ptr_size, text);
    sc_err *err = sc_err_mem(addr, "%s: %saddress %s %s", name, physical ? "physical " : "", text,
                             ps->env->read ? why(status) : "cannot be read without a target");
    return sc_scan_prefix(ps, at, err);
}

static sc_err *parse(struct sc_parser *ps, const struct sc_expr_env *env, const char *text,
                     uint64_t *ret_value) {
    ps->env = env;
    ps->text = env->origin ? env->origin : text;
    ps->p = ps->done = text;
    ps->end = text + strlen(text);
    ps->depth = env->depth;
    return sc_binary(ps, 0, ret_value);
}

sc_err *sc_expr_eval(const struct sc_expr_env *env, const char *text, uint64_t *ret_value) {
    struct sc_parser ps;
    uint64_t value;
    sc_err *err = parse(&ps, env, text, &value);
    if (err)
        return err;
    if (sc_scan_skip(&ps))
        return sc_scan_expected(&ps, "an operator or the end");
    *ret_value = value;
    return NULL;
}

sc_err *sc_expr_prefix(const struct sc_expr_env *env, const char *text, uint64_t *ret_value,
                       const char **ret_end) {
    struct sc_parser ps;
    sc_err *err = parse(&ps, env, text, ret_value);
    if (!err)
        *ret_end = ps.done;
    return err;
}
