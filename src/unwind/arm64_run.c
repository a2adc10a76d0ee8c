/* SPDX-License-Identifier: MIT */
/*
 * Running a plan: from the registers of a frame to those of its caller.
 *
 * The CONTEXT keeps x0 … x28, fp, lr, sp in the order of their numbers from 0x8 on, pc behind them,
 * and q0 … q31 from 0x110 on (see cpu/arm64.c). What code may restore besides returning:
 *
 *     KTRAP_FRAME    +0x90 u32 psr   +0x98 sp   +0xa0 x0 … x18   +0x138 lr, fp, pc
 *     machine frame  +0x00 sp, pc
 *     CONTEXT        all registers; ContextFlags bit 29: its pc is a return address
 *
 * (the layout of KTRAP_FRAME and of the machine frame from .NET's unwinder). What vector registers
 * a trap interrupted is left out: they lie in a record of their own, which not every trap fills.
 *
 * A slot that the dump lacks makes its register unknown; only what pc and sp come from must be
 * there. x0 … x17 and lr of a caller are unknown: a call changes them.
 */
#include <assert.h>
#include <string.h>

#include "unwind/arm64.h"
#include "unwind/recover.h"

enum {
    CONTEXT_FLAGS = 0,
    CONTEXT_PSR = 4,
    CONTEXT_X0 = 8,
    CONTEXT_PC = 0x108,
    CONTEXT_Q0 = 0x110,
    CONTEXT_SIZE = 0x390,
    EC_FLAGS = 0x30,
    EC_SIZE = 0x4d0,
    UNWOUND_TO_CALL = 0x20000000,
    TRAP_PSR = 0x90,
    TRAP_SP = 0x98,
    TRAP_X0 = 0xa0,
    TRAP_LR = 0x138,
    TRAP_FP = 0x140,
    TRAP_PC = 0x148,
    TRAP_SIZE = 0x150,
};
static_assert(CONTEXT_X0 + 8 * ARM64_REGS == CONTEXT_PC, "pc follows sp");

#define BIT(reg) (UINT64_C(1) << (reg))
/* x18 … x28, fp: nobody changes them for his caller. */
#define KEPT     (BIT(ARM64_LR) - BIT(ARM64_X18))
#define ALL      (UINT64_C(0xffffffff))

struct run {
    struct sc_unwinder *u;
    struct sc_regs *regs; /* a copy */
    uint64_t reg[ARM64_REGS], pc;
    uint64_t known;    /* of `reg` */
    uint64_t restored; /* of them, by this plan */
    uint64_t slot;     /* where lr was read; 0: it is in the register */
    uint64_t lr_lost;  /* where lr should have been; 0: nowhere */
    uint64_t missing, trap;
    bool crossed; /* pc came with sp, not from lr */
    bool exact;   /* and is no return address */
    bool from_fp;
};

static uint64_t get64(const uint8_t *p) {
    uint64_t v = 0;
    for (unsigned i = 8; i-- > 0;)
        v = v << 8 | p[i];
    return v;
}

static void put64(uint8_t *p, uint64_t v) {
    for (unsigned i = 0; i < 8; i++)
        p[i] = (uint8_t)(v >> (8 * i));
}

static bool load(struct run *r, uint64_t addr, void *buf, size_t size) {
    size_t got = 0;
    if (sc_space_read(r->u->space, addr, buf, size, &got) == SC_READ_OK)
        return true;
    r->missing = addr + got;
    return false;
}

static void know(struct run *r, unsigned reg, uint64_t value) {
    r->reg[reg] = value;
    r->known |= BIT(reg);
    r->restored |= BIT(reg);
}

static void load_x(struct run *r, unsigned reg, uint64_t addr) {
    uint8_t raw[8];
    bool got = load(r, addr, raw, sizeof raw);
    if (got) {
        know(r, reg, get64(raw));
    } else {
        r->known &= ~BIT(reg);
        r->restored &= ~BIT(reg);
    }
    if (reg == ARM64_LR) {
        r->slot = got ? addr : 0;
        r->lr_lost = got ? 0 : r->missing;
    }
}

/* d registers are the lower halves of q registers. */
static void load_v(struct run *r, unsigned reg, unsigned size, uint64_t addr) {
    uint8_t raw[16];
    if (load(r, addr, raw, size))
        memcpy(r->regs->raw + CONTEXT_Q0 + 16 * (size_t)reg, raw, size);
}

