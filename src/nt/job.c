/* SPDX-License-Identifier: MIT */
/*
 * Reading EJOB. Sources: the kernels' public symbols; winnt.h for the names of limits.
 */
#include "nt/job.h"

static const struct sc_layout_field rows[NT_J_FIELDS] = {
    [NT_J_USER_TIME] = {"TotalUserTime", 8, true},
    [NT_J_KERNEL_TIME] = {"TotalKernelTime", 8, true},
    [NT_J_PERIOD_USER_TIME] = {"ThisPeriodTotalUserTime", 8, true},
    [NT_J_PERIOD_KERNEL_TIME] = {"ThisPeriodTotalKernelTime", 8, true},
    [NT_J_CYCLES] = {"TotalCycleTime", 8, true},
    [NT_J_PAGE_FAULTS] = {"TotalPageFaultCount", 4, true},
    [NT_J_PROCESSES] = {"TotalProcesses", 4, true},
    [NT_J_ACTIVE] = {"ActiveProcesses", 4, true},
    [NT_J_TERMINATED] = {"TotalTerminatedProcesses", 4, true},
    [NT_J_LIMIT_FLAGS] = {"LimitFlags", 4, true},
    [NT_J_EFFECTIVE_FLAGS] = {"EffectiveLimitFlags", 4, true},
    [NT_J_MINIMUM_WS] = {"MinimumWorkingSetSize", 1, true},
    [NT_J_MAXIMUM_WS] = {"MaximumWorkingSetSize", 1, true},
    [NT_J_ACTIVE_LIMIT] = {"ActiveProcessLimit", 4, true},
    [NT_J_PRIORITY_CLASS] = {"PriorityClass", 1, true},
    [NT_J_SCHEDULING_CLASS] = {"SchedulingClass", 4, true},
    [NT_J_UI_CLASS] = {"UIRestrictionsClass", 4, true},
    [NT_J_SECURITY_FLAGS] = {"SecurityLimitFlags", 4, true},
    [NT_J_TOKEN] = {"Token", 1, true},
    [NT_J_SESSION] = {"SessionId", 4, true},
    [NT_J_COMPLETION_PORT] = {"CompletionPort", 1, true},
    [NT_J_PROCESS_TIME_LIMIT] = {"PerProcessUserTimeLimit", 8, true},
    [NT_J_JOB_TIME_LIMIT] = {"PerJobUserTimeLimit", 8, true},
    [NT_J_PROCESS_MEMORY_LIMIT] = {"ProcessMemoryLimit", 1, true},
    [NT_J_JOB_MEMORY_LIMIT] = {"JobMemoryLimit", 1, true},
    [NT_J_PEAK_PROCESS_MEMORY] = {"PeakProcessMemoryUsed", 1, true},
    [NT_J_PEAK_JOB_MEMORY] = {"PeakJobMemoryUsed", 1, true},
    [NT_J_PARENT] = {"ParentJob", 1, true},
    [NT_J_ROOT] = {"RootJob", 1, true},
    [NT_J_FLAGS] = {"JobFlags", 4, true},
    [NT_J_ID] = {"JobId", 4, true},
    [NT_J_FREEZE] = {"EffectiveFreezeCount", 4, true},
    [NT_J_BACKGROUND] = {"EffectiveBackgroundCount", 4, true},
    [NT_J_EVENT_TYPE] = {"Event", 1, true},
    [NT_J_CHILD_LIST] = {"ChildJobListHead", 1, true},
    [NT_J_SIBLING_LINK] = {"SiblingJobLinks", 1, true},
    [NT_J_PROCESS_LIST] = {"ProcessListHead", 1, true},
};
static const uint8_t pointers[] = {
    NT_J_MINIMUM_WS,           NT_J_MAXIMUM_WS,       NT_J_TOKEN,
    NT_J_COMPLETION_PORT,      NT_J_PARENT,           NT_J_ROOT,
    NT_J_PROCESS_MEMORY_LIMIT, NT_J_JOB_MEMORY_LIMIT, NT_J_PEAK_PROCESS_MEMORY,
    NT_J_PEAK_JOB_MEMORY};
static const struct nt_def job_def = {
    {"nt!_EJOB", rows, NT_J_FIELDS}, NT_J_FIELDS, NULL, NT_POINTERS(pointers)};

