/* SPDX-License-Identifier: MIT */
/*
 * Virtual memory through page tables: reads with a cold and a warm cache, page files, views, and
 * the walk over all that is there, also where tables lead to themselves.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "paging_fixture.h"

static const enum sc_paging_mode modes[] = {SC_PAGING_X86, SC_PAGING_PAE, SC_PAGING_X64,
                                            SC_PAGING_X64_LA57, SC_PAGING_ARM64};
enum { MODES = sizeof modes / sizeof *modes, PAGES = 3000 };

static uint64_t kernel_of(enum sc_paging_mode mode) {
    return mode == SC_PAGING_X86 || mode == SC_PAGING_PAE ? 0x80000000 : KERNEL64;
}

/* Pages from VA on, each with its own address at its beginning, in a scattered order. */
static void map_many(struct tables *t, uint64_t va, unsigned count) {
    for (unsigned i = 0; i < count; i++) {
        uint64_t at = va + (uint64_t)i * 0x1000, pa = 0x10000000 + (i * 7919u % 4096) * 0x1000ull;
        map_page(t, at, pa);
        pagestore_u64(&t->ps, pa, at);
        pagestore_u64(&t->ps, pa + 0xff8, ~at);
    }
}

static void what_is_read_is_what_was_mapped_cold_and_warm(void **state) {
    (void)state;
    for (unsigned k = 0; k < MODES * 2; k++) {
        struct tables t;
        uint64_t base = kernel_of(modes[k / 2]), v;
        tables_init(&t, modes[k / 2]);
        t.ps.no_view = k % 2 != 0;
        map_many(&t, base, PAGES);
        sc_space *s = tables_space(&t, NULL, NULL);
        for (unsigned round = 0; round < 2; round++)
            for (unsigned i = 0; i < PAGES; i++) {
                uint64_t va = base + (uint64_t)i * 0x1000;
                assert_int_equal(sc_space_uint(s, va, 8, &v), SC_READ_OK);
                assert_int_equal(v, va);
                assert_int_equal(sc_space_uint(s, va + 0xff8, 8, &v), SC_READ_OK);
                assert_int_equal(v, ~va);
            }
        uint8_t buf[0x5000];
        size_t got;
        uint64_t end = base + PAGES * 0x1000ull;
        assert_int_equal(sc_space_read(s, end - 0x1800, buf, sizeof buf, &got), SC_READ_INVALID);
        assert_int_equal(got, 0x1800);
        tables_deinit(&t);
    }
}

static void a_warm_page_costs_no_entries_and_its_neighbour_one(void **state) {
    (void)state;
    struct tables t;
    uint64_t v;
    tables_init(&t, SC_PAGING_X64);
    map_many(&t, KERNEL64, 2);
    sc_space *s = tables_space(&t, NULL, NULL);
    sc_space_uint(s, KERNEL64, 8, &v);
    assert_int_equal(t.ps.reads, 4);
    sc_space_uint(s, KERNEL64 + 8, 8, &v);
    assert_int_equal(t.ps.reads, 4);
    sc_space_uint(s, KERNEL64 + 0x1000, 8, &v);
    assert_int_equal(t.ps.reads, 5);
    sc_space_uint(s, KERNEL64 + 0x2000, 8, &v); /* nothing there */
    sc_space_uint(s, KERNEL64 + 0x2000, 8, &v);
    assert_int_equal(t.ps.reads, 6);
    tables_deinit(&t);
}

