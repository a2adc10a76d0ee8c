/* SPDX-License-Identifier: MIT */
/*
 * The step of ARM64: from a frame to its caller by the function tables of images. A function
 * without an entry is a leaf: it has moved neither sp nor lr.
 *
 * A leaf calls nothing, so only the frame that was interrupted can be one. A return address stands
 * behind its call, and what counts is the call: it may be the last instruction of its function, or
 * one of a prolog or epilog (__security_push_cookie, which moves its caller's sp). When the callee
 * has been left, it is as if the call had not happened yet.
 *
 * Images of two kinds of code have a map that says which is where, and a table for each: that of
 * ARM64EC code is named by the CHPE metadata, the other one by the headers. A process that calls
 * itself x64 has contexts of x64, in which ARM64EC code keeps its registers (arm64_ec.c). x64 code
 * in a process whose contexts are ARM64's is emulated: where the emulator keeps its registers is
 * not known here, and no such frame is left.
 *
 * Code made at run time announces function tables too. Where those of ARM64 lie in a dump is not
 * known here: frames of such code are left by their frame pointers.
 */
#include "unwind/arm64.h"

/* The machine of the code at AT, which lies in M. What cannot be read is what the headers say. */
static sc_err *machine_at(const struct sc_unwind_module *m, uint64_t at, uint16_t *ret) {
    *ret = sc_pe_headers(m->pe)->machine;
    if (m->hybrid == SC_PE_PURE)
        return NULL;
    sc_err *err = sc_pe_machine_at(m->pe, (uint32_t)(at - m->base), ret);
    if (err && sc_err_code(err) != SC_ERR_NOMEM && sc_err_code(err) != SC_ERR_CANCELLED) {
        sc_err_destroy(err);
        err = NULL;
    }
    return err;
}

sc_err *sc_arm64_is_ec(const struct sc_unwind_module *m, uint64_t addr, bool *ret) {
    uint16_t machine = 0;
    *ret = false;
    if (!m || !m->pe || (m->hybrid != SC_PE_ARM64EC && m->hybrid != SC_PE_ARM64X))
        return NULL;
    sc_err *err = machine_at(m, addr, &machine);
    *ret = !err && machine == SC_PE_MACHINE_ARM64EC;
    return err;
}

/* The table of the headers. Without one the count is 0. */
static struct arm64_region region_of(struct sc_unwinder *u, const struct sc_unwind_module *m) {
    const struct sc_pe_headers *h = sc_pe_headers(m->pe);
    struct arm64_region r = {.space = u->space, .base = m->base, .size = m->size};
    if (sc_pe_cpu(m->pe) != SC_CPU_ARM64)
        return r;
    r.table = h->dir[SC_PE_DIR_EXCEPTION].rva;
    r.count = (uint32_t)sc_pe_function_count(m->pe);
    return r;
}

/* The table of the metadata. */
static sc_err *ec_region_of(struct sc_unwinder *u, const struct sc_unwind_module *m,
                            struct arm64_region *ret) {
    struct sc_pe_chpe chpe;
    *ret = (struct arm64_region){.space = u->space, .base = m->base, .size = m->size};
    sc_err *err = sc_pe_chpe(m->pe, &chpe);
    if (err && (sc_err_code(err) == SC_ERR_NOMEM || sc_err_code(err) == SC_ERR_CANCELLED))
        return err;
    if (!err && chpe.extra_functions && chpe.extra_functions < m->size) {
        uint64_t room = (m->size - chpe.extra_functions) / 8;
        uint32_t count = chpe.extra_functions_size / 8;
        ret->table = chpe.extra_functions;
        ret->count = count < room ? count : (uint32_t)room;
    }
    sc_err_destroy(err);
    return NULL;
}

static sc_err *cache_of(struct sc_unwinder *u, struct sc_unwind_module *m, bool ec,
                        struct arm64_cache **ret) {
    struct arm64_region region;
    void **own = ec ? &m->own_ec : &m->own;
    if (!*own) {
        sc_err *err = NULL;
        if (ec)
            err = ec_region_of(u, m, &region);
        else
            region = region_of(u, m);
        if (err)
            return err;
        *own = arm64_cache_create(&region);
        if (!*own)
            return sc_err_nomem();
        m->free_own = ec ? m->free_own : arm64_cache_destroy;
        m->free_own_ec = ec ? arm64_cache_destroy : m->free_own_ec;
    }
    *ret = *own;
    return NULL;
}

/* The cache for the code at AT; *RET NULL when no table is for it. */
static sc_err *find_cache(struct sc_unwinder *u, struct sc_unwind_module *m, uint64_t at,
                          enum sc_cpu cpu, struct arm64_cache **ret) {
    uint16_t machine = 0;
    *ret = NULL;
    sc_err *err = machine_at(m, at, &machine);
    bool ec = machine == SC_PE_MACHINE_ARM64EC;
    bool native = machine == SC_PE_MACHINE_ARM64 || machine == SC_PE_MACHINE_ARM64X;
    if (err || !(ec || (native && cpu == SC_CPU_ARM64)))
        return err;
    err = cache_of(u, m, ec && m->hybrid != SC_PE_PURE, ret);
    if (!err && !(*ret)->region.count)
        *ret = NULL;
    return err;
}

static enum sc_step_status run(struct sc_unwinder *u, const struct arm64_plan *plan, bool exact_ip,
                               struct sc_regs *regs, struct sc_step *ret) {
    struct sc_regs arm;
    if (regs->cpu == SC_CPU_ARM64)
        return arm64_run(u, plan, exact_ip, regs, ret);
    struct sc_step step = *ret;
    arm64ec_take(regs, ret->known, &arm, &step.known);
    enum sc_step_status st = arm64_run(u, plan, exact_ip, &arm, &step);
    if (st == SC_STEP_DONE) {
        *ret = step;
        arm64ec_give(&arm, step.known, regs, &ret->known);
    } else {
        ret->missing = step.missing;
    }
    return st;
}

enum sc_step_status sc_step_arm64(struct sc_unwinder *u, struct sc_unwind_module *m, bool exact_ip,
                                  struct sc_regs *regs, struct sc_step *ret) {
    struct arm64_cache *cache = NULL;
    uint64_t ip = sc_regs_ip(regs), at = exact_ip ? ip : ip - 4;
    if (!m || !m->pe || at - m->base >= m->size ||
        (regs->cpu != SC_CPU_ARM64 && regs->cpu != SC_CPU_X64))
        return SC_STEP_NO_RULE;
    ret->err = find_cache(u, m, at, regs->cpu, &cache);
    if (ret->err)
        return SC_STEP_ERROR;
    if (!cache)
        return SC_STEP_NO_RULE;
    const struct arm64_plan *plan = arm64_plan(cache, sc_target_generation(u->target), at);
    if (!plan) {
        ret->err = sc_err_nomem();
        return SC_STEP_ERROR;
    }
    if (plan->status != SC_STEP_DONE) {
        ret->missing = plan->missing;
        /* An absent rule is none; what is absent of the stack is another matter. */
        return plan->status == SC_STEP_MEMORY ? SC_STEP_NO_RULE : plan->status;
    }
    return run(u, plan, exact_ip, regs, ret);
}
