/* SPDX-License-Identifier: MIT */
/* The analysis with symbols: functions instead of offsets, in places, evidence and buckets. */
#include "analyze_fixture.h"
#include "fake_symbols.h"

#include "stopcode/store.h"

static const struct sc_symbol list[] = {
    {.name = "BadRead", .kind = SC_SYM_PUBLIC, .rva = 0x300, .code = true},
    {.name = "Bad::~Thing", .kind = SC_SYM_PUBLIC, .rva = 0x500, .code = true},
};
static const struct fake_symbols bad_symbols = {.provider = "pdb", .symbol = list, .nsymbols = 2};

/* The case with symbols for baddrv. */
static void run_with(struct acase *c, sc_symtab **ret) {
    const struct sc_modules *modules;
    sc_symbols *s = fake_symbols_open(&bad_symbols);
    c->fake.machine = &c->machine;
    c->fake.modules = c->module;
    c->fake.memory = &c->memory;
    c->fake.nmemory = 1;
    assert_null(sc_target_fake(&c->fake, &c->target));
    assert_null(sc_symtab_create(c->target, NULL, ret));
    assert_null(sc_target_modules(c->target, &modules));
    for (size_t i = 0; i < modules->count; i++)
        if (modules->item[i].base == BAD)
            assert_null(sc_symtab_attach(*ret, &modules->item[i], s, "test"));
    sc_symbols_unref(s);
    assert_null(sc_analyze_with(c->target, *ret, &c->a));
}

static void case_end_with(struct acase *c, sc_symtab *symtab) {
    sc_analysis_destroy(c->a);
    sc_symtab_destroy(symtab);
    sc_target_close(c->target);
}

static void the_function_is_named_and_makes_the_bucket(void **state) {
    (void)state;
    struct acase c;
    sc_symtab *symtab;
    case_kernel(&c, 0xd1, POOL, 2, 0, BAD + 0x334);
    run_with(&c, &symtab);
    const struct sc_finding *f = found(c.a, "faulting-address");
    assert_non_null(f);
    assert_string_equal(f->symbol, "baddrv!BadRead+0x34");
    assert_string_equal(c.a->bucket, "AV_baddrv!BadRead");
    assert_string_equal(c.a->arg[3].where, "baddrv!BadRead+0x34");
    const struct sc_evidence *e = shown_by(f, "ln fffff80001000334");
    assert_non_null(e);
    assert_non_null(strstr(e->claim, "baddrv!BadRead+0x34"));
    case_end_with(&c, symtab);
}

static void a_bucket_keeps_what_cplusplus_needs(void **state) {
    (void)state;
    struct acase c;
    sc_symtab *symtab;
    case_kernel(&c, 0xd1, POOL, 2, 0, BAD + 0x500);
    run_with(&c, &symtab);
    assert_string_equal(c.a->bucket, "AV_baddrv!Bad::~Thing");
    case_end_with(&c, symtab);
}

static void modules_without_symbols_keep_their_offset(void **state) {
    (void)state;
    struct acase c;
    sc_symtab *symtab;
    case_kernel(&c, 0xd1, POOL, 2, 0, AMD + 0x334c);
    run_with(&c, &symtab);
    assert_string_equal(c.a->bucket, "AV_amdppm+334c");
    case_end_with(&c, symtab);
}

static void the_real_dump_names_the_function_that_failed_and_who_ran_it(void **state) {
    (void)state;
    sc_target *target = open_corpus("kdump/triage_x64.dmp");
    char folder[1024], path[2400];
    snprintf(folder, sizeof folder, "%s", sc_target_path(target));
    *strstr(folder, "/kdump/") = 0;
    snprintf(path, sizeof path, "%s/isf;%s/symstore", folder, folder);
    struct sc_store_opts opts = {.sz = sizeof opts, .cache = "/dev/null/none", .offline = true};
    sc_symtab *symtab;
    struct sc_analysis *a;
    assert_null(sc_symtab_create(target, &opts, &symtab));
    assert_null(sc_store_set_path(sc_symtab_store(symtab), SC_PATH_SYMBOLS, path));
    assert_null(sc_store_set_path(sc_symtab_store(symtab), SC_PATH_IMAGES, path));
    assert_null(sc_analyze_with(target, symtab, &a));
    const struct sc_finding *f = &a->findings[0];
    assert_string_equal(f->module->image, "amdppm.sys");
    assert_int_equal(f->confidence, SC_LIKELY);
    assert_string_equal(f->symbol, "amdppm!WriteIoMemRawEx+0x70");
    assert_int_equal(f->nsupport, 1);
    assert_string_equal(f->support[0], "stack");
    assert_true(claims(f, "Wdf01000.sys (Microsoft, Kernel-Mode Driver Framework run-time, part "
                          "of Windows), in frame 06, runs its code."));
    assert_null(found(a, "raw-stack"));
    assert_null(found(a, "hardware"));
    sc_analysis_destroy(a);
    sc_symtab_destroy(symtab);
    sc_target_close(target);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_real_dump_names_the_function_that_failed_and_who_ran_it),
        cmocka_unit_test(the_function_is_named_and_makes_the_bucket),
        cmocka_unit_test(a_bucket_keeps_what_cplusplus_needs),
        cmocka_unit_test(modules_without_symbols_keep_their_offset),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
