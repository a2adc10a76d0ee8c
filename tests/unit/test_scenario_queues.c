/* SPDX-License-Identifier: MIT */
/* Scenarios: DPCs, timers, APCs, work items, interrupts, locks, callbacks, firmware. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "unit/machine_fixture.h"

static char why[FORGE_WHY_MAX];

#define MACHINE                                                                                    \
    "dump full\ncpu x64 count 2 current 1\nram 64M\nuptime 1:00:00.000\n"                          \
    "module nt fffff80001600000 +5ea000\n"                                                         \
    "process System fffffa8001018040 pid 4\nthread fffffa8002789080 cid 4.8\n"                     \
    "thread fffffa8002889080 cid 4.c stack fffff88004006000 fffff88004000000\n"                    \
    "processor 0 fffffa8005000180\nprocessor 1 fffffa8005020180\n"
#define SEVEN "os 7601 sp 1\n"
#define TEN   "os 19041\n"
#define PRCB0 0xfffffa8005000180
#define PRCB1 0xfffffa8005020180
#define A     0xfffffa8002889080
#define Q     0xfffffa8003000000
#define NT    0xfffff80001600000

/* In 7601 and 19041, x64. */
enum {
    DPC_LINK = 8,
    DPC_DATA_7 = 0x2180,
    DPC_DATA_10 = 0x30c0,
    DATA_7 = 0x20,
    TABLE_7 = 0x2200 + 0x200 + 8,
    TABLE_10 = 0x3940 + 0x200 + 8,
    ENTRY = 0x20,
    TIMER_LINK = 0x20,
    TIMER_DPC = 0x30,
    APC_LINK = 0x10,
    APC_STATE_7 = 0x50,
    WORK_QUEUE_7 = 0x58,
    THREADS_7 = 0x30,
    QUEUE_LINK_7 = 0x1c8,
    LOCKS_7 = 0x670,
    OBJECTS_10 = 0x3140,
    IDT = 0x38,
};

#define DPCS                                                                                       \
    "dpc fffffa8003000000 on 0 SystemArgument1=7\ndpc fffffa8003000080 on 0\n"                     \
    "dpc fffffa8003000100 on 1 threaded\ndpc fffffa8003000180\n"

static void dpcs_are_rings_until_8_and_single_lists_later(void **state) {
    (void)state;
    struct built b = build(SEVEN MACHINE DPCS);
    uint64_t head = PRCB0 + DPC_DATA_7;
    assert_int_equal(number(&b, head, 8), Q + DPC_LINK);
    assert_int_equal(number(&b, Q + DPC_LINK, 8), Q + 0x80 + DPC_LINK);
    assert_int_equal(number(&b, Q + 0x80 + DPC_LINK, 8), head);
    assert_int_equal(number(&b, head + 0x18, 4), 2); /* DpcQueueDepth */
    assert_int_equal(number(&b, Q, 1), 0x13);
    assert_int_equal(number(&b, PRCB1 + DPC_DATA_7 + DATA_7, 8), Q + 0x100 + DPC_LINK);
    assert_int_equal(number(&b, Q + 0x100, 1), 0x1a);
    assert_int_equal(number(&b, PRCB1 + DPC_DATA_7, 8), PRCB1 + DPC_DATA_7); /* empty */
    forge_output_free(&b.out);
    b = build(TEN MACHINE DPCS);
    head = PRCB0 + DPC_DATA_10;
    assert_int_equal(number(&b, head, 8), Q + DPC_LINK);
    assert_int_equal(number(&b, Q + 0x80 + DPC_LINK, 8), 0);
    assert_int_equal(number(&b, head + 8, 8), Q + 0x80 + DPC_LINK); /* LastEntry */
    assert_int_equal(number(&b, PRCB1 + DPC_DATA_10 + 8, 8), PRCB1 + DPC_DATA_10);
    forge_output_free(&b.out);
}

static uint64_t swap64(uint64_t v) {
    uint64_t r = 0;
    for (unsigned i = 0; i < 8; i++)
        r = r << 8 | (v >> 8 * i & 0xff);
    return r;
}

