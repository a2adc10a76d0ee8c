/* SPDX-License-Identifier: MIT */
/* `!pcr`, `!prcb` and `!irql` of several builds, and the fields that each build must have. */
#include "kernel_world.h"
#include "nt/clock.h"
#include "nt/prcb.h"
#include "nt/process.h"
#include "nt/thread.h"
#include "nt/wait.h"

#define NT8  0xfffff80309600000ULL
#define PCR8 0xfffff80309974000ULL

/* ---- !pcr ---- */

struct dpc {
    uint64_t address, routine;
};

static void put_dpcs(struct world *w, uint64_t head, const struct dpc *dpc, size_t count) {
    uint64_t link[8];
    for (size_t i = 0; i < count; i++) {
        world_object(w, dpc[i].address, "_KDPC");
        world_set(w, "_KDPC", dpc[i].address, "DeferredRoutine", 0, dpc[i].routine);
        link[i] = dpc[i].address + world_offset(w, "_KDPC", "DpcListEntry");
    }
    world_ring(w, head, link, count);
}

/* Windows 8: the PCR's head overlaps NT_TIB; two queues of DPCs. */
static struct world *world8(void) {
    static const struct dpc dpcs[] = {{0xfffffa80020ce790, NT8 + 0x94e9c},
                                      {0xfffffa800185f118, NT8 + 0xca00},
                                      {0xfffff8030994fda0, NT8 + WORLD_SRV2 + 0xbc30}};
    struct world *w = world_new(SC_CPU_X64, 9200, NT8);
    const uint64_t prcb = PCR8 + 0x180;
    world_symbol(w, "AtaPortInitialize", 0xca00);
    world_symbol(w, "ReturnLists", 0x94e9c);
    world_object(w, PCR8, "_KPCR");
    world_set(w, "_KPCR", PCR8, "MajorVersion", 2, 1);
    world_set(w, "_KPCR", PCR8, "MinorVersion", 2, 1);
    world_set(w, "_KPCR", PCR8, "GdtBase", 0, 0xfffff80308c11000);
    world_set(w, "_KPCR", PCR8, "TssBase", 0, 0xfffff80308c12080);
    world_set(w, "_KPCR", PCR8, "UserRsp", 0, 0xd70c7bf988);
    world_set(w, "_KPCR", PCR8, "Self", 0, PCR8);
    world_set(w, "_KPCR", PCR8, "CurrentPrcb", 0, prcb);
    world_set(w, "_KPCR", PCR8, "LockArray", 0, 0xfffff803099747f0);
    world_set(w, "_KPCR", PCR8, "Used_Self", 0, 0x7f7ab80c000);
    world_set(w, "_KPCR", PCR8, "IdtBase", 0, 0xfffff80308c11080);
    world_set(w, "_KPRCB", prcb, "CurrentThread", 0, 0xfffff803099ce880);
    world_set(w, "_KPRCB", prcb, "NextThread", 0, 0xfffffa800261cb00);
    world_set(w, "_KPRCB", prcb, "IdleThread", 0, 0xfffff803099ce880);
    put_dpcs(w, prcb + world_offset(w, "_KPRCB", "DpcData"), dpcs, 3);
    world_ring(w, prcb + world_offset(w, "_KPRCB", "DpcData[1]"), NULL, 0);
    w->threads[0].prcb = prcb;
    return w;
}

