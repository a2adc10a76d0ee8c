/* SPDX-License-Identifier: MIT */
/*
 * `!pcr`, `!prcb`, `!irql`: the control blocks of a processor.
 *
 * `!pcr` shows the fields that Windows NT 4's PCR had, on every target. On x64 there are none of
 * SelfPcr, Irql, IRR, IDR, InterruptMode, IDT, GDT, TSS: WinDbg shows zeros for them, and for the
 * NT_TIB what lies in its place. What the fields really are stands behind in brackets.
 */
#include <inttypes.h>
#include <stdio.h>

#include "cmd/dispatch.h"
#include "cmd/kernel.h"
#include "cmd/session_impl.h"
#include "cmd/show.h"
#include "nt/irql.h"
#include "nt/prcb.h"

/* ---- which processor ---- */

struct job {
    sc_session *session;
    struct nt nt;
    uint32_t number;
    struct nt_prcb prcb;
};

static sc_err *begin(sc_session *s, const struct sc_args *args, uint32_t otherwise,
                     struct job *ret) {
    const struct sc_val *v = &args->v[0];
    const struct sc_threads *threads;
    struct nt_field address;
    struct job j = {.session = s, .number = otherwise};
    sc_err *err = sc_session_nt(s, &j.nt);
    if (!err)
        err = sc_target_threads(s->target, &threads);
    if (!err && v->given && v->num >= threads->count)
        err =
            sc_errf(SC_ERR_NOT_FOUND,
                    "Cannot get PRCB address: there is no processor %" PRIu64 ", the dump has %zu",
                    v->num, threads->count);
    if (err)
        return err;
    if (v->given)
        j.number = (uint32_t)v->num;
    err = nt_prcb_address(&j.nt, j.number, &address);
    if (!err && !nt_set(&address))
        err = sc_errf(SC_ERR_NOT_FOUND,
                      "Cannot get PRCB address: the dump does not say where processor %u has its "
                      "PRCB",
                      j.number);
    if (!err)
        err = nt_prcb_read(&j.nt, address.value, &j.prcb);
    if (!err && !nt_prcb_present(&j.prcb))
        err =
            sc_errf(SC_ERR_NOT_FOUND, "the dump does not hold the PRCB of processor %u", j.number);
    if (!err)
        *ret = j;
    return err;
}

/* ---- !pcr ---- */

struct dpc {
    uint64_t address, routine, context;
    const char *queue, *symbol;
};
static const struct sc_field dpc_fields[] = {
    SC_FIELD(struct dpc, address, SC_F_ADDR), SC_FIELD(struct dpc, routine, SC_F_ADDR),
    SC_FIELD(struct dpc, context, SC_F_ADDR), SC_FIELD(struct dpc, queue, SC_F_STR),
    SC_FIELD(struct dpc, symbol, SC_F_STR),   SC_FIELD_END};
static const struct sc_rectype dpc_type = {"dpc", sizeof(struct dpc), dpc_fields};