static void pages_that_are_read_in_part_are_copied_once_and_the_last_copies_kept(void **state) {
    (void)state;
    struct tables t;
    uint64_t v, first = KERNEL64, reads;
    tables_init(&t, SC_PAGING_X64);
    map_many(&t, first, PAGES);
    sc_space *s = tables_space(&t, NULL, NULL);
    sc_translated_copy(&t.pages);
    sc_space_uint(s, first, 8, &v);
    reads = t.ps.reads;
    pagestore_u64(&t.ps, 0x10000010, 0x77); /* what is copied is not looked at again */
    assert_int_equal(sc_space_uint(s, first + 0x10, 8, &v), SC_READ_OK);
    assert_int_equal(v, 0);
    assert_int_equal(t.ps.reads, reads);
    for (unsigned round = 0; round < 2; round++)
        for (unsigned i = 0; i < PAGES; i++) {
            uint64_t va = first + (uint64_t)i * 0x1000;
            assert_int_equal(sc_space_uint(s, va, 8, &v), SC_READ_OK);
            assert_int_equal(v, va);
            assert_int_equal(sc_space_uint(s, va + 0xff8, 8, &v), SC_READ_OK);
            assert_int_equal(v, ~va);
        }
    tables_deinit(&t);
}

static void a_copy_that_cannot_be_made_is_said_and_tried_again(void **state) {
    (void)state;
    struct tables t;
    uint64_t v = 1;
    tables_init(&t, SC_PAGING_X64);
    map_many(&t, KERNEL64, 2);
    sc_space *s = tables_space(&t, NULL, NULL);
    sc_translated_copy(&t.pages);
    t.ps.fail_at = 5; /* behind the entries of four levels */
    t.ps.fail_status = SC_READ_IO;
    assert_int_equal(sc_space_uint(s, KERNEL64, 8, &v), SC_READ_IO);
    assert_int_equal(v, 1);
    assert_int_equal(sc_space_uint(s, KERNEL64, 8, &v), SC_READ_OK);
    assert_int_equal(v, KERNEL64);
    tables_deinit(&t);
}

static void whole_pages_that_lie_together_are_read_at_once(void **state) {
    (void)state;
    static uint8_t buf[0x9000];
    struct tables t;
    size_t got;
    tables_init(&t, SC_PAGING_X64);
    for (unsigned i = 0; i < 9; i++) { /* the last three lie apart */
        uint64_t va = KERNEL64 + i * 0x1000ull, pa = 0x10000000 + i * 0x1000ull;
        pa += i >= 6 ? 0x100000 * i : 0;
        map_page(&t, va, pa);
        pagestore_u64(&t.ps, pa + 8, va);
    }
    sc_space *s = tables_space(&t, NULL, NULL);
    sc_translated_copy(&t.pages);
    assert_int_equal(sc_space_read(s, KERNEL64, buf, 0x8800, &got), SC_READ_OK);
    for (unsigned i = 0; i < 9; i++) {
        uint64_t v;
        memcpy(&v, buf + i * 0x1000 + 8, 8);
        assert_int_equal(v, KERNEL64 + i * 0x1000ull);
    }
    assert_int_equal(sc_space_read(s, KERNEL64 + 0x1000, buf, 0x9000, &got), SC_READ_INVALID);
    assert_int_equal(got, 0x8000);
    tables_deinit(&t);
}

static void other_tables_show_other_memory(void **state) {
    (void)state;
    struct tables t;
    uint64_t v;
    tables_init(&t, SC_PAGING_X64);
    map_page(&t, 0x10000, 0x8000);
    pagestore_u64(&t.ps, 0x8000, 8);
    pagestore_u64(&t.ps, 0x9000, 9);
    sc_space *s = tables_space(&t, NULL, NULL);
    assert_int_equal(sc_space_uint(s, 0x10000, 8, &v), SC_READ_OK);
    assert_int_equal(v, 8);
    t.paging.root = t.free;
    t.free += 0x1000;
    pagestore_page(&t.ps, t.paging.root);
    map_page(&t, 0x10000, 0x9000);
    sc_translated_set(sc_space_pages(s), &t.paging);
    assert_int_equal(sc_translated_paging(sc_space_pages(s))->root, t.paging.root);
    assert_int_equal(sc_space_uint(s, 0x10000, 8, &v), SC_READ_OK);
    assert_int_equal(v, 9);
    tables_deinit(&t);
}

