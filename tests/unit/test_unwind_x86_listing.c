/* SPDX-License-Identifier: MIT */
/*
 * Whole stacks as published kd listings of Windows XP show them, ChildEBP and RetAddr line by line:
 * a trap in the kernel, a thread that waits. The stacks are made so that they hold what the
 * listings say.
 */
#include "unit/symtab_support.h"
#include "unwind/unwind.h"

enum { WORDS = 256 };

struct line {
    uint32_t base, ret;
    enum sc_frame_how how; /* how the line's own frame was found */
};

struct listing {
    const struct sc_module *modules;
    size_t nmodules;
    struct fakesyms f; /* of the first module */
    uint32_t stack;    /* where it begins */
    uint32_t word[WORDS];
    uint32_t eip, esp, ebp;
};

static void poke(struct listing *l, uint32_t addr, uint32_t value) {
    assert_true(addr >= l->stack && (addr - l->stack) / 4 < WORDS);
    l->word[(addr - l->stack) / 4] = value;
}

static void set(struct sc_regs *regs, const char *name, uint32_t value) {
    sc_reg_set(regs, sc_reg_find(SC_CPU_X86, name), value);
}

static void check(struct world *w, const struct listing *l, const struct line *want, size_t n) {
    struct sc_regs regs = {.cpu = SC_CPU_X86, .size = 0x2cc};
    struct sc_stack stack;
    sc_unwinder *u;
    memcpy(regs.raw, "\x3f\0\1\0", 4);
    set(&regs, "eip", l->eip);
    set(&regs, "esp", l->esp);
    set(&regs, "ebp", l->ebp);
    no_error(sc_unwinder_create(w->target, w->symtab, &u));
    const struct sc_stack_opts opts = {.sz = sizeof opts, .no_scan = true};
    no_error(sc_stack_walk(u, &regs, &opts, &stack));
    for (size_t i = 0; i < n && i < stack.count; i++) {
        const struct sc_frame *f = &stack.frame[i];
        if (f->base != want[i].base || f->ret != want[i].ret || f->how != want[i].how)
            fail_msg("line %zu: %08x %08x (%s), want %08x %08x (%s)", i, (uint32_t)f->base,
                     (uint32_t)f->ret, sc_frame_how_name(f->how), want[i].base, want[i].ret,
                     sc_frame_how_name(want[i].how));
    }
    assert_int_equal(stack.count, n);
    assert_int_equal(stack.end, SC_STACK_END_DONE);
    sc_stack_deinit(&stack);
    sc_unwinder_destroy(u);
}

static void shows(struct listing *l, const struct line *want, size_t n) {
    uint8_t bytes[WORDS * 4];
    struct world w;
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(l->word[i / 4] >> (8 * (i % 4)));
    const struct sc_fake_bytes memory = {l->stack, bytes, sizeof bytes};
    const struct sc_fake fake = {.sz = sizeof fake,
                                 .cpu = SC_CPU_X86,
                                 .kernel = true,
                                 .modules = l->modules,
                                 .nmodules = l->nmodules,
                                 .memory = &memory,
                                 .nmemory = 1};
    world_open(&w, &fake, NULL, NULL, NULL);
    attach(&w, l->modules[0].name, &l->f);
    check(&w, l, want, n);
    world_close(&w);
}

static const struct sc_module xp[] = {
    {.base = 0x804d7000, .size = 0x215000, .name = "nt", .image = "ntoskrnl.exe"},
    {.base = 0x806ec000, .size = 0x14000, .name = "hal", .image = "hal.dll"},
    {.base = 0xa9300000, .size = 0x80000, .name = "sftfsXP", .image = "sftfsXP.sys"},
};

/*
 *     a9750c80 806ffa16 nt!KiTrap0E+0x238
 *     a9750d5c a9338ae2 hal!KeAcquireInStackQueuedSpinLock+0x26
 *     a9750d6c a9339c79 sftfsXP!SoftFSProcessRequest+0x6c
 *     a9750dac 80574128 sftfsXP!SoftFSQueueSyncWorker+0x39
 *     a9750ddc 804ec781 nt!PspSystemThreadStartup+0x34
 *     00000000 00000000 nt!KiThreadStartup+0x16
 */
