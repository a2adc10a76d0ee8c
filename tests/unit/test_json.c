/* SPDX-License-Identifier: MIT */
/*
 * Records as JSON. Exact expected texts for every kind of field and for hostile strings; and a
 * strict checker of the whole grammar (RFC 8259) and of UTF-8, itself tested first, over
 * everything that is printed here.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "forge/sink.h"
#include "stopcode/module.h"
#include "stopcode/out.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))

/* --- the checker: each function returns what stands behind its piece, NULL when it is wrong --- */

static const char *check_value(const char *p, unsigned depth);

/* One UTF-8 character above ASCII; surrogates and overlong forms are wrong. */
static const char *check_utf8(const char *p) {
    const unsigned char *b = (const unsigned char *)p;
    unsigned n = b[0] >= 0xc2 && b[0] < 0xe0   ? 1
                 : b[0] >= 0xe0 && b[0] < 0xf0 ? 2
                 : b[0] >= 0xf0 && b[0] < 0xf5 ? 3
                                               : 0;
    for (unsigned i = 1; i <= n; i++)
        if ((b[i] & 0xc0) != 0x80)
            return NULL;
    if (!n || (b[0] == 0xe0 && b[1] < 0xa0) || (b[0] == 0xed && b[1] > 0x9f) ||
        (b[0] == 0xf0 && b[1] < 0x90) || (b[0] == 0xf4 && b[1] > 0x8f))
        return NULL;
    return p + n + 1;
}

static const char *check_string(const char *p) {
    if (*p++ != '"')
        return NULL;
    while (p && *p != '"') {
        if ((unsigned char)*p < 0x20)
            return NULL;
        if (*p == '\\') {
            if (p[1] == 'u' && strspn(p + 2, "0123456789abcdefABCDEF") >= 4)
                p += 6;
            else if (p[1] && strchr("\"\\/bfnrt", p[1]))
                p += 2;
            else
                return NULL;
        } else {
            p = (unsigned char)*p < 0x80 ? p + 1 : check_utf8(p);
        }
    }
    return p ? p + 1 : NULL;
}

static const char *check_digits(const char *p) {
    size_t n = strspn(p, "0123456789");
    return n ? p + n : NULL;
}

static const char *check_number(const char *p) {
    if (*p == '-')
        p++;
    if (*p == '0')
        p++;
    else if (!(p = check_digits(p)))
        return NULL;
    if (*p == '.' && !(p = check_digits(p + 1)))
        return NULL;
    if (*p == 'e' || *p == 'E') {
        p++;
        p = check_digits(*p == '+' || *p == '-' ? p + 1 : p);
    }
    return p;
}

/* No blanks are printed, so none are allowed. */
static const char *check_members(const char *p, char end, bool keys, unsigned depth) {
    if (*p == end)
        return p + 1;
    for (;;) {
        if (keys && (!(p = check_string(p)) || *p++ != ':'))
            return NULL;
        if (!(p = check_value(p, depth + 1)))
            return NULL;
        if (*p == end)
            return p + 1;
        if (*p++ != ',')
            return NULL;
    }
}

static const char *check_value(const char *p, unsigned depth) {
    static const char *const words[] = {"true", "false", "null"};
    if (depth > 100)
        return NULL;
    if (*p == '{' || *p == '[')
        return check_members(p + 1, *p == '{' ? '}' : ']', *p == '{', depth);
    if (*p == '"')
        return check_string(p);
    for (size_t i = 0; i < COUNT(words); i++)
        if (!strncmp(p, words[i], strlen(words[i])))
            return p + strlen(words[i]);
    return check_number(p);
}

/* Lines of one value each; returns how many, -1 when one is wrong. */
static int check_lines(const char *p) {
    int lines = 0;
    while (*p) {
        p = check_value(p, 0);
        if (!p || *p++ != '\n')
            return -1;
        lines++;
    }
    return lines;
}

