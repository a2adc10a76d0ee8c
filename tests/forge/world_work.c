/* SPDX-License-Identifier: MIT */
/*
 * Work queues, their threads and what waits in them.
 *
 *   until Windows 7   nt!ExWorkerQueue[3] with a KQUEUE each: critical, delayed, hypercritical
 *   8.1, early 10     nt!KeNodeBlock[0] -> ENODE.ExWorkQueues[8], pointers
 *   since 16299       nt!PspSystemPartition -> EPARTITION.ExPartition -> EX_PARTITION.WorkQueues[0]
 *                     [8], pointers; partitions are linked to nt!PspActivePartitionListHead
 *
 * The later ones have two queues a node, ExPool and IoPool, with lists of 32 priorities: what was
 * critical, delayed and hypercritical are the priorities 13, 12 and 15 of ExPool (Windows
 * Internals). The forms: src/nt/workqueue.c.
 */
#include "forge/world.h"

enum { QUEUE = 4, PRIORITIES = 32, POINTERS = 8, WAITING = 5 };
enum { CRITICAL = 13, DELAYED = 12, HYPERCRITICAL = 15, MOST_THREADS = 4096 };

static const char *const queue_type = "_EX_WORK_QUEUE";

static bool is_classic(const struct forge_world *w) {
    struct forge_place p;
    return forge_world_offset(w, queue_type, "WorkerQueue", &p);
}

static const char *inside(const struct forge_world *w) {
    return is_classic(w) ? "_KQUEUE" : "_KPRIQUEUE";
}

static unsigned queues_of(const struct forge_world *w) { return is_classic(w) ? 3 : 2; }

static uint64_t global(const struct forge_world *w, const char *name) {
    const struct forge_wsymbol *s = forge_world_symbol(w, w->nt, name);
    return s ? s->addr : 0;
}

/* Which of the line's queues that is, and the list in it. */
static unsigned index_of(const struct forge_world *w, enum forge_work_queue queue) {
    return is_classic(w) ? (unsigned)queue : queue == FORGE_WORK_IO;
}
static unsigned priority_of(const struct forge_world *w, enum forge_work_queue queue) {
    static const unsigned priorities[] = {CRITICAL, DELAYED, HYPERCRITICAL, DELAYED};
    return is_classic(w) ? 0 : priorities[queue];
}

/* Is the line about the queue number INDEX of S? Without `of`: the first line's. */
static bool belongs(const struct forge_world *w, const struct forge_scn_queued *v,
                    const struct forge_scn_workqueues *s, unsigned index) {
    uint64_t queues = v->queues ? v->queues : w->s->workqueues.item[0].address;
    return queues == s->address && index_of(w, v->queue) == index;
}

static bool is_waiting(const struct forge_world *w, uint64_t thread) {
    return forge_world_read(w, "_ETHREAD", thread, "Tcb.State") == WAITING;
}

/* ---- one queue ---- */

static void put_items(struct forge_world *w, const struct forge_scn_workqueues *s, unsigned index,
                      uint64_t queue, uint64_t *object) {
    struct forge_place heads, link;
    size_t all = 0;
    if (!forge_world_offset(w, inside(w), "EntryListHead", &heads) ||
        !forge_world_offset(w, "_WORK_QUEUE_ITEM", "List", &link))
        return;
    for (unsigned p = 0; p < (is_classic(w) ? 1u : PRIORITIES); p++) {
        size_t n = 0;
        for (size_t i = 0; i < w->s->queued.count; i++) {
            const struct forge_scn_queued *v = &w->s->queued.item[i];
            if (v->kind == FORGE_QUEUED_ITEM && belongs(w, v, s, index) &&
                priority_of(w, v->queue) == p)
                object[n++] = v->address;
        }
        forge_world_link(w, queue + heads.offset + (uint64_t)p * 2 * w->ptr_size, object, n,
                         link.offset);
        all += n;
    }
    forge_world_set(w, inside(w), queue, "Header.SignalState", all);
}

