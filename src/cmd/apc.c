/* SPDX-License-Identifier: MIT */
/*
 * `!apc`: asynchronous procedure calls that wait.
 *
 *     *** Enumerating APCs in all processes
 *     Process e0000000858ba8b0 System
 *         Thread 863df4e0 ApcStateIndex 0 ApcListHead 863df514 [KERNEL]
 *             KAPC @ 8635f0a0
 *               Type           12
 *               KernelRoutine  83ac8bcf nt!KiSuspendThread+0
 *               RundownRoutine 83ab6d1f nt!KiSuspendNop+0
 *
 * Below a process only the threads that have APCs are listed.
 */
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cmd/kthread.h"
#include "cmd/session_impl.h"
#include "cmd/show.h"
#include "nt/apc.h"
#include "nt/process.h"

struct apc {
    uint64_t process, thread, list, address;
    int64_t state_index, object_type;
    bool user;
    uint64_t kernel_routine, rundown_routine, normal_routine, normal_context, argument1, argument2;
    const char *kernel_symbol, *rundown_symbol, *normal_symbol;
    bool inserted;
};
static const struct sc_field apc_fields[] = {SC_FIELD(struct apc, process, SC_F_ADDR),
                                             SC_FIELD(struct apc, thread, SC_F_ADDR),
                                             SC_FIELD(struct apc, state_index, SC_F_NUM),
                                             SC_FIELD(struct apc, user, SC_F_BOOL),
                                             SC_FIELD(struct apc, list, SC_F_ADDR),
                                             SC_FIELD(struct apc, address, SC_F_ADDR),
                                             SC_FIELD(struct apc, object_type, SC_F_NUM),
                                             SC_FIELD(struct apc, inserted, SC_F_BOOL),
                                             SC_FIELD(struct apc, kernel_routine, SC_F_ADDR),
                                             SC_FIELD(struct apc, kernel_symbol, SC_F_STR),
                                             SC_FIELD(struct apc, rundown_routine, SC_F_ADDR),
                                             SC_FIELD(struct apc, rundown_symbol, SC_F_STR),
                                             SC_FIELD(struct apc, normal_routine, SC_F_ADDR),
                                             SC_FIELD(struct apc, normal_symbol, SC_F_STR),
                                             SC_FIELD(struct apc, normal_context, SC_F_ADDR),
                                             SC_FIELD(struct apc, argument1, SC_F_ADDR),
                                             SC_FIELD(struct apc, argument2, SC_F_ADDR),
                                             SC_FIELD_END};
static const struct sc_rectype apc_type = {"apc", sizeof(struct apc), apc_fields};

struct job {
    sc_session *session;
    struct nt nt;
    sc_arena *arena;
    const char *pad;
    bool enrich, assumed;
    uint64_t process, seen; /* seen: the process whose memory addresses of user mode are of */
    size_t found;
    uint64_t left; /* threads to look at, in all processes together */
};

/* `83ac8bcf nt!KiSuspendThread+0` */
static void routine(sc_out *out, const struct job *j, const char *label, uint64_t address,
                    const char *symbol) {
    char a[SC_NT_BUF];
    const char *plus = symbol ? strstr(symbol, "+0x") : NULL;
    sc_printf(out, "%s      %-14s %s", j->pad, label, sc_nt_ptr_text(address, j->nt.ptr_size, a));
    if (symbol && plus)
        sc_printf(out, " %.*s+%s", (int)(plus - symbol), symbol, plus + 3);
    else if (symbol)
        sc_printf(out, " %s+0", symbol);
    else
        sc_puts(out, " +0");
    sc_puts(out, "\n");
}

static void apc_text(sc_out *out, const void *record, void *ctx) {
    const struct apc *r = record;
    const struct job *j = ctx;
    char a[SC_NT_BUF], b[SC_NT_BUF], c[SC_NT_BUF], d[SC_NT_BUF];
    sc_printf(out, "%s    KAPC @ %s\n", j->pad, sc_nt_ptr_text(r->address, j->nt.ptr_size, a));
    if (r->object_type == INT64_MIN)
        sc_printf(out, "%s      Type           ?\n", j->pad);
    else
        sc_printf(out, "%s      Type           %" PRIx64 "\n", j->pad, (uint64_t)r->object_type);
    routine(out, j, "KernelRoutine", r->kernel_routine, r->kernel_symbol);
    routine(out, j, "RundownRoutine", r->rundown_routine, r->rundown_symbol);
    if (!j->enrich || !r->normal_routine || r->normal_routine == SC_UNSET64)
        return;
    sc_printf(out, "%s      [NormalRoutine %s%s%s (%s, %s, %s)]\n", j->pad,
              sc_nt_ptr_text(r->normal_routine, j->nt.ptr_size, a), r->normal_symbol ? " " : "",
              r->normal_symbol ? r->normal_symbol : "",
              sc_nt_ptr_text(r->normal_context, j->nt.ptr_size, b),
              sc_nt_ptr_text(r->argument1, j->nt.ptr_size, c),
              sc_nt_ptr_text(r->argument2, j->nt.ptr_size, d));
}

