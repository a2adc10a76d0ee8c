/* SPDX-License-Identifier: MIT */
/*
 * Kernel dump files of whole memory: a header of 0x1000 (32-bit) or 0x2000 bytes, then
 *
 *   1 FULL      the pages of the header's runs, one after the other
 *
 *   2 SUMMARY   +0x00 u32 "SDMP"  +0x04 u32 "DUMP"  +0x08 u32 options (1: kernel addresses)
 *               +0x0c u32 offset of the first page   +0x10 u32 bits   +0x14 u32 pages
 *               RTL_BITMAP: +0x18 u32 bits, then a pointer (+0x1c / +0x20), then the bits
 *               (+0x20 / +0x28); the pages whose bits are set, in order
 *
 *   5, 6, 7     +0x00 u32 "FDMP" (5) or "SDMP"  +0x04 u32 "DUMP"  +0x08 24 bytes (zeros here)
 *   BITMAP      +0x20 u64 offset of the first page  +0x28 u64 pages  +0x30 u64 bits
 *               +0x38 the bits; then the pages whose bits are set
 *               32-bit dumps of these types: the same behind 0x1000 bytes (guessed: nobody
 *               describes one)
 *
 *   8, 9, A     +0x00 u32 0x40  +0x04 u32 "RDMP"  +0x08 u32 "DUMP"  +0x0c u32 0
 *   RDMP        +0x10 u64 size of what describes the pages: first page - 0x2020
 *               +0x18 u64 offset of the first page
 *               +0x20 A: u32 ranges, u16 0, u16 0, u64 pages; 8 and 9: 16 bytes (zeros here)
 *               +0x30 {u64 frame, u64 count} …, ended by zeros
 *
 * Learnt from: kdmp-parser, LeechCore, Volatility, win32metadata, QEMU (headers); a real complete
 * dump's first pages. Of the header's filler see forge/triage.c.
 */
#include <stdlib.h>
#include <string.h>

#include "forge/whole_impl.h"

enum { SUMMARY_KERNEL = 1, RUNS64 = 43, RUNS32 = 86, BITS_AT = 0x38, RDMP_RANGES = 0x30 };
#define DUMP 0x504d5544u
#define SDMP 0x504d4453u
#define FDMP 0x504d4446u
#define RDMP 0x504d4452u

static uint32_t header_size(const struct forge_whole *w) { return w->is32 ? 0x1000 : 0x2000; }

static void set(const struct forge_whole *w, struct forge *f, const char *name, uint64_t value) {
    uint64_t at;
    unsigned width;
    if (forge_triage_field(w->is32, name, &at, &width))
        forge_poke(f, at, width, value);
    else
        forge_fail(f, "no field \"%s\" in the header", name);
}

static void set_unless_zero(const struct forge_whole *w, struct forge *f, const char *name,
                            uint64_t value) {
    if (value)
        set(w, f, name, value);
}

static void put_exception(const struct forge_whole *w, struct forge *f) {
    const struct forge_exception *e = w->exception;
    unsigned ptr = w->is32 ? 4 : 8;
    if (!e)
        return;
    set(w, f, "ExceptionCode", e->code);
    set(w, f, "ExceptionFlags", e->flags);
    set(w, f, "ExceptionRecord", e->record);
    set(w, f, "ExceptionAddress", e->address);
    set(w, f, "NumberParameters", e->nparams);
    for (unsigned i = 0; i < e->nparams && i < 15; i++)
        forge_poke(f, (w->is32 ? 0x7e4 : 0xf20) + (uint64_t)i * ptr, ptr, e->param[i]);
}

/* PHYSICAL_MEMORY_DESCRIPTOR of the header. */
static void put_runs(const struct forge_whole *w, struct forge *f) {
    const struct forge_ram *run;
    size_t n = forge_physmem_runs(w->mem, &run);
    unsigned ptr = w->is32 ? 4 : 8;
    uint64_t at = w->is32 ? 0x6c : 0x98;
    if (n > (w->is32 ? RUNS32 : RUNS64)) {
        forge_fail(f, "%zu runs of memory do not fit into the header", n);
        return;
    }
    set(w, f, "NumberOfRuns", n);
    set(w, f, "NumberOfPages", forge_physmem_pages(w->mem));
    for (size_t i = 0; i < n; i++) {
        forge_poke(f, at + i * 2 * ptr, ptr, run[i].start / FORGE_FRAME);
        forge_poke(f, at + (i * 2 + 1) * ptr, ptr, run[i].size / FORGE_FRAME);
    }
}

