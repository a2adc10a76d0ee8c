/* SPDX-License-Identifier: MIT */
/* Scenarios: who runs, who is next, ready or waits; requests and stacks that were left. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "unit/machine_fixture.h"

#define MACHINE                                                                                    \
    "dump full\ncpu x64 count 3 current 1\nram 64M\nuptime 1:00:00.000\n"                          \
    "module nt fffff80001600000 +5ea000\n"                                                         \
    "process System fffffa8001018040 pid 4\nprocess app.exe fffffa8002345080 pid 9a4\n"            \
    "thread fffffa8002789080 cid 4.8\n"                                                            \
    "thread fffffa8002889080 cid 4.c stack fffff88004006000 fffff88004000000\n"                    \
    "thread fffffa8002989080 cid 4.10 stack fffff88004016000 fffff88004010000\n"
#define SEVEN "os 7601 sp 1\n"
#define TEN   "os 19041\n"
#define A     0xfffffa8002889080
#define B     0xfffffa8002989080
#define EVENT 0xfffffa8003000000

/* Of KTHREAD in 7601 and 19041, x64. */
enum {
    STATE_7 = 0x164,
    REASON_7 = 0x26b,
    LIST_7 = 0x98,
    BLOCK_7 = 0x108,
    TIMER_7 = 0xc0,
    LINK_7 = 0xa0,
    INIT = 0x28,
    LIST_10 = 0xd0,
    BLOCK_10 = 0x140,
    COUNT_10 = 0x24b,
    LINK_10 = 0xd8,
    NEXT_10 = 0x218,
};

static void a_wait_is_a_ring_with_its_timer_until_windows_7(void **state) {
    (void)state;
    struct built b =
        build(SEVEN MACHINE "struct _KEVENT fffffa8003000000 Header.Type=1\n"
                            "wait fffffa8002889080 on fffffa8003000000 user timeout 0:00:01.000\n"
                            "wait fffffa8002989080 on fffffa8003000000 reason WrLpcReply\n");
    assert_int_equal(number(&b, A + STATE_7, 1), 5);
    assert_int_equal(number(&b, A + REASON_7, 1), 6);
    assert_int_equal(number(&b, B + REASON_7, 1), 0x11);
    uint64_t block = A + BLOCK_7, timer = A + BLOCK_7 + 3 * 0x30;
    assert_int_equal(number(&b, A + LIST_7, 8), block);
    assert_int_equal(number(&b, block + 0x10, 8), A);
    assert_int_equal(number(&b, block + 0x18, 8), EVENT);
    assert_int_equal(number(&b, block + 0x20, 8), timer);
    assert_int_equal(number(&b, timer + 0x18, 8), A + TIMER_7);
    assert_int_equal(number(&b, timer + 0x20, 8), block);
    assert_int_equal(number(&b, A + TIMER_7, 1), 8);
    assert_int_equal(number(&b, A + TIMER_7 + 0x18, 8), 36010000000);
    /* Both wait in the event's list. */
    assert_int_equal(number(&b, EVENT + 8, 8), block);
    assert_int_equal(number(&b, block, 8), B + BLOCK_7);
    assert_int_equal(number(&b, B + BLOCK_7, 8), EVENT + 8);
    assert_int_equal(number(&b, B + BLOCK_7 + 0x20, 8), B + BLOCK_7);
    forge_output_free(&b.out);
}

static void waits_are_counted_since_windows_8_and_a_delay_has_no_object(void **state) {
    (void)state;
    struct built b =
        build(TEN MACHINE "wait fffffa8002889080 on fffffa8003000000 on fffffa8003000040 "
                          "on fffffa8003000080 on fffffa80030000c0 on fffffa8003000100 all\n"
                          "memory fffffa8003000000 00\n"
                          "wait fffffa8002989080 timeout 0:00:01.000\n");
    uint64_t blocks = number(&b, A + LIST_10, 8);
    assert_int_equal(number(&b, A + COUNT_10, 1), 5);
    assert_int_not_equal(blocks, A + BLOCK_10); /* the thread has room for three and its timer */
    for (unsigned i = 0; i < 5; i++) {
        assert_int_equal(number(&b, blocks + i * 0x30 + 0x20, 8), EVENT + i * 0x40);
        assert_int_equal(number(&b, blocks + i * 0x30 + 0x10, 1), 0); /* WaitAll */
        assert_int_equal(number(&b, EVENT + i * 0x40 + 8, 8), blocks + i * 0x30);
    }
    assert_int_equal(number(&b, B + LIST_10, 8), B + BLOCK_10);
    assert_int_equal(number(&b, B + COUNT_10, 1), 1);
    assert_int_equal(number(&b, B + BLOCK_10 + 0x20, 8), UINT64_MAX);
    forge_output_free(&b.out);
}

