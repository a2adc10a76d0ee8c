/* SPDX-License-Identifier: MIT */
/*
 * Walks whose Nth allocation is refused, for every N until they get through: over a stack where
 * everything is needed that a walk can do (unwind data, an entry, candidates, cookies, a trap
 * frame, the dispatcher's records). Each run ends in "out of memory" or in the right answer, and
 * nothing is leaked.
 */
#include <stdlib.h>
#include <string.h>

#include "forge/fakesyms.h"
#include "forge/peimg.h"
#include "harness/drive.h"
#include "harness/heap.h"
#include "harness/tap.h"
#include "stopcode/pe.h"
#include "stopcode/stack.h"

#define NT    UINT64_C(0xfffff80010000000)
#define DRV   UINT64_C(0xfffff80020000000)
#define STACK UINT64_C(0xffff850000010000)
enum { TRIES = 4000, SP = 0x100, SIZE = 0x3000, PDATA = 0x3000, XDATA = 0x4000 };

static const struct sc_symbol symbols[] = {
    {.name = "KeBugCheckEx", .kind = SC_SYM_PUBLIC, .rva = 0x200000},
    {.name = "KiBugCheckDispatch", .kind = SC_SYM_PUBLIC, .rva = 0x201000},
    {.name = "KiPageFault", .kind = SC_SYM_PUBLIC, .rva = 0x202000},
    {.name = "IofCallDriver", .kind = SC_SYM_PUBLIC, .rva = 0x203000},
    {.name = "PnpSendIrp", .kind = SC_SYM_PUBLIC, .rva = 0x204000},
    {.name = "PnpStartDevice", .kind = SC_SYM_PUBLIC, .rva = 0x205000},
    {.name = "PspSystemThreadStartup", .kind = SC_SYM_PUBLIC, .rva = 0x206000},
    {.name = "KiStartSystemThread", .kind = SC_SYM_PUBLIC, .rva = 0x207000},
    {.name = "PsLoadedModuleList", .kind = SC_SYM_PUBLIC, .rva = 0x600000},
};

static void put(uint8_t *stack, int at, uint64_t value, unsigned size) {
    for (unsigned i = 0; i < size; i++)
        stack[SP + at + (int)i] = (uint8_t)(value >> 8 * i);
}

static void put_stack(uint8_t *s) {
    const uint64_t sp = STACK + SP, cookie = UINT64_C(0x2bd15c0ff1ea);
    put(s, 0, NT + 0x201069, 8);
    put(s, 0x148, NT + 0x20242e, 8);
    put(s, 0x150 + 0x168, DRV + 0x1080, 8); /* the machine frame */
    put(s, 0x150 + 0x170, 0x10, 8);
    put(s, 0x150 + 0x178, 0x50246, 8);
    put(s, 0x150 + 0x180, sp + 0x2e0, 8);
    put(s, 0x150 + 0x188, 0x18, 8);
    put(s, 0x2e0 + 0x28, NT + 0x203055, 8); /* the driver's caller, by its unwind data */
    put(s, 0x348, NT + 0x20409e, 8);
    put(s, 0x390, (sp + 0x350) ^ cookie, 8);
    put(s, 0x3b8, NT + 0x205088, 8);
    put(s, 0x400, (sp + 0x3c0) ^ cookie, 8);
    put(s, 0x428, NT + 0x206055, 8);
    put(s, 0x478, NT + 0x207028, 8);
    /* DISPATCHER_CONTEXT and its CONTEXT, below the stack pointer's page of interest. */
    put(s, 0x500, NT + 0x206055, 8);
    put(s, 0x508, NT, 8);
    put(s, 0x510, NT + 0x1000, 8);
    put(s, 0x518, sp + 0x1000, 8);
    put(s, 0x528, sp + 0x600, 8);
    put(s, 0x630, 0x0010001f | UINT64_C(0x1f80) << 32, 8);
    put(s, 0x638, 0x10, 8);
    put(s, 0x640, UINT64_C(0x5024600180000), 8);
    put(s, 0x698, sp + 0x1050, 8);
    put(s, 0x6f8, NT + 0x207028, 8);
    put(s, 0xff8, NT + 0x206055, 8);
    put(s, 0x1048, NT + 0x207028, 8);
}

struct scene {
    struct peimg drv;
    uint8_t stack[SIZE];
    struct fakesyms syms;
};

static void make(struct scene *s) {
    static const uint32_t entry[3] = {0x1000, 0x1100, XDATA};
    peimg_init(&s->drv, 0x8664);
    memcpy(s->drv.data + XDATA, "\x01\x04\x01\x00\x04\x42\x00\x00", 8); /* sub rsp, 28h */
    peimg_u32s(&s->drv, PDATA, entry, 3);
    peimg_dir(&s->drv, SC_PE_DIR_EXCEPTION, PDATA, 12);
    put_stack(s->stack);
    s->syms = (struct fakesyms){.provider = "pdb",
                                .path = "nt.pdb",
                                .symbols = symbols,
                                .nsymbols = sizeof symbols / sizeof *symbols};
}

