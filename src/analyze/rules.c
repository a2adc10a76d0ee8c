/* SPDX-License-Identifier: MIT */
/* The list of rules, and running them. */
#include "analyze/advice.h"
#include "analyze/rule.h"

static const struct sc_rule *const rules[] = {
    &sc_rule_live_or_manual,  /* a person asked for the dump: the question "who" is answered */
    &sc_rule_unloaded_driver, /* before faulting-address: there is no image left to lie in */
    &sc_rule_faulting_address, &sc_rule_parameter_module, &sc_rule_broken_driver, &sc_rule_hook,
    &sc_rule_hung_processor, &sc_rule_hardware, &sc_rule_stack_overflow,
    &sc_rule_late_completion, /* before stack, which then is no more than a possibility */
    &sc_rule_stack,           /* behind what outranks it */
    &sc_rule_ended_process,
    /* Processes: one of these tells the story; the heap's suspicion stands before who called it. */
    &sc_rule_user_heap, &sc_rule_user_exception, &sc_rule_user_overflow, &sc_rule_user_failfast,
    &sc_rule_user_cxx, &sc_rule_user_clr, &sc_rule_user_abort, &sc_rule_user_loader,
    &sc_rule_user_breakpoint, &sc_rule_user_demand,
    /* What the kernel keeps of locks and memory: mentions, unless the stop is about that. */
    &sc_rule_self_deadlock, &sc_rule_deadlock, &sc_rule_pool_leak, &sc_rule_low_memory,
    &sc_rule_raw_stack,      /* only when nothing better is known */
    &sc_rule_hardware_pages, /* when nobody at all is named */
    &sc_rule_kernel_only, &sc_rule_nothing_known,
    &sc_rule_hardware_damage,                      /* a possibility beside "nobody" */
    &sc_rule_commit_failures, &sc_rule_old_driver, /* mentions, behind all verdicts */
};

const struct sc_rule *sc_rule_at(size_t i) {
    return i < sizeof rules / sizeof *rules ? rules[i] : NULL;
}

/* Nothing better than "worth a look" so far. */
static bool is_open(const struct sc_case *c) {
    for (size_t i = 0; i < c->findings.count; i++)
        if (c->findings.item[i].confidence > SC_POSSIBLE)
            return false;
    return true;
}

static bool applies(const struct sc_case *c, unsigned needs) {
    if ((needs & SC_RULE_KERNEL) && !c->machine->kernel)
        return false;
    if ((needs & SC_RULE_USER) && c->machine->kernel)
        return false;
    if ((needs & SC_RULE_BUGCHECK) && !c->a->has_bugcheck)
        return false;
    if ((needs & SC_RULE_IP) && c->fault.ip == SC_UNSET64)
        return false;
    if ((needs & SC_RULE_NOTHING) && c->findings.count)
        return false;
    return !(needs & SC_RULE_OPEN) || is_open(c);
}

/* Those rules that are about the machine's state (STATE), or the others. */
static sc_err *run_some(struct sc_case *c, unsigned mask, unsigned state) {
    for (size_t i = 0; i < sizeof rules / sizeof *rules && !c->nomem; i++) {
        if (sc_target_cancelled(c->target))
            return sc_err_cancelled();
        if ((rules[i]->needs & mask) != state || !applies(c, rules[i]->needs))
            continue;
        c->rule = rules[i]->id;
        rules[i]->run(c);
    }
    return c->nomem ? sc_err_nomem() : NULL;
}

sc_err *sc_rules_run(struct sc_case *c) {
    if (sc_case_about_state(c))
        return run_some(c, 0, 0);
    sc_err *err = run_some(c, SC_RULE_STATE, 0);
    return err ? err : run_some(c, SC_RULE_STATE, SC_RULE_STATE);
}