/* KTIMER.Dpc of the timer at AT, with the keys that lie at NT+200000. */
static uint64_t shown(const struct built *b, uint64_t at) {
    uint64_t never = number(b, NT + 0x200000, 8), always = number(b, NT + 0x200010, 8);
    uint64_t v = number(b, at + TIMER_DPC, 8) ^ never;
    unsigned by = never & 63;
    v = by ? v << by | v >> (64 - by) : v;
    return swap64(v ^ at) ^ always;
}

#define KEYS                                                                                       \
    "symbol nt!KiWaitNever fffff80001800000 data\nsymbol nt!KiWaitAlways fffff80001800010 data\n"
#define TIMERS                                                                                     \
    KEYS "dpc fffffa8003000000\n"                                                                  \
         "timer fffffa8003001000 due 0:00:01.000 on 1 period 500 dpc fffffa8003000000\n"           \
         "timer fffffa8003001080 due never list 7\n"                                               \
         "timer fffffa8003001100 due 0:00:02.000 on 0 list 9 standard\n"

static void timers_lie_in_the_list_of_their_due_time(void **state) {
    (void)state;
    const uint64_t due = 3601ull * 10000000;
    struct built b = build(SEVEN MACHINE TIMERS);
    uint64_t head = PRCB1 + TABLE_7 + (due >> 18 & 255) * ENTRY;
    assert_int_equal(number(&b, head, 8), Q + 0x1000 + TIMER_LINK);
    assert_int_equal(number(&b, Q + 0x1000 + TIMER_LINK, 8), head);
    assert_int_equal(number(&b, Q + 0x1018, 8), due);
    assert_int_equal(number(&b, Q + 0x103c, 4), 500);
    assert_true(shown(&b, Q + 0x1000) == Q);
    assert_true(shown(&b, Q + 0x1080) == 0);
    assert_int_equal(number(&b, PRCB0 + TABLE_7 + 7 * ENTRY, 8), Q + 0x1080 + TIMER_LINK);
    assert_true(number(&b, Q + 0x1098, 8) == (uint64_t)1 << 63);
    assert_int_equal(number(&b, PRCB0 + TABLE_7 + 9 * ENTRY, 8), Q + 0x1100 + TIMER_LINK);
    assert_int_equal(number(&b, PRCB1 + TABLE_7, 8), PRCB1 + TABLE_7); /* empty, but closed */
    forge_output_free(&b.out);
    b = build(TEN MACHINE TIMERS); /* the second of two tables */
    assert_int_equal(number(&b, PRCB0 + TABLE_10 + 9 * ENTRY, 8), PRCB0 + TABLE_10 + 9 * ENTRY);
    assert_int_equal(number(&b, PRCB0 + TABLE_10 + (256 + 9) * ENTRY, 8), Q + 0x1100 + TIMER_LINK);
    forge_output_free(&b.out);
}

static void a_thread_that_wants_to_be_woken_has_its_timer_there(void **state) {
    (void)state;
    struct built b = build(SEVEN MACHINE KEYS "timer fffffa8003001000 due never\n"
                                              "wait fffffa8002889080 timeout 0:00:05.000\n");
    const uint64_t due = 3605ull * 10000000, timer = A + 0xc0;
    assert_int_equal(number(&b, PRCB0 + TABLE_7 + (due >> 18 & 255) * ENTRY, 8),
                     timer + TIMER_LINK);
    assert_true(shown(&b, timer) == 0);
    forge_output_free(&b.out);
}

