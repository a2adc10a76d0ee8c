/* SPDX-License-Identifier: MIT */
/*
 * Rings of threads that wait for each other's resources.
 *
 * A thread waits for one resource at a time, and who waits is known by the resources' waiters; so
 * the threads that wait are the nodes, and from each a way leads to every owner of what it waits
 * for that waits itself. One search in depth, which marks where it was, finds a way that comes
 * back. An owner that is an address (ExSetResourceOwnerPointer) stands for the thread that has it
 * on its stack, if that one waits.
 */
#include "nt/deadlock.h"

#include <stdlib.h>

#include "base/sort.h"
#include "base/vec.h"

enum { STEPS_MAX = 1 << 22 };
enum mark { NEW, OPEN, DONE };

/* A thread that waits. */
struct node {
    uint64_t thread;
    uint64_t limit, base; /* its stack */
    size_t lock;          /* what it waits for: the number in `locks` */
    struct nt_resource_waiter wait;
    enum mark mark;
    size_t next; /* the owner to look at next */
    size_t way;  /* that led on from here */
};
struct locks {
    struct nt_resource *item;
    size_t count, room;
};
struct nodes {
    struct node *item; /* sorted by thread */
    size_t count, room;
};
struct graph {
    const struct nt *nt;
    struct locks locks;
    struct nodes nodes;
    struct sc_sort_key *by_stack; /* nodes by where their stacks begin */
    size_t *path;                 /* nodes, from where the search began */
    size_t depth;
    uint64_t steps; /* that may still be made */
};

static void graph_deinit(struct graph *g) {
    for (size_t i = 0; i < g->locks.count; i++)
        nt_resource_deinit(&g->locks.item[i]);
    SC_VEC_FREE(&g->locks);
    SC_VEC_FREE(&g->nodes);
    free(g->by_stack);
    free(g->path);
}

/* ---- who waits ---- */

static sc_err *add_node(struct graph *g, const struct nt_resource_waiter *w) {
    struct nt_thread t;
    sc_err *err = nt_thread_read(g->nt, w->thread, &t);
    if (err || !nt_thread_valid(&t) || nt_or(&t.f[NT_T_STATE], 0) != NT_THREAD_WAITING)
        return err;
    struct node *n = SC_VEC_PUSH(&g->nodes);
    if (!n)
        return sc_err_nomem();
    *n = (struct node){.thread = w->thread,
                       .limit = nt_or(&t.f[NT_T_STACK_LIMIT], 0),
                       .base = nt_or(&t.f[NT_T_STACK_BASE], 0),
                       .lock = g->locks.count,
                       .wait = *w};
    return NULL;
}

/* Keeps the resource, and takes it over, if somebody has it and somebody waits. */
static sc_err *add_lock(struct graph *g, struct nt_resource *r) {
    size_t before = g->nodes.count;
    sc_err *err = NULL;
    for (size_t i = 0; !err && r->owners.count && i < r->waiters.count; i++)
        if (g->nodes.count < NT_DEADLOCK_WAITERS_MAX)
            err = add_node(g, &r->waiters.item[i]);
    if (err || g->nodes.count == before)
        return err;
    struct nt_resource *kept = SC_VEC_PUSH(&g->locks);
    if (!kept)
        return sc_err_nomem();
    *kept = *r;
    *r = (struct nt_resource){0};
    return NULL;
}

static sc_err *read_locks(struct graph *g) {
    struct nt_list list;
    uint64_t entry, budget = NT_RESOURCES_BUDGET;
    bool known = false;
    sc_err *err = nt_resources_begin(g->nt, &list, &known);
    if (err || !known)
        return err;
    while (!err && nt_list_next(&list, &entry)) {
        struct nt_resource r = {0};
        err = nt_resource_read(g->nt, entry, &budget, &r);
        if (!err)
            err = add_lock(g, &r);
        nt_resource_deinit(&r);
    }
    return !err && list.end == NT_LIST_STOP ? sc_err_cancelled() : err;
}

/* ---- which node a thread or an address is ---- */

static int by_thread(const void *a, const void *b) {
    const struct node *x = a, *y = b;
    return x->thread < y->thread ? -1 : x->thread > y->thread;
}

static sc_err *sort_nodes(struct graph *g) {
    size_t n = g->nodes.count;
    if (!n)
        return NULL;
    qsort(g->nodes.item, n, sizeof *g->nodes.item, by_thread);
    g->by_stack = calloc(n, sizeof *g->by_stack);
    g->path = calloc(n, sizeof *g->path);
    if (!g->by_stack || !g->path)
        return sc_err_nomem();
    for (size_t i = 0; i < n; i++)
        g->by_stack[i] = (struct sc_sort_key){g->nodes.item[i].limit, i};
    return sc_sort_keys(g->by_stack, n) ? NULL : sc_err_nomem();
}

