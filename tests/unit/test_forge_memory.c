/* SPDX-License-Identifier: MIT */
/*
 * The forge's physical memory and page tables. Entries are written down by hand from the processor
 * manuals, and tables are walked by a small model of its own here.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "forge/index.h"
#include "forge/memmap.h"
#include "forge/pagetab.h"
#include "forge/physmem.h"

static uint64_t number(const struct forge_physmem *m, uint64_t pa, unsigned width) {
    uint8_t b[8];
    uint64_t v = 0;
    assert_true(forge_physmem_read(m, pa, b, width));
    for (unsigned i = width; i-- > 0;)
        v = v << 8 | b[i];
    return v;
}

/* ---- physical memory ---- */

static void a_pc_has_holes_below_1_mb_and_4_gb(void **state) {
    (void)state;
    const struct forge_ram *run;
    struct forge_physmem *m = forge_physmem_new();
    assert_true(forge_physmem_pc(m, 8ull << 30));
    assert_int_equal(forge_physmem_runs(m, &run), 3);
    assert_int_equal(run[0].start, 0x1000);
    assert_int_equal(run[0].start + run[0].size, 0x9f000);
    assert_int_equal(run[1].start, 0x100000);
    assert_true(run[1].start + run[1].size <= 0xc0000000);
    assert_int_equal(run[2].start, 0x100000000);
    assert_int_equal(run[2].start + run[2].size, 0x100000000 + (5ull << 30));
    assert_false(forge_physmem_is_ram(m, 0));
    assert_false(forge_physmem_is_ram(m, 0xa0000));
    assert_false(forge_physmem_is_ram(m, 0xfee00000));
    assert_false(forge_physmem_write(m, 0xa0000, "x", 1));
    forge_physmem_free(m);
}

static void a_small_pc_has_no_memory_above_4_gb(void **state) {
    (void)state;
    struct forge_physmem *m = forge_physmem_new();
    assert_true(forge_physmem_pc(m, 512 << 20));
    assert_true(forge_physmem_end(m) <= 512 << 20);
    forge_physmem_free(m);
}

static void what_was_written_is_read_and_the_rest_is_zero(void **state) {
    (void)state;
    char text[8] = "????";
    struct forge_physmem *m = forge_physmem_new();
    forge_physmem_pc(m, 64ull << 30);
    assert_true(forge_physmem_write(m, 0x100000ffe, "abcd", 4));
    assert_true(forge_physmem_read(m, 0x100000ffd, text, 6));
    assert_memory_equal(text, "\0abcd\0", 6);
    uint64_t pfn = 0;
    assert_true(forge_physmem_next(m, &pfn));
    assert_int_equal(pfn, 0x100000);
    pfn++;
    assert_true(forge_physmem_next(m, &pfn));
    assert_int_equal(pfn, 0x100001);
    pfn++;
    assert_false(forge_physmem_next(m, &pfn));
    forge_physmem_free(m);
}

static void a_pattern_says_where_a_byte_is(void **state) {
    (void)state;
    struct forge_physmem *m = forge_physmem_new();
    forge_physmem_fill(m, FORGE_RAM_PATTERN);
    forge_physmem_pc(m, 16 << 20);
    assert_int_equal(number(m, 0x123458, 8), 0x5a5a5a5a00123458);
    forge_physmem_write(m, 0x123450, "\1", 1); /* the page is stored: the rest of it stays */
    assert_int_equal(number(m, 0x123458, 8), 0x5a5a5a5a00123458);
    assert_int_equal(number(m, 0x123450, 8), 0x5a5a5a5a00123401);
    forge_physmem_zero(m, 0x200000, 0x2000);
    assert_int_equal(number(m, 0x201ff8, 8), 0);
    assert_int_equal(number(m, 0x202000, 8), 0x5a5a5a5a00202000);
    forge_physmem_free(m);
}

