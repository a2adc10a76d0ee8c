/* SPDX-License-Identifier: MIT */
/*
 * `!idt`: where the vectors of the current processor lead.
 *
 *     Dumping IDT: fffff80000b95080
 *
 *     02: fffff80001a7ef00 nt!KiNmiInterrupt Stack = 0xFFFFF80001865000
 *     62: fffffa80029f15d0 USBPORT!USBPORT_InterruptService (KINTERRUPT fffffa80029f1540)
 *
 * Behind the handler stands the routine of the driver that is connected, or the handler's own name.
 * Vectors of placeholders, to which nothing is connected, are shown with -a only.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cmd/processors.h"
#include "cmd/session_impl.h"
#include "cmd/show.h"
#include "nt/idt.h"

struct interrupt {
    uint64_t address, routine, context;
    const char *symbol;
    int64_t irql;
};
static const struct sc_field interrupt_fields[] = {
    SC_FIELD(struct interrupt, address, SC_F_ADDR), SC_FIELD(struct interrupt, routine, SC_F_ADDR),
    SC_FIELD(struct interrupt, symbol, SC_F_STR),   SC_FIELD(struct interrupt, context, SC_F_ADDR),
    SC_FIELD(struct interrupt, irql, SC_F_NUM),     SC_FIELD_END};
static const struct sc_rectype interrupt_type = {"interrupt", sizeof(struct interrupt),
                                                 interrupt_fields};

struct vector {
    uint32_t processor, vector;
    uint64_t table, handler;
    const char *symbol;
    bool task, idle;
    uint32_t selector, stack_index;
    uint64_t stack;
    struct interrupt *interrupt;
    size_t ninterrupts;
    const char *why;
};
static const struct sc_field vector_fields[] = {
    SC_FIELD(struct vector, processor, SC_F_U32),
    SC_FIELD(struct vector, table, SC_F_ADDR),
    SC_FIELD(struct vector, vector, SC_F_U32),
    SC_FIELD(struct vector, handler, SC_F_ADDR),
    SC_FIELD(struct vector, symbol, SC_F_STR),
    SC_FIELD(struct vector, selector, SC_F_HEX32),
    SC_FIELD(struct vector, task, SC_F_BOOL),
    SC_FIELD(struct vector, idle, SC_F_BOOL),
    SC_FIELD(struct vector, stack_index, SC_F_U32),
    SC_FIELD(struct vector, stack, SC_F_ADDR),
    SC_FIELD_LIST(struct vector, interrupt, ninterrupts, &interrupt_type),
    SC_FIELD(struct vector, why, SC_F_STR),
    SC_FIELD_END};
static const struct sc_rectype vector_type = {"idt_entry", sizeof(struct vector), vector_fields};

static void interrupt_text(sc_out *out, const struct interrupt *i, unsigned ptr_size) {
    char a[SC_NT_BUF];
    if (i->symbol)
        sc_puts(out, i->symbol);
    else
        sc_puts(out, sc_nt_ptr_text(i->routine, ptr_size, a));
    sc_printf(out, " (KINTERRUPT %s)\n", sc_nt_ptr_text(i->address, ptr_size, a));
}

static void vector_text(sc_out *out, const void *record, void *ctx) {
    const struct vector *r = record;
    const unsigned ptr_size = *(const unsigned *)ctx;
    char a[SC_NT_BUF];
    if (r->task) {
        sc_printf(out, "%02x:\tTask Selector = 0x%04x\n", r->vector, r->selector);
        return;
    }
    sc_printf(out, "%02x:\t%s ", r->vector, sc_nt_ptr_text(r->handler, ptr_size, a));
    for (size_t i = 0; i < r->ninterrupts; i++) {
        if (i)
            sc_printf(out, "\t%*s", (int)ptr_size * 2 + 1, "");
        interrupt_text(out, &r->interrupt[i], ptr_size);
    }
    if (!r->ninterrupts) {
        sc_puts(out, r->symbol ? r->symbol : "");
        if (r->stack_index && r->stack != SC_UNSET64)
            sc_printf(out, "\tStack = 0x%0*" PRIX64, (int)ptr_size * 2, r->stack);
        else if (r->stack_index)
            sc_puts(out, "\tStack = ?");
        sc_puts(out, "\n");
    }
    if (r->why)
        sc_printf(out, "\t*** there may be more: %s\n", r->why);
}

struct job {
    sc_session *session;
    unsigned ptr_size;
    uint32_t processor;
    bool all;
    uint64_t table;
    sc_arena *arena;
};

static sc_err *fill(struct job *j, const struct nt_idt_entry *e, struct vector *r) {
    sc_err *err = NULL;
    r->interrupt = e->count ? sc_arena_array(j->arena, e->count, sizeof *r->interrupt) : NULL;
    if (e->count && !r->interrupt)
        return sc_err_nomem();
    for (size_t i = 0; !err && i < e->count; i++) {
        const struct nt_interrupt *from = &e->interrupt[i];
        struct interrupt *to = &r->interrupt[i];
        *to = (struct interrupt){from->address, sc_nt_addr(&from->routine),
                                 sc_nt_addr(&from->context), NULL, sc_nt_num(&from->irql)};
        if (nt_set(&from->routine))
            err = sc_near(j->session, to->routine, j->arena, &to->symbol);
        r->ninterrupts = i + 1;
    }
    return err || e->task ? err : sc_near(j->session, e->handler, j->arena, &r->symbol);
}

/* The kernel's names of what stands where nothing is connected. */
static bool is_placeholder(const char *symbol) {
    static const char *const names[] = {"nt!KiUnexpectedInterrupt", "nt!KxUnexpectedInterrupt",
                                        "nt!KiStartUnexpectedRange", "nt!KiIsrThunk"};
    for (size_t i = 0; symbol && i < sizeof names / sizeof *names; i++)
        if (!strncmp(symbol, names[i], strlen(names[i])))
            return true;
    return false;
}

