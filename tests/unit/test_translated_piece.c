/* SPDX-License-Identifier: MIT */
/*
 * Going through all of virtual memory in pieces: what lies together in the file comes together and
 * in place, nothing is left out or given twice, and tables that lie cannot hold it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/vec.h"
#include "paging_fixture.h"

static const enum sc_paging_mode modes[] = {SC_PAGING_X86, SC_PAGING_PAE, SC_PAGING_X64,
                                            SC_PAGING_X64_LA57, SC_PAGING_ARM64};
enum { MODES = sizeof modes / sizeof *modes, FLAT = 0x800000, DATA = 0x400000 };

static uint64_t kernel_of(enum sc_paging_mode mode) {
    return mode == SC_PAGING_X86 || mode == SC_PAGING_PAE ? 0x80000000 : KERNEL64;
}

/* The tables' memory as a file, in which page follows page. */
struct flat {
    struct tables t;
    uint8_t *bytes;
    sc_file *file;
};

static void begin(struct flat *f, enum sc_paging_mode mode) {
    memset(f, 0, sizeof *f);
    tables_init(&f->t, mode);
}

static sc_space *finish(struct flat *f, unsigned flags, sc_pagefile_fn pagefile, void *ctx) {
    struct sc_ranges ranges = {0};
    f->bytes = calloc(1, FLAT);
    assert_non_null(f->bytes);
    for (uint64_t pa = 0; pa < FLAT; pa += 0x1000) {
        const void *page = pagestore_find(&f->t.ps, pa);
        if (!page)
            continue;
        memcpy(f->bytes + pa, page, 0x1000);
        struct sc_range *last = ranges.count ? &ranges.item[ranges.count - 1] : NULL;
        if (last && last->start + last->size == pa)
            last->size += 0x1000;
        else
            *SC_VEC_PUSH(&ranges) = (struct sc_range){pa, 0x1000, pa};
    }
    assert_null(sc_file_memory("flat", f->bytes, FLAT, flags, &f->file));
    sc_space_destroy(f->t.phys);
    assert_null(sc_space_create(f->file, &ranges, 8, NULL, &f->t.phys));
    f->t.paging.phys = f->t.phys;
    return tables_space(&f->t, pagefile, ctx);
}

static void end(struct flat *f) {
    tables_deinit(&f->t);
    sc_file_close(f->file);
    free(f->bytes);
}

static void put_page(struct flat *f, uint64_t va, uint64_t pa) {
    map_page(&f->t, va, pa);
    pagestore_u64(&f->t.ps, pa, pa * 3 + 1);
    pagestore_u64(&f->t.ps, pa + 0xff8, ~pa);
}

static bool piece(sc_space *s, uint64_t addr, struct sc_piece *ret) {
    return sc_space_piece(s, addr, &ret->start, &ret->data, &ret->size);
}

static void expect(struct flat *f, uint64_t addr, uint64_t start, uint64_t size, uint64_t pa) {
    struct sc_piece p;
    assert_true(piece(f->t.virt, addr, &p));
    assert_int_equal(p.start, start);
    assert_int_equal(p.size, size);
    assert_ptr_equal(p.data, f->bytes + pa);
}

