/* SPDX-License-Identifier: MIT */
/*
 * Expressions that are none: each error names its column and what was expected; depth and length
 * are bounded; and what is behind an expression is left to the caller.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "unit/expr_target.h"

struct bad {
    const char *text;
    enum sc_err_code code;
    const char *message; /* the beginning of it */
};

static void check_errors(const struct sc_expr_env *env, const struct bad *rows, size_t count) {
    for (size_t i = 0; i < count; i++) {
        uint64_t value = 0x5a5a;
        sc_err *err = sc_expr_eval(env, rows[i].text, &value);
        if (!err)
            fail_msg("%s: no error but %llx", rows[i].text, (unsigned long long)value);
        if (strncmp(sc_err_text(err), rows[i].message, strlen(rows[i].message)) != 0)
            fail_msg("%s: \"%s\", not \"%s\"", rows[i].text, sc_err_text(err), rows[i].message);
        assert_int_equal(sc_err_code(err), rows[i].code);
        assert_int_equal(value, 0x5a5a);
        sc_err_destroy(err);
    }
}

static void errors_name_the_column_and_what_was_expected(void **state) {
    (void)state;
    static const struct bad rows[] = {
        {"", SC_ERR_ARG, "column 1: a number or name expected, found the end"},
        {"   ", SC_ERR_ARG, "column 4: a number or name expected, found the end"},
        {"1+", SC_ERR_ARG, "column 3: a number or name expected, found the end"},
        {"1 + ", SC_ERR_ARG, "column 5: a number or name expected, found the end"},
        {"1+*2", SC_ERR_ARG, "column 3: a number or name expected, found '*'"},
        {"1 2", SC_ERR_ARG, "column 3: an operator or the end expected, found '2'"},
        {"(1)(2)", SC_ERR_ARG, "column 4: an operator or the end expected, found '(2)'"},
        {"1)", SC_ERR_ARG, "column 2: an operator or the end expected, found ')'"},
        {"(1", SC_ERR_ARG, "column 1: no ')' closes this"},
        {"2*(1+[3", SC_ERR_ARG, "column 6: no ']' closes this"},
        {"(1]", SC_ERR_ARG, "column 3: an operator or ')' expected, found ']'"},
        {"[1)", SC_ERR_ARG, "column 3: an operator or ']' expected, found ')'"},
        {"()", SC_ERR_ARG, "column 2: a number or name expected, found ')'"},
        {"5 and", SC_ERR_ARG, "column 6: a number or name expected, found the end"},
        {"and 5", SC_ERR_ARG, "column 1: a number or name expected, found 'and'"},
        {"5 + mod", SC_ERR_ARG, "column 5: a number or name expected, found 'mod'"},
        {"poi", SC_ERR_ARG, "column 4: a number or name expected, found the end"},
        {"poi()", SC_ERR_ARG, "column 5: a number or name expected, found ')'"},
        {"1/0", SC_ERR_ARG, "column 2: division by zero"},
        {"1 mod (2-2)", SC_ERR_ARG, "column 3: division by zero"},
        {"5+1%0", SC_ERR_ARG, "column 4: division by zero"},
        {"0x12zz", SC_ERR_ARG, "column 5: no hexadecimal digit"},
        {"0n12a", SC_ERR_ARG, "column 5: no decimal digit"},
        {"0t8", SC_ERR_ARG, "column 3: no octal digit"},
        {"0y12", SC_ERR_ARG, "column 4: no binary digit"},
        {"0n-x", SC_ERR_NOT_FOUND, "column 4: 'x' is no number, symbol, module or register"},
        {"10000000000000000", SC_ERR_ARG, "column 1: the number does not fit in 64 bits"},
        {"1+0n18446744073709551616", SC_ERR_ARG, "column 3: the number does not fit"},
        {"123456789`00000000", SC_ERR_ARG, "column 1: the number does not fit"},
        {"fffff800`1234", SC_ERR_ARG, "column 9: 8 hexadecimal digits expected behind the '`'"},
        {"0`123456789", SC_ERR_ARG, "column 2: 8 hexadecimal digits"},
        {"0`12345678x", SC_ERR_ARG, "column 11: no hexadecimal digit"},
        {"1`00000000`00000000", SC_ERR_ARG, "column 11: an operator or the end expected"},
        {"12g", SC_ERR_NOT_FOUND, "column 1: '12g' is no number, symbol, module or register"},
        {"1 + foo", SC_ERR_NOT_FOUND, "column 5: 'foo' is no number, symbol, module or register"},
        {"nt!Nope", SC_ERR_NOT_FOUND, "column 1: 'nt!Nope' is no known symbol"},
        {"!Nope", SC_ERR_NOT_FOUND, "column 1: '!Nope' is no known symbol"},
        {"mod!vector<int>", SC_ERR_NOT_FOUND,
         "column 1: 'mod!vector' is no known symbol (a name with < > is written @!"},
        {"nt!", SC_ERR_ARG, "column 4: the name of a symbol expected, found the end"},
        {"nt! foo", SC_ERR_ARG, "column 4: the name of a symbol expected"},
        {"nt!+1", SC_ERR_ARG, "column 4: the name of a symbol expected, found '+1'"},
        {"mod!`open", SC_ERR_ARG, "column 5: no ' closes this `"},
        {"@nope+1", SC_ERR_NOT_FOUND, "column 1: '@nope' is no register or pseudo-register"},
        {"1+@fade", SC_ERR_NOT_FOUND, "column 3: '@fade' is no register"},
        {"@", SC_ERR_ARG, "column 2: the name of a register expected, found the end"},
        {"@ rax", SC_ERR_ARG, "column 2: the name of a register expected"},
        {"@!", SC_ERR_ARG, "column 2: the name of a register expected, found '!'"},
        {"@!\"x", SC_ERR_ARG, "column 3: no \" closes this string"},
        {"@!\"x\"", SC_ERR_NOT_FOUND, "column 1: '@!\"x\"' is no known symbol"},
        {"@@(1)", SC_ERR_UNSUPPORTED, "column 1: @@( ) holds a C++ expression"},
        {"1+@@c++(5/2)", SC_ERR_UNSUPPORTED, "column 3: @@c++( ) holds a C++ expression"},
        {"@@masm 1", SC_ERR_ARG, "column 7: ( expected"},
        {"@@java(1)", SC_ERR_ARG, "column 3: (, masm( or c++( expected, found 'java(1)'"},
        {"@@masm(1", SC_ERR_ARG, "column 1: no ')' closes this"},
        {"`a.c:5`", SC_ERR_UNSUPPORTED, "column 1: source lines"},
        {"1+\"a\"", SC_ERR_ARG, "column 3: a string stands only in"},
        {"1&&2", SC_ERR_ARG, "column 2: '&&' is C++; here '&' does it"},
        {"1||2", SC_ERR_ARG, "column 2: '||' is C++; here '|' does it"},
        {"~5", SC_ERR_ARG, "column 1: '~' is C++"},
        {"*@rsp", SC_ERR_ARG, "column 1: a number or name expected, found '*'"},
        {"fs:0", SC_ERR_NOT_FOUND, "column 1: 'fs' is no number"},
        {"10:20", SC_ERR_ARG, "column 3: an operator or the end expected, found ':20'"},
        {"\xe2\x80\x93 \xe2\x80\x93 x", SC_ERR_NOT_FOUND, "column 5: 'x' is no"},
        {"\xc3\xa9+1", SC_ERR_NOT_FOUND, "column 1: '\xc3\xa9' is no"},
        {"1+\x01", SC_ERR_ARG, "column 3: a number or name expected"},
        {"poi(5000)", SC_ERR_MEMORY, "column 1: poi: address 00000000`00005000 is not in the dump"},
        {"1+by 103f+wo 103f", SC_ERR_MEMORY, "column 11: wo: address 00000000`0000103f is not"},
        {"$pdwo 0", SC_ERR_MEMORY, "column 1: $pdwo: physical address 00000000`00000000 is not"},
        {"$iment(nt+1)", SC_ERR_MEMORY, "no image header"},
        {"$iment nt", SC_ERR_ARG, "column 8: ( expected, found 'nt'"},
        {"$vvalid(1000)", SC_ERR_ARG, "column 13: a comma expected, found ')'"},
        {"$vvalid(1000,)", SC_ERR_ARG, "column 14: a number or name expected, found ')'"},
        {"$vvalid(1000,1", SC_ERR_ARG, "column 8: no ')' closes this"},
        {"$vvalid(1000,1,2)", SC_ERR_ARG, "column 15: an operator or ')' expected"},
        {"$vvalid(1000,1000001)", SC_ERR_LIMIT,
         "column 1: $vvalid looks at no more than 0x1000000"},
        {"$scmp(a,b)", SC_ERR_ARG, "column 7: a string in double quotes expected, found 'a,b)'"},
        {"$scmp(\"a\" \"b\")", SC_ERR_ARG, "column 11: a comma expected"},
        {"$scmp(\"a\",1)", SC_ERR_ARG, "column 11: a string in double quotes expected"},
        {"$scmp(\"a\",\"b)", SC_ERR_ARG, "column 11: no \" closes this string"},
        {"$spat(\"a\",\"b\"", SC_ERR_ARG, "column 6: no ')' closes this"},
        {"$fnsucc(nt, 0, 0)", SC_ERR_UNSUPPORTED, "column 1: $fnsucc"},
    };
    struct sc_expr_env env = env64();
    check_errors(&env, rows, COUNT(rows));
}

