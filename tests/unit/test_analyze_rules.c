/* SPDX-License-Identifier: MIT */
/* The rules on kernel dumps that exist nowhere: where each fires, and its twin where it must not.
 */
#include "unit/analyze_fixture.h"

#include "forge/scene.h"

/* --- faulting-address ------------------------------------------------------------------------- */

static void a_fault_in_a_driver_is_strong(void **state) {
    (void)state;
    struct acase c;
    case_kernel(&c, 0xd1, POOL, 2, 0, BAD + 0x123);
    case_run(&c);
    const struct sc_finding *f = &c.a->findings[0];
    assert_string_equal(f->rule, "faulting-address");
    assert_int_equal(f->confidence, SC_STRONG);
    assert_string_equal(f->module->name, "baddrv");
    assert_string_equal(f->symbol, "baddrv+0x123");
    assert_string_equal(c.a->bucket, "AV_baddrv+123");
    assert_int_equal(shown_by(f, "lm a fffff80001000123")->address, BAD + 0x123);
    assert_non_null(shown_by(f, ".bugcheck"));
    case_end(&c);
}

static void a_fault_in_a_framework_is_possible_and_says_why(void **state) {
    (void)state;
    struct acase c;
    case_kernel(&c, 0xd1, POOL, 2, 0, WDF + 0x123);
    case_run(&c);
    const struct sc_finding *f = found(c.a, "faulting-address");
    assert_non_null(f);
    assert_int_equal(f->confidence, SC_POSSIBLE);
    assert_true(speaks_against(f));
    case_end(&c);
}

static void a_fault_in_the_kernel_blames_nobody(void **state) {
    (void)state;
    struct acase c;
    case_kernel(&c, 0x0a, 0x18, 2, 0, NT + 0x4567);
    case_run(&c);
    assert_null(found(c.a, "faulting-address"));
    const struct sc_finding *f = &c.a->findings[0];
    assert_string_equal(f->rule, "kernel-only");
    assert_null(f->module);
    assert_int_equal(f->confidence, SC_POSSIBLE);
    assert_true(f->nnext > 0);
    assert_true(claims(f, "a null pointer plus 0x18"));
    assert_string_equal(c.a->bucket, "AV_nt+4567");
    case_end(&c);
}

static void a_context_in_another_module_weakens_the_finding(void **state) {
    (void)state;
    struct acase c;
    case_kernel(&c, 0x3b, 0xc0000005, BAD + 0x10, DATA, 0);
    case_context(c.bytes, AMD + 0x20);
    case_run(&c);
    const struct sc_finding *f = found(c.a, "faulting-address");
    assert_string_equal(f->module->name, "baddrv");
    assert_int_equal(f->confidence, SC_LIKELY);
    assert_true(shown_by(f, ".cxr ffffa00000001000")->against);
    case_end(&c);
}

static void an_agreeing_context_is_evidence(void **state) {
    (void)state;
    struct acase c;
    case_kernel(&c, 0x3b, 0xc0000005, BAD + 0x10, DATA, 0);
    case_context(c.bytes, BAD + 0x10);
    case_run(&c);
    const struct sc_finding *f = found(c.a, "faulting-address");
    assert_int_equal(f->confidence, SC_STRONG);
    assert_false(shown_by(f, ".cxr ffffa00000001000")->against);
    assert_string_equal(c.a->regs_command, ".cxr 0xffffa00000001000");
    case_end(&c);
}

static void a_headers_context_counts_only_on_the_instruction(void **state) {
    (void)state;
    struct acase c;
    case_kernel(&c, 0xd1, POOL, 2, 0, BAD + 0x123);
    case_regs(&c, NT + 0x999); /* the call that stopped the system */
    case_run(&c);
    assert_null(shown_by(found(c.a, "faulting-address"), ".ecxr"));
    assert_int_equal(found(c.a, "faulting-address")->confidence, SC_STRONG);
    case_end(&c);
    case_kernel(&c, 0xd1, POOL, 2, 0, BAD + 0x123);
    case_regs(&c, BAD + 0x123);
    case_run(&c);
    assert_non_null(shown_by(found(c.a, "faulting-address"), ".ecxr"));
    case_end(&c);
}

