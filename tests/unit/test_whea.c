/* SPDX-License-Identifier: MIT */
/* Hardware error records and machine-check status registers, from bytes. */
#include <stdio.h>
#include <stdlib.h>

#include "nt/whea.h"
#include "unit/whea_fixture.h"

static void mca_is(uint64_t status, const char *name, enum nt_mca_class kind) {
    struct nt_mca m;
    nt_mca_decode(status, NT_CPU_INTEL, &m);
    assert_string_equal(m.name, name);
    assert_int_equal(m.kind, kind);
    assert_true(m.words[0]);
}

/* Status registers as people published them, with the name that WinDbg's !errrec printed. */
static void published_status_registers_have_their_names(void **state) {
    (void)state;
    mca_is(0xfa00000000070f0f, "BUSLG_GENERIC_ERR_*_TIMEOUT_ERR", NT_MCA_BUS);
    mca_is(0xbe2000000005110a, "GCACHEL2_ERR_ERR", NT_MCA_CACHE);
    mca_is(0xb200004000000800, "BUSL0_SRC_ERR_M_NOTIMEOUT_ERR", NT_MCA_BUS);
}

static void each_class_of_code_is_told(void **state) {
    (void)state;
    mca_is(0x8000000000000000, "NONE", NT_MCA_NONE);
    mca_is(0xb200000000000400, "INTERNAL_TIMER", NT_MCA_TIMER);
    mca_is(0xb200000000000402, "INTERNAL_UNCLASSIFIED", NT_MCA_INTERNAL);
    mca_is(0xb200000000000005, "INTERNAL_PARITY", NT_MCA_INTERNAL);
    mca_is(0xb200000000000175, "DCACHEL1_EVICT_ERR", NT_MCA_CACHE);
    mca_is(0xb200000000000150, "ICACHEL0_IRD_ERR", NT_MCA_CACHE);
    mca_is(0xb200000000000014, "DTLBL0_ERR", NT_MCA_TLB);
    mca_is(0xb20000000000001b, "GTLBLG_ERR", NT_MCA_TLB);
    mca_is(0xb20000000000009f, "RD_CHANNEL?_ERR", NT_MCA_MEMORY);
    mca_is(0xb2000000000000c1, "MS_CHANNEL1_ERR", NT_MCA_MEMORY);
    mca_is(0xb200000000000290, "EXT_RD_CHANNEL0_ERR", NT_MCA_MEMORY);
    mca_is(0xb20000000000000e, "GCACHEL2_ERR", NT_MCA_CACHE);
    mca_is(0xb200000000000e0b, "IO", NT_MCA_OTHER);
    mca_is(0xb20000000000ffff, "UNKNOWN", NT_MCA_OTHER);
}

static void the_flags_of_a_status_register_are_told(void **state) {
    (void)state;
    struct nt_mca m;
    nt_mca_decode(0xfe80000000000175, NT_CPU_INTEL, &m);
    assert_true(m.valid && m.overflow && m.uncorrected && m.enabled && m.has_misc);
    assert_true(m.has_address && m.corrupt && m.action && !m.signaled);
    nt_mca_decode(0x9c00180000000175, NT_CPU_AMD, &m);
    assert_true(m.valid && m.deferred && m.poison);
    assert_false(m.uncorrected || m.corrupt || m.overflow);
    nt_mca_decode(0x9c00180000000175, NT_CPU_INTEL, &m);
    assert_false(m.deferred || m.poison); /* there they count corrected errors */
}

static void banks_of_scalable_mca_are_named(void **state) {
    (void)state;
    assert_string_equal(nt_mca_smca_bank(0x000700b000000000), "L3 cache");
    assert_string_equal(nt_mca_smca_bank(0x0000009600000000), "unified memory controller");
    assert_null(nt_mca_smca_bank(0x1234009600000000));
}

static void a_header_is_read(void **state) {
    (void)state;
    struct made m;
    struct nt_whea_record r;
    made_begin(&m, 1, 1);
    made_processor(&m, 1, 2, 3);
    assert_null(nt_whea_parse(m.bytes, m.size, &r));
    assert_int_equal(r.revision, 0x0210);
    assert_int_equal(r.severity, NT_WHEA_FATAL);
    assert_int_equal(r.length, m.size);
    assert_int_equal(r.id, 0x01d8df1234567890);
    assert_string_equal(nt_whea_creator_name(&r.creator), "Microsoft");
    assert_string_equal(nt_whea_notify_name(&r.notify), "Machine Check Exception");
    assert_true(r.has_time);
    assert_int_equal(r.year, 2022);
    assert_int_equal(r.month, 10);
    assert_int_equal(r.hour, 14);
    assert_int_equal(r.second, 34);
}

