/* SPDX-License-Identifier: MIT */
/* `!dpcs`: both queues of every processor, in each form that builds have. */
#include "kernel_world.h"

#define NT    0xfffff80003200000ULL
#define PRCB  (NT + 0x1f0d00)
#define PRCB1 0xfffff880009e9180ULL
#define DPC_A 0xfffffa8001bd7a60ULL
#define DPC_B 0xfffffa8001bd8a60ULL

static void put_dpc(struct world *w, uint64_t at, uint64_t routine) {
    world_object(w, at, "_KDPC");
    world_set(w, "_KDPC", at, "DeferredRoutine", 0, routine);
    world_set(w, "_KDPC", at, "DeferredContext", 0, 0x1234);
}

/* Two processors: one normal DPC on the first, one threaded DPC on the second. */
static struct world *world7(void) {
    struct world *w = world_new(SC_CPU_X64, 7601, NT);
    uint64_t link = world_offset(w, "_KDPC", "DpcListEntry"), a = DPC_A + link, b = DPC_B + link;
    world_symbol(w, "KiTimerExpiration", 0x5000);
    world_object(w, PRCB, "_KPRCB");
    world_object(w, PRCB1, "_KPRCB");
    world_set(w, "_KPRCB", PRCB, "MajorVersion", 2, 1);
    world_set(w, "_KPRCB", PRCB1, "MajorVersion", 2, 1);
    put_dpc(w, DPC_A, NT + 0x5000);
    put_dpc(w, DPC_B, NT + 0x5010);
    const uint64_t none[2][2] = {{PRCB, 1}, {PRCB1, 0}};
    for (unsigned i = 0; i < 2; i++)
        world_ring(w,
                   none[i][0] + world_offset(w, "_KPRCB",
                                             none[i][1] ? "DpcData[1].DpcListHead"
                                                        : "DpcData[0].DpcListHead"),
                   NULL, 0);
    world_ring(w, PRCB + world_offset(w, "_KPRCB", "DpcData[0].DpcListHead"), &a, 1);
    world_ring(w, PRCB1 + world_offset(w, "_KPRCB", "DpcData[1].DpcListHead"), &b, 1);
    w->threads[0].prcb = PRCB;
    w->threads[1] = (struct sc_thread){.index = 1, .context_off = SC_UNSET64, .prcb = PRCB1};
    w->nthreads = 2;
    w->m.ncpus = 2;
    return w;
}

static void both_queues_of_all_processors_are_listed(void **state) {
    (void)state;
    struct world *w = world7();
    world_open(w, SC_RENDER_TEXT);
    world_begins(w, "!dpcs",
                 "CPU Type      KDPC       Function\n"
                 " 0: Normal  : 0xfffffa8001bd7a60 0xfffff80003205000 nt!KiTimerExpiration\n"
                 " 1: Threaded: 0xfffffa8001bd8a60 0xfffff80003205010 nt!KiTimerExpiration  "
                 "[+0x10]\n");
    fix_run(&w->f, ".enrich off; !dpcs 1");
    assert_null(strstr(fix_text(&w->f), "Normal"));
    assert_null(strstr(fix_text(&w->f), "[+0x10]"));
    world_free(w);
}

static void a_broken_queue_is_said_and_the_others_are_shown(void **state) {
    (void)state;
    struct world *w = world7();
    world_put(w, DPC_A + world_offset(w, "_KDPC", "DpcListEntry"), 8, 0x10);
    world_open(w, SC_RENDER_TEXT);
    fix_run(&w->f, "!dpcs");
    assert_non_null(
        strstr(fix_text(&w->f), "Processor 0: the queue of normal DPCs is not whole: "));
    assert_non_null(strstr(fix_text(&w->f), " 1: Threaded: 0xfffffa8001bd8a60"));
    world_free(w);
}

static void a_processor_without_prcb_is_named(void **state) {
    (void)state;
    struct world *w = world7();
    w->threads[1].prcb = 0xfffff88000aaa180;
    world_open(w, SC_RENDER_TEXT);
    fix_run(&w->f, "!dpcs");
    assert_non_null(
        strstr(fix_text(&w->f), "The dump does not hold the nt!_KPRCB of 1 of 2 processors."));
    fix_fails(&w->f, "!dpcs 1", "!dpcs: the dump does not hold the nt!_KPRCB of that processor");
    fix_fails(&w->f, "!dpcs 2", "!dpcs: there is no processor 2, the dump has 2");
    world_free(w);
}

#define NTXP   0x804d7000ULL
#define PRCBXP 0xffdff120ULL

static void windows_xp_has_one_queue(void **state) {
    (void)state;
    struct world *w = world_new(SC_CPU_X86, 2600, NTXP);
    world_symbol(w, "KiTimerExpiration", 0x5000);
    world_object(w, PRCBXP, "_KPRCB");
    put_dpc(w, 0x81000000, NTXP + 0x5000);
    uint64_t entry = 0x81000000 + world_offset(w, "_KDPC", "DpcListEntry");
    world_ring(w, PRCBXP + world_offset(w, "_KPRCB", "DpcListHead"), &entry, 1);
    w->threads[0].prcb = PRCBXP;
    world_open(w, SC_RENDER_TEXT);
    world_begins(w, "!dpcs",
                 "CPU Type      KDPC       Function\n"
                 " 0: Normal  : 0x81000000 0x804dc000 nt!KiTimerExpiration\n");
    world_free(w);
}

static void windows_10_links_them_singly(void **state) {
    (void)state;
    struct world *w = world_new(SC_CPU_X64, 19041, NT);
    world_object(w, PRCB, "_KPRCB");
    put_dpc(w, DPC_A, NT + 0x5000);
    world_set(w, "_KPRCB", PRCB, "DpcData[0].DpcList", 0,
              DPC_A + world_offset(w, "_KDPC", "DpcListEntry"));
    w->threads[0].prcb = PRCB;
    world_open(w, SC_RENDER_TEXT);
    fix_run(&w->f, "!dpcs");
    assert_non_null(
        strstr(fix_text(&w->f), " 0: Normal  : 0xfffffa8001bd7a60 0xfffff80003205000 "));
    world_free(w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_queues_of_all_processors_are_listed),
        cmocka_unit_test(a_broken_queue_is_said_and_the_others_are_shown),
        cmocka_unit_test(a_processor_without_prcb_is_named),
        cmocka_unit_test(windows_xp_has_one_queue),
        cmocka_unit_test(windows_10_links_them_singly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
