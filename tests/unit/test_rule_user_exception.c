/* SPDX-License-Identifier: MIT */
/* A fault in a process: in whose code, by the stack; and what must not be concluded. */
#include "unit/user_fixture.h"

#define START                                                                                      \
    "000000d0`0014fd00 00007ffe`00050021 kernel32!BaseThreadInitThunk+0x14\n"                      \
    "000000d0`0014fd30 00000000`00000000 ntdll!RtlUserThreadStart+0x21\n"

/* app!UseName hands something bad to strlen(). */
#define STRLEN                                                                                     \
    "symbol ucrtbase!strlen 7ffb00020000\n"                                                        \
    "stack\n"                                                                                      \
    "Child-SP          RetAddr           Call Site\n"                                              \
    "000000d0`0014fc00 00007ff6`00001024 ucrtbase!strlen+0x10\n"                                   \
    "000000d0`0014fc30 00007ff6`00001230 app!UseName+0x24\n"                                       \
    "000000d0`0014fc80 00007ffd`00017034 app!main+0x30\n" START "end\n"

static void the_caller_of_a_system_library_is_named(void **state) {
    struct user u;
    user_open(&u, *state,
              U_X64 STRLEN "line app!UseName+1f c:\\src\\app\\names.c 117\n"
                           "exception c0000005 ucrtbase!strlen+10 0 18\n");
    user_verdict(&u, "user-exception", SC_LIKELY, "app.exe", "app!UseName+0x24");
    const struct sc_finding *f = &u.a->findings[0];
    assert_non_null(
        strstr(f->summary, "called into ucrtbase.dll (Microsoft, universal C run-time"));
    assert_non_null(strstr(f->detail, "frame 1, app!UseName+0x24 (names.c @ 117)"));
    assert_true(user_doubts(f)); /* the instruction itself is the library's */
    assert_string_equal(u.a->bucket, "AV_app!UseName");
    user_type(&u);
    user_close(&u);
}

/* Twin: the same memory without symbols: frames are guesses, and are said to be. */
static void frames_that_may_be_wrong_make_it_possible(void **state) {
    struct user u;
    user_open_bare(&u, *state, U_X64 STRLEN "exception c0000005 ucrtbase!strlen+10 0 18\n");
    assert_int_equal(u.a->findings[0].confidence, SC_POSSIBLE);
    assert_true(user_claims(&u.a->findings[0], "which may be wrong"));
    assert_true(user_lacks(&u.a->findings[0], "no symbols of ucrtbase.dll"));
    user_type(&u);
    user_close(&u);
}

/* Twin: nobody but the system is on the stack. */
static void a_system_library_alone_is_only_possible(void **state) {
    struct user u;
    user_open(&u, *state,
              U_X64 "symbol ntdll!TppWorkerThread 7ffe00060000\nstack\n"
                    "Child-SP          RetAddr           Call Site\n"
                    "000000d0`0014fc00 00007ffd`00017034 ntdll!TppWorkerThread+0x10\n" START "end\n"
                    "exception c0000005 ntdll!TppWorkerThread+10 0 18\n");
    user_verdict(&u, "user-exception", SC_POSSIBLE, "ntdll.dll", NULL);
    assert_true(user_lacks(&u.a->findings[0], "No frame outside the system's libraries"));
    user_type(&u);
    user_close(&u);
}

static void the_programs_own_instruction_is_strong_and_has_its_line(void **state) {
    struct user u;
    user_open(&u, *state,
              U_X64 "symbol app!Crash 7ff600003000\nstack\n"
                    "Child-SP          RetAddr           Call Site\n"
                    "000000d0`0014fc00 00007ff6`00001230 app!Crash+0x4\n"
                    "000000d0`0014fc80 00007ffd`00017034 app!main+0x30\n" START "end\n"
                    "line app!Crash+4 c:\\users\\somebody\\src\\crash.c 12\n"
                    "exception c0000005 app!Crash+4 1 0\n");
    user_verdict(&u, "user-exception", SC_STRONG, "app.exe", "app!Crash+0x4");
    assert_non_null(strstr(u.a->findings[0].detail, "(crash.c @ 12)"));
    assert_null(strstr(u.a->findings[0].detail, "somebody")); /* paths hold people's names */
    user_type(&u);
    user_close(&u);
}

