/* SPDX-License-Identifier: MIT */
/*
 * The text of `!vm`. WinDbg has had two forms; here the first is that of systems until 8.1, the
 * second that of Windows 10 and later:
 *
 *     \tAvailable Pages:      106778 (    427112 Kb)        28 characters to the end of the number
 *     Available Pages:          3332119 (   13328476 Kb)    33
 *
 * What neither the build nor the dump has is left out or shown as `?`. Where WinDbg shows a 0 for
 * what the system has ceased to count, brackets say so.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cmd/kernel.h"
#include "cmd/vm.h"

#define UNKNOWN INT64_MIN

#define COUNTER(name, id)                                                                          \
    { #name, SC_F_NUM, offsetof(struct sc_vm, counter) + (id) * sizeof(int64_t), 0, NULL, NULL }
#define FAILURE(name, id)                                                                          \
    { #name, SC_F_NUM, offsetof(struct sc_vm, failure) + (id) * sizeof(int64_t), 0, NULL, NULL }

static const struct sc_field file_fields[] = {SC_FIELD(struct sc_vm_file, address, SC_F_ADDR),
                                              SC_FIELD(struct sc_vm_file, name, SC_F_STR),
                                              SC_FIELD(struct sc_vm_file, size, SC_F_NUM),
                                              SC_FIELD(struct sc_vm_file, free, SC_F_NUM),
                                              SC_FIELD(struct sc_vm_file, minimum, SC_F_NUM),
                                              SC_FIELD(struct sc_vm_file, maximum, SC_F_NUM),
                                              SC_FIELD(struct sc_vm_file, peak, SC_F_NUM),
                                              SC_FIELD(struct sc_vm_file, store, SC_F_BOOL),
                                              SC_FIELD_END};
static const struct sc_rectype file_type = {"page_file", sizeof(struct sc_vm_file), file_fields};
static const struct sc_field pool_fields[] = {SC_FIELD(struct sc_vm_pool, pages, SC_F_NUM),
                                              SC_FIELD_END};
static const struct sc_rectype pool_type = {"pool", sizeof(struct sc_vm_pool), pool_fields};

static const struct sc_field vm_fields[] = {
    COUNTER(physical, NT_VM_PHYSICAL),
    SC_FIELD_LIST(struct sc_vm, page_file, npage_files, &file_type),
    COUNTER(available, NT_VM_AVAILABLE),
    COUNTER(resident_available, NT_VM_RESIDENT_AVAILABLE),
    COUNTER(locked_io, NT_VM_LOCKED_IO),
    COUNTER(free_ptes, NT_VM_FREE_PTES),
    COUNTER(free_nonpaged_ptes, NT_VM_FREE_NP_PTES),
    COUNTER(stack_pte_failures, NT_VM_STACK_PTE_FAILURES),
    COUNTER(stack_growth_failures, NT_VM_STACK_GROWTH_FAILURES),
    COUNTER(modified, NT_VM_MODIFIED),
    COUNTER(modified_page_file, NT_VM_MODIFIED_PF),
    COUNTER(modified_no_write, NT_VM_MODIFIED_NO_WRITE),
    SC_FIELD_LIST(struct sc_vm, nonpaged_pool, nnonpaged_pools, &pool_type),
    COUNTER(nonpaged, NT_VM_NONPAGED),
    COUNTER(nonpaged_nx, NT_VM_NONPAGED_NX),
    COUNTER(nonpaged_max, NT_VM_NONPAGED_MAX),
    SC_FIELD(struct sc_vm, excessive_nonpaged, SC_F_BOOL),
    SC_FIELD_LIST(struct sc_vm, paged_pool, npaged_pools, &pool_type),
    COUNTER(paged, NT_VM_PAGED),
    COUNTER(paged_max, NT_VM_PAGED_MAX),
    SC_FIELD(struct sc_vm, excessive_paged, SC_F_BOOL),
    COUNTER(session_commit, NT_VM_SESSION_COMMIT),
    COUNTER(shared_commit, NT_VM_SHARED_COMMIT),
    COUNTER(special_pool, NT_VM_SPECIAL_POOL),
    COUNTER(shared_process, NT_VM_SHARED_PROCESS),
    COUNTER(kernel_stacks, NT_VM_KERNEL_STACKS),
    COUNTER(processor_commit, NT_VM_PROCESSOR_COMMIT),
    COUNTER(mdl_pages, NT_VM_MDL_PAGES),
    COUNTER(contiguous, NT_VM_CONTIGUOUS),
    COUNTER(awe_pages, NT_VM_AWE_PAGES),
    COUNTER(nonpaged_commit, NT_VM_NONPAGED_COMMIT),
    COUNTER(paged_commit, NT_VM_PAGED_COMMIT),
    COUNTER(driver_commit, NT_VM_DRIVER_COMMIT),
    COUNTER(boot_commit, NT_VM_BOOT_COMMIT),
    COUNTER(pfn_commit, NT_VM_PFN_COMMIT),
    COUNTER(small_ptes_commit, NT_VM_SMALL_PTES_COMMIT),
    COUNTER(slab_pages, NT_VM_SLAB_PAGES),
    COUNTER(page_tables, NT_VM_PAGE_TABLES),
    COUNTER(locked_file_pages, NT_VM_LOCKED_FILE_PAGES),
    COUNTER(pagefile_hash, NT_VM_PAGEFILE_HASH),
    SC_FIELD(struct sc_vm, sum_system_commit, SC_F_NUM),
    SC_FIELD(struct sc_vm, total_private, SC_F_NUM),
    SC_FIELD(struct sc_vm, transient_commit, SC_F_NUM),
    COUNTER(committed, NT_VM_COMMITTED),
    COUNTER(commit_limit, NT_VM_COMMIT_LIMIT),
    COUNTER(peak_commit, NT_VM_PEAK_COMMIT),
    SC_FIELD(struct sc_vm, commit_failures, SC_F_NUM),
    FAILURE(failures_cannot_extend, NT_VM_CANNOT_EXTEND),
    FAILURE(failures_at_maximum, NT_VM_AT_MAXIMUM),
    FAILURE(failures_lock_held, NT_VM_LOCK_HELD),
    FAILURE(failures_overflow, NT_VM_OVERFLOW),
    SC_FIELD_END};
const struct sc_rectype sc_vm_type = {"vm", sizeof(struct sc_vm), vm_fields};

static const struct sc_field process_fields[] = {
    SC_FIELD(struct sc_vm_process, address, SC_F_ADDR),
    SC_FIELD(struct sc_vm_process, pid, SC_F_NUM),
    SC_FIELD(struct sc_vm_process, image, SC_F_STR),
    SC_FIELD(struct sc_vm_process, commit, SC_F_NUM),
    SC_FIELD(struct sc_vm_process, shared_commit, SC_F_NUM),
    SC_FIELD(struct sc_vm_process, debt, SC_F_NUM),
    SC_FIELD_END};
const struct sc_rectype sc_vm_process_type = {"vm_process", sizeof(struct sc_vm_process),
                                              process_fields};
static const struct sc_field session_fields[] = {
    SC_FIELD(struct sc_vm_session, address, SC_F_ADDR),
    SC_FIELD(struct sc_vm_session, id, SC_F_U32),
    SC_FIELD(struct sc_vm_session, paged_pool, SC_F_NUM),
    SC_FIELD(struct sc_vm_session, commit, SC_F_NUM),
    SC_FIELD(struct sc_vm_session, processes, SC_F_U32),
    SC_FIELD_END};
const struct sc_rectype sc_vm_session_type = {"vm_session", sizeof(struct sc_vm_session),
                                              session_fields};

/* ---- rows ---- */

