/* SPDX-License-Identifier: MIT */
/*
 * `!vm`: the memory manager's counters, and what each process has committed.
 *
 *     !vm [flags]
 *
 * Flags: 1 without processes, 4 each session, too. 2 (stacks of the memory manager's threads), 8
 * (log of the page file), 0x10 (owners of working sets) and 0x20 (kernel addresses) are not shown.
 */
#include "cmd/vm.h"

#include <inttypes.h>
#include <string.h>

#include "base/sort.h"
#include "cmd/kernel.h"
#include "cmd/session_impl.h"
#include "nt/commit.h"
#include "nt/pagefile.h"

enum { FLAG_SYSTEM = 1, FLAG_SESSIONS = 4, FLAGS_NOT_SHOWN = 0x3a };

struct job {
    sc_session *s;
    struct nt nt;
    uint64_t flags;
    sc_arena *arena;
    struct nt_vm vm;
    struct nt_pagefiles files;
    struct nt_commits commits;
    struct sc_vm_style style;
};

/* ---- the record ---- */

static sc_err *fill_files(const struct job *j, struct sc_vm *r) {
    size_t n = j->files.count;
    r->page_file = sc_arena_array(j->arena, n ? n : 1, sizeof *r->page_file);
    if (!r->page_file)
        return sc_err_nomem();
    for (size_t i = 0; i < n; i++) {
        const struct nt_pagefile *f = &j->files.file[i];
        r->page_file[i] = (struct sc_vm_file){f->address,
                                              f->name,
                                              sc_nt_num(&f->f[NT_PF_SIZE]),
                                              sc_nt_num(&f->f[NT_PF_FREE]),
                                              sc_nt_num(&f->f[NT_PF_MINIMUM]),
                                              sc_nt_num(&f->f[NT_PF_MAXIMUM]),
                                              sc_nt_num(&f->f[NT_PF_PEAK])};
    }
    r->npage_files = n;
    return NULL;
}

static sc_err *fill_pools(const struct nt_vm_pools *pools, sc_arena *arena,
                          struct sc_vm_pool **ret_pool, size_t *ret_count) {
    *ret_pool = sc_arena_array(arena, pools->count ? pools->count : 1, sizeof **ret_pool);
    if (!*ret_pool)
        return sc_err_nomem();
    for (size_t i = 0; i < pools->count; i++)
        (*ret_pool)[i].pages = sc_nt_num(&pools->pages[i]);
    *ret_count = pools->count;
    return NULL;
}

/* What all sessions have committed; not known when a session's number is not. */
static int64_t session_commit(const struct nt_commits *c) {
    int64_t sum = 0;
    if (!c->nsessions)
        return INT64_MIN;
    for (size_t i = 0; i < c->nsessions; i++) {
        if (c->session[i].commit.state != NT_READ)
            return INT64_MIN;
        sum = (int64_t)((uint64_t)sum + c->session[i].commit.value);
    }
    return sum;
}

static int64_t total_private(const struct nt_commits *c) {
    uint64_t sum = 0;
    for (size_t i = 0; i < c->nprocesses; i++)
        sum += c->process[i].commit.value;
    return c->nprocesses ? (int64_t)sum : INT64_MIN;
}

/* Windows 10: what the system has committed for itself, and what is left of the whole. */
static void fill_sums(struct sc_vm *r) {
    static const uint8_t parts[] = {
        NT_VM_SESSION_COMMIT, NT_VM_SHARED_COMMIT, NT_VM_SPECIAL_POOL,      NT_VM_MDL_PAGES,
        NT_VM_CONTIGUOUS,     NT_VM_AWE_PAGES,     NT_VM_NONPAGED_COMMIT,   NT_VM_PAGED_COMMIT,
        NT_VM_DRIVER_COMMIT,  NT_VM_BOOT_COMMIT,   NT_VM_PFN_COMMIT,        NT_VM_SMALL_PTES_COMMIT,
        NT_VM_SLAB_PAGES,     NT_VM_PAGE_TABLES,   NT_VM_LOCKED_FILE_PAGES, NT_VM_PAGEFILE_HASH};
    uint64_t sum = 0;
    bool any = false;
    for (size_t i = 0; i < sizeof parts; i++)
        if (r->counter[parts[i]] != INT64_MIN) {
            sum += (uint64_t)r->counter[parts[i]];
            any = true;
        }
    if (!any)
        return;
    r->sum_system_commit = (int64_t)sum;
    int64_t committed = r->counter[NT_VM_COMMITTED];
    if (committed != INT64_MIN && r->total_private != INT64_MIN)
        r->transient_commit = (int64_t)((uint64_t)committed - sum - (uint64_t)r->total_private);
}

