/* SPDX-License-Identifier: MIT */
/*
 * Blame by the stack, on forged dumps: who is the first frame worth blaming, what that is worth,
 * and for each case its twin that looks alike and in which it must not be blamed (so).
 */
#include "unit/blame_fixture.h"

#define OS                                                                                         \
    "os 19041\ncpu x64 count 2 current 0\ndump triage\n"                                           \
    "time 2021-06-21 08:00:59.437\nuptime 0 days 0:09:12.500\n"                                    \
    "process System ffffc00fd2e8b080 pid 4\n"                                                      \
    "thread ffffc00fd30aa080 cid 4.8f4 stack fffff88004c3b000 fffff88004c35000\n"
#define NT   "module nt fffff804`1a000000 +1046000 image ntkrnlmp.exe version 10.0.19041.1052\n"
#define BAD  "module bad fffff804`2b1a0000 +1f000 version 3.2.1.0 stamp 5bd1a4e0\n"
#define FLT  "module filt fffff804`2b2a0000 +1f000\n"
#define NDIS "module ndis fffff804`2c000000 +180000\n"
#define TCP  "module tcpip fffff804`2c200000 +2e0000\n"
#define DISK "module disk fffff804`2c600000 +1c000\n"

#define THREAD_END                                                                                 \
    "nt!PspSystemThreadStartup+0x55\n"                                                             \
    "nt!KiStartSystemThread+0x28\n"                                                                \
    "end\n"
#define PAGE_FAULT                                                                                 \
    "stack\n"                                                                                      \
    "nt!KeBugCheckEx\n"                                                                            \
    "nt!KiBugCheckDispatch+0x69\n"                                                                 \
    "nt!KiPageFault+0x46d\n"

/* --- its own code ------------------------------------------------------------------------- */

static void the_instruction_and_the_stack_are_one_finding(void **state) {
    struct blamed b = blame(*state,
                            OS NT BAD "bugcheck d1 18 2 0 bad!Read+10\n" PAGE_FAULT
                                      "bad!Read+0x10\nbad!Start+0x40\n" THREAD_END,
                            WITH_SYMBOLS);
    blames(&b, 0, "faulting-address", "bad", SC_STRONG);
    const struct sc_finding *f = &b.a->findings[0];
    assert_int_equal(f->nsupport, 1);
    assert_string_equal(f->support[0], "stack");
    assert_true(says(f, false, "Of the stack, frame 03 (bad!Read+0x10)"));
    assert_true(says(f, false, "Passed over: 00-01 (nt: stops the machine), 02 (nt: entered by"));
    assert_true(says(f, false, "bad.sys: version 3.2.1.0, time stamp of 2018-10-25"));
    assert_true(advises(f, "verifier /flags 0x3 /driver bad.sys"));
    for (size_t i = 1; i < b.a->nfindings; i++)
        assert_ptr_not_equal(b.a->findings[i].module, f->module);
    blamed_free(&b);
}

/* --- calls --------------------------------------------------------------------------------- */

static void a_driver_that_called_the_kernel_is_likely(void **state) {
    struct blamed b =
        blame(*state,
              OS NT BAD "bugcheck 50 ffffc00fd0000000 0 nt!RtlCopyMemory+10 0\n" PAGE_FAULT
                        "nt!RtlCopyMemory+0x10\nbad!Copy+0x40\n" THREAD_END,
              WITH_SYMBOLS);
    blames(&b, 0, "stack", "bad", SC_LIKELY);
    assert_string_equal(b.a->findings[0].symbol, "bad!Copy+0x40");
    assert_true(says(&b.a->findings[0], false, "it called the kernel, where it went wrong"));
    assert_true(advises(&b.a->findings[0], "verifier /flags 0x1 /driver bad.sys"));
    blamed_free(&b);
}

