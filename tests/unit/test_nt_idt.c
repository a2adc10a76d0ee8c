/* SPDX-License-Identifier: MIT */
/* `!idt`: gates of both sizes, interrupts in every form that builds have, damaged chains. */
#include "kernel_world.h"
#include "nt/idt.h"

#define NT   0xfffff80001a00000ULL
#define IDT  0xfffff80000b95080ULL
#define TSS  0xfffff80000b96080ULL
#define FREE 0x50000 /* the stubs of vectors that nobody has */

static void gate64(struct world *w, unsigned vector, uint64_t handler, unsigned ist) {
    uint64_t at = IDT + vector * 16;
    world_put(w, at, 2, handler & 0xffff);
    world_put(w, at + 2, 2, 0x10);
    world_put(w, at + 4, 2, 0x8e00 | ist);
    world_put(w, at + 6, 2, handler >> 16 & 0xffff);
    world_put(w, at + 8, 4, handler >> 32);
}

static void put_interrupt(struct world *w, uint64_t at, unsigned vector, uint64_t routine) {
    uint64_t link = world_offset(w, "_KINTERRUPT", "InterruptListEntry");
    world_object(w, at, "_KINTERRUPT");
    world_set(w, "_KINTERRUPT", at, "Type", 2, 0x16);
    world_set(w, "_KINTERRUPT", at, "Vector", 4, vector);
    world_set(w, "_KINTERRUPT", at, "ServiceRoutine", 0, routine);
    world_ring(w, at + link, NULL, 0);
}

static uint64_t put_pcr(struct world *w) {
    uint64_t pcr = NT + 0x200000, prcb = pcr + world_offset(w, "_KPCR", "Prcb");
    world_object(w, pcr, "_KPCR");
    world_set(w, "_KPCR", pcr, "IdtBase", 0, IDT);
    world_set(w, "_KPCR", pcr, "TssBase", 0, TSS);
    world_set(w, "_KPRCB", prcb, "MajorVersion", 2, 1);
    w->threads[0].prcb = prcb;
    return prcb;
}

/* All vectors lead to stubs, but for a fault, the NMI and what the test connects. */
static struct world *world_of(uint32_t build) {
    struct world *w = world_new(SC_CPU_X64, build, NT);
    world_symbol(w, "KiDivideErrorFault", 0x7ec40);
    world_symbol(w, "KiNmiInterrupt", 0x7ef00);
    world_bytes(w, IDT, 256 * 16);
    world_object(w, TSS, "_KTSS64");
    world_put(w, TSS + world_offset(w, "_KTSS64", "Ist") + 3 * 8, 8, 0xfffff80001865000);
    for (unsigned i = 0; i < 256; i++)
        gate64(w, i, NT + FREE + i * (build >= 10000 ? 8 : 16), 0);
    gate64(w, 0, NT + 0x7ec40, 0);
    gate64(w, 2, NT + 0x7ef00, 3);
    put_pcr(w);
    return w;
}

#define FIRST  0xfffffa80029f1540ULL
#define SECOND 0xfffffa80029f1240ULL

static void windows_7_has_the_handler_in_the_interrupt(void **state) {
    (void)state;
    struct world *w = world_of(7601);
    uint64_t link = world_offset(w, "_KINTERRUPT", "InterruptListEntry"), second = SECOND + link;
    put_interrupt(w, FIRST, 0x62, NT + WORLD_SRV2 + 0x7918);
    put_interrupt(w, SECOND, 0x62, NT + WORLD_SRV2 + 0x8000);
    world_ring(w, FIRST + link, &second, 1);
    gate64(w, 0x62, FIRST + world_offset(w, "_KINTERRUPT", "DispatchCode"), 0);
    world_open(w, SC_RENDER_TEXT);
    fix_run(&w->f, "!idt");
    assert_non_null(strstr(fix_text(&w->f),
                           "\nDumping IDT: fffff80000b95080\n\n"
                           "00:\tfffff80001a7ec40 nt!KiDivideErrorFault\n"
                           "02:\tfffff80001a7ef00 nt!KiNmiInterrupt\tStack = "
                           "0xFFFFF80001865000\n"
                           "62:\tfffffa80029f15d0 srv2+0x7918 (KINTERRUPT fffffa80029f1540)\n"
                           "\t                 srv2+0x8000 (KINTERRUPT fffffa80029f1240)\n"));
    assert_null(strstr(fix_text(&w->f), "03:"));
    fix_run(&w->f, "!idt -a");
    assert_non_null(strstr(fix_text(&w->f), "03:\tfffff80001a50030 "));
    fix_run(&w->f, "!idt 3");
    assert_non_null(strstr(fix_text(&w->f), "03:\tfffff80001a50030 "));
    assert_null(strstr(fix_text(&w->f), "62:"));
    world_free(w);
}

