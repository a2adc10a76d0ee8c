/* SPDX-License-Identifier: MIT */
/*
 * Rules for single kinds of stops, on forged dumps: hooks, processors that hang, processes that are
 * ended, stacks that run over, pending APCs; and when a stack that names somebody says nothing.
 */
#include "unit/blame_fixture.h"

#define OS                                                                                         \
    "os 19041\ncpu x64 count 4 current 0\ndump triage\n"                                           \
    "time 2021-06-21 08:00:59.437\nuptime 0 days 0:09:12.500\n"
#define THREAD "thread ffffc00fd30aa080 cid 4.8f4 stack fffff88004c3b000 fffff88004c35000\n"
#define SYSTEM "process System ffffc00fd2e8b080 pid 4\n" THREAD
#define NT     "module nt fffff804`1a000000 +1046000 image ntkrnlmp.exe version 10.0.19041.1052\n"
#define BAD    "module bad fffff804`2b1a0000 +1f000\n"
#define NPFS   "module Npfs fffff804`2b2a0000 +1c000\n"
#define FLTMGR "module fltmgr fffff804`2b3a0000 +72000\n"
#define END    "nt!PspSystemThreadStartup+0x55\nnt!KiStartSystemThread+0x28\nend\n"

/* --- hook
 * ------------------------------------------------------------------------------------------ */

#define CHECK "bugcheck 109 a39fe8ca5b5cc5a3 b3b6f550addcbaf6 fffff8041a621000 1\n"
#define ALONE "stack\nnt!KeBugCheckEx\nend\n"

static void a_function_that_jumps_into_a_driver_is_hooked_by_it(void **state) {
    static const char *const jumps[] = {
        "memory fffff8041a621000 48b8 10301a2b04f8ffff ffe0\n", /* mov rax, bad+3010; jmp rax */
        "memory fffff8041a621000 49bb 10301a2b04f8ffff 41ffe3\n",
        "memory fffff8041a621000 e9 0b20b810\n", /* relative */
        "memory fffff8041a621000 68 10301a2b c7442404 04f8ffff c3\n",
        "memory fffff8041a621000 ff25 fa0f0000\nmemory fffff8041a622000 10301a2b04f8ffff\n",
    };
    for (size_t i = 0; i < sizeof jumps / sizeof *jumps; i++) {
        char text[2000];
        snprintf(text, sizeof text, "%s%s", OS SYSTEM NT BAD CHECK ALONE, jumps[i]);
        struct blamed b = blame(*state, text, WITHOUT_SYMBOLS);
        blames(&b, 0, "hook", "bad", SC_LIKELY);
        assert_string_equal(b.a->findings[0].symbol, "bad+0x3010");
        blamed_free(&b);
    }
}

static void code_that_only_looks_like_a_jump_is_no_hook(void **state) {
    static const char *const bytes[] = {
        "memory fffff8041a621000 48b8 10301a2b04f8ffff ffe1\n", /* another register */
        "memory fffff8041a621000 e9 fb0f0000\n",                /* inside of the kernel */
        "memory fffff8041a621000 48895c2408\n",
        "memory fffff8041a621000 ff25 fa0f0000\n", /* what it leads through is not in the dump */
        "",
    };
    for (size_t i = 0; i < sizeof bytes / sizeof *bytes; i++) {
        char text[2000];
        snprintf(text, sizeof text, "%s%s", OS SYSTEM NT BAD CHECK ALONE, bytes[i]);
        struct blamed b = blame(*state, text, WITHOUT_SYMBOLS);
        assert_null(by_rule(&b, "hook"));
        blames_at_most(&b, "bad", -1);
        blamed_free(&b);
    }
}

/* --- hung-processor
 * -------------------------------------------------------------------------------- */

#define HUNG(rip)                                                                                  \
    OS SYSTEM NT BAD                                                                               \
        "bugcheck 101 c 0 ffffc58080c40180 3\n"                                                    \
        "processor 3 ffffc58080c40180 ProcessorState.ContextFrame.Rip=" rip                        \
        " ProcessorState.ContextFrame.Rsp=ffffa60c5e31e8f0\n"                                      \
        "stack\nnt!KeBugCheckEx\nnt!KeAccumulateTicks+0x1c2\nnt!KiInterruptDispatchNoLock+0x37\n"  \
        "nt!KeYieldProcessorEx+0x1f\n" END

