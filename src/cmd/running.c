/* SPDX-License-Identifier: MIT */
/*
 * `!running` and `!ready`: which threads run, and which wait for a processor.
 *
 *     System Processors:  (000000000000000f)
 *       Idle Processors:  (0000000000000008)
 *
 *            Prcbs             Current         (pri) Next            (pri) Idle
 *       0    fffff80526ad6180  ffffda0273eea040 ( 8) ffffda02746490c0 (14) fffff80599bd15c0  ....
 *
 * A processor whose current thread is its idle thread is idle.
 */
#include <inttypes.h>
#include <stdio.h>

#include "cmd/dispatch.h"
#include "cmd/kernel.h"
#include "cmd/session_impl.h"
#include "cmd/show.h"
#include "cmd/stack.h"
#include "nt/ready.h"

/* ---- !running ---- */

struct running {
    uint32_t processor;
    uint64_t prcb, current_thread, next_thread, idle_thread;
    int64_t priority, next_priority;
    bool idle;
    const char *locks;
};
static const struct sc_field running_fields[] = {
    SC_FIELD(struct running, processor, SC_F_U32),
    SC_FIELD(struct running, prcb, SC_F_ADDR),
    SC_FIELD(struct running, current_thread, SC_F_ADDR),
    SC_FIELD(struct running, priority, SC_F_NUM),
    SC_FIELD(struct running, next_thread, SC_F_ADDR),
    SC_FIELD(struct running, next_priority, SC_F_NUM),
    SC_FIELD(struct running, idle_thread, SC_F_ADDR),
    SC_FIELD(struct running, idle, SC_F_BOOL),
    SC_FIELD(struct running, locks, SC_F_STR),
    SC_FIELD_END};
static const struct sc_rectype running_type = {"running", sizeof(struct running), running_fields};

/* An address, and the priority behind it; blanks for none. */
static void thread_text(sc_out *out, uint64_t thread, int64_t priority, unsigned ptr_size) {
    char a[SC_NT_BUF];
    if (!thread) {
        sc_printf(out, "%*s", (int)ptr_size * 2 + 6, "");
        return;
    }
    sc_printf(out, "%s ", sc_nt_ptr_text(thread, ptr_size, a));
    if (priority == INT64_MIN)
        sc_puts(out, "( ?) ");
    else
        sc_printf(out, "(%2" PRId64 ") ", priority);
}

static void running_text(sc_out *out, const void *record, void *ctx) {
    const struct running *r = record;
    const unsigned ptr_size = *(const unsigned *)ctx;
    char a[SC_NT_BUF], b[SC_NT_BUF];
    sc_printf(out, "%3u    %s  ", r->processor, sc_nt_ptr_text(r->prcb, ptr_size, a));
    thread_text(out, r->current_thread, r->priority, ptr_size);
    thread_text(out, r->next_thread, r->next_priority, ptr_size);
    sc_printf(out, "%s  %s\n", sc_nt_ptr_text(r->idle_thread, ptr_size, b), r->locks);
}

/* What the lines and the masks are made of. */
struct row {
    struct running r;
    char locks[NT_QUEUED_LOCKS + 1];
    bool present;
};

static sc_err *priority_of(const struct nt *nt, uint64_t thread, int64_t *ret) {
    struct nt_thread t;
    *ret = INT64_MIN;
    if (!thread || thread == SC_UNSET64)
        return NULL;
    sc_err *err = nt_thread_read(nt, thread, &t);
    if (!err)
        *ret = sc_nt_num(&t.f[NT_T_PRIORITY]);
    return err;
}

