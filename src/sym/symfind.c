/* SPDX-License-Identifier: MIT */
/* Symbols and types by name: `module!name`, wildcards, and names without a module. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf.h"
#include "sym/layouts.h"
#include "sym/symtab_impl.h"

/* The two halves of a name; MODULE is "" without a `!`. */
struct halves {
    char module[256];
    const char *name;
};

static struct halves split(const char *text) {
    struct halves h = {.name = text};
    const char *bang = strchr(text, '!');
    if (bang && (size_t)(bang - text) < sizeof h.module) {
        memcpy(h.module, text, (size_t)(bang - text));
        h.module[bang - text] = 0;
        h.name = bang + 1;
    }
    return h;
}

/*
 * Which module a name without one is looked up in first: the kernel; of a process the executable,
 * which the loader put into its list, and the dump into its own, before all others.
 */
static const struct sc_module *first_module(sc_symtab *t) {
    if (sc_target_machine(t->target)->kernel) {
        const struct sc_module *nt = sc_target_module_named(t->target, "nt");
        if (nt)
            return nt;
    }
    const struct sc_module *first = NULL;
    for (size_t i = 0; i < t->modules->count; i++)
        if (!first || t->modules->item[i].record < first->record)
            first = &t->modules->item[i];
    return first;
}

static bool is_loaded(sc_symtab *t, const struct sc_module *m) {
    return sc_symtab_peek(t, m)->nproviders > 0;
}

struct search {
    sc_symtab *t;
    const struct sc_modsyms *m;
    sc_symbols *provider;
    const char *pattern;
    sc_near_fn fn;
    void *ctx;
    size_t seen; /* symbols of this provider, whether they matched or not */
    bool stopped;
};

static bool each_hit(void *ctx, const struct sc_symbol *s) {
    struct search *q = ctx;
    q->seen++;
    if (sc_target_cancelled(q->t->target)) {
        q->stopped = true;
        return false;
    }
    struct sc_near n = {.module = q->m->module,
                        .modsyms = q->m,
                        .provider = q->provider,
                        .symbol = *s,
                        .name = sc_symtab_display(q->t, s)};
    n.address = sc_symtab_address(q->t, n.module, s);
    if (!sc_wild_match(q->pattern, n.name) &&
        (n.name == s->name || !sc_wild_match(q->pattern, s->name)))
        return true;
    q->stopped = !q->fn(q->ctx, &n);
    return !q->stopped;
}

/* Everything of one module's first provider that has symbols of these kinds at all. */
static sc_err *search_module(struct search *q, const struct sc_module *module, unsigned kinds) {
    sc_err *err = sc_symtab_load(q->t, module, &q->m);
    q->seen = 0;
    for (size_t i = 0; !err && i < q->m->nproviders && !q->seen; i++) {
        q->provider = q->m->provider[i];
        /* Decorated names hide what the pattern names, so the provider hands out all of them. */
        err = sc_symbols_each(q->provider, NULL, kinds, each_hit, q);
    }
    if (!err && sc_target_cancelled(q->t->target))
        err = sc_err_cancelled();
    return err;
}

sc_err *sc_symtab_each(sc_symtab *symtab, const char *pattern, unsigned kinds, sc_near_fn fn,
                       void *ctx) {
    struct halves h = split(pattern);
    struct search q = {.t = symtab, .pattern = h.name, .fn = fn, .ctx = ctx};
    const struct sc_module *first = first_module(symtab);
    sc_err *err = NULL;
    for (size_t i = 0; !err && !q.stopped && i < symtab->modules->count; i++) {
        const struct sc_module *m = &symtab->modules->item[i];
        if (h.module[0] ? sc_wild_match(h.module, m->name) : m == first || is_loaded(symtab, m))
            err = search_module(&q, m, kinds);
    }
    return err;
}

/* ---- one name ---- */

struct naming {
    sc_symtab *t;
    struct sc_modslot *slot;
    bool nomem, cancelled;
};

static bool put_name(void *ctx, const struct sc_symbol *s) {
    struct naming *n = ctx;
    const char *name = sc_symtab_display(n->t, s);
    uint64_t seen;
    n->cancelled = sc_target_cancelled(n->t->target);
    if (n->cancelled)
        return false;
    if (sc_map_get(&n->slot->by_name, name, &seen)) /* the first one, of the best provider, stays */
        return true;
    n->nomem =
        !sc_map_put(&n->slot->by_name, name, sc_symtab_address(n->t, n->slot->pub.module, s));
    return !n->nomem;
}

