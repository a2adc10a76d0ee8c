/* SPDX-License-Identifier: MIT */
/* `!process`, `.process` and `.context` of several builds, and lists that lie. */
#include "kernel_world.h"

#define NT64    0xfffff80001800000ULL
#define HEAD    (NT64 + 0x200)
#define NOTEPAD 0xfffffa8003d97b30ULL
#define SYSTEM  0xfffffa8003c8b040ULL
#define THREAD  0xfffffa8003e31060ULL
#define THREAD2 0xfffffa8003e42060ULL

static uint64_t link_of(struct world *w, uint64_t process) {
    return process + world_offset(w, "_EPROCESS", "ActiveProcessLinks");
}
static uint64_t thread_link(struct world *w, uint64_t thread) {
    return thread + world_offset(w, "_ETHREAD", "ThreadListEntry");
}
static uint64_t thread_head(struct world *w, uint64_t process) {
    return process + world_offset(w, "_EPROCESS", "ThreadListHead");
}

static void put_process(struct world *w, uint64_t at, const char *image, uint32_t pid,
                        uint32_t parent, uint64_t dir_base) {
    const char *e = "_EPROCESS";
    world_object(w, at, e);
    world_set(w, e, at, "Pcb.Header.Type", 1, 3);
    world_set(w, e, at, "UniqueProcessId", 0, pid);
    world_set(w, e, at, "InheritedFromUniqueProcessId", 0, parent);
    world_set(w, e, at, "Pcb.DirectoryTableBase", 0, dir_base);
    for (size_t i = 0; image[i]; i++)
        world_put(w, at + world_offset(w, e, "ImageFileName") + i, 1, (unsigned char)image[i]);
    world_ring(w, thread_head(w, at), NULL, 0);
}

static void put_thread(struct world *w, uint64_t at, uint64_t process, uint32_t pid, uint32_t tid) {
    const char *e = "_ETHREAD";
    world_object(w, at, e);
    world_set(w, e, at, "Tcb.Header.Type", 1, 6);
    world_set(w, e, at, "Tcb.State", 1, 2);
    world_set(w, e, at, "Cid.UniqueProcess", 0, pid);
    world_set(w, e, at, "Cid.UniqueThread", 0, tid);
    world_set(w, e, at, w->m.build < 3790 ? "ThreadsProcess" : "Tcb.Process", 0, process);
    world_set(w, e, at, "Tcb.ApcState.Process", 0, process);
    if (w->m.build >= 6000)
        world_bits(w, e, at, "Tcb.KernelStackResident", 1);
    world_ring(w, at + world_offset(w, e, "IrpList"), NULL, 0);
}

/* Windows 7: the process of a published listing, with what it shows. */
static void put_notepad(struct world *w) {
    const char *e = "_EPROCESS";
    const uint64_t session = 0xfffff880064d1000, handles = 0xfffff8a00257f240;
    uint64_t vm = NOTEPAD + world_offset(w, e, "Vm");
    put_process(w, NOTEPAD, "notepad.exe", 0xc48, 0x794, 0x5c2b1000);
    world_set(w, e, NOTEPAD, "Peb", 0, 0x7fffffdf000);
    world_set(w, e, NOTEPAD, "Session", 0, session);
    world_bytes(w, session, 0x20);
    world_set(w, "_MM_SESSION_SPACE", session, "SessionId", 4, 1);
    world_set(w, e, NOTEPAD, "ObjectTable", 0, handles);
    world_object(w, handles, "_HANDLE_TABLE");
    world_set(w, "_HANDLE_TABLE", handles, "HandleCount", 4, 78);
    world_put(w, NOTEPAD + world_offset(w, e, "VadRoot") + 0x10, 8, 0xfffffa8003e8ba30);
    world_set(w, e, NOTEPAD, "NumberOfPrivatePages", 0, 415);
    world_set(w, e, NOTEPAD, "DeviceMap", 0, 0xfffff8a001bbf4c0);
    world_set(w, e, NOTEPAD, "Token.Value", 0, 0xfffff8a002c8a06c);
    world_set(w, e, NOTEPAD, "CreateTime", 8, w->m.time - 299050000);
    world_put(w, NOTEPAD + world_offset(w, e, "ProcessQuotaUsage"), 8, 9984);
    world_put(w, NOTEPAD + world_offset(w, e, "ProcessQuotaUsage") + 8, 8, 130952);
    world_set(w, "_MMSUPPORT", vm, "WorkingSetSize", 4, 1486);
    world_set(w, "_MMSUPPORT", vm, "MinimumWorkingSetSize", 4, 50);
    world_set(w, "_MMSUPPORT", vm, "MaximumWorkingSetSize", 4, 345);
    world_set(w, "_MMSUPPORT", vm, "PeakWorkingSetSize", 4, 1486);
    world_set(w, "_MMSUPPORT", vm, "PageFaultCount", 4, 1530);
    world_set(w, e, NOTEPAD, "VirtualSize", 0, 72 << 20);
    world_set(w, e, NOTEPAD, "PeakVirtualSize", 0, 76 << 20);
    world_set(w, e, NOTEPAD, "Pcb.BasePriority", 1, 8);
    world_set(w, e, NOTEPAD, "CommitCharge", 0, 553);
}

