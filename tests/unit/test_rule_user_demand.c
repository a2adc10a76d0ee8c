/* SPDX-License-Identifier: MIT */
/* Dumps of processes that record no crash: who ended them, what they hang on, or neither. */
#include "unit/user_fixture.h"

#define COLUMNS "Child-SP          RetAddr           Call Site\n"
#define START(sp)                                                                                  \
    sp "00 00007ffe`00050021 kernel32!BaseThreadInitThunk+0x14\n" sp                               \
       "30 00000000`00000000 ntdll!RtlUserThreadStart+0x21\n"
#define PROCESS "process d000001000 pid 1d0\n"

/* --- an exit ------------------------------------------------------------------------------------
 */

/* services.exe, as Microsoft's support published it: a vendor's library hands wcscpy_s() a bad
 * size, and the C library of 2005 ends the process. */
#define SERVICES                                                                                   \
    "os 3790 sp 2\ncpu x64\ndump minidump\n"                                                       \
    "module services 100000000 +40000 image services.exe\n"                                        \
    "module ntdll 77ec0000 +140000 image ntdll.dll\n"                                              \
    "module kernel32 77d40000 +170000 image kernel32.dll\n"                                        \
    "module msvcr80 78130000 +a0000 image msvcr80.dll\n"                                           \
    "module rpcrt4 7ff7fd30000 +200000 image rpcrt4.dll\n"                                         \
    "module ThirdPartyServiceMonitor e50000 +50000 image ThirdPartyServiceMonitor.dll nosymbols\n" \
    "process 7fffffde000 pid 1d0\nthread 7fffffd8000 cid 1d0.35c teb 7fffffd8000\n"                \
    "symbol msvcr80!_invalid_parameter 7813b080\nsymbol kernel32!TerminateProcess 77d5a000\n"      \
    "symbol ntdll!NtTerminateProcess 77ef0a00\nsymbol rpcrt4!NdrStubCall2 7ff7fe9c77c\n"           \
    "code u\nmsvcr80!_invalid_parameter+0xd5:\n"                                                   \
    "00000000`7813b155 ff156d200900    call    qword ptr [msvcr80+0x9d1c8]\n"                      \
    "00000000`7813b15b ba0d0000c0      mov     edx,0C000000Dh\n"                                   \
    "00000000`7813b160 488bc8          mov     rcx,rax\n"                                          \
    "00000000`7813b163 ff1557200900    call    qword ptr [msvcr80+0x9d1c0]\nend\n"
#define SERVICES_STACK                                                                             \
    "00000000`105deb00 00000000`7814df67 msvcr80!_invalid_parameter+0xe9\n"                        \
    "00000000`105df0c0 00000000`00e53045 msvcr80!wcscpy_s+0x97\n"                                  \
    "00000000`105df100 00000000`00e5947e ThirdPartyServiceMonitor+0x3045\n"                        \
    "00000000`105df130 00000000`00e58405 ThirdPartyServiceMonitor+0x947e\n"                        \
    "00000000`105df180 000007ff`7fd69c75 ThirdPartyServiceMonitor+0x8405\n"                        \
    "00000000`105df1b0 000007ff`7fe9ccc9 rpcrt4!Invoke+0x65\n"                                     \
    "00000000`105df200 000007ff`7fe9d58d rpcrt4!NdrStubCall2+0x54d\nend\n"

static void the_library_that_ended_services_exe_is_named(void **state) {
    struct user u;
    user_open(&u, *state,
              SERVICES "stack\n" COLUMNS
                       "00000000`105dea90 00000000`77d5a02f ntdll!NtTerminateProcess+0xa\n"
                       "00000000`105deac0 00000000`7813b169 "
                       "kernel32!TerminateProcess+0x2f\n" SERVICES_STACK);
    user_verdict(&u, "user-exit", SC_STRONG, "ThirdPartyServiceMonitor.dll",
                 "ThirdPartyServiceMonitor+0x3045");
    const struct sc_finding *f = &u.a->findings[0];
    assert_non_null(strstr(f->summary, "ended the process services.exe with status 0xc000000d "
                                       "(STATUS_INVALID_PARAMETER), after it had called a C "
                                       "library function with an invalid argument"));
    assert_true(user_claims(f, "hands it the status 0xc000000d"));
    assert_true(user_claims(f, "msvcr80!wcscpy_s+0x97, stands between them"));
    assert_null(user_found(&u, "user-on-demand"));
    user_type(&u);
    user_close(&u);
}

