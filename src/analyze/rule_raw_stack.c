/* SPDX-License-Identifier: MIT */
/*
 * raw-stack: where nothing better than "possible" is known, and the walked stack does not lead
 * exactly to a driver: drivers that the memory of the stack, the registers and the parameters point
 * into. POSSIBLE, always: a value on a stack may be left from a call that ended long ago.
 *
 * Weighed are
 *     2 for each word of the stack that lies in a driver's image behind a call instruction,
 *     1 for each where the bytes that would tell are not there, and none where they are no call;
 *     1 for each register, 2 for each parameter that points into the image.
 * Equal words count once, eight words at most. The driver with most weight is named, of equals the
 * one nearest to the stack pointer; the next ones are said beside it. The kernel and frameworks are
 * on every stack and are not counted.
 */
#include <stdlib.h>
#include <string.h>

#include "analyze/advice.h"
#include "analyze/culprit.h"
#include "analyze/rule.h"
#include "unwind/return_address.h"

enum {
    SCAN_BYTES = 64 << 10,
    SUSPECTS_MAX = 16,
    SEEN_MAX = 8,  /* words that count, of each */
    SHOWN_MAX = 3, /* words that are shown as evidence */
    OTHERS_MAX = 3,
};

struct seen {
    uint64_t slot, value;
    bool call;
};

struct suspect {
    const struct sc_module *module;
    struct seen word[SEEN_MAX];
    size_t nwords;
    const char *reg; /* a register that points into it */
    uint64_t reg_value;
    unsigned arg; /* a parameter that does, 1-4 */
    unsigned weight;
};

struct hunt {
    struct sc_case *c;
    struct sc_unwinder *u;
    uint8_t *bytes;
    uint64_t start; /* of the memory at `bytes` */
    size_t size;
    struct suspect suspect[SUSPECTS_MAX];
    size_t count;
    sc_err *err;
};

/* Its row; NULL for modules that do not count, and when there are too many. */
static struct suspect *suspect_at(struct hunt *h, uint64_t addr) {
    const struct sc_module *m = sc_target_module_at(h->c->target, addr);
    if (!m || sc_case_is_kernel(m) || sc_case_driver(m).kind == NT_DRIVER_FRAMEWORK)
        return NULL;
    for (size_t i = 0; i < h->count; i++)
        if (h->suspect[i].module == m)
            return &h->suspect[i];
    if (h->count == SUSPECTS_MAX)
        return NULL;
    h->suspect[h->count] = (struct suspect){.module = m};
    return &h->suspect[h->count++];
}

static void take_word(struct hunt *h, uint64_t slot, uint64_t value) {
    enum sc_return_like like;
    struct suspect *s = NULL;
    if (!sc_case_in_kernel(h->c, value))
        return;
    if (!sc_target_module_at(h->c->target, value))
        return;
    h->err = sc_return_like(h->u, value, &like);
    if (h->err || (like != SC_RETURN_CALL && like != SC_RETURN_MAYBE))
        return;
    s = suspect_at(h, value);
    if (!s || s->nwords == SEEN_MAX)
        return;
    for (size_t i = 0; i < s->nwords; i++)
        if (s->word[i].value == value)
            return;
    s->word[s->nwords++] = (struct seen){slot, value, like == SC_RETURN_CALL};
    s->weight += like == SC_RETURN_CALL ? 2 : 1;
}

static void take_stack(struct hunt *h) {
    struct sc_case *c = h->c;
    unsigned step = c->ptr_size;
    for (size_t at = 0; at + step <= h->size && !h->err; at += step) {
        uint64_t value = 0;
        for (unsigned i = step; i-- > 0;)
            value = value << 8 | h->bytes[at + i];
        take_word(h, h->start + at, value);
        if (at % 4096 == 0 && sc_target_cancelled(c->target))
            h->err = sc_err_cancelled();
    }
}

static void take_registers(struct hunt *h) {
    const struct sc_regs *regs = &h->c->a->regs;
    size_t n = 0;
    const struct sc_reg *table = sc_reg_table(h->c->machine->cpu, &n);
    for (size_t i = 0; i < n && table; i++) {
        if (table[i].cls != SC_REG_GPR || table[i].size != h->c->ptr_size ||
            !sc_reg_present(regs, &table[i]))
            continue;
        uint64_t value = sc_reg_value(regs, &table[i]);
        struct suspect *s = suspect_at(h, value);
        if (!s)
            continue;
        s->weight++;
        s->reg = table[i].name;
        s->reg_value = value;
    }
}

static void take_parameters(struct hunt *h) {
    for (unsigned i = 0; i < 4 && h->c->a->has_bugcheck; i++) {
        struct suspect *s = suspect_at(h, h->c->a->arg[i].value);
        if (!s)
            continue;
        s->weight += 2;
        s->arg = i + 1;
    }
}

/* The heaviest that is lighter than MAX or comes behind AFTER; NULL when nothing weighs. */
static const struct suspect *next_heaviest(const struct hunt *h, const struct suspect *after) {
    const struct suspect *best = NULL;
    for (size_t i = 0; i < h->count; i++) {
        const struct suspect *s = &h->suspect[i];
        bool behind =
            !after || s->weight < after->weight || (s->weight == after->weight && s > after);
        if (behind && s->weight && (!best || s->weight > best->weight))
            best = s;
    }
    return best;
}

