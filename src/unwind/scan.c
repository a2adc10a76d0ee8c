/* SPDX-License-Identifier: MIT */
/*
 * Candidates: words of the stack that may be return addresses, and the frames that are concluded
 * from them.
 *
 * A word is a candidate when it lies in a module's code, behind a call where the bytes can be read,
 * and where the CPU's rules allow a return address: on x64 a stack pointer is a multiple of 16 at
 * every call, and between a stack pointer and the frame's return address lie at least the 32 bytes
 * that callees may use. What it is worth alone stands in odds(); the rest is fit.c's.
 */
#include <stdlib.h>
#include <string.h>

#include "base/vec.h"
#include "unwind/recover.h"

enum { FP_ARM64 = 29, SP_ARM64 = 31, SP_X64 = 4, HOME = 0x20, LIKELY = 50, KEEP_OF_CUT = 48 };

void sc_recover_deinit(struct sc_recover *r) {
    sc_stackmem_deinit(&r->mem);
    SC_VEC_FREE(&r->anchors);
    SC_VEC_FREE(&r->contexts);
    SC_VEC_FREE(&r->cookies);
}

static void widen(struct sc_recover *r, const struct sc_module *nt, uint64_t addr) {
    if (addr - nt->base >= nt->size)
        return;
    if (r->data_start == r->data_end) {
        r->data_start = addr;
        r->data_end = addr + 1;
    }
    r->data_start = addr < r->data_start ? addr : r->data_start;
    r->data_end = addr >= r->data_end ? addr + 1 : r->data_end;
}

/* The smallest range that holds the kernel's variables that are known by name or from the dump. */
static sc_err *find_data(struct sc_recover *r) {
    const struct sc_machine *m = sc_target_machine(r->u->target);
    const struct sc_module *nt = m->kernel ? sc_target_module_named(r->u->target, "nt") : NULL;
    const char *name;
    if (!nt)
        return NULL;
    widen(r, nt, m->loaded_module_list);
    widen(r, nt, m->active_process_head);
    widen(r, nt, m->debugger_data);
    for (unsigned i = 0; r->u->symtab && (name = sc_role_name("nt", SC_ROLE_DATA, i)); i++) {
        uint64_t addr;
        bool found;
        sc_err *err = sc_code_named(r->u, nt, name, &addr, &found);
        if (err)
            return err;
        if (found)
            widen(r, nt, addr);
    }
    return NULL;
}

sc_err *sc_recover_load(struct sc_recover *r, uint64_t sp) {
    if (r->loaded && sc_stackmem_has(&r->mem, sp))
        return NULL;
    sc_stackmem_deinit(&r->mem);
    r->anchors.count = r->contexts.count = 0;
    SC_VEC_FREE(&r->cookies);
    sc_err *err = sc_stackmem_load(r->u, r->opts, sp, &r->mem);
    if (!err && !r->loaded)
        err = find_data(r);
    r->loaded = true;
    return err ? err : sc_records_find(r);
}

/* ---- one candidate ---- */

/* May C's slot hold a return address, by where it lies? */
static bool placed(const struct sc_unwinder *u, uint64_t slot) {
    return u->cpu != SC_CPU_X64 || slot % 16 == 8;
}

/*
 * Is C a return address by what it points to? The nearest symbol of a public table may be far below
 * the function that the address really lies in; how far is still believed is a matter of odds.
 */
static bool returns_here(const struct sc_candidate *c) {
    enum { FAR = 0x4000, SHORTEST_CALL = 2, HEADERS = 0x1000 };
    if (c->ip - c->code.m->base < HEADERS)
        return false;
    if (c->like != SC_RETURN_CALL && c->like != SC_RETURN_MAYBE)
        return false;
    if (!c->code.name)
        return true;
    if (c->code.variable || (c->code.roles & SC_ROLE_DATA))
        return false;
    return c->code.sized || c->like == SC_RETURN_CALL ||
           (c->code.offset >= SHORTEST_CALL && c->code.offset < FAR);
}

/*
 * ARM64 keeps the caller's frame pointer and the return address side by side, and the frame pointer
 * leads to the next such pair. The slot of the return address that FP leads to; 0: to none.
 */
