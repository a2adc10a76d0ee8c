/* SPDX-License-Identifier: MIT */
/*
 * A small kernel in physical memory, behind page tables, as a whole-memory source: for tests of the
 * target. Everything a test wants broken is broken by writing over it before the target is made.
 *
 *     struct kmem k;
 *     kmem_init(&k, SC_CPU_X64, SC_PAGING_X64);
 *     kmem_u64(&k, k.kdbg + 0x18, 0);
 *     sc_target *t = kmem_open(&k, NULL);
 */
#ifndef STOPCODE_TESTS_UNIT_KERNEL_MEMORY_H
#define STOPCODE_TESTS_UNIT_KERNEL_MEMORY_H

#include "dump/dump.h"
#include "target/target_impl.h"
#include "unit/paging_fixture.h"

enum {
    KMEM_CPUS = 3,
    KMEM_MODULES = 5,
    KMEM_TIMESTAMP = 0x5a5b5c00,
    KMEM_FILE = 0x1000,
    KMEM_KDBG = 0x3100, /* RVAs */
    KMEM_LIST = 0x3800,
    KMEM_HEAD = 0x3810,
    KMEM_BLOCK = 0x3900,
    KMEM_LAB = 0x3a00,
    KMEM_UNLOADED = 0x3a80,
    KMEM_LAST = 0x3a90,
    KMEM_BUGCHECK = 0x3ac0,
    KMEM_IMAGE = 0x8000,
};

struct kmem {
    struct tables t;
    struct sc_machine machine; /* what the container says */
    uint64_t base, kdbg, list, head, block, ring, shared;
    uint64_t entry[KMEM_MODULES], image[KMEM_MODULES];
    uint64_t prcb[KMEM_CPUS], thread[KMEM_CPUS];
    unsigned ptr;
    uint64_t frame; /* where the next page goes */
    uint8_t file[KMEM_FILE];
    struct sc_source *source; /* of the target made last */
};

/* ---- writing to virtual memory; pages are mapped as they are written to ---- */

static inline uint64_t kmem_pa(struct kmem *k, uint64_t va) {
    uint64_t entry = pagestore_get(&k->t.ps, entry_pa(&k->t, 0, va), entry_size(&k->t));
    if (!entry) {
        k->frame += 0x1000;
        map_page(&k->t, va & ~(uint64_t)0xfff, k->frame);
        pagestore_page(&k->t.ps, k->frame);
        entry = k->frame;
    }
    return (entry & 0xffffffff000) | (va & 0xfff);
}

static inline void kmem_put(struct kmem *k, uint64_t va, const void *data, size_t size) {
    for (size_t i = 0; i < size; i++)
        pagestore_put(&k->t.ps, kmem_pa(k, va + i), (const uint8_t *)data + i, 1);
}

static inline void kmem_num(struct kmem *k, uint64_t va, uint64_t value, unsigned size) {
    uint8_t b[8];
    for (unsigned i = 0; i < 8; i++)
        b[i] = (uint8_t)(value >> 8 * i);
    kmem_put(k, va, b, size);
}

static inline void kmem_u16(struct kmem *k, uint64_t va, uint64_t v) { kmem_num(k, va, v, 2); }
static inline void kmem_u32(struct kmem *k, uint64_t va, uint64_t v) { kmem_num(k, va, v, 4); }
static inline void kmem_u64(struct kmem *k, uint64_t va, uint64_t v) { kmem_num(k, va, v, 8); }
static inline void kmem_ptr(struct kmem *k, uint64_t va, uint64_t v) { kmem_num(k, va, v, k->ptr); }
static inline uint64_t kmem_get(struct kmem *k, uint64_t va, unsigned size) {
    return pagestore_get(&k->t.ps, kmem_pa(k, va), size);
}

