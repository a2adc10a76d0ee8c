/* SPDX-License-Identifier: MIT */
/*
 * Page tables that were trimmed: `trim` lines. All that the machine has stands in valid tables
 * first; then the entry above such a table says where it went. One on the standby or modified list
 * stays where it is, one in a page file leaves a frame that is somebody else's (filled with junk).
 * Tables of lower levels go first: those above them are to be written with what then stands in
 * them.
 */
#include <string.h>

#include "forge/world.h"

enum { JUNK = 0xa5, LEVELS_MAX = 5 };

static bool trim(struct forge_world *w, const struct forge_scn_trim *s, forge_page_fn put,
                 void *ctx) {
    struct forge_wprocess *process;
    uint8_t bytes[FORGE_FRAME];
    uint64_t va, pa;
    if (!forge_world_eval(w, s->line, s->address.text, &va, NULL) ||
        !forge_world_need_process(w, s->line, forge_world_is_user(w, va) ? s->process : 0,
                                  &process))
        return false;
    if (!forge_mmu_table(w->mmu, process->space, va, s->level, &pa))
        return forge_wrong(w->s, s->line,
                           "trim: there is none of that level at %llx, or it is the first one",
                           (unsigned long long)va);
    forge_physmem_read(w->phys, pa, bytes, sizeof bytes);
    uint64_t entry = s->paged ? forge_pte_pagefile(&w->soft, s->file, s->page, FORGE_PROTECT_WRITE)
                              : forge_pte_transition(&w->soft, pa, FORGE_PROTECT_WRITE);
    forge_mmu_trim(w->mmu, process->space, va, s->level, entry);
    forge_world_pfn_trimmed(w, pa, s->paged, s->modified);
    if (!s->paged)
        return true;
    if (!put(ctx, s->line, s->file, s->page, bytes))
        return false;
    memset(bytes, JUNK, sizeof bytes);
    return forge_physmem_write(w->phys, pa, bytes, sizeof bytes);
}

bool forge_world_trims(struct forge_world *w, forge_page_fn put, void *ctx) {
    for (unsigned level = 0; level < LEVELS_MAX; level++)
        for (size_t i = 0; i < w->s->trims.count; i++)
            if (w->s->trims.item[i].level == level && !trim(w, &w->s->trims.item[i], put, ctx))
                return false;
    return true;
}
