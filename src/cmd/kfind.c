/* SPDX-License-Identifier: MIT */
/*
 * Looking for a thread or a process in what the dump holds: first those that the processors run,
 * then the kernel's lists as far as they can be followed.
 */
#include "cmd/kthread.h"

sc_err *sc_thread_has_id(const struct nt *nt, const struct nt_thread *t, uint64_t id, bool *ret) {
    (void)nt;
    *ret = t->f[NT_T_TID].state == NT_READ && t->f[NT_T_TID].value == id;
    return NULL;
}

struct search {
    const struct nt *nt;
    sc_thread_fn fn;
    uint64_t value;
    uint64_t found; /* 0: not yet */
    uint64_t left;  /* threads to look at, in all processes together: lists may share entries */
};

static sc_err *try_thread(struct search *s, uint64_t address) {
    struct nt_thread t;
    if (!s->left--)
        return sc_errf(SC_ERR_LIMIT, "the processes have more than %d threads together",
                       NT_THREADS_MAX);
    bool is = false;
    sc_err *err = nt_thread_read(s->nt, address, &t);
    if (!err && nt_thread_valid(&t))
        err = s->fn(s->nt, &t, s->value, &is);
    if (is)
        s->found = address;
    return err;
}

static sc_err *try_running(struct search *s) {
    const struct sc_threads *threads;
    sc_err *err = sc_target_threads(s->nt->target, &threads);
    for (size_t i = 0; !err && !s->found && i < threads->count; i++)
        if (threads->item[i].thread)
            err = try_thread(s, threads->item[i].thread);
    return err;
}

static sc_err *try_process(struct search *s, uint64_t address) {
    struct nt_process p;
    struct nt_list list;
    bool has;
    uint64_t link, thread;
    sc_err *err = nt_process_read(s->nt, address, &p);
    if (!err)
        err = nt_process_threads_begin(s->nt, &p, &list, &has);
    if (err || !has || !nt_process_valid(&p))
        return err;
    while (!err && !s->found && nt_list_next(&list, &link)) {
        err = nt_thread_of_link(s->nt, link, &thread);
        if (!err)
            err = try_thread(s, thread);
    }
    return !err && list.end == NT_LIST_STOP ? sc_err_cancelled() : err;
}

sc_err *sc_find_thread(const struct nt *nt, sc_thread_fn fn, uint64_t value, uint64_t *ret_thread,
                       bool *ret_found) {
    struct search s = {nt, fn, value, 0, NT_THREADS_MAX};
    struct nt_list list;
    bool has = false;
    uint64_t link, process;
    sc_err *err = try_running(&s);
    if (!err && !s.found)
        err = nt_processes_begin(nt, &list, &has);
    while (!err && has && !s.found && nt_list_next(&list, &link)) {
        err = nt_process_of_link(nt, link, &process);
        if (!err)
            err = try_process(&s, process);
    }
    if (!err && has && list.end == NT_LIST_STOP)
        err = sc_err_cancelled();
    if (err)
        return err;
    *ret_found = s.found != 0;
    if (s.found)
        *ret_thread = s.found;
    return NULL;
}

sc_err *sc_find_process(const struct nt *nt, uint64_t pid, uint64_t *ret_process, bool *ret_found) {
    struct nt_process p;
    struct nt_list list;
    uint64_t link, process = 0;
    bool has, found = false;
    sc_err *err = nt_processes_begin(nt, &list, &has);
    while (!err && has && !found && nt_list_next(&list, &link)) {
        err = nt_process_of_link(nt, link, &process);
        if (!err)
            err = nt_process_read(nt, process, &p);
        found = !err && nt_process_valid(&p) && nt_or(&p.f[NT_P_PID], SC_UNSET64) == pid;
    }
    if (!err && has && list.end == NT_LIST_STOP)
        err = sc_err_cancelled();
    if (err)
        return err;
    *ret_found = found;
    if (found)
        *ret_process = process;
    return NULL;
}