static sc_err *symbol_of(struct job *j, const struct nt_field *f, const char **ret) {
    return nt_set(f) ? sc_near(j->session, f->value, j->arena, ret) : NULL;
}

/* An address of user mode has a name only where it is that of the process whose memory is seen. */
static sc_err *normal_symbol(struct job *j, const struct nt_apc *apc,
                             const struct nt_apc_list *list, const char **ret) {
    const struct nt_field *f = &apc->f[NT_APC_NORMAL_ROUTINE];
    if (!nt_set(f))
        return NULL;
    bool named =
        nt_is_kernel(&j->nt, f->value) || (list && j->seen && nt_or(&list->process, 0) == j->seen);
    return named ? symbol_of(j, f, ret) : NULL;
}

/* The list that the APC says it is in; NULL: it does not say, or the dump lacks it. */
static sc_err *list_of(struct job *j, const struct nt_apc *apc, const struct nt_apc_list **ret) {
    const struct nt_field *f = apc->f;
    struct nt_apcs *apcs = sc_arena_array(j->arena, 1, sizeof *apcs);
    if (!apcs)
        return sc_err_nomem();
    *ret = NULL;
    if (!nt_set(&f[NT_APC_THREAD]))
        return NULL;
    sc_err *err = nt_thread_apcs(&j->nt, f[NT_APC_THREAD].value, j->arena, apcs);
    for (size_t i = 0; !err && i < apcs->count; i++)
        if (apcs->list[i].state == nt_or(&f[NT_APC_STATE_INDEX], UINT64_MAX) &&
            apcs->list[i].user == nt_set(&f[NT_APC_MODE]))
            *ret = &apcs->list[i];
    return err;
}

static sc_err *show_apc(struct job *j, const struct nt_apc *apc, uint64_t thread,
                        const struct nt_apc_list *list) {
    const struct nt_field *f = apc->f;
    struct apc r = {.process = j->process ? j->process : SC_UNSET64,
                    .thread = thread,
                    .list = list ? list->head : SC_UNSET64,
                    .address = apc->address,
                    .state_index = list ? list->state : sc_nt_num(&f[NT_APC_STATE_INDEX]),
                    .user = list ? list->user : nt_set(&f[NT_APC_MODE]),
                    .object_type = sc_nt_num(&f[NT_APC_OBJECT_TYPE]),
                    .kernel_routine = sc_nt_addr(&f[NT_APC_KERNEL_ROUTINE]),
                    .rundown_routine = sc_nt_addr(&f[NT_APC_RUNDOWN_ROUTINE]),
                    .normal_routine = sc_nt_addr(&f[NT_APC_NORMAL_ROUTINE]),
                    .normal_context = sc_nt_addr(&f[NT_APC_CONTEXT]),
                    .argument1 = sc_nt_addr(&f[NT_APC_ARGUMENT1]),
                    .argument2 = sc_nt_addr(&f[NT_APC_ARGUMENT2]),
                    .inserted = nt_set(&f[NT_APC_INSERTED])};
    sc_err *err = symbol_of(j, &f[NT_APC_KERNEL_ROUTINE], &r.kernel_symbol);
    if (!err)
        err = symbol_of(j, &f[NT_APC_RUNDOWN_ROUTINE], &r.rundown_symbol);
    if (!err)
        err = normal_symbol(j, apc, list, &r.normal_symbol);
    if (!err)
        sc_record(j->session->out, &apc_type, &r, apc_text, j);
    j->assumed |= apc->assumed;
    j->found++;
    return err;
}

