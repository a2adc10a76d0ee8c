/* SPDX-License-Identifier: MIT */
/*
 * `!job`: a job, by its address or that of a process or thread in it.
 *
 *     Job at ffffffff8256e1f0                     of Windows XP and Server 2003, as published of
 * XP: TotalPageFaultCount      0                numbers are hexadecimal, 32-bit addresses are
 *       TotalProcesses           1                sign-extended in the first line
 *
 *     Job at ffffd104a05ed380                     later, as published of Windows 10
 *       Basic Accounting Information
 *         TotalUserTime:             0x0
 *       Job Flags
 *         [wake notification allocated]
 *       Limit Information (LimitFlags: 0x800)
 *       Limit Information (EffectiveLimitFlags: 0x403800)
 *         JOB_OBJECT_LIMIT_BREAKAWAY_OK
 *
 * How much each limit allows is not part of what is published: it stands in brackets.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cmd/kobject.h"
#include "cmd/kthread.h"
#include "cmd/session_impl.h"
#include "nt/current.h"
#include "nt/job.h"

enum { SHOW_SETTINGS = 1, SHOW_PROCESSES = 2, FIRST_NEW_BUILD = 6000, FIRST_NESTED_BUILD = 9200 };

/* ---- the record ---- */

struct row {
    uint64_t address, token, completion_port, parent, root;
    bool assumed, has_token, has_security;
    uint64_t user_time, kernel_time, period_user_time, period_kernel_time, cycles;
    uint64_t process_time_limit, job_time_limit; /* of user mode; 0: none */
    int64_t freeze_count, background_count;
    int64_t page_faults, processes, active, terminated, limit_flags, effective_flags;
    int64_t minimum_ws, maximum_ws, active_limit, priority_class, scheduling_class, ui_class,
        security_flags, session, job_flags, id;
    int64_t process_memory_limit, job_memory_limit, peak_process_memory, peak_job_memory;
    const char *limit[32];
    const char **limits;
    size_t nlimits;
    const char *flag[NT_JOB_FLAGS];
    const char **flags;
    size_t nflags;
    bool old; /* it is shown as it was then */
    bool flags_named, has_flags, has_priority, no_parent, has_freeze, has_cycles, has_effective;
};
static const struct sc_field fields[] = {SC_FIELD(struct row, address, SC_F_ADDR),
                                         SC_FIELD(struct row, user_time, SC_F_SPAN),
                                         SC_FIELD(struct row, kernel_time, SC_F_SPAN),
                                         SC_FIELD(struct row, period_user_time, SC_F_SPAN),
                                         SC_FIELD(struct row, period_kernel_time, SC_F_SPAN),
                                         SC_FIELD(struct row, cycles, SC_F_U64),
                                         SC_FIELD(struct row, page_faults, SC_F_NUM),
                                         SC_FIELD(struct row, processes, SC_F_NUM),
                                         SC_FIELD(struct row, active, SC_F_NUM),
                                         SC_FIELD(struct row, terminated, SC_F_NUM),
                                         SC_FIELD(struct row, freeze_count, SC_F_NUM),
                                         SC_FIELD(struct row, background_count, SC_F_NUM),
                                         SC_FIELD(struct row, limit_flags, SC_F_NUM),
                                         SC_FIELD_STRS(struct row, limits, nlimits),
                                         SC_FIELD(struct row, effective_flags, SC_F_NUM),
                                         SC_FIELD(struct row, minimum_ws, SC_F_NUM),
                                         SC_FIELD(struct row, maximum_ws, SC_F_NUM),
                                         SC_FIELD(struct row, active_limit, SC_F_NUM),
                                         SC_FIELD(struct row, priority_class, SC_F_NUM),
                                         SC_FIELD(struct row, scheduling_class, SC_F_NUM),
                                         SC_FIELD(struct row, ui_class, SC_F_NUM),
                                         SC_FIELD(struct row, security_flags, SC_F_NUM),
                                         SC_FIELD(struct row, token, SC_F_ADDR),
                                         SC_FIELD(struct row, process_memory_limit, SC_F_NUM),
                                         SC_FIELD(struct row, job_memory_limit, SC_F_NUM),
                                         SC_FIELD(struct row, peak_process_memory, SC_F_NUM),
                                         SC_FIELD(struct row, peak_job_memory, SC_F_NUM),
                                         SC_FIELD(struct row, session, SC_F_NUM),
                                         SC_FIELD(struct row, id, SC_F_NUM),
                                         SC_FIELD(struct row, job_flags, SC_F_NUM),
                                         SC_FIELD_STRS(struct row, flags, nflags),
                                         SC_FIELD(struct row, process_time_limit, SC_F_SPAN),
                                         SC_FIELD(struct row, job_time_limit, SC_F_SPAN),
                                         SC_FIELD(struct row, completion_port, SC_F_ADDR),
                                         SC_FIELD(struct row, parent, SC_F_ADDR),
                                         SC_FIELD(struct row, root, SC_F_ADDR),
                                         SC_FIELD(struct row, assumed, SC_F_BOOL),
                                         SC_FIELD_END};
