/* SPDX-License-Identifier: MIT */
/*
 * The processors of a whole memory: KiProcessorBlock, an array of pointers to KPRCBs, and what the
 * debugger data block says of where things lie in one.
 *
 *   KDDEBUGGER_DATA64: +0x218 KiProcessorBlock, +0x2b4 OffsetPrcbCurrentThread,
 *     +0x2bc OffsetPrcbProcStateContext (a CONTEXT inside the PRCB), +0x2be OffsetPrcbNumber,
 *     +0x2f2 OffsetPrcbProcStateSpecialReg, +0x338 OffsetPrcbContext (a pointer to a CONTEXT,
 *     Windows 8 on), +0x29e OffsetKThreadInitialStack, +0x028 SavedContext (the address of the
 *     CONTEXT that a bug check saved, on the stack of the processor that did it; 0 none)
 *
 *   KSPECIAL_REGISTERS    x86      x64
 *     Cr3, Cr4            +0x08    +0x10     (Cr4 +0x0c, +0x18)
 *     Idtr.Base           +0x34    +0x68
 *     MsrGsBase, MsrGsSwap   -     +0xa8, +0xb0
 *
 * ARM64's special registers are not read: their layout was not seen. A context counts when its
 * flags are those of the CPU: in an image of a running machine it may never have been written.
 *
 * Sources: win32metadata and the public wdbgexts.h (KDDEBUGGER_DATA64), Volatility's vtypes and the
 * public symbols (fact tables), QEMU's win_dump.c.
 */
#include <stdlib.h>

#include "dump/dump.h"
#include "stopcode/pe.h"
#include "target/kdbg.h"
#include "target/whole.h"

enum {
    CPUS_MAX = 2048,       /* Windows' own limit */
    STACK_MAX = 0x20000,   /* a kernel stack is at most some 100 KiB */
    BUGCHECK_SIZE = 0x200, /* KeBugCheckEx has 0x100 to 0x140 bytes */
    KD_SAVED_CONTEXT = 0x28,
    KD_INITIAL_STACK = 0x29e,
    KD_PROCESSOR_BLOCK = 0x218,
    KD_CURRENT_THREAD = 0x2b4,
    KD_STATE_CONTEXT = 0x2bc,
    KD_STATE_SPECIAL = 0x2f2,
    KD_CONTEXT = 0x338,
};

static uint16_t offset_of(sc_target *t, uint32_t member) {
    uint64_t v = 0;
    return sc_target_kd_member(t, member, 2, &v) ? (uint16_t)v : 0;
}

/*
 * KPRCB.CurrentThread. Windows XP's block ends before OffsetPrcbCurrentThread; the member is the
 * second or third one of every KPRCB of x86 and x64 (fact tables of all builds).
 */
static uint16_t current_thread_at(sc_target *t) {
    uint16_t at = offset_of(t, KD_CURRENT_THREAD);
    enum sc_cpu cpu = t->source->machine.cpu;
    return at ? at : cpu == SC_CPU_X86 ? 4 : cpu == SC_CPU_X64 || cpu == SC_CPU_ARM64 ? 8 : 0;
}

/*
 * Where a PRCB has a member of ProcessorState. Windows XP's block ends before it says so; there it
 * is as in the fact tables of build 2600: ProcessorState at +0x1c, SpecialRegisters 0x2cc in it.
 */
static uint16_t state_at(sc_target *t, uint32_t member, uint16_t in_state) {
    const struct sc_machine *m = &t->source->machine;
    uint16_t at = offset_of(t, member);
    bool xp = m->cpu == SC_CPU_X86 && m->build == 2600;
    return at ? at : xp ? 0x1c + in_state : 0;
}

/* ContextFlags name their CPU; 0 for one that is not known. */
static uint32_t context_mark(enum sc_cpu cpu) {
    switch (cpu) {
    case SC_CPU_X86: return 0x10000;
    case SC_CPU_X64: return 0x100000;
    case SC_CPU_ARM64: return 0x400000;
    default: return 0;
    }
}

static bool is_context(sc_target *t, uint64_t va) {
    enum sc_cpu cpu = t->source->machine.cpu;
    uint32_t mark = context_mark(cpu);
    uint64_t flags = sc_whole_uint(t, va + (cpu == SC_CPU_X64 ? 0x30 : 0), 4);
    return mark && flags & mark && sc_whole_is_kernel(t, va);
}

static void set_context(sc_target *t, struct sc_thread *cpu) {
    uint16_t pointer = offset_of(t, KD_CONTEXT), inside = state_at(t, KD_STATE_CONTEXT, 0);
    uint64_t va = pointer ? sc_whole_ptr(t, cpu->prcb + pointer) : 0;
    if (!va || !is_context(t, va))
        va = inside ? cpu->prcb + inside : 0;
    if (!va || !is_context(t, va))
        return;
    cpu->context_va = va;
    cpu->context_size = (uint32_t)sc_context_size(t->source->machine.cpu);
}

