/* SPDX-License-Identifier: MIT */
/* What the kernel says of itself: KDDEBUGGER_DATA64, the bug check, the exception. */
#include <stdlib.h>
#include <string.h>

#include "forge/kdbg.h"
#include "forge/world.h"

/*
 * How long KDDEBUGGER_DATA64 was in each Windows: observations of Volatility's, and of the tables
 * of symbols at hand, in which the next variable of 17763 to 22000 stands 380 bytes behind it.
 */
static uint32_t kdbg_size(unsigned build) {
    static const struct {
        uint16_t build, size;
    } sizes[] = {{26100, 0x3a8}, {22621, 0x398}, {17763, 0x380}, {10240, 0x368}, {9200, 0x360},
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

static void add(struct forge_world *w, struct forge_kdbg_values *k, const char *name,
                uint64_t value) {
    const struct forge_kdbg_field *f = forge_kdbg_field(name);
    if (f && f->offset + (uint32_t)f->size <= k->size)
        *FORGE_PUSH(w->pool, &k->list) = (struct forge_value){name, value};
}

/* What whole memory alone has: the machine's paging, segments, where the block is listed. */
static void add_machine(struct forge_world *w, struct forge_kdbg_values *k) {
    static const struct {
        const char *name;
        uint16_t x64, x86;
    } selectors[] = {
        {"GdtR0Code", 0x10, 8},    {"GdtR0Data", 0x18, 0x10},  {"GdtR0Pcr", 0, 0x30},
        {"GdtR3Code", 0x33, 0x1b}, {"GdtR3Data", 0x2b, 0x23},  {"GdtR3Teb", 0, 0x3b},
        {"GdtTss", 0x40, 0x28},    {"Gdt64R3CmCode", 0x23, 0}, {"Gdt64R3CmTeb", 0x53, 0}};
    const struct forge_wsymbol *head = forge_world_symbol(w, w->nt, "KdpDebuggerDataListHead");
    unsigned levels = w->s->os.build >= 22000 ? forge_mmu_levels(w->s->machine.paging) : 0;
    bool pae = w->s->machine.paging != FORGE_PAGING_X86;
    if (head) {
        add(w, k, "ListFlink", extend(w, head->addr));
        add(w, k, "ListBlink", extend(w, head->addr));
    }
    add(w, k, "PaeEnabled", (uint64_t)pae | (uint64_t)levels << 2);
    for (size_t i = 0; i < sizeof selectors / sizeof *selectors; i++)
        add(w, k, selectors[i].name, w->is32 ? selectors[i].x86 : selectors[i].x64);
    if (!w->is32 && w->s->os.build >= 14393)
        add(w, k, "PteBase", forge_mmu_entry_va(w->mmu, 0, 0));
    if (w->soft.swizzle_mask) {
        add(w, k, "L1tfHighPhysicalBitIndex", 45);
        add(w, k, "L1tfSwizzleBitIndex", 4);
    }
}

void forge_world_kdbg(struct forge_world *w, struct forge_kdbg_values *k) {
    *k = (struct forge_kdbg_values){.size = kdbg_size(w->s->os.build)};
    add(w, k, "KernBase", extend(w, w->nt->base));
    for (size_t i = 0; i < sizeof addresses / sizeof *addresses; i++) {
        const char *name = addresses[i].symbol ? addresses[i].symbol : addresses[i].name;
        const struct forge_wsymbol *s = forge_world_symbol(w, w->nt, name);
        if (s)
            add(w, k, addresses[i].name, extend(w, s->addr));
    }
    for (size_t i = 0; i < sizeof offsets / sizeof *offsets; i++) {
        struct forge_place p;
        if (!offsets[i].paths)
            add(w, k, offsets[i].name, forge_world_sizeof(w, offsets[i].type));
        else if (forge_world_offset(w, offsets[i].type, offsets[i].paths, &p))
            add(w, k, offsets[i].name, p.offset);
    }
    add(w, k, "MmPageSize", 0x1000);
    add(w, k, "OffsetPrcbPcrPage", 0);
    if (w->whole)
        add_machine(w, k);
}

/* ---- in memory ---- */

static uint64_t global(const struct forge_world *w, const char *name) {
    const struct forge_wsymbol *s = forge_world_symbol(w, w->nt, name);
    return s ? s->addr : 0;
}

static uint64_t load(const uint8_t *p) {
    uint64_t v = 0;
    for (unsigned i = 8; i-- > 0;)
        v = v << 8 | p[i];
    return v;
}

static void store(uint8_t *p, unsigned width, uint64_t v) {
    for (unsigned i = 0; i < width; i++)
        p[i] = (uint8_t)(v >> 8 * i);
}

uint64_t forge_kdbg_encode(uint64_t plain, uint64_t never, uint64_t always, uint64_t where) {
    uint64_t v = plain ^ always, turned = 0;
    unsigned n = never & 63;
    for (unsigned i = 0; i < 8; i++)
        turned = turned << 8 | (v >> 8 * i & 0xff);
    turned ^= where;
    turned = n ? turned >> n | turned << (64 - n) : turned;
    return turned ^ never;
}

void forge_world_keys(struct forge_world *w, uint64_t *ret_never, uint64_t *ret_always) {
    const uint64_t never = 0x0b3c5d7e9f102a4bull ^ w->nt->base << 7;
    const uint64_t always = 0x71c86e3f20d594b1ull ^ w->nt->base >> 5;
    uint8_t byte[2][8];
    forge_world_put_uint(w, 0, global(w, "KiWaitNever"), 8, never);
    forge_world_put_uint(w, 0, global(w, "KiWaitAlways"), 8, always);
    forge_memmap_get(&w->mem, global(w, "KiWaitNever"), byte[0], 8);
    forge_memmap_get(&w->mem, global(w, "KiWaitAlways"), byte[1], 8);
    *ret_never = load(byte[0]);
    *ret_always = load(byte[1]);
}

/* The block with the two values; the flag says so. */
static void encode(struct forge_world *w, uint8_t *block, uint32_t size) {
    uint64_t never, always, where = global(w, "KdpDataBlockEncoded");
    forge_world_keys(w, &never, &always);
    forge_world_put_uint(w, 0, where, 1, 1);
    for (uint32_t at = 0; at + 8 <= size; at += 8)
        store(block + at, 8, forge_kdbg_encode(load(block + at), never, always, where));
}

static void put_version(struct forge_world *w) {
    uint64_t at = global(w, "KdVersionBlock"), list = global(w, "KdpDebuggerDataListHead");
    if (!at)
        return;
    forge_world_put_uint(w, 0, at, 2, w->s->os.checked ? 0xc : 0xf);
    forge_world_put_uint(w, 0, at + 2, 2, w->s->os.build);
    forge_world_put_uint(w, 0, at + 4, 1, 6);
    forge_world_put_uint(w, 0, at + 6, 2, 3 | (w->is32 ? 0 : 4));
    forge_world_put_uint(w, 0, at + 8, 2, w->s->cpu.machine);
    forge_world_put_uint(w, 0, at + 0x10, 8, extend(w, w->nt->base));
    forge_world_put_uint(w, 0, at + 0x18, 8, extend(w, global(w, "PsLoadedModuleList")));
    forge_world_put_uint(w, 0, at + 0x20, 8, extend(w, list));
}

bool forge_world_kdbg_block(struct forge_world *w) {
    struct forge_kdbg_values k;
    uint64_t at = global(w, "KdDebuggerDataBlock"), head = global(w, "KdpDebuggerDataListHead");
    forge_world_kdbg(w, &k);
    uint8_t *block = forge_pool_get(w->pool, k.size);
    store(block + 0x10, 4, 0x4742444b);
    store(block + 0x14, 4, k.size);
    for (size_t i = 0; i < k.list.count; i++) {
        const struct forge_kdbg_field *f = forge_kdbg_field(k.list.item[i].name);
        store(block + f->offset, f->size, k.list.item[i].value);
    }
    if (w->s->machine.encoded)
        encode(w, block, k.size);
    put_version(w);
    forge_world_put_uint(w, 0, head, w->ptr_size, at);
    forge_world_put_uint(w, 0, head + w->ptr_size, w->ptr_size, at);
    return forge_world_put(w, 0, at, block, k.size);
}

/* ---- what happened ---- */

bool forge_world_exception(struct forge_world *w, struct forge_exception *ret) {
    const struct forge_scn_exception *e = &w->s->exception;
    *ret = (struct forge_exception){.code = 0x80000003, .address = sc_regs_ip(&w->regs)};
    if (!e->line)
        return true;
    ret->code = (uint32_t)e->code;
    ret->flags = (uint32_t)e->flags;
    ret->nparams = (uint32_t)e->nparams;
    if (!forge_world_eval(w, e->line, e->address.text, &ret->address, NULL))
        return false;
    for (size_t i = 0; i < e->nparams; i++)
        if (!forge_world_eval(w, e->line, e->param[i].text, &ret->param[i], NULL))
            return false;
    return true;
}

bool forge_world_bugcheck(struct forge_world *w, uint64_t ret_arg[4]) {
    const struct forge_scn_bugcheck *b = &w->s->bugcheck;
    for (size_t i = 0; i < b->nargs; i++)
        if (!forge_world_eval(w, b->line, b->arg[i].text, &ret_arg[i], NULL))
            return false;
    return true;
}
