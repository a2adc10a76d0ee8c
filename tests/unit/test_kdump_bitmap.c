/* SPDX-License-Identifier: MIT */
/*
 * Bitmap dumps (DumpTypes 5, 6 and 7, live ones among them), and pages behind a bitmap as such:
 * against a list of bits, with bitmaps of more than one chunk, and damaged.
 */
#include "base/vec.h"
#include "dump/bitmap.h"
#include "unit/whole_fixture.h"

/* The forms of the header: that of 64-bit dumps, and three that 32-bit ones may have. */
struct form {
    bool is64;
    unsigned first, present, bits, width, bitmap;
};
static const struct form forms[] = {
    {true, 0x20, 0x28, 0x30, 8, 0x38},
    {false, 0x20, 0x28, 0x30, 8, 0x38},
    {false, 0x20, 0x24, 0x28, 4, 0x2c},
    {false, 0x14, 0x18, 0x1c, 4, 0x20},
};

static size_t round_up(size_t at) { return (at + PAGE - 1) / PAGE * PAGE; }

/* A file whose bitmap of BITS has those of PFN set, which is in ascending order. */
static void make(struct whole *w, const struct form *form, uint32_t type, uint64_t bits,
                 const uint64_t *pfn, size_t n) {
    whole_begin(w, form->is64, type);
    size_t part = whole_head(w), bitmap = part + form->bitmap;
    size_t first = round_up(bitmap + (bits + 7) / 8);
    whole_text(w, part, type == 5 ? "FDMPDUMP" : "SDMPDUMP");
    whole_put(w, part + form->first, first, form->width);
    whole_put(w, part + form->present, n, form->width);
    whole_put(w, part + form->bits, bits, form->width);
    whole_grow(w, first);
    for (size_t i = 0; i < n; i++) {
        w->data[bitmap + pfn[i] / 8] |= (uint8_t)(1 << pfn[i] % 8);
        whole_add_pages(w, first, pfn[i], 1);
    }
}

/* Ascending page numbers below BITS, in runs and alone. */
static size_t random_pages(uint64_t *seed, uint64_t bits, uint64_t *pfn, size_t most) {
    size_t n = 0;
    for (uint64_t at = random_below(seed, 9); at < bits && n < most;) {
        uint64_t run = random_below(seed, 3) ? 1 : 1 + random_below(seed, 90);
        for (; run && at < bits && n < most; run--)
            pfn[n++] = at++;
        at += random_below(seed, 4) ? random_below(seed, 7) : random_below(seed, 300);
    }
    return n;
}

static const uint64_t some[] = {0, 1, 5, 63, 64, 65, 100, 126, 127, 199};
enum { SOME = sizeof some / sizeof *some };

static void pages_are_found_in_dumps_of_every_type(void **state) {
    (void)state;
    for (uint32_t type = 5; type <= 7; type++)
        for (int no_map = 0; no_map < 2; no_map++) {
            struct whole w;
            make(&w, &forms[0], type, 200, some, SOME);
            whole_open(&w, no_map ? SC_FILE_NO_MMAP : 0);
            whole_like_the_list(&w, 256);
            whole_expect_no_notes(&w);
            const struct sc_kdump_memory *m = sc_kdump_memory(w.source);
            assert_int_equal(m->layout, SC_KDUMP_BITMAP);
            assert_int_equal(m->pages, SOME);
            assert_int_equal(m->bits, 200);
            assert_int_equal(m->list_offset, 0x2038);
            whole_close(&w);
        }
}

static void all_three_possible_32_bit_forms_are_read_and_said_to_be_guessed(void **state) {
    (void)state;
    for (size_t i = 1; i < sizeof forms / sizeof *forms; i++)
        for (uint32_t type = 5; type <= 7; type++) {
            struct whole w;
            make(&w, &forms[i], type, 200, some, SOME);
            whole_open(&w, 0);
            whole_expect_note(&w, "documented nowhere: read by analogy", 0x1000);
            assert_int_equal(w.source->nnotes, 1);
            assert_int_equal(sc_kdump_memory(w.source)->list_offset, 0x1000 + forms[i].bitmap);
            assert_true(sc_kdump_memory(w.source)->assumed);
            whole_like_the_list(&w, 256);
            whole_close(&w);
        }
}