/* Threads, and how many of them run. */
static void put_threads(struct forge_world *w, const struct forge_scn_workqueues *s, unsigned index,
                        uint64_t queue, uint64_t *object) {
    struct forge_place head, link, counts;
    size_t n = 0;
    if (!forge_world_offset(w, inside(w), "ThreadListHead", &head) ||
        !forge_world_offset(w, inside(w), "CurrentCount", &counts) ||
        !forge_world_offset(w, "_ETHREAD", "Tcb.QueueListEntry", &link))
        return;
    uint32_t running[PRIORITIES] = {0};
    for (size_t i = 0; i < w->s->queued.count; i++) {
        const struct forge_scn_queued *v = &w->s->queued.item[i];
        if (v->kind != FORGE_QUEUED_WORKER || !belongs(w, v, s, index))
            continue;
        forge_world_set(w, "_ETHREAD", v->address, "Tcb.Queue", queue);
        running[priority_of(w, v->queue)] += !is_waiting(w, v->address);
        object[n++] = v->address;
    }
    forge_world_link(w, queue + head.offset, object, n, link.offset);
    for (unsigned p = 0; p < (is_classic(w) ? 1u : PRIORITIES); p++)
        forge_world_put_uint(w, 0, queue + counts.offset + p * 4, 4, running[p]);
    forge_world_set(w, queue_type, queue, "ThreadCount", n);
}

static bool put_queue(struct forge_world *w, const struct forge_scn_workqueues *s, unsigned index,
                      uint64_t *object) {
    struct forge_place waiters;
    uint64_t queue = s->address + (uint64_t)index * forge_world_sizeof(w, queue_type);
    const char *type = inside(w);
    if (!forge_world_struct(w, s->line, queue_type, queue))
        return false;
    forge_world_set(w, type, queue, "Header.Type", is_classic(w) ? QUEUE : 0x15);
    forge_world_set(w, type, queue, "MaximumCount", w->ncpus);
    forge_world_set(w, queue_type, queue, "MinThreads", 1);
    forge_world_set(w, queue_type, queue, "MaxThreads", MOST_THREADS);
    forge_world_set(w, queue_type, queue, "QueueIndex", index);
    if (forge_world_offset(w, type, "Header.WaitListHead", &waiters))
        forge_world_close_ring(w, queue + waiters.offset);
    put_items(w, s, index, queue, object);
    put_threads(w, s, index, queue, object);
    return true;
}

/* ---- what leads to them ---- */

/* Eight pointers, of which two are used. */
static void put_pointers(struct forge_world *w, const struct forge_scn_workqueues *s, uint64_t at) {
    for (unsigned i = 0; i < POINTERS; i++)
        forge_world_put_uint(
            w, 0, at + i * w->ptr_size, w->ptr_size,
            i < queues_of(w) ? s->address + (uint64_t)i * forge_world_sizeof(w, queue_type) : 0);
}

static bool put_node(struct forge_world *w, const struct forge_scn_workqueues *s) {
    struct forge_place in;
    if (s->partition)
        return forge_wrong(w->s, s->line, "workqueues: build %u has no partitions", w->s->os.build);
    if (!forge_world_offset(w, "_ENODE", "ExWorkQueues", &in))
        return forge_wrong(w->s, s->line, "workqueues: not made for build %u", w->s->os.build);
    uint64_t node = forge_world_spare(w, forge_world_sizeof(w, "_ENODE"), 64);
    put_pointers(w, s, node + in.offset);
    return forge_world_put_uint(w, 0, global(w, "KeNodeBlock"), w->ptr_size, node);
}

