/* SPDX-License-Identifier: MIT */
/* Finding the kernel: by every way, in every paging mode, among decoys, and when there is none. */
#include "unit/find_fixture.h"

static const struct {
    enum forge_paging forged;
    enum sc_paging_mode mode;
    enum sc_cpu cpu;
} modes[] = {
    {FORGE_PAGING_X86, SC_PAGING_X86, SC_CPU_X86},
    {FORGE_PAGING_PAE, SC_PAGING_PAE, SC_CPU_X86},
    {FORGE_PAGING_X64, SC_PAGING_X64, SC_CPU_X64},
    {FORGE_PAGING_LA57, SC_PAGING_X64_LA57, SC_CPU_X64},
    {FORGE_PAGING_ARM64, SC_PAGING_ARM64, SC_CPU_ARM64},
};
enum { MODES = sizeof modes / sizeof *modes };

/* Everything that the bones have was found. */
static void is_right(struct bones *b, const struct sc_found *f, const char *how) {
    if (!strstr(f->how, how))
        fail_msg("'%s' is not in '%s'", how, f->how);
    for (size_t i = 0; i < MODES; i++)
        if (modes[i].forged == b->mode) {
            assert_int_equal(f->mode, modes[i].mode);
            assert_int_equal(f->cpu, modes[i].cpu);
        }
    assert_true(f->kernel_base == b->base);
    assert_int_equal(f->kernel_size, BONES_SIZE);
    if (b->no_exports || b->no_header || b->no_system) /* nothing names System's */
        assert_true(f->dtb == forge_mmu_root(b->mmu, b->system) ||
                    f->dtb == forge_mmu_root(b->mmu, b->other));
    else
        assert_true(f->dtb == forge_mmu_root(b->mmu, b->system));
    bool lists = (!b->no_exports && !b->no_header) || (b->block && !b->encoded);
    assert_true(f->loaded_module_list == (lists ? b->base + BONES_MODULES : 0));
    bool processes =
        (!b->no_exports && !b->no_header && !b->no_system) || (b->block && !b->encoded);
    assert_true(f->active_process_head == (processes ? b->base + BONES_HEAD : 0));
}

static void page_tables_that_map_themselves_lead_to_it(void **state) {
    (void)state;
    for (size_t i = 0; i < MODES; i++)
        for (int large = 0; large < 2; large++) {
            struct bones b = {.mode = modes[i].forged, .large = large, .ram = 256 << 20};
            bones_build(&b);
            struct sc_found f = bones_find(&b, (struct sc_find){0});
            is_right(&b, &f, "page table that maps itself at 0x");
            bones_free(&b);
        }
}

static void the_low_stub_leads_to_it_with_few_reads(void **state) {
    (void)state;
    struct bones b = {
        .mode = FORGE_PAGING_X64, .stub = 0x13000, .ram = 1 << 30, .no_selfmap = true};
    bones_build(&b);
    struct sc_found f = bones_find(&b, (struct sc_find){0});
    is_right(&b, &f, "low stub at 0x13000");
    assert_true(b.reads < 10000); /* of 262,144 pages */
    bones_free(&b);
}

static void a_debugger_data_block_is_used_where_it_is_plain(void **state) {
    (void)state;
    for (size_t i = 0; i < MODES; i++)
        for (int encoded = 0; encoded < 2; encoded++) {
            struct bones b = {
                .mode = modes[i].forged, .block = true, .encoded = encoded, .no_exports = true};
            bones_build(&b);
            struct sc_found f = bones_find(&b, (struct sc_find){0});
            is_right(&b, &f, encoded ? "page table that maps itself" : "debugger data block at 0x");
            assert_true(f.debugger_data == (encoded ? 0 : b.base + BONES_BLOCK));
            bones_free(&b);
        }
}

static void without_anything_that_names_tables_the_image_does(void **state) {
    (void)state;
    static const enum forge_paging forged[] = {FORGE_PAGING_X64, FORGE_PAGING_LA57,
                                               FORGE_PAGING_ARM64};
    for (size_t i = 0; i < 3; i++) {
        struct bones b = {.mode = forged[i], .no_selfmap = true};
        bones_build(&b);
        struct sc_found f = bones_find(&b, (struct sc_find){0});
        is_right(&b, &f, "kernel's image, mapped by the page table at 0x");
        bones_free(&b);
    }
}

