/* SPDX-License-Identifier: MIT */
/*
 * Page tables that were paged out themselves: of each mode and each level, on the standby list, in
 * a page file that is at hand, in one that is not, in the memory store. Entries are put together
 * from the published structures, not by the code under test.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "paging_fixture.h"

enum { PAGE = 0x1000, FILE_NUMBER = 1, FILE_PAGES = 4, DATA = 0x7000 };

/* A page file whose pages 0x20 to 0x23 are known. */
struct file {
    uint8_t page[FILE_PAGES][PAGE];
    unsigned calls;
};

static enum sc_read read_file(void *ctx, unsigned number, uint64_t page, uint8_t buf[PAGE]) {
    struct file *f = ctx;
    f->calls++;
    if (number != FILE_NUMBER || page < 0x20 || page >= 0x20 + FILE_PAGES)
        return SC_READ_PAGED_OUT;
    memcpy(buf, f->page[page - 0x20], PAGE);
    return SC_READ_OK;
}

static const struct row {
    enum sc_paging_mode mode;
    uint64_t va;
} rows[] = {
    {SC_PAGING_X86, 0x12345678},           {SC_PAGING_PAE, 0x92345678},
    {SC_PAGING_X64, 0x7ff612345678},       {SC_PAGING_X64, 0xffffc00012345678},
    {SC_PAGING_X64_LA57, 0x7ff612345678},  {SC_PAGING_X64_LA57, 0xffffc00012345678},
    {SC_PAGING_ARM64, 0xffffc00012345678},
};
enum { ROWS = sizeof rows / sizeof *rows };

/* MMPTE_SOFTWARE: PageFileLow and PageFileHigh; SwizzleBit where there is one. */
static uint64_t in_file(const struct tables *t, uint64_t page) {
    if (t->paging.mode == SC_PAGING_X86)
        return page << 12 | 4 << 5 | FILE_NUMBER << 1;
    return page << 32 | (uint64_t)FILE_NUMBER << 12 | 4 << 5 | 0x10;
}

static void begin(struct tables *t, const struct row *r) {
    tables_init(t, r->mode);
    pagestore_u64(&t->ps, DATA + (r->va & 0xff8), 0x1122334455667788);
    map_page(t, r->va, DATA);
}

/* The table that VA's entry of LEVEL leads to is in memory no more: it becomes the file's page. */
static void page_out(struct tables *t, uint64_t va, unsigned level, struct file *f, unsigned i) {
    uint64_t at = entry_pa(t, level, va);
    uint64_t table = pagestore_get(&t->ps, at, entry_size(t)) & 0xffffff000;
    uint8_t *bytes = pagestore_page(&t->ps, table);
    memcpy(f->page[i], bytes, PAGE);
    memset(bytes, 0xcc, PAGE); /* somebody else's now */
    put_entry(t, at, in_file(t, 0x20 + i));
}

static void assert_why(sc_space *s, uint64_t va, enum sc_read status, const char *text) {
    char why[SC_WHY_TEXT];
    assert_string_equal(sc_space_why(s, va, status, why), text);
}

static void a_table_in_a_page_file_is_followed_in_every_mode_at_every_level(void **state) {
    (void)state;
    for (unsigned n = 0; n < ROWS; n++) {
        struct tables probe;
        tables_init(&probe, rows[n].mode);
        unsigned top = top_level(&probe);
        tables_deinit(&probe);
        for (unsigned level = 1; level <= top; level++) {
            const uint64_t va = rows[n].va & ~(uint64_t)7;
            struct tables t;
            struct file f = {.calls = 0};
            uint64_t v, start, size;
            begin(&t, &rows[n]);
            page_out(&t, va, level, &f, 2);
            sc_space *s = tables_space(&t, read_file, &f);
            struct sc_translation tr = translation(&t, va);
            assert_int_equal(tr.status, SC_READ_OK);
            assert_int_equal(tr.pa, DATA + (va & 0xfff));
            assert_int_equal(tr.npte, top + 1);
            for (unsigned i = 0; i <= top; i++)
                assert_int_equal(tr.pte[i].paged, tr.pte[i].level + 1 == level);
            assert_int_equal(tr.pte[top - level].kind, SC_PTE_PAGEFILE);
            assert_int_equal(tr.pte[top - level + 1].pa,
                             index_of(&t, level - 1, va) * entry_size(&t));
            for (unsigned round = 0; round < 2; round++) { /* cold, then with the table known */
                assert_int_equal(sc_space_uint(s, va, 8, &v), SC_READ_OK);
                assert_int_equal(v, 0x1122334455667788);
                assert_int_equal(sc_space_uint(s, va ^ 0x1000, 8, &v), SC_READ_INVALID);
            }
            assert_true(sc_space_next(s, va, &start, &size));
            assert_int_equal(start, va & ~(uint64_t)0xfff);
            assert_int_equal(size, PAGE);
            tables_deinit(&t);
        }
    }
}

