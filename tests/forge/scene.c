/* SPDX-License-Identifier: MIT */
/*
 * The ready-made scenes. Structures (KPRCB, ETHREAD, EPROCESS) are blobs of a made-up size whose
 * few known fields lie where the debugger data block says; an EPROCESS of build 19041 has its
 * ImageFileName at +0x5a8 (public symbols).
 */
#include "forge/scene.h"

#include <string.h>

enum {
    PRCB_THREAD = 0x8,
    PRCB_NUMBER = 0x24,
    PRCB_CONTEXT = 0x40,
    PRCB_VENDOR = 0x60,
    PRCB_MHZ = 0x50,
    THREAD_PROCESS = 0xb8,
    PROCESS_NAME = 0x5a8,
};

static void store(uint8_t *p, unsigned width, uint64_t v) {
    for (unsigned i = 0; i < width; i++)
        p[i] = (uint8_t)(v >> 8 * i);
}

static const char lab[] = "19041.1.amd64fre.vb_release.191206-1406";

static void place64(struct forge_scene *s) {
    s->va.kernel = 0xfffff80010000000;
    s->va.hal = 0xfffff80011000000;
    s->va.bad = 0xfffff80020000000;
    s->va.disk = 0xfffff80021000000;
    s->va.stack = 0xffff900000002a00;
    s->va.page = 0xffffa00000005000;
    s->va.kdbg = s->va.kernel + 0xc00b20;
    s->va.prcb[0] = s->va.kernel + 0x900180;
    s->va.prcb[1] = 0xffffb00000010180;
    s->va.process = 0xffffc00000020040;
    s->va.thread = 0xffffc00000030080;
    s->va.context[0] = 0xffffb00000040000;
    s->va.context[1] = 0xffffb00000041000;
    s->va.exr = s->va.stack + 0x100;
    s->va.cxr = 0xffff900000001a00;
    s->va.processors = s->va.kernel + 0xc10000;
    s->va.lab = s->va.kernel + 0xc20000;
}

static void place32(struct forge_scene *s) {
    s->va.kernel = 0x82600000;
    s->va.hal = 0x83400000;
    s->va.bad = 0x8b000000;
    s->va.disk = 0x8b100000;
    s->va.stack = 0x8078a000;
    s->va.page = 0x85005000;
    s->va.kdbg = s->va.kernel + 0x120be8;
    s->va.prcb[0] = s->va.kernel + 0x130120;
    s->va.prcb[1] = 0x807c0120;
    s->va.process = 0x85020040;
    s->va.thread = 0x85030080;
    s->va.context[0] = 0x85040000;
    s->va.context[1] = 0x85041000;
    s->va.exr = s->va.stack + 0x100;
    s->va.cxr = 0x80789000;
    s->va.processors = s->va.kernel + 0x140000;
    s->va.lab = s->va.kernel + 0x150000;
}

/* A CONTEXT with every group present and its instruction, stack and frame pointer set. */
static void put_context(uint8_t *c, enum forge_scene_kind kind, uint64_t ip, uint64_t sp) {
    memset(c, 0, 0x4d0);
    switch (kind) {
    case FORGE_TRIAGE_X86:
        store(c, 4, 0x1003f);
        store(c + 0xb0, 4, 0xdeadbeef); /* eax */
        store(c + 0xb4, 4, sp + 0x40);
        store(c + 0xb8, 4, ip);
        store(c + 0xbc, 4, 8);
        store(c + 0xc0, 4, 0x10246);
        store(c + 0xc4, 4, sp);
        break;
    case FORGE_TRIAGE_ARM64:
        store(c, 4, 0x400007);
        store(c + 4, 4, 0x60000204);
        store(c + 8, 8, 0xdeadbeef); /* x0 */
        store(c + 0xf0, 8, sp + 0x40);
        store(c + 0x100, 8, sp);
        store(c + 0x108, 8, ip);
        break;
    default:
        store(c + 0x30, 4, 0x10001f);
        store(c + 0x38, 2, 0x10);
        store(c + 0x42, 2, 0x18);
        store(c + 0x44, 4, 0x10246);
        store(c + 0x78, 8, 0xdeadbeef); /* rax */
        store(c + 0x98, 8, sp);
        store(c + 0xa0, 8, sp + 0x40);
        store(c + 0xf8, 8, ip);
    }
}

