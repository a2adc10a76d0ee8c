/* SPDX-License-Identifier: MIT */
/*
 * The step by STACK CFI, Breakpad's form of call frame information, of any CPU. The symbols put
 * together what counts at an address (sym/breakpad_stack.c):
 *
 *     .cfa: $rsp 16 + .ra: .cfa -8 + ^ $rbx: .cfa -16 + ^
 *
 * `.cfa`, the frame's address, is the caller's stack pointer, `.ra` the return address; the others
 * are registers as they were in the caller. All are computed from the registers of the frame and
 * from .cfa, none from another. A register without a rule is as it was if calls keep it, else it is
 * unknown. `.ra: .undef` marks the outermost frame.
 *
 * Learnt from Breakpad's document of its symbol files; which registers calls keep is each
 * convention's: Windows keeps rsi and rdi too, and x18.
 */
#include <string.h>

#include "unwind/program.h"
#include "unwind/recover.h"

enum { REGS_MAX = 32 };

/* A CPU's registers in its own numbering, by their names in the CONTEXT and in rules. */
struct cfi_cpu {
    enum sc_cpu cpu;
    enum sc_program_language language;
    unsigned count, sp;
    const char *ip;
    const char *name[REGS_MAX];
    uint32_t kept, kept_windows; /* across calls */
};

static const struct cfi_cpu cpus[] = {
    {SC_CPU_X86,
     SC_PROGRAM_CFI32,
     8,
     4,
     "eip",
     {"eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi"},
     0xe8,
     0xe8},
    {SC_CPU_X64,
     SC_PROGRAM_CFI64,
     16,
     4,
     "rip",
     {"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12",
      "r13", "r14", "r15"},
     0xf028,
     0xf0e8},
    {SC_CPU_ARM,
     SC_PROGRAM_CFI32,
     15,
     13,
     "pc",
     {"r0", "r1", "r2", "r3", "r4", "r5", "r6", "r7", "r8", "r9", "r10", "r11", "r12", "sp", "lr"},
     0xff0,
     0xff0},
    {SC_CPU_ARM64,
     SC_PROGRAM_CFI64,
     32,
     31,
     "pc",
     {"x0",  "x1",  "x2",  "x3",  "x4",  "x5",  "x6",  "x7",  "x8",  "x9",  "x10",
      "x11", "x12", "x13", "x14", "x15", "x16", "x17", "x18", "x19", "x20", "x21",
      "x22", "x23", "x24", "x25", "x26", "x27", "x28", "fp",  "lr",  "sp"},
     0x3ff80000,
     0x3ffc0000},
};

/* A step under way. */
struct cfi {
    struct sc_unwinder *u;
    const struct cfi_cpu *cpu;
    uint64_t in[REGS_MAX], out[REGS_MAX];
    uint64_t known, out_known;
    uint64_t ip, cfa, ra, slot; /* slot: where ra was read; 0: nowhere */
    bool has_cfa;
    struct sc_program program;
};

/* A rule of the text. */
struct rule {
    const char *name, *expr;
    size_t name_len, expr_len;
};

/* ---- registers ---- */

/* The register that a rule names, with `$`, `.` or nothing before it; -1: none of the CPU's. */
static int register_of(const struct cfi_cpu *cpu, const char *name, size_t len) {
    static const struct {
        enum sc_cpu cpu;
        const char *name;
        int reg;
    } others[] = {{SC_CPU_ARM, "fp", 11},    {SC_CPU_ARM, "r13", 13},   {SC_CPU_ARM, "r14", 14},
                  {SC_CPU_ARM64, "x29", 29}, {SC_CPU_ARM64, "x30", 30}, {SC_CPU_ARM64, "x31", 31}};
    if (len && (*name == '$' || *name == '.'))
        name++, len--;
    for (unsigned i = 0; i < cpu->count; i++)
        if (strlen(cpu->name[i]) == len && !memcmp(cpu->name[i], name, len))
            return (int)i;
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (others[i].cpu == cpu->cpu && strlen(others[i].name) == len &&
            !memcmp(others[i].name, name, len))
            return others[i].reg;
    return -1;
}

