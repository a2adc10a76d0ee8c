/* SPDX-License-Identifier: MIT */
/* Processes that were ended for a reason that somebody knew: heaps, checks, exceptions, loaders. */
#include "unit/user_fixture.h"

#define START                                                                                      \
    "000000d0`0014fd00 00007ffe`00050021 kernel32!BaseThreadInitThunk+0x14\n"                      \
    "000000d0`0014fd30 00000000`00000000 ntdll!RtlUserThreadStart+0x21\n"
#define STACK "stack\nChild-SP          RetAddr           Call Site\n"

/* --- heaps ------------------------------------------------------------------------------------ */

#define HEAP                                                                                       \
    "symbol ntdll!RtlReportCriticalFailure 7ffe00090000\n" STACK                                   \
    "000000d0`0014fb00 00007ffe`00091012 ntdll!RtlReportCriticalFailure+0x56\n"                    \
    "000000d0`0014fb40 00007ffe`00092012 ntdll!RtlpHeapHandleError+0x12\n"                         \
    "000000d0`0014fb80 00007ffb`00020018 ntdll!RtlFreeHeap+0x12\n"                                 \
    "000000d0`0014fc00 00007ff7`00001024 ucrtbase!_free_base+0x18\n"                               \
    "000000d0`0014fc30 00007ff6`00001230 helper!DropBuffer+0x24\n"                                 \
    "000000d0`0014fc80 00007ffd`00017034 app!main+0x30\n" START "end\n"
#define HEAP_AT "ntdll!RtlReportCriticalFailure+56"

static void heap_corruption_without_a_record_blames_nobody(void **state) {
    struct user u;
    user_open(&u, *state, U_X64 HEAP "exception c0000374 " HEAP_AT " 7ffe00150000\n");
    user_verdict(&u, "user-heap", SC_POSSIBLE, NULL, NULL);
    const struct sc_finding *f = &u.a->findings[0];
    assert_true(user_claims(f, "helper!DropBuffer+0x24, made the call that found it"));
    assert_true(user_lacks(f, "record of what it found is not in the dump"));
    assert_non_null(strstr(f->next[0], "gflags /p /enable app.exe /full"));
    user_type(&u);
    user_close(&u);
}

/* Type 8: the block that is freed is not allocated: this very call was wrong. */
static void a_block_freed_twice_names_the_caller(void **state) {
    struct user u;
    user_open(&u, *state,
              U_X64 HEAP "memory dd\n000000d0`00200000  00000001 000000a8 00000008 00000000\n"
                         "000000d0`00200010  00300000 000000d0 00301230 000000d0\nend\n"
                         "exception c0000374 " HEAP_AT " d000200000\n");
    user_verdict(&u, "user-heap", SC_POSSIBLE, "helper.dll", "helper!DropBuffer+0x24");
    assert_true(user_claims(&u.a->findings[0], "heap_failure_block_not_busy"));
    user_type(&u);
    user_close(&u);
}

/* Twin: type 6, a block was overrun: who did that is not on the stack. */
static void an_overrun_block_blames_nobody(void **state) {
    struct user u;
    user_open(&u, *state,
              U_X64 HEAP "memory dd\n000000d0`00200000  00000001 000000a8 00000006 00000000\n"
                         "000000d0`00200010  00300000 000000d0 00301230 000000d0\nend\n"
                         "exception c0000374 " HEAP_AT " d000200000\n");
    user_verdict(&u, "user-heap", SC_POSSIBLE, NULL, NULL);
    assert_true(user_claims(&u.a->findings[0], "heap_failure_buffer_overrun"));
    user_type(&u);
    user_close(&u);
}

static void a_record_that_cannot_be_one_is_not_believed(void **state) {
    struct user u;
    user_open(&u, *state,
              U_X64 HEAP "memory dd\n000000d0`00200000  41414141 41414141 00000008 00000000\n"
                         "000000d0`00200010  00300000 000000d0 00301230 000000d0\nend\n"
                         "exception c0000374 " HEAP_AT " d000200000\n");
    assert_false(user_claims(&u.a->findings[0], "block_not_busy"));
    user_close(&u);
}