static void put_drivers(struct forge_scene *s) {
    const struct forge_driver d[FORGE_DRIVERS] = {
        {.path = "\\SystemRoot\\system32\\ntoskrnl.exe",
         .base = s->va.kernel,
         .size = 0xd00000,
         .timestamp = 0x5fe0a2b1,
         .checksum = 0xa5938c},
        {.path = "\\SystemRoot\\system32\\hal.dll",
         .base = s->va.hal,
         .size = 0x6000,
         .timestamp = 0x5fe0a2b2,
         .checksum = 0x1234},
        {.path = "\\??\\C:\\Program Files\\Bad Vendor\\baddrv.sys",
         .base = s->va.bad,
         .size = 0x9000,
         .timestamp = 0x4f000000,
         .checksum = 0x9999},
        {.path = "\\SystemRoot\\System32\\drivers\\disk.sys",
         .base = s->va.disk,
         .size = 0x1c000,
         .timestamp = 0x5fe0a2b4,
         .checksum = 0},
    };
    memcpy(s->driver, d, sizeof d);
    s->unloaded[0] =
        (struct forge_unloaded){"dam.sys", s->va.disk + 0x100000, s->va.disk + 0x110000};
    s->unloaded[1] =
        (struct forge_unloaded){"WdFilter.sys", s->va.disk + 0x200000, s->va.disk + 0x240000};
}

/* Return addresses into the drivers between words that point nowhere. */
static void put_stack(struct forge_scene *s, unsigned ptr) {
    const uint64_t word[] = {s->va.kernel + 0x3f0e1, 0,      s->va.bad + 0x1240, s->va.stack + 0x80,
                             s->va.hal + 0x1010,     0x1234, s->va.bad + 0x3300, s->va.thread,
                             s->va.kernel + 0x1bf00};
    for (size_t i = 0; i < FORGE_STACK_SIZE / ptr; i++)
        store(s->stack + i * ptr, ptr, word[i % (sizeof word / sizeof *word)] + (i / 9) * 0x20);
    /* The exception record lies on the stack, where the kernel's handler leaves it. */
    memcpy(s->stack + 0x100, s->exr, ptr == 8 ? 0x98 : 0x50);
}

static void put_exr(struct forge_scene *s, unsigned ptr) {
    store(s->exr, 4, 0xc0000005);
    store(s->exr + 8 + ptr, ptr, s->va.fault);
    store(s->exr + 8 + 2 * ptr, 4, 2);
    size_t params = ptr == 8 ? 0x20 : 0x14;
    store(s->exr + params + ptr, ptr, 0x28); /* read of 0x28 */
}

static void put_objects(struct forge_scene *s, unsigned ptr) {
    for (unsigned i = 0; i < FORGE_CPUS; i++) {
        store(s->prcb[i] + PRCB_THREAD, ptr, i ? 0 : s->va.thread);
        store(s->prcb[i] + PRCB_NUMBER, 4, i);
        store(s->prcb[i] + PRCB_CONTEXT, ptr, s->va.context[i]);
        store(s->prcb[i] + PRCB_MHZ, 4, 3600);
        memcpy(s->prcb[i] + PRCB_VENDOR, "AuthenticAMD", 12);
        store(s->processors + i * ptr, ptr, s->va.prcb[i]);
    }
    store(s->thread + THREAD_PROCESS, ptr, s->va.process);
    memcpy(s->process + PROCESS_NAME, "System", 6);
}

/* Addresses in a debugger data block are sign-extended on 32-bit systems. */
static uint64_t extend(const struct forge_scene *s, uint64_t va) {
    return s->t.is32 ? va | 0xffffffff00000000 : va;
}

