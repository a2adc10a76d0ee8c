/* SPDX-License-Identifier: MIT */
/* Address spaces: which range wins, where addresses end, fillers, reads that stop half way. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/vec.h"
#include "mem/space_impl.h"

enum { FILE_SIZE = 0x1000 };

/* A file whose byte at offset i is i's low byte, and spaces over it. */
struct world {
    uint8_t data[FILE_SIZE];
    sc_file *file;
    sc_space *space;
};

static int setup(void **state) {
    struct world *w = calloc(1, sizeof *w);
    for (size_t i = 0; i < FILE_SIZE; i++)
        w->data[i] = (uint8_t)(i ^ i >> 8);
    *state = w;
    return sc_file_memory("world", w->data, FILE_SIZE, 0, &w->file) != NULL;
}

static int teardown(void **state) {
    struct world *w = *state;
    sc_space_destroy(w->space);
    sc_file_close(w->file);
    free(w);
    return 0;
}

static void make(struct world *w, const struct sc_range *range, size_t count, unsigned ptr_size) {
    struct sc_ranges list = {0};
    for (size_t i = 0; i < count; i++) {
        struct sc_range *r = SC_VEC_PUSH(&list);
        assert_non_null(r);
        *r = range[i];
    }
    sc_space_destroy(w->space);
    w->space = NULL;
    assert_null(sc_space_create(w->file, &list, ptr_size, NULL, &w->space));
    assert_null(list.item);
}
#define MAKE(w, ptr_size, ...)                                                                     \
    make(w, (const struct sc_range[]){__VA_ARGS__},                                                \
         sizeof((const struct sc_range[]){__VA_ARGS__}) / sizeof(struct sc_range), ptr_size)

/* The file offset that the byte at ADDR comes from must be OFFSET. */
static void comes_from(struct world *w, uint64_t addr, uint64_t offset) {
    uint8_t byte = 0;
    if (sc_space_read(w->space, addr, &byte, 1, NULL) != SC_READ_OK)
        fail_msg("0x%llx cannot be read", (unsigned long long)addr);
    if (byte != w->data[offset])
        fail_msg("0x%llx holds 0x%x, not the byte of offset 0x%llx", (unsigned long long)addr, byte,
                 (unsigned long long)offset);
}

static void is_absent(struct world *w, uint64_t addr) {
    uint8_t byte;
    assert_int_equal(sc_space_read(w->space, addr, &byte, 1, NULL), SC_READ_ABSENT);
}

static void earlier_ranges_win_where_they_overlap(void **state) {
    struct world *w = *state;
    MAKE(w, 8, {0x2000, 0x100, 0x10}, {0x1f80, 0x200, 0x400}, {0x2080, 0x300, 0x800});
    comes_from(w, 0x1f80, 0x400);
    comes_from(w, 0x1fff, 0x47f);
    comes_from(w, 0x2000, 0x10);
    comes_from(w, 0x20ff, 0x10f);
    comes_from(w, 0x2100, 0x580); /* the second range goes on behind the first */
    comes_from(w, 0x217f, 0x5ff);
    comes_from(w, 0x2180, 0x900);
    comes_from(w, 0x237f, 0xaff);
    is_absent(w, 0x1f7f);
    is_absent(w, 0x2380);
}

static void a_range_inside_a_preferred_one_vanishes(void **state) {
    struct world *w = *state;
    MAKE(w, 8, {0x1000, 0x100, 0}, {0x1040, 0x10, 0x800}, {0x1000, 0x100, 0x200});
    for (uint64_t a = 0; a < 0x100; a++)
        comes_from(w, 0x1000 + a, a);
    uint64_t start, size;
    assert_true(sc_space_next(w->space, 0, &start, &size));
    assert_int_equal(start, 0x1000);
    assert_int_equal(size, 0x100);
    assert_false(sc_space_next(w->space, 0x1100, &start, &size));
}