static uint64_t put_partition(struct forge_world *w, const struct forge_scn_workqueues *s) {
    uint64_t at = s->partition ? s->partition
                               : forge_world_spare(w, forge_world_sizeof(w, "_EPARTITION"), 64);
    uint64_t ex = forge_world_spare(w, forge_world_sizeof(w, "_EX_PARTITION"), 64);
    uint64_t nodes = forge_world_spare(w, w->ptr_size, 16);
    uint64_t pointers = forge_world_spare(w, POINTERS * w->ptr_size, 16);
    forge_memmap_fill(&w->mem, at, forge_world_sizeof(w, "_EPARTITION"));
    forge_world_set(w, "_EPARTITION", at, "ExPartition", ex);
    forge_world_set(w, "_EX_PARTITION", ex, "PartitionObject", at);
    forge_world_set(w, "_EX_PARTITION", ex, "WorkQueues", nodes);
    forge_world_put_uint(w, 0, nodes, w->ptr_size, pointers);
    put_pointers(w, s, pointers);
    for (unsigned i = 0; i < queues_of(w); i++)
        forge_world_set(w, queue_type, s->address + (uint64_t)i * forge_world_sizeof(w, queue_type),
                        "Partition", ex);
    if (!s->partition)
        forge_world_put_uint(w, 0, global(w, "PspSystemPartition"), w->ptr_size, at);
    return at;
}

static bool lead(struct forge_world *w) {
    struct forge_place in, links;
    uint64_t *partition = forge_pool_get(w->pool, w->s->workqueues.count * sizeof *partition);
    if (is_classic(w))
        return w->s->workqueues.count == 1 ||
               forge_wrong(w->s, w->s->workqueues.item[1].line,
                           "workqueues: until 7 the system has one set of them");
    forge_world_put_uint(w, 0, global(w, "KeNumberNodes"), 2, 1);
    bool by_partition = forge_world_offset(w, "_EX_PARTITION", "WorkQueues", &in);
    for (size_t i = 0; i < w->s->workqueues.count; i++) {
        if (!by_partition && !put_node(w, &w->s->workqueues.item[i]))
            return false;
        partition[i] = by_partition ? put_partition(w, &w->s->workqueues.item[i]) : 0;
    }
    if (by_partition && forge_world_offset(w, "_EPARTITION", "ActivePartitionLinks", &links))
        forge_world_link(w, global(w, "PspActivePartitionListHead"), partition,
                         w->s->workqueues.count, links.offset);
    return true;
}

/* ---- all of it ---- */

static bool check(struct forge_world *w, const struct forge_scn_queued *v) {
    const char *what = v->kind == FORGE_QUEUED_WORKER ? "worker" : "workitem";
    bool known = !v->queues && w->s->workqueues.count;
    for (size_t i = 0; i < w->s->workqueues.count; i++)
        known = known || w->s->workqueues.item[i].address == v->queues;
    if (!known)
        return forge_wrong(w->s, v->line, "%s: no line describes its queues: write  workqueues …",
                           what);
    if (v->queue == FORGE_WORK_IO && is_classic(w))
        return forge_wrong(w->s, v->line, "%s: build %u has no such queue", what, w->s->os.build);
    if (v->kind == FORGE_QUEUED_WORKER)
        return forge_world_thread_at(w, v->address) ||
               forge_wrong(w->s, v->line, "worker: no line describes the thread %llx",
                           (unsigned long long)v->address);
    return forge_world_struct(w, v->line, "_WORK_QUEUE_ITEM", v->address) &&
           forge_world_members(w, "_WORK_QUEUE_ITEM", v->address, &v->member);
}

bool forge_world_work(struct forge_world *w) {
    for (size_t i = 0; i < w->s->queued.count; i++) {
        const struct forge_scn_queued *v = &w->s->queued.item[i];
        if ((v->kind == FORGE_QUEUED_WORKER || v->kind == FORGE_QUEUED_ITEM) && !check(w, v))
            return false;
    }
    if (!w->s->workqueues.count)
        return true;
    uint64_t *object = forge_pool_get(w->pool, (w->s->queued.count + 1) * sizeof *object);
    for (size_t i = 0; i < w->s->workqueues.count; i++)
        for (unsigned k = 0; k < queues_of(w); k++)
            if (!put_queue(w, &w->s->workqueues.item[i], k, object))
                return false;
    return lead(w);
}