static void set_if_unknown(uint64_t *to, uint64_t value) { *to = *to ? *to : value; }

static void set_special(sc_target *t, struct sc_thread *cpu) {
    uint16_t at = state_at(t, KD_STATE_SPECIAL, 0x2cc);
    uint64_t va = cpu->prcb + at;
    if (!at)
        return;
    if (t->source->machine.cpu == SC_CPU_X86) {
        set_if_unknown(&cpu->dtb, sc_whole_uint(t, va + 0x08, 4));
        set_if_unknown(&cpu->cr4, sc_whole_uint(t, va + 0x0c, 4));
        set_if_unknown(&cpu->idt, sc_whole_uint(t, va + 0x34, 4));
    } else if (t->source->machine.cpu == SC_CPU_X64) {
        set_if_unknown(&cpu->dtb, sc_whole_uint(t, va + 0x10, 8));
        set_if_unknown(&cpu->cr4, sc_whole_uint(t, va + 0x18, 8));
        set_if_unknown(&cpu->idt, sc_whole_uint(t, va + 0x68, 8));
        set_if_unknown(&cpu->gs_base, sc_whole_uint(t, va + 0xa8, 8));
        set_if_unknown(&cpu->kernel_gs_base, sc_whole_uint(t, va + 0xb0, 8));
    }
}

/* What the kernel says of CPU, where the container said nothing. */
static void complete(sc_target *t, struct sc_thread *cpu, uint64_t prcb) {
    uint16_t thread = current_thread_at(t);
    set_if_unknown(&cpu->prcb, prcb);
    if (!cpu->prcb)
        return;
    if (!cpu->thread && thread)
        cpu->thread = sc_whole_ptr(t, cpu->prcb + thread);
    if (cpu->context_off == SC_UNSET64 && !cpu->context_va)
        set_context(t, cpu);
    set_special(t, cpu);
}

/* How many processors there are: the container's number, else the pointers in the array. */
static uint32_t count(sc_target *t, uint64_t block) {
    struct sc_machine *m = &t->source->machine;
    unsigned ptr = sc_target_ptr_size(t);
    uint32_t n = m->ncpus;
    if (n > CPUS_MAX) {
        sc_source_note(t->source, SC_UNSET64, "%u processors are claimed", n);
        n = 0;
    }
    while (!m->ncpus && n < CPUS_MAX &&
           sc_whole_is_kernel(t, sc_whole_ptr(t, block + (uint64_t)n * ptr)))
        n++;
    if (!m->ncpus)
        m->ncpus = n;
    return n;
}

static sc_err *make_list(struct sc_threads *ret, uint32_t n) {
    for (uint32_t i = 0; i < n; i++) {
        struct sc_thread *cpu = SC_VEC_PUSH(ret);
        if (!cpu)
            return sc_err_nomem();
        *cpu = (struct sc_thread){.index = i, .context_off = SC_UNSET64};
        cpu->create_time = cpu->exit_time = cpu->kernel_time = cpu->user_time = SC_UNSET64;
    }
    return NULL;
}

/* The crashing processor without a context of its own gets the header's. */
static void give_header_context(sc_target *t, struct sc_threads *cpus) {
    const struct sc_machine *m = &t->source->machine;
    uint32_t current = sc_whole_current(t, cpus);
    for (size_t i = 0; i < cpus->count; i++) {
        struct sc_thread *cpu = &cpus->item[i];
        if (cpu->index != current || cpu->context_va || cpu->context_off != SC_UNSET64)
            continue;
        cpu->context_off = m->event_context_off;
        cpu->context_size = m->event_context_size;
    }
}

sc_err *sc_whole_load_cpus(sc_target *t, struct sc_threads *ret) {
    unsigned ptr = sc_target_ptr_size(t);
    uint64_t block = 0;
    sc_target_kd_member(t, KD_PROCESSOR_BLOCK, 8, &block);
    bool made = !ret->count;
    uint32_t n = count(t, block);
    sc_err *err = made ? make_list(ret, n ? n : 1) : NULL;
    for (size_t i = 0; i < ret->count && !err; i++) {
        struct sc_thread *cpu = &ret->item[i];
        uint64_t prcb = block ? sc_whole_ptr(t, block + (uint64_t)cpu->index * ptr) : 0;
        if (sc_target_cancelled(t))
            return sc_err_cancelled();
        complete(t, cpu, sc_whole_is_kernel(t, prcb) ? prcb : 0);
    }
    if (!err && made)
        give_header_context(t, ret);
    return err;
}

/* ---- which one crashed ---- */

uint64_t sc_whole_saved_context(sc_target *t) {
    uint64_t va = 0;
    if (!t->source->machine.has_bugcheck || !sc_target_kd_member(t, KD_SAVED_CONTEXT, 8, &va))
        return 0;
    return is_context(t, va) ? va : 0;
}