/* All names of a module, once: a name that no provider has as such would cost a walk each time. */
static sc_err *make_names(sc_symtab *t, struct sc_modslot *slot) {
    struct naming n = {.t = t, .slot = slot};
    sc_err *err = NULL;
    if (slot->by_name_made)
        return NULL;
    for (size_t i = 0; !err && i < slot->pub.nproviders; i++) {
        err = sc_symtab_pass_over(t, sc_symbols_each(slot->pub.provider[i], NULL,
                                                     SC_SYM_ANY & ~SC_SYM_THREAD, put_name, &n));
        if (!err && n.nomem)
            err = sc_err_nomem();
        if (!err && n.cancelled)
            err = sc_err_cancelled();
    }
    slot->by_name_made = !err;
    if (err)
        sc_map_free(&slot->by_name);
    return err;
}

/* As it is stored, through the providers' own hash tables. */
static sc_err *find_stored(sc_symtab *t, const struct sc_modsyms *m, const char *name,
                           uint64_t *ret_addr, bool *ret_found) {
    for (size_t i = 0; i < m->nproviders; i++) {
        struct sc_symbol s;
        bool found;
        sc_err *err = sc_symbols_find(m->provider[i], name, &s, &found);
        if (err) {
            if ((err = sc_symtab_pass_over(t, err)))
                return err;
        } else if (found && s.kind != SC_SYM_THREAD) {
            *ret_addr = sc_symtab_address(t, m->module, &s);
            *ret_found = true;
            return NULL;
        }
    }
    return NULL;
}

static sc_err *lookup_in(sc_symtab *t, const struct sc_module *module, const char *name,
                         uint64_t *ret_addr, bool *ret_found) {
    const struct sc_modsyms *m;
    sc_err *err = sc_symtab_load(t, module, &m);
    if (!err)
        err = find_stored(t, m, name, ret_addr, ret_found);
    if (err || *ret_found)
        return err;
    struct sc_modslot *slot = sc_symtab_slot(t, module);
    if ((err = make_names(t, slot)))
        return err;
    *ret_found = sc_map_get(&slot->by_name, name, ret_addr);
    return NULL;
}

static sc_err *lookup_anywhere(sc_symtab *t, const char *name, uint64_t *ret_addr,
                               bool *ret_found) {
    const struct sc_module *first = first_module(t);
    sc_err *err = first ? lookup_in(t, first, name, ret_addr, ret_found) : NULL;
    for (size_t i = 0; !err && !*ret_found && i < t->modules->count; i++) {
        const struct sc_module *m = &t->modules->item[i];
        if (m != first && is_loaded(t, m))
            err = lookup_in(t, m, name, ret_addr, ret_found);
    }
    return err;
}

sc_err *sc_symtab_lookup(sc_symtab *symtab, const char *name, uint64_t *ret_addr, bool *ret_found) {
    struct halves h = split(name);
    const struct sc_module *m =
        sc_target_module_named(symtab->target, h.module[0] ? h.module : name);
    uint64_t addr = 0;
    bool found = false;
    sc_err *err = NULL;
    if (m && !h.module[0]) {
        addr = m->base;
        found = true;
    } else if (m) {
        err = lookup_in(symtab, m, h.name, &addr, &found);
    } else if (!h.module[0]) {
        err = lookup_anywhere(symtab, h.name, &addr, &found);
    }
    if (err)
        return err;
    if (found)
        *ret_addr = addr;
    *ret_found = found;
    return NULL;
}

sc_err *sc_symtab_lookup_exact(sc_symtab *symtab, const char *name, uint64_t *ret_addr,
                               bool *ret_found) {
    struct halves h = split(name);
    const struct sc_module *m = sc_target_module_named(symtab->target, h.module);
    const struct sc_modsyms *syms;
    /* C names of x86 are stored behind an underscore. */
    char decorated[256];
    bool found = false, x86 = sc_target_machine(symtab->target)->cpu == SC_CPU_X86;
    uint64_t addr = 0;
    sc_err *err = m ? sc_symtab_load(symtab, m, &syms) : NULL;
    if (m && !err)
        err = find_stored(symtab, syms, h.name, &addr, &found);
    if (m && !err && !found && x86) {
        snprintf(decorated, sizeof decorated, "_%s", h.name);
        err = find_stored(symtab, syms, decorated, &addr, &found);
    }
    if (err)
        return err;
    if (found)
        *ret_addr = addr;
    *ret_found = found;
    return NULL;
}

