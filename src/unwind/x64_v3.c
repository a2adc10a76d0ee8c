/* SPDX-License-Identifier: MIT */
/*
 * Unwind information of version 3, which Microsoft published as a preview for APX.
 *
 *     +0 version:3 flags:5   +1 prolog size, low byte   +2 words of payload   +3 ops:5 epilogs:3
 *     +4 the payload: [u8 prolog size, high byte]       with flag 8 (LARGE)
 *                     ops × u8|u16                      where the prolog's instructions stand
 *                     epilogs                           see below
 *                     the pool of descriptors           the prolog's begin at its start
 *     then the handler or the chained entry, as in version 1
 *
 *     epilog          u8 flags:3 ops:5, i16 offset; unless ops is 0 (all as in the one before):
 *                     u16 first descriptor, u8|u16 offset of the last instruction,
 *                     ops × u8|u16 where its instructions stand
 *       flag 1        it goes on in the function's parent fragment; flag 2: the wider forms
 *       offset        from the start, or when negative from the end; later ones from the one before
 *
 *     descriptor      100rrrrr push      111rrrrr push r, r + 1      xx100000 … push two
 *       (low bits     1000nnnn alloc 8n + 8     2 u16 alloc 8n       1 u32 alloc n
 *       first)        0 reg:4 off:4 set frame   110rrrrr u16, 101rrrrr u32 save r
 *                     1010xxxx u16, 1001xxxx u32 save xmm            3 u8 machine frame
 *
 * Descriptors stand in the order in which they are undone; an epilog's in the order in which it
 * runs. An offset is that of the instruction itself: with ip on it, it has not run.
 *
 * Learnt from "Exception Handling Unwind Information V3" of the C++ documentation. It leaves open
 * and so do we: the types of machine frames, which of two registers PUSH2 stores on top, and what
 * a chained part's saves are relative to when its parent has a frame register. R16 … R31 are not in
 * the CONTEXT; their slots are skipped.
 */
#include <string.h>

#include "unwind/x64.h"

enum { LARGE_EPILOG = 2, TO_PARENT = 1, EPILOGS_MAX = 7 };

/* The payload; reads behind its end give 0 and set `failed`. */
struct pool {
    const uint8_t *data;
    uint32_t size, at;
    bool failed;
};

static uint32_t take(struct pool *p, unsigned bytes) {
    uint32_t v = 0;
    if (p->failed || bytes > p->size - p->at) {
        p->failed = true;
        return 0;
    }
    for (unsigned i = bytes; i-- > 0;)
        v = v << 8 | p->data[p->at + i];
    p->at += bytes;
    return v;
}

static void skip(struct pool *p, uint32_t bytes) {
    if (bytes > p->size - p->at)
        p->failed = true;
    else
        p->at += bytes;
}

struct epilog {
    uint32_t start;                /* RVA */
    uint32_t first, last, offsets; /* offsets: where its list stands in the payload */
    uint8_t flags, nops;
};

struct fragment {
    struct pool pool; /* all of the payload */
    uint32_t prolog_size, nops, offsets, width;
    struct epilog epilog[EPILOGS_MAX];
    unsigned nepilogs;
    uint32_t wods; /* where the descriptors begin */
};

static void take_epilog(struct fragment *f, const struct x64_entry *entry, unsigned index) {
    struct epilog *e = &f->epilog[index];
    uint8_t head = (uint8_t)take(&f->pool, 1);
    int32_t offset = (int16_t)take(&f->pool, 2);
    if (head >> 3) {
        e->flags = head & 7;
        e->nops = head >> 3;
        unsigned width = e->flags & LARGE_EPILOG ? 2 : 1;
        e->first = take(&f->pool, 2);
        e->last = take(&f->pool, width);
        e->offsets = f->pool.at;
        skip(&f->pool, e->nops * width);
    } else if (index) {
        *e = f->epilog[index - 1];
    } else {
        f->pool.failed = true; /* nothing to be as */
    }
    uint32_t from = index ? f->epilog[index - 1].start : offset < 0 ? entry->end : entry->begin;
    e->start = from + (uint32_t)offset;
}

