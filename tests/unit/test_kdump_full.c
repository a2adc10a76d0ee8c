/* SPDX-License-Identifier: MIT */
/* Complete memory dumps (DumpType 1), and what all whole-memory dumps' headers tell. */
#include "unit/whole_fixture.h"

struct run {
    uint64_t base, count;
};

static size_t descriptor(const struct whole *w) { return w->is64 ? 0x88 : 0x64; }

static void put_run(struct whole *w, size_t i, uint64_t base, uint64_t count) {
    unsigned word = w->is64 ? 8 : 4;
    size_t at = descriptor(w) + 2 * word + i * 2 * word;
    whole_ptr(w, at, base);
    whole_ptr(w, at + word, count);
}

static void put_counts(struct whole *w, uint32_t runs, uint64_t pages) {
    whole_put(w, descriptor(w), runs, 4);
    whole_ptr(w, descriptor(w) + (w->is64 ? 8 : 4), pages);
}

/* A whole file of these runs. */
static void make(struct whole *w, bool is64, const struct run *run, size_t n) {
    uint64_t pages = 0;
    whole_begin(w, is64, 1);
    for (size_t i = 0; i < n; i++) {
        put_run(w, i, run[i].base, run[i].count);
        whole_add_pages(w, whole_head(w), run[i].base, run[i].count);
        pages += run[i].count;
    }
    put_counts(w, (uint32_t)n, pages);
}

static void pages_lie_one_behind_the_other_in_the_order_of_the_runs(void **state) {
    (void)state;
    static const struct run runs[] = {{1, 3}, {0x10, 2}, {0x40, 5}, {0x20, 1}};
    for (int kind = 0; kind < 4; kind++) {
        struct whole w;
        make(&w, kind & 1, runs, 4);
        whole_open(&w, kind & 2 ? SC_FILE_NO_MMAP : 0);
        whole_like_the_list(&w, 0x80);
        whole_expect_no_notes(&w);
        assert_int_equal(sc_kdump_memory(w.source)->layout, SC_KDUMP_RUNS);
        assert_int_equal(sc_kdump_memory(w.source)->pages, 11);
        whole_close(&w);
    }
}

static void a_read_goes_on_to_the_end_of_its_run(void **state) {
    (void)state;
    static const struct run runs[] = {{1, 3}, {4, 1}, {8, 1}};
    struct whole w;
    uint8_t buf[6 * PAGE];
    size_t got;
    make(&w, true, runs, 3);
    whole_open(&w, 0);
    assert_int_equal(whole_read(&w, PAGE + 8, buf, sizeof buf, &got), SC_READ_OK);
    assert_int_equal(got, 4 * PAGE - 8); /* runs 0 and 1 go on in memory and in the file */
    assert_memory_equal(buf, w.data + 0x2008, got);
    whole_close(&w);
}

static void the_machine_is_as_the_header_says(void **state) {
    (void)state;
    static const struct run runs[] = {{1, 1}};
    for (int is64 = 0; is64 < 2; is64++)
        for (int pae = 0; pae < 2; pae++) {
            struct whole w;
            make(&w, is64, runs, 1);
            if (!is64)
                whole_put(&w, 0x5c, (uint64_t)pae, 1);
            whole_open_source(&w, 0);
            const struct sc_machine *m = &w.source->machine;
            assert_true(m->kernel && m->has_bugcheck);
            assert_int_equal(m->cpu, is64 ? SC_CPU_X64 : SC_CPU_X86);
            assert_int_equal(m->ncpus, 2);
            assert_int_equal(m->bugcheck, 0xe2);
            assert_int_equal(m->bugcheck_arg[3], 4);
            assert_int_equal(m->dtb, 0x1ad002); /* flag bits stay */
            assert_int_equal(m->pae, pae && !is64);
            assert_true(m->pfn_database == (is64 ? 0xfffffa8000000000 : 0x80c7b000));
            assert_true(m->loaded_module_list == (is64 ? 0xfffff8001262a390 : 0x8055a420));
            assert_true(m->active_process_head == (is64 ? 0xfffff80012621160 : 0x805627b8));
            assert_true(m->debugger_data == (is64 ? 0xfffff80012600b20 : 0x80546ae0));
            assert_true(m->event_context_off == SC_UNSET64); /* filler */
            assert_null(w.source->ops->load_modules);
            assert_null(w.source->ops->load_threads);
            assert_null(w.source->ops->load_memory);
            whole_close(&w);
        }
}

