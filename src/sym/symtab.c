/* SPDX-License-Identifier: MIT */
/* The symbols of a target: slots parallel to its modules, and look-ups across them. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf.h"
#include "base/vec.h"
#include "sym/symtab_impl.h"

const char *sc_symstate_text(enum sc_symstate state) {
    static const char *const text[] = {"deferred",    "pdb symbols",      "private pdb symbols",
                                       "isf symbols", "breakpad symbols", "export symbols",
                                       "no symbols"};
    return (unsigned)state < sizeof text / sizeof *text ? text[state] : "no symbols";
}

static bool target_cancelled(void *ctx) { return sc_target_cancelled(ctx); }

sc_err *sc_symtab_create(sc_target *target, const struct sc_store_opts *store_opts,
                         sc_symtab **ret_symtab) {
    sc_symtab *t = calloc(1, sizeof *t);
    if (!t)
        return sc_err_nomem();
    t->target = target;
    struct sc_store_opts opts = {.sz = sizeof opts};
    if (store_opts)
        opts = *store_opts;
    if (!opts.cancelled) {
        opts.cancelled = target_cancelled;
        opts.cancelled_ctx = target;
    }
    sc_err *err = sc_target_modules(target, &t->modules);
    if (!err)
        err = sc_store_create(&opts, &t->store);
    if (!err) {
        t->arena = sc_arena_create();
        t->slot = calloc(t->modules->count + 1, sizeof *t->slot);
        if (!t->arena || !t->slot)
            err = sc_err_nomem();
    }
    if (err) {
        sc_symtab_destroy(t);
        return err;
    }
    for (size_t i = 0; i < t->modules->count; i++)
        t->slot[i].pub.module = &t->modules->item[i];
    *ret_symtab = t;
    return NULL;
}

void sc_slot_clear(struct sc_modslot *slot) {
    for (size_t i = 0; i < slot->pub.nproviders; i++)
        sc_symbols_unref(slot->pub.provider[i]);
    const struct sc_module *module = slot->pub.module;
    sc_pe_close(slot->image);
    sc_file_close(slot->image_file);
    *slot = (struct sc_modslot){.pub = {.module = module}};
}

void sc_symtab_destroy(sc_symtab *symtab) {
    if (!symtab)
        return;
    for (size_t i = 0; symtab->slot && i < symtab->modules->count; i++)
        sc_slot_clear(&symtab->slot[i]);
    sc_store_destroy(symtab->store);
    sc_map_free(&symtab->names);
    sc_arena_destroy(symtab->arena);
    free(symtab->slot);
    free(symtab);
}

sc_store *sc_symtab_store(sc_symtab *symtab) { return symtab->store; }

struct sc_modslot *sc_symtab_slot(sc_symtab *symtab, const struct sc_module *module) {
    return &symtab->slot[module - symtab->modules->item];
}

const struct sc_modsyms *sc_symtab_peek(sc_symtab *symtab, const struct sc_module *module) {
    return &sc_symtab_slot(symtab, module)->pub;
}

sc_err *sc_symtab_load(sc_symtab *symtab, const struct sc_module *module,
                       const struct sc_modsyms **ret_modsyms) {
    struct sc_modslot *slot = sc_symtab_slot(symtab, module);
    if (!slot->tried) {
        sc_err *err = sc_symload(symtab, slot);
        if (err)
            return err;
        slot->tried = true;
    }
    *ret_modsyms = &slot->pub;
    return NULL;
}

void sc_symtab_reload(sc_symtab *symtab, const struct sc_module *module) {
    for (size_t i = 0; i < symtab->modules->count; i++)
        if (!module || module == &symtab->modules->item[i])
            sc_slot_clear(&symtab->slot[i]);
}

sc_err *sc_slot_add(struct sc_modslot *slot, sc_symbols *own_provider, enum sc_symstate state,
                    const char *how, bool first) {
    struct sc_modsyms *p = &slot->pub;
    if (p->nproviders == SC_PROVIDERS_MAX) {
        sc_symbols_unref(own_provider);
        return sc_errf(SC_ERR_LIMIT, "%s: more than %d providers of symbols", p->module->name,
                       SC_PROVIDERS_MAX);
    }
    size_t at = first ? 0 : p->nproviders;
    memmove(&p->provider[at + 1], &p->provider[at], (p->nproviders - at) * sizeof *p->provider);
    p->provider[at] = own_provider;
    p->nproviders++;
    if (at == 0) {
        struct sc_symbols_info info;
        sc_symbols_info(own_provider, &info);
        p->state = state;
        p->path = info.path;
        p->how = how;
    }
    return NULL;
}

static enum sc_symstate state_of(sc_symbols *provider) {
    struct sc_symbols_info info;
    sc_symbols_info(provider, &info);
    if (!strcmp(info.provider, "pdb"))
        return info.has_private ? SC_SYMSTATE_PRIVATE : SC_SYMSTATE_PDB;
    return !strcmp(info.provider, "isf")      ? SC_SYMSTATE_ISF
           : !strcmp(info.provider, "sym")    ? SC_SYMSTATE_SYM
           : !strcmp(info.provider, "export") ? SC_SYMSTATE_EXPORT
                                              : SC_SYMSTATE_NONE;
}

sc_err *sc_symtab_attach(sc_symtab *symtab, const struct sc_module *module, sc_symbols *provider,
                         const char *how) {
    struct sc_modslot *slot = sc_symtab_slot(symtab, module);
    char *kept = sc_arena_strdup(symtab->arena, how);
    if (!kept)
        return sc_err_nomem();
    sc_err *err = sc_slot_add(slot, sc_symbols_ref(provider), state_of(provider), kept, true);
    if (!err)
        slot->tried = true;
    return err;
}

const char *sc_symtab_display(sc_symtab *t, const char *name) {
    (void)t;
    return name;
}

static void fill(sc_symtab *t, const struct sc_modsyms *m, sc_symbols *provider,
                 const struct sc_symbol *symbol, uint64_t asked, struct sc_near *ret) {
    *ret = (struct sc_near){.module = m->module,
                            .modsyms = m,
                            .provider = provider,
                            .symbol = *symbol,
                            .name = sc_symtab_display(t, symbol->name),
                            .address = m->module->base + symbol->rva};
    ret->displacement = asked - ret->address;
}

enum { ADDRESS_KINDS = SC_SYM_ANY & ~(SC_SYM_CONSTANT | SC_SYM_THREAD) };

/*
 * The best of a module's providers: the one whose symbol covers the address by its size, else the
 * nearest start; of equals, the earlier provider.
 */
