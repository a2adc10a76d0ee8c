/* SPDX-License-Identifier: MIT */
/* The readers of kernel dump headers and of the lists of a triage dump, against forged files. */
#include "unit/kdump_fixture.h"

static void forged_dumps_open_without_a_note(void **state) {
    (void)state;
    for (int kind = 0; kind < FORGE_SCENES; kind++) {
        struct world w;
        open_kind(&w, (enum forge_scene_kind)kind);
        modules(&w);
        unloaded(&w);
        const struct sc_threads *threads;
        assert_null(sc_target_threads(w.target, &threads));
        for (size_t i = 0; i < source(&w)->nnotes; i++)
            fail_msg("%s: %s", forge_scene_name((enum forge_scene_kind)kind),
                     source(&w)->notes[i].text);
        close_world(&w);
    }
}

static void header_fields_of_both_widths_are_read(void **state) {
    (void)state;
    for (int kind = 0; kind < FORGE_SCENES; kind++) {
        struct world w;
        forge_scene_init(&w.s, (enum forge_scene_kind)kind);
        w.s.t.pfn_database = w.s.va.page + 0x77000;
        w.s.t.attributes = 0x10;
        w.s.t.boot_id = 5;
        w.s.t.writer_status = 2;
        w.s.t.comment = "a comment";
        w.s.t.version_user = "user";
        open_world(&w);
        const struct sc_kdump_header *h = sc_kdump_header(source(&w));
        const struct forge_triage *t = &w.s.t;
        assert_int_equal(h->is64, !t->is32);
        assert_int_equal(h->major, 15);
        assert_int_equal(h->minor, t->build);
        assert_true(h->dtb == t->dtb && h->pfn_database == t->pfn_database);
        assert_true(h->loaded_module_list == t->loaded_module_list);
        assert_true(h->active_process_head == t->active_process_head);
        assert_int_equal(h->machine_type, t->machine);
        assert_int_equal(h->nprocessors, FORGE_CPUS);
        assert_int_equal(h->bugcheck, t->bugcheck);
        for (int i = 0; i < 4; i++)
            assert_true(h->bugcheck_arg[i] == t->arg[i]);
        assert_string_equal(h->version_user, "user");
        assert_string_equal(h->comment, "a comment");
        assert_true(h->debugger_data == t->debugger_data);
        assert_int_equal(h->dump_type, 4);
        assert_int_equal(h->required_space, w.file.size);
        assert_true(h->system_time == t->time && h->system_uptime == t->uptime);
        assert_int_equal(h->product_type, 1);
        assert_int_equal(h->suite_mask, 0x110);
        assert_int_equal(h->attributes, 0x10);
        assert_int_equal(h->boot_id, 5);
        assert_int_equal(h->writer_status, 2);
        assert_int_equal(h->context_offset, t->is32 ? 0x320 : 0x348);
        assert_int_equal(h->exception_offset, t->is32 ? 0x7d0 : 0xf00);
        assert_int_equal(h->nruns, 0); /* filler */
        close_world(&w);
    }
}

static void triage_fields_of_both_widths_are_read(void **state) {
    (void)state;
    for (int kind = 0; kind < FORGE_SCENES; kind++) {
        struct world w;
        open_kind(&w, (enum forge_scene_kind)kind);
        const struct sc_triage_header *h = triage(&w);
        const struct forge_triage_map *m = &w.s.map;
        const struct forge_triage *t = &w.s.t;
        assert_true(h->valid_mark);
        assert_int_equal(h->size_of_dump, m->valid + 4);
        assert_int_equal(h->valid_offset, m->valid);
        assert_int_equal(h->mm_offset, m->mm);
        assert_int_equal(h->unloaded_offset, m->unloaded);
        assert_int_equal(h->prcb_offset, m->prcb);
        assert_int_equal(h->process_offset, m->process);
        assert_int_equal(h->thread_offset, m->thread);
        assert_int_equal(h->callstack_offset, m->stack);
        assert_int_equal(h->callstack_size, FORGE_STACK_SIZE);
        assert_true(h->top_of_stack == w.s.va.stack);
        assert_int_equal(h->driver_list_offset, m->drivers);
        assert_int_equal(h->driver_count, FORGE_DRIVERS);
        assert_int_equal(h->driver_stride, m->stride);
        assert_int_equal(h->string_pool_offset, m->strings);
        assert_int_equal(h->string_pool_size, m->strings_size);
        assert_int_equal(h->broken_driver_offset, m->broken);
        assert_int_equal(h->options, t->options ? t->options : 0xffffffff);
        assert_int_equal(h->debugger_data_offset, m->kdbg);
        assert_int_equal(h->debugger_data_size, t->kdbg_size);
        assert_int_equal(h->data_blocks_offset, m->blocks);
        assert_int_equal(h->data_blocks_count, t->nblocks);
        assert_true(h->data_page_address == t->data_page.addr);
        assert_int_equal(h->data_page_offset, m->data_page);
        assert_int_equal(h->data_page_size, t->data_page.size);
        close_world(&w);
    }
}

