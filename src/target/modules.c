/* SPDX-License-Identifier: MIT */
/* The target's modules: sorted, uniquely named, looked up by address and by name. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/utf.h"
#include "dump/dump.h"
#include "target/whole.h"

static int by_base(const void *a, const void *b) {
    const struct sc_module *x = a, *y = b;
    if (x->base != y->base)
        return x->base < y->base ? -1 : 1;
    return x->record < y->record ? -1 : x->record > y->record;
}

/* Two modules of one name: the later (by address) gets its base behind it, as WinDbg does. */
static sc_err *make_unique(sc_target *t) {
    struct sc_map seen = {0};
    sc_err *err = NULL;
    for (size_t i = 0; i < t->modules.count && !err; i++) {
        struct sc_module *m = &t->modules.item[i];
        uint64_t first;
        if (sc_map_get(&seen, m->name, &first)) {
            m->name = sc_arena_printf(t->source->arena, "%s_%" PRIx64, m->name, m->base);
            if (!m->name)
                err = sc_err_nomem();
        }
        if (!err && !sc_map_put(&seen, m->name, i))
            err = sc_err_nomem();
    }
    sc_map_free(&seen);
    return err;
}

bool sc_target_is_listing(const sc_target *target) { return target->listing != 0; }

static sc_err *load(sc_target *t) {
    const struct sc_source_ops *ops = t->source->ops;
    sc_err *err = NULL;
    t->listing++;
    if (ops->load_modules)
        err = ops->load_modules(t->source, &t->modules);
    else if (sc_target_has_paging(t))
        err = sc_whole_load_modules(t, &t->modules);
    t->listing--;
    if (err)
        return err;
    if (t->modules.count)
        qsort(t->modules.item, t->modules.count, sizeof *t->modules.item, by_base);
    err = make_unique(t);
    if (err)
        return err;
    /* The kernel is the image that its own list head lies in, whatever the file is called. */
    struct sc_machine *m = &t->source->machine;
    for (size_t i = 0; i < t->modules.count && m->kernel && !m->kernel_base; i++)
        if (m->loaded_module_list - t->modules.item[i].base < t->modules.item[i].size)
            m->kernel_base = t->modules.item[i].base;
    for (size_t i = 0; i < t->modules.count && m->kernel_base; i++)
        if (t->modules.item[i].base == m->kernel_base && m->kernel)
            t->modules.item[i].name = "nt";
    return NULL;
}

sc_err *sc_target_modules(sc_target *target, const struct sc_modules **ret_modules) {
    if (!target->modules_loaded) {
        sc_err *err = load(target);
        if (err) {
            SC_VEC_FREE(&target->modules);
            return err;
        }
        target->modules_loaded = true;
        sc_target_note_io(target);
    }
    *ret_modules = &target->modules;
    return NULL;
}

/* ---- modules of the user's making ---- */

static const struct sc_module *overlapping(const struct sc_modules *list, uint64_t base,
                                           uint64_t size) {
    for (size_t i = 0; i < list->count; i++) {
        const struct sc_module *m = &list->item[i];
        if (base - m->base < m->size || m->base - base < size)
            return m;
    }
    return NULL;
}

static bool name_taken(const struct sc_modules *list, const char *name) {
    for (size_t i = 0; i < list->count; i++)
        if (!sc_strcasecmp(list->item[i].name, name))
            return true;
    return false;
}

static sc_err *check_new(const struct sc_target *t, const struct sc_module *m) {
    const struct sc_module *other = overlapping(&t->modules, m->base, m->size);
    if (t->symtabs)
        return sc_errf(SC_ERR_ARG, "a symtab of this target would not know the new module");
    if (!m->size || m->base + (m->size - 1) < m->base)
        return sc_errf(SC_ERR_ARG, "a module at 0x%" PRIx64 " cannot have 0x%" PRIx64 " bytes",
                       m->base, m->size);
    if (other)
        return sc_errf(SC_ERR_ARG,
                       "0x%" PRIx64 " bytes at 0x%" PRIx64 " overlap %s (0x%" PRIx64
                       " to 0x%" PRIx64 ")",
                       m->size, m->base, other->name, other->base, other->base + other->size);
    return NULL;
}

