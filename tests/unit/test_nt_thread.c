/* SPDX-License-Identifier: MIT */
/* `!thread` of several builds, after published transcripts, and what lying threads can do. */
#include "kernel_world.h"

#define NT64  0xfffff80001800000ULL
#define EVENT 0xfffff88002b0f118ULL

/* A thread in a process, with what all of them have. */
struct thread {
    uint64_t thread, process;
    const char *image;
    uint32_t pid, tid;
    uint64_t teb, win32, map, start;
    uint64_t init, current, base, limit;
    uint32_t wait_time, switches, ideal, user, kernel;
    int priority, base_priority;
};

static void put_process(struct world *w, const struct thread *t) {
    world_object(w, t->process, "_EPROCESS");
    world_set(w, "_EPROCESS", t->process, "Pcb.Header.Type", 1, 3);
    world_set(w, "_EPROCESS", t->process, "UniqueProcessId", 0, t->pid);
    world_set(w, "_EPROCESS", t->process, "DeviceMap", 0, t->map);
    for (size_t i = 0; t->image[i]; i++)
        world_put(w, t->process + world_offset(w, "_EPROCESS", "ImageFileName") + i, 1,
                  (unsigned char)t->image[i]);
}

static void put_stack(struct world *w, const struct thread *t) {
    world_set(w, "_ETHREAD", t->thread, "Tcb.InitialStack", 0, t->init);
    world_set(w, "_ETHREAD", t->thread, "Tcb.KernelStack", 0, t->current);
    world_set(w, "_ETHREAD", t->thread, "Tcb.StackBase", 0, t->base);
    world_set(w, "_ETHREAD", t->thread, "Tcb.StackLimit", 0, t->limit);
}

static void put_thread(struct world *w, const struct thread *t) {
    const char *e = "_ETHREAD";
    uint64_t irps = t->thread;
    world_object(w, t->thread, e);
    world_set(w, e, t->thread, "Tcb.Header.Type", 1, 6);
    world_set(w, e, t->thread, "Cid.UniqueProcess", 0, t->pid);
    world_set(w, e, t->thread, "Cid.UniqueThread", 0, t->tid);
    world_set(w, e, t->thread, "Tcb.Teb", 0, t->teb);
    world_set(w, e, t->thread, "Tcb.Win32Thread", 0, t->win32);
    world_set(w, e, t->thread, "Tcb.WaitTime", 4, t->wait_time);
    world_set(w, e, t->thread, "Tcb.ContextSwitches", 4, t->switches);
    world_set(w, e, t->thread, "Tcb.IdealProcessor", 1, t->ideal);
    world_set(w, e, t->thread, "Tcb.UserTime", 4, t->user);
    world_set(w, e, t->thread, "Tcb.KernelTime", 4, t->kernel);
    world_set(w, e, t->thread, "Tcb.Priority", 1, (uint64_t)t->priority);
    world_set(w, e, t->thread, "Tcb.BasePriority", 1, (uint64_t)t->base_priority);
    world_set(w, e, t->thread, "Win32StartAddress", 0, t->start);
    world_set(w, e, t->thread, w->m.build < 3790 ? "ThreadsProcess" : "Tcb.Process", 0, t->process);
    world_set(w, e, t->thread, "Tcb.ApcState.Process", 0, t->process);
    if (w->m.build >= 6000) {
        world_bits(w, e, t->thread, "ThreadIoPriority", 2);
        world_bits(w, e, t->thread, "ThreadPagePriority", 5);
        world_bits(w, e, t->thread, "Tcb.EnableStackSwap", 1);
        world_bits(w, e, t->thread, "Tcb.KernelStackResident", 1);
    }
    put_stack(w, t);
    irps += world_offset(w, e, "IrpList");
    world_ring(w, irps, NULL, 0);
}

/* It waits for OBJECT of TYPE through its own first wait block. */
static void put_wait(struct world *w, uint64_t thread, unsigned reason, unsigned mode,
                     uint64_t object, unsigned type) {
    uint64_t block = thread + world_offset(w, "_ETHREAD", "Tcb.WaitBlock");
    world_set(w, "_ETHREAD", thread, "Tcb.State", 1, 5);
    world_set(w, "_ETHREAD", thread, "Tcb.WaitReason", 1, reason);
    world_set(w, "_ETHREAD", thread, "Tcb.WaitMode", 1, mode);
    world_set(w, "_ETHREAD", thread, "Tcb.WaitBlockList", 0, block);
    world_set(w, "_KWAIT_BLOCK", block, "Thread", 0, thread);
    world_set(w, "_KWAIT_BLOCK", block, "Object", 0, object);
    if (w->m.build < 9200)
        world_set(w, "_KWAIT_BLOCK", block, "NextWaitBlock", 0, block);
    else
        world_set(w, "_ETHREAD", thread, "Tcb.WaitBlockCount", 1, 1);
    world_bytes(w, object, 0x40);
    world_put(w, object, 1, type);
}

