/* SPDX-License-Identifier: MIT */
/*
 * Threads that wait for each other's resources, and what looks like it: a queue behind one owner, a
 * ring that one of its threads does not wait in. Waiters are kept in three ways, by build; a thread
 * that waits for what it owns under an address is seen in each of them.
 */
#include "unit/blame_fixture.h"

/* ---- machines ---- */

enum { MACHINE_MAX = 16384 };
struct machine {
    char text[MACHINE_MAX];
    size_t len;
    enum blame_ways { SEMAPHORES, CHAIN, LINKED, CHAINS } way;
    int build;
    unsigned nresources;
};

__attribute__((format(printf, 2, 3))) static void add(struct machine *m, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(m->text + m->len, sizeof m->text - m->len, fmt, ap);
    va_end(ap);
    assert_true(n > 0 && (size_t)n < sizeof m->text - m->len);
    m->len += (size_t)n;
}

#define LIST        0xfffff800024cf010ull
#define RESOURCE(i) (0xfffffa8011000000ull + (i)*0x1000)
#define THREAD(i)   (0xfffffa8016000080ull + (i)*0x1000)
#define BLOCK(i)    (0xfffffa8012000000ull + (i)*0x1000)
#define OBJECT(i)   (0xfffffa8013000000ull + (i)*0x1000)
#define BASE(i)     (0xfffff88007fac000ull + (i)*0x100000)
#define CURRENT(i)  (BASE(i) - 0xc60)
#define ON_STACK(i) (BASE(i) - 0x80d)
#define NOBODY      0x7fffffffu
enum { READY = 1, WAITS = 5 };
#define HUNG "9e fffffa800cd6a5f0 3c 0 0"

static struct machine machine(int build, enum blame_ways way, const char *bugcheck) {
    struct machine m = {.way = way, .build = build};
    add(&m,
        "dump triage\nos %d\ncpu x64 count 2 current 0\nbugcheck %s\n"
        "module nt fffff800`0220f000 +5ea000 image ntkrnlmp.exe\n"
        "module contoso fffff880`01400000 +26000\nmodule fabrikam fffff880`01500000 +26000\n"
        "process System fffffa800cd6a5f0 pid 4\n"
        "thread fffffa8015000080 cid 4.8 stack fffff88006fac000 fffff88006fa6000\n"
        "stack\nChild-SP RetAddr Call Site\nfffff88006fabd08 0000000000000000 "
        "nt!KeBugCheckEx\nend\n"
        "symbol nt!ExpSystemResourcesList nt+2c0010 size 10 data\n",
        build, bugcheck);
    return m;
}

/* Thread I waits in the driver. */
static void thread(struct machine *m, unsigned i, const char *driver, unsigned state) {
    uint64_t sp = CURRENT(i) + 0x40;
    add(m,
        "thread %llx cid 4.%x stack %llx %llx %llx %llx Tcb.State=%x Tcb.WaitReason=1b\n"
        "stack thread %llx\nChild-SP RetAddr Call Site\n"
        "%llx fffff8000228da52 nt!KiSwapContext+0x7a\n"
        "%llx fffff8000224ec9e nt!KeWaitForSingleObject+0x1d2\n"
        "%llx fffff800022ad98c nt!ExpWaitForResource+0xae\n"
        "%llx fffff8800%s0fc10 nt!ExAcquireResourceSharedLite+0x1bc\n"
        "%llx fffff80002264866 %s!Take+0x40\n"
        "%llx 0000000000000000 nt!KxStartSystemThread+0x16\nend\n",
        (unsigned long long)THREAD(i), 0x100 + 4 * i, (unsigned long long)BASE(i),
        (unsigned long long)BASE(i) - 0x6000, (unsigned long long)BASE(i) - 0x250,
        (unsigned long long)CURRENT(i), state, (unsigned long long)THREAD(i),
        (unsigned long long)sp, (unsigned long long)sp + 0x140, (unsigned long long)sp + 0x270,
        (unsigned long long)sp + 0x2e0, !strcmp(driver, "contoso") ? "14" : "15",
        (unsigned long long)sp + 0x340, driver, (unsigned long long)sp + 0x9a0);
}

/* Thread WAITER's wait block, in the list of the object at OBJECT. */
static void block(struct machine *m, unsigned waiter, uint64_t object) {
    add(m,
        "struct _KWAIT_BLOCK %llx Thread=%llx Object=%llx WaitListEntry.Flink=%llx "
        "WaitListEntry.Blink=%llx\n",
        (unsigned long long)BLOCK(waiter), (unsigned long long)THREAD(waiter),
        (unsigned long long)object, (unsigned long long)object + 8, (unsigned long long)object + 8);
}