static void the_checker_knows_right_from_wrong(void **state) {
    (void)state;
    static const char *const right[] = {
        "{}",
        "[]",
        "null",
        "-0.5e+3",
        "\"\\ud800\"",
        "{\"a\":[1,{\"b\":null}],\"c\":\"\\n\"}",
        "\"\xf0\x9f\x98\x80\"",
    };
    static const char *const wrong[] = {
        "",
        "{",
        "{\"a\"}",
        "{\"a\":}",
        "[1,]",
        "[,1]",
        "01",
        "1.",
        "tru",
        "\"\x01\"",
        "\"\\x41\"",
        "\"\\u12g4\"",
        "\"\xff\"",
        "\"\xed\xa0\x80\"",
        "[1}",
        "{1:2}",
        "\"\xc0\x80\"",
        "nan",
        "'a'",
        "{\"a\":1,}",
        "1e",
    };
    for (size_t i = 0; i < COUNT(right); i++) {
        const char *end = check_value(right[i], 0);
        assert_true(end && !*end);
    }
    for (size_t i = 0; i < COUNT(wrong); i++) {
        const char *end = check_value(wrong[i], 0);
        assert_false(end && !*end);
    }
    assert_int_equal(check_lines("1\n{}\n"), 2);
    assert_int_equal(check_lines("1\n{}"), -1);
}

/* --- a record with every kind of field --- */

struct leaf {
    const char *name;
    uint16_t n;
};
static const struct sc_field leaf_fields[] = {
    SC_FIELD(struct leaf, name, SC_F_STR),
    SC_FIELD(struct leaf, n, SC_F_U16),
    SC_FIELD_END,
};
static const struct sc_rectype leaf_type = {"leaf", sizeof(struct leaf), leaf_fields};

struct all {
    bool yes;
    uint8_t u8;
    uint16_t u16;
    uint32_t u32;
    uint64_t u64;
    int64_t i64;
    uint32_t code;
    uint64_t hex, addr;
    const char *str;
    uint64_t when, span;
    struct sc_guid guid;
    struct leaf one;
    const struct leaf *many;
    size_t nmany;
    const char *const *words;
    size_t nwords;
    const uint64_t *hexes;
    size_t nhexes;
};
static const struct sc_field all_fields[] = {
    SC_FIELD(struct all, yes, SC_F_BOOL),
    SC_FIELD(struct all, u8, SC_F_U8),
    SC_FIELD(struct all, u16, SC_F_U16),
    SC_FIELD(struct all, u32, SC_F_U32),
    SC_FIELD(struct all, u64, SC_F_U64),
    SC_FIELD(struct all, i64, SC_F_I64),
    SC_FIELD(struct all, code, SC_F_HEX32),
    SC_FIELD(struct all, hex, SC_F_HEX64),
    SC_FIELD(struct all, addr, SC_F_ADDR),
    SC_FIELD(struct all, str, SC_F_STR),
    SC_FIELD(struct all, when, SC_F_TIME),
    SC_FIELD(struct all, span, SC_F_SPAN),
    SC_FIELD(struct all, guid, SC_F_GUID),
    SC_FIELD_REC(struct all, one, &leaf_type),
    SC_FIELD_LIST(struct all, many, nmany, &leaf_type),
    SC_FIELD_STRS(struct all, words, nwords),
    {"hexes", SC_F_HEXES, offsetof(struct all, hexes), offsetof(struct all, nhexes), NULL, NULL},
    SC_FIELD_END,
};
static const struct sc_rectype all_type = {"all", sizeof(struct all), all_fields};

struct fixture {
    struct sink sink;
    sc_out *out;
};

static void start(struct fixture *f, enum sc_render render) {
    *f = (struct fixture){0};
    assert_null(sc_out_create(render, sink_write, &f->sink, false, &f->out));
}

static void finish(struct fixture *f) {
    sc_out_destroy(f->out);
    assert_true(check_lines(sink_text(&f->sink)) >= 0);
    sink_free(&f->sink);
}

static const char *printed(struct fixture *f) {
    sc_out_flush(f->out);
    return sink_text(&f->sink);
}

