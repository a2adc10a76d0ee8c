/* SPDX-License-Identifier: MIT */
/* `~`: lists, switching, and running commands in the context of others. */
#include "fake_session.h"

static const struct sc_module app = {
    .base = 0x400000, .size = 0x10000, .name = "app", .image = "app.exe", .path = "C:\\app.exe"};
static const struct sc_thread user_threads[] = {
    {.index = 0, .tid = 0xd34, .suspend = 1, .teb = 0x7ffde000, .context_off = SC_UNSET64},
    {.index = 1,
     .tid = 0xd38,
     .suspend = 2,
     .teb = 0x7ffdd000,
     .context_off = SC_UNSET64,
     .name = "worker\x1b",
     .has_info = true,
     .start_address = 0x401234,
     .affinity = 0xff,
     .priority_class = 32},
    {.index = 2,
     .tid = 0xd40,
     .suspend = 1,
     .context_off = SC_UNSET64,
     .has_info = true,
     .start_address = 0x99990000},
};
static const struct sc_thread cpus[] = {
    {.index = 0,
     .context_off = SC_UNSET64,
     .prcb = 0xfffff80112233180,
     .thread = 0xffff9b0002300180},
    {.index = 1, .context_off = SC_UNSET64},
};

static void open_user_render(struct fix *f, enum sc_cpu cpu, enum sc_render render) {
    struct sc_regs regs = full_regs(cpu);
    struct sc_machine m = {.windows = true, .pid = 0x12c4, .current = 1, .uptime = SC_UNSET64};
    set_reg(&regs, cpu == SC_CPU_X64 ? "rip" : "eip", 0x401000);
    struct sc_fake fake = {.sz = sizeof fake,
                           .cpu = cpu,
                           .machine = &m,
                           .modules = &app,
                           .nmodules = 1,
                           .threads = user_threads,
                           .nthreads = 3,
                           .regs = &regs};
    fake_open(f, &fake, render);
}

static void open_user(struct fix *f, enum sc_cpu cpu) { open_user_render(f, cpu, SC_RENDER_TEXT); }

static void open_kernel(struct fix *f, uint32_t ncpus) {
    struct sc_regs regs = full_regs(SC_CPU_X64);
    struct sc_machine m = {.windows = true, .ncpus = ncpus, .uptime = SC_UNSET64};
    struct sc_fake fake = {.sz = sizeof fake,
                           .cpu = SC_CPU_X64,
                           .kernel = true,
                           .machine = &m,
                           .threads = cpus,
                           .nthreads = 2,
                           .regs = &regs};
    fake_open(f, &fake, SC_RENDER_TEXT);
}

static void the_list_marks_current_and_event(void **state) {
    (void)state;
    struct fix f;
    open_user(&f, SC_CPU_X86);
    fix_prints(&f, "~",
               "   0  Id: 12c4.d34 Suspend: 1 Teb: 7ffde000 Unfrozen\n"
               ".  1  Id: 12c4.d38 Suspend: 2 Teb: 7ffdd000 Unfrozen \"worker\\x1b\"\n"
               "   2  Id: 12c4.d40 Suspend: 1 Teb: 00000000 Unfrozen\n");
    fix_run(&f, "~0s");
    fix_run(&f, "~");
    fix_has(&f, ".  0  Id: 12c4.d34 Suspend: 1 Teb: 7ffde000 Unfrozen\n#  1  Id: 12c4.d38");
    fix_close(&f);
    open_user(&f, SC_CPU_X64);
    fix_run(&f, "~");
    fix_has(&f, "   0  Id: 12c4.d34 Suspend: 1 Teb: 00000000`7ffde000 Unfrozen\n");
    fix_close(&f);
}

static void details_name_start_priority_and_affinity(void **state) {
    (void)state;
    struct fix f;
    open_user(&f, SC_CPU_X86);
    static const char one[] =
        ".  1  Id: 12c4.d38 Suspend: 2 Teb: 7ffdd000 Unfrozen \"worker\\x1b\"\n"
        "      Start: app+0x1234 (00401234)\n"
        "      Priority: 0  Priority class: 32  Affinity: ff\n";
    fix_prints(&f, "~1", one);
    fix_prints(&f, "~.", one);
    fix_prints(&f, "~#", one);
    fix_prints(&f, "~~[d38]", one);
    fix_prints(&f, "~2",
               "   2  Id: 12c4.d40 Suspend: 1 Teb: 00000000 Unfrozen\n"
               "      Start: 99990000\n"
               "      Priority: 0  Priority class: 0  Affinity: 0\n");
    fix_run(&f, "~*");
    fix_has(&f, "   0  Id: 12c4.d34 Suspend: 1 Teb: 7ffde000 Unfrozen\n"
                "      Priority: 0  Priority class: 0\n.  1  Id");
    fix_close(&f);
}

static void processors_are_listed_too(void **state) {
    (void)state;
    struct fix f;
    open_kernel(&f, 3);
    fix_prints(&f, "~",
               ".  0  Prcb: fffff801`12233180 Thread: ffff9b00`02300180 Registers: stored\n"
               "   1  Registers: not in this dump\n"
               "   2  Registers: not in this dump\n");
    fix_close(&f);
}

static void a_lying_number_of_processors_is_bounded(void **state) {
    (void)state;
    struct fix f;
    open_kernel(&f, 0xffffffff);
    fix_run(&f, "~");
    size_t lines = 0;
    for (const char *p = fix_text(&f); *p; p++)
        lines += *p == '\n';
    assert_int_equal(lines, 2048);
    fix_close(&f);
}

