/* SPDX-License-Identifier: MIT */
/*
 * user-on-demand: the dump records no crash. There is no exception, or one that is made up so that
 * a dump could be written, or that only tells a debugger something: CERTAIN, of nobody; POSSIBLE
 * when the file is damaged, since it may have had one, or has no threads either.
 *
 * Such dumps are mostly written because a program ended or did not answer. So all threads are
 * looked at first, and when that tells a story of its own (rule_user_exit.c, rule_user_hang.c),
 * this finding is not made.
 */
#include "analyze/exception_words.h"
#include "analyze/user_demand.h"

static bool is_event(struct sc_case *c) { return sc_user_kind(c) == SC_USER_EVENT; }

static void say_exception(struct sc_case *c, struct sc_draft *d) {
    const struct sc_analysis *a = c->a;
    d->f.detail = sc_case_text(c, "The exception %s (0x%08x) is one that %s.",
                               a->exception_name ? a->exception_name : "code", a->exception.code,
                               is_event(c) ? "only tells a debugger something"
                                           : "is made up to write a dump");
    sc_draft_show(c, d, SC_UNSET64, ".exr -1", "The exception code is 0x%08x%s%s.",
                  a->exception.code, a->exception_name ? ", " : "",
                  a->exception_name ? a->exception_name : "");
}

static void on_demand(struct sc_case *c, const struct sc_user_threads *threads) {
    struct sc_draft d;
    size_t count = threads->count + threads->dropped;
    bool damaged = sc_target_source(c->target)->nnotes > 0;
    sc_draft_init(&d, damaged || !count ? SC_POSSIBLE : SC_CERTAIN);
    d.f.summary =
        damaged ? sc_case_text(c, "%s: no exception can be found in this damaged dump.",
                               sc_user_program(c))
        : !count
            ? "This dump holds neither an exception nor threads: it does not show what happened."
            : sc_case_text(c, "This dump records no crash of %s: it was written on demand.",
                           c->a->process ? c->a->process : "the program");
    if (c->a->has_exception) {
        say_exception(c, &d);
    } else {
        d.f.detail =
            damaged ? "There is no exception in this dump, but parts of the file cannot be read: "
                      "it may have had one."
                    : "There is no exception in this dump: a tool, a person or the program itself "
                      "had it written, perhaps because of a hang.";
        sc_draft_show(c, &d, SC_UNSET64, ".dumpdebug", "The dump has no exception.");
    }
    if (count)
        sc_draft_show(c, &d, SC_UNSET64, "~", "%zu thread%s, as %s at that moment.", count,
                      count == 1 ? "" : "s", count == 1 ? "it was" : "they were");
    else
        sc_draft_lacked(c, &d, "The dump lists no threads.");
    for (size_t i = 0; i < threads->count; i++)
        if (threads->item[i].doing == SC_DOING_DUMPER) {
            sc_user_show_doing(c, &d, &threads->item[i]);
            break;
        }
    if (count)
        sc_draft_next(c, &d, "What each thread waits for: ~*k, with symbols.");
    sc_case_add(c, &d);
}

static void run(struct sc_case *c) {
    struct sc_user_threads threads;
    enum sc_user_kind kind = sc_user_kind(c);
    if (kind != SC_USER_NONE && kind != SC_USER_EVENT)
        return;
    sc_user_threads_load(c, &threads);
    bool told = sc_user_exit_run(c, &threads) || sc_user_hang_run(c, &threads);
    c->rule = sc_rule_user_demand.id;
    if (!told)
        on_demand(c, &threads);
    sc_user_note_wow64(c);
    sc_user_threads_free(&threads);
}

const struct sc_rule sc_rule_user_demand = {
    "user-on-demand",
    "A dump of a process that records no crash: an exit, a hang, or neither.",
    SC_RULE_USER,
    run,
};
