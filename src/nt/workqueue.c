/* SPDX-License-Identifier: MIT */
/*
 * Reading work queues.
 *
 *   until Windows 7     nt!ExWorkerQueue[3]: critical, delayed, hypercritical; each with a KQUEUE
 *   Windows 8           nt!KeNodeBlock[node] -> ENODE.ExWorkerQueues[7], each with a KQUEUE
 *   Windows 8.1, 10     nt!KeNodeBlock[node] -> ENODE.ExWorkQueues[8], pointers
 *   since 16299         nt!PspSystemPartition -> EPARTITION.ExPartition ->
 *                       EX_PARTITION.WorkQueues[node][8], pointers; other partitions are linked to
 *                       nt!PspActivePartitionListHead
 *
 * The later ones have a KPRIQUEUE: a list of items and a count of running threads for each of 32
 * priorities. Threads are linked through KTHREAD.QueueListEntry. Drivers' items (IoQueueWorkItem)
 * run nt!IopProcessWorkItem with their IO_WORKITEM as the parameter.
 *
 * Sources: the public symbols of the kernels, with the enumeration EXQUEUEINDEX; wdm.h for the
 * names of queues (WORK_QUEUE_TYPE).
 */
#include "nt/workqueue.h"

#include <stdlib.h>
#include <string.h>

#include "base/vec.h"
#include "nt/thread.h"

enum { PARTITIONS_MAX = 1 << 12 };
enum { CLASSIC = 3, PER_NODE_8 = 7, INDICES = 8, NODES = 64, PRIORITIES = 32 };
enum { STATE_WAITING = 5, WAIT_QUEUE = 15 };

enum {
    Q_CLASSIC = NT_WQ_FIELDS, /* places of the queue inside */
    Q_PRIORITY,
    Q_FIELDS
};
static const struct sc_layout_field queue_rows[Q_FIELDS] = {
    [NT_WQ_PROCESSED] = {"WorkItemsProcessed", 4, true},
    [NT_WQ_PROCESSED_BEFORE] = {"WorkItemsProcessedLastPass", 4, true},
    [NT_WQ_DEPTH_BEFORE] = {"QueueDepthLastPass", 4, true},
    [NT_WQ_MINIMUM] = {"MinThreads", 4, true},
    [NT_WQ_MAXIMUM] = {"MaxThreads", 4, true},
    [NT_WQ_CONCURRENCY_MAX] = {"WorkPriQueue.MaximumCount|WorkerQueue.MaximumCount", 4, true},
    [Q_CLASSIC] = {"WorkerQueue", 1, true},
    [Q_PRIORITY] = {"WorkPriQueue", 1, true},
};
static const struct nt_def queue_def = {
    {"nt!_EX_WORK_QUEUE", queue_rows, Q_FIELDS}, Q_FIELDS, NULL, NULL, 0};

enum { K_ENTRIES, K_CURRENT, K_THREADS, K_FIELDS };
static const struct sc_layout_field kqueue_rows[] = {
    [K_ENTRIES] = {"EntryListHead", 1, true},
    [K_CURRENT] = {"CurrentCount", 1, true},
    [K_THREADS] = {"ThreadListHead", 1, true},
};
static const struct nt_def kqueue_def = {
    {"nt!_KQUEUE", kqueue_rows, K_FIELDS}, K_FIELDS, NULL, NULL, 0};
static const struct nt_def priqueue_def = {
    {"nt!_KPRIQUEUE", kqueue_rows, K_FIELDS}, K_FIELDS, NULL, NULL, 0};

enum { I_LINK, I_ROUTINE, I_PARAMETER, I_FIELDS };
static const struct sc_layout_field item_rows[] = {
    [I_LINK] = {"List", 1, true},
    [I_ROUTINE] = {"WorkerRoutine", 1, true},
    [I_PARAMETER] = {"Parameter", 1, true},
};
static const uint8_t item_pointers[] = {I_ROUTINE, I_PARAMETER};
static const struct nt_def item_def = {
    {"nt!_WORK_QUEUE_ITEM", item_rows, I_FIELDS}, I_FIELDS, NULL, NT_POINTERS(item_pointers)};

