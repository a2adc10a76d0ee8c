/* SPDX-License-Identifier: MIT */
/*
 * A small memory dump under construction; the file is made in memory, being small.
 *
 *   triage.c         the order of the parts, the processor's and the thread's own, the header
 *   triage_lists.c   drivers, unloaded drivers, figures of the memory manager
 *   triage_blocks.c  which other memory goes with it
 *   triage_copy.c    of a dump that is a small one already
 */
#ifndef STOPCODE_CONVERT_TRIAGE_H
#define STOPCODE_CONVERT_TRIAGE_H

#include "convert/convert_impl.h"

/* Members of KDDEBUGGER_DATA64. */
enum {
    KD_BUGCHECK_DATA = 0x88,
    KD_MAX_NONPAGED = 0x100,
    KD_PAGED_POOL_SIZE = 0x140,
    KD_COMMITTED = 0x150,
    KD_BUILD_LAB = 0x208,
    KD_PROCESSOR_BLOCK = 0x218,
    KD_TRIAGE_ACTION = 0x230,
    KD_SPECIAL_POOL_TAG = 0x238,
    KD_KERNEL_VERIFIER = 0x240,
    KD_VERIFIER_DATA = 0x248,
    KD_ALLOCATED_NONPAGED = 0x250,
    KD_PEAK_COMMITMENT = 0x258,
    KD_COMMIT_LIMIT_MAX = 0x260,
    KD_CSD_VERSION = 0x268,
    KD_INITIAL_STACK = 0x29e,
    KD_THREAD_PROCESS = 0x2a0,
    KD_SIZE_PROCESS = 0x2a8,
    KD_SIZE_PRCB = 0x2b0,
    KD_PRCB_CURRENT_THREAD = 0x2b4,
    KD_PRCB_STATE_CONTEXT = 0x2bc,
    KD_SIZE_THREAD = 0x2c0,
    KD_PRCB_CONTEXT = 0x338,
};

struct conv_bytes {
    uint8_t *item;
    size_t count, room;
};

/* Memory that is wanted: kept in the order of importance until it is sorted. */
struct conv_wanted {
    struct conv_want {
        uint64_t va, size;
    } * item;
    size_t count, room;
};

struct conv_triage {
    struct conversion *c;
    sc_space *space;
    const struct sc_paging *paging;
    unsigned ptr;
    uint64_t prcb, thread, process; /* of the processor that the dump is about; 0 not known */
    struct sc_regs regs;            /* the event's; size 0: none */
    uint64_t stack, stack_size;
    bool kernel_only; /* no memory of processes */
    bool overflow;    /* not everything had room */
    uint64_t skipped; /* pages that must not be written */
    struct conv_bytes file;
};

/* Room for SIZE zeroed bytes at the end of the file; *RET_OFFSET is where. SC_ERR_LIMIT. */
sc_err *conv_triage_add(struct conv_triage *t, size_t size, uint32_t *ret_offset);
/* Bytes that the dump itself (no image file) has at VA and that may be written; as far as they go.
 */
size_t conv_triage_read(struct conv_triage *t, uint64_t va, void *buf, size_t len);
/* A number; 0 when it is not there. A member of the debugger data; what a member points to. */
uint64_t conv_triage_uint(struct conv_triage *t, uint64_t va, unsigned size);
uint64_t conv_triage_kd(struct conv_triage *t, uint32_t member, unsigned size);
uint64_t conv_triage_kd_at(struct conv_triage *t, uint32_t member, unsigned size);
bool conv_triage_is_kernel(const struct conv_triage *t, uint64_t va);
/* Sizes of the structures, where the debugger data of the build does not tell: generous. */
uint32_t conv_triage_size(struct conv_triage *t, uint32_t member);
/* Where a processor's CONTEXT is; 0: nowhere. */
uint64_t conv_triage_context(struct conv_triage *t, uint64_t prcb);
/* The top of THREAD's stack if SP lies on it; 0: it does not. */
uint64_t conv_triage_stack_top(struct conv_triage *t, uint64_t thread, uint64_t sp);

/* triage_lists.c: offsets and counts go into the triage header at TRIAGE. */
sc_err *conv_triage_mm(struct conv_triage *t, uint32_t *ret_offset);
sc_err *conv_triage_unloaded(struct conv_triage *t, uint32_t *ret_offset);
struct conv_drivers {
    uint32_t list, count, strings, strings_size;
};
sc_err *conv_triage_drivers(struct conv_triage *t, struct conv_drivers *ret);

/* triage_blocks.c */
struct conv_blocks {
    uint32_t table, count;
};
sc_err *conv_triage_blocks(struct conv_triage *t, struct conv_blocks *ret);

/* triage_copy.c */
sc_err *conv_triage_copy(struct conversion *c);

#endif
