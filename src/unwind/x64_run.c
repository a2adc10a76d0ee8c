/* SPDX-License-Identifier: MIT */
/*
 * Running a plan: from the registers of a frame to those of its caller.
 *
 * The CONTEXT keeps the general registers in the order of their numbers from 0x78 on, rip behind
 * them, and xmm0 … xmm15 from 0x1a0 on (see cpu/x64.c). Stack slots are read in place where the
 * dump's file is mapped.
 *
 * A slot that the dump lacks makes its register unknown; only what rip and rsp come from must be
 * there. A caller's volatile registers are unknown, unless codes restored them: those of a frame
 * that was interrupted lie in the trap frame, which belongs to the walk.
 *
 * `trap` is the address of the machine frame, that of its rip: the field Rip of the KTRAP_FRAME
 * (+0x168) that the kernel's trap handlers build around it.
 */
#include <assert.h>
#include <string.h>

#include "unwind/x64.h"

enum {
    CONTEXT_CS = 0x38,
    CONTEXT_SS = 0x42,
    CONTEXT_FLAGS = 0x44,
    CONTEXT_RAX = 0x78,
    CONTEXT_RIP = 0xf8,
    CONTEXT_XMM0 = 0x1a0,
    MACHINE_FRAME = 0x28, /* rip, cs, flags, rsp, ss */
    WINDOW = 0x80,        /* of the stack, read at once */
    PAGE = 0x1000,
    SP_BIT = 1 << X64_RSP,
    VOLATILES = 0x0f07, /* rax, rcx, rdx, r8 … r11 */
};
static_assert(CONTEXT_RAX + 8 * X64_REGS == CONTEXT_RIP, "rip follows r15");
static_assert(CONTEXT_XMM0 + 16 * 16 <= SC_CONTEXT_MAX, "xmm15 is in the CONTEXT");

