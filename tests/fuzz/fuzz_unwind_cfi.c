/* SPDX-License-Identifier: MIT */
/*
 * Steps by STACK CFI:
 *
 *     +0x00 u8 the CPU: 0 x86, 1 x64, 2 ARM, 3 ARM64, modulo 4; 4 ip is a return address; 8 another
 *           system than Windows
 *     +0x01 0x40 bytes of the stack, which are repeated; then the rules, as symbols hand them over
 */
#include <stdlib.h>
#include <string.h>

#include "forge/fakesyms.h"
#include "fuzz/fuzz.h"
#include "stopcode/symtab.h"
#include "unwind/unwind.h"

const char fuzz_name[] = "unwind_cfi";

enum { APP = 0x400000, STACK = 0x7f0000, STACK_SIZE = 0x400, PART = 0x40, TEXT_MAX = 4000 };
enum { RETURNED = 4, FOREIGN = 8 };

static enum sc_cpu cpu_of(uint8_t flags) {
    static const enum sc_cpu cpus[] = {SC_CPU_X86, SC_CPU_X64, SC_CPU_ARM, SC_CPU_ARM64};
    return cpus[flags & 3];
}

static void make_regs(struct sc_regs *regs, enum sc_cpu cpu) {
    static const char *const ip[] = {"eip", "rip", "pc", "pc"}, *const sp[] = {"esp", "rsp", "sp",
                                                                               "sp"};
    size_t count = 0;
    unsigned i = cpu == SC_CPU_X86 ? 0 : cpu == SC_CPU_X64 ? 1 : 2;
    *regs = (struct sc_regs){.cpu = cpu, .size = (uint32_t)sc_context_size(cpu)};
    const struct sc_reg *table = sc_reg_table(cpu, &count);
    for (size_t k = 0; k < count; k++)
        if (table[k].cls == SC_REG_GPR)
            sc_reg_set(regs, &table[k], STACK + 8 * k);
    sc_reg_set(regs, sc_reg_find(cpu, ip[i]), APP + 0x800);
    sc_reg_set(regs, sc_reg_find(cpu, sp[i]), STACK + 0x80);
}

static void check(struct sc_unwinder *u, struct sc_regs *regs, bool exact) {
    struct sc_unwind_module *m = NULL;
    const struct sc_regs before = *regs;
    struct sc_step step = {.known = exact ? UINT64_MAX : 0xfff8};
    sc_err *err = sc_unwind_module_at(u, sc_regs_ip(regs), &m);
    enum sc_step_status st = err ? SC_STEP_NO_RULE : sc_step_cfi(u, m, exact, regs, &step);
    sc_err_destroy(err);
    if (st == SC_STEP_ERROR && sc_err_code(step.err) != SC_ERR_NOMEM)
        fuzz_broken("an error that is not memory: %s", sc_err_text(step.err));
    sc_err_destroy(step.err);
    if (st != SC_STEP_DONE && memcmp(&before, regs, sizeof before) != 0)
        fuzz_broken("registers were changed by a step that failed with %d", st);
    if (st != SC_STEP_DONE)
        return;
    if (step.how != SC_FRAME_CFI || step.exact_ip || step.trap || step.known >> 32)
        fuzz_broken("the step says what cannot be");
    if (sc_cpu_ptr_size(regs->cpu) == 4 && (sc_regs_ip(regs) | sc_regs_sp(regs)) >> 32)
        fuzz_broken("an address of more than 32 bits");
}

