/* SPDX-License-Identifier: MIT */
/* User minidumps: header, directory, and what they say of machine, process and event. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/time.h"
#include "mdmp_fixture.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))

static void header_and_directory_are_read(void **state) {
    (void)state;
    static const uint8_t bytes[] = {1, 2, 3};
    static const struct forge_mdmp_raw raw[] = {{0x12345678, bytes, sizeof bytes}};
    struct forge_mdmp m = {.arch = FORGE_AMD64,
                           .version = 0x1234a793,
                           .timestamp = 1000000000,
                           .flags = 0x21,
                           .raw = raw,
                           .nraw = 1,
                           .unused_rows = 2};
    struct opened o;
    open_forged(&o, &m);
    const struct sc_mdmp_header *h = sc_mdmp_header(o.source);
    assert_int_equal(h->version, 0x1234a793);
    assert_int_equal(h->nstreams, 4);
    assert_int_equal(h->directory_rva, 0x20);
    assert_int_equal(h->timestamp, 1000000000);
    assert_int_equal(h->flags, 0x21);
    assert_int_equal(o.source->machine.time, sc_time_from_unix(1000000000));
    assert_string_equal(h->streams[0].name, "SystemInfoStream");
    assert_int_equal(h->streams[1].type, 0x12345678);
    assert_int_equal(h->streams[1].size, 3);
    assert_null(h->streams[1].name);
    assert_true(h->streams[1].inside);
    assert_string_equal(h->streams[3].name, "UnusedStream");
    assert_ptr_equal(sc_mdmp_stream(o.source, 0x12345678), &h->streams[1]);
    assert_null(sc_mdmp_stream(o.source, 99));
    expect_no_notes(&o);
    close_opened(&o);
}

static void unusable_headers_are_errors_that_name_the_offset(void **state) {
    (void)state;
    struct opened o;
    static const struct forge_mdmp_patch none[] = {{0, 8, 4, 0}};
    struct forge_mdmp m = {.arch = FORGE_AMD64, .patch = none, .npatches = 1};
    expect_error(open_forged_err(&o, &m), SC_ERR_FORMAT, 8, "no streams");
    close_opened(&o);
    static const struct forge_mdmp_patch far[] = {{0, 0x0c, 4, 0x7fffffff}};
    m.patch = far;
    expect_error(open_forged_err(&o, &m), SC_ERR_FORMAT, 0x7fffffff, "behind the end of the file");
    close_opened(&o);
    struct forge_mdmp good = {.arch = FORGE_AMD64};
    memset(&o, 0, sizeof o);
    assert_true(forge_mdmp_build(&good, &o.file));
    expect_error(open_bytes(&o, 0x1f), SC_ERR_FORMAT, 0x1c, "minidump header");
    close_opened(&o);
}

static void big_endian_is_refused_by_name(void **state) {
    (void)state;
    static const struct forge_mdmp_patch magic[] = {{0, 0, 4, 0x4d444d50}};
    struct forge_mdmp m = {.arch = FORGE_AMD64, .patch = magic, .npatches = 1};
    struct opened o;
    sc_err *err = open_forged_err(&o, &m);
    assert_int_equal(sc_err_code(err), SC_ERR_UNSUPPORTED);
    assert_non_null(strstr(sc_err_text(err), "big-endian"));
    sc_err_destroy(err);
    close_opened(&o);
}

static void odd_directories_are_read_as_far_as_they_go(void **state) {
    (void)state;
    static const uint8_t much[100000];
    static const struct forge_mdmp_raw raw[] = {{0x11110000, much, sizeof much}};
    static const struct forge_mdmp_patch version[] = {{0, 4, 2, 0x1111}, {0, 8, 4, 5000}};
    struct forge_mdmp m = {
        .arch = FORGE_AMD64, .raw = raw, .nraw = 1, .patch = version, .npatches = 2};
    struct opened o;
    open_forged(&o, &m);
    expect_note(&o, 4, "a793 expected");
    expect_note(&o, 0x20, "only the first 4096");
    assert_int_equal(sc_mdmp_header(o.source)->nstreams, 4096);
    assert_int_equal(o.source->machine.cpu, SC_CPU_X64);
    close_opened(&o);
    static const struct forge_mdmp_patch many[] = {{0, 8, 4, 0xffffffff}};
    struct forge_mdmp small = {.arch = FORGE_AMD64, .patch = many, .npatches = 1};
    open_forged(&o, &small);
    expect_note(&o, 0x20, "the file has room for");
    assert_int_equal(sc_mdmp_header(o.source)->nstreams, (o.file.size - 0x20) / 12);
    close_opened(&o);
}

static void the_first_of_two_streams_is_used(void **state) {
    (void)state;
    uint8_t other[0x38] = {FORGE_X86};
    const struct forge_mdmp_raw raw[] = {{7, other, sizeof other}};
    struct forge_mdmp m = {.arch = FORGE_ARM64, .raw = raw, .nraw = 1};
    struct opened o;
    open_forged(&o, &m);
    assert_int_equal(o.source->machine.cpu, SC_CPU_ARM64);
    expect_note(&o, 0x20 + 12, "a second one of type 0x7");
    close_opened(&o);
}

static void a_stream_behind_the_end_is_noted_and_not_used(void **state) {
    (void)state;
    static const uint8_t bytes[4];
    static const struct forge_mdmp_raw raw[] = {{0x77, bytes, 4}, {0x77, bytes, 4}};
    static const struct forge_mdmp_patch lie[] = {{0, 0x20 + 12 + 8, 4, 0x40000000}};
    struct forge_mdmp m = {.arch = FORGE_AMD64, .raw = raw, .nraw = 2, .patch = lie, .npatches = 1};
    struct opened o;
    open_forged(&o, &m);
    const struct sc_mdmp_header *h = sc_mdmp_header(o.source);
    expect_note(&o, 0x20 + 12, "ends behind the file");
    assert_false(h->streams[1].inside);
    /* The second one, whose data are there, answers. */
    assert_ptr_equal(sc_mdmp_stream(o.source, 0x77), &h->streams[2]);
    close_opened(&o);
}

