/* SPDX-License-Identifier: MIT */
/*
 * Steps of the unwinders of x64 and ARM64 whose Nth allocation is refused, for every N until they
 * get through: each run ends in "out of memory" or in the right registers, and nothing is leaked.
 * x64 once with an image, once with a minidump's tables of code made at run time.
 */
#include <stdlib.h>
#include <string.h>

#include "forge/mdmp.h"
#include "forge/peimg.h"
#include "harness/drive.h"
#include "harness/heap.h"
#include "harness/tap.h"
#include "unwind/x64.h"

#define IMAGE 0xfffff80012340000ull
#define STACK 0xffff850000010000ull

enum { CODE = 0x1000, PDATA = 0x3000, XDATA = 0x4000, STACK_SIZE = 0x400, TRIES = 200 };

struct job {
    const char *name;
    bool stream, arm64;
    struct peimg image;
    uint8_t stack[STACK_SIZE];
    struct forge_bytes file;
    sc_target *target;
};

static void put64(uint8_t *p, uint64_t v) {
    for (unsigned i = 0; i < 8; i++)
        p[i] = (uint8_t)(v >> (8 * i));
}

/* Three frames of fp and lr: by .xdata, packed, and by .xdata again; and a return to 0. */
static void make_arm64(struct job *j) {
    const uint32_t entries[] = {CODE, XDATA, CODE + 0x80, 1 | 0x20 << 2 | 3u << 21 | 2u << 23};
    const uint32_t xdata[] = {0x20 | 1u << 27, 0xe3e483e1};
    peimg_init(&j->image, 0xaa64);
    peimg_dir(&j->image, SC_PE_DIR_EXCEPTION, PDATA, sizeof entries);
    peimg_u32s(&j->image, PDATA, entries, 4);
    peimg_u32s(&j->image, XDATA, xdata, 2);
    for (unsigned i = 0; i < 3; i++) {
        put64(j->stack + 0x20 * i, STACK + 0x20 * (i + 1));
        put64(j->stack + 0x20 * i + 8, i < 2 ? IMAGE + CODE + (i ? 0x40 : 0xc0) : 0);
    }
}

/* Three frames: alloc 0x28 each, one in a chained part, and a return to 0. */
static void make(struct job *j) {
    const uint32_t entries[] = {CODE, CODE + 0x80, XDATA, CODE + 0x80, CODE + 0x100, XDATA + 0x40};
    const uint32_t chained[] = {0x21, CODE, CODE + 0x80, XDATA};
    peimg_init(&j->image, 0x8664);
    peimg_dir(&j->image, SC_PE_DIR_EXCEPTION, PDATA, sizeof entries);
    peimg_u32s(&j->image, PDATA, entries, 6);
    memcpy(j->image.data + XDATA, "\x01\x04\x01\x00\x04\x42", 6);
    peimg_u32s(&j->image, XDATA + 0x40, chained, 4);
    put64(j->stack + 0x28, IMAGE + CODE + 0x90);
    put64(j->stack + 0x58, IMAGE + CODE + 0x50);
}

static sc_err *open_image(struct job *j) {
    struct sc_module module = {
        .base = IMAGE, .size = PEIMG_SIZE, .name = "drv", .image = "drv.sys"};
    struct sc_fake_bytes memory[] = {{IMAGE, j->image.data, PEIMG_SIZE},
                                     {STACK, j->stack, STACK_SIZE}};
    struct sc_fake fake = {.sz = sizeof fake, .kernel = true};
    fake.cpu = j->arm64 ? SC_CPU_ARM64 : SC_CPU_X64;
    fake.modules = &module, fake.nmodules = 1, fake.memory = memory, fake.nmemory = 2;
    return sc_target_fake(&fake, &j->target);
}

static void put_stream(struct job *j, struct forge *f) {
    const uint32_t head[] = {0x18, 0x20, 0, 12, 1, 0};
    for (unsigned i = 0; i < 6; i++)
        forge_u32(f, head[i]);
    forge_u64(f, IMAGE + CODE);
    forge_u64(f, IMAGE + CODE + 0xfff);
    forge_u64(f, IMAGE);
    forge_u32(f, 2);
    forge_u32(f, 0);
    forge_put(f, j->image.data + PDATA, 24);
}

static sc_err *open_stream(struct job *j) {
    struct forge_mdmp_memory memory[] = {{IMAGE, j->image.data, PEIMG_SIZE},
                                         {STACK, j->stack, STACK_SIZE}};
    struct forge f;
    forge_init(&f);
    put_stream(j, &f);
    struct forge_mdmp_raw raw = {13, f.data, (uint32_t)f.size};
    struct forge_mdmp m = {.arch = FORGE_AMD64, .memory = memory, .nmemory = 2};
    m.raw = &raw, m.nraw = 1;
    bool built = forge_mdmp_build(&m, &j->file);
    forge_deinit(&f);
    if (!built)
        return sc_errf(SC_ERR_ARG, "%s", m.why);
    return sc_target_open_memory("made.dmp", j->file.data, j->file.size, NULL, &j->target);
}

