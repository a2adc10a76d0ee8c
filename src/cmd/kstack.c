/* SPDX-License-Identifier: MIT */
/* The stacks of a kernel's threads: the kernel's, and below it the one of user mode. */
#include "cmd/kthread.h"
#include "cmd/procspace.h"
#include "cmd/session_impl.h"

/* NT_TIB: StackBase +4, StackLimit +8; of 64 bits +8, +0x10 (winternl.h). */
static void add_user_range(const struct nt *nt, const struct nt_thread *t,
                           struct sc_stack_opts *opts) {
    const struct nt_field *teb = &t->f[NT_T_TEB];
    uint64_t base, limit;
    if (!nt_set(teb) || nt_is_kernel(nt, teb->value) || opts->nranges == SC_STACK_RANGES ||
        sc_space_ptr(nt->space, teb->value + nt->ptr_size, &base) != SC_READ_OK ||
        sc_space_ptr(nt->space, teb->value + 2 * nt->ptr_size, &limit) != SC_READ_OK ||
        limit >= base || nt_is_kernel(nt, base - 1))
        return;
    opts->range[opts->nranges++] = (struct sc_stack_range){limit, base};
}

/* The stacks that it left for a larger one; room is kept for the one of user mode. */
static sc_err *add_segments(const struct nt *nt, const struct nt_thread *t,
                            struct sc_stack_opts *opts) {
    struct nt_stack_segments all;
    sc_err *err = nt_thread_segments(nt, t, &all);
    for (size_t i = 0; !err && i < all.count && opts->nranges + 1 < SC_STACK_RANGES; i++)
        opts->range[opts->nranges++] = (struct sc_stack_range){all.item[i].limit, all.item[i].base};
    return err;
}

sc_err *sc_kthread_ranges(sc_session *s, const struct nt *nt, const struct nt_thread *t,
                          uint64_t sp, struct sc_stack_opts *opts) {
    bool at_hand = true;
    sc_err *err = NULL;
    if (nt_thread_owns_stack(t, sp))
        opts->range[opts->nranges++] =
            (struct sc_stack_range){t->f[NT_T_STACK_LIMIT].value, t->f[NT_T_STACK_BASE].value};
    err = add_segments(nt, t, opts);
    if (err || !s->procspace)
        return err;
    if (nt_set(&t->f[NT_T_PROCESS]))
        err = sc_session_is_at_hand(s, nt, t->f[NT_T_PROCESS].value, &at_hand);
    opts->kernel_only = !at_hand;
    if (!err && at_hand)
        add_user_range(nt, t, opts);
    return err;
}

sc_err *sc_session_thread_ranges(sc_session *s, const struct sc_regs *regs,
                                 struct sc_stack_opts *opts) {
    struct nt nt;
    struct nt_thread t;
    uint64_t thread;
    if (!s->procspace || s->symbolry.why || regs->cpu != sc_target_machine(s->target)->cpu)
        return NULL;
    sc_err *err = sc_session_nt(s, &nt);
    if (!err)
        err = sc_session_thread(s, &nt, &thread);
    if (!err)
        err = nt_thread_read(&nt, thread, &t);
    if (!err && nt_thread_valid(&t))
        err = sc_kthread_ranges(s, &nt, &t, sc_regs_sp(regs), opts);
    if (!err || sc_err_code(err) == SC_ERR_NOMEM || sc_err_code(err) == SC_ERR_CANCELLED)
        return err;
    sc_err_destroy(err); /* nobody knows the thread: the memory around the pointer has to do */
    return NULL;
}
