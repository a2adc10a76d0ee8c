/* SPDX-License-Identifier: MIT */
/*
 * Numbers that are one bit off: what memory or a bus makes of a good pointer when a single bit
 * fails. Programs make few such mistakes in the upper half of an address: there neither an index
 * that ran away nor a neighbouring structure explains the difference.
 */
#ifndef STOPCODE_ANALYZE_BITFLIP_H
#define STOPCODE_ANALYZE_BITFLIP_H

#include "analyze/case.h"

struct sc_bitflip {
    uint64_t bad, good; /* they differ in `bit` alone */
    unsigned bit;
    const char *what;    /* what lies at `good`: "where register rdi points"; NULL: not known */
    const char *command; /* shows that; can be typed */
    bool likely;         /* the criteria for "likely" hold: see bitflip.c */
};

/*
 * Is there a good number one bit away from BAD, an address that could not be used? False when BAD
 * looks like something else (null, freed memory, text) or nothing fits.
 */
bool sc_bitflip_find(struct sc_case *c, uint64_t bad, struct sc_bitflip *ret);
/* How many bits of VALUE are set. */
unsigned sc_bits_set(uint64_t value);
/* "? fffff804`00000000 ^ 0000000800000000": a command that shows GOOD. */
const char *sc_bitflip_command(struct sc_case *c, const struct sc_bitflip *flip);

/* Those of the fault: of the address that was used, and of the instruction's own. */
struct sc_flips {
    bool memory, ip; /* there is one */
    struct sc_bitflip of_memory, of_ip;
    const char *reg; /* the register that holds the bad address; NULL: it was reported */
};
/* Looked for once. Never NULL. */
const struct sc_flips *sc_bitflips(struct sc_case *c);

#endif