/* Library code that is compiled into the program fails on what it was handed. */
static void compiled_in_library_code_is_passed_over(void **state) {
    struct user u;
    user_open(&u, *state,
              U_X64 "symbol app!memcpy 7ff600005000\nstack\n"
                    "Child-SP          RetAddr           Call Site\n"
                    "000000d0`0014fc00 00007ff6`00001024 app!memcpy+0x10\n"
                    "000000d0`0014fc30 00007ff6`00001230 app!CopyName+0x24\n"
                    "000000d0`0014fc80 00007ffd`00017034 app!main+0x30\n" START "end\n"
                    "exception c0000005 app!memcpy+10 1 0\n");
    user_verdict(&u, "user-exception", SC_STRONG, "app.exe", "app!CopyName+0x24");
    assert_string_equal(u.a->bucket, "AV_app!CopyName");
    user_type(&u);
    user_close(&u);
}

static void a_library_of_the_programs_is_not_the_program(void **state) {
    struct user u;
    user_open(&u, *state,
              U_X64 STRLEN "exception c0000005 ucrtbase!strlen+10 0 18\n"
                           "symbol helper!Use 7ff700001000\n");
    assert_null(strstr(u.a->findings[0].summary, "helper"));
    user_close(&u);
    user_open(&u, *state,
              U_X64 "symbol ucrtbase!strlen 7ffb00020000\nstack\n"
                    "Child-SP          RetAddr           Call Site\n"
                    "000000d0`0014fc00 00007ff7`00001024 ucrtbase!strlen+0x10\n"
                    "000000d0`0014fc30 00007ff6`00001230 helper!Use+0x24\n"
                    "000000d0`0014fc80 00007ffd`00017034 app!main+0x30\n" START "end\n"
                    "exception c0000005 ucrtbase!strlen+10 0 18\n");
    user_verdict(&u, "user-exception", SC_LIKELY, "helper.dll", "helper!Use+0x24");
    user_type(&u);
    user_close(&u);
}

/* --- no module ------------------------------------------------------------------------------- */

#define JUMP(to)                                                                                   \
    "registers\nrip=" to " rsp=000000d00014fbf8\nend\n"                                            \
    "memory dq\n000000d0`0014fbf8  00007ff6`00001024 00000000`00000000\nend\n"                     \
    "symbol app!Call 7ff600001000\ncode app!Call+1e ff 15 00 00 00 00\n"

static void a_call_through_a_null_pointer_names_the_caller(void **state) {
    struct user u;
    user_open(&u, *state, U_X64 JUMP("0000000000000000") "exception c0000005 0 8 0\n");
    user_verdict(&u, "user-exception", SC_LIKELY, "app.exe", "app!Call+0x24");
    assert_non_null(strstr(u.a->findings[0].summary, "called a function through a null pointer"));
    assert_true(user_claims(&u.a->findings[0], "is what the call has just pushed"));
    user_type(&u);
    user_close(&u);
}

/* Twin: what lies on top of the stack is no return address, so nobody is named. */
static void a_jump_without_a_return_address_names_nobody(void **state) {
    struct user u;
    user_open(&u, *state,
              U_X64 "registers\nrip=0000000005000000 rsp=000000d00014fbf8\nend\n"
                    "memory dq\n000000d0`0014fbf8  00000000`00000001 00000000`00000000\nend\n"
                    "exception c0000005 5000000 8 5000000\n");
    user_verdict(&u, "user-exception", SC_LIKELY, NULL, NULL);
    assert_string_equal(u.a->bucket, "AV_unknown_ip");
    user_type(&u);
    user_close(&u);
}

static void code_of_an_unloaded_library_is_its_own(void **state) {
    struct user u;
    user_open(&u, *state,
              U_X64 JUMP("00007ff800001234") "unloaded shellext.dll 7ff800000000 +10000\n"
                                             "exception c0000005 7ff800001234 8 7ff800001234\n");
    user_verdict(&u, "user-exception", SC_STRONG, NULL, "<Unloaded_shellext.dll>+0x1234");
    user_type(&u);
    user_close(&u);
    /* Twin: an address beside it. */
    user_open(&u, *state,
              U_X64 JUMP("00007ff800011234") "unloaded shellext.dll 7ff800000000 +10000\n"
                                             "exception c0000005 7ff800011234 8 7ff800011234\n");
    assert_null(strstr(u.a->findings[0].summary, "shellext"));
    user_close(&u);
}

