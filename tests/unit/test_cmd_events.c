/* SPDX-License-Identifier: MIT */
/* `.exr`, `.lastevent`: what each kind of exception says, chains, what C++ threw. */
#include "fake_session.h"
#include "nt/cxxthrow.h"

#define HEAP 0xffffa08700001000ULL

static const struct sc_module app = {.base = 0x7ff7aa3a0000,
                                     .size = 0x500000,
                                     .name = "view",
                                     .image = "view.exe",
                                     .path = "C:\\view.exe"};

static void open_with(struct fix *f, enum sc_cpu cpu, const struct sc_exception *e,
                      const struct sc_fake_bytes *memory, size_t nmemory, enum sc_render render) {
    static const struct sc_thread thread = {.tid = 0xacc, .context_off = SC_UNSET64};
    struct sc_machine m = {.windows = true,
                           .pid = 0x5e8,
                           .uptime = SC_UNSET64,
                           .time = 132574568951234567,
                           .has_exception = e != NULL};
    if (e)
        m.exception = *e;
    struct sc_fake fake = {.sz = sizeof fake,
                           .cpu = cpu,
                           .machine = &m,
                           .modules = &app,
                           .nmodules = 1,
                           .threads = &thread,
                           .nthreads = 1,
                           .memory = memory,
                           .nmemory = nmemory};
    fake_open(f, &fake, render);
}

static void exr_prints(enum sc_cpu cpu, const struct sc_exception *e, const char *text) {
    struct fix f;
    open_with(&f, cpu, e, NULL, 0, SC_RENDER_TEXT);
    fix_prints(&f, ".exr -1", text);
    fix_close(&f);
}

static void access_violations_say_what_was_tried(void **state) {
    (void)state;
    struct sc_exception e = {
        .code = 0xc0000005, .address = 0x7ff7aa7b0d1d, .nparams = 2, .param = {0, 0x164}};
    exr_prints(SC_CPU_X64, &e,
               "ExceptionAddress: 00007ff7aa7b0d1d (view+0x0000000000410d1d)\n"
               "   ExceptionCode: c0000005 (Access violation)\n"
               "  ExceptionFlags: 00000000\n"
               "NumberParameters: 2\n"
               "   Parameter[0]: 0000000000000000\n"
               "   Parameter[1]: 0000000000000164\n"
               "Attempt to read from address 0000000000000164\n");
    e = (struct sc_exception){
        .code = 0xc0000005, .address = 0x40429e, .nparams = 2, .param = {1, 0x45}};
    exr_prints(SC_CPU_X86, &e,
               "ExceptionAddress: 0040429e\n"
               "   ExceptionCode: c0000005 (Access violation)\n"
               "  ExceptionFlags: 00000000\n"
               "NumberParameters: 2\n"
               "   Parameter[0]: 00000001\n"
               "   Parameter[1]: 00000045\n"
               "Attempt to write to address 00000045\n");
    e.param[0] = 8;
    e.param[1] = 0xffffffff90000000; /* sign-extended in some containers */
    exr_prints(SC_CPU_X86, &e,
               "ExceptionAddress: 0040429e\n"
               "   ExceptionCode: c0000005 (Access violation)\n"
               "  ExceptionFlags: 00000000\n"
               "NumberParameters: 2\n"
               "   Parameter[0]: 00000008\n"
               "   Parameter[1]: 90000000\n"
               "Attempt to execute non-executable address 90000000\n");
}

static void in_page_errors_name_the_status(void **state) {
    (void)state;
    struct sc_exception e = {
        .code = 0xc0000006, .address = 0x401000, .nparams = 3, .param = {0, 0x1000, 0xc000009c}};
    exr_prints(SC_CPU_X86, &e,
               "ExceptionAddress: 00401000\n"
               "   ExceptionCode: c0000006 (In-page I/O error)\n"
               "  ExceptionFlags: 00000000\n"
               "NumberParameters: 3\n"
               "   Parameter[0]: 00000000\n"
               "   Parameter[1]: 00001000\n"
               "   Parameter[2]: c000009c\n"
               "Inpage operation failed at 00001000, due to I/O error c000009c\n");
}