static void failures_of_the_file_are_not_remembered(void **state) {
    (void)state;
    struct tables t;
    uint64_t v;
    tables_init(&t, SC_PAGING_X64);
    map_many(&t, KERNEL64, 1);
    sc_space *s = tables_space(&t, NULL, NULL);
    t.ps.fail_at = 2;
    t.ps.fail_status = SC_READ_IO;
    assert_int_equal(sc_space_uint(s, KERNEL64, 8, &v), SC_READ_IO);
    assert_int_equal(sc_space_io_failures(s), 1);
    assert_int_equal(sc_space_uint(s, KERNEL64, 8, &v), SC_READ_OK);
    tables_deinit(&t);
}

static void views_are_pages_in_place(void **state) {
    (void)state;
    struct tables t;
    const uint8_t *data;
    size_t len;
    tables_init(&t, SC_PAGING_X64);
    set_entry(&t, 1, KERNEL64, 0x400000e7);
    map_page(&t, 0x10000, 0x8000);
    pagestore_page(&t.ps, 0x40123000);
    sc_space *s = tables_space(&t, NULL, NULL);
    assert_int_equal(sc_space_view(s, KERNEL64 + 0x123010, &data, &len), SC_READ_OK);
    assert_ptr_equal(data, pagestore_find(&t.ps, 0x40123000) + 0x10);
    assert_int_equal(len, 0xff0);
    assert_int_equal(sc_space_view(s, KERNEL64, &data, &len), SC_READ_ABSENT);
    assert_int_equal(sc_space_view(s, 0x20000, &data, &len), SC_READ_INVALID);
    tables_deinit(&t);
}

/* ---- page files ---- */

struct file {
    unsigned calls;
    enum sc_read status;
};

static enum sc_read read_file(void *ctx, unsigned number, uint64_t page, uint8_t buf[0x1000]) {
    struct file *f = ctx;
    f->calls++;
    memset(buf, (int)(number * 16 + page), 0x1000);
    return f->status;
}

static void pages_come_out_of_page_files(void **state) {
    (void)state;
    struct tables t;
    struct file f = {.status = SC_READ_OK};
    uint64_t v;
    tables_init(&t, SC_PAGING_X64);
    for (unsigned i = 0; i < 6; i++)
        set_entry(&t, 0, 0x10000 + i * 0x1000, (uint64_t)i << 32 | 1 << 12 | 0xf0);
    sc_space *s = tables_space(&t, read_file, &f);
    for (unsigned round = 0; round < 2; round++)
        for (unsigned i = 0; i < 6; i++) {
            assert_int_equal(sc_space_uint(s, 0x10000 + i * 0x1000, 1, &v), SC_READ_OK);
            assert_int_equal(v, 16 + i);
        }
    f.calls = 0;
    assert_int_equal(sc_space_uint(s, 0x15800, 1, &v), SC_READ_OK);
    assert_int_equal(f.calls, 0); /* one of the last few */
    f.status = SC_READ_IO;
    assert_int_equal(sc_space_uint(s, 0x10000, 1, &v), SC_READ_IO);
    f.status = SC_READ_OK;
    assert_int_equal(sc_space_uint(s, 0x10000, 1, &v), SC_READ_OK);
    assert_int_equal(v, 16);
    s = tables_space(&t, NULL, NULL);
    assert_int_equal(sc_space_uint(s, 0x10000, 1, &v), SC_READ_PAGED_OUT);
    tables_deinit(&t);
}

/* ---- walking ---- */

struct walked {
    uint64_t runs, bytes, first, last;
    bool sorted;
};

static struct walked walk(sc_space *s, uint64_t from, uint64_t most) {
    struct walked w = {.sorted = true};
    uint64_t at = from, start, size;
    while (w.runs < most && sc_space_next(s, at, &start, &size)) {
        w.sorted &= start + (size - 1) >= at && size;
        w.first = w.runs ? w.first : start;
        w.last = start + (size - 1);
        w.runs++;
        w.bytes += w.last - (start > at ? start : at) + 1;
        at = start + size;
        if (!at)
            break; /* the top of the address space */
    }
    return w;
}

