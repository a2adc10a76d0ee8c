/* SPDX-License-Identifier: MIT */
/* The list of processes, as far as it can be followed. */
#include "cmd/kprocs.h"

#include <inttypes.h>
#include <stdio.h>

#include "cmd/session_impl.h"

sc_err *sc_each_process(const struct nt *nt, sc_process_fn fn, void *ctx, char why[NT_LIST_TEXT]) {
    struct nt_list list;
    struct nt_process p;
    uint64_t link, address = 0;
    bool has, valid = true;
    *why = 0;
    sc_err *err = nt_processes_begin(nt, &list, &has);
    if (!err && !has)
        err = sc_errf(SC_ERR_NOT_FOUND, "the dump does not hold the list of processes: its head "
                                        "(nt!PsActiveProcessHead) is not known");
    while (!err && valid && nt_list_next(&list, &link)) {
        err = nt_process_of_link(nt, link, &address);
        if (!err)
            err = nt_process_read(nt, address, &p);
        valid = !err && nt_process_valid(&p);
        if (valid)
            err = fn(ctx, &p);
    }
    if (err || (valid && list.end == NT_LIST_DONE))
        return err;
    if (list.end == NT_LIST_STOP)
        return sc_err_cancelled();
    if (valid)
        nt_list_end_text(&list, why);
    else
        snprintf(why, NT_LIST_TEXT, "it does not hold the one at %0*" PRIx64, (int)nt->ptr_size * 2,
                 address);
    return NULL;
}

void sc_say_processes(sc_session *s, const char *why) {
    if (*why)
        sc_remark(s->out, "*** the dump does not hold all processes: %s", why);
}