/*
 * The third form's bitmap begins where the first form has its numbers, and with these three pages
 * it says there: 8 of 16 pages from 0x2000 on. Only the third form's count of set bits is right.
 */
static void of_two_forms_that_make_sense_the_one_whose_count_is_right_is_taken(void **state) {
    (void)state;
    static const uint64_t pages[] = {13, 67, 132};
    struct whole w;
    make(&w, &forms[3], 6, 200, pages, 3);
    assert_int_equal(w.data[0x1021], 0x20);
    assert_int_equal(w.data[0x1028], 8);
    assert_int_equal(w.data[0x1030], 0x10);
    whole_open(&w, 0);
    assert_int_equal(sc_kdump_memory(w.source)->list_offset, 0x1020);
    whole_like_the_list(&w, 256);
    whole_close(&w);
}

static void a_live_dump_is_a_bitmap_dump(void **state) {
    (void)state;
    struct whole w;
    make(&w, &forms[0], 6, 200, some, SOME);
    whole_put(&w, 0x38, 0x161, 4);
    whole_put(&w, 0x1050, SC_KDUMP_LIVE, 4);
    whole_open(&w, 0);
    whole_like_the_list(&w, 200);
    assert_int_equal(w.source->machine.bugcheck, 0x161);
    assert_int_equal(sc_kdump_header(w.source)->attributes, SC_KDUMP_LIVE);
    whole_close(&w);
}

static void a_dump_of_arm64_is_read_alike(void **state) {
    (void)state;
    struct whole w;
    make(&w, &forms[0], 6, 200, some, SOME);
    whole_put(&w, 0x30, 0xaa64, 4);
    whole_open(&w, 0);
    assert_int_equal(w.source->machine.cpu, SC_CPU_ARM64);
    whole_like_the_list(&w, 200);
    whole_expect_no_notes(&w);
    whole_close(&w);
}

static void the_lowest_bit_of_a_byte_is_the_lowest_page(void **state) {
    (void)state;
    static const uint64_t pages[] = {8, 15};
    struct whole w;
    make(&w, &forms[0], 5, 16, pages, 2);
    assert_int_equal(w.data[0x2038], 0);
    assert_int_equal(w.data[0x2039], 0x81);
    whole_open(&w, 0);
    whole_like_the_list(&w, 16);
    whole_close(&w);
}

static void bits_behind_the_end_of_the_bitmap_are_nothing(void **state) {
    (void)state;
    static const uint64_t pages[] = {3, 12};
    struct whole w;
    make(&w, &forms[0], 5, 13, pages, 2);
    w.data[0x2038 + 1] |= 0xe0;
    memset(w.data + 0x2038 + 2, 0xff, 20);
    whole_open(&w, 0);
    whole_like_the_list(&w, 200);
    whole_expect_no_notes(&w);
    uint64_t listed = 0, held = 0;
    assert_null(sc_kdump_count_pages(w.source, &listed, &held));
    assert_int_equal(listed, 2);
    whole_close(&w);
}

static void reads_and_views_go_on_over_pages_that_follow(void **state) {
    (void)state;
    static const uint64_t pages[] = {3, 4, 5, 7};
    struct whole w;
    uint8_t buf[5 * PAGE];
    size_t got;
    make(&w, &forms[0], 5, 16, pages, 4);
    whole_open(&w, 0);
    assert_int_equal(whole_read(&w, 3 * PAGE + 0x10, buf, sizeof buf, &got), SC_READ_OK);
    assert_int_equal(got, 3 * PAGE - 0x10);
    assert_memory_equal(buf, w.data + 0x3010, got);
    assert_int_equal(whole_read(&w, 3 * PAGE + 0xff0, buf, 0x20, &got), SC_READ_OK);
    assert_int_equal(got, 0x20);
    const uint8_t *view;
    assert_int_equal(w.pages.ops->view(w.pages.impl, 4 * PAGE, &view, &got), SC_READ_OK);
    assert_int_equal(got, 2 * PAGE);
    assert_ptr_equal(view, w.data + 0x3000 + PAGE);
    whole_close(&w);
}

