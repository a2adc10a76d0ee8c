/* SPDX-License-Identifier: MIT */
/*
 * Heaps of kernel pool as Windows 10 19H1 and later have them: `segheap` lines.
 *
 *   segheap HEAP SEGMENT nonpaged|nonpagednx|paged
 *   stats 1000 800 20 8          pages reserved, committed, free, free in LFH (hexadecimal)
 *   vs 4 2                       units 4 and 5 are chunks of varying sizes; then, each with its
 *   240 Proc                     header: in use, or free; the rest is free
 *   60 free
 *   lfh 8 1 50                   unit 8 is blocks of 50 bytes; then those in use by their numbers
 *   2 Even
 *   large a 3                    units a to c are one allocation
 *
 * The segment has 256 units of a page; the first two hold its descriptors. All heaps are of node 0,
 * nt!ExPoolState is a symbol of the scenario's. What stands where is drawn in src/nt/segheap.c,
 * which says, too, what it was learnt from; the keys are made up.
 */
#include <string.h>

#include "forge/reader.h"
#include "forge/world.h"

#define HEAP_KEY       0x5a1c93e7d40b2f86u
#define LFH_KEY        0xc3708e1945ad62f1u
#define SEGMENT_XOR    0xa2e64eada2e64eadu
#define HEAP_SIGNATURE 0xddeeddeeu
enum { PAGE = FORGE_PAGE_SIZE, UNITS = 256, FIRST_UNIT = 2, VS_XOR = 0x2bed };
enum { IN_USE = 1, FIRST = 2, KIND_LFH = 8, KIND_VS = 0xc };

typedef unsigned long long ull;

struct heap {
    struct forge_world *w;
    const struct forge_scn_table *t;
    unsigned line;
    uint64_t heap, segment, mask;
    unsigned unit;              /* of sizes: 16, on x86 8 */
    uint64_t chunk, chunks_end; /* where the next VS chunk goes */
    uint64_t lfh, lfh_first, lfh_size, lfh_count;
};

static bool wrong(const struct heap *h, const char *what) {
    return forge_wrong(h->w->s, h->line, "segheap: %s", what);
}

static bool put(const struct heap *h, const char *type, uint64_t addr, const char *path,
                uint64_t value) {
    struct forge_place p;
    if (!forge_types_need(&h->w->types, h->line, type, path, &p))
        return false;
    forge_world_set(h->w, type, addr, path, value & (p.size >= 8 ? UINT64_MAX : h->mask));
    return true;
}

static bool put_word(const struct heap *h, uint64_t addr, unsigned width, uint64_t value) {
    return forge_world_put_uint(h->w, h->line, addr, width,
                                width >= 8 ? value : value & (((uint64_t)1 << 8 * width) - 1));
}

/* COUNT words of a row as numbers. */
static bool numbers(const struct heap *h, const struct forge_words *words, size_t count,
                    uint64_t *ret) {
    if (words->count != count + 1)
        return wrong(h, "stats, vs, lfh or large, and numbers: see docs/forge.md");
    for (size_t i = 0; i < count; i++)
        if (!forge_number(words->item[i + 1].text, &ret[i]))
            return wrong(h, "that is no number");
    return true;
}

/* ---- ranges ---- */

static bool make_range(struct heap *h, uint64_t first, uint64_t units, unsigned flags) {
    static const char type[] = "_HEAP_PAGE_RANGE_DESCRIPTOR";
    uint64_t size = forge_world_sizeof(h->w, type);
    if (first < FIRST_UNIT || !units || first >= UNITS || units > UNITS - first)
        return wrong(h, "a segment has the units 2 to ff");
    forge_memmap_fill(&h->w->mem, h->segment + first * PAGE, units * PAGE);
    for (uint64_t i = 0; i < units; i++) {
        uint64_t at = h->segment + (first + i) * size;
        if (!put(h, type, at, "RangeFlags", i ? flags & ~(unsigned)FIRST : flags) ||
            !put(h, type, at, "UnitSize", i ? i : units))
            return false;
    }
    return true;
}

static bool pool_header(const struct heap *h, uint64_t at, uint64_t size, uint32_t tag) {
    bool paged = h->t->region == FORGE_HEAP_PAGED;
    uint64_t units = size / h->unit;
    bool fits = units <= (h->unit == 8 ? 0x1ff : 0xff);
    return put(h, "_POOL_HEADER", at, "BlockSize", fits ? units : 0) &&
           put(h, "_POOL_HEADER", at, "PoolType", paged ? 3 : 2) && put_word(h, at + 4, 4, tag);
}

/*
 * Where a chunk's block begins: what crosses a page's end, and would fit behind it, is put there.
 */
static uint64_t block_in(const struct heap *h, uint64_t chunk, uint64_t end) {
    uint64_t at = chunk + forge_world_sizeof(h->w, "_HEAP_VS_CHUNK_HEADER");
    uint64_t page = (at | (PAGE - 1)) + 1;
    bool moves = at % PAGE && end > page + h->unit && end - page <= PAGE;
    return moves ? page : at;
}