static sc_err *read_row(const struct nt *nt, uint32_t index, struct row *row, bool *assumed) {
    struct nt_field address;
    struct nt_prcb prcb;
    struct running *r = &row->r;
    sc_err *err = nt_prcb_address(nt, index, &address);
    if (err || address.state != NT_READ)
        return err;
    err = nt_prcb_read(nt, address.value, &prcb);
    if (err || !nt_prcb_present(&prcb))
        return err;
    row->present = true;
    *assumed |= prcb.assumed;
    r->processor = index;
    r->prcb = address.value;
    r->current_thread = sc_nt_addr(&prcb.f[NT_C_CURRENT_THREAD]);
    r->next_thread = sc_nt_addr(&prcb.f[NT_C_NEXT_THREAD]);
    r->idle_thread = sc_nt_addr(&prcb.f[NT_C_IDLE_THREAD]);
    r->idle = nt_set(&prcb.f[NT_C_IDLE_THREAD]) && r->current_thread == r->idle_thread;
    r->locks = row->locks;
    err = priority_of(nt, r->current_thread, &r->priority);
    if (!err)
        err = priority_of(nt, r->next_thread, &r->next_priority);
    return err ? err : nt_prcb_locks(nt, &prcb, row->locks);
}

/* The stack of processor INDEX, as `k` shows it there. */
static sc_err *show_stack(sc_session *s, uint32_t index, sc_arena *arena) {
    static const struct sc_kform form = {.child = true, .numbers = true};
    struct sc_context saved = *sc_session_context(s);
    struct sc_walked walked = {.first = 0};
    uint32_t before = sc_session_current(s);
    sc_err *err = sc_session_set_current(s, index);
    if (!err)
        err = sc_session_walk(s, sc_session_kframes(s), &walked);
    if (!err)
        err = sc_show_stack(s, &walked, &form, arena);
    else if (sc_err_code(err) == SC_ERR_NOT_FOUND) {
        sc_remark(s->out, "%s", sc_err_text(err));
        sc_err_destroy(err);
        err = NULL;
    }
    sc_stack_deinit(&walked.stack);
    sc_err_destroy(sc_session_set_current(s, before));
    sc_session_restore_context(s, &saved);
    if (!err)
        sc_puts(s->out, "\n");
    return err;
}

/* All processors, and the idle ones: as masks of the first 64. */
struct masks {
    uint64_t system, idle, count, idle_count;
};
static const struct sc_field masks_fields[] = {
    SC_FIELD(struct masks, system, SC_F_ADDR), SC_FIELD(struct masks, idle, SC_F_ADDR),
    SC_FIELD(struct masks, count, SC_F_NUM), SC_FIELD(struct masks, idle_count, SC_F_NUM),
    SC_FIELD_END};
static const struct sc_rectype masks_type = {"processors", sizeof(struct masks), masks_fields};

static void masks_text(sc_out *out, const void *record, void *ctx) {
    const struct masks *r = record;
    int digits = (int)*(const unsigned *)ctx * 2;
    sc_printf(out, "\nSystem Processors:  (%0*" PRIx64 ")\n", digits, r->system);
    sc_printf(out, "  Idle Processors:  (%0*" PRIx64 ")\n", digits, r->idle);
    if (r->count > 64)
        sc_printf(out, "  [of the first 64; %" PRIu64 " of %" PRIu64 " are idle]\n", r->idle_count,
                  r->count);
    if (r->count && r->idle_count == r->count)
        sc_puts(out, "All processors idle.\n");
}

static void show_masks(sc_out *out, const struct row *row, size_t count, unsigned ptr_size) {
    struct masks r = {.count = count};
    for (size_t i = 0; i < count; i++) {
        uint64_t bit = i < 64 ? (uint64_t)1 << i : 0;
        r.system |= bit;
        r.idle |= row[i].r.idle ? bit : 0;
        r.idle_count += row[i].r.idle;
    }
    sc_record(out, &masks_type, &r, masks_text, &ptr_size);
}

static sc_err *read_rows(sc_session *s, const struct nt *nt, sc_arena *arena, struct row **ret,
                         size_t *ret_count, bool *ret_assumed) {
    const struct sc_threads *threads;
    bool assumed = false;
    sc_err *err = sc_target_threads(s->target, &threads);
    struct row *row = err ? NULL : sc_arena_array(arena, threads->count + 1, sizeof *row);
    if (!err && !row)
        err = sc_err_nomem();
    for (size_t i = 0; !err && i < threads->count; i++) {
        row[i] = (struct row){{0}, "", false};
        err = read_row(nt, (uint32_t)i, &row[i], &assumed);
    }
    if (err)
        return err;
    *ret = row;
    *ret_count = threads->count;
    *ret_assumed = assumed;
    return NULL;
}

