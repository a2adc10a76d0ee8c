/* SPDX-License-Identifier: MIT */
/* The memory, processors and secondary data of triage dumps, against forged files. */
#include "unit/kdump_fixture.h"

static void memory_is_put_back_where_it_was(void **state) {
    (void)state;
    struct world w;
    open_kind(&w, FORGE_TRIAGE_X64);
    holds(&w, w.s.va.stack, w.s.stack, FORGE_STACK_SIZE);
    holds(&w, w.s.va.page, w.s.page, 0x1000);
    holds(&w, w.s.va.prcb[1], w.s.prcb[1], FORGE_PRCB_SIZE);
    holds(&w, w.s.va.thread, w.s.thread, FORGE_THREAD_SIZE);
    holds(&w, w.s.va.process, w.s.process, FORGE_PROCESS_SIZE);
    holds(&w, w.s.va.kdbg + 0x10, "KDBG\x80\x03\0\0", 8);
    holds(&w, w.s.va.cxr, w.s.bug_context, w.s.context_size);
    absent(&w, w.s.va.stack - 1);
    absent(&w, w.s.va.stack + FORGE_STACK_SIZE);
    absent(&w, 0);
    close_world(&w);
    open_kind(&w, FORGE_TRIAGE_X64_OLD);
    holds(&w, w.s.va.page, w.s.page, 0x1000);
    absent(&w, w.s.va.page + 0x1000);
    holds(&w, w.s.va.thread, w.s.thread, FORGE_THREAD_SIZE);
    close_world(&w);
    open_kind(&w, FORGE_TRIAGE_X86);
    holds(&w, w.s.va.stack, w.s.stack, FORGE_STACK_SIZE);
    holds(&w, w.s.va.process, w.s.process, FORGE_PROCESS_SIZE);
    close_world(&w);
}

static void the_stack_wins_over_a_data_block_that_repeats_it(void **state) {
    (void)state;
    struct world w;
    uint8_t other[0x80];
    memset(other, 0xa5, sizeof other);
    forge_scene_init(&w.s, FORGE_TRIAGE_X64);
    w.s.block[8].data = other; /* lies inside the stack's range */
    w.s.block[9] = (struct forge_block){
        .addr = w.s.va.stack + FORGE_STACK_SIZE - 0x10, .data = other, .size = 0x20};
    open_world(&w);
    holds(&w, w.s.va.stack, w.s.stack, FORGE_STACK_SIZE);
    holds(&w, w.s.va.stack + FORGE_STACK_SIZE, other, 0x10);
    close_world(&w);
}

static void blocks_outside_the_file_are_left_out_with_a_note(void **state) {
    (void)state;
    struct world w;
    forge_scene_init(&w.s, FORGE_TRIAGE_X64);
    w.s.block[9].false_place = true;
    w.s.block[9].lie_offset = 0xfffffff0;
    w.s.block[9].lie_size = 0x1000;
    open_world(&w);
    absent(&w, w.s.va.page);
    expect_note(&w, "outside the file");
    close_world(&w);
}

static void a_block_over_the_end_of_the_file_keeps_what_is_there(void **state) {
    (void)state;
    struct world w;
    forge_scene_init(&w.s, FORGE_TRIAGE_X64);
    w.s.t.nblobs = 0;
    w.s.block[9].false_place = true;
    w.s.block[9].lie_offset = 0x2000;
    w.s.block[9].lie_size = 0xffffffff;
    open_world(&w);
    holds(&w, w.s.va.page, w.file.data + 0x2000, 0x100);
    absent(&w, w.s.va.page + w.file.size - 0x2000);
    expect_note(&w, "over the end of the file");
    close_world(&w);
}

static void a_block_at_the_top_of_the_address_space_does_not_wrap(void **state) {
    (void)state;
    struct world w;
    forge_scene_init(&w.s, FORGE_TRIAGE_X64);
    w.s.block[9].addr = 0xfffffffffffff800;
    open_world(&w);
    holds(&w, 0xfffffffffffff800, w.s.page, 0x800);
    absent(&w, 0);
    close_world(&w);
    forge_scene_init(&w.s, FORGE_TRIAGE_X86);
    w.s.block[9].addr = 0xfffff800;
    open_world(&w);
    holds(&w, 0xfffff800, w.s.page, 0x800);
    absent(&w, 0);
    close_world(&w);
}

static void a_block_count_beyond_the_file_is_cut_with_a_note(void **state) {
    (void)state;
    struct world w;
    open_patched(&w, FORGE_TRIAGE_X64, "DataBlocksCount", 0xffffffff);
    holds(&w, w.s.va.page, w.s.page, 0x1000);
    expect_note(&w, "data blocks claimed");
    close_world(&w);
}

