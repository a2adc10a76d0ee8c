/* SPDX-License-Identifier: MIT */
/*
 * Reading the memory manager's counters.
 *
 *   until 8.1     variables nt!Mm…, most of them members of KDDEBUGGER_DATA64, too
 *   Windows 10    nt!MiSystemPartition (_MI_PARTITION, .Vp is its visible part) and nt!MiState
 *                 (_MI_SYSTEM_INFORMATION, .Vs is its visible part); some still in the block
 *
 * Each counter has its places in a table; the first that the symbols know counts.
 *
 * Sources: the public symbols of the kernels (tables of layouts in data/layouts); what the four
 * kinds of failures mean, and which of them are added, was published by Microsoft ("Commitment
 * Failures, Not Just a Failed Love Story"). That a pool is excessive beyond four fifths of its
 * maximum is concluded from published outputs: 81 percent is flagged, what is below 80 is not.
 */
#include "nt/vm.h"

#include "nt/global.h"
#include "nt/prcb.h"
#include "nt/vm_pool.h"

#define VP(name) "Vp." name
#define VS(name) "Vs." name

/* ---- members of the partition and of the manager's state ---- */

enum { WINDOWS_10 = 10000 };
enum { VISIBLE_MEMBERS = 12 }; /* the first ones: they lie in Vp */
enum { PARTITION_MEMBERS = 13, SYSTEM_MEMBERS = 19 };
static const uint8_t partition_counter[PARTITION_MEMBERS] = {
    NT_VM_PHYSICAL,    NT_VM_AVAILABLE,         NT_VM_RESIDENT_AVAILABLE, NT_VM_MODIFIED,
    NT_VM_MODIFIED_PF, NT_VM_MODIFIED_NO_WRITE, NT_VM_SHARED_COMMIT,      NT_VM_AWE_PAGES,
    NT_VM_SLAB_PAGES,  NT_VM_LOCKED_FILE_PAGES, NT_VM_COMMITTED,          NT_VM_COMMIT_LIMIT,
    NT_VM_PEAK_COMMIT};
enum { PARTITION_ROWS = PARTITION_MEMBERS + NT_VM_FAILURES };
static const struct sc_layout_field partition_rows[PARTITION_ROWS] = {
    {VP("NumberOfPhysicalPages"), 0, true},
    {VP("AvailablePages"), 0, true},
    {VP("ResidentAvailablePages"), 0, true},
    {VP("ModifiedPageListHead.Total"), 0, true},
    {VP("TotalPagesForPagingFile"), 0, true},
    {VP("ModifiedNoWritePageListHead.Total"), 0, true},
    {VP("SharedCommit"), 0, true},
    {VP("VadPhysicalPages"), 0, true},
    {VP("SlabAllocatorPages"), 0, true},
    {VP("ProcessLockedFilePages"), 0, true},
    {VP("TotalCommittedPages"), 0, true},
    {VP("TotalCommitLimit"), 0, true},
    {"Commit.PeakCommitment", 0, true},
    {VP("ChargeCommitmentFailures[0]"), 4, true},
    {VP("ChargeCommitmentFailures[1]"), 4, true},
    {VP("ChargeCommitmentFailures[2]"), 4, true},
    {VP("ChargeCommitmentFailures[3]"), 4, true},
};
static const struct nt_def partition_def = {
    {"nt!_MI_PARTITION", partition_rows, PARTITION_ROWS}, PARTITION_ROWS, NULL, NULL, 0};

static const uint8_t system_counter[SYSTEM_MEMBERS] = {NT_VM_FREE_PTES,
                                                       NT_VM_STACK_PTE_FAILURES,
                                                       NT_VM_STACK_GROWTH_FAILURES,
                                                       NT_VM_NONPAGED_MAX,
                                                       NT_VM_PAGED,
                                                       NT_VM_PAGED_MAX,
                                                       NT_VM_SHARED_COMMIT,
                                                       NT_VM_SPECIAL_POOL,
                                                       NT_VM_SHARED_PROCESS,
                                                       NT_VM_MDL_PAGES,
                                                       NT_VM_CONTIGUOUS,
                                                       NT_VM_NONPAGED_COMMIT,
                                                       NT_VM_PAGED_COMMIT,
                                                       NT_VM_DRIVER_COMMIT,
                                                       NT_VM_BOOT_COMMIT,
                                                       NT_VM_PFN_COMMIT,
                                                       NT_VM_SMALL_PTES_COMMIT,
                                                       NT_VM_PAGE_TABLES,
                                                       NT_VM_PAGEFILE_HASH};
