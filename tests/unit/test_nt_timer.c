/* SPDX-License-Identifier: MIT */
/* `!timer`: tables of every form, encoded DPCs with and without keys, what is damaged. */
#include "kernel_world.h"
#include "nt/timer.h"

#define NT     0xfffff80003200000ULL
#define PRCB   (NT + 0x1f0d00)
#define PRCB1  0xfffff880009e9180ULL
#define TIMER  0xfffffa8003099810ULL
#define DPC    0xfffffa8003099850ULL
#define THREAD 0xfffffa8006096b60ULL
#define NEVER  0x1122334455667788ULL
#define ALWAYS 0xa1b2c3d4e5f60718ULL
#define SHARED 0xfffff78000000000ULL

static uint64_t swap(uint64_t v) {
    uint64_t r = 0;
    for (unsigned i = 0; i < 8; i++)
        r |= (v >> 8 * i & 0xff) << (56 - 8 * i);
    return r;
}

/* As the kernel does it when the timer is set. */
static uint64_t encode(uint64_t timer, uint64_t dpc) {
    uint64_t v = swap(dpc ^ ALWAYS) ^ timer;
    unsigned by = NEVER & 63;
    return (v >> by | v << (64 - by)) ^ NEVER;
}

static void put_timer(struct world *w, uint64_t at, uint64_t due, uint64_t dpc, uint32_t period) {
    world_object(w, at, "_KTIMER");
    world_set(w, "_KTIMER", at, "Header.Type", 1, 8);
    world_ring(w, at + world_offset(w, "_KTIMER", "Header.WaitListHead"), NULL, 0);
    world_set(w, "_KTIMER", at, "DueTime", 8, due);
    world_set(w, "_KTIMER", at, "Dpc", 0, dpc);
    world_set(w, "_KTIMER", at, "Period", 4, period);
}

static void put_dpc(struct world *w, uint64_t at, uint64_t routine) {
    world_object(w, at, "_KDPC");
    world_set(w, "_KDPC", at, "Type", 1, 0x13);
    world_set(w, "_KDPC", at, "DeferredRoutine", 0, routine);
}

static uint64_t list_of(struct world *w, uint64_t prcb, unsigned type, unsigned list) {
    uint64_t entry = world_offset(w, "_KTIMER_TABLE_ENTRY", "Entry"), step = w->ptr == 8 ? 32 : 24;
    return prcb + world_offset(w, "_KPRCB", "TimerTable") +
           world_offset(w, "_KTIMER_TABLE", "TimerEntries") + (type * 256 + list) * step + entry;
}

static void put_prcb(struct world *w, uint64_t prcb, unsigned types) {
    world_object(w, prcb, "_KPRCB");
    world_set(w, "_KPRCB", prcb, "MajorVersion", 2, 1);
    for (unsigned t = 0; t < types; t++)
        for (unsigned i = 0; i < 256; i++)
            world_ring(w, list_of(w, prcb, t, i), NULL, 0);
}

/* The page with the clocks: 2010-04-05 18:58:09.189. */
static void put_clocks(struct world *w) {
    world_bytes(w, SHARED, 0x400);
    world_put(w, SHARED + 0x08, 8, 0x000003df61876995);
    world_put(w, SHARED + 0x14, 8, 129149674891890000);
}

