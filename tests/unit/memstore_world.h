/* SPDX-License-Identifier: MIT */
/*
 * Made machines with a memory store, of each build whose offsets are known, written here a second
 * time from the published tables; sound ones, and ones with something wrong.
 */
#ifndef STOPCODE_UNIT_MEMSTORE_WORLD_H
#define STOPCODE_UNIT_MEMSTORE_WORLD_H

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fake_symbols.h"
#include "forge/scenario.h"
#include "nt/memstore.h"

enum { PAGE = 0x1000, TEXT = 0x4000, SYMBOL = 0x7f0000, PARTITION = 0x700000 };

struct row {
    uint32_t build;
    bool x86;
    uint32_t reads_as; /* a later build of the same structures, 0 the build itself */
    unsigned algorithm, regions, owner;
};
static const struct row memstore_rows[] = {
    {14393, false, 0, 0x420, 0x17a8, 0x1918},     {15063, false, 0, 0x420, 0x1828, 0x1988},
    {16299, false, 0, 0x430, 0x1848, 0x19a8},     {17134, false, 0, 0x430, 0x1848, 0x19a8},
    {17763, false, 0, 0x430, 0x1848, 0x19a8},     {18362, false, 0, 0x430, 0x1848, 0x19a8},
    {19041, false, 0, 0x430, 0x1848, 0x19b8},     {22000, false, 0, 0x430, 0x1848, 0x19b8},
    {22000, false, 22621, 0x430, 0x1848, 0x19b8}, {19041, true, 0, 0x25c, 0x1184, 0x125c},
};
enum { MEMSTORE_ROWS = sizeof memstore_rows / sizeof *memstore_rows, MEMSTORE_PLAIN = 6 };

/* What is wrong with a store. */
enum damage {
    SOUND,
    TREE_IN_A_CIRCLE,
    TREE_TOO_LONG,
    NO_SUCH_SHIFT,
    HEAD_TOO_LONG,
    RECORD_IS_SHARED,
    REGION_IS_NONE,
    REGION_IS_THE_KERNELS,
    PACKED_OTHERWISE,
    PACKED_TOO_LONG,
    OWNER_IS_ANOTHER,
    DAMAGES
};

static inline void need(bool good, const char *what) {
    if (good)
        return;
    fprintf(stderr, "the made machine: %s\n", what);
    abort();
}

struct text {
    char buf[TEXT];
    size_t len;
    bool x86;
};

static inline void say(struct text *t, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    t->len += (size_t)vsnprintf(t->buf + t->len, sizeof t->buf - t->len, fmt, ap);
    va_end(ap);
    need(t->len < sizeof t->buf, "text");
}

static inline void number(struct text *t, uint64_t at, unsigned size, uint64_t value) {
    say(t, "memory %llx ", (unsigned long long)at);
    for (unsigned i = 0; i < size; i++)
        say(t, "%02x", (unsigned)(value >> 8 * i) & 0xff);
    say(t, "\n");
}

static inline void pointer(struct text *t, uint64_t at, uint64_t value) {
    number(t, at, t->x86 ? 4 : 8, value);
}

static inline uint64_t base_of(const struct row *r) {
    return r->x86 ? 0x82000000 : 0xfffff80400000000;
}
/* Pool: everything of the store's. */
static inline uint64_t pool(const struct row *r, uint64_t offset) {
    return (r->x86 ? 0x94000000 : 0xffffc00f00000000) + offset;
}

static inline void machine(struct text *t, const struct row *r) {
    uint64_t nt = base_of(r);
    say(t, "os %u\ncpu %s\ndump full\nram 24M\nmodule nt %llx +800000\n", r->build,
        r->x86 ? "x86" : "x64", (unsigned long long)nt);
    say(t, "process System %llx pid 4\n", (unsigned long long)pool(r, 0x10000));
    say(t, "process MemCompression %llx pid 7c\n", (unsigned long long)pool(r, 0x20000));
    /* The built-in layouts of some builds lack the visible part of the partition. */
    if (r->x86 || (r->build > 14393 && r->build < 17763)) {
        say(t, "struct _MI_PARTITION %llx Store.VirtualPageFileNumber=2 Store.Registered=1\n",
            (unsigned long long)nt + PARTITION);
        return;
    }
    say(t,
        "struct _MI_PARTITION %llx Vp.NumberOfPagingFiles=2 Vp.PagingFile[0]=%llx "
        "Vp.PagingFile[1]=%llx\n",
        (unsigned long long)nt + PARTITION, (unsigned long long)pool(r, 0x30000),
        (unsigned long long)pool(r, 0x30200));
    say(t, "struct _MMPAGING_FILE %llx PageFileNumber=0\n", (unsigned long long)pool(r, 0x30000));
    say(t, "struct _MMPAGING_FILE %llx PageFileNumber=2 VirtualStorePagefile=1\n",
        (unsigned long long)pool(r, 0x30200));
}

/* A tree of one leaf: pages 51 to 53 of page file 2. */
static inline void leaf(struct text *t, const struct row *r, uint64_t at, const uint32_t value[3],
                        enum damage damage) {
    unsigned head = r->x86 ? 8 : 16;
    bool circle = damage == TREE_IN_A_CIRCLE;
    number(t, at, 4, (damage == TREE_TOO_LONG ? 0xffff : 3) | (circle ? 0 : 0x1000000));
    pointer(t, at + head / 2, circle ? at : 0);
    for (unsigned i = 0; i < 3; i++)
        number(t, at + head + 8 * i, 8, 0x20000051 + i + ((uint64_t)value[i] << 32));
}

