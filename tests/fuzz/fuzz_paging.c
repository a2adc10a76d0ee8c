/* SPDX-License-Identifier: MIT */
/*
 * Page tables of every mode that say anything: translated, read and walked. Each answer must be
 * bounded in what it touches, and the pages over the tables must agree with the bare translation.
 *
 *   input: mode, build, then entries of 7 bytes: table page, index (2), frame, low bits (2), top
 *
 * An entry is written to one of 14 pages of physical memory, the first of which is the root; its
 * frame names one of 16. `top` fills the upper bits: addresses of the kernel for prototypes.
 */
#include <string.h>

#include "forge/pagestore.h"
#include "fuzz/fuzz.h"
#include "mem/pages.h"
#include "mem/space_impl.h"

const char fuzz_name[] = "paging";

enum { FRAMES = 14, ENTRY = 7, ADDRESSES = 64, RUNS = 4096, TRANSLATION_READS = 64 };

static const enum sc_paging_mode modes[] = {SC_PAGING_X86, SC_PAGING_PAE, SC_PAGING_X64,
                                            SC_PAGING_X64_LA57, SC_PAGING_ARM64};
static const uint32_t builds[] = {2600, 3790, 7601, 10240, 19041, 26100};

struct run {
    struct pagestore ps;
    struct sc_paging paging;
    sc_space *phys, *virt;
    uint8_t bytes[FRAMES * 0x1000]; /* so that no page is allocated: failures are the library's */
};

/* Page files have the frames as their pages, so that page tables stand in them, too. */
static enum sc_read read_file(void *ctx, unsigned number, uint64_t page, uint8_t buf[0x1000]) {
    const struct run *r = ctx;
    memcpy(buf, r->bytes + (number + page) % FRAMES * 0x1000, 0x1000);
    return page % 3 ? SC_READ_OK : SC_READ_PAGED_OUT;
}

/* ---- physical memory: the frames from 0x1000 on ---- */

static enum sc_read frames_read(void *impl, uint64_t addr, void *buf, size_t len, size_t *ret_got) {
    struct run *r = impl;
    uint64_t at = addr - 0x1000;
    *ret_got = 0;
    r->ps.reads++;
    if (at >= sizeof r->bytes)
        return SC_READ_ABSENT;
    *ret_got = len < sizeof r->bytes - at ? len : (size_t)(sizeof r->bytes - at);
    memcpy(buf, r->bytes + at, *ret_got);
    return SC_READ_OK;
}

static bool frames_next(void *impl, uint64_t addr, uint64_t *ret_start, uint64_t *ret_size) {
    (void)impl;
    if (addr >= 0x1000 + FRAMES * 0x1000)
        return false;
    *ret_start = 0x1000;
    *ret_size = FRAMES * 0x1000;
    return true;
}

static void frames_destroy(void *impl) { (void)impl; }

static const struct sc_pages_ops frames_ops = {
    .name = "frames", .read = frames_read, .next = frames_next, .destroy = frames_destroy};

static uint64_t top_bits(uint8_t top, uint64_t frame) {
    switch (top % 4) {
    case 0: return 0;
    case 1: return 0xffff800000000000ull << 16 | frame << 28; /* a prototype in the kernel */
    case 2: return (uint64_t)top << 32;                       /* a page of a page file */
    default: return (uint64_t)top << 56;
    }
}

static void put_entry(struct run *r, const uint8_t *e) {
    bool narrow = r->paging.mode == SC_PAGING_X86;
    uint64_t frame = e[3] % 16;
    uint64_t value = (uint64_t)frame << 12 | ((e[4] | e[5] << 8) & 0xfff) | top_bits(e[6], frame);
    if (narrow && e[6] & 1)
        value |= (uint64_t)e[6] << 24;
    unsigned index = (unsigned)(e[1] | e[2] << 8) % (narrow ? 1024 : 512), size = narrow ? 4 : 8;
    uint8_t *to = r->bytes + e[0] % FRAMES * 0x1000 + (size_t)index * size;
    for (unsigned i = 0; i < size; i++)
        to[i] = (uint8_t)(value >> 8 * i);
}

static bool prepare(struct run *r, const uint8_t *data, size_t size) {
    r->paging.mode = modes[data[0] % 5];
    r->paging.root = 0x1000;
    r->paging.kernel_root = data[0] & 0x80 ? 0x2000 : 0;
    enum sc_cpu cpu = data[0] % 5 < 2 ? SC_CPU_X86 : data[0] % 5 == 4 ? SC_CPU_ARM64 : SC_CPU_X64;
    r->paging.soft = sc_soft_pte_of(cpu, data[0] % 5 == 1, builds[data[1] % 6]);
    r->paging.soft.invalid_mask = data[1] & 0x80 ? 0x200000000000 : 0;
    r->paging.soft.pool_base = data[1] & 0x40 ? 0xe1000000 : 0;
    for (size_t at = 2; at + ENTRY <= size; at += ENTRY)
        put_entry(r, data + at);
    struct sc_pages pages = {&frames_ops, r};
    sc_err *err = sc_space_create_pages(pages, 8, NULL, &r->phys);
    r->paging.phys = r->phys;
    r->paging.pagefile = data[1] & 0x20 ? read_file : NULL;
    r->paging.pagefile_ctx = r;
    r->paging.stores = data[1] & 0x10 ? 0x5555 : 0;
    if (!err)
        err = sc_translated_pages(&r->paging, &pages);
    if (!err)
        err = sc_space_create_pages(pages, cpu == SC_CPU_X86 ? 4 : 8, NULL, &r->virt);
    bool ok = !err;
    sc_err_destroy(err);
    return ok;
}