static const char pcr8_head[] = "KPCR for Processor 0 at fffff80309974000:\n"
                                "    Major 1 Minor 1\n"
                                "      NtTib.ExceptionList: fffff80308c11000\n"
                                "          NtTib.StackBase: fffff80308c12080\n"
                                "         NtTib.StackLimit: 000000d70c7bf988\n"
                                "       NtTib.SubSystemTib: fffff80309974000\n"
                                "            NtTib.Version: 0000000009974180\n"
                                "        NtTib.UserPointer: fffff803099747f0\n"
                                "            NtTib.SelfTib: 000007f7ab80c000\n"
                                "\n"
                                "                  SelfPcr: 0000000000000000\n"
                                "                     Prcb: fffff80309974180\n"
                                "                     Irql: 0000000000000000\n"
                                "                      IRR: 0000000000000000\n"
                                "                      IDR: 0000000000000000\n"
                                "            InterruptMode: 0000000000000000\n"
                                "                      IDT: 0000000000000000\n"
                                "                      GDT: 0000000000000000\n"
                                "                      TSS: 0000000000000000\n"
                                "\n"
                                "            CurrentThread: fffff803099ce880\n"
                                "               NextThread: fffffa800261cb00\n"
                                "               IdleThread: fffff803099ce880\n"
                                "\n"
                                "                DpcQueue:  0xfffffa80020ce790 "
                                "0xfffff80309694e9c [Normal] nt!ReturnLists\n"
                                "                           0xfffffa800185f118 "
                                "0xfffff8030960ca00 [Normal] nt!AtaPortInitialize\n"
                                "                           0xfffff8030994fda0 "
                                "0xfffff8030970bc30 [Normal] srv2\n";

static void test_pcr_of_windows_8(void **state) {
    (void)state;
    struct world *w = world8();
    world_open(w, SC_RENDER_TEXT);
    fix_run(&w->f, ".enrich off");
    fix_prints(&w->f, "!pcr", pcr8_head);
    fix_run(&w->f, ".enrich on; !pcr 0");
    fix_has(&w->f, "                      IDT: 0000000000000000  [IdtBase fffff80308c11080]\n");
    fix_has(&w->f, "                      TSS: 0000000000000000  [TssBase fffff80308c12080]\n");
    fix_has(&w->f, "0xfffff8030970bc30 [Normal] srv2  [+0xbc30]\n");
    fix_fails(&w->f, "!pcr 7", "Cannot get PRCB address: there is no processor 7");
    world_free(w);
}

/* x86: the fields are what they are called; one queue, whose name is not told. */
static void test_pcr_of_windows_xp(void **state) {
    (void)state;
    const uint64_t pcr = 0xffdff000, prcb = 0xffdff120;
    static const struct dpc dpcs[] = {{0x80168ee0, 0x80100d04}};
    struct world *w = world_new(SC_CPU_X86, 2600, 0x80100000);
    const char *k = "_KPCR";
    world_symbol(w, "KiTimerExpiration", 0xd04);
    world_object(w, pcr, k);
    world_set(w, k, pcr, "MajorVersion", 2, 1);
    world_set(w, k, pcr, "MinorVersion", 2, 1);
    world_set(w, k, pcr, "NtTib.ExceptionList", 0, 0x801626e0);
    world_set(w, k, pcr, "NtTib.StackBase", 0, 0x801628f0);
    world_set(w, k, pcr, "NtTib.StackLimit", 0, 0x8015fb00);
    world_set(w, k, pcr, "SelfPcr", 0, pcr);
    world_set(w, k, pcr, "Prcb", 0, prcb);
    world_set(w, k, pcr, "IDR", 4, 0xffffffff);
    world_set(w, k, pcr, "IDT", 0, 0x80043400);
    world_set(w, k, pcr, "GDT", 0, 0x80043000);
    world_set(w, k, pcr, "TSS", 0, 0x803cc000);
    world_set(w, "_KPRCB", prcb, "CurrentThread", 0, 0x8015e8a0);
    world_set(w, "_KPRCB", prcb, "IdleThread", 0, 0x8015e8a0);
    put_dpcs(w, prcb + world_offset(w, "_KPRCB", "DpcListHead"), dpcs, 1);
    w->threads[0].prcb = prcb;
    world_open(w, SC_RENDER_TEXT);
    fix_prints(&w->f, "!pcr 0",
               "KPCR for Processor 0 at ffdff000:\n"
               "    Major 1 Minor 1\n"
               "      NtTib.ExceptionList: 801626e0\n"
               "          NtTib.StackBase: 801628f0\n"
               "         NtTib.StackLimit: 8015fb00\n"
               "       NtTib.SubSystemTib: 00000000\n"
               "            NtTib.Version: 00000000\n"
               "        NtTib.UserPointer: 00000000\n"
               "            NtTib.SelfTib: 00000000\n"
               "\n"
               "                  SelfPcr: ffdff000\n"
               "                     Prcb: ffdff120\n"
               "                     Irql: 00000000\n"
               "                      IRR: 00000000\n"
               "                      IDR: ffffffff\n"
               "            InterruptMode: 00000000\n"
               "                      IDT: 80043400\n"
               "                      GDT: 80043000\n"
               "                      TSS: 803cc000\n"
               "\n"
               "            CurrentThread: 8015e8a0\n"
               "               NextThread: 00000000\n"
               "               IdleThread: 8015e8a0\n"
               "\n"
               "                DpcQueue:  0x80168ee0 0x80100d04 nt!KiTimerExpiration\n");
    world_free(w);
}

