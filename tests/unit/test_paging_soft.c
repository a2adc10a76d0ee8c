/* SPDX-License-Identifier: MIT */
/*
 * Entries that are not valid: each form on each CPU, swizzling, prototype entries and where they
 * lead, circles of them, tables in transition. Entry values are put together bit by bit from the
 * published structures (MMPTE_SOFTWARE, …), as the comments beside them say.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "mem/softpte.h"
#include "paging_fixture.h"

#define VA64  0x7ff612345678ull
#define PROTO 0xffffc00012345680ull /* an array of prototype entries */

struct world {
    struct tables t;
};

static int setup(void **state) {
    struct world *w = calloc(1, sizeof *w);
    tables_init(&w->t, SC_PAGING_X64);
    *state = w;
    return 0;
}

static int teardown(void **state) {
    struct world *w = *state;
    tables_deinit(&w->t);
    free(w);
    return 0;
}

static void build(struct tables *t, enum sc_cpu cpu, bool pae, uint32_t number) {
    t->paging.soft = sc_soft_pte_of(cpu, pae, number);
}

static struct sc_translation with(struct tables *t, uint64_t va, uint64_t value) {
    set_entry(t, 0, va, value);
    return translation(t, va);
}

static void an_entry_of_zero_maps_nothing(void **state) {
    struct tables *t = &((struct world *)*state)->t;
    struct sc_translation tr = with(t, VA64, 0);
    assert_int_equal(tr.kind, SC_PTE_NONE);
    assert_int_equal(tr.status, SC_READ_INVALID);
}

static void a_transition_page_is_still_in_memory(void **state) {
    struct tables *t = &((struct world *)*state)->t;
    pagestore_page(&t->ps, 0x7000);
    /* PageFrameNumber 7, Transition, Protection 4 */
    struct sc_translation tr = with(t, VA64, 0x7000 | 0x800 | 4 << 5);
    assert_int_equal(tr.kind, SC_PTE_TRANSITION);
    assert_int_equal(tr.status, SC_READ_OK);
    assert_int_equal(tr.pa, 0x7678);
    assert_int_equal(tr.protection, 4);
    tr = with(t, VA64, 0x6000 | 0x800 | 4 << 5);
    assert_int_equal(tr.status, SC_READ_ABSENT);
    assert_int_equal(tr.kind, SC_PTE_TRANSITION);
}

static void frames_are_as_wide_as_the_build_has_them(void **state) {
    struct tables *t = &((struct world *)*state)->t;
    const uint64_t value = 0xabcd123456789000 | 0x810;
    static const struct {
        uint32_t build;
        uint64_t pa;
    } row[] = {{3790, 0x3456789678},
               {7601, 0x123456789678},
               {19041, 0x123456789678},
               {20348, 0xd123456789678},
               {22000, 0xd123456789678}};
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        build(t, SC_CPU_X64, false, row[i].build);
        assert_int_equal(with(t, VA64, value).pa, row[i].pa);
    }
}

static void page_file_entries_name_file_and_page(void **state) {
    struct tables *t = &((struct world *)*state)->t;
    /* New: PageFileHigh 0x1234, PageFileLow 2 at bit 12, SwizzleBit, Protection 7 */
    struct sc_translation tr = with(t, VA64, 0x1234ull << 32 | 2 << 12 | 0x10 | 7 << 5);
    assert_int_equal(tr.kind, SC_PTE_PAGEFILE);
    assert_int_equal(tr.status, SC_READ_PAGED_OUT);
    assert_int_equal(tr.pagefile, 2);
    assert_int_equal(tr.pagefile_page, 0x1234);
    assert_int_equal(tr.protection, 7);
    /* Old: PageFileLow at bit 1, UsedPageTableEntries or reserved bits from 12 on */
    build(t, SC_CPU_X64, false, 10240);
    tr = with(t, VA64, 0x1234ull << 32 | 1 << 12 | 2 << 1 | 7 << 5);
    assert_int_equal(tr.pagefile, 2);
    assert_int_equal(tr.pagefile_page, 0x1234);
}

static void neither_file_nor_page_is_a_page_of_zeros_to_come(void **state) {
    struct tables *t = &((struct world *)*state)->t;
    struct sc_translation tr = with(t, VA64, 4 << 5);
    assert_int_equal(tr.kind, SC_PTE_DEMAND_ZERO);
    assert_int_equal(tr.status, SC_READ_ABSENT);
    assert_int_equal(tr.protection, 4);
}

