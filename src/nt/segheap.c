/* SPDX-License-Identifier: MIT */
/*
 * Segment heaps of kernel pool.
 *
 *   nt!ExPoolState (EX_POOL_HEAP_MANAGER_STATE)
 *     HeapManager.Globals -> RTLP_HP_HEAP_GLOBALS: HeapKey, LfhKey
 *     NumberOfPools, PoolNode[] (EX_HEAP_POOL_NODE: Heaps[4] -> SEGMENT_HEAP: nonpaged with code,
 *     nonpaged, paged, and one more)
 *
 *   SEGMENT_HEAP       Signature 0xddeeddee; SegContexts[2]: SegmentMask, UnitShift, First…Index
 *   HEAP_PAGE_SEGMENT  at address & SegmentMask; Signature ^ its address ^ HeapKey ^
 *                      0xa2e64eada2e64ead is the address of its context (or of its heap);
 *                      a descriptor for each unit of 1 << UnitShift bytes
 *   descriptor         RangeFlags: 1 allocated, 2 the range's first, 0x0c: 8 LFH, 0xc VS;
 *                      UnitSize of the first one, of others UnitOffset: how far the first is back
 *   VS range           HEAP_VS_SUBSEGMENT (Size ^ Signature == 0x2bed, 15 bits), then chunks, each
 *                      with a header whose sizes are mixed with its address and HeapKey:
 *                      x64  MemoryCost:16 UnsafeSize:16 UnsafePrevSize:16 Allocated:8   in 16 bytes
 *                      x86  MemoryCost:1  UnsafeSize:15 UnsafePrevSize:15 Allocated:1   in 8 bytes
 *   LFH range          HEAP_LFH_SUBSEGMENT; BlockOffsets ^ LfhKey ^ (address >> 12) is BlockSize:16
 *                      FirstBlockOffset:16; BlockBitmap: two bits a block, the lower one: in use
 *
 * A block in use begins with a POOL_HEADER. In a VS chunk that crosses a page's end it may stand
 * at the beginning of the next page instead.
 *
 * Sources: the public symbols of the kernels (tables of layouts in data/layouts); M. V. Yason,
 * "Windows 10 Segment Heap Internals" (2016); C. Bayet and P. Fariello, "Scoop the Windows 10
 * pool!" (2020). No dump with such memory was at hand: what is said here of flags and of the
 * signature's owner has been read, not seen.
 */
#include "nt/segheap.h"

#include <string.h>

#include "nt/global.h"

#define SIGNATURE_KEY 0xa2e64eada2e64eadu
enum { HEAP_SIGNATURE = 0xddeeddee, VS_CHECK = 0x2bed, NODES_MAX = 64, HEAPS_OF_NODE = 4 };
enum { RANGE_ALLOCATED = 1, RANGE_FIRST = 2, RANGE_KIND = 0xc, RANGE_LFH = 8, RANGE_VS = 0xc };
enum { DESCRIPTORS = 256, CHUNKS_MAX = 1 << 17 };

const char *nt_seg_kind_name(enum nt_seg_kind kind) {
    switch (kind) {
    case NT_SEG_PAGES: return "large";
    case NT_SEG_VS: return "VS";
    case NT_SEG_LFH: return "LFH";
    default: return "free";
    }
}

/* ---- structures ---- */

struct part {
    const char *type, *member; /* MEMBER NULL: the structure's size */
    size_t to;                 /* in struct nt_segheap */
};
#define TO(member) offsetof(struct nt_segheap, member)
static const struct part parts[] = {
    {"nt!_SEGMENT_HEAP", NULL, TO(heap_size)},
    {"nt!_SEGMENT_HEAP", "SegContexts", TO(contexts)},
    {"nt!_HEAP_SEG_CONTEXT", NULL, TO(context_size)},
    {"nt!_HEAP_PAGE_SEGMENT", "Signature", TO(signature)},
    {"nt!_HEAP_PAGE_RANGE_DESCRIPTOR", NULL, TO(descriptor)},
    {"nt!_HEAP_PAGE_RANGE_DESCRIPTOR", "RangeFlags", TO(flags)},
    {"nt!_HEAP_PAGE_RANGE_DESCRIPTOR", "UnitSize", TO(units)},
    {"nt!_HEAP_VS_SUBSEGMENT", "Size", TO(vs_size)},
    {"nt!_HEAP_VS_SUBSEGMENT", "Signature", TO(vs_check)},
    {"nt!_HEAP_VS_SUBSEGMENT", NULL, TO(vs_header)},
    {"nt!_HEAP_VS_CHUNK_HEADER", NULL, TO(chunk)},
    {"nt!_HEAP_LFH_SUBSEGMENT", "BlockOffsets", TO(lfh_offsets)},
    {"nt!_HEAP_LFH_SUBSEGMENT", "BlockCount", TO(lfh_count)},
    {"nt!_HEAP_LFH_SUBSEGMENT", "BlockBitmap", TO(lfh_bitmap)},
};