/* Numbers that are no signed ones, whatever the symbols say. */
static const uint8_t words[] = {
    NT_J_PAGE_FAULTS, NT_J_PROCESSES,       NT_J_ACTIVE,       NT_J_TERMINATED,
    NT_J_LIMIT_FLAGS, NT_J_EFFECTIVE_FLAGS, NT_J_ACTIVE_LIMIT, NT_J_SCHEDULING_CLASS,
    NT_J_UI_CLASS,    NT_J_SECURITY_FLAGS,  NT_J_SESSION,      NT_J_FLAGS,
    NT_J_ID,          NT_J_FREEZE,          NT_J_BACKGROUND};

sc_err *nt_job_read(const struct nt *nt, uint64_t address, struct nt_job *ret) {
    struct nt_job j = {.address = address};
    sc_err *err = nt_load(nt, &job_def, address, j.f, &j.assumed);
    if (err)
        return err;
    for (size_t i = 0; i < sizeof words; i++)
        j.f[words[i]].value &= 0xffffffff;
    j.f[NT_J_PRIORITY_CLASS].value &= 0xff;
    *ret = j;
    return NULL;
}

/* In the order of their bits. The words of some are published, the others made like them. */
static const struct sc_layout_field flag_rows[NT_JOB_FLAGS] = {
    {"CloseDone", 0, true},
    {"MultiGroup", 0, true},
    {"OutstandingNotification", 0, true},
    {"NotificationInProgress", 0, true},
    {"UILimits", 0, true},
    {"CpuRateControlActive", 0, true},
    {"OwnCpuRateControl", 0, true},
    {"Terminating", 0, true},
    {"WorkingSetLock", 0, true},
    {"JobFrozen", 0, true},
    {"Background", 0, true},
    {"WakeNotificationAllocated", 0, true},
    {"WakeNotificationEnabled", 0, true},
    {"WakeNotificationPending", 0, true},
    {"LimitNotificationRequired", 0, true},
    {"ZeroCountNotificationRequired", 0, true},
    {"CycleTimeNotificationRequired", 0, true},
    {"CycleTimeNotificationPending", 0, true},
    {"TimersVirtualized", 0, true},
    {"JobSwapped", 0, true},
    {"ViolationDetected", 0, true},
    {"EmptyJobNotified", 0, true},
    {"NoSystemCharge", 0, true},
    {"DropNoWakeCharges", 0, true},
    {"NoWakeChargePolicyDecided", 0, true},
    {"NetRateControlActive", 0, true},
    {"OwnNetRateControl", 0, true},
    {"IoRateControlActive", 0, true},
    {"OwnIoRateControl", 0, true},
    {"DisallowNewProcesses", 0, true},
    {"Silo", 0, true},
    {"ContainerTelemetryIdSet", 0, true},
};
static const char *const flag_words[NT_JOB_FLAGS] = {"close done",
                                                     "multi group",
                                                     "outstanding notification",
                                                     "notification in progress",
                                                     "ui limits",
                                                     "cpu rate control",
                                                     "own cpu rate control",
                                                     "terminating",
                                                     "working set lock",
                                                     "frozen",
                                                     "background",
                                                     "wake notification allocated",
                                                     "wake notification enabled",
                                                     "wake notification pending",
                                                     "limit notification required",
                                                     "zero count notification required",
                                                     "cycle time notification required",
                                                     "cycle time notification pending",
                                                     "timers virtualized",
                                                     "job swapped",
                                                     "violation detected",
                                                     "empty job notified",
                                                     "no system charge",
                                                     "drop no wake charges",
                                                     "no wake charge policy decided",
                                                     "net rate control",
                                                     "own net rate control",
                                                     "io rate control",
                                                     "own io rate control",
                                                     "disallow new processes",
                                                     "silo",
                                                     "container telemetry id set"};
static const struct nt_def flags_def = {
    {"nt!_EJOB", flag_rows, NT_JOB_FLAGS}, NT_JOB_FLAGS, NULL, NULL, 0};

sc_err *nt_job_flags(const struct nt *nt, const struct nt_job *job, const char *ret[NT_JOB_FLAGS],
                     size_t *ret_count, bool *ret_named) {
    struct nt_field f[NT_JOB_FLAGS];
    sc_err *err = nt_load_optional(nt, &flags_def, job->address, f, NULL);
    if (err)
        return err;
    *ret_count = 0;
    *ret_named = false;
    for (unsigned i = 0; i < NT_JOB_FLAGS; i++) {
        *ret_named = *ret_named || f[i].state != NT_NO_FIELD;
        if (nt_set(&f[i]))
            ret[(*ret_count)++] = flag_words[i];
    }
    return NULL;
}

