/* SPDX-License-Identifier: MIT */
/*
 * What stands closest to the processor: interrupt and segment tables, special registers of each
 * KPRCB, KUSER_SHARED_DATA, and the low stub (PROCESSOR_START_BLOCK) that started the processors.
 *
 * KUSER_SHARED_DATA, at fffff78000000000 (x86: ffdf0000) and read-only at 7ffe0000 in processes:
 *   +0x04 u32 TickCountMultiplier  +0x08 InterruptTime  +0x14 SystemTime {u32 low, i32 high, high}
 *   +0x30 NtSystemRoot  +0x260 u32 NtBuildNumber (10 on)  +0x264 u32 product  +0x268 u8 1
 *   +0x26c u32 major  +0x270 u32 minor  +0x2d0 u32 suites  +0x2e8 u32 pages
 *   +0x320 TickCount {as the times} since Windows Server 2003, +0x00 u32 TickCountLow before
 *
 * Low stub, a page below 1 MB, 64-bit systems: +0x00 a jump (00000001'000600e9), +0x70 the kernel's
 * entry, +0xa0 CR3.
 */
#include <string.h>

#include "forge/world.h"

static void put(struct forge_world *w, uint64_t addr, unsigned width, uint64_t value) {
    forge_world_put_uint(w, 0, addr, width, value);
}

static uint64_t global(const struct forge_world *w, const char *name) {
    const struct forge_wsymbol *s = forge_world_symbol(w, w->nt, name);
    return s ? s->addr : 0;
}

/* ---- tables of the processor ---- */

static void put_gates(struct forge_world *w, unsigned n, uint64_t idt) {
    for (unsigned i = 0; i < 256; i++) {
        unsigned flags = 0x8e00, selector = w->is32 ? 8 : 0x10;
        const char *name = i == 0    ? "KiDivideErrorFault"
                           : i == 3  ? "KiBreakpointTrap"
                           : i == 13 ? "KiGeneralProtectionFault"
                                     : "KiUnexpectedInterrupt";
        uint64_t at = global(w, name);
        forge_world_gate(w, n, i, &at, &flags, &selector);
        if (w->is32) {
            put(w, idt + i * 8, 4, (at & 0xffff) | (uint64_t)selector << 16);
            put(w, idt + i * 8 + 4, 4, flags | (at & 0xffff0000));
            continue;
        }
        put(w, idt + i * 16, 8,
            (at & 0xffff) | (uint64_t)selector << 16 | (uint64_t)flags << 32 |
                (at >> 16 & 0xffff) << 48);
        put(w, idt + i * 16 + 8, 8, at >> 32);
    }
}

static void put_segments(struct forge_world *w, uint64_t gdt, uint64_t pcr, uint64_t tss) {
    static const uint64_t x64[] = {0,
                                   0,
                                   0x00209b0000000000,
                                   0x00409300000000ff,
                                   0x00cffb000000ffff,
                                   0x00cff3000000ffff,
                                   0x0020fb0000000000,
                                   0};
    static const uint64_t x86[] = {0, 0x00cf9b000000ffff, 0x00cf93000000ffff, 0x00cffb000000ffff,
                                   0x00cff3000000ffff};
    for (unsigned i = 0; i < 8 && !w->is32; i++)
        put(w, gdt + i * 8, 8, x64[i]);
    for (unsigned i = 0; i < 5 && w->is32; i++)
        put(w, gdt + i * 8, 8, x86[i]);
    uint64_t base = (tss & 0xffffff) << 16 | (tss >> 24 & 0xff) << 56;
    put(w, gdt + (w->is32 ? 0x28 : 0x40), 8, base | 0x00008b0000000067);
    if (!w->is32)
        put(w, gdt + 0x48, 8, tss >> 32);
    else
        put(w, gdt + 0x30, 8,
            (pcr & 0xffffff) << 16 | (pcr >> 24 & 0xff) << 56 | 0x00c0930000000001);
}

static uint64_t cr4_of(const struct forge_world *w) {
    enum forge_paging mode = w->s->machine.paging;
    if (mode == FORGE_PAGING_X86)
        return 0x6d1;
    return 0x6f0 | (mode == FORGE_PAGING_PAE ? 1 : 8) | (mode == FORGE_PAGING_LA57 ? 0x1000 : 0);
}

/* A descriptor register in memory: u16 limit, then the base, in the last bytes of its slot. */
static void put_register(struct forge_world *w, uint64_t at, uint64_t base, uint64_t limit) {
    put(w, at + w->ptr_size - 2, 2, limit);
    put(w, at + w->ptr_size, w->ptr_size, base);
}