static void flags_have_their_names(void **state) {
    (void)state;
    char buf[200];
    sc_mdmp_flag_names(0, buf, sizeof buf);
    assert_string_equal(buf, "MiniDumpNormal");
    sc_mdmp_flag_names(0x40002, buf, sizeof buf);
    assert_string_equal(buf, "MiniDumpWithFullMemory | MiniDumpWithTokenInformation");
    sc_mdmp_flag_names(0x8000000000000001, buf, sizeof buf);
    assert_string_equal(buf, "MiniDumpWithDataSegs | 0x8000000000000000");
    sc_mdmp_flag_names(0x40002, buf, 10);
    assert_string_equal(buf, "MiniDumpW");
}

static void system_info_names_processor_and_platform(void **state) {
    (void)state;
    static const struct {
        uint16_t arch;
        uint32_t platform;
        enum sc_cpu cpu;
        const char *name;
        bool windows;
    } rows[] = {
        {FORGE_X86, 2, SC_CPU_X86, "Windows", true},
        {FORGE_AMD64, 2, SC_CPU_X64, "Windows", true},
        {FORGE_ARM64, 2, SC_CPU_ARM64, "Windows", true},
        {FORGE_ARM, 3, SC_CPU_ARM, "Windows CE", true},
        {FORGE_IA64, 2, SC_CPU_IA64, "Windows", true},
        {FORGE_AMD64, FORGE_LINUX, SC_CPU_X64, "Linux", false},
        {FORGE_AMD64, FORGE_MACOS, SC_CPU_X64, "macOS", false},
        {FORGE_ARM64_OLD, 0x8102, SC_CPU_ARM64, "iOS", false},
        {FORGE_ARM, 0x8203, SC_CPU_ARM, "Android", false},
        {0x8001, 0x8202, SC_CPU_OTHER, "Solaris", false},
        {3, 0x8204, SC_CPU_OTHER, "PlayStation 3", false},
        {FORGE_AMD64, 0x8205, SC_CPU_X64, "NaCl", false},
        {FORGE_ARM64, 0x8206, SC_CPU_ARM64, "Fuchsia", false},
        {0xffff, 0x9999, SC_CPU_UNKNOWN, "unknown platform", false},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct forge_mdmp m = {.arch = rows[i].arch, .platform = rows[i].platform};
        struct opened o;
        open_forged(&o, &m);
        assert_int_equal(o.source->machine.cpu, rows[i].cpu);
        assert_string_equal(o.source->machine.platform, rows[i].name);
        assert_int_equal(o.source->machine.windows, rows[i].windows);
        assert_false(o.source->machine.kernel);
        close_opened(&o);
    }
}

