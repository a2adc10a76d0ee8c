/* SPDX-License-Identifier: MIT */
/* Spaces over pages that answer for themselves: opening, reads, fillers, failures, the end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/vec.h"
#include "forge/pagestore.h"
#include "mem/pages.h"
#include "mem/space_impl.h"

struct world {
    struct pagestore ps;
    sc_space *space;
    unsigned opens, failing; /* of those, so many fail */
};

static int setup(void **state) {
    struct world *w = calloc(1, sizeof *w);
    *state = w;
    for (uint64_t pa = 0x1000; pa < 0x3000; pa += 8)
        pagestore_u64(&w->ps, pa, pa);
    pagestore_u64(&w->ps, 0x5000, 0x5000);
    return sc_space_create_pages(pagestore_pages(&w->ps), 8, NULL, &w->space) != NULL;
}

static int teardown(void **state) {
    struct world *w = *state;
    sc_space_destroy(w->space);
    pagestore_deinit(&w->ps);
    free(w);
    return 0;
}

static void reads_go_on_from_page_to_page(void **state) {
    struct world *w = *state;
    uint8_t buf[0x2000];
    size_t got = 0;
    assert_int_equal(sc_space_read(w->space, 0x1ffc, buf, 8, &got), SC_READ_OK);
    assert_int_equal(buf[4] | buf[5] << 8, 0x2000);
    assert_int_equal(sc_space_read(w->space, 0x2800, buf, sizeof buf, &got), SC_READ_ABSENT);
    assert_int_equal(got, 0x800);
}

static void what_is_there_is_walked_and_seen_in_place(void **state) {
    struct world *w = *state;
    uint64_t start, size;
    const uint8_t *data;
    size_t len;
    assert_true(sc_space_next(w->space, 0, &start, &size));
    assert_int_equal(start, 0x1000);
    assert_int_equal(size, 0x2000);
    assert_true(sc_space_next(w->space, 0x3000, &start, &size));
    assert_int_equal(start, 0x5000);
    assert_false(sc_space_next(w->space, 0x6000, &start, &size));
    assert_int_equal(sc_space_view(w->space, 0x2010, &data, &len), SC_READ_OK);
    assert_ptr_equal(data, pagestore_find(&w->ps, 0x2000) + 0x10);
    w->ps.no_view = true;
    assert_int_equal(sc_space_view(w->space, 0x2010, &data, &len), SC_READ_ABSENT);
}

static void the_pages_of_a_space_are_reached_and_ranges_are_none(void **state) {
    struct world *w = *state;
    assert_ptr_equal(sc_space_pages(w->space)->impl, &w->ps);
    struct sc_ranges none = {0};
    sc_space *ranges;
    assert_null(sc_space_create(NULL, &none, 8, NULL, &ranges));
    assert_null(sc_space_pages(ranges)->ops);
    sc_space_destroy(ranges);
}

static void the_pages_end_with_their_space(void **state) {
    struct world *w = *state;
    sc_space_destroy(w->space);
    w->space = NULL;
    assert_true(w->ps.destroyed);
}

static sc_err *open_late(void *ctx, struct sc_pages *ret_pages) {
    struct world *w = ctx;
    if (w->opens++ < w->failing)
        return sc_errf(SC_ERR_IO, "not yet");
    *ret_pages = pagestore_pages(&w->ps);
    return NULL;
}

static void lazy_pages_are_opened_at_the_first_read_and_tried_again(void **state) {
    struct world *w = *state;
    uint64_t v;
    sc_space_destroy(w->space);
    assert_null(sc_space_create_pages_lazy(open_late, w, 8, NULL, &w->space));
    assert_int_equal(w->opens, 0);
    w->failing = 2;
    assert_int_equal(sc_space_uint(w->space, 0x1008, 8, &v), SC_READ_IO);
    sc_err *err = sc_space_need(w->space, 0x1008, &v, 8, "it");
    assert_string_equal(sc_err_text(err), "not yet");
    sc_err_destroy(err);
    assert_int_equal(sc_space_uint(w->space, 0x1008, 8, &v), SC_READ_OK);
    assert_int_equal(v, 0x1008);
    assert_int_equal(w->opens, 3);
    assert_int_equal(sc_space_uint(w->space, 0x1010, 8, &v), SC_READ_OK);
    assert_int_equal(w->opens, 3);
}

