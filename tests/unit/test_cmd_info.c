/* SPDX-License-Identifier: MIT */
/* `vertarget`, `version`, `.time`, `.bugcheck`, `.comment`: what the target is, in words. */
#include "fake_session.h"

static struct sc_machine kernel_machine(void) {
    return (struct sc_machine){.windows = true,
                               .ncpus = 16,
                               .major = 10,
                               .build = 19041,
                               .product_type = 1,
                               .suite_mask = 0x110,
                               .lab = "19041.1.amd64fre.vb_release.191206-1406",
                               .time = 132574568951234567,
                               .uptime = 6234560000,
                               .has_bugcheck = true,
                               .bugcheck = 0x9f,
                               .bugcheck_arg = {3, 0xffffe001abcd0060, 0xfffff80012345678, 0},
                               .kernel_base = 0xfffff80412300000,
                               .loaded_module_list = 0xfffff80412f2a390};
}

static void open_machine(struct fix *f, enum sc_cpu cpu, bool kernel, const struct sc_machine *m,
                         enum sc_render render) {
    struct sc_fake fake = {.sz = sizeof fake, .cpu = cpu, .kernel = kernel, .machine = m};
    fake_open(f, &fake, render);
}

static void first_line(enum sc_cpu cpu, bool kernel, const struct sc_machine *m, const char *text) {
    struct fix f;
    open_machine(&f, cpu, kernel, m, SC_RENDER_TEXT);
    fix_run(&f, "vertarget");
    char line[256] = "";
    sscanf(fix_text(&f), "%255[^\n]", line);
    assert_string_equal(line, text);
    fix_close(&f);
}

static void vertarget_of_a_kernel_dump(void **state) {
    (void)state;
    struct fix f;
    struct sc_machine m = kernel_machine();
    open_machine(&f, SC_CPU_X64, true, &m, SC_RENDER_TEXT);
    static const char want[] =
        "Windows 10 Kernel Version 19041 MP (16 procs) Free x64\n"
        "Product: WinNt, suite: TerminalServer SingleUserTS\n"
        "Edition build lab: 19041.1.amd64fre.vb_release.191206-1406\n"
        "Machine Name:\n"
        "Kernel base = 0xfffff804`12300000 PsLoadedModuleList = 0xfffff804`12f2a390\n"
        "Debug session time: Wed Feb 10 18:54:55.123 2021 (UTC + 0:00)\n"
        "System Uptime: 0 days 0:10:23.456\n";
    fix_prints(&f, "vertarget", want);
    char with_version[1024];
    snprintf(with_version, sizeof with_version, "%sstopcode version %s\n", want,
             sc_version_string());
    fix_prints(&f, "version", with_version);
    fix_close(&f);
}

static void vertarget_of_a_user_dump(void **state) {
    (void)state;
    struct fix f;
    struct sc_machine m = {.windows = true,
                           .ncpus = 4,
                           .build = 7601,
                           .product_type = 3,
                           .suite_mask = 0x190,
                           .service_pack = "Service Pack 1",
                           .time = 132574568951234567,
                           .uptime = 20000000};
    open_machine(&f, SC_CPU_X86, false, &m, SC_RENDER_TEXT);
    fix_prints(&f, "vertarget",
               "Windows 7 Version 7601 (Service Pack 1) MP (4 procs) Free x86 compatible\n"
               "Product: Server, suite: TerminalServer DataCenter SingleUserTS\n"
               "Machine Name:\n"
               "Debug session time: Wed Feb 10 18:54:55.123 2021 (UTC + 0:00)\n"
               "System Uptime: not available\n"
               "Process Uptime: 0 days 0:00:02.000\n");
    fix_close(&f);
}

static void the_kernels_base_may_come_from_its_module(void **state) {
    (void)state;
    struct fix f;
    static const struct sc_module nt = {
        .base = 0xfffff80012300000, .size = 0x1000000, .name = "nt", .image = "ntoskrnl.exe"};
    static const struct sc_machine m = {
        .windows = true, .build = 9600, .loaded_module_list = 0xfffff80012700010};
    struct sc_fake fake = {.sz = sizeof fake,
                           .cpu = SC_CPU_X64,
                           .kernel = true,
                           .machine = &m,
                           .modules = &nt,
                           .nmodules = 1};
    fake_open(&f, &fake, SC_RENDER_TEXT);
    sc_session_run(f.s, "vertarget");
    sc_out_flush(f.out);
    fix_has(&f, "Kernel base = 0xfffff800`12300000 PsLoadedModuleList = 0xfffff800`12700010\n");
    fix_close(&f);
}

