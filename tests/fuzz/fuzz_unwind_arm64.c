/* SPDX-License-Identifier: MIT */
/*
 * Steps of ARM64 over made images, registers and stacks:
 *
 *     +0x00 u8 flags: 1 ip is a return address; 2 registers are addresses of the stack; 4 the image
 *           calls itself x64, and its code is ARM64EC
 *     +0x01 u16 where ip is, from the code's start on   +0x03 u16 sp, from the stack's start on
 *     +0x05 32 × u16: the registers, or with flag 2 offsets
 *     +0x45 0x80 bytes of the stack, which are repeated; then
 *     the image: 8 entries of the function table, and .xdata
 */
#include <stdlib.h>
#include <string.h>

#include "forge/peimg.h"
#include "fuzz/fuzz.h"
#include "unwind/arm64.h"

const char fuzz_name[] = "unwind_arm64";

#define IMAGE 0xfffff80012340000ull
#define STACK 0xffff850000010000ull

enum {
    HEAD = 0x45,
    STACK_PART = 0x80,
    STACK_SIZE = 0x800,
    ENTRIES = 8,
    CODE = 0x1000,
    CODE_SIZE = 0x800,
    PDATA = 0x3000,
    XDATA = 0x4000,
    XDATA_MAX = 0x2000,
    CONFIG = 0x6000,
    CHPE = 0x6400,
    MAP = 0x6800,
    STEPS = 64,
};
enum { RETURNED = 1, IN_STACK = 2, EC = 4 };

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

static uint32_t get16(const uint8_t *p) { return p[0] | (uint32_t)p[1] << 8; }

static void put64(uint8_t *p, uint64_t v) {
    for (unsigned i = 0; i < 8; i++)
        p[i] = (uint8_t)(v >> (8 * i));
}

static void make_regs(struct input *in, const uint8_t *head) {
    bool ec = in->flags & EC;
    in->regs = (struct sc_regs){.cpu = ec ? SC_CPU_X64 : SC_CPU_ARM64, .size = ec ? 0x4d0 : 0x390};
    memcpy(in->regs.raw + (ec ? 0x30 : 0), ec ? "\x1f\0\x10" : "\x0f\0\x40", 3);
    for (unsigned i = 0; i < 32; i++) {
        uint64_t v = get16(head + 5 + 2 * (size_t)i);
        unsigned at = ec ? arm64ec_offset(i) : 8 + 8 * i;
        if (at)
            put64(in->regs.raw + at, in->flags & IN_STACK ? STACK + v % STACK_SIZE : v << 40 | v);
    }
    put64(in->regs.raw + (ec ? 0x98 : 0x100), STACK + get16(head + 3) % STACK_SIZE);
    put64(in->regs.raw + (ec ? 0xf8 : 0x108), IMAGE + CODE + get16(head + 1) % CODE_SIZE);
}

/* All code is ARM64EC, and the table that of the metadata. */
static void make_ec(struct peimg *p) {
    static const uint32_t head[] = {1, MAP, 1}, map[] = {CODE | 1, CODE_SIZE};
    peimg_dir(p, SC_PE_DIR_LOAD_CONFIG, CONFIG, 0x140);
    peimg_u32(p, CONFIG, 0x140);
    peimg_u64(p, CONFIG + 0xc8, IMAGE + CHPE);
    peimg_u32s(p, CHPE, head, 3);
    peimg_u32(p, CHPE + 0x40, PDATA);
    peimg_u32(p, CHPE + 0x44, 8 * ENTRIES);
    peimg_u32s(p, MAP, map, 2);
}

static void make_input(struct input *in, const uint8_t *data, size_t size) {
    uint8_t head[HEAD], stack[STACK_PART], *image = in->image.data;
    size_t at = HEAD + STACK_PART;
    part(data, size, 0, head, sizeof head);
    part(data, size, HEAD, stack, sizeof stack);
    for (size_t i = 0; i < STACK_SIZE; i++)
        in->stack[i] = stack[i % STACK_PART];
    in->flags = head[0];
    peimg_init(&in->image, in->flags & EC ? 0x8664 : 0xaa64);
    part(data, size, at, image + PDATA, (size_t)8 * ENTRIES);
    part(data, size, at + (size_t)8 * ENTRIES, image + XDATA, XDATA_MAX);
    if (in->flags & EC)
        make_ec(&in->image);
    else
        peimg_dir(&in->image, SC_PE_DIR_EXCEPTION, PDATA, 8 * ENTRIES);
    make_regs(in, head);
}