static bool put_special(struct forge_world *w, unsigned n, uint64_t pcr, uint64_t idt,
                        uint64_t gdt) {
    struct forge_place at, part;
    uint64_t prcb = w->prcb[n];
    if (!forge_world_offset(w, "_KPRCB", "ProcessorState.SpecialRegisters", &at))
        return true;
    uint64_t base = prcb + at.offset;
    const char *type = "_KSPECIAL_REGISTERS";
    bool current = n == w->s->cpu.current;
    forge_world_set(w, type, base, "Cr0", 0x80050031);
    forge_world_set(w, type, base, "Cr3", current ? w->dtb : forge_mmu_root(w->mmu, 0));
    forge_world_set(w, type, base, "Cr4", cr4_of(w));
    forge_world_set(w, type, base, "KernelDr6", 0xffff0ff0);
    forge_world_set(w, type, base, "KernelDr7", 0x400);
    forge_world_set(w, type, base, "Tr", w->is32 ? 0x28 : 0x40);
    forge_world_set(w, type, base, "MsrGsBase", pcr);
    if (forge_world_offset(w, type, "Idtr", &part))
        put_register(w, base + part.offset, idt, w->is32 ? 0x7ff : 0xfff);
    if (forge_world_offset(w, type, "Gdtr", &part))
        put_register(w, base + part.offset, gdt, w->is32 ? 0x3ff : 0x57);
    return true;
}

static bool put_processor(struct forge_world *w, unsigned n) {
    struct forge_place in;
    uint64_t idt = forge_world_spare(w, 0x1000, 0x1000);
    uint64_t gdt = forge_world_spare(w, w->is32 ? 0x400 : 0x60, 16);
    uint64_t tss = forge_world_spare(w, 0x68, 16);
    if (!forge_world_offset(w, "_KPCR", w->is32 ? "PrcbData" : "Prcb", &in))
        return true;
    uint64_t pcr = w->prcb[n] - in.offset;
    put_gates(w, n, idt);
    forge_world_handler_stacks(w, tss);
    put_segments(w, gdt, pcr, tss);
    forge_world_set(w, "_KPCR", pcr, "IdtBase|IDT", idt);
    forge_world_set(w, "_KPCR", pcr, "GdtBase|GDT", gdt);
    forge_world_set(w, "_KPCR", pcr, "TssBase|TSS", tss);
    forge_world_set(w, "_KPCR", pcr, "KdVersionBlock", global(w, "KdVersionBlock"));
    return put_special(w, n, pcr, idt, gdt);
}

/* ---- shared data ---- */

enum { TICK = 156250 }; /* what TickCountMultiplier says: 0x0fa00000 of 2^-24 ms */

/* KSYSTEM_TIME: low, high, high again. */
static void put_time(struct forge_world *w, uint64_t at, uint64_t time) {
    put(w, at, 8, time);
    put(w, at + 8, 4, time >> 32);
}

static void put_shared(struct forge_world *w) {
    uint64_t at = w->is32 ? 0xffdf0000 : 0xfffff78000000000;
    const struct forge_scenario *s = w->s;
    unsigned build = s->os.build;
    bool xp64 = build == 3790;
    size_t size;
    const uint8_t *root = forge_world_utf16(w, "C:\\Windows", &size);
    unsigned major = build >= 10240 ? 10 : build >= 6000 ? 6 : 5;
    unsigned minor = major == 10     ? 0
                     : build >= 9600 ? 3
                     : build >= 9200 ? 2
                     : build >= 7600 ? 1
                     : build >= 6000 ? 0
                     : xp64          ? 2
                                     : 1;
    forge_memmap_fill(&w->mem, at, forge_world_sizeof(w, "_KUSER_SHARED_DATA"));
    put(w, at + 4, 4, 0x0fa00000);
    if (build >= 3790)
        put_time(w, at + 0x320, s->uptime / TICK);
    else
        put(w, at, 4, s->uptime / TICK);
    put_time(w, at + 8, s->uptime);
    put_time(w, at + 0x14, s->time);
    forge_world_put(w, 0, at + 0x30, root, size);
    if (major == 10)
        put(w, at + 0x260, 4, build);
    put(w, at + 0x264, 4, s->os.product ? s->os.product : 1);
    put(w, at + 0x268, 1, 1);
    put(w, at + 0x26c, 4, major);
    put(w, at + 0x270, 4, minor);
    put(w, at + 0x2d0, 4, 0x110);
    put(w, at + 0x2e8, 4, forge_physmem_pages(w->phys));
}

static bool put_low_stub(struct forge_world *w) {
    uint64_t pa = forge_physmem_alloc_low(w->phys, FORGE_FRAME, FORGE_FRAME, 0x100000);
    const uint64_t parts[][2] = {{0, 0x00000001000600e9},
                                 {0x70, global(w, "KiSystemStartup") & ~3ull},
                                 {0xa0, forge_mmu_root(w->mmu, 0)}};
    uint8_t bytes[8];
    if (!pa)
        return forge_wrong(w->s, 0, "no room below 1 MB");
    forge_physmem_zero(w->phys, pa, FORGE_FRAME);
    for (unsigned i = 0; i < 3; i++) {
        for (unsigned k = 0; k < 8; k++)
            bytes[k] = (uint8_t)(parts[i][1] >> 8 * k);
        forge_physmem_write(w->phys, pa + parts[i][0], bytes, 8);
    }
    return true;
}

bool forge_world_low(struct forge_world *w) {
    for (unsigned n = 0; n < w->ncpus; n++)
        if (!put_processor(w, n))
            return false;
    put_shared(w);
    return (w->is32 || put_low_stub(w)) && !forge_is_wrong(w->s);
}