static void the_machine_is_described(void **state) {
    (void)state;
    struct world w;
    open_kind(&w, FORGE_TRIAGE_X64);
    const struct sc_machine *m = sc_target_machine(w.target);
    assert_int_equal(m->cpu, SC_CPU_X64);
    assert_true(m->kernel && m->windows && m->has_bugcheck);
    assert_int_equal(m->bugcheck, 0x1000007e);
    assert_int_equal(m->major, 10);
    assert_int_equal(m->build, 19041);
    assert_int_equal(m->ncpus, 2);
    assert_int_equal(m->current, 0);
    assert_true(m->kernel_base == w.s.va.kernel);
    assert_string_equal(m->lab, "19041.1.amd64fre.vb_release.191206-1406");
    assert_true(m->time == w.s.t.time && m->uptime == w.s.t.uptime);
    assert_true(m->has_exception);
    assert_int_equal(m->exception.code, 0x80000003);
    assert_true(m->exception.address == w.s.exception.address);
    assert_int_equal(m->exception.nparams, 1);
    assert_int_equal(m->exception_record, 0xf00);
    assert_false(m->checked);
    close_world(&w);
    open_kind(&w, FORGE_TRIAGE_X86);
    m = sc_target_machine(w.target);
    assert_int_equal(m->cpu, SC_CPU_X86);
    assert_int_equal(m->major * 10 + m->minor, 61);
    assert_true(m->kernel_base == w.s.va.kernel); /* sign-extended in the debugger data */
    assert_int_equal(sc_target_ptr_size(w.target), 4);
    close_world(&w);
}

static void fields_left_as_filler_are_unknown(void **state) {
    (void)state;
    struct world w;
    forge_scene_init(&w.s, FORGE_TRIAGE_X64);
    w.s.t.time = w.s.t.uptime = 0;
    w.s.t.product_type = w.s.t.suite_mask = 0;
    w.s.t.exception = NULL;
    w.s.t.context = NULL;
    open_world(&w);
    const struct sc_kdump_header *h = sc_kdump_header(source(&w));
    const struct sc_machine *m = sc_target_machine(w.target);
    assert_true(h->system_time == SC_UNSET64 && h->system_uptime == SC_UNSET64);
    assert_true(m->time == 0 && m->uptime == SC_UNSET64);
    assert_int_equal(h->product_type, 0);
    assert_int_equal(h->suite_mask, 0);
    assert_int_equal(h->attributes, 0);
    assert_string_equal(h->comment, "");
    assert_string_equal(h->version_user, "");
    assert_null(m->comment);
    assert_false(m->has_exception);
    struct sc_regs regs;
    sc_err *err = sc_target_event_regs(w.target, &regs); /* "PAGEPAGE…" are no registers */
    assert_int_equal(sc_err_code(err), SC_ERR_NOT_FOUND);
    sc_err_destroy(err);
    close_world(&w);
}

static void a_checked_build_is_recognised(void **state) {
    (void)state;
    struct world w;
    forge_scene_init(&w.s, FORGE_TRIAGE_X64);
    w.s.t.major = 12;
    open_world(&w);
    assert_true(sc_target_machine(w.target)->checked);
    close_world(&w);
}

static void the_service_pack_is_named(void **state) {
    (void)state;
    struct world w;
    forge_scene_init(&w.s, FORGE_TRIAGE_X64_OLD);
    w.s.t.service_pack = 0x100;
    open_world(&w);
    assert_string_equal(sc_target_machine(w.target)->service_pack, "Service Pack 1");
    assert_int_equal(triage(&w)->service_pack_build, 0x100);
    close_world(&w);
}

