/* SPDX-License-Identifier: MIT */
/*
 * Function tables of x64: { u32 begin, u32 end, u32 unwind }, RVAs, sorted by begin. With bit 0 of
 * `unwind` set the entry stands for another one, which lies at that RVA less the bit.
 *
 * Tables of images are searched in the target's memory, where absent pages come from the image
 * file; those of code made at run time lie in memory too, or in a stream of a minidump. A table
 * that is not sorted (RtlAddFunctionTable takes such) is read from end to end.
 *
 * Learnt from Microsoft's "x64 exception handling"; the indirect form from the .NET runtime.
 */
#include <string.h>

#include "unwind/x64.h"

enum {
    ENTRY = 12,
    UNSORTED_MAX = 65536, /* entries: behind them is not looked */
    CHUNK = 64,
};

static uint32_t get32(const uint8_t *p) {
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static struct x64_entry decode(const uint8_t *p) {
    return (struct x64_entry){get32(p), get32(p + 4), get32(p + 8)};
}

enum sc_step_status x64_read(const struct x64_region *r, uint64_t rva, void *buf, size_t len,
                             uint64_t *ret_missing) {
    size_t got = 0;
    if (rva >= r->size || len > r->size - rva) {
        *ret_missing = r->base + rva;
        return SC_STEP_BAD;
    }
    if (sc_space_read(r->space, r->base + rva, buf, len, &got) == SC_READ_OK)
        return SC_STEP_DONE;
    *ret_missing = r->base + rva + got;
    return SC_STEP_MEMORY;
}

/* COUNT entries from INDEX on, as bytes. */
static enum sc_step_status read_entries(const struct x64_region *r, uint32_t index, void *buf,
                                        size_t len, uint64_t *missing) {
    const struct x64_table *t = &r->table;
    uint64_t at = t->at + (uint64_t)index * t->stride;
    size_t got = 0;
    bool ok = t->file ? sc_file_read_some(t->file, at, buf, len, &got) && got == len
                      : sc_space_read(r->space, at, buf, len, &got) == SC_READ_OK;
    if (ok)
        return SC_STEP_DONE;
    *missing = t->file ? 0 : at + got;
    return SC_STEP_MEMORY;
}

static bool covers(const struct x64_entry *e, uint32_t rva) {
    return rva >= e->begin && rva < e->end;
}

/* The last entry that begins at or below RVA. */
static enum sc_step_status search(const struct x64_region *r, uint32_t rva, struct x64_entry *ret,
                                  bool *found, uint64_t *missing) {
    uint32_t lo = 0, hi = r->table.count;
    struct x64_entry best = {0};
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        uint8_t raw[ENTRY];
        enum sc_step_status st = read_entries(r, mid, raw, sizeof raw, missing);
        if (st != SC_STEP_DONE)
            return st;
        struct x64_entry e = decode(raw);
        if (e.begin <= rva) {
            best = e;
            lo = mid + 1;
        } else {
            hi = mid;
        }
    }
    *found = lo && covers(&best, rva);
    *ret = best;
    return SC_STEP_DONE;
}

static enum sc_step_status scan(const struct x64_region *r, uint32_t rva, struct x64_entry *ret,
                                bool *found, uint64_t *missing) {
    uint8_t raw[CHUNK * ENTRY];
    uint32_t stride = r->table.stride, count = r->table.count;
    uint32_t step = stride == ENTRY ? CHUNK : 1;
    if (count > UNSORTED_MAX)
        count = UNSORTED_MAX;
    for (uint32_t i = 0; i < count && !*found; i += step) {
        uint32_t n = count - i < step ? count - i : step;
        enum sc_step_status st = read_entries(r, i, raw, (size_t)n * ENTRY, missing);
        if (st != SC_STEP_DONE)
            return st;
        for (uint32_t k = 0; k < n && !*found; k++) {
            *ret = decode(raw + (size_t)k * ENTRY);
            *found = covers(ret, rva);
        }
    }
    return SC_STEP_DONE;
}

enum sc_step_status x64_resolve(const struct x64_region *r, struct x64_entry *entry,
                                uint64_t *ret_missing) {
    for (unsigned i = 0; entry->unwind & 1; i++) {
        uint8_t raw[ENTRY];
        uint32_t at = entry->unwind & ~1u;
        *ret_missing = r->base + at;
        if (i == X64_INDIRECT_MAX)
            return SC_STEP_BAD;
        enum sc_step_status st = x64_read(r, at, raw, sizeof raw, ret_missing);
        if (st != SC_STEP_DONE)
            return st;
        *entry = decode(raw);
    }
    return SC_STEP_DONE;
}

enum sc_step_status x64_find(const struct x64_region *r, uint32_t rva, struct x64_entry *ret,
                             bool *ret_found, uint64_t *ret_missing) {
    struct x64_entry e = {0};
    bool found = false;
    enum sc_step_status st = r->table.unsorted ? scan(r, rva, &e, &found, ret_missing)
                                               : search(r, rva, &e, &found, ret_missing);
    if (st == SC_STEP_DONE && found)
        st = x64_resolve(r, &e, ret_missing);
    if (st != SC_STEP_DONE)
        return st;
    *ret = e;
    *ret_found = found;
    return SC_STEP_DONE;
}

enum sc_step_status x64_root(const struct x64_region *r, const struct x64_entry *entry,
                             struct x64_entry *ret, uint64_t *ret_missing) {
    struct x64_entry e = *entry;
    for (unsigned i = 0; i <= X64_CHAIN_MAX; i++) {
        struct x64_info info;
        enum sc_step_status st = x64_resolve(r, &e, ret_missing);
        if (st == SC_STEP_DONE)
            st = x64_info(r, e.unwind, &info, ret_missing);
        if (st != SC_STEP_DONE)
            return st;
        if (!info.chained) {
            *ret = e;
            return SC_STEP_DONE;
        }
        e = info.chain;
    }
    *ret_missing = r->base + e.unwind;
    return SC_STEP_BAD;
}