static int64_t kb(int64_t pages) { return (int64_t)((uint64_t)pages * (NT_VM_PAGE / 1024)); }

/* The label and, on the right of the form's column, the number. */
static void number_row(sc_out *out, bool partition, const char *label, int64_t pages,
                       const char *behind) {
    int n = (int)strlen(label), end = partition ? 33 : 28, width = partition ? 11 : 10;
    int room = end > n ? end - n : 1;
    if (!partition)
        sc_puts(out, "\t");
    if (pages == UNKNOWN)
        sc_printf(out, "%s%*s\n", label, room, "?");
    else
        sc_printf(out, "%s%*" PRId64 " (%*" PRId64 " Kb)%s\n", label, room, pages, width, kb(pages),
                  behind);
}

enum when {
    ALWAYS, /* `?` when it is not known */
    KNOWN,  /* only when it is */
    ZERO,   /* 0 when the build does not count it: as WinDbg has it */
};
struct line {
    const char *label;
    uint8_t counter, when;
};

static void line_text(sc_out *out, const struct sc_vm *r, const struct sc_vm_style *s,
                      const struct line *l) {
    int64_t pages = r->counter[l->counter];
    if (pages != UNKNOWN || l->when == ALWAYS)
        number_row(out, s->partition, l->label, pages, "");
    else if (l->when == ZERO)
        number_row(out, s->partition, l->label, 0,
                   s->enrich ? "  [this Windows does not count them]" : "");
}

