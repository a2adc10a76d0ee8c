/* SPDX-License-Identifier: MIT */
/* The symbols of a target: slots parallel to its modules, and look-ups across them. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/vec.h"
#include "stopcode/undecorate.h"
#include "sym/symtab_impl.h"
#include "target/target_impl.h"

const char *sc_symstate_text(enum sc_symstate state) {
    static const char *const text[] = {"deferred",    "pdb symbols",      "private pdb symbols",
                                       "isf symbols", "breakpad symbols", "export symbols",
                                       "no symbols"};
    return (unsigned)state < sizeof text / sizeof *text ? text[state] : "no symbols";
}

/* The caller's own flag and the target's: either one ends a search. */
static bool cancelled(void *ctx) {
    const sc_symtab *t = ctx;
    return sc_target_cancelled(t->target) || (t->cancelled && t->cancelled(t->cancelled_ctx));
}

static sc_err *create_store(sc_symtab *t, const struct sc_store_opts *given) {
    struct sc_store_opts opts = {0};
    if (given)
        memcpy(&opts, given, given->sz < sizeof opts ? given->sz : sizeof opts);
    t->cancelled = opts.cancelled;
    t->cancelled_ctx = opts.cancelled_ctx;
    opts.sz = sizeof opts;
    opts.cancelled = cancelled;
    opts.cancelled_ctx = t;
    return sc_store_create(&opts, &t->store);
}

sc_err *sc_symtab_create(sc_target *target, const struct sc_store_opts *store_opts,
                         sc_symtab **ret_symtab) {
    sc_symtab *t = calloc(1, sizeof *t);
    if (!t)
        return sc_err_nomem();
    t->target = target;
    sc_err *err = sc_target_modules(target, &t->modules);
    if (!err)
        err = create_store(t, store_opts);
    if (!err) {
        t->arena = sc_arena_create();
        t->slot = calloc(t->modules->count + 1, sizeof *t->slot);
        err = t->arena && t->slot ? sc_symimage_register(t) : sc_err_nomem();
    }
    if (err) {
        sc_symtab_destroy(t);
        return err;
    }
    for (size_t i = 0; i < t->modules->count; i++)
        t->slot[i].pub.module = &t->modules->item[i];
    target->symtabs++;
    t->counted = true;
    *ret_symtab = t;
    return NULL;
}

void sc_slot_clear(struct sc_modslot *slot) {
    for (size_t i = 0; i < slot->pub.nproviders; i++)
        sc_symbols_unref(slot->pub.provider[i]);
    const struct sc_module *module = slot->pub.module;
    sc_pe_close(slot->image);
    SC_VEC_FREE(&slot->written);
    sc_map_free(&slot->by_name);
    *slot = (struct sc_modslot){.pub = {.module = module}};
}