static void object(struct machine *m, uint64_t at, unsigned type, unsigned waiter) {
    add(m,
        "struct _DISPATCHER_HEADER %llx Type=%x WaitListHead.Flink=%llx WaitListHead.Blink=%llx\n",
        (unsigned long long)at, type, (unsigned long long)BLOCK(waiter),
        (unsigned long long)BLOCK(waiter));
    block(m, waiter, at);
}

/* The entry of the waiter in a chain of which it is the only one. */
static uint64_t entry(struct machine *m, unsigned waiter) {
    static const unsigned event[] = {[CHAIN] = 8, [LINKED] = 0x10, [CHAINS] = 0x18};
    uint64_t at = OBJECT(waiter);
    if (m->way == CHAIN)
        add(m, "struct _SINGLE_LIST_ENTRY %llx Next=0\n", (unsigned long long)at);
    else
        add(m, "struct _LIST_ENTRY %llx Flink=%llx Blink=%llx\n", (unsigned long long)at,
            (unsigned long long)at, (unsigned long long)at);
    object(m, at + event[m->way], 1, waiter);
    return at;
}

/* A resource that OWNER has, and for which WAITER waits. */
static void resource(struct machine *m, uint64_t owner, bool exclusive, unsigned waiter,
                     bool shared) {
    unsigned i = m->nresources++;
    bool chained = shared ? m->way != SEMAPHORES : m->way == CHAINS;
    uint64_t wait = 0;
    if (waiter != NOBODY && chained)
        wait = entry(m, waiter);
    else if (waiter != NOBODY)
        object(m, wait = OBJECT(waiter), shared ? 5 : 1, waiter);
    add(m,
        "struct _ERESOURCE %llx SystemResourcesList.Flink=%llx ActiveCount=1 Flag=%x "
        "OwnerEntry.OwnerThread=%llx %s=%llx\n",
        (unsigned long long)RESOURCE(i), (unsigned long long)RESOURCE(i + 1), exclusive ? 0x80 : 0,
        (unsigned long long)owner,
        m->way == CHAIN && shared ? "SharedWaiters.Head.Next"
        : shared                  ? "SharedWaiters"
                                  : "ExclusiveWaiters",
        (unsigned long long)wait);
}

static struct blamed judge(void **state, struct machine *m) {
    add(m, "struct _LIST_ENTRY %llx Flink=%llx\n", (unsigned long long)LIST,
        (unsigned long long)RESOURCE(0));
    add(m, "struct _LIST_ENTRY %llx Flink=%llx\n", (unsigned long long)RESOURCE(m->nresources),
        (unsigned long long)LIST);
    return blame(*state, m->text, WITH_SYMBOLS);
}

static const struct {
    int build;
    enum blame_ways way;
} ways[] = {{7601, SEMAPHORES}, {9600, SEMAPHORES}, {10240, SEMAPHORES},
            {14393, CHAIN},     {16299, LINKED},    {17134, LINKED},
            {17763, CHAINS},    {19041, CHAINS},    {22000, CHAINS}};
enum { WAYS = sizeof ways / sizeof *ways };

/* ---- rings ---- */

static void two_threads_that_took_two_resources_in_two_orders_are_found(void **state) {
    for (size_t i = 0; i < WAYS; i++) {
        struct machine m = machine(ways[i].build, ways[i].way, HUNG);
        thread(&m, 0, "contoso", WAITS);
        thread(&m, 1, "fabrikam", WAITS);
        resource(&m, THREAD(0), true, 1, false);
        resource(&m, THREAD(1), true, 0, true);
        struct blamed b = judge(state, &m);
        const struct sc_finding *f = by_rule(&b, "deadlock");
        if (!f)
            fail_msg("build %d: no ring is seen", ways[i].build);
        assert_ptr_equal(f, &b.a->findings[0]);
        assert_null(f->module);
        assert_int_equal(f->confidence, SC_LIKELY);
        assert_non_null(strstr(f->summary, "2 threads wait for each other's resources"));
        assert_true(says(f, false,
                         "The resource at fffffa80`11000000: thread 4.104 of System waits for "
                         "it, to have it exclusively."));
        assert_true(says(f, false, "It is owned by thread 4.100 of System, exclusively."));
        assert_true(says(f, false,
                         "The resource at fffffa80`11001000: thread 4.100 of System waits for "
                         "it, to have it shared."));
        assert_true(says(f, false, "It is owned by thread 4.104 of System, exclusively."));
        assert_true(says(f, false, "acquired by contoso!Take+0x40"));
        assert_true(says(f, false, "acquired by fabrikam!Take+0x40"));
        assert_null(by_rule(&b, "self-deadlock"));
        blamed_free(&b);
    }
}