static void random_bitmaps_read_as_they_were_written(void **state) {
    (void)state;
    uint64_t seed = 11, pfn[400];
    for (int round = 0; round < 40; round++) {
        uint64_t bits = 1 + random_below(&seed, round < 20 ? 700 : 3000);
        size_t n = random_pages(&seed, bits, pfn, 400);
        struct whole w;
        if (!n)
            pfn[n++] = 0;
        make(&w, &forms[0], 5 + round % 3, bits, pfn, n);
        whole_open(&w, round & 1 ? SC_FILE_NO_MMAP : 0);
        whole_like_the_list(&w, bits + 70);
        whole_expect_no_notes(&w);
        whole_close(&w);
    }
}

/* ---- the bitmap alone: many chunks, no pages behind it ---- */

struct bits {
    uint8_t *data;
    uint64_t bits, count;
    uint64_t *before; /* set bits before each bit */
    struct sc_source *source;
    struct sc_pages pages;
};

/* A bitmap at the file's start; pages would begin at FIRST, and the file ends at SIZE. */
static void open_bits(struct bits *b, size_t size, uint64_t first, uint64_t present,
                      unsigned flags) {
    sc_file *file = NULL;
    b->before = calloc(b->bits + 1, sizeof *b->before);
    assert_non_null(b->before);
    for (uint64_t i = 0; i < b->bits; i++)
        b->before[i + 1] = b->before[i] + (b->data[i / 8] >> i % 8 & 1);
    b->count = b->before[b->bits];
    assert_null(sc_file_memory("bits", b->data, size, flags, &file));
    assert_null(sc_source_create(file, &b->source));
    const struct sc_bitmap map = {0, b->bits, first, present == SC_UNSET64 ? b->count : present};
    assert_null(sc_bitmap_pages(b->source, &map, &b->pages));
}

static void close_bits(struct bits *b) {
    b->pages.ops->destroy(b->pages.impl);
    sc_source_destroy(b->source);
    free(b->data);
    free(b->before);
}

/* Random words, empty and full stretches. */
static void fill_bits(struct bits *b, uint64_t bits, size_t room, uint64_t seed) {
    *b = (struct bits){.bits = bits, .data = calloc(1, room)};
    assert_non_null(b->data);
    for (size_t i = 0; i < (bits + 7) / 8;) {
        uint64_t kind = random_below(&seed, 4), len = 1 + random_below(&seed, 3000);
        for (; len && i < (bits + 7) / 8; len--, i++)
            b->data[i] = kind == 0   ? 0
                         : kind == 1 ? 0xff
                                     : (uint8_t)(random_next(&seed) & random_next(&seed));
    }
}

static void ranks_are_right_over_many_chunks_in_any_order(void **state) {
    (void)state;
    enum { BITS = 3 * 32768 + 777 };
    const uint64_t first = 0x4000;
    for (int no_map = 0; no_map < 2; no_map++) {
        struct bits b;
        size_t size = first + (size_t)BITS * 2; /* some of the pages, a byte each would do */
        fill_bits(&b, BITS, size, 5);
        open_bits(&b, size, first, SC_UNSET64, no_map ? SC_FILE_NO_MMAP : 0);
        uint64_t seed = 8;
        for (int i = 0; i < 20000; i++) {
            uint64_t pfn = random_below(&seed, BITS), offset = 0;
            bool set = b.data[pfn / 8] >> pfn % 8 & 1;
            uint64_t want = first + b.before[pfn] * PAGE;
            bool there = set && want < size;
            assert_int_equal(b.pages.ops->offset(b.pages.impl, pfn * PAGE, &offset), there);
            if (there)
                assert_int_equal(offset, want);
        }
        close_bits(&b);
    }
}

/* How many pages from PFN on follow each other in their chunk. */
static uint64_t rest_of_run(const struct bits *b, uint64_t pfn) {
    uint64_t end = pfn;
    while (end < b->bits && end / 32768 == pfn / 32768 && b->before[end + 1] > b->before[end])
        end++;
    return end - pfn;
}

