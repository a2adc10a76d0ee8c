/* SPDX-License-Identifier: MIT */
/* Walking all processes and their threads, and the kernel's part of their stacks. */
#include "cmd/keach.h"

#include "cmd/session_impl.h"
#include "nt/current.h"
#include "nt/prcb.h"

enum { PROCESSORS_MAX = 2048 };

struct walk {
    sc_session *session;
    const struct nt *nt;
    const struct sc_keach *each;
    sc_arena *arena;
    uint64_t left; /* threads, of all processes together: lists may share entries */
    const char *why;
    /* Of small dumps the lists lead to little, but what the processors ran is there. */
    const struct sc_threads *running;
    bool *visited;    /* one for each of them, in the arena */
    uint64_t current; /* the process that the current one is of; 0: it was visited, or is unknown */
};

bool sc_session_has_kthreads(const sc_session *s) { return s->procspace != NULL; }

static sc_err *say(struct walk *w, const char *text) {
    if (w->why)
        return NULL;
    w->why = sc_arena_strdup(w->arena, text);
    return w->why ? NULL : sc_err_nomem();
}

static sc_err *end_of(struct walk *w, const struct nt_list *list, const char *what) {
    char why[NT_LIST_TEXT];
    if (list->end == NT_LIST_DONE)
        return NULL;
    if (list->end == NT_LIST_STOP)
        return sc_err_cancelled();
    const char *text = sc_arena_printf(w->arena, "%s: %s", what, nt_list_end_text(list, why));
    return text ? say(w, text) : sc_err_nomem();
}

static sc_err *visit_thread(struct walk *w, const struct nt_process *p, uint64_t address,
                            bool *ret_valid) {
    struct nt_thread t;
    *ret_valid = false;
    if (sc_out_failed(w->session->out))
        return NULL;
    if (!w->left--)
        return sc_errf(SC_ERR_LIMIT, "the processes have more than %d threads together",
                       NT_THREADS_MAX);
    sc_err *err = nt_thread_read(w->nt, address, &t);
    *ret_valid = !err && nt_thread_valid(&t);
    if (!*ret_valid)
        return err ? err : say(w, "a thread of a process is not in the dump");
    *ret_valid = nt_thread_is_of(&t, p->address);
    if (!*ret_valid)
        return say(w, "the threads of a process: the list leads to one of another process");
    for (size_t i = 0; i < w->running->count; i++)
        w->visited[i] |= w->running->item[i].thread == address;
    return w->each->thread ? w->each->thread(w->each->ctx, p, &t) : NULL;
}

/* The process's threads that processors run, and that its list did not lead to. */
static sc_err *visit_running(struct walk *w, const struct nt_process *p) {
    struct nt_thread t;
    bool valid;
    sc_err *err = NULL;
    for (size_t i = 0; !err && i < w->running->count; i++) {
        uint64_t address = w->running->item[i].thread;
        if (!address || w->visited[i])
            continue;
        err = nt_thread_read(w->nt, address, &t);
        if (!err && nt_or(&t.f[NT_T_PROCESS], 0) == p->address)
            err = visit_thread(w, p, address, &valid);
    }
    return err;
}

static sc_err *visit_process(struct walk *w, const struct nt_process *p) {
    struct nt_list list;
    uint64_t link, address;
    bool has = false, valid = true;
    sc_err *err = w->each->process ? w->each->process(w->each->ctx, p) : NULL;
    if (p->address == w->current)
        w->current = 0;
    if (!err && w->each->thread)
        err = nt_process_threads_begin(w->nt, p, &list, &has);
    while (!err && has && valid && nt_list_next(&list, &link)) {
        err = nt_thread_of_link(w->nt, link, &address);
        if (!err)
            err = visit_thread(w, p, address, &valid);
    }
    if (!err && has && valid)
        err = end_of(w, &list, "the threads of a process");
    bool whole = has && valid && list.end == NT_LIST_DONE;
    return err || whole || !w->each->thread ? err : visit_running(w, p);
}

/* The idle thread of processor INDEX; *RET_FOUND false: the dump does not tell. */
static sc_err *read_idle(struct walk *w, uint32_t index, struct nt_thread *ret, bool *ret_found) {
    struct nt_field at;
    struct nt_prcb prcb;
    *ret_found = false;
    sc_err *err = nt_prcb_address(w->nt, index, &at);
    if (!err && nt_set(&at))
        err = nt_prcb_read(w->nt, at.value, &prcb);
    if (sc_err_catch(&err, SC_ERR_NOT_FOUND) || err || !nt_set(&at) ||
        !nt_set(&prcb.f[NT_C_IDLE_THREAD]))
        return err;
    err = nt_thread_read(w->nt, prcb.f[NT_C_IDLE_THREAD].value, ret);
    *ret_found = !err && nt_thread_valid(ret) && nt_set(&ret->f[NT_T_PROCESS]);
    return err;
}

