/* SPDX-License-Identifier: MIT */
/*
 * Walks over made stacks where rules are missing, with symbols of a kernel and without:
 *
 *     +0 u8 flags: 1 x86; 2 ARM64; 4 without symbols; 8 a process; 16 no guessing
 *     +1 u8 which function ip is in   +2 u8 where in it   +3 u8 rsp / 16
 *     +4 the stack: 3 bytes make one word or more (see put_words)
 */
#include <stdlib.h>
#include <string.h>

#include "forge/fakesyms.h"
#include "forge/peimg.h"
#include "fuzz/fuzz.h"
#include "stopcode/pe.h"
#include "stopcode/stack.h"

const char fuzz_name[] = "stack_walk";

#define NT    UINT64_C(0xfffff80010000000)
#define DRV   UINT64_C(0xfffff80020000000)
#define STACK UINT64_C(0xffff850000010000)
enum { CODE = 0x200000, FUNCTION = 0x800, STACK_SIZE = 0x2000, FRAMES = 64 };
enum { X86 = 1, ARM64 = 2, NO_SYMBOLS = 4, USER = 8, EXACT = 16 };

static const char *const names[] = {
    "KeBugCheckEx",
    "KiBugCheckDispatch",
    "KiPageFault",
    "KiExceptionDispatch",
    "KiDispatchException",
    "RtlDispatchException",
    "KiSystemServiceCopyEnd",
    "KySwitchKernelStackCallout",
    "PspSystemThreadStartup",
    "KiStartSystemThread",
    "KiUserExceptionDispatch",
    "KiSwapContext",
    "PnpSendIrp",
    "PnpStartDevice",
    "KiTrap0E",
    "_guard_dispatch_icall",
    "__security_cookie",
    "PsLoadedModuleList",
};
enum { NAMES = sizeof names / sizeof *names };

struct scene {
    uint8_t stack[STACK_SIZE];
    size_t at;
    uint8_t flags;
    unsigned word;
    uint64_t mask;
    struct sc_symbol symbol[NAMES];
    struct fakesyms syms;
    struct peimg drv;
};

static void put(struct scene *s, uint64_t value) {
    for (unsigned i = 0; i < s->word && s->at < STACK_SIZE; i++)
        s->stack[s->at++] = (uint8_t)(value >> 8 * i);
}

/* What stands on stacks, with the two bytes A and B in it. */
static void put_words(struct scene *s, uint8_t kind, uint8_t a, uint8_t b) {
    uint64_t here = STACK + s->at, code = NT + CODE + FUNCTION * (a % NAMES) + b;
    switch (kind % 10) {
    case 0: put(s, 0); break;
    case 1: put(s, code); break;
    case 2: put(s, STACK + 16 * a + b); break;
    case 3: put(s, DRV + PEIMG_TEXT + a * 4 + b); break;
    case 4: put(s, (here + 16 * a) ^ UINT64_C(0x2bd15c0ff1ea)); break; /* a guard */
    case 5:                                                            /* a machine frame */
        put(s, code), put(s, b & 1 ? 0x10 : 0x33), put(s, 0x50246);
        put(s, here + 0x28 + 8 * (a & 15)), put(s, b & 1 ? 0x18 : 0x2b);
        break;
    case 6: /* parts of a CONTEXT */
        put(s, 0x0010001f | UINT64_C(0x1f80) << 32), put(s, 0x10), put(s, 0x5024600180000);
        break;
    case 7: /* a DISPATCHER_CONTEXT */
        put(s, code), put(s, NT), put(s, NT + 0x1000), put(s, here + 16 * b), put(s, 0);
        put(s, STACK + 16 * a);
        break;
    case 8:
        for (unsigned i = 0; i < b % 64u; i++)
            put(s, a);
        break;
    default: put(s, (uint64_t)a << 56 | b); break;
    }
}

