/* SPDX-License-Identifier: MIT */
/*
 * Steps of x64 over made images, registers and stacks:
 *
 *     +0x00 u8 flags: 1 ip is a return address; 2 registers are addresses of the stack; 4 the rest
 *           is a stream of function tables of a minidump
 *     +0x01 u16 where ip is, from the code's start on   +0x03 u16 rsp, from the stack's start on
 *     +0x05 16 × u32: the general registers' upper halves, or with flag 2 offsets
 *     +0x45 0x80 bytes of the stack, which are repeated; then
 *     the image: 8 entries of the function table, 0x200 bytes of code, and UNWIND_INFO
 */
#include <stdlib.h>
#include <string.h>

#include "forge/mdmp.h"
#include "forge/peimg.h"
#include "fuzz/fuzz.h"
#include "unwind/x64.h"

const char fuzz_name[] = "unwind_x64";

#define IMAGE 0xfffff80012340000ull
#define STACK 0xffff850000010000ull

enum {
    HEAD = 0x45,
    STACK_PART = 0x80,
    STACK_SIZE = 0x800,
    ENTRIES = 8,
    CODE = 0x1000,
    CODE_SIZE = 0x200,
    PDATA = 0x3000,
    XDATA = 0x4000,
    XDATA_MAX = 0x3000,
    STEPS = 64,
};
enum { RETURNED = 1, IN_STACK = 2, STREAM = 4 };

struct input {
    struct peimg image;
    uint8_t stack[STACK_SIZE];
    struct sc_regs regs;
    uint8_t flags;
};

/* The bytes from OFFSET on, zeros behind the end. */
static void part(const uint8_t *data, size_t size, size_t offset, void *buf, size_t len) {
    memset(buf, 0, len);
    if (offset < size)
        memcpy(buf, data + offset, len < size - offset ? len : size - offset);
}

static uint32_t get(const uint8_t *p, unsigned width) {
    uint32_t v = 0;
    for (unsigned i = width; i-- > 0;)
        v = v << 8 | p[i];
    return v;
}

static void put64(uint8_t *p, uint64_t v) {
    for (unsigned i = 0; i < 8; i++)
        p[i] = (uint8_t)(v >> (8 * i));
}

static void make_regs(struct input *in, const uint8_t *head, uint64_t code) {
    uint8_t context[0x4d0] = {0};
    context[0x30] = 0x1f;
    context[0x32] = 0x10;
    for (unsigned i = 0; i < 16; i++) {
        uint64_t v = get(head + 5 + 4 * (size_t)i, 4);
        put64(context + 0x78 + 8 * (size_t)i,
              in->flags & IN_STACK ? STACK + v % STACK_SIZE : v << 32 | v);
    }
    put64(context + 0x98, STACK + get(head + 3, 2) % STACK_SIZE);
    put64(context + 0xf8, code + get(head + 1, 2) % (CODE_SIZE + 0x20));
    sc_err_destroy(sc_regs_init(&in->regs, SC_CPU_X64, context, sizeof context));
}

static void make_input(struct input *in, const uint8_t *data, size_t size) {
    uint8_t head[HEAD], stack[STACK_PART], *image = in->image.data;
    size_t at = HEAD + STACK_PART;
    part(data, size, 0, head, sizeof head);
    part(data, size, HEAD, stack, sizeof stack);
    for (size_t i = 0; i < STACK_SIZE; i++)
        in->stack[i] = stack[i % STACK_PART];
    in->flags = head[0];
    peimg_init(&in->image, 0x8664);
    peimg_dir(&in->image, SC_PE_DIR_EXCEPTION, PDATA, 12 * ENTRIES);
    part(data, size, at, image + PDATA, (size_t)12 * ENTRIES);
    part(data, size, at += (size_t)12 * ENTRIES, image + CODE, CODE_SIZE);
    part(data, size, at + CODE_SIZE, image + XDATA, XDATA_MAX);
    make_regs(in, head, IMAGE + CODE);
}

