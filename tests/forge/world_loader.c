/* SPDX-License-Identifier: MIT */
/*
 * The lists of the kernel's loader in memory: PsLoadedModuleList with a _KLDR_DATA_TABLE_ENTRY for
 * each driver (its offsets are the same in every Windows of one word size), MmUnloadedDrivers, and
 * MmPhysicalMemoryBlock.
 */
#include <string.h>

#include "forge/world.h"

enum { UNLOADED_MOST = 50 };

static const struct kldr {
    uint32_t base, entry, size, full, name, flags, count, checksum, whole;
} kldr64 = {0x30, 0x38, 0x40, 0x48, 0x58, 0x68, 0x6c, 0x78, 0xa0},
  kldr32 = {0x18, 0x1c, 0x20, 0x24, 0x2c, 0x34, 0x38, 0x40, 0x5c};

static uint64_t global(const struct forge_world *w, const char *name) {
    const struct forge_wsymbol *s = forge_world_symbol(w, w->nt, name);
    return s ? s->addr : 0;
}

static void put(struct forge_world *w, uint64_t addr, unsigned width, uint64_t value) {
    forge_world_put_uint(w, 0, addr, width, value);
}

/*
 * POOL_HEADER: in units of 16 (8) bytes, size of the block before at +0, block size at +2; x86
 * packs 9 and 7 bits; tag at +4. A block in use says its pool's type, up to Server 2003 plus 1.
 */
void forge_world_pool_header(struct forge_world *w, uint64_t at, uint64_t size, uint64_t before,
                             const char *tag) {
    unsigned unit = w->ptr_size * 2, bits = w->is32 ? 9 : 8;
    uint64_t mask = (1u << bits) - 1, type = !*tag ? 0 : w->s->os.build < 6000 ? 1 : 2;
    put(w, at, 2, before / unit & mask);
    put(w, at + 2, 2, ((size + unit - 1) / unit & mask) | type << bits);
    forge_world_put(w, 0, at + 4, *tag ? tag : "Free", 4);
}

uint64_t forge_world_pool(struct forge_world *w, uint64_t size, const char *tag) {
    unsigned unit = w->ptr_size * 2, header = unit;
    uint64_t at = forge_world_spare(w, header + size, unit);
    forge_world_pool_header(w, at, header + size, 0, tag);
    return at + header;
}

uint64_t forge_world_body(struct forge_world *w, uint32_t size, const char *type, const char *tag) {
    struct forge_place body = {0};
    bool has = forge_world_offset(w, "_OBJECT_HEADER", "Body", &body);
    unsigned unit = w->ptr_size * 2;
    /* Readers count from a block's end, too: bodies end with it. */
    uint64_t room = body.offset + ((uint64_t)size + unit - 1) / unit * unit;
    uint64_t at = forge_world_pool(w, room, forge_world_object_tag(w, tag)) + body.offset;
    if (has)
        *FORGE_PUSH(w->pool, &w->bodies) = (struct forge_wbody){at, type, size, NULL};
    return at;
}

const char *forge_world_object_tag(const struct forge_world *w, const char *tag) {
    char *marked = forge_pool_text(w->pool, tag, 4);
    if (w->s->os.build < 9200)
        marked[3] = (char)((unsigned char)marked[3] | 0x80);
    return marked;
}

/* UNICODE_STRING at AT with TEXT anywhere. */
static void put_string(struct forge_world *w, uint64_t at, const char *text) {
    size_t size;
    const uint8_t *units = forge_world_utf16(w, text, &size);
    uint64_t buffer = forge_world_spare(w, size + 2, 8);
    forge_world_put(w, 0, buffer, units, size);
    put(w, at, 2, size);
    put(w, at + 2, 2, size + 2);
    put(w, at + w->ptr_size, w->ptr_size, buffer);
}

static uint64_t put_entry(struct forge_world *w, const struct forge_wmodule *m) {
    const struct kldr *k = w->is32 ? &kldr32 : &kldr64;
    uint64_t at = forge_world_pool(w, k->whole, "MmLd");
    put(w, at + k->base, w->ptr_size, m->base);
    put(w, at + k->entry, w->ptr_size, m->base);
    put(w, at + k->size, 4, m->size);
    put_string(w, at + k->full, m->path);
    put_string(w, at + k->name, m->image);
    put(w, at + k->flags, 4, 0x09104000);
    put(w, at + k->count, 2, 1);
    put(w, at + k->checksum, 4, m->checksum);
    /* Later systems keep the time stamp here; before, it is in the image alone. */
    forge_world_set(w, "_KLDR_DATA_TABLE_ENTRY", at, "TimeDateStamp", m->stamp);
    forge_world_set(w, "_KLDR_DATA_TABLE_ENTRY", at, "SizeOfImageNotRounded", m->size);
    return at;
}