static void nobody_is_blamed_when_all_frames_are_the_kernels(void **state) {
    struct blamed b =
        blame(*state,
              OS NT BAD "bugcheck 50 ffffc00fd0000000 0 nt!RtlCopyMemory+10 0\n" PAGE_FAULT
                        "nt!RtlCopyMemory+0x10\nnt!IopWorker+0x40\n" THREAD_END,
              WITH_SYMBOLS);
    assert_null(by_rule(&b, "stack"));
    const struct sc_finding *f = by_rule(&b, "kernel-only");
    assert_true(says(f, false, "names no driver: all frames of the stack are the kernel's"));
    blames_at_most(&b, "bad", SC_CERTAIN + 1);
    blamed_free(&b);
}

#define INTERRUPTED(bottom)                                                                        \
    "stack\n"                                                                                      \
    "nt!KeBugCheckEx\n"                                                                            \
    "nt!KiBugCheckDispatch+0x69\n"                                                                 \
    "nt!KiPageFault+0x46d\n"                                                                       \
    "nt!KiProcessExpiredTimerList+0x10\n" bottom

static void whom_an_interrupt_interrupted_is_not_blamed(void **state) {
    struct blamed b =
        blame(*state,
              OS NT BAD "bugcheck a 18 2 0 nt!KiProcessExpiredTimerList+10\n" INTERRUPTED(
                  "nt!KiDpcInterrupt+0x320\nbad!Work+0x30\n" THREAD_END),
              WITH_SYMBOLS);
    assert_null(by_rule(&b, "stack"));
    blames_at_most(&b, "bad", -1);
    assert_true(says(by_rule(&b, "kernel-only"), false,
                     "bad!Work+0x30, in frame 05, was only interrupted"));
    blamed_free(&b);
    /* its twin: without the interrupt in between, the driver called that code */
    b = blame(*state,
              OS NT BAD "bugcheck a 18 2 0 nt!KiProcessExpiredTimerList+10\n" INTERRUPTED(
                  "bad!Work+0x30\n" THREAD_END),
              WITH_SYMBOLS);
    blames(&b, 0, "stack", "bad", SC_LIKELY);
    blamed_free(&b);
}

static void whoever_asked_for_what_an_apc_ends_is_gone(void **state) {
    struct blamed b = blame(*state,
                            OS NT BAD "bugcheck a 18 1 1 nt!IopCompleteRequest+10\n" PAGE_FAULT
                                      "nt!IopCompleteRequest+0x10\nnt!KiDeliverApc+0x1b0\n"
                                      "nt!KeLeaveCriticalRegion+0x40\nbad!Work+0x30\n" THREAD_END,
                            WITH_SYMBOLS);
    assert_null(by_rule(&b, "stack"));
    assert_true(says(by_rule(&b, "kernel-only"), false, "who asked for it is not on this stack"));
    blamed_free(&b);
    b = blame(*state,
              OS NT BAD "bugcheck a 18 1 1 nt!IopCompleteRequest+10\n" PAGE_FAULT
                        "nt!IopCompleteRequest+0x10\nbad!Work+0x30\n" THREAD_END,
              WITH_SYMBOLS);
    blames(&b, 0, "stack", "bad", SC_POSSIBLE);
    assert_true(says(&b.a->findings[0], true, "who made it is not on this stack"));
    blamed_free(&b);
}

static void many_functions_of_the_kernel_in_between_weaken(void **state) {
    struct blamed b = blame(
        *state,
        OS NT BAD "bugcheck 50 ffffc00fd0000000 0 nt!MiCopy+10 0\n" PAGE_FAULT
                  "nt!MiCopy+0x10\nnt!F1+0x10\nnt!F2+0x10\nnt!F3+0x10\nnt!F4+0x10\nnt!F5+0x10\n"
                  "nt!F6+0x10\nnt!F7+0x10\nnt!F8+0x10\nbad!Copy+0x40\n" THREAD_END,
        WITH_SYMBOLS);
    blames(&b, 0, "stack", "bad", SC_POSSIBLE);
    assert_true(says(&b.a->findings[0], true, "9 functions of the kernel lie between"));
    blamed_free(&b);
}

/* --- frameworks ------------------------------------------------------------------------------ */

