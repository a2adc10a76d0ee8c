/* SPDX-License-Identifier: MIT */
/* Drivers by name, IRQLs, and where a build keeps a process's name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "nt/driver.h"
#include "nt/irql.h"
#include "nt/process_name.h"

static void an_inbox_driver_is_known_in_any_case(void **state) {
    (void)state;
    struct nt_driver d;
    assert_true(nt_driver_find("AmdPpm.SYS", &d));
    assert_int_equal(d.kind, NT_DRIVER_INBOX);
    assert_string_equal(d.vendor, "Microsoft");
    assert_string_equal(d.what, "AMD processor power driver");
}

static void first_and_last_rows_are_found(void **state) {
    (void)state;
    struct nt_driver d;
    assert_true(nt_driver_find("acpi.sys", &d));
    assert_true(nt_driver_find("ntoskrnl.exe", &d));
    assert_int_equal(d.kind, NT_DRIVER_KERNEL);
    assert_true(nt_driver_find("wudfrd.sys", &d));
    assert_int_equal(d.kind, NT_DRIVER_FRAMEWORK);
}

static void filters_are_found_by_their_altitude(void **state) {
    (void)state;
    struct nt_driver d;
    assert_true(nt_driver_find("klbackupflt.sys", &d));
    assert_int_equal(d.kind, NT_DRIVER_VENDOR);
    assert_string_equal(d.vendor, "Kaspersky Lab");
}

static void unknown_names_are_not_guessed(void **state) {
    (void)state;
    struct nt_driver d = {.what = "untouched"};
    assert_false(nt_driver_find("amdppm", &d));
    assert_false(nt_driver_find("amdppm.sysx", &d));
    assert_false(nt_driver_find("", &d));
    assert_false(nt_driver_find(NULL, &d));
    assert_string_equal(d.what, "untouched");
}

static void irqls_differ_by_processor(void **state) {
    (void)state;
    assert_string_equal(nt_irql_name(SC_CPU_X64, 15), "HIGH_LEVEL");
    assert_string_equal(nt_irql_name(SC_CPU_X86, 15), "device interrupt level");
    assert_string_equal(nt_irql_name(SC_CPU_X86, 31), "HIGH_LEVEL");
    assert_string_equal(nt_irql_name(SC_CPU_ARM64, 2), "DISPATCH_LEVEL");
    assert_null(nt_irql_name(SC_CPU_X64, 16));
    assert_null(nt_irql_name(SC_CPU_X64, UINT64_MAX));
    assert_null(nt_irql_name(SC_CPU_UNKNOWN, 0));
}

static void a_builds_offset_is_known_or_not_given(void **state) {
    (void)state;
    uint32_t offset = 0;
    assert_true(nt_image_name_offset(SC_CPU_X64, 19045, &offset));
    assert_int_equal(offset, 0x5a8);
    assert_true(nt_image_name_offset(SC_CPU_X64, 7601, &offset));
    assert_int_equal(offset, 0x2e0);
    assert_true(nt_image_name_offset(SC_CPU_X64, 22631, &offset));
    assert_int_equal(offset, 0x5a8);
    assert_true(nt_image_name_offset(SC_CPU_X64, 26100, &offset));
    assert_int_equal(offset, 0x338);
    offset = 7;
    assert_false(nt_image_name_offset(SC_CPU_X64, 25000, &offset));
    assert_false(nt_image_name_offset(SC_CPU_ARM64, 19041, &offset));
    assert_int_equal(offset, 7);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_inbox_driver_is_known_in_any_case),
        cmocka_unit_test(first_and_last_rows_are_found),
        cmocka_unit_test(filters_are_found_by_their_altitude),
        cmocka_unit_test(unknown_names_are_not_guessed),
        cmocka_unit_test(irqls_differ_by_processor),
        cmocka_unit_test(a_builds_offset_is_known_or_not_given),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
