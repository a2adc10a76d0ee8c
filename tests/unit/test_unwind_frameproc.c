/* SPDX-License-Identifier: MIT */
/* Frames of x64 by the size that private symbols say: which slot is taken, and when none is. */
#include "unit/symtab_support.h"
#include "unwind/unwind.h"

#define BASE  UINT64_C(0x140000000)
#define STACK UINT64_C(0x7ff000)

enum { SIZE = 0x400, SP = 0x40, PROLOG = 8, EPILOG = 0x60, CALLER = 0x92 };

struct frame {
    uint8_t stack[SIZE], code[0x100];
    struct sc_frame_rule rule;
    struct sc_symbol symbols[2];
    struct fakesyms f;
    struct world w;
    struct sc_regs regs;
    struct sc_step step;
    sc_unwinder *u;
};

static void put(struct frame *x, unsigned offset, uint64_t value) {
    for (unsigned i = 0; i < 8; i++)
        x->stack[SP + offset + i] = (uint8_t)(value >> 8 * i);
}

static struct frame *frame_new(uint32_t locals, uint32_t saved) {
    struct frame *x = calloc(1, sizeof *x);
    assert_non_null(x);
    memcpy(x->code + CALLER - 2, "\xff\xd0", 2); /* call rax */
    x->rule = (struct sc_frame_rule){.rva = 0,
                                     .size = 0x80,
                                     .locals = locals,
                                     .saved_regs = saved,
                                     .prolog = PROLOG,
                                     .epilog = EPILOG,
                                     .fpo_kind = SC_FRAME_SIZED};
    x->symbols[0] =
        (struct sc_symbol){.name = "f", .kind = SC_SYM_FUNCTION, .size = 0x80, .code = true};
    x->symbols[1] = (struct sc_symbol){
        .name = "g", .kind = SC_SYM_FUNCTION, .rva = 0x80, .size = 0x80, .code = true};
    x->f = (struct fakesyms){.provider = "pdb",
                             .has_private = true,
                             .symbols = x->symbols,
                             .nsymbols = 2,
                             .rules = &x->rule,
                             .nrules = 1};
    x->regs = (struct sc_regs){.cpu = SC_CPU_X64, .size = (uint32_t)sc_context_size(SC_CPU_X64)};
    memcpy(x->regs.raw + 0x30, "\x1f\0\x10\0", 4);
    x->step.known = UINT64_MAX;
    return x;
}

static enum sc_step_status step(struct frame *x, uint64_t ip, bool exact) {
    const struct sc_module module = {
        .base = BASE, .size = sizeof x->code, .name = "app", .image = "app.exe"};
    const struct sc_fake_bytes bytes[] = {{STACK, x->stack, SIZE}, {BASE, x->code, sizeof x->code}};
    const struct sc_fake fake = {.sz = sizeof fake,
                                 .cpu = SC_CPU_X64,
                                 .modules = &module,
                                 .nmodules = 1,
                                 .memory = bytes,
                                 .nmemory = 2};
    struct sc_unwind_module *m = NULL;
    sc_reg_set(&x->regs, sc_reg_find(SC_CPU_X64, "rip"), ip);
    sc_reg_set(&x->regs, sc_reg_find(SC_CPU_X64, "rsp"), STACK + SP);
    world_open(&x->w, &fake, NULL, NULL, NULL);
    attach(&x->w, "app", &x->f);
    no_error(sc_unwinder_create(x->w.target, x->w.symtab, &x->u));
    no_error(sc_unwind_module_at(x->u, ip, &m));
    return sc_step_frameproc(x->u, m, exact, &x->regs, &x->step);
}

static void frame_free(struct frame *x) {
    sc_unwinder_destroy(x->u);
    world_close(&x->w);
    free(x);
}

static void left_to(struct frame *x, unsigned slot) {
    assert_true(sc_regs_ip(&x->regs) == BASE + CALLER);
    assert_true(sc_regs_sp(&x->regs) == STACK + SP + slot + 8);
    assert_int_equal(x->step.how, SC_FRAME_FITTED);
    assert_true(x->step.ret_slot == STACK + SP + slot);
    assert_true(x->step.known == 1 << 4);
}

static void the_return_address_lies_behind_the_locals(void **state) {
    (void)state;
    struct frame *x = frame_new(0x28, 0);
    put(x, 0x28, BASE + CALLER);
    put(x, 0x38, BASE + CALLER); /* an old one, of the caller's: above it */
    assert_int_equal(step(x, BASE + 0x30, true), SC_STEP_DONE);
    left_to(x, 0x28);
    frame_free(x);
}

static void registers_that_are_not_counted_are_passed_over(void **state) {
    (void)state;
    struct frame *x = frame_new(0x20, 0);
    put(x, 0x20, BASE + CALLER); /* there the stack would be misaligned */
    put(x, 0x28, 7);
    put(x, 0x38, BASE + CALLER);
    assert_int_equal(step(x, BASE + 0x30, false), SC_STEP_DONE);
    left_to(x, 0x38);
    frame_free(x);
}

static void counted_registers_leave_one_slot(void **state) {
    (void)state;
    struct frame *x = frame_new(0x20, 8);
    put(x, 0x38, BASE + CALLER);
    assert_int_equal(step(x, BASE + 0x30, true), SC_STEP_NO_RULE);
    assert_true(sc_regs_sp(&x->regs) == STACK + SP);
    frame_free(x);
}

static void prologs_and_epilogs_have_another_size(void **state) {
    (void)state;
    static const struct {
        uint64_t off;
        bool exact;
        enum sc_step_status want;
    } rows[] = {{PROLOG - 1, true, SC_STEP_NO_RULE},
                {PROLOG, true, SC_STEP_DONE},
                {EPILOG, true, SC_STEP_DONE},
                {EPILOG + 1, true, SC_STEP_NO_RULE},
                {EPILOG + 1, false, SC_STEP_DONE}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct frame *x = frame_new(0x28, 0);
        put(x, 0x28, BASE + CALLER);
        assert_int_equal(step(x, BASE + rows[i].off, rows[i].exact), rows[i].want);
        frame_free(x);
    }
}

static void what_is_no_code_is_no_return_address(void **state) {
    (void)state;
    struct frame *x = frame_new(0x28, 0);
    put(x, 0x28, BASE + CALLER + 4); /* no call stands before it */
    assert_int_equal(step(x, BASE + 0x30, true), SC_STEP_NO_RULE);
    frame_free(x);
}

static void a_frame_beyond_all_memory_is_no_rule(void **state) {
    (void)state;
    struct frame *x = frame_new(UINT32_MAX - 7, UINT32_MAX - 7);
    assert_int_equal(step(x, BASE + 0x30, true), SC_STEP_NO_RULE);
    frame_free(x);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_return_address_lies_behind_the_locals),
        cmocka_unit_test(registers_that_are_not_counted_are_passed_over),
        cmocka_unit_test(counted_registers_leave_one_slot),
        cmocka_unit_test(prologs_and_epilogs_have_another_size),
        cmocka_unit_test(what_is_no_code_is_no_return_address),
        cmocka_unit_test(a_frame_beyond_all_memory_is_no_rule),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
