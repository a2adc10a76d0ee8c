/* SPDX-License-Identifier: MIT */
/* Chains of frame pointers: x86, and the 64-bit CPUs where nothing else says anything. */
#include "unit/x86_fixture.h"

/* ---- x86 ---- */

static struct x86 *chained(uint32_t ebp, uint32_t back, uint32_t ret) {
    struct x86 *x = x86_new();
    x86_call(x, TEXT + 0x200);
    x86_reg(x, "ebp", ebp);
    if (ebp >= STACK && ebp <= STACK + STACK_SIZE - 8) {
        x86_poke(x, ebp, back);
        x86_poke(x, ebp + 4, ret);
    }
    return x;
}

enum { RET = APP + TEXT + 0x205 };

static void the_chain_leads_to_the_caller(void **state) {
    (void)state;
    struct x86 *x = chained(EBP, EBP + 0x20, RET);
    x86_symbol(x, "_f@12", TEXT);
    x86_steps(x, sc_step_pointer, SC_STEP_DONE);
    x86_caller(x, RET, EBP + 8, EBP + 0x20);
    assert_int_equal(x->step.how, SC_FRAME_POINTER);
    assert_int_equal(x->step.base, EBP);
    assert_int_equal(x->step.ret_slot, EBP + 4);
    assert_int_equal(x->step.known, ESP_BIT | EBP_BIT);
    assert_int_equal(x->step.callee_params, 12);
    assert_true(x->step.callee_pops);
    x86_free(x);
}

static void an_ebp_that_is_no_frame_is_refused(void **state) {
    (void)state;
    static const uint32_t bad[] = {EBP + 1, EBP + 2, ESP - 4, STACK, 5, ESP + 0x400004, 0xfffffffc};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct x86 *x = chained(bad[i], EBP + 0x20, RET);
        x86_steps(x, sc_step_pointer, SC_STEP_NO_RULE);
        x86_free(x);
    }
}

static void a_return_address_that_is_none_is_refused(void **state) {
    (void)state;
    /* Low; in the headers; data; the stack. */
    static const uint32_t bad[] = {5, APP + 0x10, APP + PEIMG_DATA + 0x20, STACK + 0x40};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct x86 *x = chained(EBP, EBP + 0x20, bad[i]);
        x86_steps(x, sc_step_pointer, SC_STEP_NO_RULE);
        x86_free(x);
    }
}

/* Memory made at run time is seldom in a dump: then the next frame pointer must be a likely one. */
static void a_caller_outside_of_all_modules_needs_a_chain(void **state) {
    (void)state;
    static const struct {
        uint32_t back;
        enum sc_step_status want;
    } all[] = {{EBP + 0x20, SC_STEP_DONE},
               {EBP, SC_STEP_NO_RULE},
               {0, SC_STEP_NO_RULE},
               {EBP - 8, SC_STEP_NO_RULE},
               {0x77777777, SC_STEP_NO_RULE}};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        struct x86 *x = chained(EBP, all[i].back, 0x2000000);
        x86_steps(x, sc_step_pointer, all[i].want);
        x86_free(x);
    }
}

static void a_zero_ends_the_chain(void **state) {
    (void)state;
    struct x86 *x = chained(EBP, 0, 0);
    x86_steps(x, sc_step_pointer, SC_STEP_DONE);
    assert_int_equal(x86_get(x, "eip"), 0);
    assert_int_equal(x->step.base, EBP);
    x86_free(x);
    x = chained(0, 0, 0);
    x86_steps(x, sc_step_pointer, SC_STEP_DONE);
    assert_int_equal(x86_get(x, "eip"), 0);
    assert_int_equal(x->step.base, 0);
    assert_int_equal(x->step.ret_slot, 0);
    x86_free(x);
    /* Where a thread stopped, ebp may be 0 for any reason. */
    x = chained(0, 0, 0);
    x->exact = true;
    x86_steps(x, sc_step_pointer, SC_STEP_NO_RULE);
    x86_free(x);
}