static void a_processor_that_hangs_in_a_driver_names_it(void **state) {
    struct blamed b = blame(*state, HUNG("fffff8042b1a1a14"), WITH_SYMBOLS);
    blames(&b, 0, "hung-processor", "bad", SC_LIKELY);
    assert_string_equal(b.a->findings[0].evidence[1].command, "~3s; kn; ~0s");
    assert_true(says(&b.a->findings[0], true, "last state that was saved"));
    blamed_free(&b);
    b = blame(*state, HUNG("fffff8041a001a14"), WITH_SYMBOLS); /* in the kernel */
    assert_null(by_rule(&b, "hung-processor"));
    blames(&b, 0, "nothing-known", NULL, SC_POSSIBLE);
    assert_non_null(by_rule(&b, "hardware-damage"));
    blamed_free(&b);
}

/* Before Windows 8 parameter 4 is 0: the PRCB of parameter 3 tells which processor it is. */
static void the_processor_that_hangs_is_known_by_its_prcb(void **state) {
    struct blamed b = blame(*state,
                            OS SYSTEM NT BAD
                            "bugcheck 101 c 0 ffffc58080c40180 0\n"
                            "processor 3 ffffc58080c40180 "
                            "ProcessorState.ContextFrame.Rip=fffff8042b1a1a14"
                            " ProcessorState.ContextFrame.Rsp=ffffa60c5e31e8f0\n"
                            "stack\nnt!KeBugCheckEx\nnt!KeAccumulateTicks+0x1c2\n"
                            "nt!KiInterruptDispatchNoLock+0x37\nnt!KeYieldProcessorEx+0x1f\n" END,
                            WITH_SYMBOLS);
    blames(&b, 0, "hung-processor", "bad", SC_LIKELY);
    assert_true(says(&b.a->findings[0], false, "processor 3 did not answer"));
    blamed_free(&b);
}

/* --- ended-process
 * ---------------------------------------------------------------------------------- */

#define ENDED(driver)                                                                              \
    OS "process tool.exe ffffc00fd2e8b080 pid 2f40\n" THREAD                                       \
       "process csrss.exe ffffd50a01f3c0c0 pid 25c\n" NT BAD                                       \
       "bugcheck ef ffffd50a01f3c0c0 0 0 0\n"                                                      \
       "stack\nnt!KeBugCheckEx\nnt!PspCatchCriticalBreak+0x10e\n"                                  \
       "nt!PspTerminateAllThreads+0x1eb\nnt!NtTerminateProcess+0xb9\n" driver END

static void a_program_that_ends_csrss_is_named(void **state) {
    struct blamed b = blame(*state, ENDED(""), WITH_SYMBOLS);
    blames(&b, 0, "ended-process", NULL, SC_LIKELY);
    assert_string_equal(b.a->findings[0].symbol, "tool.exe");
    assert_non_null(strstr(b.a->findings[0].summary, "tool.exe ended csrss.exe"));
    blamed_free(&b);
    /* its twin: a driver called the function */
    b = blame(*state, ENDED("bad!Kill+0x20\n"), WITH_SYMBOLS);
    assert_null(by_rule(&b, "ended-process"));
    blames(&b, 0, "stack", "bad", SC_LIKELY);
    blamed_free(&b);
}

static void a_process_that_ended_itself_is_not_ended_by_a_program(void **state) {
    struct blamed b = blame(*state,
                            OS "process csrss.exe ffffc00fd2e8b080 pid 25c\n" THREAD NT
                               "bugcheck ef ffffc00fd2e8b080 0 0 0\n"
                               "stack\nnt!KeBugCheckEx\nnt!NtTerminateProcess+0xb9\n" END,
                            WITH_SYMBOLS);
    assert_null(by_rule(&b, "ended-process"));
    blamed_free(&b);
}

/* --- stack-overflow
 * --------------------------------------------------------------------------------- */

/* The first frame behind the double fault stands at SP; frames of BOTTOM above it. */
#define OVERFLOW(sp, bottom)                                                                       \
    OS SYSTEM NT BAD NPFS                                                                          \
        "bugcheck 7f 8 fffff80418000000 " sp " fffff8042b1a1020\n"                                 \
        "stack\n"                                                                                  \
        " # Child-SP          RetAddr               Call Site\n"                                   \
        "00 fffff804`17fffc00 fffff804`1a401069     nt!KeBugCheckEx\n"                             \
        "01 fffff804`17fffc08 fffff804`1a4072c3     nt!KiBugCheckDispatch+0x69\n"                  \
        "02 fffff804`17fffd48 fffff804`2b1a1020     nt!KiDoubleFaultAbort+0x2c3\n" bottom          \
        "end\nsymbol nt!KeBugCheckEx fffff804`1a3f5e40\nsymbol bad!Recurse fffff8042b1a1000\n"