bool nt_job_plausible(const struct nt_job *j) {
    const struct nt_field *f = j->f;
    return nt_any(f, NT_J_FIELDS) && !(nt_or(&f[NT_J_EVENT_TYPE], 0) & 0x7f) &&
           nt_or(&f[NT_J_ACTIVE], 0) <= nt_or(&f[NT_J_PROCESSES], UINT32_MAX);
}

static sc_err *begin_list(const struct nt *nt, const struct nt_job *job, size_t field,
                          struct nt_list *ret_list, bool *ret_found) {
    uint64_t offset;
    sc_err *err = nt_offset(nt, &job_def, field, &offset, ret_found);
    if (!err && *ret_found)
        nt_list_begin(ret_list, nt, nt_add(nt, job->address, offset), NT_JOB_PROCESSES_MAX);
    return err;
}

sc_err *nt_job_processes_begin(const struct nt *nt, const struct nt_job *job,
                               struct nt_list *ret_list, bool *ret_found) {
    return begin_list(nt, job, NT_J_PROCESS_LIST, ret_list, ret_found);
}

sc_err *nt_job_children_begin(const struct nt *nt, const struct nt_job *job,
                              struct nt_list *ret_list, bool *ret_found) {
    return begin_list(nt, job, NT_J_CHILD_LIST, ret_list, ret_found);
}

sc_err *nt_job_of_sibling(const struct nt *nt, uint64_t link, uint64_t *ret) {
    uint64_t offset;
    bool found;
    sc_err *err = nt_offset(nt, &job_def, NT_J_SIBLING_LINK, &offset, &found);
    if (!err && !found)
        err = sc_errf(SC_ERR_NOT_FOUND, "nt!_EJOB has no SiblingJobLinks");
    if (!err)
        *ret = nt_add(nt, link, 0 - offset);
    return err;
}

static const struct sc_layout_field link_rows[] = {{"JobLinks", 1, true}};
static const struct nt_def link_def = {{"nt!_EPROCESS", link_rows, 1}, 1, NULL, NULL, 0};

sc_err *nt_job_process_of_link(const struct nt *nt, uint64_t link, uint64_t *ret) {
    uint64_t offset;
    bool found;
    sc_err *err = nt_offset(nt, &link_def, 0, &offset, &found);
    if (!err && !found)
        err = sc_errf(SC_ERR_NOT_FOUND, "nt!_EPROCESS has no JobLinks");
    if (!err)
        *ret = nt_add(nt, link, 0 - offset);
    return err;
}

const char *nt_job_limit_name(unsigned bit) {
    static const char *const names[] = {"JOB_OBJECT_LIMIT_WORKINGSET",
                                        "JOB_OBJECT_LIMIT_PROCESS_TIME",
                                        "JOB_OBJECT_LIMIT_JOB_TIME",
                                        "JOB_OBJECT_LIMIT_ACTIVE_PROCESS",
                                        "JOB_OBJECT_LIMIT_AFFINITY",
                                        "JOB_OBJECT_LIMIT_PRIORITY_CLASS",
                                        "JOB_OBJECT_LIMIT_PRESERVE_JOB_TIME",
                                        "JOB_OBJECT_LIMIT_SCHEDULING_CLASS",
                                        "JOB_OBJECT_LIMIT_PROCESS_MEMORY",
                                        "JOB_OBJECT_LIMIT_JOB_MEMORY",
                                        "JOB_OBJECT_LIMIT_DIE_ON_UNHANDLED_EXCEPTION",
                                        "JOB_OBJECT_LIMIT_BREAKAWAY_OK",
                                        "JOB_OBJECT_LIMIT_SILENT_BREAKAWAY_OK",
                                        "JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE",
                                        "JOB_OBJECT_LIMIT_SUBSET_AFFINITY",
                                        "JOB_OBJECT_LIMIT_JOB_MEMORY_LOW",
                                        "JOB_OBJECT_LIMIT_JOB_READ_BYTES",
                                        "JOB_OBJECT_LIMIT_JOB_WRITE_BYTES",
                                        "JOB_OBJECT_LIMIT_CPU_RATE_CONTROL",
                                        "JOB_OBJECT_LIMIT_IO_RATE_CONTROL",
                                        "JOB_OBJECT_LIMIT_NET_RATE_CONTROL"};
    return bit < sizeof names / sizeof *names ? names[bit] : NULL;
}
