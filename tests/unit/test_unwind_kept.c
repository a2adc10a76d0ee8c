/* SPDX-License-Identifier: MIT */
/* What the unwinder keeps by address: found again, within bounds, and not in another generation. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "unwind/kept.h"

static void what_was_put_is_found_by_its_address(void **state) {
    (void)state;
    struct sc_kept kept = {0};
    assert_null(sc_kept_get(&kept, 0, 7));
    int *seven = sc_kept_put(&kept, 7, sizeof *seven), *zero = sc_kept_put(&kept, 0, sizeof *zero);
    assert_true(seven && zero && *seven == 0);
    *seven = 77;
    assert_ptr_equal(sc_kept_get(&kept, 0, 7), seven);
    assert_ptr_equal(sc_kept_get(&kept, 0, 0), zero);
    assert_null(sc_kept_get(&kept, 0, 8));
    sc_kept_deinit(&kept);
    assert_null(sc_kept_get(&kept, 0, 7)); /* as if it were new */
    sc_kept_deinit(&kept);
}

static void what_a_target_was_before_it_ran_is_forgotten(void **state) {
    (void)state;
    struct sc_kept kept = {0};
    assert_non_null(sc_kept_put(&kept, 7, 4));
    assert_non_null(sc_kept_get(&kept, 0, 7));
    assert_null(sc_kept_get(&kept, 1, 7));
    assert_non_null(sc_kept_put(&kept, 7, 4));
    assert_non_null(sc_kept_get(&kept, 1, 7));
    sc_kept_deinit(&kept);
}

static void it_starts_anew_when_there_is_too_much(void **state) {
    (void)state;
    struct sc_kept kept = {0};
    for (uint64_t i = 0; i < 100000; i++) {
        uint64_t *number = sc_kept_put(&kept, i, 64);
        assert_non_null(number);
        *number = i;
        assert_true(sc_arena_size(kept.arena) < 0x120000);
    }
    const uint64_t *last = sc_kept_get(&kept, 0, 99999);
    assert_true(last && *last == 99999);
    assert_null(sc_kept_get(&kept, 0, 0));
    sc_kept_deinit(&kept);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_put_is_found_by_its_address),
        cmocka_unit_test(what_a_target_was_before_it_ran_is_forgotten),
        cmocka_unit_test(it_starts_anew_when_there_is_too_much),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
