/* SPDX-License-Identifier: MIT */
/* Steps by STACK CFI: of every CPU, with and without rules for its registers, and damaged rules. */
#include "unit/symtab_support.h"

#include "unwind/unwind.h"

enum {
    APP = 0x400000,
    APP_SIZE = 0x10000,
    STACK = 0x7f0000,
    STACK_SIZE = 0x400,
    SP = STACK + 0x80
};
#define RET (APP + 0x2345u)

struct frame {
    enum sc_cpu cpu;
    bool windows, exact;
    uint8_t stack[STACK_SIZE];
    struct sc_frame_rule rule;
    struct fakesyms f;
    struct sc_regs regs;
    struct sc_step step;
    struct world w;
    sc_unwinder *u;
};

static unsigned word_of(enum sc_cpu cpu) { return sc_cpu_ptr_size(cpu); }

static void put_reg(struct frame *f, const char *name, uint64_t value) {
    sc_reg_set(&f->regs, sc_reg_find(f->cpu, name), value);
}

static uint64_t reg(const struct frame *f, const char *name) {
    return sc_reg_value(&f->regs, sc_reg_find(f->cpu, name));
}

/* A word of the stack, by its distance from sp. */
static void put_word(struct frame *f, uint32_t from_sp, uint64_t value) {
    for (unsigned i = 0; i < word_of(f->cpu); i++)
        f->stack[SP - STACK + from_sp + i] = (uint8_t)(value >> (8 * i));
}

/* Registers that name themselves: 0x1000 and their place in the CPU's table. */
static struct frame *frame_new(enum sc_cpu cpu, const char *program) {
    struct frame *f = calloc(1, sizeof *f);
    size_t count = 0;
    assert_non_null(f);
    f->cpu = cpu;
    f->windows = true;
    f->rule =
        (struct sc_frame_rule){.rva = 0x1000, .size = 0x100, .fpo_kind = 0xff, .program = program};
    f->f = (struct fakesyms){.provider = "breakpad", .rules = &f->rule, .nrules = 1};
    f->regs = (struct sc_regs){.cpu = cpu, .size = (uint32_t)sc_context_size(cpu)};
    const struct sc_reg *table = sc_reg_table(cpu, &count);
    for (size_t i = 0; i < count; i++)
        if (table[i].cls == SC_REG_GPR)
            sc_reg_set(&f->regs, &table[i], 0x1000 + i);
    bool arms = cpu == SC_CPU_ARM || cpu == SC_CPU_ARM64;
    put_reg(f, arms ? "pc" : cpu == SC_CPU_X86 ? "eip" : "rip", APP + 0x1040);
    put_reg(f, arms ? "sp" : cpu == SC_CPU_X86 ? "esp" : "rsp", SP);
    f->step.known = UINT64_MAX;
    return f;
}

static enum sc_step_status go(struct frame *f) {
    const struct sc_module app = {.base = APP, .size = APP_SIZE, .name = "app", .image = "app.exe"};
    const struct sc_fake_bytes bytes = {STACK, f->stack, STACK_SIZE};
    const struct sc_machine machine = {
        .cpu = f->cpu, .windows = f->windows, .platform = f->windows ? "Windows" : "Linux"};
    const struct sc_fake fake = {.sz = sizeof fake,
                                 .cpu = f->cpu,
                                 .machine = &machine,
                                 .modules = &app,
                                 .nmodules = 1,
                                 .memory = &bytes,
                                 .nmemory = 1};
    struct sc_unwind_module *m = NULL;
    world_open(&f->w, &fake, NULL, NULL, NULL);
    attach(&f->w, "app", &f->f);
    no_error(sc_unwinder_create(f->w.target, f->w.symtab, &f->u));
    no_error(sc_unwind_module_at(f->u, sc_regs_ip(&f->regs), &m));
    return sc_step_cfi(f->u, m, f->exact, &f->regs, &f->step);
}

static void frame_free(struct frame *f) {
    sc_unwinder_destroy(f->u);
    world_close(&f->w);
    free(f);
}

/* The step must answer WANT, and change nothing when that is no caller. */
static void steps(struct frame *f, enum sc_step_status want) {
    const struct sc_regs before = f->regs;
    const uint64_t known = f->step.known;
    enum sc_step_status status = go(f);
    if (status != want)
        fail_msg("step answers %d, want %d (missing 0x%llx)", status, want,
                 (unsigned long long)f->step.missing);
    if (want != SC_STEP_DONE) {
        assert_memory_equal(&before, &f->regs, sizeof before);
        assert_true(known == f->step.known);
    }
}

static void known_are(const struct frame *f, uint64_t want) {
    if (f->step.known != want)
        fail_msg("known 0x%llx, want 0x%llx", (unsigned long long)f->step.known,
                 (unsigned long long)want);
}

