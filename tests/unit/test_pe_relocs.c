/* SPDX-License-Identifier: MIT */
/* Images: base relocations, listed and applied. */
#include "unit/pe_support.h"

enum { RELOC = 0x5000 };

struct entry {
    uint8_t type;
    uint32_t rva;
};

/* One block a page; entries are sorted by page. An entry of type 15 is a bare word. */
static void put_relocs(struct peimg *p, const struct entry *e, size_t n) {
    uint32_t at = RELOC, block = 0;
    for (size_t i = 0; i < n; i++) {
        if (!block || (e[i].rva & ~0xfffu) != (e[i - 1].rva & ~0xfffu)) {
            block = at;
            peimg_u32(p, at, e[i].rva & ~0xfffu);
            at += 8;
        }
        peimg_u16(p, at, (uint16_t)(e[i].type << 12 | (e[i].rva & 0xfff)));
        at += 2;
        peimg_u32(p, block + 4, at - block);
    }
    peimg_dir(p, SC_PE_DIR_RELOC, RELOC, at - RELOC);
}

static uint64_t get(const uint8_t *b, unsigned size) {
    uint64_t v = 0;
    for (unsigned i = size; i-- > 0;)
        v = v << 8 | b[i];
    return v;
}

struct seen {
    char text[256];
};

static bool see(void *ctx, const struct sc_pe_reloc *r) {
    struct seen *s = ctx;
    size_t n = strlen(s->text);
    snprintf(s->text + n, sizeof s->text - n, "%u@%x ", r->type, r->rva);
    return true;
}

static void relocations_are_listed(void **state) {
    struct peimg p;
    struct opened o;
    struct seen s = {0};
    const struct entry e[] = {{10, 0x2010}, {10, 0x2ffc}, {0, 0x2000}, {10, 0x3000}};
    (void)state;
    peimg_init(&p, SC_PE_MACHINE_X64);
    put_relocs(&p, e, 4);
    open_file(&o, &p);
    no_error(sc_pe_each_reloc(o.pe, see, &s));
    assert_string_equal(s.text, "10@2010 10@2ffc 0@2000 10@3000 ");
    close_image(&o);
}

static void pages_are_relocated(void **state) {
    struct peimg p;
    struct opened o;
    uint8_t page[0x1000];
    const struct entry e[] = {{10, 0x2010}, {3, 0x2020}, {1, 0x2030}, {2, 0x2040}, {0, 0x2050}};
    const uint64_t delta = 0x7ffffffe8000;
    (void)state;
    peimg_init(&p, SC_PE_MACHINE_X64);
    put_relocs(&p, e, 5);
    peimg_u64(&p, 0x2010, 0x140001234);
    peimg_u32(&p, 0x2020, 0x40001234);
    peimg_u16(&p, 0x2030, 0x1234);
    peimg_u16(&p, 0x2040, 0x9234);
    open_file(&o, &p);
    no_error(sc_pe_need(o.pe, 0x2000, page, sizeof page, "page"));
    no_error(sc_pe_relocate(o.pe, 0x2000, page, sizeof page, delta));
    assert_int_equal(get(page + 0x10, 8), 0x140001234 + delta);
    assert_int_equal(get(page + 0x20, 4), 0x3ffe9234); /* 32 bits wrap */
    assert_int_equal(get(page + 0x30, 2), 0x1232);
    assert_int_equal(get(page + 0x40, 2), 0x1234);
    assert_int_equal(get(page + 0x50, 8), 0);
    close_image(&o);
}

