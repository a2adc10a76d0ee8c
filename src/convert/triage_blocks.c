/* SPDX-License-Identifier: MIT */
/*
 * The data blocks of a small memory dump: { u64 address, u32 offset, u32 size } each.
 *
 * Windows takes what readers of such dumps need to make sense of them (KiProcessorBlock, the PRCB
 * of each processor with its context, thread and stack), the pages that registers point to, what
 * the values on the stack point to (256 bytes each), and what the parameters of the bug check name.
 * So does this; what the caller wants besides comes last.
 */
#include <stdlib.h>
#include <string.h>

#include "base/sort.h"
#include "base/vec.h"
#include "convert/triage.h"

enum {
    BLOCKS_MAX = 100000, /* readers take a few more */
    BLOCK_MOST = 1 << 20,
    BYTES_MOST = 32 << 20,
    NEAR = 64, /* between two pieces that become one block */
    STACK_VALUES = 1024,
    AROUND = 0x80, /* a value on the stack: bytes before and behind */
    OTHER_STACK = 0x2000,
    CPUS_MAX = 2048,
};

struct list {
    struct conv_triage *t;
    struct conv_wanted w;
    bool nomem;
};

static void want(struct list *l, uint64_t va, uint64_t size) {
    if (!va || !size || l->nomem)
        return;
    struct conv_want *slot = SC_VEC_PUSH(&l->w);
    if (slot)
        *slot = (struct conv_want){va, size};
    l->nomem = !slot;
}

/* The page of an address of the kernel's. */
static void want_page(struct list *l, uint64_t va) {
    if (conv_triage_is_kernel(l->t, va))
        want(l, va & ~(uint64_t)(CONV_PAGE - 1), CONV_PAGE);
}

/* ---- what is wanted ---- */

static void want_machine(struct list *l) {
    struct conv_triage *t = l->t;
    uint32_t n = sc_target_machine(t->c->target)->ncpus;
    want(l, conv_triage_kd(t, KD_PROCESSOR_BLOCK, 8), (uint64_t)(n < CPUS_MAX ? n : 1) * t->ptr);
    want(l, conv_triage_kd(t, KD_BUILD_LAB, 8), 128);
    want(l, conv_triage_kd(t, KD_BUGCHECK_DATA, 8), 5ull * t->ptr);
    want(l, t->ptr == 8 ? 0xfffff78000000000 : 0xffdf0000, 0x800); /* KUSER_SHARED_DATA */
}

static void want_processors(struct list *l) {
    struct conv_triage *t = l->t;
    const struct sc_threads *cpus = NULL;
    uint64_t process_at = conv_triage_kd(t, KD_THREAD_PROCESS, 2);
    sc_err *err = sc_target_threads(t->c->target, &cpus);
    for (size_t i = 0; !err && i < cpus->count && i < CPUS_MAX; i++) {
        const struct sc_thread *cpu = &cpus->item[i];
        struct sc_regs regs;
        if (!cpu->prcb)
            continue;
        want(l, cpu->prcb, conv_triage_size(t, KD_SIZE_PRCB));
        want(l, conv_triage_context(t, cpu->prcb),
             sc_context_size(sc_target_machine(t->c->target)->cpu));
        want(l, cpu->thread, cpu->thread ? conv_triage_size(t, KD_SIZE_THREAD) : 0);
        if (process_at && cpu->thread)
            want(l, conv_triage_uint(t, cpu->thread + process_at, t->ptr),
                 conv_triage_size(t, KD_SIZE_PROCESS));
        sc_err *none = sc_target_regs(t->c->target, cpu->index, &regs);
        uint64_t sp = none ? 0 : sc_regs_sp(&regs);
        uint64_t top = sp ? conv_triage_stack_top(t, cpu->thread, sp) : 0;
        sc_err_destroy(none);
        if (sp && conv_triage_is_kernel(t, sp))
            want(l, sp, top && top - sp < OTHER_STACK ? top - sp : OTHER_STACK);
    }
    sc_err_destroy(err);
}

static void want_registers(struct list *l) {
    const struct sc_regs *regs = &l->t->regs;
    size_t n = 0;
    const struct sc_reg *reg = regs->size ? sc_reg_table(regs->cpu, &n) : NULL;
    for (size_t i = 0; reg && i < n; i++)
        if (reg[i].cls == SC_REG_GPR && reg[i].size == l->t->ptr && sc_reg_present(regs, &reg[i]))
            want_page(l, sc_reg_value(regs, &reg[i]));
}

static void want_event(struct list *l) {
    const struct sc_machine *m = sc_target_machine(l->t->c->target);
    for (unsigned i = 0; m->has_bugcheck && i < 4; i++)
        want_page(l, m->bugcheck_arg[i]);
    if (!m->has_exception)
        return;
    want_page(l, m->exception.address);
    for (unsigned i = 0; i < m->exception.nparams && i < 15; i++)
        want_page(l, m->exception.param[i]);
}