/* Chunk 1 is the first of the first pointer's. */
static inline void records(struct text *t, const struct row *r, uint64_t store,
                           enum damage damage) {
    uint64_t at = store + (r->x86 ? 0xa4 : 0x110), behind = at + (r->x86 ? 0x88 : 0x108);
    uint64_t head = pool(r, 0x51020);
    pointer(t, at, pool(r, 0x50000));
    pointer(t, pool(r, 0x50000), pool(r, 0x51000));
    number(t, behind, 4, damage == NO_SUCH_SHIFT ? 40 : 7);
    number(t, behind + 4, 4, 0x7f);
    number(t, behind + 8, 4, 0x10);
    number(t, behind + 16, 4, damage == HEAD_TOO_LONG ? 0x1001 : 0x20);
    number(t, head, 8, (damage == RECORD_IS_SHARED ? 0xffffffff : 0x10) | 34ull << 32);
    number(t, head + 0x10, 8, 0x10000 | 0x1000ull << 32);
    number(t, head + 0x20, 8, 0);
}

static inline void regions(struct text *t, const struct row *r, uint64_t store,
                           enum damage damage) {
    uint64_t array = pool(r, 0x52000), region = 0x10000000;
    if (damage == REGION_IS_NONE)
        region = 0;
    if (damage == REGION_IS_THE_KERNELS)
        region = pool(r, 0x10000);
    number(t, store + (r->x86 ? 0x1fc : 0x378), 4, 0xffff);
    number(t, store + (r->x86 ? 0x200 : 0x37c), 4, 16);
    pointer(t, store + r->regions, array);
    pointer(t, array, region);
    pointer(t, array + (r->x86 ? 4 : 8), 0x10100000);
    /* 24 characters, then the last one 4072 times. */
    say(t,
        "in process %llx\nmemory 10000100 ff000000 \"unpacked from the store\" 00 07000fff%s\n"
        "memory 10100000 \"as it is\" 00\nmemory 10100ff8 \"the end\" 00\nend\n",
        (unsigned long long)pool(r, 0x20000), damage == PACKED_TOO_LONG ? "ffff" : "e50f");
}

static inline void store(struct text *t, const struct row *r, enum damage damage) {
    static const uint32_t stores[] = {33, 33, 33}, numbers[] = {0x80, 0x81, 0x82};
    bool by_pointer = r->reads_as >= 22601;
    uint64_t at = pool(r, 0x60000), globals = base_of(r) + SYMBOL, row = pool(r, 0x41000);
    uint64_t owner = pool(r, damage == OWNER_IS_ANOTHER ? 0x10000 : 0x20000);
    if (by_pointer) {
        pointer(t, globals + 8, pool(r, 0x70000) + 0x7a8);
        globals = pool(r, 0x70000);
    }
    pointer(t, globals + (r->x86 ? 4 : 8), row); /* store 33: the second row, its second entry */
    pointer(t, globals + (r->x86 ? 0xf4 : 0x1c0), pool(r, 0x42000));
    leaf(t, r, pool(r, 0x42000), stores, damage);
    pointer(t, row + (r->x86 ? 0x14 : 0x28), at);
    pointer(t, row + (r->x86 ? 0x14 + 0xc : 0x28 + 0x18), pool(r, 0x20000));
    pointer(t, at + (r->x86 ? 0x38 : 0x50), pool(r, 0x43000));
    leaf(t, r, pool(r, 0x43000), numbers, SOUND);
    records(t, r, at, damage);
    regions(t, r, at, damage);
    number(t, at + r->algorithm, 2, damage == PACKED_OTHERWISE ? 9 : 3);
    pointer(t, at + r->owner, owner);
}

/* ---- what is read of it ---- */

struct world {
    struct forge_output out;
    struct forge_bytes bytes;
    struct fake_symbols symbols;
    sc_target *target;
    sc_symtab *symtab;
    sc_layout_book *book;
    struct nt nt;
    uint32_t reads_as; /* the build that the store is to be read as */
};

static const struct sc_symbol memstore_names[] = {
    {.name = "MiSystemPartition", .kind = SC_SYM_PUBLIC, .rva = PARTITION},
    {.name = "SmGlobals", .kind = SC_SYM_PUBLIC, .rva = SYMBOL}};

static inline void attach(struct world *w) {
    w->symbols = (struct fake_symbols){.provider = "pdb", .symbol = memstore_names, .nsymbols = 2};
    sc_symbols *s = fake_symbols_open(&w->symbols);
    const struct sc_module *nt = sc_target_module_named(w->target, "nt");
    need(nt != NULL, "nt");
    need(!(sc_symtab_attach(w->symtab, nt, s, "test")), "library");
    sc_symbols_unref(s);
}

static inline void memstore_open(struct world *w, const struct row *r, enum damage damage) {
    struct sc_store_opts opts = {.sz = sizeof opts, .offline = true};
    static struct text t;
    char why[FORGE_WHY_MAX];
    *w = (struct world){.reads_as = 0};
    t = (struct text){.x86 = r->x86};
    machine(&t, r);
    store(&t, r, damage);
    if (!forge_scenario_build("case", t.buf, &w->out, why) ||
        !forge_output_bytes(&w->out, &w->bytes, why))
        need(false, why);
    need(!(sc_target_open_memory("made.dmp", w->bytes.data, w->bytes.size, NULL, &w->target)),
         "library");
    need(!(sc_symtab_create(w->target, &opts, &w->symtab)), "library");
    attach(w);
    need(!(sc_layout_book_create(w->symtab, &w->book)), "library");
    nt_init(&w->nt, w->target, w->symtab, w->book);
    w->reads_as = r->reads_as ? r->reads_as : r->build;
}

static inline void memstore_close(struct world *w) {
    sc_layout_book_destroy(w->book);
    sc_symtab_destroy(w->symtab);
    sc_target_close(w->target);
    forge_bytes_free(&w->bytes);
    forge_output_free(&w->out);
}

#endif
