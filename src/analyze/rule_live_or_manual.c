/* SPDX-License-Identifier: MIT */
/*
 * live-or-manual: the bug check says that a person or a tool asked for the dump. Then nobody is to
 * blame for the stop itself, and the bug check is the record of it: certain. What made somebody ask
 * (a hang, a black screen) is a question of its own.
 */
#include "analyze/rule.h"

static const struct asked {
    uint32_t code;
    bool stopped; /* the system stopped for it; false: it went on running */
    const char *how;
} asked[] = {
    {0xe2, true, "from the keyboard or from a kernel debugger"},
    {0x161, false, "with a tool that dumps a running system"},
    {0x184, false, "in Storage Replica"},
    {0x1c8, true, "by holding down the power button"},
    {0x11c8, false, "by holding down the power button"},
    {0x21c8, false, "with the hotkey for a black screen"},
    {0x30006, true, "on an Xbox console"},
    {0xdeaddead, true, "with a tool or a debugger"},
};

static void write(struct sc_case *c, const struct asked *a) {
    struct sc_draft d;
    sc_draft_init(&d, SC_CERTAIN);
    d.f.summary =
        a->stopped
            ? sc_case_text(c,
                           "Somebody stopped this machine on purpose, %s; no driver is to blame "
                           "for the stop.",
                           a->how)
            : sc_case_text(c,
                           "Somebody asked for this dump, %s; nothing crashed and the machine "
                           "went on running.",
                           a->how);
    d.f.detail = sc_case_text(c,
                              "Bug check 0x%X (%s) is only raised on request: look for what "
                              "made somebody ask, such as a hang or a black screen.",
                              c->a->code, c->bug.name);
    sc_draft_show(c, &d, SC_UNSET64, ".bugcheck", "The code is 0x%X, %s.", c->a->code, c->bug.name);
    for (unsigned i = 0; i < 4; i++)
        if (c->a->arg[i].value && c->a->arg[i].text[0] && c->bug.arg[i].kind != SC_BUG_NONE)
            sc_draft_show(
                c, &d, SC_UNSET64, ".bugcheck", "Parameter %u: %s: %s.", i + 1, c->a->arg[i].text,
                c->a->arg[i].meaning ? c->a->arg[i].meaning : sc_case_hex(c, c->a->arg[i].value));
    if (a->stopped)
        sc_draft_next(c, &d, "What the person saw: no response, a black screen, slowness?");
    if (sc_case_is_small(c))
        sc_draft_next(c, &d,
                      "For a hang: a kernel memory dump of the next one, which holds all threads, "
                      "locks and I/O requests; this small dump holds one thread.");
    sc_case_add(c, &d);
}

static void run(struct sc_case *c) {
    uint32_t code = sc_plain_code(c->a->code);
    for (size_t i = 0; i < sizeof asked / sizeof *asked; i++)
        if (asked[i].code == code)
            write(c, &asked[i]);
}

const struct sc_rule sc_rule_live_or_manual = {
    "live-or-manual",
    "The bug check says that a person or a tool asked for the dump: nobody is blamed.",
    SC_RULE_KERNEL | SC_RULE_BUGCHECK,
    run,
};
