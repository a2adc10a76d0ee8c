/* SPDX-License-Identifier: MIT */
/*
 * The fault: which exception, which instruction, which memory; and the words for it. What it is
 * made of: fault.c. What a bad pointer looks like: pointer.c. Sentences: fault_words.c.
 */
#ifndef STOPCODE_ANALYZE_FAULT_H
#define STOPCODE_ANALYZE_FAULT_H

#include "analyze/case.h"

/* Fills c->fault from the exception record, the parameters and the context. */
void sc_fault_find(struct sc_case *c);

/* What an address that could not be used looks like. */
struct sc_pointer {
    const char *id;   /* "null", "null-offset", "negative", "poison", "text", "non-canonical",
                         "user" */
    const char *text; /* "a null pointer plus 0x18": a phrase that names a thing */
};
/* False when nothing can be said of it: it looks like any other address. */
bool sc_pointer_class(struct sc_case *c, uint64_t addr, struct sc_pointer *ret);
/* Registers of the fault's context that hold VALUE: "rcx, rdi"; NULL when none does. */
const char *sc_pointer_regs(struct sc_case *c, uint64_t value, size_t *ret_count);
/* The first register that no x64 address can be, and its value; false when there is none. */
bool sc_pointer_wild_reg(struct sc_case *c, const char **ret_name, uint64_t *ret_value);

/* "used a null pointer", "divided by zero": what the code did, for anybody; never NULL. */
const char *sc_fault_did(struct sc_case *c);
/*
 * One sentence for an engineer: where, what, which address, and what that looks like.
 * "amdppm+0x334c raised STATUS_ACCESS_VIOLATION (c0000005) reading 00000000`00000018: …"
 */
const char *sc_fault_detail(struct sc_case *c);
/* Evidence for what the detail says of the pointer and of the registers. */
void sc_fault_show_pointer(struct sc_case *c, struct sc_draft *d);
/* Evidence for where the instruction is: the record, the parameter, the context. */
void sc_fault_show_ip(struct sc_case *c, struct sc_draft *d);

#endif
