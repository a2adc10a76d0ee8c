/* SPDX-License-Identifier: MIT */
/*
 * .xdata of ARM64, and its unwind codes.
 *
 *     u32  length:18 version:2 X:1 E:1 epilogs:5 words:5    length in instructions
 *     u32  epilogs:16 words:8                               only if both above are 0
 *     u32  start:18 0:4 index:10                            `epilogs` of them, unless E
 *     u8   codes[words * 4]
 *     u32  RVA of the handler, and its data                 if X
 *
 * With E, `epilogs` is the index of the only epilog's codes; it ends where the function does.
 *
 * Each code stands for one instruction of the prolog, the last one first, and the codes of an
 * epilog for one each, the first one first. Bytes of a code follow each other from high to low:
 *
 *     000xxxxx                       alloc_s         x * 16
 *     001zzzzz                       save_r19r20_x   stp x19, x20, [sp, #-z * 8]!
 *     01zzzzzz                       save_fplr       stp fp, lr, [sp, #z * 8]
 *     10zzzzzz                       save_fplr_x     stp fp, lr, [sp, #-(z + 1) * 8]!
 *     11000xxx xxxxxxxx              alloc_m         x * 16
 *     110010xx xxzzzzzz              save_regp       x19+x and the next, at z * 8
 *     110011xx xxzzzzzz              save_regp_x     the same, at -(z + 1) * 8, which sp becomes
 *     110100xx xxzzzzzz              save_reg
 *     1101010x xxxzzzzz              save_reg_x
 *     1101011x xxzzzzzz              save_lrpair     x19+2x and lr
 *     1101100x xxzzzzzz              save_fregp      d8+x and the next
 *     1101101x xxzzzzzz              save_fregp_x
 *     1101110x xxzzzzzz              save_freg
 *     11011110 xxxzzzzz              save_freg_x
 *     11011111 zzzzzzzz              alloc_z         z vector lengths
 *     11100000 x(24)                 alloc_l         x * 16
 *     11100001                       set_fp          mov fp, sp
 *     11100010 xxxxxxxx              add_fp          add fp, sp, #x * 8
 *     11100011                       nop
 *     11100100                       end
 *     11100101                       end_c           end of this fragment's; its parent's follow
 *     11100110                       save_next       the pair behind the one of the next code
 *     11100111 0pxrrrrr ffoooooo     save_any_reg    p pair, x pre-indexed, r register, f: 0 x, 1
 *                                    d, 2 q, 3 z and p (SVE); o * 16 with p or x or q, else o * 8
 *     11101000 … 11101100            TRAP_FRAME, MACHINE_FRAME, CONTEXT, EC_CONTEXT,
 *                                    CLEAR_UNWOUND_TO_CALL: no instruction
 *     111110nn and n + 1 bytes, 111111xx    nothing to undo; 11111100 is pac_sign_lr
 *
 * Learnt from Microsoft's "ARM64 exception handling"; save_any_reg, and that reserved codes from
 * 11111000 on undo nothing, from the .NET runtime's unwinder, save_zreg and alloc_z from LLVM's.
 */
#include <string.h>

#include "unwind/arm64.h"

enum { X_HANDLER = 1 << 20, E_SINGLE = 1 << 21 };