static void put_irp(struct world *w, uint64_t irp, unsigned size, uint32_t flags) {
    world_bytes(w, irp, size);
    world_set(w, "_IRP", irp, "Type", 2, 6);
    world_set(w, "_IRP", irp, "Size", 2, size);
    world_set(w, "_IRP", irp, "Flags", 4, flags);
}

static uint64_t irp_link(struct world *w, uint64_t irp) {
    return irp + world_offset(w, "_IRP", "ThreadListEntry");
}
static uint64_t irp_head(struct world *w, uint64_t thread) {
    return thread + world_offset(w, "_ETHREAD", "IrpList");
}

/* ---- Windows 7 and Server 2008 R2: the worker of a published hang ---- */

static const struct thread worker7 = {.thread = 0xfffffa800cd8a040,
                                      .process = 0xfffffa800cd56040,
                                      .image = "System",
                                      .pid = 4,
                                      .tid = 0x5c,
                                      .map = 0xfffff8a000006100,
                                      .start = 0xfffff8000188f530,
                                      .init = 0xfffff88002b0fc70,
                                      .current = 0xfffff88002b0ee30,
                                      .base = 0xfffff88002b10000,
                                      .limit = 0xfffff88002b0a000,
                                      .wait_time = 14791337,
                                      .switches = 835317,
                                      .ideal = 2,
                                      .kernel = 1722,
                                      .priority = 12,
                                      .base_priority = 12};

static struct world *world7(void) {
    struct world *w = world_new(SC_CPU_X64, 7601, NT64);
    world_clock(w, 156001, 14791337 + 15577);
    world_symbol(w, "ExpWorkerThread", 0x8f530);
    put_process(w, &worker7);
    put_thread(w, &worker7);
    return w;
}

static const char worker7_text[] =
    "THREAD fffffa800cd8a040  Cid 0004.005c  Teb: 0000000000000000 Win32Thread: 0000000000000000 "
    "WAIT: (Executive) KernelMode Non-Alertable\n"
    "    fffff88002b0f118  SynchronizationEvent\n"
    "IRP List:\n"
    "    fffffa8016527510: (0006,0310) Flags: 00000000  Mdl: 00000000\n"
    "Not impersonating\n"
    "DeviceMap                 fffff8a000006100\n"
    "Owning Process            fffffa800cd56040       Image:         System\n"
    "Attached Process          N/A            Image:         N/A\n"
    "Wait Start TickCount      14791337       Ticks: 15577 (0:00:04:03.002)\n"
    "Context Switch Count      835317         IdealProcessor: 2\n"
    "UserTime                  00:00:00.000\n"
    "KernelTime                00:00:26.863\n"
    "Win32 Start Address nt!ExpWorkerThread (0xfffff8000188f530)\n"
    "Stack Init fffff88002b0fc70 Current fffff88002b0ee30\n"
    "Base fffff88002b10000 Limit fffff88002b0a000 Call 0\n"
    "Priority 12 BasePriority 12 UnusualBoost 0 ForegroundBoost 0 IoPriority 2 PagePriority 5\n";

static void test_worker_of_windows_7(void **state) {
    (void)state;
    struct world *w = world7();
    const uint64_t irp = 0xfffffa8016527510;
    put_wait(w, worker7.thread, 0, 0, EVENT, 1);
    put_irp(w, irp, 0x310, 0);
    world_ring(w, irp_head(w, worker7.thread), (uint64_t[]){irp_link(w, irp)}, 1);
    world_open(w, SC_RENDER_TEXT);
    world_begins(w, "!thread fffffa800cd8a040 e", worker7_text);
    fix_has(&w->f, "This layout is that of another build: fields may lie elsewhere.\n");
    world_free(w);
}

static void test_flags_choose_the_detail(void **state) {
    (void)state;
    struct world *w = world7();
    put_wait(w, worker7.thread, 0x1b, 0, EVENT, 5);
    world_put(w, EVENT + 0x18, 4, 0x7fffffff);
    world_open(w, SC_RENDER_TEXT);
    fix_prints(&w->f, "!thread fffffa800cd8a040 0",
               "THREAD fffffa800cd8a040  Cid 0004.005c  Teb: 0000000000000000 Win32Thread: "
               "0000000000000000 WAIT\n"
               "This layout is that of another build: fields may lie elsewhere.\n");
    world_begins(w, "!thread fffffa800cd8a040 2",
                 "THREAD fffffa800cd8a040  Cid 0004.005c  Teb: 0000000000000000 Win32Thread: "
                 "0000000000000000 WAIT: (WrResource) KernelMode Non-Alertable\n"
                 "    fffff88002b0f118  Semaphore Limit 0x7fffffff\n"
                 "This layout is that of another build");
    world_free(w);
}