static void an_absurd_stack_size_is_refused_or_cut(void **state) {
    (void)state;
    const uint32_t lies[] = {0xffffffff, 0x7fffffff, 0x100000};
    for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
        struct world w;
        open_patched(&w, FORGE_TRIAGE_X64, "SizeOfCallStack", lies[i]);
        absent(&w, w.s.va.stack + 0x800000); /* the first read is what looks at the stack */
        assert_true(source(&w)->nnotes > 0);
        close_world(&w);
    }
}

static void fields_left_as_filler_are_absent(void **state) {
    (void)state;
    static const char *const names[] = {"DataPageOffset",  "DataPageSize",   "DataBlocksOffset",
                                        "DataBlocksCount", "MmOffset",       "BrokenDriverOffset",
                                        "CallStackOffset", "SizeOfCallStack"};
    struct forge_patch patch[8];
    struct world w;
    forge_scene_init(&w.s, FORGE_TRIAGE_X64);
    for (size_t i = 0; i < 8; i++)
        patch[i] = (struct forge_patch){.name = names[i], .value = FORGE_PAGE};
    w.s.t.patch = patch;
    w.s.t.npatches = 8;
    open_world(&w);
    assert_int_equal(triage(&w)->data_blocks_count, 0);
    assert_null(sc_triage_mm(source(&w)));
    absent(&w, w.s.va.stack);
    assert_int_equal(source(&w)->nnotes, 0);
    close_world(&w);
}

static void secondary_data_may_begin_at_an_aligned_place(void **state) {
    (void)state;
    struct world w;
    const struct sc_blobs *blobs;
    open_kind(&w, FORGE_TRIAGE_X64);
    uint32_t odd = w.s.map.blobs % 8;
    close_world(&w);
    forge_scene_init(&w.s, FORGE_TRIAGE_X64);
    w.s.block[9].size -= odd; /* the last thing in the dump proper: the end is aligned now */
    open_world(&w);
    uint32_t at = w.s.map.blobs;
    close_world(&w);
    assert_int_equal(at % 8, 0);
    w.s.patch[0] = (struct forge_patch){.name = "SizeOfDump", .value = at - 3};
    w.s.t.npatches = 1;
    open_world(&w);
    assert_null(sc_kdump_blobs((struct sc_source *)source(&w), &blobs));
    assert_int_equal(blobs->count, 2);
    close_world(&w);
}

static void mm_figures_have_the_pointers_width(void **state) {
    (void)state;
    for (int kind = 0; kind < FORGE_SCENES; kind++) {
        struct world w;
        open_kind(&w, (enum forge_scene_kind)kind);
        const struct sc_triage_mm *mm = sc_triage_mm(source(&w));
        assert_non_null(mm);
        assert_int_equal(mm->version, 1);
        assert_int_equal(mm->size, w.s.t.is32 ? 0x34 : 0x50);
        assert_int_equal(mm->max_nonpaged, 1000);
        assert_int_equal(mm->allocated_nonpaged, 200);
        assert_int_equal(mm->paged_maximum, 3000);
        assert_int_equal(mm->paged_allocated, 400);
        assert_int_equal(mm->committed, 50000);
        assert_int_equal(mm->committed_peak, 60000);
        assert_int_equal(mm->commit_limit_max, 70000);
        close_world(&w);
    }
    struct world w;
    forge_scene_init(&w.s, FORGE_TRIAGE_X64);
    w.s.t.mm = NULL;
    open_world(&w);
    assert_null(sc_triage_mm(source(&w)));
    close_world(&w);
}

static void secondary_data_is_walked(void **state) {
    (void)state;
    for (int kind = 0; kind < FORGE_SCENES; kind++) {
        struct world w;
        open_kind(&w, (enum forge_scene_kind)kind);
        const struct sc_blobs *blobs = NULL;
        assert_null(sc_kdump_blobs((struct sc_source *)source(&w), &blobs));
        assert_int_equal(blobs->present, kind != FORGE_TRIAGE_X64_OLD);
        assert_int_equal(blobs->count, w.s.t.nblobs);
        if (blobs->count) {
            assert_int_equal(blobs->build, w.s.t.build);
            assert_int_equal(blobs->item[0].tag.a, 0x54c84888);
            assert_int_equal(blobs->item[0].size, w.s.blob[0].size);
            assert_int_equal(blobs->item[0].header, w.s.map.blobs + 0x10);
            assert_int_equal(blobs->item[0].offset, w.s.map.blobs + 0x10 + 0x20 + 4);
            assert_memory_equal(w.file.data + blobs->item[1].offset, w.s.page, 0x100);
        }
        close_world(&w);
    }
}