static void an_ebp_that_nobody_knows_leads_nowhere(void **state) {
    (void)state;
    struct x86 *x = chained(EBP, EBP + 0x20, RET);
    x->step.known = ALL_BITS & ~EBP_BIT;
    x86_steps(x, sc_step_pointer, SC_STEP_NO_RULE);
    x86_free(x);
}

static void a_chain_that_leaves_the_dump_says_where(void **state) {
    (void)state;
    struct x86 *x = chained(STACK + STACK_SIZE - 4, 0, 0);
    x86_steps(x, sc_step_pointer, SC_STEP_MEMORY);
    assert_int_equal(x->step.missing, STACK + STACK_SIZE);
    x86_free(x);
}

/* Whatever the chain looks like, a walk along it ends. */
static void cyclic_chains_end(void **state) {
    (void)state;
    static const uint32_t back[] = {EBP, EBP - 0x10, EBP + 0x10};
    for (size_t i = 0; i < 3; i++) {
        struct x86 *x = chained(EBP, back[i], RET);
        struct sc_stack stack;
        x86_poke(x, EBP + 0x10, EBP);
        x86_poke(x, EBP + 0x14, RET);
        x86_open(x);
        no_error(sc_stack_walk(x->u, &x->regs, &(struct sc_stack_opts){.no_scan = true}, &stack));
        assert_true(stack.count <= 3);
        sc_stack_deinit(&stack);
        x86_free(x);
    }
}

/* ---- 64-bit CPUs ---- */

#define BASE    UINT64_C(0x140000000)
#define STACK64 UINT64_C(0x7ff000)
#define KERNEL  UINT64_C(0xfffff80000000000)

enum { SIZE64 = 0x400 };

struct big {
    struct sc_regs regs;
    uint8_t stack[SIZE64];
    uint8_t code[0x100]; /* at `base`, no image: nothing has a function table */
    uint64_t base;
    struct sc_symbol symbols[2];
    struct fakesyms f;
    struct world w;
    sc_unwinder *u;
    struct sc_step step;
};

static struct big *big_new(enum sc_cpu cpu) {
    struct big *b = calloc(1, sizeof *b);
    assert_non_null(b);
    b->base = BASE;
    b->regs = (struct sc_regs){.cpu = cpu, .size = (uint32_t)sc_context_size(cpu)};
    if (cpu == SC_CPU_X64)
        memcpy(b->regs.raw + 0x30, "\x1f\0\x10\0", 4);
    else
        memcpy(b->regs.raw, "\x07\0\x40\0", 4);
    b->step.known = UINT64_MAX;
    b->symbols[0] = (struct sc_symbol){.name = "f", .kind = SC_SYM_PUBLIC, .rva = 0};
    b->symbols[1] = (struct sc_symbol){.name = "g", .kind = SC_SYM_PUBLIC, .rva = 0x80};
    b->f = (struct fakesyms){.provider = "pdb", .symbols = b->symbols, .nsymbols = 2};
    return b;
}

static void big_reg(struct big *b, const char *name, uint64_t value) {
    sc_reg_set(&b->regs, sc_reg_find(b->regs.cpu, name), value);
}

static uint64_t big_get(const struct big *b, const char *name) {
    return sc_reg_value(&b->regs, sc_reg_find(b->regs.cpu, name));
}

static void big_pair(struct big *b, uint64_t fp, uint64_t back, uint64_t ret) {
    for (int i = 0; i < 8; i++) {
        b->stack[fp - STACK64 + (uint64_t)i] = (uint8_t)(back >> (8 * i));
        b->stack[fp - STACK64 + 8 + (uint64_t)i] = (uint8_t)(ret >> (8 * i));
    }
}

