/* SPDX-License-Identifier: MIT */
/*
 * VMware: memory in a .vmem, the machine's state in a .vmss beside it (or both in the .vmss).
 *
 * .vmem: RAM from 0 up to the hole below 4 GB, and directly behind it what lies above 4 GB.
 *
 * .vmss: +0x00 u32 bed2bed2 (the low 4 bits: 2, sizes have 64 bits)  +0x04 u32 8  +0x08 u32 groups
 *        +0x0c groups of 80 bytes: char name[64], u64 offset, u64 size
 *   a group is a row of tags: u8 flags, u8 length of the name, name, indices (u32 each, as many as
 *   bits 6 and 7 of the flags say), data: as many bytes as bits 0 … 5 say, or (63; compressed: 62)
 *   u64 size in the file, u64 size in memory, u16 padding, padding, data; two zero bytes end it
 *
 * Groups: "Checkpoint" memSize (MB); "cpu" CR64[processor][register]; "memory" regionsCount, for
 * each region regionPageNum (in the .vmem), regionPPN, regionSize (pages), and with the memory
 * inside Memory[0][0]. What a real one has besides is left out: nobody describes it.
 *
 * Learnt from: Volatility, LeechCore, VMware's published header of these files.
 */
#include <string.h>

#include "forge/whole_impl.h"

enum { GROUPS = 3, GROUP = 80, BIG = 63 }; /* 62 would be a compressed block */
#define FOUR_GB 0x100000000ull

/* Where the RAM above 4 GB lies in the .vmem: behind the end of what is below, holes included. */
static uint64_t low_end(const struct forge_whole *w) {
    const struct forge_ram *run;
    size_t n = forge_physmem_runs(w->mem, &run);
    uint64_t low = 0;
    for (size_t i = 0; i < n; i++)
        if (run[i].start < FOUR_GB)
            low = run[i].start + run[i].size;
    /* Virtual machines have all RAM below the hole; the firmware's part of it is not Windows'. */
    return n && forge_physmem_end(w->mem) > FOUR_GB ? 0xc0000000ull : low;
}

static void put_ram(const struct forge_whole *w, struct forge_stream *s) {
    const struct forge_ram *run;
    size_t n = forge_physmem_runs(w->mem, &run);
    uint64_t base = s->at, low = low_end(w);
    for (size_t i = 0; i < n; i++) {
        bool above = run[i].start >= FOUR_GB;
        forge_stream_to(s, base + (above ? run[i].start - FOUR_GB + low : run[i].start));
        forge_stream_memory(s, w->mem, run[i].start, run[i].size);
    }
}

static uint64_t ram_size(const struct forge_whole *w) {
    uint64_t end = forge_physmem_end(w->mem);
    return end > FOUR_GB ? end - FOUR_GB + low_end(w) : end;
}

void whole_write_vmem(const struct forge_whole *w, struct forge_stream *s) { put_ram(w, s); }

/* ---- tags ---- */

static void put_head(struct forge *f, unsigned size, const char *name, unsigned nindices,
                     const uint32_t *index) {
    forge_u8(f, (uint8_t)(size | nindices << 6));
    forge_u8(f, (uint8_t)strlen(name));
    forge_put(f, name, strlen(name));
    for (unsigned i = 0; i < nindices; i++)
        forge_u32(f, index[i]);
}

static void put_tag(struct forge *f, const char *name, unsigned nindices, uint32_t first,
                    uint32_t second, unsigned width, uint64_t value) {
    const uint32_t index[] = {first, second};
    put_head(f, width, name, nindices, index);
    forge_uint(f, width, value);
}

static void put_cpus(struct forge *f, const struct forge_whole *w) {
    for (uint32_t i = 0; i < w->ncpus; i++) {
        const struct forge_whole_cpu *c = &w->cpu[i];
        const uint64_t cr[5] = {c->cr0, 0, c->cr2, c->cr3, c->cr4};
        for (uint32_t k = 0; k < 5; k++)
            put_tag(f, "CR64", 2, i, k, 8, cr[k]);
    }
    forge_u16(f, 0);
}

static void put_regions(struct forge *f, const struct forge_whole *w) {
    uint64_t low = low_end(w), high = forge_physmem_end(w->mem);
    bool two = high > FOUR_GB;
    put_tag(f, "regionsCount", 0, 0, 0, 4, two ? 2 : 1);
    put_tag(f, "regionPageNum", 1, 0, 0, 4, 0);
    put_tag(f, "regionPPN", 1, 0, 0, 4, 0);
    put_tag(f, "regionSize", 1, 0, 0, 4, low / FORGE_FRAME);
    if (two) {
        put_tag(f, "regionPageNum", 1, 1, 0, 4, low / FORGE_FRAME);
        put_tag(f, "regionPPN", 1, 1, 0, 4, FOUR_GB / FORGE_FRAME);
        put_tag(f, "regionSize", 1, 1, 0, 4, (high - FOUR_GB) / FORGE_FRAME);
    }
}

/* The head of the tag whose data is all memory, padded so that the data begins on a page. */
static void put_memory_head(struct forge *f, uint64_t size) {
    const uint32_t index[] = {0, 0};
    put_head(f, BIG, "Memory", 2, index);
    forge_u64(f, size);
    forge_u64(f, size);
    uint64_t pad = FORGE_FRAME - (forge_here(f) + 2) % FORGE_FRAME;
    forge_u16(f, (uint16_t)pad);
    forge_fill(f, 0, (size_t)pad);
}

static void begin_group(struct forge *f, unsigned number, const char *name) {
    uint64_t at = 12 + (uint64_t)number * GROUP;
    forge_poke_bytes(f, at, name, strlen(name));
    forge_poke(f, at + 64, 8, forge_here(f));
}

static void end_group(struct forge *f, unsigned number, uint64_t more) {
    uint64_t at = 12 + (uint64_t)number * GROUP, start = 0;
    for (unsigned i = 0; i < 8 && !f->failed; i++)
        start |= (uint64_t)f->data[at + 64 + i] << 8 * i;
    forge_poke(f, at + 72, 8, forge_here(f) + more - start);
}

void whole_write_vmss(const struct forge_whole *w, struct forge_stream *s, bool in_it) {
    uint64_t size = ram_size(w);
    struct forge f;
    forge_init(&f);
    forge_u32(&f, 0xbed2bed2);
    forge_u32(&f, 8);
    forge_u32(&f, GROUPS);
    forge_fill(&f, 0, (size_t)GROUPS * GROUP);
    begin_group(&f, 0, "Checkpoint");
    put_tag(&f, "memSize", 0, 0, 0, 4, (size + 0xfffff) >> 20);
    forge_u16(&f, 0);
    end_group(&f, 0, 0);
    begin_group(&f, 1, "cpu");
    put_cpus(&f, w);
    end_group(&f, 1, 0);
    begin_group(&f, 2, "memory");
    put_regions(&f, w);
    if (in_it) {
        put_memory_head(&f, size);
        end_group(&f, 2, size + 2);
        forge_stream_part(s, &f);
        put_ram(w, s);
        forge_stream_put(s, "\0", 2);
        return;
    }
    forge_u16(&f, 0);
    end_group(&f, 2, 0);
    forge_stream_part(s, &f);
}