struct pcr {
    uint32_t number;
    uint64_t address;
    bool present; /* false: the dump holds the PRCB alone */
    int64_t major, minor, irql;
    uint64_t exception_list, stack_base, stack_limit, sub_system_tib, version, user_pointer;
    uint64_t self_tib, self, prcb, irr, idr, interrupt_mode, idt, gdt, tss;
    uint64_t current_thread, next_thread, idle_thread;
    struct dpc *dpc;
    size_t ndpcs;
    const char *dpcs_why; /* NULL: they are all there */
};
static const struct sc_field pcr_fields[] = {SC_FIELD(struct pcr, number, SC_F_U32),
                                             SC_FIELD(struct pcr, address, SC_F_ADDR),
                                             SC_FIELD(struct pcr, present, SC_F_BOOL),
                                             SC_FIELD(struct pcr, major, SC_F_NUM),
                                             SC_FIELD(struct pcr, minor, SC_F_NUM),
                                             SC_FIELD(struct pcr, exception_list, SC_F_ADDR),
                                             SC_FIELD(struct pcr, stack_base, SC_F_ADDR),
                                             SC_FIELD(struct pcr, stack_limit, SC_F_ADDR),
                                             SC_FIELD(struct pcr, sub_system_tib, SC_F_ADDR),
                                             SC_FIELD(struct pcr, version, SC_F_ADDR),
                                             SC_FIELD(struct pcr, user_pointer, SC_F_ADDR),
                                             SC_FIELD(struct pcr, self_tib, SC_F_ADDR),
                                             SC_FIELD(struct pcr, self, SC_F_ADDR),
                                             SC_FIELD(struct pcr, prcb, SC_F_ADDR),
                                             SC_FIELD(struct pcr, irql, SC_F_NUM),
                                             SC_FIELD(struct pcr, irr, SC_F_ADDR),
                                             SC_FIELD(struct pcr, idr, SC_F_ADDR),
                                             SC_FIELD(struct pcr, interrupt_mode, SC_F_ADDR),
                                             SC_FIELD(struct pcr, idt, SC_F_ADDR),
                                             SC_FIELD(struct pcr, gdt, SC_F_ADDR),
                                             SC_FIELD(struct pcr, tss, SC_F_ADDR),
                                             SC_FIELD(struct pcr, current_thread, SC_F_ADDR),
                                             SC_FIELD(struct pcr, next_thread, SC_F_ADDR),
                                             SC_FIELD(struct pcr, idle_thread, SC_F_ADDR),
                                             SC_FIELD_LIST(struct pcr, dpc, ndpcs, &dpc_type),
                                             SC_FIELD(struct pcr, dpcs_why, SC_F_STR),
                                             SC_FIELD_END};
static const struct sc_rectype pcr_type = {"pcr", sizeof(struct pcr), pcr_fields};

struct style {
    unsigned ptr_size;
    bool x64, enrich;
};

static void pcr_row(sc_out *out, const struct style *s, const char *label, uint64_t value) {
    char buf[SC_NT_BUF];
    sc_printf(out, "%25s: %s\n", label, sc_nt_ptr_text(value, s->ptr_size, buf));
}

/* A field that WinDbg does not know on x64: its zero, and behind it what is there. */
static void old_row(sc_out *out, const struct style *s, const char *label, uint64_t value,
                    const char *name) {
    char zero[SC_NT_BUF], buf[SC_NT_BUF];
    if (!s->x64) {
        pcr_row(out, s, label, value);
        return;
    }
    sc_printf(out, "%25s: %s", label, sc_nt_ptr_text(0, s->ptr_size, zero));
    if (s->enrich && name && value != SC_UNSET64)
        sc_printf(out, "  [%s %s]", name, sc_nt_ptr_text(value, s->ptr_size, buf));
    sc_puts(out, "\n");
}

static void tib_rows(sc_out *out, const struct style *s, const struct pcr *r) {
    pcr_row(out, s, "NtTib.ExceptionList", r->exception_list);
    pcr_row(out, s, "NtTib.StackBase", r->stack_base);
    pcr_row(out, s, "NtTib.StackLimit", r->stack_limit);
    pcr_row(out, s, "NtTib.SubSystemTib", r->sub_system_tib);
    pcr_row(out, s, "NtTib.Version", r->version);
    pcr_row(out, s, "NtTib.UserPointer", r->user_pointer);
    pcr_row(out, s, "NtTib.SelfTib", r->self_tib);
    sc_puts(out, "\n");
}

