/* SPDX-License-Identifier: MIT */
/* The kernel: its global data and its processors. */
#include <stdio.h>
#include <string.h>

#include "forge/world.h"

/* Data that every kernel dump refers to, with its size for pointers of 64 bits. */
static const struct {
    const char *name;
    uint32_t size;
} globals[] = {
    {"PsLoadedModuleList", 0x10},    {"PsActiveProcessHead", 0x10}, {"KdDebuggerDataBlock", 0x400},
    {"KiProcessorBlock", 0x200},     {"NtBuildLab", 0x80},          {"KiBugCheckData", 0x28},
    {"PsInitialSystemProcess", 0x8}, {"PsIdleProcess", 0x8},        {"MmUnloadedDrivers", 0x8},
    {"KeNumberProcessors", 0x4},     {"NtBuildNumber", 0x4}};

/* What whole memory has besides. MmUnloadedDrivers and the others of the memory manager are
 * pointers and numbers, filled where their contents are made. */
static const struct {
    const char *name;
    uint32_t size;
    bool function;
} whole_globals[] = {{"KdpDebuggerDataListHead", 0x10, false},
                     {"KdVersionBlock", 0x28, false},
                     {"KdpDataBlockEncoded", 1, false},
                     {"KiWaitNever", 8, false},
                     {"KiWaitAlways", 8, false},
                     {"MmLastUnloadedDriver", 4, false},
                     {"MmPfnDatabase", 8, false},
                     {"MmPhysicalMemoryBlock", 8, false},
                     {"MmNumberOfPhysicalPages", 8, false},
                     {"MmLowestPhysicalPage", 8, false},
                     {"MmHighestPhysicalPage", 8, false},
                     {"MmHighestUserAddress", 8, false},
                     {"MmSystemRangeStart", 8, false},
                     {"MmUserProbeAddress", 8, false},
                     {"MmProtectToValue", 0x80, false},
                     {"KiDivideErrorFault", 0x80, true},
                     {"KiBreakpointTrap", 0x80, true},
                     {"KiGeneralProtectionFault", 0x80, true},
                     {"KiUnexpectedInterrupt", 0x80, true},
                     {"KiSystemStartup", 0x80, true}};

static uint64_t global(const struct forge_world *w, const char *name) {
    const struct forge_wsymbol *s = forge_world_symbol(w, w->nt, name);
    return s ? s->addr : 0;
}

static void put_global(struct forge_world *w, const char *name, unsigned width, uint64_t value) {
    forge_world_put_uint(w, 0, global(w, name), width, value);
}

/* The System process; in triage dumps of which no line describes it, the first one. */
static uint64_t system_process(const struct forge_world *w) {
    for (size_t i = 0; i < w->processes.count; i++)
        if (w->processes.item[i].system)
            return w->processes.item[i].address;
    return w->process;
}

static const char *build_lab(const struct forge_world *w) {
    const struct forge_scn_os *os = &w->s->os;
    const char *cpu = w->is32 ? "x86" : w->cpu == SC_CPU_X64 ? "amd64" : "arm64";
    if (os->lab)
        return os->lab;
    return forge_pool_printf(w->pool, "%u.%u.%s%s.forged", os->build,
                             os->revision ? os->revision : 1, cpu, os->checked ? "chk" : "fre");
}

static void put_globals(struct forge_world *w) {
    const char *lab = build_lab(w);
    uint64_t at = global(w, "KiBugCheckData"), value = 0;
    forge_world_put(w, 0, global(w, "NtBuildLab"), lab, strlen(lab) + 1);
    forge_world_put_uint(w, 0, at, w->ptr_size, w->s->bugcheck.code);
    for (unsigned i = 0; i < 4; i++) {
        value = 0;
        if (w->s->bugcheck.arg[i].text)
            forge_world_eval(w, w->s->bugcheck.line, w->s->bugcheck.arg[i].text, &value, NULL);
        forge_world_put_uint(w, 0, at + (i + 1) * (uint64_t)w->ptr_size, w->ptr_size, value);
    }
    put_global(w, "PsInitialSystemProcess", w->ptr_size, system_process(w));
    put_global(w, "KeNumberProcessors", 4, w->ncpus);
    put_global(w, "NtBuildNumber", 4,
               w->s->os.build | (w->s->os.checked ? 0xc0000000u : 0xf0000000u));
    if (!w->whole)
        put_global(w, "MmUnloadedDrivers", w->ptr_size, 0);
}

