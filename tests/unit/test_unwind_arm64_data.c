/* SPDX-License-Identifier: MIT */
/* Data of the ARM64 unwinder: packed functions, signatures, what is damaged, what is missing. */
#include "unit/unwind_arm64_support.h"

/* ---- packed data: the corners that random functions do not reach ---- */

static uint32_t packed(uint32_t flag, uint32_t regf, uint32_t regi, uint32_t h, uint32_t cr,
                       uint32_t frame) {
    return flag | SIZE / 4 << 2 | regf << 13 | regi << 16 | h << 20 | cr << 21 | frame / 16 << 23;
}

static void packed_codes_are(uint32_t word, const char *codes, size_t size) {
    struct arm64_info info;
    assert_true(arm64_unpack(word, &info));
    assert_int_equal(info.size, size);
    assert_memory_equal(info.codes, codes, size);
}
#define PACKED(word, text) packed_codes_are(word, text, sizeof text - 1)

static void packed_data_stands_for_codes(void **state) {
    (void)state;
    PACKED(packed(1, 0, 0, 0, 0, 0), "\xe4\xe4");
    PACKED(packed(1, 0, 0, 0, 3, 32), "\xe1\x83\xe4\x83\xe4");
    PACKED(packed(1, 0, 1, 0, 1, 16), "\xd6\x00\x01\xe4\xd6\x00\x01\xe4");
    PACKED(packed(2, 0, 2, 0, 2, 48), "\xe5\xe1\x83\xcc\x01\xfc\xe4");
    /* x0 … x7 behind the registers: not in the epilog. */
    PACKED(packed(1, 0, 2, 1, 0, 96), "\x01\xe3\xe3\xe3\xe3\xcc\x09\xe4\x01\xcc\x09\xe4");
    /* With nothing saved before them they belong to the body. */
    PACKED(packed(1, 0, 0, 1, 0, 96), "\x06\xe4\x06\xe4");
    /* All there is: .NET's example, its last allocation in two as the document has it. */
    PACKED(packed(2, 7, 10, 1, 2, 8000),
           "\xe5\xe1\x40\xc0\xe8\xc0\xff\xe3\xe3\xe3\xe3\xd9\x90\xd9\x0e\xd8\x8c\xd8\x0a\xca\x08"
           "\xc9\x86\xc9\x04\xc8\x82\xcc\x19\xfc\xe4");
}

static void packed_data_that_contradicts_itself_is_bad(void **state) {
    (void)state;
    struct arm64_info info;
    assert_false(arm64_unpack(packed(1, 0, 11, 0, 0, 512), &info));
    assert_false(arm64_unpack(packed(1, 0, 4, 0, 0, 16), &info));
    assert_false(arm64_unpack(packed(1, 3, 0, 1, 3, 80), &info));
    struct scene s;
    scene_init(&s);
    scene_function(&s, BEGIN, packed(1, 0, 4, 0, 0, 16));
    scene_open(&s);
    assert_int_equal(scene_step(&s, BODY, true), SC_STEP_BAD);
    assert_true(s.step.missing == IMAGE + BEGIN);
    scene_close(&s);
}

static void a_packed_fragment_has_neither_prolog_nor_epilog(void **state) {
    (void)state;
    struct scene s;
    scene_init(&s);
    scene_function(&s, BEGIN, packed(2, 0, 0, 0, 3, 32));
    scene_slot(&s, 0x80, 0xf9);
    scene_slot(&s, 0x88, RETURN);
    scene_open(&s);
    for (uint32_t at = 0; at < SIZE; at += SIZE - 4) {
        regs_begin(&s.regs, IMAGE + BEGIN + at, SP);
        reg_put(&s.regs, ARM64_FP, SP + 0x80);
        assert_int_equal(scene_go(&s, true, UINT64_MAX), SC_STEP_DONE);
        assert_true(sc_regs_ip(&s.regs) == RETURN && sc_regs_sp(&s.regs) == SP + 0xa0);
    }
    scene_close(&s);
}

/* ---- signatures ---- */

static void signatures_are_taken_off(void **state) {
    (void)state;
    static const struct {
        uint64_t signed_, plain;
    } all[] = {
        {0xff8cf80012341f10, 0xfffff80012341f10},
        {0x12bcf80012341f10, 0xfffff80012341f10},
        {0x003c7ffe12345678, 0x00007ffe12345678},
        {0xab007ffe12345678, 0x00007ffe12345678},
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        struct scene s;
        CODES(&s, "\x81\xfc\xe4");
        scene_slot(&s, 8, all[i].signed_);
        scene_open(&s);
        arrives(&s, BODY, true, all[i].plain, 16);
        scene_close(&s);
    }
}