/* The same program stopped one step before: by a breakpoint in the C library's function. */
static void a_breakpoint_in_the_check_tells_the_same(void **state) {
    struct user u;
    user_open(&u, *state,
              SERVICES "stack\n" COLUMNS SERVICES_STACK
                       "exception 80000003 msvcr80!_invalid_parameter+e9\n");
    user_verdict(&u, "user-abort", SC_STRONG, "ThirdPartyServiceMonitor.dll",
                 "ThirdPartyServiceMonitor+0x3045");
    user_type(&u);
    user_close(&u);
}

/* Twin: without the code in front of the call nothing tells the status. */
static void a_status_that_is_not_known_is_said_not_to_be(void **state) {
    struct user u;
    user_open(&u, *state,
              U_X64 PROCESS "symbol ntdll!NtTerminateProcess 7ffe00090000\nstack\n" COLUMNS
                            "000000d0`0014fb80 00007ffc`00011030 ntdll!NtTerminateProcess+0x14\n"
                            "000000d0`0014fbc0 00007ff7`00001024 KERNELBASE!TerminateProcess+0x30\n"
                            "000000d0`0014fc30 00007ff6`00001230 helper!GiveUp+0x24\n"
                            "000000d0`0014fc80 00007ffd`00017034 app!main+0x30\n" START(
                                "000000d0`0014fd") "end\n");
    user_verdict(&u, "user-exit", SC_STRONG, "helper.dll", "helper!GiveUp+0x24");
    assert_true(user_lacks(&u.a->findings[0], "exit status is not known"));
    user_type(&u);
    user_close(&u);
}

#define X86_EXIT(handle, status)                                                                   \
    "symbol ntdll!NtTerminateProcess 77090000\nstack\nChildEBP RetAddr  Args to Child\n"           \
    "0014fb80 75011030 " handle " " status " 00000000 ntdll!NtTerminateProcess+0xc\n"              \
    "0014fbc0 00601024 " handle " " status " 00000000 KERNELBASE!TerminateProcess+0x30\n"          \
    "0014fc30 00401230 00000000 00000000 00000000 helper!GiveUp+0x24\n"                            \
    "0014fc80 76017034 00000000 00000000 00000000 app!main+0x30\n"                                 \
    "0014fd00 00000000 00000000 00000000 00000000 kernel32!BaseThreadInitThunk+0x14\nend\n"

static void on_x86_the_arguments_say_it(void **state) {
    struct user u;
    user_open(&u, *state, U_X86 X86_EXIT("ffffffff", "c0000005"));
    assert_string_equal(u.a->findings[0].rule, "user-exit");
    assert_non_null(
        strstr(u.a->findings[0].summary, "status 0xc0000005 (STATUS_ACCESS_VIOLATION)"));
    user_type(&u);
    user_close(&u);
    /* Twin: it ends another process. */
    user_open(&u, *state, U_X86 X86_EXIT("000001a4", "00000001"));
    assert_null(user_found(&u, "user-exit"));
    user_close(&u);
}

static void a_program_that_comes_to_its_end_is_no_crash(void **state) {
    struct user u;
    user_open(&u, *state,
              U_X64 "symbol ntdll!NtTerminateProcess 7ffe00090000\nstack\n" COLUMNS
                    "000000d0`0014fb80 00007ffe`00091030 ntdll!NtTerminateProcess+0x14\n"
                    "000000d0`0014fbc0 00007ffb`00041030 ntdll!RtlExitUserProcess+0x30\n"
                    "000000d0`0014fc30 00007ff6`00009230 ucrtbase!common_exit+0x30\n"
                    "000000d0`0014fc80 00007ffd`00017034 app!__scrt_common_main_seh+0x30\n" START(
                        "000000d0`0014fd") "end\n");
    assert_string_equal(u.a->findings[0].rule, "user-exit");
    assert_null(u.a->findings[0].module);
    assert_non_null(strstr(u.a->findings[0].summary, "no crash is recorded"));
    user_type(&u);
    user_close(&u);
}

