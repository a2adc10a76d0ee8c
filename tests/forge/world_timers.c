/* SPDX-License-Identifier: MIT */
/*
 * Timers that are set.
 *
 *   Windows XP, 2003     nt!KiTimerTableListHead: list (due / KeMaximumIncrement) & 255 (511 later)
 *   since Windows 7      KPRCB.TimerTable.TimerEntries[256]: list (due >> 18) & 255; x64 since
 * 19041 two tables of them (high precision, standard) since Windows 8.1    KTIMER2 in the trees of
 * nt!KiTimer2Collections: no wake, high resolution, (nearly so, since 19041), with a latest time,
 * idle resilient
 *
 * On 64-bit systems since 7, KTIMER.Dpc is hidden with two values of the kernel's. What threads
 * that wait with a timeout have of their own is in the tables, too, as soon as one line speaks of
 * timers. The forms: src/nt/timer.c, timer2.c. Guessed: into which tree a KTIMER2 without flags
 * goes (`tree` says another one).
 */
#include <stdlib.h>
#include <string.h>

#include "forge/world.h"

enum { NOTIFICATION = 8, SYNCHRONIZATION = 9, NOTIFICATION2 = 0x18, LISTS = 256, TICK = 156250 };
enum { NO_WAKE = 0, HIGH_RESOLUTION = 1, NO_TREE = 0xff };

static const char *const prcb_type = "_KPRCB", *const timer_type = "_KTIMER",
                         *const timer2_type = "_KTIMER2";

/* A timer and the list that it is in. */
struct entry {
    uint64_t address;
    unsigned processor, table, list;
};
struct entries {
    FORGE_LIST(entry) all;
};

static uint64_t global(const struct forge_world *w, const char *name) {
    const struct forge_wsymbol *s = forge_world_symbol(w, w->nt, name);
    return s ? s->addr : 0;
}

/* Whether processors have tables of their own, and how many each. */
static unsigned tables(const struct forge_world *w) {
    struct forge_place in, entries;
    if (!forge_world_offset(w, prcb_type, "TimerTable", &in) ||
        !forge_world_offset(w, "_KTIMER_TABLE", "TimerEntries", &entries))
        return 0;
    uint32_t one = forge_world_sizeof(w, "_KTIMER_TABLE_ENTRY") * LISTS;
    return one ? (forge_world_sizeof(w, "_KTIMER_TABLE") - entries.offset) / one : 0;
}

static uint64_t swap64(uint64_t v) {
    uint64_t r = 0;
    for (unsigned i = 0; i < 8; i++)
        r = r << 8 | (v >> 8 * i & 0xff);
    return r;
}

/* KTIMER.Dpc as it is kept. */
static uint64_t hidden(struct forge_world *w, uint64_t timer, uint64_t dpc) {
    uint64_t never, always;
    if (w->is32 || !tables(w))
        return dpc;
    forge_world_keys(w, &never, &always);
    uint64_t v = swap64(dpc ^ always) ^ timer;
    unsigned by = never & 63;
    return (by ? v >> by | v << (64 - by) : v) ^ never;
}

static unsigned list_of(const struct forge_world *w, uint64_t due) {
    return tables(w) ? due >> 18 & 255 : (unsigned)(due / TICK & 255);
}

static uint64_t due_of(const struct forge_world *w, const struct forge_scn_queued *v) {
    return v->never ? (uint64_t)1 << 63 : w->s->uptime + v->due;
}

/* ---- KTIMER ---- */

static void add(struct forge_world *w, struct entries *e, uint64_t timer, unsigned processor,
                unsigned table, unsigned list) {
    struct forge_place waiters;
    if (forge_world_offset(w, timer_type, "Header.WaitListHead", &waiters))
        forge_world_close_ring(w, timer + waiters.offset);
    forge_world_set(w, timer_type, timer, "Header.Inserted", 1);
    *FORGE_PUSH(w->pool, &e->all) = (struct entry){timer, processor, table, list};
}

