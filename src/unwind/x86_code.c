/* SPDX-License-Identifier: MIT */
/*
 * Code of x86 run in thought: from a function's first instruction to where it stands, or from there
 * to its `ret`. Only what is certain counts: the first call, jump or computed esp ends it without
 * an answer. (A conditional jump on the way in is passed over: compilers keep the depth of the
 * stack the same on both ways to an instruction.)
 *
 * Instructions are recognised by the disassembler's text, which names their operands; the forms
 * that prologs and epilogs are made of are few.
 */
#include "unwind/x86_code.h"

#include <stdlib.h>
#include <string.h>

#include "stopcode/disasm.h"

enum { ENTRY_MAX = 64, ENTRY_BYTES = 512, EXIT_MAX = 24, DEPTH_MAX = 1 << 20 };

/* ---- instructions ---- */

static enum sc_step_status decoder(struct x86_step *s) {
    struct sc_unwinder *u = s->u;
    if (u->disasm)
        return SC_STEP_DONE;
    if (u->no_disasm)
        return SC_STEP_NO_RULE;
    sc_err *err = sc_disasm_create(SC_CPU_X86, &u->disasm);
    if (!err)
        return SC_STEP_DONE;
    if (sc_err_code(err) == SC_ERR_NOMEM)
        return sc_x86_error(s, err);
    u->no_disasm = true; /* its library is not installed: do without */
    sc_target_log(u->target, SC_LOG_INFO, "%s", sc_err_text(err));
    sc_err_destroy(err);
    return SC_STEP_NO_RULE;
}

static enum sc_step_status fetch(struct x86_step *s, uint32_t ip, struct sc_insn *ret) {
    uint8_t code[SC_INSN_BYTES_MAX];
    size_t got = 0;
    enum sc_step_status status = decoder(s);
    if (status != SC_STEP_DONE)
        return status;
    sc_space_read(s->u->space, ip, code, sizeof code, &got);
    if (!got)
        return SC_STEP_NO_RULE;
    sc_disasm_decode(s->u->disasm, ip, code, got, ret);
    return ret->valid ? SC_STEP_DONE : SC_STEP_NO_RULE;
}

/* The register that TEXT (up to its end or a comma) names, whole or in part; -1 none. */
static int register_at(const char *text) {
    static const char parts[X86_GPRS][4][4] = {
        {"eax", "ax", "al", "ah"}, {"ecx", "cx", "cl", "ch"}, {"edx", "dx", "dl", "dh"},
        {"ebx", "bx", "bl", "bh"}, {"esp", "sp", "", ""},     {"ebp", "bp", "", ""},
        {"esi", "si", "", ""},     {"edi", "di", "", ""},
    };
    size_t len = strcspn(text, ",");
    for (int r = 0; r < X86_GPRS; r++)
        for (int k = 0; k < 4; k++)
            if (len && strlen(parts[r][k]) == len && !memcmp(parts[r][k], text, len))
                return r;
    return -1;
}

static const char *second_operand(const struct sc_insn *i) {
    const char *comma = strrchr(i->operands, ',');
    return comma ? comma + 1 : "";
}

/* The number behind the comma of `add esp,0FFFFFFF8h`. */
static bool immediate(const struct sc_insn *i, uint32_t *ret) {
    const char *text = second_operand(i);
    char *end;
    if (*text < '0' || *text > '9')
        return false;
    *ret = (uint32_t)strtoul(text, &end, 16);
    return !*end || (*end == 'h' && !end[1]);
}

static bool is(const struct sc_insn *i, const char *mnemonic) {
    return !strcmp(i->mnemonic, mnemonic);
}

static bool based_on(const struct sc_insn_mem *mem, const char *reg) {
    return mem->base && !mem->index && !mem->override && !strcmp(mem->base, reg);
}

/* Pushes and pops of 16 bits are no part of ordinary code. */
static bool narrow(const struct sc_insn *i) { return i->byte[0] == 0x66; }

/* Compares change nothing. */
static bool writes_first(const struct sc_insn *i) { return !is(i, "cmp") && !is(i, "test"); }

/* ---- the way in ---- */

