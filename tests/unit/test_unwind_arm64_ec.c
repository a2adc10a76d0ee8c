/* SPDX-License-Identifier: MIT */
/*
 * Images of two kinds of code: ARM64EC code, whose registers lie in a CONTEXT of x64, beside x64
 * code, each with its own function table.
 */
#include "unit/unwind_arm64_support.h"

enum {
    EC_TABLE = 0x4c00,
    CONFIG = 0x5000,
    CHPE = 0x5400,
    MAP = 0x5800,
    EC_CODE = 0x1000, /* 0x800 bytes of ARM64EC, then as many of x64 */
    X64_CODE = 0x1800,
};

/*
 * EC_CODE has one function, which saves x19, x20 below fp, lr; X64_CODE one that takes 0x28 bytes.
 * What is not in the tables is a leaf.
 */
static void hybrid_init(struct scene *s, uint16_t machine) {
    static const uint32_t map[] = {EC_CODE | 1, 0x800, X64_CODE | 2, 0x800};
    static const uint32_t head[] = {1, MAP, 2};
    static const uint32_t ec[] = {EC_CODE, XDATA},
                          x64[] = {X64_CODE, X64_CODE + 0x100, XDATA + 0x80};
    scene_init(s);
    peimg_init(&s->image, machine);
    s->cpu = machine == 0x8664 ? SC_CPU_X64 : SC_CPU_ARM64;
    s->no_table = true;
    peimg_dir(&s->image, SC_PE_DIR_LOAD_CONFIG, CONFIG, 0x140);
    peimg_u32(&s->image, CONFIG, 0x140);
    peimg_u64(&s->image, CONFIG + 0xc8, IMAGE + CHPE);
    peimg_u32s(&s->image, CHPE, head, 3);
    peimg_u32(&s->image, CHPE + 0x40, EC_TABLE);
    peimg_u32(&s->image, CHPE + 0x44, 8);
    peimg_u32s(&s->image, MAP, map, 4);
    peimg_u32s(&s->image, EC_TABLE, ec, 2);
    scene_xdata(s, XDATA, 0x200, "\x24\x81\xe4", 3); /* stp fp, lr; stp x19, x20, [sp, #-32]! */
    if (machine != 0x8664)
        return;
    peimg_u32s(&s->image, PDATA, x64, 3);
    peimg_dir(&s->image, SC_PE_DIR_EXCEPTION, PDATA, 12);
    scene_bytes(s, XDATA + 0x80, "\x01\x04\x01\x00\x04\x42", 6);
}

/* Register N of x64 in a CONTEXT; 16 is rip. */
static uint64_t x64_get(const struct sc_regs *r, unsigned n) {
    uint64_t v = 0;
    for (unsigned i = 8; i-- > 0;)
        v = v << 8 | r->raw[0x78 + 8 * n + i];
    return v;
}

static void x64_put(struct sc_regs *r, unsigned offset, uint64_t v) {
    for (unsigned i = 0; i < 8; i++)
        r->raw[offset + i] = (uint8_t)(v >> (8 * i));
}

static enum sc_step_status x64_step(struct scene *s, uint32_t rva, bool exact, uint64_t known,
                                    uint64_t lr) {
    struct sc_unwind_module *m = NULL;
    s->regs = (struct sc_regs){.cpu = SC_CPU_X64, .size = 0x4d0};
    for (unsigned i = 0; i < 16; i++)
        x64_put(&s->regs, 0x78 + 8 * i, 0x3333000000000000 + i);
    x64_put(&s->regs, 0x98, SP);
    x64_put(&s->regs, 0xf8, IMAGE + rva);
    x64_put(&s->regs, 0x120, lr);
    s->step = (struct sc_step){.known = known};
    ok(sc_unwind_module_at(s->unwinder, IMAGE + rva, &m));
    return sc_step_x64(s->unwinder, m, exact, &s->regs, &s->step);
}

static void ec_functions_are_left_by_their_own_table(void **state) {
    (void)state;
    struct scene s;
    hybrid_init(&s, 0x8664);
    scene_slot(&s, 0, 0x19);
    scene_slot(&s, 8, 0x20);
    scene_slot(&s, 32, 0xf9);
    scene_slot(&s, 40, RETURN);
    scene_open(&s);
    for (int exact = 0; exact < 2; exact++) {
        assert_int_equal(x64_step(&s, EC_CODE + 0x100, exact, exact ? UINT64_MAX : 0xffff, 0),
                         SC_STEP_DONE);
        assert_true(x64_get(&s.regs, 16) == RETURN && x64_get(&s.regs, 4) == SP + 48);
        assert_true(x64_get(&s.regs, 12) == 0x19 && x64_get(&s.regs, 13) == 0x20);
        assert_true(x64_get(&s.regs, 5) == 0xf9);
        assert_true(x64_get(&s.regs, 3) == 0x3333000000000003); /* x27 is kept */
        /* rbx, rsp, rbp, rsi, rdi, r12 … r15: x27, sp, fp, x25, x26, x19 … x22 */
        assert_int_equal(s.step.known, 0xf0f8);
        assert_int_equal(s.step.how, SC_FRAME_UNWIND);
    }
    scene_close(&s);
}

