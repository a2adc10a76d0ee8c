/* SPDX-License-Identifier: MIT */
/* Hibernation files that lie, were cut off, or go round in circles: said, bounded, the rest read.
 */
#include "hiber_fixture.h"

static uint64_t get(const struct forge_bytes *f, uint64_t at, unsigned size) {
    uint64_t value = 0;
    memcpy(&value, f->data + at, size);
    return value;
}

static void set(struct forge_bytes *f, uint64_t at, uint64_t value, unsigned size) {
    memcpy(f->data + at, &value, size);
}

struct opened {
    struct sc_source *source;
    struct sc_pages pages;
};

static void open_pages(const struct made *m, struct opened *ret) {
    *ret = (struct opened){0};
    must(open_bytes(&m->file, 0, &ret->source));
    must(ret->source->ops->open_pages(ret->source, &ret->pages));
}

static enum sc_read read_page(struct opened *o, uint64_t pfn, uint8_t out[PAGE]) {
    size_t got;
    return o->pages.ops->read(o->pages.impl, pfn * PAGE, out, PAGE, &got);
}

static uint64_t count_pages(struct opened *o) {
    uint64_t n = 0, at = 0, start, size;
    while (o->pages.ops->next(o->pages.impl, at, &start, &size)) {
        n += size / PAGE;
        at = start + size;
    }
    return n;
}

static void check_notes(const struct opened *o, const char *text) {
    if (!note_with(o->source, text))
        fail_msg("no note has \"%s\": %s", text, o->source->nnotes ? o->source->notes[0].text : "");
}

static void finish(struct made *m, struct opened *o) {
    close_all(o->source, &o->pages);
    forge_bytes_free(&m->file);
}

/* What is read is right or is not read: never something else. */
static uint64_t check_rest(struct opened *o) {
    uint8_t got[PAGE], want[PAGE];
    uint64_t right = 0;
    for (size_t i = 0; i < MEMORY_RUNS; i++)
        for (uint64_t k = 0; k < memory_runs[i].count; k++) {
            uint64_t pfn = memory_runs[i].pfn + k;
            if (read_page(o, pfn, got) != SC_READ_OK)
                continue;
            make_page(pfn, want);
            assert_memory_equal(got, want, PAGE);
            right++;
        }
    return right;
}

static void test_files_cut_off_anywhere(void **state) {
    (void)state;
    static const enum forge_hiber_kind kinds[] = {FORGE_HIBER_XP_X86, FORGE_HIBER_7_X64,
                                                  FORGE_HIBER_8_X86, FORGE_HIBER_22000_X64};
    for (size_t k = 0; k < 4; k++) {
        struct made m;
        made_init(&m, kinds[k]);
        m.memory.ragged = true;
        made_write(&m);
        size_t whole = m.file.size;
        uint64_t most = 0;
        for (size_t size = 0; size <= whole; size += size < 0x9000 ? 509 : 100003) {
            struct opened o = {0};
            struct forge_bytes cut = {.data = m.file.data, .size = size};
            sc_err *err = open_bytes(&cut, 0, &o.source);
            if (err) {
                assert_true(size < 0x20000);
                sc_err_destroy(err);
                continue;
            }
            must(o.source->ops->open_pages(o.source, &o.pages));
            uint64_t right = check_rest(&o);
            assert_true(right >= most);
            most = right;
            assert_true(o.source->nnotes);
            close_all(o.source, &o.pages);
        }
        assert_true(most > 300);
        forge_bytes_free(&m.file);
    }
}

static uint64_t table_of(const struct made *m) { return get(&m->file, 0x60, 8) * PAGE; }

static void test_tables_that_go_in_circles(void **state) {
    (void)state;
    for (int to = 0; to < 3; to++) {
        struct made m;
        struct opened o;
        made_init(&m, FORGE_HIBER_7_X64);
        m.memory.ragged = true;
        made_write(&m);
        uint64_t table = table_of(&m), back[] = {table / PAGE, 1, UINT64_MAX / PAGE};
        /* Make the table look full, so that its next one counts. */
        uint64_t count = get(&m.file, table + 8, 4);
        for (uint64_t i = count; i < 255; i++) {
            set(&m.file, table + 0x10 + i * 16, 0x5000000 + i * 2, 8);
            set(&m.file, table + 0x18 + i * 16, 0x5000001 + i * 2, 8);
        }
        set(&m.file, table + 8, 255, 4);
        set(&m.file, table, back[to], 8);
        open_pages(&m, &o);
        check_notes(&o, to == 2 ? "it is not in the file" : "does not lie behind it");
        assert_true(check_rest(&o) > 100);
        finish(&m, &o);
    }
}

/* What stands before a wrong range is right; what comes behind it is at nobody knows which block.
 */