static struct world *world7(void) {
    struct world *w = world_new(SC_CPU_X64, 7601, NT64);
    world_clock(w, 156001, 1000);
    world_bytes(w, HEAD, 0x10);
    w->m.active_process_head = HEAD;
    put_notepad(w);
    put_process(w, SYSTEM, "System", 4, 0, 0x187000);
    put_thread(w, THREAD, NOTEPAD, 0xc48, 0xc4c);
    world_ring(w, thread_head(w, NOTEPAD), (uint64_t[]){thread_link(w, THREAD)}, 1);
    world_ring(w, HEAD, (uint64_t[]){link_of(w, SYSTEM), link_of(w, NOTEPAD)}, 2);
    w->threads[0].thread = THREAD;
    return w;
}

static const char assumed[] = "This layout is that of another build: fields may lie elsewhere.\n";
static const char notepad_text[] =
    "PROCESS fffffa8003d97b30\n"
    "    SessionId: 1  Cid: 0c48    Peb: 7fffffdf000  ParentCid: 0794\n"
    "    DirBase: 5c2b1000  ObjectTable: fffff8a00257f240  HandleCount:  78.\n"
    "    Image: notepad.exe\n";
static const char detail_text[] = "    VadRoot fffffa8003e8ba30 Clone 0 Private 415. Modified 0. "
                                  "Locked 0.\n"
                                  "    DeviceMap fffff8a001bbf4c0\n"
                                  "    Token                             fffff8a002c8a060\n"
                                  "    ElapsedTime                       00:00:29.905\n"
                                  "    UserTime                          00:00:00.000\n"
                                  "    KernelTime                        00:00:00.000\n"
                                  "    QuotaPoolUsage[PagedPool]         130952\n"
                                  "    QuotaPoolUsage[NonPagedPool]      9984\n"
                                  "    Working Set Sizes (now,min,max)  (1486, 50, 345) (5944KB, "
                                  "200KB, 1380KB)\n"
                                  "    PeakWorkingSetSize                1486\n"
                                  "    VirtualSize                       72 Mb\n"
                                  "    PeakVirtualSize                   76 Mb\n"
                                  "    PageFaultCount                    1530\n"
                                  "    MemoryPriority                    BACKGROUND\n"
                                  "    BasePriority                      8\n"
                                  "    CommitCharge                      553\n\n";
static const char thread_line[] =
    "        THREAD fffffa8003e31060  Cid 0c48.0c4c  Teb: 0000000000000000 Win32Thread: "
    "0000000000000000 RUNNING on processor 0\n\n";

static void test_process_of_windows_7(void **state) {
    (void)state;
    char text[2048];
    struct world *w = world7();
    world_open(w, SC_RENDER_TEXT);
    snprintf(text, sizeof text, "%s%s%s%s", notepad_text, detail_text, thread_line, assumed);
    fix_prints(&w->f, "!process", text);
    fix_prints(&w->f, "!process -1 3", text);
    snprintf(text, sizeof text, "Searching for Process with Cid == c48\n%s%s%s%s", notepad_text,
             detail_text, thread_line, assumed);
    fix_prints(&w->f, "!process c48 3", text);
    snprintf(text, sizeof text, "%s%s", notepad_text, assumed);
    fix_prints(&w->f, "!process fffffa8003d97b30 0", text);
    world_free(w);
}