static enum sc_step_status big_step(struct big *b, bool exact, bool has_table) {
    const struct sc_module module = {
        .base = b->base, .size = sizeof b->code, .name = "app", .image = "app.exe"};
    const struct sc_fake_bytes bytes[] = {{STACK64, b->stack, SIZE64},
                                          {b->base, b->code, sizeof b->code}};
    const struct sc_fake fake = {.sz = sizeof fake,
                                 .cpu = b->regs.cpu,
                                 .modules = &module,
                                 .nmodules = 1,
                                 .memory = bytes,
                                 .nmemory = 2};
    struct sc_unwind_module *m = NULL;
    world_open(&b->w, &fake, NULL, NULL, NULL);
    attach(&b->w, "app", &b->f);
    no_error(sc_unwinder_create(b->w.target, b->w.symtab, &b->u));
    no_error(sc_unwind_module_at(b->u, sc_regs_ip(&b->regs), &m));
    if (m)
        m->has_table = has_table;
    return sc_step_pointer(b->u, m, exact, &b->regs, &b->step);
}

static void big_free(struct big *b) {
    sc_unwinder_destroy(b->u);
    world_close(&b->w);
    free(b);
}

static struct big *x64_frame(uint64_t ip) {
    struct big *b = big_new(SC_CPU_X64);
    memcpy(b->code + 0x10, "\xff\xd0", 2); /* call rax */
    big_reg(b, "rip", ip);
    big_reg(b, "rsp", STACK64 + 0x40);
    big_reg(b, "rbp", STACK64 + 0x80);
    big_pair(b, STACK64 + 0x80, STACK64 + 0x100, BASE + 0x12);
    return b;
}

static void x64_code_outside_of_modules_has_frames_of_rbp(void **state) {
    (void)state;
    struct big *b = x64_frame(UINT64_C(0x7ffe00001000));
    assert_int_equal(big_step(b, false, false), SC_STEP_DONE);
    assert_true(big_get(b, "rip") == BASE + 0x12);
    assert_true(big_get(b, "rsp") == STACK64 + 0x90);
    assert_true(big_get(b, "rbp") == STACK64 + 0x100);
    assert_int_equal(b->step.known, 1 << 4 | 1 << 5);
    assert_true(b->step.base == STACK64 + 0x90);
    big_free(b);
}

static void x64_modules_with_a_table_have_none(void **state) {
    (void)state;
    for (int table = 0; table < 2; table++) {
        struct big *b = x64_frame(BASE + 0x40);
        assert_int_equal(big_step(b, false, table), table ? SC_STEP_NO_RULE : SC_STEP_DONE);
        big_free(b);
    }
}

static struct big *arm64_frame(uint64_t lr) {
    struct big *b = big_new(SC_CPU_ARM64);
    memcpy(b->code + 0x10, "\x01\0\0\x94", 4); /* bl */
    memcpy(b->code + 0x90, "\0\0\x3f\xd6", 4); /* blr x0 */
    big_reg(b, "pc", BASE + 0x40);
    big_reg(b, "sp", STACK64 + 0x40);
    big_reg(b, "fp", STACK64 + 0x80);
    big_reg(b, "lr", lr);
    big_pair(b, STACK64 + 0x80, STACK64 + 0x100, BASE + 0x14);
    return b;
}

static void arm64_pairs_lead_to_the_caller(void **state) {
    (void)state;
    struct big *b = arm64_frame(BASE + 0x34); /* from a call in the function itself */
    memcpy(b->code + 0x30, "\x01\0\0\x94", 4);
    assert_int_equal(big_step(b, true, false), SC_STEP_DONE);
    assert_true(big_get(b, "pc") == BASE + 0x14);
    assert_true(big_get(b, "fp") == STACK64 + 0x100);
    assert_true(b->step.known == UINT64_C(1) << 29);
    assert_true(b->step.ret_slot == STACK64 + 0x88);
    big_free(b);
}