static void dpc_rows(sc_out *out, const struct style *s, const struct pcr *r) {
    char a[SC_NT_BUF], b[SC_NT_BUF];
    sc_printf(out, "%25s", "DpcQueue:");
    for (size_t i = 0; i < r->ndpcs; i++) {
        const struct dpc *d = &r->dpc[i];
        sc_printf(out, "%*s0x%s 0x%s", i ? 27 : 2, "", sc_nt_ptr_text(d->address, s->ptr_size, a),
                  sc_nt_ptr_text(d->routine, s->ptr_size, b));
        if (d->queue)
            sc_printf(out, " [%s]", d->queue);
        sc_puts(out, " ");
        sc_nt_routine_text(out, d->symbol, s->enrich);
        sc_puts(out, "\n");
    }
    if (!r->ndpcs)
        sc_puts(out, " \n");
    if (r->dpcs_why)
        sc_printf(out, "%27s*** the queue is not whole: %s\n", "", r->dpcs_why);
}

static void pcr_text(sc_out *out, const void *record, void *ctx) {
    const struct pcr *r = record;
    const struct style *s = ctx;
    char a[SC_NT_BUF], b[SC_NT_BUF];
    sc_printf(out, "KPCR for Processor %u at %s:\n", r->number,
              sc_nt_ptr_text(r->address, s->ptr_size, a));
    if (r->present) {
        sc_printf(out, "    Major %s Minor %s\n", sc_nt_num_text(r->major, a),
                  sc_nt_num_text(r->minor, b));
        tib_rows(out, s, r);
        old_row(out, s, "SelfPcr", r->self, "Self");
        pcr_row(out, s, "Prcb", r->prcb);
        old_row(out, s, "Irql", r->irql == INT64_MIN ? SC_UNSET64 : (uint64_t)r->irql, "Irql");
        old_row(out, s, "IRR", r->irr, NULL);
        old_row(out, s, "IDR", r->idr, NULL);
        old_row(out, s, "InterruptMode", r->interrupt_mode, NULL);
        old_row(out, s, "IDT", r->idt, "IdtBase");
        old_row(out, s, "GDT", r->gdt, "GdtBase");
        old_row(out, s, "TSS", r->tss, "TssBase");
    } else {
        sc_puts(out, "    *** the dump does not hold it, only the PRCB that lies in it\n\n");
        pcr_row(out, s, "Prcb", r->prcb);
    }
    sc_puts(out, "\n");
    pcr_row(out, s, "CurrentThread", r->current_thread);
    pcr_row(out, s, "NextThread", r->next_thread);
    pcr_row(out, s, "IdleThread", r->idle_thread);
    sc_puts(out, "\n");
    dpc_rows(out, s, r);
}

/* The DPCs; which queue they are in was first told when there were two, in Server 2003. */
static sc_err *fill_dpcs(struct job *j, struct pcr *r, sc_arena *arena) {
    struct nt_dpcs dpcs;
    char why[NT_LIST_TEXT];
    sc_err *err = nt_prcb_dpcs(&j->nt, &j->prcb, arena, &dpcs);
    if (sc_err_catch(&err, SC_ERR_NOT_FOUND)) {
        r->dpcs_why = "the symbols do not know nt!_KDPC";
        return NULL;
    }
    if (err)
        return err;
    r->ndpcs = dpcs.count;
    r->dpc = dpcs.count ? sc_arena_array(arena, dpcs.count, sizeof *r->dpc) : NULL;
    if (dpcs.count && !r->dpc)
        return sc_err_nomem();
    for (size_t i = 0; !err && i < dpcs.count; i++) {
        const struct nt_dpc *from = &dpcs.item[i];
        struct dpc *to = &r->dpc[i];
        *to = (struct dpc){from->address, sc_nt_addr(&from->routine), sc_nt_addr(&from->context),
                           NULL, NULL};
        if (dpcs.nqueues > 1)
            to->queue = from->threaded ? "Threaded" : "Normal";
        if (to->routine != SC_UNSET64)
            err = sc_near(j->session, to->routine, arena, &to->symbol);
    }
    for (unsigned i = 0; !err && !r->dpcs_why && i < dpcs.nqueues; i++) {
        if (dpcs.queue[i].end == NT_LIST_DONE)
            continue;
        r->dpcs_why = sc_arena_strdup(arena, nt_list_end_text(&dpcs.queue[i], why));
        err = r->dpcs_why ? NULL : sc_err_nomem();
    }
    return err;
}

