/* SPDX-License-Identifier: MIT */
/*
 * faulting-address: the instruction that failed lies inside a driver's image.
 *
 * STRONG when the record, the parameters and the context agree on it. It is weaker, and says so,
 *   - LIKELY for a driver that comes with Windows: the same code runs on every machine, and seldom
 *     fails without having been handed something;
 *   - LIKELY for a fail-fast check: it stands where damage is noticed, not where it is done;
 *   - LIKELY when the context stands in another module, or when a single bit may have been wrong;
 *   - POSSIBLE inside a framework (Wdf01000, ndis, Ntfs, …), which works with what others hand to
 *     it, and in any driver of Windows that somebody else's driver called directly, or for a bug
 *     check that notices damage (data/blame.tsv);
 *   - POSSIBLE where something else explains the instruction's failure altogether: the disk did not
 *     deliver (an in-page error); a single bit of the pointer or of the instruction itself was
 *     wrong, and what it should have been is known; the stack had run out; what it touched is left
 *     of a driver that was unloaded; a request that ended late wrote over what it used (late.h);
 * the bytes there are no instruction, so that the code is not what was compiled, or was entered in
 *     the middle. Never CERTAIN: the driver may have been handed
 * the bad pointer.
 */
#include <string.h>

#include "analyze/advice.h"
#include "analyze/bitflip.h"
#include "analyze/codebytes.h"
#include "analyze/codeshape.h"
#include "analyze/culprit.h"
#include "analyze/fault.h"
#include "analyze/late.h"
#include "analyze/overflow.h"
#include "analyze/rule.h"

/* Did the stack's culprit call M, in which the instruction lies, to work for it? */
static bool has_client(const struct sc_case *c, const struct sc_module *m) {
    const struct sc_culprit *k = c->culprit;
    return k->found && k->inner == m && k->link == SC_LINK_CALLED && !k->unnamed_trap;
}

/* Was it a single bit, of the pointer or of the code, that made the instruction fail? */
static bool is_one_bit(struct sc_case *c) {
    const struct sc_flips *flips = sc_bitflips(c);
    return (flips->memory && flips->of_memory.likely) || sc_code_diff(c)->failed;
}

/* Was it perhaps? */
static bool may_be_one_bit(struct sc_case *c) {
    const struct sc_flips *flips = sc_bitflips(c);
    return flips->memory || sc_code_one_bit(sc_code_diff(c));
}

static bool is_noticed(const struct sc_case *c, struct nt_driver driver) {
    enum sc_worth worth = sc_case_blame(c).worth;
    return driver.kind != NT_DRIVER_VENDOR &&
           (worth == SC_WORTH_NOTICED || worth == SC_WORTH_HANDED);
}

/* Did it touch what is left of a driver that was unloaded? */
static bool is_leftover(struct sc_case *c) {
    uint64_t at = c->fault.memory;
    return at != SC_UNSET64 && !sc_target_module_at(c->target, at) &&
           sc_target_unloaded_at(c->target, at);
}

/* An illegal instruction that no compiler wrote; the middle of one; or no code at all. */
static bool is_broken_code(struct sc_case *c) {
    const struct sc_fault *f = &c->fault;
    uint64_t begin;
    bool refused = f->status == 0xc000001d || f->status == 0xc0000096;
    if (refused && !(f->insn && strncmp(f->insn->insn.mnemonic, "ud", 2) == 0))
        return true;
    enum sc_code_shape shape = sc_code_shape(c, &begin);
    return shape == SC_SHAPE_FILLED || (shape == SC_SHAPE_MIDDLE && f->status != 0x80000003);
}

static enum sc_confidence judge(struct sc_case *c, const struct sc_module *m,
                                struct nt_driver driver) {
    if (c->fault.status == 0xc0000006 || driver.kind == NT_DRIVER_FRAMEWORK || has_client(c, m) ||
        is_noticed(c, driver) || is_one_bit(c) || sc_stack_ran_over(c) || is_leftover(c) ||
        is_broken_code(c) || sc_late_agrees(c))
        return SC_POSSIBLE;
    if (driver.kind != NT_DRIVER_VENDOR || c->fault.contradicted || c->fault.status == 0xc0000409 ||
        sc_plain_code(c->a->code) == 0x139)
        return SC_LIKELY;
    return may_be_one_bit(c) ? SC_LIKELY : SC_STRONG;
}