static const struct sc_rectype row_type = {"job", sizeof(struct row), fields};

static void fill(const struct nt *nt, const struct nt_job *j, struct row *r) {
    const struct nt_field *f = j->f;
    r->address = j->address;
    r->assumed = j->assumed;
    r->user_time = nt_or(&f[NT_J_USER_TIME], SC_UNSET64);
    r->kernel_time = nt_or(&f[NT_J_KERNEL_TIME], SC_UNSET64);
    r->period_user_time = nt_or(&f[NT_J_PERIOD_USER_TIME], SC_UNSET64);
    r->period_kernel_time = nt_or(&f[NT_J_PERIOD_KERNEL_TIME], SC_UNSET64);
    r->cycles = nt_or(&f[NT_J_CYCLES], 0);
    r->has_cycles = f[NT_J_CYCLES].state != NT_NO_FIELD;
    r->process_time_limit = nt_or(&f[NT_J_PROCESS_TIME_LIMIT], SC_UNSET64);
    r->job_time_limit = nt_or(&f[NT_J_JOB_TIME_LIMIT], SC_UNSET64);
    r->freeze_count = sc_nt_num(&f[NT_J_FREEZE]);
    r->has_freeze = f[NT_J_FREEZE].state != NT_NO_FIELD;
    r->background_count = sc_nt_num(&f[NT_J_BACKGROUND]);
    r->has_effective = f[NT_J_EFFECTIVE_FLAGS].state != NT_NO_FIELD;
    r->has_flags = f[NT_J_FLAGS].state != NT_NO_FIELD;
    r->old = nt->build < FIRST_NEW_BUILD;
    r->page_faults = sc_nt_num(&f[NT_J_PAGE_FAULTS]);
    r->processes = sc_nt_num(&f[NT_J_PROCESSES]);
    r->active = sc_nt_num(&f[NT_J_ACTIVE]);
    r->terminated = sc_nt_num(&f[NT_J_TERMINATED]);
    r->limit_flags = sc_nt_num(&f[NT_J_LIMIT_FLAGS]);
    r->effective_flags = sc_nt_num(&f[NT_J_EFFECTIVE_FLAGS]);
    r->minimum_ws = sc_nt_num(&f[NT_J_MINIMUM_WS]);
    r->maximum_ws = sc_nt_num(&f[NT_J_MAXIMUM_WS]);
    r->active_limit = sc_nt_num(&f[NT_J_ACTIVE_LIMIT]);
    r->priority_class = sc_nt_num(&f[NT_J_PRIORITY_CLASS]);
    r->has_priority = f[NT_J_PRIORITY_CLASS].state != NT_NO_FIELD;
    r->scheduling_class = sc_nt_num(&f[NT_J_SCHEDULING_CLASS]);
    r->ui_class = sc_nt_num(&f[NT_J_UI_CLASS]);
    r->security_flags = sc_nt_num(&f[NT_J_SECURITY_FLAGS]);
    r->has_security = f[NT_J_SECURITY_FLAGS].state != NT_NO_FIELD;
    r->token = sc_nt_addr(&f[NT_J_TOKEN]);
    r->has_token = f[NT_J_TOKEN].state != NT_NO_FIELD;
    r->session = sc_nt_num(&f[NT_J_SESSION]);
    r->completion_port = sc_nt_addr(&f[NT_J_COMPLETION_PORT]);
    r->process_memory_limit = sc_nt_num(&f[NT_J_PROCESS_MEMORY_LIMIT]);
    r->job_memory_limit = sc_nt_num(&f[NT_J_JOB_MEMORY_LIMIT]);
    r->peak_process_memory = sc_nt_num(&f[NT_J_PEAK_PROCESS_MEMORY]);
    r->peak_job_memory = sc_nt_num(&f[NT_J_PEAK_JOB_MEMORY]);
    r->no_parent = nt->build >= FIRST_NESTED_BUILD && f[NT_J_PARENT].state == NT_NO_FIELD;
    r->parent = sc_nt_addr(&f[NT_J_PARENT]);
    r->root = sc_nt_addr(&f[NT_J_ROOT]);
    r->job_flags = sc_nt_num(&f[NT_J_FLAGS]);
    r->id = sc_nt_num(&f[NT_J_ID]);
    for (unsigned bit = 0; bit < 32; bit++)
        if (f[NT_J_LIMIT_FLAGS].value >> bit & 1 && nt_job_limit_name(bit))
            r->limit[r->nlimits++] = nt_job_limit_name(bit);
    r->limits = r->limit;
}