/* The thread that ran on the processor: no waits, no IRPs, no elapsed ticks; -1 finds it. */
static void test_running_thread_of_another_module(void **state) {
    (void)state;
    const struct thread t = {.thread = 0xfffffa804b5be040,
                             .process = 0xfffffa8048cad9e0,
                             .image = "System",
                             .pid = 4,
                             .tid = 0x82c,
                             .map = 0xfffff8a000007ee0,
                             .start = NT64 + WORLD_SRV2 + 0x27400,
                             .init = 0xfffff88005cc6db0,
                             .current = 0xfffff88005cc69b0,
                             .base = 0xfffff88005cc7000,
                             .limit = 0xfffff88005cc1000,
                             .wait_time = 4458237,
                             .switches = 36067,
                             .kernel = 78,
                             .priority = 15,
                             .base_priority = 15};
    struct world *w = world_new(SC_CPU_X64, 7601, NT64);
    world_clock(w, 156250, 4458237);
    w->srv2_symbol =
        (struct sc_symbol){.name = "SrvProcWorkerThread", .kind = SC_SYM_PUBLIC, .rva = 0x27400};
    put_process(w, &t);
    put_thread(w, &t);
    world_set(w, "_ETHREAD", t.thread, "Tcb.State", 1, 2);
    world_set(w, "_ETHREAD", t.thread, "Tcb.KernelApcDisable", 2, (uint64_t)-1);
    w->threads[0].thread = t.thread;
    world_open(w, SC_RENDER_TEXT);
    static const char text[] =
        "THREAD fffffa804b5be040  Cid 0004.082c  Teb: 0000000000000000 Win32Thread: "
        "0000000000000000 RUNNING on processor 0\n"
        "Not impersonating\n"
        "DeviceMap                 fffff8a000007ee0\n"
        "Owning Process            fffffa8048cad9e0       Image:         System\n"
        "Attached Process          N/A            Image:         N/A\n"
        "Wait Start TickCount      4458237        Ticks: 0\n"
        "Context Switch Count      36067          IdealProcessor: 0            \n"
        "UserTime                  00:00:00.000\n"
        "KernelTime                00:00:01.218\n"
        "Win32 Start Address srv2!SrvProcWorkerThread (0xfffff80001927400)\n"
        "Stack Init fffff88005cc6db0 Current fffff88005cc69b0\n"
        "Base fffff88005cc7000 Limit fffff88005cc1000 Call 0\n"
        "Priority 15 BasePriority 15 UnusualBoost 0 ForegroundBoost 0 IoPriority 2 PagePriority 5\n"
        "[KernelApcDisable -1 SpecialApcDisable 0]\n";
    world_begins(w, "!thread -1 e", text);
    world_begins(w, "!thread", text);
    fix_run(&w->f, ".enrich off; !thread");
    assert_null(strstr(fix_text(&w->f), "KernelApcDisable"));
    world_free(w);
}

