/* SPDX-License-Identifier: MIT */
/*
 * A request whose end, run as an APC in a thread that waits, writes over the stack; and what looks
 * like it: APCs that were delivered as they should be, values that are no IO_STATUS_BLOCK, traces
 * of earlier waits.
 */
#include "unit/blame_fixture.h"

#define HEAD                                                                                       \
    "dump triage\nos 7601 sp 1\ncpu x86 count 2 current 0\ntime 2012-03-07 10:41:19\n"             \
    "uptime 1 days 3:20:11\n"                                                                      \
    "module nt 82a0e000 82e1e000 image ntkrnlpa.exe\n"                                             \
    "module contoso 91c40000 91c5e000\n"                                                           \
    "process System 84f3b8a8 pid 4\n"                                                              \
    "symbol nt!KeBugCheckEx 82aed000\n"                                                            \
    "symbol nt!KiSwapThread 82a8c510\n"                                                            \
    "symbol nt!KeWaitForSingleObject 82a8ab70\n"                                                   \
    "symbol nt!KiDeliverApc 82aa0140\n"                                                            \
    "symbol nt!IopCompleteRequest 82ab0600\n"                                                      \
    "code 82a8adcb e840170000\n" /* the calls before the return addresses below */                 \
    "code 82a8c7d1 e86a390100\n"                                                                   \
    "code 82aa0251 e8aa030100\n"                                                                   \
    "code 82ab08d9 e8221f0000\n"
#define THREAD(more) "thread 85a71d48 cid 4.2c8 stack 8d9d4000 8d9d1000 " more "\n"
#define FAULT(touched, ip)                                                                         \
    "bugcheck 50 " touched " 0 " ip " 0\nstack\nChildEBP RetAddr\n"                                \
    "8d9d3a54 82a8e0a8 nt!KeBugCheckEx+0x1e\n8d9d3ad4 82a4fb78 nt!MmAccessFault+0x106\n"           \
    "8d9d3aec " ip " nt!KiTrap0E+0xdc\n"
#define OUTSIDE                                                                                    \
    "8d9d3d10 91c4401c contoso!Wait+0x41\n8d9d3d50 82c1efda contoso!Work+0x1c\n"                   \
    "8d9d3d90 82ac71f9 nt!PspSystemThreadStartup+0x9e\n00000000 00000000 "                         \
    "nt!KiThreadStartup+0x19\nend\n"

/*
 * The fault is in KiDeliverApc, which goes on through ecx: mov eax,[ecx+8]. Its return address is
 * at 8d9d3b90, that of the switch at 8d9d3bb0.
 */
#define INSIDE(touched)                                                                            \
    FAULT(touched, "82aa0260")                                                                     \
    "8d9d3b8c 82a8c7d6 nt!KiDeliverApc+0x120\n8d9d3bac 82a8add0 nt!KiSwapThread+0x2c6\n"           \
    "8d9d3bf4 91c43e51 nt!KeWaitForSingleObject+0x260\n" OUTSIDE "code 82aa0260 8b4108\n"
#define ECX(bytes)     "memory 8d9d3b2c " bytes "\n"
#define ROUTINE        "memory 8d9d3b74 0006ab82\n" /* what KiDeliverApc keeps */
#define RESIDUE        "memory 8d9d3afc de08ab82\n" /* in TempSegCs of the trap frame */
#define BLOCK_AT(slot) "memory " slot " 110000c0 00000000\n"
#define IN_DELIVERY    BLOCK_AT("8d9d3b68")
#define EOF_USED       ECX("110000c0")

static struct blamed analysed(void **state, const char *text) {
    return blame(*state, text, WITH_SYMBOLS);
}

static void is_silent(void **state, const char *text) {
    struct blamed b = analysed(state, text);
    if (by_rule(&b, "late-completion"))
        blamed_print(&b);
    assert_null(by_rule(&b, "late-completion"));
    blamed_free(&b);
}

static void is_possible(void **state, const char *text) {
    struct blamed b = analysed(state, text);
    const struct sc_finding *f = by_rule(&b, "late-completion");
    if (!f)
        blamed_print(&b);
    assert_non_null(f);
    assert_int_equal(f->confidence, SC_POSSIBLE);
    assert_true(says(f, true, "nothing was found that is both"));
    blamed_free(&b);
}