static bool lookup(void *ctx, const char *name, uint64_t *ret) {
    const struct cfi *c = ctx;
    if (!strcmp(name, ".cfa")) {
        *ret = c->cfa;
        return c->has_cfa;
    }
    int reg = register_of(c->cpu, name, strlen(name));
    if (reg >= 0) {
        *ret = c->in[reg];
        return c->known >> reg & 1;
    }
    *ret = c->ip;
    return !strcmp(*name == '$' ? name + 1 : name, c->cpu->ip);
}

static enum sc_program_status read_word(void *ctx, uint64_t addr, uint64_t *ret) {
    const struct cfi *c = ctx;
    if (sc_space_uint(c->u->space, addr, c->u->ptr_size, ret) == SC_READ_OK)
        return SC_PROGRAM_DONE;
    return SC_PROGRAM_MEMORY;
}

static void take(struct cfi *c, const struct sc_regs *regs, uint64_t known) {
    c->ip = sc_regs_ip(regs);
    c->known = known & ((UINT64_C(1) << c->cpu->count) - 1);
    for (unsigned i = 0; i < c->cpu->count; i++)
        c->in[i] = sc_reg_value(regs, sc_reg_find(regs->cpu, c->cpu->name[i]));
}

static void give(const struct cfi *c, struct sc_regs *regs) {
    for (unsigned i = 0; i < c->cpu->count; i++)
        if (c->out_known >> i & 1)
            sc_reg_set(regs, sc_reg_find(c->cpu->cpu, c->cpu->name[i]), c->out[i]);
    sc_reg_set(regs, sc_reg_find(c->cpu->cpu, c->cpu->ip), c->ra);
}

/* ---- rules ---- */

/* The rule at *P, which is moved to the next one. */
static bool next_rule(const char **p, struct rule *ret) {
    const char *at = *p + strspn(*p, " ");
    size_t len = strcspn(at, " ");
    if (!len || at[len - 1] != ':')
        return false;
    *ret = (struct rule){.name = at, .name_len = len - 1};
    at += len;
    at += strspn(at, " ");
    ret->expr = at;
    for (;;) {
        len = strcspn(at, " ");
        if (!len || at[len - 1] == ':')
            break;
        at += len;
        ret->expr_len = (size_t)(at - ret->expr);
        at += strspn(at, " ");
    }
    *p = at;
    return true;
}

static bool is(const struct rule *r, const char *name) {
    return strlen(name) == r->name_len && !memcmp(name, r->name, r->name_len);
}

static bool find_rule(const char *text, const char *name, struct rule *ret) {
    while (next_rule(&text, ret))
        if (is(ret, name))
            return true;
    return false;
}

static enum sc_program_status eval(struct cfi *c, const struct rule *r,
                                   struct sc_program_value *ret) {
    return sc_program_eval(&c->program, r->expr, r->expr_len, ret);
}

static enum sc_step_status step_status(const struct cfi *c, enum sc_program_status status,
                                       uint64_t *missing) {
    switch (status) {
    case SC_PROGRAM_DONE: return SC_STEP_DONE;
    case SC_PROGRAM_UNKNOWN: return SC_STEP_NO_RULE;
    case SC_PROGRAM_MEMORY: *missing = c->program.missing; return SC_STEP_MEMORY;
    case SC_PROGRAM_BAD:
    case SC_PROGRAM_FAILED: break;
    }
    return SC_STEP_BAD;
}

/* .cfa and .ra: without them there is no caller. */
static enum sc_step_status run_frame(struct cfi *c, const char *text, uint64_t *missing) {
    struct rule cfa, ra;
    struct sc_program_value v = {0};
    if (!find_rule(text, ".cfa", &cfa) || !find_rule(text, ".ra", &ra))
        return SC_STEP_BAD;
    enum sc_step_status st = step_status(c, eval(c, &cfa, &v), missing);
    if (st != SC_STEP_DONE)
        return st;
    c->cfa = v.value;
    c->has_cfa = true;
    if (ra.expr_len == 6 && !memcmp(ra.expr, ".undef", 6)) {
        c->ra = 0;
        return SC_STEP_DONE;
    }
    st = step_status(c, eval(c, &ra, &v), missing);
    if (st == SC_STEP_DONE) {
        c->ra = sc_code_strip(c->u, v.value);
        c->slot = v.has_slot ? v.slot : 0;
    }
    return st;
}

