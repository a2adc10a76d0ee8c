/* SPDX-License-Identifier: MIT */
/*
 * Steps and walks on x86 with hostile symbols, code and stacks. An input is
 *
 *     flags, kind of the rule, known registers, callee's parameters; the rule's locals, saved
 *     registers, parameters, prolog; eip, esp, ebp, ebx; 64 bytes of code; 32 words of stack; the
 *     program's text
 *
 * A step that is no step must change nothing; one that is must stay inside the CPU's registers; a
 * walk must end.
 */
#include <string.h>

#include "forge/fakesyms.h"
#include "forge/peimg.h"
#include "fuzz/fuzz.h"
#include "unwind/trap_x86.h"

const char fuzz_name[] = "unwind_x86";

enum {
    HEAD = 12,
    CODE_SIZE = 64,
    WORDS = 32,
    PROGRAM_MAX = 600,
    APP = 0x400000,
    STACK = 0x120000,
    STACK_SIZE = 4 * 4 * WORDS,
    FRAMES = 40,
};
enum { EXACT = 1, POPS = 2, NO_RULE = 4, START = 8, USES_EBP = 16, NO_CODE = 32, WIDE = 64 };

struct scene {
    struct peimg img;
    uint8_t stack[STACK_SIZE];
    char program[PROGRAM_MAX + 1];
    struct sc_symbol symbol[2];
    struct sc_frame_rule rule;
    struct fakesyms f;
    struct sc_regs regs;
    struct sc_step step;
    uint8_t flags;
};

static void put(struct sc_regs *regs, const char *name, uint32_t value) {
    sc_reg_set(regs, sc_reg_find(SC_CPU_X86, name), value);
}

static void set_registers(struct scene *s, const uint8_t *data) {
    static const uint8_t context_flags[4] = {0x3f, 0, 1, 0};
    s->regs.cpu = SC_CPU_X86;
    s->regs.size = 0x2cc;
    memcpy(s->regs.raw, context_flags, 4);
    put(&s->regs, "eip", APP + PEIMG_TEXT + data[8] % CODE_SIZE);
    put(&s->regs, "esp", STACK + data[9] * 2u);
    put(&s->regs, "ebp", STACK + data[10] * 2u);
    put(&s->regs, "ebx", data[11] * 0x01010101u);
    s->step.known = data[2];
    s->step.callee_params = data[3];
    s->step.callee_pops = s->flags & POPS;
}

static void set_rule(struct scene *s, const uint8_t *data, const char *text, size_t size) {
    static const uint8_t kinds[] = {0xff, 0xff, 0, 1, 2, 3, 0xff, 7};
    if (size > PROGRAM_MAX)
        size = PROGRAM_MAX;
    memcpy(s->program, text, size);
    const unsigned scale = s->flags & WIDE ? 0x1000000 : 4;
    s->rule = (struct sc_frame_rule){.rva = PEIMG_TEXT,
                                     .size = CODE_SIZE,
                                     .locals = data[4] * scale,
                                     .saved_regs = data[5],
                                     .params = data[6],
                                     .prolog = data[7] % 128,
                                     .max_stack = data[7] * scale,
                                     .uses_ebp = s->flags & USES_EBP,
                                     .function_start = s->flags & START,
                                     .fpo_kind = kinds[data[1] % 8],
                                     .program = s->program};
    s->symbol[0] =
        (struct sc_symbol){.name = "_f@12", .kind = SC_SYM_PUBLIC, .rva = PEIMG_TEXT, .code = true};
    s->f = (struct fakesyms){.provider = "pdb",
                             .symbols = s->symbol,
                             .nsymbols = 1,
                             .rules = &s->rule,
                             .nrules = s->flags & NO_RULE ? 0 : 1};
}

/* False: the input is too short to be one. */
static bool build(struct scene *s, const uint8_t *data, size_t size) {
    const size_t least = HEAD + CODE_SIZE + 4 * WORDS;
    if (size < least)
        return false;
    memset(s, 0, sizeof *s);
    s->flags = data[0];
    peimg_init(&s->img, 0x14c);
    memset(s->img.data + PEIMG_TEXT, 0xcc, 0x1000);
    memcpy(s->img.data + PEIMG_TEXT, data + HEAD, CODE_SIZE);
    memcpy(s->img.data + PEIMG_TEXT + 0x200, "\xe8\0\0\0\0", 5);
    for (size_t i = 0; i < STACK_SIZE; i++)
        s->stack[i] = data[HEAD + CODE_SIZE + i % ((size_t)4 * WORDS)];
    set_registers(s, data);
    set_rule(s, data, (const char *)data + least, size - least);
    return true;
}

