/* SPDX-License-Identifier: MIT */
/*
 * `!timer`: the timers that are set.
 *
 *     Dump system timers
 *
 *     Interrupt time: 61876995 000003df [ 4/ 5/2010 18:58:09.189]
 *
 *     List Timer    Interrupt Low/High     Fire Time              DPC/thread
 *     PROCESSOR 0 (nt!_KTIMER_TABLE fffff80001bfd080)
 *       5 fffffa8003099810   627684ac 000003df [ 4/ 5/2010 18:58:10.756]  ndis!… (DPC @ …)
 *
 * P marks those that repeat. Since 19041 a processor has two tables, each with a head of its own;
 * behind them stand the KTIMER2s.
 */
#include <inttypes.h>
#include <stdio.h>

#include "base/time.h"
#include "cmd/processors.h"
#include "cmd/session_impl.h"
#include "cmd/show.h"
#include "nt/timer.h"
#include "nt/timer2.h"

struct timer {
    int64_t processor; /* INT64_MIN: of the system */
    uint32_t table, list;
    uint64_t table_address, address, due, fire_time, dpc, routine, context, thread;
    bool never, wakeable; /* wakeable: of the list of those that wake the machine */
    int64_t period;
    const char *symbol;
};
static const struct sc_field timer_fields[] = {
    SC_FIELD(struct timer, processor, SC_F_NUM),      SC_FIELD(struct timer, table, SC_F_U32),
    SC_FIELD(struct timer, table_address, SC_F_ADDR), SC_FIELD(struct timer, wakeable, SC_F_BOOL),
    SC_FIELD(struct timer, list, SC_F_U32),           SC_FIELD(struct timer, address, SC_F_ADDR),
    SC_FIELD(struct timer, due, SC_F_HEX64),          SC_FIELD(struct timer, never, SC_F_BOOL),
    SC_FIELD(struct timer, fire_time, SC_F_TIME),     SC_FIELD(struct timer, period, SC_F_NUM),
    SC_FIELD(struct timer, dpc, SC_F_ADDR),           SC_FIELD(struct timer, routine, SC_F_ADDR),
    SC_FIELD(struct timer, symbol, SC_F_STR),         SC_FIELD(struct timer, context, SC_F_ADDR),
    SC_FIELD(struct timer, thread, SC_F_ADDR),        SC_FIELD_END};
static const struct sc_rectype timer_type = {"timer", sizeof(struct timer), timer_fields};

/* The clock that due times are of. */
struct clock {
    uint64_t interrupt_time, time;
    bool from_header;
};
static const struct sc_field clock_fields[] = {
    SC_FIELD(struct clock, interrupt_time, SC_F_HEX64), SC_FIELD(struct clock, time, SC_F_TIME),
    SC_FIELD(struct clock, from_header, SC_F_BOOL), SC_FIELD_END};
static const struct sc_rectype clock_type = {"interrupt_time", sizeof(struct clock), clock_fields};

struct totals {
    uint64_t timers, longest;
    int64_t hand;
};
static const struct sc_field totals_fields[] = {
    SC_FIELD(struct totals, timers, SC_F_U64), SC_FIELD(struct totals, longest, SC_F_U64),
    SC_FIELD(struct totals, hand, SC_F_NUM), SC_FIELD_END};
static const struct sc_rectype totals_type = {"timer_totals", sizeof(struct totals), totals_fields};

/* What all lines need. */
struct job {
    sc_session *session;
    struct nt_times times;
    struct nt_timer_keys keys;
    unsigned ptr_size;
    bool with_dpc; /* since Windows 7 the DPC's address stands behind its routine */
    bool same_list, enrich, wakeable;
    long tz;
    size_t total, longest;
    bool assumed;
};

static void low_high(sc_out *out, uint64_t value) {
    sc_printf(out, "%08" PRIx32 " %08" PRIx32, (uint32_t)value, (uint32_t)(value >> 32));
}