static void put_kdbg(struct forge_scene *s) {
    const struct forge_value v[] = {
        {"KernBase", extend(s, s->va.kernel)},
        {"PsLoadedModuleList", extend(s, s->va.kernel + 0xc2a310)},
        {"KiProcessorBlock", extend(s, s->va.processors)},
        {"NtBuildLab", extend(s, s->va.lab)},
        {"KiBugcheckData", extend(s, s->va.kernel + 0xc2b000)},
        {"OffsetKThreadApcProcess", THREAD_PROCESS},
        {"OffsetKThreadKernelStack", 0x58},
        {"OffsetKThreadInitialStack", 0x28},
        {"SizeEProcess", FORGE_PROCESS_SIZE},
        {"SizePrcb", FORGE_PRCB_SIZE},
        {"SizeEThread", FORGE_THREAD_SIZE},
        {"OffsetPrcbCurrentThread", PRCB_THREAD},
        {"OffsetPrcbNumber", PRCB_NUMBER},
        {"OffsetPrcbContext", PRCB_CONTEXT},
        {"OffsetPrcbMhz", PRCB_MHZ},
        {"OffsetPrcbVendorString", PRCB_VENDOR},
    };
    memcpy(s->kdbg, v, sizeof v);
    s->t.nkdbg = sizeof v / sizeof *v;
}

static void put_blocks(struct forge_scene *s) {
    const struct forge_block b[] = {
        {.addr = s->va.processors, .data = s->processors, .size = s->t.is32 ? 8 : 16},
        {.addr = s->va.prcb[0], .data = s->prcb[0], .size = FORGE_PRCB_SIZE},
        {.addr = s->va.prcb[1], .data = s->prcb[1], .size = FORGE_PRCB_SIZE},
        {.addr = s->va.context[0], .data = s->context[0], .size = s->context_size},
        {.addr = s->va.context[1], .data = s->context[1], .size = s->context_size},
        {.addr = s->va.cxr, .data = s->bug_context, .size = s->context_size},
        {.addr = s->va.lab, .data = lab, .size = sizeof lab},
        {.addr = s->va.fault & ~0xfull, .data = s->page, .size = 0x40},
        /* Repeats a part of the stack, as the real writer does. */
        {.addr = s->va.stack + 0x10, .data = s->stack + 0x10, .size = 0x80},
        {.addr = s->va.page, .data = s->page, .size = sizeof s->page},
    };
    memcpy(s->block, b, sizeof b);
    s->t.block = s->block;
    s->t.nblocks = sizeof b / sizeof *b;
}

static void put_bugcheck(struct forge_scene *s, enum forge_scene_kind kind) {
    struct forge_triage *t = &s->t;
    s->exception = (struct forge_exception){
        .code = 0x80000003, .address = s->va.kernel + 0x3f0e0, .nparams = 1};
    if (kind == FORGE_TRIAGE_X64_OLD) {
        t->bugcheck = 0xd1;
        const uint64_t arg[4] = {0x28, 2, 0, s->va.fault};
        memcpy(t->arg, arg, sizeof arg);
        return;
    }
    t->bugcheck = 0x1000007e;
    /* 32-bit systems sign-extend the status in a 64-bit parameter only. */
    const uint64_t arg[4] = {t->is32 ? 0xc0000005 : 0xffffffffc0000005, s->va.fault, s->va.exr,
                             s->va.cxr};
    memcpy(t->arg, arg, sizeof arg);
}

static void put_contexts(struct forge_scene *s, enum forge_scene_kind kind) {
    s->context_size = kind == FORGE_TRIAGE_X86 ? 0x2cc : kind == FORGE_TRIAGE_ARM64 ? 0x390 : 0x4d0;
    put_context(s->header_context, kind, s->va.fault, s->va.stack);
    put_context(s->bug_context, kind, s->va.fault, s->va.stack + 0x20);
    put_context(s->context[0], kind, s->va.kernel + 0x3f0e0, s->va.stack);
    put_context(s->context[1], kind, s->va.kernel + 0x41000, s->va.stack + 0x8000);
    s->t.context = s->header_context;
    s->t.context_size = s->context_size;
}