static void a_blob_that_lies_about_its_size_ends_the_list_with_a_note(void **state) {
    (void)state;
    const struct {
        unsigned at;
        uint32_t value;
        const char *note;
    } lies[] = {{0x14, 0xffffffff, "runs over"},
                {0x18, 0xffffffff, "runs over"},
                {0, 0xffffffff, "runs over"},
                {0, 4, "too small"}};
    for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
        struct world w;
        open_kind(&w, FORGE_TRIAGE_X64);
        uint32_t second = w.s.map.blobs + 0x10 + 0x20 + 4 + w.s.blob[0].size + 3;
        close_world(&w);
        forge_scene_init(&w.s, FORGE_TRIAGE_X64);
        w.s.patch[0] =
            (struct forge_patch){.offset = second + lies[i].at, .width = 4, .value = lies[i].value};
        w.s.t.npatches = 1;
        open_world(&w);
        const struct sc_blobs *blobs = NULL;
        assert_null(sc_kdump_blobs((struct sc_source *)source(&w), &blobs));
        assert_int_equal(blobs->count, 1);
        expect_note(&w, lies[i].note);
        close_world(&w);
    }
}

static void processors_have_registers_of_their_own(void **state) {
    (void)state;
    const enum forge_scene_kind kinds[] = {FORGE_TRIAGE_X64, FORGE_TRIAGE_X86, FORGE_TRIAGE_ARM64};
    for (size_t i = 0; i < 3; i++) {
        struct world w;
        open_kind(&w, kinds[i]);
        const struct sc_threads *list;
        assert_null(sc_target_threads(w.target, &list));
        assert_int_equal(list->count, FORGE_CPUS);
        struct sc_regs regs;
        assert_null(sc_target_regs(w.target, 0, &regs));
        assert_true(sc_regs_ip(&regs) == w.s.va.kernel + 0x3f0e0);
        assert_true(sc_regs_sp(&regs) == w.s.va.stack);
        assert_null(sc_target_regs(w.target, 1, &regs));
        assert_true(sc_regs_ip(&regs) == w.s.va.kernel + 0x41000);
        assert_true(list->item[0].prcb == w.s.va.prcb[0]);
        assert_true(list->item[1].prcb == w.s.va.prcb[1]);
        assert_true(list->item[0].thread == w.s.va.thread);
        assert_null(sc_target_event_regs(w.target, &regs));
        assert_true(sc_regs_ip(&regs) == w.s.va.fault);
        sc_err *err = sc_target_regs(w.target, 2, &regs);
        assert_int_equal(sc_err_code(err), SC_ERR_NOT_FOUND);
        sc_err_destroy(err);
        close_world(&w);
    }
}

static void without_the_processor_block_prcbs_are_found_by_size(void **state) {
    (void)state;
    struct world w;
    forge_scene_init(&w.s, FORGE_TRIAGE_ARM64);
    w.s.block[0].size = 0;
    open_world(&w);
    struct sc_regs regs;
    assert_null(sc_target_regs(w.target, 1, &regs));
    assert_true(sc_regs_ip(&regs) == w.s.va.kernel + 0x41000);
    close_world(&w);
}

static void a_prcb_whose_number_lies_is_nobodys(void **state) {
    (void)state;
    const uint32_t lies[] = {2, 64, 0x7fffffff, 0xffffffff};
    for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
        struct world w;
        forge_scene_init(&w.s, FORGE_TRIAGE_ARM64);
        w.s.block[0].size = 0; /* no KiProcessorBlock: they are told by their numbers */
        memcpy(w.s.prcb[1] + 0x24, &lies[i], 4);
        open_world(&w);
        struct sc_regs regs;
        assert_null(sc_target_regs(w.target, 0, &regs));
        sc_err *err = sc_target_regs(w.target, 1, &regs);
        assert_int_equal(sc_err_code(err), SC_ERR_NOT_FOUND);
        sc_err_destroy(err);
        close_world(&w);
    }
}

static void the_old_family_has_the_headers_registers_only(void **state) {
    (void)state;
    struct world w;
    open_kind(&w, FORGE_TRIAGE_X64_OLD);
    struct sc_regs regs;
    assert_null(sc_target_regs(w.target, 0, &regs));
    assert_true(sc_regs_ip(&regs) == w.s.va.fault);
    sc_err *err = sc_target_regs(w.target, 1, &regs);
    assert_int_equal(sc_err_code(err), SC_ERR_NOT_FOUND);
    sc_err_destroy(err);
    close_world(&w);
}

