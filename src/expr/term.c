/* SPDX-License-Identifier: MIT */
/*
 * Terms: what stands between binary operators, with the unary operators in front of it.
 *
 *     + - not !        sign, 1 if the operand is 0 and else 0
 *     hi low           bits 31…16 and 15…0
 *     by wo dwo qwo    1, 2, 4, 8 bytes at a virtual address, zero-extended
 *     poi              a pointer at a virtual address
 *     $pby $pwo $pdwo $pqwo $ppoi      the same at a physical address
 *
 * All of them bind tighter than any binary operator: `poi @rsp+8` is poi(@rsp)+8. `!` in front of
 * a name is the mark of a symbol; `!poi(…)` is `not poi(…)`, since nothing else could be meant.
 */
#include "base/utf.h"
#include "expr/parser.h"

enum unary { NOT, HI, LOW, LOAD };

static const struct unary_row {
    const char *word;
    enum unary kind;
    unsigned size; /* LOAD: bytes; 0 = a pointer */
    bool physical;
} unaries[] = {
    {"not", NOT, 0, false},   {"hi", HI, 0, false},     {"low", LOW, 0, false},
    {"by", LOAD, 1, false},   {"wo", LOAD, 2, false},   {"dwo", LOAD, 4, false},
    {"qwo", LOAD, 8, false},  {"poi", LOAD, 0, false},  {"$pby", LOAD, 1, true},
    {"$pwo", LOAD, 2, true},  {"$pdwo", LOAD, 4, true}, {"$pqwo", LOAD, 8, true},
    {"$ppoi", LOAD, 0, true},
};

static const struct unary_row *find_unary(const struct sc_parser *ps) {
    for (size_t i = 0; i < sizeof unaries / sizeof *unaries; i++)
        if (sc_scan_word(ps, unaries[i].word))
            return &unaries[i];
    return NULL;
}

/* The operand of a unary operator at AT. */
static sc_err *operand(struct sc_parser *ps, const char *at, uint64_t *ret_value) {
    sc_err *err = sc_deeper(ps, at);
    if (err)
        return err;
    err = sc_term(ps, ret_value);
    ps->depth--;
    return err;
}

static sc_err *apply(struct sc_parser *ps, const struct unary_row *row, const char *at,
                     uint64_t value, uint64_t *ret_value) {
    unsigned size = row->size ? row->size : ps->env->ptr_size;
    switch (row->kind) {
    case NOT: *ret_value = !value; return NULL;
    case HI: *ret_value = value >> 16 & 0xffff; return NULL;
    case LOW: *ret_value = value & 0xffff; return NULL;
    case LOAD: break;
    }
    sc_err *err = sc_load(ps, at, row->word, value, size, row->physical, &value);
    if (!err)
        *ret_value = row->size ? value : sc_extend(ps, value);
    return err;
}

static sc_err *unary_word(struct sc_parser *ps, const struct unary_row *row, uint64_t *ret_value) {
    const char *at = ps->p;
    uint64_t value;
    for (const char *c = row->word; *c; c++)
        sc_scan_next(ps);
    sc_err *err = operand(ps, at, &value);
    return err ? err : apply(ps, row, at, value, ret_value);
}

static sc_err *sign(struct sc_parser *ps, bool minus, uint64_t *ret_value) {
    const char *at = ps->p;
    uint64_t value;
    sc_scan_next(ps);
    sc_err *err = operand(ps, at, &value);
    if (!err)
        *ret_value = minus ? 0 - value : value;
    return err;
}

/* OPEN (a parenthesis or bracket), an expression and CLOSE. */
static sc_err *nested(struct sc_parser *ps, const char *at, int close, uint64_t *ret_value) {
    uint64_t value;
    sc_err *err = sc_deeper(ps, at);
    if (err)
        return err;
    sc_scan_next(ps);
    err = sc_binary(ps, 0, &value);
    ps->depth--;
    if (!err)
        err = sc_close(ps, close, at);
    if (!err)
        *ret_value = value;
    return err;
}

/* Does an operator word or a function with its parenthesis stand at PS->p? */
static bool is_call(const struct sc_parser *ps) {
    struct sc_parser look = *ps;
    if (!find_unary(ps) && sc_scan_peek(ps) != '$')
        return false;
    while (sc_scan_is_name(sc_scan_peek(&look)))
        sc_scan_next(&look);
    return sc_scan_peek(&look) == '(';
}

static sc_err *bang(struct sc_parser *ps, uint64_t *ret_value) {
    const char *at = ps->p;
    uint64_t value;
    sc_scan_next(ps);
    int c = sc_scan_peek(ps);
    bool name = (sc_scan_is_name(c) && (c < '0' || c > '9')) || c == '`';
    if (name && !is_call(ps))
        return sc_name_symbol(ps, at, ret_value);
    sc_err *err = operand(ps, at, &value);
    if (!err)
        *ret_value = !value;
    return err;
}