static void make(struct scene *s, const uint8_t *data, size_t size) {
    static const uint32_t entry[3] = {0x1000, 0x1100, 0x4000};
    s->flags = size ? data[0] : 0;
    s->word = s->flags & X86 ? 4 : 8;
    s->mask = s->flags & X86 ? UINT32_MAX : UINT64_MAX;
    for (size_t i = 4; i + 3 <= size; i += 3)
        put_words(s, data[i], data[i + 1], data[i + 2]);
    for (uint32_t i = 0; i < NAMES; i++)
        s->symbol[i] =
            (struct sc_symbol){.name = names[i], .kind = SC_SYM_PUBLIC, .rva = CODE + FUNCTION * i};
    s->syms = (struct fakesyms){
        .provider = "pdb", .path = "nt.pdb", .symbols = s->symbol, .nsymbols = NAMES};
    peimg_init(&s->drv, 0x8664);
    memset(s->drv.data + PEIMG_TEXT, 0xe8, 0x800); /* calls, wherever one looks */
    memcpy(s->drv.data + 0x4000, "\x01\x04\x01\x00\x04\x42\x00\x00", 8);
    peimg_u32s(&s->drv, 0x3000, entry, 3);
    peimg_dir(&s->drv, SC_PE_DIR_EXCEPTION, 0x3000, 12);
}

static enum sc_cpu cpu_of(const struct scene *s) {
    return s->flags & X86 ? SC_CPU_X86 : s->flags & ARM64 ? SC_CPU_ARM64 : SC_CPU_X64;
}

static sc_err *open_scene(struct scene *s, sc_target **target, sc_symtab **symtab) {
    const struct sc_machine machine = {.windows = true, .ncpus = 1};
    const char *name = s->flags & USER ? "ntdll" : "nt";
    const struct sc_module modules[] = {
        {.base = NT & s->mask, .size = 0x800000, .name = name, .image = "nt.exe"},
        {.base = DRV & s->mask, .size = PEIMG_SIZE, .name = "drv", .image = "drv.sys"}};
    const struct sc_fake_bytes memory[] = {{STACK & s->mask, s->stack, STACK_SIZE},
                                           {DRV & s->mask, s->drv.data, PEIMG_SIZE}};
    const struct sc_fake fake = {.sz = sizeof fake,
                                 .cpu = cpu_of(s),
                                 .kernel = !(s->flags & USER),
                                 .machine = &machine,
                                 .modules = modules,
                                 .nmodules = 2,
                                 .memory = memory,
                                 .nmemory = 2};
    const struct sc_store_opts opts = {.sz = sizeof opts, .offline = true, .cache = "/nonexistent"};
    sc_err *err = sc_target_fake(&fake, target);
    if (!err)
        err = sc_symtab_create(*target, &opts, symtab);
    if (err || s->flags & NO_SYMBOLS)
        return err;
    const struct sc_module *nt = sc_target_module_named(*target, name);
    sc_symbols *provider = nt ? fakesyms_open(&s->syms) : NULL;
    err = provider ? sc_symtab_attach(*symtab, nt, provider, "by hand") : sc_err_nomem();
    sc_symbols_unref(provider);
    return err;
}

static void check(const struct scene *s, const struct sc_stack *stack) {
    if (stack->count > FRAMES)
        fuzz_broken("%zu frames", stack->count);
    for (size_t i = 0; i < stack->count; i++) {
        const struct sc_frame *f = &stack->frame[i];
        if (f->number != i || f->nparams > SC_FRAME_PARAMS)
            fuzz_broken("frame %zu says what cannot be", i);
        if (sc_frame_exact(f->how) != (f->confidence == 100))
            fuzz_broken("frame %zu: %s, %u%%", i, sc_frame_how_name(f->how), f->confidence);
        bool guess = f->how == SC_FRAME_SCAN || f->how == SC_FRAME_FITTED;
        if (f->how == SC_FRAME_SCAN && s->flags & EXACT && cpu_of(s) == SC_CPU_X64)
            fuzz_broken("frame %zu was guessed", i);
        if (i && guess && f->sp < f[-1].sp)
            fuzz_broken("frame %zu lies below the one before", i);
    }
}