static void an_ec_leaf_returns_through_lr(void **state) {
    (void)state;
    struct scene s;
    hybrid_init(&s, 0x8664);
    scene_open(&s);
    assert_int_equal(x64_step(&s, EC_CODE + 0x400, true, UINT64_MAX, RETURN), SC_STEP_DONE);
    assert_true(x64_get(&s.regs, 16) == RETURN && x64_get(&s.regs, 4) == SP);
    assert_int_equal(s.step.how, SC_FRAME_LEAF);
    /* lr is not known of a caller, nor where only x64's registers are. */
    assert_int_equal(x64_step(&s, EC_CODE + 0x400, false, UINT64_MAX, RETURN), SC_STEP_NO_RULE);
    assert_int_equal(x64_step(&s, EC_CODE + 0x400, true, 0xffff, RETURN), SC_STEP_NO_RULE);
    assert_true(x64_get(&s.regs, 16) == IMAGE + EC_CODE + 0x400);
    scene_close(&s);
}

static void x64_code_beside_it_is_left_as_ever(void **state) {
    (void)state;
    struct scene s;
    hybrid_init(&s, 0x8664);
    scene_slot(&s, 0x28, RETURN);
    scene_open(&s);
    assert_int_equal(x64_step(&s, X64_CODE + 0x40, true, UINT64_MAX, 0), SC_STEP_DONE);
    assert_true(x64_get(&s.regs, 16) == RETURN && x64_get(&s.regs, 4) == SP + 0x30);
    /* And ARM64EC code again: both tables are kept. */
    assert_int_equal(x64_step(&s, EC_CODE + 0x400, true, UINT64_MAX, RETURN), SC_STEP_DONE);
    assert_int_equal(x64_step(&s, X64_CODE + 0x40, true, UINT64_MAX, 0), SC_STEP_DONE);
    scene_close(&s);
}

/* What stands behind a call that is the last instruction of ARM64EC code may be x64 code. */
static void the_call_decides_which_code_it_is(void **state) {
    (void)state;
    struct scene s;
    hybrid_init(&s, 0x8664);
    peimg_u32(&s.image, XDATA, 0x800 / 4 | 1u << 27);
    scene_slot(&s, 40, RETURN);
    scene_open(&s);
    assert_int_equal(x64_step(&s, X64_CODE, false, 0xffff, 0), SC_STEP_DONE);
    assert_true(x64_get(&s.regs, 16) == RETURN && x64_get(&s.regs, 4) == SP + 48);
    scene_close(&s);
}

/* In a process whose contexts are ARM64's, x64 code is emulated: nothing is known of its frames. */
static void emulated_code_has_no_rule(void **state) {
    (void)state;
    struct scene s;
    hybrid_init(&s, 0xaa64);
    scene_slot(&s, 40, RETURN);
    scene_open(&s);
    arrives(&s, EC_CODE + 0x100, true, RETURN, 48);
    assert_int_equal(scene_step(&s, X64_CODE + 0x40, true), SC_STEP_NO_RULE);
    /* Nor is there a table for its own code. */
    assert_int_equal(scene_step(&s, 0x2040, true), SC_STEP_NO_RULE);
    scene_close(&s);
}

static void registers_go_there_and_back(void **state) {
    (void)state;
    struct sc_regs x64 = {.cpu = SC_CPU_X64, .size = 0x4d0}, arm, back = x64;
    uint64_t known = 0;
    for (unsigned i = 0; i < 0x4d0; i++)
        x64.raw[i] = (uint8_t)(i * 7);
    arm64ec_take(&x64, UINT64_MAX, &arm, &known);
    /* All but x13, x14, x18, x23, x24, x28. */
    assert_true(known == (UINT64_C(0xffffffff) & ~UINT64_C(0x11846000)));
    assert_int_equal(reg_get(&arm, 6) & 0xffff, x64.raw[0x130] | x64.raw[0x131] << 8);
    assert_int_equal(reg_get(&arm, 16) >> 16 & 0xffff, x64.raw[0x138] | x64.raw[0x139] << 8);
    assert_int_equal(reg_get(&arm, 17) & 0xffff, x64.raw[0x168] | x64.raw[0x169] << 8);
    arm64ec_give(&arm, known, &back, &known);
    assert_memory_equal(back.raw + 0x78, x64.raw + 0x78, 0x88);
    assert_memory_equal(back.raw + 0x1a0, x64.raw + 0x1a0, 0x100);
    for (unsigned i = 0; i < 8; i++)
        assert_memory_equal(back.raw + 0x120 + 16 * i, x64.raw + 0x120 + 16 * i, 10);
    assert_true(known == (0xffff | ARM64EC_LR));
}

static void damaged_metadata_is_none(void **state) {
    (void)state;
    static const uint32_t tables[][2] = {{0, 8}, {0xffffff00, 8}, {EC_TABLE, 4}, {EC_TABLE, 0}};
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
        struct scene s;
        hybrid_init(&s, 0x8664);
        peimg_u32(&s.image, CHPE + 0x40, tables[i][0]);
        peimg_u32(&s.image, CHPE + 0x44, tables[i][1]);
        scene_open(&s);
        assert_int_equal(x64_step(&s, EC_CODE + 0x100, true, UINT64_MAX, RETURN), SC_STEP_NO_RULE);
        scene_close(&s);
    }
    struct scene s;
    hybrid_init(&s, 0x8664);
    peimg_u32(&s.image, CHPE + 8, 0x7fffffff); /* more ranges than the image has room for */
    scene_slot(&s, 0, RETURN);
    scene_open(&s);
    assert_int_equal(x64_step(&s, X64_CODE + 0x400, true, UINT64_MAX, 0), SC_STEP_DONE);
    scene_close(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ec_functions_are_left_by_their_own_table),
        cmocka_unit_test(an_ec_leaf_returns_through_lr),
        cmocka_unit_test(x64_code_beside_it_is_left_as_ever),
        cmocka_unit_test(the_call_decides_which_code_it_is),
        cmocka_unit_test(emulated_code_has_no_rule),
        cmocka_unit_test(registers_go_there_and_back),
        cmocka_unit_test(damaged_metadata_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
