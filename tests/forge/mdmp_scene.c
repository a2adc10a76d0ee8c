/* SPDX-License-Identifier: MIT */
/* The ready-made minidumps. Layouts of the raw streams: dump-format facts in src/dump/mdmp_*.c. */
#include "forge/mdmp_scene.h"

#include <stdio.h>
#include <string.h>

#include "forge/mdmp.h"

enum { STACK = 0x200, RAWS = 8, CRASHPAD = 0x43500001, BREAKPAD = 0x47670001, ASSERT = 0x47670002 };

struct scene {
    struct forge_mdmp m;
    struct forge_mdmp_thread thread[3];
    struct forge_mdmp_info info;
    struct forge_mdmp_module module[4];
    struct forge_mdmp_unloaded unloaded[2];
    struct forge_mdmp_memory memory[3];
    struct forge_mdmp_region region[3];
    struct forge_mdmp_handle handle[3];
    struct forge_mdmp_exception exception;
    struct forge_mdmp_misc misc;
    struct forge_mdmp_raw raw[RAWS];
    struct forge_bytes raw_bytes[RAWS];
    uint8_t context[3][FORGE_CONTEXT_MAX], stack[3][STACK], page[0x400];
    uint64_t base, stack_at;
    bool bad; /* a raw stream could not be made */
};

static void put_threads(struct scene *s) {
    static const char *const names[] = {"main", NULL, "w\xc3\xb6rker \xf0\x9f\x98\x80"};
    s->info = (struct forge_mdmp_info){.exit_status = 0x103,
                                       .create_time = 132574616951234567,
                                       .kernel_time = 10000000,
                                       .user_time = 20000000,
                                       .start_address = s->base + 0x1000,
                                       .affinity = 0xf};
    for (unsigned i = 0; i < 3; i++) {
        uint64_t sp = s->stack_at + i * 0x10000;
        uint32_t size =
            forge_context(s->m.arch, s->base + 0x1234 + i, sp, sp + 0x40, s->context[i]);
        for (size_t k = 0; k < STACK; k++)
            s->stack[i][k] = (uint8_t)(k * 7 + i);
        memcpy(s->stack[i] + 0x20, &(uint64_t){s->base + 0x1100}, 8);
        s->thread[i] = (struct forge_mdmp_thread){.tid = 0x100 + i,
                                                  .priority = 8,
                                                  .teb = 0x7e000 + i * 0x1000,
                                                  .stack = sp,
                                                  .stack_data = s->stack[i],
                                                  .stack_size = STACK,
                                                  .context = s->context[i],
                                                  .context_size = size,
                                                  .name = names[i],
                                                  .info = &s->info};
    }
    s->exception = (struct forge_mdmp_exception){.tid = 0x100,
                                                 .code = 0xc0000005,
                                                 .nparams = 2,
                                                 .address = s->base + 0x1234,
                                                 .param = {1, 0x10},
                                                 .context = s->context[0],
                                                 .context_size = s->thread[0].context_size};
}

static void put_modules(struct scene *s) {
    const struct forge_mdmp_module modules[] = {
        {.base = s->base,
         .size = 0x8000,
         .checksum = 0x1111,
         .timestamp = 0x5f000000,
         .path = "C:\\app\\crash.exe",
         .version = {1, 2, 3, 4},
         .pdb = "d:\\build\\crash.pdb",
         .guid = {1, 2, 3, 4, 5, 6, 7, 8, 9},
         .age = 2},
        {.base = s->base + 0x10000,
         .size = 0x4000,
         .timestamp = 0x5f000001,
         .path = "C:\\Windows\\System32\\ntdll.dll",
         .version = {10, 0, 19041, 804},
         .misc = "ntdll.dbg"},
        {.base = s->base + 0x20000,
         .size = 0x1000,
         .path = "C:\\app\\\xed\xa0\xbd\xc3\xa4 b.dll",
         .cv = "NB10\0\0\0\0\1\0\0\0\2\0\0\0old.pdb",
         .cv_size = 24},
        {.base = s->base + 0x30000, .size = 0x1000, .path = "C:\\other\\crash.exe"},
    };
    memcpy(s->module, modules, sizeof modules);
    s->unloaded[0] = (struct forge_mdmp_unloaded){s->base + 0x40000, 0x1000, 1, 2, "gone.dll"};
    s->unloaded[1] = (struct forge_mdmp_unloaded){s->base + 0x40000, 0x2000, 3, 4, "older.dll"};
}