/* ---- text ---- */

struct text {
    unsigned ptr_size;
    uint64_t flags;
    bool enrich;
};

#define LIMIT_PREFIX "JOB_OBJECT_LIMIT_"

static void line(sc_out *out, const char *label, int64_t value) {
    if (value == INT64_MIN)
        sc_printf(out, "  %-24s ?\n", label);
    else
        sc_printf(out, "  %-24s %" PRIx64 "\n", label, (uint64_t)value);
}

static void limit_line(sc_out *out, const struct row *r, const struct text *t) {
    if (!t->enrich || !r->nlimits) {
        line(out, "LimitFlags", r->limit_flags);
        return;
    }
    sc_printf(out, "  %-24s %" PRIx64 "  [", "LimitFlags", (uint64_t)r->limit_flags);
    for (size_t i = 0; i < r->nlimits; i++)
        sc_printf(out, "%s%s", i ? " " : "", r->limits[i] + strlen(LIMIT_PREFIX));
    sc_puts(out, "]\n");
}

static void old_text(sc_out *out, const struct row *r, const struct text *t) {
    char a[SC_NT_BUF];
    uint64_t shown = t->ptr_size == 4 ? (uint64_t)(int32_t)r->address : r->address;
    sc_printf(out, "Job at %016" PRIx64 "\n", shown);
    if (!(t->flags & SHOW_SETTINGS))
        return;
    line(out, "TotalPageFaultCount", r->page_faults);
    line(out, "TotalProcesses", r->processes);
    line(out, "ActiveProcesses", r->active);
    line(out, "TotalTerminatedProcesses", r->terminated);
    limit_line(out, r, t);
    line(out, "MinimumWorkingSetSize", r->minimum_ws);
    line(out, "MaximumWorkingSetSize", r->maximum_ws);
    line(out, "ActiveProcessLimit", r->active_limit);
    line(out, "PriorityClass", r->priority_class);
    line(out, "UIRestrictionsClass", r->ui_class);
    if (r->has_security)
        line(out, "SecurityLimitFlags", r->security_flags);
    if (r->has_token)
        sc_printf(out, "  %-24s %s\n", "Token", sc_nt_ptr_text(r->token, t->ptr_size, a));
}

/* ---- text of today ---- */

static const char *hex(uint64_t value, char buf[SC_NT_BUF]) {
    if (value == SC_UNSET64 || value == (uint64_t)INT64_MIN)
        snprintf(buf, SC_NT_BUF, "?");
    else
        snprintf(buf, SC_NT_BUF, "0x%" PRIx64, value);
    return buf;
}

static void item(sc_out *out, const char *label, const char *value) {
    sc_printf(out, "    %-26s %s\n", label, value);
}