static void test_a_process_without_a_table_has_no_handles(void **state) {
    (void)state;
    struct world *w = world7();
    world_open(w, SC_RENDER_JSON);
    fix_run(&w->f, "!process fffffa8003c8b040 0");
    fix_has(&w->f, "\"object_table\":\"0x0000000000000000\",\"handles\":0,");
    world_free(w);
}

static void test_list_of_processes(void **state) {
    (void)state;
    struct world *w = world7();
    char text[2048];
    static const char system_text[] =
        "PROCESS fffffa8003c8b040\n"
        "    SessionId: none  Cid: 0004    Peb: 00000000  ParentCid: 0000\n"
        "    DirBase: 00187000  ObjectTable: 00000000  HandleCount:   0.\n"
        "    Image: System\n";
    world_open(w, SC_RENDER_TEXT);
    snprintf(text, sizeof text, "**** NT ACTIVE PROCESS DUMP ****\n%s\n%s\n%s", system_text,
             notepad_text, assumed);
    fix_prints(&w->f, "!process 0 0", text);
    snprintf(text, sizeof text, "%s\n%s", notepad_text, assumed);
    fix_prints(&w->f, "!process 0 0 NOTEPAD.exe", text);
    snprintf(text, sizeof text, "**** NT ACTIVE PROCESS DUMP ****\n%s\n%s", notepad_text, assumed);
    fix_prints(&w->f, "!process /s 1 0 0", text);
    fix_prints(&w->f, "!process 0 0 explorer.exe", "No process of the list fits.\n");
    fix_fails(&w->f, "!process -1 0 notepad.exe", "an image name goes with 0");
    fix_fails(&w->f, "!process c49 0", "holds no process with the id 0xc49");
    world_free(w);
}

/* Windows XP, `!process 0 F name`: the head on one line, the thread with its stack. */
static void test_process_of_windows_xp(void **state) {
    (void)state;
    const uint64_t head = 0x804d7200, process = 0x86a7d030, thread = 0x861fe030;
    const uint64_t handles = 0xe1771668, stack = 0xa9fe58f8;
    struct world *w = world_new(SC_CPU_X86, 2600, 0x804d7000);
    world_clock(w, 156250, 1000);
    world_symbol(w, "KiSwapContext", 0x9ba3);
    world_bytes(w, head, 8);
    w->m.active_process_head = head;
    put_process(w, process, "sftlist.exe", 0xf20, 0xd98, 0x1f350000);
    world_set(w, "_EPROCESS", process, "Peb", 0, 0x7ffdf000);
    world_set(w, "_EPROCESS", process, "Session", 0, 0xb1b1b000); /* not in the dump */
    world_set(w, "_EPROCESS", process, "ObjectTable", 0, handles);
    world_object(w, handles, "_HANDLE_TABLE");
    world_set(w, "_HANDLE_TABLE", handles, "HandleCount", 4, 33);
    world_set(w, "_EPROCESS", process, "VadRoot", 0, 0x871126d0);
    world_set(w, "_EPROCESS", process, "NumberOfPrivatePages", 0, 272);
    world_put(w, process + world_offset(w, "_EPROCESS", "QuotaUsage"), 4, 2640);
    world_put(w, process + world_offset(w, "_EPROCESS", "QuotaUsage") + 4, 4, 30276);
    world_set(w, "_MMSUPPORT", process + world_offset(w, "_EPROCESS", "Vm"), "WorkingSetSize", 4,
              966);
    put_thread(w, thread, process, 0xf20, 0xf90);
    world_set(w, "_ETHREAD", thread, "Tcb.State", 1, 5);
    world_set(w, "_ETHREAD", thread, "Tcb.KernelStackResident", 1, 1);
    world_set(w, "_ETHREAD", thread, "Tcb.KernelStack", 0, stack);
    world_set(w, "_ETHREAD", thread, "Tcb.StackBase", 0, 0xa9fe6000);
    world_set(w, "_ETHREAD", thread, "Tcb.StackLimit", 0, 0xa9fe3000);
    world_bytes(w, stack, 0x40);
    world_put(w, stack + 8, 4, 0x804e0bd2);
    world_put(w, stack + 0xc, 4, 0xa9fe5938);
    world_ring(w, thread_head(w, process), (uint64_t[]){thread_link(w, thread)}, 1);
    world_ring(w, head, (uint64_t[]){link_of(w, process)}, 1);
    world_open(w, SC_RENDER_TEXT);
    world_begins(w, "!process 0 F sftlist.exe",
                 "PROCESS 86a7d030  SessionId: ?  Cid: 0f20    Peb: 7ffdf000  ParentCid: 0d98\n"
                 "    DirBase: 1f350000  ObjectTable: e1771668  HandleCount:  33.\n"
                 "    Image: sftlist.exe\n"
                 "    VadRoot 871126d0 Clone 0 Private 272. Modified 0. Locked 0.\n"
                 "    DeviceMap 00000000\n"
                 "    Token                             00000000\n"
                 "    ElapsedTime                       <Invalid>\n"
                 "    UserTime                          00:00:00.000\n"
                 "    KernelTime                        00:00:00.000\n"
                 "    QuotaPoolUsage[PagedPool]         30276\n"
                 "    QuotaPoolUsage[NonPagedPool]      2640\n"
                 "    Working Set Sizes (now,min,max)  (966, 0, 0) (3864KB, 0KB, 0KB)\n");
    fix_has(&w->f,
            "\n\n        THREAD 861fe030  Cid 0f20.0f90  Teb: 00000000 Win32Thread: 00000000 "
            "WAIT: (Executive) KernelMode Non-Alertable\n");
    fix_has(&w->f, "        ChildEBP RetAddr");
    fix_has(&w->f, "nt!KiSwapContext+0x2f");
    fix_prints(&w->f, ".thread 861fe030; .printf \"%p %p %p\\n\", @eip, @esp, @ebp",
               "Implicit thread is now 861fe030\n"
               "It does not run: only its instruction, stack and frame pointers are known.\n"
               "804e0bd2 a9fe5904 a9fe5938\n");
    world_free(w);
}