/* ---- each CPU ---- */

static void x64_registers_come_back(void **state) {
    (void)state;
    for (unsigned windows = 0; windows < 2; windows++) {
        struct frame *f = frame_new(
            SC_CPU_X64, ".cfa: $rsp 32 + .ra: .cfa -8 + ^ $rbx: .cfa 16 - ^ $rbp: .cfa -24 + ^");
        uint64_t rsi = reg(f, "rsi");
        f->windows = windows;
        put_word(f, 24, RET);
        put_word(f, 16, 0xb);
        put_word(f, 8, 0xb9);
        steps(f, SC_STEP_DONE);
        assert_true(reg(f, "rip") == RET && reg(f, "rsp") == SP + 32);
        assert_true(reg(f, "rbx") == 0xb && reg(f, "rbp") == 0xb9);
        assert_true(reg(f, "rsi") == rsi);
        known_are(f, windows ? 0xf0f8 : 0xf038); /* of other systems calls do not keep rsi, rdi */
        assert_int_equal(f->step.how, SC_FRAME_CFI);
        assert_false(f->step.exact_ip);
        assert_true(f->step.ret_slot == SP + 24 && f->step.base == SP + 32);
        frame_free(f);
    }
}

static void x86_registers_come_back(void **state) {
    (void)state;
    struct frame *f = frame_new(SC_CPU_X86, ".cfa: $ebp 8 + .ra: .cfa 4 - ^ $ebp: .cfa 8 - ^");
    uint64_t ebx = reg(f, "ebx");
    put_reg(f, "ebp", SP + 0x20);
    put_word(f, 0x24, RET);
    put_word(f, 0x20, SP + 0x60);
    steps(f, SC_STEP_DONE);
    assert_true(reg(f, "eip") == RET && reg(f, "esp") == SP + 0x28);
    assert_true(reg(f, "ebp") == SP + 0x60 && reg(f, "ebx") == ebx);
    known_are(f, 0xf8);
    assert_true(f->step.base == SP + 0x20 && f->step.ret_slot == SP + 0x24);
    frame_free(f);
}

static void arm_registers_come_back(void **state) {
    (void)state;
    struct frame *f = frame_new(SC_CPU_ARM, ".cfa: sp 16 + .ra: .cfa -4 + ^ r4: .cfa -16 + ^ "
                                            "r7: .cfa -12 + ^ fp: .cfa -8 + ^");
    uint64_t r5 = reg(f, "r5");
    for (uint32_t i = 0; i < 3; i++)
        put_word(f, 4 * i, 0x40 + i);
    put_word(f, 12, RET); /* an odd address: Thumb */
    steps(f, SC_STEP_DONE);
    assert_true(reg(f, "pc") == RET && reg(f, "sp") == SP + 16);
    assert_true(reg(f, "r4") == 0x40 && reg(f, "r7") == 0x41 && reg(f, "r11") == 0x42);
    assert_true(reg(f, "r5") == r5);
    known_are(f, 0x2ff0);
    frame_free(f);
}

static void arm64_registers_come_back(void **state) {
    (void)state;
    for (unsigned windows = 0; windows < 2; windows++) {
        struct frame *f = frame_new(
            SC_CPU_ARM64, ".cfa: sp 32 + .ra: .cfa -24 + ^ x29: .cfa -32 + ^ x19: .cfa -16 + ^");
        f->windows = windows;
        put_word(f, 0, 0x29);
        put_word(f, 8, UINT64_C(0x003c000000000000) | (RET & ~3u)); /* signed */
        put_word(f, 16, 0x19);
        steps(f, SC_STEP_DONE);
        assert_true(reg(f, "pc") == (RET & ~3u) && reg(f, "sp") == SP + 32);
        assert_true(reg(f, "fp") == 0x29 && reg(f, "x19") == 0x19);
        known_are(f, windows ? 0xbffc0000 : 0xbff80000);
        frame_free(f);
    }
}

static void a_return_address_may_be_in_a_register(void **state) {
    (void)state;
    struct frame *f = frame_new(SC_CPU_ARM64, ".cfa: sp 0 + .ra: x30");
    put_reg(f, "lr", RET & ~3u);
    f->exact = true;
    steps(f, SC_STEP_DONE);
    assert_true(reg(f, "pc") == (RET & ~3u) && reg(f, "sp") == SP);
    assert_true(!f->step.ret_slot);
    frame_free(f);
    f = frame_new(SC_CPU_ARM64, ".cfa: sp 0 + .ra: x30");
    f->step.known = 0xbff80000; /* of a caller lr is not known */
    steps(f, SC_STEP_NO_RULE);
    frame_free(f);
}