static void accounting(sc_out *out, const struct row *r) {
    char buf[SC_NT_BUF];
    sc_puts(out, "  Basic Accounting Information\n");
    item(out, "TotalUserTime:", hex(r->user_time, buf));
    item(out, "TotalKernelTime:", hex(r->kernel_time, buf));
    if (r->has_cycles)
        item(out, "TotalCycleTime:", hex(r->cycles, buf));
    item(out, "ThisPeriodTotalUserTime:", hex(r->period_user_time, buf));
    item(out, "ThisPeriodTotalKernelTime:", hex(r->period_kernel_time, buf));
    item(out, "TotalPageFaultCount:", hex((uint64_t)r->page_faults, buf));
    item(out, "TotalProcesses:", hex((uint64_t)r->processes, buf));
    item(out, "ActiveProcesses:", hex((uint64_t)r->active, buf));
    if (r->has_freeze) {
        item(out, "FreezeCount:", sc_nt_num_text(r->freeze_count, buf));
        item(out, "BackgroundCount:", sc_nt_num_text(r->background_count, buf));
    }
    item(out, "TotalTerminatedProcesses:", hex((uint64_t)r->terminated, buf));
    item(out, "PeakJobMemoryUsed:", hex((uint64_t)r->peak_job_memory, buf));
    item(out, "PeakProcessMemoryUsed:", hex((uint64_t)r->peak_process_memory, buf));
}

/* Names where the symbols have them, else the number; that neither is there is said. */
static void job_flags(sc_out *out, const struct row *r) {
    sc_puts(out, "  Job Flags\n");
    for (size_t i = 0; i < r->nflags; i++)
        sc_printf(out, "    [%s]\n", r->flags[i]);
    if (!r->has_flags)
        sc_puts(out, "    [nt!_EJOB has no JobFlags in this build's symbols]\n");
    else if (!r->flags_named && r->job_flags)
        sc_printf(out, "    [0x%" PRIx64 "]\n", (uint64_t)r->job_flags);
}

/* What the limit of bit BIT is, with a blank before it; nothing if it is no number. */
static void limit_value(sc_out *out, const struct row *r, unsigned bit) {
    char a[SC_NT_BUF], b[SC_NT_BUF];
    switch (bit) {
    case 0:
        sc_printf(out, "  [%s to %s pages]", sc_nt_num_text(r->minimum_ws, a),
                  sc_nt_num_text(r->maximum_ws, b));
        break;
    case 1: sc_printf(out, "  [%s]", sc_nt_span_text(r->process_time_limit, a)); break;
    case 2: sc_printf(out, "  [%s]", sc_nt_span_text(r->job_time_limit, a)); break;
    case 3: sc_printf(out, "  [%s]", sc_nt_num_text(r->active_limit, a)); break;
    case 5:
        sc_printf(out, "  [%s]",
                  r->has_priority ? sc_nt_num_text(r->priority_class, a)
                                  : "nt!_EJOB has no PriorityClass in this build's symbols");
        break;
    case 7: sc_printf(out, "  [%s]", sc_nt_num_text(r->scheduling_class, a)); break;
    case 8: sc_printf(out, "  [%s pages]", sc_nt_num_text(r->process_memory_limit, a)); break;
    case 9: sc_printf(out, "  [%s pages]", sc_nt_num_text(r->job_memory_limit, a)); break;
    default: break;
    }
}

static void limits(sc_out *out, const struct row *r, const struct text *t) {
    char a[SC_NT_BUF];
    sc_printf(out, "  Limit Information (LimitFlags: %s)\n", hex((uint64_t)r->limit_flags, a));
    if (r->has_effective)
        sc_printf(out, "  Limit Information (EffectiveLimitFlags: %s)\n",
                  hex((uint64_t)r->effective_flags, a));
    for (unsigned bit = 0; r->limit_flags != INT64_MIN && bit < 32; bit++) {
        if (!(r->limit_flags >> bit & 1) || !nt_job_limit_name(bit))
            continue;
        sc_printf(out, "    %s", nt_job_limit_name(bit));
        if (t->enrich)
            limit_value(out, r, bit);
        sc_puts(out, "\n");
    }
    if (t->enrich && r->ui_class > 0)
        sc_printf(out, "  [UIRestrictionsClass: 0x%" PRIx64 "]\n", (uint64_t)r->ui_class);
    if (t->enrich && r->no_parent)
        sc_puts(out, "  [nt!_EJOB has no ParentJob in this build's symbols]\n");
    else if (t->enrich && r->parent && r->parent != SC_UNSET64)
        sc_printf(out, "  [ParentJob: %s]\n", sc_nt_ptr_text(r->parent, t->ptr_size, a));
}

