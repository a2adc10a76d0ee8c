/* SPDX-License-Identifier: MIT */
/* `!swd` and `!dpcwatchdog` of several builds. */
#include "kernel_world.h"

static const struct machine {
    enum sc_cpu cpu;
    uint32_t build;
    uint64_t nt, prcb;
    const char *limit, *one; /* what the members are called */
} machines[] = {
    {SC_CPU_X64, 7601, 0xfffff80001a1f000, 0xfffff88001e66180, "DpcWatchdogPeriod", "DpcTimeLimit"},
    {SC_CPU_X64, 9600, 0xfffff80201a1f000, 0xfffff80301e66180, "DpcWatchdogPeriod", "DpcTimeLimit"},
    {SC_CPU_X64, 19041, 0xfffff80501a1f000, 0xffffc00d03000180, "DpcWatchdogPeriod",
     "DpcTimeLimit"},
    {SC_CPU_X64, 22000, 0xfffff80601a1f000, 0xffffd00d03000180, "DpcWatchdogPeriodTicks",
     "DpcTimeLimitTicks"},
};
enum { MACHINES = sizeof machines / sizeof *machines };

static struct world *make(const struct machine *m) {
    struct world *w = world_new(m->cpu, m->build, m->nt);
    world_clock(w, 156250, 0x1234);
    world_object(w, m->prcb, "_KPRCB");
    world_set(w, "_KPRCB", m->prcb, m->limit, 4, 7680);
    world_set(w, "_KPRCB", m->prcb, "DpcWatchdogCount", 4, 12);
    world_set(w, "_KPRCB", m->prcb, m->one, 4, 0x282);
    world_set(w, "_KPRCB", m->prcb, "DpcTimeCount", 4, 0x283);
    w->threads[0].prcb = m->prcb;
    return w;
}

/* 0x283 of 0x282 ticks: the published bug check 0x133, which counts as !swd does. */
static void limits_and_counts_are_shown_in_ticks_and_seconds(void **state) {
    (void)state;
    for (unsigned i = 0; i < MACHINES; i++) {
        struct world *w = make(&machines[i]);
        world_open(w, SC_RENDER_TEXT);
        fix_run(&w->f, "!swd");
        fix_has(&w->f, "CPU  Watchdog                Limit    Seconds      Count    Seconds\n"
                       "  0: DPC watchdog             7680    120.000         12      0.187\n"
                       "  0: single DPC                642     10.031        643     10.046  *\n");
        world_free(w);
    }
}

static void a_limit_of_zero_is_off(void **state) {
    (void)state;
    struct world *w = make(&machines[0]);
    world_set(w, "_KPRCB", machines[0].prcb, "DpcTimeLimit", 4, 0);
    world_open(w, SC_RENDER_TEXT);
    fix_run(&w->f, "!swd 0");
    fix_has(&w->f, "  0: single DPC                off                   643     10.046\n");
    fix_fails(&w->f, "!swd 9", "there is no processor 9");
    world_free(w);
}

/* Windows 7 on x86 watches threads, too. */
static void the_third_watchdog_of_windows_7_on_x86(void **state) {
    (void)state;
    const uint64_t prcb = 0x83f6f120;
    struct world *w = world_new(SC_CPU_X86, 7601, 0x82800000);
    world_clock(w, 156250, 0);
    world_object(w, prcb, "_KPRCB");
    world_set(w, "_KPRCB", prcb, "ThreadWatchdogPeriod", 4, 64);
    w->threads[0].prcb = prcb;
    world_open(w, SC_RENDER_TEXT);
    fix_run(&w->f, "!swd");
    fix_has(&w->f, "  0: thread                     64      1.000          0      0.000\n");
    world_free(w);
}

static void details_name_the_dpc_that_resets_the_watchdog(void **state) {
    (void)state;
    const struct machine *m = &machines[2];
    struct world *w = make(m);
    const uint64_t dpc = m->prcb + world_offset(w, "_KPRCB", "DpcWatchdogDpc");
    uint64_t at = world_symbol(w, "KeDpcTimeoutMs", 0x1000);
    world_bytes(w, at, 4);
    world_put(w, at, 4, 20000);
    world_put(w, dpc + world_offset(w, "_KDPC", "DeferredRoutine"), 8,
              world_symbol(w, "KiDpcWatchdog", 0x2000));
    world_set(w, "_KPRCB", m->prcb, "DpcWatchdogProfileSingleDpcThreshold", 4, 100);
    world_set(w, "_KPRCB", m->prcb, "DpcWatchdogProfile", 0, 0xffffc00d04000000);
    world_open(w, SC_RENDER_TEXT);
    fix_run(&w->f, "!dpcwatchdog");
    fix_has(&w->f, "nt!KeDpcTimeoutMs          20000 ms\n");
    fix_has(&w->f, "     no DPC is running\n     reset by KDPC ");
    fix_has(&w->f, " (nt!KiDpcWatchdog) of KTIMER ");
    fix_has(&w->f, "     stacks are recorded from tick 0 on (single DPC: 100) at ffffc00d04000000, "
                   "next 0000000000000000\n");
    world_free(w);
}

static void what_is_lacking_is_named(void **state) {
    (void)state;
    struct world *w = world_new(SC_CPU_X86, 2600, 0x80100000);
    world_object(w, 0xffdff120, "_KPRCB");
    w->threads[0].prcb = 0xffdff120;
    world_open(w, SC_RENDER_TEXT);
    fix_fails(&w->f, "!swd", "neither nt!_KPRCB.DpcWatchdogPeriod nor nt!_KPRCB.DpcTimeLimit");
    world_free(w);
    w = make(&machines[0]);
    w->nmemory--; /* the PRCB */
    world_open(w, SC_RENDER_TEXT);
    fix_fails(&w->f, "!dpcwatchdog", "the dump does not hold the nt!_KPRCB of any processor");
    w->nmemory++;
    world_free(w);
}

static void without_the_clock_ticks_are_shown_alone(void **state) {
    (void)state;
    const struct machine *m = &machines[1];
    struct world *w = world_new(m->cpu, m->build, m->nt);
    world_object(w, m->prcb, "_KPRCB");
    world_set(w, "_KPRCB", m->prcb, m->limit, 4, 7680);
    w->threads[0].prcb = m->prcb;
    world_open(w, SC_RENDER_TEXT);
    fix_run(&w->f, "!swd");
    fix_has(&w->f, "  0: DPC watchdog             7680          ?          0          ?\n");
    fix_has(&w->f, "nt!KeMaximumIncrement is not in this build");
    world_free(w);
}

static void records_have_spans(void **state) {
    (void)state;
    struct world *w = make(&machines[0]);
    world_open(w, SC_RENDER_JSON);
    fix_run(&w->f, "!swd");
    fix_has(&w->f, "\"type\":\"software_watchdog\",\"processor\":0,\"watchdog\":\"single DPC\","
                   "\"limit\":642,\"limit_time\":10.03125,\"count\":643,"
                   "\"count_time\":10.046875,\"over\":true");
    world_free(w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(limits_and_counts_are_shown_in_ticks_and_seconds),
        cmocka_unit_test(a_limit_of_zero_is_off),
        cmocka_unit_test(the_third_watchdog_of_windows_7_on_x86),
        cmocka_unit_test(details_name_the_dpc_that_resets_the_watchdog),
        cmocka_unit_test(what_is_lacking_is_named),
        cmocka_unit_test(without_the_clock_ticks_are_shown_alone),
        cmocka_unit_test(records_have_spans),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