static void other_bases_have_their_own_errors(void **state) {
    (void)state;
    static const struct bad ten[] = {
        {"fad", SC_ERR_NOT_FOUND,
         "column 1: 'fad' is no number, symbol, module or register "
         "(a hexadecimal number is written with 0x)"},
        {"12ab", SC_ERR_NOT_FOUND, "column 1: '12ab' is no number"},
        {"18446744073709551616", SC_ERR_ARG, "column 1: the number does not fit"},
    };
    static const struct bad eight[] = {{"78", SC_ERR_NOT_FOUND, "column 1: '78' is no number"}};
    struct sc_expr_env env = env64();
    env.radix = 10;
    check_errors(&env, ten, COUNT(ten));
    env.radix = 8;
    check_errors(&env, eight, COUNT(eight));
}

static void only_sign_extended_addresses_are_narrowed(void **state) {
    (void)state;
    static const struct bad rows[] = {
        {"by ffffffff`00001000", SC_ERR_MEMORY, "column 1: by: address ffffffff`00001000 is no"},
        {"by 1`00001000", SC_ERR_MEMORY, "column 1: by: address 00000001`00001000 is no"},
        {"by 90001000", SC_ERR_MEMORY, "column 1: by: address 90001000 is no"},
    };
    struct sc_expr_env env = env32(false);
    check_errors(&env, rows, COUNT(rows));
}

