/* SPDX-License-Identifier: MIT */
/* Symbol tables: what the provider answers, and what it refuses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "isf/isf.h"

#define META                                                                                       \
    "\"metadata\":{\"format\":\"6.1.0\",\"windows\":{\"pdb\":{\"GUID\":"                           \
    "\"5278AFF86C341677D7D7835C85B7B844\",\"age\":3,\"database\":\"ntkrnlmp.pdb\","                \
    "\"machine_type\":34404}}}"
#define ULONG  "{\"kind\":\"base\",\"name\":\"unsigned long\"}"
#define MYSELF "{\"kind\":\"pointer\",\"subtype\":{\"kind\":\"struct\",\"name\":\"_S\"}}"

/* Types are used before they are defined, and members come in any order. */
static const char table[] =
    "{\"symbols\":{\"beta\":{\"address\":8192},\"alpha\":{\"address\":4096,\"linkage_name\":"
    "\"_alpha\"},\"twin\":{\"address\":8192},\"fn\":{\"type\":{\"kind\":\"function\"},"
    "\"address\":12288},\"var\":{\"address\":16384,\"type\":" MYSELF "},"
    "\"limit\":{\"address\":0,\"constant_data\":\"AQIDBA==\",\"type\":" ULONG "}},"
    "\"user_types\":{\"_S\":{\"size\":32,\"kind\":\"struct\",\"fields\":{"
    "\"Next\":{\"type\":" MYSELF ",\"offset\":8},"
    "\"Array\":{\"offset\":16,\"type\":{\"count\":3,\"kind\":\"array\",\"subtype\":" ULONG "}},"
    "\"Low\":{\"offset\":0,\"type\":{\"kind\":\"bitfield\",\"bit_position\":0,\"bit_length\":3,"
    "\"type\":" ULONG "}},\"High\":{\"offset\":0,\"type\":{\"kind\":\"bitfield\","
    "\"bit_position\":3,\"bit_length\":29,\"type\":" ULONG "}},"
    "\"All\":{\"offset\":0,\"type\":" ULONG "},"
    "\"Gone\":{\"offset\":28,\"type\":{\"kind\":\"union\",\"name\":\"_NOWHERE\"}},"
    "\"Kind\":{\"offset\":30,\"type\":{\"kind\":\"enum\",\"name\":\"_E\"}}}},"
    "\"__anonymous_12\":{\"kind\":\"union\",\"size\":4,\"fields\":{}}},"
    "\"enums\":{\"_E\":{\"size\":4,\"base\":\"long\",\"constants\":{\"Zero\":0,\"Minus\":-1,"
    "\"Big\":4294967295}}},"
    "\"base_types\":{\"unsigned long\":{\"kind\":\"int\",\"size\":4,\"signed\":false,\"endian\":"
    "\"little\"},\"long\":{\"kind\":\"int\",\"size\":4,\"signed\":true},\"int\":{"
    "\"kind\":\"int\",\"size\":4,\"signed\":true},\"unsigned char\":{"
    "\"kind\":\"char\",\"size\":1,\"signed\":false},\"wchar\":{\"kind\":\"int\",\"size\":2,"
    "\"signed\":true},\"void\":{\"kind\":\"void\",\"size\":0,\"signed\":true},\"pointer\":{"
    "\"kind\":\"int\",\"size\":8,\"signed\":false}}," META ",\"extra\":[{\"a\":[1]}]}";

static sc_symbols *open_text(const char *text) {
    sc_symbols *s = NULL;
    sc_err *err = sc_isf_open_memory("t.json", text, strlen(text), &s);
    if (err)
        fail_msg("%s", sc_err_text(err));
    return s;
}

static int setup(void **state) {
    *state = open_text(table);
    return 0;
}

static int teardown(void **state) {
    sc_symbols_unref(*state);
    return 0;
}

static void it_says_which_pdb_it_is_of(void **state) {
    struct sc_symbols_info info;
    sc_symbols_info(*state, &info);
    assert_string_equal(info.provider, "isf");
    assert_int_equal(info.guid.a, 0x5278aff8);
    assert_int_equal(info.guid.d[7], 0x44);
    assert_int_equal(info.age, 3);
    assert_int_equal(info.cpu, SC_CPU_X64);
    assert_true(info.has_types);
    assert_false(info.has_lines);
}