static void drivers_have_base_size_stamp_and_names(void **state) {
    (void)state;
    for (int kind = 0; kind < FORGE_SCENES; kind++) {
        struct world w;
        open_kind(&w, (enum forge_scene_kind)kind);
        const struct sc_modules *list = modules(&w);
        assert_int_equal(list->count, FORGE_DRIVERS);
        const char *const names[] = {"nt", "hal", "baddrv", "disk"};
        const char *const images[] = {"ntoskrnl.exe", "hal.dll", "baddrv.sys", "disk.sys"};
        for (size_t i = 0; i < FORGE_DRIVERS; i++) {
            const struct sc_module *m = &list->item[i];
            assert_true(m->base == w.s.driver[i].base);
            assert_int_equal(m->size, w.s.driver[i].size);
            assert_int_equal(m->timestamp, w.s.driver[i].timestamp);
            assert_int_equal(m->checksum, w.s.driver[i].checksum);
            assert_string_equal(m->path, w.s.driver[i].path);
            assert_string_equal(m->name, names[i]);
            assert_string_equal(m->image, images[i]);
            assert_int_equal(m->record, w.s.map.drivers + i * w.s.map.stride);
        }
        close_world(&w);
    }
}

static void a_wrong_string_length_does_not_lose_the_name(void **state) {
    (void)state;
    const uint32_t lies[] = {0, 3, 9, 1000, 0x7fffffff, 0xffffffff, 0x80000001};
    for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
        struct world w;
        forge_scene_init(&w.s, FORGE_TRIAGE_X64);
        w.s.driver[2].how = FORGE_NAME_LENGTH;
        w.s.driver[2].lie = lies[i];
        open_world(&w);
        const struct sc_modules *list = modules(&w);
        assert_int_equal(list->count, FORGE_DRIVERS);
        assert_string_equal(list->item[2].path, w.s.driver[2].path); /* the NUL is the authority */
        assert_string_equal(list->item[3].image, "disk.sys");
        close_world(&w);
    }
}

static void a_name_outside_the_file_leaves_the_module_with_a_note(void **state) {
    (void)state;
    const uint32_t lies[] = {0, 0xffffffff, 0x7ffffffc};
    for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
        struct world w;
        forge_scene_init(&w.s, FORGE_TRIAGE_X64);
        w.s.driver[2].how = FORGE_NAME_OFFSET;
        w.s.driver[2].lie = lies[i];
        open_world(&w);
        const struct sc_modules *list = modules(&w);
        assert_int_equal(list->count, FORGE_DRIVERS);
        assert_true(list->item[2].base == w.s.va.bad);
        assert_non_null(list->item[2].name);
        assert_true(source(&w)->nnotes > 0);
        assert_ptr_equal(sc_target_module_at(w.target, w.s.va.fault), &list->item[2]);
        close_world(&w);
    }
}

static void names_beyond_the_bmp_and_lone_surrogates_survive(void **state) {
    (void)state;
    struct world w;
    forge_scene_init(&w.s, FORGE_TRIAGE_X64);
    w.s.driver[2].path = "\\\xf0\x9f\x98\x80\\\xed\xa0\xbd\xc3\xa4.sys";
    open_world(&w);
    const struct sc_module *m = sc_target_module_at(w.target, w.s.va.fault);
    assert_string_equal(m->path, w.s.driver[2].path);
    assert_string_equal(m->image, "\xed\xa0\xbd\xc3\xa4.sys");
    close_world(&w);
}

static void two_drivers_of_one_name_stay_apart(void **state) {
    (void)state;
    struct world w;
    forge_scene_init(&w.s, FORGE_TRIAGE_X64);
    w.s.driver[3].path = "\\other\\BADDRV.sys";
    open_world(&w);
    const struct sc_modules *list = modules(&w);
    assert_string_not_equal(list->item[2].name, list->item[3].name);
    assert_string_equal(list->item[3].image, "BADDRV.sys");
    close_world(&w);
}

