/* SPDX-License-Identifier: MIT */
/* The streaming JSON reader: tokens, the grammar, and the buffer's edges. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "isf/json.h"

/* Reads TEXT to the end; writes the tokens as one string; the error's text, or "". */
static void tokens(const char *text, size_t len, char *out, size_t room, char *why) {
    static const char *const marks[] = {"", "{", "}",    "[",     "]",   "",
                                        "", "",  "true", "false", "null"};
    sc_file *file = NULL;
    struct isf_feed *feed = NULL;
    struct json j;
    size_t used = 0;
    *out = *why = 0;
    assert_null(sc_file_memory("t.json", text, len, 0, &file));
    assert_null(isf_feed_open(file, &feed));
    assert_null(json_init(&j, feed, "t.json"));
    for (;;) {
        struct json_token t;
        sc_err *err = json_next(&j, &t);
        if (err) {
            snprintf(why, 200, "%s", sc_err_text(err));
            sc_err_destroy(err);
            break;
        }
        if (t.kind == JSON_END)
            break;
        if (t.kind == JSON_KEY || t.kind == JSON_TEXT)
            used += (size_t)snprintf(out + used, room - used, "%s'%.*s'",
                                     t.kind == JSON_KEY ? "k" : "t", (int)t.len, t.text);
        else if (t.kind == JSON_NUMBER)
            used += (size_t)snprintf(out + used, room - used, t.integer ? "%s%llu" : "%s~",
                                     t.negative ? "-" : "",
                                     (unsigned long long)(t.negative ? 0 - t.number : t.number));
        else
            used += (size_t)snprintf(out + used, room - used, "%s", marks[t.kind]);
    }
    json_deinit(&j);
    isf_feed_close(feed);
    sc_file_close(file);
}

static void expect(const char *text, const char *want) {
    char out[500], why[200];
    tokens(text, strlen(text), out, sizeof out, why);
    assert_string_equal(why, "");
    assert_string_equal(out, want);
}

static void refuse(const char *text, const char *part) {
    char out[500], why[200];
    tokens(text, strlen(text), out, sizeof out, why);
    if (!*why || !strstr(why, part))
        fail_msg("%s: said \"%s\", not \"%s\"", text, why, part);
}

static void values_are_read(void **state) {
    (void)state;
    expect("{}", "{}");
    expect(" [ ] ", "[]");
    expect("{\"a\": [1, -2, 0, true, false, null, \"x\"], \"b\": {}}",
           "{k'a'[1-20truefalsenullt'x']k'b'{}}");
    expect("{ \"a\"\n:\t1 }", "{k'a'1}");
    expect("[[[]],[{}]]", "[[[]][{}]]");
    expect("7", "7");
    expect("\"\"", "t''");
}

static void numbers_keep_64_bits(void **state) {
    (void)state;
    expect("[18446744073709551615]", "[18446744073709551615]");
    expect("[-9223372036854775808]", "[-9223372036854775808]");
    expect("[18446744073709551616]", "[~]");
    expect("[-0]", "[0]");
    expect("[1.5,1e3,-2E-7]", "[~~~]");
    refuse("[01]", "not a JSON number");
    refuse("[1.]", "not a JSON number");
    refuse("[-]", "not a JSON number");
    refuse("[1e]", "not a JSON number");
    refuse("[+1]", "not a JSON number");
    refuse("[1-2]", "not a JSON number");
}

static void escapes_are_undone(void **state) {
    (void)state;
    expect("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "t'\"\\/\b\f\n\r\t'");
    expect("\"\\u0041\\u00e4\\u20AC\"", "t'A\xc3\xa4\xe2\x82\xac'");
    expect("\"\\ud83d\\ude00\"", "t'\xf0\x9f\x98\x80'");
    expect("\"\\ud83dx\"", "t'\xed\xa0\xbdx'");
    refuse("\"\\x\"", "wrong escape");
    refuse("\"\\u12\"", "wrong escape");
    refuse("\"\\u0000\"", "wrong escape");
    refuse("\"a\nb\"", "control character");
}

static void the_grammar_is_checked(void **state) {
    (void)state;
    refuse("", "ends too early");
    refuse("{", "ends too early");
    refuse("{\"a\"", "ends behind a key");
    refuse("{\"a\" 1}", "no colon");
    refuse("{\"a\":1 \"b\":2}", "no comma");
    refuse("{\"a\":1,}", "key is missing");
    refuse("{1:2}", "key is missing");
    refuse("[1,]", "not a JSON number");
    refuse("[1 2]", "no comma");
    refuse("[1}", "closes nothing");
    refuse("{]", "closes nothing");
    refuse("[1]]", "behind the end");
    refuse("1 2", "behind the end");
    refuse("[tru]", "not a JSON value");
    refuse("[\"abc", "ends inside a string");
    refuse("[\"abc\\", "ends inside a string");
}

static void errors_name_the_offset(void **state) {
    (void)state;
    refuse("[1,\n 2,\n x]", "t.json: offset 0x9: ");
}

static void nesting_is_bounded(void **state) {
    (void)state;
    char deep[2 * JSON_DEPTH + 3], out[500], why[200];
    memset(deep, '[', JSON_DEPTH);
    memset(deep + JSON_DEPTH, ']', JSON_DEPTH);
    tokens(deep, 2 * JSON_DEPTH, out, sizeof out, why);
    assert_string_equal(why, "");
    memset(deep, '[', JSON_DEPTH + 1);
    memset(deep + JSON_DEPTH + 1, ']', JSON_DEPTH + 1);
    tokens(deep, 2 * JSON_DEPTH + 2, out, sizeof out, why);
    assert_non_null(strstr(why, "nested more than 64 deep"));
}

/* A key and a value put at every distance from the end of the buffer. */
static void tokens_may_straddle_the_buffer(void **state) {
    (void)state;
    static const char tail[] = "{\"key\\u0041\"  :  [true, 12345, \"te\\nxt\"]}";
    const size_t size = JSON_BUFFER + sizeof tail;
    char *text = malloc(size), out[500], why[200];
    assert_non_null(text);
    for (size_t before = JSON_BUFFER - sizeof tail; before <= JSON_BUFFER + 1; before++) {
        memset(text, ' ', size);
        memcpy(text + before, tail, sizeof tail - 1);
        tokens(text, before + sizeof tail - 1, out, sizeof out, why);
        assert_string_equal(why, "");
        assert_string_equal(out, "{k'keyA'[true12345t'te\nxt']}");
    }
    free(text);
}

static void long_strings_are_bounded(void **state) {
    (void)state;
    const size_t fits = JSON_STRING - 2, size = 2 * (size_t)JSON_STRING;
    char *text = malloc(size), *out = malloc(size), why[200];
    assert_non_null(text);
    assert_non_null(out);
    memset(text, 'a', size);
    text[0] = text[fits + 1] = '"';
    tokens(text, fits + 2, out, size, why);
    assert_string_equal(why, "");
    assert_int_equal(strlen(out), fits + 3);
    text[fits + 1] = 'a';
    text[size - 1] = '"';
    tokens(text, size, out, size, why);
    assert_non_null(strstr(why, "a string of more than 1048576 bytes"));
    free(text);
    free(out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_read),
        cmocka_unit_test(numbers_keep_64_bits),
        cmocka_unit_test(escapes_are_undone),
        cmocka_unit_test(the_grammar_is_checked),
        cmocka_unit_test(errors_name_the_offset),
        cmocka_unit_test(nesting_is_bounded),
        cmocka_unit_test(tokens_may_straddle_the_buffer),
        cmocka_unit_test(long_strings_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
