/* SPDX-License-Identifier: MIT */
/* Physical memory as runs of a file: which bytes stand where, and how damaged lists are mended. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/vec.h"
#include "dump/dump.h"
#include "dump/runs.h"
#include "unit/random.h"

enum { FILE_SIZE = 0x800, SPACE = 0x1000 };

struct world {
    uint8_t data[FILE_SIZE];
    struct sc_source *source;
    struct sc_pages pages;
};

static void open_file(struct world *w, unsigned flags) {
    uint64_t seed = 1;
    for (size_t i = 0; i < FILE_SIZE; i++)
        w->data[i] = (uint8_t)random_next(&seed);
    sc_file *file = NULL;
    assert_null(sc_file_memory("world", w->data, FILE_SIZE, flags, &file));
    assert_null(sc_source_create(file, &w->source));
    w->pages = (struct sc_pages){0};
}

static void close_file(struct world *w) {
    if (w->pages.ops)
        w->pages.ops->destroy(w->pages.impl);
    sc_source_destroy(w->source);
}

static void make(struct world *w, const struct sc_range *run, size_t count) {
    struct sc_ranges list = {0};
    for (size_t i = 0; i < count; i++) {
        struct sc_range *r = SC_VEC_PUSH(&list);
        assert_non_null(r);
        *r = run[i];
    }
    assert_null(sc_runs_pages(w->source, &list, &w->pages));
    assert_null(list.item);
}
#define MAKE(w, ...)                                                                               \
    make(w, (const struct sc_range[]){__VA_ARGS__},                                                \
         sizeof((const struct sc_range[]){__VA_ARGS__}) / sizeof(struct sc_range))

static enum sc_read read_at(struct world *w, uint64_t addr, void *buf, size_t len, size_t *got) {
    return w->pages.ops->read(w->pages.impl, addr, buf, len, got);
}

static void comes_from(struct world *w, uint64_t addr, uint64_t offset) {
    uint8_t byte = 0;
    size_t got = 0;
    uint64_t at = 0;
    assert_int_equal(read_at(w, addr, &byte, 1, &got), SC_READ_OK);
    assert_int_equal(got, 1);
    assert_int_equal(byte, w->data[offset]);
    assert_true(w->pages.ops->offset(w->pages.impl, addr, &at));
    assert_int_equal(at, offset);
}

static void is_absent(struct world *w, uint64_t addr) {
    uint8_t byte = 0;
    size_t got = 7;
    uint64_t at = 0;
    assert_int_equal(read_at(w, addr, &byte, 1, &got), SC_READ_ABSENT);
    assert_int_equal(got, 0);
    assert_false(w->pages.ops->offset(w->pages.impl, addr, &at));
}

static bool noted(const struct world *w, const char *part, uint64_t offset) {
    for (size_t i = 0; i < w->source->nnotes; i++)
        if (strstr(w->source->notes[i].text, part) && w->source->notes[i].offset == offset)
            return true;
    return false;
}

static void runs_in_any_order_are_found(void **state) {
    (void)state;
    struct world w;
    open_file(&w, 0);
    MAKE(&w, {0x8000, 0x100, 0x200}, {0x1000, 0x100, 0}, {0x4000, 0x80, 0x400});
    comes_from(&w, 0x1000, 0);
    comes_from(&w, 0x10ff, 0xff);
    comes_from(&w, 0x407f, 0x47f);
    comes_from(&w, 0x8000, 0x200);
    is_absent(&w, 0xfff);
    is_absent(&w, 0x1100);
    is_absent(&w, 0x4080);
    is_absent(&w, UINT64_MAX);
    assert_int_equal(w.source->nnotes, 0);
    close_file(&w);
}

static void a_read_stops_where_a_run_ends(void **state) {
    (void)state;
    struct world w;
    open_file(&w, 0);
    MAKE(&w, {0x1000, 0x100, 0}, {0x1100, 0x100, 0x300});
    uint8_t buf[0x200];
    size_t got = 0;
    assert_int_equal(read_at(&w, 0x10f0, buf, sizeof buf, &got), SC_READ_OK);
    assert_int_equal(got, 0x10);
    assert_memory_equal(buf, w.data + 0xf0, 0x10);
    close_file(&w);
}

static void views_lie_in_the_file(void **state) {
    (void)state;
    for (int hidden = 0; hidden < 2; hidden++) {
        struct world w;
        open_file(&w, hidden ? SC_FILE_NO_MMAP : 0);
        MAKE(&w, {0x1000, 0x100, 0x40});
        const uint8_t *data = NULL;
        size_t len = 0;
        enum sc_read st = w.pages.ops->view(w.pages.impl, 0x1010, &data, &len);
        assert_int_equal(st, hidden ? SC_READ_ABSENT : SC_READ_OK);
        if (!hidden) {
            assert_ptr_equal(data, w.data + 0x50);
            assert_int_equal(len, 0xf0);
        }
        assert_int_equal(w.pages.ops->view(w.pages.impl, 0x1100, &data, &len), SC_READ_ABSENT);
        close_file(&w);
    }
}

static void empty_runs_are_said(void **state) {
    (void)state;
    struct world w;
    open_file(&w, 0);
    MAKE(&w, {0x1000, 0, 0x10}, {0x2000, 0x100, 0}, {0x3000, 0, 0x20});
    comes_from(&w, 0x2000, 0);
    is_absent(&w, 0x1000);
    assert_true(noted(&w, "2 runs of physical memory without a page", 0x10));
    close_file(&w);
}

static void of_overlapping_runs_the_lower_one_keeps_what_they_share(void **state) {
    (void)state;
    struct world w;
    open_file(&w, 0);
    /* The second begins inside the first, the third lies within, the fourth begins where it does.
     */
    MAKE(&w, {0x1000, 0x100, 0}, {0x1080, 0x100, 0x200}, {0x1010, 0x10, 0x400},
         {0x1000, 0x80, 0x600});
    comes_from(&w, 0x1000, 0);
    comes_from(&w, 0x1010, 0x10);
    comes_from(&w, 0x10ff, 0xff);
    comes_from(&w, 0x1100, 0x280);
    comes_from(&w, 0x117f, 0x2ff);
    is_absent(&w, 0x1180);
    assert_true(noted(&w, "3 runs of physical memory over memory that another one holds", 0x600));
    close_file(&w);
}

