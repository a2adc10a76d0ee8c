/* SPDX-License-Identifier: MIT */
/*
 * Dumps of active pages: which pages the PFN database lets in, what page tables have to say to
 * that, and databases that tell nothing.
 */
#include "sym/layouts.h"
#include "unit/convert_fixture.h"
#include "unit/pfn_fixture.h"

enum { PROCESS = 0x600000, LINKS = 0x2e8, PAGES = 0x7000000, LISTS = 8, ELSEWHERE = 0x30000000 };

struct machine {
    struct conv_fix f;
    struct kmem k;
    sc_target *t, *made;
    struct sc_convert_opts o;
    struct sc_convert_result r;
};

/* A page that nobody maps for each list, one behind the other. */
static void begin(struct machine *m, enum sc_cpu cpu) {
    memset(m, 0, sizeof *m);
    conv_fix_begin(&m->f);
    kmem_init(&m->k, cpu, cpu == SC_CPU_X86 ? SC_PAGING_PAE : SC_PAGING_X64);
    pfnfix_init(&m->k);
    for (unsigned i = 0; i < LISTS; i++) {
        pagestore_put(&m->k.t.ps, PAGES + i * 0x1000, "of a list", 9);
        pfnfix_put(&m->k, PAGES / 0x1000 + i, i, i >= NT_PAGE_ACTIVE, 0);
    }
    m->o =
        (struct sc_convert_opts){.sz = sizeof m->o, .to = SC_CONVERT_BITMAP, .active_only = true};
}

static void make(struct machine *m) {
    sc_target_close(m->made);
    sc_convert_result_free(&m->r);
    if (!m->t)
        m->t = kmem_open(&m->k, NULL);
    m->made = conv_fix_to(&m->f, m->t, &m->o, &m->r);
}

static void refused(struct machine *m, enum sc_err_code code, const char *why) {
    m->t = kmem_open(&m->k, NULL);
    conv_fix_refuses(&m->f, m->t, &m->o, code, why);
}

static void end(struct machine *m) {
    sc_convert_result_free(&m->r);
    sc_target_close(m->made);
    sc_target_close(m->t);
    kmem_deinit(&m->k);
    conv_fix_end(&m->f);
}

static bool holds(sc_target *t, uint64_t pa) {
    uint8_t byte;
    return sc_space_read(sc_target_phys(t), pa, &byte, 1, NULL) == SC_READ_OK;
}

static uint64_t pa_of(struct machine *m, uint64_t va) {
    struct sc_translation tr;
    sc_translate(sc_target_paging(m->t), va, &tr);
    assert_int_equal(tr.status, SC_READ_OK);
    return tr.pa;
}

static bool is_kept(unsigned list) {
    return list == NT_PAGE_MODIFIED || list == NT_PAGE_MODIFIED_NO_WRITE ||
           list == NT_PAGE_ACTIVE || list == NT_PAGE_TRANSITION;
}

static void the_lists_that_are_in_use_are_written(void **state) {
    (void)state;
    static const struct {
        enum sc_cpu cpu;
        enum sc_convert_to to;
    } rows[] = {{SC_CPU_X64, SC_CONVERT_BITMAP},
                {SC_CPU_X64, SC_CONVERT_ELF},
                {SC_CPU_X86, SC_CONVERT_BITMAP},
                {SC_CPU_X86, SC_CONVERT_ELF}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct machine m;
        begin(&m, rows[i].cpu);
        m.o.to = rows[i].to;
        make(&m);
        for (unsigned n = 0; n < LISTS; n++)
            if (holds(m.made, PAGES + n * 0x1000) != is_kept(n))
                fail_msg("%zu: %s", i, nt_page_location_name(n));
        assert_true(m.r.unused.zeroed == 1 && m.r.unused.free == 1 && m.r.unused.standby == 1 &&
                    m.r.unused.bad == 1);
        assert_true(m.r.left_out == 4 && m.r.left_out_unknown == 0);
        end(&m);
    }
}

static void what_is_kept_is_kept_byte_for_byte(void **state) {
    (void)state;
    struct machine m;
    uint64_t at = 0, start, size, pages = 0;
    begin(&m, SC_CPU_X64);
    make(&m);
    for (; sc_space_next(sc_target_phys(m.made), at, &start, &size); at = start + size)
        for (uint64_t pa = start; pa < start + size; pa += 0x1000, pages++) {
            uint8_t x[0x1000], y[0x1000];
            assert_int_equal(sc_space_read(sc_target_phys(m.t), pa, x, sizeof x, NULL), SC_READ_OK);
            assert_int_equal(sc_space_read(sc_target_phys(m.made), pa, y, sizeof y, NULL),
                             SC_READ_OK);
            assert_memory_equal(x, y, sizeof x);
        }
    assert_true(pages == m.r.pages);
    end(&m);
}