static void swizzled_bits_are_taken_back(void **state) {
    struct tables *t = &((struct world *)*state)->t;
    const uint64_t mask = 0x200000000000;
    t->paging.soft.invalid_mask = mask;
    pagestore_page(&t->ps, 0x7000);
    assert_int_equal(with(t, VA64, (0x7000 | 0x880) ^ mask).pa, 0x7678);
    assert_int_equal(with(t, VA64, 0x7000 | 0x880).pa, 0x7678); /* it was never set */
    /* SwizzleBit set: as it stands */
    assert_int_equal(with(t, VA64, mask | 0x7000 | 0x890).pa, mask | 0x7678);
    struct sc_translation tr = with(t, VA64, (0x1234ull << 32 | 1 << 12 | 4 << 5) ^ mask);
    assert_int_equal(tr.pagefile_page, 0x1234);
    assert_int_equal(tr.pagefile, 1);
    tr = with(t, VA64, ((PROTO << 16) | 0x400) ^ mask);
    assert_int_equal(tr.prototype, PROTO);
    assert_int_equal(tr.kind, SC_PTE_UNREADABLE);
    /* The kernel before the update had no such bit: bit 4 is its page file's number. */
    t->paging.soft = sc_soft_pte_swizzled(SC_CPU_X64, false, 14393, false);
    t->paging.soft.invalid_mask = mask;
    assert_int_equal(with(t, VA64, mask | 0x7000 | 0x880).pa, mask | 0x7678);
}

/* ---- prototypes ---- */

static void put_proto(struct tables *t, uint64_t va, uint64_t value) {
    uint64_t page = va & ~(uint64_t)0xfff;
    uint64_t pa = 0x40000000 + (page & 0xff000);
    map_page(t, page, pa);
    pagestore_u64(&t->ps, pa + (va & 0xfff), value);
}

static void a_prototype_entry_tells_where_the_page_is(void **state) {
    struct tables *t = &((struct world *)*state)->t;
    const uint64_t entry = PROTO << 16 | 0x400 | 1 << 5;
    pagestore_page(&t->ps, 0x9000);
    put_proto(t, PROTO, 0x9000 | 0x121); /* valid */
    struct sc_translation tr = with(t, VA64, entry);
    assert_int_equal(tr.status, SC_READ_OK);
    assert_int_equal(tr.kind, SC_PTE_VALID);
    assert_int_equal(tr.pa, 0x9678);
    assert_int_equal(tr.prototype, PROTO);
    assert_int_equal(tr.protection, 1);
    assert_int_equal(tr.npte, 5);
    assert_int_equal(tr.pte[3].kind, SC_PTE_PROTOTYPE);
    assert_int_equal(tr.pte[4].level, 0);
    assert_int_equal(tr.pte[4].pa, 0x40045680);
    assert_int_equal(tr.pte[4].value, 0x9121);
    put_proto(t, PROTO, 0x9000 | 0x8e0); /* in transition */
    assert_int_equal(translation(t, VA64).pa, 0x9678);
    put_proto(t, PROTO, 0x77ull << 32 | 0xf0); /* in page file 0 */
    tr = translation(t, VA64);
    assert_int_equal(tr.status, SC_READ_PAGED_OUT);
    assert_int_equal(tr.pagefile_page, 0x77);
    put_proto(t, PROTO, 0xe0);
    assert_int_equal(translation(t, VA64).kind, SC_PTE_DEMAND_ZERO);
    put_proto(t, PROTO, 0);
    assert_int_equal(translation(t, VA64).kind, SC_PTE_NONE);
}

static void a_prototype_of_a_mapped_file_names_its_subsection(void **state) {
    struct tables *t = &((struct world *)*state)->t;
    put_proto(t, PROTO, 0xffff9a8812345670ull << 16 | 0x400 | 3 << 5);
    struct sc_translation tr = with(t, VA64, PROTO << 16 | 0x400);
    assert_int_equal(tr.kind, SC_PTE_SUBSECTION);
    assert_int_equal(tr.status, SC_READ_PAGED_OUT);
    assert_int_equal(tr.prototype, 0xffff9a8812345670ull);
    assert_int_equal(tr.protection, 3);
    put_proto(t, PROTO, 0xffff9a8812345670ull); /* the newer form: the address itself */
    tr = translation(t, VA64);
    assert_int_equal(tr.kind, SC_PTE_SUBSECTION);
    assert_int_equal(tr.prototype, 0xffff9a8812345670ull);
}

