/* SPDX-License-Identifier: MIT */
/*
 * Which page file is the store: MMPAGING_FILE.VirtualStorePagefile is set in it; where that cannot
 * be read, the partition's Store.VirtualPageFileNumber, once a store is registered.
 *
 * A page is found by its key, page file << 28 | page:
 *
 *   nt!SmGlobals   + 1c0 (x86: f4)    tree: key -> store's index (bits 0-9; bit 24: no more)
 *                  + 0                32 pointers to 32 entries each: SMKM_STORE, …, EPROCESS
 *   22601 and on   SmGlobals + 8 points 7a8 bytes behind that structure
 *   SMKM_STORE     tree: key -> number of a page record (see `records` below)
 *                  pointer to an array of pointers: regions in the owner's user memory
 *   page record    u32 Key (region and place in it, in units of 16 bytes), u32 CompressedSize:
 *                  1000 not compressed, 0 a page of zeros
 *   tree's node    u16 count, u8 level, u8 leaf, pointer to the leftmost child; then in a leaf
 *                  {u32 key, u32 value}, else {u32 key, pointer to the child from that key on}
 *   records        32 pointers, u64, then u32: shift, mask, size of a record, -, size of a head.
 *                  Record R is in chunk R >> shift, record R & mask of it. The chunk's highest set
 *                  bit is an index into the pointers, what is below it one into what that points
 *                  to: a pointer to the chunk's page, whose head comes first
 *
 * None of it is in public symbols. Sources: FireEye's "Finding Evil in Windows 10 Compressed
 * Memory" (the structures, offsets of 1607 to 1809) and the offsets by build that MemProcFS has
 * (facts only). No real dump with a store was at hand: so all that can be checked is, the owner
 * by two ways and the page by its length after unpacking; what does not fit is left compressed.
 * Records that share their data (Key ffffffff) are not published, and 24H2 packs with LZ4.
 */
#include "nt/memstore.h"

#include <stdlib.h>
#include <string.h>

#include "dump/xpress.h"
#include "mem/pages.h"
#include "mem/space_impl.h"
#include "nt/pagefile.h"
#include "nt/process.h"
#include "target/target_impl.h"

enum {
    PAGE = 0x1000,
    TREE_DEPTH = 8,
    NODE = PAGE,
    RECORD = 8, /* bytes of a record that are used */
    XPRESS = 3,
    XPRESS_HUFFMAN = 4,
    STORES_A_ROW = 32,
    FIRST_BUILD = 14393,
    BEHIND_POINTER = 22601, /* from here on SmGlobals leads to it by a pointer */
    LZ4_BUILD = 26000,
};

/* Where a build keeps what: offsets in SMKM_STORE, and in SmGlobals. */
struct place {
    uint16_t pages, records, size_mask, index_shift; /* the same in all builds */
    uint16_t algorithm, regions, owner;
    uint16_t tree; /* in SmGlobals */
    uint8_t entry, entry_process, chunk;
};

static const struct row {
    uint32_t first;
    uint16_t algorithm, regions, owner;
} x64[] = {{19041, 0x430, 0x1848, 0x19b8},
           {16299, 0x430, 0x1848, 0x19a8},
           {15063, 0x420, 0x1828, 0x1988},
           {FIRST_BUILD, 0x420, 0x17a8, 0x1918}},
  x86[] = {{19041, 0x25c, 0x1184, 0x125c},
           {16299, 0x25c, 0x1184, 0x1254},
           {15063, 0x258, 0x1174, 0x1244},
           {FIRST_BUILD, 0x258, 0x1124, 0x1204}};

struct nt_memstore {
    struct nt nt;
    struct place at;
    uint64_t globals; /* 0: not in the dump */
    uint64_t owner;   /* EPROCESS that `space` is of */
    sc_space *space;
};

/* ---- which files ---- */

static const struct sc_layout_field partition_rows[] = {{"Store.VirtualPageFileNumber", 4, true},
                                                        {"Store.Registered", 4, true}};
static const struct nt_def partition_def = {
    {"nt!_MI_PARTITION", partition_rows, 2}, 2, NULL, NULL, 0};