/* A number that may not be known. */
static void unknown_numbers_are_null(void **state) {
    (void)state;
    struct numbers {
        int64_t known, below, unknown;
    };
    static const struct sc_field fields[] = {
        SC_FIELD(struct numbers, known, SC_F_NUM), SC_FIELD(struct numbers, below, SC_F_NUM),
        SC_FIELD(struct numbers, unknown, SC_F_NUM), SC_FIELD_END};
    static const struct sc_rectype type = {"numbers", sizeof(struct numbers), fields};
    const struct numbers record = {4096, -5, INT64_MIN};
    struct fixture f;
    start(&f, SC_RENDER_JSON);
    sc_record(f.out, &type, &record, NULL, NULL);
    assert_string_equal(printed(&f),
                        "{\"type\":\"numbers\",\"known\":4096,\"below\":-5,\"unknown\":null}\n");
    finish(&f);
}

static void every_field_type_has_its_form(void **state) {
    (void)state;
    static const struct leaf leaves[] = {{"a", 1}, {NULL, 2}};
    static const char *const words[] = {"x", NULL, "z\n"};
    static const uint64_t hexes[] = {0, 0x9f, UINT64_MAX};
    struct all record = {
        .yes = true,
        .u8 = 255,
        .u16 = 65535,
        .u32 = UINT32_MAX,
        .u64 = UINT64_MAX,
        .i64 = INT64_MIN,
        .code = 0x9f,
        .hex = 0x1a,
        .addr = 0xfffff80000000000,
        .str = "amdppm.sys",
        .when = 116444736000000000ULL + 1234567,
        .span = 6234560000,
        .guid = {0x01234567, 0x89ab, 0xcdef, {1, 2, 3, 4, 5, 6, 7, 0xff}},
        .one = {"leaf", 3},
        .many = leaves,
        .nmany = 2,
        .words = words,
        .nwords = 3,
        .hexes = hexes,
        .nhexes = 3,
    };
    struct fixture f;
    start(&f, SC_RENDER_JSON);
    sc_record(f.out, &all_type, &record, NULL, NULL);
    assert_string_equal(
        printed(&f),
        "{\"type\":\"all\",\"yes\":true,\"u8\":255,\"u16\":65535,\"u32\":4294967295,"
        "\"u64\":18446744073709551615,\"i64\":-9223372036854775808,\"code\":\"0x0000009f\","
        "\"hex\":\"0x1a\",\"addr\":\"0xfffff80000000000\",\"str\":\"amdppm.sys\","
        "\"when\":\"1970-01-01T00:00:00.1234567Z\",\"span\":623.456,"
        "\"guid\":\"{01234567-89AB-CDEF-0102-0304050607FF}\","
        "\"one\":{\"name\":\"leaf\",\"n\":3},"
        "\"many\":[{\"name\":\"a\",\"n\":1},{\"name\":null,\"n\":2}],"
        "\"words\":[\"x\",null,\"z\\n\"],\"hexes\":[\"0x0\",\"0x9f\",\"0xffffffffffffffff\"]}\n");
    finish(&f);
}

static void what_is_not_known_is_null(void **state) {
    (void)state;
    struct all record = {.addr = UINT64_MAX, .when = UINT64_MAX, .span = UINT64_MAX, .nmany = 5};
    struct fixture f;
    start(&f, SC_RENDER_JSON);
    sc_record(f.out, &all_type, &record, NULL, NULL);
    const char *text = printed(&f);
    assert_non_null(strstr(text, "\"addr\":null,\"str\":null,\"when\":null,\"span\":null,"));
    assert_non_null(strstr(text, "\"yes\":false,\"u8\":0,"));
    assert_non_null(strstr(text, "\"hex\":\"0x0\","));
    assert_non_null(strstr(text, "\"many\":[],\"words\":[],\"hexes\":[]}"));
    finish(&f);
}

static void spans_and_times_keep_their_digits(void **state) {
    (void)state;
    static const struct {
        uint64_t span;
        const char *text;
    } spans[] = {
        {0, "\"span\":0,"},          {1, "\"span\":0.0000001,"},
        {10000000, "\"span\":1,"},   {100000000, "\"span\":10,"},
        {15000000, "\"span\":1.5,"}, {UINT64_MAX - 1, "\"span\":1844674407370.9551614,"},
    };
    for (size_t i = 0; i < COUNT(spans); i++) {
        struct fixture f;
        struct all record = {.span = spans[i].span};
        start(&f, SC_RENDER_JSON);
        sc_record(f.out, &all_type, &record, NULL, NULL);
        assert_non_null(strstr(printed(&f), spans[i].text));
        finish(&f);
    }
    struct fixture f; /* a time of the year 60000 is a string still */
    struct all record = {.when = UINT64_MAX - 1};
    start(&f, SC_RENDER_JSON);
    sc_record(f.out, &all_type, &record, NULL, NULL);
    assert_non_null(strstr(printed(&f), "\"when\":\"60056-05-28T05:36:10.9551614Z\""));
    finish(&f);
}