/* The idle threads of the processors, and the process that they are of. */
static sc_err *visit_idle(struct walk *w) {
    uint32_t count = sc_target_machine(w->nt->target)->ncpus;
    struct nt_process p = {.address = 0};
    struct nt_thread t;
    bool found, valid;
    sc_err *err = NULL;
    for (uint32_t i = 0; !err && i < count && i < PROCESSORS_MAX; i++) {
        err = read_idle(w, i, &t, &found);
        if (err || !found)
            continue;
        uint64_t process = t.f[NT_T_PROCESS].value;
        if (!p.address) {
            err = nt_process_read(w->nt, process, &p);
            /* Only one that the list will not give again: the idle process has no id. */
            if (err || !nt_process_valid(&p) || nt_or(&p.f[NT_P_PID], 1) != 0)
                return err;
            err = w->each->process ? w->each->process(w->each->ctx, &p) : NULL;
        }
        if (!err && process == p.address && w->each->thread)
            err = visit_thread(w, &p, t.address, &valid);
    }
    return err;
}

static sc_err *visit_list(struct walk *w) {
    struct nt_list list;
    uint64_t link, address;
    bool has;
    sc_err *err = nt_processes_begin(w->nt, &list, &has);
    if (err || !has)
        return err ? err : say(w, "the head of the list of processes is not known");
    while (!err && nt_list_next(&list, &link)) {
        struct nt_process p;
        if (sc_out_failed(w->session->out))
            return NULL;
        err = nt_process_of_link(w->nt, link, &address);
        if (!err)
            err = nt_process_read(w->nt, address, &p);
        if (!err && !nt_process_valid(&p))
            return say(w, "a process of the list is not in the dump");
        if (!err)
            err = visit_process(w, &p);
    }
    return err ? err : end_of(w, &list, "the list of processes");
}

/* The current process, where the list that should lead to it does not. */
static sc_err *visit_current(struct walk *w) {
    struct nt_process p;
    sc_err *err = nt_process_read(w->nt, w->current, &p);
    return err || !nt_process_valid(&p) ? err : visit_process(w, &p);
}

static sc_err *begin(struct walk *w) {
    sc_err *err = sc_target_threads(w->nt->target, &w->running);
    if (err)
        return err;
    w->visited = sc_arena_array(w->arena, w->running->count + 1, sizeof *w->visited);
    if (!w->visited)
        return sc_err_nomem();
    err = sc_session_process(w->session, w->nt, &w->current);
    if (sc_err_catch(&err, SC_ERR_NOT_FOUND))
        w->current = 0;
    return err;
}

static sc_err *visit_all(struct walk *w) {
    sc_err *err = begin(w);
    if (!err && w->each->idle)
        err = visit_idle(w);
    if (!err)
        err = visit_list(w);
    return err || !w->why || !w->current || sc_out_failed(w->session->out) ? err : visit_current(w);
}

sc_err *sc_each_kthread(sc_session *s, const struct nt *nt, const struct sc_keach *each,
                        sc_arena *arena, const char **ret_why) {
    struct walk w = {.session = s, .nt = nt, .each = each, .arena = arena, .left = NT_THREADS_MAX};
    sc_err *err = visit_all(&w);
    *ret_why = w.why;
    return err;
}

/* ---- stacks ---- */

bool sc_kthread_runs(const struct nt *nt, const struct nt_thread *t) {
    uint32_t index;
    bool running = false;
    sc_err_destroy(nt_thread_processor(nt, t->address, &index, &running));
    return running;
}

/* A thread that runs has its stack in memory, whatever was last written down. */
const char *sc_kstack_missing(const struct nt *nt, const struct nt_thread *t) {
    return nt_thread_stack_is_out(nt, t) && !sc_kthread_runs(nt, t) ? "Stack paged out" : NULL;
}

sc_err *sc_kstack_walk(sc_session *s, const struct nt *nt, const struct nt_thread *t,
                       uint32_t frames, struct sc_stack *ret) {
    struct sc_stack_opts opts = {.sz = sizeof opts,
                                 .max_frames = frames ? frames : sc_session_kframes(s)};
    sc_unwinder *unwinder;
    struct sc_regs regs;
    bool saved;
    *ret = (struct sc_stack){0};
    sc_err *err = sc_session_unwinder(s, &unwinder);
    if (!err)
        err = nt_thread_regs(nt, t, unwinder, &regs, &saved);
    if (err)
        return err;
    if (nt_thread_owns_stack(t, sc_regs_sp(&regs)))
        opts.range[opts.nranges++] =
            (struct sc_stack_range){t->f[NT_T_STACK_LIMIT].value, t->f[NT_T_STACK_BASE].value};
    opts.kernel_only = s->procspace != NULL;
    return sc_stack_walk(unwinder, &regs, &opts, ret);
}
