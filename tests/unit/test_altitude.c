/* SPDX-License-Identifier: MIT */
/*
 * Altitudes of file system filters. That every row is found again is tested against
 * data/altitudes.tsv itself, read here. STOPCODE_DATA names the folder of the data files; without
 * it, data/ in the current folder.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "nt/altitude.h"

static void check_file(const char *file, size_t nth, const char *altitude, const char *group) {
    struct nt_altitude found;

    assert_true(nt_altitude_by_file(file, nth, &found));
    assert_string_equal(found.altitude, altitude);
    assert_string_equal(found.group, group);
}

static void driver_has_its_altitude_group_and_company(void **state) {
    struct nt_altitude found;

    (void)state;
    assert_true(nt_altitude_by_file("WdFilter.sys", 0, &found));
    assert_string_equal(found.altitude, "328010");
    assert_string_equal(found.file, "WdFilter.sys");
    assert_string_equal(found.company, "Microsoft");
    assert_string_equal(found.group, "FSFilter Anti-Virus");
    assert_string_equal(found.note, "");
    check_file("bindflt.sys", 0, "409800", "FSFilter Top");
    check_file("wof.sys", 0, "40700", "FSFilter Bottom");
    check_file("ntoskrnl.exe", 1, "425500", "Filter");
}

static void case_of_a_file_name_does_not_count(void **state) {
    (void)state;
    check_file("WDFILTER.SYS", 0, "328010", "FSFilter Anti-Virus");
    check_file("wdfilter.sys", 0, "328010", "FSFilter Anti-Virus");
}

static void path_before_the_name_and_suffix_do_not_count(void **state) {
    (void)state;
    check_file("\\SystemRoot\\system32\\drivers\\wd\\WdFilter.sys", 0, "328010",
               "FSFilter Anti-Virus");
    check_file("C:/Windows/System32/drivers/WdFilter.sys", 0, "328010", "FSFilter Anti-Virus");
    check_file("\\FileSystem\\WdFilter", 0, "328010", "FSFilter Anti-Virus");
    check_file("ViewIntus_RTAS.sys", 0, "61300", "FSFilter Copy Protection"); /* listed bare */
}

static void driver_can_have_several_altitudes(void **state) {
    struct nt_altitude found;

    (void)state;
    check_file("minispy.sys", 0, "361000", "FSFilter Activity Monitor");
    check_file("minispy.sys", 1, "370000", "FSFilter Activity Monitor");
    check_file("minispy.sys", 2, "385100", "FSFilter Activity Monitor");
    assert_true(nt_altitude_by_file("minispy.sys", 2, &found));
    assert_string_equal(found.note, "Top");
    assert_false(nt_altitude_by_file("minispy.sys", 3, &found));
    assert_false(nt_altitude_by_file("minispy.sys", SIZE_MAX, NULL));
}

static void question_mark_in_the_list_fits_any_character(void **state) {
    (void)state;
    check_file("pfmfs_a1b.sys", 0, "47300", "FSFilter Bottom");
    check_file("pfmfs_a1b.sys", 2, "172100", "FSFilter Imaging");
    assert_false(nt_altitude_by_file("pfmfs_a1bc.sys", 0, NULL));
}

static void unknown_driver_is_false_and_leaves_ret(void **state) {
    struct nt_altitude found = {.note = "left"};

    (void)state;
    assert_false(nt_altitude_by_file("nosuchdriver.sys", 0, &found));
    assert_false(nt_altitude_by_file("", 0, &found));
    assert_false(nt_altitude_by_file(".sys", 0, &found));
    assert_false(nt_altitude_by_file("C:\\", 0, &found));
    assert_false(nt_altitude_by_file(NULL, 0, &found));
    assert_string_equal(found.note, "left");
}

static void altitude_has_its_driver(void **state) {
    struct nt_altitude found;

    (void)state;
    assert_true(nt_altitude_by_value("328010", 0, &found));
    assert_string_equal(found.file, "WdFilter.sys");
    assert_true(nt_altitude_by_value("389340.6", 0, &found));
    assert_string_equal(found.file, "nargflta.sys");
    assert_string_equal(found.note, "64bit");
    assert_true(nt_altitude_by_value("389340.6", 1, &found));
    assert_string_equal(found.file, "nargflti.sys");
    assert_false(nt_altitude_by_value("389340.6", 2, &found));
    assert_false(nt_altitude_by_value("389340.6", SIZE_MAX, &found));
}

static void altitude_is_compared_by_value(void **state) {
    (void)state;
    assert_true(nt_altitude_by_value("0389340.600", 0, NULL));
    assert_true(nt_altitude_by_value("328010.0", 0, NULL));
    assert_false(nt_altitude_by_value("328010.00000000000000000000000001", 0, NULL));
    assert_false(nt_altitude_by_value("1", 0, NULL));
    assert_false(nt_altitude_by_value("99999999999999999999999", 0, NULL));
}