/* The target's own strings in place of the caller's. */
static sc_err *own_strings(sc_target *t, struct sc_module *m) {
    sc_arena *arena = t->source->arena;
    m->path = sc_arena_strdup(arena, m->path ? m->path : m->image ? m->image : "");
    if (!m->path || !sc_module_names(arena, m->path, &m->name, &m->image))
        return sc_err_nomem();
    if (name_taken(&t->modules, m->name))
        m->name = sc_arena_printf(arena, "%s_%" PRIx64, m->name, m->base);
    if (!m->name)
        return sc_err_nomem();
    const char *pdb = m->codeview.path;
    if (pdb)
        m->codeview.path = sc_arena_strdup(arena, pdb);
    return pdb && !m->codeview.path ? sc_err_nomem() : NULL;
}

sc_err *sc_target_add_module(sc_target *target, const struct sc_module *module) {
    const struct sc_modules *list;
    struct sc_module m = *module;
    m.record = SC_UNSET64;
    sc_err *err = sc_target_modules(target, &list);
    if (!err)
        err = check_new(target, &m);
    if (!err)
        err = own_strings(target, &m);
    if (!err && name_taken(list, m.name))
        err = sc_errf(SC_ERR_ARG, "there is a module %s already", m.name);
    if (!err && !SC_VEC_PUSH(&target->modules))
        err = sc_err_nomem();
    if (err)
        return err;
    size_t at = list->count - 1;
    for (; at && list->item[at - 1].base > m.base; at--)
        target->modules.item[at] = target->modules.item[at - 1];
    target->modules.item[at] = m;
    return NULL;
}

sc_err *sc_target_unloaded(sc_target *target, const struct sc_unloadeds **ret_unloaded) {
    const struct sc_source_ops *ops = target->source->ops;
    if (!target->unloaded_loaded) {
        sc_err *err = NULL;
        target->listing++;
        if (ops->load_unloaded)
            err = ops->load_unloaded(target->source, &target->unloaded);
        else if (sc_target_has_paging(target))
            err = sc_whole_load_unloaded(target, &target->unloaded);
        target->listing--;
        if (err) {
            SC_VEC_FREE(&target->unloaded);
            return err;
        }
    }
    target->unloaded_loaded = true;
    sc_target_note_io(target);
    *ret_unloaded = &target->unloaded;
    return NULL;
}

/* What a lookup does with an error: its answer is NULL either way. */
static void swallow(sc_target *t, sc_err *err) {
    if (sc_err_code(err) == SC_ERR_NOMEM)
        sc_target_set_nomem(t);
    sc_err_destroy(err);
}

const struct sc_module *sc_target_module_at(sc_target *target, uint64_t addr) {
    const struct sc_modules *list;
    sc_err *err = sc_target_modules(target, &list);
    if (err) {
        swallow(target, err);
        return NULL;
    }
    size_t lo = 0, hi = list->count;
    while (lo < hi) { /* the last one that begins at or below ADDR */
        size_t mid = lo + (hi - lo) / 2;
        if (list->item[mid].base <= addr)
            lo = mid + 1;
        else
            hi = mid;
    }
    if (!lo || addr - list->item[lo - 1].base >= list->item[lo - 1].size)
        return NULL;
    return &list->item[lo - 1];
}

const struct sc_module *sc_target_module_named(sc_target *target, const char *name) {
    const struct sc_modules *list;
    sc_err *err = sc_target_modules(target, &list);
    if (err) {
        swallow(target, err);
        return NULL;
    }
    for (size_t i = 0; i < list->count; i++)
        if (!sc_strcasecmp(list->item[i].name, name))
            return &list->item[i];
    for (size_t i = 0; i < list->count; i++)
        if (!sc_strcasecmp(list->item[i].image, name))
            return &list->item[i];
    return NULL;
}

const struct sc_unloaded *sc_target_unloaded_at(sc_target *target, uint64_t addr) {
    const struct sc_unloadeds *list;
    sc_err *err = sc_target_unloaded(target, &list);
    if (err) {
        swallow(target, err);
        return NULL;
    }
    /* The list is in order of unloading, the most recent first. */
    for (size_t i = 0; i < list->count; i++)
        if (addr - list->item[i].base < list->item[i].size)
            return &list->item[i];
    return NULL;
}
