/* SPDX-License-Identifier: MIT */
/* `!vm` in both forms, on every build; what is missing; counters, lists and files that lie. */
#include "pool_world.h"

#include "cmd/kernel.h"
#include "nt/commit.h"
#include "nt/vm.h"

static const struct pool_build *build_of(uint32_t build, enum sc_cpu cpu) {
    for (size_t i = 0; i < POOL_BUILDS; i++)
        if (pool_builds[i].build == build && pool_builds[i].cpu == cpu)
            return &pool_builds[i];
    fail_msg("no build %u", build);
    return NULL;
}

static void descriptor(struct world *w, uint64_t at, uint64_t type, uint64_t pages, uint64_t big) {
    static const char name[] = "_POOL_DESCRIPTOR";
    bool old = w->m.build < 14393;
    world_set(w, name, at, "PoolType", 4, type);
    world_set(w, name, at, old ? "TotalPages" : "PagesAllocated", old ? 4 : 8, pages + !old);
    world_set(w, name, at, old ? "TotalBigPages" : "BigPagesAllocated", old ? 4 : 8, big);
    if (!old)
        world_set(w, name, at, "PagesDeallocated", 8, 1);
}

/* One nonpaged pool (two since Windows 8) and two paged ones. */
static void descriptors(struct world *w, const struct pool_build *b, uint32_t *rva) {
    bool split = b->build >= 9200;
    uint64_t size = world_sizeof(w, "_POOL_DESCRIPTOR");
    uint64_t first = world_symbol(w, "NonPagedPoolDescriptor", *rva);
    world_bytes(w, first, (size_t)size * 2);
    descriptor(w, first, split ? 0x200 : 0, 100, 11);
    if (split)
        descriptor(w, first + size, 0, 20, 2);
    *rva += 0x3000;
    uint64_t array = world_symbol(w, "ExpPagedPoolDescriptor", *rva);
    world_bytes(w, array, 2 * w->ptr);
    for (unsigned i = 0; i < 2; i++) {
        uint64_t at = b->pool + 0x40000 + i * 0x4000;
        world_bytes(w, at, (size_t)size);
        descriptor(w, at, 1, 40 + i, 4);
        world_put(w, array + i * w->ptr, w->ptr, at);
    }
    pool_var(w, "ExpNumberOfPagedPools", *rva + 0x40, 1);
    *rva += 0x1000;
}

static uint64_t add_process(struct world *w, const struct pool_build *b) {
    uint64_t at = b->pool + 0x60000, links;
    world_object(w, at, "_EPROCESS");
    world_set(w, "_EPROCESS", at, "UniqueProcessId", 0, 0x4d2);
    world_set(w, "_EPROCESS", at, "CommitCharge", 0, 0x30);
    for (unsigned i = 0; i < 7; i++)
        world_put(w, at + world_offset(w, "_EPROCESS", "ImageFileName") + i, 1,
                  (uint64_t)(unsigned char)"app.exe"[i]);
    links = at + world_offset(w, "_EPROCESS", "ActiveProcessLinks");
    w->m.active_process_head = b->nt + 0x90;
    world_bytes(w, w->m.active_process_head, 2 * w->ptr);
    world_ring(w, w->m.active_process_head, &links, 1);
    return at;
}

static void page_file(struct world *w, const struct pool_build *b) {
    uint64_t at = b->pool + 0x50000, name = at + 0x800;
    static const char text[] = "\\??\\C:\\pagefile.sys";
    world_bytes(w, at, 0x1000);
    world_set(w, "_MMPAGING_FILE", at, "Size", 0, 1000);
    world_set(w, "_MMPAGING_FILE", at, "FreeSpace", 0, 900);
    world_set(w, "_MMPAGING_FILE", at, "MinimumSize", 0, 1000);
    world_set(w, "_MMPAGING_FILE", at, "MaximumSize", 0, 3000);
    uint64_t string = at + world_offset(w, "_MMPAGING_FILE", "PageFileName");
    world_put(w, string, 2, 2 * (sizeof text - 1));
    world_put(w, string + w->ptr, w->ptr, name);
    for (size_t i = 0; i + 1 < sizeof text; i++)
        world_put(w, name + 2 * i, 2, (unsigned char)text[i]);
}