#define IN_HEAP                                                                                    \
    "symbol ntdll!RtlpCoalesceFreeBlocks 7ffe00093000\n" STACK                                     \
    "000000d0`0014fb40 00007ffe`00092012 ntdll!RtlpCoalesceFreeBlocks+0x12\n"                      \
    "000000d0`0014fb80 00007ff7`00001024 ntdll!RtlFreeHeap+0x12\n"                                 \
    "000000d0`0014fc30 00007ff6`00001230 helper!DropBuffer+0x24\n"                                 \
    "000000d0`0014fc80 00007ffd`00017034 app!main+0x30\n" START "end\n"

static void a_fault_inside_the_heap_is_suspected_damage(void **state) {
    struct user u;
    user_open(&u, *state,
              U_X64 IN_HEAP
              "exception c0000005 ntdll!RtlpCoalesceFreeBlocks+12 0 4141414141414141\n");
    user_verdict(&u, "user-heap", SC_POSSIBLE, NULL, NULL);
    assert_true(user_claims(&u.a->findings[0], "need not be who did the damage"));
    /* The caller is kept beside it, and no surer. */
    const struct sc_finding *f = user_found(&u, "user-exception");
    assert_non_null(f);
    assert_int_equal(f->confidence, SC_POSSIBLE);
    assert_string_equal(f->module->image, "helper.dll");
    user_type(&u);
    user_close(&u);
}

/* Twin: another function of ntdll. */
static void a_fault_elsewhere_in_ntdll_is_no_heap(void **state) {
    struct user u;
    user_open(&u, *state,
              U_X64 "symbol ntdll!RtlInitUnicodeString 7ffe00093000\n" STACK
                    "000000d0`0014fb40 00007ff7`00001024 ntdll!RtlInitUnicodeString+0x12\n"
                    "000000d0`0014fc30 00007ff6`00001230 helper!Name+0x24\n"
                    "000000d0`0014fc80 00007ffd`00017034 app!main+0x30\n" START "end\n"
                    "exception c0000005 ntdll!RtlInitUnicodeString+12 0 4141414141414141\n");
    assert_null(user_found(&u, "user-heap"));
    user_verdict(&u, "user-exception", SC_LIKELY, "helper.dll", NULL);
    user_close(&u);
}

static void a_verifiers_stop_is_at_the_error_itself(void **state) {
    struct user u;
    user_open(&u, *state,
              U_X64 "module verifier 7ff900000000 +100000 image verifier.dll\n"
                    "symbol verifier!VerifierStopMessage 7ff900001000\n" STACK
                    "000000d0`0014fb40 00007ffe`00092012 verifier!VerifierStopMessage+0x12\n"
                    "000000d0`0014fb80 00007ff7`00001024 ntdll!RtlFreeHeap+0x12\n"
                    "000000d0`0014fc30 00007ff6`00001230 helper!DropBuffer+0x24\n"
                    "000000d0`0014fc80 00007ffd`00017034 app!main+0x30\n" START "end\n"
                    "exception 80000003 verifier!VerifierStopMessage+12\n");
    user_verdict(&u, "user-heap", SC_LIKELY, "helper.dll", "helper!DropBuffer+0x24");
    user_type(&u);
    user_close(&u);
}

/* --- fail-fast -----------------------------------------------------------------------------------
 */

#define COOKIE                                                                                     \
    "symbol app!__report_gsfailure 7ff600005000\n" STACK                                           \
    "000000d0`0014fb80 00007ff6`00002044 app!__report_gsfailure+0x1d\n"                            \
    "000000d0`0014fc30 00007ff6`00001230 app!ReadName+0x44\n"                                      \
    "000000d0`0014fc80 00007ffd`00017034 app!main+0x30\n" START "end\n"

static void a_stack_cookie_names_the_function_whose_frame_it_is(void **state) {
    struct user u;
    user_open(&u, *state, U_X64 COOKIE "exception c0000409 app!__report_gsfailure+1d 2\n");
    user_verdict(&u, "user-fail-fast", SC_LIKELY, "app.exe", "app!ReadName+0x44");
    assert_non_null(strstr(u.a->findings[0].summary, "overran a buffer on its stack"));
    assert_true(user_claims(&u.a->findings[0], "FAST_FAIL_STACK_COOKIE_CHECK_FAILURE"));
    assert_string_equal(u.a->bucket, "FAIL_FAST_2_app!ReadName");
    user_type(&u);
    user_close(&u);
}