static void what_only_the_vad_knows_is_said(void **state) {
    struct tables *t = &((struct world *)*state)->t;
    struct sc_translation tr = with(t, VA64, 0xffffffff00000000 | 0x400 | 1 << 5);
    assert_int_equal(tr.kind, SC_PTE_PROTOTYPE_VAD);
    assert_int_equal(tr.status, SC_READ_ABSENT);
    assert_int_equal(tr.protection, 1);
    tr = with(t, VA64, 0xffffffffffff0000 | 0x400);
    assert_int_equal(tr.kind, SC_PTE_PROTOTYPE_VAD);
}

static void a_prototype_that_is_no_kernel_address_is_bad(void **state) {
    struct tables *t = &((struct world *)*state)->t;
    struct sc_translation tr = with(t, VA64, 0x7ff612345678ull << 16 | 0x400);
    assert_int_equal(tr.kind, SC_PTE_BAD);
    assert_int_equal(tr.status, SC_READ_INVALID);
    assert_int_equal(with(t, VA64, 0x400).kind, SC_PTE_BAD);
}

static void a_prototype_that_the_dump_lacks_leaves_the_page_absent(void **state) {
    struct tables *t = &((struct world *)*state)->t;
    struct sc_translation tr = with(t, VA64, PROTO << 16 | 0x400);
    assert_int_equal(tr.kind, SC_PTE_UNREADABLE);
    assert_int_equal(tr.status, SC_READ_ABSENT);
    assert_int_equal(tr.prototype, PROTO);
    set_entry(t, 0, PROTO, 0x99ull << 32 | 0xf0); /* the array was paged out */
    assert_int_equal(translation(t, VA64).status, SC_READ_PAGED_OUT);
}

/* The array of prototype entries lies in memory that itself is found through one of its entries. */
static void circles_of_prototypes_end(void **state) {
    struct tables *t = &((struct world *)*state)->t;
    set_entry(t, 0, PROTO, PROTO << 16 | 0x400);
    struct sc_translation tr = with(t, VA64, PROTO << 16 | 0x400);
    assert_int_equal(tr.kind, SC_PTE_UNREADABLE);
    assert_int_equal(tr.status, SC_READ_ABSENT);
    assert_true(t->ps.reads < 100);
}

/* A chain: the array's own page is found through a prototype entry, three times. */
static void prototypes_of_prototypes_are_followed_some_way(void **state) {
    struct tables *t = &((struct world *)*state)->t;
    pagestore_page(&t->ps, 0x9000);
    for (unsigned length = 1; length <= 6; length++) {
        for (unsigned i = 0; i < length; i++) {
            uint64_t va = PROTO + i * 0x10000, pa = 0x50000000 + i * 0x1000;
            bool last = i + 1 == length;
            set_entry(t, 0, va, last ? pa | 0x67 : (va + 0x10000) << 16 | 0x400);
            /* What stands in array i: where the page is that asked. */
            pagestore_u64(&t->ps, pa + (va & 0xfff),
                          i ? (0x50000000 + (i - 1) * 0x1000) | 0x67 : 0x9067);
        }
        struct sc_translation tr = with(t, VA64, PROTO << 16 | 0x400);
        assert_int_equal(tr.status, length <= SC_PROTOTYPES_MAX ? SC_READ_OK : SC_READ_ABSENT);
        if (length <= SC_PROTOTYPES_MAX)
            assert_int_equal(tr.pa, 0x9678);
    }
}

static void the_kernels_space_supplies_prototypes_that_the_tables_cannot(void **state) {
    struct tables *t = &((struct world *)*state)->t;
    struct pagestore other = {0};
    sc_space *kernel;
    pagestore_page(&t->ps, 0x9000);
    pagestore_u64(&other, PROTO, 0x9121);
    assert_null(sc_space_create_pages(pagestore_pages(&other), 8, NULL, &kernel));
    assert_int_equal(with(t, VA64, PROTO << 16 | 0x400).status, SC_READ_ABSENT);
    t->paging.kernel = kernel;
    struct sc_translation tr = translation(t, VA64);
    assert_int_equal(tr.status, SC_READ_OK);
    assert_int_equal(tr.pa, 0x9678);
    sc_space_destroy(kernel);
    pagestore_deinit(&other);
}