static void a_driver_without_base_or_size_is_dropped_with_a_note(void **state) {
    (void)state;
    struct world w;
    forge_scene_init(&w.s, FORGE_TRIAGE_X64);
    w.s.driver[1].base = 0;
    w.s.driver[3].size = 0;
    open_world(&w);
    assert_int_equal(modules(&w)->count, 2);
    expect_note(&w, "has no base");
    expect_note(&w, "has no size");
    close_world(&w);
}

static void a_driver_count_beyond_the_file_is_cut_with_a_note(void **state) {
    (void)state;
    for (int kind = 0; kind < FORGE_SCENES; kind++) {
        struct world w;
        open_patched(&w, (enum forge_scene_kind)kind, "DriverCount", 0xffffffff);
        const struct sc_modules *list = modules(&w);
        assert_true(list->count >= FORGE_DRIVERS);
        expect_note(&w, "drivers claimed");
        assert_string_equal(sc_target_module_at(w.target, w.s.va.fault)->image, "baddrv.sys");
        close_world(&w);
    }
}

static void a_driver_list_outside_the_file_is_empty_with_a_note(void **state) {
    (void)state;
    struct world w;
    open_patched(&w, FORGE_TRIAGE_X64, "DriverListOffset", 0xfffffff0);
    assert_int_equal(modules(&w)->count, 0);
    expect_note(&w, "drivers claimed");
    assert_null(sc_target_module_at(w.target, w.s.va.fault));
    close_world(&w);
}

static void unloaded_drivers_keep_their_order_and_names(void **state) {
    (void)state;
    for (int kind = 0; kind < FORGE_SCENES; kind++) {
        struct world w;
        open_kind(&w, (enum forge_scene_kind)kind);
        const struct sc_unloadeds *list = unloaded(&w);
        assert_int_equal(list->count, 2);
        assert_string_equal(list->item[0].name, "dam.sys");
        assert_string_equal(list->item[1].name, "WdFilter.sys"); /* all twelve characters */
        assert_true(list->item[0].base == w.s.unloaded[0].start);
        assert_int_equal(list->item[0].size, 0x10000);
        assert_int_equal(list->item[0].timestamp, 0);
        assert_int_equal(list->item[0].record, w.s.map.unloaded + (w.s.t.is32 ? 4 : 8));
        close_world(&w);
    }
}

static void an_unloaded_count_that_lies_is_cut_with_a_note(void **state) {
    (void)state;
    const uint64_t lies[] = {3000, 0x7fffffff, UINT64_MAX, 0x492492492492493};
    for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
        struct world w;
        forge_scene_init(&w.s, FORGE_TRIAGE_X64);
        w.s.patch[0] = (struct forge_patch){.offset = 0x20d0, .width = 8, .value = lies[i]};
        w.s.t.npatches = 1;
        open_world(&w);
        const struct sc_unloadeds *list = unloaded(&w);
        assert_true(list->count >= 2 && list->count < 3000);
        assert_string_equal(list->item[0].name, "dam.sys");
        expect_note(&w, "unloaded drivers claimed");
        close_world(&w);
    }
}

static void an_unloaded_driver_that_ends_before_it_begins_is_dropped(void **state) {
    (void)state;
    struct world w;
    forge_scene_init(&w.s, FORGE_TRIAGE_X64);
    w.s.unloaded[0].end = w.s.unloaded[0].start - 1;
    open_world(&w);
    assert_int_equal(unloaded(&w)->count, 1);
    expect_note(&w, "ends before it begins");
    close_world(&w);
}

static void an_overflowed_dump_says_so(void **state) {
    (void)state;
    struct world w;
    forge_scene_init(&w.s, FORGE_TRIAGE_X64_OLD);
    w.s.t.options = FORGE_OPTIONS_OLD | FORGE_OPTIONS_OVERFLOW;
    open_world(&w);
    expect_note(&w, "ran out of room");
    close_world(&w);
    open_kind(&w, FORGE_TRIAGE_X64); /* all bits set is the other family's mark, not an overflow */
    assert_false(noted(&w, "ran out of room"));
    close_world(&w);
}

static void a_dump_cut_off_or_unfinished_says_so(void **state) {
    (void)state;
    struct world w;
    open_patched(&w, FORGE_TRIAGE_X64, "ValidOffset", 0x2000);
    assert_false(triage(&w)->valid_mark);
    expect_note(&w, "not finished");
    close_world(&w);
    open_patched(&w, FORGE_TRIAGE_X64, "SizeOfDump", 0x10000000);
    expect_note(&w, "cut off");
    close_world(&w);
}