enum { IO_ROUTINE, IO_OBJECT, IO_CONTEXT, IO_FIELDS };
static const struct sc_layout_field io_rows[] = {
    [IO_ROUTINE] = {"Routine", 1, true},
    [IO_OBJECT] = {"IoObject|DeviceObject", 1, true},
    [IO_CONTEXT] = {"Context", 1, true},
};
static const uint8_t io_pointers[] = {IO_ROUTINE, IO_OBJECT, IO_CONTEXT};
static const struct nt_def io_def = {
    {"nt!_IO_WORKITEM", io_rows, IO_FIELDS}, IO_FIELDS, NULL, NT_POINTERS(io_pointers)};

static const struct sc_layout_field link_rows[] = {{"QueueListEntry", 1, true}};
static const struct nt_def link_def = {{"nt!_KTHREAD", link_rows, 1}, 1, NULL, NULL, 0};

enum { NODE_POINTERS, NODE_QUEUES, NODE_FIELDS };
static const struct sc_layout_field node_rows[] = {
    [NODE_POINTERS] = {"ExWorkQueues", 1, true},
    [NODE_QUEUES] = {"ExWorkerQueues", 1, true},
};
static const struct nt_def node_def = {
    {"nt!_ENODE", node_rows, NODE_FIELDS}, NODE_FIELDS, NULL, NULL, 0};
static const struct sc_layout_field partition_rows[] = {{"WorkQueues", 1, true}};
static const struct nt_def partition_def = {
    {"nt!_EX_PARTITION", partition_rows, 1}, 1, NULL, NULL, 0};
enum { SYSTEM_EX, SYSTEM_LINK, SYSTEM_FIELDS };
static const struct sc_layout_field system_rows[SYSTEM_FIELDS] = {
    [SYSTEM_EX] = {"ExPartition", 1, true},
    [SYSTEM_LINK] = {"ActivePartitionLinks", 1, true},
};
static const struct nt_def system_def = {
    {"nt!_EPARTITION", system_rows, SYSTEM_FIELDS}, SYSTEM_FIELDS, NULL, NULL, 0};

struct reader {
    const struct nt *nt;
    sc_arena *arena;
    uint64_t io_worker; /* nt!IopProcessWorkItem, 0 not known */
    bool priority;      /* KPRIQUEUE */
    struct nt_work_queues queues;
};

/* ---- one queue ---- */

/* Offset of a member that a build may lack, as it may lack the structure. */
static sc_err *place(const struct nt *nt, const struct nt_def *def, size_t index, uint64_t *ret,
                     bool *ret_found) {
    sc_err *err = nt_offset(nt, def, index, ret, ret_found);
    if (sc_err_catch(&err, SC_ERR_NOT_FOUND))
        *ret_found = false;
    return err;
}

static sc_err *note(struct reader *r, struct nt_work_queue *q, const char *what,
                    const struct nt_list *list) {
    char text[NT_LIST_TEXT];
    if (list->end == NT_LIST_STOP)
        return sc_err_cancelled();
    if (list->end == NT_LIST_DONE || (q->why && strstr(q->why, what)))
        return NULL;
    q->why = sc_arena_printf(r->arena, "%s%s%s: %s", q->why ? q->why : "", q->why ? "; " : "", what,
                             nt_list_end_text(list, text));
    return q->why ? NULL : sc_err_nomem();
}

static sc_err *read_item(struct reader *r, uint64_t address, int priority,
                         struct nt_work_item *ret) {
    struct nt_field f[I_FIELDS], io[IO_FIELDS];
    sc_err *err = nt_load(r->nt, &item_def, address, f, &r->queues.assumed);
    if (err)
        return err;
    *ret = (struct nt_work_item){.address = address,
                                 .priority = priority,
                                 .routine = f[I_ROUTINE],
                                 .parameter = f[I_PARAMETER]};
    if (!r->io_worker || nt_or(&f[I_ROUTINE], 0) != r->io_worker || !nt_set(&f[I_PARAMETER]))
        return NULL;
    err = nt_load_optional(r->nt, &io_def, f[I_PARAMETER].value, io, NULL);
    if (err || io[IO_ROUTINE].state != NT_READ)
        return err;
    ret->io = true;
    ret->io_routine = io[IO_ROUTINE];
    ret->io_object = io[IO_OBJECT];
    ret->io_context = io[IO_CONTEXT];
    return NULL;
}