static void the_processors_tables_come_first(void **state) {
    (void)state;
    for (size_t i = 0; i < MODES; i++) {
        if (modes[i].forged == FORGE_PAGING_ARM64)
            continue; /* QEMU does not say */
        struct bones b = {.mode = modes[i].forged, .ram = 256 << 20};
        bones_build(&b);
        /* It ran another process, whose CR3 carries flags. */
        struct sc_thread t = {.dtb = forge_mmu_root(b.mmu, b.other) |
                                     (modes[i].cpu == SC_CPU_X64 ? 2 : 0),
                              .idt = b.idt,
                              .cr4 = modes[i].mode == SC_PAGING_X86        ? 0x10
                                     : modes[i].mode == SC_PAGING_X64_LA57 ? 0x1020
                                                                           : 0x20};
        struct sc_found f = bones_find(
            &b, (struct sc_find){.cpu = modes[i].cpu, .processor = &t, .nprocessors = 1});
        is_right(&b, &f, "page tables of processor 0, at 0x");
        assert_true(b.reads < 30000);
        t.idt = 0; /* nothing says where to look */
        f = bones_find(&b,
                       (struct sc_find){.cpu = modes[i].cpu, .processor = &t, .nprocessors = 1});
        is_right(&b, &f, "page tables of processor 0");
        bones_free(&b);
    }
}

/* In user mode little of the kernel is mapped: its KPCR names the other tables. */
static void tables_of_kva_shadow_lead_to_the_kernels(void **state) {
    (void)state;
    struct bones b = {.mode = FORGE_PAGING_X64};
    bones_build(&b);
    bones_uint(&b, b.pcr + 0x7000, 8, forge_mmu_root(b.mmu, b.system) | 2);
    struct forge_mapping m;
    assert_true(forge_mmu_find(b.mmu, b.system, b.pcr + 0x7000, &m));
    struct forge_mmu *shadow = forge_mmu_new(b.mem, FORGE_PAGING_X64, 0x1ed);
    unsigned space;
    assert_true(forge_mmu_space(shadow, 0, &space));
    assert_true(forge_mmu_map(shadow, space, b.pcr + 0x7000, m.pa & ~UINT64_C(0xfff), FORGE_FRAME,
                              FORGE_MAP_WRITE));
    struct sc_thread t = {
        .index = 3, .dtb = forge_mmu_root(shadow, space), .idt = b.idt, .prcb = b.pcr + 0x180};
    struct sc_found f =
        bones_find(&b, (struct sc_find){.cpu = SC_CPU_X64, .processor = &t, .nprocessors = 1});
    is_right(&b, &f, "that processor 3 uses in kernel mode");
    forge_mmu_free(shadow);
    bones_free(&b);
}

static void the_users_tables_are_taken_and_nothing_else(void **state) {
    (void)state;
    for (size_t i = 0; i < MODES; i++) {
        struct bones b = {.mode = modes[i].forged, .no_selfmap = true};
        bones_build(&b);
        struct sc_found f = bones_find(&b, (struct sc_find){.dtb = forge_mmu_root(b.mmu, b.other)});
        is_right(&b, &f, "given by the user");
        struct sc_find wrong = {.phys = b.phys, .dtb = 0x9e000};
        sc_err *err = sc_find_kernel(&wrong, &f);
        assert_int_equal(sc_err_code(err), SC_ERR_NOT_FOUND);
        assert_non_null(strstr(sc_err_text(err), "the page tables at 0x9e000 lead to no kernel"));
        sc_err_destroy(err);
        bones_free(&b);
    }
}

static void the_kernel_is_told_from_what_looks_like_it(void **state) {
    (void)state;
    for (size_t i = 0; i < MODES; i++) {
        struct bones b = {.mode = modes[i].forged};
        bones_build(&b);
        uint64_t below = b.base - 0x100000;
        bones_map(&b, below, 0x4000);
        bones_header(&b, below, true, 1, "POOLCODE"); /* a library: hal.dll */
        bones_map(&b, below - 0x10000, 0x4000);
        bones_header(&b, below - 0x10000, false, 1, ".text"); /* a driver */
        bones_exports(&b, below - 0x10000, "driver.sys");
        bones_map(&b, below - 0x20000, 0x1000);
        bones_header(&b, below - 0x20000, false, 2, "POOLCODE"); /* a program with windows */
        bones_map(&b, below - 0x30000, 0x1000);
        bones_put(&b, below - 0x30000, "MZ", 2);
        struct sc_found f = bones_find(&b, (struct sc_find){0});
        is_right(&b, &f, "page table");
        bones_free(&b);
    }
}

