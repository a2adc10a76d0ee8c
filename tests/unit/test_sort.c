/* SPDX-License-Identifier: MIT */
/* Sorting by a number: order, stability, every length around those at which it works otherwise. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/sort.h"

static uint64_t next(uint64_t *state) {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static void check(const struct sc_sort_key *item, size_t count) {
    for (size_t i = 1; i < count; i++) {
        assert_true(item[i - 1].key <= item[i].key);
        if (item[i - 1].key == item[i].key)
            assert_true(item[i - 1].index < item[i].index);
    }
}

static void fill_and_sort(size_t count, uint64_t kinds, uint64_t seed) {
    struct sc_sort_key *item = calloc(count + 1, sizeof *item);
    uint64_t sum = 0, after = 0;
    assert_non_null(item);
    for (size_t i = 0; i < count; i++) {
        item[i] = (struct sc_sort_key){kinds ? next(&seed) % kinds : next(&seed), i};
        sum += item[i].key * 31 + item[i].index;
    }
    assert_true(sc_sort_keys(item, count));
    check(item, count);
    for (size_t i = 0; i < count; i++)
        after += item[i].key * 31 + item[i].index;
    assert_true(sum == after); /* nothing lost, nothing twice */
    free(item);
}

static void every_length_is_sorted(void **state) {
    (void)state;
    for (size_t count = 0; count < 200; count++)
        fill_and_sort(count, 0, count + 1);
    fill_and_sort(10007, 0, 99);
}

static void equal_keys_stay_in_order(void **state) {
    (void)state;
    for (size_t count = 0; count < 200; count++)
        fill_and_sort(count, 3, count + 7);
    fill_and_sort(5000, 1, 5);
}

static void sorted_and_reversed_lists_are_fine(void **state) {
    (void)state;
    struct sc_sort_key item[100];
    for (size_t i = 0; i < 100; i++)
        item[i] = (struct sc_sort_key){i, i};
    assert_true(sc_sort_keys(item, 100));
    check(item, 100);
    for (size_t i = 0; i < 100; i++)
        item[i] = (struct sc_sort_key){UINT64_MAX - i, i};
    assert_true(sc_sort_keys(item, 100));
    check(item, 100);
    assert_true(item[0].index == 99);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_length_is_sorted),
        cmocka_unit_test(equal_keys_stay_in_order),
        cmocka_unit_test(sorted_and_reversed_lists_are_fine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
