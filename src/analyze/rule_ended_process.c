/* SPDX-License-Identifier: MIT */
/*
 * ended-process: a process that Windows cannot do without was ended (0xEF, 0xF4), by a program: the
 * stop comes from the thread that ended it, and that thread belongs to another process. LIKELY, of
 * the program; no driver is blamed. Not when a driver on the stack did it, or when the process
 * ended itself.
 */
#include <string.h>

#include "analyze/advice.h"
#include "analyze/kfacts.h"
#include "analyze/rule.h"

enum { CRITICAL_PROCESS = 0xef, CRITICAL_OBJECT = 0xf4, OBJECT_PROCESS = 3 };

/* The process that ended; 0: it was a thread, or this is another stop. */
static uint64_t ended(const struct sc_case *c) {
    const struct sc_bugarg *arg = c->a->arg;
    uint32_t code = sc_plain_code(c->a->code);
    if (code == CRITICAL_PROCESS)
        return arg[1].value ? 0 : arg[0].value;
    return code == CRITICAL_OBJECT && arg[0].value == OBJECT_PROCESS ? arg[1].value : 0;
}

/* An error while its pages were read ended it: nobody's wish. */
static bool by_exception(const struct sc_case *c) {
    return c->a->has_exception && c->fault.status != 0;
}

static void run(struct sc_case *c) {
    uint64_t gone = ended(c);
    const char *program = c->a->process;
    if (!gone || !c->k->process || gone == c->k->process || !program || by_exception(c) ||
        strcmp(program, "System") == 0 || (c->culprit->found && !sc_stack_is_silent(c)))
        return;
    struct sc_draft d;
    const char *name = sc_process_text(c, gone);
    sc_draft_init(&d, SC_LIKELY);
    d.f.symbol = program;
    d.f.summary = sc_case_text(c, "The program %s ended %s, without which Windows cannot go on.",
                               program, name ? name : "a process");
    d.f.detail = sc_case_text(c,
                              "The stop was raised in a thread of %s (process %s); the process "
                              "that ended is another one, %s.",
                              program, sc_case_addr(c, c->k->process), sc_case_addr(c, gone));
    sc_draft_show(c, &d, gone, ".bugcheck", "The process that ended is at %s.",
                  sc_case_addr(c, gone));
    if (name)
        sc_draft_show(c, &d, gone, sc_case_text(c, "!process %s 0", sc_case_hex(c, gone)),
                      "It is %s.", name);
    sc_draft_show(c, &d, c->k->process,
                  sc_case_text(c, "!process %s 0", sc_case_hex(c, c->k->process)),
                  "The thread that the stop was raised in belongs to %s.", program);
    sc_draft_next(c, &d, "Why does %s end it: is it a tool for that, or malware?", program);
    sc_advise_dump(c, &d);
    sc_case_add(c, &d);
}

const struct sc_rule sc_rule_ended_process = {
    "ended-process",
    "A process that Windows needs was ended by another one.",
    SC_RULE_KERNEL | SC_RULE_BUGCHECK,
    run,
};
