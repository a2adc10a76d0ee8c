/* SPDX-License-Identifier: MIT */
/*
 * Kernel stacks: from KTHREAD.StackLimit to StackBase, which leaves guard pages out. What is cached
 * for threads to come is in no list. Sources: the kernels' public symbols.
 */
#include "nt/kstacks.h"

#include "nt/process.h"
#include "nt/thread.h"

enum { K_BASE, K_LIMIT, K_FIELDS, PAGE = 4096, STACK_MAX = 1 << 20 };
static const struct sc_layout_field rows[K_FIELDS] = {{"Tcb.StackBase", 1, true},
                                                      {"Tcb.StackLimit", 1, true}};
static const uint8_t pointers[] = {K_BASE, K_LIMIT};
static const struct nt_def def = {
    {"nt!_ETHREAD", rows, K_FIELDS}, K_FIELDS, NULL, NT_POINTERS(pointers)};

static sc_err *add_thread(const struct nt *nt, uint64_t link, struct nt_kstacks *k) {
    struct nt_field f[K_FIELDS];
    uint64_t thread;
    sc_err *err = nt_thread_of_link(nt, link, &thread);
    if (!err)
        err = nt_load(nt, &def, thread, f, &k->assumed);
    if (err)
        return err;
    uint64_t size = f[K_BASE].value - f[K_LIMIT].value;
    if (f[K_BASE].state != NT_READ || f[K_LIMIT].state != NT_READ || size > STACK_MAX)
        k->absent++;
    else
        k->pages += size / PAGE;
    if (++k->threads > NT_THREADS_MAX)
        return sc_errf(SC_ERR_LIMIT, "the processes have more than %d threads together",
                       NT_THREADS_MAX);
    return NULL;
}

static sc_err *add_process(const struct nt *nt, uint64_t link, struct nt_kstacks *k) {
    struct nt_process p = {.address = 0};
    struct nt_list list;
    bool has = false;
    uint64_t at;
    sc_err *err = nt_process_of_link(nt, link, &p.address);
    if (!err)
        err = nt_process_threads_begin(nt, &p, &list, &has);
    while (!err && has && nt_list_next(&list, &at))
        err = add_thread(nt, at, k);
    if (!err && has && list.end == NT_LIST_STOP)
        err = sc_err_cancelled();
    if (!err && (!has || list.end != NT_LIST_DONE))
        k->whole = false;
    return err;
}

sc_err *nt_kstacks_read(const struct nt *nt, struct nt_kstacks *ret) {
    struct nt_kstacks k = {.whole = true};
    struct nt_list list;
    uint64_t link;
    sc_err *err = nt_processes_begin(nt, &list, &k.found);
    while (!err && k.found && nt_list_next(&list, &link))
        err = add_process(nt, link, &k);
    if (sc_err_catch(&err, SC_ERR_NOT_FOUND)) /* the symbols have no nt!_EPROCESS or _ETHREAD */
        k.found = false;
    if (!err && k.found && list.end == NT_LIST_STOP)
        err = sc_err_cancelled();
    if (k.found && list.end != NT_LIST_DONE)
        k.whole = false;
    if (!err)
        *ret = k;
    return err;
}