static void system_info_fields_reach_the_machine(void **state) {
    (void)state;
    struct forge_mdmp m = {.arch = FORGE_X86,
                           .ncpus = 8,
                           .product_type = 3,
                           .major = 6,
                           .minor = 1,
                           .build = 7601,
                           .suite_mask = 0x110,
                           .csd = "Service Pack 1",
                           .vendor = "GenuineIntel"};
    struct opened o;
    open_forged(&o, &m);
    const struct sc_machine *machine = &o.source->machine;
    assert_int_equal(machine->ncpus, 8);
    assert_int_equal(machine->product_type, 3);
    assert_int_equal(machine->major, 6);
    assert_int_equal(machine->minor, 1);
    assert_int_equal(machine->build, 7601);
    assert_int_equal(machine->suite_mask, 0x110);
    assert_string_equal(machine->service_pack, "Service Pack 1");
    const struct sc_mdmp_system *s = sc_mdmp_system(o.source);
    assert_string_equal(s->vendor, "GenuineIntel");
    assert_int_equal(s->cpu_version, 0x6d8);
    assert_int_equal(s->features[0], 0);
    assert_int_equal(s->level, 6);
    close_opened(&o);
    m.arch = FORGE_AMD64; /* where these bytes are feature bits, or Breakpad's vendor again */
    m.vendor[0] = 0;
    open_forged(&o, &m);
    s = sc_mdmp_system(o.source);
    assert_string_equal(s->vendor, "");
    assert_int_equal(s->features[1], 0x6d86c65746e);
    close_opened(&o);
}

static void without_system_info_the_machine_is_unknown(void **state) {
    (void)state;
    static const struct forge_mdmp_misc misc = {.size = 0x18, .flags = 1, .pid = 77};
    struct forge_mdmp m = {.no_system = true, .misc = &misc};
    struct opened o;
    open_forged(&o, &m);
    assert_int_equal(o.source->machine.cpu, SC_CPU_UNKNOWN);
    assert_string_equal(o.source->machine.platform, "unknown platform");
    assert_null(sc_mdmp_system(o.source));
    assert_int_equal(o.source->machine.pid, 77);
    expect_note(&o, SC_UNSET64, "no SystemInfoStream");
    close_opened(&o);
}