static void an_arm64_leaf_returns_through_lr(void **state) {
    (void)state;
    for (int exact = 0; exact < 2; exact++) {
        struct big *b = arm64_frame(BASE + 0x94);
        assert_int_equal(big_step(b, exact, false), SC_STEP_DONE);
        assert_true(big_get(b, "pc") == BASE + (exact ? 0x94u : 0x14u));
        if (exact) {
            assert_true(big_get(b, "fp") == STACK64 + 0x80);
            assert_true(big_get(b, "sp") == STACK64 + 0x40);
            assert_int_equal(b->step.ret_slot, 0);
            assert_false(b->step.known >> 30 & 1);
        }
        big_free(b);
    }
}

static void an_lr_that_is_no_return_address_is_left_over(void **state) {
    (void)state;
    static const uint64_t bad[] = {0, 5, BASE + 0x96, STACK64 + 0x10, BASE + 0x98, BASE + 0x14};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct big *b = arm64_frame(bad[i]);
        assert_int_equal(big_step(b, true, false), SC_STEP_DONE);
        assert_true(big_get(b, "pc") == BASE + 0x14);
        big_free(b);
    }
}

static void signatures_are_taken_off(void **state) {
    (void)state;
    struct big *b = arm64_frame(0);
    big_pair(b, STACK64 + 0x80, STACK64 + 0x100, (BASE + 0x14) | UINT64_C(0x5a) << 56);
    assert_int_equal(big_step(b, false, false), SC_STEP_DONE);
    assert_true(big_get(b, "pc") == BASE + 0x14);
    big_free(b);
    b = arm64_frame(0);
    b->base = KERNEL;
    big_reg(b, "pc", KERNEL + 0x40);
    big_pair(b, STACK64 + 0x80, STACK64 + 0x100,
             (KERNEL + 0x14) ^ UINT64_C(0x5a) << 56); /* bit 55 says that it is the kernel's */
    assert_int_equal(big_step(b, false, false), SC_STEP_DONE);
    assert_true(big_get(b, "pc") == KERNEL + 0x14);
    big_free(b);
}

static void an_arm64_chain_ends_with_zero(void **state) {
    (void)state;
    struct big *b = arm64_frame(0);
    big_reg(b, "fp", 0);
    assert_int_equal(big_step(b, false, false), SC_STEP_DONE);
    assert_true(big_get(b, "pc") == 0);
    big_free(b);
}

/* ---- ARM ---- */

/* A frame of REG whose caller is Thumb code; *WINDOWS: else another system. */
static enum sc_step_status arm_step(const char *reg, bool windows, uint32_t pc, uint32_t back,
                                    uint32_t ret, struct sc_regs *regs, struct sc_step *step) {
    enum { FRAME = 0x40 };
    uint8_t stack[SIZE64] = {0}, code[0x100] = {0};
    for (int i = 0; i < 4; i++) {
        stack[FRAME + i] = (uint8_t)(back >> (8 * i));
        stack[FRAME + 4 + i] = (uint8_t)(ret >> (8 * i));
    }
    memcpy(code + 0x10, "\x00\xf0\x01\xf8", 4); /* bl */
    const struct sc_module app = {
        .base = APP, .size = sizeof code, .name = "app", .image = "app.exe"};
    const struct sc_fake_bytes bytes[] = {{STACK, stack, SIZE64}, {APP, code, sizeof code}};
    const struct sc_machine machine = {.cpu = SC_CPU_ARM, .windows = windows, .platform = "any"};
    const struct sc_fake fake = {.sz = sizeof fake,
                                 .cpu = SC_CPU_ARM,
                                 .machine = &machine,
                                 .modules = &app,
                                 .nmodules = 1,
                                 .memory = bytes,
                                 .nmemory = 2};
    sc_target *target = NULL;
    sc_unwinder *u = NULL;
    no_error(sc_target_fake(&fake, &target));
    no_error(sc_unwinder_create(target, NULL, &u));
    *regs = (struct sc_regs){.cpu = SC_CPU_ARM, .size = 0x1a0};
    sc_reg_set(regs, sc_reg_find(SC_CPU_ARM, "pc"), pc);
    sc_reg_set(regs, sc_reg_find(SC_CPU_ARM, "sp"), STACK + 0x20);
    sc_reg_set(regs, sc_reg_find(SC_CPU_ARM, reg), STACK + FRAME);
    *step = (struct sc_step){.known = UINT64_MAX};
    enum sc_step_status st = sc_step_pointer(u, NULL, true, regs, step);
    sc_unwinder_destroy(u);
    sc_target_close(target);
    return st;
}

