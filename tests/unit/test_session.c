/* SPDX-License-Identifier: MIT */
/* Sessions: prompts, settings, registers, names in expressions, logs, the banner. */
#include "session_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/time.h"
#include "cmd/session_impl.h"

/* --- the prompt ------------------------------------------------------------------------------- */

static void the_prompt_is_windbgs(void **state) {
    (void)state;
    static const char *const want[FIX_KINDS] = {"stopcode> ", "0: kd> ", "0:000> ", "0:000> ",
                                                "0:000> "};
    for (int kind = 0; kind < FIX_KINDS; kind++) {
        struct fix f;
        char buf[32];
        fix_open(&f, (enum fix_kind)kind);
        sc_session_prompt(f.s, buf, sizeof buf);
        assert_string_equal(buf, want[kind]);
        sc_session_prompt(f.s, buf, 4);
        assert_int_equal(strlen(buf), 3);
        sc_session_prompt(f.s, NULL, 0);
        fix_close(&f);
    }
}

static void one_processor_has_no_number_in_the_prompt(void **state) {
    (void)state;
    struct sc_machine m = fix_machine(FIX_KERNEL);
    m.ncpus = 1;
    struct sc_fake fake = {.sz = sizeof fake, .cpu = m.cpu, .kernel = true, .machine = &m};
    struct fix f = {0};
    assert_null(sc_target_fake(&fake, &f.target));
    assert_null(sc_out_create(SC_RENDER_TEXT, sink_write, &f.sink, false, &f.out));
    assert_null(sc_session_create(f.target, f.out, &f.s));
    char buf[32];
    sc_session_prompt(f.s, buf, sizeof buf);
    assert_string_equal(buf, "kd> ");
    fix_close(&f);
}

static void changing_the_current_one_shows_in_the_prompt_and_drops_the_context(void **state) {
    (void)state;
    struct fix f;
    char buf[32];
    struct sc_regs regs;
    fix_open(&f, FIX_USER);
    fix_regs(SC_CPU_X64, &regs);
    sc_session_set_regs(f.s, &regs);
    assert_true(sc_session_has_context(f.s));
    assert_null(sc_session_set_current(f.s, 1));
    assert_false(sc_session_has_context(f.s));
    sc_session_prompt(f.s, buf, sizeof buf);
    assert_string_equal(buf, "0:001> ");
    sc_err *err = sc_session_set_current(f.s, 7);
    assert_string_equal(sc_err_text(err), "there is no thread 7: this dump has 2");
    sc_err_destroy(err);
    assert_int_equal(sc_session_current(f.s), 1);
    fix_close(&f);
}

static void processors_count_even_without_a_row_of_their_own(void **state) {
    (void)state;
    struct sc_machine m = fix_machine(FIX_KERNEL);
    m.ncpus = 4;
    struct sc_fake fake = {.sz = sizeof fake, .cpu = m.cpu, .kernel = true, .machine = &m};
    struct fix f = {0};
    assert_null(sc_target_fake(&fake, &f.target));
    assert_null(sc_out_create(SC_RENDER_TEXT, sink_write, &f.sink, false, &f.out));
    assert_null(sc_session_create(f.target, f.out, &f.s));
    assert_null(sc_session_set_current(f.s, 3));
    sc_err *err = sc_session_set_current(f.s, 4);
    assert_string_equal(sc_err_text(err), "there is no processor 4: this dump has 4");
    sc_err_destroy(err);
    fix_close(&f);
}

/* --- expressions ------------------------------------------------------------------------------ */

static void expect(struct fix *f, const char *text, uint64_t want) {
    uint64_t value = 0;
    sc_err *err = sc_session_eval(f->s, text, &value);
    if (err)
        fail_msg("%s: %s", text, sc_err_text(err));
    if (value != want)
        fail_msg("%s is 0x%llx", text, (unsigned long long)value);
}