static void misc_info_of_every_size_is_read(void **state) {
    (void)state;
    struct forge_mdmp_misc misc = {.flags = 0x3f7,
                                   .pid = 0x1234,
                                   .create_time = 999999000,
                                   .user_time = 5,
                                   .kernel_time = 6,
                                   .max_mhz = 3600,
                                   .cur_mhz = 2400,
                                   .integrity = 0x2000,
                                   .bias = -60,
                                   .zone = "W. Europe Standard Time",
                                   .summer_zone = "W. Europe Daylight Time",
                                   .build = "19041.1.amd64fre.vb_release.191206-1406",
                                   .dbg_build = "dbgcore.amd64,10.0.19041.789",
                                   .xstate_features = 0x207,
                                   .xstate_size = 0x57f,
                                   .cookie = 0xc00c1e};
    static const uint32_t sizes[] = {0x18, 0x2c, 0xe8, 0x340, 0x554};
    for (size_t i = 0; i < COUNT(sizes); i++) {
        const struct sc_mdmp_misc *r;
        struct forge_mdmp m = {.arch = FORGE_AMD64, .timestamp = 1000000000, .misc = &misc};
        struct opened o;
        misc.size = sizes[i];
        open_forged(&o, &m);
        assert_null(sc_mdmp_misc(o.source, &r));
        assert_int_equal(r->pid, 0x1234);
        assert_int_equal(r->kernel_time, 6);
        assert_int_equal(r->cur_mhz, i >= 1 ? 2400 : 0);
        assert_int_equal(r->integrity, i >= 2 ? 0x2000 : 0);
        assert_int_equal(r->tz_bias, i >= 2 ? -60 : 0);
        assert_int_equal(r->tz_daylight_bias, i >= 2 ? -60 : 0);
        assert_int_equal(r->build_string != NULL, i >= 3);
        assert_int_equal(r->xstate_features, i >= 4 ? 0x207 : 0);
        assert_int_equal(r->xstate_context_size, i >= 4 ? 0x57f : 0);
        assert_int_equal(r->process_cookie, i >= 4 ? 0xc00c1e : 0);
        if (i >= 2)
            assert_string_equal(r->tz_daylight, misc.summer_zone);
        if (i >= 3)
            assert_string_equal(r->dbg_build_string, misc.dbg_build);
        assert_int_equal(o.source->machine.pid, 0x1234);
        assert_int_equal(o.source->machine.uptime, 1000 * 10000000ULL);
        expect_no_notes(&o);
        close_opened(&o);
    }
}

static void misc_fields_without_their_flag_do_not_count(void **state) {
    (void)state;
    static const struct forge_mdmp_misc misc = {.size = 0x554,
                                                .pid = 7,
                                                .create_time = 999999000,
                                                .max_mhz = 1,
                                                .integrity = 1,
                                                .bias = 5,
                                                .build = "x",
                                                .cookie = 9};
    const struct sc_mdmp_misc *r;
    struct forge_mdmp m = {.arch = FORGE_AMD64, .timestamp = 1000000000, .misc = &misc};
    struct opened o;
    open_forged(&o, &m);
    assert_null(sc_mdmp_misc(o.source, &r));
    assert_int_equal(r->pid | r->create_time | r->max_mhz | r->integrity, 0);
    assert_int_equal(r->tz_bias | (int)r->process_cookie, 0);
    assert_null(r->build_string);
    assert_int_equal(o.source->machine.uptime, SC_UNSET64);
    close_opened(&o);
}

static void a_short_misc_info_is_left_out(void **state) {
    (void)state;
    static const uint8_t bytes[6] = {0x18};
    static const struct forge_mdmp_raw raw[] = {{15, bytes, sizeof bytes}};
    const struct sc_mdmp_misc *r;
    struct forge_mdmp m = {.arch = FORGE_AMD64, .raw = raw, .nraw = 1};
    struct opened o;
    open_forged(&o, &m);
    assert_null(sc_mdmp_misc(o.source, &r));
    assert_null(r);
    expect_note(&o, rva_of(&m, 15) + 4, "misc info");
    close_opened(&o);
}

