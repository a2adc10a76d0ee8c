/* SPDX-License-Identifier: MIT */
/* Scenarios that are built: what is in the dump and the store, and what cannot be built and why. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "forge/scenario.h"
#include "stopcode/kdump.h"
#include "stopcode/minidump.h"
#include "stopcode/target.h"

static char why[FORGE_WHY_MAX];

/* A small machine that is complete: tests add lines, or leave out or change some. */
#define OS      "os 7601 sp 1 lab 7601.17514.amd64fre\n"
#define CPU     "cpu x64 count 2 current 1 vendor AuthenticAMD mhz 3214\n"
#define DUMP    "dump triage\n"
#define NT      "module nt fffff80001600000 +5ea000\n"
#define DRV     "module drv fffff88004000000 +10000 private\n"
#define MACHINE OS CPU DUMP NT DRV

struct built {
    struct forge_output out;
    sc_target *target;
};

static struct built build(const char *text) {
    struct built b = {0};
    if (!forge_scenario_build("case", text, &b.out, why))
        fail_msg("%s", why);
    sc_err *err =
        sc_target_open_memory("case.dmp", b.out.dump.data, b.out.dump.size, NULL, &b.target);
    if (err)
        fail_msg("%s", sc_err_text(err));
    return b;
}

static void done(struct built *b) {
    sc_target_close(b->target);
    forge_output_free(&b->out);
}

static uint64_t number(const struct built *b, uint64_t addr, unsigned size) {
    uint64_t v = 0;
    if (sc_space_uint(sc_target_space(b->target), addr, size, &v) != SC_READ_OK)
        fail_msg("%llx is not in the dump", (unsigned long long)addr);
    return v;
}

static bool is_there(const struct built *b, uint64_t addr) {
    uint8_t byte;
    return sc_space_read(sc_target_space(b->target), addr, &byte, 1, NULL) == SC_READ_OK;
}

static const struct forge_made_file *file(const struct built *b, const char *name) {
    for (size_t i = 0; i < b->out.nfiles; i++)
        if (!strncmp(b->out.file[i].path, name, strlen(name)))
            return &b->out.file[i];
    return NULL;
}

/* ---- what is made ---- */

static void a_kernel_dump_has_a_world_in_it(void **state) {
    (void)state;
    struct built b = build(MACHINE "bugcheck d1 10 2 0 drv+1000\n"
                                   "time 2021-02-10 20:14:55\nuptime 1:00:00\n"
                                   "unloaded averylongname.sys fffff88005000000 +1000\n"
                                   "broken drv.sys\ncomment by hand\nverifier 9bb\n");
    const struct sc_machine *m = sc_target_machine(b.target);
    assert_int_equal(m->build, 7601);
    assert_int_equal(m->ncpus, 2);
    assert_int_equal(m->current, 1);
    assert_string_equal(m->lab, "7601.17514.amd64fre");
    assert_string_equal(m->service_pack, "Service Pack 1");
    assert_int_equal(m->kernel_base, 0xfffff80001600000);
    const struct sc_modules *modules;
    assert_null(sc_target_modules(b.target, &modules));
    assert_int_equal(modules->count, 2);
    assert_string_equal(modules->item[0].name, "nt");
    assert_string_equal(modules->item[1].image, "drv.sys");
    const struct sc_threads *threads;
    assert_null(sc_target_threads(b.target, &threads));
    assert_int_equal(threads->count, 2);
    /* The current processor runs a thread of System; the other its idle thread. */
    uint64_t thread = threads->item[1].thread, idle = threads->item[0].thread;
    assert_true(thread && idle && thread != idle);
    assert_int_equal(number(&b, thread + 0x164, 1), 2);  /* KTHREAD.State: running */
    uint64_t process = number(&b, thread + 0x210, 8);    /* KTHREAD.Process */
    assert_int_equal(number(&b, process + 0x180, 8), 4); /* UniqueProcessId */
    char name[16] = "";
    assert_int_equal(sc_space_read(sc_target_space(b.target), process + 0x2e0, name, 15, NULL),
                     SC_READ_OK);
    assert_string_equal(name, "System");
    /* Its own list of threads leads back to the thread. */
    assert_int_equal(number(&b, process + 0x30, 8), thread + 0x2f8);
    struct sc_regs regs;
    assert_null(sc_target_regs(b.target, 0, &regs));
    assert_true(sc_regs_ip(&regs) - m->kernel_base < 0x5ea000);
    assert_int_equal(sc_target_source(b.target)->nnotes, 0);
    done(&b);
}