/* A build whose switch pushes a word more: symbols say where the return address is. */
static void test_a_switch_frame_at_another_place(void **state) {
    (void)state;
    const uint64_t process = 0x86a7d030, thread = 0x861fe030, stack = 0xa9fe58f8;
    struct world *w = world_new(SC_CPU_X86, 2600, 0x804d7000);
    world_symbol(w, "KiSwapContext", 0x9ba3);
    put_process(w, process, "sftlist.exe", 0xf20, 0xd98, 0x1f350000);
    put_thread(w, thread, process, 0xf20, 0xf90);
    world_set(w, "_ETHREAD", thread, "Tcb.State", 1, 5);
    world_set(w, "_ETHREAD", thread, "Tcb.KernelStackResident", 1, 1);
    world_set(w, "_ETHREAD", thread, "Tcb.KernelStack", 0, stack);
    world_bytes(w, stack, 0x40);
    world_put(w, stack + 8, 4, 0x12345);
    world_put(w, stack + 0xc, 4, 0x804e0bd2);
    world_open(w, SC_RENDER_TEXT);
    fix_prints(&w->f, ".thread 861fe030; .printf \"%p %p\\n\", @eip, @esp",
               "Implicit thread is now 861fe030\n"
               "It does not run: only its instruction, stack and frame pointers are known.\n"
               "804e0bd2 a9fe5908\n");
    world_free(w);
}

/* ---- .process, .context ---- */

static void test_process_and_context(void **state) {
    (void)state;
    struct world *w = world7();
    world_open(w, SC_RENDER_TEXT);
    fix_prints(&w->f, ".process", "Implicit process is now fffffa80`03d97b30\n");
    fix_prints(&w->f, ".process fffffa8003c8b040", "Implicit process is now fffffa80`03c8b040\n");
    fix_run(&w->f, ".context");
    fix_has(&w->f, "User-mode page directory base is 187000\n");
    fix_run(&w->f, "!process -1 0");
    fix_has(&w->f, "PROCESS fffffa8003c8b040\n");
    fix_prints(&w->f, ".printf \"%p\\n\", @$proc", "fffffa8003c8b040\n");
    fix_run(&w->f, ".process /p /r 0");
    fix_has(&w->f, "Implicit process is now fffffa80`03d97b30\n");
    fix_has(&w->f, "has no effect: this dump holds no page tables");
    fix_fails(&w->f, ".process fffffa8003e31060", "there is no process");
    fix_fails(&w->f, ".process /i fffffa8003c8b040", "a dump does not");
    fix_fails(&w->f, ".context 187000", "holds no page tables");
    fix_run(&w->f, ".thread /p fffffa8003e31060");
    fix_has(&w->f, "Implicit thread is now fffffa80`03e31060\n"
                   "Implicit process is now fffffa80`03d97b30\n");
    world_free(w);
}