static void dpc_or_thread(sc_out *out, const struct timer *r, const struct job *j) {
    char a[SC_NT_BUF];
    if (r->dpc && r->dpc != SC_UNSET64) {
        if (r->symbol)
            sc_nt_routine_text(out, r->symbol, j->enrich);
        else if (r->routine != SC_UNSET64)
            sc_printf(out, "+%s", sc_nt_ptr_text(r->routine, j->ptr_size, a));
        else
            sc_puts(out, "?");
        sc_puts(out, " ");
        if (j->with_dpc)
            sc_printf(out, "(DPC @ %s) ", sc_nt_ptr_text(r->dpc, j->ptr_size, a));
    } else if (r->thread != SC_UNSET64) {
        sc_printf(out, "thread %s ", sc_nt_ptr_text(r->thread, j->ptr_size, a));
    } else if (r->dpc == SC_UNSET64) {
        sc_puts(out, "DPC not known ");
    }
}

static void timer_text(sc_out *out, const void *record, void *ctx) {
    const struct timer *r = record;
    const struct job *j = ctx;
    char a[SC_NT_BUF], t[SC_TIME_BUF];
    if (j->same_list)
        sc_puts(out, "    ");
    else
        sc_printf(out, "%3u ", r->list);
    sc_printf(out, "%s %c ", sc_nt_ptr_text(r->address, j->ptr_size, a), r->period > 0 ? 'P' : ' ');
    if (r->due == SC_UNSET64)
        sc_puts(out, "???????? ????????");
    else
        low_high(out, r->due);
    if (r->never)
        sc_puts(out, " [         NEVER         ]  ");
    else if (r->fire_time == SC_UNSET64)
        sc_puts(out, " [           ?           ]  ");
    else
        sc_printf(out, " %s  ", sc_time_bracketed(r->fire_time, j->tz, t));
    dpc_or_thread(out, r, j);
    sc_puts(out, "\n");
}

/* The moment at which interrupt time is DUE. */
static uint64_t moment(const struct nt_times *t, uint64_t due) {
    if (t->system.state != NT_READ || t->interrupt.state != NT_READ || due >> 63)
        return SC_UNSET64;
    int64_t from_now = (int64_t)(due - t->interrupt.value);
    uint64_t at = t->system.value + (uint64_t)from_now;
    return at >> 63 ? SC_UNSET64 : at;
}

static sc_err *show_timer(struct job *j, const struct nt_timer_table *of, const struct nt_timer *t,
                          int64_t processor, unsigned table, sc_arena *arena) {
    struct timer r = {.processor = processor,
                      .table = table,
                      .table_address = of->address,
                      .wakeable = j->wakeable,
                      .list = t->list,
                      .address = t->address,
                      .due = nt_or(&t->due, SC_UNSET64),
                      .never = t->due.state == NT_READ && t->due.value >> 63,
                      .fire_time = SC_UNSET64,
                      .dpc = sc_nt_addr(&t->dpc),
                      .routine = sc_nt_addr(&t->routine),
                      .context = sc_nt_addr(&t->context),
                      .thread = t->thread ? t->thread : SC_UNSET64,
                      .period = sc_nt_num(&t->period)};
    sc_err *err = NULL;
    if (t->due.state == NT_READ)
        r.fire_time = moment(&j->times, t->due.value);
    if (nt_set(&t->routine))
        err = sc_near(j->session, t->routine.value, arena, &r.symbol);
    if (!err)
        sc_record(j->session->out, &timer_type, &r, timer_text, j);
    return err;
}

static sc_err *show_table(struct job *j, const struct nt_timer_table *t, int64_t processor,
                          unsigned table, sc_arena *arena) {
    sc_out *out = j->session->out;
    sc_err *err = NULL;
    for (size_t i = 0; !err && i < t->count; i++) {
        j->same_list = i && t->item[i - 1].list == t->item[i].list;
        err = show_timer(j, t, &t->item[i], processor, table, arena);
    }
    if (err)
        return err;
    if (t->bad)
        sc_remark(out, "%u of %u lists are not whole; %s", t->bad, t->lists, t->why);
    if (t->keyless)
        sc_remark(out, "The addresses of DPCs are encoded, and nt!KiWaitNever and nt!KiWaitAlways "
                       "are not known.");
    j->total += t->count;
    j->longest = t->longest > j->longest ? t->longest : j->longest;
    j->assumed |= t->assumed;
    return NULL;
}

