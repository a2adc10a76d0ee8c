/* SPDX-License-Identifier: MIT */
/*
 * How fast stacks of x64 are walked; for scripts/bench.py:
 *
 *     bench_unwind FRAMES SECONDS      prints "walk N step N copy N": frames a second of whole
 *                                      walks, of steps alone, and of a memcpy of what a walk must
 *                                      at least read and write (the stack, and the frames)
 *
 * An image with functions of many shapes (pushes, allocations, saves, frame registers, chains) and
 * a stack of FRAMES frames that call each other at random. Each walk is a new one, with the plans
 * of the ones before, as it is for the threads of one dump.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "forge/peimg.h"
#include "unwind/x64.h"

#define IMAGE 0xfffff80012340000ull
#define STACK 0xffff850000010000ull

enum {
    FUNCTIONS = 64,
    CODE = 0x1000,
    FUNCTION_SIZE = 0x40,
    SITES = 4, /* calls in a function */
    PDATA = 0x3000,
    XDATA = 0x4000,
    SHAPES = 5,
    FRAME_MAX = 0x200,
};

/* UNWIND_INFO, what it takes of the stack without the return address, and its frame register. */
static const struct shape {
    uint8_t info[20];
    uint8_t size;
    uint16_t frame;
} shapes[SHAPES] = {
    {{1, 4, 1, 0, 4, 0x42}, 6, 0x28},
    {{1, 6, 2, 0, 6, 0x32, 2, 0x30}, 8, 0x28},
    {{1, 20, 6, 0, 20, 0x64, 8, 0, 20, 0x34, 7, 0, 20, 0x32, 16, 0x70}, 16, 0x28},
    {{1, 24, 7, 0, 24, 1, 0x16, 0, 12, 0xf0, 10, 0xe0, 8, 0xd0, 6, 0xc0, 4, 0x70}, 18, 0xd8},
    {{2, 6, 6, 0, 6, 0x16, 0, 6, 6, 0x32, 2, 0x30, 1, 0x50, 0, 0xe0}, 16, 0x38},
};

static uint64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static uint32_t roll(uint64_t *state, uint32_t sides) {
    *state = *state * 6364136223846793005ull + 1442695040888963407ull;
    return (uint32_t)(*state >> 33) % sides;
}

static void put64(uint8_t *p, uint64_t v) {
    for (unsigned i = 0; i < 8; i++)
        p[i] = (uint8_t)(v >> (8 * i));
}

static void make_image(struct peimg *p) {
    peimg_init(p, 0x8664);
    for (uint32_t i = 0; i < FUNCTIONS; i++) {
        const struct shape *s = &shapes[i % SHAPES];
        const uint32_t entry[] = {CODE + i * FUNCTION_SIZE, CODE + (i + 1) * FUNCTION_SIZE,
                                  XDATA + 0x20 * i};
        peimg_u32s(p, PDATA + 12 * i, entry, 3);
        memcpy(p->data + XDATA + 0x20 * (size_t)i, s->info, s->size);
        memset(p->data + CODE + (size_t)i * FUNCTION_SIZE, 0x90, FUNCTION_SIZE);
    }
    peimg_dir(p, SC_PE_DIR_EXCEPTION, PDATA, 12 * FUNCTIONS);
}

static uint64_t site(uint32_t function, uint32_t call) {
    return IMAGE + CODE + (uint64_t)function * FUNCTION_SIZE + 0x20 + 6 * call;
}

/* Writes the frames from the innermost on; returns the bytes used. *RET_IP: of the first one. */
static size_t make_stack(uint8_t *stack, uint32_t frames, uint64_t *ret_ip) {
    uint64_t state = 7;
    uint32_t function = 0;
    size_t at = 0;
    *ret_ip = site(0, 0);
    for (uint32_t i = 0; i < frames; i++) {
        at += shapes[function % SHAPES].frame;
        function = roll(&state, FUNCTIONS);
        put64(stack + at, i + 1 < frames ? site(function, roll(&state, SITES)) : 0);
        at += 8;
    }
    return at;
}

struct bench {
    struct peimg image;
    uint8_t *stack;
    size_t stack_size;
    sc_target *target;
    sc_unwinder *unwinder;
    struct sc_regs regs;
    uint32_t frames;
};