sc_err *nt_memstore_files(const struct nt *nt, uint16_t *ret) {
    struct nt_pagefiles files;
    struct nt_field f[2];
    uint64_t partition;
    uint16_t found = 0;
    bool known = false;
    sc_arena *arena = sc_arena_create();
    if (!arena)
        return sc_err_nomem();
    sc_err *err = nt_pagefiles_read(nt, arena, &files);
    for (size_t i = 0; !err && i < files.count; i++)
        if (nt_set(&files.file[i].f[NT_PF_STORE]))
            found |= (uint16_t)(1u << (nt_or(&files.file[i].f[NT_PF_NUMBER], i) & 15));
    sc_arena_destroy(arena);
    if (!err && !found)
        err = nt_symbol(nt, "nt!MiSystemPartition", &partition, &known);
    if (!err && known) {
        err = nt_load_optional(nt, &partition_def, partition, f, NULL);
        if (!err && nt_set(&f[0]) && nt_set(&f[1]) && f[0].value < NT_PAGEFILES_MAX)
            found = (uint16_t)(1u << f[0].value);
    }
    if (!err)
        *ret = found;
    return err;
}

/* ---- life ---- */

static const struct row *row_of(const struct nt *nt) {
    const struct row *r = nt->cpu == SC_CPU_X64 ? x64 : nt->cpu == SC_CPU_X86 ? x86 : NULL;
    if (!r || nt->build < FIRST_BUILD || nt->build >= LZ4_BUILD)
        return NULL;
    while (r->first > nt->build)
        r++;
    return r;
}

static struct place place_of(const struct nt *nt, const struct row *r) {
    bool wide = nt->ptr_size == 8;
    return (struct place){.pages = wide ? 0x50 : 0x38,
                          .records = wide ? 0x110 : 0xa4,
                          .size_mask = wide ? 0x378 : 0x1fc,
                          .index_shift = wide ? 0x37c : 0x200,
                          .algorithm = r->algorithm,
                          .regions = r->regions,
                          .owner = r->owner,
                          .tree = wide ? 0x1c0 : 0xf4,
                          .entry = wide ? 0x28 : 0x14,
                          .entry_process = wide ? 0x18 : 0xc,
                          .chunk = wide ? 0x10 : 0xc};
}

static sc_err *find_globals(const struct nt *nt, uint64_t *ret) {
    uint64_t at = 0;
    bool found = false;
    sc_err *err = nt_symbol(nt, "nt!SmGlobals", &at, &found);
    if (!err && !found)
        err = nt_symbol(nt, "nt!?SmGlobals@@3U_SM_GLOBALS@@A", &at, &found);
    if (err || !found)
        return err;
    if (nt->build >= BEHIND_POINTER) {
        const struct nt_field behind = nt_pointer(nt, nt_add(nt, at, nt->ptr_size));
        at = nt_set(&behind) ? nt_add(nt, behind.value, (uint64_t)0 - 0x7a8) : 0;
    }
    *ret = at;
    return NULL;
}

sc_err *nt_memstore_create(const struct nt *nt, struct nt_memstore **ret) {
    const struct row *row = row_of(nt);
    uint64_t globals = 0;
    *ret = NULL;
    sc_err *err = row ? find_globals(nt, &globals) : NULL;
    if (err || !globals)
        return err;
    struct nt_memstore *s = calloc(1, sizeof *s);
    if (!s)
        return sc_err_nomem();
    s->nt = *nt;
    s->at = place_of(nt, row);
    s->globals = globals;
    *ret = s;
    return NULL;
}

void nt_memstore_destroy(struct nt_memstore *s) {
    if (!s)
        return;
    sc_space_destroy(s->space);
    free(s);
}

/* ---- reading the kernel's side ---- */

static bool get(const struct nt_memstore *s, uint64_t base, uint64_t offset, unsigned size,
                uint64_t *ret) {
    uint64_t at = nt_add(&s->nt, base, offset);
    return nt_is_kernel(&s->nt, at) && sc_space_uint(s->nt.space, at, size, ret) == SC_READ_OK;
}

