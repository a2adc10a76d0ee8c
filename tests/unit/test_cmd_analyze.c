/* SPDX-License-Identifier: MIT */
/* `!analyze`: its layout, its JSON, -show, and that every piece of evidence can be typed. */
#include "unit/analyze_fixture.h"

#include "cmd/analysis_record.h"
#include "cmd/command.h"
#include "unit/session_fixture.h"

static void text_has(struct fix *f, const char *part) {
    if (!strstr(fix_text(f), part))
        fail_msg("not printed: %s\n%s", part, fix_text(f));
}

static void before(struct fix *f, const char *first, const char *second) {
    const char *a = strstr(fix_text(f), first), *b = strstr(fix_text(f), second);
    assert_non_null(a);
    assert_non_null(b);
    assert_true(a < b);
}

static void open_on(struct fix *f, sc_target *target, enum sc_render render) {
    *f = (struct fix){0};
    f->target = target;
    assert_null(sc_out_create(render, sink_write, &f->sink, false, &f->out));
    assert_null(sc_session_create(f->target, f->out, &f->s));
}

static void the_long_form_has_windbgs_layout(void **state) {
    (void)state;
    struct fix f;
    fix_open(&f, FIX_KERNEL);
    assert_int_equal(fix_run(&f, "!analyze -v"), 0);
    text_has(&f,
             "*                        Bugcheck Analysis                                    *\n");
    text_has(&f, "\nSYSTEM_THREAD_EXCEPTION_NOT_HANDLED_M (1000007e)\n");
    text_has(&f, "\nArguments:\nArg1: ffffffffc0000005, Exception that was not handled  "
                 "[STATUS_ACCESS_VIOLATION: ");
    text_has(&f, "\nDebugging Details:\n------------------\n\nBUGCHECK_CODE:  1000007e\n\n"
                 "BUGCHECK_P1: ffffffffc0000005\n\n");
    text_has(&f, "\nEXCEPTION_CODE: (NTSTATUS) 0xc0000005 - STATUS_ACCESS_VIOLATION\n\n"
                 "EXCEPTION_CODE_STR:  c0000005\n");
    text_has(&f, "\nREAD_ADDRESS:  0000000000000010\n");
    text_has(&f, "\nMODULE_NAME: amdppm\n\nIMAGE_NAME:  amdppm.sys\n");
    text_has(&f, "\nFAILURE_BUCKET_ID:  AV_amdppm+334c\n");
    text_has(&f, "\nFollowup:     MachineOwner\n---------\n");
    fix_close(&f);
}

static void the_verdict_stands_first(void **state) {
    (void)state;
    struct fix f;
    fix_open(&f, FIX_KERNEL);
    assert_int_equal(fix_run(&f, "!analyze -v"), 0);
    before(&f, "VERDICT (likely): amdppm.sys (Microsoft, AMD processor power driver",
           "SYSTEM_THREAD_EXCEPTION_NOT_HANDLED_M (1000007e)");
    text_has(&f, "\n        lm a fffff8004560334c\n");
    text_has(&f, "What would settle it:\n");
    fix_close(&f);
}

static void lines_are_at_most_79_columns_before_the_details(void **state) {
    (void)state;
    struct fix f;
    fix_open(&f, FIX_KERNEL);
    assert_int_equal(fix_run(&f, "!analyze -v"), 0);
    const char *line = fix_text(&f), *end = strstr(line, "Arguments:");
    while (line < end) {
        size_t len = strcspn(line, "\n");
        if (len > 79)
            fail_msg("%zu columns: %.*s", len, (int)len, line);
        line += len + 1;
    }
    fix_close(&f);
}

static void empty_keys_are_not_printed(void **state) {
    (void)state;
    struct fix f;
    fix_open(&f, FIX_KERNEL);
    assert_int_equal(fix_run(&f, "!analyze -v"), 0);
    assert_null(strstr(fix_text(&f), "PROCESS_NAME"));
    assert_null(strstr(fix_text(&f), "IMAGE_VERSION"));
    assert_null(strstr(fix_text(&f), "(null)"));
    fix_close(&f);
}

static void the_short_form_names_the_cause(void **state) {
    (void)state;
    struct fix f;
    fix_open(&f, FIX_KERNEL);
    assert_int_equal(fix_run(&f, "!analyze"), 0);
    text_has(&f, "\nBugCheck 1000007E, {ffffffffc0000005, fffff8004560334c, ffff888877776000, "
                 "ffff888877775000}\n");
    text_has(&f, "\nProbably caused by : amdppm.sys ( amdppm+0x334c )  [likely]\n");
    assert_null(strstr(fix_text(&f), "Debugging Details"));
    fix_close(&f);
}

