/* SPDX-License-Identifier: MIT */
/* x, ln, .sympath and the others about symbols, on a provider that exists nowhere. */
#include "symbol_session.h"

static void names_stand_wherever_addresses_do(void **state) {
    struct fix *f = *state;
    fix_prints(f, "? nt!KiStart",
               "Evaluate expression: -8796093017856 = fffff800`00001100  "
               "[nt!KiStart]\n");
    fix_prints(f, "? KiStart+20 - nt!KiStart", "Evaluate expression: 32 = 00000000`00000020\n");
    fix_run(f, "r");
    fix_has(f, "nt!KiStart+0x20:\n");
    sc_arena *arena = sc_arena_create();
    assert_string_equal(sc_session_near(f->s, SYM_NT + 0x1234, arena), "nt!KiIdle+0xb4");
    assert_string_equal(sc_session_near(f->s, SYM_DRV + 0x1234, arena), "drv+0x1234");
    assert_string_equal(sc_session_near(f->s, SYM_NT, arena), "nt");
    sc_arena_destroy(arena);
}

static void unknown_names_say_why(void **state) {
    struct fix *f = *state;
    fix_fails(f, "? nt!Nothing",
              "nt!Nothing is unknown: nt has no such name in its private pdb symbols");
    fix_fails(f, "? drv!Foo", "drv!Foo is unknown: drv has no symbols");
    fix_fails(f, "? gone!Foo", "gone!Foo is unknown: there is no module gone");
}

static void ln_shows_both_neighbours_and_exact_matches(void **state) {
    struct fix *f = *state;
    fix_run(f, ".lines -d");
    fix_prints(f, "ln nt!KiStart+20",
               "(fffff800`00001100)   nt!KiStart+0x20   |  (fffff800`00001180)   nt!KiIdle\n");
    fix_prints(f, "ln nt!KeBugCheckEx",
               "(fffff800`00001000)   nt!KeBugCheckEx   |  (fffff800`00001100)   nt!KiStart\n"
               "Exact matches:\n"
               "    nt!KeBugCheckEx (<no parameter info>)\n"
               "    nt!KeBugCheckAlias (<no parameter info>)\n");
    fix_prints(f, "ln nt!KiStart",
               "(fffff800`00001100)   nt!KiStart   |  (fffff800`00001180)   nt!KiIdle\n"
               "Exact matches:\n"
               "    nt!KiStart (char*, unsigned long)\n");
}

static void ln_shows_the_source_line_when_lines_are_on(void **state) {
    struct fix *f = *state;
    fix_prints(f, ".lines -e; ln nt!KiStart+4",
               "Line number information will be loaded\n"
               "c:\\src\\start.c(23)+0x4\n"
               "(fffff800`00001100)   nt!KiStart+0x4   |  (fffff800`00001180)   nt!KiIdle\n");
    fix_prints(f, "lsa nt!KiStart+4", "c:\\src\\start.c(23)\n");
    fix_fails(f, "lsa nt!KiIdle", "do not say from which line");
}

static void ln_says_why_there_is_no_symbol(void **state) {
    struct fix *f = *state;
    fix_run(f, "ln drv+10");
    fix_has(f, "No symbol is near fffff800`00100010 (drv+0x10): ");
    fix_run(f, "ln nt+10");
    fix_has(f, "none begins before it");
    fix_run(f, "ln 1234");
    fix_has(f, "No symbol is near 00000000`00001234: no module contains it");
}

static void x_lists_what_matches(void **state) {
    struct fix *f = *state;
    fix_prints(f, "x nt!Ki*",
               "fffff800`00001100 nt!KiStart (char*, unsigned long)\n"
               "fffff800`00001180 nt!KiIdle (void)\n"
               "fffff800`00002010 nt!KiCount = 0n-7\n"
               "fffff800`00003000 nt!KiThing = struct _THING\n");
    fix_prints(f, "x nt!KiLimit", "00000000`00000000 nt!KiLimit = 0n64\n");
    fix_prints(f, "x nt!kebugcheck??", "fffff800`00001000 nt!KeBugCheckEx (<no parameter info>)\n");
    fix_prints(f, "x n?!PsHead", "fffff800`00002000 nt!PsHead = <no type information>\n");
}

