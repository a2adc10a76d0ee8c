/* SPDX-License-Identifier: MIT */
/* `lm` and its options: exact columns and blocks. */
#include "fake_session.h"

#define NT   0xfffff80012300000ULL
#define DRV  0xfffff80045600000ULL
#define USER 0x00007ff600000000ULL

/* A time stamp that may be one, and two that cannot be in a dump of 2021. */
enum { STAMP_2012 = 0x4f298e9c, STAMP_1977 = 0x0d8333e6, STAMP_2077 = 0xc9c03000 };

static const struct sc_module modules[] = {
    {.base = USER,
     .size = 0x5000,
     .timestamp = STAMP_2012,
     .name = "app",
     .image = "app.exe",
     .path = "C:\\app.exe",
     .version = {.present = true,
                 .file = {2, 0, 50727, 4455},
                 .product = {2, 0, 50727, 4000},
                 .flags = 9,
                 .os = 0x40004,
                 .type = 2},
     .codeview =
         {.kind = SC_CV_RSDS,
          .guid = {0x5278AFF8, 0x6C34, 0x1677, {0xD7, 0xD7, 0x83, 0x5C, 0x85, 0xB7, 0xB8, 0x44}},
          .age = 0x1a,
          .path = "d:\\build\\app.pdb"}},
    {.base = NT,
     .size = 0x1046000,
     .timestamp = STAMP_1977,
     .checksum = 0x00a5938c,
     .name = "nt",
     .image = "ntoskrnl.exe",
     .path = "\\SystemRoot\\system32\\ntoskrnl.exe"},
    {.base = DRV,
     .size = 0x3b000,
     .timestamp = STAMP_2077,
     .name = "WindowsTrustedRT",
     .image = "WindowsTrustedRT.sys",
     .path = "\\SystemRoot\\system32\\drivers\\WindowsTrustedRT.sys",
     .codeview = {.kind = SC_CV_NB10, .signature = 0x3b7d8475, .age = 2, .path = "wtr.pdb"}},
    {.base = DRV + 0x100000,
     .size = 0x1000,
     .name = "acpiex",
     .image = "acpiex.sys",
     .path = "\\SystemRoot\\system32\\drivers\\acpiex.sys"},
};
static const struct sc_unloaded unloaded[] = {
    {.base = 0xfffff80068eb0000, .size = 0x2a000, .name = "luafv.sys"},
    {.base = 0xfffff80064010000,
     .size = 0xf000,
     .timestamp = STAMP_2012,
     .checksum = 0x1234,
     .name = "dump_storport.sys"},
};

static void open_modules(struct fix *f, enum sc_render render) {
    struct sc_machine m = {.windows = true, .time = 132574568951234567, .uptime = SC_UNSET64};
    struct sc_fake fake = {.sz = sizeof fake,
                           .cpu = SC_CPU_X64,
                           .kernel = true,
                           .machine = &m,
                           .modules = modules,
                           .nmodules = 4,
                           .unloaded = unloaded,
                           .nunloaded = 2};
    fake_open(f, &fake, render);
}

#define HEADER "start             end                 module name\n"
#define APP    "00007ff6`00000000 00007ff6`00005000   "
#define KERNEL "fffff800`12300000 fffff800`13346000   "
#define WTR    "fffff800`45600000 fffff800`4563b000   "
#define ACPIEX "fffff800`45700000 fffff800`45701000   "

static void lm_lists_by_address_and_the_unloaded_behind(void **state) {
    (void)state;
    struct fix f;
    open_modules(&f, SC_RENDER_TEXT);
    fix_prints(&f, "lm",
               HEADER APP "app        (deferred)             \n" /* */
               KERNEL "nt         (deferred)             \n"     /* */
               WTR "WindowsTrustedRT   (deferred)             \n" ACPIEX
                          "acpiex     (deferred)             \n"
                          "\nUnloaded modules:\n"
                          "fffff800`68eb0000 fffff800`68eda000   luafv.sys\n"
                          "fffff800`64010000 fffff800`6401f000   dump_storport.sys\n");
    fix_close(&f);
}