static void a_preferred_range_cuts_a_hole_into_a_later_one(void **state) {
    struct world *w = *state;
    MAKE(w, 8, {0x1040, 0x10, 0x800}, {0x1000, 0x100, 0});
    comes_from(w, 0x103f, 0x3f);
    comes_from(w, 0x1040, 0x800);
    comes_from(w, 0x104f, 0x80f);
    comes_from(w, 0x1050, 0x50);
    uint8_t buf[0x100];
    assert_int_equal(sc_space_read(w->space, 0x1000, buf, 0x100, NULL), SC_READ_OK);
    assert_memory_equal(buf + 0x40, w->data + 0x800, 0x10);
    assert_memory_equal(buf + 0x50, w->data + 0x50, 0xb0);
}

/* Random ranges against the plainest possible reference: the first in the list that covers. */
static void any_overlap_agrees_with_the_plain_rule(void **state) {
    struct world *w = *state;
    uint32_t seed = 1;
    for (int round = 0; round < 200; round++) {
        struct sc_range r[12];
        size_t n = 1 + (size_t)round % 12;
        for (size_t i = 0; i < n; i++) {
            seed = seed * 1664525 + 1013904223;
            r[i].start = 0x1000 + (seed >> 8) % 64;
            r[i].size = (seed >> 16) % 40;
            r[i].offset = (seed >> 20) % 0xf00;
        }
        make(w, r, n, 8);
        for (uint64_t a = 0xff0; a < 0x1080; a++) {
            size_t i = 0;
            while (i < n && !(a - r[i].start < r[i].size))
                i++;
            if (i < n)
                comes_from(w, a, r[i].offset + (a - r[i].start));
            else
                is_absent(w, a);
        }
    }
}

static void empty_spaces_and_empty_ranges_hold_nothing(void **state) {
    struct world *w = *state;
    uint64_t start, size;
    make(w, NULL, 0, 8);
    is_absent(w, 0);
    assert_false(sc_space_next(w->space, 0, &start, &size));
    MAKE(w, 8, {0x1000, 0, 0}, {0x2000, 0, 8});
    is_absent(w, 0x1000);
    assert_false(sc_space_next(w->space, 0, &start, &size));
    assert_int_equal(sc_space_read(w->space, 0x5000, NULL, 0, NULL), SC_READ_OK);
}

static void a_range_may_end_at_the_top_of_64_bits(void **state) {
    struct world *w = *state;
    MAKE(w, 8, {0xfffffffffffff000, 0x1000, 0}, {0x1000, 0x10, 0x10});
    comes_from(w, UINT64_MAX, 0xfff);
    uint8_t buf[8];
    size_t got = 0;
    assert_int_equal(sc_space_read(w->space, 0xfffffffffffffffc, buf, 8, &got), SC_READ_INVALID);
    assert_int_equal(got, 4);
    is_absent(w, 0);
    uint64_t start, size;
    assert_true(sc_space_next(w->space, UINT64_MAX, &start, &size));
    assert_int_equal(size, 0x1000);
}

/* A container that forgets to cut a range must not make low addresses readable. */
static void a_range_over_the_top_of_64_bits_is_cut_there(void **state) {
    struct world *w = *state;
    MAKE(w, 8, {0xfffffffffffff800, 0x1000, 0});
    comes_from(w, UINT64_MAX, 0x7ff);
    is_absent(w, 0);
    is_absent(w, 0x7ff);
    MAKE(w, 8, {0xfffffffffffff800, 0x1000, 0}, {0x100, 0x10, 0x900}, {0x108, 0x10, 0x800});
    comes_from(w, UINT64_MAX, 0x7ff);
    comes_from(w, 0x108, 0x908);
    is_absent(w, 0);
}

static void a_32_bit_space_ends_at_4_gib(void **state) {
    struct world *w = *state;
    MAKE(w, 4, {0xfffff000, 0x1000, 0});
    uint8_t buf[16];
    size_t got = 0;
    comes_from(w, 0xffffffff, 0xfff);
    assert_int_equal(sc_space_read(w->space, 0xfffffff8, buf, 16, &got), SC_READ_INVALID);
    assert_int_equal(got, 8);
    assert_int_equal(sc_space_read(w->space, 0x100000000, buf, 1, &got), SC_READ_INVALID);
    assert_int_equal(got, 0);
    assert_true(sc_space_canon(w->space, 0xffffffff80001234) == 0x80001234);
    assert_int_equal(sc_space_ptr_size(w->space), 4);
    MAKE(w, 8, {0xfffff000, 0x1000, 0}, {0x100000000, 0x100, 0x200});
    assert_int_equal(sc_space_read(w->space, 0xfffffff8, buf, 16, &got), SC_READ_OK);
    assert_memory_equal(buf + 8, w->data + 0x200, 8);
    assert_true(sc_space_canon(w->space, 0xffffffff80001234) == 0xffffffff80001234);
}