static void ordered_timers_are_trees(void **state) {
    (void)state;
    struct built b =
        build(TEN MACHINE
              "symbol nt!KiTimer2Collections fffff80001800000 data\n"
              "timer2 fffffa8003002000 due 0:00:02.000 NoWake=1\n"
              "timer2 fffffa8003002100 due 0:00:01.000 NoWake=1\n"
              "timer2 fffffa8003002200 due 0:00:03.000 latest 0:00:04.000 HighResolution=1\n");
    const uint64_t tree = NT + 0x200000, node = 0x18;
    uint64_t root = number(&b, tree, 8) ^ tree, first = number(&b, tree + 8, 8);
    assert_int_equal(root, Q + 0x2000 + node);
    assert_int_equal(first, (Q + 0x2100 + node) | 1);
    assert_int_equal(number(&b, root, 8), Q + 0x2100 + node); /* left: due earlier */
    assert_int_equal(number(&b, root + 8, 8), 0);
    assert_int_equal(number(&b, tree + 0x18, 8) ^ (tree + 0x18), Q + 0x2200 + node);
    assert_int_equal(number(&b, Q + 0x2282, 2), 0x301); /* trees 1 and 3 */
    assert_int_equal(number(&b, tree + 3 * 0x18, 8) ^ (tree + 3 * 0x18), Q + 0x2230);
    forge_output_free(&b.out);
}

static void special_apcs_come_before_normal_ones(void **state) {
    (void)state;
    struct built b =
        build(SEVEN MACHINE "apc fffffa8003003000 thread fffffa8002889080 NormalRoutine=nt+100\n"
                            "apc fffffa8003003080 thread fffffa8002889080 KernelRoutine=nt+200\n"
                            "apc fffffa8003003100 thread fffffa8002889080 user saved\n");
    uint64_t head = A + APC_STATE_7;
    assert_int_equal(number(&b, head, 8), Q + 0x3080 + APC_LINK);
    assert_int_equal(number(&b, Q + 0x3080 + APC_LINK, 8), Q + 0x3000 + APC_LINK);
    assert_int_equal(number(&b, Q + 0x3000 + APC_LINK, 8), head);
    assert_int_equal(number(&b, head + 0x10, 8), head + 0x10); /* of user mode: none */
    assert_int_equal(number(&b, head + 0x29, 2), 1);           /* KernelApcPending */
    assert_int_equal(number(&b, Q + 0x3008, 8), A);
    assert_int_equal(number(&b, A + 0x240 + 0x10, 8), Q + 0x3100 + APC_LINK);
    assert_int_equal(number(&b, Q + 0x3150, 2), 0x101); /* index and mode */
    forge_output_free(&b.out);
}

static void work_lies_in_queues_of_the_system_or_of_a_partition(void **state) {
    (void)state;
    struct built b =
        build(SEVEN MACHINE "workqueues fffff80001800000\nworker fffffa8002889080 delayed\n"
                            "wait fffffa8002889080 on fffff80001800058 reason WrQueue\n"
                            "workitem fffffa8003004000 delayed Parameter=77\n");
    uint64_t delayed = NT + 0x200000 + WORK_QUEUE_7;
    assert_int_equal(number(&b, delayed + 0x18, 8), Q + 0x4000);
    assert_int_equal(number(&b, Q + 0x4018, 8), 0x77);
    assert_int_equal(number(&b, delayed + THREADS_7, 8), A + QUEUE_LINK_7);
    assert_int_equal(number(&b, delayed + 0x28, 8), (uint64_t)2 << 32); /* none runs, of 2 */
    assert_int_equal(number(&b, delayed + 8, 8), A + 0x108);            /* it waits for the queue */
    forge_output_free(&b.out);
    b = build(TEN MACHINE "symbol nt!PspSystemPartition fffff80001800000 data\n"
                          "symbol nt!PspActivePartitionListHead fffff80001800010 data\n"
                          "workqueues fffffa8003010000\n"
                          "workqueues fffffa8003012000 partition fffffa8003014000\n"
                          "worker fffffa8002889080 critical\nready fffffa8002889080 on 0\n"
                          "workitem fffffa8003004000 hypercritical of fffffa8003012000\n");
    uint64_t system = number(&b, NT + 0x200000, 8), ex = number(&b, system + 0x10, 8);
    uint64_t nodes = number(&b, number(&b, ex + 8, 8), 8);
    assert_int_equal(number(&b, nodes, 8), Q + 0x10000);
    assert_int_equal(number(&b, nodes + 8, 8), Q + 0x102e0);
    assert_int_equal(number(&b, nodes + 16, 8), 0);
    assert_int_equal(number(&b, Q + 0x10000 + 0x218 + 13 * 4, 4), 1); /* runs at 13 */
    assert_int_equal(number(&b, Q + 0x12018 + 15 * 0x10, 8), Q + 0x4000);
    assert_int_equal(number(&b, system + 0x28, 8), Q + 0x14028); /* the next partition */
    forge_output_free(&b.out);
}