static void nearest_is(sc_symbols *s, uint32_t rva, unsigned kinds, const char *want) {
    struct sc_symbol symbol;
    bool found = true;
    assert_null(sc_symbols_nearest(s, rva, kinds, &symbol, &found));
    assert_int_equal(found, want != NULL);
    if (found)
        assert_string_equal(symbol.name, want);
}

static void nearest_is_the_last_at_or_below(void **state) {
    nearest_is(*state, 4095, SC_SYM_ANY, NULL);
    nearest_is(*state, 4096, SC_SYM_ANY, "_alpha");
    nearest_is(*state, 8191, SC_SYM_ANY, "_alpha");
    nearest_is(*state, UINT32_MAX, SC_SYM_ANY, "var");
    nearest_is(*state, UINT32_MAX, SC_SYM_FUNCTION, "fn");
    nearest_is(*state, UINT32_MAX, SC_SYM_PUBLIC, "beta");
    nearest_is(*state, UINT32_MAX, SC_SYM_LABEL, NULL);
}

static void of_two_at_one_address_the_first_in_the_file_is_nearest(void **state) {
    nearest_is(*state, 8200, SC_SYM_ANY, "beta");
}

static void names_are_the_linkers_and_both_are_found(void **state) {
    struct sc_symbol s;
    bool found;
    assert_null(sc_symbols_find(*state, "_alpha", &s, &found));
    assert_true(found);
    assert_null(sc_symbols_find(*state, "alpha", &s, &found));
    assert_true(found);
    assert_string_equal(s.name, "_alpha");
    assert_int_equal(s.rva, 4096);
    assert_null(sc_symbols_find(*state, "alph", &s, &found));
    assert_false(found);
}

static void constants_have_values(void **state) {
    struct sc_symbol s;
    bool found;
    assert_null(sc_symbols_find(*state, "limit", &s, &found));
    assert_true(found);
    assert_int_equal(s.kind, SC_SYM_CONSTANT);
    assert_int_equal(s.value, 0x04030201);
}

struct list {
    char text[400];
    unsigned most;
};

static bool add_name(struct list *l, const char *name) {
    strncat(l->text, name, sizeof l->text - strlen(l->text) - 1);
    strncat(l->text, " ", sizeof l->text - strlen(l->text) - 1);
    return !l->most || --l->most;
}
static bool add_symbol(void *ctx, const struct sc_symbol *s) { return add_name(ctx, s->name); }
static bool add_type(void *ctx, const struct sc_type *t) { return add_name(ctx, t->name); }
static bool add_member(void *ctx, const struct sc_member *m) { return add_name(ctx, m->name); }

static void each_lists_by_pattern_and_kind_and_can_be_stopped(void **state) {
    struct list all = {0}, some = {0}, one = {.most = 1}, consts = {0};
    assert_null(sc_symbols_each(*state, NULL, SC_SYM_ANY, add_symbol, &all));
    assert_string_equal(all.text, "_alpha beta twin fn var limit ");
    assert_null(sc_symbols_each(*state, "*a", SC_SYM_ANY, add_symbol, &some));
    assert_string_equal(some.text, "_alpha beta ");
    assert_null(sc_symbols_each(*state, "*", SC_SYM_ANY, add_symbol, &one));
    assert_string_equal(one.text, "_alpha ");
    assert_null(sc_symbols_each(*state, "*", SC_SYM_CONSTANT, add_symbol, &consts));
    assert_string_equal(consts.text, "limit ");
}

static uint32_t type_id(sc_symbols *s, const char *name) {
    uint32_t id = 0;
    bool found = false;
    assert_null(sc_symbols_type_named(s, name, &id, &found));
    assert_true(found);
    return id;
}

