/* SPDX-License-Identifier: MIT */
/* `!cpuinfo` and `!cpuid`: processors as published outputs have them. */
#include "kernel_world.h"
#include "nt/cpuinfo.h"

#define NT     0xfffff80003200000ULL
#define PRCB   (NT + 0x1f0d00)
#define NTXP   0x804d7000ULL
#define PRCBXP 0xffdff120ULL

static void put_text(struct world *w, uint64_t at, const char *text) {
    for (size_t i = 0; text[i]; i++)
        world_put(w, at + i, 1, (uint8_t)text[i]);
}

/* The processor of a published output. */
static struct world *world_xp(void) {
    struct world *w = world_new(SC_CPU_X86, 2600, NTXP);
    world_object(w, PRCBXP, "_KPRCB");
    world_set(w, "_KPRCB", PRCBXP, "CpuType", 1, 6);
    world_set(w, "_KPRCB", PRCBXP, "CpuStep", 2, 0x0e0c);
    world_set(w, "_KPRCB", PRCBXP, "MHz", 4, 1733);
    world_set(w, "_KPRCB", PRCBXP, "UpdateSignature", 8, 0x0000005400000000);
    world_set(w, "_KPRCB", PRCBXP, "FeatureBits", 4, 0xa0033fff);
    put_text(w, PRCBXP + world_offset(w, "_KPRCB", "VendorString"), "GenuineIntel");
    w->threads[0].prcb = PRCBXP;
    return w;
}

static void windows_xp_keeps_model_and_stepping_in_one_word(void **state) {
    (void)state;
    struct world *w = world_xp();
    world_open(w, SC_RENDER_TEXT);
    world_begins(w, "!cpuinfo",
                 "CP  F/M/S Manufacturer  MHz PRCB Signature    MSR 8B Signature Features\n"
                 " 0  6,14,12 GenuineIntel 1733 0000005400000000                   a0033fff\n");
    world_begins(w, "!cpuid",
                 "CP  F/M/S  Manufacturer     MHz\n"
                 " 0  6,14,12  GenuineIntel    1733\n");
    world_free(w);
}

static void every_build_is_read(void **state) {
    (void)state;
    const uint32_t builds[] = {7601, 9600, 17763, 19041, 22000};
    for (size_t i = 0; i < sizeof builds / sizeof *builds; i++) {
        struct world *w = world_new(SC_CPU_X64, builds[i], NT);
        world_object(w, PRCB, "_KPRCB");
        world_set(w, "_KPRCB", PRCB, "CpuType", 1, 23);
        world_set(w, "_KPRCB", PRCB, "CpuModel", 1, 158);
        world_set(w, "_KPRCB", PRCB, "CpuStepping", 1, 10);
        world_set(w, "_KPRCB", PRCB, "MHz", 4, 3593);
        world_set(w, "_KPRCB", PRCB, "FeatureBits", 8, 0x1a3cdfbfff);
        put_text(w, PRCB + world_offset(w, "_KPRCB", "VendorString"), "AuthenticAMD");
        w->threads[0].prcb = PRCB;
        world_open(w, SC_RENDER_TEXT);
        fix_run(&w->f, "!cpuinfo 0");
        assert_non_null(strstr(fix_text(&w->f), " 0 23,158,10 AuthenticAMD 3593 0000000000000000  "
                                                "                 1a3cdfbfff\n"));
        world_free(w);
    }
}

static void a_processor_that_is_missing_is_said(void **state) {
    (void)state;
    struct world *w = world_new(SC_CPU_X64, 7601, NT);
    w->threads[0].prcb = PRCB;
    world_open(w, SC_RENDER_TEXT);
    fix_fails(&w->f, "!cpuinfo", "!cpuinfo: the dump does not hold the nt!_KPRCB of any processor");
    fix_fails(&w->f, "!cpuid 4", "!cpuid: there is no processor 4, the dump has 1");
    world_free(w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(windows_xp_keeps_model_and_stepping_in_one_word),
        cmocka_unit_test(every_build_is_read),
        cmocka_unit_test(a_processor_that_is_missing_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
