/* SPDX-License-Identifier: MIT */
/* Comparing the code that the dump holds with the image's file, where that is at hand. */
#include "analyze/codebytes.h"

#include "analyze/bitflip.h"
#include "analyze/fault.h"
#include "nt/imagediff.h"

static sc_err *take_difference(void *ctx, const struct nt_difference *d) {
    struct sc_code_diff *all = ctx;
    for (size_t i = 0; i < d->size; i++) {
        if (!all->bytes) {
            all->first = d->start + i;
            all->file = d->file[i];
            all->memory = d->memory[i];
        }
        all->bytes++;
        all->single += sc_bits_set(d->file[i] ^ d->memory[i]) == 1;
    }
    return NULL;
}

/* False: its file is not at hand. */
static bool compare(struct sc_case *c, const struct sc_module *m, struct sc_code_diff *ret) {
    struct nt_imagediff result;
    sc_pe *pe = c->symtab ? sc_symtab_image(c->symtab, m) : NULL;
    if (!pe)
        return false;
    sc_err *err = nt_imagediff(c->target, m, pe, take_difference, ret, &result);
    if (err && sc_err_code(err) == SC_ERR_NOMEM)
        c->nomem = true;
    bool ok = !err && result.compared;
    sc_err_destroy(err);
    return ok;
}

/* The failing instruction; of a check of the kernel's code (0x109), what was found changed. */
static uint64_t code_to_check(const struct sc_case *c) {
    if (c->a->has_bugcheck && sc_plain_code(c->a->code) == 0x109)
        return c->a->arg[2].value;
    return c->fault.ip;
}

/* In the instruction that failed, or so shortly before it that it ran on the way there. */
static bool is_in_failed(const struct sc_case *c, uint64_t addr) {
    enum { BEFORE = 0x20 };
    unsigned size = c->fault.insn ? c->fault.insn->insn.length : 1;
    return c->fault.ip != SC_UNSET64 && addr + BEFORE - c->fault.ip < BEFORE + size;
}

const struct sc_code_diff *sc_code_diff(struct sc_case *c) {
    static const struct sc_code_diff none = {.module = NULL};
    if (c->code)
        return c->code;
    struct sc_code_diff *diff = sc_arena_alloc(c->arena, sizeof *diff);
    if (!diff) {
        c->nomem = true;
        return &none;
    }
    const struct sc_module *m = sc_target_module_at(c->target, code_to_check(c));
    if (m && compare(c, m, diff))
        diff->module = m;
    else
        *diff = none;
    diff->failed = sc_code_one_bit(diff) && is_in_failed(c, diff->first);
    c->code = diff;
    return diff;
}

bool sc_code_one_bit(const struct sc_code_diff *diff) {
    return diff->module && diff->bytes == 1 && diff->single == 1;
}