/* A pointer to something of the kernel's. */
static bool get_ptr(const struct nt_memstore *s, uint64_t base, uint64_t offset, uint64_t *ret) {
    return get(s, base, offset, s->nt.ptr_size, ret) && nt_is_kernel(&s->nt, *ret);
}

static uint64_t number_at(const uint8_t *raw, unsigned size) {
    uint64_t v = 0;
    for (unsigned i = size; i-- > 0;)
        v = v << 8 | raw[i];
    return v;
}

/* The entry of a node that KEY belongs to: the last one whose key is not greater; -1: none. */
static int entry_of(const uint8_t *entries, unsigned count, unsigned size, uint32_t key) {
    int found = -1;
    for (unsigned i = 0; i < count; i++)
        if (number_at(entries + i * size, 4) <= key)
            found = (int)i;
    return found;
}

/* The value that the tree with its root at NODE has for KEY. */
static bool look_up(const struct nt_memstore *s, uint64_t node, uint32_t key, uint32_t *ret) {
    unsigned ptr = s->nt.ptr_size, head = 2 * ptr;
    uint8_t raw[NODE];
    for (unsigned depth = 0; depth < TREE_DEPTH; depth++) {
        if (!nt_is_kernel(&s->nt, node) ||
            sc_space_read(s->nt.space, node, raw, head, NULL) != SC_READ_OK)
            return false;
        bool leaf = raw[3] != 0;
        unsigned count = (unsigned)number_at(raw, 2), size = leaf ? 8 : 2 * ptr;
        if (count > (NODE - head) / size ||
            sc_space_read(s->nt.space, node, raw, head + count * size, NULL) != SC_READ_OK)
            return false;
        int i = entry_of(raw + head, count, size, key);
        const uint8_t *entry = raw + head + (i < 0 ? 0 : (unsigned)i) * size;
        if (leaf) {
            *ret = i < 0 ? 0 : (uint32_t)number_at(entry + 4, 4);
            return i >= 0 && number_at(entry, 4) == key;
        }
        node = i < 0 ? number_at(raw + ptr, ptr) : number_at(entry + (ptr == 8 ? 8 : 4), ptr);
    }
    return false;
}

/* The SMKM_STORE that keeps the page, and the process its regions are in. */
static bool find_store(const struct nt_memstore *s, uint32_t key, uint64_t *ret_store,
                       uint64_t *ret_owner) {
    uint64_t root, row, said;
    uint32_t value;
    if (!get_ptr(s, s->globals, s->at.tree, &root) || !look_up(s, root, key, &value) ||
        value >> 24 & 1)
        return false;
    unsigned index = value & 0x3ff;
    uint64_t entry = (uint64_t)(index % STORES_A_ROW) * s->at.entry;
    return get_ptr(s, s->globals, (uint64_t)(index / STORES_A_ROW) * s->nt.ptr_size, &row) &&
           get_ptr(s, row, entry, ret_store) &&
           get(s, row, entry + s->at.entry_process, s->nt.ptr_size, &said) &&
           get_ptr(s, *ret_store, s->at.owner, ret_owner) && (!said || said == *ret_owner);
}

/* Key and size of the page record with that number. */
static bool find_record(const struct nt_memstore *s, uint64_t store, uint32_t number,
                        uint32_t *ret_key, uint32_t *ret_size) {
    uint64_t at = nt_add(&s->nt, store, s->at.records), behind = 32 * s->nt.ptr_size + 8;
    uint64_t shift, mask, size, head, chunks, page, v;
    if (!get(s, at, behind, 4, &shift) || !get(s, at, behind + 4, 4, &mask) ||
        !get(s, at, behind + 8, 4, &size) || !get(s, at, behind + 16, 4, &head) || shift > 31 ||
        size < RECORD || head > PAGE || head + (number & mask) * size > PAGE - RECORD)
        return false;
    uint32_t chunk = number >> shift;
    unsigned high = 31;
    if (!chunk)
        return false;
    while (!(chunk >> high))
        high--;
    uint64_t index = chunk ^ (uint32_t)1 << high;
    if (!get_ptr(s, at, (uint64_t)high * s->nt.ptr_size, &chunks) ||
        !get_ptr(s, chunks, index * s->at.chunk, &page) ||
        !get(s, page, head + (number & mask) * size, 8, &v))
        return false;
    *ret_key = (uint32_t)v;
    *ret_size = (uint32_t)(v >> 32);
    return true;
}

