/* SPDX-License-Identifier: MIT */
/* Bug checks explained in dumps that were made for them. */
#include "unit/scenario_case.h"

static void a_blocked_power_request_names_its_driver(void **state) {
    (void)state;
    struct scase s;
    scase_open(&s, MACHINE64
               "bugcheck 9f 3 ffffc00fd4001000 ffffc00fd4003000 ffffc00fd4002000\n"
               "struct _DRIVER_OBJECT ffffc00fd4000000 Type=4 DriverName=\"\\Driver\\drv\" "
               "DriverStart=fffff8042b1a0000\n"
               "struct _DEVICE_OBJECT ffffc00fd4001000 Type=3 DriverObject=ffffc00fd4000000\n"
               "memory ffffc00fd4002000 06 00\n"
               "memory ffffc00fd40020b8 00 30 00 d4 0f c0 ff ff\n"
               "memory ffffc00fd4003000 16 02 00 00 00 00 00 00 00 00 00 00 00 00 00 00 "
               "01 00 00 00 00 00 00 00 04 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 "
               "00 10 00 d4 0f c0 ff ff\n");
    arg_says(s.a, 2, "a device of \\Driver\\drv");
    arg_says(s.a, 4, "IRP_MJ_POWER (IRP_MN_SET_POWER), held by a device of \\Driver\\drv");
    arg_says(s.a, 4, "device power state D3");
    says(s.a, "The request that waits is IRP_MJ_POWER (IRP_MN_SET_POWER), held by a device of "
              "\\Driver\\drv; it asks for the device power state D3.");
    scase_end(&s);
}

static void a_request_that_is_absent_is_said(void **state) {
    (void)state;
    struct scase s;
    scase_open(&s, MACHINE64 "bugcheck 9f 3 ffffc00fd4001000 ffffc00fd4003000 ffffc00fd4002000\n");
    assert_true(notes(s.a, "does not hold the blocked request at ffffc00f`d4002000"));
    arg_says(s.a, 3, "not in this dump");
    assert_null(fact(s.a, "request"));
    scase_end(&s);
}

static void the_thread_that_holds_the_pnp_lock_is_named(void **state) {
    (void)state;
    struct scase s;
    scase_open(&s, MACHINE64 "bugcheck 9f 4 12c ffffc00fd30ab080 0\n"
                             "thread ffffc00fd30ab080 cid 5ac.a10\n");
    arg_says(s.a, 2, "300 seconds");
    arg_says(s.a, 3, "thread 5ac.a10 of svchost.exe");
    says(s.a, "The Plug and Play lock is held by thread 5ac.a10 of svchost.exe.");
    scase_end(&s);
}

static void the_moment_is_told(void **state) {
    (void)state;
    struct scase s;
    scase_open(&s, MACHINE64 "bugcheck d1 10 2 0 drv+1000\n"
                             "processor 2 DebuggerSavedIRQL=2\n");
    says(s.a, "It happened in thread 5ac.8f4 of svchost.exe.");
    says(s.a, "The IRQL before the stop was 2 (DISPATCH_LEVEL).");
    scase_end(&s);
}

static void ticks_become_seconds(void **state) {
    (void)state;
    struct scase s;
    scase_open(&s, MACHINE64 "bugcheck 133 0 501 500 0\n");
    arg_says(s.a, 2, "1281 ticks: 20.0 s at the usual 15.625 ms a tick");
    says(s.a, "One DPC or interrupt routine ran for 1281 ticks");
    scase_end(&s);
    scase_open(&s, MACHINE64 "bugcheck 133 1 1e00 ffffc00fd4000000 0\n"
                             "memory ffffc00fd4000000 de ce be ae\n");
    arg_says(s.a, 2, "7680 ticks: 120.0 s");
    arg_says(s.a, 3, "its mark aebecede is there");
    says(s.a, "no single routine need have been long");
    scase_end(&s);
}

static void the_dumps_own_clock_counts(void **state) {
    (void)state;
    struct scase s;
    scase_open_with(&s,
                    MACHINE64 "bugcheck 133 0 501 500 0\n"
                              "symbol nt!KeMaximumIncrement fffff8041a800000 data\n"
                              "memory fffff8041a800000 10 27 00 00\n",
                    true);
    arg_says(s.a, 2, "1281 ticks: 1.2 s at this dump's 1.000 ms a tick");
    scase_end(&s);
}

static void the_processor_that_hangs_is_shown(void **state) {
    (void)state;
    struct scase s;
    scase_open(&s, MACHINE64 "bugcheck 101 18 0 0 1\n");
    arg_says(s.a, 1, "24 ticks: 375 ms");
    says(s.a, "The registers of processor 1, which hung, stand at nt");
    scase_end(&s);
    scase_open(&s, MACHINE64 "bugcheck 101 18 0 0 9\n");
    assert_true(notes(s.a, "names processor 9, but the dump counts 4"));
    scase_end(&s);
}