static void a_trap_in_the_kernel(void **state) {
    (void)state;
    const struct sc_frame_rule rule = {
        .rva = 0xa000, .size = 0x600, .fpo_kind = 1, .function_start = true};
    struct listing l = {.modules = xp,
                        .nmodules = 3,
                        .f = {.provider = "pdb", .rules = &rule, .nrules = 1},
                        .stack = 0xa9750c00,
                        .eip = 0x804e1238,
                        .esp = 0xa9750c70,
                        .ebp = 0xa9750c80};
    poke(&l, 0xa9750c80 + 0x60, 0xa9750d5c);
    poke(&l, 0xa9750c80 + 0x68, 0x806ffa16);
    poke(&l, 0xa9750c80 + 0x6c, 8);
    poke(&l, 0xa9750c80 + 0x70, 0x10246);
    const uint32_t chain[][2] = {{0xa9750d5c, 0xa9338ae2},
                                 {0xa9750d6c, 0xa9339c79},
                                 {0xa9750dac, 0x80574128},
                                 {0xa9750ddc, 0x804ec781}};
    for (size_t i = 0; i < 4; i++) {
        poke(&l, chain[i][0], i < 3 ? chain[i + 1][0] : 0);
        poke(&l, chain[i][0] + 4, chain[i][1]);
    }
    const struct line want[] = {
        {0xa9750c80, 0x806ffa16, SC_FRAME_CONTEXT}, {0xa9750d5c, 0xa9338ae2, SC_FRAME_TRAP},
        {0xa9750d6c, 0xa9339c79, SC_FRAME_POINTER}, {0xa9750dac, 0x80574128, SC_FRAME_POINTER},
        {0xa9750ddc, 0x804ec781, SC_FRAME_POINTER}, {0, 0, SC_FRAME_POINTER}};
    shows(&l, want, 6);
}

/*
 *     a9fe5904 804e1bd2 nt!KiSwapContext+0x2f            FPO, 4 registers saved, ebp among them
 *     a9fe5910 804e1c1e nt!KiSwapThread+0x8a             FPO, 2 registers saved
 *     a9fe5938 a9339042 nt!KeWaitForSingleObject+0x1c2   a frame of ebp
 */
static void a_thread_that_waits(void **state) {
    (void)state;
    const struct sc_frame_rule rules[] = {
        {.rva = 0xa900, .size = 0x80, .saved_regs = 16, .uses_ebp = true, .function_start = true},
        {.rva = 0xab40, .size = 0x98, .saved_regs = 8, .function_start = true},
        {.rva = 0xabd8, .size = 0x100, .fpo_kind = 3, .params = 20, .function_start = true},
    };
    struct listing l = {.modules = xp,
                        .nmodules = 3,
                        .f = {.provider = "pdb", .rules = rules, .nrules = 3},
                        .stack = 0xa9fe5800,
                        .eip = 0x804e192f,
                        .esp = 0xa9fe58f8,
                        .ebp = 0x12345678};
    poke(&l, 0xa9fe58f8, 0xa9fe5938); /* KiSwapContext's ebp: the lowest of what it saves */
    poke(&l, 0xa9fe58fc, 1);
    poke(&l, 0xa9fe5900, 2);
    poke(&l, 0xa9fe5904, 3);
    poke(&l, 0xa9fe5908, 0x804e1bd2);
    poke(&l, 0xa9fe590c, 4);
    poke(&l, 0xa9fe5910, 5);
    poke(&l, 0xa9fe5914, 0x804e1c1e);
    poke(&l, 0xa9fe5938, 0);
    poke(&l, 0xa9fe593c, 0xa9339042);
    const struct line want[] = {{0xa9fe5904, 0x804e1bd2, SC_FRAME_CONTEXT},
                                {0xa9fe5910, 0x804e1c1e, SC_FRAME_FPO},
                                {0xa9fe5938, 0xa9339042, SC_FRAME_FPO},
                                {0, 0, SC_FRAME_FPO}};
    shows(&l, want, 4);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_trap_in_the_kernel),
        cmocka_unit_test(a_thread_that_waits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