#define DEEP                                                                                       \
    "03 fffff880`04c34ff0 fffff804`2b1a1040     bad!Recurse+0x20\n"                                \
    "04 fffff880`04c35ff0 fffff804`2b1a1040     bad!Recurse+0x40\n"                                \
    "05 fffff880`04c36ff0 fffff804`2b1a1040     bad!Recurse+0x40\n"                                \
    "06 fffff880`04c37ff0 fffff804`2b1a1040     bad!Recurse+0x40\n"                                \
    "07 fffff880`04c38ff0 fffff804`2b1a1040     bad!Recurse+0x40\n"                                \
    "08 fffff880`04c39ff0 00000000`00000000     bad!Recurse+0x40\n"

static void recursion_that_fills_the_stack_is_likely(void **state) {
    struct blamed b = blame(*state, OVERFLOW("fffff88004c34ff0", DEEP), WITH_SYMBOLS);
    const struct sc_finding *f = by_rule(&b, "stack-overflow");
    if (!f)
        blamed_print(&b);
    assert_non_null(f);
    /* That one of its instructions met the end of the stack makes it no surer. */
    blames(&b, 0, "stack-overflow", "bad", SC_LIKELY);
    assert_true(says(f, false, "bad!Recurse+0x40 is 5 times among the return addresses"));
    assert_true(says(f, false, "The thread's kernel stack ends at fffff880`04c35000"));
    blamed_free(&b);
}

#define SHARED                                                                                     \
    "03 fffff880`04c34ff0 fffff804`2b6a1040     bad!Recurse+0x20\n"                                \
    "04 fffff880`04c357f0 fffff804`2b1a1040     other!Down+0x40\n"                                 \
    "05 fffff880`04c35ff0 fffff804`2b6a1040     bad!Recurse+0x40\n"                                \
    "06 fffff880`04c367f0 fffff804`2b1a1040     other!Down+0x40\n"                                 \
    "07 fffff880`04c36ff0 fffff804`2b6a1040     bad!Recurse+0x40\n"                                \
    "08 fffff880`04c377f0 fffff804`2b1a1040     other!Down+0x40\n"                                 \
    "09 fffff880`04c37ff0 fffff804`2b6a1040     bad!Recurse+0x40\n"                                \
    "0a fffff880`04c387f0 fffff804`2b1a1040     other!Down+0x40\n"                                 \
    "0b fffff880`04c38ff0 fffff804`2b6a1040     bad!Recurse+0x40\n"                                \
    "0c fffff880`04c397f0 fffff804`2b1a1040     other!Down+0x40\n"                                 \
    "0d fffff880`04c39ff0 00000000`00000000     bad!Recurse+0x40\n"

static void two_that_call_each_other_are_possible(void **state) {
    struct blamed b = blame(*state,
                            "module other fffff804`2b6a0000 +1f000\nsymbol other!Down "
                            "fffff8042b6a1000\n" OVERFLOW("fffff88004c34ff0", SHARED),
                            WITH_SYMBOLS);
    const struct sc_finding *f = by_rule(&b, "stack-overflow");
    if (!f || f->confidence != SC_POSSIBLE)
        blamed_print(&b);
    assert_int_equal(f->confidence, SC_POSSIBLE);
    assert_true(says(f, true, "the two call each other"));
    blamed_free(&b);
}

static void a_stack_pointer_that_is_elsewhere_is_no_overflow(void **state) {
    struct blamed b =
        blame(*state,
              OVERFLOW("fffff88004c38ff0",
                       "03 fffff880`04c38ff0 fffff804`2b1a1040     bad!Recurse+0x20\n"
                       "04 fffff880`04c39ff0 00000000`00000000     bad!Recurse+0x40\n"),
              WITH_SYMBOLS);
    const struct sc_finding *f = by_rule(&b, "stack-overflow");
    assert_non_null(f);
    assert_non_null(strstr(f->summary, "not for want of stack"));
    assert_int_equal(f->confidence, SC_POSSIBLE);
    blamed_free(&b);
}

/* --- parameters
 * ------------------------------------------------------------------------------------ */