static bool set_depth(struct x86_entry *e, int64_t depth) {
    if (depth < 0 || depth > DEPTH_MAX)
        return false;
    e->depth = (uint32_t)depth;
    e->has_depth = true;
    for (unsigned r = 0; r < X86_GPRS; r++)
        if (e->saved >> r & 1 && e->saved_depth[r] > e->depth) {
            e->saved &= ~(1u << r); /* its slot is no longer part of the stack */
            e->lost |= 1u << r;
        }
    return true;
}

static bool deeper(struct x86_entry *e, int64_t bytes) {
    return e->has_depth && set_depth(e, (int64_t)e->depth + bytes);
}

static void save(struct x86_entry *e, int reg, int64_t depth) {
    if (reg < 0 || !(X86_NONVOLATILE >> reg & 1) || depth <= 0 || depth > DEPTH_MAX ||
        (e->saved | e->lost) >> reg & 1)
        return;
    e->saved |= 1u << reg;
    e->saved_depth[reg] = (uint32_t)depth;
}

static void lose(struct x86_entry *e, int reg) {
    if (reg >= 0 && !(e->saved >> reg & 1))
        e->lost |= 1u << reg;
    if (reg == X86_EBP)
        e->has_ebp = false;
}

static bool entry_stack(struct x86_entry *e, const struct sc_insn *i) {
    if (narrow(i))
        return false;
    if (is(i, "push")) {
        if (!deeper(e, 4))
            return false;
        save(e, register_at(i->operands), e->depth);
        return true;
    }
    const int reg = register_at(i->operands);
    const bool back = reg >= 0 && e->saved >> reg & 1 && e->saved_depth[reg] == e->depth;
    lose(e, reg);
    if (reg == X86_ESP || !deeper(e, -4))
        return false;
    if (back) /* what was saved there is in it again */
        e->lost &= ~(1u << reg);
    return true;
}

/* esp is the destination. */
static bool entry_esp(struct x86_entry *e, const struct sc_insn *i) {
    uint32_t n = 0;
    if ((is(i, "sub") || is(i, "add")) && immediate(i, &n))
        return deeper(e, is(i, "sub") ? (int32_t)n : -(int64_t)(int32_t)n);
    if (is(i, "lea") && based_on(&i->mem[0], "esp"))
        return deeper(e, -i->mem[0].disp);
    bool from_ebp = is(i, "mov") && register_at(second_operand(i)) == X86_EBP;
    int64_t disp = 0;
    if (is(i, "lea") && based_on(&i->mem[0], "ebp")) {
        from_ebp = true;
        disp = i->mem[0].disp;
    }
    if (from_ebp && e->has_ebp)
        return set_depth(e, e->ebp_depth - disp);
    /* Rounded down: the depth is gone, and what ebp was set to remains. */
    e->has_depth = false;
    return is(i, "and") && e->has_ebp;
}

static bool entry_ebp(struct x86_entry *e, const struct sc_insn *i) {
    int64_t depth = 0;
    bool set = false;
    if (is(i, "mov") && register_at(second_operand(i)) == X86_ESP) {
        set = e->has_depth;
        depth = e->depth;
    } else if (is(i, "lea") && based_on(&i->mem[0], "esp")) {
        depth = (int64_t)e->depth - i->mem[0].disp;
        set = e->has_depth && depth > -DEPTH_MAX && depth < DEPTH_MAX;
    }
    lose(e, X86_EBP);
    e->has_ebp = set;
    e->ebp_depth = (int32_t)depth;
    return true;
}

/* One instruction; false: what it does to the stack is not known. */
static bool entry_step(struct x86_entry *e, const struct sc_insn *i) {
    if (i->flow == SC_FLOW_BRANCH)
        return true;
    if (i->flow != SC_FLOW_NEXT)
        return false;
    if (is(i, "push") || is(i, "pop"))
        return entry_stack(e, i);
    if (!strncmp(i->mnemonic, "push", 4) || !strncmp(i->mnemonic, "popa", 4) ||
        !strncmp(i->mnemonic, "popf", 4) || is(i, "enter") || is(i, "leave"))
        return false;
    const int first = register_at(i->operands);
    if (is(i, "xchg") && (first == X86_ESP || register_at(second_operand(i)) == X86_ESP))
        return false;
    if (is(i, "mov") && i->nmems == 1 && i->mem[0].write && based_on(&i->mem[0], "esp") &&
        e->has_depth)
        save(e, register_at(second_operand(i)), (int64_t)e->depth - i->mem[0].disp);
    if (first < 0 || !writes_first(i))
        return true;
    if (is(i, "mov") && first == register_at(second_operand(i)))
        return true; /* mov edi,edi: room for a patch */
    if (first == X86_ESP)
        return entry_esp(e, i);
    if (first == X86_EBP)
        return entry_ebp(e, i);
    lose(e, first);
    return true;
}