static void arm_chains_are_of_r11_or_r7(void **state) {
    (void)state;
    enum { BACK = STACK + 0x80, CALLER = APP + 0x15 };
    struct sc_regs regs;
    struct sc_step step;
    static const struct {
        const char *reg;
        bool windows;
        uint32_t pc;
        enum sc_step_status want;
    } all[] = {{"r11", true, APP + 0x41, SC_STEP_DONE},
               {"r7", true, APP + 0x41, SC_STEP_NO_RULE},
               {"r11", false, APP + 0x40, SC_STEP_DONE},
               {"r7", false, APP + 0x41, SC_STEP_DONE},
               {"r11", false, APP + 0x41, SC_STEP_NO_RULE}};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        enum sc_step_status st =
            arm_step(all[i].reg, all[i].windows, all[i].pc, BACK, CALLER, &regs, &step);
        if (st != all[i].want)
            fail_msg("case %zu answers %d", i, st);
        if (st != SC_STEP_DONE)
            continue;
        assert_int_equal(sc_regs_ip(&regs), CALLER);
        assert_int_equal(sc_regs_sp(&regs), STACK + 0x48);
        assert_int_equal(sc_reg_value(&regs, sc_reg_find(SC_CPU_ARM, all[i].reg)), BACK);
        assert_int_equal(step.ret_slot, STACK + 0x44);
    }
}

static void zeros_by_chance_are_no_outermost_frame_of_arm(void **state) {
    (void)state;
    struct sc_regs regs;
    struct sc_step step;
    assert_int_equal(arm_step("r11", true, APP + 0x41, 0, 0, &regs, &step), SC_STEP_NO_RULE);
    /* No call stands before it. */
    assert_int_equal(arm_step("r11", true, APP + 0x41, 0, 0x20000001, &regs, &step),
                     SC_STEP_NO_RULE);
}

static void other_cpus_have_no_chain(void **state) {
    (void)state;
    struct x86 *x = chained(EBP, EBP + 0x20, RET);
    x86_open(x);
    x->regs.cpu = SC_CPU_IA64;
    assert_int_equal(sc_step_pointer(x->u, NULL, false, &x->regs, &x->step), SC_STEP_NO_RULE);
    x86_free(x);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_chain_leads_to_the_caller),
        cmocka_unit_test(an_ebp_that_is_no_frame_is_refused),
        cmocka_unit_test(a_return_address_that_is_none_is_refused),
        cmocka_unit_test(a_caller_outside_of_all_modules_needs_a_chain),
        cmocka_unit_test(a_zero_ends_the_chain),
        cmocka_unit_test(an_ebp_that_nobody_knows_leads_nowhere),
        cmocka_unit_test(a_chain_that_leaves_the_dump_says_where),
        cmocka_unit_test(cyclic_chains_end),
        cmocka_unit_test(x64_code_outside_of_modules_has_frames_of_rbp),
        cmocka_unit_test(x64_modules_with_a_table_have_none),
        cmocka_unit_test(arm64_pairs_lead_to_the_caller),
        cmocka_unit_test(an_arm64_leaf_returns_through_lr),
        cmocka_unit_test(an_lr_that_is_no_return_address_is_left_over),
        cmocka_unit_test(signatures_are_taken_off),
        cmocka_unit_test(an_arm64_chain_ends_with_zero),
        cmocka_unit_test(arm_chains_are_of_r11_or_r7),
        cmocka_unit_test(zeros_by_chance_are_no_outermost_frame_of_arm),
        cmocka_unit_test(other_cpus_have_no_chain),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