/* ---- processors ---- */

/* The line that says where it is, or any. */
static const struct forge_scn_processor *processor_line(const struct forge_world *w, unsigned n) {
    const struct forge_scn_processor *any = NULL;
    for (size_t i = 0; i < w->s->processors.count; i++) {
        const struct forge_scn_processor *p = &w->s->processors.item[i];
        if (p->number == n && (!any || p->address))
            any = p;
    }
    return any;
}

/* Room for a KPCR with its KPRCB, where a line says or the kernel's first one is. */
static bool place_processor(struct forge_world *w, unsigned n, uint64_t *ret_pcr) {
    const struct forge_scn_processor *p = processor_line(w, n);
    struct forge_place in;
    uint64_t initial = n ? 0 : global(w, "KiInitialPCR");
    if (w->whole && w->is32 && !n && w->s->os.build < 6000)
        initial = 0xffdff000; /* where all systems up to Vista have the first one */
    if (!forge_world_offset(w, "_KPCR", w->is32 ? "PrcbData" : "Prcb", &in))
        return forge_wrong(w->s, w->s->os.line, "build %u has no KPCR with a KPRCB in it",
                           w->s->os.build);
    *ret_pcr = p && p->address ? p->address - in.offset
               : initial       ? initial
                               : forge_world_spare(w, forge_world_sizeof(w, "_KPCR"), 0x1000);
    w->prcb[n] = *ret_pcr + in.offset;
    return forge_world_struct(w, p ? p->line : 0, "_KPCR", *ret_pcr);
}

/* A processor that has nothing to do stands in the idle loop, on its idle thread's stack. */
static bool idle_thread(struct forge_world *w, unsigned n, uint64_t idle_process,
                        struct sc_regs *regs, uint64_t *ret_thread) {
    uint64_t at = forge_world_spare(w, forge_world_sizeof(w, "_ETHREAD"), 16), loop;
    uint64_t stack = forge_world_spare(w, 0x6000, 0x1000), sp = stack + 0x5f00;
    /* Where another thread runs, a switch left its frame (KSWITCH_FRAME) behind. */
    uint64_t saved = sp - (w->is32 ? 0xc : 0x40);
    *ret_thread = at;
    if (!forge_world_place(w, 0, w->nt, "KiIdleLoop", 0x80, FORGE_SYM_FUNCTION, &loop))
        return false;
    forge_world_set(w, "_ETHREAD", at, "Tcb.Header.Type", 6);
    /* While another thread runs, an idle one stays on standby. */
    bool busy = n == w->s->cpu.current || forge_world_thread_on(w, FORGE_TURN_RUN, n);
    forge_world_set(w, "_ETHREAD", at, "Tcb.State", busy ? 3 : 2);
    forge_world_set(w, "_ETHREAD", at, "Tcb.Process", idle_process);
    forge_world_set(w, "_ETHREAD", at, "ThreadsProcess", idle_process);
    forge_world_set(w, "_ETHREAD", at, "Tcb.KernelStackResident", 1);
    forge_world_set(w, "_ETHREAD", at, "Tcb.NextProcessor", n);
    forge_world_set(w, "_ETHREAD", at, "Tcb.IdealProcessor", n);
    forge_world_set(w, "_ETHREAD", at, "Tcb.StackBase", stack + 0x6000);
    forge_world_set(w, "_ETHREAD", at, "Tcb.StackLimit", stack);
    forge_world_set(w, "_ETHREAD", at, "Tcb.InitialStack", sp);
    forge_world_set(w, "_ETHREAD", at, "Tcb.KernelStack", busy ? saved : sp);
    if (busy)
        forge_world_put_uint(w, 0, sp - w->ptr_size, w->ptr_size, loop + 0x5a);
    struct forge_place apc;
    if (forge_world_offset(w, "_ETHREAD", "Tcb.ApcState", &apc))
        forge_world_set(w, "_KAPC_STATE", at + apc.offset, "Process", idle_process);
    forge_world_plain_registers(w, regs);
    for (size_t i = 0; i < 2; i++) {
        const char *name = w->is32 ? (i ? "esp" : "eip") : i ? "rsp" : "rip";
        sc_reg_set(regs, sc_reg_find(w->cpu, name), i ? sp : loop);
    }
    return true;
}