static void the_same_text_makes_the_same_bytes(void **state) {
    (void)state;
    struct forge_output a, b;
    assert_true(forge_scenario_build("case", MACHINE, &a, why));
    assert_true(forge_scenario_build("other", MACHINE, &b, why));
    assert_int_equal(a.dump.size, b.dump.size);
    assert_memory_equal(a.dump.data, b.dump.data, a.dump.size);
    assert_int_equal(a.nfiles, b.nfiles);
    for (size_t i = 0; i < a.nfiles; i++) {
        assert_string_equal(a.file[i].path, b.file[i].path);
        assert_int_equal(a.file[i].bytes.size, b.file[i].bytes.size);
        assert_memory_equal(a.file[i].bytes.data, b.file[i].bytes.data, a.file[i].bytes.size);
    }
    forge_output_free(&a);
    forge_output_free(&b);
}

static void members_are_written_through_the_layout(void **state) {
    (void)state;
    struct built b = build(
        MACHINE
        "process cmd.exe fffffa8001000000 pid 1a4 InheritedFromUniqueProcessId=10 Flags2=3 \\\n"
        "  DefaultPagePriority=5 PropagateNode=1\n"
        "thread fffffa8001010000 cid 1a4.1a8 stack fffff88002007000 fffff88002001000 \\\n"
        "  Tcb.KernelApcDisable=ffff Tcb.SpecialApcDisable=-2 Tcb.ApcState.KernelApcPending=1\n"
        "struct _DRIVER_OBJECT fffffa8002000000 Type=4 DriverName=\"\\Driver\\drv\" \\\n"
        "  MajorFunction[0]=drv!Create MajorFunction[1b]=drv+2000\n"
        "struct _EPROCESS fffffa8003000000 ImageFileName=\"123456789012345\"\n"
        "symbol drv!Create drv+1000\n");
    assert_int_equal(number(&b, 0xfffffa8001000180, 8), 0x1a4);
    assert_int_equal(number(&b, 0xfffffa8001000290, 8), 0x10);
    /* Bits 12 to 14, and 20, of the word that is also Flags2. */
    assert_int_equal(number(&b, 0xfffffa800100043c, 4), 3 | 5u << 12 | 1u << 20);
    assert_int_equal(number(&b, 0xfffffa80010101c4, 2), 0xffff);
    assert_int_equal(number(&b, 0xfffffa80010101c6, 2), 0xfffe);
    assert_int_equal(number(&b, 0xfffffa80010103b8, 8), 0x1a8);
    assert_int_equal(number(&b, 0xfffffa8001010278, 8), 0xfffff88002007000);
    assert_int_equal(number(&b, 0xfffffa8002000070, 8), 0xfffff88004001000);
    assert_int_equal(number(&b, 0xfffffa8002000070 + 8 * 27, 8), 0xfffff88004002000);
    assert_int_equal(number(&b, 0xfffffa8002000038, 2), 22); /* DriverName.Length */
    uint64_t text = number(&b, 0xfffffa8002000040, 8);
    assert_int_equal(number(&b, text, 4), '\\' | 'D' << 16);
    assert_int_equal(number(&b, 0xfffffa80030002ee, 1), '5');
    /* The list of processes leads round and back. */
    assert_int_equal(number(&b, number(&b, 0xfffffa8001000188, 8), 8), 0xfffffa8001000188);
    done(&b);
}