static void a_process_has_an_exception_analysis(void **state) {
    (void)state;
    static const enum fix_kind kinds[] = {FIX_USER, FIX_USER32, FIX_LINUX};
    for (size_t i = 0; i < 3; i++) {
        struct fix f;
        fix_open(&f, kinds[i]);
        assert_int_equal(fix_run(&f, "!analyze -v"), 0);
        text_has(&f, "*                        Exception Analysis                                "
                     "   *\n");
        text_has(&f, "VERDICT (");
        assert_null(strstr(fix_text(&f), "BUGCHECK_CODE"));
        fix_close(&f);
    }
}

static void enrichment_can_be_switched_off(void **state) {
    (void)state;
    struct fix f;
    fix_open(&f, FIX_KERNEL);
    sc_session_run(f.s, ".enrich off");
    assert_int_equal(fix_run(&f, "!analyze -v"), 0);
    text_has(&f, "Arg2: fffff8004560334c, Instruction that raised the exception\n");
    fix_close(&f);
}

static void a_code_is_explained_without_a_dump(void **state) {
    (void)state;
    struct fix f;
    fix_open(&f, FIX_NONE);
    assert_int_equal(fix_run(&f, "!analyze -show 9f 3"), 0);
    text_has(&f, "DRIVER_POWER_STATE_FAILURE (9f)\nA device driver held up a power request");
    text_has(&f, "Arg4: 0000000000000000, Blocked IRP\n");
    assert_int_equal(fix_run(&f, "!analyze -show 0x9f"), 0);
    text_has(&f, "Arg2: 0000000000000000, Depends on parameter 1\n");
    assert_int_equal(fix_run(&f, "!analyze -show 0xd1 0 2 1"), 0);
    text_has(&f, "[DISPATCH_LEVEL]");
    assert_int_equal(fix_run(&f, "!analyze -show 77777777"), 0);
    text_has(&f, "Unknown bugcheck code (77777777)\n");
    fix_close(&f);
}

static void wrong_use_is_told(void **state) {
    (void)state;
    struct fix f;
    fix_open(&f, FIX_NONE);
    fix_fails(&f, "!analyze -v", "!analyze needs a dump");
    fix_fails(&f, "!analyze -show", "needs a bug-check code");
    fix_fails(&f, "!analyze -show 123456789", "no bug-check code");
    fix_close(&f);
    fix_open(&f, FIX_KERNEL);
    fix_fails(&f, "!analyze 9f", "goes with -show");
    fix_close(&f);
}

static void another_bucket_is_told(void **state) {
    (void)state;
    struct fix f;
    fix_open(&f, FIX_KERNEL);
    assert_int_equal(fix_run(&f, "!analyze -D AV_other+1"), 0);
    text_has(&f, "This dump's bucket is AV_amdppm+334c, not AV_other+1.");
    assert_null(strstr(fix_text(&f), "VERDICT"));
    assert_int_equal(fix_run(&f, "!analyze -v -D AV_amdppm+334c"), 0);
    text_has(&f, "VERDICT");
    fix_close(&f);
}

static void json_is_one_record(void **state) {
    (void)state;
    struct fix f;
    fix_open_json(&f, FIX_KERNEL, SC_RENDER_JSON);
    assert_int_equal(fix_run(&f, "!analyze -v"), 0);
    text_has(&f, "\"records\":[{\"type\":\"analysis\",");
    text_has(&f, "\"bucket\":\"AV_amdppm+334c\",\"bugcheck\":\"0x1000007e\"");
    text_has(&f, "\"confidence\":\"likely\"");
    text_has(&f, "\"evidence\":[{\"claim\":");
    text_has(&f, "\"command\":\"lm a fffff8004560334c\"");
    assert_null(strstr(fix_text(&f) + 1, "{\"type\":\"exception\""));
    fix_close(&f);
}

static void one_line_tells_a_file_and_its_verdict(void **state) {
    (void)state;
    struct fix f;
    struct sc_analysis *a;
    struct sc_analysis_record rec;
    sc_arena *arena = sc_arena_create();
    fix_open(&f, FIX_KERNEL);
    assert_null(sc_analyze(f.target, &a));
    assert_null(sc_analysis_record_fill(a, f.target, arena, &rec));
    rec.file = "mini.dmp";
    sc_analysis_line(f.out, &rec, NULL);
    const char *text = fix_text(&f);
    assert_int_equal(strncmp(text, "mini.dmp: AV_amdppm+334c [likely] amdppm.sys (", 46), 0);
    assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
    sc_err *err = sc_errf(SC_ERR_FORMAT, "not a dump");
    sc_analysis_record_fail("x.dmp", err, &rec);
    sink_clear(&f.sink);
    sc_analysis_line(f.out, &rec, NULL);
    assert_string_equal(fix_text(&f), "x.dmp: error: not a dump\n");
    sc_err_destroy(err);
    sc_analysis_destroy(a);
    sc_arena_destroy(arena);
    fix_close(&f);
}

