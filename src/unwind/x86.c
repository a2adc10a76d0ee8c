/* SPDX-License-Identifier: MIT */
/*
 * One step on x86, by what symbols say of the function's frame and what its code says by itself.
 * In this order:
 *
 *   1. a trap handler (FPO_DATA of kind TRAP): the registers of its trap frame, at ebp;
 *   2. code that returns without further ado, or that stands in its function's prolog, run in
 *      thought: exact, and what the symbols' rules leave out. FRAMEDATA of ebp frames is one block,
 *      which begins before ebp is set;
 *   3. the program of FRAMEDATA or STACK WIN 4;
 *   4. FPO_DATA or STACK WIN 0.
 *
 * ChildEBP (`base`) is, for every frame but a trap handler's, the slot below the return address.
 * Inferred from real listings: in those of an ebp frame (`05abf110 7784fc97 … CallExtObj+0x17`) it
 * is ebp after the prolog, args follow the return address at +8; in those of FPO frames it is the
 * same place: a9fe5904 nt!KiSwapContext+0x2f, a9fe5910 nt!KiSwapThread+0x8a, a9fe5938
 * nt!KeWaitForSingleObject+0x1c2: KiSwapContext's return address lies at a9fe5908, then come the
 * two registers that KiSwapThread pushes, then its return address at a9fe5914. A trap handler's is
 * its trap frame: a9750c80 nt!KiTrap0E+0x238, with the Eip of that frame as RetAddr. The outermost
 * frame (00000000 00000000 nt!KiThreadStartup+0x16) shows the ebp that ends the chain.
 *
 * esp of a caller is that behind the popped return address, whoever removes the parameters: so do
 * the programs of MSVC, and so does Breakpad's processor.
 */
#include <string.h>

#include "unwind/program.h"
#include "unwind/trap_x86.h"
#include "unwind/x86_code.h"

enum {
    FPO_TRAP = 1,
    BY_PROGRAM = 0xff,
    SEARCH_LEAST = 16, /* slots */
    SEARCH_MOST = 64,
    RETURN_SIZE = 4,
};

const char *const sc_x86_names[X86_GPRS] = {"eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi"};

/* ---- registers ---- */

void sc_x86_take(const struct sc_regs *regs, uint64_t known, struct x86_regs *ret) {
    ret->ip = (uint32_t)sc_regs_ip(regs);
    ret->known = (uint32_t)known & X86_ALL;
    for (unsigned i = 0; i < X86_GPRS; i++)
        ret->r[i] = (uint32_t)sc_reg_value(regs, sc_reg_find(SC_CPU_X86, sc_x86_names[i]));
}

void sc_x86_give(const struct x86_regs *from, struct sc_regs *regs) {
    sc_reg_set(regs, sc_reg_find(SC_CPU_X86, "eip"), from->ip);
    for (unsigned i = 0; i < X86_GPRS; i++)
        if (x86_knows(from, i))
            sc_reg_set(regs, sc_reg_find(SC_CPU_X86, sc_x86_names[i]), from->r[i]);
}

/* ---- memory ---- */

enum sc_step_status sc_x86_read(struct x86_step *s, uint32_t addr, uint32_t *ret_value) {
    uint64_t value = 0;
    if (sc_space_uint(s->u->space, addr, 4, &value) != SC_READ_OK) {
        s->step->missing = addr;
        return SC_STEP_MEMORY;
    }
    *ret_value = (uint32_t)value;
    return SC_STEP_DONE;
}

enum sc_step_status sc_x86_error(struct x86_step *s, sc_err *err) {
    s->step->err = err;
    return err ? SC_STEP_ERROR : SC_STEP_DONE;
}

enum sc_step_status sc_x86_leave(struct x86_step *s, uint32_t slot) {
    uint32_t ip = 0;
    enum sc_step_status status = sc_x86_read(s, slot, &ip);
    if (status != SC_STEP_DONE)
        return status;
    s->slot = slot;
    s->out.ip = ip;
    x86_set(&s->out, X86_ESP, slot + RETURN_SIZE);
    return SC_STEP_DONE;
}