static void values_across_the_edges_of_a_page_are_right_on_both_sides(void **state) {
    struct peimg p;
    struct opened o;
    uint8_t whole[0x40], piece[0x40];
    const struct entry e[] = {{10, 0x2ffd}, {10, 0x3005}};
    (void)state;
    peimg_init(&p, SC_PE_MACHINE_X64);
    put_relocs(&p, e, 2);
    peimg_u64(&p, 0x2ffd, 0x14000fffe);
    peimg_u64(&p, 0x3005, 0x1400099ff);
    open_file(&o, &p);
    no_error(sc_pe_need(o.pe, 0x2fe0, whole, 0x40, "bytes"));
    no_error(sc_pe_relocate(o.pe, 0x2fe0, whole, 0x40, 0x123450000));
    assert_int_equal(get(whole + 0x1d, 8), 0x14000fffe + 0x123450000);
    /* The same in pieces of every length, so that every value is cut everywhere. */
    for (size_t cut = 1; cut < 0x3f; cut++) {
        no_error(sc_pe_need(o.pe, 0x2fe0, piece, 0x40, "bytes"));
        no_error(sc_pe_relocate(o.pe, 0x2fe0, piece, cut, 0x123450000));
        no_error(
            sc_pe_relocate(o.pe, 0x2fe0 + (uint32_t)cut, piece + cut, 0x40 - cut, 0x123450000));
        assert_memory_equal(piece, whole, 0x40);
    }
    close_image(&o);
}

static void high_adjust_takes_its_second_word(void **state) {
    struct peimg p;
    struct opened o;
    struct seen s = {0};
    uint8_t b[8];
    const struct entry e[] = {{4, 0x2010}, {0xf, 0x2ff0}, {3, 0x2014}};
    (void)state;
    peimg_init(&p, SC_PE_MACHINE_X86);
    put_relocs(&p, e, 3);
    peimg_u16(&p, 0x2010, 0x0041); /* 0x410000 − 0x10 (the word 0xfff0), rounded up */
    open_file(&o, &p);
    no_error(sc_pe_each_reloc(o.pe, see, &s));
    assert_string_equal(s.text, "4@2010 3@2014 ");
    no_error(sc_pe_need(o.pe, 0x2010, b, 8, "bytes"));
    no_error(sc_pe_relocate(o.pe, 0x2010, b, 8, 0x30000));
    assert_int_equal(get(b, 2), 0x0044);
    no_error(sc_pe_need(o.pe, 0x2010, b, 8, "bytes"));
    no_error(sc_pe_relocate(o.pe, 0x2010, b, 8, 0x38010)); /* 0x448000: rounds to 0x45 */
    assert_int_equal(get(b, 2), 0x0045);
    close_image(&o);
}

static void arm_pairs_of_moves_are_relocated(void **state) {
    struct peimg p;
    struct opened o;
    uint8_t b[0x20];
    const struct entry e[] = {{7, 0x1000}, {5, 0x1010}};
    (void)state;
    peimg_init(&p, SC_PE_MACHINE_ARMNT);
    put_relocs(&p, e, 2);
    /* movw r0,#0x5678; movt r0,#0x0041 in Thumb-2, then in ARM */
    static const uint16_t thumb[] = {0xf245, 0x6078, 0xf2c0, 0x0041};
    for (uint32_t i = 0; i < 4; i++)
        peimg_u16(&p, 0x1000 + 2 * i, thumb[i]);
    peimg_u32(&p, 0x1010, 0xe3050678);
    peimg_u32(&p, 0x1014, 0xe3400041);
    open_file(&o, &p);
    no_error(sc_pe_need(o.pe, 0x1000, b, 0x20, "code"));
    no_error(sc_pe_relocate(o.pe, 0x1000, b, 0x20, 0x7654b000));
    /* 0x415678 + 0x7654b000 = 0x76960678 */
    static const uint16_t want[] = {0xf240, 0x6078, 0xf2c7, 0x6096};
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(get(b + 2 * i, 2), want[i]);
    assert_int_equal(get(b + 0x10, 4), 0xe3000678);
    assert_int_equal(get(b + 0x14, 4), 0xe3470696);
    close_image(&o);
}

static void damaged_blocks_end_the_walk(void **state) {
    struct peimg p;
    struct opened o;
    struct seen s = {0};
    const struct entry e[] = {{10, 0x2010}, {10, 0x3010}};
    (void)state;
    static const uint32_t sizes[] = {0, 4, 7, 0xffffffff, 0x1000};
    for (size_t i = 0; i < 5; i++) {
        s = (struct seen){0};
        peimg_init(&p, SC_PE_MACHINE_X64);
        put_relocs(&p, e, 2);
        peimg_u32(&p, RELOC + 10 + 4, sizes[i]);
        open_file(&o, &p);
        error_is(sc_pe_each_reloc(o.pe, see, &s), SC_ERR_FORMAT, "offset 0x440a");
        assert_string_equal(s.text, "10@2010 ");
        close_image(&o);
    }
    peimg_init(&p, SC_PE_MACHINE_X64);
    put_relocs(&p, e, 2);
    peimg_dir(&p, SC_PE_DIR_RELOC, RELOC, 0xffffffff); /* zeros behind the last block end it */
    open_file(&o, &p);
    s = (struct seen){0};
    no_error(sc_pe_each_reloc(o.pe, see, &s));
    assert_string_equal(s.text, "10@2010 10@3010 ");
    close_image(&o);
}