static uint32_t get32(const uint8_t *p) {
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static enum sc_step_status read_xdata(const struct arm64_region *r, uint32_t rva,
                                      struct arm64_info *ret, uint64_t *missing) {
    uint8_t raw[4];
    enum sc_step_status st = arm64_read(r, rva, raw, 4, missing);
    uint32_t head = st == SC_STEP_DONE ? get32(raw) : 0, at = rva + 4;
    uint32_t epilogs = head >> 22 & 31, words = head >> 27;
    if (st == SC_STEP_DONE && !epilogs && !words) {
        st = arm64_read(r, at, raw, 4, missing);
        epilogs = get32(raw) & 0xffff;
        words = get32(raw) >> 16 & 0xff;
        at += 4;
    }
    if (st != SC_STEP_DONE)
        return st;
    *missing = r->base + rva;
    if (head >> 18 & 3)
        return SC_STEP_NO_RULE;
    ret->address = r->base + rva;
    ret->length = head & 0x3ffff;
    ret->single = head & E_SINGLE;
    ret->nepilogs = ret->single ? 0 : epilogs;
    ret->first = ret->single ? epilogs : 0;
    ret->scopes = at;
    ret->size = words * 4;
    return arm64_read(r, at + 4ull * ret->nepilogs, ret->codes, ret->size, missing);
}

enum sc_step_status arm64_info(const struct arm64_region *r, const struct arm64_entry *entry,
                               struct arm64_info *ret, uint64_t *ret_missing) {
    memset(ret, 0, offsetof(struct arm64_info, codes));
    if (!(entry->data & 3))
        return read_xdata(r, entry->data, ret, ret_missing);
    *ret_missing = ret->address = r->base + entry->begin;
    return arm64_unpack(entry->data, ret) ? SC_STEP_DONE : SC_STEP_BAD;
}

/* ---- decoding ---- */

static struct arm64_code save(enum arm64_uwop op, unsigned reg, unsigned count, bool pre,
                              uint32_t value) {
    return (struct arm64_code){
        .op = op, .reg = (uint8_t)reg, .count = (uint8_t)count, .pre = pre, .value = value};
}

/* Codes below 0xe0: saves and allocations; P has a second byte where there is one. */
static struct arm64_code decode_low(const uint8_t *p) {
    unsigned b = p[0], low = b >= 0xc0 ? p[1] : 0, z = low & 63;
    unsigned reg = (b & 3) << 2 | low >> 6, half = (b & 1) << 2 | low >> 6;
    if (b < 0x20)
        return (struct arm64_code){.op = ARM64_UW_ALLOC, .value = b * 16};
    if (b < 0x40)
        return save(ARM64_UW_SAVE, ARM64_X19, 2, true, (b & 31) * 8);
    if (b < 0xc0)
        return save(ARM64_UW_SAVE, ARM64_FP, 2, b & 0x80, ((b & 63) + (b >> 7)) * 8);
    if (b < 0xc8)
        return (struct arm64_code){.op = ARM64_UW_ALLOC, .value = ((b & 7) << 8 | low) * 16};
    if (b < 0xcc)
        return save(ARM64_UW_SAVE, ARM64_X19 + reg, 2, false, z * 8);
    if (b < 0xd0)
        return save(ARM64_UW_SAVE, ARM64_X19 + reg, 2, true, (z + 1) * 8);
    if (b < 0xd4)
        return save(ARM64_UW_SAVE, ARM64_X19 + reg, 1, false, z * 8);
    if (b < 0xd6)
        return save(ARM64_UW_SAVE, ARM64_X19 + ((b & 1) << 3 | low >> 5), 1, true,
                    ((low & 31) + 1) * 8);
    if (b < 0xd8)
        return save(ARM64_UW_SAVE_LR, ARM64_X19 + 2 * half, 1, false, z * 8);
    if (b < 0xda)
        return save(ARM64_UW_SAVE_D, 8 + half, 2, false, z * 8);
    if (b < 0xdc)
        return save(ARM64_UW_SAVE_D, 8 + half, 2, true, (z + 1) * 8);
    if (b < 0xde)
        return save(ARM64_UW_SAVE_D, 8 + half, 1, false, z * 8);
    if (b < 0xdf)
        return save(ARM64_UW_SAVE_D, 8 + (low >> 5), 1, true, ((low & 31) + 1) * 8);
    return (struct arm64_code){.op = ARM64_UW_ALLOC_Z, .value = low};
}

static struct arm64_code decode_any(const uint8_t *p) {
    static const enum arm64_uwop ops[] = {ARM64_UW_SAVE, ARM64_UW_SAVE_D, ARM64_UW_SAVE_Q,
                                          ARM64_UW_SAVE_Z};
    bool pair = p[1] & 0x40, pre = p[1] & 0x20;
    unsigned kind = p[2] >> 6, unit = pair || pre || kind == 2 ? 16 : 8;
    if (kind == 3)
        return (struct arm64_code){.op = ARM64_UW_SAVE_Z};
    return save(ops[kind], p[1] & 31, 1u + pair, pre, ((p[2] & 63u) + pre) * unit);
}

static struct arm64_code decode_high(const uint8_t *p) {
    static const enum arm64_uwop ops[] = {ARM64_UW_ALLOC,
                                          ARM64_UW_SET_FP,
                                          ARM64_UW_ADD_FP,
                                          ARM64_UW_NOP,
                                          ARM64_UW_END,
                                          ARM64_UW_END_C,
                                          ARM64_UW_SAVE_NEXT,
                                          ARM64_UW_SAVE,
                                          ARM64_UW_TRAP_FRAME,
                                          ARM64_UW_MACHINE_FRAME,
                                          ARM64_UW_CONTEXT,
                                          ARM64_UW_EC_CONTEXT,
                                          ARM64_UW_CLEAR_UNWOUND_TO_CALL};
    struct arm64_code c = {.op = p[0] == 0xfc ? ARM64_UW_PAC_SIGN_LR : ARM64_UW_NOP};
    if (p[0] >= 0xf8)
        return c;
    c.op = ops[p[0] - 0xe0];
    if (p[0] == 0xe0)
        c.value = ((uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3]) * 16;
    if (p[0] == 0xe2)
        c.value = p[1] * 8u;
    return p[0] == 0xe7 ? decode_any(p) : c;
}

/* Bytes of a code; 0: it is reserved. */
static unsigned length_of(unsigned b) {
    static const uint8_t high[32] = {4, 1, 2, 1, 1, 1, 1, 3, 1, 1, 1, 1, 1, 0, 0, 0,
                                     0, 0, 0, 0, 0, 0, 0, 0, 2, 3, 4, 5, 1, 1, 1, 1};
    return b < 0xc0 ? 1 : b < 0xe0 ? 2 : high[b - 0xe0];
}

/* Does the CPU have the registers that it names? */
static bool has_registers(const struct arm64_code *c) {
    switch (c->op) {
    case ARM64_UW_SAVE: return c->reg + c->count <= ARM64_SP;
    case ARM64_UW_SAVE_LR: return c->reg < ARM64_LR;
    case ARM64_UW_SAVE_D:
    case ARM64_UW_SAVE_Q: return c->reg + c->count <= 32;
    default: return true;
    }
}

bool arm64_code(const struct arm64_info *info, uint32_t index, struct arm64_code *ret) {
    const uint8_t *p = info->codes + index;
    if (index >= info->size)
        return false;
    unsigned bytes = length_of(*p);
    if (!bytes || bytes > info->size - index || (*p == 0xe7 && p[1] & 0x80))
        return false;
    struct arm64_code c = *p < 0xe0 ? decode_low(p) : decode_high(p);
    c.bytes = (uint8_t)bytes;
    c.insns = c.op != ARM64_UW_END && c.op != ARM64_UW_END_C && !(*p >= 0xe8 && *p < 0xf8);
    if (!has_registers(&c))
        return false;
    *ret = c;
    return true;
}

bool arm64_scope(const struct arm64_info *info, uint32_t index, uint32_t *ret_insns) {
    uint32_t insns = 0;
    struct arm64_code c;
    for (;; index += c.bytes, insns += c.insns) {
        if (!arm64_code(info, index, &c))
            return false;
        if (c.op == ARM64_UW_END || c.op == ARM64_UW_END_C)
            break;
    }
    *ret_insns = insns;
    return true;
}