enum sc_step_status sc_x86_leave_ebp(struct x86_step *s) {
    uint32_t ebp = 0;
    if (!x86_knows(&s->in, X86_EBP))
        return SC_STEP_NO_RULE;
    enum sc_step_status status = sc_x86_read(s, s->in.r[X86_EBP], &ebp);
    if (status == SC_STEP_DONE)
        status = sc_x86_leave(s, s->in.r[X86_EBP] + RETURN_SIZE);
    if (status == SC_STEP_DONE)
        x86_set(&s->out, X86_EBP, ebp);
    return status;
}

/* ---- looking for the return address ---- */

struct found {
    unsigned count;
    uint32_t nearest;
};

static void count(struct found *f, uint32_t slot) {
    if (!f->count++)
        f->nearest = slot;
}

static bool choose(const struct found *f, uint32_t *ret_slot, unsigned *ret_shift) {
    *ret_slot = f->nearest;
    *ret_shift = f->count == 1 ? 1 : 2;
    return f->count > 0;
}

enum sc_step_status sc_x86_search(struct x86_step *s, uint32_t start, unsigned more,
                                  uint32_t *ret_slot, unsigned *ret_shift) {
    struct found calls = {0}, code = {0};
    enum sc_return_like first = SC_RETURN_NO, like = SC_RETURN_NO;
    uint32_t value = 0, first_value = 0;
    *ret_slot = start;
    *ret_shift = 0;
    for (unsigned i = 0; i <= more; i++) {
        enum sc_step_status status = sc_x86_read(s, start + i * 4, &value);
        if (status != SC_STEP_DONE && i)
            break;
        if (status == SC_STEP_DONE)
            status = sc_x86_error(s, sc_return_like(s->u, value, &like));
        if (status != SC_STEP_DONE)
            return status;
        if (!i) {
            first = like;
            first_value = value;
            if (like == SC_RETURN_CALL || like == SC_RETURN_MAYBE || like == SC_RETURN_OUTSIDE)
                return SC_STEP_DONE;
        } else if (like == SC_RETURN_CALL) {
            count(&calls, start + i * 4);
        } else if (like == SC_RETURN_MAYBE) {
            count(&code, start + i * 4);
        }
    }
    s->step->missing = 0;
    if (choose(&calls, ret_slot, ret_shift))
        return SC_STEP_DONE;
    *ret_slot = start;
    *ret_shift = 0;
    /* The outermost frame; an address pushed by hand; code that was made at run time. */
    if (!first_value || first == SC_RETURN_CODE || (first == SC_RETURN_UNREAD && !s->exact_ip))
        return SC_STEP_DONE;
    return choose(&code, ret_slot, ret_shift) ? SC_STEP_DONE : SC_STEP_NO_RULE;
}

/* ---- programs ---- */

struct program_run {
    struct x86_step *s;
    const struct sc_frame_rule *rule;
    enum sc_step_status failed;
    unsigned shift;
};

static enum sc_program_status program_status(struct program_run *r, enum sc_step_status status) {
    r->failed = status;
    return status == SC_STEP_DONE      ? SC_PROGRAM_DONE
           : status == SC_STEP_MEMORY  ? SC_PROGRAM_MEMORY
           : status == SC_STEP_NO_RULE ? SC_PROGRAM_UNKNOWN
                                       : SC_PROGRAM_FAILED;
}

static enum sc_program_status program_read(void *ctx, uint64_t addr, uint64_t *ret_value) {
    struct program_run *r = ctx;
    uint32_t value = 0;
    enum sc_step_status status = sc_x86_read(r->s, (uint32_t)addr, &value);
    if (status == SC_STEP_DONE)
        *ret_value = value;
    return program_status(r, status);
}

/*
 * A program that rounds ("@") belongs to a function whose prolog rounded esp down after it had set
 * up ebp: nothing but ebp leads to its return address then.
 */