static enum sc_read fill_seven(void *ctx, uint64_t addr, void *buf, size_t len, size_t *ret_got) {
    (void)addr;
    size_t *longest = ctx;
    *longest = len > *longest ? len : *longest;
    memset(buf, 7, len);
    *ret_got = len;
    return SC_READ_OK;
}

static void fillers_fill_missing_pages_and_no_more(void **state) {
    struct world *w = *state;
    uint8_t buf[0x4000];
    size_t longest = 0;
    assert_null(sc_space_add_filler(w->space, "seven", fill_seven, &longest));
    assert_int_equal(sc_space_read(w->space, 0x2800, buf, 0x3000, NULL), SC_READ_OK);
    assert_int_equal(buf[0] | buf[1] << 8, 0x2800);
    assert_int_equal(buf[0x800], 7);
    assert_int_equal(buf[0x27ff], 7);
    assert_int_equal(buf[0x2800] | buf[0x2801] << 8, 0x5000);
    assert_int_equal(longest, 0x1000);
}

static enum sc_read fill_none(void *ctx, uint64_t addr, void *buf, size_t len, size_t *ret_got) {
    (void)ctx, (void)addr, (void)buf, (void)len, (void)ret_got;
    return SC_READ_ABSENT;
}

static void what_the_pages_say_stands_when_no_filler_knows_more(void **state) {
    struct world *w = *state;
    uint64_t v;
    w->ps.fail_at = 1;
    w->ps.fail_status = SC_READ_PAGED_OUT;
    assert_null(sc_space_add_filler(w->space, "none", fill_none, NULL));
    assert_int_equal(sc_space_uint(w->space, 0x1000, 8, &v), SC_READ_PAGED_OUT);
    assert_int_equal(sc_space_uint(w->space, 0x1000, 8, &v), SC_READ_OK);
}

static void failures_of_the_file_are_counted_and_not_filled(void **state) {
    struct world *w = *state;
    uint64_t v;
    size_t longest = 0;
    w->ps.fail_at = 1;
    w->ps.fail_status = SC_READ_IO;
    assert_null(sc_space_add_filler(w->space, "seven", fill_seven, &longest));
    assert_int_equal(sc_space_uint(w->space, 0x1000, 8, &v), SC_READ_IO);
    assert_int_equal(sc_space_io_failures(w->space), 1);
    assert_int_equal(longest, 0);
}

static void pages_that_promise_bytes_and_give_none_cannot_hang_a_read(void **state) {
    struct world *w = *state;
    uint64_t v;
    w->ps.fail_at = 1;
    w->ps.fail_status = SC_READ_OK;
    assert_int_equal(sc_space_uint(w->space, 0x1000, 8, &v), SC_READ_IO);
}

int main(void) {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(reads_go_on_from_page_to_page),
        T(what_is_there_is_walked_and_seen_in_place),
        T(the_pages_of_a_space_are_reached_and_ranges_are_none),
        T(the_pages_end_with_their_space),
        T(lazy_pages_are_opened_at_the_first_read_and_tried_again),
        T(fillers_fill_missing_pages_and_no_more),
        T(what_the_pages_say_stands_when_no_filler_knows_more),
        T(failures_of_the_file_are_counted_and_not_filled),
        T(pages_that_promise_bytes_and_give_none_cannot_hang_a_read),
    };
    return cmocka_run_group_tests_name("space pages", tests, NULL, NULL);
}