/*
 * The first bytes of a record that was published with its event (length 462, written at
 * 2024-12-23 01:20:18 by the system's clock): Windows writes the time in binary.
 */
static void a_published_header_agrees_with_its_event(void **state) {
    (void)state;
    static const uint8_t published[] = {0x43, 0x50, 0x45, 0x52, 0x10, 0x02, 0xff, 0xff,
                                        0xff, 0xff, 0x01, 0x00, 0x01, 0x00, 0x00, 0x00,
                                        0x07, 0x00, 0x00, 0x00, 0xce, 0x01, 0x00, 0x00,
                                        0x12, 0x14, 0x01, 0x00, 0x17, 0x0c, 0x18, 0x14};
    uint8_t bytes[462] = {0};
    struct nt_whea_record r;
    memcpy(bytes, published, sizeof published);
    assert_null(nt_whea_parse(bytes, sizeof bytes, &r));
    assert_int_equal(r.length, 462);
    assert_int_equal(r.nsections, 1);
    assert_int_equal(r.year, 2024);
    assert_int_equal(r.month, 12);
    assert_int_equal(r.day, 23);
    assert_int_equal(r.hour, 1);
    assert_int_equal(r.minute, 20);
    assert_int_equal(r.second, 18);
}

static void a_time_in_bcd_is_read_too(void **state) {
    (void)state;
    static const uint8_t bcd[8] = {0x34, 0x40, 0x14, 0, 0x13, 0x10, 0x22, 0x20};
    struct made m;
    struct nt_whea_record r;
    made_begin(&m, 0, 1);
    memcpy(m.bytes + 24, bcd, 8);
    assert_null(nt_whea_parse(m.bytes, m.size, &r));
    assert_true(r.has_time);
    assert_int_equal(r.year, 2022);
    assert_int_equal(r.minute, 40);
    m.bytes[29] = 0x13; /* there is no such month */
    assert_null(nt_whea_parse(m.bytes, m.size, &r));
    assert_false(r.has_time);
}

static void the_processor_sections_are_read(void **state) {
    (void)state;
    struct made m;
    struct nt_whea_record r;
    struct nt_whea_processor p;
    struct nt_whea_x64 x;
    struct nt_whea_mca mca;
    made_begin(&m, 3, 1);
    made_processor(&m, 1, 2, 7);
    uint8_t *s = made_section(&m, GUID_X64, 128, 0);
    put_le(s, 3 | 1 << 2, 8); /* APIC id, CPUID, one check */
    put_le(s + 8, 14, 8);
    s[16] = 0xc3;
    memcpy(s + 64, GUID_CACHE_CHECK, 16);
    put_le(s + 64 + 24, 0x1234, 8);
    made_mca(&m, 1, 7, 5, 0xbe2000000005110a, 0x12345678);
    assert_null(nt_whea_parse(m.bytes, m.size, &r));
    assert_int_equal(r.nlisted, 3);
    assert_string_equal(r.section[1].name, "x86/x64 Processor Specific");
    assert_true(nt_whea_processor(&r, 0, &p));
    assert_string_equal(nt_whea_error_name(p.error), "Cache error");
    assert_int_equal(p.level, 2);
    assert_int_equal(p.id, 7);
    assert_true(nt_whea_x64(&r, 1, &x));
    assert_true(x.has_apic && x.has_cpuid);
    assert_int_equal(x.apic, 14);
    assert_int_equal(x.cpuid[0], 0xc3);
    assert_int_equal(x.nread, 1);
    assert_string_equal(x.check[0].name, "Cache Check");
    assert_int_equal(x.check[0].check, 0x1234);
    assert_true(nt_whea_mca(&r, 2, &mca));
    assert_int_equal(mca.vendor, NT_CPU_INTEL);
    assert_int_equal(mca.bank, 5);
    assert_int_equal(mca.status, 0xbe2000000005110a);
    assert_int_equal(mca.address, 0x12345678);
    assert_int_equal(mca.apic, 14);
    assert_false(nt_whea_mca(&r, 1, &mca)); /* of another kind */
}