static void head(sc_out *out) {
    sc_puts(out, "List Timer    Interrupt Low/High     Fire Time              DPC/thread\n");
}

/* ---- the tables ---- */

static sc_err *of_system(struct job *j, const struct nt *nt, sc_arena *arena) {
    struct nt_timer_table t;
    sc_err *err = nt_timers_system(nt, &j->keys, arena, &t);
    if (err)
        return sc_err_prefix(err, "!timer");
    head(j->session->out);
    return show_table(j, &t, INT64_MIN, 0, arena);
}

static sc_err *of_processor(struct job *j, const struct nt *nt, uint64_t prcb, uint32_t index,
                            unsigned types, sc_arena *arena) {
    static const char *const name[] = {"High precision", "Standard"};
    char a[SC_NT_BUF];
    sc_err *err = NULL;
    for (unsigned i = 0; !err && i < types; i++) {
        struct nt_timer_table t;
        err = nt_timers_processor(nt, &j->keys, prcb, i, arena, &t);
        if (err)
            return err;
        sc_printf(j->session->out, "PROCESSOR %u (nt!_KTIMER_TABLE %s", index,
                  sc_nt_ptr_text(t.address, j->ptr_size, a));
        if (types > 1)
            sc_printf(j->session->out, " - Type %u - %s)\n", i, name[i]);
        else
            sc_puts(j->session->out, ")\n");
        if (types > 1)
            head(j->session->out);
        err = show_table(j, &t, index, i, arena);
        if (!err && types > 1)
            sc_puts(j->session->out, "\n");
    }
    return err;
}

static sc_err *of_processors(struct job *j, struct sc_processors *p, const struct sc_args *args,
                             unsigned types) {
    struct nt_prcb prcb;
    bool present;
    sc_err *err = NULL;
    if (types == 1)
        head(j->session->out);
    for (uint32_t i = p->first; !err && i < p->end; i++) {
        err = sc_processor_prcb(p, i, &prcb, &present);
        if (!err && present)
            err = of_processor(j, &p->nt, prcb.address, i, types, args->arena);
    }
    return err ? err : sc_processors_end(j->session, args, p);
}

static sc_err *wakeable(struct job *j, const struct nt *nt, sc_arena *arena) {
    struct nt_timer_table t;
    bool found;
    sc_out *out = j->session->out;
    size_t total = j->total, longest = j->longest;
    sc_err *err = nt_timers_wake(nt, &j->keys, arena, &t, &found);
    if (err)
        return err;
    sc_puts(out, "\nWakeable timers:\n");
    j->wakeable = true;
    if (found)
        err = show_table(j, &t, INT64_MIN, 0, arena);
    else
        sc_remark(out, "%s.", t.why);
    j->total = total;
    j->longest = longest;
    return err;
}

/* ---- KTIMER2 ---- */

struct timer2 {
    uint64_t address, due, fire_time, latest, period, callback, context;
    uint32_t collection;
    bool absolute, no_wake, high_resolution, idle_resilient;
    const char *symbol;
};
static const struct sc_field timer2_fields[] = {SC_FIELD(struct timer2, address, SC_F_ADDR),
                                                SC_FIELD(struct timer2, collection, SC_F_U32),
                                                SC_FIELD(struct timer2, due, SC_F_HEX64),
                                                SC_FIELD(struct timer2, fire_time, SC_F_TIME),
                                                SC_FIELD(struct timer2, latest, SC_F_HEX64),
                                                SC_FIELD(struct timer2, period, SC_F_SPAN),
                                                SC_FIELD(struct timer2, callback, SC_F_ADDR),
                                                SC_FIELD(struct timer2, symbol, SC_F_STR),
                                                SC_FIELD(struct timer2, context, SC_F_ADDR),
                                                SC_FIELD(struct timer2, absolute, SC_F_BOOL),
                                                SC_FIELD(struct timer2, no_wake, SC_F_BOOL),
                                                SC_FIELD(struct timer2, high_resolution, SC_F_BOOL),
                                                SC_FIELD(struct timer2, idle_resilient, SC_F_BOOL),
                                                SC_FIELD_END};
