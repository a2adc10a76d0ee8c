/* SPDX-License-Identifier: MIT */
/*
 * `!ipi`: what processors were asked by others, and whether they are frozen.
 *
 * WinDbg has two forms: the one its documentation shows, of x86, and one line of counters on x64.
 */
#include <inttypes.h>
#include <stdio.h>

#include "cmd/dispatch.h"
#include "cmd/kernel.h"
#include "cmd/session_impl.h"
#include "cmd/show.h"
#include "nt/ipi.h"

struct request {
    uint64_t address, worker, parameter0, parameter1, parameter2;
    const char *symbol;
};
static const struct sc_field request_fields[] = {SC_FIELD(struct request, address, SC_F_ADDR),
                                                 SC_FIELD(struct request, worker, SC_F_ADDR),
                                                 SC_FIELD(struct request, symbol, SC_F_STR),
                                                 SC_FIELD(struct request, parameter0, SC_F_ADDR),
                                                 SC_FIELD(struct request, parameter1, SC_F_ADDR),
                                                 SC_FIELD(struct request, parameter2, SC_F_ADDR),
                                                 SC_FIELD_END};
static const struct sc_rectype request_type = {"ipi_request", sizeof(struct request),
                                               request_fields};

struct ipi {
    uint32_t processor;
    uint64_t prcb;
    int64_t target_count, packet_barrier, frozen;
    const char *state;
    bool freeze_active;
    uint64_t target_set, worker, parameter0, parameter1, parameter2, trap_frame, signal_done;
    int64_t request_summary;
    const char *symbol; /* of the worker */
    struct request *request;
    size_t nrequests;
    const char *requests_why; /* why the list is not whole; NULL: it is */
};
static const struct sc_field ipi_fields[] = {
    SC_FIELD(struct ipi, processor, SC_F_U32),
    SC_FIELD(struct ipi, prcb, SC_F_ADDR),
    SC_FIELD(struct ipi, target_count, SC_F_NUM),
    SC_FIELD(struct ipi, packet_barrier, SC_F_NUM),
    SC_FIELD(struct ipi, frozen, SC_F_NUM),
    SC_FIELD(struct ipi, state, SC_F_STR),
    SC_FIELD(struct ipi, freeze_active, SC_F_BOOL),
    SC_FIELD(struct ipi, target_set, SC_F_ADDR),
    SC_FIELD(struct ipi, worker, SC_F_ADDR),
    SC_FIELD(struct ipi, symbol, SC_F_STR),
    SC_FIELD(struct ipi, parameter0, SC_F_ADDR),
    SC_FIELD(struct ipi, parameter1, SC_F_ADDR),
    SC_FIELD(struct ipi, parameter2, SC_F_ADDR),
    SC_FIELD(struct ipi, trap_frame, SC_F_ADDR),
    SC_FIELD(struct ipi, signal_done, SC_F_ADDR),
    SC_FIELD(struct ipi, request_summary, SC_F_NUM),
    SC_FIELD_LIST(struct ipi, request, nrequests, &request_type),
    SC_FIELD(struct ipi, requests_why, SC_F_STR),
    SC_FIELD_END};
static const struct sc_rectype ipi_type = {"ipi", sizeof(struct ipi), ipi_fields};

struct style {
    bool x86, enrich;
};

/* "24 [FreezeActive] [Owner]" */
static void frozen_text(sc_out *out, const struct ipi *r) {
    if (r->frozen == INT64_MIN) {
        sc_puts(out, "?\n");
        return;
    }
    sc_printf(out, "%" PRIx64, (uint64_t)r->frozen);
    if (r->freeze_active)
        sc_puts(out, " [FreezeActive]");
    if (r->state)
        sc_printf(out, " [%s]", r->state);
    sc_puts(out, "\n");
}

static void hex_row(sc_out *out, const char *label, uint64_t value) {
    if (value == SC_UNSET64)
        sc_printf(out, "  %-17s?\n", label);
    else
        sc_printf(out, "  %-17s%" PRIX64 "\n", label, value);
}

