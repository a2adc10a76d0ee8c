/* SPDX-License-Identifier: MIT */
/* Trap frames and task states of x86, and the step that crosses one. */
#include "unit/x86_fixture.h"

#include "unwind/trap_x86.h"

enum { TRAP = STACK + 0x300, KERNEL_CS = 8, USER_CS = 0x1b };

struct trap {
    uint32_t eip, cs, flags, hardware_esp, hardware_ss, temp_cs, temp_esp;
};

static void put_trap(struct x86 *x, uint32_t at, const struct trap *t) {
    const struct {
        uint32_t offset, value;
    } fields[] = {
        {0x08, 0xbadb0d00},     {0x10, t->temp_cs}, {0x14, t->temp_esp},
        {0x30, 0x2b},           {0x34, 0x23},       {0x38, 0x24},
        {0x3c, 0xd0},           {0x40, 0xc0},       {0x44, 0xa0},
        {0x50, 0x30},           {0x54, 0xd1},       {0x58, 0x51},
        {0x5c, 0xb0},           {0x60, EBP + 0x80}, {0x68, t->eip},
        {0x6c, t->cs},          {0x70, t->flags},   {0x74, t->hardware_esp},
        {0x78, t->hardware_ss},
    };
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        x86_poke(x, at + fields[i].offset, fields[i].value);
}

static const struct trap kernel = {.eip = APP + TEXT + 0x33, .cs = KERNEL_CS, .flags = 0x10246};

static enum sc_step_status from_trap(struct x86 *x, uint64_t at) {
    if (!x->u)
        x86_open(x);
    return sc_x86_from_trap(x->u, at, &x->regs, &x->step);
}

/* The trap frame T gives this esp, cs and ss. */
static void trap_gives(const struct trap *t, uint32_t esp, uint32_t cs, uint32_t ss) {
    struct x86 *x = x86_new();
    put_trap(x, TRAP, t);
    assert_int_equal(from_trap(x, TRAP), SC_STEP_DONE);
    x86_caller(x, t->eip, esp, EBP + 0x80);
    assert_int_equal(x86_get(x, "cs"), cs);
    assert_int_equal(x86_get(x, "ss"), ss);
    x86_free(x);
}

static void a_trap_in_the_kernel_left_esp_behind_its_frame(void **state) {
    (void)state;
    trap_gives(&kernel, TRAP + 0x74, 8, 0x10);
}

static void a_trap_from_user_mode_has_esp_in_its_frame(void **state) {
    (void)state;
    const struct trap t = {.eip = 0x7c90eb94,
                           .cs = USER_CS,
                           .flags = 0x246,
                           .hardware_esp = 0x12ff00,
                           .hardware_ss = 0x23};
    trap_gives(&t, 0x12ff00, USER_CS, 0x23);
}

static void an_edited_frame_keeps_esp_aside(void **state) {
    (void)state;
    const struct trap t = {.eip = APP + TEXT,
                           .cs = 0,
                           .flags = 0x246,
                           .hardware_esp = 7,
                           .temp_cs = KERNEL_CS,
                           .temp_esp = STACK + 0x40};
    trap_gives(&t, STACK + 0x40, 8, 0x10);
}

static void virtual_8086_mode_has_esp_in_its_frame(void **state) {
    (void)state;
    const struct trap t = {.eip = 0x123,
                           .cs = 0xf000,
                           .flags = 0x20246,
                           .hardware_esp = 0xfffe,
                           .hardware_ss = 0x9000};
    trap_gives(&t, 0xfffe, 0xf000, 0x9000);
}

static void every_register_of_the_frame_is_taken(void **state) {
    (void)state;
    static const struct {
        const char *name;
        uint32_t value;
    } all[] = {{"eax", 0xa0}, {"ebx", 0xb0}, {"ecx", 0xc0},   {"edx", 0xd0},
               {"esi", 0x51}, {"edi", 0xd1}, {"ds", 0x24},    {"es", 0x23},
               {"fs", 0x30},  {"gs", 0x2b},  {"efl", 0x10246}};
    struct x86 *x = x86_new();
    memset(x->regs.raw, 0, 4); /* registers of a frame that nobody knew any of */
    x->step.callee_params = 12;
    x->step.callee_pops = true;
    put_trap(x, TRAP, &kernel);
    assert_int_equal(from_trap(x, TRAP), SC_STEP_DONE);
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        uint64_t value = 0;
        if (!sc_regs_get(&x->regs, all[i].name, &value) || value != all[i].value)
            fail_msg("%s is 0x%llx", all[i].name, (unsigned long long)value);
    }
    assert_int_equal(x->step.how, SC_FRAME_TRAP);
    assert_true(x->step.exact_ip);
    assert_int_equal(x->step.trap, TRAP);
    assert_int_equal(x->step.base, TRAP);
    assert_int_equal(x->step.ret_slot, TRAP + 0x68);
    assert_int_equal(x->step.known, ALL_BITS);
    assert_int_equal(x->step.callee_params, 0);
    assert_false(x->step.callee_pops);
    x86_free(x);
}

