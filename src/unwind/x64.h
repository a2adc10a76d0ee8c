/* SPDX-License-Identifier: MIT */
/*
 * The x64 unwinder's inside.
 *
 *     region   code that shares a base and a function table: a module, or code made at run time
 *     entry    RUNTIME_FUNCTION: from where to where, and where its UNWIND_INFO lies
 *     info     UNWIND_INFO as it stands; versions 1, 2 and 3 have one frame
 *     plan     what is to be done to leave a function at one address: a short list of operations.
 *              Unwind codes and the rest of an epilog alike become one. Kept, because the same
 *              addresses come again: in recursion, and in the stacks of hundreds of threads.
 *
 * A step finds the plan of its address and runs it. Whatever says how far something was understood
 * is an sc_step_status, with the address of what is missing or damaged.
 */
#ifndef STOPCODE_UNWIND_X64_H
#define STOPCODE_UNWIND_X64_H

#include "base/file.h"
#include "unwind/unwind.h"

enum {
    X64_RAX,
    X64_RCX,
    X64_RDX,
    X64_RBX,
    X64_RSP,
    X64_RBP,
    X64_RSI,
    X64_RDI,
    X64_R8,
    X64_REGS = 16,
    X64_CHAIN_MAX = 32,    /* chained entries; as Windows has it */
    X64_INDIRECT_MAX = 4,  /* entries that stand for another one */
    X64_OPS_MAX = 1024,    /* of a plan */
    X64_PAYLOAD_MAX = 510, /* bytes of codes: 255 words */
    X64_INFO_MAX = 4 + 512 + 12,
};

/* ---- tables (x64_table.c) ---- */

/* Entries of 12 bytes (or more: `stride`), in the target's memory or in the dump's file. */
struct x64_table {
    const sc_file *file; /* NULL: in memory */
    uint64_t at;         /* address or file offset */
    uint32_t count, stride;
    bool unsorted; /* searched from end to end */
};

struct x64_region {
    sc_space *space;
    uint64_t base, size; /* RVAs are below `size` */
    struct x64_table table;
};

struct x64_entry {
    uint32_t begin, end, unwind;
};

/* The entry that RVA lies in, indirect ones followed: that one need not cover RVA. */
enum sc_step_status x64_find(const struct x64_region *r, uint32_t rva, struct x64_entry *ret,
                             bool *ret_found, uint64_t *ret_missing);
/* Follows an entry that stands for another one. */
enum sc_step_status x64_resolve(const struct x64_region *r, struct x64_entry *entry,
                                uint64_t *ret_missing);
/* The first part of the function that ENTRY belongs to: where its chain ends. */
enum sc_step_status x64_root(const struct x64_region *r, const struct x64_entry *entry,
                             struct x64_entry *ret, uint64_t *ret_missing);
/* LEN bytes at RVA, all of them. */
enum sc_step_status x64_read(const struct x64_region *r, uint64_t rva, void *buf, size_t len,
                             uint64_t *ret_missing);

/* ---- UNWIND_INFO (x64_codes.c) ---- */

enum { X64_EHANDLER = 1, X64_UHANDLER = 2, X64_CHAININFO = 4, X64_LARGE = 8 /* version 3 */ };

enum x64_uwop {
    X64_UWOP_PUSH_NONVOL,
    X64_UWOP_ALLOC_LARGE,
    X64_UWOP_ALLOC_SMALL,
    X64_UWOP_SET_FPREG,
    X64_UWOP_SAVE_NONVOL,
    X64_UWOP_SAVE_NONVOL_FAR,
    X64_UWOP_EPILOG, /* version 1: SAVE_XMM, 8 bytes; of compilers before the first release */
    X64_UWOP_SPARE,  /* version 1: SAVE_XMM_FAR */
    X64_UWOP_SAVE_XMM128,
    X64_UWOP_SAVE_XMM128_FAR,
    X64_UWOP_PUSH_MACHFRAME,
    X64_UWOPS
};

struct x64_info {
    uint32_t rva;
    uint64_t address;
    uint8_t version, flags, prolog;
    uint8_t words;                        /* CountOfCodes; version 3: PayloadWords */
    uint8_t frame_register, frame_offset; /* version 3: what stands in that byte, in two halves */
    uint8_t payload[X64_PAYLOAD_MAX];     /* words × 2 bytes of it */
    bool chained;
    struct x64_entry chain;
};
enum sc_step_status x64_info(const struct x64_region *r, uint32_t rva, struct x64_info *ret,
                             uint64_t *ret_missing);

