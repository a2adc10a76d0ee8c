/* SPDX-License-Identifier: MIT */
/*
 * An analysis in the making: what is known of the dump so far, and the helpers that every rule
 * writes its finding with.
 *
 * Running out of memory is sticky: the helpers that make text return "" and set `nomem`, and
 * sc_analyze() asks once at the end. So a rule is a straight line of sentences. All text lives in
 * the analysis' arena. Names that come from the dump are cut to SC_NAME_MAX bytes, and appear in a
 * command only if they are plain enough to be typed.
 */
#ifndef STOPCODE_ANALYZE_CASE_H
#define STOPCODE_ANALYZE_CASE_H

#include <stdarg.h>

#include "analyze/bugcheck_table.h"
#include "base/arena.h"
#include "nt/driver.h"
#include "stopcode/finding.h"

enum { SC_NAME_MAX = 64, SC_SYMBOL_MAX = 256, SC_FACTS_MAX = 64 };

struct sc_fault_insn;

/* The fault: which instruction failed, what it touched, and who says so. See fault.c. */
struct sc_fault {
    uint32_t status;     /* NTSTATUS or exception code; 0 = none known */
    uint64_t ip;         /* the instruction; SC_UNSET64 = not known */
    unsigned ip_arg;     /* the bug check's parameter that holds it (1-4), 0 = none does */
    bool ip_in_record;   /* the exception record holds it */
    bool ip_in_regs;     /* the register context stands on it (or in the same module) */
    bool contradicted;   /* the context stands in another module than `ip` */
    uint64_t memory;     /* the address that was touched; SC_UNSET64 = not known */
    unsigned memory_arg; /* as above; 0 with a known address: the exception record */
    bool computed;       /* nothing records it: the instruction's operand with these registers */
    bool hidden;         /* the processor did not report the address: it was not canonical */
    const char *access;  /* "read", "write", "execute"; NULL = not known */
    const struct sc_fault_insn *insn; /* what stands at `ip`, see fault.h; NULL = not known */
};

struct sc_notes {
    const char **item;
    size_t count, room;
};
struct sc_findings {
    struct sc_finding *item;
    size_t count, room;
};

struct sc_culprit; /* culprit.h */
struct sc_facts {
    struct sc_evidence *item;
    size_t count, room;
};
struct sc_kfacts;     /* kfacts.h */
struct sc_fault_trap; /* unwind/fault_trap.h */
struct sc_fault_regs; /* faultregs.h */
struct sc_flips;      /* bitflip.h */
struct sc_code_diff;  /* codebytes.h */
struct sc_flip_stack; /* bitflip.c */
struct sc_late;       /* late.h */

struct sc_case {
    sc_target *target;
    sc_symtab *symtab; /* NULL: without symbols */
    const struct sc_machine *machine;
    sc_arena *arena; /* the analysis' own */
    struct sc_analysis *a;
    bool nomem;
    bool is32;
    unsigned ptr_size;
    struct sc_bug bug; /* when a->has_bugcheck */
    struct sc_fault fault;
    const struct sc_culprit *culprit; /* the first frame worth blaming; never NULL for rules */
    uint64_t context_va;              /* where a->regs was read from; SC_UNSET64: the dump's own */
    bool regs_of_fault;               /* a->regs is the state at the fault, not at the bug check */
    bool regs_partial;       /* from a trap frame: it lacks r12-r15 and perhaps rbx, rsi, rdi */
    const char *process_why; /* why a->process is NULL */
    const char *rule;        /* id of the rule that runs */
    struct sc_findings findings;
    struct sc_notes notes;
    unsigned user_kind; /* of a process: enum sc_user_kind, and 1; 0: not worked out yet */
    struct sc_facts facts;
    struct sc_kfacts *k;              /* what the kernel's objects say; never NULL when rules run */
    const struct sc_fault_trap *trap; /* found on the stack, see faultregs.h; NULL none */
    const struct sc_fault_regs *at;   /* the registers of the fault; never NULL when rules run */
    const struct sc_flips *flips;     /* NULL: not looked for yet */
    const struct sc_code_diff *code;  /* the same */
    const struct sc_flip_stack *flip_stack; /* the same */
    const struct sc_late *late;             /* the same */
};

/* --- text; never NULL -------------------------------------------------------------------- */
const char *sc_case_text(struct sc_case *c, const char *fmt, ...) SC_PRINTF(2, 3);
const char *sc_case_vtext(struct sc_case *c, const char *fmt, va_list ap) SC_PRINTF(2, 0);
/* 8 or 16 digits, as operands of commands: "fffff8048b58334c". */
const char *sc_case_hex(struct sc_case *c, uint64_t addr);
/* With WinDbg's backtick, for sentences. */
const char *sc_case_addr(struct sc_case *c, uint64_t addr);
/* NAME in the arena, cut to SC_NAME_MAX bytes between characters. */
const char *sc_case_name(struct sc_case *c, const char *name);
/*
 * "amdppm!WriteIoMemRawEx+0x70", without symbols "amdppm+0x334c", "<Unloaded_foo.sys>+0x10"; NULL
 * when the address lies in no module.
 */
