/* SPDX-License-Identifier: MIT */
/* 0x124 explained from its error record, and `!errrec`. */
#include "unit/explain_fixture.h"

#include "forge/scene.h"
#include "unit/whea_fixture.h"

#define RECORD (DATA + 0x100)

/* 0x124 with RECORD in memory. */
static void open_record(struct acase *c, const struct made *m, uint64_t kind, uint64_t status) {
    case_kernel(c, 0x124, kind, RECORD, status >> 32, status & 0xffffffff);
    memcpy(c->bytes + 0x100, m->bytes, m->size);
    case_run(c);
}

static void shows(struct fix *f, const char *part) {
    if (!strstr(fix_text(f), part))
        fail_msg("not printed: %s\n%s", part, fix_text(f));
}

static void a_machine_check_names_bank_processor_and_error(void **state) {
    (void)state;
    struct acase c;
    struct made m;
    struct fix f;
    made_begin(&m, 2, 1);
    made_processor(&m, 1, 2, 6);
    made_mca(&m, 1, 3, 5, 0xbe2000000005110a, 0x12345678);
    open_record(&c, &m, 0, 0xbe2000000005110a);
    says(c.a, "The error record says: Fatal, reported by Machine Check Exception at 2022-10-13 "
              "14:40:34 UTC, 2 sections.");
    says(c.a, "Section 0: Cache error of processor id 6, level 2.");
    says(c.a, "Section 1: bank 5 of processor 3 (APIC id 6, GenuineIntel) reports a cache error: "
              "generic cache, level 2, request not told (GCACHEL2_ERR_ERR), uncorrected, the "
              "processor's state cannot be trusted.");
    says(c.a, "The error's address is 0x12345678.");
    arg_says(c.a, 2, "its record is in this dump");
    arg_says(c.a, 3, "uncorrected");
    arg_says(c.a, 4, "GCACHEL2_ERR_ERR");
    assert_string_equal(fact(c.a, "bank 5")->command, "!errrec ffffa00000001100");
    session_on(&f, c.target);
    type_all(&f, c.a);
    sc_analysis_destroy(c.a);
    fix_close(&f);
}

static void a_memory_error_names_the_module_of_memory(void **state) {
    (void)state;
    struct acase c;
    struct made m;
    made_begin(&m, 1, 1);
    made_memory(&m, 0x23456000, 3);
    open_record(&c, &m, 5, 0);
    says(c.a, "Section 0: an error of the memory (Multi-bit ECC), node 0, card 1, module 2, "
              "physical address 0x23456000.");
    assert_null(fact(c.a, "bank"));
    case_end(&c);
}

static void a_pcie_error_names_the_device_and_its_errors(void **state) {
    (void)state;
    struct acase c;
    struct made m;
    made_begin(&m, 1, 1);
    made_pcie(&m, 1 << 14 | 1 << 18, 0);
    open_record(&c, &m, 4, 0);
    says(c.a, "Section 0: PCI Express Root Port at 0:00:01.0, vendor 8086, device 2a41; "
              "uncorrectable: Completion Timeout, Malformed TLP.");
    case_end(&c);
}

static void an_amd_bank_is_named_by_its_unit(void **state) {
    (void)state;
    struct acase c;
    struct made m;
    made_begin(&m, 1, 1);
    uint8_t *s = made_mca(&m, 2, 0, 27, 0xbaa0000000060165, 0);
    put_le(s + 0x40, 1, 4);
    put_le(s + 0x48, 0x000700b000000000, 8);
    open_record(&c, &m, 0, 0);
    says(c.a, "bank 27 (L3 cache) of processor 0 (APIC id 0, AuthenticAMD)");
    case_end(&c);
}

static void a_bank_without_an_error_is_said_to_have_none(void **state) {
    (void)state;
    struct acase c;
    struct made m;
    made_begin(&m, 1, 1);
    made_mca(&m, 1, 0, 0, 0, 0);
    open_record(&c, &m, 0, 0);
    says(c.a, "no machine check stands there");
    case_end(&c);
}

static void without_a_record_the_parameters_hold_the_status(void **state) {
    (void)state;
    struct acase c;
    case_kernel(&c, 0x124, 0, POOL, 0xb2000040, 0x800);
    case_run(&c);
    says(c.a, "MCi_STATUS in parameters 3 and 4 is b200004000000800: a bus or interconnect error: "
              "level 0, this processor asked, request not told, memory "
              "(BUSL0_SRC_ERR_M_NOTIMEOUT_ERR), uncorrected");
    assert_true(notes(c.a, "no hardware error record at ffffa000`00777000"));
    case_end(&c);
    case_kernel(&c, 0x124, 4, POOL, 0xb2000040, 0x800); /* PCI Express: they are no status */
    case_run(&c);
    assert_null(fact(c.a, "MCi_STATUS"));
    case_end(&c);
}

/* A triage dump whose memory lacks the record, and whose secondary data has it, not at its start.
 */
