/* SPDX-License-Identifier: MIT */
/*
 * Writes forged images and PDBs into a folder, and beside each what was asked for, as lines of
 * words (NAME.facts): for test_forge_images.py and test_forge_symfiles.py, which hold them against
 * LLVM's tools.
 *
 *     forge_files DIR
 */
#include "oracle/forge_files.h"

#include "forge/peparts.h"

#include <stdlib.h>
#include <string.h>

enum { RANDOM_IMAGES = 8 };

static const uint8_t guid[16] = {0x10, 0x32, 0x54, 0x76, 0x98, 0xba, 0xdc, 0xfe,
                                 1,    2,    3,    4,    5,    6,    7,    8};

void out_open(struct out *o, const char *folder, const char *name) {
    char path[512];
    snprintf(o->path, sizeof o->path, "%s/%s", folder, name);
    snprintf(path, sizeof path, "%s/%s.facts", folder, name);
    o->facts = fopen(path, "w");
    if (!o->facts) {
        perror(path);
        exit(1);
    }
}

void out_close(struct out *o, const struct forge_bytes *bytes) {
    FILE *f = fopen(o->path, "wb");
    bool ok = f && fwrite(bytes->data, 1, bytes->size, f) == bytes->size;
    if (!f || fclose(f) != 0 || fclose(o->facts) != 0 || !ok) {
        perror(o->path);
        exit(1);
    }
}

/* An image and the facts that go with it. */
struct asked {
    struct out out;
    struct forge_image *m;
};

static struct asked start(const char *folder, const char *name, uint16_t machine, uint64_t base,
                          uint32_t size) {
    struct asked a = {.m = forge_image_new(machine, base, size)};
    if (!a.m)
        exit(1);
    out_open(&a.out, folder, name);
    forge_image_timestamp(a.m, 0x4a5bc600, 0);
    fprintf(a.out.facts, "image %x %llx %x %x\n", machine, (unsigned long long)base, size,
            0x4a5bc600);
    return a;
}

static void finish(struct asked *a) {
    struct forge_bytes file;
    if (!forge_image_finish(a->m, &file)) {
        fprintf(stderr, "%s: %s\n", a->out.path, forge_image_error(a->m));
        exit(1);
    }
    out_close(&a->out, &file);
    forge_bytes_free(&file);
    forge_image_free(a->m);
}

static void bytes(struct asked *a, uint32_t rva, const char *data, size_t size,
                  enum forge_image_kind kind) {
    forge_image_bytes(a->m, rva, data, size, kind);
    fprintf(a->out.facts, "bytes %x %d ", rva, kind);
    for (size_t i = 0; i < size; i++)
        fprintf(a->out.facts, "%02x", (unsigned char)data[i]);
    fprintf(a->out.facts, "\n");
}

static void export(struct asked *a, const char *name, uint32_t rva, uint32_t ordinal) {
    forge_image_export(a->m, name, rva, ordinal);
    fprintf(a->out.facts, "export %s %x %u\n", name, rva, ordinal);
}

static void import(struct asked *a, const char *dll, const char *name, uint16_t ordinal,
                   uint32_t slot) {
    forge_image_import(a->m, dll, name, ordinal, slot, 0);
    fprintf(a->out.facts, "import %s %s %u %x\n", dll, name ? name : "-", ordinal, slot);
}

static void function(struct asked *a, const struct forge_function *f) {
    forge_image_function(a->m, f);
    fprintf(a->out.facts, "function %x %x %x %u %u %u %u %x %x\n", f->begin, f->end, f->info,
            f->prolog, f->frame_register, f->frame_offset, f->flags, f->handler, f->chain);
    for (size_t i = 0; i < f->ncodes; i++)
        fprintf(a->out.facts, "code %d %u %u %x\n", f->code[i].op, f->code[i].at, f->code[i].reg,
                f->code[i].value);
}

static void codeview(struct asked *a, const char *pdb, uint32_t age) {
    forge_image_codeview(a->m, pdb, guid, age);
    fprintf(a->out.facts, "codeview %s %u\n", pdb, age);
}

static void version(struct asked *a) {
    struct forge_version v = {.file = {6, 1, 7601, 17514},
                              .product = {6, 1, 7601, 17514},
                              .key = {"CompanyName", "FileVersion"},
                              .value = {"Made Corporation", "6.1.7601.17514"}};
    forge_image_version(a->m, &v);
    fprintf(a->out.facts, "version 1\n");
}