enum { ARG_IDLE, ARG_STACK, ARG_BOTH, ARG_BOTH_TOO };

static sc_err *run_running(sc_session *s, const struct sc_args *args) {
    bool both = args->v[ARG_BOTH].given || args->v[ARG_BOTH_TOO].given;
    bool with_idle = args->v[ARG_IDLE].given || both, stacks = args->v[ARG_STACK].given || both;
    struct nt nt;
    struct row *row = NULL;
    size_t count = 0, missing = 0;
    bool assumed = false;
    sc_err *err = sc_session_nt(s, &nt);
    if (!err)
        err = read_rows(s, &nt, args->arena, &row, &count, &assumed);
    if (err)
        return err;
    show_masks(s->out, row, count, nt.ptr_size);
    sc_printf(s->out, "\n       %-*s  %-*s (pri) %-*s (pri) Idle\n", (int)nt.ptr_size * 2, "Prcbs",
              (int)nt.ptr_size * 2 - 1, "Current", (int)nt.ptr_size * 2 - 1, "Next");
    for (size_t i = 0; !err && i < count; i++) {
        missing += !row[i].present;
        if (!row[i].present || (row[i].r.idle && !with_idle))
            continue;
        sc_record(s->out, &running_type, &row[i].r, running_text, &nt.ptr_size);
        if (stacks) {
            sc_puts(s->out, "\n");
            err = show_stack(s, (uint32_t)i, args->arena);
        }
    }
    if (!err && missing)
        sc_remark(s->out, "The dump does not hold the nt!_KPRCB of %zu processors.", missing);
    if (!err)
        sc_nt_assumed(s, assumed);
    return err;
}

/* ---- !ready ---- */

/* A queue: what stands above its threads. */
struct queue {
    uint32_t processor; /* the first one of those that share it */
    uint64_t address;   /* of the KSHARED_READY_QUEUE; SC_UNSET64: the processor's own lists */
    int64_t group;
    uint64_t affinity, summary;
    uint64_t threads;
    const char *why; /* why its lists are not whole; NULL: they are */
};
static const struct sc_field queue_fields[] = {
    SC_FIELD(struct queue, processor, SC_F_U32), SC_FIELD(struct queue, address, SC_F_ADDR),
    SC_FIELD(struct queue, group, SC_F_NUM),     SC_FIELD(struct queue, affinity, SC_F_ADDR),
    SC_FIELD(struct queue, summary, SC_F_ADDR),  SC_FIELD(struct queue, threads, SC_F_NUM),
    SC_FIELD(struct queue, why, SC_F_STR),       SC_FIELD_END};
static const struct sc_rectype queue_type = {"ready_queue", sizeof(struct queue), queue_fields};

struct ready {
    uint32_t processor;
    uint64_t queue, thread;
    uint32_t priority;
    bool heads; /* the first one of its priority */
};
static const struct sc_field ready_fields[] = {
    SC_FIELD(struct ready, processor, SC_F_U32), SC_FIELD(struct ready, queue, SC_F_ADDR),
    SC_FIELD(struct ready, priority, SC_F_U32), SC_FIELD(struct ready, thread, SC_F_ADDR),
    SC_FIELD_END};
static const struct sc_rectype ready_type = {"ready", sizeof(struct ready), ready_fields};

struct ready_job {
    sc_session *session;
    struct nt nt;
    struct nt_clock clock;
    uint64_t flags;
    sc_arena *arena;
    bool known; /* some queue's layout is known */
};