static void what_the_writer_left_out_is_not_known(void **state) {
    (void)state;
    static const struct run runs[] = {{1, 1}};
    for (int is64 = 0; is64 < 2; is64++) {
        struct whole w;
        make(&w, is64, runs, 1);
        for (size_t at = 0x10; at < (is64 ? 0x30 : 0x20); at += 4)
            whole_put(&w, at, 0x45474150, 4);
        whole_put(&w, is64 ? 0x38 : 0x28, 0x45474150, 4);
        whole_put(&w, is64 ? 0x80 : 0x60, 0x45474150, 4);
        whole_put(&w, is64 ? 0x84 : 0x5c, 0x45474150, 4);
        whole_open_source(&w, 0);
        const struct sc_machine *m = &w.source->machine;
        assert_false(m->has_bugcheck || m->pae);
        assert_int_equal(m->dtb, 0);
        assert_int_equal(m->pfn_database, 0);
        assert_int_equal(m->loaded_module_list, 0);
        assert_int_equal(m->active_process_head, 0);
        assert_int_equal(m->debugger_data, 0);
        whole_close(&w);
    }
}

static void the_headers_context_and_exception_are_the_events(void **state) {
    (void)state;
    static const struct run runs[] = {{1, 1}};
    for (int is64 = 0; is64 < 2; is64++)
        for (int zero = 0; zero < 2; zero++) {
            struct whole w;
            make(&w, is64, runs, 1);
            for (size_t i = 0; i < 0x2cc; i += 4)
                whole_put(&w, (is64 ? 0x348 : 0x320) + i, 0, 4);
            if (!zero)
                whole_put(&w, is64 ? 0x348 + 0x30 : 0x320, is64 ? 0x10001f : 0x1003f, 4);
            whole_put(&w, is64 ? 0xf00 : 0x7d0, 0xc0000005, 4);
            whole_put(&w, is64 ? 0xf10 : 0x7dc, 0x1234, 4);
            whole_put(&w, is64 ? 0xf14 : 0x7e0, 0, 4);
            whole_open_source(&w, 0);
            const struct sc_machine *m = &w.source->machine;
            assert_true(m->event_context_off ==
                        (zero ? SC_UNSET64 : (uint64_t)(is64 ? 0x348 : 0x320)));
            assert_true(m->has_exception);
            assert_int_equal(m->exception.code, 0xc0000005);
            whole_close(&w);
        }
}

static void a_32_bit_header_has_room_for_86_runs(void **state) {
    (void)state;
    struct run runs[86];
    for (size_t i = 0; i < 86; i++)
        runs[i] = (struct run){i * 3 + 1, 1 + i % 2};
    struct whole w;
    make(&w, false, runs, 86);
    whole_open(&w, 0);
    whole_like_the_list(&w, 0x120);
    whole_expect_no_notes(&w);
    whole_close(&w);
}

static void more_runs_than_the_header_has_room_for_are_said(void **state) {
    (void)state;
    for (int is64 = 0; is64 < 2; is64++) {
        size_t most = is64 ? 43 : 86;
        struct run runs[86];
        for (size_t i = 0; i < most; i++)
            runs[i] = (struct run){i * 2 + 1, 1};
        struct whole w;
        make(&w, is64, runs, most);
        put_counts(&w, (uint32_t)most + 1, most + 7);
        whole_open(&w, 0);
        whole_expect_note(&w, is64 ? "has room for 43" : "has room for 86", descriptor(&w));
        assert_int_equal(sc_kdump_header(w.source)->nruns, most + 1);
        whole_like_the_list(&w, 0x100);
        whole_close(&w);
    }
}

static void counts_that_disagree_are_said(void **state) {
    (void)state;
    static const struct run runs[] = {{1, 2}, {8, 1}};
    struct whole w;
    make(&w, true, runs, 2);
    put_counts(&w, 2, 4);
    whole_open(&w, 0);
    whole_expect_note(&w, "NumberOfPages is 0x4, but the runs have 0x3 pages", 0x88);
    whole_like_the_list(&w, 16);
    whole_close(&w);
}

