/* SPDX-License-Identifier: MIT */
/**
 * @file
 * Findings: what happened, who did it, how sure we are, and the evidence.
 *
 * The evidence must be specific: every claim names the command that shows it (and the address it
 * is about). A claim without evidence is not made. Competing findings are all kept, ranked.
 */
#ifndef STOPCODE_FINDING_H
#define STOPCODE_FINDING_H

#include "stack.h"
#include "symtab.h"
#include "target.h"

#ifdef __cplusplus
extern "C" {
#endif

/**
 * How sure. CERTAIN: the dump itself records it (a parameter that names the driver, a log entry).
 * STRONG: the faulting instruction or a structure points there and nothing contradicts it.
 * LIKELY: one good piece of evidence, others possible. POSSIBLE: worth looking at, no more.
 */
enum sc_confidence { SC_POSSIBLE, SC_LIKELY, SC_STRONG, SC_CERTAIN };
/** "possible", "likely", "strong", "certain". */
SC_API const char *sc_confidence_name(enum sc_confidence confidence);

/** One claim and what shows it. */
struct sc_evidence {
    const char *claim;   /**< one sentence */
    bool against;        /**< speaks against the finding */
    uint64_t address;    /**< what it is about; SC_UNSET64 = none */
    const char *command; /**< can be typed at the prompt and shows it; never NULL */
};

/** One verdict. Strings are owned by the analysis. */
struct sc_finding {
    const char *rule;    /**< id of the rule that made it: "faulting-address" */
    const char *summary; /**< one sentence a manager understands */
    const char *detail;  /**< one sentence an engineer acts on */
    enum sc_confidence confidence;
    const struct sc_module *module; /**< who; NULL = no module is blamed */
    const char *symbol; /**< "amdppm+0x334c", with symbols "amdppm!WriteIoMemRawEx+0x70"; or NULL */
    struct sc_evidence *evidence;
    size_t nevidence;
    const char **lacked; /**< what the rule could not read or know */
    size_t nlacked;
    const char **next; /**< what would settle it: commands or actions, one a line */
    size_t nnext;
    const char **support; /**< ids of other rules that found the same module; their evidence is
                               in `evidence` */
    size_t nsupport;
};

/** A bug-check parameter explained in this dump. */
struct sc_bugarg {
    uint64_t value;
    const char *kind;    /**< name of its kind: "code", "irql", … */
    const char *text;    /**< what the parameter is; "" undocumented */
    const char *meaning; /**< what this value means ("write", "STATUS_ACCESS_VIOLATION"), or NULL */
    const char *where;   /**< "amdppm+0x334c" when it lies in a module, or NULL */
};

/** The whole result of !analyze. */
struct sc_analysis {
    const struct sc_machine *machine;
    bool has_bugcheck;
    uint32_t code;
    const char *name; /**< "SYSTEM_THREAD_EXCEPTION_NOT_HANDLED_M"; NULL without a bug check */
    const char *brief;
    const char *about; /**< may be NULL */
    struct sc_bugarg arg[4];
    bool has_exception;
    struct sc_exception exception; /**< the one to look at: from a parameter, else the dump's */
    const char *exception_name, *exception_text; /**< NULL unknown */
    uint64_t exception_va; /**< where it was read from, SC_UNSET64: the dump's own */
    bool has_regs;
    struct sc_regs regs;      /**< the context to look at */
    const char *regs_command; /**< the command that shows it: ".cxr 0x…", ".ecxr" */
    /** The stack of `regs`; no frames: `stack_why`. Its modules and names live as the target's. */
    struct sc_stack stack;
    const char **stack_symbol; /**< of each frame: "nt!KeBugCheckEx+0x12", or its address */
    const char *stack_command; /**< shows it: ".cxr 0x…; kb"; NULL without a stack */
    const char *stack_why;     /**< why there is none; NULL otherwise */
    const char *process;       /**< image name of the current process, or NULL */
    uint64_t thread; /**< that ran: a kernel's ETHREAD, a process's thread id; SC_UNSET64 unknown */
    uint64_t fault_ip;        /**< the instruction that failed; SC_UNSET64 unknown */
    uint64_t fault_address;   /**< the memory it touched; SC_UNSET64 unknown, or not memory */
    const char *fault_access; /**< "read", "write", "execute"; NULL unknown */
    /**
     * What the parameters, records and registers of this dump say, decoded: one claim each, with
     * the command that shows it. They blame nobody.
     */
    struct sc_evidence *facts;
    size_t nfacts;
    const char *bucket;          /**< stable over builds and load addresses; never NULL */
    struct sc_finding *findings; /**< best first */
    size_t nfindings;
    const char **notes; /**< what is odd about the dump */
    size_t nnotes;
};

/** Analyses the target. *RET is ended with sc_analysis_destroy(). */
SC_API sc_err *sc_analyze(sc_target *target, struct sc_analysis **ret_analysis);
/**
 * The same with the target's symbols, which are loaded where a name is needed: places get names,
 * the bucket the function's, and structures are read by their own layouts. NULL: without.
 */
SC_API sc_err *sc_analyze_with(sc_target *target, sc_symtab *symtab,
                               struct sc_analysis **ret_analysis);
SC_API void sc_analysis_destroy(struct sc_analysis *analysis);

#ifdef __cplusplus
}
#endif
#endif