static void put_texts(const struct forge_whole *w, struct forge *f) {
    char text[128] = {0};
    forge_poke_bytes(f, w->is32 ? 0x3c : 0x60, text, 32);
    if (w->comment)
        memcpy(text, w->comment, strlen(w->comment) < 128 ? strlen(w->comment) : 128);
    forge_poke_bytes(f, w->is32 ? 0x820 : 0xfb0, text, sizeof text);
}

void whole_header(const struct forge_whole *w, struct forge *f, uint32_t type, uint64_t space,
                  bool with_runs) {
    static const char *const args[] = {"BugCheckParameter1", "BugCheckParameter2",
                                       "BugCheckParameter3", "BugCheckParameter4"};
    forge_pattern(f, FORGE_PAGE, header_size(w));
    set(w, f, "ValidDump", w->is32 ? DUMP : 0x34365544);
    set(w, f, "MajorVersion", w->major ? w->major : 15);
    set(w, f, "MinorVersion", w->build);
    set(w, f, "DirectoryTableBase", w->dtb);
    set(w, f, "PfnDataBase", w->pfn_database);
    set(w, f, "PsLoadedModuleList", w->loaded_module_list);
    set(w, f, "PsActiveProcessHead", w->active_process_head);
    set(w, f, "MachineImageType", w->machine);
    set(w, f, "NumberProcessors", w->ncpus ? w->ncpus : 1);
    set(w, f, "BugCheckCode", w->bugcheck);
    for (unsigned i = 0; i < 4; i++)
        set(w, f, args[i], w->arg[i]);
    set(w, f, "KdDebuggerDataBlock", w->debugger_data);
    if (w->is32)
        set(w, f, "PaeEnabled", w->pae);
    set(w, f, "DumpType", type);
    set(w, f, "RequiredDumpSpace", space);
    set_unless_zero(w, f, "SystemTime", w->time);
    set_unless_zero(w, f, "SystemUpTime", w->uptime);
    set_unless_zero(w, f, "ProductType", w->product_type);
    set_unless_zero(w, f, "SuiteMask", w->suite_mask);
    put_texts(w, f);
    if (w->context)
        forge_poke_bytes(f, w->is32 ? 0x320 : 0x348, w->context, w->context_size);
    put_exception(w, f);
    if (with_runs)
        put_runs(w, f);
    for (size_t i = 0; i < w->npatches; i++) {
        if (w->patch[i].name)
            set(w, f, w->patch[i].name, w->patch[i].value);
        else
            forge_poke(f, w->patch[i].offset, w->patch[i].width, w->patch[i].value);
    }
}

static void put_pages(const struct forge_whole *w, struct forge_stream *s) {
    const struct forge_ram *run;
    size_t n = whole_runs(w, &run);
    for (size_t i = 0; i < n; i++)
        forge_stream_memory(s, w->mem, run[i].start, run[i].size);
}

/* Secondary data: "DumpBlob", u32 0x10, u32 build; then each with a head (src/dump/kdump_blobs.c).
 */
static void put_blobs(const struct forge_whole *w, struct forge_stream *s) {
    struct forge f;
    if (!w->nblobs)
        return;
    forge_init(&f);
    forge_put(&f, "DumpBlob", 8);
    forge_u32(&f, 0x10);
    forge_u32(&f, w->build);
    for (size_t i = 0; i < w->nblobs; i++) {
        const struct forge_blob *b = &w->blob[i];
        forge_u32(&f, 0x20);
        forge_put(&f, b->guid, 16);
        forge_u32(&f, b->size);
        forge_u32(&f, b->pre);
        forge_u32(&f, b->post);
        forge_fill(&f, 0, b->pre);
        forge_put(&f, b->data, b->size);
        forge_fill(&f, 0, b->post);
    }
    forge_stream_part(s, &f);
}

void whole_write_full(const struct forge_whole *w, struct forge_stream *s) {
    struct forge f;
    forge_init(&f);
    whole_header(w, &f, 1, header_size(w) + forge_physmem_pages(w->mem) * FORGE_FRAME, true);
    forge_stream_part(s, &f);
    put_pages(w, s);
    put_blobs(w, s);
}

