/* SPDX-License-Identifier: MIT */
/*
 * A kernel whose pool is a segment heap: one segment with a range of VS chunks, one of LFH blocks
 * and one large allocation, written as the public research describes them.
 */
#ifndef STOPCODE_UNIT_HEAP_WORLD_H
#define STOPCODE_UNIT_HEAP_WORLD_H

#include "pool_world.h"

#define KEY  0x1122334455667788ULL
#define LFH  0x99aabbccddeeff00ULL
#define SIGN 0xa2e64eada2e64eadULL

struct heap_world {
    struct world *w;
    uint64_t heap, segment, vs, lfh, ptr_mask;
    uint32_t unit, chunk;
};

static inline void range(struct heap_world *h, unsigned index, unsigned flags, unsigned units) {
    static const char type[] = "_HEAP_PAGE_RANGE_DESCRIPTOR";
    for (unsigned i = 0; i < units; i++) {
        uint64_t at = h->segment + (index + i) * world_sizeof(h->w, type);
        world_set(h->w, type, at, "RangeFlags", 1, i ? flags & ~2u : flags);
        world_set(h->w, type, at, "UnitSize", 1, i ? i : units);
    }
}

/* A chunk of SIZE bytes; returns where the next one is. */
static inline uint64_t chunk(struct heap_world *h, uint64_t at, uint32_t size, const char *tag) {
    bool x86 = h->w->ptr == 4;
    uint64_t n = size / h->unit;
    uint64_t bits = x86 ? n << 1 | (tag ? 1u << 31 : 0) : n << 16 | (tag ? (uint64_t)1 << 48 : 0);
    world_put(h->w, at, h->w->ptr, (bits ^ at ^ KEY) & h->ptr_mask);
    if (tag) {
        uint64_t header = at + h->chunk;
        world_put(h->w, header, 4,
                  (x86 ? (size - h->chunk) / 8 << 16 | 2u << 25
                       : (size - h->chunk) / 16 << 16 | 2u << 24));
        world_put(h->w, header + 4, 4, pool_key(tag));
    }
    return at + size;
}

static inline void make_vs(struct heap_world *h) {
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

static inline void make_lfh(struct heap_world *h) {
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
        world_put(h->w, at + 4, 4, pool_key("Even"));
    }
}

static inline void make_heap(struct heap_world *h, const struct pool_build *b) {
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

static inline void heap_world(struct heap_world *h, const struct pool_build *b) {
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

#endif
