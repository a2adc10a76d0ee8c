/* SPDX-License-Identifier: MIT */
/*
 * Plans: how the code at an address is left, worked out once and kept by address.
 *
 * In the prolog what has not run is not undone: codes are left out from the front, one for each
 * instruction. In an epilog what has run is not undone again: from that epilog's codes as many are
 * left out as instructions have run. Elsewhere the prolog's codes are undone, all of them. Behind
 * an end_c the codes of the fragment's parent go on, whose prolog has run.
 */
#include <stdlib.h>
#include <string.h>

#include "unwind/arm64.h"

enum { SCOPES = 64 };

/* A plan in the making. */
struct build {
    const struct arm64_region *region;
    bool leaf;
    uint64_t missing, info_at;
    uint32_t nexts; /* codes save_next before the one that says where */
    size_t nops;
    struct arm64_info info;
    struct arm64_op op[ARM64_OPS_MAX];
};

static bool put(struct build *b, enum arm64_opcode code, unsigned reg, unsigned count,
                uint32_t value) {
    if (b->nops == ARM64_OPS_MAX)
        return false;
    b->op[b->nops++] = (struct arm64_op){(uint8_t)code, (uint8_t)reg, (uint8_t)count, value};
    return true;
}

/* ---- operations ---- */

/* A save, and the pairs behind it that save_next stands for. Behind x28 comes d8. */
static bool put_saves(struct build *b, const struct arm64_code *c) {
    enum arm64_opcode load = c->op == ARM64_UW_SAVE     ? ARM64_OP_LOAD_X
                             : c->op == ARM64_UW_SAVE_D ? ARM64_OP_LOAD_D
                                                        : ARM64_OP_LOAD_Q;
    uint32_t at = c->pre ? 0 : c->value, size = load == ARM64_OP_LOAD_Q ? 32 : 16;
    unsigned reg = c->reg;
    if (b->nexts && (c->count != 2 || (load == ARM64_OP_LOAD_X && reg > ARM64_X28)))
        return false;
    for (uint32_t i = 0; i <= b->nexts; i++, reg += 2, at += size) {
        if (i && load == ARM64_OP_LOAD_X && reg + 1 > ARM64_X28) {
            load = ARM64_OP_LOAD_D;
            reg = 8;
        }
        if (reg + c->count > 32 || !put(b, load, reg, c->count, at))
            return false;
    }
    b->nexts = 0;
    return !c->pre || put(b, ARM64_OP_ADD, 0, 0, c->value);
}

static bool put_code(struct build *b, const struct arm64_code *c) {
    if (b->nexts && c->op != ARM64_UW_SAVE && c->op != ARM64_UW_SAVE_D &&
        c->op != ARM64_UW_SAVE_Q && c->op != ARM64_UW_SAVE_NEXT)
        return false;
    switch (c->op) {
    case ARM64_UW_ALLOC: return put(b, ARM64_OP_ADD, 0, 0, c->value);
    case ARM64_UW_ALLOC_Z: return !c->value || put(b, ARM64_OP_UNKNOWN, 0, 0, 0);
    case ARM64_UW_SAVE:
    case ARM64_UW_SAVE_D:
    case ARM64_UW_SAVE_Q: return put_saves(b, c);
    case ARM64_UW_SAVE_LR:
        return put(b, ARM64_OP_LOAD_X, c->reg, 1, c->value) &&
               put(b, ARM64_OP_LOAD_X, ARM64_LR, 1, c->value + 8);
    case ARM64_UW_SET_FP: return put(b, ARM64_OP_FP, 0, 0, 0);
    case ARM64_UW_ADD_FP: return put(b, ARM64_OP_FP, 0, 0, c->value);
    case ARM64_UW_SAVE_NEXT: b->nexts++; return true;
    case ARM64_UW_TRAP_FRAME: return put(b, ARM64_OP_TRAP_FRAME, 0, 0, 0);
    case ARM64_UW_MACHINE_FRAME: return put(b, ARM64_OP_MACHINE_FRAME, 0, 0, 0);
    case ARM64_UW_CONTEXT: return put(b, ARM64_OP_CONTEXT, 0, 0, 0);
    case ARM64_UW_EC_CONTEXT: return put(b, ARM64_OP_EC_CONTEXT, 0, 0, 0);
    case ARM64_UW_CLEAR_UNWOUND_TO_CALL: return put(b, ARM64_OP_CLEAR, 0, 0, 0);
    case ARM64_UW_SAVE_Z:
    case ARM64_UW_NOP:
    case ARM64_UW_PAC_SIGN_LR: /* signatures are taken off every return address */
    case ARM64_UW_END:
    case ARM64_UW_END_C: break;
    }
    return true;
}

/* Puts the codes from INDEX on, less those of the first SKIP instructions. */
static enum sc_step_status put_codes(struct build *b, uint32_t index, uint32_t skip) {
    struct arm64_code c;
    for (;; index += c.bytes) {
        if (!arm64_code(&b->info, index, &c))
            return SC_STEP_BAD;
        if (c.op == ARM64_UW_END)
            return b->nexts ? SC_STEP_BAD : SC_STEP_DONE;
        if (c.op == ARM64_UW_END_C)
            skip = 0;
        if (skip)
            skip -= c.insns;
        else if (!put_code(b, &c))
            return SC_STEP_BAD;
    }
}

