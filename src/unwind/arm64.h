/* SPDX-License-Identifier: MIT */
/*
 * The ARM64 unwinder's inside.
 *
 *     region   code that shares a base and a function table
 *     entry    a row of the table: where a piece of code begins, how long it is, how it is unwound
 *     info     the unwind codes of a piece of code, from .xdata or made of the packed form: both
 *              have the same codes, so that nothing behind this knows which it was
 *     plan     what is to be done to leave a piece of code at one address: a short list of
 *              operations. Kept, because the same addresses come again
 *
 * A step finds the plan of its address and runs it. Whatever says how far something was understood
 * is an sc_step_status, with the address of what is missing or damaged.
 */
#ifndef STOPCODE_UNWIND_ARM64_H
#define STOPCODE_UNWIND_ARM64_H

#include "unwind/unwind.h"

enum {
    ARM64_X0 = 0,
    ARM64_X18 = 18, /* the platform's: nobody changes it */
    ARM64_X19 = 19,
    ARM64_X28 = 28,
    ARM64_FP = 29,
    ARM64_LR = 30,
    ARM64_SP = 31,
    ARM64_REGS = 32,
    ARM64_CODES_MAX = 255 * 4, /* bytes of unwind codes */
    ARM64_EPILOGS_MAX = 65535,
    ARM64_OPS_MAX = 2048, /* of a plan: two for each code */
};

/* ---- tables (arm64_table.c) ---- */

struct arm64_region {
    sc_space *space;
    uint64_t base, size; /* RVAs are below `size` */
    uint32_t table;      /* RVA of the function table */
    uint32_t count;      /* entries of 8 bytes */
};

struct arm64_entry {
    uint32_t begin;
    uint32_t length; /* bytes */
    uint32_t data;   /* the second word: RVA of .xdata, or packed with its flag */
    bool chained;    /* flag 3: `data` is that of the entry it stands for */
};

/* LEN bytes at RVA, all of them. */
enum sc_step_status arm64_read(const struct arm64_region *r, uint64_t rva, void *buf, size_t len,
                               uint64_t *ret_missing);
/* The entry that RVA lies in; *RET_FOUND false: a leaf function. */
enum sc_step_status arm64_find(const struct arm64_region *r, uint32_t rva, struct arm64_entry *ret,
                               bool *ret_found, uint64_t *ret_missing);

/* ---- unwind codes (arm64_codes.c) ---- */

enum arm64_flag { ARM64_XDATA, ARM64_PACKED, ARM64_PACKED_FRAGMENT, ARM64_CHAINED };

struct arm64_info {
    uint64_t address;  /* of .xdata, or of the packed entry */
    uint32_t length;   /* of the function, in instructions */
    uint32_t nepilogs; /* scopes at `scopes`; `single`: none */
    uint32_t scopes;   /* RVA */
    bool single;       /* one epilog, at the end, whose codes begin at `first` */
    uint32_t first;    /* index of a code */
    uint32_t size;     /* bytes of codes */
    uint8_t codes[ARM64_CODES_MAX];
};
/* What ENTRY says. */
enum sc_step_status arm64_info(const struct arm64_region *r, const struct arm64_entry *entry,
                               struct arm64_info *ret, uint64_t *ret_missing);
/* The codes of a packed entry; false when it cannot be one (sizes that contradict each other). */
bool arm64_unpack(uint32_t packed, struct arm64_info *ret);