/* KDDEBUGGER_DATA64 says which bits are a signature, if it is large enough and makes sense. */
static void the_kernel_says_what_a_signature_is(void **state) {
    (void)state;
    static const struct {
        uint32_t tag, size;
        uint64_t mask;
        bool taken; /* else the usual ones */
    } all[] = {
        {0x4742444b, 0x3a0, 0x007f800000000000, true},
        {0x4742444b, 0x398, 0xfffff80000000000, true},
        {0x4742444b, 0x390, 0xfffff80000000000, false}, /* too short */
        {0x4742444c, 0x3a0, 0xfffff80000000000, false},
        {0x4742444b, 0x3a0, 0xffffffff00000000, false}, /* little would be left of addresses */
        {0x4742444b, 0x3a0, 0, false},
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        struct scene s;
        CODES(&s, "\x81\xe4");
        s.debugger_data = IMAGE + 0x2000;
        peimg_u32(&s.image, 0x2010, all[i].tag);
        peimg_u32(&s.image, 0x2014, all[i].size);
        peimg_u64(&s.image, 0x2390, all[i].mask);
        scene_open(&s);
        uint64_t want = all[i].taken ? all[i].mask : 0xffff000000000000;
        assert_true(s.unwinder->pac_mask == want);
        scene_close(&s);
    }
}

/* ---- damage ---- */

static void damaged_codes_are_bad(void **state) {
    (void)state;
    static const struct {
        const char *codes;
        size_t size;
    } all[] = {
        {"\xe3\xe3\xe3\xe3", 4},                          /* no end */
        {"\xe3\xe3\xe3\xc8", 4},                          /* cut off */
        {"\xe3\xe0\x01\x02", 4},                          /* the same, of 4 bytes */
        {"\xed\xe4\xe4\xe4", 4},                          /* reserved */
        {"\xf0\xe4\xe4\xe4", 4}, {"\xcb\xc0\xe4\xe4", 4}, /* x34 */
        {"\xcb\x00\xe4\xe4", 4},                          /* lr and the one behind it */
        {"\xd3\x40\xe4\xe4", 4},                          /* x32 */
        {"\xd7\xc0\xe4\xe4", 4},                          /* x33 and lr */
        {"\xe7\x1f\x00\xe4", 4},                          /* save_any_reg of x31 */
        {"\xe7\x5e\x00\xe4", 4},                          /* lr and x31 */
        {"\xe7\x80\x00\xe4", 4},                          /* its highest bit */
        {"\xe7\x5f\x40\xe4", 4},                          /* d31 and d32 */
        {"\xe6\xe4\xe4\xe4", 4},                          /* save_next of nothing */
        {"\xe6\x01\xe4\xe4", 4}, {"\xe6\xd0\x00\xe4", 4}, /* of one register */
        {"\xe6\x81\xe4\xe4", 4},                          /* of fp and lr */
        {"\xe6\xe5\xe4\xe4", 4},
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        struct scene s;
        with_codes(&s, all[i].codes, all[i].size);
        scene_open(&s);
        if (scene_step(&s, BODY, true) != SC_STEP_BAD)
            fail_msg("codes %zu are taken for good", i);
        assert_true(s.step.missing == IMAGE + XDATA);
        scene_close(&s);
    }
}

static void save_next_stops_at_d15(void **state) {
    (void)state;
    struct scene s;
    /* From x27 on: d8 … d31 would be 12 pairs; 13 are too many. */
    CODES(&s, "\xe6\xe6\xe6\xe6\xe6\xe6\xe6\xe6\xe6\xe6\xe6\xe6\xe6\xca\x00\xe4");
    scene_open(&s);
    assert_int_equal(scene_step(&s, BODY, true), SC_STEP_BAD);
    scene_close(&s);
}