static const struct sc_rectype timer2_type = {"timer2", sizeof(struct timer2), timer2_fields};

static void timer2_when(sc_out *out, const struct job *j, uint64_t due) {
    char t[SC_TIME_BUF];
    uint64_t at = moment(&j->times, due);
    sc_printf(out, "%10" PRIx64 " %s", due,
              at == SC_UNSET64 ? "[           ?           ]" : sc_time_bracketed(at, j->tz, t));
}

/* Attributes: NW no wake, HR high resolution, IR idle resilient, F latest due time, P period. */
static void timer2_text(sc_out *out, const void *record, void *ctx) {
    const struct timer2 *r = record;
    const struct job *j = ctx;
    char a[SC_NT_BUF];
    sc_printf(out, "%s ", sc_nt_ptr_text(r->address, j->ptr_size, a));
    if (r->due == SC_UNSET64)
        sc_puts(out, "         ? [           ?           ]");
    else
        timer2_when(out, j, r->due);
    sc_printf(out, " (%s) [", r->absolute ? "System" : "Interrupt");
    if (r->symbol)
        sc_nt_routine_text(out, r->symbol, j->enrich);
    else if (r->callback && r->callback != SC_UNSET64)
        sc_puts(out, sc_nt_ptr_text(r->callback, j->ptr_size, a));
    else
        sc_puts(out, r->callback ? "?" : "None");
    sc_printf(out, "]%s%s%s", r->no_wake ? " NW" : "", r->high_resolution ? " HR" : "",
              r->idle_resilient ? " IR" : "");
    if (r->latest && r->latest != r->due && r->latest >> 63 == 0) {
        sc_puts(out, " F (");
        timer2_when(out, j, r->latest);
        sc_puts(out, ")");
    }
    if (r->period != SC_UNSET64 && r->period)
        sc_printf(out, " P (%" PRIx64 ")", r->period);
    sc_puts(out, "\n");
}

static sc_err *timers2(struct job *j, const struct nt *nt, sc_arena *arena) {
    struct nt_timers2 t;
    sc_out *out = j->session->out;
    sc_err *err = nt->build < 9600 ? NULL : nt_timers2_read(nt, arena, &t);
    if (err || nt->build < 9600)
        return err;
    sc_puts(out,
            "\nKTIMER2s:\nAddress,           Due time,                              Exp. Type  "
            " Callback, Attributes,\n");
    for (size_t i = 0; !err && i < t.count; i++) {
        const struct nt_timer2 *f = &t.item[i];
        struct timer2 r = {.address = f->address,
                           .due = nt_or(&f->due, SC_UNSET64),
                           .fire_time = SC_UNSET64,
                           .latest = nt_or(&f->latest, SC_UNSET64),
                           .period = nt_or(&f->period, SC_UNSET64),
                           .callback = sc_nt_addr(&f->callback),
                           .context = sc_nt_addr(&f->context),
                           .collection = f->collection,
                           .absolute = nt_set(&f->absolute),
                           .no_wake = nt_set(&f->no_wake),
                           .high_resolution = nt_set(&f->high_resolution),
                           .idle_resilient = nt_set(&f->idle_resilient)};
        if (f->due.state == NT_READ)
            r.fire_time = moment(&j->times, f->due.value);
        if (nt_set(&f->callback))
            err = sc_near(j->session, f->callback.value, arena, &r.symbol);
        if (!err)
            sc_record(out, &timer2_type, &r, timer2_text, j);
    }
    if (!err && t.why)
        sc_remark(out, t.known ? "They are not all: %s" : "Not read: %s", t.why);
    j->assumed |= !err && t.assumed;
    return err;
}