static void pages_that_lie_together_are_one_piece(void **state) {
    (void)state;
    struct flat f;
    begin(&f, SC_PAGING_X64);
    for (unsigned i = 0; i < 5; i++)
        put_page(&f, KERNEL64 + 0x1fe000 + i * 0x1000, DATA + i * 0x1000);
    put_page(&f, KERNEL64 + 0x203000, DATA + 0x10000); /* elsewhere */
    put_page(&f, KERNEL64 + 0x204000, DATA + 0x9000);
    put_page(&f, KERNEL64 + 0x206000, DATA + 0xa000); /* would go on, but for the gap */
    sc_space *s = finish(&f, 0, NULL, NULL);
    struct sc_piece none;
    expect(&f, 0, KERNEL64 + 0x1fe000, 0x2000, DATA); /* a page table's end */
    expect(&f, KERNEL64 + 0x200000, KERNEL64 + 0x200000, 0x3000, DATA + 0x2000);
    expect(&f, KERNEL64 + 0x203000, KERNEL64 + 0x203000, 0x1000, DATA + 0x10000);
    expect(&f, KERNEL64 + 0x204000, KERNEL64 + 0x204000, 0x1000, DATA + 0x9000);
    expect(&f, KERNEL64 + 0x205000, KERNEL64 + 0x206000, 0x1000, DATA + 0xa000);
    assert_false(piece(s, KERNEL64 + 0x207000, &none));
    assert_false(piece(s, UINT64_MAX, &none));
    /* From within, in any order. */
    expect(&f, KERNEL64 + 0x201234, KERNEL64 + 0x201234, 0x1dcc, DATA + 0x3234);
    expect(&f, KERNEL64 + 0x1ffffe, KERNEL64 + 0x1ffffe, 2, DATA + 0x1ffe);
    end(&f);
}

struct summed {
    uint64_t pieces, bytes, sum, last;
};

static uint64_t sum_of(const uint8_t *data, uint64_t size) {
    uint64_t sum = 0;
    for (uint64_t i = 0; i < size; i++)
        sum = sum * 31 + data[i];
    return sum;
}

/* All bytes from FROM on, by pieces; those that cannot be seen are read. */
static struct summed by_pieces(sc_space *s, uint64_t from, bool in_place) {
    struct summed r = {0};
    struct sc_piece p;
    uint8_t *buf = malloc(0x200000);
    for (uint64_t at = from; piece(s, at, &p); at = p.start + p.size) {
        size_t got = 0;
        assert_true(p.start >= at && p.size && p.size <= 0x200000);
        assert_int_equal(p.data != NULL, in_place);
        assert_int_equal(sc_space_read(s, p.start, buf, p.size, &got), SC_READ_OK);
        assert_int_equal(got, p.size);
        if (p.data)
            assert_memory_equal(p.data, buf, p.size);
        r.sum = r.sum * 7 + p.start + sum_of(buf, p.size);
        r.bytes += p.size;
        r.pieces++;
        r.last = p.start + (p.size - 1);
        if (r.last == UINT64_MAX)
            break;
    }
    free(buf);
    return r;
}

static uint64_t present(sc_space *s, uint64_t from) {
    uint64_t at = from, start, size, bytes = 0;
    while (sc_space_next(s, at, &start, &size)) {
        bytes += start + size - (start > at ? start : at);
        at = start + size;
        if (!at)
            break;
    }
    return bytes;
}

/* Every mode; mapped and not; pages of every kind, many of them neighbours. */
static void pieces_are_what_reads_give(void **state) {
    (void)state;
    for (unsigned k = 0; k < 2 * MODES; k++) {
        struct flat f;
        uint64_t seed = k + 1, base = kernel_of(modes[k / 2]);
        begin(&f, modes[k / 2]);
        for (unsigned i = 0; i < 400; i++) {
            uint64_t va = (i % 2 ? base : 0x10000) + roll(&seed) % 0x500 * 0x1000;
            uint64_t pa = DATA + roll(&seed) % 0x100 * 0x1000;
            for (unsigned n = roll(&seed) % 4 + 1; n--; va += 0x1000, pa += 0x1000)
                put_page(&f, va, pa);
        }
        map_page(&f.t, base + 0x800000, FLAT + 0x5000); /* not in the dump */
        bool mapped = k % 2 == 0;
        sc_space *s = finish(&f, mapped ? 0 : SC_FILE_NO_MMAP, NULL, NULL);
        struct summed all = by_pieces(s, 0, mapped);
        assert_int_equal(all.bytes, present(s, 0));
        assert_true(all.pieces < all.bytes / 0x1000);
        assert_int_equal(by_pieces(s, base + 0x123456, mapped).bytes, present(s, base + 0x123456));
        assert_int_equal(by_pieces(s, 0, mapped).sum, all.sum); /* and once more, all warm */
        end(&f);
    }
}