/* Where the compressed bytes are in the owner's memory. */
static bool find_bytes(const struct nt_memstore *s, uint64_t store, uint32_t key, uint64_t *ret) {
    uint64_t mask, shift, regions, region;
    if (!get(s, store, s->at.size_mask, 4, &mask) || !get(s, store, s->at.index_shift, 4, &shift) ||
        shift > 31 || !get_ptr(s, store, s->at.regions, &regions) ||
        !get(s, regions, (uint64_t)(key >> shift) * s->nt.ptr_size, s->nt.ptr_size, &region) ||
        !region || region % 0x10000 || nt_is_kernel(&s->nt, region))
        return false;
    *ret = region + ((key & mask) << 4);
    return true;
}

/* ---- the process's side ---- */

/* The address space of the process at OWNER: that of the last page, mostly. */
static bool enter(struct nt_memstore *s, uint64_t owner) {
    struct nt_process process;
    struct sc_pages pages;
    sc_space *space = NULL;
    if (s->space && s->owner == owner)
        return true;
    sc_err *err = nt_process_read(&s->nt, owner, &process);
    bool good = !err && nt_process_valid(&process) && nt_set(&process.f[NT_P_DIR_BASE]);
    if (good) {
        struct sc_paging tables = *sc_target_paging(s->nt.target);
        tables.root = process.f[NT_P_DIR_BASE].value;
        err = sc_translated_pages(&tables, &pages);
        if (!err)
            err = sc_space_create_pages(pages, s->nt.ptr_size, NULL, &space);
    }
    if (sc_err_code(err) == SC_ERR_NOMEM)
        sc_target_set_nomem(s->nt.target);
    sc_err_destroy(err);
    if (!space)
        return false;
    sc_space_destroy(s->space);
    s->space = space;
    s->owner = owner;
    return true;
}

static bool unpack(const struct nt_memstore *s, uint64_t store, const uint8_t *in, size_t size,
                   uint8_t ret[PAGE]) {
    uint64_t algorithm;
    if (!get(s, store, s->at.algorithm, 2, &algorithm))
        return false;
    struct sc_xpress x = {.why = "packed in another way"};
    if (algorithm == XPRESS)
        x = sc_xpress_plain(in, size, ret, PAGE);
    else if (algorithm == XPRESS_HUFFMAN)
        x = sc_xpress_huffman(in, size, ret, PAGE);
    return !x.why && x.made == PAGE;
}

static bool read_page(struct nt_memstore *s, uint32_t page_key, uint8_t ret[PAGE]) {
    uint64_t store, owner, root, va;
    uint32_t number, key, size;
    uint8_t packed[PAGE];
    if (!find_store(s, page_key, &store, &owner) || !get_ptr(s, store, s->at.pages, &root) ||
        !look_up(s, root, page_key, &number) || !find_record(s, store, number, &key, &size) ||
        key == UINT32_MAX || size > PAGE)
        return false;
    memset(ret, 0, PAGE);
    if (!size)
        return true;
    if (!find_bytes(s, store, key, &va) || !enter(s, owner) ||
        sc_space_read(s->space, va, size == PAGE ? ret : packed, size, NULL) != SC_READ_OK)
        return false;
    return size == PAGE || unpack(s, store, packed, size, ret);
}

enum sc_read nt_memstore_page(struct nt_memstore *s, unsigned file, uint64_t page,
                              uint8_t ret[PAGE]) {
    if (file > 15 || page >> 28)
        return SC_READ_COMPRESSED;
    return read_page(s, (uint32_t)(file << 28 | page), ret) ? SC_READ_OK : SC_READ_COMPRESSED;
}
