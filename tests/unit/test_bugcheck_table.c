/* SPDX-License-Identifier: MIT */
/*
 * Tests of the bug-check table, through the real data: what is asserted here are facts of
 * Microsoft's bug-check reference, and the rules of src/analyze/bugcheck_table.h.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "../../src/analyze/bugcheck_table.h"

static const uint64_t NO_ARGS[4] = {0, 0, 0, 0};

static void a_known_code_has_name_texts_kinds_culprit_and_commands(void **state) {
    (void)state;
    struct sc_bug bug;
    assert_true(sc_bug_explain(0x0A, NO_ARGS, false, &bug));
    assert_true(bug.known);
    assert_false(bug.subcode);
    assert_int_equal(bug.code, 0x0A);
    assert_string_equal(bug.name, "IRQL_NOT_LESS_OR_EQUAL");
    assert_true(strlen(bug.brief) > 0);
    assert_true(strlen(bug.about) > 0);
    assert_int_equal(bug.arg[0].kind, SC_BUG_ADDRESS);
    assert_int_equal(bug.arg[1].kind, SC_BUG_IRQL);
    assert_int_equal(bug.arg[2].kind, SC_BUG_FLAGS);
    assert_int_equal(bug.arg[3].kind, SC_BUG_CODE);
    assert_int_equal(bug.nculprit, 1);
    assert_int_equal(bug.culprit[0], 4);
    assert_true(bug.ncmd > 0);
    assert_string_equal(bug.cmd[0], "ln {4}");
}

static void an_unknown_code_is_reported_and_leaves_safe_texts(void **state) {
    (void)state;
    struct sc_bug bug;
    memset(&bug, 0xAA, sizeof(bug));
    assert_false(sc_bug_explain(0x00BADBAD, NO_ARGS, false, &bug));
    assert_false(bug.known);
    assert_false(bug.subcode);
    assert_int_equal(bug.code, 0x00BADBAD);
    assert_string_equal(bug.name, "UNKNOWN");
    assert_string_equal(bug.brief, "");
    assert_string_equal(bug.about, "");
    assert_int_equal(bug.nculprit, 0);
    assert_int_equal(bug.ncmd, 0);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(bug.arg[i].kind, SC_BUG_NONE);
        assert_string_equal(bug.arg[i].text, "");
        assert_int_equal(bug.arg[i].nvalues, 0);
        assert_string_equal(bug.cmd[i], "");
    }
}

static void null_args_give_the_general_part(void **state) {
    (void)state;
    struct sc_bug bug;
    assert_true(sc_bug_explain(0x19, NULL, false, &bug));
    assert_false(bug.subcode);
    assert_string_equal(bug.arg[1].text, "Depends on parameter 1");
}

static void a_subcode_replaces_the_general_texts(void **state) {
    (void)state;
    const uint64_t args[4] = {0x21, 0xffffa00012345678, 0x40, 0x4141414141414141};
    struct sc_bug general, bug;
    assert_true(sc_bug_explain(0x19, NULL, false, &general));
    assert_true(sc_bug_explain(0x19, args, false, &bug));
    assert_true(bug.subcode);
    assert_string_not_equal(bug.brief, general.brief);
    assert_int_equal(bug.arg[1].kind, SC_BUG_POOL);
    assert_int_equal(bug.arg[2].kind, SC_BUG_COUNT);
}

static void a_subcode_keeps_what_it_does_not_give(void **state) {
    (void)state;
    const uint64_t args[4] = {0xC0000005, 0, 1, 0};
    struct sc_bug general, bug;
    assert_true(sc_bug_explain(0x1E, NULL, false, &general));
    assert_true(sc_bug_explain(0x1E, args, false, &bug));
    assert_true(bug.subcode);
    assert_string_equal(bug.about, general.about);
    assert_int_equal(bug.arg[1].kind, SC_BUG_CODE);
    assert_int_equal(bug.culprit[0], 2);
    assert_int_equal(bug.arg[3].kind, SC_BUG_ADDRESS);
    assert_int_equal(general.arg[3].kind, SC_BUG_VALUE);
}

static void every_value_of_a_list_chooses_the_subcode(void **state) {
    (void)state;
    static const uint64_t listed[] = {0xD, 0xE, 0xF, 0x23, 0x24, 0x25};
    struct sc_bug first, bug;
    uint64_t args[4] = {0xD, 0, 0, 0};
    assert_true(sc_bug_explain(0x19, args, false, &first));
    assert_true(first.subcode);
    for (size_t i = 0; i < sizeof(listed) / sizeof(listed[0]); i++) {
        args[0] = listed[i];
        assert_true(sc_bug_explain(0x19, args, false, &bug));
        assert_true(bug.subcode);
        assert_string_equal(bug.brief, first.brief);
    }
    args[0] = 0x10;
    assert_true(sc_bug_explain(0x19, args, false, &bug));
    assert_false(bug.subcode);
}

static void all_conditions_of_a_subcode_must_hold(void **state) {
    (void)state;
    const uint64_t table_page[4] = {2, 0x1234, 0, 0};
    const uint64_t page_run[4] = {2, 0x1234, 7, 0};
    struct sc_bug bug;
    assert_true(sc_bug_explain(0xA2, table_page, false, &bug));
    assert_int_equal(bug.arg[2].kind, SC_BUG_NONE);
    assert_true(sc_bug_explain(0xA2, page_run, false, &bug));
    assert_int_equal(bug.arg[2].kind, SC_BUG_VALUE);
}

static void the_first_subcode_that_holds_wins(void **state) {
    (void)state;
    const uint64_t stuck_oid[4] = {0x25, 0x23, 0, 0x10202};
    const uint64_t pause[4] = {0x25, 0x21, 0, 0};
    struct sc_bug bug;
    assert_true(sc_bug_explain(0x7C, stuck_oid, false, &bug));
    assert_int_equal(bug.arg[3].kind, SC_BUG_VALUE);
    assert_true(sc_bug_explain(0x7C, pause, false, &bug));
    assert_true(bug.subcode);
    assert_int_equal(bug.arg[2].kind, SC_BUG_TRIAGE);
    assert_int_equal(bug.arg[3].kind, SC_BUG_NONE);
}

static void same_takes_over_parameters_but_not_the_name(void **state) {
    (void)state;
    const uint64_t args[4] = {0xC0000034, 0, 0, 0};
    struct sc_bug base, bug;
    assert_true(sc_bug_explain(0x6D, args, false, &base));
    assert_true(sc_bug_explain(0x6E, args, false, &bug));
    assert_string_equal(bug.name, "SESSION2_INITIALIZATION_FAILED");
    assert_string_not_equal(bug.brief, base.brief);
    assert_string_equal(bug.about, base.about);
    assert_string_equal(bug.arg[0].text, base.arg[0].text);
    assert_int_equal(bug.arg[0].kind, SC_BUG_NTSTATUS);
    assert_int_equal(bug.ncmd, base.ncmd);
}

static void a_32_bit_dump_compares_low_halves(void **state) {
    (void)state;
    const uint64_t args[4] = {0xFFFFFFFF00000021, 0, 0, 0};
    struct sc_bug bug;
    assert_true(sc_bug_explain(0x19, args, true, &bug));
    assert_true(bug.subcode);
    assert_true(sc_bug_explain(0x19, args, false, &bug));
    assert_false(bug.subcode);
}

static void a_sign_extended_ntstatus_is_recognised(void **state) {
    (void)state;
    const uint64_t args[4] = {0xFFFFFFFFC0000005, 0, 0, 0};
    struct sc_bug bug;
    char text[80];
    assert_true(sc_bug_explain(0x1E, args, false, &bug));
    assert_true(bug.subcode);
    assert_true(sc_bug_meaning(&bug.arg[0], args[0], false, text, sizeof(text)));
    assert_string_equal(text, "memory was accessed that may not be");
}

static void values_and_single_bits_are_explained(void **state) {
    (void)state;
    struct sc_bug bug;
    char text[40];
    assert_true(sc_bug_explain(0x0A, NO_ARGS, false, &bug));
    assert_true(sc_bug_meaning(&bug.arg[2], 0, false, text, sizeof(text)));
    assert_string_equal(text, "read");
    assert_true(sc_bug_meaning(&bug.arg[2], 1, false, text, sizeof(text)));
    assert_string_equal(text, "write");
    assert_true(sc_bug_meaning(&bug.arg[2], 8, false, text, sizeof(text)));
    assert_string_equal(text, "execute");
}

static void a_value_without_a_row_has_no_meaning(void **state) {
    (void)state;
    struct sc_bug bug;
    char text[8] = "old";
    assert_true(sc_bug_explain(0x0A, NO_ARGS, false, &bug));
    assert_false(sc_bug_meaning(&bug.arg[2], 0x50, false, text, sizeof(text)));
    assert_string_equal(text, "");
    strcpy(text, "old");
    assert_false(sc_bug_meaning(&bug.arg[0], 0, false, text, sizeof(text)));
    assert_string_equal(text, "");
}

static void a_range_holds_from_its_first_to_its_last_value(void **state) {
    (void)state;
    struct sc_bug bug;
    char text[80];
    assert_true(sc_bug_explain(0x27, NO_ARGS, false, &bug));
    assert_true(sc_bug_meaning(&bug.arg[0], 0xCA550000, false, text, sizeof(text)));
    assert_string_equal(text, "RDBSS_BUG_CHECK_CACHESUP");
    assert_true(sc_bug_meaning(&bug.arg[0], 0xCA55FFFF, false, text, sizeof(text)));
    assert_string_equal(text, "RDBSS_BUG_CHECK_CACHESUP");
    assert_false(sc_bug_meaning(&bug.arg[0], 0xCA560000, false, text, sizeof(text)));
    assert_false(sc_bug_meaning(&bug.arg[0], 0xCA54FFFF, false, text, sizeof(text)));
}

static void an_open_range_reaches_the_last_32_bit_value(void **state) {
    (void)state;
    struct sc_bug bug;
    char text[80];
    assert_true(sc_bug_explain(0x05, NO_ARGS, true, &bug));
    assert_true(sc_bug_meaning(&bug.arg[3], 0xFFFFFFFF, true, text, sizeof(text)));
    assert_string_equal(text, "a DPC is running");
    assert_true(sc_bug_meaning(&bug.arg[3], 0, true, text, sizeof(text)));
    assert_string_equal(text, "no DPC is running");
}

static void mask_texts_are_joined_by_commas(void **state) {
    (void)state;
    struct sc_bug bug;
    char text[40];
    assert_true(sc_bug_explain(0x0A, NO_ARGS, false, &bug));
    assert_true(sc_bug_meaning(&bug.arg[2], 9, false, text, sizeof(text)));
    assert_string_equal(text, "write, execute");
    assert_true(sc_bug_meaning(&bug.arg[2], 0xF8, false, text, sizeof(text)));
    assert_string_equal(text, "execute");
    assert_true(sc_bug_meaning(&bug.arg[2], 9, false, text, 8));
    assert_string_equal(text, "write, ");
}

static void a_meaning_that_does_not_fit_is_cut_and_terminated(void **state) {
    (void)state;
    struct sc_bug bug;
    char text[4] = {'x', 'x', 'x', 'x'};
    assert_true(sc_bug_explain(0x0A, NO_ARGS, false, &bug));
    assert_true(sc_bug_meaning(&bug.arg[2], 1, false, text, 3));
    assert_string_equal(text, "wr");
    assert_int_equal(text[3], 'x');
    assert_true(sc_bug_meaning(&bug.arg[2], 1, false, text, 1));
    assert_string_equal(text, "");
    assert_true(sc_bug_meaning(&bug.arg[2], 1, false, NULL, 0));
}

static void rows_can_be_listed_and_end(void **state) {
    (void)state;
    struct sc_bug bug;
    struct sc_bug_value row;
    assert_true(sc_bug_explain(0x0A, NO_ARGS, false, &bug));
    assert_int_equal(bug.arg[2].nvalues, 3);
    assert_true(sc_bug_value(&bug.arg[2], 2, &row));
    assert_int_equal(row.lo, 8);
    assert_int_equal(row.hi, 8);
    assert_true(row.mask);
    assert_string_equal(row.text, "execute");
    assert_false(sc_bug_value(&bug.arg[2], 3, &row));
    assert_false(sc_bug_value(&bug.arg[0], 0, &row));
}

static void codes_are_listed_in_rising_order(void **state) {
    (void)state;
    uint32_t code, before = 0;
    const char *name;
    size_t count = 0;
    while (sc_bug_at(count, &code, &name)) {
        assert_true(count == 0 || code > before);
        assert_true(strlen(name) > 0);
        before = code;
        count++;
    }
    assert_true(count >= 150);
    assert_false(sc_bug_at(count, NULL, NULL));
    assert_false(sc_bug_at(SIZE_MAX, &code, &name));
    assert_true(sc_bug_at(0, NULL, NULL));
}

static void kinds_have_the_names_of_the_data_format(void **state) {
    (void)state;
    assert_string_equal(sc_bug_kind_name(SC_BUG_NONE), "none");
    assert_string_equal(sc_bug_kind_name(SC_BUG_NTSTATUS), "ntstatus");
    assert_string_equal(sc_bug_kind_name(SC_BUG_BUGCHECKCODE), "bugcheckcode");
    assert_string_equal(sc_bug_kind_name(SC_BUG_UNISTRING), "unistring");
    assert_string_equal(sc_bug_kind_name(SC_BUG_TRIAGE), "triage");
    assert_string_equal(sc_bug_kind_name((enum sc_bug_kind)1000), "none");
    for (int kind = SC_BUG_VALUE; kind <= SC_BUG_TRIAGE; kind++)
        assert_string_not_equal(sc_bug_kind_name((enum sc_bug_kind)kind), "none");
}

/* xorshift64: the same numbers in every run. */
static uint64_t next_random(uint64_t *seed) {
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

static void check_arg(const struct sc_bug_arg *arg, uint64_t value, bool is32) {
    char text[64];
    struct sc_bug_value row;
    assert_true((unsigned)arg->kind <= SC_BUG_TRIAGE);
    assert_non_null(arg->text);
    for (uint32_t i = 0; i < arg->nvalues; i++) {
        assert_true(sc_bug_value(arg, i, &row));
        assert_true(row.lo <= row.hi);
        assert_true(strlen(row.text) > 0);
        assert_true(sc_bug_meaning(arg, row.lo, is32, text, sizeof(text)));
    }
    bool any = sc_bug_meaning(arg, value, is32, text, sizeof(text));
    assert_true(any == (text[0] != '\0'));
}

static void check_entry(uint32_t code, const uint64_t args[4], bool is32) {
    struct sc_bug bug;
    assert_true(sc_bug_explain(code, args, is32, &bug));
    assert_int_equal(bug.code, code);
    assert_true(strlen(bug.brief) > 0 && strlen(bug.brief) <= 160);
    assert_non_null(bug.about);
    assert_true(bug.nculprit <= 4);
    assert_true(bug.ncmd <= 4);
    for (unsigned i = 0; i < bug.nculprit; i++)
        assert_in_range(bug.culprit[i], 1, 4);
    for (unsigned i = 0; i < bug.ncmd; i++)
        assert_true(strlen(bug.cmd[i]) > 0);
    for (int i = 0; i < 4; i++)
        check_arg(&bug.arg[i], args[i], is32);
}

static void every_entry_can_be_explained_with_any_parameters(void **state) {
    (void)state;
    uint64_t seed = 0x9E3779B97F4A7C15;
    uint32_t code;
    for (size_t i = 0; sc_bug_at(i, &code, NULL); i++) {
        for (uint64_t first = 0; first < 0x40; first++) {
            uint64_t args[4] = {first, next_random(&seed) % 16, next_random(&seed),
                                next_random(&seed) % 3};
            check_entry(code, args, (first & 1) != 0);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_known_code_has_name_texts_kinds_culprit_and_commands),
        cmocka_unit_test(an_unknown_code_is_reported_and_leaves_safe_texts),
        cmocka_unit_test(null_args_give_the_general_part),
        cmocka_unit_test(a_subcode_replaces_the_general_texts),
        cmocka_unit_test(a_subcode_keeps_what_it_does_not_give),
        cmocka_unit_test(every_value_of_a_list_chooses_the_subcode),
        cmocka_unit_test(all_conditions_of_a_subcode_must_hold),
        cmocka_unit_test(the_first_subcode_that_holds_wins),
        cmocka_unit_test(same_takes_over_parameters_but_not_the_name),
        cmocka_unit_test(a_32_bit_dump_compares_low_halves),
        cmocka_unit_test(a_sign_extended_ntstatus_is_recognised),
        cmocka_unit_test(values_and_single_bits_are_explained),
        cmocka_unit_test(a_value_without_a_row_has_no_meaning),
        cmocka_unit_test(a_range_holds_from_its_first_to_its_last_value),
        cmocka_unit_test(an_open_range_reaches_the_last_32_bit_value),
        cmocka_unit_test(mask_texts_are_joined_by_commas),
        cmocka_unit_test(a_meaning_that_does_not_fit_is_cut_and_terminated),
        cmocka_unit_test(rows_can_be_listed_and_end),
        cmocka_unit_test(codes_are_listed_in_rising_order),
        cmocka_unit_test(kinds_have_the_names_of_the_data_format),
        cmocka_unit_test(every_entry_can_be_explained_with_any_parameters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