static void lines_text(sc_out *out, const struct sc_vm *r, const struct sc_vm_style *s,
                       const struct line *lines, size_t n) {
    for (size_t i = 0; i < n; i++)
        line_text(out, r, s, &lines[i]);
}
#define LINES(out, r, s, list) lines_text(out, r, s, list, sizeof(list) / sizeof *(list))

/* "PagedPool 0 Usage:", "PagedPool  0:" */
static void pools_text(sc_out *out, bool partition, const char *name, const char *what,
                       const struct sc_vm_pool *pool, size_t n) {
    char label[40];
    for (size_t i = 0; i < n; i++) {
        if (partition)
            snprintf(label, sizeof label, "%s %2zu:", name, i);
        else
            snprintf(label, sizeof label, "%s %zu %s:", name, i, what);
        number_row(out, partition, label, pool[i].pages, "");
    }
}

static void size_text(sc_out *out, const char *label, int width, int64_t pages) {
    if (pages == UNKNOWN)
        sc_printf(out, "%s%*s Kb", label, width, "?");
    else
        sc_printf(out, "%s%*" PRId64 " Kb", label, width, kb(pages));
}

static void files_text(sc_out *out, const struct sc_vm *r, const char *pad, bool enrich) {
    for (size_t i = 0; i < r->npage_files; i++) {
        const struct sc_vm_file *f = &r->page_file[i];
        sc_puts(out, pad);
        if (f->name)
            sc_printf(out, "Page File: %s\n", f->name);
        else
            sc_printf(out, "%s%s\n", f->address ? "No Name for Paging File" : "Page File: ?",
                      f->store && enrich ? "  [the memory store: its pages are compressed]" : "");
        sc_puts(out, pad);
        size_text(out, "  Current:", 10, f->size);
        size_text(out, "  Free Space:", 10, f->free);
        sc_puts(out, "\n");
        sc_puts(out, pad);
        size_text(out, "  Minimum:", 10, f->minimum);
        size_text(out, "  Maximum:", 13, f->maximum);
        sc_puts(out, "\n");
    }
}

static void pool_warning(sc_out *out, const struct sc_vm_style *s, bool excessive,
                         const char *pool) {
    if (!excessive)
        return;
    sc_puts(out, s->partition ? "" : "\t");
    sc_printf(out, "********** Excessive %s Pool Usage *****\n", pool);
}

static void failure_text(sc_out *out, int64_t count, const char *what) {
    if (count != UNKNOWN && count)
        sc_printf(out, "\n******* %" PRId64 " %s have failed ******\n\n", count, what);
}

/* ---- until 8.1 ---- */

static const struct line old_memory[] = {
    {"Available Pages:", NT_VM_AVAILABLE, ALWAYS},
    {"ResAvail Pages:", NT_VM_RESIDENT_AVAILABLE, ALWAYS},
    {"Locked IO Pages:", NT_VM_LOCKED_IO, ZERO},
    {"Free System PTEs:", NT_VM_FREE_PTES, ALWAYS},
    {"Free NP PTEs:", NT_VM_FREE_NP_PTES, KNOWN},
    {"Modified Pages:", NT_VM_MODIFIED, ALWAYS},
    {"Modified PF Pages:", NT_VM_MODIFIED_PF, KNOWN},
};
static const struct line old_nonpaged[] = {
    {"NonPagedPool Usage:", NT_VM_NONPAGED, ALWAYS},
    {"NonPagedPoolNx Usage:", NT_VM_NONPAGED_NX, KNOWN},
    {"NonPagedPool Max:", NT_VM_NONPAGED_MAX, ALWAYS},
};
static const struct line old_paged[] = {
    {"PagedPool Usage:", NT_VM_PAGED, ALWAYS},
    {"PagedPool Maximum:", NT_VM_PAGED_MAX, ALWAYS},
};
static const struct line old_commit[] = {
    {"Session Commit:", NT_VM_SESSION_COMMIT, KNOWN},
    {"Shared Commit:", NT_VM_SHARED_COMMIT, ALWAYS},
    {"Special Pool:", NT_VM_SPECIAL_POOL, ALWAYS},
    {"Shared Process:", NT_VM_SHARED_PROCESS, ALWAYS},
    {"PagedPool Commit:", NT_VM_PAGED_COMMIT, ALWAYS},
    {"Driver Commit:", NT_VM_DRIVER_COMMIT, ALWAYS},
    {"Committed pages:", NT_VM_COMMITTED, ALWAYS},
    {"Commit limit:", NT_VM_COMMIT_LIMIT, ALWAYS},
};