static void expect_unknown(struct fix *f, const char *text, const char *why) {
    uint64_t value = 42;
    sc_err *err = sc_session_eval(f->s, text, &value);
    assert_non_null(err);
    if (!strstr(sc_err_text(err), why))
        assert_string_equal(sc_err_text(err), why);
    assert_int_equal(value, 42);
    sc_err_destroy(err);
}

static void pseudo_registers_of_a_kernel_dump(void **state) {
    (void)state;
    struct fix f;
    fix_open(&f, FIX_KERNEL);
    expect(&f, "@$ptrsize", 8);
    expect(&f, "@$pagesize", 0x1000);
    expect(&f, "@$ip", FIX_RIP);
    expect(&f, "@$csp", 0xffff888877776660);
    expect(&f, "@$thread", 0xffffa00011223344);
    expect(&f, "@$bug_code", 0x1000007e);
    expect(&f, "@$bug_param2", FIX_RIP);
    expect(&f, "@$exr_code", 0xc0000005);
    expect(&f, "@$exr_numparams", 2);
    expect(&f, "@$exr_param1", 0x10);
    expect(&f, "@rcx + 1", 0x56);
    expect_unknown(&f, "@$exr_param2", "$exr_param2 is unknown: the exception has 2 parameters");
    expect_unknown(&f, "@$teb", "$teb is unknown: the field of the thread's ETHREAD is");
    expect_unknown(&f, "@$proc", "$proc is unknown: the dump does not hold the thread");
    expect_unknown(&f, "@$ra", "$ra is unknown: this frame has no caller that is known");
    expect_unknown(&f, "@$exentry", "$exentry is unknown: ");
    fix_close(&f);
}

static void pseudo_registers_of_a_user_dump(void **state) {
    (void)state;
    for (int kind = FIX_USER; kind <= FIX_USER32; kind++) {
        struct fix f;
        fix_open(&f, (enum fix_kind)kind);
        expect(&f, "@$ptrsize", kind == FIX_USER ? 8 : 4);
        expect(&f, "@$teb", FIX_TEB);
        expect(&f, "@$thread", FIX_TEB);
        expect(&f, "@$peb", FIX_PEB);
        expect(&f, "@$proc", FIX_PEB);
        expect(&f, "@$tid", 0xd34);
        expect(&f, "@$tpid", 0x1a2c);
        expect(&f, "@$dtid", 0);
        expect_unknown(&f, "@$bug_code", "$bug_code is unknown: the dump records no bug check");
        assert_null(sc_session_set_current(f.s, 1));
        expect(&f, "@$tid", 0xd38);
        expect(&f, "@$dtid", 1);
        expect_unknown(&f, "@$teb", "the dump does not give the thread's TEB");
        fix_close(&f);
    }
}

static void a_linux_process_has_no_peb(void **state) {
    (void)state;
    struct fix f;
    fix_open(&f, FIX_LINUX);
    expect_unknown(&f, "@$peb", "$peb is unknown: only Windows processes have a PEB");
    fix_close(&f);
}

static void without_a_dump_only_numbers_and_variables_have_values(void **state) {
    (void)state;
    struct fix f;
    fix_open(&f, FIX_NONE);
    expect(&f, "@$ptrsize * 2", 16);
    expect(&f, "@$t3", 0);
    expect_unknown(&f, "@$ip", "no dump is open");
    expect_unknown(&f, "@$thread", "$thread is unknown: no dump is open");
    expect_unknown(&f, "poi(1000)", "1000");
    uint64_t now;
    assert_null(sc_session_pseudo_get(f.s, "$dbgtime", &now));
    assert_true(now > 132000000000000000);
    fix_close(&f);
}