static void test_ranges_that_cannot_be(void **state) {
    (void)state;
    static const struct {
        uint64_t start, end;
    } row[] = {{9, 9}, {9, 8}, {1, UINT64_MAX}, {UINT64_MAX - 1, UINT64_MAX}};
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        struct made m;
        struct opened o;
        made_init(&m, FORGE_HIBER_7_X64);
        made_write(&m);
        set(&m.file, table_of(&m) + 0x30, row[i].start, 8);
        set(&m.file, table_of(&m) + 0x38, row[i].end, 8);
        open_pages(&m, &o);
        check_notes(&o, "one of its ranges has no pages");
        assert_int_equal(check_rest(&o), 63 + 63);
        assert_int_equal(count_pages(&o), 63 + 63);
        finish(&m, &o);
    }
}

/* A range that claims more pages than there are blocks. */
static void test_ranges_without_blocks(void **state) {
    (void)state;
    struct made m;
    struct opened o;
    made_init(&m, FORGE_HIBER_7_X64);
    made_write(&m);
    uint64_t table = table_of(&m), last = get(&m.file, table + 8, 4) - 1;
    set(&m.file, table + 0x18 + last * 16, (uint64_t)1 << 40, 8);
    open_pages(&m, &o);
    check_notes(&o, "no block of compressed pages here");
    assert_true(check_rest(&o) > 700);
    finish(&m, &o);
}

/* Both sets of a new file hold page 0x20: the kernel's is restored last. */
static void test_of_a_page_stored_twice_the_later_counts(void **state) {
    (void)state;
    struct made m;
    struct opened o;
    uint8_t got[PAGE];
    made_init(&m, FORGE_HIBER_17763_X64);
    m.hiber.packing = FORGE_HIBER_STORED;
    made_write(&m);
    uint64_t kernel = get(&m.file, 0x70, 8) * PAGE, first = get(&m.file, kernel + 4, 8) >> 4;
    set(&m.file, kernel + 4, 0x20 << 4 | (get(&m.file, kernel + 4, 8) & 15), 8);
    open_pages(&m, &o);
    check_notes(&o, "stored more than once");
    assert_int_equal(read_page(&o, 0x20, got), SC_READ_OK);
    assert_int_equal(*(uint64_t *)(void *)got, first);
    assert_int_equal(read_page(&o, first, got), SC_READ_ABSENT);
    assert_int_equal(read_page(&o, 0x1f, got), SC_READ_OK); /* what lies around is as it was */
    assert_int_equal(*(uint64_t *)(void *)got, 0x1f);
    finish(&m, &o);
}

/* In an old file the later table, or the later range of one. */
static void test_ranges_that_overlap(void **state) {
    (void)state;
    struct made m;
    struct opened o;
    uint8_t got[PAGE];
    made_init(&m, FORGE_HIBER_7_X64);
    made_write(&m);
    uint64_t table = table_of(&m), count = get(&m.file, table + 8, 4);
    /* The last range of the memory (0x1000001 … 33 pages) is said to be at 0x108. */
    uint64_t start = get(&m.file, table + 0x10 + (count - 1) * 16, 8),
             n = get(&m.file, table + 0x18 + (count - 1) * 16, 8) - start;
    set(&m.file, table + 0x10 + (count - 1) * 16, 0x108, 8);
    set(&m.file, table + 0x18 + (count - 1) * 16, 0x108 + n, 8);
    open_pages(&m, &o);
    check_notes(&o, "stored more than once");
    for (uint64_t pfn = 0x101; pfn < 0x140; pfn++) {
        uint64_t want = pfn >= 0x108 && pfn < 0x108 + n ? start + pfn - 0x108 : pfn;
        assert_int_equal(read_page(&o, pfn, got), SC_READ_OK);
        assert_int_equal(*(uint64_t *)(void *)got, want);
    }
    finish(&m, &o);
}

/* A block that is lost must not make the pages behind it come out as others. */
static void test_a_block_that_is_lost_in_a_table(void **state) {
    (void)state;
    struct made m;
    struct opened o;
    made_init(&m, FORGE_HIBER_7_X64);
    m.hiber.packing = FORGE_HIBER_PLAIN;
    made_write(&m);
    uint64_t at = table_of(&m) + PAGE;
    for (int i = 0; i < 4; i++)
        at += (0x20 + (get(&m.file, at + 9, 3) >> 2) + 1 + 7) & ~7ull;
    m.file.data[at] = 0; /* its mark */
    open_pages(&m, &o);
    check_notes(&o, "no block of compressed pages here");
    assert_int_equal(check_rest(&o), 4 * 16);
    finish(&m, &o);
}

/* Blocks that do not follow each other directly, but are all there. */
static void test_blocks_with_room_between_them(void **state) {
    (void)state;
    struct made m;
    struct opened o;
    made_init(&m, FORGE_HIBER_7_X64);
    m.hiber.packing = FORGE_HIBER_PLAIN;
    made_write(&m);
    uint64_t from = table_of(&m) + PAGE, whole = 0;
    struct forge_bytes wide = {.data = calloc(2, m.file.size), .size = 2 * m.file.size};
    uint64_t to = from;
    memcpy(wide.data, m.file.data, from);
    for (unsigned n = 0; from < m.file.size && m.file.data[from]; n++) {
        uint64_t size = (0x20 + (get(&m.file, from + 9, 3) >> 2) + 1 + 7) & ~7ull;
        if (n % 7 == 5) {
            memset(wide.data + to, 'z', 0x808);
            to += 0x808;
        }
        memcpy(wide.data + to, m.file.data + from, size);
        from += size;
        to += size;
    }
    open_pages(&m, &o);
    whole = check_rest(&o);
    finish(&m, &o);
    m.file = wide;
    open_pages(&m, &o);
    assert_int_equal(check_rest(&o), whole);
    assert_int_equal(o.source->nnotes, 0);
    finish(&m, &o);
}

