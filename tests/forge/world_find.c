/* SPDX-License-Identifier: MIT */
/* Who is who: processes, threads and stacks by their addresses and ids. */
#include "forge/world.h"

void forge_world_people(struct forge_world *w) {
    const struct forge_scenario *s = w->s;
    for (size_t i = 0; i < s->processes.count; i++) {
        forge_index_put(w->pool, &w->who.process_at, s->processes.item[i].address, i);
        forge_index_put(w->pool, &w->who.process_id, s->processes.item[i].pid, i);
    }
    for (size_t i = 0; i < s->threads.count; i++) {
        forge_index_put(w->pool, &w->who.thread_at, s->threads.item[i].address, i);
        if (s->threads.item[i].has_cid)
            forge_index_put(w->pool, &w->who.thread_id, s->threads.item[i].tid, i);
    }
    for (size_t i = 0; i < s->stacks.count; i++) {
        const struct forge_scn_stack *k = &s->stacks.item[i];
        if (k->of == FORGE_STACK_THREAD)
            forge_index_put(w->pool, &w->who.stack_of, k->thread, i);
        else if (k->of == FORGE_STACK_CURRENT && !w->who.has_current) {
            w->who.has_current = true;
            w->who.current_stack = i;
        }
    }
}

static size_t first(size_t a, size_t b) { return a < b ? a : b; }

const struct forge_scn_process *forge_world_process_at(const struct forge_world *w, uint64_t addr) {
    size_t i = forge_index_get(&w->who.process_at, addr);
    return i == SIZE_MAX ? NULL : &w->s->processes.item[i];
}

const struct forge_scn_process *forge_world_process_of_id(const struct forge_world *w,
                                                          uint64_t pid) {
    size_t i = forge_index_get(&w->who.process_id, pid);
    return i == SIZE_MAX ? NULL : &w->s->processes.item[i];
}

const struct forge_scn_thread *forge_world_thread_at(const struct forge_world *w, uint64_t addr) {
    size_t i = forge_index_get(&w->who.thread_at, addr);
    return i == SIZE_MAX ? NULL : &w->s->threads.item[i];
}

const struct forge_scn_thread *forge_world_thread_of(const struct forge_world *w,
                                                     const struct forge_scn_stack *stack) {
    size_t i = SIZE_MAX;
    if (stack->of == FORGE_STACK_CURRENT && w->s->threads.count)
        i = 0;
    else if (stack->of == FORGE_STACK_THREAD)
        i = first(forge_index_get(&w->who.thread_at, stack->thread),
                  forge_index_get(&w->who.thread_id, stack->thread));
    return i == SIZE_MAX ? NULL : &w->s->threads.item[i];
}

const struct forge_wstack *forge_world_stack_of(const struct forge_world *w,
                                                const struct forge_scn_thread *t, bool current) {
    size_t i = forge_index_get(&w->who.stack_of, t->address);
    if (t->has_cid)
        i = first(i, forge_index_get(&w->who.stack_of, t->tid));
    if (current && w->who.has_current)
        i = first(i, w->who.current_stack);
    return i == SIZE_MAX ? NULL : &w->stacks.item[i];
}