static const struct {
    const char *in, *json;
} strings[] = {
    {"", "\"\""},
    {"plain", "\"plain\""},
    {"a\"b\\c/d", "\"a\\\"b\\\\c/d\""},
    {"\b\f\n\r\t", "\"\\b\\f\\n\\r\\t\""},
    {"\x01\x1b\x1f\x7f", "\"\\u0001\\u001b\\u001f\\u007f\""},
    {"caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80", "\"caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80\""},
    {"\xc2\x9b"
     "1m",
     "\"\\u009b1m\""},
    {"\xe2\x80\xae\xe2\x80\xa8", "\"\\u202e\\u2028\""},
    {"\xf3\xa0\x81\x81", "\"\\udb40\\udc41\""},
    {"\xed\xa0\xbd", "\"\\ud83d\""},
    {"\xed\xbf\xbf!", "\"\\udfff!\""},
    {"\xed\xa0\xbd\xed\xb8\x80", "\"\\ud83d\\ude00\""},
    {"\xff", "\"\xef\xbf\xbd\""},
    {"a\xff\xfe"
     "b",
     "\"a\xef\xbf\xbd\xef\xbf\xbd"
     "b\""},
    {"\xc3", "\"\xef\xbf\xbd\""},
    {"\xe2\x82", "\"\xef\xbf\xbd\xef\xbf\xbd\""},
    {"\xc0\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\""},
    {"\xf5\x80\x80\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},
    {"\xef\xbf\xbd", "\"\xef\xbf\xbd\""},
    {"\xef\xbf\xbf", "\"\xef\xbf\xbf\""},
    {"%s%n", "\"%s%n\""},
    {"</script>", "\"</script>\""},
};

static void strings_are_escaped(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(strings); i++) {
        struct fixture f;
        struct leaf leaf = {strings[i].in, 0};
        char want[200];
        start(&f, SC_RENDER_JSON);
        snprintf(want, sizeof want, "{\"type\":\"leaf\",\"name\":%s,\"n\":0}\n", strings[i].json);
        sc_record(f.out, &leaf_type, &leaf, NULL, NULL);
        assert_string_equal(printed(&f), want);
        finish(&f);
    }
}

static void random_bytes_are_valid_json_always(void **state) {
    (void)state;
    uint32_t seed = 12345;
    struct fixture f;
    start(&f, SC_RENDER_JSON);
    for (int i = 0; i < 5000; i++) {
        char text[24];
        for (size_t k = 0; k + 1 < sizeof text; k++) {
            seed = seed * 1664525 + 1013904223;
            /* mostly lead and continuation bytes, so that sequences come out almost right */
            text[k] = (char)(seed >> 24 < 60 ? seed >> 16 : 0x80 | seed >> 17);
        }
        text[sizeof text - 1] = 0;
        struct leaf leaf = {text, 1};
        sc_record(f.out, &leaf_type, &leaf, NULL, NULL);
        sc_remark(f.out, "%s|%7.5s|%c", text, text, text[0]);
    }
    assert_int_equal(check_lines(printed(&f)), 10000);
    finish(&f);
}

static void a_command_is_one_object_on_one_line(void **state) {
    (void)state;
    struct fixture f;
    struct leaf leaf = {"x", 1};
    start(&f, SC_RENDER_JSON);
    sc_out_begin(f.out, "lm \"a\"");
    sc_puts(f.out, "start end\n");
    sc_printf(f.out, "%s", "not in JSON");
    sc_record(f.out, &leaf_type, &leaf, NULL, NULL);
    sc_remark(f.out, "%s is 100%%", "this\n");
    sc_record(f.out, &leaf_type, &leaf, NULL, NULL);
    sc_out_end(f.out, NULL);
    sc_out_begin(f.out, "vertarget");
    sc_out_end(f.out, NULL);
    assert_string_equal(sink_text(&f.sink),
                        "{\"command\":\"lm \\\"a\\\"\",\"records\":["
                        "{\"type\":\"leaf\",\"name\":\"x\",\"n\":1},"
                        "{\"type\":\"note\",\"text\":\"this\\n is 100%\"},"
                        "{\"type\":\"leaf\",\"name\":\"x\",\"n\":1}],\"error\":null}\n"
                        "{\"command\":\"vertarget\",\"records\":[],\"error\":null}\n");
    finish(&f);
}

