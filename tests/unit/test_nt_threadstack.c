/* SPDX-License-Identifier: MIT */
/* Threads on larger stacks, suspended, delayed, ended, paged out: made as scenarios, and lies. */
#include "forge/scenario.h"
#include "unit/explain_fixture.h"

#define HEAD7                                                                                      \
    "dump full\nram 16M\nos 7601 sp 1\ncpu x64 count 1 current 0\nmodule nt fffff80001600000 "     \
    "+5ea000\n"                                                                                    \
    "process System fffffa8001018040 pid 4\n"                                                      \
    "thread fffffa8002789080 cid 4.8\n"
#define HEAD10                                                                                     \
    "dump full\nram 16M\nos 19041\ncpu x64 count 1 current 0\nmodule nt fffff80001600000 "         \
    "+5ea000\n"                                                                                    \
    "process System fffffa8001018040 pid 4\n"                                                      \
    "thread fffffa8002789080 cid 4.8\n"
#define ON_BIG                                                                                     \
    "thread fffffa8002a89080 cid 4.14 stack fffff88005012000 fffff88005000000 fffff88005011db0 "   \
    "fffff88005011800\n"                                                                           \
    "segment fffffa8002a89080 fffff88004026000 fffff88004020000 fffff88004025fb0 "                 \
    "fffff88004025800\n"

struct scase {
    struct forge_output out;
    struct forge_bytes dump;
    struct fix f;
};

/* By the built-in layouts alone. */
static void begin(struct scase *s, const char *text) {
    static char why[FORGE_WHY_MAX];
    sc_target *target;
    memset(s, 0, sizeof *s);
    if (!forge_scenario_build("case", text, &s->out, why) ||
        !forge_output_bytes(&s->out, &s->dump, why))
        fail_msg("%s", why);
    assert_null(sc_target_open_memory("case.dmp", s->dump.data, s->dump.size, NULL, &target));
    session_on(&s->f, target);
}

static void done(struct scase *s) {
    fix_close(&s->f);
    forge_bytes_free(&s->dump);
    forge_output_free(&s->out);
}

static void has(struct scase *s, const char *command, const char *part) {
    fix_run(&s->f, command);
    if (!strstr(fix_text(&s->f), part))
        fail_msg("%s prints\n%s\nwithout\n%s", command, fix_text(&s->f), part);
}

static void lacks(struct scase *s, const char *command, const char *part) {
    fix_run(&s->f, command);
    if (strstr(fix_text(&s->f), part))
        fail_msg("%s prints\n%s\nwith\n%s", command, fix_text(&s->f), part);
}

static void the_stack_that_was_left_is_shown_and_searched(void **state) {
    (void)state;
    static const char *const heads[] = {HEAD7, HEAD10};
    for (size_t i = 0; i < 2; i++) {
        char text[2048];
        snprintf(text, sizeof text, "%s%s", heads[i], ON_BIG);
        struct scase s;
        begin(&s, text);
        has(&s, "!thread fffffa8002a89080 6",
            "[before on the stack Base fffff88004026000 Limit fffff88004020000]\n");
        has(&s, ".enrich off; !thread fffffa8002a89080 6", "Base fffff88005012000");
        lacks(&s, "!thread fffffa8002a89080 6", "[before on the stack");
        done(&s);
    }
}

/* Each stack says that it comes from itself. */
static void stacks_that_lead_to_themselves_are_bounded(void **state) {
    (void)state;
    struct scase s;
    begin(&s, HEAD10 "thread fffffa8002a89080 cid 4.14 stack fffff88005012000 fffff88005000000 "
                     "fffff88005011db0 fffff88005011800\n"
                     "segment fffffa8002a89080 fffff88005012000 fffff88005000000 "
                     "fffff88005011db0 fffff88005011800\n");
    fix_run(&s.f, "!thread fffffa8002a89080 6");
    unsigned n = 0;
    for (const char *p = fix_text(&s.f); (p = strstr(p, "[before on the stack")) != NULL; p++)
        n++;
    assert_int_equal(n, 16);
    done(&s);
}