static const struct sc_layout_field system_rows[SYSTEM_MEMBERS] = {
    {VS("SystemPteInfo.TotalFreeSystemPtes"), 0, true},
    {"SystemPtes.KernelStackPteInfo.PteFailures", 4, true},
    {"SystemPtes.StackGrowthFailures", 4, true},
    {VS("MaximumNonPagedPoolInPages"), 0, true},
    {VS("PagedPoolInfo.AllocatedPagedPool"), 0, true},
    {VS("SizeOfPagedPoolInPages"), 0, true},
    {VS("SharedCommit"), 0, true},
    {VS("SpecialPagesInUse"), 0, true},
    {VS("ProcessCommit"), 0, true},
    {VS("MdlPagesAllocated"), 0, true},
    {VS("ContiguousPagesAllocated"), 0, true},
    {VS("NonPagedPoolCommit"), 0, true},
    {VS("PagedPoolInfo.AllocatedPagedPool"), 0, true},
    {VS("DriverCommit"), 4, true},
    {VS("BootCommit"), 0, true},
    {VS("PfnDatabaseCommit"), 0, true},
    {VS("SmallNonPagedPtesCommit"), 0, true},
    {VS("SystemPageTableCommit"), 0, true},
    {VS("PagefileHashPages"), 0, true},
};
static const struct nt_def system_def = {
    {"nt!_MI_SYSTEM_INFORMATION", system_rows, SYSTEM_MEMBERS}, SYSTEM_MEMBERS, NULL, NULL, 0};

/* What was read, unless a place before said it. */
static void take(struct nt_field *to, const struct nt_field *from) {
    if (from->state > to->state)
        *to = *from;
}

/* The structure at SYMBOL; *RET_FOUND false when the symbols have no such variable. */
static sc_err *load_at(const struct nt *nt, const char *symbol, const struct nt_def *def,
                       struct nt_field *fields, bool *ret_assumed, bool *ret_found) {
    struct nt_field at;
    sc_err *err = nt_var_address(nt, &(struct nt_var){symbol, 0}, &at);
    *ret_found = !err && at.state == NT_READ;
    return err || !*ret_found ? err : nt_load_optional(nt, def, at.value, fields, ret_assumed);
}

/* Is there none among the COUNT fields that this build has? */
static bool none_exists(const struct nt_field *f, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (f[i].state != NT_NO_FIELD)
            return false;
    return true;
}

static sc_err *read_members(const struct nt *nt, struct nt_vm *vm) {
    struct nt_field p[PARTITION_ROWS], s[SYSTEM_MEMBERS];
    bool found;
    sc_err *err =
        load_at(nt, "nt!MiSystemPartition", &partition_def, p, &vm->assumed, &vm->partition);
    if (!err && vm->partition && none_exists(p, VISIBLE_MEMBERS))
        vm->lacking = "nt!_MI_VISIBLE_PARTITION, the Vp of nt!_MI_PARTITION";
    else if (!err && !vm->partition && nt->build >= WINDOWS_10)
        vm->lacking = "nt!MiSystemPartition";
    for (unsigned i = 0; !err && vm->partition && i < PARTITION_ROWS; i++)
        take(i < PARTITION_MEMBERS ? &vm->counter[partition_counter[i]]
                                   : &vm->failure[i - PARTITION_MEMBERS],
             &p[i]);
    if (!err)
        err = load_at(nt, "nt!MiState", &system_def, s, &vm->assumed, &found);
    for (unsigned i = 0; !err && found && i < SYSTEM_MEMBERS; i++)
        take(&vm->counter[system_counter[i]], &s[i]);
    return err;
}

/* ---- variables ---- */

