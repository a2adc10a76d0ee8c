/* SPDX-License-Identifier: MIT */
/*
 * user-clr-exception: a .NET exception that nobody caught. Nobody is blamed: which method threw it
 * stands in managed frames and objects, which are not read. POSSIBLE.
 */
#include "analyze/user.h"
#include "nt/status.h"

static void say_result(struct sc_case *c, struct sc_draft *d) {
    const struct sc_exception *e = &c->a->exception;
    struct nt_errtext text;
    if (!e->nparams)
        return;
    uint32_t hr = (uint32_t)e->param[0];
    bool known = nt_hresult_text(hr, &text);
    sc_draft_show(c, d, SC_UNSET64, ".exr -1", "Parameter 0 is its HRESULT, 0x%08x%s%s%s.", hr,
                  known ? " (" : "", known ? text.name : "", known ? ")" : "");
}

/* Frames in no module, between those of the run-time: code that was made at run time. */
static size_t made_frames(const struct sc_user_frames *frames) {
    size_t n = 0;
    for (size_t i = 0; i < frames->count; i++)
        n += !frames->item[i].module;
    return n;
}

static void run(struct sc_case *c) {
    struct sc_draft d;
    struct sc_user_frames frames;
    size_t who;
    if (sc_user_kind(c) != SC_USER_CLR)
        return;
    sc_user_frames(c, &frames);
    sc_user_start(c, &d, SC_POSSIBLE);
    d.f.symbol = c->fault.ip == SC_UNSET64 ? NULL : sc_case_where(c, c->fault.ip);
    d.f.summary = sc_case_text(c, "%s left a .NET exception unhandled.", sc_user_program(c));
    d.f.detail = c->a->exception_text ? c->a->exception_text : "A .NET exception was not handled.";
    say_result(c, &d);
    if (sc_user_blame(&frames, 0, &who))
        sc_user_show_frame(c, &d, &frames, who, "is the first in an image of the program");
    if (made_frames(&frames))
        sc_draft_show(c, &d, SC_UNSET64, frames.command,
                      "%zu frames lie in no image: methods compiled at run time.",
                      made_frames(&frames));
    sc_user_show_thread(c, &d);
    sc_draft_lacked(c, &d,
                    "Managed frames and the exception object are not read: which method "
                    "threw, and the message, are not known.");
    sc_draft_next(c, &d,
                  "The managed stack and exception object, in a debugger with the .NET "
                  "extension: !sos.pe, !sos.clrstack.");
    sc_case_add(c, &d);
}

const struct sc_rule sc_rule_user_clr = {
    "user-clr-exception",
    "A .NET exception that nobody caught, with its HRESULT.",
    SC_RULE_USER,
    run,
};