static void a_frameworks_client_is_named(void **state) {
    struct blamed b =
        blame(*state,
              OS NT BAD NDIS TCP "bugcheck d1 18 2 0 tcpip!Indicate+10\n" PAGE_FAULT
                                 "tcpip!Indicate+0x10\nndis!NdisMIndicate+0x99\n"
                                 "bad!Receive+0x40\nnt!ExpWorkerThread+0x105\n" THREAD_END,
              WITH_SYMBOLS);
    blames(&b, 0, "stack", "bad", SC_LIKELY);
    blames(&b, 1, "faulting-address", "tcpip", SC_POSSIBLE);
    assert_true(says(&b.a->findings[0], true, "It went wrong in tcpip.sys"));
    assert_true(says(&b.a->findings[1], true, "bad.sys called it (frame 05)"));
    blamed_free(&b);
}

/* Twin: disk.sys is Windows' own, so there is no reason to pass over where it went wrong. */
static void a_client_of_windows_own_comes_behind_where_it_went_wrong(void **state) {
    struct blamed b = blame(*state,
                            OS NT DISK TCP "bugcheck d1 18 2 0 tcpip!Indicate+10\n" PAGE_FAULT
                                           "tcpip!Indicate+0x10\ndisk!Receive+0x40\n"
                                           "nt!ExpWorkerThread+0x105\n" THREAD_END,
                            WITH_SYMBOLS);
    blames(&b, 0, "faulting-address", "tcpip", SC_POSSIBLE);
    blames(&b, 1, "stack", "disk", SC_POSSIBLE);
    blamed_free(&b);
}

static void a_framework_without_a_client_is_the_only_possible_one(void **state) {
    struct blamed b = blame(*state,
                            OS NT BAD NDIS TCP "bugcheck d1 18 2 0 tcpip!Indicate+10\n" PAGE_FAULT
                                               "tcpip!Indicate+0x10\nndis!NdisMIndicate+0x99\n"
                                               "nt!ExpWorkerThread+0x105\n" THREAD_END,
                            WITH_SYMBOLS);
    blames(&b, 0, "faulting-address", "tcpip", SC_POSSIBLE);
    assert_true(says(&b.a->findings[0], true, "for whom it worked is not on the stack"));
    blames_at_most(&b, "bad", -1);
    blamed_free(&b);
}

static void who_only_handed_a_request_on_is_possible(void **state) {
    struct blamed b = blame(*state,
                            OS NT BAD NDIS "bugcheck d1 18 2 0 ndis!Dispatch+10\n" PAGE_FAULT
                                           "ndis!Dispatch+0x10\nnt!IofCallDriver+0x55\n"
                                           "bad!Forward+0x40\n" THREAD_END,
                            WITH_SYMBOLS);
    blames(&b, 0, "faulting-address", "ndis", SC_POSSIBLE);
    blames(&b, 1, "stack", "bad", SC_POSSIBLE);
    assert_true(says(&b.a->findings[1], false, "it handed a request on to ndis.sys"));
    blamed_free(&b);
}

static void a_third_party_is_no_better_suspect_for_being_one(void **state) {
    struct blamed b = blame(*state,
                            OS NT BAD DISK "bugcheck d1 18 2 0 disk!Start+10\n" PAGE_FAULT
                                           "disk!Start+0x10\nnt!IofCallDriver+0x55\n"
                                           "bad!Forward+0x40\n" THREAD_END,
                            WITH_SYMBOLS);
    blames(&b, 0, "faulting-address", "disk", SC_LIKELY);
    blames(&b, 1, "stack", "bad", SC_POSSIBLE);
    blamed_free(&b);
}

/* Twin: called directly, a driver of Windows works with what it was handed, like a framework. */
static void a_driver_of_windows_works_for_who_called_it_directly(void **state) {
    struct blamed b = blame(*state,
                            OS NT BAD DISK "bugcheck d1 18 2 0 disk!Start+10\n" PAGE_FAULT
                                           "disk!Start+0x10\ndisk!Callback+0x20\n"
                                           "bad!Forward+0x40\n" THREAD_END,
                            WITH_SYMBOLS);
    blames(&b, 0, "stack", "bad", SC_LIKELY);
    blames(&b, 1, "faulting-address", "disk", SC_POSSIBLE);
    assert_true(says(&b.a->findings[1], true, "bad.sys called it (frame 05)"));
    blamed_free(&b);
}