static void base_types_have_windbgs_names(void **state) {
    static const struct {
        const char *name;
        enum sc_type_kind kind;
        unsigned size;
        bool is_signed;
    } want[] = {{"Uint4B", SC_TYPE_INT, 4, false},
                {"Int4B", SC_TYPE_INT, 4, true},
                {"UChar", SC_TYPE_CHAR, 1, false},
                {"Wchar", SC_TYPE_CHAR, 2, false},
                {"Void", SC_TYPE_VOID, 0, true}};
    struct sc_type whole, longer;
    assert_int_equal(type_id(*state, "unsigned long"), type_id(*state, "Uint4B"));
    assert_null(sc_symbols_type(*state, type_id(*state, "int"), &whole));
    assert_null(sc_symbols_type(*state, type_id(*state, "long"), &longer));
    assert_string_equal(whole.name, "Int4B");
    assert_true(whole.is_int && !longer.is_int);
    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        struct sc_type t;
        assert_null(sc_symbols_type(*state, type_id(*state, want[i].name), &t));
        assert_int_equal(t.kind, want[i].kind);
        assert_int_equal(t.size, want[i].size);
        assert_int_equal(t.is_signed, want[i].is_signed);
    }
}

static void members_stand_by_offset_with_whole_ones_before_bits(void **state) {
    struct list names = {0};
    assert_null(sc_symbols_members(*state, type_id(*state, "_S"), add_member, &names));
    assert_string_equal(names.text, "All Low High Next Array Gone Kind ");
}

struct wanted {
    const char *name;
    struct sc_member got;
    bool found;
};
static bool look_for(void *ctx, const struct sc_member *m) {
    struct wanted *w = ctx;
    if (strcmp(m->name, w->name) != 0)
        return true;
    w->got = *m;
    w->found = true;
    return false;
}

static struct sc_type type_of(sc_symbols *s, const char *member, struct sc_member *ret) {
    struct wanted w = {.name = member};
    struct sc_type t;
    assert_null(sc_symbols_members(s, type_id(s, "_S"), look_for, &w));
    assert_true(w.found);
    assert_null(sc_symbols_type(s, w.got.type, &t));
    *ret = w.got;
    return t;
}

static void types_of_members_lead_to_what_they_are_made_of(void **state) {
    struct sc_member m;
    struct sc_type t = type_of(*state, "Next", &m), target;
    assert_int_equal(t.kind, SC_TYPE_POINTER);
    assert_int_equal(t.size, 8);
    assert_null(sc_symbols_type(*state, t.target, &target));
    assert_string_equal(target.name, "_S");
    assert_int_equal(target.id, type_id(*state, "_S"));
    t = type_of(*state, "Array", &m);
    assert_int_equal(t.kind, SC_TYPE_ARRAY);
    assert_int_equal(t.count, 3);
    assert_int_equal(t.size, 12);
    t = type_of(*state, "High", &m);
    assert_int_equal(t.kind, SC_TYPE_BITFIELD);
    assert_int_equal(m.bit_pos, 3);
    assert_int_equal(m.bit_len, 29);
    assert_int_equal(t.size, 4);
}

static void what_is_not_defined_is_a_forward_reference(void **state) {
    struct sc_member m;
    struct sc_type t = type_of(*state, "Gone", &m);
    assert_true(t.forward);
    assert_int_equal(t.kind, SC_TYPE_UNION);
    assert_string_equal(t.name, "_NOWHERE");
}

static bool check_value(void *ctx, const struct sc_member *m) {
    int64_t *sum = ctx;
    assert_int_equal(m->kind, SC_MEMBER_ENUMERATOR);
    *sum = *sum * 10 + (m->value == -1 ? 1 : m->value == 0 ? 2 : 3);
    return true;
}

static void enumerators_stand_by_value_and_may_be_negative(void **state) {
    struct sc_type t, base;
    int64_t order = 0;
    uint32_t id = type_id(*state, "_E");
    assert_null(sc_symbols_type(*state, id, &t));
    assert_int_equal(t.kind, SC_TYPE_ENUM);
    assert_int_equal(t.count, 3);
    assert_null(sc_symbols_type(*state, t.target, &base));
    assert_string_equal(base.name, "Int4B");
    assert_null(sc_symbols_members(*state, id, check_value, &order));
    assert_int_equal(order, 123);
}

static void types_lists_definitions_with_names(void **state) {
    struct list names = {0};
    assert_null(sc_symbols_types(*state, "_*", add_type, &names));
    assert_string_equal(names.text, "_S _E ");
}

static void a_type_that_is_not_there_is_an_error(void **state) {
    struct sc_type t;
    const uint32_t ids[] = {0, 999999, UINT32_MAX};
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        sc_err *err = sc_symbols_type(*state, ids[i], &t);
        assert_int_equal(sc_err_code(err), SC_ERR_NOT_FOUND);
        sc_err_destroy(err);
    }
}

