/* SPDX-License-Identifier: MIT */
/*
 * Frames that FPO_DATA (or STACK WIN 0) describes. From esp upwards, in the function's body:
 *
 *     parameters of the function it calls       step->callee_params
 *     registers it saved                        saved_regs bytes
 *     locals                                    locals bytes
 *     return address
 *     its own parameters                        params bytes
 *
 * More may have been pushed besides, so the place computed is checked, and looked for a little
 * further up. Kind NONFPO is an ordinary frame of ebp. Where the function says that it uses ebp for
 * something else, its caller's ebp is among the saved registers. Which of them it is FPO_DATA does
 * not say: the prolog's code does. Without its bytes the value decides: MSVC pushes ebx, ebp, esi,
 * edi in this order (Breakpad takes the second one), hand-written code does as it likes
 * (KiSwapContext has ebp lowest).
 */
#include "unwind/x86_code.h"

enum {
    KIND_FPO = 0,
    KIND_NONFPO = 3,
    SEARCH_SLOTS = 16,
    SAVED_MAX = 7,       /* FPO_DATA has three bits for it */
    EBP_REACH = 1 << 20, /* bytes to the caller's frame */
};

/* Could VALUE be the ebp of the caller of a frame whose return address lies at SLOT? */
static enum sc_step_status ebp_like(struct x86_step *s, uint32_t value, bool *ret) {
    enum sc_return_like like = SC_RETURN_NO;
    uint32_t back = 0;
    *ret = false;
    if (value & 3 || value <= s->slot || value - s->slot > EBP_REACH ||
        sc_x86_read(s, value + 4, &back) != SC_STEP_DONE)
        return SC_STEP_DONE;
    enum sc_step_status status = sc_x86_error(s, sc_return_like(s->u, back, &like));
    *ret = !back || like >= SC_RETURN_MAYBE;
    return status;
}

/* Reads the register saved as number I (from 1); *RET_FITS: it could be the caller's ebp. */
static enum sc_step_status saved_register(struct x86_step *s, const struct sc_frame_rule *rule,
                                          uint32_t i, uint32_t *ret_value, bool *ret_fits) {
    *ret_fits = false;
    if (sc_x86_read(s, s->slot - rule->locals - i * 4, ret_value) != SC_STEP_DONE)
        return SC_STEP_DONE;
    *ret_fits = rule->saved_regs == 4;
    return *ret_fits ? SC_STEP_DONE : ebp_like(s, *ret_value, ret_fits);
}

/* The caller's ebp among the saved registers: the only one that fits, or the second if it does. */
static enum sc_step_status guess_ebp(struct x86_step *s, const struct sc_frame_rule *rule) {
    unsigned fitting = 0;
    bool second = false;
    uint32_t ebp = 0;
    for (uint32_t i = 1; i <= rule->saved_regs / 4 && i <= SAVED_MAX; i++) {
        uint32_t value = 0;
        bool fits = false;
        enum sc_step_status status = saved_register(s, rule, i, &value, &fits);
        if (status != SC_STEP_DONE)
            return status;
        if (fits && !second)
            ebp = value;
        fitting += fits;
        second |= fits && i == 2;
    }
    x86_forget(&s->out, X86_EBP);
    if (fitting == 1 || second)
        x86_set(&s->out, X86_EBP, ebp);
    return SC_STEP_DONE;
}

/* Nonvolatile registers, from where the prolog put them; else what can be said of them. */
static enum sc_step_status restore(struct x86_step *s, const struct sc_frame_rule *rule) {
    struct x86_entry e;
    const uint32_t start = (uint32_t)s->m->base + rule->rva;
    enum sc_step_status status = SC_STEP_NO_RULE;
    if (rule->prolog)
        status = sc_x86_entry(s, start, start + rule->prolog, &e);
    if (status == SC_STEP_DONE && e.has_depth && e.depth == rule->locals + rule->saved_regs)
        return sc_x86_restore(s, &e);
    if (status == SC_STEP_ERROR)
        return status;
    if (rule->saved_regs || rule->uses_ebp) {
        x86_forget(&s->out, X86_EBX);
        x86_forget(&s->out, X86_ESI);
        x86_forget(&s->out, X86_EDI);
    }
    return rule->uses_ebp ? guess_ebp(s, rule) : SC_STEP_DONE;
}

enum sc_step_status sc_x86_fpo(struct x86_step *s, const struct sc_frame_rule *rule,
                               unsigned *ret_shift) {
    uint32_t slot = 0;
    *ret_shift = 0;
    if (rule->fpo_kind == KIND_NONFPO) {
        enum sc_step_status status = sc_x86_leave_ebp(s);
        for (unsigned r = 0; r < X86_GPRS && rule->saved_regs; r++)
            if (r != X86_EBP && r != X86_ESP)
                x86_forget(&s->out, r);
        return status;
    }
    if (rule->fpo_kind != KIND_FPO)
        return SC_STEP_NO_RULE; /* a task gate: what was interrupted stands in a TSS */
    const uint32_t start =
        s->in.r[X86_ESP] + s->step->callee_params + rule->saved_regs + rule->locals;
    enum sc_step_status status = sc_x86_search(s, start, SEARCH_SLOTS, &slot, ret_shift);
    if (status == SC_STEP_DONE)
        status = sc_x86_leave(s, slot);
    return status == SC_STEP_DONE ? restore(s, rule) : status;
}