static void test_json(void **state) {
    (void)state;
    struct world *w = world7();
    world_open(w, SC_RENDER_JSON);
    fix_run(&w->f, "!process -1 1");
    fix_has(&w->f,
            "{\"type\":\"kernel_process\",\"address\":\"0xfffffa8003d97b30\",\"assumed\":true,"
            "\"session\":1,\"pid\":3144,\"parent\":1940,\"peb\":\"0x000007fffffdf000\"");
    fix_has(&w->f, "\"vads\":null,");
    fix_has(&w->f, "\"elapsed\":29.905,");
    world_free(w);
}

/* ---- lists ---- */

/* What a small dump is like: the list goes to a thread that is not there. */
static void test_threads_that_the_dump_lacks(void **state) {
    (void)state;
    struct world *w = world7();
    world_put(w, thread_head(w, NOTEPAD), 8, thread_link(w, THREAD2));
    world_open(w, SC_RENDER_TEXT);
    fix_run(&w->f, "!process -1 2");
    fix_has(&w->f, thread_line);
    fix_has(&w->f,
            "        *** the dump does not hold all threads of the process: it does not hold "
            "the one at fffffa8003e42060\n");
    world_free(w);
}

static void test_list_of_processes_that_the_dump_lacks(void **state) {
    (void)state;
    struct world *w = world7();
    w->m.active_process_head = 0xfffff80009999000;
    world_open(w, SC_RENDER_TEXT);
    fix_run(&w->f, "!process 0 0");
    fix_has(&w->f, "**** NT ACTIVE PROCESS DUMP ****\n"
                   "*** the dump does not hold the list of processes: the link at "
                   "fffff80009999000 is not in the dump\n"
                   "PROCESS fffffa8003d97b30\n");
    fix_prints(&w->f, "!for_each_process .echo @#Process",
               "0xfffffa8003d97b30\n*** not all of them are in the dump: the list of processes: "
               "the link at fffff80009999000 is not in the dump\n");
    fix_run(&w->f, "!for_each_thread .echo @#Thread");
    fix_has(&w->f, "0xfffffa8003e31060\n*** not all");
    fix_close(&w->f);
    w->m.active_process_head = 0;
    world_open(w, SC_RENDER_TEXT);
    fix_run(&w->f, "!process 0 0");
    fix_has(&w->f, "*** the dump does not hold the list of processes: its head is not known\n");
    world_free(w);
}

static void test_lists_that_loop(void **state) {
    (void)state;
    struct world *w = world7();
    char buf[200];
    world_put(w, link_of(w, NOTEPAD), 8, link_of(w, SYSTEM));
    world_put(w, thread_link(w, THREAD), 8, thread_link(w, THREAD));
    world_open(w, SC_RENDER_TEXT);
    fix_run(&w->f, "!process 0 0");
    snprintf(buf, sizeof buf,
             "*** the dump does not hold all processes: it comes back to %llx and never ends\n",
             (unsigned long long)link_of(w, SYSTEM));
    fix_has(&w->f, buf);
    fix_run(&w->f, "!process -1 2");
    fix_has(&w->f, "*** the dump does not hold all threads of the process: it comes back to");
    fix_fails(&w->f, "!thread -t 999 0", "holds no thread with the id 0x999");
    world_free(w);
}

static void test_list_of_threads_that_leads_to_another_processs(void **state) {
    (void)state;
    struct world *w = world7();
    put_thread(w, THREAD2, SYSTEM, 4, 8);
    world_ring(w, thread_head(w, SYSTEM), (uint64_t[]){thread_link(w, THREAD2)}, 1);
    world_put(w, thread_link(w, THREAD), 8, thread_link(w, THREAD2));
    world_open(w, SC_RENDER_TEXT);
    fix_run(&w->f, "!process -1 2");
    fix_has(&w->f, "THREAD fffffa8003e31060");
    assert_null(strstr(fix_text(&w->f), "THREAD fffffa8003e42060"));
    fix_has(&w->f, "*** the dump does not hold all threads of the process: the list leads to "
                   "fffffa8003e42060, one of another process\n");
    fix_run(&w->f, "!stacks 0");
    fix_has(&w->f, "Threads Processed: 2\n*** not all threads are in the dump: the threads of a "
                   "process: the list leads to one of another process\n");
    world_free(w);
}