struct items {
    struct nt_work_item *item;
    size_t count, room;
};

static sc_err *read_items(struct reader *r, struct nt_work_queue *q, uint64_t head, int priority,
                          struct items *items) {
    struct nt_list list;
    uint64_t link, entry;
    bool found;
    sc_err *err = nt_offset(r->nt, &item_def, I_LINK, &link, &found);
    if (err || !found)
        return err;
    nt_list_begin(&list, r->nt, head, NT_WORK_ITEMS_MAX - items->count);
    while (!err && nt_list_next(&list, &entry)) {
        struct nt_work_item *item = SC_VEC_PUSH(items);
        err = item ? read_item(r, nt_add(r->nt, entry, 0 - link), priority, item) : sc_err_nomem();
    }
    return err ? err : note(r, q, "the items", &list);
}

/* The lists of all priorities, highest first, or the only one. */
static sc_err *read_all_items(struct reader *r, struct nt_work_queue *q, uint64_t heads) {
    struct items items = {0};
    sc_err *err = NULL;
    if (!r->priority)
        err = read_items(r, q, heads, NT_WORK_NO_PRIORITY, &items);
    for (int i = PRIORITIES; !err && r->priority && i-- > 0;)
        err = read_items(r, q, nt_add(r->nt, heads, (uint64_t)i * 2 * r->nt->ptr_size), i, &items);
    if (!err && items.count) {
        q->item = sc_arena_array(r->arena, items.count, sizeof *q->item);
        err = q->item ? NULL : sc_err_nomem();
    }
    if (!err && items.count) {
        memcpy(q->item, items.item, items.count * sizeof *q->item);
        q->nitems = items.count;
    }
    SC_VEC_FREE(&items);
    return err;
}

static sc_err *read_thread(struct reader *r, uint64_t address, struct nt_work_thread *ret) {
    struct nt_thread t;
    sc_err *err = nt_thread_read(r->nt, address, &t);
    const struct nt_field *state = &t.f[NT_T_STATE], *reason = &t.f[NT_T_WAIT_REASON];
    if (err)
        return err;
    ret->thread = address;
    ret->known = state->state == NT_READ && reason->state == NT_READ;
    ret->idle = ret->known && state->value == STATE_WAITING && reason->value == WAIT_QUEUE;
    return NULL;
}

static sc_err *read_threads(struct reader *r, struct nt_work_queue *q, uint64_t head) {
    struct nt_list list;
    struct {
        struct nt_work_thread *item;
        size_t count, room;
    } threads = {0};
    uint64_t link, entry;
    bool found;
    sc_err *err = place(r->nt, &link_def, 0, &link, &found);
    if (err || !found)
        return err;
    nt_list_begin(&list, r->nt, head, NT_WORK_THREADS_MAX);
    while (!err && nt_list_next(&list, &entry)) {
        struct nt_work_thread *t = SC_VEC_PUSH(&threads);
        err = t ? read_thread(r, nt_add(r->nt, entry, 0 - link), t) : sc_err_nomem();
    }
    if (!err)
        err = note(r, q, "the threads", &list);
    if (!err && threads.count) {
        q->thread = sc_arena_array(r->arena, threads.count, sizeof *q->thread);
        err = q->thread ? NULL : sc_err_nomem();
    }
    if (!err && threads.count) {
        memcpy(q->thread, threads.item, threads.count * sizeof *q->thread);
        q->nthreads = threads.count;
    }
    SC_VEC_FREE(&threads);
    return err;
}

static struct nt_field count_at(const struct reader *r, uint64_t address) {
    struct nt_field sum = {0, NT_READ};
    uint64_t one;
    for (unsigned i = 0; i < (r->priority ? PRIORITIES : 1); i++) {
        if (sc_space_uint(r->nt->space, nt_add(r->nt, address, i * 4), 4, &one) != SC_READ_OK)
            return (struct nt_field){0, NT_ABSENT};
        sum.value += one;
    }
    sum.value &= UINT32_MAX;
    return sum;
}