static void every_page_is_handed_out_once_and_neighbours_lie_apart(void **state) {
    (void)state;
    enum { PAGES = 0x700 };
    static uint8_t seen[0x800];
    struct forge_physmem *m = forge_physmem_new();
    assert_true(forge_physmem_add(m, 0x100000, (uint64_t)PAGES * 0x1000));
    uint64_t before = 0;
    unsigned near = 0;
    memset(seen, 0, sizeof seen);
    assert_true(forge_physmem_take(m, 0x105000, 0x2000));
    for (unsigned i = 0; i < PAGES - 2; i++) {
        uint64_t pa = forge_physmem_alloc(m);
        assert_true(pa >= 0x100000 && pa % 0x1000 == 0);
        assert_int_equal(seen[pa / 0x1000 - 0x100]++, 0);
        near += pa == before + 0x1000 || before == pa + 0x1000;
        before = pa;
    }
    assert_int_equal(seen[5] + seen[6], 0);
    assert_int_equal(forge_physmem_alloc(m), 0);
    assert_int_equal(near, 0);
    forge_physmem_free(m);
}

static void rows_of_pages_are_aligned_and_nobody_elses(void **state) {
    (void)state;
    struct forge_physmem *m = forge_physmem_new();
    forge_physmem_pc(m, 64 << 20);
    uint64_t a = forge_physmem_alloc_row(m, 0x600000, 0x200000);
    uint64_t b = forge_physmem_alloc_row(m, 0x200000, 0x200000);
    assert_true(a && b && a % 0x200000 == 0 && b % 0x200000 == 0);
    assert_true(b + 0x200000 <= a || b >= a + 0x600000);
    assert_true(forge_physmem_is_taken(m, a + 0x5ff000));
    assert_false(forge_physmem_take(m, a + 0x5ff000, 0x1000));
    uint64_t low = forge_physmem_alloc_low(m, 0x1000, 0x1000, 0x100000);
    assert_int_equal(low, 0x1000);
    assert_int_equal(forge_physmem_alloc_low(m, 0x1000, 0x1000, 0x100000), 0x2000);
    assert_int_equal(forge_physmem_alloc_row(m, 1ull << 40, 0x1000), 0);
    forge_physmem_free(m);
}

static void pages_that_are_alike_are_stored_once_until_somebody_writes(void **state) {
    (void)state;
    uint8_t page[0x1000];
    struct forge_physmem *m = forge_physmem_new();
    forge_physmem_pc(m, 64 << 20);
    memset(page, 0x11, sizeof page);
    const uint8_t *kept = forge_physmem_keep(m, page);
    memset(page, 0x22, sizeof page); /* it is a copy */
    assert_true(forge_physmem_write(m, 0x201000, "before", 6));
    assert_true(forge_physmem_share(m, 0x200000, kept) && forge_physmem_share(m, 0x201000, kept));
    assert_ptr_equal(forge_physmem_page(m, 0x200), forge_physmem_page(m, 0x201));
    assert_int_equal(number(m, 0x201000, 8), 0x1111111111111111);
    assert_true(forge_physmem_write(m, 0x201010, "\3\0\0\0", 4));
    assert_int_equal(number(m, 0x201010, 8), 0x1111111100000003);
    assert_int_equal(number(m, 0x201018, 8), 0x1111111111111111);
    assert_int_equal(number(m, 0x200010, 8), 0x1111111111111111);
    assert_false(forge_physmem_share(m, 1ull << 40, kept));
    forge_physmem_free(m);
}

static void what_is_taken_is_known_page_by_page(void **state) {
    (void)state;
    struct forge_physmem *m = forge_physmem_new();
    forge_physmem_pc(m, 64 << 20);
    assert_true(forge_physmem_take(m, 0x200000, 0x100000));
    assert_true(forge_physmem_take(m, 0x300800, 0x1000)); /* of two pages a part */
    assert_false(forge_physmem_is_taken(m, 0x1ff000) || forge_physmem_is_taken(m, 0x302000));
    assert_true(forge_physmem_is_taken(m, 0x2ff000) && forge_physmem_is_taken(m, 0x301fff));
    assert_false(forge_physmem_take(m, 0x1f0000, 0x11000)); /* its last page is another's */
    assert_true(forge_physmem_take(m, 0x1f0000, 0x10000));
    assert_false(forge_physmem_take(m, 0x9e000, 0x2000)); /* it runs into a hole */
    assert_false(forge_physmem_is_taken(m, 1ull << 40));
    forge_physmem_free(m);
}

/* ---- numbers and their places ---- */