/* SIZE with the chunk's header; TAG 0: free. */
static bool put_chunk(struct heap *h, uint64_t size, uint32_t tag) {
    uint64_t header = forge_world_sizeof(h->w, "_HEAP_VS_CHUNK_HEADER"), at = h->chunk;
    uint64_t n = size / h->unit;
    uint64_t bits =
        h->unit == 8 ? n << 1 | (uint64_t)(tag != 0) << 31 : n << 16 | (uint64_t)(tag != 0) << 48;
    if (!size || size % h->unit || size <= header || size > h->chunks_end - at)
        return wrong(h, "a chunk of that size does not fit");
    if (!put_word(h, at, h->w->ptr_size, bits ^ at ^ HEAP_KEY))
        return false;
    h->chunk += size;
    uint64_t block = block_in(h, at, h->chunk);
    return !tag || pool_header(h, block, h->chunk - block, tag);
}

/* What is left of the chunks is one that is free. */
static bool end_chunks(struct heap *h) {
    uint64_t left = h->chunks_end - h->chunk;
    bool ok = !h->chunk || left <= h->unit * 2u || put_chunk(h, left, 0);
    h->chunk = h->chunks_end = 0;
    return ok;
}

static bool begin_chunks(struct heap *h, const struct forge_words *words) {
    static const char type[] = "_HEAP_VS_SUBSEGMENT";
    uint64_t v[2], head = forge_world_sizeof(h->w, type);
    if (!numbers(h, words, 2, v) || !make_range(h, v[0], v[1], IN_USE | FIRST | KIND_VS))
        return false;
    uint64_t at = h->segment + v[0] * PAGE, n = v[1] * PAGE / h->unit;
    h->chunk = at + (head + h->unit - 1) / h->unit * h->unit;
    h->chunks_end = at + v[1] * PAGE;
    return put(h, type, at, "Size", n & 0xffff) &&
           put(h, type, at, "Signature", (n ^ VS_XOR) & 0x7fff);
}

static bool begin_blocks(struct heap *h, const struct forge_words *words) {
    static const char type[] = "_HEAP_LFH_SUBSEGMENT";
    struct forge_place bitmap;
    uint64_t v[3];
    if (!numbers(h, words, 3, v) || !make_range(h, v[0], v[1], IN_USE | FIRST | KIND_LFH) ||
        !forge_types_need(&h->w->types, h->line, type, "BlockBitmap", &bitmap))
        return false;
    uint64_t bytes = v[1] * PAGE, size = v[2];
    if (!size || size % h->unit || size > bytes / 2)
        return wrong(h, "blocks of that size do not fit");
    /* Two bits of the bitmap a block, in words of 32 blocks; behind it the blocks. */
    uint64_t map = (bytes / size + 31) / 32 * 8;
    h->lfh = h->segment + v[0] * PAGE;
    h->lfh_size = size;
    h->lfh_first = (bitmap.offset + map + h->unit - 1) / h->unit * h->unit;
    h->lfh_count = (bytes - h->lfh_first) / size;
    return put(h, type, h->lfh, "BlockCount", h->lfh_count) &&
           put(h, type, h->lfh, "BlockOffsets",
               ((size | h->lfh_first << 16) ^ LFH_KEY ^ h->lfh >> 12) & UINT32_MAX);
}

/* The bits of all blocks up to here are kept in memory: one more is set. */
static bool put_block(struct heap *h, uint64_t index, uint32_t tag) {
    struct forge_place bitmap;
    uint8_t byte;
    if (index >= h->lfh_count)
        return wrong(h, "there are not so many blocks");
    if (!forge_types_need(&h->w->types, h->line, "_HEAP_LFH_SUBSEGMENT", "BlockBitmap", &bitmap))
        return false;
    uint64_t at = h->lfh + bitmap.offset + index / 4;
    forge_memmap_get(&h->w->mem, at, &byte, 1);
    byte |= (uint8_t)(1u << index % 4 * 2);
    return forge_world_put(h->w, 0, at, &byte, 1) &&
           pool_header(h, h->lfh + h->lfh_first + index * h->lfh_size, h->lfh_size, tag);
}

/* ---- rows ---- */

static bool put_stats(struct heap *h, const struct forge_words *words) {
    static const char *const member[4] = {
        "MemStats.TotalReservedPages", "MemStats.TotalCommittedPages",
        "MemStats.FreeCommittedPages", "MemStats.LfhFreeCommittedPages"};
    uint64_t v[4];
    bool ok = numbers(h, words, 4, v);
    for (unsigned i = 0; ok && i < 4; i++)
        ok = put(h, "_SEGMENT_HEAP", h->heap, member[i], v[i]);
    return ok;
}

static bool put_large(struct heap *h, const struct forge_words *words) {
    uint64_t v[2];
    return numbers(h, words, 2, v) && make_range(h, v[0], v[1], IN_USE | FIRST);
}

