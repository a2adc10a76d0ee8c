/* SPDX-License-Identifier: MIT */
/* Dumps that a debugger wrote (DumpTypes 8, 9 and 0xA): ranges of pages. */
#include "unit/whole_fixture.h"

struct range {
    uint64_t base, count;
};
static const struct range some[] = {{0x10, 4}, {0x3, 1}, {0x20, 2}, {0x16, 3}};
enum { SOME = sizeof some / sizeof *some, PAGES = 10 };

/* The list has room for SPARE empty entries behind its own. */
static void make(struct whole *w, bool is64, uint32_t type, const struct range *range, size_t n,
                 size_t spare) {
    whole_begin(w, is64, type);
    size_t part = whole_head(w), end = part + 0x30 + (n + spare) * 16, first = end, pages = 0;
    whole_put(w, part, 0x40, 4);
    whole_text(w, part + 4, "RDMPDUMP");
    whole_put(w, part + 0x10, first - part - 0x20, 8);
    whole_put(w, part + 0x18, first, 8);
    whole_put(w, part + 0x20, 0x7777777777777777, 8);
    whole_put(w, part + 0x28, 0x6666666666666666, 8);
    whole_grow(w, first);
    for (size_t i = 0; i < n; i++) {
        whole_put(w, part + 0x30 + i * 16, range[i].base, 8);
        whole_put(w, part + 0x38 + i * 16, range[i].count, 8);
        whole_add_pages(w, first, range[i].base, range[i].count);
        pages += range[i].count;
    }
    if (type == 10) {
        whole_put(w, part + 0x20, n, 4);
        whole_put(w, part + 0x28, pages, 8);
    }
}

static void pages_are_found_in_dumps_of_every_type(void **state) {
    (void)state;
    for (uint32_t type = 8; type <= 10; type++)
        for (int kind = 0; kind < 4; kind++) {
            struct whole w;
            make(&w, true, type, some, SOME, kind & 1 ? 5 : 0);
            whole_open(&w, kind & 2 ? SC_FILE_NO_MMAP : 0);
            whole_like_the_list(&w, 0x40);
            whole_expect_no_notes(&w);
            const struct sc_kdump_memory *m = sc_kdump_memory(w.source);
            assert_int_equal(m->layout, SC_KDUMP_RANGES);
            assert_int_equal(m->nranges, type == 10 ? SOME : 0);
            assert_true(m->pages == (type == 10 ? PAGES : SC_UNSET64));
            uint64_t listed = 0, held = 0;
            assert_null(sc_kdump_count_pages(w.source, &listed, &held));
            assert_int_equal(listed, PAGES);
            assert_int_equal(held, PAGES);
            whole_close(&w);
        }
}

static void a_32_bit_form_is_read_by_analogy(void **state) {
    (void)state;
    struct whole w;
    make(&w, false, 10, some, SOME, 2);
    whole_open(&w, 0);
    whole_expect_note(&w, "documented nowhere", 0x1000);
    assert_true(sc_kdump_memory(w.source)->assumed);
    whole_like_the_list(&w, 0x40);
    whole_close(&w);
}

static void the_list_of_types_8_and_9_ends_at_page_0(void **state) {
    (void)state;
    static const struct range ranges[] = {{5, 2}, {0, 9}, {8, 1}};
    struct whole w;
    make(&w, true, 8, ranges, 3, 0);
    whole_open(&w, 0);
    w.npfns = 2;
    whole_like_the_list(&w, 0x20);
    whole_close(&w);
}

static void a_complete_dump_may_hold_page_0(void **state) {
    (void)state;
    static const struct range ranges[] = {{0, 2}, {8, 1}};
    struct whole w;
    make(&w, true, 10, ranges, 2, 1);
    whole_open(&w, 0);
    whole_like_the_list(&w, 0x20);
    whole_expect_no_notes(&w);
    whole_close(&w);
}

static void a_complete_dumps_list_ends_with_its_pages(void **state) {
    (void)state;
    static const struct range ranges[] = {{5, 2}, {8, 1}, {0x10, 1}};
    struct whole w;
    make(&w, true, 10, ranges, 3, 0);
    whole_put(&w, 0x2028, 3, 8);
    whole_put(&w, 0x2020, 2, 4);
    whole_open(&w, 0);
    w.npfns = 3;
    whole_like_the_list(&w, 0x20);
    whole_expect_no_notes(&w);
    whole_close(&w);
}

static void announcements_that_do_not_hold_are_said(void **state) {
    (void)state;
    struct whole w;
    make(&w, true, 10, some, SOME, 3);
    whole_put(&w, 0x2028, PAGES + 5, 8);
    whole_open(&w, 0);
    whole_expect_note(&w, "0xf pages in 4 ranges are announced, but 0xa in 4 are listed", 0x2020);
    whole_like_the_list(&w, 0x40);
    whole_close(&w);
    make(&w, true, 10, some, SOME, 3);
    whole_put(&w, 0x2020, 77, 4);
    whole_open(&w, 0);
    whole_expect_note(&w, "0xa pages in 77 ranges are announced", 0x2020);
    whole_like_the_list(&w, 0x40);
    whole_close(&w);
}