/* Until 8.1. */
static struct world *old_world(const struct pool_build *b) {
    struct world *w = pool_world(b, 1);
    uint32_t rva = 0x1000;
    static const struct {
        const char *name;
        uint64_t value;
    } var[] = {{"MmNumberOfPhysicalPages", 4000},
               {"MmAvailablePages", 1000},
               {"MmResidentAvailablePages", 900},
               {"MmSizeOfPagedPoolInBytes", 500 * 4096},
               {"MmMaximumNonPagedPoolInBytes", 160 * 4096},
               {"MmTotalCommittedPages", 2500},
               {"MmTotalCommitLimit", 5000},
               {"MmNumberOfPagingFiles", 1}};
    for (size_t i = 0; i < sizeof var / sizeof *var; i++, rva += 0x10)
        pool_var(w, var[i].name, rva, var[i].value);
    pool_var(w, "MmPagingFile", rva, b->pool + 0x50000);
    rva = 0x2000;
    descriptors(w, b, &rva);
    page_file(w, b);
    add_process(w, b);
    if (b->build == 9600) {
        uint64_t info = world_symbol(w, "MmPagedPoolInfo", rva);
        world_object(w, info, "_MM_PAGED_POOL_INFO");
        world_set(w, "_MM_PAGED_POOL_INFO", info, "AllocatedPagedPool", 0, 777);
    }
    return w;
}

static void variables_are_shown_in_the_older_form(void **state) {
    (void)state;
    static const struct {
        uint32_t build;
        enum sc_cpu cpu;
        const char *pools;
    } t[] = {{2600, SC_CPU_X86, "\tNonPagedPool Usage:      111 (       444 Kb)\n"},
             {7601, SC_CPU_X86, "\tNonPagedPool Usage:      111 (       444 Kb)\n"},
             {7601, SC_CPU_X64, "\tNonPagedPool Usage:      111 (       444 Kb)\n"},
             {9600, SC_CPU_X64,
              "\tNonPagedPool Usage:       22 (        88 Kb)\n"
              "\tNonPagedPoolNx Usage:    111 (       444 Kb)\n"}};
    for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
        struct world *w = old_world(build_of(t[i].build, t[i].cpu));
        world_open(w, SC_RENDER_TEXT);
        fix_run(&w->f, "!vm");
        const char *text = fix_text(&w->f);
        assert_non_null(strstr(text, "\n*** Virtual Memory Usage ***\n"
                                     "\tPhysical Memory:        4000 (     16000 Kb)\n"
                                     "\tPage File: \\??\\C:\\pagefile.sys\n"
                                     "\t  Current:      4000 Kb  Free Space:      3600 Kb\n"
                                     "\t  Minimum:      4000 Kb  Maximum:        12000 Kb\n"
                                     "\tAvailable Pages:        1000 (      4000 Kb)\n"));
        assert_non_null(strstr(text, t[i].pools));
        assert_non_null(strstr(text, "\tPagedPool 0 Usage:        44 (       176 Kb)\n"
                                     "\tPagedPool 1 Usage:        45 (       180 Kb)\n"
                                     "\tPagedPool Usage:          89 (       356 Kb)\n"
                                     "\tPagedPool Maximum:       500 (      2000 Kb)\n"));
        assert_non_null(strstr(text, "\tTotal Private:            48 (       192 Kb)\n"
                                     "\t         04d2 app.exe             48 (       192 Kb)\n"));
        assert_non_null(strstr(text, t[i].build == 9600
                                         ? "\tPagedPool Commit:        777 (      3108 Kb)\n"
                                         : "\tPagedPool Commit:          ?\n"));
        /* 111 of 160 pages are not excessive, 133 are. */
        assert_int_equal(strstr(text, "Excessive NonPaged") != NULL, t[i].build == 9600);
        world_free(w);
    }
}

