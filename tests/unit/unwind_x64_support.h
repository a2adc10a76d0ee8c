/* SPDX-License-Identifier: MIT */
/*
 * What the tests of the x64 unwinder share: an image whose tables are laid out by hand, a stack,
 * and one step.
 *
 *     struct scene s;
 *     scene_init(&s);
 *     scene_function(&s, 0x1000, 0x1080, 0x4000);
 *     scene_bytes(&s, 0x4000, "\x01\x04\x01\x00\x04\x42", 6);
 *     scene_open(&s);
 *     scene_slot(&s, 0x28, RETURN);               before scene_open()
 *     assert_int_equal(scene_step(&s, 0x1010, true), SC_STEP_DONE);
 */
#ifndef STOPCODE_TESTS_UNIT_UNWIND_X64_SUPPORT_H
#define STOPCODE_TESTS_UNIT_UNWIND_X64_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "forge/peimg.h"
#include "unwind/x64.h"

#define IMAGE  0xfffff80012340000ull
#define STACK  0xffff850000010000ull
#define RETURN (IMAGE + 0x1f10)

enum {
    PDATA = 0x3000, /* of the function table; the stack pointer starts 0x400 above STACK */
    XDATA = 0x4000,
    STACK_SIZE = 0x1000,
    SP_OFFSET = 0x400,
    UNKNOWN_VOLATILES = 0x0f07,
};
#define SP (STACK + SP_OFFSET)

struct scene {
    struct peimg image;
    uint32_t nfunctions;
    uint8_t stack[STACK_SIZE];
    size_t stack_cut; /* the dump has so many bytes of the stack only; 0: all */
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
    peimg_init(&s->image, 0x8664);
}

static inline void scene_bytes(struct scene *s, uint32_t rva, const void *data, size_t size) {
    assert_true(rva + size <= PEIMG_SIZE);
    memcpy(s->image.data + rva, data, size);
}

static inline void scene_function(struct scene *s, uint32_t begin, uint32_t end, uint32_t info) {
    const uint32_t entry[3] = {begin, end, info};
    peimg_u32s(&s->image, PDATA + 12 * s->nfunctions++, entry, 3);
}

/* A stack slot, by its distance from the stack pointer that steps start with. */
static inline void scene_slot(struct scene *s, uint32_t from_sp, uint64_t value) {
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
    struct sc_fake fake = {.sz = sizeof fake,
                           .cpu = SC_CPU_X64,
                           .kernel = true,
                           .modules = &module,
                           .nmodules = 1,
                           .memory = memory,
                           .nmemory = 2};
    if (s->nfunctions)
        peimg_dir(&s->image, SC_PE_DIR_EXCEPTION, PDATA, 12 * s->nfunctions);
    ok(sc_target_fake(&fake, &s->target));
    ok(sc_unwinder_create(s->target, NULL, &s->unwinder));
}

static inline void scene_close(struct scene *s) {
    sc_unwinder_destroy(s->unwinder);
    sc_target_close(s->target);
    s->unwinder = NULL;
    s->target = NULL;
}

static inline uint64_t reg_get(const struct sc_regs *r, unsigned reg) {
    uint64_t v = 0;
    for (unsigned i = 8; i-- > 0;)
        v = v << 8 | r->raw[0x78 + 8 * reg + i];
    return v;
}

/* REG 16 is rip. */
static inline void reg_put(struct sc_regs *r, unsigned reg, uint64_t v) {
    for (unsigned i = 0; i < 8; i++)
        r->raw[0x78 + 8 * reg + i] = (uint8_t)(v >> (8 * i));
}

/* Registers that name themselves: 0x1111000000000000 + number. */
static inline void regs_begin(struct sc_regs *r, uint64_t ip, uint64_t sp) {
    uint8_t context[0x4d0] = {0};
    context[0x32] = 0x10; /* ContextFlags: all of AMD64 */
    context[0x30] = 0x1f;
    ok(sc_regs_init(r, SC_CPU_X64, context, sizeof context));
    for (unsigned i = 0; i < 16; i++)
        reg_put(r, i, 0x1111000000000000ull + i);
    reg_put(r, X64_RSP, sp);
    reg_put(r, 16, ip);
}

/* One step from S->regs. */
static inline enum sc_step_status scene_go(struct scene *s, bool exact, uint64_t known) {
    struct sc_unwind_module *m = NULL;
    s->step = (struct sc_step){.known = known};
    ok(sc_unwind_module_at(s->unwinder, sc_regs_ip(&s->regs), &m));
    return sc_step_x64(s->unwinder, m, exact, &s->regs, &s->step);
}

/* One step from IP of the image with fresh registers, which stay in S->regs. */
static inline enum sc_step_status scene_step(struct scene *s, uint32_t rva, bool exact) {
    regs_begin(&s->regs, IMAGE + rva, SP);
    return scene_go(s, exact, UINT64_MAX);
}

/* The step succeeds, to this return address and stack pointer. */
static inline void arrives(struct scene *s, uint32_t rva, bool exact, uint64_t ip,
                           uint64_t sp_above) {
    assert_int_equal(scene_step(s, rva, exact), SC_STEP_DONE);
    assert_int_equal(sc_regs_ip(&s->regs), ip);
    assert_int_equal(sc_regs_sp(&s->regs) - SP, sp_above);
    assert_int_equal(s->step.base, sc_regs_sp(&s->regs));
}

static inline bool is_known(const struct scene *s, unsigned reg) {
    return s->step.known >> reg & 1;
}

/* REG was loaded with VALUE, or kept what it had. */
static inline void holds(const struct scene *s, unsigned reg, uint64_t value) {
    assert_true(is_known(s, reg));
    assert_int_equal(reg_get(&s->regs, reg), value);
}
static inline void kept(const struct scene *s, unsigned reg) {
    holds(s, reg, 0x1111000000000000ull + reg);
}

#endif
