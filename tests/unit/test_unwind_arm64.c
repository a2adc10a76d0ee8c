/* SPDX-License-Identifier: MIT */
/* Steps of ARM64: each unwind code, where in a function they count, and function tables. */
#include "unit/unwind_arm64_support.h"

/* ---- codes ---- */

static void allocations_are_taken_off(void **state) {
    (void)state;
    static const struct {
        const char *codes;
        size_t size;
        uint64_t bytes;
    } all[] = {
        {"\x1f\xe4", 2, 31 * 16},
        {"\xc0\x2a\xe4", 3, 0x2a * 16},
        {"\xc7\xff\xe4", 3, 0x7ff * 16},
        {"\xe0\x12\x34\x56\xe4", 5, 0x123456 * 16},
        {"\x01\xc1\x00\xe3\xe4", 5, 16 + 0x100 * 16},
        {"\xdf\x00\xe4", 3, 0}, /* no vector at all */
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        struct scene s;
        with_codes(&s, all[i].codes, all[i].size);
        scene_open(&s);
        arrives(&s, BODY, true, LR_OF_BEGIN, all[i].bytes);
        scene_close(&s);
    }
}

/* lr, which is where every step goes, comes back from the same places: so it is part of each. */
static void pairs_of_fp_and_lr_come_back(void **state) {
    (void)state;
    struct scene s;
    CODES(&s, "\x45\xe4"); /* stp fp, lr, [sp, #40] */
    scene_slot(&s, 40, 0x5151);
    scene_slot(&s, 48, RETURN);
    scene_open(&s);
    arrives(&s, BODY, true, RETURN, 0);
    holds(&s, ARM64_FP, 0x5151);
    assert_true(s.step.ret_slot == SP + 48);
    scene_close(&s);
    CODES(&s, "\x85\xe4"); /* stp fp, lr, [sp, #-48]! */
    scene_slot(&s, 0, 0x5152);
    scene_slot(&s, 8, RETURN);
    scene_open(&s);
    arrives(&s, BODY, true, RETURN, 48);
    holds(&s, ARM64_FP, 0x5152);
    assert_int_equal(s.step.how, SC_FRAME_UNWIND);
    assert_false(s.step.exact_ip);
    assert_true(s.step.known == KEPT_BITS);
    scene_close(&s);
}

/* A save: which registers come back from which slots, and how far sp moves. */
struct save {
    const char *codes;
    size_t size;
    unsigned reg, count; /* d registers: from 100 on */
    unsigned at, moved;
};

static uint64_t value_of(const struct scene *s, unsigned reg) {
    return reg >= 100 ? d_get(&s->regs, reg - 100) : reg_get(&s->regs, reg);
}

static void try_save(const struct save *save) {
    struct scene s;
    char codes[16];
    assert_true(save->size + 2 <= sizeof codes);
    memcpy(codes, save->codes, save->size);
    memcpy(codes + save->size, "\x82\xe4", 2); /* and below them stp fp, lr, [sp, #-24]! */
    with_codes(&s, codes, save->size + 2);
    for (unsigned i = 0; i < save->count; i++)
        scene_slot(&s, save->at + 8 * i, 0x7000 + i);
    scene_slot(&s, save->moved + 8, RETURN);
    scene_open(&s);
    arrives(&s, BODY, true, RETURN, save->moved + 24);
    for (unsigned i = 0; i < save->count; i++) {
        if (value_of(&s, save->reg + i) != 0x7000 + i)
            fail_msg("code 0x%02x: register %u is 0x%llx", (uint8_t)save->codes[0], save->reg + i,
                     (unsigned long long)value_of(&s, save->reg + i));
        if (save->reg < 100)
            assert_true(is_known(&s, save->reg + i));
    }
    for (unsigned i = ARM64_X19; i < ARM64_FP; i++)
        if (i - save->reg >= save->count)
            kept(&s, i);
    scene_close(&s);
}