/* Twin: the same stack and code, another check. */
static void another_sub_code_is_another_story(void **state) {
    struct user u;
    user_open(&u, *state,
              U_X64 "symbol app!Stop 7ff600005000\n" STACK
                    "000000d0`0014fb80 00007ff6`00001230 app!Stop+0x1d\n"
                    "000000d0`0014fc80 00007ffd`00017034 app!main+0x30\n" START "end\n"
                    "exception c0000409 app!Stop+1d 7\n");
    user_verdict(&u, "user-fail-fast", SC_LIKELY, "app.exe", "app!Stop+0x1d");
    assert_null(strstr(u.a->findings[0].summary, "buffer"));
    user_type(&u);
    user_close(&u);
}

static void a_damaged_list_found_by_the_system_is_only_possible(void **state) {
    struct user u;
    user_open(&u, *state,
              U_X64 "symbol ntdll!RtlpRemoveEntry 7ffe00093000\n" STACK
                    "000000d0`0014fb80 00007ff7`00001024 ntdll!RtlpRemoveEntry+0x1d\n"
                    "000000d0`0014fc30 00007ff6`00001230 helper!Name+0x24\n"
                    "000000d0`0014fc80 00007ffd`00017034 app!main+0x30\n" START "end\n"
                    "exception c0000409 ntdll!RtlpRemoveEntry+1d 3\n");
    user_verdict(&u, "user-fail-fast", SC_POSSIBLE, "helper.dll", NULL);
    assert_true(user_doubts(&u.a->findings[0]));
    user_type(&u);
    user_close(&u);
}

static void a_stowed_exception_shows_its_result(void **state) {
    struct user u;
    user_open(&u, *state,
              U_X64 "module combase 7ff900000000 +300000 image combase.dll\n"
                    "symbol combase!RoFailFastWithErrorContextInternal2 7ff900001000\n" STACK
                    "000000d0`0014fb80 00007ff6`00001230 "
                    "combase!RoFailFastWithErrorContextInternal2+0x1d\n"
                    "000000d0`0014fc80 00007ffd`00017034 app!main+0x30\n" START "end\n"
                    "memory dq\n000000d0`00200000  000000d0`00200100 00000000`00000000\nend\n"
                    "memory dd\n000000d0`00200100  00000040 32304553 80070002 00000000\nend\n"
                    "exception c000027b combase!RoFailFastWithErrorContextInternal2+1d "
                    "d000200000 1\n");
    assert_true(user_claims(&u.a->findings[0], "0x80070002 (ERROR_FILE_NOT_FOUND)"));
    user_type(&u);
    user_close(&u);
}

/* --- C++
 * ------------------------------------------------------------------------------------------ */

#define THROW                                                                                      \
    "symbol KERNELBASE!RaiseException 7ffc00010000\n" STACK                                        \
    "000000d0`0014fb80 00007ffb`00030090 KERNELBASE!RaiseException+0x69\n"                         \
    "000000d0`0014fbc0 00007ff7`00001024 ucrtbase!_CxxThrowException+0x90\n"                       \
    "000000d0`0014fc30 00007ff6`00001230 helper!Open+0x24\n"                                       \
    "000000d0`0014fc80 00007ffd`00017034 app!main+0x30\n" START "end\n"
#define RAISED "exception e06d7363 KERNELBASE!RaiseException+69 19930520 d000200000 "

static void a_cpp_exception_names_the_function_that_threw(void **state) {
    struct user u;
    user_open(&u, *state, U_X64 THROW RAISED "7ff700040000 7ff700000000\n");
    user_verdict(&u, "user-cxx-exception", SC_STRONG, "helper.dll", "helper!Open+0x24");
    assert_true(user_lacks(&u.a->findings[0], "thrown type is not in the dump"));
    user_type(&u);
    user_close(&u);
}