static void x_has_windbgs_options(void **state) {
    struct fix *f = *state;
    fix_prints(f, "x /0 nt!KiStart", "fffff800`00001100\n");
    fix_prints(f, "x /1 nt!KiStart", "nt!KiStart\n");
    fix_prints(f, "x /2 nt!KiStart", "fffff800`00001100 nt!KiStart\n");
    fix_prints(f, "x /q /2 nt!KiStart", "fffff800`00001100 @!\"nt!KiStart\"\n");
    fix_prints(f, "x /p nt!KiIdle", "fffff800`00001180 nt!KiIdle(void)\n");
    fix_prints(f, "x /v nt!KiCount", "prv global fffff800`00002010    4 nt!KiCount = 0n-7\n");
    fix_prints(f, "x /t /2 nt!KiCount", "fffff800`00002010 long nt!KiCount\n");
    fix_prints(f, "x /v /t nt!KiStart",
               "prv func   fffff800`00001100   80 void nt!KiStart (char*, unsigned long)\n");
    fix_prints(f, "x /f /1 nt!K*", "nt!KeBugCheckEx\nnt!KeBugCheckAlias\nnt!KiStart\nnt!KiIdle\n");
    fix_prints(f, "x /d /1 nt!K*", "nt!KiCount\nnt!KiThing\n");
    fix_prints(f, "x /s 20 /f /1 nt!Ki*", "nt!KiIdle\n");
}

static void x_sorts_when_asked(void **state) {
    struct fix *f = *state;
    fix_prints(f, "x /n /1 nt!Ki?????", "nt!KiCount\nnt!KiStart\nnt!KiThing\n");
    fix_prints(f, "x /N /f /1 nt!Ki*", "nt!KiStart\nnt!KiIdle\n");
    fix_prints(f, "x /A /f /1 nt!Ki*", "nt!KiIdle\nnt!KiStart\n");
    fix_prints(f, "x /a /f /1 nt!Ki*", "nt!KiStart\nnt!KiIdle\n");
    fix_prints(f, "x /z /f /1 nt!Ki*", "nt!KiIdle\nnt!KiStart\n");
    fix_prints(f, "x /Z /1 nt!KiT*", "nt!KiThing\n");
}

static void x_explains_an_empty_answer(void **state) {
    struct fix *f = *state;
    fix_run(f, "x gone!*");
    fix_has(f, "There is no module gone.");
    fix_run(f, "x drv!*");
    fix_has(f, "drv: no symbols: ");
    fix_fails(f, "x *", "stack walker");
    fix_fails(f, "x /y nt!*", "is no option");
}

static void lm_shows_what_became_of_the_symbols(void **state) {
    struct fix *f = *state;
    fix_prints(f, "lm m nt",
               "start             end                 module name\n"
               "fffff800`00000000 fffff800`00010000   nt         "
               "(private pdb symbols)  fake.pdb\n");
    fix_prints(f, "lm m drv",
               "start             end                 module name\n"
               "fffff800`00100000 fffff800`00110000   drv        "
               "(deferred)             \n");
    fix_run(f, "lml");
    fix_has(f, "nt ");
    assert_null(strstr(fix_text(f), "drv"));
    fix_run(f, "lmvm nt");
    fix_has(f, "    Loaded symbol image file: ntoskrnl.exe\n");
}

static void showing_a_name_loads_that_modules_symbols_only(void **state) {
    struct fix *f = *state;
    fix_run(f, "ln drv+20");
    fix_run(f, "lm m drv");
    fix_has(f, "(no symbols)");
    fix_run(f, ".reload");
    fix_run(f, "lm");
    fix_has(f, "drv        (deferred)");
    fix_has(f, "nt         (deferred)");
}

static void reload_counts_modules_in_dots(void **state) {
    struct fix *f = *state;
    fix_prints(f, ".reload",
               "Loading Kernel Symbols\n..\nLoading User Symbols\n"
               "Loading unloaded module list\n");
    fix_run(f, ".reload /f drv.sys");
    fix_has(f, "*** ERROR: Module load completed but symbols could not be loaded for drv.sys\n");
    fix_fails(f, ".reload /f gone.sys", "\"gone.sys\" was not found in the image list.");
    fix_run(f, ".reload /u drv");
    assert_string_equal(fix_text(f), "");
    fix_run(f, ".reload /l");
    fix_has(f, "module name");
}

