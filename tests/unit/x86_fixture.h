/* SPDX-License-Identifier: MIT */
/*
 * A frame of x86 to step out of: an image with code, a stack, registers, and what symbols say. A
 * test puts them together, then steps.
 */
#ifndef STOPCODE_UNIT_X86_FIXTURE_H
#define STOPCODE_UNIT_X86_FIXTURE_H

#include "unit/symtab_support.h"
#include "unwind/unwind.h"

enum {
    APP = 0x400000,
    TEXT = 0x1000, /* RVA of its code: all int 3 unless a test writes some */
    STACK = 0x120000,
    STACK_SIZE = 0x800,
    ESP = STACK + 0x100,
    EBP = STACK + 0x200,
};
/* Registers that a step may know, in the CPU's numbering. */
enum {
    EAX_BIT = 1,
    ECX_BIT = 2,
    EDX_BIT = 4,
    EBX_BIT = 8,
    ESP_BIT = 16,
    EBP_BIT = 32,
    ESI_BIT = 64,
    EDI_BIT = 128,
    ALL_BITS = 255
};

struct x86 {
    struct peimg img;
    uint8_t stack[STACK_SIZE];
    struct sc_symbol symbols[4];
    struct sc_frame_rule rules[4];
    struct fakesyms f;
    bool exact, no_code, no_symbols;
    struct sc_regs regs;
    struct sc_step step;
    struct world w;
    sc_unwinder *u;
    enum sc_err_code symbols_fail;
};

static inline void x86_reg(struct x86 *x, const char *name, uint32_t value) {
    sc_reg_set(&x->regs, sc_reg_find(SC_CPU_X86, name), value);
}

static inline uint32_t x86_get(const struct x86 *x, const char *name) {
    return (uint32_t)sc_reg_value(&x->regs, sc_reg_find(SC_CPU_X86, name));
}

/* A word of the stack, at ADDR. */
static inline void x86_poke(struct x86 *x, uint32_t addr, uint32_t value) {
    assert_true(addr >= STACK && addr - STACK <= STACK_SIZE - 4);
    for (int i = 0; i < 4; i++)
        x->stack[addr - STACK + (uint32_t)i] = (uint8_t)(value >> (8 * i));
}

static inline void x86_code(struct x86 *x, uint32_t rva, const void *bytes, size_t size) {
    memcpy(x->img.data + rva, bytes, size);
}

/* A call in the image, and the address behind it. */
static inline uint32_t x86_call(struct x86 *x, uint32_t rva) {
    x86_code(x, rva, "\xe8\0\0\0\0", 5);
    return APP + rva + 5;
}

static inline struct x86 *x86_new(void) {
    static const uint8_t flags[4] = {0x3f, 0, 1, 0};
    struct x86 *x = calloc(1, sizeof *x);
    assert_non_null(x);
    peimg_init(&x->img, 0x14c);
    memset(x->img.data + TEXT, 0xcc, 0x1000);
    x->f = (struct fakesyms){
        .provider = "pdb", .path = "app.pdb", .symbols = x->symbols, .rules = x->rules};
    x->regs = (struct sc_regs){.cpu = SC_CPU_X86, .size = 0x2cc};
    memcpy(x->regs.raw, flags, 4);
    x86_reg(x, "eip", APP + TEXT + 0x10);
    x86_reg(x, "esp", ESP);
    x86_reg(x, "ebp", EBP);
    x86_reg(x, "ebx", 0xb);
    x86_reg(x, "esi", 0x51);
    x86_reg(x, "edi", 0xd1);
    x->step.known = ALL_BITS;
    return x;
}

static inline void x86_symbol(struct x86 *x, const char *name, uint32_t rva) {
    assert_true(x->f.nsymbols < 4);
    x->symbols[x->f.nsymbols++] =
        (struct sc_symbol){.name = name, .kind = SC_SYM_PUBLIC, .rva = rva};
}

static inline struct sc_frame_rule *x86_rule(struct x86 *x, const char *program) {
    assert_true(x->f.nrules < 4);
    struct sc_frame_rule *r = &x->rules[x->f.nrules++];
    *r = (struct sc_frame_rule){
        .rva = TEXT, .size = 0x100, .fpo_kind = program ? 0xff : 0, .program = program};
    return r;
}

static inline void x86_open(struct x86 *x) {
    static const struct sc_module module = {
        .base = APP, .size = PEIMG_SIZE, .name = "app", .image = "app.exe"};
    const struct sc_fake_bytes bytes[] = {{STACK, x->stack, STACK_SIZE},
                                          {APP, x->img.data, PEIMG_SIZE}};
    const struct sc_fake fake = {.sz = sizeof fake,
                                 .cpu = SC_CPU_X86,
                                 .modules = &module,
                                 .nmodules = 1,
                                 .memory = bytes,
                                 .nmemory = x->no_code ? 1 : 2};
    world_open(&x->w, &fake, NULL, NULL, NULL);
    if (!x->no_symbols)
        attach(&x->w, "app", &x->f);
    no_error(sc_unwinder_create(x->w.target, x->w.symtab, &x->u));
}

static inline void x86_free(struct x86 *x) {
    sc_unwinder_destroy(x->u);
    world_close(&x->w);
    free(x);
}

typedef enum sc_step_status (*x86_step_fn)(struct sc_unwinder *u, struct sc_unwind_module *m,
                                           bool exact_ip, struct sc_regs *regs,
                                           struct sc_step *ret);

static inline enum sc_step_status x86_try(struct x86 *x, x86_step_fn fn) {
    struct sc_unwind_module *m = NULL;
    if (!x->u)
        x86_open(x);
    x->f.fail = 0;
    no_error(sc_unwind_module_at(x->u, sc_regs_ip(&x->regs), &m));
    x->f.fail = x->symbols_fail;
    return fn(x->u, m, x->exact, &x->regs, &x->step);
}

/* One step, which must answer WANT; and an answer that is no caller must change no register. */
static inline void x86_steps(struct x86 *x, x86_step_fn fn, enum sc_step_status want) {
    const struct sc_regs before = x->regs;
    const uint64_t known = x->step.known;
    enum sc_step_status status = x86_try(x, fn);
    if (status != want)
        fail_msg("step answers %d, want %d (missing 0x%llx)", status, want,
                 (unsigned long long)x->step.missing);
    if (want != SC_STEP_DONE) {
        assert_memory_equal(&before, &x->regs, sizeof before);
        assert_true(known == x->step.known);
    }
}

/* The caller's registers. */
static inline void x86_caller(const struct x86 *x, uint32_t eip, uint32_t esp, uint32_t ebp) {
    if (x86_get(x, "eip") != eip || x86_get(x, "esp") != esp || x86_get(x, "ebp") != ebp)
        fail_msg("eip %08x esp %08x ebp %08x, want %08x %08x %08x", x86_get(x, "eip"),
                 x86_get(x, "esp"), x86_get(x, "ebp"), eip, esp, ebp);
}

#endif