struct run {
    sc_space *space;
    uint64_t reg[X64_REGS];
    uint64_t rip, base, slot, trap, missing;
    uint32_t known;                          /* general registers */
    uint32_t restored;                       /* of them, by this plan */
    uint32_t xmms;                           /* xmm registers that were restored */
    bool base_known, from_register, crossed; /* crossed: a machine frame */
    uint8_t xmm[16][16];
    uint8_t machine[MACHINE_FRAME];
    uint64_t window_at; /* bytes of the stack: */
    size_t window_size;
    uint8_t window[WINDOW];
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

static bool in_window(const struct run *r, uint64_t addr, size_t size) {
    uint64_t skip = addr - r->window_at;
    return skip <= r->window_size && size <= r->window_size - skip;
}

/* SIZE bytes of the stack. */
static bool load(struct run *r, uint64_t addr, void *buf, size_t size) {
    if (!in_window(r, addr, size)) {
        size_t in_page = PAGE - (size_t)(addr % PAGE), want = in_page < WINDOW ? in_page : WINDOW;
        r->window_at = addr;
        sc_space_read(r->space, addr, r->window, want > size ? want : size, &r->window_size);
    }
    if (!in_window(r, addr, size)) {
        r->missing = addr + r->window_size;
        return false;
    }
    memcpy(buf, r->window + (addr - r->window_at), size);
    return true;
}

static void set(struct run *r, unsigned reg, uint64_t addr) {
    uint8_t bytes[8];
    uint32_t bit = 1u << reg;
    if (load(r, addr, bytes, sizeof bytes)) {
        r->reg[reg] = get64(bytes);
        r->known |= bit;
        r->restored |= bit;
    } else {
        r->known &= ~bit;
        r->restored &= ~bit;
    }
}

static void set_xmm(struct run *r, unsigned reg, uint64_t addr) {
    if (load(r, addr, r->xmm[reg], sizeof r->xmm[reg]))
        r->xmms |= 1u << reg;
}

static enum sc_step_status machine_frame(struct run *r, uint64_t at) {
    if (!load(r, at, r->machine, sizeof r->machine))
        return SC_STEP_MEMORY;
    r->slot = r->trap = at;
    r->crossed = true;
    r->rip = get64(r->machine);
    r->reg[X64_RSP] = get64(r->machine + 0x18);
    return SC_STEP_DONE;
}

static enum sc_step_status run_op(struct run *r, const struct x64_op *op) {
    uint64_t *sp = &r->reg[X64_RSP], value = (uint64_t)op->value;
    bool known = r->known >> op->reg & 1;
    switch ((enum x64_opcode)op->code) {
    case X64_OP_POP:
        set(r, op->reg, *sp);
        *sp += 8;
        break;
    case X64_OP_DROP:
        r->known &= ~(1u << op->reg);
        *sp += 8;
        break;
    case X64_OP_ADD: *sp += value; break;
    case X64_OP_SET_SP:
        if (!known)
            return SC_STEP_NO_RULE;
        *sp = r->reg[op->reg] + value;
        r->from_register = true;
        break;
    case X64_OP_BASE_SP:
        r->base = *sp + value;
        r->base_known = true;
        break;
    case X64_OP_BASE_REG:
        r->base = r->reg[op->reg] + value;
        r->base_known = known;
        break;
    case X64_OP_LOAD:
        if (r->base_known)
            set(r, op->reg, r->base + value);
        else
            r->known &= ~(1u << op->reg);
        return r->known & SP_BIT ? SC_STEP_DONE : SC_STEP_MEMORY;
    case X64_OP_LOAD_XMM:
        if (r->base_known)
            set_xmm(r, op->reg, r->base + value);
        break;
    case X64_OP_MACHFRAME: return machine_frame(r, *sp + value);
    }
    return SC_STEP_DONE;
}

/* A return: the last thing, unless a machine frame was crossed. */
static enum sc_step_status run_return(struct run *r) {
    uint8_t bytes[8];
    uint64_t sp = r->reg[X64_RSP];
    if (!load(r, sp, bytes, sizeof bytes))
        return SC_STEP_MEMORY;
    r->slot = sp;
    r->rip = get64(bytes);
    r->reg[X64_RSP] = sp + 8;
    return SC_STEP_DONE;
}

static void commit(const struct run *r, const struct x64_plan *plan, struct sc_regs *regs,
                   struct sc_step *step) {
    for (unsigned i = 0; i < X64_REGS; i++)
        put64(regs->raw + CONTEXT_RAX + 8 * i, r->reg[i]);
    put64(regs->raw + CONTEXT_RIP, r->rip);
    for (unsigned i = 0; r->xmms >> i; i++)
        if (r->xmms >> i & 1)
            memcpy(regs->raw + CONTEXT_XMM0 + 16 * i, r->xmm[i], 16);
    if (r->crossed) {
        memcpy(regs->raw + CONTEXT_CS, r->machine + 8, 2);
        memcpy(regs->raw + CONTEXT_FLAGS, r->machine + 0x10, 4);
        memcpy(regs->raw + CONTEXT_SS, r->machine + 0x20, 2);
    }
    step->how = r->crossed ? SC_FRAME_TRAP : plan->how;
    step->exact_ip = r->crossed;
    step->ret_slot = r->slot;
    step->trap = r->trap;
    step->base = r->reg[X64_RSP];
    step->known = (r->known & ~(uint32_t)VOLATILES) | r->restored | SP_BIT;
}

static void start(struct run *r, struct sc_unwinder *u, const struct sc_regs *regs,
                  const struct sc_step *step) {
    memset(r, 0, offsetof(struct run, xmm));
    r->window_at = r->window_size = 0;
    r->space = u->space;
    r->known = (uint32_t)step->known & 0xffff;
    for (unsigned i = 0; i < X64_REGS; i++)
        r->reg[i] = get64(regs->raw + CONTEXT_RAX + 8 * i);
}

enum sc_step_status x64_run(struct sc_unwinder *u, const struct x64_plan *plan,
                            struct sc_regs *regs, struct sc_step *step) {
    struct run r;
    start(&r, u, regs, step);
    uint64_t sp = r.reg[X64_RSP];
    enum sc_step_status st = r.known & SP_BIT ? SC_STEP_DONE : SC_STEP_NO_RULE;
    for (uint32_t i = 0; st == SC_STEP_DONE && i < plan->nops; i++)
        st = run_op(&r, &plan->op[i]);
    if (st == SC_STEP_DONE && !r.crossed)
        st = run_return(&r);
    if (st == SC_STEP_MEMORY)
        step->missing = r.missing;
    if (st != SC_STEP_DONE)
        return st;
    if (!r.crossed && r.reg[X64_RSP] <= sp) {
        /* A wrong frame register, or sizes that no function has. */
        step->missing = r.from_register ? 0 : plan->info;
        return r.from_register ? SC_STEP_NO_RULE : SC_STEP_BAD;
    }
    commit(&r, plan, regs, step);
    return SC_STEP_DONE;
}