static bool parse(const struct x64_entry *entry, const struct x64_info *info, struct fragment *f) {
    uint8_t counts = (uint8_t)(info->frame_offset << 4 | info->frame_register);
    bool large = info->flags & X64_LARGE;
    *f = (struct fragment){.pool = {info->payload, 2u * info->words, 0, false}};
    f->nops = counts & 31;
    f->nepilogs = counts >> 5;
    f->width = large ? 2 : 1;
    f->prolog_size = info->prolog | (large ? take(&f->pool, 1) << 8 : 0);
    f->offsets = f->pool.at;
    skip(&f->pool, f->nops * f->width);
    for (unsigned i = 0; i < f->nepilogs && !f->pool.failed; i++)
        take_epilog(f, entry, i);
    f->wods = f->pool.at;
    return !f->pool.failed;
}

/* A register that is pushed; what is not in the CONTEXT is only skipped. */
static enum sc_step_status put_push(unsigned reg, struct x64_build *b) {
    if (reg >= X64_REGS || reg == X64_RSP)
        return x64_put(b, X64_OP_ADD, 0, 8);
    return x64_put(b, X64_OP_POP, reg, 0);
}

/* r and r + 1: the second one, pushed last, lies on top. */
static enum sc_step_status put_pair(unsigned reg, struct x64_build *b) {
    enum sc_step_status st = put_push(reg + 1, b);
    return st == SC_STEP_DONE ? put_push(reg, b) : st;
}

static enum sc_step_status put_unsure(unsigned reg, struct x64_build *b) {
    return reg < X64_REGS ? x64_put(b, X64_OP_DROP, reg, 0) : x64_put(b, X64_OP_ADD, 0, 8);
}

/* push2: which of the two lies on top is not documented. */
static enum sc_step_status put_push2(uint8_t first, uint8_t second, struct x64_build *b) {
    enum sc_step_status st = put_unsure(first >> 6 | (second & 7u) << 2, b);
    return st == SC_STEP_DONE ? put_unsure(second >> 3, b) : st;
}

static enum sc_step_status put_save(unsigned reg, uint32_t at, struct x64_build *b) {
    return reg < X64_REGS ? x64_put(b, X64_OP_LOAD, reg, at) : SC_STEP_DONE;
}

/* Descriptors whose first byte alone names them. */
static enum sc_step_status put_byte(uint8_t first, struct pool *p, struct x64_build *b) {
    uint32_t v;
    switch (first) {
    case 0:
        v = take(p, 1);
        if (b->sp_based)
            return SC_STEP_NO_RULE;
        if ((v & 15) == X64_RSP)
            return SC_STEP_BAD;
        return x64_put(b, X64_OP_SET_SP, v & 15, -16 * (int64_t)(v >> 4));
    case 1: return x64_put(b, X64_OP_ADD, 0, take(p, 4));
    case 2: return x64_put(b, X64_OP_ADD, 0, 8 * (int64_t)take(p, 2));
    case 3: return SC_STEP_NO_RULE;
    default: return SC_STEP_BAD;
    }
}

/* One descriptor of the pool. PUT false: it is only passed over. */
static enum sc_step_status put_wod(struct pool *p, bool put, struct x64_build *build) {
    static const uint8_t more[16] = {[5] = 4, [6] = 2, [9] = 4, [10] = 2, [13] = 4, [14] = 2};
    static const uint8_t bytes[4] = {1, 4, 2, 1};
    uint8_t first = (uint8_t)take(p, 1);
    unsigned high5 = first >> 3, high4 = first >> 4;
    bool two = (first & 0x3f) == 0x20;
    if (p->failed)
        return SC_STEP_BAD;
    if (!put) {
        skip(p, first < 4 ? bytes[first] : two ? 1 : more[first & 15]);
        return p->failed ? SC_STEP_BAD : SC_STEP_DONE;
    }
    switch (first & 7) {
    case 4: return put_push(high5, build);
    case 5: return put_save(high5, take(p, 4), build);
    case 6: return put_save(high5, 8 * take(p, 2), build);
    case 7: return put_pair(high5, build);
    default: break;
    }
    switch (first & 15) {
    case 8: return x64_put(build, X64_OP_ADD, 0, 8 * (high4 + 1));
    case 9: return x64_put(build, X64_OP_LOAD_XMM, high4, take(p, 4));
    case 10: return x64_put(build, X64_OP_LOAD_XMM, high4, 16 * (int64_t)take(p, 2));
    default: break;
    }
    if (!two)
        return put_byte(first, p, build);
    return put_push2(first, (uint8_t)take(p, 1), build);
}