static void an_in_page_error_is_not_the_drivers_doing(void **state) {
    (void)state;
    struct acase c;
    case_kernel(&c, 0x7e, 0xc0000006, BAD + 0x10, 0, 0);
    case_run(&c);
    const struct sc_finding *f = found(c.a, "faulting-address");
    assert_int_equal(f->confidence, SC_POSSIBLE);
    assert_true(speaks_against(f));
    case_end(&c);
}

static void a_failed_safety_check_is_only_likely(void **state) {
    (void)state;
    struct acase c;
    case_kernel(&c, 0x139, 3, 0, DATA + 0x200, 0);
    c.machine.bugcheck_arg[2] = case_exception(&c, 0x200, 0xc0000409, BAD + 0x99, 3, 0);
    case_run(&c);
    const struct sc_finding *f = found(c.a, "faulting-address");
    assert_int_equal(f->confidence, SC_LIKELY);
    assert_string_equal(c.a->bucket, "FAIL_FAST_3_baddrv+99");
    case_end(&c);
}

static void the_breakpoint_of_the_stop_itself_is_no_fault(void **state) {
    (void)state;
    struct acase c;
    case_kernel(&c, 0x133, 0, 0x500, 0x500, 0);
    c.machine.has_exception = true;
    c.machine.exception = (struct sc_exception){.code = 0x80000003, .address = NT + 0x5000};
    case_run(&c);
    assert_false(c.a->has_exception);
    assert_null(found(c.a, "kernel-only"));
    case_end(&c);
    /* a report of a machine that runs on is taken by a driver of Windows */
    case_kernel(&c, 0x117, DATA, BAD + 0x40, 0, 0);
    c.machine.has_exception = true;
    c.machine.exception = (struct sc_exception){.code = 0x80000003, .address = WDF + 0x5000};
    case_run(&c);
    assert_false(c.a->has_exception);
    assert_null(found(c.a, "faulting-address"));
    case_end(&c);
    /* its twin: the stop is about that very breakpoint */
    case_kernel(&c, 0x7e, 0xffffffff80000003, BAD + 0x40, 0, 0);
    c.machine.has_exception = true;
    c.machine.exception = (struct sc_exception){.code = 0x80000003, .address = BAD + 0x40};
    case_run(&c);
    assert_true(c.a->has_exception);
    assert_non_null(found(c.a, "faulting-address"));
    case_end(&c);
}

/* --- parameter-module ------------------------------------------------------------------------- */

static void a_culprit_routine_is_strong(void **state) {
    (void)state;
    struct acase c;
    case_kernel(&c, 0xc4, 0xda, AMD, BAD + 0x40, 0);
    c.machine.bugcheck_arg[1] = 0; /* the image is not given, the callback is */
    case_run(&c);
    const struct sc_finding *f = found(c.a, "parameter-module");
    assert_string_equal(f->module->name, "baddrv");
    assert_int_equal(f->confidence, SC_STRONG);
    assert_string_equal(c.a->bucket, "0xC4_da_baddrv+40");
    case_end(&c);
}

static void an_image_base_names_the_driver_for_certain(void **state) {
    (void)state;
    struct acase c;
    case_kernel(&c, 0xc4, 0xda, BAD, BAD + 0x40, 0);
    case_run(&c);
    const struct sc_finding *f = &c.a->findings[0];
    assert_string_equal(f->rule, "parameter-module");
    assert_int_equal(f->confidence, SC_CERTAIN);
    assert_non_null(shown_by(f, "lm a fffff80001000000"));
    assert_int_equal(c.a->nfindings, 1); /* the second parameter leads to the same driver */
    case_end(&c);
}

static void an_address_merely_inside_an_image_is_not_certain(void **state) {
    (void)state;
    struct acase c;
    case_kernel(&c, 0xc4, 0xda, BAD + 8, 0, 0);
    case_run(&c);
    assert_true(found(c.a, "parameter-module")->confidence < SC_CERTAIN);
    case_end(&c);
}