/* One timer with a DPC in list 5, one thread that waits in list 16. */
static struct world *world_of(uint32_t build, bool keys) {
    struct world *w = world_new(SC_CPU_X64, build, NT);
    uint64_t link = world_offset(w, "_KTIMER", "TimerListEntry");
    uint64_t of_thread = THREAD + world_offset(w, "_KTHREAD", "Timer");
    world_symbol(w, "CmpLazyFlushDpcRoutine", 0x5000);
    if (keys) {
        uint64_t at = world_symbol(w, "KiWaitNever", 0x6000);
        world_symbol(w, "KiWaitAlways", 0x6008);
        world_bytes(w, at, 16);
        world_put(w, at, 8, NEVER);
        world_put(w, at + 8, 8, ALWAYS);
    }
    put_prcb(w, PRCB, build >= 19041 ? 2 : 1);
    put_clocks(w);
    put_timer(w, TIMER, 0x000003df627684ac, encode(TIMER, DPC), 0);
    put_dpc(w, DPC, NT + 0x5000);
    world_object(w, THREAD, "_KTHREAD");
    world_set(w, "_KTHREAD", THREAD, "Header.Type", 1, 6);
    world_set(w, "_KTIMER", of_thread, "DueTime", 8, 0x8000000000001234);
    world_set(w, "_KTIMER", of_thread, "Dpc", 0, encode(of_thread, 0));
    uint64_t a = TIMER + link, b = of_thread + link;
    world_ring(w, list_of(w, PRCB, build >= 19041, 5), &a, 1);
    world_ring(w, list_of(w, PRCB, build >= 19041, 16), &b, 1);
    w->threads[0].prcb = PRCB;
    return w;
}

static void windows_7_has_a_table_for_each_processor(void **state) {
    (void)state;
    struct world *w = world_of(7601, true);
    world_open(w, SC_RENDER_TEXT);
    fix_run(&w->f, ".tz 0");
    world_begins(
        w, "!timer",
        "Dump system timers\n\nInterrupt time: 61876995 000003df [ 4/ 5/2010 18:58:09.189]\n\n"
        "List Timer    Interrupt Low/High     Fire Time              DPC/thread\n"
        "PROCESSOR 0 (nt!_KTIMER_TABLE fffff800033f2f00)\n"
        "  5 fffffa8003099810   627684ac 000003df [ 4/ 5/2010 18:58:10.756]  "
        "nt!CmpLazyFlushDpcRoutine (DPC @ fffffa8003099850) \n"
        " 16 fffffa8006096c20   00001234 80000000 [         NEVER         ]  thread "
        "fffffa8006096b60 \n");
    assert_non_null(strstr(fix_text(&w->f), "\nTotal Timers: 2, Maximum List: 1\n"));
    world_free(w);
}

static void newer_ones_have_two(void **state) {
    (void)state;
    struct world *w = world_of(19041, true);
    world_open(w, SC_RENDER_TEXT);
    fix_run(&w->f, "!timer");
    const char *text = fix_text(&w->f);
    const char *high = strstr(text, " - Type 0 - High precision)\n");
    const char *standard = strstr(text, " - Type 1 - Standard)\n");
    const char *timer = strstr(text, "  5 fffffa8003099810");
    assert_true(high && standard && timer && high < standard && standard < timer);
    assert_non_null(strstr(timer, "nt!CmpLazyFlushDpcRoutine (DPC @ fffffa8003099850)"));
    assert_non_null(strstr(text, "KTIMER2s:\n"));
    world_free(w);
}

static void without_keys_a_dpc_is_not_made_up(void **state) {
    (void)state;
    struct world *w = world_of(7601, false);
    world_open(w, SC_RENDER_TEXT);
    fix_run(&w->f, "!timer");
    assert_non_null(strstr(fix_text(&w->f), "DPC not known"));
    assert_non_null(strstr(fix_text(&w->f), "nt!KiWaitNever and nt!KiWaitAlways are not known."));
    assert_null(strstr(fix_text(&w->f), "CmpLazyFlush"));
    world_free(w);
}

static void put_watchdog(struct world *w, uint64_t prcb) {
    uint64_t timer = prcb + world_offset(w, "_KPRCB", "DpcWatchdogTimer");
    world_set(w, "_KTIMER", timer, "Dpc", 0,
              encode(timer, prcb + world_offset(w, "_KPRCB", "DpcWatchdogDpc")));
}