/* ---- tables ---- */

static void a_page_table_in_transition_is_followed(void **state) {
    struct tables *t = &((struct world *)*state)->t;
    pagestore_page(&t->ps, 0x7000);
    with(t, VA64, 0x7000 | 0x880);
    uint64_t pa = entry_pa(t, 1, VA64), table = pagestore_get(&t->ps, pa, 8) & 0xffffff000;
    set_entry(t, 1, VA64, table | 0x880);
    struct sc_translation tr = translation(t, VA64);
    assert_int_equal(tr.status, SC_READ_OK);
    assert_int_equal(tr.pa, 0x7678);
    assert_int_equal(tr.pte[2].kind, SC_PTE_TRANSITION);
}

static void a_page_table_in_a_page_file_is_paged_out(void **state) {
    struct tables *t = &((struct world *)*state)->t;
    set_entry(t, 1, VA64, 0x55ull << 32 | 0xf0);
    struct sc_translation tr = translation(t, VA64);
    assert_int_equal(tr.status, SC_READ_PAGED_OUT);
    assert_int_equal(tr.kind, SC_PTE_PAGEFILE);
    assert_int_equal(tr.pte[tr.npte - 1].level, 1);
    set_entry(t, 1, VA64, PROTO << 16 | 0x400); /* no table has a prototype */
    assert_int_equal(translation(t, VA64).kind, SC_PTE_BAD);
}

/* Addresses of prototypes have 48 bits whatever the tables have. */
static void five_levels_do_not_change_the_address_of_a_prototype(void **state) {
    (void)state;
    struct tables t;
    tables_init(&t, SC_PAGING_X64_LA57);
    pagestore_page(&t.ps, 0x9000);
    put_proto(&t, PROTO, 0x9121);
    struct sc_translation tr = with(&t, VA64, PROTO << 16 | 0x400);
    assert_int_equal(tr.prototype, PROTO);
    assert_int_equal(tr.pa, 0x9678);
    tables_deinit(&t);
}

/* ---- x86 ---- */

static void the_32_bit_forms_are_those_of_their_builds(void **state) {
    (void)state;
    const uint32_t va = 0x12345678;
    struct tables t;
    tables_init(&t, SC_PAGING_X86);
    pagestore_page(&t.ps, 0x9000);
    build(&t, SC_CPU_X86, false, 7601);
    /* PageFileHigh 0x12345, PageFileLow 3 at bit 1 */
    struct sc_translation tr = with(&t, va, 0x12345 << 12 | 4 << 5 | 3 << 1);
    assert_int_equal(tr.pagefile, 3);
    assert_int_equal(tr.pagefile_page, 0x12345);
    assert_int_equal(with(&t, va, 0x9880).pa, 0x9678);
    /* ProtoAddressHigh: address bits 10-30; ProtoAddressLow (1-8): bits 2-9. 0x95f42d54. */
    map_page(&t, 0x95f42000, 0xa000);
    pagestore_u32(&t.ps, 0xad54, 0x9121);
    uint32_t entry = (0x95f42d54u >> 10 & 0x1fffff) << 11 | 0x400 | (0xd54 >> 2 & 0xff) << 1;
    tr = with(&t, va, entry);
    assert_int_equal(tr.prototype, 0x95f42d54);
    assert_int_equal(tr.pa, 0x9678);
    assert_int_equal(with(&t, va, 0xfffff000 | 0x400).kind, SC_PTE_PROTOTYPE_VAD);
    pagestore_u32(&t.ps, 0xad54, 0x12345400); /* a subsection: its address is scattered, too */
    tr = with(&t, va, entry);
    assert_int_equal(tr.kind, SC_PTE_SUBSECTION);
    assert_int_equal(tr.prototype, 0);
    tables_deinit(&t);
}

static void prototypes_of_windows_xp_count_from_the_paged_pool(void **state) {
    (void)state;
    const uint32_t va = 0x12345678, pool = 0xe1000000, proto = pool + 0x15f42d54 % 0x20000000;
    struct tables t;
    tables_init(&t, SC_PAGING_X86);
    build(&t, SC_CPU_X86, false, 2600);
    pagestore_page(&t.ps, 0x9000);
    uint32_t offset = proto - pool;
    uint32_t entry = (offset >> 9) << 11 | 0x400 | (offset >> 2 & 0x7f) << 1;
    map_page(&t, 0, 0x9000); /* not known is not address 0 */
    struct sc_translation tr = with(&t, va, entry);
    assert_int_equal(tr.kind, SC_PTE_PROTOTYPE);
    assert_int_equal(tr.status, SC_READ_ABSENT);
    t.paging.soft.pool_base = pool;
    map_page(&t, proto & ~0xfffu, 0xa000);
    pagestore_u32(&t.ps, 0xa000 | (proto & 0xfff), 0x9121);
    tr = translation(&t, va);
    assert_int_equal(tr.prototype, proto);
    assert_int_equal(tr.pa, 0x9678);
    tables_deinit(&t);
}

