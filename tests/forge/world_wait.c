/* SPDX-License-Identifier: MIT */
/*
 * Threads that wait: their wait blocks, which lie in the lists of what they wait for.
 *
 *   until 7    the blocks are a ring from KTHREAD.WaitBlockList on; with a timeout the thread's own
 *              timer is one of them, in WaitBlock[3]
 *   since 8    an array of KTHREAD.WaitBlockCount; the timer's block is in its list alone. A delay
 *              has one block, whose object is -1 (published threads in DelayExecution show it)
 *
 * Up to three blocks lie in the thread, more of them in pool.
 */
#include "forge/world.h"

enum {
    WAITING = 5,
    SEMAPHORE = 5,
    NOTIFICATION_TIMER = 8,
    WAIT_ALL = 0,
    WAIT_ANY = 1,
    BLOCK_ACTIVE = 4, /* KWAIT_BLOCK_STATE, since 8 */
    TIMER_BLOCK = 3,
    TIMEOUT = 0x102, /* STATUS_TIMEOUT */
    TICK = 156250,   /* what the clock's interrupts are apart, 100 ns */
};

static const char *const block_type = "_KWAIT_BLOCK", *const thread_type = "_ETHREAD";

static bool is_array(const struct forge_world *w) { return w->s->os.build >= 9200; }

static uint64_t part(const struct forge_world *w, const char *type, uint64_t addr,
                     const char *path) {
    struct forge_place p;
    return forge_world_offset(w, type, path, &p) ? addr + p.offset : 0;
}

/* The block I of a thread that has N for objects. */
static uint64_t block_at(const struct forge_world *w, uint64_t thread, uint64_t pool, size_t n,
                         size_t i) {
    uint64_t in_thread = part(w, thread_type, thread, "Tcb.WaitBlock");
    return (n > TIMER_BLOCK && i < n ? pool : in_thread) +
           (i < n ? i : TIMER_BLOCK) * (uint64_t)forge_world_sizeof(w, block_type);
}

static void put_block(struct forge_world *w, const struct forge_scn_turn *t, uint64_t block,
                      uint64_t object, uint64_t key) {
    forge_memmap_fill(&w->mem, block, forge_world_sizeof(w, block_type));
    forge_world_set(w, block_type, block, "Thread", t->thread);
    forge_world_set(w, block_type, block, "Object", object);
    forge_world_set(w, block_type, block, "WaitKey", key);
    forge_world_set(w, block_type, block, "WaitType", t->all ? WAIT_ALL : WAIT_ANY);
    if (is_array(w))
        forge_world_set(w, block_type, block, "BlockState", BLOCK_ACTIVE);
}

/* The thread's own timer, armed. */
static void put_timer(struct forge_world *w, const struct forge_scn_turn *t, uint64_t block) {
    uint64_t timer = part(w, thread_type, t->thread, "Tcb.Timer");
    if (!timer)
        return;
    forge_world_set(w, "_KTIMER", timer, "Header.Type", NOTIFICATION_TIMER);
    forge_world_set(w, "_KTIMER", timer, "DueTime", w->s->uptime + t->timeout);
    forge_world_set(w, thread_type, t->thread, "Tcb.TimerActive", 1);
    put_block(w, t, block, timer, TIMEOUT);
    uint64_t entry = part(w, block_type, block, "WaitListEntry");
    forge_world_link(w, part(w, "_DISPATCHER_HEADER", timer, "WaitListHead"), &entry, 1, 0);
}

/*
 * What its thread waits for while it is suspended: a part of itself, a semaphore until 7, an event
 * since 8. 0: it is not suspended.
 */
static uint64_t suspension(struct forge_world *w, const struct forge_scn_turn *t) {
    uint64_t semaphore = part(w, thread_type, t->thread, "Tcb.SuspendSemaphore");
    if (!t->suspended)
        return 0;
    forge_world_set(w, thread_type, t->thread, "Tcb.SuspendCount", t->suspended);
    if (!semaphore)
        return part(w, thread_type, t->thread, "Tcb.SuspendEvent");
    forge_world_set(w, "_KSEMAPHORE", semaphore, "Header.Type", SEMAPHORE);
    forge_world_set(w, "_KSEMAPHORE", semaphore, "Limit", 2);
    return semaphore;
}

