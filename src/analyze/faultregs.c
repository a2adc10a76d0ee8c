/* SPDX-License-Identifier: MIT */
/* The registers of the fault. */
#include "analyze/faultregs.h"

#include <string.h>

/* The CPUs' own numbering, as unwind data has it. */
enum { NAMES = 16, NAMES_X86 = 8 };
static const char *const names[NAMES] = {"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
                                         "r8",  "r9",  "r10", "r11", "r12", "r13", "r14", "r15"};
static const char *const names_x86[NAMES_X86] = {"eax", "ecx", "edx", "ebx",
                                                 "esp", "ebp", "esi", "edi"};
enum {
    /* rax, rcx, rdx, rsp, rbp, r8 to r11: what a trap frame holds */
    TRAP_FRAME_HAS = 0x0f37,
    KEPT = 0x100, /* offset of the registers in a KEXCEPTION_FRAME */
};

sc_err *sc_fault_trap_look(struct sc_case *c, sc_unwinder *unwinder,
                           const struct sc_stack_opts *opts) {
    struct sc_fault_trap *trap;
    bool found = false;
    if (!c->machine->kernel || !c->a->has_bugcheck || c->regs_of_fault)
        return NULL;
    struct sc_trap_wanted wanted = {.sp = sc_regs_sp(&c->a->regs),
                                    .ip = c->fault.ip,
                                    .memory = c->fault.memory,
                                    .status = c->fault.status};
    trap = sc_arena_alloc(c->arena, sizeof *trap);
    if (!trap)
        return sc_err_nomem();
    sc_err *err = sc_fault_trap_find(unwinder, opts, &wanted, trap, &found);
    if (!err && found)
        c->trap = trap;
    return err;
}

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

static void fill(struct sc_case *c, struct sc_fault_regs *r) {
    const struct sc_frame *f = NULL;
    *r = (struct sc_fault_regs){.cpu = c->machine->cpu, .command = "r"};
    if (c->a->has_regs && c->regs_of_fault) {
        r->regs = &c->a->regs;
        r->known = c->regs_partial && r->cpu == SC_CPU_X64 ? TRAP_FRAME_HAS : UINT64_MAX;
        r->command = sc_case_cxr(c);
    } else if ((f = frame_of_fault(c)) != NULL) {
        r->regs = &f->regs;
        r->known = f->known;
        r->command = sc_case_text(c, ".cxr; .frame /r %x", f->number);
    } else if (c->trap) {
        r->regs = &c->trap->regs;
        r->known = c->trap->known;
        r->command = sc_case_text(c, ".trap %s", sc_case_hex(c, c->trap->address));
        if (c->trap->kept) /* the nonvolatile ones, rbx, rdi, rsi, r12 to r15 */
            r->command =
                sc_case_text(c, "%s; dps %s L7", r->command, sc_case_hex(c, c->trap->kept + KEPT));
    }
    uint64_t all = r->cpu == SC_CPU_X64   ? (1 << NAMES) - 1
                   : r->cpu == SC_CPU_X86 ? (1 << NAMES_X86) - 1
                                          : UINT64_MAX;
    r->complete = r->regs && (r->known & all) == all;
}

void sc_fault_regs_find(struct sc_case *c) {
    struct sc_fault_regs *r = sc_arena_alloc(c->arena, sizeof *r);
    if (!r) {
        c->nomem = true;
        return;
    }
    fill(c, r);
    c->at = r;
}

/* The number of the register NAME in its CPU's numbering; -1: it is no general one. */
static int number_of(enum sc_cpu cpu, const char *name) {
    const char *const *list = cpu == SC_CPU_X64 ? names : cpu == SC_CPU_X86 ? names_x86 : NULL;
    int count = cpu == SC_CPU_X64 ? NAMES : NAMES_X86;
    for (int n = 0; list && n < count; n++)
        if (strcmp(name, list[n]) == 0)
            return n;
    return -1;
}

bool sc_fault_regs_known(const struct sc_fault_regs *r, const struct sc_reg *reg) {
    if (!r->regs || !sc_reg_present(r->regs, reg))
        return false;
    int n = number_of(r->cpu, reg->name);
    /* Of other CPUs a context has all or is none; ip and flags are there whenever others are. */
    return n >= 0 ? r->known >> n & 1
                  : r->cpu == SC_CPU_X64 || r->cpu == SC_CPU_X86 || r->known == UINT64_MAX;
}