static void two_watchdogs_tell_the_keys(void **state) {
    (void)state;
    struct world *w = world_of(7601, false);
    put_prcb(w, PRCB1, 1);
    put_watchdog(w, PRCB);
    put_watchdog(w, PRCB1);
    w->threads[1] = (struct sc_thread){.index = 1, .context_off = SC_UNSET64, .prcb = PRCB1};
    w->nthreads = w->m.ncpus = 2;
    world_open(w, SC_RENDER_TEXT);
    fix_run(&w->f, "!timer");
    assert_non_null(strstr(fix_text(&w->f), "nt!CmpLazyFlushDpcRoutine (DPC @ fffffa8003099850)"));
    world_free(w);
}

static void one_watchdog_or_two_that_differ_tell_nothing(void **state) {
    (void)state;
    struct world *w = world_of(7601, false);
    put_prcb(w, PRCB1, 1);
    put_watchdog(w, PRCB);
    put_watchdog(w, PRCB1);
    uint64_t timer = PRCB1 + world_offset(w, "_KPRCB", "DpcWatchdogTimer");
    world_set(w, "_KTIMER", timer, "Dpc", 0, 0x1234567812345678);
    w->threads[1] = (struct sc_thread){.index = 1, .context_off = SC_UNSET64, .prcb = PRCB1};
    w->nthreads = w->m.ncpus = 2;
    world_open(w, SC_RENDER_TEXT);
    fix_run(&w->f, "!timer");
    assert_null(strstr(fix_text(&w->f), "CmpLazyFlush"));
    w->nthreads = 1;
    world_free(w);
}

static void a_list_that_leads_astray_ends_and_is_said(void **state) {
    (void)state;
    struct world *w = world_of(7601, true);
    uint64_t link = world_offset(w, "_KTIMER", "TimerListEntry");
    world_put(w, TIMER + link, 8, TIMER + link);
    world_open(w, SC_RENDER_TEXT);
    fix_run(&w->f, "!timer");
    assert_non_null(strstr(fix_text(&w->f), "1 of 256 lists are not whole; list 5: it comes back"));
    assert_non_null(strstr(fix_text(&w->f), " 16 fffffa8006096c20"));
    world_free(w);
}

#define NTXP 0x804d7000ULL

/* The table of the documentation's sample. */
static struct world *world_xp(bool symbols) {
    struct world *w = world_new(SC_CPU_X86, 2600, NTXP);
    uint64_t table = symbols ? world_symbol(w, "KiTimerTableListHead", 0x80000) : 0;
    uint64_t link = world_offset(w, "_KTIMER", "TimerListEntry"), a = 0x8016aea0 + link;
    world_symbol(w, "PopScanIdleList", 0x90000);
    if (symbols) {
        world_bytes(w, table, 256 * 8);
        for (unsigned i = 0; i < 256; i++)
            world_ring(w, table + i * 8, NULL, 0);
        put_timer(w, 0x8016aea0, 0x9fbd8e00, 0x8016af00, 500);
        put_dpc(w, 0x8016af00, NTXP + 0x90000);
        world_ring(w, table, &a, 1);
    }
    world_bytes(w, 0xffdf0000, 0x400);
    world_put(w, 0xffdf0008, 8, 0x9f760774);
    world_put(w, 0xffdf0014, 8, 126207755626855000);
    return w;
}

static void windows_xp_has_one_table(void **state) {
    (void)state;
    struct world *w = world_xp(true);
    world_open(w, SC_RENDER_TEXT);
    fix_run(&w->f, ".tz 0");
    world_begins(
        w, "!timer",
        "Dump system timers\n\nInterrupt time: 9f760774 00000000 [12/ 8/2000 18:59:22.685]\n\n"
        "List Timer    Interrupt Low/High     Fire Time              DPC/thread\n"
        "  0 8016aea0 P 9fbd8e00 00000000 [12/ 8/2000 18:59:23.154]  nt!PopScanIdleList \n"
        "\nTotal Timers: 1, Maximum List: 1\n");
    world_free(w);
}

