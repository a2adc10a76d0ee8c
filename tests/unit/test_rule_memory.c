/* SPDX-License-Identifier: MIT */
/*
 * What the memory manager's counters tell of a stop: a pool that one tag has most of, and whose the
 * tag is; commit requests that failed in the past, and a machine that is short of memory now.
 */
#include "unit/blame_fixture.h"

#define OS                                                                                         \
    "os 7601 sp 1\ncpu x64 count 2 current 0\ndump triage\n"                                       \
    "time 2013-06-11 18:30:04\nuptime 0 days 0:14:22\n"
#define NT     "module nt fffff800`01a1f000 +5ea000 image ntkrnlmp.exe version 6.1.7601.17514\n"
#define DRIVER "module contoso fffff880`044b5000 +7000 nosymbols inmemory\n"
#define OTHER  "module litware fffff880`05000000 +7000 nosymbols inmemory\n"
#define STACK  "stack\nnt!KeBugCheckEx\nend\n"
#define ASKED  "bugcheck e2 0 0 0 0\n"
#define FULL   "bugcheck 4d 1000 800 100 0\n"
#define CRASH  "bugcheck d1 28 2 0 nt!KeBugCheckEx\n"

/* Nonpaged pool: USED of 191078 pages. */
#define POOL(used)                                                                                 \
    "variables nt+280000\nMmAllocatedNonPagedPool 0n" used                                         \
    "\nMmMaximumNonPagedPoolInBytes 0n782655488\nMmTotalCommittedPages 0n326464\n"                 \
    "MmTotalCommitLimit 0n665998\nPoolTrackTable fffffa80`02640000\n"                              \
    "PoolTrackTableSize 0n1025\nExPoolTagTables fffffa80`02640000 fffffa80`02660000\nend\n"
#define TAGS(rows) "pooltags fffffa80`02640000 fffffa80`02660000 entries 1025\n" rows "end\n"
#define MINE       "CtBf 601 615424000 0 0\nPool 6 1717840 0 0\n"
#define CODE       "memory fffff880`044b63a8 41b8 \"CtBf\" 3bc1\n"
#define CODE2      "memory fffff880`050013a8 41b8 \"CtBf\" 3bc1\n"

static struct blamed judge(void **state, const char *text) {
    return blame(*state, text, WITH_SYMBOLS);
}

static bool claims(const struct sc_finding *f, const char *part) {
    for (size_t i = 0; i < f->nevidence; i++)
        if (strstr(f->evidence[i].claim, part))
            return true;
    return false;
}

static void the_driver_that_has_the_tag_is_likely_its_allocator(void **state) {
    struct blamed b = judge(state, OS NT DRIVER OTHER FULL STACK POOL("155371") TAGS(MINE) CODE);
    blames(&b, 0, "pool-leak", "contoso", SC_LIKELY);
    assert_non_null(strstr(b.a->findings[0].summary, "possibly a leak"));
    assert_true(claims(&b.a->findings[0], "615424000 bytes of it in 601 allocations"));
    assert_true(claims(&b.a->findings[0], "The tag stands in one image, at contoso+0x13aa."));
    assert_true(claims(&b.a->findings[0], "609 were allocated since Windows started, and 8 freed"));
    blamed_free(&b);
}

static void a_stop_on_request_stays_one_and_the_pool_is_told_behind_it(void **state) {
    struct blamed b = judge(state, OS NT DRIVER ASKED STACK POOL("155371") TAGS(MINE) CODE);
    assert_string_equal(b.a->findings[0].rule, "live-or-manual");
    blames(&b, 1, "pool-leak", "contoso", SC_LIKELY);
    blamed_free(&b);
}

static void in_another_stop_the_pool_is_a_possibility(void **state) {
    struct blamed b = judge(state, OS NT DRIVER CRASH STACK POOL("155371") TAGS(MINE) CODE);
    assert_non_null(by_rule(&b, "pool-leak"));
    blames_at_most(&b, "contoso", SC_POSSIBLE);
    blamed_free(&b);
}

