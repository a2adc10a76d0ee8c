/* SPDX-License-Identifier: MIT */
/* `!apc`: lists of threads, of processes and of all, one KAPC, and what is missing or damaged. */
#include "kernel_world.h"
#include "nt/apc.h"

#define NT      0xfffff80003200000ULL
#define PROCESS 0xfffffa8003ccb040ULL
#define THREAD  0xfffffa8003d06b50ULL
#define APC     0xfffffa8006c8fd50ULL
#define USER    0xfffffa8006c8fe50ULL
#define SAVED   0xfffffa8006c8ff50ULL

static void put_apc(struct world *w, uint64_t at, uint64_t kernel, uint64_t rundown) {
    world_object(w, at, "_KAPC");
    world_set(w, "_KAPC", at, "Type", 1, 0x12);
    world_set(w, "_KAPC", at, "KernelRoutine", 0, kernel);
    world_set(w, "_KAPC", at, "RundownRoutine", 0, rundown);
    world_set(w, "_KAPC", at, "NormalContext", 0, 0x11);
}

static uint64_t head(struct world *w, const char *state, unsigned mode) {
    char path[64];
    snprintf(path, sizeof path, "Tcb.%s", state);
    return THREAD + world_offset(w, "_ETHREAD", path) + mode * 2 * w->ptr;
}

/* A process with one thread that has a kernel APC and a user APC. */
static struct world *world_of(enum sc_cpu cpu, uint32_t build) {
    struct world *w = world_new(cpu, build, NT & (cpu == SC_CPU_X86 ? 0x8fffffff : UINT64_MAX));
    uint64_t link = world_offset(w, "_KAPC", "ApcListEntry"), a = APC + link, b = USER + link;
    uint64_t thread = THREAD + world_offset(w, "_ETHREAD", "ThreadListEntry");
    uint64_t process = PROCESS + world_offset(w, "_EPROCESS", "ActiveProcessLinks");
    world_symbol(w, "KiSuspendNop", 0x5000);
    world_symbol(w, "KiSuspendThread", 0x6000);
    uint64_t list = world_symbol(w, "PsActiveProcessHead", 0x7000);
    world_bytes(w, list, 2 * w->ptr);
    world_object(w, PROCESS, "_EPROCESS");
    world_set(w, "_EPROCESS", PROCESS, "Pcb.Header.Type", 1, 3);
    for (unsigned i = 0; i < 6; i++)
        world_put(w, PROCESS + world_offset(w, "_EPROCESS", "ImageFileName") + i, 1, "System"[i]);
    world_object(w, THREAD, "_ETHREAD");
    world_set(w, "_ETHREAD", THREAD, "Tcb.Header.Type", 1, 6);
    world_ring(w, list, &process, 1);
    world_ring(w, PROCESS + world_offset(w, "_EPROCESS", "ThreadListHead"), &thread, 1);
    put_apc(w, APC, w->m.kernel_base + 0x6000, w->m.kernel_base + 0x5000);
    put_apc(w, USER, w->m.kernel_base + 0x6010, 0);
    world_set(w, "_KAPC", USER, "NormalRoutine", 0, w->m.kernel_base + WORLD_SRV2 + 0x10);
    world_ring(w, head(w, "ApcState", 0), &a, 1);
    world_ring(w, head(w, "ApcState", 1), &b, 1);
    return w;
}

static const char kernel_list[] =
    "Thread fffffa8003d06b50 ApcStateIndex 0 ApcListHead fffffa8003d06ba0 [KERNEL]\n"
    "    KAPC @ fffffa8006c8fd50\n"
    "      Type           12\n"
    "      KernelRoutine  fffff80003206000 nt!KiSuspendThread+0\n"
    "      RundownRoutine fffff80003205000 nt!KiSuspendNop+0\n";
static const char user_list[] =
    "Thread fffffa8003d06b50 ApcStateIndex 0 ApcListHead fffffa8003d06bb0 [USER]\n"
    "    KAPC @ fffffa8006c8fe50\n"
    "      Type           12\n"
    "      KernelRoutine  fffff80003206010 nt!KiSuspendThread+10\n"
    "      RundownRoutine 0000000000000000 +0\n";

static void both_lists_of_a_thread_are_shown(void **state) {
    (void)state;
    struct world *w = world_of(SC_CPU_X64, 7601);
    world_open(w, SC_RENDER_TEXT);
    fix_run(&w->f, ".enrich off");
    fix_run(&w->f, "!apc thre fffffa8003d06b50");
    const char *first = strstr(fix_text(&w->f), kernel_list);
    assert_non_null(first);
    assert_non_null(strstr(first, user_list));
    fix_run(&w->f, ".enrich on");
    fix_run(&w->f, "!apc thread fffffa8003d06b50");
    assert_non_null(strstr(fix_text(&w->f), "[NormalRoutine fffff80003300010 srv2+0x10 ("
                                            "0000000000000011, 0000000000000000, "
                                            "0000000000000000)]\n"));
    world_free(w);
}

