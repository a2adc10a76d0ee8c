/* SPDX-License-Identifier: MIT */
/* Valid entries: every mode, large pages, rights, and tables that are missing or make no sense. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "paging_fixture.h"

static const enum sc_paging_mode modes[] = {SC_PAGING_X86, SC_PAGING_PAE, SC_PAGING_X64,
                                            SC_PAGING_X64_LA57, SC_PAGING_ARM64};
enum { MODES = sizeof modes / sizeof *modes, MAPPINGS = 40 };

static bool is_narrow(enum sc_paging_mode mode) {
    return mode == SC_PAGING_X86 || mode == SC_PAGING_PAE;
}

/* What the plain model knows of an address: the list of what was mapped. */
struct mapping {
    uint64_t va, pa, size;
};

static uint64_t random_va(enum sc_paging_mode mode, uint64_t *seed) {
    unsigned bits = is_narrow(mode) ? 32 : mode == SC_PAGING_X64_LA57 ? 57 : 48;
    uint64_t va = roll(seed) & (((uint64_t)1 << bits) - 1);
    if (bits > 32 && va >> (bits - 1))
        va |= ~(((uint64_t)1 << bits) - 1);
    return va;
}

static uint64_t large_bits(enum sc_paging_mode mode) {
    return mode == SC_PAGING_ARM64 ? 0x441 : 0xe7;
}

/*
 * Mapping NUMBER: a page of 4 KB, or of the mode's larger sizes, at a random place in a piece of
 * addresses of its own (64 MB, or 1 GB); the frame is random, too.
 */
static struct mapping add(struct tables *t, unsigned number, uint64_t *seed) {
    enum sc_paging_mode mode = t->paging.mode;
    unsigned sizes = is_narrow(mode) ? 2 : 3, level = (unsigned)(roll(seed) >> 5) % sizes;
    unsigned piece = is_narrow(mode) ? 26 : 30;
    uint64_t size = (uint64_t)1 << (mode == SC_PAGING_X86 ? 12 + 10 * level : 12 + 9 * level);
    uint64_t low = ((uint64_t)1 << (piece + 6)) - 1;
    struct mapping m = {random_va(mode, seed), 0, size};
    m.va = ((m.va & ~low) | (uint64_t)number << piece | (m.va & (low >> 6))) & ~(size - 1);
    /* Above all tables, and inside what the mode can name. */
    m.pa = mode == SC_PAGING_X86 && !level ? 0x40000000 : 0x100000000;
    m.pa += roll(seed) % 0x80 * size;
    uint64_t value = m.pa | (level ? large_bits(mode) : mode == SC_PAGING_ARM64 ? 0x443 : 0x67);
    if (mode == SC_PAGING_X86 && level)
        value = (m.pa & 0xffc00000) | (m.pa >> 32 & 0xff) << 13 | 0xe7;
    set_entry(t, level, m.va, value);
    return m;
}

/* What the list says of VA; NULL: nothing is there. */
static const struct mapping *listed(const struct mapping *list, uint64_t va) {
    for (unsigned i = 0; i < MAPPINGS; i++)
        if (va - list[i].va < list[i].size)
            return &list[i];
    return NULL;
}

static void check(struct tables *t, const struct mapping *list, uint64_t va) {
    const struct mapping *m = listed(list, va);
    struct sc_translation tr = translation(t, va);
    if (!m) {
        assert_int_equal(tr.status, SC_READ_INVALID);
        return;
    }
    uint64_t pa = m->pa + (va - m->va);
    bool there = pagestore_find(&t->ps, pa) != NULL;
    assert_int_equal(tr.kind, SC_PTE_VALID);
    assert_int_equal(tr.pa, pa);
    assert_int_equal(tr.page_size, m->size);
    assert_int_equal(tr.status, there ? SC_READ_OK : SC_READ_ABSENT);
    assert_true(tr.writable && tr.user && tr.executable);
}

