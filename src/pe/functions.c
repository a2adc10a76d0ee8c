/* SPDX-License-Identifier: MIT */
/*
 * The function table (.pdata) and the headers of what it points to (.xdata).
 *
 *     x64   { u32 begin, u32 end, u32 UNWIND_INFO }   bit 0 of the last: RVA of another such entry
 *     ARM64 { u32 begin, u32 data }   low 2 bits of data: 0 = RVA of .xdata,
 *     ARM   { u32 begin | thumb, u32 data }                1, 2 = packed: bits 2…12 are the length
 *                                                          in instructions (ARM: half words);
 *                                                          3 = RVA of another entry that it stands
 *                                                          for (ARM64), its length is not said
 *     UNWIND_INFO  u8 version:3 flags:5, u8 prolog, u8 count, u8 register:4 offset:4,
 *                  count × u16 (padded to an even number), then by the flags:
 *                  4 chained: RUNTIME_FUNCTION; 1, 2 handler: u32 RVA, its data
 *     .xdata       u32: length:18 version:2 X:1 E:1 (ARM: F:1) epilogs:5 words:5 (ARM: 4);
 *                  both 0: u32 epilogs:16 words:8; then unless E: u32 scopes; codes; X: u32 handler
 *
 * Learnt from Microsoft's documents "x64 exception handling", "ARM64 exception handling" and "ARM
 * exception handling". The table is sorted by start, and is searched in place.
 */
#include <inttypes.h>
#include <string.h>

#include "pe/pe_impl.h"

enum { CHAIN_MAX = 32, INDIRECT_MAX = 4 };

static const char what_table[] = "function table";

/* Bytes of an entry; 0 when the CPU has no table that we know. */
static unsigned entry_size(const sc_pe *pe) {
    switch (sc_pe_cpu(pe)) {
    case SC_CPU_X64: return 12;
    case SC_CPU_ARM64:
    case SC_CPU_ARM: return 8;
    default: return 0;
    }
}

size_t sc_pe_function_count(const sc_pe *pe) {
    struct sc_pe_directory dir;
    unsigned size = entry_size(pe);
    if (!size || !sc_pe_directory(pe, SC_PE_DIR_EXCEPTION, &dir))
        return 0;
    uint64_t n = dir.size / size, room = pe_room(pe, size);
    return (size_t)(n < room ? n : room);
}

static uint64_t entry_rva(const sc_pe *pe, size_t index) {
    return pe->h.dir[SC_PE_DIR_EXCEPTION].rva + (uint64_t)index * entry_size(pe);
}

static void read_x64(struct pe_cur *c, struct sc_pe_function *f) {
    f->begin = pe_u32(c);
    f->end = pe_u32(c);
    f->unwind = pe_u32(c);
}

/* ARM and ARM64. The length of an unpacked one stands in .xdata; it is left 0 when missing. */
static void read_arm(struct pe_cur *c, bool arm64, struct sc_pe_function *f) {
    uint32_t begin = pe_u32(c), data = pe_u32(c);
    unsigned unit = arm64 ? 4 : 2;
    f->thumb = !arm64 && (begin & 1);
    f->begin = arm64 ? begin : begin & ~1u;
    if (data & 3) {
        f->packed = data;
        f->end = (data & 3) == 3 ? 0 : f->begin + (data >> 2 & 0x7ff) * unit;
        return;
    }
    f->unwind = data;
    uint32_t head;
    sc_err *err = c->failed ? NULL : pe_u32_at(c->pe, data, ".xdata", &head);
    if (!err && !c->failed)
        f->end = f->begin + (head & 0x3ffff) * unit;
    sc_err_destroy(err);
}

static sc_err *read_entry(const sc_pe *pe, uint64_t rva, struct sc_pe_function *ret) {
    struct pe_cur c = pe_cur_at(pe, rva, entry_size(pe), what_table);
    struct sc_pe_function f = {.entry = (uint32_t)rva};
    if (sc_pe_cpu(pe) == SC_CPU_X64)
        read_x64(&c, &f);
    else
        read_arm(&c, sc_pe_cpu(pe) == SC_CPU_ARM64, &f);
    if (c.failed)
        return pe_cur_err(&c);
    *ret = f;
    return NULL;
}

sc_err *sc_pe_function_at(const sc_pe *pe, size_t index, struct sc_pe_function *ret) {
    if (index >= sc_pe_function_count(pe))
        return pe_errf(pe, SC_ERR_NOT_FOUND, "no function table entry %zu", index);
    return read_entry(pe, entry_rva(pe, index), ret);
}

sc_err *sc_pe_function_find(const sc_pe *pe, uint32_t rva, struct sc_pe_function *ret) {
    size_t lo = 0, hi = sc_pe_function_count(pe);
    uint32_t clear = sc_pe_cpu(pe) == SC_CPU_ARM; /* the thumb bit */
    while (lo < hi) {                             /* lo: entries that begin at or below RVA */
        size_t mid = lo + (hi - lo) / 2;
        uint32_t begin;
        sc_err *err = pe_u32_at(pe, entry_rva(pe, mid), what_table, &begin);
        if (err)
            return err;
        if ((begin & ~clear) <= rva)
            lo = mid + 1;
        else
            hi = mid;
    }
    struct sc_pe_function f = {0};
    sc_err *err = lo ? read_entry(pe, entry_rva(pe, lo - 1), &f) : NULL;
    if (err)
        return err;
    if (!lo || (f.end && rva >= f.end))
        return pe_errf(pe, SC_ERR_NOT_FOUND, "no function table entry covers RVA 0x%" PRIx32, rva);
    *ret = f;
    return NULL;
}

