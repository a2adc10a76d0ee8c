/* SPDX-License-Identifier: MIT */
/*
 * `!swd` and `!dpcwatchdog`: the software watchdogs of processors.
 *
 *     CPU Watchdog               Limit    Seconds      Count    Seconds
 *       0: DPC watchdog           7680    120.000         12      0.187
 *       0: single DPC              640     10.000        641     10.015  *
 *
 * Microsoft documents that `!swd` shows the states per processor with times in seconds; its text is
 * not published, this is our own. The second command adds what the kernel keeps beside them.
 */
#include <inttypes.h>
#include <stdio.h>

#include "cmd/processors.h"
#include "cmd/session_impl.h"
#include "cmd/show.h"
#include "nt/watchdog.h"

static const char *const kind_name[NT_WD_KINDS] = {
    [NT_WD_TOTAL] = "DPC watchdog", [NT_WD_ONE] = "single DPC", [NT_WD_THREAD] = "thread"};

struct row {
    uint32_t processor;
    const char *watchdog;
    int64_t limit, count; /* ticks */
    uint64_t limit_time, count_time;
    bool over;
};
static const struct sc_field row_fields[] = {
    SC_FIELD(struct row, processor, SC_F_U32), SC_FIELD(struct row, watchdog, SC_F_STR),
    SC_FIELD(struct row, limit, SC_F_NUM),     SC_FIELD(struct row, limit_time, SC_F_SPAN),
    SC_FIELD(struct row, count, SC_F_NUM),     SC_FIELD(struct row, count_time, SC_F_SPAN),
    SC_FIELD(struct row, over, SC_F_BOOL),     SC_FIELD_END};
static const struct sc_rectype row_type = {"software_watchdog", sizeof(struct row), row_fields};

struct extra {
    uint32_t processor;
    int64_t dpc_active, threshold_total, threshold_one;
    uint64_t dpc, timer, routine, profile, profile_next;
    const char *symbol;
};
static const struct sc_field extra_fields[] = {SC_FIELD(struct extra, processor, SC_F_U32),
                                               SC_FIELD(struct extra, dpc_active, SC_F_NUM),
                                               SC_FIELD(struct extra, dpc, SC_F_ADDR),
                                               SC_FIELD(struct extra, routine, SC_F_ADDR),
                                               SC_FIELD(struct extra, symbol, SC_F_STR),
                                               SC_FIELD(struct extra, timer, SC_F_ADDR),
                                               SC_FIELD(struct extra, threshold_total, SC_F_NUM),
                                               SC_FIELD(struct extra, threshold_one, SC_F_NUM),
                                               SC_FIELD(struct extra, profile, SC_F_ADDR),
                                               SC_FIELD(struct extra, profile_next, SC_F_ADDR),
                                               SC_FIELD_END};
static const struct sc_rectype extra_type = {"watchdog_details", sizeof(struct extra),
                                             extra_fields};

struct setting {
    const char *name;
    int64_t value;
    bool milliseconds;
};
static const struct sc_field setting_fields[] = {
    SC_FIELD(struct setting, name, SC_F_STR), SC_FIELD(struct setting, value, SC_F_NUM),
    SC_FIELD(struct setting, milliseconds, SC_F_BOOL), SC_FIELD_END};
static const struct sc_rectype setting_type = {"watchdog_setting", sizeof(struct setting),
                                               setting_fields};

struct job {
    sc_session *s;
    struct sc_processors p;
    struct nt_clock clock;
    bool details, headed, shown;
    unsigned ptr_size;
    sc_arena *arena;
};

/* ---- text ---- */

static void seconds(sc_out *out, uint64_t span) {
    if (span == SC_UNSET64)
        sc_printf(out, " %10s", "?");
    else
        sc_printf(out, " %6" PRIu64 ".%03" PRIu64, span / 10000000, span / 10000 % 1000);
}

static void row_text(sc_out *out, const void *record, void *ctx) {
    const struct row *r = record;
    char buf[SC_NT_BUF];
    (void)ctx;
    sc_printf(out, "%3u: %-18s", r->processor, r->watchdog);
    if (!r->limit)
        sc_printf(out, " %10s %10s", "off", "");
    else {
        sc_printf(out, " %10s", sc_nt_num_text(r->limit, buf));
        seconds(out, r->limit_time);
    }
    sc_printf(out, " %10s", sc_nt_num_text(r->count, buf));
    seconds(out, r->count_time);
    sc_puts(out, r->over ? "  *\n" : "\n");
}