/* The registers CPU stopped with. */
static sc_err *own_regs(sc_target *t, const struct sc_thread *cpu, struct sc_regs *ret) {
    const struct sc_source_ops *ops = t->source->ops;
    uint8_t raw[SC_CONTEXT_MAX];
    size_t size = cpu->context_size < sizeof raw ? cpu->context_size : sizeof raw;
    if (ops->load_regs) {
        sc_err *err = ops->load_regs(t->source, cpu->index, ret);
        if (!sc_err_catch(&err, SC_ERR_NOT_FOUND))
            return err;
    }
    if (!cpu->context_va)
        return sc_errf(SC_ERR_NOT_FOUND, "no context");
    sc_err *err = sc_space_need(sc_kernel_space(t), cpu->context_va, raw, size, "context record");
    return err ? err : sc_regs_init(ret, t->source->machine.cpu, raw, size);
}

/* Lack of memory is remembered, whatever else it is does not matter. */
static void forgive(sc_target *t, sc_err *err) {
    if (sc_err_code(err) == SC_ERR_NOMEM)
        sc_target_set_nomem(t);
    sc_err_destroy(err);
}

static bool same_place(sc_target *t, const struct sc_thread *cpu, const struct sc_regs *regs) {
    struct sc_regs own;
    sc_err *err = own_regs(t, cpu, &own);
    bool same =
        !err && sc_regs_ip(&own) == sc_regs_ip(regs) && sc_regs_sp(&own) == sc_regs_sp(regs);
    forgive(t, err);
    return same;
}

/* How far SP lies below the top of the stack of CPU's thread; UINT64_MAX: not on it. */
static uint64_t depth_on_stack(sc_target *t, const struct sc_thread *cpu, uint64_t sp) {
    uint16_t at = offset_of(t, KD_INITIAL_STACK);
    uint64_t top = at && cpu->thread ? sc_whole_ptr(t, cpu->thread + at) : 0;
    return top > sp && top - sp < STACK_MAX ? top - sp : UINT64_MAX;
}

/* The address of nt!KeBugCheckEx, which is exported; 0: not to be found. */
static uint64_t bugcheck_function(sc_target *t) {
    const uint64_t base = t->source->machine.kernel_base;
    struct sc_pe_export *e = calloc(1, sizeof *e);
    sc_pe *pe = NULL;
    sc_err *err =
        e ? sc_pe_open_memory(sc_kernel_space(t), base, "the kernel", &pe) : sc_err_nomem();
    if (!err)
        err = sc_pe_export_named(pe, "KeBugCheckEx", e);
    const uint64_t va = !err && e->rva ? base + e->rva : 0;
    forgive(t, err);
    sc_pe_close(pe);
    free(e);
    return va;
}

/*
 * Without a context of the event: KeBugCheckEx begins with capturing the registers of its own
 * processor into the PRCB, so that the one whose PRCB says it was there is the one that stopped.
 */
static uint32_t stopped_itself(sc_target *t, const struct sc_threads *cpus, uint32_t otherwise) {
    const struct sc_machine *m = &t->source->machine;
    const uint64_t start = m->has_bugcheck && m->kernel_base ? bugcheck_function(t) : 0;
    for (size_t i = 0; start && i < cpus->count; i++) {
        const struct sc_thread *cpu = &cpus->item[i];
        uint8_t raw[SC_CONTEXT_MAX];
        struct sc_regs regs;
        size_t size = cpu->context_size < sizeof raw ? cpu->context_size : sizeof raw;
        if (!cpu->context_va ||
            sc_space_read(sc_kernel_space(t), cpu->context_va, raw, size, NULL) != SC_READ_OK)
            continue;
        sc_err *err = sc_regs_init(&regs, m->cpu, raw, size);
        bool there = !err && sc_regs_ip(&regs) - start < BUGCHECK_SIZE;
        forgive(t, err);
        if (there)
            return cpu->index;
    }
    return otherwise;
}

uint32_t sc_whole_current(sc_target *t, const struct sc_threads *cpus) {
    struct sc_regs regs;
    uint64_t least = UINT64_MAX;
    uint32_t best = t->source->machine.current;
    sc_err *err = sc_target_event_regs(t, &regs);
    if (err) {
        forgive(t, err);
        return stopped_itself(t, cpus, best);
    }
    for (size_t i = 0; i < cpus->count; i++)
        if (same_place(t, &cpus->item[i], &regs))
            return cpus->item[i].index;
    for (size_t i = 0; i < cpus->count; i++) {
        uint64_t depth = depth_on_stack(t, &cpus->item[i], sc_regs_sp(&regs));
        if (depth < least) {
            least = depth;
            best = cpus->item[i].index;
        }
    }
    return best;
}