/* A handler's function, a chained one, every operation; version 1: llvm-readobj 14 ends on 2. */
static void functions(struct asked *a) {
    struct forge_function f = {.begin = 0x521000,
                               .end = 0x521080,
                               .info = 0x1d0008,
                               .prolog = 0x1b,
                               .frame_register = 5,
                               .frame_offset = 2,
                               .flags = 3,
                               .handler = 0x521500,
                               .scope = "\1\0\0\0",
                               .scope_size = 4,
                               .code = {{FORGE_UW_PUSH, 2, 5, 0},
                                        {FORGE_UW_ALLOC, 9, 0, 0x80},
                                        {FORGE_UW_SET_FPREG, 0xe, 0, 0},
                                        {FORGE_UW_ALLOC, 0x12, 0, 0x88},
                                        {FORGE_UW_ALLOC, 0x14, 0, 0x80000},
                                        {FORGE_UW_SAVE, 0x16, 7, 0x80008},
                                        {FORGE_UW_SAVE, 0x16, 12, 0x30},
                                        {FORGE_UW_SAVE_XMM, 0x18, 6, 0x40},
                                        {FORGE_UW_SAVE_XMM, 0x1b, 15, 0x100008}},
                               .ncodes = 9};
    function(a, &f);
    f = (struct forge_function){.begin = 0x1c0200,
                                .end = 0x1c0240,
                                .chain = 0x521000,
                                .code = {{FORGE_UW_SAVE, 0, 6, 0x88}},
                                .ncodes = 1};
    function(a, &f);
    f = (struct forge_function){
        .begin = 0x522000, .end = 0x522010, .code = {{FORGE_UW_MACHFRAME, 0, 0, 1}}, .ncodes = 1};
    function(a, &f);
    f = (struct forge_function){.begin = 0x522010, .end = 0x522020};
    function(a, &f);
}

/* One of everything at given places, in an image of a given size. */
static void write_kernel(const char *folder) {
    struct asked a = start(folder, "kernel.exe", 0x8664, 0xfffff80001644000, 0x5ea000);
    bytes(&a, 0x522810, "\x48\x83\xec\x28\xe8\1\2\3\4", 9, FORGE_CODE);
    bytes(&a, 0x1ea000, "data", 4, FORGE_DATA);
    bytes(&a, 0x1fb123, "\x33\xc0\xc3", 3, FORGE_PAGED_CODE);
    forge_image_extent(a.m, 0x1ec000, 0x3000, FORGE_DATA);
    forge_image_entry(a.m, 0x522810);
    functions(&a);
    char name[32];
    for (uint32_t i = 0; i < 2000; i++) {
        snprintf(name, sizeof name, "Ke%u", i * 7919 % 2000);
        export(&a, name, 0x522000 + i, i == 0 ? 10 : 0);
    }
    forge_image_forward(a.m, "RtlForwarded", "NTDLL.RtlReal");
    fprintf(a.out.facts, "forward RtlForwarded NTDLL.RtlReal\n");
    import(&a, "HAL.dll", "HalX", 0, 0x1d1018);
    import(&a, "BOOTVID.dll", "VidB", 7, 0);
    import(&a, "BOOTVID.dll", "VidA", 0, 0x1d1000);
    import(&a, "BOOTVID.dll", NULL, 44, 0x1d1008);
    import(&a, "HAL.dll", "HalY", 0, 0x1d1020);
    codeview(&a, "ntkrnlmp.pdb", 2);
    version(&a);
    finish(&a);
}

static void write_x86(const char *folder, const char *name, uint32_t size, uint32_t code) {
    struct asked a = start(folder, name, 0x14c, 0xf7a00000, size);
    bytes(&a, code, "\x55\x8b\xec\x83\xec\x10", 6, FORGE_CODE);
    bytes(&a, code + 0x1000, "data", 4, FORGE_DATA);
    export(&a, "DllInitialize", code, 1);
    export(&a, "_Foo@8", code + 3, 9);
    import(&a, "ntoskrnl.exe", "KeBugCheckEx", 3, 0);
    import(&a, "ntoskrnl.exe", NULL, 12, 0);
    import(&a, "HAL.dll", "KfRaiseIrql", 0, 0);
    codeview(&a, "old.pdb", 1);
    version(&a);
    finish(&a);
}

static void write_arm64(const char *folder) {
    static const uint8_t xdata[] = {0x08, 0, 0x20, 0x08, 0x41, 0x83, 0xe4, 0xe3};
    struct asked a = start(folder, "arm64.dll", 0xaa64, 0x180000000, 0);
    forge_image_function(
        a.m, &(struct forge_function){
                 .begin = 0x1000, .end = 0x1020, .xdata = xdata, .xdata_size = sizeof xdata});
    forge_image_function(
        a.m, &(struct forge_function){.begin = 0x1020, .end = 0x1070, .packed = 20 << 2 | 1});
    fprintf(a.out.facts, "arm64 1000 1020 0\narm64 1020 1070 51\n");
    export(&a, "Start", 0x1000, 1);
    import(&a, "KERNEL32.dll", "Sleep", 5, 0);
    codeview(&a, "arm64.pdb", 1);
    version(&a);
    finish(&a);
}