static void every_mode_agrees_with_the_list_of_what_was_mapped(void **state) {
    (void)state;
    for (unsigned k = 0; k < MODES * 8; k++) {
        uint64_t seed = k + 1;
        struct tables t;
        struct mapping list[MAPPINGS] = {0};
        tables_init(&t, modes[k % MODES]);
        for (unsigned i = 0; i < MAPPINGS; i++)
            list[i] = add(&t, i, &seed);
        for (unsigned i = 0; i < MAPPINGS; i++) {
            if (i % 2)
                pagestore_page(&t.ps, list[i].pa);
            uint64_t last = list[i].va + (list[i].size - 1);
            check(&t, list, list[i].va);
            check(&t, list, last);
            check(&t, list, list[i].va + roll(&seed) % list[i].size);
            if (last + 1 == sc_mode_canon(sc_mode_of(t.paging.mode), last + 1))
                check(&t, list, last + 1);
            check(&t, list, random_va(t.paging.mode, &seed));
        }
        tables_deinit(&t);
    }
}

/* The entries of a translation lead from the first table to the page. */
static void every_entry_on_the_way_is_told(void **state) {
    (void)state;
    for (unsigned k = 0; k < MODES; k++) {
        struct tables t;
        tables_init(&t, modes[k]);
        uint64_t va = is_narrow(modes[k]) ? 0x80a53000 : KERNEL64 + 0x7a53000;
        map_page(&t, va, 0x8000);
        pagestore_page(&t.ps, 0x8000);
        struct sc_translation tr = translation(&t, va + 0x123);
        assert_int_equal(tr.npte, sc_paging_levels(modes[k]));
        for (unsigned i = 0; i < tr.npte; i++) {
            unsigned level = tr.npte - 1 - i;
            assert_int_equal(tr.pte[i].level, level);
            assert_int_equal(tr.pte[i].pa, entry_pa(&t, level, va));
            assert_int_equal(tr.pte[i].value, pagestore_get(&t.ps, tr.pte[i].pa, entry_size(&t)));
            assert_int_equal(tr.pte[i].kind, level ? SC_PTE_TABLE : SC_PTE_VALID);
        }
        assert_int_equal(tr.pa, 0x8123);
        tables_deinit(&t);
    }
}

static void flag_bits_of_the_base_are_ignored(void **state) {
    (void)state;
    static const uint64_t flags[MODES] = {0x18, 0x18, 0x8000000000000005, 0x8000000000000fff,
                                          0x0042000000000801};
    for (unsigned k = 0; k < MODES; k++) {
        struct tables t;
        tables_init(&t, modes[k]);
        uint64_t va = is_narrow(modes[k]) ? 0x80a53000 : KERNEL64;
        map_page(&t, va, 0x8000);
        pagestore_page(&t.ps, 0x8000);
        t.paging.root |= flags[k];
        t.paging.kernel_root |= t.paging.kernel_root ? flags[k] : 0;
        assert_int_equal(translation(&t, va).status, SC_READ_OK);
        tables_deinit(&t);
    }
}

static void arm64_takes_each_half_from_its_own_base(void **state) {
    (void)state;
    struct tables t;
    tables_init(&t, SC_PAGING_ARM64);
    map_page(&t, KERNEL64, 0x8000);
    map_page(&t, 0x10000, 0x9000);
    uint64_t system = t.paging.root;
    t.paging.root = t.free; /* a process's */
    pagestore_page(&t.ps, t.free);
    t.free += 0x1000;
    map_page(&t, 0x10000, 0xa000);
    for (uint64_t pa = 0x8000; pa <= 0xa000; pa += 0x1000)
        pagestore_page(&t.ps, pa);
    assert_int_equal(translation(&t, KERNEL64).pa, 0x8000);
    assert_int_equal(translation(&t, 0x10000).pa, 0xa000);
    t.paging.root = system;
    assert_int_equal(translation(&t, 0x10000).pa, 0x9000);
    t.paging.kernel_root = 0; /* one base serves both */
    assert_int_equal(translation(&t, KERNEL64).pa, 0x8000);
    tables_deinit(&t);
}