/* Windows XP's debugger data has 0x290 bytes: no sizes, no offsets. */
static void windows_xp_says_neither_sizes_nor_offsets(void **state) {
    (void)state;
    struct world w;
    forge_scene_init(&w.s, FORGE_TRIAGE_X86);
    w.s.t.build = 2600;
    w.s.t.kdbg_size = 0x290;
    w.s.t.nkdbg = 4; /* KernBase, PsLoadedModuleList, KiProcessorBlock, NtBuildLab */
    const uint32_t thread = (uint32_t)w.s.va.thread;
    memcpy(w.s.prcb[0] + 4, &thread, 4); /* KPRCB.CurrentThread of x86 */
    memset(w.s.prcb[0], 1, 4);
    w.s.thread[0x10] = 0x5a;
    open_world(&w);
    const struct sc_threads *list;
    assert_null(sc_target_threads(w.target, &list));
    assert_int_equal(list->item[0].prcb, w.s.va.prcb[0]);
    assert_int_equal(list->item[0].thread, w.s.va.thread);
    uint8_t byte = 0;
    assert_int_equal(sc_space_read(sc_target_space(w.target), w.s.va.thread + 0x10, &byte, 1, NULL),
                     SC_READ_OK);
    assert_int_equal(byte, 0x5a);
    close_world(&w);
}

static void a_processor_count_that_lies_costs_nothing(void **state) {
    (void)state;
    const uint32_t lies[] = {0, 0xffffffff, 100000, FORGE_PAGE};
    for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
        struct world w;
        open_patched(&w, FORGE_TRIAGE_X64, "NumberProcessors", lies[i]);
        const struct sc_threads *list;
        assert_null(sc_target_threads(w.target, &list));
        assert_true(list->count >= 1 && list->count <= 2048);
        close_world(&w);
    }
}

static void reading_without_mapping_gives_the_same(void **state) {
    (void)state;
    for (int kind = 0; kind < FORGE_SCENES; kind++) {
        struct world w;
        open_kind(&w, (enum forge_scene_kind)kind);
        const struct sc_open_opts opts = {.sz = sizeof opts, .no_mmap = true};
        sc_target *other = NULL;
        assert_null(sc_target_open_memory("x", w.file.data, w.file.size, &opts, &other));
        const struct sc_modules *a = modules(&w), *b = NULL;
        assert_null(sc_target_modules(other, &b));
        assert_int_equal(a->count, b->count);
        for (size_t i = 0; i < a->count; i++) {
            assert_true(a->item[i].base == b->item[i].base);
            assert_string_equal(a->item[i].path, b->item[i].path);
        }
        uint8_t x[0x100], y[0x100];
        assert_int_equal(sc_space_read(sc_target_space(w.target), w.s.va.stack, x, sizeof x, NULL),
                         SC_READ_OK);
        assert_int_equal(sc_space_read(sc_target_space(other), w.s.va.stack, y, sizeof y, NULL),
                         SC_READ_OK);
        assert_memory_equal(x, y, sizeof x);
        sc_target_close(other);
        close_world(&w);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_is_put_back_where_it_was),
        cmocka_unit_test(the_stack_wins_over_a_data_block_that_repeats_it),
        cmocka_unit_test(blocks_outside_the_file_are_left_out_with_a_note),
        cmocka_unit_test(a_block_over_the_end_of_the_file_keeps_what_is_there),
        cmocka_unit_test(a_block_at_the_top_of_the_address_space_does_not_wrap),
        cmocka_unit_test(a_block_count_beyond_the_file_is_cut_with_a_note),
        cmocka_unit_test(an_absurd_stack_size_is_refused_or_cut),
        cmocka_unit_test(fields_left_as_filler_are_absent),
        cmocka_unit_test(secondary_data_may_begin_at_an_aligned_place),
        cmocka_unit_test(mm_figures_have_the_pointers_width),
        cmocka_unit_test(secondary_data_is_walked),
        cmocka_unit_test(a_blob_that_lies_about_its_size_ends_the_list_with_a_note),
        cmocka_unit_test(processors_have_registers_of_their_own),
        cmocka_unit_test(without_the_processor_block_prcbs_are_found_by_size),
        cmocka_unit_test(a_prcb_whose_number_lies_is_nobodys),
        cmocka_unit_test(the_old_family_has_the_headers_registers_only),
        cmocka_unit_test(windows_xp_says_neither_sizes_nor_offsets),
        cmocka_unit_test(a_processor_count_that_lies_costs_nothing),
        cmocka_unit_test(reading_without_mapping_gives_the_same),
    };
    return cmocka_run_group_tests_name("triage", tests, NULL, NULL);
}
