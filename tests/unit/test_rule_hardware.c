/* SPDX-License-Identifier: MIT */
/* Signs of hardware that failed, and what looks like them and is none. */
#include "analyze_fixture.h"

#include "analyze/bitflip.h"

static const struct sc_finding *hardware(const struct acase *c) {
    const struct sc_finding *f = found(c->a, "hardware");
    if (!f)
        f = found(c->a, "hardware-pages");
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

/* --- copies of a pointer, values against what they should be, the shape of code
 * ------------------- */

static void set_register(struct acase *c, const char *name, uint64_t value) {
    sc_reg_set(&c->regs, sc_reg_find(SC_CPU_X64, name), value);
}

/* The pointer was loaded from the stack, which still holds it as it was. */
static void a_pointer_that_the_stack_holds_unharmed_is_likely(void **state) {
    (void)state;
    struct acase c;
    const uint64_t good = 0xffffb00012345678ULL;
    for (int two = 0; two < 2; two++) {
        uint64_t bad = good ^ (two ? 5ULL : 1ULL) << 35;
        case_kernel(&c, 0x50, bad + 0x18, 0, BAD + 0x10, 0);
        case_regs(&c, BAD + 0x10);
        set_register(&c, "rsp", DATA + 0x400);
        set_register(&c, "rcx", bad);
        put(c.bytes + 0x448, good, 8);
        case_run(&c);
        assert_int_equal(hardware(&c) != NULL, !two);
        if (!two)
            suspects(&c, SC_LIKELY, "which lies on the stack at ffffa000`00001448");
        case_end(&c);
    }
}

/* Below bit 32 only a second copy that agrees in all other bits counts. */
static void a_second_copy_that_differs_in_a_lower_bit_is_likely(void **state) {
    (void)state;
    struct acase c;
    const uint64_t good = 0xffffb00012345678ULL;
    static const struct {
        unsigned bit;
        uint64_t other;
        bool found;
    } tries[] = {{20, 0, true}, {20, 8, false}, {15, 0, false}};
    for (size_t i = 0; i < sizeof tries / sizeof *tries; i++) {
        uint64_t bad = good ^ 1ULL << tries[i].bit;
        case_kernel(&c, 0x50, bad + 0x18, 0, BAD + 0x10, 0);
        case_regs(&c, BAD + 0x10);
        set_register(&c, "rcx", bad);
        set_register(&c, "rdi", good + tries[i].other);
        case_run(&c);
        assert_int_equal(hardware(&c) != NULL, tries[i].found);
        if (tries[i].found)
            suspects(&c, SC_LIKELY, "a second copy of rcx: rdi holds ffffb000`12345678");
        case_end(&c);
    }
}

static void a_cookie_that_differs_in_one_bit_is_likely(void **state) {
    (void)state;
    struct acase c;
    const uint64_t cookie = 0x00003c1f5e2d7a91ULL;
    case_kernel(&c, 0xf7, cookie ^ 1ULL << 21, cookie, ~cookie, 0);
    case_run(&c);
    suspects(&c, SC_LIKELY, "By parameters 1 and 2, the cookie that guards a function's stack");
    case_end(&c);
    case_kernel(&c, 0xf7, 0x4141414141414141, cookie, ~cookie, 0); /* overwritten */
    case_run(&c);
    assert_null(hardware(&c));
    case_end(&c);
}

static void records_that_disagree_in_one_bit_are_likely(void **state) {
    (void)state;
    struct acase c;
    case_kernel(&c, 0x1a, 0x403, 0xfffff68000125000ULL, 0x8000000012345867ULL,
                0x8000000012345863ULL);
    case_run(&c);
    suspects(&c, SC_LIKELY, "a page table entry holds 8000000012345867 where 8000000012345863");
    case_end(&c);
    case_kernel(&c, 0x1a, 0x403, 0xfffff68000125000ULL, 0x8000000012345867ULL, 0);
    case_run(&c); /* the documentation suspects hardware still */
    suspects(&c, SC_POSSIBLE, "no driver is given a pointer to it");
    case_end(&c);
}

/* Code of a driver, three times over; at 21 of 42 bytes a call begins. */
static const uint8_t plain_code[] = {
    0x48, 0x89, 0x5c, 0x24, 0x08, 0x48, 0x89, 0x74, 0x24, 0x10, 0x57, 0x48, 0x83, 0xec,
    0x20, 0x48, 0x8b, 0xf9, 0x48, 0x8b, 0xda, 0xe8, 0x11, 0x22, 0x33, 0x44, 0x85, 0xc0,
    0x78, 0x05, 0x48, 0x8b, 0x4f, 0x18, 0x48, 0x8b, 0x01, 0xff, 0x50, 0x10, 0x33, 0xc0};

static void run_code(struct acase *c, uint64_t ip, int fill) {
    case_kernel(c, 0x50, POOL + 0x18, 0, ip, 0);
    for (size_t i = 0; i < 0x80; i++)
        c->bytes[i] = fill < 0 ? plain_code[i % sizeof plain_code] : (uint8_t)fill;
    c->memory = (struct sc_fake_bytes){BAD + 0x1000, c->bytes, sizeof c->bytes};
    case_run(c);
}

static void the_middle_of_an_instruction_is_no_place_for_a_program(void **state) {
    (void)state;
    struct acase c;
    run_code(&c, BAD + 0x1000 + 65, -1); /* two bytes into the call */
    suspects(&c, SC_LIKELY, "An instruction begins at fffff800`0100103f and goes on beyond");
    assert_int_equal(found(c.a, "faulting-address")->confidence, SC_POSSIBLE);
    case_end(&c);
    run_code(&c, BAD + 0x1000 + 63, -1); /* its twin: where it begins */
    assert_null(hardware(&c));
    assert_int_equal(found(c.a, "faulting-address")->confidence, SC_STRONG);
    case_end(&c);
}

static void memory_full_of_zeros_is_no_code(void **state) {
    (void)state;
    struct acase c;
    run_code(&c, BAD + 0x1000 + 70, 0);
    assert_int_equal(found(c.a, "faulting-address")->confidence, SC_POSSIBLE);
    assert_true(speaks_against(found(c.a, "faulting-address")));
    case_end(&c);
    run_code(&c, BAD + 0x1000 + 70, 0x90); /* nop */
    assert_int_equal(found(c.a, "faulting-address")->confidence, SC_STRONG);
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
        cmocka_unit_test(a_pointer_that_the_stack_holds_unharmed_is_likely),
        cmocka_unit_test(a_second_copy_that_differs_in_a_lower_bit_is_likely),
        cmocka_unit_test(a_cookie_that_differs_in_one_bit_is_likely),
        cmocka_unit_test(records_that_disagree_in_one_bit_are_likely),
        cmocka_unit_test(the_middle_of_an_instruction_is_no_place_for_a_program),
        cmocka_unit_test(memory_full_of_zeros_is_no_code),
        cmocka_unit_test(bits_are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