/* Walks on, and holds each step to its promises. */
static void walk(struct sc_unwinder *u, struct input *in) {
    struct sc_step step = {.exact_ip = !(in->flags & RETURNED), .known = UINT64_MAX};
    for (unsigned i = 0; i < STEPS; i++) {
        struct sc_regs before = in->regs;
        struct sc_unwind_module *m = NULL;
        bool exact = step.exact_ip;
        sc_err *err = sc_unwind_module_at(u, sc_regs_ip(&in->regs), &m);
        if (err) {
            sc_err_destroy(err);
            return;
        }
        step = (struct sc_step){.known = step.known};
        enum sc_step_status st = sc_step_x64(u, m, exact, &in->regs, &step);
        if (st == SC_STEP_ERROR && sc_err_code(step.err) != SC_ERR_NOMEM)
            fuzz_broken("an error that is not memory: %s", sc_err_text(step.err));
        sc_err_destroy(step.err);
        if (st != SC_STEP_DONE) {
            if (memcmp(&before, &in->regs, sizeof before) != 0)
                fuzz_broken("registers were changed by a step that failed with %d", st);
            return;
        }
        if (!step.exact_ip && sc_regs_sp(&in->regs) <= sc_regs_sp(&before))
            fuzz_broken("the stack pointer did not move up");
        if (step.exact_ip != (step.how == SC_FRAME_TRAP) || step.known >> 16 || !step.ret_slot)
            fuzz_broken("the step says what cannot be");
    }
}

static void from_image(struct input *in) {
    struct sc_module module = {
        .base = IMAGE, .size = PEIMG_SIZE, .name = "drv", .image = "drv.sys"};
    struct sc_fake_bytes memory[] = {{IMAGE, in->image.data, PEIMG_SIZE},
                                     {STACK, in->stack, STACK_SIZE}};
    struct sc_fake fake = {.sz = sizeof fake,
                           .cpu = SC_CPU_X64,
                           .kernel = true,
                           .modules = &module,
                           .nmodules = 1,
                           .memory = memory,
                           .nmemory = 2};
    sc_target *target = NULL;
    sc_unwinder *u = NULL;
    sc_err *err = sc_target_fake(&fake, &target);
    if (!err)
        err = sc_unwinder_create(target, NULL, &u);
    if (!err)
        walk(u, in);
    sc_err_destroy(err);
    sc_unwinder_destroy(u);
    sc_target_close(target);
}

/* The image is no module here: its function tables come from the stream. */
static void from_stream(struct input *in, const uint8_t *data, size_t size) {
    struct forge_mdmp_memory memory[] = {{IMAGE, in->image.data, PEIMG_SIZE},
                                         {STACK, in->stack, STACK_SIZE}};
    size_t skip = size < HEAD + STACK_PART ? size : HEAD + STACK_PART;
    struct forge_mdmp_raw raw = {13, data + skip, (uint32_t)(size - skip)};
    struct forge_mdmp m = {.arch = FORGE_AMD64, .memory = memory, .nmemory = 2};
    struct forge_bytes file = {0};
    sc_target *target = NULL;
    sc_unwinder *u = NULL;
    m.raw = &raw, m.nraw = 1;
    if (!forge_mdmp_build(&m, &file))
        return;
    sc_err *err = sc_target_open_memory("fuzzed.dmp", file.data, file.size, NULL, &target);
    if (!err)
        err = sc_unwinder_create(target, NULL, &u);
    if (!err)
        walk(u, in);
    sc_err_destroy(err);
    sc_unwinder_destroy(u);
    sc_target_close(target);
    forge_bytes_free(&file);
}

void fuzz_one(const uint8_t *data, size_t size) {
    struct input *in = malloc(sizeof *in);
    if (!in)
        return;
    make_input(in, data, size);
    if (in->flags & STREAM)
        from_stream(in, data, size);
    else
        from_image(in);
    free(in);
}

/* ---- seeds ---- */

static void seed_start(struct forge *f, uint8_t flags, uint16_t ip) {
    forge_init(f);
    forge_u8(f, flags);
    forge_u16(f, ip);
    forge_u16(f, 0x100);
    for (unsigned i = 0; i < 16; i++)
        forge_u32(f, 0x140 + 16 * i);
    for (unsigned i = 0; i < STACK_PART / 8; i++)
        forge_u64(f, i & 1 ? IMAGE + CODE + 0x10 * i : STACK + 0x200);
}

static void seed_end(struct forge *f, fuzz_add add, void *ctx) {
    struct forge_bytes bytes;
    if (!forge_finish(f, &bytes))
        abort();
    add(ctx, bytes.data, bytes.size);
    forge_bytes_free(&bytes);
    forge_deinit(f);
}

