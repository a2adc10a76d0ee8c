/* SPDX-License-Identifier: MIT */
/* A copy of a stack's memory, for looking at each word of it several times. */
#include <stdlib.h>
#include <string.h>

#include "unwind/recover.h"

enum { CHUNK = 4096 };

static const struct sc_stack_range *range_of(const struct sc_stack_opts *opts, uint64_t sp) {
    for (size_t i = 0; opts && i < opts->nranges && i < SC_STACK_RANGES; i++)
        if (sp - opts->range[i].start < opts->range[i].end - opts->range[i].start)
            return &opts->range[i];
    return NULL;
}

/* Where the memory around SP begins: not below LOW. */
static uint64_t lowest(struct sc_unwinder *u, uint64_t sp, uint64_t low) {
    uint64_t start, size;
    if (!sc_space_next(u->space, sp, &start, &size) || start > sp)
        return sp;
    return start > low ? start : low;
}

static uint64_t number(const uint8_t *p, unsigned size) {
    uint64_t v = 0;
    for (unsigned i = 0; i < size; i++)
        v |= (uint64_t)p[i] << 8 * i;
    return v;
}

/* Appends what is there from mem->end on, at most to LIMIT. */
static sc_err *read_up(struct sc_unwinder *u, struct sc_stackmem *mem, uint64_t limit) {
    uint8_t buf[CHUNK];
    while (mem->end < limit) {
        if (sc_target_cancelled(u->target))
            return sc_err_cancelled();
        size_t want = limit - mem->end < CHUNK ? (size_t)(limit - mem->end) : CHUNK, got = 0;
        sc_space_read(u->space, mem->end, buf, want, &got);
        size_t have = (size_t)(mem->end - mem->start) / mem->word, n = got / mem->word;
        if (!n)
            return NULL;
        uint64_t *grown = realloc(mem->value, (have + n) * sizeof *grown);
        if (!grown)
            return sc_err_nomem();
        mem->value = grown;
        for (size_t i = 0; i < n; i++)
            grown[have + i] = number(buf + i * mem->word, mem->word);
        mem->end += n * mem->word;
        if (got < want)
            return NULL;
    }
    return NULL;
}

sc_err *sc_stackmem_load(struct sc_unwinder *u, const struct sc_stack_opts *opts, uint64_t sp,
                         struct sc_stackmem *ret) {
    unsigned word = u->ptr_size;
    uint64_t at = sp & ~(uint64_t)(word - 1);
    uint64_t low = at > SC_STACKMEM_DOWN ? at - SC_STACKMEM_DOWN : 0;
    uint64_t limit = at > UINT64_MAX - SC_STACKMEM_UP ? UINT64_MAX & ~7ull : at + SC_STACKMEM_UP;
    const struct sc_stack_range *range = range_of(opts, sp);
    if (range) {
        low = range->start > low ? range->start : low;
        limit = range->end < limit ? range->end : limit;
    }
    uint64_t start = lowest(u, at, low);
    start = (start + word - 1) & ~(uint64_t)(word - 1);
    struct sc_stackmem mem = {
        .start = start, .end = start, .word = word, .shift = word == 8 ? 3 : 2};
    sc_err *err = read_up(u, &mem, limit & ~(uint64_t)(word - 1));
    if (err) {
        free(mem.value);
        return err;
    }
    *ret = mem;
    return NULL;
}

void sc_stackmem_deinit(struct sc_stackmem *mem) {
    free(mem->value);
    *mem = (struct sc_stackmem){0};
}