static void addresses_are_kernel_or_user_or_none(void **state) {
    (void)state;
    assert_true(sc_paging_is_canonical(SC_PAGING_X64, 0x7fffffffffff));
    assert_false(sc_paging_is_canonical(SC_PAGING_X64, 0x800000000000));
    assert_true(sc_paging_is_canonical(SC_PAGING_X64_LA57, 0x800000000000));
    assert_false(sc_paging_is_canonical(SC_PAGING_X64_LA57, 0x100000000000000));
    assert_true(sc_paging_is_kernel(SC_PAGING_X64, 0xffff800000000000));
    assert_false(sc_paging_is_kernel(SC_PAGING_X64, 0xff00800000000000));
    assert_true(sc_paging_is_kernel(SC_PAGING_X64_LA57, 0xff00000000000000));
    assert_true(sc_paging_is_kernel(SC_PAGING_ARM64, KERNEL64));
    assert_true(sc_paging_is_kernel(SC_PAGING_X86, 0x80000000));
    assert_false(sc_paging_is_kernel(SC_PAGING_PAE, 0x7fffffff));
    assert_false(sc_paging_is_canonical(SC_PAGING_X86, 0xffffffff80000000));
    assert_false(sc_paging_is_canonical(SC_PAGING_NONE, 0));
    assert_int_equal(sc_paging_levels(SC_PAGING_NONE), 0);
    struct tables t;
    tables_init(&t, SC_PAGING_X64);
    struct sc_translation tr = translation(&t, 0x800000000000);
    assert_int_equal(tr.status, SC_READ_INVALID);
    assert_int_equal(tr.npte, 0);
    tables_deinit(&t);
}

/* What takes a right away takes it at any level; Windows' own bits give some back. */
static void rights_are_those_of_all_levels(void **state) {
    (void)state;
    const uint64_t va = 0x7ff612345000, nx = (uint64_t)1 << 63;
    static const struct {
        enum sc_paging_mode mode;
        unsigned level;
        uint64_t clear, set;
        bool writable, user, executable;
    } row[] = {
        {SC_PAGING_X64, 0, 0, 0, true, true, true},
        {SC_PAGING_X64, 0, 2, 0, false, true, true},
        {SC_PAGING_X64, 0, 2, 0x800, true, true, true}, /* may be written, is still clean */
        {SC_PAGING_X64, 2, 2, 0, false, true, true},
        {SC_PAGING_X64, 3, 4, 0, true, false, true},
        {SC_PAGING_X64, 1, 0, nx, true, true, false},
        {SC_PAGING_ARM64, 0, 0, 0, true, true, true},
        {SC_PAGING_ARM64, 0, 0, 0x80, false, true, true},
        {SC_PAGING_ARM64, 0, 0, 0x80000000000080, true, true, true},
        {SC_PAGING_ARM64, 0, 0x40, 0, true, false, true},
        {SC_PAGING_ARM64, 0, 0, 1ull << 54, true, true, false},
        {SC_PAGING_ARM64, 0, 0, 1ull << 53, true, true,
         true}, /* the kernel may not: a process may */
        {SC_PAGING_ARM64, 0, 0x40, 1ull << 53, true, false, false},
        {SC_PAGING_ARM64, 2, 0, 1ull << 62, false, true, true},
        {SC_PAGING_ARM64, 3, 0, 1ull << 60, true, true, false},
    };
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        struct tables t;
        tables_init(&t, row[i].mode);
        map_page(&t, va, 0x8000);
        pagestore_page(&t.ps, 0x8000);
        uint64_t pa = entry_pa(&t, row[i].level, va), v = pagestore_get(&t.ps, pa, 8);
        pagestore_u64(&t.ps, pa, (v & ~row[i].clear) | row[i].set);
        struct sc_translation tr = translation(&t, va);
        assert_int_equal(tr.status, SC_READ_OK);
        assert_int_equal(tr.writable, row[i].writable);
        assert_int_equal(tr.user, row[i].user);
        assert_int_equal(tr.executable, row[i].executable);
        tables_deinit(&t);
    }
}