static void variables_can_be_set_and_nothing_else(void **state) {
    (void)state;
    struct fix f;
    fix_open(&f, FIX_NONE);
    assert_null(sc_session_pseudo_set(f.s, "$t0", 7));
    assert_null(sc_session_pseudo_set(f.s, "@$T19", 8));
    expect(&f, "@$t0 + @$t19", 15);
    assert_true(sc_session_is_pseudo("$t19"));
    assert_true(sc_session_is_pseudo("@$peb"));
    assert_false(sc_session_is_pseudo("$t20"));
    assert_false(sc_session_is_pseudo("$t01"));
    assert_false(sc_session_is_pseudo("rax"));
    sc_err *err = sc_session_pseudo_set(f.s, "$ip", 1);
    assert_string_equal(sc_err_text(err), "$ip cannot be set: $t0 to $t19 can");
    sc_err_destroy(err);
    err = sc_session_pseudo_set(f.s, "$t20", 1);
    assert_string_equal(sc_err_text(err), "there is no pseudo-register $t20");
    sc_err_destroy(err);
    fix_close(&f);
}

static void modules_are_their_bases_and_unknown_symbols_say_why(void **state) {
    (void)state;
    struct fix f;
    fix_open(&f, FIX_KERNEL);
    expect(&f, "nt", FIX_NT);
    expect(&f, "nt+000182f0", FIX_NT + 0x182f0);
    expect(&f, "ntoskrnl.exe", FIX_NT);
    expect_unknown(&f, "nt!KeBugCheckEx", "nt!KeBugCheckEx is unknown: nt has no symbols");
    fix_close(&f);
}

static void the_context_in_force_gives_the_registers(void **state) {
    (void)state;
    struct fix f;
    struct sc_regs regs;
    fix_open(&f, FIX_KERNEL);
    fix_regs(SC_CPU_X64, &regs);
    sc_reg_set(&regs, sc_reg_find(SC_CPU_X64, "rip"), FIX_NT + 5);
    sc_session_set_regs(f.s, &regs);
    expect(&f, "@rip - nt", 5);
    sc_session_set_regs(f.s, NULL);
    expect(&f, "@rip", FIX_RIP);
    fix_close(&f);
}

static void dot_is_where_the_last_display_ended(void **state) {
    (void)state;
    struct fix f;
    uint64_t at;
    fix_open(&f, FIX_KERNEL);
    assert_false(sc_session_dot(f.s, &at));
    sc_session_set_dot(f.s, 0x1234);
    assert_true(sc_session_dot(f.s, &at));
    assert_int_equal(at, 0x1234);
    expect(&f, ". + 1", 0x1235);
    fix_close(&f);
}

static void an_address_is_named_by_its_module(void **state) {
    (void)state;
    struct fix f;
    fix_open(&f, FIX_KERNEL);
    sc_arena *arena = sc_arena_create();
    assert_string_equal(sc_session_near(f.s, FIX_RIP, arena), "amdppm+0x334c");
    assert_string_equal(sc_session_near(f.s, FIX_NT, arena), "nt");
    assert_null(sc_session_near(f.s, 0x1000, arena));
    sc_arena_destroy(arena);
    fix_close(&f);
}

/* --- the log ---------------------------------------------------------------------------------- */

static const char log_name[] = "test_session.log";

/* The log's bytes, NUL behind them; ended by free(). */
static char *read_log(size_t *ret_len) {
    FILE *file = fopen(log_name, "rb");
    assert_non_null(file);
    char *buf = calloc(1, 100000);
    *ret_len = fread(buf, 1, 99999, file);
    fclose(file);
    return buf;
}

static void expect_log(const char *text) {
    size_t len;
    char *log = read_log(&len);
    assert_string_equal(log, text);
    free(log);
    remove(log_name);
}

static void a_log_has_what_was_printed_while_it_was_open(void **state) {
    (void)state;
    struct fix f;
    fix_open(&f, FIX_NONE);
    fix_run(&f, ".echo before");
    fix_prints(&f, ".logopen test_session.log", "Opened log file 'test_session.log'\n");
    fix_run(&f, ".echo inside");
    fix_prints(&f, ".logfile", "Log 'test_session.log' open\n");
    fix_prints(&f, ".logclose", "Closing open log file test_session.log\n");
    fix_run(&f, ".echo after");
    fix_prints(&f, ".logfile", "No log file open\n");
    expect_log("Opened log file 'test_session.log'\ninside\nLog 'test_session.log' open\n"
               "Closing open log file test_session.log\n");
    fix_close(&f);
}