static void put_memory(struct scene *s) {
    for (size_t i = 0; i < sizeof s->page; i++)
        s->page[i] = (uint8_t)(i ^ i >> 3);
    s->memory[0] = (struct forge_mdmp_memory){s->stack_at, s->stack[0], STACK};
    s->memory[1] = (struct forge_mdmp_memory){s->base + 0x1200, s->page, sizeof s->page};
    s->memory[2] = (struct forge_mdmp_memory){s->base + 0x1400, s->page, 0x100}; /* overlaps */
    s->region[0] = (struct forge_mdmp_region){s->base, s->base, 0x1000, 0x80, 0x1000, 2, 0x1000000};
    s->region[1] = (struct forge_mdmp_region){s->base + 0x1000, s->base, 0x4000,   0x80,
                                              0x1000,           0x20,    0x1000000};
    s->region[2] = (struct forge_mdmp_region){0x7e000, 0x7e000, 0x3000, 4, 0x1000, 4, 0x20000};
    s->handle[0] =
        (struct forge_mdmp_handle){4, "Event", "\\BaseNamedObjects\\Go", 0, 0x1f0003, 2, 0x8001, 0};
    s->handle[1] = (struct forge_mdmp_handle){8, "File", NULL, 0, 0x120089, 1, 1, 0};
    s->handle[2] = (struct forge_mdmp_handle){12, "Thread", NULL, 0, 0x1fffff, 1, 1, 0};
    s->misc = (struct forge_mdmp_misc){.size = 0x554,
                                       .flags = 0x3f7,
                                       .pid = 0x4d2,
                                       .create_time = 0x5f000000,
                                       .user_time = 3,
                                       .kernel_time = 1,
                                       .max_mhz = 3600,
                                       .cur_mhz = 1800,
                                       .integrity = 0x2000,
                                       .bias = -60,
                                       .zone = "Somewhere",
                                       .summer_zone = "Summer",
                                       .build = "19041.1.amd64fre.vb_release.191206-1406",
                                       .dbg_build = "forged",
                                       .cookie = 0x1234};
}

/* Ends a raw stream of TYPE in slot I. */
static void add_raw(struct scene *s, size_t i, uint32_t type, struct forge *f) {
    struct forge_bytes b = {0};
    s->bad |= !forge_finish(f, &b);
    forge_deinit(f);
    forge_bytes_free(&s->raw_bytes[i]);
    s->raw_bytes[i] = b;
    s->raw[i] = (struct forge_mdmp_raw){type, b.data, (uint32_t)b.size};
    if (i >= s->m.nraw)
        s->m.nraw = i + 1;
}

/* Header of COUNT descriptors: sizes first, as the stream has them. */
static void put_tables(struct scene *s) {
    struct forge f;
    forge_init(&f); /* FunctionTableStream: one table of two entries */
    const uint32_t head[] = {0x18, 0x20, 0x20, 0xc, 1, 0};
    for (size_t i = 0; i < 6; i++)
        forge_u32(&f, head[i]);
    forge_u64(&f, s->base + 0x6000);
    forge_u64(&f, s->base + 0x7000);
    forge_u64(&f, s->base);
    forge_u32(&f, 2);
    forge_u32(&f, 0);
    forge_fill(&f, 0x33, 0x20 + 2 * 0xc);
    add_raw(s, 0, 13, &f);
    forge_init(&f); /* TokenStream */
    const uint32_t token[] = {0x10 + 0x20, 1, 0x10, 0x10, 0x20, 0x4d2};
    for (size_t i = 0; i < 6; i++)
        forge_u32(&f, token[i]);
    forge_u64(&f, 0xc);
    forge_fill(&f, 0x44, 0x10);
    add_raw(s, 1, 19, &f);
    forge_init(&f); /* SystemMemoryInfoStream, ProcessVmCountersStream */
    forge_u16(&f, 1);
    forge_u16(&f, 2);
    forge_pattern(&f, 0x00001000, 0x1ec - 4);
    add_raw(s, 2, 21, &f);
    forge_init(&f);
    forge_u16(&f, 2);
    forge_u16(&f, 0x1f);
    forge_pattern(&f, 0x00002000, 0x98 - 4);
    add_raw(s, 3, 22, &f);
    forge_init(&f); /* HandleOperationListStream: one AVRF_HANDLE_OPERATION */
    const uint32_t ops[] = {0x10, 0x120, 1, 0};
    for (size_t i = 0; i < 4; i++)
        forge_u32(&f, ops[i]);
    forge_u64(&f, 4);
    forge_pattern(&f, 1, 0x118);
    add_raw(s, 4, 18, &f);
}

static void put_breakpad(struct scene *s) {
    struct forge f;
    forge_init(&f);
    forge_u32(&f, 3);
    forge_u32(&f, 0x102);
    forge_u32(&f, 0x100);
    add_raw(s, 5, BREAKPAD, &f);
    forge_init(&f);
    static const char *const text[] = {"x > 0", "main", "main.c"};
    for (size_t i = 0; i < 3; i++) {
        forge_utf16(&f, text[i]);
        forge_pad_to(&f, (i + 1) * 256);
    }
    forge_u32(&f, 42);
    forge_u32(&f, 1);
    add_raw(s, 6, ASSERT, &f);
}