static sc_err *first_regs(const struct job *j, struct sc_regs *ret) {
    uint8_t context[0x4d0] = {0};
    if (j->arm64) {
        put64(context, 0x40000f);
        put64(context + 0xf0, STACK);
        put64(context + 0x100, STACK);
        put64(context + 0x108, IMAGE + CODE + 0x40);
        return sc_regs_init(ret, SC_CPU_ARM64, context, 0x390);
    }
    put64(context + 0x30, 0x10001f);
    put64(context + 0x98, STACK);
    put64(context + 0xf8, IMAGE + CODE + 0x40);
    return sc_regs_init(ret, SC_CPU_X64, context, sizeof context);
}

static void walk(const struct job *j, struct drive *d, struct sc_unwinder *u) {
    struct sc_regs regs;
    struct sc_step step = {.known = UINT64_MAX};
    if (drive_error(d, first_regs(j, &regs)))
        return;
    for (unsigned i = 0; i < 8 && sc_regs_ip(&regs); i++) {
        struct sc_unwind_module *m = NULL;
        if (drive_error(d, sc_unwind_module_at(u, sc_regs_ip(&regs), &m)))
            return;
        step.err = NULL;
        enum sc_step_status st = j->arm64 ? sc_step_arm64(u, m, !i, &regs, &step)
                                          : sc_step_x64(u, m, true, &regs, &step);
        drive_mix(d, st);
        drive_mix(d, sc_regs_sp(&regs) ^ sc_regs_ip(&regs));
        if (st == SC_STEP_ERROR && drive_error(d, step.err))
            return;
        if (st != SC_STEP_DONE)
            break;
    }
    if (sc_regs_ip(&regs))
        drive_error(d, sc_errf(SC_ERR_FORMAT, "the stack does not lead to its end"));
}

/* One run; false when it broke a promise. *RET_DONE: nothing was refused any more. */
static bool run(struct job *j, uint64_t fail_at, uint64_t want, struct drive *d, bool *ret_done) {
    struct heap_stats stats;
    sc_unwinder *u = NULL;
    *d = (struct drive){0};
    heap_begin(fail_at);
    if (!drive_error(d, sc_unwinder_create(j->target, NULL, &u)))
        walk(j, d, u);
    sc_unwinder_destroy(u);
    heap_end(&stats);
    *ret_done = !stats.failed;
    if (stats.nleaked)
        tap_note("%s: allocation %u: %zu bytes leaked", j->name, (unsigned)fail_at, stats.leaked);
    if (d->errors != d->nomem)
        tap_note("%s: allocation %u: %s", j->name, (unsigned)fail_at, d->why);
    if (fail_at && !d->errors && d->digest != want)
        tap_note("%s: allocation %u: no error, and another answer", j->name, (unsigned)fail_at);
    return !stats.nleaked && d->errors == d->nomem && (!fail_at || d->errors || d->digest == want);
}

/* The target's own lists are loaded first: what they do without memory is tested elsewhere. */
static sc_err *warm(struct job *j) {
    struct drive d = {0};
    sc_unwinder *u = NULL;
    sc_err *err = sc_unwinder_create(j->target, NULL, &u);
    if (!err)
        walk(j, &d, u);
    sc_unwinder_destroy(u);
    return err;
}

static void every_allocation(struct job *j) {
    struct drive d;
    bool done = false;
    if (j->arm64)
        make_arm64(j);
    else
        make(j);
    sc_err *err = j->stream ? open_stream(j) : open_image(j);
    if (!err)
        err = warm(j);
    if (err)
        tap_note("%s: %s", j->name, sc_err_text(err));
    bool ok = !err && run(j, 0, 0, &d, &done) && !d.errors;
    sc_err_destroy(err);
    const uint64_t want = ok ? d.digest : 0;
    uint64_t n = 1;
    done = false;
    for (; ok && !done && n < TRIES; n++)
        ok = run(j, n, want, &d, &done);
    tap_ok(ok && done && n > 4, "%s: each of %u allocations refused", j->name, (unsigned)(n - 2));
    sc_target_close(j->target);
    forge_bytes_free(&j->file);
}

int main(void) {
    static struct job jobs[] = {
        {.name = "an image"},
        {.name = "a stream", .stream = true},
        {.name = "an image of ARM64", .arm64 = true},
    };
    for (size_t i = 0; i < sizeof jobs / sizeof *jobs; i++)
        every_allocation(&jobs[i]);
    return tap_done();
}