static void a_header_without_runs_opens_without_memory(void **state) {
    (void)state;
    for (int is64 = 0; is64 < 2; is64++) {
        struct whole w;
        whole_begin(&w, is64, 1); /* NumberOfRuns is filler */
        whole_add_pages(&w, whole_head(&w), 1, 2);
        whole_open_source(&w, 0);
        whole_expect_note(&w, "the header lists no runs of memory", descriptor(&w));
        assert_null(w.source->ops->open_pages);
        assert_int_equal(w.source->machine.bugcheck, 0xe2);
        assert_int_equal(sc_kdump_memory(w.source)->layout, SC_KDUMP_NO_MEMORY);
        whole_close(&w);
    }
}

static void empty_and_overlapping_runs_are_said_and_the_rest_is_read(void **state) {
    (void)state;
    static const struct run runs[] = {{4, 4}, {9, 0}, {6, 3}};
    struct whole w;
    make(&w, true, runs, 3);
    whole_open(&w, 0);
    whole_expect_note(&w, "1 run of physical memory without a page", 0x2000 + 4 * PAGE);
    whole_expect_note(&w, "1 run of physical memory over memory that another one holds",
                      0x2000 + 4 * PAGE);
    for (uint64_t pfn = 4; pfn < 9; pfn++)
        whole_holds(&w, pfn);
    whole_is_absent(&w, 9);
    whole_close(&w);
}

static void runs_beyond_physical_memory_are_said(void **state) {
    (void)state;
    struct whole w;
    static const struct run runs[] = {{1, 1}, {2, 2}};
    make(&w, true, runs, 2);
    put_run(&w, 0, UINT64_C(1) << 60, 1); /* shifted, it would be page 0 */
    w.pfn[0] = 2, w.pfn[1] = 3, w.npfns = 2;
    whole_open(&w, 0);
    whole_expect_note(&w, "1 of the header's runs lie beyond the physical address space", 0x88);
    whole_like_the_list(&w, 8);
    whole_close(&w);
    make(&w, true, runs, 2);
    put_run(&w, 1, 2, UINT64_MAX);
    whole_open_source(&w, 0);
    whole_expect_note(&w, "more pages than there can be", 0x88);
    assert_null(w.source->ops->open_pages);
    whole_close(&w);
}

/* The first of enormous counts is read as far as the file goes; sums must not wrap. */
static void a_run_of_2_to_the_52_pages_is_cut_to_the_file(void **state) {
    (void)state;
    static const struct run runs[] = {{1, 2}};
    struct whole w;
    make(&w, true, runs, 1);
    put_run(&w, 0, 1, UINT64_C(1) << 52);
    put_run(&w, 1, 0x100, UINT64_C(1) << 52);
    put_counts(&w, 2, UINT64_C(1) << 53);
    whole_open(&w, 0);
    whole_expect_note(&w, "the file ends here, too early", w.size);
    whole_like_the_list(&w, 0x200);
    whole_close(&w);
}

static void a_file_cut_short_lacks_its_last_pages_and_says_so(void **state) {
    (void)state;
    static const struct run runs[] = {{1, 3}, {0x10, 3}};
    for (int no_map = 0; no_map < 2; no_map++) {
        struct whole w;
        uint8_t buf[PAGE], want[PAGE];
        size_t got;
        make(&w, true, runs, 2);
        w.size = 0x2000 + 4 * PAGE + 0x123; /* inside the second page of the second run */
        whole_open(&w, no_map ? SC_FILE_NO_MMAP : 0);
        whole_expect_note(&w, "of its 0x6 pages of memory 0x2 are not there", w.size);
        assert_int_equal(w.source->nnotes, 1);
        whole_holds(&w, 0x10);
        whole_page_bytes(0x11, want);
        assert_int_equal(whole_read(&w, 0x11 * PAGE, buf, PAGE, &got), SC_READ_OK);
        assert_int_equal(got, 0x123);
        assert_memory_equal(buf, want, got);
        assert_int_equal(whole_read(&w, 0x11 * PAGE + 0x123, buf, 1, &got), SC_READ_ABSENT);
        whole_is_absent(&w, 0x12);
        uint64_t listed = 0, held = 0;
        assert_null(sc_kdump_count_pages(w.source, &listed, &held));
        assert_int_equal(listed, 6);
        assert_int_equal(held, 4);
        whole_close(&w);
    }
}