/* ---- types ---- */

static bool is_layout(sc_symbols *provider) {
    struct sc_symbols_info info;
    sc_symbols_info(provider, &info);
    return !strcmp(info.provider, "layout");
}

/* Is the layout of NAME less than proved for the target's build? */
static bool is_assumed(sc_symtab *t, const char *name) {
    const struct sc_machine *machine = sc_target_machine(t->target);
    enum sc_layout_trust trust;
    return !sc_layouts_trust(machine->cpu, machine->build, name, &trust) ||
           trust != SC_LAYOUT_PROVED;
}

static sc_err *type_in(sc_symtab *t, const struct sc_module *module, const char *name,
                       struct sc_typeref *ret, bool *ret_found) {
    const struct sc_modsyms *m;
    sc_err *err = sc_symtab_load(t, module, &m);
    for (size_t i = 0; !err && i < m->nproviders && !*ret_found; i++) {
        uint32_t id;
        bool found;
        err = sc_symbols_type_named(m->provider[i], name, &id, &found);
        if (err) {
            err = sc_symtab_pass_over(t, err);
        } else if (found) {
            *ret = (struct sc_typeref){.module = module, .provider = m->provider[i], .id = id};
            ret->assumed = is_layout(ret->provider) && is_assumed(t, name);
            *ret_found = true;
        }
    }
    return err;
}

static sc_err *type_anywhere(sc_symtab *t, const char *name, struct sc_typeref *ret,
                             bool *ret_found) {
    const struct sc_module *first = first_module(t);
    sc_err *err = first ? type_in(t, first, name, ret, ret_found) : NULL;
    for (size_t i = 0; !err && !*ret_found && i < t->modules->count; i++) {
        const struct sc_module *m = &t->modules->item[i];
        if (m != first && is_loaded(t, m))
            err = type_in(t, m, name, ret, ret_found);
    }
    return err;
}

sc_err *sc_symtab_type(sc_symtab *symtab, const char *name, struct sc_typeref *ret_type,
                       bool *ret_found) {
    struct halves h = split(name);
    const struct sc_module *m =
        h.module[0] ? sc_target_module_named(symtab->target, h.module) : NULL;
    struct sc_typeref type = {0};
    bool found = false;
    sc_err *err = NULL;
    if (m)
        err = type_in(symtab, m, h.name, &type, &found);
    else if (!h.module[0])
        err = type_anywhere(symtab, h.name, &type, &found);
    if (err)
        return err;
    if (found)
        *ret_type = type;
    *ret_found = found;
    return NULL;
}

struct type_search {
    sc_symtab *t;
    struct sc_typeref ref;
    bool layout;
    sc_typeref_fn fn;
    void *ctx;
    bool stopped;
};

static bool each_type(void *ctx, const struct sc_type *type) {
    struct type_search *q = ctx;
    q->ref.id = type->id;
    q->ref.assumed = q->layout && is_assumed(q->t, type->name);
    if (sc_target_cancelled(q->t->target) || !q->fn(q->ctx, &q->ref, type))
        q->stopped = true;
    return !q->stopped;
}

static sc_err *types_in(struct type_search *q, const struct sc_module *module,
                        const char *pattern) {
    const struct sc_modsyms *m;
    sc_err *err = sc_symtab_load(q->t, module, &m);
    for (size_t i = 0; !err && i < m->nproviders; i++) {
        struct sc_symbols_info info;
        sc_symbols_info(m->provider[i], &info);
        if (!info.has_types)
            continue;
        q->ref = (struct sc_typeref){.module = module, .provider = m->provider[i]};
        q->layout = is_layout(m->provider[i]);
        err = sc_symbols_types(m->provider[i], pattern, each_type, q);
        break;
    }
    if (!err && sc_target_cancelled(q->t->target))
        err = sc_err_cancelled();
    return err;
}

sc_err *sc_symtab_types(sc_symtab *symtab, const char *pattern, sc_typeref_fn fn, void *ctx) {
    struct halves h = split(pattern);
    struct type_search q = {.t = symtab, .fn = fn, .ctx = ctx};
    const struct sc_module *first = first_module(symtab);
    sc_err *err = NULL;
    for (size_t i = 0; !err && !q.stopped && i < symtab->modules->count; i++) {
        const struct sc_module *m = &symtab->modules->item[i];
        if (h.module[0] ? sc_wild_match(h.module, m->name) : m == first)
            err = types_in(&q, m, h.name);
    }
    return err;
}
