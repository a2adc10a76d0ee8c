/* SPDX-License-Identifier: MIT */
/* 32-bit threads in the dump of a 64-bit process. */
#include "unit/symtab_support.h"
#include "unwind/return_address.h"
#include "unwind/wow64.h"

#define TEB64 UINT64_C(0x7efdb000)

enum {
    APP = 0x400000,
    APP_SIZE = 0x1000,
    AREA = 0x8fd20,
    STACK32 = 0x120000,
    STACK32_SIZE = 0x100,
    TEB_SIZE = 0x3000,
    CONTEXT_SIZE = 0x2cc,
};

struct wow {
    uint8_t teb[TEB_SIZE], area[4 + CONTEXT_SIZE], stack[STACK32_SIZE], app[APP_SIZE];
    size_t area_size;
    enum sc_cpu cpu;
    struct world w;
};

static void put(uint8_t *p, unsigned size, uint64_t value) {
    for (unsigned i = 0; i < size; i++)
        p[i] = (uint8_t)(value >> (8 * i));
}

static struct wow *wow_new(void) {
    struct wow *o = calloc(1, sizeof *o);
    assert_non_null(o);
    o->cpu = SC_CPU_X64;
    o->area_size = sizeof o->area;
    put(o->teb + 0x30, 8, TEB64);
    put(o->teb + 0x1488, 8, AREA);
    put(o->area + 2, 2, 0x14c);
    put(o->area + 4, 4, 0x1003f);
    put(o->area + 4 + 0xb4, 4, STACK32 + 0x40); /* ebp */
    put(o->area + 4 + 0xb8, 4, APP + 0x100);    /* eip */
    put(o->area + 4 + 0xbc, 4, 0x23);           /* cs */
    put(o->area + 4 + 0xc4, 4, STACK32 + 0x20); /* esp */
    put(o->stack + 0x40, 4, STACK32 + 0x60);
    put(o->stack + 0x44, 4, APP + 0x205);
    o->app[0x200] = 0xe8;
    return o;
}

static void wow_open(struct wow *o) {
    static const struct sc_module module = {
        .base = APP, .size = APP_SIZE, .name = "app", .image = "app.exe"};
    const struct sc_fake_bytes bytes[] = {{STACK32, o->stack, STACK32_SIZE},
                                          {APP, o->app, APP_SIZE},
                                          {AREA, o->area, o->area_size},
                                          {TEB64, o->teb, TEB_SIZE}};
    const struct sc_fake fake = {.sz = sizeof fake,
                                 .cpu = o->cpu,
                                 .modules = &module,
                                 .nmodules = 1,
                                 .memory = bytes,
                                 .nmemory = 4};
    world_open(&o->w, &fake, NULL, NULL, NULL);
}

static void wow_free(struct wow *o) {
    world_close(&o->w);
    free(o);
}

static bool find(struct wow *o, const struct sc_regs *regs, uint64_t teb, struct sc_regs *ret) {
    bool found = true;
    if (!o->w.target)
        wow_open(o);
    no_error(sc_wow64_regs(o->w.target, regs, teb, ret, &found));
    return found;
}

static void the_saved_context_is_found_through_the_teb(void **state) {
    (void)state;
    for (unsigned machine = 0; machine <= 0x14c; machine += 0x14c) { /* 0 before Windows 10 */
        struct wow *o = wow_new();
        struct sc_regs regs;
        put(o->area + 2, 2, machine);
        assert_true(find(o, NULL, TEB64, &regs));
        assert_int_equal(regs.cpu, SC_CPU_X86);
        assert_int_equal(sc_regs_ip(&regs), APP + 0x100);
        assert_int_equal(sc_regs_sp(&regs), STACK32 + 0x20);
        wow_free(o);
    }
}

static void what_is_no_such_context_is_not_taken(void **state) {
    (void)state;
    for (int i = 0; i < 9; i++) {
        struct wow *o = wow_new();
        struct sc_regs regs;
        uint64_t teb = TEB64;
        switch (i) {
        case 0: put(o->teb + 0x30, 8, TEB64 + 8); break; /* no TEB */
        case 1: put(o->teb + 0x1488, 8, 0); break;       /* a 64-bit process' */
        case 2: put(o->teb + 0x1488, 8, AREA + 1); break;
        case 3: put(o->area + 2, 2, 0x1c4); break;       /* ARM */
        case 4: put(o->area + 4, 4, 0x10001f); break;    /* flags of x64 */
        case 5: put(o->area + 4 + 0xbc, 4, 0x33); break; /* 64-bit code */
        case 6: put(o->area + 4 + 0xc4, 4, 0); break;
        case 7: o->area_size = 0x80; break;
        default: teb = 0; break;
        }
        if (find(o, NULL, teb, &regs))
            fail_msg("case %d is taken for a context", i);
        wow_free(o);
    }
    struct wow *o = wow_new();
    struct sc_regs regs;
    o->cpu = SC_CPU_ARM64;
    assert_false(find(o, NULL, TEB64, &regs));
    wow_free(o);
}