static void the_broken_driver_is_named(void **state) {
    (void)state;
    struct world w;
    open_kind(&w, FORGE_TRIAGE_X64_OLD);
    assert_string_equal(sc_triage_broken_driver(source(&w)), "baddrv.sys");
    close_world(&w);
    open_patched(&w, FORGE_TRIAGE_X64_OLD, "BrokenDriverOffset", 0xfffffffe);
    assert_null(sc_triage_broken_driver(source(&w)));
    assert_true(source(&w)->nnotes > 0);
    close_world(&w);
}

static void a_debugger_data_block_without_its_mark_is_ignored(void **state) {
    (void)state;
    struct world w;
    forge_scene_init(&w.s, FORGE_TRIAGE_X64);
    open_world(&w);
    uint32_t at = w.s.map.kdbg;
    close_world(&w);
    forge_scene_init(&w.s, FORGE_TRIAGE_X64);
    w.s.patch[0] = (struct forge_patch){.offset = at + 0x10, .width = 4, .value = 0};
    w.s.t.npatches = 1;
    open_world(&w);
    expect_note(&w, "KDBG");
    /* The kernel is still found: its list head lies in it. */
    assert_int_equal(modules(&w)->count, FORGE_DRIVERS);
    assert_true(sc_target_machine(w.target)->kernel_base == w.s.va.kernel);
    assert_string_equal(sc_target_module_at(w.target, w.s.va.kernel)->name, "nt");
    close_world(&w);
}

static void members_behind_the_debugger_datas_size_do_not_exist(void **state) {
    (void)state;
    struct world w;
    forge_scene_init(&w.s, FORGE_TRIAGE_X64);
    open_world(&w);
    uint32_t at = w.s.map.kdbg;
    close_world(&w);
    forge_scene_init(&w.s, FORGE_TRIAGE_X64);
    w.s.patch[0] = (struct forge_patch){.offset = at + 0x14, .width = 4, .value = 0x200};
    w.s.t.npatches = 1;
    open_world(&w);
    assert_null(sc_target_machine(w.target)->lab); /* NtBuildLab lies at +0x208 */
    assert_true(sc_target_machine(w.target)->kernel_base == w.s.va.kernel);
    close_world(&w);
}

/* Opening SIZE bytes of FILE must fail with CODE and say PART. */
static void refuses(const struct forge_bytes *file, size_t size, enum sc_err_code code,
                    const char *part) {
    sc_target *target = NULL;
    sc_err *err = sc_target_open_memory("bad.dmp", file->data, size, NULL, &target);
    assert_non_null(err);
    assert_null(target);
    if (sc_err_code(err) != code || !strstr(sc_err_text(err), part))
        fail_msg("code %d: %s", (int)sc_err_code(err), sc_err_text(err));
    sc_err_destroy(err);
}

static void files_too_short_for_their_headers_are_refused(void **state) {
    (void)state;
    struct forge_bytes file;
    assert_true(forge_scene_build(FORGE_TRIAGE_X64, &file));
    refuses(&file, 0, SC_ERR_FORMAT, "empty");
    refuses(&file, 8, SC_ERR_FORMAT, "cut off");
    refuses(&file, 0xf90, SC_ERR_FORMAT, "cut off");
    refuses(&file, 0x1800, SC_ERR_FORMAT, "bad.dmp: offset 0x");
    refuses(&file, 0x2000, SC_ERR_FORMAT, "triage header");
    refuses(&file, 0x207f, SC_ERR_FORMAT, "triage header");
    sc_target *target = NULL;
    assert_null(sc_target_open_memory("short", file.data, 0x2080, NULL, &target));
    assert_int_equal(sc_target_machine(target)->bugcheck, 0x1000007e);
    sc_target_close(target);
    forge_bytes_free(&file);
    assert_true(forge_scene_build(FORGE_TRIAGE_X86, &file));
    refuses(&file, 0x1000, SC_ERR_FORMAT, "triage header");
    forge_bytes_free(&file);
}

