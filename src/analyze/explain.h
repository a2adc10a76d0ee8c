/* SPDX-License-Identifier: MIT */
/*
 * Bug checks explained in this dump: what their parameters mean here, beyond what the table of
 * texts can say. A function for each family of codes (explain_*.c), listed in explain.c; each adds
 * words to parameters (sc_arg_add) and facts (sc_case_fact) and blames nobody.
 */
#ifndef STOPCODE_ANALYZE_EXPLAIN_H
#define STOPCODE_ANALYZE_EXPLAIN_H

#include "analyze/case.h"
#include "analyze/kfacts.h"

/* When the parameters have their texts: contexts that only some bug checks have. */
void sc_explain_records(struct sc_case *c);
/* When the fault is known and the stack was walked: all the rest. */
void sc_explain(struct sc_case *c);

/* --- for explain_*.c ------------------------------------------------------------------------ */

/* Parameter N (1-4). */
uint64_t sc_arg(const struct sc_case *c, unsigned n);
/* Puts words behind what is said of parameter N already. */
void sc_arg_add(struct sc_case *c, unsigned n, const char *fmt, ...) SC_PRINTF(3, 4);
/* The same for something that the dump lacks; of a machine without memory nothing is said. */
void sc_arg_absent(struct sc_case *c, unsigned n, const char *text);
/* Takes REGS, read from VA by COMMAND ("`.trap`"), for the registers of the fault. */
void sc_take_regs(struct sc_case *c, const struct sc_regs *regs, uint64_t va, const char *command,
                  bool partial);
/* The same for an exception record. */
void sc_take_exception(struct sc_case *c, const struct sc_exception *e, uint64_t va);

/*
 * What the object at VALUE, a parameter of KIND, is as far as the dump holds it ("thread 4.1a8 of
 * System", "on the current thread's kernel stack"); NULL when there is nothing to say.
 */
const char *sc_kind_object(struct sc_case *c, enum sc_bug_kind kind, uint64_t value);
/* Contents of a page table entry: "valid, read-only, no execute, page frame 1a2b3". */
const char *sc_pte_text(struct sc_case *c, uint64_t pte);
/* The only bit that is set in VALUE; false when there are more or none. */
bool sc_one_bit(uint64_t value, unsigned *ret_bit);

void sc_explain_trap(struct sc_case *c);       /* 0x7F */
void sc_explain_trap_frame(struct sc_case *c); /* 0x7F: phase of records */
void sc_explain_fail_fast(struct sc_case *c);  /* 0x139 */
void sc_explain_watchdog(struct sc_case *c);   /* 0x133, 0x101, 0x1CA */
void sc_explain_power(struct sc_case *c);      /* 0x9F, 0xA0, 0x14F, 0x15F */
void sc_explain_memory(struct sc_case *c);     /* 0x1A, 0x4E, 0x12B, 0xBE, 0xFC, … */
void sc_explain_pool(struct sc_case *c);       /* 0x19, 0xC2, 0xC5, 0x13A, 0xC4 */
void sc_explain_process(struct sc_case *c);    /* 0xEF, 0xF4 */
void sc_explain_whea(struct sc_case *c);       /* 0x124 */
void sc_explain_store(struct sc_case *c);      /* 0x154: phase of records */
void sc_explain_numbers(struct sc_case *c);    /* all: by what the texts call a parameter */
void sc_explain_moment(struct sc_case *c);     /* all: thread, IRQL, stack */

#endif
