/* SPDX-License-Identifier: MIT */
/*
 * A kernel whose image is not in the dump, as in most triage dumps, and a stack of it: symbols at
 * chosen offsets, words at chosen places. And a driver with bytes and unwind data beside it.
 *
 *     struct walk *w = walk_new();
 *     uint64_t f = walk_function(w, "PnpSendIrp");       // its address
 *     walk_put(w, 0x38, f + 0x9e);                       // [rsp + 0x38]
 *     walk_from(w, f + 0x10);                            // rip; rsp is SP
 *     walk_is(w, 1, f + 0x9e, SP + 0x40, SC_FRAME_SCAN);
 *     walk_free(w);
 */
#ifndef STOPCODE_UNIT_WALK_FIXTURE_H
#define STOPCODE_UNIT_WALK_FIXTURE_H

#include "unit/symtab_support.h"
#include "unwind/recover.h"

#define NT    UINT64_C(0xfffff80010000000)
#define DRV   UINT64_C(0xfffff80020000000)
#define STACK UINT64_C(0xffff850000010000)
#define SP    (STACK + 0x1000)
enum {
    NT_SIZE = 0x800000,
    NT_CODE = 0x200000, /* RVA of the first function */
    NT_DATA = 0x600000,
    NT_WORD = 0x700000,
    FUNCTION = 0x800, /* bytes from one function to the next */
    STACK_SIZE = 0x4000,
    PDATA = 0x3000, /* of the driver */
    XDATA = 0x4000,
    RSP = 4,
};

struct walk {
    uint8_t stack[STACK_SIZE];
    size_t stack_size; /* what the dump has of it, from its start on */
    struct sc_symbol symbol[64];
    struct fakesyms f;
    bool no_symbols;
    bool user; /* a process: the module with symbols is ntdll */
    enum sc_cpu cpu;
    struct peimg drv;
    uint32_t nfunctions; /* of the driver's table */
    uint64_t nt_word;    /* what the dump holds at NT + NT_WORD; 0: nothing */
    struct sc_regs regs;
    const struct sc_regs *event;
    struct sc_stack_opts opts;
    struct world w;
    sc_unwinder *u;
    struct sc_stack out;
    sc_err *err;
};

static inline struct walk *walk_new(void) {
    struct walk *w = calloc(1, sizeof *w);
    assert_non_null(w);
    w->cpu = SC_CPU_X64;
    w->stack_size = STACK_SIZE;
    w->f = (struct fakesyms){.provider = "pdb", .path = "nt.pdb", .symbols = w->symbol};
    w->opts.sz = sizeof w->opts;
    peimg_init(&w->drv, 0x8664);
    memset(w->drv.data + PEIMG_TEXT, 0xcc, 0x1000);
    return w;
}

static inline uint64_t walk_symbol(struct walk *w, const char *name, uint32_t rva) {
    assert_true(w->f.nsymbols < 64);
    w->symbol[w->f.nsymbols++] =
        (struct sc_symbol){.name = name, .kind = SC_SYM_PUBLIC, .rva = rva};
    return NT + rva;
}

/* The next function of the kernel. */
static inline uint64_t walk_function(struct walk *w, const char *name) {
    return walk_symbol(w, name, NT_CODE + FUNCTION * (uint32_t)w->f.nsymbols);
}

/* A word at SP + OFFSET. */
static inline void walk_put(struct walk *w, int offset, uint64_t value) {
    unsigned size = w->cpu == SC_CPU_X86 ? 4 : 8;
    size_t at = (size_t)(0x1000 + offset);
    assert_true(at + size <= STACK_SIZE);
    for (unsigned i = 0; i < size; i++)
        w->stack[at + i] = (uint8_t)(value >> 8 * i);
}

static inline void walk_put32(struct walk *w, int offset, uint32_t value) {
    for (unsigned i = 0; i < 4; i++)
        w->stack[0x1000 + offset + (int)i] = (uint8_t)(value >> 8 * i);
}

/* A function of the driver with its UNWIND_INFO, SIZE bytes. */
static inline void walk_driver(struct walk *w, uint32_t begin, uint32_t end, const void *info,
                               size_t size) {
    uint32_t at = XDATA + 0x40 * w->nfunctions;
    const uint32_t entry[3] = {begin, end, at};
    memcpy(w->drv.data + at, info, size);
    peimg_u32s(&w->drv, PDATA + 12 * w->nfunctions++, entry, 3);
}

static inline void walk_reg(struct sc_regs *regs, const char *name, uint64_t value) {
    sc_reg_set(regs, sc_reg_find(regs->cpu, name), value);
}

static inline void walk_regs(struct walk *w, struct sc_regs *regs, uint64_t ip, uint64_t sp) {
    *regs = (struct sc_regs){.cpu = w->cpu, .size = (uint32_t)sc_context_size(w->cpu)};
    bool x64 = w->cpu == SC_CPU_X64, x86 = w->cpu == SC_CPU_X86;
    /* ContextFlags: the CPU's mark, and everything of the integer unit. */
    if (x64)
        regs->raw[0x32] = 0x10, regs->raw[0x30] = 0x1f;
    else
        regs->raw[2] = x86 ? 1 : 0x40, regs->raw[0] = 0x1f;
    walk_reg(regs, x64 ? "rip" : x86 ? "eip" : "pc", ip);
    walk_reg(regs, x64 ? "rsp" : x86 ? "esp" : "sp", sp);
}