/* The parts of Windows 10's structures, as far as the build's layouts have them. */
static struct world *new_world(const struct pool_build *b) {
    struct world *w = pool_world(b, 1);
    uint64_t system, partition;
    uint32_t at = 0x10000;
    if (b->build < 18362) {
        uint32_t d = 0x1000;
        descriptors(w, b, &d);
    }
    system = world_symbol(w, "MiState", at);
    world_object(w, system, "_MI_SYSTEM_INFORMATION");
    partition = world_symbol(w, "MiSystemPartition", at + 0x10000);
    world_object(w, partition, "_MI_PARTITION");
    static const char p[] = "_MI_PARTITION", s[] = "_MI_SYSTEM_INFORMATION";
    world_set(w, p, partition, "Vp.NumberOfPhysicalPages", 8, 4000);
    world_set(w, p, partition, "Vp.AvailablePages", 8, 1000);
    world_set(w, p, partition, "Vp.ResidentAvailablePages", 8, 900);
    world_set(w, p, partition, "Vp.ModifiedPageListHead.Total", 8, 7);
    world_set(w, p, partition, "Vp.TotalCommittedPages", 8, 2500);
    world_set(w, p, partition, "Vp.TotalCommitLimit", 8, 5000);
    world_set(w, p, partition, "Vp.ChargeCommitmentFailures[0]", 4, 3);
    world_set(w, p, partition, "Vp.ChargeCommitmentFailures[1]", 4, 4);
    world_set(w, p, partition, "Vp.ChargeCommitmentFailures[2]", 4, 50);
    world_set(w, p, partition, "Vp.ChargeCommitmentFailures[3]", 4, 600);
    world_set(w, p, partition, "Vp.NumberOfPagingFiles", 4, 1);
    world_set(w, p, partition, "Vp.PagingFile[0]", 8, b->pool + 0x50000);
    world_set(w, s, system, "Vs.MaximumNonPagedPoolInPages", 8, 0x100000000);
    world_set(w, s, system, "Vs.SizeOfPagedPoolInPages", 8, 0x100000000);
    world_set(w, s, system, "Vs.PagedPoolInfo.AllocatedPagedPool", 8, 89);
    world_set(w, s, system, "Vs.SystemPteInfo.TotalFreeSystemPtes", 8, 0x10000d113);
    world_set(w, s, system, "Vs.DriverCommit", 4, 11);
    world_set(w, s, system, "Vs.NonPagedPoolCommit", 8, 130);
    page_file(w, b);
    uint64_t process = add_process(w, b);
    world_set(w, "_EPROCESS", process, "SharedCommitCharge", 8, 5);
    return w;
}

static void segment_heaps(struct world *w, const struct pool_build *b) {
    uint64_t state = world_symbol(w, "ExPoolState", 0x40000), node;
    static const char type[] = "_EX_POOL_HEAP_MANAGER_STATE";
    world_object(w, state, type);
    world_set(w, type, state, "NumberOfPools", 4, 1);
    node = state + world_offset(w, type, "PoolNode[0]");
    for (unsigned i = 0; i < 3; i++) {
        uint64_t heap = b->pool + 0x70000 + i * 0x1000;
        world_object(w, heap, "_SEGMENT_HEAP");
        world_set(w, "_SEGMENT_HEAP", heap, "MemStats.TotalCommittedPages", 8, 22 + i * 89);
        world_put(w, node + i * 8, 8, heap);
    }
}

static void the_partition_is_shown_in_the_newer_form(void **state) {
    (void)state;
    static const uint32_t builds[] = {14393, 17763, 19041, 22000};
    for (size_t i = 0; i < 4; i++) {
        const struct pool_build *b = build_of(builds[i], SC_CPU_X64);
        struct world *w = new_world(b);
        if (builds[i] >= 18362)
            segment_heaps(w, b);
        world_open(w, SC_RENDER_TEXT);
        fix_run(&w->f, "!vm");
        const char *text = fix_text(&w->f);
        assert_non_null(strstr(text, "Page File: \\??\\C:\\pagefile.sys\n"
                                     "  Current:      4000 Kb  Free Space:      3600 Kb\n"
                                     "  Minimum:      4000 Kb  Maximum:        12000 Kb\n\n"
                                     "Physical Memory:             4000 (      16000 Kb)\n"
                                     "Available Pages:             1000 (       4000 Kb)\n"));
        assert_non_null(strstr(text, "Free System PTEs:      4295020819 (17180083276 Kb)\n"
                                     "Modified Pages:                 7 (         28 Kb)\n"));
        assert_non_null(strstr(text, "NonPagedPool Usage:            22 (         88 Kb)\n"
                                     "NonPagedPoolNx Usage:         111 (        444 Kb)\n"
                                     "NonPagedPool Max:      4294967296 (17179869184 Kb)\n"));
        assert_non_null(strstr(text, "PagedPool Usage:               89 (        356 Kb)\n"));
        assert_non_null(strstr(text, "Committed pages:             2500 (      10000 Kb)\n"
                                     "Commit limit:                5000 (      20000 Kb)\n\n"
                                     "********** 607 commit requests have failed  **********\n"));
        assert_non_null(strstr(
            text, "  Pid ImageName                        Commit   SharedCommit        Debt\n\n"
                  "  4d2 app.exe                          192 Kb          20 Kb        0 Kb\n"));
        assert_null(strstr(text, "Excessive"));
        world_free(w);
    }
}

