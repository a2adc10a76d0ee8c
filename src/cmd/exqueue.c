/* SPDX-License-Identifier: MIT */
/*
 * `!exqueue`: the executive's work queues.
 *
 *     **** Critical WorkQueue ( Threads: 6/512, Concurrency: 0/1 )
 *     THREAD 83a379e8  Cid 0004.0018  Teb: 00000000 Win32Thread: 00000000 WAIT
 *     PENDING: IoWorkItem (…) Routine … (…) IoObject (…) Context (…)
 *
 * Until Windows 7 the most threads a queue may have is a constant of the kernel, 512.
 */
#include <inttypes.h>
#include <stdio.h>

#include "cmd/kernel.h"
#include "cmd/session_impl.h"
#include "cmd/show.h"
#include "nt/workqueue.h"

enum {
    THREADS_MAX = 512,
    THREAD_FLAGS = 0x0e,
    STATISTICS = 1,
    WAITS = 2,
    CRITICAL = 0x10,
    ONLY = 0x70
};

struct item {
    uint64_t queue, address, routine, parameter;
    int64_t priority;
    const char *symbol;
    bool io;
    uint64_t io_routine, io_object, io_context;
    const char *io_symbol;
};
static const struct sc_field item_fields[] = {
    SC_FIELD(struct item, queue, SC_F_ADDR),      SC_FIELD(struct item, address, SC_F_ADDR),
    SC_FIELD(struct item, priority, SC_F_NUM),    SC_FIELD(struct item, routine, SC_F_ADDR),
    SC_FIELD(struct item, symbol, SC_F_STR),      SC_FIELD(struct item, parameter, SC_F_ADDR),
    SC_FIELD(struct item, io, SC_F_BOOL),         SC_FIELD(struct item, io_routine, SC_F_ADDR),
    SC_FIELD(struct item, io_symbol, SC_F_STR),   SC_FIELD(struct item, io_object, SC_F_ADDR),
    SC_FIELD(struct item, io_context, SC_F_ADDR), SC_FIELD_END};
static const struct sc_rectype item_type = {"work_item", sizeof(struct item), item_fields};

struct queue {
    const char *name;
    int64_t node;       /* INT64_MIN: of the system */
    uint64_t partition; /* SC_UNSET64: the system's */
    uint32_t index;
    uint64_t address;
    uint32_t threads, busy, idle, pending;
    int64_t threads_min, threads_max, concurrency, concurrency_max;
    int64_t processed, processed_before, depth_before;
};
static const struct sc_field queue_fields[] = {SC_FIELD(struct queue, name, SC_F_STR),
                                               SC_FIELD(struct queue, node, SC_F_NUM),
                                               SC_FIELD(struct queue, partition, SC_F_ADDR),
                                               SC_FIELD(struct queue, index, SC_F_U32),
                                               SC_FIELD(struct queue, address, SC_F_ADDR),
                                               SC_FIELD(struct queue, threads, SC_F_U32),
                                               SC_FIELD(struct queue, threads_min, SC_F_NUM),
                                               SC_FIELD(struct queue, threads_max, SC_F_NUM),
                                               SC_FIELD(struct queue, busy, SC_F_U32),
                                               SC_FIELD(struct queue, idle, SC_F_U32),
                                               SC_FIELD(struct queue, concurrency, SC_F_NUM),
                                               SC_FIELD(struct queue, concurrency_max, SC_F_NUM),
                                               SC_FIELD(struct queue, pending, SC_F_U32),
                                               SC_FIELD(struct queue, processed, SC_F_NUM),
                                               SC_FIELD(struct queue, processed_before, SC_F_NUM),
                                               SC_FIELD(struct queue, depth_before, SC_F_NUM),
                                               SC_FIELD_END};
static const struct sc_rectype queue_type = {"work_queue", sizeof(struct queue), queue_fields};

struct job {
    sc_session *session;
    struct nt nt;
    struct nt_clock clock;
    uint64_t flags;
    bool enrich;
    sc_arena *arena;
};