/* Several levels of one address, and the page: all in the file. */
static void everything_below_the_first_table_may_be_in_the_file(void **state) {
    (void)state;
    struct tables t;
    struct file f = {.calls = 0};
    uint64_t v;
    begin(&t, &rows[2]);
    const uint64_t va = rows[2].va & ~(uint64_t)7;
    memcpy(f.page[3], pagestore_page(&t.ps, DATA), PAGE);
    set_entry(&t, 0, va, in_file(&t, 0x23));
    page_out(&t, va, 1, &f, 0);
    page_out(&t, va, 2, &f, 1);
    page_out(&t, va, 3, &f, 2);
    sc_space *s = tables_space(&t, read_file, &f);
    assert_int_equal(sc_space_uint(s, va, 8, &v), SC_READ_OK);
    assert_int_equal(v, 0x1122334455667788);
    struct sc_translation tr = translation(&t, va);
    assert_int_equal(tr.status, SC_READ_PAGED_OUT);
    assert_int_equal(tr.pagefile_page, 0x23);
    assert_int_equal(tr.npte, 4);
    tables_deinit(&t);
}

static void without_the_file_the_table_is_named(void **state) {
    (void)state;
    for (unsigned n = 0; n < ROWS; n++) {
        struct tables t;
        struct file f = {.calls = 0};
        uint64_t v;
        begin(&t, &rows[n]);
        page_out(&t, rows[n].va, 1, &f, 3);
        sc_space *s = tables_space(&t, NULL, NULL);
        struct sc_translation tr = translation(&t, rows[n].va);
        assert_int_equal(tr.status, SC_READ_PAGED_OUT);
        assert_int_equal(tr.kind, SC_PTE_PAGEFILE);
        assert_int_equal(tr.pagefile, FILE_NUMBER);
        assert_int_equal(tr.pagefile_page, 0x23);
        assert_int_equal(tr.npte, top_level(&t));
        assert_int_equal(tr.pte[tr.npte - 1].level, 1);
        assert_int_equal(sc_space_uint(s, rows[n].va, 8, &v), SC_READ_PAGED_OUT);
        assert_why(s, rows[n].va, SC_READ_PAGED_OUT,
                   "paged out (page table paged out: page file 1 page 0x23)");
        tables_deinit(&t);
    }
}

static void a_table_in_the_memory_store_is_compressed_not_paged_out(void **state) {
    (void)state;
    struct tables t;
    struct file f = {.calls = 0};
    uint64_t v;
    begin(&t, &rows[2]);
    const uint64_t va = rows[2].va;
    set_entry(&t, 0, va + 0x1000, in_file(&t, 0x99));
    t.paging.stores = 1 << FILE_NUMBER;
    sc_space *s = tables_space(&t, NULL, NULL);
    assert_int_equal(translation(&t, va + 0x1000).status, SC_READ_COMPRESSED);
    assert_int_equal(sc_space_uint(s, va + 0x1000, 1, &v), SC_READ_COMPRESSED);
    assert_why(s, va + 0x1000, SC_READ_COMPRESSED, "compressed (in the memory store)");
    sc_err *err = sc_space_need(s, va + 0x1000, &v, 8, "the thing");
    assert_non_null(strstr(sc_err_text(err), "is compressed (in the memory store)"));
    sc_err_destroy(err);
    page_out(&t, va, 1, &f, 0);
    s = tables_space(&t, NULL, NULL);
    assert_int_equal(sc_space_uint(s, va, 1, &v), SC_READ_COMPRESSED);
    assert_why(s, va, SC_READ_COMPRESSED,
               "compressed (in the memory store) (as its page table is)");
    /* Whoever unpacks the store is asked like any page file. */
    s = tables_space(&t, read_file, &f);
    assert_int_equal(sc_space_uint(s, va, 1, &v), SC_READ_OK);
    assert_int_equal(sc_space_uint(s, va + 0x1000, 1, &v), SC_READ_COMPRESSED);
    tables_deinit(&t);
}

