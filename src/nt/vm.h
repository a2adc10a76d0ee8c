/* SPDX-License-Identifier: MIT */
/*
 * The memory manager's counters: what `!vm` shows. Until 8.1 they are variables of their own;
 * since Windows 10 most are members of the system's partition and of the manager's state.
 */
#ifndef NT_VM_H
#define NT_VM_H

#include "nt/nt.h"

/* All in pages but for the failures. */
enum nt_vm_counter {
    NT_VM_PHYSICAL,
    NT_VM_AVAILABLE,
    NT_VM_RESIDENT_AVAILABLE,
    NT_VM_LOCKED_IO,    /* XP and Server 2003 */
    NT_VM_FREE_PTES,    /* of the system */
    NT_VM_FREE_NP_PTES, /* XP and Server 2003: for nonpaged pool's expansion */
    NT_VM_STACK_PTE_FAILURES,
    NT_VM_STACK_GROWTH_FAILURES,
    NT_VM_MODIFIED,
    NT_VM_MODIFIED_PF, /* those of them that go to a page file */
    NT_VM_MODIFIED_NO_WRITE,
    NT_VM_NONPAGED,    /* pool in use; since Windows 8 that may hold code only */
    NT_VM_NONPAGED_NX, /* since Windows 8 */
    NT_VM_NONPAGED_MAX,
    NT_VM_PAGED,
    NT_VM_PAGED_MAX,
    NT_VM_SESSION_COMMIT,
    NT_VM_SHARED_COMMIT,
    NT_VM_SPECIAL_POOL,
    NT_VM_SHARED_PROCESS,   /* page tables and such of all processes */
    NT_VM_PROCESSOR_COMMIT, /* Windows 10: nt_vm_processor_commit() */
    NT_VM_KERNEL_STACKS,    /* Vista and 7; of Windows 10: nt_kstacks_read() */
    NT_VM_MDL_PAGES,
    NT_VM_CONTIGUOUS,
    NT_VM_AWE_PAGES,
    NT_VM_NONPAGED_COMMIT,
    NT_VM_PAGED_COMMIT,
    NT_VM_DRIVER_COMMIT,
    NT_VM_BOOT_COMMIT,
    NT_VM_PFN_COMMIT,
    NT_VM_SMALL_PTES_COMMIT,
    NT_VM_SLAB_PAGES,
    NT_VM_PAGE_TABLES,
    NT_VM_LOCKED_FILE_PAGES,
    NT_VM_PAGEFILE_HASH,
    NT_VM_COMMITTED,
    NT_VM_COMMIT_LIMIT,
    NT_VM_PEAK_COMMIT,
    NT_VM_COUNTERS
};

/* MiChargeCommitmentFailures, by why a request to commit memory failed; all since the start. */
enum nt_vm_failure {
    NT_VM_CANNOT_EXTEND, /* a page file could not be extended */
    NT_VM_AT_MAXIMUM,    /* the page files have reached their largest size */
    NT_VM_LOCK_HELD,     /* while the lock of the page files was held */
    NT_VM_OVERFLOW,      /* the new sum was not larger than the old one */
    NT_VM_FAILURES
};

/* One pool's descriptor. */
enum { NT_VM_POOLS_MAX = 65 };
struct nt_vm_pools {
    struct nt_field pages[NT_VM_POOLS_MAX];
    size_t count;
};

struct nt_vm {
    bool partition; /* the form of Windows 10: members of nt!MiSystemPartition */
    bool assumed;
    bool lacks_ptes;     /* the structure of nt!MiSystemPteInfo is not in the symbols */
    bool heaps;          /* pools are heaps, of nt!ExPoolState */
    const char *lacking; /* a structure that most counters lie in and the symbols lack; or NULL */
    struct nt_field counter[NT_VM_COUNTERS];
    struct nt_field failure[NT_VM_FAILURES];
    struct nt_vm_pools nonpaged; /* one a node; only with several nodes */
    struct nt_vm_pools paged;
};

enum { NT_VM_PAGE = 4096 };

sc_err *nt_vm_read(const struct nt *nt, struct nt_vm *ret_vm);

/*
 * What processors have charged in advance and not used: KPRCB.CachedCommit of all of them. That
 * this is the debugger's "Processor Commit" is concluded from the names. NT_ABSENT: the PRCB of one
 * is not in the dump.
 */
sc_err *nt_vm_processor_commit(const struct nt *nt, struct nt_field *ret);

/* What a counter is called in messages: "nt!MmAvailablePages" or "Vp.AvailablePages", which stands
 * behind "nt!_MI_PARTITION." (else ""). */
const char *nt_vm_structure(const struct nt_vm *vm, enum nt_vm_counter counter);
const char *nt_vm_name(const struct nt_vm *vm, enum nt_vm_counter counter);

/*
 * How many requests to commit memory have failed since the start, as the debugger counts them: the
 * kinds 0 and 1, before Vista kind 2, since Vista kind 3.
 */
struct nt_field nt_vm_commit_failures(const struct nt *nt, const struct nt_vm *vm);
/* Is more than four fifths of the pool's maximum in use? False, too, when that is not known. */
bool nt_vm_excessive_nonpaged(const struct nt_vm *vm);
bool nt_vm_excessive_paged(const struct nt_vm *vm);

#endif