static void check_translation(struct run *r, uint64_t va, bool has_file) {
    struct sc_translation t;
    uint8_t a = 0, b = 0;
    uint64_t before = r->ps.reads;
    sc_translate(&r->paging, va, &t);
    if (r->ps.reads - before > TRANSLATION_READS)
        fuzz_broken("%llx took %llu reads", (unsigned long long)va,
                    (unsigned long long)(r->ps.reads - before));
    if (t.npte > sizeof t.pte / sizeof *t.pte)
        fuzz_broken("%u entries", t.npte);
    enum sc_read status = sc_space_read(r->virt, va, &b, 1, NULL);
    if (t.status == SC_READ_OK && sc_space_read(r->phys, t.pa, &a, 1, NULL) != SC_READ_OK)
        fuzz_broken("%llx is at %llx, where nothing is", (unsigned long long)va,
                    (unsigned long long)t.pa);
    bool agrees = status == t.status && a == b;
    if (!agrees && !(has_file && t.kind == SC_PTE_PAGEFILE))
        fuzz_broken("%llx: %s as translated, %s as read", (unsigned long long)va,
                    sc_read_name(t.status), sc_read_name(status));
}

static void check_walk(struct run *r) {
    uint64_t at = 0, start, size, runs = 0, before = r->ps.reads;
    for (; runs < RUNS && sc_space_next(r->virt, at, &start, &size); runs++) {
        uint8_t byte;
        if (!size || start + (size - 1) < at)
            fuzz_broken("a run of %llx bytes at %llx, asked from %llx", (unsigned long long)size,
                        (unsigned long long)start, (unsigned long long)at);
        if (sc_space_read(r->virt, start, &byte, 1, NULL) != SC_READ_OK ||
            sc_space_read(r->virt, start + (size - 1), &byte, 1, NULL) != SC_READ_OK)
            fuzz_broken("a run at %llx that cannot be read", (unsigned long long)start);
        at = start + size;
        if (!at)
            break;
    }
    /* 14 tables at 4 levels, some reads for each of their entries. */
    if (r->ps.reads - before > (uint64_t)FRAMES * 4 * 1024 * 2 * TRANSLATION_READS)
        fuzz_broken("a walk took %llu reads", (unsigned long long)(r->ps.reads - before));
}

void fuzz_one(const uint8_t *data, size_t size) {
    static struct run fresh, r;
    uint64_t seed = size;
    if (size < 2)
        return;
    r = fresh;
    if (prepare(&r, data, size)) {
        for (size_t i = 0; i < size; i++)
            seed = seed * 6364136223846793005ull + data[i] + 1;
        for (unsigned i = 0; i < ADDRESSES; i++) {
            seed = seed * 6364136223846793005ull + 1442695040888963407ull;
            /* Few indices, so that entries are hit; both halves. */
            uint64_t va = (seed >> 30 & 0x8080c04ull) << 20 | (seed >> 8 & 0x7fff);
            va |= seed >> 63 ? 0xffff800000000000ull : 0;
            check_translation(&r, data[0] % 5 < 2 ? va & UINT32_MAX : va, data[1] & 0x20);
        }
        check_walk(&r);
    }
    sc_space_destroy(r.virt);
    sc_space_destroy(r.phys);
}

/* ---- seeds ---- */

static size_t add_entry(uint8_t *to, uint8_t page, uint16_t index, uint8_t frame, uint16_t low,
                        uint8_t top) {
    const uint8_t e[ENTRY] = {
        page, (uint8_t)index, (uint8_t)(index >> 8), frame, (uint8_t)low, (uint8_t)(low >> 8), top};
    memcpy(to, e, ENTRY);
    return ENTRY;
}

void fuzz_seeds(fuzz_add add, void *ctx) {
    for (uint8_t mode = 0; mode < 5; mode++) {
        uint8_t seed[2 + 12 * ENTRY] = {mode, (uint8_t)(mode * 5 | 0xe0)};
        unsigned levels = mode == 0 ? 2 : mode == 1 ? 3 : mode == 3 ? 5 : 4;
        uint16_t valid = mode == 4 ? 0x443 : 0x67;
        size_t n = 2;
        for (uint8_t i = 0; i < levels; i++) /* a page at 0 and one in the kernel */
            n += add_entry(seed + n, i, 0, (uint8_t)(i + 2), valid, 0);
        n += add_entry(seed + n, 0, 256, 2, valid, 0);
        n += add_entry(seed + n, (uint8_t)(levels - 1), 1, 9, 0x8f0, 0); /* transition */
        n += add_entry(seed + n, (uint8_t)(levels - 1), 2, 3, 0xf0, 2);  /* page file */
        n += add_entry(seed + n, (uint8_t)(levels - 1), 3, 1, 0x4f0, 1); /* prototype */
        n += add_entry(seed + n, 0, 2, 1, valid, 0);                     /* the root itself */
        n += add_entry(seed + n, 1, 4, 0, (uint16_t)(valid | 0x80), 0);  /* a large page */
        add(ctx, seed, n);
        for (uint16_t i = 0; i < 11; i++) /* everything leads to the root */
            add_entry(seed + 2 + i * ENTRY, 0, (uint16_t)(i * 47), 1, valid, 0);
        add(ctx, seed, 2 + 11 * ENTRY);
    }
}