/* The offset of a member, or the size; SC_ERR_NOT_FOUND names what the symbols lack. */
static sc_err *measure(const struct nt *nt, const char *type, const char *member, uint32_t *ret,
                       bool *assumed) {
    const struct sc_layout_field field = {member ? member : "", 1, true};
    const struct sc_layout_def def = {type, &field, 1};
    sc_layout *layout;
    sc_err *err = sc_layout_bind(nt->symtab, &def, &layout);
    if (err)
        return err;
    if (member && !sc_layout_has(layout, 0))
        err = sc_errf(SC_ERR_NOT_FOUND, "%s has no %s", type, member);
    else if (!member && (!sc_layout_size(layout) || sc_layout_size(layout) > SC_LAYOUT_SPAN_MAX))
        err = sc_errf(SC_ERR_NOT_FOUND, "the size of %s is not known", type);
    else
        *ret = (uint32_t)(member ? sc_layout_offset(layout, 0) : sc_layout_size(layout));
    *assumed |= sc_layout_assumed(layout);
    sc_layout_destroy(layout);
    return err;
}

static sc_err *read_parts(struct nt_segheap *h) {
    sc_err *err = NULL;
    for (size_t i = 0; !err && i < sizeof parts / sizeof *parts; i++)
        err = measure(h->pool->nt, parts[i].type, parts[i].member,
                      (uint32_t *)(void *)((char *)h + parts[i].to), &h->assumed);
    uint32_t unit = h->pool->unit;
    h->vs_header = (h->vs_header + unit - 1) / unit * unit;
    return err;
}

/* ---- heaps ---- */

static sc_err *absent(const char *what) {
    return sc_errf(SC_ERR_NOT_FOUND, "the pool's heaps cannot be read: %s is not in the dump",
                   what);
}

static sc_err *read_keys(struct nt_segheap *h, uint64_t state) {
    const struct nt *nt = h->pool->nt;
    uint32_t manager, globals, key, lfh;
    sc_err *err =
        measure(nt, "nt!_EX_POOL_HEAP_MANAGER_STATE", "HeapManager", &manager, &h->assumed);
    if (!err)
        err = measure(nt, "nt!_RTLP_HP_HEAP_MANAGER", "Globals", &globals, &h->assumed);
    if (!err)
        err = measure(nt, "nt!_RTLP_HP_HEAP_GLOBALS", "HeapKey", &key, &h->assumed);
    if (!err)
        err = measure(nt, "nt!_RTLP_HP_HEAP_GLOBALS", "LfhKey", &lfh, &h->assumed);
    if (err)
        return err;
    struct nt_field at = nt_pointer(nt, nt_add(nt, state, manager + (uint64_t)globals)), symbol;
    err = nt_var_address(nt, &(struct nt_var){"nt!RtlpHpHeapGlobals", 0}, &symbol);
    if (err)
        return err;
    if (!nt_set(&at))
        at = symbol;
    if (!nt_set(&at))
        return absent("nt!ExPoolState");
    struct nt_field k = nt_pointer(nt, nt_add(nt, at.value, key));
    struct nt_field l = nt_pointer(nt, nt_add(nt, at.value, lfh));
    if (k.state != NT_READ || l.state != NT_READ)
        return absent("nt!RtlpHpHeapGlobals");
    h->heap_key = k.value;
    h->lfh_key = l.value;
    return NULL;
}

static void read_context(struct nt_segheap *h, uint64_t at, uint32_t shift, uint32_t first,
                         struct nt_seg_context *ret) {
    const struct nt *nt = h->pool->nt;
    uint64_t s, f;
    struct nt_field mask = nt_pointer(nt, at);
    if (mask.state != NT_READ ||
        sc_space_uint(nt->space, nt_add(nt, at, shift), 1, &s) != SC_READ_OK ||
        sc_space_uint(nt->space, nt_add(nt, at, first), 1, &f) != SC_READ_OK)
        return;
    /* Segments of 64 KB to 1 GB, in units of a page or more. */
    uint64_t size = (0 - mask.value) & (nt->ptr_size == 4 ? UINT32_MAX : UINT64_MAX);
    if (!size || (size & (size - 1)) || size > 1 << 30 || s < 12 || s > 24 ||
        size >> s > DESCRIPTORS)
        return;
    *ret = (struct nt_seg_context){mask.value, (uint8_t)s, (uint8_t)f};
}

