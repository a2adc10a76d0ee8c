/* SPDX-License-Identifier: MIT */
/*
 * The world as a kernel triage dump: header, drivers, the current stack, copies of KPRCB, ETHREAD
 * and EPROCESS, debugger data, and everything else that is in memory as data blocks.
 */
#include <string.h>

#include "forge/triage.h"
#include "forge/world.h"

enum { STACK_MOST = 0x4000 };

struct triage {
    struct forge_world *w;
    struct forge_triage t;
    struct forge_exception exception;
    struct forge_mm mm;
    FORGE_LIST(forge_driver) drivers;
    FORGE_LIST(forge_unloaded) unloaded;
    FORGE_LIST(forge_block) blocks;
    struct forge_kdbg_values kdbg;
};

static void put_kdbg(struct triage *g) {
    forge_world_kdbg(g->w, &g->kdbg);
    g->t.kdbg_size = g->kdbg.size;
    g->t.kdbg = g->kdbg.list.item;
    g->t.nkdbg = g->kdbg.list.count;
}

/* ---- drivers ---- */

static void put_drivers(struct triage *g) {
    struct forge_world *w = g->w;
    for (int pass = 0; pass < 2; pass++) /* the kernel comes first */
        for (size_t i = 0; i < w->modules.count; i++) {
            const struct forge_wmodule *m = &w->modules.item[i];
            if ((m == w->nt) == (pass == 0))
                *FORGE_PUSH(w->pool, &g->drivers) = (struct forge_driver){.path = m->path,
                                                                          .base = m->base,
                                                                          .size = (uint32_t)m->size,
                                                                          .timestamp = m->stamp,
                                                                          .checksum = m->checksum};
        }
    for (size_t i = 0; i < w->s->unloaded.count; i++) {
        const struct forge_scn_unloaded *u = &w->s->unloaded.item[i];
        /* Windows keeps 12 characters. */
        *FORGE_PUSH(w->pool, &g->unloaded) =
            (struct forge_unloaded){forge_pool_printf(w->pool, "%.12s", u->name), u->start, u->end};
    }
    g->t.driver = g->drivers.item;
    g->t.ndrivers = g->drivers.count;
    g->t.unloaded = g->unloaded.item;
    g->t.nunloaded = g->unloaded.count;
}

/* ---- memory ---- */

static struct forge_block copy(struct forge_world *w, uint64_t addr, uint64_t size) {
    uint8_t *data = forge_pool_get(w->pool, (size_t)size);
    forge_memmap_get(&w->mem, addr, data, (size_t)size);
    return (struct forge_block){.addr = addr, .data = data, .size = (size_t)size};
}

/* From the stack pointer to the stack's base, or as far as there is something. */
static void put_stack(struct triage *g) {
    struct forge_world *w = g->w;
    uint64_t sp = sc_regs_sp(&w->regs), base, start, size;
    if (!sp || !forge_memmap_run(&w->mem, sp, &start, &size) || start != sp)
        return;
    base = forge_world_read(w, "_ETHREAD", w->thread, "Tcb.StackBase");
    if (base > sp && base - sp <= STACK_MOST) {
        forge_memmap_fill(&w->mem, sp, base - sp);
        size = base - sp;
    }
    g->t.stack = copy(w, sp, size < STACK_MOST ? size : STACK_MOST);
}

static void add_block(struct triage *g, uint64_t addr, uint64_t end) {
    if (end > addr)
        *FORGE_PUSH(g->w->pool, &g->blocks) = copy(g->w, addr, end - addr);
}

/* All memory but the stack, which has a place of its own. */
static void put_blocks(struct triage *g) {
    uint64_t at = 0, addr, size, stack = g->t.stack.addr, stack_end = stack + g->t.stack.size;
    while (forge_memmap_run(&g->w->mem, at, &addr, &size)) {
        uint64_t end = addr + size;
        if (g->t.stack.data && addr < stack_end && stack < end) {
            add_block(g, addr, stack);
            add_block(g, stack_end, end);
        } else {
            add_block(g, addr, end);
        }
        if (!end)
            break;
        at = end;
    }
    g->t.block = g->blocks.item;
    g->t.nblocks = g->blocks.count;
}

/*
 * Each KPRCB as a block of its own: readers that have no KiProcessorBlock know them by their size.
 */
static void put_prcbs(struct triage *g) {
    uint32_t size = forge_world_sizeof(g->w, "_KPRCB");
    for (unsigned i = 0; i < g->w->ncpus; i++)
        *FORGE_PUSH(g->w->pool, &g->blocks) = copy(g->w, g->w->prcb[i], size);
    g->t.block = g->blocks.item;
    g->t.nblocks = g->blocks.count;
}

/* ---- the rest ---- */

static bool put_exception(struct triage *g) {
    g->t.exception = &g->exception;
    return forge_world_exception(g->w, &g->exception);
}

static bool put_bugcheck(struct triage *g) {
    g->t.bugcheck = (uint32_t)g->w->s->bugcheck.code;
    return forge_world_bugcheck(g->w, g->t.arg);
}

static void put_machine(struct triage *g) {
    struct forge_world *w = g->w;
    const struct forge_scenario *s = w->s;
    struct forge_triage *t = &g->t;
    t->is32 = w->is32;
    t->machine = s->cpu.machine;
    t->major = s->os.checked ? 12 : 15;
    t->build = s->os.build;
    t->ncpus = w->ncpus;
    t->dtb = w->dtb;
    t->loaded_module_list = forge_world_symbol(w, w->nt, "PsLoadedModuleList")->addr;
    t->active_process_head = forge_world_symbol(w, w->nt, "PsActiveProcessHead")->addr;
    t->debugger_data = forge_world_symbol(w, w->nt, "KdDebuggerDataBlock")->addr;
    t->time = s->time;
    t->uptime = s->uptime;
    t->product_type = s->os.product ? s->os.product : 1;
    t->suite_mask = 0x110;
    t->service_pack = s->os.sp << 8;
    t->comment = s->comment;
    t->broken_driver = s->broken;
    t->context = w->regs.raw;
    t->context_size = w->regs.size;
    g->mm = (struct forge_mm){.version = 1, .verify_level = s->verifier};
    if (s->verifier_line)
        t->mm = &g->mm;
}

bool forge_world_triage(struct forge_world *w, struct forge_output *out) {
    struct triage g = {.w = w};
    struct forge_triage *t = &g.t;
    put_machine(&g);
    if (!put_bugcheck(&g) || !put_exception(&g))
        return false;
    put_drivers(&g);
    put_kdbg(&g);
    put_stack(&g);
    put_blocks(&g);
    put_prcbs(&g);
    t->prcb = copy(w, w->prcb[w->s->cpu.current], forge_world_sizeof(w, "_KPRCB"));
    t->process = copy(w, w->process, forge_world_sizeof(w, "_EPROCESS"));
    t->thread = copy(w, w->thread, forge_world_sizeof(w, "_ETHREAD"));
    return forge_triage_build(t, &out->dump) ||
           forge_wrong(w->s, w->s->dump_line, "the triage dump could not be made");
}