static void addresses_of_32_bit_targets_have_8_digits(void **state) {
    (void)state;
    struct fix f;
    static const struct sc_module m = {.base = 0x400000, .size = 0x2d000, .name = "test_app"};
    struct sc_fake fake = {.sz = sizeof fake, .cpu = SC_CPU_X86, .modules = &m, .nmodules = 1};
    fake_open(&f, &fake, SC_RENDER_TEXT);
    fix_prints(&f, "lm",
               "start    end        module name\n"
               "00400000 0042d000   test_app   (deferred)             \n");
    fix_close(&f);
}

static void patterns_and_addresses_select(void **state) {
    (void)state;
    struct fix f;
    open_modules(&f, SC_RENDER_TEXT);
    static const char nt[] = HEADER KERNEL "nt         (deferred)             \n";
    fix_prints(&f, "lm m nt", nt);
    fix_prints(&f, "lm m NT", nt);
    fix_prints(&f, "lmm nt", nt);
    fix_prints(&f, "lm a fffff800`12300000", nt);
    fix_prints(&f, "lm a nt+1045fff", nt);
    fix_prints(&f, "lm a fffff800`13346000", HEADER); /* the end is behind the last byte */
    fix_prints(&f, "lm M *ntoskrnl*", nt);
    fix_prints(&f, "lm m nosuch", HEADER);
    fix_prints(&f, "lm m luafv*",
               HEADER "\nUnloaded modules:\n"
                      "fffff800`68eb0000 fffff800`68eda000   luafv.sys\n");
    fix_prints(&f, "lm o m luafv*", HEADER);
    fix_prints(&f, "lm a fffff800`68eb0010",
               HEADER "\nUnloaded modules:\n"
                      "fffff800`68eb0000 fffff800`68eda000   luafv.sys\n");
    fix_close(&f);
}

static void halves_of_the_address_space(void **state) {
    (void)state;
    struct fix f;
    open_modules(&f, SC_RENDER_TEXT);
    fix_prints(&f, "lmu", HEADER APP "app        (deferred)             \n");
    fix_run(&f, "lmk");
    assert_null(strstr(fix_text(&f), "app "));
    fix_has(&f, "nt         (deferred)");
    fix_run(&f, "lmuk");
    fix_has(&f, "app        (deferred)");
    fix_has(&f, "nt         (deferred)");
    fix_close(&f);
}

static void names_alone_and_sorted(void **state) {
    (void)state;
    struct fix f;
    open_modules(&f, SC_RENDER_TEXT);
    fix_prints(&f, "lm1m", "app\nnt\nWindowsTrustedRT\nacpiex\n");
    fix_prints(&f, "lm1msm", "acpiex\napp\nnt\nWindowsTrustedRT\n");
    fix_prints(&f, "lm 1m m a*", "app\nacpiex\n");
    fix_run(&f, "lmosm");
    fix_has(&f, HEADER ACPIEX "acpiex     (deferred)             \n" APP);
    fix_close(&f);
}

static void nothing_has_symbols_yet(void **state) {
    (void)state;
    struct fix f;
    open_modules(&f, SC_RENDER_TEXT);
    fix_prints(&f, "lml", HEADER);
    fix_prints(&f, "lme", HEADER);
    fix_close(&f);
}

static void columns_of_names_paths_and_times(void **state) {
    (void)state;
    struct fix f;
    open_modules(&f, SC_RENDER_TEXT);
    fix_prints(&f, "lmon m acpiex", HEADER ACPIEX "acpiex   acpiex.sys  \n");
    fix_prints(&f, "lmoi m acpiex", HEADER ACPIEX "acpiex   acpiex.sys  \n");
    fix_prints(&f, "lmof m acpiex",
               HEADER ACPIEX "acpiex   \\SystemRoot\\system32\\drivers\\acpiex.sys\n");
    fix_prints(&f, "lmop m acpiex", HEADER ACPIEX "acpiex   <no mapped image>\n");
    fix_prints(&f, "lmotn m app",
               HEADER APP "app      app.exe      Wed Feb  1 19:12:28 2012 (4F298E9C)\n");
    fix_prints(&f, "lmot m acpiex", HEADER ACPIEX "acpiex   unavailable (00000000)\n");
    fix_prints(&f, "lmoD m acpiex", HEADER ACPIEX "acpiex     (deferred)             \n");
    fix_prints(&f, "lmoc m nt",
               "start             end                 checksum   module name\n" KERNEL
               "00a5938c   nt         (deferred)             \n");
    fix_close(&f);
}