static void a_pending_apc_is_whose_routine_it_calls(void **state) {
#define EXIT                                                                                       \
    OS SYSTEM NT BAD                                                                               \
        "bugcheck 20 ffffe00002c1a010 0 0 1\n"                                                     \
        "stack\nnt!KeBugCheckEx\nnt!PspExitThread+0xa6b\nnt!NtTerminateThread+0x44\n" END
    struct blamed b = blame(*state,
                            EXIT "struct _KAPC ffffe00002c1a010 Type=12 "
                                 "KernelRoutine=fffff8042b1a1a30\n",
                            WITH_SYMBOLS);
    blames(&b, 0, "parameter-module", "bad", SC_LIKELY);
    assert_true(says(&b.a->findings[0], false, "one of its routines is fffff804`2b1a1a30"));
    blamed_free(&b);
    b = blame(*state, EXIT "struct _KAPC ffffe00002c1a010 Type=12 KernelRoutine=fffff8041a001a30\n",
              WITH_SYMBOLS);
    assert_null(by_rule(&b, "parameter-module"));
    blamed_free(&b);
}

static void a_framework_that_a_parameter_leads_to_is_nobody(void **state) {
    struct blamed b = blame(*state,
                            OS SYSTEM NT FLTMGR
                            "bugcheck c4 c5 fltmgr!Dispatch ffff 0\nsymbol fltmgr!Dispatch "
                            "fltmgr+1000\nstack\nnt!KeBugCheckEx\nnt!VfAfterCallDriver+0x33e\n"
                            "nt!IovCallDriver+0x57e\nnt!NtReadFile+0x40\n" END,
                            WITH_SYMBOLS);
    blames(&b, 0, "parameter-module", NULL, SC_POSSIBLE);
    assert_true(advises(&b.a->findings[0], "fltmc instances"));
    blamed_free(&b);
}

static void the_device_of_a_verifier_stop_outranks_the_stack(void **state) {
    struct blamed b = blame(*state,
                            OS SYSTEM NT BAD "module other fffff804`2b4a0000 +20000\n"
                                             "bugcheck c9 5 ffffd50a04a10050 2 0\n"
                                             "stack\nnt!KeBugCheckEx\nnt!VfAfterCallDriver+0x33e\n"
                                             "nt!IovCallDriver+0x57e\nbad!Send+0x40\n" END
                                             "struct _DEVICE_OBJECT ffffd50a04a10050 Type=3 "
                                             "DriverObject=ffffd50a04a20e30\n"
                                             "struct _DRIVER_OBJECT ffffd50a04a20e30 Type=4 "
                                             "DriverStart=fffff8042b4a0000\n",
                            WITH_SYMBOLS);
    blames(&b, 0, "parameter-module", "other", SC_STRONG);
    blames_at_most(&b, "bad", SC_POSSIBLE);
    blamed_free(&b);
}

/* --- stacks that say nothing
 * ------------------------------------------------------------------------ */

static void a_driver_of_windows_that_notices_damage_is_the_victim(void **state) {
#define FREED(frames)                                                                              \
    OS SYSTEM NT BAD NPFS "bugcheck c2 7 1205 4070008 ffffe00003c1a8e0\n"                          \
                          "stack\nnt!KeBugCheckEx\nnt!ExFreePoolWithTag+0x1124\n" frames END
    struct blamed b = blame(*state, FREED("Npfs!NpRemove+0xa5\n"), WITH_SYMBOLS);
    assert_null(by_rule(&b, "stack"));
    assert_true(says(by_rule(&b, "nothing-known"), false, "here nearly always the victim"));
    blamed_free(&b);
    b = blame(*state, FREED("bad!Remove+0xa5\n"), WITH_SYMBOLS);
    blames(&b, 0, "stack", "bad", SC_LIKELY);
    blamed_free(&b);
}

static void who_only_waits_has_done_nothing(void **state) {
    struct blamed b =
        blame(*state,
              OS SYSTEM NT BAD "bugcheck a 18 2 0 nt!SwapContext+10\n"
                               "stack\nnt!KeBugCheckEx\nnt!KiBugCheckDispatch+0x69\n"
                               "nt!KiPageFault+0x46d\nnt!SwapContext+0x10\nnt!KiSwapContext+0x76\n"
                               "nt!KiSwapThread+0x500\nnt!KeWaitForSingleObject+0x233\n"
                               "bad!Wait+0x40\n" END,
              WITH_SYMBOLS);
    assert_null(by_rule(&b, "stack"));
    assert_true(says(by_rule(&b, "kernel-only"), false, "bad!Wait+0x40, in frame 07, only waits"));
    blamed_free(&b);
    /* its twin: waiting is what was forbidden */
    b = blame(*state,
              OS SYSTEM NT BAD "bugcheck b8 0 0 0 0\n"
                               "stack\nnt!KeBugCheckEx\nnt!KiSwapThread+0x500\n"
                               "nt!KeWaitForSingleObject+0x233\nbad!Dpc+0x40\n" END,
              WITH_SYMBOLS);
    blames(&b, 0, "stack", "bad", SC_LIKELY);
    blamed_free(&b);
}