static sc_err *show(struct job *j, const struct nt_idt_entry *e, unsigned vector) {
    struct vector r = {.processor = j->processor,
                       .vector = vector,
                       .table = j->table,
                       .handler = e->task ? SC_UNSET64 : e->handler,
                       .selector = e->selector,
                       .task = e->task,
                       .stack_index = e->ist,
                       .stack = sc_nt_addr(&e->stack),
                       .why = e->why};
    sc_err *err = fill(j, e, &r);
    if (err)
        return err;
    r.idle = !e->count && (e->idle || is_placeholder(r.symbol));
    if (j->all || !r.idle)
        sc_record(j->session->out, &vector_type, &r, vector_text, &j->ptr_size);
    return NULL;
}

enum { ARG_ALL, ARG_VECTOR };

static sc_err *run(struct job *j, const struct nt_idt *idt, const struct sc_val *vector) {
    sc_out *out = j->session->out;
    char a[SC_NT_BUF];
    sc_err *err = NULL;
    unsigned first = vector->given ? (unsigned)vector->num : 0;
    unsigned end = vector->given ? first + 1 : NT_IDT_VECTORS;
    j->table = idt->base;
    if (!idt->read)
        return sc_errf(SC_ERR_NOT_FOUND, "!idt: the IDT of processor %u, at %s, is not in the dump",
                       j->processor, sc_nt_ptr_text(idt->base, j->ptr_size, a));
    sc_printf(out, "\nDumping IDT: %s\n\n", sc_nt_ptr_text(idt->base, j->ptr_size, a));
    for (unsigned i = first; !err && i < end; i++)
        if (idt->entry[i].read && idt->entry[i].present)
            err = show(j, &idt->entry[i], i);
    if (!err && vector->given && !idt->entry[first].read)
        sc_remark(out, "Vector %02x is not in the dump.", first);
    else if (!err && vector->given && !idt->entry[first].present)
        sc_remark(out, "Vector %02x is not used.", first);
    else if (!err && idt->read < NT_IDT_VECTORS)
        sc_remark(out, "The dump holds %u of %d vectors.", idt->read, NT_IDT_VECTORS);
    return err;
}

static sc_err *run_idt(sc_session *s, const struct sc_args *args) {
    const struct sc_val *vector = &args->v[ARG_VECTOR];
    struct sc_processors p;
    struct nt_prcb prcb;
    struct nt_idt *idt;
    bool present;
    struct job j = {.session = s, .processor = s->current, .arena = args->arena};
    sc_err *err = sc_processors(s, args, NULL, &p);
    if (!err && p.nt.cpu == SC_CPU_ARM64)
        err = sc_errf(SC_ERR_UNSUPPORTED, "!idt: ARM64 has no interrupt descriptor table");
    if (!err && vector->given && vector->num >= NT_IDT_VECTORS)
        err = sc_errf(SC_ERR_ARG, "!idt: vectors are 0 to ff");
    if (!err)
        err = sc_processor_prcb(&p, j.processor, &prcb, &present);
    if (!err && !present)
        err = sc_errf(SC_ERR_NOT_FOUND,
                      "!idt: the dump does not hold the nt!_KPRCB of processor %u", j.processor);
    j.ptr_size = p.nt.ptr_size;
    j.all = args->v[ARG_ALL].given || vector->given;
    if (!err) {
        err = nt_idt_read(&p.nt, &prcb, args->arena, &idt);
        if (err)
            err = sc_err_prefix(err, "!idt");
    }
    if (!err)
        err = run(&j, idt, vector);
    if (!err)
        sc_nt_assumed(s, p.assumed);
    return err;
}

static const struct sc_arg idt_args[] = {
    [ARG_ALL] = {SC_ARG_OPTION, "a", "a", true, "also the vectors to which nothing is connected"},
    [ARG_VECTOR] = {SC_ARG_EXPR, "vector", NULL, true, "that one alone"},
    {SC_ARG_END, NULL, NULL, false, NULL}};

const struct sc_command sc_idt_commands[] = {
    {.name = "!idt",
     .brief = "show the interrupt descriptor table and the drivers' interrupts",
     .needs = SC_NEED_KERNEL | SC_NEED_WINDOWS,
     .instead = "a process has no interrupts",
     .args = idt_args,
     .help = "Of the current processor (`~2s` changes it). Behind each handler its name, or the "
             "service routine of the driver that is connected, with its KINTERRUPT; several on one "
             "vector follow below. Stack: the handler gets a stack of its own.\n"
             "A small dump mostly lacks the table.",
     .sample = "!idt",
     .run = run_idt},
    {.name = NULL},
};