static void a_read_stops_at_the_first_missing_byte_and_leaves_the_rest(void **state) {
    struct world *w = *state;
    MAKE(w, 8, {0x1000, 0x20, 0x100}, {0x1030, 0x20, 0x200});
    uint8_t buf[0x60];
    size_t got = 99;
    memset(buf, 0xee, sizeof buf);
    assert_int_equal(sc_space_read(w->space, 0x1010, buf, 0x60, &got), SC_READ_ABSENT);
    assert_int_equal(got, 0x10);
    assert_memory_equal(buf, w->data + 0x110, 0x10);
    for (size_t i = got; i < sizeof buf; i++)
        assert_int_equal(buf[i], 0xee);
}

static void numbers_and_pointers_are_read_little_endian(void **state) {
    struct world *w = *state;
    MAKE(w, 8, {0x1000, 0x100, 0});
    uint64_t v = 0;
    assert_int_equal(sc_space_uint(w->space, 0x1001, 1, &v), SC_READ_OK);
    assert_int_equal(v, 1);
    assert_int_equal(sc_space_uint(w->space, 0x1001, 2, &v), SC_READ_OK);
    assert_int_equal(v, 0x0201);
    assert_int_equal(sc_space_ptr(w->space, 0x1001, &v), SC_READ_OK);
    assert_true(v == 0x0807060504030201);
    assert_int_equal(sc_space_uint(w->space, 0x10fe, 4, &v), SC_READ_ABSENT);
    assert_true(v == 0x0807060504030201); /* untouched */
    MAKE(w, 4, {0x1000, 0x100, 0});
    assert_int_equal(sc_space_ptr(w->space, 0x1001, &v), SC_READ_OK);
    assert_int_equal(v, 0x04030201);
}

static void needing_bytes_names_what_and_where(void **state) {
    struct world *w = *state;
    MAKE(w, 8, {0x1000, 0x10, 0});
    uint8_t buf[32];
    assert_null(sc_space_need(w->space, 0x1000, buf, 16, "thing"));
    sc_err *err = sc_space_need(w->space, 0x1008, buf, 16, "thread object");
    uint64_t addr = 0;
    assert_int_equal(sc_err_code(err), SC_ERR_MEMORY);
    assert_true(sc_err_address(err, &addr));
    assert_int_equal(addr, 0x1010);
    assert_non_null(strstr(sc_err_text(err), "thread object"));
    assert_non_null(strstr(sc_err_text(err), "0x1010"));
    assert_non_null(strstr(sc_err_text(err), "absent"));
    sc_err_destroy(err);
}

static void a_cancelled_target_stops_reads(void **state) {
    struct world *w = *state;
    atomic_bool cancel;
    atomic_init(&cancel, true);
    struct sc_ranges list = {0};
    struct sc_range *r = SC_VEC_PUSH(&list);
    *r = (struct sc_range){0x1000, 0x10, 0};
    assert_null(sc_space_create(w->file, &list, 8, &cancel, &w->space));
    uint8_t buf[4];
    assert_ptr_equal(sc_space_need(w->space, 0x1000, buf, 4, "x"), sc_err_cancelled());
    atomic_store(&cancel, false);
    assert_null(sc_space_need(w->space, 0x1000, buf, 4, "x"));
}

static void views_are_in_place_and_end_with_the_range(void **state) {
    struct world *w = *state;
    const uint8_t *data = NULL;
    size_t len = 0;
    MAKE(w, 8, {0x1000, 0x10, 0x300});
    assert_int_equal(sc_space_view(w->space, 0x1004, &data, &len), SC_READ_OK);
    assert_ptr_equal(data, w->data + 0x304);
    assert_int_equal(len, 12);
    assert_int_equal(sc_space_view(w->space, 0x1010, &data, &len), SC_READ_ABSENT);
    MAKE(w, 8, {0x1000, 0x100, 0xfc0}); /* runs over the end of the file */
    assert_int_equal(sc_space_view(w->space, 0x1000, &data, &len), SC_READ_ABSENT);
}