static void memory_is_where_lines_put_it(void **state) {
    (void)state;
    struct built b =
        build(MACHINE "memory fffffa8001000000 0102 \"ab\" L\"c\" ff\n"
                      "memory dq\nfffffa80`01000100  11111111`22222222 33333333`44444444\n"
                      "end\n"
                      "memory drv!Global+4 2a\n"
                      "symbol drv!Global drv+8000 type Uint4B\n"
                      "code drv+1000 90c3\n"
                      "code fffffa8001000200 cc\n"
                      "layout drv!_CTX size 18\n"
                      "   +0x000 Tag : Uint4B\n"
                      "   +0x008 Owner : Ptr64 _ETHREAD\n"
                      "   +0x010 Busy : Pos 3, 1 Bit\n"
                      "end\n"
                      "struct drv!_CTX fffffa8001000300 Tag=12345678 Owner=drv Busy=1\n");
    assert_int_equal(number(&b, 0xfffffa8001000000, 4), 0x62610201);
    assert_int_equal(number(&b, 0xfffffa8001000004, 2), 'c');
    assert_int_equal(number(&b, 0xfffffa8001000006, 1), 0xff);
    assert_int_equal(number(&b, 0xfffffa8001000108, 8), 0x3333333344444444);
    assert_int_equal(number(&b, 0xfffff88004008004, 1), 0x2a);
    assert_int_equal(number(&b, 0xfffffa8001000200, 1), 0xcc);
    assert_int_equal(number(&b, 0xfffffa8001000308, 8), 0xfffff88004000000);
    assert_int_equal(number(&b, 0xfffffa8001000310, 1), 8);
    assert_false(is_there(&b, 0xfffff88004001000)); /* code is in the image, not in the dump */
    done(&b);
}

static void the_store_has_what_the_module_lines_say(void **state) {
    (void)state;
    struct built b = build(MACHINE "module bare fffff88005000000 +4000 nosymbols stamp 4A5BC84E\n"
                                   "module plain fffff88006000000 +4000 noimage pdb other.pdb "
                                   "{00112233-4455-6677-8899-AABBCCDDEEFF} 10\n"
                                   "module there fffff88007000000 +4000 inmemory exports\n"
                                   "symbol there!Exported fffff88007001000\n"
                                   "code there!Exported 9090\n");
    assert_non_null(file(&b, "ntkrnlmp.pdb/"));
    assert_non_null(file(&b, "ntoskrnl.exe/"));
    assert_non_null(file(&b, "bare.sys/4A5BC84E4000/bare.sys"));
    assert_null(file(&b, "bare.pdb"));
    assert_null(file(&b, "plain.sys"));
    assert_non_null(file(&b, "other.pdb/00112233445566778899AABBCCDDEEFFa/other.pdb"));
    assert_null(file(&b, "there.pdb"));
    assert_int_equal(number(&b, 0xfffff88007000000, 2), 0x5a4d);
    assert_int_equal(number(&b, 0xfffff88007001000, 2), 0x9090);
    assert_false(is_there(&b, 0xfffff88006001000));
    done(&b);
}

/* ---- stacks ---- */

#define STACK                                                                                      \
    "stack\n"                                                                                      \
    "Child-SP          RetAddr           Call Site\n"                                              \
    "fffff880`02006b08 fffff880`04001234 nt!KeBugCheckEx\n"                                        \
    "fffff880`02006b10 fffff800`01700010 drv!Fail+0x34\n"                                          \
    "fffff880`02006c10 00000000`00000000 nt!Start+0x10\n"                                          \
    "end\n"

static void a_stack_is_in_the_dump(void **state) {
    (void)state;
    struct built b = build(MACHINE STACK "symbol nt!KeBugCheckEx fffff80001680000\n"
                                         "registers rax=5 efl=202\n"
                                         "memory dps\n"
                                         "fffff880`02006b18  fffff880`04008000 drv!Data\n"
                                         "end\n"
                                         "memory drv!Fail 4883ec20\n");
    struct sc_regs regs;
    assert_null(sc_target_regs(b.target, 1, &regs));
    assert_true(sc_regs_ip(&regs) == 0xfffff80001680000);
    assert_true(sc_regs_sp(&regs) == 0xfffff88002006b08);
    uint64_t rax;
    assert_true(sc_regs_get(&regs, "rax", &rax) && rax == 5);
    assert_int_equal(sc_regs_flags(&regs), 0x202);
    assert_int_equal(number(&b, 0xfffff88002006b08, 8), 0xfffff88004001234);
    /* What a line says of the stack's memory counts; the rest was filled in. */
    assert_int_equal(number(&b, 0xfffff88002006b18, 8), 0xfffff88004008000);
    /* drv!Fail, placed by the return address, is where `memory` put its bytes. */
    assert_int_equal(number(&b, 0xfffff88004001200, 4), 0x20ec8348);
    done(&b);
}