static void walk(struct scene *s, const uint8_t *data, sc_target *target, sc_symtab *symtab) {
    struct sc_stack_opts opts = {
        .sz = sizeof opts, .max_frames = FRAMES, .no_scan = (s->flags & EXACT) != 0};
    enum sc_cpu cpu = cpu_of(s);
    struct sc_regs regs = {.cpu = cpu, .size = (uint32_t)sc_context_size(cpu)};
    const char *ip = cpu == SC_CPU_X64 ? "rip" : cpu == SC_CPU_X86 ? "eip" : "pc";
    const char *sp = cpu == SC_CPU_X64 ? "rsp" : cpu == SC_CPU_X86 ? "esp" : "sp";
    uint64_t start = NT + CODE + (uint64_t)FUNCTION * (data[1] % NAMES) + data[2];
    sc_unwinder *u = NULL;
    struct sc_stack stack = {0};
    sc_reg_set(&regs, sc_reg_find(cpu, ip), start & s->mask);
    sc_reg_set(&regs, sc_reg_find(cpu, sp), (STACK + 16 * (uint64_t)data[3]) & s->mask);
    sc_err *err = sc_unwinder_create(target, symtab, &u);
    if (!err)
        err = sc_stack_walk(u, &regs, &opts, &stack);
    if (err && sc_err_code(err) != SC_ERR_NOMEM)
        fuzz_broken("an error that is not memory: %s", sc_err_text(err));
    sc_err_destroy(err);
    check(s, &stack);
    sc_stack_deinit(&stack);
    uint64_t known;
    bool found = false;
    if (u)
        sc_err_destroy(sc_stack_of_switched(u, (STACK + 8 * (uint64_t)data[3]) & s->mask, &regs,
                                            &known, &found));
    sc_unwinder_destroy(u);
}

void fuzz_one(const uint8_t *data, size_t size) {
    static struct scene s; /* too large for the stack; nothing of it outlives the run */
    sc_target *target = NULL;
    sc_symtab *symtab = NULL;
    if (size < 4)
        return;
    memset(&s, 0, sizeof s);
    make(&s, data, size);
    sc_err *err = open_scene(&s, &target, &symtab);
    if (!err)
        walk(&s, data, target, symtab);
    sc_err_destroy(err);
    sc_symtab_destroy(symtab);
    sc_target_close(target);
}

void fuzz_seeds(fuzz_add add, void *ctx) {
    /* A bug check in a page fault; a dispatch in progress; guards; an exception in a process. */
    static const uint8_t fault[] = {0, 0,  0, 0, 1, 1, 0x69, 8,  1,    39, 1, 2, 0x2e, 8, 7,   45,
                                    5, 12, 1, 8, 1, 5, 1,    12, 0x9e, 8,  1, 9, 1,    9, 0x28};
    static const uint8_t dispatch[] = {0, 5,    0x40, 0, 8,  0, 10, 6,    0, 0, 8, 1, 30, 7,
                                       8, 0x55, 8,    0, 20, 1, 8,  0x55, 8, 0, 9, 1, 9,  0x28};
    static const uint8_t guards[] = {0, 12, 0x40, 0, 8,  0,    7, 1, 13, 0x88, 8, 0, 5, 4, 0,   0,
                                     8, 0,  4,    1, 12, 0x9e, 8, 0, 7,  4,    0, 0, 1, 9, 0x28};
    static const uint8_t process[] = {8, 10, 0x2e, 0, 8, 0, 6, 6, 0, 0, 8, 1, 40, 3, 0, 40};
    static const uint8_t x86[] = {1, 14, 0x40, 0, 8, 0, 26, 1, 12, 1, 9, 0, 8, 9, 0, 7, 1, 13, 9};
    static const uint8_t arm64[] = {6, 12, 0x40, 0, 2, 4, 0, 1, 12, 4, 8, 0, 6, 0, 0, 0, 1, 13, 8};
    add(ctx, fault, sizeof fault);
    add(ctx, dispatch, sizeof dispatch);
    add(ctx, guards, sizeof guards);
    add(ctx, process, sizeof process);
    add(ctx, x86, sizeof x86);
    add(ctx, arm64, sizeof arm64);
}
