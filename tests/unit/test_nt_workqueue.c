/* SPDX-License-Identifier: MIT */
/* `!exqueue`: queues of every form, their worker threads and items, what is missing or damaged. */
#include "kernel_world.h"
#include "nt/workqueue.h"

#define NT     0xfffff80003200000ULL
#define THREAD 0xfffffa80018bcb60ULL
#define BUSY   0xfffffa80018bd660ULL
#define ITEM   0xfffffa8006c8fd50ULL
#define WORK   0xfffffa8006c8fe50ULL

static void put_thread(struct world *w, uint64_t at, unsigned reason) {
    world_object(w, at, "_ETHREAD");
    world_set(w, "_ETHREAD", at, "Tcb.Header.Type", 1, 6);
    world_set(w, "_ETHREAD", at, "Cid.UniqueProcess", 0, 4);
    world_set(w, "_ETHREAD", at, "Cid.UniqueThread", 0, 0x18);
    world_set(w, "_ETHREAD", at, "Tcb.State", 1, 5);
    world_set(w, "_ETHREAD", at, "Tcb.WaitReason", 1, reason);
}

static void put_item(struct world *w, uint64_t at, uint64_t routine, uint64_t parameter) {
    world_object(w, at, "_WORK_QUEUE_ITEM");
    world_set(w, "_WORK_QUEUE_ITEM", at, "WorkerRoutine", 0, routine);
    world_set(w, "_WORK_QUEUE_ITEM", at, "Parameter", 0, parameter);
}

static void put_classic(struct world *w, uint64_t queue, const uint64_t *threads, size_t nthreads,
                        const uint64_t *items, size_t nitems) {
    uint64_t in = queue + world_offset(w, "_EX_WORK_QUEUE", "WorkerQueue");
    world_ring(w, in + world_offset(w, "_KQUEUE", "EntryListHead"), items, nitems);
    world_ring(w, in + world_offset(w, "_KQUEUE", "ThreadListHead"), threads, nthreads);
    world_set(w, "_KQUEUE", in, "MaximumCount", 4, 2);
    world_set(w, "_KQUEUE", in, "CurrentCount", 4, nthreads > 1);
}

static uint64_t size_of(struct world *w, const char *type) {
    struct sc_type t;
    assert_null(sc_type_of(w->layouts, world_type(w, type), &t));
    return t.size;
}

/* Windows 7: an idle thread and a busy one in the delayed queue, with two items to do. */
static struct world *world7(void) {
    struct world *w = world_new(SC_CPU_X64, 7601, NT);
    uint64_t size = size_of(w, "_EX_WORK_QUEUE");
    world_symbol(w, "CmpLazyFlushWorker", 0x5000);
    world_symbol(w, "IopProcessWorkItem", 0x6000);
    uint64_t queue = world_symbol(w, "ExWorkerQueue", 0x80000);
    uint64_t link = world_offset(w, "_ETHREAD", "Tcb.QueueListEntry");
    uint64_t threads[] = {THREAD + link, BUSY + link}, items[] = {ITEM, WORK};
    world_bytes(w, queue, 3 * size);
    put_thread(w, THREAD, 15);
    put_thread(w, BUSY, 0);
    put_item(w, ITEM, NT + 0x5000, 0x1234);
    world_object(w, WORK, "_IO_WORKITEM");
    world_set(w, "_WORK_QUEUE_ITEM", WORK, "WorkerRoutine", 0, NT + 0x6000);
    world_set(w, "_WORK_QUEUE_ITEM", WORK, "Parameter", 0, WORK);
    world_set(w, "_IO_WORKITEM", WORK, "Routine", 0, NT + WORLD_SRV2 + 0x1000);
    world_set(w, "_IO_WORKITEM", WORK, "IoObject", 0, 0xfffffa8001234560);
    world_set(w, "_IO_WORKITEM", WORK, "Context", 0, 0x42);
    put_classic(w, queue, NULL, 0, NULL, 0);
    put_classic(w, queue + size, threads, 2, items, 2);
    put_classic(w, queue + 2 * size, NULL, 0, NULL, 0);
    world_put(w, queue + size + world_offset(w, "_EX_WORK_QUEUE", "WorkItemsProcessed"), 4, 77);
    return w;
}