static void the_walk_finds_every_page_and_nothing_else(void **state) {
    (void)state;
    for (unsigned k = 0; k < MODES; k++) {
        struct tables t;
        uint64_t base = kernel_of(modes[k]), seed = k + 1, pages = 0;
        tables_init(&t, modes[k]);
        map_many(&t, base + 0x1ff000, 3); /* across two tables */
        map_many(&t, 0x10000, 2);
        uint64_t top = base + 0x7ffff000;
        map_page(&t, top, 0x8000);
        pagestore_page(&t.ps, 0x8000);
        map_page(&t, base + 0x3000000, 0x70000000); /* not in the dump */
        set_entry(&t, 0, base + 0x3001000, 0x8000 | 0x890);
        for (unsigned i = 0; i < 100; i++) {
            uint64_t va = base + 0x10000000 + (roll(&seed) % 0x40000) * 0x1000;
            pages += !pagestore_get(&t.ps, entry_pa(&t, 0, va), entry_size(&t));
            map_page(&t, va, 0x8000);
        }
        sc_space *s = tables_space(&t, NULL, NULL);
        struct walked w = walk(s, 0, 1000);
        assert_true(w.sorted);
        assert_int_equal(w.first, 0x10000);
        assert_int_equal(w.bytes, (3 + 2 + 1 + 1 + pages) * 0x1000);
        assert_int_equal(w.last, top + 0xfff);
        assert_int_equal(walk(s, base, 1000).bytes, (3 + 1 + 1 + pages) * 0x1000);
        uint64_t start, size;
        assert_true(sc_space_next(s, base + 0x1ff010, &start, &size));
        assert_int_equal(start, base + 0x1ff000);
        tables_deinit(&t);
    }
}

static void large_pages_are_walked_as_far_as_memory_has_them(void **state) {
    (void)state;
    struct tables t;
    uint64_t start, size;
    tables_init(&t, SC_PAGING_X64);
    set_entry(&t, 1, KERNEL64, 0x400000e7);
    set_entry(&t, 2, KERNEL64 + 0x40000000, 0x800000e7);
    for (uint64_t pa = 0x40010000; pa < 0x40015000; pa += 0x1000)
        pagestore_page(&t.ps, pa);
    pagestore_page(&t.ps, 0x40080000);
    pagestore_page(&t.ps, 0xbffff000);
    pagestore_page(&t.ps, 0xc0000000); /* behind it: not of this page */
    sc_space *s = tables_space(&t, NULL, NULL);
    assert_true(sc_space_next(s, KERNEL64, &start, &size));
    assert_int_equal(start, KERNEL64 + 0x10000);
    assert_int_equal(size, 0x5000);
    assert_true(sc_space_next(s, KERNEL64 + 0x12345, &start, &size));
    assert_int_equal(start, KERNEL64 + 0x10000); /* all of it */
    assert_int_equal(size, 0x5000);
    assert_true(sc_space_next(s, KERNEL64 + 0x15000, &start, &size));
    assert_int_equal(start, KERNEL64 + 0x80000);
    assert_true(sc_space_next(s, KERNEL64 + 0x81000, &start, &size));
    assert_int_equal(start, KERNEL64 + 0x7ffff000);
    assert_int_equal(size, 0x1000);
    assert_false(sc_space_next(s, KERNEL64 + 0x80000000, &start, &size));
    tables_deinit(&t);
}