/* Tables in the gaps of a full image. */
static void write_full(const char *folder) {
    struct asked a = start(folder, "full.dll", 0x8664, 0x180000000, 0x8000);
    forge_image_extent(a.m, 0x1000, 0x2e00, FORGE_CODE);
    forge_image_extent(a.m, 0x4000, 0x1800, FORGE_DATA);
    forge_image_extent(a.m, 0x6000, 0x1fc0, FORGE_DATA);
    struct forge_function f = {.begin = 0x1000, .end = 0x1040};
    function(&a, &f);
    export(&a, "Foo", 0x1010, 1);
    import(&a, "KERNEL32.dll", "Sleep", 5, 0);
    codeview(&a, "full.pdb", 1);
    version(&a);
    finish(&a);
}

/* As many sections as there may be. */
static void write_scattered(const char *folder) {
    struct asked a = start(folder, "scattered.dll", 0x8664, 0x180000000, 0x3000000);
    for (uint32_t i = 0; i < 90; i++)
        bytes(&a, 0x3000 + i * 0x15010, "xyz", 3, i % 2 ? FORGE_CODE : FORGE_DATA);
    codeview(&a, "scattered.pdb", 1);
    finish(&a);
}

/* The older writer's image of all parts: accepted as it is. */
static void write_parts(const char *folder, const char *name, uint16_t machine) {
    struct out o;
    static struct peimg p;
    out_open(&o, folder, name);
    peparts_init(&p, machine);
    struct forge_bytes file = peimg_file(&p);
    out_close(&o, &file);
    forge_bytes_free(&file);
}

static uint32_t chance(uint32_t *state, uint32_t below) {
    *state = *state * 1664525 + 1013904223;
    return (*state >> 8) % below;
}

/* COUNT functions with any operations, some of them chained, at places of chance. */
static void write_random(const char *folder, uint32_t r, uint32_t count) {
    char name[32];
    snprintf(name, sizeof name, "random%02u.dll", r);
    struct asked a = start(folder, name, 0x8664, 0x180000000, 0);
    uint32_t at = 0x1000, first = 0;
    for (uint32_t i = 0; i < count; i++) {
        struct forge_function f = {.begin = at + chance(&r, 64)};
        at = f.end = f.begin + 16 + chance(&r, 600);
        if (chance(&r, 8) == 0)
            at += 0x10000;
        if (first && chance(&r, 6) == 0)
            f.chain = first;
        f.frame_register = chance(&r, 3) ? 0 : (uint8_t)(1 + chance(&r, 15));
        f.frame_offset = f.frame_register ? (uint8_t)chance(&r, 16) : 0;
        for (size_t n = chance(&r, 14); f.ncodes < n; f.ncodes++) {
            struct forge_unwind_code *c = &f.code[f.ncodes];
            c->op = (enum forge_unwind_op)chance(&r, f.frame_register ? 6 : 5);
            if (c->op == FORGE_UW_SET_FPREG && !f.frame_register)
                c->op = FORGE_UW_PUSH;
            c->at = f.prolog += (uint8_t)chance(&r, 9);
            c->reg = (uint8_t)chance(&r, 16);
            c->value =
                c->op == FORGE_UW_MACHFRAME ? chance(&r, 2)
                : c->op == FORGE_UW_ALLOC || c->op == FORGE_UW_SAVE || c->op == FORGE_UW_SAVE_XMM
                    ? 8 + 8 * chance(&r, 1u << chance(&r, 20))
                    : 0;
        }
        if (!f.chain && chance(&r, 4) == 0) {
            f.flags = (uint8_t)(1 + chance(&r, 3));
            f.handler = 0x1000;
        }
        first = f.chain ? first : f.begin;
        function(&a, &f);
    }
    finish(&a);
}

int main(int argc, char **argv) {
    if (argc != 2) {
        fprintf(stderr, "usage: forge_files DIR\n");
        return 2;
    }
    write_kernel(argv[1]);
    write_x86(argv[1], "x86.sys", 0x10000, 0x1100);
    write_x86(argv[1], "old86.sys", 0x4580, 0x300);
    write_arm64(argv[1]);
    write_full(argv[1]);
    write_scattered(argv[1]);
    write_parts(argv[1], "parts64.sys", 0x8664);
    write_parts(argv[1], "parts32.sys", 0x14c);
    for (uint32_t i = 0; i < RANDOM_IMAGES; i++)
        write_random(argv[1], i, 10 + 50 * i);
    write_symfiles(argv[1]);
    return 0;
}
