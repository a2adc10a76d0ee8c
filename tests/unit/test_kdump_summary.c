/* SPDX-License-Identifier: MIT */
/* Kernel memory dumps up to Windows 7 (DumpType 2): SUMMARY_DUMP32 and SUMMARY_DUMP64. */
#include "unit/whole_fixture.h"

static const uint64_t some[] = {0, 2, 3, 17, 31, 32, 33, 94};
enum { SOME = sizeof some / sizeof *some, BITS = 95 };

static size_t bitmap_of(const struct whole *w) { return whole_head(w) + (w->is64 ? 0x28 : 0x20); }

static void make(struct whole *w, bool is64, const uint64_t *pfn, size_t n, uint64_t bits) {
    whole_begin(w, is64, 2);
    size_t part = whole_head(w), end = bitmap_of(w) + (bits + 7) / 8;
    size_t first = (end + PAGE - 1) / PAGE * PAGE;
    whole_text(w, part, "SDMPDUMP");
    whole_put(w, part + 0x08, 1, 4);
    whole_put(w, part + 0x0c, first, 4);
    whole_put(w, part + 0x10, bits, 4);
    whole_put(w, part + 0x14, n, 4);
    whole_put(w, part + 0x18, bits, 4);
    whole_ptr(w, part + (is64 ? 0x20 : 0x1c), is64 ? 0xfffffa8001234000 : 0x89876000);
    whole_grow(w, first);
    for (size_t i = 0; i < n; i++) {
        w->data[bitmap_of(w) + pfn[i] / 8] |= (uint8_t)(1 << pfn[i] % 8);
        whole_add_pages(w, first, pfn[i], 1);
    }
}

static void pages_are_found_in_both_widths(void **state) {
    (void)state;
    for (int kind = 0; kind < 4; kind++) {
        struct whole w;
        make(&w, kind & 1, some, SOME, BITS);
        whole_open(&w, kind & 2 ? SC_FILE_NO_MMAP : 0);
        whole_like_the_list(&w, 128);
        whole_expect_no_notes(&w);
        const struct sc_kdump_memory *m = sc_kdump_memory(w.source);
        assert_int_equal(m->layout, SC_KDUMP_SUMMARY);
        assert_string_equal(m->name, kind & 1 ? "SUMMARY_DUMP64" : "SUMMARY_DUMP32");
        assert_int_equal(m->options, 1);
        assert_int_equal(m->bits, BITS);
        assert_int_equal(m->rtl_bits, BITS);
        assert_int_equal(m->pages, SOME);
        assert_int_equal(m->first_page, whole_head(&w) + PAGE);
        assert_false(m->assumed);
        whole_close(&w);
    }
}

static void random_dumps_read_as_they_were_written(void **state) {
    (void)state;
    uint64_t seed = 17, pfn[300];
    for (int round = 0; round < 30; round++) {
        uint64_t bits = 300 + random_below(&seed, 900);
        size_t n = 0;
        for (uint64_t at = random_below(&seed, 5); at < bits && n < 300;
             at += 1 + (random_below(&seed, 3) ? 0 : random_below(&seed, 40)))
            pfn[n++] = at;
        struct whole w;
        make(&w, round & 1, pfn, n, bits);
        whole_open(&w, round & 2 ? SC_FILE_NO_MMAP : 0);
        whole_like_the_list(&w, bits + 9);
        whole_expect_no_notes(&w);
        whole_close(&w);
    }
}

static void two_sizes_that_disagree_are_said(void **state) {
    (void)state;
    struct whole w;
    make(&w, true, some, SOME, BITS);
    whole_put(&w, 0x2018, 0x1000, 4);
    whole_open(&w, 0);
    whole_expect_note(&w, "Bitmap.SizeOfBitMap is 0x1000, but BitmapSize is 0x5f", 0x2018);
    whole_like_the_list(&w, 128);
    whole_close(&w);
}

static void a_wrong_number_of_pages_is_said(void **state) {
    (void)state;
    for (int is64 = 0; is64 < 2; is64++) {
        struct whole w;
        make(&w, is64, some, SOME, BITS);
        whole_put(&w, whole_head(&w) + 0x14, SOME + 1, 4);
        whole_open(&w, 0);
        whole_like_the_list(&w, 128);
        whole_expect_note(&w, "the bitmap has 0x8 pages, but the dump says it holds 0x9",
                          bitmap_of(&w));
        whole_expect_note(&w, "of its 0x9 pages of memory 0x1 are not there", w.size);
        whole_close(&w);
    }
}

static void headers_that_make_no_sense_open_without_memory(void **state) {
    (void)state;
    static const struct {
        unsigned at;
        uint32_t value;
    } rows[] = {
        {0x0c, 0},          /* the first page in the header */
        {0x0c, 0x2000},     /* before the bitmap */
        {0x0c, 0x3010},     /* not aligned */
        {0x10, 0},          /* no bits */
        {0x10, 0xffffffff}, /* a bitmap over the pages */
        {0x14, 0},          /* no pages */
        {0x14, BITS + 1},   /* more pages than bits */
        {0x00, 0x45474150}, /* filler */
    };
    for (int is64 = 0; is64 < 2; is64++)
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
            struct whole w;
            make(&w, is64, some, SOME, BITS);
            whole_put(&w, whole_head(&w) + rows[i].at,
                      rows[i].at == 0x0c && !is64 && rows[i].value ? rows[i].value - 0x1000
                                                                   : rows[i].value,
                      4);
            whole_open_source(&w, 0);
            whole_expect_note(&w, rows[i].at ? "the list of pages cannot be right" : "no list",
                              whole_head(&w));
            assert_null(w.source->ops->open_pages);
            assert_int_equal(w.source->machine.bugcheck, 0xe2);
            whole_close(&w);
        }
}

static void a_dump_cut_short_lacks_its_last_pages_and_says_so(void **state) {
    (void)state;
    for (int is64 = 0; is64 < 2; is64++) {
        struct whole w;
        make(&w, is64, some, SOME, BITS);
        w.size -= 2 * PAGE;
        w.npfns -= 2;
        whole_open(&w, 0);
        whole_expect_note(&w, "of its 0x8 pages of memory 0x2 are not there", w.size);
        whole_like_the_list(&w, 128);
        whole_close(&w);
    }
}

/* Windows 8 and later write the bitmap's newer form; a type that says otherwise is not believed. */
static void the_old_form_is_read_under_a_new_type(void **state) {
    (void)state;
    for (int is64 = 0; is64 < 2; is64++) {
        struct whole w;
        make(&w, is64, some, SOME, BITS);
        whole_put(&w, is64 ? 0xf98 : 0xf88, 6, 4);
        whole_open(&w, 0);
        whole_expect_note(&w, "DumpType is 6, but the pages are listed by a SUMMARY_DUMP",
                          whole_head(&w));
        whole_like_the_list(&w, 128);
        whole_close(&w);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pages_are_found_in_both_widths),
        cmocka_unit_test(random_dumps_read_as_they_were_written),
        cmocka_unit_test(two_sizes_that_disagree_are_said),
        cmocka_unit_test(a_wrong_number_of_pages_is_said),
        cmocka_unit_test(headers_that_make_no_sense_open_without_memory),
        cmocka_unit_test(a_dump_cut_short_lacks_its_last_pages_and_says_so),
        cmocka_unit_test(the_old_form_is_read_under_a_new_type),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
