/* SPDX-License-Identifier: MIT */
/*
 * Interrupts that drivers have connected, and the gates of a processor's table.
 *
 *   until 8.1          a gate leads to KINTERRUPT.DispatchCode
 *   since Windows 10   gates lead to stubs, KPRCB.InterruptObject[vector] to the KINTERRUPT
 *
 * Several of one vector are a ring through InterruptListEntry. Vectors that nobody has connected
 * lead to a table of stubs: nt!KiStartUnexpectedRange on x86 (10 bytes each, from vector 30 on),
 * nt!KxUnexpectedInterrupt0 on x64 (16), nt!KiIsrThunk since 10 (8). x64 has stacks of their own
 * for NMIs, double faults and machine checks (KTSS64.Ist), x86 task gates for the first two.
 * Names of traps: published outputs of !idt.
 */
#include "forge/world.h"

enum { INTERRUPT = 0x16, STACK = 0x2000, TASK_GATE = 0x8500, GATE = 0x8e00, FIRST_X86 = 0x30 };

static const char *const type = "_KINTERRUPT";

/* Traps of the kernel; IST: which of the TSS's stacks the handler gets. */
struct trap {
    unsigned vector, ist;
    const char *name;
};
static const struct trap x64_traps[] = {
    {0x00, 0, "KiDivideErrorFault"},   {0x01, 0, "KiDebugTrapOrFault"},
    {0x02, 3, "KiNmiInterrupt"},       {0x03, 0, "KiBreakpointTrap"},
    {0x04, 0, "KiOverflowTrap"},       {0x05, 0, "KiBoundFault"},
    {0x06, 0, "KiInvalidOpcodeFault"}, {0x07, 0, "KiNpxNotAvailableFault"},
    {0x08, 1, "KiDoubleFaultAbort"},   {0x09, 0, "KiNpxSegmentOverrunAbort"},
    {0x0a, 0, "KiInvalidTssFault"},    {0x0b, 0, "KiSegmentNotPresentFault"},
    {0x0c, 0, "KiStackFault"},         {0x0d, 0, "KiGeneralProtectionFault"},
    {0x0e, 0, "KiPageFault"},          {0x10, 0, "KiFloatingErrorFault"},
    {0x11, 0, "KiAlignmentFault"},     {0x12, 2, "KiMcheckAbort"},
    {0x13, 0, "KiXmmException"},       {0x1f, 0, "KiApcInterrupt"},
    {0x2c, 0, "KiRaiseAssertion"},     {0x2d, 0, "KiDebugServiceTrap"},
    {0x2f, 0, "KiDpcInterrupt"},       {0, 0, NULL}};
static const struct trap x86_traps[] = {{0x00, 0, "KiTrap00"},
                                        {0x01, 0, "KiTrap01"},
                                        {0x02, 0, "KiTrap02"},
                                        {0x03, 0, "KiTrap03"},
                                        {0x04, 0, "KiTrap04"},
                                        {0x05, 0, "KiTrap05"},
                                        {0x06, 0, "KiTrap06"},
                                        {0x07, 0, "KiTrap07"},
                                        {0x08, 0, "KiTrap08"},
                                        {0x09, 0, "KiTrap09"},
                                        {0x0a, 0, "KiTrap0A"},
                                        {0x0b, 0, "KiTrap0B"},
                                        {0x0c, 0, "KiTrap0C"},
                                        {0x0d, 0, "KiTrap0D"},
                                        {0x0e, 0, "KiTrap0E"},
                                        {0x0f, 0, "KiTrap0F"},
                                        {0x10, 0, "KiTrap10"},
                                        {0x11, 0, "KiTrap11"},
                                        {0x13, 0, "KiTrap13"},
                                        {0x2a, 0, "KiGetTickCount"},
                                        {0x2b, 0, "KiCallbackReturn"},
                                        {0x2c, 0, "KiRaiseAssertion"},
                                        {0x2d, 0, "KiDebugService"},
                                        {0x2e, 0, "KiSystemService"},
                                        {0, 0, NULL}};

static const struct trap *traps(const struct forge_world *w) {
    return w->is32 ? x86_traps : x64_traps;
}

static bool by_object(const struct forge_world *w, struct forge_place *ret) {
    return forge_world_offset(w, "_KPRCB", "InterruptObject", ret);
}

/* The table of stubs, and how large one is. */
static const char *stubs(const struct forge_world *w, unsigned *ret_step) {
    struct forge_place p;
    bool thunks = by_object(w, &p);
    *ret_step = w->is32 ? 10 : thunks ? 8 : 16;
    return w->is32 ? "KiStartUnexpectedRange" : thunks ? "KiIsrThunk" : "KxUnexpectedInterrupt0";
}

/* ---- interrupts ---- */

static bool is_on(const struct forge_scn_queued *v, unsigned processor, unsigned vector) {
    return v->kind == FORGE_QUEUED_INTERRUPT && v->vector == vector &&
           (!v->on || v->processor == processor);
}

/* The first that is connected to a vector of a processor; NULL: none is. */
static const struct forge_scn_queued *first_on(const struct forge_world *w, unsigned processor,
                                               unsigned vector) {
    for (size_t i = 0; i < w->s->queued.count; i++)
        if (is_on(&w->s->queued.item[i], processor, vector))
            return &w->s->queued.item[i];
    return NULL;
}