enum sc_step_status sc_x86_entry(struct x86_step *s, uint32_t start, uint32_t stop,
                                 struct x86_entry *ret) {
    struct x86_entry e = {.has_depth = true};
    if (stop - start > ENTRY_BYTES)
        return SC_STEP_NO_RULE;
    for (unsigned n = 0; start != stop; n++) {
        struct sc_insn insn;
        enum sc_step_status status = n < ENTRY_MAX ? fetch(s, start, &insn) : SC_STEP_NO_RULE;
        if (status != SC_STEP_DONE)
            return status;
        if (insn.length > stop - start || !entry_step(&e, &insn))
            return SC_STEP_NO_RULE;
        start += insn.length;
    }
    *ret = e;
    return SC_STEP_DONE;
}

enum sc_step_status sc_x86_restore(struct x86_step *s, const struct x86_entry *e) {
    for (unsigned r = 0; r < X86_GPRS; r++) {
        uint32_t value = 0;
        if (e->lost >> r & 1)
            x86_forget(&s->out, r);
        if (!(e->saved >> r & 1))
            continue;
        enum sc_step_status status = sc_x86_read(s, s->slot - e->saved_depth[r], &value);
        if (status != SC_STEP_DONE)
            return status;
        x86_set(&s->out, r, value);
    }
    return SC_STEP_DONE;
}

enum sc_step_status sc_x86_leave_entry(struct x86_step *s, uint32_t start) {
    struct x86_entry e;
    uint32_t slot = 0;
    enum sc_step_status status = sc_x86_entry(s, start, s->in.ip, &e);
    if (status != SC_STEP_DONE)
        return status;
    if (e.has_depth)
        slot = s->in.r[X86_ESP] + e.depth;
    else if (e.has_ebp && x86_knows(&s->in, X86_EBP))
        slot = s->in.r[X86_EBP] + (uint32_t)e.ebp_depth;
    else
        return SC_STEP_NO_RULE;
    status = sc_x86_leave(s, slot);
    return status == SC_STEP_DONE ? sc_x86_restore(s, &e) : status;
}

/* ---- the way out ---- */

/* Harmless on the way out: they change their first operand and the flags. */
static bool is_plain(const struct sc_insn *i) {
    static const char *const plain[] = {"mov", "movzx", "movsx", "xor", "or",  "and", "lea",
                                        "nop", "add",   "sub",   "inc", "dec", "cmp", "test",
                                        "neg", "not",   "sar",   "shr", "shl", "sbb", "adc"};
    for (size_t n = 0; n < sizeof plain / sizeof *plain; n++)
        if (is(i, plain[n]))
            return true;
    return !strncmp(i->mnemonic, "set", 3) || !strncmp(i->mnemonic, "cmov", 4);
}

/* The address of an operand that stands on esp or ebp alone. */
static bool stack_operand(const struct x86_regs *r, const struct sc_insn_mem *mem, uint32_t *ret) {
    const unsigned reg = based_on(mem, "esp") ? X86_ESP : X86_EBP;
    if (!(reg == X86_ESP || based_on(mem, "ebp")) || !x86_knows(r, reg))
        return false;
    *ret = r->r[reg] + (uint32_t)mem->disp;
    return true;
}

static enum sc_step_status exit_esp(struct x86_regs *r, const struct sc_insn *i) {
    uint32_t n = 0;
    if ((is(i, "sub") || is(i, "add")) && immediate(i, &n))
        r->r[X86_ESP] += is(i, "add") ? n : 0 - n;
    else if (is(i, "lea") && stack_operand(r, &i->mem[0], &n))
        r->r[X86_ESP] = n;
    else if (is(i, "mov") && register_at(second_operand(i)) == X86_EBP && x86_knows(r, X86_EBP))
        r->r[X86_ESP] = r->r[X86_EBP];
    else
        return SC_STEP_NO_RULE;
    return SC_STEP_DONE;
}