static enum sc_step_status behind_ebp(struct x86_step *s, uint32_t *ret_slot) {
    enum sc_return_like like = SC_RETURN_NO;
    uint32_t value = 0;
    if (!x86_knows(&s->in, X86_EBP))
        return SC_STEP_NO_RULE;
    *ret_slot = s->in.r[X86_EBP] + 4;
    enum sc_step_status status = sc_x86_read(s, *ret_slot, &value);
    if (status == SC_STEP_DONE)
        status = sc_x86_error(s, sc_return_like(s->u, value, &like));
    if (status != SC_STEP_DONE)
        return status;
    return like == SC_RETURN_CALL || like == SC_RETURN_MAYBE ? SC_STEP_DONE : SC_STEP_NO_RULE;
}

static enum sc_step_status find_slot(struct program_run *r, const uint64_t *start,
                                     uint32_t *ret_slot) {
    const struct sc_frame_rule *rule = r->rule;
    struct x86_step *s = r->s;
    if (strchr(rule->program, '@')) {
        enum sc_step_status status = behind_ebp(s, ret_slot);
        if (status != SC_STEP_NO_RULE)
            return status;
    }
    uint32_t at = start ? (uint32_t)*start : s->in.r[X86_ESP] + rule->locals + rule->saved_regs;
    uint32_t more = rule->max_stack / 4;
    more = more < SEARCH_LEAST ? SEARCH_LEAST : more > SEARCH_MOST ? SEARCH_MOST : more;
    return sc_x86_search(s, at + s->step->callee_params, more, ret_slot, &r->shift);
}

static enum sc_program_status program_search(void *ctx, const uint64_t *start, uint64_t *ret_slot) {
    struct program_run *r = ctx;
    uint32_t slot = 0;
    enum sc_step_status status = find_slot(r, start, &slot);
    if (status == SC_STEP_DONE)
        *ret_slot = slot;
    return program_status(r, status);
}

static void set_variables(struct sc_program *p, const struct x86_step *s,
                          const struct sc_frame_rule *rule) {
    char name[SC_PROGRAM_NAME] = "$";
    sc_program_set(p, "$eip", s->in.ip);
    for (unsigned i = 0; i < X86_GPRS; i++) {
        memcpy(name + 1, sc_x86_names[i], strlen(sc_x86_names[i]) + 1);
        if (x86_knows(&s->in, i))
            sc_program_set(p, name, s->in.r[i]);
    }
    sc_program_set(p, ".cbLocals", rule->locals);
    sc_program_set(p, ".cbParams", rule->params);
    sc_program_set(p, ".cbSavedRegs", rule->saved_regs);
    sc_program_set(p, ".cbCalleeParams", s->step->callee_params);
}

/*
 * Nonvolatile registers that the program does not restore are as they were, if it restores all that
 * the function saved. Programs with .cbLocals, .cbSavedRegs or .cbParams come from compilers that
 * left esi and edi out whether they were saved or not.
 */
static void forget_unrestored(struct x86_step *s, const struct sc_frame_rule *rule,
                              uint32_t assigned) {
    static const unsigned reg[] = {X86_EBX, X86_ESI, X86_EDI};
    uint32_t restored = 0;
    const bool old = strstr(rule->program, ".cb") != NULL;
    for (size_t i = 0; i < 3; i++)
        restored += 4 * (assigned >> reg[i] & 1);
    if (!strstr(rule->program, "$T0 $ebp"))
        restored += 4 * (assigned >> X86_EBP & 1);
    for (size_t i = 0; i < 3; i++)
        if (!(assigned >> reg[i] & 1) && (old ? reg[i] != X86_EBX : restored < rule->saved_regs))
            x86_forget(&s->out, reg[i]);
}