/* WIDTH: bytes, 0 a pointer's. BYTES: it does not count pages. */
static const struct variable {
    uint8_t counter, width;
    bool bytes;
    struct nt_var var;
} variables[] = {
    {NT_VM_PHYSICAL, 0, false, {"nt!MmNumberOfPhysicalPages", 0xf8}},
    {NT_VM_AVAILABLE, 0, false, {"nt!MmAvailablePages", 0x1a8}},
    {NT_VM_RESIDENT_AVAILABLE, 0, false, {"nt!MmResidentAvailablePages", 0x1b0}},
    {NT_VM_LOCKED_IO, 4, false, {"nt!MmSystemLockPagesCount", 0}},
    {NT_VM_FREE_PTES, 4, false, {"nt!MmTotalFreeSystemPtes", 0}},
    {NT_VM_STACK_GROWTH_FAILURES, 4, false, {"nt!MiStackGrowthFailures", 0}},
    {NT_VM_MODIFIED, 0, false, {"nt!MmModifiedPageListHead", 0x198}},
    {NT_VM_MODIFIED_PF, 0, false, {"nt!MmTotalPagesForPagingFile", 0}},
    {NT_VM_MODIFIED_NO_WRITE, 0, false, {"nt!MmModifiedNoWritePageListHead", 0x1a0}},
    {NT_VM_NONPAGED, 0, false, {"nt!MmAllocatedNonPagedPool", 0x250}},
    {NT_VM_NONPAGED_MAX, 0, true, {"nt!MmMaximumNonPagedPoolInBytes", 0x100}},
    {NT_VM_PAGED_MAX, 0, true, {"nt!MmSizeOfPagedPoolInBytes", 0x140}},
    {NT_VM_SHARED_COMMIT, 0, false, {"nt!MmSharedCommit", 0x158}},
    {NT_VM_SPECIAL_POOL, 0, false, {"nt!MmSpecialPagesInUse", 0}},
    {NT_VM_SHARED_PROCESS, 0, false, {"nt!MmProcessCommit", 0x168}},
    {NT_VM_KERNEL_STACKS, 4, false, {"nt!MmKernelStackPages", 0}},
    {NT_VM_MDL_PAGES, 0, false, {"nt!MmMdlPagesAllocated", 0}},
    {NT_VM_AWE_PAGES, 0, false, {"nt!MmVadPhysicalPages", 0}},
    {NT_VM_PAGED_COMMIT, 0, false, {"nt!MmPagedPoolCommit", 0x170}},
    {NT_VM_DRIVER_COMMIT, 4, false, {"nt!MmDriverCommit", 0x160}},
    {NT_VM_COMMITTED, 0, false, {"nt!MmTotalCommittedPages", 0x150}},
    {NT_VM_COMMIT_LIMIT, 0, false, {"nt!MmTotalCommitLimit", 0x148}},
    {NT_VM_PEAK_COMMIT, 0, false, {"nt!MmPeakCommitment", 0x258}},
};

static sc_err *read_variables(const struct nt *nt, struct nt_vm *vm) {
    sc_err *err = NULL;
    for (size_t i = 0; !err && i < sizeof variables / sizeof *variables; i++) {
        const struct variable *v = &variables[i];
        struct nt_field f;
        if (vm->counter[v->counter].state == NT_READ)
            continue;
        err = nt_var_read(nt, &v->var, v->width, &f);
        if (!err && v->bytes)
            f.value /= NT_VM_PAGE;
        if (!err)
            take(&vm->counter[v->counter], &f);
    }
    return err;
}

/* Vista to 8.1: a structure of its own. XP: an array, of which the second counts for the pool. */
static const struct sc_layout_field pte_rows[] = {{"TotalFreeSystemPtes", 0, true}};
static const struct nt_def pte_def = {{"nt!_MI_SYSTEM_PTE_TYPE", pte_rows, 1}, 1, NULL, NULL, 0};

static sc_err *read_ptes(const struct nt *nt, struct nt_vm *vm) {
    struct nt_field f = {0, NT_NO_FIELD}, at;
    bool found = false;
    sc_err *err = vm->counter[NT_VM_FREE_PTES].state == NT_READ
                      ? NULL
                      : load_at(nt, "nt!MiSystemPteInfo", &pte_def, &f, &vm->assumed, &found);
    if (!err && found)
        take(&vm->counter[NT_VM_FREE_PTES], &f);
    vm->lacks_ptes = found && f.state == NT_NO_FIELD;
    if (!err)
        err = nt_var_address(nt, &(struct nt_var){"nt!MmTotalFreeSystemPtes", 0}, &at);
    if (err || at.state != NT_READ)
        return err;
    f = (struct nt_field){0, NT_ABSENT};
    if (sc_space_uint(nt->space, nt_add(nt, at.value, 4), 4, &f.value) == SC_READ_OK)
        f.state = NT_READ;
    vm->counter[NT_VM_FREE_NP_PTES] = f;
    return NULL;
}

/* Windows 8 and 8.1 have no variable of its own for what paged pool is charged with. */
static const struct sc_layout_field paged_rows[] = {{"AllocatedPagedPool", 0, true}};
static const struct nt_def paged_def = {
    {"nt!_MM_PAGED_POOL_INFO", paged_rows, 1}, 1, NULL, NULL, 0};

static sc_err *read_paged_commit(const struct nt *nt, struct nt_vm *vm) {
    struct nt_field f;
    bool found = false;
    if (vm->counter[NT_VM_PAGED_COMMIT].state == NT_READ)
        return NULL;
    sc_err *err = load_at(nt, "nt!MmPagedPoolInfo", &paged_def, &f, &vm->assumed, &found);
    if (!err && found)
        take(&vm->counter[NT_VM_PAGED_COMMIT], &f);
    return err;
}

static sc_err *read_failures(const struct nt *nt, struct nt_vm *vm) {
    struct nt_field at;
    sc_err *err = nt_var_address(nt, &(struct nt_var){"nt!MiChargeCommitmentFailures", 0}, &at);
    if (err || at.state != NT_READ)
        return err;
    for (unsigned i = 0; i < NT_VM_FAILURES; i++) {
        struct nt_field f = {0, NT_ABSENT};
        if (sc_space_uint(nt->space, nt_add(nt, at.value, 4 * i), 4, &f.value) == SC_READ_OK)
            f.state = NT_READ;
        take(&vm->failure[i], &f);
    }
    return NULL;
}

