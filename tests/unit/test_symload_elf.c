/* SPDX-License-Identifier: MIT */
/* Symbols of ELF files in foreign dumps: Breakpad's, by the build id. */
#include "unit/symtab_support.h"

#define BASE 0x7f0012340000ull
#define KEY  "33323130353437363839616263646566" /* the first 16 bytes of the build id */

static const struct sc_guid guid = {0x33323130, 0x3534, 0x3736, "89abcdef"};

static void put_text(const char *path, const char *text) { put_file(path, text, strlen(text)); }

/* An ELF file's build id: Breakpad's symbols have it as their key, and there are no others. */
static void a_build_id_is_a_key(void **state) {
    struct sc_module m = {.base = BASE, .size = 0x8000, .name = "made", .image = "libmade.so"};
    struct sc_fake fake = {.sz = sizeof fake, .cpu = SC_CPU_ARM64, .modules = &m, .nmodules = 1};
    struct world w;
    m.codeview = (struct sc_codeview){.kind = SC_CV_ELF, .guid = guid};
    put_text(at(*state, "s/libmade.so/" KEY "0/libmade.so.sym"),
             "MODULE Linux arm64 " KEY "0 libmade.so\nFUNC 1000 40 0 made::main\n");
    world_open(&w, &fake, *state, at(*state, "s"), NULL);
    const struct sc_modsyms *syms = load(&w, "made");
    assert_int_equal(syms->state, SC_SYMSTATE_SYM);
    assert_string_equal(syms->how, "build id");
    text_is(&w, BASE + 0x1001, "made!made::main+0x1");
    world_close(&w);
    put_text(at(*state, "s/libmade.so/" KEY "-0.json"), "{}");
    assert_int_equal(remove(at(*state, "s/libmade.so/" KEY "0/libmade.so.sym")), 0);
    world_open(&w, &fake, *state, at(*state, "s"), NULL);
    syms = load(&w, "made");
    assert_int_equal(syms->state, SC_SYMSTATE_NONE);
    assert_true(syms->why && strstr(syms->why, "not in"));
    world_close(&w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_build_id_is_a_key, make_folder, drop_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