/* ---- frames that hold more than a function saves ---- */

static enum sc_step_status trap_frame(struct run *r) {
    uint8_t t[TRAP_SIZE];
    uint64_t at = r->reg[ARM64_SP];
    if (!load(r, at, t, sizeof t))
        return SC_STEP_MEMORY;
    for (unsigned i = 0; i <= ARM64_X18; i++)
        know(r, i, get64(t + TRAP_X0 + 8 * (size_t)i));
    know(r, ARM64_FP, get64(t + TRAP_FP));
    know(r, ARM64_LR, get64(t + TRAP_LR));
    know(r, ARM64_SP, get64(t + TRAP_SP));
    memcpy(r->regs->raw + CONTEXT_PSR, t + TRAP_PSR, 4);
    r->pc = get64(t + TRAP_PC);
    r->slot = at + TRAP_PC;
    r->trap = at;
    return SC_STEP_DONE;
}

static enum sc_step_status machine_frame(struct run *r) {
    uint8_t f[16];
    uint64_t at = r->reg[ARM64_SP];
    if (!load(r, at, f, sizeof f))
        return SC_STEP_MEMORY;
    know(r, ARM64_SP, get64(f));
    r->pc = get64(f + 8);
    r->slot = at + 8;
    r->trap = at;
    /* Nobody keeps lr for who was interrupted: what it holds is known only if a code restored it.
     */
    r->known &= r->restored | ~BIT(ARM64_LR);
    return SC_STEP_DONE;
}

static void take_context(struct run *r, const struct sc_regs *from, uint64_t known, uint64_t at) {
    for (unsigned i = 0; i < ARM64_REGS; i++)
        r->reg[i] = get64(from->raw + CONTEXT_X0 + 8 * (size_t)i);
    r->known = r->restored = known;
    r->pc = get64(from->raw + CONTEXT_PC);
    r->trap = at;
}

static enum sc_step_status context(struct run *r) {
    uint64_t at = r->reg[ARM64_SP];
    struct sc_regs c = {.cpu = SC_CPU_ARM64, .size = CONTEXT_SIZE};
    if (!load(r, at, c.raw, CONTEXT_SIZE))
        return SC_STEP_MEMORY;
    take_context(r, &c, ALL, at);
    memcpy(r->regs->raw + CONTEXT_PSR, c.raw + CONTEXT_PSR, 4);
    memcpy(r->regs->raw + CONTEXT_Q0, c.raw + CONTEXT_Q0, CONTEXT_SIZE - CONTEXT_Q0);
    r->slot = at + CONTEXT_PC;
    r->exact = !(get64(c.raw + CONTEXT_FLAGS) & UNWOUND_TO_CALL);
    return SC_STEP_DONE;
}

static enum sc_step_status ec_context(struct run *r) {
    uint64_t at = r->reg[ARM64_SP], known;
    struct sc_regs ec = {.cpu = SC_CPU_X64, .size = EC_SIZE}, c;
    if (!load(r, at, ec.raw, EC_SIZE))
        return SC_STEP_MEMORY;
    c = *r->regs;
    arm64ec_take(&ec, UINT64_MAX, &c, &known);
    take_context(r, &c, known, at);
    memcpy(r->regs->raw + CONTEXT_Q0, c.raw + CONTEXT_Q0, 16 * 16);
    r->slot = at + arm64ec_offset(ARM64_REGS);
    r->exact = !(get64(ec.raw + EC_FLAGS) & UNWOUND_TO_CALL);
    return SC_STEP_DONE;
}

/* ---- the plan ---- */

static enum sc_step_status run_fp(struct run *r, uint32_t offset) {
    if (!(r->known & BIT(ARM64_FP)))
        return SC_STEP_NO_RULE;
    r->reg[ARM64_SP] = r->reg[ARM64_FP] - offset;
    r->from_fp = true;
    return SC_STEP_DONE;
}

static enum sc_step_status cross(struct run *r, enum arm64_opcode code) {
    r->crossed = r->exact = true;
    switch (code) {
    case ARM64_OP_TRAP_FRAME: return trap_frame(r);
    case ARM64_OP_MACHINE_FRAME: return machine_frame(r);
    case ARM64_OP_CONTEXT: return context(r);
    default: return ec_context(r);
    }
}