/* The page tables' own mapping, as Windows has it: each table is seen once more, as a page. */
static void the_self_map_is_walked_once(void **state) {
    (void)state;
    struct tables t;
    tables_init(&t, SC_PAGING_X64);
    pagestore_u64(&t.ps, t.paging.root + 0x1ed * 8, t.paging.root | 0x63);
    map_many(&t, KERNEL64, 3);
    map_many(&t, 0x10000, 2);
    sc_space *s = tables_space(&t, NULL, NULL);
    struct walked w = walk(s, 0, 1000);
    /* 5 pages; as pages: 2 page tables, 2 directories, 2 of their parents, and the first table. */
    assert_int_equal(w.bytes, (5 + 7) * 0x1000);
    assert_true(w.sorted);
    uint64_t v, pte = 0xfffff68000000000 + (KERNEL64 >> 9 & 0x7ffffffff8);
    assert_int_equal(sc_space_uint(s, pte, 8, &v), SC_READ_OK);
    assert_int_equal(v, pagestore_get(&t.ps, entry_pa(&t, 0, KERNEL64), 8));
    tables_deinit(&t);
}

/* Tables whose every entry leads to themselves, or to each other: 2^36 pages of nothing. */
static void tables_that_lead_to_themselves_cannot_hold_a_walk(void **state) {
    (void)state;
    for (unsigned k = 0; k < MODES; k++) {
        for (unsigned length = 1; length <= 4; length++) {
            struct tables t;
            tables_init(&t, modes[k]);
            unsigned bits = modes[k] == SC_PAGING_ARM64 ? 0x443 : 0x67;
            unsigned n = 0x1000 / entry_size(&t);
            for (unsigned i = 0; i < length; i++)
                for (unsigned e = 0; e < n; e++)
                    put_entry(&t, t.paging.root + i * 0x1000 + e * entry_size(&t),
                              (t.paging.root + (i + 1) % length * 0x1000) | bits);
            sc_space *s = tables_space(&t, NULL, NULL);
            struct walked w = walk(s, 0, 1000000);
            assert_true(w.sorted);
            assert_true(w.runs <= 2048 * length);
            assert_true(t.ps.reads < 8000000);
            tables_deinit(&t);
        }
    }
}

/* A walk in pieces, beginning anywhere, sees what a whole one sees from there on. */
static void a_walk_may_begin_anywhere(void **state) {
    (void)state;
    struct tables t;
    tables_init(&t, SC_PAGING_X64);
    map_many(&t, KERNEL64, 1500);
    sc_space *s = tables_space(&t, NULL, NULL);
    struct walked tail = walk(s, KERNEL64 + 1000 * 0x1000, 100);
    assert_int_equal(tail.bytes, 500 * 0x1000);
    assert_int_equal(walk(s, 0, 100).bytes, 1500 * 0x1000);
    assert_int_equal(walk(s, 0x800000000000, 100).bytes, 1500 * 0x1000);
    tables_deinit(&t);
}

/* What lies below a stack pointer belongs to its run, too. */
static void a_run_begins_where_its_pages_do(void **state) {
    (void)state;
    struct tables t;
    uint64_t start, size;
    tables_init(&t, SC_PAGING_X64);
    map_many(&t, KERNEL64 + 0x1fd000, 6);
    map_many(&t, KERNEL64 + 0x1f0000, 2);
    sc_space *s = tables_space(&t, NULL, NULL);
    for (uint64_t at = 0x1fffff; at >= 0x1fd000; at -= 0x7ff) {
        assert_true(sc_space_next(s, KERNEL64 + at, &start, &size));
        assert_int_equal(start, KERNEL64 + 0x1fd000);
        assert_int_equal(size, 0x3000); /* the next table's are another piece */
    }
    uint64_t before = t.ps.reads;
    assert_true(sc_space_next(s, KERNEL64 + 0x1fe123, &start, &size));
    assert_int_equal(t.ps.reads, before);
    assert_true(sc_space_next(s, KERNEL64 + 0x200123, &start, &size));
    assert_int_equal(start, KERNEL64 + 0x200000);
    tables_deinit(&t);
}