static void old_text(sc_out *out, const struct sc_vm *r, const struct sc_vm_style *s) {
    static const struct line physical = {"Physical Memory:", NT_VM_PHYSICAL, ALWAYS};
    sc_puts(out, "\n*** Virtual Memory Usage ***\n");
    line_text(out, r, s, &physical);
    files_text(out, r, "\t", s->enrich);
    LINES(out, r, s, old_memory);
    pools_text(out, false, "NonPagedPool", "Used", r->nonpaged_pool, r->nnonpaged_pools);
    LINES(out, r, s, old_nonpaged);
    pool_warning(out, s, r->excessive_nonpaged, "NonPaged");
    pools_text(out, false, "PagedPool", "Usage", r->paged_pool, r->npaged_pools);
    LINES(out, r, s, old_paged);
    pool_warning(out, s, r->excessive_paged, "Paged");
    LINES(out, r, s, old_commit);
}

/* ---- Windows 10 ---- */

static const struct line new_memory[] = {
    {"Physical Memory:", NT_VM_PHYSICAL, ALWAYS},
    {"Available Pages:", NT_VM_AVAILABLE, ALWAYS},
    {"ResAvail Pages:", NT_VM_RESIDENT_AVAILABLE, ALWAYS},
    {"Locked IO Pages:", NT_VM_LOCKED_IO, ZERO},
    {"Free System PTEs:", NT_VM_FREE_PTES, ALWAYS},
};
static const struct line new_modified[] = {
    {"Modified Pages:", NT_VM_MODIFIED, ALWAYS},
    {"Modified PF Pages:", NT_VM_MODIFIED_PF, ALWAYS},
    {"Modified No Write Pages:", NT_VM_MODIFIED_NO_WRITE, ALWAYS},
};
static const struct line new_nonpaged[] = {
    {"NonPagedPool Usage:", NT_VM_NONPAGED, ALWAYS},
    {"NonPagedPoolNx Usage:", NT_VM_NONPAGED_NX, ALWAYS},
    {"NonPagedPool Max:", NT_VM_NONPAGED_MAX, ALWAYS},
};
static const struct line new_processors[] = {
    {"Processor Commit:", NT_VM_PROCESSOR_COMMIT, KNOWN},
};
static const struct line new_sessions[] = {
    {"Session Commit:", NT_VM_SESSION_COMMIT, KNOWN},
    {"Shared Commit:", NT_VM_SHARED_COMMIT, ALWAYS},
    {"Special Pool:", NT_VM_SPECIAL_POOL, KNOWN},
};
static const struct line new_commit[] = {
    {"Pages For MDLs:", NT_VM_MDL_PAGES, ALWAYS},
    {"ContigMem Pages:", NT_VM_CONTIGUOUS, KNOWN},
    {"Pages For AWE:", NT_VM_AWE_PAGES, KNOWN},
    {"NonPagedPool Commit:", NT_VM_NONPAGED_COMMIT, ALWAYS},
    {"PagedPool Commit:", NT_VM_PAGED_COMMIT, ALWAYS},
    {"Driver Commit:", NT_VM_DRIVER_COMMIT, ALWAYS},
    {"Boot Commit:", NT_VM_BOOT_COMMIT, KNOWN},
    {"PFN Array Commit:", NT_VM_PFN_COMMIT, KNOWN},
    {"SmallNonPagedPtesCommit:", NT_VM_SMALL_PTES_COMMIT, KNOWN},
    {"SlabAllocatorPages:", NT_VM_SLAB_PAGES, KNOWN},
    {"System PageTables:", NT_VM_PAGE_TABLES, KNOWN},
    {"ProcessLockedFilePages:", NT_VM_LOCKED_FILE_PAGES, KNOWN},
    {"Pagefile Hash Pages:", NT_VM_PAGEFILE_HASH, KNOWN},
};
static const struct line new_sums[] = {
    {"Committed pages:", NT_VM_COMMITTED, ALWAYS},
    {"Commit limit:", NT_VM_COMMIT_LIMIT, ALWAYS},
};