/* A UNICODE_STRING at VA whose text is at TEXT_VA. */
static inline void kmem_string(struct kmem *k, uint64_t va, uint64_t text_va, const char *text) {
    size_t n = strlen(text);
    kmem_u16(k, va, 2 * n);
    kmem_u16(k, va + 2, 2 * n + 2);
    kmem_ptr(k, va + k->ptr, text_va);
    for (size_t i = 0; i < n; i++)
        kmem_u16(k, text_va + 2 * i, (uint8_t)text[i]);
}

/* A member of the debugger data block; addresses of 32 bits are sign-extended there. */
static inline void kmem_member(struct kmem *k, uint32_t offset, uint64_t va) {
    kmem_u64(k, k->kdbg + offset, k->ptr == 4 ? (uint64_t)(int32_t)va : va);
}

/* ---- the pieces ---- */

static inline void kmem_headers(struct kmem *k, uint64_t base, uint32_t timestamp, bool kernel) {
    bool is64 = k->ptr == 8;
    kmem_put(k, base, "MZ", 2);
    kmem_u32(k, base + 0x3c, 0x80);
    kmem_put(k, base + 0x80, "PE\0", 4);
    kmem_u16(k, base + 0x84,
             k->machine.cpu == SC_CPU_X86     ? 0x14c
             : k->machine.cpu == SC_CPU_ARM64 ? 0xaa64
                                              : 0x8664);
    kmem_u16(k, base + 0x86, 2);
    kmem_u32(k, base + 0x88, timestamp);
    kmem_u16(k, base + 0x94, is64 ? 0xf0 : 0xe0);
    kmem_u16(k, base + 0x98, is64 ? 0x20b : 0x10b);
    kmem_u32(k, base + 0x98 + 0x20, 0x1000); /* SectionAlignment */
    kmem_u32(k, base + 0x98 + 0x24, 0x200);
    kmem_u32(k, base + 0x98 + 0x38, KMEM_IMAGE);
    kmem_u32(k, base + 0x98 + 0x3c, 0x400);
    kmem_u32(k, base + 0x98 + (is64 ? 0x6c : 0x5c), 16);
    if (kernel) { /* the export directory */
        kmem_u32(k, base + 0x98 + (is64 ? 0x70 : 0x60), 0x2000);
        kmem_u32(k, base + 0x98 + (is64 ? 0x74 : 0x64), 0x100);
    }
    static const struct {
        const char *name;
        uint32_t rva, size, flags;
    } section[] = {{".text", 0x1000, 0x2000, 0x60000020}, {".data", 0x3000, 0x5000, 0xc0000040}};
    for (unsigned i = 0; i < 2; i++) {
        uint64_t at = base + 0x98 + (is64 ? 0xf0 : 0xe0) + i * 40;
        kmem_put(k, at, section[i].name, 6);
        kmem_u32(k, at + 8, section[i].size);
        kmem_u32(k, at + 12, section[i].rva);
        kmem_u32(k, at + 36, section[i].flags);
    }
}

/* The kernel's export directory at RVA 0x2000: PsLoadedModuleList. */
static inline void kmem_exports(struct kmem *k) {
    uint64_t at = k->base + 0x2000;
    kmem_u32(k, at + 0x0c, 0x2060);
    kmem_u32(k, at + 0x10, 1);
    kmem_u32(k, at + 0x14, 1);
    kmem_u32(k, at + 0x18, 1);
    kmem_u32(k, at + 0x1c, 0x2040);
    kmem_u32(k, at + 0x20, 0x2044);
    kmem_u32(k, at + 0x24, 0x2048);
    kmem_u32(k, at + 0x40, KMEM_LIST);
    kmem_u32(k, at + 0x44, 0x2070);
    kmem_u16(k, at + 0x48, 0);
    kmem_put(k, at + 0x60, "ntoskrnl.exe", 13);
    kmem_put(k, at + 0x70, "PsLoadedModuleList", 19);
}

