/* SPDX-License-Identifier: MIT */
/* Stacks that ran out: the calls that repeat, the function that is too large, and neither. */
#include "unit/user_fixture.h"

enum { TEXT_MAX = 60000 };

/* A stack of ROUNDS rounds through the program's functions A, B and C, each frame 0x40 bytes. */
static char *rounds(unsigned n, unsigned period, const char *exception) {
    static const char *const name[] = {"Parse", "Walk", "Visit"};
    static const unsigned ret[] = {0x1030, 0x2030, 0x3030};
    char *text = malloc(TEXT_MAX);
    assert_non_null(text);
    uint64_t sp = 0x1000100000;
    int len = snprintf(text, TEXT_MAX,
                       "%ssymbol app!Parse 7ff600001000\nsymbol app!Walk 7ff600002000\n"
                       "symbol app!Visit 7ff600003000\nstack\n"
                       "Child-SP          RetAddr           Call Site\n",
                       U_X64);
    unsigned frames = n * period;
    for (unsigned i = 0; i < frames && len < TEXT_MAX - 400; i++, sp += 0x40) {
        unsigned k = i % period, up = (i + 1) % period;
        uint64_t back = i + 1 < frames ? 0x7ff600000000 + ret[up] : 0x7ff600009230;
        len += snprintf(text + len, TEXT_MAX - (size_t)len, "%08x`%08x %08x`%08x app!%s+0x30\n",
                        (unsigned)(sp >> 32), (unsigned)sp, (unsigned)(back >> 32), (unsigned)back,
                        name[k]);
    }
    snprintf(text + len, TEXT_MAX - (size_t)len,
             "%08x`%08x 00007ffd`00017034 app!main+0x30\n"
             "%08x`%08x 00000000`00000000 kernel32!BaseThreadInitThunk+0x14\nend\n%s",
             (unsigned)(sp >> 32), (unsigned)sp, (unsigned)((sp + 0x40) >> 32),
             (unsigned)(sp + 0x40), exception);
    return text;
}

#define OVERFLOW "exception c00000fd app!Parse+30 1 fffff0000\n"

static void a_recursion_is_named_with_its_length_and_depth(void **state) {
    struct user u;
    char *text = rounds(40, 3, OVERFLOW);
    user_open(&u, *state, text);
    user_verdict(&u, "user-stack-overflow", SC_STRONG, "app.exe", NULL);
    const struct sc_finding *f = &u.a->findings[0];
    assert_non_null(strstr(f->detail, "the same 3 calls repeat 40 times"));
    assert_non_null(strstr(f->detail, "app!Parse+0x30, app!Walk+0x30, app!Visit+0x30"));
    assert_true(user_claims(f, "app!main+0x30, is what the recursion was entered from"));
    user_type(&u);
    user_close(&u);
    free(text);
}

/* Where the stack happened to end must not change the bucket. */
static void the_bucket_is_that_of_the_way_in(void **state) {
    struct user a, b;
    char *one = rounds(40, 3, OVERFLOW);
    user_open(&a, *state, one);
    /* The same recursion, one call deeper: its innermost frame is another function. */
    char *two = rounds(41, 3, "exception c00000fd app!Walk+30 1 fffff0000\n");
    char *line = strstr(two, "app!Parse+0x30\n");
    assert_non_null(line);
    line = strstr(two, "Call Site\n") + strlen("Call Site\n");
    memmove(line, strchr(line, '\n') + 1, strlen(strchr(line, '\n') + 1) + 1);
    user_open(&b, *state, two);
    assert_string_equal(a.a->bucket, b.a->bucket);
    user_close(&a);
    user_close(&b);
    free(one);
    free(two);
}

static void one_function_that_calls_itself(void **state) {
    struct user u;
    char *text = rounds(100, 1, OVERFLOW);
    user_open(&u, *state, text);
    user_verdict(&u, "user-stack-overflow", SC_STRONG, "app.exe", "app!Parse+0x30");
    assert_non_null(strstr(u.a->findings[0].detail, "one call repeats 100 times"));
    assert_string_equal(u.a->bucket, "STACK_OVERFLOW_app!Parse");
    user_type(&u);
    user_close(&u);
    free(text);
}

/* Twin: a few calls of the same function are no recursion without an end. */
static void a_few_rounds_are_no_proof(void **state) {
    struct user u;
    char *text = rounds(5, 3, OVERFLOW);
    user_open(&u, *state, text);
    user_verdict(&u, "user-stack-overflow", SC_LIKELY, "app.exe", NULL);
    assert_null(strstr(u.a->findings[0].detail, "repeat"));
    assert_true(user_lacks(&u.a->findings[0], "Neither a repeating row"));
    user_type(&u);
    user_close(&u);
    free(text);
}

/* The second overflow of a thread is reported as an access violation, right below its stack. */
static void a_fault_right_below_the_stack_is_an_overflow(void **state) {
    struct user u;
    char *text = rounds(40, 3, "exception c0000005 app!Parse+30 1 10000ffff8\n");
    user_open(&u, *state, text);
    assert_string_equal(u.a->findings[0].rule, "user-stack-overflow");
    assert_true(user_claims(&u.a->findings[0], "lies right below the thread's stack"));
    user_type(&u);
    user_close(&u);
    free(text);
    /* Twin: a fault elsewhere, on the same deep stack. */
    text = rounds(40, 3, "exception c0000005 app!Parse+30 1 20000ffff8\n");
    user_open(&u, *state, text);
    assert_string_equal(u.a->findings[0].rule, "user-exception");
    user_close(&u);
    free(text);
}

static void one_large_frame_is_named(void **state) {
    struct user u;
    user_open(&u, *state,
              U_X64 "symbol app!Small 7ff600003000\nstack\n"
                    "Child-SP          RetAddr           Call Site\n"
                    "00000010`00000000 00007ff6`00001024 app!Small+0x4\n"
                    "00000010`00000040 00007ff6`00009230 app!Huge+0x24\n"
                    "00000010`00050000 00007ffd`00017034 app!main+0x30\n"
                    "00000010`00050040 00000000`00000000 kernel32!BaseThreadInitThunk+0x14\nend\n"
                    "exception c00000fd app!Small+4 1 fffffff8\n");
    user_verdict(&u, "user-stack-overflow", SC_LIKELY, "app.exe", "app!Huge+0x24");
    user_type(&u);
    user_close(&u);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, make_folder, drop_folder)
    const struct CMUnitTest tests[] = {
        TEST(a_recursion_is_named_with_its_length_and_depth),
        TEST(the_bucket_is_that_of_the_way_in),
        TEST(one_function_that_calls_itself),
        TEST(a_few_rounds_are_no_proof),
        TEST(a_fault_right_below_the_stack_is_an_overflow),
        TEST(one_large_frame_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