static uint64_t chained(const struct sc_recover *r, uint64_t fp, uint64_t above) {
    bool leads =
        r->u->cpu == SC_CPU_ARM64 && fp >= above && fp % 16 == 0 && sc_stackmem_has(&r->mem, fp);
    return leads ? fp + 8 : 0;
}

static double odds(const struct sc_recover *r, const struct sc_candidate *c) {
    /* What is no frame is mostly left from an earlier call, and that stands behind a call too. */
    double w = c->like == SC_RETURN_CALL ? 1.6 : 1.3;
    /* Without symbols it may be data, or a function: those are aligned, what follows calls is not.
     */
    if (!c->code.name && c->like != SC_RETURN_CALL && c->ip % 8 == 0 && r->u->cpu != SC_CPU_ARM64)
        w *= .25;
    if (r->u->cpu == SC_CPU_X86 && c->like != SC_RETURN_CALL)
        w *= .4; /* no alignment was there to sort out what is none at all */
    if (c->code.name && !c->code.sized && c->like != SC_RETURN_CALL)
        w *= c->code.offset < 0x800 ? 1 : c->code.offset < 0x1800 ? .6 : .25;
    uint64_t fp = 0;
    bool last = sc_stackmem_at(&r->mem, c->slot - 8, &fp) && !fp;
    if (r->u->cpu == SC_CPU_ARM64 && !c->chain && !last)
        w *= .2;
    if (c->copied && !c->guarded)
        w *= .6;
    if (c->guarded)
        w *= 20;
    if (c->resume)
        w *= 4;
    if (c->has_trap)
        w *= c->trap.address == c->sp ? 10 : 3;
    if (sc_records_in_context(r, c->slot))
        w *= .02;
    return w;
}

/*
 * A candidate in an image with unwind data must be left by it to code; *RET_OK false when it is
 * not.
 */
static sc_err *try_step(struct sc_recover *r, struct sc_candidate *c, bool *ret_ok) {
    struct sc_unwinder *u = r->u;
    struct sc_regs regs = {.cpu = u->cpu, .size = (uint32_t)sc_context_size(u->cpu)};
    const bool arm = u->cpu == SC_CPU_ARM64;
    *ret_ok = true;
    if ((u->cpu != SC_CPU_X64 && !arm) || !c->code.m || !c->code.m->has_table)
        return NULL;
    struct sc_step step = {.known = UINT64_C(1) << (arm ? SP_ARM64 : SP_X64)};
    enum sc_step_status status;
    if (arm) {
        sc_reg_set(&regs, sc_reg_find(SC_CPU_ARM64, "pc"), c->ip);
        sc_reg_set(&regs, sc_reg_find(SC_CPU_ARM64, "sp"), c->sp);
        status = sc_step_arm64(u, c->code.m, false, &regs, &step);
    } else {
        sc_x64_go(&regs, c->ip, c->sp);
        status = sc_step_x64(u, c->code.m, false, &regs, &step);
    }
    if (status == SC_STEP_ERROR)
        return step.err;
    if (status == SC_STEP_BAD)
        *ret_ok = false;
    if (status != SC_STEP_DONE)
        return NULL;
    enum sc_return_like like = SC_RETURN_NO;
    sc_err *err = sc_return_like(u, sc_regs_ip(&regs), &like);
    if (err)
        return err;
    bool call = like == SC_RETURN_CALL || like == SC_RETURN_MAYBE || like == SC_RETURN_OUTSIDE;
    c->resume = *ret_ok = call || step.trap || !sc_regs_ip(&regs);
    return NULL;
}

/* What stands on the stack about the frame of C. */
static sc_err *look_around(struct sc_recover *r, struct sc_candidate *c) {
    uint64_t cookie;
    bool found = false;
    sc_err *err = c->code.m ? sc_cookie_of(r, c->code.m->module, &cookie, &found) : NULL;
    if (err)
        return err;
    uint64_t guard = found ? sc_cookie_slot(r, cookie, c->sp) : 0;
    bool home = r->u->cpu == SC_CPU_X64 && sc_target_machine(r->u->target)->windows;
    c->least = c->sp + (home ? HOME : 0);
    if (guard) {
        c->guarded = true;
        c->least = guard + 8;
    }
    bool entry = c->code.roles & (SC_ROLE_TRAP | SC_ROLE_SYSCALL);
    if (entry)
        c->has_trap = sc_trap_above(r->u, c->sp, &c->trap);
    else if (c->code.roles & SC_ROLE_CALLOUT)
        c->has_trap = sc_trap_of_switch(r->u, c->sp, &c->trap);
    else if (!c->code.name && sc_target_machine(r->u->target)->kernel)
        c->has_trap = sc_trap_at(r->u, c->sp, &c->trap) && (c->trap.beside || c->trap.user);
    return NULL;
}

