/* SPDX-License-Identifier: MIT */
/* The loader's list of a process: whole, damaged, hostile; and the target's list that it joins. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "nt/usermod.h"
#include "stopcode/symtab.h"

enum { SIZE = 0x4000, LDR = 0x1000, ENTRY = 0x2000, STEP = 0x100, TEXT = 0x3000 };
#define PEB 0x7ff700000000ULL
#define NT  0xfffff80003200000ULL

struct space {
    uint8_t bytes[SIZE];
    struct sc_fake_bytes memory;
    struct sc_module kernel;
    sc_target *target;
    struct nt nt;
    struct nt_process process;
    sc_arena *arena;
};

static void put(struct space *s, uint32_t at, unsigned width, uint64_t value) {
    for (unsigned i = 0; i < width; i++)
        s->bytes[at + i] = (uint8_t)(value >> 8 * i);
}

static void put_string(struct space *s, uint32_t at, uint32_t text, const char *chars) {
    size_t n = strlen(chars);
    put(s, at, 2, n * 2);
    put(s, at + 8, 8, PEB + text);
    for (size_t i = 0; i < n; i++)
        put(s, text + (uint32_t)i * 2, 2, (uint8_t)chars[i]);
}

static void put_entry(struct space *s, unsigned n, uint64_t base, uint64_t size, const char *path) {
    uint32_t at = ENTRY + n * STEP;
    put(s, at + 0x30, 8, base);
    put(s, at + 0x40, 4, size);
    put(s, at + 0x80, 4, 0x5c6e2160);
    put_string(s, at + 0x48, TEXT + n * STEP, path);
}

/* COUNT entries in a ring with the head. */
static struct space *make(unsigned count) {
    struct space *s = calloc(1, sizeof *s);
    assert_non_null(s);
    put(s, 0x18, 8, PEB + LDR);
    for (unsigned i = 0; i <= count; i++) {
        uint32_t from = i ? ENTRY + (i - 1) * STEP : LDR + 0x10;
        put(s, from, 8, PEB + (i < count ? ENTRY + i * STEP : LDR + 0x10));
    }
    return s;
}

static void open_space(struct space *s) {
    s->kernel = (struct sc_module){.base = NT,
                                   .size = 0x800000,
                                   .name = "nt",
                                   .image = "ntoskrnl.exe",
                                   .path = "ntoskrnl.exe"};
    s->memory = (struct sc_fake_bytes){PEB, s->bytes, SIZE};
    struct sc_fake fake = {.sz = sizeof fake,
                           .cpu = SC_CPU_X64,
                           .kernel = true,
                           .modules = &s->kernel,
                           .nmodules = 1,
                           .memory = &s->memory,
                           .nmemory = 1};
    assert_null(sc_target_fake(&fake, &s->target));
    nt_init(&s->nt, s->target, NULL, NULL);
    s->process.f[NT_P_PEB] = (struct nt_field){PEB, NT_READ};
    s->arena = sc_arena_create();
    assert_non_null(s->arena);
}

static struct nt_user_modules list(struct space *s) {
    struct nt_user_modules m = {.count = 0};
    if (!s->target)
        open_space(s);
    assert_null(nt_user_modules(&s->nt, s->nt.space, &s->process, s->arena, &m));
    return m;
}

static void end(struct space *s) {
    sc_arena_destroy(s->arena);
    sc_target_close(s->target);
    free(s);
}

static void the_loaders_list_is_read_in_its_order(void **state) {
    (void)state;
    struct space *s = make(2);
    put_entry(s, 0, 0x140000000, 0x8000, "C:\\app\\app.exe");
    put_entry(s, 1, 0x7ffa77a00000, 0x20000, "C:\\Windows\\ntdll.dll");
    struct nt_user_modules m = list(s);
    assert_null(m.why);
    assert_int_equal(m.count, 2);
    assert_int_equal(m.item[0].base, 0x140000000);
    assert_int_equal(m.item[1].size, 0x20000);
    assert_int_equal(m.item[1].timestamp, 0x5c6e2160);
    assert_string_equal(m.item[1].path, "C:\\Windows\\ntdll.dll");
    assert_true(nt_user_modules_have(&m, "NTDLL"));
    assert_true(nt_user_modules_have(&m, "app.exe"));
    assert_false(nt_user_modules_have(&m, "nt"));
    assert_false(nt_user_modules_have(&m, "app.dll"));
    end(s);
}

