/* SPDX-License-Identifier: MIT */
/* `.dump`: options as WinDbg has them, what they write, and what is refused. */
#include "unit/convert_fixture.h"

#include "forge/sink.h"
#include "stopcode/session.h"
#include "unit/pfn_fixture.h"

struct dumper {
    struct conv_fix f;
    struct kmem k;
    struct sink sink;
    sc_target *t;
    sc_out *out;
    sc_session *s;
};

static void begin(struct dumper *d, enum sc_cpu cpu, uint32_t build, enum sc_render render) {
    memset(d, 0, sizeof *d);
    conv_fix_begin(&d->f);
    kmem_init(&d->k, cpu, cpu == SC_CPU_X86 ? SC_PAGING_PAE : SC_PAGING_X64);
    d->k.machine.build = build;
    d->k.machine.time = 132600000000000000;
    d->t = kmem_open(&d->k, NULL);
    assert_null(sc_out_create(render, sink_write, &d->sink, false, &d->out));
    assert_null(sc_session_create(d->t, d->out, &d->s));
    assert_null(sc_session_set_paths(d->s, NULL, NULL));
}

static void end(struct dumper *d) {
    sc_session_destroy(d->s);
    sc_out_destroy(d->out);
    sc_target_close(d->t);
    kmem_deinit(&d->k);
    conv_fix_end(&d->f);
    sink_free(&d->sink);
}

/* Runs `.dump OPTIONS "FOLDER/NAME"`; true when it did not fail. */
static bool run(struct dumper *d, const char *options, const char *name) {
    char line[300];
    snprintf(line, sizeof line, ".dump %s \"%s/%s\"", options, d->f.folder, name);
    sink_clear(&d->sink);
    unsigned failed = sc_session_run(d->s, line);
    sc_out_flush(d->out);
    return !failed;
}

static uint32_t type_of(struct dumper *d, const char *name) {
    char path[200];
    sc_target *t = NULL;
    snprintf(path, sizeof path, "%s/%s", d->f.folder, name);
    sc_err *err = sc_target_open(path, NULL, &t);
    if (err)
        fail_msg("%s", sc_err_text(err));
    uint32_t type = sc_kdump_header(sc_target_source(t))->dump_type;
    sc_target_close(t);
    return type;
}

static void refused(struct dumper *d, const char *options, const char *why) {
    unsigned before = conv_fix_files(&d->f);
    assert_false(run(d, options, "refused"));
    if (!strstr(sink_text(&d->sink), why))
        fail_msg("%s: %s", options, sink_text(&d->sink));
    assert_int_equal(conv_fix_files(&d->f), before);
}

static void each_option_writes_its_kind(void **state) {
    (void)state;
    struct dumper d;
    begin(&d, SC_CPU_X64, 19041, SC_RENDER_TEXT);
    assert_true(run(&d, "/f", "f"));
    assert_int_equal(type_of(&d, "f"), 5);
    assert_non_null(strstr(sink_text(&d.sink), "complete memory dump with a bitmap"));
    assert_true(run(&d, "/k", "k"));
    assert_int_equal(type_of(&d, "k"), 6);
    assert_true(run(&d, "-m", "m"));
    assert_int_equal(type_of(&d, "m"), 4);
    assert_true(run(&d, "", "plain"));
    assert_int_equal(type_of(&d, "plain"), 4);
    end(&d);
    begin(&d, SC_CPU_X64, 7601, SC_RENDER_TEXT);
    assert_true(run(&d, "/f", "f"));
    assert_int_equal(type_of(&d, "f"), 1);
    end(&d);
    begin(&d, SC_CPU_X86, 19041, SC_RENDER_TEXT);
    assert_true(run(&d, "/f", "f"));
    assert_int_equal(type_of(&d, "f"), 1);
    assert_true(run(&d, "/k", "k"));
    assert_int_equal(type_of(&d, "k"), 2);
    end(&d);
}

static void a_file_is_replaced_with_o_only(void **state) {
    (void)state;
    struct dumper d;
    begin(&d, SC_CPU_X64, 19041, SC_RENDER_TEXT);
    assert_true(run(&d, "/m", "x"));
    assert_false(run(&d, "/k", "x"));
    assert_non_null(strstr(sink_text(&d.sink), "is there already"));
    assert_int_equal(type_of(&d, "x"), 4);
    assert_true(run(&d, "/o /k", "x"));
    assert_int_equal(type_of(&d, "x"), 6);
    end(&d);
}