/* ---- the command ---- */

static void clock_text(sc_out *out, const void *record, void *ctx) {
    const struct clock *r = record;
    const struct job *j = ctx;
    char t[SC_TIME_BUF];
    sc_puts(out, "Dump system timers\n\nInterrupt time: ");
    if (r->interrupt_time == SC_UNSET64) {
        sc_puts(out, "?\n\n");
        return;
    }
    low_high(out, r->interrupt_time);
    sc_printf(out, " %s\n\n", sc_time_bracketed(r->time, j->tz, t));
}

static void times(struct job *j) {
    struct clock r = {nt_or(&j->times.interrupt, SC_UNSET64), nt_or(&j->times.system, SC_UNSET64),
                      j->times.from_header};
    sc_record(j->session->out, &clock_type, &r, clock_text, j);
    if (j->times.interrupt.state == NT_READ && j->times.from_header)
        sc_remark(j->session->out, "The times are those of the dump's header: the page with the "
                                   "clocks is not in the dump.");
}

static void totals_text(sc_out *out, const void *record, void *ctx) {
    const struct totals *r = record;
    (void)ctx;
    sc_printf(out, "\nTotal Timers: %" PRIu64 ", Maximum List: %" PRIu64 "\n", r->timers,
              r->longest);
    if (r->hand != INT64_MIN)
        sc_printf(out, "Current Hand: %" PRId64 "\n", r->hand);
}

static sc_err *totals(struct job *j, const struct nt *nt, unsigned types) {
    struct totals r = {j->total, j->longest, INT64_MIN};
    struct nt_clock clock;
    sc_err *err = nt_clock_read(nt, &clock);
    if (err)
        return err;
    if (!types && clock.ticks.state == NT_READ)
        r.hand = (int64_t)(clock.ticks.value & (nt->build > 2600 ? 511 : 255));
    sc_record(j->session->out, &totals_type, &r, totals_text, NULL);
    return NULL;
}

static sc_err *run_timer(sc_session *s, const struct sc_args *args) {
    struct sc_processors p;
    struct job j = {.session = s, .tz = sc_session_tz(s), .enrich = sc_session_enrich(s)};
    unsigned types;
    sc_err *err = sc_processors(s, args, NULL, &p);
    if (!err)
        err = nt_timer_types(&p.nt, &types);
    if (!err)
        err = nt_timer_keys_read(&p.nt, &j.keys);
    if (err)
        return err;
    j.ptr_size = p.nt.ptr_size;
    j.with_dpc = types > 0;
    nt_times_read(&p.nt, &j.times);
    times(&j);
    err = types ? of_processors(&j, &p, args, types) : of_system(&j, &p.nt, args->arena);
    if (!err)
        err = totals(&j, &p.nt, types);
    if (!err)
        err = wakeable(&j, &p.nt, args->arena);
    if (!err)
        err = timers2(&j, &p.nt, args->arena);
    if (!err && !p.assumed)
        sc_nt_assumed(s, j.assumed);
    return err;
}

const struct sc_command sc_timer_commands[] = {
    {.name = "!timer",
     .brief = "show the timers that are set",
     .needs = SC_NEED_KERNEL | SC_NEED_WINDOWS,
     .instead = "the timers of a process belong to the kernel",
     .help = "By list: when each expires (interrupt time and the moment), P for one that repeats, "
             "and what happens then: a DPC, or the thread that waits. Behind them those that wake "
             "the machine, and since Windows 8.1 the KTIMER2s: NW does not wake, HR high "
             "resolution, IR idle resilient, F with a latest time, P with a period.\n"
             "Until Vista the lists are found by the kernel's symbols; later they are part of the "
             "KPRCB. The DPCs of 64-bit systems since Windows 7 are encoded with keys that only "
             "symbols find.",
     .sample = "!timer",
     .run = run_timer},
    {.name = NULL},
};