static void without_symbols_windows_xp_says_what_it_lacks(void **state) {
    (void)state;
    struct world *w = world_xp(false);
    world_open(w, SC_RENDER_TEXT);
    fix_fails(&w->f, "!timer", "!timer: nt!KiTimerTableListHead is not known: no symbols");
    world_free(w);
}

/* ---- KTIMER2 ---- */

#define TIMER2 0xffffa483ff903e40ULL

static struct world *world_ordered(uint64_t root) {
    struct world *w = world_of(19041, true);
    uint64_t table = world_symbol(w, "KiTimer2Collections", 0x7000);
    world_bytes(w, table, 5 * 0x18);
    for (unsigned i = 0; i < 2; i++) {
        uint64_t at = TIMER2 + i * 0x100;
        world_object(w, at, "_KTIMER2");
        world_set(w, "_KTIMER2", at, "Header.Type", 1, 0x18);
        world_set(w, "_KTIMER2", at, "DueTime", 8, i ? 0x000003df61886995 : 0x000003df62876995);
        world_set(w, "_KTIMER2", at, "CollectionIndex", 2, 0x1001);
        world_set(w, "_KTIMER2", at, "Callback", 0, i ? NT + 0x5000 : 0);
    }
    world_set(w, "_KTIMER2", TIMER2, "Period", 8, 0x27ef6380);
    world_set(w, "_KTIMER2", TIMER2, "TypeFlags", 1, 8);
    uint64_t node = TIMER2 + world_offset(w, "_KTIMER2", "RbNodes");
    world_put(w, table + 0x18, 8, root ? root : node);
    world_put(w, node, 8, node + 0x100); /* the earlier one is its left child */
    return w;
}

static void ordered_timers_are_shown_by_due_time(void **state) {
    (void)state;
    struct world *w = world_ordered(0);
    world_open(w, SC_RENDER_TEXT);
    fix_run(&w->f, ".tz 0; !timer");
    const char *text = strstr(fix_text(&w->f), "KTIMER2s:\n");
    assert_non_null(text);
    const char *first = strstr(text, "ffffa483ff903f40 3df61886995 [ 4/ 5/2010 18:58:09.195] "
                                     "(Interrupt) [nt!CmpLazyFlushDpcRoutine]\n");
    const char *second = strstr(text, "ffffa483ff903e40 3df62876995 [ 4/ 5/2010 18:58:10.866] "
                                      "(Interrupt) [None] NW P (27ef6380)\n");
    assert_true(first && second && first < second);
    assert_null(strstr(text, "They are not all"));
    world_free(w);
}

static void a_tree_that_leads_astray_ends_and_is_said(void **state) {
    (void)state;
    struct world *w = world_ordered(0x1000);
    world_open(w, SC_RENDER_TEXT);
    fix_run(&w->f, "!timer");
    assert_non_null(
        strstr(fix_text(&w->f), "They are not all: collection 1: a link leads to no address"));
    world_free(w);
    w = world_ordered(0);
    uint64_t node = TIMER2 + world_offset(w, "_KTIMER2", "RbNodes");
    world_put(w, node, 8, node); /* its own child */
    world_open(w, SC_RENDER_TEXT);
    fix_run(&w->f, "!timer");
    assert_non_null(strstr(fix_text(&w->f), "They are not all: collection 1: it is too deep"));
    world_free(w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(windows_7_has_a_table_for_each_processor),
        cmocka_unit_test(newer_ones_have_two),
        cmocka_unit_test(without_keys_a_dpc_is_not_made_up),
        cmocka_unit_test(two_watchdogs_tell_the_keys),
        cmocka_unit_test(one_watchdog_or_two_that_differ_tell_nothing),
        cmocka_unit_test(a_list_that_leads_astray_ends_and_is_said),
        cmocka_unit_test(windows_xp_has_one_table),
        cmocka_unit_test(without_symbols_windows_xp_says_what_it_lacks),
        cmocka_unit_test(ordered_timers_are_shown_by_due_time),
        cmocka_unit_test(a_tree_that_leads_astray_ends_and_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