static void fast_fails_name_their_code(void **state) {
    (void)state;
    struct sc_exception e = {
        .code = 0xc0000409, .flags = 1, .address = 0x401000, .nparams = 1, .param = {2}};
    exr_prints(SC_CPU_X86, &e,
               "ExceptionAddress: 00401000\n"
               "   ExceptionCode: c0000409 (Security check failure or stack buffer overrun)\n"
               "  ExceptionFlags: 00000001\n"
               "NumberParameters: 1\n"
               "   Parameter[0]: 00000002\n"
               "Subcode: 0x2 FAST_FAIL_STACK_COOKIE_CHECK_FAILURE \n");
    e.nparams = 0; /* an older /GS failure says nothing more */
    exr_prints(SC_CPU_X86, &e,
               "ExceptionAddress: 00401000\n"
               "   ExceptionCode: c0000409 (Security check failure or stack buffer overrun)\n"
               "  ExceptionFlags: 00000001\n"
               "NumberParameters: 0\n");
}

static void codes_without_words_have_their_status_in_brackets(void **state) {
    (void)state;
    struct fix f;
    struct sc_exception e = {.code = 0xc0000374, .address = 0x401000};
    open_with(&f, SC_CPU_X86, &e, NULL, 0, SC_RENDER_TEXT);
    fix_run(&f, ".exr -1");
    fix_has(&f, "\n   ExceptionCode: c0000374  [STATUS_HEAP_CORRUPTION]\n");
    sc_session_set_enrich(f.s, false);
    fix_run(&f, ".exr -1");
    fix_has(&f, "\n   ExceptionCode: c0000374\n");
    fix_close(&f);
}

/* An EXCEPTION_RECORD64 with CODE, chained to NEXT. */
static void record64(uint8_t *raw, uint32_t code, uint64_t next, uint32_t nparams) {
    memset(raw, 0, 0x98);
    fix_put(raw, 0, code, 4);
    fix_put(raw, 8, next, 8);
    fix_put(raw, 0x10, 0x7ff7aa3a0010, 8);
    fix_put(raw, 0x18, nparams, 4);
}

static void records_in_memory_are_read_and_chains_followed(void **state) {
    (void)state;
    struct fix f;
    uint8_t raw[0x200] = {0};
    record64(raw, 0x80000003, HEAP + 0x100, 0);
    record64(raw + 0x100, 0xc0000094, HEAP, 0); /* back to the first: a loop */
    struct sc_fake_bytes memory = {HEAP, raw, sizeof raw};
    open_with(&f, SC_CPU_X64, NULL, &memory, 1, SC_RENDER_TEXT);
    static const char first[] = "ExceptionAddress: 00007ff7aa3a0010 (view+0x0000000000000010)\n"
                                "   ExceptionCode: 80000003 (Break instruction exception)\n"
                                "  ExceptionFlags: 00000000\nNumberParameters: 0\n";
    static const char second[] = "ExceptionAddress: 00007ff7aa3a0010 (view+0x0000000000000010)\n"
                                 "   ExceptionCode: c0000094 (Integer divide-by-zero)\n"
                                 "  ExceptionFlags: 00000000\nNumberParameters: 0\n";
    char want[2048];
    snprintf(want, sizeof want,
             "%sChained record at 0xffffa08700001100:\n%s"
             "Chained record at 0xffffa08700001000:\n%s"
             "The chain of records leads back to 0xffffa08700001100.\n",
             first, second, first);
    fix_prints(&f, ".exr ffffa08700001000", want);
    fix_fails(&f, ".exr -1", "records no exception");
    fix_fails(&f, ".exr ffffa08700001190", "exception record");
    fix_close(&f);
}

static void a_chain_that_leaves_the_dump_ends_with_a_remark(void **state) {
    (void)state;
    struct fix f;
    uint8_t raw[0x98];
    record64(raw, 0x80000003, 0x1234, 0);
    struct sc_fake_bytes memory = {HEAP, raw, sizeof raw};
    open_with(&f, SC_CPU_X64, NULL, &memory, 1, SC_RENDER_TEXT);
    assert_int_equal(fix_run(&f, ".exr ffffa08700001000"), 0);
    fix_has(&f, "Chained record at 0x1234: ");
    fix_close(&f);
}

static void a_lying_number_of_parameters_is_bounded(void **state) {
    (void)state;
    struct fix f;
    uint8_t raw[0x98];
    record64(raw, 0x80000003, 0, 0xffffffff);
    struct sc_fake_bytes memory = {HEAP, raw, sizeof raw};
    open_with(&f, SC_CPU_X64, NULL, &memory, 1, SC_RENDER_TEXT);
    assert_int_equal(fix_run(&f, ".exr ffffa08700001000"), 0);
    fix_has(&f, "NumberParameters: 0\n"); /* a number that cannot be is not believed at all */
    fix_close(&f);
}