static void a_process_without_a_peb_has_no_modules_and_no_excuse(void **state) {
    (void)state;
    struct space *s = make(0);
    open_space(s);
    s->process.f[NT_P_PEB].value = 0;
    struct nt_user_modules m = list(s);
    assert_int_equal(m.count, 0);
    assert_null(m.why);
    s->process.f[NT_P_PEB] = (struct nt_field){0, NT_ABSENT};
    m = list(s);
    assert_non_null(m.why);
    end(s);
}

static void an_absent_peb_is_told_from_an_empty_one(void **state) {
    (void)state;
    struct space *s = make(0);
    open_space(s);
    s->process.f[NT_P_PEB].value = PEB + SIZE;
    struct nt_user_modules m = list(s);
    assert_true(m.peb_absent);
    assert_non_null(strstr(m.why, "does not hold the process's PEB at 00007ff700004000"));
    end(s);
    s = make(0);
    put(s, 0x18, 8, 0);
    m = list(s);
    assert_false(m.peb_absent);
    assert_non_null(strstr(m.why, "the loader has not begun"));
    end(s);
}

static void links_that_lie_end_the_list_with_a_reason(void **state) {
    (void)state;
    static const uint64_t bad[] = {0, PEB + ENTRY + 1, NT, PEB + SIZE, PEB + ENTRY};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct space *s = make(2);
        put_entry(s, 0, 0x140000000, 0x8000, "a.exe");
        put_entry(s, 1, 0x150000000, 0x8000, "b.dll");
        put(s, ENTRY + STEP, 8, bad[i]); /* the last one: to itself it is a loop */
        struct nt_user_modules m = list(s);
        assert_int_equal(m.count, 2);
        assert_non_null(m.why);
        end(s);
    }
}

static void entries_that_are_no_images_are_passed_over_and_said(void **state) {
    (void)state;
    static const struct {
        uint64_t base, size;
    } bad[] = {{0, 0x1000},
               {NT, 0x1000},
               {0x140000000, 0},
               {0x140000123, 0x1000},
               {0x140000000, 0xffffffff},
               {0xfff0000000000000, 0x1000}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct space *s = make(2);
        put_entry(s, 0, bad[i].base, bad[i].size, "a.exe");
        put_entry(s, 1, 0x150000000, 0x8000, "b.dll");
        struct nt_user_modules m = list(s);
        assert_int_equal(m.count, 1);
        assert_int_equal(m.item[0].base, 0x150000000);
        assert_non_null(strstr(m.why, "no image's: 00007ff700002000"));
        end(s);
    }
}

static void a_name_that_cannot_be_read_becomes_one_of_its_address(void **state) {
    (void)state;
    struct space *s = make(1);
    put_entry(s, 0, 0x140000000, 0x8000, "a.exe");
    put(s, ENTRY + 0x50, 8, PEB + SIZE);
    struct nt_user_modules m = list(s);
    assert_string_equal(m.item[0].path, "image140000000");
    end(s);
}

/* ---- the target's list ---- */

static const struct sc_module two[] = {
    {.base = 0x150000000, .size = 0x8000, .path = "C:\\b\\ntdll.dll"},
    {.base = 0x140000000, .size = 0x8000, .path = "C:\\a\\app.exe"},
};

static const char *names(struct space *s, char *buf) {
    const struct sc_modules *m;
    assert_null(sc_target_modules(s->target, &m));
    *buf = 0;
    for (size_t i = 0; i < m->count; i++)
        strcat(strcat(buf, m->item[i].name), m->item[i].user ? " " : "* ");
    return buf;
}