const char *sc_case_where(struct sc_case *c, uint64_t addr);
/* Does sc_case_where() name a function or variable there, not only a module? */
bool sc_case_is_named(struct sc_case *c, uint64_t addr);
/* That, or the address. */
const char *sc_case_place(struct sc_case *c, uint64_t addr);
/* "amdppm.sys (fffff804`8b580000 to fffff804`8b5a3000)" */
const char *sc_case_extent(struct sc_case *c, const struct sc_module *module);
/* "amdppm.sys (Microsoft, AMD processor power driver)"; the bare name when nothing is known. */
const char *sc_case_who(struct sc_case *c, const struct sc_module *module);
/* A remark on what is odd about the dump. */
void sc_case_note(struct sc_case *c, const char *fmt, ...) SC_PRINTF(2, 3);

/* Something that the dump says, decoded; blames nobody. The command shows it. */
void sc_case_fact(struct sc_case *c, uint64_t address, const char *command, const char *fmt, ...)
    SC_PRINTF(4, 5);

/* --- commands ------------------------------------------------------------------------------ */
/* "ln ADDR" */
const char *sc_case_ln(struct sc_case *c, uint64_t addr);
/* "lm a ADDR" */
const char *sc_case_lm(struct sc_case *c, uint64_t addr);
/* "lmvm NAME", or "lm a BASE" when the name could not be typed. */
const char *sc_case_lmvm(struct sc_case *c, const struct sc_module *module);
/* The command that shows the exception record or the context that the analysis used. */
const char *sc_case_exr(struct sc_case *c);
const char *sc_case_cxr(struct sc_case *c);

/* --- facts ----------------------------------------------------------------------------------- */
/* Narrows an address of a 32-bit target. */
uint64_t sc_case_canon(const struct sc_case *c, uint64_t addr);
/* Is this bug-check parameter kind one that can hold an address in an image? */
bool sc_kind_is_address(enum sc_bug_kind kind);
/* Could ADDR be an address of kernel space? (Not just: is it one.) */
bool sc_case_in_kernel(const struct sc_case *c, uint64_t addr);
/* What the tables know of MODULE; kind NT_DRIVER_VENDOR and empty texts when nothing. */
struct nt_driver sc_case_driver(const struct sc_module *module);
/* The kernel or the HAL: everything passes through them, so nobody is blamed for being there. */
bool sc_case_is_kernel(const struct sc_module *module);
/* Has a rule before already blamed MODULE? */
bool sc_case_blamed(const struct sc_case *c, const struct sc_module *module);
/* Is it certain that nobody is to blame, since the stop was asked for? */
bool sc_case_answered(const struct sc_case *c);
/* Did Windows only write a report and go on running (0x161, …_LIVEDUMP)? */
bool sc_case_is_live(const struct sc_case *c);
/* A small dump: registers, stacks and a few pages? */
bool sc_case_is_small(const struct sc_case *c);
/* BUGCHECK without the bit that marks a minidump of it: 0x1000007E is 0x7E. */
uint32_t sc_plain_code(uint32_t code);
/* Is CODE one of the N codes at LIST? */
bool sc_code_in(uint32_t code, const uint32_t *list, size_t n);

/* stack.c: fills the analysis' stack from its registers, or says why there is none; c->culprit. */
sc_err *sc_case_stack(struct sc_case *c);
/* rank.c: joins findings about the same module, and puts the best first. */
void sc_case_rank(struct sc_case *c);

/* --- a finding in the making ------------------------------------------------------------------ */
enum { SC_EVIDENCE_MAX = 12, SC_LINES_MAX = 8 };
struct sc_draft {
    struct sc_finding f;
    struct sc_evidence evidence[SC_EVIDENCE_MAX];
    const char *lacked[SC_LINES_MAX], *next[SC_LINES_MAX];
};

void sc_draft_init(struct sc_draft *d, enum sc_confidence confidence);
/* A claim, the address it is about (SC_UNSET64: none) and the command that shows it. */
void sc_draft_show(struct sc_case *c, struct sc_draft *d, uint64_t address, const char *command,
                   const char *fmt, ...) SC_PRINTF(5, 6);
/* The same for a claim that speaks against the finding. */
void sc_draft_against(struct sc_case *c, struct sc_draft *d, uint64_t address, const char *command,
                      const char *fmt, ...) SC_PRINTF(5, 6);
void sc_draft_lacked(struct sc_case *c, struct sc_draft *d, const char *fmt, ...) SC_PRINTF(3, 4);
void sc_draft_next(struct sc_case *c, struct sc_draft *d, const char *fmt, ...) SC_PRINTF(3, 4);
/*
 * Adds the finding to the analysis under the running rule's id. One without evidence, a summary or
 * a detail is not added: such a claim is not made.
 */
void sc_case_add(struct sc_case *c, const struct sc_draft *d);

#endif