static void one_step(struct scene *s, sc_unwinder *u, struct sc_unwind_module *m, int which) {
    struct sc_regs regs = s->regs;
    struct sc_step step = s->step;
    enum sc_step_status status = which == 0 ? sc_step_x86(u, m, s->flags & EXACT, &regs, &step)
                                 : which == 1
                                     ? sc_step_pointer(u, m, s->flags & EXACT, &regs, &step)
                                 : which == 2 ? sc_x86_from_trap(u, sc_regs_fp(&regs), &regs, &step)
                                              : sc_x86_from_tss(u, sc_regs_sp(&regs), &regs, &step);
    if ((status == SC_STEP_ERROR) != (step.err != NULL))
        fuzz_broken("step %d: an error without one, or the other way round", which);
    sc_err_destroy(step.err);
    if (status != SC_STEP_DONE) {
        if (memcmp(&regs, &s->regs, sizeof regs) != 0 || step.known != s->step.known)
            fuzz_broken("step %d: it answers %d and has changed registers", which, (int)status);
    } else if (step.known > 255 || regs.cpu != SC_CPU_X86) {
        fuzz_broken("step %d: registers that there are not", which);
    }
}

static void run(struct scene *s, sc_target *target, sc_symtab *symtab) {
    sc_unwinder *u = NULL;
    struct sc_unwind_module *m = NULL;
    struct sc_stack stack = {0};
    sc_err *err = sc_unwinder_create(target, symtab, &u);
    if (!err)
        err = sc_unwind_module_at(u, sc_regs_ip(&s->regs), &m);
    for (int which = 0; !err && which < 4; which++)
        one_step(s, u, m, which);
    if (!err) {
        const struct sc_stack_opts opts = {
            .sz = sizeof opts, .max_frames = FRAMES, .no_scan = true};
        err = sc_stack_walk(u, &s->regs, &opts, &stack);
        if (stack.count > FRAMES)
            fuzz_broken("%zu frames", stack.count);
        sc_stack_deinit(&stack);
    }
    sc_err_destroy(err);
    sc_unwinder_destroy(u);
}

static void with_symbols(struct scene *s, sc_target *target) {
    const struct sc_modules *modules;
    const struct sc_store_opts opts = {.sz = sizeof opts, .offline = true, .cache = "/nonexistent"};
    sc_symtab *symtab = NULL;
    sc_symbols *symbols = fakesyms_open(&s->f);
    sc_err *err = symbols ? sc_symtab_create(target, &opts, &symtab) : NULL;
    if (symbols && !err)
        err = sc_target_modules(target, &modules);
    if (symbols && !err && modules->count)
        err = sc_symtab_attach(symtab, &modules->item[0], symbols, "fuzz");
    sc_symbols_unref(symbols);
    if (!err)
        run(s, target, symtab);
    sc_err_destroy(err);
    sc_symtab_destroy(symtab);
}

void fuzz_one(const uint8_t *data, size_t size) {
    struct scene s;
    if (!build(&s, data, size))
        return;
    const struct sc_module module = {
        .base = APP, .size = PEIMG_SIZE, .name = "app", .image = "app.exe"};
    const struct sc_fake_bytes bytes[] = {{STACK, s.stack, STACK_SIZE},
                                          {APP, s.img.data, PEIMG_SIZE}};
    const struct sc_fake fake = {.sz = sizeof fake,
                                 .cpu = SC_CPU_X86,
                                 .modules = &module,
                                 .nmodules = 1,
                                 .memory = bytes,
                                 .nmemory = s.flags & NO_CODE ? 1 : 2};
    sc_target *target = NULL;
    sc_err *err = sc_target_fake(&fake, &target);
    if (!err)
        with_symbols(&s, target);
    sc_err_destroy(err);
    sc_target_close(target);
}

void fuzz_seeds(fuzz_add add, void *ctx) {
    static const char *const programs[] = {
        "$T0 $ebp = $eip $T0 4 + ^ = $ebp $T0 ^ = $esp $T0 8 + =  $20 $T0 4 - ^ =",
        "$T0 .raSearch = $eip $T0 ^ = $esp $T0 4 + =  $23 $T0 4 - ^ =",
        "$T1 .raSearch = $T0  $T1 4 - 8 @ = $ebp $T1 4 - ^ = $eip $T1 ^ = $esp $T1 4 + =",
    };
    static const char code[] = "\x8b\xff\x55\x8b\xec\x83\xec\x1c\x51\x53\x56\x57\x90\x90\x90\x90"
                               "\x5f\x5e\x5b\x59\xc9\xc2\x0c\x00";
    for (size_t i = 0; i < 24; i++) {
        uint8_t seed[HEAD + CODE_SIZE + 4 * WORDS + PROGRAM_MAX] = {0};
        uint8_t *stack = seed + HEAD + CODE_SIZE;
        const char *program = programs[i % 3];
        seed[0] = (uint8_t)(i & 1 ? EXACT : POPS) | (uint8_t)(i & 8 ? NO_RULE : START);
        seed[1] = (uint8_t)(i / 3);
        seed[2] = 0xff;
        seed[8] = (uint8_t)i;
        seed[9] = 0x10;
        seed[10] = 0x20;
        memcpy(seed + HEAD, code, sizeof code);
        for (size_t word = 0; word < WORDS; word++) {
            const uint32_t v = word % 3 ? STACK + 8 * (uint32_t)word : APP + PEIMG_TEXT + 0x205;
            for (size_t k = 0; k < 4; k++)
                stack[4 * word + k] = (uint8_t)(v >> (8 * k));
        }
        memcpy(seed + HEAD + CODE_SIZE + 4 * WORDS, program, strlen(program));
        add(ctx, seed, HEAD + CODE_SIZE + 4 * WORDS + strlen(program));
    }
}
