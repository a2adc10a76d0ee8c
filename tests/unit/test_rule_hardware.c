/* SPDX-License-Identifier: MIT */
/* Signs of hardware that failed, and what looks like them and is none. */
#include "analyze_fixture.h"

#include "analyze/bitflip.h"

static const struct sc_finding *hardware(const struct acase *c) {
    const struct sc_finding *f = found(c->a, "hardware");
    return f ? f : found(c->a, "hardware-damage");
}

static void suspects(const struct acase *c, enum sc_confidence confidence, const char *part) {
    const struct sc_finding *f = hardware(c);
    assert_non_null(f);
    assert_null(f->module);
    assert_int_equal(f->confidence, confidence);
    if (!claims(f, part))
        fail_msg("%s: %s", f->detail, f->evidence[0].claim);
    assert_true(f->nnext >= 2);
}

/* --- what the hardware reports ---------------------------------------------------------------- */

static void a_recorded_machine_check_is_strong(void **state) {
    (void)state;
    struct acase c;
    case_kernel(&c, 0x124, 0, DATA, 0xbe000000, 0x800400);
    case_run(&c);
    suspects(&c, SC_STRONG, "be00000000800400: it is valid, and the error was not corrected");
    assert_ptr_equal(hardware(&c), &c.a->findings[0]);
    case_end(&c);
}

static void an_error_report_without_a_status_is_likely(void **state) {
    (void)state;
    struct acase c;
    case_kernel(&c, 0x124, 0, DATA, 0, 0);
    case_run(&c);
    suspects(&c, SC_LIKELY, "an error that the hardware reported");
    case_end(&c);
    case_kernel(&c, 0x124, 4, DATA, 0xbe000000, 0x800400); /* PCI Express: no such parameters */
    case_run(&c);
    suspects(&c, SC_LIKELY, "an error that the hardware reported");
    case_end(&c);
}

static void of_unexpected_traps_two_are_the_hardwares(void **state) {
    (void)state;
    struct acase c;
    case_kernel(&c, 0x7f, 0x12, 0, 0, 0);
    case_run(&c);
    suspects(&c, SC_LIKELY, "a machine check of the processor");
    case_end(&c);
    case_kernel(&c, 0x7f, 8, 0, 0, 0);
    case_run(&c);
    assert_null(hardware(&c));
    case_end(&c);
}

static void a_processor_that_does_not_answer_is_possible(void **state) {
    (void)state;
    struct acase c;
    case_kernel(&c, 0x101, 0x18, 0, DATA, 3);
    case_run(&c);
    suspects(&c, SC_POSSIBLE, "a processor that stopped answering");
    case_end(&c);
}

static void a_page_that_the_disk_did_not_deliver_is_the_disks(void **state) {
    (void)state;
    struct acase c;
    case_kernel(&c, 0x7a, DATA, 0xffffffffc0000185ULL, 0x1000, POOL);
    case_run(&c);
    suspects(&c, SC_LIKELY, "STATUS_IO_DEVICE_ERROR (c0000185)");
    assert_non_null(strstr(hardware(&c)->next[0], "chkdsk"));
    case_end(&c);
    case_kernel(&c, 0x7a, DATA, 0xffffffffc000009aULL, 0x1000, POOL); /* no resources */
    case_run(&c);
    assert_null(hardware(&c));
    case_end(&c);
}

/* --- single bits
 * ---------------------------------------------------------------------------------- */

static void a_table_entry_with_a_single_bit_is_likely(void **state) {
    (void)state;
    struct acase c;
    case_kernel(&c, 0x1a, 0x41792, 0xfffff68000125000ULL, 0x20000000000ULL, 0);
    case_run(&c);
    suspects(&c, SC_LIKELY, "should be zero is 0:20000000000: one bit is wrong");
    case_end(&c);
    case_kernel(&c, 0x1a, 0x41792, 0xfffff68000125000ULL, 0x20000004000ULL, 0); /* two bits */
    case_run(&c);
    suspects(&c, SC_POSSIBLE, "parameter 1 is 41792");
    assert_true(speaks_against(hardware(&c)));
    case_end(&c);
}

