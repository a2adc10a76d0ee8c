/* SPDX-License-Identifier: MIT */
/*
 * Reading KTIMER2.
 *
 *   nt!KiTimer2Collections[] { RTL_RB_TREE Tree; uint64 NextDueTime; }
 *      0 timers that do not wake   1 high resolution   (2 nearly so, since 19041)
 *      2 or 3 those with a latest due time   3 or 4 idle resilient
 *
 * A timer has two nodes, RbNodes[2]: the first in the collection it expires by, the second in that
 * of latest due times; CollectionIndex[] says which they are in, 16 and above none. A tree's root
 * may be kept as its distance from the tree (bit 0 of Min). There are five collections where a
 * timer has the bit PseudoHighRes, else four.
 *
 * Sources: the public symbols of the kernels, with the enumeration KTIMER2_COLLECTION_INDEX.
 */
#include "nt/timer2.h"

#include <stdlib.h>
#include <string.h>

#include "base/vec.h"

enum { TYPE_NOTIFICATION2 = 0x18, TYPE_SYNCHRONIZATION2 = 0x19 };
enum { DEPTH = 64, COLLECTIONS = 5, STEPS = 4 * NT_TIMER2_MAX };

enum {
    T_TYPE,
    T_NODES,
    T_DUE,
    T_LATEST,
    T_PERIOD,
    T_CALLBACK,
    T_CONTEXT,
    T_ABSOLUTE,
    T_NO_WAKE,
    T_HIGH,
    T_RESILIENT,
    T_PSEUDO,
    T_INDEX,
    T_FIELDS
};
static const struct sc_layout_field timer_rows[T_FIELDS] = {
    [T_TYPE] = {"Header.Type", 1, true},        [T_NODES] = {"RbNodes", 1, true}, /* its place */
    [T_DUE] = {"DueTime[0]", 8, true},          [T_LATEST] = {"DueTime[1]", 8, true},
    [T_PERIOD] = {"Period", 8, true},           [T_CALLBACK] = {"Callback", 1, true},
    [T_CONTEXT] = {"CallbackContext", 1, true}, [T_ABSOLUTE] = {"AbsoluteSystemTime", 1, true},
    [T_NO_WAKE] = {"NoWake", 0, true},          [T_HIGH] = {"HighResolution", 0, true},
    [T_RESILIENT] = {"IdleResilient", 0, true}, [T_PSEUDO] = {"PseudoHighRes", 0, true},
    [T_INDEX] = {"CollectionIndex", 2, true}, /* both bytes */
};
static const uint8_t timer_pointers[] = {T_CALLBACK, T_CONTEXT};
static const struct nt_def timer_def = {
    {"nt!_KTIMER2", timer_rows, T_FIELDS}, T_FIELDS, NULL, NT_POINTERS(timer_pointers)};

enum { C_ROOT, C_MIN, C_FIELDS };
static const struct sc_layout_field collection_rows[C_FIELDS] = {
    [C_ROOT] = {"Tree.Root", 1, true},
    [C_MIN] = {"Tree.Min", 1, true},
};
static const uint8_t collection_pointers[] = {C_ROOT, C_MIN};
static const struct nt_def collection_def = {{"nt!_KTIMER2_COLLECTION", collection_rows, C_FIELDS},
                                             C_FIELDS,
                                             NULL,
                                             NT_POINTERS(collection_pointers)};

struct walk {
    const struct nt *nt;
    sc_arena *arena;
    struct nt_timers2 *timers;
    uint64_t nodes; /* offset of RbNodes */
    unsigned collection, steps;
    struct {
        struct nt_timer2 *item;
        size_t count, room;
    } found;
};

static sc_err *note(struct walk *w, const char *text) {
    if (w->timers->why)
        return NULL;
    w->timers->why = sc_arena_printf(w->arena, "collection %u: %s", w->collection, text);
    return w->timers->why ? NULL : sc_err_nomem();
}

/* A timer whose node of this collection is at NODE: the first one, unless the second one is. */
static sc_err *read_timer(struct walk *w, uint64_t node, bool *ret_timer) {
    struct nt_field f[T_FIELDS];
    const uint64_t node_size = 3 * w->nt->ptr_size;
    *ret_timer = false;
    for (unsigned i = 0; !*ret_timer && i < 2; i++) {
        uint64_t at = nt_add(w->nt, node, 0 - w->nodes - i * node_size);
        sc_err *err = nt_load(w->nt, &timer_def, at, f, &w->timers->assumed);
        if (err)
            return err;
        uint64_t type = nt_or(&f[T_TYPE], 0) & 0x7f;
        if ((type != TYPE_NOTIFICATION2 && type != TYPE_SYNCHRONIZATION2) ||
            (nt_or(&f[T_INDEX], 0) >> 8 * i & 0xff) != w->collection)
            continue;
        *ret_timer = true;
        if (i) /* it is in another collection, too, and comes with that */
            return NULL;
        struct nt_timer2 *t = SC_VEC_PUSH(&w->found);
        if (!t)
            return sc_err_nomem();
        *t = (struct nt_timer2){at,           w->collection, f[T_DUE],      f[T_LATEST],
                                f[T_PERIOD],  f[T_CALLBACK], f[T_CONTEXT],  f[T_ABSOLUTE],
                                f[T_NO_WAKE], f[T_HIGH],     f[T_RESILIENT]};
    }
    return NULL;
}