static void reserved_bits_make_an_entry_bad(void **state) {
    (void)state;
    static const struct {
        enum sc_paging_mode mode;
        unsigned level;
        uint64_t value;
    } row[] = {
        {SC_PAGING_X86, 1, 0x402000e7},   {SC_PAGING_PAE, 1, 0x402020e7},
        {SC_PAGING_X64, 1, 0x402020e7},   {SC_PAGING_X64, 2, 0x602000e7},
        {SC_PAGING_X64, 3, 0x400000e7},   {SC_PAGING_X64_LA57, 4, 0x400000e7},
        {SC_PAGING_ARM64, 0, 0x8441},     {SC_PAGING_ARM64, 1, 0x40120441},
        {SC_PAGING_ARM64, 3, 0x40000441},
    };
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        struct tables t;
        tables_init(&t, row[i].mode);
        uint64_t va = is_narrow(row[i].mode) ? 0x80a53000 : KERNEL64;
        set_entry(&t, row[i].level, va, row[i].value);
        struct sc_translation tr = translation(&t, va);
        assert_int_equal(tr.kind, SC_PTE_BAD);
        assert_int_equal(tr.status, SC_READ_INVALID);
        tables_deinit(&t);
    }
}

static void a_table_that_the_dump_lacks_is_absent_not_invalid(void **state) {
    (void)state;
    for (unsigned k = 0; k < MODES; k++) {
        struct tables t;
        tables_init(&t, modes[k]);
        uint64_t va = is_narrow(modes[k]) ? 0x80a53000 : KERNEL64;
        set_entry(&t, 1, va, 0x70000000 | table_bits(&t, 1));
        struct sc_translation tr = translation(&t, va);
        assert_int_equal(tr.status, SC_READ_ABSENT);
        assert_int_equal(tr.kind, SC_PTE_UNREADABLE);
        assert_int_equal(tr.npte, sc_paging_levels(modes[k]));
        assert_int_equal(tr.pte[tr.npte - 1].kind, SC_PTE_UNREADABLE);
        t.ps.fail_at = t.ps.reads + 1;
        t.ps.fail_status = SC_READ_IO;
        assert_int_equal(translation(&t, va).status, SC_READ_IO);
        tables_deinit(&t);
    }
}

static void one_entry_is_decoded_without_following_it(void **state) {
    (void)state;
    struct tables t;
    struct sc_translation tr;
    tables_init(&t, SC_PAGING_X64);
    sc_pte_decode(&t.paging, 1, 0x8000000040200867, &tr);
    assert_int_equal(tr.kind, SC_PTE_TABLE);
    assert_int_equal(tr.pa, 0x40200000);
    sc_pte_decode(&t.paging, 1, 0x80000000402008e5, &tr);
    assert_int_equal(tr.kind, SC_PTE_VALID);
    assert_int_equal(tr.page_size, 0x200000);
    assert_true(tr.writable && !tr.executable);
    sc_pte_decode(&t.paging, 7, 1, &tr);
    assert_int_equal(tr.kind, SC_PTE_BAD);
    assert_int_equal(t.ps.reads, 0);
    t.paging.mode = SC_PAGING_NONE;
    sc_pte_decode(&t.paging, 0, 1, &tr);
    assert_int_equal(tr.kind, SC_PTE_BAD);
    assert_int_equal(translation(&t, 0x1000).status, SC_READ_INVALID);
    assert_string_equal(sc_pte_kind_name(SC_PTE_DEMAND_ZERO), "demand zero");
    assert_string_equal(sc_pte_kind_name((enum sc_pte_kind)99), "unknown");
    tables_deinit(&t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_mode_agrees_with_the_list_of_what_was_mapped),
        cmocka_unit_test(every_entry_on_the_way_is_told),
        cmocka_unit_test(flag_bits_of_the_base_are_ignored),
        cmocka_unit_test(arm64_takes_each_half_from_its_own_base),
        cmocka_unit_test(addresses_are_kernel_or_user_or_none),
        cmocka_unit_test(rights_are_those_of_all_levels),
        cmocka_unit_test(reserved_bits_make_an_entry_bad),
        cmocka_unit_test(a_table_that_the_dump_lacks_is_absent_not_invalid),
        cmocka_unit_test(one_entry_is_decoded_without_following_it),
    };
    return cmocka_run_group_tests_name("paging", tests, NULL, NULL);
}
