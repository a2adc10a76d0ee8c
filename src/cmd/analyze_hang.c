/* SPDX-License-Identifier: MIT */
/*
 * `!analyze -hang`: who waits. Of a process all threads are at hand: their stacks are shown, equal
 * ones once. A small kernel dump holds one thread, the one that ran when it was written: what it
 * waits for is shown if it waits at all, and what such a dump cannot tell is said.
 */
#include <inttypes.h>
#include <stdio.h>

#include "cmd/analyze_details.h"
#include "cmd/kernel.h"
#include "stopcode/kdump.h"

static void heading(sc_out *out) {
    if (sc_out_render(out) == SC_RENDER_TEXT)
        sc_puts(out, "HANG:\n-----\n\n");
}

static sc_err *process(const struct sc_shown *s) {
    const struct sc_threads *threads;
    sc_err *err = sc_target_threads(s->target, &threads);
    if (err)
        return err;
    sc_remark(s->out, "-hang: the stacks of all %zu threads; those that are equal stand once.",
              threads->count);
    sc_session_run_nested(s->session, "!uniqstack");
    return NULL;
}

static const char *holds(const struct sc_shown *s) {
    const struct sc_source *source = sc_target_source(s->target);
    return sc_triage_header(source) ? "a small dump holds no other: a kernel memory dump does"
                                    : "of others see `!process 0 2`";
}

static sc_err *kernel(const struct sc_shown *s) {
    struct nt nt;
    struct nt_thread t;
    char command[64];
    if (s->a->thread == SC_UNSET64) {
        sc_remark(s->out, "-hang: the dump does not say which thread ran.");
        return NULL;
    }
    sc_err *err = sc_session_nt(s->session, &nt);
    if (!err)
        err = nt_thread_read(&nt, s->a->thread, &t);
    if (err) {
        if (sc_err_code(err) == SC_ERR_NOMEM || sc_err_code(err) == SC_ERR_CANCELLED)
            return err;
        sc_remark(s->out, "-hang: the current thread cannot be read: %s.", sc_err_text(err));
        sc_err_destroy(err);
        return NULL;
    }
    uint64_t state = nt_or(&t.f[NT_T_STATE], UINT64_MAX);
    const char *name = nt_thread_state_name(state);
    if (state == NT_THREAD_WAITING)
        sc_remark(s->out, "-hang: the current thread waits; %s.", holds(s));
    else
        sc_remark(s->out, "-hang: the current thread does not wait (%s); %s.",
                  name ? name : "its state is not in the dump", holds(s));
    snprintf(command, sizeof command, "!thread 0x%" PRIx64, s->a->thread);
    sc_session_run_nested(s->session, command);
    return NULL;
}

sc_err *sc_analyze_hang(const struct sc_shown *s) {
    heading(s->out);
    return s->a->machine->kernel ? kernel(s) : process(s);
}
