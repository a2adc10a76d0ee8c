/* SPDX-License-Identifier: MIT */
/*
 * `!dpcs`: the DPCs that wait on processors.
 *
 *     CPU Type      KDPC       Function
 *      0: Normal  : 0xfffffa8001bd7a60 0xfffff88003d6eb3c ndis!ndisInterruptDpc
 *
 * Threaded DPCs run in a thread of their own at PASSIVE_LEVEL; Windows has them since Server 2003.
 */
#include <stdio.h>

#include "cmd/processors.h"
#include "cmd/session_impl.h"
#include "cmd/show.h"

struct dpc {
    uint32_t processor;
    const char *queue;
    uint64_t address, routine, context;
    const char *symbol;
};
static const struct sc_field dpc_fields[] = {SC_FIELD(struct dpc, processor, SC_F_U32),
                                             SC_FIELD(struct dpc, queue, SC_F_STR),
                                             SC_FIELD(struct dpc, address, SC_F_ADDR),
                                             SC_FIELD(struct dpc, routine, SC_F_ADDR),
                                             SC_FIELD(struct dpc, context, SC_F_ADDR),
                                             SC_FIELD(struct dpc, symbol, SC_F_STR),
                                             SC_FIELD_END};
static const struct sc_rectype dpc_type = {"queued_dpc", sizeof(struct dpc), dpc_fields};

struct style {
    unsigned ptr_size;
    bool enrich;
};

static void dpc_text(sc_out *out, const void *record, void *ctx) {
    const struct dpc *r = record;
    const struct style *s = ctx;
    char a[SC_NT_BUF], b[SC_NT_BUF];
    sc_printf(out, "%2u: %-8s: 0x%s 0x%s ", r->processor, r->queue,
              sc_nt_ptr_text(r->address, s->ptr_size, a),
              sc_nt_ptr_text(r->routine, s->ptr_size, b));
    sc_nt_routine_text(out, r->symbol, s->enrich);
    sc_puts(out, "\n");
}

static sc_err *show_dpcs(sc_session *s, const struct nt *nt, const struct nt_dpcs *dpcs,
                         uint32_t processor, sc_arena *arena) {
    struct style style = {nt->ptr_size, sc_session_enrich(s)};
    char why[NT_LIST_TEXT];
    sc_err *err = NULL;
    for (size_t i = 0; !err && i < dpcs->count; i++) {
        const struct nt_dpc *d = &dpcs->item[i];
        struct dpc r = {processor,
                        d->threaded ? "Threaded" : "Normal",
                        d->address,
                        sc_nt_addr(&d->routine),
                        sc_nt_addr(&d->context),
                        NULL};
        if (nt_set(&d->routine))
            err = sc_near(s, r.routine, arena, &r.symbol);
        if (!err)
            sc_record(s->out, &dpc_type, &r, dpc_text, &style);
    }
    for (unsigned i = 0; !err && i < dpcs->nqueues; i++)
        if (dpcs->queue[i].end != NT_LIST_DONE)
            sc_remark(s->out, "Processor %u: the queue of %s DPCs is not whole: %s", processor,
                      i ? "threaded" : "normal", nt_list_end_text(&dpcs->queue[i], why));
    return err;
}

static sc_err *run_dpcs(sc_session *s, const struct sc_args *args) {
    struct sc_processors p;
    struct nt_prcb prcb;
    struct nt_dpcs dpcs;
    size_t found = 0;
    bool present, headed = false;
    sc_err *err = sc_processors(s, args, &args->v[0], &p);
    for (uint32_t i = err ? 0 : p.first; !err && i < p.end; i++) {
        err = sc_processor_prcb(&p, i, &prcb, &present);
        if (err || !present)
            continue;
        err = nt_prcb_dpcs(&p.nt, &prcb, args->arena, &dpcs);
        if (!err && !headed)
            sc_puts(s->out, "CPU Type      KDPC       Function\n");
        headed = true;
        if (!err)
            err = show_dpcs(s, &p.nt, &dpcs, i, args->arena);
        found += err ? 0 : dpcs.count;
    }
    if (err)
        return err;
    if (headed && !found && sc_session_enrich(s))
        sc_remark(s->out, "No DPC is queued.");
    return sc_processors_end(s, args, &p);
}

static const struct sc_arg one_processor[] = {{SC_ARG_EXPR, "processor", NULL, true, "its number"},
                                              {SC_ARG_END, NULL, NULL, false, NULL}};

const struct sc_command sc_dpcs_commands[] = {
    {.name = "!dpcs",
     .brief = "show the deferred procedure calls that wait on a processor",
     .needs = SC_NEED_KERNEL | SC_NEED_WINDOWS,
     .instead = "a process has no DPCs; ~ shows its threads",
     .args = one_processor,
     .help = "Without a number, those of every processor. Normal DPCs run at DISPATCH_LEVEL before "
             "any thread goes on; threaded ones in a thread of their own.\n"
             "`!pcr` shows the DPCs of one processor with its control region.",
     .sample = "!dpcs",
     .run = run_dpcs},
    {.name = NULL},
};