static void a_critical_process_is_named_with_its_status(void **state) {
    (void)state;
    struct scase s;
    scase_open(&s, MACHINE64 "bugcheck ef ffffc00fd3000080 0 0 0\n"
                             "process csrss.exe ffffc00fd3000080 pid 2a0 ExitStatus=c0000005\n");
    says(s.a, "The process that ended is csrss.exe; its exit status is c0000005 "
              "(STATUS_ACCESS_VIOLATION).");
    arg_says(s.a, 1, "csrss.exe");
    scase_end(&s);
    scase_open(&s, MACHINE64 "bugcheck ef ffffc00fd3000080 0 0 0\n");
    assert_true(notes(s.a, "the name and the exit status of the process at ffffc00f`d3000080"));
    scase_end(&s);
}

/* Double faults: below the stack, inside of it, and the two forms of the parameters. */
static void a_double_fault_is_held_against_the_stack(void **state) {
    (void)state;
    struct scase s;
    scase_open(&s, MACHINE64 "bugcheck 7f 8 fffff8041aa00000 ffffe28c0a5f1ff0 nt+1234\n");
    says(s.a, "is 0x10 bytes below the end of the thread's stack, ffffe28c`0a5f2000 to "
              "ffffe28c`0a5f8000: the kernel stack overflowed.");
    assert_string_equal(s.a->arg[3].where, "nt+0x1234");
    scase_end(&s);
    scase_open(&s, MACHINE64 "bugcheck 7f 8 fffff8041aa00000 ffffe28c0a5f4000 nt+1234\n");
    says(s.a, "is inside the thread's stack");
    says(s.a, "has another cause than a full stack");
    scase_end(&s);
    scase_open(&s, MACHINE64 "bugcheck 7f 8 80050031 406f8 nt+1234\n");
    arg_says(s.a, 2, "CR0: paging and protection on, WP");
    arg_says(s.a, 3, "CR4");
    assert_string_equal(s.a->arg[2].text, ""); /* it is not documented */
    scase_end(&s);
}

static void a_trap_frame_of_a_double_fault_is_believed_when_it_agrees(void **state) {
    (void)state;
#define FRAME(rip)                                                                                 \
    "struct _KTRAP_FRAME fffff8041aa00000 Rip=" rip " SegCs=10 EFlags=10246 "                      \
    "Rsp=ffffe28c0a5f1f00\n"
    struct scase s;
    scase_open(&s, MACHINE64 "bugcheck 7f 8 fffff8041aa00000 ffffe28c0a5f1f00 "
                             "fffff8042b1a1234\n" FRAME("fffff8042b1a1234"));
    assert_string_equal(s.a->regs_command, ".trap 0xfffff8041aa00000");
    arg_says(s.a, 2, "stands at drv+0x1234");
    says(s.a, "the kernel stack overflowed");
    scase_end(&s);
    scase_open(&s, MACHINE64 "bugcheck 7f 8 fffff8041aa00000 ffffe28c0a5f1f00 "
                             "fffff8042b1a1234\n" FRAME("fffff8042b1a9999"));
    assert_string_not_equal(s.a->regs_command, ".trap 0xfffff8041aa00000");
    scase_end(&s);
}

static void single_bits_of_page_table_entries_are_told(void **state) {
    (void)state;
    struct scase s;
    scase_open(&s, MACHINE64 "bugcheck 1a 41792 fffff68000001230 2000000000 0\n");
    says(s.a, "holds 00000020`00000000: one bit, number 37");
    scase_end(&s);
    scase_open(&s, MACHINE64 "bugcheck 1a 41792 fffff68000001230 2000000400 0\n");
    says(s.a, "more than one stray bit");
    scase_end(&s);
    scase_open(&s, MACHINE64 "bugcheck 1a 403 fffff68000001230 8000000012345867 "
                             "8000000016345867\n");
    says(s.a, "differ in one bit only, bit 26");
    scase_end(&s);
}

static void refused_accesses_are_explained_by_their_page(void **state) {
    (void)state;
    struct scase s;
    scase_open(&s, MACHINE64 "bugcheck be fffff8042b1a5000 0000000012345121 "
                             "ffffe28c0a5f6000 b\n");
    arg_says(s.a, 2, "valid, read-only, page frame 12345");
    says(s.a, "\"read-only\": so it was refused");
    scase_end(&s);
    scase_open(&s, MACHINE64 "bugcheck fc 7ffe0000 8000000012345867 ffffe28c0a5f6000 2\n");
    arg_says(s.a, 2, "valid, writable, user, no execute, page frame 12345");
    says(s.a, "\"no execute\": so it was refused");
    says(s.a, "the kernel jumped into user space");
    scase_end(&s);
}

static void a_pool_header_is_read_with_its_tag(void **state) {
    (void)state;
    struct scase s;
    scase_open(&s, MACHINE64 "bugcheck 19 20 ffffc00fd5000000 ffffc00fd5000040 "
                             "4040000\n"
                             "memory ffffc00fd5000000 04 00 04 02 \"Irp \"\n");
    says(s.a, "The pool header at ffffc00f`d5000000: tag 'Irp '");
    says(s.a, "block of 0x40 bytes, previous 0x40");
    scase_end(&s);
    scase_open(&s, MACHINE64 "bugcheck c2 7 0 4040000 ffffc00fd5000010\n"
                             "memory ffffc00fd5000000 04 00 04 02 \"MyTg\"\n"
                             "memory ffffc00fd5000010 00 00 00 00 00 00 00 00\n");
    says(s.a, "The pool header at ffffc00f`d5000000: tag 'MyTg', block of 0x40 bytes");
    scase_end(&s);
    scase_open(&s, MACHINE64 "bugcheck 19 20 ffffc00fd5000000 ffffc00fd5000040 4040000\n");
    arg_says(s.a, 2, "its pool header is not in this dump");
    scase_end(&s);
}