static enum sc_step_status take_results(struct x86_step *s, const struct sc_frame_rule *rule,
                                        const struct sc_program *p) {
    char name[SC_PROGRAM_NAME] = "$";
    const struct sc_program_var *eip = sc_program_get(p, "$eip"), *esp = sc_program_get(p, "$esp");
    uint32_t assigned = 0;
    if (!eip->assigned || !esp || !esp->assigned)
        return SC_STEP_BAD;
    for (unsigned i = 0; i < X86_GPRS; i++) {
        memcpy(name + 1, sc_x86_names[i], strlen(sc_x86_names[i]) + 1);
        const struct sc_program_var *var = sc_program_get(p, name);
        if (!var || !var->assigned)
            continue;
        x86_set(&s->out, i, (uint32_t)var->v.value);
        assigned |= 1u << i;
    }
    s->out.ip = (uint32_t)eip->v.value;
    s->slot = (uint32_t)(eip->v.has_slot ? eip->v.slot : esp->v.value - RETURN_SIZE);
    forget_unrestored(s, rule, assigned);
    return SC_STEP_DONE;
}

/*
 * A computed return address that is not even LEAST like one: the registers that led there were not
 * the frame's.
 */
static enum sc_step_status check_ip(struct x86_step *s, enum sc_return_like least) {
    enum sc_return_like like = SC_RETURN_NO;
    if (!s->out.ip)
        return SC_STEP_DONE;
    enum sc_step_status status = sc_x86_error(s, sc_return_like(s->u, s->out.ip, &like));
    if (status != SC_STEP_DONE)
        return status;
    return like < least ? SC_STEP_NO_RULE : SC_STEP_DONE;
}

static enum sc_step_status by_program(struct x86_step *s, const struct sc_frame_rule *rule,
                                      unsigned *ret_shift) {
    struct program_run r = {.s = s, .rule = rule, .failed = SC_STEP_ERROR};
    struct sc_program p;
    enum sc_step_status status = SC_STEP_BAD;
    sc_program_init(&p, SC_PROGRAM_X86, program_read, &r);
    p.search = program_search;
    set_variables(&p, s, rule);
    switch (sc_program_run(&p, rule->program)) {
    case SC_PROGRAM_DONE: status = take_results(s, rule, &p); break;
    case SC_PROGRAM_UNKNOWN: return SC_STEP_NO_RULE;
    case SC_PROGRAM_MEMORY: return SC_STEP_MEMORY;
    case SC_PROGRAM_FAILED: return r.failed;
    case SC_PROGRAM_BAD: break;
    }
    if (status == SC_STEP_BAD)
        s->step->missing = s->m->base + rule->rva;
    *ret_shift = r.shift;
    return status == SC_STEP_DONE ? check_ip(s, SC_RETURN_UNREAD) : status;
}

/* ---- what the symbols have ---- */

static bool ends_walk(const sc_err *err) {
    return sc_err_code(err) == SC_ERR_NOMEM || sc_err_code(err) == SC_ERR_CANCELLED;
}

/* Symbols are asked for the call, not for what follows it: that may be another function. */
static uint32_t asked_rva(const struct x86_step *s) {
    return (uint32_t)(s->in.ip - s->m->base) - !s->exact_ip;
}

/* The function that the frame's ip lies in; `found` false: nobody knows one. */
static enum sc_step_status find_function(struct x86_step *s, struct sc_symbol *ret,
                                         bool *ret_found) {
    const struct sc_modsyms *syms = s->m ? s->m->syms : NULL;
    const unsigned kinds = SC_SYM_FUNCTION | SC_SYM_PUBLIC | SC_SYM_EXPORT;
    for (size_t i = 0; syms && i < syms->nproviders && !*ret_found; i++) {
        sc_err *err = sc_symbols_nearest(syms->provider[i], asked_rva(s), kinds, ret, ret_found);
        if (err && ends_walk(err))
            return sc_x86_error(s, err);
        sc_err_destroy(err);
    }
    return SC_STEP_DONE;
}

bool sc_x86_decorated_params(const char *name, uint32_t *ret) {
    const char *at = strrchr(name, '@');
    uint32_t bytes = 0;
    if (!at || at == name || !at[1] || (name[0] != '_' && name[0] != '@') || strlen(at) > 5)
        return false;
    for (const char *p = at + 1; *p; p++) {
        if (*p < '0' || *p > '9')
            return false;
        bytes = bytes * 10 + (uint32_t)(*p - '0');
    }
    if (name[0] == '@') /* __fastcall: the first two are in registers */
        bytes = bytes > 8 ? bytes - 8 : 0;
    *ret = bytes;
    return true;
}

