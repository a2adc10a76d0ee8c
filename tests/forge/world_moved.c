/* SPDX-License-Identifier: MIT */
/*
 * Blocks that the scenario itself says were moved after linking, symbols that moved with theirs,
 * and symbols of which the image kept nothing.
 */
#include <string.h>

#include "forge/world.h"

enum { BLOCK_BEFORE = 0x10, BLOCK_SIZE = 0x20, SYMBOL_SIZE = 0x10 };

bool forge_world_is_moved(struct forge_world *w, const struct forge_wmodule *m, const char *name,
                          uint64_t disp, uint64_t addr) {
    for (size_t i = 0; i < w->s->moved.count; i++) {
        const struct forge_scn_moved *v = &w->s->moved.item[i];
        uint64_t at;
        bool unknown = false;
        if (!strcmp(v->name, name) && forge_world_module(w, v->module) == m &&
            forge_world_eval(w, v->line, v->address.text, &at, &unknown) && !unknown &&
            addr - at == disp - v->disp && addr - at + BLOCK_BEFORE < BLOCK_SIZE)
            return true;
    }
    return false;
}

static uint32_t home_of(const struct forge_wsymbol *s) {
    return (uint32_t)((s->has_home ? s->home : s->addr) - s->module->base);
}

static bool move_block(struct forge_world *w, const struct forge_scn_moved *v) {
    struct forge_wmodule *m;
    uint64_t addr;
    if (!forge_world_need_module(w, v->line, v->module, &m) ||
        !forge_world_eval(w, v->line, v->address.text, &addr, NULL))
        return false;
    const struct forge_wsymbol *s = forge_world_symbol(w, m, v->name);
    if (!s)
        return forge_wrong(w->s, v->line, "moved: nothing says where %s!%s is", v->module, v->name);
    if (addr - m->base >= m->size)
        return forge_wrong(w->s, v->line, "moved: %llx lies outside of %s",
                           (unsigned long long)addr, v->module);
    uint32_t before = v->disp < BLOCK_BEFORE ? (uint32_t)v->disp : BLOCK_BEFORE;
    *FORGE_PUSH(w->pool, &m->moved) =
        (struct forge_moved){.from = (uint32_t)(addr - m->base) - before,
                             .to = home_of(s) + (uint32_t)v->disp - before,
                             .size = BLOCK_SIZE};
    return true;
}

bool forge_world_moved_lines(struct forge_world *w) {
    for (size_t i = 0; i < w->s->moved.count; i++)
        if (!move_block(w, &w->s->moved.item[i]))
            return false;
    for (size_t i = 0; i < w->symbols.count; i++) {
        const struct forge_wsymbol *s = &w->symbols.item[i];
        if (s->has_home)
            *FORGE_PUSH(w->pool, &s->module->moved) =
                (struct forge_moved){.from = (uint32_t)(s->addr - s->module->base),
                                     .to = home_of(s),
                                     .size = SYMBOL_SIZE};
        else if (s->unplaced)
            *FORGE_PUSH(w->pool, &s->module->moved) =
                (struct forge_moved){.from = FORGE_NOWHERE, .to = home_of(s), .size = 1};
    }
    return true;
}
