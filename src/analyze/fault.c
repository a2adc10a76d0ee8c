/* SPDX-License-Identifier: MIT */
/*
 * Finding the fault. Sources, best first:
 *
 *   instruction  the exception record's address; the parameter that is documented to hold it;
 *                where the context of the fault stands
 *   memory       ExceptionInformation[1] of an access violation or in-page error; the parameter
 *                that is documented to hold it
 *   status       the exception record's code; the parameter of a bug check that holds one
 *
 * Minidumps of other systems: the record's code is a signal or Mach exception, its address what was
 * touched, and the instruction is where the context stands.
 *
 * The context in a kernel dump's header is that of the call that stopped the system, not of the
 * fault, so it is no source; unless it stands on the instruction that another source names.
 */
#include "analyze/fault.h"

#include <string.h>

/*
 * Bug checks that report a bad memory reference: the parameters that hold the address, how it was
 * used, and the instruction (0: none). From Microsoft's bug-check reference; test_analyze_fault.c
 * holds the table against the kinds in data/bugchecks.
 */
static const struct {
    uint32_t code;
    uint8_t memory, access, ip;
} references[] = {
    {0x0a, 1, 3, 4}, {0x50, 1, 2, 3}, {0xbe, 1, 0, 0}, {0xc5, 1, 3, 4}, {0xcc, 1, 2, 3},
    {0xcd, 1, 2, 3}, {0xce, 1, 2, 3}, {0xd1, 1, 3, 4}, {0xd3, 1, 3, 4}, {0xd4, 1, 3, 4},
    {0xd5, 1, 2, 3}, {0xd6, 1, 2, 3}, {0xfc, 1, 0, 0},
};

static bool is_memory_status(uint32_t status) {
    return status == 0xc0000005 || status == 0xc0000006;
}

static const char *access_word(uint64_t how) {
    switch (how) {
    case 0: return "read";
    case 1: return "write";
    case 8: return "execute";
    default: return NULL;
    }
}

/* Elsewhere the record's address is what was touched, for signals about memory; else unused. */
static bool foreign_memory(const struct sc_machine *m, uint32_t code) {
    bool mach = strcmp(m->platform, "macOS") == 0 || strcmp(m->platform, "iOS") == 0;
    return mach ? code == 1 : code == 7 || code == 11; /* EXC_BAD_ACCESS; SIGBUS, SIGSEGV */
}

static void from_exception(struct sc_case *c) {
    const struct sc_exception *e = &c->a->exception;
    struct sc_fault *f = &c->fault;
    if (!c->a->has_exception)
        return;
    f->status = e->code;
    if (!c->machine->windows) {
        if (foreign_memory(c->machine, e->code))
            f->memory = e->address;
        return;
    }
    if (e->address) {
        f->ip = e->address;
        f->ip_in_record = true;
    }
    if (!is_memory_status(e->code) || e->nparams < 2)
        return;
    f->access = access_word(e->param[0]);
    /* A general protection fault has no address: Windows reports a read of -1 for it. */
    if (c->machine->cpu == SC_CPU_X64 && e->code == 0xc0000005 && e->param[1] == UINT64_MAX) {
        f->hidden = true;
        return;
    }
    f->memory = sc_case_canon(c, e->param[1]);
}

/* The word of the table of parameter N: "write (Arm, …)" is a write. */
static const char *access_of_arg(const struct sc_case *c, unsigned n) {
    char text[64];
    if (!sc_bug_meaning(&c->bug.arg[n - 1], c->machine->bugcheck_arg[n - 1], c->is32, text,
                        sizeof text))
        return NULL;
    static const char *const words[] = {"read", "write", "execute"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strncmp(text, words[i], strlen(words[i])) == 0)
            return words[i];
    return NULL;
}

static void take_ip(struct sc_case *c, unsigned arg) {
    struct sc_fault *f = &c->fault;
    uint64_t ip = sc_case_canon(c, c->machine->bugcheck_arg[arg - 1]);
    if (!ip)
        return;
    if (f->ip == SC_UNSET64)
        f->ip = ip;
    if (f->ip == ip)
        f->ip_arg = arg;
}

