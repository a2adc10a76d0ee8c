/* SPDX-License-Identifier: MIT */
/* Typed values: members by path, numbers, pointers, bit fields, text of types. */
#include "fake_session.h"
#include "fake_types.h"
#include "stopcode/value.h"

#define AT  0xffffa00000001000ULL
#define AT2 0xffffa00000002000ULL

static uint8_t one[THING_SIZE], two[THING_SIZE];

static int open_target(void **state) {
    fake_thing(one, AT, AT2, 0);
    fake_thing(two, AT2, 0, 0);
    two[0] = 0x42;
    struct sc_fake_bytes memory[] = {{AT, one, sizeof one}, {AT2, two, sizeof two}};
    struct sc_fake fake = {
        .sz = sizeof fake, .cpu = SC_CPU_X64, .kernel = true, .memory = memory, .nmemory = 2};
    sc_target *target;
    assert_null(sc_target_fake(&fake, &target));
    *state = target;
    return 0;
}

static int close_target(void **state) {
    sc_target_close(*state);
    return 0;
}

static uint64_t number_at(struct sc_value *thing, const char *path) {
    struct sc_value v;
    uint64_t n = 0;
    enum sc_read status;
    sc_err *err = sc_value_member(thing, path, &v);
    if (err)
        fail_msg("%s: %s", path, sc_err_text(err));
    assert_null(sc_value_uint(&v, &n, &status));
    assert_int_equal(status, SC_READ_OK);
    return n;
}

static void paths_lead_through_members_pointers_and_arrays(void **state) {
    sc_symbols *s = fake_symbols_open(&fake_kernel);
    struct sc_value t = sc_value_at(sc_target_space(*state), s, T_THING, AT), v;
    int64_t count;
    enum sc_read status;
    assert_int_equal(number_at(&t, "Type"), 0x41);
    assert_int_equal(number_at(&t, "Next->Type"), 0x42);
    assert_int_equal(number_at(&t, "Next.Type"), 0x42);
    assert_int_equal(number_at(&t, "Slots[1]"), 0x80);
    assert_int_equal(number_at(&t, "Slots[0x1]"), 0x80);
    assert_int_equal(number_at(&t, "Text[4]"), 'o');
    assert_int_equal(number_at(&t, "type"), 0x41); /* any case */
    assert_int_equal(number_at(&t, "Busy"), 1);
    assert_int_equal(number_at(&t, "Level"), 5);
    assert_null(sc_value_member(&t, "Count", &v));
    assert_null(sc_value_int(&v, &count, &status));
    assert_int_equal(count, -5);
    assert_null(sc_value_member(&t, "Link.Blink", &v));
    assert_int_equal(v.offset, 0x50);
    assert_int_equal(v.address, AT + 0x50);
    sc_symbols_unref(s);
}

static void inherited_members_are_found_with_their_offset(void **state) {
    sc_symbols *s = fake_symbols_open(&fake_kernel);
    struct sc_value t = sc_value_at(sc_target_space(*state), s, T_DERIVED, AT - 8), v;
    assert_int_equal(number_at(&t, "Type"), 0x41);
    assert_null(sc_value_member(&t, "Link", &v));
    assert_int_equal(v.offset, 0x50);
    sc_symbols_unref(s);
}

static void fails(struct sc_value *t, const char *path, enum sc_err_code code, const char *part) {
    struct sc_value v = {.offset = 77};
    sc_err *err = sc_value_member(t, path, &v);
    assert_non_null(err);
    assert_int_equal(sc_err_code(err), code);
    if (!strstr(sc_err_text(err), part))
        assert_string_equal(sc_err_text(err), part);
    assert_int_equal(v.offset, 77);
    sc_err_destroy(err);
}

static void what_does_not_exist_is_named(void **state) {
    sc_symbols *s = fake_symbols_open(&fake_kernel);
    struct sc_value t = sc_value_at(sc_target_space(*state), s, T_THING, AT);
    struct sc_value gone = sc_value_at(sc_target_space(*state), s, T_THING, 0xffffb00000000000);
    fails(&t, "Nothing", SC_ERR_NOT_FOUND, "_THING has no field Nothing");
    fails(&t, "Link.Nothing", SC_ERR_NOT_FOUND, "_LIST_ENTRY has no field Nothing");
    fails(&t, "Slots[2]", SC_ERR_NOT_FOUND, "the array has 2 elements");
    fails(&t, "Count[0]", SC_ERR_ARG, "only arrays");
    fails(&t, "Slots[x]", SC_ERR_ARG, "subscript");
    fails(&t, "Link..Flink", SC_ERR_ARG, "no path of fields");
    fails(&t, "", SC_ERR_ARG, "no path of fields");
    fails(&t, "Strange.Field", SC_ERR_NOT_FOUND, "not known");
    fails(&t, "Next->Next->Type", SC_ERR_MEMORY, "null");
    fails(&gone, "Next->Type", SC_ERR_MEMORY, "cannot be read");
    sc_symbols_unref(s);
}