static void a_drivers_name_is_certain_while_a_list_has_it(void **state) {
    (void)state;
    static const char name[] = "\\Driver\\missing.sys";
    for (int listed = 0; listed < 2; listed++) {
        struct acase c;
        case_kernel(&c, 0xea, 0, 0, DATA, 0);
        for (size_t i = 0; i < sizeof name; i++)
            c.bytes[2 * i] = (uint8_t)name[i];
        case_gone(&c, GONE, listed ? "missing.sys" : "other.sys");
        case_run(&c);
        const struct sc_finding *f = found(c.a, "parameter-module");
        assert_int_equal(f->confidence, listed ? SC_CERTAIN : SC_STRONG);
        assert_null(f->module);
        assert_string_equal(f->symbol, "missing.sys");
        assert_string_equal(c.a->bucket, "0xEA_IMAGE_missing.sys");
        assert_true(speaks_against(f)); /* it is not loaded */
        case_end(&c);
    }
}

static void a_stuck_request_leads_to_the_driver_that_has_it(void **state) {
    (void)state;
    struct acase c;
    case_kernel(&c, 0x9f, 3, 0, 0, DATA + 0x200);
    put(c.bytes, 3, 2); /* DEVICE_OBJECT */
    put(c.bytes + 8, DATA + 0x100, 8);
    put(c.bytes + 0x100, 4, 2); /* DRIVER_OBJECT */
    put(c.bytes + 0x100 + 0x18, BAD, 8);
    put(c.bytes + 0x200, 6, 2);                   /* IRP.Type */
    put(c.bytes + 0x200 + 0xb8, DATA + 0x300, 8); /* .CurrentStackLocation */
    put(c.bytes + 0x300 + 0x28, DATA, 8);         /* IO_STACK_LOCATION.DeviceObject */
    case_run(&c);
    const struct sc_finding *f = found(c.a, "parameter-module");
    assert_string_equal(f->module->name, "baddrv");
    assert_int_equal(f->confidence, SC_LIKELY);
    assert_int_equal(shown_by(f, "? poi(poi(ffffa00000001200+b8)+28)")->address, DATA);
    assert_string_equal(c.a->bucket, "0x9F_3_IMAGE_baddrv.sys");
    case_end(&c);
    case_kernel(&c, 0x9f, 3, 0, 0, DATA + 0x200); /* a request that is none */
    put(c.bytes + 0x200, 5, 2);
    put(c.bytes + 0x200 + 0xb8, DATA + 0x300, 8);
    case_run(&c);
    assert_null(found(c.a, "parameter-module"));
    case_end(&c);
}

static void any_parameter_inside_a_driver_is_a_possibility(void **state) {
    (void)state;
    struct acase c;
    case_kernel(&c, 0xc2, 0x99, BAD + 0x100, 0, 0); /* a static variable was "freed" */
    case_run(&c);
    const struct sc_finding *f = &c.a->findings[0];
    assert_string_equal(f->rule, "parameter-module");
    assert_int_equal(f->confidence, SC_POSSIBLE);
    assert_string_equal(f->module->name, "baddrv");
    assert_string_equal(c.a->bucket, "0xC2_99"); /* too weak for a name */
    case_end(&c);
}

static void a_jump_into_a_drivers_data_is_likely(void **state) {
    (void)state;
    struct acase c;
    case_kernel(&c, 0xfc, BAD + 0x5000, 0x8000000012345963, 0, 2);
    case_run(&c);
    const struct sc_finding *f = found(c.a, "parameter-module");
    assert_int_equal(f->confidence, SC_LIKELY);
    assert_string_equal(c.a->bucket, "AV_baddrv+5000");
    case_end(&c);
    case_kernel(&c, 0xfc, GONE + 0x50, 0x8000000012345963, 0, 2);
    case_gone(&c, GONE, "gone.sys");
    case_run(&c);
    assert_int_equal(found(c.a, "unloaded-driver")->confidence, SC_STRONG); /* code was to run */
    case_end(&c);
}