static void take_memory(struct sc_case *c, unsigned arg, const char *access) {
    struct sc_fault *f = &c->fault;
    if (f->memory != SC_UNSET64 || f->hidden)
        return;
    f->memory = sc_case_canon(c, c->machine->bugcheck_arg[arg - 1]);
    f->memory_arg = arg;
    if (!f->access)
        f->access = access;
}

static void from_references(struct sc_case *c, uint32_t code) {
    for (size_t i = 0; i < sizeof references / sizeof *references; i++) {
        if (references[i].code != code)
            continue;
        const char *access = references[i].access ? access_of_arg(c, references[i].access) : NULL;
        if (code == 0xbe || code == 0xfc)
            access = code == 0xbe ? "write" : "execute";
        take_memory(c, references[i].memory, access);
        if (references[i].ip)
            take_ip(c, references[i].ip);
    }
}

/* 0x1E, 0x3B, 0x7E, 0x8E: parameter 1 is the exception, parameter 2 the instruction. */
static void from_status_args(struct sc_case *c, uint32_t code) {
    if (c->bug.arg[0].kind != SC_BUG_NTSTATUS || c->bug.arg[1].kind != SC_BUG_CODE)
        return;
    uint32_t status = (uint32_t)c->machine->bugcheck_arg[0];
    if (!c->fault.status)
        c->fault.status = status;
    take_ip(c, 2);
    if (code != 0x1e || !is_memory_status(status) || c->a->has_exception)
        return;
    uint64_t memory = sc_case_canon(c, c->machine->bugcheck_arg[3]);
    const char *access = access_word(c->machine->bugcheck_arg[2]);
    if (c->machine->cpu == SC_CPU_X64 && memory == UINT64_MAX) {
        c->fault.hidden = true;
        c->fault.access = access;
    } else {
        take_memory(c, 4, access);
    }
}

static void from_regs(struct sc_case *c) {
    struct sc_fault *f = &c->fault;
    if (!c->a->has_regs)
        return;
    /* Whatever context it is: when it stands on the very instruction, it is the fault's. */
    if (f->ip != SC_UNSET64 && sc_regs_ip(&c->a->regs) == f->ip)
        c->regs_of_fault = true;
    if (!c->regs_of_fault)
        return;
    uint64_t ip = sc_regs_ip(&c->a->regs);
    if (f->ip == SC_UNSET64)
        f->ip = ip;
    const struct sc_module *here = sc_target_module_at(c->target, ip);
    /* A breakpoint's context may stand behind the instruction: the module is what counts. */
    f->ip_in_regs = f->ip == ip || (here && here == sc_target_module_at(c->target, f->ip));
    f->contradicted = !f->ip_in_regs && here != sc_target_module_at(c->target, f->ip);
}

/*
 * Linux on x64 reports 0 for the address of a general protection fault. When a register holds a
 * number that is no address, that is more likely than a null pointer.
 */
static void doubt_zero(struct sc_case *c) {
    const char *reg;
    uint64_t value;
    if (!c->machine->windows && c->fault.memory == 0 && c->machine->cpu == SC_CPU_X64 &&
        sc_pointer_wild_reg(c, &reg, &value)) {
        c->fault.memory = SC_UNSET64;
        c->fault.hidden = true;
    }
}

void sc_fault_find(struct sc_case *c) {
    c->fault = (struct sc_fault){.ip = SC_UNSET64, .memory = SC_UNSET64};
    from_exception(c);
    if (c->a->has_bugcheck) {
        uint32_t code = sc_plain_code(c->a->code);
        from_references(c, code);
        from_status_args(c, code);
    }
    from_regs(c);
}

void sc_fault_look(struct sc_case *c) {
    doubt_zero(c);
    sc_fault_decode(c);
}

bool sc_fault_wrong(struct sc_case *c, uint64_t *ret_address, const char **ret_reg) {
    const struct sc_fault *f = &c->fault;
    const struct sc_fault_insn *i = f->insn;
    *ret_reg = NULL;
    if (f->memory != SC_UNSET64) {
        *ret_address = f->memory;
        return true;
    }
    if (!f->hidden)
        return false;
    if (i && i->has_address && i->base) {
        *ret_reg = i->base;
        *ret_address = i->base_value;
        return true;
    }
    return sc_pointer_wild_reg(c, ret_reg, ret_address);
}