static void an_image_whose_exports_are_gone_is_known_by_its_sections(void **state) {
    (void)state;
    struct bones b = {.mode = FORGE_PAGING_X64, .no_exports = true};
    bones_build(&b);
    struct sc_found f = bones_find(&b, (struct sc_find){0});
    is_right(&b, &f, "page table");
    bones_free(&b);
    struct bones c = {.mode = FORGE_PAGING_X64, .no_exports = true, .no_section = true};
    bones_build(&c);
    struct sc_find find = {.phys = c.phys};
    sc_err *err = sc_find_kernel(&find, &f);
    assert_int_equal(sc_err_code(err), SC_ERR_NOT_FOUND);
    assert_non_null(strstr(sc_err_text(err), "map themselves were found, and none leads"));
    sc_err_destroy(err);
    bones_free(&c);
}

static void without_a_system_process_the_tables_found_are_used(void **state) {
    (void)state;
    for (size_t i = 0; i < MODES; i++) {
        struct bones b = {.mode = modes[i].forged, .no_system = true};
        bones_build(&b);
        struct sc_found f =
            bones_find(&b, (struct sc_find){.dtb = forge_mmu_root(b.mmu, b.system)});
        is_right(&b, &f, "given by the user");
        bones_free(&b);
    }
}

/* ---- what outweighs what ---- */

/* Finds in memory that has the bones of FIRST, and of REAL behind them: it is REAL's, by HOW. */
static void the_second_is_found(struct bones *first, struct bones *real, const char *how) {
    first->root = 0x1000; /* met before any of the other's */
    bones_build(first);
    real->beside = first;
    bones_build(real);
    assert_true(first->root < forge_mmu_root(real->mmu, real->system));
    assert_true(first->root < forge_mmu_root(real->mmu, real->other));
    struct sc_found f = bones_find(real, (struct sc_find){0});
    is_right(real, &f, how);
    bones_free(real);
    bones_free(first);
}

static void a_debugger_data_block_outweighs_tables_met_before_it(void **state) {
    (void)state;
    for (size_t i = 0; i < MODES; i++) {
        struct bones first = {.mode = modes[i].forged, .ram = 256 << 20};
        struct bones real = {.mode = modes[i].forged, .block = true};
        the_second_is_found(&first, &real, "debugger data block at 0x");
    }
}

static void a_block_outweighs_them_also_with_tables_that_do_not_map_themselves(void **state) {
    (void)state;
    struct bones first = {.mode = FORGE_PAGING_X64, .ram = 256 << 20};
    struct bones real = {.mode = FORGE_PAGING_X64, .block = true, .no_selfmap = true};
    the_second_is_found(&first, &real, ", and page table at 0x");
}

static void tables_that_map_themselves_outweigh_an_image_met_before_them(void **state) {
    (void)state;
    static const enum forge_paging forged[] = {FORGE_PAGING_X64, FORGE_PAGING_LA57,
                                               FORGE_PAGING_ARM64};
    for (size_t i = 0; i < 3; i++) {
        struct bones first = {.mode = forged[i], .no_selfmap = true, .ram = 256 << 20};
        struct bones real = {.mode = forged[i]};
        the_second_is_found(&first, &real, "page table that maps itself at 0x");
    }
}

/* What is left of a kernel from before a restart. */
static void lists_that_can_be_followed_outweigh_all_else(void **state) {
    (void)state;
    for (size_t i = 0; i < MODES; i++) {
        struct bones first = {.mode = modes[i].forged, .ram = 256 << 20, .no_exports = true};
        struct bones real = {.mode = modes[i].forged};
        the_second_is_found(&first, &real, "page table that maps itself at 0x");

        struct bones remains = {.mode = modes[i].forged, .ram = 256 << 20};
        remains.block = remains.no_system = remains.no_exports = true;
        real = (struct bones){.mode = modes[i].forged};
        the_second_is_found(&remains, &real, "page table that maps itself at 0x");
    }
}