/* --- hangs
 * ------------------------------------------------------------------------------------------ */

/* A thread that waits for the critical section whose address lies on its stack. */
#define WAITS(sp, function, ret)                                                                   \
    sp "00 00007ffe`00031050 ntdll!NtWaitForAlertByThreadId+0x14\n" sp                             \
       "30 00007ffe`00032060 ntdll!RtlpWaitOnCriticalSection+0x50\n" sp "70 00007ff6`0000" ret     \
       " ntdll!RtlEnterCriticalSection+0x60\n" sp "b0 00007ffd`00017034 app!" function "+0x24\n"

#define NAMES                                                                                      \
    "symbol ntdll!NtWaitForAlertByThreadId 7ffe00030000\n"                                         \
    "symbol ntdll!NtRemoveIoCompletion 7ffe00038000\n"

/* LockCount, RecursionCount, OwningThread, and the debug record that points back. */
#define SECTION(at, lock, recursion, owner)                                                        \
    "memory dq\n000000d0`0030" at "00  000000d0`0030" at "80 " recursion "`" lock "\n"             \
    "000000d0`0030" at "10  " owner " 00000000`00000000\n"                                         \
    "000000d0`0030" at "20  00000000`00000000\n"                                                   \
    "000000d0`0030" at "80  00000000`00000000 000000d0`0030" at "00\nend\n"
/* What RtlEnterCriticalSection() saved of its argument. */
#define SAVED(slot, at) "memory dq\n" slot "  000000d0`0030" at "00\nend\n"

#define TWO_THREADS                                                                                \
    PROCESS "thread d000002000 cid 1d0.100 teb d000002000\n"                                       \
            "thread d000004000 cid 1d0.104 teb d000004000 name worker\n" NAMES                     \
            "stack\n" COLUMNS WAITS("000000d0`0014f0", "First", "1024")                            \
                START("000000d0`0014fd") "end\nstack thread 104\n" COLUMNS WAITS(                  \
                    "000000d0`0024f0", "Second", "2024")                                           \
                    START("000000d0`0024fd") "end\n" SAVED("000000d0`0014f048", "10")              \
                        SAVED("000000d0`0024f048", "20")

static void threads_that_wait_for_each_other_are_a_deadlock(void **state) {
    struct user u;
    user_open(&u, *state,
              U_X64 TWO_THREADS SECTION("10", "fffffffa", "00000001", "00000000`00000104")
                  SECTION("20", "fffffffa", "00000001", "00000000`00000100"));
    user_verdict(&u, "user-hang", SC_STRONG, "app.exe", NULL);
    const struct sc_finding *f = &u.a->findings[0];
    assert_non_null(strstr(f->summary, "2 of its threads wait for each other (a deadlock)"));
    assert_non_null(strstr(f->detail, "Thread 0 waits for the critical section 000000d0`00301000, "
                                      "held by thread 1, which waits for the critical section "
                                      "000000d0`00302000, held by thread 0."));
    assert_true(user_claims(f, "Thread 1 (id 104 \"worker\") waits to enter a critical section"));
    assert_null(user_found(&u, "user-on-demand"));
    user_type(&u);
    user_close(&u);
}

/* Twin: the second section is held by nobody of them: one waits, and the other will go on. */
static void a_lock_whose_owner_waits_for_something_else_is_no_deadlock(void **state) {
    struct user u;
    user_open(&u, *state,
              U_X64 TWO_THREADS SECTION("10", "fffffffa", "00000001", "00000000`00000104")
                  SECTION("20", "ffffffff", "00000000", "00000000`00000000"));
    user_verdict(&u, "user-hang", SC_LIKELY, "app.exe", NULL);
    assert_non_null(strstr(u.a->findings[0].summary, "for a lock that thread 1 holds"));
    assert_null(strstr(u.a->findings[0].summary, "deadlock"));
    user_type(&u);
    user_close(&u);
}

