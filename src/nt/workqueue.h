/* SPDX-License-Identifier: MIT */
/* The executive's work queues: what is queued, and the system worker threads that take it. */
#ifndef NT_WORKQUEUE_H
#define NT_WORKQUEUE_H

#include "nt/list.h"

enum { NT_WORK_QUEUES_MAX = 256, NT_WORK_ITEMS_MAX = 1 << 16, NT_WORK_THREADS_MAX = 1 << 14 };
enum { NT_WORK_NO_PRIORITY = -1 };

/* A WORK_QUEUE_ITEM; of one that I/O drivers queue also what it is for. */
struct nt_work_item {
    uint64_t address;
    int priority; /* since Windows 8.1: of its list; else NT_WORK_NO_PRIORITY */
    struct nt_field routine, parameter;
    bool io; /* `parameter` is an IO_WORKITEM: */
    struct nt_field io_routine, io_object, io_context;
};

struct nt_work_thread {
    uint64_t thread;
    bool idle, known; /* idle: it waits for work */
};

enum nt_work_field {
    NT_WQ_PROCESSED,
    NT_WQ_PROCESSED_BEFORE, /* when the balance thread last looked */
    NT_WQ_DEPTH_BEFORE,     /* until Windows 7 */
    NT_WQ_MINIMUM,          /* threads, since Windows 8.1 */
    NT_WQ_MAXIMUM,
    NT_WQ_CONCURRENCY_MAX,
    NT_WQ_FIELDS
};

struct nt_work_queue {
    uint64_t address;   /* the EX_WORK_QUEUE */
    const char *name;   /* "Critical"; since Windows 8.1 "ExPool", "IoPool"; NULL none */
    uint64_t partition; /* EPARTITION, of one that is not the system's; else 0 */
    unsigned node;      /* since Windows 8 */
    unsigned index;
    struct nt_field f[NT_WQ_FIELDS];
    struct nt_field concurrency; /* threads that run */
    struct nt_work_thread *thread;
    size_t nthreads;
    struct nt_work_item *item;
    size_t nitems;
    const char *why; /* why it is not whole; NULL: it is */
};

struct nt_work_queues {
    bool by_node;               /* since Windows 8 */
    struct nt_work_queue *item; /* all in the arena */
    size_t count;
    const char *partitions_why; /* why only the system's partition was looked at; NULL: all were */
    bool assumed;
};

/* SC_ERR_NOT_FOUND says which symbol, structure or page is missing. */
sc_err *nt_work_queues_read(const struct nt *nt, sc_arena *arena, struct nt_work_queues *ret);

#endif
