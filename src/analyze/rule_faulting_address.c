/* SPDX-License-Identifier: MIT */
/*
 * faulting-address: the instruction that failed lies inside a driver's image.
 *
 * STRONG when the record, the parameters and the context agree on it. It is weaker, and says so,
 *   - LIKELY for a driver that comes with Windows: the same code runs on every machine, and seldom
 *     fails without having been handed something;
 *   - LIKELY for a fail-fast check: it stands where damage is noticed, not where it is done;
 *   - LIKELY when the context stands in another module;
 *   - POSSIBLE inside a framework (Wdf01000, ndis, Ntfs, …), which works with what others hand to
 *     it, and in any driver of Windows that somebody else's driver called directly, or for a bug
 *     check that notices damage (data/blame.tsv);
 *   - POSSIBLE where something else explains the instruction's failure altogether: the disk did not
 *     deliver (an in-page error); a single bit of the pointer or of the instruction itself was
 *     wrong, and what it should have been is known; the stack had run out.
 * Never CERTAIN: the driver may have been handed the bad pointer.
 */
#include "analyze/advice.h"
#include "analyze/bitflip.h"
#include "analyze/codebytes.h"
#include "analyze/culprit.h"
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

static bool is_noticed(const struct sc_case *c, struct nt_driver driver) {
    return driver.kind != NT_DRIVER_VENDOR && sc_case_blame(c).worth == SC_WORTH_NOTICED;
}

static enum sc_confidence judge(struct sc_case *c, const struct sc_module *m,
                                struct nt_driver driver) {
    if (c->fault.status == 0xc0000006 || driver.kind == NT_DRIVER_FRAMEWORK || has_client(c, m) ||
        is_noticed(c, driver) || is_one_bit(c) || sc_stack_ran_over(c))
        return SC_POSSIBLE;
    if (driver.kind != NT_DRIVER_VENDOR || c->fault.contradicted || c->fault.status == 0xc0000409 ||
        sc_plain_code(c->a->code) == 0x139)
        return SC_LIKELY;
    return SC_STRONG;
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