static sc_err *read_inside(struct reader *r, struct nt_work_queue *q, uint64_t queue) {
    const struct nt_def *def = r->priority ? &priqueue_def : &kqueue_def;
    uint64_t entries, current, threads;
    bool has_entries, has_current, has_threads;
    sc_err *err = nt_offset(r->nt, def, K_ENTRIES, &entries, &has_entries);
    if (!err)
        err = nt_offset(r->nt, def, K_CURRENT, &current, &has_current);
    if (!err)
        err = nt_offset(r->nt, def, K_THREADS, &threads, &has_threads);
    if (!err && has_current)
        q->concurrency = count_at(r, nt_add(r->nt, queue, current));
    if (!err && has_threads)
        err = read_threads(r, q, nt_add(r->nt, queue, threads));
    if (!err && has_entries)
        err = read_all_items(r, q, nt_add(r->nt, queue, entries));
    return err;
}

static sc_err *add(struct reader *r, uint64_t address, const char *name, unsigned node,
                   unsigned index) {
    struct nt_field f[Q_FIELDS];
    uint64_t inside;
    bool found;
    if (r->queues.count == NT_WORK_QUEUES_MAX)
        return sc_errf(SC_ERR_LIMIT, "there are more than %d work queues", NT_WORK_QUEUES_MAX);
    struct nt_work_queue *q = &r->queues.item[r->queues.count];
    *q = (struct nt_work_queue){.address = address, .name = name, .node = node, .index = index};
    sc_err *err = nt_load(r->nt, &queue_def, address, f, &r->queues.assumed);
    if (err)
        return err;
    memcpy(q->f, f, sizeof q->f);
    if (q->f[NT_WQ_MINIMUM].state == NT_READ)
        q->f[NT_WQ_MINIMUM].value &= 0x7fffffff; /* the top bit is another member */
    r->queues.count++;
    err = nt_offset(r->nt, &queue_def, r->priority ? Q_PRIORITY : Q_CLASSIC, &inside, &found);
    return err || !found ? err : read_inside(r, q, nt_add(r->nt, address, inside));
}

/* ---- where they are ---- */

/* COUNT pointers to queues at AT; 0 is none. */
static sc_err *add_pointers(struct reader *r, uint64_t at, unsigned node) {
    static const char *const names[] = {"ExPool", "IoPool"};
    sc_err *err = NULL;
    for (unsigned i = 0; !err && i < INDICES; i++) {
        struct nt_field p = nt_pointer(r->nt, nt_add(r->nt, at, i * r->nt->ptr_size));
        if (nt_set(&p) && nt_is_kernel(r->nt, p.value))
            err = add(r, p.value, i < 2 ? names[i] : NULL, node, i);
    }
    return err;
}

static sc_err *queue_size(const struct nt *nt, uint64_t *ret) {
    const sc_layout *layout;
    sc_err *err = sc_layout_book_get(nt->book, &queue_def.layout, &layout);
    if (!err)
        *ret = sc_layout_size(layout);
    return err;
}

static sc_err *need_symbol(const struct nt *nt, const char *name, uint64_t *ret) {
    bool found;
    sc_err *err = nt_symbol(nt, name, ret, &found);
    if (!err && !found)
        err = sc_errf(SC_ERR_NOT_FOUND, "%s is not known: no symbols have it", name);
    return err;
}

/* The pointer at AT, which WHAT is. */
static sc_err *need_pointer(const struct nt *nt, uint64_t at, const char *what, uint64_t *ret) {
    struct nt_field p = nt_pointer(nt, at);
    if (!nt_set(&p) || !nt_is_kernel(nt, p.value))
        return sc_errf(SC_ERR_NOT_FOUND, "%s is not in the dump", what);
    *ret = p.value;
    return NULL;
}

static sc_err *node_count(const struct nt *nt, unsigned *ret) {
    struct nt_field count;
    sc_err *err = nt_global(nt, "nt!KeNumberNodes", 2, &count);
    if (err)
        return err;
    *ret = nt_set(&count) && count.value <= NODES ? (unsigned)count.value : 1;
    return NULL;
}