static sc_err *read_contexts(struct nt_segheap *h) {
    const struct nt *nt = h->pool->nt;
    uint32_t shift, first;
    sc_err *err = measure(nt, "nt!_HEAP_SEG_CONTEXT", "UnitShift", &shift, &h->assumed);
    if (!err)
        err = measure(nt, "nt!_HEAP_SEG_CONTEXT", "FirstDescriptorIndex", &first, &h->assumed);
    for (size_t i = 0; !err && i < h->nheaps && !h->context[0].mask; i++)
        for (unsigned k = 0; k < NT_SEG_CONTEXTS; k++)
            read_context(h, nt_add(nt, h->heap[i].address, h->contexts + k * h->context_size),
                         shift, first, &h->context[k]);
    return err;
}

/* The heaps of one node. */
static void read_node(struct nt_segheap *h, uint64_t node, uint32_t signature) {
    static const enum nt_pool_region region[HEAPS_OF_NODE] = {
        NT_REGION_NONPAGED, NT_REGION_NONPAGED, NT_REGION_PAGED, NT_REGION_UNKNOWN};
    const struct nt *nt = h->pool->nt;
    for (unsigned i = 0; i < HEAPS_OF_NODE && h->nheaps < NT_SEGHEAPS_MAX; i++) {
        struct nt_field heap = nt_pointer(nt, nt_add(nt, node, (uint64_t)i * nt->ptr_size));
        uint64_t v;
        if (!nt_set(&heap) || !nt_is_kernel(nt, heap.value) ||
            sc_space_uint(nt->space, nt_add(nt, heap.value, signature), 4, &v) != SC_READ_OK ||
            v != HEAP_SIGNATURE)
            continue;
        h->heap[h->nheaps].address = heap.value;
        h->heap[h->nheaps++].region = region[i];
    }
}

static sc_err *read_nodes(struct nt_segheap *h, uint64_t state) {
    const struct nt *nt = h->pool->nt;
    uint32_t count_at, nodes, size, signature;
    uint64_t count;
    static const char type[] = "nt!_EX_POOL_HEAP_MANAGER_STATE";
    sc_err *err = measure(nt, type, "NumberOfPools", &count_at, &h->assumed);
    if (!err)
        err = measure(nt, type, "PoolNode", &nodes, &h->assumed);
    if (!err)
        err = measure(nt, "nt!_EX_HEAP_POOL_NODE", NULL, &size, &h->assumed);
    if (!err)
        err = measure(nt, "nt!_SEGMENT_HEAP", "Signature", &signature, &h->assumed);
    if (err)
        return err;
    if (sc_space_uint(nt->space, nt_add(nt, state, count_at), 4, &count) != SC_READ_OK)
        return absent("nt!ExPoolState");
    for (uint64_t i = 0; i < count && i < NODES_MAX; i++)
        read_node(h, nt_add(nt, state, nodes + i * size), signature);
    return h->nheaps ? NULL : absent("every nt!_SEGMENT_HEAP");
}

sc_err *nt_segheap_open(const struct nt_pool *pool, struct nt_segheap *ret) {
    struct nt_segheap h = {.pool = pool};
    struct nt_field state;
    sc_err *err = nt_var_address(pool->nt, &(struct nt_var){"nt!ExPoolState", 0}, &state);
    if (!err && state.state != NT_READ)
        err = sc_errf(SC_ERR_NOT_FOUND,
                      "the pool's heaps cannot be found without the symbol nt!ExPoolState");
    if (!err)
        err = read_parts(&h);
    if (!err)
        err = read_keys(&h, state.value);
    if (!err)
        err = read_nodes(&h, state.value);
    if (!err)
        err = read_contexts(&h);
    if (!err && !h.context[0].mask)
        err = absent("nt!_SEGMENT_HEAP.SegContexts");
    if (!err)
        *ret = h;
    return err;
}

/* ---- ranges ---- */

static uint64_t pointer_mask(const struct nt_segheap *h) {
    return h->pool->nt->ptr_size == 4 ? UINT32_MAX : UINT64_MAX;
}