/* The kernel failed, and nobody but Windows' own drivers called it. */
static void a_driver_of_windows_that_only_called_is_possible(void **state) {
    struct blamed b = blame(*state,
                            OS NT DISK "bugcheck 50 ffffc00fd0000000 0 nt!MmMap+10 0\n" PAGE_FAULT
                                       "nt!MmMap+0x10\ndisk!Read+0x40\n" THREAD_END,
                            WITH_SYMBOLS);
    blames(&b, 0, "stack", "disk", SC_POSSIBLE);
    assert_true(says(&b.a->findings[0], true, "its own code is not what failed"));
    blamed_free(&b);
}

/* Whatever the code: when the pool's own functions fail, they met damage. */
static void who_gives_memory_back_when_the_pool_fails_is_possible(void **state) {
    struct blamed b =
        blame(*state,
              OS NT BAD "bugcheck 50 ffffc00fd0000000 0 nt!ExFreePoolWithTag+10 0\n" PAGE_FAULT
                        "nt!ExFreePoolWithTag+0x10\nbad!Free+0x40\n" THREAD_END,
              WITH_SYMBOLS);
    blames(&b, 0, "stack", "bad", SC_POSSIBLE);
    assert_true(says(&b.a->findings[0], true, "whoever wrote past a neighbouring block"));
    blamed_free(&b);
    b = blame(*state,
              OS NT BAD "bugcheck 50 ffffc00fd0000000 0 nt!ExAllocatePoolWithTag+10 0\n" PAGE_FAULT
                        "nt!ExAllocatePoolWithTag+0x10\nbad!Make+0x40\n" THREAD_END,
              WITH_SYMBOLS);
    blames(&b, 0, "kernel-only", NULL, SC_POSSIBLE);
    assert_true(says(&b.a->findings[0], false, "what somebody else had done before"));
    blames_at_most(&b, "bad", -1);
    blamed_free(&b);
}

/* --- what the code says ---------------------------------------------------------------------- */

static void the_verifiers_caller_is_likely(void **state) {
    struct blamed b =
        blame(*state,
              OS NT BAD "bugcheck c4 30 2 0 0\n"
                        "stack\nnt!KeBugCheckEx\nnt!VerifierBugCheckIfAppropriate+0xdf\n"
                        "nt!VerifierKeRaiseIrql+0x40\nbad!Lock+0x40\n" THREAD_END,
              WITH_SYMBOLS);
    blames(&b, 0, "stack", "bad", SC_LIKELY);
    assert_true(says(&b.a->findings[0], false, "checked this very call and refused it"));
    assert_true(advises(&b.a->findings[0], "verifier /reset"));
    blamed_free(&b);
}

static void who_called_a_routine_that_broke_the_rule_is_not_to_blame(void **state) {
    struct blamed b =
        blame(*state,
              OS NT BAD FLT "bugcheck c4 c5 filt!Dispatch ffff 0\nsymbol filt!Dispatch filt+1000\n"
                            "stack\nnt!KeBugCheckEx\nnt!VfBugCheckNoStackUsage+0x30\n"
                            "nt!VfAfterCallDriver+0x33e\nnt!IovCallDriver+0x57e\n"
                            "bad!Send+0x40\n" THREAD_END,
              WITH_SYMBOLS);
    blames(&b, 0, "parameter-module", "filt", SC_STRONG);
    blames(&b, 1, "stack", "bad", SC_POSSIBLE);
    assert_true(says(&b.a->findings[1], true, "not who called it"));
    blamed_free(&b);
}