static void set(struct sc_regs *regs, const char *name, uint64_t value) {
    sc_reg_set(regs, sc_reg_find(regs->cpu, name), value);
}

static void a_thread_in_32_bit_code_has_its_registers_at_hand(void **state) {
    (void)state;
    struct sc_regs regs64 = {.cpu = SC_CPU_X64, .size = SC_CONTEXT_MAX}, regs;
    memcpy(regs64.raw + 0x30, "\x1f\0\x10\0", 4);
    set(&regs64, "rip", 0x401000);
    set(&regs64, "rsp", 0x12ff00);
    set(&regs64, "rbp", 0x12ff40);
    set(&regs64, "rax", UINT64_C(0xffffffff00000007));
    set(&regs64, "efl", 0x246);
    set(&regs64, "cs", 0x23);
    set(&regs64, "ss", 0x2b);
    struct wow *o = wow_new();
    assert_true(find(o, &regs64, TEB64, &regs));
    assert_int_equal(sc_regs_ip(&regs), 0x401000);
    assert_int_equal(sc_regs_sp(&regs), 0x12ff00);
    assert_int_equal(sc_regs_fp(&regs), 0x12ff40);
    assert_int_equal(sc_regs_flags(&regs), 0x246);
    uint64_t eax = 0;
    assert_true(sc_regs_get(&regs, "eax", &eax));
    assert_int_equal(eax, 7);
    set(&regs64, "cs", 0x33); /* in wow64cpu: those the 64-bit side saved */
    assert_true(find(o, &regs64, TEB64, &regs));
    assert_int_equal(sc_regs_ip(&regs), APP + 0x100);
    wow_free(o);
}

static void its_stack_is_walked_as_one_of_x86(void **state) {
    (void)state;
    struct wow *o = wow_new();
    struct sc_regs regs;
    struct sc_stack stack;
    sc_unwinder *u;
    assert_true(find(o, NULL, TEB64, &regs));
    no_error(sc_wow64_unwinder(o->w.target, o->w.symtab, &u));
    no_error(sc_stack_walk(u, &regs, &(struct sc_stack_opts){.no_scan = true}, &stack));
    assert_true(stack.count >= 2);
    assert_int_equal(stack.frame[1].ip, APP + 0x205);
    assert_int_equal(stack.frame[1].sp, STACK32 + 0x48);
    assert_int_equal(stack.frame[1].how, SC_FRAME_POINTER);
    assert_string_equal(stack.frame[1].module->name, "app");
    sc_stack_deinit(&stack);
    sc_unwinder_destroy(u);
    wow_free(o);
}

static void a_cancelled_target_answers_so(void **state) {
    (void)state;
    struct wow *o = wow_new();
    struct sc_regs regs;
    bool found;
    wow_open(o);
    sc_target_cancel(o->w.target);
    sc_err *err = sc_wow64_regs(o->w.target, NULL, TEB64, &regs, &found);
    assert_int_equal(sc_err_code(err), SC_ERR_CANCELLED);
    sc_err_destroy(err);
    wow_free(o);
}

static void the_32_bit_teb_knows_itself(void **state) {
    (void)state;
    struct wow *o = wow_new();
    put(o->teb + 0x2000 + 0x18, 4, TEB64 + 0x2000);
    wow_open(o);
    assert_int_equal(sc_wow64_teb32(o->w.target, TEB64), TEB64 + 0x2000);
    assert_int_equal(sc_wow64_teb32(o->w.target, TEB64 + 8), 0);
    wow_free(o);
    o = wow_new();
    put(o->teb + 0x180c, 4, 0x2800); /* Windows 10 says where */
    put(o->teb + 0x2800 + 0x18, 4, TEB64 + 0x2800);
    wow_open(o);
    assert_int_equal(sc_wow64_teb32(o->w.target, TEB64), TEB64 + 0x2800);
    wow_free(o);
    o = wow_new();
    put(o->teb + 0x180c, 4, 0x2800);
    wow_open(o);
    assert_int_equal(sc_wow64_teb32(o->w.target, TEB64), 0);
    wow_free(o);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_saved_context_is_found_through_the_teb),
        cmocka_unit_test(what_is_no_such_context_is_not_taken),
        cmocka_unit_test(a_thread_in_32_bit_code_has_its_registers_at_hand),
        cmocka_unit_test(its_stack_is_walked_as_one_of_x86),
        cmocka_unit_test(a_cancelled_target_answers_so),
        cmocka_unit_test(the_32_bit_teb_knows_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