static void a_pointer_one_high_bit_off_what_a_register_holds_is_likely(void **state) {
    (void)state;
    struct acase c;
    case_kernel(&c, 0x50, 0xffffa00000555010ULL ^ 1ULL << 41, 0, AMD + 0x10, 0);
    case_regs(&c, AMD + 0x10); /* all registers hold ffffa00000555000 */
    case_run(&c);
    suspects(&c, SC_LIKELY, "With bit 41 the other way it is ffffa000`00555010");
    assert_true(claims(hardware(&c), "where register rax points"));
    case_end(&c);
    /* its twin: another address, freed perhaps */
    case_kernel(&c, 0x50, 0xffffa20000655010ULL, 0, AMD + 0x10, 0);
    case_regs(&c, AMD + 0x10);
    case_run(&c);
    assert_null(hardware(&c));
    case_end(&c);
    /* and one in a low bit, which an index explains */
    case_kernel(&c, 0x50, 0xffffa00000555010ULL ^ 1ULL << 14, 0, AMD + 0x10, 0);
    case_regs(&c, AMD + 0x10);
    case_run(&c);
    assert_null(hardware(&c));
    case_end(&c);
}

/* A general protection fault at AMD+10, with RBX holding VALUE. */
static void protection_fault(struct acase *c, uint64_t value) {
    case_kernel(c, 0x3b, 0xc0000005, AMD + 0x10, DATA, 0);
    case_context(c->bytes, AMD + 0x10);
    put(c->bytes + 0x90, value, 8);
    c->machine.has_exception = true;
    c->machine.exception = (struct sc_exception){
        .code = 0xc0000005, .address = AMD + 0x10, .nparams = 2, .param = {0, UINT64_MAX}};
    case_run(c);
}

static void a_number_that_is_no_address_by_one_bit_is_suspicious(void **state) {
    (void)state;
    struct acase c;
    protection_fault(&c, 0xffffa00000555020ULL ^ 1ULL << 52);
    suspects(&c, SC_LIKELY, "Register rbx is ffefa000`00555020");
    case_end(&c);
    protection_fault(&c, 0xffffb12345678900ULL ^ 1ULL << 60); /* nothing is known to be there */
    suspects(&c, SC_POSSIBLE, "With bit 60 the other way it is ffffb123`45678900");
    case_end(&c);
    protection_fault(&c, 0xdeadbeef12345678ULL); /* more than one bit */
    assert_null(hardware(&c));
    case_end(&c);
}

static void a_null_pointer_or_freed_memory_is_no_flipped_bit(void **state) {
    (void)state;
    struct acase c;
    const uint64_t bad[] = {0, 0x18, 0xfffffffffffffff0ULL, 0xdddddddddddddddd, 0x4141414141414141};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        case_kernel(&c, 0x50, bad[i], 0, AMD + 0x10, 0);
        case_regs(&c, AMD + 0x10);
        case_run(&c);
        assert_null(hardware(&c));
        case_end(&c);
    }
}

/* --- damage of nobody
 * ------------------------------------------------------------------------------ */

static void damage_without_a_suspect_may_be_hardware(void **state) {
    (void)state;
    struct acase c;
    case_kernel(&c, 0x109, 0, 0, NT + 0x1000, 1);
    case_run(&c);
    suspects(&c, SC_POSSIBLE, "The code is 0x109");
    assert_string_equal(c.a->findings[0].rule, "nothing-known"); /* it comes before a mere maybe */
    assert_true(speaks_against(hardware(&c)));
    case_end(&c);
    case_kernel(&c, 0xd1, POOL, 2, 0, BAD + 0x10); /* no such code */
    case_run(&c);
    assert_null(hardware(&c));
    case_end(&c);
}