/* --- evidence can be typed ----------------------------------------------------------------------
 */

static void type_all_evidence(struct fix *f) {
    struct sc_analysis *a;
    assert_null(sc_analyze_with(f->target, sc_session_symtab(f->s), &a));
    for (size_t i = 0; i < a->nfindings; i++)
        for (size_t k = 0; k < a->findings[i].nevidence; k++) {
            const char *command = a->findings[i].evidence[k].command;
            if (fix_run(f, command) != 0 || !fix_text(f)[0])
                fail_msg("%s: evidence fails: %s", command, fix_text(f));
        }
    for (size_t i = 0; i < a->nfacts; i++)
        if (fix_run(f, a->facts[i].command) != 0 || !fix_text(f)[0])
            fail_msg("%s: a fact's command fails: %s", a->facts[i].command, fix_text(f));
    if (a->regs_command && fix_run(f, a->regs_command) != 0)
        fail_msg("%s fails: %s", a->regs_command, fix_text(f));
    sc_analysis_destroy(a);
}

static void evidence_of_fakes_can_be_typed(void **state) {
    (void)state;
    for (enum fix_kind kind = FIX_KERNEL; kind < FIX_KINDS; kind++) {
        struct fix f;
        fix_open(&f, kind);
        type_all_evidence(&f);
        fix_close(&f);
    }
}

static void evidence_about_unloaded_drivers_and_trap_frames_can_be_typed(void **state) {
    (void)state;
    struct acase c;
    struct fix f;
    case_kernel(&c, 0xce, GONE + 0x55, 0, BAD + 0x10, 0);
    case_gone(&c, GONE, "gone.sys");
    case_run(&c);
    sc_analysis_destroy(c.a);
    open_on(&f, c.target, SC_RENDER_TEXT);
    type_all_evidence(&f);
    assert_int_equal(fix_run(&f, "lm"), 0);
    text_has(&f, "gone.sys"); /* the claim about the list is shown by its command */
    assert_int_equal(fix_run(&f, "!analyze"), 0);
    text_has(&f, "Probably caused by : <Unloaded_gone.sys>+0x55 (");
    fix_close(&f);

    case_kernel(&c, 0x139, 3, DATA, 0, 0);
    put(c.bytes + 0x168, BAD + 0x77, 8);
    put(c.bytes + 0x170, 0x10, 2);
    put(c.bytes + 0x178, 0x10246, 4);
    case_run(&c);
    sc_analysis_destroy(c.a);
    open_on(&f, c.target, SC_RENDER_TEXT);
    type_all_evidence(&f);
    assert_int_equal(fix_run(&f, "!analyze -v"), 0);
    text_has(&f, "TRAP_FRAME:  ffffa00000001000 -- (.trap 0xffffa00000001000)\n"
                 "NOTE: The trap frame does not contain all registers.\n");
    text_has(&f, "STACK_TEXT:  \n00000000`00000000 ");
    text_has(&f, "STACK_COMMAND: .trap 0xffffa00000001000 ; kb\n");
    assert_int_equal(fix_run(&f, ".trap ffffa00000001000"), 0);
    text_has(&f, "rip=fffff80001000077");
    fix_close(&f);
}

/* --- real dumps
 * ----------------------------------------------------------------------------------- */