static inline void walk_open(struct walk *w) {
    struct sc_machine machine = {.windows = true, .ncpus = 1, .debugger_data = NT + NT_DATA};
    bool x86 = w->cpu == SC_CPU_X86;
    uint64_t mask = x86 ? UINT32_MAX : UINT64_MAX;
    const struct sc_module modules[] = {
        {.base = NT & mask,
         .size = NT_SIZE,
         .name = w->user ? "ntdll" : "nt",
         .image = w->user ? "ntdll.dll" : "ntoskrnl.exe"},
        {.base = DRV & mask, .size = PEIMG_SIZE, .name = "drv", .image = "drv.sys"}};
    uint8_t word[8];
    for (unsigned i = 0; i < 8; i++)
        word[i] = (uint8_t)(w->nt_word >> 8 * i);
    const struct sc_fake_bytes memory[] = {{STACK & mask, w->stack, w->stack_size},
                                           {DRV & mask, w->drv.data, PEIMG_SIZE},
                                           {NT + NT_WORD, word, sizeof word}};
    const struct sc_fake fake = {.sz = sizeof fake,
                                 .cpu = w->cpu,
                                 .kernel = !w->user,
                                 .machine = &machine,
                                 .modules = modules,
                                 .nmodules = 2,
                                 .memory = memory,
                                 .nmemory = x86          ? 1
                                            : w->nt_word ? 3
                                                         : 2,
                                 .regs = w->event};
    if (w->nfunctions)
        peimg_dir(&w->drv, SC_PE_DIR_EXCEPTION, PDATA, 12 * w->nfunctions);
    world_open(&w->w, &fake, NULL, NULL, NULL);
    if (!w->no_symbols)
        attach(&w->w, w->user ? "ntdll" : "nt", &w->f);
    no_error(sc_unwinder_create(w->w.target, w->w.symtab, &w->u));
}

/* Walks from w->regs. */
static inline void walk_run(struct walk *w) {
    if (!w->u)
        walk_open(w);
    sc_stack_deinit(&w->out);
    w->err = sc_stack_walk(w->u, &w->regs, &w->opts, &w->out);
}

static inline void walk_from(struct walk *w, uint64_t ip) {
    walk_regs(w, &w->regs, ip, SP);
    walk_run(w);
    no_error(w->err);
}

static inline void walk_free(struct walk *w) {
    sc_stack_deinit(&w->out);
    sc_unwinder_destroy(w->u);
    world_close(&w->w);
    free(w);
}

static inline const struct sc_frame *walk_frame(const struct walk *w, size_t n) {
    if (n >= w->out.count)
        fail_msg("%zu frames, no frame %zu: %s", w->out.count, n, sc_stack_end_text(w->out.end));
    return &w->out.frame[n];
}

static inline void walk_is(const struct walk *w, size_t n, uint64_t ip, uint64_t sp,
                           enum sc_frame_how how) {
    const struct sc_frame *f = walk_frame(w, n);
    if (f->ip != ip || f->sp != sp || f->how != how)
        fail_msg("frame %zu: ip %llx sp %llx %s, want %llx %llx %s", n, (unsigned long long)f->ip,
                 (unsigned long long)f->sp, sc_frame_how_name(f->how), (unsigned long long)ip,
                 (unsigned long long)sp, sc_frame_how_name(how));
}

/* Frame N, if it was guessed at all, however sure. */
static inline void walk_guesses(const struct walk *w, size_t n, uint64_t ip, uint64_t sp) {
    const struct sc_frame *f = walk_frame(w, n);
    walk_is(w, n, ip, sp, f->how == SC_FRAME_FITTED ? SC_FRAME_FITTED : SC_FRAME_SCAN);
}

static inline void walk_ends(const struct walk *w, size_t count, enum sc_stack_end end) {
    if (w->out.count != count || w->out.end != end)
        fail_msg("%zu frames, then: %s; want %zu, %s", w->out.count, sc_stack_end_text(w->out.end),
                 count, sc_stack_end_text(end));
}

/* A machine frame and the rest of a KTRAP_FRAME at SP + OFFSET; registers tell their own offsets.
 */
static inline void walk_trap(struct walk *w, int offset, uint64_t ip, uint64_t sp) {
    for (int i = 0x30; i < 0x168; i += 8)
        walk_put(w, offset + i, 0x7e00 + (uint64_t)i);
    walk_put(w, offset + 0x168, ip);
    walk_put(w, offset + 0x170, 0x10);
    walk_put(w, offset + 0x178, 0x50246);
    walk_put(w, offset + 0x180, sp);
    walk_put(w, offset + 0x188, 0x18);
}

/* A CONTEXT at SP + OFFSET with IP and SPTR. */
static inline void walk_context(struct walk *w, int offset, uint64_t ip, uint64_t sptr) {
    walk_put32(w, offset + 0x30, 0x0010001f);
    walk_put32(w, offset + 0x34, 0x1f80);
    walk_put32(w, offset + 0x38, 0x2b0010);
    walk_put32(w, offset + 0x40, 0x00180000);
    walk_put32(w, offset + 0x44, 0x50246);
    walk_put(w, offset + 0x90, 0xb0b0); /* rbx */
    walk_put(w, offset + 0x98, sptr);
    walk_put(w, offset + 0xf8, ip);
}

#endif
