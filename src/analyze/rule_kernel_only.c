/* SPDX-License-Identifier: MIT */
/*
 * kernel-only: the instruction that failed lies in the kernel itself (or the HAL), and no rule has
 * named a driver with more than a possibility. The kernel is nearly always the victim: it was
 * handed a bad pointer or found structures damaged that a driver had written to. Nobody is blamed,
 * and what would be needed is said.
 */
#include "analyze/advice.h"
#include "analyze/rule.h"

static void say_next(struct sc_case *c, struct sc_draft *d) {
    if (sc_case_is_small(c))
        sc_draft_lacked(c, d,
                        "This is a small dump: most of the memory that the kernel was working "
                        "on is not in it.");
    sc_advise_dump(c, d);
    sc_advise_all_drivers(c, d);
    sc_draft_next(c, d, "When crashes differ from one to the next: a test of the memory modules.");
}

static void run(struct sc_case *c) {
    uint64_t ip = c->fault.ip;
    const struct sc_module *m = sc_target_module_at(c->target, ip);
    if (!m || !sc_case_is_kernel(m))
        return;
    struct sc_draft d;
    sc_draft_init(&d, SC_POSSIBLE);
    d.f.symbol = sc_case_where(c, ip);
    d.f.summary = sc_case_text(c,
                               "Windows' own kernel %s; this alone does not show which driver, or "
                               "which hardware, led it there.",
                               sc_fault_did(c));
    d.f.detail = sc_fault_detail(c);
    sc_draft_show(c, &d, ip, sc_case_lm(c, ip), "The instruction, %s, lies in %s.",
                  sc_case_addr(c, ip), sc_case_extent(c, m));
    sc_fault_show_ip(c, &d);
    sc_fault_show_pointer(c, &d);
    sc_show_no_culprit(c, &d);
    say_next(c, &d);
    sc_case_add(c, &d);
}

const struct sc_rule sc_rule_kernel_only = {
    "kernel-only",
    "The instruction that failed lies in the kernel itself: nobody is blamed.",
    SC_RULE_KERNEL | SC_RULE_IP | SC_RULE_OPEN,
    run,
};