static bool put_timer(struct forge_world *w, const struct forge_scn_queued *v, struct entries *e) {
    uint64_t dpc = 0, at = v->address, due = due_of(w, v);
    unsigned table = v->standard && tables(w) > 1;
    if (v->processor >= w->ncpus)
        return forge_wrong(w->s, v->line, "timer: there are only %u processors", w->ncpus);
    if (!forge_world_struct(w, v->line, timer_type, at) ||
        !forge_world_members(w, timer_type, at, &v->member) ||
        (v->dpc.text && !forge_world_eval(w, v->line, v->dpc.text, &dpc, NULL)))
        return false;
    forge_world_set(w, timer_type, at, "Header.Type",
                    v->synchronizes ? SYNCHRONIZATION : NOTIFICATION);
    forge_world_set(w, timer_type, at, "DueTime", due);
    forge_world_set(w, timer_type, at, "Period", v->period);
    forge_world_set(w, timer_type, at, "Processor", v->processor);
    forge_world_set(w, timer_type, at, "Dpc", hidden(w, at, dpc));
    add(w, e, at, v->processor, table, v->has_list ? v->list : list_of(w, due));
    return true;
}

/* What a thread waits with that wants to be woken. */
static void put_thread_timers(struct forge_world *w, struct entries *e) {
    struct forge_place own;
    if (!forge_world_offset(w, "_ETHREAD", "Tcb.Timer", &own))
        return;
    for (size_t i = 0; i < w->s->turns.count; i++) {
        const struct forge_scn_turn *t = &w->s->turns.item[i];
        uint64_t at = t->thread + own.offset;
        if (t->turn != FORGE_TURN_WAIT || !t->has_timeout)
            continue;
        forge_world_set(w, timer_type, at, "Dpc", hidden(w, at, 0));
        add(w, e, at, 0, 0, list_of(w, w->s->uptime + t->timeout));
    }
}

static void put_list(struct forge_world *w, const struct entries *e, uint64_t head,
                     unsigned processor, unsigned table, unsigned list, uint64_t *timer) {
    struct forge_place link;
    size_t n = 0;
    if (!forge_world_offset(w, timer_type, "TimerListEntry", &link))
        return;
    for (size_t i = 0; i < e->all.count; i++) {
        const struct entry *x = &e->all.item[i];
        if (x->list == list && (!tables(w) || (x->processor == processor && x->table == table)))
            timer[n++] = x->address;
    }
    forge_world_link(w, head, timer, n, link.offset);
}

static void put_tables(struct forge_world *w, const struct entries *e, uint64_t *timer) {
    struct forge_place in, entries, list;
    uint32_t step = forge_world_sizeof(w, "_KTIMER_TABLE_ENTRY");
    unsigned count = tables(w);
    if (!count) {
        uint64_t head = global(w, "KiTimerTableListHead");
        for (unsigned i = 0; i < LISTS; i++)
            put_list(w, e, head + (uint64_t)i * 2 * w->ptr_size, 0, 0, i, timer);
        return;
    }
    forge_world_offset(w, prcb_type, "TimerTable", &in);
    forge_world_offset(w, "_KTIMER_TABLE", "TimerEntries", &entries);
    forge_world_offset(w, "_KTIMER_TABLE_ENTRY", "Entry", &list);
    for (unsigned n = 0; n < w->ncpus; n++)
        for (unsigned i = 0; i < count * LISTS; i++) {
            uint64_t at = w->prcb[n] + in.offset + entries.offset + (uint64_t)i * step;
            put_list(w, e, at + list.offset, n, i / LISTS, i % LISTS, timer);
        }
}

/* ---- KTIMER2 ---- */

/* A node of a tree, by due time. */
struct node {
    uint64_t at, due;
};
struct nodes {
    FORGE_LIST(node) all;
};

static int by_due(const void *a, const void *b) {
    const struct node *x = a, *y = b;
    return x->due != y->due ? (x->due < y->due ? -1 : 1) : (x->at > y->at) - (x->at < y->at);
}

/* N nodes as a tree that is as flat as can be: its root. */
static uint64_t put_tree(struct forge_world *w, const struct node *node, size_t n,
                         uint64_t parent) {
    if (!n)
        return 0;
    size_t middle = n / 2;
    uint64_t at = node[middle].at;
    forge_world_put_uint(w, 0, at, w->ptr_size, put_tree(w, node, middle, at));
    forge_world_put_uint(w, 0, at + w->ptr_size, w->ptr_size,
                         put_tree(w, node + middle + 1, n - middle - 1, at));
    forge_world_put_uint(w, 0, at + 2 * w->ptr_size, w->ptr_size, parent);
    return at;
}

static unsigned trees(const struct forge_world *w) {
    struct forge_place five;
    return forge_world_offset(w, timer2_type, "PseudoHighRes", &five) ? 5 : 4;
}