static void large_pages_are_pieces_from_anywhere_in_them(void **state) {
    (void)state;
    struct flat f;
    struct sc_piece p;
    begin(&f, SC_PAGING_X64);
    set_entry(&f.t, 1, KERNEL64, 0x400000 | 0xe7);
    for (uint64_t pa = 0x410000; pa < 0x415000; pa += 0x1000)
        pagestore_page(&f.t.ps, pa);
    pagestore_page(&f.t.ps, 0x480000);
    put_page(&f, KERNEL64 + 0x200000, 0x700000);
    sc_space *s = finish(&f, 0, NULL, NULL);
    expect(&f, 0, KERNEL64 + 0x10000, 0x5000, 0x410000);
    expect(&f, KERNEL64 + 0x12345, KERNEL64 + 0x12345, 0x2cbb, 0x412345);
    expect(&f, KERNEL64 + 0x15000, KERNEL64 + 0x80000, 0x1000, 0x480000);
    expect(&f, KERNEL64 + 0x81000, KERNEL64 + 0x200000, 0x1000, 0x700000);
    assert_false(piece(s, KERNEL64 + 0x201000, &p));
    end(&f);
}

static enum sc_read read_file(void *ctx, unsigned number, uint64_t page, uint8_t buf[0x1000]) {
    (void)ctx;
    memset(buf, (int)(number * 16 + page), 0x1000);
    return SC_READ_OK;
}

/* In transition: in place. In a page file: to be read. Gone: not there. */
static void entries_that_are_not_valid_are_looked_up(void **state) {
    (void)state;
    struct flat f;
    struct sc_piece p;
    uint8_t byte;
    begin(&f, SC_PAGING_X64);
    put_page(&f, 0x10000, DATA);
    set_entry(&f.t, 0, 0x11000,
              (DATA + 0x1000) | 0x890); /* swizzle bit set: the bits are its own */
    pagestore_page(&f.t.ps, DATA + 0x1000);
    set_entry(&f.t, 0, 0x12000, 5ull << 32 | 1 << 12 | 0xf0);
    set_entry(&f.t, 0, 0x13000, 6ull << 32 | 1 << 12 | 0xf0);
    set_entry(&f.t, 0, 0x14000, 0xe0); /* demand zero */
    put_page(&f, 0x15000, DATA + 0x2000);
    sc_space *s = finish(&f, 0, read_file, NULL);
    expect(&f, 0, 0x10000, 0x1000, DATA);
    expect(&f, 0x11000, 0x11000, 0x1000, DATA + 0x1000);
    assert_true(piece(s, 0x12010, &p));
    assert_int_equal(p.start, 0x12010);
    assert_int_equal(p.size, 0x1ff0);
    assert_null(p.data);
    assert_int_equal(sc_space_read(s, 0x13000, &byte, 1, NULL), SC_READ_OK);
    assert_int_equal(byte, 16 + 6);
    expect(&f, 0x14000, 0x15000, 0x1000, DATA + 0x2000);
    end(&f);
}

static enum sc_read read_table(void *ctx, unsigned number, uint64_t page, uint8_t buf[0x1000]) {
    const uint64_t entry = DATA | 0x67, next = (DATA + 0x1000) | 0x67;
    (void)ctx;
    if (number != 1 || page != 7)
        return SC_READ_PAGED_OUT;
    memset(buf, 0, 0x1000);
    memcpy(buf + 0x10 * 8, &entry, 8); /* 0x10000; little-endian, as what runs this */
    memcpy(buf + 0x11 * 8, &next, 8);
    return SC_READ_OK;
}

static void page_tables_in_page_files_lead_to_pieces(void **state) {
    (void)state;
    for (int there = 0; there < 2; there++) {
        struct flat f;
        struct sc_piece p;
        begin(&f, SC_PAGING_X64);
        pagestore_page(&f.t.ps, DATA);
        pagestore_page(&f.t.ps, DATA + 0x1000);
        set_entry(&f.t, 1, 0x10000, 7ull << 32 | 1 << 12 | 0xf0);
        put_page(&f, 0x200000, DATA + 0x8000);
        sc_space *s = finish(&f, 0, there ? read_table : NULL, NULL);
        if (there) {
            expect(&f, 0, 0x10000, 0x2000, DATA);
            expect(&f, 0x12000, 0x200000, 0x1000, DATA + 0x8000);
        } else {
            expect(&f, 0, 0x200000, 0x1000, DATA + 0x8000);
        }
        assert_false(piece(s, 0x201000, &p));
        end(&f);
    }
}