/* x86: ThrowInfo, array, two catchable types and their descriptors, at 0x500000. */
static void cxx_types_are_named_on_x86(void **state) {
    (void)state;
    uint8_t raw[0x200] = {0};
    fix_put(raw, 0x0c, 0x500020, 4);
    fix_put(raw, 0x20, 2, 4);
    fix_put(raw, 0x24, 0x500040, 4);
    fix_put(raw, 0x28, 0x500060, 4);
    fix_put(raw, 0x44, 0x500080, 4);
    fix_put(raw, 0x64, 0x5000c0, 4);
    memcpy(raw + 0x88, ".?AVHrException@@", 18);
    memcpy(raw + 0xc8, ".?AVruntime_error@std@@", 24);
    struct sc_fake_bytes memory = {0x500000, raw, sizeof raw};
    struct sc_exception e = {.code = 0xe06d7363,
                             .flags = 1,
                             .address = 0x778a4bb2,
                             .nparams = 3,
                             .param = {0x19930520, 0x0055f0c4, 0x500000}};
    struct fix f;
    open_with(&f, SC_CPU_X86, &e, &memory, 1, SC_RENDER_TEXT);
    fix_prints(&f, ".exr -1",
               "ExceptionAddress: 778a4bb2\n"
               "   ExceptionCode: e06d7363 (C++ EH exception)\n"
               "  ExceptionFlags: 00000001\n"
               "NumberParameters: 3\n"
               "   Parameter[0]: 19930520\n"
               "   Parameter[1]: 0055f0c4\n"
               "   Parameter[2]: 00500000\n"
               "  pExceptionObject: 0055f0c4\n"
               "  _s_ThrowInfo    : 00500000\n"
               "  Type            : class HrException\n"
               "  Type            : class std::runtime_error\n");
    fix_close(&f);
}

/* x64: the references are offsets from the image base in the fourth parameter. */
static void cxx_types_are_named_on_x64(void **state) {
    (void)state;
    uint8_t raw[0x200] = {0};
    const uint64_t base = 0x7ff7aa3a0000;
    fix_put(raw, 0x0c, 0x1020, 4);
    fix_put(raw, 0x20, 0x7fffffff, 4); /* a count that lies: the list ends where memory does */
    fix_put(raw, 0x24, 0x1040, 4);
    fix_put(raw, 0x44, 0x1080, 4);
    memcpy(raw + 0x90, ".H", 3);
    struct sc_fake_bytes memory = {base + 0x1000, raw, sizeof raw};
    struct sc_exception e = {
        .code = 0xe06d7363, .nparams = 4, .param = {0x19930520, 0x10, base + 0x1000, base}};
    struct fix f;
    open_with(&f, SC_CPU_X64, &e, &memory, 1, SC_RENDER_TEXT);
    fix_run(&f, ".exr -1");
    fix_has(&f, "  _s_ThrowInfo    : 00007ff7aa3a1000\n  Type            : int\n");
    assert_null(strstr(strstr(fix_text(&f), ": int") + 1, "Type"));
    fix_close(&f);
}

static void rethrown_exceptions_have_no_types(void **state) {
    (void)state;
    struct sc_exception e = {.code = 0xe06d7363, .nparams = 3, .param = {0x19930520, 0, 0}};
    struct fix f;
    open_with(&f, SC_CPU_X86, &e, NULL, 0, SC_RENDER_TEXT);
    fix_run(&f, ".exr -1");
    fix_has(&f, "  pExceptionObject: 00000000\n  _s_ThrowInfo    : 00000000\n");
    fix_close(&f);
}

static void decorated_names_that_are_not_understood_stay(void **state) {
    (void)state;
    sc_arena *a = sc_arena_create();
    assert_non_null(a);
    assert_string_equal(nt_cxx_type_name(".?AUpoint@geo@lib@@", a), "struct lib::geo::point");
    assert_string_equal(nt_cxx_type_name(".PEAD", a), "char *");
    assert_string_equal(nt_cxx_type_name(".?AV?$vector@H@std@@", a), ".?AV?$vector@H@std@@");
    assert_string_equal(nt_cxx_type_name(".?AVx@1@@", a), ".?AVx@1@@");
    assert_string_equal(nt_cxx_type_name(".?AV", a), ".?AV");
    assert_string_equal(nt_cxx_type_name(".?AV@@", a), ".?AV@@");
    assert_string_equal(nt_cxx_type_name(".?AVx", a), ".?AVx");
    assert_string_equal(nt_cxx_type_name("", a), "");
    sc_arena_destroy(a);
}

