/* SPDX-License-Identifier: MIT */
/*
 * Function tables of ARM64: { u32 begin, u32 data }, sorted by begin. The low 2 bits of `data` say
 * what it is:
 *
 *     0   RVA of .xdata, whose first word has the length: bits 0 … 17, in instructions
 *     1   packed, with a prolog and an epilog; bits 2 … 12 are the length in instructions
 *     2   packed, of a fragment without either
 *     3   stands for another entry, whose RVA it is, less the 3: code that has not touched the
 *         stack when control is in it. Bit 2 set: reserved. How long such code is it does not say
 *
 * Learnt from Microsoft's "ARM64 exception handling"; flag 3 from the .NET runtime.
 */
#include "unwind/arm64.h"

enum { ENTRY = 8 };

static uint32_t get32(const uint8_t *p) {
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

enum sc_step_status arm64_read(const struct arm64_region *r, uint64_t rva, void *buf, size_t len,
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

static enum sc_step_status read_words(const struct arm64_region *r, uint64_t rva, unsigned count,
                                      uint32_t *ret, uint64_t *missing) {
    uint8_t raw[ENTRY];
    enum sc_step_status st = arm64_read(r, rva, raw, (size_t)count * 4, missing);
    for (unsigned i = 0; st == SC_STEP_DONE && i < count; i++)
        ret[i] = get32(raw + 4 * (size_t)i);
    return st;
}

/* Fills in `length`, and what the entry stands for. NEXT: where the next entry begins. */
static enum sc_step_status complete(const struct arm64_region *r, struct arm64_entry *e,
                                    uint32_t next, uint64_t *missing) {
    uint32_t word[2];
    enum sc_step_status st;
    switch ((enum arm64_flag)(e->data & 3)) {
    case ARM64_PACKED:
    case ARM64_PACKED_FRAGMENT: e->length = (e->data >> 2 & 0x7ff) * 4; return SC_STEP_DONE;
    case ARM64_XDATA:
        st = read_words(r, e->data, 1, word, missing);
        if (st == SC_STEP_DONE)
            e->length = (word[0] & 0x3ffff) * 4;
        return st;
    case ARM64_CHAINED: break;
    }
    *missing = r->base + e->begin;
    if (e->data & 4)
        return SC_STEP_NO_RULE;
    st = read_words(r, e->data & ~3u, 2, word, missing);
    if (st != SC_STEP_DONE)
        return st;
    if ((word[1] & 3) == ARM64_CHAINED)
        return SC_STEP_BAD;
    e->length = next - e->begin;
    e->data = word[1];
    e->chained = true;
    return SC_STEP_DONE;
}

enum sc_step_status arm64_find(const struct arm64_region *r, uint32_t rva, struct arm64_entry *ret,
                               bool *ret_found, uint64_t *ret_missing) {
    uint32_t lo = 0, hi = r->count, next = UINT32_MAX;
    struct arm64_entry e = {0};
    while (lo < hi) { /* lo: entries that begin at or below RVA */
        uint32_t mid = lo + (hi - lo) / 2, word[2];
        enum sc_step_status st =
            read_words(r, r->table + (uint64_t)mid * ENTRY, 2, word, ret_missing);
        if (st != SC_STEP_DONE)
            return st;
        if (word[0] <= rva) {
            e = (struct arm64_entry){.begin = word[0], .data = word[1]};
            lo = mid + 1;
        } else {
            next = word[0];
            hi = mid;
        }
    }
    enum sc_step_status st = lo ? complete(r, &e, next, ret_missing) : SC_STEP_DONE;
    if (st != SC_STEP_DONE)
        return st;
    *ret_found = lo && rva - e.begin < e.length;
    *ret = e;
    return SC_STEP_DONE;
}
