/* SPDX-License-Identifier: MIT */
/*
 * What a fault used, held against an IO_STATUS_BLOCK in the frames that it may have been written
 * to.
 *
 *     IO_STATUS_BLOCK   x86  +0 Status (NTSTATUS)         +4 Information (count of bytes, mostly)
 *                       x64  +0 Status, 4 bytes of 8      +8 Information
 *
 * On x64 only the low half of the first pointer is written; the high half may still be that of what
 * lay there: fffff880`00000000 is an address of the kernel with STATUS_SUCCESS over its low half.
 *
 * A place counts when one half of it is what the fault used (the register that led astray, the
 * address, the instruction pointer) and the other half fits. A Status is a known one that ends a
 * request: not STATUS_PENDING, not the small ones by which waits end, no breakpoint. The
 * Information of an error is 0, else no more than a large transfer.
 *
 * Zero for STATUS_SUCCESS is the commonest word of a stack. With a high half left over, or with any
 * other status, the place is distinct; without, it counts only in the frames of the delivery
 * itself, which ran on what was written, and only if its Information is not 0, too. Several places
 * that fit are none.
 *
 * What the fault used may be neither: then it was something else that went wrong.
 */
#include "analyze/fault.h"
#include "analyze/faultregs.h"
#include "analyze/late.h"
#include "nt/status.h"

enum {
    USED_MAX = 8,
    OFFSET_MAX = 0x1000,        /* of a member that was read through a bad pointer */
    INFORMATION_MAX = 64 << 20, /* a transfer's bytes */
    LAST_WAIT_STATUS = 0x103,   /* STATUS_PENDING; below it those of waits, but for 0 */
};

struct used {
    uint64_t value;
    const char *reg;
};

struct hunt {
    struct sc_case *c;
    const struct sc_late *late;
    struct used used[USED_MAX];
    size_t count;
    bool reported; /* the address alone is known: a member's offset may be added */
    struct sc_late_block best;
    unsigned distinct, plain; /* places that fit */
};

/* ---- the halves ---- */

static bool is_status(uint32_t status) {
    if (status && status <= LAST_WAIT_STATUS)
        return false;
    return status != 0x80000003 && status != 0x80000004 && nt_status_text(status, NULL);
}

/* Is the high half of VALUE that of an address of the kernel? */
static bool has_kernel_half(const struct sc_case *c, uint64_t value) {
    return c->ptr_size == 8 && value >> 32 >= 0xffff8000;
}

static bool is_status_word(const struct sc_case *c, uint64_t word) {
    bool high = c->ptr_size == 8 && word >> 32;
    return (!high || has_kernel_half(c, word)) && is_status((uint32_t)word);
}

static bool is_information(uint32_t status, uint64_t information) {
    return status >> 30 == 3 ? !information : information <= INFORMATION_MAX;
}

static bool is_distinct(const struct sc_case *c, uint64_t word) {
    return (uint32_t)word || has_kernel_half(c, word);
}

/* ---- what the fault used ---- */

static void add(struct hunt *h, uint64_t value, const char *reg) {
    for (size_t i = 0; i < h->count; i++)
        if (h->used[i].value == value)
            return;
    if (h->count < USED_MAX)
        h->used[h->count++] = (struct used){value, reg};
}

/* Registers from which the address that was touched may have been made. */
static void add_registers(struct hunt *h) {
    struct sc_case *c = h->c;
    size_t n = 0;
    const struct sc_reg *table = sc_reg_table(c->machine->cpu, &n);
    for (size_t i = 0; i < n && table; i++) {
        if (!sc_pointer_is_data(c, &table[i]) || table[i].size != c->ptr_size)
            continue;
        uint64_t value = sc_reg_value(c->at->regs, &table[i]);
        if (sc_case_canon(c, c->fault.memory - value) < OFFSET_MAX)
            add(h, value, table[i].name);
    }
}

static void collect(struct hunt *h) {
    struct sc_case *c = h->c;
    const struct sc_fault *f = &c->fault;
    const char *reg;
    uint64_t value;
    if (!sc_target_module_at(c->target, f->ip)) {
        add(h, f->ip, NULL);
        return;
    }
    bool known = f->insn && f->insn->at_fault && f->insn->base;
    if (known)
        add(h, f->insn->base_value, f->insn->base);
    if (f->memory == SC_UNSET64) {
        if (sc_pointer_wild_reg(c, &reg, &value))
            add(h, value, reg);
        return;
    }
    add(h, f->memory, NULL);
    if (!known)
        add_registers(h);
    h->reported = h->count == 1;
}