static void order_of_altitudes(void **state) {
    (void)state;
    assert_true(nt_altitude_compare("40000", "328010") < 0);
    assert_true(nt_altitude_compare("385100", "370000") > 0);
    assert_true(nt_altitude_compare("389340.5", "389340.6") < 0);
    assert_true(nt_altitude_compare("389340.5", "389340.45") > 0);
    assert_true(nt_altitude_compare("389340", "389340.5") < 0);
    assert_int_equal(nt_altitude_compare("0040.50", "40.5"), 0);
    assert_int_equal(nt_altitude_compare("0", "0.0"), 0);
    assert_true(nt_altitude_compare("1.123456789012345678901234567890123456789",
                                    "1.123456789012345678901234567890123456788") > 0);
}

static void text_that_is_no_altitude_is_refused(void **state) {
    static const char *const bad[] = {"", ".", ".5", "5.", "1.2.3", "-1", "12a", " 12", "0x10"};

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_false(nt_altitude_valid(bad[i]));
        assert_false(nt_altitude_by_value(bad[i], 0, NULL));
        assert_null(nt_altitude_group(bad[i]));
    }
    assert_false(nt_altitude_valid(NULL));
    assert_null(nt_altitude_group(NULL));
    assert_true(nt_altitude_valid("328010"));
    assert_true(nt_altitude_valid("389340.6"));
}

static void group_is_that_of_the_range(void **state) {
    (void)state;
    assert_string_equal(nt_altitude_group("320000"), "FSFilter Anti-Virus");
    assert_string_equal(nt_altitude_group("329998"), "FSFilter Anti-Virus");
    assert_string_equal(nt_altitude_group("389999.999"), "FSFilter Activity Monitor");
    assert_string_equal(nt_altitude_group("145000"), "FSFilter Encryption");
    assert_string_equal(nt_altitude_group("00145000"), "FSFilter Encryption");
    assert_string_equal(nt_altitude_group("170000"), "FSFilter Imaging");
    assert_string_equal(nt_altitude_group("429999"), "Filter");
}

static void no_group_between_the_ranges(void **state) {
    (void)state;
    assert_null(nt_altitude_group("0"));
    assert_null(nt_altitude_group("19999"));
    assert_null(nt_altitude_group("329999"));
    assert_null(nt_altitude_group("430000"));
    assert_null(nt_altitude_group("4294967296145000"));
}

/* One line of the data file, cut at its tabs in place. */
static bool split_row(char *line, char *fields[5]) {
    size_t count = 0;

    line[strcspn(line, "\n")] = 0;
    for (char *next = line; next != NULL && count < 5;) {
        char *tab = strchr(next, '\t');

        if (tab != NULL)
            *tab++ = 0;
        fields[count++] = next;
        next = tab;
    }
    return count == 5;
}

static bool is_row(const struct nt_altitude *found, char *const fields[5]) {
    return !strcmp(found->altitude, fields[0]) && !strcmp(found->file, fields[1]) &&
           !strcmp(found->company, fields[2]) && !strcmp(found->group, fields[3]) &&
           !strcmp(found->note, fields[4]);
}

typedef bool lookup_fn(const char *key, size_t nth, struct nt_altitude *ret);

static bool has_row(lookup_fn *lookup, const char *key, char *const fields[5]) {
    struct nt_altitude found;

    for (size_t i = 0; lookup(key, i, &found); i++)
        if (is_row(&found, fields))
            return true;
    return false;
}

static void every_row_of_the_data_is_found_again(void **state) {
    const char *folder = getenv("STOPCODE_DATA");
    char path[4096];
    char line[4096];
    size_t rows = 0;

    (void)state;
    snprintf(path, sizeof path, "%s/altitudes.tsv", folder ? folder : "data");
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    while (fgets(line, sizeof line, file) != NULL) {
        char *fields[5];

        if (line[0] == '#')
            continue;
        assert_true(split_row(line, fields));
        assert_true(has_row(nt_altitude_by_file, fields[1], fields));
        assert_true(has_row(nt_altitude_by_value, fields[0], fields));
        assert_string_equal(nt_altitude_group(fields[0]), fields[3]);
        rows++;
    }
    fclose(file);
    assert_true(rows > 2000);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(driver_has_its_altitude_group_and_company),
        cmocka_unit_test(case_of_a_file_name_does_not_count),
        cmocka_unit_test(path_before_the_name_and_suffix_do_not_count),
        cmocka_unit_test(driver_can_have_several_altitudes),
        cmocka_unit_test(question_mark_in_the_list_fits_any_character),
        cmocka_unit_test(unknown_driver_is_false_and_leaves_ret),
        cmocka_unit_test(altitude_has_its_driver),
        cmocka_unit_test(altitude_is_compared_by_value),
        cmocka_unit_test(order_of_altitudes),
        cmocka_unit_test(text_that_is_no_altitude_is_refused),
        cmocka_unit_test(group_is_that_of_the_range),
        cmocka_unit_test(no_group_between_the_ranges),
        cmocka_unit_test(every_row_of_the_data_is_found_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