static void check(const struct input *in, const struct sc_step *step, uint64_t sp, bool exact) {
    uint64_t now = sc_regs_sp(&in->regs);
    if (!step->trap && (now < sp || (now == sp && !exact && step->how == SC_FRAME_LEAF)))
        fuzz_broken("the stack pointer moved down");
    if ((step->trap != 0) != (step->how == SC_FRAME_TRAP) || step->known >> 32)
        fuzz_broken("the step says what cannot be");
    if (step->how != SC_FRAME_TRAP && step->how != SC_FRAME_UNWIND && step->how != SC_FRAME_LEAF)
        fuzz_broken("the step was found by %d", (int)step->how);
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
        enum sc_step_status st = in->flags & EC ? sc_step_x64(u, m, exact, &in->regs, &step)
                                                : sc_step_arm64(u, m, exact, &in->regs, &step);
        if (st == SC_STEP_ERROR && sc_err_code(step.err) != SC_ERR_NOMEM)
            fuzz_broken("an error that is not memory: %s", sc_err_text(step.err));
        sc_err_destroy(step.err);
        if (st != SC_STEP_DONE) {
            if (memcmp(&before, &in->regs, sizeof before) != 0)
                fuzz_broken("registers were changed by a step that failed with %d", st);
            return;
        }
        check(in, &step, sc_regs_sp(&before), exact);
    }
}

void fuzz_one(const uint8_t *data, size_t size) {
    struct input *in = malloc(sizeof *in);
    struct sc_module module = {
        .base = IMAGE, .size = PEIMG_SIZE, .name = "drv", .image = "drv.sys"};
    if (!in)
        return;
    make_input(in, data, size);
    struct sc_fake_bytes memory[] = {{IMAGE, in->image.data, PEIMG_SIZE},
                                     {STACK, in->stack, STACK_SIZE}};
    struct sc_fake fake = {.sz = sizeof fake,
                           .cpu = in->regs.cpu,
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
    free(in);
}

/* ---- seeds ---- */

/* One function of 0x200 bytes, packed or with .xdata of these words and CODES. */
static void seed(uint8_t flags, uint16_t ip, uint32_t data, uint32_t head, const char *codes,
                 size_t size, fuzz_add add, void *ctx) {
    struct forge f;
    struct forge_bytes bytes;
    forge_init(&f);
    forge_u8(&f, flags);
    forge_u16(&f, ip);
    forge_u16(&f, 0x100);
    for (unsigned i = 0; i < 32; i++)
        forge_u16(&f, (uint16_t)(0x140 + 16 * i));
    for (unsigned i = 0; i < STACK_PART / 8; i++)
        forge_u64(&f, i & 1 ? IMAGE + CODE + 0x10 * i : STACK + 0x200);
    const uint32_t entries[] = {CODE, data, CODE + 0x400, PDATA | 3};
    forge_put(&f, entries, sizeof entries);
    forge_fill(&f, 0xff, 8 * ENTRIES - sizeof entries);
    forge_u32(&f, head);
    forge_put(&f, codes, size);
    forge_fill(&f, 0xe4, 32);
    if (!forge_finish(&f, &bytes))
        abort();
    add(ctx, bytes.data, bytes.size);
    forge_bytes_free(&bytes);
    forge_deinit(&f);
}

void fuzz_seeds(fuzz_add add, void *ctx) {
#define CODES(text) text, sizeof(text) - 1
    enum { LENGTH = 0x80, PACKED = LENGTH << 2 | 1 };
    static const char scopes[] = "\x10\x00\x40\x00\x30\x00\x40\x00\xe1\x81\xd0\x82\xcc\x03\xfc\xe4";
    uint32_t words = 4u << 27, one = 1u << 21 | 1u << 22;
    seed(IN_STACK, 0x80, XDATA, LENGTH | words, CODES("\xe1\x81\xd0\x82\xcc\x03\xfc\xe4"), add,
         ctx);
    seed(IN_STACK, 8, XDATA, LENGTH | words, CODES("\xe1\x81\xd0\x82\xcc\x03\xfc\xe4"), add, ctx);
    seed(IN_STACK, 0x1f4, XDATA, LENGTH | words | one, CODES("\xe1\x81\xd0\x82\xcc\x03\xfc\xe4"),
         add, ctx);
    seed(IN_STACK, 0x44, XDATA, LENGTH | words | 2u << 22, CODES(scopes), add, ctx);
    seed(IN_STACK | RETURNED, 0x80, XDATA, LENGTH | words, CODES("\xe5\xe6\x26\x81\xe4"), add, ctx);
    seed(IN_STACK, 0x80, XDATA, LENGTH | words, CODES("\x04\xe8\xe4"), add, ctx);
    seed(IN_STACK, 0x80, XDATA, LENGTH | words, CODES("\xea\xe4"), add, ctx);
    seed(IN_STACK, 0x80, XDATA, LENGTH | words, CODES("\xe7\x73\x01\xe2\x04\x42\xec\xe4"), add,
         ctx);
    seed(IN_STACK, 0x80, PACKED | 4u << 16 | 2u << 21 | 8u << 23, 0, CODES(""), add, ctx);
    seed(IN_STACK, 0x0c, PACKED | 3u << 13 | 1u << 20 | 3u << 21 | 90u << 23, 0, CODES(""), add,
         ctx);
    seed(IN_STACK, 0x420, PACKED, 0, CODES(""), add, ctx);
    seed(IN_STACK | EC, 0x80, XDATA, LENGTH | words, CODES("\xe1\x81\xcc\x03\xe4"), add, ctx);
    seed(IN_STACK | EC, 0x80, XDATA, LENGTH | words, CODES("\xeb\xe4"), add, ctx);
    seed(EC, 0x600, PACKED, 0, CODES(""), add, ctx);
#undef CODES
}
