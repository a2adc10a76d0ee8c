/* SPDX-License-Identifier: MIT */
/* Dumps of processes, and what bad pointers look like. */
#include "unit/analyze_fixture.h"

static void a_fault_in_the_program_is_strong(void **state) {
    (void)state;
    struct acase c;
    case_user(&c, 0xc0000005, APP + 0x10, 2, 1, 0x18);
    case_run(&c);
    const struct sc_finding *f = &c.a->findings[0];
    assert_string_equal(f->rule, "user-exception");
    assert_int_equal(f->confidence, SC_STRONG);
    assert_string_equal(f->module->image, "app.exe");
    assert_string_equal(c.a->bucket, "AV_app+10");
    assert_string_equal(c.a->process, "app.exe");
    assert_non_null(shown_by(f, ".exr -1"));
    assert_non_null(shown_by(f, "lm a 0000000140000010"));
    case_end(&c);
}

static void a_fault_in_a_system_library_is_only_possible(void **state) {
    (void)state;
    struct acase c;
    case_user(&c, 0xc0000005, NTDLL + 0x10, 2, 1, 0x18);
    case_run(&c);
    assert_int_equal(c.a->findings[0].confidence, SC_POSSIBLE);
    assert_true(speaks_against(&c.a->findings[0]));
    case_end(&c);
}

static void heap_corruption_blames_nobody(void **state) {
    (void)state;
    struct acase c;
    case_user(&c, 0xc0000374, NTDLL + 0x10, 1, 0, 0);
    case_run(&c);
    assert_null(c.a->findings[0].module);
    assert_string_equal(c.a->bucket, "HEAP_CORRUPTION_ntdll+10");
    case_end(&c);
}

static void a_stack_overflow_is_likely(void **state) {
    (void)state;
    struct acase c;
    case_user(&c, 0xc00000fd, APP + 0x10, 2, 1, 0x60000);
    case_run(&c);
    assert_int_equal(c.a->findings[0].confidence, SC_LIKELY);
    assert_non_null(strstr(c.a->findings[0].summary, "ran out of stack"));
    case_end(&c);
}

static void a_fail_fast_is_named(void **state) {
    (void)state;
    struct acase c;
    case_user(&c, 0xc0000409, APP + 0x10, 1, 2, 0);
    case_run(&c);
    assert_non_null(strstr(c.a->findings[0].detail, "FAST_FAIL_STACK_COOKIE_CHECK_FAILURE"));
    assert_string_equal(c.a->bucket, "FAIL_FAST_2_app+10");
    case_end(&c);
}

static void a_cpp_exception_is_the_throwers(void **state) {
    (void)state;
    struct acase c;
    case_user(&c, 0xe06d7363, NTDLL + 0x10, 4, 0x19930520, 0x60000);
    c.machine.exception.param[2] = APP + 0x2000;
    c.machine.exception.param[3] = APP;
    case_run(&c);
    const struct sc_finding *f = &c.a->findings[0];
    assert_int_equal(f->confidence, SC_STRONG);
    assert_string_equal(f->module->image, "app.exe");
    assert_string_equal(c.a->bucket, "CPP_EXCEPTION_IMAGE_app.exe");
    case_end(&c);
}

static void a_cpp_exception_without_an_image_blames_nobody(void **state) {
    (void)state;
    struct acase c;
    case_user(&c, 0xe06d7363, NTDLL + 0x10, 3, 0x19930520, 0x60000);
    case_run(&c);
    assert_null(c.a->findings[0].module);
    case_end(&c);
}

static void a_net_exception_shows_its_hresult(void **state) {
    (void)state;
    struct acase c;
    case_user(&c, 0xe0434352, NTDLL + 0x10, 1, 0x80070057, 0);
    case_run(&c);
    assert_null(c.a->findings[0].module);
    assert_non_null(strstr(c.a->findings[0].detail, "0x80070057"));
    case_end(&c);
}

static void a_dump_without_an_exception_was_written_on_demand(void **state) {
    (void)state;
    struct acase c;
    case_user(&c, 0, 0, 0, 0, 0);
    case_run(&c);
    assert_int_equal(c.a->findings[0].confidence, SC_CERTAIN);
    assert_non_null(strstr(c.a->findings[0].summary, "on demand"));
    assert_string_equal(c.a->bucket, "NO_EXCEPTION_app.exe");
    case_end(&c);
}

static void a_made_up_exception_is_no_crash(void **state) {
    (void)state;
    struct acase c;
    case_user(&c, 0x0517a7ed, APP + 0x10, 0, 0, 0);
    case_run(&c);
    assert_int_equal(c.a->findings[0].confidence, SC_CERTAIN);
    assert_null(c.a->findings[0].module);
    case_end(&c);
}