/* ---- words ---- */

static const char *slot_command(struct sc_case *c, uint64_t slot) {
    return sc_case_text(c, "dps %s L1", sc_case_hex(c, slot));
}

static void show_suspect(struct sc_case *c, struct sc_draft *d, const struct suspect *s,
                         size_t max) {
    for (size_t i = 0; i < s->nwords && i < max; i++)
        sc_draft_show(c, d, s->word[i].slot, slot_command(c, s->word[i].slot),
                      "The stack holds %s at %s%s.", sc_case_place(c, s->word[i].value),
                      sc_case_addr(c, s->word[i].slot),
                      s->word[i].call ? ", and a call stands before that address"
                                      : "; whether a call stands before that address is not known");
    if (s->arg)
        sc_draft_show(c, d, c->a->arg[s->arg - 1].value, ".bugcheck", "Parameter %u is %s.", s->arg,
                      sc_case_place(c, c->a->arg[s->arg - 1].value));
    if (s->reg)
        sc_draft_show(c, d, s->reg_value, sc_case_cxr(c), "Register %s is %s.", s->reg,
                      sc_case_place(c, s->reg_value));
}

static void write(struct hunt *h) {
    struct sc_case *c = h->c;
    const struct suspect *best = next_heaviest(h, NULL), *other = best;
    struct sc_draft d;
    if (!best)
        return;
    sc_draft_init(&d, SC_POSSIBLE);
    d.f.module = best->module;
    d.f.symbol =
        best->nwords ? sc_case_place(c, best->word[0].value) : sc_case_name(c, best->module->image);
    d.f.summary = sc_case_text(c,
                               "%s has left traces on the stack; that is weak evidence, and the "
                               "only one there is.",
                               sc_case_who(c, best->module));
    d.f.detail = sc_case_text(c,
                              "The stack could not be followed exactly, but its memory, the "
                              "registers and the parameters point into %s most often (weight %u).",
                              sc_case_name(c, best->module->image), best->weight);
    show_suspect(c, &d, best, SHOWN_MAX);
    for (size_t i = 0; i < OTHERS_MAX && (other = next_heaviest(h, other)) != NULL; i++)
        sc_draft_against(c, &d, other->nwords ? other->word[0].slot : other->module->base,
                         other->nwords ? slot_command(c, other->word[0].slot)
                                       : sc_case_lmvm(c, other->module),
                         "There are traces of %s, too (weight %u).", sc_case_who(c, other->module),
                         other->weight);
    sc_show_module(c, &d, best->module);
    sc_draft_lacked(c, &d,
                    "A stack that can be followed: the kernel's symbols and the images of the "
                    "drivers are needed for that.");
    sc_advise_module(c, &d, best->module);
    sc_advise_dump(c, &d);
    sc_case_add(c, &d);
}

/* ---- the rule ---- */

/* The dump's memory from the stack pointer up. */
static void read_stack(struct hunt *h) {
    struct sc_case *c = h->c;
    sc_space *space = sc_target_space(c->target);
    uint64_t sp = sc_regs_sp(&c->a->regs) & ~(uint64_t)(c->ptr_size - 1);
    h->bytes = malloc(SCAN_BYTES);
    if (!h->bytes) {
        h->err = sc_err_nomem();
        return;
    }
    h->start = sp;
    sc_space_read(space, sp, h->bytes, SCAN_BYTES, &h->size);
}

/* Exact frames lead to somebody, or to the end: then they have said what there is to say. */
static bool is_walked(const struct sc_case *c) {
    const struct sc_culprit *k = c->culprit;
    bool ended = k->found || k->cut || c->a->stack.end == SC_STACK_END_DONE;
    return c->a->stack.count && k->percent == 100 && ended;
}

/*
 * Traces tell who ran on this stack. That is worth something where a call on it may have led to the
 * stop; not where time was used up, or where damage was found that was done before.
 */
static bool is_worth_it(const struct sc_case *c) {
    enum sc_worth worth = sc_case_blame(c).worth;
    return worth != SC_WORTH_NOTICED && worth != SC_WORTH_HANDED && worth != SC_WORTH_SAMPLED &&
           worth != SC_WORTH_CALLEE && !sc_culprit_by_time(c);
}

static void run(struct sc_case *c) {
    struct hunt h = {.c = c};
    if (!c->a->has_regs || is_walked(c) || sc_stack_is_silent(c) || !is_worth_it(c))
        return;
    h.err = sc_unwinder_create(c->target, c->symtab, &h.u);
    if (!h.err)
        read_stack(&h);
    if (!h.err)
        take_stack(&h);
    if (!h.err) {
        take_registers(&h);
        take_parameters(&h);
        write(&h);
    }
    if (h.err && sc_err_code(h.err) == SC_ERR_NOMEM)
        c->nomem = true;
    sc_err_destroy(h.err);
    free(h.bytes);
    sc_unwinder_destroy(h.u);
}

const struct sc_rule sc_rule_raw_stack = {
    "raw-stack",
    "The stack cannot be followed, but its memory points into a driver.",
    SC_RULE_KERNEL | SC_RULE_OPEN,
    run,
};