static void queue_text(sc_out *out, const void *record, void *ctx) {
    const struct queue *r = record;
    const struct job *j = ctx;
    char a[SC_NT_BUF], b[SC_NT_BUF], c[SC_NT_BUF];
    sc_puts(out, "**** ");
    if (r->partition != SC_UNSET64)
        sc_printf(out, "Partition %s ", sc_nt_ptr_text(r->partition, j->nt.ptr_size, a));
    if (r->node != INT64_MIN)
        sc_printf(out, "NUMA Node %" PRId64 " ", r->node);
    if (r->name)
        sc_printf(out, "%s WorkQueue", r->name);
    else
        sc_printf(out, "WorkQueue %u", r->index);
    sc_printf(out, " ( Threads: %u/%s, Concurrency: %s/%s )\n", r->threads,
              sc_nt_num_text(r->threads_max, a), sc_nt_num_text(r->concurrency, b),
              sc_nt_num_text(r->concurrency_max, c));
    if (j->enrich && r->threads)
        sc_printf(out, "[%u busy, %u idle; %u waiting to be done]\n", r->busy, r->idle, r->pending);
    if ((j->flags & (STATISTICS | WAITS)) != STATISTICS)
        return;
    sc_printf(out, "Work items processed: %s, when last looked at: %s",
              sc_nt_num_text(r->processed, a), sc_nt_num_text(r->processed_before, b));
    if (r->depth_before != INT64_MIN)
        sc_printf(out, ", queue depth then: %s", sc_nt_num_text(r->depth_before, c));
    sc_puts(out, "\n");
}

static void named(sc_out *out, const struct job *j, const char *symbol, uint64_t address) {
    char a[SC_NT_BUF];
    if (symbol)
        sc_nt_routine_text(out, symbol, j->enrich);
    else
        sc_puts(out, "?");
    sc_printf(out, " (%s)", sc_nt_ptr_text(address, j->nt.ptr_size, a));
}

static void item_text(sc_out *out, const void *record, void *ctx) {
    const struct item *r = record;
    const struct job *j = ctx;
    char a[SC_NT_BUF];
    if (r->io) {
        sc_printf(out, "PENDING: IoWorkItem (%s) Routine ",
                  sc_nt_ptr_text(r->parameter, j->nt.ptr_size, a));
        named(out, j, r->io_symbol, r->io_routine);
        sc_printf(out, " IoObject (%s)", sc_nt_ptr_text(r->io_object, j->nt.ptr_size, a));
        sc_printf(out, " Context (%s)", sc_nt_ptr_text(r->io_context, j->nt.ptr_size, a));
    } else {
        sc_puts(out, "PENDING: WorkerRoutine ");
        named(out, j, r->symbol, r->routine);
        sc_printf(out, " Parameter (%s)", sc_nt_ptr_text(r->parameter, j->nt.ptr_size, a));
    }
    if (j->enrich && r->priority != INT64_MIN)
        sc_printf(out, "  [priority %" PRId64 "]", r->priority);
    sc_puts(out, "\n");
}

static sc_err *show_item(struct job *j, uint64_t queue, const struct nt_work_item *w) {
    struct item r = {.queue = queue,
                     .address = w->address,
                     .routine = sc_nt_addr(&w->routine),
                     .parameter = sc_nt_addr(&w->parameter),
                     .priority = w->priority < 0 ? INT64_MIN : w->priority,
                     .io = w->io,
                     .io_routine = w->io ? sc_nt_addr(&w->io_routine) : SC_UNSET64,
                     .io_object = w->io ? sc_nt_addr(&w->io_object) : SC_UNSET64,
                     .io_context = w->io ? sc_nt_addr(&w->io_context) : SC_UNSET64};
    sc_err *err = NULL;
    if (nt_set(&w->routine))
        err = sc_near(j->session, w->routine.value, j->arena, &r.symbol);
    if (!err && w->io && nt_set(&w->io_routine))
        err = sc_near(j->session, w->io_routine.value, j->arena, &r.io_symbol);
    if (!err)
        sc_record(j->session->out, &item_type, &r, item_text, j);
    return err;
}