static void registers_of_an_outer_frame_go_where_unwinding_finds_them(void **state) {
    (void)state;
    struct built b = build(MACHINE STACK "registers rsp=fffff88002006b10 rip=fffff88004001234 "
                                         "rbx=1122334455667788\n");
    struct sc_regs regs;
    uint64_t rbx, found = 0;
    assert_null(sc_target_regs(b.target, 1, &regs));
    assert_true(sc_regs_sp(&regs) == 0xfffff88002006b08);
    /* In the register still, or saved by the frame below. */
    assert_true(sc_regs_get(&regs, "rbx", &rbx));
    for (uint64_t at = 0xfffff88002006b08 - 0x100; at < 0xfffff88002006c10; at += 8)
        if (is_there(&b, at) && number(&b, at, 8) == 0x1122334455667788)
            found = at;
    assert_true(rbx == 0x1122334455667788 || found);
    done(&b);
}

static void a_waiting_thread_stands_behind_its_switch_frame(void **state) {
    (void)state;
    struct built b =
        build(MACHINE "process System fffffa8001000000 pid 4\n"
                      "thread fffffa8001010000 cid 4.8\n"
                      "thread fffffa8001020000 cid 4.c stack fffff88003007000 fffff88003001000\n"
                      "stack thread fffffa8001020000\n"
                      "Child-SP          RetAddr           Call Site\n"
                      "fffff880`03006800 fffff880`04001010 nt!KiSwapContext+0x7a\n"
                      "fffff880`03006900 00000000`00000000 drv!Wait+0x10\n"
                      "end\nsymbol nt!KiSwapContext fffff80001680000\n");
    uint64_t current = number(&b, 0xfffffa8001020038, 8); /* KTHREAD.KernelStack */
    assert_int_equal(current, 0xfffff88003006800 - 0x40);
    assert_int_equal(number(&b, current + 0x38, 8), 0xfffff8000168007a);
    assert_int_equal(number(&b, 0xfffffa8001020164, 1), 5); /* waiting */
    done(&b);
}

static void two_threads_in_one_function_share_its_unwind_data(void **state) {
    (void)state;
    struct built b =
        build(MACHINE "process System fffffa8001000000 pid 4\n"
                      "thread fffffa8001010000 cid 4.8\n"
                      "thread fffffa8001020000 cid 4.c\nthread fffffa8001030000 cid 4.10\n"
                      "stack thread fffffa8001020000\n"
                      "fffff880`03006800 fffff880`04001010 nt!KiSwapContext+0x7a\n"
                      "fffff880`03006900 00000000`00000000 drv!Wait+0x10\n"
                      "end\n"
                      "stack thread fffffa8001030000\n"
                      "fffff880`04506800 fffff880`04001018 nt!KiSwapContext+0x7a\n"
                      "fffff880`04506900 00000000`00000000 drv!Wait+0x18\n"
                      "end\nsymbol nt!KiSwapContext fffff80001680000\n");
    assert_int_equal(number(&b, 0xfffff88003006900 - 8, 8), 0xfffff88004001010);
    assert_int_equal(number(&b, 0xfffff88004506900 - 8, 8), 0xfffff88004001018);
    done(&b);
}

/* A double fault: the handler's stack is another one, which leads back to the thread's. */
static void the_current_thread_may_stand_on_another_stack(void **state) {
    (void)state;
    struct built b =
        build(MACHINE "thread fffffa8001010000 cid 4.8 stack fffff88003007000 fffff88003001000\n"
                      "stack\n"
                      "fffff880`009b9de8 fffff800`0168c169 nt!KeBugCheckEx\n"
                      "fffff880`009b9df0 fffff800`0168a632 nt!KiBugCheckDispatch+0x69\n"
                      "fffff880`009b9f30 fffff880`04001234 nt!KiDoubleFaultAbort+0xb2\n"
                      "fffff880`03006f00 00000000`00000000 drv!Fail+0x34\n"
                      "end\n");
    assert_int_equal(number(&b, 0xfffffa8001010028, 8), 0xfffff88003006fd0); /* InitialStack */
    assert_int_equal(number(&b, 0xfffff88003006f00, 8), 0);
    done(&b);
}

static void frames_without_columns_lie_on_the_threads_stack(void **state) {
    (void)state;
    struct built b =
        build(MACHINE "thread fffffa8001010000 cid 4.8 stack fffff88003007000 fffff88003001000\n"
                      "stack\nnt!KeBugCheckEx\ndrv!Fail+0x34\nend\n");
    struct sc_regs regs;
    assert_null(sc_target_regs(b.target, 1, &regs));
    assert_true(sc_regs_sp(&regs) > 0xfffff88003006000 && sc_regs_sp(&regs) < 0xfffff88003007000);
    done(&b);
}