/* May VALUE be half of the block? */
static bool may_be_half(const struct hunt *h, uint64_t value) {
    uint64_t low = h->reported ? value & ~(uint64_t)(OFFSET_MAX - 1) : value;
    return is_status_word(h->c, value) || is_status_word(h->c, low) || value <= INFORMATION_MAX;
}

/* ---- where it lies ---- */

static const struct used *used_of(const struct hunt *h, uint64_t status, uint64_t information) {
    for (size_t i = 0; i < h->count; i++)
        if (h->used[i].value == status || (information && h->used[i].value == information))
            return &h->used[i];
    return NULL;
}

/* STATUS and INFORMATION are those of a block, and the fault used one of them. */
static bool fits(struct hunt *h, uint64_t status, uint64_t information, struct sc_late_block *ret) {
    const struct used *used = used_of(h, status, information);
    if (!used || !is_status_word(h->c, status) || !is_information((uint32_t)status, information) ||
        (!is_distinct(h->c, status) && !information))
        return false;
    *ret = (struct sc_late_block){.status = (uint32_t)status,
                                  .information = information,
                                  .half = has_kernel_half(h->c, status),
                                  .used = used->value,
                                  .reg = used->reg};
    return true;
}

static void take(struct hunt *h, const struct sc_late_block *block, bool distinct) {
    unsigned *count = distinct ? &h->distinct : &h->plain;
    if (distinct ? !h->distinct : !h->distinct && !h->plain)
        h->best = *block;
    ++*count;
}

static void search_stack(struct hunt *h) {
    struct sc_case *c = h->c;
    const struct sc_late *late = h->late;
    uint64_t step = c->ptr_size, from = late->sp, status, information;
    struct sc_late_block block;
    if (!late->inside && late->swap.slot)
        from = late->swap.slot;
    for (uint64_t at = from; at + step < late->end; at += step) {
        if (late->trap && at + step >= late->trap && at < late->sp)
            continue;
        if (!sc_late_read(c, at, &status) || !sc_late_read(c, at + step, &information) ||
            !fits(h, status, information, &block))
            continue;
        block.where = SC_LATE_STACK;
        block.slot = at;
        bool distinct = is_distinct(c, status);
        if (distinct || (late->inside && at < late->swap.slot))
            take(h, &block, distinct);
    }
}

/* x86: what a function pops one behind the other before it returns. */
static void search_registers(struct hunt *h) {
    static const char *const popped[] = {"edi", "esi", "ebx", "ebp"};
    struct sc_case *c = h->c;
    struct sc_late_block block;
    uint64_t status, information;
    for (size_t i = 0; i + 1 < sizeof popped / sizeof *popped; i++) {
        if (!sc_pointer_has_reg(c, popped[i]) || !sc_pointer_has_reg(c, popped[i + 1]) ||
            !sc_regs_get(c->at->regs, popped[i], &status) ||
            !sc_regs_get(c->at->regs, popped[i + 1], &information) || !is_distinct(c, status) ||
            !fits(h, status, information, &block))
            continue;
        block.where = SC_LATE_REGISTERS;
        block.pair[0] = popped[i];
        block.pair[1] = popped[i + 1];
        take(h, &block, true);
    }
}

/* The Status became the return address; what lies above it was not popped (x64). */
static void search_jump(struct hunt *h) {
    struct sc_case *c = h->c;
    struct sc_late_block block;
    uint64_t information;
    if (c->ptr_size != 8 || !sc_late_read(c, h->late->sp, &information) ||
        !is_distinct(c, c->fault.ip) || !fits(h, c->fault.ip, information, &block) ||
        block.used != c->fault.ip)
        return;
    block.where = SC_LATE_JUMP;
    block.slot = h->late->sp;
    take(h, &block, true);
}

bool sc_late_block_find(struct sc_case *c, const struct sc_late *late, struct sc_late_block *ret) {
    struct hunt h = {.c = c, .late = late};
    bool may = false;
    collect(&h);
    for (size_t i = 0; i < h.count; i++)
        may |= may_be_half(&h, h.used[i].value);
    if (h.count && !may)
        return false;
    if (!late->inside && !sc_target_module_at(c->target, c->fault.ip))
        search_jump(&h);
    else
        search_stack(&h);
    if (!late->inside && c->machine->cpu == SC_CPU_X86 && !h.distinct)
        search_registers(&h);
    *ret = h.best;
    if (h.distinct > 1 || (!h.distinct && h.plain > 1))
        ret->where = SC_LATE_NOWHERE;
    return true;
}