static sc_err *fill(const struct job *j, struct sc_vm *r) {
    const struct nt_vm *vm = &j->vm;
    struct nt_field failures = nt_vm_commit_failures(&j->nt, vm);
    for (unsigned i = 0; i < NT_VM_COUNTERS; i++)
        r->counter[i] = sc_nt_num(&vm->counter[i]);
    for (unsigned i = 0; i < NT_VM_FAILURES; i++)
        r->failure[i] = sc_nt_num(&vm->failure[i]);
    r->commit_failures = sc_nt_num(&failures);
    r->excessive_nonpaged = nt_vm_excessive_nonpaged(vm);
    r->excessive_paged = nt_vm_excessive_paged(vm);
    r->counter[NT_VM_SESSION_COMMIT] = session_commit(&j->commits);
    r->total_private = total_private(&j->commits);
    r->sum_system_commit = r->transient_commit = INT64_MIN;
    r->has_processes = !(j->flags & FLAG_SYSTEM) && j->commits.nprocesses;
    if (j->style.partition)
        fill_sums(r);
    sc_err *err = fill_files(j, r);
    if (!err)
        err = fill_pools(&vm->nonpaged, j->arena, &r->nonpaged_pool, &r->nnonpaged_pools);
    return err ? err : fill_pools(&vm->paged, j->arena, &r->paged_pool, &r->npaged_pools);
}

/* ---- processes ---- */

/* The largest first. */
static sc_err *show_processes(struct job *j) {
    const struct nt_commits *c = &j->commits;
    struct sc_sort_key *keys =
        sc_arena_array(j->arena, c->nprocesses ? c->nprocesses : 1, sizeof *keys);
    if (!keys)
        return sc_err_nomem();
    for (size_t i = 0; i < c->nprocesses; i++)
        keys[i] = (struct sc_sort_key){UINT64_MAX - c->process[i].commit.value, i};
    if (!sc_sort_keys(keys, c->nprocesses))
        return sc_err_nomem();
    for (size_t i = 0; i < c->nprocesses; i++) {
        const struct nt_process_commit *p = &c->process[keys[i].index];
        struct sc_vm_process r = {p->address,
                                  (int64_t)p->pid,
                                  *p->image ? p->image : NULL,
                                  sc_nt_num(&p->commit),
                                  sc_nt_num(&p->shared),
                                  sc_nt_num(&p->debt)};
        sc_record(j->s->out, &sc_vm_process_type, &r, sc_vm_process_text, &j->style);
    }
    return NULL;
}

static void show_sessions(struct job *j) {
    sc_puts(j->s->out, "\n");
    for (size_t i = 0; i < j->commits.nsessions; i++) {
        const struct nt_session_commit *s = &j->commits.session[i];
        struct sc_vm_session r = {s->address, s->id, sc_nt_num(&s->commit), s->processes};
        sc_record(j->s->out, &sc_vm_session_type, &r, sc_vm_session_text, &j->style);
    }
}

/* ---- what is missing ---- */

static const uint8_t wanted[] = {
    NT_VM_PHYSICAL,      NT_VM_AVAILABLE,     NT_VM_RESIDENT_AVAILABLE, NT_VM_FREE_PTES,
    NT_VM_MODIFIED,      NT_VM_NONPAGED,      NT_VM_NONPAGED_MAX,       NT_VM_PAGED,
    NT_VM_PAGED_MAX,     NT_VM_SHARED_COMMIT, NT_VM_SHARED_PROCESS,     NT_VM_PAGED_COMMIT,
    NT_VM_DRIVER_COMMIT, NT_VM_COMMITTED,     NT_VM_COMMIT_LIMIT};