static void put_cpu_kind(struct forge_world *w, uint64_t prcb) {
    const struct forge_scn_cpu *c = &w->s->cpu;
    const char *vendor = c->vendor ? c->vendor : "GenuineIntel";
    unsigned family = c->family ? c->family : 6, model = c->model, step = c->stepping;
    forge_world_set(w, "_KPRCB", prcb, "MHz", c->mhz ? c->mhz : 2400);
    forge_world_set_text(w, "_KPRCB", prcb, "VendorString", vendor);
    forge_world_set(w, "_KPRCB", prcb, "CpuType", family);
    forge_world_set(w, "_KPRCB", prcb, "CpuID", 1);
    forge_world_set(w, "_KPRCB", prcb, "CpuModel", model);
    forge_world_set(w, "_KPRCB", prcb, "CpuStepping", step);
    if (!forge_world_read(w, "_KPRCB", prcb, "CpuStep"))
        forge_world_set(w, "_KPRCB", prcb, "CpuStep", model << 8 | step);
    forge_world_set(w, "_KPRCB", prcb, "MajorVersion", 1);
    forge_world_set(w, "_KPRCB", prcb, "MinorVersion", 1);
}

/* Several lines may speak of a processor. */
static bool processor_members(struct forge_world *w, unsigned n) {
    for (size_t i = 0; i < w->s->processors.count; i++)
        if (w->s->processors.item[i].number == n &&
            !forge_world_members(w, "_KPRCB", w->prcb[n], &w->s->processors.item[i].member))
            return false;
    return true;
}

/* Queues of DPCs that are empty: heads that point to themselves. Later ones are single lists. */
static void close_dpcs(struct forge_world *w, uint64_t prcb) {
    static const char *const heads[] = {"DpcListHead", "DpcData[0].DpcListHead",
                                        "DpcData[1].DpcListHead"};
    struct forge_place p;
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++)
        if (forge_world_offset(w, "_KPRCB", heads[i], &p))
            forge_world_link(w, prcb + p.offset, NULL, 0, 0);
}

