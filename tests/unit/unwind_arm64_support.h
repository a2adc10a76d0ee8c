/* SPDX-License-Identifier: MIT */
/*
 * What the tests of the ARM64 unwinder share: an image whose tables are laid out by hand, a stack,
 * and one step.
 *
 *     struct scene s;
 *     scene_init(&s);
 *     scene_function(&s, 0x1000, 0x4000);          RVA of .xdata, or packed data
 *     scene_xdata(&s, 0x4000, 0x80, "\x81\xe4", 2);
 *     scene_slot(&s, 8, RETURN);                   before scene_open()
 *     scene_open(&s);
 *     assert_int_equal(scene_step(&s, 0x1010, true), SC_STEP_DONE);
 */
#ifndef STOPCODE_TESTS_UNIT_UNWIND_ARM64_SUPPORT_H
#define STOPCODE_TESTS_UNIT_UNWIND_ARM64_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "forge/peimg.h"
#include "unwind/arm64.h"

#define IMAGE  0xfffff80012340000ull
#define STACK  0xffff850000010000ull
#define RETURN (IMAGE + 0x1f10)

enum {
    PDATA = 0x3000,
    XDATA = 0x4000,
    STACK_SIZE = 0x1000,
    SP_OFFSET = 0x400, /* the stack pointer starts so far above STACK */
};
#define SP (STACK + SP_OFFSET)

/* x18 … x28, fp, sp: what a frame's caller knows if the frame did. */
#define KEPT_BITS UINT64_C(0xbffc0000)

struct scene {
    struct peimg image;
    uint32_t nfunctions;
    uint8_t stack[STACK_SIZE];
    size_t stack_cut; /* the dump has so many bytes of the stack only; 0: all */
    bool no_table;
    enum sc_cpu cpu;
    uint64_t debugger_data;
    sc_target *target;
    sc_unwinder *unwinder;
    struct sc_regs regs;
    struct sc_step step;
};

static inline void ok(sc_err *err) {
    if (err)
        fail_msg("%s", sc_err_text(err));
}

static inline void scene_init(struct scene *s) {
    memset(s, 0, sizeof *s);
    s->cpu = SC_CPU_ARM64;
    peimg_init(&s->image, 0xaa64);
}

static inline void scene_bytes(struct scene *s, uint32_t rva, const void *data, size_t size) {
    assert_true(rva + size <= PEIMG_SIZE);
    memcpy(s->image.data + rva, data, size);
}

static inline void scene_function(struct scene *s, uint32_t begin, uint32_t data) {
    const uint32_t entry[2] = {begin, data};
    peimg_u32s(&s->image, PDATA + 8 * s->nfunctions++, entry, 2);
}

/* .xdata of a function of LENGTH bytes with CODES, and no epilogs. */
static inline void scene_xdata(struct scene *s, uint32_t rva, uint32_t length, const char *codes,
                               size_t size) {
    uint32_t words = (uint32_t)(size + 3) / 4;
    peimg_u32(&s->image, rva, length / 4 | words << 27);
    memset(s->image.data + rva + 4, 0xe3, words * 4);
    scene_bytes(s, rva + 4, codes, size);
}

/* A stack slot, by its distance from the stack pointer that steps start with. */
static inline void scene_slot(struct scene *s, uint32_t from_sp, uint64_t value) {
    assert_true(SP_OFFSET + from_sp + 8 <= STACK_SIZE);
    for (unsigned i = 0; i < 8; i++)
        s->stack[SP_OFFSET + from_sp + i] = (uint8_t)(value >> (8 * i));
}

static inline void scene_open(struct scene *s) {
    struct sc_module module = {
        .base = IMAGE, .size = PEIMG_SIZE, .name = "drv", .image = "drv.sys"};
    struct sc_fake_bytes memory[] = {
        {IMAGE, s->image.data, PEIMG_SIZE},
        {STACK, s->stack, s->stack_cut ? s->stack_cut : STACK_SIZE},
    };
    struct sc_machine machine = {.cpu = s->cpu,
                                 .kernel = true,
                                 .windows = true,
                                 .platform = "Windows",
                                 .debugger_data = s->debugger_data};
    struct sc_fake fake = {.sz = sizeof fake,
                           .cpu = s->cpu,
                           .kernel = true,
                           .machine = &machine,
                           .modules = &module,
                           .nmodules = 1,
                           .memory = memory,
                           .nmemory = 2};
    if (!s->no_table)
        peimg_dir(&s->image, SC_PE_DIR_EXCEPTION, PDATA, 8 * s->nfunctions);
    ok(sc_target_fake(&fake, &s->target));
    ok(sc_unwinder_create(s->target, NULL, &s->unwinder));
}