static void a_device_object_leads_to_its_driver(void **state) {
    (void)state;
    struct acase c;
    case_kernel(&c, 0x9f, 1, DATA, 0, 0);
    put(c.bytes, 3, 2);                  /* DEVICE_OBJECT.Type */
    put(c.bytes + 8, DATA + 0x100, 8);   /* .DriverObject */
    put(c.bytes + 0x100, 4, 2);          /* DRIVER_OBJECT.Type */
    put(c.bytes + 0x100 + 0x18, BAD, 8); /* .DriverStart */
    case_run(&c);
    const struct sc_finding *f = found(c.a, "parameter-module");
    assert_string_equal(f->module->name, "baddrv");
    assert_int_equal(f->confidence, SC_LIKELY);
    assert_non_null(shown_by(f, "? poi(ffffa00000001100+18)"));
    assert_string_equal(c.a->bucket, "0x9F_1_IMAGE_baddrv.sys");
    case_end(&c);
}

static void something_that_is_no_device_object_is_not_followed(void **state) {
    (void)state;
    struct acase c;
    case_kernel(&c, 0x9f, 1, DATA, 0, 0);
    put(c.bytes, 5, 2); /* a file object */
    put(c.bytes + 8, DATA + 0x100, 8);
    put(c.bytes + 0x100, 4, 2);
    put(c.bytes + 0x100 + 0x18, BAD, 8);
    case_run(&c);
    assert_null(found(c.a, "parameter-module"));
    case_end(&c);
}

static void a_parameter_in_the_kernel_blames_nobody(void **state) {
    (void)state;
    struct acase c;
    case_kernel(&c, 0xc4, 0xda, NT, NT + 0x40, 0);
    case_run(&c);
    assert_null(found(c.a, "parameter-module"));
    case_end(&c);
}

/* --- unloaded-driver -------------------------------------------------------------------------- */

static void the_bug_check_for_unloaded_drivers_is_certain(void **state) {
    (void)state;
    struct acase c;
    case_kernel(&c, 0xce, GONE + 0x55, 8, GONE + 0x55, 0);
    case_gone(&c, GONE, "gone.sys");
    case_run(&c);
    const struct sc_finding *f = &c.a->findings[0];
    assert_string_equal(f->rule, "unloaded-driver");
    assert_int_equal(f->confidence, SC_CERTAIN);
    assert_string_equal(f->symbol, "<Unloaded_gone.sys>+0x55");
    assert_string_equal(c.a->arg[0].where, "<Unloaded_gone.sys>+0x55");
    assert_string_equal(c.a->bucket, "AV_unloaded_gone.sys+55");
    assert_non_null(shown_by(f, "lm"));
    case_end(&c);
}

static void data_of_an_unloaded_driver_that_the_kernel_touches_is_strong(void **state) {
    (void)state;
    struct acase c;
    case_kernel(&c, 0xce, GONE + 0x55, 0, NT + 0x10, 0);
    case_gone(&c, GONE, "gone.sys");
    case_run(&c);
    assert_int_equal(found(c.a, "unloaded-driver")->confidence, SC_STRONG);
    case_end(&c);
}

static void data_of_an_unloaded_driver_that_another_one_touches_is_strong(void **state) {
    (void)state;
    struct acase c;
    case_kernel(&c, 0xce, GONE + 0x55, 0, BAD + 0x10, 0);
    case_gone(&c, GONE, "gone.sys");
    case_run(&c);
    assert_string_equal(c.a->findings[0].rule, "unloaded-driver");
    assert_int_equal(c.a->findings[0].confidence, SC_STRONG);
    /* who only found it is a possibility */
    assert_int_equal(found(c.a, "faulting-address")->confidence, SC_POSSIBLE);
    case_end(&c);
}

static void a_jump_into_an_unloaded_driver_is_strong(void **state) {
    (void)state;
    struct acase c;
    case_kernel(&c, 0xd1, GONE + 0x55, 2, 8, GONE + 0x55);
    case_gone(&c, GONE, "gone.sys");
    case_run(&c);
    assert_int_equal(found(c.a, "unloaded-driver")->confidence, SC_STRONG);
    case_end(&c);
}