/* Views remember the run that they were of; short ones, long ones, chunks in turns. */
static void views_are_right_in_any_order(void **state) {
    (void)state;
    enum { BITS = 3 * 32768 + 777 };
    const uint64_t first = 0x4000, size = first + UINT64_C(3000) * PAGE;
    struct bits b;
    fill_bits(&b, BITS, size, 5);
    memset(b.data + 100, 0xff, 300);
    open_bits(&b, size, first, SC_UNSET64, 0);
    uint64_t seed = 3, near = 0;
    for (int i = 0; i < 20000; i++) {
        const uint8_t *view = NULL;
        size_t len = 0;
        near = i % 3 ? near + random_below(&seed, 40) : random_below(&seed, 4000);
        uint64_t pfn = i % 7 ? near % BITS : random_below(&seed, BITS);
        uint64_t want = first + b.before[pfn] * PAGE, room = want < size ? size - want : 0;
        bool there = (b.data[pfn / 8] >> pfn % 8 & 1) && room;
        enum sc_read status = b.pages.ops->view(b.pages.impl, pfn * PAGE, &view, &len);
        assert_int_equal(status, there ? SC_READ_OK : SC_READ_ABSENT);
        if (!there)
            continue;
        uint64_t run = rest_of_run(&b, pfn) * PAGE;
        assert_ptr_equal(view, b.data + want);
        assert_int_equal(len, run < room ? run : room);
    }
    close_bits(&b);
}

static void walking_names_every_page_that_the_file_has(void **state) {
    (void)state;
    enum { BITS = 2 * 32768 + 100 };
    struct bits b;
    size_t size = 0x3000 + 5000 * PAGE + 0x80;
    fill_bits(&b, BITS, size, 21);
    memset(b.data, 0, 5000); /* the whole first chunk is empty, and a part of the next */
    open_bits(&b, size, 0x3000, SC_UNSET64, 0);
    uint64_t at = 0, start, len, bytes = 0, last = 0;
    while (b.pages.ops->next(b.pages.impl, at, &start, &len)) {
        assert_true(len && start + len > at && start >= last);
        uint64_t offset = 0;
        assert_true(b.pages.ops->offset(b.pages.impl, start, &offset));
        assert_int_equal(offset, 0x3000 + b.before[start / PAGE] * PAGE);
        bytes += len;
        at = last = start + len;
    }
    uint64_t room = size - 0x3000, all = b.count * PAGE;
    assert_int_equal(bytes, all < room ? all : room);
    close_bits(&b);
}

static void a_wrong_count_is_said_once_all_is_counted(void **state) {
    (void)state;
    struct bits b;
    uint64_t start, size;
    fill_bits(&b, 40000, 0x10000, 4);
    b.data[4999] = 0x80; /* the last bit: it is looked for at the end */
    open_bits(&b, 0x10000, 0x2000, 1, 0);
    uint64_t offset;
    b.pages.ops->offset(b.pages.impl, UINT64_C(32767) * PAGE, &offset);
    assert_int_equal(b.source->nnotes, 0); /* the first chunk's last page: no more was counted */
    b.pages.ops->offset(b.pages.impl, UINT64_C(39999) * PAGE, &offset);
    b.pages.ops->next(b.pages.impl, 0, &start, &size);
    bool said = false;
    for (size_t i = 0; i < b.source->nnotes; i++)
        said = said || strstr(b.source->notes[i].text, "but the dump says it holds 0x1");
    assert_true(said);
    close_bits(&b);
}

static void a_bitmap_that_the_file_cuts_off_is_read_as_far_as_it_goes(void **state) {
    (void)state;
    struct bits b;
    uint64_t offset;
    fill_bits(&b, 1 << 20, 0x20000, 9);
    uint8_t *whole = b.data;
    sc_file *file = NULL;
    assert_null(sc_file_memory("bits", whole, 0x1001, 0, &file));
    assert_null(sc_source_create(file, &b.source));
    const struct sc_bitmap map = {0, UINT64_C(1) << 52, 0x100, 5};
    assert_null(sc_bitmap_pages(b.source, &map, &b.pages));
    assert_int_equal(b.source->nnotes, 1);
    assert_non_null(strstr(b.source->notes[0].text, "but the file has bits of 0x8008 of them"));
    assert_false(b.pages.ops->offset(b.pages.impl, UINT64_C(0x8008) * PAGE, &offset));
    assert_false(b.pages.ops->offset(b.pages.impl, UINT64_MAX, &offset));
    close_bits(&b);
}