static void newer_kernels_keep_a_table_of_interrupts(void **state) {
    (void)state;
    const uint32_t builds[] = {17763, 19041, 22000};
    for (size_t i = 0; i < sizeof builds / sizeof *builds; i++) {
        struct world *w = world_of(builds[i]);
        put_interrupt(w, FIRST, 0x50, NT + WORLD_SRV2 + 0x1e1e0);
        world_put(w, w->threads[0].prcb + world_offset(w, "_KPRCB", "InterruptObject") + 0x50 * 8,
                  8, FIRST);
        world_open(w, SC_RENDER_TEXT);
        fix_run(&w->f, "!idt");
        assert_non_null(strstr(
            fix_text(&w->f), "50:\tfffff80001a50280 srv2+0x1e1e0 (KINTERRUPT fffffa80029f1540)\n"));
        assert_null(strstr(fix_text(&w->f), "51:"));
        world_free(w);
    }
}

static void a_chain_that_leads_astray_ends(void **state) {
    (void)state;
    struct world *w = world_of(7601);
    uint64_t link = world_offset(w, "_KINTERRUPT", "InterruptListEntry");
    put_interrupt(w, FIRST, 0x62, NT + WORLD_SRV2 + 0x7918);
    put_interrupt(w, SECOND, 0x62, NT + WORLD_SRV2 + 0x8000);
    world_put(w, FIRST + link, 8, SECOND + link);
    world_put(w, SECOND + link, 8, SECOND + link);
    gate64(w, 0x62, FIRST + world_offset(w, "_KINTERRUPT", "DispatchCode"), 0);
    world_open(w, SC_RENDER_TEXT);
    fix_run(&w->f, "!idt 62");
    assert_non_null(strstr(fix_text(&w->f), "*** there may be more: it comes back to"));
    world_free(w);
}

static void a_table_that_is_missing_is_said(void **state) {
    (void)state;
    struct world *w = world_new(SC_CPU_X64, 7601, NT);
    uint64_t prcb = put_pcr(w);
    world_open(w, SC_RENDER_TEXT);
    fix_fails(&w->f, "!idt",
              "!idt: the IDT of processor 0, at fffff80000b95080, is not in the dump");
    fix_fails(&w->f, "!idt 100", "!idt: vectors are 0 to ff");
    fix_close(&w->f);
    world_set(w, "_KPCR", prcb - world_offset(w, "_KPCR", "Prcb"), "IdtBase", 0, 0);
    world_open(w, SC_RENDER_TEXT);
    fix_fails(&w->f, "!idt",
              "!idt: the dump does not say where the IDT is: neither the nt!_KPRCB nor the "
              "nt!_KPCR does");
    world_free(w);
}

#define NTXP  0x804d7000ULL
#define PCRXP 0xffdff000ULL
#define IDTXP 0x8003f400ULL

static void windows_xp_has_short_gates_and_tasks(void **state) {
    (void)state;
    struct world *w = world_new(SC_CPU_X86, 2600, NTXP);
    const uint64_t handler = 0x80543360, interrupt = 0x8645bdd0;
    world_symbol(w, "KiTrap00", 0x6c360);
    world_object(w, PCRXP, "_KPCR");
    world_set(w, "_KPCR", PCRXP, "IDT", 0, IDTXP);
    w->threads[0].prcb = PCRXP + world_offset(w, "_KPCR", "PrcbData");
    world_set(w, "_KPRCB", w->threads[0].prcb, "MajorVersion", 2, 1);
    world_bytes(w, IDTXP, 256 * 8);
    put_interrupt(w, interrupt, 0x31, NTXP + WORLD_SRV2 + 0x100);
    uint64_t code = interrupt + world_offset(w, "_KINTERRUPT", "DispatchCode");
    const uint64_t gates[][2] = {{0, handler}, {0x31, code}};
    for (size_t i = 0; i < 2; i++) {
        uint64_t at = IDTXP + gates[i][0] * 8;
        world_put(w, at, 2, gates[i][1] & 0xffff);
        world_put(w, at + 4, 2, 0x8e00);
        world_put(w, at + 6, 2, gates[i][1] >> 16);
    }
    world_put(w, IDTXP + 8 * 8 + 2, 2, 0x50);
    world_put(w, IDTXP + 8 * 8 + 4, 2, 0x8500);
    world_open(w, SC_RENDER_TEXT);
    fix_run(&w->f, "!idt");
    assert_non_null(strstr(fix_text(&w->f), "Dumping IDT: 8003f400\n\n"
                                            "00:\t80543360 nt!KiTrap00\n"
                                            "08:\tTask Selector = 0x0050\n"
                                            "31:\t8645be0c srv2+0x100 (KINTERRUPT 8645bdd0)\n"));
    world_free(w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(windows_7_has_the_handler_in_the_interrupt),
        cmocka_unit_test(newer_kernels_keep_a_table_of_interrupts),
        cmocka_unit_test(a_chain_that_leads_astray_ends),
        cmocka_unit_test(a_table_that_is_missing_is_said),
        cmocka_unit_test(windows_xp_has_short_gates_and_tasks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