static void data_in_an_unloaded_driver_is_likely(void **state) {
    (void)state;
    struct acase c;
    case_kernel(&c, 0x0a, GONE + 0x55, 2, 0, NT + 0x10);
    case_gone(&c, GONE, "gone.sys");
    case_run(&c);
    assert_int_equal(found(c.a, "unloaded-driver")->confidence, SC_LIKELY);
    case_end(&c);
}

static void two_drivers_in_one_place_make_it_less_sure(void **state) {
    (void)state;
    struct acase c;
    case_kernel(&c, 0xce, GONE + 0x55, 8, GONE + 0x55, 0);
    case_gone(&c, GONE, "second.sys");
    case_gone(&c, GONE, "first.sys");
    case_run(&c);
    const struct sc_finding *f = found(c.a, "unloaded-driver");
    assert_int_equal(f->confidence, SC_LIKELY);
    assert_true(speaks_against(f));
    case_end(&c);
}

static void one_driver_loaded_twice_there_is_still_certain(void **state) {
    (void)state;
    struct acase c;
    case_kernel(&c, 0xce, GONE + 0x55, 8, GONE + 0x55, 0);
    case_gone(&c, GONE, "gone.sys");
    case_gone(&c, GONE, "GONE.SYS");
    case_run(&c);
    assert_int_equal(found(c.a, "unloaded-driver")->confidence, SC_CERTAIN);
    case_end(&c);
}

static void a_place_that_a_loaded_image_took_does_not_count(void **state) {
    (void)state;
    struct acase c;
    case_kernel(&c, 0xce, BAD + 0x55, 0, NT + 0x10, 0);
    case_gone(&c, BAD, "gone.sys");
    case_run(&c);
    assert_null(found(c.a, "unloaded-driver"));
    case_end(&c);
}

/* --- live-or-manual --------------------------------------------------------------------------- */

static void a_stop_on_request_blames_nobody(void **state) {
    (void)state;
    static const uint32_t codes[] = {0xe2, 0x161, 0x1c8, 0xdeaddead};
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        struct acase c;
        case_kernel(&c, codes[i], 0, 0, 0, 0);
        case_run(&c);
        const struct sc_finding *f = &c.a->findings[0];
        assert_string_equal(f->rule, "live-or-manual");
        assert_int_equal(f->confidence, SC_CERTAIN);
        assert_null(f->module);
        assert_non_null(shown_by(f, ".bugcheck"));
        assert_int_equal(c.a->nfindings, 1);
        case_end(&c);
    }
}

static void other_stops_are_not_taken_for_requests(void **state) {
    (void)state;
    static const uint32_t codes[] = {0x1a, 0xe3, 0x1c7, 0x133, 0x1a1, 0x80};
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        struct acase c;
        case_kernel(&c, codes[i], 0, 0, 0, 0);
        case_run(&c);
        assert_null(found(c.a, "live-or-manual"));
        case_end(&c);
    }
}

/* --- nothing-known ---------------------------------------------------------------------------- */

static void when_nothing_is_known_it_says_what_was_looked_at(void **state) {
    (void)state;
    struct acase c;
    case_kernel(&c, 0x9f, 3, POOL, POOL + 0x100, POOL + 0x200);
    case_run(&c);
    const struct sc_finding *f = &c.a->findings[0];
    assert_string_equal(f->rule, "nothing-known");
    assert_int_equal(f->confidence, SC_POSSIBLE);
    assert_null(f->module);
    assert_non_null(shown_by(f, ".bugcheck"));
    assert_non_null(shown_by(f, "lm"));
    assert_string_equal(c.a->bucket, "0x9F_3");
    bool irp = false;
    for (size_t i = 0; i < f->nnext; i++)
        irp |= strncmp(f->next[i], "!irp ffffa00000777200", 21) == 0;
    assert_true(irp);
    case_end(&c);
}

