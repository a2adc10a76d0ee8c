/* SPDX-License-Identifier: MIT */
/* What the files of the x86 unwinder share: a frame's registers as numbers, and how it is left. */
#ifndef STOPCODE_UNWIND_X86_IMPL_H
#define STOPCODE_UNWIND_X86_IMPL_H

#include "unwind/return_address.h"

/* General registers in the CPU's own numbering: the bits of `known`. */
enum { X86_EAX, X86_ECX, X86_EDX, X86_EBX, X86_ESP, X86_EBP, X86_ESI, X86_EDI, X86_GPRS };
enum {
    X86_NONVOLATILE = 1 << X86_EBX | 1 << X86_EBP | 1 << X86_ESI | 1 << X86_EDI,
    X86_ALL = (1 << X86_GPRS) - 1,
};

struct x86_regs {
    uint32_t ip, r[X86_GPRS];
    uint32_t known; /* bit N: r[N] is */
};

/* "eax" … "edi". */
extern const char *const sc_x86_names[X86_GPRS];

/* A step under way. */
struct x86_step {
    struct sc_unwinder *u;
    struct sc_unwind_module *m; /* NULL outside of all */
    bool exact_ip;
    struct x86_regs in;  /* the frame's */
    struct x86_regs out; /* its caller's, as far as they are known */
    uint32_t slot;       /* where the return address lies, once that is known */
    uint32_t start;      /* where the function begins; 0 not known, or not asked for */
    uint32_t popped;     /* bytes of parameters that the `ret` found takes off */
    struct sc_step *step;
};

void sc_x86_take(const struct sc_regs *regs, uint64_t known, struct x86_regs *ret);
/* Changes ip and general registers of REGS; those that are not known keep what they had. */
void sc_x86_give(const struct x86_regs *from, struct sc_regs *regs);

static inline bool x86_knows(const struct x86_regs *r, unsigned reg) { return r->known >> reg & 1; }
static inline void x86_set(struct x86_regs *r, unsigned reg, uint32_t value) {
    r->r[reg] = value;
    r->known |= 1u << reg;
}
static inline void x86_forget(struct x86_regs *r, unsigned reg) { r->known &= ~(1u << reg); }

/* 32 bits; SC_STEP_MEMORY and step->missing when they are not there. */
enum sc_step_status sc_x86_read(struct x86_step *s, uint32_t addr, uint32_t *ret_value);
/* SC_STEP_DONE, or SC_STEP_ERROR with step->err. */
enum sc_step_status sc_x86_error(struct x86_step *s, sc_err *err);

/*
 * The return address lies at SLOT: ip and esp of the caller, and the slot, are set. Other registers
 * are left alone.
 */
enum sc_step_status sc_x86_leave(struct x86_step *s, uint32_t slot);
/* The frame is one of ebp, which was set: ip, esp, ebp of the caller. */
enum sc_step_status sc_x86_leave_ebp(struct x86_step *s);

/*
 * Looks for the return address from START on, through MORE further slots: at START where that looks
 * like one; else in the nearest slot that holds what follows a call. *RET_SHIFT is 0 at START,
 * 1 for the only one that fits, 2 for the nearest of several.
 */
enum sc_step_status sc_x86_search(struct x86_step *s, uint32_t start, unsigned more,
                                  uint32_t *ret_slot, unsigned *ret_shift);

/* x86_fpo.c: by FPO_DATA. *RET_SHIFT as above. */
enum sc_step_status sc_x86_fpo(struct x86_step *s, const struct sc_frame_rule *rule,
                               unsigned *ret_shift);

/*
 * Bytes of parameters that a function takes off the stack, from its decorated name: `_Name@12`,
 * `@Name@12` (of which 8 are in registers). False: the name does not say.
 */
bool sc_x86_decorated_params(const char *name, uint32_t *ret_bytes);
/* step->callee_params and _pops from the name of the frame's function. */
enum sc_step_status sc_x86_params_by_name(struct x86_step *s);

#endif