static void opening_overwrites_and_appending_does_not(void **state) {
    (void)state;
    struct fix f;
    fix_open(&f, FIX_NONE);
    assert_null(sc_session_log(f.s, log_name, false));
    fix_run(&f, ".echo one");
    assert_null(sc_session_log(f.s, log_name, false));
    fix_run(&f, ".echo two");
    assert_null(sc_session_log(f.s, log_name, true));
    fix_run(&f, ".echo three");
    assert_null(sc_session_log(f.s, NULL, false));
    fix_run(&f, ".echo four");
    expect_log("two\nthree\n");
    fix_close(&f);
}

static void a_wide_log_is_utf16_with_one_mark(void **state) {
    (void)state;
    struct fix f;
    fix_open(&f, FIX_NONE);
    fix_run(&f, ".logopen /u test_session.log");
    fix_run(&f, ".logappend /u test_session.log");
    /* More than any buffer, so that characters are cut at its end. */
    enum { LINES = 3000 };
    for (int i = 0; i < LINES; i++)
        fix_run(&f, ".echo \xc3\xa9\xf0\x9f\x98\x80z");
    fix_run(&f, ".logclose");
    size_t len;
    char *log = read_log(&len);
    static const char mark[] = "\xff\xfeO\0p\0e\0n\0";
    static const char line[] = "\xe9\0\x3d\xd8\0\xdez\0\n\0";
    assert_memory_equal(log, mark, 10);
    size_t found = 0;
    for (size_t i = 0; i + 10 <= len; i += 2) {
        found += !memcmp(log + i, line, 10);
        assert_false(i && !memcmp(log + i, "\xff\xfe", 2));
    }
    assert_int_equal(found, LINES);
    free(log);
    remove(log_name);
    fix_close(&f);
}

static void a_log_in_json_has_whole_objects(void **state) {
    (void)state;
    struct fix f;
    fix_open_json(&f, FIX_NONE, SC_RENDER_JSON);
    fix_run(&f, ".logopen test_session.log; .echo a; .logclose; .echo b");
    expect_log("{\"command\":\".echo a\",\"records\":[{\"type\":\"echo\",\"text\":\"a\"}],"
               "\"error\":null}\n"
               "{\"command\":\".logclose\",\"records\":[{\"type\":\"log_file\",\"path\":"
               "\"test_session.log\",\"open\":false,\"failed\":false}],\"error\":null}\n");
    fix_close(&f);
}

static void the_session_ends_its_log(void **state) {
    (void)state;
    struct fix f;
    fix_open(&f, FIX_NONE);
    assert_null(sc_session_log(f.s, log_name, false));
    sc_session_destroy(f.s);
    f.s = NULL;
    sc_puts(f.out, "afterwards\n");
    sc_out_flush(f.out);
    expect_log("");
    fix_close(&f);
}

static void a_log_that_cannot_be_written_is_an_error_and_the_old_one_goes_on(void **state) {
    (void)state;
    struct fix f;
    fix_open(&f, FIX_NONE);
    assert_null(sc_session_log(f.s, log_name, false));
    fix_fails(&f, ".logopen no/such/folder/x.log", "ERROR: cannot write the log no/such/");
    fix_run(&f, ".logfile");
    assert_string_equal(fix_text(&f), "Log 'test_session.log' open\n");
    remove(log_name);
    fix_close(&f);
}

static void a_full_disk_is_reported(void **state) {
    (void)state;
    if (access("/dev/full", W_OK) != 0) {
        print_message("SKIPPED: there is no /dev/full to stand for a full disk\n");
        skip();
    }
    struct fix f;
    fix_open(&f, FIX_NONE);
    fix_run(&f, ".logopen /dev/full");
    fix_run(&f, ".logfile");
    assert_non_null(strstr(fix_text(&f), "The log file /dev/full is incomplete"));
    fix_close(&f);
}