static void put_extras(struct forge_scene *s, enum forge_scene_kind kind) {
    static const char blob[] = "forged secondary data";
    struct forge_triage *t = &s->t;
    for (size_t i = 0; i < sizeof s->page; i++)
        s->page[i] = (uint8_t)(i * 31 + (i >> 8));
    s->mm = (struct forge_mm){.version = 1, .value = {1000, 200, 3000, 400, 50000, 60000, 70000}};
    s->blob[0] = (struct forge_blob){
        .guid = {0x88, 0x48, 0xc8, 0x54}, .data = blob, .size = sizeof blob, .pre = 4, .post = 3};
    s->blob[1] = (struct forge_blob){.guid = {1, 2, 3, 4}, .data = s->page, .size = 0x100};
    t->mm = &s->mm;
    if (kind == FORGE_TRIAGE_X64_OLD) {
        t->data_page = (struct forge_block){.addr = s->va.page, .data = s->page, .size = 0x1000};
        t->options = FORGE_OPTIONS_OLD;
        t->broken_driver = "baddrv.sys";
        t->comment = "forged";
        t->service_pack = 0x100;
        return;
    }
    put_blocks(s);
    t->blob = s->blob;
    t->nblobs = 2;
    t->blob_build = t->build;
}

void forge_scene_init(struct forge_scene *s, enum forge_scene_kind kind) {
    memset(s, 0, sizeof *s);
    struct forge_triage *t = &s->t;
    t->is32 = kind == FORGE_TRIAGE_X86;
    t->machine = kind == FORGE_TRIAGE_ARM64 ? 0xaa64 : kind == FORGE_TRIAGE_X86 ? 0x14c : 0x8664;
    t->build = kind == FORGE_TRIAGE_X86 || kind == FORGE_TRIAGE_X64_OLD ? 7601
               : kind == FORGE_TRIAGE_ARM64                             ? 22000
                                                                        : 19041;
    unsigned ptr = t->is32 ? 4 : 8;
    if (t->is32)
        place32(s);
    else
        place64(s);
    s->va.fault = s->va.bad + 0x1234;
    put_drivers(s);
    put_exr(s, ptr);
    put_stack(s, ptr);
    put_objects(s, ptr);
    put_kdbg(s);
    put_contexts(s, kind);
    put_bugcheck(s, kind);
    put_extras(s, kind);
    t->ncpus = FORGE_CPUS;
    t->dtb = 0x1ad000;
    t->loaded_module_list = s->va.kernel + 0xc2a310;
    t->active_process_head = s->va.kernel + 0xc1f0a0;
    t->debugger_data = s->va.kdbg;
    t->time = 132574616951234567; /* 2021-02-10 20:14:55 */
    t->uptime = 36234560000;
    t->product_type = 1;
    t->suite_mask = 0x110;
    t->exception = &s->exception;
    t->driver = s->driver;
    t->ndrivers = FORGE_DRIVERS;
    t->unloaded = s->unloaded;
    t->nunloaded = 2;
    t->stack = (struct forge_block){.addr = s->va.stack, .data = s->stack, .size = sizeof s->stack};
    t->prcb = (struct forge_block){.data = s->prcb[0], .size = FORGE_PRCB_SIZE};
    t->thread = (struct forge_block){.data = s->thread, .size = FORGE_THREAD_SIZE};
    t->process = (struct forge_block){.data = s->process, .size = FORGE_PROCESS_SIZE};
    t->kdbg = s->kdbg;
    t->kdbg_size = t->build == 7601 ? 0x340 : 0x380;
    t->patch = s->patch;
    t->map = &s->map;
}

bool forge_scene_build(enum forge_scene_kind kind, struct forge_bytes *ret_file) {
    struct forge_scene s;
    forge_scene_init(&s, kind);
    return forge_triage_build(&s.t, ret_file);
}

const char *forge_scene_name(enum forge_scene_kind kind) {
    static const char *const names[] = {"triage-x64", "triage-x64-old", "triage-x86",
                                        "triage-arm64"};
    return names[kind];
}
