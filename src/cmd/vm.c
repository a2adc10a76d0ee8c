/* SPDX-License-Identifier: MIT */
/*
 * `!vm`: the memory manager's counters, and what each process has committed.
 *
 *     !vm [flags]
 *
 * Flags: 1 without processes, 4 each session, too; what 2, 8, 0x10 and 0x20 add: vm_details.c.
 */
#include "cmd/vm.h"

#include <inttypes.h>
#include <string.h>

#include "base/sort.h"
#include "cmd/kernel.h"
#include "cmd/session_impl.h"
#include "nt/commit.h"
#include "nt/kstacks.h"
#include "nt/pagefile.h"
#include "nt/session.h"

enum { FLAG_SYSTEM = 1, FLAG_SESSIONS = 4 };

struct job {
    sc_session *s;
    struct nt nt;
    uint64_t flags;
    sc_arena *arena;
    struct nt_vm vm;
    struct nt_pagefiles files;
    struct nt_commits commits;
    struct nt_kstacks stacks;
    struct nt_field cached; /* what processors have committed and not used */
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
                                              sc_nt_num(&f->f[NT_PF_PEAK]),
                                              nt_set(&f->f[NT_PF_STORE])};
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
    enum { COUNTED = 2 }; /* the first ones are added up here: they alone are no sum */
    static const uint8_t parts[] = {
        NT_VM_PROCESSOR_COMMIT,  NT_VM_KERNEL_STACKS,     NT_VM_SESSION_COMMIT, NT_VM_SHARED_COMMIT,
        NT_VM_SPECIAL_POOL,      NT_VM_MDL_PAGES,         NT_VM_CONTIGUOUS,     NT_VM_AWE_PAGES,
        NT_VM_NONPAGED_COMMIT,   NT_VM_PAGED_COMMIT,      NT_VM_DRIVER_COMMIT,  NT_VM_BOOT_COMMIT,
        NT_VM_PFN_COMMIT,        NT_VM_SMALL_PTES_COMMIT, NT_VM_SLAB_PAGES,     NT_VM_PAGE_TABLES,
        NT_VM_LOCKED_FILE_PAGES, NT_VM_PAGEFILE_HASH};
    uint64_t sum = 0;
    bool any = false;
    for (size_t i = 0; i < sizeof parts; i++)
        if (r->counter[parts[i]] != INT64_MIN) {
            sum += (uint64_t)r->counter[parts[i]];
            any |= i >= COUNTED;
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
    if (j->style.partition) {
        const struct nt_kstacks *k = &j->stacks;
        r->counter[NT_VM_PROCESSOR_COMMIT] = sc_nt_num(&j->cached);
        if (k->found && k->whole && !k->absent)
            r->counter[NT_VM_KERNEL_STACKS] = (int64_t)k->pages;
        r->stack_threads = k->threads;
    }
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
    sc_puts(j->s->out, "\nTerminal Server Memory Usage By Session:\n");
    for (size_t i = 0; i < j->commits.nsessions; i++) {
        const struct nt_session_commit *s = &j->commits.session[i];
        struct sc_vm_session r = {s->address, s->id, sc_nt_num(&s->paged_pool),
                                  sc_nt_num(&s->commit), s->processes};
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
        list = sc_arena_printf(j->arena, "%s%s%s%s", list ? list : "", list ? ", " : "",
                               nt_vm_structure(&j->vm, wanted[i]), nt_vm_name(&j->vm, wanted[i]));
        if (!list)
            return sc_err_nomem();
    }
    *ret = list;
    return NULL;
}