static void refused(const char *text, enum sc_err_code code, const char *part) {
    sc_symbols *s = NULL;
    sc_err *err = sc_isf_open_memory("t.json", text, strlen(text), &s);
    assert_non_null(err);
    assert_null(s);
    if (sc_err_code(err) != code || !strstr(sc_err_text(err), part))
        fail_msg("%s: said \"%s\"", text, sc_err_text(err));
    sc_err_destroy(err);
}

#define FIELD(rest)                                                                                \
    "{\"user_types\":{\"_S\":{\"size\":8,\"kind\":\"struct\",\"fields\":{\"f\":{" rest "}}}}}"

static void what_is_no_table_is_refused(void **state) {
    (void)state;
    refused("{}", SC_ERR_FORMAT, "no symbol table");
    refused("[]", SC_ERR_FORMAT, "a symbol table");
    refused("{\"symbols\":7}", SC_ERR_FORMAT, "a table of names");
    refused("{\"symbols\":{\"a\":{}}}", SC_ERR_FORMAT, "without an address");
    refused("{\"symbols\":{\"a\":{\"address\":-1}}}", SC_ERR_FORMAT, "offset 0x1b");
    refused("{\"symbols\":{\"a\":{\"address\":4294967296}}}", SC_ERR_FORMAT,
            "address of a symbol (an offset in an image) out of range");
    refused("{\"symbols\":{\"a\":{\"address\":1.5}}}", SC_ERR_FORMAT, "out of range");
    refused("{\"symbols\":{\"a\":{\"address\":1}}", SC_ERR_FORMAT, "ends too early");
    refused(FIELD("\"offset\":0"), SC_ERR_FORMAT, "without type or offset");
    refused(FIELD("\"offset\":0,\"type\":{}"), SC_ERR_FORMAT, "without a kind");
    refused(FIELD("\"offset\":0,\"type\":{\"kind\":\"pointer\"}"), SC_ERR_FORMAT, "of nothing");
    refused(FIELD("\"offset\":0,\"type\":{\"kind\":\"struct\"}"), SC_ERR_FORMAT, "without a name");
    refused(FIELD("\"offset\":0,\"type\":{\"kind\":\"blob\"}"), SC_ERR_FORMAT, "unknown kind");
    refused("\x1f\x8b\x08", SC_ERR_UNSUPPORTED, "gzip");
}

static void huge_counts_are_refused(void **state) {
    (void)state;
    refused(FIELD("\"offset\":0,\"type\":{\"kind\":\"array\",\"count\":4294967296,\"subtype\":"
                  "{\"kind\":\"struct\",\"name\":\"_S\"}}"),
            SC_ERR_FORMAT, "count of an array");
    /* 2^32 elements of 2^32 elements of 8 bytes: larger than any memory. */
    refused(FIELD("\"offset\":0,\"type\":{\"kind\":\"array\",\"count\":4294967295,\"subtype\":"
                  "{\"kind\":\"array\",\"count\":4294967295,\"subtype\":"
                  "{\"kind\":\"struct\",\"name\":\"_S\"}}}"),
            SC_ERR_FORMAT, "larger than any memory");
    refused(FIELD("\"offset\":99999999999999,\"type\":{\"kind\":\"function\"}"), SC_ERR_FORMAT,
            "offset");
}

/* A structure that contains itself costs nothing: sizes are the file's. */
static void cycles_do_no_harm(void **state) {
    (void)state;
    sc_symbols *s = open_text(FIELD("\"offset\":0,\"type\":{\"kind\":\"struct\",\"name\":\"_S\"}"));
    struct sc_member m;
    struct sc_type t = type_of(s, "f", &m);
    assert_int_equal(t.size, 8);
    assert_int_equal(t.id, type_id(s, "_S"));
    sc_symbols_unref(s);
}

static void a_deep_type_is_refused(void **state) {
    (void)state;
    char text[4096] = "{\"user_types\":{\"_S\":{\"fields\":{\"f\":{\"offset\":0,\"type\":";
    for (int i = 0; i < 70; i++)
        strcat(text, "{\"kind\":\"pointer\",\"subtype\":");
    refused(text, SC_ERR_LIMIT, "nested more than 64 deep");
}