/* Two functions, the second one chained to the first; INFO is the first one's. */
static void seed_image(uint8_t flags, uint16_t ip, const void *info, size_t size, const char *code,
                       fuzz_add add, void *ctx) {
    struct forge f;
    const uint32_t entries[] = {CODE,         CODE + 0x80,  XDATA,        CODE + 0x80, CODE + 0x100,
                                XDATA + 0x40, CODE + 0x100, CODE + 0x140, PDATA | 1};
    const uint32_t chained[] = {0x21, CODE, CODE + 0x80, XDATA};
    seed_start(&f, flags, ip);
    forge_put(&f, entries, sizeof entries);
    forge_fill(&f, 0xff, 12 * ENTRIES - sizeof entries);
    uint64_t at = forge_here(&f);
    forge_fill(&f, 0x90, CODE_SIZE);
    forge_poke_bytes(&f, at + 0x60, code, strlen(code));
    at = forge_here(&f);
    forge_fill(&f, 0, 0x80);
    forge_poke_bytes(&f, at, info, size);
    forge_poke_bytes(&f, at + 0x40, chained, sizeof chained);
    seed_end(&f, add, ctx);
}

static void seed_stream(fuzz_add add, void *ctx) {
    struct forge f;
    const uint32_t head[] = {0x18, 0x20, 0x58, 12, 1, 0};
    seed_start(&f, STREAM | IN_STACK, 0x20);
    for (unsigned i = 0; i < 6; i++)
        forge_u32(&f, head[i]);
    forge_u64(&f, IMAGE + CODE);
    forge_u64(&f, IMAGE + CODE + 0xfff);
    forge_u64(&f, IMAGE);
    forge_u32(&f, 1);
    forge_u32(&f, 0);
    forge_fill(&f, 0, 0x58);
    forge_u32(&f, CODE);
    forge_u32(&f, CODE + 0x80);
    forge_u32(&f, XDATA);
    seed_end(&f, add, ctx);
}

void fuzz_seeds(fuzz_add add, void *ctx) {
#define INFO(bytes) bytes, sizeof(bytes) - 1
    static const char pushes[] = "\x01\x07\x03\x00\x07\x42\x03\xc0\x01\x30";
    static const char framed[] = "\x01\x0f\x05\x25\x0f\x64\x06\x00\x0a\x03\x05\x72\x01\x50";
    static const char trap[] = "\x01\x05\x03\x00\x05\x42\x01\x50\x00\x1a";
    static const char v2[] = "\x02\x07\x05\x00\x04\x16\x40\x06\x07\x42\x03\xc0\x01\x30";
    static const char v3[] = "\x03\x0b\x0a\x24\x06\x02\x01\x00\x18\xfa\xff\x03\x00\x06\x00\x04\x05"
                             "\x36\x02\x00\x38\x2c\x1c\x00";
    static const char xmm[] = "\x01\x20\x0b\x00\x20\x64\x08\x00\x1c\x75\x48\x00\x00\x00\x18\x68"
                              "\x02\x00\x14\x79\x30\x00\x00\x00\x04\x92";
    seed_image(IN_STACK, 0x40, INFO(pushes), "\x48\x83\xc4\x28\x41\x5c\x5b\xc3", add, ctx);
    seed_image(IN_STACK, 0x60, INFO(pushes), "\x41\x5c\x5b\xe9\x40", add, ctx);
    seed_image(IN_STACK, 0x60, INFO(framed), "\x48\x8d\x65\x20\x5d\xc3", add, ctx);
    seed_image(IN_STACK, 0xa0, INFO(framed), "\xc3", add, ctx);
    seed_image(IN_STACK, 0x40, INFO(trap), "\xc3", add, ctx);
    seed_image(IN_STACK, 0x7d, INFO(v2), "\xc3", add, ctx);
    seed_image(IN_STACK, 0x7c, INFO(v3), "\xc3", add, ctx);
    seed_image(IN_STACK | RETURNED, 0x80, INFO(xmm), "\xc3", add, ctx);
    seed_image(0, 0x110, INFO(pushes), "\xc3", add, ctx);
    seed_stream(add, ctx);
#undef INFO
}