static void an_error_ends_its_command(void **state) {
    (void)state;
    static const struct {
        enum sc_err_code code;
        const char *name;
    } codes[] = {
        {SC_ERR_IO, "io"},        {SC_ERR_FORMAT, "format"}, {SC_ERR_UNSUPPORTED, "unsupported"},
        {SC_ERR_ARG, "argument"}, {SC_ERR_MEMORY, "memory"}, {SC_ERR_NOT_FOUND, "not-found"},
        {SC_ERR_LIMIT, "limit"},
    };
    for (size_t i = 0; i < COUNT(codes); i++) {
        struct fixture f;
        char want[200];
        start(&f, SC_RENDER_JSON);
        sc_err *err = sc_errf(codes[i].code, "no \"%s\"\x1b", "x");
        sc_out_begin(f.out, "c");
        sc_out_end(f.out, err);
        snprintf(want, sizeof want,
                 "{\"command\":\"c\",\"records\":[],\"error\":"
                 "{\"code\":\"%s\",\"text\":\"no \\\"x\\\"\\\\x1B\"}}\n",
                 codes[i].name);
        assert_string_equal(sink_text(&f.sink), want);
        sc_err_destroy(err);
        finish(&f);
    }
}

static void an_error_names_its_place(void **state) {
    (void)state;
    struct fixture f;
    start(&f, SC_RENDER_JSON);
    sc_err *at = sc_err_at(SC_ERR_FORMAT, "f.dmp", 0x2000, "bad");
    sc_err *mem = sc_err_mem(0x1000, "gone");
    sc_out_begin(f.out, "a");
    sc_out_end(f.out, at);
    sc_out_begin(f.out, "b");
    sc_out_end(f.out, mem);
    sc_out_begin(f.out, "c");
    sc_out_end(f.out, sc_err_nomem());
    sc_out_begin(f.out, "d");
    sc_out_end(f.out, sc_err_cancelled());
    const char *text = sink_text(&f.sink);
    assert_non_null(strstr(text, "\"code\":\"format\",\"text\":\"f.dmp: offset 0x2000: bad\","
                                 "\"offset\":\"0x2000\"}"));
    assert_non_null(strstr(text, "\"address\":\"0x0000000000001000\"}}"));
    assert_non_null(strstr(text, "{\"code\":\"out-of-memory\","));
    assert_non_null(strstr(text, "{\"code\":\"cancelled\","));
    sc_err_destroy(at);
    sc_err_destroy(mem);
    finish(&f);
}

static void an_inner_command_opens_no_object(void **state) {
    (void)state;
    struct fixture f;
    struct leaf leaf = {"x", 1};
    start(&f, SC_RENDER_JSON);
    sc_err *err = sc_errf(SC_ERR_ARG, "inner trouble");
    sc_out_begin(f.out, "outer");
    sc_out_begin(f.out, "inner");
    sc_record(f.out, &leaf_type, &leaf, NULL, NULL);
    sc_out_end(f.out, err);
    sc_out_begin(f.out, "inner");
    sc_out_end(f.out, NULL);
    sc_record(f.out, &leaf_type, &leaf, NULL, NULL);
    assert_int_equal(f.sink.calls, 0);
    sc_out_end(f.out, NULL);
    sc_out_end(f.out, err); /* one too many */
    sc_err_destroy(err);
    assert_string_equal(printed(&f),
                        "{\"command\":\"outer\",\"records\":["
                        "{\"type\":\"leaf\",\"name\":\"x\",\"n\":1},"
                        "{\"type\":\"error\",\"code\":\"argument\",\"text\":\"inner trouble\"},"
                        "{\"type\":\"leaf\",\"name\":\"x\",\"n\":1}],\"error\":null}\n");
    finish(&f);
}