static void the_three_queues_of_windows_7_are_shown(void **state) {
    (void)state;
    struct world *w = world7();
    world_open(w, SC_RENDER_TEXT);
    fix_run(&w->f, ".enrich off; !exqueue");
    assert_non_null(
        strstr(fix_text(&w->f),
               "**** Critical WorkQueue ( Threads: 0/512, Concurrency: 0/2 )\n\n"
               "**** Delayed WorkQueue ( Threads: 2/512, Concurrency: 1/2 )\n"
               "THREAD fffffa80018bcb60  Cid 0004.0018  Teb: 0000000000000000 Win32Thread: "
               "0000000000000000 WAIT\n"
               "THREAD fffffa80018bd660  Cid 0004.0018  Teb: 0000000000000000 Win32Thread: "
               "0000000000000000 WAIT\n"
               "PENDING: WorkerRoutine nt!CmpLazyFlushWorker (fffff80003205000) Parameter "
               "(0000000000001234)\n"
               "PENDING: IoWorkItem (fffffa8006c8fe50) Routine srv2 (fffff80003301000) IoObject "
               "(fffffa8001234560) Context (0000000000000042)\n\n"
               "**** HyperCritical WorkQueue ( Threads: 0/512, Concurrency: 0/2 )\n\n"));
    world_free(w);
}

static void idle_and_busy_threads_are_told_apart(void **state) {
    (void)state;
    struct world *w = world7();
    world_open(w, SC_RENDER_TEXT);
    fix_run(&w->f, "!exqueue 20");
    assert_non_null(strstr(fix_text(&w->f), "[1 busy, 1 idle; 2 waiting to be done]\n"));
    assert_null(strstr(fix_text(&w->f), "Critical"));
    fix_run(&w->f, "!exqueue 21");
    assert_non_null(strstr(fix_text(&w->f), "Work items processed: 77, when last looked at: 0"));
    world_free(w);
}

static void a_broken_list_is_said(void **state) {
    (void)state;
    struct world *w = world7();
    world_put(w, ITEM, 8, ITEM);
    world_open(w, SC_RENDER_TEXT);
    fix_run(&w->f, "!exqueue");
    assert_non_null(strstr(fix_text(&w->f), "The queue is not whole: the items: it comes back to"));
    assert_non_null(strstr(fix_text(&w->f), "**** HyperCritical"));
    world_free(w);
}

/* ---- queues of nodes ---- */

#define QUEUE  0xffffe00001000000ULL
#define NODE   0xffffe00002000000ULL
#define SYSTEM 0xffffe00003000000ULL
#define EX     0xffffe00003001000ULL
#define NODES  0xffffe00003002000ULL
#define ARRAY  0xffffe00003003000ULL

static void put_priority(struct world *w) {
    uint64_t link = world_offset(w, "_ETHREAD", "Tcb.QueueListEntry");
    uint64_t in = QUEUE + world_offset(w, "_EX_WORK_QUEUE", "WorkPriQueue");
    uint64_t heads = in + world_offset(w, "_KPRIQUEUE", "EntryListHead"), entry = THREAD + link;
    uint64_t item = ITEM;
    world_object(w, QUEUE, "_EX_WORK_QUEUE");
    put_thread(w, THREAD, 15);
    put_item(w, ITEM, NT + 0x5000, 0);
    for (unsigned i = 0; i < 32; i++)
        world_ring(w, heads + i * 2 * w->ptr, NULL, 0);
    world_ring(w, heads + 12 * 2 * w->ptr, &item, 1);
    world_ring(w, in + world_offset(w, "_KPRIQUEUE", "ThreadListHead"), &entry, 1);
    world_set(w, "_KPRIQUEUE", in, "MaximumCount", 4, 2);
    world_put(w, in + world_offset(w, "_KPRIQUEUE", "CurrentCount") + 12 * 4, 4, 1);
    world_set(w, "_EX_WORK_QUEUE", QUEUE, "MaxThreads", 4, 0x1000);
}

static const char of_node[] = "**** NUMA Node 0 ExPool WorkQueue ( Threads: 1/4096, Concurrency: "
                              "1/2 )\nTHREAD fffffa80018bcb60";