/* Follows entries that stand for another entry (bit 0). */
static sc_err *resolve(const sc_pe *pe, uint32_t *unwind) {
    for (unsigned i = 0; *unwind & 1; i++) {
        struct sc_pe_function f;
        if (i == INDIRECT_MAX)
            return pe_bad(pe, *unwind, "%s: entries refer to each other", what_table);
        sc_err *err = read_entry(pe, *unwind & ~1u, &f);
        if (err)
            return err;
        *unwind = f.unwind;
    }
    return NULL;
}

static sc_err *need_x64(const sc_pe *pe) {
    if (sc_pe_cpu(pe) == SC_CPU_X64)
        return NULL;
    return pe_errf(pe, SC_ERR_ARG, "UNWIND_INFO is of x64 images only");
}

sc_err *sc_pe_unwind(const sc_pe *pe, uint32_t rva, struct sc_pe_unwind *ret) {
    sc_err *err = need_x64(pe);
    if (err || (err = resolve(pe, &rva)))
        return err;
    struct pe_cur c = pe_cur_at(pe, rva, 4 + 512 + 12, "unwind information");
    struct sc_pe_unwind u = {.rva = rva};
    uint8_t head = pe_u8(&c);
    u.version = head & 7;
    u.flags = head >> 3;
    u.prolog = pe_u8(&c);
    u.ncodes = pe_u8(&c);
    uint8_t frame = pe_u8(&c);
    u.frame_register = frame & 15;
    u.frame_offset = frame >> 4;
    if (!c.failed && (u.version < 1 || u.version > 2))
        return pe_bad(pe, rva, "unwind information: version %u is not known", u.version);
    for (unsigned i = 0; i < u.ncodes; i++)
        u.codes[i] = pe_u16(&c);
    if (u.ncodes & 1)
        pe_skip(&c, 2);
    if (u.flags & SC_PE_UNW_CHAININFO) {
        u.chained = true;
        read_x64(&c, &u.chain);
    } else if (u.flags & (SC_PE_UNW_EHANDLER | SC_PE_UNW_UHANDLER)) {
        u.handler = pe_u32(&c);
        u.handler_data = (uint32_t)c.pos;
    }
    u.size = (uint32_t)(c.pos - rva);
    if (c.failed)
        return pe_cur_err(&c);
    *ret = u;
    return NULL;
}

sc_err *sc_pe_function_root(const sc_pe *pe, const struct sc_pe_function *function,
                            struct sc_pe_function *ret_root) {
    struct sc_pe_function f = *function;
    sc_err *err = need_x64(pe);
    for (unsigned i = 0; !err; i++) {
        uint8_t head = 0;
        if ((err = resolve(pe, &f.unwind)) ||
            (err = sc_pe_need(pe, f.unwind, &head, 1, "unwind information")))
            return err;
        if (!(head >> 3 & SC_PE_UNW_CHAININFO)) {
            *ret_root = f;
            return NULL;
        }
        struct sc_pe_unwind u;
        if (i == CHAIN_MAX)
            return pe_bad(pe, f.unwind, "unwind information: a chain of more than %d", CHAIN_MAX);
        err = sc_pe_unwind(pe, f.unwind, &u);
        if (!err)
            f = u.chain;
    }
    return err;
}

/* The first word, or both, of a .xdata record. */
static void xdata_head(struct pe_cur *c, bool arm64, struct sc_pe_xdata *x) {
    uint32_t w = pe_u32(c);
    x->function_length = (w & 0x3ffff) * (arm64 ? 4 : 2);
    x->version = w >> 18 & 3;
    x->has_handler = w >> 20 & 1;
    x->single_epilog = w >> 21 & 1;
    x->fragment = !arm64 && (w >> 22 & 1);
    x->nepilogs = arm64 ? w >> 22 & 31 : w >> 23 & 31;
    uint32_t words = arm64 ? w >> 27 : w >> 28;
    if (!x->nepilogs && !words) {
        w = pe_u32(c);
        x->nepilogs = w & 0xffff;
        words = w >> 16 & 0xff;
    }
    x->codes_size = words * 4;
}

sc_err *sc_pe_xdata(const sc_pe *pe, uint32_t rva, struct sc_pe_xdata *ret) {
    enum sc_cpu cpu = sc_pe_cpu(pe);
    if (cpu != SC_CPU_ARM64 && cpu != SC_CPU_ARM)
        return pe_errf(pe, SC_ERR_ARG, ".xdata is of ARM and ARM64 images only");
    struct pe_cur c = pe_cur_at(pe, rva, 16 + 4 * 0xffffull + 4 * 255, ".xdata");
    struct sc_pe_xdata x = {.rva = rva};
    xdata_head(&c, cpu == SC_CPU_ARM64, &x);
    if (!c.failed && x.version)
        return pe_bad(pe, rva, ".xdata: version %u is not known", x.version);
    x.scopes = (uint32_t)c.pos;
    if (!x.single_epilog)
        pe_skip(&c, 4ull * x.nepilogs);
    x.codes = (uint32_t)c.pos;
    pe_skip(&c, x.codes_size);
    if (x.has_handler) {
        x.handler = pe_u32(&c);
        x.handler_data = (uint32_t)c.pos;
    }
    x.size = (uint32_t)(c.pos - rva);
    if (c.failed)
        return pe_cur_err(&c);
    *ret = x;
    return NULL;
}