static sc_err *open_target(struct bench *b) {
    struct sc_module module = {
        .base = IMAGE, .size = PEIMG_SIZE, .name = "drv", .image = "drv.sys"};
    struct sc_fake_bytes memory[] = {{IMAGE, b->image.data, PEIMG_SIZE},
                                     {STACK, b->stack, b->stack_size}};
    struct sc_fake fake = {.sz = sizeof fake,
                           .cpu = SC_CPU_X64,
                           .kernel = true,
                           .modules = &module,
                           .nmodules = 1,
                           .memory = memory,
                           .nmemory = 2};
    sc_err *err = sc_target_fake(&fake, &b->target);
    return err ? err : sc_unwinder_create(b->target, NULL, &b->unwinder);
}

static sc_err *prepare(struct bench *b) {
    uint8_t context[0x4d0] = {0};
    uint64_t ip;
    b->stack = calloc(b->frames + 1u, FRAME_MAX);
    if (!b->stack)
        return sc_err_nomem();
    make_image(&b->image);
    b->stack_size = make_stack(b->stack, b->frames, &ip);
    context[0x30] = 0x1f;
    context[0x32] = 0x10;
    put64(context + 0x98, STACK);
    put64(context + 0xf8, ip);
    sc_err *err = sc_regs_init(&b->regs, SC_CPU_X64, context, sizeof context);
    return err ? err : open_target(b);
}

/* Each does it once; they return the frames seen. */
static size_t walk(struct bench *b, sc_err **err) {
    struct sc_stack stack = {0};
    struct sc_stack_opts opts = {.sz = sizeof opts, .max_frames = b->frames + 1};
    *err = sc_stack_walk(b->unwinder, &b->regs, &opts, &stack);
    size_t count = stack.count;
    sc_stack_deinit(&stack);
    return count;
}

static size_t steps(struct bench *b, sc_err **err) {
    struct sc_regs regs = b->regs;
    struct sc_step step = {.known = UINT64_MAX, .exact_ip = true};
    struct sc_unwind_module *m = NULL;
    size_t count = 0;
    while (sc_regs_ip(&regs)) {
        *err = sc_unwind_module_at(b->unwinder, sc_regs_ip(&regs), &m);
        if (*err || sc_step_x64(b->unwinder, m, step.exact_ip, &regs, &step) != SC_STEP_DONE)
            break;
        count++;
    }
    return count;
}

static size_t copy(struct bench *b, sc_err **err) {
    (void)err;
    size_t size = b->stack_size + b->frames * sizeof(struct sc_frame);
    static uint8_t *from, *to;
    from = from ? from : calloc(1, size);
    to = to ? to : malloc(size);
    if (!from || !to)
        return 0;
    memcpy(to, from, size);
    from[0] = to[size / 2]; /* so that it is not left out */
    return b->frames;
}

/* Frames a second of FN over SECONDS; 0 when it does not see all frames. */
static double measure(struct bench *b, double seconds, size_t (*fn)(struct bench *, sc_err **)) {
    sc_err *err = NULL;
    size_t count = 0, rounds = 0;
    uint64_t start = now(), end = start + (uint64_t)(seconds * 1e9);
    do {
        if (fn(b, &err) != b->frames || err) {
            fprintf(stderr, "bench_unwind: %s\n", err ? sc_err_text(err) : "frames are missing");
            sc_err_destroy(err);
            return 0;
        }
        count += b->frames;
        rounds++;
    } while (now() < end);
    return (double)count * 1e9 / (double)(now() - start);
}

int main(int argc, char **argv) {
    struct bench b = {.frames = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 1000};
    double seconds = argc > 2 ? strtod(argv[2], NULL) : 1;
    if (!b.frames || b.frames > 100000)
        return 2;
    sc_err *err = prepare(&b);
    if (err) {
        fprintf(stderr, "bench_unwind: %s\n", sc_err_text(err));
        return 1;
    }
    double w = measure(&b, seconds, walk), s = measure(&b, seconds, steps),
           c = measure(&b, seconds, copy);
    printf("walk %.0f step %.0f copy %.0f\n", w, s, c);
    sc_unwinder_destroy(b.unwinder);
    sc_target_close(b.target);
    free(b.stack);
    return w > 0 && s > 0 && c > 0 ? 0 : 1;
}
