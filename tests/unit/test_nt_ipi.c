/* SPDX-License-Identifier: MIT */
/* `!ipi` in its two forms, with requests that nobody took, and with mailboxes that lie. */
#include "kernel_world.h"
#include "nt/ipi.h"

#define NT7   0xfffff80003200000ULL
#define PRCB7 (NT7 + 0x1f0d00)
#define BOX   0xfffffa8001000000ULL

static struct world *world7(void) {
    struct world *w = world_new(SC_CPU_X64, 9200, NT7);
    world_object(w, PRCB7, "_KPRCB");
    world_set(w, "_KPRCB", PRCB7, "IpiFrozen", 4, 2);
    w->threads[0].prcb = PRCB7;
    return w;
}

static void a_frozen_processor_is_one_line_as_published(void **state) {
    (void)state;
    struct world *w = world7();
    world_open(w, SC_RENDER_TEXT);
    fix_run(&w->f, "!ipi");
    assert_string_equal(fix_text(&w->f),
                        "IPI State for Processor 0\n"
                        "  TargetCount     0 PacketBarrier    0 IpiFrozen   2 [Frozen]\n");
    world_free(w);
}

static void put_box(struct world *w, uint64_t at, uint64_t next, uint64_t worker) {
    world_object(w, at, "_REQUEST_MAILBOX");
    world_set(w, "_REQUEST_MAILBOX", at, "Next", 0, next);
    world_set(w, "_REQUEST_MAILBOX", at, "RequestPacket.WorkerRoutine", 0, worker);
}

static void requests_that_nobody_took_are_named(void **state) {
    (void)state;
    struct world *w = world7();
    uint64_t flush = world_symbol(w, "KiFlushTargetMultipleTb", 0x2000);
    put_box(w, BOX, BOX + 0x1000, flush);
    put_box(w, BOX + 0x1000, 0, 0);
    world_set(w, "_KPRCB", PRCB7, "Mailbox", 0, BOX);
    world_set(w, "_KPRCB", PRCB7, "TargetCount", 4, 3);
    world_open(w, SC_RENDER_TEXT);
    fix_run(&w->f, "!ipi 0");
    assert_string_equal(fix_text(&w->f),
                        "IPI State for Processor 0\n"
                        "  TargetCount     3 PacketBarrier    0 IpiFrozen   2 [Frozen]\n"
                        "  [request fffffa8001000000 not taken yet: nt!KiFlushTargetMultipleTb]\n"
                        "  [request fffffa8001001000 not taken yet: its routine is not known]\n");
    world_free(w);
}

static void a_mailbox_that_leads_back_to_itself_ends(void **state) {
    (void)state;
    struct world *w = world7();
    put_box(w, BOX, BOX, 0);
    world_set(w, "_KPRCB", PRCB7, "Mailbox", 0, BOX);
    world_open(w, SC_RENDER_JSON);
    fix_run(&w->f, "!ipi");
    assert_non_null(strstr(fix_text(&w->f), "it comes back to fffffa8001000000 and never ends"));
    world_free(w);
}

#define NTXP   0x804d7000ULL
#define PRCBXP 0xffdff120ULL

static void x86_has_the_form_of_the_documentation(void **state) {
    (void)state;
    struct world *w = world_new(SC_CPU_X86, 2600, NTXP);
    uint64_t flush = world_symbol(w, "KiFlushTargetMultipleTb", 0x2000);
    world_object(w, PRCBXP, "_KPRCB");
    world_set(w, "_KPRCB", PRCBXP, "WorkerRoutine", 4, flush);
    world_set(w, "_KPRCB", PRCBXP, "CurrentPacket[1]", 4, 3);
    world_set(w, "_KPRCB", PRCBXP, "CurrentPacket[2]", 4, 0xf7c98770);
    world_set(w, "_KPRCB", PRCBXP, "IpiFrame", 4, 0xf7ccccdc);
    world_set(w, "_KPRCB", PRCBXP, "IpiFrozen", 4, 0x24);
    w->threads[0].prcb = PRCBXP;
    world_open(w, SC_RENDER_TEXT);
    fix_run(&w->f, "!ipi");
    assert_string_equal(fix_text(&w->f), "IPI State for Processor 0\n"
                                         "  Worker Routine:  nt!KiFlushTargetMultipleTb [Stale]\n"
                                         "  Parameter[0]:    0\n"
                                         "  Parameter[1]:    3\n"
                                         "  Parameter[2]:    F7C98770\n"
                                         "  Ipi Trap Frame:  F7CCCCDC [.trap F7CCCCDC]\n"
                                         "  Signal Done:     0\n"
                                         "  IPI Frozen:      24 [FreezeActive] [Owner]\n"
                                         "  Request Summary: 0\n"
                                         "  Target Set:      0\n"
                                         "  Packet Barrier:  0\n");
    world_free(w);
}

static void a_processor_that_the_dump_lacks_is_said_to_be_missing(void **state) {
    (void)state;
    struct world *w = world_new(SC_CPU_X64, 9200, NT7);
    world_open(w, SC_RENDER_TEXT);
    fix_fails(&w->f, "!ipi", "the dump does not hold the nt!_KPRCB of any processor");
    fix_fails(&w->f, "!ipi 5", "there is no processor 5");
    world_free(w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_frozen_processor_is_one_line_as_published),
        cmocka_unit_test(requests_that_nobody_took_are_named),
        cmocka_unit_test(a_mailbox_that_leads_back_to_itself_ends),
        cmocka_unit_test(x86_has_the_form_of_the_documentation),
        cmocka_unit_test(a_processor_that_the_dump_lacks_is_said_to_be_missing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