static void the_pass_ends_at_a_block_whose_kernel_is_there(void **state) {
    (void)state;
    for (int block = 0; block < 2; block++) {
        struct bones b = {.mode = FORGE_PAGING_X64, .block = block, .ram = 1 << 30};
        bones_build(&b);
        struct sc_found f = bones_find(&b, (struct sc_find){0});
        is_right(&b, &f, block ? "debugger data block" : "page table that maps itself");
        assert_true(block ? b.reads < 100000 : b.reads > (1 << 30) / FORGE_FRAME);
        bones_free(&b);
    }
}

/* A page of the acquisition is missing: the block's word is taken when both lists bear it out. */
static void a_block_leads_to_a_kernel_whose_first_page_is_gone(void **state) {
    (void)state;
    for (size_t i = 0; i < MODES; i++) {
        struct bones b = {.mode = modes[i].forged, .block = true, .no_header = true};
        bones_build(&b);
        struct sc_found f = bones_find(&b, (struct sc_find){0});
        is_right(&b, &f, "debugger data block at 0x");
        bones_uint(&b, b.pool + (bones_is32(&b) ? 0x20 : 0x40), 4, 0x7fffffff); /* SizeOfImage */
        struct sc_find find = {.phys = b.phys};
        sc_err *err = sc_find_kernel(&find, &f);
        assert_int_equal(sc_err_code(err), SC_ERR_NOT_FOUND);
        assert_non_null(strstr(sc_err_text(err), "though a debugger data block at 0x"));
        sc_err_destroy(err);
        bones_free(&b);
    }
}

/* ---- nothing to be found ---- */

static void fails(struct bones *b, const struct sc_find *find, enum sc_err_code code,
                  const char *words) {
    struct sc_found f;
    struct sc_find in = *find;
    in.phys = b->phys;
    sc_err *err = sc_find_kernel(&in, &f);
    assert_non_null(err);
    if (!strstr(sc_err_text(err), words))
        fail_msg("'%s' is not in: %s", words, sc_err_text(err));
    assert_int_equal(sc_err_code(err), code);
    sc_err_destroy(err);
}

static void empty(struct bones *b, uint64_t ram) {
    b->mem = forge_physmem_new();
    assert_true(forge_physmem_pc(b->mem, ram));
    forge_physmem_fill(b->mem, FORGE_RAM_PATTERN);
    assert_null(sc_space_create_pages((struct sc_pages){&bones_ops, b}, 8, NULL, &b->phys));
}

static void memory_without_a_kernel_is_read_once_and_said(void **state) {
    (void)state;
    struct bones b = {0};
    empty(&b, 32 << 20);
    fails(&b, &(struct sc_find){0}, SC_ERR_NOT_FOUND, "no Windows kernel was found");
    assert_true(b.reads < 2 * (32 << 20) / FORGE_FRAME);
    bones_free(&b);

    struct bones c = {.mode = FORGE_PAGING_X64, .no_selfmap = true};
    bones_build(&c); /* the image is there, but tables of this kind would not be looked at */
    uint8_t zero[FORGE_FRAME] = {0};
    uint64_t root = forge_mmu_root(c.mmu, c.system), other = forge_mmu_root(c.mmu, c.other);
    assert_true(forge_physmem_write(c.mem, root, zero, sizeof zero));
    assert_true(forge_physmem_write(c.mem, other, zero, sizeof zero));
    fails(&c, &(struct sc_find){0}, SC_ERR_NOT_FOUND, "though the image of one (x64) lies at 0x");
    bones_free(&c);
}

/* Every page is a table that maps itself, and all of memory besides. */
static void tables_that_lead_everywhere_are_bounded(void **state) {
    (void)state;
    enum { PAGES = 4096 };
    struct bones b = {0};
    b.mem = forge_physmem_new();
    assert_true(forge_physmem_add(b.mem, 0x100000, (uint64_t)PAGES * FORGE_FRAME));
    for (uint64_t i = 0; i < PAGES; i++) {
        uint64_t pa = 0x100000 + i * FORGE_FRAME, page[512];
        for (uint64_t k = 0; k < 512; k++)
            page[k] = (0x100000 + (i * 7 + k * 13) % PAGES * FORGE_FRAME) | 0x63;
        page[0x1ed] = pa | 0x63;
        assert_true(forge_physmem_write(b.mem, pa, page, sizeof page));
    }
    assert_null(sc_space_create_pages((struct sc_pages){&bones_ops, &b}, 8, NULL, &b.phys));
    fails(&b, &(struct sc_find){0}, SC_ERR_NOT_FOUND, "page tables that map themselves were found");
    assert_true(b.reads < 4000000);
    bones_free(&b);
}

