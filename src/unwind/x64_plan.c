/* SPDX-License-Identifier: MIT */
/*
 * Plans: how the function at an address is left, worked out once and kept by address.
 *
 * A return address stands behind its call. When a call is the last instruction of a function, that
 * is where the next one begins, or nothing: so the entry that covers the call counts.
 */
#include <stdlib.h>
#include <string.h>

#include "unwind/return_address.h"
#include "unwind/x64.h"

enum sc_step_status x64_put(struct x64_build *b, enum x64_opcode code, unsigned reg,
                            int64_t value) {
    if (b->nops == X64_OPS_MAX)
        return SC_STEP_BAD;
    b->op[b->nops++] = (struct x64_op){(uint8_t)code, (uint8_t)reg, value};
    return SC_STEP_DONE;
}

/* Does a call end at IP? Where its bytes are not there, a return address says so. */
static bool behind_call(const struct x64_region *r, uint64_t ip) {
    uint8_t bytes[8];
    if (sc_space_read(r->space, ip - sizeof bytes, bytes, sizeof bytes, NULL) != SC_READ_OK)
        return true;
    return sc_x86_ends_in_call(bytes, sizeof bytes, true);
}

/* The entry that ip counts to. */
static enum sc_step_status find(struct x64_build *b, bool exact, struct x64_entry *ret,
                                bool *found) {
    const struct x64_region *r = b->region;
    struct x64_entry before;
    bool has_before = false;
    enum sc_step_status st = x64_find(r, b->rva, ret, found, &b->missing);
    if (st != SC_STEP_DONE || exact || !b->rva || (*found && ret->begin != b->rva))
        return st;
    st = x64_find(r, b->rva - 1, &before, &has_before, &b->missing);
    if (st == SC_STEP_DONE && has_before && (!*found || behind_call(r, b->ip))) {
        *ret = before;
        *found = b->behind = true;
    }
    return st;
}

/* Puts the chained parts: all of their prologs have run. */
static enum sc_step_status put_chain(const struct x64_info *first, struct x64_build *b) {
    struct x64_info info = *first;
    bool more = info.chained;
    enum sc_step_status st = SC_STEP_DONE;
    for (unsigned depth = 1; more && st == SC_STEP_DONE; depth++) {
        struct x64_entry entry = info.chain;
        struct x64_info next;
        b->missing = info.address;
        if (depth > X64_CHAIN_MAX)
            return SC_STEP_BAD;
        st = x64_resolve(b->region, &entry, &b->missing);
        if (st == SC_STEP_DONE)
            st = x64_info(b->region, entry.unwind, &next, &b->missing);
        if (st != SC_STEP_DONE)
            return st;
        more = next.chained;
        st = next.version == 3 ? x64_v3_put(&entry, &next, depth, b, &more)
                               : x64_codes_put(&next, X64_WHOLE, b);
        info = next;
    }
    return st;
}

/* Puts what undoes the function's frame at ip. */
static enum sc_step_status put_frame(const struct x64_entry *entry, struct x64_build *b) {
    struct x64_info info;
    bool inside = false, chain = true;
    enum sc_step_status st = x64_info(b->region, entry->unwind, &info, &b->missing);
    if (st != SC_STEP_DONE)
        return st;
    b->info = info.address;
    uint32_t offset = b->rva - entry->begin;
    bool in_prolog = offset < info.prolog;
    if (info.version == 3) {
        st = x64_v3_put(entry, &info, 0, b, &chain);
    } else {
        if (!in_prolog && !b->behind)
            st = info.version == 1 ? x64_epilog_put(entry, &info, b, &inside)
                                   : x64_v2_epilog_put(entry, &info, b, &inside);
        if (st == SC_STEP_DONE && !inside)
            st = x64_codes_put(&info, in_prolog ? offset : X64_WHOLE, b);
        chain = !inside;
    }
    return st == SC_STEP_DONE && chain ? put_chain(&info, b) : st;
}

static enum sc_step_status build(struct x64_build *b, bool exact) {
    struct x64_entry entry;
    bool found = false;
    uint64_t rva = b->ip - b->region->base;
    if (rva > UINT32_MAX)
        return SC_STEP_NO_RULE;
    b->rva = (uint32_t)rva;
    enum sc_step_status st = find(b, exact, &entry, &found);
    if (st != SC_STEP_DONE)
        return st;
    b->how = found ? SC_FRAME_UNWIND : SC_FRAME_LEAF;
    return found ? put_frame(&entry, b) : SC_STEP_DONE;
}

struct x64_cache *x64_cache_create(const struct x64_region *region) {
    struct x64_cache *c = calloc(1, sizeof *c);
    if (c)
        c->region = *region;
    return c;
}

void x64_cache_destroy(void *cache) {
    struct x64_cache *c = cache;
    if (c)
        sc_kept_deinit(&c->plans);
    free(c);
}

/* An address with bits 62 and 63 alike has two keys: as an instruction, and as a return address. */
static uint64_t key_of(uint64_t ip, bool exact) { return ip ^ (uint64_t)!exact << 62; }

/* What came of B, kept. */
static const struct x64_plan *keep(struct x64_cache *c, const struct x64_build *b, bool exact,
                                   enum sc_step_status st) {
    uint32_t nops = st == SC_STEP_DONE ? (uint32_t)b->nops : 0;
    struct x64_plan *plan =
        sc_kept_put(&c->plans, key_of(b->ip, exact), sizeof *plan + nops * sizeof *b->op);
    if (!plan)
        return NULL;
    *plan = (struct x64_plan){
        .ip = b->ip,
        .exact = exact,
        .status = st,
        .how = b->how,
        .missing = st == SC_STEP_DONE || st == SC_STEP_NO_RULE ? 0 : b->missing,
        .info = b->info,
        .nops = nops,
    };
    memcpy(plan->op, b->op, nops * sizeof *b->op);
    return plan;
}

const struct x64_plan *x64_plan(struct x64_cache *c, uint64_t generation, uint64_t ip, bool exact) {
    const struct x64_plan *plan = sc_kept_get(&c->plans, generation, key_of(ip, exact));
    if (plan && plan->ip == ip && plan->exact == exact)
        return plan;
    struct x64_build *b = malloc(sizeof *b);
    if (!b)
        return NULL;
    memset(b, 0, offsetof(struct x64_build, op));
    b->region = &c->region;
    b->ip = ip;
    plan = keep(c, b, exact, build(b, exact));
    free(b);
    return plan;
}
