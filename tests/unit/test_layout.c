/* SPDX-License-Identifier: MIT */
/* Layouts: binding tables of fields to symbols, and reading structures by them. */
#include "fake_session.h"
#include "fake_types.h"
#include "stopcode/layout.h"

#define AT   0xffffa00000001000ULL
#define HALF 0xffffa00000003000ULL /* only its first half is in the dump */

enum { TYPE, COUNT, LEVEL, NEW_NAME, GONE, IMAGE, STRANGE };
static const struct sc_layout_field fields[] = {
    [TYPE] = {"Type", 0, false},        [COUNT] = {"Count", 0, false},
    [LEVEL] = {"Level", 0, false},      [NEW_NAME] = {"OldWhen.QuadPart|When.QuadPart", 0, false},
    [GONE] = {"Gone|GoneToo", 0, true}, [IMAGE] = {"Image", 0, true},
    [STRANGE] = {"Strange", 4, true},
};
static const struct sc_layout_def thing = {"nt!_OLDTHING|nt!_THING", fields, 7};

static uint8_t bytes[THING_SIZE];
static const struct sc_module modules[] = {{.base = 0xfffff80000000000,
                                            .size = 0x10000,
                                            .name = "nt",
                                            .image = "ntoskrnl.exe",
                                            .path = "ntoskrnl.exe"}};
static sc_target *target;
static sc_symtab *symtab;

static int open_all(void **state) {
    (void)state;
    fake_thing(bytes, AT, 0, 0);
    struct sc_fake_bytes memory[] = {{AT, bytes, sizeof bytes}, {HALF, bytes, 0x20}};
    struct sc_fake fake = {.sz = sizeof fake,
                           .cpu = SC_CPU_X64,
                           .kernel = true,
                           .modules = modules,
                           .nmodules = 1,
                           .memory = memory,
                           .nmemory = 2};
    const struct sc_modules *list;
    sc_symbols *s = fake_symbols_open(&fake_kernel);
    assert_null(sc_target_fake(&fake, &target));
    assert_null(sc_symtab_create(target, NULL, &symtab));
    assert_null(sc_target_modules(target, &list));
    assert_null(sc_symtab_attach(symtab, &list->item[0], s, "test"));
    sc_symbols_unref(s);
    return 0;
}

static int close_all(void **state) {
    (void)state;
    sc_symtab_destroy(symtab);
    sc_target_close(target);
    return 0;
}

static void fields_are_bound_by_the_name_the_build_has(void **state) {
    (void)state;
    sc_layout *l;
    assert_null(sc_layout_bind(symtab, &thing, &l));
    assert_int_equal(sc_layout_size(l), 0x68);
    assert_true(sc_layout_has(l, NEW_NAME));
    assert_int_equal(sc_layout_offset(l, NEW_NAME), 8);
    assert_false(sc_layout_has(l, GONE));
    assert_true(sc_layout_has(l, STRANGE)); /* its type is not known, its size is given */
    assert_int_equal(sc_layout_offset(l, STRANGE), 0x64);
    assert_false(sc_layout_assumed(l));
    sc_layout_destroy(l);
}

static void what_must_be_there_is_named(void **state) {
    (void)state;
    static const struct sc_layout_field must[] = {{"Type", 0, false}, {"Gone|Lost", 0, false}};
    static const struct sc_layout_def no_field = {"nt!_THING", must, 2};
    static const struct sc_layout_def no_type = {"nt!_NOTHING", must, 1};
    sc_layout *l = NULL;
    sc_err *err = sc_layout_bind(symtab, &no_field, &l);
    assert_int_equal(sc_err_code(err), SC_ERR_NOT_FOUND);
    assert_string_equal(sc_err_text(err), "nt!_THING: there is no field Gone|Lost");
    sc_err_destroy(err);
    err = sc_layout_bind(symtab, &no_type, &l);
    assert_int_equal(sc_err_code(err), SC_ERR_NOT_FOUND);
    sc_err_destroy(err);
    assert_null(l);
}

static void a_record_gives_numbers_bits_and_bytes(void **state) {
    (void)state;
    sc_layout *l;
    struct sc_layout_rec r;
    uint64_t n;
    int64_t i;
    const uint8_t *raw;
    size_t size;
    assert_null(sc_layout_bind(symtab, &thing, &l));
    assert_null(sc_layout_rec_init(l, &r));
    assert_int_equal(sc_layout_uint(&r, TYPE, &n), SC_READ_INVALID); /* nothing read yet */
    assert_int_equal(sc_layout_load(&r, sc_target_space(target), AT), SC_READ_OK);
    assert_int_equal(sc_layout_uint(&r, TYPE, &n), SC_READ_OK);
    assert_int_equal(n, 0x41);
    assert_int_equal(sc_layout_uint(&r, LEVEL, &n), SC_READ_OK);
    assert_int_equal(n, 5);
    assert_int_equal(sc_layout_int(&r, COUNT, &i), SC_READ_OK);
    assert_int_equal(i, -5);
    assert_int_equal(sc_layout_uint(&r, GONE, &n), SC_READ_INVALID);
    assert_int_equal(sc_layout_bytes(&r, IMAGE, &raw, &size), SC_READ_OK);
    assert_int_equal(size, 4);
    assert_memory_equal(raw, "sys", 4);
    sc_layout_rec_deinit(&r);
    sc_layout_destroy(l);
}