/* In order, with a stack: a tree that is deeper, or that never ends, is none. */
static sc_err *walk_tree(struct walk *w, uint64_t root) {
    uint64_t stack[DEPTH], node = root;
    unsigned depth = 0;
    sc_err *err = NULL;
    while (!err && (node || depth)) {
        bool is_timer;
        if (++w->steps > STEPS)
            return note(w, "it has too many nodes");
        if (node) {
            if (depth == DEPTH || !nt_is_kernel(w->nt, node))
                return note(w, depth == DEPTH ? "it is too deep" : "a link leads to no address");
            stack[depth++] = node;
            struct nt_field left = nt_pointer(w->nt, node);
            if (left.state != NT_READ)
                return note(w, "a node is not in the dump");
            node = left.value;
            continue;
        }
        uint64_t at = stack[--depth];
        struct nt_field right = nt_pointer(w->nt, nt_add(w->nt, at, w->nt->ptr_size));
        err = read_timer(w, at, &is_timer);
        if (!err && !is_timer)
            err = note(w, "a node belongs to no timer");
        if (!err && w->found.count > NT_TIMER2_MAX)
            return note(w, "it has too many timers");
        node = nt_or(&right, 0);
    }
    return err;
}

static sc_err *walk_collection(struct walk *w, uint64_t address) {
    struct nt_field f[C_FIELDS];
    sc_err *err = nt_load(w->nt, &collection_def, address, f, &w->timers->assumed);
    if (err)
        return err;
    if (f[C_ROOT].state != NT_READ || f[C_MIN].state != NT_READ)
        return note(w, "it is not in the dump");
    uint64_t root = f[C_ROOT].value;
    if (root && f[C_MIN].value & 1)
        root ^= address; /* the tree is the first member */
    return walk_tree(w, root);
}

static int by_due(const void *a, const void *b) {
    const struct nt_timer2 *x = a, *y = b;
    uint64_t p = nt_or(&x->due, UINT64_MAX), q = nt_or(&y->due, UINT64_MAX);
    if (p != q)
        return p < q ? -1 : 1;
    return x->address < y->address ? -1 : x->address > y->address;
}

static sc_err *finish(struct walk *w) {
    struct nt_timers2 *t = w->timers;
    if (!w->found.count)
        return NULL;
    t->item = sc_arena_array(w->arena, w->found.count, sizeof *t->item);
    if (!t->item)
        return sc_err_nomem();
    t->count = w->found.count;
    memcpy(t->item, w->found.item, t->count * sizeof *t->item);
    qsort(t->item, t->count, sizeof *t->item, by_due);
    return NULL;
}

/* Where the collections are, how large each is and how many; else `why`. */
static sc_err *find(const struct nt *nt, struct nt_timers2 *t, uint64_t *ret_at, uint64_t *ret_step,
                    unsigned *ret_count, uint64_t *ret_nodes) {
    const sc_layout *layout;
    uint64_t pseudo;
    bool found = false, five = false;
    sc_err *err = sc_layout_book_get(nt->book, &collection_def.layout, &layout);
    if (!err)
        *ret_step = sc_layout_size(layout);
    if (!err)
        err = nt_offset(nt, &timer_def, T_NODES, ret_nodes, &found);
    if (!err)
        err = nt_offset(nt, &timer_def, T_PSEUDO, &pseudo, &five);
    if (sc_err_catch(&err, SC_ERR_NOT_FOUND) || (!err && (!found || !*ret_step)))
        t->why = "the symbols do not know nt!_KTIMER2 and nt!_KTIMER2_COLLECTION";
    if (!err && !t->why) {
        err = nt_symbol(nt, "nt!KiTimer2Collections", ret_at, &found);
        if (!err && !found)
            t->why = "nt!KiTimer2Collections is not known: no symbols have it";
    }
    *ret_count = five ? COLLECTIONS : COLLECTIONS - 1;
    t->known = !t->why;
    return err;
}

sc_err *nt_timers2_read(const struct nt *nt, sc_arena *arena, struct nt_timers2 *ret) {
    struct nt_timers2 t = {0};
    struct walk w = {.nt = nt, .arena = arena, .timers = &t};
    uint64_t at = 0, step = 0;
    unsigned count = 0;
    sc_err *err = find(nt, &t, &at, &step, &count, &w.nodes);
    for (unsigned i = 0; !err && t.known && i < count; i++) {
        w.collection = i;
        err = walk_collection(&w, nt_add(nt, at, i * step));
    }
    if (!err)
        err = finish(&w);
    SC_VEC_FREE(&w.found);
    if (!err)
        *ret = t;
    return err;
}