static void raw_memory_has_holes_for_the_rest(void **state) {
    (void)state;
    struct machine m;
    sc_file *file = NULL;
    begin(&m, SC_CPU_X64);
    m.o.to = SC_CONVERT_RAW;
    m.t = kmem_open(&m.k, NULL);
    assert_null(sc_convert(m.t, m.f.path, &m.o, &m.r));
    assert_null(sc_file_open(m.f.path, 0, &file));
    for (unsigned n = 0; n < LISTS; n++)
        assert_int_equal(*sc_file_view(file, PAGES + n * 0x1000, 1), is_kept(n) ? 'o' : 0);
    sc_file_close(file);
    end(&m);
}

static void headers_say_that_the_dump_was_filtered(void **state) {
    (void)state;
    struct machine m;
    begin(&m, SC_CPU_X64);
    make(&m);
    const struct sc_kdump_header *h = sc_kdump_header(sc_target_source(m.made));
    assert_int_equal(h->dump_type, 5);
    assert_int_equal(h->attributes, SC_KDUMP_FILTERED);
    assert_int_equal(sc_target_source(m.made)->nnotes, 0); /* nothing is odd about that */
    m.o.active_only = false;
    make(&m);
    assert_int_equal(sc_kdump_header(sc_target_source(m.made))->attributes, 0);
    end(&m);
    /* 32-bit: a summary dump that has memory of processes, too. */
    begin(&m, SC_CPU_X86);
    make(&m);
    assert_int_equal(sc_kdump_header(sc_target_source(m.made))->dump_type, 2);
    assert_int_equal(sc_kdump_memory(sc_target_source(m.made))->options, 3);
    m.o.to = SC_CONVERT_KERNEL;
    make(&m);
    assert_int_equal(sc_kdump_memory(sc_target_source(m.made))->options, 1);
    end(&m);
}

/* The container did not say where the database is: a header that is made has what real ones have.
 */
static void a_made_header_has_the_address_of_the_variable(void **state) {
    (void)state;
    struct machine m;
    begin(&m, SC_CPU_X64);
    make(&m);
    assert_true(sc_kdump_header(sc_target_source(m.made))->pfn_database == m.k.base + 0x3c20);
    end(&m);
}

/* Off its list for a read: the entry has the list's name still. */
static void a_page_that_somebody_refers_to_is_in_use(void **state) {
    (void)state;
    enum { WRITING = 1, READING = 4 };
    struct machine m;
    begin(&m, SC_CPU_X64);
    pfnfix_put(&m.k, PAGES / 0x1000 + NT_PAGE_ZEROED, NT_PAGE_ZEROED, 0, READING);
    pfnfix_put(&m.k, PAGES / 0x1000 + NT_PAGE_FREE, NT_PAGE_FREE, 0, WRITING);
    pfnfix_put(&m.k, PAGES / 0x1000 + NT_PAGE_STANDBY, NT_PAGE_STANDBY, 2, 0);
    pfnfix_put(&m.k, PAGES / 0x1000 + NT_PAGE_BAD, NT_PAGE_BAD, 2, 0);
    make(&m);
    for (unsigned n = 0; n < LISTS; n++)
        assert_true(holds(m.made, PAGES + n * 0x1000) == (n != NT_PAGE_BAD));
    end(&m);
}

static void pages_without_an_entry_are_kept_and_counted(void **state) {
    (void)state;
    struct machine m;
    begin(&m, SC_CPU_X64);
    make(&m);
    uint64_t before = m.r.unused.undescribed;
    pagestore_put(&m.k.t.ps, ELSEWHERE, "beyond the last frame", 21);
    pagestore_put(&m.k.t.ps, 0x5000000, "its entry is not there", 22);
    sc_target_close(m.t);
    m.t = NULL;
    make(&m);
    assert_true(holds(m.made, ELSEWHERE) && holds(m.made, 0x5000000));
    assert_true(m.r.unused.undescribed == before + 2);
    assert_true(m.r.left_out == 4);
    end(&m);
}