/* Puts those of NOPS descriptors from FIRST on whose instruction, by the list at OFFSETS, lies
 * below BEFORE (a prolog's, which have run) or not below FROM (an epilog's, which have not). */
static enum sc_step_status put_wods(const struct fragment *f, uint32_t first, unsigned nops,
                                    uint32_t offsets, unsigned width, uint32_t from,
                                    uint32_t before, struct x64_build *b) {
    struct pool list = f->pool, wods = f->pool;
    list.at = offsets;
    wods.at = f->wods;
    skip(&wods, first);
    enum sc_step_status st = SC_STEP_DONE;
    for (unsigned i = 0; st == SC_STEP_DONE && i < nops; i++) {
        uint32_t at = take(&list, width);
        st = put_wod(&wods, at >= from && at < before, b);
        if (list.failed || wods.failed)
            st = SC_STEP_BAD;
    }
    return st;
}

static const struct epilog *epilog_at(const struct fragment *f, uint32_t rva) {
    for (unsigned i = 0; i < f->nepilogs; i++)
        if (rva - f->epilog[i].start <= f->epilog[i].last)
            return &f->epilog[i];
    return NULL;
}

/* Where saves are counted from: the frame register, when the prolog has set it before LIMIT. */
static enum sc_step_status put_base(const struct fragment *f, uint32_t limit, bool chained,
                                    struct x64_build *b) {
    struct pool list = f->pool, wods = f->pool;
    list.at = f->offsets;
    wods.at = f->wods;
    for (unsigned i = 0; i < f->nops && !wods.failed && !list.failed; i++) {
        uint32_t at = take(&list, f->width);
        if (at < limit && wods.at < wods.size && !wods.data[wods.at]) {
            skip(&wods, 1);
            uint32_t v = take(&wods, 1);
            return x64_put(b, X64_OP_BASE_REG, v & 15, -16 * (int64_t)(v >> 4));
        }
        put_wod(&wods, false, b);
    }
    b->sp_based |= chained;
    return x64_put(b, X64_OP_BASE_SP, 0, 0);
}

enum sc_step_status x64_v3_put(const struct x64_entry *entry, const struct x64_info *info,
                               unsigned depth, struct x64_build *b, bool *ret_chain) {
    struct fragment f;
    b->missing = info->address;
    if (!parse(entry, info, &f))
        return SC_STEP_BAD;
    uint32_t limit = b->rva - entry->begin;
    const struct epilog *e = depth ? NULL : epilog_at(&f, b->rva);
    if (e) {
        *ret_chain = e->flags & TO_PARENT;
        if (*ret_chain && !info->chained)
            return SC_STEP_BAD;
        enum sc_step_status st = put_base(&f, X64_WHOLE, info->chained, b);
        return st == SC_STEP_DONE
                   ? put_wods(&f, e->first, e->nops, e->offsets, e->flags & LARGE_EPILOG ? 2 : 1,
                              b->rva - e->start, X64_WHOLE, b)
                   : st;
    }
    if (depth || limit >= f.prolog_size)
        limit = X64_WHOLE;
    *ret_chain = info->chained;
    enum sc_step_status st = put_base(&f, limit, info->chained, b);
    return st == SC_STEP_DONE ? put_wods(&f, 0, f.nops, f.offsets, f.width, 0, limit, b) : st;
}