/* What esp is below a frame pointer is nobody's business but the registers'. */
static void registers_say_where_esp_is_below_ebp(void **state) {
    (void)state;
    struct built b = build("os 7601\ncpu x86\ndump minidump\nmodule app 400000 +10000\n"
                           "stack\nChildEBP RetAddr\n0012ff40 00401234 app!Inner+0x10\n"
                           "0012ff60 00000000 app!Outer+0x34\nend\n"
                           "registers esp=12ff20 ebp=12ff40\n");
    struct sc_regs regs;
    assert_null(sc_target_regs(b.target, 0, &regs));
    assert_int_equal(sc_regs_sp(&regs), 0x12ff20);
    assert_int_equal(number(&b, 0x12ff20, 4), 0);
    done(&b);
}

static void a_process_is_made_too(void **state) {
    (void)state;
    struct built b = build("os 19041\ncpu x64\ndump minidump named.dmp\n"
                           "module app 7ff600000000 +10000 image app.exe\n"
                           "module ntdll 7ffb00000000 +100000\n"
                           "process app.exe 1000000 pid 1234 BeingDebugged=1\n"
                           "thread 2000000 cid 1234.5678 name main LastErrorValue=5\n"
                           "registers rip=7ff600001000 rsp=300000\nmemory 300000 0011223344556677\n"
                           "exception c0000005 app+1000 0 8\n");
    assert_string_equal(b.out.name, "named.dmp");
    const struct sc_threads *threads;
    assert_null(sc_target_threads(b.target, &threads));
    assert_int_equal(threads->count, 1);
    assert_int_equal(threads->item[0].tid, 0x5678);
    assert_int_equal(number(&b, 0x1000002, 1), 1);
    assert_int_equal(number(&b, 0x2000000 + 0x68, 4), 5);
    assert_int_equal(number(&b, 0x2000000 + 0x30, 8), 0x2000000); /* NtTib.Self */
    assert_int_equal(number(&b, 0x300000, 8), 0x7766554433221100);
    assert_int_equal(sc_target_source(b.target)->nnotes, 0);
    done(&b);
}

static uint64_t stored(const struct built *b, size_t at, unsigned width) {
    uint64_t v = 0;
    assert_true(at + width <= b->out.dump.size);
    memcpy(&v, b->out.dump.data + at, width);
    return v;
}

/* As Windows writes it: a reader of the memory list alone finds the stacks, too. */
static void a_stack_is_in_both_lists_and_once_in_the_file(void **state) {
    (void)state;
    struct built b = build("os 19041\ncpu x64\ndump minidump\nmodule app 7ff600000000 +10000\n"
                           "thread 2000000 cid 1234.5678\nregisters rip=7ff600001000 rsp=300000\n"
                           "memory 300000 0011223344556677\nmemory 400000 01\n");
    const struct sc_mdmp_header *h = sc_mdmp_header(sc_target_source(b.target));
    size_t threads = 0, memory = 0, found = 0;
    for (uint32_t i = 0; i < h->nstreams; i++) {
        threads = h->streams[i].type == 3 ? h->streams[i].rva : threads;
        memory = h->streams[i].type == 5 ? h->streams[i].rva : memory;
    }
    assert_true(threads && memory);
    assert_int_equal(stored(&b, threads + 4 + 0x18, 8), 0x300000);
    for (size_t i = 0; i < stored(&b, memory, 4); i++)
        if (stored(&b, memory + 4 + 16 * i, 8) == 0x300000) {
            assert_int_equal(stored(&b, memory + 4 + 16 * i + 8, 8),
                             stored(&b, threads + 4 + 0x20, 8)); /* size and place */
            found++;
        }
    assert_int_equal(found, 1);
    assert_true(stored(&b, memory, 4) >= 2);
    done(&b);
}

/* ---- what cannot be made ---- */

#define USER "os 19041\ncpu x64\ndump minidump\nmodule app 7ff600000000 +10000 image app.exe\n"