/* A table on the standby list, below one in the file. */
static void tables_in_transition_below_one_in_the_file_are_followed(void **state) {
    (void)state;
    for (unsigned n = 0; n < ROWS; n++) {
        struct tables t;
        struct file f = {.calls = 0};
        uint64_t v;
        begin(&t, &rows[n]);
        const uint64_t va = rows[n].va & ~(uint64_t)7;
        uint64_t at = entry_pa(&t, 1, va);
        uint64_t table = pagestore_get(&t.ps, at, entry_size(&t)) & 0xffffff000;
        put_entry(&t, at, table | 0x880 | (t.paging.mode == SC_PAGING_X86 ? 0 : 0x10));
        if (top_level(&t) > 1)
            page_out(&t, va, 2, &f, 0);
        sc_space *s = tables_space(&t, read_file, &f);
        assert_int_equal(sc_space_uint(s, va, 8, &v), SC_READ_OK);
        assert_int_equal(v, 0x1122334455667788);
        tables_deinit(&t);
    }
}

/* The array of prototype entries is paged pool: it may be in the file, too. */
static void a_prototype_entry_in_the_file_is_read_there(void **state) {
    (void)state;
    const uint64_t va = 0x7ff612345678, proto = 0xffffc00012345680;
    struct tables t;
    struct file f = {.calls = 0};
    tables_init(&t, SC_PAGING_X64);
    pagestore_page(&t.ps, 0x9000);
    set_entry(&t, 0, va, proto << 16 | 0x400);
    set_entry(&t, 0, proto, in_file(&t, 0x21));
    uint64_t entry = 0x9121;
    memcpy(f.page[1] + (proto & 0xfff), &entry, sizeof entry);
    t.paging.pagefile = read_file;
    t.paging.pagefile_ctx = &f;
    struct sc_translation tr = translation(&t, va);
    assert_int_equal(tr.status, SC_READ_OK);
    assert_int_equal(tr.pa, 0x9678);
    assert_true(tr.pte[4].paged);
    assert_int_equal(tr.pte[4].value, 0x9121);
    tables_deinit(&t);
}

/* One page of the file that leads to itself in all its entries, at all levels. */
static void a_table_in_the_file_that_leads_to_itself_cannot_hold_a_walk(void **state) {
    (void)state;
    struct tables t;
    struct file f = {.calls = 0};
    uint64_t start, size, at = 0, runs = 0;
    tables_init(&t, SC_PAGING_X64);
    uint64_t self = in_file(&t, 0x20);
    for (unsigned i = 0; i < 512; i++) {
        memcpy(f.page[0] + 8 * i, &self, sizeof self);
        pagestore_u64(&t.ps, t.paging.root + 8 * i, self);
    }
    sc_space *s = tables_space(&t, read_file, &f);
    while (runs < 10000 && sc_space_next(s, at, &start, &size)) {
        assert_true(start + size > at);
        at = start + size;
        runs++;
    }
    assert_true(runs < 600);
    assert_true(f.calls < 100000);
    tables_deinit(&t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_table_in_a_page_file_is_followed_in_every_mode_at_every_level),
        cmocka_unit_test(everything_below_the_first_table_may_be_in_the_file),
        cmocka_unit_test(without_the_file_the_table_is_named),
        cmocka_unit_test(a_table_in_the_memory_store_is_compressed_not_paged_out),
        cmocka_unit_test(tables_in_transition_below_one_in_the_file_are_followed),
        cmocka_unit_test(a_prototype_entry_in_the_file_is_read_there),
        cmocka_unit_test(a_table_in_the_file_that_leads_to_itself_cannot_hold_a_walk),
    };
    return cmocka_run_group_tests_name("paging, paged-out tables", tests, NULL, NULL);
}