static void which_failures_count_depends_on_the_system(void **state) {
    (void)state;
    static const struct {
        uint32_t build;
        enum sc_cpu cpu;
        uint64_t want;
    } t[] = {{2600, SC_CPU_X86, 3 + 4 + 50}, {7601, SC_CPU_X64, 3 + 4 + 600}};
    for (size_t i = 0; i < 2; i++) {
        struct world *w = pool_world(build_of(t[i].build, t[i].cpu), 1);
        struct nt nt;
        struct nt_vm vm;
        static const uint32_t count[] = {3, 4, 50, 600};
        uint64_t at = world_symbol(w, "MiChargeCommitmentFailures", 0x1000);
        world_bytes(w, at, 16);
        for (unsigned k = 0; k < 4; k++)
            world_put(w, at + 4 * k, 4, count[k]);
        world_open(w, SC_RENDER_TEXT);
        assert_null(sc_session_nt(w->f.s, &nt));
        assert_null(nt_vm_read(&nt, &vm));
        struct nt_field sum = nt_vm_commit_failures(&nt, &vm);
        assert_int_equal(sum.state, NT_READ);
        assert_int_equal(sum.value, t[i].want);
        world_free(w);
    }
}

static void what_is_missing_is_named(void **state) {
    (void)state;
    const struct pool_build *b = build_of(7601, SC_CPU_X64);
    struct world *w = pool_world(b, 1);
    world_symbol(w, "MmAvailablePages", 0x1000);
    world_open(w, SC_RENDER_TEXT);
    fix_fails(&w->f, "!vm", "does not hold the memory manager's counters (nt!MmAvailablePages)");
    world_free(w);
    w = pool_world(b, 1);
    pool_var(w, "MmNumberOfPhysicalPages", 0x1000, 4000);
    world_symbol(w, "MmAvailablePages", 0x2000);
    w->m.active_process_head = b->nt + 0x5000;
    world_open(w, SC_RENDER_TEXT);
    fix_run(&w->f, "!vm 3b");
    const char *text = fix_text(&w->f);
    assert_non_null(strstr(text, "\tAvailable Pages:           ?\n"));
    assert_non_null(strstr(text, "Not in this dump: the pages of nt!MmAvailablePages."));
    assert_non_null(strstr(text, "The symbols of this kernel do not have: "
                                 "nt!MmResidentAvailablePages, "));
    assert_non_null(strstr(text, "The list of processes is not whole: the link at "
                                 "fffff80001a24000 is not in the dump."));
    assert_non_null(strstr(text, "\nThreads of the memory manager:\n"
                                 "A small dump does not hold the threads of the list "
                                 "nt!PsActiveProcessHead leads to.\n"));
    assert_non_null(strstr(text, "They cannot be read: the symbols do not have "
                                 "nt!MiPageFileTraces.\n"));
    assert_non_null(strstr(text, "\nThreads that own working sets:\nA small dump does not "));
    assert_non_null(strstr(text, "\nSystem Region               Base Address    NumberOfBytes\n"));
    assert_non_null(strstr(text, "SystemVaRegions in nt!_MI_VISIBLE_STATE, is not in this dump"));
    world_free(w);
}