/* ---- damaged headers ---- */

static void refused(struct whole *w, const char *part, uint64_t offset) {
    whole_open_source(w, 0);
    whole_expect_note(w, part, offset);
    assert_null(w->source->ops->open_pages);
    assert_int_equal(sc_kdump_memory(w->source)->layout, SC_KDUMP_NO_MEMORY);
    assert_int_equal(w->source->machine.bugcheck, 0xe2);
    whole_close(w);
}

static void headers_that_make_no_sense_open_without_memory(void **state) {
    (void)state;
    static const struct {
        unsigned at;
        uint64_t value;
    } rows[] = {
        {0x20, 0x2000},             /* the first page before the bitmap's end */
        {0x20, 0x3001},             /* not aligned */
        {0x20, UINT64_MAX - 0xfff}, /* beyond any file */
        {0x28, 201},                /* more pages than bits */
        {0x28, 0},                  /* no pages */
        {0x30, 0},                  /* no bits */
        {0x30, UINT64_C(1) << 52},  /* more than any machine has */
        {0x30, UINT64_MAX},         /* rounding up would wrap */
        {0x30, UINT64_C(0x100000)}, /* a bitmap over the pages */
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct whole w;
        make(&w, &forms[0], 5, 200, some, SOME);
        whole_put(&w, 0x2000 + rows[i].at, rows[i].value, 8);
        refused(&w, "the list of pages cannot be right", 0x2000);
    }
}

static void a_dump_without_a_signature_opens_without_memory(void **state) {
    (void)state;
    for (unsigned at = 0; at < 8; at += 4) {
        struct whole w;
        make(&w, &forms[0], 5, 200, some, SOME);
        whole_text(&w, 0x2000 + at, "PAGE");
        refused(&w, "no list of the dump's pages", 0x2000);
    }
}

static void a_dump_cut_inside_the_header_of_its_bitmap_opens_without_memory(void **state) {
    (void)state;
    struct whole w;
    make(&w, &forms[0], 5, 200, some, SOME);
    w.size = 0x2030;
    refused(&w, "the list of pages cannot be right", 0x2000);
    make(&w, &forms[0], 5, 200, some, SOME);
    w.size = 0x2000;
    refused(&w, "no list of the dump's pages", 0x2000);
}

static void a_dump_cut_inside_its_bitmap_has_no_page(void **state) {
    (void)state;
    struct whole w;
    make(&w, &forms[0], 5, 200, some, SOME);
    w.size = 0x2040;
    whole_open(&w, 0);
    whole_expect_note(&w, "of its 0xa pages of memory 0xa are not there", 0x2040);
    whole_expect_note(&w, "the file has bits of 0x40 of them", 0x2038);
    for (uint64_t pfn = 0; pfn < 256; pfn++)
        whole_is_absent(&w, pfn);
    uint64_t start, size;
    assert_false(w.pages.ops->next(w.pages.impl, 0, &start, &size));
    whole_close(&w);
}