static void the_time_becomes_part_of_the_name(void **state) {
    (void)state;
    struct dumper d;
    char path[200];
    begin(&d, SC_CPU_X64, 19041, SC_RENDER_TEXT);
    assert_true(run(&d, "/u /m", "x.dmp"));
    snprintf(path, sizeof path, "%s/x_2021-03-12_05-20-00.dmp", d.f.folder);
    if (access(path, R_OK) != 0)
        fail_msg("%s", sink_text(&d.sink));
    end(&d);
}

static void what_a_dump_cannot_do_is_refused_with_the_reason(void **state) {
    (void)state;
    struct dumper d;
    begin(&d, SC_CPU_X64, 19041, SC_RENDER_TEXT);
    refused(&d, "/ka", "nt!MmPfnDatabase");
    refused(&d, "/ka /k", "not two");
    refused(&d, "/ba", "cabinets");
    refused(&d, "/mFhu", "dumps of processes");
    refused(&d, "/kf", "letters behind /k");
    refused(&d, "/a", "attached");
    refused(&d, "/xc ffff0000", ".ecxr");
    refused(&d, "/xt 4", ".ecxr");
    refused(&d, "/fy", "live kernels");
    refused(&d, "/q", "no option /q");
    refused(&d, "/f /k", "not two");
    refused(&d, "one", "one file");
    end(&d);
}

static void ka_writes_what_is_in_use(void **state) {
    (void)state;
    static const enum sc_cpu cpus[] = {SC_CPU_X64, SC_CPU_X86};
    for (unsigned i = 0; i < 2; i++) {
        struct dumper d;
        begin(&d, cpus[i], 19041, SC_RENDER_TEXT);
        pfnfix_init(&d.k);
        for (unsigned n = 0; n < 2; n++) {
            pagestore_put(&d.k.t.ps, 0x7000000 + n * 0x1000, "nobody maps it", 14);
            pfnfix_put(&d.k, 0x7000 + n, n ? NT_PAGE_STANDBY : NT_PAGE_MODIFIED, 0, 0);
        }
        sc_session_destroy(d.s);
        sc_target_close(d.t);
        d.t = kmem_open(&d.k, NULL);
        assert_null(sc_session_create(d.t, d.out, &d.s));
        assert_true(run(&d, "/ka", "ka"));
        assert_int_equal(type_of(&d, "ka"), i ? 2 : 5);
        assert_non_null(strstr(sink_text(&d.sink), "active memory dump"));
        assert_non_null(strstr(sink_text(&d.sink), "Left out: 1 pages.\n"
                                                   "Not in use: 0 zeroed, 0 free, 1 on standby, 0 "
                                                   "bad.\n"));
        end(&d);
    }
}

static void the_banner_says_that_pages_are_left_out(void **state) {
    (void)state;
    struct dumper d;
    char path[200];
    begin(&d, SC_CPU_X64, 19041, SC_RENDER_TEXT);
    pfnfix_init(&d.k);
    sc_session_destroy(d.s);
    sc_target_close(d.t);
    d.t = kmem_open(&d.k, NULL);
    assert_null(sc_session_create(d.t, d.out, &d.s));
    for (unsigned i = 0; i < 2; i++) {
        assert_true(run(&d, i ? "/f" : "/ka", i ? "f" : "ka"));
        snprintf(path, sizeof path, "%s/%s", d.f.folder, i ? "f" : "ka");
        sc_target *t = NULL;
        sc_session *s = NULL;
        assert_null(sc_target_open(path, NULL, &t));
        assert_null(sc_session_create(t, d.out, &s));
        sc_session_banner(s);
        sc_out_flush(d.out);
        const char *said = strstr(sink_text(&d.sink), "Full address space is available");
        assert_non_null(said);
        assert_int_equal(strstr(said, "[active memory:") != NULL, !i);
        sc_session_destroy(s);
        sc_target_close(t);
    }
    end(&d);
}

static const struct sc_kdump_header *header_of(struct dumper *d, const char *name,
                                               sc_target **ret) {
    char path[200];
    snprintf(path, sizeof path, "%s/%s", d->f.folder, name);
    assert_null(sc_target_open(path, NULL, ret));
    return sc_kdump_header(sc_target_source(*ret));
}

/* Runs the line as it stands. */
static void says(struct dumper *d, const char *line, const char *text) {
    sink_clear(&d->sink);
    assert_true(sc_session_run(d->s, line) > 0);
    sc_out_flush(d->out);
    if (!strstr(sink_text(&d->sink), text))
        fail_msg("%s: %s", line, sink_text(&d->sink));
}

