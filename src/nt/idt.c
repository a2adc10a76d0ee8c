/* SPDX-License-Identifier: MIT */
/*
 * Reading an IDT.
 *
 *   x86   8 bytes:  handler 0-15, selector, flags, handler 16-31
 *   x64   16 bytes: handler 0-15, selector, flags (low 3 bits: stack of the TSS), handler 16-31,
 *                   handler 32-63, 0
 *   flags (the word at +4): bits 8-12 type (5 task gate, 0xe and 0xf gates), 15 present
 *
 * Which KINTERRUPT is behind a vector:
 *   until Windows 7 and 8.1 as released   the handler is KINTERRUPT.DispatchCode
 *   their updates, and since Windows 10   KPRCB.InterruptObject[vector]
 * Several on one vector are linked through InterruptListEntry. Vectors that nobody has connected
 * lead to a table of stubs, one for each vector, all of one size: 8, 10 or 16 bytes. That is how
 * they are known without symbols.
 *
 * Sources: Intel's manual, volume 3; the public symbols of the kernels (tables of layouts).
 */
#include "nt/idt.h"

#include <string.h>

enum { GATE_TASK = 5, STUBS = 32 };

enum { I_TYPE, I_VECTOR, I_LINK, I_ROUTINE, I_MESSAGE, I_CONTEXT, I_IRQL, I_CODE, I_FIELDS };
static const struct sc_layout_field interrupt_rows[I_FIELDS] = {
    [I_TYPE] = {"Type", 1, true},
    [I_VECTOR] = {"Vector", 4, true},
    [I_LINK] = {"InterruptListEntry", 1, true},
    [I_ROUTINE] = {"ServiceRoutine", 1, true},
    [I_MESSAGE] = {"MessageServiceRoutine", 1, true},
    [I_CONTEXT] = {"ServiceContext", 1, true},
    [I_IRQL] = {"Irql", 1, true},
    [I_CODE] = {"DispatchCode", 1, true},
};
static const uint8_t interrupt_pointers[] = {I_LINK, I_ROUTINE, I_MESSAGE, I_CONTEXT};
static const struct nt_def interrupt_def = {
    {"nt!_KINTERRUPT", interrupt_rows, I_FIELDS}, I_FIELDS, NULL, NT_POINTERS(interrupt_pointers)};

static const struct sc_layout_field object_rows[] = {{"InterruptObject", 1, true}};
static const struct nt_def object_def = {{"nt!_KPRCB", object_rows, 1}, 1, NULL, NULL, 0};
static const struct sc_layout_field ist_rows[] = {{"Ist", 1, true}};
static const struct nt_def ist_def = {{"nt!_KTSS64", ist_rows, 1}, 1, NULL, NULL, 0};

struct reader {
    const struct nt *nt;
    sc_arena *arena;
    struct nt_idt *idt;
    uint64_t objects;  /* KPRCB.InterruptObject, 0 none */
    uint64_t dispatch; /* nt!KiInterruptMessageDispatch, 0 not known */
    uint64_t ist;      /* address of the TSS's stacks, 0 not known */
};

/* ---- interrupts ---- */

/* Is there a KINTERRUPT of VECTOR at ADDRESS? */
static sc_err *load(struct reader *r, uint64_t address, unsigned vector,
                    struct nt_field f[I_FIELDS], bool *ret) {
    sc_err *err = nt_load_optional(r->nt, &interrupt_def, address, f, NULL);
    if (!err)
        *ret = f[I_TYPE].state == NT_READ && f[I_TYPE].value == NT_OBJECT_INTERRUPT &&
               nt_or(&f[I_VECTOR], vector) == vector;
    return err;
}