static void of_many_numbers_each_is_found_and_of_equal_ones_the_first(void **state) {
    (void)state;
    struct forge_pool pool = {0};
    struct forge_index x = {0};
    assert_true(forge_index_get(&x, 0) == SIZE_MAX);
    for (size_t i = 0; i < 5000; i++)
        forge_index_put(&pool, &x, 0xfffffa8000000000 + i * 0x1000, i);
    forge_index_put(&pool, &x, 0xfffffa8000007000, 9999);
    forge_index_put(&pool, &x, 0, 5000);
    for (size_t i = 0; i < 5000; i++)
        assert_true(forge_index_get(&x, 0xfffffa8000000000 + i * 0x1000) == i);
    assert_true(forge_index_get(&x, 0) == 5000);
    assert_true(forge_index_get(&x, 0xfffffa8000000008) == SIZE_MAX);
    forge_pool_free(&pool);
}

/* ---- bytes and who said them ---- */

static void of_a_page_that_several_lines_speak_of_each_byte_has_its_own(void **state) {
    (void)state;
    struct forge_pool pool = {0};
    struct forge_memmap m = {.pool = &pool};
    unsigned line = 0;
    uint64_t at = 0;
    assert_true(forge_memmap_put(&m, 0x1000, "\1\1", 2, 7, &line, &at));
    assert_false(forge_memmap_put(&m, 0x1000, "\1\2", 2, 8, &line, &at));
    assert_int_equal(line, 7);
    assert_int_equal(at, 0x1001);
    assert_true(forge_memmap_put(&m, 0x1002, "\1\1", 2, 9, &line, &at));
    assert_false(forge_memmap_put(&m, 0x1003, "\2", 1, 10, &line, &at));
    assert_int_equal(line, 9);
    assert_false(forge_memmap_put(&m, 0x1000, "\2", 1, 10, &line, &at));
    assert_int_equal(line, 7);
    forge_pool_free(&pool);
}

/* ---- page tables ---- */

struct machine {
    struct forge_physmem *mem;
    struct forge_mmu *mmu;
    unsigned system, other;
};

static struct machine machine(enum forge_paging mode, uint64_t root) {
    struct machine m = {.mem = forge_physmem_new()};
    forge_physmem_pc(m.mem, 1ull << 30);
    m.mmu = forge_mmu_new(m.mem, mode, mode == FORGE_PAGING_ARM64 ? 0x1ee : 0x1ed);
    assert_true(forge_mmu_space(m.mmu, root, &m.system));
    return m;
}

static void done(struct machine *m) {
    forge_mmu_free(m->mmu);
    forge_physmem_free(m->mem);
}

static void x64_has_four_levels(void **state) {
    (void)state;
    struct machine m = machine(FORGE_PAGING_X64, 0x187000);
    uint64_t va = 0xfffff88012345000, e;
    assert_true(forge_mmu_map(m.mmu, m.system, va, 0x300000, 0x1000, FORGE_MAP_WRITE));
    e = number(m.mem, 0x187000 + ((va >> 39) & 0x1ff) * 8, 8);
    assert_int_equal(e & 0x87, 3); /* present, writable; not user, not large */
    e = number(m.mem, (e & 0xffffffffff000) + ((va >> 30) & 0x1ff) * 8, 8);
    e = number(m.mem, (e & 0xffffffffff000) + ((va >> 21) & 0x1ff) * 8, 8);
    e = number(m.mem, (e & 0xffffffffff000) + ((va >> 12) & 0x1ff) * 8, 8);
    assert_int_equal(e, 0x8000000000300863); /* no execute; written; dirty, accessed */
    /* The self map: the tables seen as memory. */
    assert_int_equal(number(m.mem, 0x187000 + 0x1ed * 8, 8) & ~0xfc0ull, 0x187023);
    assert_int_equal(forge_mmu_entry_va(m.mmu, va, 0),
                     0xfffff68000000000 + ((va >> 9) & 0x7ffffffff8));
    assert_int_equal(forge_mmu_entry_va(m.mmu, 0, 3), 0xfffff6fb7dbed000);
    uint8_t seen[8];
    assert_true(forge_mmu_read(m.mmu, m.system, forge_mmu_entry_va(m.mmu, va, 0), seen, 8));
    assert_memory_equal(seen, "\x63\x08\x30\0\0\0\0\x80", 8);
    assert_true(forge_mmu_read(m.mmu, m.system, forge_mmu_entry_va(m.mmu, va, 3), seen, 8));
    assert_int_equal(seen[0], 0x63);
    done(&m);
}