static void a_tag_that_two_images_have_names_neither(void **state) {
    struct blamed b =
        judge(state, OS NT DRIVER OTHER FULL STACK POOL("155371") TAGS(MINE) CODE CODE2);
    const struct sc_finding *f = by_rule(&b, "pool-leak");
    assert_non_null(f);
    assert_null(f->module);
    assert_int_equal(f->confidence, SC_POSSIBLE);
    assert_true(claims(f, "The tag stands in 2 images"));
    blamed_free(&b);
}

static void a_tag_that_no_image_has_names_nobody(void **state) {
    struct blamed b = judge(state, OS NT DRIVER FULL STACK POOL("155371") TAGS(MINE));
    const struct sc_finding *f = by_rule(&b, "pool-leak");
    assert_non_null(f);
    assert_null(f->module);
    assert_non_null(strstr(f->lacked[0], "Who allocates with 'CtBf'"));
    blamed_free(&b);
}

/* The twin: as much pool, with a tag of the memory manager's. */
static void a_busy_cache_of_windows_is_no_leak(void **state) {
    struct blamed b = judge(state, OS NT DRIVER FULL STACK POOL("155371")
                                       TAGS("MmSt 90601 615424000 0 0\nPool 6 1717840 0 0\n") CODE);
    const struct sc_finding *f = by_rule(&b, "pool-leak");
    assert_non_null(f);
    assert_null(f->module);
    assert_int_equal(f->confidence, SC_POSSIBLE);
    assert_non_null(strstr(f->summary, "load or a cache rather than a leak"));
    blames_at_most(&b, "contoso", -1);
    blamed_free(&b);
}

static void a_pool_that_is_not_excessive_or_of_many_tags_is_not_mentioned(void **state) {
    static const char *const texts[] = {
        OS NT DRIVER FULL STACK POOL("150000") TAGS(MINE) CODE,
        OS NT DRIVER FULL STACK POOL("155371")
            TAGS("CtBf 601 215424000 0 0\nFile 10 210000000 0 0\n") CODE,
        OS NT DRIVER FULL STACK POOL("155371"),
        OS NT DRIVER FULL STACK,
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct blamed b = judge(state, texts[i]);
        assert_null(by_rule(&b, "pool-leak"));
        blamed_free(&b);
    }
}

/* ---- commit-failures ---- */

#define COMMIT(used, limit, failures)                                                              \
    "variables nt+280000\nMmTotalCommittedPages 0n" used "\nMmTotalCommitLimit 0n" limit           \
    "\nMiChargeCommitmentFailures " failures " size 4\nend\n"

static void failures_of_the_past_are_told_as_such(void **state) {
    static const struct {
        const char *text, *summary, *claim;
    } t[] = {
        {OS NT ASKED STACK COMMIT("5565215", "25162749", "0 bd38 0 0"),
         "48440 requests to commit memory have failed since Windows started, in the past; now "
         "there is memory enough.",
         "48440 times the page files had reached their largest size."},
        {OS NT ASKED STACK COMMIT("5565215", "25162749", "0 0 0 7"),
         "7 requests to commit memory have failed since Windows started, in the past; now there "
         "is memory enough.",
         "7 times the request was so large that the sum was not larger than before."},
    };
    for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
        struct blamed b = judge(state, t[i].text);
        const struct sc_finding *f = by_rule(&b, "commit-failures");
        assert_non_null(f);
        assert_string_equal(f->summary, t[i].summary);
        assert_true(claims(f, t[i].claim));
        assert_true(f->evidence[f->nevidence - 1].against);
        assert_null(by_rule(&b, "low-memory"));
        assert_int_equal(f->confidence, SC_POSSIBLE);
        assert_null(f->module);
        blamed_free(&b);
    }
}

static void without_failures_nothing_is_said(void **state) {
    static const char *const texts[] = {
        OS NT ASKED STACK COMMIT("25100000", "25162749", "0 0 0 0"),
        OS NT ASKED STACK COMMIT("5565215", "25162749", "0 0 9 0"), /* of XP only */
        OS NT ASKED STACK,
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct blamed b = judge(state, texts[i]);
        assert_null(by_rule(&b, "commit-failures"));
        assert_null(by_rule(&b, "low-memory"));
        blamed_free(&b);
    }
}

/* ---- low-memory ---- */