static void bytes_the_file_does_not_have_are_an_io_error(void **state) {
    struct world *w = *state;
    MAKE(w, 8, {0x1000, 0x100, 0xfc0});
    uint8_t buf[0x80];
    size_t got = 0;
    assert_int_equal(sc_space_read(w->space, 0x1000, buf, 0x80, &got), SC_READ_IO);
    assert_int_equal(got, 0x40);
}

static void hidden_files_are_read_but_not_viewed(void **state) {
    struct world *w = *state;
    sc_file *hidden;
    assert_null(sc_file_memory("hidden", w->data, FILE_SIZE, SC_FILE_NO_MMAP, &hidden));
    struct sc_ranges list = {0};
    *(struct sc_range *)SC_VEC_PUSH(&list) = (struct sc_range){0x1000, 0x800, 0x100};
    assert_null(sc_space_create(hidden, &list, 8, NULL, &w->space));
    const uint8_t *data;
    size_t len;
    uint8_t buf[0x800];
    assert_int_equal(sc_space_view(w->space, 0x1000, &data, &len), SC_READ_ABSENT);
    assert_int_equal(sc_space_read(w->space, 0x1000, buf, sizeof buf, NULL), SC_READ_OK);
    assert_memory_equal(buf, w->data + 0x100, sizeof buf);
    sc_space_destroy(w->space);
    w->space = NULL;
    sc_file_close(hidden);
}

static void next_walks_what_is_there(void **state) {
    struct world *w = *state;
    MAKE(w, 8, {0x3000, 0x10, 0}, {0x1000, 0x20, 0x100}, {0x1020, 0x10, 0x120});
    uint64_t start, size, at = 0, seen[4] = {0}, n = 0;
    while (sc_space_next(w->space, at, &start, &size)) {
        assert_true(n < 4);
        seen[n++] = start;
        at = start + size;
    }
    assert_int_equal(n, 2); /* neighbours in memory and file are one range */
    assert_int_equal(seen[0], 0x1000);
    assert_int_equal(seen[1], 0x3000);
    assert_true(sc_space_next(w->space, 0x1018, &start, &size)); /* the one it lies in */
    assert_int_equal(start, 0x1000);
}

/* A filler that answers inside one range, CHUNK bytes at a time. */
struct filler {
    uint64_t from, to;
    size_t chunk;
    enum sc_read otherwise;
    unsigned asked;
};

static enum sc_read fill(void *ctx, uint64_t addr, void *buf, size_t len, size_t *ret_got) {
    struct filler *f = ctx;
    f->asked++;
    if (addr < f->from || addr >= f->to)
        return f->otherwise;
    size_t n = len < f->chunk ? len : f->chunk;
    if (n > f->to - addr)
        n = (size_t)(f->to - addr);
    memset(buf, 0xf1, n);
    *ret_got = n;
    return SC_READ_OK;
}

static void fillers_supply_only_what_the_dump_lacks(void **state) {
    struct world *w = *state;
    MAKE(w, 8, {0x1010, 0x10, 0});
    struct filler f = {.from = 0x1000, .to = 0x1030, .chunk = 5, .otherwise = SC_READ_ABSENT};
    assert_null(sc_space_add_filler(w->space, "test", fill, &f));
    uint8_t buf[0x40];
    size_t got = 0;
    assert_int_equal(sc_space_read(w->space, 0x1000, buf, 0x40, &got), SC_READ_ABSENT);
    assert_int_equal(got, 0x30);
    for (size_t i = 0; i < 0x30; i++)
        assert_int_equal(buf[i], i >= 0x10 && i < 0x20 ? w->data[i - 0x10] : 0xf1);
    uint64_t start, size;
    assert_true(sc_space_next(w->space, 0, &start, &size));
    assert_int_equal(start, 0x1010); /* fillers are not counted */
}