static void pages_of_2_mb_and_1_gb_are_marked(void **state) {
    (void)state;
    struct machine m = machine(FORGE_PAGING_X64, 0);
    struct forge_mapping f;
    assert_true(forge_mmu_map(m.mmu, m.system, 0xfffff80001600000, 0x1600000, 0x200000,
                              FORGE_MAP_WRITE | FORGE_MAP_EXEC | FORGE_MAP_GLOBAL));
    assert_true(forge_mmu_find(m.mmu, m.system, 0xfffff80001744abc, &f));
    assert_int_equal(f.pa, 0x1744abc);
    assert_int_equal(f.level, 1);
    assert_int_equal(f.entry, 0x16009e3);
    assert_false(forge_mmu_map(m.mmu, m.system, 0xfffff80001700000, 0x300000, 0x1000, 0));
    assert_false(forge_mmu_map(m.mmu, m.system, 0xfffff80001900000, 0x300000, 0x200000, 0));
    assert_true(forge_mmu_map(m.mmu, m.system, 0xffffa00040000000, 0, 0x40000000, 0));
    assert_true(forge_mmu_find(m.mmu, m.system, 0xffffa00041234567, &f));
    assert_int_equal(f.pa, 0x1234567);
    assert_int_equal(f.level, 2);
    done(&m);
}

static void spaces_share_the_kernel_half_only(void **state) {
    (void)state;
    static const enum forge_paging modes[] = {FORGE_PAGING_X86, FORGE_PAGING_PAE, FORGE_PAGING_X64,
                                              FORGE_PAGING_LA57, FORGE_PAGING_ARM64};
    for (unsigned i = 0; i < 5; i++) {
        struct machine m = machine(modes[i], 0);
        bool small = modes[i] <= FORGE_PAGING_PAE;
        uint64_t old = small ? 0x80001000 : 0xfffff80000001000;
        uint64_t late = small ? 0xf0001000 : 0xffffa80000001000, user = 0x401000;
        struct forge_mapping f;
        assert_true(forge_mmu_map(m.mmu, m.system, old, 0x200000, 0x1000, FORGE_MAP_WRITE));
        assert_true(forge_mmu_space(m.mmu, 0, &m.other));
        assert_true(forge_mmu_map(m.mmu, m.other, late, 0x201000, 0x1000, 0));
        assert_true(forge_mmu_map(m.mmu, m.other, user, 0x202000, 0x1000,
                                  FORGE_MAP_USER | FORGE_MAP_WRITE));
        assert_true(forge_mmu_find(m.mmu, m.other, old, &f));
        assert_int_equal(f.pa, 0x200000);
        assert_true(forge_mmu_find(m.mmu, m.system, late, &f));
        assert_int_equal(f.pa, 0x201000);
        assert_true(forge_mmu_find(m.mmu, m.other, user, &f));
        assert_int_equal(f.pa, 0x202000);
        assert_false(forge_mmu_find(m.mmu, m.system, user, &f));
        assert_int_not_equal(forge_mmu_root(m.mmu, m.system), forge_mmu_root(m.mmu, m.other));
        /* Each sees its own tables at the self map. */
        uint64_t pte = forge_mmu_entry_va(m.mmu, user, 0), value = 0;
        if (pte) {
            assert_true(forge_mmu_read(m.mmu, m.other, pte, &value, small && !i ? 4 : 8));
            assert_int_equal(value & 0xfffffffff001, 0x202001);
            assert_false(forge_mmu_read(m.mmu, m.system, pte, &value, 4));
        }
        done(&m);
    }
}

static void pae_has_its_directories_behind_the_first_top_table(void **state) {
    (void)state;
    struct machine m = machine(FORGE_PAGING_PAE, 0x185000);
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(number(m.mem, 0x185000 + i * 8, 8), 0x186001 + i * 0x1000);
    assert_int_equal(number(m.mem, 0x185020, 8), 0);
    assert_true(forge_mmu_map(m.mmu, m.system, 0x804d7000, 0x400000, 0x1000, FORGE_MAP_EXEC));
    uint64_t pde = number(m.mem, 0x188000 + ((0x804d7000 >> 21) & 0x1ff) * 8, 8);
    assert_int_equal(number(m.mem, (pde & ~0xfffull) + 0xd7 * 8, 8), 0x400021);
    assert_int_equal(forge_mmu_entry_va(m.mmu, 0x804d7000, 0), 0xc0000000 + 0x804d7 * 8);
    assert_int_equal(forge_mmu_entry_va(m.mmu, 0x804d7000, 1), 0xc0600000 + (0x804d7000 >> 21) * 8);
    assert_true(forge_mmu_space(m.mmu, 0, &m.other));
    assert_int_equal(forge_mmu_root(m.mmu, m.other) % 32, 0);
    assert_true(forge_mmu_root(m.mmu, m.other) < 0x100000000);
    done(&m);
}