static inline void kmem_modules(struct kmem *k) {
    static const char *const names[KMEM_MODULES] = {
        "\\SystemRoot\\system32\\ntoskrnl.exe", "\\SystemRoot\\system32\\hal.dll",
        "\\SystemRoot\\System32\\drivers\\disk.sys", "\\SystemRoot\\System32\\drivers\\ndis.sys",
        "\\SystemRoot\\System32\\win32k.sys"};
    bool is64 = k->ptr == 8;
    for (unsigned i = 0; i < KMEM_MODULES; i++) {
        uint64_t e = k->entry[i] = k->base + 0x100000 + i * 0x200;
        k->image[i] = i ? k->base + 0x200000 + i * 0x10000 : k->base;
        kmem_ptr(k, e, i + 1 < KMEM_MODULES ? e + 0x200 : k->list);
        kmem_ptr(k, e + k->ptr, i ? e - 0x200 : k->list);
        kmem_ptr(k, e + (is64 ? 0x30 : 0x18), k->image[i]);
        kmem_u32(k, e + (is64 ? 0x40 : 0x20), KMEM_IMAGE);
        kmem_u32(k, e + (is64 ? 0x78 : 0x40), 0xc0de0 + i);
        kmem_u32(k, e + (is64 ? 0x9c : 0x58), 0x11110000 + i);
        kmem_string(k, e + (is64 ? 0x48 : 0x24), e + 0xc0, names[i]);
        kmem_string(k, e + (is64 ? 0x58 : 0x2c), e + 0x180, strrchr(names[i], '\\') + 1);
        if (i < 3) /* the others' headers are paged out */
            kmem_headers(k, k->image[i], KMEM_TIMESTAMP + i, !i);
    }
    kmem_ptr(k, k->list, k->entry[0]);
    kmem_ptr(k, k->list + k->ptr, k->entry[KMEM_MODULES - 1]);
}

static inline void kmem_block(struct kmem *k) {
    kmem_u32(k, k->kdbg + 0x10, 0x4742444b);
    kmem_u32(k, k->kdbg + 0x14, 0x368);
    kmem_member(k, 0x18, k->base);
    kmem_member(k, 0x48, k->list);
    kmem_member(k, 0x50, k->head);
    kmem_member(k, 0x88, k->base + KMEM_BUGCHECK);
    kmem_member(k, 0x208, k->base + KMEM_LAB);
    kmem_member(k, 0x218, k->block);
    kmem_member(k, 0x220, k->base + KMEM_UNLOADED);
    kmem_member(k, 0x228, k->base + KMEM_LAST);
    kmem_u16(k, k->kdbg + 0x29e, 0x28); /* KTHREAD.InitialStack */
    kmem_u16(k, k->kdbg + 0x2b0, 0x1000);
    kmem_u16(k, k->kdbg + 0x2b4, k->ptr); /* KPRCB.CurrentThread */
    kmem_u16(k, k->kdbg + 0x2be, 0x24);
    kmem_u16(k, k->kdbg + 0x2f2, 0x40);  /* KPRCB.ProcessorState.SpecialRegisters */
    kmem_u16(k, k->kdbg + 0x338, 0x1f0); /* KPRCB.Context */
}

/* A CONTEXT with an instruction and a stack pointer; returns its size. */
static inline size_t kmem_context(enum sc_cpu cpu, uint64_t ip, uint64_t sp, uint8_t *ret) {
    size_t size = sc_context_size(cpu);
    unsigned flags_at = cpu == SC_CPU_X64 ? 0x30 : 0, word = cpu == SC_CPU_X86 ? 4 : 8;
    unsigned ip_at = cpu == SC_CPU_X86 ? 0xb8 : cpu == SC_CPU_ARM64 ? 0x108 : 0xf8;
    unsigned sp_at = cpu == SC_CPU_X86 ? 0xc4 : cpu == SC_CPU_ARM64 ? 0x100 : 0x98;
    uint32_t flags = cpu == SC_CPU_X86 ? 0x1003f : cpu == SC_CPU_ARM64 ? 0x400007 : 0x10001f;
    memset(ret, 0, size);
    for (unsigned i = 0; i < word; i++) {
        ret[ip_at + i] = (uint8_t)(ip >> 8 * i);
        ret[sp_at + i] = (uint8_t)(sp >> 8 * i);
    }
    for (unsigned i = 0; i < 4; i++)
        ret[flags_at + i] = (uint8_t)(flags >> 8 * i);
    return size;
}

