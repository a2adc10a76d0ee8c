/* SPDX-License-Identifier: MIT */
/* What is shown on opening a dump: fakes for the words, real dumps for the whole. */
#include "session_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cmd/show.h"

static void banner(struct fix *f, enum fix_kind kind, enum sc_render render) {
    fix_open_json(f, kind, render);
    sc_session_set_tz(f->s, 0);
    sc_session_banner(f->s);
}

static void expect(struct fix *f, const char *text) {
    if (!strstr(fix_text(f), text))
        assert_string_equal(fix_text(f), text);
}

static void a_kernel_dump_shows_its_bug_check(void **state) {
    (void)state;
    struct fix f;
    banner(&f, FIX_KERNEL, SC_RENDER_TEXT);
    expect(&f, "\nLoading Dump File [");
    expect(&f, "\nWindows 10 Kernel Version 19041 MP (2 procs) Free x64\n");
    expect(&f, "\nModules: 2 loaded, 0 unloaded\n");
    expect(&f, "\nBugCheck 1000007E, {ffffffffc0000005, fffff8004560334c, ffff888877776000, "
               "ffff888877775000}  [SYSTEM_THREAD_EXCEPTION_NOT_HANDLED_M]\n");
    expect(&f, "\nFor analysis of this file, run !analyze -v\n");
    assert_null(strstr(fix_text(&f), ".ecxr"));
    fix_close(&f);
}

static void a_user_dump_shows_its_exception(void **state) {
    (void)state;
    struct fix f;
    banner(&f, FIX_USER32, SC_RENDER_TEXT);
    expect(&f, "\nModules: 1 loaded, 0 unloaded; threads: 2\n");
    expect(&f, "This dump file has an exception of interest stored in it.\n"
               "The stored exception information can be accessed via .ecxr.\n"
               "(1a2c.d34): Access violation - code c0000005 (first/second chance not "
               "available)\n");
    assert_null(strstr(fix_text(&f), "BugCheck"));
    fix_close(&f);
}

static void events_of_other_systems_have_their_own_names(void **state) {
    (void)state;
    struct sc_machine m = {.windows = false, .platform = "Linux"};
    assert_string_equal(sc_event_words(&m, 11), "SIGSEGV");
    assert_string_equal(sc_event_words(&m, 0xffffffff), "Dump requested, no exception");
    assert_string_equal(sc_event_words(&m, 0xc0000005), "Unknown exception");
    assert_string_equal(sc_event_words(&m, 0), "Unknown exception");
    m.platform = "macOS";
    assert_string_equal(sc_event_words(&m, 1), "EXC_BAD_ACCESS");
    assert_string_equal(sc_event_words(&m, 13), "Unknown exception");
    m.platform = "Fuchsia";
    assert_string_equal(sc_event_words(&m, 1), "Unknown exception");
    m = (struct sc_machine){.windows = true, .platform = "Windows"};
    assert_string_equal(sc_event_words(&m, 0x80000003), "Break instruction exception");
    assert_string_equal(sc_event_words(&m, 11), "Unknown exception");
}

static void the_banner_is_one_json_object(void **state) {
    (void)state;
    struct fix f;
    banner(&f, FIX_KERNEL, SC_RENDER_JSON);
    expect(&f, "{\"command\":\".opendump\",\"records\":[{\"type\":\"dump_file\",");
    expect(&f, "{\"type\":\"counts\",\"modules\":2,\"unloaded\":0,\"threads\":2}");
    expect(&f, "{\"type\":\"bugcheck\",\"code\":\"0x1000007e\",\"name\":"
               "\"SYSTEM_THREAD_EXCEPTION_NOT_HANDLED_M\",\"arguments\":[");
    const char *end = strchr(fix_text(&f), '\n');
    assert_string_equal(end - strlen("],\"error\":null}"), "],\"error\":null}\n");
    fix_close(&f);
}

