/* SPDX-License-Identifier: MIT */
/*
 * Kernel pool on segment heaps: VS and LFH ranges written as the public research describes them,
 * read back by `!pool`; keys, segments and chunks that lie.
 */
#include "pool_world.h"

#include "cmd/poolshow.h"

#define KEY  0x1122334455667788ULL
#define LFH  0x99aabbccddeeff00ULL
#define SIGN 0xa2e64eada2e64eadULL

struct heap_world {
    struct world *w;
    uint64_t heap, segment, vs, lfh, ptr_mask;
    uint32_t unit, chunk;
};

static uint64_t tag_of(const char *text) {
    uint64_t v = 0;
    for (unsigned i = 0; i < 4; i++)
        v |= (uint64_t)(unsigned char)text[i] << 8 * i;
    return v;
}

static void range(struct heap_world *h, unsigned index, unsigned flags, unsigned units) {
    static const char type[] = "_HEAP_PAGE_RANGE_DESCRIPTOR";
    for (unsigned i = 0; i < units; i++) {
        uint64_t at = h->segment + (index + i) * world_sizeof(h->w, type);
        world_set(h->w, type, at, "RangeFlags", 1, i ? flags & ~2u : flags);
        world_set(h->w, type, at, "UnitSize", 1, i ? i : units);
    }
}

/* A chunk of SIZE bytes; returns where the next one is. */
static uint64_t chunk(struct heap_world *h, uint64_t at, uint32_t size, const char *tag) {
    bool x86 = h->w->ptr == 4;
    uint64_t n = size / h->unit;
    uint64_t bits = x86 ? n << 1 | (tag ? 1u << 31 : 0) : n << 16 | (tag ? (uint64_t)1 << 48 : 0);
    world_put(h->w, at, h->w->ptr, (bits ^ at ^ KEY) & h->ptr_mask);
    if (tag) {
        uint64_t header = at + h->chunk;
        world_put(h->w, header, 4,
                  (x86 ? (size - h->chunk) / 8 << 16 | 2u << 25
                       : (size - h->chunk) / 16 << 16 | 2u << 24));
        world_put(h->w, header + 4, 4, tag_of(tag));
    }
    return at + size;
}

static void make_vs(struct heap_world *h) {
    static const char type[] = "_HEAP_VS_SUBSEGMENT";
    uint32_t head = (uint32_t)world_sizeof(h->w, type), n = 0x2000 / h->unit;
    head = (head + h->unit - 1) / h->unit * h->unit;
    world_set(h->w, type, h->vs, "Size", 2, n);
    world_set(h->w, type, h->vs, "Signature", 2, n ^ 0x2bed);
    uint64_t at = chunk(h, h->vs + head, 0x240, "Proc");
    at = chunk(h, at, 0x60, NULL);
    at = chunk(h, at, 0x100, "File");
    chunk(h, at, (uint32_t)(h->vs + 0x2000 - at), NULL);
}

static void make_lfh(struct heap_world *h) {
    static const char type[] = "_HEAP_LFH_SUBSEGMENT";
    uint32_t size = 0x50, first = 0x80;
    world_set(h->w, type, h->lfh, "BlockOffsets", 4,
              (size | first << 16) ^ (uint32_t)LFH ^ (uint32_t)(h->lfh >> 12));
    world_set(h->w, type, h->lfh, "BlockCount", 2, 20);
    world_set(h->w, type, h->lfh, "BlockBitmap", 1, 0x11); /* 0 and 2 are in use */
    for (unsigned i = 0; i < 3; i += 2) {
        uint64_t at = h->lfh + first + i * size;
        world_put(h->w, at, 4,
                  h->w->ptr == 4 ? size / 8 << 16 | 2u << 25 : size / 16 << 16 | 2u << 24);
        world_put(h->w, at + 4, 4, tag_of("Even"));
    }
}