void sc_symtab_destroy(sc_symtab *symtab) {
    if (!symtab)
        return;
    sc_symimage_unregister(symtab);
    if (symtab->counted)
        symtab->target->symtabs--;
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

sc_pe *sc_symtab_image(sc_symtab *symtab, const struct sc_module *module) {
    return sc_symtab_slot(symtab, module)->image;
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

bool sc_symtab_is_loading(const sc_symtab *symtab) { return symtab->loading != 0; }

static void forget_near(sc_symtab *t) {
    for (size_t i = 0; i < SC_NEARS; i++)
        t->near[i].is_set = false;
}

void sc_symtab_reload(sc_symtab *symtab, const struct sc_module *module) {
    forget_near(symtab);
    for (size_t i = 0; i < symtab->modules->count; i++)
        if (!module || module == &symtab->modules->item[i])
            sc_slot_clear(&symtab->slot[i]);
    sc_map_free(&symtab->names); /* its keys were the providers' */
}

enum sc_symstate sc_symstate_of(sc_symbols *provider) {
    struct sc_symbols_info info;
    sc_symbols_info(provider, &info);
    if (!strcmp(info.provider, "pdb"))
        return info.has_private ? SC_SYMSTATE_PRIVATE : SC_SYMSTATE_PDB;
    return !strcmp(info.provider, "isf")      ? SC_SYMSTATE_ISF
           : !strcmp(info.provider, "sym")    ? SC_SYMSTATE_SYM
           : !strcmp(info.provider, "export") ? SC_SYMSTATE_EXPORT
                                              : SC_SYMSTATE_NONE;
}

sc_err *sc_slot_add(struct sc_modslot *slot, sc_symbols *own_provider, const char *how,
                    bool first) {
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
    sc_map_free(&slot->by_name); /* it would not know the new one's names */
    slot->by_name_made = false;
    if (at == 0) {
        struct sc_symbols_info info;
        sc_symbols_info(own_provider, &info);
        p->state = sc_symstate_of(own_provider);
        p->path = info.path;
        p->how = how;
    }
    return NULL;
}

sc_err *sc_symtab_add_module(sc_symtab *symtab, const struct sc_module *module) {
    struct sc_modslot *slot = calloc(symtab->modules->count + 2, sizeof *slot);
    if (!slot)
        return sc_err_nomem();
    symtab->target->symtabs--; /* we know; another one does not */
    sc_err *err = sc_target_add_module(symtab->target, module);
    symtab->target->symtabs++;
    if (err) {
        free(slot);
        return err;
    }
    for (size_t i = 0, old = 0; i < symtab->modules->count; i++) {
        const struct sc_module *m = &symtab->modules->item[i];
        bool added = m->record == SC_UNSET64 && m->base == module->base;
        if (!added)
            slot[i] = symtab->slot[old++];
        slot[i].pub.module = m;
    }
    free(symtab->slot);
    symtab->slot = slot;
    forget_near(symtab);
    return NULL;
}

/* Of two processes: is what was loaded for A good for B, too? */
static bool same_image(const struct sc_module *a, const struct sc_module *b) {
    return a->base == b->base && a->size == b->size && a->timestamp == b->timestamp &&
           !strcmp(a->path, b->path);
}

/* What the old list had, while its strings are there: for each of the new ones its old slot. */
struct carried {
    struct sc_module *old; /* in the order of the slots */
    size_t count;
    struct sc_modslot *slot;
};

/* Moves the slots of modules that stay to their new places, and ends the others. */
static void carry(sc_symtab *t, struct carried *c, const bool *stays) {
    size_t at = 0;
    bool dropped = false;
    for (size_t i = 0; i < t->modules->count; i++) {
        const struct sc_module *m = &t->modules->item[i];
        while (at < c->count && c->old[at].base < m->base)
            at++;
        if (at < c->count && c->old[at].base == m->base && stays[at]) {
            c->slot[i] = t->slot[at];
            memset(&t->slot[at], 0, sizeof t->slot[at]);
        }
        c->slot[i].pub.module = m;
    }
    for (size_t i = 0; i < c->count; i++) {
        dropped = dropped || (!stays[i] && t->slot[i].tried);
        sc_slot_clear(&t->slot[i]);
    }
    if (dropped)
        sc_map_free(&t->names); /* its keys were the providers' */
    free(t->slot);
    t->slot = c->slot;
    forget_near(t);
}

/* Which of the old modules MODULES (or the kernel) have, too. */
static void find_staying(const struct sc_modules *old, const struct sc_module *modules,
                         size_t count, bool *stays) {
    for (size_t i = 0; i < old->count; i++) {
        stays[i] = !old->item[i].user;
        for (size_t k = 0; k < count && !stays[i]; k++)
            stays[i] = modules[k].path && same_image(&old->item[i], &modules[k]);
    }
}

sc_err *sc_symtab_set_user_modules(sc_symtab *symtab, const struct sc_module *modules, size_t count,
                                   size_t *ret_left_out) {
    size_t n = symtab->modules->count;
    struct carried c = {.count = n};
    bool *stays = calloc(n + 1, sizeof *stays);
    c.old = calloc(n + 1, sizeof *c.old);
    c.slot = calloc(n + count + 1, sizeof *c.slot);
    sc_err *err = stays && c.old && c.slot ? NULL : sc_err_nomem();
    if (!err) {
        if (n)
            memcpy(c.old, symtab->modules->item, n * sizeof *c.old);
        find_staying(symtab->modules, modules, count, stays);
        symtab->target->symtabs--; /* we know; another one does not */
        err = sc_target_set_user_modules(symtab->target, modules, count, ret_left_out);
        symtab->target->symtabs++;
    }
    if (!err)
        carry(symtab, &c, stays);
    else
        free(c.slot);
    free(c.old);
    free(stays);
    return err;
}

sc_err *sc_symtab_attach(sc_symtab *symtab, const struct sc_module *module, sc_symbols *provider,
                         const char *how) {
    struct sc_modslot *slot = sc_symtab_slot(symtab, module);
    char *kept = how ? sc_arena_strdup(symtab->arena, how) : NULL;
    if (how && !kept)
        return sc_err_nomem();
    forget_near(symtab);
    sc_err *err = slot->tried ? NULL : sc_symload_layouts(symtab, slot);
    if (!err)
        err = sc_slot_add(slot, sc_symbols_ref(provider), kept, true);
    if (!err)
        slot->tried = true;
    else if (!slot->tried)
        sc_slot_clear(slot);
    return err;
}

const char *sc_symtab_display(sc_symtab *t, const struct sc_symbol *symbol) {
    /* x86 decorates C names too, but only where the linker sees them. */
    bool c = sc_target_machine(t->target)->cpu == SC_CPU_X86 && symbol->kind == SC_SYM_PUBLIC;
    if (symbol->name[0] != '?' && !c)
        return symbol->name;
    uint64_t key = (uintptr_t)symbol->name, known;
    if (sc_map_get_number(&t->names, key, &known))
        return (const char *)(uintptr_t)known;
    char buf[SC_UNDECORATE_BUF];
    enum sc_undecorated how = SC_UNDECORATED_PLAIN;
    sc_err *err = sc_undecorate(symbol->name, SC_UNDECORATE_NAME_ONLY | (c ? SC_UNDECORATE_C : 0),
                                buf, sizeof buf, &how);
    const char *name = symbol->name;
    if (!err && how == SC_UNDECORATED_DONE)
        name = sc_arena_strdup(t->arena, buf);
    if (!err && (!name || !sc_map_put_number(&t->names, key, (uintptr_t)name)))
        err = sc_err_nomem();
    sc_symtab_swallow(t, err);
    return name ? name : symbol->name;
}

bool sc_symtab_ends_search(const sc_err *err) {
    return sc_err_code(err) == SC_ERR_NOMEM || sc_err_code(err) == SC_ERR_CANCELLED;
}

sc_err *sc_symtab_pass_over(sc_symtab *symtab, sc_err *own_err) {
    if (sc_err_code(own_err) != SC_ERR_FORMAT)
        return own_err;
    sc_target_log(symtab->target, SC_LOG_WARN, "%s", sc_err_text(own_err));
    sc_err_destroy(own_err);
    return NULL;
}

void sc_symtab_swallow(sc_symtab *symtab, sc_err *own_err) {
    if (sc_err_code(own_err) == SC_ERR_NOMEM)
        sc_target_set_nomem(symtab->target);
    else if (own_err)
        sc_target_log(symtab->target, SC_LOG_DEBUG, "%s", sc_err_text(own_err));
    sc_err_destroy(own_err);
}

uint64_t sc_symtab_address(const sc_symtab *symtab, const struct sc_module *module,
                           const struct sc_symbol *symbol) {
    if (symbol->kind == SC_SYM_CONSTANT)
        return symbol->value;
    if (symbol->kind == SC_SYM_THREAD)
        return symbol->rva;
    return sc_space_canon(sc_target_space(symtab->target), module->base + symbol->rva);
}

static void fill(sc_symtab *t, const struct sc_modsyms *m, sc_symbols *provider,
                 const struct sc_symbol *symbol, uint64_t asked, struct sc_near *ret) {
    *ret = (struct sc_near){.module = m->module,
                            .modsyms = m,
                            .provider = provider,
                            .symbol = *symbol,
                            .name = sc_symtab_display(t, symbol),
                            .address = sc_symtab_address(t, m->module, symbol)};
    ret->displacement = asked - ret->address;
    if (symbol->reordered && sc_target_ptr_size(t->target) == 4)
        ret->displacement = symbol->behind;
}

enum { ADDRESS_KINDS = SC_SYM_ANY & ~(SC_SYM_CONSTANT | SC_SYM_THREAD) };

/* The module of ADDR and its symbols; *RET_RVA. Both NULL: no module, or too far in for an RVA. */
static sc_err *locate(sc_symtab *t, uint64_t addr, const struct sc_module **ret_module,
                      const struct sc_modsyms **ret_modsyms, uint32_t *ret_rva) {
    const struct sc_module *module = sc_target_module_at(t->target, addr);
    *ret_module = module;
    *ret_modsyms = NULL;
    if (!module || addr - module->base > UINT32_MAX)
        return NULL;
    *ret_rva = (uint32_t)(addr - module->base);
    return sc_symtab_load(t, module, ret_modsyms);
}

/* One provider's answer; a damaged one has none. */
static sc_err *ask(sc_symtab *t, sc_symbols *provider, uint32_t rva, struct sc_symbol *ret,
                   bool *ret_found) {
    sc_err *err = sc_symbols_nearest(provider, rva, ADDRESS_KINDS, ret, ret_found);
    if (!err)
        return NULL;
    *ret_found = false;
    return sc_symtab_pass_over(t, err);
}

/*
 * The best of a module's providers: the one whose symbol covers the address by its size, else the
 * nearest start; of equals, the earlier provider.
 */
static sc_err *find_near(sc_symtab *symtab, uint64_t addr, struct sc_near *ret_near,
                         bool *ret_found) {
    struct sc_symbol best = {0};
    sc_symbols *from = NULL;
    const struct sc_module *module;
    const struct sc_modsyms *m;
    uint32_t rva = 0;
    bool covers = false;
    sc_err *err = locate(symtab, addr, &module, &m, &rva);
    for (size_t i = 0; !err && m && i < m->nproviders && !covers; i++) {
        struct sc_symbol s;
        bool found;
        err = ask(symtab, m->provider[i], rva, &s, &found);
        if (err || !found)
            continue;
        covers = s.size && rva - s.rva < s.size;
        if (!from || covers || s.rva > best.rva) {
            best = s;
            from = m->provider[i];
        }
    }
    if (err)
        return err;
    *ret_near = (struct sc_near){.module = module, .modsyms = m};
    if (from)
        fill(symtab, m, from, &best, addr, ret_near);
    *ret_found = from != NULL;
    return NULL;
}

sc_err *sc_symtab_near(sc_symtab *symtab, uint64_t addr, struct sc_near *ret_near,
                       bool *ret_found) {
    struct sc_near_answer *a = &symtab->near[(addr ^ addr >> 6 ^ addr >> 12) % SC_NEARS];
    if (a->is_set && a->addr == addr) {
        *ret_near = a->near;
        *ret_found = true;
        return NULL;
    }
    sc_err *err = find_near(symtab, addr, ret_near, ret_found);
    if (!err && *ret_found)
        *a = (struct sc_near_answer){true, addr, *ret_near};
    return err;
}

/*
 * The first start in (RVA, LIMIT) that one provider has. Providers only answer "at or before", so
 * it is closed in upon: by steps that double until something starts inside (mostly soon: most
 * symbols have a near neighbour), then by halves. At most some 64 questions, whatever the table.
 */
static sc_err *first_behind(sc_symtab *t, sc_symbols *provider, uint32_t rva, uint64_t limit,
                            struct sc_symbol *ret, bool *ret_found) {
    uint64_t lo = rva, hi = 0,
             step = 16; /* nothing starts in (rva, lo]; a symbol does in (lo, hi] */
    while (hi ? hi - lo > 1 : lo + 1 < limit) {
        uint64_t at = hi ? lo + (hi - lo) / 2 : rva + step < limit ? rva + step : limit - 1;
        struct sc_symbol s;
        bool found;
        sc_err *err = ask(t, provider, (uint32_t)at, &s, &found);
        if (err)
            return err;
        step *= 2;
        if (!found || s.rva <= rva || s.rva > at) {
            lo = at;
            continue;
        }
        hi = s.rva > lo ? s.rva : at;
        if (!*ret_found || s.rva < ret->rva) {
            *ret = s;
            *ret_found = true;
        }
    }
    return NULL;
}

sc_err *sc_symtab_next(sc_symtab *symtab, uint64_t addr, struct sc_near *ret_near,
                       bool *ret_found) {
    struct sc_symbol best = {0};
    sc_symbols *from = NULL;
    const struct sc_module *module;
    const struct sc_modsyms *m;
    uint32_t rva = 0;
    sc_err *err = locate(symtab, addr, &module, &m, &rva);
    for (size_t i = 0; !err && m && i < m->nproviders; i++) {
        uint64_t limit = module->size - 1 > UINT32_MAX ? 1ull << 32 : module->size;
        struct sc_symbol s;
        bool found = false;
        err = first_behind(symtab, m->provider[i], rva, limit, &s, &found);
        if (!err && found && (!from || s.rva < best.rva)) {
            best = s;
            from = m->provider[i];
        }
    }
    if (err)
        return err;
    *ret_near = (struct sc_near){.module = module, .modsyms = m};
    if (from)
        fill(symtab, m, from, &best, addr, ret_near);
    *ret_found = from != NULL;
    return NULL;
}

/* "+0x12", and as WinDbg writes more than 32 bits: "+0xffffffff`fffe3ae9". */
static void put_displacement(char *buf, size_t size, uint64_t d) {
    if (d >> 32)
        snprintf(buf, size, "+0x%" PRIx32 "`%08" PRIx32, (uint32_t)(d >> 32), (uint32_t)d);
    else if (d)
        snprintf(buf, size, "+0x%" PRIx32, (uint32_t)d);
    else
        buf[0] = 0;
}

/* "module!name" in ROOM bytes; dots in the place of what does not fit, whole characters before. */
static size_t put_name(char *buf, size_t room, const char *module, const char *name) {
    int n = snprintf(buf, room, name ? "%s!%s" : "%s", module, name);
    if (n >= 0 && (size_t)n < room)
        return (size_t)n;
    size_t at = room - 4;
    while (at && ((unsigned char)buf[at] & 0xc0) == 0x80)
        at--;
    memcpy(buf + at, "...", 4);
    return at + 3;
}

const char *sc_symtab_text(sc_symtab *symtab, uint64_t addr, char *buf, size_t size) {
    struct sc_near n = {0};
    bool found = false;
    char tail[32];
    sc_err *err = sc_symtab_near(symtab, addr, &n, &found);
    if (err) {
        n.module = sc_target_module_at(symtab->target, addr);
        sc_symtab_swallow(symtab, err);
    }
    if (!n.module)
        return NULL;
    put_displacement(tail, sizeof tail, found ? n.displacement : addr - n.module->base);
    size_t at = put_name(buf, size - strlen(tail), n.module->name, found ? n.name : NULL);
    memcpy(buf + at, tail, strlen(tail) + 1);
    return buf;
}

sc_err *sc_symtab_line(sc_symtab *symtab, uint64_t addr, struct sc_line *ret_line,
                       bool *ret_found) {
    const struct sc_module *module;
    const struct sc_modsyms *m;
    struct sc_line line;
    uint32_t rva = 0;
    bool found = false;
    sc_err *err = locate(symtab, addr, &module, &m, &rva);
    for (size_t i = 0; !err && m && i < m->nproviders && !found; i++) {
        err = sc_symbols_line(m->provider[i], rva, &line, &found);
        if (err) {
            found = false;
            err = sc_symtab_pass_over(symtab, err);
        }
    }
    if (err)
        return err;
    if (found)
        *ret_line = line;
    *ret_found = found;
    return NULL;
}
