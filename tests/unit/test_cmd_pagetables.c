/* SPDX-License-Identifier: MIT */
/*
 * The commands about page tables on tables by hand: columns of every mode, large pages, entries
 * that are not in the dump, and tables that lead to themselves.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "cmd/command.h"
#include "kernel_memory.h"
#include "session_fixture.h"

struct machine {
    struct kmem k;
    struct fix f;
};

static struct machine *begin(enum sc_cpu cpu, enum sc_paging_mode mode) {
    struct machine *m = calloc(1, sizeof *m);
    kmem_init(&m->k, cpu, mode);
    return m;
}

static void open_as(struct machine *m, enum sc_render render) {
    m->f = (struct fix){0};
    m->f.target = kmem_open(&m->k, NULL);
    assert_null(sc_out_create(render, sink_write, &m->f.sink, false, &m->f.out));
    assert_null(sc_session_create(m->f.target, m->f.out, &m->f.s));
    assert_null(sc_session_set_paths(m->f.s, NULL, NULL));
}

static void done(struct machine *m) {
    fix_close(&m->f);
    kmem_deinit(&m->k);
    free(m);
}

static void has(struct machine *m, const char *line, const char *text) {
    fix_run(&m->f, line);
    if (!strstr(fix_text(&m->f), text))
        assert_string_equal(fix_text(&m->f), text);
}

static unsigned lines_of(struct machine *m) {
    unsigned n = 0;
    for (const char *p = fix_text(&m->f); *p; p++)
        n += *p == '\n';
    return n;
}

/* ---- columns ---- */

static void the_columns_of_each_mode(void **state) {
    (void)state;
    struct machine *m = begin(SC_CPU_X86, SC_PAGING_X86);
    set_entry(&m->k.t, 0, 0x10000, 0x00154121);
    open_as(m, SC_RENDER_TEXT);
    has(m, "!pte 10000",
        "                    VA 00010000\n"
        "PDE at C0300000         PTE at C0000040\n");
    has(m, "!pte 10000", "pfn 154    -G--A--KREV\n");
    done(m);
    m = begin(SC_CPU_X86, SC_PAGING_PAE);
    set_entry(&m->k.t, 0, 0x10000, 0x8000000034a1c067);
    open_as(m, SC_RENDER_TEXT);
    has(m, "!pte 10000", "PDE at C0600000            PTE at C0000080\n");
    has(m, "!pte 10000", "pfn 34a1c     ---DA--UW-V\n");
    done(m);
    m = begin(SC_CPU_X64, SC_PAGING_X64);
    m->k.machine.build = 7601; /* the self map's fixed place */
    kmem_u32(&m->k, m->k.shared + 0x260, 0);
    set_entry(&m->k.t, 0, 0x10000, 0x34a1c067);
    open_as(m, SC_RENDER_TEXT);
    has(m, "!pte 10000",
        "                                           VA 0000000000010000\n"
        "PXE at FFFFF6FB7DBED000    PPE at FFFFF6FB7DA00000    PDE at FFFFF6FB40000000    "
        "PTE at FFFFF68000000080\n");
    has(m, "!pte fffff68000000080", "VA 0000000000010000\n"); /* an entry's own address */
    has(m, "!pte2va fffff68000000080", "0000000000010000\n");
    done(m);
}

/* A page of 2 MB and one of 1 GB, as WinDbg shows them: the column behind has the frame. */
static void large_pages(void **state) {
    (void)state;
    struct machine *m = begin(SC_CPU_X64, SC_PAGING_X64);
    set_entry(&m->k.t, 1, 0x40000000, 0x28009e3);
    set_entry(&m->k.t, 2, 0x80000000, 0x400001e3);
    open_as(m, SC_RENDER_TEXT);
    has(m, "!pte 40010cb0", "pfn 2800      -GLDA--KWEV  LARGE PAGE pfn 2810\n");
    has(m, "!pte 80010cb0", "pfn 40000     -GLDA--KWEV  LARGE PAGE pfn 40010\n");
    has(m, "!vtop 0 40010cb0", "Amd64VtoP: Large page mapped phys 0000000002810cb0\n");
    done(m);
}

static void arm64_has_letters_of_its_own(void **state) {
    (void)state;
    struct machine *m = begin(SC_CPU_ARM64, SC_PAGING_ARM64);
    /* As in the published listing: a block of the kernel that may be written and executed. */
    set_entry(&m->k.t, 1, 0xfffff800dfc00000, 0x00c000009c000f01);
    open_as(m, SC_RENDER_TEXT);
    has(m, "!pte fffff800dfc00000", "pfn 9c000      -WX-ADK-LV  LARGE PAGE pfn 9c000\n");
    done(m);
}

/* ---- what is not there ---- */

static void an_entry_that_is_not_in_the_dump_is_said(void **state) {
    (void)state;
    struct machine *m = begin(SC_CPU_X64, SC_PAGING_X64);
    set_entry(&m->k.t, 1, 0x40000000, 0x7000000000 | 0x67); /* a table beyond memory */
    open_as(m, SC_RENDER_TEXT);
    has(m, "!pte 40000000", "unable to get PTE");
    has(m, "!vtop 0 40000000", "PTE read error: it is not in this dump\n");
    has(m, "!vtop 0 40000000", "translation fails");
    done(m);
}

static void addresses_that_no_table_maps(void **state) {
    (void)state;
    struct machine *m = begin(SC_CPU_X64, SC_PAGING_X64);
    open_as(m, SC_RENDER_TEXT);
    has(m, "!vtop 0 7ffe00000000", "Amd64VtoP: zero PML4E\n");
    has(m, "!vtop 0 7ffe00000000",
        "Virtual address 7ffe00000000 translation fails, error 0xD0000147.\n");
    has(m, "!pte 1234567812345678", "noncanonical VA");
    has(m, "!pte 10000 10000000000", "has more than 0x10000 pages");
    done(m);
}