static void a_list_never_runs_into_the_pages(void **state) {
    (void)state;
    struct whole w;
    make(&w, true, 9, some, SOME, 0);
    whole_put(&w, 0x2010, UINT64_MAX, 8); /* MetadataSize */
    whole_open(&w, 0);
    whole_expect_note(&w, "MetadataSize is 0xffffffffffffffff, but the first page lies at", 0x2010);
    whole_like_the_list(&w, 0x40);
    whole_close(&w);
    make(&w, true, 9, some, SOME, 0);
    whole_put(&w, 0x2010, 0x10 + 2 * 16, 8);
    whole_open(&w, 0);
    w.npfns = 5; /* two ranges */
    whole_like_the_list(&w, 0x40);
    whole_close(&w);
}

static void ranges_beyond_physical_memory_are_said(void **state) {
    (void)state;
    static const struct range ranges[] = {{5, 2}, {8, 1}};
    struct whole w;
    make(&w, true, 8, ranges, 2, 1);
    whole_put(&w, 0x2040, UINT64_MAX / 2, 8);
    whole_put(&w, 0x2050, 9, 8);
    whole_put(&w, 0x2058, UINT64_MAX, 8);
    whole_open(&w, 0);
    whole_expect_note(&w, "2 page ranges lie beyond the physical address space", 0x2030);
    whole_holds(&w, 5);
    whole_holds(&w, 6);
    whole_is_absent(&w, 8);
    whole_is_absent(&w, 9);
    whole_close(&w);
}

static void headers_that_make_no_sense_open_without_memory(void **state) {
    (void)state;
    static const struct {
        unsigned at;
        uint64_t value;
        const char *part;
    } rows[] = {
        {0x04, 0, "no list of the dump's pages"},
        {0x08, 0, "no list of the dump's pages"},
        {0x18, 0, "the list of pages cannot be right"},
        {0x18, 0x202f, "the list of pages cannot be right"},
        {0x18, UINT64_MAX, "the list of pages cannot be right"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct whole w;
        make(&w, true, 10, some, SOME, 0);
        whole_put(&w, 0x2000 + rows[i].at, rows[i].value, rows[i].at < 0x10 ? 4 : 8);
        whole_open_source(&w, 0);
        whole_expect_note(&w, rows[i].part, 0x2000);
        assert_null(w.source->ops->open_pages);
        whole_close(&w);
    }
}

static void a_dump_cut_short_lacks_its_last_pages_and_says_so(void **state) {
    (void)state;
    for (uint32_t type = 8; type <= 10; type++) {
        struct whole w;
        make(&w, true, type, some, SOME, 1);
        w.size -= 4 * PAGE;
        w.npfns -= 4;
        whole_open(&w, 0);
        whole_expect_note(&w, "of its 0xa pages of memory 0x4 are not there", w.size);
        assert_int_equal(w.source->nnotes, 1);
        whole_like_the_list(&w, 0x40);
        whole_close(&w);
        make(&w, true, type, some, SOME, 0);
        w.size = 0x2030 + 2 * 16 + 4; /* inside the list */
        w.npfns = 0;
        whole_open(&w, 0);
        whole_expect_note(&w, "the file ends inside its list of page ranges", w.size);
        whole_like_the_list(&w, 0x40);
        whole_close(&w);
    }
}

static void a_marker_that_is_not_the_known_one_is_said(void **state) {
    (void)state;
    struct whole w;
    make(&w, true, 8, some, SOME, 1);
    whole_put(&w, 0x2000, 0x41, 4);
    whole_open(&w, 0);
    whole_expect_note(&w, "the page ranges begin with 0x41 instead of 0x40", 0x2000);
    whole_like_the_list(&w, 0x40);
    whole_close(&w);
}

static void random_lists_read_as_they_were_written(void **state) {
    (void)state;
    uint64_t seed = 31;
    for (int round = 0; round < 40; round++) {
        struct range ranges[40];
        size_t n = 1 + random_below(&seed, 40);
        uint64_t pfn = 1;
        for (size_t i = 0; i < n; i++) {
            pfn += random_below(&seed, 9);
            ranges[i] = (struct range){pfn, 1 + random_below(&seed, 6)};
            pfn += ranges[i].count;
        }
        for (size_t i = n - 1; i; i--) { /* in any order */
            size_t j = random_below(&seed, i + 1);
            struct range r = ranges[i];
            ranges[i] = ranges[j];
            ranges[j] = r;
        }
        struct whole w;
        make(&w, true, 8 + round % 3, ranges, n, random_below(&seed, 4));
        whole_open(&w, round & 1 ? SC_FILE_NO_MMAP : 0);
        whole_like_the_list(&w, pfn + 3);
        whole_expect_no_notes(&w);
        whole_close(&w);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pages_are_found_in_dumps_of_every_type),
        cmocka_unit_test(a_32_bit_form_is_read_by_analogy),
        cmocka_unit_test(the_list_of_types_8_and_9_ends_at_page_0),
        cmocka_unit_test(a_complete_dump_may_hold_page_0),
        cmocka_unit_test(a_complete_dumps_list_ends_with_its_pages),
        cmocka_unit_test(announcements_that_do_not_hold_are_said),
        cmocka_unit_test(a_list_never_runs_into_the_pages),
        cmocka_unit_test(ranges_beyond_physical_memory_are_said),
        cmocka_unit_test(headers_that_make_no_sense_open_without_memory),
        cmocka_unit_test(a_dump_cut_short_lacks_its_last_pages_and_says_so),
        cmocka_unit_test(a_marker_that_is_not_the_known_one_is_said),
        cmocka_unit_test(random_lists_read_as_they_were_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