/* ---- processors ---- */

static const struct sc_layout_field cached_rows[] = {{"CachedCommit", 4, true}};
static const struct nt_def cached_def = {{"nt!_KPRCB", cached_rows, 1}, 1, NULL, NULL, 0};

sc_err *nt_vm_processor_commit(const struct nt *nt, struct nt_field *ret) {
    struct nt_field sum = {0, NT_READ}, at, one;
    uint32_t count = sc_target_machine(nt->target)->ncpus;
    sc_err *err = NULL;
    for (uint32_t i = 0; !err && sum.state == NT_READ && i < count; i++) {
        err = nt_prcb_address(nt, i, &at);
        one = (struct nt_field){0, NT_ABSENT};
        if (!err && nt_set(&at))
            err = nt_load_optional(nt, &cached_def, at.value, &one, NULL);
        sum.state = one.state;
        sum.value += one.value & UINT32_MAX;
    }
    if (!err)
        *ret = sum.state == NT_READ && count ? sum : (struct nt_field){0, NT_ABSENT};
    return err;
}

sc_err *nt_vm_read(const struct nt *nt, struct nt_vm *ret) {
    struct nt_vm vm = {0};
    sc_err *err = read_members(nt, &vm);
    if (!err)
        err = read_variables(nt, &vm);
    if (!err)
        err = read_ptes(nt, &vm);
    if (!err)
        err = read_paged_commit(nt, &vm);
    if (!err)
        err = read_failures(nt, &vm);
    if (!err)
        err = nt_vm_read_pools(nt, &vm);
    if (!err)
        *ret = vm;
    return err;
}

/* ---- what the counters say ---- */

const char *nt_vm_structure(const struct nt_vm *vm, enum nt_vm_counter counter) {
    for (unsigned i = 0; vm->partition && i < PARTITION_MEMBERS; i++)
        if (partition_counter[i] == counter)
            return "nt!_MI_PARTITION.";
    for (unsigned i = 0; vm->partition && i < SYSTEM_MEMBERS; i++)
        if (system_counter[i] == counter)
            return "nt!_MI_SYSTEM_INFORMATION.";
    return "";
}

const char *nt_vm_name(const struct nt_vm *vm, enum nt_vm_counter counter) {
    if (vm->lacks_ptes && counter == NT_VM_FREE_PTES)
        return "nt!_MI_SYSTEM_PTE_TYPE";
    if (vm->heaps && (counter == NT_VM_NONPAGED || counter == NT_VM_NONPAGED_NX))
        return "nt!ExPoolState";
    for (unsigned i = 0; vm->partition && i < PARTITION_MEMBERS; i++)
        if (partition_counter[i] == counter)
            return partition_rows[i].names;
    for (unsigned i = 0; vm->partition && i < SYSTEM_MEMBERS; i++)
        if (system_counter[i] == counter)
            return system_rows[i].names;
    for (size_t i = 0; i < sizeof variables / sizeof *variables; i++)
        if (variables[i].counter == counter)
            return variables[i].var.symbol;
    return counter == NT_VM_PAGED || counter == NT_VM_NONPAGED_NX ? "nt!_POOL_DESCRIPTOR" : "";
}

struct nt_field nt_vm_commit_failures(const struct nt *nt, const struct nt_vm *vm) {
    const struct nt_field *f = vm->failure;
    const struct nt_field *third = &f[nt->build < 6000 ? NT_VM_LOCK_HELD : NT_VM_OVERFLOW];
    struct nt_field sum = f[0];
    const struct nt_field *const rest[] = {&f[1], third};
    for (unsigned i = 0; i < 2; i++) {
        if (rest[i]->state < sum.state)
            sum.state = rest[i]->state;
        sum.value += rest[i]->value;
    }
    if (sum.state != NT_READ)
        sum.value = 0;
    return sum;
}

static bool excessive(uint64_t used, const struct nt_field *most) {
    return nt_set(most) && used / 4 > most->value / 5;
}

bool nt_vm_excessive_nonpaged(const struct nt_vm *vm) {
    return excessive(nt_or(&vm->counter[NT_VM_NONPAGED], 0) +
                         nt_or(&vm->counter[NT_VM_NONPAGED_NX], 0),
                     &vm->counter[NT_VM_NONPAGED_MAX]);
}

bool nt_vm_excessive_paged(const struct nt_vm *vm) {
    return excessive(nt_or(&vm->counter[NT_VM_PAGED], 0), &vm->counter[NT_VM_PAGED_MAX]);
}