static void a_cancelled_walk_ends(void **state) {
    (void)state;
    struct tables t;
    atomic_bool cancel;
    uint64_t start, size;
    tables_init(&t, SC_PAGING_X64);
    map_many(&t, KERNEL64, 3);
    sc_space_destroy(t.phys);
    atomic_init(&cancel, false);
    assert_null(sc_space_create_pages(pagestore_pages(&t.ps), 8, &cancel, &t.phys));
    t.paging.phys = t.phys;
    sc_space *s = tables_space(&t, NULL, NULL);
    assert_true(sc_space_next(s, 0, &start, &size));
    atomic_store(&cancel, true);
    assert_false(sc_space_next(s, KERNEL64 + 0x3000, &start, &size));
    assert_false(sc_space_next(s, 0, &start, &size));
    tables_deinit(&t);
}

static void a_page_of_a_file_is_walked_when_the_file_is_there(void **state) {
    (void)state;
    struct tables t;
    struct file f = {.status = SC_READ_OK};
    tables_init(&t, SC_PAGING_X64);
    set_entry(&t, 0, 0x10000, 5ull << 32 | 1 << 12 | 0xf0);
    assert_int_equal(walk(tables_space(&t, read_file, &f), 0, 10).bytes, 0x1000);
    assert_int_equal(walk(tables_space(&t, NULL, NULL), 0, 10).bytes, 0);
    tables_deinit(&t);
}

/* Prototypes read through the very space that asks for them. */
static void a_space_that_leads_back_to_itself_ends(void **state) {
    (void)state;
    struct tables t;
    uint64_t v;
    const uint64_t proto = 0xffffc00012345680;
    tables_init(&t, SC_PAGING_X64);
    set_entry(&t, 0, proto, proto << 16 | 0x400);
    set_entry(&t, 0, 0x10000, proto << 16 | 0x400);
    sc_space *s = tables_space(&t, NULL, NULL);
    t.paging.kernel = s;
    sc_translated_set(sc_space_pages(s), &t.paging);
    assert_int_equal(sc_space_uint(s, 0x10000, 8, &v), SC_READ_ABSENT);
    assert_true(t.ps.reads < 2000);
    tables_deinit(&t);
}

static void no_mode_is_refused(void **state) {
    (void)state;
    struct sc_paging none = {0};
    struct sc_pages pages = {0};
    sc_err *err = sc_translated_pages(&none, &pages);
    assert_int_equal(sc_err_code(err), SC_ERR_ARG);
    assert_null(pages.ops);
    assert_null(sc_translated_paging(&pages));
    sc_err_destroy(err);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_read_is_what_was_mapped_cold_and_warm),
        cmocka_unit_test(a_warm_page_costs_no_entries_and_its_neighbour_one),
        cmocka_unit_test(pages_that_are_read_in_part_are_copied_once_and_the_last_copies_kept),
        cmocka_unit_test(a_copy_that_cannot_be_made_is_said_and_tried_again),
        cmocka_unit_test(whole_pages_that_lie_together_are_read_at_once),
        cmocka_unit_test(other_tables_show_other_memory),
        cmocka_unit_test(failures_of_the_file_are_not_remembered),
        cmocka_unit_test(views_are_pages_in_place),
        cmocka_unit_test(pages_come_out_of_page_files),
        cmocka_unit_test(the_walk_finds_every_page_and_nothing_else),
        cmocka_unit_test(large_pages_are_walked_as_far_as_memory_has_them),
        cmocka_unit_test(the_self_map_is_walked_once),
        cmocka_unit_test(tables_that_lead_to_themselves_cannot_hold_a_walk),
        cmocka_unit_test(a_walk_may_begin_anywhere),
        cmocka_unit_test(a_run_begins_where_its_pages_do),
        cmocka_unit_test(a_cancelled_walk_ends),
        cmocka_unit_test(a_page_of_a_file_is_walked_when_the_file_is_there),
        cmocka_unit_test(a_space_that_leads_back_to_itself_ends),
        cmocka_unit_test(no_mode_is_refused),
    };
    return cmocka_run_group_tests_name("translated", tests, NULL, NULL);
}