static void the_real_x64_dump_points_to_amdppm(void **state) {
    (void)state;
    struct fix f;
    struct sc_analysis *a;
    sc_target *target = open_corpus("kdump/triage_x64.dmp");
    assert_null(sc_analyze(target, &a));
    const struct sc_finding *first = &a->findings[0];
    assert_string_equal(first->rule, "faulting-address");
    assert_int_equal(first->confidence, SC_LIKELY);
    assert_string_equal(first->module->image, "amdppm.sys");
    const struct sc_evidence *e = shown_by(first, "lm a fffff8048b58334c");
    assert_non_null(e);
    assert_int_equal(e->address, 0xfffff8048b58334c);
    assert_non_null(shown_by(first, ".exr ffff850429891ee8"));
    assert_non_null(shown_by(first, ".cxr ffff850429891720"));
    assert_string_equal(a->process, "System");
    assert_string_equal(a->bucket, "AV_amdppm+334c");
    assert_int_equal(a->nnotes, 0);
    sc_analysis_destroy(a);
    open_on(&f, target, SC_RENDER_TEXT);
    type_all_evidence(&f);
    assert_int_equal(fix_run(&f, "!analyze -v"), 0);
    text_has(&f, "\nEXCEPTION_RECORD:  ffff850429891ee8 -- (.exr 0xffff850429891ee8)\n");
    text_has(&f, "\nCONTEXT:  ffff850429891720 -- (.cxr 0xffff850429891720)\nrax=");
    text_has(&f, "\nPROCESS_NAME:  System\n");
    fix_close(&f);
}

static void the_real_arm64_dump_blames_nobody(void **state) {
    (void)state;
    struct fix f;
    struct sc_analysis *a;
    sc_target *target = open_corpus("kdump/triage_arm64.dmp");
    assert_null(sc_analyze(target, &a));
    assert_int_equal(a->nfindings, 1);
    assert_string_equal(a->findings[0].rule, "live-or-manual");
    assert_int_equal(a->findings[0].confidence, SC_CERTAIN);
    assert_null(a->findings[0].module);
    assert_non_null(strstr(a->findings[0].summary, "power button"));
    assert_string_equal(a->process, "System");
    assert_string_equal(a->arg[0].meaning, "7000 in decimal");
    sc_analysis_destroy(a);
    open_on(&f, target, SC_RENDER_TEXT);
    type_all_evidence(&f);
    assert_int_equal(fix_run(&f, "!analyze"), 0);
    assert_null(strstr(fix_text(&f), "Probably caused by"));
    fix_close(&f);
}

static void real_minidumps_have_verdicts_with_evidence(void **state) {
    (void)state;
    static const struct {
        const char *file, *bucket;
    } dumps[] = {
        {"mdmp/google+breakpad/src/processor/testdata/null_read_av.dmp", "AV_crashme+a6cd"},
        {"mdmp/google+breakpad/src/processor/testdata/stack_exhaustion.dmp",
         "STACK_OVERFLOW_crashme+a6a7"},
        {"mdmp/google+breakpad/src/processor/testdata/tiny-exe-fastfail.dmp",
         "FAIL_FAST_7_tiny+1af42"},
        {"mdmp/google+breakpad/src/processor/testdata/exec_av_on_stack.dmp", "AV_unknown_ip"},
        {"mdmp/google+breakpad/src/processor/testdata/tiny-exe-with-cet-xsave.dmp",
         "NO_EXCEPTION_tiny.exe"},
        {"mdmp/google+breakpad/src/processor/testdata/linux_write_to_under_4k.dmp",
         "SIGSEGV_driver1+1e16"},
    };
    for (size_t i = 0; i < sizeof dumps / sizeof *dumps; i++) {
        struct fix f;
        struct sc_analysis *a;
        sc_target *target = open_corpus(dumps[i].file);
        assert_null(sc_analyze(target, &a));
        assert_string_equal(a->bucket, dumps[i].bucket);
        sc_analysis_destroy(a);
        open_on(&f, target, SC_RENDER_TEXT);
        type_all_evidence(&f);
        assert_int_equal(fix_run(&f, "!analyze -v"), 0);
        fix_close(&f);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_long_form_has_windbgs_layout),
        cmocka_unit_test(the_verdict_stands_first),
        cmocka_unit_test(lines_are_at_most_79_columns_before_the_details),
        cmocka_unit_test(empty_keys_are_not_printed),
        cmocka_unit_test(the_short_form_names_the_cause),
        cmocka_unit_test(a_process_has_an_exception_analysis),
        cmocka_unit_test(enrichment_can_be_switched_off),
        cmocka_unit_test(a_code_is_explained_without_a_dump),
        cmocka_unit_test(wrong_use_is_told),
        cmocka_unit_test(another_bucket_is_told),
        cmocka_unit_test(json_is_one_record),
        cmocka_unit_test(one_line_tells_a_file_and_its_verdict),
        cmocka_unit_test(evidence_of_fakes_can_be_typed),
        cmocka_unit_test(evidence_about_unloaded_drivers_and_trap_frames_can_be_typed),
        cmocka_unit_test(the_real_x64_dump_points_to_amdppm),
        cmocka_unit_test(the_real_arm64_dump_blames_nobody),
        cmocka_unit_test(real_minidumps_have_verdicts_with_evidence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