static void the_block_of_a_user_module(void **state) {
    (void)state;
    struct fix f;
    open_modules(&f, SC_RENDER_TEXT);
    static const char block[] =
        HEADER APP "app        (deferred)             \n"
                   "    Image path: C:\\app.exe\n"
                   "    Image name: app.exe\n"
                   "    Timestamp:        Wed Feb  1 19:12:28 2012 (4F298E9C)\n"
                   "    CheckSum:         00000000\n"
                   "    ImageSize:        00005000\n"
                   "    File version:     2.0.50727.4455\n"
                   "    Product version:  2.0.50727.4000\n"
                   "    File flags:       9 Debug Private\n"
                   "    File OS:          40004 NT Win32\n"
                   "    File type:        2.0 Dll\n"
                   "    File date:        00000000.00000000\n"
                   "    Symbol id:        app.pdb 5278AFF86C341677D7D7835C85B7B8441a\n";
    fix_prints(&f, "lmvm app", block);
    fix_prints(&f, "lm v m app", block);
    fix_prints(&f, "lm vm app", block);
    sc_session_set_enrich(f.s, false);
    fix_run(&f, "lmvm app");
    assert_null(strstr(fix_text(&f), "Symbol id"));
    fix_close(&f);
}

static void time_stamps_that_cannot_be_times_are_doubted(void **state) {
    (void)state;
    struct fix f;
    open_modules(&f, SC_RENDER_TEXT);
    fix_prints(&f, "lmvm nt",
               HEADER KERNEL
               "nt         (deferred)             \n"
               "    Image path: \\SystemRoot\\system32\\ntoskrnl.exe\n"
               "    Image name: ntoskrnl.exe\n"
               "    Timestamp:        Tue Mar  8 20:51:50 1977 (0D8333E6)  [before 1990: likely "
               "the hash of a reproducible build]\n"
               "    CheckSum:         00A5938C\n"
               "    ImageSize:        01046000\n");
    fix_run(&f, "lmvm windows*");
    fix_has(&f, "    Timestamp:        Mon Apr  5 02:33:36 2077 (C9C03000)  [later than the dump: "
                "likely the hash of a reproducible build]\n");
    fix_has(&f, "    Symbol id:        wtr.pdb 3B7D84752\n");
    fix_run(&f, "lmvm acpiex");
    fix_has(&f, "    Timestamp:        unavailable (00000000)\n");
    fix_close(&f);
}

static void unloaded_modules_have_a_short_block(void **state) {
    (void)state;
    struct fix f;
    open_modules(&f, SC_RENDER_TEXT);
    static const char want[] = HEADER "\nUnloaded modules:\n"
                                      "fffff800`68eb0000 fffff800`68eda000   luafv.sys\n"
                                      "    Timestamp: unavailable (00000000)\n"
                                      "    Checksum:  00000000\n"
                                      "    ImageSize:  0002A000\n";
    fix_prints(&f, "lmv m luafv*", want);
    fix_prints(&f, "lmt m luafv*", want);
    fix_run(&f, "lmv m dump*");
    fix_has(&f, "    Timestamp: Wed Feb  1 19:12:28 2012 (4F298E9C)\n    Checksum:  00001234\n");
    fix_close(&f);
}

static void hostile_names_are_neutralised(void **state) {
    (void)state;
    struct fix f;
    static const struct sc_module m = {.base = 0x400000,
                                       .size = 0x1000,
                                       .name = "a\x1b[31m",
                                       .image = "b\n",
                                       .path = "c\r\nfake line"};
    struct sc_fake fake = {.sz = sizeof fake, .cpu = SC_CPU_X86, .modules = &m, .nmodules = 1};
    fake_open(&f, &fake, SC_RENDER_TEXT);
    fix_run(&f, "lmv");
    assert_null(strchr(fix_text(&f), '\x1b'));
    assert_null(strstr(fix_text(&f), "\nfake line"));
    fix_has(&f, "a\\x1b[31m");
    fix_close(&f);
}