static void a_header_alone_tells_what_it_knows_and_that_it_is_alone(void **state) {
    (void)state;
    for (int is64 = 0; is64 < 2; is64++) {
        struct whole w;
        whole_begin(&w, is64, 3);
        whole_open_source(&w, 0);
        whole_expect_note(&w, "a header alone: it holds no memory", whole_head(&w));
        assert_null(w.source->ops->open_pages);
        assert_int_equal(w.source->machine.bugcheck, 0xe2);
        uint64_t listed, held;
        sc_err *err = sc_kdump_count_pages(w.source, &listed, &held);
        assert_int_equal(sc_err_code(err), SC_ERR_NOT_FOUND);
        sc_err_destroy(err);
        whole_close(&w);
    }
}

static void the_headers_attributes_are_heeded(void **state) {
    (void)state;
    static const struct run runs[] = {{1, 1}};
    for (int is64 = 0; is64 < 2; is64++) {
        struct whole w;
        make(&w, is64, runs, 1);
        whole_put(&w, is64 ? 0x1050 : 0x8a0, SC_KDUMP_ENCRYPTED, 4);
        whole_open_source(&w, 0);
        whole_expect_note(&w, "the dump is encrypted", is64 ? 0x1050 : 0x8a0);
        assert_null(w.source->ops->open_pages);
        whole_close(&w);
        make(&w, is64, runs, 1);
        whole_put(&w, is64 ? 0x1050 : 0x8a0, SC_KDUMP_FILE_TOO_SMALL, 4);
        whole_open(&w, 0);
        whole_expect_note(&w, "too little room", w.size);
        whole_like_the_list(&w, 4);
        whole_close(&w);
    }
}

/* Secondary data behind AT, one blob of 4 bytes. */
static void put_blobs(struct whole *w, size_t at) {
    whole_text(w, at, "DumpBlob");
    whole_put(w, at + 8, 0x10, 4);
    whole_put(w, at + 12, 19041, 4);
    whole_put(w, at + 0x10, 0x20, 4);
    whole_put(w, at + 0x24, 4, 4);
    whole_text(w, at + 0x30, "data");
}

static void secondary_data_stand_behind_the_pages(void **state) {
    (void)state;
    static const struct run runs[] = {{1, 3}};
    for (int kind = 0; kind < 4; kind++) {
        struct whole w;
        bool is64 = kind & 1, told = kind & 2;
        make(&w, is64, runs, 1);
        if (told)
            whole_put(&w, 0xfa0, w.size + 0x200, 8); /* RequiredDumpSpace */
        put_blobs(&w, told ? w.size + 0x200 : w.size);
        whole_open_source(&w, 0);
        const struct sc_blobs *blobs = NULL;
        assert_null(sc_kdump_blobs(w.source, &blobs));
        assert_true(blobs->present);
        assert_int_equal(blobs->count, 1);
        assert_int_equal(blobs->item[0].size, 4);
        assert_memory_equal(w.data + blobs->item[0].offset, "data", 4);
        whole_close(&w);
    }
}

static void files_cut_inside_the_header_are_refused(void **state) {
    (void)state;
    static const struct run runs[] = {{1, 1}};
    for (int is64 = 0; is64 < 2; is64++) {
        struct whole w;
        make(&w, is64, runs, 1);
        w.size = is64 ? 0x1050 : 0xfc0;
        sc_err *err = whole_try(&w, 0);
        assert_non_null(err);
        assert_int_equal(sc_err_code(err), SC_ERR_FORMAT);
        sc_err_destroy(err);
        whole_close(&w);
    }
}