static void memory_and_pcie_sections_are_read(void **state) {
    (void)state;
    struct made m;
    struct nt_whea_record r;
    struct nt_whea_memory mem;
    struct nt_whea_pcie p;
    char text[128];
    made_begin(&m, 2, 0);
    made_memory(&m, 0x23456000, 3);
    made_pcie(&m, 1 << 14 | 1 << 18, 1 << 12);
    assert_null(nt_whea_parse(m.bytes, m.size, &r));
    assert_true(nt_whea_memory(&r, 0, &mem));
    assert_int_equal(mem.address, 0x23456000);
    assert_int_equal(mem.card, 1);
    assert_int_equal(mem.module, 2);
    assert_string_equal(nt_whea_memory_error_name(mem.type), "Multi-bit ECC");
    assert_true(nt_whea_pcie(&r, 1, &p));
    assert_string_equal(nt_whea_port_name(p.port), "Root Port");
    assert_int_equal(p.vendor, 0x8086);
    assert_int_equal(p.device, 0x2a41);
    assert_int_equal(p.class_code, 0x060400);
    assert_int_equal(p.device_number, 1);
    assert_int_equal(p.function, 0);
    assert_string_equal(nt_whea_aer_text(false, p.uncorrectable, text, sizeof text),
                        "Completion Timeout, Malformed TLP");
    assert_string_equal(nt_whea_aer_text(true, p.correctable, text, sizeof text),
                        "Replay Timer Timeout");
}

static void what_is_no_record_is_refused(void **state) {
    (void)state;
    struct made m;
    struct nt_whea_record r;
    made_begin(&m, 1, 1);
    m.bytes[6] = 0;
    sc_err *err = nt_whea_parse(m.bytes, m.size, &r);
    assert_non_null(err);
    sc_err_destroy(err);
    made_begin(&m, 1, 1);
    put_le(m.bytes + 20, 0x7fffffff, 4); /* longer than any */
    err = nt_whea_parse(m.bytes, m.size, &r);
    assert_non_null(err);
    sc_err_destroy(err);
}

/* Sections that reach outside, counts that lie, records cut off at every byte. */
static void a_record_that_lies_is_read_as_far_as_it_is_there(void **state) {
    (void)state;
    struct made m;
    struct nt_whea_record r;
    struct nt_whea_mca mca;
    made_begin(&m, 1, 1);
    made_mca(&m, 1, 0, 0, 0xbe2000000005110a, 0);
    put_le(m.bytes + 10, 0xffff, 2);
    assert_null(nt_whea_parse(m.bytes, m.size, &r));
    assert_int_equal(r.nsections, 0xffff);
    assert_true(r.nlisted <= NT_WHEA_SECTIONS);
    put_le(m.bytes + 128, 0xfffffff0, 4); /* the section's offset */
    assert_null(nt_whea_parse(m.bytes, m.size, &r));
    assert_false(r.section[0].present);
    assert_false(nt_whea_mca(&r, 0, &mca));
    for (size_t size = 0; size < m.size; size++) {
        uint8_t *exact = malloc(size ? size : 1);
        assert_non_null(exact);
        memcpy(exact, m.bytes, size);
        sc_err *err = nt_whea_parse(exact, size, &r);
        struct nt_whea_processor p;
        struct nt_whea_x64 x;
        struct nt_whea_memory mem;
        struct nt_whea_pcie e;
        for (uint32_t i = 0; !err && i < 40; i++) {
            nt_whea_processor(&r, i, &p);
            nt_whea_x64(&r, i, &x);
            nt_whea_mca(&r, i, &mca);
            nt_whea_memory(&r, i, &mem);
            nt_whea_pcie(&r, i, &e);
        }
        sc_err_destroy(err);
        free(exact);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_status_registers_have_their_names),
        cmocka_unit_test(each_class_of_code_is_told),
        cmocka_unit_test(the_flags_of_a_status_register_are_told),
        cmocka_unit_test(banks_of_scalable_mca_are_named),
        cmocka_unit_test(a_header_is_read),
        cmocka_unit_test(a_published_header_agrees_with_its_event),
        cmocka_unit_test(a_time_in_bcd_is_read_too),
        cmocka_unit_test(the_processor_sections_are_read),
        cmocka_unit_test(memory_and_pcie_sections_are_read),
        cmocka_unit_test(what_is_no_record_is_refused),
        cmocka_unit_test(a_record_that_lies_is_read_as_far_as_it_is_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