static bool put_interrupt(struct forge_world *w, const struct forge_scn_queued *v) {
    if (v->on && v->processor >= w->ncpus)
        return forge_wrong(w->s, v->line, "interrupt: there are only %u processors", w->ncpus);
    if (!forge_world_struct(w, v->line, type, v->address) ||
        !forge_world_members(w, type, v->address, &v->member))
        return false;
    forge_world_set(w, type, v->address, "Type", INTERRUPT);
    forge_world_set(w, type, v->address, "Size", forge_world_sizeof(w, type));
    forge_world_set(w, type, v->address, "Vector", v->vector);
    forge_world_set(w, type, v->address, "Irql", w->is32 ? 27 - v->vector / 16 : v->vector / 16);
    forge_world_set(w, type, v->address, "Connected", 1);
    forge_world_set(w, type, v->address, "Number", v->processor);
    return true;
}

/* Those of one vector: the first one's entry is the head of the others'. */
static void put_chain(struct forge_world *w, unsigned processor, unsigned vector,
                      uint64_t *object) {
    struct forge_place link, objects;
    size_t n = 0;
    for (size_t i = 0; i < w->s->queued.count; i++)
        if (is_on(&w->s->queued.item[i], processor, vector))
            object[n++] = w->s->queued.item[i].address;
    if (!n)
        return;
    if (forge_world_offset(w, type, "InterruptListEntry", &link))
        forge_world_link(w, object[0] + link.offset, object + 1, n - 1, link.offset);
    for (size_t i = 0; i < n; i++)
        forge_world_set(w, type, object[i], "ShareVector", n > 1);
    if (by_object(w, &objects))
        forge_world_put_uint(w, 0,
                             w->prcb[processor] + objects.offset + (uint64_t)vector * w->ptr_size,
                             w->ptr_size, object[0]);
}

bool forge_world_interrupts(struct forge_world *w) {
    uint64_t at, *object = forge_pool_get(w->pool, (w->s->queued.count + 1) * sizeof *object);
    unsigned step;
    if (!forge_world_has_queued(w, FORGE_QUEUED_INTERRUPT))
        return true;
    for (size_t i = 0; i < w->s->queued.count; i++) {
        const struct forge_scn_queued *v = &w->s->queued.item[i];
        if (v->kind == FORGE_QUEUED_INTERRUPT && !put_interrupt(w, v))
            return false;
    }
    for (unsigned n = 0; n < w->ncpus; n++)
        for (unsigned v = 0; v < 256; v++)
            put_chain(w, n, v, object);
    const char *table = stubs(w, &step);
    if (!forge_world_place(w, 0, w->nt, table, 256 * step, FORGE_SYM_FUNCTION, &at))
        return false;
    for (const struct trap *t = traps(w); t->name; t++)
        if (!forge_world_place(w, 0, w->nt, t->name, 0x80, FORGE_SYM_FUNCTION, &at))
            return false;
    return true;
}

/* ---- gates ---- */

static uint64_t global(const struct forge_world *w, const char *name) {
    const struct forge_wsymbol *s = forge_world_symbol(w, w->nt, name);
    return s ? s->addr : 0;
}

static const struct trap *trap_of(const struct forge_world *w, unsigned vector) {
    for (const struct trap *t = traps(w); t->name; t++)
        if (t->vector == vector)
            return t;
    return NULL;
}

bool forge_world_gate(struct forge_world *w, unsigned processor, unsigned vector,
                      uint64_t *ret_handler, unsigned *ret_flags, unsigned *ret_selector) {
    const struct forge_scn_queued *v = first_on(w, processor, vector);
    const struct trap *t = trap_of(w, vector);
    struct forge_place objects, code;
    unsigned step, first = w->is32 ? FIRST_X86 : 0;
    if (!forge_world_has_queued(w, FORGE_QUEUED_INTERRUPT))
        return false;
    if (v && !by_object(w, &objects) && forge_world_offset(w, type, "DispatchCode", &code)) {
        *ret_handler = v->address + code.offset;
    } else if (t && !v) {
        *ret_handler = global(w, t->name);
        *ret_flags = GATE | t->ist;
        if (w->is32 && (vector == 2 || vector == 8)) {
            *ret_handler = 0;
            *ret_flags = TASK_GATE;
            *ret_selector = vector == 2 ? 0x58 : 0x50;
        }
    } else if (vector >= first) {
        uint64_t table = global(w, stubs(w, &step));
        *ret_handler = table + (uint64_t)(vector - first) * step;
    } else {
        *ret_handler = 0;
        *ret_flags = 0;
        *ret_selector = 0;
    }
    return true;
}

void forge_world_handler_stacks(struct forge_world *w, uint64_t tss) {
    struct forge_place ist;
    if (w->is32 || !forge_world_has_queued(w, FORGE_QUEUED_INTERRUPT) ||
        !forge_world_offset(w, "_KTSS64", "Ist", &ist))
        return;
    for (unsigned i = 1; i <= 3; i++)
        forge_world_put_uint(w, 0, tss + ist.offset + i * 8, 8,
                             forge_world_spare(w, STACK, 0x1000) + STACK);
}