static unsigned tree_of(const struct forge_world *w, const struct forge_scn_queued *v) {
    if (v->has_list)
        return v->list;
    if (forge_world_read(w, timer2_type, v->address, "TypeFlags") & 8)
        return NO_WAKE;
    if (forge_world_read(w, timer2_type, v->address, "TypeFlags") & 4)
        return HIGH_RESOLUTION;
    return trees(w) - 1;
}

static bool put_timer2(struct forge_world *w, const struct forge_scn_queued *v,
                       struct nodes *tree) {
    struct forge_place nodes, index, due;
    uint64_t at = v->address;
    if (!forge_types_find(&w->types, timer2_type))
        return forge_wrong(w->s, v->line, "timer2: build %u has no _KTIMER2", w->s->os.build);
    if (!forge_world_struct(w, v->line, timer2_type, at) ||
        !forge_world_members(w, timer2_type, at, &v->member) ||
        !forge_world_offset(w, timer2_type, "RbNodes", &nodes) ||
        !forge_world_offset(w, timer2_type, "CollectionIndex", &index) ||
        !forge_world_offset(w, timer2_type, "DueTime", &due))
        return false;
    unsigned first = tree_of(w, v), second = trees(w) - 2;
    if (first >= trees(w))
        return forge_wrong(w->s, v->line, "timer2: there are only %u trees", trees(w));
    uint64_t when = due_of(w, v), latest = w->s->uptime + (v->has_latest ? v->latest : v->due);
    forge_world_set(w, timer2_type, at, "Header.Type", NOTIFICATION2);
    forge_world_set(w, timer2_type, at, "Period", v->period);
    forge_world_put_uint(w, 0, at + due.offset, 8, when);
    forge_world_put_uint(w, 0, at + due.offset + 8, 8, latest);
    forge_world_put_uint(w, 0, at + index.offset, 1, first);
    forge_world_put_uint(w, 0, at + index.offset + 1, 1, v->has_latest ? second : NO_TREE);
    *FORGE_PUSH(w->pool, &tree[first].all) = (struct node){at + nodes.offset, when};
    if (v->has_latest)
        *FORGE_PUSH(w->pool, &tree[second].all) =
            (struct node){at + nodes.offset + 3 * w->ptr_size, latest};
    return true;
}

/* Root and first node; where the build can, the root as its distance from the tree. */
static void put_trees(struct forge_world *w, const struct nodes *tree) {
    struct forge_place distance;
    uint64_t at = global(w, "KiTimer2Collections");
    bool encoded = forge_world_offset(w, "_RTL_RB_TREE", "Encoded", &distance);
    for (unsigned i = 0; at && i < trees(w); i++) {
        const struct node *node = tree[i].all.item;
        size_t n = tree[i].all.count;
        if (n)
            qsort(tree[i].all.item, n, sizeof *node, by_due);
        uint64_t root = put_tree(w, node, n, 0);
        forge_world_put_uint(w, 0, at, w->ptr_size, root && encoded ? root ^ at : root);
        forge_world_put_uint(w, 0, at + w->ptr_size, w->ptr_size,
                             (n ? node->at : 0) | (encoded ? 1 : 0));
        forge_world_set(w, "_KTIMER2_COLLECTION", at, "NextDueTime", n ? node->due : UINT64_MAX);
        at += forge_world_sizeof(w, "_KTIMER2_COLLECTION");
    }
}

bool forge_world_timers(struct forge_world *w) {
    struct entries e = {{NULL, 0, 0}};
    struct nodes tree[5] = {{{NULL, 0, 0}}};
    size_t most = w->s->queued.count + w->s->turns.count + 1;
    bool any = false;
    for (size_t i = 0; i < w->s->queued.count; i++) {
        const struct forge_scn_queued *v = &w->s->queued.item[i];
        bool one = v->kind == FORGE_QUEUED_TIMER, two = v->kind == FORGE_QUEUED_TIMER2;
        any = any || one || two;
        if ((one && !put_timer(w, v, &e)) || (two && !put_timer2(w, v, tree)))
            return false;
    }
    if (!any)
        return true;
    put_thread_timers(w, &e);
    put_tables(w, &e, forge_pool_get(w->pool, most * sizeof(uint64_t)));
    put_trees(w, tree);
    return true;
}