static enum sc_step_status exit_plain(struct x86_step *s, struct x86_regs *r,
                                      const struct sc_insn *i) {
    const int first = register_at(i->operands);
    uint32_t addr = 0, value = 0;
    for (unsigned n = 0; n < i->nmems; n++)
        if (i->mem[n].write && (based_on(&i->mem[n], "esp") || based_on(&i->mem[n], "ebp")))
            return SC_STEP_NO_RULE; /* it might be what is about to be popped */
    if (first == X86_ESP && writes_first(i))
        return exit_esp(r, i);
    if (first < 0 || !writes_first(i) || register_at(second_operand(i)) == first)
        return SC_STEP_DONE;
    if (is(i, "mov") && i->nmems == 1 && stack_operand(r, &i->mem[0], &addr) &&
        !strncmp(i->operands, sc_x86_names[first], 3)) {
        enum sc_step_status status = sc_x86_read(s, addr, &value);
        if (status == SC_STEP_DONE)
            x86_set(r, (unsigned)first, value);
        return status;
    }
    x86_forget(r, (unsigned)first);
    return SC_STEP_DONE;
}

static enum sc_step_status exit_pop(struct x86_step *s, struct x86_regs *r,
                                    const struct sc_insn *i) {
    const int reg = is(i, "leave") ? X86_EBP : register_at(i->operands);
    uint32_t value = 0;
    if (reg < 0 || reg == X86_ESP || narrow(i) || (is(i, "leave") && !x86_knows(r, X86_EBP)))
        return SC_STEP_NO_RULE;
    if (is(i, "leave"))
        r->r[X86_ESP] = r->r[X86_EBP];
    enum sc_step_status status = sc_x86_read(s, r->r[X86_ESP], &value);
    if (status != SC_STEP_DONE)
        return status;
    r->r[X86_ESP] += 4;
    x86_set(r, (unsigned)reg, value);
    return SC_STEP_DONE;
}

/* `ret` and `ret n`, with a prefix or none: at *R's esp lies the return address. */
static enum sc_step_status exit_return(struct x86_step *s, const struct x86_regs *r,
                                       const struct sc_insn *i) {
    const char *name = strrchr(i->mnemonic, ' ');
    if (strcmp(name ? name + 1 : i->mnemonic, "ret") != 0)
        return SC_STEP_NO_RULE;
    s->out = *r;
    enum sc_step_status status = sc_x86_leave(s, r->r[X86_ESP]);
    s->popped = (uint32_t)strtoul(i->operands, NULL, 16);
    return status;
}

static enum sc_step_status run_out(struct x86_step *s, struct x86_regs *r) {
    for (unsigned n = 0; n < EXIT_MAX; n++) {
        struct sc_insn insn;
        enum sc_step_status status = fetch(s, r->ip, &insn);
        if (status != SC_STEP_DONE)
            return status;
        r->ip += insn.length;
        if (insn.flow == SC_FLOW_RETURN)
            return exit_return(s, r, &insn);
        if (insn.flow == SC_FLOW_JUMP && insn.has_target && !insn.indirect)
            r->ip = (uint32_t)insn.target;
        else if (insn.flow != SC_FLOW_NEXT)
            return SC_STEP_NO_RULE;
        else if (is(&insn, "pop") || is(&insn, "leave"))
            status = exit_pop(s, r, &insn);
        else
            status = is_plain(&insn) ? exit_plain(s, r, &insn) : SC_STEP_NO_RULE;
        if (status != SC_STEP_DONE)
            return status;
    }
    return SC_STEP_NO_RULE;
}

enum sc_step_status sc_x86_leave_exit(struct x86_step *s) {
    struct x86_regs r = s->in;
    if (!s->exact_ip) {
        if (!s->step->callee_pops)
            return SC_STEP_NO_RULE;
        r.r[X86_ESP] += s->step->callee_params;
    }
    const struct x86_regs before = s->out;
    enum sc_step_status status = run_out(s, &r);
    if (status != SC_STEP_DONE && status != SC_STEP_ERROR) {
        s->out = before;
        status = SC_STEP_NO_RULE; /* other rules may read less of the stack */
    }
    return status;
}
