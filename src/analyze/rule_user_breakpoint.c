/* SPDX-License-Identifier: MIT */
/*
 * user-breakpoint: a breakpoint instruction was met.
 *
 *   in a function of the system's for debuggers   a debugger, or a tool that wrote the dump, broke
 *                                                 in: CERTAIN that this is no crash
 *   elsewhere in a library of the system          LIKELY the same, of nobody: such libraries have
 *                                                 breakpoints for debuggers and for failed checks
 *   in the program or a library of its own        its module: LIKELY, as a check that failed there;
 *                                                 a debugger's own breakpoint looks the same
 *   in no module                                  nobody: POSSIBLE
 */
#include "analyze/user.h"

static bool is_debuggers(const struct sc_user_frames *frames) {
    return frames->count && frames->item[0].roles & NT_UF_BREAKPOINT;
}

/* DebugBreak() and its like are called by programs, too: by whom is on the stack. */
static bool find_caller(const struct sc_user_frames *frames, size_t *ret_index) {
    return sc_user_blame(frames, 0, ret_index);
}

static void broke_in(struct sc_case *c, const struct sc_user_frames *frames) {
    struct sc_draft d;
    sc_user_start(c, &d, SC_CERTAIN);
    d.f.summary = sc_case_text(c,
                               "This dump records no crash of %s: a debugger or a tool stopped "
                               "it to write the dump.",
                               sc_user_program(c));
    d.f.detail = sc_case_text(c, "The breakpoint is that of %s, which is there for debuggers.",
                              sc_user_place(c, &frames->item[0]));
    sc_user_show_frame(c, &d, frames, 0, "is a breakpoint of the system's for debuggers");
    sc_user_show_thread(c, &d);
    sc_draft_next(c, &d, "What the other threads were doing: ~*k");
    sc_case_add(c, &d);
}

static void in_program(struct sc_case *c, const struct sc_user_frames *frames, size_t who) {
    struct sc_draft d;
    const struct sc_user_frame *u = &frames->item[who];
    bool own = !who || u->sure;
    sc_user_start(c, &d, own ? SC_LIKELY : SC_POSSIBLE);
    d.f.summary = sc_case_text(c,
                               "%s stopped at a breakpoint of its own: mostly a check that "
                               "failed.",
                               sc_case_who(c, u->module));
    d.f.detail = sc_case_text(c, "A breakpoint was met in %s%s.", sc_user_place(c, u),
                              sc_user_frame_line(c, u));
    sc_user_accuse(c, &d, frames, who,
                   who ? "is the first outside the system's libraries" : "is where it stands");
    sc_draft_against(c, &d, u->f->ip, sc_case_lm(c, u->f->ip),
                     "A debugger's breakpoint there would look the same.");
    sc_user_show_thread(c, &d);
    sc_user_lack_symbols(c, &d, frames, who);
    sc_user_next_module(c, &d, u->module);
    sc_case_add(c, &d);
}

static void in_system(struct sc_case *c, const struct sc_user_frames *frames,
                      const struct sc_module *m) {
    struct sc_draft d;
    sc_user_start(c, &d, m ? SC_LIKELY : SC_POSSIBLE);
    d.f.symbol = c->fault.ip == SC_UNSET64 ? NULL : sc_case_where(c, c->fault.ip);
    d.f.summary =
        sc_case_text(c,
                     "%s stopped at a breakpoint: a debugger, a tool that wrote the dump, "
                     "or a failed check.",
                     sc_user_program(c));
    d.f.detail = sc_user_fault_detail(c);
    if (m)
        sc_draft_show(c, &d, c->fault.ip, sc_case_lm(c, c->fault.ip),
                      "The breakpoint lies in %s, a library of the system.", sc_case_extent(c, m));
    else
        sc_draft_lacked(c, &d,
                        "The breakpoint lies in no module: code made at run time, or a "
                        "debugger's.");
    sc_user_show_thread(c, &d);
    sc_user_lack_symbols(c, &d, frames, frames->count);
    sc_draft_next(c, &d,
                  "The stack of the thread, with symbols: who set or called the "
                  "breakpoint.");
    sc_case_add(c, &d);
}

static void run(struct sc_case *c) {
    struct sc_user_frames frames;
    size_t who;
    if (sc_user_kind(c) != SC_USER_BREAKPOINT)
        return;
    sc_user_frames(c, &frames);
    const struct sc_module *m =
        c->fault.ip == SC_UNSET64 ? NULL : sc_target_module_at(c->target, c->fault.ip);
    if (find_caller(&frames, &who))
        in_program(c, &frames, who);
    else if (is_debuggers(&frames))
        broke_in(c, &frames);
    else
        in_system(c, &frames, m);
    sc_user_note_wow64(c);
}

const struct sc_rule sc_rule_user_breakpoint = {
    "user-breakpoint",
    "A breakpoint was met: a debugger's, the system's, or a check of the program.",
    SC_RULE_USER,
    run,
};