static void a_jump_into_nowhere_blames_no_module(void **state) {
    (void)state;
    struct acase c;
    case_user(&c, 0xc0000005, 0x5000000, 2, 8, 0x5000000);
    case_run(&c);
    assert_null(c.a->findings[0].module);
    assert_string_equal(c.a->bucket, "AV_unknown_ip");
    case_end(&c);
}

static void a_signals_address_is_what_was_touched(void **state) {
    (void)state;
    struct acase c;
    case_user(&c, 11, 0x18, 0, 0, 0);
    c.machine.windows = false;
    c.machine.platform = "Linux";
    case_regs(&c, APP + 0x99);
    case_run(&c);
    assert_string_equal(c.a->exception_name, "SIGSEGV");
    assert_string_equal(c.a->findings[0].symbol, "app+0x99");
    assert_true(claims(&c.a->findings[0], "a null pointer plus 0x18"));
    case_end(&c);
}

/* --- pointers -----------------------------------------------------------------------------------
 */

static void looks_like(uint64_t address, const char *expected) {
    struct acase c;
    case_user(&c, 0xc0000005, APP + 0x10, 2, 0, address);
    case_run(&c);
    if (expected && !claims(&c.a->findings[0], expected))
        fail_msg("%llx is not called %s", (unsigned long long)address, expected);
    if (!expected)
        assert_true(claims(&c.a->findings[0], "The address it used is"));
    case_end(&c);
}

static void bad_pointers_are_recognised(void **state) {
    (void)state;
    looks_like(0, "is a null pointer.");
    looks_like(0xffff, "a null pointer plus 0xffff");
    looks_like(0xfffffffffffffff8, "the small negative number -0x8");
    looks_like(0xfeeefeeefeeefef6, "freed heap memory");
    looks_like(0xbaadf00dbaadf00d, "never written");
    looks_like(0xcdcdcdcdcdcdcdd1, "debug run-time");
    looks_like(0x4142434445464748, "bytes that read as text (\"HGFEDCBA\")");
    looks_like(0x1234567812345678, "not canonical");
}

static void sound_addresses_are_not_called_names(void **state) {
    (void)state;
    looks_like(0x10000, NULL);
    looks_like(0x00007ff612345678, NULL);
    looks_like(0x000000dddddd0000, NULL);
}

static void the_register_that_holds_the_address_is_named(void **state) {
    (void)state;
    struct acase c;
    case_user(&c, 0xc0000005, APP + 0x10, 2, 0, 0x123456789000);
    case_regs(&c, APP + 0x10);
    sc_reg_set(&c.regs, sc_reg_find(SC_CPU_X64, "rdi"), 0x123456789000);
    case_run(&c);
    assert_true(claims(&c.a->findings[0], "is in rdi."));
    case_end(&c);
}

static void an_address_that_was_not_reported_is_not_guessed(void **state) {
    (void)state;
    struct acase c;
    case_user(&c, 0xc0000005, APP + 0x10, 2, 0, UINT64_MAX);
    case_regs(&c, APP + 0x10);
    sc_reg_set(&c.regs, sc_reg_find(SC_CPU_X64, "rcx"), 0xfeeefeeefeeefeee);
    case_run(&c);
    assert_true(claims(&c.a->findings[0], "rcx holds feeefeee`feeefeee: a pointer out of freed"));
    case_end(&c);
    /* The twin: no register is wild, so the pointer is not called damaged. */
    case_user(&c, 0xc0000005, APP + 0x10, 2, 0, UINT64_MAX);
    case_regs(&c, APP + 0x10);
    case_run(&c);
    assert_null(strstr(c.a->findings[0].summary, "damaged pointer"));
    case_end(&c);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_fault_in_the_program_is_strong),
        cmocka_unit_test(a_fault_in_a_system_library_is_only_possible),
        cmocka_unit_test(heap_corruption_blames_nobody),
        cmocka_unit_test(a_stack_overflow_is_likely),
        cmocka_unit_test(a_fail_fast_is_named),
        cmocka_unit_test(a_cpp_exception_is_the_throwers),
        cmocka_unit_test(a_cpp_exception_without_an_image_blames_nobody),
        cmocka_unit_test(a_net_exception_shows_its_hresult),
        cmocka_unit_test(a_dump_without_an_exception_was_written_on_demand),
        cmocka_unit_test(a_made_up_exception_is_no_crash),
        cmocka_unit_test(a_jump_into_nowhere_blames_no_module),
        cmocka_unit_test(a_signals_address_is_what_was_touched),
        cmocka_unit_test(bad_pointers_are_recognised),
        cmocka_unit_test(sound_addresses_are_not_called_names),
        cmocka_unit_test(the_register_that_holds_the_address_is_named),
        cmocka_unit_test(an_address_that_was_not_reported_is_not_guessed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