/* {"symbols":{"a":{"address":7}}} */
static const uint8_t packed[] = {
    0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00, 0x00, 0x04, 0xe6, 0xd6, 0xb4, 0x46, 0x02, 0x00, 0x21,
    0x01, 0x16, 0x00, 0x00, 0x00, 0x74, 0x2f, 0xe5, 0xa3, 0x01, 0x00, 0x1e, 0x7b, 0x22, 0x73,
    0x79, 0x6d, 0x62, 0x6f, 0x6c, 0x73, 0x22, 0x3a, 0x7b, 0x22, 0x61, 0x22, 0x3a, 0x7b, 0x22,
    0x61, 0x64, 0x64, 0x72, 0x65, 0x73, 0x73, 0x22, 0x3a, 0x37, 0x7d, 0x7d, 0x7d, 0x00, 0x00,
    0x0f, 0x1f, 0x4e, 0x9c, 0x58, 0xe2, 0x79, 0xc2, 0x00, 0x01, 0x37, 0x1f, 0xea, 0x18, 0x89,
    0x3d, 0x1f, 0xb6, 0xf3, 0x7d, 0x01, 0x00, 0x00, 0x00, 0x00, 0x04, 0x59, 0x5a};

static void a_packed_table_is_unpacked(void **state) {
    (void)state;
    sc_symbols *s = NULL;
    sc_err *err = sc_isf_open_memory("t.json.xz", packed, sizeof packed, &s);
    if (err)
        fail_msg("%s", sc_err_text(err));
    nearest_is(s, 8, SC_SYM_ANY, "a");
    sc_symbols_unref(s);
}

static void a_damaged_packed_table_is_refused(void **state) {
    (void)state;
    for (size_t i = 6; i < sizeof packed; i++) {
        uint8_t copy[sizeof packed];
        sc_symbols *s = NULL;
        sc_err *err = sc_isf_open_memory("t.json.xz", packed, i, &s);
        assert_non_null(err); /* cut */
        sc_err_destroy(err);
        memcpy(copy, packed, sizeof copy);
        copy[i] ^= 1;
        err = sc_isf_open_memory("t.json.xz", copy, sizeof copy, &s);
        assert_non_null(err); /* one bit changed */
        sc_err_destroy(err);
    }
}

/* Every beginning of the table is refused with an offset, and nothing leaks. */
static void a_table_cut_anywhere_is_refused(void **state) {
    (void)state;
    for (size_t len = 0; len < sizeof table - 1; len++) {
        sc_symbols *s = NULL;
        uint64_t offset = 0;
        sc_err *err = sc_isf_open_memory("t.json", table, len, &s);
        assert_non_null(err);
        assert_true(sc_err_offset(err, &offset));
        assert_in_range(offset, 0, len);
        sc_err_destroy(err);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_says_which_pdb_it_is_of),
        cmocka_unit_test(nearest_is_the_last_at_or_below),
        cmocka_unit_test(of_two_at_one_address_the_first_in_the_file_is_nearest),
        cmocka_unit_test(names_are_the_linkers_and_both_are_found),
        cmocka_unit_test(constants_have_values),
        cmocka_unit_test(each_lists_by_pattern_and_kind_and_can_be_stopped),
        cmocka_unit_test(base_types_have_windbgs_names),
        cmocka_unit_test(members_stand_by_offset_with_whole_ones_before_bits),
        cmocka_unit_test(types_of_members_lead_to_what_they_are_made_of),
        cmocka_unit_test(what_is_not_defined_is_a_forward_reference),
        cmocka_unit_test(enumerators_stand_by_value_and_may_be_negative),
        cmocka_unit_test(types_lists_definitions_with_names),
        cmocka_unit_test(a_type_that_is_not_there_is_an_error),
        cmocka_unit_test(what_is_no_table_is_refused),
        cmocka_unit_test(huge_counts_are_refused),
        cmocka_unit_test(cycles_do_no_harm),
        cmocka_unit_test(a_deep_type_is_refused),
        cmocka_unit_test(a_packed_table_is_unpacked),
        cmocka_unit_test(a_damaged_packed_table_is_refused),
        cmocka_unit_test(a_table_cut_anywhere_is_refused),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