static void lastevent_names_thread_and_time(void **state) {
    (void)state;
    struct fix f;
    struct sc_exception e = {.code = 0xc0000005};
    open_with(&f, SC_CPU_X64, &e, NULL, 0, SC_RENDER_TEXT);
    fix_prints(&f, ".lastevent",
               "Last event: 5e8.acc: Access violation - code c0000005 (first/second chance not "
               "available)\n"
               "  dump time: Wed Feb 10 18:54:55.123 2021 (UTC + 0:00)\n");
    fix_close(&f);
    e.code = 0x8898008d;
    open_with(&f, SC_CPU_X64, &e, NULL, 0, SC_RENDER_TEXT);
    fix_run(&f, ".lastevent");
    fix_has(&f, "Last event: 5e8.acc: Unknown exception - code 8898008d (first");
    fix_close(&f);
    open_with(&f, SC_CPU_X64, NULL, NULL, 0, SC_RENDER_TEXT);
    fix_run(&f, ".lastevent");
    fix_has(&f, "Last event: 5e8.acc: none is recorded in this dump\n");
    fix_close(&f);
}

static void json_has_the_exception_as_fields(void **state) {
    (void)state;
    struct fix f;
    struct sc_exception e = {
        .code = 0xc0000005, .address = 0x7ff7aa3a0010, .nparams = 2, .param = {1, 0x10}};
    open_with(&f, SC_CPU_X64, &e, NULL, 0, SC_RENDER_JSON);
    fix_run(&f, ".exr -1");
    fix_has(&f,
            "{\"type\":\"exception\",\"address\":\"0x00007ff7aa3a0010\",\"symbol\":\"view+0x10\","
            "\"code\":\"0xc0000005\",\"words\":\"Access violation\","
            "\"status\":\"STATUS_ACCESS_VIOLATION\",\"flags\":\"0x00000000\",\"chained\":null,"
            "\"parameters\":[\"0x1\",\"0x10\"],\"access\":\"write\","
            "\"access_address\":\"0x0000000000000010\",\"subcode_name\":null,\"types\":[]}");
    fix_close(&f);
}

static void signals_of_other_systems_are_no_nt_statuses(void **state) {
    (void)state;
    struct fix f;
    struct sc_machine m = {.platform = "Linux",
                           .uptime = SC_UNSET64,
                           .has_exception = true,
                           .exception = {.code = 11, .address = 0x1000}};
    struct sc_fake fake = {.sz = sizeof fake, .cpu = SC_CPU_X64, .machine = &m};
    fake_open(&f, &fake, SC_RENDER_TEXT);
    fix_run(&f, ".exr -1");
    fix_has(&f, "\n   ExceptionCode: 0000000b (SIGSEGV)\n");
    fix_close(&f);
}

static void real_fast_fail(void **state) {
    (void)state;
    struct fix f;
    if (!corpus_open(&f, "mdmp/google+breakpad/src/processor/testdata/tiny-exe-fastfail.dmp",
                     SC_RENDER_TEXT))
        skip();
    assert_int_equal(fix_run(&f, ".exr -1"), 0);
    fix_has(&f, "   ExceptionCode: c0000409 (Security check failure or stack buffer overrun)\n");
    fix_has(&f, "\nSubcode: 0x");
    fix_has(&f, " FAST_FAIL_");
    fix_close(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(access_violations_say_what_was_tried),
        cmocka_unit_test(in_page_errors_name_the_status),
        cmocka_unit_test(fast_fails_name_their_code),
        cmocka_unit_test(codes_without_words_have_their_status_in_brackets),
        cmocka_unit_test(records_in_memory_are_read_and_chains_followed),
        cmocka_unit_test(a_chain_that_leaves_the_dump_ends_with_a_remark),
        cmocka_unit_test(a_lying_number_of_parameters_is_bounded),
        cmocka_unit_test(cxx_types_are_named_on_x86),
        cmocka_unit_test(cxx_types_are_named_on_x64),
        cmocka_unit_test(rethrown_exceptions_have_no_types),
        cmocka_unit_test(decorated_names_that_are_not_understood_stay),
        cmocka_unit_test(lastevent_names_thread_and_time),
        cmocka_unit_test(json_has_the_exception_as_fields),
        cmocka_unit_test(signals_of_other_systems_are_no_nt_statuses),
        cmocka_unit_test(real_fast_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