static sc_err *show_list(struct job *j, uint64_t thread, const struct nt_apc_list *list) {
    sc_out *out = j->session->out;
    char a[SC_NT_BUF], b[SC_NT_BUF], why[NT_LIST_TEXT];
    sc_err *err = NULL;
    if (!list->count && list->list.end == NT_LIST_DONE)
        return NULL;
    sc_printf(out, "%sThread %s ApcStateIndex %u ApcListHead %s [%s]\n", j->pad,
              sc_nt_ptr_text(thread, j->nt.ptr_size, a), list->state,
              sc_nt_ptr_text(list->head, j->nt.ptr_size, b), list->user ? "USER" : "KERNEL");
    for (size_t i = 0; !err && i < list->count; i++)
        err = show_apc(j, &list->item[i], thread, list);
    if (!err && list->list.end != NT_LIST_DONE)
        sc_remark(out, "%s    The list is not whole: %s", j->pad,
                  nt_list_end_text(&list->list, why));
    return err;
}

/* *RET_LISTS: how many could be read; 0: the thread is not in the dump. */
static sc_err *of_thread(struct job *j, uint64_t thread, size_t *ret_lists) {
    struct nt_apcs apcs;
    sc_err *err = nt_thread_apcs(&j->nt, thread, j->arena, &apcs);
    if (err)
        return err;
    j->assumed |= apcs.assumed;
    for (size_t i = 0; !err && i < apcs.count; i++)
        err = show_list(j, thread, &apcs.list[i]);
    *ret_lists = apcs.count;
    return err;
}

struct owner {
    uint64_t process;
    const char *image;
};
static const struct sc_field owner_fields[] = {SC_FIELD(struct owner, process, SC_F_ADDR),
                                               SC_FIELD(struct owner, image, SC_F_STR),
                                               SC_FIELD_END};
static const struct sc_rectype owner_type = {"apc_process", sizeof(struct owner), owner_fields};

static void owner_text(sc_out *out, const void *record, void *ctx) {
    const struct owner *r = record;
    const struct job *j = ctx;
    char a[SC_NT_BUF];
    sc_printf(out, "Process %s %s\n", sc_nt_ptr_text(r->process, j->nt.ptr_size, a), r->image);
}

static sc_err *of_process(struct job *j, const struct nt_process *p) {
    sc_out *out = j->session->out;
    struct nt_list list;
    char why[NT_LIST_TEXT];
    uint64_t link, thread;
    size_t lists;
    bool has;
    const struct owner r = {p->address, p->image};
    sc_record(out, &owner_type, &r, owner_text, j);
    j->pad = "    ";
    j->process = p->address;
    sc_err *err = nt_process_threads_begin(&j->nt, p, &list, &has);
    while (!err && has && nt_list_next(&list, &link)) {
        if (!j->left--)
            return sc_errf(SC_ERR_LIMIT, "the processes have more than %d threads together",
                           NT_THREADS_MAX);
        err = nt_thread_of_link(&j->nt, link, &thread);
        if (!err)
            err = of_thread(j, thread, &lists);
    }
    if (!err && !has)
        sc_remark(out, "    The list of its threads is not in the dump.");
    else if (!err && list.end == NT_LIST_STOP)
        err = sc_err_cancelled();
    else if (!err && list.end != NT_LIST_DONE)
        sc_remark(out, "    The list of its threads is not whole: %s",
                  nt_list_end_text(&list, why));
    return err;
}

static sc_err *of_all(struct job *j) {
    sc_out *out = j->session->out;
    struct nt_list list;
    struct nt_process p;
    char why[NT_LIST_TEXT];
    uint64_t link, process;
    bool has;
    size_t shown = 0;
    sc_err *err = nt_processes_begin(&j->nt, &list, &has);
    if (!err && !has)
        err = sc_errf(SC_ERR_NOT_FOUND, "!apc: nt!PsActiveProcessHead is not known");
    if (err)
        return err;
    sc_puts(out, "*** Enumerating APCs in all processes\n");
    while (!err && nt_list_next(&list, &link)) {
        err = nt_process_of_link(&j->nt, link, &process);
        if (!err)
            err = nt_process_read(&j->nt, process, &p);
        if (err || !nt_process_valid(&p))
            continue;
        err = of_process(j, &p);
        shown++;
    }
    if (!err && list.end == NT_LIST_STOP)
        err = sc_err_cancelled();
    if (!err && list.end != NT_LIST_DONE)
        sc_remark(out, "The list of processes is not whole: %s", nt_list_end_text(&list, why));
    else if (!err && !shown)
        sc_remark(out, "The dump holds no process of the list.");
    return err;
}