static sc_err *of_system(struct reader *r) {
    static const char *const names[] = {"Critical", "Delayed", "HyperCritical"};
    uint64_t at = 0, size = 0;
    sc_err *err = need_symbol(r->nt, "nt!ExWorkerQueue", &at);
    if (!err)
        err = queue_size(r->nt, &size);
    for (unsigned i = 0; !err && i < CLASSIC; i++)
        err = add(r, nt_add(r->nt, at, i * size), names[i], 0, i);
    return err;
}

/* Queues that lie in the node itself: their order is that of WORK_QUEUE_TYPE in Windows 8. */
static sc_err *of_node_8(struct reader *r, uint64_t at, unsigned node) {
    static const char *const names[PER_NODE_8] = {"Critical",     "Delayed",    "HyperCritical",
                                                  "Normal",       "Background", "RealTime",
                                                  "SuperCritical"};
    uint64_t size = 0;
    sc_err *err = queue_size(r->nt, &size);
    for (unsigned i = 0; !err && i < PER_NODE_8; i++)
        err = add(r, nt_add(r->nt, at, i * size), names[i], node, i);
    return err;
}

static sc_err *of_nodes(struct reader *r) {
    uint64_t block = 0, pointers, queues, node;
    bool has_pointers = false, has_queues = false;
    unsigned count = 0;
    sc_err *err = need_symbol(r->nt, "nt!KeNodeBlock", &block);
    if (!err)
        err = place(r->nt, &node_def, NODE_POINTERS, &pointers, &has_pointers);
    if (!err && !has_pointers)
        err = place(r->nt, &node_def, NODE_QUEUES, &queues, &has_queues);
    if (!err && !has_pointers && !has_queues)
        err = sc_errf(SC_ERR_NOT_FOUND, "the symbols do not know the queues of nt!_ENODE");
    if (!err)
        err = node_count(r->nt, &count);
    for (unsigned i = 0; !err && i < count; i++) {
        err =
            need_pointer(r->nt, nt_add(r->nt, block, i * r->nt->ptr_size), "nt!KeNodeBlock", &node);
        if (!err && has_pointers)
            err = add_pointers(r, nt_add(r->nt, node, pointers), i);
        else if (!err)
            err = of_node_8(r, nt_add(r->nt, node, queues), i);
    }
    return err;
}

/* The queues of the EX_PARTITION at EX. */
static sc_err *of_ex_partition(struct reader *r, uint64_t ex, uint64_t in_partition) {
    uint64_t queues, of_node;
    unsigned count = 0;
    sc_err *err =
        need_pointer(r->nt, nt_add(r->nt, ex, in_partition), "its nt!_EX_PARTITION", &queues);
    if (!err)
        err = node_count(r->nt, &count);
    for (unsigned i = 0; !err && i < count; i++) {
        err = need_pointer(r->nt, nt_add(r->nt, queues, i * r->nt->ptr_size),
                           "nt!_EX_PARTITION.WorkQueues", &of_node);
        if (!err)
            err = add_pointers(r, of_node, i);
    }
    return err;
}

/* One that is not the system's: what of it is missing is said, and the others go on. */
static sc_err *of_other(struct reader *r, uint64_t partition, uint64_t ex, uint64_t in_partition) {
    struct nt_field at = nt_pointer(r->nt, nt_add(r->nt, partition, ex));
    size_t before = r->queues.count;
    if (at.state == NT_READ && !at.value)
        return NULL; /* it has no workers of its own */
    sc_err *err = nt_set(&at) && nt_is_kernel(r->nt, at.value)
                      ? of_ex_partition(r, at.value, in_partition)
                      : sc_errf(SC_ERR_NOT_FOUND, "a nt!_EPARTITION is not in the dump");
    for (size_t i = before; i < r->queues.count; i++)
        r->queues.item[i].partition = partition;
    if (!err || (sc_err_code(err) != SC_ERR_NOT_FOUND && sc_err_code(err) != SC_ERR_LIMIT))
        return err;
    r->queues.partitions_why = sc_arena_strdup(r->arena, sc_err_text(err));
    sc_err_destroy(err);
    return r->queues.partitions_why ? NULL : sc_err_nomem();
}