static bool make_processor(struct forge_world *w, unsigned n, uint64_t idle_process) {
    uint64_t pcr = 0, idle = 0, block = global(w, "KiProcessorBlock");
    struct sc_regs regs;
    struct forge_place context;
    if (!place_processor(w, n, &pcr) || !idle_thread(w, n, idle_process, &regs, &idle))
        return false;
    uint64_t prcb = w->prcb[n], runs = forge_world_thread_on(w, FORGE_TURN_RUN, n);
    bool current = n == w->s->cpu.current;
    if (!processor_members(w, n) || (runs && !forge_world_thread_registers(w, runs, &regs)))
        return false;
    forge_world_set(w, "_KPCR", pcr, "Self|SelfPcr", pcr);
    forge_world_set(w, "_KPCR", pcr, w->is32 ? "Prcb" : "CurrentPrcb", prcb);
    forge_world_set(w, "_KPRCB", prcb, "Number", n);
    forge_world_set(w, "_KPRCB", prcb, "CurrentThread", current ? w->thread : runs ? runs : idle);
    forge_world_set(w, "_KPRCB", prcb, "NextThread",
                    forge_world_thread_on(w, FORGE_TURN_STANDBY, n));
    forge_world_set(w, "_KPRCB", prcb, "IdleThread", idle);
    forge_world_set(w, "_KPRCB", prcb, "SetMember|GroupSetMember", (uint64_t)1 << n);
    forge_world_set(w, "_KPRCB", prcb, "GroupIndex", n);
    forge_world_set(w, "_KPCR", pcr, "MajorVersion", 1);
    forge_world_set(w, "_KPCR", pcr, "MinorVersion", 1);
    put_cpu_kind(w, prcb);
    close_dpcs(w, prcb);
    forge_world_put_uint(w, 0, block + (uint64_t)n * w->ptr_size, w->ptr_size, prcb);
    if (!forge_world_offset(w, "_KPRCB", "ProcessorState.ContextFrame", &context))
        return forge_wrong(w->s, w->s->os.line, "build %u has no context in its KPRCB",
                           w->s->os.build);
    const struct sc_regs *r = current ? &w->regs : &regs;
    forge_world_set(w, "_KPRCB", prcb, "Context", prcb + context.offset);
    return forge_world_put(w, 0, prcb + context.offset, r->raw, r->size);
}

bool forge_world_kernel(struct forge_world *w) {
    for (size_t i = 0; i < w->s->processors.count; i++)
        if (w->s->processors.item[i].number >= w->ncpus)
            return forge_wrong(w->s, w->s->processors.item[i].line,
                               "processor: there are only %u: write  cpu … count N", w->ncpus);
    uint64_t idle = forge_world_spare(w, forge_world_sizeof(w, "_EPROCESS"), 16);
    forge_world_set(w, "_EPROCESS", idle, "Pcb.Header.Type", 3);
    forge_world_set(w, "_EPROCESS", idle, "Pcb.DirectoryTableBase", w->dtb);
    forge_world_set_text(w, "_EPROCESS", idle, "ImageFileName", "Idle");
    put_global(w, "PsIdleProcess", w->ptr_size, idle);
    put_globals(w);
    for (unsigned n = 0; n < w->ncpus; n++)
        if (!make_processor(w, n, idle))
            return false;
    forge_world_links(w);
    return forge_world_ready(w) && !forge_is_wrong(w->s);
}

bool forge_world_globals(struct forge_world *w) {
    for (size_t i = 0; i < sizeof globals / sizeof *globals; i++) {
        uint64_t addr;
        if (!forge_world_place(w, 0, w->nt, globals[i].name, globals[i].size, FORGE_SYM_DATA,
                               &addr))
            return false;
    }
    for (size_t i = 0; w->whole && i < sizeof whole_globals / sizeof *whole_globals; i++) {
        uint64_t addr;
        bool function = whole_globals[i].function;
        if (!forge_world_place(w, 0, w->nt, whole_globals[i].name, whole_globals[i].size,
                               function ? FORGE_SYM_FUNCTION : FORGE_SYM_DATA, &addr))
            return false;
    }
    struct forge_place mask;
    uint64_t base, state;
    if (w->whole && w->s->machine.l1tf &&
        forge_world_offset(w, "_MI_SYSTEM_INFORMATION", "Hardware.InvalidPteMask", &mask) &&
        !forge_world_place(w, 0, w->nt, "MiState", forge_world_sizeof(w, "_MI_SYSTEM_INFORMATION"),
                           FORGE_SYM_DATA, &state))
        return false;
    bool random = w->whole && !w->is32 && w->s->os.build >= 14393;
    return !random || forge_world_place(w, 0, w->nt, "MmPteBase", 8, FORGE_SYM_DATA, &base);
}
