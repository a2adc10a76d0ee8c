/* SPDX-License-Identifier: MIT */
/*
 * UNWIND_INFO, and the unwind codes of versions 1 and 2.
 *
 *     +0 version:3 flags:5   +1 prolog size   +2 count of slots   +3 frame register:4 offset:4
 *     +4 slots of 16 bits: { u8 at, op:4, info:4 }, the last prolog instruction first
 *     then, at a multiple of 4: flag 1, 2: u32 handler, its data; flag 4: the entry it continues
 *
 *     op                     slots  undone by
 *     0 PUSH_NONVOL          1      info = [rsp], rsp += 8
 *     1 ALLOC_LARGE          2, 3   rsp += 8 * u16, or u32 with info 1
 *     2 ALLOC_SMALL          1      rsp += 8 * info + 8
 *     3 SET_FPREG            1      rsp = frame register - 16 * offset
 *     4 SAVE_NONVOL          2      info = [base + 8 * u16]
 *     5 SAVE_NONVOL_FAR      3      info = [base + u32]
 *     6 EPILOG               1      nothing (version 1: SAVE_XMM, 2 slots)
 *     7 SPARE                3      nothing (version 1: SAVE_XMM_FAR)
 *     8 SAVE_XMM128          2      xmm = [base + 16 * u16]
 *     9 SAVE_XMM128_FAR      3      xmm = [base + u32]
 *     10 PUSH_MACHFRAME      1      rip, rsp, … as the processor pushed them; info 1: above a code
 *
 * `at` is the offset behind the instruction in the prolog: with ip before it, the instruction has
 * not run. `base` is rsp behind the fixed allocation, which is the frame register less its offset
 * once that is set. Version 3 (see x64_v3.c) has the same frame, but for what the slots hold.
 *
 * Learnt from Microsoft's "x64 exception handling"; ops 6 and 7 from the .NET runtime. SAVE_XMM of
 * pre-release compilers is left out: it holds half a register that the caller hardly needs.
 */
#include <string.h>

#include "unwind/x64.h"

static uint32_t slot(const struct x64_info *i, unsigned index) {
    return (uint32_t)i->payload[2 * index] | (uint32_t)i->payload[2 * index + 1] << 8;
}