/* A decoded UNWIND_CODE of versions 1 and 2. */
struct x64_code {
    uint8_t at, op, info, slots;
    uint32_t value; /* bytes: of the allocation, or from the base to the slot */
};
/* The code at slot INDEX; false when it is unknown or does not fit. */
bool x64_code(const struct x64_info *info, unsigned index, struct x64_code *ret);

/* ---- plans ---- */

enum x64_opcode {
    X64_OP_POP,    /* reg = [rsp]; rsp += 8 */
    X64_OP_DROP,   /* rsp += 8, and reg is not known: pushed, but which slot it is in is not said */
    X64_OP_ADD,    /* rsp += value */
    X64_OP_SET_SP, /* rsp = reg + value */
    X64_OP_BASE_SP,   /* base = rsp + value */
    X64_OP_BASE_REG,  /* base = reg + value */
    X64_OP_LOAD,      /* reg = [base + value] */
    X64_OP_LOAD_XMM,  /* xmm = [base + value] */
    X64_OP_MACHFRAME, /* rip, cs, flags, rsp, ss at rsp + value */
};
struct x64_op {
    uint8_t code, reg;
    int64_t value;
};

struct x64_plan {
    uint64_t ip;
    bool exact;
    enum sc_step_status status; /* SC_STEP_DONE: it can be run */
    enum sc_frame_how how;
    uint64_t missing; /* of the status */
    uint64_t info;    /* address of the UNWIND_INFO, 0 none */
    uint32_t nops;
    struct x64_op op[];
};

/* A plan in the making. */
struct x64_build {
    const struct x64_region *region;
    uint64_t ip;
    uint32_t rva;
    enum sc_frame_how how;
    uint64_t missing, info;
    bool behind;   /* ip lies behind the entry, whose last instruction is the call */
    bool sp_based; /* version 3: saves were taken relative to rsp in a chained part */
    size_t nops;
    struct x64_op op[X64_OPS_MAX];
};
/* Appends; SC_STEP_BAD when there are too many. */
enum sc_step_status x64_put(struct x64_build *b, enum x64_opcode code, unsigned reg, int64_t value);

/* Plans by address, for one region. */
struct x64_cache {
    struct x64_region region;
    struct sc_kept plans;
};
struct x64_cache *x64_cache_create(const struct x64_region *region);
void x64_cache_destroy(void *cache);
/*
 * The plan for leaving the function at IP, which lives until the next call. NULL: out of memory.
 * EXACT: IP is an instruction that was interrupted; else it is a return address.
 */
const struct x64_plan *x64_plan(struct x64_cache *cache, uint64_t generation, uint64_t ip,
                                bool exact);

/*
 * Each puts what undoes the part of a function that has run. OFFSET: of ip in the prolog;
 * X64_WHOLE: all of the prolog has run.
 */
#define X64_WHOLE UINT32_MAX
enum sc_step_status x64_codes_put(const struct x64_info *info, uint32_t offset,
                                  struct x64_build *b);

/* Version 1: is ip in an epilog, by its instructions? Then puts what is left of it. */
enum sc_step_status x64_epilog_put(const struct x64_entry *entry, const struct x64_info *info,
                                   struct x64_build *b, bool *ret_inside);
/* Version 2: by the codes. */
enum sc_step_status x64_v2_epilog_put(const struct x64_entry *entry, const struct x64_info *info,
                                      struct x64_build *b, bool *ret_inside);
/*
 * Version 3: DEPTH 0: of the entry that ip lies in, in whatever part; else the whole prolog.
 * *RET_CHAIN: what the chained entry says comes next.
 */
enum sc_step_status x64_v3_put(const struct x64_entry *entry, const struct x64_info *info,
                               unsigned depth, struct x64_build *b, bool *ret_chain);

/* Runs a plan (x64_run.c). REGS and STEP are changed on SC_STEP_DONE only, but for `missing`. */
enum sc_step_status x64_run(struct sc_unwinder *u, const struct x64_plan *plan,
                            struct sc_regs *regs, struct sc_step *step);

/* ---- code outside of modules (x64_dynamic.c) ---- */

/* The cache of the region that IP lies in, NULL when none is known. */
enum sc_step_status x64_dynamic(struct sc_unwinder *u, uint64_t ip, struct x64_cache **ret_cache,
                                sc_err **ret_err);

#endif