/* What stands between the parentheses is C++. */
static sc_err *cxx(struct sc_parser *ps, const char *at, const char *word, uint64_t *ret_value) {
    const char *open = ps->p, *end;
    uint64_t value;
    if (!ps->env->cxx)
        return sc_scan_fail(ps, at, SC_ERR_UNSUPPORTED,
                            "@@%s( ) holds a C++ expression, which cannot be evaluated here; "
                            "@@masm( ) can",
                            word);
    sc_err *err = sc_deeper(ps, at);
    if (err)
        return err;
    sc_scan_next(ps);
    err = ps->env->cxx(ps->env->ctx, ps->p, ps->text, ps->depth, &value, &end);
    ps->depth--;
    if (err)
        return err;
    ps->p = ps->done = end;
    err = sc_close(ps, ')', open);
    if (!err)
        *ret_value = value;
    return err;
}

/* @@masm( … ), @@c++( … ), and @@( … ), which is C++ in MASM. */
static sc_err *evaluator(struct sc_parser *ps, const char *at, uint64_t *ret_value) {
    static const char masm[] = "masm", cpp[] = "c++";
    const char *word = sc_scan_peek(ps) == '(' ? "" : sc_scan_word(ps, masm) ? masm : cpp;
    for (const char *c = word; *c; c++) {
        if (sc_lower((char)sc_scan_peek(ps)) != *c)
            return sc_scan_expected(ps, "(, masm( or c++(");
        sc_scan_next(ps);
    }
    if (sc_scan_peek(ps) != '(')
        return sc_scan_expected(ps, "(");
    return word == masm ? nested(ps, at, ')', ret_value) : cxx(ps, at, word, ret_value);
}

static sc_err *at_sign(struct sc_parser *ps, uint64_t *ret_value) {
    const char *at = ps->p;
    sc_scan_next(ps);
    int c = sc_scan_peek(ps);
    if (c == '@') {
        sc_scan_next(ps);
        return evaluator(ps, at, ret_value);
    }
    if (c == '!' && sc_scan_second(ps) == '"') {
        sc_scan_next(ps);
        return sc_name_quoted(ps, at, ret_value);
    }
    return sc_name_register(ps, at, ret_value);
}

/* `.`: the last command's place, else the instruction pointer, as the manual has it. */
static sc_err *dot(struct sc_parser *ps, uint64_t *ret_value) {
    const struct sc_expr_env *env = ps->env;
    const char *at = ps->p;
    uint64_t value;
    sc_scan_next(ps);
    if (!(env->dot && env->dot(env->ctx, &value)) &&
        !(env->reg && env->reg(env->ctx, "$ip", &value)))
        return sc_scan_fail(ps, at, SC_ERR_NOT_FOUND, "'.' has no value here");
    *ret_value = sc_extend(ps, value);
    return NULL;
}

/* What is no term: says what was meant instead, where that is known. */
static sc_err *no_term(struct sc_parser *ps, int c) {
    switch (c) {
    case '`':
        return sc_scan_fail(ps, ps->p, SC_ERR_UNSUPPORTED,
                            "source lines (`file.c:43`) cannot be evaluated yet");
    case '"':
        return sc_scan_fail(ps, ps->p, SC_ERR_ARG,
                            "a string stands only in $scmp( ), $sicmp( ) and $spat( )");
    case '~':
        return sc_scan_fail(ps, ps->p, SC_ERR_ARG,
                            "'~' is C++; here it is written x ^ ffffffff`ffffffff");
    case '*':
        return sc_scan_fail(ps, ps->p, SC_ERR_ARG,
                            "a number or name expected, found '*' (memory is read by poi, dwo, …)");
    default: return sc_scan_expected(ps, "a number or name");
    }
}

sc_err *sc_term(struct sc_parser *ps, uint64_t *ret_value) {
    int c = sc_scan_skip(ps);
    sc_err *err = NULL;
    switch (c) {
    case '(': return nested(ps, ps->p, ')', ret_value);
    case '[': return nested(ps, ps->p, ']', ret_value);
    case '+':
    case '-': return sign(ps, c == '-', ret_value);
    case '!': return bang(ps, ret_value);
    case '@': return at_sign(ps, ret_value);
    case '.': return dot(ps, ret_value);
    default: break;
    }
    if (sc_scan_word(ps, "and") || sc_scan_word(ps, "or") || sc_scan_word(ps, "xor") ||
        sc_scan_word(ps, "mod"))
        return no_term(ps, c);
    const struct unary_row *row = find_unary(ps);
    if (row)
        return unary_word(ps, row, ret_value);
    if (sc_function(ps, ret_value, &err) || sc_number(ps, ret_value, &err))
        return err;
    return sc_scan_is_name(c) ? sc_name(ps, ret_value) : no_term(ps, c);
}
