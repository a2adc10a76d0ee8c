/* SPDX-License-Identifier: MIT */
/*
 * Epilogs of functions with unwind information of version 2, which says where they are. The first
 * codes are then UWOP_EPILOG:
 *
 *     the first   `at`: size of each epilog in bytes; info bit 0: one ends where the function does
 *     the others  at | info << 8: an epilog begins that far before the function's end; 0: padding
 *
 * An epilog begins behind the release of the fixed allocation. It pops what the prolog pushed, one
 * byte an instruction, two for r8 … r15; then what `pushfq` pushed (an allocation of 8, one byte);
 * then it returns, or jumps, or is an iretq above a machine frame whose error code is gone.
 *
 * Learnt from the .NET runtime's unwinder (MIT).
 */
#include "unwind/x64.h"

/* Where ip stands in an epilog of SIZE bytes that begins BACK bytes before the function's end. */
static bool within(const struct x64_entry *e, uint32_t rva, uint32_t back, uint32_t size,
                   uint32_t *ret) {
    uint32_t offset = rva - (e->end - back);
    if (back > e->end - e->begin || offset >= size)
        return false;
    *ret = offset;
    return true;
}

/* Is ip in one of the epilogs that the codes name? */
static bool find(const struct x64_entry *e, const struct x64_info *info, uint32_t rva,
                 uint32_t *ret) {
    struct x64_code c;
    if (!info->words || !x64_code(info, 0, &c) || c.op != X64_UWOP_EPILOG)
        return false;
    uint32_t size = c.at;
    if (c.info & 1 && within(e, rva, size, size, ret))
        return true;
    for (unsigned i = 1; i < info->words; i++) {
        if (!x64_code(info, i, &c) || c.op != X64_UWOP_EPILOG)
            return false;
        uint32_t back = c.at | (uint32_t)c.info << 8;
        if (!back)
            return false;
        if (within(e, rva, back, size, ret))
            return true;
    }
    return false;
}

/* The index of the first push; INFO->words when there is none. *RET false: damaged. */
static unsigned first_push(const struct x64_info *info, bool *ret) {
    struct x64_code c;
    unsigned i = 0;
    for (; i < info->words; i += c.slots) {
        *ret = x64_code(info, i, &c);
        if (!*ret || c.op == X64_UWOP_PUSH_NONVOL || c.op == X64_UWOP_PUSH_MACHFRAME)
            return i;
    }
    *ret = true;
    return info->words;
}

/* The part of a chained function that has the pushes: INFO becomes its. */
static enum sc_step_status part_with_pushes(struct x64_info *info, struct x64_build *b,
                                            unsigned *ret_index) {
    for (unsigned depth = 0;; depth++) {
        bool good;
        unsigned i = first_push(info, &good);
        b->missing = info->address;
        if (!good || depth > X64_CHAIN_MAX)
            return SC_STEP_BAD;
        if (i < info->words || !info->chained) {
            *ret_index = i;
            return SC_STEP_DONE;
        }
        struct x64_info next;
        enum sc_step_status st = x64_info(b->region, info->chain.unwind, &next, &b->missing);
        if (st != SC_STEP_DONE)
            return st;
        *info = next;
    }
}

/* From the push at INDEX on, what the epilog has not done yet at OFFSET. */
static enum sc_step_status put_rest(const struct x64_info *info, unsigned index, uint32_t offset,
                                    struct x64_build *b) {
    enum sc_step_status st = SC_STEP_DONE;
    uint32_t at = 0;
    for (; st == SC_STEP_DONE && index < info->words; index++) {
        struct x64_code c;
        if (!x64_code(info, index, &c))
            return SC_STEP_BAD;
        bool flags = c.op == X64_UWOP_ALLOC_SMALL && c.value == 8;
        if (c.op == X64_UWOP_PUSH_MACHFRAME)
            return x64_put(b, X64_OP_MACHFRAME, 0, 0);
        if (c.op != X64_UWOP_PUSH_NONVOL && !flags)
            return SC_STEP_BAD; /* no epilog could undo it */
        if (at >= offset && (flags || c.info == X64_RSP))
            st = x64_put(b, X64_OP_ADD, 0, 8);
        else if (at >= offset)
            st = x64_put(b, X64_OP_POP, c.info, 0);
        at += !flags && c.info >= X64_R8 ? 2 : 1;
    }
    return st;
}

enum sc_step_status x64_v2_epilog_put(const struct x64_entry *entry, const struct x64_info *info,
                                      struct x64_build *b, bool *ret_inside) {
    struct x64_info part = *info;
    uint32_t offset;
    unsigned index;
    if (!find(entry, info, b->rva, &offset)) {
        *ret_inside = false;
        return SC_STEP_DONE;
    }
    enum sc_step_status st = part_with_pushes(&part, b, &index);
    if (st == SC_STEP_DONE)
        st = put_rest(&part, index, offset, b);
    if (st == SC_STEP_DONE)
        *ret_inside = true;
    return st;
}
