/* SPDX-License-Identifier: MIT */
/*
 * The fault: which exception, which instruction, which memory; and the words for it. What it is
 * made of: fault.c. What a bad pointer looks like: pointer.c. Sentences: fault_words.c.
 */
#ifndef STOPCODE_ANALYZE_FAULT_H
#define STOPCODE_ANALYZE_FAULT_H

#include "analyze/case.h"
#include "stopcode/disasm.h"

/* Fills c->fault from the exception record, the parameters and the context. */
void sc_fault_find(struct sc_case *c);
/* The rest of it, when the registers of the fault (c->at) are known: what the instruction did. */
void sc_fault_look(struct sc_case *c);

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

/*
 * Is REG one that holds data or addresses of data, and known at the fault? Not the instruction
 * pointer and the flags.
 */
bool sc_pointer_is_data(const struct sc_case *c, const struct sc_reg *reg);
/* Does the context of the fault hold this register? A trap frame lacks some. */
bool sc_pointer_has_reg(const struct sc_case *c, const char *name);

/* The instruction of the fault against the registers: see fault_insn.c. */
struct sc_fault_insn {
    struct sc_insn insn;
    const char *text;              /* "mov al,byte ptr [rcx+164h]" */
    bool at_fault;                 /* the registers are those of this instruction */
    const struct sc_insn_mem *mem; /* the operand that the fault is about; NULL: none, not known */
    bool has_address;
    uint64_t address; /* of that operand, computed */
    bool matches;     /* it covers the address that was reported */
    const char *base; /* register that leads astray: the operand's base or index; NULL: none */
    uint64_t base_value;
    const char *missing; /* a register of the operand that the context lacks; NULL: none */
};
/*
 * The address that is wrong: what was reported, else the register that leads there, else what the
 * instruction makes of its registers. *RET_REG: the register, NULL when it is none. False: unknown.
 */
bool sc_fault_wrong(struct sc_case *c, uint64_t *ret_address, const char **ret_reg);
/* Fills c->fault.insn, when the code is at hand. */
void sc_fault_decode(struct sc_case *c);
/* Evidence for what the instruction did: which operand, which address, from which register. */
void sc_fault_show_insn(struct sc_case *c, struct sc_draft *d);

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