static void saves_come_back(void **state) {
    (void)state;
    static const struct save all[] = {
        {"\x2a", 1, 19, 2, 0, 80},         /* save_r19r20_x */
        {"\xc8\x46", 2, 20, 2, 48, 0},     /* save_regp x20 */
        {"\xca\x02", 2, 27, 2, 16, 0},     /* save_regp x27 */
        {"\xcc\x85", 2, 21, 2, 0, 48},     /* save_regp_x x21 */
        {"\xd0\xc3", 2, 22, 1, 24, 0},     /* save_reg x22 */
        {"\xd2\x42", 2, 28, 1, 16, 0},     /* save_reg x28 */
        {"\xd4\x63", 2, 22, 1, 0, 32},     /* save_reg_x x22 */
        {"\xd5\x21", 2, 28, 1, 0, 16},     /* save_reg_x x28 */
        {"\xd8\x44", 2, 109, 2, 32, 0},    /* save_fregp d9 */
        {"\xda\x81", 2, 110, 2, 0, 16},    /* save_fregp_x d10 */
        {"\xdd\xc2", 2, 115, 1, 16, 0},    /* save_freg d15 */
        {"\xde\xe3", 2, 115, 1, 0, 32},    /* save_freg_x d15 */
        {"\xe7\x14\x03", 3, 20, 1, 24, 0}, /* save_any_reg x20 */
        {"\xe7\x53\x02", 3, 19, 2, 32, 0}, /* x19, x20 */
        {"\xe7\x33\x01", 3, 19, 1, 0, 32}, /* x19, pre-indexed */
        {"\xe7\x73\x01", 3, 19, 2, 0, 32}, /* x19, x20, pre-indexed */
        {"\xe7\x02\x02", 3, 2, 1, 16, 0},  /* x2: of those that no call keeps */
        {"\xe7\x09\x43", 3, 109, 1, 24, 0},
        {"\xe7\x48\x41", 3, 108, 2, 16, 0},
        {"\xe7\x28\x40", 3, 108, 1, 0, 16},
        {"\xe7\x08\x81", 3, 108, 1, 16, 0}, /* q8 */
        {"\xe6\xc8\x02", 3, 19, 4, 16, 0},  /* save_next */
        {"\xe6\xe6\x26", 3, 19, 6, 0, 48},
        {"\xe6\xd8\x42", 3, 109, 4, 16, 0},
        {"\xe6\xe6\xda\x05", 4, 108, 6, 0, 48},
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        try_save(&all[i]);
}

static void quads_and_lr_pairs_come_back(void **state) {
    (void)state;
    struct scene s;
    CODES(&s, "\xe7\x49\x81\xd6\x45\xe4"); /* q9, q10 at 16; x21, lr at 40 */
    for (unsigned i = 2; i < 6; i++)
        scene_slot(&s, 8 * i, 0x900 + i);
    scene_slot(&s, 40, 0x21);
    scene_slot(&s, 48, RETURN);
    scene_open(&s);
    arrives(&s, BODY, true, RETURN, 0);
    assert_true(reg_get(&s.regs, 33 + 2 * 9) == 0x902 && reg_get(&s.regs, 34 + 2 * 9) == 0x903);
    assert_true(reg_get(&s.regs, 33 + 2 * 10) == 0x904);
    holds(&s, 21, 0x21);
    assert_true(s.step.ret_slot == SP + 48);
    scene_close(&s);
}

/* Behind x27, x28 the next pair is d8, d9. */
static void the_next_pair_behind_x28_is_d8(void **state) {
    (void)state;
    struct scene s;
    CODES(&s, "\xe6\xe6\xca\x02\x81\xe4");
    for (unsigned i = 0; i < 6; i++)
        scene_slot(&s, 16 + 8 * i, 0x600 + i);
    scene_slot(&s, 8, RETURN);
    scene_open(&s);
    arrives(&s, BODY, true, RETURN, 16);
    holds(&s, 27, 0x600);
    holds(&s, 28, 0x601);
    for (unsigned i = 0; i < 4; i++)
        assert_true(d_get(&s.regs, 8 + i) == 0x602 + i);
    scene_close(&s);
}

static void fp_leads_to_sp(void **state) {
    (void)state;
    for (int add = 0; add < 2; add++) {
        struct scene s;
        if (add)
            CODES(&s, "\xe2\x04\x82\xe4");
        else
            CODES(&s, "\xe1\x82\xe4");
        scene_slot(&s, 0x100, 0x51);
        scene_slot(&s, 0x108, RETURN);
        scene_open(&s);
        regs_begin(&s.regs, IMAGE + BODY, SP);
        reg_put(&s.regs, ARM64_FP, SP + 0x100 + (add ? 32 : 0));
        assert_int_equal(scene_go(&s, true, UINT64_MAX), SC_STEP_DONE);
        assert_true(sc_regs_sp(&s.regs) == SP + 0x118);
        assert_true(sc_regs_ip(&s.regs) == RETURN);
        /* Without fp nothing leads there. */
        regs_begin(&s.regs, IMAGE + BODY, SP);
        assert_int_equal(scene_go(&s, true, ~(UINT64_C(1) << ARM64_FP)), SC_STEP_NO_RULE);
        scene_close(&s);
    }
}

static void codes_that_undo_nothing_undo_nothing(void **state) {
    (void)state;
    struct scene s;
    CODES(&s, "\xe3\xfc\xfd\xf8\x01\xf9\x01\x02\xfb\x01\x02\x03\x04\xe7\x08\xc4\x81\xe4");
    scene_slot(&s, 8, RETURN);
    scene_open(&s);
    arrives(&s, BODY, true, RETURN, 16);
    scene_close(&s);
}

/* ---- frames that were interrupted ---- */

enum { TRAP = 0x40 };

static void a_trap_frame_gives_all_that_is_volatile(void **state) {
    (void)state;
    struct scene s;
    CODES(&s, "\x04\xe8\xe4");
    for (unsigned i = 0; i < 19; i++)
        scene_slot(&s, TRAP + 0xa0 + 8 * i, 0x8000 + i);
    scene_slot(&s, TRAP + 0x90, 0x60000304);
    scene_slot(&s, TRAP + 0x98, SP - 0x200); /* another stack */
    scene_slot(&s, TRAP + 0x138, IMAGE + 0x1234);
    scene_slot(&s, TRAP + 0x140, 0xf9);
    scene_slot(&s, TRAP + 0x148, IMAGE + 0x5678);
    scene_open(&s);
    assert_int_equal(scene_step(&s, BODY, true), SC_STEP_DONE);
    assert_true(sc_regs_ip(&s.regs) == IMAGE + 0x5678 && sc_regs_sp(&s.regs) == SP - 0x200);
    for (unsigned i = 0; i < 19; i++)
        holds(&s, i, 0x8000 + i);
    kept(&s, 19);
    kept(&s, 28);
    holds(&s, ARM64_FP, 0xf9);
    holds(&s, ARM64_LR, IMAGE + 0x1234);
    assert_int_equal(s.step.how, SC_FRAME_TRAP);
    assert_true(s.step.exact_ip);
    assert_true(s.step.trap == SP + TRAP);
    assert_int_equal(sc_regs_flags(&s.regs), 0x60000304);
    scene_close(&s);
}

static void a_machine_frame_gives_sp_and_pc(void **state) {
    (void)state;
    struct scene s;
    CODES(&s, "\xc8\x04\x04\xe9\xe4");
    scene_slot(&s, 32, 0x19);
    scene_slot(&s, 40, 0x20);
    scene_slot(&s, TRAP, SP + 0x300);
    scene_slot(&s, TRAP + 8, IMAGE + 0x5678);
    scene_open(&s);
    assert_int_equal(scene_step(&s, BODY, false), SC_STEP_DONE);
    assert_true(sc_regs_ip(&s.regs) == IMAGE + 0x5678 && sc_regs_sp(&s.regs) == SP + 0x300);
    holds(&s, 19, 0x19);
    assert_true(s.step.exact_ip && s.step.trap == SP + TRAP);
    assert_int_equal(s.step.how, SC_FRAME_TRAP);
    assert_false(is_known(&s, ARM64_LR));
    scene_close(&s);
}

static void a_context_gives_everything(void **state) {
    (void)state;
    for (unsigned call = 0; call < 2; call++) {
        struct scene s;
        CODES(&s, "\xea\xe4");
        scene_slot(&s, 0, 0x400007 | (call ? 0x20000000 : 0));
        for (unsigned i = 0; i < 31; i++)
            scene_slot(&s, 8 + 8 * i, 0x9000 + i);
        scene_slot(&s, 0x100, SP + 0x500);
        scene_slot(&s, 0x108, IMAGE + 0x4444);
        scene_slot(&s, 0x110 + 16 * 8, 0xd8);
        scene_open(&s);
        assert_int_equal(scene_step(&s, BODY, true), SC_STEP_DONE);
        for (unsigned i = 0; i < 31; i++)
            holds(&s, i, 0x9000 + i);
        assert_true(sc_regs_ip(&s.regs) == IMAGE + 0x4444 && sc_regs_sp(&s.regs) == SP + 0x500);
        assert_true(d_get(&s.regs, 8) == 0xd8);
        assert_int_equal(s.step.exact_ip, !call);
        scene_close(&s);
    }
}

/* A CONTEXT of x64 with registers of ARM64EC. */
static void an_ec_context_gives_what_it_holds(void **state) {
    (void)state;
    struct scene s;
    CODES(&s, "\xeb\xe4");
    for (unsigned i = 0; i < 17; i++)
        scene_slot(&s, 0x78 + 8 * i, 0xa000 + i);
    scene_slot(&s, 0x98, SP + 0x600);
    scene_slot(&s, 0xf8, IMAGE + 0x4448);
    scene_slot(&s, 0x120, 0xb0);
    scene_slot(&s, 0x190, 0xb7);
    scene_slot(&s, 0x1a0 + 16 * 9, 0xd9);
    scene_open(&s);
    assert_int_equal(scene_step(&s, BODY, true), SC_STEP_DONE);
    assert_true(sc_regs_ip(&s.regs) == IMAGE + 0x4448 && sc_regs_sp(&s.regs) == SP + 0x600);
    holds(&s, 8, 0xa000);
    holds(&s, 0, 0xa001);
    holds(&s, 27, 0xa003);
    holds(&s, ARM64_FP, 0xa005);
    holds(&s, 22, 0xa00f);
    holds(&s, ARM64_LR, 0xb0);
    holds(&s, 15, 0xb7);
    assert_true(d_get(&s.regs, 9) == 0xd9);
    assert_false(is_known(&s, 13));
    assert_false(is_known(&s, 28));
    scene_close(&s);
}

static void where_code_goes_on_is_no_return_address(void **state) {
    (void)state;
    struct scene s;
    CODES(&s, "\x81\xec\xe4");
    scene_slot(&s, 8, IMAGE + 0x1234);
    scene_open(&s);
    arrives(&s, BODY, true, IMAGE + 0x1234, 16);
    assert_true(s.step.exact_ip);
    assert_true(!s.step.trap);
    scene_close(&s);
}

/* ---- where in a function ---- */

/* pacibsp; stp x19, x20, [sp, #-32]!; str x21, [sp, #16]; stp fp, lr, [sp, #-16]!; mov fp, sp */
#define PROLOG "\xe1\x81\xd0\x82\xcc\x03\xfc\xe4"

static struct scene *in_function(uint32_t head, const char *codes, size_t size) {
    struct scene *s = calloc(1, sizeof *s);
    assert_non_null(s);
    with_codes(s, codes, size);
    peimg_u32(&s->image, XDATA, SIZE / 4 | head | (uint32_t)(size + 3) / 4 << 27);
    return s;
}

/* What is left on the stack when N instructions of PROLOG have run: sp is above it. */
static void prolog_state(struct scene *s, unsigned n) {
    uint64_t at = 0;
    regs_begin(&s->regs, IMAGE + BEGIN + 4 * n, SP);
    reg_put(&s->regs, ARM64_LR, RETURN);
    if (n >= 4) {
        scene_slot(s, 0, 0xf9);
        scene_slot(s, 8, RETURN);
        at = 16;
    }
    if (n >= 2)
        scene_slot(s, (uint32_t)at, 0x19), scene_slot(s, (uint32_t)at + 8, 0x20);
    if (n >= 3)
        scene_slot(s, (uint32_t)at + 16, 0x21);
    if (n >= 5)
        reg_put(&s->regs, ARM64_FP, SP);
}

static void what_has_not_run_is_not_undone(void **state) {
    (void)state;
    static const unsigned size[] = {0, 0, 32, 32, 48, 48};
    for (unsigned n = 0; n <= 5; n++) {
        struct scene *s = in_function(0, PROLOG, sizeof PROLOG - 1);
        prolog_state(s, n);
        scene_open(s);
        assert_int_equal(scene_go(s, true, UINT64_MAX), SC_STEP_DONE);
        assert_true(sc_regs_ip(&s->regs) == RETURN);
        assert_int_equal(sc_regs_sp(&s->regs) - SP, size[n]);
        holds(s, 19, n >= 2 ? 0x19 : 0x1111000000000013);
        holds(s, 21, n >= 3 ? 0x21 : 0x1111000000000015);
        holds(s, ARM64_FP, n >= 4 ? 0xf9 : 0x111100000000001d);
        scene_close(s);
        free(s);
    }
}

/*
 * A call in the prolog, of a function that allocates for its caller: when that one has been left,
 * it is as if it had not been called.
 */
static void a_call_in_a_prolog_has_not_happened_yet(void **state) {
    (void)state;
    struct scene *s = in_function(0, "\x01\x81\xe4", 3); /* stp fp, lr; bl */
    scene_slot(s, 8, RETURN);
    scene_open(s);
    arrives(s, BEGIN + 8, false, RETURN, 16);
    arrives(s, BEGIN + 8, true, 0, 32); /* what the next slots hold */
    scene_close(s);
    free(s);
}

/* Epilog: ldp fp, lr, [sp], #16; ldr x21, …; ldp x19, x20, …; autibsp; ret: index 1, at the end. */
static void what_an_epilog_has_undone_is_not_undone_again(void **state) {
    (void)state;
    static const unsigned left[] = {48, 32, 32, 0, 0};
    for (unsigned way = 0; way < 2; way++) {
        for (unsigned n = 0; n < 5; n++) {
            struct scene *s = in_function(1u << 21 | 1u << 22, PROLOG, sizeof PROLOG - 1);
            uint32_t start = SIZE / 4 - 5;
            if (way) { /* two scopes, the second one is it */
                start = 0x60;
                peimg_u32(&s->image, XDATA, SIZE / 4 | 2u << 22 | 2u << 27);
                peimg_u32(&s->image, XDATA + 4, 0x40 | 1u << 22);
                peimg_u32(&s->image, XDATA + 8, start | 1u << 22);
                scene_bytes(s, XDATA + 12, PROLOG, sizeof PROLOG - 1);
            }
            regs_begin(&s->regs, IMAGE + BEGIN + 4 * (start + n), SP);
            reg_put(&s->regs, ARM64_LR, RETURN);
            uint32_t at = n < 1 ? 16 : 0;
            if (n < 1) {
                scene_slot(s, 0, 0xf9);
                scene_slot(s, 8, RETURN);
            }
            if (n < 2)
                scene_slot(s, at + 16, 0x21);
            if (n < 3)
                scene_slot(s, at, 0x19), scene_slot(s, at + 8, 0x20);
            scene_open(s);
            assert_int_equal(scene_go(s, true, UINT64_MAX), SC_STEP_DONE);
            assert_true(sc_regs_ip(&s->regs) == RETURN);
            assert_int_equal(sc_regs_sp(&s->regs) - SP, left[n]);
            holds(s, 19, n < 3 ? 0x19 : 0x1111000000000013);
            holds(s, 21, n < 2 ? 0x21 : 0x1111000000000015);
            scene_close(s);
            free(s);
        }
    }
}

/* Between two epilogs, and behind the first one's return, the body goes on. */
static void behind_an_epilog_the_body_goes_on(void **state) {
    (void)state;
    struct scene *s = in_function(0, "\x81\xe4\xe4", 3);
    peimg_u32(&s->image, XDATA, SIZE / 4 | 1u << 22 | 1u << 27);
    peimg_u32(&s->image, XDATA + 4, 0x20 | 0u << 22);
    scene_bytes(s, XDATA + 8, "\x81\xe4\xe4", 3);
    scene_slot(s, 8, RETURN);
    scene_open(s);
    arrives(s, BEGIN + 0x7c, true, RETURN, 16);
    arrives(s, BEGIN + 0x80, true, RETURN, 16);
    arrives(s, BEGIN + 0x84, true, LR_OF_BEGIN, 0); /* at the return */
    arrives(s, BEGIN + 0x88, true, RETURN, 16);
    scene_close(s);
    free(s);
}

static void a_fragment_undoes_its_parents_prolog(void **state) {
    (void)state;
    struct scene s;
    /* str x21, [sp, #24] is this fragment's own; behind end_c the parent's. */
    CODES(&s, "\xd0\x83\xe5\x81\xcc\x03\xe4");
    scene_slot(&s, 0, 0xf9);
    scene_slot(&s, 8, RETURN);
    scene_slot(&s, 16, 0x19);
    scene_slot(&s, 24, 0x21);
    scene_open(&s);
    arrives(&s, BEGIN, true, RETURN, 48);
    kept(&s, 21);
    arrives(&s, BODY, true, RETURN, 48);
    holds(&s, 21, 0x21);
    holds(&s, 19, 0x19);
    scene_close(&s);
}

static void many_epilogs_are_looked_through(void **state) {
    (void)state;
    enum { COUNT = 200 };
    struct scene *s = in_function(0, "\xe4", 1);
    peimg_u32(&s->image, XDATA, 0x8000 / 4);
    peimg_u32(&s->image, XDATA + 4, COUNT | 1u << 16);
    for (uint32_t i = 0; i < COUNT; i++)
        peimg_u32(&s->image, XDATA + 8 + 4 * i, (4 + 4 * i) | 1u << 22);
    scene_bytes(s, XDATA + 8 + 4 * COUNT, "\x81\x81\xe4\xe3", 4);
    scene_slot(s, 8, RETURN);
    scene_slot(s, 24, RETURN + 4);
    scene_open(s);
    for (uint32_t i = 0; i < COUNT; i += 33) {
        arrives(s, BEGIN + 16 + 16 * i, true, RETURN, 16);
        arrives(s, BEGIN + 20 + 16 * i, true, LR_OF_BEGIN, 0);
        arrives(s, BEGIN + 24 + 16 * i, true, RETURN + 4, 32);
    }
    scene_close(s);
    free(s);
}

/* ---- tables ---- */

static void a_leaf_returns_through_lr(void **state) {
    (void)state;
    struct scene s;
    CODES(&s, "\x81\xe4");
    scene_open(&s);
    regs_begin(&s.regs, IMAGE + 0x1800, SP);
    reg_put(&s.regs, ARM64_LR, RETURN);
    assert_int_equal(scene_go(&s, true, UINT64_MAX), SC_STEP_DONE);
    assert_true(sc_regs_ip(&s.regs) == RETURN && sc_regs_sp(&s.regs) == SP);
    assert_int_equal(s.step.how, SC_FRAME_LEAF);
    assert_true(s.step.known == KEPT_BITS);
    assert_true(!s.step.ret_slot);
    /* Who has called somebody is no leaf. */
    assert_int_equal(scene_step(&s, 0x1800, false), SC_STEP_NO_RULE);
    /* Nor does an lr lead anywhere that nobody knows. */
    regs_begin(&s.regs, IMAGE + 0x1800, SP);
    assert_int_equal(scene_go(&s, true, ~(UINT64_C(1) << ARM64_LR)), SC_STEP_NO_RULE);
    scene_close(&s);
}

static void a_call_at_the_end_belongs_to_its_function(void **state) {
    (void)state;
    struct scene s;
    CODES(&s, "\x81\xe4");
    scene_function(&s, BEGIN + SIZE, XDATA + 0x100);
    scene_xdata(&s, XDATA + 0x100, SIZE, "\x82\xe4", 2);
    scene_slot(&s, 8, RETURN);
    scene_open(&s);
    arrives(&s, BEGIN + SIZE, false, RETURN, 16);
    arrives(&s, BEGIN + SIZE, true, LR_OF_BEGIN, 0);
    scene_close(&s);
}

/* Flag 3: stands for another entry; no instruction of that one has run. */
static void an_entry_may_stand_for_another(void **state) {
    (void)state;
    struct scene s;
    CODES(&s, "\x81\xe4");
    scene_function(&s, 0x1800, PDATA | 3);
    scene_function(&s, 0x1900, PDATA | 4 | 3);
    scene_function(&s, 0x1a00, (PDATA + 8) | 3); /* which stands for another itself */
    scene_open(&s);
    arrives(&s, 0x1880, true, LR_OF_BEGIN, 0);
    assert_int_equal(scene_step(&s, 0x1900, true), SC_STEP_NO_RULE);
    assert_int_equal(scene_step(&s, 0x1a00, true), SC_STEP_BAD);
    scene_close(&s);
}

static void without_a_table_there_is_no_rule(void **state) {
    (void)state;
    struct scene s;
    CODES(&s, "\x81\xe4");
    s.no_table = true;
    scene_open(&s);
    assert_int_equal(scene_step(&s, BODY, true), SC_STEP_NO_RULE);
    scene_close(&s);
    CODES(&s, "\x81\xe4");
    scene_open(&s);
    regs_begin(&s.regs, 0x1234, SP);
    assert_int_equal(scene_go(&s, true, UINT64_MAX), SC_STEP_NO_RULE);
    scene_close(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(allocations_are_taken_off),
        cmocka_unit_test(pairs_of_fp_and_lr_come_back),
        cmocka_unit_test(saves_come_back),
        cmocka_unit_test(quads_and_lr_pairs_come_back),
        cmocka_unit_test(the_next_pair_behind_x28_is_d8),
        cmocka_unit_test(fp_leads_to_sp),
        cmocka_unit_test(codes_that_undo_nothing_undo_nothing),
        cmocka_unit_test(a_trap_frame_gives_all_that_is_volatile),
        cmocka_unit_test(a_machine_frame_gives_sp_and_pc),
        cmocka_unit_test(a_context_gives_everything),
        cmocka_unit_test(an_ec_context_gives_what_it_holds),
        cmocka_unit_test(where_code_goes_on_is_no_return_address),
        cmocka_unit_test(what_has_not_run_is_not_undone),
        cmocka_unit_test(a_call_in_a_prolog_has_not_happened_yet),
        cmocka_unit_test(what_an_epilog_has_undone_is_not_undone_again),
        cmocka_unit_test(behind_an_epilog_the_body_goes_on),
        cmocka_unit_test(a_fragment_undoes_its_parents_prolog),
        cmocka_unit_test(many_epilogs_are_looked_through),
        cmocka_unit_test(a_leaf_returns_through_lr),
        cmocka_unit_test(a_call_at_the_end_belongs_to_its_function),
        cmocka_unit_test(an_entry_may_stand_for_another),
        cmocka_unit_test(without_a_table_there_is_no_rule),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