static void running_on_the_stack_is_said(void **state) {
    struct user u;
    user_open(&u, *state,
              U_X64 JUMP("000000d00014fbf8") "exception c0000005 d00014fbf8 8 d00014fbf8\n");
    assert_non_null(strstr(u.a->findings[0].summary, "ran into its own stack"));
    user_type(&u);
    user_close(&u);
}

/* --- instructions --------------------------------------------------------------------------- */

static void illegal(void **state, const char *code, const char *want) {
    struct user u;
    char text[3000];
    snprintf(text, sizeof text,
             "%scode 7ff600003000 %s\nregisters\nrip=00007ff600003000 rsp=000000d00014fbf8\nend\n"
             "exception c000001d 7ff600003000\n",
             U_X64, code);
    user_open(&u, *state, text);
    assert_int_equal(u.a->findings[0].confidence, SC_STRONG);
    if (!user_claims(&u.a->findings[0], want))
        fail_msg("%s is not called %s", code, want);
    user_type(&u);
    user_close(&u);
}

static void illegal_instructions_are_told_apart(void **state) {
    illegal(state, "0f 0b cc cc", "ud2, which compilers put where a check failed");
    illegal(state, "c5 fc 58 c1", "are a sound instruction, vaddps");
    illegal(state, "06 06 06 06", "are no instruction");
}

static void bytes_that_are_not_there_are_not_judged(void **state) {
    struct user u;
    user_open_bare(&u, *state,
                   U_X64 "registers\nrip=00007ff600003000 rsp=000000d00014fbf8\nend\n"
                         "exception c000001d 7ff600003000\n");
    assert_true(user_lacks(&u.a->findings[0], "bytes of the instruction are not in the dump"));
    user_close(&u);
}

static void an_in_page_error_says_why(void **state) {
    struct user u;
    user_open(&u, *state,
              U_X64 "registers\nrip=00007ff600003000 rsp=000000d00014fbf8\nend\n"
                    "exception c0000006 7ff600003000 0 7ff700004000 c000009c\n");
    user_verdict(&u, "user-exception", SC_POSSIBLE, "app.exe", NULL);
    assert_true(user_claims(&u.a->findings[0], "STATUS_DEVICE_DATA_ERROR"));
    assert_true(user_claims(&u.a->findings[0], "belongs to the file of helper.dll"));
    user_type(&u);
    user_close(&u);
}

/* --- x86 ----------------------------------------------------------------------------------------
 */

static void thirty_two_bits_work_the_same(void **state) {
    struct user u;
    user_open(&u, *state,
              U_X86 "symbol ucrtbase!strlen 74020000\nstack\n"
                    "ChildEBP RetAddr  Args to Child\n"
                    "0014fc00 00401024 00000018 00000000 00000000 ucrtbase!strlen+0x10\n"
                    "0014fc30 00401230 00000000 00000000 00000000 app!UseName+0x24\n"
                    "0014fc80 76017034 00000000 00000000 00000000 app!main+0x30\n"
                    "0014fd00 77050021 00000000 00000000 00000000 "
                    "kernel32!BaseThreadInitThunk+0x14\n"
                    "0014fd30 00000000 00000000 00000000 00000000 ntdll!_RtlUserThreadStart+0x21\n"
                    "end\nexception c0000005 ucrtbase!strlen+10 0 18\n");
    const struct sc_finding *f = &u.a->findings[0];
    assert_string_equal(f->module->image, "app.exe");
    assert_string_equal(f->symbol, "app!UseName+0x24");
    user_type(&u);
    user_close(&u);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, make_folder, drop_folder)
    const struct CMUnitTest tests[] = {
        TEST(the_caller_of_a_system_library_is_named),
        TEST(frames_that_may_be_wrong_make_it_possible),
        TEST(a_system_library_alone_is_only_possible),
        TEST(the_programs_own_instruction_is_strong_and_has_its_line),
        TEST(compiled_in_library_code_is_passed_over),
        TEST(a_library_of_the_programs_is_not_the_program),
        TEST(a_call_through_a_null_pointer_names_the_caller),
        TEST(a_jump_without_a_return_address_names_nobody),
        TEST(code_of_an_unloaded_library_is_its_own),
        TEST(running_on_the_stack_is_said),
        TEST(illegal_instructions_are_told_apart),
        TEST(bytes_that_are_not_there_are_not_judged),
        TEST(an_in_page_error_says_why),
        TEST(thirty_two_bits_work_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