static void what_makes_no_stack_is_none(void **state) {
    (void)state;
    static const char *const segments[] = {
        "fffff88004026000 0 fffff88004025fb0 0\n",                /* of a process */
        "fffff88014026000 fffff88004020000 fffff88004025fb0 0\n", /* 256 MB */
        "fffff88004026000 fffff88004020000 fffff88004027000 0\n", /* begins above its base */
    };
    for (size_t i = 0; i < sizeof segments / sizeof *segments; i++) {
        char text[2048];
        snprintf(text, sizeof text,
                 HEAD7 "thread fffffa8002a89080 cid 4.14 stack fffff88005012000 fffff88005000000 "
                       "fffff88005011db0 fffff88005011800\nsegment fffffa8002a89080 %s",
                 segments[i]);
        struct scase s;
        begin(&s, text);
        lacks(&s, "!thread fffffa8002a89080 6", "[before on the stack");
        done(&s);
    }
}

static void a_suspended_thread_says_how_often(void **state) {
    (void)state;
    struct scase s;
    begin(&s, HEAD10 "thread fffffa8002a89080 cid 4.14\n"
                     "wait fffffa8002a89080 suspended 2\n");
    has(&s, "!thread fffffa8002a89080 2",
        "WAIT: (Suspended) KernelMode Non-Alertable\nSuspendCount 2\n    fffffa8002a89360  "
        "NotificationEvent\n");
    done(&s);
}

static void a_delay_has_an_event_at_minus_one(void **state) {
    (void)state;
    struct scase s;
    begin(&s, HEAD10 "thread fffffa8002a89080 cid 4.14\n"
                     "wait fffffa8002a89080 user alertable\n");
    has(&s, "!thread fffffa8002a89080 2",
        "WAIT: (DelayExecution) UserMode Alertable\n    ffffffffffffffff  NotificationEvent  [a "
        "delay: no object]\n");
    has(&s, ".enrich off; !thread fffffa8002a89080 2", "ffffffffffffffff  NotificationEvent\n");
    done(&s);
}

static void an_ended_thread_has_no_stack(void **state) {
    (void)state;
    struct scase s;
    begin(&s, HEAD10 "thread fffffa8002a89080 cid 4.14 Tcb.State=4 Tcb.KernelStack=0 "
                     "Tcb.InitialStack=0\n");
    has(&s, "!thread fffffa8002a89080 6", "*** no stack: the thread has ended\n");
    done(&s);
}

/* The kernel's word alone is not enough: what the switch left may be in memory still. */
static void a_stack_that_was_let_go_of_is_shown_while_it_is_in_memory(void **state) {
    (void)state;
#define LET_GO                                                                                     \
    "thread fffffa8002a89080 cid 4.14 stack fffff88005006000 fffff88005000000 "                    \
    "Tcb.KernelStackResident=0\n"                                                                  \
    "wait fffffa8002a89080\n"
    struct scase s;
    begin(&s, HEAD10 LET_GO);
    has(&s, "!thread fffffa8002a89080 6", "Kernel stack not resident.\n");
    lacks(&s, "!thread fffffa8002a89080 6", "Child-SP");
    done(&s);
    begin(&s, HEAD10 LET_GO "code nt!KiSwapContext+75 e800000000\n"
                            "stack thread fffffa8002a89080\nnt!KiSwapContext+0x7a\n"
                            "nt!KeDelayExecutionThread+0x10\nend\n");
    has(&s, "!thread fffffa8002a89080 6", "Kernel stack not resident.\nChild-SP");
    has(&s, "!thread fffffa8002a89080 6", "\nfffff880`05005dc0 fffff800`");
    done(&s);
}

/* In Windows 7's KTHREAD the byte behind UserApcPending is the priority. */
static void a_priority_is_no_pending_apc(void **state) {
    (void)state;
    struct scase s;
    begin(&s, "dump full\nram 16M\nos 7601 sp 1\ncpu x86 count 1 current 0\n"
              "module nt 82800000 +412000\nprocess System 84018040 pid 4\n"
              "thread 84789080 cid 4.8 Tcb.Priority=8 Tcb.KernelTime=3\n");
    lacks(&s, "!thread 84789080 6", "UserApcPending");
    lacks(&s, "!thread 84789080 6", "KernelTime                ?");
    done(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_stack_that_was_left_is_shown_and_searched),
        cmocka_unit_test(stacks_that_lead_to_themselves_are_bounded),
        cmocka_unit_test(what_makes_no_stack_is_none),
        cmocka_unit_test(a_suspended_thread_says_how_often),
        cmocka_unit_test(a_delay_has_an_event_at_minus_one),
        cmocka_unit_test(an_ended_thread_has_no_stack),
        cmocka_unit_test(a_stack_that_was_let_go_of_is_shown_while_it_is_in_memory),
        cmocka_unit_test(a_priority_is_no_pending_apc),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