static void random_runs_read_as_they_were_written(void **state) {
    (void)state;
    uint64_t seed = 3;
    for (int round = 0; round < 40; round++) {
        struct run runs[20];
        size_t n = 1 + random_below(&seed, 20);
        uint64_t pfn = 0;
        for (size_t i = 0; i < n; i++) {
            pfn += random_below(&seed, 12);
            runs[i] = (struct run){pfn, 1 + random_below(&seed, 5)};
            pfn += runs[i].count;
        }
        struct whole w;
        make(&w, round & 1, runs, n);
        whole_open(&w, round & 2 ? SC_FILE_NO_MMAP : 0);
        whole_like_the_list(&w, pfn + 3);
        whole_expect_no_notes(&w);
        whole_close(&w);
    }
}

/* The first 16 KiB of a real complete dump: two pages of half a million. */
static void the_head_of_a_real_complete_dump_is_read(void **state) {
    (void)state;
    const char *folder = getenv("STOPCODE_CORPUS");
    char path[1024];
    snprintf(path, sizeof path, "%s/kdump/header-only-full-19045.bin",
             folder ? folder : "../shared/corpus");
    sc_file *file = NULL;
    sc_err *err = sc_file_open(path, 0, &file);
    if (err) {
        sc_err_destroy(err);
        print_message("SKIPPED: the corpus is not here (set STOPCODE_CORPUS)\n");
        skip();
    }
    struct whole w = {.is64 = true};
    assert_null(sc_source_open(file, &w.source));
    const struct sc_kdump_header *h = sc_kdump_header(w.source);
    const struct sc_kdump_memory *m = sc_kdump_memory(w.source);
    assert_int_equal(h->nruns, 5);
    assert_int_equal(h->minor, 19045);
    assert_int_equal(m->layout, SC_KDUMP_RUNS);
    assert_int_equal(m->pages, 0x7fe86);
    assert_int_equal(m->first_page + m->pages * PAGE, h->required_space);
    assert_int_equal(w.source->machine.dtb, 0x1ad002);
    whole_expect_note(&w, "of its 0x7fe86 pages of memory 0x7fe84 are not there", 0x4000);
    assert_null(w.source->ops->open_pages(w.source, &w.pages));
    uint64_t start, size, offset, number;
    size_t got;
    assert_true(w.pages.ops->next(w.pages.impl, 0, &start, &size));
    assert_int_equal(start, 2 * PAGE);
    assert_int_equal(size, 2 * PAGE);
    assert_false(w.pages.ops->next(w.pages.impl, start + size, &start, &size));
    assert_true(w.pages.ops->offset(w.pages.impl, 2 * PAGE + 0x20, &offset));
    assert_int_equal(offset, 0x2020);
    /* A pointer into the kernel's half stands there. */
    assert_int_equal(whole_read(&w, 2 * PAGE + 0x20, &number, 8, &got), SC_READ_OK);
    assert_int_equal(number >> 40, 0xfffff8);
    assert_int_equal(w.source->nnotes, 1);
    whole_close(&w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pages_lie_one_behind_the_other_in_the_order_of_the_runs),
        cmocka_unit_test(a_read_goes_on_to_the_end_of_its_run),
        cmocka_unit_test(the_machine_is_as_the_header_says),
        cmocka_unit_test(what_the_writer_left_out_is_not_known),
        cmocka_unit_test(the_headers_context_and_exception_are_the_events),
        cmocka_unit_test(a_32_bit_header_has_room_for_86_runs),
        cmocka_unit_test(more_runs_than_the_header_has_room_for_are_said),
        cmocka_unit_test(counts_that_disagree_are_said),
        cmocka_unit_test(a_header_without_runs_opens_without_memory),
        cmocka_unit_test(empty_and_overlapping_runs_are_said_and_the_rest_is_read),
        cmocka_unit_test(runs_beyond_physical_memory_are_said),
        cmocka_unit_test(a_run_of_2_to_the_52_pages_is_cut_to_the_file),
        cmocka_unit_test(a_file_cut_short_lacks_its_last_pages_and_says_so),
        cmocka_unit_test(a_header_alone_tells_what_it_knows_and_that_it_is_alone),
        cmocka_unit_test(the_headers_attributes_are_heeded),
        cmocka_unit_test(secondary_data_stand_behind_the_pages),
        cmocka_unit_test(files_cut_inside_the_header_are_refused),
        cmocka_unit_test(random_runs_read_as_they_were_written),
        cmocka_unit_test(the_head_of_a_real_complete_dump_is_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