static const struct {
    const char *text, *why;
} errors[] = {
    {OS CPU NT, "case: what shall be made? write  dump triage  or  dump minidump"},
    {CPU DUMP NT, "case: which Windows is it? write  os BUILD"},
    {OS DUMP NT, "case: which processor is it? write  cpu x64  or  cpu x86"},
    {OS CPU DUMP, "case: a kernel dump needs its kernel: write  module nt START END"},
    {MACHINE "module drv 1000 2000\n", "case:6: module: drv is there already, in line 5"},
    {MACHINE "module b fffff8800400f000 +1000\n", "case:6: module: b overlaps drv in line 5"},
    {MACHINE "module b 1234 2000\n", "case:6: module: b does not start on a page"},
    {MACHINE "module b fffff88005000000 +10001000\n",
     "case:6: module: b: an image of 10001000 bytes at fffff88005000000 cannot be"},
    {MACHINE "module b fffff88005000000 +1000 image c.sys\n",
     "case:6: module: a debugger calls the file c.sys \"c\", not \"b\""},
    {MACHINE "symbol dvr!X fffff88004000000\n",
     "case:6: no line describes the module dvr: write  module dvr START END"},
    {MACHINE "symbol drv!X fffff88005000000\n",
     "case:6: drv!X would be at fffff88005000000, outside of drv (fffff88004000000 to "
     "fffff88004010000)"},
    {MACHINE "symbol drv!X drv+1000\nsymbol drv!X drv+1004\n",
     "case:7: drv!X would be at fffff88004001004, but line 6 puts it at fffff88004001000"},
    {MACHINE "symbol drv!X drv!Y+10\n",
     "case:6: nothing says where drv!Y is: write  symbol drv!Y ADDRESS"},
    {MACHINE "symbol drv!X drv!Y\nsymbol drv!Y drv!X\n",
     "case:6: nothing says where drv!Y is: write  symbol drv!Y ADDRESS"},
    {MACHINE "symbol drv!X xyz+1\n",
     "case:6: \"xyz\" is no number, symbol (module!name) or module"},
    {MACHINE "symbol drv!X drv++1\n", "case:6: \"drv++1\" is no number, symbol or sum of them"},
    {MACHINE "module q fffff88005000000 +2000 nosymbols\nsymbol q!X q+1000\n",
     "case:7: q has no symbols (line 6), but here is q!X"},
    {MACHINE "struct _KTHRAED fffffa8001000000\n",
     "case:6: build 7601 (x64) has no structure _KTHRAED: did you mean _KTHREAD?"},
    {MACHINE "struct _MY_OWN fffffa8001000000\n",
     "case:6: build 7601 (x64) has no structure _MY_OWN here: give its layout (layout … end)"},
    {MACHINE "struct _KTHREAD fffffa8001000000 KernelAPCDisabled=1\n",
     "case:6: _KTHREAD has no member KernelAPCDisabled in build 7601 (x64): did you mean "
     "KernelApcDisable?"},
    {MACHINE "struct _ETHREAD fffffa8001000000 Tcb.ApcStat.Process=1\n",
     "case:6: _KTHREAD has no member ApcStat in build 7601 (x64): did you mean ApcState?"},
    {MACHINE "struct _ETHREAD fffffa8001000000 Cid.UniqueThread.X=1\n",
     "case:6: _ETHREAD.Cid.UniqueThread.X: *Void is no structure that build 7601 (x64) knows"},
    {MACHINE "struct _KTHREAD fffffa8001000000 KernelApcDisable=10000\n",
     "case:6: KernelApcDisable: 10000 does not fit into its 2 bytes"},
    {MACHINE "struct _EPROCESS fffffa8001000000 DefaultPagePriority=8\n",
     "case:6: DefaultPagePriority: 8 does not fit into its 3 bits"},
    {MACHINE "struct _EPROCESS fffffa8001000000 ImageFileName=\"1234567890123456\"\n",
     "case:6: ImageFileName: \"1234567890123456\" does not fit into its 15 bytes"},
    {MACHINE "struct _EPROCESS fffffa8001000000 ImageFileName=12\n",
     "case:6: ImageFileName is a [15]UChar: name a member or an element of it"},
    {MACHINE "struct _DRIVER_OBJECT fffffa8001000000 MajorFunction[1c]=0\n",
     "case:6: _DRIVER_OBJECT has no member MajorFunction[1c] in build 7601 (x64): did you mean "
     "MajorFunction?"},
    {MACHINE "struct _KTHREAD fffffffffffffff0\n",
     "case:6: _KTHREAD at fffffffffffffff0 runs over the end of the address space"},
    {MACHINE "memory fffffa8001000000 01\nmemory fffffa8001000000 02\n",
     "case:7: the byte at fffffa8001000000 is another one in line 6"},
    {MACHINE "memory fffffa8001000000 012\n",
     "case:6: \"012\": bytes are pairs of hexadecimal digits"},
    {MACHINE "code drv+1000 01\ncode drv+fff 9002\n",
     "case:7: the byte at fffff88004001000 is another one in line 6"},
    {MACHINE "code drv+ffff 0102\n", "case:6: code at fffff8800400ffff runs over the end of drv"},
    {MACHINE "layout _A\nend\n", "case:6: layout: no member stands in the block"},
    {MACHINE "layout _A\n   +0x0 x\nend\n",
     "case:7: this is not \"+0x010 Name : Type\" as dt prints it"},
    {MACHINE "layout _A\n +0x0 x : Uint4B\nend\nlayout _A\n +0x0 x : Uint4B\nend\n",
     "case:9: layout: _A has one in line 6"},
    {MACHINE "process a.exe fffffa8001000000\nprocess b.exe fffffa8001000000\n",
     "case:7: process: one is there already, in line 6"},
    {MACHINE "thread fffffa8001000000\nthread fffffa8001000000\n",
     "case:7: thread: one is there already, in line 6"},
    {MACHINE "processor 2\n", "case:6: processor: there are only 2: write  cpu … count N"},
    {MACHINE "registers eax2=1\n", "case:6: registers: x64 has no register eax2"},
    {MACHINE "registers cs=10000\n", "case:6: registers: cs has 16 bits, not room for 10000"},
    {MACHINE STACK "registers rsp=fffff88002006b18\n",
     "case:12: registers: rsp=fffff88002006b18 is of no frame of the stack in line 6"},
    {MACHINE STACK "registers rsp=fffff88002006b10 rip=fffff88004001235\n",
     "case:12: registers: rip=fffff88004001235, but the frame in line 9 with this stack pointer "
     "stands at fffff88004001234"},
    {MACHINE STACK "symbol drv!Fail drv+2000\n",
     "case:9: drv!Fail would be at fffff88004001200, but line 12 puts it at fffff88004002000"},
    {MACHINE STACK STACK,
     "case:12: stack: the current one stands in line 6: say whose this is (stack thread ADDRESS, "
     "stack user)"},
    {MACHINE "moved drv!F drv+1000\n", "case:6: moved: \"F\" is not name+distance"},
    {MACHINE "moved drv!F+10 drv+1000\n", "case:6: moved: nothing says where drv!F is"},
    {MACHINE "symbol drv!F drv+1000\nmoved drv!F+10 nt+1000\n",
     "case:7: moved: fffff80001601000 lies outside of drv"},
    {MACHINE "fnent srv\nend\n",
     "case:6: no line describes the module srv: write  module srv START END"},
    {MACHINE "fnent drv\nend\n", "case:6: fnent: no function entry stands in the block"},
    {MACHINE "fnent drv\nBeginAddress = 1000\nend\n",
     "case:7: fnent: EndAddress, UnwindInfoAddress and the line with the version must follow"},
    {MACHINE "fnent drv\nBeginAddress = 1000\nEndAddress = 1010\nUnwindInfoAddress = 2000\n"
             "version 1, flags 4, prolog 0, codes 0\nend\n",
     "case:7: fnent: flags 4, and no entry is chained to it"},
    {MACHINE "fnent drv\nBeginAddress = 1000\nEndAddress = 1010\nUnwindInfoAddress = 2000\n"
             "version 1, flags 1, prolog 0, codes 0\nend\n",
     "case:7: fnent: entries with a handler cannot be made"},
    {MACHINE "fnent drv\nBeginAddress = 1000\nEndAddress = 1010\nUnwindInfoAddress = 2000\n"
             "version 1, flags 0, prolog 4, codes 1\nend\n",
     "case:7: fnent: 1 codes, of which 0 are shown"},
    {MACHINE "fnent drv\nBeginAddress = 1000\nEndAddress = 1010\nUnwindInfoAddress = 2000\n"
             "version 1, flags 0, prolog 4, codes 1\n"
             "00: offs 4, unwind op 3, op info 0 UWOP_SET_FPREG.\nend\n",
     "case:11: fnent: operation 3 cannot be made from a listing"},
    {MACHINE "stack\nend\n", "case:6: stack: there is no frame in this listing"},
    {MACHINE "stack\nnothing\nend\n",
     "case:7: stack: \"nothing\" is neither module!name nor an address"},
    {MACHINE "stack\nfffff880`02006b08 fffff880`06001234 nt!A\n"
             "fffff880`02006b10 fffff800`01700010 srv!B+0x34\nend\n",
     "case:8: no line describes the module srv: write  module srv START END"},
    {MACHINE "stack thread fffffa8001000000\n"
             "fffff880`02006b08 00000000`00000000 nt!A\nend\n",
     "case:6: stack: no line describes the thread fffffa8001000000"},
    {MACHINE "thread fffffa8001000000 stack fffff88003007000 fffff88003001000\n" STACK,
     "case:6: thread: the stack in line 7 (fffff88002006b08) does not lie between limit and base"},
    {MACHINE "memory dq\nnothing\nend\n",
     "case:7: memory: no address begins this line of dq: \"nothing\""},
    {MACHINE "code\nnt!F:\nxyz\nend\n", "case:8: code: no address begins this line of u: \"xyz\""},
    {MACHINE STACK "memory fffff88002006b08 00\n",
     "case:12: the byte at fffff88002006b08 is another one in line 6"},
    {MACHINE "line nt+1000 a.c 1\n",
     "case:6: nt has no private symbols: lines and locals need  private  in line 4"},
    {MACHINE "symbol nt!F nt+1000\nlocal nt!F i Uint4B in rbx\n",
     "case:7: nt has no private symbols: lines and locals need  private  in line 4"},
    {MACHINE "local drv!F i Uint4B in rbx\n", "case:6: local: nothing says where drv!F is"},
    {"os 7602\n" CPU DUMP NT, NULL}, /* the text lists the builds */
    {USER "bugcheck 1\n", "case:5: bugcheck: a process has none; write  exception CODE ADDRESS"},
    {USER "verifier 1\n", "case:5: verifier: a user minidump has no level"},
    {USER "processor 0\n", "case:5: processor: a user minidump has no KPRCBs"},
    {USER "thread 10 LastErrorValue=1\n", "case:5: thread: where is its TEB? write  teb ADDRESS"},
    {USER "thread 10\nthread 20\n",
     "case:6: thread: nothing says where it is: write  stack thread 20 … end"},
    {"os 2600\ncpu x86\n" DUMP "module nt 804d7000 806cf000\n" STACK,
     "case:5: stack: this is a listing of a 64-bit machine"},
    {"os 2600\ncpu x86\n" DUMP "module nt 804d7000 806cf000\nmodule b ffff0000 +20000\n",
     "case:5: module: b: an image of 20000 bytes at ffff0000 cannot be"},
    {"os 19041\ncpu arm64\ndump minidump\nmodule app 10000 +10000\n"
     "stack\n00000000`00300000 00000000`00000000 app!Main+0x10\nend\n",
     "case:5: stack: stacks of ARM64 cannot be made to fit yet"},
};