static void the_name_of_a_log_may_have_the_date_or_the_dumps_name(void **state) {
    (void)state;
    struct fix f;
    fix_open(&f, FIX_USER);
    fix_run(&f, ".logopen /t test.session.log");
    int n = 0, year, month;
    assert_int_equal(
        sscanf(fix_text(&f), "Opened log file 'test.session_1A2C_%4d-%2d-%n", &year, &month, &n),
        2);
    char name[128], *end;
    snprintf(name, sizeof name, "%s", strchr(fix_text(&f), '\'') + 1);
    end = strstr(name, ".log'");
    assert_non_null(end);
    end[4] = 0;
    fix_run(&f, ".logclose");
    assert_int_equal(remove(name), 0);
    fix_run(&f, ".logopen /d");
    snprintf(name, sizeof name, "%s.log", sc_target_name(f.target));
    assert_non_null(strstr(fix_text(&f), name));
    fix_run(&f, ".logclose");
    assert_int_equal(remove(name), 0);
    fix_fails(&f, ".logopen /d x.log", "/d chooses the name itself");
    fix_close(&f);
}

static void paths_are_copied(void **state) {
    (void)state;
    struct fix f;
    fix_open(&f, FIX_NONE);
    char path[] = "symbols";
    assert_null(sc_session_set_paths(f.s, path, NULL));
    path[0] = 'X';
    assert_string_equal(f.s->symbol_path, "symbols");
    assert_null(sc_session_set_paths(f.s, NULL, "images"));
    assert_null(f.s->symbol_path);
    assert_string_equal(f.s->image_path, "images");
    fix_close(&f);
}

/* No globals: what is set in one session does not show in another. */
static void two_sessions_know_nothing_of_each_other(void **state) {
    (void)state;
    struct fix a, b;
    fix_open(&a, FIX_KERNEL);
    fix_open(&b, FIX_USER32);
    fix_run(&a, "n 10; .enrich off; .tz +5:30");
    fix_run(&b, ".echo b");
    assert_int_equal(sc_session_radix(a.s), 10);
    assert_int_equal(sc_session_radix(b.s), 16);
    assert_true(sc_session_enrich(b.s));
    assert_true(sc_session_tz(b.s) == SC_TZ_LOCAL);
    expect(&a, "@$ptrsize", 8);
    expect(&b, "@$ptrsize", 4);
    assert_string_equal(fix_text(&b), "b\n");
    fix_close(&a);
    fix_close(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_prompt_is_windbgs),
        cmocka_unit_test(one_processor_has_no_number_in_the_prompt),
        cmocka_unit_test(changing_the_current_one_shows_in_the_prompt_and_drops_the_context),
        cmocka_unit_test(processors_count_even_without_a_row_of_their_own),
        cmocka_unit_test(pseudo_registers_of_a_kernel_dump),
        cmocka_unit_test(pseudo_registers_of_a_user_dump),
        cmocka_unit_test(a_linux_process_has_no_peb),
        cmocka_unit_test(without_a_dump_only_numbers_and_variables_have_values),
        cmocka_unit_test(variables_can_be_set_and_nothing_else),
        cmocka_unit_test(modules_are_their_bases_and_unknown_symbols_say_why),
        cmocka_unit_test(the_context_in_force_gives_the_registers),
        cmocka_unit_test(dot_is_where_the_last_display_ended),
        cmocka_unit_test(an_address_is_named_by_its_module),
        cmocka_unit_test(a_log_has_what_was_printed_while_it_was_open),
        cmocka_unit_test(opening_overwrites_and_appending_does_not),
        cmocka_unit_test(a_wide_log_is_utf16_with_one_mark),
        cmocka_unit_test(a_log_in_json_has_whole_objects),
        cmocka_unit_test(the_session_ends_its_log),
        cmocka_unit_test(a_log_that_cannot_be_written_is_an_error_and_the_old_one_goes_on),
        cmocka_unit_test(a_full_disk_is_reported),
        cmocka_unit_test(the_name_of_a_log_may_have_the_date_or_the_dumps_name),
        cmocka_unit_test(paths_are_copied),
        cmocka_unit_test(two_sessions_know_nothing_of_each_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