static void all_processes_are_walked(void **state) {
    (void)state;
    struct world *w = world_of(SC_CPU_X64, 7601);
    world_open(w, SC_RENDER_TEXT);
    world_begins(w, "!apc",
                 "*** Enumerating APCs in all processes\n"
                 "Process fffffa8003ccb040 System\n"
                 "    Thread fffffa8003d06b50 ApcStateIndex 0 ApcListHead fffffa8003d06ba0 "
                 "[KERNEL]\n"
                 "        KAPC @ fffffa8006c8fd50\n"
                 "          Type           12\n");
    world_begins(w, "!apc proc fffffa8003ccb040", "Process fffffa8003ccb040 System\n    Thread ");
    world_free(w);
}

static void lists_put_away_are_shown_while_attached(void **state) {
    (void)state;
    struct world *w = world_of(SC_CPU_X64, 7601);
    uint64_t entry = SAVED + world_offset(w, "_KAPC", "ApcListEntry");
    put_apc(w, SAVED, NT + 0x6000, 0);
    world_ring(w, head(w, "SavedApcState", 0), &entry, 1);
    world_ring(w, head(w, "SavedApcState", 1), NULL, 0);
    world_open(w, SC_RENDER_TEXT);
    fix_run(&w->f, "!apc thre fffffa8003d06b50");
    assert_null(strstr(fix_text(&w->f), "ApcStateIndex 1"));
    fix_close(&w->f);
    world_set(w, "_ETHREAD", THREAD, "Tcb.ApcStateIndex", 1, 1);
    world_open(w, SC_RENDER_TEXT);
    fix_run(&w->f, "!apc thre fffffa8003d06b50");
    assert_non_null(strstr(fix_text(&w->f), "ApcStateIndex 1 ApcListHead "));
    assert_non_null(strstr(fix_text(&w->f), "KAPC @ fffffa8006c8ff50\n"));
    world_free(w);
}

static void one_apc_is_shown_and_what_is_none_is_said(void **state) {
    (void)state;
    struct world *w = world_of(SC_CPU_X64, 7601);
    world_open(w, SC_RENDER_TEXT);
    fix_run(&w->f, "!apc fffffa8006c8fd50");
    assert_non_null(strstr(fix_text(&w->f), "    KAPC @ fffffa8006c8fd50\n"));
    assert_null(strstr(fix_text(&w->f), "not that of a KAPC"));
    fix_run(&w->f, "!apc fffffa8003ccb040");
    assert_non_null(strstr(fix_text(&w->f), "Its type is not that of a KAPC (12)."));
    fix_fails(&w->f, "!apc fffffa8111111110",
              "!apc: the dump does not hold the KAPC at fffffa8111111110");
    fix_fails(&w->f, "!apc thre fffffa8111111110",
              "!apc: the dump does not hold the thread at fffffa8111111110");
    fix_fails(&w->f, "!apc proc fffffa8111111110",
              "!apc: there is no process at fffffa8111111110 in the dump");
    world_free(w);
}

static void a_list_that_never_ends_is_bounded_and_said(void **state) {
    (void)state;
    struct world *w = world_of(SC_CPU_X64, 7601);
    uint64_t at = APC + world_offset(w, "_KAPC", "ApcListEntry");
    world_put(w, at, 8, at);
    world_open(w, SC_RENDER_TEXT);
    fix_run(&w->f, "!apc");
    assert_non_null(strstr(fix_text(&w->f), "The list is not whole: it comes back to"));
    assert_non_null(strstr(fix_text(&w->f), "[USER]"));
    world_free(w);
}

static void every_build_is_read(void **state) {
    (void)state;
    static const struct {
        enum sc_cpu cpu;
        uint32_t build;
    } builds[] = {{SC_CPU_X64, 3790},  {SC_CPU_X64, 6002},  {SC_CPU_X64, 9600},
                  {SC_CPU_X64, 17763}, {SC_CPU_X64, 19041}, {SC_CPU_X64, 22000}};
    for (size_t i = 0; i < sizeof builds / sizeof *builds; i++) {
        struct world *w = world_of(builds[i].cpu, builds[i].build);
        world_open(w, SC_RENDER_TEXT);
        fix_run(&w->f, "!apc");
        assert_non_null(strstr(fix_text(&w->f), "nt!KiSuspendThread+0\n"));
        assert_non_null(strstr(fix_text(&w->f), "nt!KiSuspendThread+10\n"));
        world_free(w);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_lists_of_a_thread_are_shown),
        cmocka_unit_test(all_processes_are_walked),
        cmocka_unit_test(lists_put_away_are_shown_while_attached),
        cmocka_unit_test(one_apc_is_shown_and_what_is_none_is_said),
        cmocka_unit_test(a_list_that_never_ends_is_bounded_and_said),
        cmocka_unit_test(every_build_is_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
