/* SPDX-License-Identifier: MIT */
/*
 * The trap frame of a fault, found in a stack's memory by what it must hold. A walk finds it when
 * it can be followed that far; where neither symbols nor images are at hand, the bug check's
 * parameters still say which instruction failed or which address was touched, and a frame that
 * holds either of them, in the form that only the processor makes, is the fault's.
 */
#ifndef STOPCODE_UNWIND_FAULT_TRAP_H
#define STOPCODE_UNWIND_FAULT_TRAP_H

#include "stopcode/stack.h"

struct sc_trap_wanted {
    uint64_t sp;     /* the stack is searched from here outwards */
    uint64_t ip;     /* the instruction that failed; SC_UNSET64: not known */
    uint64_t memory; /* the address that was touched; SC_UNSET64: not known */
    uint32_t status; /* the exception's code, for the record beside the frame; 0: not known */
};

struct sc_fault_trap {
    uint64_t address; /* of the KTRAP_FRAME */
    uint64_t kept;    /* x64: of the KEXCEPTION_FRAME that belongs to it; 0: none was found */
    struct sc_regs regs;
    uint64_t known;   /* bit N: general register N of the CPU's own numbering */
    bool has_address; /* it holds the address that was touched as well */
};

/*
 * Looks for it in the stack that WANTED->sp lies on: one of OPTS (may be NULL), else the memory
 * around. *RET_FOUND false: there is none, or of this CPU none can be recognised (ARM64). Errors:
 * out of memory, cancelled.
 */
sc_err *sc_fault_trap_find(sc_unwinder *unwinder, const struct sc_stack_opts *opts,
                           const struct sc_trap_wanted *wanted, struct sc_fault_trap *ret,
                           bool *ret_found);

#endif
