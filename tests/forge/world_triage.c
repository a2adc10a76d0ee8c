/* SPDX-License-Identifier: MIT */
/*
 * The world as a kernel triage dump: header, drivers, the current stack, copies of KPRCB, ETHREAD
 * and EPROCESS, debugger data, and everything else that is in memory as data blocks.
 */
#include <string.h>

#include "forge/kdbg.h"
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
    FORGE_LIST(forge_value) kdbg;
};

/* ---- debugger data ---- */

/* How long KDDEBUGGER_DATA64 was in each Windows (Volatility's observations). */
static uint32_t kdbg_size(unsigned build) {
    static const struct {
        uint16_t build, size;
    } sizes[] = {{26100, 0x3a8}, {22000, 0x398}, {17763, 0x380}, {10240, 0x368}, {9200, 0x360},
                 {7600, 0x340},  {6001, 0x330},  {6000, 0x328},  {3790, 0x318}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        if (build >= sizes[i].build)
            return sizes[i].size;
    return 0x290;
}

/* Members that are offsets, and what they are the offsets of; no path: the size. */
static const struct {
    const char *name, *type, *paths;
} offsets[] = {
    {"OffsetKThreadNextProcessor", "_KTHREAD", "NextProcessor"},
    {"OffsetKThreadTeb", "_KTHREAD", "Teb"},
    {"OffsetKThreadKernelStack", "_KTHREAD", "KernelStack"},
    {"OffsetKThreadInitialStack", "_KTHREAD", "InitialStack"},
    {"OffsetKThreadApcProcess", "_KTHREAD", "ApcState.Process"},
    {"OffsetKThreadState", "_KTHREAD", "State"},
    {"SizeEProcess", "_EPROCESS", NULL},
    {"OffsetEprocessPeb", "_EPROCESS", "Peb"},
    {"OffsetEprocessParentCID", "_EPROCESS", "InheritedFromUniqueProcessId"},
    {"OffsetEprocessDirectoryTableBase", "_EPROCESS", "Pcb.DirectoryTableBase"},
    {"SizePrcb", "_KPRCB", NULL},
    {"OffsetPrcbCurrentThread", "_KPRCB", "CurrentThread"},
    {"OffsetPrcbMhz", "_KPRCB", "MHz"},
    {"OffsetPrcbCpuType", "_KPRCB", "CpuType"},
    {"OffsetPrcbVendorString", "_KPRCB", "VendorString"},
    {"OffsetPrcbProcStateContext", "_KPRCB", "ProcessorState.ContextFrame"},
    {"OffsetPrcbProcStateSpecialReg", "_KPRCB", "ProcessorState.SpecialRegisters"},
    {"OffsetPrcbNumber", "_KPRCB", "Number"},
    {"SizeEThread", "_ETHREAD", NULL},
    {"SizePcr", "_KPCR", NULL},
    {"OffsetPcrSelfPcr", "_KPCR", "Self|SelfPcr"},
    {"OffsetPcrCurrentPrcb", "_KPCR", "CurrentPrcb|Prcb"},
    {"OffsetPcrContainedPrcb", "_KPCR", "PrcbData|Prcb"},
    {"OffsetPrcbContext", "_KPRCB", "Context"},
    {"OffsetKThreadStackLimit", "_KTHREAD", "StackLimit"},
    {"OffsetKThreadStackBase", "_KTHREAD", "StackBase"},
    {"OffsetKThreadQueueListEntry", "_KTHREAD", "QueueListEntry"},
    {"OffsetEThreadIrpList", "_ETHREAD", "IrpList"},
    {"OffsetPrcbIdleThread", "_KPRCB", "IdleThread"},
    {"OffsetPrcbDpcStack", "_KPRCB", "DpcStack"},
    {"OffsetPrcbIsrStack", "_KPRCB", "IsrStack"},
    {"OffsetKThreadWaitReason", "_KTHREAD", "WaitReason"},
    {"OffsetPrcbExceptionStack", "_KPRCB", "ExceptionStack"},
};

/* Members that are addresses of the kernel's symbols. */
static const struct {
    const char *name, *symbol;
} addresses[] = {
    {"PsLoadedModuleList", NULL},
    {"PsActiveProcessHead", NULL},
    {"PspCidTable", NULL},
    {"ExpSystemResourcesList", NULL},
    {"ExpPagedPoolDescriptor", NULL},
    {"ExpNumberOfPagedPools", NULL},
    {"KeTimeIncrement", NULL},
    {"KeBugCheckCallbackListHead", NULL},
    {"KiBugcheckData", "KiBugCheckData"},
    {"IopErrorLogListHead", NULL},
    {"ObpRootDirectoryObject", NULL},
    {"ObpTypeObjectType", NULL},
    {"MmPfnDatabase", NULL},
    {"MmAvailablePages", NULL},
    {"MmResidentAvailablePages", NULL},
    {"MmNumberOfPhysicalPages", NULL},
    {"MmHighestUserAddress", NULL},
    {"MmSystemRangeStart", NULL},
    {"MmUserProbeAddress", NULL},
    {"KdPrintCircularBuffer", NULL},
    {"NtBuildLab", NULL},
    {"KiProcessorBlock", NULL},
    {"MmUnloadedDrivers", NULL},
    {"MmLastUnloadedDriver", NULL},
    {"MmSpecialPoolTag", NULL},
    {"KernelVerifier", NULL},
    {"MmVerifierData", NULL},
    {"CmNtCSDVersion", NULL},
    {"MmPhysicalMemoryBlock", NULL},
    {"PoolTrackTable", NULL},
    {"NonPagedPoolDescriptor", NULL},
};

/* The block holds addresses sign-extended on 32-bit systems. */
static uint64_t extend(const struct forge_world *w, uint64_t addr) {
    return w->is32 && addr >> 31 ? addr | 0xffffffff00000000 : addr;
}

static void add_kdbg(struct triage *g, const char *name, uint64_t value) {
    const struct forge_kdbg_field *f = forge_kdbg_field(name);
    if (f && f->offset + (uint32_t)f->size <= g->t.kdbg_size)
        *FORGE_PUSH(g->w->pool, &g->kdbg) = (struct forge_value){name, value};
}

static void put_kdbg(struct triage *g) {
    struct forge_world *w = g->w;
    g->t.kdbg_size = kdbg_size(w->s->os.build);
    add_kdbg(g, "KernBase", extend(w, w->nt->base));
    for (size_t i = 0; i < sizeof addresses / sizeof *addresses; i++) {
        const char *name = addresses[i].symbol ? addresses[i].symbol : addresses[i].name;
        const struct forge_wsymbol *s = forge_world_symbol(w, w->nt, name);
        if (s)
            add_kdbg(g, addresses[i].name, extend(w, s->addr));
    }
    for (size_t i = 0; i < sizeof offsets / sizeof *offsets; i++) {
        struct forge_place p;
        if (!offsets[i].paths)
            add_kdbg(g, offsets[i].name, forge_world_sizeof(w, offsets[i].type));
        else if (forge_world_offset(w, offsets[i].type, offsets[i].paths, &p))
            add_kdbg(g, offsets[i].name, p.offset);
    }
    add_kdbg(g, "MmPageSize", 0x1000);
    add_kdbg(g, "OffsetPrcbPcrPage", 0);
    g->t.kdbg = g->kdbg.item;
    g->t.nkdbg = g->kdbg.count;
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
    struct forge_world *w = g->w;
    const struct forge_scn_exception *e = &w->s->exception;
    g->exception = (struct forge_exception){.code = 0x80000003, .address = sc_regs_ip(&w->regs)};
    g->t.exception = &g->exception;
    if (!e->line)
        return true;
    g->exception.code = (uint32_t)e->code;
    g->exception.flags = (uint32_t)e->flags;
    g->exception.nparams = (uint32_t)e->nparams;
    if (!forge_world_eval(w, e->line, e->address.text, &g->exception.address, NULL))
        return false;
    for (size_t i = 0; i < e->nparams; i++)
        if (!forge_world_eval(w, e->line, e->param[i].text, &g->exception.param[i], NULL))
            return false;
    return true;
}

static bool put_bugcheck(struct triage *g) {
    const struct forge_scn_bugcheck *b = &g->w->s->bugcheck;
    g->t.bugcheck = (uint32_t)b->code;
    for (size_t i = 0; i < b->nargs; i++)
        if (!forge_world_eval(g->w, b->line, b->arg[i].text, &g->t.arg[i], NULL))
            return false;
    return true;
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