static void other_kinds_and_machines_are_refused_by_name(void **state) {
    (void)state;
    struct world w;
    const struct {
        const char *field;
        uint32_t value;
        enum sc_err_code code;
        const char *part;
    } rows[] = {
        {"DumpType", 99, SC_ERR_FORMAT, "DumpType is unknown"},
        {"MachineImageType", 0x1234, SC_ERR_FORMAT, "MachineImageType 0x1234"},
        {"ValidDump", 0, SC_ERR_FORMAT, "not a dump"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        forge_scene_init(&w.s, FORGE_TRIAGE_X64);
        w.s.patch[0] = (struct forge_patch){.name = rows[i].field, .value = rows[i].value};
        w.s.t.npatches = 1;
        assert_true(forge_triage_build(&w.s.t, &w.file));
        refuses(&w.file, w.file.size, rows[i].code, rows[i].part);
        forge_bytes_free(&w.file);
    }
}

static void notes_are_bounded(void **state) {
    (void)state;
    struct world w;
    struct forge_driver many[300];
    forge_scene_init(&w.s, FORGE_TRIAGE_X64);
    for (size_t i = 0; i < 300; i++)
        many[i] = (struct forge_driver){.path = "x.sys", .base = 0, .size = 1};
    w.s.t.driver = many;
    w.s.t.ndrivers = 300;
    open_world(&w);
    assert_int_equal(modules(&w)->count, 0);
    assert_int_equal(source(&w)->nnotes, SC_NOTES_MAX);
    assert_int_equal(source(&w)->notes_dropped, 300 - SC_NOTES_MAX);
    close_world(&w);
}

static void a_driver_without_a_name_is_called_something(void **state) {
    (void)state;
    static const struct {
        const char *path, *name;
    } rows[] = {
        {"", "Unknown_Module_fffff80020000000"}, {"\\", "unnamed"}, {"\\SystemRoot\\x\\", "x"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct world w;
        forge_scene_init(&w.s, FORGE_TRIAGE_X64);
        w.s.driver[2].path = rows[i].path;
        open_world(&w);
        assert_string_equal(sc_target_module_at(w.target, w.s.va.bad)->name, rows[i].name);
        assert_true(sc_target_module_at(w.target, w.s.va.bad)->image[0]);
        close_world(&w);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_driver_without_a_name_is_called_something),
        cmocka_unit_test(forged_dumps_open_without_a_note),
        cmocka_unit_test(header_fields_of_both_widths_are_read),
        cmocka_unit_test(triage_fields_of_both_widths_are_read),
        cmocka_unit_test(the_machine_is_described),
        cmocka_unit_test(fields_left_as_filler_are_unknown),
        cmocka_unit_test(a_checked_build_is_recognised),
        cmocka_unit_test(the_service_pack_is_named),
        cmocka_unit_test(drivers_have_base_size_stamp_and_names),
        cmocka_unit_test(a_wrong_string_length_does_not_lose_the_name),
        cmocka_unit_test(a_name_outside_the_file_leaves_the_module_with_a_note),
        cmocka_unit_test(names_beyond_the_bmp_and_lone_surrogates_survive),
        cmocka_unit_test(two_drivers_of_one_name_stay_apart),
        cmocka_unit_test(a_driver_without_base_or_size_is_dropped_with_a_note),
        cmocka_unit_test(a_driver_count_beyond_the_file_is_cut_with_a_note),
        cmocka_unit_test(a_driver_list_outside_the_file_is_empty_with_a_note),
        cmocka_unit_test(unloaded_drivers_keep_their_order_and_names),
        cmocka_unit_test(an_unloaded_count_that_lies_is_cut_with_a_note),
        cmocka_unit_test(an_unloaded_driver_that_ends_before_it_begins_is_dropped),
        cmocka_unit_test(an_overflowed_dump_says_so),
        cmocka_unit_test(a_dump_cut_off_or_unfinished_says_so),
        cmocka_unit_test(the_broken_driver_is_named),
        cmocka_unit_test(a_debugger_data_block_without_its_mark_is_ignored),
        cmocka_unit_test(members_behind_the_debugger_datas_size_do_not_exist),
        cmocka_unit_test(files_too_short_for_their_headers_are_refused),
        cmocka_unit_test(other_kinds_and_machines_are_refused_by_name),
        cmocka_unit_test(notes_are_bounded),
    };
    return cmocka_run_group_tests_name("kdump", tests, NULL, NULL);
}