static void row_text(sc_out *out, const void *record, void *ctx) {
    const struct row *r = record;
    const struct text *t = ctx;
    char a[SC_NT_BUF];
    if (r->old) {
        old_text(out, r, t);
        return;
    }
    sc_printf(out, "Job at %s\n", sc_nt_ptr_text(r->address, t->ptr_size, a));
    if (!(t->flags & SHOW_SETTINGS))
        return;
    accounting(out, r);
    job_flags(out, r);
    limits(out, r, t);
}

/* ---- the command ---- */

static sc_err *show_processes(sc_session *s, const struct nt *nt, const struct nt_job *job) {
    struct nt_list list;
    struct nt_process p;
    uint64_t link, address;
    bool has;
    char why[NT_LIST_TEXT];
    sc_err *err = nt_job_processes_begin(nt, job, &list, &has);
    if (err || !has)
        return err;
    sc_puts(s->out, "  Processes assigned to this job:\n");
    while (!err && nt_list_next(&list, &link)) {
        err = nt_job_process_of_link(nt, link, &address);
        if (!err)
            err = nt_process_read(nt, address, &p);
        if (err)
            return err;
        if (!nt_process_valid(&p)) {
            sc_remark(s->out, "*** the dump does not hold the process at %0*" PRIx64,
                      (int)nt->ptr_size * 2, address);
            continue;
        }
        sc_arena *arena = sc_arena_create();
        if (!arena)
            return sc_err_nomem();
        err = sc_show_kprocess(s, nt, address, 0, arena);
        sc_arena_destroy(arena);
    }
    if (!err && list.end == NT_LIST_STOP)
        err = sc_err_cancelled();
    if (!err && list.end != NT_LIST_DONE)
        sc_remark(s->out, "*** the dump does not hold all processes of the job: %s",
                  nt_list_end_text(&list, why));
    return err;
}

struct child {
    uint64_t address, parent;
};
static const struct sc_field child_fields[] = {SC_FIELD(struct child, address, SC_F_ADDR),
                                               SC_FIELD(struct child, parent, SC_F_ADDR),
                                               SC_FIELD_END};
static const struct sc_rectype child_type = {"nested_job", sizeof(struct child), child_fields};

static void child_text(sc_out *out, const void *record, void *ctx) {
    const struct text *t = ctx;
    char a[SC_NT_BUF];
    if (t->enrich)
        sc_printf(out, "  [Job in this job: %s]\n",
                  sc_nt_ptr_text(((const struct child *)record)->address, t->ptr_size, a));
}

/* Its processes are listed there, and counted here. */
static sc_err *show_children(sc_session *s, const struct nt *nt, const struct nt_job *job,
                             struct text *text) {
    struct nt_list list;
    struct child c = {.parent = job->address};
    uint64_t link;
    bool has;
    char why[NT_LIST_TEXT];
    sc_err *err = nt_job_children_begin(nt, job, &list, &has);
    if (err || !has)
        return err;
    while (!err && nt_list_next(&list, &link)) {
        err = nt_job_of_sibling(nt, link, &c.address);
        if (!err)
            sc_record(s->out, &child_type, &c, child_text, text);
    }
    if (!err && list.end == NT_LIST_STOP)
        err = sc_err_cancelled();
    if (!err && list.end != NT_LIST_DONE)
        sc_remark(s->out, "*** the dump does not hold all jobs in this job: %s",
                  nt_list_end_text(&list, why));
    return err;
}

static sc_err *show(sc_session *s, const struct nt *nt, uint64_t address, uint64_t flags) {
    struct nt_job job;
    struct row r = {0};
    struct text text = {nt->ptr_size, flags, sc_session_enrich(s)};
    char buf[SC_NT_BUF];
    sc_err *err = nt_job_read(nt, address, &job);
    if (!err && !nt_any(job.f, NT_J_FIELDS))
        err = sc_errf(SC_ERR_NOT_FOUND, "the dump does not hold the job at %s",
                      sc_nt_asked_text(address, nt->ptr_size, buf));
    if (!err && !nt_job_plausible(&job))
        err = sc_errf(SC_ERR_NOT_FOUND, "at %s there is no job",
                      sc_nt_asked_text(address, nt->ptr_size, buf));
    if (err)
        return err;
    fill(nt, &job, &r);
    err = nt_job_flags(nt, &job, r.flag, &r.nflags, &r.flags_named);
    if (err)
        return err;
    r.flags = r.flag;
    sc_record(s->out, &row_type, &r, row_text, &text);
    if (flags & SHOW_SETTINGS)
        err = show_children(s, nt, &job, &text);
    if (!err && flags & SHOW_PROCESSES)
        err = show_processes(s, nt, &job);
    if (!err)
        sc_nt_assumed(s, job.assumed);
    return err;
}