/* An address on a thread's stack stands for the thread. */
static void test_stack_value(void **state) {
    (void)state;
    const struct thread t = {.thread = 0xfffffa80169538a0,
                             .process = 0xfffffa800cd6a5f0,
                             .image = "System",
                             .pid = 4,
                             .tid = 0x638,
                             .map = 0xfffff8a000008aa0,
                             .start = NT64 + 0x93a50,
                             .init = 0xfffff88007fabdb0,
                             .current = 0xfffff88007fab3a0,
                             .base = 0xfffff88007fac000,
                             .limit = 0xfffff88007fa6000,
                             .wait_time = 27606952,
                             .switches = 90787,
                             .kernel = 160,
                             .priority = 14,
                             .base_priority = 13};
    const uint64_t irp = 0xfffffa8016fd1010;
    struct world *w = world_new(SC_CPU_X64, 7601, NT64);
    world_clock(w, 156001, 27606952 + 141);
    world_symbol(w, "ExpWorkerThread", 0x93a50);
    put_process(w, &t);
    put_thread(w, &t);
    put_wait(w, t.thread, 0x1b, 0, 0xfffffa80139ea3e0, 5);
    world_put(w, 0xfffffa80139ea3e0 + 0x18, 4, 0x7fffffff);
    world_bits(w, "_ETHREAD", t.thread, "Tcb.UnusualBoost", 1);
    put_irp(w, irp, 0x310, 0x884);
    world_ring(w, irp_head(w, t.thread), (uint64_t[]){irp_link(w, irp)}, 1);
    world_bytes(w, 0xfffff88007fab000, 0x1000);
    w->threads[0].thread = t.thread;
    world_open(w, SC_RENDER_TEXT);
    world_begins(
        w, "!thread fffff88007fab7f3 e",
        "fffff88007fab7f3 is not a thread object, interpreting as stack value...\n"
        "THREAD fffffa80169538a0  Cid 0004.0638  Teb: 0000000000000000 Win32Thread: "
        "0000000000000000 WAIT: (WrResource) KernelMode Non-Alertable\n"
        "    fffffa80139ea3e0  Semaphore Limit 0x7fffffff\n"
        "IRP List:\n"
        "    fffffa8016fd1010: (0006,0310) Flags: 00000884  Mdl: 00000000\n"
        "Not impersonating\n"
        "DeviceMap                 fffff8a000008aa0\n"
        "Owning Process            fffffa800cd6a5f0       Image:         System\n"
        "Attached Process          N/A            Image:         N/A\n"
        "Wait Start TickCount      27606952       Ticks: 141 (0:00:00:02.199)\n"
        "Context Switch Count      90787          IdealProcessor: 0\n"
        "UserTime                  00:00:00.000\n"
        "KernelTime                00:00:02.496\n"
        "Win32 Start Address nt!ExpWorkerThread (0xfffff80001893a50)\n"
        "Stack Init fffff88007fabdb0 Current fffff88007fab3a0\n"
        "Base fffff88007fac000 Limit fffff88007fa6000 Call 0\n"
        "Priority 14 BasePriority 13 UnusualBoost 1 ForegroundBoost 0 IoPriority 2 PagePriority "
        "5\n");
    fix_fails(&w->f, "!thread fffff88009fab7f3 e", "lies on the stack of no thread");
    world_free(w);
}

/* Several IRPs of a user thread; its start address has no name. */
static void test_irps_of_a_user_thread(void **state) {
    (void)state;
    const struct thread t = {.thread = 0xfffffa80064c9b50,
                             .process = 0xfffffa80064bbb30,
                             .image = "csrss.exe",
                             .pid = 0x200,
                             .tid = 0x204,
                             .teb = 0x7fffffde000,
                             .map = 0xfffff8a000007890,
                             .start = 0x4a061540,
                             .init = 0xfffff88003b21c70,
                             .current = 0xfffff88003b20890,
                             .base = 0xfffff88003b22000,
                             .limit = 0xfffff88003b1c000,
                             .wait_time = 1656,
                             .switches = 25,
                             .priority = 14,
                             .base_priority = 13};
    const uint64_t irp[] = {0xfffff9800a33ec60, 0xfffff9800a250c60, 0xfffff9800a3f4ee0};
    uint64_t link[3];
    struct world *w = world_new(SC_CPU_X64, 7601, NT64);
    world_clock(w, 156250, 1656);
    put_process(w, &t);
    put_thread(w, &t);
    world_set(w, "_ETHREAD", t.thread, "Tcb.State", 1, 2);
    world_set(w, "_ETHREAD", t.thread, "Tcb.NextProcessor", 4, 1);
    for (size_t i = 0; i < 3; i++) {
        put_irp(w, irp[i], i < 2 ? 0x3a0 : 0x118, 0x40060070);
        link[i] = irp_link(w, irp[i]);
    }
    world_ring(w, irp_head(w, t.thread), link, 3);
    world_open(w, SC_RENDER_TEXT);
    world_begins(w, "!thread fffffa80064c9b50",
                 "THREAD fffffa80064c9b50  Cid 0200.0204  Teb: 000007fffffde000 Win32Thread: "
                 "0000000000000000 RUNNING on processor 1\n"
                 "IRP List:\n"
                 "    fffff9800a33ec60: (0006,03a0) Flags: 40060070  Mdl: 00000000\n"
                 "    fffff9800a250c60: (0006,03a0) Flags: 40060070  Mdl: 00000000\n"
                 "    fffff9800a3f4ee0: (0006,0118) Flags: 40060070  Mdl: 00000000\n"
                 "Not impersonating\n"
                 "DeviceMap                 fffff8a000007890\n"
                 "Owning Process            fffffa80064bbb30       Image:         csrss.exe\n"
                 "Attached Process          N/A            Image:         N/A\n"
                 "Wait Start TickCount      1656           Ticks: 0\n"
                 "Context Switch Count      25             IdealProcessor: 0\n"
                 "UserTime                  00:00:00.000\n"
                 "KernelTime                00:00:00.000\n"
                 "Win32 Start Address 0x000000004a061540\n"
                 "Stack Init fffff88003b21c70 Current fffff88003b20890\n"
                 "Base fffff88003b22000 Limit fffff88003b1c000 Call 0\n"
                 "Priority 14 BasePriority 13 UnusualBoost 0 ForegroundBoost 0 IoPriority 2 "
                 "PagePriority 5\n");
    world_free(w);
}