/* Windows 10: single lists; the second queue is of threaded DPCs. */
static void test_dpcs_of_windows_10(void **state) {
    (void)state;
    const uint64_t prcb = 0xfffff804782d4180, dpc = 0xffffc08bdf000040;
    struct world *w = world_new(SC_CPU_X64, 19041, 0xfffff8047ba00000);
    world_symbol(w, "PopCheck", 0x2000);
    world_object(w, prcb, "_KPRCB");
    world_object(w, dpc, "_KDPC");
    world_set(w, "_KDPC", dpc, "DeferredRoutine", 0, 0xfffff8047ba02000);
    world_set(w, "_KPRCB", prcb, "DpcData[1].DpcList.ListHead", 0, dpc + 8);
    w->threads[0].prcb = prcb;
    world_open(w, SC_RENDER_TEXT);
    fix_run(&w->f, "!pcr");
    fix_has(&w->f, "    *** the dump does not hold it, only the PRCB that lies in it\n");
    fix_has(&w->f, "                DpcQueue:  0xffffc08bdf000040 0xfffff8047ba02000 [Threaded] "
                   "nt!PopCheck\n");
    fix_close(&w->f);
    world_put(w, dpc + 8, 8, dpc + 8);
    world_open(w, SC_RENDER_TEXT);
    fix_run(&w->f, "!pcr");
    fix_has(&w->f,
            "*** the queue is not whole: it comes back to ffffc08bdf000048 and never ends\n");
    world_free(w);
}

/* ---- !prcb, !irql ---- */

static void test_prcb_of_windows_7(void **state) {
    (void)state;
    const uint64_t prcb = 0xfffff80002c4a180;
    const char *k = "_KPRCB";
    struct world *w = world_new(SC_CPU_X64, 7601, 0xfffff80002a00000);
    world_object(w, prcb, k);
    world_set(w, k, prcb, "DebuggerSavedIRQL", 1, 13);
    world_set(w, k, prcb, "CurrentThread", 0, 0xfffff80002c5a1c0);
    world_set(w, k, prcb, "NextThread", 0, 0xfffffa800586bb50);
    world_set(w, k, prcb, "IdleThread", 0, 0xfffff80002c5a1c0);
    world_set(w, k, prcb, "GroupSetMember", 0, 1);
    world_set(w, k, prcb, "InterruptCount", 4, 0x174c7);
    world_set(w, k, prcb, "DpcTime", 4, 0x12);
    world_set(w, k, prcb, "InterruptTime", 4, 0x12);
    world_set(w, k, prcb, "KernelTime", 4, 0x574);
    world_set(w, k, prcb, "UserTime", 4, 0x72);
    world_set(w, k, prcb, "MHz", 4, 2808);
    world_set(w, k, prcb, "CpuType", 1, 6);
    for (size_t i = 0; i < 12; i++)
        world_put(w, prcb + world_offset(w, k, "VendorString") + i, 1,
                  (unsigned char)"GenuineIntel"[i]);
    w->threads[0].prcb = prcb;
    world_open(w, SC_RENDER_TEXT);
    world_begins(w, "!prcb",
                 "PRCB for Processor 0 at fffff80002c4a180:\n"
                 "Current IRQL -- 13\n"
                 "Threads--  Current fffff80002c5a1c0 Next fffffa800586bb50 Idle "
                 "fffff80002c5a1c0\n"
                 "Processor Index 0 Number (0, 0) GroupSetMember 1\n"
                 "Interrupt Count -- 000174c7\n"
                 "Times -- Dpc    00000012 Interrupt 00000012 \n"
                 "         Kernel 00000574 User      00000072 \n"
                 "[GenuineIntel family 6 model 0 stepping 0, 2808 MHz]\n"
                 "[DPCs: queued 0, run 0]\n");
    fix_run(&w->f, "!irql");
    fix_has(&w->f, "Debugger saved IRQL for processor 0x0 -- 13 (CLOCK_LEVEL)\n");
    fix_close(&w->f);
    world_set(w, k, prcb, "DebuggerSavedIRQL", 1, 12);
    world_open(w, SC_RENDER_TEXT);
    fix_run(&w->f, "!irql 0");
    fix_has(&w->f, "-- 12 (SYNCH_LEVEL)\n");
    world_free(w);
}