/* "SharedReadyQueue 8147e800: ", "Processor 0: "; until Windows XP the lists are the system's. */
static void prefix(sc_out *out, uint64_t queue, uint32_t processor, const struct ready_job *j) {
    char a[SC_NT_BUF];
    if (queue && queue != SC_UNSET64)
        sc_printf(out, "SharedReadyQueue %s: ", sc_nt_ptr_text(queue, j->nt.ptr_size, a));
    else if (j->nt.build > 2600 || !j->nt.build)
        sc_printf(out, "Processor %u: ", processor);
}

/* A star for each processor of the group that shares the queue. */
static void processors_text(sc_out *out, uint64_t affinity, unsigned ptr_size) {
    for (unsigned i = 0; i < ptr_size * 8; i++)
        sc_puts(out, affinity >> i & 1 ? "*" : "-");
}

static void queue_text(sc_out *out, const void *record, void *ctx) {
    const struct queue *r = record;
    const struct ready_job *j = ctx;
    char a[SC_NT_BUF];
    if (r->address != SC_UNSET64) {
        sc_printf(out, "KSHARED_READY_QUEUE %s: ", sc_nt_ptr_text(r->address, j->nt.ptr_size, a));
        if (r->group != INT64_MIN)
            sc_printf(out, "(%02" PRIx64 ") ", (uint64_t)r->group);
        if (r->affinity != SC_UNSET64)
            processors_text(out, r->affinity, j->nt.ptr_size);
        sc_puts(out, "\n");
    }
    if (r->threads)
        return;
    prefix(out, r->address, r->processor, j);
    sc_puts(out, r->why ? "not known\n" : "No threads in READY state\n");
}

static void ready_text(sc_out *out, const void *record, void *ctx) {
    const struct ready *r = record;
    if (!r->heads)
        return; /* the thread's own lines say it */
    prefix(out, r->queue, r->processor, ctx);
    sc_printf(out, "Ready Threads at priority %u\n", r->priority);
}

static sc_err *show_ready(struct ready_job *j, const struct nt_prcb *prcb, uint32_t processor,
                          const struct nt_ready *from) {
    sc_out *out = j->session->out;
    struct queue q = {.processor = processor,
                      .address = from->queue ? from->queue : SC_UNSET64,
                      .group = sc_nt_num(&prcb->f[NT_C_GROUP]),
                      .affinity = sc_nt_addr(&from->affinity),
                      .summary = sc_nt_addr(&from->summary),
                      .threads = from->count,
                      .why = from->why};
    sc_err *err = NULL;
    if (!from->known)
        return NULL;
    j->known = true;
    sc_record(out, &queue_type, &q, queue_text, j);
    for (size_t i = 0; !err && i < from->count; i++) {
        const struct nt_ready_thread *t = &from->item[i];
        struct ready r = {processor, q.address, t->thread, t->priority,
                          !i || from->item[i - 1].priority != t->priority};
        struct nt_thread thread;
        sc_record(out, &ready_type, &r, ready_text, j);
        err = nt_thread_read(&j->nt, t->thread, &thread);
        if (!err)
            err =
                sc_show_kthread(j->session, &j->nt, &j->clock, &thread, j->flags, "    ", j->arena);
    }
    if (!err && from->why)
        sc_remark(out, "The lists are not whole: %s", from->why);
    return err;
}

/* Was the queue shown with a processor before this one? */
static sc_err *is_new(const struct nt *nt, uint32_t index, uint64_t queue, bool *ret) {
    struct nt_field address;
    *ret = true;
    for (uint32_t i = 0; *ret && i < index; i++) {
        struct nt_prcb prcb = {0};
        uint64_t other = 0;
        sc_err *err = nt_prcb_address(nt, i, &address);
        if (!err && address.state == NT_READ) {
            prcb.address = address.value;
            err = nt_prcb_shared_queue(nt, &prcb, &other);
        }
        if (err)
            return err;
        *ret = other != queue;
    }
    return NULL;
}