static inline uint64_t kmem_stack(const struct kmem *k, unsigned cpu) {
    return k->base + 0x400000 + cpu * 0x10000 + 0x6000; /* its top */
}

static inline void kmem_cpus(struct kmem *k) {
    uint8_t context[SC_CONTEXT_MAX];
    for (unsigned i = 0; i < KMEM_CPUS; i++) {
        k->prcb[i] = k->base + 0x300000 + i * 0x4000;
        k->thread[i] = k->base + 0x380000 + i * 0x1000;
        kmem_ptr(k, k->block + (uint64_t)i * k->ptr, k->prcb[i]);
        kmem_ptr(k, k->prcb[i] + k->ptr, k->thread[i]);
        kmem_u32(k, k->prcb[i] + 0x24, i);
        kmem_ptr(k, k->prcb[i] + 0x1f0, k->prcb[i] + 0x1000);
        kmem_ptr(k, k->thread[i] + 0x28, kmem_stack(k, i));
        size_t size = kmem_context(k->machine.cpu, k->base + 0x1000 + i * 0x10,
                                   kmem_stack(k, i) - 0x800, context);
        kmem_put(k, k->prcb[i] + 0x1000, context, size);
        kmem_ptr(k, k->prcb[i] + 0x40 + (k->ptr == 8 ? 0x10 : 8), 0x1000 * (i + 2)); /* Cr3 */
        kmem_ptr(k, k->prcb[i] + 0x40 + (k->ptr == 8 ? 0x68 : 0x34), k->base + 0x6000 + i);
    }
}

static inline void kmem_shared(struct kmem *k) {
    const uint64_t up = 0x23456789ab, now = 0x1d9a1b2c3d4e5f6;
    k->shared = k->ptr == 4 ? 0xffdf0000 : 0xfffff78000000000;
    kmem_u32(k, k->shared + 0x08, up);
    kmem_u32(k, k->shared + 0x0c, up >> 32);
    kmem_u32(k, k->shared + 0x10, up >> 32);
    kmem_u32(k, k->shared + 0x14, now);
    kmem_u32(k, k->shared + 0x18, now >> 32);
    kmem_u32(k, k->shared + 0x1c, now >> 32);
    kmem_u32(k, k->shared + 0x260, 0xf0000000 | 19041);
    kmem_u32(k, k->shared + 0x264, 3);
    kmem_u32(k, k->shared + 0x26c, 10);
    kmem_u32(k, k->shared + 0x2d0, 0x110);
}

/* The ring of unloaded drivers: entry N is called "oldN.sys"; the next one goes to NEXT. */
static inline void kmem_unloaded(struct kmem *k, unsigned count, unsigned next) {
    unsigned size = k->ptr == 8 ? 0x28 : 0x18;
    kmem_ptr(k, k->base + KMEM_UNLOADED, k->ring);
    kmem_u32(k, k->base + KMEM_LAST, next);
    for (unsigned i = 0; i < 50; i++)
        for (unsigned b = 0; b < size; b += 4)
            kmem_u32(k, k->ring + i * size + b, 0);
    for (unsigned i = 0; i < count; i++) {
        char name[24];
        snprintf(name, sizeof name, "old%u.sys", i);
        kmem_string(k, k->ring + i * size, k->ring + 0x1000 + i * 0x20, name);
        kmem_ptr(k, k->ring + i * size + 2 * k->ptr, k->base + 0x10000000 + i * 0x10000);
        kmem_ptr(k, k->ring + i * size + 3 * k->ptr, k->base + 0x10008000 + i * 0x10000);
    }
}

/* ---- the whole ---- */