static void test_prcb_of_windows_xp(void **state) {
    (void)state;
    const uint64_t prcb = 0xffdff120;
    const char *k = "_KPRCB";
    struct world *w = world_new(SC_CPU_X86, 2600, 0x80500000);
    world_object(w, prcb, k);
    world_set(w, k, prcb, "CurrentThread", 0, 0x88368470);
    world_set(w, k, prcb, "IdleThread", 0, 0x80551d20);
    world_set(w, k, prcb, "SetMember", 4, 1);
    world_set(w, k, prcb, "InterruptCount", 4, 0x04080105);
    world_set(w, k, prcb, "DpcTime", 4, 0x37a7);
    world_set(w, k, prcb, "InterruptTime", 4, 0x1784);
    world_set(w, k, prcb, "KernelTime", 4, 0x725fff);
    world_set(w, k, prcb, "UserTime", 4, 0x5d1be);
    w->threads[0].prcb = prcb;
    world_open(w, SC_RENDER_TEXT);
    world_begins(w, "!prcb",
                 "PRCB for Processor 0 at ffdff120:\n"
                 "Threads--  Current 88368470 Next 00000000 Idle 80551d20\n"
                 "Number 0 SetMember 00000001\n"
                 "Interrupt Count -- 04080105\n"
                 "Times -- Dpc    000037a7 Interrupt 00001784 \n"
                 "         Kernel 00725fff User      0005d1be \n");
    fix_fails(&w->f, "!irql", "nt!_KPRCB.DebuggerSavedIRQL is not in this build");
    fix_prints(&w->f, ".printf \"%p\\n\", @$thread", "88368470\n"); /* from the PRCB */
    world_free(w);
}

static void test_no_prcb(void **state) {
    (void)state;
    struct world *w = world_new(SC_CPU_X64, 7601, 0xfffff80002a00000);
    world_open(w, SC_RENDER_TEXT);
    fix_fails(&w->f, "!prcb", "Cannot get PRCB address");
    fix_fails(&w->f, "!thread", "the dump does not say which thread processor 0 ran");
    fix_fails(&w->f, ".process", "the dump does not say which thread processor 0 ran");
    fix_close(&w->f);
    w->threads[0].prcb = 0xfffff80002c4a180;
    world_open(w, SC_RENDER_TEXT);
    fix_fails(&w->f, "!prcb", "the dump does not hold the PRCB of processor 0");
    world_free(w);
}

/* ---- every build ---- */

