/* SPDX-License-Identifier: MIT */
/* Symbols and types by name: `module!name`, wildcards, and names without a module. */
#include <stdlib.h>
#include <string.h>

#include "base/utf.h"
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

/* Which modules a name without a module is looked up in first: the kernel or the executable. */
static const struct sc_module *first_module(sc_symtab *t) {
    const struct sc_module *nt = sc_target_module_named(t->target, "nt");
    if (nt || !t->modules->count)
        return nt;
    const struct sc_source *source = sc_target_source(t->target);
    (void)source;
    return &t->modules->item[0];
}

static bool spells(const struct sc_near *n, const char *name) {
    return !strcmp(n->name, name) || !strcmp(n->symbol.name, name);
}

struct search {
    sc_symtab *t;
    const struct sc_modsyms *m;
    sc_symbols *provider;
    const char *pattern, *exact; /* one of them */
    sc_near_fn fn;
    void *ctx;
    bool stopped;
};

static bool each_hit(void *ctx, const struct sc_symbol *s) {
    struct search *q = ctx;
    struct sc_near n = {.module = q->m->module,
                        .modsyms = q->m,
                        .provider = q->provider,
                        .symbol = *s,
                        .address = q->m->module->base + s->rva};
    n.name = sc_symtab_display(q->t, s->name);
    if (q->exact ? !spells(&n, q->exact)
                 : q->pattern && !sc_wild_match(q->pattern, n.name) &&
                       !sc_wild_match(q->pattern, s->name))
        return true;
    if (sc_target_cancelled(q->t->target) || !q->fn(q->ctx, &n))
        q->stopped = true;
    return !q->stopped;
}

/* Everything of one module's first provider that has symbols at all. */
static sc_err *search_module(struct search *q, const struct sc_module *module, unsigned kinds) {
    sc_err *err = sc_symtab_load(q->t, module, &q->m);
    if (err || !q->m->nproviders)
        return err;
    q->provider = q->m->provider[0];
    /* Decorated names hide what the pattern names, so the provider hands out all of them. */
    err = sc_symbols_each(q->provider, NULL, kinds, each_hit, q);
    if (!err && sc_target_cancelled(q->t->target))
        err = sc_err_cancelled();
    return err;
}

sc_err *sc_symtab_each(sc_symtab *symtab, const char *pattern, unsigned kinds, sc_near_fn fn,
                       void *ctx) {
    struct halves h = split(pattern);
    struct search q = {.t = symtab, .pattern = h.name, .fn = fn, .ctx = ctx};
    sc_err *err = NULL;
    for (size_t i = 0; !err && !q.stopped && i < symtab->modules->count; i++) {
        const struct sc_module *m = &symtab->modules->item[i];
        if (h.module[0] ? sc_wild_match(h.module, m->name)
                        : sc_symtab_peek(symtab, m)->nproviders > 0 || m == first_module(symtab))
            err = search_module(&q, m, kinds);
    }
    return err;
}

static bool take_first(void *ctx, const struct sc_near *n) {
    *(struct sc_near *)ctx = *n;
    return false;
}

/* Exact name through the provider's hash; an undecorated one by going through all. */
static sc_err *lookup_in(sc_symtab *t, const struct sc_module *module, const char *name,
                         uint64_t *ret_addr, bool *ret_found) {
    const struct sc_modsyms *m;
    sc_err *err = sc_symtab_load(t, module, &m);
    for (size_t i = 0; !err && i < m->nproviders && !*ret_found; i++) {
        struct sc_symbol s;
        err = sc_symbols_find(m->provider[i], name, &s, ret_found);
        if (!err && *ret_found)
            *ret_addr = s.kind == SC_SYM_CONSTANT ? s.value : module->base + s.rva;
    }
    if (err || *ret_found)
        return err;
    struct sc_near hit = {0};
    struct search q = {.t = t, .exact = name, .fn = take_first, .ctx = &hit};
    err = search_module(&q, module, SC_SYM_ANY);
    if (!err && hit.module) {
        *ret_addr = hit.address;
        *ret_found = true;
    }
    return err;
}

sc_err *sc_symtab_lookup(sc_symtab *symtab, const char *name, uint64_t *ret_addr, bool *ret_found) {
    *ret_found = false;
    struct halves h = split(name);
    const struct sc_module *m;
    if (h.module[0]) {
        m = sc_target_module_named(symtab->target, h.module);
        return m ? lookup_in(symtab, m, h.name, ret_addr, ret_found) : NULL;
    }
    m = sc_target_module_named(symtab->target, name);
    if (m) {
        *ret_addr = m->base;
        *ret_found = true;
        return NULL;
    }
    const struct sc_module *first = first_module(symtab);
    sc_err *err = first ? lookup_in(symtab, first, name, ret_addr, ret_found) : NULL;
    for (size_t i = 0; !err && !*ret_found && i < symtab->modules->count; i++) {
        m = &symtab->modules->item[i];
        if (m != first && sc_symtab_peek(symtab, m)->nproviders)
            err = lookup_in(symtab, m, name, ret_addr, ret_found);
    }
    return err;
}

static sc_err *type_in(sc_symtab *t, const struct sc_module *module, const char *name,
                       struct sc_typeref *ret, bool *ret_found) {
    const struct sc_modsyms *m;
    sc_err *err = sc_symtab_load(t, module, &m);
    for (size_t i = 0; !err && i < m->nproviders && !*ret_found; i++) {
        uint32_t id;
        err = sc_symbols_type_named(m->provider[i], name, &id, ret_found);
        if (!err && *ret_found)
            *ret = (struct sc_typeref){.module = module, .provider = m->provider[i], .id = id};
    }
    return err;
}

sc_err *sc_symtab_type(sc_symtab *symtab, const char *name, struct sc_typeref *ret_type,
                       bool *ret_found) {
    *ret_found = false;
    struct halves h = split(name);
    if (h.module[0]) {
        const struct sc_module *m = sc_target_module_named(symtab->target, h.module);
        return m ? type_in(symtab, m, h.name, ret_type, ret_found) : NULL;
    }
    const struct sc_module *first = first_module(symtab);
    sc_err *err = first ? type_in(symtab, first, name, ret_type, ret_found) : NULL;
    for (size_t i = 0; !err && !*ret_found && i < symtab->modules->count; i++) {
        const struct sc_module *m = &symtab->modules->item[i];
        if (m != first && sc_symtab_peek(symtab, m)->nproviders)
            err = type_in(symtab, m, name, ret_type, ret_found);
    }
    return err;
}

struct type_search {
    sc_symtab *t;
    struct sc_typeref ref;
    sc_typeref_fn fn;
    void *ctx;
    bool stopped;
};

static bool each_type(void *ctx, const struct sc_type *type) {
    struct type_search *q = ctx;
    q->ref.id = type->id;
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
        return sc_symbols_types(m->provider[i], pattern, each_type, q);
    }
    return err;
}

sc_err *sc_symtab_types(sc_symtab *symtab, const char *pattern, sc_typeref_fn fn, void *ctx) {
    struct halves h = split(pattern);
    struct type_search q = {.t = symtab, .fn = fn, .ctx = ctx};
    sc_err *err = NULL;
    for (size_t i = 0; !err && !q.stopped && i < symtab->modules->count; i++) {
        const struct sc_module *m = &symtab->modules->item[i];
        if (h.module[0] ? sc_wild_match(h.module, m->name) : m == first_module(symtab))
            err = types_in(&q, m, h.name);
    }
    return err;
}