/* ---- where it stands ---- */

/* The place of an address in a function: which codes are left, and how many instructions' not. */
struct place {
    bool inside; /* of a prolog or an epilog */
    uint32_t index, skip;
};

static enum sc_step_status in_epilog(const struct arm64_info *info, uint32_t start, uint32_t index,
                                     uint32_t offset, struct place *ret) {
    uint32_t insns;
    if (!arm64_scope(info, index, &insns))
        return SC_STEP_BAD;
    if (offset - start <= insns) /* the return is not among the codes */
        *ret = (struct place){true, index, offset - start};
    return SC_STEP_DONE;
}

static enum sc_step_status in_last_epilog(const struct arm64_info *info, uint32_t offset,
                                          struct place *ret) {
    uint32_t insns;
    if (!arm64_scope(info, info->first, &insns))
        return SC_STEP_BAD;
    if (insns >= info->length || offset < info->length - insns - 1)
        return SC_STEP_DONE;
    return in_epilog(info, info->length - insns - 1, info->first, offset, ret);
}

/* Scopes are sorted by where they begin. */
static enum sc_step_status in_scopes(struct build *b, uint32_t offset, struct place *ret) {
    const struct arm64_info *info = &b->info;
    uint8_t raw[SCOPES * 4];
    for (uint32_t i = 0; i < info->nepilogs && !ret->inside; i += SCOPES) {
        uint32_t n = info->nepilogs - i < SCOPES ? info->nepilogs - i : SCOPES;
        enum sc_step_status st =
            arm64_read(b->region, info->scopes + 4ull * i, raw, (size_t)n * 4, &b->missing);
        for (uint32_t k = 0; st == SC_STEP_DONE && k < n && !ret->inside; k++) {
            const uint8_t *p = raw + (size_t)k * 4;
            uint32_t start = p[0] | (uint32_t)p[1] << 8 | (p[2] & 3u) << 16;
            if (offset < start)
                return SC_STEP_DONE;
            st = in_epilog(info, start, (uint32_t)p[2] >> 6 | (uint32_t)p[3] << 2, offset, ret);
        }
        if (st != SC_STEP_DONE)
            return st;
    }
    return SC_STEP_DONE;
}

static enum sc_step_status find_place(struct build *b, uint32_t offset, struct place *ret) {
    uint32_t prolog;
    if (!arm64_scope(&b->info, 0, &prolog))
        return SC_STEP_BAD;
    if (offset < prolog) {
        *ret = (struct place){true, 0, prolog - offset};
        return SC_STEP_DONE;
    }
    return b->info.single ? in_last_epilog(&b->info, offset, ret) : in_scopes(b, offset, ret);
}

static enum sc_step_status build(struct build *b, uint64_t at) {
    struct arm64_entry entry = {0};
    struct place place = {false, 0, 0};
    bool found = false;
    uint64_t rva = at - b->region->base;
    if (rva > UINT32_MAX)
        return SC_STEP_NO_RULE;
    enum sc_step_status st = arm64_find(b->region, (uint32_t)rva, &entry, &found, &b->missing);
    b->leaf = st == SC_STEP_DONE && !found;
    if (st != SC_STEP_DONE || !found)
        return st;
    st = arm64_info(b->region, &entry, &b->info, &b->missing);
    if (st != SC_STEP_DONE)
        return st;
    b->missing = b->info_at = b->info.address;
    st = find_place(b, entry.chained ? 0 : ((uint32_t)rva - entry.begin) / 4, &place);
    return st == SC_STEP_DONE ? put_codes(b, place.index, place.skip) : st;
}

/* ---- plans that are kept ---- */

struct arm64_cache *arm64_cache_create(const struct arm64_region *region) {
    struct arm64_cache *c = calloc(1, sizeof *c);
    if (c)
        c->region = *region;
    return c;
}

void arm64_cache_destroy(void *cache) {
    struct arm64_cache *c = cache;
    if (c)
        sc_kept_deinit(&c->plans);
    free(c);
}

/* What came of B, kept. */
static const struct arm64_plan *keep(struct arm64_cache *c, uint64_t at, const struct build *b,
                                     enum sc_step_status st) {
    uint32_t nops = st == SC_STEP_DONE ? (uint32_t)b->nops : 0;
    struct arm64_plan *plan = sc_kept_put(&c->plans, at, sizeof *plan + nops * sizeof *b->op);
    if (!plan)
        return NULL;
    *plan = (struct arm64_plan){
        .status = st,
        .leaf = b->leaf,
        .missing = st == SC_STEP_DONE || st == SC_STEP_NO_RULE ? 0 : b->missing,
        .info = b->info_at,
        .nops = nops,
    };
    memcpy(plan->op, b->op, nops * sizeof *b->op);
    return plan;
}

const struct arm64_plan *arm64_plan(struct arm64_cache *c, uint64_t generation, uint64_t at) {
    const struct arm64_plan *plan = sc_kept_get(&c->plans, generation, at);
    if (plan)
        return plan;
    struct build *b = malloc(sizeof *b);
    if (!b)
        return NULL;
    memset(b, 0, offsetof(struct build, op));
    b->region = &c->region;
    plan = keep(c, at, b, build(b, at));
    free(b);
    return plan;
}