static void outside_of_frames_each_record_is_a_line(void **state) {
    (void)state;
    struct fixture f;
    struct leaf leaf = {"x", 1};
    start(&f, SC_RENDER_JSON);
    sc_remark(f.out, "hello");
    sc_record(f.out, &leaf_type, &leaf, NULL, NULL);
    sc_out_begin(f.out, "c");
    sc_record(f.out, &leaf_type, &leaf, NULL, NULL);
    sc_out_end(f.out, NULL);
    assert_string_equal(printed(&f),
                        "{\"type\":\"note\",\"text\":\"hello\"}\n"
                        "{\"type\":\"leaf\",\"name\":\"x\",\"n\":1}\n"
                        "{\"command\":\"c\",\"records\":["
                        "{\"type\":\"leaf\",\"name\":\"x\",\"n\":1}],\"error\":null}\n");
    finish(&f);
}

static void an_output_ended_inside_a_command_is_valid_json(void **state) {
    (void)state;
    struct sink sink = {0};
    sc_out *out;
    struct leaf leaf = {"x", 1};
    assert_null(sc_out_create(SC_RENDER_JSON, sink_write, &sink, false, &out));
    sc_out_begin(out, "outer");
    sc_out_begin(out, "inner");
    sc_record(out, &leaf_type, &leaf, NULL, NULL);
    sc_out_destroy(out);
    assert_int_equal(check_lines(sink_text(&sink)), 1);
    assert_non_null(strstr(sink_text(&sink), "\"error\":{\"code\":\"cancelled\""));
    sink_free(&sink);
}

static void a_bare_object_is_printed_by_either_renderer(void **state) {
    (void)state;
    struct fixture f;
    struct leaf leaf = {"x", 1};
    start(&f, SC_RENDER_TEXT);
    sc_out_begin(f.out, "c");
    sc_out_json(f.out, &leaf_type, &leaf);
    sc_puts(f.out, "\n");
    sc_out_end(f.out, NULL);
    assert_string_equal(printed(&f), "{\"type\":\"leaf\",\"name\":\"x\",\"n\":1}\n");
    finish(&f);
    start(&f, SC_RENDER_JSON);
    sc_out_begin(f.out, "c");
    sc_record(f.out, &leaf_type, &leaf, NULL, NULL);
    sc_out_json(f.out, &leaf_type, &leaf);
    sc_record(f.out, &leaf_type, &leaf, NULL, NULL);
    sc_out_end(f.out, NULL);
    assert_int_equal(check_lines(printed(&f)), 1);
    finish(&f);
}

/* --- nesting --- */

struct node {
    const char *name;
    const struct node *child;
    size_t nchild;
};
extern const struct sc_rectype node_type;
static const struct sc_field node_fields[] = {
    SC_FIELD(struct node, name, SC_F_STR),
    SC_FIELD_LIST(struct node, child, nchild, &node_type),
    SC_FIELD_END,
};
const struct sc_rectype node_type = {"node", sizeof(struct node), node_fields};

static void lists_nest(void **state) {
    (void)state;
    static const struct node leaves[] = {{"b1", NULL, 0}, {"b2", NULL, 0}};
    static const struct node middle[] = {{"a1", leaves, 2}, {"a2", NULL, 0}};
    struct node root = {"r", middle, 2};
    struct fixture f;
    start(&f, SC_RENDER_JSON);
    sc_record(f.out, &node_type, &root, NULL, NULL);
    assert_string_equal(printed(&f),
                        "{\"type\":\"node\",\"name\":\"r\",\"child\":["
                        "{\"name\":\"a1\",\"child\":[{\"name\":\"b1\",\"child\":[]},"
                        "{\"name\":\"b2\",\"child\":[]}]},{\"name\":\"a2\",\"child\":[]}]}\n");
    finish(&f);
}

static void a_record_that_holds_itself_ends(void **state) {
    (void)state;
    struct node loop = {"loop", &loop, 1};
    struct fixture f;
    start(&f, SC_RENDER_JSON);
    sc_record(f.out, &node_type, &loop, NULL, NULL);
    assert_int_equal(check_lines(printed(&f)), 1);
    assert_non_null(strstr(printed(&f), "\"child\":[null]"));
    finish(&f);
}

