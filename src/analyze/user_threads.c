/* SPDX-License-Identifier: MIT */
/*
 * What each thread was doing, by the functions on its stack.
 *
 * The critical section that a thread waits for is the first argument of the function that waits.
 * x86: it lies above the return address. x64 and ARM64: it was in a register, and may have been
 * saved on the stack of that function or in a register that calls preserve. So those words are
 * looked at, and one counts when it is a critical section that another thread of this dump holds,
 * and the only one of that kind. That is proof enough: a held section with its owner's id is not
 * met by accident.
 */
#include "analyze/user_threads.h"

#include <stdlib.h>
#include <string.h>

#include "nt/stackrange.h"
#include "unwind/wow64.h"

enum { THREADS_MAX = 512, FRAMES_MAX = 64, LOCK_BYTES_MAX = 0x400 };

const char *sc_user_doing_text(enum sc_user_doing doing) {
    switch (doing) {
    case SC_DOING_RUNNING: return "runs";
    case SC_DOING_IDLE: return "waits for work, a message or time";
    case SC_DOING_WAITING: return "waits for an object";
    case SC_DOING_LOCK: return "waits to enter a critical section";
    case SC_DOING_SRWLOCK: return "waits for a slim reader-writer lock";
    case SC_DOING_RPC: return "waits for the answer of another thread or process";
    case SC_DOING_MESSAGE: return "waits until a window has dealt with a message";
    case SC_DOING_EXIT: return "ends the process";
    case SC_DOING_DUMPER: return "writes the dump";
    default: return "is in the system, with no name for what it does there";
    }
}

/* --- walking ------------------------------------------------------------------------------- */

struct walkers {
    sc_unwinder *plain, *wow64;
};

static void note_error(struct sc_case *c, sc_err *err) {
    if (err && sc_err_code(err) == SC_ERR_NOMEM)
        c->nomem = true;
    sc_err_destroy(err);
}

static void walk(struct sc_case *c, struct walkers *w, struct sc_user_thread *t, bool *ret_wow64) {
    struct sc_regs regs, regs32;
    bool found = false;
    struct sc_stack_opts opts = {.sz = sizeof opts, .max_frames = FRAMES_MAX};
    sc_err *err = sc_target_regs(c->target, t->thread->index, &regs);
    if (err) {
        note_error(c, err);
        return;
    }
    sc_unwinder *unwinder = w->plain;
    if (c->machine->windows && !c->is32)
        err = sc_wow64_regs(c->target, &regs, t->thread->teb, &regs32, &found);
    if (!err && found) {
        if (!w->wow64)
            err = sc_wow64_unwinder(c->target, c->symtab, &w->wow64);
        unwinder = w->wow64;
        regs = regs32;
        *ret_wow64 = true;
    } else if (!err) {
        err = nt_stack_ranges(c->target, t->thread->index, sc_regs_sp(&regs), &opts);
    }
    if (!err)
        err = sc_stack_walk(unwinder, &regs, &opts, &t->stack);
    note_error(c, err);
}

/* --- what it does ------------------------------------------------------------------------------
 */

/*
 * A lock is what blocks a thread, whatever was called before; of all other ways to wait the
 * outermost counts: it is what the program called, and the rest how that is done.
 */
static enum sc_user_doing doing_of(const struct sc_user_frames *frames, size_t end) {
    static const struct {
        uint32_t role;
        enum sc_user_doing doing;
    } first[] = {{NT_UF_EXIT, SC_DOING_EXIT},
                 {NT_UF_DUMPER, SC_DOING_DUMPER},
                 {NT_UF_LOCK, SC_DOING_LOCK},
                 {NT_UF_SRWLOCK, SC_DOING_SRWLOCK}},
      waits[] = {{NT_UF_MESSAGE, SC_DOING_MESSAGE},
                 {NT_UF_IDLE, SC_DOING_IDLE},
                 {NT_UF_RPC, SC_DOING_RPC},
                 {NT_UF_WAIT, SC_DOING_WAITING}};
    uint32_t signs = sc_user_signs(frames, end);
    for (size_t i = 0; i < sizeof first / sizeof *first; i++)
        if (signs & first[i].role)
            return first[i].doing;
    for (size_t at = end < frames->count ? end : frames->count; at-- > 0;)
        for (size_t i = 0; i < sizeof waits / sizeof *waits; i++)
            if (frames->item[at].roles & waits[i].role)
                return waits[i].doing;
    const struct sc_user_frame *u = frames->count ? &frames->item[0] : NULL;
    return u && u->module && !u->system ? SC_DOING_RUNNING : SC_DOING_UNKNOWN;
}

static bool is_in_loader(const struct sc_user_frames *frames) {
    for (size_t i = 0; i < frames->count; i++)
        if (frames->item[i].roles & NT_UF_LOADER)
            return true;
    return false;
}

/* --- the critical section -----------------------------------------------------------------------
 */

static size_t thread_with_id(const struct sc_user_threads *all, uint32_t tid) {
    for (size_t i = 0; i < all->count; i++)
        if (all->item[i].thread->tid == tid)
            return i;
    return SIZE_MAX;
}

/* Is ADDR a critical section that somebody else holds? */
static bool held_by_other(struct sc_case *c, const struct sc_user_thread *t, uint64_t addr,
                          struct nt_critsec *ret) {
    struct nt_critsec cs;
    if (!nt_critsec_read(c->target, addr, &cs) || !cs.locked || !cs.owner ||
        cs.owner == t->thread->tid)
        return false;
    *ret = cs;
    return true;
}