/* Up to 8.1 the kernel's variables say where the pools are; what is lacked has its name of then. */
static void pools_are_found_by_variables_and_lacking_structures_named(void **state) {
    (void)state;
    static const unsigned index[] = {0, 1, 3};
    for (unsigned i = 0; i < 3; i++) {
        const struct pool_build *b = &pool_builds[index[i]];
        struct world *w = pool_world(b, 1);
        char want[80];
        pool_var(w, "MmAvailablePages", 0xf00, 120000);
        pool_var(w, "MmNonPagedPoolStart", 0x1000, b->pool);
        pool_var(w, "MmNonPagedPoolEnd", 0x1010, b->pool + 0x400000);
        if (i == 1)
            world_bytes(w, world_symbol(w, "MiSystemPteInfo", 0x2000), 0x40);
        world_open(w, SC_RENDER_TEXT);
        fix_run(&w->f, "!vm 21");
        snprintf(want, sizeof want, "\nNonPagedPool          : %16llx           400000  [",
                 (unsigned long long)b->pool);
        if (!strstr(fix_text(&w->f), want))
            fail_msg("%s is not in: %s", want, fix_text(&w->f));
        assert_int_equal(strstr(fix_text(&w->f), "nt!_MI_SYSTEM_PTE_TYPE") != NULL, i == 1);
        world_free(w);
    }
}

/* Builds whose layouts lack the visible part of the partition, and no partition at all. */
static void the_structure_that_most_counters_lie_in_is_named(void **state) {
    (void)state;
    static const struct {
        uint32_t build;
        enum sc_cpu cpu;
        bool partition;
    } t[] = {{10240, SC_CPU_X64, true}, {15063, SC_CPU_X64, true}, {16299, SC_CPU_X64, true},
             {17134, SC_CPU_X64, true}, {19041, SC_CPU_X86, true}, {10240, SC_CPU_X64, false},
             {19041, SC_CPU_X64, false}};
    for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
        uint64_t base = t[i].cpu == SC_CPU_X86 ? 0x82800000 : 0xfffff80001a1f000;
        struct world *w = world_new(t[i].cpu, t[i].build, base);
        const char *lacks = t[i].partition ? "nt!_MI_VISIBLE_PARTITION, the Vp of nt!_MI_PARTITION"
                                           : "nt!MiSystemPartition";
        char line[160];
        if (t[i].partition)
            world_object(w, world_symbol(w, "MiSystemPartition", 0x1000), "_MI_PARTITION");
        world_open(w, SC_RENDER_TEXT);
        snprintf(line, sizeof line, "no symbols of %s)", lacks);
        fix_fails(&w->f, "!vm", line);
        world_free(w);
    }
}

/* What processors have charged in advance, sessions of the kernel's list, stacks that are not. */
static void processors_and_sessions_are_added(void **state) {
    (void)state;
    const struct pool_build *b = build_of(19041, SC_CPU_X64);
    struct world *w = new_world(b);
    const uint64_t prcb = b->pool + 0x80180, space = b->pool + 0x90000;
    uint64_t visible, at;
    segment_heaps(w, b);
    world_bytes(w, prcb, 0x9000);
    world_set(w, "_KPRCB", prcb, "CachedCommit", 4, 274);
    w->threads[0].prcb = prcb;
    world_bytes(w, space, 0x1000);
    world_set(w, "_MM_SESSION_SPACE", space, "SessionId", 4, 1);
    world_set(w, "_MM_SESSION_SPACE", space, "CommittedPages", 8, 0x100);
    world_set(w, "_MM_SESSION_SPACE", space, "PagedPoolInfo.AllocatedPagedPool", 8, 0x30);
    at = world_symbol(w, "MiVisibleState", 0x60000);
    world_bytes(w, at, 8);
    visible = b->pool + 0xa0000;
    world_object(w, visible, "_MI_VISIBLE_STATE");
    world_put(w, at, 8, visible);
    uint64_t link = space + world_offset(w, "_MM_SESSION_SPACE", "WsListEntry");
    world_ring(w, visible + world_offset(w, "_MI_VISIBLE_STATE", "SessionWsList"), &link, 1);
    world_set(w, "_MI_VISIBLE_STATE", visible, "SystemVaRegions[0].BaseAddress", 8,
              0xffffa08000000000);
    world_set(w, "_MI_VISIBLE_STATE", visible, "SystemVaRegions[0].NumberOfBytes", 8,
              0x100000000000);
    world_set(w, "_MI_VISIBLE_STATE", visible, "SystemVaRegions[5].BaseAddress", 8,
              0xffff830000000000);
    world_set(w, "_MI_VISIBLE_STATE", visible, "SystemVaRegions[5].NumberOfBytes", 8,
              0x38000000000);
    world_open(w, SC_RENDER_TEXT);
    fix_run(&w->f, "!vm 25");
    fix_has(&w->f, "Processor Commit:             274 (       1096 Kb)\n"
                   "Session Commit:               256 (       1024 Kb)\n");
    fix_has(&w->f, "Kernel stacks were not counted: of 0 threads that were found 0 (nt!_ETHREAD) "
                   "are not in the dump, and the lists of them are not whole.\n");
    fix_has(&w->f, "\nTerminal Server Memory Usage By Session:\n\n"
                   "Session ID 1 @ ffffc00d03090000:\n"
                   "Paged Pool Usage:        192K\n"
                   "Commit Usage:           1024K\n");
    fix_has(&w->f, "\nSystem Region               Base Address    NumberOfBytes\n\n"
                   "PfnDatabase           : ffff830000000000      38000000000\n"
                   "NonPagedPool          : ffffa08000000000     100000000000\n");
    world_free(w);
}