static struct nt_interrupt interrupt_of(const struct reader *r, uint64_t address,
                                        const struct nt_field f[I_FIELDS]) {
    bool message = nt_set(&f[I_MESSAGE]) && r->dispatch && nt_or(&f[I_ROUTINE], 0) == r->dispatch;
    return (struct nt_interrupt){address, f[message ? I_MESSAGE : I_ROUTINE], f[I_CONTEXT],
                                 f[I_IRQL]};
}

/* The others on the vector. One that is alone may never have been linked: what is none ends it. */
static sc_err *read_chain(struct reader *r, struct nt_idt_entry *e, unsigned vector,
                          struct nt_interrupt list[NT_INTERRUPTS_MAX]) {
    struct nt_list chain;
    struct nt_field f[I_FIELDS];
    char text[NT_LIST_TEXT];
    uint64_t link, entry;
    bool found;
    sc_err *err = nt_offset(r->nt, &interrupt_def, I_LINK, &link, &found);
    if (err || !found)
        return err;
    nt_list_begin(&chain, r->nt, nt_add(r->nt, list[0].address, link), NT_INTERRUPTS_MAX - 1);
    while (!err && nt_list_next(&chain, &entry)) {
        uint64_t address = nt_add(r->nt, entry, 0 - link);
        err = load(r, address, vector, f, &found);
        if (err || !found)
            return err;
        list[e->count++] = interrupt_of(r, address, f);
    }
    if (err || e->count < 2 || chain.end == NT_LIST_DONE)
        return err;
    e->why = sc_arena_strdup(r->arena, nt_list_end_text(&chain, text));
    return e->why ? NULL : sc_err_nomem();
}

static sc_err *read_interrupts(struct reader *r, struct nt_idt_entry *e, unsigned vector) {
    struct nt_interrupt list[NT_INTERRUPTS_MAX];
    struct nt_field f[I_FIELDS];
    uint64_t address = 0, code;
    bool found = false;
    sc_err *err = NULL;
    if (r->objects) {
        struct nt_field p =
            nt_pointer(r->nt, nt_add(r->nt, r->objects, (uint64_t)vector * r->nt->ptr_size));
        address = nt_or(&p, 0);
    } else {
        err = nt_offset(r->nt, &interrupt_def, I_CODE, &code, &found);
        if (sc_err_catch(&err, SC_ERR_NOT_FOUND))
            found = false;
        address = !err && found ? nt_add(r->nt, e->handler, 0 - code) : 0;
    }
    if (err || !address || !nt_is_kernel(r->nt, address))
        return err;
    err = load(r, address, vector, f, &found);
    if (err || !found)
        return err;
    list[e->count++] = interrupt_of(r, address, f);
    err = read_chain(r, e, vector, list);
    if (err)
        return err;
    e->interrupt = sc_arena_array(r->arena, e->count, sizeof *e->interrupt);
    if (!e->interrupt)
        return sc_err_nomem();
    memcpy(e->interrupt, list, e->count * sizeof *list);
    return NULL;
}

/* ---- entries ---- */

static uint32_t le(const uint8_t *p, unsigned size) {
    uint32_t v = 0;
    for (unsigned i = 0; i < size; i++)
        v |= (uint32_t)p[i] << 8 * i;
    return v;
}

static void decode(const struct reader *r, const uint8_t *bytes, struct nt_idt_entry *e) {
    uint16_t flags = (uint16_t)le(bytes + 4, 2);
    *e = (struct nt_idt_entry){.read = true,
                               .present = flags >> 15,
                               .selector = (uint16_t)le(bytes + 2, 2),
                               .handler = le(bytes, 2) | le(bytes + 6, 2) << 16};
    e->task = r->nt->ptr_size == 4 && (flags >> 8 & 0x1f) == GATE_TASK;
    if (r->nt->ptr_size == 8) {
        e->handler |= (uint64_t)le(bytes + 8, 4) << 32;
        e->ist = flags & 7;
    }
}