static void extra_text(sc_out *out, const void *record, void *ctx) {
    const struct extra *r = record;
    const struct job *j = ctx;
    char a[SC_NT_BUF], b[SC_NT_BUF];
    if (r->dpc_active != INT64_MIN)
        sc_printf(out, "     %s DPC is running\n", r->dpc_active ? "a" : "no");
    if (r->dpc != SC_UNSET64) {
        sc_printf(out, "     reset by KDPC %s", sc_nt_ptr_text(r->dpc, j->ptr_size, a));
        if (r->symbol)
            sc_printf(out, " (%s)", r->symbol);
        sc_printf(out, " of KTIMER %s\n", sc_nt_ptr_text(r->timer, j->ptr_size, b));
    }
    if ((r->threshold_total != INT64_MIN && r->threshold_total) ||
        (r->threshold_one != INT64_MIN && r->threshold_one))
        sc_printf(out, "     stacks are recorded from tick %s on (single DPC: %s)",
                  sc_nt_num_text(r->threshold_total, a), sc_nt_num_text(r->threshold_one, b));
    else
        return;
    if (r->profile != SC_UNSET64 && r->profile)
        sc_printf(out, " at %s, next %s", sc_nt_ptr_text(r->profile, j->ptr_size, a),
                  sc_nt_ptr_text(r->profile_next, j->ptr_size, b));
    sc_puts(out, "\n");
}

static void setting_text(sc_out *out, const void *record, void *ctx) {
    const struct setting *r = record;
    (void)ctx;
    sc_printf(out, "%-26s %" PRId64 "%s\n", r->name, r->value, r->milliseconds ? " ms" : "");
}

/* ---- facts ---- */

/* Which counter stands beside the bug check is known of one DPC alone: it counts up. */
static bool is_over(unsigned kind, const struct nt_field *limit, const struct nt_field *count) {
    return kind == NT_WD_ONE && nt_set(limit) && count->state == NT_READ &&
           count->value > limit->value;
}

/* False: this kernel has no watchdog that is known, and nothing was shown. */
static bool show_rows(struct job *j, uint32_t processor, const struct nt_watchdogs *w) {
    bool any = false;
    for (unsigned i = 0; i < NT_WD_KINDS; i++) {
        const struct nt_field *limit = &w->limit[i], *count = &w->count[i];
        if (limit->state != NT_READ && count->state != NT_READ)
            continue;
        if (!j->headed)
            sc_puts(j->s->out,
                    "CPU  Watchdog                Limit    Seconds      Count    Seconds\n");
        j->headed = j->shown = any = true;
        struct row r = {
            processor,
            kind_name[i],
            sc_nt_num(limit),
            sc_nt_num(count),
            limit->state == NT_READ ? nt_clock_span(&j->clock, limit->value) : SC_UNSET64,
            count->state == NT_READ ? nt_clock_span(&j->clock, count->value) : SC_UNSET64,
            is_over(i, limit, count)};
        sc_record(j->s->out, &row_type, &r, row_text, NULL);
    }
    return any;
}

static const struct sc_layout_field routine_rows[] = {{"DeferredRoutine", 1, true}};
static const uint8_t routine_pointer[] = {0};
static const struct nt_def routine_def = {
    {"nt!_KDPC", routine_rows, 1}, 1, NULL, NT_POINTERS(routine_pointer)};

static sc_err *show_details(struct job *j, uint32_t processor, const struct nt_watchdogs *w) {
    struct extra r = {processor,
                      sc_nt_num(&w->f[NT_WD_DPC_ACTIVE]),
                      sc_nt_num(&w->f[NT_WD_THRESHOLD_TOTAL]),
                      sc_nt_num(&w->f[NT_WD_THRESHOLD_ONE]),
                      sc_nt_addr(&w->dpc),
                      sc_nt_addr(&w->timer),
                      SC_UNSET64,
                      sc_nt_addr(&w->f[NT_WD_PROFILE]),
                      sc_nt_addr(&w->f[NT_WD_PROFILE_NEXT]),
                      NULL};
    struct nt_field routine = {0, NT_NO_FIELD};
    sc_err *err = NULL;
    if (w->dpc.state == NT_READ)
        err = nt_load_optional(&j->p.nt, &routine_def, w->dpc.value, &routine, &j->p.assumed);
    r.routine = sc_nt_addr(&routine);
    if (!err && nt_set(&routine))
        err = sc_near(j->s, routine.value, j->arena, &r.symbol);
    if (!err)
        sc_record(j->s->out, &extra_type, &r, extra_text, j);
    return err;
}