static bool put_blocks(struct forge_world *w, const struct forge_scn_turn *t) {
    uint64_t own = suspension(w, t);
    size_t n = own ? 1 : t->object.count, all = n;
    bool delay = !n && is_array(w);
    uint64_t pool = n > TIMER_BLOCK
                        ? forge_world_spare(w, n * forge_world_sizeof(w, block_type), 16)
                        : 0,
             object;
    for (size_t i = 0; i < n; i++) {
        if (!own && !forge_world_eval(w, t->line, t->object.item[i].text, &object, NULL))
            return false;
        put_block(w, t, block_at(w, t->thread, pool, n, i), own ? own : object, i);
    }
    if (own) {
        uint64_t entry = part(w, block_type, block_at(w, t->thread, pool, 1, 0), "WaitListEntry");
        forge_world_link(w, part(w, "_DISPATCHER_HEADER", own, "WaitListHead"), &entry, 1, 0);
    }
    if (delay)
        put_block(w, t, block_at(w, t->thread, pool, 1, 0), UINT64_MAX, 0);
    if (t->has_timeout)
        put_timer(w, t, block_at(w, t->thread, pool, n, n));
    if (t->has_timeout && !is_array(w))
        all++;
    uint64_t first = block_at(w, t->thread, pool, delay ? 1 : n, 0);
    for (size_t i = 0; i < all && !is_array(w); i++)
        forge_world_set(w, block_type, block_at(w, t->thread, pool, n, i), "NextWaitBlock",
                        block_at(w, t->thread, pool, n, (i + 1) % all));
    forge_world_set(w, thread_type, t->thread, "Tcb.WaitBlockList", all || delay ? first : 0);
    forge_world_set(w, thread_type, t->thread, "Tcb.WaitBlockCount", delay ? 1 : n);
    return true;
}

static void put_state(struct forge_world *w, const struct forge_scn_turn *t) {
    uint64_t since = (w->s->uptime > t->since ? w->s->uptime - t->since : 0) / TICK;
    forge_world_set(w, thread_type, t->thread, "Tcb.State", WAITING);
    forge_world_set(w, thread_type, t->thread, "Tcb.WaitReason", t->reason);
    forge_world_set(w, thread_type, t->thread, "Tcb.WaitMode", t->user);
    forge_world_set(w, thread_type, t->thread, "Tcb.WaitTime", since);
    if (t->alertable)
        forge_world_set(w, thread_type, t->thread, "Tcb.Alertable", 1);
}

/* ---- the lists of what is waited for ---- */

struct waiter {
    uint64_t object, entry;
};
struct waiters {
    FORGE_LIST(waiter) list;
};

static bool find_waiters(struct forge_world *w, struct waiters *ret) {
    for (size_t k = 0; k < w->s->turns.count; k++) {
        const struct forge_scn_turn *t = &w->s->turns.item[k];
        uint64_t first = forge_world_read(w, thread_type, t->thread, "Tcb.WaitBlockList");
        for (size_t i = 0; i < t->object.count; i++) {
            uint64_t object;
            if (!forge_world_eval(w, t->line, t->object.item[i].text, &object, NULL))
                return false;
            uint64_t block = first + i * (uint64_t)forge_world_sizeof(w, block_type);
            *FORGE_PUSH(w->pool, &ret->list) =
                (struct waiter){object, part(w, block_type, block, "WaitListEntry")};
        }
    }
    return true;
}

static bool link_waiters(struct forge_world *w) {
    struct waiters all = {{NULL, 0, 0}};
    if (!find_waiters(w, &all))
        return false;
    uint64_t *entry = forge_pool_get(w->pool, (all.list.count + 1) * sizeof *entry);
    for (size_t i = 0; i < all.list.count; i++) {
        uint64_t object = all.list.item[i].object;
        size_t n = 0;
        for (size_t k = 0; k < all.list.count; k++)
            if (all.list.item[k].object == object)
                entry[n++] = all.list.item[k].entry;
        forge_world_link(w, part(w, "_DISPATCHER_HEADER", object, "WaitListHead"), entry, n, 0);
    }
    return true;
}

bool forge_world_waits(struct forge_world *w) {
    for (size_t i = 0; i < w->s->turns.count; i++) {
        const struct forge_scn_turn *t = &w->s->turns.item[i];
        if (t->turn != FORGE_TURN_WAIT)
            continue;
        if (!forge_types_find(&w->types, block_type))
            return forge_wrong(w->s, t->line, "wait: build %u has no _KWAIT_BLOCK", w->s->os.build);
        put_state(w, t);
        if (!put_blocks(w, t))
            return false;
    }
    return link_waiters(w);
}