static void build_strings_give_lab_and_update_build(void **state) {
    (void)state;
    static const struct {
        const char *text, *lab;
        uint32_t platform, revision;
    } rows[] = {
        {"10.0.14393.1715 (rs1_release_inmarket.170906-1810)",
         "10.0.14393.1715 (rs1_release_inmarket.170906-1810)", 2, 1715},
        {"6.1.7601.18015 (win7sp1_gdr.121129-1432)", "6.1.7601.18015 (win7sp1_gdr.121129-1432)", 2,
         18015},
        {"16299.637.amd64fre.rs3_release_svc.180808-1748",
         "16299.637.amd64fre.rs3_release_svc.180808-1748", 2, 637},
        /* The 1 is the lab's, no update's. */
        {"19041.1.amd64fre.vb_release.191206-1406", "19041.1.amd64fre.vb_release.191206-1406", 2,
         0},
        {"Windows NT 10.0.22000.282", NULL, 2, 282},
        {"something else", NULL, 2, 0},
        {"4294967296.1.x", NULL, 2, 0},
        {"Mac OS X 10.15.7 (19H114)", "Mac OS X 10.15.7 (19H114)", FORGE_MACOS, 0},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct forge_mdmp_misc misc = {.size = 0x340, .flags = 0x100, .build = rows[i].text};
        struct forge_mdmp m = {.arch = FORGE_AMD64, .platform = rows[i].platform, .misc = &misc};
        struct opened o;
        open_forged(&o, &m);
        assert_int_equal(o.source->machine.revision, rows[i].revision);
        if (rows[i].lab)
            assert_string_equal(o.source->machine.lab, rows[i].lab);
        else
            assert_null(o.source->machine.lab);
        close_opened(&o);
    }
}

static void csd_versions_are_told_apart(void **state) {
    (void)state;
    struct forge_mdmp crashpad = {.arch = FORGE_AMD64, .csd = "282"};
    struct forge_mdmp linux = {.arch = FORGE_AMD64, .platform = FORGE_LINUX, .csd = "Linux 5.10"};
    struct opened o;
    open_forged(&o, &crashpad);
    assert_int_equal(o.source->machine.revision, 282);
    assert_string_equal(o.source->machine.service_pack, "");
    assert_string_equal(sc_mdmp_system(o.source)->csd, "282");
    close_opened(&o);
    open_forged(&o, &linux);
    assert_string_equal(o.source->machine.lab, "Linux 5.10");
    assert_string_equal(o.source->machine.service_pack, "");
    close_opened(&o);
}

static const struct forge_mdmp_thread three[] = {{.tid = 0x10}, {.tid = 0x20}, {.tid = 0x30}};

static void the_exception_makes_its_thread_current(void **state) {
    (void)state;
    uint8_t context[FORGE_CONTEXT_MAX];
    struct forge_mdmp_exception e = {.tid = 0x20,
                                     .code = 0xc0000005,
                                     .flags = 1,
                                     .record = 0x1000,
                                     .address = 0x7ff612345678,
                                     .nparams = 2,
                                     .param = {1, 0xffffffffffffff42},
                                     .context = context,
                                     .context_size =
                                         forge_context(FORGE_AMD64, 0x7ff612345678, 1, 2, context)};
    struct forge_mdmp m = {.arch = FORGE_AMD64, .threads = three, .nthreads = 3, .exception = &e};
    struct opened o;
    open_forged(&o, &m);
    const struct sc_machine *machine = &o.source->machine;
    assert_true(machine->has_exception);
    assert_int_equal(machine->exception.code, 0xc0000005);
    assert_int_equal(machine->exception.flags, 1);
    assert_int_equal(machine->exception.record, 0x1000);
    assert_int_equal(machine->exception.address, 0x7ff612345678);
    assert_int_equal(machine->exception.nparams, 2);
    assert_int_equal(machine->exception.param[1], 0xffffffffffffff42);
    assert_int_equal(machine->exception_record, rva_of(&m, 6) + 8);
    assert_int_equal(machine->current, 1);
    assert_int_equal(machine->event_context_size, 0x4d0);
    assert_memory_equal(o.file.data + machine->event_context_off, context, 0x4d0);
    expect_no_notes(&o);
    close_opened(&o);
}

