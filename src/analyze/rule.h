/* SPDX-License-Identifier: MIT */
/*
 * Rules: each looks at the case and adds findings with evidence. One file a rule (rule_*.c), one
 * const row, listed explicitly in rules.c. docs/design/findings.md says how to write one.
 *
 * The order in rules.c is the order in which they run, and in which findings of equal confidence
 * stand. A rule may read what the ones before it found (c->findings), never change it.
 */
#ifndef STOPCODE_ANALYZE_RULE_H
#define STOPCODE_ANALYZE_RULE_H

#include "analyze/case.h"
#include "analyze/fault.h"

/* What a rule needs; it does not run without. */
enum {
    SC_RULE_KERNEL = 1,   /* a kernel's dump */
    SC_RULE_USER = 2,     /* a process's dump */
    SC_RULE_BUGCHECK = 4, /* with a bug check */
    SC_RULE_IP = 8,       /* the faulting instruction is known */
    SC_RULE_OPEN = 16,    /* no finding is more than "possible" so far */
    SC_RULE_NOTHING = 32, /* there is no finding at all so far */
    /*
     * Not a need: the rule is about the state of the machine, such as locks and memory. It runs in
     * its place when that is what the stop is about (sc_case_about_state()); behind all others, as
     * a mention, when it is not.
     */
    SC_RULE_STATE = 64,
};

struct sc_rule {
    const char *id;    /* "faulting-address" */
    const char *about; /* one line: when it fires and what it claims */
    unsigned needs;    /* SC_RULE_… */
    void (*run)(struct sc_case *c);
};

extern const struct sc_rule sc_rule_live_or_manual;
extern const struct sc_rule sc_rule_unloaded_driver;
extern const struct sc_rule sc_rule_faulting_address;
extern const struct sc_rule sc_rule_parameter_module;
extern const struct sc_rule sc_rule_broken_driver;
extern const struct sc_rule sc_rule_late_completion;
extern const struct sc_rule sc_rule_stack;
extern const struct sc_rule sc_rule_raw_stack;
extern const struct sc_rule sc_rule_hardware;
extern const struct sc_rule sc_rule_hardware_damage;
extern const struct sc_rule sc_rule_hardware_pages;
extern const struct sc_rule sc_rule_hook;
extern const struct sc_rule sc_rule_hung_processor;
extern const struct sc_rule sc_rule_ended_process;
extern const struct sc_rule sc_rule_stack_overflow;
extern const struct sc_rule sc_rule_pool_leak;
extern const struct sc_rule sc_rule_commit_failures;
extern const struct sc_rule sc_rule_self_deadlock;
extern const struct sc_rule sc_rule_deadlock;
extern const struct sc_rule sc_rule_low_memory;
extern const struct sc_rule sc_rule_old_driver;
extern const struct sc_rule sc_rule_user_abort;
extern const struct sc_rule sc_rule_user_breakpoint;
extern const struct sc_rule sc_rule_user_clr;
extern const struct sc_rule sc_rule_user_cxx;
extern const struct sc_rule sc_rule_user_demand;
extern const struct sc_rule sc_rule_user_exception;
extern const struct sc_rule sc_rule_user_failfast;
extern const struct sc_rule sc_rule_user_heap;
extern const struct sc_rule sc_rule_user_loader;
extern const struct sc_rule sc_rule_user_overflow;
extern const struct sc_rule sc_rule_kernel_only;
extern const struct sc_rule sc_rule_nothing_known;

/* Row I of the list, NULL behind the last one. */
const struct sc_rule *sc_rule_at(size_t i);
/* Runs all that apply. SC_ERR_CANCELLED when the target's flag was set in between. */
sc_err *sc_rules_run(struct sc_case *c);

#endif
