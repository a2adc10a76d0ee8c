/* SPDX-License-Identifier: MIT */
/*
 * What the system said of memory: the machine's, and the process's.
 *
 * SystemMemoryInfoStream (21): MINIDUMP_SYSTEM_MEMORY_INFO_1, 0x1ec bytes
 *   +0x00 u16 Revision   +0x04 BasicInfo (0x34): u32 TimerResolution, PageSize,
 *   +0x02 u16 Flags            NumberOfPhysicalPages, …
 *   +0x38 FileCacheInfo (0x3c)
 *   +0x74 BasicPerfInfo (0x20; Flags & 2): u64 AvailablePages, CommittedPages, CommitLimit,
 *         PeakCommitment
 *   +0x94 PerfInfo (0x158)
 *
 * ProcessVmCountersStream (22): MINIDUMP_PROCESS_VM_COUNTERS_1 (0x50) and _2 (0x98)
 *   +0x00 u16 Revision (1, 2)             +0x28 u64 QuotaPeakNonPagedPoolUsage
 *   +0x02 u16 Flags                       +0x30 u64 QuotaNonPagedPoolUsage
 *   +0x04 u32 PageFaultCount              +0x38 u64 PagefileUsage
 *   +0x08 u64 PeakWorkingSetSize          +0x40 u64 PeakPagefileUsage
 *   +0x10 u64 WorkingSetSize              _1: +0x48 u64 PrivateUsage
 *   +0x18 u64 QuotaPeakPagedPoolUsage     _2: +0x48 u64 PeakVirtualSize, VirtualSize,
 *   +0x20 u64 QuotaPagedPoolUsage              PrivateUsage, PrivateWorkingSetSize,
 *         SharedCommitUsage, JobSharedCommitUsage, JobPrivateCommitUsage,
 *         JobPeakPrivateCommitUsage, JobPrivateCommitLimit, JobTotalCommitLimit
 * Flags of _2: 1 counters, 2 virtual sizes, 4 private usage, 8 working set and shared commit,
 * 0x10 job. No real file with these two streams was at hand.
 */
#include "dump/mdmp_impl.h"

enum { HAS_BASIC_PERF = 2 };

sc_err *sc_mdmp_sysmem(struct sc_source *source, struct sc_mdmp_sysmem *ret, bool *ret_present) {
    const struct sc_mdmp_stream *stream =
        mdmp_of(source) ? mdmp_find(source, MDMP_SYSTEM_MEMORY) : NULL;
    if (!stream) {
        *ret_present = false;
        return NULL;
    }
    struct sc_cur c = mdmp_cur(source, stream, "system memory info");
    struct sc_mdmp_sysmem s = {0};
    s.revision = sc_u16(&c);
    s.flags = sc_u16(&c);
    sc_u32(&c); /* TimerResolution */
    s.page_size = sc_u32(&c);
    s.physical_pages = sc_u32(&c);
    if (s.flags & HAS_BASIC_PERF) {
        sc_cur_skip(&c, 0x74 - 0x10);
        s.available_pages = sc_u64(&c);
        s.committed_pages = sc_u64(&c);
        s.commit_limit = sc_u64(&c);
        s.peak_commitment = sc_u64(&c);
    }
    if (sc_cur_failed(&c))
        return sc_cur_err(&c);
    *ret = s;
    *ret_present = true;
    return NULL;
}

/* Revision 2, from +0x48 on. */
static void read_vm2(struct sc_cur *c, struct sc_mdmp_vm *v) {
    v->peak_virtual = sc_u64(c);
    v->virtual_size = sc_u64(c);
    v->private_usage = sc_u64(c);
    v->private_working_set = sc_u64(c);
    v->shared_commit = sc_u64(c);
    v->job_shared_commit = sc_u64(c);
    v->job_private_commit = sc_u64(c);
    v->job_peak_private = sc_u64(c);
    v->job_private_limit = sc_u64(c);
    v->job_total_limit = sc_u64(c);
}

sc_err *sc_mdmp_vm(struct sc_source *source, struct sc_mdmp_vm *ret, bool *ret_present) {
    const struct sc_mdmp_stream *stream =
        mdmp_of(source) ? mdmp_find(source, MDMP_VM_COUNTERS) : NULL;
    if (!stream) {
        *ret_present = false;
        return NULL;
    }
    struct sc_cur c = mdmp_cur(source, stream, "process VM counters");
    struct sc_mdmp_vm v = {0};
    v.revision = sc_u16(&c);
    v.flags = sc_u16(&c);
    v.page_faults = sc_u32(&c);
    v.peak_working_set = sc_u64(&c);
    v.working_set = sc_u64(&c);
    v.peak_paged_quota = sc_u64(&c);
    v.paged_quota = sc_u64(&c);
    v.peak_nonpaged_quota = sc_u64(&c);
    v.nonpaged_quota = sc_u64(&c);
    v.pagefile = sc_u64(&c);
    v.peak_pagefile = sc_u64(&c);
    if (v.revision >= 2)
        read_vm2(&c, &v);
    else
        v.private_usage = sc_u64(&c);
    if (sc_cur_failed(&c))
        return sc_cur_err(&c);
    *ret = v;
    *ret_present = true;
    return NULL;
}