static void fill_pcr(const struct nt_pcr *p, struct pcr *r) {
    const struct nt_field *f = p->f, *t = p->tib;
    r->address = p->address;
    r->present = nt_pcr_present(p);
    r->major = sc_nt_num(&f[NT_R_MAJOR]);
    r->minor = sc_nt_num(&f[NT_R_MINOR]);
    r->irql = sc_nt_num(&f[NT_R_IRQL]);
    r->exception_list = sc_nt_addr(&t[NT_TIB_EXCEPTION_LIST]);
    r->stack_base = sc_nt_addr(&t[NT_TIB_STACK_BASE]);
    r->stack_limit = sc_nt_addr(&t[NT_TIB_STACK_LIMIT]);
    r->sub_system_tib = sc_nt_addr(&t[NT_TIB_SUB_SYSTEM]);
    r->version = sc_nt_addr(&t[NT_TIB_VERSION]);
    r->user_pointer = sc_nt_addr(&t[NT_TIB_USER_POINTER]);
    r->self_tib = sc_nt_addr(&t[NT_TIB_SELF]);
    r->self = sc_nt_addr(&f[NT_R_SELF]);
    r->irr = sc_nt_addr(&f[NT_R_IRR]);
    r->idr = sc_nt_addr(&f[NT_R_IDR]);
    r->interrupt_mode = sc_nt_addr(&f[NT_R_INTERRUPT_MODE]);
    r->idt = sc_nt_addr(&f[NT_R_IDT]);
    r->gdt = sc_nt_addr(&f[NT_R_GDT]);
    r->tss = sc_nt_addr(&f[NT_R_TSS]);
}

static sc_err *run_pcr(sc_session *s, const struct sc_args *args) {
    struct job j;
    struct nt_pcr pcr;
    sc_err *err = begin(s, args, s->current, &j);
    if (!err)
        err = nt_pcr_read(&j.nt, j.prcb.address, &pcr);
    if (err)
        return err;
    struct pcr r = {.number = j.number, .prcb = j.prcb.address};
    struct style style = {j.nt.ptr_size, j.nt.cpu == SC_CPU_X64, sc_session_enrich(s)};
    fill_pcr(&pcr, &r);
    r.current_thread = sc_nt_addr(&j.prcb.f[NT_C_CURRENT_THREAD]);
    r.next_thread = sc_nt_addr(&j.prcb.f[NT_C_NEXT_THREAD]);
    r.idle_thread = sc_nt_addr(&j.prcb.f[NT_C_IDLE_THREAD]);
    err = fill_dpcs(&j, &r, args->arena);
    if (err)
        return err;
    sc_record(s->out, &pcr_type, &r, pcr_text, &style);
    sc_nt_assumed(s, pcr.assumed || j.prcb.assumed);
    return NULL;
}

/* ---- !prcb ---- */