static void make_heap(struct heap_world *h, const struct pool_build *b) {
    static const char state_type[] = "_EX_POOL_HEAP_MANAGER_STATE", heap[] = "_SEGMENT_HEAP";
    struct world *w = h->w;
    uint64_t state = world_symbol(w, "ExPoolState", 0x1000), globals = b->pool + 0x2000;
    world_object(w, state, state_type);
    world_object(w, globals, "_RTLP_HP_HEAP_GLOBALS");
    world_set(w, "_RTLP_HP_HEAP_GLOBALS", globals, "HeapKey", 0, KEY & h->ptr_mask);
    world_set(w, "_RTLP_HP_HEAP_GLOBALS", globals, "LfhKey", 0, LFH & h->ptr_mask);
    world_set(w, state_type, state, "HeapManager.Globals", 0, globals);
    world_set(w, state_type, state, "NumberOfPools", 4, 1);
    world_put(w, state + world_offset(w, state_type, "PoolNode[0]"), w->ptr, h->heap);
    world_object(w, h->heap, heap);
    world_set(w, heap, h->heap, "Signature", 4, 0xddeeddee);
    uint64_t context = h->heap + world_offset(w, heap, "SegContexts[0]");
    world_set(w, "_HEAP_SEG_CONTEXT", context, "SegmentMask", 0, ~(uint64_t)0xfffff & h->ptr_mask);
    world_set(w, "_HEAP_SEG_CONTEXT", context, "UnitShift", 1, 12);
    world_set(w, "_HEAP_SEG_CONTEXT", context, "FirstDescriptorIndex", 1, 2);
    world_set(w, "_HEAP_PAGE_SEGMENT", h->segment, "Signature", 0,
              (h->segment ^ context ^ KEY ^ SIGN) & h->ptr_mask);
}

static void heap_world(struct heap_world *h, const struct pool_build *b) {
    *h = (struct heap_world){.w = pool_world(b, 1)};
    h->ptr_mask = h->w->ptr == 4 ? UINT32_MAX : UINT64_MAX;
    h->unit = h->w->ptr * 2;
    h->chunk = (uint32_t)world_sizeof(h->w, "_HEAP_VS_CHUNK_HEADER");
    h->heap = b->pool + 0x4000;
    h->segment = b->pool + 0x100000;
    h->vs = h->segment + 0x4000;
    h->lfh = h->segment + 0x8000;
    world_bytes(h->w, h->segment, 0x20000);
    make_heap(h, b);
    range(h, 4, 0xf, 2);
    range(h, 8, 0xb, 1);
    range(h, 10, 3, 3);
    make_vs(h);
    make_lfh(h);
}

static bool has_heaps(const struct pool_build *b) { return b->build >= 18362; }

static void run_pool(struct heap_world *h, uint64_t address, const char *rest) {
    char line[64];
    snprintf(line, sizeof line, "!pool %llx%s", (unsigned long long)address, rest);
    fix_run(&h->w->f, line);
}

static void blocks_of_both_kinds_are_shown_in_every_build(void **state) {
    (void)state;
    for (size_t i = 0; i < POOL_BUILDS; i++) {
        const struct pool_build *b = &pool_builds[i];
        struct heap_world h;
        char want[400];
        if (!has_heaps(b))
            continue;
        heap_world(&h, b);
        int d = (int)h.w->ptr * 2;
        uint32_t head = (uint32_t)world_sizeof(h.w, "_HEAP_VS_SUBSEGMENT");
        head = (head + h.unit - 1) / h.unit * h.unit;
        unsigned long long first = h.vs + head + h.chunk, free = h.vs + head + 0x240;
        world_open(h.w, SC_RENDER_TEXT);
        run_pool(&h, first + 0x40, "");
        /* What stands in a free block's place of the tag is no tag. */
        snprintf(want, sizeof want,
                 "region is Nonpaged pool\n"
                 "*%0*llx size: %4x previous size:    0  (Allocated) *Proc\n"
                 "\t\tPooltag Proc : Process objects, Binary : nt!ps\n"
                 " %0*llx size:   60 previous size:    0  (Free)       ",
                 d, first, 0x240 - h.chunk, d, free);
        assert_non_null(strstr(fix_text(&h.w->f), want));
        snprintf(want, sizeof want, " %0*llx size: %4x previous size:    0  (Allocated)  File\n", d,
                 free + 0x60 + h.chunk, 0x100 - h.chunk);
        assert_non_null(strstr(fix_text(&h.w->f), want));
        run_pool(&h, h.lfh + 0x80 + 0xa0 + 8, " 2");
        snprintf(want, sizeof want, "*%0*llx size:   50 previous size:    0  (Allocated) *Even\n",
                 d, (unsigned long long)h.lfh + 0x80 + 0xa0);
        assert_non_null(strstr(fix_text(&h.w->f), want));
        /* The middle of a range of several units leads back to its first. */
        run_pool(&h, h.vs + 0x1800, "");
        assert_non_null(strstr(fix_text(&h.w->f), "(Free)"));
        /* Pages that nobody has. */
        run_pool(&h, h.segment + 0xf000, "");
        assert_non_null(strstr(fix_text(&h.w->f), "Nothing is allocated there"));
        world_free(h.w);
    }
}

