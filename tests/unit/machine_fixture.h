/* SPDX-License-Identifier: MIT */
/*
 * Machines that scenarios describe (docs/forge.md), as bytes at their virtual addresses:
 *
 *     struct built b = build(MACHINE "dpc fffffa8003000000 on 0\n");
 *     assert_int_equal(number(&b, 0xfffffa8003000000, 1), 0x13);
 *     forge_output_free(&b.out);
 *     fails("dpc 1\n", "case:1: dpc: …");
 */
#ifndef STOPCODE_UNIT_MACHINE_FIXTURE_H
#define STOPCODE_UNIT_MACHINE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "forge/scenario.h"

struct built {
    struct forge_output out;
    const struct forge_mmu *mmu;
    unsigned current; /* the current process's space */
};

/* AS: another `dump` line; NULL: the text's own. Fails the test with the scenario's complaint. */
static inline struct built build_as(const char *text, const char *as) {
    char why[FORGE_WHY_MAX];
    struct built b = {0};
    if (!forge_scenario_build_as("case", text, as, &b.out, why))
        fail_msg("%s", why);
    b.mmu = forge_output_mmu(&b.out, &b.current);
    return b;
}

static inline struct built build(const char *text) { return build_as(text, NULL); }

/* The number of WIDTH bytes at VA, which must be mapped. */
static inline uint64_t number_in(const struct built *b, unsigned space, uint64_t va,
                                 unsigned width) {
    uint8_t byte[8] = {0};
    uint64_t v = 0;
    if (!forge_mmu_read(b->mmu, space, va, byte, width))
        fail_msg("%llx is not mapped", (unsigned long long)va);
    for (unsigned i = width; i-- > 0;)
        v = v << 8 | byte[i];
    return v;
}

static inline uint64_t number(const struct built *b, uint64_t va, unsigned width) {
    return number_in(b, b->current, va, width);
}

/* The text is wrong, and the complaint has WANT in it. */
static inline void fails(const char *text, const char *want) {
    char why[FORGE_WHY_MAX];
    struct forge_output out;
    if (forge_scenario_build("case", text, &out, why))
        fail_msg("it was made, but should be: %s", want);
    if (!strstr(why, want))
        fail_msg("\"%s\" does not say \"%s\"", why, want);
}

#endif