static void a_dump_cut_short_lacks_its_last_pages_and_says_so(void **state) {
    (void)state;
    for (int no_map = 0; no_map < 2; no_map++) {
        struct whole w;
        uint8_t buf[PAGE];
        size_t got;
        make(&w, &forms[0], 6, 200, some, SOME);
        w.size = 0x3000 + 4 * PAGE + 0x40; /* inside the page 64 */
        whole_open(&w, no_map ? SC_FILE_NO_MMAP : 0);
        whole_expect_note(&w, "of its 0xa pages of memory 0x6 are not there", w.size);
        for (size_t i = 0; i < 4; i++)
            whole_holds(&w, some[i]);
        assert_int_equal(whole_read(&w, 64 * PAGE, buf, PAGE, &got), SC_READ_OK);
        assert_int_equal(got, 0x40);
        assert_int_equal(whole_read(&w, 64 * PAGE + 0x40, buf, 8, &got), SC_READ_ABSENT);
        whole_is_absent(&w, 65);
        whole_is_absent(&w, 199);
        uint64_t start, size;
        assert_true(w.pages.ops->next(w.pages.impl, 63 * PAGE, &start, &size));
        assert_int_equal(start, 63 * PAGE);
        assert_int_equal(size, PAGE + 0x40);
        assert_false(w.pages.ops->next(w.pages.impl, 64 * PAGE + 0x40, &start, &size));
        whole_expect_note(&w, "should lie here, behind the end of the file",
                          0x3000 + 4 * PAGE + 0x40);
        whole_close(&w);
    }
}

static void more_bits_than_pages_are_said(void **state) {
    (void)state;
    struct whole w;
    make(&w, &forms[0], 6, 200, some, SOME);
    whole_put(&w, 0x2028, SOME - 2, 8);
    whole_open(&w, 0);
    whole_like_the_list(&w, 200);
    whole_expect_note(&w, "the bitmap has 0xa pages, but the dump says it holds 0x8", 0x2038);
    uint64_t listed = 0, held = 0;
    assert_null(sc_kdump_count_pages(w.source, &listed, &held));
    assert_int_equal(listed, SOME);
    assert_int_equal(held, SOME);
    whole_close(&w);
}

/* DumpType says one thing, what stands behind the header another. */
static void what_stands_there_counts_not_the_type(void **state) {
    (void)state;
    struct whole w;
    make(&w, &forms[0], 2, 200, some, SOME);
    whole_open(&w, 0);
    whole_expect_note(&w, "DumpType is 2, but the pages are listed by a BITMAP_DUMP64", 0x2000);
    whole_like_the_list(&w, 200);
    whole_close(&w);
    make(&w, &forms[0], 1, 200, some, SOME); /* its runs are filler */
    whole_open(&w, 0);
    whole_expect_note(&w, "DumpType is 1, but the pages are listed by a BITMAP_DUMP64", 0x2000);
    whole_like_the_list(&w, 200);
    whole_close(&w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pages_are_found_in_dumps_of_every_type),
        cmocka_unit_test(all_three_possible_32_bit_forms_are_read_and_said_to_be_guessed),
        cmocka_unit_test(of_two_forms_that_make_sense_the_one_whose_count_is_right_is_taken),
        cmocka_unit_test(a_live_dump_is_a_bitmap_dump),
        cmocka_unit_test(a_dump_of_arm64_is_read_alike),
        cmocka_unit_test(the_lowest_bit_of_a_byte_is_the_lowest_page),
        cmocka_unit_test(bits_behind_the_end_of_the_bitmap_are_nothing),
        cmocka_unit_test(reads_and_views_go_on_over_pages_that_follow),
        cmocka_unit_test(random_bitmaps_read_as_they_were_written),
        cmocka_unit_test(ranks_are_right_over_many_chunks_in_any_order),
        cmocka_unit_test(views_are_right_in_any_order),
        cmocka_unit_test(walking_names_every_page_that_the_file_has),
        cmocka_unit_test(a_wrong_count_is_said_once_all_is_counted),
        cmocka_unit_test(a_bitmap_that_the_file_cuts_off_is_read_as_far_as_it_goes),
        cmocka_unit_test(headers_that_make_no_sense_open_without_memory),
        cmocka_unit_test(a_dump_without_a_signature_opens_without_memory),
        cmocka_unit_test(a_dump_cut_inside_the_header_of_its_bitmap_opens_without_memory),
        cmocka_unit_test(a_dump_cut_inside_its_bitmap_has_no_page),
        cmocka_unit_test(a_dump_cut_short_lacks_its_last_pages_and_says_so),
        cmocka_unit_test(more_bits_than_pages_are_said),
        cmocka_unit_test(what_stands_there_counts_not_the_type),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