static void run(const struct sc_fake *fake, const char *text, bool exact) {
    sc_target *target = NULL;
    sc_symtab *symtab = NULL;
    sc_unwinder *u = NULL;
    struct sc_regs regs;
    struct sc_frame_rule rule = {.size = 0x1000, .fpo_kind = 0xff, .program = text};
    struct fakesyms fake_symbols = {.provider = "breakpad", .rules = &rule, .nrules = 1};
    struct sc_store_opts opts = {.sz = sizeof opts, .offline = true, .cache = "/nonexistent"};
    sc_symbols *symbols = fakesyms_open(&fake_symbols);
    sc_err *err = symbols ? sc_target_fake(fake, &target) : sc_err_nomem();
    if (!err)
        err = sc_symtab_create(target, &opts, &symtab);
    if (!err)
        err = sc_symtab_attach(symtab, sc_target_module_named(target, "app"), symbols, "by hand");
    if (!err)
        err = sc_unwinder_create(target, symtab, &u);
    make_regs(&regs, fake->cpu);
    if (!err)
        check(u, &regs, exact);
    sc_err_destroy(err);
    sc_unwinder_destroy(u);
    sc_symtab_destroy(symtab);
    sc_symbols_unref(symbols);
    sc_target_close(target);
}

void fuzz_one(const uint8_t *data, size_t size) {
    static const struct sc_module app = {
        .base = APP, .size = 0x10000, .name = "app", .image = "app.exe"};
    uint8_t stack[STACK_SIZE] = {0};
    char text[TEXT_MAX + 1];
    uint8_t flags = size ? data[0] : 0;
    size_t skip = size < 1 + PART ? size : 1 + PART, len = size - skip;
    for (size_t i = 0; i < STACK_SIZE; i++)
        stack[i] = 1 + i % PART < skip ? data[1 + i % PART] : 0;
    len = len < TEXT_MAX ? len : TEXT_MAX;
    memcpy(text, data + skip, len);
    text[len] = 0;
    const struct sc_fake_bytes memory = {STACK, stack, STACK_SIZE};
    const struct sc_machine machine = {
        .cpu = cpu_of(flags), .windows = !(flags & FOREIGN), .platform = "any"};
    const struct sc_fake fake = {.sz = sizeof fake,
                                 .cpu = cpu_of(flags),
                                 .machine = &machine,
                                 .modules = &app,
                                 .nmodules = 1,
                                 .memory = &memory,
                                 .nmemory = 1};
    run(&fake, text, !(flags & RETURNED));
}

void fuzz_seeds(fuzz_add add, void *ctx) {
    static const struct {
        uint8_t flags;
        const char *rules;
    } seeds[] = {
        {0, ".cfa: $ebp 8 + .ra: .cfa 4 - ^ $ebp: .cfa 8 - ^ $ebx: .cfa 12 - ^"},
        {1, ".cfa: $rsp 16 + .ra: .cfa -8 + ^ $rbx: .cfa -16 + ^ $rbp: .cfa 24 - ^"},
        {1 | RETURNED, ".cfa: $rbp 16 + .ra: .cfa -8 + ^ $rsp: .cfa 64 + -16 @ $r12: $rax 2 * 3 %"},
        {2 | FOREIGN, ".cfa: sp 16 + .ra: .cfa -4 + ^ r4: .cfa -16 + ^ fp: .cfa 12 - ^ r14: lr"},
        {3, ".cfa: sp 32 + .ra: .cfa -24 + ^ x29: .cfa -32 + ^ x19: x20 x30: .undef"},
        {3, ".cfa: sp 0 + .ra: x30"},
        {1, ".cfa: $rsp 8 + .ra: .undef"},
        {1, ".cfa: .ra: $rsp ^ : f: 0x10 / 99999999999999999999 +"},
    };
    for (size_t i = 0; i < sizeof seeds / sizeof *seeds; i++) {
        uint8_t buf[1 + PART + 200];
        size_t len = strlen(seeds[i].rules);
        buf[0] = seeds[i].flags;
        for (unsigned k = 0; k < PART; k++)
            buf[1 + k] = k % 8 == 0 ? 0x45 : k % 8 == 1 ? 0x23 : k % 8 == 2 ? 0x40 : 0;
        memcpy(buf + 1 + PART, seeds[i].rules, len);
        add(ctx, buf, 1 + PART + len);
    }
}