enum arm64_uwop {
    ARM64_UW_ALLOC,   /* value: bytes */
    ARM64_UW_ALLOC_Z, /* value: vector lengths */
    ARM64_UW_SAVE,    /* `count` x registers from `reg` on, at sp + value */
    ARM64_UW_SAVE_LR, /* x register `reg` and lr */
    ARM64_UW_SAVE_D,  /* d registers */
    ARM64_UW_SAVE_Q,  /* q registers */
    ARM64_UW_SAVE_Z,  /* z or p registers: the CONTEXT has none of them */
    ARM64_UW_SET_FP,  /* mov fp, sp */
    ARM64_UW_ADD_FP,  /* add fp, sp, #value */
    ARM64_UW_NOP,
    ARM64_UW_END,
    ARM64_UW_END_C,
    ARM64_UW_SAVE_NEXT,
    ARM64_UW_TRAP_FRAME,
    ARM64_UW_MACHINE_FRAME,
    ARM64_UW_CONTEXT,
    ARM64_UW_EC_CONTEXT,
    ARM64_UW_CLEAR_UNWOUND_TO_CALL,
    ARM64_UW_PAC_SIGN_LR,
};

/* A decoded unwind code. */
struct arm64_code {
    enum arm64_uwop op;
    uint8_t reg, count;
    bool pre;      /* the save allocates: value is what it takes off sp */
    uint8_t bytes; /* that the code takes */
    uint8_t insns; /* instructions that it stands for: 0 or 1 */
    uint32_t value;
};
/* The code at byte INDEX; false when it is unknown or does not fit. */
bool arm64_code(const struct arm64_info *info, uint32_t index, struct arm64_code *ret);
/* Instructions from the code at INDEX on to the next end; false: it is damaged. */
bool arm64_scope(const struct arm64_info *info, uint32_t index, uint32_t *ret_insns);

/* ---- plans (arm64_plan.c) ---- */

enum arm64_opcode {
    ARM64_OP_ADD,    /* sp += value */
    ARM64_OP_FP,     /* sp = fp - value */
    ARM64_OP_LOAD_X, /* count registers from [sp + value] */
    ARM64_OP_LOAD_D,
    ARM64_OP_LOAD_Q,
    ARM64_OP_UNKNOWN, /* sp is not known any more */
    ARM64_OP_TRAP_FRAME,
    ARM64_OP_MACHINE_FRAME,
    ARM64_OP_CONTEXT,
    ARM64_OP_EC_CONTEXT,
    ARM64_OP_CLEAR, /* lr is no return address, but where it goes on */
};
struct arm64_op {
    uint8_t code, reg, count;
    uint32_t value;
};

struct arm64_plan {
    enum sc_step_status status; /* SC_STEP_DONE: it can be run */
    bool leaf;                  /* nothing stands in the table */
    uint64_t missing;           /* of the status */
    uint64_t info;              /* where the unwind data lies, 0 none */
    uint32_t nops;
    struct arm64_op op[];
};

/* Plans by address, for one region. */
struct arm64_cache {
    struct arm64_region region;
    struct sc_kept plans;
};
struct arm64_cache *arm64_cache_create(const struct arm64_region *region);
void arm64_cache_destroy(void *cache);
/* The plan for leaving the code at AT, which lives until the next call. NULL: out of memory. */
const struct arm64_plan *arm64_plan(struct arm64_cache *cache, uint64_t generation, uint64_t at);

/* ---- running (arm64_run.c) ---- */

/* REGS and STEP are changed on SC_STEP_DONE only, but for `missing`. */
enum sc_step_status arm64_run(struct sc_unwinder *u, const struct arm64_plan *plan, bool exact_ip,
                              struct sc_regs *regs, struct sc_step *step);

/* ---- ARM64EC (arm64_ec.c) ---- */

/*
 * A CONTEXT of x64 holds the registers of ARM64EC code, each in a field of its own. KNOWN: bits of
 * x64's registers, and ARM64EC_LR for lr, which no x64 register holds.
 */
#define ARM64EC_LR (UINT64_C(1) << 30)
void arm64ec_take(const struct sc_regs *from, uint64_t known, struct sc_regs *ret,
                  uint64_t *ret_known);
void arm64ec_give(const struct sc_regs *from, uint64_t known, struct sc_regs *ret,
                  uint64_t *ret_known);
/* Register N of ARM64 in a CONTEXT of x64: its offset; 0: it has none. */
unsigned arm64ec_offset(unsigned n);

#endif
