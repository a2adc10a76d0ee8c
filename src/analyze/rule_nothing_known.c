/* SPDX-License-Identifier: MIT */
/*
 * nothing-known: no rule found anything. It says what was looked at, with the commands that show
 * it, and what would settle the question: the commands that the bug check's documentation names,
 * with this dump's parameters in place, and a fuller dump.
 */
#include <stdio.h>
#include <string.h>

#include "analyze/advice.h"
#include "analyze/rule.h"

/* Command I of the bug check with its "{N}" filled in; NULL when such a parameter is zero. */
static const char *filled(struct sc_case *c, const char *command) {
    const char *text = "";
    while (*command) {
        const char *brace = strchr(command, '{');
        bool slot = brace && brace[1] >= '1' && brace[1] <= '4' && brace[2] == '}';
        size_t len = slot ? (size_t)(brace - command) : strlen(command);
        text = sc_case_text(c, "%s%.*s", text, (int)len, command);
        command += len;
        if (!slot)
            break;
        uint64_t value = c->a->arg[brace[1] - '1'].value;
        if (!value)
            return NULL;
        text = sc_case_text(c, "%s%s", text, sc_case_hex(c, value));
        command += 3;
    }
    return text;
}

/* Commands whose answer is in the evidence already. */
static bool is_answered(const char *command) {
    return strcmp(command, "lm") == 0 || strncmp(command, "!error ", 7) == 0;
}

/* What the table has no use for ("Reserved") is worth a line only when it points somewhere. */
static bool is_telling(const struct sc_case *c, unsigned i) {
    const struct sc_bugarg *arg = &c->a->arg[i];
    if (!arg->value || i + 1 == c->fault.ip_arg || i + 1 == c->fault.memory_arg)
        return false;
    if (arg->meaning || arg->where)
        return true;
    return arg->text[0] && c->bug.arg[i].kind != SC_BUG_NONE;
}

static void say_parameters(struct sc_case *c, struct sc_draft *d) {
    for (unsigned i = 0; i < 4; i++) {
        const struct sc_bugarg *arg = &c->a->arg[i];
        if (!is_telling(c, i))
            continue;
        sc_draft_show(c, d, arg->value, ".bugcheck", "Parameter %u is %s%s%s%s%s.", i + 1,
                      sc_case_hex(c, arg->value), arg->text[0] ? ", " : "", arg->text,
                      arg->meaning || arg->where ? ": " : "",
                      arg->meaning ? arg->meaning
                      : arg->where ? arg->where
                                   : "");
    }
}

static void say_kernel(struct sc_case *c, struct sc_draft *d) {
    const struct sc_modules *list = NULL;
    sc_err *err = sc_target_modules(c->target, &list);
    if (c->a->has_bugcheck) {
        sc_draft_show(c, d, SC_UNSET64, ".bugcheck", "The code is 0x%X, %s.", c->a->code,
                      c->a->name);
        say_parameters(c, d);
    } else {
        sc_draft_show(c, d, SC_UNSET64, "vertarget", "The dump records no bug check.");
    }
    if (err)
        sc_draft_lacked(c, d, "The list of drivers could not be read: %s.", sc_err_text(err));
    else if (!list->count)
        sc_draft_lacked(c, d, "The dump holds no list of drivers, so no address could be named.");
    else
        sc_draft_show(
            c, d, SC_UNSET64, "lm",
            "Neither the parameters nor the exception point into a driver: %zu %s loaded.",
            list->count, list->count == 1 ? "module is" : "modules are");
    sc_err_destroy(err);
    for (unsigned i = 0; i < c->bug.ncmd && c->a->has_bugcheck; i++) {
        const char *command = filled(c, c->bug.cmd[i]);
        if (command && strcmp(command, ".enumtag") == 0) /* of this very file */
            sc_draft_next(c, d, "%s, which lists the data that drivers added.", command);
        else if (command && !is_answered(command))
            sc_draft_next(c, d, "%s, in a dump that holds that memory, with the kernel's symbols.",
                          command);
    }
    sc_advise_dump(c, d);
}

static void say_fault(struct sc_case *c, struct sc_draft *d) {
    if (c->fault.ip != SC_UNSET64) {
        sc_draft_show(c, d, c->fault.ip, sc_case_lm(c, c->fault.ip),
                      "The instruction, %s, lies in no module.", sc_case_addr(c, c->fault.ip));
        sc_fault_show_ip(c, d);
    }
    sc_fault_show_pointer(c, d);
}

static void run(struct sc_case *c) {
    struct sc_draft d;
    sc_draft_init(&d, SC_POSSIBLE);
    bool fault = c->fault.ip != SC_UNSET64 || c->fault.memory != SC_UNSET64;
    d.f.summary = c->a->has_bugcheck
                      ? sc_case_text(c, "%s This dump does not show who caused it.", c->a->brief)
                      : sc_case_text(c, "This dump does not show what happened, or who caused it.");
    d.f.detail =
        fault ? sc_fault_detail(c)
        : c->a->has_bugcheck
            ? sc_case_text(c, "%s (0x%X): no parameter leads to a driver.", c->a->name, c->a->code)
            : "There is neither a bug check nor an exception to start from.";
    say_fault(c, &d);
    if (c->machine->kernel) {
        say_kernel(c, &d);
        sc_show_no_culprit(c, &d);
    } else
        sc_draft_show(c, &d, SC_UNSET64, "~", "The threads are all that is known.");
    sc_case_add(c, &d);
}

const struct sc_rule sc_rule_nothing_known = {
    "nothing-known",
    "No other rule found anything: what was looked at, and what would settle it.",
    SC_RULE_NOTHING,
    run,
};