static void addresses_of_32_bit_exceptions_are_narrowed(void **state) {
    (void)state;
    static const struct forge_mdmp_exception e = {.tid = 0x10,
                                                  .code = 0xc0000005,
                                                  .address = 0xffffffff80012345,
                                                  .nparams = 2,
                                                  .param = {0, 0xffffffff00000045}};
    struct forge_mdmp m = {.arch = FORGE_X86, .threads = three, .nthreads = 3, .exception = &e};
    struct opened o;
    open_forged(&o, &m);
    assert_int_equal(o.source->machine.exception.address, 0x80012345);
    assert_int_equal(o.source->machine.exception.param[1], 0x45);
    close_opened(&o);
}

static void damaged_exceptions_are_noted(void **state) {
    (void)state;
    static const uint8_t context[16];
    static const struct forge_mdmp_exception e = {
        .tid = 0x99, .code = 0x80000003, .context = context, .context_size = 16};
    static const struct forge_mdmp_patch lie[] = {{6, 0xa4, 4, 0x50000000}, {6, 0x20, 4, 16}};
    struct forge_mdmp m = {.arch = FORGE_AMD64,
                           .threads = three,
                           .nthreads = 3,
                           .exception = &e,
                           .patch = lie,
                           .npatches = 2};
    struct opened o;
    open_forged(&o, &m);
    assert_true(o.source->machine.has_exception);
    assert_int_equal(o.source->machine.event_context_off, SC_UNSET64);
    assert_int_equal(o.source->machine.exception.nparams, 0); /* 16 are more than there can be */
    assert_int_equal(o.source->machine.current, 0);
    expect_note(&o, 0x50000000, "the exception's context");
    expect_note(&o, rva_of(&m, 6), "thread 0x99, which is not in the thread list");
    close_opened(&o);
    static const uint8_t cut[0x40];
    static const struct forge_mdmp_raw raw[] = {{6, cut, sizeof cut}};
    struct forge_mdmp n = {.arch = FORGE_AMD64, .raw = raw, .nraw = 1};
    open_forged(&o, &n);
    assert_false(o.source->machine.has_exception);
    expect_note(&o, rva_of(&n, 6) + 0x40, "exception");
    close_opened(&o);
}

static void an_exception_of_zeros_is_none(void **state) {
    (void)state;
    static const uint8_t zeros[0xa8];
    static const struct forge_mdmp_raw raw[] = {{6, zeros, sizeof zeros}};
    struct forge_mdmp m = {.arch = FORGE_AMD64, .raw = raw, .nraw = 1};
    struct opened o;
    open_forged(&o, &m);
    assert_false(o.source->machine.has_exception);
    expect_note(&o, rva_of(&m, 6), "empty");
    close_opened(&o);
}

static void without_exception_the_requesting_thread_is_current(void **state) {
    (void)state;
    static const uint8_t info[12] = {3, 0, 0, 0, 0x20, 0, 0, 0, 0x30};
    static const struct forge_mdmp_raw raw[] = {{0x47670001, info, sizeof info}};
    struct forge_mdmp m = {
        .arch = FORGE_AMD64, .threads = three, .nthreads = 3, .raw = raw, .nraw = 1};
    struct sc_mdmp_breakpad b;
    struct opened o;
    open_forged(&o, &m);
    assert_int_equal(o.source->machine.current, 2);
    assert_true(sc_mdmp_breakpad(o.source, &b));
    assert_int_equal(b.validity, 3);
    assert_int_equal(b.dump_thread, 0x20);
    assert_int_equal(b.requesting_thread, 0x30);
    close_opened(&o);
}

static void the_exceptions_thread_wins_over_breakpads(void **state) {
    (void)state;
    static const uint8_t info[12] = {3, 0, 0, 0, 0x20, 0, 0, 0, 0x30};
    static const struct forge_mdmp_raw raw[] = {{0x47670001, info, sizeof info}};
    static const struct forge_mdmp_exception e = {.tid = 0x20, .code = 0x80000003};
    struct forge_mdmp m = {.arch = FORGE_AMD64,
                           .threads = three,
                           .nthreads = 3,
                           .raw = raw,
                           .nraw = 1,
                           .exception = &e};
    struct opened o;
    open_forged(&o, &m);
    assert_int_equal(o.source->machine.current, 1); /* though it is the dumping thread */
    close_opened(&o);
}