static void versions_have_their_names(void **state) {
    (void)state;
    static const struct {
        uint32_t build;
        const char *text;
    } want[] = {{2600, "Windows XP Version 2600 UP Free x64"},
                {3790, "Windows Server 2003 Version 3790 UP Free x64"},
                {6000, "Windows Vista Version 6000 UP Free x64"},
                {6002, "Windows Server 2008/Windows Vista Version 6002 UP Free x64"},
                {9200, "Windows 8 Version 9200 UP Free x64"},
                {9600, "Windows 8.1 Version 9600 UP Free x64"},
                {17763, "Windows 10 Version 17763 UP Free x64"},
                {22631, "Windows 10 Version 22631 UP Free x64  [Windows 11]"},
                {1381, "Windows Version 1381 UP Free x64"}};
    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        struct sc_machine m = {
            .windows = true, .ncpus = 1, .product_type = 1, .uptime = SC_UNSET64};
        m.build = want[i].build;
        first_line(SC_CPU_X64, false, &m, want[i].text);
    }
}

static void processors_and_other_systems(void **state) {
    (void)state;
    struct sc_machine m = {.windows = true, .ncpus = 8, .build = 22000, .checked = true};
    first_line(SC_CPU_ARM64, true, &m,
               "Windows 10 Kernel Version 22000 MP (8 procs) Checked ARM 64-bit (AArch64)");
    m = (struct sc_machine){.platform = "macOS", .ncpus = 4, .major = 10, .minor = 12, .build = 6};
    first_line(SC_CPU_X64, false, &m, "macOS Version 10.12.6 (4 procs) x64");
    m.platform = "Li\nnux";
    m.ncpus = 1;
    m.major = m.minor = m.build = 0;
    first_line(SC_CPU_ARM, false, &m, "Li\\x0anux ARM");
    m.platform = "unknown platform";
    first_line(SC_CPU_UNKNOWN, false, &m, "unknown platform");
}

static void time_says_what_is_not_known(void **state) {
    (void)state;
    struct fix f;
    struct sc_machine m = {.windows = true, .uptime = SC_UNSET64};
    open_machine(&f, SC_CPU_X64, true, &m, SC_RENDER_TEXT);
    fix_prints(&f, ".time", "Debug session time: not available\nSystem Uptime: not available\n");
    fix_close(&f);
}

static void time_in_another_zone(void **state) {
    (void)state;
    struct fix f;
    struct sc_machine m = kernel_machine();
    open_machine(&f, SC_CPU_X64, true, &m, SC_RENDER_TEXT);
    fix_prints(&f, ".time -h 0n-5",
               "Debug session time: Wed Feb 10 13:54:55.123 2021 (UTC - 5:00)\n"
               "System Uptime: 0 days 0:10:23.456\n");
    fix_run(&f, ".time");
    fix_has(&f, "18:54:55.123 2021 (UTC + 0:00)");
    fix_fails(&f, ".time -h 19", "no time zone"); /* 0x19 hours */
    fix_close(&f);
}

static void bugcheck_shows_code_and_arguments(void **state) {
    (void)state;
    struct fix f;
    struct sc_machine m = kernel_machine();
    open_machine(&f, SC_CPU_X64, true, &m, SC_RENDER_TEXT);
    fix_prints(&f, ".bugcheck",
               "Bugcheck code 0000009F\n"
               "Arguments 00000000`00000003 ffffe001`abcd0060 fffff800`12345678 "
               "00000000`00000000\n");
    fix_close(&f);
    m.bugcheck_arg[1] = 0x8abcdef0;
    m.bugcheck_arg[2] = 0;
    open_machine(&f, SC_CPU_X86, true, &m, SC_RENDER_TEXT);
    fix_prints(&f, ".bugcheck",
               "Bugcheck code 0000009F\nArguments 00000003 8abcdef0 00000000 00000000\n");
    fix_close(&f);
    m = (struct sc_machine){.windows = true};
    open_machine(&f, SC_CPU_X86, true, &m, SC_RENDER_TEXT);
    fix_prints(&f, ".bugcheck",
               "Bugcheck code 00000000\nArguments 00000000 00000000 00000000 00000000\n"
               "This dump records no bug check.\n");
    fix_close(&f);
    open_machine(&f, SC_CPU_X86, false, &m, SC_RENDER_TEXT);
    fix_fails(&f, ".bugcheck", "needs a kernel dump");
    fix_close(&f);
}