/* Where the gate of VECTOR on processor 1 leads. */
static uint64_t gate(const struct built *b, unsigned vector) {
    uint64_t at = number(b, PRCB1 - 0x180 + IDT, 8) + vector * 16;
    return number(b, at, 2) | number(b, at + 6, 2) << 16 | number(b, at + 8, 4) << 32;
}

#define INTERRUPTS                                                                                 \
    "symbol nt!KxUnexpectedInterrupt0 fffff80001800000\nsymbol nt!KiIsrThunk fffff80001802000\n"   \
    "symbol nt!KiNmiInterrupt fffff80001804000\n"                                                  \
    "interrupt 62 fffffa8003008000 on 1\ninterrupt 62 fffffa8003008400 on 1\n"

static void interrupts_are_behind_their_gates(void **state) {
    (void)state;
    struct built b = build(SEVEN MACHINE INTERRUPTS);
    assert_int_equal(gate(&b, 0x62), Q + 0x8090);
    assert_int_equal(gate(&b, 0x63), NT + 0x200630);
    assert_int_equal(gate(&b, 2), NT + 0x204000);
    assert_int_equal(number(&b, Q + 0x8008, 8), Q + 0x8408);
    assert_int_equal(number(&b, Q + 0x8408, 8), Q + 0x8008);
    assert_int_equal(number(&b, Q + 0x8058, 4), 0x62);
    forge_output_free(&b.out);
    b = build(TEN MACHINE INTERRUPTS);
    assert_int_equal(gate(&b, 0x62), NT + 0x202310);
    assert_int_equal(number(&b, PRCB1 + OBJECTS_10 + 0x62 * 8, 8), Q + 0x8000);
    assert_int_equal(number(&b, PRCB0 + OBJECTS_10 + 0x62 * 8, 8), 0);
    forge_output_free(&b.out);
}

static void locks_have_an_owner_and_those_who_wait(void **state) {
    (void)state;
    struct built b = build(SEVEN MACHINE "queuedlock 9 fffffa8003009000 owner 1 waits 0\n");
    const uint64_t owner = PRCB1 + LOCKS_7 + 9 * 16, waits = PRCB0 + LOCKS_7 + 9 * 16;
    assert_int_equal(number(&b, owner + 8, 8), (Q + 0x9000) | 2);
    assert_int_equal(number(&b, owner, 8), waits);
    assert_int_equal(number(&b, waits + 8, 8), (Q + 0x9000) | 1);
    assert_int_equal(number(&b, Q + 0x9000, 8), waits);
    forge_output_free(&b.out);
}

