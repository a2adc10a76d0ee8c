/* SPDX-License-Identifier: MIT */
/*
 * A thread that waits for a resource that it owns under the address of a slot of its stack; and
 * what looks like it: an owner on another thread's stack, an owner that is a thread, lists that
 * lie.
 */
#include "unit/blame_fixture.h"

#define HEAD                                                                                       \
    "dump triage\nos 7601 sp 1\ncpu x64 count 2 current 0\ntime 2012-05-16 19:44:01\n"             \
    "uptime 4 days 23:38:08\nbugcheck e2 0 0 0 0\n"                                                \
    "module nt fffff800`0220f000 +5ea000 image ntkrnlmp.exe\n"                                     \
    "module contoso fffff880`01400000 +26000\n"                                                    \
    "process System fffffa800cd6a5f0 pid 4\n"                                                      \
    "thread fffffa80`169538a0 cid 4.638 stack fffff88007fac000 fffff88007fa6000 "                  \
    "fffff88007fabdb0 fffff88007fab3a0 Tcb.State=5 Tcb.WaitReason=1b "                             \
    "Tcb.WaitBlockList=fffffa80169539a8\n"                                                         \
    "stack\nChild-SP RetAddr Call Site\n"                                                          \
    "fffff880`07fab3e0 fffff800`0228da52 nt!KiSwapContext+0x7a\n"                                  \
    "fffff880`07fab520 fffff800`0224ec9e nt!KeWaitForSingleObject+0x1d2\n"                         \
    "fffff880`07fab650 fffff800`022ad98c nt!ExpWaitForResource+0xae\n"                             \
    "fffff880`07fab6c0 fffff880`0140fc10 nt!ExAcquireSharedStarveExclusive+0x1bc\n"                \
    "fffff880`07fab720 fffff880`014102e7 contoso!Dereference+0x40\n"                               \
    "fffff880`07fab7f0 fffff800`0252ea26 contoso!Worker+0xaf\n"                                    \
    "fffff880`07fabd40 fffff800`02264866 nt!PspSystemThreadStartup+0x5a\n"                         \
    "fffff880`07fabd80 00000000`00000000 nt!KxStartSystemThread+0x16\nend\n"                       \
    "symbol nt!ExpSystemResourcesList nt+2c0010 size 10 data\n"                                    \
    "struct _LIST_ENTRY nt+2c0010 Flink=fffffa8011efede8 Blink=fffffa8011efede8\n"
#define RESOURCE(next, owner, waiters)                                                             \
    "struct _ERESOURCE fffffa8011efede8 SystemResourcesList.Flink=" next                           \
    " SystemResourcesList.Blink=fffff800024cf010 " waiters                                         \
    "=fffffa80139ea3e0 ActiveCount=1 Flag=80 OwnerEntry.OwnerThread=" owner "\n"
#define LAST "fffff800024cf010"
#define WAITERS(type, object)                                                                      \
    "struct _KWAIT_BLOCK fffffa80169539a8 NextWaitBlock=fffffa80169539a8 Thread=fffffa80169538a0 " \
    "Object=" object                                                                               \
    " WaitListEntry.Flink=fffffa80139ea3e8 WaitListEntry.Blink=fffffa80139ea3e8\n"                 \
    "struct _KSEMAPHORE fffffa80139ea3e0 Header.Type=" type                                        \
    " Limit=7fffffff Header.WaitListHead.Flink=fffffa80169539a8 "                                  \
    "Header.WaitListHead.Blink=fffffa80169539a8\n"
#define SHARED WAITERS("5", "fffffa80139ea3e0")
#define MINE   "fffff88007fab7f3"

static const struct sc_finding *found(const struct blamed *b) {
    for (size_t i = 0; i < b->a->nfindings; i++)
        if (!strcmp(b->a->findings[i].rule, "self-deadlock"))
            return &b->a->findings[i];
    return NULL;
}

static bool claims(const struct sc_finding *f, const char *part) {
    for (size_t i = 0; i < f->nevidence; i++)
        if (strstr(f->evidence[i].claim, part))
            return true;
    return false;
}

static void is_silent(void **state, const char *text) {
    struct blamed b = blame(*state, text, WITH_SYMBOLS);
    assert_null(found(&b));
    blamed_free(&b);
}

static void a_thread_that_waits_for_what_it_owns_is_found(void **state) {
    struct blamed b =
        blame(*state, HEAD RESOURCE(LAST, MINE, "SharedWaiters") SHARED, WITH_SYMBOLS);
    const struct sc_finding *f = found(&b);
    assert_non_null(f);
    assert_string_equal(f->module->name, "contoso");
    assert_int_equal(f->confidence, SC_LIKELY);
    assert_true(claims(f, "fffff880`07fab7f0"));
    assert_true(claims(f, "in the frame of contoso!Worker+0xaf, where contoso!Dereference+0x40 "
                          "keeps its parameters."));
    assert_true(claims(f, "waits for the resource's semaphore at fffffa80`139ea3e0"));
    assert_true(claims(f, "acquired by contoso!Dereference+0x40"));
    blamed_free(&b);
}

static void the_same_is_seen_when_it_is_wanted_exclusively(void **state) {
    struct blamed b = blame(
        *state, HEAD RESOURCE(LAST, MINE, "ExclusiveWaiters") WAITERS("1", "fffffa80139ea3e0"),
        WITH_SYMBOLS);
    assert_non_null(found(&b));
    assert_true(claims(found(&b), "event at fffffa80`139ea3e0, to have it exclusively"));
    blamed_free(&b);
}

/* The twin: an owner that was changed, too, but to a slot of somebody else's stack. */
static void an_owner_on_another_stack_is_an_ordinary_wait(void **state) {
    is_silent(state, HEAD RESOURCE(LAST, "fffff88008fab7f3", "SharedWaiters") SHARED);
}

static void an_owner_that_is_a_thread_is_an_ordinary_wait(void **state) {
    is_silent(state, HEAD RESOURCE(LAST, "fffffa80169538a0", "SharedWaiters") SHARED);
    is_silent(state, HEAD RESOURCE(LAST, "fffff88007fab7f0", "SharedWaiters") SHARED);
}

static void who_waits_for_something_else_is_no_waiter(void **state) {
    is_silent(state, HEAD RESOURCE(LAST, MINE, "SharedWaiters") WAITERS("5", "fffffa80139ea000"));
    is_silent(state, HEAD RESOURCE(LAST, MINE, "SharedWaiters") WAITERS("2", "fffffa80139ea3e0"));
}

static void lists_that_lie_end_without_a_finding(void **state) {
    is_silent(state, HEAD); /* the first resource is not in the dump */
    is_silent(state, HEAD RESOURCE("0", "0", "SharedWaiters") SHARED);
    is_silent(state, HEAD RESOURCE("fffffa8011efede8", "0", "SharedWaiters") SHARED);
    is_silent(state, HEAD RESOURCE(LAST, MINE, "SharedWaiters"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_thread_that_waits_for_what_it_owns_is_found),
        cmocka_unit_test(the_same_is_seen_when_it_is_wanted_exclusively),
        cmocka_unit_test(an_owner_on_another_stack_is_an_ordinary_wait),
        cmocka_unit_test(an_owner_that_is_a_thread_is_an_ordinary_wait),
        cmocka_unit_test(who_waits_for_something_else_is_no_waiter),
        cmocka_unit_test(lists_that_lie_end_without_a_finding),
    };
    return cmocka_run_group_tests(tests, make_folder, drop_folder);
}