/* As cores with a segment for each virtual mapping list it: no byte is left out. */
static void the_same_bytes_listed_twice_are_nothing_odd(void **state) {
    (void)state;
    struct world w;
    open_file(&w, 0);
    MAKE(&w, {0x1000, 0x400, 0x100}, {0x1080, 0x100, 0x180}, {0x1380, 0x100, 0x480});
    comes_from(&w, 0x1080, 0x180);
    comes_from(&w, 0x147f, 0x57f);
    assert_int_equal(w.source->nnotes, 0);
    close_file(&w);
}

static void what_lies_behind_the_end_of_the_file_is_cut_and_said(void **state) {
    (void)state;
    struct world w;
    open_file(&w, 0);
    MAKE(&w, {0x1000, 0x200, FILE_SIZE - 0x100}, {0x2000, 0x100, FILE_SIZE},
         {0x3000, 0x10, UINT64_MAX - 4}, {0x4000, UINT64_MAX - 0x5000, FILE_SIZE - 1});
    comes_from(&w, 0x10ff, FILE_SIZE - 1);
    is_absent(&w, 0x1100);
    is_absent(&w, 0x2000);
    is_absent(&w, 0x3000);
    comes_from(&w, 0x4000, FILE_SIZE - 1);
    is_absent(&w, 0x4001);
    assert_true(noted(&w, "4 runs of physical memory behind the end of the file", FILE_SIZE));
    close_file(&w);
}