static void a_module_with_an_address_joins_the_list(void **state) {
    struct fix *f = *state;
    fix_run(f, ".reload foo.sys=fffff800`00050000,2000,5f000001");
    fix_has(f, "symbols could not be loaded for foo.sys");
    fix_prints(f, "lm m foo",
               "start             end                 module name\n"
               "fffff800`00050000 fffff800`00052000   foo        (no symbols)           \n");
    fix_prints(f, "? foo+10",
               "Evaluate expression: -8796092694512 = fffff800`00050010  [foo+0x10]\n");
    fix_run(f, "lmvm foo");
    fix_has(f, "(5F000001)");
    fix_run(f, "ln fffff800`00051000");
    fix_has(f, "(foo+0x1000)");
    fix_prints(f, "? nt!KiStart", /* what was loaded is still there, and drv still has none */
               "Evaluate expression: -8796093017856 = fffff800`00001100  [nt!KiStart]\n");
    fix_run(f, "lm m drv");
    fix_has(f, "drv        (deferred)");
    fix_run(f, ".reload foo.sys=fffff800`00050000,2000");
    fix_run(f, ".reload /f foo.sys=fffff800`00060000,800+800");
    fix_run(f, "lm m foo*");
    fix_has(f, "foo_fffff80000060000");
}

static void a_module_that_cannot_be_is_refused(void **state) {
    struct fix *f = *state;
    fix_fails(f, ".reload foo.sys=fffff800`0010f000,2000", "overlap drv");
    fix_fails(f, ".reload foo.sys=fffff800`000ff000,2000", "overlap drv");
    fix_fails(f, ".reload foo.sys=ffffffff`fffff000,2000", "cannot have 0x2000 bytes");
    fix_fails(f, ".reload foo.sys=fffff800`00050000", "no size is given, and");
    fix_fails(f, ".reload =fffff800`00050000,10", "name is missing");
    fix_fails(f, ".reload foo.sys=fffff800`00050000,10,1,1", "not \"");
    fix_run(f, "lm m foo");
    assert_null(strstr(fix_text(f), "foo"));
}

static void a_kernel_says_what_user_modules_it_has(void **state) {
    struct fix *f = *state;
    fix_run(f, ".reload /user");
    fix_has(f, "Loading User Symbols\nThis dump holds no user-mode memory");
}

static void paths_are_shown_as_they_are_written(void **state) {
    struct fix *f = *state;
    fix_prints(f, ".sympath", "Symbol search path is: <empty>\n");
    fix_prints(f, ".sympath /nowhere/at/all",
               "Symbol search path is: /nowhere/at/all\n"
               "Expanded Symbol search path is: /nowhere/at/all\n"
               "\n************* Path validation summary **************\n"
               "Response                         Time (ms)     Location\n"
               "Error                                          /nowhere/at/all\n");
    fix_run(f, ".sympath+ /");
    fix_has(f, "Symbol search path is: /nowhere/at/all;/\n");
    fix_has(f, "OK                                             /\n");
    fix_prints(f, ".exepath", "Executable image search path is: <empty>\n");
    fix_prints(f, ".exepath+ /tmp",
               "Executable image search path is: /tmp\n"
               "Expanded Executable image search path is: /tmp\n");
    fix_prints(f, ".symfix /nowhere/cache", "");
    fix_run(f, ".sympath");
    fix_has(f, "/nowhere/cache*https://msdl.microsoft.com/download/symbols");
    fix_has(f, "Deferred  ");
    fix_prints(f, ".symfix+ /nowhere/more", "");
    fix_run(f, ".sympath");
    fix_has(f,
            "/nowhere/cache*https://msdl.microsoft.com/download/symbols;srv*/nowhere/more*https:");
    fix_run(f, ".sympath+ /elsewhere");
    fix_has(f, "/nowhere/more*https://msdl.microsoft.com/download/symbols;/elsewhere\n");
}