static void without_a_dump_there_is_no_banner(void **state) {
    (void)state;
    struct fix f;
    banner(&f, FIX_NONE, SC_RENDER_TEXT);
    assert_string_equal(fix_text(&f), "");
    fix_close(&f);
}

/* --- real dumps ------------------------------------------------------------------------------- */

static const char *corpus_folder(void) {
    static const char *const guesses[] = {"../shared/corpus", "../../shared/corpus",
                                          "../../../shared/corpus", "../../../../shared/corpus",
                                          "../../../../../shared/corpus"};
    const char *folder = getenv("STOPCODE_CORPUS");
    for (size_t i = 0; !folder && i < sizeof guesses / sizeof *guesses; i++) {
        if (access(guesses[i], R_OK) == 0)
            folder = guesses[i];
    }
    return folder;
}

/* Opens a file of the corpus and shows its banner; skips the test when there is none. */
static void open_real(struct fix *f, const char *name) {
    char path[512];
    const char *folder = corpus_folder();
    *f = (struct fix){0};
    snprintf(path, sizeof path, "%s/%s", folder ? folder : "", name);
    if (!folder || access(path, R_OK) != 0) {
        print_message("SKIPPED: %s is not here; set STOPCODE_CORPUS\n", name);
        skip();
    }
    assert_null(sc_target_open(path, NULL, &f->target));
    assert_null(sc_out_create(SC_RENDER_TEXT, sink_write, &f->sink, false, &f->out));
    assert_null(sc_session_create(f->target, f->out, &f->s));
    sc_session_set_tz(f->s, 0);
    sc_session_banner(f->s);
}

static void a_real_triage_dump(void **state) {
    (void)state;
    struct fix f;
    open_real(&f, "kdump/triage_x64.dmp");
    expect(&f, "]\nMini Kernel Dump File: Only registers and stack trace are available\n");
    expect(&f, "\nWindows 10 Kernel Version 19041 MP (16 procs) Free x64\n");
    expect(&f, "\nBugCheck 1000007E, {ffffffffc0000005, fffff8048b58334c, ffff850429891ee8, "
               "ffff850429891720}");
    char prompt[16];
    sc_session_prompt(f.s, prompt, sizeof prompt);
    assert_string_equal(prompt, "0: kd> ");
    fix_prints(&f, "? fffff8048b58334c",
               "Evaluate expression: -8776575339700 = fffff804`8b58334c  [amdppm+0x334c]\n");
    fix_close(&f);
}

static void a_real_user_dump(void **state) {
    (void)state;
    struct fix f;
    open_real(&f, "mdmp/rust-minidump+rust-minidump/testdata/test.dmp");
    expect(&f, "]\nUser Mini Dump File: Only registers, stack and portions of memory are "
               "available\n");
    expect(&f, "(f5c.bf4): Access violation - code c0000005 (first/second chance not available)\n");
    fix_prints(&f, "? @$tpid; ? @$tid",
               "Evaluate expression: 3932 = 00000f5c\nEvaluate expression: 3060 = 00000bf4\n");
    fix_fails(&f, "!analyzex", "is no command here");
    fix_close(&f);
}

static void a_real_linux_dump(void **state) {
    (void)state;
    struct fix f;
    open_real(&f, "mdmp/rust-minidump+rust-minidump/testdata/linux-mini.dmp");
    expect(&f, "): SIGSEGV - code 0000000b");
    fix_close(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_kernel_dump_shows_its_bug_check),
        cmocka_unit_test(a_user_dump_shows_its_exception),
        cmocka_unit_test(events_of_other_systems_have_their_own_names),
        cmocka_unit_test(the_banner_is_one_json_object),
        cmocka_unit_test(without_a_dump_there_is_no_banner),
        cmocka_unit_test(a_real_triage_dump),
        cmocka_unit_test(a_real_user_dump),
        cmocka_unit_test(a_real_linux_dump),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