/* The outermost of the functions that wait: the one that was handed the critical section. */
static bool lock_frame(const struct sc_user_thread *t, size_t *ret_index) {
    bool found = false;
    size_t end = t->has_blame ? t->blame : t->frames.count;
    for (size_t i = 0; i < end; i++)
        if (t->frames.item[i].roles & NT_UF_LOCK) {
            *ret_index = i;
            found = true;
        }
    return found;
}

static void lock_of_x86(struct sc_case *c, struct sc_user_thread *t, size_t i) {
    const struct sc_frame *f = t->frames.item[i].f;
    if (f->nparams && held_by_other(c, t, f->param[0], &t->lock)) {
        t->has_lock = true;
        t->lock_sure = t->frames.item[i].sure;
    }
}

/* Every word of the frames that wait, as long as there is only one candidate. */
static void lock_on_stack(struct sc_case *c, struct sc_user_thread *t, size_t last,
                          const struct sc_user_threads *all) {
    uint64_t from = t->frames.item[0].f->sp;
    uint64_t to = last + 1 < t->frames.count ? t->frames.item[last + 1].f->sp + 4 * 8
                                             : t->frames.item[last].f->sp + 0x100;
    if (to <= from || to - from > LOCK_BYTES_MAX)
        to = from + LOCK_BYTES_MAX;
    struct nt_critsec found = {0}, cs;
    for (uint64_t at = from; at < to; at += 8) {
        uint64_t word;
        if (sc_space_ptr(sc_target_space(c->target), at, &word) != SC_READ_OK ||
            word == found.address || !held_by_other(c, t, word, &cs) ||
            (!cs.proved && thread_with_id(all, cs.owner) == SIZE_MAX))
            continue;
        if (found.address) /* two of them: which one is not known */
            return;
        found = cs;
    }
    t->has_lock = found.address != 0;
    t->lock = found;
}

static void find_lock(struct sc_case *c, struct sc_user_thread *t,
                      const struct sc_user_threads *all) {
    size_t i;
    if (t->doing != SC_DOING_LOCK || !lock_frame(t, &i))
        return;
    if (c->is32)
        lock_of_x86(c, t, i);
    else if (!all->wow64)
        lock_on_stack(c, t, i, all);
    t->owner = t->has_lock ? thread_with_id(all, t->lock.owner) : SIZE_MAX;
}

/* --- all of them
 * ----------------------------------------------------------------------------------- */

static void load_one(struct sc_case *c, struct walkers *w, struct sc_user_thread *t,
                     bool *ret_wow64) {
    walk(c, w, t, ret_wow64);
    sc_user_frames_of(c, &t->stack, sc_case_text(c, "~%ukn", t->thread->index), &t->frames);
    t->has_blame = sc_user_blame(&t->frames, 0, &t->blame);
    t->doing = doing_of(&t->frames, t->has_blame ? t->blame : t->frames.count);
    t->in_loader = is_in_loader(&t->frames);
    t->owner = SIZE_MAX;
}

void sc_user_threads_load(struct sc_case *c, struct sc_user_threads *ret) {
    const struct sc_threads *list;
    struct walkers w = {NULL, NULL};
    *ret = (struct sc_user_threads){.item = NULL};
    sc_err *err = sc_target_threads(c->target, &list);
    if (!err)
        err = sc_unwinder_create(c->target, c->symtab, &w.plain);
    if (err) {
        note_error(c, err);
        return;
    }
    size_t n = list->count < THREADS_MAX ? list->count : THREADS_MAX;
    ret->dropped = list->count - n;
    ret->item = calloc(n + 1, sizeof *ret->item);
    if (!ret->item)
        c->nomem = true;
    for (size_t i = 0; ret->item && i < n && !sc_target_cancelled(c->target) && !c->nomem; i++) {
        ret->item[i].thread = &list->item[i];
        ret->count++;
        load_one(c, &w, &ret->item[i], &ret->wow64);
    }
    for (size_t i = 0; i < ret->count && !c->nomem; i++)
        find_lock(c, &ret->item[i], ret);
    sc_unwinder_destroy(w.plain);
    sc_unwinder_destroy(w.wow64);
}

void sc_user_threads_free(struct sc_user_threads *threads) {
    for (size_t i = 0; i < threads->count; i++)
        sc_stack_deinit(&threads->item[i].stack);
    free(threads->item);
    threads->item = NULL;
    threads->count = 0;
}

void sc_user_show_doing(struct sc_case *c, struct sc_draft *d, const struct sc_user_thread *t) {
    const struct sc_user_frame *u = t->has_blame ? &t->frames.item[t->blame] : NULL;
    const char *name =
        t->thread->name ? sc_case_text(c, " \"%s\"", sc_case_name(c, t->thread->name)) : "";
    const char *command = sc_user_show(c, &t->frames, u ? t->blame : 0);
    sc_draft_show(c, d, u ? u->f->ip : SC_UNSET64, command, "Thread %u (id %x%s) %s%s%s%s%s.",
                  t->thread->index, t->thread->tid, name, sc_user_doing_text(t->doing),
                  u ? ", called by " : "", u ? sc_user_place(c, u) : "",
                  u ? sc_user_frame_line(c, u) : "",
                  u && !u->sure ? ", as far as can be seen" : "");
}