static sc_err *read_entry(struct reader *r, unsigned vector) {
    struct nt_idt_entry *e = &r->idt->entry[vector];
    uint8_t bytes[16];
    size_t size = 2 * r->nt->ptr_size;
    if (sc_space_read(r->nt->space, nt_add(r->nt, r->idt->base, vector * size), bytes, size,
                      NULL) != SC_READ_OK)
        return NULL;
    decode(r, bytes, e);
    r->idt->read++;
    if (!e->present || e->task)
        return NULL;
    if (e->ist && r->ist)
        e->stack = nt_pointer(r->nt, nt_add(r->nt, r->ist, e->ist * 8));
    return read_interrupts(r, e, vector);
}

/* Marks those whose handlers are STEP bytes apart, as their vectors are; false: they are few. */
static bool mark_stubs(struct nt_idt *idt, unsigned step) {
    uint64_t best = 0;
    unsigned most = 0;
    for (unsigned i = 0; i < NT_IDT_VECTORS; i++) {
        uint64_t start = idt->entry[i].handler - i * step;
        unsigned n = 0;
        for (unsigned j = i; idt->entry[i].present && j < NT_IDT_VECTORS; j++)
            n += idt->entry[j].present && idt->entry[j].handler - j * step == start;
        if (n > most) {
            most = n;
            best = start;
        }
    }
    for (unsigned i = 0; most >= STUBS && i < NT_IDT_VECTORS; i++) {
        struct nt_idt_entry *e = &idt->entry[i];
        e->idle |= e->present && !e->count && e->handler - i * step == best;
    }
    return most >= STUBS;
}

static sc_err *find(struct reader *r, const struct nt_prcb *prcb) {
    struct nt_pcr pcr;
    uint64_t offset;
    bool found = false;
    sc_err *err = nt_pcr_read(r->nt, prcb->address, &pcr);
    if (err)
        return err;
    const struct nt_field *base =
        nt_set(&prcb->f[NT_C_IDT]) ? &prcb->f[NT_C_IDT] : &pcr.f[NT_R_IDT];
    r->idt->base = sc_space_canon(r->nt->space, nt_or(base, 0));
    if (!r->idt->base)
        return sc_errf(SC_ERR_NOT_FOUND, "the dump does not say where the IDT is: neither the "
                                         "nt!_KPRCB nor the nt!_KPCR does");
    err = nt_offset(r->nt, &object_def, 0, &offset, &found);
    r->objects = !err && found ? nt_add(r->nt, prcb->address, offset) : 0;
    if (!err && nt_set(&pcr.f[NT_R_TSS]) && r->nt->ptr_size == 8) {
        err = nt_offset(r->nt, &ist_def, 0, &offset, &found);
        if (sc_err_catch(&err, SC_ERR_NOT_FOUND))
            found = false;
        r->ist = !err && found ? nt_add(r->nt, pcr.f[NT_R_TSS].value, offset) : 0;
    }
    found = false;
    if (!err)
        err = nt_symbol(r->nt, "nt!KiInterruptMessageDispatch", &r->dispatch, &found);
    if (!found)
        r->dispatch = 0;
    return err;
}

sc_err *nt_idt_read(const struct nt *nt, const struct nt_prcb *prcb, sc_arena *arena,
                    struct nt_idt **ret) {
    static const unsigned steps[] = {16, 8, 10};
    struct nt_idt *idt = sc_arena_array(arena, 1, sizeof *idt);
    if (!idt)
        return sc_err_nomem();
    *idt = (struct nt_idt){.assumed = prcb->assumed};
    struct reader r = {.nt = nt, .arena = arena, .idt = idt};
    sc_err *err = find(&r, prcb);
    for (unsigned i = 0; !err && i < NT_IDT_VECTORS; i++)
        err = read_entry(&r, i);
    if (err)
        return err;
    for (unsigned i = 0; i < sizeof steps / sizeof *steps; i++)
        if (mark_stubs(idt, steps[i]))
            break;
    *ret = idt;
    return NULL;
}