/*
 * As many processes as a list may have, in 16 MB: each lies over its neighbours. At the place of
 * the type stands what is the back link of another, which nobody follows.
 */
static void test_list_of_a_million_processes(void **state) {
    (void)state;
    enum { MANY = 1 << 20, LINK = 16 };
    const uint64_t first = 0xfffffa8010000000;
    struct world *w = world_new(SC_CPU_X64, 19041, NT64);
    uint64_t before = world_offset(w, "_EPROCESS", "ActiveProcessLinks");
    assert_int_equal(before % LINK, 8); /* of the type, which stands first, from the links */
    world_bytes(w, first - 0x1000, (MANY + 1) * LINK + 0x2000);
    for (uint64_t i = 0; i < 0x1000 / LINK; i++)
        world_put(w, first - 0x1000 + i * LINK + 8, 8, 3);
    for (uint64_t i = 0; i <= MANY; i++) {
        world_put(w, first + i * LINK, 8, first + (i + 1) * LINK);
        world_put(w, first + i * LINK + 8, 8, 3);
    }
    world_bytes(w, HEAD, 0x10);
    world_put(w, HEAD, 8, first);
    w->m.active_process_head = HEAD;
    world_open(w, SC_RENDER_TEXT);
    fix_run(&w->f, "!process 0 0 no.exe");
    fix_has(&w->f, "it goes on behind 1048576 entries");
    world_free(w);
}

static void test_links_that_are_no_addresses(void **state) {
    (void)state;
    struct world *w = world7();
    world_put(w, link_of(w, SYSTEM), 8, 0x41414141);
    world_open(w, SC_RENDER_TEXT);
    fix_run(&w->f, "!process 0 0");
    fix_has(&w->f, "*** the dump does not hold all processes: the link at fffffa8003c8b1c8 is "
                   "damaged\n");
    world_free(w);
}

static void test_names_that_are_none(void **state) {
    (void)state;
    struct world *w = world7();
    world_put(w, SYSTEM + world_offset(w, "_EPROCESS", "ImageFileName"), 1, 0x1b);
    world_open(w, SC_RENDER_TEXT);
    fix_run(&w->f, "!process fffffa8003c8b040 0");
    fix_has(&w->f, "    Image: <Unknown>\n");
    world_free(w);
}

/* Sizes that no process has: their bytes cannot be told. */
static void test_sizes_beyond_all_measure(void **state) {
    (void)state;
    struct world *w = world_new(SC_CPU_X64, 19041, NT64);
    uint64_t ws = NOTEPAD + world_offset(w, "_EPROCESS", "Vm");
    put_process(w, NOTEPAD, "notepad.exe", 0xc48, 0x794, 0x5c2b1000);
    world_set(w, "_MMSUPPORT_INSTANCE", ws, "WorkingSetSize", 8, 0x8900000000000000);
    world_set(w, "_MMSUPPORT_INSTANCE", ws, "MinimumWorkingSetSize", 8, 0x2900000000000000);
    world_open(w, SC_RENDER_TEXT);
    fix_run(&w->f, "!process fffffa8003d97b30 1");
    fix_has(&w->f, ", 0) (?KB, ?KB, 0KB)\n");
    world_free(w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_process_of_windows_7),
        cmocka_unit_test(test_a_process_without_a_table_has_no_handles),
        cmocka_unit_test(test_list_of_processes),
        cmocka_unit_test(test_process_of_windows_xp),
        cmocka_unit_test(test_a_switch_frame_at_another_place),
        cmocka_unit_test(test_process_and_context),
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_threads_that_the_dump_lacks),
        cmocka_unit_test(test_list_of_processes_that_the_dump_lacks),
        cmocka_unit_test(test_lists_that_loop),
        cmocka_unit_test(test_list_of_threads_that_leads_to_another_processs),
        cmocka_unit_test(test_list_of_a_million_processes),
        cmocka_unit_test(test_links_that_are_no_addresses),
        cmocka_unit_test(test_names_that_are_none),
        cmocka_unit_test(test_sizes_beyond_all_measure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