static void records_say_the_same(void **state) {
    (void)state;
    struct machine *m = begin(SC_CPU_X64, SC_PAGING_X64);
    set_entry(&m->k.t, 0, 0x10000, 0x34a1c067);
    set_entry(&m->k.t, 0, 0x11000, 0);
    open_as(m, SC_RENDER_JSON);
    has(m, "!pte 10000", "\"kind\":\"valid\",\"physical\":\"0x0000000034a1c000\"");
    has(m, "!pte 10000", "\"name\":\"PXE\"");
    has(m, "!vtop 0 10123", "\"type\":\"translation\",\"va\":\"0x0000000000010123\"");
    has(m, "!vtop 0 11000", "\"kind\":\"none\",\"status\":\"invalid\",\"physical\":null");
    done(m);
}

static void small_dumps_refuse_and_say_so(void **state) {
    (void)state;
    static const char *const commands[] = {"!pte 1000", "!pte2va 1000", "!vtop 0 1000",
                                           "!ptov",     "!db 1000",     "!search 1"};
    struct fix f = {0};
    struct sc_fake fake = {.sz = sizeof fake, .cpu = SC_CPU_X64, .kernel = true};
    assert_null(sc_target_fake(&fake, &f.target));
    assert_null(sc_out_create(SC_RENDER_TEXT, sink_write, &f.sink, false, &f.out));
    assert_null(sc_session_create(f.target, f.out, &f.s));
    for (unsigned i = 0; i < sizeof commands / sizeof *commands; i++) {
        assert_int_not_equal(fix_run(&f, commands[i]), 0);
        if (!strstr(fix_text(&f), "this dump holds no p"))
            assert_string_equal(fix_text(&f), "this dump holds no p…");
    }
    fix_close(&f);
}

/* ---- tables that lie ---- */

/* Every entry of the top table leads to the table itself: 2^36 pages of nothing else. */
static void tables_of_themselves_make_a_short_list(void **state) {
    (void)state;
    static const enum sc_paging_mode modes[] = {SC_PAGING_X64, SC_PAGING_X64_LA57};
    for (unsigned n = 0; n < 2; n++) {
        struct machine *m = begin(SC_CPU_X64, modes[n]);
        uint64_t hostile = 0x7f000000;
        pagestore_page(&m->k.t.ps, hostile);
        for (unsigned i = 0; i < 512; i++)
            pagestore_u64(&m->k.t.ps, hostile + i * 8, hostile | 0x67);
        open_as(m, SC_RENDER_TEXT);
        assert_int_equal(fix_run(&m->f, "!ptov 7f000000"), 0);
        assert_true(lines_of(m) <= 512 + 4);
        has(m, "!ptov 7f000000", "tables are seen at more than one address");
        has(m, "!pte 1000", "VA 0000000000001000");
        done(m);
    }
}

static void the_list_has_each_page_once(void **state) {
    (void)state;
    struct machine *m = begin(SC_CPU_X86, SC_PAGING_X86);
    uint64_t directory = 0x7f000000, table = 0x7f001000;
    pagestore_page(&m->k.t.ps, directory);
    pagestore_page(&m->k.t.ps, table);
    pagestore_u32(&m->k.t.ps, directory, (uint32_t)table | 0x67);
    pagestore_u32(&m->k.t.ps, directory + 4, 0x00c000e7); /* 4 MB */
    pagestore_u32(&m->k.t.ps, table + 4 * 0x10, 0x15e11067);
    pagestore_u32(&m->k.t.ps, table + 4 * 0x11, 0x00000080); /* demand zero: no page */
    open_as(m, SC_RENDER_TEXT);
    fix_run(&m->f, "!ptov 7f000000");
    assert_string_equal(fix_text(&m->f), "X86PtoV: pagedir 7f000000, PAE disabled.\n"
                                         "15e11000 10000\n"
                                         "c00000 400000  [a page of 0x400000 bytes]\n");
    done(m);
}

static void a_directory_is_given_by_address_or_frame(void **state) {
    (void)state;
    struct machine *m = begin(SC_CPU_X64, SC_PAGING_X64);
    char text[64];
    set_entry(&m->k.t, 0, 0x10000, 0x34a1c067);
    open_as(m, SC_RENDER_TEXT);
    uint64_t root = m->k.t.paging.root;
    /* CR3 has flags in its low bits; the tables of this machine begin at a page that ends in 0. */
    const uint64_t forms[] = {root, root | 2};
    for (unsigned i = 0; i < sizeof forms / sizeof *forms; i++) {
        snprintf(text, sizeof text, "!vtop %llx 10123", (unsigned long long)forms[i]);
        has(m, text, "translates to physical address 34a1c123.\n");
    }
    done(m);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_columns_of_each_mode),
        cmocka_unit_test(large_pages),
        cmocka_unit_test(arm64_has_letters_of_its_own),
        cmocka_unit_test(an_entry_that_is_not_in_the_dump_is_said),
        cmocka_unit_test(addresses_that_no_table_maps),
        cmocka_unit_test(records_say_the_same),
        cmocka_unit_test(small_dumps_refuse_and_say_so),
        cmocka_unit_test(tables_of_themselves_make_a_short_list),
        cmocka_unit_test(the_list_has_each_page_once),
        cmocka_unit_test(a_directory_is_given_by_address_or_frame),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
