/* SPDX-License-Identifier: MIT */
/* A process from inside: its PEB and the TEBs of its threads. */
#include "forge/world.h"

static bool make_peb(struct forge_world *w, const struct forge_scn_process *p) {
    if (!forge_types_find(&w->types, "_PEB") && !p->member.count)
        return true; /* the build's is not known, and nobody asks for it */
    return forge_world_struct(w, p->line, "_PEB", p->address) &&
           forge_world_members(w, "_PEB", p->address, &p->member);
}

static uint64_t teb_of(const struct forge_scn_thread *t) {
    return t->teb ? t->teb : t->has_cid ? t->address : 0;
}

static bool make_teb(struct forge_world *w, const struct forge_scn_thread *t) {
    uint64_t teb = teb_of(t);
    if (!teb)
        return !t->member.count ||
               forge_wrong(w->s, t->line, "thread: where is its TEB? write  teb ADDRESS");
    if (!forge_types_find(&w->types, "_TEB") && !t->member.count)
        return true;
    if (!forge_world_struct(w, t->line, "_TEB", teb) ||
        !forge_world_members(w, "_TEB", teb, &t->member))
        return false;
    forge_world_set(w, "_TEB", teb, "NtTib.Self", teb);
    forge_world_set(w, "_TEB", teb, "ClientId.UniqueProcess", t->pid);
    forge_world_set(w, "_TEB", teb, "ClientId.UniqueThread", t->has_cid ? t->tid : t->address);
    if (t->has_stack) {
        forge_world_set(w, "_TEB", teb, "NtTib.StackBase", t->stack_base);
        forge_world_set(w, "_TEB", teb, "NtTib.StackLimit", t->stack_limit);
    }
    if (w->s->processes.count)
        forge_world_set(w, "_TEB", teb, "ProcessEnvironmentBlock", w->s->processes.item[0].address);
    return true;
}

bool forge_world_user(struct forge_world *w) {
    for (size_t i = 0; i < w->s->processes.count; i++)
        if (!make_peb(w, &w->s->processes.item[i]))
            return false;
    for (size_t i = 0; i < w->s->threads.count; i++)
        if (!make_teb(w, &w->s->threads.item[i]))
            return false;
    return !forge_is_wrong(w->s);
}