static enum sc_step_status run_op(struct run *r, const struct arm64_op *op) {
    uint64_t sp = r->reg[ARM64_SP];
    switch ((enum arm64_opcode)op->code) {
    case ARM64_OP_ADD: r->reg[ARM64_SP] = sp + op->value; break;
    case ARM64_OP_FP: return run_fp(r, op->value);
    case ARM64_OP_LOAD_X:
        for (unsigned i = 0; i < op->count; i++)
            load_x(r, op->reg + i, sp + op->value + 8 * (uint64_t)i);
        break;
    case ARM64_OP_LOAD_D:
    case ARM64_OP_LOAD_Q: {
        unsigned size = op->code == ARM64_OP_LOAD_D ? 8 : 16;
        for (unsigned i = 0; i < op->count; i++)
            load_v(r, op->reg + i, size, sp + op->value + (uint64_t)size * i);
        break;
    }
    case ARM64_OP_UNKNOWN: return SC_STEP_NO_RULE;
    case ARM64_OP_TRAP_FRAME:
    case ARM64_OP_MACHINE_FRAME:
    case ARM64_OP_CONTEXT:
    case ARM64_OP_EC_CONTEXT: return cross(r, (enum arm64_opcode)op->code);
    case ARM64_OP_CLEAR: r->exact = true; break;
    }
    return SC_STEP_DONE;
}

/* Through lr: the last thing, unless something said more than that. */
static enum sc_step_status run_return(struct run *r) {
    if (!(r->known & BIT(ARM64_LR))) {
        r->missing = r->lr_lost;
        return r->lr_lost ? SC_STEP_MEMORY : SC_STEP_NO_RULE;
    }
    r->pc = r->reg[ARM64_LR];
    return SC_STEP_DONE;
}

static void commit(struct run *r, const struct arm64_plan *plan, struct sc_regs *regs,
                   struct sc_step *step) {
    for (unsigned i = 0; i < ARM64_REGS; i++)
        put64(r->regs->raw + CONTEXT_X0 + 8 * (size_t)i, r->reg[i]);
    put64(r->regs->raw + CONTEXT_PC, sc_code_strip(r->u, r->pc));
    *regs = *r->regs;
    uint64_t kept = KEPT | (r->crossed ? r->restored : r->restored & ~BIT(ARM64_LR));
    step->how = r->crossed ? SC_FRAME_TRAP : plan->leaf ? SC_FRAME_LEAF : SC_FRAME_UNWIND;
    step->exact_ip = r->exact;
    step->ret_slot = r->slot;
    step->trap = r->trap;
    step->base = r->reg[ARM64_SP];
    step->known = (r->known & kept) | BIT(ARM64_SP);
}

enum sc_step_status arm64_run(struct sc_unwinder *u, const struct arm64_plan *plan, bool exact_ip,
                              struct sc_regs *regs, struct sc_step *step) {
    struct sc_regs copy = *regs;
    struct run r = {.u = u, .regs = &copy, .known = step->known & ALL};
    for (unsigned i = 0; i < ARM64_REGS; i++)
        r.reg[i] = get64(regs->raw + CONTEXT_X0 + 8 * (size_t)i);
    uint64_t sp = r.reg[ARM64_SP];
    enum sc_step_status st = r.known & BIT(ARM64_SP) ? SC_STEP_DONE : SC_STEP_NO_RULE;
    if (plan->leaf && !exact_ip)
        return SC_STEP_NO_RULE; /* it has called somebody: no leaf, but code without unwind data */
    for (uint32_t i = 0; st == SC_STEP_DONE && i < plan->nops; i++)
        st = run_op(&r, &plan->op[i]);
    if (st == SC_STEP_DONE && !r.crossed)
        st = run_return(&r);
    if (st == SC_STEP_MEMORY)
        step->missing = r.missing;
    if (st != SC_STEP_DONE)
        return st;
    if (!r.crossed && r.reg[ARM64_SP] < sp) {
        step->missing = r.from_fp ? 0 : plan->info;
        return r.from_fp ? SC_STEP_NO_RULE : SC_STEP_BAD;
    }
    commit(&r, plan, regs, step);
    return SC_STEP_DONE;
}