static void damage_that_was_noticed_is_not_the_noticers(void **state) {
    struct blamed b = blame(*state,
                            OS NT BAD "bugcheck 19 20 ffffc00fd1000000 ffffc00fd1000100 4100001\n"
                                      "stack\nnt!KeBugCheckEx\nnt!ExFreePoolWithTag+0x1a0\n"
                                      "bad!Free+0x40\n" THREAD_END,
                            WITH_SYMBOLS);
    blames(&b, 0, "stack", "bad", SC_POSSIBLE);
    assert_true(says(&b.a->findings[0], true, "whoever wrote past a block did so before"));
    assert_true(advises(&b.a->findings[0], "verifier /flags 0x9 /driver bad.sys"));
    blamed_free(&b);
    /* its twin: the very call is what was wrong */
    b = blame(*state,
              OS NT BAD "bugcheck c2 9 2 0 ffffc00fd1000000\n"
                        "stack\nnt!KeBugCheckEx\nnt!ExFreePoolWithTag+0x1a0\n"
                        "bad!Free+0x40\n" THREAD_END,
              WITH_SYMBOLS);
    blames(&b, 0, "stack", "bad", SC_LIKELY);
    blamed_free(&b);
}

/* New memory is nobody's yet: whoever asks for it when damage is found has done none. */
static void who_asks_for_memory_finds_what_others_did(void **state) {
    struct blamed b = blame(*state,
                            OS NT BAD "bugcheck 19 20 ffffc00fd1000000 ffffc00fd1000100 4100001\n"
                                      "stack\nnt!KeBugCheckEx\nnt!ExAllocatePoolWithTag+0x1a0\n"
                                      "bad!Make+0x40\n" THREAD_END,
                            WITH_SYMBOLS);
    blames(&b, 0, "nothing-known", NULL, SC_POSSIBLE);
    assert_true(says(&b.a->findings[0], false, "bad!Make+0x40, in frame 02, only asked for"));
    blames_at_most(&b, "bad", -1);
    blamed_free(&b);
    /* the kernel's lists of free blocks: who gives one back is possible, who asks is not */
    b = blame(*state,
              OS NT BAD "bugcheck c5 18 2 0 nt!ExDeferredFreePool+10\n" PAGE_FAULT
                        "nt!ExDeferredFreePool+0x10\nnt!ExFreePoolWithTag+0x871\n"
                        "bad!Free+0x40\n" THREAD_END,
              WITH_SYMBOLS);
    blames(&b, 0, "stack", "bad", SC_POSSIBLE);
    blamed_free(&b);
    b = blame(*state,
              OS NT BAD "bugcheck c5 18 2 0 nt!ExDeferredFreePool+10\n" PAGE_FAULT
                        "nt!ExDeferredFreePool+0x10\nnt!ExAllocatePoolWithTag+0x871\n"
                        "bad!Make+0x40\n" THREAD_END,
              WITH_SYMBOLS);
    blames(&b, 0, "kernel-only", NULL, SC_POSSIBLE);
    blames_at_most(&b, "bad", -1);
    blamed_free(&b);
}

/* Damage two steps away from who only handed a request on. */
static void who_handed_on_a_request_in_which_damage_was_noticed_is_nobody(void **state) {
    struct blamed b = blame(*state,
                            OS NT BAD NDIS "bugcheck 24 b500190637 0 0 0\nstack\nnt!KeBugCheckEx\n"
                                           "ndis!Check+0x10\nnt!IofCallDriver+0x55\n"
                                           "bad!Forward+0x40\n" THREAD_END,
                            WITH_SYMBOLS);
    blames_at_most(&b, "bad", -1);
    blamed_free(&b);
}

