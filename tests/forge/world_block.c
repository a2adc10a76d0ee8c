/* SPDX-License-Identifier: MIT */
/*
 * Blocks of code around the frames of stacks, each with its unwind data. Those of one stack do not
 * overlap; those of several may: two threads that wait stand in the same functions. A block that is
 * asked for twice is one; of two that meet, each keeps its own instruction.
 */
#include <string.h>

#include "forge/world.h"

static bool same_rule(const struct forge_fit_function *a, const struct forge_fit_function *b) {
    bool same = a->ncodes == b->ncodes && a->prolog == b->prolog &&
                a->frame_register == b->frame_register && a->frame_offset == b->frame_offset &&
                a->uses_ebp == b->uses_ebp && a->kind == b->kind && a->locals == b->locals &&
                a->params == b->params && a->saved_regs == b->saved_regs;
    for (size_t i = 0; i < a->ncodes && same; i++)
        same = a->code[i].op == b->code[i].op && a->code[i].at == b->code[i].at &&
               a->code[i].reg == b->code[i].reg && a->code[i].value == b->code[i].value;
    return same;
}

/* Where LOW ends and HIGH begins: HIGH needs room for its prolog before its instruction. */
static bool part(struct forge_wblock *low, struct forge_wblock *high) {
    uint32_t middle = low->ip + (high->ip - low->ip + 1) / 2;
    uint32_t latest = high->ip - (high->fit.prolog < high->ip ? high->fit.prolog : high->ip);
    uint32_t at = middle < latest ? middle : latest;
    if (at <= low->ip)
        return false;
    if (low->end > at)
        low->end = at;
    if (high->begin < at)
        high->begin = at;
    return true;
}

static bool too_near(struct forge_world *w, const struct forge_wmodule *m,
                     const struct forge_wblock *a, const struct forge_wblock *b) {
    return forge_wrong(w->s, b->line,
                       "stack: %s+%x and, in the stack in line %u, %s+%x cannot both be unwound: "
                       "%s",
                       m->scn->name, b->ip, a->line, m->scn->name, a->ip,
                       a->ip == b->ip ? "their frames differ in size" : "they are too near");
}

static void put_prolog(struct forge_world *w, const struct forge_fit_function *f) {
    static const uint8_t push_ebp[] = {0x55, 0x8b, 0xec};
    if (w->is32 && f->uses_ebp)
        forge_world_spare_code(w, f->begin, push_ebp, sizeof push_ebp);
}

/* A function neither begins nor ends in the middle of code that the scenario gives. */
static void widen(const struct forge_wmodule *m, struct forge_wblock *b) {
    for (size_t i = 0; i < m->code.count; i++) {
        const struct forge_wspan *c = &m->code.item[i];
        uint32_t end = c->rva + (uint32_t)c->size;
        bool before = c->line && c->rva < b->begin && end >= b->begin;
        bool behind = c->line && end > b->end && c->rva <= b->end;
        if (before)
            b->begin = c->rva;
        if (behind)
            b->end = end;
        if (before || behind)
            i = SIZE_MAX; /* what joins that? */
    }
}

bool forge_world_block(struct forge_world *w, const struct forge_wstack *s,
                       const struct forge_fit_function *f) {
    struct forge_wmodule *m = forge_world_module_at(w, f->begin);
    if (!m)
        return true;
    struct forge_wblock b = {.begin = (uint32_t)(f->begin - m->base),
                             .end = (uint32_t)(f->end - m->base),
                             .ip = (uint32_t)(s->fit.ip[f->frame] - m->base),
                             .line = s->scn->line,
                             .fit = *f};
    widen(m, &b);
    if (forge_world_has_function(m, &b))
        return true;
    for (size_t i = 0; i < m->blocks.count; i++) {
        struct forge_wblock *o = &m->blocks.item[i];
        if (o->ip == b.ip)
            return same_rule(&o->fit, f) || too_near(w, m, o, &b);
        if (o->begin < b.end && b.begin < o->end && !(o->ip < b.ip ? part(o, &b) : part(&b, o)))
            return too_near(w, m, o, &b);
    }
    *FORGE_PUSH(w->pool, &m->blocks) = b;
    forge_world_mark_code(m, b.begin, b.end - b.begin);
    put_prolog(w, f);
    return true;
}