#define RAM(physical, available)                                                                   \
    "variables nt+280100\nMmNumberOfPhysicalPages 0n" physical "\nMmAvailablePages 0n" available   \
    "\nend\n"
#define HUNG "bugcheck 9e fffffa8003c9f040 3c 0 0\n"

/* The twins: requests that fail while RAM is free, and RAM that is used up while none fails. */
static void what_can_be_committed_is_told_from_pages_of_ram(void **state) {
    static const struct {
        const char *text, *summary, *claim, *other;
    } t[] = {
        {COMMIT("25100000", "25162749", "2 0 0 0") RAM("4194304", "900000"),
         "Memory is short: 99 percent of what can be committed are, and 2 requests for more have "
         "failed.",
         "2 times a page file was to be extended, and could not be.", "RAM is not what is short."},
        {COMMIT("5565215", "25162749", "0 0 0 0") RAM("4194304", "2900"),
         "Physical memory is short: only 2900 pages of RAM are available.",
         "2900 of 4194304 pages of RAM are available; below 16384 Windows calls that low.",
         "22 percent: more could be committed."},
        {COMMIT("25100000", "25162749", "0 7 0 0") RAM("4194304", "2900"),
         "Memory is short: 2900 pages of RAM are available, and 7 requests to commit more have "
         "failed.",
         "7 times the page files had reached their largest size.", "Windows calls that low."},
    };
    for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
        char text[2048];
        snprintf(text, sizeof text, "%s%s", OS NT HUNG STACK, t[i].text);
        struct blamed b = judge(state, text);
        const struct sc_finding *f = &b.a->findings[0];
        assert_string_equal(f->rule, "low-memory");
        assert_string_equal(f->summary, t[i].summary);
        assert_true(claims(f, t[i].claim));
        assert_true(claims(f, t[i].other));
        assert_int_equal(f->confidence, SC_POSSIBLE);
        assert_null(f->module);
        assert_null(by_rule(&b, "commit-failures"));
        blamed_free(&b);
    }
}

static void what_windows_calls_low_goes_by_the_size_of_ram(void **state) {
    static const struct {
        const char *ram;
        bool low;
    } t[] = {
        {RAM("1048576", "8191"), true},   {RAM("1048576", "8192"), false},
        {RAM("262144", "8191"), true},    {RAM("2097152", "16383"), true},
        {RAM("2097152", "16384"), false}, {RAM("16777216", "16384"), false},
        {RAM("0", "100"), false},
    };
    for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
        char text[2048];
        snprintf(text, sizeof text, "%s%s", OS NT HUNG STACK, t[i].ram);
        struct blamed b = judge(state, text);
        assert_int_equal(by_rule(&b, "low-memory") != NULL, t[i].low);
        blamed_free(&b);
    }
}

/* In any other crash it is a mention behind what the crash is about. */
static void in_another_stop_memory_is_a_mention(void **state) {
    struct blamed b = judge(state, OS NT DRIVER CRASH STACK COMMIT("5565215", "25162749", "0 0 0 0")
                                       RAM("4194304", "2900"));
    assert_non_null(by_rule(&b, "low-memory"));
    assert_string_not_equal(b.a->findings[0].rule, "low-memory");
    blamed_free(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_driver_that_has_the_tag_is_likely_its_allocator),
        cmocka_unit_test(a_stop_on_request_stays_one_and_the_pool_is_told_behind_it),
        cmocka_unit_test(in_another_stop_the_pool_is_a_possibility),
        cmocka_unit_test(a_tag_that_two_images_have_names_neither),
        cmocka_unit_test(a_tag_that_no_image_has_names_nobody),
        cmocka_unit_test(a_busy_cache_of_windows_is_no_leak),
        cmocka_unit_test(a_pool_that_is_not_excessive_or_of_many_tags_is_not_mentioned),
        cmocka_unit_test(failures_of_the_past_are_told_as_such),
        cmocka_unit_test(without_failures_nothing_is_said),
        cmocka_unit_test(what_can_be_committed_is_told_from_pages_of_ram),
        cmocka_unit_test(what_windows_calls_low_goes_by_the_size_of_ram),
        cmocka_unit_test(in_another_stop_memory_is_a_mention),
    };
    return cmocka_run_group_tests(tests, make_folder, drop_folder);
}