static bool has_copy(const struct sc_stackmem *mem, uint64_t slot, uint64_t value) {
    const size_t own = (size_t)(slot - mem->start) >> mem->shift;
    for (size_t i = 0, count = sc_stackmem_count(mem); i < count; i++)
        if (mem->value[i] == value && i != own)
            return true;
    return false;
}

sc_err *sc_scan_plausible(struct sc_recover *r, struct sc_candidate *c, bool *ret_ok) {
    struct sc_unwinder *u = r->u;
    struct sc_code start;
    *ret_ok = false;
    if (!placed(u, c->slot) || c->ip - r->data_start < r->data_end - r->data_start ||
        !sc_target_module_at(u->target, c->ip))
        return NULL;
    sc_err *err = sc_return_like(u, c->ip, &c->like);
    if (!err)
        err = sc_code_at(u, c->ip, false, &start);
    /* A function's own address is no return address, unless what ends before it is a call. */
    if (err || (start.name && !start.offset && c->like != SC_RETURN_CALL))
        return err;
    err = sc_code_at(u, c->ip, true, &c->code);
    if (!err)
        *ret_ok = c->code.m && returns_here(c);
    c->sp = c->slot + u->ptr_size;
    return err;
}

/* Where the call before a return address goes, unless that is a thunk that goes anywhere. */
static sc_err *find_target(struct sc_recover *r, struct sc_candidate *c) {
    struct sc_code target;
    if (!sc_code_target(r->u, c->ip, &c->target))
        return NULL;
    sc_err *err = sc_code_at(r->u, c->target, false, &target);
    if (!err)
        c->has_target = !(target.roles & SC_ROLE_THUNK);
    return err;
}

/* *RET_OK: C, whose slot and ip are set, is a candidate; then it is complete. */
static sc_err *judge(struct sc_recover *r, struct sc_candidate *c, bool *ret_ok) {
    sc_err *err = sc_scan_plausible(r, c, ret_ok);
    if (err || !*ret_ok)
        return err;
    uint64_t fp;
    if (sc_stackmem_at(&r->mem, c->slot - 8, &fp))
        c->chain = chained(r, fp, c->sp);
    c->copied = has_copy(&r->mem, c->slot, c->ip);
    err = find_target(r, c);
    if (!err)
        err = look_around(r, c);
    if (!err)
        err = try_step(r, c, ret_ok);
    if (!err)
        c->odds = odds(r, c);
    return err;
}

/* ---- a stretch of stack ---- */

/* The frame that could not be left, as the lower end of the stretch. */
static sc_err *begin(struct sc_recover *r, const struct sc_frame *f, struct sc_candidate *from) {
    *from = (struct sc_candidate){.sp = f->sp, .ip = f->ip};
    sc_err *err = sc_code_at(r->u, f->ip, !f->exact_ip, &from->code);
    if (err)
        return err;
    uint32_t entry = from->code.roles & (SC_ROLE_TRAP | SC_ROLE_SYSCALL | SC_ROLE_CALLOUT);
    from->code.roles &= ~entry; /* whether it has a trap frame was looked at before */
    err = look_around(r, from);
    from->code.roles |= entry;
    from->has_trap = false;
    if (f->known >> FP_ARM64 & 1)
        from->chain = chained(r, sc_regs_fp(&f->regs), f->sp);
    if (f->exact_ip && !from->guarded)
        from->least = f->sp; /* it may not have set up its frame */
    return err;
}