static void nothing_is_known_without_callbacks(void **state) {
    (void)state;
    static const struct bad bad[] = {
        {"nt", SC_ERR_NOT_FOUND, "column 1: 'nt' is no"},
        {"nt!x", SC_ERR_NOT_FOUND, "column 1: 'nt!x' is no"},
        {"@rip", SC_ERR_NOT_FOUND, "column 1: '@rip' is no"},
        {"5+.", SC_ERR_NOT_FOUND, "column 3: '.' has no value here"},
        {"poi 0", SC_ERR_MEMORY, "column 1: poi: address 00000000`00000000 cannot be read without"},
        {"$iment(5)", SC_ERR_UNSUPPORTED, "column 1: $iment: image headers"},
    };
    struct sc_expr_env env = {.radix = 16, .ptr_size = 8};
    uint64_t value;
    assert_null(sc_expr_eval(&env, "1+2*$vvalid(0,1)", &value));
    assert_int_equal(value, 1);
    check_errors(&env, bad, COUNT(bad));
}

static void unreadable_memory_says_why(void **state) {
    (void)state;
    static const struct {
        enum sc_read status;
        const char *message;
    } rows[] = {
        {SC_READ_ABSENT, "column 1: poi: address 80005000 is not in the dump"},
        {SC_READ_PAGED_OUT, "column 1: poi: address 80005000 was paged out"},
        {SC_READ_INVALID, "column 1: poi: address 80005000 is no valid address"},
        {SC_READ_IO, "column 1: poi: address 80005000 could not be read from the file"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct target t = target32;
        struct sc_expr_env env = env32(false);
        uint64_t value, address;
        t.missing = rows[i].status;
        env.ctx = &t;
        sc_err *err = sc_expr_eval(&env, "poi 80005000", &value);
        assert_int_equal(sc_err_code(err), SC_ERR_MEMORY);
        assert_string_equal(sc_err_text(err), rows[i].message);
        assert_true(sc_err_address(err, &address));
        assert_int_equal(address, 0x80005000); /* narrow */
        sc_err_destroy(err);
        /* a file that cannot be read is not an invalid address */
        err = sc_expr_eval(&env, "$vvalid(80005000,1)", &value);
        assert_int_equal(err != NULL, rows[i].status == SC_READ_IO);
        sc_err_destroy(err);
    }
}

static void a_prefix_ends_where_the_expression_does(void **state) {
    (void)state;
    static const struct {
        const char *text;
        uint64_t value;
        size_t end;
    } rows[] = {
        {"1000 L10", 0x1000, 4},
        {"@rax L4", 0x1000, 4},
        {"1000  2000", 0x1000, 4},
        {" 1 + 2 ; g", 3, 6},
        {"(1+2) )", 3, 5},
        {"nt+5,6", 0xfffff80001800005, 4},
        {"1000", 0x1000, 4},
        {"1 -", 1, 0}, /* an operator wants its right side */
        {"nt!KeBugCheckEx \"x\"", 0xfffff80001865f00, 15},
        {"nt! ?? ::FNODOBFM::`string' L1", 0xfffff80001900000, 27},
        {"0n10h", 10, 0},
        {"10 h", 0x10, 2},
        {"5\xc2\xa0L1", 5, 1},
        {"5:6", 5, 1},
        {"poi 1000 L1", 0x1716151413121110, 8},
        {". L1", 0xfffff80001865f00, 1},
        {"@@masm(1) x", 1, 9},
        {"$scmp(\"a\",\"a\") x", 0, 14},
        {"fadeL4", 0, 0},
    };
    struct sc_expr_env env = env64();
    for (size_t i = 0; i < COUNT(rows); i++) {
        uint64_t value = 0x5a5a;
        const char *end = NULL;
        sc_err *err = sc_expr_prefix(&env, rows[i].text, &value, &end);
        if (!rows[i].end) {
            assert_non_null(err);
            assert_null(end);
            assert_int_equal(value, 0x5a5a);
            sc_err_destroy(err);
            continue;
        }
        if (err)
            fail_msg("%s: %s", rows[i].text, sc_err_text(err));
        assert_int_equal(value, rows[i].value);
        assert_int_equal((size_t)(end - rows[i].text), rows[i].end);
    }
}

/* OPEN N times, "1", CLOSE N times. */
static sc_err *nest(const char *open, const char *close, size_t n, uint64_t *ret_value) {
    struct sc_expr_env env = env64();
    char *text = calloc(n + 2, strlen(open) + strlen(close));
    assert_non_null(text);
    char *at = text;
    for (size_t i = 0; i < n; i++)
        at += sprintf(at, "%s", open);
    *at++ = '1';
    for (size_t i = 0; i < n; i++)
        at += sprintf(at, "%s", close);
    sc_err *err = sc_expr_eval(&env, text, ret_value);
    free(text);
    return err;
}

static void depth_is_bounded(void **state) {
    (void)state;
    static const char *const nests[][2] = {
        {"(", ")"},       {"[", "]"},   {"-", ""},    {"!", ""},           {"not ", ""},
        {"@@masm(", ")"}, {"1+(", ")"}, {"hi(", ")"}, {"$vvalid(", ",0)"}, {"+(", ")"},
    };
    for (size_t i = 0; i < COUNT(nests); i++) {
        bool two =
            nests[i][0][0] == 'h' || !strcmp(nests[i][0], "+("); /* operator and parenthesis */
        uint64_t value;
        sc_err *err = nest(nests[i][0], nests[i][1], two ? 32 : 64, &value);
        if (err)
            fail_msg("%s: %s", nests[i][0], sc_err_text(err));
        err = nest(nests[i][0], nests[i][1], two ? 33 : 65, &value);
        assert_int_equal(sc_err_code(err), SC_ERR_LIMIT);
        assert_non_null(strstr(sc_err_text(err), "nested more than 64 levels deep"));
        sc_err_destroy(err);
        err = nest(nests[i][0], nests[i][1], 200000, &value);
        assert_int_equal(sc_err_code(err), SC_ERR_LIMIT);
        sc_err_destroy(err);
    }
}

static void length_is_not_depth(void **state) {
    (void)state;
    struct sc_expr_env env = env64();
    char *text = malloc(400001);
    uint64_t value;
    assert_non_null(text);
    for (size_t i = 0; i < 200000; i++)
        memcpy(text + 2 * i, "1+", 2);
    text[399999] = 0;
    assert_null(sc_expr_eval(&env, text, &value));
    assert_int_equal(value, 200000);
    free(text);
}

static void long_names_are_refused(void **state) {
    (void)state;
    static const char *const starts[] = {"", "nt!", "!", "@", "nt!`", "$scmp(\"", "@!\"", "nt!??"};
    struct sc_expr_env env = env64();
    char *text = malloc(100100);
    assert_non_null(text);
    for (size_t i = 0; i < COUNT(starts); i++) {
        size_t n = strlen(starts[i]);
        uint64_t value;
        memcpy(text, starts[i], n);
        memset(text + n, 'z', 100000);
        strcpy(text + n + 100000, "\"");
        sc_err *err = sc_expr_eval(&env, text, &value);
        assert_int_equal(sc_err_code(err), SC_ERR_LIMIT);
        assert_non_null(strstr(sc_err_text(err), "longer than 2047 bytes"));
        sc_err_destroy(err);
    }
    free(text);
}

/* Whatever the text is: a value or an error that names a column, and nothing read behind its end */
static void random_text_does_no_harm(void **state) {
    (void)state;
    static const char *const pieces[] = {
        "(",
        ")",
        "[",
        "]",
        "1",
        "fade",
        "0x",
        "0n",
        "`",
        "'",
        "\"",
        "!",
        "@",
        "@@",
        "@@masm(",
        "nt",
        "nt!",
        "?? ::",
        "::",
        "~",
        ".",
        "-",
        "\xe2\x80\x93",
        "\xe2\x80",
        "\xc2\xa0",
        "\xff",
        "+",
        "*",
        "/",
        ">>>",
        ">",
        "=",
        "not ",
        "poi ",
        "$scmp(",
        "$vvalid(",
        "$iment(",
        ",",
        " ",
        "mod ",
        "&",
        "\xe2\x80\x98",
        "\xe2\x80\x9c",
        "00000000",
        "rax",
        "$t0",
        "@!\"",
        "h",
        "%",
        "\x01",
        "L",
    };
    uint32_t seed = 2024;
    for (int i = 0; i < 60000; i++) {
        char text[200];
        size_t len = 0;
        seed = seed * 1664525 + 1013904223;
        for (uint32_t n = (seed >> 24) % 12; n; n--) {
            seed = seed * 1664525 + 1013904223;
            len += (size_t)sprintf(text + len, "%s", pieces[(seed >> 16) % COUNT(pieces)]);
        }
        char *exact = malloc(len + 1);
        assert_non_null(exact);
        memcpy(exact, text, len);
        exact[len] = 0;
        struct sc_expr_env env = i & 1 ? env64() : env32(i & 2);
        uint64_t value = 0x5a5a;
        const char *end = NULL;
        sc_err *err = sc_expr_eval(&env, exact, &value);
        if (err && sc_err_code(err) != SC_ERR_MEMORY)
            assert_int_equal(strncmp(sc_err_text(err), "column ", 7), 0);
        assert_true(!err || value == 0x5a5a);
        sc_err_destroy(err);
        err = sc_expr_prefix(&env, exact, &value, &end);
        assert_true(err ? !end : end > exact && end <= exact + len);
        sc_err_destroy(err);
        free(exact);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(errors_name_the_column_and_what_was_expected),
        cmocka_unit_test(other_bases_have_their_own_errors),
        cmocka_unit_test(only_sign_extended_addresses_are_narrowed),
        cmocka_unit_test(nothing_is_known_without_callbacks),
        cmocka_unit_test(unreadable_memory_says_why),
        cmocka_unit_test(a_prefix_ends_where_the_expression_does),
        cmocka_unit_test(depth_is_bounded),
        cmocka_unit_test(length_is_not_depth),
        cmocka_unit_test(long_names_are_refused),
        cmocka_unit_test(random_text_does_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
