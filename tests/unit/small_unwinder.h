/* SPDX-License-Identifier: MIT */
/*
 * Unwinders for tests, over what a fit says lies on the stack: as small as the published rules
 * allow, and made without looking at the library's.
 */
#ifndef STOPCODE_TESTS_UNIT_SMALL_UNWINDER_H
#define STOPCODE_TESTS_UNIT_SMALL_UNWINDER_H

#include "unit/listing_fixture.h"

enum { RSP = 4, RBP = 5 };

/* ---- the stack, as the fit says it is ---- */

static inline uint64_t peek(const struct forge_fit *fit, uint64_t addr, unsigned width) {
    uint64_t value = 0;
    for (unsigned i = 0; i < width; i++) {
        size_t k = 0;
        while (k < fit->npokes &&
               (addr + i < fit->poke[k].addr || addr + i >= fit->poke[k].addr + fit->poke[k].width))
            k++;
        if (k == fit->npokes)
            fail_msg("nothing was put at %llx", (unsigned long long)addr + i);
        value |= (fit->poke[k].value >> (8 * (addr + i - fit->poke[k].addr)) & 0xff) << (8 * i);
    }
    return value;
}

static inline bool has(const struct forge_fit *fit, uint64_t addr) {
    for (size_t k = 0; k < fit->npokes; k++)
        if (addr >= fit->poke[k].addr && addr < fit->poke[k].addr + fit->poke[k].width)
            return true;
    return false;
}

static inline const struct forge_fit_function *function_at(const struct forge_fit *fit,
                                                           uint64_t ip) {
    for (size_t i = 0; i < fit->nfunctions; i++)
        if (ip >= fit->function[i].begin && ip < fit->function[i].end)
            return &fit->function[i];
    return NULL;
}

/* ---- a small x64 unwinder, after the published rules ---- */

struct cpu {
    uint64_t ip, reg[16];
    bool crossed; /* a machine frame */
};

static inline uint64_t pop(const struct forge_fit *fit, struct cpu *c) {
    uint64_t value = peek(fit, c->reg[RSP], 8);
    c->reg[RSP] += 8;
    return value;
}

static inline void step_x64(const struct forge_fit *fit, struct cpu *c) {
    const struct forge_fit_function *f = function_at(fit, c->ip);
    uint64_t into = f ? c->ip - f->begin : 0;
    c->crossed = false;
    for (size_t i = f ? f->ncodes : 0; i-- > 0;) {
        const struct forge_unwind_code *u = &f->code[i];
        if (into < f->prolog && u->at > into)
            continue;
        switch (u->op) {
        case FORGE_UW_PUSH: c->reg[u->reg] = pop(fit, c); break;
        case FORGE_UW_ALLOC: c->reg[RSP] += u->value; break;
        case FORGE_UW_SAVE: c->reg[u->reg] = peek(fit, c->reg[RSP] + u->value, 8); break;
        case FORGE_UW_SET_FPREG:
            c->reg[RSP] = c->reg[f->frame_register] - 16u * f->frame_offset;
            break;
        case FORGE_UW_MACHFRAME:
            c->reg[RSP] += u->value ? 8 : 0;
            c->ip = peek(fit, c->reg[RSP], 8);
            c->reg[RSP] = peek(fit, c->reg[RSP] + 0x18, 8);
            c->crossed = true;
            return;
        default: fail_msg("a code that no fit needs");
        }
    }
    c->ip = pop(fit, c);
}

/* ---- and a small x86 one ---- */

struct cpu86 {
    uint32_t eip, esp, ebp, base; /* base: ChildEBP of the frame that was left */
    bool crossed;
};

static inline void leave_trap(const struct forge_fit *fit, struct cpu86 *c) {
    uint32_t at = c->ebp, cs = (uint32_t)peek(fit, at + 0x6c, 4);
    c->crossed = true;
    c->eip = (uint32_t)peek(fit, at + 0x68, 4);
    c->ebp = (uint32_t)peek(fit, at + 0x60, 4);
    c->esp = cs & 1        ? (uint32_t)peek(fit, at + 0x74, 4)
             : cs & 0xfff8 ? at + 0x74
                           : (uint32_t)peek(fit, at + 0x14, 4);
}

static inline void step_x86(const struct forge_fit *fit, struct cpu86 *c) {
    const struct forge_fit_function *f = function_at(fit, c->eip);
    uint32_t below = c->base;
    bool crossed = c->crossed, fpo = f && !f->uses_ebp && f->kind == FORGE_FPO_PLAIN;
    c->crossed = false;
    c->base = fpo ? c->esp + f->locals + f->saved_regs - 4 : c->ebp;
    if (f && !f->uses_ebp && f->kind == FORGE_FPO_TRAP) {
        leave_trap(fit, c);
        return;
    }
    /* A chain that does not go up has ended. */
    if (!c->base || (!crossed && c->base <= below)) {
        c->eip = 0;
        return;
    }
    if (!fpo)
        c->ebp = (uint32_t)peek(fit, c->base, 4);
    c->eip = (uint32_t)peek(fit, c->base + 4, 4);
    c->esp = c->base + 8;
}

#endif
