/* SPDX-License-Identifier: MIT */
/*
 * The step of x64: from a frame to its caller by the function tables, of images and of code made at
 * run time. A function without an entry is a leaf: it has not moved rsp, which points to its return
 * address.
 *
 * A leaf calls nothing. So a caller without an entry is no leaf but code without unwind data (by
 * hand, or damaged): then what lies at rsp counts only if it looks like a return address.
 */
#include <stdlib.h>

#include "unwind/return_address.h"
#include "unwind/x64.h"

static bool is_x64(const struct sc_unwind_module *m) {
    return m->pe && m->has_table && sc_pe_headers(m->pe)->machine == SC_PE_MACHINE_X64;
}

static struct x64_region region_of(struct sc_unwinder *u, const struct sc_unwind_module *m) {
    const struct sc_pe_headers *h = sc_pe_headers(m->pe);
    return (struct x64_region){
        .space = u->space,
        .base = m->base,
        .size = m->size,
        .table = {.at = m->base + h->dir[SC_PE_DIR_EXCEPTION].rva,
                  .count = (uint32_t)sc_pe_function_count(m->pe),
                  .stride = 12},
    };
}

/* What is kept of M; *RET NULL when it has no table for x64. */
static enum sc_step_status cache_of(struct sc_unwinder *u, struct sc_unwind_module *m,
                                    struct x64_cache **ret, sc_err **err) {
    if (!m->own && is_x64(m)) {
        struct x64_region region = region_of(u, m);
        m->own = x64_cache_create(&region);
        m->free_own = x64_cache_destroy;
        if (!m->own) {
            *err = sc_err_nomem();
            return SC_STEP_ERROR;
        }
    }
    *ret = m->own;
    return SC_STEP_DONE;
}

/* Can the frame be left as a leaf's? Yes too when its slot is absent: then that is what is said. */
static sc_err *leaf_fits(struct sc_unwinder *u, const struct x64_plan *plan,
                         const struct sc_regs *regs, bool *ret) {
    enum sc_return_like like;
    uint64_t value;
    *ret = true;
    if (plan->how != SC_FRAME_LEAF || plan->exact ||
        sc_space_uint(u->space, sc_regs_sp(regs), 8, &value) != SC_READ_OK)
        return NULL;
    sc_err *err = sc_return_like(u, value, &like);
    if (!err)
        *ret = like == SC_RETURN_CALL || like == SC_RETURN_MAYBE || like == SC_RETURN_OUTSIDE;
    return err;
}

enum sc_step_status sc_step_x64(struct sc_unwinder *u, struct sc_unwind_module *m, bool exact_ip,
                                struct sc_regs *regs, struct sc_step *ret) {
    struct x64_cache *cache = NULL;
    uint64_t ip = sc_regs_ip(regs);
    bool ec = false;
    if ((ret->err = sc_arm64_is_ec(m, exact_ip ? ip : ip - 4, &ec)))
        return SC_STEP_ERROR;
    if (ec)
        return sc_step_arm64(u, m, exact_ip, regs, ret);
    enum sc_step_status st =
        m ? cache_of(u, m, &cache, &ret->err) : x64_dynamic(u, ip, &cache, &ret->err);
    if (st != SC_STEP_DONE || !cache)
        return st != SC_STEP_DONE ? st : SC_STEP_NO_RULE;
    const struct x64_plan *plan = x64_plan(cache, sc_target_generation(u->target), ip, exact_ip);
    if (!plan) {
        ret->err = sc_err_nomem();
        return SC_STEP_ERROR;
    }
    if (plan->status != SC_STEP_DONE) {
        ret->missing = plan->missing;
        /* An absent rule is none; what is absent of the stack is another matter. */
        return plan->status == SC_STEP_MEMORY ? SC_STEP_NO_RULE : plan->status;
    }
    bool fits;
    if ((ret->err = leaf_fits(u, plan, regs, &fits)))
        return SC_STEP_ERROR;
    return fits ? x64_run(u, plan, regs, ret) : SC_STEP_NO_RULE;
}