static void json_has_the_same_facts(void **state) {
    (void)state;
    struct fix f;
    open_modules(&f, SC_RENDER_JSON);
    fix_run(&f, "lm m app");
    fix_has(&f, "{\"type\":\"module\",\"name\":\"app\",\"unloaded\":false,"
                "\"start\":\"0x00007ff600000000\",\"end\":\"0x00007ff600005000\","
                "\"size\":\"0x5000\",\"image\":\"app.exe\",\"path\":\"C:\\\\app.exe\","
                "\"timestamp\":\"0x4f298e9c\",\"time\":\"2012-02-01T19:12:28");
    fix_has(&f, "\"file_version\":\"2.0.50727.4455\"");
    fix_has(&f, "\"symbol_id\":\"app.pdb 5278AFF86C341677D7D7835C85B7B8441a\"");
    fix_run(&f, "lm m luafv*");
    fix_has(&f, "\"name\":\"luafv.sys\",\"unloaded\":true");
    fix_close(&f);
}

static void wrong_options_are_refused(void **state) {
    (void)state;
    struct fix f;
    open_modules(&f, SC_RENDER_TEXT);
    assert_int_equal(fix_run(&f, "lmz"), 1);
    assert_int_equal(fix_run(&f, "lm m"), 1);
    assert_int_equal(fix_run(&f, "lm a nosuch!thing"), 1);
    fix_close(&f);
}

static void the_real_kernel_and_its_neighbours(void **state) {
    (void)state;
    struct fix f;
    if (!corpus_open(&f, "kdump/triage_x64.dmp", SC_RENDER_TEXT))
        skip();
    fix_prints(&f, "lm m nt",
               HEADER "fffff804`7ba00000 fffff804`7ca46000   nt         (deferred)             \n");
    fix_prints(&f, "lmo a fffff804`8b58334c",
               HEADER "fffff804`8b580000 fffff804`8b5bb000   amdppm     (deferred)             \n");
    fix_close(&f);
}

static void the_real_user_module_has_its_version(void **state) {
    (void)state;
    struct fix f;
    if (!corpus_open(&f, "mdmp/google+breakpad/src/processor/testdata/minidump2.dmp",
                     SC_RENDER_TEXT))
        skip();
    fix_prints(&f, "lmvm kernel32",
               "start    end        module name\n"
               "7c800000 7c8f4000   kernel32   (deferred)             \n"
               "    Image path: C:\\WINDOWS\\system32\\kernel32.dll\n"
               "    Image name: kernel32.dll\n"
               "    Timestamp:        Wed Jul  5 10:55:00 2006 (44AB9A84)\n"
               "    CheckSum:         000F724D\n"
               "    ImageSize:        000F4000\n"
               "    File version:     5.1.2600.2945\n"
               "    Product version:  5.1.2600.2945\n"
               "    File flags:       0\n"
               "    File OS:          40004 NT Win32\n"
               "    File type:        2.0 Dll\n"
               "    File date:        00000000.00000000\n"
               "    Symbol id:        kernel32.pdb BCE8785C57B44245A669896B6A19B9542\n");
    fix_close(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lm_lists_by_address_and_the_unloaded_behind),
        cmocka_unit_test(addresses_of_32_bit_targets_have_8_digits),
        cmocka_unit_test(patterns_and_addresses_select),
        cmocka_unit_test(halves_of_the_address_space),
        cmocka_unit_test(names_alone_and_sorted),
        cmocka_unit_test(nothing_has_symbols_yet),
        cmocka_unit_test(columns_of_names_paths_and_times),
        cmocka_unit_test(the_block_of_a_user_module),
        cmocka_unit_test(time_stamps_that_cannot_be_times_are_doubted),
        cmocka_unit_test(unloaded_modules_have_a_short_block),
        cmocka_unit_test(hostile_names_are_neutralised),
        cmocka_unit_test(json_has_the_same_facts),
        cmocka_unit_test(wrong_options_are_refused),
        cmocka_unit_test(the_real_kernel_and_its_neighbours),
        cmocka_unit_test(the_real_user_module_has_its_version),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