struct prcb {
    uint32_t index;
    uint64_t address;
    int64_t saved_irql, number, group, group_index;
    uint64_t group_set_member, set_member, current_thread, next_thread, idle_thread;
    int64_t interrupt_count, dpc_time, interrupt_time, kernel_time, user_time;
    int64_t major, minor, mhz, family, model, stepping, dpc_active, dpc_depth, dpc_count;
    const char *vendor;
    uint64_t dpc_stack, cr3, cr8, gdt, idt;
};
static const struct sc_field prcb_fields[] = {SC_FIELD(struct prcb, index, SC_F_U32),
                                              SC_FIELD(struct prcb, address, SC_F_ADDR),
                                              SC_FIELD(struct prcb, major, SC_F_NUM),
                                              SC_FIELD(struct prcb, minor, SC_F_NUM),
                                              SC_FIELD(struct prcb, saved_irql, SC_F_NUM),
                                              SC_FIELD(struct prcb, number, SC_F_NUM),
                                              SC_FIELD(struct prcb, group, SC_F_NUM),
                                              SC_FIELD(struct prcb, group_index, SC_F_NUM),
                                              SC_FIELD(struct prcb, group_set_member, SC_F_ADDR),
                                              SC_FIELD(struct prcb, set_member, SC_F_ADDR),
                                              SC_FIELD(struct prcb, current_thread, SC_F_ADDR),
                                              SC_FIELD(struct prcb, next_thread, SC_F_ADDR),
                                              SC_FIELD(struct prcb, idle_thread, SC_F_ADDR),
                                              SC_FIELD(struct prcb, interrupt_count, SC_F_NUM),
                                              SC_FIELD(struct prcb, dpc_time, SC_F_NUM),
                                              SC_FIELD(struct prcb, interrupt_time, SC_F_NUM),
                                              SC_FIELD(struct prcb, kernel_time, SC_F_NUM),
                                              SC_FIELD(struct prcb, user_time, SC_F_NUM),
                                              SC_FIELD(struct prcb, mhz, SC_F_NUM),
                                              SC_FIELD(struct prcb, vendor, SC_F_STR),
                                              SC_FIELD(struct prcb, family, SC_F_NUM),
                                              SC_FIELD(struct prcb, model, SC_F_NUM),
                                              SC_FIELD(struct prcb, stepping, SC_F_NUM),
                                              SC_FIELD(struct prcb, dpc_active, SC_F_NUM),
                                              SC_FIELD(struct prcb, dpc_depth, SC_F_NUM),
                                              SC_FIELD(struct prcb, dpc_count, SC_F_NUM),
                                              SC_FIELD(struct prcb, dpc_stack, SC_F_ADDR),
                                              SC_FIELD(struct prcb, cr3, SC_F_ADDR),
                                              SC_FIELD(struct prcb, cr8, SC_F_ADDR),
                                              SC_FIELD(struct prcb, gdt, SC_F_ADDR),
                                              SC_FIELD(struct prcb, idt, SC_F_ADDR),
                                              SC_FIELD_END};
static const struct sc_rectype prcb_type = {"prcb", sizeof(struct prcb), prcb_fields};

/* Eight digits of a counter of 32 bits. */
static const char *count_text(int64_t value, char buf[SC_NT_BUF]) {
    if (value == INT64_MIN)
        snprintf(buf, SC_NT_BUF, "????????");
    else
        snprintf(buf, SC_NT_BUF, "%08" PRIx64, (uint64_t)value);
    return buf;
}

static void prcb_own_lines(sc_out *out, const struct prcb *r) {
    char a[SC_NT_BUF], b[SC_NT_BUF], c[SC_NT_BUF];
    if (r->vendor || r->mhz != INT64_MIN)
        sc_printf(out, "[%s family %s model %s stepping %s", r->vendor ? r->vendor : "?",
                  sc_nt_num_text(r->family, a), sc_nt_num_text(r->model, b),
                  sc_nt_num_text(r->stepping, c));
    else
        return;
    sc_printf(out, ", %s MHz]\n", sc_nt_num_text(r->mhz, a));
    if (r->dpc_active != INT64_MIN)
        sc_printf(out, "[DPCs: queued %s, run %s%s]\n", sc_nt_num_text(r->dpc_depth, a),
                  sc_nt_num_text(r->dpc_count, b), r->dpc_active ? ", one is running" : "");
}