static void nothing_known_is_silent_when_something_is(void **state) {
    (void)state;
    struct acase c;
    case_kernel(&c, 0xd1, POOL, 2, 0, BAD + 0x123);
    case_run(&c);
    assert_null(found(c.a, "nothing-known"));
    assert_null(found(c.a, "kernel-only"));
    case_end(&c);
}

static void a_jump_into_nowhere_has_a_bucket_of_its_own(void **state) {
    (void)state;
    struct acase c;
    case_kernel(&c, 0xd1, POOL, 2, 8, POOL);
    case_run(&c);
    const struct sc_finding *f = &c.a->findings[0];
    assert_string_equal(f->rule, "nothing-known");
    assert_true(claims(f, "lies in no module"));
    assert_string_equal(c.a->bucket, "AV_unknown_ip");
    case_end(&c);
}

/* --- ranking, buckets ------------------------------------------------------------------------- */

static void findings_are_ranked_and_all_kept(void **state) {
    (void)state;
    struct acase c;
    /* Data in an unloaded driver (likely), touched by a driver (possible: it found what was left).
     */
    case_kernel(&c, 0xd1, GONE + 0x10, 2, 0, BAD + 0x123);
    case_gone(&c, GONE, "gone.sys");
    case_run(&c);
    assert_int_equal(c.a->nfindings, 2);
    assert_string_equal(c.a->findings[0].rule, "unloaded-driver");
    assert_string_equal(c.a->findings[1].rule, "faulting-address");
    case_end(&c);
}

static void the_bucket_does_not_depend_on_load_addresses(void **state) {
    (void)state;
    char first[200];
    for (int i = 0; i < 2; i++) {
        struct acase c;
        uint64_t slide = (uint64_t)i * 0x30000000;
        case_kernel(&c, 0xd1, POOL + slide, 2, 0, BAD + slide + 0x123);
        c.module[1].base += slide;
        case_run(&c);
        if (i == 0)
            snprintf(first, sizeof first, "%s", c.a->bucket);
        else
            assert_string_equal(c.a->bucket, first);
        case_end(&c);
    }
}

static void a_hostile_module_name_stays_out_of_commands_and_buckets(void **state) {
    (void)state;
    struct acase c;
    case_kernel(&c, 0xd1, POOL, 2, 0, BAD + 0x123);
    c.module[1].name = "x;.shell rm\n*";
    c.module[1].image = "x;.shell rm\n*.sys";
    case_run(&c);
    const struct sc_finding *f = found(c.a, "faulting-address");
    for (size_t i = 0; i < f->nevidence; i++)
        assert_null(strpbrk(f->evidence[i].command, ";\n*"));
    for (size_t i = 0; i < f->nnext; i++)
        assert_null(strstr(f->next[i], "lmvm x"));
    assert_null(strpbrk(c.a->bucket, ";\n* "));
    case_end(&c);
}

static void a_very_long_module_name_is_cut(void **state) {
    (void)state;
    struct acase c;
    char name[5000];
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = 0;
    case_kernel(&c, 0xd1, POOL, 2, 0, BAD + 0x123);
    c.module[1].name = c.module[1].image = name;
    case_run(&c);
    assert_true(strlen(c.a->bucket) <= 160);
    assert_true(strlen(c.a->findings[0].summary) < 600);
    case_end(&c);
}

/* --- broken-driver: triage dumps only, so a forged one ------------------------------------------
 */

static struct sc_analysis *analyse_scene(struct forge_scene *s, struct forge_bytes *file,
                                         sc_target **ret_target) {
    struct sc_analysis *a;
    assert_true(forge_triage_build(&s->t, file));
    assert_null(sc_target_open_memory("forged.dmp", file->data, file->size, NULL, ret_target));
    assert_null(sc_analyze(*ret_target, &a));
    return a;
}