static void damaged_records_are_bad(void **state) {
    (void)state;
    struct scene s;
    CODES(&s, "\x81\xe4");
    peimg_u32(&s.image, XDATA, SIZE / 4 | 1u << 21 | 9u << 22 | 1u << 27); /* index behind them */
    scene_open(&s);
    assert_int_equal(scene_step(&s, BODY, true), SC_STEP_BAD);
    scene_close(&s);
    CODES(&s, "\x81\xe4");
    peimg_u32(&s.image, XDATA, SIZE / 4 | 1u << 18 | 1u << 27); /* version 1 */
    scene_open(&s);
    assert_int_equal(scene_step(&s, BODY, true), SC_STEP_NO_RULE);
    scene_close(&s);
    CODES(&s, "\x81\xe4");
    peimg_u32(&s.image, PDATA + 4, 0x7ffff0); /* outside of the image */
    scene_open(&s);
    assert_int_equal(scene_step(&s, BODY, true), SC_STEP_BAD);
    scene_close(&s);
    CODES(&s, "\x81\xe4");
    peimg_u32(&s.image, XDATA, SIZE / 4);
    peimg_u32(&s.image, XDATA + 4, 0xffff | 1u << 16); /* more scopes than the image has room */
    scene_open(&s);
    assert_int_equal(scene_step(&s, BODY, true), SC_STEP_BAD);
    scene_close(&s);
}

static void frames_of_vectors_are_not_guessed(void **state) {
    (void)state;
    struct scene s;
    CODES(&s, "\x81\xdf\x02\xe4");
    scene_slot(&s, 8, RETURN);
    scene_open(&s);
    assert_int_equal(scene_step(&s, BODY, true), SC_STEP_NO_RULE);
    scene_close(&s);
}

static void what_the_dump_lacks_is_unknown_or_missing(void **state) {
    (void)state;
    struct scene s;
    CODES(&s, "\xc8\x20\x81\xe4"); /* x19, x20 at 256; fp, lr */
    scene_slot(&s, 8, RETURN);
    s.stack_cut = SP_OFFSET + 256 + 8;
    scene_open(&s);
    arrives(&s, BODY, true, RETURN, 16);
    assert_true(is_known(&s, 19) && !is_known(&s, 20));
    scene_close(&s);
    CODES(&s, "\x81\xe4");
    s.stack_cut = SP_OFFSET + 8;
    scene_open(&s);
    assert_int_equal(scene_step(&s, BODY, true), SC_STEP_MEMORY);
    assert_true(s.step.missing == SP + 8);
    assert_true(sc_regs_sp(&s.regs) == SP);
    scene_close(&s);
    CODES(&s, "\xe8\xe4");
    s.stack_cut = SP_OFFSET + 0x100;
    scene_open(&s);
    assert_int_equal(scene_step(&s, BODY, true), SC_STEP_MEMORY);
    assert_true(s.step.missing == SP + 0x100);
    scene_close(&s);
}

static void an_fp_that_leads_down_is_none(void **state) {
    (void)state;
    struct scene s;
    CODES(&s, "\xe1\x81\xe4");
    scene_open(&s);
    regs_begin(&s.regs, IMAGE + BODY, SP);
    reg_put(&s.regs, ARM64_FP, SP - 0x40);
    assert_int_equal(scene_go(&s, true, UINT64_MAX), SC_STEP_NO_RULE);
    scene_close(&s);
}

/* Plans are kept: the same address again, others between, and none is mistaken for another. */
static void plans_are_kept_apart(void **state) {
    (void)state;
    struct scene s;
    CODES(&s, "\x81\xe4");
    scene_function(&s, BEGIN + SIZE, packed(1, 0, 0, 0, 3, 48));
    scene_slot(&s, 8, RETURN);
    scene_open(&s);
    for (int i = 0; i < 3; i++) {
        arrives(&s, BODY, true, RETURN, 16);
        arrives(&s, BODY + 4, false, RETURN, 16);
        arrives(&s, BEGIN, true, LR_OF_BEGIN, 0);
        regs_begin(&s.regs, IMAGE + BODY + SIZE, SP);
        reg_put(&s.regs, ARM64_FP, SP);
        assert_int_equal(scene_go(&s, true, UINT64_MAX), SC_STEP_DONE);
        assert_true(sc_regs_sp(&s.regs) == SP + 48);
    }
    scene_close(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(packed_data_stands_for_codes),
        cmocka_unit_test(packed_data_that_contradicts_itself_is_bad),
        cmocka_unit_test(a_packed_fragment_has_neither_prolog_nor_epilog),
        cmocka_unit_test(signatures_are_taken_off),
        cmocka_unit_test(the_kernel_says_what_a_signature_is),
        cmocka_unit_test(damaged_codes_are_bad),
        cmocka_unit_test(save_next_stops_at_d15),
        cmocka_unit_test(damaged_records_are_bad),
        cmocka_unit_test(frames_of_vectors_are_not_guessed),
        cmocka_unit_test(what_the_dump_lacks_is_unknown_or_missing),
        cmocka_unit_test(an_fp_that_leads_down_is_none),
        cmocka_unit_test(plans_are_kept_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
