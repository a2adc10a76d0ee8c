/* SPDX-License-Identifier: MIT */
/*
 * user-hang: threads that wait for each other, or for something that may never come. It looks at
 * dumps without a crash, which are mostly written because a program does not answer.
 *
 *   threads that hold what the others wait for, in a circle   a deadlock: STRONG; critical sections
 *                                                             record their owners
 *   a critical section whose owner is no thread any more      LIKELY: nobody will leave it
 *   threads that wait for one that another thread holds       LIKELY when several do, or the first
 *                                                             thread; else POSSIBLE: it may be a
 *                                                             matter of a moment
 *   the first thread waits for something else                 POSSIBLE: it is mostly the one that
 *                                                             deals with the windows
 *   all threads wait for work                                 POSSIBLE, of nobody: no hang then
 *   threads that run                                          POSSIBLE: one moment says little
 *
 * The loader lock is a critical section like the others, and said to be it.
 */
#include "analyze/user_demand.h"

enum { SHOWN_MAX = 4 };

static const struct sc_user_thread *owner_of(const struct sc_user_threads *all,
                                             const struct sc_user_thread *t) {
    return t->has_lock && t->owner < all->count ? &all->item[t->owner] : NULL;
}

static const char *lock_name(struct sc_case *c, const struct sc_user_thread *t) {
    uint64_t loader;
    if (nt_loader_lock(c->target, t->thread->teb, &loader) && loader == t->lock.address)
        return sc_case_text(c, "the loader lock (%s)", sc_case_addr(c, t->lock.address));
    const char *where = sc_case_where(c, t->lock.address);
    return where ? sc_case_text(c, "the critical section %s (%s)", where,
                                sc_case_addr(c, t->lock.address))
                 : sc_case_text(c, "the critical section %s", sc_case_addr(c, t->lock.address));
}

static void show_lock(struct sc_case *c, struct sc_draft *d, const struct sc_user_thread *t) {
    const struct nt_critsec *cs = &t->lock;
    sc_draft_show(c, d, cs->address, sc_case_text(c, "dp %s L5", sc_case_hex(c, cs->address)),
                  "Thread %u waits for %s, which the thread with id %x holds%s.", t->thread->index,
                  lock_name(c, t), cs->owner,
                  t->lock_sure || cs->proved ? "" : " (found on the stack of the one that waits)");
}

static void accuse(struct sc_case *c, struct sc_draft *d, const struct sc_user_thread *t) {
    if (!t->has_blame)
        return;
    d->f.module = t->frames.item[t->blame].module;
    d->f.symbol = sc_user_place(c, &t->frames.item[t->blame]);
}

/* --- deadlock ----------------------------------------------------------------------------------
 */

/* The length of the circle that T is in; 0: none. */
static size_t circle(const struct sc_user_threads *all, const struct sc_user_thread *t) {
    const struct sc_user_thread *at = t;
    for (size_t n = 1; n <= all->count; n++) {
        at = owner_of(all, at);
        if (!at)
            return 0;
        if (at == t)
            return n;
    }
    return 0;
}

static bool deadlock(struct sc_case *c, const struct sc_user_threads *all) {
    const struct sc_user_thread *t = NULL;
    size_t n = 0;
    for (size_t i = 0; i < all->count && !n; i++) {
        t = &all->item[i];
        n = circle(all, t);
    }
    if (!n)
        return false;
    struct sc_draft d;
    sc_draft_init(&d, SC_STRONG);
    accuse(c, &d, t);
    d.f.summary = sc_case_text(c, "%s hangs: %zu of its threads wait for each other (a deadlock).",
                               sc_user_program(c), n);
    const char *chain = sc_case_text(c, "Thread %u", t->thread->index);
    const struct sc_user_thread *at = t;
    for (size_t i = 0; i < n; i++, at = owner_of(all, at)) {
        chain = sc_case_text(c, "%s %s %s, held by thread %u", chain,
                             i ? "which waits for" : "waits for", lock_name(c, at),
                             all->item[at->owner].thread->index);
        if (i + 1 < n)
            chain = sc_case_text(c, "%s,", chain);
        if (i < SHOWN_MAX) {
            show_lock(c, &d, at);
            sc_user_show_doing(c, &d, at);
        }
    }
    d.f.detail = sc_case_text(c, "%s.", chain);
    sc_draft_next(c, &d,
                  "The order in which these threads take the locks: it must be the same "
                  "everywhere.");
    if (d.f.module)
        sc_user_next_module(c, &d, d.f.module);
    sc_case_add(c, &d);
    return true;
}