/* The job of the process at ADDRESS. */
static sc_err *job_of_process(const struct nt *nt, uint64_t address, uint64_t *ret) {
    struct nt_process p;
    char buf[SC_NT_BUF];
    sc_err *err = nt_process_read(nt, address, &p);
    if (err)
        return err;
    const struct nt_field *job = &p.f[NT_P_JOB];
    sc_nt_ptr_text(address, nt->ptr_size, buf);
    if (job->state != NT_READ)
        return sc_errf(SC_ERR_NOT_FOUND, "the job of the process at %s is %s", buf, nt_why(job));
    if (!job->value)
        return sc_errf(SC_ERR_NOT_FOUND, "The process at %s is not part of a job", buf);
    *ret = job->value;
    return NULL;
}

/* What lies at ADDRESS may be a process, a thread, or the job itself. */
static sc_err *job_at(const struct nt *nt, uint64_t address, sc_arena *arena, uint64_t *ret) {
    struct nt_process p;
    struct nt_thread t;
    struct nt_objects om;
    struct nt_object o = {.type_why = NULL};
    uint64_t process;
    char buf[SC_NT_BUF];
    sc_err *err = nt_objects_init(nt, arena, &om);
    if (!err)
        err = nt_object_read(&om, address, &o);
    if (err && !sc_err_catch(&err, SC_ERR_NOT_FOUND))
        return err;
    *ret = address;
    if (nt_object_is(&o, "Job"))
        return NULL;
    err = nt_process_read(nt, address, &p);
    if (!err && nt_process_valid(&p))
        return job_of_process(nt, address, ret);
    if (!err)
        err = nt_thread_read(nt, address, &t);
    if (!err && nt_thread_valid(&t)) {
        err = nt_thread_process(nt, address, &process);
        return err ? err : job_of_process(nt, process, ret);
    }
    if (!err && o.type.name)
        err = sc_errf(SC_ERR_NOT_FOUND, "the object at %s is no job: its type is %s",
                      sc_nt_asked_text(address, nt->ptr_size, buf), o.type.name);
    return err;
}

static sc_err *run_job(sc_session *s, const struct sc_args *args) {
    struct nt nt;
    uint64_t address, process;
    sc_err *err = sc_session_nt(s, &nt);
    if (err)
        return err;
    address = args->v[0].given ? sc_space_canon(nt.space, args->v[0].num) : 0;
    if (address) {
        err = job_at(&nt, address, args->arena, &address);
    } else {
        err = sc_session_process(s, &nt, &process);
        if (!err)
            err = job_of_process(&nt, process, &address);
    }
    return err ? err : show(s, &nt, address, args->v[1].given ? args->v[1].num : SHOW_SETTINGS);
}

static const struct sc_arg job_args[] = {
    {SC_ARG_EXPR, "address", NULL, true, "of a job, or of a process or thread in it; 0 current"},
    {SC_ARG_EXPR, "flags", NULL, true, "1 settings and statistics, 2 its processes"},
    {SC_ARG_END, NULL, NULL, false, NULL}};

const struct sc_command sc_job_commands[] = {
    {.name = "!job",
     .brief = "show a job object",
     .needs = SC_NEED_KERNEL | SC_NEED_WINDOWS,
     .args = job_args,
     .help = "Without an address, or with 0, the job of the current process. Flags: 1 settings and "
             "statistics, 2 the processes in it; 1 if none are given. Numbers are hexadecimal but "
             "for counts and what stands in brackets; times are units of 100 ns, sizes pages.\n"
             "A process is listed in the innermost of nested jobs, and counts in all of them.",
     .sample = "!job",
     .run = run_job},
    {.name = NULL},
};
