/* SPDX-License-Identifier: MIT */
/*
 * Random expressions: a tree is made, its value computed here by recursion, and its text, with no
 * more parentheses than the manual's table of precedence asks for (and sometimes more), given to
 * the evaluator. The table below is this test's own.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "expr/expr.h"

enum { TREES = 40000, ROOM = 8192 };

static const struct {
    const char *text[2];
    int tight;
} binary[] = {
    {{"*", "*"}, 7},   {{"/", "/"}, 7},   {{"%", "mod"}, 7},   {{"+", "+"}, 6},   {{"-", "-"}, 6},
    {{"<<", "<<"}, 5}, {{">>", ">>"}, 5}, {{">>>", ">>>"}, 5}, {{"=", "=="}, 4},  {{"<", "<"}, 4},
    {{">", ">"}, 4},   {{"<=", "<="}, 4}, {{">=", ">="}, 4},   {{"!=", "!="}, 4}, {{"&", "and"}, 3},
    {{"^", "xor"}, 2}, {{"|", "or"}, 1},
};
static const char *const unary[] = {"-", "+", "not ", "! ", "hi ", "low "};

enum { BINARY = sizeof binary / sizeof *binary, UNARY = sizeof unary / sizeof *unary, TERM = 8 };

struct random {
    uint64_t state;
};

static uint32_t pick(struct random *r, uint32_t count) {
    r->state = r->state * 6364136223846793005ULL + 1442695040888963407ULL;
    return (uint32_t)(r->state >> 33) % count;
}

static bool binary_value(int op, uint64_t a, uint64_t b, uint64_t *ret) {
    uint64_t high = (a >> 63) * UINT64_MAX;
    switch (op) {
    case 0: *ret = a * b; break;
    case 1:
    case 2:
        if (!b)
            return false;
        *ret = op == 1 ? a / b : a - a / b * b;
        break;
    case 3: *ret = a + b; break;
    case 4: *ret = a - b; break;
    case 5: *ret = b > 63 ? 0 : a << b; break;
    case 6: *ret = b > 63 ? 0 : a >> b; break;
    case 7: *ret = b > 63 ? high : (a >> b) | (b ? high << (64 - b) : 0); break;
    case 8: *ret = a == b; break;
    case 9: *ret = a < b; break;
    case 10: *ret = a > b; break;
    case 11: *ret = !(a > b); break;
    case 12: *ret = !(a < b); break;
    case 13: *ret = a != b; break;
    case 14: *ret = a & b; break;
    case 15: *ret = a ^ b; break;
    default: *ret = a | b; break;
    }
    return true;
}

static uint64_t unary_value(int op, uint64_t a) {
    switch (op) {
    case 0: return ~a + 1;
    case 1: return a;
    case 2:
    case 3: return a == 0;
    case 4: return (a & 0xffff0000) >> 16;
    default: return a & 0xffff;
    }
}

static void write_number(struct random *r, uint64_t value, char *text) {
    char digits[65];
    int n = 0;
    switch (pick(r, 7)) {
    case 0: sprintf(text, "0x%llx", (unsigned long long)value); break;
    case 1: sprintf(text, "0n%llu", (unsigned long long)value); break;
    case 2: sprintf(text, "0t%llo", (unsigned long long)value); break;
    case 3: sprintf(text, "%llXh", (unsigned long long)value); break;
    case 4:
        sprintf(text, "%x`%08x", (unsigned)(value >> 32), (unsigned)(value & UINT32_MAX));
        break;
    case 5:
        for (int bit = 63; bit >= 0; bit--)
            if (n || !bit || value >> bit & 1)
                digits[n++] = (char)('0' + (value >> bit & 1));
        digits[n] = 0;
        sprintf(text, "0y%s", digits);
        break;
    default: sprintf(text, "%llx", (unsigned long long)value);
    }
}

/*
 * A tree of at most DEPTH levels: its text (of ROOM bytes), its value, and in *RET_TIGHT how tight
 * its outermost operator binds. False when it divides by zero.
 */
static bool make(struct random *r, int depth, char *text, uint64_t *ret_value, int *ret_tight) {
    static const uint64_t interesting[] = {0,         1,          2,          63,
                                           64,        0x7fffffff, 0x80000000, UINT32_MAX,
                                           INT64_MAX, UINT64_MAX, 0xffff,     0x10000};
    uint32_t kind = depth ? pick(r, 10) : 0;
    if (kind < 2) {
        *ret_value =
            pick(r, 2) ? interesting[pick(r, 12)] : (uint64_t)pick(r, 1U << 31) << pick(r, 34);
        *ret_tight = TERM;
        write_number(r, *ret_value, text);
        return true;
    }
    char *left = malloc(2 * ROOM), *right = left + ROOM;
    assert_non_null(left);
    uint64_t a, b;
    int ltight, rtight = 0;
    bool ok = make(r, depth - 1, left, &a, &ltight);
    const char *blank = pick(r, 2) ? " " : "";
    if (ok && kind < 4) {
        int op = (int)pick(r, UNARY);
        bool parens = ltight < TERM || !pick(r, 4);
        sprintf(text, parens ? "%s(%s)" : "%s%s", unary[op], left);
        *ret_value = unary_value(op, a);
        *ret_tight = TERM;
    } else if (ok && make(r, depth - 1, right, &b, &rtight)) {
        int op = (int)pick(r, BINARY), tight = binary[op].tight;
        const char *word = binary[op].text[pick(r, 2)];
        if (*word >= 'a' && *word <= 'z')
            blank = " ";
        bool lparens = ltight < tight || !pick(r, 5), rparens = rtight <= tight || !pick(r, 5);
        sprintf(text, "%s%s%s%s%s%s%s%s%s", lparens ? "(" : "", left, lparens ? ")" : "", blank,
                word, blank, rparens ? "[" : "", right, rparens ? "]" : "");
        ok = binary_value(op, a, b, ret_value);
        *ret_tight = tight;
    } else {
        ok = false;
    }
    free(left);
    return ok;
}

static void random_expressions_have_the_value_of_their_tree(void **state) {
    (void)state;
    struct sc_expr_env env = {.radix = 16, .ptr_size = 8};
    struct random r = {20210210};
    char *text = malloc(ROOM);
    assert_non_null(text);
    size_t compared = 0, longest = 0;
    for (int i = 0; i < TREES; i++) {
        uint64_t want, value;
        int tight;
        if (!make(&r, 1 + (int)pick(&r, 5), text, &want, &tight))
            continue;
        compared++;
        longest = strlen(text) > longest ? strlen(text) : longest;
        sc_err *err = sc_expr_eval(&env, text, &value);
        if (err)
            fail_msg("%s: %s", text, sc_err_text(err));
        if (value != want)
            fail_msg("%s: %llx, not %llx", text, (unsigned long long)value,
                     (unsigned long long)want);
    }
    assert_true(compared > TREES / 2);
    assert_true(longest > 500 && longest < ROOM);
    free(text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_expressions_have_the_value_of_their_tree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