/* ---- other builds ---- */

/* Windows XP: 32 bits, the stack on one line, both start addresses, DecrementCount, LargeStack. */
static void test_windows_xp(void **state) {
    (void)state;
    const struct thread t = {.thread = 0x818aeda8,
                             .process = 0x81e2dda0,
                             .image = "vmtoolsd.exe",
                             .pid = 0x624,
                             .tid = 0x628,
                             .teb = 0x7ffdd000,
                             .win32 = 0xe17ca2e0,
                             .map = 0xe10086e8,
                             .start = 0x004060d0,
                             .init = 0xb2b48000,
                             .current = 0xb2b47ba8,
                             .base = 0xb2b48000,
                             .limit = 0xb2b43000,
                             .wait_time = 1367,
                             .switches = 57,
                             .user = 2,
                             .kernel = 5,
                             .priority = 15,
                             .base_priority = 15};
    const uint64_t irp = 0x81d36b80;
    struct world *w = world_new(SC_CPU_X86, 2600, 0x804d7000);
    world_clock(w, 156250, 1367 + 15662);
    put_process(w, &t);
    put_thread(w, &t);
    world_set(w, "_ETHREAD", t.thread, "StartAddress", 0, 0x7c810705);
    world_set(w, "_ETHREAD", t.thread, "Tcb.LargeStack", 1, 1);
    world_set(w, "_ETHREAD", t.thread, "Tcb.EnableStackSwap", 1, 1);
    world_set(w, "_ETHREAD", t.thread, "Tcb.KernelStackResident", 1, 1);
    put_wait(w, t.thread, 0, 1, 0x82129c6c, 0);
    put_irp(w, irp, 0x94, 0x900);
    world_ring(w, irp_head(w, t.thread), (uint64_t[]){irp_link(w, irp)}, 1);
    world_open(w, SC_RENDER_TEXT);
    world_begins(w, "!thread 818aeda8",
                 "THREAD 818aeda8  Cid 0624.0628  Teb: 7ffdd000 Win32Thread: e17ca2e0 WAIT: "
                 "(Executive) UserMode Non-Alertable\n"
                 "    82129c6c  NotificationEvent\n"
                 "IRP List:\n"
                 "    81d36b80: (0006,0094) Flags: 00000900  Mdl: 00000000\n"
                 "Not impersonating\n"
                 "DeviceMap                 e10086e8\n"
                 "Owning Process            81e2dda0       Image:         vmtoolsd.exe\n"
                 "Attached Process          N/A            Image:         N/A\n"
                 "Wait Start TickCount      1367           Ticks: 15662 (0:00:04:04.718)\n"
                 "Context Switch Count      57             IdealProcessor: 0                 "
                 "LargeStack\n"
                 "UserTime                  00:00:00.031\n"
                 "KernelTime                00:00:00.078\n"
                 "Win32 Start Address 0x004060d0\n"
                 "Start Address 0x7c810705\n"
                 "Stack Init b2b48000 Current b2b47ba8 Base b2b48000 Limit b2b43000 Call 0\n"
                 "Priority 15 BasePriority 15 PriorityDecrement 0 DecrementCount 0\n");
    assert_null(strstr(fix_text(&w->f), "This layout is that of another build"));
    world_free(w);
}