static void x86_text(sc_out *out, const struct ipi *r) {
    const char *stale = r->worker && !r->signal_done ? " [Stale]" : "";
    if (r->symbol)
        sc_printf(out, "  Worker Routine:  %s%s\n", r->symbol, stale);
    else
        hex_row(out, "Worker Routine:", r->worker);
    hex_row(out, "Parameter[0]:", r->parameter0);
    hex_row(out, "Parameter[1]:", r->parameter1);
    hex_row(out, "Parameter[2]:", r->parameter2);
    if (r->trap_frame && r->trap_frame != SC_UNSET64)
        sc_printf(out, "  Ipi Trap Frame:  %" PRIX64 " [.trap %" PRIX64 "]\n", r->trap_frame,
                  r->trap_frame);
    else
        hex_row(out, "Ipi Trap Frame:", r->trap_frame);
    hex_row(out, "Signal Done:", r->signal_done);
    sc_puts(out, "  IPI Frozen:      ");
    frozen_text(out, r);
    hex_row(out, "Request Summary:",
            r->request_summary == INT64_MIN ? SC_UNSET64 : (uint64_t)r->request_summary);
    hex_row(out, "Target Set:", r->target_set);
    hex_row(out, "Packet Barrier:",
            r->packet_barrier == INT64_MIN ? SC_UNSET64 : (uint64_t)r->packet_barrier);
}

static void count_text(sc_out *out, const char *label, int width, int64_t value) {
    if (value == INT64_MIN)
        sc_printf(out, "%s %*s ", label, width, "?");
    else
        sc_printf(out, "%s %*" PRIx64 " ", label, width, (uint64_t)value);
}

static void x64_text(sc_out *out, const struct ipi *r, bool enrich) {
    if (r->target_count == INT64_MIN && r->target_set != SC_UNSET64)
        count_text(out, "  TargetSet", 5, (int64_t)r->target_set);
    else
        count_text(out, "  TargetCount", 5, r->target_count);
    count_text(out, "PacketBarrier", 4, r->packet_barrier);
    sc_puts(out, "IpiFrozen   ");
    frozen_text(out, r);
    for (size_t i = 0; enrich && i < r->nrequests; i++) {
        const struct request *q = &r->request[i];
        sc_printf(out, "  [request %016" PRIx64 " not taken yet: %s]\n", q->address,
                  q->symbol ? q->symbol : "its routine is not known");
    }
    if (enrich && r->requests_why)
        sc_printf(out, "  [requests: %s]\n", r->requests_why);
}

static void ipi_text(sc_out *out, const void *record, void *ctx) {
    const struct ipi *r = record;
    const struct style *s = ctx;
    sc_printf(out, "IPI State for Processor %u\n", r->processor);
    if (s->x86)
        x86_text(out, r);
    else
        x64_text(out, r, s->enrich);
}

static sc_err *fill_requests(sc_session *s, const struct nt_ipi *from, sc_arena *arena,
                             struct ipi *r) {
    char why[NT_LIST_TEXT];
    sc_err *err = NULL;
    r->request =
        from->nrequests ? sc_arena_array(arena, from->nrequests, sizeof *r->request) : NULL;
    if (from->nrequests && !r->request)
        return sc_err_nomem();
    for (size_t i = 0; !err && i < from->nrequests; i++) {
        const struct nt_ipi_request *q = &from->request[i];
        r->request[i] = (struct request){q->address,
                                         sc_nt_addr(&q->worker),
                                         sc_nt_addr(&q->parameter[0]),
                                         sc_nt_addr(&q->parameter[1]),
                                         sc_nt_addr(&q->parameter[2]),
                                         NULL};
        if (nt_set(&q->worker))
            err = sc_near(s, q->worker.value, arena, &r->request[i].symbol);
        r->nrequests = i + 1;
    }
    if (!err && from->requests_known && from->list.end != NT_LIST_DONE) {
        r->requests_why = sc_arena_strdup(arena, nt_list_end_text(&from->list, why));
        err = r->requests_why ? NULL : sc_err_nomem();
    }
    return err;
}