sc_err *sc_symtab_near(sc_symtab *symtab, uint64_t addr, struct sc_near *ret_near,
                       bool *ret_found) {
    *ret_found = false;
    *ret_near = (struct sc_near){0};
    const struct sc_module *module = sc_target_module_at(symtab->target, addr);
    if (!module)
        return NULL;
    ret_near->module = module;
    const struct sc_modsyms *m;
    sc_err *err = sc_symtab_load(symtab, module, &m);
    uint32_t rva = (uint32_t)(addr - module->base);
    for (size_t i = 0; !err && i < m->nproviders; i++) {
        struct sc_symbol s;
        bool found;
        err = sc_symbols_nearest(m->provider[i], rva, ADDRESS_KINDS, &s, &found);
        if (err && sc_err_code(err) == SC_ERR_FORMAT) { /* damaged: the next one may know */
            sc_target_log(symtab->target, SC_LOG_WARN, "%s", sc_err_text(err));
            sc_err_destroy(err);
            err = NULL;
            continue;
        }
        if (err || !found)
            continue;
        bool covers = s.size && rva - s.rva < s.size;
        if (!*ret_found || covers || s.rva > ret_near->symbol.rva) {
            fill(symtab, m, m->provider[i], &s, addr, ret_near);
            *ret_found = true;
        }
        if (covers)
            break;
    }
    return err;
}

/* Nearest start behind RVA, by halving: providers only answer "at or before". */
struct behind {
    uint32_t rva;
    struct sc_symbol best;
    bool found;
};

static bool keep_behind(void *ctx, const struct sc_symbol *s) {
    struct behind *b = ctx;
    if (s->rva > b->rva && (!b->found || s->rva < b->best.rva)) {
        b->best = *s;
        b->found = true;
    }
    return true;
}

sc_err *sc_symtab_next(sc_symtab *symtab, uint64_t addr, struct sc_near *ret_near,
                       bool *ret_found) {
    *ret_found = false;
    const struct sc_module *module = sc_target_module_at(symtab->target, addr);
    if (!module)
        return NULL;
    const struct sc_modsyms *m;
    sc_err *err = sc_symtab_load(symtab, module, &m);
    if (err || !m->nproviders)
        return err;
    struct behind b = {.rva = (uint32_t)(addr - module->base)};
    uint64_t limit = module->size;
    /* Steps that double: most symbols have a neighbour nearby, and each try is a binary search. */
    for (uint64_t step = 16; !b.found && b.rva + step / 2 < limit; step *= 2) {
        uint64_t at = b.rva + step < limit ? b.rva + step : limit - 1;
        for (;;) { /* back down to the first start behind the address */
            struct sc_symbol s;
            bool found;
            err = sc_symbols_nearest(m->provider[0], (uint32_t)at, ADDRESS_KINDS, &s, &found);
            if (err)
                return err;
            if (!found || s.rva <= b.rva)
                break;
            keep_behind(&b, &s);
            at = s.rva - 1;
        }
    }
    if (b.found) {
        fill(symtab, m, m->provider[0], &b.best, addr, ret_near);
        *ret_found = true;
    }
    return NULL;
}

const char *sc_symtab_text(sc_symtab *symtab, uint64_t addr, char *buf, size_t size) {
    struct sc_near n;
    bool found;
    sc_err *err = sc_symtab_near(symtab, addr, &n, &found);
    sc_err_destroy(err);
    if (err || !n.module)
        return NULL;
    if (!found) {
        uint64_t off = addr - n.module->base;
        snprintf(buf, size, off ? "%s+0x%" PRIx64 : "%s", n.module->name, off);
    } else if (n.displacement) {
        snprintf(buf, size, "%s!%s+0x%" PRIx64, n.module->name, n.name, n.displacement);
    } else {
        snprintf(buf, size, "%s!%s", n.module->name, n.name);
    }
    return buf;
}

sc_err *sc_symtab_line(sc_symtab *symtab, uint64_t addr, struct sc_line *ret_line,
                       bool *ret_found) {
    *ret_found = false;
    const struct sc_module *module = sc_target_module_at(symtab->target, addr);
    const struct sc_modsyms *m = NULL;
    sc_err *err = module ? sc_symtab_load(symtab, module, &m) : NULL;
    for (size_t i = 0; !err && m && i < m->nproviders && !*ret_found; i++)
        err = sc_symbols_line(m->provider[i], (uint32_t)(addr - module->base), ret_line, ret_found);
    return err;
}