enum sc_step_status sc_x86_params_by_name(struct x86_step *s) {
    struct sc_symbol symbol;
    bool found = false;
    s->step->callee_params = 0;
    s->step->callee_pops = false;
    enum sc_step_status status = find_function(s, &symbol, &found);
    if (status == SC_STEP_DONE && found)
        s->step->callee_pops = sc_x86_decorated_params(symbol.name, &s->step->callee_params);
    return status;
}

/* ---- the step ---- */

/* s->start: the address of the function's first instruction. */
static enum sc_step_status find_start(struct x86_step *s, const struct sc_frame_rule *rule) {
    struct sc_symbol symbol = {0};
    bool found = rule && rule->function_start;
    enum sc_step_status status = SC_STEP_DONE;
    if (found)
        symbol.rva = rule->rva;
    else
        status = find_function(s, &symbol, &found);
    s->start = found ? (uint32_t)s->m->base + symbol.rva : 0;
    return status;
}

/*
 * *RET_EXIT: it is on the way out, s->popped is known. That a `ret` follows proves only where the
 * code would have gone, had it gone on: hand-written code in the middle of a function may end in
 * one that was never meant to be reached. So what lies there must be the address behind a call.
 */
static enum sc_step_status by_code(struct x86_step *s, const struct sc_frame_rule *rule,
                                   bool *ret_exit) {
    const struct x86_regs before = s->out;
    enum sc_step_status status = sc_x86_leave_exit(s);
    if (status == SC_STEP_DONE)
        status = s->out.ip ? check_ip(s, SC_RETURN_MAYBE) : SC_STEP_NO_RULE;
    *ret_exit = status == SC_STEP_DONE;
    if (status == SC_STEP_NO_RULE)
        s->out = before;
    if (status != SC_STEP_NO_RULE || !s->exact_ip || !s->m)
        return status;
    status = find_start(s, rule);
    if (status == SC_STEP_DONE)
        status = s->start ? sc_x86_leave_entry(s, s->start) : SC_STEP_NO_RULE;
    if (status == SC_STEP_DONE)
        status = check_ip(s, SC_RETURN_MAYBE);
    if (status == SC_STEP_MEMORY)
        status = SC_STEP_NO_RULE; /* other rules may read less of the stack */
    if (status == SC_STEP_NO_RULE)
        s->out = before;
    return status;
}

static enum sc_step_status finish(struct x86_step *s, enum sc_frame_how how, struct sc_regs *regs) {
    struct sc_step *step = s->step;
    step->how = how;
    step->exact_ip = false;
    step->ret_slot = s->slot;
    step->base = s->slot - RETURN_SIZE;
    step->missing = 0;
    step->known = s->out.known & (X86_NONVOLATILE | 1u << X86_ESP);
    sc_x86_give(&s->out, regs);
    return SC_STEP_DONE;
}

/* The rule begins with the function, and the ip stands in the prolog, which the rule leaves out. */
static bool in_prolog(const struct x86_step *s, const struct sc_frame_rule *rule) {
    return s->exact_ip && s->start == (uint32_t)s->m->base + rule->rva &&
           s->in.ip - s->start < rule->prolog;
}

/*
 * In a prolog whose code is not there. At its first instruction esp points to the return address;
 * then that lies a little above, with ebp below it once that has been pushed.
 */