static void its_type_and_message_are_shown(void **state) {
    struct user u;
    user_open(&u, *state,
              U_X64 THROW RAISED
              "7ff700040000 7ff700000000\n"
              /* ThrowInfo, the array, two catchable types, their descriptors. */
              "memory dd\n00007ff7`00040000  00000000 00000000 00000000 00040100\nend\n"
              "memory dd\n00007ff7`00040100  00000002 00040200 00040300\nend\n"
              "memory dd\n00007ff7`00040200  00000000 00040400\nend\n"
              "memory dd\n00007ff7`00040300  00000000 00040500\nend\n"
              "memory 7ff700040410 \".?AVruntime_error@std@@\" 00\n"
              "memory 7ff700040510 \".?AVexception@std@@\" 00\n"
              "memory dq\n000000d0`00200000  00007ff7`00050000 000000d0`00200100\nend\n"
              "memory d000200100 \"the file is locked\" 00\n");
    assert_non_null(strstr(u.a->findings[0].summary, "class std::runtime_error"));
    assert_true(user_claims(&u.a->findings[0], "Its message is \"the file is locked\"."));
    user_type(&u);
    user_close(&u);
}

/* Twin: what it threw is no std::exception: the word behind its first is no message. */
static void other_types_have_no_message(void **state) {
    struct user u;
    user_open(&u, *state,
              U_X64 THROW RAISED
              "7ff700040000 7ff700000000\n"
              "memory dd\n00007ff7`00040000  00000000 00000000 00000000 00040100\nend\n"
              "memory dd\n00007ff7`00040100  00000001 00040200\nend\n"
              "memory dd\n00007ff7`00040200  00000000 00040400\nend\n"
              "memory 7ff700040410 \".?AVError@app@@\" 00\n"
              "memory dq\n000000d0`00200000  00007ff7`00050000 "
              "000000d0`00200100\nend\n"
              "memory d000200100 \"secret\" 00\n");
    assert_false(user_claims(&u.a->findings[0], "secret"));
    assert_true(user_claims(&u.a->findings[0], "class app::Error"));
    user_close(&u);
}

/* The exception names another image than the frame above the throw. */
static void an_image_that_the_exception_names_wins(void **state) {
    struct user u;
    user_open(&u, *state, U_X64 THROW RAISED "7ff600040000 7ff600000000\n");
    user_verdict(&u, "user-cxx-exception", SC_LIKELY, "app.exe", NULL);
    assert_true(user_claims(&u.a->findings[0], "helper!Open+0x24, is the first outside"));
    user_type(&u);
    user_close(&u);
}

/* --- .NET
 * ------------------------------------------------------------------------------------------ */

static void a_net_exception_blames_nobody(void **state) {
    struct user u;
    user_open(&u, *state,
              U_X64 "symbol KERNELBASE!RaiseException 7ffc00010000\n" STACK
                    "000000d0`0014fb80 00007ff6`00001230 KERNELBASE!RaiseException+0x69\n"
                    "000000d0`0014fc80 00007ffd`00017034 app!main+0x30\n" START "end\n"
                    "exception e0434352 KERNELBASE!RaiseException+69 80131509\n");
    user_verdict(&u, "user-clr-exception", SC_POSSIBLE, NULL, NULL);
    assert_true(user_claims(&u.a->findings[0], "0x80131509"));
    assert_true(user_lacks(&u.a->findings[0], "Managed frames"));
    user_type(&u);
    user_close(&u);
}

/* --- the program's own end
 * ------------------------------------------------------------------------ */

#define INVALID                                                                                    \
    "symbol ucrtbase!_invoke_watson 7ffb00040000\n" STACK                                          \
    "000000d0`0014fb80 00007ffb`00041025 ucrtbase!_invoke_watson+0x18\n"                           \
    "000000d0`0014fbb0 00007ffb`00042097 ucrtbase!_invalid_parameter+0x25\n"                       \
    "000000d0`0014fbf0 00007ff7`00001024 ucrtbase!wcscpy_s+0x97\n"                                 \
    "000000d0`0014fc30 00007ff6`00001230 helper!SetName+0x24\n"                                    \
    "000000d0`0014fc80 00007ffd`00017034 app!main+0x30\n" START "end\n"

static void an_invalid_argument_is_the_callers(void **state) {
    struct user u;
    user_open(&u, *state, U_X64 INVALID "exception c0000417 ucrtbase!_invoke_watson+18\n");
    user_verdict(&u, "user-abort", SC_STRONG, "helper.dll", "helper!SetName+0x24");
    assert_non_null(strstr(u.a->findings[0].summary, "with an invalid argument"));
    assert_true(user_claims(&u.a->findings[0], "ucrtbase!wcscpy_s+0x97, is what it called"));
    user_type(&u);
    user_close(&u);
}