static void comments_are_shown_and_neutralised(void **state) {
    (void)state;
    struct fix f;
    struct sc_machine m = kernel_machine();
    m.comment = "manual \x1b[2J crash";
    open_machine(&f, SC_CPU_X64, true, &m, SC_RENDER_TEXT);
    fix_prints(&f, ".comment", "Comment: 'manual \\x1b[2J crash'\n");
    fix_close(&f);
    m.comment = NULL;
    open_machine(&f, SC_CPU_X64, true, &m, SC_RENDER_TEXT);
    fix_prints(&f, ".comment", "This dump has no comment.\n");
    fix_close(&f);
}

static void json_has_the_target_as_fields(void **state) {
    (void)state;
    struct fix f;
    struct sc_machine m = kernel_machine();
    open_machine(&f, SC_CPU_X64, true, &m, SC_RENDER_JSON);
    fix_run(&f, "vertarget");
    fix_has(&f, "{\"type\":\"target\",");
    fix_has(&f, "\"system\":\"Windows 10\",\"marketing\":null,\"major\":10,\"minor\":0,"
                "\"build\":19041");
    fix_has(&f, "\"cpu\":\"x64\",\"ncpus\":16");
    fix_has(&f, "\"kernel_base\":\"0xfffff80412300000\"");
    fix_has(&f, "\"time\":\"2021-02-10T18:54:55.1234567Z\",\"system_uptime\":623.456");
    fix_run(&f, ".bugcheck");
    fix_has(&f, "{\"type\":\"bugcheck\",\"present\":true,\"code\":\"0x0000009f\","
                "\"arguments\":[\"0x3\",\"0xffffe001abcd0060\",\"0xfffff80012345678\",\"0x0\"]}");
    fix_close(&f);
}

static void without_a_target_version_still_answers(void **state) {
    (void)state;
    struct fix f;
    fix_open(&f, FIX_NONE);
    fix_run(&f, "version");
    fix_has(&f, "stopcode version ");
    fix_fails(&f, "vertarget", "needs an open dump");
    fix_close(&f);
}

static void real_dumps_say_what_they_are(void **state) {
    (void)state;
    struct fix f;
    if (!corpus_open(&f, "kdump/triage_x64.dmp", SC_RENDER_TEXT))
        skip();
    fix_run(&f, "vertarget");
    fix_has(&f, "Windows 10 Kernel Version 19041 MP (16 procs) Free x64\n"
                "Product: WinNt, suite: TerminalServer SingleUserTS\n");
    fix_has(&f, "Kernel base = 0xfffff804`7ba00000 PsLoadedModuleList = 0xfffff804`7c62a390\n");
    fix_run(&f, ".bugcheck");
    fix_has(&f, "Bugcheck code 1000007E\nArguments ffffffff`c0000005 fffff804`8b58334c ");
    fix_close(&f);
    if (!corpus_open(&f, "mdmp/google+breakpad/src/processor/testdata/minidump2.dmp",
                     SC_RENDER_TEXT))
        skip();
    fix_prints(&f, "vertarget",
               "Windows XP Version 2600 (Service Pack 2) UP Free x86 compatible\n"
               "Product: WinNt, suite: SingleUserTS\n"
               "Machine Name:\n"
               "Debug session time: Wed Feb 14 19:13:55.000 2007 (UTC + 0:00)\n"
               "System Uptime: not available\n"
               "Process Uptime: 0 days 0:00:00.000\n"
               "  Kernel time: 0 days 0:00:00.000\n"
               "  User time: 0 days 0:00:00.000\n");
    fix_close(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vertarget_of_a_kernel_dump),
        cmocka_unit_test(the_kernels_base_may_come_from_its_module),
        cmocka_unit_test(vertarget_of_a_user_dump),
        cmocka_unit_test(versions_have_their_names),
        cmocka_unit_test(processors_and_other_systems),
        cmocka_unit_test(time_says_what_is_not_known),
        cmocka_unit_test(time_in_another_zone),
        cmocka_unit_test(bugcheck_shows_code_and_arguments),
        cmocka_unit_test(comments_are_shown_and_neutralised),
        cmocka_unit_test(json_has_the_target_as_fields),
        cmocka_unit_test(without_a_target_version_still_answers),
        cmocka_unit_test(real_dumps_say_what_they_are),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
