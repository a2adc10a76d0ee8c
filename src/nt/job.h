/* SPDX-License-Identifier: MIT */
/* Job objects: processes that share limits. */
#ifndef NT_JOB_H
#define NT_JOB_H

#include "nt/list.h"

enum nt_job_field {
    NT_J_USER_TIME, /* 100 ns */
    NT_J_KERNEL_TIME,
    NT_J_PERIOD_USER_TIME,
    NT_J_PERIOD_KERNEL_TIME,
    NT_J_CYCLES, /* since 8 */
    NT_J_PAGE_FAULTS,
    NT_J_PROCESSES,
    NT_J_ACTIVE,
    NT_J_TERMINATED,
    NT_J_LIMIT_FLAGS,
    NT_J_EFFECTIVE_FLAGS, /* since 8: with those of the jobs around it */
    NT_J_MINIMUM_WS,      /* pages */
    NT_J_MAXIMUM_WS,
    NT_J_ACTIVE_LIMIT,
    NT_J_PRIORITY_CLASS,
    NT_J_SCHEDULING_CLASS,
    NT_J_UI_CLASS,
    NT_J_SECURITY_FLAGS, /* Windows XP and Server 2003 */
    NT_J_TOKEN,          /* the same */
    NT_J_SESSION,
    NT_J_COMPLETION_PORT,
    NT_J_PROCESS_TIME_LIMIT,
    NT_J_JOB_TIME_LIMIT,
    NT_J_PROCESS_MEMORY_LIMIT, /* pages */
    NT_J_JOB_MEMORY_LIMIT,
    NT_J_PEAK_PROCESS_MEMORY,
    NT_J_PEAK_JOB_MEMORY,
    NT_J_PARENT, /* since 8: the job that it is in */
    NT_J_ROOT,
    NT_J_FLAGS,
    NT_J_ID,
    NT_J_FREEZE, /* since 8: EffectiveFreezeCount, EffectiveBackgroundCount */
    NT_J_BACKGROUND,
    NT_J_EVENT_TYPE, /* of the event in it: DISPATCHER_HEADER.Type */
    NT_J_CHILD_LIST, /* since 8, as the next: its place alone is of interest */
    NT_J_SIBLING_LINK,
    NT_J_PROCESS_LIST, /* its place alone is of interest */
    NT_J_FIELDS
};

struct nt_job {
    uint64_t address;
    bool assumed;
    struct nt_field f[NT_J_FIELDS];
};

enum { NT_JOB_PROCESSES_MAX = 1 << 20 };

/* SC_ERR_NOT_FOUND: the symbols lack EJOB. */
sc_err *nt_job_read(const struct nt *nt, uint64_t address, struct nt_job *ret);
/* Can it be one: an event in front, no more processes than there ever were? */
bool nt_job_plausible(const struct nt_job *job);
/* Its processes: entries are links of EPROCESS.JobLinks. */
sc_err *nt_job_processes_begin(const struct nt *nt, const struct nt_job *job,
                               struct nt_list *ret_list, bool *ret_found);
sc_err *nt_job_process_of_link(const struct nt *nt, uint64_t link, uint64_t *ret_process);
/* The jobs directly in it: entries are links of EJOB.SiblingJobLinks. */
sc_err *nt_job_children_begin(const struct nt *nt, const struct nt_job *job,
                              struct nt_list *ret_list, bool *ret_found);
sc_err *nt_job_of_sibling(const struct nt *nt, uint64_t link, uint64_t *ret_job);
/*
 * The names of the bits of JobFlags that are set, in the debugger's words ("close done"), as far as
 * the symbols name them: at most NT_JOB_FLAGS into RET. *RET_NAMED: they name some.
 */
enum { NT_JOB_FLAGS = 32 };
sc_err *nt_job_flags(const struct nt *nt, const struct nt_job *job, const char *ret[NT_JOB_FLAGS],
                     size_t *ret_count, bool *ret_named);
/* "JOB_OBJECT_LIMIT_WORKINGSET": of bit BIT of LimitFlags; NULL unknown. */
const char *nt_job_limit_name(unsigned bit);

#endif