static void windows_8_1_hangs_them_on_nodes(void **state) {
    (void)state;
    struct world *w = world_new(SC_CPU_X64, 9600, NT);
    world_symbol(w, "CmpLazyFlushWorker", 0x5000);
    uint64_t block = world_symbol(w, "KeNodeBlock", 0x80000);
    uint64_t number = world_symbol(w, "KeNumberNodes", 0x80100);
    world_bytes(w, block, 0x200);
    world_put(w, block, 8, NODE);
    world_put(w, number, 2, 1);
    world_object(w, NODE, "_ENODE");
    world_set(w, "_ENODE", NODE, "ExWorkQueues", 0, QUEUE);
    put_priority(w);
    world_open(w, SC_RENDER_TEXT);
    fix_run(&w->f, ".enrich off; !exqueue");
    assert_non_null(strstr(fix_text(&w->f), of_node));
    assert_non_null(strstr(fix_text(&w->f), "PENDING: WorkerRoutine nt!CmpLazyFlushWorker "));
    fix_run(&w->f, ".enrich on; !exqueue");
    assert_non_null(strstr(fix_text(&w->f), "[priority 12]"));
    world_free(w);
}

static struct world *world10(uint32_t build) {
    struct world *w = world_new(SC_CPU_X64, build, NT);
    world_symbol(w, "CmpLazyFlushWorker", 0x5000);
    uint64_t system = world_symbol(w, "PspSystemPartition", 0x80000);
    world_bytes(w, system, 8);
    world_put(w, system, 8, SYSTEM);
    world_object(w, SYSTEM, "_EPARTITION");
    world_object(w, EX, "_EX_PARTITION");
    world_set(w, "_EPARTITION", SYSTEM, "ExPartition", 0, EX);
    world_set(w, "_EX_PARTITION", EX, "WorkQueues", 0, NODES);
    world_bytes(w, NODES, 8);
    world_put(w, NODES, 8, ARRAY);
    world_bytes(w, ARRAY, 64);
    world_put(w, ARRAY, 8, QUEUE);
    put_priority(w);
    return w;
}

static void windows_10_hangs_them_on_the_partition(void **state) {
    (void)state;
    const uint32_t builds[] = {17763, 19041, 22000};
    for (size_t i = 0; i < sizeof builds / sizeof *builds; i++) {
        struct world *w = world10(builds[i]);
        world_open(w, SC_RENDER_TEXT);
        fix_run(&w->f, ".enrich off; !exqueue");
        assert_non_null(strstr(fix_text(&w->f), of_node));
        world_free(w);
    }
}

/* A second partition, with a queue of its own, and a third one without workers. */
static void queues_of_all_partitions_are_shown(void **state) {
    (void)state;
    const uint32_t builds[] = {17763, 19041, 22000};
    const uint64_t second = SYSTEM + 0x10000, third = second + 0x1000, ex = second + 0x2000;
    const uint64_t nodes = second + 0x3000, array = second + 0x3100, queue = second + 0x4000;
    for (size_t i = 0; i < sizeof builds / sizeof *builds; i++) {
        struct world *w = world10(builds[i]);
        uint64_t link = world_offset(w, "_EPARTITION", "ActivePartitionLinks");
        uint64_t head = world_symbol(w, "PspActivePartitionListHead", 0x90000);
        uint64_t in_queue = world_offset(w, "_EX_WORK_QUEUE", "WorkPriQueue");
        world_bytes(w, head, 16);
        world_object(w, second, "_EPARTITION");
        world_object(w, third, "_EPARTITION");
        world_object(w, ex, "_EX_PARTITION");
        world_object(w, queue, "_EX_WORK_QUEUE");
        world_bytes(w, nodes, 0x200);
        world_ring(w, head, (uint64_t[]){SYSTEM + link, second + link, third + link}, 3);
        world_set(w, "_EPARTITION", second, "ExPartition", 0, ex);
        world_set(w, "_EX_PARTITION", ex, "WorkQueues", 0, nodes);
        world_put(w, nodes, 8, array);
        world_put(w, array + 8, 8, queue);
        for (unsigned k = 0; k < 32; k++)
            world_ring(w,
                       queue + in_queue + world_offset(w, "_KPRIQUEUE", "EntryListHead") + 16 * k,
                       NULL, 0);
        world_ring(w, queue + in_queue + world_offset(w, "_KPRIQUEUE", "ThreadListHead"), NULL, 0);
        world_open(w, SC_RENDER_TEXT);
        fix_run(&w->f, "!exqueue");
        char want[96];
        snprintf(want, sizeof want,
                 "**** Partition %llx NUMA Node 0 IoPool WorkQueue ( Threads: 0/",
                 (unsigned long long)second);
        fix_has(&w->f, want);
        assert_null(strstr(fix_text(&w->f), "may be missing"));
        assert_non_null(strstr(fix_text(&w->f), "**** NUMA Node 0 ExPool WorkQueue"));
        world_free(w);
    }
}