static void a_run_does_not_wrap_at_the_top(void **state) {
    (void)state;
    struct world w;
    open_file(&w, 0);
    MAKE(&w, {UINT64_MAX - 0xf, 0x20, 0x40}, {0, 8, 0x100});
    comes_from(&w, UINT64_MAX, 0x4f);
    comes_from(&w, 0, 0x100);
    is_absent(&w, 8);
    assert_true(noted(&w, "1 run of physical memory beyond the top", 0x40));
    uint64_t start = 0, size = 0;
    assert_true(w.pages.ops->next(w.pages.impl, 8, &start, &size));
    assert_true(start == UINT64_MAX - 0xf && size == 0x10);
    close_file(&w);
}

static void no_runs_are_no_memory(void **state) {
    (void)state;
    struct world w;
    open_file(&w, 0);
    make(&w, NULL, 0);
    uint64_t start, size;
    is_absent(&w, 0);
    assert_false(w.pages.ops->next(w.pages.impl, 0, &start, &size));
    close_file(&w);
}

/* Where each byte of the space comes from, by the words of runs.h and nothing else. */
static void naive(const struct sc_range *run, size_t n, int64_t from[SPACE]) {
    for (size_t a = 0; a < SPACE; a++) {
        const struct sc_range *best = NULL;
        from[a] = -1;
        for (size_t i = 0; i < n; i++)
            if (a - run[i].start < run[i].size && a >= run[i].start &&
                run[i].offset + (a - run[i].start) < FILE_SIZE)
                if (!best || run[i].start < best->start)
                    best = &run[i];
        if (best)
            from[a] = (int64_t)(best->offset + (a - best->start));
    }
}

static void like_the_model(struct world *w, const int64_t from[SPACE]) {
    for (uint64_t a = 0; a < SPACE; a++)
        if (from[a] < 0)
            is_absent(w, a);
        else
            comes_from(w, a, (uint64_t)from[a]);
    uint64_t at = 0, start, size;
    while (w->pages.ops->next(w->pages.impl, at, &start, &size)) {
        assert_true(start + size > at);
        for (uint64_t a = at; a < start; a++)
            assert_true(from[a] < 0);
        for (uint64_t a = at < start ? start : at; a < start + size; a++)
            assert_true(from[a] >= 0);
        at = start + size;
    }
    for (; at < SPACE; at++)
        assert_true(from[at] < 0);
}

static void random_lists_read_as_the_model_says(void **state) {
    (void)state;
    uint64_t seed = 7;
    for (int round = 0; round < 300; round++) {
        struct world w;
        struct sc_range run[12];
        static int64_t from[SPACE];
        size_t n = random_below(&seed, 12);
        for (size_t i = 0; i < n; i++) {
            run[i].start = random_below(&seed, 16) * (SPACE / 16);
            run[i].size = random_below(&seed, 5) * (SPACE / 32);
            if (run[i].size > SPACE - run[i].start)
                run[i].size = SPACE - run[i].start;
            run[i].offset = random_below(&seed, FILE_SIZE + 0x100);
        }
        open_file(&w, round & 1 ? SC_FILE_NO_MMAP : 0);
        make(&w, run, n);
        naive(run, n, from);
        like_the_model(&w, from);
        close_file(&w);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(runs_in_any_order_are_found),
        cmocka_unit_test(a_read_stops_where_a_run_ends),
        cmocka_unit_test(views_lie_in_the_file),
        cmocka_unit_test(empty_runs_are_said),
        cmocka_unit_test(of_overlapping_runs_the_lower_one_keeps_what_they_share),
        cmocka_unit_test(the_same_bytes_listed_twice_are_nothing_odd),
        cmocka_unit_test(what_lies_behind_the_end_of_the_file_is_cut_and_said),
        cmocka_unit_test(a_run_does_not_wrap_at_the_top),
        cmocka_unit_test(no_runs_are_no_memory),
        cmocka_unit_test(random_lists_read_as_the_model_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