static const enum nt_thread_field thread_needs[] = {
    NT_T_TYPE,
    NT_T_PID,
    NT_T_TID,
    NT_T_TEB,
    NT_T_WIN32_THREAD,
    NT_T_STATE,
    NT_T_WAIT_REASON,
    NT_T_WAIT_MODE,
    NT_T_ALERTABLE,
    NT_T_SUSPEND_COUNT,
    NT_T_FREEZE_COUNT,
    NT_T_WAIT_BLOCK_LIST,
    NT_T_WAIT_TIME,
    NT_T_KERNEL_TIME,
    NT_T_USER_TIME,
    NT_T_CONTEXT_SWITCHES,
    NT_T_NEXT_PROCESSOR,
    NT_T_PROCESS,
    NT_T_APC_PROCESS,
    NT_T_KERNEL_APC_DISABLE,
    NT_T_IMPERSONATING,
    NT_T_CREATE_TIME,
    NT_T_EXIT_TIME,
    NT_T_EXIT_STATUS,
    NT_T_START_ADDRESS,
    NT_T_INITIAL_STACK,
    NT_T_KERNEL_STACK,
    NT_T_STACK_BASE,
    NT_T_STACK_LIMIT,
    NT_T_STACK_RESIDENT,
    NT_T_PRIORITY,
    NT_T_BASE_PRIORITY,
    NT_T_IRP_LIST,
    NT_T_TRAP_FRAME,
    NT_T_LIST_LINK,
    NT_T_WIN32_START_ADDRESS,
    NT_T_IDEAL_PROCESSOR,
    NT_T_APC_STATE_INDEX,
    NT_T_PRIORITY_DECREMENT,
};
static const enum nt_process_field process_needs[] = {
    NT_P_TYPE,
    NT_P_PID,
    NT_P_PARENT,
    NT_P_PEB,
    NT_P_DIR_BASE,
    NT_P_OBJECT_TABLE,
    NT_P_SESSION,
    NT_P_CLONE_ROOT,
    NT_P_PRIVATE_PAGES,
    NT_P_MODIFIED_PAGES,
    NT_P_LOCKED_PAGES,
    NT_P_DEVICE_MAP,
    NT_P_TOKEN,
    NT_P_CREATE_TIME,
    NT_P_EXIT_TIME,
    NT_P_EXIT_STATUS,
    NT_P_KERNEL_TIME,
    NT_P_USER_TIME,
    NT_P_QUOTA_NONPAGED,
    NT_P_QUOTA_PAGED,
    NT_P_VIRTUAL_SIZE,
    NT_P_COMMIT_CHARGE,
    NT_P_BASE_PRIORITY,
    NT_P_FLAGS,
    NT_P_EXITING,
    NT_P_DELETING,
    NT_P_ACTIVE_THREADS,
    NT_P_THREAD_LIST,
    NT_P_LIST_LINK,
    NT_P_VAD_ROOT,
    NT_P_VM,
    NT_P_IMAGE,
};
static const enum nt_prcb_field prcb_needs[] = {
    NT_C_MAJOR,       NT_C_MINOR,       NT_C_NUMBER,          NT_C_CURRENT_THREAD,
    NT_C_NEXT_THREAD, NT_C_IDLE_THREAD, NT_C_INTERRUPT_COUNT, NT_C_KERNEL_TIME,
    NT_C_USER_TIME,   NT_C_DPC_TIME,    NT_C_INTERRUPT_TIME,  NT_C_MHZ,
    NT_C_CPU_TYPE,    NT_C_DPC_ACTIVE,  NT_C_DPC_STACK,       NT_C_DPC_COUNT,
    NT_C_DPC_DEPTH,
};

static void need(const struct nt_field *f, const char *what, int index, uint32_t build) {
    if (f->state != NT_READ)
        fail_msg("build %u: %s field %d: %s", build, what, index, nt_why(f));
}