static void a_fail_fast_agrees_with_its_record(void **state) {
    (void)state;
    struct scase s;
    scase_open(&s, MACHINE64 "bugcheck 139 3 ffffe28c0a5f6e20 ffffe28c0a5f6d78 0\n"
                             "struct _KTRAP_FRAME ffffe28c0a5f6e20 Rip=fffff8042b1a1234 SegCs=10 "
                             "EFlags=10246 Rsp=ffffe28c0a5f7000 Rcx=3\n"
                             "struct _EXCEPTION_RECORD ffffe28c0a5f6d78 ExceptionCode=c0000409 "
                             "ExceptionAddress=fffff8042b1a1234 NumberParameters=1 "
                             "ExceptionInformation[0]=3\n");
    says(s.a, "The exception record holds the code 3 (FAST_FAIL_CORRUPT_LIST_ENTRY), as "
              "parameter 1 does.");
    says(s.a, "rcx is 3 in the trap frame");
    scase_end(&s);
}

static void a_store_exception_is_followed_to_its_record(void **state) {
    (void)state;
    struct scase s;
    scase_open(&s, MACHINE64
               "bugcheck 154 ffffc00fd5000000 ffffe28c0a5f6000 0 0\n"
               "memory ffffe28c0a5f6000 00 61 5f 0a 8c e2 ff ff 00 62 5f 0a 8c e2 ff ff\n"
               "struct _EXCEPTION_RECORD ffffe28c0a5f6100 ExceptionCode=c0000006 "
               "ExceptionAddress=fffff8041a123456 NumberParameters=3 "
               "ExceptionInformation[1]=234567000 ExceptionInformation[2]=c000000e\n"
               "struct _CONTEXT ffffe28c0a5f6200 ContextFlags=10000f Rip=fffff8041a123456 "
               "Rsp=ffffe28c0a5f7000\n");
    assert_true(s.a->has_exception);
    assert_int_equal(s.a->exception.code, 0xc0000006);
    assert_string_equal(s.a->regs_command, ".cxr 0xffffe28c0a5f6200");
    arg_says(s.a, 2, "EXCEPTION_POINTERS");
    scase_end(&s);
}

static void a_stack_pointer_off_the_stack_is_told(void **state) {
    (void)state;
#define CXR(rsp)                                                                                   \
    "struct _CONTEXT ffffe28c0a5f6200 ContextFlags=10000f Rip=fffff8042b1a1234 Rsp=" rsp "\n"
    struct scase s;
    scase_open(&s, MACHINE64 "bugcheck 3b c0000005 fffff8042b1a1234 "
                             "ffffe28c0a5f6200 0\n" CXR("ffffe28c0a5f1f00"));
    says(s.a, "is below the end of the thread's stack (ffffe28c`0a5f2000 to ffffe28c`0a5f8000): "
              "the stack overflowed.");
    scase_end(&s);
    scase_open(&s, MACHINE64 "bugcheck 3b c0000005 fffff8042b1a1234 "
                             "ffffe28c0a5f6200 0\n" CXR("ffffc00fd5000100"));
    says(s.a, "does not lie on the thread's stack");
    scase_end(&s);
    scase_open(&s, MACHINE64 "bugcheck 3b c0000005 fffff8042b1a1234 "
                             "ffffe28c0a5f6200 0\n" CXR("ffffe28c0a5f7000"));
    assert_null(fact(s.a, "stack pointer"));
    scase_end(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_blocked_power_request_names_its_driver),
        cmocka_unit_test(a_request_that_is_absent_is_said),
        cmocka_unit_test(the_thread_that_holds_the_pnp_lock_is_named),
        cmocka_unit_test(the_moment_is_told),
        cmocka_unit_test(ticks_become_seconds),
        cmocka_unit_test(the_dumps_own_clock_counts),
        cmocka_unit_test(the_processor_that_hangs_is_shown),
        cmocka_unit_test(a_critical_process_is_named_with_its_status),
        cmocka_unit_test(a_double_fault_is_held_against_the_stack),
        cmocka_unit_test(a_trap_frame_of_a_double_fault_is_believed_when_it_agrees),
        cmocka_unit_test(single_bits_of_page_table_entries_are_told),
        cmocka_unit_test(refused_accesses_are_explained_by_their_page),
        cmocka_unit_test(a_pool_header_is_read_with_its_tag),
        cmocka_unit_test(a_fail_fast_agrees_with_its_record),
        cmocka_unit_test(a_store_exception_is_followed_to_its_record),
        cmocka_unit_test(a_stack_pointer_off_the_stack_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