/* --- one lock ------------------------------------------------------------------------------------
 */

static size_t count_waiters(const struct sc_user_threads *all, uint64_t lock) {
    size_t n = 0;
    for (size_t i = 0; i < all->count; i++)
        n += all->item[i].has_lock && all->item[i].lock.address == lock;
    return n;
}

static bool waits_first(const struct sc_user_threads *all, uint64_t lock) {
    return all->count && all->item[0].has_lock && all->item[0].lock.address == lock;
}

static bool is_first_waiter(const struct sc_user_threads *all, size_t i) {
    for (size_t k = 0; k < i; k++)
        if (all->item[k].has_lock && all->item[k].lock.address == all->item[i].lock.address)
            return false;
    return true;
}

static void show_waiters(struct sc_case *c, struct sc_draft *d, const struct sc_user_threads *all,
                         uint64_t lock) {
    size_t shown = 0;
    for (size_t i = 0; i < all->count && shown < SHOWN_MAX; i++)
        if (all->item[i].has_lock && all->item[i].lock.address == lock) {
            sc_user_show_doing(c, d, &all->item[i]);
            shown++;
        }
}

static bool one_lock(struct sc_case *c, const struct sc_user_threads *all,
                     const struct sc_user_thread *t) {
    struct sc_draft d;
    const struct sc_user_thread *owner = owner_of(all, t);
    size_t n = count_waiters(all, t->lock.address);
    const char *many = n == 1 ? "a thread waits" : sc_case_text(c, "%zu threads wait", n);
    bool likely = !owner || n > 1 || waits_first(all, t->lock.address);
    sc_draft_init(&d, likely ? SC_LIKELY : SC_POSSIBLE);
    if (owner) {
        accuse(c, &d, owner);
        d.f.summary = sc_case_text(c, "%s may hang: %s for a lock that thread %u holds, which %s.",
                                   sc_user_program(c), many, owner->thread->index,
                                   sc_user_doing_text(owner->doing));
        d.f.detail = sc_case_text(c, "Thread %u holds %s.", owner->thread->index, lock_name(c, t));
    } else {
        d.f.summary = sc_case_text(c,
                                   "%s hangs: %s for a lock whose owner has ended without giving "
                                   "it back.",
                                   sc_user_program(c), many);
        d.f.detail = sc_case_text(c,
                                  "The owner of %s, the thread with id %x, is not among the "
                                  "threads of the dump.",
                                  lock_name(c, t), t->lock.owner);
    }
    show_lock(c, &d, t);
    show_waiters(c, &d, all, t->lock.address);
    if (owner)
        sc_user_show_doing(c, &d, owner);
    sc_draft_next(c, &d,
                  owner ? "A second dump some seconds later: whether the owner still stands "
                          "there."
                        : "Who ended that thread: TerminateThread(), or an exit without "
                          "leaving the critical section.");
    sc_case_add(c, &d);
    return likely;
}

static bool locks(struct sc_case *c, const struct sc_user_threads *all) {
    bool told = false;
    for (size_t i = 0; i < all->count; i++)
        if (all->item[i].has_lock && is_first_waiter(all, i))
            told |= one_lock(c, all, &all->item[i]);
    return told;
}

/* --- what else
 * ------------------------------------------------------------------------------------- */

static bool is_blocking(enum sc_user_doing doing) {
    return doing == SC_DOING_WAITING || doing == SC_DOING_LOCK || doing == SC_DOING_SRWLOCK ||
           doing == SC_DOING_RPC || doing == SC_DOING_MESSAGE;
}