static void the_forms_of_pae_are_64_bits_with_addresses_of_32(void **state) {
    (void)state;
    const uint32_t va = 0x12345678;
    struct tables t;
    tables_init(&t, SC_PAGING_PAE);
    pagestore_page(&t.ps, 0x9000);
    build(&t, SC_CPU_X86, true, 7601);
    struct sc_translation tr = with(&t, va, 0x12345ull << 32 | 4 << 5 | 3 << 1);
    assert_int_equal(tr.pagefile, 3);
    assert_int_equal(tr.pagefile_page, 0x12345);
    map_page(&t, 0x95f42000, 0xa000);
    pagestore_u64(&t.ps, 0xad58, 0x9121);
    tr = with(&t, va, 0x95f42d58ull << 32 | 0x400);
    assert_int_equal(tr.prototype, 0x95f42d58);
    assert_int_equal(tr.pa, 0x9678);
    build(&t, SC_CPU_X86, true, 19041);
    assert_int_equal(with(&t, va, 0x12345ull << 32 | 3 << 12 | 0xf0).pagefile, 3);
    tables_deinit(&t);
}

static void what_is_not_in_the_table_of_builds_says_so(void **state) {
    (void)state;
    assert_true(sc_soft_pte_of(SC_CPU_X64, false, 19041).known);
    assert_true(sc_soft_pte_of(SC_CPU_X64, false, 18363).known);
    assert_false(sc_soft_pte_of(SC_CPU_X64, false, 26100).known);
    assert_int_equal(sc_soft_pte_of(SC_CPU_X64, false, 26100).pfn_mask, 0xffffffffff000);
    assert_false(sc_soft_pte_of(SC_CPU_ARM64, false, 22000).known);
    assert_int_equal(sc_soft_pte_of(SC_CPU_ARM64, false, 22000).pagefile_low_bit, 12);
    assert_false(sc_soft_pte_of(SC_CPU_X86, false, 6001).known);
    assert_true(sc_soft_pte_of(SC_CPU_X86, false, 2600).proto_pool);
    assert_int_equal(sc_soft_pte_of(SC_CPU_X64, false, 10240).swizzle_bit, 0);
    assert_int_equal(sc_soft_pte_of(SC_CPU_X64, false, 7601).swizzle_bit, 4);
}

int main(void) {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(an_entry_of_zero_maps_nothing),
        T(a_transition_page_is_still_in_memory),
        T(frames_are_as_wide_as_the_build_has_them),
        T(page_file_entries_name_file_and_page),
        T(neither_file_nor_page_is_a_page_of_zeros_to_come),
        T(swizzled_bits_are_taken_back),
        T(a_prototype_entry_tells_where_the_page_is),
        T(a_prototype_of_a_mapped_file_names_its_subsection),
        T(what_only_the_vad_knows_is_said),
        T(a_prototype_that_is_no_kernel_address_is_bad),
        T(a_prototype_that_the_dump_lacks_leaves_the_page_absent),
        T(circles_of_prototypes_end),
        T(prototypes_of_prototypes_are_followed_some_way),
        T(the_kernels_space_supplies_prototypes_that_the_tables_cannot),
        T(a_page_table_in_transition_is_followed),
        T(a_page_table_in_a_page_file_is_paged_out),
        cmocka_unit_test(five_levels_do_not_change_the_address_of_a_prototype),
        cmocka_unit_test(the_32_bit_forms_are_those_of_their_builds),
        cmocka_unit_test(prototypes_of_windows_xp_count_from_the_paged_pool),
        cmocka_unit_test(the_forms_of_pae_are_64_bits_with_addresses_of_32),
        cmocka_unit_test(what_is_not_in_the_table_of_builds_says_so),
    };
    return cmocka_run_group_tests_name("paging, soft entries", tests, NULL, NULL);
}