static void want_from_stack(struct list *l) {
    struct conv_triage *t = l->t;
    for (unsigned i = 0; i < STACK_VALUES && (uint64_t)(i + 1) * t->ptr <= t->stack_size; i++) {
        uint64_t v = conv_triage_uint(t, t->stack + (uint64_t)i * t->ptr, t->ptr);
        if (conv_triage_is_kernel(t, v) && v - t->stack >= t->stack_size)
            want(l, v > AROUND ? (v - AROUND) & ~(uint64_t)0xf : v, 2 * AROUND);
    }
}

/* ---- sorted, without what lies twice ---- */

/* By address, overlapping and near ones joined; false when memory is short. */
static bool tidy(struct conv_wanted *w) {
    struct sc_sort_key *key = malloc((w->count + 1) * sizeof *key);
    struct conv_wanted out = {0};
    bool ok = key && SC_VEC_RESERVE(&out, w->count + 1);
    for (size_t i = 0; ok && i < w->count; i++)
        key[i] = (struct sc_sort_key){w->item[i].va, i};
    ok = ok && sc_sort_keys(key, w->count);
    for (size_t i = 0; ok && i < w->count; i++) {
        struct conv_want next = w->item[key[i].index];
        struct conv_want *last = out.count ? &out.item[out.count - 1] : NULL;
        if (next.size - 1 > UINT64_MAX - next.va)
            next.size = UINT64_MAX - next.va + 1;
        uint64_t into = last ? next.va - last->va : 0;
        if (last && into <= last->size + NEAR) {
            if (next.size > UINT64_MAX - into)
                continue;
            last->size = into + next.size > last->size ? into + next.size : last->size;
        } else {
            out.item[out.count++] = next;
        }
    }
    free(key);
    if (!ok) {
        SC_VEC_FREE(&out);
        return false;
    }
    SC_VEC_FREE(w);
    *w = out;
    return true;
}

/* ---- into the file ---- */

struct block {
    uint64_t va;
    uint32_t offset, size;
};
struct placed {
    struct block *item;
    size_t count, room;
    uint64_t bytes;
};

/* What is there of SIZE bytes at VA: a block for each stretch of pages. */
static sc_err *place(struct conv_triage *t, uint64_t va, uint64_t size, struct placed *p,
                     uint8_t *buf) {
    uint64_t at = va, left = size < BLOCK_MOST ? size : BLOCK_MOST;
    t->overflow |= size > BLOCK_MOST;
    while (left) {
        size_t got = conv_triage_read(t, at, buf, (size_t)left);
        uint64_t skip = CONV_PAGE - (at + got) % CONV_PAGE;
        if (got) {
            uint32_t offset;
            if (p->count == BLOCKS_MAX || p->bytes + got > BYTES_MOST) {
                t->overflow = true;
                return NULL;
            }
            sc_err *err = conv_triage_add(t, got, &offset);
            struct block *b = err ? NULL : SC_VEC_PUSH(p);
            if (!b)
                return err ? err : sc_err_nomem();
            memcpy(t->file.item + offset, buf, got);
            *b = (struct block){at, offset, (uint32_t)got};
            p->bytes += got;
        }
        if (got >= left || skip >= left - got || at + got + skip < at)
            return NULL;
        at += got + skip;
        left -= got + skip;
    }
    return NULL;
}

static sc_err *place_all(struct conv_triage *t, const struct conv_wanted *w, struct placed *p) {
    uint8_t *buf = malloc(BLOCK_MOST);
    sc_err *err = buf ? NULL : sc_err_nomem();
    for (size_t i = 0; i < w->count && !err; i++) {
        err = place(t, w->item[i].va, w->item[i].size, p, buf);
        if (!err && sc_target_cancelled(t->c->target))
            err = sc_err_cancelled();
    }
    free(buf);
    return err;
}

static sc_err *put_table(struct conv_triage *t, const struct placed *p, struct conv_blocks *ret) {
    sc_err *err = conv_triage_add(t, p->count * 16, &ret->table);
    if (err)
        return err;
    ret->count = (uint32_t)p->count;
    for (size_t i = 0; i < p->count; i++) {
        uint8_t *b = t->file.item + ret->table + 16 * i;
        conv_put(b, p->item[i].va, 8);
        conv_put(b + 8, p->item[i].offset, 4);
        conv_put(b + 12, p->item[i].size, 4);
    }
    return NULL;
}

sc_err *conv_triage_blocks(struct conv_triage *t, struct conv_blocks *ret) {
    const struct sc_convert_opts *opts = t->c->opts;
    struct list l = {.t = t};
    struct placed p = {0};
    want_machine(&l);
    want_processors(&l);
    want_event(&l);
    want_registers(&l);
    want_from_stack(&l);
    for (size_t i = 0; i < opts->nextra; i++)
        want(&l, opts->extra[i].start, opts->extra[i].size);
    sc_err *err = !l.nomem && tidy(&l.w) ? NULL : sc_err_nomem();
    if (!err)
        err = place_all(t, &l.w, &p);
    if (!err && p.count)
        err = put_table(t, &p, ret);
    SC_VEC_FREE(&l.w);
    SC_VEC_FREE(&p);
    return err;
}