static sc_err *show_settings(struct job *j) {
    struct nt_watchdog_setting all[NT_WD_SETTINGS];
    sc_err *err = nt_watchdog_settings(&j->p.nt, all);
    for (unsigned i = 0; !err && i < NT_WD_SETTINGS; i++) {
        struct setting r = {all[i].symbol, (int64_t)all[i].value.value, all[i].milliseconds};
        if (all[i].value.state == NT_READ)
            sc_record(j->s->out, &setting_type, &r, setting_text, NULL);
    }
    return err;
}

static sc_err *show_processor(struct job *j, uint32_t index) {
    struct nt_prcb prcb;
    struct nt_watchdogs w;
    bool present;
    sc_err *err = sc_processor_prcb(&j->p, index, &prcb, &present);
    if (err || !present)
        return err;
    err = nt_watchdogs_read(&j->p.nt, prcb.address, &w);
    if (err)
        return err;
    bool rows = show_rows(j, index, &w);
    return rows && j->details ? show_details(j, index, &w) : NULL;
}

static sc_err *run(sc_session *s, const struct sc_args *args, bool details) {
    struct job j = {.s = s, .details = details, .arena = args->arena};
    sc_err *err = sc_processors(s, args, &args->v[0], &j.p);
    if (!err)
        err = nt_clock_read(&j.p.nt, &j.clock);
    j.ptr_size = j.p.nt.ptr_size;
    if (!err && details)
        err = show_settings(&j);
    for (uint32_t i = err ? 0 : j.p.first; !err && i < j.p.end; i++)
        err = show_processor(&j, i);
    if (!err)
        err = sc_processors_end(s, args, &j.p);
    if (err)
        return err;
    if (!j.shown)
        return sc_errf(SC_ERR_NOT_FOUND,
                       "%s: neither %s nor %s is in the symbols of this kernel and the dump; "
                       "Windows has them since Vista",
                       args->command, nt_watchdog_member(NT_WD_TOTAL),
                       nt_watchdog_member(NT_WD_ONE));
    if (j.clock.increment.state != NT_READ)
        sc_remark(s->out, "Ticks are not shown as seconds: nt!KeMaximumIncrement is %s.",
                  nt_why(&j.clock.increment));
    return NULL;
}

static sc_err *run_swd(sc_session *s, const struct sc_args *args) { return run(s, args, false); }

static sc_err *run_dpcwatchdog(sc_session *s, const struct sc_args *args) {
    return run(s, args, true);
}

static const struct sc_arg one_processor[] = {{SC_ARG_EXPR, "processor", NULL, true, "its number"},
                                              {SC_ARG_END, NULL, NULL, false, NULL}};

const struct sc_command sc_watchdog_commands[] = {
    {.name = "!swd",
     .brief = "show the software watchdogs of processors",
     .needs = SC_NEED_KERNEL | SC_NEED_WINDOWS,
     .instead = "a process has no watchdogs of its own",
     .args = one_processor,
     .help = "Without a number, those of every processor. `DPC watchdog` is the time at "
             "DISPATCH_LEVEL and in DPCs altogether, `single DPC` that of the one which runs; "
             "a `*` marks one that has taken longer than it may.\n"
             "Limits and counts are clock ticks. Windows 7 counts the DPC watchdog down from its "
             "limit; whether later ones do, is not published.",
     .sample = "!swd",
     .run = run_swd},
    {.name = "!dpcwatchdog",
     .brief = "show the DPC watchdogs of processors with what belongs to them",
     .needs = SC_NEED_KERNEL | SC_NEED_WINDOWS,
     .instead = "a process has no watchdogs of its own",
     .args = one_processor,
     .help = "What `!swd` shows, the kernel's limits for all processors, the DPC and the timer "
             "that reset the watchdog, and where Windows 10 records stacks before the time is "
             "over.",
     .sample = "!dpcwatchdog",
     .run = run_dpcwatchdog},
    {.name = NULL},
};
