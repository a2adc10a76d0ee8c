/* SPDX-License-Identifier: MIT */
/*
 * Frames of x64 whose size the symbols know, where the image's unwind data is not at hand.
 *
 * A PDB with private symbols says how many bytes of locals a procedure has, and not always how many
 * registers it pushed besides (see pdb/frameproc.c). So the return address is in one of a few
 * slots; the stack's alignment excludes every second, and of the rest it is the first that may be a
 * return address: below it lie saved registers, which rarely look like one; above it lies what is
 * the caller's, where old return addresses are usual. That is likely, not certain: `fitted`.
 */
#include "unwind/return_address.h"
#include "unwind/unwind.h"

enum { PUSHES = 8 };

static sc_err *find_rule(struct sc_unwind_module *m, uint64_t ip, struct sc_frame_rule *ret,
                         bool *ret_found) {
    const struct sc_modsyms *syms = m->syms;
    sc_err *err = NULL;
    for (size_t i = 0; !err && !*ret_found && syms && i < syms->nproviders; i++) {
        err = sc_symbols_frame_rule(syms->provider[i], (uint32_t)(ip - m->base), ret, ret_found);
        *ret_found = !err && *ret_found && ret->fpo_kind == SC_FRAME_SIZED;
        if (err && sc_err_code(err) != SC_ERR_NOMEM && sc_err_code(err) != SC_ERR_CANCELLED) {
            sc_err_destroy(err); /* damaged symbols say nothing */
            err = NULL;
        }
    }
    return err;
}

static sc_err *may_return(struct sc_unwinder *u, uint64_t value, bool *ret) {
    enum sc_return_like like;
    sc_err *err = sc_return_like(u, value, &like);
    if (!err)
        *ret = like == SC_RETURN_CALL || like == SC_RETURN_MAYBE || like == SC_RETURN_OUTSIDE;
    return err;
}

/* The lowest slot that may hold a return address; 0: none. */
static sc_err *choose(struct sc_unwinder *u, uint64_t low, unsigned pushes, uint64_t *ret_slot,
                      uint64_t *ret_value) {
    for (unsigned k = 0; k <= pushes && !*ret_slot; k++) {
        uint64_t slot = low + 8 * k, value;
        bool may = false;
        if ((slot + 8) % 16 || sc_space_ptr(u->space, slot, &value) != SC_READ_OK)
            continue;
        sc_err *err = may_return(u, value, &may);
        if (err)
            return err;
        if (may) {
            *ret_slot = slot;
            *ret_value = value;
        }
    }
    return NULL;
}

enum sc_step_status sc_step_frameproc(struct sc_unwinder *u, struct sc_unwind_module *m,
                                      bool exact_ip, struct sc_regs *regs, struct sc_step *ret) {
    struct sc_frame_rule rule;
    bool found = false;
    uint64_t ip = sc_regs_ip(regs), sp = sc_regs_sp(regs), slot = 0, value = 0;
    if (u->cpu != SC_CPU_X64 || !m || sp % 16)
        return SC_STEP_NO_RULE;
    ret->err = find_rule(m, exact_ip ? ip : ip - 1, &rule, &found);
    uint64_t off = found ? ip - m->base - rule.rva : 0;
    if (!ret->err && found && (!exact_ip || (off >= rule.prolog && off <= rule.epilog)))
        ret->err = choose(u, sp + rule.locals + (uint64_t)rule.saved_regs,
                          rule.saved_regs ? 0 : PUSHES, &slot, &value);
    if (ret->err)
        return SC_STEP_ERROR;
    if (!slot || slot < sp)
        return SC_STEP_NO_RULE;
    sc_reg_set(regs, sc_reg_find(SC_CPU_X64, "rip"), value);
    sc_reg_set(regs, sc_reg_find(SC_CPU_X64, "rsp"), slot + 8);
    ret->how = SC_FRAME_FITTED;
    ret->exact_ip = false;
    ret->ret_slot = slot;
    ret->base = slot + 8;
    ret->known = 1 << 4; /* rsp: which registers were pushed is not said */
    return SC_STEP_DONE;
}