static struct node *node_of_thread(struct graph *g, uint64_t thread) {
    struct node key = {.thread = thread};
    return g->nodes.count ? bsearch(&key, g->nodes.item, g->nodes.count, sizeof key, by_thread)
                          : NULL;
}

/* The last stack that begins at or below ADDRESS, if it holds it: stacks do not overlap. */
static struct node *node_of_address(struct graph *g, uint64_t address) {
    size_t low = 0, high = g->nodes.count;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (g->by_stack[mid].key <= address)
            low = mid + 1;
        else
            high = mid;
    }
    struct node *n = low ? &g->nodes.item[g->by_stack[low - 1].index] : NULL;
    return n && n->limit && address < n->base ? n : NULL;
}

/*
 * Who owns and waits. An address on the waiter's own stack, or a thread that has the resource
 * exclusively and would get it again, is no way back to itself (the former is nt/selflock.h's).
 */
static struct node *owner_of(struct graph *g, const struct node *from, uint64_t owner) {
    bool pointer = nt_owner_is_pointer(owner);
    struct node *n = pointer ? node_of_address(g, nt_owner_address(owner))
                             : node_of_thread(g, nt_owner_address(owner));
    bool upgrade = !pointer && !from->wait.shared && !g->locks.item[from->lock].exclusive;
    return n == from && !upgrade ? NULL : n;
}

/* ---- the search ---- */

/* The next one that FROM waits for; NULL when there is none left. */
static struct node *step(struct graph *g, struct node *from) {
    const struct nt_resource *r = &g->locks.item[from->lock];
    while (from->next < r->owners.count && g->steps) {
        g->steps--;
        from->way = from->next++;
        struct node *to = owner_of(g, from, r->owners.item[from->way]);
        if (to && to->mark != DONE)
            return to;
    }
    return NULL;
}

/* The node at which a way from START comes back to itself: it is open, on the path. */
static struct node *search(struct graph *g, struct node *start) {
    g->depth = 0;
    for (struct node *at = start, *to; at;) {
        if (at->mark == NEW) {
            at->mark = OPEN;
            g->path[g->depth++] = (size_t)(at - g->nodes.item);
        }
        to = step(g, at);
        if (to && to->mark == OPEN)
            return to;
        if (!to) {
            at->mark = DONE;
            g->depth--;
            to = g->depth ? &g->nodes.item[g->path[g->depth - 1]] : NULL;
        }
        at = to;
    }
    return NULL;
}

/* The path from FIRST on is the ring. */
static sc_err *take_ring(struct graph *g, const struct node *first, struct nt_deadlock *ret) {
    size_t from = 0;
    while (from < g->depth && &g->nodes.item[g->path[from]] != first)
        from++;
    struct nt_deadlock d = {.total = g->depth - from};
    sc_err *err = NULL;
    for (size_t i = from; !err && i < g->depth && d.count < NT_DEADLOCK_LINKS; i++) {
        const struct node *n = &g->nodes.item[g->path[i]];
        const struct nt_resource *r = &g->locks.item[n->lock];
        struct nt_deadlock_link *link = &d.link[d.count++];
        link->resource = r->address;
        link->owner = r->owners.item[n->way];
        link->exclusive = r->exclusive;
        link->wait = n->wait;
        err = nt_thread_read(g->nt, n->thread, &link->thread);
    }
    if (!err)
        *ret = d;
    return err;
}

sc_err *nt_deadlock_find(const struct nt *nt, struct nt_deadlock *ret, bool *ret_found) {
    struct graph g = {.nt = nt, .steps = STEPS_MAX};
    *ret_found = false;
    sc_err *err = read_locks(&g);
    if (sc_err_catch(&err, SC_ERR_NOT_FOUND))
        g.nodes.count = 0; /* the symbols lack a structure: nothing is known */
    if (!err)
        err = sort_nodes(&g);
    for (size_t i = 0; !err && !*ret_found && i < g.nodes.count; i++) {
        struct node *first = g.nodes.item[i].mark == NEW ? search(&g, &g.nodes.item[i]) : NULL;
        if (!first)
            continue;
        err = take_ring(&g, first, ret);
        *ret_found = !err;
    }
    graph_deinit(&g);
    return err;
}