static void x86_has_two_levels_and_pages_of_4_mb(void **state) {
    (void)state;
    struct machine m = machine(FORGE_PAGING_X86, 0x39000);
    assert_true(forge_mmu_map(m.mmu, m.system, 0x80400000, 0x800000, 0x400000,
                              FORGE_MAP_WRITE | FORGE_MAP_EXEC));
    assert_int_equal(number(m.mem, 0x39000 + 0x201 * 4, 4), 0x8008e3);
    assert_int_equal(number(m.mem, 0x39c00, 4) & 0xfffff003, 0x39003);
    assert_int_equal(forge_mmu_entry_va(m.mmu, 0x80400000, 1), 0xc0300804);
    done(&m);
}

static void arm64_marks_tables_pages_and_blocks(void **state) {
    (void)state;
    struct machine m = machine(FORGE_PAGING_ARM64, 0x400000);
    struct forge_mapping f;
    assert_int_equal(number(m.mem, 0x400000 + 0x1ee * 8, 8) & 0x0063fffffffff073,
                     0x0060000000400003);
    assert_true(
        forge_mmu_map(m.mmu, m.system, 0xfffff80000200000, 0x600000, 0x200000, FORGE_MAP_EXEC));
    assert_true(forge_mmu_find(m.mmu, m.system, 0xfffff80000234567, &f));
    assert_int_equal(f.pa, 0x634567);
    assert_int_equal(f.entry & 3, 1);
    assert_int_equal(f.entry >> 53 & 3, 2); /* UXN, not PXN */
    assert_true(forge_mmu_map(m.mmu, m.system, 0x10000, 0x900000, 0x1000,
                              FORGE_MAP_USER | FORGE_MAP_WRITE));
    assert_true(forge_mmu_find(m.mmu, m.system, 0x10000, &f));
    assert_int_equal(f.entry & 0xc3, 0x43); /* a page, of EL0 too, not read-only */
    done(&m);
}

static void la57_needs_a_level_more(void **state) {
    (void)state;
    struct machine m = machine(FORGE_PAGING_LA57, 0);
    struct forge_mapping f;
    uint64_t va = 0xff12345678900000, pa = forge_mmu_root(m.mmu, m.system);
    assert_true(forge_mmu_map(m.mmu, m.system, va, 0x300000, 0x1000, 0));
    assert_true(forge_mmu_find(m.mmu, m.system, va + 0x123, &f));
    assert_int_equal(f.pa, 0x300123);
    for (unsigned shift = 48; shift >= 12; shift -= 9)
        pa = number(m.mem, pa + ((va >> shift) & 0x1ff) * 8, 8) & 0xffffffffff000;
    assert_int_equal(pa, 0x300000);
    done(&m);
}

/* ---- what is visited ---- */

struct seen {
    unsigned tables, pages, roots;
};

static void count(void *ctx, const struct forge_visit *v) {
    struct seen *s = ctx;
    s->roots += v->table && !v->entry_pa;
    s->tables += v->table && v->entry_pa;
    s->pages += !v->table;
}

static void every_table_and_page_is_visited_once(void **state) {
    (void)state;
    struct machine m = machine(FORGE_PAGING_X64, 0);
    struct seen s = {0};
    forge_mmu_map(m.mmu, m.system, 0xfffff80000000000, 0x200000, 0x200000, 0);
    forge_mmu_space(m.mmu, 0, &m.other);
    forge_mmu_map(m.mmu, m.other, 0x10000, 0x401000, 0x1000, FORGE_MAP_USER);
    forge_mmu_map(m.mmu, m.other, 0x11000, 0x402000, 0x1000, FORGE_MAP_USER);
    forge_mmu_visit(m.mmu, count, &s);
    assert_int_equal(s.roots, 2);
    assert_int_equal(s.tables, 2 + 3);
    assert_int_equal(s.pages, 3);
    done(&m);
}