static void ready_threads_lie_in_lists_of_their_processor_or_a_shared_one(void **state) {
    (void)state;
    struct built b = build(
        SEVEN MACHINE "processor 2 fffffa8004000180\n"
                      "ready fffffa8002889080 on 2 priority 12\nready fffffa8002989080 on 2\n");
    uint64_t prcb = 0xfffffa8004000180, heads = prcb + 0x4500;
    assert_int_equal(number(&b, prcb + 0x4498, 4), 1 << 12 | 1 << 8);
    assert_int_equal(number(&b, heads + 12 * 16, 8), A + LINK_7);
    assert_int_equal(number(&b, heads + 8 * 16, 8), B + LINK_7);
    assert_int_equal(number(&b, heads + 9 * 16, 8), heads + 9 * 16);
    assert_int_equal(number(&b, A + STATE_7, 1), 1);
    forge_output_free(&b.out);
    b = build(TEN MACHINE "processor 2 fffffa8004000180\n"
                          "ready fffffa8002889080 on 2 shared\nready fffffa8002989080 on 2\n");
    uint64_t shared = number(&b, prcb + 0x8448, 8);
    assert_int_equal(number(&b, shared + 8, 4), 1 << 8);
    assert_int_equal(number(&b, shared + 0x10 + 8 * 16, 8), A + LINK_10);
    assert_int_equal(number(&b, shared + 0x258, 8), 7);
    assert_int_equal(number(&b, A + NEXT_10, 4), 0x80000002);
    assert_int_equal(number(&b, prcb + 0x7c80 + 8 * 16, 8), B + LINK_10);
    forge_output_free(&b.out);
}

static void a_thread_runs_where_its_stack_says(void **state) {
    (void)state;
    struct built b =
        build(SEVEN MACHINE "processor 2 fffffa8004000180\n"
                            "run fffffa8002889080 on 2\nstandby fffffa8002989080 on 2\n"
                            "stack thread fffffa8002889080\n"
                            "Child-SP          RetAddr           Call Site\n"
                            "fffff880`04005e00 fffff800`01700010 nt!Spin+0x10\n"
                            "fffff880`04005e40 00000000`00000000 nt!Run+0x10\n"
                            "end\nsymbol nt!Spin fffff80001701000\n");
    uint64_t prcb = 0xfffffa8004000180, context = number(&b, prcb + 0x4bd8, 8);
    assert_int_equal(number(&b, prcb + 8, 8), A);
    assert_int_equal(number(&b, prcb + 0x10, 8), B);
    assert_int_equal(number(&b, A + STATE_7, 1), 2);
    assert_int_equal(number(&b, B + STATE_7, 1), 3);
    assert_int_equal(number(&b, context + 0x98, 8), 0xfffff88004005e00); /* rsp */
    assert_int_equal(number(&b, context + 0xf8, 8), 0xfffff80001701010); /* rip */
    forge_output_free(&b.out);
}

static void requests_lie_in_the_list_of_their_thread(void **state) {
    (void)state;
    struct built b = build(SEVEN MACHINE "irp fffffa8003100000 thread fffffa8002889080 Flags=884\n"
                                         "irp fffffa8003101000 thread fffffa8002889080\n");
    assert_int_equal(number(&b, 0xfffffa8003100000, 2), 6);
    assert_int_equal(number(&b, 0xfffffa8003100002, 2), 0xd0);
    assert_int_equal(number(&b, 0xfffffa8003100010, 4), 0x884);
    uint64_t link = number(&b, 0xfffffa8003100020, 8);
    assert_int_equal(link, 0xfffffa8003101020);
    assert_int_equal(number(&b, number(&b, link, 8), 8), 0xfffffa8003100020);
    forge_output_free(&b.out);
}