static void missing_memory_is_a_status(void **state) {
    sc_symbols *s = fake_symbols_open(&fake_kernel);
    struct sc_value v = sc_value_at(sc_target_space(*state), s, T_UINT, 0xffffb00000000000);
    uint64_t n = 7;
    enum sc_read status = SC_READ_OK;
    assert_null(sc_value_uint(&v, &n, &status));
    assert_int_not_equal(status, SC_READ_OK);
    assert_int_equal(n, 7);
    v.space = NULL;
    assert_null(sc_value_uint(&v, &n, &status));
    assert_int_equal(status, SC_READ_INVALID);
    v.type = T_THING;
    sc_err *err = sc_value_uint(&v, &n, &status);
    assert_int_equal(sc_err_code(err), SC_ERR_ARG);
    sc_err_destroy(err);
    sc_symbols_unref(s);
}

static void type_is(sc_symbols *s, uint32_t id, const char *dt, const char *c, const char *decl) {
    char buf[128];
    assert_null(sc_type_text(s, id, buf, sizeof buf));
    assert_string_equal(buf, dt);
    assert_null(sc_type_c_text(s, id, buf, sizeof buf));
    assert_string_equal(buf, c);
    assert_null(sc_type_decl_text(s, id, buf, sizeof buf));
    assert_string_equal(buf, decl);
}

static void types_have_their_text(void **state) {
    (void)state;
    sc_symbols *s = fake_symbols_open(&fake_kernel);
    char small[8];
    type_is(s, T_UINT, "Uint4B", "unsigned long", "unsigned long");
    type_is(s, T_P_THING, "Ptr64 _THING", "_THING*", "struct _THING *");
    type_is(s, T_A_IMAGE, "[4] UChar", "unsigned char [4]", "unsigned char [4]");
    type_is(s, T_P_FUNCTION, "Ptr64     long ", "long ()*", "<function> *");
    type_is(s, T_BITS_BUSY, "Pos 0, 1 Bit", "unsigned short", "unsigned short");
    type_is(s, 0, "<unknown type>", "void", "<unknown type>");
    type_is(s, T_P_VOID, "Ptr64 Void", "void*", "void *");
    type_is(s, T_INTEGER, "Int4B", "long", "int");
    assert_null(sc_type_text(s, T_P_THING, small, sizeof small));
    assert_string_equal(small, "Ptr64 _");
    sc_symbols_unref(s);
}

static void a_type_that_leads_to_itself_ends(void **state) {
    (void)state;
    sc_symbols *s = fake_symbols_open(&fake_kernel);
    char buf[512];
    assert_null(sc_type_text(s, T_LOOP, buf, sizeof buf));
    assert_non_null(strstr(buf, "<unknown type>"));
    sc_symbols_unref(s);
}

/* Sixteen unnamed members of its own type, sixteen levels deep: more than anyone can wait for. */
static void a_structure_that_holds_itself_ends(void **state) {
    (void)state;
    static const struct sc_type type = {
        .id = 1, .kind = SC_TYPE_STRUCT, .name = "_SELF", .size = 16, .count = 16};
    struct fake_member members[16];
    for (unsigned i = 0; i < 16; i++)
        members[i] =
            (struct fake_member){1, {.name = "", .kind = SC_MEMBER_FIELD, .offset = i, .type = 1}};
    struct fake_symbols fake = {
        .provider = "pdb", .type = &type, .ntypes = 1, .member = members, .nmembers = 16};
    sc_symbols *s = fake_symbols_open(&fake);
    struct sc_member m;
    bool found = true;
    assert_null(sc_type_member(s, 1, "Nothing", &m, &found));
    assert_false(found);
    sc_symbols_unref(s);
}

static void enumerators_have_names_and_values(void **state) {
    (void)state;
    sc_symbols *s = fake_symbols_open(&fake_kernel);
    const char *name = NULL;
    int64_t value = 0;
    bool found = false;
    assert_null(sc_type_enumerator(s, T_KIND, -1, &name));
    assert_string_equal(name, "KindBad");
    assert_null(sc_type_enumerator(s, T_KIND, 9, &name));
    assert_null(name);
    assert_null(sc_type_enum_value(s, T_KIND, "KindGood", &value, &found));
    assert_true(found && value == 1);
    sc_symbols_unref(s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_lead_through_members_pointers_and_arrays),
        cmocka_unit_test(inherited_members_are_found_with_their_offset),
        cmocka_unit_test(what_does_not_exist_is_named),
        cmocka_unit_test(missing_memory_is_a_status),
        cmocka_unit_test(types_have_their_text),
        cmocka_unit_test(a_type_that_leads_to_itself_ends),
        cmocka_unit_test(a_structure_that_holds_itself_ends),
        cmocka_unit_test(enumerators_have_names_and_values),
    };
    return cmocka_run_group_tests(tests, open_target, close_target);
}