static enum sc_step_status by_prolog(struct x86_step *s, const struct sc_frame_rule *rule,
                                     unsigned *ret_shift) {
    const uint32_t esp = s->in.r[X86_ESP];
    uint32_t slot = esp, more = (rule->locals + rule->saved_regs) / 4 + 1;
    enum sc_step_status status = SC_STEP_DONE;
    if (s->in.ip != s->start)
        status = sc_x86_search(s, esp, more < SEARCH_MOST ? more : SEARCH_MOST, &slot, ret_shift);
    if (status == SC_STEP_DONE)
        status = sc_x86_leave(s, slot);
    if (s->in.ip == s->start || status != SC_STEP_DONE)
        return status;
    *ret_shift += !*ret_shift;
    s->out.known &= ~(uint32_t)X86_NONVOLATILE | 1u << X86_EBP;
    if (s->in.r[X86_EBP] == slot - 4 &&
        sc_x86_read(s, slot - 4, &s->out.r[X86_EBP]) != SC_STEP_DONE)
        x86_forget(&s->out, X86_EBP);
    return s->out.ip ? check_ip(s, SC_RETURN_MAYBE) : SC_STEP_NO_RULE;
}

static enum sc_frame_how how_of(unsigned shift, enum sc_frame_how exact) {
    return shift == 0 ? exact : shift == 1 ? SC_FRAME_FITTED : SC_FRAME_SCAN;
}

static enum sc_step_status by_rule(struct x86_step *s, const struct sc_frame_rule *rule,
                                   struct sc_regs *regs) {
    unsigned shift = 0;
    enum sc_frame_how how = SC_FRAME_FPO;
    enum sc_step_status status;
    if (rule->fpo_kind == BY_PROGRAM)
        how = SC_FRAME_CFI;
    if (in_prolog(s, rule)) {
        status = by_prolog(s, rule, &shift);
    } else if (rule->fpo_kind == BY_PROGRAM) {
        status = rule->program ? by_program(s, rule, &shift) : SC_STEP_NO_RULE;
    } else {
        status = sc_x86_fpo(s, rule, &shift);
        if (status == SC_STEP_DONE)
            status = check_ip(s, SC_RETURN_UNREAD);
    }
    if (status != SC_STEP_DONE)
        return status;
    s->step->callee_params = rule->params;
    s->step->callee_pops = !rule->params;
    return finish(s, how_of(shift, how), regs);
}

enum sc_step_status sc_step_x86(struct sc_unwinder *u, struct sc_unwind_module *m, bool exact_ip,
                                struct sc_regs *regs, struct sc_step *ret) {
    struct x86_step s = {.u = u, .m = m, .exact_ip = exact_ip, .step = ret};
    struct sc_frame_rule rule = {0};
    bool found = false, is_exit = false;
    if (regs->cpu != SC_CPU_X86)
        return SC_STEP_NO_RULE;
    sc_x86_take(regs, ret->known, &s.in);
    s.out = s.in;
    enum sc_step_status status = SC_STEP_DONE;
    if (m)
        status = sc_x86_error(&s, sc_unwind_rule_at(m, m->base + asked_rva(&s), &rule, &found));
    if (status != SC_STEP_DONE)
        return status;
    if (found && rule.program && strchr(rule.program, ':'))
        return SC_STEP_NO_RULE; /* STACK CFI: another step's */
    ret->has_rule = found;
    ret->rule = rule;
    if (found && rule.fpo_kind == FPO_TRAP)
        return x86_knows(&s.in, X86_EBP) ? sc_x86_from_trap(u, s.in.r[X86_EBP], regs, ret)
                                         : SC_STEP_NO_RULE;
    status = by_code(&s, found ? &rule : NULL, &is_exit);
    if (status != SC_STEP_DONE)
        return status != SC_STEP_NO_RULE || !found ? status : by_rule(&s, &rule, regs);
    if (is_exit) {
        ret->callee_params = s.popped;
        ret->callee_pops = true;
    } else if (found) {
        ret->callee_params = rule.params;
        ret->callee_pops = !rule.params;
    } else {
        status = sc_x86_params_by_name(&s);
        if (status != SC_STEP_DONE)
            return status;
    }
    enum sc_frame_how how = !found                        ? SC_FRAME_LEAF
                            : rule.fpo_kind == BY_PROGRAM ? SC_FRAME_CFI
                                                          : SC_FRAME_FPO;
    return finish(&s, how, regs);
}