/* A chunk of the VS range, or a block of the LFH range, that was begun last. */
static bool put_part(struct heap *h, const struct forge_words *words) {
    const char *tag = words->count == 2 ? words->item[1].text : "";
    size_t len = strlen(tag);
    uint32_t key = 0;
    uint64_t n;
    if (!forge_number(words->item[0].text, &n) || !len || (len > 4 && strcmp(tag, "free") != 0))
        return wrong(h, "write  SIZE TAG  or  SIZE free, of LFH  NUMBER TAG");
    for (size_t i = 0; i < 4; i++)
        key |= (uint32_t)(unsigned char)(i < len ? tag[i] : ' ') << 8 * i;
    if (h->chunks_end)
        return put_chunk(h, n, strcmp(tag, "free") != 0 ? key : 0);
    return h->lfh_size ? put_block(h, n, key) : wrong(h, "say  vs  or  lfh  before");
}

static bool put_row(struct heap *h, const struct forge_words *words) {
    static const struct {
        const char *word;
        bool (*fn)(struct heap *h, const struct forge_words *words);
    } kinds[] = {
        {"stats", put_stats}, {"vs", begin_chunks}, {"lfh", begin_blocks}, {"large", put_large}};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (strcmp(words->item[0].text, kinds[i].word) != 0)
            continue;
        if (!end_chunks(h))
            return false;
        h->lfh_size = 0;
        return kinds[i].fn(h, words);
    }
    return put_part(h, words);
}

/* ---- the heap ---- */

/* nt!ExPoolState leads to the keys, which all heaps have in common, and to the heap. */
static bool put_state(struct heap *h) {
    static const char type[] = "_EX_POOL_HEAP_MANAGER_STATE", keys[] = "_RTLP_HP_HEAP_GLOBALS";
    static const char *const slot[] = {"PoolNode[0].Heaps[0]", "PoolNode[0].Heaps[1]",
                                       "PoolNode[0].Heaps[2]"};
    struct forge_world *w = h->w;
    uint64_t state;
    if (!forge_world_eval(w, h->line, "nt!ExPoolState", &state, NULL))
        return false;
    if (!w->heap_keys) {
        uint64_t at = forge_world_spare(w, forge_world_sizeof(w, keys), 16);
        if (!forge_world_struct(w, h->line, type, state) ||
            !forge_world_struct(w, h->line, keys, at) ||
            !put(h, type, state, "HeapManager.Globals", at) ||
            !put(h, type, state, "NumberOfPools", 1) || !put(h, keys, at, "HeapKey", HEAP_KEY) ||
            !put(h, keys, at, "LfhKey", LFH_KEY))
            return false;
        w->heap_keys = at;
    }
    return put(h, type, state, slot[h->t->region], h->heap);
}

static bool put_heap(struct heap *h) {
    static const char type[] = "_SEGMENT_HEAP";
    struct forge_place context, start;
    struct forge_world *w = h->w;
    if (h->segment % (UNITS * PAGE))
        return wrong(h, "a segment begins at a multiple of 100000");
    if (!forge_world_struct(w, h->line, type, h->heap) || !put_state(h) ||
        !put(h, type, h->heap, "Signature", HEAP_SIGNATURE) ||
        !put(h, type, h->heap, "SegContexts[0].SegmentMask", 0 - (uint64_t)(UNITS * PAGE)) ||
        !put(h, type, h->heap, "SegContexts[0].UnitShift", 12) ||
        !put(h, type, h->heap, "SegContexts[0].FirstDescriptorIndex", FIRST_UNIT) ||
        !forge_types_need(&w->types, h->line, type, "SegContexts[0]", &context) ||
        !forge_types_need(&w->types, h->line, "_HEAP_PAGE_SEGMENT", "Signature", &start))
        return false;
    forge_memmap_fill(&w->mem, h->segment, FIRST_UNIT * PAGE);
    return put_word(h, h->segment + start.offset, w->ptr_size,
                    h->segment ^ (h->heap + context.offset) ^ HEAP_KEY ^ SEGMENT_XOR);
}

bool forge_world_segheap(struct forge_world *w, const struct forge_scn_table *t,
                         const uint64_t *address) {
    struct heap h = {.w = w,
                     .t = t,
                     .line = t->line,
                     .heap = address[0],
                     .segment = address[1],
                     .mask = w->is32 ? UINT32_MAX : UINT64_MAX,
                     .unit = w->ptr_size * 2};
    const char *p = t->listing.text;
    bool ok = put_heap(&h);
    h.line = t->listing.line;
    for (char *text; ok && (text = forge_listing_line(w->pool, &p)) != NULL; h.line++) {
        struct forge_words words = {0};
        if (!forge_words_split(w->pool, text, strlen(text), &words))
            return wrong(&h, "a quote does not end");
        ok = !words.count || put_row(&h, &words);
    }
    return ok && end_chunks(&h);
}