static void bad_set(void (*damage)(struct forge_bytes *f, uint64_t at), const char *text) {
    struct made m;
    struct opened o;
    made_init(&m, FORGE_HIBER_17763_X64);
    made_write(&m);
    uint64_t at = get(&m.file, 0x70, 8) * PAGE, pages = get(&m.file, 0x230, 8);
    for (int i = 0; i < 3; i++) { /* the fourth set of the kernel's */
        uint32_t word = (uint32_t)get(&m.file, at, 4);
        at += 4 + (word & 0xff) * 8 + (word >> 8 & 0x3fffff);
    }
    damage(&m.file, at);
    open_pages(&m, &o);
    check_notes(&o, text);
    check_notes(&o, "kernel restore set");
    assert_int_equal(check_rest(&o), get(&m.file, 0x58, 8) + 3 * 16);
    assert_true(pages > 100);
    finish(&m, &o);
}

static void no_ranges(struct forge_bytes *f, uint64_t at) { f->data[at] = 0; }
static void many_ranges(struct forge_bytes *f, uint64_t at) { f->data[at] = 17; }
static void no_data(struct forge_bytes *f, uint64_t at) {
    set(f, at, get(f, at, 4) & 0xc00000ff, 4);
}
static void much_data(struct forge_bytes *f, uint64_t at) {
    set(f, at, get(f, at, 4) | 0x3fffff00, 4);
}
static void far_page(struct forge_bytes *f, uint64_t at) { set(f, at + 4, UINT64_MAX, 8); }
static void many_pages(struct forge_bytes *f, uint64_t at) {
    set(f, at, (get(f, at, 4) & 0xffffff00) | 2, 4);
    set(f, at + 4, 0x100f, 8);
    set(f, at + 12, 0x200f, 8);
}

static void test_sets_that_cannot_be(void **state) {
    (void)state;
    bad_set(no_ranges, "it has no pages");
    bad_set(no_data, "it has no pages");
    bad_set(many_ranges, "more ranges than a set can");
    bad_set(much_data, "more bytes than its pages");
    bad_set(far_page, "at addresses that no machine has");
    bad_set(many_pages, "more pages than a set can");
}

static void test_numbers_of_pages_that_no_machine_has(void **state) {
    (void)state;
    struct made m;
    struct opened o;
    made_init(&m, FORGE_HIBER_26100_X64);
    made_write(&m);
    set(&m.file, 0x238, (uint64_t)1 << 52, 8);
    set(&m.file, 0x58, UINT64_MAX, 8);
    open_pages(&m, &o);
    check_notes(&o, "boot restore set");
    check_notes(&o, "kernel restore set");
    assert_true(check_rest(&o) > 700);
    assert_true(count_pages(&o) < 2000);
    finish(&m, &o);
}

static void test_a_block_that_does_not_unpack(void **state) {
    (void)state;
    for (int new = 0; new < 2; new ++) {
        struct made m;
        struct opened o;
        uint8_t got[PAGE];
        made_init(&m, new ? FORGE_HIBER_17763_X64 : FORGE_HIBER_7_X64);
        m.hiber.packing = FORGE_HIBER_PLAIN;
        made_write(&m);
        /* The first block: pages 1 to 16. A match from before the start in its middle. */
        uint64_t at = new ? get(&m.file, 0x68, 8) * PAGE : table_of(&m) + PAGE;
        uint64_t size =
            new ? get(&m.file, at, 4) >> 8 & 0x3fffff : (get(&m.file, at + 9, 3) >> 2) + 1;
        memset(m.file.data + at + 0x20 + size / 2, 0xff, size / 2 - 0x20);
        open_pages(&m, &o);
        assert_int_equal(read_page(&o, 1, got), SC_READ_OK);
        assert_int_equal(read_page(&o, 16, got), SC_READ_IO);
        check_notes(&o, "cannot be unpacked");
        assert_int_equal(read_page(&o, 17, got), SC_READ_OK);
        finish(&m, &o);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_files_cut_off_anywhere),
        cmocka_unit_test(test_tables_that_go_in_circles),
        cmocka_unit_test(test_ranges_that_cannot_be),
        cmocka_unit_test(test_ranges_without_blocks),
        cmocka_unit_test(test_of_a_page_stored_twice_the_later_counts),
        cmocka_unit_test(test_ranges_that_overlap),
        cmocka_unit_test(test_a_block_that_is_lost_in_a_table),
        cmocka_unit_test(test_blocks_with_room_between_them),
        cmocka_unit_test(test_sets_that_cannot_be),
        cmocka_unit_test(test_numbers_of_pages_that_no_machine_has),
        cmocka_unit_test(test_a_block_that_does_not_unpack),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