/* Windows 10: "PriorityDecrement", all digits of "Call". */
static void test_windows_10(void **state) {
    (void)state;
    const struct thread t = {.thread = 0xffffcb088f0a4480,
                             .process = 0xffffcb08905397c0,
                             .image = "MsMpEng.exe",
                             .pid = 0xe34,
                             .tid = 0x3814,
                             .teb = 0x1a27ca6000,
                             .map = 0xffffb80842016c20,
                             .start = 0x7ffb3b2fd1b0,
                             .init = 0xffff95818476add0,
                             .current = 0xffff958184769d30,
                             .base = 0xffff95818476b000,
                             .limit = 0xffff958184765000,
                             .wait_time = 182835891,
                             .switches = 5989,
                             .ideal = 3,
                             .user = 67,
                             .kernel = 19,
                             .priority = 8,
                             .base_priority = 8};
    struct world *w = world_new(SC_CPU_X64, 19041, 0xfffff801b5600000);
    world_clock(w, 156250, 182835891);
    put_process(w, &t);
    put_thread(w, &t);
    world_set(w, "_ETHREAD", t.thread, "Tcb.State", 1, 2);
    world_open(w, SC_RENDER_TEXT);
    world_begins(w, "!thread 0xffffcb088f0a4480",
                 "THREAD ffffcb088f0a4480  Cid 0e34.3814  Teb: 0000001a27ca6000 Win32Thread: "
                 "0000000000000000 RUNNING on processor 0\n"
                 "Not impersonating\n"
                 "DeviceMap                 ffffb80842016c20\n"
                 "Owning Process            ffffcb08905397c0       Image:         MsMpEng.exe\n"
                 "Attached Process          N/A            Image:         N/A\n"
                 "Wait Start TickCount      182835891      Ticks: 0\n"
                 "Context Switch Count      5989           IdealProcessor: 3             \n"
                 "UserTime                  00:00:01.046\n"
                 "KernelTime                00:00:00.296\n"
                 "Win32 Start Address 0x00007ffb3b2fd1b0\n"
                 "Stack Init ffff95818476add0 Current ffff958184769d30\n"
                 "Base ffff95818476b000 Limit ffff958184765000 Call 0000000000000000\n"
                 "Priority 8 BasePriority 8 PriorityDecrement 0 IoPriority 2 PagePriority 5\n");
    world_free(w);
}

/* Windows 11: an array of wait blocks, a mutant with its owner. */
static void test_mutant_of_windows_11(void **state) {
    (void)state;
    const struct thread t = {.thread = 0xffff948ff7b59540,
                             .process = 0xffff948fe513b040,
                             .image = "System",
                             .pid = 4,
                             .tid = 0x2358,
                             .map = 0xffffab8e778445b0,
                             .wait_time = 70905,
                             .switches = 4,
                             .ideal = 13};
    const uint64_t mutant = 0xffff948ff718d608;
    struct world *w = world_new(SC_CPU_X64, 22000, 0xfffff804d1c00000);
    world_clock(w, 156250, 70905 + 6099);
    put_process(w, &t);
    world_set(w, "_EPROCESS", t.process, "DeviceMap.Value", 0, t.map | 7);
    put_thread(w, &t);
    put_wait(w, t.thread, 6, 0, mutant, 2);
    world_set(w, "_KMUTANT", mutant, "OwnerThread", 0, 0xffff948ffeb54080);
    world_open(w, SC_RENDER_TEXT);
    world_begins(w, "!thread 0xffff948ff7b59540",
                 "THREAD ffff948ff7b59540  Cid 0004.2358  Teb: 0000000000000000 Win32Thread: "
                 "0000000000000000 WAIT: (UserRequest) KernelMode Non-Alertable\n"
                 "    ffff948ff718d608  Mutant - owning thread ffff948ffeb54080\n"
                 "Not impersonating\n"
                 "DeviceMap                 ffffab8e778445b0\n"
                 "Owning Process            ffff948fe513b040       Image:         System\n"
                 "Attached Process          N/A            Image:         N/A\n"
                 "Wait Start TickCount      70905          Ticks: 6099 (0:00:01:35.296)\n"
                 "Context Switch Count      4              IdealProcessor: 13             \n");
    world_free(w);
}

/* ---- what is there besides ---- */

static void test_impersonation_and_attachment(void **state) {
    (void)state;
    struct world *w = world7();
    world_bits(w, "_ETHREAD", worker7.thread, "ActiveImpersonationInfo", 1);
    world_set(w, "_ETHREAD", worker7.thread, "ClientSecurity", 0, 0xfffff8a00279b062);
    world_set(w, "_ETHREAD", worker7.thread, "Tcb.ApcStateIndex", 1, 1);
    world_set(w, "_ETHREAD", worker7.thread, "Tcb.ApcState.Process", 0, 0xfffffa8001111040);
    world_open(w, SC_RENDER_TEXT);
    fix_run(&w->f, "!thread fffffa800cd8a040");
    fix_has(&w->f, "Impersonation token:  fffff8a00279b060 (Level Impersonation)\n");
    fix_has(&w->f, "Owning Process            fffffa800cd56040       Image:         System\n");
    fix_has(&w->f, "Attached Process          fffffa8001111040       Image:         <Unknown>\n");
    world_free(w);
}