/* The other registers: one whose value is not there is unknown. */
static enum sc_step_status run_registers(struct cfi *c, const char *text) {
    struct rule r;
    struct sc_program_value v;
    bool windows = sc_target_machine(c->u->target)->windows;
    memcpy(c->out, c->in, sizeof c->out);
    c->out_known = c->known & (windows ? c->cpu->kept_windows : c->cpu->kept);
    c->out[c->cpu->sp] = c->cfa;
    c->out_known |= UINT64_C(1) << c->cpu->sp;
    while (next_rule(&text, &r)) {
        int reg = register_of(c->cpu, r.name, r.name_len);
        if (reg < 0)
            continue;
        enum sc_program_status status = eval(c, &r, &v);
        if (status == SC_PROGRAM_BAD)
            return SC_STEP_BAD;
        if (status == SC_PROGRAM_DONE) {
            c->out[reg] = v.value;
            c->out_known |= UINT64_C(1) << reg;
        } else if ((unsigned)reg != c->cpu->sp) {
            c->out_known &= ~(UINT64_C(1) << reg);
        } else {
            return SC_STEP_NO_RULE;
        }
    }
    return SC_STEP_DONE;
}

/* ---- the step ---- */

static const struct cfi_cpu *cpu_of(enum sc_cpu cpu) {
    for (size_t i = 0; i < sizeof cpus / sizeof *cpus; i++)
        if (cpus[i].cpu == cpu)
            return &cpus[i];
    return NULL;
}

/* The address that rules are asked for: of the call, not of what follows it. */
static uint64_t asked(const struct cfi *c, bool exact_ip) {
    uint64_t ip = c->cpu->cpu == SC_CPU_ARM ? c->ip & ~UINT64_C(1) : c->ip; /* Thumb's mark */
    return exact_ip ? ip : ip - 1;
}

static enum sc_step_status check_ra(struct cfi *c, struct sc_step *ret) {
    enum sc_return_like like = SC_RETURN_NO;
    if (!c->ra)
        return SC_STEP_DONE;
    ret->err = sc_return_like(c->u, c->ra, &like);
    if (ret->err)
        return SC_STEP_ERROR;
    return like == SC_RETURN_NO ? SC_STEP_NO_RULE : SC_STEP_DONE;
}

static void finish(const struct cfi *c, struct sc_step *ret) {
    ret->how = SC_FRAME_CFI;
    ret->exact_ip = false;
    ret->ret_slot = c->slot;
    ret->trap = 0;
    ret->base = c->cpu->cpu == SC_CPU_X86 ? c->cfa - 8 : c->out[c->cpu->sp];
    ret->missing = 0;
    ret->known = c->out_known;
    ret->callee_params = 0;
    ret->callee_pops = false;
}

enum sc_step_status sc_step_cfi(struct sc_unwinder *u, struct sc_unwind_module *m, bool exact_ip,
                                struct sc_regs *regs, struct sc_step *ret) {
    struct cfi c = {.u = u, .cpu = cpu_of(regs->cpu)};
    struct sc_frame_rule rule = {0};
    bool found = false;
    if (!m || !c.cpu)
        return SC_STEP_NO_RULE;
    take(&c, regs, ret->known);
    ret->err = sc_unwind_rule_at(m, asked(&c, exact_ip), &rule, &found);
    if (ret->err)
        return SC_STEP_ERROR;
    if (!found || !rule.program || !strchr(rule.program, ':'))
        return SC_STEP_NO_RULE;
    sc_program_init(&c.program, c.cpu->language, read_word, &c);
    c.program.lookup = lookup;
    enum sc_step_status st = run_frame(&c, rule.program, &ret->missing);
    if (st == SC_STEP_DONE)
        st = run_registers(&c, rule.program);
    if (st == SC_STEP_DONE)
        st = check_ra(&c, ret);
    if (st == SC_STEP_BAD)
        ret->missing = m->base + rule.rva;
    if (st != SC_STEP_DONE)
        return st;
    finish(&c, ret);
    give(&c, regs);
    return SC_STEP_DONE;
}
