/* SPDX-License-Identifier: MIT */
/*
 * The modules of a process in the dump of a kernel: they come and go with the process that is
 * looked at, while those of the kernel stay. Their strings live in an arena that goes with them.
 */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/utf.h"
#include "dump/dump.h"
#include "target/target_impl.h"

void sc_target_user_modules_deinit(sc_target *t) {
    sc_arena_destroy(t->user_arena);
    t->user_arena = NULL;
}

struct build {
    sc_target *target;
    sc_arena *arena;
    struct sc_modules list; /* those of the kernel first, then the process's */
    size_t left_out;
};

static bool overlaps(const struct sc_modules *list, const struct sc_module *m) {
    for (size_t i = 0; i < list->count; i++)
        if (m->base - list->item[i].base < list->item[i].size ||
            list->item[i].base - m->base < m->size)
            return true;
    return false;
}

static bool name_taken(const struct sc_modules *list, const char *name) {
    for (size_t i = 0; i < list->count; i++)
        if (!sc_strcasecmp(list->item[i].name, name))
            return true;
    return false;
}

static sc_err *own_strings(struct build *b, struct sc_module *m) {
    const char *path = m->path ? m->path : m->image ? m->image : "";
    m->path = sc_arena_strdup(b->arena, path);
    if (!m->path || !sc_module_names(b->arena, m->path, &m->name, &m->image))
        return sc_err_nomem();
    /* The second of a name has its address behind it: ntdll's 32-bit side in a WOW64 process. */
    if (name_taken(&b->list, m->name))
        m->name = sc_arena_printf(b->arena, "%s_%llx", m->name, (unsigned long long)m->base);
    if (m->codeview.path)
        m->codeview.path = sc_arena_strdup(b->arena, m->codeview.path);
    return m->name ? NULL : sc_err_nomem();
}

static sc_err *add(struct build *b, const struct sc_module *module) {
    struct sc_module m = *module;
    m.user = true;
    if (!m.size || m.base + (m.size - 1) < m.base || overlaps(&b->list, &m)) {
        b->left_out++;
        return NULL;
    }
    sc_err *err = own_strings(b, &m);
    if (err)
        return err;
    if (name_taken(&b->list, m.name)) {
        b->left_out++;
        return NULL;
    }
    struct sc_module *slot = SC_VEC_PUSH(&b->list);
    if (!slot)
        return sc_err_nomem();
    *slot = m;
    return NULL;
}

static int by_base(const void *a, const void *b) {
    const struct sc_module *x = a, *y = b;
    return x->base < y->base ? -1 : x->base > y->base;
}

static sc_err *build(struct build *b, const struct sc_module *modules, size_t count) {
    const struct sc_modules *old;
    sc_err *err = sc_target_modules(b->target, &old);
    for (size_t i = 0; !err && i < old->count; i++) {
        struct sc_module *slot = old->item[i].user ? NULL : SC_VEC_PUSH(&b->list);
        if (slot)
            *slot = old->item[i];
        else if (!old->item[i].user)
            err = sc_err_nomem();
    }
    for (size_t i = 0; !err && i < count; i++)
        err = add(b, &modules[i]);
    return err;
}

sc_err *sc_target_set_user_modules(sc_target *target, const struct sc_module *modules, size_t count,
                                   size_t *ret_left_out) {
    struct build b = {.target = target, .arena = sc_arena_create()};
    sc_err *err = b.arena ? NULL : sc_err_nomem();
    if (!err && !target->source->machine.kernel)
        err = sc_errf(SC_ERR_ARG, "this is the dump of a process: its modules are what it holds");
    if (!err && target->symtabs)
        err = sc_errf(SC_ERR_ARG, "a symtab of this target would not know the new modules");
    if (!err)
        err = build(&b, modules, count);
    if (err) {
        SC_VEC_FREE(&b.list);
        sc_arena_destroy(b.arena);
        return err;
    }
    if (b.list.count)
        qsort(b.list.item, b.list.count, sizeof *b.list.item, by_base);
    SC_VEC_FREE(&target->modules);
    target->modules = b.list;
    sc_target_user_modules_deinit(target);
    target->user_arena = b.arena;
    if (ret_left_out)
        *ret_left_out = b.left_out;
    return NULL;
}