/* Tables of the memory manager: possible is who gave pages back to them. */
static void only_who_unlocks_pages_may_have_damaged_their_tables(void **state) {
    struct blamed b = blame(*state,
                            OS NT BAD "bugcheck 1a 41790 ffffc00fd1000000 0 0\nstack\n"
                                      "nt!KeBugCheckEx\nnt!MiDecrementShareCount+0x20\n"
                                      "nt!MmUnlockPages+0x99\nbad!Done+0x40\n" THREAD_END,
                            WITH_SYMBOLS);
    blames(&b, 0, "stack", "bad", SC_POSSIBLE);
    blamed_free(&b);
    b = blame(*state,
              OS NT BAD "bugcheck 1a 41790 ffffc00fd1000000 0 0\nstack\n"
                        "nt!KeBugCheckEx\nnt!MiDecrementShareCount+0x20\n"
                        "nt!MmCopyVirtualMemory+0x99\nbad!Read+0x40\n" THREAD_END,
              WITH_SYMBOLS);
    blames_at_most(&b, "bad", -1);
    assert_true(says(&b.a->findings[0], false, "which met damage of its own"));
    blamed_free(&b);
}

static void hardware_errors_say_nothing_of_the_stack(void **state) {
    struct blamed b = blame(*state,
                            OS NT BAD "bugcheck 124 0 ffffc00fd1000000 be000000 800400\n"
                                      "stack\nnt!KeBugCheckEx\nnt!WheaReportHwError+0x1a0\n"
                                      "bad!Free+0x40\n" THREAD_END,
                            WITH_SYMBOLS);
    assert_null(by_rule(&b, "stack"));
    blames_at_most(&b, "bad", -1);
    blamed_free(&b);
}

static void a_stop_on_request_blames_nobody_on_the_stack(void **state) {
    struct blamed b = blame(*state,
                            OS NT BAD "bugcheck e2 0 0 0 0\n"
                                      "stack\nnt!KeBugCheckEx\nbad!CrashDump+0x40\n" THREAD_END,
                            WITH_SYMBOLS);
    assert_null(by_rule(&b, "stack"));
    blamed_free(&b);
}

static void a_third_party_that_stopped_the_machine_itself_is_strong(void **state) {
    struct blamed b = blame(*state,
                            OS NT BAD "bugcheck 999 0 0 0 0\n"
                                      "stack\nnt!KeBugCheckEx\nbad!Assert+0x40\n" THREAD_END,
                            WITH_SYMBOLS);
    blames(&b, 0, "stack", "bad", SC_STRONG);
    assert_true(says(&b.a->findings[0], false, "it stopped the machine itself"));
    blamed_free(&b);
    b = blame(*state,
              OS NT DISK "bugcheck 999 0 0 0 0\n"
                         "stack\nnt!KeBugCheckEx\ndisk!Assert+0x40\n" THREAD_END,
              WITH_SYMBOLS);
    blames(&b, 0, "stack", "disk", SC_LIKELY);
    blamed_free(&b);
}

/* --- the watchdog of DPCs --------------------------------------------------------------------- */

#define WATCHDOG(bottom)                                                                           \
    "stack\n"                                                                                      \
    "nt!KeBugCheckEx\n"                                                                            \
    "nt!KeAccumulateTicks+0x205\n"                                                                 \
    "nt!KeClockInterruptNotify+0x453\n"                                                            \
    "nt!HalpTimerClockIpiRoutine+0x1a\n"                                                           \
    "nt!KiCallInterruptServiceRoutine+0xa5\n"                                                      \
    "nt!KiInterruptSubDispatchNoLockNoEtw+0xfa\n"                                                  \
    "nt!KiInterruptDispatchNoLockNoEtw+0x37\n" bottom "nt!KiExecuteAllDpcs+0x335\n"                \
    "nt!KiRetireDpcList+0x910\n"                                                                   \
    "nt!KiIdleLoop+0x9e\n"                                                                         \
    "end\n"

static void the_dpc_that_was_running_is_likely(void **state) {
    struct blamed b =
        blame(*state,
              OS NT BAD "bugcheck 133 0 501 500 0\n" WATCHDOG("bad!PollLoop+0x20\nbad!Dpc+0x40\n"),
              WITH_SYMBOLS);
    blames(&b, 0, "stack", "bad", SC_LIKELY);
    assert_string_equal(b.a->findings[0].symbol, "bad!PollLoop+0x20");
    assert_true(says(&b.a->findings[0], false, "was running when the watchdog struck"));
    assert_true(advises(&b.a->findings[0], "wpr -start GeneralProfile"));
    blamed_free(&b);
}