static void prcb_text(sc_out *out, const void *record, void *ctx) {
    const struct prcb *r = record;
    const struct style *s = ctx;
    char a[SC_NT_BUF], b[SC_NT_BUF], c[SC_NT_BUF];
    sc_printf(out, "PRCB for Processor %u at %s:\n", r->index,
              sc_nt_ptr_text(r->address, s->ptr_size, a));
    if (r->saved_irql != INT64_MIN)
        sc_printf(out, "Current IRQL -- %" PRId64 "\n", r->saved_irql);
    sc_printf(out, "Threads--  Current %s Next %s Idle %s\n",
              sc_nt_ptr_text(r->current_thread, s->ptr_size, a),
              sc_nt_ptr_text(r->next_thread, s->ptr_size, b),
              sc_nt_ptr_text(r->idle_thread, s->ptr_size, c));
    if (r->group_set_member != SC_UNSET64)
        sc_printf(out, "Processor Index %s Number (%s, %s) GroupSetMember %" PRIx64 "\n",
                  sc_nt_num_text(r->number, a), sc_nt_num_text(r->group, b),
                  sc_nt_num_text(r->group_index, c), r->group_set_member);
    else
        sc_printf(out, "Number %s SetMember %s\n", sc_nt_num_text(r->number, a),
                  count_text(r->set_member == SC_UNSET64 ? INT64_MIN : (int64_t)r->set_member, b));
    sc_printf(out, "Interrupt Count -- %s\n", count_text(r->interrupt_count, a));
    sc_printf(out, "Times -- Dpc    %s Interrupt %s \n", count_text(r->dpc_time, a),
              count_text(r->interrupt_time, b));
    sc_printf(out, "         Kernel %s User      %s \n", count_text(r->kernel_time, a),
              count_text(r->user_time, b));
    if (s->enrich)
        prcb_own_lines(out, r);
}

static void fill_prcb(const struct nt_prcb *p, struct prcb *r) {
    const struct nt_field *f = p->f;
    r->address = p->address;
    r->vendor = *p->vendor ? p->vendor : NULL;
    r->major = sc_nt_num(&f[NT_C_MAJOR]);
    r->minor = sc_nt_num(&f[NT_C_MINOR]);
    r->saved_irql = sc_nt_num(&f[NT_C_SAVED_IRQL]);
    r->number = sc_nt_num(&f[NT_C_NUMBER]);
    r->group = sc_nt_num(&f[NT_C_GROUP]);
    r->group_index = sc_nt_num(&f[NT_C_GROUP_INDEX]);
    r->group_set_member = sc_nt_addr(&f[NT_C_GROUP_SET_MEMBER]);
    r->set_member = sc_nt_addr(&f[NT_C_SET_MEMBER]);
    r->current_thread = sc_nt_addr(&f[NT_C_CURRENT_THREAD]);
    r->next_thread = sc_nt_addr(&f[NT_C_NEXT_THREAD]);
    r->idle_thread = sc_nt_addr(&f[NT_C_IDLE_THREAD]);
    r->interrupt_count = sc_nt_num(&f[NT_C_INTERRUPT_COUNT]);
    r->dpc_time = sc_nt_num(&f[NT_C_DPC_TIME]);
    r->interrupt_time = sc_nt_num(&f[NT_C_INTERRUPT_TIME]);
    r->kernel_time = sc_nt_num(&f[NT_C_KERNEL_TIME]);
    r->user_time = sc_nt_num(&f[NT_C_USER_TIME]);
    r->mhz = sc_nt_num(&f[NT_C_MHZ]);
    r->family = sc_nt_num(&f[NT_C_CPU_TYPE]);
    r->model = sc_nt_num(&f[NT_C_CPU_MODEL]);
    r->stepping = sc_nt_num(&f[NT_C_CPU_STEPPING]);
    r->dpc_active = sc_nt_num(&f[NT_C_DPC_ACTIVE]);
    r->dpc_depth = sc_nt_num(&f[NT_C_DPC_DEPTH]);
    r->dpc_count = sc_nt_num(&f[NT_C_DPC_COUNT]);
    r->dpc_stack = sc_nt_addr(&f[NT_C_DPC_STACK]);
    r->cr3 = sc_nt_addr(&f[NT_C_CR3]);
    r->cr8 = sc_nt_addr(&f[NT_C_CR8]);
    r->gdt = sc_nt_addr(&f[NT_C_GDT]);
    r->idt = sc_nt_addr(&f[NT_C_IDT]);
}