/* --- streaming --- */

struct stream_check {
    char line[4096];
    size_t len, lines, bytes, largest;
    bool bad;
};

/* Checks complete lines as they come and keeps none. */
static bool check_stream(void *ctx, const char *data, size_t len) {
    struct stream_check *c = ctx;
    c->bytes += len;
    c->largest = len > c->largest ? len : c->largest;
    for (size_t i = 0; i < len; i++) {
        if (c->len + 1 >= sizeof c->line)
            return !(c->bad = true);
        c->line[c->len++] = data[i];
        if (data[i] != '\n')
            continue;
        c->line[c->len] = 0;
        c->bad |= check_lines(c->line) != 1;
        c->lines++;
        c->len = 0;
    }
    return true;
}

static void a_hundred_thousand_records_stream(void **state) {
    (void)state;
    static struct stream_check check;
    sc_out *out;
    assert_null(sc_out_create(SC_RENDER_JSON, check_stream, &check, false, &out));
    for (uint32_t i = 0; i < 100000; i++) {
        char name[32];
        struct leaf leaf = {name, (uint16_t)i};
        snprintf(name, sizeof name, "driver \"%u\"\n", i);
        sc_record(out, &leaf_type, &leaf, NULL, NULL);
        if (i == 1000)
            assert_true(check.bytes > 16000); /* written while records come */
    }
    sc_out_destroy(out);
    assert_false(check.bad);
    assert_int_equal(check.lines, 100000);
    assert_int_equal(check.len, 0);
    assert_true(check.largest <= 65536);
}

static void one_command_of_many_records_is_one_line(void **state) {
    (void)state;
    struct fixture f;
    start(&f, SC_RENDER_JSON);
    sc_out_begin(f.out, "!process 0 7");
    for (uint32_t i = 0; i < 100000; i++) {
        struct leaf leaf = {"thread", (uint16_t)i};
        sc_record(f.out, &leaf_type, &leaf, NULL, NULL);
    }
    sc_out_end(f.out, NULL);
    assert_int_equal(check_lines(sink_text(&f.sink)), 1);
    finish(&f);
}

static void a_refused_write_ends_a_list(void **state) {
    (void)state;
    struct sink sink = {.limit = 100};
    sc_out *out;
    uint64_t *hexes = calloc(1000000, sizeof *hexes);
    assert_non_null(hexes);
    struct all record = {.hexes = hexes, .nhexes = 1000000};
    assert_null(sc_out_create(SC_RENDER_JSON, sink_write, &sink, false, &out));
    sc_record(out, &all_type, &record, NULL, NULL);
    assert_true(sc_out_failed(out));
    assert_int_equal(sink.calls, 1);
    assert_int_equal(sink.len, 0);
    sc_out_destroy(out);
    free(hexes);
    sink_free(&sink);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_checker_knows_right_from_wrong),
        cmocka_unit_test(unknown_numbers_are_null),
        cmocka_unit_test(every_field_type_has_its_form),
        cmocka_unit_test(what_is_not_known_is_null),
        cmocka_unit_test(spans_and_times_keep_their_digits),
        cmocka_unit_test(strings_are_escaped),
        cmocka_unit_test(random_bytes_are_valid_json_always),
        cmocka_unit_test(a_command_is_one_object_on_one_line),
        cmocka_unit_test(an_error_ends_its_command),
        cmocka_unit_test(an_error_names_its_place),
        cmocka_unit_test(an_inner_command_opens_no_object),
        cmocka_unit_test(outside_of_frames_each_record_is_a_line),
        cmocka_unit_test(an_output_ended_inside_a_command_is_valid_json),
        cmocka_unit_test(a_bare_object_is_printed_by_either_renderer),
        cmocka_unit_test(lists_nest),
        cmocka_unit_test(a_record_that_holds_itself_ends),
        cmocka_unit_test(a_hundred_thousand_records_stream),
        cmocka_unit_test(one_command_of_many_records_is_one_line),
        cmocka_unit_test(a_refused_write_ends_a_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