static void a_record_in_the_secondary_data_is_found(void **state) {
    (void)state;
    static struct forge_scene s;
    struct forge_bytes file;
    struct made m;
    static uint8_t blob[0x900];
    sc_target *target;
    struct sc_analysis *a;
    struct fix f;
    made_begin(&m, 1, 1);
    made_mca(&m, 1, 1, 4, 0xb200000000000400, 0);
    memset(blob, 'C', sizeof blob);
    memcpy(blob + 0x21, m.bytes, m.size);
    forge_scene_init(&s, FORGE_TRIAGE_X64);
    s.t.bugcheck = 0x124;
    s.t.arg[0] = 0;
    s.t.arg[1] = 0xffffb00012340000;
    s.t.arg[2] = s.t.arg[3] = 0;
    s.blob[1].data = blob;
    s.blob[1].size = sizeof blob;
    assert_true(forge_triage_build(&s.t, &file));
    assert_null(sc_target_open_memory("made.dmp", file.data, file.size, NULL, &target));
    assert_null(sc_analyze(target, &a));
    arg_says(a, 2, "a record stands in its secondary data");
    says(a, "bank 4 of processor 1 (APIC id 2, GenuineIntel) reports an internal timer error");
    assert_string_equal(fact(a, "bank 4")->command, "!errrec");
    session_on(&f, target);
    type_all(&f, a);
    assert_int_equal(fix_run(&f, "!errrec"), 0);
    shows(&f, "INTERNAL_TIMER (Proc 1 Bank 4)");
    shows(&f, "From the secondary data {");
    sc_analysis_destroy(a);
    fix_close(&f);
    forge_bytes_free(&file);
}

static void errrec_has_windbgs_layout(void **state) {
    (void)state;
    struct acase c;
    struct made m;
    struct fix f;
    made_begin(&m, 2, 1);
    made_processor(&m, 4, 3, 6);
    made_mca(&m, 1, 0, 4, 0xfa00000000070f0f, 0);
    open_record(&c, &m, 0, 0);
    sc_analysis_destroy(c.a);
    session_on(&f, c.target);
    sc_session_run(f.s, ".enrich off");
    assert_int_equal(fix_run(&f, "!errrec ffffa00000001100"), 0);
    shows(&f, "====\nCommon Platform Error Record @ ffffa00000001100\n----");
    shows(&f, "\nRecord Id     : 01d8df1234567890\n"
              "Severity      : Fatal (1)\n"
              "Length        : 728\n"
              "Creator       : Microsoft\n"
              "Notify Type   : Machine Check Exception\n"
              "Timestamp     : 10/13/2022 14:40:34 (UTC)\n"
              "Flags         : 0x00000000\n");
    shows(&f, "\nSection 0     : Processor Generic\n----");
    shows(&f, "\nDescriptor    @ ffffa00000001180\n"
              "Section       @ ffffa00000001210\n"
              "Offset        : 272\n"
              "Length        : 192\n"
              "Flags         : 0x00000001 Primary\n"
              "Severity      : Fatal\n"
              "\n"
              "Proc. Type    : x86/x64\n"
              "Instr. Set    : x64\n"
              "Error Type    : BUS error\n"
              "Operation     : Generic\n"
              "Flags         : 0x00\n"
              "Level         : 3\n"
              "CPU Version   : 0x00000000000306c3\n"
              "Processor ID  : 0x0000000000000006\n");
    shows(&f, "\nError         : BUSLG_GENERIC_ERR_*_TIMEOUT_ERR (Proc 0 Bank 4)\n"
              "  Status      : 0xfa00000000070f0f\n");
    assert_null(strstr(fix_text(&f), "Address")); /* ADDRV is not set */
    assert_int_equal(fix_run(&f, "!errrec"), 0);  /* the bug check's own */
    shows(&f, "Common Platform Error Record @ ffffa00000001100\n");
    fix_close(&f);
}

static void errrec_shows_pcie_memory_and_unknown_sections(void **state) {
    (void)state;
    static const uint8_t strange[16] = {1, 2, 3};
    struct acase c;
    struct made m;
    struct fix f;
    made_begin(&m, 3, 0);
    made_pcie(&m, 1 << 14, 1 << 12);
    made_memory(&m, 0x1000, 2);
    made_section(&m, strange, 16, 0);
    open_record(&c, &m, 4, 0);
    sc_analysis_destroy(c.a);
    session_on(&f, c.target);
    assert_int_equal(fix_run(&f, "!errrec ffffa00000001100"), 0);
    shows(&f, "\nPort Type     : Root Port\n"
              "Version       : 1.1\n"
              "Command/Status: 0x0507/0x4010\n");
    shows(&f, "\n  VenId:DevId : 8086:2a41\n  Class code  : 060400\n");
    shows(&f, "\n  Uncorrectable Error Status    : 00004000 ur ecrc mtlp rof uc ca CTO fcp ptlp "
              "sd dlp und  [Completion Timeout]\n");
    shows(&f, "\nError Type    : Single-bit ECC\n");
    shows(&f, "*** Unknown section format ***");
    fix_close(&f);
}

static void errrec_tells_what_is_wrong(void **state) {
    (void)state;
    struct acase c;
    struct fix f;
    case_kernel(&c, 0xd1, 0, 0, 0, 0);
    case_run(&c);
    sc_analysis_destroy(c.a);
    session_on(&f, c.target);
    fix_fails(&f, "!errrec", "neither the bug check nor the secondary data");
    fix_fails(&f, "!errrec ffffa00000001000", "there is no error record");
    fix_fails(&f, "!errrec ffff800000000000", "error record");
    fix_close(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_machine_check_names_bank_processor_and_error),
        cmocka_unit_test(a_memory_error_names_the_module_of_memory),
        cmocka_unit_test(a_pcie_error_names_the_device_and_its_errors),
        cmocka_unit_test(an_amd_bank_is_named_by_its_unit),
        cmocka_unit_test(a_bank_without_an_error_is_said_to_have_none),
        cmocka_unit_test(without_a_record_the_parameters_hold_the_status),
        cmocka_unit_test(a_record_in_the_secondary_data_is_found),
        cmocka_unit_test(errrec_has_windbgs_layout),
        cmocka_unit_test(errrec_shows_pcie_memory_and_unknown_sections),
        cmocka_unit_test(errrec_tells_what_is_wrong),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
