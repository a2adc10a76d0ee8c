/* SPDX-License-Identifier: MIT */
/* `!running` and `!ready`: processors, their queued spin locks, and the lists of ready threads. */
#include "kernel_world.h"
#include "nt/ready.h"

#define NT     0xfffff80003200000ULL
#define PRCB   (NT + 0x1f0d00)
#define SHARED 0xffffb00001000000ULL
#define A      0xffffb00002000000ULL
#define B      0xffffb00003000000ULL

static void put_thread(struct world *w, uint64_t at, unsigned priority) {
    world_object(w, at, "_ETHREAD");
    world_set(w, "_ETHREAD", at, "Tcb.Header.Type", 1, 6);
    world_set(w, "_ETHREAD", at, "Tcb.Priority", 1, priority);
    world_set(w, "_ETHREAD", at, "Tcb.State", 1, 1);
}

/* A processor that runs A, with B the next; all lists empty. */
static struct world *world10(void) {
    struct world *w = world_new(SC_CPU_X64, 19041, NT);
    world_object(w, PRCB, "_KPRCB");
    put_thread(w, A, 8);
    put_thread(w, B, 14);
    world_set(w, "_KPRCB", PRCB, "CurrentThread", 0, A);
    world_set(w, "_KPRCB", PRCB, "NextThread", 0, B);
    world_set(w, "_KPRCB", PRCB, "IdleThread", 0, 0xfffff80599bd15c0);
    for (unsigned i = 0; i < 32; i++)
        world_ring(w, PRCB + world_offset(w, "_KPRCB", "DispatcherReadyListHead") + i * 16, NULL,
                   0);
    w->threads[0].prcb = PRCB;
    return w;
}

static void a_running_processor_is_shown_as_published(void **state) {
    (void)state;
    struct world *w = world10();
    uint64_t locks = PRCB + world_offset(w, "_KPRCB", "LockQueue");
    world_put(w, locks + 1 * 16 + 8, 8, NT + 0x1002);
    world_put(w, locks + 5 * 16 + 8, 8, NT + 0x2001);
    world_open(w, SC_RENDER_TEXT);
    fix_run(&w->f, "!running");
    assert_string_equal(
        fix_text(&w->f),
        "\nSystem Processors:  (0000000000000001)\n"
        "  Idle Processors:  (0000000000000000)\n\n"
        "       Prcbs             Current         (pri) Next            (pri) Idle\n"
        "  0    fffff800033f0d00  ffffb00002000000 ( 8) ffffb00003000000 (14) fffff80599bd15c0  "
        ".O...W..........\n"
        "This layout is that of another build: fields may lie elsewhere.\n");
    world_free(w);
}

static void an_idle_processor_is_left_out_unless_asked_for(void **state) {
    (void)state;
    struct world *w = world10();
    world_set(w, "_KPRCB", PRCB, "IdleThread", 0, A);
    world_open(w, SC_RENDER_TEXT);
    fix_run(&w->f, "!running");
    assert_non_null(strstr(fix_text(&w->f), "All processors idle.\n"));
    assert_null(strstr(fix_text(&w->f), "................"));
    fix_run(&w->f, "!running -i");
    assert_non_null(strstr(fix_text(&w->f), "................"));
    world_free(w);
}

/* B waits at priority 14 of the processor's own lists, A at 8 of the shared queue. */
static struct world *busy(void) {
    struct world *w = world10();
    uint64_t link = world_offset(w, "_ETHREAD", "Tcb.WaitListEntry"), a = A + link, b = B + link;
    world_ring(w, PRCB + world_offset(w, "_KPRCB", "DispatcherReadyListHead") + 14 * 16, &b, 1);
    world_set(w, "_KPRCB", PRCB, "ReadySummary", 4, 1u << 14);
    world_set(w, "_KPRCB", PRCB, "SharedReadyQueue", 0, SHARED);
    world_object(w, SHARED, "_KSHARED_READY_QUEUE");
    world_set(w, "_KSHARED_READY_QUEUE", SHARED, "ReadySummary", 4, 1u << 8);
    world_set(w, "_KSHARED_READY_QUEUE", SHARED, "Affinity", 0, 5);
    world_ring(w, SHARED + world_offset(w, "_KSHARED_READY_QUEUE", "ReadyListHead") + 8 * 16, &a,
               1);
    return w;
}