static void a_status_in_the_frames_of_the_delivery_is_likely(void **state) {
    struct blamed b =
        analysed(state, HEAD THREAD("") INSIDE("c0000019") EOF_USED ROUTINE RESIDUE IN_DELIVERY);
    const struct sc_finding *f = &b.a->findings[0];
    blames(&b, 0, "late-completion", NULL, SC_LIKELY);
    assert_true(says(f, false, "nt!KeWaitForSingleObject+0x260 is a return address"));
    assert_true(says(f, false, "It failed in nt!KiDeliverApc+0x120 (trap frame 8d9d3aec)"));
    assert_true(says(f, false, "at 8d9d3b90, lies nt!KiSwapThread+0x2c6"));
    assert_true(says(f, false, "routine was nt!IopCompleteRequest, which"));
    assert_true(says(f, false, "nt!IopCompleteRequest+0x2de, at 8d9d3afc"));
    assert_true(says(f, false, "Status c0000011 (STATUS_END_OF_FILE), Information 0"));
    assert_true(says(f, false, "register ecx, c0000011"));
    assert_true(says(f, false, "not alertable, in kernel mode"));
    assert_int_equal(f->nlacked, 2);
    blames(&b, 1, "late-completion", "contoso", SC_POSSIBLE);
    blamed_free(&b);
}

static void traces_alone_are_possible(void **state) {
    is_possible(state, HEAD THREAD("") INSIDE("c0000019") EOF_USED ROUTINE RESIDUE);
    /* one of the two traces of the routine is enough */
    is_possible(state, HEAD THREAD("") INSIDE("c0000019") EOF_USED ROUTINE);
    is_possible(state, HEAD THREAD("") INSIDE("c0000019") EOF_USED RESIDUE);
}

static void several_places_that_fit_are_none(void **state) {
    is_possible(state, HEAD THREAD("") INSIDE("c0000019")
                           EOF_USED ROUTINE IN_DELIVERY BLOCK_AT("8d9d3ba0"));
}

/* Statuses of waits, and an error with a count of bytes, are none that a request ends with. */
static void what_no_request_ends_with_is_no_status(void **state) {
    is_possible(state, HEAD THREAD("") INSIDE("0000010b") ECX("03010000") ROUTINE
                "memory 8d9d3b64 ffffffff 03010000 00020000\n");
    is_possible(state, HEAD THREAD("") INSIDE("c0000019") EOF_USED ROUTINE
                "memory 8d9d3b68 110000c0 00020000\n");
}

/* A zero is the commonest word: it counts with an Information, and in the delivery's frames only.
 */
static void success_counts_in_the_frames_of_the_delivery_only(void **state) {
    struct blamed b = analysed(state, HEAD THREAD("") INSIDE("00000008") ROUTINE
                               "memory 8d9d3b68 00000000 00020000\n");
    blames(&b, 0, "late-completion", NULL, SC_LIKELY);
    assert_true(
        says(&b.a->findings[0], false, "Status 00000000 (STATUS_SUCCESS), Information 200"));
    blamed_free(&b);
    is_possible(state, HEAD THREAD("") INSIDE("00000008") ROUTINE);
    is_possible(state,
                HEAD THREAD("") INSIDE("00000008") ROUTINE "memory 8d9d3bc8 00000000 00020000\n");
}

static void a_pointer_that_is_no_status_is_another_matter(void **state) {
    is_silent(state, HEAD THREAD("") INSIDE("93c5ff18") ECX("10ffc593") ROUTINE RESIDUE
              "memory 8d9d3b68 10ffc593 00000000\n");
    is_silent(state, HEAD THREAD("") INSIDE("6574736d") ECX("65747365") ROUTINE RESIDUE
              "memory 8d9d3b68 65747365 00000000\n");
}

static void without_a_completion_there_is_no_finding(void **state) {
    is_silent(state, HEAD THREAD("") INSIDE("c0000019") EOF_USED IN_DELIVERY);
}

static void a_user_apc_may_have_ended_an_alertable_wait(void **state) {
    struct blamed b = analysed(state, HEAD THREAD("Tcb.Alertable=1 Tcb.WaitMode=1")
                                          INSIDE("c0000019") EOF_USED ROUTINE IN_DELIVERY);
    assert_true(says(&b.a->findings[0], false, "Its last wait was alertable, in user mode."));
    blamed_free(&b);
}

static void without_names_nothing_is_claimed(void **state) {
    struct blamed b =
        blame(*state, HEAD THREAD("") INSIDE("c0000019") EOF_USED ROUTINE RESIDUE IN_DELIVERY,
              WITHOUT_SYMBOLS);
    assert_null(by_rule(&b, "late-completion"));
    blamed_free(&b);
}

/*
 * The wait has returned to its caller, whose registers are those that the wait had saved: mov
 * eax,[edi+8]. The chain lies below the stack pointer, 8d9d3b60.
 */
