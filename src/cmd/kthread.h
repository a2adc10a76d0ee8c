/* SPDX-License-Identifier: MIT */
/* The record of `!thread`, its text, and how threads and processes are found and shown. */
#ifndef STOPCODE_CMD_KTHREAD_H
#define STOPCODE_CMD_KTHREAD_H

#include "cmd/kernel.h"
#include "nt/process.h"
#include "nt/threadstack.h"
#include "nt/wait.h"
#include "stopcode/stack.h"

struct sc_kwait {
    bool delay; /* for time alone: what stands in the object's place is -1 */
    uint64_t block, object, owner;
    const char *kind; /* NULL: the object is not in the dump */
    int64_t signal_state, limit;
};

struct sc_kirp {
    uint64_t address;
    int64_t irp_type, size;
    uint64_t flags, mdl;
};

/* A stack that it left for a larger one. */
struct sc_ksegment {
    uint64_t base, limit;
};

/* Numbers that are not known: all ones, or INT64_MIN. */
struct sc_kthread {
    uint64_t address;
    bool assumed, waiting, running, shared_queue, impersonating, large_stack, no_stack_swap;
    struct sc_ksegment *segment;
    size_t nsegments;
    int64_t pid, tid, processor, alertable, suspend_count, freeze_count;
    uint64_t teb, win32_thread;
    const char *state, *wait_reason, *wait_mode;
    struct sc_kwait *wait;
    size_t nwaits;
    const char *waits_why; /* NULL: they are all there */
    struct sc_kirp *irp;
    size_t nirps;
    const char *irps_why;
    uint64_t token;
    const char *token_level;
    uint64_t device_map, process, attached_process;
    const char *image, *attached_image;
    int64_t wait_start_ticks, ticks, context_switches, ideal_processor, user_ticks, kernel_ticks;
    uint64_t ticks_span, user_time, kernel_time, create_time, exit_time;
    uint64_t win32_start, start;
    const char *win32_start_symbol, *start_symbol;
    uint64_t stack_init, stack_current, stack_base, stack_limit, callback_stack;
    int64_t stack_resident, priority, base_priority, priority_decrement;
    int64_t unusual_boost, foreground_boost, decrement_count, io_priority, page_priority;
    int64_t kernel_apc_disable, special_apc_disable, kernel_apc_pending, user_apc_pending;
};

struct sc_kthread_style {
    unsigned ptr_size;
    uint32_t build;
    uint64_t flags;
    const char *pad;
    bool enrich;
};
/* The text formatter; CTX is a struct sc_kthread_style. */
void sc_kthread_text(sc_out *out, const void *record, void *ctx);

/* kfind.c: looking through all threads that the dump holds, for an id, or one with an address on
 * its stacks. */
typedef sc_err *(*sc_thread_fn)(const struct nt *nt, const struct nt_thread *thread, uint64_t value,
                                bool *ret_is);
sc_err *sc_thread_has_id(const struct nt *nt, const struct nt_thread *thread, uint64_t id,
                         bool *ret_is);
sc_err *sc_find_thread(const struct nt *nt, sc_thread_fn fn, uint64_t value, uint64_t *ret_thread,
                       bool *ret_found);
/* The process with an id, in the list of processes. */
sc_err *sc_find_process(const struct nt *nt, uint64_t pid, uint64_t *ret_process, bool *ret_found);

/*
 * kstack.c: for the walk of a thread's stack that begins at SP: its stacks, and whether user mode
 * is left out, since another process's memory is at hand.
 */
sc_err *sc_kthread_ranges(sc_session *session, const struct nt *nt, const struct nt_thread *thread,
                          uint64_t sp, struct sc_stack_opts *opts);

/* kprocess.c: is IMAGE, which the kernel may have cut, the name that is wanted? */
bool sc_image_fits(const char *image, const char *want);
/* A process; FLAGS are those of `!process`. */
sc_err *sc_show_kprocess(sc_session *session, const struct nt *nt, uint64_t address, uint64_t flags,
                         sc_arena *arena);

#endif