/* All partitions but SYSTEM. */
static sc_err *of_others(struct reader *r, uint64_t system, uint64_t ex, uint64_t in_partition) {
    struct nt_list list;
    char why[NT_LIST_TEXT];
    uint64_t head, in_link, link;
    bool has_head = false, has_link = false;
    sc_err *err = nt_symbol(r->nt, "nt!PspActivePartitionListHead", &head, &has_head);
    if (!err)
        err = place(r->nt, &system_def, SYSTEM_LINK, &in_link, &has_link);
    if (!err && (!has_head || !has_link))
        r->queues.partitions_why = "the symbols do not have nt!PspActivePartitionListHead or "
                                   "nt!_EPARTITION.ActivePartitionLinks";
    if (err || !has_head || !has_link)
        return err;
    nt_list_begin(&list, r->nt, head, PARTITIONS_MAX);
    while (!err && nt_list_next(&list, &link)) {
        uint64_t partition = nt_add(r->nt, link, 0 - in_link);
        if (partition != system)
            err = of_other(r, partition, ex, in_partition);
    }
    if (!err && list.end == NT_LIST_STOP)
        err = sc_err_cancelled();
    if (err || list.end == NT_LIST_DONE || r->queues.partitions_why)
        return err;
    r->queues.partitions_why =
        sc_arena_printf(r->arena, "the list at nt!PspActivePartitionListHead is not whole: %s",
                        nt_list_end_text(&list, why));
    return r->queues.partitions_why ? NULL : sc_err_nomem();
}

static sc_err *of_partition(struct reader *r, uint64_t in_partition) {
    uint64_t system = 0, ex, at;
    bool found = false;
    sc_err *err = need_symbol(r->nt, "nt!PspSystemPartition", &system);
    if (!err)
        err = need_pointer(r->nt, system, "nt!PspSystemPartition", &system);
    if (!err)
        err = place(r->nt, &system_def, SYSTEM_EX, &ex, &found);
    if (!err && !found)
        err = sc_errf(SC_ERR_NOT_FOUND, "the symbols do not know nt!_EPARTITION.ExPartition");
    if (!err)
        err = need_pointer(r->nt, nt_add(r->nt, system, ex), "the system's nt!_EPARTITION", &at);
    if (!err)
        err = of_ex_partition(r, at, in_partition);
    return err ? err : of_others(r, system, ex, in_partition);
}

static sc_err *find(struct reader *r) {
    uint64_t offset;
    bool by_partition = false, classic = false;
    sc_err *err = nt_offset(r->nt, &queue_def, Q_PRIORITY, &offset, &r->priority);
    if (!err)
        err = nt_offset(r->nt, &queue_def, Q_CLASSIC, &offset, &classic);
    if (!err && !r->priority && !classic)
        err = sc_errf(SC_ERR_NOT_FOUND, "nt!_EX_WORK_QUEUE has no queue that is known");
    if (!err)
        err = place(r->nt, &partition_def, 0, &offset, &by_partition);
    if (err)
        return err;
    r->queues.by_node = r->priority || r->nt->build >= 9200;
    return !r->queues.by_node            ? of_system(r)
           : r->priority && by_partition ? of_partition(r, offset)
                                         : of_nodes(r);
}

sc_err *nt_work_queues_read(const struct nt *nt, sc_arena *arena, struct nt_work_queues *ret) {
    struct reader r = {.nt = nt, .arena = arena};
    bool found = false;
    sc_err *err = nt_symbol(nt, "nt!IopProcessWorkItem", &r.io_worker, &found);
    if (!err && !found)
        r.io_worker = 0;
    r.queues.item = err ? NULL : sc_arena_array(arena, NT_WORK_QUEUES_MAX, sizeof *r.queues.item);
    if (!err && !r.queues.item)
        err = sc_err_nomem();
    if (!err)
        err = find(&r);
    if (!err)
        *ret = r.queues;
    return err;
}