/* ---- entries that are not valid ---- */

static void soft_entries_of_each_build(void **state) {
    (void)state;
    struct forge_soft w7 = forge_soft_of(FORGE_PAGING_X64, 7601);
    struct forge_soft w10 = forge_soft_of(FORGE_PAGING_X64, 19041);
    struct forge_soft x86 = forge_soft_of(FORGE_PAGING_X86, 7601);
    struct forge_soft pae = forge_soft_of(FORGE_PAGING_PAE, 7601);
    assert_int_equal(forge_pte_transition(&w7, 0x12345000, 4), 0x12345880);
    assert_int_equal(forge_pte_pagefile(&w7, 2, 0x1234, 4), 0x123400000084);
    assert_int_equal(forge_pte_pagefile(&w10, 2, 0x1234, 4), 0x123400002080);
    assert_int_equal(forge_pte_demand_zero(&w10, 4), 0x80);
    assert_int_equal(forge_pte_prototype(&w7, 0xfffff8a000c0a010, 1), 0xf8a000c0a0100c00);
    assert_int_equal(forge_pte_prototype(&w10, 0xffffa58912c0a010, 1), 0xa58912c0a0100420);
    assert_int_equal(forge_pte_vad(&w10, 4) >> 16, 0xffffffffffff);
    assert_int_equal(forge_pte_subsection(&w10, 0xffffa58912c0a010, 7), 0xa58912c0a01004e0);
    assert_int_equal(forge_pte_prototype(&pae, 0x8c123450, 1), 0x8c12345000000400);
    assert_int_equal(forge_pte_pagefile(&x86, 1, 0x777, 4), 0x777082);
    /* Back again: 80000000 | (pte >> 1 & 7ffffc00) | (pte << 1 & 3ff). */
    uint64_t p = forge_pte_prototype(&x86, 0x8c12345c, 0);
    assert_int_equal(p & 0x401, 0x400);
    assert_int_equal(0x80000000 | (p >> 1 & 0x7ffffc00) | (p << 1 & 0x3ff), 0x8c12345c);
}

static void l1tf_flips_what_the_swizzle_bit_does_not_keep(void **state) {
    (void)state;
    struct forge_soft s = forge_soft_of(FORGE_PAGING_X64, 19041);
    s.swizzle_mask = 1ull << 45;
    assert_int_equal(forge_pte_transition(&s, 0x12345000, 4), 0x200012345880);
    assert_int_equal(forge_pte_transition(&s, 0x200012345000, 4), 0x200012345890);
    assert_int_equal(forge_pte_pagefile(&s, 0, 7, 4), 0x200700000080);
    assert_int_equal(forge_pte_prototype(&s, 0xffffa58912c0a010, 1), 0xa58912c0a0100430);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pc_has_holes_below_1_mb_and_4_gb),
        cmocka_unit_test(a_small_pc_has_no_memory_above_4_gb),
        cmocka_unit_test(what_was_written_is_read_and_the_rest_is_zero),
        cmocka_unit_test(a_pattern_says_where_a_byte_is),
        cmocka_unit_test(every_page_is_handed_out_once_and_neighbours_lie_apart),
        cmocka_unit_test(rows_of_pages_are_aligned_and_nobody_elses),
        cmocka_unit_test(pages_that_are_alike_are_stored_once_until_somebody_writes),
        cmocka_unit_test(what_is_taken_is_known_page_by_page),
        cmocka_unit_test(of_many_numbers_each_is_found_and_of_equal_ones_the_first),
        cmocka_unit_test(of_a_page_that_several_lines_speak_of_each_byte_has_its_own),
        cmocka_unit_test(x64_has_four_levels),
        cmocka_unit_test(pages_of_2_mb_and_1_gb_are_marked),
        cmocka_unit_test(spaces_share_the_kernel_half_only),
        cmocka_unit_test(pae_has_its_directories_behind_the_first_top_table),
        cmocka_unit_test(x86_has_two_levels_and_pages_of_4_mb),
        cmocka_unit_test(arm64_marks_tables_pages_and_blocks),
        cmocka_unit_test(la57_needs_a_level_more),
        cmocka_unit_test(every_table_and_page_is_visited_once),
        cmocka_unit_test(soft_entries_of_each_build),
        cmocka_unit_test(l1tf_flips_what_the_swizzle_bit_does_not_keep),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