static sc_err *open_scene(struct scene *s, sc_target **target, sc_symtab **symtab) {
    const struct sc_machine machine = {.windows = true, .ncpus = 1};
    const struct sc_module modules[] = {
        {.base = NT, .size = 0x800000, .name = "nt", .image = "ntoskrnl.exe"},
        {.base = DRV, .size = PEIMG_SIZE, .name = "drv", .image = "drv.sys"}};
    const struct sc_fake_bytes memory[] = {{STACK, s->stack, SIZE}, {DRV, s->drv.data, PEIMG_SIZE}};
    const struct sc_fake fake = {.sz = sizeof fake,
                                 .cpu = SC_CPU_X64,
                                 .kernel = true,
                                 .machine = &machine,
                                 .modules = modules,
                                 .nmodules = 2,
                                 .memory = memory,
                                 .nmemory = 2};
    const struct sc_store_opts opts = {.sz = sizeof opts, .offline = true, .cache = "/nonexistent"};
    sc_err *err = sc_target_fake(&fake, target);
    if (!err)
        err = sc_symtab_create(*target, &opts, symtab);
    const struct sc_module *nt = err ? NULL : sc_target_module_named(*target, "nt");
    sc_symbols *provider = nt ? fakesyms_open(&s->syms) : NULL;
    if (!err && !provider)
        err = sc_err_nomem();
    if (!err)
        err = sc_symtab_attach(*symtab, nt, provider, "by hand");
    sc_symbols_unref(provider);
    return err;
}

/* Sets bit N of *WAYS for each frame that was found in the way N. */
static void walk(struct drive *d, sc_target *target, sc_symtab *symtab, uint32_t *ways) {
    struct sc_regs regs = {.cpu = SC_CPU_X64, .size = 0x4d0};
    sc_unwinder *unwinder = NULL;
    struct sc_stack stack = {0};
    sc_reg_set(&regs, sc_reg_find(SC_CPU_X64, "rip"), NT + 0x200000);
    sc_reg_set(&regs, sc_reg_find(SC_CPU_X64, "rsp"), STACK + SP);
    if (drive_error(d, sc_unwinder_create(target, symtab, &unwinder)))
        return;
    drive_error(d, sc_stack_walk(unwinder, &regs, NULL, &stack));
    /* Look-ups that have no error to return say so here. */
    if (sc_target_take_nomem(target))
        drive_error(d, sc_err_nomem());
    for (size_t i = 0; i < stack.count; i++) {
        *ways |= 1u << stack.frame[i].how;
        drive_mix(d, stack.frame[i].ip);
        drive_mix(d, stack.frame[i].sp);
        drive_mix(d, (uint64_t)stack.frame[i].how << 8 | stack.frame[i].confidence);
    }
    sc_stack_deinit(&stack);
    sc_unwinder_destroy(unwinder);
}

/* One run; false when it broke a promise. *RET_DONE: nothing was refused any more. */
static bool run(struct scene *s, uint64_t fail_at, uint64_t want, struct drive *d, bool *ret_done,
                uint32_t *ways) {
    struct heap_stats stats;
    sc_target *target = NULL;
    sc_symtab *symtab = NULL;
    *d = (struct drive){0};
    heap_begin(fail_at);
    if (!drive_error(d, open_scene(s, &target, &symtab)))
        walk(d, target, symtab, ways);
    sc_symtab_destroy(symtab);
    sc_target_close(target);
    heap_end(&stats);
    *ret_done = !stats.failed;
    bool right = !fail_at || d->errors || d->digest == want;
    if (stats.nleaked || d->errors != d->nomem || !right)
        tap_note("allocation %u: %zu bytes leaked, %u errors, %u of them out of memory%s",
                 (unsigned)fail_at, stats.leaked, (unsigned)d->errors, (unsigned)d->nomem,
                 right ? "" : ", no error and another answer");
    return !stats.nleaked && d->errors == d->nomem && right;
}

int main(void) {
    struct scene *s = calloc(1, sizeof *s);
    struct drive d;
    bool done = false;
    if (!s)
        return 1;
    make(s);
    uint32_t ways = 0;
    bool ok = run(s, 0, 0, &d, &done, &ways) && !d.errors;
    const uint32_t all = 1u << SC_FRAME_ENTRY | 1u << SC_FRAME_TRAP | 1u << SC_FRAME_UNWIND |
                         1u << SC_FRAME_FITTED | 1u << SC_FRAME_SCAN | 1u << SC_FRAME_DISPATCH;
    tap_ok(ok && (ways & all) == all, "the stack needs everything (%x)", ways);
    const uint64_t want = d.digest;
    uint64_t n = 1;
    done = false;
    for (; ok && !done && n < TRIES; n++)
        ok = run(s, n, want, &d, &done, &ways);
    tap_ok(ok && done, "a walk: each of %u allocations refused", (unsigned)(n - 2));
    free(s);
    return tap_done();
}