/* The names of what STATE says, separated by commas; NULL when there is none. */
static sc_err *names_of(const struct job *j, enum nt_state state, const char **ret) {
    const char *list = NULL;
    for (size_t i = 0; i < sizeof wanted; i++) {
        if (j->vm.counter[wanted[i]].state != state)
            continue;
        const char *name = nt_vm_name(&j->vm, wanted[i]);
        list = list ? sc_arena_printf(j->arena, "%s, %s", list, name)
                    : sc_arena_strdup(j->arena, name);
        if (!list)
            return sc_err_nomem();
    }
    *ret = list;
    return NULL;
}

static sc_err *remarks(struct job *j) {
    const char *absent, *unknown;
    char why[NT_LIST_TEXT];
    const struct nt_commits *c = &j->commits;
    sc_err *err = names_of(j, NT_ABSENT, &absent);
    if (!err)
        err = names_of(j, NT_NO_FIELD, &unknown);
    if (err)
        return err;
    if (absent)
        sc_remark(j->s->out, "Not in this dump: the pages of %s.", absent);
    if (unknown)
        sc_remark(j->s->out, "The symbols of this kernel do not have: %s.", unknown);
    if (!c->found)
        sc_remark(j->s->out, "The list of processes was not found.");
    else if (c->list.end != NT_LIST_DONE)
        sc_remark(j->s->out, "The list of processes is not whole: %s.",
                  nt_list_end_text(&c->list, why));
    if (c->absent)
        sc_remark(j->s->out, "%" PRIu64 " processes are not in the dump.", c->absent);
    if (j->flags & FLAGS_NOT_SHOWN)
        sc_remark(j->s->out, "The flags 2, 8, 10 and 20 have no effect here.");
    sc_nt_assumed(j->s, j->vm.assumed || j->files.assumed || c->assumed);
    return NULL;
}

/* ---- the command ---- */

static sc_err *show(struct job *j) {
    struct sc_vm r = {.npage_files = 0};
    size_t known = 0;
    for (size_t i = 0; i < sizeof wanted; i++)
        known += j->vm.counter[wanted[i]].state == NT_READ;
    if (!known)
        return sc_errf(SC_ERR_NOT_FOUND,
                       "!vm: the dump does not hold the memory manager's counters (%s)",
                       nt_vm_name(&j->vm, NT_VM_AVAILABLE));
    sc_err *err = fill(j, &r);
    if (err)
        return err;
    sc_record(j->s->out, &sc_vm_type, &r, sc_vm_text, &j->style);
    if (r.has_processes)
        err = show_processes(j);
    if (!err && j->flags & FLAG_SESSIONS)
        show_sessions(j);
    return err ? err : remarks(j);
}

static sc_err *run_vm(sc_session *s, const struct sc_args *args) {
    struct job j = {.s = s, .flags = args->v[0].given ? args->v[0].num : 0, .arena = args->arena};
    sc_err *err = sc_session_nt(s, &j.nt);
    if (!err)
        err = nt_vm_read(&j.nt, &j.vm);
    if (!err)
        err = nt_pagefiles_read(&j.nt, j.arena, &j.files);
    if (!err)
        err = nt_commits_read(&j.nt, &j.commits);
    if (err)
        return err;
    j.style = (struct sc_vm_style){j.nt.build >= 10000, sc_session_enrich(s)};
    err = show(&j);
    nt_commits_deinit(&j.commits);
    return err;
}

static const struct sc_arg vm_args[] = {
    {SC_ARG_EXPR, "flags", NULL, true, "1 without processes, 4 with sessions"},
    {SC_ARG_END, NULL, NULL, false, NULL}};

const struct sc_command sc_vm_commands[] = {
    {.name = "!vm",
     .brief = "show the memory manager's counters, and what processes have committed",
     .needs = SC_NEED_KERNEL | SC_NEED_WINDOWS,
     .instead = "!address shows the memory of a process",
     .args = vm_args,
     .help = "All numbers are pages, and kilobytes in parentheses.\n"
             "Flags: 1 leaves the processes out; 4 shows what each session has committed.\n"
             "Commit requests that failed are counted since the system started: the counters say "
             "that some failed, not when, and not that memory is short now.\n"
             "A pool is called excessive when more than four fifths of its maximum are in use.",
     .sample = "!vm 1",
     .run = run_vm},
    {.name = NULL},
};