static void garbage_is_survived(void **state) {
    (void)state;
    const struct pool_build *b = build_of(7601, SC_CPU_X64);
    struct world *w = pool_world(b, 1);
    pool_var(w, "MmNumberOfPhysicalPages", 0x1000, UINT64_MAX);
    pool_var(w, "MmNumberOfPagingFiles", 0x1010, 0xffffffff);
    pool_var(w, "MmPagingFile", 0x1020, 0x1234);
    pool_var(w, "ExpNumberOfNonPagedPools", 0x1030, 0x7fffffff);
    pool_var(w, "ExpNumberOfPagedPools", 0x1040, 0xffffffff);
    pool_var(w, "ExpPagedPoolDescriptor", 0x1050, 1);
    pool_var(w, "ExpNonPagedPoolDescriptor", 0x1060, 1);
    pool_var(w, "NonPagedPoolDescriptor", 0x1070, 1);
    w->m.active_process_head = b->nt + 0x90;
    world_bytes(w, w->m.active_process_head, 16);
    world_put(w, w->m.active_process_head, 8, 0x41414141);
    world_open(w, SC_RENDER_TEXT);
    fix_run(&w->f, "!vm");
    assert_non_null(strstr(fix_text(&w->f), "is damaged"));
    assert_null(strstr(fix_text(&w->f), "Page File"));
    world_free(w);
    /* Heaps that are no heaps, more pools than there can be. */
    b = build_of(22000, SC_CPU_X64);
    w = new_world(b);
    uint64_t heaps = world_symbol(w, "ExPoolState", 0x40000);
    world_object(w, heaps, "_EX_POOL_HEAP_MANAGER_STATE");
    world_set(w, "_EX_POOL_HEAP_MANAGER_STATE", heaps, "NumberOfPools", 4, 0xffffffff);
    world_put(w, heaps + world_offset(w, "_EX_POOL_HEAP_MANAGER_STATE", "PoolNode[0]"), 8, 0x1234);
    world_open(w, SC_RENDER_JSON);
    fix_run(&w->f, "!vm 4");
    assert_non_null(strstr(fix_text(&w->f), "\"nonpaged\":null"));
    world_free(w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(variables_are_shown_in_the_older_form),
        cmocka_unit_test(the_partition_is_shown_in_the_newer_form),
        cmocka_unit_test(which_failures_count_depends_on_the_system),
        cmocka_unit_test(what_is_missing_is_named),
        cmocka_unit_test(pools_are_found_by_variables_and_lacking_structures_named),
        cmocka_unit_test(the_structure_that_most_counters_lie_in_is_named),
        cmocka_unit_test(processors_and_sessions_are_added),
        cmocka_unit_test(garbage_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