/* The heap whose segment lies at SEGMENT, by its signature; its index, or SIZE_MAX. */
static size_t owner_of(const struct nt_segheap *h, uint64_t segment) {
    const struct nt *nt = h->pool->nt;
    struct nt_field signature = nt_pointer(nt, nt_add(nt, segment, h->signature));
    if (signature.state != NT_READ)
        return SIZE_MAX;
    uint64_t owner = (signature.value ^ segment ^ h->heap_key ^ SIGNATURE_KEY) & pointer_mask(h);
    for (size_t i = 0; i < h->nheaps; i++)
        if (owner - h->heap[i].address < h->heap_size)
            return i;
    return SIZE_MAX;
}

static bool descriptor(const struct nt_segheap *h, uint64_t segment, uint64_t index,
                       uint64_t *ret_flags, uint64_t *ret_units) {
    const struct nt *nt = h->pool->nt;
    uint64_t at = nt_add(nt, segment, index * h->descriptor);
    return sc_space_uint(nt->space, nt_add(nt, at, h->flags), 1, ret_flags) == SC_READ_OK &&
           sc_space_uint(nt->space, nt_add(nt, at, h->units), 1, ret_units) == SC_READ_OK;
}

static bool range_of(const struct nt_segheap *h, const struct nt_seg_context *c, uint64_t segment,
                     uint64_t address, struct nt_seg_range *ret) {
    uint64_t index = (address - segment) >> c->shift, flags, units;
    uint64_t count = ((0 - c->mask) & pointer_mask(h)) >> c->shift;
    if (index < c->first || !descriptor(h, segment, index, &flags, &units))
        return false;
    if (!(flags & RANGE_FIRST) && (flags & RANGE_ALLOCATED)) {
        if (units > index - c->first)
            return false;
        index -= units;
        if (!descriptor(h, segment, index, &flags, &units) || !(flags & RANGE_FIRST))
            return false;
    }
    if (!units || units > count - index)
        units = 1; /* of a free range in the middle: this unit is free, no more is known */
    ret->kind = !(flags & RANGE_ALLOCATED)          ? NT_SEG_FREE
                : (flags & RANGE_KIND) == RANGE_VS  ? NT_SEG_VS
                : (flags & RANGE_KIND) == RANGE_LFH ? NT_SEG_LFH
                                                    : NT_SEG_PAGES;
    ret->start = segment + (index << c->shift);
    ret->size = units << c->shift;
    return address - ret->start < ret->size;
}

sc_err *nt_segheap_range(const struct nt_segheap *h, uint64_t address, struct nt_seg_range *ret,
                         bool *ret_found) {
    *ret_found = false;
    for (unsigned k = 0; k < NT_SEG_CONTEXTS && !*ret_found; k++) {
        const struct nt_seg_context *c = &h->context[k];
        uint64_t segment = address & c->mask;
        if (!c->mask)
            continue;
        size_t owner = owner_of(h, segment);
        struct nt_seg_range r = {.segment = segment};
        if (owner == SIZE_MAX || !range_of(h, c, segment, address, &r))
            continue;
        r.heap = h->heap[owner].address;
        r.region = h->heap[owner].region;
        *ret = r;
        *ret_found = true;
    }
    return NULL;
}

/* ---- blocks ---- */

/* A block in use: its POOL_HEADER at AT, SIZE bytes of the heap from there on. */
static bool block_of(const struct nt_segheap *h, uint64_t at, uint32_t size,
                     const struct nt_seg_range *range, struct nt_pool_block *ret) {
    uint8_t header[16];
    size_t got = 0;
    sc_space_read(h->pool->nt->space, at, header, h->pool->header, &got);
    if (got < h->pool->header) {
        *ret = (struct nt_pool_block){
            .address = at, .size = size, .allocated = true, .region = range->region};
        return false;
    }
    nt_pool_decode(h->pool, at, header, ret);
    if (!ret->size || ret->size > size)
        ret->size = size;
    ret->allocated = true;
    ret->region = range->region != NT_REGION_UNKNOWN ? range->region : ret->region;
    return true;
}

static bool give_free(const struct nt_segheap *h, uint64_t at, uint32_t size, nt_seg_block_fn fn,
                      void *ctx) {
    uint8_t header[16];
    struct nt_pool_block b = {.address = at, .size = size};
    size_t got = 0;
    sc_space_read(h->pool->nt->space, at, header, h->pool->header, &got);
    if (got == h->pool->header) {
        nt_pool_decode(h->pool, at, header, &b);
        b = (struct nt_pool_block){.address = at, .size = size, .tag = b.tag};
    }
    return fn(ctx, &b);
}