static void first_thread(struct sc_case *c, const struct sc_user_threads *all) {
    struct sc_draft d;
    const struct sc_user_thread *t = all->count ? &all->item[0] : NULL;
    if (!t || t->has_lock || !is_blocking(t->doing))
        return;
    sc_draft_init(&d, SC_POSSIBLE);
    accuse(c, &d, t);
    d.f.summary = sc_case_text(c, "If %s did not answer: its first thread %s.", sc_user_program(c),
                               sc_user_doing_text(t->doing));
    d.f.detail = t->has_blame
                     ? sc_case_text(c, "Thread 0 %s, called by %s%s.", sc_user_doing_text(t->doing),
                                    sc_user_place(c, &t->frames.item[t->blame]),
                                    sc_user_frame_line(c, &t->frames.item[t->blame]))
                     : sc_case_text(c, "Thread 0 %s.", sc_user_doing_text(t->doing));
    sc_user_show_doing(c, &d, t);
    if (t->in_loader)
        sc_draft_show(c, &d, SC_UNSET64, t->frames.command,
                      "It is inside the loader, and so holds the loader lock, which every start "
                      "and end of a thread needs.");
    sc_draft_lacked(c, &d,
                    t->doing == SC_DOING_SRWLOCK ? "Such a lock does not record its owner."
                    : t->doing == SC_DOING_RPC || t->doing == SC_DOING_MESSAGE
                        ? "Whom it waits for is not in this dump: that may be another "
                          "process."
                        : "What it waits for, and who would set it, is not known.");
    sc_draft_next(c, &d,
                  t->doing == SC_DOING_RPC || t->doing == SC_DOING_MESSAGE
                      ? "A dump of the other process, taken at the same time."
                      : "A dump with full memory and handle data, some seconds later.");
    sc_case_add(c, &d);
}

static size_t count_doing(const struct sc_user_threads *all, enum sc_user_doing doing) {
    size_t n = 0;
    for (size_t i = 0; i < all->count; i++)
        n += all->item[i].doing == doing;
    return n;
}

static void all_idle(struct sc_case *c, const struct sc_user_threads *all) {
    struct sc_draft d;
    size_t n = count_doing(all, SC_DOING_IDLE);
    if (!all->count || n + count_doing(all, SC_DOING_DUMPER) != all->count || all->dropped || !n)
        return;
    sc_draft_init(&d, SC_POSSIBLE);
    d.f.summary =
        sc_case_text(c, "%s was doing nothing: every thread waits for work.", sc_user_program(c));
    d.f.detail =
        sc_case_text(c, "%zu of %zu threads wait for work, a message or time.", n, all->count);
    sc_draft_show(c, &d, SC_UNSET64, "~*k",
                  "The stacks of all threads end in functions that wait "
                  "for work.");
    sc_draft_next(c, &d, "If it did not answer then: who should have given it work.");
    sc_case_add(c, &d);
}

/* The thread that asked for its own dump runs the code that does so. */
static bool is_running(const struct sc_case *c, const struct sc_user_thread *t) {
    return t->doing == SC_DOING_RUNNING &&
           !(c->a->has_exception && t->thread->index == c->machine->current);
}

static void running(struct sc_case *c, const struct sc_user_threads *all) {
    struct sc_draft d;
    const struct sc_user_thread *first = NULL;
    size_t n = 0;
    sc_draft_init(&d, SC_POSSIBLE);
    for (size_t i = 0; i < all->count; i++)
        if (is_running(c, &all->item[i]) && n++ < SHOWN_MAX) {
            sc_user_show_doing(c, &d, &all->item[i]);
            if (!first)
                first = &all->item[i];
        }
    if (!first)
        return;
    accuse(c, &d, first);
    d.f.summary = sc_case_text(c, "If %s was busy without an end: %s its own code at that moment.",
                               sc_user_program(c),
                               n == 1 ? "one thread ran" : sc_case_text(c, "%zu threads ran", n));
    d.f.detail = sc_case_text(c, "Thread %u stands in %s%s.", first->thread->index,
                              sc_user_place(c, &first->frames.item[0]),
                              sc_user_frame_line(c, &first->frames.item[0]));
    sc_draft_next(c, &d,
                  "Two more dumps a second apart: a thread that stands in the same function "
                  "in all of them is the busy one.");
    sc_case_add(c, &d);
}

bool sc_user_hang_run(struct sc_case *c, const struct sc_user_threads *all) {
    c->rule = "user-hang";
    if (deadlock(c, all))
        return true;
    bool told = locks(c, all);
    first_thread(c, all);
    all_idle(c, all);
    running(c, all);
    return told;
}