static void a_driver_that_acquires_everywhere_is_named(void **state) {
    struct machine m = machine(19041, CHAINS, HUNG);
    thread(&m, 0, "contoso", WAITS);
    thread(&m, 1, "contoso", WAITS);
    thread(&m, 2, "contoso", WAITS);
    resource(&m, THREAD(0), true, 1, false);
    resource(&m, THREAD(1), true, 2, false);
    resource(&m, THREAD(2), false, 0, false);
    struct blamed b = judge(state, &m);
    blames(&b, 0, "deadlock", "contoso", SC_LIKELY);
    assert_non_null(strstr(b.a->findings[0].summary, "3 threads"));
    blamed_free(&b);
}

/* The twin: one of them owns, but waits for nothing. */
static void a_queue_behind_one_owner_is_no_deadlock(void **state) {
    for (size_t i = 0; i < WAYS; i++) {
        struct machine m = machine(ways[i].build, ways[i].way, HUNG);
        thread(&m, 0, "contoso", WAITS);
        thread(&m, 1, "fabrikam", WAITS);
        resource(&m, THREAD(0), true, 1, false);
        resource(&m, THREAD(1), true, NOBODY, true);
        struct blamed b = judge(state, &m);
        assert_null(by_rule(&b, "deadlock"));
        blamed_free(&b);
    }
}

/* Its wait was satisfied: the block still lies there, but the thread is ready to run. */
static void who_does_not_wait_any_more_breaks_the_ring(void **state) {
    struct machine m = machine(7601, SEMAPHORES, HUNG);
    thread(&m, 0, "contoso", WAITS);
    thread(&m, 1, "fabrikam", READY);
    resource(&m, THREAD(0), true, 1, false);
    resource(&m, THREAD(1), true, 0, false);
    struct blamed b = judge(state, &m);
    assert_null(by_rule(&b, "deadlock"));
    blamed_free(&b);
}

static void a_ring_is_found_through_an_owner_that_is_an_address(void **state) {
    struct machine m = machine(7601, SEMAPHORES, HUNG);
    thread(&m, 0, "contoso", WAITS);
    thread(&m, 1, "fabrikam", WAITS);
    resource(&m, ON_STACK(0), true, 1, false);
    resource(&m, THREAD(1), true, 0, false);
    struct blamed b = judge(state, &m);
    const struct sc_finding *f = by_rule(&b, "deadlock");
    assert_non_null(f);
    assert_true(says(f, false, "as the address fffff880`07fab7f0 on the stack of thread 4.100"));
    blamed_free(&b);
}

static void sharing_and_wanting_it_alone_is_a_deadlock_on_oneself(void **state) {
    struct machine m = machine(7601, SEMAPHORES, HUNG);
    thread(&m, 0, "contoso", WAITS);
    resource(&m, THREAD(0), false, 0, false);
    struct blamed b = judge(state, &m);
    blames(&b, 0, "deadlock", "contoso", SC_LIKELY);
    assert_non_null(strstr(b.a->findings[0].summary, "shares a resource and waits to have it "
                                                     "alone"));
    blamed_free(&b);
}

/* The kernel gives it again to who has it exclusively: such a wait cannot be. */
static void who_has_it_exclusively_does_not_wait_for_it(void **state) {
    struct machine m = machine(7601, SEMAPHORES, HUNG);
    thread(&m, 0, "contoso", WAITS);
    resource(&m, THREAD(0), true, 0, true);
    struct blamed b = judge(state, &m);
    assert_null(by_rule(&b, "deadlock"));
    blamed_free(&b);
}

static void in_another_stop_a_ring_is_a_mention(void **state) {
    struct machine m = machine(7601, SEMAPHORES, "d1 28 2 0 contoso!Take+40");
    thread(&m, 0, "contoso", WAITS);
    thread(&m, 1, "fabrikam", WAITS);
    resource(&m, THREAD(0), true, 1, false);
    resource(&m, THREAD(1), true, 0, false);
    struct blamed b = judge(state, &m);
    assert_string_not_equal(b.a->findings[0].rule, "deadlock");
    assert_int_equal(by_rule(&b, "deadlock")->confidence, SC_POSSIBLE);
    blamed_free(&b);
}