static void test_unknown_times_say_so(void **state) {
    (void)state;
    struct world *w = world_new(SC_CPU_X64, 7601, NT64);
    put_process(w, &worker7);
    put_thread(w, &worker7);
    world_open(w, SC_RENDER_TEXT);
    fix_run(&w->f, "!thread fffffa800cd8a040");
    fix_has(&w->f,
            "Wait Start TickCount      14791337       Ticks: ? (the tick count is not in the "
            "dump)\n");
    fix_has(&w->f, "KernelTime                1722 ticks, whose length is not in the dump\n");
    world_free(w);
}

static void test_json(void **state) {
    (void)state;
    struct world *w = world7();
    put_wait(w, worker7.thread, 0, 0, EVENT, 1);
    w->threads[0].thread = worker7.thread;
    world_open(w, SC_RENDER_JSON);
    fix_run(&w->f, "!thread -1 2");
    fix_has(&w->f, "{\"command\":\"!thread -1 2\",\"records\":[{\"type\":\"kernel_thread\","
                   "\"address\":\"0xfffffa800cd8a040\",\"assumed\":true,\"pid\":4,\"tid\":92,");
    fix_has(&w->f, "\"state\":\"Waiting\"");
    fix_has(&w->f, "\"kind\":\"SynchronizationEvent\",\"signal_state\":0,\"limit\":null,"
                   "\"owner\":null,\"delay\":false}");
    fix_has(&w->f, "\"kernel_time\":26.8633722,");
    world_free(w);
}

static void test_thread_id_and_pseudo_registers(void **state) {
    (void)state;
    struct world *w = world7();
    world_set(w, "_ETHREAD", worker7.thread, "Tcb.Teb", 0, 0x7fffffde000);
    world_set(w, "_EPROCESS", worker7.process, "Peb", 0, 0x7fffffd0000);
    w->threads[0].thread = worker7.thread;
    world_open(w, SC_RENDER_TEXT);
    world_begins(w, "!thread -t 5c 0",
                 "Looking for thread Cid = 5c ...\nTHREAD fffffa800cd8a040  Cid 0004.005c ");
    fix_fails(&w->f, "!thread -t 5d 0", "the dump holds no thread with the id 0x5d");
    fix_prints(&w->f,
               ".printf \"%p %p %p %p %x %x\\n\", @$thread, @$proc, @$teb, @$peb, @$tid, "
               "@$tpid",
               "fffffa800cd8a040 fffffa800cd56040 000007fffffde000 000007fffffd0000 5c 4\n");
    world_free(w);
}

/* A thread that does not run: what the switch left on its stack. */
static void test_registers_of_a_waiting_thread(void **state) {
    (void)state;
    struct world *w = world7();
    const uint64_t other = 0xfffffa8003333040;
    world_object(w, other, "_ETHREAD");
    world_set(w, "_ETHREAD", other, "Tcb.Header.Type", 1, 6);
    w->threads[0].thread = other;
    put_wait(w, worker7.thread, 0, 0, EVENT, 1);
    world_bytes(w, worker7.current, 0x40);
    world_put(w, worker7.current + 0x30, 8, 0xfffff88002b0ef00);
    world_put(w, worker7.current + 0x38, 8, NT64 + 0x1234);
    set_reg(&w->regs, "rip", NT64 + 0x77);
    world_open(w, SC_RENDER_TEXT);
    fix_prints(&w->f, ".thread fffffa800cd8a040",
               "Implicit thread is now fffffa80`0cd8a040\n"
               "It does not run: only its instruction, stack and frame pointers are known.\n");
    fix_prints(&w->f, ".printf \"%p %p %p %p\\n\", @rip, @rsp, @rbp, @$thread",
               "fffff80001801234 fffff88002b0ee70 fffff88002b0ef00 fffffa800cd8a040\n");
    fix_prints(&w->f, ".thread", "Implicit thread is now fffffa80`03333040\n");
    fix_prints(&w->f, ".printf \"%p %p\\n\", @rip, @$thread",
               "fffff80001800077 fffffa8003333040\n");
    fix_fails(&w->f, ".thread fffffa8009999040", "the dump does not hold the thread at");
    fix_fails(&w->f, ".thread fffffa800cd56040", "there is no thread");
    world_free(w);
}

/* ---- lies ---- */