static void say_stacks(const struct job *j) {
    const struct nt_kstacks *k = &j->stacks;
    if (!k->found)
        sc_remark(j->s->out, "Kernel stacks were not counted: the list of processes "
                             "(nt!PsActiveProcessHead) or its symbols are not there.");
    else if (!k->whole || k->absent)
        sc_remark(j->s->out,
                  "Kernel stacks were not counted: of %" PRIu64 " threads that were found %" PRIu64
                  " (nt!_ETHREAD) are not in the dump%s.",
                  k->threads, k->absent, k->whole ? "" : ", and the lists of them are not whole");
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
    if (j->vm.lacking)
        sc_remark(j->s->out,
                  "Most counters of this Windows are members of %s, which the symbols "
                  "do not have.",
                  j->vm.lacking);
    if (j->style.partition)
        say_stacks(j);
    if (j->flags & FLAG_SESSIONS && !c->listed)
        sc_remark(j->s->out,
                  "Sessions without processes are not known: %s is not in the symbols "
                  "or not in the dump.",
                  nt_session_list_name(&j->nt));
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
                       "!vm: the dump does not hold the memory manager's counters (%s%s%s%s)",
                       nt_vm_structure(&j->vm, NT_VM_AVAILABLE),
                       nt_vm_name(&j->vm, NT_VM_AVAILABLE), j->vm.lacking ? "; no symbols of " : "",
                       j->vm.lacking ? j->vm.lacking : "");
    sc_err *err = fill(j, &r);
    if (err)
        return err;
    sc_record(j->s->out, &sc_vm_type, &r, sc_vm_text, &j->style);
    if (r.has_processes)
        err = show_processes(j);
    if (!err && j->flags & FLAG_SESSIONS)
        show_sessions(j);
    if (!err)
        err = remarks(j);
    return err ? err : sc_vm_details(j->s, &j->nt, j->flags, j->arena);
}

static sc_err *run_vm(sc_session *s, const struct sc_args *args) {
    struct job j = {.s = s, .flags = args->v[0].given ? args->v[0].num : 0, .arena = args->arena};
    sc_err *err = sc_session_nt(s, &j.nt);
    if (!err)
        err = nt_vm_read(&j.nt, &j.vm);
    if (!err)
        err = nt_pagefiles_read(&j.nt, j.arena, &j.files);
    if (!err)
        err = nt_vm_processor_commit(&j.nt, &j.cached);
    j.style = (struct sc_vm_style){j.nt.build >= 10000, sc_session_enrich(s), j.nt.ptr_size};
    if (!err && j.style.partition)
        err = nt_kstacks_read(&j.nt, &j.stacks);
    if (!err)
        err = nt_commits_read(&j.nt, &j.commits);
    if (err)
        return err;
    err = show(&j);
    nt_commits_deinit(&j.commits);
    return err;
}

static const struct sc_arg vm_args[] = {
    {SC_ARG_EXPR, "flags", NULL, true, "1 without processes, 4 with sessions; 2, 8, 10, 20"},
    {SC_ARG_END, NULL, NULL, false, NULL}};

const struct sc_command sc_vm_commands[] = {
    {.name = "!vm",
     .brief = "show the memory manager's counters, and what processes have committed",
     .needs = SC_NEED_KERNEL | SC_NEED_WINDOWS,
     .instead = "!address shows the memory of a process",
     .args = vm_args,
     .help = "All numbers are pages, and kilobytes in parentheses.\n"
             "Flags: 1 leaves the processes out; 4 shows each session's paged pool and what it "
             "has committed; 2 the threads of the memory manager with their stacks; 8 its last "
             "writes to page files; 10 the threads that own working sets; 20 what the kernel's "
             "addresses are used for.\n"
             "`Processor Commit` is what processors have charged in advance (CachedCommit), "
             "`Kernel Stacks` the stacks of all threads that are in the dump: WinDbg's way to "
             "them is not published.\n"
             "Commit requests that failed are counted since the system started: the counters say "
             "that some failed, not when, and not that memory is short now.\n"
             "A pool is called excessive when more than four fifths of its maximum are in use.",
     .sample = "!vm 1",
     .run = run_vm},
    {.name = NULL},
};