static sc_err *one_process(struct job *j, uint64_t address) {
    char a[SC_NT_BUF];
    struct nt_process p;
    sc_err *err = nt_process_read(&j->nt, address, &p);
    if (!err && !nt_process_valid(&p))
        err = sc_errf(SC_ERR_NOT_FOUND, "!apc: there is no process at %s in the dump",
                      sc_nt_asked_text(address, j->nt.ptr_size, a));
    return err ? err : of_process(j, &p);
}

static sc_err *one_thread(struct job *j, uint64_t address) {
    char a[SC_NT_BUF];
    size_t lists;
    sc_err *err = of_thread(j, address, &lists);
    if (!err && !lists)
        err = sc_errf(SC_ERR_NOT_FOUND, "!apc: the dump does not hold the thread at %s",
                      sc_nt_asked_text(address, j->nt.ptr_size, a));
    return err;
}

static sc_err *one_apc(struct job *j, uint64_t address) {
    char a[SC_NT_BUF];
    const struct nt_apc_list *list = NULL;
    struct nt_apc apc;
    sc_err *err = nt_apc_read(&j->nt, address, &apc);
    if (!err && !nt_any(apc.f, NT_APC_FIELDS))
        err = sc_errf(SC_ERR_NOT_FOUND, "!apc: the dump does not hold the KAPC at %s",
                      sc_nt_asked_text(address, j->nt.ptr_size, a));
    if (!err && nt_or(&apc.f[NT_APC_OBJECT_TYPE], NT_APC_TYPE) != NT_APC_TYPE)
        sc_remark(j->session->out, "Its type is not that of a KAPC (%x).", NT_APC_TYPE);
    if (!err)
        err = list_of(j, &apc, &list);
    return err ? err : show_apc(j, &apc, sc_nt_addr(&apc.f[NT_APC_THREAD]), list);
}

/* Does TEXT begin with the word NAME or more of it ("proc", "process"), and go on behind it? */
static bool begins(const char *text, const char *name, const char **ret_rest) {
    size_t n = strlen(name);
    if (strncmp(text, name, n) != 0)
        return false;
    while (isalpha((unsigned char)text[n]))
        n++;
    if (text[n] != ' ')
        return false;
    *ret_rest = text + n + 1;
    return true;
}

static sc_err *run_apc(sc_session *s, const struct sc_args *args) {
    const char *text = args->v[0].given ? args->v[0].text : "", *rest;
    struct job j = {.session = s,
                    .arena = args->arena,
                    .pad = "",
                    .enrich = sc_session_enrich(s),
                    .left = NT_THREADS_MAX};
    sc_err *(*what)(struct job *, uint64_t) = one_apc;
    uint64_t address = 0;
    sc_err *err = sc_session_nt(s, &j.nt);
    if (!err) {
        err = sc_session_process(s, &j.nt, &j.seen);
        sc_err_catch(&err, SC_ERR_NOT_FOUND); /* then names of user mode are not known */
    }
    text += strspn(text, " ");
    bool all = !*text;
    if (begins(text, "proc", &rest))
        what = one_process, text = rest;
    else if (begins(text, "thre", &rest))
        what = one_thread, text = rest;
    if (!err && !all)
        err = sc_session_eval(s, text, &address);
    if (!err)
        err = all ? of_all(&j) : what(&j, sc_space_canon(j.nt.space, address));
    if (!err && !j.found && !all)
        sc_remark(s->out, "No APC waits there.");
    if (!err)
        sc_nt_assumed(s, j.assumed);
    return err;
}

static const struct sc_arg apc_args[] = {{SC_ARG_REST, "proc ADDRESS | thre ADDRESS | ADDRESS",
                                          NULL, true,
                                          "of a process's threads; of a thread; the KAPC itself"},
                                         {SC_ARG_END, NULL, NULL, false, NULL}};

const struct sc_command sc_apc_commands[] = {
    {.name = "!apc",
     .brief = "show asynchronous procedure calls that wait",
     .needs = SC_NEED_KERNEL | SC_NEED_WINDOWS,
     .instead = "a process's dump does not hold them: the kernel has the lists",
     .args = apc_args,
     .help = "Without an operand, of all threads of all processes. Of each APC its routines; the "
             "normal routine, with its arguments, stands in brackets. ApcStateIndex 1: the lists "
             "that a thread put away while it is attached to another process.",
     .sample = "!apc",
     .run = run_apc},
    {.name = NULL},
};