static void a_lock_whose_owner_is_gone_is_found(void **state) {
    struct user u;
    user_open(&u, *state,
              U_X64 TWO_THREADS SECTION("10", "fffffffa", "00000001", "00000000`00000998")
                  SECTION("20", "ffffffff", "00000000", "00000000`00000000"));
    user_verdict(&u, "user-hang", SC_LIKELY, NULL, NULL);
    assert_non_null(strstr(u.a->findings[0].summary, "whose owner has ended"));
    user_type(&u);
    user_close(&u);
}

/* The loader lock is told by the PEB. */
static void the_loader_lock_is_named(void **state) {
    struct user u;
    user_open(&u, *state,
              U_X64 TWO_THREADS SECTION("10", "fffffffa", "00000001", "00000000`00000104") SECTION(
                  "20", "ffffffff", "00000000",
                  "00000000`00000000") "memory dq\n000000d0`00002060  000000d0`00001000\nend\n"
                                       "memory dq\n000000d0`00001110  000000d0`00301000\nend\n");
    assert_true(user_claims(&u.a->findings[0], "the loader lock (000000d0`00301000)"));
    user_type(&u);
    user_close(&u);
}

/* Twin: what lies on the stack is no critical section: the thread waits, for whom is not known. */
static void numbers_that_contradict_each_other_are_no_lock(void **state) {
    struct user u;
    user_open(&u, *state,
              U_X64 TWO_THREADS SECTION("10", "fffffffa", "00000000", "00000000`00000104")
                  SECTION("20", "ffffffff", "00000000", "00000000`00000000"));
    user_verdict(&u, "user-on-demand", SC_CERTAIN, NULL, NULL);
    const struct sc_finding *f = user_found(&u, "user-hang");
    assert_non_null(f);
    assert_int_equal(f->confidence, SC_POSSIBLE);
    assert_non_null(strstr(f->summary, "its first thread waits to enter a critical section"));
    user_type(&u);
    user_close(&u);
}

static void on_x86_the_argument_is_the_lock(void **state) {
    struct user u;
    user_open(&u, *state,
              U_X86
              "process 301000 pid 1d0\nthread 302000 cid 1d0.100 teb 302000\n"
              "thread 304000 cid 1d0.104 teb 304000\n"
              "symbol ntdll!NtWaitForAlertByThreadId 77030000\n"
              "symbol ntdll!NtRemoveIoCompletion 77038000\n"
              "stack\nChildEBP RetAddr  Args to Child\n"
              "0014f000 77032060 00000000 00000000 00000000 ntdll!NtWaitForAlertByThreadId+0xc\n"
              "0014f070 00401024 00310000 00000000 00000000 ntdll!RtlEnterCriticalSection+0x60\n"
              "0014f0b0 76017034 00000000 00000000 00000000 app!First+0x24\n"
              "0014fd00 00000000 00000000 00000000 00000000 kernel32!BaseThreadInitThunk+0x14\n"
              "end\nstack thread 104\nChildEBP RetAddr  Args to Child\n"
              "0024f000 00402024 00000000 00000000 00000000 ntdll!NtRemoveIoCompletion+0xc\n"
              "0024f0b0 76017034 00000000 00000000 00000000 app!Second+0x24\n"
              "0024fd00 00000000 00000000 00000000 00000000 kernel32!BaseThreadInitThunk+0x14\n"
              "end\nmemory dd\n00310000  ffffffff fffffffa 00000001 00000104\n"
              "00310010  00000000 00000000\nend\n");
    user_verdict(&u, "user-hang", SC_LIKELY, "app.exe", "app!Second+0x24");
    user_type(&u);
    user_close(&u);
}

/* --- neither -------------------------------------------------------------------------------------
 */

static void a_first_thread_that_waits_for_others_is_said(void **state) {
    struct user u;
    user_open(&u, *state,
              U_X64 PROCESS "symbol user32!NtUserMessageCall 7ffa00001000\nstack\n" COLUMNS
                            "000000d0`0014fb80 00007ffa`00002030 user32!NtUserMessageCall+0x14\n"
                            "000000d0`0014fbc0 00007ff6`00001024 user32!SendMessageW+0x30\n"
                            "000000d0`0014fc30 00007ffd`00017034 app!Notify+0x24\n" START(
                                "000000d0`0014fd") "end\n");
    user_verdict(&u, "user-on-demand", SC_CERTAIN, NULL, NULL);
    const struct sc_finding *f = user_found(&u, "user-hang");
    assert_non_null(f);
    assert_string_equal(f->symbol, "app!Notify+0x24");
    assert_non_null(strstr(f->summary, "until a window has dealt with a message"));
    assert_true(user_lacks(f, "another process"));
    user_type(&u);
    user_close(&u);
}