/* ---- what rules mean ---- */

/* Rules see the registers of the frame, however many of them come first. */
static void no_rule_sees_what_another_restored(void **state) {
    (void)state;
    struct frame *f = frame_new(
        SC_CPU_X64, "$rbp: $rbx $rbx: $rbp .ra: .cfa -8 + ^ .cfa: $rsp 16 + $r12: $rsp $r13: $rip");
    uint64_t rbx = reg(f, "rbx"), rbp = reg(f, "rbp");
    put_word(f, 8, RET);
    steps(f, SC_STEP_DONE);
    assert_true(reg(f, "rbp") == rbx && reg(f, "rbx") == rbp);
    assert_true(reg(f, "r12") == SP && reg(f, "r13") == APP + 0x1040);
    frame_free(f);
}

static void the_stack_pointer_may_have_a_rule(void **state) {
    (void)state;
    struct frame *f = frame_new(SC_CPU_X64, ".cfa: $rsp 16 + .ra: .cfa -8 + ^ $rsp: .cfa 64 +");
    put_word(f, 8, RET);
    steps(f, SC_STEP_DONE);
    assert_true(reg(f, "rsp") == SP + 80 && f->step.base == SP + 80);
    frame_free(f);
    f = frame_new(SC_CPU_X64, ".cfa: $rsp 16 + .ra: .cfa -8 + ^ $rsp: $r12");
    put_word(f, 8, RET);
    f->step.known = 1 << 4;
    steps(f, SC_STEP_NO_RULE);
    frame_free(f);
}

static void what_cannot_be_had_is_unknown(void **state) {
    (void)state;
    struct frame *f = frame_new(SC_CPU_X64, ".cfa: $rsp 16 + .ra: .cfa -8 + ^ $rbx: 4096 ^ "
                                            "$rbp: .undef $r12: $rax $r13: $r14");
    put_word(f, 8, RET);
    f->step.known = 0xf0fe; /* not rax */
    steps(f, SC_STEP_DONE);
    known_are(f, 0xe0d0);
    frame_free(f);
}

static void a_register_that_is_not_known_leads_nowhere(void **state) {
    (void)state;
    struct frame *f = frame_new(SC_CPU_X64, ".cfa: $rbp 16 + .ra: .cfa -8 + ^");
    f->step.known = 1 << 4;
    steps(f, SC_STEP_NO_RULE);
    frame_free(f);
}

static void an_undefined_return_address_ends_the_stack(void **state) {
    (void)state;
    struct frame *f = frame_new(SC_CPU_X64, ".cfa: $rsp 8 + .ra: .undef");
    steps(f, SC_STEP_DONE);
    assert_true(reg(f, "rip") == 0 && !f->step.ret_slot);
    frame_free(f);
}

static void what_is_no_code_is_no_caller(void **state) {
    (void)state;
    struct frame *f = frame_new(SC_CPU_X64, ".cfa: $rsp 16 + .ra: .cfa -8 + ^");
    put_word(f, 8, 0x1234);
    steps(f, SC_STEP_NO_RULE);
    frame_free(f);
}

static void a_stack_that_is_not_there_is_said(void **state) {
    (void)state;
    struct frame *f = frame_new(SC_CPU_X64, ".cfa: $rsp 4096 + .ra: .cfa -8 + ^");
    const struct sc_regs before = f->regs;
    assert_int_equal(go(f), SC_STEP_MEMORY);
    assert_true(f->step.missing == SP + 4096 - 8);
    assert_memory_equal(&before, &f->regs, sizeof before);
    frame_free(f);
}

/* Behind a call that is the last instruction the next function's rules begin. */
static void rules_are_asked_for_the_call(void **state) {
    (void)state;
    static const struct {
        uint64_t ip;
        bool exact, found;
        enum sc_cpu cpu;
    } all[] = {
        {APP + 0x1000, true, true, SC_CPU_X64},   {APP + 0x1000, false, false, SC_CPU_X64},
        {APP + 0x1100, false, true, SC_CPU_X64},  {APP + 0x1100, true, false, SC_CPU_X64},
        {APP + 0x1101, false, true, SC_CPU_ARM},  {APP + 0x1001, true, true, SC_CPU_ARM},
        {APP + 0x1001, false, false, SC_CPU_ARM},
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        bool arm = all[i].cpu == SC_CPU_ARM;
        struct frame *f = frame_new(all[i].cpu, arm ? ".cfa: sp 16 + .ra: .cfa -8 + ^"
                                                    : ".cfa: $rsp 16 + .ra: .cfa -8 + ^");
        put_reg(f, arm ? "pc" : "rip", all[i].ip);
        f->exact = all[i].exact;
        put_word(f, 8, RET);
        if (go(f) != (all[i].found ? SC_STEP_DONE : SC_STEP_NO_RULE))
            fail_msg("case %zu", i);
        frame_free(f);
    }
}