/* Functions that other containers must answer, too. */
static void other_sources_have_no_streams(void **state) {
    (void)state;
    struct sc_source *s;
    struct sc_mdmp_breakpad b;
    struct sc_mdmp_assertion a;
    struct sc_mdmp_crashpad c;
    struct sc_mdmp_handle h;
    struct sc_mdmp_vm vm;
    const struct sc_mdmp_misc *misc = (void *)&h;
    bool more = true, present = true;
    assert_null(sc_source_create(NULL, &s));
    assert_null(sc_mdmp_header(s));
    assert_null(sc_mdmp_stream(s, 3));
    assert_null(sc_mdmp_system(s));
    assert_null(sc_mdmp_comment(s));
    assert_null(sc_mdmp_misc(s, &misc));
    assert_null(misc);
    assert_false(sc_mdmp_breakpad(s, &b));
    assert_false(sc_mdmp_assertion(s, &a));
    assert_false(sc_mdmp_crashpad(s, &c));
    assert_null(sc_mdmp_handle(s, 0, &h, &more));
    assert_false(more);
    assert_null(sc_mdmp_vm(s, &vm, &present));
    assert_false(present);
    sc_source_destroy(s);
}

static void linux_dumps_have_their_process_id_in_proc_status(void **state) {
    (void)state;
    static const char status[] = "Name:\tx\nTgid:\t5\nPid:\t4711\nPPid:\t1\n";
    static const struct forge_mdmp_raw raw[] = {{0x47670004, status, sizeof status - 1}};
    struct forge_mdmp m = {.arch = FORGE_AMD64, .platform = FORGE_LINUX, .raw = raw, .nraw = 1};
    struct opened o;
    open_forged(&o, &m);
    assert_int_equal(o.source->machine.pid, 4711);
    assert_string_equal(sc_mdmp_stream(o.source, 0x47670004)->name, "Linux /proc/PID/status");
    close_opened(&o);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(header_and_directory_are_read),
        cmocka_unit_test(unusable_headers_are_errors_that_name_the_offset),
        cmocka_unit_test(big_endian_is_refused_by_name),
        cmocka_unit_test(odd_directories_are_read_as_far_as_they_go),
        cmocka_unit_test(the_first_of_two_streams_is_used),
        cmocka_unit_test(a_stream_behind_the_end_is_noted_and_not_used),
        cmocka_unit_test(flags_have_their_names),
        cmocka_unit_test(system_info_names_processor_and_platform),
        cmocka_unit_test(system_info_fields_reach_the_machine),
        cmocka_unit_test(without_system_info_the_machine_is_unknown),
        cmocka_unit_test(misc_info_of_every_size_is_read),
        cmocka_unit_test(misc_fields_without_their_flag_do_not_count),
        cmocka_unit_test(a_short_misc_info_is_left_out),
        cmocka_unit_test(build_strings_give_lab_and_update_build),
        cmocka_unit_test(csd_versions_are_told_apart),
        cmocka_unit_test(the_exception_makes_its_thread_current),
        cmocka_unit_test(addresses_of_32_bit_exceptions_are_narrowed),
        cmocka_unit_test(damaged_exceptions_are_noted),
        cmocka_unit_test(an_exception_of_zeros_is_none),
        cmocka_unit_test(without_exception_the_requesting_thread_is_current),
        cmocka_unit_test(the_exceptions_thread_wins_over_breakpads),
        cmocka_unit_test(other_sources_have_no_streams),
        cmocka_unit_test(linux_dumps_have_their_process_id_in_proc_status),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