static void a_dpc_that_waits_for_a_lock_has_not_taken_the_time(void **state) {
    struct blamed b = blame(*state,
                            OS NT BAD "bugcheck 133 0 501 500 0\n" WATCHDOG(
                                "nt!KxWaitForSpinLockAndAcquire+0x1f\nbad!Dpc+0x40\n"),
                            WITH_SYMBOLS);
    blames(&b, 0, "nothing-known", NULL, SC_POSSIBLE);
    assert_true(says(&b.a->findings[0], false, "waits there for a lock or for another processor"));
    blames_at_most(&b, "bad", -1);
    blamed_free(&b);
}

static void of_a_dpc_watchdog_for_all_together_the_last_is_possible(void **state) {
    struct blamed b = blame(
        *state, OS NT BAD "bugcheck 133 1 1e00 0 0\n" WATCHDOG("bad!PollLoop+0x20\nbad!Dpc+0x40\n"),
        WITH_SYMBOLS);
    blames(&b, 0, "stack", "bad", SC_POSSIBLE);
    assert_true(says(&b.a->findings[0], true, "but one of them"));
    blamed_free(&b);
}

static void whom_the_dpcs_interrupted_is_not_blamed_for_them(void **state) {
    struct blamed b = blame(*state,
                            OS NT BAD "bugcheck 133 0 501 500 0\n"
                                      "stack\nnt!KeBugCheckEx\nnt!KeAccumulateTicks+0x205\n"
                                      "nt!KiInterruptDispatchNoLockNoEtw+0x37\nnt!KeStall+0x10\n"
                                      "nt!KiExecuteAllDpcs+0x335\nnt!KiRetireDpcList+0x910\n"
                                      "nt!KiDpcInterrupt+0x320\nbad!Work+0x30\n" THREAD_END,
                            WITH_SYMBOLS);
    assert_null(by_rule(&b, "stack"));
    blames_at_most(&b, "bad", -1);
    blamed_free(&b);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, make_folder, drop_folder)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(the_instruction_and_the_stack_are_one_finding),
        TEST(a_driver_that_called_the_kernel_is_likely),
        TEST(nobody_is_blamed_when_all_frames_are_the_kernels),
        TEST(whom_an_interrupt_interrupted_is_not_blamed),
        TEST(whoever_asked_for_what_an_apc_ends_is_gone),
        TEST(many_functions_of_the_kernel_in_between_weaken),
        TEST(a_frameworks_client_is_named),
        TEST(a_client_of_windows_own_comes_behind_where_it_went_wrong),
        TEST(a_framework_without_a_client_is_the_only_possible_one),
        TEST(who_only_handed_a_request_on_is_possible),
        TEST(a_third_party_is_no_better_suspect_for_being_one),
        TEST(a_driver_of_windows_works_for_who_called_it_directly),
        TEST(a_driver_of_windows_that_only_called_is_possible),
        TEST(who_gives_memory_back_when_the_pool_fails_is_possible),
        TEST(the_verifiers_caller_is_likely),
        TEST(who_called_a_routine_that_broke_the_rule_is_not_to_blame),
        TEST(damage_that_was_noticed_is_not_the_noticers),
        TEST(hardware_errors_say_nothing_of_the_stack),
        TEST(a_stop_on_request_blames_nobody_on_the_stack),
        TEST(a_third_party_that_stopped_the_machine_itself_is_strong),
        TEST(the_dpc_that_was_running_is_likely),
        TEST(a_dpc_that_waits_for_a_lock_has_not_taken_the_time),
        TEST(who_asks_for_memory_finds_what_others_did),
        TEST(only_who_unlocks_pages_may_have_damaged_their_tables),
        TEST(who_handed_on_a_request_in_which_damage_was_noticed_is_nobody),
        TEST(of_a_dpc_watchdog_for_all_together_the_last_is_possible),
        TEST(whom_the_dpcs_interrupted_is_not_blamed_for_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