/* ---- what is no rule ---- */

static void programs_of_other_kinds_are_left_alone(void **state) {
    (void)state;
    static const char *const all[] = {"$T0 $ebp = $eip $T0 4 + ^ =", "", NULL};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        struct frame *f = frame_new(SC_CPU_X86, all[i]);
        steps(f, SC_STEP_NO_RULE);
        frame_free(f);
    }
    struct frame *f = frame_new(SC_CPU_X64, ".cfa: $rsp 16 + .ra: .cfa -8 + ^");
    f->f.nrules = 0;
    steps(f, SC_STEP_NO_RULE);
    assert_int_equal(sc_step_cfi(f->u, NULL, true, &f->regs, &f->step), SC_STEP_NO_RULE);
    frame_free(f);
}

static void damaged_rules_are_bad(void **state) {
    (void)state;
    static const char *const all[] = {
        ".cfa: $rsp 16 +",               /* no .ra */
        ".ra: $rsp ^",                   /* no .cfa */
        ".cfa: .ra: .cfa ^",             /* nothing to compute */
        ".cfa: $rsp 16 .ra: .cfa ^",     /* two values */
        ".cfa: $rsp + .ra: .cfa ^",      /* an operand is missing */
        ".cfa: $rsp 16 + = .ra: .cfa ^", /* nothing is assigned */
        ".cfa: $rsp 16 ? .ra: .cfa ^",
        ".cfa: $rsp 0 / .ra: .cfa ^",
        ".cfa: $rsp 99999999999999999999 + .ra: .cfa ^",
        ".cfa: $rsp 16 + .ra: .cfa -8 + ^ $rbx: + ^",
        "cfa: $rsp 16 + ra: .cfa ^",
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        struct frame *f = frame_new(SC_CPU_X64, all[i]);
        put_word(f, 8, RET);
        put_word(f, 16, RET);
        const struct sc_regs before = f->regs;
        if (go(f) != SC_STEP_BAD)
            fail_msg("%s", all[i]);
        assert_true(f->step.missing == APP + 0x1000);
        assert_memory_equal(&before, &f->regs, sizeof before);
        frame_free(f);
    }
}

/* Names that no register has are nobody's business; nor is what stands before the first rule. */
static void unknown_names_are_passed_over(void **state) {
    (void)state;
    struct frame *f = frame_new(SC_CPU_X64, ".cfa: $rsp 16 + .ra: .cfa -8 + ^ $xmm6: 1 2 3 f: 4");
    put_word(f, 8, RET);
    steps(f, SC_STEP_DONE);
    frame_free(f);
}

static void symbols_that_fail_are_no_rule(void **state) {
    (void)state;
    struct frame *f = frame_new(SC_CPU_X64, ".cfa: $rsp 16 + .ra: .cfa -8 + ^");
    put_word(f, 8, RET);
    f->f.fail = SC_ERR_FORMAT;
    steps(f, SC_STEP_NO_RULE);
    frame_free(f);
    f = frame_new(SC_CPU_X64, ".cfa: $rsp 16 + .ra: .cfa -8 + ^");
    f->f.fail = SC_ERR_CANCELLED;
    steps(f, SC_STEP_ERROR);
    assert_int_equal(sc_err_code(f->step.err), SC_ERR_CANCELLED);
    sc_err_destroy(f->step.err);
    frame_free(f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(x64_registers_come_back),
        cmocka_unit_test(x86_registers_come_back),
        cmocka_unit_test(arm_registers_come_back),
        cmocka_unit_test(arm64_registers_come_back),
        cmocka_unit_test(a_return_address_may_be_in_a_register),
        cmocka_unit_test(no_rule_sees_what_another_restored),
        cmocka_unit_test(the_stack_pointer_may_have_a_rule),
        cmocka_unit_test(what_cannot_be_had_is_unknown),
        cmocka_unit_test(a_register_that_is_not_known_leads_nowhere),
        cmocka_unit_test(an_undefined_return_address_ends_the_stack),
        cmocka_unit_test(what_is_no_code_is_no_caller),
        cmocka_unit_test(a_stack_that_is_not_there_is_said),
        cmocka_unit_test(rules_are_asked_for_the_call),
        cmocka_unit_test(programs_of_other_kinds_are_left_alone),
        cmocka_unit_test(damaged_rules_are_bad),
        cmocka_unit_test(unknown_names_are_passed_over),
        cmocka_unit_test(symbols_that_fail_are_no_rule),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