static void fillers_are_asked_in_order_and_say_why_not(void **state) {
    struct world *w = *state;
    make(w, NULL, 0, 8);
    struct filler a = {.otherwise = SC_READ_PAGED_OUT},
                  b = {.from = 0x2000, .to = 0x2010, .chunk = 99, .otherwise = SC_READ_ABSENT};
    assert_null(sc_space_add_filler(w->space, "a", fill, &a));
    assert_null(sc_space_add_filler(w->space, "b", fill, &b));
    uint8_t buf[4];
    assert_int_equal(sc_space_read(w->space, 0x2000, buf, 4, NULL), SC_READ_OK);
    assert_int_equal(sc_space_read(w->space, 0x3000, buf, 4, NULL), SC_READ_PAGED_OUT);
    assert_true(a.asked == 2 && b.asked == 2);
}

static enum sc_read fill_nothing(void *ctx, uint64_t addr, void *buf, size_t len, size_t *ret_got) {
    (void)ctx, (void)addr, (void)buf, (void)len;
    *ret_got = 0;
    return SC_READ_OK;
}

static void a_filler_that_gives_nothing_cannot_hang_a_read(void **state) {
    struct world *w = *state;
    make(w, NULL, 0, 8);
    assert_null(sc_space_add_filler(w->space, "empty", fill_nothing, NULL));
    uint8_t buf[4];
    assert_int_equal(sc_space_read(w->space, 0x2000, buf, 4, NULL), SC_READ_ABSENT);
}

static void there_is_a_bound_on_fillers(void **state) {
    struct world *w = *state;
    make(w, NULL, 0, 8);
    sc_err *err = NULL;
    for (int i = 0; i < 100 && !err; i++)
        err = sc_space_add_filler(w->space, "n", fill_nothing, NULL);
    assert_int_equal(sc_err_code(err), SC_ERR_LIMIT);
    sc_err_destroy(err);
}

static void statuses_have_names(void **state) {
    (void)state;
    assert_string_equal(sc_read_name(SC_READ_OK), "ok");
    assert_string_equal(sc_read_name(SC_READ_PAGED_OUT), "paged out");
    assert_string_equal(sc_read_name(SC_READ_IO), "I/O error");
    assert_non_null(sc_read_name((enum sc_read)77));
}

/* A hostile list of ranges costs no more than sorting it. */
static void many_overlapping_ranges_are_sorted_out_quickly(void **state) {
    struct world *w = *state;
    enum { N = 200000 };
    struct sc_range *r = calloc(N, sizeof *r);
    for (uint64_t i = 0; i < N; i++)
        r[i] = (struct sc_range){0x1000 + (N - i) * 8, 0x40000000, i % 100};
    clock_t before = clock();
    make(w, r, N, 8);
    assert_true((double)(clock() - before) / CLOCKS_PER_SEC < 1.0);
    comes_from(w, 0x1000 + N * 8, 0);
    free(r);
}

int main(void) {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(earlier_ranges_win_where_they_overlap),
        T(a_range_inside_a_preferred_one_vanishes),
        T(a_preferred_range_cuts_a_hole_into_a_later_one),
        T(any_overlap_agrees_with_the_plain_rule),
        T(empty_spaces_and_empty_ranges_hold_nothing),
        T(a_range_may_end_at_the_top_of_64_bits),
        T(a_range_over_the_top_of_64_bits_is_cut_there),
        T(a_32_bit_space_ends_at_4_gib),
        T(a_read_stops_at_the_first_missing_byte_and_leaves_the_rest),
        T(numbers_and_pointers_are_read_little_endian),
        T(needing_bytes_names_what_and_where),
        T(a_cancelled_target_stops_reads),
        T(views_are_in_place_and_end_with_the_range),
        T(bytes_the_file_does_not_have_are_an_io_error),
        T(hidden_files_are_read_but_not_viewed),
        T(next_walks_what_is_there),
        T(fillers_supply_only_what_the_dump_lacks),
        T(fillers_are_asked_in_order_and_say_why_not),
        T(a_filler_that_gives_nothing_cannot_hang_a_read),
        T(there_is_a_bound_on_fillers),
        T(statuses_have_names),
        T(many_overlapping_ranges_are_sorted_out_quickly),
    };
    return cmocka_run_group_tests_name("space", tests, NULL, NULL);
}