/* Blocks that begin anywhere and in any order mean the same, and the rest of them is still found.
 */
static void blocks_in_no_order_are_all_applied(void **state) {
    struct peimg p;
    struct opened o;
    uint8_t b[0x2000];
    const struct entry orders[][3] = {{{10, 0x2010}, {10, 0x3010}, {10, 0x1010}},
                                      {{10, 0x1010}, {10, 0x2010}, {10, 0x3010}}};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        peimg_init(&p, SC_PE_MACHINE_X64);
        put_relocs(&p, orders[i], 3);
        open_file(&o, &p);
        for (int again = 0; again < 2; again++) {
            memset(b, 0, sizeof b);
            no_error(sc_pe_relocate(o.pe, 0x1000, b, sizeof b, 0x1000));
            assert_int_equal(get(b + 0x10, 8), 0x1000);
            assert_int_equal(get(b + 0x1010, 8), 0x1000);
            no_error(sc_pe_relocate(o.pe, 0x3000, b, 0x100, 0x2000));
            assert_int_equal(get(b + 0x10, 8), 0x3000);
        }
        close_image(&o);
    }
}

static void a_damaged_block_is_said_each_time(void **state) {
    struct peimg p;
    struct opened o;
    uint8_t b[16] = {0};
    const struct entry e[] = {{10, 0x2000}, {10, 0x3000}};
    (void)state;
    peimg_init(&p, SC_PE_MACHINE_X64);
    put_relocs(&p, e, 2);
    peimg_u32(&p, RELOC + 10 + 4, 7);
    open_file(&o, &p);
    for (int again = 0; again < 2; again++)
        error_is(sc_pe_relocate(o.pe, 0x2000, b, 16, 0x1000), SC_ERR_FORMAT, "a block of 0x7");
    close_image(&o);
}

static void what_cannot_be_relocated_says_so(void **state) {
    struct peimg p;
    struct opened o;
    uint8_t b[16];
    const struct entry e[] = {{7, 0x2008}, {10, 0x2000}};
    (void)state;
    peimg_init(&p, SC_PE_MACHINE_X64);
    open_file(&o, &p);
    error_is(sc_pe_relocate(o.pe, 0x2000, b, 16, 0x1000), SC_ERR_NOT_FOUND, "base relocations");
    no_error(sc_pe_relocate(o.pe, 0x2000, b, 16, 0));
    close_image(&o);
    put_relocs(&p, e, 2);
    open_file(&o, &p);
    error_is(sc_pe_relocate(o.pe, 0x2000, b, 16, 0x1000), SC_ERR_UNSUPPORTED, "type 7");
    no_error(sc_pe_relocate(o.pe, 0x2009, b, 7, 0x1000)); /* not in this piece */
    close_image(&o);
    no_error(map_image(&o, &p, 0x10000, 0));
    error_is(sc_pe_relocate(o.pe, 0x2000, b, 16, 0x1000), SC_ERR_ARG, "relocated already");
    close_image(&o);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(relocations_are_listed),
        cmocka_unit_test(pages_are_relocated),
        cmocka_unit_test(values_across_the_edges_of_a_page_are_right_on_both_sides),
        cmocka_unit_test(high_adjust_takes_its_second_word),
        cmocka_unit_test(arm_pairs_of_moves_are_relocated),
        cmocka_unit_test(damaged_blocks_end_the_walk),
        cmocka_unit_test(blocks_in_no_order_are_all_applied),
        cmocka_unit_test(a_damaged_block_is_said_each_time),
        cmocka_unit_test(what_cannot_be_relocated_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