/* The sizes in a chunk's header, in bytes; false when it is not in the dump. */
static bool chunk_at(const struct nt_segheap *h, uint64_t at, uint32_t *ret_size, bool *ret_used) {
    struct nt_field bits = nt_pointer(h->pool->nt, at);
    if (bits.state != NT_READ)
        return false;
    uint64_t v = (bits.value ^ at ^ h->heap_key) & pointer_mask(h);
    bool x86 = h->pool->unit == 8;
    *ret_size = (uint32_t)(x86 ? v >> 1 & 0x7fff : v >> 16 & 0xffff) * h->pool->unit;
    *ret_used = x86 ? v >> 31 & 1 : (v >> 48 & 0xff) != 0;
    return true;
}

/* Where the POOL_HEADER of a chunk stands: behind the chunk's, or at the next page's beginning. */
static uint64_t header_of(const struct nt_segheap *h, uint64_t chunk, uint32_t size) {
    uint64_t at = chunk + h->chunk, page = (at | (NT_POOL_PAGE - 1)) + 1;
    if (at % NT_POOL_PAGE == 0 || chunk + size <= page + h->pool->header)
        return at;
    /* What crosses a page's end and would fit behind it was put there. */
    return chunk + size - page <= NT_POOL_PAGE ? page : at;
}

static sc_err *each_chunk(const struct nt_segheap *h, const struct nt_seg_range *r,
                          nt_seg_block_fn fn, void *ctx, uint64_t *ret_bad) {
    const struct nt *nt = h->pool->nt;
    uint64_t size, check, end = r->start + r->size, at = r->start + h->vs_header;
    if (sc_space_uint(nt->space, r->start + h->vs_size, 2, &size) != SC_READ_OK ||
        sc_space_uint(nt->space, r->start + h->vs_check, 2, &check) != SC_READ_OK ||
        ((size ^ check ^ VS_CHECK) & 0x7fff)) {
        *ret_bad = r->start;
        return NULL;
    }
    for (unsigned n = 0; n < CHUNKS_MAX && at + h->chunk < end; n++) {
        uint32_t bytes;
        bool used;
        struct nt_pool_block b;
        if (sc_target_cancelled(nt->target))
            return sc_err_cancelled();
        if (!chunk_at(h, at, &bytes, &used) || bytes < h->chunk || bytes > end - at) {
            *ret_bad = at;
            return NULL;
        }
        uint64_t header = header_of(h, at, bytes);
        if (used)
            block_of(h, header, (uint32_t)(at + bytes - header), r, &b);
        if (used ? !fn(ctx, &b) : !give_free(h, at, bytes, fn, ctx))
            return NULL;
        at += bytes;
    }
    return NULL;
}

static sc_err *each_slot(const struct nt_segheap *h, const struct nt_seg_range *r,
                         nt_seg_block_fn fn, void *ctx, uint64_t *ret_bad) {
    const struct nt *nt = h->pool->nt;
    uint64_t offsets, count, bits;
    if (sc_space_uint(nt->space, r->start + h->lfh_offsets, 4, &offsets) != SC_READ_OK ||
        sc_space_uint(nt->space, r->start + h->lfh_count, 2, &count) != SC_READ_OK) {
        *ret_bad = r->start;
        return NULL;
    }
    offsets ^= (h->lfh_key & UINT32_MAX) ^ (r->start >> 12 & UINT32_MAX);
    uint32_t size = offsets & 0xffff, first = offsets >> 16 & 0xffff;
    if (!size || first < h->lfh_bitmap || first + (uint64_t)size * count > r->size) {
        *ret_bad = r->start;
        return NULL;
    }
    for (uint64_t i = 0; i < count; i++) {
        uint64_t at = r->start + first + i * size;
        struct nt_pool_block b;
        if (sc_space_uint(nt->space, r->start + h->lfh_bitmap + i / 4, 1, &bits) != SC_READ_OK) {
            *ret_bad = at;
            return NULL;
        }
        bool used = bits >> (i % 4 * 2) & 1;
        if (used)
            block_of(h, at, size, r, &b);
        if (used ? !fn(ctx, &b) : !give_free(h, at, size, fn, ctx))
            return NULL;
    }
    return NULL;
}

sc_err *nt_segheap_blocks(const struct nt_segheap *h, const struct nt_seg_range *r,
                          nt_seg_block_fn fn, void *ctx, uint64_t *ret_bad) {
    *ret_bad = 0;
    switch (r->kind) {
    case NT_SEG_VS: return each_chunk(h, r, fn, ctx, ret_bad);
    case NT_SEG_LFH: return each_slot(h, r, fn, ctx, ret_bad);
    default: return NULL;
    }
}