static inline void scene_close(struct scene *s) {
    sc_unwinder_destroy(s->unwinder);
    sc_target_close(s->target);
    s->unwinder = NULL;
    s->target = NULL;
}

/* REG 32 is pc. */
static inline uint64_t reg_get(const struct sc_regs *r, unsigned reg) {
    uint64_t v = 0;
    for (unsigned i = 8; i-- > 0;)
        v = v << 8 | r->raw[8 + 8 * reg + i];
    return v;
}

static inline void reg_put(struct sc_regs *r, unsigned reg, uint64_t v) {
    for (unsigned i = 0; i < 8; i++)
        r->raw[8 + 8 * reg + i] = (uint8_t)(v >> (8 * i));
}

/* The first 8 bytes of q register N. */
static inline uint64_t d_get(const struct sc_regs *r, unsigned n) { return reg_get(r, 33 + 2 * n); }

/* Registers that name themselves: 0x1111000000000000 + number; d registers 0x2222…. */
static inline void regs_begin(struct sc_regs *r, uint64_t ip, uint64_t sp) {
    uint8_t context[0x390] = {0x07, 0, 0x40, 0};
    ok(sc_regs_init(r, SC_CPU_ARM64, context, sizeof context));
    for (unsigned i = 0; i < 32; i++) {
        reg_put(r, i, 0x1111000000000000ull + i);
        reg_put(r, 33 + 2 * i, 0x2222000000000000ull + i);
    }
    reg_put(r, ARM64_SP, sp);
    reg_put(r, 32, ip);
}

/* One step from S->regs. */
static inline enum sc_step_status scene_go(struct scene *s, bool exact, uint64_t known) {
    struct sc_unwind_module *m = NULL;
    s->step = (struct sc_step){.known = known};
    ok(sc_unwind_module_at(s->unwinder, sc_regs_ip(&s->regs), &m));
    return sc_step_arm64(s->unwinder, m, exact, &s->regs, &s->step);
}

/* One step from IP of the image with fresh registers, which stay in S->regs. */
static inline enum sc_step_status scene_step(struct scene *s, uint32_t rva, bool exact) {
    regs_begin(&s->regs, IMAGE + rva, SP);
    return scene_go(s, exact, UINT64_MAX);
}

/* The step succeeds, to this return address and stack pointer. */
static inline void arrives(struct scene *s, uint32_t rva, bool exact, uint64_t ip,
                           uint64_t sp_above) {
    enum sc_step_status st = scene_step(s, rva, exact);
    if (st != SC_STEP_DONE)
        fail_msg("RVA 0x%x: status %d, missing 0x%llx", rva, st,
                 (unsigned long long)s->step.missing);
    assert_true(sc_regs_ip(&s->regs) == ip);
    assert_int_equal(sc_regs_sp(&s->regs) - SP, sp_above);
    assert_true(s->step.base == sc_regs_sp(&s->regs));
}

static inline bool is_known(const struct scene *s, unsigned reg) {
    return s->step.known >> reg & 1;
}

/* REG was loaded with VALUE, or kept what it had. */
static inline void holds(const struct scene *s, unsigned reg, uint64_t value) {
    assert_true(is_known(s, reg));
    assert_true(reg_get(&s->regs, reg) == value);
}
static inline void kept(const struct scene *s, unsigned reg) {
    holds(s, reg, 0x1111000000000000ull + reg);
}

/* ---- a function ---- */

enum { BEGIN = 0x1000, BODY = 0x1100, SIZE = 0x200 };
/* lr, as steps begin with it, and as an address. */
#define LR_OF_BEGIN UINT64_C(0x1e)

/* One function of SIZE bytes with these codes, from its body on. */
static inline void with_codes(struct scene *s, const char *codes, size_t size) {
    scene_init(s);
    scene_function(s, BEGIN, XDATA);
    scene_xdata(s, XDATA, SIZE, codes, size);
}
#define CODES(s, text) with_codes(s, text, sizeof text - 1)

#endif