#define CHECK(callee, function)                                                                    \
    "symbol ucrtbase!abort 7ffb00040000\n" STACK                                                   \
    "000000d0`0014fb80 00007ffb`00041025 ucrtbase!abort+0x18\n"                                    \
    "000000d0`0014fbb0 00007ff7`00001024 " callee "+0x25\n"                                        \
    "000000d0`0014fc30 00007ff6`00001230 helper!" function "+0x24\n"                               \
    "000000d0`0014fc80 00007ffd`00017034 app!main+0x30\n" START "end\n"                            \
    "exception 80000003 ucrtbase!abort+18\n"

static void checked(void **state, const char *text, enum sc_confidence confidence,
                    const char *summary) {
    struct user u;
    user_open(&u, *state, text);
    user_verdict(&u, "user-abort", confidence, "helper.dll", NULL);
    if (!strstr(u.a->findings[0].summary, summary))
        fail_msg("%s", u.a->findings[0].summary);
    user_type(&u);
    user_close(&u);
}

static void the_reason_of_an_abort_is_found(void **state) {
    checked(state, U_X64 CHECK("ucrtbase!_wassert", "Save"), SC_STRONG, "assertion");
    checked(state, U_X64 CHECK("ucrtbase!_purecall", "Draw"), SC_LIKELY, "half made or gone");
    checked(state, U_X64 CHECK("ucrtbase!common_exit2", "Give"), SC_LIKELY, "abort()");
}

/* Twin: a breakpoint in the program, with no check on the stack. */
static void a_breakpoint_of_the_program_is_a_check_of_its_own(void **state) {
    struct user u;
    user_open(&u, *state,
              U_X64 "symbol app!Check 7ff600003000\n" STACK
                    "000000d0`0014fb80 00007ff6`00001230 app!Check+0x10\n"
                    "000000d0`0014fc80 00007ffd`00017034 app!main+0x30\n" START "end\n"
                    "exception 80000003 app!Check+10\n");
    user_verdict(&u, "user-breakpoint", SC_LIKELY, "app.exe", "app!Check+0x10");
    assert_true(user_doubts(&u.a->findings[0]));
    user_type(&u);
    user_close(&u);
}

static void a_debuggers_breakpoint_is_no_crash(void **state) {
    struct user u;
    user_open(&u, *state,
              U_X64 "symbol ntdll!DbgBreakPoint 7ffe00093000\n" STACK
                    "000000d0`0014fb80 00007ffe`0009404e ntdll!DbgBreakPoint\n"
                    "000000d0`0014fb88 00007ffd`00017034 ntdll!DbgUiRemoteBreakin+0x4e\n" START
                    "end\nexception 80000003 ntdll!DbgBreakPoint\n");
    user_verdict(&u, "user-breakpoint", SC_CERTAIN, NULL, NULL);
    assert_non_null(strstr(u.a->findings[0].summary, "no crash"));
    user_type(&u);
    user_close(&u);
}

/* Twin: without names nobody can say whose breakpoint it is. */
static void a_breakpoint_in_the_system_without_names_is_not_certain(void **state) {
    struct user u;
    user_open_bare(&u, *state,
                   U_X64 "symbol ntdll!DbgBreakPoint 7ffe00093000\n" STACK
                         "000000d0`0014fb80 00007ffe`0009404e ntdll!DbgBreakPoint\n"
                         "000000d0`0014fb88 00007ffd`00017034 ntdll!DbgUiRemoteBreakin+0x4e\n" START
                         "end\nexception 80000003 ntdll!DbgBreakPoint\n");
    user_verdict(&u, "user-breakpoint", SC_LIKELY, NULL, NULL);
    user_type(&u);
    user_close(&u);
}

/* --- the loader
 * ------------------------------------------------------------------------------------ */