/* A bitmap of the kept runs; free() it. */
static uint8_t *make_bits(const struct forge_whole *w, uint64_t bits) {
    const struct forge_ram *run;
    size_t n = whole_runs(w, &run);
    uint8_t *map = calloc((size_t)(bits / 8 + 8), 1);
    if (!map)
        abort();
    for (size_t i = 0; i < n; i++) {
        uint64_t pfn = run[i].start / FORGE_FRAME, last = pfn + run[i].size / FORGE_FRAME;
        for (; pfn < last && pfn % 8; pfn++)
            map[pfn / 8] |= (uint8_t)(1 << pfn % 8);
        for (; pfn + 8 <= last; pfn += 8)
            map[pfn / 8] = 0xff;
        for (; pfn < last; pfn++)
            map[pfn / 8] |= (uint8_t)(1 << pfn % 8);
    }
    return map;
}

/* Bits for all frames up to the last one of RAM, in whole 32-bit words. */
static uint64_t count_bits(const struct forge_whole *w) {
    return (forge_physmem_end(w->mem) / FORGE_FRAME + 31) & ~31ull;
}

static uint64_t up(uint64_t v) { return (v + FORGE_FRAME - 1) & ~(uint64_t)(FORGE_FRAME - 1); }

void whole_write_summary(const struct forge_whole *w, struct forge_stream *s) {
    const struct forge_ram *run;
    size_t n = whole_runs(w, &run);
    uint64_t pages = whole_run_pages(run, n), bits = count_bits(w);
    uint32_t at = header_size(w), buffer = w->is32 ? 0x20 : 0x28;
    uint64_t first = up(at + buffer + bits / 8);
    uint8_t *map = make_bits(w, bits);
    struct forge f;
    forge_init(&f);
    whole_header(w, &f, 2, first + pages * FORGE_FRAME, true);
    forge_u32(&f, SDMP);
    forge_u32(&f, DUMP);
    forge_u32(&f, SUMMARY_KERNEL);
    forge_u32(&f, (uint32_t)first);
    forge_u32(&f, (uint32_t)bits);
    forge_u32(&f, (uint32_t)pages);
    forge_u32(&f, (uint32_t)bits);
    forge_pad_to(&f, at + buffer);
    forge_put(&f, map, (size_t)(bits / 8));
    forge_pad_to(&f, first);
    free(map);
    forge_stream_part(s, &f);
    put_pages(w, s);
}

static uint32_t bitmap_type(enum forge_whole_kind kind) {
    return kind == FORGE_WHOLE_BITMAP ? 5 : kind == FORGE_WHOLE_AUTOMATIC ? 7 : 6;
}

void whole_write_bitmap(const struct forge_whole *w, struct forge_stream *s) {
    const struct forge_ram *run;
    size_t n = whole_runs(w, &run);
    uint64_t pages = whole_run_pages(run, n), bits = count_bits(w);
    uint64_t first = up(header_size(w) + BITS_AT + bits / 8);
    uint8_t *map = make_bits(w, bits);
    struct forge f;
    forge_init(&f);
    whole_header(w, &f, bitmap_type(w->kind), first + pages * FORGE_FRAME, false);
    forge_u32(&f, w->kind == FORGE_WHOLE_BITMAP ? FDMP : SDMP);
    forge_u32(&f, DUMP);
    forge_fill(&f, 0, 24);
    forge_u64(&f, first);
    forge_u64(&f, pages);
    forge_u64(&f, bits);
    forge_put(&f, map, (size_t)(bits / 8));
    forge_pad_to(&f, first);
    free(map);
    forge_stream_part(s, &f);
    put_pages(w, s);
    put_blobs(w, s);
}

void whole_write_rdmp(const struct forge_whole *w, struct forge_stream *s) {
    const struct forge_ram *run;
    size_t n = whole_runs(w, &run);
    uint64_t at = header_size(w), pages = whole_run_pages(run, n);
    uint64_t first = up(at + RDMP_RANGES + (n + 1) * 16);
    bool all = w->kind == FORGE_WHOLE_RDMP_F;
    struct forge f;
    forge_init(&f);
    whole_header(w, &f,
                 all                             ? 0xa
                 : w->kind == FORGE_WHOLE_RDMP_K ? 8
                                                 : 9,
                 first + pages * FORGE_FRAME, false);
    forge_u32(&f, 0x40);
    forge_u32(&f, RDMP);
    forge_u32(&f, DUMP);
    forge_u32(&f, 0);
    forge_u64(&f, first - 0x2020);
    forge_u64(&f, first);
    forge_u64(&f, all ? n : 0);
    forge_u64(&f, all ? pages : 0);
    for (size_t i = 0; i < n; i++) {
        forge_u64(&f, run[i].start / FORGE_FRAME);
        forge_u64(&f, run[i].size / FORGE_FRAME);
    }
    forge_pad_to(&f, first);
    forge_stream_part(s, &f);
    put_pages(w, s);
}