static void partitions_that_are_missing_are_named(void **state) {
    (void)state;
    struct world *w = world10(19041);
    uint64_t link = world_offset(w, "_EPARTITION", "ActivePartitionLinks");
    uint64_t head = world_symbol(w, "PspActivePartitionListHead", 0x90000);
    world_bytes(w, head, 16);
    world_put(w, head, 8, SYSTEM + link);
    world_put(w, SYSTEM + link, 8, 0xffffc00fdead0000);
    world_open(w, SC_RENDER_TEXT);
    fix_run(&w->f, "!exqueue");
    fix_has(&w->f, "Queues of other partitions than the system's may be missing: a nt!_EPARTITION "
                   "is not in the dump.\n");
    world_free(w);
    w = world10(19041);
    world_open(w, SC_RENDER_TEXT);
    fix_run(&w->f, "!exqueue");
    fix_has(&w->f, "the symbols do not have nt!PspActivePartitionListHead or ");
    world_free(w);
}

static void a_page_on_the_way_that_is_missing_is_named(void **state) {
    (void)state;
    struct world *w = world10(19041);
    world_set(w, "_EX_PARTITION", EX, "WorkQueues", 0, 0x1000);
    world_open(w, SC_RENDER_TEXT);
    fix_fails(&w->f, "!exqueue", "!exqueue: its nt!_EX_PARTITION is not in the dump");
    world_free(w);
    w = world_new(SC_CPU_X64, 7601, NT);
    world_open(w, SC_RENDER_TEXT);
    fix_fails(&w->f, "!exqueue", "!exqueue: nt!ExWorkerQueue is not known: no symbols");
    world_free(w);
}

#define NTXP 0x804d7000ULL

static void windows_xp_has_three_queues(void **state) {
    (void)state;
    struct world *w = world_new(SC_CPU_X86, 2600, NTXP);
    uint64_t size = size_of(w, "_EX_WORK_QUEUE");
    uint64_t queue = world_symbol(w, "ExWorkerQueue", 0x80000);
    uint64_t entry = 0x83a379e8 + world_offset(w, "_ETHREAD", "Tcb.QueueListEntry");
    world_bytes(w, queue, 3 * size);
    put_thread(w, 0x83a379e8, 15);
    for (unsigned i = 0; i < 3; i++)
        put_classic(w, queue + i * size, &entry, i == 0, NULL, 0);
    world_open(w, SC_RENDER_TEXT);
    fix_run(&w->f, ".enrich off; !exqueue 10");
    assert_non_null(strstr(fix_text(&w->f),
                           "**** Critical WorkQueue ( Threads: 1/512, Concurrency: 0/2 )\n"
                           "THREAD 83a379e8  Cid 0004.0018  Teb: 00000000 Win32Thread: 00000000 "
                           "WAIT\n"));
    assert_null(strstr(fix_text(&w->f), "Delayed"));
    world_free(w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_three_queues_of_windows_7_are_shown),
        cmocka_unit_test(idle_and_busy_threads_are_told_apart),
        cmocka_unit_test(a_broken_list_is_said),
        cmocka_unit_test(windows_8_1_hangs_them_on_nodes),
        cmocka_unit_test(windows_10_hangs_them_on_the_partition),
        cmocka_unit_test(queues_of_all_partitions_are_shown),
        cmocka_unit_test(partitions_that_are_missing_are_named),
        cmocka_unit_test(a_page_on_the_way_that_is_missing_is_named),
        cmocka_unit_test(windows_xp_has_three_queues),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