#define DELAY                                                                                      \
    "symbol KERNELBASE!RaiseException 7ffc00010000\n" STACK                                        \
    "000000d0`0014fb80 00007ff6`00005090 KERNELBASE!RaiseException+0x69\n"                         \
    "000000d0`0014fbc0 00007ff6`00002024 app!__delayLoadHelper2+0x90\n"                            \
    "000000d0`0014fc30 00007ff6`00001230 app!UsePrinter+0x24\n"                                    \
    "000000d0`0014fc80 00007ffd`00017034 app!main+0x30\n" START "end\n"                            \
    "memory d000200100 \"printerui.dll\" 00\nmemory d000200200 \"PrintAll\" 00\n"                  \
    "memory dq\n000000d0`00200000  00000000`00000048 00000000`00000000\n"                          \
    "000000d0`00200010  00000000`00000000 000000d0`00200100\n"                                     \
    "000000d0`00200020  00000000`00000001 000000d0`00200200\nend\n"

static void a_missing_library_is_named(void **state) {
    struct user u;
    user_open(&u, *state,
              U_X64 DELAY "exception c06d007e KERNELBASE!RaiseException+69 d000200000\n");
    user_verdict(&u, "user-loader", SC_CERTAIN, "app.exe", "printerui.dll");
    assert_non_null(strstr(u.a->findings[0].summary, "app.exe needs printerui.dll"));
    user_type(&u);
    user_close(&u);
    user_open(&u, *state,
              U_X64 DELAY "exception c06d007f KERNELBASE!RaiseException+69 d000200000\n");
    assert_non_null(strstr(u.a->findings[0].summary, "the function PrintAll of printerui.dll"));
    user_type(&u);
    user_close(&u);
}

/* Twin: the record is not in the dump. */
static void without_the_record_it_is_not_named(void **state) {
    struct user u;
    user_open(&u, *state,
              U_X64 DELAY "exception c06d007e KERNELBASE!RaiseException+69 d000900000\n");
    user_verdict(&u, "user-loader", SC_POSSIBLE, NULL, NULL);
    assert_true(user_lacks(&u.a->findings[0], "does not name the library"));
    user_type(&u);
    user_close(&u);
}

static void a_library_that_fails_to_initialise_is_named(void **state) {
    struct user u;
    user_open(&u, *state,
              U_X64 "symbol KERNELBASE!RaiseException 7ffc00010000\n" STACK
                    "000000d0`0014fb80 00007ff7`00001024 KERNELBASE!RaiseException+0x69\n"
                    "000000d0`0014fc30 00007ffe`00060030 helper!DllMain+0x24\n"
                    "000000d0`0014fc80 00007ffe`00070030 ntdll!LdrpCallInitRoutine+0x30\n"
                    "000000d0`0014fcc0 00000000`00000000 ntdll!LdrpInitializeProcess+0x30\nend\n"
                    "exception c0000142 KERNELBASE!RaiseException+69\n");
    user_verdict(&u, "user-loader", SC_LIKELY, "helper.dll", "helper!DllMain+0x24");
    user_type(&u);
    user_close(&u);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, make_folder, drop_folder)
    const struct CMUnitTest tests[] = {
        TEST(heap_corruption_without_a_record_blames_nobody),
        TEST(a_block_freed_twice_names_the_caller),
        TEST(an_overrun_block_blames_nobody),
        TEST(a_record_that_cannot_be_one_is_not_believed),
        TEST(a_fault_inside_the_heap_is_suspected_damage),
        TEST(a_fault_elsewhere_in_ntdll_is_no_heap),
        TEST(a_verifiers_stop_is_at_the_error_itself),
        TEST(a_stack_cookie_names_the_function_whose_frame_it_is),
        TEST(another_sub_code_is_another_story),
        TEST(a_damaged_list_found_by_the_system_is_only_possible),
        TEST(a_stowed_exception_shows_its_result),
        TEST(a_cpp_exception_names_the_function_that_threw),
        TEST(its_type_and_message_are_shown),
        TEST(other_types_have_no_message),
        TEST(an_image_that_the_exception_names_wins),
        TEST(a_net_exception_blames_nobody),
        TEST(an_invalid_argument_is_the_callers),
        TEST(the_reason_of_an_abort_is_found),
        TEST(a_breakpoint_of_the_program_is_a_check_of_its_own),
        TEST(a_debuggers_breakpoint_is_no_crash),
        TEST(a_breakpoint_in_the_system_without_names_is_not_certain),
        TEST(a_missing_library_is_named),
        TEST(without_the_record_it_is_not_named),
        TEST(a_library_that_fails_to_initialise_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