static void what_is_no_trap_frame_is_not_taken_for_one(void **state) {
    (void)state;
    const struct trap bad[] = {
        {.eip = APP, .cs = KERNEL_CS, .flags = 0},          /* bit 1 is always set */
        {.eip = APP, .cs = KERNEL_CS, .flags = 0xffffffff}, /* others never */
        {.eip = APP, .cs = KERNEL_CS, .flags = 0x8002},
        {.eip = APP, .cs = 0x10, .flags = 0x246}, /* data */
        {.eip = APP, .cs = 0, .flags = 0x246, .temp_cs = 0x10},
        {.eip = APP, .cs = 3, .flags = 0x246}, /* null */
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct x86 *x = x86_new();
        put_trap(x, TRAP, &bad[i]);
        if (from_trap(x, TRAP) != SC_STEP_NO_RULE)
            fail_msg("trap frame %zu is believed", i);
        x86_free(x);
    }
    struct x86 *x = x86_new();
    put_trap(x, TRAP, &kernel);
    assert_int_equal(from_trap(x, TRAP + 2), SC_STEP_NO_RULE);
    assert_int_equal(from_trap(x, TRAP | UINT64_C(1) << 32), SC_STEP_NO_RULE);
    x->regs.cpu = SC_CPU_X64;
    assert_int_equal(from_trap(x, TRAP), SC_STEP_NO_RULE);
    x86_free(x);
}

/* The last two fields belong to frames of user mode only. */
static void a_kernel_frame_may_end_with_the_stack(void **state) {
    (void)state;
    const uint32_t at = STACK + STACK_SIZE - 0x7c;
    struct x86 *x = x86_new();
    put_trap(x, at, &kernel);
    assert_int_equal(from_trap(x, at), SC_STEP_DONE);
    x86_free(x);
    x = x86_new();
    assert_int_equal(from_trap(x, STACK + STACK_SIZE - 0x70), SC_STEP_MEMORY);
    assert_int_equal(x->step.missing, STACK + STACK_SIZE);
    x86_free(x);
}

static void a_trap_handler_is_left_through_its_frame(void **state) {
    (void)state;
    struct x86 *x = x86_new();
    x86_rule(x, NULL)->fpo_kind = 1;
    x86_reg(x, "ebp", TRAP);
    put_trap(x, TRAP, &kernel);
    x86_steps(x, sc_step_x86, SC_STEP_DONE);
    x86_caller(x, kernel.eip, TRAP + 0x74, EBP + 0x80);
    assert_int_equal(x->step.how, SC_FRAME_TRAP);
    assert_true(x->step.has_rule);
    x86_free(x);
}

static void a_trap_handler_without_its_frame_is_not_left(void **state) {
    (void)state;
    for (int known = 0; known < 2; known++) {
        struct x86 *x = x86_new();
        x86_rule(x, NULL)->fpo_kind = 1;
        x86_reg(x, "ebp", known ? TRAP + 0x100 : TRAP);
        put_trap(x, TRAP, &kernel);
        x->step.known = known ? ALL_BITS : ALL_BITS & ~EBP_BIT;
        x86_steps(x, sc_step_x86, SC_STEP_NO_RULE);
        x86_free(x);
    }
}

static void a_task_state_has_all_registers(void **state) {
    (void)state;
    struct x86 *x = x86_new();
    for (uint32_t i = 0; i < 8; i++)
        x86_poke(x, TRAP + 0x28 + i * 4, 0x100 + i);
    x86_poke(x, TRAP + 0x20, APP + TEXT);
    x86_poke(x, TRAP + 0x24, 0x246);
    x86_poke(x, TRAP + 0x4c, KERNEL_CS);
    x86_poke(x, TRAP + 0x50, 0x10);
    x86_open(x);
    assert_int_equal(sc_x86_from_tss(x->u, TRAP, &x->regs, &x->step), SC_STEP_DONE);
    x86_caller(x, APP + TEXT, 0x104, 0x105);
    assert_int_equal(x86_get(x, "ebx"), 0x103);
    assert_int_equal(x86_get(x, "edi"), 0x107);
    assert_int_equal(x86_get(x, "ss"), 0x10);
    assert_true(x->step.exact_ip);
    assert_int_equal(sc_x86_from_tss(x->u, STACK, &x->regs, &x->step), SC_STEP_NO_RULE);
    assert_int_equal(sc_x86_from_tss(x->u, STACK + STACK_SIZE - 8, &x->regs, &x->step),
                     SC_STEP_MEMORY);
    assert_int_equal(x->step.missing, STACK + STACK_SIZE);
    x86_free(x);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_trap_in_the_kernel_left_esp_behind_its_frame),
        cmocka_unit_test(a_trap_from_user_mode_has_esp_in_its_frame),
        cmocka_unit_test(an_edited_frame_keeps_esp_aside),
        cmocka_unit_test(virtual_8086_mode_has_esp_in_its_frame),
        cmocka_unit_test(every_register_of_the_frame_is_taken),
        cmocka_unit_test(what_is_no_trap_frame_is_not_taken_for_one),
        cmocka_unit_test(a_kernel_frame_may_end_with_the_stack),
        cmocka_unit_test(a_trap_handler_is_left_through_its_frame),
        cmocka_unit_test(a_trap_handler_without_its_frame_is_not_left),
        cmocka_unit_test(a_task_state_has_all_registers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