static void test_wait_ring_that_never_closes(void **state) {
    (void)state;
    struct world *w = world7();
    put_wait(w, worker7.thread, 0, 0, EVENT, 1);
    uint64_t block = worker7.thread + world_offset(w, "_ETHREAD", "Tcb.WaitBlock");
    uint64_t next = block + 0x30;
    world_set(w, "_KWAIT_BLOCK", block, "NextWaitBlock", 0, next);
    world_set(w, "_KWAIT_BLOCK", next, "NextWaitBlock", 0, next); /* comes back to itself */
    world_set(w, "_KWAIT_BLOCK", next, "Thread", 0, worker7.thread);
    world_set(w, "_KWAIT_BLOCK", next, "Object", 0, EVENT);
    world_open(w, SC_RENDER_TEXT);
    fix_run(&w->f, "!thread fffffa800cd8a040 2");
    fix_has(&w->f, "    *** the list of wait blocks does not come back to fffffa800cd8a148\n");
    world_free(w);
}

static void test_wait_blocks_that_are_not_the_threads(void **state) {
    (void)state;
    struct world *w = world7();
    put_wait(w, worker7.thread, 0, 0, EVENT, 1);
    uint64_t block = worker7.thread + world_offset(w, "_ETHREAD", "Tcb.WaitBlock");
    world_set(w, "_KWAIT_BLOCK", block, "NextWaitBlock", 0, 0x1000);
    world_open(w, SC_RENDER_TEXT);
    fix_run(&w->f, "!thread fffffa800cd8a040 2");
    fix_has(&w->f, "    *** the list of wait blocks is damaged behind fffffa800cd8a148\n");
    fix_close(&w->f);
    world_set(w, "_KWAIT_BLOCK", block, "Thread", 0, EVENT);
    world_open(w, SC_RENDER_TEXT);
    fix_run(&w->f, "!thread fffffa800cd8a040 2");
    fix_has(&w->f, "    *** this is no wait block of the thread: fffffa800cd8a148\n");
    world_free(w);
}

static void test_irp_list_that_loops(void **state) {
    (void)state;
    struct world *w = world7();
    const uint64_t irp = 0xfffffa8016527510;
    put_irp(w, irp, 0x310, 0);
    world_ring(w, irp_head(w, worker7.thread), (uint64_t[]){irp_link(w, irp)}, 1);
    world_put(w, irp_link(w, irp), 8, irp_link(w, irp));
    world_open(w, SC_RENDER_TEXT);
    fix_run(&w->f, "!thread fffffa800cd8a040");
    fix_has(&w->f, "    *** the list is not whole: it comes back to fffffa8016527530 and never "
                   "ends\n");
    world_free(w);
}

static void test_absent_objects_are_said(void **state) {
    (void)state;
    struct world *w = world7();
    put_wait(w, worker7.thread, 0, 0, EVENT, 1);
    uint64_t block = worker7.thread + world_offset(w, "_ETHREAD", "Tcb.WaitBlock");
    world_set(w, "_KWAIT_BLOCK", block, "Object", 0, 0xfffff88009999000);
    world_put(w, irp_head(w, worker7.thread), 8, 0xfffffa8016527530);
    world_open(w, SC_RENDER_TEXT);
    fix_run(&w->f, "!thread fffffa800cd8a040");
    fix_has(&w->f, "    fffff88009999000  *** the dump does not hold this object\n");
    fix_has(&w->f, "    fffffa8016527510: *** the dump does not hold this IRP\n"
                   "    *** the list is not whole: the link at fffffa8016527530 is not in the "
                   "dump\n");
    world_free(w);
}

static void test_processes_are_refused(void **state) {
    (void)state;
    struct fix f;
    fix_open(&f, FIX_USER);
    fix_fails(&f, "!thread",
              "!thread needs a kernel dump; this is a fake target: ~ lists its threads");
    fix_fails(&f, ".thread", "~Ns switches to a thread");
    fix_close(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_worker_of_windows_7),
        cmocka_unit_test(test_flags_choose_the_detail),
        cmocka_unit_test(test_running_thread_of_another_module),
        cmocka_unit_test(test_stack_value),
        cmocka_unit_test(test_irps_of_a_user_thread),
        cmocka_unit_test(test_windows_xp),
        cmocka_unit_test(test_windows_10),
        cmocka_unit_test(test_mutant_of_windows_11),
        cmocka_unit_test(test_impersonation_and_attachment),
        cmocka_unit_test(test_unknown_times_say_so),
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_thread_id_and_pseudo_registers),
        cmocka_unit_test(test_registers_of_a_waiting_thread),
        cmocka_unit_test(test_wait_ring_that_never_closes),
        cmocka_unit_test(test_wait_blocks_that_are_not_the_threads),
        cmocka_unit_test(test_irp_list_that_loops),
        cmocka_unit_test(test_absent_objects_are_said),
        cmocka_unit_test(test_processes_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