static void switching_shows_the_thread_in_user_dumps(void **state) {
    (void)state;
    struct fix f;
    open_user(&f, SC_CPU_X86);
    assert_int_equal(fix_run(&f, "~1s"), 0);
    fix_has(&f, "eax=00000000");
    fix_has(&f, "app+0x1000:\n");
    fix_prints(&f, "~2s", "This dump holds no registers of thread 2.\n");
    assert_int_equal(sc_session_current(f.s), 2);
    fix_run(&f, "~~[0n3384]s"); /* 0xd38 */
    assert_int_equal(sc_session_current(f.s), 1);
    fix_close(&f);
    open_kernel(&f, 2);
    fix_prints(&f, "~1s", "");
    assert_int_equal(sc_session_current(f.s), 1);
    fix_close(&f);
}

static void a_command_runs_there_and_the_context_comes_back(void **state) {
    (void)state;
    struct fix f;
    open_user(&f, SC_CPU_X86);
    struct sc_regs mine = full_regs(SC_CPU_X86);
    set_reg(&mine, "eax", 0x77);
    sc_session_set_regs(f.s, &mine);
    fix_prints(&f, "~1 r eip", "eip=00401000\n");
    assert_int_equal(sc_session_current(f.s), 1);
    fix_prints(&f, "r eax", "eax=00000077\n");
    fix_prints(&f, "~1r $t0 = 3; r $t0", "$t0=00000003\n");
    fix_run(&f, "~;r eax"); /* what follows a semicolon is another command */
    fix_has(&f, "   2  Id: 12c4.d40 Suspend: 1 Teb: 00000000 Unfrozen\neax=00000077\n");
    fix_prints(&f, "~1e r $t0 = 4; r $t0", "$t0=00000004\n");
    fix_prints(&f, "~~[d38] e r $t0 = 5; r $t0", "$t0=00000005\n");
    fix_close(&f);
}

static void a_command_runs_in_each(void **state) {
    (void)state;
    struct fix f;
    open_user(&f, SC_CPU_X86);
    fix_prints(&f, "~*r $t0 = @$t0 + 1",
               "\n   0  Id: 12c4.d34 Suspend: 1 Teb: 7ffde000 Unfrozen\n"
               "\n.  1  Id: 12c4.d38 Suspend: 2 Teb: 7ffdd000 Unfrozen \"worker\\x1b\"\n"
               "\n   2  Id: 12c4.d40 Suspend: 1 Teb: 00000000 Unfrozen\n");
    fix_prints(&f, "r $t0", "$t0=00000003\n");
    fix_prints(&f, "~*e r $t0 = @$t0 + 1; r $t1 = @$t1 + 2", "");
    fix_prints(&f, "r $t0, $t1", "$t0=00000006 $t1=00000006\n");
    assert_int_equal(sc_session_current(f.s), 1);
    assert_int_equal(fix_run(&f, "~*r eip"), 1);
    fix_has(&f, "eip=00401000\n");
    fix_has(&f, "2 of the commands failed");
    fix_close(&f);
}

static void what_does_not_exist_is_said(void **state) {
    (void)state;
    struct fix f;
    open_user(&f, SC_CPU_X86);
    fix_fails(&f, "~7", "there is no thread 7: this dump has 3");
    fix_fails(&f, "~7s", "thread 7");
    fix_fails(&f, "~99999999999999999999s", "there is no thread");
    fix_fails(&f, "~7 r", "there is no thread 7");
    fix_fails(&f, "~~[5]", "no thread has the id 0x5");
    fix_fails(&f, "~~[d38", "bracket does not close");
    fix_fails(&f, "~1f", "a dump has none that run");
    assert_int_equal(sc_session_current(f.s), 1);
    fix_close(&f);
}

static void json_has_the_facts_of_a_thread(void **state) {
    (void)state;
    struct fix f;
    open_user_render(&f, SC_CPU_X86, SC_RENDER_JSON);
    fix_run(&f, "~");
    fix_has(&f, "{\"type\":\"thread\",\"index\":1,\"current\":true,\"event\":true,"
                "\"pid\":\"0x000012c4\",\"tid\":\"0x00000d38\",\"suspend\":2,"
                "\"teb\":\"0x000000007ffdd000\"");
    fix_has(
        &f,
        "\"start\":\"0x0000000000401234\",\"start_symbol\":\"app+0x1234\",\"affinity\":\"0xff\"");
    fix_close(&f);
}

static void threads_of_other_systems_have_no_windows_words(void **state) {
    (void)state;
    struct fix f;
    static const struct sc_thread t = {.tid = 0x10, .suspend = 0};
    static const struct sc_machine m = {.platform = "Linux", .pid = 0x20};
    struct sc_fake fake = {
        .sz = sizeof fake, .cpu = SC_CPU_X64, .machine = &m, .threads = &t, .nthreads = 1};
    fake_open(&f, &fake, SC_RENDER_TEXT);
    fix_prints(&f, "~", ".  0  Id: 20.10\n");
    fix_close(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_of_other_systems_have_no_windows_words),
        cmocka_unit_test(the_list_marks_current_and_event),
        cmocka_unit_test(details_name_start_priority_and_affinity),
        cmocka_unit_test(processors_are_listed_too),
        cmocka_unit_test(a_lying_number_of_processors_is_bounded),
        cmocka_unit_test(switching_shows_the_thread_in_user_dumps),
        cmocka_unit_test(a_command_runs_there_and_the_context_comes_back),
        cmocka_unit_test(a_command_runs_in_each),
        cmocka_unit_test(what_does_not_exist_is_said),
        cmocka_unit_test(json_has_the_facts_of_a_thread),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