static void show_head(struct job *j, const struct nt_work_queue *q, bool by_node) {
    struct queue r = {.name = q->name,
                      .node = by_node ? q->node : INT64_MIN,
                      .partition = q->partition ? q->partition : SC_UNSET64,
                      .index = q->index,
                      .address = q->address,
                      .threads = (uint32_t)q->nthreads,
                      .pending = (uint32_t)q->nitems,
                      .threads_min = sc_nt_num(&q->f[NT_WQ_MINIMUM]),
                      .threads_max = sc_nt_num(&q->f[NT_WQ_MAXIMUM]),
                      .concurrency = sc_nt_num(&q->concurrency),
                      .concurrency_max = sc_nt_num(&q->f[NT_WQ_CONCURRENCY_MAX]),
                      .processed = sc_nt_num(&q->f[NT_WQ_PROCESSED]),
                      .processed_before = sc_nt_num(&q->f[NT_WQ_PROCESSED_BEFORE]),
                      .depth_before = sc_nt_num(&q->f[NT_WQ_DEPTH_BEFORE])};
    if (!by_node)
        r.threads_max = THREADS_MAX;
    for (size_t i = 0; i < q->nthreads; i++) {
        r.idle += q->thread[i].known && q->thread[i].idle;
        r.busy += q->thread[i].known && !q->thread[i].idle;
    }
    sc_record(j->session->out, &queue_type, &r, queue_text, j);
}

static sc_err *show_queue(struct job *j, const struct nt_work_queue *q, bool by_node) {
    sc_err *err = NULL;
    show_head(j, q, by_node);
    for (size_t i = 0; !err && i < q->nthreads; i++) {
        struct nt_thread t;
        err = nt_thread_read(&j->nt, q->thread[i].thread, &t);
        if (!err)
            err = sc_show_kthread(j->session, &j->nt, &j->clock, &t, j->flags & THREAD_FLAGS, "",
                                  j->arena);
    }
    for (size_t i = 0; !err && i < q->nitems; i++)
        err = show_item(j, q->address, &q->item[i]);
    if (!err && q->why)
        sc_remark(j->session->out, "The queue is not whole: %s", q->why);
    sc_puts(j->session->out, "\n");
    return err;
}

static sc_err *run_exqueue(sc_session *s, const struct sc_args *args) {
    struct job j = {.session = s,
                    .flags = args->v[0].given ? args->v[0].num : 0,
                    .enrich = sc_session_enrich(s),
                    .arena = args->arena};
    struct nt_work_queues queues;
    sc_err *err = sc_session_nt(s, &j.nt);
    if (!err)
        err = nt_clock_read(&j.nt, &j.clock);
    if (!err)
        err = nt_work_queues_read(&j.nt, args->arena, &queues);
    if (err)
        return sc_err_prefix(err, "!exqueue");
    for (size_t i = 0; !err && i < queues.count; i++) {
        bool wanted = queues.by_node || !(j.flags & ONLY) || j.flags & (uint64_t)CRITICAL << i;
        if (wanted)
            err = show_queue(&j, &queues.item[i], queues.by_node);
    }
    if (!err && queues.by_node && j.flags & ONLY)
        sc_remark(s->out,
                  "Since Windows 8 the queues belong to nodes, and 10, 20 and 40 choose none "
                  "of them.");
    if (!err && !queues.count)
        sc_remark(s->out, "No work queue was found.");
    if (!err && queues.partitions_why && j.enrich)
        sc_remark(s->out, "Queues of other partitions than the system's may be missing: %s.",
                  queues.partitions_why);
    if (!err)
        sc_nt_assumed(s, queues.assumed);
    return err;
}

static const struct sc_arg exqueue_args[] = {{SC_ARG_EXPR, "flags", NULL, true,
                                              "1 statistics (without 2); 2 what threads wait for; "
                                              "4 with 2 their stacks; 10 critical, 20 delayed, 40 "
                                              "hypercritical queue only (until Windows 7)"},
                                             {SC_ARG_END, NULL, NULL, false, NULL}};

const struct sc_command sc_exqueue_commands[] = {
    {.name = "!exqueue",
     .brief = "show the system worker threads and what they have to do",
     .needs = SC_NEED_KERNEL | SC_NEED_WINDOWS,
     .instead = "~ shows the threads of a process",
     .args = exqueue_args,
     .help =
         "For each work queue: its threads (how many there are of how many there may be), how "
         "many of them run of how many should, and the items that nobody has begun, those of "
         "drivers with the routine and the device they are for. Many pending items and no idle "
         "thread mean that the workers are stuck: their stacks say on what.\n"
         "Until Windows 7 there are three queues; later each NUMA node has its own, since Windows "
         "10 1709 in each memory partition. They are found by the kernel's symbols.",
     .sample = "!exqueue",
     .run = run_exqueue},
    {.name = NULL},
};