static void ready_threads_are_listed_by_priority(void **state) {
    (void)state;
    struct world *w = busy();
    world_open(w, SC_RENDER_TEXT);
    fix_run(&w->f, "!ready 0");
    const char *text = fix_text(&w->f);
    const char *own = strstr(text, "\nProcessor 0: Ready Threads at priority 14\n");
    const char *shared = strstr(text, "KSHARED_READY_QUEUE ffffb00001000000: (00) *-*-----");
    assert_non_null(own);
    assert_non_null(shared);
    assert_true(shared < own);
    assert_non_null(
        strstr(shared, "\nSharedReadyQueue ffffb00001000000: Ready Threads at priority 8\n"));
    assert_non_null(strstr(own, "THREAD ffffb00003000000"));
    assert_non_null(strstr(shared, "THREAD ffffb00002000000"));
    world_free(w);
}

static void a_list_that_never_ends_is_bounded_and_said(void **state) {
    (void)state;
    struct world *w = busy();
    uint64_t link = world_offset(w, "_ETHREAD", "Tcb.WaitListEntry");
    world_put(w, B + link, 8, B + link); /* leads to itself, not to the head */
    world_open(w, SC_RENDER_TEXT);
    fix_run(&w->f, "!ready 0");
    assert_non_null(strstr(fix_text(&w->f), "The lists are not whole: priority 14: it comes back"));
    world_free(w);
}

#define NTXP   0x804d7000ULL
#define PRCBXP 0xffdff120ULL
#define THREAD 0x81000000ULL

static void windows_xp_has_one_set_of_lists(void **state) {
    (void)state;
    struct world *w = world_new(SC_CPU_X86, 2600, NTXP);
    uint64_t heads = world_symbol(w, "KiDispatcherReadyListHead", 0x80000);
    uint64_t summary = world_symbol(w, "KiReadySummary", 0x80100);
    world_bytes(w, heads, 0x200);
    for (unsigned i = 0; i < 32; i++)
        world_ring(w, heads + i * 8, NULL, 0);
    put_thread(w, THREAD, 9);
    uint64_t entry = THREAD + world_offset(w, "_ETHREAD", "Tcb.WaitListEntry");
    world_ring(w, heads + 9 * 8, &entry, 1);
    world_put(w, summary, 4, 1u << 9);
    world_object(w, PRCBXP, "_KPRCB");
    w->threads[0].prcb = PRCBXP;
    world_open(w, SC_RENDER_TEXT);
    fix_run(&w->f, "!ready 0");
    /* The lists are no processor's. */
    assert_non_null(strstr(fix_text(&w->f), "Ready Threads at priority 9\n"));
    assert_null(strstr(fix_text(&w->f), "Processor"));
    assert_non_null(strstr(fix_text(&w->f), "THREAD 81000000"));
    world_free(w);
}

static void a_dump_without_processors_says_what_it_lacks(void **state) {
    (void)state;
    struct world *w = world_new(SC_CPU_X64, 19041, NT);
    world_open(w, SC_RENDER_TEXT);
    fix_fails(&w->f, "!ready",
              "the dump holds no nt!_KPRCB whose DispatcherReadyListHead is known");
    fix_run(&w->f, "!running -i");
    assert_non_null(
        strstr(fix_text(&w->f), "The dump does not hold the nt!_KPRCB of 1 processors."));
    world_free(w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_running_processor_is_shown_as_published),
        cmocka_unit_test(an_idle_processor_is_left_out_unless_asked_for),
        cmocka_unit_test(ready_threads_are_listed_by_priority),
        cmocka_unit_test(a_list_that_never_ends_is_bounded_and_said),
        cmocka_unit_test(windows_xp_has_one_set_of_lists),
        cmocka_unit_test(a_dump_without_processors_says_what_it_lacks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