static void large_allocations_are_told_from_blocks(void **state) {
    (void)state;
    const struct pool_build *b = &pool_builds[POOL_BUILDS - 1];
    struct heap_world h;
    heap_world(&h, b);
    world_open(h.w, SC_RENDER_TEXT);
    run_pool(&h, h.segment + 0xb123, "");
    assert_non_null(strstr(fix_text(&h.w->f), "Large allocations were not looked at"));
    world_free(h.w);
}

static void what_lies_is_survived_and_said(void **state) {
    (void)state;
    const struct pool_build *b = &pool_builds[POOL_BUILDS - 1];
    struct heap_world h;
    heap_world(&h, b);
    uint64_t first = h.vs + 0x30;
    world_put(h.w, first, 8, KEY ^ first); /* a chunk of no bytes */
    world_open(h.w, SC_RENDER_TEXT);
    run_pool(&h, first + 0x40, "");
    assert_non_null(strstr(fix_text(&h.w->f), "The VS blocks from ffffd00d03104030 on cannot be "
                                              "followed"));
    world_free(h.w);
    /* A subsegment whose check is wrong; an LFH one whose blocks do not fit. */
    heap_world(&h, b);
    world_put(h.w, h.vs + 0x20, 2, 0x1234);
    world_put(h.w, h.lfh + 0x22, 2, 0xffff);
    world_open(h.w, SC_RENDER_TEXT);
    run_pool(&h, first + 0x40, "");
    assert_non_null(strstr(fix_text(&h.w->f), "cannot be followed"));
    run_pool(&h, h.lfh + 0x100, "");
    assert_non_null(strstr(fix_text(&h.w->f), "The LFH blocks from"));
    world_free(h.w);
    /* Descriptors that lead in front of the segment, or behind it. */
    heap_world(&h, b);
    range(&h, 5, 0xd, 1);
    world_set(h.w, "_HEAP_PAGE_RANGE_DESCRIPTOR", h.segment + 5 * 0x20, "UnitSize", 1, 200);
    world_set(h.w, "_HEAP_PAGE_RANGE_DESCRIPTOR", h.segment + 8 * 0x20, "UnitSize", 1, 255);
    world_open(h.w, SC_RENDER_TEXT);
    run_pool(&h, h.segment + 0x5010, "");
    assert_non_null(strstr(fix_text(&h.w->f), "not valid pool"));
    run_pool(&h, h.lfh + 0x90, "");
    world_free(h.w);
    /* A segment that belongs to no heap: the key is another one. */
    heap_world(&h, b);
    world_set(h.w, "_HEAP_PAGE_SEGMENT", h.segment, "Signature", 0, 0);
    world_open(h.w, SC_RENDER_TEXT);
    run_pool(&h, first + 0x40, "");
    assert_non_null(strstr(fix_text(&h.w->f), "not valid pool"));
    world_free(h.w);
}

static void what_is_missing_is_named(void **state) {
    (void)state;
    const struct pool_build *b = &pool_builds[POOL_BUILDS - 1];
    struct world *w = pool_world(b, 1);
    world_bytes(w, b->pool, 0x1000);
    world_open(w, SC_RENDER_TEXT);
    fix_run(&w->f, "!pool ffffd00d03000100");
    assert_non_null(strstr(fix_text(&w->f), "Small blocks were not looked at: the pool's heaps "
                                            "cannot be found without the symbol nt!ExPoolState"));
    world_free(w);
    w = pool_world(b, 1);
    world_bytes(w, b->pool, 0x1000);
    world_symbol(w, "ExPoolState", 0x1000);
    world_open(w, SC_RENDER_TEXT);
    fix_run(&w->f, "!pool ffffd00d03000100");
    assert_non_null(strstr(fix_text(&w->f), "nt!ExPoolState is not in the dump"));
    world_free(w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_of_both_kinds_are_shown_in_every_build),
        cmocka_unit_test(large_allocations_are_told_from_blocks),
        cmocka_unit_test(what_lies_is_survived_and_said),
        cmocka_unit_test(what_is_missing_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