struct watch {
    unsigned calls, stop_at;
    uint64_t done, total;
};

static bool progress(void *ctx, const char *what, uint64_t done, uint64_t total) {
    struct watch *w = ctx;
    assert_string_equal(what, "looking for the kernel");
    assert_true(done > w->done && done <= total);
    w->done = done;
    w->total = total;
    return ++w->calls != w->stop_at;
}

static void progress_is_told_and_can_stop_it(void **state) {
    (void)state;
    struct bones b = {0};
    empty(&b, 128 << 20);
    struct watch w = {0};
    struct sc_find find = {.progress = progress, .progress_ctx = &w};
    fails(&b, &find, SC_ERR_NOT_FOUND, "no Windows kernel");
    assert_in_range(w.calls, 6, 8);
    assert_in_range(w.total, (128 << 20) - (2 << 20), 128 << 20);
    w = (struct watch){.stop_at = 2};
    fails(&b, &find, SC_ERR_CANCELLED, "");
    assert_int_equal(w.calls, 2);
    atomic_bool cancel;
    atomic_init(&cancel, true);
    fails(&b, &(struct sc_find){.cancel = &cancel}, SC_ERR_CANCELLED, "");
    bones_free(&b);
}

/* The first pages of a PE file are not those of an image: nothing is taken at face value. */
static void headers_that_lie_are_not_followed(void **state) {
    (void)state;
    static const struct {
        uint32_t at, width;
        uint64_t value;
    } lies[] = {{0x3c, 4, 0xffffffff}, {0x3c, 4, 0xfff0}, {0x84, 2, 0x1234},
                {0x86, 2, 0xffff},     {0x94, 2, 0xffff}, {0x98, 2, 0x10c},
                {0xd0, 4, 0xffffffff}, {0xd0, 4, 0},      {0x108, 4, 0xfffffff0}};
    for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
        struct bones b = {.mode = FORGE_PAGING_X64};
        bones_build(&b);
        bones_uint(&b, b.base + lies[i].at, lies[i].width, lies[i].value);
        struct sc_find find = {.phys = b.phys};
        struct sc_found f;
        sc_err *err = sc_find_kernel(&find, &f); /* found or not: it must end well */
        if (!err)
            assert_true(f.kernel_base == b.base);
        sc_err_destroy(err);
        bones_free(&b);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(page_tables_that_map_themselves_lead_to_it),
        cmocka_unit_test(the_low_stub_leads_to_it_with_few_reads),
        cmocka_unit_test(a_debugger_data_block_is_used_where_it_is_plain),
        cmocka_unit_test(without_anything_that_names_tables_the_image_does),
        cmocka_unit_test(the_processors_tables_come_first),
        cmocka_unit_test(tables_of_kva_shadow_lead_to_the_kernels),
        cmocka_unit_test(the_users_tables_are_taken_and_nothing_else),
        cmocka_unit_test(the_kernel_is_told_from_what_looks_like_it),
        cmocka_unit_test(an_image_whose_exports_are_gone_is_known_by_its_sections),
        cmocka_unit_test(without_a_system_process_the_tables_found_are_used),
        cmocka_unit_test(a_debugger_data_block_outweighs_tables_met_before_it),
        cmocka_unit_test(a_block_outweighs_them_also_with_tables_that_do_not_map_themselves),
        cmocka_unit_test(tables_that_map_themselves_outweigh_an_image_met_before_them),
        cmocka_unit_test(lists_that_can_be_followed_outweigh_all_else),
        cmocka_unit_test(the_pass_ends_at_a_block_whose_kernel_is_there),
        cmocka_unit_test(a_block_leads_to_a_kernel_whose_first_page_is_gone),
        cmocka_unit_test(memory_without_a_kernel_is_read_once_and_said),
        cmocka_unit_test(tables_that_lead_everywhere_are_bounded),
        cmocka_unit_test(progress_is_told_and_can_stop_it),
        cmocka_unit_test(headers_that_lie_are_not_followed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