static void what_page_tables_map_is_in_use_whatever_its_list(void **state) {
    (void)state;
    struct machine m;
    begin(&m, SC_CPU_X64);
    make(&m);
    uint64_t before = m.r.unused.mapped;
    map_page(&m.k.t, m.k.base + 0x700000, PAGES + NT_PAGE_FREE * 0x1000);
    map_page(&m.k.t, 0x10000, PAGES + NT_PAGE_BAD * 0x1000);
    sc_target_close(m.t);
    m.t = NULL;
    make(&m);
    assert_true(holds(m.made, PAGES + NT_PAGE_FREE * 0x1000));
    assert_true(holds(m.made, PAGES + NT_PAGE_BAD * 0x1000));
    /* And the page tables that lead there. */
    assert_true(pa_of(&m, 0x10000) == PAGES + NT_PAGE_BAD * 0x1000);
    assert_true(m.r.unused.free == 0 && m.r.unused.bad == 0);
    assert_true(m.r.unused.mapped >= before + 2 && m.r.left_out == 2);
    end(&m);
}

static void a_page_in_transition_on_standby_is_not_there(void **state) {
    (void)state;
    enum { TRANSITION = 0x800 };
    struct machine m;
    uint8_t byte;

    begin(&m, SC_CPU_X64);
    uint64_t va = m.k.base + 0x700000;
    for (unsigned n = NT_PAGE_STANDBY; n <= NT_PAGE_MODIFIED; n++) {
        map_page(&m.k.t, va + n * 0x1000, PAGES + n * 0x1000);
        pagestore_u64(&m.k.t.ps, entry_pa(&m.k.t, 0, va + n * 0x1000),
                      (PAGES + n * 0x1000) | TRANSITION);
    }
    make(&m);
    sc_space *before = sc_target_space(m.t), *after = sc_target_space(m.made);
    uint64_t standby = va + NT_PAGE_STANDBY * 0x1000, modified = va + NT_PAGE_MODIFIED * 0x1000;
    assert_int_equal(sc_space_read(before, standby, &byte, 1, NULL), SC_READ_OK);
    assert_int_equal(sc_space_read(after, standby, &byte, 1, NULL), SC_READ_ABSENT);
    assert_int_equal(sc_space_read(after, modified, &byte, 1, NULL), SC_READ_OK);
    end(&m);
}

/* ---- with what else can be asked for ---- */

static void put_process(struct kmem *k) {
    uint64_t process = k->base + PROCESS, link = process + LINKS;
    kmem_ptr(k, process + 0x28, k->t.paging.root);
    kmem_ptr(k, k->head, link);
    kmem_ptr(k, k->head + k->ptr, link);
    kmem_ptr(k, link, k->head);
    kmem_ptr(k, link + k->ptr, k->head);
    kmem_u16(k, k->kdbg + 0x2ae, 0x28);
    /* The kernel exports PsInitialSystemProcess in the place of PsLoadedModuleList. */
    kmem_u32(k, k->base + 0x2040, 0x3c00);
    kmem_put(k, k->base + 0x2070, "PsInitialSystemProcess", 23);
    kmem_ptr(k, k->base + 0x3c00, process);
    kmem_put(k, 0x10000, "a process' own", 14);
}

static void the_kernels_and_active_is_both(void **state) {
    (void)state;
    struct machine m;
    begin(&m, SC_CPU_X64);
    put_process(&m.k);
    make(&m);
    uint64_t own = pa_of(&m, 0x10000), code = pa_of(&m, m.k.base);
    assert_true(holds(m.made, own) && holds(m.made, code));
    for (unsigned i = 0; i < 3; i++) {
        m.o.to = i ? SC_CONVERT_BITMAP : SC_CONVERT_KERNEL;
        m.o.kernel_only = i == 1;
        m.o.strip_user = i == 2;
        make(&m);
        assert_true(!holds(m.made, own) && holds(m.made, code));
        assert_false(holds(m.made, PAGES + NT_PAGE_ACTIVE * 0x1000)); /* nobody maps it */
        assert_false(holds(m.made, PAGES + NT_PAGE_STANDBY * 0x1000));
        assert_true(m.r.left_out == LISTS + 1 && m.r.left_out_unknown == LISTS);
        assert_true(m.r.unused.standby == 1);
    }
    end(&m);
}

static void small_dumps_are_not_made_of_active_pages(void **state) {
    (void)state;
    struct machine m;
    begin(&m, SC_CPU_X64);
    m.o.to = SC_CONVERT_TRIAGE;
    refused(&m, SC_ERR_ARG, "--to bitmap");
    end(&m);
}