/*
 * MinidumpCrashpadInfo with one annotation of the process and one module with an annotation
 * object; its locations are file offsets, so BASE is where the stream will lie.
 */
static void put_crashpad(struct scene *s, uint32_t base) {
    struct forge f;
    forge_init(&f);
    forge_label simple = forge_label_new(&f, "simple annotations"),
                list = forge_label_new(&f, "module list"),
                info = forge_label_new(&f, "module info"), objects = forge_label_new(&f, "objects"),
                key = forge_label_new(&f, "key"), value = forge_label_new(&f, "value");
    forge_u32(&f, 1);
    forge_fill(&f, 0x11, 32);
    const struct {
        uint32_t size;
        forge_label at;
    } where[] = {{12, simple}, {16, list}, {0x1c, info}, {16, objects}};
#define LOCATION(i)                                                                                \
    (forge_u32(&f, where[i].size), forge_u32(&f, 0),                                               \
     forge_poke_label(&f, forge_here(&f) - 4, 4, where[i].at, base))
#define TEXT(label) (forge_u32(&f, 0), forge_poke_label(&f, forge_here(&f) - 4, 4, label, base))
    LOCATION(0);
    LOCATION(1);
    forge_u32(&f, 0);
    forge_u64(&f, 0xff00000000000000);
    forge_label_here(&f, simple);
    forge_u32(&f, 1);
    TEXT(key);
    TEXT(value);
    forge_label_here(&f, list);
    forge_u32(&f, 1);
    forge_u32(&f, 0);
    LOCATION(2);
    forge_label_here(&f, info);
    forge_u32(&f, 1);
    forge_u64(&f, 0); /* no messages */
    forge_u64(&f, 0);
    LOCATION(3);
    forge_label_here(&f, objects);
    forge_u32(&f, 1);
    TEXT(key);
    forge_u32(&f, 1);
    TEXT(value);
    forge_label_set(&f, key, forge_mdmp_utf8(&f, "key"));
    forge_label_set(&f, value, forge_mdmp_utf8(&f, "v\xc3\xa4lue"));
    add_raw(s, 7, CRASHPAD, &f);
#undef LOCATION
#undef TEXT
}

static void fill(struct scene *s, enum forge_mdmp_scene_kind kind) {
    struct forge_mdmp *m = &s->m;
    m->arch = kind == FORGE_MDMP_X86   ? FORGE_X86
              : kind == FORGE_MDMP_X64 ? FORGE_AMD64
                                       : FORGE_ARM64;
    s->base = kind == FORGE_MDMP_X86 ? 0x400000 : 0x7ff600000000;
    s->stack_at = kind == FORGE_MDMP_X86 ? 0x19f000 : 0x50000f000;
    m->timestamp = 0x5f000100;
    m->flags = 0x1826;
    m->ncpus = 8;
    m->product_type = 1;
    m->major = 10;
    m->build = 19041;
    m->csd = "Service Pack 9";
    strcpy(m->vendor, "GenuineIntel");
    put_threads(s);
    put_modules(s);
    put_memory(s);
    m->threads = s->thread, m->nthreads = 3;
    m->modules = s->module, m->nmodules = 4;
    m->unloaded = s->unloaded, m->nunloaded = 2;
    if (kind == FORGE_MDMP_FULL)
        m->memory64 = s->memory, m->nmemory64 = 3;
    else
        m->memory = s->memory, m->nmemory = 3;
    m->regions = s->region, m->nregions = 3;
    m->handles = s->handle, m->nhandles = 3;
    m->exception = &s->exception;
    m->misc = &s->misc;
    m->comment_w = "forged";
    m->unused_rows = 2;
    m->raw = s->raw;
    put_tables(s);
    if (kind == FORGE_MDMP_FULL) {
        put_breakpad(s);
        put_crashpad(s, 0);
    }
}

bool forge_mdmp_scene_build(enum forge_mdmp_scene_kind kind, struct forge_bytes *ret_file) {
    struct scene s;
    memset(&s, 0, sizeof s);
    fill(&s, kind);
    bool ok = !s.bad && forge_mdmp_build(&s.m, ret_file);
    const struct forge_mdmp_row *row = ok ? forge_mdmp_find(&s.m, CRASHPAD) : NULL;
    if (row) { /* again, now that it is known where the stream lies */
        forge_bytes_free(ret_file);
        put_crashpad(&s, row->rva);
        ok = !s.bad && forge_mdmp_build(&s.m, ret_file);
    }
    if (!ok)
        fprintf(stderr, "forge: %s\n", s.m.why);
    for (size_t i = 0; i < RAWS; i++)
        forge_bytes_free(&s.raw_bytes[i]);
    return ok;
}

const char *forge_mdmp_scene_name(enum forge_mdmp_scene_kind kind) {
    static const char *const names[] = {"mdmp-x64", "mdmp-x86", "mdmp-full-arm64"};
    return names[kind];
}