/* No driver has a pointer into the list of pages: without one near, memory is suspected first. */
static void a_damaged_list_of_pages_is_suspicious(void **state) {
    (void)state;
    struct acase c;
    case_kernel(&c, 0x4e, 0x99, 0x1234, 2, 1);
    case_run(&c);
    assert_string_equal(c.a->findings[0].rule, "hardware-pages");
    assert_int_equal(c.a->findings[0].confidence, SC_POSSIBLE);
    assert_true(claims(&c.a->findings[0], "no driver is given a pointer to it"));
    assert_true(speaks_against(&c.a->findings[0]));
    assert_null(found(c.a, "hardware-damage")); /* it is said once */
    case_end(&c);
    case_kernel(&c, 0x4e, 7, 0x1234, 2, 1); /* unlocked too often: somebody's doing */
    case_run(&c);
    assert_null(found(c.a, "hardware-pages"));
    case_end(&c);
}

/* A pointer that was sound but for one bit makes the driver that used it the victim. */
static void who_used_a_flipped_pointer_is_the_victim(void **state) {
    (void)state;
    struct acase c;
    uint64_t good = 0xffffa00000555010ULL;
    case_kernel(&c, 0x50, good ^ 1ULL << 41, 0, BAD + 0x10, 0);
    case_regs(&c, BAD + 0x10);
    case_run(&c);
    assert_string_equal(c.a->findings[0].rule, "hardware");
    assert_int_equal(found(c.a, "faulting-address")->confidence, SC_POSSIBLE);
    assert_true(speaks_against(found(c.a, "faulting-address")));
    case_end(&c);
    case_kernel(&c, 0x50, good ^ 5ULL << 41, 0, BAD + 0x10, 0); /* two bits */
    case_regs(&c, BAD + 0x10);
    case_run(&c);
    assert_int_equal(found(c.a, "faulting-address")->confidence, SC_STRONG);
    case_end(&c);
}

/* Of a page that could not be read, the image that it belongs to is the victim's. */
static void whose_page_the_disk_lost_is_not_named(void **state) {
    (void)state;
    struct acase c;
    case_kernel(&c, 0x7a, DATA, 0xffffffffc000009aULL, 0x1000, BAD + 0x40);
    case_run(&c);
    assert_string_equal(c.a->findings[0].rule, "nothing-known");
    assert_null(found(c.a, "parameter-module"));
    case_end(&c);
}

static void bits_are_counted(void **state) {
    (void)state;
    assert_int_equal(sc_bits_set(0), 0);
    assert_int_equal(sc_bits_set(1ULL << 63 | 1), 2);
    assert_int_equal(sc_bits_set(UINT64_MAX), 64);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_recorded_machine_check_is_strong),
        cmocka_unit_test(an_error_report_without_a_status_is_likely),
        cmocka_unit_test(of_unexpected_traps_two_are_the_hardwares),
        cmocka_unit_test(a_processor_that_does_not_answer_is_possible),
        cmocka_unit_test(a_page_that_the_disk_did_not_deliver_is_the_disks),
        cmocka_unit_test(a_table_entry_with_a_single_bit_is_likely),
        cmocka_unit_test(a_pointer_one_high_bit_off_what_a_register_holds_is_likely),
        cmocka_unit_test(a_number_that_is_no_address_by_one_bit_is_suspicious),
        cmocka_unit_test(a_null_pointer_or_freed_memory_is_no_flipped_bit),
        cmocka_unit_test(damage_without_a_suspect_may_be_hardware),
        cmocka_unit_test(a_damaged_list_of_pages_is_suspicious),
        cmocka_unit_test(who_used_a_flipped_pointer_is_the_victim),
        cmocka_unit_test(whose_page_the_disk_lost_is_not_named),
        cmocka_unit_test(bits_are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