#define AFTER                                                                                      \
    HEAD THREAD("") FAULT(                                                                         \
        "c0000019",                                                                                \
        "91c43e51") "8d9d3bb4 91c44010 contoso!Wait+0x1\n8d9d3d50 82c1efda contoso!Work+0x1c\n"    \
                    "8d9d3d90 82ac71f9 nt!PspSystemThreadStartup+0x9e\n00000000 00000000 "         \
                    "nt!KiThreadStartup+0x19\nend\nmodule hal 82e1e000 82e55000\ncode 91c43e51 "   \
                    "8b4708\n"
#define EDI_ESI   "memory 8d9d3b40 110000c0 00000000\n"
#define DEAD_WAIT "memory 8d9d3b10 d0ada882\n"
#define DEAD_SWAP "memory 8d9d3afc d6c7a882\n"
#define DEAD_END  "memory 8d9d3a94 de08ab82\n"

static void registers_that_a_wait_gave_back_wrong_are_seen(void **state) {
    struct blamed b = analysed(state, AFTER EDI_ESI DEAD_WAIT DEAD_SWAP DEAD_END);
    const struct sc_finding *f = &b.a->findings[0];
    blames(&b, 0, "late-completion", NULL, SC_LIKELY);
    assert_true(says(f, false, "Registers edi and esi"));
    assert_true(says(f, false, "stands just outside of its frames"));
    /* and whose instruction it was is the victim, perhaps */
    blames(&b, 1, "faulting-address", "contoso", SC_POSSIBLE);
    assert_true(says(&b.a->findings[1], true, "the end of a request wrote over"));
    blamed_free(&b);
}

static void a_driver_that_fails_behind_a_wait_has_failed_itself(void **state) {
    struct blamed b =
        analysed(state, AFTER "memory 8d9d3b40 110000c0 10ffc593\n" DEAD_WAIT DEAD_SWAP DEAD_END);
    assert_null(by_rule(&b, "late-completion"));
    blames(&b, 0, "faulting-address", "contoso", SC_STRONG);
    blamed_free(&b);
}

/* Every stack that has done I/O has the traces of an earlier wait, deeper down. */
static void the_completion_of_an_earlier_wait_is_none_of_this_one(void **state) {
    is_silent(state, AFTER EDI_ESI DEAD_WAIT DEAD_SWAP DEAD_END "memory 8d9d3aa4 d0ada882\n");
    is_silent(state, AFTER EDI_ESI DEAD_WAIT DEAD_END); /* no switch in between */
    is_silent(state, AFTER EDI_ESI DEAD_SWAP DEAD_END); /* no wait around it */
    is_silent(state, AFTER EDI_ESI DEAD_WAIT DEAD_SWAP);
}

/* The fault is IopCompleteRequest's own: it is still running. */
static void a_completion_that_runs_is_not_late_here(void **state) {
    is_silent(state,
              HEAD THREAD("")
                  FAULT("c0000019",
                        "82ab08e0") "8d9d3b6c 82aa0256 nt!IopCompleteRequest+0x2e0\n"
                                    "8d9d3b8c 82a8c7d6 nt!KiDeliverApc+0x116\n"
                                    "8d9d3bac 82a8add0 nt!KiSwapThread+0x2c6\n"
                                    "8d9d3bf4 91c43e51 nt!KeWaitForSingleObject+0x260\n" OUTSIDE
                                    "code 82ab08e0 8b4108\n" EOF_USED ROUTINE BLOCK_AT("8d9d3b78"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_status_in_the_frames_of_the_delivery_is_likely),
        cmocka_unit_test(traces_alone_are_possible),
        cmocka_unit_test(several_places_that_fit_are_none),
        cmocka_unit_test(what_no_request_ends_with_is_no_status),
        cmocka_unit_test(success_counts_in_the_frames_of_the_delivery_only),
        cmocka_unit_test(a_pointer_that_is_no_status_is_another_matter),
        cmocka_unit_test(without_a_completion_there_is_no_finding),
        cmocka_unit_test(a_user_apc_may_have_ended_an_alertable_wait),
        cmocka_unit_test(without_names_nothing_is_claimed),
        cmocka_unit_test(registers_that_a_wait_gave_back_wrong_are_seen),
        cmocka_unit_test(a_driver_that_fails_behind_a_wait_has_failed_itself),
        cmocka_unit_test(the_completion_of_an_earlier_wait_is_none_of_this_one),
        cmocka_unit_test(a_completion_that_runs_is_not_late_here),
    };
    return cmocka_run_group_tests(tests, make_folder, drop_folder);
}