static void an_option_without_a_file_is_no_file(void **state) {
    (void)state;
    struct dumper d;
    begin(&d, SC_CPU_X64, 19041, SC_RENDER_TEXT);
    says(&d, ".dump /ka", "into which file");
    says(&d, ".dump /o /m", "into which file");
    says(&d, ".dump -f", "into which file");
    says(&d, ".dump /c", "which comment");
    says(&d, ".dump /c text", "into which file");
    says(&d, ".dump /ma", "dumps of processes");
    says(&d, ".dump /?", ".help .dump");
    says(&d, ".dump", "file");
    assert_int_equal(conv_fix_files(&d.f), 0);
    end(&d);
}

static void a_comment_goes_into_the_header(void **state) {
    (void)state;
    static const char *const kinds[] = {"/f", "/k", "/m"};
    for (unsigned cpu = 0; cpu < 2; cpu++) {
        struct dumper d;
        sc_target *t = NULL;
        begin(&d, cpu ? SC_CPU_X86 : SC_CPU_X64, 19041, SC_RENDER_TEXT);
        for (unsigned i = 0; i < 3; i++) {
            char options[64];
            snprintf(options, sizeof options, "/o /c \"for ticket 7\" %s", kinds[i]);
            assert_true(run(&d, options, "x"));
            assert_string_equal(header_of(&d, "x", &t)->comment, "for ticket 7");
            sc_target_close(t);
        }
        end(&d);
    }
}

static void a_small_dump_of_a_small_dump_has_its_comment_or_a_new_one(void **state) {
    (void)state;
    struct dumper d;
    sc_target *t = NULL;
    begin(&d, SC_CPU_X64, 19041, SC_RENDER_TEXT);
    assert_true(run(&d, "/c old", "x"));
    sc_session_destroy(d.s);
    sc_target_close(d.t);
    header_of(&d, "x", &d.t);
    assert_null(sc_session_create(d.t, d.out, &d.s));
    assert_true(run(&d, "/m", "y"));
    assert_string_equal(header_of(&d, "y", &t)->comment, "old");
    sc_target_close(t);
    assert_true(run(&d, "/C new", "z"));
    assert_string_equal(header_of(&d, "z", &t)->comment, "new");
    sc_target_close(t);
    end(&d);
}

static void comments_that_would_be_lost_are_refused(void **state) {
    (void)state;
    struct dumper d;
    char options[200] = "/c ";
    begin(&d, SC_CPU_X64, 19041, SC_RENDER_TEXT);
    memset(options + 3, 'x', 128);
    refused(&d, options, "room for 127");
    options[3 + 127] = '\0';
    assert_true(run(&d, options, "x"));
    refused(&d, "/c PAGEd", "begins with PAGE");
    refused(&d, "/c", "into which file");
    struct sc_convert_opts o = {.sz = sizeof o, .to = SC_CONVERT_ELF, .comment = "c"};
    struct sc_convert_result r;
    sc_err *err = sc_convert(d.t, d.f.path, &o, &r);
    assert_int_equal(sc_err_code(err), SC_ERR_ARG);
    sc_err_destroy(err);
    end(&d);
}

static void json_has_what_was_written(void **state) {
    (void)state;
    struct dumper d;
    begin(&d, SC_CPU_X64, 19041, SC_RENDER_JSON);
    kmem_encode_block(&d.k, 0x11223344556677c1);
    sc_session_destroy(d.s);
    sc_target_close(d.t);
    d.t = kmem_open(&d.k, NULL);
    assert_null(sc_session_create(d.t, d.out, &d.s));
    assert_true(run(&d, "/k", "k"));
    const char *text = sink_text(&d.sink);
    assert_non_null(strstr(text, "{\"type\":\"conversion\",\"file\":"));
    assert_non_null(strstr(text, "\"kind\":\"kernel\",\"pages\":"));
    assert_non_null(strstr(text, "{\"type\":\"changed_memory\",\"address\":\"0x"));
    assert_non_null(strstr(text, "\"error\":null}"));
    end(&d);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_option_writes_its_kind),
        cmocka_unit_test(a_file_is_replaced_with_o_only),
        cmocka_unit_test(the_time_becomes_part_of_the_name),
        cmocka_unit_test(what_a_dump_cannot_do_is_refused_with_the_reason),
        cmocka_unit_test(ka_writes_what_is_in_use),
        cmocka_unit_test(the_banner_says_that_pages_are_left_out),
        cmocka_unit_test(an_option_without_a_file_is_no_file),
        cmocka_unit_test(a_comment_goes_into_the_header),
        cmocka_unit_test(a_small_dump_of_a_small_dump_has_its_comment_or_a_new_one),
        cmocka_unit_test(comments_that_would_be_lost_are_refused),
        cmocka_unit_test(json_has_what_was_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