/* Objects whose bytes are all zero: every field must be found and read in each build. */
static void check_build(enum sc_cpu cpu, uint32_t build) {
    const uint64_t base = cpu == SC_CPU_X86 ? 0x80400000 : 0xfffff80001800000;
    const uint64_t thread = base + 0x1000000, process = base + 0x1010000;
    const uint64_t pcr = base + 0x1020000;
    struct world *w = world_new(cpu, build, base);
    struct nt nt;
    struct nt_thread t;
    struct nt_process p;
    struct nt_prcb c;
    struct nt_pcr r;
    struct nt_dpcs dpcs;
    sc_layout_book *book;
    sc_arena *arena = sc_arena_create();
    uint64_t prcb = pcr + world_offset(w, "_KPCR", cpu == SC_CPU_X86 ? "PrcbData" : "Prcb");
    world_object(w, thread, "_ETHREAD");
    world_object(w, process, "_EPROCESS");
    world_bytes(w, pcr, 0x20000);
    world_open(w, SC_RENDER_TEXT);
    assert_null(sc_session_layouts(w->f.s, &book));
    nt_init(&nt, w->f.target, sc_session_symtab(w->f.s), book);
    assert_null(nt_thread_read(&nt, thread, &t));
    for (size_t i = 0; i < sizeof thread_needs / sizeof *thread_needs; i++)
        need(&t.f[thread_needs[i]], "thread", (int)thread_needs[i], build);
    assert_null(nt_process_read(&nt, process, &p));
    for (size_t i = 0; i < sizeof process_needs / sizeof *process_needs; i++)
        need(&p.f[process_needs[i]], "process", (int)process_needs[i], build);
    for (int i = 0; i < NT_W_MEMORY_PRIORITY; i++)
        need(&p.ws[i], "working set", i, build);
    assert_null(nt_prcb_read(&nt, prcb, &c));
    for (size_t i = 0; i < sizeof prcb_needs / sizeof *prcb_needs; i++)
        need(&c.f[prcb_needs[i]], "prcb", (int)prcb_needs[i], build);
    assert_null(nt_pcr_read(&nt, prcb, &r));
    assert_int_equal(r.address, pcr);
    need(&r.f[NT_R_SELF], "pcr", NT_R_SELF, build);
    need(&r.f[NT_R_IDT], "pcr", NT_R_IDT, build);
    need(&r.tib[NT_TIB_SELF], "tib", NT_TIB_SELF, build);
    assert_null(nt_prcb_dpcs(&nt, &c, arena, &dpcs));
    assert_int_equal(dpcs.nqueues, build == 2600 ? 1 : 2);
    sc_arena_destroy(arena);
    world_free(w);
}

static void test_every_build_has_the_fields(void **state) {
    (void)state;
    enum sc_cpu cpu;
    uint32_t build;
    size_t i = 0;
    for (; sc_layouts_set(i, &cpu, &build); i++)
        check_build(cpu, build);
    assert_true(i >= 17);
}

/* ---- names ---- */

static void test_names(void **state) {
    (void)state;
    struct nt nt7 = {.build = 7601}, nt10 = {.build = 19041};
    assert_string_equal(nt_thread_state_name(5), "Waiting");
    assert_null(nt_thread_state_name(10));
    assert_string_equal(nt_wait_reason_name(&nt7, 0x1b), "WrResource");
    assert_string_equal(nt_wait_reason_name(&nt7, 0xe), "WrEventPair");
    assert_string_equal(nt_wait_reason_name(&nt10, 0xe), "WrSpare0");
    assert_string_equal(nt_wait_reason_name(&nt10, 0x27), "WrPhysicalFault");
    assert_null(nt_wait_reason_name(&nt10, 0xff));
    assert_string_equal(nt_object_type_name(0x15), "PriQueueObject");
    assert_null(nt_object_type_name(0x12));
    assert_string_equal(nt_impersonation_level_name(2), "Impersonation");
    assert_null(nt_impersonation_level_name(4));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pcr_of_windows_8),           cmocka_unit_test(test_pcr_of_windows_xp),
        cmocka_unit_test(test_dpcs_of_windows_10),         cmocka_unit_test(test_prcb_of_windows_7),
        cmocka_unit_test(test_prcb_of_windows_xp),         cmocka_unit_test(test_no_prcb),
        cmocka_unit_test(test_every_build_has_the_fields), cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