static void complaints(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
        struct forge_output out;
        if (forge_scenario_build("case", errors[i].text, &out, why))
            fail_msg("built: %s", errors[i].text);
        if (errors[i].why)
            assert_string_equal(why, errors[i].why);
    }
    struct forge_output out;
    assert_false(forge_scenario_build("case", "os 7602\n" CPU DUMP NT, &out, why));
    assert_non_null(strstr(why, "case:1: os: "));
    assert_non_null(strstr(why, "7601"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_kernel_dump_has_a_world_in_it),
        cmocka_unit_test(the_same_text_makes_the_same_bytes),
        cmocka_unit_test(members_are_written_through_the_layout),
        cmocka_unit_test(memory_is_where_lines_put_it),
        cmocka_unit_test(the_store_has_what_the_module_lines_say),
        cmocka_unit_test(a_stack_is_in_the_dump),
        cmocka_unit_test(registers_of_an_outer_frame_go_where_unwinding_finds_them),
        cmocka_unit_test(a_waiting_thread_stands_behind_its_switch_frame),
        cmocka_unit_test(two_threads_in_one_function_share_its_unwind_data),
        cmocka_unit_test(the_current_thread_may_stand_on_another_stack),
        cmocka_unit_test(frames_without_columns_lie_on_the_threads_stack),
        cmocka_unit_test(registers_say_where_esp_is_below_ebp),
        cmocka_unit_test(a_process_is_made_too),
        cmocka_unit_test(a_stack_is_in_both_lists_and_once_in_the_file),
        cmocka_unit_test(complaints),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