static void options_of_symbols_are_kept(void **state) {
    struct fix *f = *state;
    fix_run(f, ".symopt");
    fix_has(f, "Symbol options are 0x30337:\n  0x00000001 - SYMOPT_CASE_INSENSITIVE\n");
    fix_run(f, ".symopt+ 40");
    fix_has(f, "0x00000040 - SYMOPT_LOAD_ANYTHING");
    fix_has(f, "Changing 0x40 has no effect here: it is only kept.");
    fix_run(f, ".symopt+ 40");
    assert_null(strstr(fix_text(f), "no effect"));
    fix_run(f, ".symopt- 10");
    assert_null(strstr(fix_text(f), "no effect"));
    assert_null(strstr(fix_text(f), "SYMOPT_LOAD_LINES"));
    fix_prints(f, ".lines", "Line number information will be loaded\n");
    fix_fails(f, ".symopt+", "needs the option's number");
    fix_prints(f, "!sym",
               "!sym <noisy/quiet - prompts/prompts off> - quiet mode - symbol prompts "
               "on\n");
    fix_prints(f, "!sym noisy", "noisy mode - symbol prompts on\n");
    fix_run(f, ".symopt");
    fix_has(f, "0x80000000 - SYMOPT_DEBUG");
    fix_prints(f, "!sym prompts off", "noisy mode - symbol prompts off\n");
    fix_prints(f, "!sym quiet", "quiet mode - symbol prompts off\n");
    fix_fails(f, "!sym loud", "!sym knows");
}

static void a_module_is_described_without_loading(void **state) {
    struct fix *f = *state;
    fix_run(f, "!lmi drv");
    fix_has(f, "Loaded Module Info: [drv] \n         Module: drv\n"
               "   Base Address: fffff80000100000\n     Image Name: drv.sys\n");
    fix_has(f, "     Image Type: NONE     - The image's headers cannot be read: ");
    fix_has(f, "    Symbol Type: DEFERRED - No error - symbol load deferred\n");
    fix_run(f, "!lmi nt");
    fix_has(f, "    Symbol Type: PDB      - Symbols loaded successfully by test.\n"
               "                 fake.pdb\n    Load Report: private symbols & lines, "
               "not source indexed \n");
    fix_run(f, "!chksym nt");
    fix_has(f, "MATCH: fake.pdb and ntoskrnl.exe  [by test]\n");
    fix_has(f, "    Timestamp: 00000000 (unavailable)\n");
    fix_fails(f, "!lmi gone", "gone");
}

static void an_image_that_is_not_there_has_no_function_table(void **state) {
    struct fix *f = *state;
    fix_fails(f, ".fnent nt!KiStart", "the image of nt cannot be read: ");
    fix_fails(f, ".fnent 1234", "no module contains 0x1234");
}

static void json_has_the_same_facts(void **state) {
    (void)state;
    struct fix f;
    sym_open(&f, SC_RENDER_JSON);
    fix_run(&f, "x nt!KiCount");
    fix_has(&f, "{\"type\":\"symbol\",\"address\":\"0xfffff80000002010\",\"module\":\"nt\","
                "\"name\":\"KiCount\",\"kind\":\"prv global\",\"size\":\"0x4\",\"symbol_type\":"
                "\"long\",\"value\":\"= 0n-7\"}");
    fix_run(&f, "ln nt!KiStart+20");
    fix_has(&f, "\"name\":\"KiStart\",\"address\":\"0xfffff80000001100\",\"displacement\":\"0x20\","
                "\"next_name\":\"KiIdle\"");
    fix_close(&f);
}

static void without_a_dump_there_are_no_symbols(void **state) {
    (void)state;
    struct fix f;
    fix_open(&f, FIX_NONE);
    assert_null(sc_session_symtab(f.s));
    fix_fails(&f, "? nt!Foo", "nt!Foo");
    fix_run(&f, ".symopt");
    fix_has(&f, "Symbol options are");
    fix_close(&f);
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, sym_setup, sym_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(names_stand_wherever_addresses_do),
        CASE(unknown_names_say_why),
        CASE(ln_shows_both_neighbours_and_exact_matches),
        CASE(ln_shows_the_source_line_when_lines_are_on),
        CASE(ln_says_why_there_is_no_symbol),
        CASE(x_lists_what_matches),
        CASE(x_has_windbgs_options),
        CASE(x_sorts_when_asked),
        CASE(x_explains_an_empty_answer),
        CASE(lm_shows_what_became_of_the_symbols),
        CASE(showing_a_name_loads_that_modules_symbols_only),
        CASE(reload_counts_modules_in_dots),
        CASE(a_module_with_an_address_joins_the_list),
        CASE(a_module_that_cannot_be_is_refused),
        CASE(a_kernel_says_what_user_modules_it_has),
        CASE(paths_are_shown_as_they_are_written),
        CASE(options_of_symbols_are_kept),
        CASE(a_module_is_described_without_loading),
        CASE(an_image_that_is_not_there_has_no_function_table),
        cmocka_unit_test(json_has_the_same_facts),
        cmocka_unit_test(without_a_dump_there_are_no_symbols),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
