/* SPDX-License-Identifier: MIT */
/* The registers of the fault. */
#include "analyze/faultregs.h"

#include <string.h>

/* x64's numbering, as unwind data has it. */
static const char *const names[] = {"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
                                    "r8",  "r9",  "r10", "r11", "r12", "r13", "r14", "r15"};
enum {
    /* rax, rcx, rdx, rsp, rbp, r8 to r11: what a trap frame holds */
    TRAP_FRAME_HAS = 0x0f37,
};

/* The one that stands on the failing instruction; when that is not known, behind the first trap. */
static const struct sc_frame *frame_of_fault(const struct sc_case *c) {
    const struct sc_stack *s = &c->a->stack;
    bool any = c->fault.ip == SC_UNSET64;
    for (size_t i = any; i < s->count; i++) {
        const struct sc_frame *f = &s->frame[i];
        if (f->confidence < 100 || f->suspect)
            return NULL;
        if (f->exact_ip && f->how != SC_FRAME_INLINE && (any || f->ip == c->fault.ip))
            return f;
    }
    return NULL;
}

void sc_fault_regs(struct sc_case *c, struct sc_fault_regs *ret) {
    *ret = (struct sc_fault_regs){.cpu = c->machine->cpu, .command = "r"};
    if (c->a->has_regs && c->regs_of_fault) {
        ret->regs = &c->a->regs;
        ret->known = c->regs_partial ? TRAP_FRAME_HAS : UINT64_MAX;
        ret->command = sc_case_cxr(c);
        return;
    }
    const struct sc_frame *f = frame_of_fault(c);
    if (!f)
        return;
    ret->regs = &f->regs;
    ret->known = f->known;
    ret->command = sc_case_text(c, ".cxr; .frame /r %x", f->number);
}

bool sc_fault_regs_known(const struct sc_fault_regs *r, const struct sc_reg *reg) {
    if (!sc_reg_present(r->regs, reg))
        return false;
    for (unsigned n = 0; r->cpu == SC_CPU_X64 && n < sizeof names / sizeof *names; n++)
        if (strcmp(reg->name, names[n]) == 0)
            return r->known >> n & 1;
    return r->known == UINT64_MAX;
}