static void a_missing_page_costs_only_the_fields_on_it(void **state) {
    (void)state;
    sc_layout *l;
    struct sc_layout_rec r;
    uint64_t n = 0;
    const uint8_t *raw;
    size_t size;
    assert_null(sc_layout_bind(symtab, &thing, &l));
    assert_null(sc_layout_rec_init(l, &r));
    /* All that must be there is in the first half. */
    assert_int_equal(sc_layout_load(&r, sc_target_space(target), HALF), SC_READ_OK);
    assert_int_equal(sc_layout_uint(&r, TYPE, &n), SC_READ_OK);
    assert_int_equal(n, 0x41);
    assert_int_not_equal(sc_layout_bytes(&r, IMAGE, &raw, &size), SC_READ_OK);
    assert_int_not_equal(sc_layout_load(&r, sc_target_space(target), HALF + 0x1000), SC_READ_OK);
    sc_layout_rec_deinit(&r);
    sc_layout_destroy(l);
}

static void a_place_gives_as_many_bytes_as_were_read(void **state) {
    (void)state;
    sc_layout *l;
    struct sc_layout_rec r;
    uint64_t n = 0, behind;
    assert_null(sc_layout_bind(symtab, &thing, &l));
    assert_null(sc_layout_rec_init(l, &r));
    assert_false(sc_layout_at(&r, TYPE, 4, &n)); /* nothing read yet */
    assert_int_equal(sc_layout_load(&r, sc_target_space(target), AT), SC_READ_OK);
    /* Wider than the field, whatever follows it; and to the last byte that was read. */
    assert_true(sc_layout_at(&r, NEW_NAME, 8, &n));
    assert_int_equal(sc_space_uint(sc_target_space(target), AT + 8, 8, &behind), SC_READ_OK);
    assert_int_equal(n, behind);
    assert_true(sc_layout_at(&r, STRANGE, 4, &n));
    assert_false(sc_layout_at(&r, STRANGE, 5, &n));
    assert_false(sc_layout_at(&r, TYPE, 9, &n));
    assert_false(sc_layout_at(&r, GONE, 1, &n));
    assert_false(sc_layout_at(&r, 1000, 1, &n));
    assert_int_equal(sc_layout_load(&r, sc_target_space(target), HALF), SC_READ_OK);
    assert_true(sc_layout_at(&r, NEW_NAME, 8, &n));
    assert_false(sc_layout_at(&r, STRANGE, 4, &n)); /* behind what the dump holds */
    sc_layout_rec_deinit(&r);
    assert_false(sc_layout_at(&r, TYPE, 4, &n));
    sc_layout_destroy(l);
}

static void the_book_binds_once_and_remembers_failures(void **state) {
    (void)state;
    static const struct sc_layout_def no_type = {"nt!_NOTHING", fields, 1};
    sc_layout_book *book;
    const sc_layout *a, *b = NULL;
    assert_null(sc_layout_book_create(symtab, &book));
    assert_null(sc_layout_book_get(book, &thing, &a));
    assert_null(sc_layout_book_get(book, &thing, &b));
    assert_ptr_equal(a, b);
    for (int i = 0; i < 2; i++) {
        sc_err *err = sc_layout_book_get(book, &no_type, &b);
        assert_int_equal(sc_err_code(err), SC_ERR_NOT_FOUND);
        assert_non_null(strstr(sc_err_text(err), "nt!_NOTHING"));
        sc_err_destroy(err);
    }
    sc_layout_book_forget(book);
    assert_null(sc_layout_book_get(book, &thing, &b));
    sc_layout_book_destroy(book);
    sc_layout_book_destroy(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_are_bound_by_the_name_the_build_has),
        cmocka_unit_test(what_must_be_there_is_named),
        cmocka_unit_test(a_record_gives_numbers_bits_and_bytes),
        cmocka_unit_test(a_missing_page_costs_only_the_fields_on_it),
        cmocka_unit_test(a_place_gives_as_many_bytes_as_were_read),
        cmocka_unit_test(the_book_binds_once_and_remembers_failures),
    };
    return cmocka_run_group_tests(tests, open_all, close_all);
}