/* ---- no database ---- */

static void a_database_that_is_not_to_be_found_is_named(void **state) {
    (void)state;
    struct machine m;
    begin(&m, SC_CPU_X64);
    kmem_u64(&m.k, m.k.kdbg + KD_PFN_DATABASE, 0);
    refused(&m, SC_ERR_NOT_FOUND, "nt!MmPfnDatabase");
    end(&m);
    begin(&m, SC_CPU_X64);
    m.k.machine.build = 12345;
    refused(&m, SC_ERR_NOT_FOUND, "_MMPFN");
    end(&m);
    begin(&m, SC_CPU_X64);
    kmem_ptr(&m.k, m.k.base + 0x3c20, m.k.base + 0x50000000);
    refused(&m, SC_ERR_NOT_FOUND, "is not in this dump");
    end(&m);
}

/* Of a build that no table describes: the caller's symbols do. */
static void the_callers_symbols_describe_the_database(void **state) {
    (void)state;
    struct machine m;
    const struct sc_modules *modules;
    sc_symbols *layouts = NULL;
    begin(&m, SC_CPU_X64);
    m.k.machine.build = 12345;
    m.t = kmem_open(&m.k, NULL);
    assert_null(sc_target_modules(m.t, &modules));
    assert_null(sc_symtab_create(m.t, NULL, &m.o.symtab));
    assert_null(sc_layouts_open(SC_CPU_X64, 19041, &layouts));
    assert_null(sc_symtab_attach(m.o.symtab, &modules->item[0], layouts, NULL));
    make(&m);
    assert_true(m.r.unused.standby == 1 && m.r.left_out == 4);
    sc_symtab_destroy(m.o.symtab);
    sc_symbols_unref(layouts);
    end(&m);
}

static void a_database_without_the_page_table_is_not_believed(void **state) {
    (void)state;
    struct machine m;
    begin(&m, SC_CPU_X64);
    pfnfix_put(&m.k, m.k.t.paging.root / 0x1000, NT_PAGE_FREE, 0, 0);
    refused(&m, SC_ERR_NOT_FOUND, "on the list \"Free\"");
    end(&m);
}

static bool stop_at_frames(void *ctx, const char *what, uint64_t done, uint64_t total) {
    bool frames = !strcmp(what, "page frame numbers");
    *(unsigned *)ctx += frames;
    return !frames || done < total;
}

static void it_can_be_cancelled_while_it_reads_the_database(void **state) {
    (void)state;
    struct machine m;
    unsigned asked = 0;
    begin(&m, SC_CPU_X64);
    pfnfix_run(&m.k, PAGES / 0x1000, LISTS);
    m.o.progress = stop_at_frames;
    m.o.progress_ctx = &asked;
    refused(&m, SC_ERR_CANCELLED, "");
    assert_int_equal(asked, 1);
    end(&m);
}

/* A caller that was built before knows neither. */
static void options_of_before_still_work(void **state) {
    (void)state;
    struct machine m;
    begin(&m, SC_CPU_X64);
    m.o.sz = offsetof(struct sc_convert_opts, active_only);
    make(&m);
    assert_true(m.r.left_out == 0);
    end(&m);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_lists_that_are_in_use_are_written),
        cmocka_unit_test(what_is_kept_is_kept_byte_for_byte),
        cmocka_unit_test(raw_memory_has_holes_for_the_rest),
        cmocka_unit_test(headers_say_that_the_dump_was_filtered),
        cmocka_unit_test(a_made_header_has_the_address_of_the_variable),
        cmocka_unit_test(a_page_that_somebody_refers_to_is_in_use),
        cmocka_unit_test(pages_without_an_entry_are_kept_and_counted),
        cmocka_unit_test(what_page_tables_map_is_in_use_whatever_its_list),
        cmocka_unit_test(a_page_in_transition_on_standby_is_not_there),
        cmocka_unit_test(the_kernels_and_active_is_both),
        cmocka_unit_test(small_dumps_are_not_made_of_active_pages),
        cmocka_unit_test(a_database_that_is_not_to_be_found_is_named),
        cmocka_unit_test(the_callers_symbols_describe_the_database),
        cmocka_unit_test(a_database_without_the_page_table_is_not_believed),
        cmocka_unit_test(it_can_be_cancelled_while_it_reads_the_database),
        cmocka_unit_test(options_of_before_still_work),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