/* ---- one thread, two names: in every build's way ---- */

static void a_deadlock_on_oneself_is_seen_in_every_build(void **state) {
    for (size_t i = 0; i < 2 * WAYS; i++) {
        struct machine m = machine(ways[i / 2].build, ways[i / 2].way, HUNG);
        thread(&m, 0, "contoso", WAITS);
        resource(&m, ON_STACK(0), true, 0, i & 1);
        struct blamed b = judge(state, &m);
        const struct sc_finding *f = by_rule(&b, "self-deadlock");
        if (!f)
            fail_msg("build %d: nothing is seen", ways[i / 2].build);
        assert_non_null(f->module);
        assert_string_equal(f->module->name, "contoso");
        assert_int_equal(f->confidence, SC_LIKELY);
        assert_true(says(f, false, i & 1 ? "to have it shared" : "to have it exclusively"));
        assert_null(by_rule(&b, "deadlock"));
        blamed_free(&b);
    }
}

/* ---- lies ---- */

static void chains_that_lie_end_without_a_finding(void **state) {
    static const uint64_t next[] = {0xfffffa8013000000, 8, 0xfffffa8013000004, 0x123456789,
                                    0xfffffa80deadbee0};
    for (size_t i = 0; i < sizeof next / sizeof *next; i++) {
        struct machine m = machine(19041, CHAINS, HUNG);
        thread(&m, 0, "contoso", WAITS);
        add(&m, "struct _LIST_ENTRY fffffa8013000000 Flink=%llx\n", (unsigned long long)next[i]);
        add(&m,
            "struct _ERESOURCE %llx SystemResourcesList.Flink=%llx Flag=80 "
            "OwnerEntry.OwnerThread=%llx SharedWaiters=%llx ExclusiveWaiters=fffffa8013000000 "
            "OwnerTable=%llx\n",
            (unsigned long long)RESOURCE(0), (unsigned long long)RESOURCE(1),
            (unsigned long long)ON_STACK(0), (unsigned long long)next[i],
            (unsigned long long)next[i]);
        m.nresources = 1;
        struct blamed b = judge(state, &m);
        assert_null(by_rule(&b, "deadlock"));
        assert_null(by_rule(&b, "self-deadlock"));
        blamed_free(&b);
    }
}

/* More owners than there can be are not asked for. */
static void a_table_of_owners_is_bounded(void **state) {
    struct machine m = machine(7601, SEMAPHORES, HUNG);
    thread(&m, 0, "contoso", WAITS);
    thread(&m, 1, "fabrikam", WAITS);
    resource(&m, 0, false, 1, false);
    resource(&m, THREAD(1), true, 0, false);
    add(&m, "struct _OWNER_ENTRY fffffa8014000000 TableSize=ffffffff\n");
    add(&m, "struct _OWNER_ENTRY fffffa8014000010 OwnerThread=%llx OwnerCount=1\n",
        (unsigned long long)THREAD(0));
    char *at = strstr(m.text, "OwnerEntry.OwnerThread=0 ");
    assert_non_null(at);
    char rest[MACHINE_MAX];
    snprintf(rest, sizeof rest, "%s", at + strlen("OwnerEntry.OwnerThread=0"));
    m.len = (size_t)(at - m.text);
    add(&m, "OwnerTable=fffffa8014000000%s", rest);
    struct blamed b = judge(state, &m);
    assert_non_null(by_rule(&b, "deadlock")); /* the one that is there is found */
    blamed_free(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_threads_that_took_two_resources_in_two_orders_are_found),
        cmocka_unit_test(a_driver_that_acquires_everywhere_is_named),
        cmocka_unit_test(a_queue_behind_one_owner_is_no_deadlock),
        cmocka_unit_test(who_does_not_wait_any_more_breaks_the_ring),
        cmocka_unit_test(a_ring_is_found_through_an_owner_that_is_an_address),
        cmocka_unit_test(sharing_and_wanting_it_alone_is_a_deadlock_on_oneself),
        cmocka_unit_test(who_has_it_exclusively_does_not_wait_for_it),
        cmocka_unit_test(in_another_stop_a_ring_is_a_mention),
        cmocka_unit_test(a_deadlock_on_oneself_is_seen_in_every_build),
        cmocka_unit_test(chains_that_lie_end_without_a_finding),
        cmocka_unit_test(a_table_of_owners_is_bounded),
    };
    return cmocka_run_group_tests(tests, make_folder, drop_folder);
}
