/* SPDX-License-Identifier: MIT */
/*
 * `.exr` and `.lastevent`: the exception that the dump was written for, and any exception record
 * in the target's memory, with those chained behind it.
 */
#include <string.h>

#include "base/cursor.h"
#include "base/time.h"
#include "cmd/show.h"
#include "dump/dump.h"

typedef unsigned long long ull;

/* Longest chain that is followed; Windows' own nesting stays far below. */
enum { CHAIN_MAX = 16 };

static sc_err *read_record(sc_target *target, uint64_t addr, struct sc_exception *ret) {
    uint8_t raw[0x98];
    bool is64 = sc_target_ptr_size(target) == 8;
    size_t size = is64 ? 0x98 : 0x50;
    sc_space *space = sc_target_space(target);
    sc_err *err = sc_space_need(space, sc_space_canon(space, addr), raw, size, "exception record");
    if (err)
        return err;
    struct sc_cur cur = sc_cur_mem(raw, size, "exception record");
    sc_read_exception(&cur, is64, ret);
    return NULL;
}

/* Shows what is chained behind FIRST, each record once. */
static sc_err *show_chain(sc_session *session, const struct sc_exception *first, sc_arena *arena) {
    sc_target *target = sc_session_target(session);
    sc_out *out = sc_session_out(session);
    uint64_t seen[CHAIN_MAX], next = first->record;
    struct sc_exception e;
    for (unsigned n = 0; next; n++) {
        for (unsigned i = 0; i < n; i++)
            if (seen[i] == next) {
                sc_remark(out, "The chain of records leads back to 0x%llx.", (ull)next);
                return NULL;
            }
        if (n == CHAIN_MAX) {
            sc_remark(out, "The chain of records is longer than %d; stopped.", CHAIN_MAX);
            return NULL;
        }
        seen[n] = next;
        sc_err *err = read_record(target, next, &e);
        if (err) {
            sc_remark(out, "Chained record at 0x%llx: %s", (ull)next, sc_err_text(err));
            sc_err_destroy(err);
            return NULL;
        }
        sc_remark(out, "Chained record at 0x%llx:", (ull)next);
        err = sc_show_exception(session, &e, arena);
        if (err)
            return err;
        next = e.record;
    }
    return NULL;
}

static sc_err *run_exr(sc_session *session, const struct sc_args *args) {
    sc_target *target = sc_session_target(session);
    const struct sc_machine *m = sc_target_machine(target);
    uint64_t addr = args->v[0].num, all = UINT64_MAX;
    struct sc_exception e;
    if (addr == all || (sc_session_ptr_size(session) == 4 && addr == UINT32_MAX)) {
        if (!m->has_exception)
            return sc_errf(SC_ERR_NOT_FOUND, "this dump records no exception");
        e = m->exception;
    } else {
        sc_err *err = read_record(target, addr, &e);
        if (err)
            return err;
    }
    sc_err *err = sc_show_exception(session, &e, args->arena);
    return err ? err : show_chain(session, &e, args->arena);
}

/* ---- .lastevent ---- */

struct event {
    const char *what;
    bool has_exception, has_bugcheck, kernel, windows;
    uint32_t pid, tid, code, bugcheck;
    uint64_t time;
    long tz;
};
static const struct sc_field event_fields[] = {SC_FIELD(struct event, what, SC_F_STR),
                                               SC_FIELD(struct event, has_exception, SC_F_BOOL),
                                               SC_FIELD(struct event, code, SC_F_HEX32),
                                               SC_FIELD(struct event, has_bugcheck, SC_F_BOOL),
                                               SC_FIELD(struct event, bugcheck, SC_F_HEX32),
                                               SC_FIELD(struct event, pid, SC_F_HEX32),
                                               SC_FIELD(struct event, tid, SC_F_HEX32),
                                               SC_FIELD(struct event, time, SC_F_TIME),
                                               SC_FIELD_END};
static const struct sc_rectype event_type = {"event", sizeof(struct event), event_fields};

static void event_text(sc_out *out, const void *record, void *ctx) {
    (void)ctx;
    const struct event *e = record;
    char time[SC_TIME_BUF];
    sc_puts(out, "Last event: ");
    if (!e->kernel)
        sc_printf(out, "%x.%x: ", e->pid, e->tid);
    if (e->has_exception)
        sc_printf(out, "%s - code %08x%s\n", e->what, e->code,
                  e->windows ? " (first/second chance not available)" : "");
    else if (e->has_bugcheck)
        sc_printf(out, "%s, code %x\n", e->what, e->bugcheck);
    else
        sc_printf(out, "%s\n", e->what);
    /* WinDbg's line here is the time at which it opened the dump, which says nothing about it. */
    if (e->time)
        sc_printf(out, "  dump time: %s\n", sc_time_windbg(e->time, e->tz, time));
}

static sc_err *run_lastevent(sc_session *session, const struct sc_args *args) {
    (void)args;
    sc_target *target = sc_session_target(session);
    const struct sc_machine *m = sc_target_machine(target);
    const struct sc_threads *threads;
    struct event e = {.windows = m->windows,
                      .has_exception = m->has_exception,
                      .has_bugcheck = m->has_bugcheck,
                      .kernel = m->kernel,
                      .pid = m->pid,
                      .code = m->exception.code,
                      .bugcheck = m->bugcheck,
                      .time = m->time,
                      .tz = sc_session_tz(session)};
    sc_err *err = sc_target_threads(target, &threads);
    if (err)
        return err;
    if (m->current < threads->count)
        e.tid = threads->item[m->current].tid;
    e.what = m->has_exception  ? sc_event_words(m, m->exception.code)
             : m->has_bugcheck ? "Bug check"
                               : "none is recorded in this dump";
    sc_record(sc_session_out(session), &event_type, &e, event_text, NULL);
    return NULL;
}

static const struct sc_arg exr_args[] = {
    {SC_ARG_EXPR, "address", NULL, false, "of an EXCEPTION_RECORD; -1: the dump's own"},
    {SC_ARG_END, NULL, NULL, false, NULL}};

const struct sc_command sc_event_commands[] = {
    {.name = ".exr",
     .brief = "show an exception record",
     .needs = SC_NEED_TARGET,
     .args = exr_args,
     .help = "Shows the record at the address, or with -1 the one that the dump was written for, "
             "and the records chained behind it. Access violations say what was tried where, fast "
             "fails name their code, C++ exceptions what was thrown, if that memory is in the "
             "dump.",
     .sample = ".exr -1",
     .run = run_exr},
    {.name = ".lastevent",
     .brief = "show the event that the dump was written for",
     .needs = SC_NEED_TARGET,
     .help = "The time is the dump's. (WinDbg shows the time at which it opened the dump.)",
     .sample = ".lastevent",
     .run = run_lastevent},
    {.name = NULL},
};
