/* SPDX-License-Identifier: MIT */
/*
 * Pages on purpose: `pte` lines. Where the bytes of such a page go is decided here (RAM, a page
 * file, nowhere), and the entry, with the prototype entry that it leads to, is written.
 */
#include <string.h>

#include "forge/world.h"

typedef unsigned long long ull;

static bool in_ram(enum forge_pte_how how) {
    return how == FORGE_PTE_VALID || how == FORGE_PTE_TRANSITION;
}

static bool through_proto(enum forge_pte_how how) {
    return how == FORGE_PTE_PROTOTYPE || how == FORGE_PTE_VAD;
}

/* What the page itself says, behind a prototype or not. */
static bool entry_of(struct forge_world *w, const struct forge_wpte *p, enum forge_pte_how how,
                     uint64_t *ret) {
    const struct forge_scn_pte *s = p->scn;
    uint64_t addr = 0;
    switch (how) {
    case FORGE_PTE_VALID:
        /* As a prototype entry: valid, accessed, dirty; not of a processor's table. */
        *ret = p->pa | 0x121;
        return true;
    case FORGE_PTE_TRANSITION:
        *ret = forge_pte_transition(&w->soft, p->pa, s->protection);
        return true;
    case FORGE_PTE_PAGEFILE:
        *ret = forge_pte_pagefile(&w->soft, s->file, s->page, s->protection);
        return true;
    case FORGE_PTE_SUBSECTION:
        if (!forge_world_eval(w, s->line, s->subsection.text, &addr, NULL))
            return false;
        *ret = forge_pte_subsection(&w->soft, addr, s->protection);
        return true;
    case FORGE_PTE_DEMAND_ZERO: *ret = forge_pte_demand_zero(&w->soft, s->protection); return true;
    case FORGE_PTE_RAW: *ret = s->raw; return true;
    case FORGE_PTE_PROTOTYPE:
        *ret = forge_pte_prototype(&w->soft, p->proto, s->protection);
        return true;
    case FORGE_PTE_VAD: *ret = forge_pte_vad(&w->soft, s->protection); return true;
    }
    return false;
}

unsigned forge_world_pte_size(const struct forge_world *w) {
    return w->s->machine.paging == FORGE_PAGING_X86 ? 4 : 8;
}

uint64_t forge_world_proto_room(struct forge_world *w, uint64_t size) {
    uint64_t at = w->proto_pool;
    if (!at)
        return forge_world_spare(w, size, 8);
    w->proto_pool += (size + 7) & ~7ull;
    forge_memmap_fill(&w->mem, at, size);
    return at;
}

/* The VAD's entry for the page; 0: no VAD with prototypes maps it. */
static uint64_t in_vad(const struct forge_world *w, const struct forge_wpte *p) {
    for (size_t i = 0; i < w->vads.count; i++) {
        const struct forge_wvad *v = &w->vads.item[i];
        if (v->process == p->process && v->array && p->va >= v->start && p->va <= v->end)
            return v->array + (p->va - v->start) / FORGE_FRAME * forge_world_pte_size(w);
    }
    return 0;
}

static bool check(struct forge_world *w, const struct forge_wpte *p,
                  const struct forge_scn_pte *s) {
    for (size_t i = 0; i + 1 < w->ptes.count; i++)
        if (w->ptes.item[i].va == p->va && w->ptes.item[i].process == p->process)
            return forge_wrong(w->s, s->line, "pte: the page is that of line %u",
                               w->ptes.item[i].scn->line);
    return true;
}

static bool make(struct forge_world *w, const struct forge_scn_pte *s) {
    struct forge_wpte *p = FORGE_PUSH(w->pool, &w->ptes);
    struct forge_wprocess *process;
    uint64_t value;
    p->scn = s;
    if (!forge_world_eval(w, s->line, s->address.text, &p->va, NULL) ||
        !forge_world_need_process(w, s->line, forge_world_is_user(w, p->va) ? s->process : 0,
                                  &process))
        return false;
    p->process = process;
    p->va &= ~(uint64_t)(FORGE_FRAME - 1);
    if (!check(w, p, s))
        return false;
    if (in_ram(s->how) || (through_proto(s->how) && in_ram(s->proto))) {
        p->pa = forge_physmem_alloc(w->phys);
        if (!p->pa || !forge_physmem_zero(w->phys, p->pa, FORGE_FRAME))
            return forge_wrong(w->s, s->line, "pte: RAM is full");
    }
    if (!through_proto(s->how))
        return true;
    p->proto = s->how == FORGE_PTE_VAD ? in_vad(w, p) : forge_world_proto_room(w, 8);
    if (!p->proto)
        return forge_wrong(w->s, s->line, "pte: no vad line maps %llx: write  vad START END mapped",
                           (ull)p->va);
    return entry_of(w, p, s->proto, &value) &&
           forge_world_put_uint(w, 0, p->proto, forge_world_pte_size(w), value);
}

bool forge_world_ptes(struct forge_world *w) {
    for (size_t i = 0; i < w->s->ptes.count; i++)
        if (!make(w, &w->s->ptes.item[i]))
            return false;
    return true;
}

bool forge_world_pte_entry(struct forge_world *w, const struct forge_wpte *p) {
    uint64_t value;
    return entry_of(w, p, p->scn->how, &value) &&
           (forge_mmu_entry(w->mmu, p->process->space, p->va, value) ||
            forge_wrong(w->s, p->scn->line, "pte: %llx has a page already, or lies in a large one",
                        (ull)p->va));
}

bool forge_world_pte_in_file(const struct forge_wpte *p) {
    return p->scn->how == FORGE_PTE_PAGEFILE ||
           (through_proto(p->scn->how) && p->scn->proto == FORGE_PTE_PAGEFILE);
}
