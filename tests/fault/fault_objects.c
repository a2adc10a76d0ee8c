/* SPDX-License-Identifier: MIT */
/*
 * The commands about kernel objects with their 1st, 2nd, … Nth allocation refused, on a fake kernel
 * that has what small dumps lack: a thread that waits and has IRPs, a list of processes with their
 * threads, DPCs. Each run ends in "out of memory" or in the right answer, nothing is leaked, and
 * the same target answers rightly afterwards.
 */
#include "harness/drive.h"
#include "harness/heap.h"
#include "harness/tap.h"
#include "unit/kernel_world.h"

#define NT      0xfffff80001800000ULL
#define HEAD    (NT + 0x200)
#define PROCESS 0xfffffa8003d97b30ULL
#define THREAD  0xfffffa8003e31060ULL
#define WAITER  0xfffffa8003e42060ULL
#define EVENT   0xfffff88002b0f118ULL
#define IRP     0xfffffa8016527510ULL
#define PRCB    0xfffff80002c4a180ULL
#define DPC     0xfffffa80020ce790ULL

enum { TRIES = 4000 };

static void put_thread(struct world *w, uint64_t at, uint32_t tid, unsigned state) {
    world_object(w, at, "_ETHREAD");
    world_set(w, "_ETHREAD", at, "Tcb.Header.Type", 1, 6);
    world_set(w, "_ETHREAD", at, "Tcb.State", 1, state);
    world_set(w, "_ETHREAD", at, "Cid.UniqueThread", 0, tid);
    world_set(w, "_ETHREAD", at, "Tcb.Process", 0, PROCESS);
    world_set(w, "_ETHREAD", at, "Tcb.ApcState.Process", 0, PROCESS);
    world_set(w, "_ETHREAD", at, "Win32StartAddress", 0, NT + 0x1234);
    world_bits(w, "_ETHREAD", at, "Tcb.KernelStackResident", 1);
    world_ring(w, at + world_offset(w, "_ETHREAD", "IrpList"), NULL, 0);
}

/* WAITER waits for an event, has an IRP and a stack. */
static void put_wait(struct world *w) {
    uint64_t block = WAITER + world_offset(w, "_ETHREAD", "Tcb.WaitBlock");
    uint64_t link = IRP + world_offset(w, "_IRP", "ThreadListEntry");
    world_set(w, "_ETHREAD", WAITER, "Tcb.WaitBlockList", 0, block);
    world_set(w, "_KWAIT_BLOCK", block, "Thread", 0, WAITER);
    world_set(w, "_KWAIT_BLOCK", block, "Object", 0, EVENT);
    world_set(w, "_KWAIT_BLOCK", block, "NextWaitBlock", 0, block);
    world_bytes(w, EVENT, 0x20);
    world_object(w, IRP, "_IRP");
    world_ring(w, WAITER + world_offset(w, "_ETHREAD", "IrpList"), &link, 1);
    world_set(w, "_ETHREAD", WAITER, "Tcb.KernelStack", 0, EVENT + 0x1000);
    world_set(w, "_ETHREAD", WAITER, "Tcb.StackLimit", 0, EVENT);
    world_set(w, "_ETHREAD", WAITER, "Tcb.StackBase", 0, EVENT + 0x2000);
    world_bytes(w, EVENT + 0x1000, 0x80);
    world_put(w, EVENT + 0x1038, 8, NT + 0x2345);
}

static struct world *build(void) {
    struct world *w = world_new(SC_CPU_X64, 7601, NT);
    uint64_t process_link = PROCESS + world_offset(w, "_EPROCESS", "ActiveProcessLinks");
    uint64_t dpc_link = DPC + world_offset(w, "_KDPC", "DpcListEntry");
    uint64_t links[2];
    world_bytes(w, HEAD, 0x10);
    w->m.active_process_head = HEAD;
    world_object(w, PROCESS, "_EPROCESS");
    world_set(w, "_EPROCESS", PROCESS, "Pcb.Header.Type", 1, 3);
    world_set(w, "_EPROCESS", PROCESS, "UniqueProcessId", 0, 0xc48);
    world_put(w, PROCESS + world_offset(w, "_EPROCESS", "ImageFileName"), 1, 'a');
    put_thread(w, THREAD, 0xc4c, 2);
    put_thread(w, WAITER, 0xc50, 5);
    put_wait(w);
    links[0] = THREAD + world_offset(w, "_ETHREAD", "ThreadListEntry");
    links[1] = WAITER + world_offset(w, "_ETHREAD", "ThreadListEntry");
    world_ring(w, PROCESS + world_offset(w, "_EPROCESS", "ThreadListHead"), links, 2);
    world_ring(w, HEAD, &process_link, 1);
    world_object(w, PRCB, "_KPRCB");
    world_object(w, DPC, "_KDPC");
    world_set(w, "_KDPC", DPC, "DeferredRoutine", 0, NT + 0x3456);
    world_ring(w, PRCB + world_offset(w, "_KPRCB", "DpcData"), &dpc_link, 1);
    w->threads[0].thread = THREAD;
    w->threads[0].prcb = PRCB;
    return w;
}