#define IDLE                                                                                       \
    "symbol ntdll!NtRemoveIoCompletion 7ffe00038000\nstack\n" COLUMNS                              \
    "000000d0`0014fb80 00007ffc`00011030 ntdll!NtRemoveIoCompletion+0x14\n"                        \
    "000000d0`0014fbc0 00007ff6`00001024 KERNELBASE!GetQueuedCompletionStatus+0x30\n"              \
    "000000d0`0014fc30 00007ffd`00017034 app!Serve+0x24\n" START("000000d0`0014fd") "end\n"

static void threads_that_wait_for_work_are_no_hang(void **state) {
    struct user u;
    user_open(&u, *state, U_X64 PROCESS IDLE);
    user_verdict(&u, "user-on-demand", SC_CERTAIN, NULL, NULL);
    assert_int_equal(u.a->nfindings, 2);
    assert_non_null(strstr(u.a->findings[1].summary, "was doing nothing"));
    user_type(&u);
    user_close(&u);
}

/* Twin: without symbols nobody knows what they do, so nothing is said of it. */
static void without_names_nothing_is_said_of_threads(void **state) {
    struct user u;
    user_open_bare(&u, *state, U_X64 PROCESS IDLE);
    assert_int_equal(u.a->nfindings, 1);
    user_verdict(&u, "user-on-demand", SC_CERTAIN, NULL, NULL);
    user_type(&u);
    user_close(&u);
}

static void a_thread_that_runs_is_shown(void **state) {
    struct user u;
    user_open(&u, *state,
              U_X64 PROCESS "symbol app!Spin 7ff600003000\nstack\n" COLUMNS
                            "000000d0`0014fb80 00007ff6`00001024 app!Spin+0x14\n"
                            "000000d0`0014fc30 00007ffd`00017034 app!main+0x24\n" START(
                                "000000d0`0014fd") "end\n");
    const struct sc_finding *f = user_found(&u, "user-hang");
    assert_non_null(f);
    assert_int_equal(f->confidence, SC_POSSIBLE);
    assert_string_equal(f->symbol, "app!Spin+0x14");
    user_type(&u);
    user_close(&u);
}

/* An exception that only tells a debugger something is no crash either. */
static void debug_output_is_no_crash(void **state) {
    struct user u;
    user_open(&u, *state,
              U_X64 PROCESS IDLE "exception 406d1388 KERNELBASE!GetQueuedCompletionStatus 1000\n");
    user_verdict(&u, "user-on-demand", SC_CERTAIN, NULL, NULL);
    assert_non_null(strstr(u.a->findings[0].detail, "only tells a debugger something"));
    user_type(&u);
    user_close(&u);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, make_folder, drop_folder)
    const struct CMUnitTest tests[] = {
        TEST(the_library_that_ended_services_exe_is_named),
        TEST(a_breakpoint_in_the_check_tells_the_same),
        TEST(a_status_that_is_not_known_is_said_not_to_be),
        TEST(on_x86_the_arguments_say_it),
        TEST(a_program_that_comes_to_its_end_is_no_crash),
        TEST(threads_that_wait_for_each_other_are_a_deadlock),
        TEST(a_lock_whose_owner_waits_for_something_else_is_no_deadlock),
        TEST(a_lock_whose_owner_is_gone_is_found),
        TEST(the_loader_lock_is_named),
        TEST(numbers_that_contradict_each_other_are_no_lock),
        TEST(on_x86_the_argument_is_the_lock),
        TEST(a_first_thread_that_waits_for_others_is_said),
        TEST(threads_that_wait_for_work_are_no_hang),
        TEST(without_names_nothing_is_said_of_threads),
        TEST(a_thread_that_runs_is_shown),
        TEST(debug_output_is_no_crash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