static struct x64_entry chain_at(const uint8_t *p) {
    uint32_t v[3];
    for (unsigned k = 0; k < 3; k++, p += 4)
        v[k] = (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
    return (struct x64_entry){v[0], v[1], v[2]};
}

enum sc_step_status x64_info(const struct x64_region *r, uint32_t rva, struct x64_info *ret,
                             uint64_t *ret_missing) {
    uint8_t raw[X64_INFO_MAX];
    enum sc_step_status st = x64_read(r, rva, raw, 4, ret_missing);
    if (st != SC_STEP_DONE)
        return st;
    unsigned version = raw[0] & 7, flags = raw[0] >> 3;
    *ret_missing = r->base + rva;
    if (version < 1 || version > 3)
        return version ? SC_STEP_NO_RULE : SC_STEP_BAD;
    size_t words = raw[2], codes = 4 + 2 * words, end = (codes + 3) & ~(size_t)3;
    bool chained = flags & X64_CHAININFO;
    st = x64_read(r, rva, raw, chained ? end + 12 : codes, ret_missing);
    if (st != SC_STEP_DONE)
        return st;
    *ret = (struct x64_info){
        .rva = rva,
        .address = r->base + rva,
        .version = (uint8_t)version,
        .flags = (uint8_t)flags,
        .prolog = raw[1],
        .words = raw[2],
        .frame_register = raw[3] & 15,
        .frame_offset = raw[3] >> 4,
        .chained = chained,
    };
    memcpy(ret->payload, raw + 4, 2 * words);
    if (chained)
        ret->chain = chain_at(raw + end);
    return SC_STEP_DONE;
}

static unsigned slots_of(unsigned version, unsigned op, unsigned info) {
    static const uint8_t slots[X64_UWOPS] = {1, 2, 1, 1, 2, 3, 1, 3, 2, 3, 1};
    if (op == X64_UWOP_ALLOC_LARGE)
        return info ? 3 : 2;
    return op == X64_UWOP_EPILOG && version == 1 ? 2 : slots[op];
}

bool x64_code(const struct x64_info *info, unsigned index, struct x64_code *ret) {
    uint32_t head = slot(info, index);
    struct x64_code c = {(uint8_t)head, head >> 8 & 15, (uint8_t)(head >> 12), 0, 0};
    if (c.op >= X64_UWOPS || (c.op == X64_UWOP_ALLOC_LARGE && c.info > 1) ||
        (c.op == X64_UWOP_PUSH_MACHFRAME && c.info > 1))
        return false;
    c.slots = (uint8_t)slots_of(info->version, c.op, c.info);
    if (index + c.slots > info->words)
        return false;
    uint32_t low = c.slots > 1 ? slot(info, index + 1) : 0;
    if (c.slots == 3)
        c.value = low | slot(info, index + 2) << 16;
    else if (c.slots == 2)
        c.value = low * (c.op == X64_UWOP_SAVE_XMM128 ? 16 : 8);
    else if (c.op == X64_UWOP_ALLOC_SMALL)
        c.value = c.info * 8u + 8;
    *ret = c;
    return true;
}

static enum sc_step_status bad(const struct x64_info *info, struct x64_build *b) {
    b->missing = info->address;
    return SC_STEP_BAD;
}

static enum sc_step_status put_code(const struct x64_info *info, const struct x64_code *c,
                                    struct x64_build *b) {
    switch ((enum x64_uwop)c->op) {
    case X64_UWOP_PUSH_NONVOL:
        /* What a push of rsp stored is where it was; it is not loaded, as the push undone says. */
        if (c->info == X64_RSP)
            return x64_put(b, X64_OP_ADD, 0, 8);
        return x64_put(b, X64_OP_POP, c->info, 0);
    case X64_UWOP_ALLOC_LARGE:
    case X64_UWOP_ALLOC_SMALL: return x64_put(b, X64_OP_ADD, 0, c->value);
    case X64_UWOP_SET_FPREG:
        if (!info->frame_register || info->frame_register == X64_RSP)
            return bad(info, b);
        return x64_put(b, X64_OP_SET_SP, info->frame_register, -16 * info->frame_offset);
    case X64_UWOP_SAVE_NONVOL:
    case X64_UWOP_SAVE_NONVOL_FAR: return x64_put(b, X64_OP_LOAD, c->info, c->value);
    case X64_UWOP_SAVE_XMM128:
    case X64_UWOP_SAVE_XMM128_FAR: return x64_put(b, X64_OP_LOAD_XMM, c->info, c->value);
    case X64_UWOP_PUSH_MACHFRAME: return x64_put(b, X64_OP_MACHFRAME, 0, c->info ? 8 : 0);
    case X64_UWOP_EPILOG:
    case X64_UWOP_SPARE:
    case X64_UWOPS: break;
    }
    return SC_STEP_DONE;
}

/* Has the frame register been set where OFFSET of the prolog has run? */
static bool frame_is_set(const struct x64_info *info, uint32_t offset) {
    struct x64_code c;
    if (offset >= info->prolog || info->chained)
        return true;
    for (unsigned i = 0; i < info->words && x64_code(info, i, &c); i += c.slots)
        if (c.op == X64_UWOP_SET_FPREG)
            return offset >= c.at;
    return false;
}

enum sc_step_status x64_codes_put(const struct x64_info *info, uint32_t offset,
                                  struct x64_build *b) {
    bool framed = info->frame_register && frame_is_set(info, offset);
    enum sc_step_status st =
        framed ? x64_put(b, X64_OP_BASE_REG, info->frame_register, -16 * info->frame_offset)
               : x64_put(b, X64_OP_BASE_SP, 0, 0);
    struct x64_code c;
    for (unsigned i = 0; st == SC_STEP_DONE && i < info->words; i += c.slots) {
        if (!x64_code(info, i, &c))
            return bad(info, b);
        if (offset >= c.at)
            st = put_code(info, &c, b);
    }
    return st;
}