static void stacks_text(sc_out *out, const struct sc_vm *r, const struct sc_vm_style *s) {
    char behind[48] = "";
    if (r->counter[NT_VM_KERNEL_STACKS] == UNKNOWN)
        return;
    if (s->enrich)
        snprintf(behind, sizeof behind, "  [of %" PRIu64 " threads]", r->stack_threads);
    number_row(out, true, "Kernel Stacks:", r->counter[NT_VM_KERNEL_STACKS], behind);
}

static void new_text(sc_out *out, const struct sc_vm *r, const struct sc_vm_style *s) {
    files_text(out, r, "", s->enrich);
    sc_puts(out, "\n");
    LINES(out, r, s, new_memory);
    failure_text(out, r->counter[NT_VM_STACK_PTE_FAILURES], "kernel stack PTE allocations");
    failure_text(out, r->counter[NT_VM_STACK_GROWTH_FAILURES], "kernel stack growth attempts");
    LINES(out, r, s, new_modified);
    pools_text(out, true, "NonPagedPool", "", r->nonpaged_pool, r->nnonpaged_pools);
    LINES(out, r, s, new_nonpaged);
    pool_warning(out, s, r->excessive_nonpaged, "NonPaged");
    pools_text(out, true, "PagedPool", "", r->paged_pool, r->npaged_pools);
    LINES(out, r, s, old_paged);
    pool_warning(out, s, r->excessive_paged, "Paged");
    LINES(out, r, s, new_processors);
    LINES(out, r, s, new_sessions);
    stacks_text(out, r, s);
    LINES(out, r, s, new_commit);
    if (r->sum_system_commit != UNKNOWN)
        number_row(out, true, "Sum System Commit:", r->sum_system_commit, "");
    if (r->total_private != UNKNOWN)
        number_row(out, true, "Total Private:", r->total_private, "");
    if (r->transient_commit != UNKNOWN)
        number_row(out, true, "Misc/Transient Commit:", r->transient_commit, "");
    LINES(out, r, s, new_sums);
}

void sc_vm_text(sc_out *out, const void *record, void *ctx) {
    const struct sc_vm *r = record;
    const struct sc_vm_style *s = ctx;
    if (s->partition)
        new_text(out, r, s);
    else
        old_text(out, r, s);
    if (r->commit_failures != UNKNOWN && r->commit_failures) {
        sc_puts(out, s->partition ? "\n" : "\n\t");
        sc_printf(out, "********** %" PRId64 " commit requests have failed  **********\n\n",
                  r->commit_failures);
    }
    if (!r->has_processes)
        return;
    sc_puts(out, "\n");
    if (s->partition)
        sc_puts(out,
                "  Pid ImageName                        Commit   SharedCommit        Debt\n\n");
    else
        number_row(out, false, "Total Private:", r->total_private, "");
}

/* ---- processes and sessions ---- */

void sc_vm_process_text(sc_out *out, const void *record, void *ctx) {
    const struct sc_vm_process *r = record;
    const struct sc_vm_style *s = ctx;
    const char *image = r->image ? r->image : "?";
    if (!s->partition) {
        sc_printf(out, "\t         %04" PRIx64 " %-14s%8" PRId64 " (%10" PRId64 " Kb)\n",
                  (uint64_t)r->pid, image, r->commit, kb(r->commit));
        return;
    }
    sc_printf(out, "%5" PRIx64 " %-25s%11" PRId64 " Kb", (uint64_t)r->pid, image, kb(r->commit));
    size_text(out, "", 12, r->shared_commit);
    size_text(out, "", 9, r->debt);
    sc_puts(out, "\n");
}

static void session_row(sc_out *out, const char *label, int64_t pages) {
    if (pages == UNKNOWN)
        sc_printf(out, "%-17s %10s\n", label, "?");
    else
        sc_printf(out, "%-17s %10" PRId64 "K\n", label, kb(pages));
}

/* The lines as in "Windows Internals"; how wide their numbers are is not known. */
void sc_vm_session_text(sc_out *out, const void *record, void *ctx) {
    const struct sc_vm_session *r = record;
    const struct sc_vm_style *s = ctx;
    char buf[SC_NT_BUF];
    sc_printf(out, "\nSession ID %u @ %s:\n", r->id, sc_nt_ptr_text(r->address, s->ptr_size, buf));
    session_row(out, "Paged Pool Usage:", r->paged_pool);
    session_row(out, "Commit Usage:", r->commit);
}
