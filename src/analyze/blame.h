/* SPDX-License-Identifier: MIT */
/*
 * What the stack is worth as evidence, by bug check: data/blame.tsv. Where damage is found long
 * after it was done, where a watchdog strikes, where hardware fails, whoever stands on the stack is
 * a victim or a bystander.
 */
#ifndef STOPCODE_ANALYZE_BLAME_H
#define STOPCODE_ANALYZE_BLAME_H

#include <stdbool.h>
#include <stdint.h>

enum sc_worth {
    SC_WORTH_USUAL,   /* whoever called what failed is likely to have caused it */
    SC_WORTH_CALLER,  /* the call itself was wrong */
    SC_WORTH_CALLEE,  /* whoever was called did it */
    SC_WORTH_OWNER,   /* usual, unless it is Windows' own driver: then as noticed */
    SC_WORTH_NOTICED, /* damage was found here that was done before */
    SC_WORTH_HANDED,  /* the same in what is the kernel's: only who gave back a part of it */
    SC_WORTH_SAMPLED, /* the stack is a sample of much that ran */
    SC_WORTH_NONE,    /* the stack has nothing to do with it */
};

struct sc_blame {
    enum sc_worth worth;
    const char *why; /* part of a sentence; "" for SC_WORTH_USUAL */
    /* Flags of Driver Verifier that fit the code; 0: the standard ones. */
    unsigned verifier;
    bool verified; /* Driver Verifier raised the code: it is on already */
};

/* CODE without the bit that marks minidumps. */
struct sc_blame sc_blame_of(uint32_t code, const uint64_t args[4]);

#endif