static const char *const lines[] = {
    "!thread",
    "!thread fffffa8003e42060",
    "!thread -t c50 e",
    "!thread fffff88002b10118 2",
    "!process -1 f",
    "!process 0 7",
    "!process c48 0; !process 0 0 a",
    "!stacks 2; !stacks 0 srv2; !for_each_thread; !for_each_process .echo @#Process",
    "!pcr; !prcb; !irql",
    "!swd; !dpcwatchdog",
    "!dpcs; !apc; !apc thre fffffa8003e42060",
    "!timer",
    "!qlocks; !cpuinfo; !cpuid",
    ".thread fffffa8003e42060; r rip; .thread; .process fffffa8003d97b30; .context",
    "? @$proc; ? @$thread; ? @$peb; ? @$teb; ? @$tid; ? @$tpid",
};

static sc_target *open_target(struct world *w) {
    const struct sc_fake fake = {.sz = sizeof fake,
                                 .cpu = w->m.cpu,
                                 .kernel = true,
                                 .machine = &w->m,
                                 .modules = w->modules,
                                 .nmodules = 2,
                                 .threads = w->threads,
                                 .nthreads = 1,
                                 .memory = w->memory,
                                 .nmemory = w->nmemory,
                                 .regs = &w->regs};
    sc_target *target = NULL;
    assert_null(sc_target_fake(&fake, &target));
    return target;
}

/* One run; false when it broke a promise. *RET_DONE: nothing was refused any more. */
static bool run(struct world *w, const char *line, enum sc_render render, uint64_t fail_at,
                uint64_t *want, bool *ret_done) {
    struct drive d = {0}, again = {0};
    struct heap_stats stats;
    heap_begin(0);
    sc_target *target = open_target(w);
    heap_begin(fail_at);
    drive_session(&d, target, render, line);
    heap_stop_failing();
    drive_session(&again, target, render, line);
    sc_target_close(target);
    heap_end(&stats);
    *ret_done = !stats.failed;
    if (!fail_at)
        *want = d.digest;
    bool clean = d.nomem || d.saw_nomem;
    if (stats.nleaked)
        tap_note("%s: allocation %u: %zu bytes leaked", line, (unsigned)fail_at, stats.leaked);
    if (d.digest != *want && !clean)
        tap_note("%s: allocation %u: another answer without a word of it", line, (unsigned)fail_at);
    if (again.digest != *want)
        tap_note("%s: allocation %u: asked again, it answers otherwise", line, (unsigned)fail_at);
    return !stats.nleaked && (d.digest == *want || clean) && again.digest == *want;
}

static void every_allocation(struct world *w, const char *line, enum sc_render render) {
    uint64_t want = 0;
    bool done = false, ok = run(w, line, render, 0, &want, &done);
    unsigned n = 0;
    for (done = false; ok && !done && n < TRIES;)
        ok = run(w, line, render, ++n, &want, &done);
    tap_ok(ok && done, "%s%s: %u allocations", line, render == SC_RENDER_JSON ? " (JSON)" : "", n);
}

/* What is tested must be what works: no command fails, and the parts are there. */
static void commands_work(struct world *w) {
    world_open(w, SC_RENDER_TEXT);
    unsigned failed = 0;
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        failed += fix_run(&w->f, lines[i]);
    fix_run(&w->f, "!process 0 7; !pcr");
    const char *text = fix_text(&w->f);
    bool all = strstr(text, "SynchronizationEvent") || strstr(text, "NotificationEvent");
    all = all && strstr(text, "IRP List:") && strstr(text, "0xfffffa80020ce790") &&
          strstr(text, "Child-SP");
    tap_ok(!failed && all, "without any fault the commands work");
    fix_close(&w->f);
    w->f.s = NULL;
}

int main(void) {
    struct world *w = build();
    setenv("TZ", "UTC", 1);
    unsetenv("_NT_SYMBOL_PATH");
    commands_work(w);
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        every_allocation(w, lines[i], SC_RENDER_TEXT);
        every_allocation(w, lines[i], SC_RENDER_JSON);
    }
    world_free(w);
    return tap_done();
}