static void say_what_weakens(struct sc_case *c, struct sc_draft *d, struct nt_driver driver) {
    uint64_t ip = c->fault.ip;
    if (c->fault.status == 0xc0000006)
        sc_draft_against(c, d, ip, c->a->has_exception ? sc_case_exr(c) : ".bugcheck",
                         "An in-page error: the data could not be read from its disk or network "
                         "place, which is not this driver's doing.");
    if (driver.kind == NT_DRIVER_FRAMEWORK)
        sc_draft_against(c, d, ip, sc_case_lm(c, ip),
                         "This is a part of Windows (%s) that works with what other drivers hand "
                         "to it.",
                         driver.what);
    if (driver.kind != NT_DRIVER_FRAMEWORK && is_noticed(c, driver))
        sc_draft_against(c, d, ip, ".bugcheck", "The code is 0x%X: %s.", c->a->code,
                         sc_case_blame(c).why);
    if (is_one_bit(c))
        sc_draft_against(c, d, ip, sc_case_lm(c, ip),
                         "A single bit that was wrong explains the failure altogether: the driver "
                         "is then the victim.");
    if (is_leftover(c))
        sc_draft_against(c, d, c->fault.memory, "lm",
                         "What it touched lies where a driver was unloaded: who left it behind is "
                         "more to blame than who finds it.");
    if (sc_late_agrees(c))
        sc_draft_against(c, d, ip, sc_culprit_command(c),
                         "It had just come back from a wait, in which the end of a request wrote "
                         "over what it used (see late-completion).");
    if (is_broken_code(c))
        sc_draft_against(c, d, ip, sc_case_text(c, "u %s L1", sc_case_hex(c, ip)),
                         "No compiler put such an instruction there: the code was overwritten or "
                         "damaged, or entered in the wrong place.");
    if (sc_stack_ran_over(c))
        sc_draft_against(c, d, ip, sc_culprit_command(c),
                         "The stack had run out: whoever's instruction that happens at need not be "
                         "the one who took it.");
    if (sc_plain_code(c->a->code) == 0x139)
        sc_draft_against(c, d, ip, ".bugcheck",
                         "A safety check stands where damage is noticed; another driver may have "
                         "done the damage before.");
}

static void say_client(struct sc_case *c, struct sc_draft *d, const struct sc_module *m) {
    const struct sc_culprit *k = c->culprit;
    if (has_client(c, m))
        sc_draft_against(c, d, c->a->stack.frame[k->frame].ip, sc_culprit_command(c),
                         "%s called it (%s).", sc_case_who(c, k->module),
                         sc_culprit_frame(c, k->frame));
    if (!c->a->stack.count)
        sc_draft_lacked(c, d, "There is no call stack (%s): who called this code is not known.",
                        k->why);
}

static void run(struct sc_case *c) {
    uint64_t ip = c->fault.ip;
    const struct sc_module *m = sc_target_module_at(c->target, ip);
    if (!m || sc_case_is_kernel(m))
        return;
    struct nt_driver driver = sc_case_driver(m);
    struct sc_draft d;
    sc_draft_init(&d, judge(c, m, driver));
    d.f.module = m;
    d.f.symbol = sc_case_where(c, ip);
    d.f.summary = sc_case_text(c, "%s %s%s.", sc_case_who(c, m), sc_fault_did(c),
                               sc_case_is_live(c) ? "; Windows reported it and went on running"
                                                  : ", and Windows had to stop");
    d.f.detail = sc_fault_detail(c);
    sc_draft_show(c, &d, ip, sc_case_lm(c, ip), "The instruction, %s, lies in %s.",
                  sc_case_addr(c, ip), sc_case_extent(c, m));
    if (sc_case_is_named(c, ip))
        sc_draft_show(c, &d, ip, sc_case_ln(c, ip), "The symbols of %s name the place %s.",
                      sc_case_name(c, m->image), d.f.symbol);
    sc_fault_show_ip(c, &d);
    sc_fault_show_pointer(c, &d);
    say_what_weakens(c, &d, driver);
    say_client(c, &d, m);
    sc_advise_module(c, &d, m);
    sc_case_add(c, &d);
}

const struct sc_rule sc_rule_faulting_address = {
    "faulting-address",
    "The instruction that failed lies inside a driver's image.",
    SC_RULE_KERNEL | SC_RULE_IP,
    run,
};