/* The context is that of the stop; rdi of the fault comes back by unwinding. */
#define FAULT(rdi)                                                                                 \
    OS SYSTEM NT "bugcheck 50 ffffd54a1c3e2418 0 fffff8041a0b51e4 2\n"                             \
                 "stack\n"                                                                         \
                 " # Child-SP          RetAddr               Call Site\n"                          \
                 "00 fffff880`04c3a9d8 fffff804`1a0b1069     nt!KeBugCheckEx\n"                    \
                 "01 fffff880`04c3a9e0 fffff804`1a371469     nt!KiBugCheckDispatch+0x69\n"         \
                 "02 fffff880`04c3ab20 fffff804`1a0b51e4     nt!KiPageFault+0x469\n"               \
                 "03 fffff880`04c3acb0 fffff804`1a6a113c     nt!ObpCopy+0x1e4\n"                   \
                 "04 fffff880`04c3ade0 00000000`00000000     nt!NtDuplicateObject+0x13c\n"         \
                 "end\nregisters rip=fffff8041a0b51e4 rsp=fffff88004c3acb0 rdi=" rdi "\n"          \
                 "symbol nt!KeBugCheckEx fffff804`1a941000\n"

static void registers_behind_the_trap_show_a_flipped_bit(void **state) {
    struct blamed b = blame(*state, FAULT("ffffd50a1c3e2400"), WITH_SYMBOLS);
    blames(&b, 0, "hardware", NULL, SC_LIKELY);
    assert_true(says(&b.a->findings[0], false, "where register rdi points"));
    assert_string_equal(b.a->findings[0].evidence[2].command, ".cxr; .frame /r 3");
    blamed_free(&b);
    b = blame(*state, FAULT("ffffd50a2c3e2400"), WITH_SYMBOLS); /* two bits */
    assert_null(by_rule(&b, "hardware"));
    blamed_free(&b);
}

/* The same without symbols: the trap frame is known by its instruction, rdi by what lies below. */
static void a_trap_frame_is_found_without_symbols(void **state) {
    struct blamed b = blame(*state, FAULT("ffffd50a1c3e2400"), WITHOUT_SYMBOLS);
    blames(&b, 0, "hardware", NULL, SC_LIKELY);
    assert_true(says(&b.a->findings[0], false, "register rdi points: ffffd50a`1c3e2400"));
    assert_string_equal(b.a->findings[0].evidence[2].command,
                        ".trap fffff88004c3ab20; dps fffff88004c3aae0 L7");
    assert_true(says(by_rule(&b, "hardware"), false, "With bit 38 the other way"));
    blamed_free(&b);
    b = blame(*state, FAULT("ffffd50a2c3e2400"), WITHOUT_SYMBOLS);
    assert_null(by_rule(&b, "hardware"));
    assert_true(says(by_rule(&b, "kernel-only"), false,
                     "The trap frame at fffff880`04c3ab20, on the stack, was made at"));
    blamed_free(&b);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, make_folder, drop_folder)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_function_that_jumps_into_a_driver_is_hooked_by_it),
        TEST(code_that_only_looks_like_a_jump_is_no_hook),
        TEST(a_processor_that_hangs_in_a_driver_names_it),
        TEST(the_processor_that_hangs_is_known_by_its_prcb),
        TEST(a_program_that_ends_csrss_is_named),
        TEST(a_process_that_ended_itself_is_not_ended_by_a_program),
        TEST(recursion_that_fills_the_stack_is_likely),
        TEST(two_that_call_each_other_are_possible),
        TEST(a_stack_pointer_that_is_elsewhere_is_no_overflow),
        TEST(a_pending_apc_is_whose_routine_it_calls),
        TEST(a_framework_that_a_parameter_leads_to_is_nobody),
        TEST(the_device_of_a_verifier_stop_outranks_the_stack),
        TEST(a_driver_of_windows_that_notices_damage_is_the_victim),
        TEST(who_only_waits_has_done_nothing),
        TEST(registers_behind_the_trap_show_a_flipped_bit),
        TEST(a_trap_frame_is_found_without_symbols),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