static sc_err *fill(sc_session *s, const struct nt_ipi *from, sc_arena *arena, struct ipi *r) {
    const struct nt_field *f = from->f, *frozen = &f[NT_I_FROZEN];
    r->target_count = sc_nt_num(&f[NT_I_TARGET_COUNT]);
    r->packet_barrier = sc_nt_num(&f[NT_I_PACKET_BARRIER]);
    r->frozen = sc_nt_num(frozen);
    r->state = frozen->state == NT_READ ? nt_frozen_name(frozen->value) : NULL;
    r->freeze_active = frozen->state == NT_READ && frozen->value & NT_FREEZE_ACTIVE;
    r->target_set = sc_nt_addr(&f[NT_I_TARGET_SET]);
    r->worker = sc_nt_addr(&f[NT_I_WORKER]);
    r->parameter0 = sc_nt_addr(&f[NT_I_PARAMETER]);
    r->parameter1 = sc_nt_addr(&f[NT_I_PARAMETER + 1]);
    r->parameter2 = sc_nt_addr(&f[NT_I_PARAMETER + 2]);
    r->trap_frame = sc_nt_addr(&f[NT_I_FRAME]);
    r->signal_done = sc_nt_addr(&f[NT_I_SIGNAL_DONE]);
    r->request_summary = sc_nt_num(&f[NT_I_REQUEST_SUMMARY]);
    sc_err *err = NULL;
    if (nt_set(&f[NT_I_WORKER]))
        err = sc_near(s, r->worker, arena, &r->symbol);
    return err ? err : fill_requests(s, from, arena, r);
}

/* One processor; *RET_SHOWN false when the dump has nothing of it. */
static sc_err *show(sc_session *s, const struct nt *nt, uint32_t index, sc_arena *arena,
                    bool *ret_assumed, bool *ret_shown) {
    struct nt_field prcb;
    struct nt_ipi ipi;
    sc_err *err = nt_prcb_address(nt, index, &prcb);
    if (!err && prcb.state == NT_READ)
        err = nt_ipi_read(nt, prcb.value, &ipi);
    *ret_shown = !err && prcb.state == NT_READ && nt_any(ipi.f, NT_I_FIELDS);
    if (err || !*ret_shown)
        return err;
    struct ipi r = {.processor = index, .prcb = prcb.value};
    struct style style = {nt->cpu == SC_CPU_X86, sc_session_enrich(s)};
    err = fill(s, &ipi, arena, &r);
    if (err)
        return err;
    sc_record(s->out, &ipi_type, &r, ipi_text, &style);
    *ret_assumed |= ipi.assumed;
    return NULL;
}

static sc_err *run_ipi(sc_session *s, const struct sc_args *args) {
    const struct sc_val *v = &args->v[0];
    const struct sc_threads *threads;
    struct nt nt;
    bool assumed = false, shown;
    sc_err *err = sc_session_nt(s, &nt);
    if (!err)
        err = sc_target_threads(s->target, &threads);
    if (err)
        return err;
    if (v->given && v->num >= threads->count)
        return sc_errf(SC_ERR_NOT_FOUND,
                       "!ipi: there is no processor %" PRIu64 ": the dump has %zu", v->num,
                       threads->count);
    size_t missing = 0, first = v->given ? (size_t)v->num : 0;
    size_t end = v->given ? first + 1 : threads->count;
    for (size_t i = first; !err && i < end; i++) {
        err = show(s, &nt, (uint32_t)i, args->arena, &assumed, &shown);
        missing += !err && !shown;
    }
    if (err)
        return err;
    if (missing == end - first)
        return sc_errf(SC_ERR_NOT_FOUND, "!ipi: the dump does not hold the nt!_KPRCB of %s",
                       v->given ? "that processor" : "any processor");
    if (missing)
        sc_remark(s->out, "The dump does not hold the nt!_KPRCB of %zu processors.", missing);
    sc_nt_assumed(s, assumed);
    return NULL;
}

static const struct sc_arg one_processor[] = {{SC_ARG_EXPR, "processor", NULL, true, "its number"},
                                              {SC_ARG_END, NULL, NULL, false, NULL}};

const struct sc_command sc_ipi_commands[] = {
    {.name = "!ipi",
     .brief = "show the state of inter-processor interrupts",
     .needs = SC_NEED_KERNEL | SC_NEED_WINDOWS,
     .instead = "r and ~ show its threads",
     .args = one_processor,
     .help = "Without a number, of every processor.\n"
             "Frozen: a bug check, like a debugger, freezes all processors but its own, so that "
             "[Frozen] is to be expected and says nothing of what went wrong.\n"
             "TargetCount: how many processors have not answered yet what this one asked for.",
     .sample = "!ipi",
     .run = run_ipi},
    {.name = NULL},
};
