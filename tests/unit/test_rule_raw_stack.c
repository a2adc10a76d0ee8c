/* SPDX-License-Identifier: MIT */
/*
 * What the memory of the stack tells where nothing can be walked, code of an image against its
 * file, and the mention of drivers that are old or known for trouble: on forged dumps.
 */
#include "unit/blame_fixture.h"

#define OS                                                                                         \
    "cpu x64 count 2 current 0\ndump triage\n"                                                     \
    "time 2021-06-21 08:00:59.437\nuptime 0 days 0:09:12.500\n"                                    \
    "process System ffffc00fd2e8b080 pid 4\n"                                                      \
    "thread ffffc00fd30aa080 cid 4.8f4 stack fffff88004c3b000 fffff88004c35000\n"
#define W10  "os 19041\n" OS
#define WIN7 "os 7601 sp 1\n" OS
#define NT   "module nt fffff804`1a000000 +1046000 image ntkrnlmp.exe version 10.0.19041.1052\n"
#define BAD  "module bad fffff804`2b1a0000 +1f000 stamp 5bd1a4e0\n"
#define DISK "module disk fffff804`2c600000 +1c000\n"
#define NDIS "module ndis fffff804`2c000000 +180000\n"

#define CRASH(frames)                                                                              \
    "bugcheck 50 ffffc00fd0000000 0 nt!RtlCopyMemory+10 0\n"                                       \
    "stack\nnt!KeBugCheckEx\nnt!KiBugCheckDispatch+0x69\nnt!KiPageFault+0x46d\n"                   \
    "nt!RtlCopyMemory+0x10\n" frames                                                               \
    "nt!PspSystemThreadStartup+0x55\nnt!KiStartSystemThread+0x28\nend\n"

/* --- raw-stack
 * ------------------------------------------------------------------------------------ */

static void a_trace_on_the_stack_is_possible(void **state) {
    struct blamed b = blame(*state, W10 NT BAD CRASH("bad!Copy+0x40\n"), WITHOUT_SYMBOLS);
    blames(&b, 0, "raw-stack", "bad", SC_POSSIBLE);
    assert_true(says(&b.a->findings[0], false, "whether a call stands before that address is not"));
    assert_true(advises(&b.a->findings[0], "CrashDumpEnabled"));
    /* the twin: with symbols and images the stack itself says it, and better */
    blamed_free(&b);
    b = blame(*state, W10 NT BAD CRASH("bad!Copy+0x40\n"), WITH_SYMBOLS);
    assert_null(by_rule(&b, "raw-stack"));
    blames(&b, 0, "stack", "bad", SC_LIKELY);
    blamed_free(&b);
}

static void more_traces_weigh_more_and_the_others_are_said(void **state) {
    struct blamed b =
        blame(*state, W10 NT BAD DISK CRASH("disk!Read+0x40\nbad!Copy+0x40\nbad!Go+0x30\n"),
              WITHOUT_SYMBOLS);
    const struct sc_finding *f = by_rule(&b, "raw-stack");
    assert_non_null(f);
    assert_string_equal(f->module->name, "bad");
    assert_true(says(f, true, "There are traces of disk.sys"));
    blamed_free(&b);
}

static void frameworks_leave_traces_everywhere(void **state) {
    struct blamed b = blame(*state, W10 NT NDIS CRASH("ndis!Copy+0x40\n"), WITHOUT_SYMBOLS);
    assert_null(by_rule(&b, "raw-stack"));
    blamed_free(&b);
}

/* --- code against its file
 * -------------------------------------------------------------------------- */

#define CODE                                                                                       \
    W10 NT "module bad fffff804`2b1a0000 +1f000 stamp 5bd1a4e0\n"                                  \
           "bugcheck 1e c000001d bad!Copy+10 0 0\nsymbol bad!Copy fffff8042b1a2ff0\n"              \
           "code fffff8042b1a3000 48895c24084889742410574883ec20\n"                                \
           "memory fffff8042b1a3000 48895c24084889742410574883ec20\n"                              \
           "stack\nnt!KeBugCheckEx\nnt!KiDispatchException+0x10\n"                                 \
           "nt!KiExceptionDispatch+0x10\nnt!KiInvalidOpcodeFault+0x10\nbad!Copy+0x10\n"            \
           "nt!PspSystemThreadStartup+0x55\nnt!KiStartSystemThread+0x28\nend\n"

static void code_that_equals_its_file_is_no_sign(void **state) {
    struct blamed b = blame(*state, CODE, WITH_SYMBOLS);
    assert_null(by_rule(&b, "hardware"));
    blamed_free(&b);
}