static void the_broken_driver_field_is_strong(void **state) {
    (void)state;
    struct forge_scene s;
    struct forge_bytes file;
    sc_target *target;
    forge_scene_init(&s, FORGE_TRIAGE_X64);
    s.t.bugcheck = 0x133;
    memset(s.t.arg, 0, sizeof s.t.arg);
    s.t.broken_driver = "\\SystemRoot\\System32\\drivers\\disk.sys";
    struct sc_analysis *a = analyse_scene(&s, &file, &target);
    const struct sc_finding *f = found(a, "broken-driver");
    assert_non_null(f);
    assert_int_equal(f->confidence, SC_STRONG);
    assert_string_equal(f->module->image, "disk.sys");
    assert_non_null(shown_by(f, ".dumpdebug"));
    sc_analysis_destroy(a);
    sc_target_close(target);
    forge_bytes_free(&file);
}

static void the_kernel_as_broken_driver_blames_nobody(void **state) {
    (void)state;
    struct forge_scene s;
    struct forge_bytes file;
    sc_target *target;
    forge_scene_init(&s, FORGE_TRIAGE_X64);
    s.t.broken_driver = "ntoskrnl.exe";
    struct sc_analysis *a = analyse_scene(&s, &file, &target);
    assert_null(found(a, "broken-driver"));
    sc_analysis_destroy(a);
    sc_target_close(target);
    forge_bytes_free(&file);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_fault_in_a_driver_is_strong),
        cmocka_unit_test(a_fault_in_a_framework_is_possible_and_says_why),
        cmocka_unit_test(a_fault_in_the_kernel_blames_nobody),
        cmocka_unit_test(a_context_in_another_module_weakens_the_finding),
        cmocka_unit_test(an_agreeing_context_is_evidence),
        cmocka_unit_test(a_headers_context_counts_only_on_the_instruction),
        cmocka_unit_test(an_in_page_error_is_not_the_drivers_doing),
        cmocka_unit_test(a_failed_safety_check_is_only_likely),
        cmocka_unit_test(the_breakpoint_of_the_stop_itself_is_no_fault),
        cmocka_unit_test(a_culprit_routine_is_strong),
        cmocka_unit_test(an_image_base_names_the_driver_for_certain),
        cmocka_unit_test(an_address_merely_inside_an_image_is_not_certain),
        cmocka_unit_test(a_drivers_name_is_certain_while_a_list_has_it),
        cmocka_unit_test(a_stuck_request_leads_to_the_driver_that_has_it),
        cmocka_unit_test(any_parameter_inside_a_driver_is_a_possibility),
        cmocka_unit_test(a_jump_into_a_drivers_data_is_likely),
        cmocka_unit_test(a_device_object_leads_to_its_driver),
        cmocka_unit_test(something_that_is_no_device_object_is_not_followed),
        cmocka_unit_test(a_parameter_in_the_kernel_blames_nobody),
        cmocka_unit_test(the_bug_check_for_unloaded_drivers_is_certain),
        cmocka_unit_test(data_of_an_unloaded_driver_that_the_kernel_touches_is_strong),
        cmocka_unit_test(data_of_an_unloaded_driver_that_another_one_touches_is_strong),
        cmocka_unit_test(a_jump_into_an_unloaded_driver_is_strong),
        cmocka_unit_test(data_in_an_unloaded_driver_is_likely),
        cmocka_unit_test(two_drivers_in_one_place_make_it_less_sure),
        cmocka_unit_test(one_driver_loaded_twice_there_is_still_certain),
        cmocka_unit_test(a_place_that_a_loaded_image_took_does_not_count),
        cmocka_unit_test(a_stop_on_request_blames_nobody),
        cmocka_unit_test(other_stops_are_not_taken_for_requests),
        cmocka_unit_test(when_nothing_is_known_it_says_what_was_looked_at),
        cmocka_unit_test(nothing_known_is_silent_when_something_is),
        cmocka_unit_test(a_jump_into_nowhere_has_a_bucket_of_its_own),
        cmocka_unit_test(findings_are_ranked_and_all_kept),
        cmocka_unit_test(the_bucket_does_not_depend_on_load_addresses),
        cmocka_unit_test(a_hostile_module_name_stays_out_of_commands_and_buckets),
        cmocka_unit_test(a_very_long_module_name_is_cut),
        cmocka_unit_test(the_broken_driver_field_is_strong),
        cmocka_unit_test(the_kernel_as_broken_driver_blames_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