static inline void kmem_init(struct kmem *k, enum sc_cpu cpu, enum sc_paging_mode mode) {
    memset(k, 0, sizeof *k);
    tables_init(&k->t, mode);
    k->frame = 0x10000000;
    k->ptr = cpu == SC_CPU_X86 ? 4 : 8;
    k->base = cpu == SC_CPU_X86 ? 0x81800000 : KERNEL64 + 0x1600000;
    k->kdbg = k->base + KMEM_KDBG;
    k->list = k->base + KMEM_LIST;
    k->head = k->base + KMEM_HEAD;
    k->block = k->base + KMEM_BLOCK;
    k->ring = k->base + 0x500000;
    k->machine = (struct sc_machine){.cpu = cpu,
                                     .kernel = true,
                                     .windows = true,
                                     .platform = "Windows",
                                     .service_pack = "",
                                     .ncpus = KMEM_CPUS,
                                     .major = 10,
                                     .build = 19041,
                                     .uptime = SC_UNSET64,
                                     .event_context_off = SC_UNSET64,
                                     .loaded_module_list = k->list,
                                     .active_process_head = k->head,
                                     .debugger_data = k->kdbg,
                                     .dtb = k->t.paging.root,
                                     .pae = mode == SC_PAGING_PAE};
    kmem_modules(k);
    kmem_exports(k);
    kmem_block(k);
    kmem_cpus(k);
    kmem_shared(k);
    kmem_unloaded(k, 3, 3);
    kmem_put(k, k->base + KMEM_LAB, "19041.1.amd64fre.vb_release.191206-1406", 40);
    kmem_ptr(k, k->head, k->head);
}

static inline void kmem_deinit(struct kmem *k) { tables_deinit(&k->t); }

static inline sc_err *kmem_open_pages(struct sc_source *source, struct sc_pages *ret_pages) {
    *ret_pages = pagestore_pages(&((struct kmem *)source->impl)->t.ps);
    return NULL;
}

static const struct sc_source_ops kmem_ops = {.name = "made memory", .open_pages = kmem_open_pages};

static inline sc_err *kmem_try(struct kmem *k, const struct sc_open_opts *opts, sc_target **ret) {
    struct sc_source *s;
    sc_file *file;
    sc_err *err = sc_file_memory("memory.dmp", k->file, sizeof k->file, 0, &file);
    if (!err)
        err = sc_source_create(file, &s);
    if (err)
        return err;
    s->ops = &kmem_ops;
    s->impl = k;
    s->machine = k->machine;
    s->probe = (struct sc_probe){.name = "made memory", .readable = true, .is64 = k->ptr == 8};
    k->source = s;
    return sc_target_adopt(s, opts, ret);
}

static inline sc_target *kmem_open(struct kmem *k, const struct sc_open_opts *opts) {
    sc_target *t = NULL;
    sc_err *err = kmem_try(k, opts, &t);
    if (err) {
        fprintf(stderr, "kmem_open: %s\n", sc_err_text(err));
        abort();
    }
    return t;
}

/* Encodes the debugger data block as kernels of Windows 8 and later do. */
static inline uint64_t kmem_encode(uint64_t plain, uint64_t never, uint64_t always, uint64_t addr) {
    uint64_t t = 0;
    for (unsigned i = 0; i < 8; i++)
        t = t << 8 | ((plain ^ always) >> 8 * i & 0xff);
    t ^= addr;
    unsigned n = never & 63;
    return (n ? t >> n | t << (64 - n) : t) ^ never;
}

static inline void kmem_encode_block(struct kmem *k, uint64_t never) {
    for (unsigned at = 0; at < 0x368; at += 8)
        kmem_u64(k, k->kdbg + at,
                 kmem_encode(kmem_get(k, k->kdbg + at, 8), never, 0xfedcba9876543210 * never,
                             k->base + 0x3008));
}

static inline bool kmem_noted(const struct kmem *k, const char *part) {
    for (size_t i = 0; i < k->source->nnotes; i++)
        if (strstr(k->source->notes[i].text, part))
            return true;
    return false;
}

#endif