static void modules_of_a_process_come_and_go(void **state) {
    (void)state;
    struct space *s = make(0);
    char buf[256];
    size_t left_out = 9;
    open_space(s);
    assert_null(sc_target_set_user_modules(s->target, two, 2, &left_out));
    assert_int_equal(left_out, 0);
    assert_string_equal(names(s, buf), "app ntdll nt* ");
    assert_string_equal(sc_target_module_at(s->target, 0x150000001)->image, "ntdll.dll");
    assert_null(sc_target_set_user_modules(s->target, two, 1, NULL));
    assert_string_equal(names(s, buf), "ntdll nt* ");
    assert_null(sc_target_set_user_modules(s->target, NULL, 0, NULL));
    assert_string_equal(names(s, buf), "nt* ");
    end(s);
}

static void modules_that_cannot_be_are_left_out_and_counted(void **state) {
    (void)state;
    const struct sc_module odd[] = {
        {.base = 0x150000000, .size = 0x8000, .path = "ntdll.dll"},
        {.base = 0x150001000, .size = 0x8000, .path = "over.dll"}, /* overlaps the first */
        {.base = NT + 0x1000, .size = 0x1000, .path = "inside.dll"},
        {.base = 0x10000, .size = 0, .path = "none.dll"},
        {.base = 0xfffffffffffff000, .size = 0x2000, .path = "wraps.dll"},
        {.base = 0x77000000, .size = 0x8000, .path = "C:\\SysWOW64\\ntdll.dll"},
    };
    struct space *s = make(0);
    char buf[256];
    size_t left_out = 0;
    open_space(s);
    assert_null(sc_target_set_user_modules(s->target, odd, 6, &left_out));
    assert_int_equal(left_out, 4);
    assert_string_equal(names(s, buf), "ntdll_77000000 ntdll nt* ");
    end(s);
}

static void symbols_of_modules_that_stay_stay(void **state) {
    (void)state;
    struct space *s = make(0);
    struct sc_store_opts opts = {.sz = sizeof opts};
    sc_symtab *symtab;
    const struct sc_modsyms *syms;
    open_space(s);
    assert_null(sc_symtab_create(s->target, &opts, &symtab));
    sc_err *err = sc_target_set_user_modules(s->target, two, 2, NULL);
    assert_int_equal(sc_err_code(err), SC_ERR_ARG); /* the symtab would not know */
    sc_err_destroy(err);
    assert_null(sc_symtab_set_user_modules(symtab, two, 2, NULL));
    assert_null(sc_symtab_load(symtab, sc_target_module_named(s->target, "ntdll"), &syms));
    assert_null(sc_symtab_load(symtab, sc_target_module_named(s->target, "app"), &syms));
    assert_null(sc_symtab_load(symtab, sc_target_module_named(s->target, "nt"), &syms));
    const struct sc_module next[] = {two[0],
                                     {.base = 0x140000000, .size = 0x8000, .path = "x.exe"}};
    assert_null(sc_symtab_set_user_modules(symtab, next, 2, NULL));
    const struct sc_module *nt = sc_target_module_named(s->target, "nt");
    assert_int_not_equal(sc_symtab_peek(symtab, nt)->state, SC_SYMSTATE_DEFERRED);
    assert_ptr_equal(sc_symtab_peek(symtab, nt)->module, nt);
    const struct sc_module *same = sc_target_module_named(s->target, "ntdll");
    assert_int_not_equal(sc_symtab_peek(symtab, same)->state, SC_SYMSTATE_DEFERRED);
    const struct sc_module *other = sc_target_module_named(s->target, "x");
    assert_int_equal(sc_symtab_peek(symtab, other)->state, SC_SYMSTATE_DEFERRED);
    sc_symtab_destroy(symtab);
    end(s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_loaders_list_is_read_in_its_order),
        cmocka_unit_test(a_process_without_a_peb_has_no_modules_and_no_excuse),
        cmocka_unit_test(an_absent_peb_is_told_from_an_empty_one),
        cmocka_unit_test(links_that_lie_end_the_list_with_a_reason),
        cmocka_unit_test(entries_that_are_no_images_are_passed_over_and_said),
        cmocka_unit_test(a_name_that_cannot_be_read_becomes_one_of_its_address),
        cmocka_unit_test(modules_of_a_process_come_and_go),
        cmocka_unit_test(modules_that_cannot_be_are_left_out_and_counted),
        cmocka_unit_test(symbols_of_modules_that_stay_stay),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