static sc_err *shared_of(struct ready_job *j, uint32_t index, const struct nt_prcb *prcb) {
    struct nt_ready shared;
    bool first = true;
    sc_err *err = nt_prcb_shared_ready(&j->nt, prcb, j->arena, &shared);
    if (!err && shared.queue)
        err = is_new(&j->nt, index, shared.queue, &first);
    return err || !first ? err : show_ready(j, prcb, index, &shared);
}

static sc_err *own_of(struct ready_job *j, uint32_t index, const struct nt_prcb *prcb) {
    struct nt_ready own;
    sc_err *err = nt_prcb_ready(&j->nt, prcb, j->arena, &own);
    return err ? err : show_ready(j, prcb, index, &own);
}

static sc_err *each_prcb(struct ready_job *j, size_t count,
                         sc_err *(*fn)(struct ready_job *, uint32_t, const struct nt_prcb *)) {
    sc_err *err = NULL;
    for (size_t i = 0; !err && i < count; i++) {
        struct nt_field address;
        struct nt_prcb prcb;
        err = nt_prcb_address(&j->nt, (uint32_t)i, &address);
        if (err || address.state != NT_READ)
            continue;
        err = nt_prcb_read(&j->nt, address.value, &prcb);
        if (!err)
            err = fn(j, (uint32_t)i, &prcb);
    }
    return err;
}

static sc_err *run_ready(sc_session *s, const struct sc_args *args) {
    struct ready_job j = {.session = s, .flags = args->v[0].given ? args->v[0].num : 6};
    const struct sc_threads *threads;
    sc_err *err = sc_session_nt(s, &j.nt);
    j.arena = args->arena;
    if (!err)
        err = nt_clock_read(&j.nt, &j.clock);
    if (!err)
        err = sc_target_threads(s->target, &threads);
    /* Windows XP has one set of lists, whichever processor is asked. */
    bool is_system = j.nt.build && j.nt.build <= 2600;
    if (!err)
        err = each_prcb(&j, threads->count, shared_of);
    if (!err)
        err = each_prcb(&j, is_system && threads->count ? 1 : threads->count, own_of);
    if (!err && !j.known)
        err = sc_errf(SC_ERR_NOT_FOUND,
                      is_system ? "!ready: the symbols do not know nt!KiDispatcherReadyListHead"
                                : "!ready: the dump holds no nt!_KPRCB whose "
                                  "DispatcherReadyListHead is known");
    return err;
}

static const struct sc_arg running_args[] = {
    [ARG_IDLE] = {SC_ARG_OPTION, "i", "i", true, "idle processors, too"},
    [ARG_STACK] = {SC_ARG_OPTION, "t", "t", true, "the stack of each"},
    [ARG_BOTH] = {SC_ARG_OPTION, "it", "it", true, "both"},
    [ARG_BOTH_TOO] = {SC_ARG_OPTION, "ti", "ti", true, "both"},
    {SC_ARG_END, NULL, NULL, false, NULL}};
static const struct sc_arg ready_args[] = {
    {SC_ARG_EXPR, "flags", NULL, true, "those of !thread; 6 if none are given"},
    {SC_ARG_END, NULL, NULL, false, NULL}};

const struct sc_command sc_running_commands[] = {
    {.name = "!running",
     .brief = "show the running thread of each processor",
     .needs = SC_NEED_KERNEL | SC_NEED_WINDOWS,
     .instead = "~ lists its threads",
     .args = running_args,
     .help = "For each processor that is not idle: its PRCB, the current and the next thread with "
             "their priorities, the idle thread, and its 16 queued spin locks: . free, O owned, W "
             "waited for.",
     .sample = "!running -i",
     .run = run_running},
    {.name = "!ready",
     .brief = "show the threads that are ready to run",
     .needs = SC_NEED_KERNEL | SC_NEED_WINDOWS,
     .instead = "~ lists its threads",
     .args = ready_args,
     .help = "By processor and priority, highest first. Since Windows 8.1 processors have lists "
             "of their own and share others.",
     .sample = "!ready 0",
     .run = run_ready},
    {.name = NULL},
};