static void find_goal(const struct sc_recover *r, const struct sc_frame *f, struct sc_stretch *s,
                      uint64_t *limit) {
    s->goal = SC_GOAL_OPEN;
    *limit = r->mem.end;
    for (size_t i = 0; i < r->anchors.count; i++) {
        const struct sc_anchor *a = &r->anchors.item[i];
        if (a->sp <= f->sp || (a->ret_slot && a->ret_slot < s->from.least))
            continue;
        s->goal = a->ret_slot ? SC_GOAL_CALL : SC_GOAL_TRAPPED;
        s->anchor = a;
        *limit = a->ret_slot ? a->ret_slot : a->trap ? a->trap : a->sp;
        return;
    }
}

static sc_err *collect(struct sc_recover *r, struct sc_stretch *s, uint64_t limit) {
    uint64_t mask = ~(uint64_t)(r->mem.word - 1);
    for (uint64_t slot = (s->from.least + r->mem.word - 1) & mask; slot < limit;
         slot += r->mem.word) {
        struct sc_candidate c = {.slot = slot};
        bool ok;
        if (!sc_stackmem_at(&r->mem, slot, &c.ip))
            break;
        c.ip = sc_code_strip(r->u, c.ip);
        if (sc_target_cancelled(r->u->target))
            return sc_err_cancelled();
        sc_err *err = judge(r, &c, &ok);
        if (err)
            return err;
        if (!ok)
            continue;
        if (s->count == SC_CANDIDATES) {
            s->goal = SC_GOAL_CUT;
            s->anchor = NULL;
            break;
        }
        s->item[s->count++] = c;
    }
    return NULL;
}

/* Where the frames found lead to. */
static void conclude(const struct sc_stretch *s, struct sc_found *ret) {
    const struct sc_candidate *last = ret->count ? &ret->item[ret->count - 1] : NULL;
    if (last && last->has_trap && (!s->anchor || last->trap.address != s->anchor->trap))
        ret->way = SC_WAY_TRAP;
    else if (last && last->resume)
        ret->way = SC_WAY_RESUME;
    else if (s->anchor)
        ret->way = SC_WAY_ANCHOR, ret->anchor = s->anchor;
    else if ((last ? last->code.roles : s->from.code.roles) & SC_ROLE_FIRST)
        ret->way = SC_WAY_OUTERMOST;
    else
        ret->way = last ? SC_WAY_FRAMES : SC_WAY_NONE;
}

static bool direct_anchor(const struct sc_recover *r, const struct sc_frame *f,
                          struct sc_found *ret) {
    for (size_t i = 1; i < r->anchors.count; i++) {
        const struct sc_anchor *below = &r->anchors.item[i - 1];
        if (r->anchors.item[i].direct && below->sp == f->sp && below->ip == f->ip) {
            ret->way = SC_WAY_ANCHOR;
            ret->anchor = &r->anchors.item[i];
            return true;
        }
    }
    return false;
}

sc_err *sc_recover_from(struct sc_recover *r, const struct sc_frame *f, struct sc_found *ret) {
    struct sc_candidate *item;
    struct sc_stretch s = {.u = r->u};
    uint64_t limit;
    ret->way = SC_WAY_NONE;
    ret->count = 0;
    ret->anchor = NULL;
    sc_err *err = sc_recover_load(r, f->sp);
    if (err || r->mem.start == r->mem.end || direct_anchor(r, f, ret))
        return err;
    if (!(item = calloc(SC_CANDIDATES, sizeof *item)))
        return sc_err_nomem();
    s.item = item;
    err = begin(r, f, &s.from);
    if (!err && !(s.from.code.roles & SC_ROLE_FIRST)) {
        find_goal(r, f, &s, &limit);
        if (s.anchor)
            err = sc_code_at(r->u, s.anchor->ip, !s.anchor->exact_ip, &s.anchor_code);
        if (!err)
            err = collect(r, &s, limit);
    }
    if (!err) {
        sc_fit(&s);
        size_t keep = s.goal == SC_GOAL_CUT && s.count > KEEP_OF_CUT ? KEEP_OF_CUT : s.count;
        for (size_t i = 0; i < keep; i++) {
            if (item[i].share * 100 < LIKELY)
                continue;
            ret->item[ret->count++] = item[i];
            if (item[i].resume ||
                (item[i].has_trap && !(s.anchor && item[i].trap.address == s.anchor->trap)))
                break;
        }
        conclude(&s, ret);
    }
    free(item);
    return err;
}