static void put_modules(struct forge_world *w) {
    uint64_t head = global(w, "PsLoadedModuleList"), before = head;
    for (int pass = 0; pass < 2; pass++) /* the kernel comes first */
        for (size_t i = 0; i < w->modules.count; i++) {
            const struct forge_wmodule *m = &w->modules.item[i];
            if ((m == w->nt) != (pass == 0) || forge_world_is_user_module(w, m))
                continue;
            uint64_t at = put_entry(w, m);
            put(w, before, w->ptr_size, at);
            put(w, at + w->ptr_size, w->ptr_size, before);
            before = at;
        }
    put(w, before, w->ptr_size, head);
    put(w, head + w->ptr_size, w->ptr_size, before);
}

/* The debugger shows the latest first, so the first line of the scenario is the latest. */
static void put_unloaded(struct forge_world *w) {
    size_t n = w->s->unloaded.count < UNLOADED_MOST ? w->s->unloaded.count : UNLOADED_MOST;
    uint32_t size = w->is32 ? 0x18 : 0x28;
    uint64_t array = forge_world_pool(w, (uint64_t)UNLOADED_MOST * size, "MmDT");
    for (size_t i = 0; i < n; i++) {
        const struct forge_scn_unloaded *u = &w->s->unloaded.item[i];
        uint64_t at = array + (n - 1 - i) * size;
        put_string(w, at, u->name);
        put(w, at + 2 * w->ptr_size, w->ptr_size, u->start);
        put(w, at + 3 * w->ptr_size, w->ptr_size, u->end);
        put(w, at + 4 * w->ptr_size, 8, w->s->time ? w->s->time - i - 1 : 0);
    }
    put(w, global(w, "MmUnloadedDrivers"), w->ptr_size, array);
    put(w, global(w, "MmLastUnloadedDriver"), 4, n);
}

/* PHYSICAL_MEMORY_DESCRIPTOR: u32 runs, pages, {first frame, frames} …, pointer-sized each. */
static void put_memory(struct forge_world *w) {
    const struct forge_ram *run;
    size_t n = forge_physmem_runs(w->phys, &run);
    unsigned ptr = w->ptr_size;
    uint64_t at = forge_world_pool(w, (2 + 2 * n) * ptr, "MmPm");
    uint64_t pages = forge_physmem_pages(w->phys);
    put(w, at, 4, n);
    put(w, at + ptr, ptr, pages);
    for (size_t i = 0; i < n; i++) {
        put(w, at + (2 + 2 * i) * ptr, ptr, run[i].start / FORGE_FRAME);
        put(w, at + (3 + 2 * i) * ptr, ptr, run[i].size / FORGE_FRAME);
    }
    put(w, global(w, "MmPhysicalMemoryBlock"), ptr, at);
    put(w, global(w, "MmNumberOfPhysicalPages"), ptr, pages);
    put(w, global(w, "MmLowestPhysicalPage"), ptr, run[0].start / FORGE_FRAME);
    put(w, global(w, "MmHighestPhysicalPage"), ptr, forge_physmem_end(w->phys) / FORGE_FRAME - 1);
}

static void put_bounds(struct forge_world *w) {
    bool w81 = w->s->os.build >= 9600;
    uint64_t highest = w->is32 ? 0x7ffeffff : w81 ? 0x7ffffffeffff : 0x7fffffeffff;
    put(w, global(w, "MmHighestUserAddress"), w->ptr_size, highest);
    put(w, global(w, "MmUserProbeAddress"), w->ptr_size, w->is32 ? 0x7fff0000 : highest + 1);
    put(w, global(w, "MmSystemRangeStart"), w->ptr_size,
        w->is32 ? 0x80000000
        : w81   ? 0xffff800000000000
                : 0xffff080000000000);
    if (!w->is32 && w->s->os.build >= 14393)
        put(w, global(w, "MmPteBase"), 8, forge_mmu_entry_va(w->mmu, 0, 0));
    static const uint16_t protect[32] = {1, 2,     0x10,  0x20,  4,     8,     0x40,  0x80,
                                         1, 0x202, 0x210, 0x220, 0x204, 0x208, 0x240, 0x280,
                                         1, 0x102, 0x110, 0x120, 0x104, 0x108, 0x140, 0x180,
                                         1, 0x402, 0x410, 0x420, 0x404, 0x408, 0x440, 0x480};
    for (unsigned i = 0; i < 32; i++)
        put(w, global(w, "MmProtectToValue") + 4 * i, 4, protect[i]);
    if (global(w, "MiState"))
        forge_world_set(w, "_MI_SYSTEM_INFORMATION", global(w, "MiState"),
                        "Hardware.InvalidPteMask", w->soft.swizzle_mask);
}

bool forge_world_loader(struct forge_world *w) {
    put_modules(w);
    put_unloaded(w);
    put_memory(w);
    put_bounds(w);
    return !forge_is_wrong(w->s);
}