static void a_stack_knows_the_one_that_was_left(void **state) {
    (void)state;
    static const char text[] =
        "thread fffffa8002a89080 cid 4.14 stack fffff88005012000 fffff88005000000 "
        "fffff88005011db0 fffff88005011800\n"
        "segment fffffa8002a89080 fffff88004026000 fffff88004020000 fffff88004025fb0 "
        "fffff88004025800\n";
    char all[4096];
    snprintf(all, sizeof all, "%s%s", SEVEN MACHINE, text);
    struct built b = build(all);
    uint64_t control = number(&b, 0xfffffa8002a89080 + INIT, 8);
    assert_int_equal(number(&b, control + 0x28, 8), 0xfffff88004026000);
    assert_int_equal(number(&b, control + 0x28 + 0x18, 8), 0xfffff88004025fb0);
    forge_output_free(&b.out);
    snprintf(all, sizeof all, "%s%s", TEN MACHINE, text);
    b = build(all);
    assert_int_equal(number(&b, control + 8, 8), 0xfffff88005000001); /* StackExpansion */
    assert_int_equal(number(&b, control + 0x10 + 8, 8), 0xfffff88004020000);
    forge_output_free(&b.out);
}

static void members_may_have_several_names(void **state) {
    (void)state;
    struct built b = build(TEN MACHINE "struct _EPROCESS fffffa8002345080 "
                                       "QuotaUsage[0]|ProcessQuotaUsage[0]=77 Nothing|=1\n");
    assert_int_equal(number(&b, 0xfffffa8002345080 + 0x470, 8), 0x77);
    forge_output_free(&b.out);
    fails(TEN MACHINE "struct _EPROCESS fffffa8002345080 Nothing|Nobody=1\n",
          "case:12: _EPROCESS has no member Nothing|Nobody in build 19041");
}

static void what_cannot_be_is_said(void **state) {
    (void)state;
    static const struct {
        const char *text, *why;
    } wrong[] = {
        {"run fffffa8002889080\n", "run: which processor? write  on N"},
        {"run fffffa8002889080 on 3\n", "run: there are only 3 processors"},
        {"run fffffa8002889080 on 1\n", "run: on processor 1 the current thread runs"},
        {"run fffffa8002889080 on 2\n", "run: no stack shows where the thread"},
        {"standby fffffa8002889080 on 0\nstandby fffffa8002989080 on 0\n",
         "standby: line 12 has another thread for processor 0"},
        {"ready fffffa8002889999 on 0\n", "ready: no line describes the thread fffffa8002889999"},
        {"ready fffffa8002889080 priority 32\n", "priority: 32 is more than 31"},
        {"ready fffffa8002889080 shared\n", "ready: processors of build 7601 share no queue"},
        {"wait fffffa8002889080\nready fffffa8002889080\n", "stands in line 12 already"},
        {"wait fffffa8002889080 reason Boredom\n", "\"Boredom\" is no reason"},
        {"wait fffffa8002889080 timeout soon\n", "\"soon\" is no duration"},
        {"wait fffffa8002889080 suspended 200\n", "suspended up to 127"},
        {"irp fffffa8003100000\n", "irp: whose is it? write  thread ADDRESS"},
        {"irp fffffa8003100000 thread fffffa8003100000\n", "irp: no line describes the thread"},
        {"segment fffffa8002889080 10 20 8 8\n", "the base 10 must lie above the limit 20"},
        {"segment fffffa8002889080 fffff88004026000 fffff88004020000 fffff88004025fb0 "
         "fffff88004025800\n",
         "segment: no line gives the stack of the thread"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        char text[2048];
        snprintf(text, sizeof text, "%s%s", SEVEN MACHINE, wrong[i].text);
        fails(text, wrong[i].why);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_wait_is_a_ring_with_its_timer_until_windows_7),
        cmocka_unit_test(waits_are_counted_since_windows_8_and_a_delay_has_no_object),
        cmocka_unit_test(ready_threads_lie_in_lists_of_their_processor_or_a_shared_one),
        cmocka_unit_test(a_thread_runs_where_its_stack_says),
        cmocka_unit_test(requests_lie_in_the_list_of_their_thread),
        cmocka_unit_test(a_stack_knows_the_one_that_was_left),
        cmocka_unit_test(members_may_have_several_names),
        cmocka_unit_test(what_cannot_be_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
