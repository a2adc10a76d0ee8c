/* SPDX-License-Identifier: MIT */
/*
 * The unwinder's inside: what the steps of each CPU share.
 *
 * A step takes the registers of a frame and makes those of its caller. It never guesses: it answers
 * "no rule" where the data says nothing, and the walk (walk.c) decides what to try next. Steps are
 * bounded, whatever the data says.
 */
#ifndef STOPCODE_UNWIND_UNWIND_H
#define STOPCODE_UNWIND_UNWIND_H

#include "base/arena.h"
#include "base/vec.h"
#include "stopcode/disasm.h"
#include "stopcode/pe.h"
#include "stopcode/stack.h"
#include "unwind/kept.h"

/* A module as the steps see it. Looked for once; what cannot be had is NULL. */
struct sc_unwind_module {
    const struct sc_module *module;
    uint64_t base, size;
    sc_pe *pe;      /* the image in memory (its absent pages filled from a file), else NULL */
    bool has_table; /* `pe` has a function table for the target's CPU */
    enum sc_pe_hybrid hybrid;      /* of `pe`: kinds of code */
    const struct sc_modsyms *syms; /* NULL: no symtab, or none */
    void *own;                     /* a step's cache for this module: freed by `free_own` */
    void (*free_own)(void *own);
    void *own_ec; /* that of ARM64EC code, in images that have such */
    void (*free_own_ec)(void *own);
};

struct sc_unwinder {
    sc_target *target;
    sc_symtab *symtab; /* may be NULL */
    sc_space *space;
    enum sc_cpu cpu;
    unsigned ptr_size;
    uint64_t pac_mask; /* ARM64: bits of an address that are a signature */
    struct {
        struct sc_unwind_module **item;
        size_t count, room;
    } modules;
    struct sc_unwind_module *last; /* the one asked for before */
    struct sc_kept codes;          /* code.c's answers */
    /* For `own` alone: what the step of this CPU keeps of code outside of modules. */
    struct sc_unwind_module outside;
    sc_disasm *disasm; /* made when code of x86 is first looked at */
    bool no_disasm;    /* there is none */
};

enum sc_step_status {
    SC_STEP_DONE,    /* the registers are the caller's */
    SC_STEP_NO_RULE, /* nothing says how this frame is left */
    SC_STEP_MEMORY,  /* what the rule wants to read is not there: `missing` */
    SC_STEP_BAD,     /* the rule is damaged: `missing` is where */
    SC_STEP_ERROR,   /* out of memory or cancelled: `err`, owned by whoever called */
};

/* What a step found out besides. Zero it first. */
struct sc_step {
    enum sc_frame_how how; /* how the caller's frame was found */
    bool exact_ip; /* the caller's ip is an instruction that was interrupted, no return address */
    uint64_t ret_slot; /* as in struct sc_frame */
    uint64_t trap;     /* address of the machine frame or trap frame that was crossed; 0 none */
    uint64_t base;     /* x86: ChildEBP of the frame that was left; others: its caller's sp */
    uint64_t missing;
    bool has_rule; /* x86: what the symbols say of the frame */
    struct sc_frame_rule rule;
    uint64_t known; /* in and out: general registers whose values are known */
    /*
     * x86, in and out: bytes of parameters that lie on the stack for the frame that was left, above
     * its return address, and whether its return takes them off ("ret n"). Zero for the first
     * frame.
     */
    uint32_t callee_params;
    bool callee_pops;
    sc_err *err;
};

/*
 * The module that ADDR lies in, with its image and symbols looked for; *RET NULL outside of all
 * modules. Errors: out of memory, cancelled.
 */
sc_err *sc_unwind_module_at(struct sc_unwinder *u, uint64_t addr, struct sc_unwind_module **ret);

/*
 * What the symbols of M say of the frame at ADDR, which lies in it. A damaged provider has no rule;
 * the next one may. Errors: out of memory, cancelled.
 */
sc_err *sc_unwind_rule_at(const struct sc_unwind_module *m, uint64_t addr,
                          struct sc_frame_rule *ret_rule, bool *ret_found);

/*
 * One step. M is the module of the frame's ip, NULL outside of all. EXACT_IP as in struct sc_frame.
 * REGS are changed on SC_STEP_DONE only. An end is a caller with ip 0.
 *
 *   - sc_step_x64: .pdata and .xdata, versions 1 to 3, leaf functions in modules that have a table.
 *   - sc_step_arm64: the same for ARM64, with PAC and ARM64EC, whose registers may lie in an x64
 *     CONTEXT.
 *   - sc_step_x86: FRAMEDATA, STACK WIN, FPO_DATA. (Frame pointers are the walk's.)
 *   - sc_step_cfi: Breakpad's STACK CFI, any CPU.
 *   - sc_step_frameproc: x64, by the frame's size that private symbols say: never exact.
 *   - sc_step_pointer: the chain of frame pointers, with checks, any CPU.
 */
enum sc_step_status sc_step_x64(struct sc_unwinder *u, struct sc_unwind_module *m, bool exact_ip,
                                struct sc_regs *regs, struct sc_step *ret);
enum sc_step_status sc_step_arm64(struct sc_unwinder *u, struct sc_unwind_module *m, bool exact_ip,
                                  struct sc_regs *regs, struct sc_step *ret);
enum sc_step_status sc_step_x86(struct sc_unwinder *u, struct sc_unwind_module *m, bool exact_ip,
                                struct sc_regs *regs, struct sc_step *ret);
enum sc_step_status sc_step_cfi(struct sc_unwinder *u, struct sc_unwind_module *m, bool exact_ip,
                                struct sc_regs *regs, struct sc_step *ret);
enum sc_step_status sc_step_frameproc(struct sc_unwinder *u, struct sc_unwind_module *m,
                                      bool exact_ip, struct sc_regs *regs, struct sc_step *ret);
enum sc_step_status sc_step_pointer(struct sc_unwinder *u, struct sc_unwind_module *m,
                                    bool exact_ip, struct sc_regs *regs, struct sc_step *ret);

/*
 * Is the code at ADDR, which lies in M (or M is NULL), ARM64EC? Then its registers lie in an x64
 * CONTEXT in their own way, and its steps are those of sc_step_arm64(). Errors: out of memory,
 * cancelled.
 */
sc_err *sc_arm64_is_ec(const struct sc_unwind_module *m, uint64_t addr, bool *ret);

/* A pointer of the target from the stack; false and step->missing when it is not there. */
bool sc_step_read_ptr(struct sc_unwinder *u, uint64_t addr, uint64_t *ret_value,
                      struct sc_step *step);

#endif