static void a_single_bit_of_code_that_differs_is_likely_hardware(void **state) {
    const struct blame_patch patch = {"\x48\x89\x5c\x24\x08\x48", "\x48\x89\x5c\x24\x48\x48", 6};
    struct blamed b = blame_with(*state, CODE, WITH_SYMBOLS, &patch);
    const struct sc_finding *f = by_rule(&b, "hardware");
    if (!f)
        blamed_print(&b);
    assert_non_null(f);
    assert_int_equal(f->confidence, SC_LIKELY);
    assert_true(says(f, false, "at fffff804`2b1a3004 it is 48, in the file 08"));
    assert_true(says(f, false, "belongs to the instruction that failed, bad!Copy+0x10"));
    assert_string_equal(f->evidence[0].command, "!chkimg -d fffff8042b1a0000");
    blamed_free(&b);
}

/* A check that finds it (0x109) has not seen it at work. */
static void a_single_bit_of_code_elsewhere_is_possible(void **state) {
    const struct blame_patch patch = {"\x48\x89\x74\x24\x10\x57", "\x48\x89\x64\x24\x10\x57", 6};
    struct blamed b =
        blame_with(*state,
                   W10 NT "module bad fffff804`2b1a0000 +1f000 stamp 5bd1a4e0\n"
                          "bugcheck 109 1 2 fffff8042b1a3000 1\n"
                          "code fffff8042b1a3000 48895c24084889742410574883ec20\n"
                          "memory fffff8042b1a3000 48895c24084889742410574883ec20\n"
                          "stack\nnt!KeBugCheckEx\nnt!KiStartSystemThread+0x28\nend\n",
                   WITH_SYMBOLS, &patch);
    blames(&b, 0, "hardware", NULL, SC_POSSIBLE);
    assert_true(says(&b.a->findings[0], true, "It is not the code that failed"));
    blamed_free(&b);
}

static void code_that_differs_in_more_is_a_patch(void **state) {
    const struct blame_patch patch = {"\x48\x89\x74\x24\x10\x57", "\xe9\x12\x34\x56\x78\x57", 6};
    struct blamed b = blame_with(*state, CODE, WITH_SYMBOLS, &patch);
    assert_null(by_rule(&b, "hardware"));
    blamed_free(&b);
}

/* --- old-driver
 * ----------------------------------------------------------------------------------- */

static void old_and_troubled_drivers_are_mentioned_last(void **state) {
    struct blamed b =
        blame(*state,
              W10 NT BAD
              "module rtcore64 fffff804`2d000000 +8000 image RTCore64.sys stamp 56000000\n"
              "module vboxdrv fffff804`2d100000 +8000 stamp 45000000\n"
              "module strange fffff804`2d200000 +8000 stamp 45000000\n" CRASH("bad!Copy+0x40\n"),
              WITH_SYMBOLS);
    const struct sc_finding *f = &b.a->findings[b.a->nfindings - 1];
    assert_string_equal(f->rule, "old-driver");
    assert_int_equal(f->confidence, SC_POSSIBLE);
    assert_null(f->module);
    assert_true(says(f, false, "RTCore64.sys (2015-09-21) is known for this: it lets programs"));
    assert_true(says(f, false, "vboxdrv.sys has a time stamp of 2006-09-07, 14 years before"));
    assert_false(says(f, false, "strange.sys")); /* its stamp may be a hash */
    blamed_free(&b);
    /* before Windows 10 a time stamp is a time */
    b = blame(*state,
              WIN7 NT BAD
              "module strange fffff804`2d200000 +8000 stamp 45000000\n" CRASH("bad!Copy+0x40\n"),
              WITHOUT_SYMBOLS);
    assert_true(says(by_rule(&b, "old-driver"), false, "strange.sys has a time stamp of 2006"));
    blamed_free(&b);
}

static void nothing_old_nothing_said(void **state) {
    struct blamed b = blame(*state, W10 NT BAD CRASH("bad!Copy+0x40\n"), WITH_SYMBOLS);
    assert_null(by_rule(&b, "old-driver"));
    blamed_free(&b);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, make_folder, drop_folder)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_trace_on_the_stack_is_possible),
        TEST(more_traces_weigh_more_and_the_others_are_said),
        TEST(frameworks_leave_traces_everywhere),
        TEST(code_that_equals_its_file_is_no_sign),
        TEST(a_single_bit_of_code_that_differs_is_likely_hardware),
        TEST(a_single_bit_of_code_elsewhere_is_possible),
        TEST(code_that_differs_in_more_is_a_patch),
        TEST(old_and_troubled_drivers_are_mentioned_last),
        TEST(nothing_old_nothing_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