static void callbacks_firmware_and_secondary_data_are_there(void **state) {
    (void)state;
    static const char *const names[] = {"PhysicalAddress fffff80001801000",
                                        "Length fffff80001801010"};
    char text[2048];
    snprintf(text, sizeof text,
             SEVEN MACHINE "symbol nt!KeBugCheckCallbackListHead fffff80001800000 data\n"
                           "symbol nt!WmipSMBiosTable%s data\nsymbol nt!WmipSMBiosTable%s data\n"
                           "callback fffffa800300a000 drv buffer fffffa800300a100 20 state 2\n"
                           "memory fffffa800300b010 \"table\"\n"
                           "smbios fffffa800300b010 5 version 2.3 dmi 35\n"
                           "secondary {00112233-4455-6677-8899-AABBCCDDEEFF} \"kept\"\n",
             names[0], names[1]);
    struct built b = build(text);
    struct forge_bytes bytes;
    assert_int_equal(number(&b, NT + 0x200000, 8), Q + 0xa000);
    assert_int_equal(number(&b, Q + 0xa018, 8), Q + 0xa100);
    assert_int_equal(number(&b, Q + 0xa020, 4), 0x20);
    assert_int_equal(number(&b, Q + 0xa038, 1), 2);
    struct forge_mapping m;
    assert_true(forge_mmu_find(b.mmu, b.current, Q + 0xb010, &m));
    assert_int_equal(number(&b, NT + 0x201000, 8), m.pa);
    assert_int_equal(number(&b, NT + 0x201010, 4), 5);
    assert_true(forge_output_bytes(&b.out, &bytes, why));
    const uint8_t *end = bytes.data + bytes.size;
    assert_memory_equal(end - 4, "kept", 4);
    assert_memory_equal(end - 4 - 0x20 - 0x10, "DumpBlob", 8);
    forge_bytes_free(&bytes);
    forge_output_free(&b.out);
}

static void what_cannot_be_is_said(void **state) {
    (void)state;
    static const struct {
        const char *text, *why;
    } wrong[] = {
        {"dpc 10 on 7\n", "dpc: there are only 2 processors"},
        {"dpc 10\ndpc 10\n", "dpc: line 12 has 10 already"},
        {"timer fffffa8003001000\n", "timer: when does it expire? write  due 0:00:30.000"},
        {"timer fffffa8003001000 due soon\n", "\"soon\" is no duration"},
        {"timer fffffa8003001000 due never list 256\n", "lists are 0 to 255"},
        {"timer2 fffffa8003001000 due never\n", "timer2: build 7601 has no _KTIMER2"},
        {"apc fffffa8003001000\n", "apc: whose is it? write  thread ADDRESS"},
        {"apc fffffa8003001000 thread 77\n", "apc: no line describes the thread 77"},
        {"workitem fffffa8003001000 delayed\n", "workitem: no line describes its queues"},
        {"worker fffffa8002889080 lazy\n", "which queue? write  critical, delayed"},
        {"workqueues fffffa8003001000\n", "until 7 they lie in the kernel's image"},
        {"workqueues fffff80001800000\nworker fffffa8002889080 io\n", "has no such queue"},
        {"interrupt 100 fffffa8003001000\n", "vectors are 0 to ff"},
        {"interrupt 50 fffffa8003001000 on 2\n", "interrupt: there are only 2 processors"},
        {"queuedlock 16 fffffa8003001000\n", "locks are 0 to 15"},
        {"queuedlock 1 fffffa8003001000 waits 3\n", "queuedlock: there are only 2 processors"},
        {"smbios fffffa8003001000 5\n", "smbios: there is no memory at fffffa8003001000"},
        {"smbios fffffa8003001ff0 20\n", "smbios: the table must lie in one page"},
        {"smbios fffffa8003001000 5 version 3\n", "\"3\" is no version: write 2.3"},
        {"secondary here 00\n", "\"here\" is no GUID"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        char text[2048];
        snprintf(text, sizeof text, "%s%s", SEVEN MACHINE, wrong[i].text);
        fails(text, wrong[i].why);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dpcs_are_rings_until_8_and_single_lists_later),
        cmocka_unit_test(timers_lie_in_the_list_of_their_due_time),
        cmocka_unit_test(a_thread_that_wants_to_be_woken_has_its_timer_there),
        cmocka_unit_test(ordered_timers_are_trees),
        cmocka_unit_test(special_apcs_come_before_normal_ones),
        cmocka_unit_test(work_lies_in_queues_of_the_system_or_of_a_partition),
        cmocka_unit_test(interrupts_are_behind_their_gates),
        cmocka_unit_test(locks_have_an_owner_and_those_who_wait),
        cmocka_unit_test(callbacks_firmware_and_secondary_data_are_there),
        cmocka_unit_test(what_cannot_be_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