static sc_err *run_prcb(sc_session *s, const struct sc_args *args) {
    struct job j;
    sc_err *err = begin(s, args, 0, &j);
    if (err)
        return err;
    struct prcb r = {.index = j.number};
    struct style style = {j.nt.ptr_size, j.nt.cpu == SC_CPU_X64, sc_session_enrich(s)};
    fill_prcb(&j.prcb, &r);
    sc_record(s->out, &prcb_type, &r, prcb_text, &style);
    sc_nt_assumed(s, j.prcb.assumed);
    return NULL;
}

/* ---- !irql ---- */

struct irql {
    uint32_t processor;
    int64_t irql;
    const char *name;
};
static const struct sc_field irql_fields[] = {SC_FIELD(struct irql, processor, SC_F_U32),
                                              SC_FIELD(struct irql, irql, SC_F_NUM),
                                              SC_FIELD(struct irql, name, SC_F_STR), SC_FIELD_END};
static const struct sc_rectype irql_type = {"irql", sizeof(struct irql), irql_fields};

/* The debugger's names, where they differ from those of wdm.h. */
static const char *irql_name(enum sc_cpu cpu, uint64_t irql) {
    if (irql == 0)
        return "LOW_LEVEL";
    if (cpu == SC_CPU_X86 && irql == 28)
        return "CLOCK2_LEVEL";
    if (cpu == SC_CPU_X64 && irql == 12)
        return "SYNCH_LEVEL";
    return nt_irql_name(cpu, irql);
}

static void irql_text(sc_out *out, const void *record, void *ctx) {
    const struct irql *r = record;
    (void)ctx;
    sc_printf(out, "Debugger saved IRQL for processor 0x%x -- %" PRId64, r->processor, r->irql);
    if (r->name)
        sc_printf(out, " (%s)", r->name);
    sc_puts(out, "\n");
}

static sc_err *run_irql(sc_session *s, const struct sc_args *args) {
    struct job j;
    sc_err *err = begin(s, args, s->current, &j);
    if (err)
        return err;
    const struct nt_field *f = &j.prcb.f[NT_C_SAVED_IRQL];
    if (f->state != NT_READ)
        return sc_errf(SC_ERR_NOT_FOUND, "!irql: nt!_KPRCB.DebuggerSavedIRQL is %s", nt_why(f));
    struct irql r = {j.number, (int64_t)f->value, irql_name(j.nt.cpu, f->value)};
    sc_record(s->out, &irql_type, &r, irql_text, NULL);
    sc_nt_assumed(s, j.prcb.assumed);
    return NULL;
}

static const struct sc_arg one_processor[] = {{SC_ARG_EXPR, "processor", NULL, true, "its number"},
                                              {SC_ARG_END, NULL, NULL, false, NULL}};

const struct sc_command sc_pcr_commands[] = {
    {.name = "!pcr",
     .brief = "show the control region of a processor and its DPC queues",
     .needs = SC_NEED_KERNEL | SC_NEED_WINDOWS,
     .instead = "r and ~ show its threads",
     .args = one_processor,
     .help = "Without a number, of the current processor. A small dump often holds only the PRCB, "
             "which lies in the PCR.\n"
             "On x64 the PCR has other fields: they stand behind in brackets.",
     .sample = "!pcr 0",
     .run = run_pcr},
    {.name = "!prcb",
     .brief = "show the control block of a processor",
     .needs = SC_NEED_KERNEL | SC_NEED_WINDOWS,
     .instead = "r and ~ show its threads",
     .args = one_processor,
     .help = "Without a number, of processor 0.",
     .sample = "!prcb 0",
     .run = run_prcb},
    {.name = "!irql",
     .brief = "show the IRQL that a processor had before the crash",
     .needs = SC_NEED_KERNEL | SC_NEED_WINDOWS,
     .instead = "a process runs at no IRQL but 0",
     .args = one_processor,
     .help = "Without a number, of the current processor. Windows keeps it since Server 2003.",
     .sample = "!irql 0",
     .run = run_irql},
    {.name = NULL},
};