/* The table that the last piece came from is not the one that leads there any more. */
static void other_tables_have_other_pieces(void **state) {
    (void)state;
    struct flat f;
    begin(&f, SC_PAGING_X64);
    put_page(&f, 0x10000, DATA);
    put_page(&f, 0x11000, DATA + 0x5000);
    uint64_t first = f.t.paging.root;
    f.t.paging.root = f.t.free;
    f.t.free += 0x1000;
    pagestore_page(&f.t.ps, f.t.paging.root);
    put_page(&f, 0x11000, DATA + 0x7000);
    f.t.paging.root = first;
    sc_space *s = finish(&f, 0, NULL, NULL);
    expect(&f, 0, 0x10000, 0x1000, DATA);
    f.t.paging.root = f.t.free - 0x4000;
    assert_true(f.t.paging.root != first);
    sc_translated_set(sc_space_pages(s), &f.t.paging);
    expect(&f, 0x10800, 0x11000, 0x1000, DATA + 0x7000);
    end(&f);
}

static void tables_that_lead_to_themselves_have_an_end(void **state) {
    (void)state;
    for (unsigned k = 0; k < MODES; k++) {
        struct flat f;
        struct sc_piece p;
        begin(&f, modes[k]);
        unsigned bits = modes[k] == SC_PAGING_ARM64 ? 0x443 : 0x67;
        for (unsigned e = 0; e < 0x1000 / entry_size(&f.t); e++)
            put_entry(&f.t, f.t.paging.root + e * entry_size(&f.t), f.t.paging.root | bits);
        sc_space *s = finish(&f, 0, NULL, NULL);
        unsigned n = 0;
        for (uint64_t at = 0; n < 100000 && piece(s, at, &p); n++) {
            at = p.start + p.size;
            if (!at)
                break;
        }
        assert_in_range(n, 1, 2048);
        end(&f);
    }
}

static void trace(void *ctx, uint64_t addr, size_t len) {
    (void)addr;
    (void)len;
    ++*(unsigned *)ctx;
}

/* Ranges of a file, and spaces whose reads are counted. */
static void other_spaces_have_pieces_too(void **state) {
    (void)state;
    struct flat f;
    struct sc_piece p;
    unsigned traced = 0;
    begin(&f, SC_PAGING_X64);
    put_page(&f, 0x10000, DATA);
    put_page(&f, 0x11000, DATA + 0x1000);
    finish(&f, 0, NULL, NULL);
    sc_space *phys = f.t.phys;
    assert_true(piece(phys, DATA + 0x10, &p));
    assert_int_equal(p.start, DATA + 0x10);
    assert_int_equal(p.size, 0x1ff0);
    assert_ptr_equal(p.data, f.bytes + DATA + 0x10);
    assert_false(piece(phys, DATA + 0x2000, &p));
    sc_space_trace(f.t.virt, trace, &traced);
    assert_true(piece(f.t.virt, 0x10010, &p));
    assert_int_equal(p.start, 0x10010);
    assert_int_equal(p.size, 0x1ff0);
    assert_null(p.data);
    assert_int_equal(traced, 0);
    end(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pages_that_lie_together_are_one_piece),
        cmocka_unit_test(pieces_are_what_reads_give),
        cmocka_unit_test(large_pages_are_pieces_from_anywhere_in_them),
        cmocka_unit_test(entries_that_are_not_valid_are_looked_up),
        cmocka_unit_test(page_tables_in_page_files_lead_to_pieces),
        cmocka_unit_test(other_tables_have_other_pieces),
        cmocka_unit_test(tables_that_lead_to_themselves_have_an_end),
        cmocka_unit_test(other_spaces_have_pieces_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
